"""R6: ten minutes of a daemon whose surroundings fail all the time, and thirty simulated days; nothing grows.

The daemon reads its unit, is scraped, asked and written notes to, publishes to a broker, and every half minute something is taken from it:
the broker, the unit, or its clients are reset. Slopes are taken after it has warmed up. Ten minutes cannot show a mebibyte a day; what the
CI shows is that memory does not grow by one at all, the release's run shows the slope. Simulated days are those of tests.reliability.month.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from stationd.bench.scale import resident_mb
from tests.integration.brokers import BrokerProcess, running_broker
from tests.reliability.figures import Figure, Share
from tests.reliability.station import Station, station

ROOT = Path(__file__).resolve().parents[2]
SOAK_S = 600.0
SETTLED_SHARE, LOOK_EVERY_S, FAULT_EVERY_S = 0.25, 5.0, 30.0
DAY_S = 86_400.0
GROWN_MIB, SLOPE_MIB_PER_DAY = 1.0, 1.0
DAYS, HOURS = 30, 48  # simulated, of what is kept and of the whole daemon
MONTH_GROWN_MIB = 2.0
MANY, NOTES = 50, 3000  # scrapes at once, and records
NOTE = {"key": "u1/STALE", "text": "x" * 200}


@dataclass(frozen=True, slots=True)
class Look:
    """How much of everything the daemon has at a moment."""

    t: float
    resident_mib: float
    descriptors: int
    threads: int


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R6."""
    words = [sys.executable, "-m", "tests.reliability.month", str(share.of(DAYS, 400)), str(share.of(HOURS, 720))]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as month:
        seconds = share.hours * 3600.0 if share.release else SOAK_S
        yield from asyncio.run(soak(seconds, share))
        said, _ = month.communicate()
    found = json.loads(said)
    yield Figure("simulated_days_of_what_is_kept", found["kept_days"], least=DAYS)
    yield Figure("simulated_days_of_the_daemon", found["daemon_days"], least=HOURS / 24)
    for what in ("kept", "daemon"):
        yield Figure(f"{what}_resident_mib_grown", found[f"{what}_resident_mib_grown"], most=MONTH_GROWN_MIB)
        yield Figure(f"{what}_descriptors_grown", found[f"{what}_descriptors_grown"], most=0)
        yield Figure(f"{what}_tasks_grown", found[f"{what}_tasks_grown"], most=0)
    yield Figure("kept_left_in_outbox", found["kept_left_in_outbox"], most=0)
    yield Figure("kept_mib", found["kept_mib"])


async def soak(seconds: float, share: Share) -> list[Figure]:
    """Let it run for so long."""
    with tempfile.TemporaryDirectory() as name:
        async with running_broker(Path(name)) as broker:
            home = Path(name, "station")
            home.mkdir()
            async with station(home, more=f'[mqtt]\nurl = "mqtt://127.0.0.1:{broker.port}"\n') as running:
                async with busy(running, broker) as faults:
                    looks = await looked(running, seconds)
                heart = await running.heart()
                status = await running.end()
                unhandled = running.log.count("Traceback")
    warm = [look for look in looks if look.t >= seconds * SETTLED_SHARE]
    slope = statistics.linear_regression([look.t for look in warm], [look.resident_mib for look in warm]).slope * DAY_S
    return [
        Figure("soaked_s", seconds),
        Figure("cases", len(faults), least=int(seconds / FAULT_EVERY_S / 3)),
        Figure("resident_mib", warm[-1].resident_mib),
        Figure("resident_mib_grown", grown(warm, "resident_mib"), most=GROWN_MIB),
        Figure("resident_mib_per_day", slope, most=SLOPE_MIB_PER_DAY if share.release else None),
        Figure("descriptors_grown", grown(warm, "descriptors"), most=0),
        Figure("threads_grown", grown(warm, "threads"), most=0),
        Figure("unhandled_exceptions", unhandled, most=0),
        Figure("exit_status", status, most=0),
        *heart.figures(),
    ]


def grown(looks: list[Look], name: str) -> float:
    """Return by how much more there is in the last quarter than in the first."""
    quarter = max(1, len(looks) // 4)
    first, last = (statistics.median(getattr(look, name) for look in part) for part in (looks[:quarter], looks[-quarter:]))
    return float(last - first)


async def looked(running: Station, seconds: float) -> list[Look]:
    """Look at the daemon now and then."""
    begun = time.monotonic()
    looks: list[Look] = []
    await running.begin_heart()
    while (passed_s := time.monotonic() - begun) < seconds:
        await asyncio.sleep(LOOK_EVERY_S)
        own = Path(f"/proc/{running.process.pid}")
        counts = [len(list((own / each).iterdir())) for each in ("fd", "task")]
        looks.append(Look(passed_s, resident_mb(running.process.pid), *counts))
        sys.stdout.write(f"{looks[-1]}\n")
    return looks


@contextlib.asynccontextmanager
async def busy(running: Station, broker: BrokerProcess) -> AsyncIterator[list[str]]:
    """Use the daemon and disturb it as long as the block, after it has warmed up; gives what was done to it."""
    await warmed_up(running)
    faults: list[str] = []
    tasks = [asyncio.create_task(each) for each in (used(running), disturbed(running, broker, faults))]
    try:
        yield faults
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def warmed_up(running: Station) -> None:
    """Let it make all that it makes once: the threads that render pages, and the page caches of SQLite, of 2 MB for each connection."""
    await asyncio.gather(*(running.page() for _ in range(MANY)))
    for _ in range(NOTES):
        await running.call("io.stationd.Alarm.AddNote", NOTE)


async def used(running: Station) -> None:
    """Scrape, ask, and write notes, for ever."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await running.page()
            await running.alarms("all")
            await running.call("io.stationd.Alarm.AddNote", NOTE)
        await asyncio.sleep(1.0)


async def disturbed(running: Station, broker: BrokerProcess, faults: list[str]) -> None:
    """Take something away every half minute, for ever."""
    for what in cycle(("broker", "clients", "capture")):
        await asyncio.sleep(FAULT_EVERY_S)
        faults.append(what)
        match what:
            case "broker":
                broker.kill()
                await asyncio.sleep(FAULT_EVERY_S / 3)
                await broker.start()
            case "clients":
                await crowd_of_clients(running)
            case _:
                running.process.send_signal(10)  # SIGUSR1: the technician asks for samples


async def crowd_of_clients(running: Station) -> None:
    """Come and go a hundred times at the control socket, in the middle of a word."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_unix_connection(str(running.home / "io.stationd"))
            writer.write(b'{"method":"io.stationd.Al')
            writer.transport.abort()
