"""Where a shunt or a cut lies: the published examples, the twin without noise, and single noisy readings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stationd.bench.shunt import KNOWN, worst_share_of_line
from stationd.core.line.locate import locate_cut, locate_shunt, residual_v
from stationd.core.line.uncertainty import Ends, NotVisible, Uncertainty
from stationd.core.line.words import Cable, Fault, Feed, Location
from stationd.sim.cable import TC_380, CableParameters, Cut, Shunt, balanced
from tests.core.line.twin import CABLE, FEED_A, FEED_B, core_cable, readings

quick = settings(max_examples=20, deadline=None)
RIO = Cable(3529.0, 1.38, (*(1033.0 * n / 20 for n in range(1, 21)), *(1065.0 + 48.0 * n for n in range(49))), 31.75)


def located(found: Location | NotVisible) -> Location:
    assert isinstance(found, Location), found
    return found


# Published examples


def test_the_published_shunt_between_rio_and_fortaleza_is_found_where_both_ends_say() -> None:
    assert len(RIO.repeaters_km) == 69
    found = located(locate_shunt(RIO, Ends(Feed(900.0, 1952.0, 0.0), Feed(900.0, 4659.0, 0.0))))
    assert found.from_a_km == pytest.approx(1060.4, abs=0.05)
    assert found.from_b_km == pytest.approx(1030.4, abs=0.05)
    assert found.residual_v == pytest.approx(37.2, abs=0.05)
    assert found.place.low_km < 1060.4 < found.place.high_km
    assert found.ends == 2


def test_the_section_of_the_fault_decides_how_many_repeaters_count_for_an_end_that_ends_within_one() -> None:
    """The same readings on a line of equal spans, where the voltage of end a ends within the step of repeater 21."""
    even = replace(RIO, repeaters_km=tuple(3529.0 / 70 * n for n in range(1, 70)))
    found = located(locate_shunt(even, Ends(Feed(900.0, 1952.0, 0.0), Feed(900.0, 4659.0, 0.0))))
    assert (found.from_a_km, found.from_b_km) == (pytest.approx(1060.4, abs=0.05), pytest.approx(1030.4, abs=0.05))


@pytest.mark.parametrize(
    ("km", "ohm", "i_a", "i_b", "v_a", "v_b", "fault_v"),
    [
        (50, 0, 1000.726, 999.275, 50.036, 489.761, 0.0),
        (50, 10, 1000.726, 999.275, 50.051, 489.746, 0.015),
        (50, 1e3, 1000.721, 999.280, 51.478, 488.321, 1.442),
        (50, 1e5, 1000.437, 999.563, 137.46, 402.42, 87.44),
        (50, 1e6, 1000.096, 999.905, 241.04, 298.93, 191.0),
        (200, 0, 999.967, 1000.033, 279.993, 260.006, 0.0),
    ],
)
def test_the_published_vectors_lead_back_to_their_shunt(
    km: float, ohm: float, i_a: float, i_b: float, v_a: float, v_b: float, fault_v: float
) -> None:
    """Without the fault's own voltage, which is part of the vector, both ends meet at the place."""
    after = Ends(Feed(i_a, v_a - fault_v, 0.0), Feed(i_b, v_b + fault_v, 0.0))
    found = located(locate_shunt(CABLE, after, uncertainty=KNOWN))
    assert found.from_a_km == pytest.approx(km, abs=0.05)
    assert found.from_b_km == pytest.approx(km, abs=0.05)
    assert abs(found.residual_v or 0.0) < 0.01
    if ohm <= KNOWN.fault_ohm:
        more = replace(KNOWN, fault_ohm=1100.0)  # the vector lies on the very edge of what is looked for
        whole = located(locate_shunt(CABLE, Ends(Feed(i_a, v_a, 0.0), Feed(i_b, v_b, 0.0)), readings(), more))
        assert whole.place.low_km <= km <= whole.place.high_km


@pytest.mark.parametrize(("earth_v", "missetting_ma"), [(0.0, 0.0), (10.0, 0.0), (0.0, 0.5)])
def test_the_published_vectors_without_a_fault_show_none(earth_v: float, missetting_ma: float) -> None:
    line, b = replace(TC_380, earth_potential_v=earth_v), replace(FEED_B, current_setpoint_ma=1000 + missetting_ma)
    seen = readings(line=line, b=b)
    assert isinstance(locate_shunt(CABLE, seen, seen), NotVisible)
    assert residual_v(CABLE, seen) == pytest.approx(earth_v, abs=1e-3)


