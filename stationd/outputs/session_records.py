"""The book of the shift on its way to the journal, and what people order that outlasts nothing but the audit: messages, silences.

The whole book is one small value of the journal, written in the same transaction as the audited record of each change of it, so that a
restart finds it as it was left. While the journal has not said yet what an earlier run left, nothing is put in its place: what is
written meanwhile stands in the audit at once, and is joined to the book as soon as that can be read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from stationd.core.logbook import Entry, Logbook, restored, saved
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Identity, encode
from stationd.outputs.journal import Journal, Kept, Moment, Record, RecordClass
from stationd.outputs.recovered import plain

log = structlog.get_logger()

SESSION = "session"  # the small value of the journal
TORN = "what is remembered of the shift is torn: who has it, the handover text and the notes are in the audit"
AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: the name and number for the book, and the words of the audit for him."""

    name: str
    uid: int
    peer: str


class SessionRecords:
    """Keeps the book of one station. `journal` has been started; it may answer late."""

    def __init__(self, journal: Journal, clock: Callable[[], Moment], identity: Identity) -> None:
        self._journal = journal
        self._clock = clock
        self._identity = identity
        self._book = Logbook()
        self._take_up()

    def book(self) -> Logbook:
        """Return the book as it stands."""
        self._take_up()
        return self._book

    async def note(self, text: str, author: Author) -> bool:
        """Keep a note; return whether the disk has it."""
        return await self._change("note", author, {"text": text}, lambda book, entry: book.noted(replace(entry, text=text)))

    async def write(self, text: str, author: Author) -> bool:
        """Keep the text for whoever takes the shift; return whether the disk has it."""
        return await self._change("handover-written", author, {"text": text}, lambda book, entry: book.with_text(replace(entry, text=text)))

    async def take(self, author: Author, warnings: tuple[str, ...]) -> tuple[Entry, bool]:
        """Give the shift to somebody; return when, and whether the disk has it."""
        book = self.book()
        document: dict[str, object] = {
            "before": book.shift.by if book.shift is not None else "",
            "text": book.written.text if book.written is not None else "",
            "written_by": book.written.by if book.written is not None else "",
            "warnings": list(warnings),
        }
        entry = self._entry(author)
        durable = await self._change("handover-taken", author, document, lambda book, _: book.taken(entry))
        return entry, durable

    async def record(self, kind: str, subject: str, author: Author, document: Mapping[str, object]) -> bool:
        """Write into the audit what changes nothing in the book; return whether the disk has it."""
        return await self._on_disk(self._append(kind, subject, author, document, {}))

    # What they share.

    def _entry(self, author: Author) -> Entry:
        moment = self._clock()
        return Entry(moment.utc_s, moment.synchronised, author.name, author.uid)

    async def _change(
        self, kind: str, author: Author, document: Mapping[str, object], made: Callable[[Logbook, Entry], Logbook]
    ) -> bool:
        self._take_up()
        self._book = made(self._book, self._entry(author))
        known = self._book.known
        kept = self._append(kind, self._identity.name, author, document, self._values() if known else {})
        if not known:
            kept.add_done_callback(lambda _: self._take_up())
        return await self._on_disk(kept) and known

    async def _on_disk(self, kept: asyncio.Future[Kept]) -> bool:
        """Wait until a record is on the disk, or it is clear that it will not be soon; return whether it is."""
        while not kept.done() and self._journal.health.good:
            await asyncio.wait({kept}, timeout=AGAIN_S)
        return kept.done() and kept.result() is Kept.COMMITTED

    def _append(
        self, kind: str, subject: str, author: Author, document: Mapping[str, object], values: Mapping[str, str]
    ) -> asyncio.Future[Kept]:
        stamp, clock = self._journal.stamp(), Clock.read()
        body: Document = {
            "id": f"{self._identity.name}-{stamp.id}", "boot": stamp.run, "sequence": stamp.sequence,
            "synchronised": stamp.moment.synchronised, "station": self._identity.name, "mode": self._identity.mode.value,
            "kind": kind, "subject": subject, "t": clock.written(clock.now, 6), "who": author.name, "peer": author.peer,
            "document": dict(document),
        }  # fmt: skip
        log.info("people", kind=kind, subject=subject, who=author.name)
        record = Record(stamp, RecordClass.COMMAND, kind, encode(body).decode(), subject, values=values, audited=True)
        return self._journal.append(record)

    def _values(self) -> dict[str, str]:
        return {SESSION: json.dumps({"book": saved(self._book)}, separators=(",", ":"))}

    def _take_up(self) -> None:
        """Join what an earlier run left, once it can be read."""
        if self._book.known or not self._journal.restored.known:
            return
        fresh, earlier = self._book, self._earlier()
        self._book = fresh.after(earlier)
        if fresh != Logbook():
            self._journal.append(Record(self._journal.stamp(), RecordClass.READING, "states", values=self._values()))

    def _earlier(self) -> Logbook:
        text = self._journal.restored.values.get(SESSION)
        if text is None and SESSION not in self._journal.restored.torn_values:
            return Logbook(known=True)
        found = restored((plain(text or "") or {}).get("book"))
        if found is None:
            self._journal.say_damaged(TORN)
        return found or Logbook(known=True)
