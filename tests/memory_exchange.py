"""The way between two stations in memory, with everything that can happen to a message on it.

What it is: the Exchange (stationd.farstation.exchange) of each end, and a Way in each direction that a test sets: late, lost,
repeated, changed. What it is not: a broker; nothing is retained unless a Way says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stationd.farstation.exchange import Deliver
from stationd.sim.cable import End

LATE_S = 0.03  # of a message between two stations over a broker (assumption)

Passed = tuple[float, bytes, bool]
"""Seconds on the way, what arrives, and whether it is marked as retained."""


@dataclass(slots=True)
class Way:
    """One direction. `passes` says what arrives of a message; `sent` keeps all that were given to it."""

    passes: Callable[[bytes], Iterable[Passed]] = field(default_factory=lambda: usual)
    sent: list[tuple[float, str, bytes]] = field(default_factory=list)


def usual(message: bytes) -> Iterable[Passed]:
    """Let it arrive."""
    return ((LATE_S, message, False),)


def nothing(message: bytes) -> Iterable[Passed]:
    """Let nothing arrive."""
    return ()


def unsigned(message: bytes) -> Iterable[Passed]:
    """Take the signature away."""
    return ((LATE_S, message[: message.rindex(b',"signature"')] + b"}", False),)


def retained(message: bytes) -> Iterable[Passed]:
    """Let it arrive as if it had lain at the broker."""
    return ((LATE_S, message, True),)


class Replayed:
    """Lets messages through for a while, then sends those again instead of new ones."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._old: list[bytes] = []
        self._next = 0

    def __call__(self, message: bytes) -> Iterable[Passed]:
        if len(self._old) < self._most:
            self._old.append(message)
            return usual(message)
        self._next += 1
        return usual(self._old[self._next % self._most])


class MemoryExchange:
    """`at(end)` is that end's Exchange; `ways[end]` is the way of what that end sends."""

    def __init__(self) -> None:
        self.ways = {end: Way() for end in End}
        self._listeners: dict[End, list[tuple[str, Deliver]]] = {end: [] for end in End}

    def at(self, end: End) -> EndOfExchange:
        return EndOfExchange(self, end)

    def listen(self, end: End, topic: str, deliver: Deliver) -> None:
        self._listeners[end].append((topic, deliver))

    def send(self, end: End, topic: str, payload: bytes) -> None:
        loop = asyncio.get_running_loop()
        way = self.ways[end]
        way.sent.append((loop.time(), topic, payload))
        for delay_s, message, lay_there in way.passes(payload):
            for listens, deliver in self._listeners[end.other]:
                if listens == topic:
                    loop.call_later(delay_s, deliver, message, lay_there)

    def forget(self, end: End) -> None:
        """The daemon of an end has ended."""
        self._listeners[end].clear()


@dataclass(frozen=True, slots=True)
class EndOfExchange:
    """One end (stationd.farstation.exchange.Exchange)."""

    exchange: MemoryExchange
    end: End

    def publish(self, topic: str, payload: bytes) -> None:
        self.exchange.send(self.end, topic, payload)

    def subscribe(self, topic: str, deliver: Deliver) -> None:
        self.exchange.listen(self.end, topic, deliver)
