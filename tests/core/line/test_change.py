"""What a change speaks for: the event table of a fed line on the twin, and the lessons of its published vectors."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.bench.shunt import measured
from stationd.core.line.change import Cause, off_droop_ma, what_changed
from stationd.core.line.uncertainty import PUBLISHED_DROOP_S, Droop, Ends, Uncertainty
from stationd.core.line.words import Feed, Regulation
from stationd.sim.cable import TC_380, Cut, InsulatedOpen, Shunt
from stationd.sim.solver import solve
from tests.core.line.twin import CABLE, FEED_A, FEED_B, core_cable, readings

BEFORE = readings()
OFF_A, OFF_B = replace(FEED_A, output_on=False), replace(FEED_B, output_on=False)
AT_ONCE, SLOWLY = 2.0, 600.0


USUAL = Droop.about(PUBLISHED_DROOP_S, 0.5)
TOLD = Uncertainty(droop_a=USUAL, droop_b=USUAL)  # the droops are configured


def changed(after: Ends, before: Ends = BEFORE, known: Uncertainty | None = None) -> tuple[Cause, ...]:
    return what_changed(CABLE, before, after, known).candidates


# The lessons


@pytest.mark.parametrize("missetting_ma", [0.5, -0.5, 1.0, 1.5])
def test_a_set_point_that_moved_is_not_taken_for_a_shunt(missetting_ma: float) -> None:
    b = replace(FEED_B, current_setpoint_ma=1000 + missetting_ma)
    assert changed(readings(b=b, t=AT_ONCE), known=TOLD) == (Cause.MIS_SET,)


@pytest.mark.parametrize("missetting_ma", [0.5, -0.5, 1.0, 1.5])
def test_with_a_droop_that_nobody_knows_a_set_point_needs_a_larger_step_to_be_the_only_cause(missetting_ma: float) -> None:
    b = replace(FEED_B, current_setpoint_ma=1000 + missetting_ma)
    found = changed(readings(b=b, t=AT_ONCE))
    assert found == (Cause.MIS_SET,) if abs(missetting_ma) > 0.9 else set(found) == {Cause.MIS_SET, Cause.SHUNT}


@pytest.mark.parametrize("droop_s", [0.0, 1e-6, 3.3e-6, 1e-5])
@pytest.mark.parametrize("km", [50.0, 130.0, 300.0])
def test_whatever_the_droop_a_shunt_is_never_only_a_set_point(droop_s: float, km: float) -> None:
    a, b = (replace(feed, droop_s=droop_s) for feed in (FEED_A, FEED_B))
    before, after = readings(a=a, b=b), readings(Shunt(km, 1.0), a=a, b=b, t=AT_ONCE)
    for ends, then in ((after, before), (Ends(after.a), Ends(before.a)), (Ends(None, after.b), Ends(None, before.b))):
        assert Cause.SHUNT in changed(ends, then), (droop_s, km)


def test_two_set_points_that_moved_together_are_not_told_from_a_shunt() -> None:
    """Equal currents, and neither feed on its droop: the meters or the droops are not what they were said to be."""
    assert BEFORE.a is not None
    assert BEFORE.b is not None
    after = Ends(Feed(1001.0, 250.0, AT_ONCE), Feed(1001.0, 290.0, AT_ONCE))
    assert set(changed(after, known=TOLD)) == {Cause.MIS_SET, Cause.SHUNT}


def held(ends: Ends, *which: str) -> Ends:
    """The same, with these feeds holding their voltage."""
    a, b = ends.a, ends.b
    assert a is not None
    assert b is not None
    return Ends(
        replace(a, regulation=Regulation.VOLTAGE if "a" in which else Regulation.CURRENT),
        replace(b, regulation=Regulation.VOLTAGE if "b" in which else Regulation.CURRENT),
    )


@pytest.mark.parametrize("km", [50.0, 200.0, 300.0])
def test_a_feed_that_holds_its_voltage_is_not_judged_by_its_droop(km: float) -> None:
    a = replace(FEED_A, voltage_setpoint_v=250.0)
    before, after = readings(a=a), readings(Shunt(km, 1.0), a=a, t=AT_ONCE)
    for ends, then in ((after, before), (Ends(after.a), Ends(before.a))):
        both = Ends(held(after, "a").a, None if ends.b is None else held(after, "a").b)
        earlier = Ends(held(before, "a").a, None if then.b is None else held(before, "a").b)
        found = changed(both, earlier, TOLD)
        assert Cause.SHUNT in found, (km, found)


def test_two_feeds_that_hold_their_voltage_have_no_set_point_to_move() -> None:
    after = Ends(Feed(1001.0, 200.0, AT_ONCE), Feed(1001.0, 340.0, AT_ONCE))
    assert Cause.MIS_SET not in changed(held(after, "a", "b"), held(BEFORE, "a", "b"))


def test_on_a_line_fed_from_one_end_a_set_point_moves_only_where_the_current_is_held() -> None:
    more, fed = readings(a=replace(FEED_A, current_setpoint_ma=1004.0), b=OFF_B, t=AT_ONCE), readings(b=OFF_B)
    assert changed(more, fed) == (Cause.MIS_SET,)
    assert Cause.MIS_SET not in changed(held(more, "a"), held(fed, "a"))


def test_a_step_within_the_droop_is_none_and_beyond_it_counts_from_its_edge() -> None:
    droop = Droop(2e-6, 4e-6, known=True)
    assert off_droop_ma(droop, 100.0, -0.3) == 0.0
    assert off_droop_ma(droop, 100.0, -0.5) == pytest.approx(-0.1)
    assert off_droop_ma(droop, 100.0, 0.3) == pytest.approx(0.5)
    assert off_droop_ma(droop, -100.0, 0.1) == pytest.approx(-0.1)


@pytest.mark.parametrize("droop_s", [2e-6, 3.3e-6, 4.6e-6])
def test_one_end_alone_follows_every_droop_within_the_stated_bounds(droop_s: float) -> None:
    """The step of the current, 0.9 mA at most, is far more than the meters' noise."""
    a = replace(FEED_A, droop_s=droop_s)
    before, after = readings(a=a), readings(Shunt(60, 1.0), a=a, t=AT_ONCE)
    assert changed(Ends(after.a), Ends(before.a), TOLD)[0] is Cause.SHUNT


