"""R4: every kind of bus fault on every driver, in simulated time, on the whole daemon.

A unit of each make (stationd.sim) is read over its own protocol for a while without faults, so that it is known what it shows; its
instruments have no noise here and the plant does not change. Then a fault is at work for a minute, then it is healed. What counts as a
wrong value: a good reading that the unit never showed while its line was sound. Beside it a second unit is read on another bus.

Bytes are damaged on serial lines alone: what a damaged segment of TCP does is up to TCP's own check sum.
Protocols without a check sum (text) cannot see a digit that was turned into another digit: theirs are counted apart and published
(rulings 17). A unit that repeats an old answer for ever (stuck) cannot be told from outside, and is watched for everything but values.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, pairwise, product
from multiprocessing import get_context
from pathlib import Path

import structlog

from hil.faults import Fault, Kind
from hil.spoil import Piece, Spoiler
from stationd.app import App, load
from stationd.core.model import PointId, Value
from stationd.driver import Protocol
from stationd.links.bus import Bus
from stationd.links.port import Link, PortSettings, Receiver
from stationd.sim.meters import quiet
from stationd.sim.rig import Cable, Device, Port, Rig
from stationd.sim.wire_faults import FaultKind, foreign
from stationd.surroundings import Surroundings
from tests import virtual_time
from tests.memory_rig import MemoryRig
from tests.reliability import pytests
from tests.reliability.figures import Figure, Share
from tests.two_stations import STATE_BELOW, Computer, WallClock

LEARN_S, FAULT_S, HEAL_S = 20.0, 60.0, 20.0
LOOK_S = 0.1
FRESH_PERIODS, FRESH_S = 3.0, 2.0  # rulings 18
SOON_S = 5.0  # points that are read at least so often are looked at again after a fault
REOPENED_S, PROBED_S = 5.0, 10.5  # rulings 17: a reopened port, a mute unit; half a second until it has been read in full
BESIDE_SHARE, DEAD_SHARE = 1.10, 0.05
RATINGS = {"voltage_v": 1000.0, "current_ma": 1500.0, "power_w": 1500.0}
SUBJECT, BESIDE = "subject", "beside"
CHECKED = (Protocol.MODBUS_RTU, Protocol.MODBUS_TCP, Protocol.FRAME68)
SERIAL = tuple(each for each in Protocol if each is not Protocol.MODBUS_TCP)
SHARED = (Protocol.MODBUS_RTU, Protocol.FRAME68)  # lines on which a dead unit would cost its neighbours something
FOREIGN_KINDS = (FaultKind.WRONG_UNIT, FaultKind.WRONG_FUNCTION, FaultKind.WRONG_LENGTH)

Spoil = Callable[[bytes, bytes], Sequence[Piece]]


@dataclass(frozen=True, slots=True)
class Make:
    """A unit: its driver, its protocol and line, and what its sections need."""

    driver: str
    protocol: Protocol
    baud: int = 19200
    role: str = "pfe"

    @property
    def name(self) -> str:
        """Return the name for people."""
        return f"{self.driver} ({self.protocol.value})"


MAKES = (
    Make("ea-ps10000", Protocol.MODBUS_RTU), Make("ea-ps10000", Protocol.MODBUS_TCP), Make("modbus-io", Protocol.MODBUS_RTU, role="io"),
    Make("fug-probus5", Protocol.TEXT, 9600), Make("tdk-genesys", Protocol.TEXT), Make("spellman-xrv", Protocol.TEXT),
    Make("keopsys-cefa", Protocol.TEXT, role="booster"), Make("fiberlabs", Protocol.TEXT, 57600, "booster"),
    Make("amonics-aedfa", Protocol.TEXT, role="booster"), Make("edfa68", Protocol.FRAME68, 115200, "booster"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wire:
    """One fault: its name, and what it does to answers, made for a protocol. `ports` also hang up."""

    name: str
    spoils: Callable[[Protocol, int], Spoil] | None = None
    hang_ups: int = 0
    total: bool = False  # nothing usable comes through
    stuck: bool = False
    only: tuple[Protocol, ...] = tuple(Protocol)


@dataclass(slots=True)
class Found:
    """What one run found."""

    make: str
    fault: str
    answers: int = 0
    corrupt: int = 0
    wrong: list[str] = field(default_factory=list)
    late_bad_s: float = 0.0  # how much longer than allowed a value was still called good
    beside_p99: float = 0.0
    again_s: float = math.inf
    dead_share: float | None = None
    good: int = 0


# ---------------------------------------------------------------------- the faults


def of_kind(kind: Kind, **params: float) -> Callable[[Protocol, int], Spoil]:
    """Return what makes a fault of the rigs' vocabulary."""
    return lambda protocol, seed: Spoiler(Fault(kind, SUBJECT, params, seed), protocol.value).pieces


