"""The engine: the only task that changes the station's state. Events in order, board first, then what follows from them.

The inbox is bounded. When it is full the newest readings are dropped and counted: their points grow stale, which is the safe
side; nothing is shown twice. What a person orders, and what parts of the program say of themselves, is never dropped.

What is to be known outside and after a restart (light, alarms, verdicts, acts) goes to `Outside.keep`, all that follows from one event
at once; the answer to an order is given when it is kept. Of a record that announces an act the desk of operations hears, by IntentKept,
whether it is on the disk.

EMERGENCY-OFF is above that order: it passes what waits in the inbox, it is begun before anything else that follows from the same event,
and waits for no record. What waits in the inbox is handled in slices, so that it passes those too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from stationd.board import Board
from stationd.core.alarm.words import AlarmRecord, Annunciate, Order, Outcome, Signal
from stationd.core.model import Announce, Event, IntentKept, PointId, ReadFailed, Reading, Reason, Restate, Tick, Value, Write, WriteDone
from stationd.core.operation.orders import ActOrder, EmergencyOff
from stationd.core.operation.words import ActEffect, ActOutcome, CutOff, Hasten, Noted, TakeBack
from stationd.core.station import Effect, Station
from stationd.core.verdict.told import BaselineOutcome, TakeBaseline, VerdictChanged
from stationd.links.beat import Beat
from stationd.links.bell import Bell

log = structlog.get_logger()

INBOX_EVENTS = 20_000
SLICE_EVENTS = 256  # handled at a stretch; about 5 ms on the machine of the README's figures

Writer = Callable[[PointId, Value], Awaitable[WriteDone]]
Withdrawer = Callable[[frozenset[PointId], str], None]
Hastener = Callable[[frozenset[PointId], float], None]
Told = Announce | AlarmRecord | Annunciate | VerdictChanged | Noted
Kept = asyncio.Future[None]
Replan = Callable[[float], Sequence[Effect]]
Look = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order, who gave it (`peer` is for the audit), and what became of each alarm that it names, or of the baseline."""

    order: Order | TakeBaseline
    peer: str
    outcomes: tuple[Outcome | BaselineOutcome, ...]


@dataclass(frozen=True, slots=True)
class Acted:
    """An order about the plant, who gave it (`peer` is for the audit), and what became of it."""

    order: ActOrder
    peer: str
    outcome: ActOutcome


class Outside(Protocol):
    """What takes the results of the engine; it must neither wait nor fail."""

    def keep(self, told: Sequence[Told], ordered: Ordered | Acted | None) -> Kept:
        """Take what follows from one event, or from an order; the future tells when it would outlast a restart."""

    def remember(self, readings: Sequence[Reading]) -> None:
        """Take readings for the history."""


class Nowhere:
    """Keeps nothing: for benchmarks and tests of the rest."""

    def keep(self, told: Sequence[Told], ordered: Ordered | Acted | None) -> Kept:
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


@dataclass(frozen=True, slots=True)
class _Act:
    """An order about the plant in the inbox, and whoever waits for its outcome."""

    order: ActOrder
    peer: str
    answer: asyncio.Future[tuple[ActOutcome, Kept]]


@dataclass(frozen=True, slots=True)
class _Said:
    """What the desk of operations said when it was not asked by the engine: after a restart."""

    effects: tuple[ActEffect, ...]


