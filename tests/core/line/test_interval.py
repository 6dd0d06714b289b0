"""Whether the stated intervals are honest: seeded shunts of the twin with everything unknown at once.

200 cases in an ordinary run; STATIOND_SHUNT_CASES=1000 takes the whole number, `stationd bench shunt` prints the figures.
"""

from __future__ import annotations

import os
import sys

import pytest

from stationd.bench.shunt import KNOWN_LOW_OHM, Unknowns, tally
from stationd.core.line.locate import locate_shunt
from stationd.core.line.uncertainty import Uncertainty
from stationd.core.line.words import Location
from stationd.sim.cable import Shunt
from tests.core.line.twin import CABLE, readings

CASES = int(os.environ.get("STATIOND_SHUNT_CASES", "200"))


def test_the_interval_covers_the_truth_as_often_as_it_says_and_is_no_wider_than_it_must() -> None:
    done = tally(CASES)
    sys.stdout.write(
        f"\n{CASES} cases: coverage {done.coverage:.3f}, median error {done.median_error_km:.2f} km, "
        f"half width {done.median_half_km:.2f} km, full width {2 * done.median_half_km:.2f} km, {done.hidden} not visible\n"
    )
    assert 0.93 <= done.coverage <= 0.98
    assert done.median_half_km <= 3.5 * done.median_error_km
    assert done.hidden <= CASES // 50


def test_it_is_as_honest_with_an_earth_potential_along_the_route_with_earth_beds_and_with_every_droop() -> None:
    done = tally(CASES, Unknowns.WIDE)
    sys.stdout.write(
        f"\n{CASES} wide cases: coverage {done.coverage:.3f}, median error {done.median_error_km:.2f} km, "
        f"half width {done.median_half_km:.2f} km, {done.hidden} not visible\n"
    )
    assert 0.93 <= done.coverage <= 0.98
    assert done.median_half_km <= 3.5 * done.median_error_km
    assert done.hidden <= CASES // 50


def test_it_is_as_honest_where_only_the_meters_are_in_error() -> None:
    done = tally(CASES, Unknowns.NONE, KNOWN_LOW_OHM)
    assert 0.93 <= done.coverage <= 0.98
    assert done.median_half_km <= 3.5 * done.median_error_km
    assert done.median_half_km < 0.2


@pytest.mark.parametrize("off_km", [-0.4, -0.1, 0.0, 0.1, 0.4])
def test_an_interval_that_ends_among_the_tails_of_a_repeater_reaches_to_the_repeater(off_km: float) -> None:
    for repeater_km in CABLE.repeaters_km:
        found = locate_shunt(CABLE, readings(Shunt(repeater_km + off_km, 10.0)), readings(), Uncertainty(resistance_share=0.0))
        assert isinstance(found, Location)
        assert not 0.0 < repeater_km - found.place.high_km < 0.5
        assert not 0.0 < found.place.low_km - repeater_km < 0.5
