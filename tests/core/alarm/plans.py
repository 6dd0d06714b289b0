"""Small stations for the tests of alarms: plans, readings, and a desk whose time is moved by hand."""

from __future__ import annotations

from stationd.core.alarm.condition import Condition, Equals
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.inhibit import Link
from stationd.core.alarm.plan import Plan, Rule
from stationd.core.alarm.type import AT_ONCE, AlarmKey, AlarmType, Severity
from stationd.core.alarm.words import AlarmRecord, Annunciate, Effect, Order, Outcome, Signal
from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason, Tick, Value
from stationd.core.model import Event as StationEvent

STALE = Quality(Level.STALE, Reason.TIMEOUT)


def kind(name: str, severity: Severity = Severity.MINOR, *, latching: bool = False, safety: bool = False) -> AlarmType:
    return AlarmType(name, severity, f"{name} text", f"{name} means", f"{name} first", latching=latching, safety=safety, delays=AT_ONCE)


def rule(
    name: str,
    severity: Severity = Severity.MINOR,
    *,
    latching: bool = False,
    condition: Condition | None = None,
    point: PointId | None = None,
    resource: str = "x",
) -> Rule:
    found = condition or Condition(Equals(True))
    return Rule(AlarmKey(resource, name), kind(name, severity, latching=latching, safety=found.safety), severity, found, point)


def plan_of(*rules: Rule, links: tuple[Link, ...] = ()) -> Plan:
    points = {each.point for each in rules if each.point is not None}
    return Plan({each.key: each for each in rules}, links, periods=dict.fromkeys(points, 1.0))


class Desk:
    """An alarm desk and what it said; `t` is its time."""

    def __init__(self, plan: Plan, t: float = 100.0) -> None:
        self.alarms = Alarms(plan, t)
        self.t = t
        self.effects: list[Effect] = []

    def take(self, event: StationEvent | Signal) -> list[Effect]:
        effects = self.alarms.handle(event, self.t)
        self.effects += effects
        return effects

    def read(self, point: PointId, value: Value | None, quality: Quality = GOOD) -> list[Effect]:
        return self.take(Reading(point, value, quality, self.t))

    def say(self, key: AlarmKey, active: bool | None, severity: Severity | None = None) -> list[Effect]:
        return self.take(Signal(key, active, self.t, severity=severity))

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass as the engine does: a Tick at every deadline."""
        end, effects = self.t + seconds, list[Effect]()
        while (due := self.alarms.deadline()) is not None and due <= end:
            self.t = max(self.t, due)
            effects += self.take(Tick(self.t))
        self.t = end
        return effects

    def order(self, order: Order) -> Outcome:
        answer = self.alarms.obey(order, self.t)
        self.effects += answer.effects
        (outcome,) = answer.outcomes
        return outcome

    def letter(self, key: AlarmKey) -> str:
        return self.alarms.ledger.standings[key].letter.value

    def told(self, key: AlarmKey | None = None) -> list[Annunciate]:
        return [each for each in self.effects if isinstance(each, Annunciate) and key in (None, each.key)]

    def history(self, key: AlarmKey) -> list[str]:
        return [
            f"{each.event.value} {each.before.value}{each.after.value}"
            for each in self.effects
            if isinstance(each, AlarmRecord) and each.key == key
        ]


def records(effects: list[Effect]) -> list[AlarmRecord]:
    return [each for each in effects if isinstance(each, AlarmRecord)]
