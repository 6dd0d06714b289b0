"""The set point as a function of time and of the measured current."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stationd.core.powerfeed.follower import STEP_V, leaving_v, share_v
from stationd.core.powerfeed.profile import LEAST_STEP_MA, Profile, lead_ma
from tests.core.powerfeed.plant import CABLE

milliamperes = st.floats(0, 1200, allow_nan=False)
seconds = st.floats(0, 10_000, allow_nan=False)
rates = st.floats(0.2, 50, allow_nan=False)
SLACK = 1e-6


@given(milliamperes, milliamperes, milliamperes, milliamperes, seconds, rates)
def test_a_set_point_is_never_more_than_a_second_of_the_rate_from_the_measured_current(
    start: float, stands: float, measured: float, stop: float, gone: float, rate: float
) -> None:
    value = Profile(start, 0.0, rate, lead_ma(rate, 15.0)).toward(round(stop, 1), round(stands, 1), measured, gone)
    if value is not None and value > stands:
        assert value <= measured + rate + SLACK
    if value is not None and value < stands:
        assert value >= measured - rate - SLACK


@given(milliamperes, milliamperes, milliamperes, seconds, rates)
def test_a_set_point_moves_toward_its_target_alone_and_never_past_it(
    stands: float, measured: float, stop: float, gone: float, rate: float
) -> None:
    stands, stop = round(stands, 1), round(stop, 1)
    value = Profile(min(stands, measured), 0.0, rate, rate).toward(stop, stands, measured, gone)
    if value is not None:
        assert min(stands, stop) <= value <= max(stands, stop)
        assert value != stands


@given(milliamperes, seconds, rates)
def test_no_step_is_larger_than_the_time_since_the_last_one_allows(stands: float, gone: float, rate: float) -> None:
    stands = round(stands, 1)
    profile = Profile(stands, 0.0, rate, 1e9)
    for stop in (0.0, 2000.0):
        value = profile.toward(stop, stands, stands, gone)
        assert value is None or abs(value - stands) <= rate * gone + SLACK


def test_small_steps_wait_for_more_but_for_the_last_one() -> None:
    profile = Profile(100.0, 0.0, 10.0, 10.0)
    assert profile.toward(200.0, 100.0, 100.0, 0.04) is None
    assert profile.toward(200.0, 100.0, 100.0, 0.05) == 100.0 + LEAST_STEP_MA
    assert profile.toward(100.2, 100.0, 100.0, 5.0) == 100.2


def test_set_points_are_tenths_and_are_rounded_toward_the_measured_current() -> None:
    profile = Profile(100.0, 0.0, 10.0, 10.0)
    assert profile.toward(200.0, 100.0, 100.0, 0.0777) == 100.7
    assert profile.toward(0.0, 100.0, 100.0, 0.0777) == 99.3


def test_time_that_was_lost_is_not_caught_up() -> None:
    profile = Profile(100.0, 0.0, 10.0, 10.0).sent(110.0, 5.0)
    assert profile.toward(500.0, 110.0, 110.0, 5.5) == 115.0


@given(st.floats(-5, 1200, allow_nan=False), st.floats(0, 800, allow_nan=False))
def test_a_followers_voltage_moves_by_small_steps_within_its_limit(measured: float, stands: float) -> None:
    value = share_v(CABLE, measured, stands, 300.0)
    if value is not None:
        assert abs(value - stands) <= STEP_V + 0.05
        assert value <= max(300.0, stands)


@given(st.floats(0, 900, allow_nan=False), st.floats(0, 900, allow_nan=False))
def test_a_feed_that_leaves_never_raises_its_voltage(measured: float, stands: float) -> None:
    value = leaving_v(measured, stands)
    assert value is None or 0.0 <= value < stands


def test_a_follower_carries_half_of_the_line() -> None:
    assert share_v(CABLE, 1000.0, 250.0, 800.0) is None  # 250.5 V is half of 341 + 4 x 40 V: near enough
    assert share_v(CABLE, 1000.0, 240.0, 800.0) == 250.5
