"""The conductor's resistance and the own feed's droop, learnt from healthy history, within bounds round what is configured.

The sum of both voltages is S = I (R' L + 2 R_e) + N V_r + E. Over a spread of currents (ramps, low-current tests) its slope gives R'
free of repeaters and earth potential; at one current alone nothing separates the three, and nothing is claimed. The droop is
the slope of the own current against the own voltage while the set-point stands still.
Only samples that the caller marks as healthy are offered here; what lies outside the stated bounds, or far from what was learnt,
is refused and counted; only what keeps coming, and lies within the bounds, is believed after all (a repair, a station that was
off for a season). Old samples fade with each new one, so that a season is followed. The result is a new `Cable` and an
`Uncertainty` that says how well it is known; both stay as configured until there is enough.
It has no clock: "old" counts in samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf, isfinite, sqrt

from stationd.core.line.cable import line_v, repeater_v
from stationd.core.line.uncertainty import Droop, Ends, Uncertainty
from stationd.core.line.words import Cable, End, Feed

FEWEST = 20  # samples before anything is claimed; assumption
FORGET = 1.0 / 5000.0  # share that fades with each sample; at one a minute half is gone in 2.4 days; assumption
CURRENT_SPREAD_SHARE = 0.02  # standard deviation of the current, share of its mean, that separates R' from the rest; assumption
VOLTAGE_SPREAD_V = 2.0  # standard deviation of the own voltage that shows a droop; assumption
RUN = 60.0  # so many samples in a row share one tide or drift and count as one; assumption: one a minute
OUTLIER_SIGMAS = 5.0
LEAST_SHARE = 0.002  # resistance is never claimed better than this; assumption: the season moves it before it is noticed
LEAST_DROOP_SHARE = 0.05  # assumption
_VERSION = 1


@dataclass(slots=True)
class Trend:
    """A straight line through fading samples, y against x."""

    weight: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    def add(self, x: float, y: float) -> None:
        """Take one more; means and sums of squares are updated in the way that does not cancel."""
        kept = self.weight * (1 - FORGET)
        self.weight = kept + 1
        dx, dy, share = x - self.x, y - self.y, kept / self.weight
        self.x, self.y = self.x + dx / self.weight, self.y + dy / self.weight
        self.xx = self.xx * (1 - FORGET) + share * dx * dx
        self.xy = self.xy * (1 - FORGET) + share * dx * dy
        self.yy = self.yy * (1 - FORGET) + share * dy * dy

    @property
    def spread(self) -> float:
        """Standard deviation of x."""
        return sqrt(self.xx / self.weight) if self.weight > 0 else 0.0

    @property
    def slope(self) -> float:
        """Change of y for one of x; 0 without any spread."""
        return self.xy / self.xx if self.xx > 0 else 0.0

    @property
    def scatter(self) -> float:
        """Standard deviation of y round the line."""
        return sqrt(max(0.0, self.yy - self.slope * self.xy) / max(1.0, self.weight - 2))

    def slope_sd(self, meter_sd: float) -> float:
        """Standard deviation of the slope: the meters' part counts every sample, the rest (tides, drifts) comes in long runs."""
        if self.xx <= 0:
            return inf
        runs = max(1.0, self.weight / RUN)
        variance = meter_sd**2 / self.weight + max(0.0, self.scatter**2 - meter_sd**2) / runs
        return sqrt(variance) / self.spread

    def misfit(self, x: float, y: float) -> float:
        """How far a point lies from the line."""
        return y - self.y - self.slope * (x - self.x)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known now. `resistance_sd` and `droop_sd` (relative, one sigma) are None where nothing could be learnt yet."""

    cable: Cable
    uncertainty: Uncertainty
    samples: int
    refused: int
    resistance_sd: float | None = None
    droop_sd: float | None = None


@dataclass(slots=True)
class Learner:
    """Give it healthy samples, ask `learnt()`. `cable` and `uncertainty` are the configured ones and bound what it believes."""

    cable: Cable
    uncertainty: Uncertainty = field(default_factory=Uncertainty)
    own: End = End.A
    samples: int = 0
    refused: int = 0
    _sums: Trend = field(default_factory=Trend)
    _droop: Trend = field(default_factory=Trend)
    _setpoint_ma: float | None = None
    _refused_in_a_row: int = 0

    def offer(self, ends: Ends, *, healthy: bool, setpoint_ma: float | None = None) -> bool:
        """Take one sample of both ends at one moment; False: refused. What is not marked healthy is not even counted.

        With `setpoint_ma`, the own feed's set-point, the droop is learnt too.
        """
        if not healthy or ends.a is None or ends.b is None:
            return False
        if not self._believable(ends.a, ends.b):
            self.refused += 1
            return False
        self.samples, self._refused_in_a_row = self.samples + 1, 0
        self._sums.add((ends.a.current_ma + ends.b.current_ma) / 2000, ends.a.voltage_v + ends.b.voltage_v)
        self._own_feed(ends.a if self.own is End.A else ends.b, setpoint_ma)
        return True

    def learnt(self) -> Learnt:
        """The cable and its uncertainty as they are known now; the configured ones where there is too little."""
        cable, known, resistance_sd = self._resistance()
        droop, droop_sd = self._droop_found()
        known = replace(known, droop_a=droop) if self.own is End.A else replace(known, droop_b=droop)
        return Learnt(cable, known, self.samples, self.refused, resistance_sd, droop_sd)

    def saved(self) -> dict[str, object]:
        """Everything to go on after a restart, as plain numbers, with the line it belongs to."""
        return {
            "version": _VERSION,
            "line": _line_of(self.cable),
            "samples": self.samples,
            "refused": self.refused,
            "sums": _numbers_of(self._sums),
            "droop": _numbers_of(self._droop),
            "setpoint_ma": self._setpoint_ma,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from `saved()`. ValueError, and nothing changed, when it is of another line or is damaged."""
        if state.get("version") != _VERSION or state.get("line") != _line_of(self.cable):
            raise ValueError("the learnt values belong to another line or another version; they are left aside")
        sums, droop = _trend(state.get("sums"), "sums"), _trend(state.get("droop"), "droop")
        counts = [state.get("samples"), state.get("refused")]
        setpoint = state.get("setpoint_ma")
        if not all(isinstance(count, int) and count >= 0 for count in counts):
            raise ValueError(f"samples and refused are {counts!r}, they must be whole numbers from 0")
        if setpoint is not None and not isinstance(setpoint, int | float):
            raise ValueError(f"setpoint_ma is {setpoint!r}, it must be a number or nothing")
        self.samples, self.refused = (count for count in counts if isinstance(count, int))
        self._sums, self._droop, self._setpoint_ma = sums, droop, setpoint

    def _believable(self, a: Feed, b: Feed) -> bool:
        """Inside the stated bounds, equal currents at both ends, and near what was learnt."""
        known, current_a, sum_v = self.uncertainty, (a.current_ma + b.current_ma) / 2000, a.voltage_v + b.voltage_v
        if current_a <= self.cable.repeater_knee_a or abs(a.current_ma - b.current_ma) > OUTLIER_SIGMAS * 2 * known.current_sd_ma:
            return False
        bound_v = self._bound_v(current_a)
        if abs(sum_v - line_v(self.cable, current_a, known.earth_v)) > bound_v:
            return False
        if self._sums.weight < FEWEST:
            return True
        sigmas = OUTLIER_SIGMAS * (1 + self._refused_in_a_row / RUN)
        limit_v = sigmas * max(self._sums.scatter, sqrt(2) * known.voltage_sd_v) + self._slope_doubt_v(current_a)
        fits = abs(self._sums.misfit(current_a, sum_v)) <= limit_v
        self._refused_in_a_row += not fits
        return fits

    def _bound_v(self, current_a: float) -> float:
        known, cable = self.uncertainty, self.cable
        shore = known.shore_share * 2 * min(known.shore_km, cable.length_km / 2) / cable.length_km
        conductor_v = current_a * cable.ohm_per_km * cable.length_km * (known.resistance_share + shore)
        repeaters_v = len(cable.repeaters_km) * repeater_v(cable, current_a) * known.repeater_share
        beds_v = 2 * current_a * known.sea_earth_ohm
        return conductor_v + repeaters_v + beds_v + known.earth_v_per_km * cable.length_km + OUTLIER_SIGMAS * 2 * known.voltage_sd_v

    def _slope_doubt_v(self, current_a: float) -> float:
        """A current that was never seen before may lie off a slope that is not known yet; within the bounds of the line."""
        away_a = abs(current_a - self._sums.x)
        return 2 * self._bound_v(current_a) if away_a > 3 * max(self._sums.spread, self.uncertainty.current_sd_ma / 1000) else 0.0

    def _own_feed(self, feed: Feed, setpoint_ma: float | None) -> None:
        if setpoint_ma is None:
            return
        if setpoint_ma != self._setpoint_ma:
            self._droop, self._setpoint_ma = Trend(), setpoint_ma
        self._droop.add(feed.voltage_v, feed.current_ma / 1000)

    def _resistance(self) -> tuple[Cable, Uncertainty, float | None]:
        sums, cable, known = self._sums, self.cable, self.uncertainty
        if self.samples < FEWEST or sums.spread < CURRENT_SPREAD_SHARE * sums.x:
            return cable, known, None
        ohm_per_km = (sums.slope - 2 * cable.sea_earth_ohm) / cable.length_km
        sd = sums.slope_sd(sqrt(2) * known.voltage_sd_v) / sums.slope if sums.slope > 0 else inf
        share = max(LEAST_SHARE, 2 * sd)
        if share >= known.resistance_share:
            return cable, known, None
        bound = self._bound_share()
        kept = min(max(ohm_per_km, cable.ohm_per_km * (1 - bound)), cable.ohm_per_km * (1 + bound))
        return replace(cable, ohm_per_km=kept), replace(known, resistance_share=share), sd

    def _bound_share(self) -> float:
        known, cable = self.uncertainty, self.cable
        return known.resistance_share + known.shore_share * 2 * min(known.shore_km, cable.length_km / 2) / cable.length_km

    def _droop_found(self) -> tuple[Droop, float | None]:
        """The own droop within its configured bounds, and its relative standard deviation; as configured while that is better."""
        trend, known = self._droop, self.uncertainty.droop(self.own)
        if trend.weight < FEWEST or trend.spread < VOLTAGE_SPREAD_V or trend.slope >= 0:
            return known, None
        sd = trend.slope_sd(self.uncertainty.current_sd_ma / 1000) / -trend.slope
        kept_s = min(max(-trend.slope, known.low_s), known.high_s)
        found = Droop.about(kept_s, max(LEAST_DROOP_SHARE, 2 * sd))
        return (known, None) if found.high_s - found.low_s >= known.high_s - known.low_s else (found, sd)


def _line_of(cable: Cable) -> list[float]:
    """What makes a line another line."""
    return [cable.length_km, cable.ohm_per_km, cable.repeater_drop_v, cable.sea_earth_ohm, *cable.repeaters_km]


def _numbers_of(trend: Trend) -> list[float]:
    return [trend.weight, trend.x, trend.y, trend.xx, trend.xy, trend.yy]


def _trend(numbers: object, name: str) -> Trend:
    if not isinstance(numbers, list) or len(numbers) != 6 or not all(isinstance(n, int | float) and isfinite(n) for n in numbers):
        raise ValueError(f"{name} is {numbers!r}, it must be six numbers")
    return Trend(*numbers)
