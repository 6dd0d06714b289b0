"""The words of a message between two stations. Times are UTC, Unix seconds rounded to the microsecond; values as the panels show them.

What a station does not share is None or empty, and `shared` says so: unknown, never healthy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from stationd.core.model import Level, Value
from stationd.outputs.document import Mode


class Share(Enum):
    """What an operator may let the other one know. FEED: voltage, current, earth; OPERATIONS: holds and the operation."""

    FEED = "feed"
    LIGHT = "light"
    EVENTS = "events"
    ALARMS = "alarms"
    OPERATIONS = "operations"


class Result(Enum):
    """What became of a message that came in the far station's name. The words are label values of a metric."""

    ACCEPTED = "accepted"
    TOO_BIG = "too-big"
    RETAINED = "retained"
    UNSIGNED = "unsigned"
    WRONG_SIGNATURE = "wrong-signature"
    MALFORMED = "malformed"
    OUR_OWN = "our-own"
    WRONG_STATION = "wrong-station"
    WRONG_LINE = "wrong-line"
    WRONG_MODE = "wrong-mode"
    TOO_OLD = "too-old"
    FROM_THE_FUTURE = "from-the-future"
    WRONG_CLOCK = "wrong-clock"
    REPLAYED = "replayed"
    OUT_OF_ORDER = "out-of-order"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message that is not believed: why in one word, and what was wrong in a sentence."""

    result: Result
    detail: str


@dataclass(frozen=True, slots=True)
class Told:
    """One value as its station knows it: `value` is None unless `level` is GOOD or UNCERTAIN. `utc_s` is that of its exchange."""

    value: Value | None
    level: Level
    utc_s: float


@dataclass(frozen=True, slots=True)
class FeedTold:
    """The power feed of an end: current in mA, voltage in V, output on or off, regulation (cc, cv or off)."""

    current: Told
    voltage: Told
    on: Told
    regulation: Told


@dataclass(frozen=True, slots=True)
class LightTold:
    """One fibre pair: levels in dBm (None: dark or not measured), whether light is lost (None: not known) and since when."""

    receive_dbm: float | None = None
    transmit_dbm: float | None = None
    lost: bool | None = None
    since_utc_s: float | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened there, and how well its time is known by its own measurement (clocks come on top)."""

    what: str
    where: str
    utc_s: float
    uncertainty_s: float


@dataclass(frozen=True, slots=True)
class ClockTold:
    """Whether a station's clock is synchronised, and by how much it may be wrong (None: its kernel does not know)."""

    synchronised: bool
    uncertainty_s: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The last message of ours that the far station believed, and when by its own clock: half of a comparison of both clocks."""

    boot: str
    sequence: int
    utc_s: float


@dataclass(frozen=True, slots=True)
class Operation:
    """The operation that runs there: its name, its phase and what it goes for."""

    id: str
    phase: str
    target: str


@dataclass(frozen=True, slots=True)
class Message:
    """All that a station says in one second."""

    station: str
    line: str
    mode: Mode
    boot: str
    sequence: int
    sent_utc_s: float
    clock: ClockTold
    heard: Heard | None = None
    shared: frozenset[Share] = frozenset()
    feed: FeedTold | None = None
    earth: str | None = None
    light: Mapping[int, LightTold] = field(default_factory=dict)
    events: tuple[Happened, ...] = ()
    alarms: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    operation: Operation | None = None