# Laws


@quick
@given(st.floats(1, 379), st.floats(0, 5), st.floats(0.6, 1.6))
def test_without_noise_both_ends_agree_and_nothing_is_left(km: float, bed_ohm: float, ohm_per_km: float) -> None:
    line = replace(TC_380, sea_earth_ohm=bed_ohm, conductor_ohm_per_km=ohm_per_km)
    a, b = balanced(line)
    found = located(locate_shunt(core_cable(line), readings(Shunt(km, 0), line=line, a=a, b=b)))
    assert found.from_a_km == pytest.approx(km, abs=1e-3)
    assert found.from_b_km == pytest.approx(km, abs=1e-3)
    assert found.fault is Fault.SHUNT
    beyond_v = residual_v(core_cable(line), readings(Shunt(km, 0), line=line, a=a, b=b), km)
    assert beyond_v == pytest.approx(0, abs=1e-3)


@quick
@given(st.floats(0, 600), st.floats(0, 600), st.floats(900, 1100), st.floats(0, 30))
def test_whatever_is_read_the_interval_holds_its_best_km_and_lies_on_the_line(v_a: float, v_b: float, i_b: float, more: float) -> None:
    for after in (Ends(Feed(1000, v_a, 1), Feed(i_b, v_b, 1)), Ends(Feed(1000, v_a, 1)), Ends(None, Feed(i_b, v_b, 1))):
        found = locate_shunt(CABLE, after, Ends(Feed(1000, v_a + more, 0), Feed(1000, 300, 0)))
        if isinstance(found, Location):
            assert 0 <= found.place.low_km <= found.place.km <= found.place.high_km <= 380


@quick
@given(st.floats(0, 500), st.floats(0.5, 40))
def test_a_higher_voltage_at_a_is_never_a_nearer_shunt(v_a: float, more_v: float) -> None:
    """The interval never goes back. The best km in it may, beside a repeater and at the shore: by at most 3.1 km in the whole range."""
    near, far = (located(locate_shunt(CABLE, Ends(Feed(1000, volts, 0)))).place for volts in (v_a, v_a + more_v))
    assert near.low_km <= far.low_km + 0.1
    assert near.high_km <= far.high_km + 0.1
    assert near.km <= far.km + 3.2


@given(st.floats(1, 379), st.floats(0, 100))
@quick
def test_with_everything_known_the_stated_interval_is_narrow_and_holds_the_shunt(km: float, ohm: float) -> None:
    assume(min(abs(km - at) for at in TC_380.repeaters_km) > 0.5)
    assume(abs(km - 190) > 1)
    found = located(locate_shunt(CABLE, readings(Shunt(km, ohm)), readings(), replace(KNOWN, fault_ohm=100.0)))
    assert found.place.low_km - 0.05 <= km <= found.place.high_km + 0.05
    assert found.place.half_km < 0.5


def test_single_noisy_readings_find_every_low_ohm_shunt_to_half_a_percent_of_the_line() -> None:
    assert worst_share_of_line(ohms=(0.0, 100.0)) <= 0.005


def test_the_same_readings_give_the_same_place() -> None:
    after, before = readings(Shunt(123, 40)), readings()
    assert locate_shunt(CABLE, after, before) == locate_shunt(CABLE, after, before)


# One end, no end, nothing to see


@pytest.mark.parametrize("km", [10.0, 100.0, 300.0])
def test_one_end_alone_locates_wider(km: float) -> None:
    after, before = readings(Shunt(km, 20)), readings()
    both = located(locate_shunt(CABLE, after, before))
    for ends, then in ((Ends(after.a), Ends(before.a)), (Ends(None, after.b), Ends(None, before.b))):
        alone = located(locate_shunt(CABLE, ends, then))
        assert alone.ends == 1
        assert alone.residual_v is None
        assert alone.place.low_km <= km <= alone.place.high_km
        assert alone.place.half_km > 0.95 * both.place.half_km


def test_without_the_readings_before_the_event_the_place_is_no_better() -> None:
    after, before = readings(Shunt(300, 20)), readings()
    with_them, without = (located(locate_shunt(CABLE, after, then)) for then in (before, None))
    assert without.place.low_km <= 300 <= without.place.high_km
    assert without.place.half_km >= with_them.place.half_km


