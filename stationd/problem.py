"""One mistake of a file, in the form in which every check reports it: station files and driver files alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Where it is, what stands there, why that cannot be, and what would be right.

    Entries of a list are counted from 1, as one counts in the file: `alarm[2].point` is the point of the second [[alarm]].
    `value` is shown as TOML writes it and is empty where nothing is there; `hint` may be empty.
    """

    file: str
    key: str
    value: str
    reason: str
    hint: str = ""

    def render(self) -> str:
        """Return the line that `stationd check` prints."""
        place = f"{self.key} = {self.value}" if self.value else self.key
        return f"{self.file}: {place + ': ' if place else ''}{self.reason}{f' ({self.hint})' if self.hint else ''}"
