"""How long to wait before the next attempt to make a loop, and how long there was none. Pure; the times are given.

It is longer each time, so that a source that is not there costs nothing, and begins anew after a loop that ran for a while.
"""

from __future__ import annotations

from collections import deque

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 10.0)  # as for a unit that does not answer
STEADY_S = 5.0  # a loop that ran so long was no failure
MOST_CAUSES = 16  # that are remembered, so that one that is always worded otherwise takes no memory


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


class Slots:
    """Which slots a loop has had, and how many passed between two loops: those of an outage.

    A slot belongs to the loop that counts it. When its first and its last one were follows from its counts and from when these
    were looked at, to a slot of a source that the host asks and to a block of one that sets the pace.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._last: float | None = None  # slot of any loop
        self._first: float | None = None  # slot of this loop
        self._begun = self._seen_t = 0.0
        self._seen = 0

    def begin(self, now: float) -> None:
        """Begin with a fresh loop, which has had none yet."""
        self._begun = self._seen_t = now
        self._first, self._seen = None, 0

    def see(self, slots: int, now: float) -> int:
        """Take what the loop has counted by now; return how many passed without a loop before its first one."""
        if slots <= self._seen:
            self._seen_t = now
            return 0
        period_s, former = 1.0 / self._rate_hz, self._last
        self._last = min(now, self._seen_t + (slots - self._seen) * period_s)
        self._seen, self._seen_t = slots, now
        if self._first is not None:
            return 0
        self._first = max(self._begun + period_s, now - (slots - 1) * period_s)
        return 0 if former is None else max(0, round((self._first - former) * self._rate_hz) - 1)

    @property
    def ran_s(self) -> float:
        """How long this loop has had slots."""
        return 0.0 if self._first is None or self._last is None else max(0.0, self._last - self._first)


class Causes:
    """Why a sampler does not run: each cause is news once, until it has run for STEADY_S."""

    def __init__(self) -> None:
        self._told: deque[str] = deque(maxlen=MOST_CAUSES)
        self._ran = False

    def news(self, cause: str) -> bool:
        """True when this cause is to be told."""
        if cause in self._told:
            return False
        self._told.append(cause)
        return True

    def runs(self, ran_s: float) -> bool:
        """True when it is to be told that it runs: at first at once, after a failure when it runs steadily."""
        news = ran_s >= STEADY_S if self._told else not self._ran
        if news:
            self._ran = True
            self._told.clear()
        return news
