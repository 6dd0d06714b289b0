"""What the shell writes: whole lines, by whoever has something to say, one at a time.

Notices come while somebody types, while a command is carried out, or while a question stands on the screen. At a prompt they go above
it, by the one who owns the prompt; under a question or a view they wait until it is over; else they are written at once. None is lost
and none is torn. It knows nothing of terminals but a file that is written to.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

MOST_WAITING = 200  # notices under one question; the daemon says itself how many it has dropped (assumption)


class Outlet:
    """Standard output, shared by the person's commands and by what the station tells meanwhile."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.RLock()
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
        self._wake: Callable[[], None] | None = None
        self._held = 0

    def say(self, lines: Sequence[str]) -> None:
        """Write lines now. For the one whose turn it is."""
        self.write("".join(f"{line}\n" for line in lines))

    def write(self, text: str) -> None:
        """Write text as it is, at once."""
        with self._lock:
            self._out.write(text)
            self._out.flush()

    def news(self, lines: Sequence[str], *, bell: bool) -> None:
        """Say something from another thread, where and as soon as it disturbs nobody."""
        with self._lock:
            self._waiting.append("".join(f"{line}\n" for line in lines) + ("\a" if bell else ""))
            wake, at_once = self._wake, not self._held
        if wake is not None:
            wake()
        elif at_once:
            with contextlib.suppress(OSError):  # a terminal that is gone ends the shell elsewhere
                self.flush()

    @property
    def waiting(self) -> bool:
        """True when something waits to be said."""
        return bool(self._waiting)

    def seen(self) -> str:
        """Return what waits, which goes on waiting."""
        with self._lock:
            return "".join(self._waiting)

    def taken(self) -> str:
        """Take what waits away, to write it somewhere else."""
        with self._lock:
            text = "".join(self._waiting)
            self._waiting.clear()
            return text

    def flush(self) -> None:
        """Write what waits."""
        if text := self.taken():
            self.write(text)

    @contextlib.contextmanager
    def prompting(self, wake: Callable[[], None]) -> Iterator[None]:
        """While a prompt stands: `wake` is called from any thread when something waits."""
        self.flush()
        self._wake = wake
        try:
            yield
        finally:
            self._wake = None
            self.flush()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While a question, a page or a view has the screen: what comes waits."""
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
            self.flush()
