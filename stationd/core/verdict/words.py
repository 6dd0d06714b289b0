"""The verdict and its words. What leads to which verdict: stationd.core.verdict.judge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stationd.core.line.words import Interval, Location


class Kind(Enum):
    """What happened: the rows of the event table of a landing station, and two that are none."""

    HEALTHY = "healthy"
    CANNOT_TELL = "cannot-tell"
    SHUNT = "shunt"
    MIS_SET = "current-mis-set"
    EARTH_POTENTIAL = "earth-potential"
    CABLE_CUT = "cable-cut"
    FIBRE_BREAK = "fibre-break"
    OPEN = "insulated-open"
    FEED_TRIP_HERE = "feed-trip-here"
    FEED_TRIP_FAR = "feed-trip-far"
    BOTH_OFF = "both-feeds-off"
    CONVERTER = "converter-failed"
    REPEATER_PUMP = "repeater-pump"
    REPEATER_FAILED = "repeater-failed"
    TERMINAL_PUMP = "terminal-pump"
    CONNECTOR = "connector-open"
    PUMP_OFF = "raman-or-ropa-off"
    ELECTRODING = "electroding"
    INTERLOCK = "interlock"
    SENSOR = "sensor-fault"
    BUS_LOST = "bus-lost"
    OPERATION = "operation"
    SWITCHED_OFF = "feed-switched-off"


class Ours(Enum):
    """Whether the fault is in this station (up to the demarcation), beyond it, or cannot be told."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot-tell"
    NOTHING = "nothing-wrong"


class Confidence(Enum):
    """HIGH: two independent observations agree; MEDIUM: one end or one observation alone; LOW: the best of several guesses."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class First:
    """What was seen first, where (station and channel or unit), when, and how well that time is known."""

    what: str
    where: str
    t: float
    uncertainty_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of the first screen. `sentence` fits one line of 60 characters; `why` and `next` are for people, one each.

    `place` is in km from end a, None where the place is not a kilometre; `where` always says it in words. `location` is the
    electrical location, where there is one. `one_end` tells that it rests on this end alone. `first_out` is None where nothing
    happened, or where the clocks cannot tell what came first (`tied` then names those). `since` is when it began.
    """

    kind: Kind
    ours: Ours
    confidence: Confidence
    sentence: str
    where: str
    why: tuple[str, ...]
    next: tuple[str, ...]
    since: float
    place: Interval | None = None
    location: Location | None = None
    pairs: tuple[int, ...] = ()
    first_out: First | None = None
    tied: tuple[First, ...] = ()
    one_end: bool = False
