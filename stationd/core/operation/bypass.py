"""Bypasses: an interlock that counts as closed for a time, by two persons. The alarm for as long as one stands is the desk's.

Each ends by itself, and all end at a restart: only that there was one is remembered. Hardware does not know of any of this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stationd.core.alarm.words import BY_ITSELF
from stationd.core.model import PointId
from stationd.core.operation.orders import EndBypass, Person
from stationd.core.operation.task import Bypass, CommandClass
from stationd.core.operation.words import Accepted, ActOutcome, Cause, Noted, Refusal, Refused


@dataclass(frozen=True, slots=True)
class _Standing:
    who: str
    approver: str
    until_t: float


class Bypasses:
    """The bypasses that stand now. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._standing: dict[PointId, _Standing] = {}

    def begin(self, task: Bypass, who: Person, approver: str, now: float) -> tuple[Noted, ...]:
        """Let an interlock count as closed from now on, for as long as the task says and not a second longer."""
        self._standing[task.interlock] = _Standing(who.name, approver, now + task.for_s)
        document = {"interlock": str(task.interlock), "for_s": task.for_s, "approver": approver}
        return (Noted("bypass-begun", str(task.interlock), now, who.name, document),)

    def standing(self) -> Mapping[PointId, float]:
        """Return which interlocks are bypassed, and until when."""
        return {point: each.until_t for point, each in self._standing.items()}

    def deadline(self) -> float | None:
        """Return when the next one ends."""
        return min((each.until_t for each in self._standing.values()), default=None)

    def expire(self, now: float) -> tuple[Noted, ...]:
        """End those whose time is over."""
        over = [point for point, each in self._standing.items() if now >= each.until_t]
        return tuple(self._end(point, now, BY_ITSELF, "its time is over") for point in over)

    def obey(self, order: EndBypass, now: float) -> tuple[ActOutcome, tuple[Noted, ...]]:
        """End one before its time: that makes the plant safer, so that whoever may write a note may do it."""
        reasons = tuple(self._faults_of(order))
        if reasons:
            return Refused(f"bypass end {order.interlock}", reasons), ()
        noted = self._end(order.interlock, now, order.who.name, f"{order.who.name} has ended it")
        return Accepted((str(order.interlock),), f"{order.interlock} counts for what it reads again"), (noted,)

    def _faults_of(self, order: EndBypass) -> Iterator[Refusal]:
        if CommandClass.NOTE not in order.who.classes:
            yield Refusal(Cause.NO_AUTHORITY, f"{order.who.name} may only look", "a person of the group stationd-operate ends it")
        if order.interlock not in self._standing:
            there = ", ".join(str(point) for point in self._standing) or "none"
            why = f"{order.interlock} is not bypassed; bypassed now: {there}"
            yield Refusal(Cause.NOT_SELECTED, why, "look with: show interlocks")

    def saved(self) -> dict[str, object]:
        """Return that there are some, as plain JSON values."""
        return {"interlocks": [str(point) for point in self._standing]}

    def restore(self, saved: object, now: float) -> tuple[Noted, ...]:
        """Tell which bypasses the restart has ended; none goes on, so that what cannot be read is no loss."""
        own = {str(point) for point in self._standing}  # of this run, where the memory comes late
        names = saved.get("interlocks") if isinstance(saved, Mapping) else None
        known = [name for name in names if isinstance(name, str) and name not in own] if isinstance(names, list) else []
        return tuple(Noted("bypass-ended", name, now, BY_ITSELF, {"interlock": name, "why": "the daemon was restarted"}) for name in known)

    def _end(self, point: PointId, now: float, who: str, why: str) -> Noted:
        ended = self._standing.pop(point)
        document = {"interlock": str(point), "who": ended.who, "approver": ended.approver, "why": why}
        return Noted("bypass-ended", str(point), now, who, document)
