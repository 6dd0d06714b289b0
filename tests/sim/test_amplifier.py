"""Terminal amplifiers: what each control mode holds, and what the unit's own protection does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.sim.amplifier import (
    OPEN_RETURN_LOSS_DB,
    REDUCED_DBM,
    AmplifierState,
    ControlMode,
    amplify,
    default_settings,
    lost,
    pump_fibre,
)
from stationd.sim.cable import S1_341, CableParameters
from stationd.sim.optics import DARK_DBM, Role, fibres

LINE = fibres(S1_341)
BOOSTER, PREAMP = default_settings(Role.BOOSTER, LINE), default_settings(Role.PREAMP, LINE)
RAMAN = default_settings(Role.RAMAN, fibres(CableParameters(341.0)))
levels = st.floats(-10, 6)
quick = settings(max_examples=60, deadline=None)


def boosted(input_dbm: float = -2.0, mode: ControlMode = ControlMode.APC, *, pump_lost: bool = False) -> AmplifierState:
    return amplify(replace(BOOSTER, mode=mode), input_dbm, False, pump_lost=pump_lost)


@quick
@given(levels)
def test_constant_power_holds_the_output(input_dbm: float) -> None:
    assert boosted(input_dbm).output_dbm == pytest.approx(17)


@quick
@given(st.floats(-10, 4))
def test_constant_gain_holds_the_gain_up_to_the_top_output(input_dbm: float) -> None:
    state = boosted(input_dbm, ControlMode.AGC)
    assert state.output_dbm == pytest.approx(min(input_dbm + BOOSTER.gain_setpoint_db, BOOSTER.top_output_dbm))


@quick
@given(levels, st.floats(60, 590), st.floats(1, 10))
def test_constant_current_holds_the_pumps_and_more_of_it_gives_more_light(input_dbm: float, pump_ma: float, more_ma: float) -> None:
    here = replace(BOOSTER, mode=ControlMode.ACC, pump_setpoints_ma=(pump_ma, pump_ma), top_output_dbm=40.0)
    brighter = replace(here, pump_setpoints_ma=(pump_ma + more_ma, pump_ma + more_ma))
    state = amplify(here, input_dbm, False)
    assert state.pump_currents_ma == (pump_ma, pump_ma)
    assert amplify(brighter, input_dbm, False).output_dbm > state.output_dbm


@quick
@given(levels, st.floats(60, 590))
def test_constant_current_compresses_with_the_output_power(input_dbm: float, pump_ma: float) -> None:
    here = replace(BOOSTER, mode=ControlMode.ACC, pump_setpoints_ma=(pump_ma, pump_ma), top_output_dbm=40.0)
    rise_db = amplify(here, input_dbm + 1, False).output_dbm - amplify(here, input_dbm, False).output_dbm
    assert 0 < rise_db < 1


def test_the_factory_pump_current_gives_the_factory_output() -> None:
    assert boosted(mode=ControlMode.ACC).output_dbm == pytest.approx(17, abs=0.01)


def test_an_unreachable_output_stops_at_the_end_of_life_current() -> None:
    state = amplify(replace(BOOSTER, output_setpoint_dbm=40.0, top_output_dbm=40.0), -2.0, False)
    assert state.pump_currents_ma == (600.0, 600.0)
    assert state.output_dbm < 40


def test_an_aged_pump_takes_more_current_for_the_same_light_until_it_cannot() -> None:
    young = boosted()
    aged = amplify(replace(BOOSTER, pump_ageing=1.2), -2.0, False)
    assert aged.output_dbm == pytest.approx(young.output_dbm)
    assert aged.pump_currents_ma[0] == pytest.approx(1.2 * young.pump_currents_ma[0])
    worn = amplify(replace(BOOSTER, pump_ageing=4.0), -2.0, False)
    assert worn.pump_currents_ma == (600.0, 600.0)
    assert worn.output_dbm < young.output_dbm - 1


def test_a_lost_pump_costs_three_decibels_and_drives_the_other_to_its_end() -> None:
    state = boosted(pump_lost=True)
    assert state.output_dbm == pytest.approx(14)
    assert state.pump_currents_ma == (0, 600)


def test_pumps_off_is_dark_and_without_current() -> None:
    state = amplify(replace(BOOSTER, pump_on=False), -2.0, False)
    assert (state.output_dbm, state.pump_currents_ma, state.gain_db) == (DARK_DBM, (0, 0), None)


def test_a_booster_shuts_its_pumps_on_loss_of_signal_and_a_preamp_does_not() -> None:
    assert not amplify(BOOSTER, DARK_DBM, True).pump_on
    preamp = amplify(PREAMP, DARK_DBM, True)
    assert preamp.pump_on
    assert DARK_DBM < preamp.output_dbm < -10


def test_an_unprotected_booster_without_input_sends_noise() -> None:
    state = amplify(replace(BOOSTER, mode=ControlMode.AGC, gain_setpoint_db=23.0, shut_on_los=False), DARK_DBM, True)
    assert state.output_dbm == pytest.approx(-3.5, abs=1.0)


def test_loss_of_signal_clears_only_above_the_hysteresis() -> None:
    assert not lost(BOOSTER, -7.9, was_lost=False)
    assert lost(BOOSTER, -8.1, was_lost=False)
    assert lost(BOOSTER, -6.1, was_lost=True)
    assert not lost(BOOSTER, -5.9, was_lost=True)


def test_an_open_connector_raises_the_reflection_and_reduces_the_power() -> None:
    state = amplify(BOOSTER, -2.0, False, line_open=True)
    assert (state.return_loss_db, state.apr_active) == (OPEN_RETURN_LOSS_DB, True)
    assert state.output_dbm == pytest.approx(REDUCED_DBM)
    assert state.mode is ControlMode.APC
    kept = amplify(replace(BOOSTER, reduce_on_open=False), -2.0, False, line_open=True)
    assert not kept.apr_active
    assert kept.output_dbm == pytest.approx(17)


def test_taps_are_twenty_decibels_below_the_line() -> None:
    assert boosted().input_tap_dbm == pytest.approx(-22)
    assert boosted().output_tap_dbm == pytest.approx(-3)


def test_a_pump_module_gives_its_power_without_any_input() -> None:
    state = pump_fibre(RAMAN)
    assert state.output_dbm == pytest.approx(27)
    assert (state.input_dbm, state.gain_db, state.los) == (DARK_DBM, None, False)


def test_a_pump_module_in_constant_current_follows_its_current() -> None:
    factory = pump_fibre(replace(RAMAN, mode=ControlMode.ACC))
    assert factory.output_dbm == pytest.approx(27, abs=0.01)
    assert pump_fibre(replace(RAMAN, mode=ControlMode.ACC, pump_setpoints_ma=(20.0, 20.0))).output_dbm == DARK_DBM


def test_a_pump_module_goes_dark_when_off_and_low_when_its_connector_is_open() -> None:
    assert pump_fibre(replace(RAMAN, pump_on=False)).output_dbm == DARK_DBM
    opened = pump_fibre(RAMAN, line_open=True)
    assert (opened.output_dbm, opened.apr_active) == (REDUCED_DBM, True)
    assert pump_fibre(RAMAN, pump_lost=True).output_dbm == pytest.approx(24)


def test_an_aged_pump_module_takes_more_current_for_the_same_light_until_it_cannot() -> None:
    aged = pump_fibre(replace(RAMAN, pump_ageing=1.2))
    assert aged.output_dbm == pytest.approx(27)
    assert aged.pump_currents_ma[0] == pytest.approx(1.2 * pump_fibre(RAMAN).pump_currents_ma[0])
    worn = pump_fibre(replace(RAMAN, pump_ageing=3.0))
    assert worn.pump_currents_ma == (600.0, 600.0)
    assert worn.output_dbm < 26
