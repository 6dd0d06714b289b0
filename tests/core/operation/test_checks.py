"""Preconditions as a whole: who asks, what is selected, what can never be, and that nothing unknown is ever good."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.amplifier.guard import protecting
from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason
from stationd.core.operation.checks import approval_checks, arm_checks, open_checks, reason_refusal, running_checks
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.orders import Person, Way
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import (
    Bypass,
    CommandClass,
    Electrode,
    Energise,
    Part,
    Pump,
    RampTo,
    RemoveHold,
    SetMode,
    SetPolarity,
    SwitchOff,
    Task,
)
from stationd.core.operation.views import AuthorityView, Check, OperationView, Phase
from stationd.core.operation.words import Cause
from tests.core.operation.station import (
    AMPLIFIER,
    ARMER,
    DOOR,
    ENERGISE,
    FAR_ON,
    NOW,
    OFF,
    PLAN,
    RAMP,
    SECOND,
    SWITCH,
    bad,
    everything,
    evidence,
    feed,
    feeding,
    hold,
    only,
    person,
    spoilt,
    view,
    without,
)

DOABLE: tuple[tuple[Task, str, bool], ...] = (
    (ENERGISE, "pfe-a", False), (RAMP, "pfe-a", True), (OFF, "pfe-a", True),
    (SetPolarity(True), "pfe-a", False), (Electrode(True), "pfe-a", False), (Pump(True), "amp1", False), (SetMode("apc"), "amp1", False),
    (Pump(True), "raman1", False), (Bypass(DOOR, 600.0), "io1.di1", False), (RemoveHold("H-7"), "H-7", False),
)  # fmt: skip


def arm(
    task: Task, object: str = "pfe-a", found: Evidence | None = None, plan: ActingPlan = PLAN, who: Person = ARMER
) -> tuple[Check, ...]:
    return arm_checks(plan, evidence() if found is None else found, who, object, task, NOW)


@pytest.mark.parametrize(("task", "object", "on"), DOABLE)
def test_with_everything_good_every_check_of_every_task_is_good(task: Task, object: str, on: bool) -> None:
    holds = (hold("amp9"),) if isinstance(task, RemoveHold) else ()
    found = evidence(everything(feeding=on), holds=holds)
    assert bad(arm(task, object, found)) == []
    assert all(check.shown for check in arm(task, object, found))
    assert bad(open_checks(PLAN, found, view(task, object), ARMER, NOW)) == []
    assert bad(approval_checks(PLAN, found, view(task, object), SECOND, NOW)) == []
    assert bad(running_checks(PLAN, found, view(task, object, Phase.RUNNING), NOW)) == []


AFAR = person(local=False)
RELEASED = AuthorityView("a.bekov", 1001, local=False)  # the key switch at remote lets a.bekov act from elsewhere
PERMISSIVES = {DOOR, PointId("io1", "di2"), PointId("pfe-a", "interlock")}


def spoil(found: Evidence, point: PointId, kind: str) -> Evidence:
    """The same, of which a point gives no value that may be relied on."""
    before, newest = found.seen.readings[point]
    match kind:
        case "missing":
            return without(found, point)
        case "stale":
            newest = replace(newest, quality=Quality(Level.STALE, Reason.TIMEOUT))
        case "bad":
            newest = Reading(point, None, Quality(Level.BAD, Reason.CHECKSUM), NOW)
        case "old":
            newest = replace(newest, t=NOW - 2.0)
        case "differ" if isinstance(newest.value, bool):
            newest = replace(newest, value=not newest.value)
        case _:
            newest = replace(newest, value=7 if isinstance(newest.value, str) else "on")
    return replace(found, seen=replace(found.seen, readings={**found.seen.readings, point: (before, newest)}))


@given(data=st.data())
def test_missing_old_bad_and_contradicted_readings_never_make_a_check_good(data: st.DataObject) -> None:
    task, object, on = data.draw(st.sampled_from(DOABLE))
    kind = data.draw(st.sampled_from(["missing", "stale", "bad", "old", "differ", "wrong kind"]))
    found = evidence(everything(feeding=on), holds=(hold("amp9"),), authority=RELEASED)
    before = arm(task, object, found, who=AFAR)
    assert bad(before) == []
    spoilt_ones = data.draw(st.sets(st.sampled_from(sorted(found.seen.readings)), min_size=1))
    after = found
    for point in spoilt_ones:
        after = spoil(after, point, kind)
    looked_at = {point for point in spoilt_ones if arm(task, object, without(found, point), who=AFAR) != before}
    looked_at -= PERMISSIVES if isinstance(task, RampTo | SwitchOff) else set()  # both bring the line down
    assert {check.name for check in before} <= {check.name for check in arm(task, object, after, who=AFAR)}
    assert bool(bad(arm(task, object, after, who=AFAR))) == bool(looked_at)


@given(age_s=st.floats(0.0, 10.0))
def test_what_is_older_than_two_seconds_refuses_and_what_is_younger_does_not(age_s: float) -> None:
    found = evidence(everything())
    both = tuple(replace(each, t=NOW - age_s) for each in found.seen.readings[DOOR])
    found = replace(found, seen=replace(found.seen, readings={**found.seen.readings, DOOR: both}))
    assert bool(bad(arm(ENERGISE, found=found))) == (age_s >= 2.0)


def test_a_read_only_station_refuses_every_task() -> None:
    for task, object, on in DOABLE:
        found = evidence(everything(feeding=on), holds=(hold("amp9"),))
        why = only(arm(task, object, found, replace(PLAN, read_only=True)), Cause.MODE).why
        assert why == "Aktau is read only: nothing is sent to any unit"


@pytest.mark.parametrize(
    ("task", "object", "why"),
    [
        (ENERGISE, "pfe-z", "pfe-z is no power feed of this station"),
        (ENERGISE, "amp1", "amp1 is no power feed of this station"),
        (Pump(True), "pfe-a", "pfe-a is no amplifier of this station"),
        (SetMode("agc"), "amp1", "amp1 has no mode 'agc'; it has: acc, apc"),
        (SetMode("apc"), "raman1", "raman1 has no mode that can be written"),
        (RemoveHold("H-9"), "H-9", "H-9 is no hold of this station"),
        (Bypass(SWITCH, 60.0), "io1.di5", "io1.di5 is no interlock of this station"),
    ],
)
def test_what_there_is_not_or_what_a_unit_cannot_do_is_refused_as_mode(task: Task, object: str, why: str) -> None:
    assert only(arm(task, object), Cause.MODE).why == why


def test_a_unit_without_the_switch_refuses_what_needs_it() -> None:
    bare = replace(feed("pfe-a").points, polarity_negative=None, electroding=None, voltage_setpoint_v=None)
    plan = replace(PLAN, feeds={"pfe-a": feed("pfe-a", points=bare)}, amplifiers={"amp1": replace(AMPLIFIER, pump_writable=False)})
    assert only(arm(SetPolarity(True), plan=plan), Cause.MODE).why == "pfe-a has no polarity switch"
    assert only(arm(Electrode(True), plan=plan), Cause.MODE).why == "pfe-a has no electroding contact"
    assert "cannot follow" in only(arm(Energise(900.0, 10.0, Part.FOLLOWER), plan=plan), Cause.MODE).why
    assert only(arm(Pump(True), "amp1", plan=plan), Cause.MODE).why == "amp1 has no pump switch that can be written"


def test_who_has_not_the_role_and_who_is_not_one_person_is_refused() -> None:
    weak = person(classes=frozenset({CommandClass.READ, CommandClass.NOTE, CommandClass.OPERATE}))
    refusal = only(arm(ENERGISE, who=weak), Cause.NO_AUTHORITY)
    assert refusal.why == "a.bekov may not give commands of class lethal"
    assert "stationd-power" in refusal.remedy
    assert bad(arm(Pump(True), "amp1", who=weak)) == []
    assert "not the account of one person" in only(arm(ENERGISE, who=person(identified=False)), Cause.NO_AUTHORITY).why


def test_who_has_not_the_authority_is_told_who_has_it() -> None:
    nobody = evidence(authority=AuthorityView())
    assert "nobody holds the authority" in only(arm(ENERGISE, found=nobody), Cause.SWITCHING_HIERARCHY).why
    other = evidence(authority=AuthorityView("duty.noc", 1005, local=False))
    refusal = only(arm(Pump(True), "amp1", found=other), Cause.SWITCHING_HIERARCHY)
    assert "REMOTE duty.noc" in refusal.why
    assert "take" in refusal.remedy


def test_the_key_switch_at_local_or_unknown_refuses_who_is_not_at_the_station_with_its_live_value() -> None:
    afar = person(local=False)
    held = AuthorityView("a.bekov", 1001, local=False, released=True)
    local = evidence(everything() | {SWITCH: True}, authority=held)
    assert "LOCAL (io1.di5, 0.3 s ago)" in only(arm(Pump(True), "amp1", local, who=afar), Cause.SWITCHING_HIERARCHY).why
    unknown = without(local, SWITCH)
    assert "io1.di5 was never read" in only(arm(Pump(True), "amp1", unknown, who=afar), Cause.SWITCHING_HIERARCHY).why
    assert bad(arm(Pump(True), "amp1", unknown)) == []
    assert bad(arm(ENERGISE, found=evidence(authority=replace(held, released=False)), who=afar)) == []  # the key at remote releases


def test_an_audit_that_cannot_be_written_or_is_not_known_refuses() -> None:
    assert "cannot be written" in only(arm(ENERGISE, found=evidence(audit_writable=False)), Cause.HEALTH).why
    assert "not known" in only(arm(Pump(True), "amp1", evidence(audit_writable=None)), Cause.HEALTH).why


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        (view(RAMP, phase=Phase.ARMED), Cause.ALREADY_SELECTED),
        (view(RAMP, phase=Phase.HELD, armer="n.aliyeva", armer_uid=1002), Cause.LOCKED_BY_OTHER),
        (view(RAMP, "pfe-b"), Cause.ONE_OF_N),
        (view(RAMP, phase=Phase.RUNNING), Cause.IN_EXECUTION),
        (view(RAMP, "pfe-b", phase=Phase.STARTING), Cause.IN_EXECUTION),
    ],
)
def test_one_operation_at_a_time_on_the_line_and_each_way_of_being_in_the_way_has_its_word(other: OperationView, cause: Cause) -> None:
    refusal = only(arm(ENERGISE, found=evidence(opened=(other,))), cause)
    assert "OP-42" in refusal.why
    assert "OP-42" in refusal.remedy
    assert bad(open_checks(PLAN, evidence(opened=(other,)), other, ARMER, NOW)) == bad(
        open_checks(PLAN, evidence(), other, ARMER, NOW)
    ), "its own selection is not in its way"


def test_operations_on_another_segment_are_not_in_the_way() -> None:
    assert bad(arm(Pump(True), "amp1", evidence(opened=(view(RAMP, phase=Phase.RUNNING), view(Pump(True), "raman1"))))) == []
    only(arm(Pump(True), "amp1", evidence(opened=(view(SetMode("apc"), "amp1"),))), Cause.ALREADY_SELECTED)


def test_set_values_that_are_being_sent_and_an_emergency_off_under_way_refuse() -> None:
    only(arm(Pump(True), "amp1", evidence(applying=frozenset({"amp1"}))), Cause.PROCESS)
    for device in ("pfe-a", "pfe-b"):
        why = only(arm(ENERGISE, found=evidence(cutting_off=frozenset({device}))), Cause.PROCESS).why
        assert why == f"EMERGENCY-OFF of {device} is not confirmed yet"


def test_critical_alarms_are_shown_and_refuse_nothing_since_a_dead_line_is_one() -> None:
    checks = arm(ENERGISE, found=evidence(critical=frozenset({"line/LINE-DOWN"})))
    assert bad(checks) == []
    assert "line/LINE-DOWN" in checks[-1].shown


def test_a_bypass_is_for_half_an_hour_at_most_and_once_at_a_time() -> None:
    for for_s in (0.0, -5.0, 1801.0, float("nan"), float("inf")):
        assert "limit 30 min" in only(arm(Bypass(DOOR, for_s), "io1.di1"), Cause.STEP_LIMIT).why
    again = evidence(bypassed={DOOR: NOW + 60})
    assert "another 60.0 s" in only(arm(Bypass(DOOR, 60.0), "io1.di1", again), Cause.REACHED).why
    only(arm(Bypass(DOOR, 60.0), "io1.di1", evidence(holds=(hold("pfe-b"),))), Cause.HOLD)
    open_one = view(Bypass(DOOR, 900.0), "io1.di1", armer_uid=1002, armer="n.aliyeva")
    only(arm(Bypass(DOOR, 60.0), "io1.di1", evidence(opened=(open_one,))), Cause.LOCKED_BY_OTHER)


def test_a_second_person_is_another_one_of_the_class_known_by_name_and_wants_no_authority() -> None:
    waiting, nobody = view(ENERGISE), evidence(authority=AuthorityView())
    assert bad(approval_checks(PLAN, nobody, waiting, SECOND, NOW)) == []
    only(approval_checks(PLAN, evidence(), waiting, person("a.bekov", 1001), NOW), Cause.SECOND_PERSON)
    only(approval_checks(PLAN, evidence(), waiting, person("tech", 1009, identified=False), NOW), Cause.NO_AUTHORITY)
    weak = person("guard", 1008, classes=frozenset({CommandClass.READ}))
    only(approval_checks(PLAN, evidence(), waiting, weak, NOW), Cause.NO_AUTHORITY)
    only(approval_checks(PLAN, evidence(holds=(hold("line"),)), waiting, SECOND, NOW), Cause.HOLD)


def test_all_reasons_are_told_and_the_gravest_comes_first() -> None:
    values = feeding(fault=True) | {DOOR: False}
    found = evidence(values, far=FAR_ON, holds=(hold("pfe-a"),), audit_writable=False, authority=AuthorityView())
    causes = [each.cause for each in bad(arm(Energise(1200.0, 10.0), found=found))]
    order = [Cause.HOLD, Cause.INTERLOCKING, Cause.PROCESS, Cause.HEALTH, Cause.SWITCHING_HIERARCHY, Cause.STEP_LIMIT]
    firsts = [causes.index(each) for each in order]
    assert firsts == sorted(firsts)


def test_a_held_energising_may_go_on_although_the_output_is_on_and_the_line_charged() -> None:
    found = evidence(feeding(output_current=400.0, current_setpoint=410.0))
    assert bad(open_checks(PLAN, found, view(ENERGISE, phase=Phase.HELD, offered=Way.RESUME), ARMER, NOW)) == []
    assert bad(open_checks(PLAN, found, view(ENERGISE, phase=Phase.WAITING), ARMER, NOW))
    assert bad(open_checks(PLAN, found, view(ENERGISE, phase=Phase.STARTING, offered=Way.RESUME), ARMER, NOW)) == []
    assert bad(open_checks(PLAN, found, view(ENERGISE, phase=Phase.STARTING), ARMER, NOW))


def test_a_running_operation_is_watched_for_what_protects_people() -> None:
    running = view(ENERGISE, phase=Phase.RUNNING)
    values = feeding(output_current=400.0)
    assert bad(running_checks(PLAN, evidence(values), running, NOW)) == []
    afar = AuthorityView("a.bekov", 1001, local=False, released=True)
    for found, cause in (
        (evidence(values | {DOOR: False}), Cause.INTERLOCKING),
        (without(evidence(values), DOOR), Cause.INTERLOCKING),
        (evidence(values, holds=(hold("station"),)), Cause.HOLD),
        (evidence(values, far=None), Cause.HEALTH),
        (evidence(values, far=FAR_ON), Cause.PROCESS),
        (evidence(values, cutting_off=frozenset({"pfe-b"})), Cause.PROCESS),
        (evidence(values | {PointId("pfe-a", "remote"): False}), Cause.SWITCHING_HIERARCHY),
        (evidence(values, authority=AuthorityView("j.smith", 1009, local=True)), Cause.SWITCHING_HIERARCHY),
        (evidence(values | {SWITCH: True}, authority=afar), Cause.SWITCHING_HIERARCHY),
    ):
        assert cause in {each.cause for each in bad(running_checks(PLAN, found, running, NOW))}


def test_a_reason_has_eight_characters_where_one_is_wanted() -> None:
    for wanted in (CommandClass.SET, CommandClass.OPERATE, CommandClass.LETHAL):
        assert reason_refusal(wanted, "repair done") is None
        found = reason_refusal(wanted, " short  ")
        assert found is not None
        assert found.cause is Cause.INCONSISTENT
        assert "5 characters" in found.why
    assert reason_refusal(CommandClass.NOTE, "") is None


def test_readings_that_are_good_again_are_good_again() -> None:
    found = spoilt(evidence(), DOOR, Quality(Level.BAD, Reason.TIMEOUT))
    assert "timeout" in only(arm(ENERGISE, found=found), Cause.INTERLOCKING).why
    assert bad(arm(ENERGISE, found=spoilt(evidence(), DOOR, GOOD, True))) == []
    assert protecting(AMPLIFIER, evidence().seen, NOW) is None
