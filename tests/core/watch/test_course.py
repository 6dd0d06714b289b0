"""The course of a fault as the line watch tells it: since when, what is normal, and what is taken for the fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.line.words import End
from stationd.core.model import LightEvent, LightKind, PointId, Tick
from stationd.core.verdict.told import VerdictChanged
from stationd.core.verdict.words import Confidence, Kind, Ours, Verdict
from stationd.core.watch.line_watch import DEAD_S, LineWatch
from stationd.core.watch.steadiness import FIGURE_S, HOLD_S, REFINED_S, Steadiness, moved
from stationd.sim.cable import Cut, Shunt, balanced
from tests.core.watch.watched_line import PAIRS, TWIN, Line, healthy, plan, trip

BOTH = list(End)
TOLD = Verdict(Kind.HEALTHY, Ours.NOTHING, Confidence.HIGH, "s", "w", (), (), 0.0)


def fault(kind: Kind, *pairs: int, why: str = "") -> Verdict:
    return replace(TOLD, kind=kind, ours=Ours.NO, pairs=pairs, why=(why,))


# ---------------------------------------------------------------------- since when


def test_another_fault_in_the_place_of_one_that_stands_begins_when_it_began() -> None:
    steady = Steadiness(0.0)
    steady.take(TOLD, 1.0, 1.0)
    steady.take(fault(Kind.SHUNT), 9.5, 10.0)
    steady.take(fault(Kind.CABLE_CUT, 1, 2), 39.8, 40.0)
    assert steady.verdict.since == 39.8
    steady.take(fault(Kind.CABLE_CUT, 1), 59.0, 60.0)  # fewer pairs: it goes away
    assert steady.verdict.since == 39.8


def test_a_fault_that_is_only_named_better_keeps_its_begin() -> None:
    steady = Steadiness(0.0)
    steady.take(TOLD, 1.0, 1.0)
    for kind, t in ((Kind.FIBRE_BREAK, 10.0), (Kind.CABLE_CUT, 10.0 + REFINED_S)):
        steady.take(fault(kind, 1), t - 0.1, t)
    assert steady.verdict.since == 9.9


def test_another_pair_is_another_fault() -> None:
    steady = Steadiness(0.0)
    steady.take(TOLD, 1.0, 1.0)
    steady.take(fault(Kind.FIBRE_BREAK, 1), 9.9, 10.0)
    steady.take(fault(Kind.FIBRE_BREAK, 2), 29.9, 30.0)
    assert steady.verdict.since == 29.9


def test_reasons_whose_figures_moved_are_told_again_and_not_more_often_than_that() -> None:
    steady = Steadiness(0.0)
    first = steady.take(fault(Kind.EARTH_POTENTIAL, why="moved by 7.9 V"), 0.0, 0.0)
    told = [steady.take(fault(Kind.EARTH_POTENTIAL, why=f"moved by {7.9 + t / 5:.1f} V"), 0.0, t) for t in range(1, int(2 * FIGURE_S) + 2)]
    assert isinstance(first, VerdictChanged)
    assert sum(each is not None for each in told) == 2
    assert not moved(("moved by 25.5 V",), ("moved by 25.8 V",))
    assert moved(("moved by 7.9 V",), ("stands still",))


# ---------------------------------------------------------------------- a start within a fault


@pytest.mark.parametrize("km", [50.0, 80.0, 125.0, 250.0])
def test_a_watch_that_starts_within_a_shunt_does_not_call_the_line_healthy_nor_its_repair_a_fault(km: float) -> None:
    line = Line()
    line.fault = Shunt(km, 10.0)
    line.wait(20.0)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.CANNOT_TELL}
    assert all("uneven" in station.verdict.sentence for station in line.ends.values())
    line.fault = None
    line.wait(HOLD_S + 5.0)
    for station in line.ends.values():
        assert station.verdict.kind is Kind.HEALTHY
        assert Kind.SHUNT not in {change.verdict.kind for change in station.told}
    line.fault = Shunt(km, 10.0)
    line.wait(4.0)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.SHUNT}


def test_the_whole_line_on_one_feed_is_no_trip_of_a_far_end_that_has_not_been_heard() -> None:
    line = Line(speaks=False)
    line.fault = Shunt(40.0, 10.0)
    line.wait(10.0)
    verdict = line.ends[End.B].verdict  # 461 of 501 V
    assert (verdict.kind, verdict.ours, verdict.confidence) == (Kind.CANNOT_TELL, Ours.CANNOT_TELL, Confidence.LOW)
    assert any("touches the sea" in reason and "whole line" in reason for reason in verdict.why)


def test_the_far_trip_that_only_this_end_has_seen_is_of_low_confidence() -> None:
    line = healthy()
    line.fall_silent()
    trip(line, End.B)
    line.wait(5.0)
    verdict = line.ends[End.A].verdict
    assert verdict.confidence is Confidence.LOW
    assert verdict.kind in (Kind.FEED_TRIP_FAR, Kind.CANNOT_TELL)


# ---------------------------------------------------------------------- places


@pytest.mark.parametrize("end", BOTH)
def test_no_place_is_sure_or_narrow_while_the_readings_still_move(end: End) -> None:
    line = healthy()
    began = line.now
    line.fault = Shunt(90.0, 10.0)  # what is read at first is on its way to what will be
    line.wait(0.9)
    line.fault = Shunt(50.0, 10.0)
    line.wait(4.0)
    told = [change for change in line.ends[end].told if change.t > began]
    places = [change.verdict.place for change in told if change.verdict.place is not None]
    assert places
    assert all(place.low_km <= 50.0 <= place.high_km for place in places), places
    assert told[0].verdict.confidence is not Confidence.HIGH
    assert line.ends[end].verdict.confidence is Confidence.HIGH


@pytest.mark.parametrize("km", [50.0, 250.0])
def test_a_residual_that_the_facts_do_not_explain_widens_the_place_by_what_it_may_be_wrong(km: float) -> None:
    line = Line()
    line.twin = replace(TWIN, conductor_ohm_per_km=0.91)
    line.feeds = balanced(line.twin)
    line.wait(12.0)
    line.fault = Shunt(km, 10.0)
    line.wait(6.0)
    for station in line.ends.values():
        verdict, residual = station.verdict, station.watch.residual_v
        assert verdict.kind is Kind.SHUNT
        assert verdict.confidence is Confidence.MEDIUM
        assert residual is not None
        assert residual == pytest.approx(-31.0, abs=2.0)
        assert verdict.place is not None
        assert verdict.place.low_km <= max(0.0, verdict.place.km + residual + 2.0)  # an ampere and an ohm per kilometre
        assert verdict.place.high_km >= min(341.0, verdict.place.km - residual - 2.0)
        assert verdict.place.low_km <= km <= verdict.place.high_km


def test_a_cut_after_the_trip_of_our_feed_is_a_cut_and_nobody_carries_the_line() -> None:
    line = healthy()
    trip(line, End.A)
    line.wait(5.0)
    line.fault = Cut(100.0)
    line.darken(*PAIRS)
    line.wait(3.0)
    for station in line.ends.values():
        assert station.verdict.kind is Kind.CABLE_CUT, station.verdict
        place = station.verdict.place
        assert place is not None
        assert place.low_km <= 100.0 <= place.high_km
    assert any(reason.startswith("also: ") and "feed is off" in reason for reason in line.ends[End.A].verdict.why)


def test_what_was_first_is_known_after_a_restart() -> None:
    line = healthy()
    line.fault = Cut(118.4)
    line.darken(*PAIRS)
    line.wait(8.0)
    before = line.ends[End.A].watch
    again = LineWatch(plan(End.A), line.now)
    assert again.restore(before.saved(line.now), line.now, 0.0) == []
    line.ends[End.A].watch = again
    for number in PAIRS:  # the loop tells a channel that is dark when it begins
        line.dark[End.A].discard(number)
    line.darken(*PAIRS, ends=(End.A,))
    line.wait(12.0)
    named = {(each.what, each.where) for each in (*before.verdict.tied, before.verdict.first_out) if each is not None}
    assert {(each.what, each.where) for each in (*again.verdict.tied, again.verdict.first_out) if each is not None} >= named


def test_light_that_an_amplifier_told_of_before_our_feed_went_off_does_not_say_who_carries_the_line() -> None:
    line = healthy()
    station = line.ends[End.A]
    for number in PAIRS:  # the loop has ended: only the amplifiers are left, and they are asked once a second
        station.take(LightEvent(LightKind.ENDED, "", line.now, line.now, line.now, number), line.now)
    line.dark[End.A] = set(PAIRS)
    line.fall_silent()
    off = (("output_voltage", 0.0), ("output_current", 0.0), ("output_on", False))
    for name, value in off:
        line.say(End.A, PointId("pfe", name), value)
    watch, now = station.watch, line.now
    watch.handle(Tick(now + DEAD_S + 0.1), now + DEAD_S + 0.1)
    assert "carries" not in watch.verdict.sentence
    assert watch.verdict.ours is not Ours.YES
