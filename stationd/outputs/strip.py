"""The history of one point folded into the columns of a strip chart. Pure.

Each column keeps the lowest and the highest value that fell into it, the last one, and the worst quality: an event of one second
cannot vanish between two columns, as it does where a curve is thinned out. A column into which nothing fell is None and stays a gap;
one in which readings came without a value says so. Nothing is repeated and nothing interpolated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from stationd.core.model import GOOD, Level, Quality, Value
from stationd.outputs.document import Document, Mode, plain, quality_word
from stationd.outputs.journal import Sample
from stationd.outputs.journal.minutes import WORST


@dataclass(slots=True)
class Column:
    """What fell into one span. `low` and `high` are None for words, and where no reading had a value."""

    begin_utc_s: float
    end_utc_s: float
    low: float | None = None
    high: float | None = None
    last: Value | None = None
    last_utc_s: float = float("-inf")
    readings: int = 0
    worst: Quality = GOOD

    def take(self, sample: Sample) -> None:
        """Take a record in: a reading, or a minute with its minimum and maximum."""
        self.begin_utc_s, self.end_utc_s = min(self.begin_utc_s, sample.utc_s), max(self.end_utc_s, sample.utc_s)
        if WORST[sample.quality.level] > WORST[self.worst.level]:
            self.worst = sample.quality
        value = None if sample.value is None or sample.quality.level is Level.STALE else plain(sample.value)
        if value is None:
            return
        self.readings += sample.readings
        if sample.utc_s >= self.last_utc_s:
            self.last, self.last_utc_s = value, sample.utc_s
        if not isinstance(value, str):
            self._reach(value if sample.low is None else sample.low, value if sample.high is None else sample.high)

    def _reach(self, low: float, high: float) -> None:
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def document(self, mode: Mode) -> Document:
        """Return the column as it is told."""
        low, high = (None if each is None else plain(each) for each in (self.low, self.high))
        document: Document = {"min": low, "max": high, "last": self.last, "count": self.readings, "q": quality_word(self.worst.level, mode)}
        document |= {"why": self.worst.reason.value} if self.worst.reason.value else {}
        return document | {"from": utc(self.begin_utc_s), "to": utc(self.end_utc_s)}


class Strip:
    """Folds records between two times into so many columns of equal length."""

    def __init__(self, begin_utc_s: float, end_utc_s: float, columns: int) -> None:
        self.columns: list[Column | None] = [None] * columns
        self.synchronised = True
        self._begin, self._end, self._width_s = begin_utc_s, end_utc_s, (end_utc_s - begin_utc_s) / columns

    def take(self, samples: Iterable[Sample]) -> None:
        """Take records in, in any order."""
        for sample in samples:
            if self._begin <= sample.utc_s <= self._end:
                number = min(int((sample.utc_s - self._begin) / self._width_s), len(self.columns) - 1)  # the end belongs to the last one
                column = self.columns[number]
                if column is None:
                    column = self.columns[number] = Column(sample.utc_s, sample.utc_s)
                column.take(sample)
                self.synchronised &= sample.synchronised

    def documents(self, mode: Mode) -> list[Document | None]:
        """Return the columns as they are told."""
        return [None if column is None else column.document(mode) for column in self.columns]


def utc(utc_s: float) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
