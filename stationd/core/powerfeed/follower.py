"""The voltage set point of a feed that follows, and of one that leaves: which voltage comes next. Pure numbers.

A follower carries half of what the line needs at the current that is measured. The earth potential between the stations is not
counted: the master, which holds the current, carries it. A feed that leaves while the far one stays gives its voltage back in
the same small steps: taken away by its current instead, it would move 150 V to the far end with every milliampere.
"""

from __future__ import annotations

from math import floor

from stationd.core.line.cable import line_v
from stationd.core.line.words import Cable

STEP_V = 25.0  # the most that one step moves (assumption: 50 V/s at two looks a second, far below what counts as a rise)
LEAST_V = 1.0  # smaller steps wait for more (assumption: what a meter of some 600 V resolves well)


def share_v(cable: Cable, measured_ma: float, stands_v: float, max_v: float) -> float | None:
    """Return the next voltage set point (V) of a follower at this current; None while none is worth sending."""
    wanted_v = min(max_v, line_v(cable, max(0.0, measured_ma) / 1000) / 2)
    return _within_a_step(wanted_v, stands_v)


def leaving_v(measured_v: float, stands_v: float) -> float | None:
    """Return the next voltage set point (V) of a feed that leaves: a step below what it carries; None at 0 V."""
    next_v = max(0.0, float(floor(min(stands_v, measured_v) - STEP_V)))
    return next_v if next_v < stands_v else None


def _within_a_step(wanted_v: float, stands_v: float) -> float | None:
    step_v = max(-STEP_V, min(STEP_V, wanted_v - stands_v))
    return round(stands_v + step_v, 1) if abs(step_v) >= LEAST_V else None
