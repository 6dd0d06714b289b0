"""The sampling loop in C: how late it wakes, what it costs, what it does with a scan, and whether every count adds up.

Lateness is that of 96 channels whose source the host asks, against cyclictest at the same priority, CPU, interval and sleeping
states, in turn and in the same run; every figure is the median of the segments. There is no goal for the longest delay:
on a virtual machine it is the hypervisor's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from stationd.bench.row import Row, at_least, at_most
from stationd.bench.sampler_latency import latency_rows
from stationd.bench.sampler_loop import CHANNELS, LoopSettings, Outcome, measured
from stationd.bench.sampler_mqtt import mqtt_rows
from stationd.bench.sampler_peers import (
    PRIORITY,
    Bucket,
    Floor,
    Machine,
    Pace,
    busy_cpus,
    machine,
    percentile_us,
    run_cyclictest,
    run_floor,
)
from stationd.bench.sampler_work import work_rows

SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
FAST_GOALS = {"p50": 1.10, "p99": 1.35, "p99.9": 1.6}
SLOW_GOALS = {"p50": 1.10, "p99": 1.35}  # at 1 kHz a segment has too few wake-ups for more
PLAIN_GOALS = {"p50": 0.6, "p99": 0.8}
CPU_GOAL = 1.15
RATE_GOAL = 0.999  # of the wakes of a bare loop: what a hypervisor takes away, it takes from both
WATERMARKS = (1, 10, 100)
LOCKED = "from stationd.bench.sampler_loop import grown_bytes; print(grown_bytes(lock={}))"
ROOM_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often. The defaults need about six minutes; medians of segments differ by half, so there are many."""

    segments: int = 9
    seconds: float = 2.0


@dataclass(slots=True)
class Books:
    """The counts of all loops together."""

    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> Outcome:
        """Note what a loop had counted."""
        self.outcomes.append(outcome)
        return outcome

    def rows(self) -> Iterator[Row]:
        """Say what was counted in all, and whether it adds up."""
        yield Row("sampler", "scans of all segments", sum(each.scans for each in self.outcomes), "")
        yield Row("sampler", "slots missed in all segments", sum(each.missed for each in self.outcomes), "")
        yield Row("sampler", "events of all segments", sum(each.events for each in self.outcomes), "")
        yield at_most("sampler", "unaccounted in all segments", sum(each.unaccounted for each in self.outcomes), "", 0)


@dataclass(frozen=True, slots=True)
class Pair:
    """The loop and its peer at one pace, with the goals of the ratios."""

    name: str
    pace: Pace
    goals: dict[str, float]
    busy: bool = False


def sampler_rows(plan: Plan = Plan()) -> Iterator[Row]:
    """Measure everything; rows come as they are known."""
    books = Books()
    with machine() as found:
        yield _peer(found)
        for pair in _pairs(found):
            yield from _pair_rows(pair, found, plan, books)
        yield from _cpu_rows(found, plan, books)
        yield from _fastest_rows(found, plan, books)
        yield from work_rows(plan.segments, plan.seconds / 6)
        yield from latency_rows(found, plan.segments, plan.seconds / 2, books.add)
        yield from mqtt_rows(plan.segments, plan.seconds * 1.5)
        yield from _memory_rows(plan)
    yield from books.rows()


def _peer(found: Machine) -> Row:
    version = "cyclictest" if found.cyclictest else "a bare loop (for cyclictest: Debian package rt-tests)"
    return Row("sampler", f"CPU used; lateness against {version}", found.cpu, "")


def _pairs(found: Machine) -> Iterator[Pair]:
    for busy in (False, True):
        load = "busy" if busy else "idle"
        yield Pair(f"10 kHz {load}", Pace(10_000, PRIORITY, found.cpu, deep=False), FAST_GOALS, busy)
        yield Pair(f"1 kHz {load}", Pace(1000, PRIORITY, found.cpu, deep=False), SLOW_GOALS, busy)
    yield Pair("10 kHz unprivileged", Pace(10_000, 0, found.cpu, deep=True), PLAIN_GOALS)


def loop_at(pace: Pace) -> LoopSettings:
    """Return a loop that the host paces, at this pace."""
    return LoopSettings(pace.rate_hz, priority=pace.priority, cpu=pace.cpu, dma_latency_us=pace.dma_latency_us)


# ---------------------------------------------------------------- lateness


def _pair_rows(pair: Pair, found: Machine, plan: Plan, books: Books) -> Iterator[Row]:
    if pair.pace.priority and found.no_real_time:
        yield _refused(f"late {pair.name}", found)
        return
    ours, theirs = list[Sequence[Bucket]](), list[Sequence[Bucket]]()
    peer = _peer_of(found, pair.pace)
    if peer is None:
        yield Row("sampler", f"late {pair.name} not compared: no C compiler, no rt-tests", 0.0, "")
        return
    with busy_cpus(found.stress, pair.busy), ForeignTime() as foreign:
        for number in range(plan.segments):
            turns: list[Callable[[], None]] = [
                lambda: ours.append(books.add(measured(loop_at(pair.pace), plan.seconds)).lateness),
                lambda: theirs.append(peer(plan.seconds)),
            ]
            for turn in turns if number % 2 == 0 else reversed(turns):
                turn()
    yield from ratio_rows(pair, ours, theirs)
    if not pair.busy:
        yield Row("sampler", f"CPU of others meanwhile, {pair.name}", foreign.share, "of a core")