def bit_errors(rate: float) -> Callable[[Protocol, int], Spoil]:
    """Let each bit be turned over with a probability."""

    def make(_: Protocol, seed: int) -> Spoil:
        chance = random.Random(seed)

        def spoil(__: bytes, answer: bytes) -> Sequence[Piece]:
            damaged = bytearray(answer)
            for bit in range(8 * len(damaged)):
                if chance.random() < rate:
                    damaged[bit // 8] ^= 1 << bit % 8
            return [(0.0, bytes(damaged))]

        return spoil

    return make


def sound_but_foreign(kind: FaultKind) -> Callable[[Protocol, int], Spoil]:
    """Let frames come that are sound in themselves and no answer to this question, every third time."""

    def make(protocol: Protocol, _: int) -> Spoil:
        before: list[bytes] = []

        def spoil(__: bytes, answer: bytes) -> Sequence[Piece]:
            before.append(answer)
            strikes = len(before) % 3 == 0
            return [(0.0, foreign(protocol, kind, answer, before[-2]) if strikes else answer)]

        return spoil

    return make


def exceptions(protocol: Protocol, seed: int) -> Spoil:
    """Let every second answer be a refusal, with the codes 1 to 11 one after the other."""
    codes = cycle(of_kind(Kind.EXCEPTION, code=code, share=0.5)(protocol, seed + code) for code in range(1, 12))

    def refuse(question: bytes, answer: bytes) -> Sequence[Piece]:
        return next(codes)(question, answer)

    return refuse


def echoed(_: Protocol, __: int) -> Spoil:
    """Let the question come back in front of each answer."""
    return lambda question, answer: [(0.0, question), (0.0, answer)]


def wires() -> Iterator[Wire]:
    """Give all faults."""
    yield Wire("none")
    for rate in (1e-4, 1e-3, 1e-2):
        yield Wire(f"bit errors {rate:g}", bit_errors(rate), only=SERIAL)
    for share in (0.01, 0.1, 0.5):
        yield Wire(f"drop {share:.0%}", of_kind(Kind.DROP, share=share))
    yield Wire("drop 100%", of_kind(Kind.DROP), total=True)
    for delay_s in (0.2, 0.9):
        yield Wire(f"late by {delay_s} s", of_kind(Kind.LATE, share=0.2, delay_s=delay_s))
    yield Wire("late by 5 s", of_kind(Kind.LATE, delay_s=5.0), total=True)
    yield Wire("garbage", of_kind(Kind.GARBAGE, share=0.3, size=7), only=SERIAL)
    yield Wire("break", of_kind(Kind.BREAK, share=0.3), only=SERIAL)
    yield Wire("truncated", of_kind(Kind.TRUNCATE, share=0.3, size=3), only=SERIAL)
    yield Wire("duplicate", of_kind(Kind.DUPLICATE, share=0.5))
    yield Wire("echo", echoed, only=SERIAL)
    yield Wire("stuck", of_kind(Kind.STUCK), stuck=True)
    yield Wire("crc", of_kind(Kind.CRC), total=True, only=CHECKED[:1])
    yield Wire("exceptions 1-11", exceptions, only=CHECKED[:2])
    for kind in FOREIGN_KINDS:
        yield Wire(kind.value, sound_but_foreign(kind), only=CHECKED)
    yield Wire("unplug x100", hang_ups=100)


# ---------------------------------------------------------------------- one run


@dataclass(slots=True)
class Passage:
    """Stands between a port and its bus: spoils what the unit answers while `spoil` is set, and counts."""

    bus: Receiver
    found: Found
    link: Link | None = None
    spoil: Spoil | None = None
    question: bytes = b""

    def received(self, data: bytes) -> None:
        """Take an answer, whole."""
        if self.spoil is None:
            self.bus.received(data)
            return
        self.found.answers += 1
        pieces = self.spoil(self.question, data)
        self.found.corrupt += any(each != data for _, each in pieces)
        for delay_s, each in pieces:
            if delay_s > 0.0:
                asyncio.get_running_loop().call_later(delay_s, self.bus.received, each)
            else:
                self.bus.received(each)

    def lost(self, cause: str) -> None:
        """Hand on that the port has gone."""
        self.bus.lost(cause)

    def send(self, data: bytes) -> None:
        """Hand a question on."""
        assert self.link is not None
        self.question = data
        self.link.send(data)

    def rest(self, seconds: float) -> None:
        """Hand it on."""
        assert self.link is not None
        self.link.rest(seconds)

    def close(self) -> None:
        """Hand it on."""
        assert self.link is not None
        self.link.close()


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
    known: dict[PointId, set[Value]] = field(default_factory=lambda: defaultdict(set))
    learning: bool = True
    beside_t: list[float] = field(default_factory=list)

    async def open_port(self, settings: PortSettings, bus: Receiver) -> Link:
        """Open a port, the subject's with the passage in between."""
        assert isinstance(bus, Bus)
        if settings.port != self.rig.addresses[SUBJECT]:
            return await self.rig.open_port(settings, bus)
        self.bus = bus
        self.passage = passage = Passage(bus, self.found, spoil=self.spoil)
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
            self.known[point].add(reading.value)
        elif not self.wire.stuck:
            self.found.good += 1
            if not _shown_before(reading.value, self.known[point]):
                self.found.wrong.append(f"{point} = {reading.value!r}")

    def look_at_age(self) -> None:
        """See that no value is called good for longer than it may."""
        assert self.app is not None
        now, periods = asyncio.get_running_loop().time(), self.app.board.periods()
        for point, every_s in periods.items():
            reading = self.app.board[point]
            if point.device == SUBJECT and reading.quality.good:
                too_old_s = now - reading.t - max(FRESH_PERIODS * every_s, FRESH_S)
                self.found.late_bad_s = max(self.found.late_bad_s, too_old_s)


def _shown_before(value: Value, known: set[Value]) -> bool:
    """Tell whether the unit showed this; numbers may lie between those that it showed, in the last of their digits."""
    if value in known or not known:
        return True
    if isinstance(value, bool | str):
        return False
    numbers = [each for each in known if not isinstance(each, bool | str)]
    slack = max(1e-6, 0.002 * max((abs(each) for each in numbers), default=0.0))
    return bool(numbers) and min(numbers) - slack <= value <= max(numbers) + slack


def rig_of(make: Make) -> Rig:
    """Return the unit on a port of its own and a module of contacts on another one."""
    link = "tcp" if make.protocol is Protocol.MODBUS_TCP else "pty"
    pair = 1 if make.role == "booster" else None
    known = RATINGS if make.driver == "ea-ps10000" else {name: value for name, value in RATINGS.items() if name != "power_w"}
    ratings = known if make.role == "pfe" else {}
    subject = Device(port=SUBJECT, driver=make.driver, role=make.role, fibre_pair=pair, ratings=ratings)  # type: ignore[arg-type]
    ports = {SUBJECT: Port(link=link, protocol=make.protocol, baud=make.baud), BESIDE: Port(link="tcp", protocol=Protocol.MODBUS_TCP)}  # type: ignore[arg-type]
    beside = Device(port=BESIDE, driver="modbus-io", role="io")
    return Rig(Cable(test_set="s1-341", fibre_pairs=1), ports, {SUBJECT: subject, BESIDE: beside}, light={})


def station_text(make: Make, rig: Rig, addresses: Mapping[str, str], home: Path) -> str:
    """Return the file of a station that reads both."""
    baud = "" if make.protocol is Protocol.MODBUS_TCP else f"baud = {make.baud}\n"
    subject = rig.device[SUBJECT]
    ratings = "".join(f"{name} = {value}\n" for name, value in subject.ratings.items())
    return (
        f'[station]\nname = "proof"\nmode = "sim"\nstate = "{home}/state"\n'
        f'[bus.{SUBJECT}]\nport = "{addresses[SUBJECT]}"\nprotocol = "{make.protocol.value}"\n{baud}'
        f'[device.{SUBJECT}]\ndriver = "{make.driver}"\nbus = "{SUBJECT}"\naddress = 1\nrole = "{make.role}"\n'
        + ("fibre_pair = 1\n" if make.role == "booster" else "")
        + (f"[device.{SUBJECT}.ratings]\n{ratings}" if ratings else "")
        + f'[bus.{BESIDE}]\nport = "{addresses[BESIDE]}"\nprotocol = "modbus-tcp"\n'
        f'[device.{BESIDE}]\ndriver = "modbus-io"\nbus = "{BESIDE}"\naddress = 1\nrole = "io"\n'
    )


def tried(case: tuple[Make, Wire, int]) -> Found:
    """Run one fault on one make, in virtual time."""
    make, wire, seed = case
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return virtual_time.run(_trial(make, wire, seed), virtual_time.LoneLoop)


async def _trial(make: Make, wire: Wire, seed: int) -> Found:
    rig = rig_of(make)
    memory = MemoryRig(rig, seed)
    memory.simulation.plant.meters = quiet(memory.simulation.plant.meters)
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
            await _acts(trial, seed)
            for task in (watching, running, plant):
                task.cancel()
    return trial.found


async def _watch(trial: Trial) -> None:
    assert trial.app is not None
    subscription = trial.app.board.subscribe()
    while True:
        await subscription.wait()
        for point in subscription.take():
            trial.note(point)


async def _acts(trial: Trial, seed: int) -> None:
    assert trial.app is not None
    await asyncio.sleep(LEARN_S)
    bus = trial.bus
    assert bus is not None
    trial.learning = False
    trial.set_spoil(trial.wire.spoils(trial.make.protocol, seed) if trial.wire.spoils else None)
    busy_s = 0.0
    for step in range(round(FAULT_S / LOOK_S)):
        if trial.wire.hang_ups and step % round(FAULT_S / LOOK_S / trial.wire.hang_ups) == 0:
            trial.rig.simulation.port(SUBJECT).hang_up(0.05)
        if step == round(FAULT_S / LOOK_S / 2):
            busy_s = bus.statistics.busy_s
        await asyncio.sleep(LOOK_S)
        trial.look_at_age()
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


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R4."""
    count = len(cases(share))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = list(pool.map(numbered, ((number, share) for number in range(count)), chunksize=4))
    unchecked = {make.name for make in MAKES if make.protocol not in CHECKED}
    for each in found:
        if (each.wrong and each.make not in unchecked) or each.late_bad_s > 0.0 or each.again_s > PROBED_S:
            sys.stdout.write(f"{each}\n")
    checked = [each for each in found if each.make not in unchecked]
    text = [each for each in found if each.make in unchecked]
    yield Figure("cases", count, least=share.of(180, 180))
    yield Figure("answers", sum(each.answers for each in found))
    yield Figure("corrupt", sum(each.corrupt for each in found), least=share.of(1000, 1000))
    yield Figure("wrong_values_checked", sum(len(each.wrong) for each in checked), most=0)
    yield Figure("wrong_values_without_check_sum", sum(len(each.wrong) for each in text))
    yield Figure("share_of_corrupt_text_taken", sum(len(each.wrong) for each in text) / max(1, sum(each.corrupt for each in text)))
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
