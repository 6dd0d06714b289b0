"""The far end may only refuse or hold: without its fresh, shared word nothing is armed, and a hold or an operation there refuses here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.operation.checks import arm_checks, open_checks, running_checks
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.orders import Way
from stationd.core.operation.routing import target
from stationd.core.operation.task import Electrode, Energise, Part, RampTo, SetPolarity, SwitchOff, Task
from stationd.core.operation.views import Check, Phase
from stationd.core.operation.words import Cause
from stationd.core.powerfeed.words import FarFeed
from tests.core.operation.station import (
    ARMER,
    ENERGISE,
    FAR,
    FAR_ON,
    NOW,
    OFF,
    PLAN,
    RAMP,
    bad,
    evidence,
    feed,
    feeding,
    only,
    resting,
    view,
)

MASTER, FOLLOWER = Energise(1000.0, 10.0, Part.MASTER), Energise(1000.0, 10.0, Part.FOLLOWER)
TASKS: tuple[Task, ...] = (ENERGISE, MASTER, FOLLOWER, RAMP, RampTo(950.0, 10.0), OFF, SetPolarity(True), Electrode(True))


def at_work(task: Task, far: FarFeed | None) -> Evidence:
    return evidence(feeding() if isinstance(task, RampTo | SwitchOff) else resting(), far=far)


def arm(task: Task, far: FarFeed | None) -> tuple[Check, ...]:
    return arm_checks(PLAN, at_work(task, far), ARMER, "pfe-a", task, NOW)


def operation(target: str, phase: str = "armed") -> dict[str, str]:
    return {"id": "OP-7", "phase": phase, "target": target}


@pytest.mark.parametrize("task", TASKS)
@given(age_s=st.floats(-5.0, 10.0))
def test_without_a_fresh_word_of_the_far_end_nothing_is_armed_goes_on_or_runs(task: Task, age_s: float) -> None:
    far = replace(FAR, t=NOW - age_s, feed_t=NOW - age_s - 0.3)
    fresh = -2.0 < age_s < 2.0
    found = at_work(task, far)
    held, running = view(task, phase=Phase.HELD, offered=Way.RESUME), view(task, phase=Phase.RUNNING)
    for checks in (arm(task, far), open_checks(PLAN, found, held, ARMER, NOW), running_checks(PLAN, found, running, NOW)):
        assert any(check.name == "far end" and check.good for check in checks) == fresh
        assert bool(bad(checks)) != fresh


@pytest.mark.parametrize("task", TASKS)
def test_a_silent_far_end_refuses_and_says_why_it_is_silent(task: Task) -> None:
    refusals = bad(arm(task, None))
    assert refusals
    assert all(each.cause is Cause.HEALTH for each in refusals)
    assert "Siyazan is not known: nothing valid comes from the far station" in {each.why for each in refusals}


@pytest.mark.parametrize("task", TASKS)
def test_a_hold_set_there_refuses_here_and_names_who_holds(task: Task) -> None:
    held = replace(FAR, holds=('H-2 on line by n.aliyeva: "ship on cable" NOT AN ISOLATION',))
    why = only(arm(task, held), Cause.HOLD).why
    assert why.startswith("Siyazan holds: H-2 on line by n.aliyeva")
    assert why.endswith("(0.4 s ago)")
    assert Cause.HOLD in {each.cause for each in bad(running_checks(PLAN, at_work(task, held), view(task, phase=Phase.RUNNING), NOW))}


@pytest.mark.parametrize("task", TASKS)
def test_a_far_end_that_does_not_share_what_it_holds_and_does_refuses(task: Task) -> None:
    assert "does not share" in only(arm(task, replace(FAR, shares=False)), Cause.HEALTH).why


@pytest.mark.parametrize("task", TASKS)
def test_an_open_operation_there_refuses_unless_it_is_the_other_part_of_ours(task: Task) -> None:
    phase = "running" if isinstance(task, SwitchOff) else "armed"
    single = replace(FAR, operation=operation("single energise to 900 mA", phase))
    why = only(arm(task, single), Cause.ONE_OF_N).why
    assert why == f"Siyazan has OP-7: single energise to 900 mA, {phase} (0.4 s ago)"
    assert bad(arm(task, replace(FAR, operation=operation("single energise to 900 mA", "closed")))) == []


@pytest.mark.parametrize("phase", ["waiting", "armed"])
def test_what_has_not_begun_there_is_shown_and_does_not_keep_a_feed_from_being_switched_off(phase: str) -> None:
    checks = arm(OFF, replace(FAR, operation=operation("ramp to 900 mA", phase)))
    assert bad(checks) == []
    (shown,) = [check.shown for check in checks if check.name == "far operation"]
    assert shown == f"Siyazan has OP-7: ramp to 900 mA, {phase} (0.4 s ago); it has not begun: no bar to switching off"


def test_master_and_follower_fit_together_and_nothing_else_does() -> None:
    for ours, theirs, good in (
        (MASTER, "follower to 1000 mA", True), (FOLLOWER, "master to 1000 mA", True), (MASTER, "master to 1000 mA", False),
        (FOLLOWER, "follower to 1000 mA", False), (ENERGISE, "master to 1000 mA", False), (MASTER, "ramp to 900 mA", False),
        (MASTER, "", False), (MASTER, "follower to 800 mA", False), (MASTER, "follower to 1000 A", False), (MASTER, "follower", False),
        (MASTER, "follower to nan mA", False), (MASTER, "follower to much mA", False),
        (replace(MASTER, to_ma=912.5), "follower to 912.5 mA", True),
    ):  # fmt: skip
        assert (bad(arm(ours, replace(FAR, operation=operation(theirs)))) == []) is good


@pytest.mark.parametrize(("ours", "theirs"), [(MASTER, "follower to 800 mA"), (FOLLOWER, "master to 800 mA")])
def test_two_ends_that_are_armed_to_different_currents_are_refused_and_held_with_both_numbers(ours: Energise, theirs: str) -> None:
    other = replace(FAR, operation=operation(theirs, "running"))
    found = at_work(ours, other)
    waiting, held = view(ours), view(ours, phase=Phase.HELD, offered=Way.RESUME)
    steps = (arm(ours, other), open_checks(PLAN, found, waiting, ARMER, NOW), open_checks(PLAN, found, held, ARMER, NOW))
    for checks in (*steps, running_checks(PLAN, found, view(ours, phase=Phase.RUNNING), NOW)):
        refusal = bad(checks)[0]
        assert refusal.cause is Cause.INCONSISTENT
        assert theirs in refusal.why
        assert f"here it is {ours.part.value} to 1000 mA" in refusal.why


@given(st.floats(0.1, 2000.0).map(lambda value: round(value, 1)))
def test_the_far_station_finds_the_current_of_the_other_part_in_what_it_is_told(to_ma: float) -> None:
    told = target(Energise(to_ma, 10.0, Part.FOLLOWER))
    ours = Energise(to_ma, 10.0, Part.MASTER)
    checks = arm(ours, replace(FAR, operation=operation(told)))
    assert next(check for check in checks if check.name == "far operation").good


def test_a_far_feed_that_is_on_or_not_known_refuses_to_feed_or_turn_alone() -> None:
    for task in (ENERGISE, SetPolarity(True)):
        why = only(arm(task, FAR_ON), Cause.PROCESS).why
        assert why == "the feed at Siyazan is ON 1000 mA 270 V cc, earth open (0.4 s ago)"
    for far, why in (
        (replace(FAR, on=None), "its unit was read 0.8 s ago"), (replace(FAR, feed_t=None), "it says nothing of it (0.4 s ago)"),
        (replace(FAR, feed_t=NOW - 2.4), "its unit was read 2.4 s ago"),
    ):  # fmt: skip
        assert only(arm(ENERGISE, far), Cause.HEALTH).why == f"it is not known whether the feed at Siyazan is on: {why}"
        assert bad(arm(RAMP, far))
        assert bad(arm(Electrode(True), far)) == []


def test_a_double_end_start_joins_no_line_that_the_far_end_feeds_for_itself() -> None:
    only(arm(MASTER, FAR_ON), Cause.PROCESS)
    begun = replace(FAR_ON, current_ma=0.0, voltage_v=2.0, operation=operation("follower to 1000 mA", "running"))
    assert bad(arm(MASTER, begun)) == []
    assert only(arm(MASTER, replace(begun, operation=operation("follower to 1000 mA", "closed"))), Cause.PROCESS).why.startswith("the feed")
    running = view(MASTER, phase=Phase.RUNNING)
    assert bad(running_checks(PLAN, at_work(RAMP, FAR_ON), running, NOW)) == []  # its operation may have ended before ours


def test_where_the_line_has_no_other_station_nobody_is_asked() -> None:
    alone = replace(PLAN, feeds={"pfe-a": feed("pfe-a", far_expected=False)})
    checks = arm_checks(alone, evidence(far=None), ARMER, "pfe-a", ENERGISE, NOW)
    assert bad(checks) == []
    assert not any(check.name.startswith("far") for check in checks)
    assert "nobody to share it with" in only(arm_checks(alone, evidence(far=None), ARMER, "pfe-a", MASTER, NOW), Cause.MODE).why
