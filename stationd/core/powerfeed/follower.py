"""The voltage set point of a feed that follows, and of one that leaves: which voltage comes next. Pure numbers.

A follower carries half of what the line needs at the current that is measured. The earth potential between the stations is not
counted: the master, which holds the current, carries it. A feed that leaves while the far one stays gives its voltage back in
the same small steps: taken away by its current instead, it would move 150 V to the far end with every milliampere.

At nominal current the follower hands over: its current limit comes down to the target, the last milliamperes in small steps, and only
when the unit's slew is over its voltage goes up in steps until it no longer comes along: then the unit holds the current. A follower
that is let go at 1050 mA while the master holds 1000 would drive the line to 1050. Where the voltage leaves its share on the way,
the set points of both ends do not agree, and people trim them first.
"""

from __future__ import annotations

from math import floor

from stationd.core.line.cable import line_v
from stationd.core.line.words import Cable

STEP_V = 25.0  # the most that one step moves (assumption: 50 V/s at two looks a second, far below what counts as a rise)
LEAST_V = 1.0  # smaller steps wait for more (assumption: what a meter of some 600 V resolves well)
NEAR_MA, SMALL_MA = 3.0, 0.5  # from here on a current limit comes down slowly: 75 V of split in a step (assumption)
FREE_V = 10.0  # a voltage that is so far below its set point is not what the unit holds (assumption: half a step)
APART_V = 100.0  # from its share: some 0.7 mA between the set points of both ends, which people trim first (assumption)


def share_v(cable: Cable, measured_ma: float, stands_v: float, max_v: float) -> float | None:
    """Return the next voltage set point (V) of a follower at this current; None while none is worth sending."""
    wanted_v = min(max_v, line_v(cable, max(0.0, measured_ma) / 1000) / 2)
    return _within_a_step(wanted_v, stands_v)


def next_limit_ma(stands_ma: float, to_ma: float) -> float | None:
    """Return the next current limit (mA) of a follower that hands over; None once it is there."""
    if stands_ma == to_ma:
        return None
    return round(max(to_ma, min(to_ma + NEAR_MA, stands_ma - SMALL_MA)), 1)


def lets_go_v(stands_v: float, max_v: float, *, free: bool) -> float:
    """Return the next voltage set point (V) of a follower that holds the current from now on: all of it once the unit does."""
    return max_v if free else min(max_v, stands_v + STEP_V)


def leaving_v(measured_v: float, stands_v: float) -> float | None:
    """Return the next voltage set point (V) of a feed that leaves: a step below what it carries; None at 0 V."""
    next_v = max(0.0, float(floor(min(stands_v, measured_v) - STEP_V)))
    return next_v if next_v < stands_v else None


def _within_a_step(wanted_v: float, stands_v: float) -> float | None:
    step_v = max(-STEP_V, min(STEP_V, wanted_v - stands_v))
    return round(stands_v + step_v, 1) if abs(step_v) >= LEAST_V else None
