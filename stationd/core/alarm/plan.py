"""Which alarms a station has: the rules, the links from causes to effects, and the point that shows that a unit is silent.

A plan is made once, from plain facts about the station: units with their points, buses, channels of the sampler, and what the
station's own file adds. The limits of stationd.core.alarm.builtin are assumptions; an entry of the file with the same type
and point takes the place of the built-in rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf

from stationd.core.alarm.catalogue import type_of
from stationd.core.alarm.condition import Above, Below, Burst, Condition, Equals, Test
from stationd.core.alarm.inhibit import HOLD_BACK_S, HOLD_OFF_S, WITHIN_S, Link, cycles
from stationd.core.alarm.type import AlarmKey, AlarmType, Cause, Reach, Severity
from stationd.core.model import PointId, Value

STATION = "station"  # resource of alarms of the station as a whole
LINE = "line"  # resource of alarms of the sea cable
SAMPLER = "sampler"  # resource of alarms of the optical sampler
LIT_BY_LINE = frozenset({Reach.PAIR, Reach.FEED, Reach.LINE})
RETRY_S = 0.5  # one repeated question after a bad answer (assumption)
SHUT_OFF_S = 3.5  # a booster whose pair receives nothing is off within 1 s, by the widest of published procedures 3 s; and some room
WITH_IT_S = 60.0  # what a fault of a unit brings in the same unit is read by then: slow points come every 10 s (assumption)


@dataclass(frozen=True, slots=True)
class Unit:
    """What has points. `points` gives the period of each point that the unit really has, in seconds.

    `kind` is the driver's: pfe, amplifier, io or tap. `bus` is empty for taps. `receives` tells whether its light comes from
    the line (false for boosters and pumps). `interlocks` are the points that must all be true before this power feed may be
    armed. `nominal_ma` and `max_v` are its limits in the configuration, `expected_v` its share of the voltage of the line, and
    `earth_v` by how much an earth potential along the line may move that.
    """

    name: str
    kind: str
    points: Mapping[str, float]
    bus: str = ""
    fibre_pair: int | None = None
    receives: bool = True
    interlocks: tuple[PointId, ...] = ()
    nominal_ma: float | None = None
    max_v: float | None = None
    expected_v: float | None = None
    earth_v: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One alarm of this station. `point` is what is watched; None where a part of the program says it (Signal)."""

    key: AlarmKey
    type: AlarmType
    severity: Severity
    condition: Condition
    point: PointId | None = None


@dataclass(frozen=True, slots=True)
class Custom:
    """An alarm of the station's own file, [[alarm]]. Delays are taken as they are, also where they are 0."""

    type: str
    point: PointId
    test: Test
    on_delay_s: float
    off_delay_s: float
    severity: Severity
    burst: Burst | None = None


def entry_test(below: float | None, above: float | None, equals: Value | None, deadband: float) -> Test:
    """Return the test of an entry of the file, of which exactly one of the first three is given."""
    if below is not None:
        return Below(below, deadband)
    if above is not None:
        return Above(above, deadband)
    if equals is None:
        raise ValueError("none of below, above and equals is given")
    return Equals(equals)


