"""All that a verdict rests on, as one value: what this end measures, what the far end says, and what both mean together.

None and UNKNOWN mean that it cannot be known, never that it is well. What the far station says stands apart from what this
station has seen itself: a verdict needs something of the latter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stationd.core.light.pair import PairLight
from stationd.core.light.pump import Ageing
from stationd.core.line.words import End, Feed, Interval, Location
from stationd.core.verdict.words import First


class Power(Enum):
    """How a power feed stands."""

    FEEDING = "feeding"
    AT_LIMIT = "at its voltage limit without current"
    OFF = "off"
    UNKNOWN = "unknown"
    ABSENT = "none"  # the line needs no feed


class Sign(Enum):
    """What voltage and current say, seen from this end and, where `ends` is 2, from both."""

    NONE = "nothing has changed"
    SHUNT = "the conductor touches the sea"
    MIS_SET = "the ends hold different currents"
    EARTH = "an earth potential drives the line"
    REPEATER = "a repeater drops another voltage"
    FAR_TRIP = "this end carries the whole line"
    OPEN = "the conductor is open"
    UNCLEAR = "something has changed"
    UNKNOWN = "this end cannot be read"


@dataclass(frozen=True, slots=True)
class Electric:
    """The electrical side. `ends` tells on how many ends `sign` rests; `candidates` are the others that it could be.

    Steps in volts are against the last steady state; `own_shift_ma` and `far_shift_ma` are how far the set point of each end moved
    (None: not known). `visible` is False where a shunt is sure but its place cannot be seen. `contradicted`: what the far end says
    cannot be with what this end measures on this line. `there` is UNKNOWN while the far end's last words are older than what this
    end has seen; `settling` tells that fresh ones can still come. `powered`: our feed is off, and light still comes through the
    repeaters, so that the far end carries the line; `leaks`: our feed is off, and the far one drives its current with less than the
    voltage of the line, so that it ends in the sea. `settled` is False while a place rests on readings of a line that may still be
    moving. `doubt_v` is a residual beyond what the facts of the line may be wrong by, None where they fit. `whole_v` is what both
    ends gave together before, None where one was not known. `alone`: an operation of ours has energised the line while the far feed
    was off, so that it is meant to be so. `parted`: the currents of the ends differ by so much that some of it leaves the line
    between them. `dim_there`: the far feed gives too little current for repeaters to shine.
    """

    here: Power = Power.UNKNOWN
    there: Power = Power.UNKNOWN
    sign: Sign = Sign.UNKNOWN
    ends: int = 0
    candidates: tuple[Sign, ...] = ()
    location: Location | None = None
    visible: bool = True
    near: Feed | None = None
    far: Feed | None = None
    step_v: float | None = None
    far_step_v: float | None = None
    own_shift_ma: float | None = None
    far_shift_ma: float | None = None
    residual_v: float | None = None
    over_voltage_here: bool = False
    over_voltage_there: bool = False
    contradicted: bool = False
    settling: bool = False
    powered: bool = False
    leaks: bool = False
    settled: bool = True
    doubt_v: float | None = None
    whole_v: float | None = None
    alone: bool = False
    parted: bool = False
    dim_there: bool = False


MOVING = frozenset({"starting", "running"})  # phases of an operation in which the line may change


@dataclass(frozen=True, slots=True)
class Act:
    """An operation: its name, the phase it stands in, and what it goes for, in words."""

    name: str
    phase: str
    target: str

    @property
    def moves(self) -> bool:
        """True while it may change the line; one that is held lets the plant stand still."""
        return self.phase in MOVING

    @property
    def switches_off(self) -> bool:
        """True when it takes a feed off the line."""
        return self.target.split(" ")[0] == "off"


@dataclass(frozen=True, slots=True)
class Contacts:
    """What contacts and flags of this station say: names of points or units, empty where nothing is amiss."""

    tripped: str = ""
    interlock: str = ""
    mains: str = ""
    converter: str = ""
    electroding: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The input of the verdict. `far_known` is False when nothing valid came lately; `far_why` says what is wrong with it.

    `buses_lost` and `mute` are ports and units that give no news; `events` are what both ends saw happen since `since`.
    `demarcation_km` is counted from this station and `length_km` is that of the cable, 0 where nothing is known.
    """

    end: End
    station: str
    far_station: str
    now: float
    since: float
    length_km: float
    demarcation_km: float = 0.0
    fed: bool = True
    pairs: tuple[PairLight, ...] = ()
    electric: Electric = Electric()
    contacts: Contacts = Contacts()
    far_known: bool = False
    far_why: str = ""
    far_alarms: tuple[str, ...] = ()
    buses_lost: tuple[str, ...] = ()
    mute: tuple[str, ...] = ()
    ageing: tuple[Ageing, ...] = ()
    faded: tuple[int, ...] = ()  # pairs whose level has been lower than at the baseline for long enough, far from dark
    events: tuple[First, ...] = ()
    acting: bool = False  # people change the line, or it settles after that
    own_acts: tuple[Act, ...] = ()
    far_acts: tuple[Act, ...] = ()
    switched_off: str = ""  # the operation of ours that has switched our feed off
    held: tuple[Act, ...] = ()  # operations of either end that stand still
    broken: bool = False  # while the line is changed on purpose something goes wrong that the operation does not explain
    low: bool = False  # an operation has left the line at a current that is too low for repeaters to shine
    low_fits: bool | None = None  # then: whether voltage and current are those of a sound line; None: the far end is not known

    def from_here_km(self, km: float) -> float:
        """Return the distance from this station of a kilometre that is counted from end a."""
        return km if self.end is End.A else self.length_km - km

    def place_from_here(self, place: Interval) -> tuple[float, float]:
        """Return the nearest and the farthest distance from this station that an interval allows, in km."""
        one, other = self.from_here_km(place.low_km), self.from_here_km(place.high_km)
        return min(one, other), max(one, other)
