"""When an incident opens, what belongs to it, and when it is over: without a disk and without a clock."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.verdict.words import Kind
from stationd.outputs.incidents.course import AT_ONCE, MOST_CHANGES, Course, Incident, Settings, incident_of
from stationd.outputs.incidents.saying import HELD_S
from stationd.outputs.journal import Moment

BEGIN = 1_795_000_000.0  # 2026-11-18T11:06:40Z
FAULTS = [kind for kind in Kind if kind not in (Kind.HEALTHY, Kind.CANNOT_TELL, Kind.OPERATION, Kind.SWITCHED_OFF)]


def at(t: float) -> Moment:
    return Moment(BEGIN + t, True, t)


def course(*open_ones: Incident, known: tuple[str, ...] = (), t: float = 0.0) -> Course:
    return Course(Settings(), frozenset(known), open_ones, at(t))


def tell(target: Course, kind: Kind, t: float, since: float | None = None, **more: object) -> bool:
    return target.heard({"kind": kind.value, "confidence": "high", **more}, t if since is None else since, at(t))


def around(km: float) -> dict[str, object]:
    return {"low_km": {"v": km - 2.0}, "high_km": {"v": km + 2.0}}


def record_all(target: Course, t: float) -> list[str]:
    due = target.due(t)
    for incident in due:
        target.recorded(incident.id)
    return [incident.id for incident in due]


def test_an_incident_has_the_utc_day_and_a_number_that_was_never_given_before() -> None:
    target = course(known=("F-2026-11-18-1", "F-2026-11-18-7", "F-2026-11-17-9"))
    assert tell(target, Kind.SHUNT, 1.0)
    assert list(target.incidents) == ["F-2026-11-18-8"]


def test_an_incident_opens_when_it_began_and_a_drift_that_began_long_ago_when_it_was_found() -> None:
    sudden, slow = course(), course()
    tell(sudden, Kind.SHUNT, 100.0, since=98.5)
    tell(slow, Kind.TERMINAL_PUMP, 90_000.0, since=0.0)
    assert [each.opened_utc_s for each in sudden.incidents.values()] == [BEGIN + 98.5]
    assert [each.opened_utc_s for each in slow.incidents.values()] == [BEGIN + 90_000.0]


def test_cannot_tell_opens_an_incident_only_after_something_was_healthy() -> None:
    target = course()
    assert not tell(target, Kind.CANNOT_TELL, 1.0)
    assert not tell(target, Kind.HEALTHY, 2.0)
    assert tell(target, Kind.CANNOT_TELL, 3.0)
    assert target.standing is not None
    assert target.standing.kind == "cannot-tell"


def test_the_record_is_due_when_the_window_is_over_and_on_the_disk() -> None:
    target = course()
    tell(target, Kind.CABLE_CUT, 5.0, since=4.0)
    assert target.deadline() == 4.0 + 615.0
    assert target.due(618.9) == []
    assert record_all(target, 619.0) == ["F-2026-11-18-1"]


def test_a_fault_after_a_healthy_verdict_is_an_incident_of_its_own_within_the_window_of_the_one_before() -> None:
    target = course()
    tell(target, Kind.SHUNT, 100.0, since=99.0)
    tell(target, Kind.HEALTHY, 130.0)
    tell(target, Kind.SHUNT, 150.0, since=149.0)
    first, second = target.incidents.values()
    assert (first.healthy_utc_s, first.ended_utc_s) == (BEGIN + 130.0, BEGIN + 149.0)
    assert (second.opened_utc_s, second.before) == (BEGIN + 149.0, first.id)
    assert record_all(target, 99.0 + 615.0) == [first.id]
    assert record_all(target, 149.0 + 615.0) == [second.id]


def test_another_kind_in_the_place_of_a_fault_that_stands_is_an_incident_as_soon_as_it_has_held() -> None:
    target = course()
    tell(target, Kind.FEED_TRIP_HERE, 0.0)
    tell(target, Kind.CABLE_CUT, 5.0, since=4.5)
    assert target.deadline() == 5.0 + HELD_S
    assert not target.settle(at(4.9 + HELD_S))
    assert target.settle(at(5.0 + HELD_S))
    first, second = target.incidents.values()
    assert [each["kind"] for each in first.changes] == ["feed-trip-here"]
    assert (second.kind, second.opened_utc_s, second.before) == ("cable-cut", BEGIN + 4.5, first.id)


@pytest.mark.parametrize(("before", "after"), [({"pairs": [3]}, {"pairs": [3, 5]}), ({"place": around(50.0)}, {"place": around(250.0)})])
def test_another_pair_and_another_place_are_another_incident(before: dict[str, object], after: dict[str, object]) -> None:
    target = course()
    tell(target, Kind.SHUNT, 0.0, **before)
    tell(target, Kind.SHUNT, 60.0, **after)
    target.settle(at(70.0))
    assert len(target.incidents) == 2
    tell(target, Kind.SHUNT, 80.0, **after)
    target.settle(at(90.0))
    assert len(target.incidents) == 2


def test_a_word_that_does_not_hold_while_the_line_comes_back_is_a_step_of_the_incident() -> None:
    target = course()
    tell(target, Kind.CABLE_CUT, 0.0, pairs=[1, 2])
    tell(target, Kind.CONNECTOR, 60.0, pairs=[2])
    tell(target, Kind.HEALTHY, 63.0)
    target.settle(at(80.0))
    (incident,) = target.incidents.values()
    assert [each["kind"] for each in incident.changes] == ["cable-cut", "connector-open", "healthy"]
    assert incident.healthy_utc_s == BEGIN + 63.0


def test_a_fault_that_flaps_and_a_cut_that_is_mended_pair_by_pair_stay_one_incident() -> None:
    target = course()
    tell(target, Kind.CABLE_CUT, 0.0, pairs=[1, 2, 3])
    tell(target, Kind.FIBRE_BREAK, 20.0, pairs=[2, 3])
    for t in range(40, 400, 10):
        tell(target, Kind.HEALTHY, t)
        tell(target, Kind.FIBRE_BREAK, t + 5.0, pairs=[3])
    target.settle(at(400.0))
    assert len(target.incidents) == 1


def test_a_better_word_for_a_guess_or_for_what_could_not_be_told_belongs_to_the_incident() -> None:
    guessed, untold = course(), course()
    tell(guessed, Kind.FEED_TRIP_FAR, 0.0, confidence="low")
    tell(guessed, Kind.SHUNT, 8.0)
    tell(untold, Kind.HEALTHY, 0.0)
    tell(untold, Kind.CANNOT_TELL, 10.0)
    tell(untold, Kind.SHUNT, 40.0)
    for target in (guessed, untold):
        target.settle(at(60.0))
        assert [each.kind for each in target.incidents.values()] == ["shunt"]


def test_an_incident_that_is_given_the_time_of_the_fault_before_it_opens_when_it_was_found() -> None:
    target = course()
    tell(target, Kind.SHUNT, 100.0, since=99.0)
    tell(target, Kind.HEALTHY, 120.0)
    tell(target, Kind.CABLE_CUT, 160.0, since=99.0)
    assert [each.opened_utc_s for each in target.incidents.values()] == [BEGIN + 99.0, BEGIN + 160.0]


def test_an_incident_is_told_by_what_was_said_most_surely_and_longest_not_by_the_last_word() -> None:
    told = [
        {"kind": "cable-cut", "confidence": "medium", "at": "2026-11-18T11:00:00Z"},
        {"kind": "cable-cut", "confidence": "high", "location": {"ends": 2}, "at": "2026-11-18T11:00:02Z"},
        {"kind": "sensor-fault", "confidence": "high", "at": "2026-11-18T11:05:00Z"},
        {"kind": "healthy", "at": "2026-11-18T11:05:06Z"},
    ]
    incident = Incident("F-2026-11-18-1", BEGIN, True, tuple(told))
    assert incident.kind == "cable-cut"
    assert Incident("F-2026-11-18-1", BEGIN, True, tuple(told[2:])).kind == "sensor-fault"


def test_another_fault_after_the_window_is_another_incident_that_names_the_one_before() -> None:
    target = course()
    tell(target, Kind.SHUNT, 0.0)
    record_all(target, 700.0)
    assert tell(target, Kind.CANNOT_TELL, 800.0)
    assert tell(target, Kind.SHUNT, 900.0)
    assert len(target.incidents) == 1
    tell(target, Kind.CABLE_CUT, 1000.0)
    first, second = target.incidents.values()
    assert (first.ended_utc_s, second.before) == (BEGIN + 1000.0, first.id)


def test_the_same_fault_that_comes_again_after_the_window_is_another_incident() -> None:
    target = course()
    tell(target, Kind.SHUNT, 0.0)
    record_all(target, 700.0)
    tell(target, Kind.HEALTHY, 800.0)
    tell(target, Kind.SHUNT, 830.0)
    assert len(target.incidents) == 2


def test_an_incident_is_over_when_it_was_healthy_for_a_minute_and_is_recorded() -> None:
    target = course()
    tell(target, Kind.SHUNT, 0.0)
    tell(target, Kind.HEALTHY, 10.0)
    assert target.end(at(100.0)) == []
    record_all(target, 615.0)
    (over,) = target.end(at(615.0))
    assert (over.healthy_utc_s, over.ended_utc_s) == (BEGIN + 10.0, BEGIN + 615.0)
    target.forget(over.id)
    assert target.deadline() is None


@given(st.floats(-1e9, 1e9))
def test_a_clock_that_was_set_over_a_restart_delays_a_record_by_no_more_than_its_window(set_by_s: float) -> None:
    left = Incident("F-2026-11-18-1", BEGIN, True, ({"kind": "shunt"},))
    target = Course(Settings(), frozenset(), (left,), Moment(BEGIN + set_by_s, True, 1000.0))
    deadline = target.deadline()
    assert deadline is not None
    assert 1000.0 <= deadline <= 1615.0


@given(st.lists(st.tuples(st.sampled_from(Kind), st.floats(0.5, 400.0)), max_size=80))
def test_whatever_the_verdict_does_the_windows_that_run_at_a_time_are_few_and_each_fault_is_in_one(told: list[tuple[Kind, float]]) -> None:
    target, t, opened, made = course(), 0.0, set[str](), list[str]()
    for kind, wait_s in told:
        t += wait_s
        target.settle(at(t))
        made += record_all(target, t)
        for over in target.end(at(t)):
            target.forget(over.id)
        tell(target, kind, t)
        t += HELD_S
        target.settle(at(t))
        opened |= set(target.incidents)
        assert sum(not each.recorded for each in target.incidents.values()) <= AT_ONCE
        if kind in FAULTS:
            assert target.standing is not None
            assert target.standing.changes[-1]["kind"] == kind.value
    made += record_all(target, t + 700.0)
    assert sorted(made) == sorted(opened)
    assert len(made) <= AT_ONCE * (1 + t / Settings().after_s)


def test_a_verdict_that_flaps_is_counted_and_not_kept_without_end() -> None:
    target = course()
    for t in range(MOST_CHANGES + 10):
        tell(target, Kind.SHUNT if t % 2 == 0 else Kind.HEALTHY, t / 100)
    (incident,) = target.incidents.values()
    assert (len(incident.changes), incident.left_out) == (MOST_CHANGES, 10)


def test_an_incident_is_read_back_as_it_was_written() -> None:
    target = course()
    target.heard({"kind": "shunt", "why": ["V"]}, 1.0, at(2.0), ("line/LINE-SHUNT",))
    (incident,) = target.incidents.values()
    assert incident_of(incident.plain()) == incident


def test_an_incident_with_a_number_that_cannot_be_written_again_is_refused() -> None:
    for wrong in ({"left_out": inf}, {"verdicts": [{"kind": "shunt", "low_km": {"v": nan}}]}):
        with pytest.raises(ValueError, match="JSON"):
            incident_of({"id": "F-1", "opened_utc_s": 1.0, "synchronised": True, "verdicts": [{"kind": "shunt"}], **wrong})


@pytest.mark.parametrize("wrong", [{}, {"id": "F-1"}, {"id": "F-1", "opened_utc_s": 1.0, "synchronised": True, "verdicts": []},
    {"id": "x", "opened_utc_s": 1.0, "synchronised": True, "verdicts": [{"kind": "shunt"}]},
    {"id": "F-1", "opened_utc_s": "1", "synchronised": True, "verdicts": [{"kind": "shunt"}]},
    {"id": "F-1", "opened_utc_s": 1.0, "synchronised": True, "verdicts": [7]}])  # fmt: skip
def test_what_is_no_incident_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no incident|no verdict"):
        incident_of(wrong)