@dataclass(frozen=True, slots=True)
class Suppression:
    """A link of the station's own file, between types: while `cause` is active it explains `effect` within `reach`."""

    cause: str
    effect: str
    reach: Reach = Reach.STATION
    hold_back_s: float = HOLD_BACK_S
    hold_off_s: float = HOLD_OFF_S
    within_s: float = WITHIN_S


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the desk has to know. `silent` names the alarm of a unit that gives no news of a point.

    `periods` are those of the points that are watched; `groups` are alarms that hold while all their members do.
    """

    rules: Mapping[AlarmKey, Rule]
    links: tuple[Link, ...] = ()
    silent: Mapping[PointId, AlarmKey] = field(default_factory=dict)
    periods: Mapping[PointId, float] = field(default_factory=dict)
    groups: Mapping[AlarmKey, tuple[AlarmKey, ...]] = field(default_factory=dict)
    taps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """The station as far as alarms depend on it."""

    units: tuple[Unit, ...]
    buses: tuple[str, ...] = ()
    repeatered: bool = False


def rule(key: AlarmKey, test: Test | None = None, point: PointId | None = None, *, after_good: bool = False) -> Rule:
    """Return a rule with the defaults of its type; without a test its condition is what a Signal says."""
    kind = type_of(key.type)
    safety = kind.safety and point is not None
    condition = Condition(test or Equals(True), kind.delays.on_s, kind.delays.off_s, safety=safety, after_good=after_good)
    return Rule(key, kind, kind.severity, condition, point)


def custom_rule(custom: Custom, usual: Mapping[tuple[str, PointId], AlarmKey]) -> Rule:
    """Return the rule of an entry of the file. `usual` holds the keys of the built-in rules, which it replaces."""
    kind = type_of(custom.type)
    key = usual.get((custom.type, custom.point)) or AlarmKey(custom.point.device, custom.type, custom.point.point)
    condition = Condition(custom.test, custom.on_delay_s, custom.off_delay_s, custom.burst, safety=kind.safety)
    return Rule(key, kind, custom.severity, condition, custom.point)


def links_of(rules: Mapping[AlarmKey, Rule], facts: Facts, own: Iterable[Suppression] = ()) -> tuple[Link, ...]:
    """Return the links between the alarms of a station: those of the catalogue, and those of its file.

    Nothing that protects people is ever an effect, and nothing is folded under what is less severe than itself, but for what
    people bring about on purpose.
    """
    places = _Places(rules, facts)
    links: dict[tuple[AlarmKey, AlarmKey], Link] = {}
    for each in rules.values():
        for cause in each.type.suppressed_by:
            for found in places.causes(each.key, cause.type, cause.reach):
                over = cause.lasting or cause.intended
                links[found, each.key] = Link(
                    found, each.key, places.hold_back_s(found), within_s=_within_s(cause), takes_over=over, intended=cause.intended,
                    follows=cause.reach is Reach.RETURN,
                )  # fmt: skip
    for added in own:
        for effect in places.of_type(added.effect):
            for found in places.causes(effect, added.cause, added.reach):
                wait = max(added.hold_back_s, places.hold_back_s(found))
                links[found, effect] = Link(found, effect, wait, added.hold_off_s, added.within_s)
    return tuple(link for link in links.values() if _may_fold(link, rules[link.cause], rules[link.effect]))


def _within_s(cause: Cause) -> float:
    """Return how long after a cause its effects may begin."""
    if cause.reach is Reach.RETURN:
        return SHUT_OFF_S
    if cause.reach in LIT_BY_LINE:
        return WITHIN_S
    return WITH_IT_S if cause.reach is Reach.SAME and not cause.lasting else inf


def mistakes(links: Iterable[Link], rules: Mapping[AlarmKey, Rule], own: Iterable[Suppression] = ()) -> tuple[str, ...]:
    """Return a sentence for everything that is wrong with the links of a station's file; empty when nothing is."""
    found = [f"causes go round in a circle: {' -> '.join(map(str, cycle))}" for cycle in cycles(links)]
    for each in own:
        effects = [held for held in rules.values() if held.type.id == each.effect]
        if any(held.type.safety for held in effects):
            found.append(f"{each.effect} protects people and is never hidden by {each.cause}")
        worse = max((held.severity.rank for held in effects), default=-1)
        if any(held.type.id == each.cause and held.severity.rank < worse for held in rules.values()):
            found.append(f"{each.effect} is worse than {each.cause} and is not hidden by it")
    return tuple(found)


def _may_fold(link: Link, cause: Rule, effect: Rule) -> bool:
    return not effect.type.safety and (link.intended or cause.severity.rank >= effect.severity.rank)


class _Places:
    """Where the alarms of a station stand, to find the causes within reach of an effect."""

    def __init__(self, rules: Mapping[AlarmKey, Rule], facts: Facts) -> None:
        self._rules = rules
        self._facts = facts
        self._units = {unit.name: unit for unit in facts.units}
        self._by_type: dict[str, list[AlarmKey]] = {}
        for key in rules:
            self._by_type.setdefault(key.type, []).append(key)

    def of_type(self, name: str) -> list[AlarmKey]:
        """Return the alarms of a type."""
        return self._by_type.get(name, [])

    def causes(self, effect: AlarmKey, name: str, reach: Reach) -> list[AlarmKey]:
        """Return the alarms of a type that are within reach of an effect; never the effect itself."""
        return [key for key in self.of_type(name) if key != effect and self._reaches(key, effect, reach)]

    def hold_back_s(self, cause: AlarmKey) -> float:
        """Return how long after its effects a cause can be found: its period, its own delay and one retry."""
        held = self._rules[cause]
        unit = self._units.get(held.point.device) if held.point else None
        if unit is None or held.point is None:
            return HOLD_BACK_S
        return max(HOLD_BACK_S, unit.points.get(held.point.point, 1.0) + held.condition.on_delay_s + RETRY_S)

    def _reaches(self, cause: AlarmKey, effect: AlarmKey, reach: Reach) -> bool:
        there, here = self._units.get(cause.resource), self._units.get(effect.resource)
        lit_by_line = here is None or here.receives
        match reach:
            case Reach.SAME:
                return cause.resource == effect.resource
            case Reach.BUS:
                return here is not None and cause.resource == here.bus
            case Reach.PAIR:
                return here is not None and there is not None and lit_by_line and there.receives and _same_pair(here, there)
            case Reach.RETURN:
                sends = here is not None and not here.receives
                return sends and here is not None and there is not None and there.receives and _same_pair(here, there)
            case Reach.FEED:
                return self._facts.repeatered and lit_by_line and there is not None and there.kind == "pfe"
            case Reach.LINE:
                return lit_by_line and cause.resource == LINE
            case Reach.SAMPLER:
                return here is not None and here.kind == "tap"
            case Reach.STATION:
                return True


def _same_pair(one: Unit, other: Unit) -> bool:
    return one.fibre_pair is not None and one.fibre_pair == other.fibre_pair
