"""SIGHUP, the wish that the station file is read again: noted from the first instruction on, kept until somebody can carry it out.

Before the first instruction, while the interpreter begins, it is the unit that has the signal ignored (env --ignore-signal=HUP): a
wish that is lost then asks for nothing, because the file has not been read yet.

What it is: one handler for the whole life of the process. It only notes, so it may come at any moment, also before there is an event
loop and after its end; several that come before the wish is taken up are one. What it is not: the reload.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
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

    def end(self) -> None:
        """Have the signal ignored to the last instruction: the interpreter, as it ends, takes handlers away but leaves what is ignored."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def take(self) -> bool:
        """Return whether there was a wish since the last call, and forget it."""
        asked, self.asked = self.asked, False
        return asked


def handle_quietly(loop: asyncio.AbstractEventLoop, numbers: Iterable[signal.Signals], handle: Callable[[], object]) -> None:
    """Have signals handled by a loop, and have those that come faster than it takes them leave no trace: one is enough to wake it.

    asyncio's pipe for signals is full after some hundred of them, and Python writes a traceback for each one more unless told not to.
    The pipe is learnt with a signal that nobody sends, so that none of the others can get lost meanwhile.
    """
    loop.add_signal_handler(signal.SIGURG, int)
    pipe = signal.set_wakeup_fd(-1)
    loop.remove_signal_handler(signal.SIGURG)
    for number in numbers:
        loop.add_signal_handler(number, handle)
    signal.set_wakeup_fd(pipe, warn_on_full_buffer=False)
