"""The sign of life of one part of the daemon, for whoever watches over it (stationd.service.supervisor).

A part says when its next sign is due, or that it waits for somebody else and owes none: a port that is gone, a broker that cannot be
reached, a disk that hangs are waits. So patience runs only while something of the part's own should have happened.
"""

from __future__ import annotations

import asyncio


class Beat:
    """Given by one part, read by its supervisor. Both are of the same event loop, whose clock is the only one."""

    __slots__ = ("begun", "doing", "due_t", "number")

    def __init__(self) -> None:
        self.begun = asyncio.Event()  # set by the first sign
        self.number = 0  # of signs until now
        self.due_t: float | None = None  # None: none is due
        self.doing = ""

    def within(self, seconds: float, doing: str = "") -> None:
        """Live, and give the next sign within so many seconds; `doing` says in a word what this time goes to."""
        self._count()
        self.due_t, self.doing = asyncio.get_running_loop().time() + seconds, doing

    def rest(self, doing: str = "") -> None:
        """Live, and wait for somebody else: no sign is due."""
        self._count()
        self.due_t, self.doing = None, doing

    def by(self, time: float | None, doing: str = "") -> None:
        """Live, and give the next sign at a time of the loop's clock; None: wait for somebody else."""
        self._count()
        self.due_t, self.doing = time, doing

    def forgive(self, seconds: float) -> None:
        """Take no account of a time in which nothing of the program ran."""
        if self.due_t is not None:
            self.due_t += seconds

    def silent_s(self, now: float) -> float:
        """Return for how long the next sign has been due; 0 while none is."""
        return 0.0 if self.due_t is None else max(0.0, now - self.due_t)

    def _count(self) -> None:
        self.number += 1
        if self.number == 1:
            self.begun.set()
