"""What is configured of a power feed that can be driven, and what the machine knows of both ends at one moment.

Currents in mA, voltages in V (magnitudes in each feed's own polarity), times monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.line.words import Cable
from stationd.core.model import PointId, Reading

FRESH_S = 2.0  # a point that gates an operation counts as missing without a good answer for so long
APART_S = 2 * FRESH_S  # two readings that confirm each other are no further apart: what was before a silence confirms nothing
GATE_EVERY_S = 0.5  # and is read so often meanwhile
LEAD_S = 1.0  # the set point is never more than so much of the profile's rate away from the measured current


@dataclass(frozen=True, slots=True)
class DrivenPoints:
    """The points of a feed. None: the unit has no such point.

    `self_acting` are settings that must read False (auto-restart, communication watchdog): they would act by themselves.
    """

    current_ma: PointId
    voltage_v: PointId
    setpoint_ma: PointId
    on: PointId
    remote: PointId
    voltage_setpoint_v: PointId | None = None
    regulation: PointId | None = None
    fault: PointId | None = None
    interlock: PointId | None = None
    polarity_negative: PointId | None = None
    slew_ma_per_s: PointId | None = None
    slew_mode: PointId | None = None
    electroding: PointId | None = None
    earthed: PointId | None = None
    self_acting: tuple[PointId, ...] = ()

    def every(self) -> frozenset[PointId]:
        """Return all that are there."""
        single = (
            self.current_ma, self.voltage_v, self.setpoint_ma, self.on, self.remote, self.voltage_setpoint_v, self.regulation,
            self.fault, self.interlock, self.polarity_negative, self.slew_ma_per_s, self.slew_mode, self.electroding, self.earthed,
        )  # fmt: skip
        return frozenset(each for each in (*single, *self.self_acting) if each is not None)


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """One feed: its points, limits and permissives. `cable` is None where no line hangs on it (a bench): then no model is checked.

    `slew_follow` is the word of `slew_mode` with which the unit's own slew limits both ways; `remote_writable` says whether the
    unit can be put under remote control from here. `far_max_v` None: not configured, so that no double-end feed is armed.
    """

    device: str
    points: DrivenPoints
    nominal_ma: float
    max_v: float
    ramp_ma_per_s: float
    ramp_down_ma_per_s: float = 20.0  # assumption: 50 s for the usual 1000 mA
    deviation_ma: float = 15.0  # assumption
    deviation_s: float = 2.0
    rise_v_per_s: float = 400.0  # assumption
    discharged_v: float = 50.0  # assumption; electrical safety wants a test by hand all the same
    discharge_s: float = 60.0
    model_share: float = 0.05  # assumption: more than 5 % off the model at a hold point is no sound line
    trim_ma: float = 5.0  # assumption: what a set value may be moved by while both ends hold the current
    hold_shares: tuple[float, ...] = (0.1, 0.5, 0.9)
    settle_s: float = 5.0
    interlocks: tuple[PointId, ...] = ()
    interlocks_reason: str = ""  # why there is none: hardware only
    cable: Cable | None = None
    earth_v_per_km: float = 0.1  # rule of thumb of a maker for the allowance of earth potential
    far_max_v: float | None = None
    far_expected: bool = False  # the line has another station, whose word is needed
    remote_writable: bool = False
    slew_follow: str | None = None
    title: str = ""
    far_title: str = ""


@dataclass(frozen=True, slots=True)
class FarFeed:
    """What the far station has said last: fresh, signed and in order, or None where nothing valid came for max_age_s.

    `operation` is its open operation: "id", "phase", "target" (first word a Part or another verb). `shares` is False where it does
    not say what is held and done there: then nothing is armed here.
    """

    t: float
    current_ma: float | None
    voltage_v: float | None
    on: bool | None
    regulation: str | None
    feed_t: float | None
    earthed: str | None = None
    holds: tuple[str, ...] = ()
    operation: Mapping[str, str] | None = None
    shares: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """The last two readings of each point of a feed and of its permissives, newest last, and the far end."""

    readings: Mapping[PointId, tuple[Reading, ...]] = field(default_factory=dict)
    far: FarFeed | None = None
    far_why: str = "nothing was heard of the far station yet"

    def last(self, point: PointId | None, now: float) -> Reading | None:
        """Return the newest reading if it is good and fresh."""
        newest = self.readings.get(point, ())[-1:] if point is not None else ()
        if newest and newest[0].quality.good and now < newest[0].t + FRESH_S:
            return newest[0]
        return None

    def number(self, point: PointId | None, now: float) -> float | None:
        """Return the newest good, fresh number."""
        reading = self.last(point, now)
        if reading is None or reading.value is None or isinstance(reading.value, str):
            return None
        return float(reading.value)

    def truth(self, point: PointId | None, now: float) -> bool | None:
        """Return what the last two readings agree on, both good and the newest fresh: one damaged bit never decides."""
        newest = self.last(point, now)
        both = self.readings.get(point, ())[-2:] if point is not None else ()
        if newest is None or len(both) < 2 or not all(each.quality.good for each in both) or both[0].t < newest.t - APART_S:
            return None
        return newest.value if isinstance(newest.value, bool) and both[0].value == newest.value else None
