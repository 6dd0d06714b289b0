"""When an incident opens, what belongs to it, when its record is due and when it is over. Pure: verdicts and times in.

    none --(verdict is a fault, or cannot be told after it was healthy)--> open
    open --(10 min and 15 s after the event)--> record due --> recorded
    recorded --(healthy for 60 s)--> ended
    recorded --(a fault of another kind, or a new one)--> ended, and the next opens: the first record does not reach so far

An incident lasts at least as long as its window, so that a verdict that comes and goes makes at most six records an hour. A
"cannot tell" never opens a second one, and after a start it opens none: nobody has seen then that anything was healthy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from stationd.core.verdict.words import Kind
from stationd.outputs.document import Document
from stationd.outputs.journal import Moment

Change = Mapping[str, object]  # a verdict as document, with "at": when it was found
MOST_CHANGES = 500  # kept of one incident; later ones are counted (assumption: a verdict that flaps tells nothing more)


@dataclass(frozen=True, slots=True)
class Settings:
    """Spans in seconds, sizes in bytes."""

    before_s: float = 60.0
    after_s: float = 600.0
    settle_s: float = 15.0  # the journal brings readings to the disk every 10 s
    healthy_s: float = 60.0  # an incident is over when the verdict has been healthy for so long (assumption)
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
        """The kind of the last verdict that named a fault; that of the first one where none did."""
        named = [str(each["kind"]) for each in self.changes if each["kind"] not in (Kind.HEALTHY.value, Kind.CANNOT_TELL.value)]
        return named[-1] if named else str(self.changes[0]["kind"])

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
        if not changes or not str(found.id).startswith("F-") or not isfinite(found.opened_utc_s):
            raise ValueError("no verdict, no name or no time")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no incident: {error!r}") from error
    return found


def _change(document: object) -> Change:
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise TypeError("a verdict without its kind")
    return document


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
        kind, was = str(change["kind"]), self._was
        self._was = kind
        self._healthy_t = moment.t if kind == Kind.HEALTHY.value else None
        current = self.standing
        if current is not None and not self._replaces(current, kind):
            self.incidents[current.id] = self._added(current, change, moment)
            return True
        opens = kind not in (Kind.HEALTHY.value, Kind.CANNOT_TELL.value)
        if not opens and not (kind == Kind.CANNOT_TELL.value and was == Kind.HEALTHY.value):
            return False
        if current is not None:
            self.incidents[current.id] = replace(current, ended_utc_s=moment.utc_s)
        self._open(change, since_t, moment, standing, current)
        return True

    def _replaces(self, current: Incident, kind: str) -> bool:
        """Return whether a verdict is a new incident beside one whose window is over."""
        fault = kind not in (Kind.HEALTHY.value, Kind.CANNOT_TELL.value)
        return current.recorded and fault and (kind != current.kind or current.healthy_utc_s is not None)

    def _added(self, current: Incident, change: Change, moment: Moment) -> Incident:
        healthy = moment.utc_s if change["kind"] == Kind.HEALTHY.value else None
        if len(current.changes) >= MOST_CHANGES:
            return replace(current, left_out=current.left_out + 1, healthy_utc_s=healthy)
        return replace(current, changes=(*current.changes, change), healthy_utc_s=healthy)

    def _open(self, change: Change, since_t: float, moment: Moment, standing: tuple[str, ...], before: Incident | None) -> None:
        """Open one at the time of the event; what began longer ago than a window (a drift) opens when it is found."""
        age_s = moment.t - since_t
        age_s = age_s if 0.0 <= age_s <= self._settings.after_s else 0.0
        opened_utc_s = moment.utc_s - age_s
        name = self._name(opened_utc_s)
        earlier = "" if before is None else before.id
        self.incidents[name] = Incident(name, opened_utc_s, moment.synchronised, (change,), standing=standing, before=earlier)
        self._due_t[name] = moment.t - age_s + self._settings.after_s + self._settings.settle_s

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

    def deadline(self) -> float | None:
        """Return when something is due if no verdict comes."""
        dues = [self._due_t[each.id] for each in self.incidents.values() if not each.recorded]
        if self._healthy_t is not None and self.standing is not None:
            dues.append(max(self._healthy_t + self._settings.healthy_s, *(dues[-1:] or [0.0])))
        return min(dues, default=None)
