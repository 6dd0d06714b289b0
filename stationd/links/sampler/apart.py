"""What becomes of a sampling loop whose thread, opening or ending hangs in a driver of the kernel.

It is left alone (stationd.links.aside), and what it holds is freed when it comes back at last.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import structlog

from stationd.links.aside import apart
from stationd.links.sampler.native import Native

log = structlog.get_logger()

STOP_S = 0.5  # for the sampling thread to come back from its source
END_S = 0.8  # for that and for closing the source
RETRY_S = 10.0  # from one attempt to free a loop that hangs to the next


class Abandoned:
    """Loops and openings that hang. `retry` is its task; what comes back is freed also without it."""

    def __init__(self) -> None:
        self._loops: list[Native] = []  # their thread hangs
        self._pending: set[asyncio.Future[Any]] = set()  # openings and endings that have not come back
        self.freed = 0

    @property
    def number(self) -> int:
        """How many there are at the moment."""
        return len(self._loops) + len(self._pending)

    def leave_opening(self, opening: asyncio.Future[Native]) -> None:
        """Leave an opening alone; the loop that nobody wants any more is freed when it comes back."""
        self._pending.add(opening)
        opening.add_done_callback(self._opened)

    def leave_ending(self, ending: asyncio.Future[bool], made: Native) -> None:
        """Leave an ending alone, done or not; one that has freed the loop is forgotten."""
        self._pending.add(ending)
        ending.add_done_callback(partial(self._ended, made))

    async def retry(self, every_s: float = RETRY_S) -> None:
        """Try now and then to free the loops whose thread hung."""
        while True:
            await asyncio.sleep(every_s)
            loops, self._loops = self._loops, []
            for made in loops:
                self._free(made)

    def _free(self, made: Native) -> None:
        self.leave_ending(apart(partial(made.end, STOP_S), "sampler-free"), made)

    def _opened(self, opening: asyncio.Future[Native]) -> None:
        self._pending.discard(opening)
        if opening.exception() is None:
            self._free(opening.result())

    def _ended(self, made: Native, ending: asyncio.Future[bool]) -> None:
        self._pending.discard(ending)
        if ending.exception() is None and ending.result():
            self.freed += 1
            log.info("what hung in the source of the sampler has come back and is freed")
        else:
            self._loops.append(made)
