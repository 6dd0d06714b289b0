"""The queue in front of a line: who goes first, and how a caller learns the end of its exchange.

Priorities are strict but for one rule: after a run of urgent exchanges a waiting poll gets one turn, so that a busy
technician never blinds the station. The queue is bounded; a full one refuses by value. While a feed is driven off polls are held:
they keep their place and wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from stationd.core.model import Reason
from stationd.links.bell import Bell
from stationd.links.statistics import Priority
from stationd.wire.exchange import Answer, Exchange, Refusal

QUEUE_LIMIT = 256
POLL_SHARE = 8  # after this many urgent exchanges in a row one waiting poll gets its turn


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable answer; why, in one word for counters and one sentence for people."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an exchange: its outcome, and the time at which the answer was complete (or given up)."""

    outcome: Answer | Refusal | Failure
    t: float


@dataclass(slots=True)
class Waiting:
    """A caller: what it asks, since when it waits, and the future that it awaits."""

    exchange: Exchange
    priority: Priority
    number: int
    since: float
    future: asyncio.Future[Done]


class Queue:
    """The callers that wait for one line."""

    def __init__(self) -> None:
        self.news = Bell()
        self._held = False
        self._waiting: list[Waiting] = []
        self._number = 0
        self._urgent_run = 0

    @property
    def full(self) -> bool:
        """True when no further caller is taken."""
        return len(self._waiting) >= QUEUE_LIMIT

    def put(self, exchange: Exchange, priority: Priority, now: float) -> asyncio.Future[Done]:
        """Add a caller; the future gets its Done."""
        self._number += 1
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(exchange, priority, self._number, now, future))
        self.news.ring()
        return future

    def hold_polls(self, *, held: bool) -> None:
        """Let no poll take its turn until this is undone."""
        self._held = held
        self.news.ring()

    @property
    def polls_held(self) -> bool:
        """True while polls wait, because a feed is driven off."""
        return self._held

    def _may_go(self, waiting: Waiting) -> bool:
        return not (self._held and waiting.priority >= Priority.FAST)

    def take(self, now: float, quiet_until: Callable[[Exchange], float]) -> Waiting | None:
        """Remove and return the caller whose turn it is, or None while nobody may go. Callers who left are skipped."""
        self._waiting = [waiting for waiting in self._waiting if not waiting.future.done()]
        ready = [
            waiting
            for waiting in self._waiting
            if self._may_go(waiting) and (_at_once(waiting) or now >= quiet_until(waiting.exchange))
        ]
        if not ready:
            return None
        chosen = min(ready, key=lambda waiting: (self._rank(waiting.priority), waiting.number))
        self._waiting.remove(chosen)
        self._urgent_run = 0 if chosen.priority >= Priority.FAST else self._urgent_run + 1
        return chosen

    def _rank(self, priority: Priority) -> int:
        if priority is Priority.EMERGENCY:
            return -1
        if self._urgent_run >= POLL_SHARE and priority >= Priority.FAST:
            return 0
        return priority

    def next_chance(self, quiet_until: Callable[[Exchange], float]) -> float | None:
        """Return the time at which the first caller may go, or None when nobody waits who may."""
        return min((quiet_until(waiting.exchange) for waiting in self._waiting if self._may_go(waiting)), default=None)

    def withdraw(self, chosen: Callable[[Exchange], bool], done: Done) -> None:
        """Give this end to every chosen write that still waits; what de-energises stays."""
        for waiting in self._waiting:
            other = waiting.exchange.writes and waiting.priority is not Priority.EMERGENCY and chosen(waiting.exchange)
            if other and not waiting.future.done():
                waiting.future.set_result(done)
        self.news.ring()

    def dismiss(self, done: Done) -> None:
        """Give every caller the same end."""
        for waiting in self._waiting:
            if not waiting.future.done():
                waiting.future.set_result(done)
        self._waiting.clear()
        self.news.ring()


def _at_once(waiting: Waiting) -> bool:
    """Return True for what de-energises. A read-back of it waits for late answers, or it would prove nothing."""
    return waiting.priority is Priority.EMERGENCY and waiting.exchange.writes
