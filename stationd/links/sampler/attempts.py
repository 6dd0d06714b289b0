"""How long to wait before the next attempt to make a loop. Pure; the times are given.

It is longer each time, so that a source that is not there costs nothing, and begins anew after a loop that ran for a while.
"""

from __future__ import annotations

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 10.0)  # as for a unit that does not answer
STEADY_S = 30.0  # a loop that ran so long was no failure


class Attempts:
    """The attempts of one sampler, of which every one comes to an end at some time."""

    def __init__(self) -> None:
        self._failures = 0

    def pause_s(self, ran_s: float) -> float:
        """Return how long to wait after an attempt that lasted `ran_s` seconds."""
        if ran_s >= STEADY_S:
            self._failures = 0
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        return pause_s
