"""How alarms, events and figures look on the control socket. Pure but for the calendar."""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N815  # names of fields are those of the interface

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

from stationd.console.door import AlarmDoor, Happening, Moment
from stationd.core.alarm import words
from stationd.core.alarm.flood import Figures
from stationd.core.alarm.machine import Letter
from stationd.core.model import GOOD, Level, Quality, Reason, Value

Number = Any  # on the wire "object": {"v": value, "u": unit, "t": UTC, "q": quality}, with "why" and "last" where they say more
State = Literal["normal", "new", "acknowledged", "gone", "latched_new", "latched_acknowledged", "shelved", "suppressed", "out_of_service"]
SeverityWord = Literal["critical", "major", "minor", "warning"]
NO_VALUE = Quality(Level.BAD, Reason.NOT_OFFERED)
LEVELS = {level.value for level in Level}


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time of day in UTC, RFC 3339; synchronised tells whether the clock of the machine was."""

    t: str
    synchronised: bool | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which alarms: one of the lists (default "active", the main list), of a resource, type or severity; limit: at most so many."""

    shown: Literal["active", "shelved", "suppressed", "out_of_service", "all"] | None = None
    resource: str | None = None
    type: str | None = None
    severity: SeverityWord | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Until when and why an alarm is hidden; used: it came or stood meanwhile."""

    until: Stamp
    by: str
    reason: str
    oneShot: bool
    used: bool


@dataclass(frozen=True, slots=True)
class Outage:
    """Who took an alarm out of service, why, and when that is looked at again."""

    review: Stamp
    by: str
    second: str
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The last acknowledgement."""

    by: str
    note: str
    at: Stamp


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as it stands. Acknowledge it as key#occurrence, so that nobody acknowledges what he has not seen."""

    key: str
    resource: str
    type: str
    qualifier: str
    letter: str
    state: State
    severity: SeverityWord
    worst: SeverityWord
    active: bool
    unknown: bool
    occurrence: int
    count: Number
    since: Stamp | None
    changed: Stamp | None
    age: Number
    value: Number
    text: str
    consequence: str
    firstAction: str
    runbook: str
    note: str
    firstOut: bool
    causes: list[str]
    hides: Number
    safety: bool
    serviceAffecting: bool
    shelf: Shelf | None
    outage: Outage | None
    seen: Seen | None


class Listing(TypedDict):
    """What List returns. total is how many there are, also when fewer are returned."""

    alarms: list[Alarm]
    asOf: Stamp
    total: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one key of an acknowledgement. error is the name of the error that it would be by itself."""

    key: str
    done: bool
    letter: str | None
    error: str | None
    cause: str | None
    detail: str | None
    hint: str | None


class Acknowledged(TypedDict):
    """What Acknowledge returns. Not durable: the disk fails, and a restart forgets it."""

    result: list[Outcome]
    durable: bool


class Shelved(TypedDict):
    """What Shelve returns. Not durable: the disk fails, and a restart forgets it."""

    until: Stamp
    durable: bool


class Asked(TypedDict):
    """What TakeOutOfService returns. Not durable: the disk fails, and a restart forgets it."""

    operation: str
    durable: bool


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an alarm. Ids are unique for ever."""

    id: str
    at: Stamp
    key: str
    event: str
    before: str
    after: str
    severity: str
    occurrence: int
    value: Number
    by: str
    note: str
    cause: str


@dataclass(frozen=True, slots=True)
class Change:
    """First everything (snapshot, without an event), then one alarm after each event of it."""

    snapshot: bool
    asOf: Stamp
    event: str | None
    by: str | None
    note: str | None
    alarms: list[Alarm]


@dataclass(frozen=True, slots=True)
class Stats:
    """How well the alarm system does, per 10 minutes where it is a rate. More than 10 are a flood, it is over below 5."""

    rate: Number
    mean: Number
    flood: bool
    floods: Number
    floodTime: Number
    floodPeriods: Number
    annunciations: Number
    shelved: Number
    suppressed: Number
    outOfService: Number
    chattering: list[str]
    standing: list[str]
    busiestTypes: Number


def stamp(moment: Moment) -> Stamp:
    """Return a moment as it is written."""
    return Stamp(written(moment.utc_s), moment.synchronised)