@pytest.mark.parametrize("bed_ohm", [0.0, 5.0])
def test_a_current_that_changes_with_its_beds_leaves_the_sum_as_it_was(bed_ohm: float) -> None:
    """Both set-points up by 100 mA: the beds take a volt of the sum, which is no earth potential."""
    line = replace(TC_380, sea_earth_ohm=bed_ohm)
    more = [replace(feed, current_setpoint_ma=1100.0) for feed in (FEED_A, FEED_B)]
    found = what_changed(core_cable(line), readings(line=line), readings(line=line, a=more[0], b=more[1], t=AT_ONCE))
    assert found.steps is not None
    assert found.steps.sum_v == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("seed", range(30))
def test_with_noise_it_is_at_worst_not_told_apart_from_a_shunt(seed: int) -> None:
    draw, b = Random(seed), replace(FEED_B, current_setpoint_ma=1000.5)
    before, after = measured(solve(TC_380, FEED_A, FEED_B), draw, 0), measured(solve(TC_380, FEED_A, b), draw, AT_ONCE)
    assert set(changed(after, before, TOLD)) in ({Cause.MIS_SET}, {Cause.MIS_SET, Cause.SHUNT})


@pytest.mark.parametrize("ohm", [0.0, 10.0, 1e3, 1e5])
@pytest.mark.parametrize("km", [30.0, 50.0, 330.0])
def test_a_shunt_away_from_the_virtual_earth_is_a_shunt(km: float, ohm: float) -> None:
    assert changed(readings(Shunt(km, ohm), t=AT_ONCE)) == (Cause.SHUNT,)


@pytest.mark.parametrize("seed", range(30))
def test_with_noise_a_shunt_is_never_a_set_point_alone(seed: int) -> None:
    draw = Random(seed)
    fault = Shunt(draw.uniform(2, 378), draw.uniform(0, 1000))
    before, after = measured(solve(TC_380, FEED_A, FEED_B), draw, 0), measured(solve(TC_380, FEED_A, FEED_B, fault), draw, AT_ONCE)
    found = changed(after, before)
    assert Cause.SHUNT in found or found == (Cause.NOTHING,), (fault, found)


def test_even_a_megohm_shows_as_a_change_of_the_split() -> None:
    found = what_changed(CABLE, BEFORE, readings(Shunt(50, 1e6), t=AT_ONCE))
    assert Cause.SHUNT in found.candidates
    assert found.steps is not None
    assert found.steps.a_v == pytest.approx(-29, abs=0.1)


