"""Two ends of a line for tests of the link: what each says, the clocks of both, and everything that a link hands on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from stationd.board import Board
from stationd.core.alarm.builtin import plan as alarm_plan
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Facts
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.core.line.far import FarEvent, FarLight, FarLine, FarSilent
from stationd.core.line.plan import FeedPoints, LinePlan
from stationd.core.line.words import Cable, End, Feed, Regulation
from stationd.core.model import Level, PointId, Reading
from stationd.core.watch.line_watch import NearEnd
from stationd.farstation.exchange import Deliver, Exchange
from stationd.farstation.guard import Expected
from stationd.farstation.link import FarLink, Posted, Settings
from stationd.farstation.near import NearStation
from stationd.farstation.unit import FarUnit, far_unit
from stationd.farstation.words import ClockTold, FeedTold, Happened, LightTold, Message, Share, Told
from stationd.outputs.document import Identity, Mode
from stationd.outputs.journal import Moment
from stationd.tap import Tap
from tests.outputs.plant import PFE

News = TypeVar("News")
KEY = b"0123456789abcdef"
NOW = 1_795_000_000.0  # UTC at monotonic second 1000, where virtual time begins
EXPECTED = Expected("aktau", "siyazan", "s1", Mode.SIM, 2.0)
LATE_S = 0.03  # of a message on its way
GOOD_CLOCK = ClockTold(True, 0.02)
NEAR = NearEnd(
    Feed(1000.1, 250.4, 0.0, True, Regulation.CURRENT),
    {1: FarLight(-21.5, 3.0, False), 2: FarLight(None, 3.1, True, 990.0)},
    (FarEvent("light-lost", "fp2-rx", 990.0, 0.001),),
)


def message(sequence: int = 1, sent: float = NOW, boot: str = "run-1", **changes: Any) -> Message:
    """A message of Siyazan to Aktau."""
    told = Told(1000.1, Level.GOOD, sent - 0.3)
    usual = Message(
        station="siyazan",
        line="s1",
        mode=Mode.SIM,
        boot=boot,
        sequence=sequence,
        sent_utc_s=sent,
        clock=GOOD_CLOCK,
        shared=frozenset(Share),
        feed=FeedTold(told, replace(told, value=250.4), replace(told, value=True), replace(told, value="cc")),
        light={1: LightTold(-21.5, 3.0, False), 2: LightTold(None, 3.1, True, sent - 10.0)},
        events=(Happened("light-lost", "fp2-rx", sent - 10.0, 0.001),),
        alarms=("fp2-rx/LIGHT-LOST",),
        holds=("diver",),
    )
    return replace(usual, **changes)


@dataclass(slots=True)
class SetClock:
    """The time of day of a station: that of the loop, and as wrong as a test wants."""

    ahead_s: float = 0.0
    synchronised: bool = True
    uncertainty_s: float | None = 0.02

    def __call__(self) -> Moment:
        t = asyncio.get_running_loop().time()
        return Moment(NOW + t - 1000.0 + self.ahead_s, self.synchronised, t, self.uncertainty_s)


@dataclass(slots=True)
class KnownEnd:
    """What the line watch of an end says; None: nothing is known."""

    plan: LinePlan
    near: NearEnd = NEAR

    def near_end(self, now: float) -> NearEnd:
        feed = self.near.feed
        return replace(self.near, feed=feed and replace(feed, t=now - 0.3))


@dataclass(slots=True)
class Post:
    """Takes what a link posts."""

    taken: list[tuple[float, Posted]] = field(default_factory=list)

    def __call__(self, news: Sequence[Posted]) -> None:
        now = asyncio.get_running_loop().time()
        self.taken += [(now, each) for each in news]

    def of(self, kind: type[News]) -> list[News]:
        return [each for _, each in self.taken if isinstance(each, kind)]

    def signals(self, key: AlarmKey) -> list[Signal]:
        return [each for each in self.of(Signal) if each.key == key]

    @property
    def lines(self) -> list[FarLine]:
        return self.of(FarLine)

    @property
    def silences(self) -> list[FarSilent]:
        return self.of(FarSilent)

    def readings(self, point: str) -> list[Reading]:
        device, _, name = point.partition(".")
        return [each for _, each in self.taken if isinstance(each, Reading) and each.point == PointId(device, name)]


@dataclass(slots=True)
class Way:
    """The exchange of one end, in memory: what `passes` makes of a message comes to the other end a little later."""

    passes: Callable[[bytes], list[tuple[bytes, bool]]] = field(default_factory=lambda: usual)
    sent: list[tuple[float, str, bytes]] = field(default_factory=list)
    readers: dict[str, Deliver] = field(default_factory=dict)
    other: Way | None = None

    def publish(self, topic: str, payload: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), topic, payload))
        for arrives, kept in self.passes(payload):
            deliver = self.other.readers.get(topic) if self.other is not None else None
            if deliver is not None:
                loop.call_later(LATE_S, deliver, arrives, kept)

    def subscribe(self, topic: str, deliver: Deliver) -> None:
        self.readers[topic] = deliver


def usual(payload: bytes) -> list[tuple[bytes, bool]]:
    """Let it arrive."""
    return [(payload, False)]


def silent(payload: bytes) -> list[tuple[bytes, bool]]:
    """Let nothing arrive."""
    return []


def unsigned(payload: bytes) -> list[tuple[bytes, bool]]:
    """Take its signature away."""
    return [(payload[: payload.rindex(b',"signature"')] + b"}", False)]


def retained(payload: bytes) -> list[tuple[bytes, bool]]:
    """Let it arrive as if it had lain at the broker."""
    return [(payload, True)]


@dataclass(slots=True)
class Replayed:
    """Lets some messages pass, then sends those again instead of new ones."""

    most: int
    old: list[bytes] = field(default_factory=list)

    def __call__(self, payload: bytes) -> list[tuple[bytes, bool]]:
        if len(self.old) < self.most:
            self.old.append(payload)
            return usual(payload)
        self.old.append(self.old.pop(0))
        return usual(self.old[-1])


@dataclass(slots=True)
class Station:
    """One end: its link, its clock and what it posts."""

    link: FarLink
    clock: SetClock
    post: Post
    unit: FarUnit
    known: KnownEnd


def station(
    name: str, far: str, exchange: Exchange, key: bytes = KEY, *, boot: str = "", shared: frozenset[Share] = frozenset(Share),
    expected: Expected = EXPECTED, no_key: str = "",
) -> Station:  # fmt: skip
    """Make an end of the line, in the running loop."""
    feed = FeedPoints("pfe-a", PointId("pfe-a", "output_current"), PointId("pfe-a", "output_voltage"))
    plan = LinePlan("s1", End.A, Cable(341.0, 1.0), name, far, feeds=(feed,))
    unit, now = far_unit(far, 2, expected.max_age_s, fed=True), asyncio.get_running_loop().time()
    desk = Alarms(alarm_plan(Facts(())), now)
    clock, post, known = SetClock(), Post(), KnownEnd(plan)
    feed_unit = Tap("pfe-a", PFE, role="pfe")
    near = NearStation(Identity(name, name, expected.mode), Board((unit, feed_unit), now), desk, known, shared)
    settings = Settings(replace(expected, station=name, far_station=far), key, no_key)
    return Station(FarLink(settings, near, unit, exchange, post, clock, boot), clock, post, unit, known)
