"""The line watch while people change the line on purpose."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stationd.core.line.words import End
from stationd.core.model import PointId
from stationd.core.verdict.words import Kind, Ours
from stationd.core.watch.acts import SETTLING_S
from stationd.core.watch.line_watch import LineWatch
from stationd.core.watch.steadiness import HOLD_S
from stationd.sim.cable import Cut, Shunt
from tests.core.watch.watched_line import PAIRS, Line, healthy, plan, trip

ELECTRICAL = ("LINE-BREAK", "LINE-SHUNT", "VOLTAGE-STEP", "FAR-FEED-OFF", "BALANCE-DRIFT", "EARTH-POTENTIAL")


def operation(phase: str, target: str = "off") -> dict[str, str]:
    return {"id": "OP-7", "phase": phase, "target": target}


def operate(line: Line, end: End, phase: str | None, target: str = "off") -> None:
    line.ends[end].watch.operate(None if phase is None else operation(phase, target), line.now)


def raised(line: Line, end: End) -> set[str]:
    return {signal.key.type for signal in line.ends[end].signals if signal.active}


@pytest.mark.parametrize("phase", ["starting", "running", "held"])
def test_what_an_operation_changes_is_no_fault_and_raises_no_electrical_alarm(phase: str) -> None:
    line = healthy()
    operate(line, End.A, phase)
    trip(line, End.A)
    line.wait(10.0)
    verdict = line.ends[End.A].verdict
    assert (verdict.kind, verdict.ours, verdict.place) == (Kind.OPERATION, Ours.NOTHING, None)
    assert "OP-7" in verdict.sentence
    assert not raised(line, End.A) & set(ELECTRICAL)


@pytest.mark.parametrize("phase", ["waiting", "armed"])
def test_an_operation_that_has_not_begun_hides_no_fault(phase: str) -> None:
    line = healthy()
    operate(line, End.A, phase)
    line.fault = Shunt(120.0, 10.0)
    line.wait(3.0)
    assert line.ends[End.A].verdict.kind is Kind.SHUNT


def test_an_operation_of_the_far_station_explains_what_this_end_sees() -> None:
    line = Line(lambda told: replace(told, operation=operation("running", "ramp to 500 mA")))
    line.wait(12.0)
    assert {each.verdict.kind for each in line.ends.values()} == {Kind.OPERATION}
    trip(line, End.B)
    line.wait(5.0)
    verdict = line.ends[End.A].verdict
    assert verdict.kind is Kind.OPERATION
    assert "Siyazan" in verdict.sentence
    line.fall_silent()
    line.wait(SETTLING_S + HOLD_S + 1.0)
    assert line.ends[End.A].verdict.kind is not Kind.OPERATION


def test_a_feed_that_was_switched_off_on_purpose_is_no_trip_and_stays_so_over_a_restart() -> None:
    line = healthy()
    station = line.ends[End.A]
    operate(line, End.A, "running")
    trip(line, End.A)
    line.wait(5.0)
    operate(line, End.A, None)
    line.wait(SETTLING_S + 2.0)
    assert station.verdict.kind is Kind.SWITCHED_OFF
    assert "OP-7" in station.verdict.sentence
    saved = json.loads(json.dumps(station.watch.saved(line.now)))
    station.watch = LineWatch(plan(End.A), line.now)
    assert station.watch.restore(saved, line.now, 0.0) == []
    line.wait(3.0)
    assert station.verdict.kind is Kind.SWITCHED_OFF


def test_a_feed_that_was_switched_off_and_then_trips_is_told_as_tripped() -> None:
    line = healthy()
    operate(line, End.A, "running")
    trip(line, End.A)
    line.wait(2.0)
    operate(line, End.A, None)
    line.wait(SETTLING_S + 2.0)
    line.say(End.A, PointId("pfe", "fault"), value=True)
    line.wait(2.0)
    assert line.ends[End.A].verdict.kind is Kind.FEED_TRIP_HERE


def test_a_feed_that_gives_current_again_is_not_switched_off_any_more() -> None:
    line = healthy()
    feeds = line.feeds
    operate(line, End.A, "running")
    trip(line, End.A)
    line.wait(2.0)
    operate(line, End.A, None)
    line.wait(SETTLING_S + 1.0)
    line.feeds = feeds
    line.wait(3.0)
    trip(line, End.A)
    line.wait(3.0)
    assert line.ends[End.A].verdict.kind is Kind.FEED_TRIP_HERE


def test_the_state_after_an_operation_is_the_new_normal_and_a_fault_against_it_is_found() -> None:
    line = healthy()
    for end in End:
        operate(line, end, "running", "ramp to 900 mA")
    a, b = line.feeds
    line.feeds = (replace(a, current_setpoint_ma=900.0), replace(b, current_setpoint_ma=900.0))
    line.wait(5.0)
    for end in End:
        operate(line, end, None)
    line.wait(SETTLING_S + 12.0)
    assert {each.verdict.kind for each in line.ends.values()} <= {Kind.HEALTHY, Kind.CANNOT_TELL}
    assert not any(raised(line, end) & set(ELECTRICAL) for end in End)
    line.fault = Cut(150.0)
    line.darken(*PAIRS)
    line.wait(3.0)
    assert {each.verdict.kind for each in line.ends.values()} == {Kind.CABLE_CUT}


def test_a_cut_during_an_operation_is_told_when_the_operation_is_over() -> None:
    line = healthy()
    operate(line, End.A, "held", "ramp to 900 mA")
    line.fault = Cut(150.0)
    line.darken(*PAIRS)
    line.wait(5.0)
    assert line.ends[End.A].verdict.kind is Kind.OPERATION
    operate(line, End.A, None)
    line.wait(SETTLING_S + 6.0)
    assert line.ends[End.A].verdict.kind is not Kind.HEALTHY
    assert line.ends[End.A].verdict.kind is not Kind.OPERATION