def test_what_the_meters_cannot_see_is_not_located() -> None:
    before = readings()
    assert isinstance(locate_shunt(CABLE, before, before), NotVisible)
    assert isinstance(locate_shunt(CABLE, readings(Shunt(190.05, 1000)), before), NotVisible)
    assert isinstance(locate_shunt(CABLE, Ends(), before), NotVisible)


def test_a_voltage_within_the_step_of_a_repeater_puts_the_fault_at_that_repeater() -> None:
    after = Ends(Feed(1000.57, 96.0, 1.0), Feed(999.43, 444.0, 1.0))
    found = located(locate_shunt(CABLE, after, readings()))
    assert found.repeater == 1
    assert found.place.km == 76


def test_figures_that_contradict_the_line_widen_the_interval_instead_of_hiding_it() -> None:
    found = located(locate_shunt(CABLE, Ends(Feed(1000, 100, 1), Feed(1000, 250, 1)), readings(), KNOWN))
    assert found.residual_v == pytest.approx(-190)
    assert found.place.half_km > 20


@pytest.mark.parametrize("earth_v", [0.0, 20.0, -20.0])
def test_a_line_fed_from_one_end_is_located_although_the_earth_may_drive_the_idle_side(earth_v: float) -> None:
    idle_b, line = replace(FEED_B, output_on=False), replace(TC_380, earth_potential_v=earth_v)
    for km in (50.0, 200.0, 350.0):
        for ohm in (0.0, 10.0, 100.0, 1000.0):
            found = located(locate_shunt(CABLE, readings(Shunt(km, ohm), line=line, b=idle_b), readings(line=line, b=idle_b)))
            assert found.place.low_km <= km <= found.place.high_km, (km, ohm, found)


PERFECT = replace(KNOWN, current_resolution_ma=0.0, voltage_resolution_v=0.0, current_noise_ma=0.0, voltage_noise_v=0.0)


@pytest.mark.parametrize("known", [Uncertainty(), KNOWN, PERFECT])
@pytest.mark.parametrize("current_ma", [0.0, 20.0, 1000.0])
def test_extreme_figures_get_an_answer_and_never_an_error(known: Uncertainty, current_ma: float) -> None:
    for volts in (0.0, 300.0, 5000.0):
        for after in (Ends(Feed(current_ma, volts, 1), Feed(current_ma, 0.0, 1)), Ends(None, Feed(current_ma, volts, 1))):
            for found in (locate_shunt(CABLE, after, readings(), known), locate_cut(CABLE, after, known)):
                assert isinstance(found, NotVisible) or 0 <= found.place.low_km <= found.place.km <= found.place.high_km <= 380


@pytest.mark.parametrize("km", [30.0, 120.0, 333.0])
def test_with_perfect_meters_and_a_known_line_the_place_is_exact(km: float) -> None:
    found = located(locate_shunt(CABLE, readings(Shunt(km, 0)), readings(), replace(PERFECT, fault_ohm=0.0)))
    assert found.place.km == pytest.approx(km, abs=0.02)
    assert found.place.low_km <= km <= found.place.high_km


# Cuts


@pytest.mark.parametrize("km", [5.0, 60.0, 120.0, 200.0, 377.0])
@pytest.mark.parametrize("ohm", [1.0, 5.0, 9.0])
def test_both_ends_of_a_cut_locate_it_and_agree_within_their_intervals(km: float, ohm: float) -> None:
    after = readings(Cut(km, ohm))
    both, a, b = (located(locate_cut(CABLE, ends)) for ends in (after, Ends(after.a), Ends(None, after.b)))
    assert both.fault is Fault.CUT
    assert all(found.place.low_km <= km <= found.place.high_km for found in (both, a, b))
    assert max(a.place.low_km, b.place.low_km) <= min(a.place.high_km, b.place.high_km)


def test_a_cut_with_one_end_off_is_located_by_the_other_alone() -> None:
    found = located(locate_cut(CABLE, readings(Cut(120, 5), b=replace(FEED_B, output_on=False))))
    assert found.ends == 1
    assert found.place.low_km <= 120 <= found.place.high_km


def test_an_end_that_says_it_is_off_does_not_locate_a_cut_although_a_current_lingers_at_it() -> None:
    feeding = readings(Cut(120, 5), b=replace(FEED_B, output_on=False))
    ends = Ends(feeding.a, Feed(40.0, 12.0, 0.0, on=False))
    assert locate_cut(CABLE, ends) == locate_cut(CABLE, Ends(feeding.a))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("earth_v", [-30.0, 30.0])
