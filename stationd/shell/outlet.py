"""What the shell writes: whole lines, by whoever has something to say, one at a time.

Notices come while somebody types, while a command is carried out, or while a question stands on the screen. At a prompt they go above
it, by the one who owns the prompt; a page, a view or a question shows them itself, and what it does not show is written when it is
over; else they are written at once. The bell waits for nothing. None is torn, and those that there was no room for are counted. It knows
nothing of terminals but a file that is written to.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

MOST_WAITING = 200  # notices under one question or view: more than anybody reads when it is over (assumption)
BELL = "\a"


class Outlet:
    """Standard output, shared by the person's commands and by what the station tells meanwhile."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.RLock()
        self._waiting: deque[str] = deque()
        self._dropped = 0
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
        text = "".join(f"{line}\n" for line in lines)
        with self._lock:
            wake, at_once = self._wake, not self._held
            self._keep(text if self._held else text + (BELL if bell else ""))
            if self._held and bell:
                with contextlib.suppress(OSError):
                    self.write(BELL)  # it moves no cursor, so that it disturbs neither a page nor a view nor a question
        if wake is not None:
            wake()
        elif at_once:
            with contextlib.suppress(OSError):  # a terminal that is gone ends the shell elsewhere
                self.flush()

    def _keep(self, text: str) -> None:
        self._waiting.append(text)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1

    @property
    def waiting(self) -> bool:
        """True when something waits to be said."""
        return bool(self._waiting)

    def seen(self) -> str:
        """Return what waits, which goes on waiting."""
        with self._lock:
            return self._left_out() + "".join(self._waiting)

    def taken(self) -> str:
        """Take what waits away, to write it somewhere else."""
        with self._lock:
            text = self.seen()
            self._waiting.clear()
            self._dropped = 0
            return text

    def _left_out(self) -> str:
        return f"{self._dropped} older notices had no room here; look: show alarms, show operations\n" if self._dropped else ""

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
        """While a question, a page or a view has the screen: what comes waits until that one flushes it, or is over."""
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
            self.flush()