class NotNow(Exception):
    """The station cannot go on by another plan at this moment; the text says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class _Replan:
    """Another plan in the inbox, the devices of which what waits is forgotten, and whoever waits until it is in force."""

    replan: Replan
    anew: Container[str]
    look: Look
    done: asyncio.Future[None]


@dataclass(eq=False, slots=True)
class _Hand:
    """A write that is about to be handed to its line; `taken_back` is why it must not be any more."""

    write: Write
    taken_back: str = ""


_Inbox = Event | Signal | _Asked | _Baseline | _Act | _Said | _Replan


class Engine:
    """inbox -> board -> Station.handle -> effects. `write` carries out a Write and is awaited in a task of `run`.

    `cut_off` carries out a CutOff likewise; where there is none it is a plain write. `take_back` and `hasten` carry out those.
    """

    def __init__(
        self,
        board: Board,
        station: Station,
        write: Writer,
        outside: Outside | None = None,
        *,
        cut_off: Writer | None = None,
        take_back: Withdrawer = lambda targets, why: None,
        hasten: Hastener = lambda points, every_s: None,
    ) -> None:
        self.dropped_events = 0
        self.beat = Beat()
        self._board = board
        self._station = station
        self._write = write
        self._cut_off = cut_off or write
        self._take_back = take_back
        self._hasten = hasten
        self._unsent: list[_Hand] = []
        self._outside = outside or Nowhere()
        self._inbox: deque[_Inbox] = deque()
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

    async def act(self, order: ActOrder, peer: str = "") -> tuple[ActOutcome, Kept]:
        """Have an order about the plant carried out or refused; as `order` in all else. EMERGENCY-OFF waits for nothing."""
        asked = _Act(order, peer, asyncio.get_running_loop().create_future())
        if isinstance(order, EmergencyOff):
            self._inbox.appendleft(asked)
        else:
            self._inbox.append(asked)
        self._news.ring()
        return await asked.answer

    async def replan(self, replan: Replan, anew: Container[str], look: Look = lambda now: None) -> None:
        """Have the station go on by another plan between two events, after those that wait now.

        `look` comes at once before it and changes nothing: whatever it raises refuses the plan. `replan` changes board, station and desks
        at once and returns what follows from that, or raises NotNow and has changed nothing. It needs nothing of the machine: all that may
        fail was had before. Should it fail nevertheless, the daemon ends, since no one knows what is in force.
        What was read of the devices in `anew` and waits still was read of others, and is forgotten.
        """
        wanted = _Replan(replan, anew, look, asyncio.get_running_loop().create_future())
        self._inbox.append(wanted)
        self._news.ring()
        await wanted.done

    def follow(self, effects: Sequence[ActEffect]) -> None:
        """Have that carried out which the desk of operations said while it was put back."""
        if effects:
            self._inbox.append(_Said(tuple(effects)))
            self._news.ring()

    def prod(self) -> None:
        """Have the engine give a sign of life, after what waits in the inbox now."""
        self._news.ring()

    async def run(self) -> None:
        """Handle events for ever; ends only by cancellation."""
        async with asyncio.TaskGroup() as hands:
            while True:
                self.beat.rest()
                await self._news.wait(self._station.deadline())
                waiting = len(self._inbox)
                while waiting > SLICE_EVENTS:
                    self._drain(SLICE_EVENTS, hands)
                    waiting -= SLICE_EVENTS
                    await asyncio.sleep(0)
                self._drain(waiting, hands)
                self._tick(hands)

    def _drain(self, most: int, hands: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        readings: list[Reading] = []
        for _ in range(most):
            if not self._inbox:  # what waited of devices that are others now was forgotten
                break
            event = self._inbox.popleft()
            match event:
                case _Asked():
                    self._obey(event, now, hands)
                case _Baseline():
                    self._take_baseline(event, now)
                case _Act():
                    self._act(event, now, hands)
                case _Said(effects):
                    self._perform(self._station.follow(effects, now), hands)
                case _Replan():
                    self._go_on(event, now, hands)
                case _:
                    if isinstance(event, Reading) and self._station.reads(event.point):
                        self._board.show(event)
                        readings.append(event)
                    self._perform(self._station.handle(event, now), hands)
        if readings:
            self._outside.remember(readings)

    def _tick(self, hands: asyncio.TaskGroup) -> None:
        now, deadline = asyncio.get_running_loop().time(), self._station.deadline()
        if deadline is not None and now >= deadline:
            self._perform(self._station.handle(Tick(now), now), hands)

    def _obey(self, asked: _Asked, now: float, hands: asyncio.TaskGroup) -> None:
        answer = self._station.obey(asked.order, now)
        kept = self._outside.keep(answer.effects, Ordered(asked.order, asked.peer, answer.outcomes))
        if not asked.answer.done():
            asked.answer.set_result((answer.outcomes, kept))
        self._perform(self._station.heed(answer.effects, now), hands)

    def _act(self, asked: _Act, now: float, hands: asyncio.TaskGroup) -> None:
        outcome, effects = self._station.act(asked.order, now)
        kept = self._perform(effects, hands, Acted(asked.order, asked.peer, outcome))
        if kept is not None and not asked.answer.done():
            asked.answer.set_result((outcome, kept))

    def _go_on(self, wanted: _Replan, now: float, hands: asyncio.TaskGroup) -> None:
        """Go on by another plan, unless that cannot be now."""
        if wanted.done.done():  # who asked for it is gone, and will not do the rest of it
            return
        try:
            _look(wanted, now)
            effects = wanted.replan(now)
        except NotNow as reason:
            wanted.done.set_exception(reason)
            return
        except Exception:
            log.critical("another plan was taken up in part and failed: the daemon ends, and begins anew by its file")
            raise
        self._inbox = deque(each for each in self._inbox if not _was_read_of(each, wanted.anew))
        self._perform(effects, hands)
        wanted.done.set_result(None)

    def _take_baseline(self, asked: _Baseline, now: float) -> None:
        outcome = self._station.take_baseline(asked.order, now, asked.utc_s)
        kept = self._outside.keep((), Ordered(asked.order, asked.peer, (outcome,)))
        if not asked.answer.done():
            asked.answer.set_result((outcome, kept))

    def _perform(self, effects: Sequence[Effect], hands: asyncio.TaskGroup, acted: Acted | None = None) -> Kept | None:
        """Carry effects out: first what de-energises, then what is shown, then what is kept, then what is written."""
        for effect in effects:
            if isinstance(effect, CutOff):
                hands.create_task(self._drive_off(effect))
        told: list[Told] = []
        writes: list[_Hand] = []
        for effect in effects:
            match effect:
                case Restate(reading):
                    self._board.show(reading)
                case Hasten(points, every_s):
                    self._hasten(points, every_s)
                case Write():
                    writes.append(_Hand(effect))
                    self._unsent.append(writes[-1])
                case TakeBack():
                    self._withdraw(effect)
                case CutOff():
                    pass
                case _:
                    told.append(effect)
        kept = self._keep(told, acted) if told or acted is not None else None
        for hand in writes:
            hands.create_task(self._carry_out(hand))
        return kept

    def _keep(self, told: Sequence[Told], acted: Acted | None) -> Kept:
        kept = self._outside.keep(told, acted)
        for each in told:
            if isinstance(each, Noted) and each.intent:
                kept.add_done_callback(partial(self._intent_kept, each.intent))
        return kept

    def _intent_kept(self, number: int, kept: Kept) -> None:
        on_disk = not kept.cancelled() and kept.exception() is None
        self.post([IntentKept(number, on_disk, asyncio.get_running_loop().time())])

    def _withdraw(self, back: TakeBack) -> None:
        """Take back what no line has been given yet, and what waits on one."""
        for hand in self._unsent:
            if hand.write.target in back.targets:
                hand.taken_back = back.why
        self._take_back(back.targets, back.why)

    async def _carry_out(self, hand: _Hand) -> None:
        self._unsent.remove(hand)
        write = hand.write
        if hand.taken_back:
            self.post([WriteDone(write.target, write.value, None, Reason.REFUSED, hand.taken_back, asyncio.get_running_loop().time())])
            return
        log.info("write", target=str(write.target), value=write.value, why=write.why)
        self.post([await self._write(write.target, write.value)])

    async def _drive_off(self, off: CutOff) -> None:
        log.warning("emergency-off", target=str(off.target), value=off.value, why=off.why)
        self.post([await self._cut_off(off.target, off.value)])


def _look(wanted: _Replan, now: float) -> None:
    """Look whether a plan may be taken up now; NotNow when it may not, or when that cannot be told."""
    try:
        wanted.look(now)
    except NotNow:
        raise
    except Exception as error:
        log.exception("whether the station may go on by another plan cannot be told")
        raise NotNow(f"whether that may be now cannot be told: {type(error).__name__}; the log has its stack") from error


def _was_read_of(waiting: _Inbox, devices: Container[str]) -> bool:
    match waiting:
        case Reading(point):
            return point.device in devices
        case ReadFailed(points):
            return any(point.device in devices for point in points)
        case _:
            return False
