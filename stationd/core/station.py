"""The station: events in, effects out, in one place and without a clock.

    fresh --(no good answer for max(3 x period, 2 s))--> stale --(good answer)--> fresh
    fresh --(port lost)--> stale           never read --(failure)--> bad, with the reason of the failure
    "no value" --(no answer for as long)--> bad, with the reason of the failure: no answer is not that answer again
    a point that this station does not read --> nothing, and counted: no desk hears of it

A stale reading keeps its value and the time of the exchange that brought it, and is never shown as new. A point that was
never read has no value at all. Silence is found by the deadline, not by whoever looks.

Everything that happens goes on to the line watch and to the alarm desk, and so does what is restated: an old value freezes the
alarms on it, and the watch does not judge by it. What the watch finds is told to the desk as signals. What the desk says comes
after what the board is to show.

    event --> watch --signals--> operations --signals--> alarm desk --records--> operations --signals--> alarm desk (once)

The desk of operations hears everything last but the alarm desk, so that it acts on what the watch has found; what becomes of alarms
is told to it too. What it signals in answer to that goes to the alarm desk once; what it might still signal after that waits for the
next event, so that no two desks can keep each other busy.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from stationd.core.alarm import words
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.words import AlarmRecord, Answer, Order, Signal
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.model import (
    Announce,
    Event,
    IntentKept,
    Level,
    LightEvent,
    LinkChanged,
    PointId,
    Quality,
    ReadFailed,
    Reading,
    Reason,
    Restate,
    SessionEnded,
    Tick,
    Write,
    WriteDone,
)
from stationd.core.operation.orders import ActOrder
from stationd.core.operation.words import ActEffect, ActOutcome, Cause, CutOff, Hasten, Noted, Refusal, Refused, TakeBack
from stationd.core.verdict.told import BaselineOutcome, BaselineRefused, TakeBaseline, VerdictChanged
from stationd.core.watch.line_watch import LineWatch

Effect = Restate | Write | CutOff | TakeBack | Hasten | Noted | Announce | VerdictChanged | words.Effect
STALE_PERIODS = 3.0
STALE_AT_LEAST_S = 2.0
NO_VALUE = frozenset({Reason.NOT_OFFERED, Reason.BELOW_RANGE})  # an answer, with every exchange anew: there is no number


NO_DESK = Refusal(
    Cause.MODE,
    "this station has nothing that can be acted on",
    "its file must have a power feed or an amplifier that stationd may write to",
)


def stale_after_s(every_s: float) -> float:
    """Return how long a point that is read every `every_s` seconds may go without a good answer."""
    return max(STALE_PERIODS * every_s, STALE_AT_LEAST_S)


class Acting(Protocol):
    """The desk of operations as the station needs it (stationd.core.operation.desk)."""

    def handle(self, news: Event | Signal | AlarmRecord, now: float) -> list[ActEffect]:
        """Take what happened and return what follows from it."""

    def obey(self, order: ActOrder, now: float) -> tuple[ActOutcome, list[ActEffect]]:
        """Carry out or refuse an order."""

    def deadline(self) -> float | None:
        """Return when a Tick is due."""

    def told(self) -> tuple[tuple[str, ...], Mapping[str, str] | None]:
        """Return what is held, and the operation on the line."""


class Station:
    """Everything that is decided here, and nothing that is done. `periods` gives the reading period of every point.

    `alarms` is the desk; without one there are no alarms. `watch` is that of the line; without one there is no verdict. `acting` is
    the desk of operations; without one every order about the plant is refused.
    """

    def __init__(
        self,
        periods: Mapping[PointId, float],
        alarms: Alarms | None = None,
        watch: LineWatch | None = None,
        acting: Acting | None = None,
    ) -> None:
        self._alarms = alarms
        self._watch = watch
        self._acting = acting
        self._unheard: list[Signal] = []  # of the desk of operations, for the alarm desk at the next event
        self._fresh: dict[PointId, Reading] = {}
        self._stale: set[PointId] = set()
        self._refused: set[PointId] = set()  # read alone and rarely, since the unit refuses; no failure says more than that
        self._why: dict[PointId, Reason] = {}
        self._next: float | None = None
        self.unknown = 0  # points of which was told and which this station does not read, since its start
        self._lay_out(periods)

    def _lay_out(self, periods: Mapping[PointId, float]) -> None:
        self._limit_s = {point: stale_after_s(every_s) for point, every_s in periods.items()}
        self._of_device: dict[str, list[PointId]] = {}
        for point in periods:
            self._of_device.setdefault(point.device, []).append(point)

    def replan(self, periods: Mapping[PointId, float], anew: Container[str]) -> None:
        """Go on with other periods; of the devices that are `anew` nothing was ever read. The desks are replanned by their owner."""
        for known in (self._fresh, self._why):
            for point in [point for point in known if point.device in anew or point not in periods]:
                del known[point]
        for named in (self._stale, self._refused):
            named -= {point for point in named if point.device in anew or point not in periods}
        self._lay_out(periods)

    def handle(self, event: Event | Signal, now: float) -> list[Effect]:
        """Take one event and return what follows from it. `now` is never earlier than the event."""
        known = self._of_ours(event)
        return [] if known is None else self._happened(known, now)

    def reads(self, point: PointId) -> bool:
        """Return whether this station reads a point."""
        return point in self._limit_s

    def _of_ours(self, event: Event | Signal) -> Event | Signal | None:
        """Return what an event says of points that this station reads; None where that is nothing. The rest is counted."""
        match event:
            case Reading(point) if not self.reads(point):
                self.unknown += 1
                return None
            case ReadFailed(points) if not all(map(self.reads, points)):
                ours = tuple(filter(self.reads, points))
                self.unknown += len(points) - len(ours)
                return replace(event, points=ours) if ours else None
        return event

    def _happened(self, event: Event | Signal, now: float) -> list[Effect]:
        effects = self._decide(event, now)
        news = [event, *(effect.reading for effect in effects if isinstance(effect, Restate))]
        signals: list[Signal] = []
        for effect in self._watched(news, now):
            match effect:
                case Signal():
                    signals.append(effect)
                case _:
                    effects.append(effect)
        return effects + self._judged([*news, *signals], now)

    def _watched(self, news: Iterable[Event | Signal], now: float) -> list[VerdictChanged | Signal]:
        """Let the line watch see what has happened."""
        if self._watch is None:
            return []
        return [effect for each in news if not isinstance(each, Signal) for effect in self._watch.handle(each, now)]

    def _judged(self, news: Sequence[Event | Signal], now: float) -> list[Effect]:
        """Let the desk of operations see it, then the alarm desk."""
        effects, signals = self._operated(news, now)
        unheard, self._unheard = self._unheard, []
        alarmed = self._alarmed([*unheard, *news, *signals], now)
        return effects + alarmed + self._heard(alarmed, now)

    def _operated(self, news: Iterable[Event | Signal | AlarmRecord], now: float) -> tuple[list[Effect], list[Signal]]:
        """Return what the desk of operations says to it: what is to be done, and what the alarm desk is to know."""
        if self._acting is None:
            return [], []
        said = [each for one in news for each in self._acting.handle(one, now)]
        self._tell_watch(said, now)
        return _parted(said)

    def _heard(self, alarmed: Iterable[Effect], now: float) -> list[Effect]:
        """Tell the desk of operations what became of alarms, and the alarm desk, once, what it says to that."""
        records = [each for each in alarmed if isinstance(each, AlarmRecord)]
        if self._acting is None or not records:
            return []
        effects, signals = self._operated(records, now)
        again = self._alarmed(signals, now)
        more, unheard = self._operated((each for each in again if isinstance(each, AlarmRecord)), now)
        self._unheard += unheard
        return effects + again + more

    def _alarmed(self, news: Iterable[Event | Signal], now: float) -> list[Effect]:
        """Let the desk see it, and what the watch says; a signal of an alarm that the station does not have is left out."""
        if self._alarms is None:
            return []
        rules = self._alarms.plan.rules
        heard = [each for each in news if not isinstance(each, Signal) or each.key in rules]
        return [effect for each in heard for effect in self._alarms.handle(each, now)]

    def obey(self, order: Order, now: float) -> Answer:
        """Carry out what a person orders about an alarm; without a desk nothing is done."""
        return self._alarms.obey(order, now) if self._alarms is not None else Answer((), ())

    def heed(self, alarmed: Iterable[words.Effect], now: float) -> list[Effect]:
        """Let the desk of operations know what an order about alarms has changed; return what follows from that."""
        return self._heard(alarmed, now)

    def act(self, order: ActOrder, now: float) -> tuple[ActOutcome, list[Effect]]:
        """Carry out or refuse what a person orders about the plant; without a desk of operations it is refused."""
        if self._acting is None:
            return Refused(type(order).__name__, (NO_DESK,)), []
        outcome, said = self._acting.obey(order, now)
        return outcome, self.follow(said, now)

    def follow(self, said: Iterable[ActEffect], now: float) -> list[Effect]:
        """Return what is to be done after the desk of operations has said this; the alarm desk hears its signals."""
        known = tuple(said)
        self._tell_watch(known, now)
        effects, signals = _parted(known)
        alarmed = self._alarmed(signals, now)
        return effects + alarmed + self._heard(alarmed, now)

    def _tell_watch(self, said: Iterable[ActEffect], now: float) -> None:
        """Let the line watch know what is done to the line on purpose; every step of an operation is noted."""
        if self._watch is not None and self._acting is not None and any(isinstance(each, Noted) for each in said):
            self._watch.operate(self._acting.told()[1], now)

    def take_baseline(self, order: TakeBaseline, now: float, utc_s: float | None = None) -> BaselineOutcome:
        """Carry out the order to take what is measured now as the normal state of the line."""
        if self._watch is None:
            return BaselineRefused("no-line", ("this station has no [line], so there is nothing to compare",))
        return self._watch.take_baseline(order, now, utc_s)

    def _decide(self, event: Event | Signal, now: float) -> list[Effect]:
        match event:
            case Reading():
                self._read(event)
                return []
            case ReadFailed(points, reason, t):
                return self._failed(points, reason, t)
            case LinkChanged(_, False, devices, t):
                return self._cut_off(devices, t)
            case LinkChanged() | WriteDone() | Signal() | FarLine() | FarSilent() | IntentKept() | SessionEnded():
                return []
            case LightEvent():
                return [Announce(event)]
            case Tick():
                return self._expire(now)

    def deadline(self) -> float | None:
        """Return the time at which a Tick is due if nothing else happens, or None."""
        desks = (self._alarms, self._watch, self._acting)
        dues = (self._next, *(desk.deadline() for desk in desks if desk is not None))
        return min((due for due in dues if due is not None), default=None)

    def _read(self, reading: Reading) -> None:
        self._stale.discard(reading.point)
        self._refused.discard(reading.point)
        if reading.value is None and reading.quality.reason not in NO_VALUE:
            self._fresh.pop(reading.point, None)
            self._refused.add(reading.point)
            return
        self._fresh[reading.point] = reading
        self._why.pop(reading.point, None)
        end = reading.t + self._limit_s[reading.point]
        if self._next is None or end < self._next:
            self._next = end

    def _failed(self, points: Iterable[PointId], reason: Reason, t: float) -> list[Effect]:
        effects: list[Effect] = []
        for point in points:
            self._why[point] = reason
            if point not in self._fresh and point not in self._stale and point not in self._refused:
                effects.append(Restate(Reading(point, None, Quality(Level.BAD, reason), t)))
        return effects

    def _cut_off(self, devices: Iterable[str], t: float) -> list[Effect]:
        effects: list[Effect] = []
        for device in devices:
            points = self._of_device.get(device, [])
            effects += self._failed(points, Reason.LINK_DOWN, t)
            effects += [self._age(point, t) for point in points if point in self._fresh]
        return effects

    def _expire(self, now: float) -> list[Effect]:
        ended = [point for point, reading in self._fresh.items() if now >= reading.t + self._limit_s[point]]
        effects = [self._age(point, now) for point in ended]
        self._next = min((reading.t + self._limit_s[point] for point, reading in self._fresh.items()), default=None)
        return effects

    def _age(self, point: PointId, t: float) -> Effect:
        """Restate what nothing confirms any more: an old value keeps the time of its exchange, that there is none begins now."""
        reading = self._fresh.pop(point)
        self._stale.add(point)
        why = self._why.get(point, Reason.TIMEOUT)
        if reading.value is None:
            return Restate(Reading(point, None, Quality(Level.BAD, why), t))
        return Restate(Reading(point, reading.value, Quality(Level.STALE, why), reading.t))


def _parted(said: Iterable[ActEffect]) -> tuple[list[Effect], list[Signal]]:
    """Return what is to be done, and the signals that the alarm desk is to hear, each in order."""
    effects: list[Effect] = []
    signals: list[Signal] = []
    for each in said:
        if isinstance(each, Signal):
            signals.append(each)
        else:
            effects.append(each)
    return effects, signals
