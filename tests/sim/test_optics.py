"""Levels along a fibre: spans, saturated repeaters, and what each event does to them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.sim.cable import S1_341, TC_380, CableParameters, End
from stationd.sim.optics import (
    DARK_DBM,
    ConnectorOpen,
    Direction,
    FibreBreak,
    Light,
    OpticalEvent,
    RepeaterPumpLoss,
    Role,
    SpanLossStep,
    fibres,
    light,
)

LINE = fibres(S1_341)
BARE = fibres(CableParameters(380.0))
TO_B, TO_A = Direction.A_TO_B, Direction.B_TO_A


def lit(*events: OpticalEvent, pair: int = 1, direction: Direction = TO_B, powered: tuple[bool, ...] | None = None) -> Light:
    return light(LINE, events, pair, direction, LINE.launch_dbm, powered)


def test_the_healthy_line_loses_its_span_and_no_more() -> None:
    span_db = 0.16 * 68.2 + 0.5
    assert lit().receive_dbm == pytest.approx(17 - span_db)
    assert lit().repeater_output_dbm == pytest.approx((17, 17, 17, 17))
    assert lit().receive_dbm == pytest.approx(LINE.nominal_receive_dbm)


def test_the_span_of_the_test_line_loses_twelve_point_seven_decibels() -> None:
    assert fibres(TC_380).span_db(0) == pytest.approx(12.66)


@given(st.integers(0, 4), st.floats(0.1, 6), st.sampled_from(Direction))
@settings(max_examples=50, deadline=None)
def test_a_loss_step_heals_by_the_compression_of_each_repeater_behind_it(span: int, step_db: float, direction: Direction) -> None:
    behind = 4 - span if direction is TO_B else span
    lost_db = LINE.nominal_receive_dbm - lit(SpanLossStep(span, step_db), direction=direction).receive_dbm
    assert lost_db == pytest.approx(step_db * (1 - LINE.repeater_compression) ** behind)


def test_a_cable_break_darkens_every_pair_both_ways() -> None:
    for pair in range(1, 9):
        for direction in Direction:
            assert lit(FibreBreak(100.0), pair=pair, direction=direction).receive_dbm == DARK_DBM


def test_light_goes_on_up_to_the_break() -> None:
    broken = lit(FibreBreak(150.0))
    assert broken.repeater_output_dbm == pytest.approx((17, 17, DARK_DBM, DARK_DBM))
    assert lit(FibreBreak(150.0), direction=TO_A).repeater_output_dbm == pytest.approx((17, 17, DARK_DBM, DARK_DBM))


@pytest.mark.parametrize("km", [0.0, 68.2, 341.0])
def test_a_break_at_a_beach_or_at_a_repeater_is_a_break_too(km: float) -> None:
    assert lit(FibreBreak(km)).dark
    assert lit(FibreBreak(km), direction=TO_A).dark


def test_a_single_fibre_break_leaves_its_partner_and_the_other_pairs() -> None:
    event = FibreBreak(150.0, pair=2, direction=TO_B)
    assert lit(event, pair=2).dark
    assert not lit(event, pair=2, direction=TO_A).dark
    assert not lit(event, pair=1).dark


def test_a_lost_repeater_pump_shows_as_a_few_tenths_on_its_pair_only() -> None:
    event = RepeaterPumpLoss(2, pair=3)
    assert LINE.nominal_receive_dbm - lit(event, pair=3).receive_dbm == pytest.approx(0.3)
    assert lit(event, pair=3).repeater_output_dbm[2] == pytest.approx(14)
    assert lit(event, pair=3, direction=TO_A).repeater_output_dbm[1] == pytest.approx(14)
    assert lit(event, pair=4).receive_dbm == pytest.approx(LINE.nominal_receive_dbm)


@pytest.mark.parametrize("direction", Direction)
def test_a_repeater_without_current_passes_nothing_either_way(direction: Direction) -> None:
    starved = lit(direction=direction, powered=(True, True, True, False))
    assert starved.dark
    assert starved.repeater_output_dbm.count(DARK_DBM) == (1 if direction is TO_B else 4)


def test_an_open_connector_at_either_station_darkens_the_far_or_the_near_receiver() -> None:
    assert lit(ConnectorOpen(End.A, 1, Role.BOOSTER)).transmit_dbm == lit().transmit_dbm
    assert lit(ConnectorOpen(End.A, 1, Role.BOOSTER)).dark
    assert not lit(ConnectorOpen(End.A, 1, Role.BOOSTER), direction=TO_A).dark
    assert lit(ConnectorOpen(End.B, 1, Role.PREAMP)).dark
    assert not lit(ConnectorOpen(End.B, 2, Role.PREAMP)).dark


def test_no_level_ever_falls_below_the_floor() -> None:
    assert lit(SpanLossStep(4, 500.0)).receive_dbm == DARK_DBM
    assert light(LINE, (), 1, TO_B, DARK_DBM).receive_dbm == DARK_DBM


def test_a_repeater_cannot_lift_faint_light_by_more_than_its_gain() -> None:
    faint = light(LINE, (), 1, TO_B, -40.0)
    assert faint.repeater_output_dbm[0] == pytest.approx(faint.repeater_input_dbm[0] + LINE.repeater_top_gain_db)


def test_without_repeaters_only_the_pumped_gain_comes_back() -> None:
    assert BARE.unrepeatered
    assert light(BARE, (), 1, TO_B, 23.0).receive_dbm == pytest.approx(23 - 61.3)
    assert light(BARE, (), 1, TO_B, 23.0, receive_gain_db=20.0).receive_dbm == pytest.approx(23 - 61.3 + 20)
    assert BARE.nominal_receive_dbm == pytest.approx(23 - 61.3 + 22)


def test_both_directions_of_an_uneven_line_follow_their_own_order() -> None:
    uneven = replace(LINE, spans_km=(50.0, 80.0, 60.0))
    assert light(uneven, (), 1, TO_B, 17.0).receive_dbm == pytest.approx(17 - uneven.span_db(2))
    assert light(uneven, (), 1, TO_A, 17.0).receive_dbm == pytest.approx(17 - uneven.span_db(0))
    assert light(uneven, (), 1, TO_A, 17.0).repeater_input_dbm == pytest.approx((17 - uneven.span_db(2), 17 - uneven.span_db(1)))
