"""What a power feed must show: permissives, charge, the output, remote control, settings that act by themselves, and the limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import GOOD, PointId, Quality, Value
from stationd.core.model import Level as QualityLevel
from stationd.core.operation.checks import arm_checks, open_checks, running_checks
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.orders import Way
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import Electrode, Energise, Part, RampTo, SetPolarity, SwitchOff, Task
from stationd.core.operation.views import Check, Phase
from stationd.core.operation.words import Cause
from stationd.core.powerfeed.words import FeedPlan
from tests.core.operation.station import (
    ARMER,
    CABLE,
    DOOR,
    EARTH,
    ENERGISE,
    FAR_ON,
    KEY,
    NOW,
    OFF,
    PLAN,
    RAMP,
    at,
    bad,
    evidence,
    feed,
    feeding,
    only,
    resting,
    spoilt,
    view,
    without,
)

SET_POINT = at("pfe-a", "current_setpoint")
BAD = Quality(QualityLevel.BAD)


def arm(task: Task, found: Evidence | None = None, plan: ActingPlan = PLAN) -> tuple[Check, ...]:
    return arm_checks(plan, evidence() if found is None else found, ARMER, "pfe-a", task, NOW)


def plan_with(one: FeedPlan) -> ActingPlan:
    return replace(PLAN, feeds={**PLAN.feeds, "pfe-a": one})


def test_an_open_or_unknown_permissive_refuses_with_its_live_value() -> None:
    refusal = only(arm(ENERGISE, evidence(resting() | {DOOR: False})), Cause.INTERLOCKING)
    assert refusal.why == "interlock io1.di1 OPEN (io1.di1, 0.3 s ago)"
    assert "close di1" in refusal.remedy
    unknown = only(arm(ENERGISE, without(evidence(), DOOR)), Cause.INTERLOCKING)
    assert unknown.why == "interlock io1.di1 not known: io1.di1 was never read"


def test_a_permissive_that_has_just_changed_refuses_either_way_and_says_what_it_reads() -> None:
    opened = only(arm(ENERGISE, spoilt(evidence(), DOOR, GOOD, False)), Cause.INTERLOCKING)
    assert opened.why == "interlock io1.di1 OPEN since 0.1 s, to be confirmed by a second reading (io1.di1)"
    closed = only(arm(ENERGISE, spoilt(evidence(resting() | {DOOR: False}), DOOR, GOOD, True)), Cause.INTERLOCKING)
    assert closed.why == "interlock io1.di1 closed since 0.1 s, to be confirmed by a second reading (io1.di1)"


def test_a_bypassed_permissive_counts_as_closed_until_its_end_and_is_shown_as_bypassed() -> None:
    for found in (evidence(resting() | {DOOR: False}), without(evidence(), DOOR)):
        checks = arm(ENERGISE, replace(found, bypassed={DOOR: NOW + 720}))
        assert bad(checks) == []
        assert "interlock io1.di1 BYPASSED for another 12 min" in {check.shown for check in checks}
        only(arm(ENERGISE, replace(found, bypassed={DOOR: NOW})), Cause.INTERLOCKING)
        only(arm(ENERGISE, replace(found, bypassed={KEY: NOW + 720})), Cause.INTERLOCKING)


def test_without_any_permissive_nothing_is_armed_unless_hardware_is_named_as_the_reason() -> None:
    bare = plan_with(feed("pfe-a", interlocks=()))
    assert only(arm(ENERGISE, plan=bare), Cause.INTERLOCKING).why == "no interlock is configured for pfe-a"
    wired = plan_with(feed("pfe-a", interlocks=(), interlocks_reason="door loop in the cabinet"))
    checks = arm(ENERGISE, plan=wired)
    assert bad(checks) == []
    assert "interlocks in hardware only: door loop in the cabinet" in {check.shown for check in checks}


def test_the_units_own_loop_refuses_and_no_bypass_helps() -> None:
    own = at("pfe-a", "interlock")
    found = evidence(resting(interlock=False), bypassed={own: NOW + 600})
    assert "OPEN (pfe-a.interlock" in only(arm(ENERGISE, found), Cause.INTERLOCKING).why
    only(arm(ENERGISE, without(evidence(), own)), Cause.INTERLOCKING)


def test_a_closed_earth_switch_refuses_whatever_feeds_the_line() -> None:
    closed = resting() | {EARTH: True}
    for task in (ENERGISE, Electrode(True)):
        assert only(arm(task, evidence(closed)), Cause.INTERLOCKING).why == "earth switch CLOSED (io1.di4, 0.3 s ago)"
        only(arm(task, without(evidence(), EARTH)), Cause.INTERLOCKING)
    assert bad(arm(SetPolarity(True), evidence(closed))) == []


@pytest.mark.parametrize("task", [OFF, RAMP])
def test_open_permissives_are_shown_and_do_not_keep_a_line_from_being_brought_down(task: Task) -> None:
    found = evidence(feeding() | {DOOR: False})
    checks = arm(task, found)
    assert bad(checks) == []
    assert "interlock io1.di1 OPEN (io1.di1, 0.3 s ago); no bar to bringing it down" in {check.shown for check in checks}
    assert bad(running_checks(PLAN, found, view(task, phase=Phase.RUNNING), NOW)) == []


def test_a_ramp_upward_wants_every_permissive() -> None:
    low = feeding(output_current=900.0, current_setpoint=900.0)
    assert bad(arm(RampTo(1000.0, 10.0), evidence(low))) == []
    only(arm(RampTo(1000.0, 10.0), evidence(low | {DOOR: False})), Cause.INTERLOCKING)
    assert Cause.INTERLOCKING in {each.cause for each in bad(arm(RAMP, without(evidence(feeding() | {DOOR: False}), SET_POINT)))}


def test_going_back_down_wants_no_permissive_and_going_on_upward_wants_every_one() -> None:
    found = evidence(feeding(output_current=400.0, current_setpoint=400.0) | {DOOR: False})
    held = view(ENERGISE, phase=Phase.HELD)
    assert bad(open_checks(PLAN, found, replace(held, offered=Way.BACK), ARMER, NOW)) == []
    only(open_checks(PLAN, found, replace(held, offered=Way.RESUME), ARMER, NOW), Cause.INTERLOCKING)
    running = view(ENERGISE, phase=Phase.RUNNING)
    assert bad(running_checks(PLAN, found, replace(running, offered=Way.BACK), NOW)) == []
    only(running_checks(PLAN, found, running, NOW), Cause.INTERLOCKING)


def test_a_fault_of_the_unit_refuses() -> None:
    assert only(arm(ENERGISE, evidence(resting(fault=True))), Cause.PROCESS).why == "fault of the unit REPORTED (pfe-a.fault, 0.3 s ago)"
    only(arm(ENERGISE, without(evidence(), at("pfe-a", "fault"))), Cause.HEALTH)


@pytest.mark.parametrize("task", [ENERGISE, SetPolarity(True)])
def test_a_line_that_is_not_discharged_refuses_with_the_volts_and_the_limit(task: Task) -> None:
    why = only(arm(task, evidence(resting(output_voltage=-87.0))), Cause.PROCESS).why
    assert why == "line NOT discharged: -87 V (pfe-a.output_voltage, 0.3 s ago), limit 50 V"
    assert "12.5 mA" in only(arm(task, evidence(resting(output_current=12.5))), Cause.PROCESS).why


def test_another_feed_of_the_station_on_the_same_line_must_be_off_and_known_to_be() -> None:
    on = at("pfe-b", "output_on")
    why = only(arm(ENERGISE, evidence(resting() | {on: True})), Cause.PROCESS).why
    assert why == "output of pfe-b ON (pfe-b.output_on, 0.3 s ago)"
    only(arm(ENERGISE, without(evidence(), on)), Cause.HEALTH)
    assert bad(arm(ENERGISE, without(evidence(), on), replace(PLAN, line=""))) == []  # they do not share a line


@pytest.mark.parametrize(
    ("task", "values", "cause"),
    [
        (ENERGISE, feeding(output_current=0.0, output_voltage=3.0), Cause.REACHED),
        (RAMP, resting(), Cause.PROCESS),
        (RampTo(1000.0, 10.0), feeding(), Cause.REACHED),
        (OFF, resting(), Cause.REACHED),
        (SetPolarity(True), feeding(output_current=0.0, output_voltage=3.0), Cause.PROCESS),
        (SetPolarity(False), resting(), Cause.REACHED),
        (Electrode(False), resting(), Cause.REACHED),
    ],
)
def test_an_output_that_does_not_stand_where_the_task_begins_refuses(task: Task, values: dict[PointId, Value], cause: Cause) -> None:
    assert cause in {each.cause for each in bad(arm(task, evidence(values)))}


def test_every_gate_reading_of_the_unit_is_wanted_and_named_when_it_lacks() -> None:
    for point in ("output_current", "output_voltage", "current_setpoint", "voltage_setpoint", "output_on", "regulation"):
        refusals = bad(arm(RAMP, without(evidence(feeding()), at("pfe-a", point))))
        assert any(each.cause is Cause.HEALTH and f"pfe-a.{point} was never read" in each.why for each in refusals)


def test_settings_that_would_act_by_themselves_refuse_when_they_are_on_or_not_known() -> None:
    assert "auto restart ON" in only(arm(ENERGISE, evidence(resting(auto_restart=True))), Cause.HEALTH).why
    only(arm(ENERGISE, without(evidence(), at("pfe-a", "auto_restart"))), Cause.HEALTH)


def test_a_unit_under_its_own_panel_refuses_unless_energising_may_take_it() -> None:
    local = resting(remote=False)
    assert "OFF (pfe-a.remote" in only(arm(ENERGISE, evidence(local)), Cause.SWITCHING_HIERARCHY).why
    taking = plan_with(feed("pfe-a", remote_writable=True))
    assert bad(arm(ENERGISE, evidence(local), taking)) == []
    only(arm(SetPolarity(True), evidence(local), taking), Cause.SWITCHING_HIERARCHY)
    only(arm(ENERGISE, without(evidence(), at("pfe-a", "remote")), taking), Cause.HEALTH)


def test_taking_remote_control_is_not_held_between_two_readings_but_losing_it_is() -> None:
    taking, running = plan_with(feed("pfe-a", remote_writable=True)), view(ENERGISE, phase=Phase.RUNNING)
    just_taken = spoilt(evidence(resting(remote=False)), at("pfe-a", "remote"), GOOD, True)
    just_on = spoilt(just_taken, at("pfe-a", "output_on"), GOOD, True)
    for found in (evidence(resting(remote=False)), just_taken, just_on):
        assert bad(running_checks(taking, found, running, NOW)) == []
    only(running_checks(taking, evidence(feeding(remote=False)), running, NOW), Cause.SWITCHING_HIERARCHY)
    only(running_checks(taking, spoilt(just_on, at("pfe-a", "remote"), BAD), running, NOW), Cause.HEALTH)


# Limits.


@pytest.mark.parametrize("to_ma", [0.0, -5.0, 1000.2, 1e9, float("nan"), float("inf")])
def test_a_current_beyond_the_nominal_one_or_none_at_all_is_refused(to_ma: float) -> None:
    refusals = bad(arm(Energise(to_ma, 10.0)))
    assert any(each.cause is Cause.STEP_LIMIT and "limit 1000 mA" in each.why for each in refusals)


@pytest.mark.parametrize("rate", [0.0, -1.0, 10.5, float("nan"), float("inf")])
def test_a_rate_beyond_the_profiles_is_refused(rate: float) -> None:
    assert "limit 10 mA/s" in only(arm(Energise(1000.0, rate)), Cause.STEP_LIMIT).why
    assert "limit 20 mA/s" in only(arm(SwitchOff(rate + 10.0 if rate > 1 else rate), evidence(feeding())), Cause.STEP_LIMIT).why


def test_downward_the_faster_rate_counts() -> None:
    assert bad(arm(RampTo(900.0, 20.0), evidence(feeding()))) == []
    only(arm(RampTo(990.0, 20.0), evidence(feeding(output_current=900.0, current_setpoint=900.0))), Cause.STEP_LIMIT)


def test_a_ramp_down_that_was_held_at_its_end_may_still_go_on() -> None:
    held = replace(view(RampTo(900.0, 20.0), phase=Phase.HELD), offered=Way.RESUME)
    there = evidence(feeding(output_current=900.0, current_setpoint=899.98))
    assert bad(open_checks(PLAN, there, held, ARMER, NOW)) == []


def test_a_current_that_one_end_could_not_carry_alone_is_refused_with_both_voltages() -> None:
    low = plan_with(feed("pfe-a", max_v=570.0))
    assert only(arm(ENERGISE, plan=low), Cause.STEP_LIMIT).why == "voltage 578 V, limit 570 V"  # 540 V and 38 V of earth potential
    assert bad(arm(ENERGISE, plan=plan_with(feed("pfe-a", max_v=578.0)))) == []
    assert bad(arm(ENERGISE, plan=plan_with(feed("pfe-a", max_v=10.0, cable=None)))) == []  # a bench: no line to model


def test_double_end_feed_wants_the_far_limit_and_keeps_to_it() -> None:
    double = Energise(1000.0, 10.0, Part.MASTER)
    assert bad(arm(double)) == []
    only(arm(double, plan=plan_with(feed("pfe-a", far_max_v=None))), Cause.MODE)
    weak = plan_with(feed("pfe-a", far_max_v=500.0))
    assert "voltage at Siyazan 578 V, limit 500 V" in only(arm(double, plan=weak), Cause.STEP_LIMIT).why
    only(arm(Energise(1000.0, 10.0, Part.FOLLOWER), plan=plan_with(feed("pfe-a", cable=None))), Cause.MODE)


def test_while_both_ends_hold_the_current_only_a_trim_is_allowed() -> None:
    both = evidence(feeding(output_voltage=270.0), far=FAR_ON)
    assert "limit 5 mA" in only(arm(RampTo(990.0, 5.0), both), Cause.STEP_LIMIT).why
    assert bad(arm(RampTo(1004.5, 5.0), both)) == []
    only(arm(RampTo(1004.5, 5.0), evidence(feeding())), Cause.STEP_LIMIT)  # alone, beyond the nominal current
    unknown = replace(both, seen=replace(both.seen, far=replace(FAR_ON, regulation=None)))
    only(arm(RampTo(990.0, 5.0), unknown), Cause.STEP_LIMIT)
    follows = replace(both, seen=replace(both.seen, far=replace(FAR_ON, regulation="cv")))
    assert bad(arm(RampTo(990.0, 5.0), follows)) == []


def test_one_end_goes_off_only_if_the_other_can_carry_the_whole_line() -> None:
    both = evidence(feeding(output_voltage=270.0), far=FAR_ON)
    assert bad(arm(OFF, both)) == []
    weak = plan_with(feed("pfe-a", far_max_v=560.0))
    assert "voltage at Siyazan 578 V, limit 560 V" in only(arm(OFF, both, weak), Cause.STEP_LIMIT).why
    only(arm(OFF, both, plan_with(feed("pfe-a", far_max_v=None))), Cause.MODE)
    only(arm(OFF, evidence(feeding(output_voltage=600.0), far=FAR_ON)), Cause.STEP_LIMIT)  # 870 V stand on it now
    silent = evidence(feeding(output_voltage=270.0), far=replace(FAR_ON, voltage_v=None))
    only(arm(OFF, silent), Cause.HEALTH)
    no_model = plan_with(feed("pfe-a", cable=None))
    assert bad(arm(OFF, both, no_model)) == []


@given(
    to_ma=st.floats(allow_nan=True), rate=st.floats(allow_nan=True), part=st.sampled_from(Part),
    max_v=st.floats(100.0, 900.0), far_max_v=st.floats(100.0, 900.0),
)  # fmt: skip
def test_no_order_beyond_a_limit_is_ever_good(to_ma: float, rate: float, part: Part, max_v: float, far_max_v: float) -> None:
    plan = plan_with(feed("pfe-a", max_v=max_v, far_max_v=far_max_v))
    if bad(arm(Energise(to_ma, rate, part), plan=plan)):
        return
    whole_v = 0.38 * to_ma + 160.0 * min(1.0, to_ma / 100.0) + 38.0
    assert 0 < to_ma <= 1000.0
    assert 0 < rate <= 10.0
    assert whole_v <= max_v + 1e-6
    assert part is Part.SINGLE or whole_v <= far_max_v + 1e-6
    assert CABLE.length_km == 380.0
