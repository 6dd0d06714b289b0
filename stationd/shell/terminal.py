"""The terminal of somebody who acts on the plant: one question that only a person can answer, keys without Enter, plain lines.

Nothing that was typed or pasted before a question answers it: what waits is thrown away first, and a pasted line is refused.
Lines are only ever added, as 7-bit ASCII: what works on a serial console works everywhere. Follows termios(3); the marks round
pasted text are those of xterm's bracketed paste, which other terminals ignore.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
from collections.abc import Callable, Iterator, Sequence

from stationd.shell.screens.typeset import ascii_only, fitting

PLAIN_TERMS = frozenset({"", "dumb", "unknown", "vt52"})  # these may show the sign for "mark what is pasted" as text
MARK, UNMARK, PASTED = "\x1b[?2004h", "\x1b[?2004l", "\x1b[200~"
LONGEST_LINE_BYTES = 4096
LOOK_EVERY_S = 1.0


class Pasted(Exception):
    """What came was pasted, or more than one line at once: a person reads a code and types it."""


class Terminal:
    """Standard input and output, both of which are a terminal."""

    def __init__(self) -> None:
        self._in = sys.stdin.fileno()
        self._marks = os.environ.get("TERM", "") not in PLAIN_TERMS

    def say(self, lines: Sequence[str]) -> None:
        """Add lines."""
        sys.stdout.write("".join(f"{line}\n" for line in fitting(map(ascii_only, lines))))
        sys.stdout.flush()

    def ask(self, question: str, still_wanted: Callable[[], bool]) -> str | None:
        """Return the line that is typed after the question; None when it is not wanted any more, or the input ends.

        `still_wanted` is asked every second. Raises Pasted.
        """
        termios.tcflush(self._in, termios.TCIFLUSH)
        self._write((MARK if self._marks else "") + question)
        try:
            while not self._ready(LOOK_EVERY_S):
                if not still_wanted():
                    self._write("\n")
                    return None
            return self._line()
        finally:
            self._write(UNMARK if self._marks else "")

    @contextlib.contextmanager
    def keys(self) -> Iterator[None]:
        """Give keys as they are pressed, unseen; Ctrl-C still interrupts."""
        before = termios.tcgetattr(self._in)
        during = termios.tcgetattr(self._in)
        during[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(self._in, termios.TCSADRAIN, during)
        try:
            yield
        finally:
            termios.tcsetattr(self._in, termios.TCSADRAIN, before)

    def pressed(self, wait_s: float) -> str:
        """Return the keys that were pressed, waiting so long for the first; Ctrl-D when the input has ended."""
        if not self._ready(wait_s):
            return ""
        return os.read(self._in, LONGEST_LINE_BYTES).decode("ascii", "replace") or "\x04"

    def _line(self) -> str | None:
        found = os.read(self._in, LONGEST_LINE_BYTES).decode("ascii", "replace")
        if PASTED in found or self._ready(0):
            termios.tcflush(self._in, termios.TCIFLUSH)
            raise Pasted
        return found.strip() if found else None

    def _ready(self, wait_s: float) -> bool:
        return bool(select.select([self._in], [], [], max(wait_s, 0.0))[0])

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
