"""When an incident opens, what belongs to it, when its record is due and when it is over. Pure: verdicts and times in.

    none --(verdict is a fault, or cannot be told after it was healthy)--> open
    open --(10 min and 15 s after the event)--> record due --> recorded
    recorded --(healthy for 60 s)--> ended
    any --(a fault after a healthy verdict, or of another kind, pair or place)--> ended, and the next opens with its own window

Another fault in the place of one that stands opens the next when it has been said for a hold time, back to when it was first said: one
evaluation on the way to the right words, or while the line comes back, is no incident. The same fault that is back within ten
seconds of a healthy verdict flaps, and stays in its incident; so does a better word for what was a guess. No more than AT_ONCE windows run
at a time: whatever the verdict does, records stay few. A "cannot tell" never opens a second one, and after a start it opens none:
nobody has seen then that anything was healthy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Any

from stationd.core.verdict.words import Confidence, Kind
from stationd.outputs.document import Document
from stationd.outputs.incidents.saying import DELIBERATE, HELD_S, another, names_fault, says_most
from stationd.outputs.journal import Moment

Change = Mapping[str, object]  # a verdict as document, with "at": when it was found
MOST_CHANGES = 500  # kept of one incident; later ones are counted (assumption: a verdict that flaps tells nothing more)
GUESS_S = 30.0  # a verdict of low confidence may become another one for so long: the far end and the meters follow (assumption)
AT_ONCE = 12  # windows that run at a time: at most 72 records an hour


@dataclass(frozen=True, slots=True)
class Settings:
    """Spans in seconds, sizes in bytes."""

    before_s: float = 60.0
    after_s: float = 600.0
    settle_s: float = 15.0  # the journal brings readings to the disk every 10 s
    healthy_s: float = 60.0  # an incident is over when the verdict has been healthy for so long (assumption)
    held_s: float = HELD_S
    again_s: float = 10.0  # the same fault within it of a healthy verdict is the same one that flaps (assumption)
    retry_s: float = 10.0
    pinned_s: float = 366 * 86_400.0  # a record is kept for a year whatever comes
    quota: int = 2 << 30
    bundles: int = 20  # the newest are kept; any can be made again as long as its record is there


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. Times are Unix seconds; `synchronised` tells whether the clock of the machine was when it opened.

    `changes` are the verdicts in order. `healthy_utc_s` is since when the verdict is healthy again, `ended_utc_s` when it was
    declared over, `before` the incident that this one took over from. `number` is that of the day.
    """

    id: str
    opened_utc_s: float
    synchronised: bool
    changes: tuple[Change, ...]
    left_out: int = 0
    standing: tuple[str, ...] = ()
    healthy_utc_s: float | None = None
    ended_utc_s: float | None = None
    recorded: bool = False
    before: str = ""

    @property
    def kind(self) -> str:
        """The kind of the verdict that says most."""
        return str(says_most(self.changes)["kind"])

    def plain(self) -> Document:
        """Return it in JSON's types; the changes are its "verdicts"."""
        found = asdict(self)
        verdicts = list(found.pop("changes"))
        return {**found, "verdicts": verdicts}


def incident_of(document: Mapping[str, object]) -> Incident:
    """Return the incident of `plain`. ValueError for what cannot be one."""
    names = {field.name for field in fields(Incident)} - {"changes", "standing"}
    try:
        known: dict[str, Any] = {name: value for name, value in document.items() if name in names}
        verdicts, standing = document["verdicts"], document.get("standing", ())
        if not isinstance(verdicts, list) or not isinstance(standing, list | tuple):
            raise TypeError("its verdicts are no list")
        changes = tuple(_change(each) for each in verdicts)
        found = Incident(changes=changes, standing=tuple(map(str, standing)), **known)
        json.dumps(document, allow_nan=False)  # ValueError for a number that could not be written again
        if not changes or not str(found.id).startswith("F-") or not isfinite(found.opened_utc_s):
            raise ValueError("no verdict, no name or no time")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no incident: {error!r}") from error
    return found


def _change(document: object) -> Change:
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise TypeError("a verdict without its kind")
    return document


@dataclass(slots=True)
class _Another:
    """Another fault that has been said for too short a time to be an incident: its verdicts, when it began and was first said."""

    since_t: float
    moment: Moment
    standing: tuple[str, ...]
    changes: list[Change] = field(default_factory=list)


