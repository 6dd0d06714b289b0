"""What the owner of a line counts. Written by the bus alone, read by metrics at each scrape."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from stationd.core.model import Reason


class Priority(IntEnum):
    """Who goes first on a line; the lower number wins."""

    EMERGENCY = 0
    OPERATOR = 1
    READ_BACK = 2
    FAST = 3
    SLOW = 4


class Histogram:
    """Counts of durations in seconds by upper bound, as Prometheus wants them (the last bucket is without bound)."""

    BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum_s += seconds


@dataclass(slots=True)
class BusStatistics:
    """Counters of one line since the daemon started."""

    transactions: int = 0
    failures: Counter[Reason] = field(default_factory=Counter)
    quarantines: int = 0
    late_frames: int = 0
    unasked_bytes: int = 0
    openings: int = 0
    busy_s: float = 0.0
    queue_s: dict[Priority, Histogram] = field(default_factory=lambda: {priority: Histogram() for priority in Priority})
