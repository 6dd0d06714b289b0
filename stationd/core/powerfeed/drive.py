"""What the machine of a power feed remembers beside its phase, and what it sees at one moment. Data and plain questions about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.model import PointId, Reading, Value
from stationd.core.operation.task import Energise, FeedTask, Part, Put, RampTo, SwitchOff
from stationd.core.powerfeed.machine import Event, Phase
from stationd.core.powerfeed.profile import Profile, tenths
from stationd.core.powerfeed.words import FRESH_S, FarFeed, FeedPlan, Seen

SAME_MA = 0.5  # a set point that shows another value than at its read-back by more is somebody else's (assumption)
SAME_V = 1.0  # the same for a voltage set point (assumption)


@dataclass(frozen=True, slots=True)
class SetTo:
    """A set point that stands: what was put, what the unit showed then, and when. One that is adopted was put by somebody else."""

    put: float
    shown: float
    t: float


@dataclass(frozen=True, slots=True)
class Pending:
    """The one write that is under way."""

    put: Put
    since_t: float


@dataclass(frozen=True, slots=True)
class Left:
    """The current that a feed holds at, and since when it is that; `settled` once it was that for long enough to speak of a change."""

    current_ma: float
    t: float
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Agreed:
    """A look at which all was as it should be: the times of its readings, and the voltage (V) of both ends together."""

    current_t: float
    voltage_t: float
    whole_v: float


@dataclass(frozen=True, slots=True)
class Drive:
    """All that an executor remembers. Times are those of entering: the phase, this run, the last look.

    `back` is True once a person has sent it back. `began_ma` is where a ramp began; `ceiling_ma` the highest current that this
    run asks for. `on_t` is since when the output is on by its own word (None: not known to be on, or we ask it to go off);
    `switched_t` when a write of ours to a switch was confirmed. `deviating_t` and `steady_t` are since when something lasts.
    Held: `left` is what it was left at, `moved` what somebody else has moved since, in a sentence; "" if nothing.
    """

    phase: Phase = Phase.IDLE
    phase_t: float = 0.0
    run_t: float = 0.0
    looked_t: float = 0.0
    back: bool = False
    began_ma: float | None = None
    ceiling_ma: float | None = None
    on_t: float | None = None
    switched_t: float | None = None
    pending: Pending | None = None
    steps: tuple[Put, ...] = ()
    stands: Mapping[PointId, SetTo] = field(default_factory=dict)
    profile: Profile | None = None
    hold_points: tuple[float, ...] = ()
    by_voltage: bool = False
    deviating_t: float | None = None
    agreed: Agreed | None = None
    steady_t: float | None = None
    spread_v: tuple[float, float] | None = None
    left: Left | None = None
    moved: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """An event for the table, and the sentence with the live values that goes with it."""

    event: Event
    words: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything at one moment: what is configured, asked, remembered and seen."""

    plan: FeedPlan
    task: FeedTask
    drive: Drive
    seen: Seen
    now: float

    @property
    def part(self) -> Part:
        """What this end does; SINGLE for all but a double-end energising."""
        return self.task.part if isinstance(self.task, Energise) else Part.SINGLE

    @property
    def leaving(self) -> bool:
        """Whether the output is to go off at the end."""
        return isinstance(self.task, SwitchOff) or (isinstance(self.task, Energise) and self.drive.back)

    @property
    def measured_ma(self) -> float | None:
        """Current, if good and fresh."""
        return self.seen.number(self.plan.points.current_ma, self.now)

    @property
    def voltage_v(self) -> float | None:
        """Voltage of this end, if good and fresh."""
        return self.seen.number(self.plan.points.voltage_v, self.now)

    @property
    def stands_ma(self) -> float | None:
        """The current set point that stands."""
        return self.put_to(self.plan.points.setpoint_ma)

    @property
    def target_ma(self) -> float | None:
        """Where the current is to come to, in tenths; None where a task does not move it."""
        match self.task:
            case Energise(to_ma=to_ma):
                return 0.0 if self.drive.back else tenths(to_ma)
            case RampTo(to_ma=to_ma):
                return tenths(self.drive.began_ma) if self.drive.back and self.drive.began_ma is not None else tenths(to_ma)
            case SwitchOff():
                return 0.0
            case _:
                return None

    @property
    def far(self) -> FarFeed | None:
        """The far end, if its message is fresh."""
        return self.seen.far if self.seen.far is not None and self.now < self.seen.far.t + FRESH_S else None

    @property
    def far_on(self) -> bool:
        """True only where the far station says that its feed is on."""
        return self.far is not None and self.far.on is True

    @property
    def far_v(self) -> float | None:
        """Voltage of the far feed, if it was fresh when it was told."""
        far = self.far
        return far.voltage_v if far is not None and far.feed_t is not None and far.t < far.feed_t + FRESH_S else None

    @property
    def holds_current(self) -> bool:
        """Whether this end of two is where its task ends: the current set point there, and the voltage let go."""
        target_ma, stands_ma, stands_v = self.target_ma, self.stands_ma, self.put_to(self.plan.points.voltage_setpoint_v)
        there = target_ma is not None and stands_ma is not None and abs(stands_ma - target_ma) <= SAME_MA
        return there and (self.part is Part.MASTER or (stands_v is not None and stands_v >= self.plan.max_v - SAME_V))

    @property
    def idle_ma(self) -> float:
        """The current that counts as none: 1 % of nominal (assumption: the offset of a meter)."""
        return 0.01 * self.plan.nominal_ma

    def put_to(self, point: PointId | None) -> float | None:
        """Return what a set point was put to, where it is known."""
        standing = self.drive.stands.get(point) if point is not None else None
        return None if standing is None else standing.put

    def newest(self, point: PointId | None, since_t: float | None) -> Reading | None:
        """Return the newest reading of a point if it is good, fresh and newer than `since_t`."""
        reading = self.seen.last(point, self.now)
        return reading if reading is not None and (since_t is None or reading.t > since_t) else None

    def both(self, point: PointId | None, since_t: float | None = None) -> tuple[Value, Value] | None:
        """Return the values of the last two readings: different ones, both good, both fresh, both newer than `since_t`."""
        pair = self.seen.readings.get(point, ())[-2:] if point is not None else ()
        if len(pair) < 2 or pair[0].t >= pair[1].t or not all(each.quality.good for each in pair):
            return None
        oldest, (first, second) = pair[0].t, (pair[0].value, pair[1].value)
        if self.now >= oldest + FRESH_S or (since_t is not None and oldest <= since_t) or first is None or second is None:
            return None
        return first, second

    def numbers(self, point: PointId | None, since_t: float | None = None) -> tuple[float, float] | None:
        """Return the same as numbers; None for words and truths too."""
        pair = self.both(point, since_t)
        if pair is None or any(isinstance(each, (bool, str)) for each in pair):
            return None
        return float(pair[0]), float(pair[1])

    def since_put(self, point: PointId) -> float | None:
        """Return when a set point was confirmed: only what was measured after that speaks of it."""
        standing = self.drive.stands.get(point)
        return None if standing is None else standing.t


def amperes(value_ma: float | None) -> str:
    """Return a current for a sentence."""
    return "an unknown current" if value_ma is None else f"{round(value_ma, 1) + 0.0:g} mA"


def volts(value_v: float | None, *, negative: bool = False) -> str:
    """Return a voltage for a sentence, with the sign of the feed's polarity."""
    return "an unknown voltage" if value_v is None else f"{-value_v if negative else value_v:+.0f} V"
