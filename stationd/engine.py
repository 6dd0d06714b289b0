"""The engine: the only task that changes the station's state. Events in order, board first, then what follows from them.

The inbox is bounded. When it is full the newest readings are dropped and counted: their points grow stale, which is the safe
side; nothing is shown twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog

from stationd.board import Board
from stationd.core.model import Announce, Effect, Event, LightEvent, PointId, Reading, Restate, Tick, Value, Write, WriteDone
from stationd.core.station import Station
from stationd.links.bell import Bell

log = structlog.get_logger()

INBOX_EVENTS = 20_000

Writer = Callable[[PointId, Value, bool], Awaitable[WriteDone]]
Announcer = Callable[[LightEvent], None]


class Engine:
    """inbox -> board -> Station.handle -> effects. `write` carries out a Write and is awaited in a task of `run`.

    `announce` takes what is to be told outside; it must neither wait nor fail.
    """

    def __init__(self, board: Board, station: Station, write: Writer, announce: Announcer = lambda event: None) -> None:
        self.dropped_events = 0
        self._board = board
        self._station = station
        self._write = write
        self._announce = announce
        self._inbox: deque[Event] = deque()
        self._news = Bell()

    def post(self, events: Sequence[Event]) -> None:
        """Put events into the inbox, in order. When it is full readings are dropped and counted; nothing else ever is."""
        room = INBOX_EVENTS - len(self._inbox)
        kept = events if len(events) <= room else [event for event in events if not isinstance(event, Reading)]
        self._inbox.extend(kept)
        self.dropped_events += len(events) - len(kept)
        self._news.ring()

    async def run(self) -> None:
        """Handle events for ever; ends only by cancellation."""
        async with asyncio.TaskGroup() as writes:
            while True:
                await self._news.wait(self._station.deadline())
                self._drain(writes)

    def _drain(self, writes: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        while self._inbox:
            event = self._inbox.popleft()
            if isinstance(event, Reading):
                self._board.show(event)
            self._perform(self._station.handle(event, now), writes)
        deadline = self._station.deadline()
        if deadline is not None and now >= deadline:
            self._perform(self._station.handle(Tick(now), now), writes)

    def _perform(self, effects: list[Effect], writes: asyncio.TaskGroup) -> None:
        for effect in effects:
            match effect:
                case Restate(reading):
                    self._board.show(reading)
                case Announce(event):
                    self._announce(event)
                case Write():
                    writes.create_task(self._carry_out(effect))

    async def _carry_out(self, write: Write) -> None:
        log.info("write", target=str(write.target), value=write.value, why=write.why)
        done = await self._write(write.target, write.value, write.emergency)
        self.post([done])
