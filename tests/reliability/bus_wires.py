"""What R4 and R17 share: makes of units, the faults of their lines, and what stands between a port and its bus to spoil what comes.

A fault is made for a protocol and a seed, so that a case that failed is played again. What it is not: a judgement (bus_faults, simulation).
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from hil.faults import Fault, Kind
from hil.spoil import Piece, Spoiler
from stationd.driver import Protocol
from stationd.links.port import Link, Receiver
from stationd.sim.rig import Cable, Device, Port, Rig
from stationd.sim.wire_faults import FaultKind, foreign

RATINGS = {"voltage_v": 1000.0, "current_ma": 1500.0, "power_w": 1500.0}
SUBJECT, BESIDE = "subject", "beside"
CHECKED = (Protocol.MODBUS_RTU, Protocol.MODBUS_TCP, Protocol.FRAME68)
SERIAL = tuple(each for each in Protocol if each is not Protocol.MODBUS_TCP)
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
class Cost:
    """What so many answers took of the processor."""

    answers: int = 0
    taken_s: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.answers + other.answers, self.taken_s + other.taken_s)

    @property
    def each_s(self) -> float:
        """Return that of one of them."""
        return self.taken_s / max(1, self.answers)


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
    sound_cost: Cost = field(default_factory=Cost)
    damaged_cost: Cost = field(default_factory=Cost)
    busy_times: float = 0.0  # the processor's time of the minute of the fault, against that of as long without it


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
    yield Wire("wrong id", of_kind(Kind.WRONG_ID, share=0.3), only=(Protocol.MODBUS_TCP,))
    yield Wire("exceptions 1-11", exceptions, only=CHECKED[:2])
    for kind in FOREIGN_KINDS:
        yield Wire(kind.value, sound_but_foreign(kind), only=CHECKED)
    yield Wire("unplug x100", hang_ups=100)


# ---------------------------------------------------------------------- the unit and its line


@dataclass(slots=True)
class Passage:
    """Stands between a port and its bus: spoils what the unit answers while `spoil` is set, and counts."""

    bus: Receiver
    found: Found
    link: Link | None = None
    spoil: Spoil | None = None
    question: bytes = b""
    asked_t: list[float] = field(default_factory=list)

    def received(self, data: bytes) -> None:
        """Take an answer, whole."""
        if self.spoil is None:
            self._hear(data, self.found.sound_cost)
            return
        self.found.answers += 1
        pieces = self.spoil(self.question, data)
        self.found.corrupt += any(each != data for _, each in pieces)
        for delay_s, each in pieces:
            cost = self.found.sound_cost if each == data else self.found.damaged_cost
            if delay_s > 0.0:
                asyncio.get_running_loop().call_later(delay_s, self._hear, each, cost)
            else:
                self._hear(each, cost)

    def _hear(self, data: bytes, cost: Cost) -> None:
        begun = time.thread_time()
        self.bus.received(data)
        cost.answers, cost.taken_s = cost.answers + 1, cost.taken_s + time.thread_time() - begun

    def lost(self, cause: str) -> None:
        """Hand on that the port has gone."""
        self.bus.lost(cause)

    def send(self, data: bytes) -> None:
        """Hand a question on."""
        assert self.link is not None
        self.question = data
        self.asked_t.append(asyncio.get_running_loop().time())
        self.link.send(data)

    def rest(self, seconds: float) -> None:
        """Hand it on."""
        assert self.link is not None
        self.link.rest(seconds)

    def close(self) -> None:
        """Hand it on."""
        assert self.link is not None
        self.link.close()


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
