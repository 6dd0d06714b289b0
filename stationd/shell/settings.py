"""What a person sets for his own shell, and how large his terminal is. It lasts as long as the shell."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import NamedTuple

from stationd.shell.wish import Wish

COLUMNS, ROWS = 80, 24  # of a serial console that never said how large it is
FEWEST_COLUMNS, FEWEST_ROWS = 20, 5
LANGUAGE = "STATIONCTL_LANG"
LANGUAGES = ("en", "ru", "kk", "az")


class Size(NamedTuple):
    """Of a terminal."""

    columns: int
    rows: int


class Settings:
    """The settings of one shell."""

    def __init__(self, environ: Mapping[str, str], *, plain: bool) -> None:
        language = environ.get(LANGUAGE, "en")
        self.plain = plain
        self.local_time = False
        self.language = language if language in LANGUAGES else "en"
        self._size: Size | None = None

    def changed(self, wish: Wish) -> str:
        """Take a setting over; return it as a sentence."""
        given = wish.parameters
        match wish.method:
            case "plain":
                self.plain = given["value"] == "on"
                return "plain: lines only, nothing moves" if self.plain else "plain is off"
            case "time":
                self.local_time = given["value"] == "local"
                return f"notices show {'the local time' if self.local_time else 'UTC'} first"
            case "lang":
                self.language = str(given["value"])
                return f"explanations: {self.language}"
        self._size = Size(int(str(given["columns"])), int(str(given["rows"])))
        return f"the terminal has {self._size.columns} columns and {self._size.rows} rows"

    def size(self, descriptor: int) -> Size:
        """Return how large the terminal is: as it was set, as it says itself, or as all were once."""
        if self._size is not None:
            return self._size
        with contextlib.suppress(OSError):
            known = os.get_terminal_size(descriptor)
            if known.columns and known.lines:
                return Size(max(known.columns, FEWEST_COLUMNS), max(known.lines, FEWEST_ROWS))
        return Size(COLUMNS, ROWS)
