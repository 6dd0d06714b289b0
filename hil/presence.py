"""Whoever is present at a bench says so himself, at the terminal, and again when his word is old.

What it is: before a scenario of class 4 on a real bench the person named with --person types that name; it holds for WORD_S. Equipment
that is simulated asks nobody. What it is not: proof of who it is; the product's own door has two users for that.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass

WORD_S = 900.0  # a quarter of an hour: who went for coffee is asked again (assumption)
ANSWER_S = 60.0
TERMINAL = "/dev/tty"


@dataclass(slots=True)
class Presence:
    """The person of a run. `asked` says whether he has to confirm; `terminal` is where."""

    person: str
    asked: bool
    terminal: str = TERMINAL
    now: Callable[[], float] = time.monotonic
    _said_t: float | None = None

    def confirm(self, rig: str, what: str, answer_s: float = ANSWER_S) -> str:
        """Return why nobody is present, empty where somebody is. He is asked when his word is older than WORD_S, or was never given."""
        if not self.asked or (self._said_t is not None and self.now() - self._said_t < WORD_S):
            return ""
        if not self.person:
            return "nobody is named as present (--person NAME)"
        try:
            descriptor = os.open(self.terminal, os.O_RDWR | os.O_NOCTTY)
        except OSError as error:
            return f"there is no terminal at which {self.person} could confirm that he is present: {error}"
        try:
            typed = self._typed(descriptor, rig, what, answer_s)
        finally:
            os.close(descriptor)
        if typed != self.person:
            return f"{self.person} did not confirm that he is present within {answer_s:g} s" if not typed else f"somebody typed {typed!r}"
        self._said_t = self.now()
        return ""

    def _typed(self, descriptor: int, rig: str, what: str, answer_s: float) -> str:
        """Ask; return the line that was typed, empty when none was in time."""
        os.write(descriptor, f"\r\nrig {rig}: {what}\r\nthe line will be energised. Present: type {self.person!r} and Enter: ".encode())
        line, until = b"", time.monotonic() + answer_s
        while not line.endswith((b"\n", b"\r")):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
            more = os.read(descriptor, 256) if ready else b""
            if not more:
                return ""
            line += more
        return line.decode(errors="replace").strip()
