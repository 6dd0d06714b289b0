"""How long a unit takes to answer, learnt from its answers, and what follows: its time-out and its late window.

Pure: times come as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

ADAPTER_S = 0.016  # USB adapters hold bytes back for up to 16 ms
FLOOR_S = 0.05  # no unit is given less than this to begin its answer
SAMPLES = 500  # half of the window in which the slowest answer counts: about the 99.9th percentile of 1,000
FEW = 20  # answers before what was learnt may shorten what the driver declares
LONGEST_LATE_S = 10.0


@dataclass(frozen=True, slots=True)
class Timing:
    """What a driver declares of its unit: pause before a question, time to begin an answer, how late the worst one comes."""

    gap_s: float = 0.0
    answer_s: float = 0.3
    late_s: float = 1.0


class Turnaround:
    """The learnt answer time of one unit."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.late_s = timing.late_s
        self._seen = 0
        self._slowest = 0.0  # of the current half window
        self._slowest_before = 0.0  # of the one before
        self._misses = 0  # time-outs in a row

    def learn(self, seconds: float) -> None:
        """Count an answer that began `seconds` after the question had left."""
        self._slowest = max(self._slowest, seconds)
        self._seen += 1
        self._misses = 0
        if self._seen % SAMPLES == 0:
            self._slowest, self._slowest_before = 0.0, self._slowest

    def learn_late(self, seconds: float) -> None:
        """Count an answer that came after its time-out: the time-out and the late window grow with it."""
        self.learn(seconds)
        self.late_s = min(LONGEST_LATE_S, max(self.late_s, 1.5 * seconds))

    def miss(self) -> None:
        """Count a question that was not answered in time."""
        self._misses += 1

    def answer_s(self, *, blind: bool = False) -> float:
        """Return the seconds to wait for an answer beyond the time that both frames take on the wire.

        `blind`: a late answer on this line cannot be recognised, so nothing is learnt from it. Then what the driver declares
        is never undercut, and each time-out in a row doubles the patience. Never more than the driver's late window: a unit
        that has become slower than its driver says must not hold the line.
        """
        learnt = max(FLOOR_S, 2.0 * max(self._slowest, self._slowest_before))
        if blind or self._seen < FEW:
            learnt = max(learnt, self.timing.answer_s)
        if blind:
            learnt *= 2.0 ** min(self._misses, 10)
        return min(learnt, self.timing.late_s) + ADAPTER_S
