"""Two sensors of one fibre, and what a pump, a reflection and a silent amplifier say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.light.baseline import Baseline, as_plain, from_plain
from stationd.core.light.pair import (
    CONFIRM_S,
    RETURN_S,
    Dark,
    Received,
    device_sees,
    in_company,
    jumped,
    output_lost,
    reflection,
    together,
)
from stationd.core.light.pump import ageing
from stationd.core.line.plan import AmplifierPoints, PumpPoints
from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason, Value

NAMES = ("fp1-rx", "fp1-preamp")
NEVER = float("-inf")
CURRENT, END = PointId("b", "pump1_current"), PointId("b", "pump1_end_of_life_current")
BELOW = Quality(Level.BAD, Reason.BELOW_RANGE)


def seen(**values: Value | None) -> dict[PointId, Reading]:
    points = {PointId("b", name): value for name, value in values.items()}
    return {point: Reading(point, value, GOOD if value is not None else BELOW, 10.0) for point, value in points.items()}


def baseline(**values: float) -> Baseline:
    return Baseline(0.0, "a.bekov", "", {PointId("b", name): value for name, value in values.items()})


def test_both_sensors_dark_is_dark_and_both_lit_is_lit() -> None:
    for dark in (True, False):
        assert together(Dark(dark, -18.0, 9.0), Dark(dark, -18.0, 9.5), NAMES, 10.0).lost is dark


def test_one_sensor_alone_is_believed_where_there_is_no_other() -> None:
    assert together(Dark(True, None, 9.0, 8.9), Dark(None, None, NEVER), NAMES, 10.0).lost is True
    assert together(Dark(None, None, NEVER), Dark(True, None, 9.0), NAMES, 10.0).lost is True
    assert together(Dark(None, None, NEVER), Dark(None, None, NEVER), NAMES, 10.0).lost is None


def test_a_dark_tap_waits_for_the_amplifier_and_then_one_of_the_two_is_wrong() -> None:
    tap, before, after = Dark(True, None, 10.0, since=9.998), Dark(False, -18.0, 9.5), Dark(False, -18.0, 11.4, before_t=10.4)
    waiting = together(tap, before, NAMES, 10.1)
    assert (waiting.lost, waiting.waiting, waiting.sensor) == (True, True, None)
    assert together(tap, after, NAMES, 11.5).sensor == "fp1-rx"
    assert together(tap, after, NAMES, 11.5).lost is False


@pytest.mark.parametrize(
    "answer", [Dark(False, -18.0, 11.4), Dark(False, -18.0, 11.4, before_t=9.9), Dark(False, -18.0, 10.8, before_t=10.4)]
)
def test_one_answer_of_an_amplifier_that_may_be_of_before_accuses_no_tap(answer: Dark) -> None:
    found = together(Dark(True, None, 10.0, since=9.998), answer, NAMES, 11.5)
    assert (found.lost, found.waiting, found.sensor) == (True, True, None)


def test_weak_light_that_is_too_little_for_the_amplifier_is_no_patch_of_ours() -> None:
    tap, device = Dark(False, -36.0, 20.0), Dark(True, None, 20.0, since=15.0)
    assert not together(tap, device, NAMES, 20.0, as_usual=False).patch_dark
    unknown = together(tap, device, NAMES, 20.0, as_usual=None)
    assert (unknown.lost, unknown.waiting, unknown.patch_dark) == (None, True, False)


def test_a_tap_that_has_not_been_read_since_the_amplifier_went_dark_is_waited_for() -> None:
    device = Dark(True, None, 15.0, since=15.0)
    assert together(Dark(False, -18.0, 14.9), device, NAMES, 15.0 + CONFIRM_S - 0.1).waiting
    assert together(Dark(False, -18.0, 15.1), device, NAMES, 15.2).patch_dark
    assert together(Dark(False, -18.0, 14.9), device, NAMES, 15.0 + CONFIRM_S + 0.1).patch_dark


LOST = Received(True, None, since=100.0)


@pytest.mark.parametrize("odd", [Received(False, -18.0, 101.0, patch_dark=True), Received(False, -18.0, 99.9, sensor="fp1-rx")])
def test_while_most_other_pairs_go_dark_no_sensor_and_no_patch_of_one_is_accused(odd: Received) -> None:
    together_dark = in_company({1: odd, 2: LOST, 3: LOST})[1]
    assert (together_dark.lost, together_dark.patch_dark, together_dark.sensor) == (True, False, None)
    assert in_company({1: odd, 2: Received(False, -18.0), 3: Received(False, -18.0)})[1] == odd
    assert in_company({1: odd, 2: LOST, 3: Received(False, -18.0), 4: Received(False, -18.0)})[1] == odd
    assert in_company({1: odd, 2: replace(LOST, since=50.0), 3: replace(LOST, since=50.0)})[1] == odd
    assert in_company({1: odd})[1] == odd


def test_no_sensor_is_accused_by_what_the_other_one_said_before_it_moved() -> None:
    found = together(Dark(True, None, 10.0, since=9.998), Dark(False, -18.0, 9.5), NAMES, 10.0 + CONFIRM_S + 0.1)
    assert (found.lost, found.waiting, found.sensor) == (True, True, None)


@pytest.mark.parametrize("asked", [5.0, 9.9, 10.5, 14.9])
def test_while_light_has_just_returned_at_a_tap_a_dark_amplifier_is_no_patch_of_ours(asked: float) -> None:
    back = Dark(False, -18.0, 14.9, since=4.0, lit_t=10.0)
    for now in (10.1, 12.0, 14.9):
        found = together(back, Dark(True, None, asked, since=4.5), NAMES, now)
        assert (found.lost, found.waiting, found.patch_dark, found.sensor) == (None, True, False, None)


def test_an_amplifier_that_stays_dark_long_after_the_light_returned_is_our_patch() -> None:
    back = Dark(False, -18.0, 20.0, since=4.0, lit_t=10.0)
    assert together(back, Dark(True, None, 10.0 + RETURN_S + 0.1, since=4.5), NAMES, 20.0).patch_dark
    assert not together(back, Dark(True, None, 9.0, since=4.5), NAMES, 20.0).patch_dark  # it was not asked since


def test_while_light_has_just_returned_at_an_amplifier_a_dark_tap_is_no_wrong_sensor() -> None:
    tap, device = Dark(True, None, 11.0, since=4.0), Dark(False, -18.0, 10.5, lit_t=10.0, before_t=9.5)
    assert together(tap, device, NAMES, 12.0).sensor is None
    assert together(tap, replace(device, t=15.5), NAMES, 10.0 + RETURN_S + 0.6).sensor == "fp1-rx"


def test_light_at_the_tap_and_none_behind_it_is_our_patch() -> None:
    assert together(Dark(False, -18.0, 20.0), Dark(True, None, 15.0, since=15.0), NAMES, 20.0).patch_dark


def test_only_a_sensor_that_moves_while_the_other_stands_still_is_wrong() -> None:
    assert jumped(-6.0, 0.1, NAMES) == "fp1-rx"
    assert jumped(0.1, -6.0, NAMES) == "fp1-preamp"
    assert jumped(-6.0, -6.0, NAMES) is None
    assert jumped(0.2, 0.1, NAMES) is None
    assert jumped(None, -6.0, NAMES) is None


def test_below_what_an_amplifier_can_measure_is_darkness_and_no_answer_is_not() -> None:
    unit = AmplifierPoints("b", input_dbm=PointId("b", "input_power"))
    assert device_sees(seen(input_power=None).get, unit).dark is True
    assert device_sees({}.get, unit).dark is None
    stale = {PointId("b", "input_power"): Reading(PointId("b", "input_power"), -18.0, Quality(Level.STALE, Reason.TIMEOUT), 1.0)}
    assert device_sees(stale.get, unit).dark is None


def test_an_amplifier_that_does_not_tell_loss_of_light_is_dark_far_below_what_is_usual() -> None:
    unit = AmplifierPoints("b", input_dbm=PointId("b", "input_power"))
    usual = baseline(input_power=-18.0).of
    assert device_sees(seen(input_power=-60.0).get, unit, usual).dark is True
    assert device_sees(seen(input_power=-36.0).get, unit, usual).dark is False
    assert device_sees(seen(input_power=-60.0).get, unit).dark is None


def test_an_amplifier_that_is_off_sends_nothing_and_one_that_is_not_heard_is_unknown() -> None:
    unit = AmplifierPoints("b", output_dbm=PointId("b", "output_power"), pump_on=PointId("b", "pump_on"), dark=(PointId("b", "lop"),))
    assert output_lost(seen(output_power=20.0, pump_on=True, lop=False).get, unit) is False
    assert output_lost(seen(output_power=20.0, pump_on=False).get, unit) is True
    assert output_lost(seen(lop=True).get, unit) is True
    assert output_lost(seen(output_power=-60.0, lop=False).get, unit) is True
    assert output_lost(seen(output_power=0.0, lop=False).get, unit) is False
    assert output_lost({}.get, unit) is None


def test_light_that_comes_back_is_seen_by_the_alarm_or_against_what_is_usual() -> None:
    orl, back, loss = (PointId("b", name) for name in ("alarm_orl", "back", "loss"))
    unit = AmplifierPoints("b", reflected=(orl,), returned_dbm=back, return_loss_db=loss)
    usual = baseline(back=-40.0, loss=45.0).of
    assert reflection(seen(alarm_orl=True).get, unit, usual)
    assert reflection(seen(back=-10.0).get, unit, usual)
    assert reflection(seen(loss=14.7).get, unit, usual)
    assert not reflection(seen(alarm_orl=False, back=-39.0, loss=44.0).get, unit, usual)
    assert not reflection(seen(back=-10.0).get, unit, baseline().of)


@pytest.mark.parametrize(("current", "old"), [(949.0, False), (950.0, True), (1200.0, True)])
def test_a_pump_is_old_at_95_percent_of_its_end_of_life_current(current: float, old: bool) -> None:
    unit = AmplifierPoints("b", pumps=(PumpPoints(CURRENT, END),))
    found = ageing(seen(pump1_current=current, pump1_end_of_life_current=1000.0).get, unit, None)
    assert (found is not None) is old


def test_a_pump_without_that_figure_is_compared_with_the_baseline_and_without_one_with_nothing() -> None:
    unit = AmplifierPoints("b", pumps=(PumpPoints(CURRENT),))
    look = seen(pump1_current=1300.0).get
    found = ageing(look, unit, baseline(pump1_current=1000.0))
    assert found is not None
    assert found.against_baseline
    assert ageing(look, unit, None) is None


figures = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(-1e6, 1e6), max_size=3)


@given(figures, st.none() | st.floats(0, 2e9), st.floats(0, 1e6))
def test_a_baseline_is_the_same_after_a_restart_but_older(values: dict[str, float], utc_s: float | None, elapsed_s: float) -> None:
    taken = Baseline(100.0, "a.bekov", "after laying", {PointId("d", name): value for name, value in values.items()}, utc_s=utc_s)
    again = from_plain(as_plain(taken, 160.0), 5.0, elapsed_s)
    assert again.values == taken.values
    assert again.utc_s == taken.utc_s
    assert 5.0 - again.t == pytest.approx(60.0 + elapsed_s)


@pytest.mark.parametrize("broken", [{}, {"age_s": "x"}, {"age_s": 0, "who": "", "note": "", "values": {"no-point": 1.0}}])
def test_what_is_no_baseline_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_plain(broken, 0.0, 0.0)
