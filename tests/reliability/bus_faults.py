"""R4: every kind of bus fault on every driver, in simulated time, on the whole daemon.

A unit of each make (stationd.sim) is read over its own protocol for a while without faults, so that it is known what it shows. Its
instruments show something else every half second, one of five levels, and nothing in between: a value is only right if it is that of the
level at which it was read, so that the answer to the poll before is told from a new one. What is read seldom is right between its extremes.
Then a fault is at work for a minute, then it is healed. A wrong value is a good reading that the unit did not show at its time.
Beside it a second unit is read on another bus. Simulated time passes without cost, so what a fault costs the others is measured in the
processor's time as well: what the bus spends on an answer that is damaged against a sound one, and the daemon in the minute of the fault.

Bytes are damaged on serial lines alone: what a damaged segment of TCP does is up to TCP's own check sum.
Protocols without a check sum (text) cannot see a digit that was turned into another digit: theirs are counted apart and published
(rulings 17), with a limit that notices when more are taken than were. Where nothing was damaged there must be none, unless it comes later
than any unit declares: such an answer has nothing by which it could be told, and is counted apart too.
A unit that repeats an old answer for ever (stuck) cannot be told from outside, and is watched for everything but values.
It measures less than the paper's row in this: nothing runs 8 h in real time here (that is a rig's: hil); delays go to 5 s as a fault that
is total, and to 0.9 s, within the window in which late answers are told, as one that strikes now and then.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import sys
import tempfile
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from multiprocessing import get_context
from pathlib import Path

import structlog

from stationd.app import App, load
from stationd.core.model import PointId, Value
from stationd.driver import Protocol
from stationd.links.bus import Bus
from stationd.links.port import Link, PortSettings, Receiver
from stationd.sim.meters import Meters
from stationd.surroundings import Surroundings
from tests import virtual_time
from tests.memory_rig import MemoryRig
from tests.reliability import pytests
from tests.reliability.bus_wires import (
    BESIDE,
    CHECKED,
    MAKES,
    SUBJECT,
    Cost,
    Found,
    Make,
    Passage,
    Spoil,
    Wire,
    rig_of,
    station_text,
    wires,
)  # fmt: skip
from tests.reliability.figures import Figure, Share
from tests.two_stations import STATE_BELOW, Computer, WallClock

LEARN_S, FAULT_S, HEAL_S = 65.0, 60.0, 20.0
LOOK_S = 0.1
LEVELS, HELD_S, CHANGE_S = 5, 2.4, 0.5  # held so long while learnt: out of step with what is read every 10 s
SLACK = 0.02  # of the way between the extremes: a temperature that drifts, the last digit of a product
DAMAGED_COST, FAULTY_COST = 10.0, 3.0  # times that of a sound answer, and of the same unit without a fault
TEXT_TAKEN = 0.04  # of damaged answers without a check sum: 0.028 were measured, one value or more for each digit that became another one
TOO_LATE = "late by 5 s"  # later than any unit declares; text has no number by which it could be told (rulings 17)
FRESH_PERIODS, FRESH_S = 3.0, 2.0  # rulings 18
SOON_S = 5.0  # points that are read at least so often are looked at again after a fault
REOPENED_S, PROBED_S = 5.0, 10.5  # rulings 17: a reopened port, a mute unit; half a second until it has been read in full
BESIDE_SHARE, DEAD_SHARE = 1.10, 0.05
SHARED = (Protocol.MODBUS_RTU, Protocol.FRAME68)  # lines on which a dead unit would cost its neighbours something


# ---------------------------------------------------------------------- one run


@dataclass(slots=True)
class Trial:
    """A daemon with the unit and the one beside it, and what is noted of the subject's values."""

    make: Make
    wire: Wire
    rig: MemoryRig
    found: Found
    app: App | None = None
    bus: Bus | None = None
    passage: Passage | None = None
    spoil: Spoil | None = None
    known: dict[PointId, dict[int, set[Value]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    levels: list[tuple[float, int]] = field(default_factory=list)  # which one since when
    asked_t: list[float] = field(default_factory=list)
    learning: bool = True
    beside_t: list[float] = field(default_factory=list)

    async def open_port(self, settings: PortSettings, bus: Receiver) -> Link:
        """Open a port, the subject's with the passage in between."""
        assert isinstance(bus, Bus)
        if settings.port != self.rig.addresses[SUBJECT]:
            return await self.rig.open_port(settings, bus)
        self.bus = bus
        self.passage = passage = Passage(bus, self.found, spoil=self.spoil, asked_t=self.asked_t)
        passage.link = self.rig.simulation.port(SUBJECT).open(passage)  # type: ignore[attr-defined]  # it is one in memory
        return passage

    def set_spoil(self, spoil: Spoil | None) -> None:
        """Let answers be spoilt from now on, or not any more."""
        self.spoil = spoil
        if self.passage is not None:
            self.passage.spoil = spoil

    def note(self, point: PointId) -> None:
        """Look at a value that has just been shown."""
        assert self.app is not None
        reading = self.app.board[point]
        if not reading.quality.good or reading.value is None:
            return
        if point.device == BESIDE:
            if not self.learning and point.point == "di1":
                self.beside_t.append(reading.t)
        elif self.learning:
            here = self.levels_at(reading.t)
            if len(here) == 1:
                self.known[point][here.pop()].add(reading.value)
        elif not self.wire.stuck:
            self.found.good += 1
            if not shown(reading.value, self.known[point], self.levels_at(reading.t)):
                self.found.wrong.append(f"{point} = {reading.value!r}")

    def levels_at(self, t: float) -> set[int]:
        """Return the levels since the question that was the last one at that time."""
        place = max(0, bisect_left(self.asked_t, t) - 1)
        begin = self.asked_t[place] if self.asked_t else t
        ends = [since for since, _ in self.levels[1:]] + [math.inf]
        return {level for (since, level), end in zip(self.levels, ends, strict=True) if since <= t and end >= begin}

    def look_at_age(self) -> None:
        """See that no value is called good for longer than it may."""
        assert self.app is not None
        now, periods = asyncio.get_running_loop().time(), self.app.board.periods()
        for point, every_s in periods.items():
            reading = self.app.board[point]
            if point.device == SUBJECT and reading.quality.good:
                too_old_s = now - reading.t - max(FRESH_PERIODS * every_s, FRESH_S)
                self.found.late_bad_s = max(self.found.late_bad_s, too_old_s)


def shown(value: Value, known: Mapping[int, set[Value]], levels: set[int]) -> bool:
    """Tell whether the unit showed this at one of the levels; what is not known at all of them may lie between its extremes."""
    every = set().union(*known.values())
    here = set().union(*(known[level] for level in levels if level in known))
    if value in here or isinstance(value, bool | str):
        return value in (here if len(known) == LEVELS else every)
    numbers = [each for each in every if not isinstance(each, bool | str)]
    if not numbers:
        return False
    slack = max(1e-6, SLACK * (max(numbers) - min(numbers)))
    if len(known) == LEVELS:
        return any(abs(value - each) <= slack for each in here if not isinstance(each, bool | str))
    return min(numbers) - slack <= value <= max(numbers) + slack


def at_level(meters: Meters, level: int) -> Meters:
    """Return the same instruments, each off by an amount of its own that stays: their noise, of one conversion without an end."""
    off = {"current_ma": 15.0, "voltage_v": 10.0, "level_db": 0.5, "pump_ma": 10.0, "temperature_c": 2.0}
    return replace(meters, **{name: replace(getattr(meters, name), noise_rms=by, seed=level, conversion_s=1e9) for name, by in off.items()})


def tried(case: tuple[Make, Wire, int]) -> Found:
    """Run one fault on one make, in virtual time."""
    make, wire, seed = case
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return virtual_time.run(_trial(make, wire, seed), virtual_time.LoneLoop)


async def _trial(make: Make, wire: Wire, seed: int) -> Found:
    rig = rig_of(make)
    memory = MemoryRig(rig, seed)
    trial = Trial(make, wire, memory, Found(make.name, wire.name))
    below = next(each for each in STATE_BELOW if each.is_dir())
    with tempfile.TemporaryDirectory(prefix="bus-faults-", dir=below) as name:
        file = Path(name, "station.toml")
        file.write_text(station_text(make, rig, memory.addresses, Path(name)))
        loaded = load(file)
        assert loaded.config is not None, loaded.mistakes
        around = Surroundings(clock=WallClock(), machine=Computer("boot"), open_port=trial.open_port, run="run-1", threads=False)
        async with asyncio.TaskGroup() as tasks:
            plant = tasks.create_task(memory.run())
            trial.app = App(loaded.config, loaded.catalogue, around)
            running = tasks.create_task(trial.app.run())
            watching = tasks.create_task(_watch(trial))
            changing = tasks.create_task(_change(trial, seed))
            await _acts(trial, seed)
            for task in (changing, watching, running, plant):
                task.cancel()
    return trial.found


async def _watch(trial: Trial) -> None:
    assert trial.app is not None
    subscription = trial.app.board.subscribe()
    while True:
        await subscription.wait()
        for point in subscription.take():
            trial.note(point)


async def _change(trial: Trial, seed: int) -> None:
    """Let the instruments show one level after the other, later by chance but never the same twice."""
    plant, chance, level = trial.rig.simulation.plant, random.Random(seed), 0
    meters = plant.meters
    while True:
        level = (level + (1 if trial.learning else chance.randrange(1, LEVELS))) % LEVELS
        trial.levels.append((asyncio.get_running_loop().time(), level))
        plant.meters = at_level(meters, level)
        await asyncio.sleep(HELD_S if trial.learning else CHANGE_S)


async def _acts(trial: Trial, seed: int) -> None:
    assert trial.app is not None
    for step in range(round(LEARN_S / LOOK_S)):
        if step == round(LEARN_S / LOOK_S / 2):
            learning_s = time.thread_time()
        await asyncio.sleep(LOOK_S)
        trial.look_at_age()
    learning_s = time.thread_time() - learning_s
    bus = trial.bus
    assert bus is not None
    trial.learning = False
    trial.set_spoil(trial.wire.spoils(trial.make.protocol, seed) if trial.wire.spoils else None)
    fault_s = time.thread_time()
    busy_s = 0.0
    for step in range(round(FAULT_S / LOOK_S)):
        if trial.wire.hang_ups and step % round(FAULT_S / LOOK_S / trial.wire.hang_ups) == 0:
            trial.rig.simulation.port(SUBJECT).hang_up(0.05)
        if step == round(FAULT_S / LOOK_S / 2):
            busy_s = bus.statistics.busy_s
        await asyncio.sleep(LOOK_S)
        trial.look_at_age()
    trial.found.busy_times = (time.thread_time() - fault_s) / FAULT_S / (learning_s / (LEARN_S / 2))
    trial.found.dead_share = (bus.statistics.busy_s - busy_s) / (FAULT_S / 2) if trial.wire.name == "drop 100%" else None
    trial.set_spoil(None)
    trial.found.again_s = await _again(trial)
    intervals = sorted(after - before for before, after in pairwise(trial.beside_t))
    trial.found.beside_p99 = intervals[len(intervals) * 99 // 100] / 0.5  # contacts are read every half second


async def _again(trial: Trial) -> float:
    """Return how long it takes until everything that is read often was read again."""
    assert trial.app is not None
    healed = asyncio.get_running_loop().time()
    periods = trial.app.board.periods().items()
    often = [point for point, every_s in periods if point.device == SUBJECT and every_s <= 1.0 and trial.known[point]]
    while asyncio.get_running_loop().time() < healed + HEAL_S:
        if all(trial.app.board[point].quality.good and trial.app.board[point].t > healed for point in often):
            return asyncio.get_running_loop().time() - healed
        await asyncio.sleep(LOOK_S)
    return math.inf


# ---------------------------------------------------------------------- all of them


def cases(share: Share) -> list[tuple[Make, Wire, int]]:
    """Return every fault on every make where there is such a fault."""
    seeds = range(share.of(1, 40))
    every = [(make, wire, seed + 1) for seed, make, wire in product(seeds, MAKES, wires()) if make.protocol in wire.only]
    return every if share.part == 1.0 else every[:: round(1.0 / share.part)]


def numbered(case: tuple[int, Share]) -> Found:
    """Run a case by its number: faults are made anew in each process."""
    number, share = case
    return tried(cases(share)[number])


def costs(found: Sequence[Found]) -> Iterator[Figure]:
    """Give what faults take of the processor."""
    sound = sum((each.sound_cost for each in found), Cost())
    damaged = sum((each.damaged_cost for each in found), Cost())
    yield Figure("processor_for_a_sound_answer_s", sound.each_s)
    yield Figure("processor_for_a_damaged_answer_times", damaged.each_s / sound.each_s, most=DAMAGED_COST)
    yield Figure("processor_with_a_fault_max_times", max(each.busy_times for each in found), most=FAULTY_COST)


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R4."""
    count = len(cases(share))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = list(pool.map(numbered, ((number, share) for number in range(count)), chunksize=4))
    unchecked = {make.name for make in MAKES if make.protocol not in CHECKED}
    for each in found:
        if (each.wrong and (each.make not in unchecked or not each.corrupt)) or each.late_bad_s > 0.0 or each.again_s > PROBED_S:
            sys.stdout.write(f"{each}\n")
    checked = [each for each in found if each.make not in unchecked]
    text = [each for each in found if each.make in unchecked]
    yield Figure("cases", count, least=share.of(180, 180))
    yield Figure("answers", sum(each.answers for each in found))
    yield Figure("corrupt", sum(each.corrupt for each in found), least=share.of(1000, 1000))
    yield Figure("good_values", sum(each.good for each in found), least=share.of(10_000, 10_000))
    yield Figure("wrong_values_checked", sum(len(each.wrong) for each in checked), most=0)
    late = [each for each in text if each.fault == TOO_LATE]
    sound = [each for each in text if not each.corrupt and each.fault != TOO_LATE]
    yield Figure("wrong_values_of_sound_text", sum(len(each.wrong) for each in sound), most=0)
    yield Figure("wrong_values_of_text_later_than_its_window", sum(len(each.wrong) for each in late))
    damaged = [each for each in text if each.corrupt]
    taken = sum(len(each.wrong) for each in damaged) / max(1, sum(each.corrupt for each in damaged))
    yield Figure("wrong_values_without_check_sum", sum(len(each.wrong) for each in damaged))
    yield Figure("share_of_corrupt_text_taken", taken, most=TEXT_TAKEN)
    yield from costs(found)
    yield Figure("good_longer_than_allowed_s", max(each.late_bad_s for each in found), most=LOOK_S + 0.1)
    yield Figure("beside_interval_p99_share", max(each.beside_p99 for each in found), most=BESIDE_SHARE)
    shared = {make.name for make in MAKES if make.protocol in SHARED}
    yield Figure("dead_unit_share_of_a_shared_bus", max(each.dead_share or 0.0 for each in found if each.make in shared), most=DEAD_SHARE)
    yield Figure("dead_unit_share_of_its_own_text_line", max(each.dead_share or 0.0 for each in text))
    unplugged = [each.again_s for each in found if each.fault.startswith("unplug")]
    yield Figure("again_after_unplug_max_s", max(unplugged, default=0.0), most=REOPENED_S)
    yield Figure("again_after_silence_max_s", max(each.again_s for each in found), most=PROBED_S)
    line = pytests.run("tests/links/test_bus.py", "tests/links/test_bus_faults.py")  # late and foreign answers, by name
    yield Figure("tests_of_late_answers", line.passed, least=30)