class Course:
    """The incidents that are not over, at most one of them standing. Times `t` are monotonic, and those of one run."""

    def __init__(self, settings: Settings, known: frozenset[str], open_ones: tuple[Incident, ...], moment: Moment) -> None:
        """`known` are the names that exist; `open_ones` are taken over from the run before."""
        self._settings = settings
        self._known = set(known)
        self._was = ""
        self._healthy_t: float | None = None
        self.incidents = {each.id: each for each in open_ones}
        self._due_t = {each.id: self._taken_over(each, moment) for each in open_ones}
        self._opened_t = -inf  # of the one that stands
        self._another: _Another | None = None
        self._named: tuple[Change, float] | None = None  # the fault of the one that stands as it was said last, and when first
        if open_ones:
            named = [each for each in open_ones[-1].changes if names_fault(each)]
            self._named = (named[-1], -inf) if named else None

    def _taken_over(self, incident: Incident, moment: Moment) -> float:
        """Return when a record is due in this run. A clock that was set meanwhile delays it by no more than its window."""
        window_s = self._settings.after_s + self._settings.settle_s
        return moment.t + min(max(incident.opened_utc_s + window_s - moment.utc_s, 0.0), window_s)

    @property
    def standing(self) -> Incident | None:
        """The incident to which changes belong now."""
        return next(reversed(self.incidents.values()), None)

    def heard(self, change: Change, since_t: float, moment: Moment, standing: tuple[str, ...] = ()) -> bool:
        """Take a change of the verdict; True when an incident changed. `since_t` is when it began, `standing` alarms that stand."""
        self.settle(moment)
        kind, was, healthy_t = str(change["kind"]), self._was, self._healthy_t
        self._was = kind
        healthy = kind == Kind.HEALTHY.value
        self._healthy_t = None if not healthy else moment.t if healthy_t is None else healthy_t
        current = self.standing
        if current is None:
            opens = names_fault(change) or (not healthy and kind not in DELIBERATE and was == Kind.HEALTHY.value)
            if opens:
                self._open(change, since_t, moment, standing)
            return opens
        if not names_fault(change):
            self._quiet(current, change, moment)
        elif self._another is not None:
            self._goes_on(self._another, current, change, moment)
        else:
            self._fault(current, change, _Another(since_t, moment, standing), healthy_t)
        return True

    def _quiet(self, current: Incident, change: Change, moment: Moment) -> None:
        """Take a verdict that names no fault. Healthy: what was said for too short a time was no fault of its own."""
        if self._another is not None and change["kind"] != Kind.HEALTHY.value:
            self._another.changes.append(change)
            return
        self._dissolve(current)
        self._add(change, moment)

    def _goes_on(self, other: _Another, current: Incident, change: Change, moment: Moment) -> None:
        """Take a fault while another one than that of the incident may begin: the first one again, or more of the other."""
        if self._named is not None and not another(self._named[0], change):
            self._dissolve(current)
            self._add(change, moment)
        else:
            other.changes.append(change)

    def _fault(self, current: Incident, change: Change, other: _Another, healthy_t: float | None) -> None:
        moment = other.moment
        long_healthy = healthy_t is not None and moment.t - healthy_t >= self._settings.again_s
        at_once = long_healthy or current.recorded
        if not self._is_another(current, change, moment, at_once=at_once, healthy=healthy_t is not None):
            self._add(change, moment)
            return
        floor_t = self._opened_t if healthy_t is None else healthy_t
        other.since_t = other.since_t if other.since_t > floor_t else moment.t  # else it is the time of the fault before
        other.changes.append(change)
        if at_once:
            self._begin(other)
        else:
            self._another = other

    def _is_another(self, current: Incident, change: Change, moment: Moment, *, at_once: bool, healthy: bool) -> bool:
        """Return whether a fault is another one than that of the incident that stands."""
        if sum(not each.recorded for each in self.incidents.values()) >= AT_ONCE:
            return False
        if at_once and (healthy or self._named is None):
            return True
        if self._named is None:
            return healthy
        told, first_t = self._named
        guess = told.get("confidence") == Confidence.LOW.value and moment.t < first_t + GUESS_S and not healthy
        return not guess and another(told, change)

    def settle(self, moment: Moment) -> bool:
        """Open the incident of another fault that has been said for long enough; True when one was opened."""
        other = self._another
        if other is None or moment.t < other.moment.t + self._settings.held_s:
            return False
        self._begin(other)
        return True

    def _begin(self, other: _Another) -> None:
        first, *rest = other.changes
        self._another = None
        self._open(first, other.since_t, other.moment, other.standing)
        for change in rest:
            self._add(change, other.moment)

    def _dissolve(self, current: Incident) -> None:
        """Have what was said for too short a time as a step of the incident that stands."""
        other, self._another = self._another, None
        if other is not None:
            self.incidents[current.id] = _added(current, other.changes, None)

    def _add(self, change: Change, moment: Moment) -> None:
        """Have a verdict in the incident that stands."""
        current = self.standing
        assert current is not None
        healthy = (current.healthy_utc_s or moment.utc_s) if change["kind"] == Kind.HEALTHY.value else None
        self.incidents[current.id] = _added(current, [change], healthy)
        if names_fault(change):
            same = self._named is not None and self._named[0]["kind"] == change["kind"]
            self._named = (change, self._named[1] if same and self._named is not None else moment.t)

    def _open(self, change: Change, since_t: float, moment: Moment, standing: tuple[str, ...]) -> None:
        """Open one at the time of the event; what began longer ago than a window (a drift) opens when it is found."""
        age_s = moment.t - since_t
        age_s = age_s if 0.0 <= age_s <= self._settings.after_s else 0.0
        opened_utc_s, before = moment.utc_s - age_s, self.standing
        if before is not None:
            self.incidents[before.id] = replace(before, ended_utc_s=opened_utc_s)
        name = self._name(opened_utc_s)
        earlier = "" if before is None else before.id
        self.incidents[name] = Incident(name, opened_utc_s, moment.synchronised, (change,), standing=standing, before=earlier)
        self._opened_t = moment.t - age_s
        self._due_t[name] = self._opened_t + self._settings.after_s + self._settings.settle_s
        self._named = (change, moment.t) if names_fault(change) else None

    def _name(self, utc_s: float) -> str:
        day = datetime.fromtimestamp(min(max(utc_s, 0.0), 253402300799.0), UTC).strftime("%Y-%m-%d")
        taken = [int(each.rpartition("-")[2]) for each in self._known if each.startswith(f"F-{day}-")]
        name = f"F-{day}-{max(taken, default=0) + 1}"
        self._known.add(name)
        return name

    def due(self, now_t: float) -> list[Incident]:
        """Return the incidents whose record is to be made."""
        return [each for each in self.incidents.values() if not each.recorded and now_t >= self._due_t[each.id]]

    def put_off(self, name: str, until_t: float) -> None:
        """Try a record again later: the disk refused it."""
        self._due_t[name] = until_t

    def recorded(self, name: str) -> None:
        """Note that the record is on the disk."""
        self.incidents[name] = replace(self.incidents[name], recorded=True)

    def end(self, moment: Moment) -> list[Incident]:
        """Return those that are over now and recorded; they are forgotten with `forget` when the disk knows."""
        healthy = self._healthy_t is not None and moment.t - self._healthy_t >= self._settings.healthy_s
        current = self.standing
        if healthy and current is not None and current.recorded and current.ended_utc_s is None:
            self.incidents[current.id] = replace(current, ended_utc_s=moment.utc_s)
        return [each for each in self.incidents.values() if each.recorded and each.ended_utc_s is not None]

    def forget(self, name: str) -> None:
        """Have done with one that is over."""
        del self.incidents[name]
        del self._due_t[name]
        if not self.incidents:
            self._named, self._another = None, None

    def deadline(self) -> float | None:
        """Return when something is due if no verdict comes."""
        dues = [self._due_t[each.id] for each in self.incidents.values() if not each.recorded]
        holding = [] if self._another is None else [self._another.moment.t + self._settings.held_s]
        if self._healthy_t is not None and self.standing is not None:
            dues.append(max(self._healthy_t + self._settings.healthy_s, *(dues[-1:] or [0.0])))
        return min([*dues, *holding], default=None)


def _added(incident: Incident, changes: Sequence[Change], healthy_utc_s: float | None) -> Incident:
    room = max(MOST_CHANGES - len(incident.changes), 0)
    kept, left_out = (*incident.changes, *changes[:room]), incident.left_out + len(changes[room:])
    return replace(incident, changes=kept, left_out=left_out, healthy_utc_s=healthy_utc_s)
