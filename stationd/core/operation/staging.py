"""Set values that people have staged: noted for later, each person's own, nothing sent. Kept over restarts.

Each remembers what the unit showed when it was staged; if that has changed when it is applied, somebody else has been there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from stationd.core.model import PointId
from stationd.core.operation import setpoint_checks as checks
from stationd.core.operation.applies import Apply, number, point_of
from stationd.core.operation.orders import Person, Stage
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.views import StagedView
from stationd.core.operation.words import Cause, Refusal
from stationd.core.powerfeed.words import Seen

FASTER_S = 600.0  # who stages, applies within so long: until then the unit is read faster (assumption)


@dataclass(frozen=True, slots=True)
class Staged:
    """One value: what it is to be, and what it was when that was said."""

    target: PointId
    value: float
    base: float
    uid: int
    who: str
    t: float


class Staging:
    """All that is staged, by person and point."""

    def __init__(self, plan: ActingPlan) -> None:
        self._plan = plan
        self._staged: dict[tuple[int, PointId], Staged] = {}

    def replan(self, plan: ActingPlan) -> None:
        """Go on by another plan; what can be set no more is dropped."""
        self._plan = plan
        self.drop([each for each in self._staged.values() if checks.value_of(plan, each.target) is None])

    def keep(self, found: Iterable[Staged]) -> None:
        """Keep these; each takes the place of what the same person staged for the same point."""
        for each in found:
            self._staged[each.uid, each.target] = each

    def of(self, who: Person) -> tuple[Staged, ...]:
        """Return what a person has staged, in the order of its first staging."""
        return tuple(each for each in self._staged.values() if each.uid == who.uid)

    def drop(self, found: Iterable[Staged]) -> None:
        """Forget these."""
        for each in found:
            self._staged.pop((each.uid, each.target), None)

    def devices(self, now: float) -> frozenset[str]:
        """Return the devices for which something was staged not long ago."""
        return frozenset(each.target.device for each in self._staged.values() if now < each.t + FASTER_S)

    def ends(self, now: float) -> Iterable[float]:
        """Return when the units need not be read faster any more, as far as that is still to come."""
        return (each.t + FASTER_S for each in self._staged.values() if now < each.t + FASTER_S)

    def views(self, seen: Seen, now: float) -> tuple[StagedView, ...]:
        """Return all with what the units show now."""
        return tuple(self._view(each, seen, now) for each in self._staged.values())

    def _view(self, staged: Staged, seen: Seen, now: float) -> StagedView:
        value = checks.value_of(self._plan, staged.target)
        unit = value.unit if value is not None else ""
        return StagedView(staged.target, unit, checks.known(seen, staged.target, now), staged.value, staged.who)

    def saved(self) -> list[dict[str, object]]:
        """Return all as plain JSON values."""
        return [
            {"point": str(each.target), "value": each.value, "base": each.base, "uid": each.uid, "who": each.who}
            for each in self._staged.values()
        ]

    def restore(self, rows: object) -> int:
        """Take back what `saved` gave, and return how many could not be read. What is not in the file any more is dropped.

        What the same person has staged in this run already is newer and stays.
        """
        read = [_row(each) for each in rows] if isinstance(rows, list) else [None]
        known = (each for each in read if each is not None and checks.value_of(self._plan, each.target) is not None)
        self.keep([each for each in known if (each.uid, each.target) not in self._staged])
        return read.count(None)


def refusals(plan: ActingPlan, seen: Seen, order: Stage, now: float) -> Iterator[Refusal]:
    """Give every reason why a value is not staged."""
    yield from checks.writable(plan)
    yield from checks.person(order.who)
    value = checks.value_of(plan, order.target)
    if value is None:
        there = ", ".join(str(each.target) for amplifier in plan.amplifiers.values() for each in amplifier.set_values.values())
        yield Refusal(Cause.MODE, f"{order.target} is no set value of this station", f"one of: {there or 'none'}")
        return
    now_is = checks.known(seen, order.target, now)
    yield from checks.within_limits(value, order.value, now_is)
    if now_is is None:
        amplifier = plan.amplifiers[order.target.device]
        yield from (each for each in checks.seen_well(amplifier, order.target, seen, now, inf) if str(order.target) in each.why)
    elif checks.same(value, now_is, order.value):
        yield Refusal(Cause.REACHED, f"{order.target} is {checks.told(value, now_is)} already", "nothing is to be done")
    else:
        yield from checks.one_step(value, now_is, order.value)


def earlier(applies: Iterable[Apply], count: int) -> dict[PointId, float]:
    """Return the values of before the last `count` applies (newest first): for each point that of the oldest of them."""
    found: dict[PointId, float] = {}
    for each in tuple(applies)[:count]:
        found.update({change.target: change.before for change in each.sent})
    return found


def _row(row: object) -> Staged | None:
    match row:
        case Mapping() as known:
            target, value, base = point_of(known.get("point")), number(known.get("value")), number(known.get("base"))
            uid, who = known.get("uid"), known.get("who")
            if target is not None and value is not None and base is not None and isinstance(uid, int) and isinstance(who, str):
                return Staged(target, value, base, uid, who, -inf)
    return None
