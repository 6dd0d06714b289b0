"""SIGHUP, the wish that the station file is read again: noted from the first instruction on, kept until somebody can carry it out.

What it is: one handler for the whole life of the process. It only notes, so it may come at any moment, also before there is an event
loop and after its end; several that come before the wish is taken up are one. What it is not: the reload.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType


class Hangup:
    """From the moment it is made, SIGHUP ends nothing any more. Belongs to the main thread."""

    def __init__(self) -> None:
        self.asked = False
        self._wake: Callable[[], object] = int
        signal.signal(signal.SIGHUP, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        self._wake()

    def tell(self, wake: Callable[[], object]) -> None:
        """Have `wake` called at each signal from now on, and at once for one that is waiting. It may come at any instruction."""
        self._wake = wake
        if self.asked:
            wake()

    def take(self) -> bool:
        """Return whether there was a wish since the last call, and forget it."""
        asked, self.asked = self.asked, False
        return asked
