"""Writes of operations that are on their way: whose, what, and since when. So that no answer is taken for that to another question.

An answer belongs to the oldest write to its point with the value that it speaks of. It is handed on only where that is also the newest
one: what a unit says to an earlier write proves nothing about the last. A write may remain unanswered for ever; after WRITE_LOST_S it
is not waited for any more, and an answer that comes even then still goes to nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.core.model import PointId, Write, WriteDone

WRITE_LOST_S = 30.0  # a write of which nothing is heard for so long is not waited for any more (assumption)
MOST = 8  # of one point: a unit that never answers is held long before (choice)


@dataclass(frozen=True, slots=True)
class _Sent:
    operation: str
    write: Write
    t: float


class Underway:
    """The writes that were not answered yet, by point, the oldest first."""

    def __init__(self) -> None:
        self._sent: dict[PointId, tuple[_Sent, ...]] = {}

    def begin(self, operation: str, write: Write, now: float) -> None:
        """Note that an operation sends this."""
        self._sent[write.target] = (*self._sent.get(write.target, ()), _Sent(operation, write, now))[-MOST:]

    def waits(self, target: PointId) -> bool:
        """Return whether any write to this point was not answered."""
        return target in self._sent

    def of(self, operation: str) -> frozenset[PointId]:
        """Return the points to which writes of an operation are on their way."""
        return frozenset(point for point, sent in self._sent.items() if any(each.operation == operation for each in sent))

    def answered(self, done: WriteDone) -> str:
        """Take an answer, and return the operation to which it is news; "" where it is to none."""
        sent = self._sent.get(done.target, ())
        at = next((place for place, each in enumerate(sent) if each.write.value == done.asked), None)
        if at is None:
            return ""
        left = sent[at + 1 :]
        if left:
            self._sent[done.target] = left
            return ""
        del self._sent[done.target]
        return sent[at].operation

    def unanswered(self, device: str, now: float) -> tuple[PointId, float] | None:
        """Return a point of a device whose last write is still waited for, and since when."""
        found = ((point, sent[-1].t) for point, sent in self._sent.items() if point.device == device and now < sent[-1].t + WRITE_LOST_S)
        return next(found, None)
