"""The daemon's own numbers in the form of all documents: {"v", "u", "t", "q"}, or null for what is not known. Pure.

On a station that is not live no number is ever "good": it is "sim", as stationd.outputs.document has it.
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.core.model import Level, Value
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Mode, plain, quality_word


@dataclass(frozen=True, slots=True)
class Figures:
    """Writes numbers as of one moment."""

    mode: Mode
    clock: Clock

    def sure(self, value: Value, unit: str = "") -> Document:
        """Return a number that is always known, such as a counter."""
        return {"v": plain(value), "u": unit, "t": self.clock.written(self.clock.now), "q": quality_word(Level.GOOD, self.mode)}

    def of(self, value: Value | None, unit: str = "") -> Document | None:
        """Return a number, or None where it is not known."""
        return None if value is None else self.sure(value, unit)
