"""R13: 64 descriptors, no more memory, no more threads. New clients are refused and E goes on, or the daemon ends and starts clean.

MemoryMax of a service needs cgroups and belongs to the booted tier; here the address space is limited (RLIMIT_AS), which is the harder
case: allocations fail in the middle of anything, where a cgroup would kill. That a limit was met at all is counted beside the daemon
(no_threads.c): each refused descriptor, allocation and thread; a limit that refused nothing has shown nothing.

It measures less than the paper's row in this: MemoryMax, as said; and each limit is met once before a change is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.reliability.figures import Figure, Share
from tests.reliability.station import Heart, Station, daemon, station

SOURCE = Path(__file__).with_name("no_threads.c")
DESCRIPTORS, CLIENTS = 64, 150
HELD_S = 5.0
REFUSED = "refused"
MEMORY_S, ASKING, RELOAD_EVERY_S = 10.0, 4, 2.0
HEADER = b"GET /metrics HTTP/1.1\r\nX-a: " + b"a" * 15_000  # nearly as long as one may be, and without an end
REFUSALS = {"d": "descriptors", "m": "allocations", "t": "threads"}  # by their letters (no_threads.c)
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
    refused: Counter[str] = field(default_factory=Counter)


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
    for what in REFUSALS.values():
        yield Figure(f"{what}_refused", fared.refused[what], least=1)
    yield Figure("threads_refused_at_the_start", fared.refused["at first"], least=1)
    for name, heart in fared.hearts.items():
        yield from heart.figures(f"{name}_")


async def every_limit(fared: Fared) -> None:
    """Meet each limit once."""
    with tempfile.TemporaryDirectory() as name:
        library = built(Path(name))
        for what, meet in (("d", descriptors), ("m", memory), ("t", no_thread_later)):
            home = Path(name, meet.__name__)
            home.mkdir()
            await meet(home, counted(home, library), fared)
            fared.refused[REFUSALS[what]] += refused(home)[what]
        for made in range(FIRST_THREADS):
            home = Path(name, f"first-{made}")
            home.mkdir()
            await no_thread_at_first(home, counted(home, library), made, fared)
            fared.refused["at first"] += refused(home)["t"]


def counted(home: Path, library: Path) -> dict[str, str]:
    """Return the environment of a daemon of which is counted what it is refused."""
    return {"LD_PRELOAD": str(library), "REFUSED_INTO": str(home / REFUSED)}


def refused(home: Path) -> Counter[str]:
    """Return how often which letter was told."""
    file = home / REFUSED
    return Counter(file.read_text("ascii") if file.exists() else "")


def built(directory: Path) -> Path:
    """Compile what takes threads away."""
    library = directory / "no_threads.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


# ---------------------------------------------------------------------- descriptors


async def descriptors(home: Path, environment: dict[str, str], fared: Fared) -> None:
    """Let more clients come than there are descriptors, and look at E meanwhile."""
    limit = (DESCRIPTORS, DESCRIPTORS)
    before = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit)  # noqa: E731 - it is what subprocess wants
    async with station(home, environment=environment, before=before, deciding=True) as running:
        await running.call("io.stationd.Alarm.AddNote", NOTE)
        await running.begin_heart()
        async with crowd(home):
            await asyncio.sleep(2 * HELD_S)
        await running.alarms()  # let in again
        fared.hearts["descriptors"] = await running.heart()
        fared.went_on += 1


@contextlib.asynccontextmanager
async def crowd(home: Path, saying: bytes = b"") -> AsyncIterator[None]:
    """Be many clients of both doors, who say nothing, or at the page this."""
    page = urlsplit(json.loads((home / "ports.json").read_text())["metrics"])
    writers: list[asyncio.StreamWriter] = []
    try:
        for number in range(CLIENTS):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.2):
                    if number % 2 and not saying:
                        writers.append((await asyncio.open_unix_connection(str(home / "io.stationd")))[1])
                        continue
                    writers.append((await asyncio.open_connection(page.hostname, page.port))[1])
                    writers[-1].write(saying)
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


# ---------------------------------------------------------------------- memory


async def memory(home: Path, environment: dict[str, str], fared: Fared) -> None:
    """Leave no room to grow while it is asked for much; it goes on, or ends and starts clean."""
    async with station(home, environment=environment, deciding=True) as running:
        await running.call("io.stationd.Alarm.AddNote", NOTE)
        await running.begin_heart()
        limit = address_space(running.process.pid)
        resource.prlimit(running.process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        async with asked_for_much(running), crowd(home, HEADER):
            await asyncio.wait([asyncio.create_task(running.process.wait())], timeout=MEMORY_S)
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


@contextlib.asynccontextmanager
async def asked_for_much(running: Station) -> AsyncIterator[None]:
    """Ask for pages and lists as long as the block."""
    asking = [asyncio.create_task(ask(running)) for _ in range(ASKING)]
    try:
        yield
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def ask(running: Station) -> None:
    while True:
        with contextlib.suppress(Exception):
            await running.page()
            await running.alarms("all")
        await asyncio.sleep(0.1)


# ---------------------------------------------------------------------- threads


async def no_thread_later(home: Path, environment: dict[str, str], fared: Fared) -> None:
    """Take the threads away from a daemon that runs."""
    switch = home / "no-threads"
    async with station(home, environment={**environment, "NO_THREADS_WHILE": str(switch)}, deciding=True) as running:
        await running.call("io.stationd.Alarm.AddNote", NOTE)
        await running.begin_heart()
        switch.touch()
        async with asked_for_much(running):
            for _ in range(round(MEMORY_S / RELOAD_EVERY_S)):
                if running.process.returncode is None:
                    running.process.send_signal(signal.SIGHUP)  # reading the station's file anew wants a thread
                await asyncio.sleep(RELOAD_EVERY_S)
        switch.unlink()
        if running.process.returncode is not None:
            await started_clean(home, fared, "threads")
            return
        await running.page()
        fared.hearts["threads"] = await running.heart()
        fared.went_on += 1


async def no_thread_at_first(home: Path, environment: dict[str, str], made: int, fared: Fared) -> None:
    """Start it where only so many threads can be made: it runs, or it ends by itself with a status that is not 0."""
    try:
        async with asyncio.timeout(ENDS_WITHIN_S), station(home, environment={**environment, "NO_THREADS_AFTER": str(made)}):
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
