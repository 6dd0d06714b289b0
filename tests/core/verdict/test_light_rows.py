"""The rows that begin with light: what follows from what, and how much each says of whose it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.line.far import FarLight
from stationd.core.verdict.judge import judge
from stationd.core.verdict.words import Confidence, First, Kind, Ours
from tests.core.verdict.cases import DARK, DARK_THERE, NOW, every, evidence, one, silent

SHUT = {"transmit_lost": True, "transmit_dbm": None}
SILENT_THERE = {"far": FarLight(None, None, lost=True, lost_t=NOW - 1.5), "far_transmit_lost": True}


def test_an_amplifier_that_shut_off_after_a_break_in_the_sea_is_no_fault_of_ours() -> None:
    verdict = judge(evidence(pairs=one(3, **DARK, **SHUT, follows=True)))
    assert (verdict.kind, verdict.ours, verdict.confidence) == (Kind.FIBRE_BREAK, Ours.NO, Confidence.HIGH)
    assert "our amplifier shut off after that" in verdict.why


def test_where_it_is_not_known_which_side_went_dark_first_it_is_not_said_whose_it_is() -> None:
    verdict = judge(evidence(pairs=one(3, **DARK, **SHUT, follows=None)))
    assert (verdict.kind, verdict.ours, verdict.confidence) == (Kind.FIBRE_BREAK, Ours.CANNOT_TELL, Confidence.LOW)


def test_our_transmitter_that_failed_first_is_ours_though_the_far_end_then_shut_off_too() -> None:
    verdict = judge(evidence(pairs=one(3, **DARK, **SHUT, **SILENT_THERE, far_follows=True)))
    assert (verdict.kind, verdict.ours) == (Kind.TERMINAL_PUMP, Ours.YES)


@pytest.mark.parametrize("order", [True, None])
def test_a_far_transmitter_that_shut_off_after_our_light_was_lost_there_is_not_called_its_fault(order: bool | None) -> None:
    verdict = judge(evidence(pairs=one(3, **DARK, **SILENT_THERE, far_follows=order)))
    assert (verdict.kind, verdict.ours, verdict.confidence) == (Kind.FIBRE_BREAK, Ours.CANNOT_TELL, Confidence.LOW)


def test_a_far_transmitter_that_has_just_been_asked_about_is_not_called_its_fault_yet() -> None:
    there = {"far": FarLight(-18.0, None, lost=False), "far_transmit_lost": True}
    assert judge(evidence(pairs=one(3, **DARK, **there, far_settled=False))).kind is not Kind.TERMINAL_PUMP
    assert judge(evidence(pairs=one(3, **DARK, **there))).kind is Kind.TERMINAL_PUMP


@pytest.mark.parametrize(
    ("stopped_s", "wide_s", "kind", "confidence"),
    [
        (0.01, 0.03, Kind.TERMINAL_PUMP, Confidence.HIGH),
        (0.9, 0.03, Kind.FIBRE_BREAK, Confidence.HIGH),
        (0.9, 1.0, Kind.FIBRE_BREAK, Confidence.LOW),
        (-60.0, 0.03, Kind.FIBRE_BREAK, Confidence.LOW),
    ],
)
def test_when_the_far_station_stopped_sending_tells_whether_that_is_why(
    stopped_s: float, wide_s: float, kind: Kind, confidence: Confidence
) -> None:
    lost_t = NOW - 0.5
    stop = First("transmit-lost", "Siyazan fp3-tx", lost_t + stopped_s, wide_s)
    verdict = judge(evidence(pairs=one(3, **DARK, **SILENT_THERE, far_follows=None), events=(stop,)))
    assert (verdict.kind, verdict.confidence) == (kind, confidence)
    shut = judge(evidence(pairs=one(3, **DARK, **SILENT_THERE, far_follows=True), events=(stop,)))
    assert shut.kind is Kind.FIBRE_BREAK


def test_a_far_station_that_was_heard_to_send_since_the_loss_is_not_its_cause_though_it_sends_no_more() -> None:
    verdict = judge(evidence(pairs=one(3, **DARK, far=FarLight(-18.0, None, lost=False), far_transmit_lost=True, far_sent=True)))
    assert (verdict.kind, verdict.confidence) == (Kind.FIBRE_BREAK, Confidence.HIGH)


def test_light_that_came_back_before_a_fibre_broke_opens_no_connector_and_decides_nothing() -> None:
    verdict = judge(evidence(pairs=one(3, **DARK, reflects=True, stands=True, reduced=True, far=DARK_THERE)))
    assert (verdict.kind, verdict.ours) == (Kind.FIBRE_BREAK, Ours.CANNOT_TELL)
    assert any("light came back" in each for each in verdict.why)


def test_light_that_comes_back_and_nothing_else_is_shown_on_a_healthy_line() -> None:
    verdict = judge(evidence(pairs=one(3, reflects=True, stands=True)))
    assert verdict.kind is Kind.HEALTHY
    assert any("light comes back" in each and "pair 3" in each for each in verdict.why)
    assert not any("light comes back" in each for each in judge(evidence()).why)


def test_one_fibre_that_sends_light_back_may_be_broken_close_to_us() -> None:
    verdict = judge(evidence(pairs=one(3, reflects=True, reduced=True, far=DARK_THERE)))
    assert (verdict.kind, verdict.ours) == (Kind.CONNECTOR, Ours.CANNOT_TELL)
    assert any("first kilometres" in each for each in verdict.why)


def test_a_patch_behind_our_amplifier_is_a_connector_and_no_sensor() -> None:
    verdict = judge(evidence(pairs=one(3, sent_patch_dark=True, far=DARK_THERE)))
    assert (verdict.kind, verdict.ours, verdict.confidence) == (Kind.CONNECTOR, Ours.YES, Confidence.HIGH)


def test_a_sensor_that_could_be_a_patch_is_not_surely_a_sensor() -> None:
    verdict = judge(silent(evidence(pairs=one(3, sensor="fp3-tx", sensor_sure=False))))
    assert (verdict.kind, verdict.ours, verdict.confidence) == (Kind.SENSOR, Ours.YES, Confidence.MEDIUM)
    assert "patch" in verdict.sentence


def test_a_pair_that_is_still_being_asked_about_is_no_broken_fibre_yet() -> None:
    waiting = judge(evidence(pairs=one(3, **DARK, waiting=True)))
    assert (waiting.kind, waiting.ours) == (Kind.CANNOT_TELL, Ours.CANNOT_TELL)
    unasked = judge(evidence(pairs=one(3, **DARK, asked=False)))
    assert (unasked.ours, unasked.confidence) == (Ours.CANNOT_TELL, Confidence.LOW)


def test_the_far_end_alone_never_says_more_than_low_confidence_of_a_fibre() -> None:
    seen = judge(evidence(pairs=one(3, far=DARK_THERE)))
    assert (seen.kind, seen.confidence, seen.one_end) == (Kind.FIBRE_BREAK, Confidence.LOW, True)
    everywhere = judge(evidence(pairs=every(far=DARK_THERE)))
    assert everywhere.ours is Ours.CANNOT_TELL


@pytest.mark.parametrize(("fall_db", "expected"), [(-7.9, Kind.HEALTHY), (-8.1, Kind.CANNOT_TELL), (-24.9, Kind.CANNOT_TELL)])
def test_light_that_is_far_too_weak_is_told_and_nobody_is_named(fall_db: float, expected: Kind) -> None:
    verdict = judge(evidence(pairs=one(3, receive_change_db=fall_db)))
    assert (verdict.kind, verdict.ours is Ours.YES) == (expected, False)


def test_a_pump_that_is_off_there_needs_their_word_and_our_weak_light() -> None:
    weak = one(3, far_change_db=-14.0)
    assert judge(evidence(pairs=weak, far_alarms=("fp3-ropa/ROPA-PUMP-OFF",))).kind is Kind.PUMP_OFF
    assert judge(evidence(pairs=weak)).kind is Kind.HEALTHY
    assert judge(evidence(far_alarms=("fp3-ropa/ROPA-PUMP-OFF",))).kind is Kind.HEALTHY


def test_several_pairs_that_fade_have_no_single_pump_for_a_cause() -> None:
    pairs = tuple(replace(pair, receive_change_db=-0.7) for pair in evidence().pairs)
    verdict = judge(evidence(pairs=pairs, faded=(1, 2, 3)))
    assert (verdict.ours, verdict.confidence) == (Ours.CANNOT_TELL, Confidence.LOW)