def test_an_earth_potential_before_the_fault_is_within_the_interval(share: float, earth_v: float) -> None:
    """A share of it lies before the fault; neither end can see how much."""
    line = replace(TC_380, earth_potential_v=(1 - share) * earth_v)
    sound = readings(line=replace(TC_380, earth_potential_v=earth_v))
    for km in (50.0, 130.0, 270.0, 350.0):
        seen = readings(Shunt(km, 5.0), line=line)
        assert seen.a is not None
        found = located(locate_shunt(CABLE, Ends(replace(seen.a, voltage_v=seen.a.voltage_v + share * earth_v), seen.b), sound))
        assert found.place.low_km <= km <= found.place.high_km, (km, found)


@pytest.mark.parametrize("off_v", [10.0, -10.0, 20.0, -20.0])
@pytest.mark.parametrize("end", ["a", "b"])
def test_a_voltmeter_that_is_off_widens_the_interval_and_does_not_move_the_fault_out_of_it(off_v: float, end: str) -> None:
    def off(ends: Ends) -> Ends:
        a, b = ends.a, ends.b
        assert a is not None
        assert b is not None
        a, b = (replace(a, voltage_v=a.voltage_v + off_v), b) if end == "a" else (a, replace(b, voltage_v=b.voltage_v + off_v))
        return Ends(a, b)

    for km in (45.0, 110.0, 190.5, 260.0, 340.0):
        found = located(locate_shunt(CABLE, off(readings(Shunt(km, 10.0))), off(readings())))
        assert found.place.low_km <= km <= found.place.high_km, (km, found)


@pytest.mark.parametrize("bed_ohm", [2.0, 3.5, 5.0])
def test_an_earth_bed_within_its_bounds_is_within_the_interval_where_all_else_is_known(bed_ohm: float) -> None:
    line, cable = replace(TC_380, sea_earth_ohm=bed_ohm), replace(CABLE, sea_earth_ohm=3.5)
    for km in (40.0, 120.0, 200.0, 330.0):
        found = located(locate_shunt(cable, readings(Shunt(km, 1.0), line=line), readings(line=line), replace(KNOWN, sea_earth_ohm=1.5)))
        assert found.place.low_km <= km <= found.place.high_km
        assert found.place.half_km < 2.5


@pytest.mark.parametrize(("km", "ohm"), [(206.0, 133.0), (206.0, 1.0), (100.0, 300.0), (250.0, 500.0), (60.0, 700.0)])
@pytest.mark.parametrize("off", ["a", "b"])
def test_one_end_that_carried_the_whole_line_does_not_know_what_its_fault_takes(km: float, ohm: float, off: str) -> None:
    """Fed from one end, the fault may take all of the current: its own voltage is not small."""
    a, b = replace(FEED_A, output_on=off != "a"), replace(FEED_B, output_on=off != "b")
    after, before = readings(Shunt(km, ohm), a=a, b=b), readings(a=a, b=b)
    seen, then = (Ends(None, after.b), Ends(None, before.b)) if off == "a" else (Ends(after.a), Ends(before.a))
    found = located(locate_shunt(CABLE, seen, then))
    assert found.place.low_km <= km <= found.place.high_km


def test_a_cut_with_both_ends_off_is_not_located() -> None:
    assert isinstance(locate_cut(CABLE, Ends(Feed(0, 0, 0, on=False), Feed(0, 0, 0, on=False))), NotVisible)


def test_a_line_without_repeaters_is_located_too() -> None:
    line = CableParameters(300.0)
    a, b = balanced(line)
    found = located(locate_shunt(core_cable(line), readings(Shunt(77, 5), line=line, a=a, b=b), readings(line=line, a=a, b=b)))
    assert found.place.low_km <= 77 <= found.place.high_km


def test_a_better_known_line_gives_a_narrower_interval() -> None:
    after, before = readings(Shunt(140, 10), a=FEED_A), readings()
    wide = located(locate_shunt(CABLE, after, before))
    narrow = located(locate_shunt(CABLE, after, before, replace(Uncertainty(), resistance_share=0.005, shore_share=0.0)))
    assert narrow.place.half_km < wide.place.half_km / 2
