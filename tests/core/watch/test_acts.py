"""The line watch while people change the line on purpose."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stationd.core.line.words import End
from stationd.core.model import PointId
from stationd.core.verdict.words import Confidence, Kind, Ours, Verdict
from stationd.core.watch.acts import SETTLING_S
from stationd.core.watch.line_watch import LineWatch
from stationd.core.watch.steadiness import HOLD_S
from stationd.sim.cable import Cut, Shunt, balanced
from tests.core.watch.watched_line import PAIRS, Line, healthy, plan, trip

ELECTRICAL = ("LINE-BREAK", "LINE-SHUNT", "VOLTAGE-STEP", "FAR-FEED-OFF", "BALANCE-DRIFT", "EARTH-POTENTIAL")


def operation(phase: str, target: str = "off") -> dict[str, str]:
    return {"id": "OP-7", "phase": phase, "target": target}


def operate(line: Line, end: End, phase: str | None, target: str = "off") -> None:
    line.ends[end].watch.operate(None if phase is None else operation(phase, target), line.now)


line_acts: list[bool] = []  # whether the message of a test is changed now


def ramp(line: Line, current_ma: float, *ends: End) -> None:
    """Have both feeds, or that of one end, on and set to a current, for a second."""
    a, b = (
        replace(feed, current_setpoint_ma=current_ma, output_on=True) if not ends or end in ends else feed
        for end, feed in zip(End, line.feeds, strict=True)
    )
    line.feeds = (a, b)
    line.wait(1.0)


def unfed() -> Line:
    """A line that nobody feeds; it is dark."""
    line = Line()
    trip(line, End.A)
    trip(line, End.B)
    line.darken(*PAIRS)
    line.wait(12.0)
    return line


def single(line: Line, current_ma: float) -> None:
    """Have an operation of end a energise it; from 200 mA on there is light."""
    operate(line, End.A, "running", f"single to {current_ma:g} mA")
    for share in (0.2, 0.6, 1.0):
        ramp(line, share * current_ma, End.A)
    if current_ma >= 200.0:
        line.dark = {end: set() for end in End}
    line.wait(4.0)
    operate(line, End.A, None)
    line.wait(SETTLING_S + 12.0)


def assert_cut_at(verdict: Verdict, km: float) -> None:
    assert (verdict.kind, verdict.ours) == (Kind.CABLE_CUT, Ours.NO)
    assert verdict.place is not None
    assert verdict.place.low_km <= km <= verdict.place.high_km


def raised(line: Line, end: End) -> set[str]:
    return {signal.key.type for signal in line.ends[end].signals if signal.active}


@pytest.mark.parametrize("phase", ["starting", "running"])
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


def test_a_cut_while_an_operation_is_held_is_told_and_placed() -> None:
    line = healthy()
    operate(line, End.A, "running", "ramp to 900 mA")
    line.wait(2.0)
    operate(line, End.A, "held", "ramp to 900 mA")
    line.wait(SETTLING_S + 10.0)
    held = line.ends[End.A].verdict
    assert (held.kind, held.ours) == (Kind.HEALTHY, Ours.NOTHING)
    assert any("OP-7 is held at 1000 mA" in each for each in held.why)
    line.fault = Cut(150.0)
    line.darken(*PAIRS)
    line.wait(4.0)
    assert_cut_at(line.ends[End.A].verdict, 150.0)
    assert line.ends[End.A].alarm("LINE-BREAK") is True


def test_a_cut_while_an_operation_runs_is_told_at_once() -> None:
    line = healthy()
    operate(line, End.A, "running", "ramp to 900 mA")
    line.wait(2.0)
    line.fault = Cut(150.0)
    line.darken(*PAIRS)
    line.wait(4.0)
    assert line.ends[End.A].verdict.kind is Kind.CABLE_CUT
    operate(line, End.A, "held", "ramp to 900 mA")
    line.wait(SETTLING_S + 4.0)
    assert line.ends[End.A].verdict.kind is Kind.CABLE_CUT


def test_dark_pairs_at_a_current_that_an_operation_brings_down_are_no_break() -> None:
    line = healthy()
    operate(line, End.A, "running", "off")
    for current_ma in range(990, 690, -10):
        ramp(line, float(current_ma))
    line.darken(*PAIRS)
    for current_ma in range(690, 590, -10):
        ramp(line, float(current_ma))
    assert line.ends[End.A].verdict.kind is Kind.OPERATION


def test_a_current_that_leaves_the_line_during_an_operation_is_told_and_never_as_nothing_wrong() -> None:
    line = healthy(lambda told: replace(told, feed=replace(told.feed, current_ma=850.0)) if line_acts and told.feed is not None else told)
    line_acts.append(True)
    operate(line, End.A, "running", "ramp to 1000 mA")
    line.wait(2.0)
    assert line.ends[End.A].verdict.kind is Kind.OPERATION
    line.wait(4.0)
    line_acts.clear()
    verdict = line.ends[End.A].verdict
    assert (verdict.kind, verdict.ours is Ours.NOTHING, verdict.place) == (Kind.SHUNT, False, None)
    assert any("850 mA at Siyazan" in each for each in verdict.why)


def test_an_operation_is_told_with_no_more_than_medium_confidence() -> None:
    line = healthy()
    operate(line, End.A, "running")
    line.wait(1.0)
    assert line.ends[End.A].verdict.confidence is Confidence.MEDIUM


def test_dark_pairs_are_no_cable_cut_while_our_feed_cannot_be_read_and_the_far_one_is_off() -> None:
    line = unfed()
    operate(line, End.A, "running", "single to 1000 mA")
    ramp(line, 60.0, End.A)
    line.wait(4.0)
    line.mute = {End.A}
    operate(line, End.A, None)
    line.wait(60.0)
    assert line.ends[End.A].verdict.kind in (Kind.CANNOT_TELL, Kind.BUS_LOST)
    assert not line.ends[End.A].alarm("LINE-BREAK")


def test_a_line_that_an_operation_has_energised_from_one_end_is_well_until_the_far_feed_changes() -> None:
    line = unfed()
    single(line, 1000.0)
    station = line.ends[End.A]
    assert (station.verdict.kind, station.verdict.sentence) == (Kind.HEALTHY, "Line is fed by us alone")
    assert station.alarm("FAR-FEED-OFF") is not True
    assert station.alarm("LINE-FED-ALONE") is True
    saved = json.loads(json.dumps(station.watch.saved(line.now)))
    station.watch = LineWatch(plan(End.A), line.now)
    assert station.watch.restore(saved, line.now, 0.0) == []
    line.wait(4.0)
    assert station.verdict.sentence == "Line is fed by us alone"
    line.feeds = balanced(line.twin)
    line.wait(20.0)
    assert station.alarm("LINE-FED-ALONE") is False
    trip(line, End.B)
    line.wait(6.0)
    assert station.verdict.kind is Kind.FEED_TRIP_FAR


def test_a_line_left_at_a_low_current_is_neither_cut_nor_open_and_a_voltage_that_does_not_fit_is_told() -> None:
    line = unfed()
    single(line, 60.0)
    station = line.ends[End.A]
    assert (station.verdict.kind, station.verdict.ours) == (Kind.OPERATION, Ours.NOTHING)
    assert "60 mA on purpose" in station.verdict.sentence
    line.fault = Cut(150.0)
    line.wait(5.0)
    assert (station.verdict.kind, station.verdict.ours) == (Kind.CANNOT_TELL, Ours.CANNOT_TELL)
    assert not station.alarm("LINE-BREAK")


def test_a_far_trip_during_an_operation_of_ours_is_not_taken_for_a_line_fed_by_us_alone() -> None:
    line = healthy()
    operate(line, End.A, "running", "ramp to 990 mA")
    trip(line, End.B)
    line.wait(5.0)
    operate(line, End.A, None)
    line.wait(SETTLING_S + 8.0)
    assert line.ends[End.A].verdict.kind is Kind.FEED_TRIP_FAR


@pytest.mark.parametrize(("last_ma", "on_purpose"), [(20.0, True), (400.0, False)])
def test_a_feed_that_was_brought_down_and_off_by_going_back_is_switched_off_and_one_that_went_off_by_itself_is_not(
    last_ma: float, on_purpose: bool
) -> None:
    line = unfed()
    operate(line, End.A, "running", "single to 1000 mA")
    for current_ma in (200.0, 400.0, last_ma):
        ramp(line, current_ma, End.A)
        line.wait(1.0)
    trip(line, End.A)
    line.wait(2.0)
    assert (line.ends[End.A].alarm("FEED-SWITCHED-OFF") is True) is on_purpose
    operate(line, End.A, None)
    line.wait(SETTLING_S + 4.0)
    assert (line.ends[End.A].verdict.kind is Kind.SWITCHED_OFF) is on_purpose


def test_an_operation_of_the_far_station_is_an_alarm_here_for_as_long_as_it_runs() -> None:
    line = healthy(lambda told: replace(told, operation=operation("running")) if line_acts else told)
    line_acts.append(True)
    line.wait(2.0)
    assert line.ends[End.A].alarm("FAR-OPERATION") is True
    line_acts.clear()
    line.wait(2.0)
    assert line.ends[End.A].alarm("FAR-OPERATION") is False
