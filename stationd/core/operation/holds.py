"""Holds: nobody is to act on a device, the line or the station until the person who said so takes it back.

A hold is a word among people, kept over restarts and told to the far station. It is not an isolation: it opens no switch, and every
line about one says so. Several people may hold the same object; each removes only their own, and two persons that of another.
Follows the tagging practice of switchgear (a tag that nobody saw, and fuses refitted because work spanned shifts, have killed).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from stationd.core.operation.look import LARGEST, ago, counted
from stationd.core.operation.orders import LEAST_REASON, AddHold, DropHold
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import CommandClass
from stationd.core.operation.views import HoldView
from stationd.core.operation.words import Accepted, ActOutcome, Cause, Refusal, Refused

LINE = "line"
STATION = "station"
NOT_AN_ISOLATION = "NOT AN ISOLATION"
LONGEST_REASON = 200  # assumption: it stands in messages to the far station and on screens of 79 columns
MOST_HOLDS = 100  # assumption: beyond that it is a mistake of a program
_NOBODY = -1  # uid of a hold whose owner is not known any more: no user has it
NOBODY_KNOWN = "nobody known"
UNREAD = "a hold that could not be read after the restart"
ALL_UNREAD = "the list of holds could not be read after a restart: somebody may be at work, ask on the phone and by radio first"


def holdable(plan: ActingPlan) -> frozenset[str]:
    """Return every name that a hold may have as its object."""
    return plan.devices | frozenset(plan.feeds) | frozenset(plan.amplifiers) | {LINE, STATION}


def covering(holds: Iterable[HoldView], device: str, plan: ActingPlan) -> tuple[HoldView, ...]:
    """Return the holds that forbid acting on a device. A hold on a feed covers every feed of the same line: they feed the same cable."""
    names = {device, LINE, STATION}
    if device in plan.feeds:
        names |= {feed for feed in plan.feeds if plan.segment(feed) == plan.segment(device)}
    return tuple(hold for hold in holds if hold.object in names)


def sentence(hold: HoldView) -> str:
    """Return a hold as the far station is told of it: without times, which it would count by its own clock."""
    return f'{hold.name} on {hold.object} by {hold.who}: "{hold.reason}" {NOT_AN_ISOLATION}'


def shown(hold: HoldView, now: float) -> str:
    """Return a hold as a screen of this station shows it."""
    return f'{hold.name} on {hold.object} by {hold.who}, {ago(hold.since_t, now)}: "{hold.reason}" {NOT_AN_ISOLATION}'


def remover(hold: HoldView) -> str:
    """Return who may remove a hold, and how, as the remedy of a refusal."""
    two = f"two persons of stationd-power: arm hold {hold.name} remove reason ..."
    return f"{hold.name} is removed by {two}" if hold.uid == _NOBODY else f"{hold.name} is removed by {hold.who}, or by {two}"


class Holds:
    """The holds of this station. Names are never used again."""

    def __init__(self, plan: ActingPlan) -> None:
        self._plan = plan
        self._holds: dict[str, HoldView] = {}
        self._last = 0

    def replan(self, plan: ActingPlan) -> None:
        """Go on by another plan; what is held stays held."""
        self._plan = plan

    def add(self, order: AddHold, now: float) -> ActOutcome:
        """Add one, or refuse with every reason."""
        reasons = tuple(_faults_of(order, holdable(self._plan), len(self._holds)))
        if reasons:
            return Refused(f"hold add {order.object}", reasons)
        added = self._keep(order.object, order.who.name, order.who.uid, clean(order.reason), now)
        return Accepted((added.name,), f"{added.name} holds {added.object}. {NOT_AN_ISOLATION}: fit lock and earth")

    def drop(self, order: DropHold, now: float) -> ActOutcome:
        """Remove a hold of this person's own."""
        hold = self._holds.get(order.hold)
        if hold is None or hold.uid == order.who.uid:
            return self.remove(order.hold, now)
        return Refused(f"hold remove {order.hold}", (Refusal(Cause.SECOND_PERSON, shown(hold, now), remover(hold)),))

    def remove(self, name: str, now: float) -> ActOutcome:
        """Remove a hold, whoever has set it: two persons have agreed, or it is its owner's."""
        hold = self._holds.pop(name, None)
        if hold is not None:
            return Accepted((name,), f"{shown(hold, now)} is removed")
        there = ", ".join(self._holds) or "none"
        return Refused(f"hold remove {name}", (Refusal(Cause.NOT_SELECTED, f"there is no hold {name}; there are: {there}", "show holds"),))

    def views(self) -> tuple[HoldView, ...]:
        """Return all, the oldest first."""
        return tuple(self._holds.values())

    def _keep(self, object: str, who: str, uid: int, reason: str, since_t: float) -> HoldView:
        self._last += 1
        hold = HoldView(f"H-{self._last}", object, who, uid, reason, since_t)
        self._holds[hold.name] = hold
        return hold

    def saved(self, now: float) -> dict[str, object]:
        """Return all as plain JSON values; times as ages, since another run of the program has another clock."""
        rows = [
            {
                "name": hold.name,
                "object": hold.object,
                "who": hold.who,
                "uid": hold.uid,
                "reason": hold.reason,
                "age_s": max(now - hold.since_t, 0.0),
            }
            for hold in self._holds.values()
        ]
        return {"last": self._last, "holds": rows}

    def restore(self, saved: object, now: float, elapsed_s: float) -> tuple[str, ...]:
        """Take back what `saved` gave, and return a sentence for everything that cannot be read.

        What cannot be read may have been a hold: a hold on the whole station takes its place, which two persons can remove.
        """
        if saved is None or saved == {}:
            return ()
        rows = saved.get("holds") if isinstance(saved, Mapping) else None
        last = saved.get("last") if isinstance(saved, Mapping) else None
        read = [_row(row, now - elapsed_s) for row in rows] if isinstance(rows, list) else [None]
        numbers = [last if isinstance(last, int) else 0, self._last, *(_number(hold.name) for hold in read if hold is not None)]
        self._last = max(numbers)
        for hold in read:
            if hold is not None:
                self._take_back(hold)
        return tuple(self._doubtful(now) for hold in read if hold is None)

    def _take_back(self, hold: HoldView) -> None:
        """Put a hold back; one of this run that has its name already keeps it, and both stand."""
        if hold.name in self._holds:
            self._last += 1
            hold = replace(hold, name=f"H-{self._last}")
        self._holds[hold.name] = hold

    def doubt(self, now: float) -> str:
        """Hold the whole station since nothing of what was held can be read; return a sentence that says so."""
        hold = self._keep(STATION, NOBODY_KNOWN, _NOBODY, ALL_UNREAD, now)
        return f"the list of holds could not be read: {hold.name} holds the station in its place"

    def _doubtful(self, now: float) -> str:
        hold = self._keep(STATION, NOBODY_KNOWN, _NOBODY, UNREAD, now)
        return f"a hold could not be read: {hold.name} holds the station in its place"


