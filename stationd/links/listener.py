"""What was heard on a line: which bytes answer the question in flight, which come late, and which nobody asked for.

No waiting and no clock here: times come as arguments, so that any trace of a line can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stationd.links.statistics import BusStatistics
from stationd.wire.exchange import Exchange, Found, Refusal

BUFFER_LIMIT = 8192  # far more than any answer: what does not end by then is noise


@dataclass(frozen=True, slots=True)
class Sent:
    """A question on the line: its number, when it began, how long its own bytes take."""

    exchange: Exchange
    number: int
    t: float
    wire_s: float


@dataclass(frozen=True, slots=True)
class LateFrame:
    """A frame that answers a question which was given up."""

    sent: Sent
    found: Found


class Listener:
    """The received bytes of one line and the questions that they may answer."""

    def __init__(self, statistics: BusStatistics) -> None:
        self._statistics = statistics
        self._buffer = bytearray()
        self._in_flight: Sent | None = None
        self._late: list[tuple[Sent, float]] = []
        self._lengths: dict[Any, int] = {}

    def expect(self, sent: Sent) -> None:
        """Listen for the answer to a question that is about to leave; whatever came before it is no answer to it."""
        self.drop(len(self._buffer))
        self._late = [(late, until) for late, until in self._late if sent.t < until]
        self._in_flight = sent

    def stop(self) -> None:
        """The question in flight is answered or given up."""
        self._in_flight = None

    def remember(self, sent: Sent, until: float) -> None:
        """Recognise the answer to a question that was given up, should it come before `until`."""
        self._late.append((sent, until))

    def reset(self) -> None:
        """Forget all bytes: the port was opened anew."""
        self.drop(len(self._buffer))

    def hear(self, data: bytes) -> tuple[Found | None, list[LateFrame]]:
        """Take bytes; return the answer in flight if it is complete now, and the late frames that came with them."""
        self._buffer += data
        answer: Found | None = None
        late: list[LateFrame] = []
        while (hit := self._first()) is not None:
            sent, found = hit
            self.drop(found.start)
            del self._buffer[: found.end - found.start]
            if sent is self._in_flight:
                answer, self._in_flight = found, None
                self._note_length(sent.exchange, found)
            else:
                self._late = [entry for entry in self._late if entry[0] is not sent]
                late.append(LateFrame(sent, found))
        if len(self._buffer) > BUFFER_LIMIT or (self._in_flight is None and not self._late):
            self.drop(len(self._buffer))
        return answer, late

    def _note_length(self, exchange: Exchange, found: Found) -> None:
        if not exchange.writes and exchange.codec.reply_length(exchange.question) is None:
            self._lengths[exchange.question] = found.end - found.start

    def _first(self) -> tuple[Sent, Found] | None:
        """Return the frame with the smallest end that answers the question in flight or one that was given up."""
        if not self._buffer:
            return None
        received = bytes(self._buffer)
        if not self._late:
            sent = self._in_flight
            found = sent.exchange.codec.find(sent.exchange.question, sent.number, received) if sent else None
            return (sent, found) if sent and found else None
        asked = [self._in_flight] if self._in_flight else []
        asked += [sent for sent, _ in self._late]
        candidates = [(one, one.exchange.codec.find(one.exchange.question, one.number, received)) for one in asked]
        hits = [(one, found) for one, found in candidates if found is not None]
        return min(hits, key=self._preference, default=None)

    def _preference(self, hit: tuple[Sent, Found]) -> tuple[int, int, bool]:
        """The frame that ends first. A refusal does not show what it refuses: if it may be a late one it is taken for that."""
        sent, found = hit
        return found.end, found.start, sent is self._in_flight and isinstance(found.outcome, Refusal)

    def drop(self, count: int) -> bytes:
        """Throw away and count the first bytes; nobody asked for them."""
        dropped = bytes(self._buffer[:count])
        self._statistics.unasked_bytes += count
        del self._buffer[:count]
        return dropped

    @property
    def heard(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._buffer)

    def expected(self, exchange: Exchange) -> int | None:
        """Return the length of the answer: fixed by the protocol, or that of the last answer to the same question."""
        fixed = exchange.codec.reply_length(exchange.question)
        return fixed if fixed is not None else self._lengths.get(exchange.question)
