"""What io.stationd.Diagnostics needs from the rest of the daemon, beside the line (stationd.console.door.LineDoor).

Everything `async` reads files, the kernel or the journal off the event loop, may take its time, and raises NotDone
(stationd.console.door) when that fails. Documents have the numbers of all documents; what is not known is None in them, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from stationd.console.door import Document


class What(Enum):
    """What there is none of."""

    KEY = "key"
    POINT = "point"
    DEVICE = "device"
    FEED = "feed"


class Unknown(Exception):
    """This station has nothing of that name. `near` are names that were probably meant."""

    def __init__(self, what: What, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(name)
        self.what, self.name, self.near = what, name, tuple(near)


class NotSaved(Exception):
    """A text was not saved: the cause in one word, the text says what is, `hint` what would change it."""

    def __init__(self, cause: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.cause, self.hint = cause, hint


class DiagnosticsDoor(Protocol):
    """The daemon about itself, its past, and its self-test. Nothing behind this door changes the plant."""

    async def clock(self) -> Document:
        """Return the time of day and how well it is known."""

    async def health(self) -> Document:
        """Return how the daemon and all that it depends on are."""

    async def version(self) -> Document:
        """Return what runs here, and by which file."""

    def config(self, path: str) -> Document:
        """Return the configuration in force at a dotted path, "" for all. Unknown."""

    def log(self, since_utc_s: float | None, most: int) -> Document:
        """Return the newest events of the log, oldest first."""

    async def history(self, point: str, seconds: int, columns: int) -> Document:
        """Return the past of a point in so many columns. Unknown."""

    def points(self) -> Sequence[Document]:
        """Return every point with its unit."""

    async def events(self, subject: str, since_utc_s: float | None, most: int) -> Document:
        """Return the newest events of a unit, a resource or one alarm, oldest first. Unknown."""

    def feed(self, device: str) -> Document:
        """Return the limits of a power feed and how it stands. Unknown."""

    async def self_test(self) -> Document:
        """Test the station by reading, and keep the report. Whoever asks while one runs gets the same."""

    async def link_test(self) -> Document:
        """Test what the station is connected to, by reading."""

    async def save(self, name: str, text: str) -> str:
        """Save a text and return its path. NotSaved."""
