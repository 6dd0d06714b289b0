"""What the session interface needs from the rest of the daemon beside the doors of stationd.console.door.

That is the book of the shift, what happens to operations, and how the journal is. Functions that are not `async` are called on the
loop and have to be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from stationd.console.door import Moment
from stationd.console.peer import Peer
from stationd.core.logbook import Entry, Logbook
from stationd.core.operation.words import Noted


@dataclass(frozen=True, slots=True)
class JournalState:
    """Whether what people write reaches the disk: a word, and a sentence where it does not."""

    good: bool
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """The shift was taken. Not `durable`: it counts, but the disk fails, and a restart forgets it."""

    entry: Entry
    durable: bool


class SessionDoor(Protocol):
    """The people of the station, as the journal knows them."""

    @property
    def station(self) -> str:
        """The name of the station."""

    @property
    def mode(self) -> str:
        """live, sim or hil."""

    def book(self) -> Logbook:
        """Return who has the shift, what is written for the next one, and the notes."""

    async def note(self, text: str, peer: Peer) -> bool:
        """Keep a note; return whether it is on the disk."""

    async def write(self, text: str, peer: Peer) -> bool:
        """Keep the text for whoever takes the shift; return whether it is on the disk."""

    async def take(self, peer: Peer, warnings: tuple[str, ...]) -> Taken:
        """Give the shift to a person. Whether he may have it was decided before."""

    async def record(self, kind: str, subject: str, peer: Peer, document: Mapping[str, object]) -> bool:
        """Write into the audit what a person has ordered that outlasts nothing (a message, a silence); return whether it is there."""

    def subscribe(self, deliver: Callable[[Noted], None]) -> Callable[[], None]:
        """Have `deliver` called for every record of the desk of operations from now on; return how to end that. It never fails."""

    def journal(self) -> JournalState:
        """Return how the journal is."""

    def now(self) -> float:
        """Return the monotonic time of views and records."""

    def moment(self, t: float) -> Moment:
        """Return the time of day of a monotonic time."""
