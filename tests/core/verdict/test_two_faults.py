"""Two things wrong at once, figures that do not fit, and far ends that have not spoken: what the verdict must not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.verdict.evidence import Evidence, Power, Sign
from stationd.core.verdict.judge import judge
from stationd.core.verdict.words import Confidence, Kind, Ours
from tests.core.verdict.cases import CUT, DARK, DARK_THERE, FAR_OFF, OFF, SHUNT, TRIPPED, electric, every, evidence, feed, silent

UNFED = replace(OFF, there=Power.FEEDING, leaks=True, far=feed(366.0), ends=1)


def test_nobody_carries_a_line_on_which_all_light_is_gone() -> None:
    dark = judge(evidence(pairs=every(**DARK, far=DARK_THERE), electric=replace(UNFED, leaks=False), contacts=TRIPPED))
    assert "carries" not in dark.sentence
    assert dark.ours is Ours.CANNOT_TELL
    assert "carries" in judge(evidence(electric=replace(UNFED, leaks=False), contacts=TRIPPED)).sentence


def test_a_cut_after_our_trip_is_told_as_the_cut_and_the_trip_beside_it() -> None:
    verdict = judge(evidence(pairs=every(**DARK, far=DARK_THERE), electric=UNFED, contacts=TRIPPED))
    assert (verdict.kind, verdict.confidence) == (Kind.CABLE_CUT, Confidence.MEDIUM)
    assert any(reason.startswith("also: ") and "feed is off" in reason for reason in verdict.why)


@pytest.mark.parametrize("found", [evidence(electric=SHUNT), CUT, evidence()])
def test_facts_that_do_not_fit_take_the_certainty_and_are_named(found: Evidence) -> None:
    sure, doubted = judge(found), judge(replace(found, electric=replace(found.electric, doubt_v=-34.1)))
    assert (sure.confidence, doubted.confidence) == (Confidence.HIGH, Confidence.MEDIUM)
    assert doubted.kind is sure.kind
    assert any("line facts do not fit (residual -34.1 V)" in reason for reason in doubted.why)


@pytest.mark.parametrize("found", [evidence(electric=SHUNT), CUT])
def test_no_place_is_sure_before_the_readings_have_settled(found: Evidence) -> None:
    assert judge(replace(found, electric=replace(found.electric, settled=False))).confidence is Confidence.MEDIUM


@pytest.mark.parametrize("there", [Power.UNKNOWN, Power.FEEDING])
def test_a_far_feed_is_only_surely_off_when_it_says_so_itself(there: Power) -> None:
    assert judge(evidence(electric=FAR_OFF)).confidence is Confidence.HIGH
    assert judge(evidence(electric=replace(FAR_OFF, there=there))).confidence is Confidence.LOW
    assert judge(silent(evidence(electric=FAR_OFF))).confidence is Confidence.LOW


@pytest.mark.parametrize("whole_v", [None, 541.0])
def test_a_far_feed_that_calls_itself_off_is_not_surely_off_where_our_voltage_is_not_what_both_gave(whole_v: float | None) -> None:
    assert judge(evidence(electric=replace(FAR_OFF, whole_v=whole_v))).confidence is Confidence.MEDIUM


def test_without_any_figure_of_the_far_feed_the_whole_line_is_not_surely_healthy() -> None:
    verdict = judge(evidence(electric=electric(there=Power.UNKNOWN, far=None, ends=1)))
    assert (verdict.kind, verdict.confidence, verdict.where) == (Kind.HEALTHY, Confidence.MEDIUM, "this end")
    assert any("does not tell what its feed measures" in reason for reason in verdict.why)


def test_a_far_end_that_is_heard_is_not_said_to_be_unheard_while_its_reading_is_awaited() -> None:
    awaited = judge(evidence(electric=replace(SHUNT, ends=1, there=Power.UNKNOWN)))
    assert not any("not heard" in reason for reason in awaited.why)
    assert any("awaited" in reason for reason in awaited.why)
    assert any("not heard" in reason for reason in judge(silent(evidence(electric=SHUNT))).why)


def test_an_uneven_split_without_a_past_says_so_and_asks_for_a_baseline() -> None:
    found = electric(sign=Sign.UNCLEAR, candidates=(Sign.SHUNT, Sign.MIS_SET), near=feed(165.0), far=feed(336.0), step_v=None)
    verdict = judge(evidence(electric=found))
    assert (verdict.kind, verdict.confidence) == (Kind.CANNOT_TELL, Confidence.LOW)
    assert "uneven" in verdict.sentence
    assert any("take a baseline" in reason for reason in verdict.why)


def test_an_amplifier_that_shut_off_with_the_lost_light_is_not_told_as_ours_when_the_light_is_back() -> None:
    verdict = judge(evidence(pairs=every(transmit_lost=True, follows=True)))
    assert (verdict.kind, verdict.ours) == (Kind.CANNOT_TELL, Ours.CANNOT_TELL)
    assert judge(evidence(pairs=every(transmit_lost=True))).ours is Ours.YES
