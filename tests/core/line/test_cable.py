"""The forward model: its own laws, and against the twin that shares no code with it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.line.cable import (
    expected_v,
    line_v,
    repeater_v,
    repeaters_before,
    spot_at,
    virtual_earth_km,
    volts_to,
)
from stationd.core.line.words import Cable, End, Feed
from stationd.sim.cable import KB_330, S1_341, TC_380, CableParameters, PowerFeed, balanced
from stationd.sim.solver import solve
from tests.core.line.twin import CABLE, core_cable, readings

quick = settings(max_examples=100, deadline=None)


@st.composite
def cables(draw: st.DrawFn) -> Cable:
    spans = draw(st.lists(st.floats(20, 120), min_size=1, max_size=8))
    stops = [sum(spans[: n + 1]) for n in range(len(spans))]
    return Cable(
        stops[-1], draw(st.floats(0.5, 2)), tuple(stops[:-1]), draw(st.floats(0, 100)), sea_earth_ohm=draw(st.sampled_from((0.0, 3.0)))
    )


currents_a, shares = st.floats(0.05, 1.6), st.floats(0, 1)


@quick
@given(cables(), currents_a, shares, st.sampled_from(End))
def test_a_voltage_leads_back_to_the_place_it_came_from(cable: Cable, current_a: float, share: float, end: End) -> None:
    km = share * cable.length_km
    assert spot_at(cable, volts_to(cable, km, current_a, end), current_a, end).km == pytest.approx(km, abs=1e-6)


@quick
@given(cables(), currents_a, st.floats(-50, 3000), st.floats(0, 200), st.sampled_from(End))
def test_more_voltage_never_leads_to_a_nearer_place(cable: Cable, current_a: float, volts: float, more_v: float, end: End) -> None:
    near, far = (spot_at(cable, v, current_a, end).km for v in (volts, volts + more_v))
    assert (near <= far) if end is End.A else (near >= far)
    assert 0 <= near <= cable.length_km
    assert 0 <= far <= cable.length_km


@quick
@given(cables(), currents_a, shares)
def test_both_ways_to_a_place_make_up_the_line(cable: Cable, current_a: float, share: float) -> None:
    km = share * cable.length_km
    both_v = volts_to(cable, km, current_a) + volts_to(cable, km, current_a, End.B)
    assert both_v == pytest.approx(line_v(cable, current_a))


def test_a_repeater_at_the_very_place_belongs_to_the_far_side() -> None:
    assert repeaters_before(CABLE, 76.0) == 0
    assert volts_to(CABLE, 76.0, 1.0) == 76.0
    assert volts_to(CABLE, 76.001, 1.0) == pytest.approx(116.001)
    assert volts_to(CABLE, 76.0, 1.0, End.B) == pytest.approx(304 + 4 * 40)


@pytest.mark.parametrize(("volts", "km", "repeater"), [(76.0, 76, None), (96.0, 76, 1), (116.0, 76, 1), (117.0, 77, None), (211.0, 152, 2)])
def test_a_voltage_within_the_step_of_a_repeater_is_at_that_repeater(volts: float, km: float, repeater: int | None) -> None:
    spot = spot_at(CABLE, volts, 1.0)
    assert (spot.km, spot.repeater) == (pytest.approx(km), repeater)


def test_repeaters_are_counted_from_a_whichever_end_looks() -> None:
    assert spot_at(CABLE, 76.0 + 20, 1.0, End.B).repeater == 4


def test_below_the_knee_a_repeater_drops_in_proportion() -> None:
    assert repeater_v(CABLE, 0.05) == pytest.approx(20)
    assert repeater_v(CABLE, 1.0) == 40


@pytest.mark.parametrize("line", [TC_380, S1_341, KB_330])
@pytest.mark.parametrize("current_ma", [50.0, 500.0, 1000.0])
def test_the_sum_of_both_voltages_is_that_of_the_twin(line: CableParameters, current_ma: float) -> None:
    assert line_v(core_cable(line), current_ma / 1000) == pytest.approx(line.line_v(current_ma))


@quick
@given(currents_a, shares, st.floats(-30, 30))
def test_the_expected_voltages_sum_to_the_line_and_keep_the_share(current_a: float, share: float, earth_v: float) -> None:
    a_v, b_v = expected_v(CABLE, current_a, share, earth_v)
    assert a_v + b_v == pytest.approx(line_v(CABLE, current_a, earth_v))
    assert a_v == pytest.approx(share * (a_v + b_v))


@quick
@given(st.floats(999.2, 1000.8), st.sampled_from((0.0, 3.0)))
def test_the_virtual_earth_is_that_of_the_twin_from_either_end_and_from_both(setpoint_ma: float, bed_ohm: float) -> None:
    line = CableParameters(380.0, TC_380.repeaters_km, sea_earth_ohm=bed_ohm)
    a, b = balanced(line)
    b = PowerFeed(current_setpoint_ma=setpoint_ma, balance_v=b.balance_v, polarity=b.polarity)
    seen, wanted = readings(line=line, a=a, b=b), solve(line, a, b).virtual_earth_km
    for pair in ((seen.a, None), (None, seen.b), (seen.a, seen.b)):
        assert virtual_earth_km(core_cable(line), *pair) == pytest.approx(wanted, abs=1e-3)


def test_without_a_reading_or_a_current_there_is_no_virtual_earth() -> None:
    assert virtual_earth_km(CABLE, None, None) is None
    assert virtual_earth_km(CABLE, Feed(0.0, 0.0, 0.0)) is None


def test_with_both_ends_a_resistance_that_is_off_everywhere_does_not_move_the_virtual_earth() -> None:
    warm = CableParameters(380.0, TC_380.repeaters_km, conductor_ohm_per_km=1.05, repeater_drop_v=42.0)
    seen = readings(line=warm)
    assert virtual_earth_km(CABLE, seen.a, seen.b) == pytest.approx(190, abs=0.01)
