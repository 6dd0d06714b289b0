"""Rows of the memory, one by one: what cannot be one is refused with its field, and what the plan of today does not know is let go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stationd.core.alarm.inhibit import Link
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.memory import Row, Snapshot, row_of
from stationd.core.alarm.plan import Plan
from stationd.core.alarm.words import Acknowledge, Target
from tests.core.alarm.plans import Desk, plan_of, records, rule

FIRST, SECOND, EFFECT = rule("FIRST"), rule("SECOND"), rule("EFFECT")
BOTH = (Link(FIRST.key, EFFECT.key, 1.5, 60.0), Link(SECOND.key, EFFECT.key, 1.5, 60.0))
PLAN = plan_of(FIRST, SECOND, EFFECT, links=BOTH)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "without a key"),
        ({"key": "EFFECT"}, "key = 'EFFECT'"),
        ({"key": 7}, "key = 7"),
        ({"occurrence": -1}, "less than 0"),
        ({"count": -1}, "less than 0"),
        ({"spent_s": -0.5}, "less than 0"),
        ({"occurrence": True}, "occurrence = True"),
        ({"onset": float("inf")}, "onset = inf"),
        ({"onset": None}, "onset = None"),
        ({"value": [1]}, "value = "),
        ({"passes": "1.0 two"}, "are not times"),
        ({"passes": "1.0 inf"}, "are not times"),
        ({"flags": "-c---"}, "flags = "),
        ({"flags": "xc----"}, "flags = "),
        ({"severity": "bad"}, "bad"),
        ({"worst": "worse"}, "worse"),
        ({"side": "left"}, "left"),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_one_is_refused_and_its_field_is_named(wrong: dict[str, Any], said: str) -> None:
    plain = {} if not wrong else {"key": "x/EFFECT", **wrong}
    with pytest.raises(ValueError, match=said):
        row_of(plain)


def restored(plan: Plan, *rows: Row) -> Desk:
    desk = Desk(plan)
    desk.effects += desk.alarms.restore(Snapshot(90.0, 7, rows, {}), desk.t, 10.0)
    return desk


def test_a_quality_of_a_newer_version_costs_the_quality_and_not_the_alarm() -> None:
    for words, known in (("good ", True), ("splendid ", False), ("good newly-invented", False), ("", False)):
        desk = restored(PLAN, Row(str(EFFECT.key), "a-----", occurrence=1, value=5.0, quality=words))
        view = desk.alarms.view(EFFECT.key)
        assert view is not None
        assert (view.letter, view.value, view.quality is not None) == (Letter.NEW, 5.0, known)


def test_of_an_alarm_that_the_plan_does_not_have_any_more_only_one_that_stood_is_recorded_as_gone() -> None:
    for flags, recorded in (("-c----", []), ("a-----", ["x/OLD"]), ("acl---", ["x/OLD"])):
        desk = restored(PLAN, Row("x/OLD", flags, occurrence=1))
        assert [str(each.key) for each in records(desk.effects)] == recorded


def test_an_effect_of_two_causes_stays_folded_when_the_plan_has_only_one_of_them_left() -> None:
    desk = Desk(PLAN)
    for each in (FIRST, SECOND, EFFECT):
        desk.say(each.key, True)
    assert desk.letter(EFFECT.key) == "H"
    kept = desk.alarms.snapshot(desk.t)
    for links, expected in ((BOTH, "H"), (BOTH[:1], "H"), (BOTH[1:], "H"), ((), "B")):
        again = Desk(plan_of(FIRST, SECOND, EFFECT, links=links), 500.0)
        again.alarms.restore(kept, 500.0, 10.0)
        view = again.alarms.view(EFFECT.key)
        assert view is not None
        assert (again.letter(EFFECT.key), len(view.causes)) == (expected, len(links))


def test_what_was_acknowledged_while_it_waited_for_its_cause_is_not_told_any_more() -> None:
    desk = Desk(PLAN)
    desk.say(EFFECT.key, True)
    desk.wait(0.5)
    desk.order(Acknowledge((Target(EFFECT.key),), "bekov", "seen"))
    desk.wait(10.0)
    assert desk.told() == []


def test_a_late_memory_leaves_alone_what_the_plan_does_not_have_and_acknowledges_nothing_that_is_hidden_now() -> None:
    desk = Desk(PLAN)
    desk.say(FIRST.key, True)
    desk.say(EFFECT.key, True)
    desk.wait(5.0)
    known = Row(str(EFFECT.key), "ac----", occurrence=1, count=1, seen_t=80.0, seen_who="bekov", seen_note="seen")
    desk.alarms.recall(Snapshot(90.0, 7, (known, replace(known, key="x/OLD"), replace(known, key="no key")), {}), desk.t, 10.0)
    view = desk.alarms.view(EFFECT.key)
    assert view is not None
    assert (view.letter, view.seen) == (Letter.SUPPRESSED, None)


def test_a_late_memory_that_does_not_say_who_acknowledged_acknowledges_nothing() -> None:
    desk = Desk(PLAN)
    desk.say(EFFECT.key, True)
    desk.wait(5.0)
    desk.alarms.recall(Snapshot(90.0, 7, (Row(str(EFFECT.key), "ac----", occurrence=1, count=1),), {}), desk.t, 10.0)
    assert desk.letter(EFFECT.key) == "B"


def test_a_row_that_waits_to_be_told_although_somebody_has_seen_it_is_told_to_nobody() -> None:
    for flags, told in (("a-----", [EFFECT.key]), ("ac----", [])):
        desk = restored(PLAN, Row(str(EFFECT.key), flags, occurrence=1, count=1, due_t=91.0))
        desk.wait(10.0)
        assert [each.key for each in desk.told()] == told
