"""What this end says of itself: from what the line watch and the board know to the words of a message. Looks, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from stationd.board import Board
from stationd.core.alarm.desk import Alarms
from stationd.core.line.plan import FeedPoints, LinePlan
from stationd.core.line.words import Feed
from stationd.core.model import Level, Reading, Value
from stationd.core.watch.line_watch import NearEnd
from stationd.farstation.words import ClockTold, FeedTold, Happened, Heard, LightTold, Message, Operation, Share, Told
from stationd.outputs.document import Identity, plain
from stationd.outputs.journal import Moment

MOST_EVENTS, MOST_ALARMS = 100, 300  # in one message; the newest events


class Watch(Protocol):
    """What the line watch knows of this end."""

    @property
    def plan(self) -> LinePlan:
        """The line, and the points that tell of it."""

    def near_end(self, now: float) -> NearEnd:
        """Return it, in times of the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Acting:
    """What people and operations do at this end: earth (None: not known), holds on the line, the operation that runs."""

    earth: str | None = None
    holds: tuple[str, ...] = ()
    operation: Operation | None = None


class NearStation:
    """This end, as far as its operator shares it. `acting` is asked anew for each message."""

    def __init__(
        self,
        identity: Identity,
        board: Board,
        desk: Alarms,
        watch: Watch,
        shared: frozenset[Share],
        acting: Callable[[], Acting] = Acting,
    ) -> None:
        self._identity = identity
        self._board = board
        self._desk = desk
        self._watch = watch
        self._shared = shared
        self._acting = acting

    def message(self, moment: Moment, boot: str, sequence: int, clock: ClockTold, heard: Heard | None) -> Message:
        """Return what is to be said at this moment."""
        utc = _Utc(moment)
        near, acting = self._watch.near_end(moment.t), self._acting()
        feed, operations = Share.FEED in self._shared, Share.OPERATIONS in self._shared
        return Message(
            station=self._identity.name,
            line=self._watch.plan.name,
            mode=self._identity.mode,
            boot=boot,
            sequence=sequence,
            sent_utc_s=utc.of(moment.t),
            clock=clock,
            heard=heard,
            shared=self._shared,
            feed=self._feed(near.feed, utc) if feed else None,
            earth=acting.earth if feed else None,
            light=_light(near, utc) if Share.LIGHT in self._shared else {},
            events=_events(near, utc) if Share.EVENTS in self._shared else (),
            alarms=self._alarms() if Share.ALARMS in self._shared else (),
            holds=acting.holds if operations else (),
            operation=acting.operation if operations else None,
        )

    def _feed(self, feed: Feed | None, utc: _Utc) -> FeedTold | None:
        """Return the feed that the watch goes by, or why there is no good value of it."""
        if feed is None:
            return self._bad_feed(self._watch.plan.feeds[0], utc) if self._watch.plan.feeds else None
        t = utc.of(feed.t)
        on = Told(feed.on, Level.BAD if feed.on is None else Level.GOOD, t)
        regulation = feed.regulation and feed.regulation.value
        return FeedTold(
            Told(plain(feed.current_ma), Level.GOOD, t),
            Told(plain(feed.voltage_v), Level.GOOD, t),
            on,
            Told(regulation, Level.BAD if regulation is None else Level.GOOD, t),
        )

    def _bad_feed(self, feed: FeedPoints, utc: _Utc) -> FeedTold:
        points = (feed.current_ma, feed.voltage_v, feed.on, feed.regulation)
        return FeedTold(*(_told(self._board[point] if point else None, utc) for point in points))

    def _alarms(self) -> tuple[str, ...]:
        active = self._desk.views(lambda view: view.active)
        return tuple(str(view.key) for view in active[:MOST_ALARMS])


class _Utc:
    """Times of the monotonic clock as UTC, by one look at both clocks."""

    def __init__(self, moment: Moment) -> None:
        self._ahead_s = moment.utc_s - moment.t

    def of(self, t: float) -> float:
        return round(t + self._ahead_s, 6)


def _told(reading: Reading | None, utc: _Utc) -> Told:
    """Return a reading of a feed of which at least one value is missing: what is fresh is told as it is."""
    if reading is None:
        return Told(None, Level.BAD, utc.of(0.0))
    fresh = reading.quality.level in (Level.GOOD, Level.UNCERTAIN)
    value: Value | None = None if reading.value is None or not fresh else plain(reading.value)
    level = Level.BAD if fresh and value is None else reading.quality.level
    return Told(value, level, utc.of(reading.t))


def _light(near: NearEnd, utc: _Utc) -> dict[int, LightTold]:
    return {
        pair: LightTold(
            _rounded(light.receive_dbm), _rounded(light.transmit_dbm), light.lost, None if light.lost_t is None else utc.of(light.lost_t)
        )
        for pair, light in near.light.items()
    }


def _rounded(level_dbm: float | None) -> float | None:
    return None if level_dbm is None else round(level_dbm, 4)


def _events(near: NearEnd, utc: _Utc) -> tuple[Happened, ...]:
    return tuple(
        Happened(event.what, event.where, utc.of(event.t), round(event.uncertainty_s, 6)) for event in near.events[-MOST_EVENTS:]
    )
