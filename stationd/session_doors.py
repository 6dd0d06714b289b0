"""The door to the people of the station: what the session interface asks for (stationd.console.session_door), answered by the journal.

A note or a change of shift counts at once and is answered when its record is on the disk, or when it is clear that the disk fails: then
with the word that it is not, as all orders are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from stationd.console import door
from stationd.console.peer import Peer
from stationd.console.session_door import JournalState, Taken
from stationd.core.logbook import Logbook
from stationd.core.operation.words import Noted
from stationd.doors import called
from stationd.outputs.document import Identity
from stationd.outputs.journal import Journal, Moment
from stationd.outputs.session_records import Author, SessionRecords

Leave = Callable[[], None]
Subscribe = Callable[[Callable[[Noted], None]], Leave]


class StationSession:
    """The people of one station. `subscribe` is that of whoever hears the desk of operations (stationd.outputs.act_records)."""

    def __init__(self, identity: Identity, journal: Journal, clock: Callable[[], Moment], subscribe: Subscribe) -> None:
        self._identity = identity
        self._journal = journal
        self._clock = clock
        self._subscribe = subscribe
        self._records = SessionRecords(journal, clock, identity)

    @property
    def station(self) -> str:
        """The name of the station."""
        return self._identity.name

    @property
    def mode(self) -> str:
        """live, sim or hil."""
        return self._identity.mode.value

    def book(self) -> Logbook:
        """Return the book of the shift."""
        return self._records.book()

    async def note(self, text: str, peer: Peer) -> bool:
        """Keep a note."""
        return await self._records.note(text, _author(peer))

    async def write(self, text: str, peer: Peer) -> bool:
        """Keep the text for whoever takes the shift."""
        return await self._records.write(text, _author(peer))

    async def take(self, peer: Peer, warnings: tuple[str, ...]) -> Taken:
        """Give the shift to a person."""
        return Taken(*await self._records.take(_author(peer), warnings))

    async def record(self, kind: str, subject: str, peer: Peer, document: Mapping[str, object]) -> bool:
        """Write a message or a silence into the audit."""
        return await self._records.record(kind, subject, _author(peer), document)

    def subscribe(self, deliver: Callable[[Noted], None]) -> Leave:
        """Have every record of the desk of operations delivered from now on."""
        return self._subscribe(deliver)

    def journal(self) -> JournalState:
        """Return how the journal is."""
        health = self._journal.health
        return JournalState(health.good, health.state.value, "; ".join(part for part in (health.reason, *health.damage) if part))

    def now(self) -> float:
        """Return the monotonic time of views and records."""
        return asyncio.get_running_loop().time()

    def moment(self, t: float) -> door.Moment:
        """Return the time of day of a monotonic time."""
        seen = self._clock()
        return door.Moment(seen.utc_s + t - seen.t, seen.synchronised)


def _author(peer: Peer) -> Author:
    return Author(peer.called, peer.uid, called(peer))
