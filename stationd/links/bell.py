"""A bell for one waiting task: it rings when somebody rings it, or by itself at a given time.

The cheapest way to wait for "news, or the deadline": one future and at most one timer, no cancellation.
"""

from __future__ import annotations

import asyncio


class Bell:
    """Rings are not counted: one that came before the wait ends the wait at once."""

    def __init__(self) -> None:
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """End the wait, this one or the next."""
        self._rung = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self, until: float | None = None) -> None:
        """Return when the bell has rung since the last wait, or at `until` (the loop's time; None: no end)."""
        if not self._rung:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = None if until is None else loop.call_at(until, self.ring)
            try:
                await self._waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        self._rung = False
