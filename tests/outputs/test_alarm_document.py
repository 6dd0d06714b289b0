"""Which alarms have a document at the broker: all that stand, until somebody is done with them."""

from __future__ import annotations

import json

from stationd.core.alarm.condition import Above, Below, Condition, Equals, Outside, Test
from stationd.core.alarm.words import Acknowledge, Reset, Target
from stationd.core.model import PointId
from stationd.outputs.alarm_document import CLEARED, AlarmDocuments, limits_of, topic_of
from stationd.outputs.clock import Clock
from stationd.outputs.document import Limits
from tests.core.alarm.plans import Desk, plan_of, rule
from tests.outputs.plant import LIVE, board

LATCHED, PLAIN = rule("LATCHED", latching=True), rule("PLAIN")
CLOCK = Clock(1.8e9, 100.0)


def letters(desk: Desk, documents: AlarmDocuments) -> dict[str, str]:
    """Return the letters of the documents that are there."""
    return {topic: json.loads(documents.payload(topic, CLOCK))["letter"] for topic in documents.topics()}


def test_a_latched_alarm_has_a_document_until_it_is_reset_although_it_has_gone_and_somebody_has_seen_it() -> None:
    desk = Desk(plan_of(LATCHED, PLAIN))
    documents = AlarmDocuments(LIVE, board(), desk.alarms)
    topic = topic_of(LATCHED.key)
    for active, order, letter in (
        (True, None, "B"),
        (False, None, "E"),
        (False, Acknowledge((Target(LATCHED.key),), "anna"), "F"),
    ):
        desk.say(LATCHED.key, active)
        if order is not None:
            desk.order(order)
        assert letters(desk, documents) == {topic: letter}
    desk.order(Reset(LATCHED.key, "anna", "relay replaced"))
    assert letters(desk, documents) == {}
    assert documents.payload(topic, CLOCK) == CLEARED


def test_an_alarm_that_has_gone_has_a_document_until_somebody_has_seen_it() -> None:
    desk = Desk(plan_of(LATCHED, PLAIN))
    documents = AlarmDocuments(LIVE, board(), desk.alarms)
    desk.say(PLAIN.key, active=True)
    desk.say(PLAIN.key, active=False)
    assert letters(desk, documents) == {topic_of(PLAIN.key): "D"}
    desk.order(Acknowledge((Target(PLAIN.key),), "anna"))
    assert letters(desk, documents) == {}


def limited(*tests: Test) -> dict[PointId, Limits]:
    """Return the limits of one point that these tests watch."""
    point = PointId("oa-3", "input_power")
    rules = [rule(f"T{number}", condition=Condition(test), point=point) for number, test in enumerate(tests)]
    return dict(limits_of(plan_of(*rules)))


def test_of_several_limits_on_one_side_of_a_point_the_one_that_is_passed_first_is_told() -> None:
    point = PointId("oa-3", "input_power")
    assert limited(Below(-24.0), Below(-30.0), Above(-10.0)) == {point: Limits(-24.0, -10.0)}
    assert limited(Outside(-20.0, -5.0), Above(-8.0)) == {point: Limits(-20.0, -8.0)}
    assert limited(Below(-24.0)) == {point: Limits(-24.0, None)}
    assert limited(Equals(True)) == {}
