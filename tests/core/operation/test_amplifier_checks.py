"""Amplifiers: their own protection is never defeated, the watt class wants its interlock and its return loss."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.model import PointId, Value
from stationd.core.operation.checks import arm_checks, open_checks, running_checks
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.orders import Way
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import Pump, SetMode, Task
from stationd.core.operation.views import Check, Phase
from stationd.core.operation.words import Cause
from tests.core.operation.station import (
    AMPLIFIER,
    ARMER,
    FAR,
    NOW,
    PLAN,
    RAMAN,
    at,
    bad,
    everything,
    evidence,
    hold,
    only,
    view,
    without,
)

ON, OFF, MODE = Pump(True), Pump(False), SetMode("apc")
OWN_LOOP = PointId("io1", "di6")


def arm(task: Task, object: str = "amp1", found: Evidence | None = None, plan: ActingPlan = PLAN) -> tuple[Check, ...]:
    return arm_checks(plan, evidence() if found is None else found, ARMER, object, task, NOW)


def unit(device: str = "amp1", /, **values: Value) -> Evidence:
    return evidence(everything() | {at(device, point): value for point, value in values.items()})


@pytest.mark.parametrize("task", [ON, MODE])
@pytest.mark.parametrize("flag", ["los", "apr"])
def test_nothing_is_forced_on_while_the_unit_protects_itself(task: Task, flag: str) -> None:
    refusal = only(arm(task, found=unit(**{flag: True})), Cause.PROCESS)
    assert f"amp1.{flag}, 0.3 s ago" in refusal.why
    assert refusal.remedy == "the unit restarts by itself when light is back; forcing it would defeat its shut-down"
    only(arm(task, found=without(evidence(), at("amp1", flag))), Cause.PROCESS)


def test_a_unit_that_protects_itself_may_be_switched_off() -> None:
    assert bad(arm(OFF, found=unit(pump_on=True, los=True, fault=True))) == []


def test_a_fault_refuses() -> None:
    assert "REPORTED (amp1.fault" in only(arm(ON, found=unit(fault=True)), Cause.PROCESS).why
    only(arm(ON, found=without(evidence(), at("amp1", "fault"))), Cause.HEALTH)


def test_what_stands_there_already_is_told_and_what_is_not_known_refuses() -> None:
    assert only(arm(ON, found=unit(pump_on=True)), Cause.REACHED).why == "pumps of amp1 ON (amp1.pump_on, 0.3 s ago)"
    only(arm(OFF), Cause.REACHED)
    assert only(arm(MODE, found=unit(mode="apc")), Cause.REACHED).why == "mode apc (amp1.mode, 0.3 s ago)"
    only(arm(ON, found=without(evidence(), at("amp1", "pump_on"))), Cause.HEALTH)
    only(arm(MODE, found=without(evidence(), at("amp1", "mode"))), Cause.HEALTH)


def test_the_watt_class_wants_its_interlock_closed_or_named_as_hardware() -> None:
    open_loop = evidence(everything() | {OWN_LOOP: False})
    assert "OPEN (io1.di6" in only(arm(ON, "raman1", open_loop), Cause.INTERLOCKING).why
    only(arm(ON, "raman1", without(evidence(), OWN_LOOP)), Cause.INTERLOCKING)
    bare = replace(PLAN, amplifiers={"raman1": replace(RAMAN, interlocks=())})
    assert "no interlock" in only(arm(ON, "raman1", plan=bare), Cause.INTERLOCKING).why
    wired = replace(PLAN, amplifiers={"raman1": replace(RAMAN, interlocks=(), interlocks_reason="key loop of the rack")})
    assert bad(arm(ON, "raman1", plan=wired)) == []


def test_the_watt_class_wants_a_return_loss_that_is_measured_fresh_and_good() -> None:
    refusal = only(arm(ON, "raman1", unit("raman1", return_loss=14.2)), Cause.INTERLOCKING)
    assert refusal.why == "return loss 14.2 dB (raman1.return_loss, 0.3 s ago), at least 24 dB"
    only(arm(ON, "raman1", without(evidence(), at("raman1", "return_loss"))), Cause.HEALTH)
    blind = replace(PLAN, amplifiers={"raman1": replace(RAMAN, return_loss_db=None)})
    assert "does not measure" in only(arm(ON, "raman1", plan=blind), Cause.INTERLOCKING).why
    assert bad(arm(OFF, "raman1", unit("raman1", pump_on=True, return_loss=1.0))) == []


def test_a_hold_of_the_far_station_refuses_light_toward_it_and_the_watt_class_wants_its_word() -> None:
    held = evidence(far=replace(FAR, holds=("ship on cable",)))
    assert "Siyazan holds: ship on cable" in only(arm(ON, found=held), Cause.HOLD).why
    assert bad(arm(ON, found=evidence(far=None))) == []
    only(arm(ON, "raman1", evidence(far=None)), Cause.HEALTH)
    only(arm(ON, "raman1", evidence(far=replace(FAR, shares=False))), Cause.HEALTH)


def test_holds_of_this_station_refuse_switching_on_and_off() -> None:
    for name in ("amp1", "line", "station"):
        for task, found in ((ON, evidence(holds=(hold(name),))), (OFF, unit(pump_on=True))):
            only(arm(task, found=replace(found, holds=(hold(name),))), Cause.HOLD)
    assert bad(arm(ON, found=evidence(holds=(hold("raman1"), hold("pfe-a"))))) == []


def test_while_it_runs_permissives_return_loss_and_holds_are_watched() -> None:
    running = view(ON, "raman1", Phase.RUNNING)
    lit = everything() | {at("raman1", "pump_on"): True}
    assert bad(running_checks(PLAN, evidence(lit), running, NOW)) == []
    only(running_checks(PLAN, evidence(lit | {OWN_LOOP: False}), running, NOW), Cause.INTERLOCKING)
    only(running_checks(PLAN, evidence(lit | {at("raman1", "return_loss"): 12.0}), running, NOW), Cause.INTERLOCKING)
    assert bad(running_checks(PLAN, evidence(lit | {OWN_LOOP: False}), replace(running, offered=Way.BACK), NOW)) == []


def test_going_back_from_off_switches_on_and_is_asked_all_that_switching_on_is() -> None:
    held = view(OFF, "amp1", Phase.HELD, offered=Way.BACK)
    only(open_checks(PLAN, unit(los=True), held, ARMER, NOW), Cause.PROCESS)
    assert bad(open_checks(PLAN, unit(los=True), replace(held, offered=Way.RESUME), ARMER, NOW)) == []
    assert AMPLIFIER.lost == at("amp1", "los")
