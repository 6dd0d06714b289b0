"""What waits in memory for the writer's thread: bounded, and it says what it drops and in which order.

Readings go first, to half their fidelity: every second reading of each point, the oldest first, then again every second of what
is left. Events have their own room; of them the oldest go. Alarms, commands and audit are never dropped to make room for others: they
have their own room too. When even that is full the oldest alarms go that the broker has taken, so that a dead disk does not silence
the station; where there are none the newest is refused, loudly. So a flood of one class cannot push out another.

The event loop puts in, one thread takes out; the lock between them is held for microseconds and never during a call to the disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Generic, TypeVar

from stationd.core.model import Reading
from stationd.outputs.journal.record import JournalSettings, Kept, Moment, Record, RecordClass
from stationd.outputs.journal.rows import INDEX_BITS

Item = TypeVar("Item")
READING_SIZE = 160  # of one reading in memory, in bytes [E]
AT_A_TIME = 16  # this part of the room of alarms is made free at a time, so that a full memory is seldom gone through


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record and whoever wants to know what became of it. `more`: the next one belongs to it and is committed with it."""

    record: Record
    kept: asyncio.Future[Kept] | None
    size: int
    more: bool = False

    @property
    def slots(self) -> range:
        """Return the numbers of its messages within this run."""
        first = self.record.stamp.sequence << INDEX_BITS
        return range(first, first + len(self.record.messages))


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings that were handed over together, and when: their wall time is that of this moment, however long they wait."""

    moment: Moment
    readings: tuple[Reading, ...]


Parity = dict[object, bool]


class Thinning(Generic[Item]):
    """A queue that halves the fidelity of what is in it, the oldest first, when it has more than `most` bytes.

    `halve` returns what is left of an item (None: nothing) and how many readings were dropped; `lose` drops all of an item.
    """

    def __init__(
        self,
        most: int,
        size: Callable[[Item], int],
        halve: Callable[[Item, Parity], tuple[Item | None, int]],
        lose: Callable[[Item], int],
    ) -> None:
        self._most = most
        self._size = size
        self._halve = halve
        self._lose = lose
        self._thinned: deque[Item] = deque()  # older than all that is fresh
        self._fresh: deque[Item] = deque()
        self._parity: Parity = {}
        self._freed = True
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._thinned) + len(self._fresh)

    def add(self, item: Item) -> int:
        """Take an item in; return how many readings were dropped to make room."""
        self._fresh.append(item)
        self.bytes += self._size(item)
        dropped = 0
        while self.bytes > self._most and len(self) > 1:
            dropped += self._thin()
        return dropped

    def _thin(self) -> int:
        if not self._fresh:  # the whole queue was gone through: once more, or without mercy where that did not help
            self._thinned, self._fresh = self._fresh, self._thinned
            self._parity.clear()
            helped, self._freed = self._freed, False
            if not helped:
                self._freed = True
                oldest = self._fresh.popleft()
                self.bytes -= self._size(oldest)
                return self._lose(oldest)
        item = self._fresh.popleft()
        left, dropped = self._halve(item, self._parity)
        self._freed = self._freed or dropped > 0
        self.bytes += (self._size(left) if left is not None else 0) - self._size(item)
        if left is not None:
            self._thinned.append(left)
        return dropped

    def first(self) -> Item | None:
        """Return the oldest item."""
        return self._thinned[0] if self._thinned else self._fresh[0] if self._fresh else None

    def take(self) -> Item:
        """Remove and return the oldest item."""
        item = self._thinned.popleft() if self._thinned else self._fresh.popleft()
        self.bytes -= self._size(item)
        return item


class Backlog:
    """Everything that waits for the writer."""

    def __init__(self, settings: JournalSettings) -> None:
        self.condition = threading.Condition()
        self.dropped: Counter[RecordClass] = Counter()
        self.history_dropped = 0
        self.urgent = False
        self.delivered: set[int] = set()  # slots of this run that were delivered, whether or not they are on the disk yet
        self.evicted: list[int] = []  # slots of records that went although they were delivered
        self._settings = settings
        self._records: Thinning[Waiting] = Thinning(settings.memory_readings, lambda item: item.size, self._halve_record, self._lose)
        self._readings: Thinning[Batch] = Thinning(settings.memory_readings, size_of_batch, halve_batch, lambda batch: len(batch.readings))
        self._events: deque[Waiting] = deque()
        self._pinned: deque[Waiting] = deque()
        self._events_bytes = self._pinned_bytes = 0

    def put(self, waiting: Waiting) -> None:
        """Take a record in. What has to be dropped for it, or it itself, is counted and told LOST. Called in the event loop."""
        with self.condition:
            if waiting.record.record_class.pinned:
                self._put_pinned(waiting)
            elif waiting.record.record_class is RecordClass.READING:
                self._records.add(waiting)
            else:
                self._put_event(waiting)

    def put_readings(self, batch: Batch) -> None:
        """Take readings for the history in. Called in the event loop."""
        with self.condition:
            self.history_dropped += self._readings.add(batch)

    def take(self, most: int) -> list[Waiting]:
        """Return the oldest records of all classes in order of their sequence; more only of those that belong together.

        Called in the thread.
        """
        with self.condition:
            taken: list[Waiting] = []
            while (len(taken) < most or taken[-1].more) and (waiting := self._take_oldest()) is not None:
                taken.append(waiting)
            self.urgent = bool(self._pinned or self._events)
        return taken

    def take_readings(self) -> list[Batch]:
        """Return all readings for the history. Called in the thread."""
        with self.condition:
            return [self._readings.take() for _ in range(len(self._readings))]

    def deliverable(self, after: int = 0) -> list[Record]:
        """Return the records after a sequence that wait and are told to people at once, in their order: all but readings."""
        records: list[Record] = []
        with self.condition:
            for lane in (self._pinned, self._events):
                records += [each.record for each in takewhile(lambda each: each.record.stamp.sequence > after, reversed(lane))]
        return sorted(records, key=lambda record: record.stamp.sequence)

    @property
    def bytes(self) -> int:
        """How much memory waits."""
        return self._records.bytes + self._readings.bytes + self._events_bytes + self._pinned_bytes

    def __len__(self) -> int:
        return len(self._records) + len(self._events) + len(self._pinned)

    def _put_pinned(self, waiting: Waiting) -> None:
        if self._pinned_bytes + waiting.size > self._settings.memory_pinned:
            self._evict(max(waiting.size, self._settings.memory_pinned // AT_A_TIME))
        if self._pinned_bytes + waiting.size > self._settings.memory_pinned:
            self._lose(waiting)
            return
        self._pinned.append(waiting)
        self._pinned_bytes += waiting.size
        self.urgent = True
        self.condition.notify()

    def _evict(self, size: int) -> None:
        """Let the oldest alarms go that somebody has taken, as far as so many bytes need it."""
        left: deque[Waiting] = deque()
        freed = 0
        for waiting in self._pinned:
            if freed < size and waiting.record.record_class is RecordClass.ALARM and self._is_delivered(waiting):
                freed += waiting.size
                self.delivered.difference_update(waiting.slots)
                self.evicted += waiting.slots
                self._lose(waiting)
            else:
                left.append(waiting)
        self._pinned = left
        self._pinned_bytes -= freed

    def _is_delivered(self, waiting: Waiting) -> bool:
        return bool(waiting.record.messages) and self.delivered.issuperset(waiting.slots)

    def _put_event(self, waiting: Waiting) -> None:
        self._events.append(waiting)
        self._events_bytes += waiting.size
        if waiting.record.messages:  # somebody waits for it
            self.urgent = True
            self.condition.notify()
        while self._events_bytes > self._settings.memory_events:
            oldest = self._events.popleft()
            self._events_bytes -= oldest.size
            self._lose(oldest)

    def _take_oldest(self) -> Waiting | None:
        candidates = [lane[0] for lane in (self._pinned, self._events) if lane]
        reading = self._records.first()
        if reading is not None:
            candidates.append(reading)
        if not candidates:
            return None
        oldest = min(candidates, key=lambda waiting: waiting.record.stamp.sequence)
        self._remove(oldest)
        return oldest

    def _remove(self, waiting: Waiting) -> None:
        if waiting.record.record_class.pinned:
            self._pinned_bytes -= self._pinned.popleft().size
        elif waiting.record.record_class is RecordClass.READING:
            self._records.take()
        else:
            self._events_bytes -= self._events.popleft().size

    def _halve_record(self, waiting: Waiting, parity: Parity) -> tuple[Waiting | None, int]:
        topics = tuple(message.topic for message in waiting.record.messages)
        parity[topics] = drop = not parity.get(topics, True)
        if not drop:
            return waiting, 0
        self._lose(waiting)
        return None, 1

    def _lose(self, waiting: Waiting) -> int:
        self.dropped[waiting.record.record_class] += 1
        if waiting.kept is not None and not waiting.kept.done():
            waiting.kept.set_result(Kept.LOST)
        return 1


def size_of_batch(batch: Batch) -> int:
    """Return about how many bytes readings have in memory."""
    return READING_SIZE * len(batch.readings)


def halve_batch(batch: Batch, parity: Parity) -> tuple[Batch | None, int]:
    """Return every second reading of each point, and how many were dropped."""
    left: list[Reading] = []
    for reading in batch.readings:
        parity[reading.point] = drop = not parity.get(reading.point, True)
        if not drop:
            left.append(reading)
    return (Batch(batch.moment, tuple(left)) if left else None), len(batch.readings) - len(left)
