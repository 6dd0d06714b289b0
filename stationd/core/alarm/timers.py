"""Many deadlines, of which the earliest is asked for: a heap with entries that may be outdated. Pure; no clock."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

Name = TypeVar("Name")


class Timers(Generic[Name]):
    """One deadline for each name. Times are seconds of one clock, of which nothing is known here.

    Deadlines of the same time come in the order in which they were set, so that the same history gives the same result.
    """

    def __init__(self) -> None:
        self._ends: dict[Name, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Name]] = []
        self._count = 0

    def set(self, name: Name, t: float | None) -> None:
        """Let the deadline of `name` be `t`; None: it has none any more."""
        if t is None:
            self._ends.pop(name, None)
            return
        known = self._ends.get(name)
        if known is not None and known[0] == t:
            return
        self._count += 1
        self._ends[name] = (t, self._count)
        heapq.heappush(self._heap, (t, self._count, name))
        if len(self._heap) > 64 + 4 * len(self._ends):  # outdated entries are dropped before they are many
            self._heap = [(end, count, each) for each, (end, count) in self._ends.items()]
            heapq.heapify(self._heap)

    def of(self, name: Name) -> float | None:
        """Return the deadline of a name, or None where it has none."""
        known = self._ends.get(name)
        return None if known is None else known[0]

    def next(self) -> float | None:
        """Return the earliest deadline, or None."""
        while self._heap:
            t, count, name = self._heap[0]
            if self._ends.get(name) == (t, count):
                return t
            heapq.heappop(self._heap)
        return None

    def take(self, now: float) -> tuple[Name, float] | None:
        """Remove and return the earliest name whose deadline has come by `now`, with its deadline; None when there is none."""
        t = self.next()
        if t is None or now < t:
            return None
        _, _, name = heapq.heappop(self._heap)
        del self._ends[name]
        return name, t
