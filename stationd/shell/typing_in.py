"""What comes from the keyboard at a prompt, however it is read: a line and how it came. Pure but for the plain reader's terminal.

The plain reader leaves everything to the terminal driver: it prints a prompt and takes whole lines, and never writes a byte that acts
on a terminal. That is what a dumb terminal, a screen reader, a log and an expect script need. Follows termios(3).
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from stationd.shell.outlet import Outlet

LONGEST_LINE_BYTES = 4096  # of the terminal driver, N_TTY
AT_ONCE = 8  # signs that a link which stutters delivers together, of somebody who types (assumption)
FASTEST_PER_S = 25.0  # signs; the fastest typists reach 20 for a moment (assumption)


class How(Enum):
    """How a line came: key by key, faster than anybody types, or with other lines in one block."""

    KEYS = "keys"
    QUICK = "quick"
    BLOCK = "block"


class Typed(NamedTuple):
    """A line, or, when several were pasted together, all of them."""

    lines: Sequence[str]
    how: How = How.KEYS


def too_quick(signs: int, took_s: float) -> bool:
    """Return whether so many signs in that time were typed by nobody."""
    return signs > AT_ONCE and took_s * FASTEST_PER_S < signs


class Idle(Exception):
    """Nobody has touched a key for too long."""


class PlainKeyboard:
    """Reads whole lines. `idle_s`: None where nobody is logged out."""

    def __init__(self, outlet: Outlet, idle_s: float | None) -> None:
        self._outlet = outlet
        self._idle_s = idle_s
        self._in = sys.stdin.fileno()
        self._block = False

    def line(self, prompt: str) -> Typed:
        """Return what is typed. EOFError at the end of the input, KeyboardInterrupt for Ctrl-C, Idle."""
        ahead = self._block or self._ready(0.0)  # what waits before the prompt was typed by nobody who has seen it
        with self._outlet.prompting(lambda: self._outlet.write(f"\n{self._outlet.taken()}{prompt}")):
            self._outlet.write(prompt)
            begun = time.monotonic()
            self._wait()
            found = os.read(self._in, LONGEST_LINE_BYTES).decode("utf-8", "replace")
        if not found:
            raise EOFError
        self._block = self._ready(0.0)
        if ahead or self._block:
            return Typed([found.rstrip("\r\n")], How.BLOCK)
        return Typed([found.rstrip("\r\n")], How.QUICK if too_quick(len(found), time.monotonic() - begun) else How.KEYS)

    def _ready(self, wait_s: float | None) -> bool:
        return bool(select.select([self._in], [], [], wait_s)[0])

    def _wait(self) -> None:
        until = None if self._idle_s is None else time.monotonic() + self._idle_s
        while not self._ready(None if until is None else max(until - time.monotonic(), 0.0)):
            if until is not None and time.monotonic() >= until:
                raise Idle
