"""A restart changes nothing that people see, whatever the clocks do; damage is found, not believed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.alarm.condition import Above, Burst, Condition
from stationd.core.alarm.inhibit import Link
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.memory import Row, Snapshot, as_plain, row_of
from stationd.core.alarm.plan import Plan
from stationd.core.alarm.type import Severity
from stationd.core.alarm.words import Acknowledge, Shelve, TakeOutOfService, Target
from stationd.core.model import PointId
from tests.core.alarm.plans import Desk, plan_of, records, rule

POINT = PointId("amp", "case_temperature")
HOT = rule("HOT", Severity.MINOR, condition=Condition(Above(60.0, 2.0), 60.0, 300.0, Burst(3, 100.0)), point=POINT)
CAUSE, EFFECT = rule("CAUSE", Severity.MAJOR), rule("EFFECT", Severity.MAJOR)
PLAN = plan_of(HOT, CAUSE, EFFECT, links=(Link(CAUSE.key, EFFECT.key, 1.5, 60.0),))
REASON = "sensor wet, WO 4720"


def through_json(kept: Snapshot) -> Snapshot:
    rows = tuple(row_of(json.loads(json.dumps(as_plain(row)))) for row in kept.rows)
    return replace(kept, rows=rows, counts=json.loads(json.dumps(kept.counts)))


def restart(desk: Desk, *, clock: float, elapsed_s: float, utc: float | None = None, plan: Plan = PLAN) -> Desk:
    again = Desk(plan, clock)
    again.effects += again.alarms.restore(through_json(desk.alarms.snapshot(desk.t)), clock, elapsed_s, utc)
    return again


@pytest.mark.parametrize("clock", [0.0, 12.5, 1e7])
def test_a_delay_goes_on_after_a_restart_from_where_it_stood(clock: float) -> None:
    desk = Desk(PLAN)
    desk.read(POINT, 70.0)
    desk.wait(45.0)
    again = restart(desk, clock=clock, elapsed_s=3600.0)
    assert again.letter(HOT.key) == "A"
    again.wait(5.0)  # nothing is known before the first reading
    again.read(POINT, 70.0)
    again.wait(14.9)
    assert again.letter(HOT.key) == "A"
    again.wait(0.1)
    assert again.letter(HOT.key) == "B"
    (record,) = records(again.effects)
    assert record.onset == pytest.approx(clock - 3600.0 - 45.0)


def test_a_delay_that_is_not_confirmed_after_the_restart_ends_in_nothing() -> None:
    desk = Desk(PLAN)
    desk.read(POINT, 70.0)
    desk.wait(59.0)
    again = restart(desk, clock=0.0, elapsed_s=10.0)
    again.read(POINT, 20.0)
    again.wait(1000.0)
    assert again.letter(HOT.key) == "A"


def test_passes_of_a_limit_are_counted_across_a_restart() -> None:
    desk = Desk(PLAN)
    for _ in range(2):
        desk.read(POINT, 70.0)
        desk.wait(1.0)
        desk.read(POINT, 20.0)
        desk.wait(1.0)
    again = restart(desk, clock=0.0, elapsed_s=30.0)
    again.read(POINT, 70.0)
    assert again.letter(HOT.key) == "B"


def test_nobody_is_told_again_of_what_was_known_and_a_pending_message_is_still_sent() -> None:
    desk = Desk(PLAN)
    desk.say(CAUSE.key, active=True)
    again = restart(desk, clock=0.0, elapsed_s=100.0)
    again.say(CAUSE.key, active=True)
    again.wait(100.0)
    assert again.told() == []
    desk = Desk(PLAN)
    desk.say(EFFECT.key, active=True)
    desk.wait(0.5)
    again = restart(desk, clock=0.0, elapsed_s=100.0)
    again.wait(0.9)
    assert again.told() == []
    again.wait(0.1)
    assert [told.key for told in again.told()] == [EFFECT.key]


def test_an_acknowledgement_survives_with_its_writer() -> None:
    desk = Desk(PLAN)
    desk.say(CAUSE.key, active=True)
    desk.order(Acknowledge((Target(CAUSE.key, 1),), "anna", "NOC 88123"))
    again = restart(desk, clock=0.0, elapsed_s=10.0)
    view = again.alarms.view(CAUSE.key)
    assert view is not None
    assert view.seen is not None
    assert (view.letter, view.seen.who, view.seen.note) == (Letter.ACKNOWLEDGED, "anna", "NOC 88123")


def test_the_hold_off_of_a_cause_counts_the_time_in_between() -> None:
    desk = Desk(PLAN)
    desk.say(CAUSE.key, active=True)
    desk.say(EFFECT.key, active=True)
    desk.say(CAUSE.key, active=False)
    desk.wait(20.0)
    again = restart(desk, clock=0.0, elapsed_s=30.0)
    assert again.letter(EFFECT.key) == "H"
    again.wait(9.9)
    assert again.letter(EFFECT.key) == "H"
    again.wait(0.1)
    assert again.letter(EFFECT.key) == "B"


SHELF_S, BEFORE_S = 3600.0, 600.0


@pytest.mark.parametrize(
    ("elapsed_s", "utc_passed_s", "left_s"),
    [
        (0.0, None, 3000.0),  # nothing is known of the time between: what was left is left
        (1000.0, None, 2000.0),
        (0.0, 1600.0, 2000.0),  # only the wall clock knows
        (1000.0, 1600.0, 2000.0),
        (0.0, -3.2e8, 3000.0),  # a wall clock that went back by ten years keeps nothing hidden for longer
        (0.0, 3.2e8, 0.0),  # one that went ahead shows the alarm at once
        (-500.0, None, 3000.0),
        (1e6, None, 0.0),
    ],
)
def test_a_shelf_ends_when_it_was_to_end_and_a_wrong_clock_can_only_end_it_early(
    elapsed_s: float, utc_passed_s: float | None, left_s: float
) -> None:
    desk, began = Desk(PLAN), 1.7e9
    desk.say(CAUSE.key, active=True)
    desk.order(Shelve(CAUSE.key, SHELF_S, "anna", REASON, utc=began))
    desk.wait(BEFORE_S)
    utc = None if utc_passed_s is None else began + utc_passed_s
    again = restart(desk, clock=5.0, elapsed_s=elapsed_s, utc=utc)
    assert again.letter(CAUSE.key) == "G"
    if left_s:
        again.wait(left_s - 0.01)
        assert again.letter(CAUSE.key) == "G"
    again.wait(0.02)
    assert again.letter(CAUSE.key) == "B"


def test_a_review_date_survives() -> None:
    desk = Desk(PLAN)
    desk.order(TakeOutOfService(CAUSE.key, 86_400.0, "anna", "boris", REASON))
    again = restart(desk, clock=0.0, elapsed_s=86_000.0)
    view = again.alarms.view(CAUSE.key)
    assert view is not None
    assert view.outage is not None
    assert view.outage.review_t == pytest.approx(400.0)
    assert "review date" in records(again.wait(401.0))[0].note


def test_records_are_numbered_on_and_counts_are_not_set_back() -> None:
    desk = Desk(PLAN)
    for _ in range(6):
        desk.say(CAUSE.key, active=True)
        desk.say(CAUSE.key, active=False)
    again = restart(desk, clock=0.0, elapsed_s=60.0)
    again.say(CAUSE.key, active=True)
    assert records(again.effects)[0].number == records(desk.effects)[-1].number + 1
    assert again.alarms.figures(0.0).annunciations == 7
    assert again.alarms.figures(0.0).rate_10min == 7
    assert again.alarms.figures(545.0).rate_10min == 1


def test_only_what_changed_is_written_and_all_of_it_after_a_restart() -> None:
    desk = Desk(PLAN)
    desk.alarms.changed_rows(desk.t)
    desk.say(CAUSE.key, active=True)
    assert [row.key for row in desk.alarms.changed_rows(desk.t).rows] == [str(CAUSE.key)]
    assert desk.alarms.changed_rows(desk.t).rows == ()
    desk.read(POINT, 70.0)  # a delay that has begun must be known too
    assert [row.key for row in desk.alarms.changed_rows(desk.t).rows] == [str(HOT.key)]
    again = restart(desk, clock=0.0, elapsed_s=1.0)
    assert len(again.alarms.changed_rows(again.t).rows) == len(PLAN.rules)


def test_rows_that_were_written_one_by_one_restore_the_same_as_a_whole_snapshot() -> None:
    desk, rows = Desk(PLAN), dict[str, Row]()
    for action in range(12):
        desk.say((CAUSE, EFFECT)[action % 2].key, active=action % 3 > 0)
        desk.wait(0.7)
        kept = desk.alarms.changed_rows(desk.t)
        rows |= {row.key: row for row in kept.rows}
    whole = {row.key: row for row in desk.alarms.snapshot(desk.t).rows}
    assert rows == {key: whole[key] for key in rows}


def test_an_alarm_that_the_configuration_has_no_more_is_said_to_be_gone() -> None:
    desk = Desk(PLAN)
    desk.say(CAUSE.key, active=True)
    desk.say(EFFECT.key, active=True)
    again = restart(desk, clock=0.0, elapsed_s=1.0, plan=plan_of(HOT, EFFECT))
    gone, shown = records(again.effects)
    assert (gone.key, gone.before, gone.after) == (CAUSE.key, Letter.NEW, Letter.NORMAL)
    assert (shown.key, shown.before, shown.after) == (EFFECT.key, Letter.SUPPRESSED, Letter.NEW)
    assert [told.key for told in again.told()] == [EFFECT.key]


def test_a_shelf_that_a_new_configuration_does_not_allow_ends() -> None:
    desk = Desk(PLAN)
    desk.say(EFFECT.key, active=True)
    desk.order(Shelve(EFFECT.key, 3600.0, "anna", REASON))
    again = restart(desk, clock=0.0, elapsed_s=1.0, plan=plan_of(HOT, CAUSE, rule("EFFECT", Severity.CRITICAL)))
    assert again.letter(EFFECT.key) == "B"


def test_a_latch_of_a_type_that_latches_no_more_is_let_go() -> None:
    before, after = plan_of(rule("X", latching=True)), plan_of(rule("X"))
    (key,) = before.rules
    desk = Desk(before)
    desk.say(key, active=True)
    desk.say(key, active=False)
    assert desk.letter(key) == "E"
    assert restart(desk, clock=0.0, elapsed_s=1.0, plan=after).letter(key) == "D"


GOOD_ROW = as_plain(Row("x/CAUSE"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "x"), ("key", None), ("flags", "a"), ("flags", "zc----"), ("severity", "bad"), ("worst", 3), ("occurrence", "1"),
        ("occurrence", True), ("onset", "now"), ("onset", float("nan")),
        ("since", float("inf")), ("proven", 1), ("side", "left"), ("passes", "1.0 x"), ("passes", "nan"),
        ("shelf_t", "soon"), ("causes", 5), ("value", [1]),
    ],
)  # fmt: skip
def test_a_damaged_row_is_refused_with_the_field_that_cannot_be_right(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"not|key"):
        row_of({**GOOD_ROW, field: value})


def test_a_row_of_another_version_is_read_as_far_as_it_is_known() -> None:
    newer = row_of({**GOOD_ROW, "colour": "blue", "quality": "doubtful why-not"})
    assert newer.key == "x/CAUSE"
    older = row_of({"key": "x/CAUSE", "flags": "a-----"})
    assert older.occurrence == 0
    desk = Desk(PLAN)
    desk.alarms.restore(Snapshot(5.0, 7, (newer, older), {}), desk.t)
    assert desk.letter(CAUSE.key) == "B"


@given(st.dictionaries(st.sampled_from(list(GOOD_ROW)), st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)))
@settings(deadline=None)
def test_no_row_however_damaged_stops_the_program(damage: dict[str, object]) -> None:
    try:
        row = row_of({**GOOD_ROW, **damage})
    except ValueError:
        return
    desk = Desk(PLAN)
    desk.alarms.restore(Snapshot(5.0, 7, (row,), {}), desk.t)
    assert desk.letter(CAUSE.key) in "ABCDEFGHI"


def damaged_counts(damage: dict[str, object]) -> Desk:
    desk = Desk(PLAN)
    for _ in range(3):
        desk.say(CAUSE.key, active=True)
        desk.wait(20.0)
        desk.order(Acknowledge((Target(CAUSE.key),), "anna"))
        desk.say(CAUSE.key, active=False)
    kept = through_json(desk.alarms.snapshot(desk.t))
    again = Desk(PLAN, 5.0)
    again.alarms.restore(replace(kept, counts={**kept.counts, **damage}), 5.0, 10.0)
    return again


@pytest.mark.parametrize(
    "damage",
    [
        {"started": "then"}, {"started": 1e308}, {"flood_since": 1e308}, {"flood_since": -1e9}, {"flood_since": float("nan")},
        {"flood_since": [1]}, {"floods": "x"}, {"floods": -1}, {"floods": True}, {"flood_s": "x"}, {"flood_s": float("inf")},
        {"flood_periods": 1e308}, {"flood_periods": 10**400}, {"last_flood_period": "x"}, {"last_flood_period": 10**12},
        {"by_type": {"CAUSE": "x"}}, {"by_type": [1]}, {"by_type": {"CAUSE": -5}}, {"by_severity": {"dreadful": 1}},
        {"by_severity": {"major": None}}, {"ack_counts": ["x"] * 12}, {"ack_counts": [1]}, {"ack_counts": "x"},
        {"ack_total_s": "x"}, {"recent": [[1]]}, {"recent": [[1, "x"]]}, {"recent": [[1e300, 1]]}, {"recent": {"a": 1}},
        {"recent": [[3.0, 1], [2.0, 1]]}, {"recent": 7},
    ],
)  # fmt: skip
def test_a_count_that_cannot_be_right_begins_anew_and_leaves_the_others_and_the_alarms_alone(damage: dict[str, object]) -> None:
    whole, again = damaged_counts({}), damaged_counts(damage)
    assert whole.alarms.figures(5.0).annunciations == 3
    assert whole.alarms.figures(5.0).ack_s.counts[-1] == 3
    if "by_type" not in damage:
        assert again.alarms.figures(5.0).annunciations == 3
    assert again.letter(CAUSE.key) == "A"
    again.say(CAUSE.key, active=True)
    again.wait(1200.0)
    figures = again.alarms.figures(again.t)
    assert figures.rate_10min == 0
    assert 0 <= figures.flood_s < 1e6
    assert 0 <= figures.flood_periods <= figures.periods
    assert figures.annunciations in (1, 4)
    assert figures.annunciations_by_severity.get(Severity.MAJOR, 0) in (1, 4)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(st.dictionaries(st.sampled_from(list(Desk(PLAN).alarms.snapshot(0.0).counts)), anything) | anything)
@settings(deadline=None)
def test_no_counts_however_damaged_stop_the_program_or_spoil_a_figure(counts: object) -> None:
    desk = Desk(PLAN)
    desk.alarms.restore(Snapshot(5.0, 7, (), counts), desk.t)  # type: ignore[arg-type]
    desk.say(CAUSE.key, active=True)
    desk.wait(10.0)
    figures = desk.alarms.figures(desk.t)
    assert figures.annunciations >= 1
    assert figures.mean_10min >= 0
    assert json.dumps(dict(desk.alarms.snapshot(desk.t).counts), allow_nan=False)


def test_no_damaged_shelf_hides_an_alarm_for_longer_than_any_shelf_may() -> None:
    desk = Desk(PLAN)
    desk.say(EFFECT.key, active=True)
    desk.order(Shelve(EFFECT.key, 60.0, "anna", REASON))
    kept = desk.alarms.snapshot(desk.t)
    rows = tuple(replace(row, shelf_t=1e300 if row.shelf_t is not None else None) for row in kept.rows)
    again = Desk(PLAN, 0.0)
    again.alarms.restore(replace(kept, rows=rows), 0.0, 1.0)
    again.wait(2 * 3600.0 - 1.0)
    assert again.letter(EFFECT.key) == "G"
    again.wait(1.0)
    assert again.letter(EFFECT.key) == "B"


def test_nothing_that_has_happened_lies_in_the_future_whatever_the_row_says() -> None:
    desk = Desk(PLAN)
    row = Row(str(CAUSE.key), "a-----", onset=1e300, changed_t=1e300, told_t=1e300, occurrence=1, count=1)
    desk.alarms.restore(Snapshot(5.0, 7, (row,), {}), desk.t)
    view = desk.alarms.view(CAUSE.key)
    assert view is not None
    assert (view.onset, view.changed_t) == (desk.t, desk.t)


def test_an_alarm_out_of_service_of_which_nobody_knows_by_whom_is_shown_again() -> None:
    desk = Desk(PLAN)
    desk.alarms.restore(Snapshot(5.0, 7, (Row(str(CAUSE.key), "a----o", occurrence=1, count=1),), {}), desk.t)
    assert desk.letter(CAUSE.key) == "B"


def test_an_alarm_is_folded_no_longer_under_a_cause_whose_link_to_it_the_configuration_has_taken_away() -> None:
    other = rule("OTHER", Severity.MAJOR)
    link = Link(CAUSE.key, EFFECT.key, 1.5, 60.0)
    desk = Desk(plan_of(CAUSE, EFFECT, other, links=(link, Link(CAUSE.key, other.key, 1.5, 60.0))))
    for each in (CAUSE, EFFECT, other):
        desk.say(each.key, active=True)
    again = restart(desk, clock=0.0, elapsed_s=5.0, plan=plan_of(CAUSE, EFFECT, other, links=(link,)))
    assert (again.letter(EFFECT.key), again.letter(other.key)) == ("H", "B")
    assert [told.key for told in again.told()] == [other.key]


def test_an_alarm_that_has_become_one_that_protects_people_is_folded_under_nothing() -> None:
    other = rule("OTHER", Severity.MAJOR)
    links = (Link(CAUSE.key, EFFECT.key), Link(CAUSE.key, other.key))
    desk = Desk(plan_of(CAUSE, EFFECT, other, links=links))
    for each in (CAUSE, EFFECT, other):
        desk.say(each.key, active=True)
    door = rule("EFFECT", Severity.CRITICAL, condition=Condition(Above(60.0), safety=True), point=POINT)
    again = restart(desk, clock=0.0, elapsed_s=5.0, plan=plan_of(CAUSE, door, other, links=links[1:]))
    assert (again.letter(EFFECT.key), again.letter(other.key)) == ("B", "H")
