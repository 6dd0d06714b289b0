"""A journal that opens late: what people had done before the restart is taken up, and what this run has seen is not undone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.alarm.condition import Condition, Equals
from stationd.core.alarm.words import Acknowledge, Shelve, TakeOutOfService, Target
from stationd.core.model import PointId
from tests.core.alarm.plans import Desk, plan_of, records, rule

POINT = PointId("amp", "fault")
FAULT = rule("FAULT", condition=Condition(Equals(True)), point=POINT)
LATCHED = rule("LATCHED", latching=True)
PLAN = plan_of(FAULT, LATCHED)
REASON = "sensor wet, WO 4720"


def before(*, acked: bool, gone: bool, latched: bool = False) -> Desk:
    """Return a desk of the run before, with one alarm that came three times."""
    desk = Desk(PLAN)
    key = LATCHED.key if latched else FAULT.key
    for active in (True, False, True, False, True):
        desk.say(key, active) if latched else desk.read(POINT, active)
        desk.wait(5.0)
    if acked:
        desk.order(Acknowledge((Target(key),), "bekov", "seen"))
    if gone:
        desk.say(key, False) if latched else desk.read(POINT, False)
        desk.wait(5.0)
    return desk


def late(old: Desk, new: Desk) -> None:
    new.effects += new.alarms.recall(old.alarms.snapshot(old.t), new.t, 10.0)


@pytest.mark.parametrize(
    ("acked", "gone", "now", "expected"),
    [
        (True, False, True, "C"),  # stood, seen, still there
        (False, False, True, "B"),
        (False, False, False, "D"),  # stood, went while nobody looked
        (True, False, False, "A"),
        (False, True, False, "D"),
        (False, True, True, "B"),
        (True, True, False, "A"),
        (True, True, True, "B"),  # a new coming is for nobody acknowledged
        (True, False, None, "C"),  # nothing is known yet: it stands as it was
        (False, False, None, "B"),
    ],
)
def test_an_alarm_goes_on_from_where_it_was_as_far_as_this_run_does_not_know_better(
    acked: bool, gone: bool, now: bool | None, expected: str
) -> None:
    new = Desk(PLAN, 5000.0)
    if now is not None:
        new.read(POINT, now)
        new.wait(2.0)
    late(before(acked=acked, gone=gone), new)
    assert new.letter(FAULT.key) == expected


@pytest.mark.parametrize(("acked", "expected"), [(True, "F"), (False, "E")])
def test_a_latched_alarm_that_was_gone_is_not_forgotten(acked: bool, expected: str) -> None:
    new = Desk(PLAN, 5000.0)
    late(before(acked=acked, gone=True, latched=True), new)
    assert new.letter(LATCHED.key) == expected


def test_what_stood_and_is_unknown_clears_with_the_next_reading() -> None:
    new = Desk(PLAN, 5000.0)
    late(before(acked=False, gone=False), new)
    new.read(POINT, False)
    new.wait(5.0)
    assert new.letter(FAULT.key) == "D"


def test_a_shelf_lasts_for_what_is_left_of_it_and_an_outage_stays() -> None:
    old = before(acked=False, gone=False)
    old.order(Shelve(FAULT.key, 600.0, "bekov", REASON))
    old.order(TakeOutOfService(LATCHED.key, 3600.0, "bekov", "ismailov", REASON))
    new = Desk(PLAN, 5000.0)
    new.read(POINT, True)
    new.wait(2.0)
    late(old, new)
    assert (new.letter(FAULT.key), new.letter(LATCHED.key)) == ("G", "I")
    new.wait(580.0)
    assert new.letter(FAULT.key) == "G"
    new.wait(20.0)
    assert new.letter(FAULT.key) == "B"


def test_what_a_person_ordered_in_this_run_stays() -> None:
    old = before(acked=False, gone=False)
    old.order(Shelve(FAULT.key, 600.0, "bekov", REASON))
    new = Desk(PLAN, 5000.0)
    new.read(POINT, True)
    new.wait(2.0)
    new.order(Acknowledge((Target(FAULT.key),), "ismailov", "on it"))
    late(old, new)
    assert new.letter(FAULT.key) == "C"
    assert new.alarms.view(FAULT.key).seen.who == "ismailov"  # type: ignore[union-attr]


def test_the_number_of_an_occurrence_never_goes_back() -> None:
    new = Desk(PLAN, 5000.0)
    new.read(POINT, True)
    new.wait(2.0)
    late(before(acked=True, gone=False), new)
    assert new.alarms.view(FAULT.key).occurrence == 3  # type: ignore[union-attr]


@given(st.booleans(), st.booleans(), st.sampled_from([True, False, None]))
def test_the_letters_of_the_records_follow_from_each_other(acked: bool, gone: bool, now: bool | None) -> None:
    new = Desk(PLAN, 5000.0)
    if now is not None:
        new.read(POINT, now)
        new.wait(2.0)
    late(before(acked=acked, gone=gone), new)
    letter = "A"
    for each in records(new.effects):
        assert each.before.value == letter
        letter = each.after.value
    assert letter == new.letter(FAULT.key)
