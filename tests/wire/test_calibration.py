"""Counts and dBm: the known figures of front ends, and what must hold for any calibration."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.wire.calibration import KNOTS, Calibration, Linear, LogAmp, StepKnot, Table

ADS8688_V = 78.127e-6  # one count of the unipolar 5.12 V range
AD8304 = Calibration("ad8304", LogAmp(0.2, -70.0), (64, 65471), ADS8688_V, tap_db=20.0, floor_dbm=-45.0)
DIODE = Calibration("diode", Linear(0.1, 0.01), (0, 65535), ADS8688_V, tap_db=20.0, floor_dbm=-25.0)
WAVY = Table(tuple((1000 + 2000 * n, -60.0 + 2.0 * n + 0.3 * math.sin(n)) for n in range(32)))
CURVE = Calibration("curve", WAVY, (500, 65000), tap_db=20.0, floor_dbm=-40.0)
ALL = (AD8304, DIODE, CURVE)


def test_a_fifth_of_a_volt_for_a_decade_is_20_millivolts_for_an_optical_decibel() -> None:
    volts = Calibration("volts", LogAmp(0.2, -70.0), (0, 5), 1.0)
    assert volts.count_at(-69.0) - volts.count_at(-70.0) == pytest.approx(0.020)
    assert volts.level_dbm(0.2) == pytest.approx(-60.0)
    assert volts.level_dbm(1.6) == pytest.approx(10.0)  # 8 decades are 80 optical dB, not 160


def test_a_monitor_of_one_percent_receives_20_db_less_than_the_line() -> None:
    """Line +23 dBm is +3 dBm at the photodiode: 2 mW, 2 mA at 1 A/W, 7.3 decades above 100 pA."""
    count = AD8304.count_at(23.0)
    assert count * ADS8688_V == pytest.approx(0.2 * 7.3)
    assert AD8304.level_dbm(count) == pytest.approx(23.0)


def test_one_count_of_a_16_bit_converter_is_four_thousandths_of_an_optical_decibel() -> None:
    assert AD8304.level_dbm(10_001) - AD8304.level_dbm(10_000) == pytest.approx(0.0039, rel=0.01)


def test_a_linear_front_end_gives_the_level_of_the_power_above_its_dark_voltage() -> None:
    watts = Calibration("watts", Linear(2.0, 0.5), (0, 10), 1.0)
    assert watts.level_dbm(1.0) == pytest.approx(0.0)  # 0.5 V above dark is 1 mW
    assert watts.level_dbm(0.5) == -math.inf
    assert watts.measured_dbm(0.2) is None


def test_below_the_floor_there_is_no_number() -> None:
    for calibration in ALL:
        count = calibration.count_at(calibration.floor_dbm)
        assert calibration.measured_dbm(count + 0.01) == pytest.approx(calibration.floor_dbm, abs=0.05)
        assert calibration.measured_dbm(count - 0.5) is None


def test_the_mean_of_a_logarithmic_amplifier_is_the_mean_of_decibels_and_of_a_linear_one_that_of_power() -> None:
    def mean(calibration: Calibration) -> float:
        return calibration.level_dbm((calibration.count_at(0.0) + calibration.count_at(10.0)) / 2.0)

    assert mean(AD8304) == pytest.approx(5.0)
    assert mean(DIODE) == pytest.approx(10.0 * math.log10(5.5))


def test_the_temperature_moves_slope_and_intercept_from_the_reference_on() -> None:
    warm = Calibration("warm", LogAmp(0.2, -70.0, 0.001), (0, 65535), ADS8688_V, intercept_db_per_c=-0.05, reference_c=25.0)
    count = warm.count_at(-20.0)
    assert warm.warms
    assert not AD8304.warms
    assert warm.level_dbm(count, 25.0) == pytest.approx(-20.0)
    assert warm.level_dbm(count, 35.0) == pytest.approx(-70.0 + 50.0 * 0.2 / 0.21 - 0.5)
    assert warm.level_dbm(warm.count_at(-20.0, 35.0), 35.0) == pytest.approx(-20.0)


levels = st.floats(-40.0, 25.0)
temperatures = st.none() | st.floats(-10.0, 60.0)


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    law: LogAmp | Linear | Table
    match draw(st.sampled_from(["log", "linear", "table"])):
        case "log":
            law = LogAmp(draw(st.floats(0.05, 1.0)), draw(st.floats(-90.0, -50.0)), draw(st.floats(-5e-4, 5e-4)))
        case "linear":
            law = Linear(draw(st.floats(0.001, 10.0)), draw(st.floats(-0.1, 0.5)))
        case _:
            counts = draw(st.lists(st.integers(1, 3000), min_size=2, max_size=32))
            rises = draw(st.lists(st.floats(0.2, 4.0), min_size=len(counts), max_size=len(counts)))
            law = Table(tuple((sum(counts[: n + 1]), -60.0 + sum(rises[: n + 1])) for n in range(len(counts))))
    return Calibration(
        "any", law, (0, 65535), draw(st.floats(1e-5, 1e-3)), draw(st.floats(-1.0, 1.0)), draw(st.floats(0.0, 30.0)),
        intercept_db_per_c=draw(st.floats(-0.1, 0.1)),
    )  # fmt: skip


@given(calibrations(), levels, temperatures)
def test_a_level_comes_back_from_its_count(calibration: Calibration, level_dbm: float, temperature_c: float | None) -> None:
    count = calibration.count_at(level_dbm, temperature_c)
    resolution_db = abs(calibration.level_dbm(count + 1e-7 * max(1.0, abs(count)), temperature_c) - level_dbm)
    assert abs(calibration.level_dbm(count, temperature_c) - level_dbm) <= 1e-6 + resolution_db


@given(calibrations(), st.lists(st.integers(-100, 70_000), min_size=2, max_size=20, unique=True), temperatures)
def test_more_counts_are_never_less_light(calibration: Calibration, counts: list[int], temperature_c: float | None) -> None:
    found = [calibration.level_dbm(count, temperature_c) for count in sorted(counts)]
    assert all(before < after or before == after == -math.inf for before, after in pairwise(found))


@given(calibrations(), levels, temperatures)
def test_loss_is_never_seen_late_and_recovery_never_early(calibration: Calibration, limit_dbm: float, temperature_c: float | None) -> None:
    lost, back = calibration.lost_below(limit_dbm, temperature_c), calibration.back_above(limit_dbm, temperature_c)
    if abs(lost) < 1 << 23:
        assert calibration.level_dbm(lost, temperature_c) >= limit_dbm - 1e-9  # all darker counts are below `lost`
        assert calibration.level_dbm(lost - 1, temperature_c) <= limit_dbm + calibration.level_dbm(lost, temperature_c) - limit_dbm
    if abs(back) < 1 << 23:
        assert calibration.level_dbm(back + 1, temperature_c) >= limit_dbm - 1e-9  # whatever is above `back` is lit indeed
    assert lost <= back + 1


def bounds(knots: tuple[StepKnot, ...], count: int) -> tuple[float, float]:
    """Return what the loop compares with from this level: lines between two knots, the nearest outside."""
    if count <= knots[0].at:
        return knots[0].low, knots[0].high
    for left, right in pairwise(knots):
        if left.at <= count <= right.at:
            share = (count - left.at) / (right.at - left.at)
            return left.low + share * (right.low - left.low), left.high + share * (right.high - left.high)
    return knots[-1].low, knots[-1].high


@settings(deadline=None)
@given(calibrations(), st.floats(0.2, 10.0), st.lists(st.integers(1, 65534), min_size=5, max_size=30), temperatures)
def test_less_than_the_step_is_never_taken_for_one(
    calibration: Calibration, step_db: float, counts: list[int], temperature_c: float | None
) -> None:
    knots = calibration.step_knots(step_db, temperature_c)
    assert 2 <= len(knots) <= KNOTS
    assert all(before.at < after.at for before, after in pairwise(knots))
    for count in counts:
        if count < knots[1].at:
            continue
        low, high = bounds(knots, count)
        level_dbm = calibration.level_dbm(count, temperature_c)
        assert calibration.level_dbm(math.ceil(low) - 1, temperature_c) <= level_dbm - step_db
        assert high == (1 << 24) - 1 or calibration.level_dbm(math.floor(high) + 1, temperature_c) >= level_dbm + step_db


@pytest.mark.parametrize("calibration", [AD8304, DIODE], ids=lambda each: each.name)
def test_a_step_costs_at_most_four_counts_more_than_asked_for(calibration: Calibration) -> None:
    knots = calibration.step_knots(1.0)
    for count in range(math.ceil(calibration.count_at(calibration.floor_dbm + 1.0)), 60_000, 97):
        low, high = bounds(knots, count)
        level_dbm = calibration.level_dbm(count)
        assert calibration.count_at(level_dbm - 1.0) - low <= 4.0
        assert high - calibration.count_at(level_dbm + 1.0) <= 4.0


def test_behind_a_wavy_table_a_step_costs_less_than_four_tenths_of_a_decibel_more() -> None:
    knots = CURVE.step_knots(1.0)
    for count in range(math.ceil(CURVE.count_at(CURVE.floor_dbm + 2.0)), 60_000, 97):
        low, high = bounds(knots, count)
        level_dbm = CURVE.level_dbm(count)
        assert level_dbm - CURVE.level_dbm(low) <= 1.4
        assert CURVE.level_dbm(high) - level_dbm <= 1.4


def test_nothing_below_the_floor_is_a_step_down() -> None:
    for calibration in ALL:
        floor = math.ceil(calibration.count_at(calibration.floor_dbm))
        assert bounds(calibration.step_knots(1.0), floor - 1)[0] < -60_000
        assert bounds(calibration.step_knots(1.0), floor)[0] > -60_000


def test_a_limit_between_two_counts_is_rounded_to_the_earlier_loss_and_to_the_sure_return() -> None:
    """A limit at 100.5 counts: 100 is below it, 101 is above it."""
    table = Calibration("table", Table(((0, 0.0), (1000, 1000.0))), (0, 1000), tap_db=0.0)
    assert (table.lost_below(100.5), table.back_above(100.5)) == (101, 100)


def test_a_sample_at_the_limit_itself_is_dark_and_not_yet_lit() -> None:
    table = Calibration("table", Table(((0, 0.0), (1000, 1000.0))), (0, 1000), tap_db=0.0)
    assert table.lost_below(100.0) > 100
    assert table.back_above(100.0) >= 100


def test_a_linear_front_end_measures_from_the_first_count_above_dark_on() -> None:
    diode = Calibration("diode", Linear(0.1, 0.01), (0, 65535), ADS8688_V).with_lowest_floor()
    dark = 0.01 / ADS8688_V
    assert diode.floor_dbm == pytest.approx(diode.level_dbm(dark + 1.0))
    assert diode.floor_dbm > -math.inf


def test_the_level_at_the_floor_itself_is_measured() -> None:
    lowest = Calibration("tap", LogAmp(0.2, -70.0), (64, 65471), ADS8688_V, tap_db=20.0).with_lowest_floor()
    assert lowest.measured_dbm(64) == lowest.floor_dbm


def test_no_temperature_turns_a_front_end_round() -> None:
    falling = Calibration("falling", LogAmp(0.2, -70.0, -0.01), (0, 65535), ADS8688_V)
    for temperature_c in (44.9, 45.0, 60.0, 1000.0):
        assert falling.level_dbm(20_000, temperature_c) > falling.level_dbm(10_000, temperature_c)
        assert falling.level_dbm(falling.count_at(-40.0, temperature_c), temperature_c) == pytest.approx(-40.0)


def test_a_knot_leaves_one_count_for_the_loop_that_reckons_in_whole_counts() -> None:
    knots = AD8304.step_knots(1.0)
    for knot in knots[1:]:
        level_dbm = AD8304.level_dbm(knot.at)
        assert knot.low <= AD8304.count_at(level_dbm - 1.0) - 1.0
        assert knot.high >= AD8304.count_at(level_dbm + 1.0) + 1.0


def test_the_finest_step_is_two_counts_where_a_count_is_the_least_light() -> None:
    assert AD8304.finest_step_db == pytest.approx(2 * 10.0 * ADS8688_V / 0.2)
    assert DIODE.finest_step_db == pytest.approx(DIODE.level_dbm(65_535) - DIODE.level_dbm(65_533))
    bent = Calibration("bent", Table(((0, -60.0), (1000, -50.0), (2000, -49.0), (3000, 0.0))), (1, 3000))
    assert bent.finest_step_db == pytest.approx(0.002)


def test_a_limit_far_beyond_all_counts_is_the_outermost_count() -> None:
    steep = Calibration("steep", Table(((0, 0.0), (1, 5e-324))), (0, 1))
    assert steep.lost_below(1e9) == steep.back_above(1e9) == (1 << 24) - 1
    assert steep.lost_below(-1e9) == -(1 << 24) + 1
