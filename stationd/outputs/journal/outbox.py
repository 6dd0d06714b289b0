"""Messages on their way to the broker, seen from the event loop: the oldest first, given out again until they are done.

A message is durable before it is given out. Only while the disk fails are alarms, commands and audit given out from memory, so
that a dead disk does not silence the station; they are then not written when the disk is back, unless nobody took them.

Whoever delivers calls `next` for more, `done` for what the receiver has acknowledged, and `rewind` after a lost connection: what
is not done then comes again, in the same order and with the same content. Messages are never reordered within a topic; what comes
from memory overtakes only what a disk that cannot be read holds back.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from stationd.outputs.journal.record import MOST_MESSAGES, Record, RecordClass
from stationd.outputs.journal.rows import CLASSES, INDEX_BITS, SEQUENCE_BITS, is_whole
from stationd.outputs.journal.worker import Worker

LOOK_S = 1.0  # a disk that does not answer is seen so soon; also the pace of delivery from memory
OWN = (1 << SEQUENCE_BITS + INDEX_BITS) - 1
SELECT = "SELECT * FROM outbox WHERE id > ? ORDER BY id LIMIT ?"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that waits. `id` is for `done`; `historical` says that an earlier run of the daemon made it."""

    id: int
    message_class: RecordClass
    topic: str
    payload: bytes
    retain: bool
    utc_s: float
    historical: bool = False


@dataclass(slots=True)
class Page:
    """Rows of the file, and up to which one was looked."""

    begin: tuple[int, int]  # number of the run, and after which message
    last: int
    rows: list[tuple[int, str, str, bytes, int, int]] = field(default_factory=list)
    torn: list[int] = field(default_factory=list)


class Outbox:
    """To be used in the event loop. `waiting` gives the records in memory after a sequence, `failing` says whether the disk fails."""

    def __init__(
        self,
        reader: Worker,
        waiting: Callable[[int], Iterable[Record]],
        failing: Callable[[], bool],
        delivered: Callable[[list[int]], None],
    ) -> None:
        self.torn = 0  # messages that could not be trusted; they are deleted
        self._told = 0  # everything in memory up to this sequence is done
        self._reader = reader
        self._waiting = waiting
        self._failing = failing
        self._delivered = delivered
        self._boot = -1
        self._cursor = 0
        self._out: set[int] = set()  # given out, not done
        self._done: set[int] = set()  # done, not yet deleted
        self._deleted: set[int] = set()  # deleted, but a page that was read before may still have them
        self._news = asyncio.Event()
        self._question: asyncio.Task[Page | Exception] | None = None

    async def next(self, limit: int) -> tuple[Undelivered, ...]:
        """Return the oldest messages that are not given out yet, as soon as there is one."""
        while True:
            self._news.clear()
            found = await self._from_disk(limit)
            if not found and self._failing():
                found = self._from_memory(limit)
            if found:
                self._out.update(each.id for each in found)
                return tuple(found)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._news.wait()

    def done(self, ids: Iterable[int]) -> None:
        """Take note that messages were acknowledged; they are deleted soon and not given out again."""
        own = list(ids)
        self._out.difference_update(own)
        self._done.update(own)
        self._delivered(own)

    def rewind(self) -> None:
        """Begin again with the oldest that is not done."""
        self._out.clear()
        self._cursor = 0
        self._news.set()

    # ------------------------------------------------------------------ told by the journal

    def look(self) -> None:
        """Look again: there are new messages, or the state of the disk has changed."""
        self._news.set()

    def opened(self, boot: int) -> None:
        """Take note of the number of this run in the file, which may be another file now."""
        self._boot = boot
        self._cursor = 0
        self._news.set()

    def forgotten(self, ids: Iterable[int]) -> None:
        """Take note that done messages are deleted."""
        self._deleted.update(ids)

    def evicted(self, ids: Iterable[int]) -> None:
        """Take note that done messages went from memory and will never be in the file."""
        self._done.difference_update(ids)

    # ------------------------------------------------------------------ where messages come from

    async def _from_disk(self, limit: int) -> list[Undelivered]:
        found: list[Undelivered] = []
        while not found and self._boot >= 0:
            page = await self._page(limit)
            if page is None:
                break
            if page.begin != (self._boot, self._cursor):  # rewound meanwhile
                continue
            found = [each for each in map(self._message, page.rows) if each.id not in self._out and each.id not in self._done]
            self._drop_torn(page.torn)
            if page.last == self._cursor:
                break
            self._cursor = page.last
        return found

    def _drop_torn(self, numbers: list[int]) -> None:
        new = [number for number in numbers if number not in self._done]
        self.torn += len(new)
        if new:
            self.done(new)

    async def _page(self, limit: int) -> Page | None:
        """Ask the disk, one question at a time; None when it does not answer within a second or cannot be read."""
        if self._question is None:
            self._done -= self._deleted
            self._deleted.clear()
            begin = (self._boot, self._cursor)
            self._question = asyncio.create_task(self._reader.ask(lambda db: read_page(db, begin, limit)))
        answered, _ = await asyncio.wait({self._question}, timeout=LOOK_S)
        if not answered:
            return None
        page, self._question = self._question.result(), None
        return page if isinstance(page, Page) else None

    def _message(self, row: tuple[int, str, str, bytes, int, int]) -> Undelivered:
        number, word, topic, payload, retain, utc_ms = row
        own = number >> SEQUENCE_BITS + INDEX_BITS == self._boot
        known = -(number & OWN) - 1 if own else number
        return Undelivered(known, RecordClass(word), topic, payload, bool(retain), utc_ms / 1000, historical=not own)

    def _from_memory(self, limit: int) -> list[Undelivered]:
        return [message for message, _ in zip(self._memory(), range(limit), strict=False)]

    def _memory(self) -> Iterator[Undelivered]:
        all_done = True
        for record in self._waiting(self._told):
            for index, message in enumerate(record.messages[:MOST_MESSAGES]):
                known = -(record.stamp.sequence << INDEX_BITS | index) - 1
                if known in self._done:
                    continue
                all_done = False
                if known not in self._out and record.record_class is not RecordClass.READING:
                    utc_s = record.stamp.moment.utc_s
                    yield Undelivered(known, record.record_class, message.topic, message.payload, message.retain, utc_s)
            if all_done:
                self._told = record.stamp.sequence


def read_page(db: sqlite3.Connection, begin: tuple[int, int], limit: int) -> Page:
    """Return the messages after one; those whose check sum is wrong are left out and counted."""
    page = Page(begin, begin[1])
    for row in db.execute(SELECT, (begin[1], limit)):
        number, word, topic, payload, retain, _, utc_ms, _, _ = row
        page.last = number
        if word in CLASSES and isinstance(payload, bytes) and is_whole(row):
            page.rows.append((number, word, topic, payload, retain, utc_ms))
        else:
            page.torn.append(number)
    return page
