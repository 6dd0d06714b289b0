"""From the sample at which light is lost to Python: the callback of the event loop, and the event that the engine announces.

Twenty of 96 channels cross their limit again and again, each at its own time; one sample decides, so that nothing but the way is
measured. The daemon's own optical sampler is read, in an event loop like the daemon's, idle and with things in its way.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog

from stationd.bench.row import Row, at_least, at_most
from stationd.bench.sampler_loop import CHANNELS, LoopSettings, Outcome, running
from stationd.bench.sampler_peers import PRIORITY, Machine, percentile_us
from stationd.board import Board
from stationd.core.model import Announce, Event, LightEvent, LightKind, PointId, Reading, Value, WriteDone
from stationd.core.station import Station
from stationd.engine import Acted, Engine, Kept, Nowhere, Ordered, Told
from stationd.links.exact_loop import exact_loop
from stationd.links.sampler import ChannelSettings, OpticalSampler, SamplerSettings, SourceSettings
from stationd.tap import Tap, tap_driver
from stationd.wire.calibration import Calibration, Table

RATE_HZ = 10_000
FLAPPING = 20
FIRST_PERIOD, MORE = 6007, 31  # scans: each channel has another, so that no two cross at the same time for long
SCRIPT = "level all 14000;" + ";".join(f"wave {place} 12000 {FIRST_PERIOD + MORE * place}" for place in range(FLAPPING))
TABLE = Calibration("bench", Table(((0, -50.0), (50_000, 0.0))), (-(1 << 23), 1 << 23))
LOST_DBM, BACK_DBM = -45.0, -44.0  # counts of 5000 and 6000
SWITCH_S = 0.0005  # as the daemon sets it
CALLBACK_GOAL_S, ENGINE_GOAL_S = 0.0005, 0.002
HOG_GOAL, RATE_GOAL = 1.1, 0.995
BUSY_S, BUSY_EVERY_S = 0.02, 0.07
BURST_ROOM = 0.1  # s; a sampler's first events come together with its start


@dataclass(slots=True)
class Delivered:
    """How long the events of some segments were on their way, in seconds, and how many the loop lost."""

    delays_s: list[list[float]] = field(default_factory=list)
    lost: int = 0

    def percentile(self, share: float) -> float:
        """Return the median over the segments, in seconds; nan when no event came."""
        return statistics.median(_quantile(each, share) for each in self.delays_s)


@dataclass(frozen=True, slots=True)
class Way:
    """What is in the way of the events."""

    name: str
    deep: bool = False
    hog: bool = False
    busy: bool = False


WAYS = (Way("idle"), Way("idle, CPU sleeps", deep=True), Way("Python thread hogs", hog=True), Way("event loop busy", busy=True))


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * len(ordered)))] if ordered else float("nan")


def settings(machine: Machine, *, deep: bool) -> SamplerSettings:
    """Return 96 channels of which some flap, at 10 kHz."""
    channels = tuple(
        ChannelSettings(f"fp{place // 2 + 1}-{'tx' if place % 2 else 'rx'}", place, TABLE, LOST_DBM, BACK_DBM, 1, 1, 1, 1)
        for place in range(CHANNELS)
    )
    real_time = not machine.no_real_time
    return SamplerSettings(
        SourceSettings("sim", SCRIPT), channels, RATE_HZ,
        priority=PRIORITY if real_time else 0, cpu=machine.cpu, dma_latency_us=0 if real_time and not deep else None,
    )  # fmt: skip


def latency_rows(machine: Machine, segments: int, seconds: float, note: Callable[[Outcome], Outcome]) -> Iterator[Row]:
    """Measure every way in turn, then the loop itself with and without a thread that hogs Python."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # each segment starts a sampler
    with switch_interval(SWITCH_S):
        found = {way.name: Delivered() for way in WAYS}
        engine = Delivered()
        for _ in range(segments):
            for way in WAYS:
                _deliver(settings(machine, deep=way.deep), way, seconds, found[way.name])
            _deliver(settings(machine, deep=False), WAYS[0], seconds, engine, through_engine=True)
        yield from _delivery_rows(found, engine)
        yield from _hog_rows(machine, segments, seconds, note)


def _delivery_rows(found: dict[str, Delivered], engine: Delivered) -> Iterator[Row]:
    for name, delivered in found.items():
        p50, p99 = delivered.percentile(0.5), delivered.percentile(0.99)
        yield Row("sampler", f"sample to callback p50, {name}", p50 * 1000, "ms")
        if name == WAYS[0].name:
            yield at_most("sampler", f"sample to callback p99, {name}", p99 * 1000, "ms", CALLBACK_GOAL_S * 1000)
        elif name == WAYS[2].name:
            yield Row("sampler", f"p99, {name}, of the switch interval", p99 * 1000, "ms", SWITCH_S * 1000, p99 / SWITCH_S)
        else:
            yield Row("sampler", f"sample to callback p99, {name}", p99 * 1000, "ms")
    yield at_most("sampler", "events lost on the way", sum(each.lost for each in (*found.values(), engine)), "", 0)
    yield Row("sampler", "sample to the engine's event p50", engine.percentile(0.5) * 1000, "ms")
    yield at_most("sampler", "sample to the engine's event p99", engine.percentile(0.99) * 1000, "ms", ENGINE_GOAL_S * 1000)


