"""The line watch before a line that behaves as the physics says, and before far ends that do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.light.watch import FADED_S
from stationd.core.line.far import FarEvent, FarLight, FarLine
from stationd.core.line.words import End, Feed
from stationd.core.model import GOOD, Level, LinkChanged, PointId, Quality, Reading, Reason, Tick
from stationd.core.verdict.told import BaselineRefused, BaselineTaken, TakeBaseline
from stationd.core.verdict.words import Confidence, Kind, Ours
from stationd.core.watch.feeds import KEPT
from stationd.core.watch.line_watch import LineWatch
from stationd.core.watch.steadiness import HOLD_S, SLOW_HOLD_S
from stationd.sim.cable import Cut, Shunt
from tests.core.watch.watched_line import PAIRS, Line, Station, healthy, plan, trip

AT_ONCE_S = 3.0
BOTH = list(End)


def places_cover(line: Line, km: float) -> bool:
    places = [station.verdict.place for station in line.ends.values()]
    return all(place is not None and place.low_km <= km <= place.high_km for place in places)


# ---------------------------------------------------------------------- what happens to lines


def test_a_line_on_which_nothing_happens_is_healthy_and_stays_so() -> None:
    line = healthy()
    before = [len(station.told) for station in line.ends.values()]
    line.wait(120.0)
    assert [len(station.told) for station in line.ends.values()] == before
    assert all(station.verdict.confidence is Confidence.HIGH for station in line.ends.values())


@pytest.mark.parametrize("km", [10.0, 50.0, 120.0, 230.0, 320.0])
def test_a_shunt_is_found_from_both_ends_within_three_seconds_and_its_place_covers_it(km: float) -> None:
    line = healthy()
    line.fault = Shunt(km, 10.0)
    line.wait(AT_ONCE_S)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.SHUNT}
    ours = {station.verdict.ours for station in line.ends.values()}
    assert ours == {Ours.NO} if km > 20.0 else Ours.YES not in ours  # so near, the interval may reach the shore
    assert places_cover(line, km)


@pytest.mark.parametrize("km", [30.0, 118.4, 200.0, 310.0])
def test_a_cut_cable_is_found_at_both_ends_within_three_seconds_with_its_place(km: float) -> None:
    line = healthy()
    line.fault = Cut(km)
    line.darken(*PAIRS)
    line.wait(AT_ONCE_S)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.CABLE_CUT}
    assert places_cover(line, km)
    assert all(station.alarm("LINE-BREAK") for station in line.ends.values())


def test_a_cut_that_leaves_the_far_station_speechless_is_told_from_this_end_and_says_so() -> None:
    line = healthy()
    line.fall_silent()
    line.wait(5.0)
    line.fault = Cut(100.0)
    line.darken(*PAIRS)
    line.wait(AT_ONCE_S)
    verdict = line.ends[End.A].verdict
    assert (verdict.kind, verdict.one_end, verdict.confidence) == (Kind.CABLE_CUT, True, Confidence.MEDIUM)


@pytest.mark.parametrize("end", BOTH)
def test_a_trip_is_ours_at_one_end_and_theirs_at_the_other(end: End) -> None:
    line = healthy()
    trip(line, end)
    line.wait(AT_ONCE_S)
    here, there = line.ends[end].verdict, line.ends[end.other].verdict
    assert (here.kind, here.ours) == (Kind.FEED_TRIP_HERE, Ours.YES)
    assert (there.kind, there.ours) == (Kind.FEED_TRIP_FAR, Ours.NO)
    assert not any(station.told and change.verdict.ours is Ours.YES for station in (line.ends[end.other],) for change in station.told)


def test_a_repeater_that_is_shorted_is_told_from_a_cut() -> None:
    line = healthy()
    line.twin = replace(line.twin, repeater_changes_v=(0.0, -40.0, 0.0, 0.0))
    line.darken(*PAIRS)
    line.wait(5.0)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.REPEATER_FAILED}


def test_a_set_point_that_drifts_at_one_end_is_no_shunt_and_belongs_to_the_end_that_drifts() -> None:
    line = healthy()
    for step in range(60):
        line.feeds = (line.feeds[0], replace(line.feeds[1], current_setpoint_ma=1000.0 + 0.5 * (step + 1) / 60))
        line.wait(1.0)
    line.wait(60.0)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.MIS_SET}
    assert line.ends[End.A].verdict.ours is Ours.NO
    assert line.ends[End.B].verdict.ours is Ours.YES
    assert not any(change.verdict.kind is Kind.SHUNT for station in line.ends.values() for change in station.told)
    assert line.ends[End.A].alarm("BALANCE-DRIFT") is True


def test_a_slow_earth_potential_is_told_as_one_and_is_nobodys_fault() -> None:
    line = healthy()
    for step in range(60):
        line.twin = replace(line.twin, earth_potential_v=20.0 * (step + 1) / 60)
        line.wait(1.0)
    line.wait(15.0)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.EARTH_POTENTIAL}
    assert Ours.YES not in {station.verdict.ours for station in line.ends.values()}


def test_a_fibre_that_goes_dark_alone_is_a_fibre_and_its_partner_stays() -> None:
    line = healthy()
    line.darken(1, ends=(End.B,))
    line.wait(AT_ONCE_S)
    assert line.ends[End.B].verdict.kind is Kind.FIBRE_BREAK
    assert line.ends[End.B].verdict.pairs == (1,)
    assert line.ends[End.A].verdict.ours is not Ours.YES


def test_a_tap_that_moves_alone_is_a_sensor_and_no_fibre() -> None:
    line = healthy()
    line.tap_db["fp2-rx"] = -6.0
    line.wait(5.0)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.SENSOR}  # both stations have a tap of that name here
    assert all(station.alarm("TAP-DISAGREES") for station in line.ends.values())


def test_a_pair_that_is_a_little_lower_for_long_enough_is_a_pump_of_a_repeater() -> None:
    line = healthy()
    line.level_db[End.A, 1] = -0.7
    line.wait(FADED_S - 5.0)
    assert line.ends[End.A].verdict.kind is Kind.HEALTHY
    line.wait(15.0)
    assert (line.ends[End.A].verdict.kind, line.ends[End.A].verdict.pairs) == (Kind.REPEATER_PUMP, (1,))


def test_readings_that_grow_old_are_a_lost_port_and_judge_nothing_about_the_line() -> None:
    line = healthy()
    line.mute = {End.A}
    line.wait(5.0)
    verdict = line.ends[End.A].verdict
    assert (verdict.kind, verdict.ours) == (Kind.BUS_LOST, Ours.YES)
    assert line.ends[End.A].alarm("LINE-SHUNT") is None
    assert line.ends[End.B].verdict.kind is Kind.HEALTHY


def test_a_repaired_line_is_healthy_again_once_that_has_held_and_says_since_when() -> None:
    line = healthy()
    line.fault = Shunt(50.0, 10.0)
    line.wait(20.0)
    line.fault = None
    repaired = line.now
    for end in BOTH:
        line.until(end, Kind.HEALTHY, HOLD_S + AT_ONCE_S)
    line.wait(5.0)
    assert all(repaired < station.verdict.since <= repaired + HOLD_S + AT_ONCE_S for station in line.ends.values())
    assert all(station.alarm("LINE-SHUNT") is False for station in line.ends.values())
    line.fault = Shunt(250.0, 10.0)
    line.wait(AT_ONCE_S)
    assert places_cover(line, 250.0)


def test_what_a_shunt_is_stays_known_when_the_far_end_falls_silent() -> None:
    line = healthy()
    line.fault = Shunt(50.0, 10.0)
    line.wait(10.0)
    line.fall_silent()
    line.wait(30.0)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.SHUNT}
    assert all(station.verdict.one_end for station in line.ends.values())


def test_a_step_of_our_voltage_is_told_to_the_desk_once() -> None:
    line = healthy()
    line.fault = Shunt(50.0, 10.0)
    line.wait(10.0)
    for station in line.ends.values():
        assert [each.active for each in station.signals if each.key.type == "VOLTAGE-STEP"] == [True, False]


def test_the_virtual_earth_of_a_balanced_line_is_in_its_middle_and_unknown_when_nothing_is_known() -> None:
    line = Line()
    assert line.ends[End.A].watch.virtual_earth_km is None
    line.wait(12.0)
    for station in line.ends.values():
        assert station.watch.virtual_earth_km == pytest.approx(170.5, abs=1.0)
        assert station.watch.residual_v == pytest.approx(0.0, abs=1.0)
    line.mute = {End.A}
    line.wait(5.0)
    assert line.ends[End.A].watch.virtual_earth_km is None


def test_what_both_ends_saw_first_is_told_with_how_well_it_is_known() -> None:
    line = healthy()
    line.fault = Cut(118.4)
    line.darken(*PAIRS)
    line.wait(AT_ONCE_S)
    verdict = line.ends[End.A].verdict
    named = (verdict.first_out,) if verdict.first_out is not None else verdict.tied
    assert all(each is not None and each.what in ("light-lost", "voltage-step") for each in named)
    assert {each.where.split()[0] for each in verdict.tied} == {"Aktau", "Siyazan"}  # the clocks are 10 ms apart at most: a tie


# ---------------------------------------------------------------------- the far end

numbers = st.floats(-100.0, 2000.0)
lights = st.dictionaries(
    st.integers(1, 3),
    st.builds(FarLight, st.none() | st.floats(-60, 10), st.none() | st.floats(-60, 30), st.none() | st.booleans()),
    max_size=3,
)
words = st.sampled_from(["light-lost", "voltage-step", "feed-off", "interlock", "reflection", "nonsense"])
alarm_names = st.sampled_from(["pfe/PFE-TRIP", "pfe/FEED-OFF", "pfe/PFE-INTERLOCK-OPEN", "x/PUMP-OFF", "line/LINE-DOWN", "/"])
inventions = st.lists(
    st.tuples(
        st.none() | st.builds(Feed, numbers, numbers, st.floats(-3.0, 0.0), st.none() | st.booleans()),
        lights,
        st.lists(alarm_names, max_size=2).map(tuple),
        st.lists(st.builds(FarEvent, words, st.just("pair 1"), st.just(1000.0), st.floats(0.0, 5.0)), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=4,
)


class Liar:
    """Says something else than the far end measures, from a moment on."""

    def __init__(self, inventions: list[tuple[Feed | None, dict[int, FarLight], tuple[str, ...], tuple[FarEvent, ...]]]) -> None:
        self._inventions = inventions
        self._turn = 0
        self.lies = False

    def __call__(self, told: FarLine) -> FarLine:
        if not self.lies:
            return told
        feed, light, alarms, events = self._inventions[self._turn % len(self._inventions)]
        self._turn += 1
        feed = replace(feed, t=told.t + feed.t) if feed is not None else None
        return replace(told, feed=feed, light=light, alarms=alarms, events=tuple(replace(each, t=told.t) for each in events))


def sure_and_wrong(station: Station, right: set[Kind]) -> list[str]:
    found = [change.verdict for change in station.told[1:] if change.verdict.confidence is Confidence.HIGH]
    return [f"{each.kind}: {each.sentence}" for each in found if each.kind not in right]


@given(inventions)
@settings(max_examples=8, deadline=None)
def test_a_far_end_that_says_anything_makes_no_healthy_line_surely_faulty_and_nothing_ours(invented: list) -> None:  # type: ignore[type-arg]
    liar = Liar(invented)
    line = healthy(liar)
    liar.lies = True
    line.wait(8.0)
    for station in line.ends.values():
        assert sure_and_wrong(station, {Kind.HEALTHY}) == []
        assert not any(change.verdict.ours is Ours.YES for change in station.told)


@given(inventions)
@settings(max_examples=8, deadline=None)
def test_a_far_end_that_says_anything_turns_no_shunt_into_something_else_that_is_sure(invented: list) -> None:  # type: ignore[type-arg]
    liar = Liar(invented)
    line = healthy(liar)
    liar.lies = True
    line.fault = Shunt(50.0, 10.0)
    line.wait(8.0)
    for station in line.ends.values():
        assert sure_and_wrong(station, {Kind.HEALTHY, Kind.SHUNT}) == []
        assert not any(change.verdict.ours is Ours.YES for change in station.told)


@pytest.mark.parametrize("volts", [-120.0, -60.0, 60.0, 120.0])
def test_a_far_feed_that_moves_alone_contradicts_this_end_and_takes_certainty_away(volts: float) -> None:
    lies: list[bool] = []

    def moved(told: FarLine) -> FarLine:
        feed = told.feed
        return replace(told, feed=replace(feed, voltage_v=feed.voltage_v + volts)) if lies and feed is not None else told

    line = healthy(moved)
    lies.append(True)
    line.wait(8.0)
    for station in line.ends.values():
        assert (station.verdict.kind, station.verdict.confidence, station.verdict.one_end) == (Kind.HEALTHY, Confidence.MEDIUM, True)
    trip(line, End.B)
    line.wait(8.0)
    assert sure_and_wrong(line.ends[End.A], {Kind.HEALTHY, Kind.FEED_TRIP_FAR}) == []


def test_without_any_word_of_the_far_end_the_line_is_never_surely_healthy() -> None:
    line = healthy(speaks=False)
    line.wait(30.0)
    for station in line.ends.values():
        assert (station.verdict.confidence, station.verdict.one_end) == (Confidence.MEDIUM, True)
    line.fault = Shunt(50.0, 10.0)
    line.wait(8.0)
    assert all(station.verdict.confidence is not Confidence.HIGH for station in line.ends.values())


def test_a_far_feed_that_is_told_five_seconds_late_makes_no_verdict_sure() -> None:
    kept: list[FarLine] = []

    def late(told: FarLine) -> FarLine:
        kept.append(told)
        old = kept[max(len(kept) - 1 - 2 * 5, (len(kept) - 1) % 2)]  # both ends speak in turn, once a second each
        return replace(told, feed=replace(old.feed, t=told.feed.t) if old.feed and told.feed else None, light=old.light)

    line = healthy(late)
    line.fault = Shunt(50.0, 10.0)
    line.wait(4.0)
    for station in line.ends.values():
        assert sure_and_wrong(station, {Kind.HEALTHY, Kind.SHUNT}) == []


# ---------------------------------------------------------------------- baseline, memory, bounds


def test_a_baseline_holds_what_is_measured_and_is_refused_with_the_reason_when_something_is_missing() -> None:
    line = healthy()
    watch = line.ends[End.A].watch
    taken = watch.take_baseline(TakeBaseline("a.bekov", "after laying"), line.now, 1.0e9)
    assert isinstance(taken, BaselineTaken)
    assert taken.baseline.of(PointId("fp1-rx", "power")) == -18.0
    assert taken.baseline.of(PointId("pfe", "output_voltage")) == pytest.approx(250.5, abs=1.0)
    line.darken(2)
    line.wait(6.0)
    refused = watch.take_baseline(TakeBaseline("a.bekov"), line.now)
    assert isinstance(refused, BaselineRefused)
    assert refused.missing
    assert watch.light.baseline is taken.baseline


def test_what_must_be_known_after_a_restart_is_known_and_the_incident_began_when_it_began() -> None:
    line = healthy()
    watch = line.ends[End.A].watch
    watch.take_baseline(TakeBaseline("a.bekov"), line.now)
    line.fault = Shunt(50.0, 10.0)
    line.wait(20.0)
    saved, since = watch.saved(line.now), watch.verdict.since
    line.ends[End.A].watch = LineWatch(plan(End.A), line.now)
    assert line.ends[End.A].watch.restore(saved, line.now + 0.0, 0.0) == []
    line.wait(12.0)
    again = line.ends[End.A].watch
    assert again.verdict.kind is Kind.SHUNT
    assert again.verdict.since == pytest.approx(since, abs=0.1)
    assert again.light.baseline is not None


def test_a_state_that_cannot_be_read_is_named_part_by_part_and_the_rest_is_taken() -> None:
    line = healthy()
    saved = line.ends[End.A].watch.saved(line.now)
    fresh = LineWatch(plan(End.A), line.now)
    broken = {**saved, "baseline": {"age_s": "yesterday"}, "learnt": [], "verdict": {"kind": "no-such-kind"}}
    assert [each.partition(":")[0] for each in fresh.restore(broken, line.now)] == ["baseline", "learnt", "verdict"]
    assert fresh.feeds.normal.near is not None
    assert LineWatch(plan(End.A), 0.0).restore({"version": 99}, 0.0) != []


def test_the_watch_asks_for_a_tick_and_never_for_one_that_is_past() -> None:
    line = Line()
    for _ in range(200):
        line.wait(0.1)
        for station in line.ends.values():
            due = station.watch.deadline()
            assert due is not None
            assert due > line.now - 0.02


def test_histories_are_bounded() -> None:
    watch = LineWatch(plan(End.A), 0.0)
    for second in range(2000):
        for name, value in (("output_voltage", 250.5), ("output_current", 1000.0), ("output_on", True)):
            watch.handle(Reading(PointId("pfe", name), value, GOOD, float(second)), float(second))
        watch.handle(FarLine(second, second, 0.01, "b", second, feed=Feed(1000.0, 250.5, float(second))), float(second))
    assert len(watch.feeds.near_history) <= KEPT
    assert len(watch.feeds.far_history) <= KEPT


points = st.sampled_from(sorted(plan(End.A).points()))
values = st.none() | st.booleans() | st.floats(allow_nan=False) | st.sampled_from(["cc", "cv", "", "x"])
qualities = st.builds(Quality, st.sampled_from(Level), st.sampled_from(Reason))


@given(st.lists(st.tuples(points, values, qualities, st.floats(0.0, 2.0)), max_size=40))
@settings(max_examples=40, deadline=None)
def test_no_reading_whatever_stops_the_watch(stream: list[tuple[PointId, object, Quality, float]]) -> None:
    watch, now = LineWatch(plan(End.A), 0.0), 0.0
    for point, value, quality, later in stream:
        now += later
        watch.handle(Reading(point, value, quality, now), now)  # type: ignore[arg-type]
        watch.handle(Tick(now), now)
    watch.handle(LinkChanged("pfe", False, ("pfe",), now), now)
    watch.handle(Tick(now + 2.0), now + 2.0)
    assert watch.verdict.sentence
    assert watch.view().pairs
    assert SLOW_HOLD_S > HOLD_S
