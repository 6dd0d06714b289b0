"""R13: 64 descriptors, no more memory, no more threads. New clients are refused and E goes on, or the daemon ends and starts clean.

MemoryMax of a service needs cgroups and belongs to the booted tier; here the address space is limited (RLIMIT_AS), which is the harder
case: allocations fail in the middle of anything, where a cgroup would kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.reliability.figures import Figure, Share
from tests.reliability.station import Heart, Station, daemon, station

SOURCE = Path(__file__).with_name("no_threads.c")
DESCRIPTORS, CLIENTS = 64, 150
HELD_S = 5.0
MEMORY_S, ROOM_BYTES = 10.0, 1 << 20
FIRST_THREADS = 8  # the daemon makes fewer at its start
ENDS_WITHIN_S, READY_S = 30.0, 5.0
NOTED = "u1/STALE"
NOTE = {"key": NOTED, "text": "kept over the limits"}


@dataclass(slots=True)
class Fared:
    """What became of the daemons."""

    hearts: dict[str, Heart] = field(default_factory=dict)
    went_on: int = 0
    ended: int = 0
    hung: list[str] = field(default_factory=list)
    not_clean: list[str] = field(default_factory=list)


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R13."""
    fared = Fared()
    for _ in range(share.of(1, 10)):
        asyncio.run(every_limit(fared))
    sys.stdout.write(f"{fared}\n")
    yield Figure("cases", fared.went_on + fared.ended, least=3)
    yield Figure("went_on", fared.went_on)
    yield Figure("ended_and_started_clean", fared.ended - len(fared.not_clean))
    yield Figure("hung", len(fared.hung), most=0)
    yield Figure("not_clean", len(fared.not_clean), most=0)
    for name, heart in fared.hearts.items():
        yield from heart.figures(f"{name}_")


async def every_limit(fared: Fared) -> None:
    """Meet each limit once."""
    with tempfile.TemporaryDirectory() as name:
        await descriptors(Path(name), fared)
    with tempfile.TemporaryDirectory() as name:
        await memory(Path(name), fared)
    with tempfile.TemporaryDirectory() as name:
        library = built(Path(name))
        home = Path(name, "later")
        home.mkdir()
        await no_thread_later(home, library, fared)
        for made in range(FIRST_THREADS):
            home = Path(name, f"first-{made}")
            home.mkdir()
            await no_thread_at_first(home, library, made, fared)


def built(directory: Path) -> Path:
    """Compile what takes threads away."""
    library = directory / "no_threads.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


# ---------------------------------------------------------------------- descriptors


async def descriptors(home: Path, fared: Fared) -> None:
    """Let more clients come than there are descriptors."""
    limit = (DESCRIPTORS, DESCRIPTORS)
    async with station(home, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit)) as running:
        await running.call("io.stationd.Alarm.AddNote", NOTE)
        page = urlsplit(json.loads((home / "ports.json").read_text())["metrics"])
        await asyncio.sleep(HELD_S / 2)
        before = len(running.questions())
        async with crowd(home, str(page.hostname), int(page.port or 80)):
            await asyncio.sleep(HELD_S)
            asked = len(running.questions()) - before
        if asked < HELD_S - 1.0:
            fared.not_clean.append(f"of {HELD_S} questions {asked} were asked without descriptors")
        await running.alarms()  # let in again
        fared.went_on += 1
        await running.begin_heart()
        await asyncio.sleep(HELD_S)
        fared.hearts["descriptors"] = await running.heart()


@contextlib.asynccontextmanager
async def crowd(home: Path, host: str, port: int) -> AsyncIterator[None]:
    """Be many clients of both doors, who say nothing."""
    writers: list[asyncio.StreamWriter] = []
    try:
        for number in range(CLIENTS):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.2):
                    opened = asyncio.open_unix_connection(str(home / "io.stationd")) if number % 2 else asyncio.open_connection(host, port)
                    writers.append((await opened)[1])
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


# ---------------------------------------------------------------------- memory


async def memory(home: Path, fared: Fared) -> None:
    """Leave no room to grow while it is asked for much; it goes on, or ends and starts clean."""
    async with station(home) as running:
        await running.call("io.stationd.Alarm.AddNote", NOTE)
        await running.begin_heart()
        limit = address_space(running.process.pid) + ROOM_BYTES
        resource.prlimit(running.process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        asking = [asyncio.create_task(ask_for_much(running)) for _ in range(20)]
        await asyncio.wait([asyncio.create_task(running.process.wait())], timeout=MEMORY_S)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        if running.process.returncode is None:
            resource.prlimit(running.process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await running.alarms()
            fared.hearts["memory"] = await running.heart()
            fared.went_on += 1
            return
    await started_clean(home, fared, "memory")


def address_space(pid: int) -> int:
    """Return the size of a process's address space in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


async def ask_for_much(running: Station) -> None:
    """Ask for pages and lists, for ever."""
    while True:
        with contextlib.suppress(Exception):
            await running.page()
            await running.alarms("all")
        await asyncio.sleep(0.05)


# ---------------------------------------------------------------------- threads


async def no_thread_later(home: Path, library: Path, fared: Fared) -> None:
    """Take the threads away from a daemon that runs."""
    switch = home / "no-threads"
    async with station(home, environment={"LD_PRELOAD": str(library), "NO_THREADS_WHILE": str(switch)}) as running:
        await running.call("io.stationd.Alarm.AddNote", NOTE)
        await running.begin_heart()
        switch.touch()
        asking = [asyncio.create_task(ask_for_much(running)) for _ in range(20)]
        await asyncio.sleep(MEMORY_S)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        switch.unlink()
        if running.process.returncode is not None:
            await started_clean(home, fared, "threads")
            return
        await running.page()
        fared.hearts["threads"] = await running.heart()
        fared.went_on += 1


async def no_thread_at_first(home: Path, library: Path, made: int, fared: Fared) -> None:
    """Start it where only so many threads can be made: it runs, or it ends by itself with a status that is not 0."""
    environment = {"LD_PRELOAD": str(library), "NO_THREADS_AFTER": str(made)}
    try:
        async with asyncio.timeout(ENDS_WITHIN_S), station(home, environment=environment) as running:
            await running.begin_heart()
            fared.went_on += 1
            return
    except AssertionError as ended:  # it has ended, as station says
        if "has ended with 0" in str(ended):
            fared.not_clean.append(f"with {made} threads it ended as if all were well")
    except TimeoutError:
        fared.hung.append(f"with {made} threads")
        return
    await started_clean(home, fared, f"{made} threads")


async def started_clean(home: Path, fared: Fared, what: str) -> None:
    """Start the daemon again without the limit: it is ready in time, and what was kept is there."""
    fared.ended += 1
    async with daemon(home, home / "station.toml") as again:
        answer = await again.call("io.stationd.Alarm.History", {"key": NOTED})
        noted = [event for event in answer["parameters"]["events"] if event["event"] == "note"]
        if not noted and not what.endswith(" threads"):
            fared.not_clean.append(f"{what}: the note is gone")
        if again.ready_s > READY_S:
            fared.not_clean.append(f"{what}: ready after {again.ready_s:.1f} s")