def clean(text: str) -> str:
    """Return a text on one line, without what a terminal would obey."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _faults_of(order: AddHold, known: frozenset[str], there: int) -> Iterable[Refusal]:
    reason = clean(order.reason)
    if CommandClass.NOTE not in order.who.classes:
        yield Refusal(Cause.NO_AUTHORITY, f"{order.who.name} may only look", "a person of the group stationd-operate adds the hold")
    if order.object not in known:
        yield Refusal(Cause.INCONSISTENT, f"there is no {order.object!r} here", f"one of: {', '.join(sorted(known))}")
    if len(reason) < LEAST_REASON:
        given = f"the reason has {counted(len(reason), 'character')}"
        yield Refusal(Cause.INCONSISTENT, given, f"at least {LEAST_REASON}: why, and who asked for it")
    if len(reason) > LONGEST_REASON:
        yield Refusal(Cause.INCONSISTENT, f"the reason has {len(reason)} characters", f"at most {LONGEST_REASON}")
    if there >= MOST_HOLDS:
        yield Refusal(Cause.STEP_LIMIT, f"there are {there} holds already", "remove those that are not needed any more")


def _row(row: object, then: float) -> HoldView | None:
    """Return a hold as it was kept, or None where it cannot be read as a whole."""
    if not isinstance(row, Mapping):
        return None
    texts = [row.get(name) for name in ("name", "object", "who", "reason")]
    match texts, row.get("uid"), row.get("age_s"):
        case [str(name), str(object), str(who), str(reason)], int(uid), int() | float() as age_s:
            good = _number(name) > 0 and 0 <= age_s <= LARGEST
            return HoldView(name, object, who, uid, reason, then - age_s) if good else None
        case _:
            return None


def _number(name: str) -> int:
    digits = name.removeprefix("H-")
    return int(digits) if name.startswith("H-") and digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
