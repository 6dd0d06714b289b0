"""Where monotonic time becomes the time of day: once for each document or scrape, at the very edge of the program.

Inside the daemon every time is CLOCK_MONOTONIC, which a set clock cannot bend. A Clock is one simultaneous look at both
clocks, so that all times of one document agree with each other even while the clock of the machine is being set.

Which clock tells the time of day is said once for a task and all that it starts, in TIME_OF_DAY; else it is that of the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

TIME_OF_DAY: ContextVar[Callable[[], float]] = ContextVar("TIME_OF_DAY", default=time.time)
"""Returns Unix time in seconds."""


class Clock:
    """One simultaneous look at the time of day and at the monotonic clock, both in seconds."""

    def __init__(self, utc_s: float, monotonic_s: float) -> None:
        self._ahead_s = utc_s - monotonic_s
        self._written: dict[tuple[float, int], str] = {}  # the points of one exchange share their time, so most are written once
        self.now = monotonic_s

    @classmethod
    def read(cls) -> Clock:
        """Look at both clocks now, the monotonic one being that of the running loop."""
        return cls(TIME_OF_DAY.get()(), asyncio.get_running_loop().time())

    def utc_s(self, t: float) -> float:
        """Return the Unix time, in seconds, of a monotonic time."""
        return t + self._ahead_s

    def written(self, t: float, digits: int = 3) -> str:
        """Return the UTC of a monotonic time as in RFC 3339, for example 2026-03-01T12:00:00.250Z; `digits` is 3 or 6."""
        text = self._written.get((t, digits))
        if text is None:
            precision = "milliseconds" if digits == 3 else "microseconds"
            text = datetime.fromtimestamp(self.utc_s(t), UTC).isoformat(timespec=precision)[:-6] + "Z"
            self._written[t, digits] = text
        return text
