"""The engine: the only task that changes the station's state. Events in order, board first, then what follows from them.

The inbox is bounded. When it is full the newest readings are dropped and counted: their points grow stale, which is the safe
side; nothing is shown twice. What a person orders, and what parts of the program say of themselves, is never dropped.

What is to be known outside and after a restart (light, alarms, verdicts) goes to `Outside.keep`, all that follows from one event at once;
the answer to an order is given when it is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from stationd.board import Board
from stationd.core.alarm.words import AlarmRecord, Annunciate, Order, Outcome, Signal
from stationd.core.model import Announce, Event, PointId, Reading, Restate, Tick, Value, Write, WriteDone
from stationd.core.station import Effect, Station
from stationd.core.verdict.told import BaselineOutcome, TakeBaseline, VerdictChanged
from stationd.links.bell import Bell

log = structlog.get_logger()

INBOX_EVENTS = 20_000

Writer = Callable[[PointId, Value, bool], Awaitable[WriteDone]]
Told = Announce | AlarmRecord | Annunciate | VerdictChanged
Kept = asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order, who gave it (`peer` is for the audit), and what became of each alarm that it names, or of the baseline."""

    order: Order | TakeBaseline
    peer: str
    outcomes: tuple[Outcome | BaselineOutcome, ...]


class Outside(Protocol):
    """What takes the results of the engine; it must neither wait nor fail."""

    def keep(self, told: Sequence[Told], ordered: Ordered | None) -> Kept:
        """Take what follows from one event, or from an order; the future tells when it would outlast a restart."""

    def remember(self, readings: Sequence[Reading]) -> None:
        """Take readings for the history."""


class Nowhere:
    """Keeps nothing: for benchmarks and tests of the rest."""

    def keep(self, told: Sequence[Told], ordered: Ordered | None) -> Kept:
        """Forget it."""
        kept: Kept = asyncio.get_running_loop().create_future()
        kept.set_result(None)
        return kept

    def remember(self, readings: Sequence[Reading]) -> None:
        """Forget them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An order in the inbox, and whoever waits for its outcomes."""

    order: Order
    peer: str
    answer: asyncio.Future[tuple[tuple[Outcome, ...], Kept]]


@dataclass(frozen=True, slots=True)
class _Baseline:
    """The order to take a baseline in the inbox, and whoever waits for its outcome."""

    order: TakeBaseline
    peer: str
    utc_s: float | None
    answer: asyncio.Future[tuple[BaselineOutcome, Kept]]


class Engine:
    """inbox -> board -> Station.handle -> effects. `write` carries out a Write and is awaited in a task of `run`."""

    def __init__(self, board: Board, station: Station, write: Writer, outside: Outside | None = None) -> None:
        self.dropped_events = 0
        self._board = board
        self._station = station
        self._write = write
        self._outside = outside or Nowhere()
        self._inbox: deque[Event | Signal | _Asked | _Baseline] = deque()
        self._news = Bell()

    def post(self, events: Sequence[Event | Signal]) -> None:
        """Put events into the inbox, in order. When it is full readings are dropped and counted; nothing else ever is."""
        room = INBOX_EVENTS - len(self._inbox)
        kept = events if len(events) <= room else [event for event in events if not isinstance(event, Reading)]
        self._inbox.extend(kept)
        self.dropped_events += len(events) - len(kept)
        self._news.ring()

    async def order(self, order: Order, peer: str = "") -> tuple[tuple[Outcome, ...], Kept]:
        """Have an order carried out after what came before it; return its outcomes, and what tells when they are kept.

        When the wait is cancelled the order is carried out nevertheless.
        """
        asked = _Asked(order, peer, asyncio.get_running_loop().create_future())
        self._inbox.append(asked)
        self._news.ring()
        return await asked.answer

    async def take_baseline(self, order: TakeBaseline, peer: str = "", utc_s: float | None = None) -> tuple[BaselineOutcome, Kept]:
        """Have what is measured now taken as normal; `utc_s` is the date that stands beside it. As `order` in all else."""
        asked = _Baseline(order, peer, utc_s, asyncio.get_running_loop().create_future())
        self._inbox.append(asked)
        self._news.ring()
        return await asked.answer

    async def run(self) -> None:
        """Handle events for ever; ends only by cancellation."""
        async with asyncio.TaskGroup() as writes:
            while True:
                await self._news.wait(self._station.deadline())
                self._drain(writes)

    def _drain(self, writes: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        readings: list[Reading] = []
        while self._inbox:
            event = self._inbox.popleft()
            if isinstance(event, _Asked):
                self._obey(event, now)
                continue
            if isinstance(event, _Baseline):
                self._take_baseline(event, now)
                continue
            if isinstance(event, Reading):
                self._board.show(event)
                readings.append(event)
            self._perform(self._station.handle(event, now), writes)
        deadline = self._station.deadline()
        if deadline is not None and now >= deadline:
            self._perform(self._station.handle(Tick(now), now), writes)
        if readings:
            self._outside.remember(readings)

    def _obey(self, asked: _Asked, now: float) -> None:
        answer = self._station.obey(asked.order, now)
        kept = self._outside.keep(answer.effects, Ordered(asked.order, asked.peer, answer.outcomes))
        if not asked.answer.done():
            asked.answer.set_result((answer.outcomes, kept))

    def _take_baseline(self, asked: _Baseline, now: float) -> None:
        outcome = self._station.take_baseline(asked.order, now, asked.utc_s)
        kept = self._outside.keep((), Ordered(asked.order, asked.peer, (outcome,)))
        if not asked.answer.done():
            asked.answer.set_result((outcome, kept))

    def _perform(self, effects: Sequence[Effect], writes: asyncio.TaskGroup) -> None:
        told: list[Told] = []
        for effect in effects:
            match effect:
                case Restate(reading):
                    self._board.show(reading)
                case Write():
                    writes.create_task(self._carry_out(effect))
                case _:
                    told.append(effect)
        if told:
            self._outside.keep(told, None)

    async def _carry_out(self, write: Write) -> None:
        log.info("write", target=str(write.target), value=write.value, why=write.why)
        done = await self._write(write.target, write.value, write.emergency)
        self.post([done])
