"""What stands in the file: records are written, read back at a start, and delivered messages deleted. One thread owns it.

A record, its alarm snapshots, its messages and its link of the audit chain are one transaction. A commit that failed may
nevertheless have reached the disk; therefore the last sequence of this run is committed too, and what it covers is not
written twice.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stationd.outputs.journal import audit, schema
from stationd.outputs.journal.record import SIZE_OF_RECORD, Message, Moment, Record, RecordClass
from stationd.outputs.journal.rows import INDEX_BITS, SEQUENCE_BITS, VALUE, checked, is_whole, message_id, record_id
from stationd.outputs.journal.salvage import Salvaged

ENTERED = (RecordClass.ALARM, RecordClass.EVENT, RecordClass.COMMAND)  # classes that stand in a table of their own
META_LIVED, META_AUDIT, META_EVENTS, META_STATION = "lived_s", "audit", "events", "station"


@dataclass(slots=True)
class Total:
    """How much of a class stands in the outbox."""

    records: int = 0
    bytes: int = 0

    def add(self, records: int, size: int) -> None:
        """Change both; negative numbers take away."""
        self.records += records
        self.bytes += size

    def copy(self) -> Total:
        """Return one that does not change any more."""
        return Total(self.records, self.bytes)


class Store:
    """The open file. Every method may raise sqlite3.Error; then nothing of it has happened, and the store is to be closed."""

    def __init__(self, path: Path, run: str, moment: Moment) -> None:
        self.db = schema.connect(path)
        self._run = run
        try:
            self._begin_run(moment)
            self.head = audit.read_head(self.db)
            noted = self.noted(META_EVENTS)
            self.event_bytes = int(noted) if isinstance(noted, int | float) else 0  # noted, as counting takes long
            self.outbox = {each: Total() for each in RecordClass}
            for word, records, size in self.db.execute("SELECT class, count(*), sum(size) FROM outbox GROUP BY class"):
                with contextlib.suppress(ValueError):  # a torn row
                    self.outbox[RecordClass(word)] = Total(records, int(size))
        except BaseException:
            self.db.close()
            raise

    def _begin_run(self, moment: Moment) -> None:
        """Find this run among the runs of the file, or enter it as the next."""
        row = self.db.execute("SELECT number, last_sequence, last_frame FROM boots WHERE run = ?", (self._run,)).fetchone()
        if row is None:
            with self.transaction():
                (last,) = self.db.execute("SELECT coalesce(max(number), 0) FROM boots").fetchone()
                row = (last + 1, 0, 0)
                values = (row[0], self._run, round(moment.utc_s * 1000), moment.synchronised)
                self.db.execute("INSERT INTO boots VALUES (?, ?, ?, ?, 0, 0)", values)
        self.boot, self.last_sequence, self.last_frame = (int(each) for each in row)
        lived = self.noted(META_LIVED)  # torn: 0, so that everything looks younger than it is and nothing goes too early
        self._lived_ahead_s = (lived if isinstance(lived, float) else 0.0) - moment.t

    def lived_s(self, t: float) -> float:
        """Return how long this journal has been in use at a monotonic time: the age of things, which no clock can jump."""
        return t + self._lived_ahead_s

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block does, or none of it."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise

    def settle(self) -> None:
        """Bring what an earlier, failed commit may have left in the WAL to the disk beyond doubt.

        After a failed fsync the kernel may hold pages as clean that never reached the disk; copying them into the database
        writes them anew.
        """
        ((busy, _, _),) = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if busy:
            raise sqlite3.OperationalError("the log could not be brought into the file: somebody reads it")

    # ------------------------------------------------------------------ records

    def write(self, records: Iterable[Record], delivered: Collection[int] = (), *, t: float) -> None:
        """Commit records, without the messages whose slot is in `delivered`: somebody has them already."""
        new = [record for record in records if record.stamp.sequence > self.last_sequence]
        event_bytes = self.event_bytes + sum(SIZE_OF_RECORD + len(each.body) for each in new if each.record_class in ENTERED)
        head, rows = self.head, [row for record in new for row in self._messages(record, delivered)]
        with self.transaction():
            for record in new:
                head = self._write(record, head)
            self._add_messages(rows)
            last = new[-1].stamp.sequence if new else self.last_sequence
            self.db.execute("UPDATE boots SET last_sequence = ? WHERE number = ?", (last, self.boot))
            self.note(META_AUDIT, head.position)
            self.note(META_EVENTS, event_bytes)
            self.note(META_LIVED, self.lived_s(t))
        self.head, self.last_sequence, self.event_bytes = head, last, event_bytes
        for row in rows:
            self.outbox[RecordClass(str(row[1]))].add(1, _size(row))

    def _write(self, record: Record, head: audit.Head) -> audit.Head:
        for key, state in record.states.items():
            self.put_state(key, state, record.stamp.sequence)
        for key, value in record.values.items():
            self.note(VALUE + key, value)
        match record.record_class:
            case RecordClass.ALARM | RecordClass.EVENT:
                self._enter("events", record)
            case RecordClass.COMMAND:
                self._enter("commands", record)
        if not record.audited and record.record_class is not RecordClass.AUDIT:
            return head
        text = audit.canonical(record)
        head = audit.Head(head.position + 1, audit.link(head.digest, text))
        self.db.execute("INSERT INTO audit VALUES (?, ?, ?)", (head.position, text, head.digest))
        return head

    def put_state(self, key: str, state: str | None, sequence: int) -> None:
        """Replace the snapshot of an alarm."""
        if state is None:
            self.db.execute("DELETE FROM states WHERE key = ?", (key,))
            return
        row = checked(key, state, record_id(self.boot, sequence))
        self.db.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", row)

    def note(self, key: str, value: float | str | None) -> None:
        """Replace a small value; None: it is gone."""
        if value is None:
            self.db.execute("DELETE FROM meta WHERE key = ?", (key,))
            return
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", checked(key, value))

    def noted(self, key: str) -> float | str | None:
        """Return a small value; None where there is none, or it is torn."""
        row = self.db.execute("SELECT key, value, checked FROM meta WHERE key = ?", (key,)).fetchone()
        return row[1] if row is not None and is_whole(row) and isinstance(row[1], int | float | str) else None

    def _enter(self, table: str, record: Record) -> None:
        moment = record.stamp.moment
        number = record_id(self.boot, record.stamp.sequence)
        times = (round(moment.utc_s * 1000), moment.synchronised, round(moment.t * 1e6), self.lived_s(moment.t))
        row = checked(number, record.record_class.value, record.kind, record.subject, *times, record.body)
        self.db.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - fixed names

    # ------------------------------------------------------------------ messages

    def _messages(self, record: Record, delivered: Collection[int]) -> Iterator[tuple[object, ...]]:
        for index, message in enumerate(record.messages):
            if record.stamp.sequence << INDEX_BITS | index not in delivered:
                yield self._row(record, index, message)

    def _row(self, record: Record, index: int, message: Message) -> tuple[object, ...]:
        moment = record.stamp.moment
        number = message_id(self.boot, record.stamp.sequence, index)
        size = len(message.payload) + len(message.topic) + 64
        times = (round(moment.utc_s * 1000), self.lived_s(moment.t))
        body = (record.record_class.value, message.topic, message.payload, message.retain, size)
        return checked(number, *body, *times)

    def _add_messages(self, rows: list[tuple[object, ...]]) -> None:
        if rows:
            self.db.executemany("INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def forget_messages(self, numbers: Iterable[int]) -> None:
        """Delete messages that were delivered, or dropped."""
        gone: list[tuple[str, int]] = []
        with self.transaction():
            for number in numbers:
                gone += self.db.execute("DELETE FROM outbox WHERE id = ? RETURNING class, size", (number,)).fetchall()
        for word, size in gone:
            with contextlib.suppress(ValueError, TypeError):  # a torn row
                self.outbox[RecordClass(word)].add(-1, -size)

    # ------------------------------------------------------------------ begin and end

    def belongs_to(self, station: str) -> None:
        """Write the station's name into the file, or find it there; Foreign when the file is that of another one."""
        if not station:
            return
        owner = self.noted(META_STATION)
        if owner is None:
            with self.transaction():
                self.note(META_STATION, station)
        elif owner != station:
            raise schema.Foreign(f"it is the journal of the station {owner}, and this is {station}")

    def begin_with(self, salvaged: Salvaged) -> None:
        """Enter into a new file what is known from before it."""
        with self.transaction():
            for key, state in salvaged.states.items():
                self.put_state(key, state, 0)
            for name, value in salvaged.values.items():
                self.note(VALUE + name, value)
            self._add_messages(salvaged.messages)
            self.db.execute("UPDATE boots SET number = ? WHERE number = ?", (self._boot_after(salvaged), self.boot))
        self.boot = self._boot_after(salvaged)
        for row in salvaged.messages:
            self.outbox[RecordClass(str(row[1]))].add(1, _size(row))

    def _boot_after(self, salvaged: Salvaged) -> int:
        """Return a number for this run that is above those of all salvaged messages, so that they stay the older ones."""
        boots = [int(str(row[0])) >> (SEQUENCE_BITS + INDEX_BITS) for row in salvaged.messages]
        return max(int(self.boot), max(boots, default=0) + 1)

    def close(self) -> None:
        """Close the file; whatever the disk says to that."""
        with contextlib.suppress(sqlite3.Error):
            self.db.close()


def _size(row: tuple[object, ...]) -> int:
    return int(str(row[5]))
