"""Which thresholds were in force when, and at which temperature: a capture is described as it was at its trigger. Pure.

The loop takes new thresholds with its next block of scans, so that samples that a converter gathered before may be compared
with them too: off by at most one wake-up.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from stationd.links.sampler.settings import Watch

KEPT = 64  # a capture waits for seconds, and the temperature is asked a few times a second


class Force(NamedTuple):
    """Thresholds and temperature in degC (None: not known) from the time `since` on."""

    since: float
    watches: tuple[Watch, ...]
    temperature_c: float | None


class InForce:
    """The last thresholds of one loop, the newest at the end."""

    def __init__(self, watches: tuple[Watch, ...], temperature_c: float | None) -> None:
        self._kept = deque([Force(float("-inf"), watches, temperature_c)], KEPT)

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Those that are in force now, or with the next block."""
        return self._kept[-1].watches

    def put(self, now: float, watches: tuple[Watch, ...], temperature_c: float | None) -> None:
        """Note what is in force from now on."""
        if (watches, temperature_c) != self._kept[-1][1:]:
            self._kept.append(Force(now, watches, temperature_c))

    def at(self, t: float) -> Force:
        """Return what was in force at a time, or the oldest that is known."""
        return next((force for force in reversed(self._kept) if force.since <= t), self._kept[0])
