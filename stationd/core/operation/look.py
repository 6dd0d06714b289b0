"""What is read at one moment, in words: the live value with its unit, where it comes from and how old it is.

Every precondition speaks through this, so that a value that is missing, old or contradicted is never taken for a good one: it has
no number and no truth here, and a sentence that says why. Freshness is that of stationd.core.powerfeed.words.
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.core.model import PointId, Reading, Reason
from stationd.core.operation.views import Check
from stationd.core.operation.words import Cause, Refusal
from stationd.core.powerfeed.words import FRESH_S, Seen

_IN_MINUTES_S = 100.0  # from here on an age is told in minutes (choice: three digits at most)
_IN_HOURS_S = 7200.0
LARGEST = 1e15  # beyond anything that is measured, ordered or counted here (choice)
AGAIN = "it is read more often now: ask again in some seconds"  # the desk hastens what a refused arming has looked at


@dataclass(frozen=True, slots=True)
class Look:
    """The readings of the station at `now`, monotonic seconds."""

    seen: Seen
    now: float

    def number(self, point: PointId | None) -> float | None:
        """Return the newest good, fresh number of a point."""
        return self.seen.number(point, self.now)

    def truth(self, point: PointId | None) -> bool | None:
        """Return what the last two good readings of a contact or flag agree on."""
        return self.seen.truth(point, self.now)

    def turned(self, point: PointId) -> Reading | None:
        """Return the newest reading of a contact or flag that has just changed: good and fresh, and good but different before."""
        newest, both = self.seen.last(point, self.now), self.seen.readings.get(point, ())[-2:]
        if newest is None or len(both) < 2 or not isinstance(newest.value, bool):
            return None
        return newest if both[0].quality.good and both[0].value != newest.value else None

    def word(self, point: PointId | None) -> str | None:
        """Return the newest good, fresh word of a point."""
        reading = self.seen.last(point, self.now)
        return reading.value if reading is not None and isinstance(reading.value, str) else None

    def at(self, point: PointId) -> str:
        """Return where a value comes from and its age: `(io1.di4, 0.3 s ago)`."""
        newest = self.seen.readings.get(point, ())[-1:]
        return f"({point}, {ago(newest[0].t, self.now)})" if newest else f"({point})"

    def shown(self, point: PointId, unit: str) -> str:
        """Return a number with unit, source and age, or why it is not known."""
        value = self.number(point)
        return f"not known: {self.missing(point)}" if value is None else f"{number(value)} {unit} {self.at(point)}"

    def missing(self, point: PointId) -> str:
        """Return why a point gives no value that may be relied on; for points that `number`, `truth` or `word` deny."""
        both = self.seen.readings.get(point, ())[-2:]
        if not both:
            return f"{point} was never read"
        newest = both[-1]
        if newest.quality.reason is Reason.LINK_DOWN:
            return f"{point}: no answer for {span(max(self.now - newest.t, 0.0))}, {newest.quality.reason.value}"
        if not newest.quality.good:
            return f"{point} is {newest.quality.reason.value or newest.quality.level.value}, {ago(newest.t, self.now)}"
        if self.now >= newest.t + FRESH_S:
            return f"{point} was last read {ago(newest.t, self.now)}"
        if not isinstance(newest.value, bool):
            return f"{point} reads {newest.value!r}"
        if len(both) < 2 or not both[0].quality.good:
            return f"{point} was read only once"
        return f"{point} reads {newest.value} {unconfirmed(newest, self.now)}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a contact or flag is to read: its words for true and false, and what stands in the way when it reads otherwise."""

    name: str
    value: bool
    true: str
    false: str
    cause: Cause
    remedy: str
    unknown: Cause = Cause.HEALTH


NO_FAULT = Wanted("fault of the unit", False, "REPORTED", "none", Cause.PROCESS, "look at the unit; reset the fault there")


def ago(t: float, now: float) -> str:
    """Return an age in words."""
    return f"{span(max(now - t, 0.0))} ago"


def span(seconds: float) -> str:
    """Return a length of time in words: `0.3 s`, `12 min`, `3.5 h`."""
    if seconds < _IN_MINUTES_S:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < _IN_HOURS_S else f"{seconds / 3600:.1f} h"


def number(value: float) -> str:
    """Return a measured or ordered number as people read it: one decimal at most, none where it says nothing."""
    if abs(value) > LARGEST:
        return "more than can be" if value > 0 else "less than can be"
    return f"{round(value, 1) + 0.0:.10g}"


def counted(number_of: int, word: str) -> str:
    """Return a number of things: `1 character`, `2 characters`."""
    return f"{number_of} {word}{'' if number_of == 1 else 's'}"


def minutes(seconds: float) -> str:
    """Return an ordered length of time in minutes, as people type it."""
    return number(seconds / 60 if abs(seconds) <= LARGEST else seconds)


def refused(name: str, cause: Cause, why: str, remedy: str) -> Check:
    """Return a precondition that stands in the way."""
    return Check(name, why, Refusal(cause, why, remedy))


def unknown(name: str, look: Look, point: PointId, cause: Cause = Cause.HEALTH) -> Check:
    """Return a precondition that fails because a point is missing, old or contradicted."""
    why = f"{name} not known: {look.missing(point)}"
    return refused(name, cause, why, f"{AGAIN}; if it stays, look at {point.device}")


def unconfirmed(newest: Reading, now: float) -> str:
    """Return since when a flag reads otherwise, once: enough to stop, and not enough to begin."""
    return f"since {span(max(now - newest.t, 0.0))}, to be confirmed by a second reading"


def contact(look: Look, point: PointId, wanted: Wanted) -> Check:
    """Return how a contact or flag stands. One that has just changed is told as what it reads, and stands in the way either way."""
    truth = look.truth(point)
    if truth is None:
        newest = look.turned(point)
        return unknown(wanted.name, look, point, wanted.unknown) if newest is None else _just_turned(look, newest, wanted)
    shown = f"{wanted.name} {wanted.true if truth else wanted.false} {look.at(point)}"
    return Check(wanted.name, shown) if truth is wanted.value else refused(wanted.name, wanted.cause, shown, wanted.remedy)


def _just_turned(look: Look, newest: Reading, wanted: Wanted) -> Check:
    reads = wanted.true if newest.value else wanted.false
    why = f"{wanted.name} {reads} {unconfirmed(newest, look.now)} ({newest.point})"
    if newest.value is wanted.value:
        return refused(wanted.name, wanted.unknown, why, "ask again in a second")
    return refused(wanted.name, wanted.cause, why, wanted.remedy)
