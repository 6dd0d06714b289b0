"""What simulated text devices have in common: lines in, lines out.

What it is: the cutting of received bytes into commands. What a command means is each device's own business, and so are check
sums.
What it is not: a client's codec; it shares nothing with stationd.wire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stationd.sim.line import Late

LONGEST_LINE = 1024  # a device's input buffer; what overflows it is dropped (assumption)
ANSWER_S = 2e-3  # how long a device thinks before it begins its answer (assumption)
LINE_ENDS = b"\r\n\0"

Answer = Callable[[str], str | None]


class Responder(Protocol):
    """A device without input or output of its own."""

    def feed(self, data: bytes) -> list[Late]:
        """Take bytes of the client; return what the device sends, each with its delay in seconds."""


class TextUnit:
    """A device that answers commands line by line; `answer` returns None where it keeps silent."""

    def __init__(
        self,
        answer: Answer,
        *,
        reply_end: bytes = b"\r",
        line_ends: bytes = LINE_ENDS,
        empty_lines: bool = False,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._answer = answer
        self._reply_end = reply_end
        self._line_ends = line_ends
        self._empty_lines = empty_lines
        self._answer_s = answer_s
        self._received = bytearray()

    def feed(self, data: bytes) -> list[Late]:
        """Answer every line that is complete."""
        pieces = []
        for byte in data:
            if byte not in self._line_ends:
                self._received.append(byte)
                continue
            line = self._received.decode("latin-1")
            self._received.clear()
            reply = self._answer(line) if line or self._empty_lines else None
            if reply is not None:
                pieces.append((self._answer_s, reply.encode("latin-1") + self._reply_end))
        if len(self._received) > LONGEST_LINE:
            self._received.clear()
        return pieces


def number(text: str) -> float | None:
    """Return a plain decimal number, or None for anything else (also for "nan", "inf" and "1_0", which Python would take)."""
    stripped = text.strip()
    if not stripped or any(character not in "+-.0123456789eE" for character in stripped):
        return None
    try:
        return float(stripped)
    except ValueError:
        return None
