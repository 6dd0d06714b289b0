"""The insulated open: what the charging of the twin's cable tells."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.line.opening import open_by_charge, open_by_slope, slope
from stationd.core.line.uncertainty import NotVisible, Uncertainty
from stationd.core.line.words import End, Fault, Location
from stationd.sim.cable import TC_380, charge_rate_v_per_s
from stationd.sim.cable import End as SimEnd
from tests.core.line.twin import CABLE


@settings(max_examples=100, deadline=None)
@given(st.floats(0.02, 0.98), st.sampled_from(End), st.floats(1, 5))
def test_the_rate_of_charge_leads_back_to_the_break(share: float, end: End, current_ma: float) -> None:
    km = share * 380
    found = open_by_slope(CABLE, end, current_ma, charge_rate_v_per_s(TC_380, SimEnd(end.value), km, current_ma))
    assert isinstance(found, Location)
    assert found.fault is Fault.OPEN
    assert found.place.km == pytest.approx(km)
    assert 0 <= found.place.low_km < km < found.place.high_km <= 380
    assert (found.from_a_km is None) is (end is End.B)


def test_charge_over_voltage_tells_the_same() -> None:
    found = open_by_charge(CABLE, End.A, 0.2 * 120 * 50, 50.0)
    assert isinstance(found, Location)
    assert found.place.km == pytest.approx(120)


def test_the_interval_holds_a_cable_whose_capacitance_is_off_by_its_bound() -> None:
    for share in (-0.09, 0.09):
        cable = replace(CABLE, capacitance_uf_per_km=0.2 * (1 + share))
        real = 1.0 / 1e3 / (cable.capacitance_uf_per_km * 1e-6 * 150)
        found = open_by_slope(CABLE, End.A, 1.0, real)
        assert isinstance(found, Location)
        assert found.place.low_km <= 150 <= found.place.high_km


def test_a_slope_from_noisy_samples_carries_its_own_doubt() -> None:
    draw = Random(4)
    samples = [(0.1 * n, 26.3 * 0.1 * n + draw.gauss(0, 0.05)) for n in range(20)]
    rate, sd = slope(samples, 0.05)
    assert abs(rate - 26.3) < 3 * sd < 0.5
    known = replace(Uncertainty(), capacitance_share=0.0, current_noise_ma=0.0, current_resolution_ma=0.0)
    found = open_by_slope(CABLE, End.A, 1.0, rate, sd, known)
    assert isinstance(found, Location)
    assert found.place.low_km <= 1e3 / 0.2 / 26.3 <= found.place.high_km


def test_a_line_that_does_not_charge_is_not_open() -> None:
    assert isinstance(open_by_slope(CABLE, End.A, 1.0, 0.0), NotVisible)
    assert isinstance(open_by_slope(CABLE, End.A, 1.0, 1.0, 0.6), NotVisible)
    assert isinstance(open_by_charge(CABLE, End.A, 10.0, 0.05), NotVisible)


def test_more_charge_than_the_whole_line_takes_is_not_an_open() -> None:
    found = open_by_slope(CABLE, End.A, 5.0, 5.0 / 1e3 / (0.2e-6 * 700))
    assert isinstance(found, NotVisible)
    assert "whole line" in found.why


def test_a_slope_needs_three_times() -> None:
    with pytest.raises(ValueError, match="3 different times"):
        slope([(0.0, 1.0), (1.0, 2.0), (1.0, 3.0)])