@pytest.mark.parametrize("km", [175.0, 200.0, 210.0])
def test_a_shunt_near_the_virtual_earth_is_not_told_apart_and_both_are_named(km: float) -> None:
    found = what_changed(CABLE, BEFORE, readings(Shunt(km, 0), t=AT_ONCE))
    assert set(found.candidates) == {Cause.SHUNT, Cause.MIS_SET}
    assert found.cause is None


def test_a_shunt_at_the_virtual_earth_shows_nothing() -> None:
    assert changed(readings(Shunt(190.02, 0), t=AT_ONCE)) == (Cause.NOTHING,)


# The rest of the table


def test_nothing_is_nothing_with_every_noise() -> None:
    for seed in range(200):
        draw, state = Random(seed), solve(TC_380, FEED_A, FEED_B)
        assert changed(measured(state, draw, AT_ONCE), measured(state, draw, 0)) == (Cause.NOTHING,)


@pytest.mark.parametrize("earth_v", [3.0, -3.0, 10.0, 30.0, -30.0])
def test_a_slow_change_of_the_sum_is_an_earth_potential(earth_v: float) -> None:
    line = replace(TC_380, earth_potential_v=earth_v)
    assert changed(readings(line=line, t=SLOWLY)) == (Cause.EARTH_POTENTIAL,)


@pytest.mark.parametrize("change_v", [-40.0, -5.0, -3.0])
def test_a_change_of_the_sum_at_once_is_a_repeater(change_v: float) -> None:
    line = replace(TC_380, repeater_changes_v=(0.0, change_v, 0.0, 0.0))
    assert changed(readings(line=line, t=AT_ONCE)) == (Cause.REPEATER,)


def test_a_slow_change_by_a_whole_repeater_names_both() -> None:
    line = replace(TC_380, repeater_changes_v=(0.0, -39.0, 0.0, 0.0))
    assert changed(readings(line=line, t=SLOWLY)) == (Cause.REPEATER, Cause.EARTH_POTENTIAL)


@pytest.mark.parametrize("on", [(False, True), (None, None)])
def test_a_trip_is_told_by_the_unit_and_by_the_figures(on: tuple[bool | None, bool | None]) -> None:
    assert changed(readings(a=OFF_A, t=AT_ONCE, on=on)) == (Cause.TRIP_A,)
    assert changed(readings(b=OFF_B, t=AT_ONCE, on=on[::-1])) == (Cause.TRIP_B,)


def test_a_short_at_the_door_of_a_station_is_not_its_trip() -> None:
    assert changed(readings(Shunt(1, 0), t=AT_ONCE)) == (Cause.SHUNT, Cause.CUT)


def test_both_feeds_off_is_both_off() -> None:
    assert changed(readings(a=OFF_A, b=OFF_B, t=AT_ONCE, on=(False, False))) == (Cause.BOTH_OFF,)


def test_no_voltage_and_no_current_with_both_outputs_on_may_be_an_open() -> None:
    dead = Ends(Feed(0.0, 0.0, AT_ONCE, on=True), Feed(0.0, 0.0, AT_ONCE, on=True))
    assert changed(dead) == (Cause.BOTH_OFF, Cause.OPEN)


def test_an_insulated_open_is_an_open() -> None:
    assert changed(readings(InsulatedOpen(100), t=AT_ONCE)) == (Cause.OPEN,)


def test_no_current_with_one_end_off_is_an_open_or_its_trip() -> None:
    idle = replace(OFF_A, open_when_off=True)
    assert changed(readings(a=idle, t=AT_ONCE, on=(False, True))) == (Cause.OPEN, Cause.TRIP_A)


@pytest.mark.parametrize("km", [20.0, 60.0, 120.0, 300.0])
@pytest.mark.parametrize("ohm", [2.0, 5.0])
def test_a_cut_with_bare_ends_is_a_cut_before_it_is_a_shunt(km: float, ohm: float) -> None:
    assert changed(readings(Cut(km, ohm), t=AT_ONCE)) == (Cause.CUT, Cause.SHUNT)


@settings(max_examples=60, deadline=None)
@given(st.floats(1, 379), st.floats(1, 10))
def test_wherever_a_cut_is_it_is_named(km: float, ohm: float) -> None:
    assert Cause.CUT in changed(readings(Cut(km, ohm), t=AT_ONCE))


def test_a_trip_that_leaves_a_part_of_the_line_is_not_only_a_trip() -> None:
    after = readings(Cut(120, 5), b=OFF_B, t=AT_ONCE)
    assert Cause.CUT in changed(after)
    assert what_changed(CABLE, BEFORE, after).cause is None