def written(utc_s: float) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds; the nearest end of the calendar for what is beyond it."""
    bounded = min(max(utc_s, -62135596800.0), 253402300799.0)  # the years 1 to 9999
    return datetime.fromtimestamp(bounded, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def utc_s(text: str) -> float:
    """Return the Unix time of an RFC 3339 text with its zone. ValueError for anything else."""
    if len(text) > 40:
        raise ValueError(text[:40])
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(text)
    try:
        return read.timestamp()
    except OverflowError as error:
        raise ValueError(text) from error


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the forms of one answer, as of one moment. On a station that is not `live` no value is ever "good": it is "sim"."""

    door: AlarmDoor
    live: bool
    now: float
    times: dict[float, Stamp] = field(default_factory=dict)  # the same few times come again and again in one answer

    def stamp_of(self, t: float) -> Stamp:
        """Return a monotonic time as it is written."""
        found = self.times.get(t)
        if found is None:
            found = self.times[t] = stamp(self.door.moment(t))
        return found

    def figure(self, value: float, unit: str = "") -> dict[str, object]:
        """Return a number that the daemon counts itself, as of now."""
        return self.number(value, unit, GOOD, self.stamp_of(self.now).t)

    def number(self, value: Value | None, unit: str, quality: Quality, t: str) -> dict[str, object]:
        """Return a value as contract and documents show it: what is not fresh is never in "v"."""
        quality = NO_VALUE if value is None and quality.good else quality
        fresh = quality.level in (Level.GOOD, Level.UNCERTAIN)
        word = "sim" if quality.good and not self.live else quality.level.value
        form: dict[str, object] = {"v": value if fresh else None, "u": unit, "t": t, "q": word}
        if quality.level is Level.STALE:
            form["last"] = value
        if quality.reason is not Reason.NONE:
            form["why"] = quality.reason.value
        return form

    def alarm(self, view: words.AlarmView) -> Alarm:
        """Return one alarm."""
        kind, now = view.type, self.now
        came = view.count > 0
        changed = self.stamp_of(view.changed_t)
        quality = view.quality or GOOD
        return Alarm(
            key=str(view.key), resource=view.key.resource, type=view.key.type, qualifier=view.key.qualifier,
            letter=view.letter.value, state=_state(view.letter), severity=view.severity.value, worst=view.worst.value,
            active=view.active, unknown=view.unknown, occurrence=view.occurrence, count=self.figure(view.count),
            since=self.stamp_of(view.onset) if came else None, changed=changed if came else None,
            age=self.figure(round(max(now - view.onset, 0.0), 3) if came else 0.0, "s"),
            value=self.number(view.value, self.door.unit(view.key), quality, changed.t),
            text=kind.text, consequence=kind.consequence, firstAction=kind.first_action, runbook=kind.runbook or kind.id,
            note=view.note, firstOut=view.first_out, causes=[str(key) for key in view.causes], hides=self.figure(view.hides),
            safety=kind.safety, serviceAffecting=kind.service_affecting,
            shelf=self._shelf(view.shelf), outage=self._outage(view.outage), seen=self._seen(view.seen),
        )  # fmt: skip

    def event(self, event: Happening) -> Event:
        """Return one event of the past."""
        at = stamp(event.at)
        value = self._past(event.value, event.unit, event.quality, at.t)
        return Event(
            event.id, at, event.key, event.event, event.before, event.after, event.severity, event.occurrence, value,
            event.who, event.note, event.cause,
        )  # fmt: skip

    def _past(self, value: Value | None, unit: str, word: str, t: str) -> dict[str, object]:
        """Return a value of the past with the word that was kept with it: what was simulated stays so, whatever the station is now."""
        if word in LEVELS or not word:
            return self.number(value, unit, Quality(Level(word)) if word else GOOD, t)
        return {"v": value, "u": unit, "t": t, "q": word}

    def stats(self, figures: Figures, count: Callable[[Letter], int]) -> Stats:
        """Return the figures of the alarm system; `count` tells how many alarms have a letter."""
        return Stats(
            rate=self.figure(figures.rate_10min, "1/10min"), mean=self.figure(figures.mean_10min, "1/10min"),
            flood=figures.flood, floods=self.figure(figures.floods), floodTime=self.figure(figures.flood_s, "s"),
            floodPeriods=self.figure(figures.flood_periods), annunciations=self.figure(figures.annunciations),
            shelved=self.figure(count(Letter.SHELVED)), suppressed=self.figure(count(Letter.SUPPRESSED)),
            outOfService=self.figure(count(Letter.OUT_OF_SERVICE)),
            chattering=[str(key) for key in figures.chattering], standing=[str(key) for key in figures.standing],
            busiestTypes=self.figure(round(100 * figures.busiest_types_share, 1), "%"),
        )  # fmt: skip

    def _shelf(self, shelf: words.Shelf | None) -> Shelf | None:
        if shelf is None:
            return None
        return Shelf(self.stamp_of(shelf.until_t), shelf.who, shelf.reason, shelf.one_shot, shelf.used)

    def _outage(self, outage: words.Outage | None) -> Outage | None:
        if outage is None:
            return None
        return Outage(self.stamp_of(outage.review_t), outage.who, outage.second, outage.reason)

    def _seen(self, seen: words.Seen | None) -> Seen | None:
        if seen is None:
            return None
        return Seen(seen.who, seen.note, self.stamp_of(seen.t))


def outcome(done: words.Outcome) -> Outcome:
    """Return what became of one key."""
    match done:
        case words.Done():
            return Outcome(str(done.key), True, done.letter.value, None, None, None, None)
        case words.Refused():
            return Outcome(str(done.key), False, None, done.error.value, done.cause, done.detail, done.hint)


def unknown_key(text: str) -> Outcome:
    """Return what becomes of a text that is no key."""
    return Outcome(text, False, None, words.Refusal.NO_SUCH_ALARM.value, "no-such-alarm", f"{text} is no key", "show alarms")


def _state(letter: Letter) -> State:
    return _STATES[letter]


_STATES: dict[Letter, State] = {
    Letter.NORMAL: "normal",
    Letter.NEW: "new",
    Letter.ACKNOWLEDGED: "acknowledged",
    Letter.GONE: "gone",
    Letter.LATCHED_NEW: "latched_new",
    Letter.LATCHED_ACKNOWLEDGED: "latched_acknowledged",
    Letter.SHELVED: "shelved",
    Letter.SUPPRESSED: "suppressed",
    Letter.OUT_OF_SERVICE: "out_of_service",
}
