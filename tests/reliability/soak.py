"""R6: ten minutes of a daemon whose surroundings fail all the time, and thirty simulated days; nothing grows.

The daemon reads two units, is scraped, asked and written notes to, publishes to a broker, and every half minute something is taken from it:
the broker, the second unit (it is gone, or a black hole), its clients in the middle of a word; or somebody asks for samples. Every fault of
this schedule has to happen. E is that of the first unit. A service manager of ours listens for its watchdog as systemd would. Slopes are
taken after it has warmed up. Ten minutes cannot show a mebibyte a day; what the CI shows is that memory does not grow by one at all, the
release's run shows the slope. Simulated days are those of tests.reliability.month.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import cycle, pairwise
from pathlib import Path

from stationd.bench.scale import resident_mb
from tests.integration.brokers import BrokerProcess, running_broker
from tests.reliability.broker import Mode, Way
from tests.reliability.figures import Figure, Share
from tests.reliability.month import EVENTS_BYTES, HISTORY_BYTES
from tests.reliability.station import Station, station, unit

ROOT = Path(__file__).resolve().parents[2]
SOAK_S = 600.0
SETTLED_SHARE, LOOK_EVERY_S, FAULT_EVERY_S = 0.25, 5.0, 30.0
DAY_S = 86_400.0
WATCHDOG_S = 10.0  # WatchdogSec= of systemd/stationd.service
GROWN_MIB, SLOPE_MIB_PER_DAY = 1.0, 1.0
DAYS, HOURS = 30, 48  # simulated, of what is kept and of the whole daemon
MONTH_GROWN_MIB = 2.0
# A quota counts contents. Pages of SQLite are two thirds full where rows come and go, and indices, states and free pages are beside it
# (measured: 1.43 times the quotas after ten days, when both had long been reached).
MOST_KEPT_MIB = 2.0 * (HISTORY_BYTES + EVENTS_BYTES) / 2**20
MANY, NOTES = 50, 3000  # scrapes at once, and records
NOTE = {"key": "u1/STALE", "text": "x" * 200}


SECOND = """
[bus.second]
port = "tcp://127.0.0.1:{way}"
protocol = "modbus-tcp"
[device.u2]
driver = "proof-unit"
bus = "second"
address = 1
[mqtt]
url = "mqtt://127.0.0.1:{broker}"
"""


class Fault(Enum):
    """What is done to it, one after the other."""

    BROKER = "the broker is killed"
    CLIENTS = "a crowd of clients comes and goes in the middle of a word"
    GONE = "a unit is gone"
    CAPTURE = "somebody asks for samples"
    BLACK = "a unit takes everything and gives nothing"


@dataclass(slots=True)
class Manager:
    """A service manager as far as sd_notify(3) goes: notes when the watchdog was fed."""

    path: Path
    fed: list[float] = field(default_factory=list)

    async def listen(self) -> None:
        """Listen for ever."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.bind(str(self.path))
            own.setblocking(False)
            while True:
                if b"WATCHDOG=1" in await loop.sock_recv(own, 4096):
                    self.fed.append(time.monotonic())

    def longest_s(self, begun: float, ended: float) -> float:
        """Return the longest time for which the watchdog was not fed."""
        times = [begun, *(each for each in self.fed if begun <= each <= ended), ended]
        return max(after - before for before, after in pairwise(times))

    @property
    def environment(self) -> dict[str, str]:
        """Return what systemd sets for the daemon."""
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}