@pytest.mark.parametrize("ohm", [10.0, 100.0, 1000.0])
def test_a_leak_on_a_line_fed_from_one_end_is_a_shunt(ohm: float) -> None:
    assert changed(readings(Shunt(300, ohm), b=OFF_B, t=AT_ONCE), readings(b=OFF_B)) == (Cause.SHUNT,)


def test_a_line_fed_from_one_end_that_does_not_change_is_no_trip() -> None:
    assert changed(readings(b=OFF_B, t=AT_ONCE), readings(b=OFF_B)) == (Cause.NOTHING,)


def test_currents_that_part_without_voltages_are_a_matter_of_the_meters() -> None:
    assert BEFORE.a is not None
    found = what_changed(CABLE, BEFORE, Ends(replace(BEFORE.a, current_ma=1003.0), BEFORE.b))
    assert found.candidates == ()
    assert "meters" in found.why


# One end alone


@pytest.mark.parametrize("end", ["a", "b"])
def test_one_end_alone_never_names_one_cause_for_a_moved_voltage(end: str) -> None:
    for after in (readings(Shunt(50, 0)), readings(b=replace(FEED_B, current_setpoint_ma=1000.5)), readings(Cut(120, 5))):
        before, now = (Ends(BEFORE.a), Ends(after.a)) if end == "a" else (Ends(None, BEFORE.b), Ends(None, after.b))
        if end == "a":  # at b the set-point itself moved, which that end can see
            assert {Cause.SHUNT, Cause.MIS_SET} <= set(changed(now, before))


def test_one_end_sees_its_own_set_point_move() -> None:
    after = readings(b=replace(FEED_B, current_setpoint_ma=1001))
    assert changed(Ends(None, after.b), Ends(None, BEFORE.b), TOLD) == (Cause.MIS_SET,)
    unknown = changed(Ends(None, after.b), Ends(None, BEFORE.b))
    assert unknown[0] is Cause.MIS_SET
    assert Cause.SHUNT in unknown


def test_one_end_that_carries_the_whole_line_names_the_far_trip_first() -> None:
    found = changed(Ends(readings(b=OFF_B).a), Ends(BEFORE.a))
    assert found[0] is Cause.TRIP_B
    assert Cause.SHUNT in found


@pytest.mark.parametrize("droop_s", [0.0, 1e-5, 3e-5])
def test_an_end_that_comes_to_carry_the_whole_line_names_the_far_trip_whatever_its_droop(droop_s: float) -> None:
    a = replace(FEED_A, droop_s=droop_s)
    found = changed(Ends(readings(a=a, b=OFF_B).a), Ends(readings(a=a).a), TOLD)
    assert found[0] is Cause.TRIP_B
    assert len(found) > 1


def test_one_end_knows_its_own_trip_and_no_more() -> None:
    after = readings(a=OFF_A, on=(False, None))
    assert changed(Ends(after.a), Ends(BEFORE.a)) == (Cause.TRIP_A,)
    assert Cause.BOTH_OFF in changed(Ends(Feed(0.0, 0.0, 1.0, on=None)), Ends(BEFORE.a))


def test_one_end_with_voltage_and_no_current_names_the_open_and_the_far_end() -> None:
    assert changed(Ends(readings(InsulatedOpen(100)).a), Ends(BEFORE.a)) == (Cause.OPEN, Cause.TRIP_B)


def test_one_end_that_shows_nothing_says_what_it_would_not_see() -> None:
    found = what_changed(CABLE, Ends(BEFORE.a), Ends(BEFORE.a))
    assert found.cause is Cause.NOTHING
    assert "virtual earth" in found.why


def test_no_end_says_nothing() -> None:
    assert what_changed(CABLE, Ends(), Ends()).candidates == ()
    assert what_changed(CABLE, Ends(BEFORE.a), Ends(None, BEFORE.b)).candidates == ()


@settings(max_examples=300, deadline=None)
@given(*(st.floats(0, 2000) for _ in range(8)), st.sampled_from((True, False, None)), st.floats(-1, 1e4))
def test_every_set_of_figures_gets_an_answer(
    a0: float, b0: float, a1: float, b1: float, va0: float, vb0: float, va1: float, vb1: float, on: bool | None, dt: float
) -> None:
    found = what_changed(CABLE, Ends(Feed(a0, va0, 0), Feed(b0, vb0, 0)), Ends(Feed(a1, va1, dt, on), Feed(b1, vb1, dt)))
    assert found.why
    assert len(set(found.candidates)) == len(found.candidates)
