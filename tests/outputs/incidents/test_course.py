"""When an incident opens, what belongs to it, and when it is over: without a disk and without a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.verdict.words import Kind
from stationd.outputs.incidents.course import MOST_CHANGES, Course, Incident, Settings, incident_of
from stationd.outputs.journal import Moment

BEGIN = 1_795_000_000.0  # 2026-11-18T11:06:40Z
FAULTS = [kind for kind in Kind if kind not in (Kind.HEALTHY, Kind.CANNOT_TELL)]


def at(t: float) -> Moment:
    return Moment(BEGIN + t, True, t)


def course(*open_ones: Incident, known: tuple[str, ...] = (), t: float = 0.0) -> Course:
    return Course(Settings(), frozenset(known), open_ones, at(t))


def tell(target: Course, kind: Kind, t: float, since: float | None = None) -> bool:
    return target.heard({"kind": kind.value}, t if since is None else since, at(t))


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


def test_what_comes_within_the_window_belongs_to_the_incident() -> None:
    target = course()
    for t, kind in enumerate((Kind.CABLE_CUT, Kind.HEALTHY, Kind.SHUNT, Kind.CANNOT_TELL)):
        tell(target, kind, float(t))
    (incident,) = target.incidents.values()
    assert len(incident.changes) == 4
    assert incident.kind == "shunt"


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
def test_whatever_the_verdict_does_there_are_no_more_records_than_windows_and_each_fault_is_in_one(told: list[tuple[Kind, float]]) -> None:
    target, t, opened, made = course(), 0.0, set[str](), list[str]()
    for kind, wait_s in told:
        t += wait_s
        made += record_all(target, t)
        for over in target.end(at(t)):
            target.forget(over.id)
        tell(target, kind, t)
        opened |= set(target.incidents)
        if kind in FAULTS:
            assert target.standing is not None
            assert target.standing.changes[-1]["kind"] == kind.value
    made += record_all(target, t + 700.0)
    assert sorted(made) == sorted(opened)
    assert len(made) <= 1 + t / Settings().after_s


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


@pytest.mark.parametrize("wrong", [{}, {"id": "F-1"}, {"id": "F-1", "opened_utc_s": 1.0, "synchronised": True, "verdicts": []},
    {"id": "x", "opened_utc_s": 1.0, "synchronised": True, "verdicts": [{"kind": "shunt"}]},
    {"id": "F-1", "opened_utc_s": "1", "synchronised": True, "verdicts": [{"kind": "shunt"}]},
    {"id": "F-1", "opened_utc_s": 1.0, "synchronised": True, "verdicts": [7]}])  # fmt: skip
def test_what_is_no_incident_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no incident|no verdict"):
        incident_of(wrong)