def ratio_rows(pair: Pair, ours: Sequence[Sequence[Bucket]], theirs: Sequence[Sequence[Bucket]]) -> Iterator[Row]:
    """Compare the medians over the segments of each percentile."""
    for name, goal in pair.goals.items():
        own, other = (statistics.median(percentile_us(each, SHARES[name]) for each in group) for group in (ours, theirs))
        yield ratio_at_most(f"late {name}, {pair.name}", own, "us", other, goal)


def ratio_at_most(metric: str, value: float, unit: str, baseline: float, goal: float) -> Row:
    """Return a figure whose ratio to its baseline must not be above its goal."""
    ratio = value / baseline if baseline else float("inf")
    return Row("sampler", metric, value, unit, baseline, ratio, f"<= {goal:g}", ratio <= goal)


def _peer_of(found: Machine, pace: Pace) -> Callable[[float], Sequence[Bucket]] | None:
    if found.cyclictest is not None:
        return partial(run_cyclictest, found.cyclictest, pace)
    if found.floor is not None:
        floor = found.floor
        return lambda seconds: run_floor(floor, pace, seconds).lateness
    return None


def _refused(metric: str, found: Machine) -> Row:
    return Row("sampler", f"{metric} not measured: {found.no_real_time}", 0.0, "")


class ForeignTime:
    """CPU time that neither this process nor its children used, as a share of one core; see proc(5)."""

    def __enter__(self) -> ForeignTime:
        self._begin = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        (busy, began), (end_busy, ended) = self._begin, self._now()
        self.share = max(0.0, (end_busy - busy) / (ended - began))

    @staticmethod
    def _now() -> tuple[float, float]:
        user, nice, system, _, _, interrupt, soft, steal = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
        busy = (user + nice + system + interrupt + soft + steal) / os.sysconf("SC_CLK_TCK")
        return busy - sum(os.times()[:4]), time.monotonic()


# ---------------------------------------------------------------- CPU


def _cpu_rows(found: Machine, plan: Plan, books: Books) -> Iterator[Row]:
    """Compare what a wake-up costs with the bare loop; then let the source set the pace and wake up less often."""
    if found.no_real_time:
        yield _refused("CPU for each wake-up", found)
        return
    pace = Pace(10_000, PRIORITY, found.cpu, deep=False)
    if found.floor is None:
        yield Row("sampler", "CPU for each wake-up not compared: a C compiler (Debian package gcc)", 0.0, "")
    else:
        ours, floors = list[Outcome](), list[Floor]()
        for _ in range(plan.segments):
            ours.append(books.add(measured(loop_at(pace), plan.seconds)))
            floors.append(run_floor(found.floor, pace, plan.seconds, slack_ns=1))
        own = statistics.median(each.cpu_ns / each.wakes for each in ours)
        other = statistics.median(each.cpu_ns / each.wakes for each in floors)
        yield ratio_at_most("CPU for each wake-up, against a bare loop", own / 1000, "us", other / 1000, CPU_GOAL)
    yield from _watermark_rows(pace, plan, books)


def _watermark_rows(pace: Pace, plan: Plan, books: Books) -> Iterator[Row]:
    """Let the source hand over several scans at a time; what is left of the cost is that of inventing their counts."""
    cost: dict[int, list[float]] = {scans: [] for scans in WATERMARKS}
    for _ in range(plan.segments):
        for scans in WATERMARKS:
            settings = LoopSettings(pace.rate_hz, f"level all 14000; paced {scans}", pace.priority, pace.cpu, pace.dma_latency_us)
            outcome = books.add(measured(settings, plan.seconds / 3))
            cost[scans].append(outcome.cpu_ns / max(1, outcome.scans) / 1000)
    one = statistics.median(cost[1])
    for scans in WATERMARKS:
        own = statistics.median(cost[scans])
        yield Row("sampler", f"CPU for each scan, {scans} at a time", own, "us", one, own / one)


# ---------------------------------------------------------------- the highest rate


def _fastest_rows(found: Machine, plan: Plan, books: Books) -> Iterator[Row]:
    pace = Pace(20_000, 0 if found.no_real_time else PRIORITY, found.cpu, deep=bool(found.no_real_time))
    outcomes, floors = list[Outcome](), list[Floor]()
    for _ in range(plan.segments):
        outcomes.append(books.add(measured(loop_at(pace), plan.seconds)))
        floors += [run_floor(found.floor, pace, plan.seconds, slack_ns=1)] if found.floor else []
    held = statistics.median(each.scans / max(1, each.slots) for each in outcomes)
    awake = statistics.median(each.wakes / (plan.seconds * pace.rate_hz) for each in floors) if floors else None
    yield at_least("sampler", f"20 kHz x {CHANNELS} channels, scans of slots", held, "", RATE_GOAL, awake)
    late = statistics.median(percentile_us(each.lateness, 0.99) for each in outcomes)
    yield Row("sampler", "late p99, 20 kHz", late, "us")


# ---------------------------------------------------------------- memory


def _memory_rows(plan: Plan) -> Iterator[Row]:
    """Compare fresh processes whose loop locks its memory with others whose loop does not."""
    grown: dict[bool, list[int]] = {True: [], False: []}
    for _ in range(plan.segments):
        for lock, sizes in grown.items():
            text = subprocess.run([sys.executable, "-c", LOCKED.format(lock)], check=True, capture_output=True, text=True).stdout
            sizes.append(int(text))
    plain, locked = statistics.median(grown[False]), statistics.median(grown[True])
    arena = measured(LoopSettings(rate_hz=1000, lock=False), 0.01).arena_bytes
    yield Row("sampler", "memory of a loop that locks nothing", plain / 2**20, "MiB")
    yield at_most("sampler", "memory added by locking", (locked - plain) / 2**20, "MiB", round((arena + ROOM_BYTES) / 2**20, 2))
