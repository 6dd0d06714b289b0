"""The lines that the arrow keys bring back: commands that only look, and no others, in a file of the user.

A line that could act is never kept here, so that no key for the history brings it back. The caller says which lines those are; the file
is read with the same question, so that nothing that was put into it by another way comes up. A disk that fails is no news: the shell goes
on.
Follows the XDG base directory specification for the place.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

MOST_LINES = 1000
LONGEST_LINE = 1000  # characters; what only looks is far shorter
Reads = Callable[[str], bool]


def place(environ: Mapping[str, str]) -> Path | None:
    """Return the file; None for a user without a home."""
    state = environ.get("XDG_STATE_HOME", "")
    if Path(state).is_absolute():
        return Path(state) / "stationctl" / "history"
    home = environ.get("HOME", "")
    return Path(home) / ".local" / "state" / "stationctl" / "history" if Path(home).is_absolute() else None


class Remembered:
    """The lines, oldest first. `only_reads` says of a line that it is a command that only looks."""

    def __init__(self, path: Path | None, only_reads: Reads) -> None:
        self._path = path
        self._only_reads = only_reads
        self.lines: list[str] = []
        if path is not None:
            with contextlib.suppress(OSError):
                self._read(path)

    def keep(self, line: str) -> bool:
        """Remember a line; False when it is one that is not remembered."""
        if self.lines[-1:] == [line] or not self._fits(line):
            return False
        self.lines = [*self.lines, line][-MOST_LINES:]
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._written(self._path, f"{line}\n", os.O_APPEND)
        return True

    def _fits(self, line: str) -> bool:
        return line.isprintable() and 0 < len(line) <= LONGEST_LINE and self._only_reads(line)

    def _read(self, path: Path) -> None:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_LINES * LONGEST_LINE))
            found = file.read().decode("utf-8", "replace").splitlines()
        fits = {line: self._fits(line) for line in set(found[-MOST_LINES:])}  # people type the same few lines: each is judged once
        self.lines = [line for line in found[-MOST_LINES:] if fits[line]]
        if len(self.lines) != len(found):
            self._written(path, "".join(f"{line}\n" for line in self.lines), os.O_TRUNC)

    def _written(self, path: Path, text: str, how: int) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | how
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text.encode("utf-8", "replace"))
