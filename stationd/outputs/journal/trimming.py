"""Keeping the outbox and the table of events within their bounds, a little at a time. What goes, and in which order, is fixed.

Outbox: readings and events older than the age limit; then, over the limit of bytes, every second reading of each topic, the oldest
first, again and again; then the oldest events. Alarms, commands and audit are never dropped: what they need beyond the limit
they get, and `over` says how much that is.

Events and commands in the tables: what is older than a year; beyond the quota the oldest, although they were to stay for a year.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stationd.outputs.journal.record import SIZE_OF_RECORD, JournalSettings, RecordClass
from stationd.outputs.journal.store import META_EVENTS, Store

AT_ONCE = 500  # rows of one step
DROPPABLE = (RecordClass.READING, RecordClass.EVENT)


@dataclass(slots=True)
class Trimmed:
    """What went, since the start."""

    outbox: Counter[RecordClass] = field(default_factory=Counter)
    events_aged: int = 0
    events_crowded: int = 0  # within their year, for want of room


class OutboxTrimmer:
    """Thins the outbox of a store."""

    def __init__(self, store: Store, settings: JournalSettings, trimmed: Trimmed) -> None:
        self._store = store
        self._settings = settings
        self._trimmed = trimmed
        self._after = 0
        self._parity: dict[str, bool] = {}
        self._helped = False

    @property
    def over(self) -> int:
        """How many bytes the outbox has above its limit."""
        return max(0, sum(total.bytes for total in self._store.outbox.values()) - self._settings.outbox)

    def step(self, t: float) -> bool:
        """Drop some; return whether there is more to do at once."""
        if self._drop_aged(self._store.lived_s(t) - self._settings.outbox_age_s):
            return True
        if not self.over:
            return False
        if self._store.outbox[RecordClass.READING].records and self._halve():
            return True
        return self._drop_oldest(RecordClass.EVENT)

    def _drop_aged(self, before_s: float) -> bool:
        for each in DROPPABLE:
            rows = self._store.db.execute(
                "SELECT id FROM (SELECT id, lived_s FROM outbox WHERE class = ? ORDER BY id LIMIT ?) WHERE lived_s < ?",
                (each.value, AT_ONCE, before_s),
            ).fetchall()
            if rows:
                self._drop(each, [number for (number,) in rows])
                return True
        return False

    def _halve(self) -> bool:
        """Go on through the readings, dropping every second of each topic. False when a whole pass changed nothing."""
        rows = self._store.db.execute(
            "SELECT id, topic, size FROM outbox WHERE class = ? AND id > ? ORDER BY id LIMIT ?",
            (RecordClass.READING.value, self._after, AT_ONCE),
        ).fetchall()
        if not rows:
            return self._begin_pass()
        drop: list[int] = []
        freed, over = 0, self.over
        for number, topic, size in rows:
            self._after = number
            self._parity[topic] = odd = not self._parity.get(topic, True)
            if odd:
                drop.append(number)
                freed += size
                if freed >= over:
                    break
        self._helped = self._helped or bool(drop)
        if drop:
            self._drop(RecordClass.READING, drop)
        return True

    def _begin_pass(self) -> bool:
        helped, self._helped, self._after = self._helped, False, 0
        self._parity.clear()
        return helped or self._drop_oldest(RecordClass.READING)

    def _drop_oldest(self, which: RecordClass) -> bool:
        rows = self._store.db.execute("SELECT id, size FROM outbox WHERE class = ? ORDER BY id LIMIT ?", (which.value, AT_ONCE)).fetchall()
        drop: list[int] = []
        over = self.over
        for number, size in rows:
            if over <= 0:
                break
            drop.append(number)
            over -= size
        if drop:
            self._drop(which, drop)
        return bool(drop)

    def _drop(self, which: RecordClass, numbers: list[int]) -> None:
        self._store.forget_messages(numbers)
        self._trimmed.outbox[which] += len(numbers)


class EventTrimmer:
    """Keeps the tables of events and commands within their year and their quota."""

    def __init__(self, store: Store, settings: JournalSettings, trimmed: Trimmed) -> None:
        self._store = store
        self._settings = settings
        self._trimmed = trimmed

    def step(self, t: float) -> bool:
        """Delete some; return whether there is more to do at once."""
        before_s = self._store.lived_s(t) - self._settings.events_age_s
        crowded = self._store.event_bytes > self._settings.events
        gone = 0
        for table in ("events", "commands"):
            rows = self._store.db.execute(f"SELECT id, lived_s, length(body) FROM {table} ORDER BY id LIMIT ?", (AT_ONCE,)).fetchall()  # noqa: S608
            drop = [row for row in rows if row[1] < before_s or crowded]
            gone += len(drop)
            if drop:
                self._delete(table, drop, before_s)
        return gone > 0

    def _delete(self, table: str, rows: list[tuple[int, float, int]], before_s: float) -> None:
        left = max(0, self._store.event_bytes - sum(SIZE_OF_RECORD + length for _, _, length in rows))
        with self._store.transaction():
            self._store.note(META_EVENTS, left)
            self._store.db.executemany(f"DELETE FROM {table} WHERE id = ?", [(number,) for number, _, _ in rows])  # noqa: S608
        aged = sum(lived_s < before_s for _, lived_s, _ in rows)
        self._trimmed.events_aged += aged
        self._trimmed.events_crowded += len(rows) - aged
        self._store.event_bytes = left
