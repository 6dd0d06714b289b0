"""The set point as a function of time, bound to the current that is measured. Pure numbers: it writes nothing and holds nothing.

The bound is the rule against unattended ramps: what is sent is never more than one second of the rate away from the measured
current; nor is it from the set point that stands, whatever a meter shows. Each set point that is sent starts the profile anew, so
that lost time is never caught up (see stationd.core.powerfeed.machine).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor

from stationd.core.powerfeed.words import LEAD_S

PER_MA = 10  # set points are sent in tenths of a milliampere: what the units resolve
LEAST_STEP_MA = 0.5  # smaller steps wait for more, so that a bus is not busy with nothing; but for the last one
_SLACK = 1e-6  # a sum of tenths is no exact number


@dataclass(frozen=True, slots=True)
class Profile:
    """From `from_ma`, which stood at `from_t`, at `pace_ma_per_s`, never more than `lead_ma` away from the measured current."""

    from_ma: float
    from_t: float
    pace_ma_per_s: float
    lead_ma: float

    def sent(self, value_ma: float, now: float) -> Profile:
        """Return the profile that goes on from a set point that is being sent now."""
        return replace(self, from_ma=value_ma, from_t=now)

    def toward(self, stop_ma: float, stands_ma: float, measured_ma: float, now: float) -> float | None:
        """Return the next set point (mA) on the way from the one that stands to `stop_ma`; None while none is worth sending."""
        gone_ma = self.pace_ma_per_s * max(0.0, now - self.from_t)
        if stop_ma >= stands_ma:
            value = _down(min(stop_ma, self.from_ma + gone_ma, min(measured_ma, stands_ma) + self.lead_ma))
            step = value - stands_ma
        else:
            value = _up(max(stop_ma, self.from_ma - gone_ma, max(measured_ma, stands_ma) - self.lead_ma))
            step = stands_ma - value
        return value if step > _SLACK and (step >= self.least_ma - _SLACK or value == stop_ma) else None

    @property
    def least_ma(self) -> float:
        """Return the smallest step: less where the lead itself is small."""
        return max(1 / PER_MA, min(LEAST_STEP_MA, self.lead_ma / 2))


def lead_ma(rate_ma_per_s: float, deviation_ma: float) -> float:
    """Return how far the set point may be from the measured current: a second of the rate, and no more than counts as a deviation."""
    return min(rate_ma_per_s * LEAD_S, deviation_ma)


def tenths(value_ma: float) -> float:
    """Return a current as it can be sent."""
    return round(value_ma * PER_MA) / PER_MA


def _down(value_ma: float) -> float:
    return floor(value_ma * PER_MA + _SLACK) / PER_MA


def _up(value_ma: float) -> float:
    return ceil(value_ma * PER_MA - _SLACK) / PER_MA