@dataclass(slots=True)
class Surroundings:
    """What is disturbed: the broker, and the way to the second unit. `done` counts each fault; `rounds` are those of whoever uses it."""

    broker: BrokerProcess
    way: Way
    every_s: float
    done: dict[Fault, int] = field(default_factory=lambda: dict.fromkeys(Fault, 0))
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """How much of everything the daemon has at a moment."""

    t: float
    resident_mib: float
    descriptors: int
    threads: int


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R6."""
    if share.part < 1.0:  # part of a month is no month: what is made once has not settled
        yield from asyncio.run(soak(SOAK_S * share.part, share))
        return
    words = [sys.executable, "-m", "tests.reliability.month", str(share.of(DAYS, 400)), str(share.of(HOURS, 720))]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as month:
        try:
            yield from asyncio.run(soak(share.hours * 3600.0 if share.release else SOAK_S, share))
            said, _ = month.communicate()
        finally:
            month.kill()
    yield from month_figures(json.loads(said))


def month_figures(found: dict[str, float]) -> Iterator[Figure]:
    """Say what tests.reliability.month found."""
    yield Figure("simulated_days_of_what_is_kept", found["kept_days"], least=DAYS)
    yield Figure("simulated_days_of_the_daemon", found["daemon_days"], least=HOURS / 24)
    for what in ("kept", "daemon"):
        yield Figure(f"{what}_resident_mib_grown", found[f"{what}_resident_mib_grown"], most=MONTH_GROWN_MIB)
        yield Figure(f"{what}_descriptors_grown", found[f"{what}_descriptors_grown"], most=0)
        yield Figure(f"{what}_tasks_grown", found[f"{what}_tasks_grown"], most=0)
    yield Figure("kept_left_in_outbox", found["kept_left_in_outbox"], most=0)
    for what in ("history", "events"):  # else the quota was never reached, and its limit proves nothing
        yield Figure(f"kept_{what}_gone_for_want_of_room", found[f"kept_{what}_gone_for_want_of_room"], least=1)
    yield Figure("kept_mib", found["kept_mib"], most=MOST_KEPT_MIB)


async def soak(seconds: float, share: Share) -> list[Figure]:
    """Let it run for so long."""
    async with contextlib.AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = await stack.enter_async_context(running_broker(home))
        way = Way(stack.enter_context(unit(home / "second")))
        stack.push_async_callback(way.close)
        manager = Manager(home / "notify")
        listening = asyncio.create_task(manager.listen())
        stack.callback(listening.cancel)
        more = SECOND.format(way=await way.open(), broker=broker.port)
        around = Surroundings(broker, way, FAULT_EVERY_S * share.part)
        running = await stack.enter_async_context(station(home, more=more, environment=manager.environment))
        async with busy(running, around):
            begun = time.monotonic()
            looks = await looked(running, seconds, LOOK_EVERY_S * share.part)
            fed = Figure("watchdog_max_s", manager.longest_s(begun, time.monotonic()), most=WATCHDOG_S)
        heart = await running.heart()
        status = await running.end()
        unhandled = running.log.count("Traceback")
    return [
        *grown_figures([look for look in looks if look.t >= seconds * SETTLED_SHARE], share),
        *done_figures(seconds, around),
        fed,
        Figure("unhandled_exceptions", unhandled, most=0),
        Figure("exit_status", status, most=0),
        *heart.figures(),
    ]


def grown_figures(warm: list[Look], share: Share) -> Iterator[Figure]:
    """Say how much there is of everything, and how much more it became."""
    slope = statistics.linear_regression([look.t for look in warm], [look.resident_mib for look in warm]).slope * DAY_S
    yield Figure("soaked_s", warm[-1].t)
    yield Figure("resident_mib", warm[-1].resident_mib)
    yield Figure("resident_mib_grown", grown(warm, "resident_mib"), most=GROWN_MIB)
    yield Figure("resident_mib_per_day", slope, most=SLOPE_MIB_PER_DAY if share.release else None)
    yield Figure("descriptors_grown", grown(warm, "descriptors"), most=0)
    yield Figure("threads_grown", grown(warm, "threads"), most=0)


def done_figures(seconds: float, around: Surroundings) -> Iterator[Figure]:
    """Say how often each fault happened; each has to, as often as there was time for the whole schedule, but for the last time."""
    took_s = len(Fault) * around.every_s * 1.5  # some last a third of the time between them; the rest is for a slow machine
    yield Figure("cases", sum(around.done.values()))
    yield Figure("least_of_a_fault", min(around.done.values()), least=max(1, int(seconds / took_s)))
    yield Figure("rounds_of_users", around.rounds, least=int(seconds / 2))


def grown(looks: list[Look], name: str) -> float:
    """Return by how much more there is in the last quarter than in the first."""
    quarter = max(1, len(looks) // 4)
    first, last = (statistics.median(getattr(look, name) for look in part) for part in (looks[:quarter], looks[-quarter:]))
    return float(last - first)


async def looked(running: Station, seconds: float, every_s: float) -> list[Look]:
    """Look at the daemon now and then."""
    begun = time.monotonic()
    looks: list[Look] = []
    await running.begin_heart()
    while (passed_s := time.monotonic() - begun) < seconds:
        await asyncio.sleep(every_s)
        own = Path(f"/proc/{running.process.pid}")
        counts = [len(list((own / each).iterdir())) for each in ("fd", "task")]
        looks.append(Look(passed_s, resident_mb(running.process.pid), *counts))
        sys.stdout.write(f"{looks[-1]}\n")
    return looks


@contextlib.asynccontextmanager
async def busy(running: Station, around: Surroundings) -> AsyncIterator[None]:
    """Use the daemon and disturb it as long as the block, after it has warmed up. Whoever does so must not end before."""
    await warmed_up(running)
    tasks = [asyncio.create_task(each) for each in (used(running, around), disturbed(running, around))]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
                raise AssertionError("who disturbs the daemon has ended by itself")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def warmed_up(running: Station) -> None:
    """Let it make all that it makes once: the threads that render pages, and the page caches of SQLite, of 2 MB for each connection."""
    await asyncio.gather(*(running.page() for _ in range(MANY)))
    for _ in range(NOTES):
        await running.call("io.stationd.Alarm.AddNote", NOTE)


async def used(running: Station, around: Surroundings) -> None:
    """Scrape, ask, and write notes, for ever."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await running.page()
            await running.alarms("all")
            await running.call("io.stationd.Alarm.AddNote", NOTE)
            around.rounds += 1
        await asyncio.sleep(1.0)


async def disturbed(running: Station, around: Surroundings) -> None:
    """Take something away again and again, for ever."""
    for fault in cycle(Fault):
        await asyncio.sleep(around.every_s)
        match fault:
            case Fault.BROKER:
                around.broker.kill()
                await asyncio.sleep(around.every_s / 3)
                await around.broker.start()
            case Fault.CLIENTS:
                await crowd_of_clients(running)
            case Fault.GONE | Fault.BLACK:
                around.way.turn(Mode.CLOSED if fault is Fault.GONE else Mode.BLACK)
                await asyncio.sleep(around.every_s / 3)
                around.way.turn(Mode.OPEN)
            case Fault.CAPTURE:
                running.process.send_signal(signal.SIGUSR1)
        around.done[fault] += 1


async def crowd_of_clients(running: Station) -> None:
    """Come and go a hundred times at the control socket, in the middle of a word."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_unix_connection(str(running.home / "io.stationd"))
            writer.write(b'{"method":"io.stationd.Al')
            writer.transport.abort()