# ---------------------------------------------------------------- one segment


def _deliver(wanted: SamplerSettings, way: Way, seconds: float, into: Delivered, *, through_engine: bool = False) -> None:
    with hogging(way.hog), asyncio.Runner(loop_factory=exact_loop) as runner:
        delays, lost = runner.run(_segment(wanted, way, seconds, through_engine))
    into.delays_s.append(delays)
    into.lost += lost


async def _segment(wanted: SamplerSettings, way: Way, seconds: float, through_engine: bool) -> tuple[list[float], int]:
    loop, delays = asyncio.get_running_loop(), list[float]()
    begin = loop.time() + BURST_ROOM

    def heard(event: Event) -> None:
        if isinstance(event, LightEvent) and event.exact and event.kind in (LightKind.LOST, LightKind.BACK) and event.t > begin:
            delays.append(loop.time() - event.t)

    def post(events: Sequence[Event]) -> None:
        for event in events:
            heard(event)

    engine = _engine(wanted, heard)
    sampler = OpticalSampler(wanted, engine.post if through_engine else post)
    tasks = [asyncio.create_task(each) for each in (sampler.run(), engine.run(), _block_now_and_then(way.busy))]
    await asyncio.sleep(seconds)
    lost = sampler.statistics().counts["events_lost"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return delays, lost


def _engine(wanted: SamplerSettings, announce: Callable[[LightEvent], None]) -> Engine:
    """Return an engine with the taps of a sampler and nothing else."""
    driver = tap_driver(wanted.window_s)
    board = Board([Tap(channel.name, driver) for channel in wanted.channels], asyncio.get_running_loop().time())
    return Engine(board, Station(board.periods()), _no_write, _Ear(announce))


@dataclass(frozen=True, slots=True)
class _Ear:
    """Hears the light that the engine announces, and keeps nothing."""

    announce: Callable[[LightEvent], None]

    def keep(self, told: Sequence[Told], ordered: Ordered | Acted | None) -> Kept:
        for each in told:
            if isinstance(each, Announce):
                self.announce(each.event)
        return Nowhere().keep(told, ordered)

    def remember(self, readings: Sequence[Reading]) -> None:
        pass


async def _no_write(target: PointId, value: Value) -> WriteDone:
    raise AssertionError(f"nothing is written here: {target} {value}")


async def _block_now_and_then(wanted: bool) -> None:
    """Hold up the event loop as a careless callback would."""
    while wanted:
        await asyncio.sleep(BUSY_EVERY_S - BUSY_S)
        end = time.monotonic() + BUSY_S
        while time.monotonic() < end:
            pass


@contextmanager
def hogging(wanted: bool) -> Iterator[None]:
    """Have a thread of pure Python run meanwhile, if wanted."""
    stop = threading.Event()

    def hog() -> None:
        while not stop.is_set():
            pass

    thread = threading.Thread(target=hog, daemon=True)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if wanted:
            thread.join()


@contextmanager
def switch_interval(seconds: float) -> Iterator[None]:
    """Set after how long a Python thread is asked to let another one run."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


# ---------------------------------------------------------------- the loop itself


def _hog_rows(machine: Machine, segments: int, seconds: float, note: Callable[[Outcome], Outcome]) -> Iterator[Row]:
    """Measure the lateness and the rate of the loop while its reader has to share Python, and while not."""
    loop = LoopSettings(RATE_HZ, SCRIPT, cpu=machine.cpu)
    if not machine.no_real_time:
        loop = replace(loop, priority=PRIORITY, dma_latency_us=0)
    outcomes: dict[bool, list[Outcome]] = {False: [], True: []}
    for _ in range(segments):
        for hog, of_these in outcomes.items():
            of_these.append(note(_read_for(loop, seconds, hog=hog)))
    alone, hogged = (statistics.median(percentile_us(each.lateness, 0.5) for each in outcomes[hog]) for hog in (False, True))
    ratio = hogged / alone if alone else float("inf")
    yield Row("sampler", "late p50, hogged, against not", hogged, "us", alone, ratio, f"<= {HOG_GOAL:g}", ratio <= HOG_GOAL)
    held = statistics.median(each.scans / max(1, each.slots) for each in outcomes[True])
    yield at_least("sampler", "scans of slots while Python is hogged", held, "", RATE_GOAL)
    lost = sum(each.events_lost + each.windows_lost for each in outcomes[True])
    yield at_most("sampler", "events and windows lost while hogged", lost, "", 0)


def _read_for(settings: LoopSettings, seconds: float, *, hog: bool) -> Outcome:
    """Let a loop run with a reader in an event loop."""

    async def read() -> Outcome:
        loop = asyncio.get_running_loop()
        with running(settings) as (sampled, outcomes):
            loop.add_reader(sampled.fd, sampled.drain)
            await asyncio.sleep(seconds)
            loop.remove_reader(sampled.fd)
        return outcomes[0]

    with hogging(hog), asyncio.Runner(loop_factory=exact_loop) as runner:
        return runner.run(read())
