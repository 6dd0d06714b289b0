"""Bypasses: an interlock that counts as closed for a time, by two persons. The alarm for as long as one stands is the desk's.

Each ends by itself, and all end at a restart: only that there was one is remembered. Hardware does not know of any of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stationd.core.alarm.words import BY_ITSELF
from stationd.core.model import PointId
from stationd.core.operation.orders import Person
from stationd.core.operation.task import Bypass
from stationd.core.operation.words import Noted


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
        return tuple(self._end(point, now) for point in over)

    def saved(self) -> dict[str, object]:
        """Return that there are some, as plain JSON values."""
        return {"interlocks": [str(point) for point in self._standing]}

    def restore(self, saved: object, now: float) -> tuple[Noted, ...]:
        """Tell which bypasses the restart has ended; none goes on, so that what cannot be read is no loss."""
        names = saved.get("interlocks") if isinstance(saved, Mapping) else None
        known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        return tuple(Noted("bypass-ended", name, now, BY_ITSELF, {"interlock": name, "why": "the daemon was restarted"}) for name in known)

    def _end(self, point: PointId, now: float) -> Noted:
        ended = self._standing.pop(point)
        document = {"interlock": str(point), "who": ended.who, "approver": ended.approver, "why": "its time is over"}
        return Noted("bypass-ended", str(point), now, BY_ITSELF, document)
