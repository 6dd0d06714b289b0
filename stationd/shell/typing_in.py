"""What comes from the keyboard at a prompt: a line, whether a hand has typed it there, and the reader of plain terminals.

What acts is carried out only when a hand has typed it at the prompt that stands. Signs that waited before the prompt stood, several that
came by one key, and those that came faster than a hand are nobody's: such a line is shown, and wants an Enter of its own.

The plain reader echoes signs and erases them, as the terminal driver does, and never writes a sequence that acts on a terminal. That is
what a dumb terminal, a screen reader, a log and an expect script need. It does so itself because the driver hands over whole lines, and
of those nobody can say how they came. Follows termios(3).
"""

from __future__ import annotations

import codecs
import os
import re
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from stationd.shell.outlet import Outlet
from stationd.shell.screens.typeset import wrapped
from stationd.shell.terminal import Terminal

WINDOW = 6  # signs, Enter among them, that are timed together: every command that acts has more
FASTEST_PER_S = 30.0  # signs; the fastest typists reach 20 for a moment, and a line of 1200 baud carries 120 (assumption)
READ_S = 0.5  # whoever presses Enter sooner has not read the line (assumption)
READ_BYTES = 4096
LONGEST_LINE = 4096  # signs; the terminal driver takes no more either
REST_S = 0.1  # the signs of one key come together; on the slowest line, 300 baud, that is three of them
SHOWN = "This was not typed here by hand, and it acts. Read it, then press Enter."
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.")
ERASE, KILL, END, BROKEN = "\x7f\b", "\x15", "\x04\0", "\x1b"  # an end that was typed ahead comes as a zero


class How(Enum):
    """How a line came: by itself, or with other lines in one block that the terminal has marked as pasted."""

    ALONE = "alone"
    BLOCK = "block"


class Typed(NamedTuple):
    """A line that may be carried out; or all lines of a block, each of which is still to be judged."""

    lines: Sequence[str]
    how: How = How.ALONE


class Harmless(Protocol):
    """Says of a line whether it may be carried out though nobody has typed it; `pasted`: the terminal has marked it so."""

    def __call__(self, line: str, *, pasted: bool) -> bool:
        """Return that."""


class Idle(Exception):
    """Nobody has touched a key for too long."""


class Hand:
    """Judges the line at one prompt. Times are of a clock that never jumps, in seconds. Pure."""

    def __init__(self) -> None:
        self._by_hand = True
        self._came: deque[float] = deque(maxlen=WINDOW)
        self._shown_at: float | None = None

    @property
    def shows(self) -> bool:
        """True while the line stands there to be read, and wants an Enter of its own."""
        return self._shown_at is not None

    def signed(self, now: float) -> None:
        """Note a sign."""
        self._shown_at = None
        self._came.append(now)
        if len(self._came) == WINDOW and (now - self._came[0]) * FASTEST_PER_S < WINDOW - 1:
            self._by_hand = False

    def edited(self) -> None:
        """Note that the line is another one than the one that was shown."""
        self._shown_at = None

    def came_otherwise(self) -> None:
        """Note that something came by one key, or before the prompt."""
        self._shown_at = None
        self._by_hand = False

    def enters(self, now: float) -> bool:
        """Return whether Enter, pressed now, carries out what acts."""
        if self._shown_at is None:
            self.signed(now)
            return self._by_hand
        read = now - self._shown_at >= READ_S
        self._shown_at = now  # Enter again and again is nobody who reads
        return read

    def shown(self, now: float) -> None:
        """Note that the line stands there now, to be read."""
        self._shown_at = now


class PlainKeyboard:
    """Reads lines. `again` gives the prompt as it is under a notice; `idle_s`: None where nobody is logged out."""

    def __init__(self, outlet: Outlet, harmless: Harmless, again: Callable[[], str], idle_s: float | None) -> None:
        self._outlet = outlet
        self._harmless = harmless
        self._again = again
        self._idle_s = idle_s
        self._in = sys.stdin.fileno()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._signs = ""  # that were read, and not taken yet
        self._text = ""
        self._stands = False
        self._hand = Hand()

    def line(self, prompt: Callable[[], str]) -> Typed:
        """Return what is typed. EOFError at the end of the input, KeyboardInterrupt for Ctrl-C, Idle."""
        self._text, self._hand = "", Hand()
        with self._outlet.prompting(self._wake), Terminal().keys():
            asked = prompt()
            if self._signs or self._ready(0.0):
                self._hand.came_otherwise()  # what waits before the prompt was typed by nobody who has seen it
            self._outlet.write(asked)
            self._stands = True
            try:
                while not self._ended(self._sign()):
                    pass
            finally:
                self._stands = False
        return Typed([self._text])

    def forget_ahead(self) -> None:
        """Throw away what was typed while something else was asked."""
        self._signs = ""

    def _wake(self) -> None:
        """Write what waits, and the prompt anew under it. In the thread that has something to say."""
        self._outlet.write(f"\n{self._outlet.taken()}")
        prompt = self._again()
        if self._stands:
            self._outlet.write(f"{prompt}{self._text}")

    # One sign.

    def _ended(self, sign: str) -> bool:
        """Take a sign; True when it ends the line."""
        if sign in "\r\n":
            return self._entered()
        if sign in END:
            if not self._text:
                raise EOFError
        elif sign in ERASE:
            self._erased(1)
        elif sign == KILL:
            self._erased(len(self._text))
        elif (sign.isprintable() or sign == "\t") and len(self._text) < LONGEST_LINE:
            self._added(" " if sign == "\t" else sign)
        return False

    def _added(self, sign: str) -> None:
        if self._hand.shows:  # whoever types instead of Enter wants another line
            self._text = ""
            self._outlet.write(f"\n{self._again()}")
        self._hand.signed(time.monotonic())
        self._text += sign
        self._outlet.write(sign)

    def _erased(self, signs: int) -> None:
        self._hand.edited()
        gone = min(signs, len(self._text))
        self._text = self._text[: len(self._text) - gone]
        self._outlet.write("\b \b" * gone)

    def _entered(self) -> bool:
        shows = self._hand.shows
        if self._hand.enters(time.monotonic()) or self._harmless(self._text, pasted=False):
            self._outlet.write("\n")
            return True
        if not shows:
            self._outlet.write("".join(f"{row}\n" for row in ("", *wrapped(SHOWN))) + f"{self._again()}{self._text}")
            self._hand.shown(time.monotonic())
        return False

    # What comes.

    def _sign(self) -> str:
        """Return the next sign; keys that are no signs are passed over."""
        while True:
            while not self._signs:
                self._wait()
                self._read()
            found = SEQUENCE.match(self._signs)
            if found is not None:
                self._signs = self._signs[found.end() :]
            elif self._signs[0] == BROKEN and len(self._signs) < READ_BYTES and self._ready(REST_S):
                self._read()
            else:
                sign, self._signs = self._signs[0], self._signs[1:]
                return sign

    def _read(self) -> None:
        found = os.read(self._in, READ_BYTES)
        if not found:
            raise EOFError
        self._signs += self._decoder.decode(found)

    def _ready(self, wait_s: float | None) -> bool:
        return bool(select.select([self._in], [], [], wait_s)[0])

    def _wait(self) -> None:
        until = None if self._idle_s is None else time.monotonic() + self._idle_s
        while not self._ready(None if until is None else max(until - time.monotonic(), 0.0)):
            if until is not None and time.monotonic() >= until:
                raise Idle
