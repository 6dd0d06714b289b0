"""What is made of a message that is believed: the event of the engine, and the readings of the far station's unit on the board. Pure.

UTC becomes this station's monotonic clock by one look at both clocks; how well is said beside it. A far value is only ever shown as a
point of the unit that is named like the far station.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from stationd.core.line.far import FarEvent, FarLight, FarLine
from stationd.core.line.words import Feed, Regulation
from stationd.core.model import GOOD, Level, PointId, Quality, ReadFailed, Reading, Reason, Value
from stationd.farstation.guard import OLDEST_S, Difference, Expected, believable_stamp
from stationd.farstation.unit import FarUnit
from stationd.farstation.words import ClockTold, FeedTold, Message, Told
from stationd.outputs.journal import Moment

_NOT_OFFERED = Quality(Level.BAD, Reason.NOT_OFFERED)
_BELOW_RANGE = Quality(Level.BAD, Reason.BELOW_RANGE)
_REGULATIONS = {each.value: each for each in Regulation}
_FEED: Mapping[str, Callable[[FeedTold], Told]] = {
    "output_current": lambda feed: feed.current,
    "output_voltage": lambda feed: feed.voltage,
    "output_on": lambda feed: feed.on,
    "regulation": lambda feed: feed.regulation,
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that was believed, the look at both clocks when it came, and what both clocks may be wrong together.

    A measurement that is stamped later than the message was sent, or more than `max_age_s` before, is unknown: its clock is not
    that of the message, and what it says of before and after is worth nothing.
    """

    message: Message
    moment: Moment
    uncertainty_s: float
    max_age_s: float = OLDEST_S

    def measured(self, utc_s: float) -> bool:
        """Return whether a measurement can be of that time."""
        return believable_stamp(utc_s, self.message.sent_utc_s, self.max_age_s)

    def past(self, utc_s: float) -> bool:
        """Return whether something of that time can be told in this message, however long ago it was."""
        return believable_stamp(utc_s, self.message.sent_utc_s, inf)

    def t(self, utc_s: float) -> float:
        """Return a UTC as seconds of this station's monotonic clock."""
        return round(utc_s - self.moment.utc_s + self.moment.t, 6)  # what UTC as a number can say


def uncertainty_s(ours: ClockTold, theirs: ClockTold, clocks: Difference | None, expected: Expected) -> float:
    """Return what both clocks may be wrong together, by the best that is known of them.

    Either both kernels say it, or a round trip did; else it is what the guard lets pass.
    """
    known = [expected.max_age_s + expected.clock_tolerance_s]
    if clocks is not None:
        known.append(clocks.at_most_s)
    stated = (ours, theirs)
    if all(clock.synchronised and clock.uncertainty_s is not None for clock in stated):
        known.append(sum(clock.uncertainty_s or 0.0 for clock in stated))
    return min(known)


def far_line(arrival: Arrival) -> FarLine:
    """Return the event of the engine."""
    message, operation = arrival.message, arrival.message.operation
    return FarLine(
        t=arrival.t(message.sent_utc_s),
        received=arrival.moment.t,
        uncertainty_s=arrival.uncertainty_s,
        boot=message.boot,
        sequence=message.sequence,
        feed=None if message.feed is None else _feed(message.feed, arrival),
        light={
            pair: FarLight(
                light.receive_dbm, light.transmit_dbm, light.lost, _since(light.since_utc_s, arrival)
            )
            for pair, light in message.light.items()
        },
        events=tuple(
            FarEvent(event.what, event.where, arrival.t(event.utc_s), event.uncertainty_s + arrival.uncertainty_s)
            for event in message.events
            if arrival.past(event.utc_s)
        ),
        alarms=message.alarms,
        holds=message.holds,
        earth=message.earth,
        operation=None if operation is None else {"id": operation.id, "phase": operation.phase, "target": operation.target},
        shared=frozenset(share.value for share in message.shared),
    )


def _feed(feed: FeedTold, arrival: Arrival) -> Feed | None:
    """Return what was measured: both values good, and as old as the older of the two."""
    current, voltage = _good_number(feed.current), _good_number(feed.voltage)
    if current is None or voltage is None:
        return None
    if not (arrival.measured(feed.current.utc_s) and arrival.measured(feed.voltage.utc_s)):
        return None
    on = feed.on.value if feed.on.level is Level.GOOD and isinstance(feed.on.value, bool) else None
    regulation = _REGULATIONS.get(str(feed.regulation.value)) if feed.regulation.level is Level.GOOD else None
    t = arrival.t(min(feed.current.utc_s, feed.voltage.utc_s))
    return Feed(current, voltage, t, on, regulation, arrival.uncertainty_s)


def _since(utc_s: float | None, arrival: Arrival) -> float | None:
    return arrival.t(utc_s) if utc_s is not None and arrival.past(utc_s) else None


def _good_number(told: Told) -> float | None:
    return float(told.value) if told.level is Level.GOOD and isinstance(told.value, int | float) else None


def readings(arrival: Arrival, unit: FarUnit) -> list[Reading | ReadFailed]:
    """Return what the board is to show of the far station, each value with the time of its own exchange there."""
    found = [*_of_message(arrival, unit), *_of_feed(arrival, unit)]
    for pair in unit.pairs:
        found += _of_pair(arrival, unit, pair)
    return found


def _of_message(arrival: Arrival, unit: FarUnit) -> Iterator[Reading]:
    t = arrival.t(arrival.message.sent_utc_s)
    yield Reading(PointId(unit.name, "age"), round(max(arrival.moment.t - t, 0.0), 6), GOOD, arrival.moment.t)
    earth = arrival.message.earth
    yield Reading(PointId(unit.name, "earth"), earth, _NOT_OFFERED if earth is None else GOOD, t)


def _of_feed(arrival: Arrival, unit: FarUnit) -> Iterator[Reading | ReadFailed]:
    feed = arrival.message.feed
    t = arrival.t(arrival.message.sent_utc_s)
    for name in unit.feed_points:
        point = PointId(unit.name, name)
        if feed is None:
            yield Reading(point, None, _NOT_OFFERED, t)
        else:
            yield _shown(point, _FEED[name](feed), arrival)


def _shown(point: PointId, told: Told, arrival: Arrival) -> Reading | ReadFailed:
    t = min(arrival.t(told.utc_s), arrival.moment.t)
    if told.value is not None and arrival.past(told.utc_s):
        return Reading(point, told.value, Quality(told.level), t)
    return ReadFailed((point,), Reason.TIMEOUT, arrival.moment.t)


def _of_pair(arrival: Arrival, unit: FarUnit, pair: int) -> Iterator[Reading]:
    light, t = arrival.message.light.get(pair), arrival.t(arrival.message.sent_utc_s)
    values: dict[str, Value | None] = {"receive": None, "transmit": None, "lost": None}
    if light is not None:
        values = {"receive": light.receive_dbm, "transmit": light.transmit_dbm, "lost": light.lost}
    none = _BELOW_RANGE if light is not None and light.lost else _NOT_OFFERED
    for name, value in values.items():
        yield Reading(PointId(unit.name, f"fp{pair}_{name}"), value, none if value is None else GOOD, min(t, arrival.moment.t))
