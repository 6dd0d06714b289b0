from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.alarm.machine import Event as AlarmEvent
from stationd.core.alarm.plan import STATION
from stationd.core.alarm.type import AlarmKey
from stationd.core.line.far import FarSilent
from stationd.core.model import IntentKept, LinkChanged, PointId, Reason, Tick, Write, WriteDone
from stationd.core.operation.orders import (
    AddHold,
    Apply,
    Approve,
    Arm,
    AuthorityVerb,
    DropHold,
    EmergencyOff,
    Execute,
    Hold,
    KeepAlive,
    Reject,
    SetAuthority,
    Stage,
    Way,
)
from stationd.core.operation.task import Bypass, Ending, Pump, RampTo, RemoveHold, SetPolarity, SwitchOff
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause, Noted, Refused
from tests.core.operation.rig import (
    ALIYEVA,
    AMP,
    BEKOV,
    CODE,
    DOOR,
    ENERGISE,
    FAR_PLAN,
    FEED,
    GUEST,
    KEY,
    NEXT_CODE,
    OMAROV,
    PFE,
    PLAN,
    POINTS,
    SMITH,
    WHY,
    Rig,
    causes,
    critical,
    far_line,
    p,
    quiet_plant,
)


def far_rig(**changes: object) -> Rig:
    rig = Rig(FAR_PLAN)
    rig.far = replace(far_line(rig.t), **changes)  # type: ignore[arg-type]
    rig.beat()
    return rig


# - | arm, all checks good.


def test_arming_what_can_kill_waits_for_a_second_person_and_says_so() -> None:
    rig = Rig()
    rig.authority()
    assert rig.arm() == Accepted(("OP-1",))
    view = rig.view("OP-1")
    assert (view.phase, view.wants_approval, view.until_t) == (Phase.WAITING, True, rig.t + 180)
    assert view.effect
    assert view.limits
    assert view.checks
    assert all(check.good for check in view.checks)
    assert [each.subject for each in rig.notes("armed")] == ["OP-1"]


def test_arming_an_amplifier_needs_one_person_and_gives_a_minute() -> None:
    rig = Rig()
    rig.authority()
    assert rig.arm(Pump(False), AMP) == Accepted(("OP-1",))
    view = rig.view("OP-1")
    assert (view.phase, view.wants_approval, view.until_t) == (Phase.ARMED, False, rig.t + 60)


def test_names_of_operations_are_found_in_any_case_and_never_given_twice() -> None:
    rig = Rig()
    name = rig.armed()
    assert rig.desk.operation(name.lower(), rig.t) == rig.view(name)
    rig.disarm(name)
    assert rig.arm() == Accepted(("OP-2",))


# - | arm, any check fails.


def test_a_refused_arming_lists_every_reason_and_is_recorded_and_nothing_is_reserved() -> None:
    rig = Rig()
    rig.plant[DOOR] = False
    rig.obey(AddHold(SMITH, PFE, "ship on cable, PSM-0093"))
    rig.beat(2)
    outcome = rig.arm()
    assert {Cause.INTERLOCKING, Cause.HOLD, Cause.SWITCHING_HIERARCHY} <= causes(outcome)
    assert rig.desk.operations(rig.t) == ()
    (note,) = rig.notes("refused")
    assert (note.subject, note.who) == (PFE, BEKOV.name)


def test_a_refusal_says_the_live_value_and_its_age() -> None:
    rig = Rig()
    rig.authority()
    rig.plant[DOOR] = False
    rig.beat(2)
    outcome = rig.arm()
    assert isinstance(outcome, Refused)
    (why,) = (each.why for each in outcome.reasons)
    assert str(DOOR) in why
    assert "0.0 s ago" in why


def test_a_reason_that_says_nothing_is_refused() -> None:
    rig = Rig()
    rig.authority()
    assert causes(rig.obey(Arm(BEKOV, PFE, ENERGISE, "test", CODE))) == {Cause.INCONSISTENT}


def test_values_that_are_read_rarely_are_read_faster_after_a_refused_arming_so_that_a_second_try_finds_them_fresh() -> None:
    rig = Rig()
    rig.authority()
    rig.bad.add(p("remote"))
    rig.beat()
    assert rig.hastened() == frozenset()
    assert Cause.HEALTH in causes(rig.arm())
    assert POINTS.every() | {DOOR} <= rig.hastened()
    rig.beat(61)
    assert rig.hastened() == frozenset()


def test_gate_points_are_read_faster_as_long_as_an_operation_is_open() -> None:
    rig = Rig()
    name = rig.armed()
    assert POINTS.every() | {DOOR} == rig.hastened()
    rig.disarm(name)
    assert rig.hastened() == frozenset()


# WAITING.


def test_an_approval_by_another_person_arms_and_starts_a_new_countdown() -> None:
    rig = Rig()
    name = rig.armed()
    view = rig.view(name)
    assert (view.phase, view.approver, view.until_t, view.wants_approval) == (Phase.ARMED, ALIYEVA.name, rig.t + 120, False)
    assert [each.who for each in rig.notes("approved")] == [ALIYEVA.name]


@pytest.mark.parametrize(("who", "cause"), [(BEKOV, Cause.SECOND_PERSON), (SMITH, Cause.NO_AUTHORITY), (GUEST, Cause.NO_AUTHORITY)])
def test_nobody_approves_who_has_armed_or_has_not_the_role(who, cause) -> None:
    rig = Rig()
    rig.authority()
    rig.arm()
    assert cause in causes(rig.obey(Approve(who, "OP-1")))
    assert rig.phase("OP-1") is Phase.WAITING


def test_executing_before_the_approval_is_refused() -> None:
    rig = Rig()
    rig.authority()
    rig.arm()
    assert causes(rig.execute("OP-1")) == {Cause.SECOND_PERSON}
    assert rig.phase("OP-1") is Phase.WAITING


def test_a_second_person_who_rejects_ends_it_and_the_words_are_kept() -> None:
    rig = Rig()
    rig.authority()
    rig.arm()
    assert rig.obey(Reject(ALIYEVA, "OP-1", "the ship is still there")) == Accepted(("OP-1",))
    view = rig.view("OP-1")
    assert (view.phase, view.ending) == (Phase.CLOSED, Ending.NOT_EXECUTED)
    assert "the ship is still there" in view.detail
    assert [each.kind for each in rig.notes("rejected")] == ["rejected"]
    assert rig.sent == []


@pytest.mark.parametrize(("seconds", "phase"), [(179.5, Phase.WAITING), (180, Phase.CLOSED)])
def test_an_approval_is_waited_for_three_minutes(seconds: float, phase: Phase) -> None:
    rig = Rig()
    rig.authority()
    rig.arm()
    rig.wait(seconds)
    assert rig.phase("OP-1") is phase
    if phase is Phase.CLOSED:
        assert rig.view("OP-1").cause is Cause.SECOND_PERSON
        assert causes(rig.obey(Approve(ALIYEVA, "OP-1"))) == {Cause.NOT_SELECTED}


def test_the_countdown_of_an_armed_operation_ends_it_and_executing_then_says_that_the_time_is_over() -> None:
    rig = Rig()
    name = rig.armed()
    rig.wait(120)
    view = rig.view(name)
    assert (view.phase, view.ending, view.cause) == (Phase.CLOSED, Ending.NOT_EXECUTED, Cause.TIME_LIMIT)
    assert causes(rig.execute(name)) == {Cause.TIME_LIMIT}
    assert rig.sent == []


# ARMED: whatever changes takes it back.


def open_door(rig: Rig) -> None:
    rig.plant[DOOR] = False
    rig.beat(2)


def lose_reading(rig: Rig) -> None:
    rig.bad.add(POINTS.current_ma)
    rig.beat(5)


def lose_link(rig: Rig) -> None:
    rig.take(LinkChanged("bus1", False, (PFE,), rig.t))


def hold_it(rig: Rig) -> None:
    rig.obey(AddHold(SMITH, "line", "ship on cable, PSM-0093"))


def lose_authority(rig: Rig) -> None:
    rig.obey(SetAuthority(replace(OMAROV, local=True), AuthorityVerb.TAKE, reason="I am at the panel"))


def lose_session(rig: Rig) -> None:
    rig.leave(BEKOV)


def lose_disk(rig: Rig) -> None:
    rig.write_disk(False)


def new_alarm(rig: Rig) -> None:
    rig.take(critical("station/FIRE", rig.t))


def trip(rig: Rig) -> None:
    rig.plant[POINTS.fault] = True
    rig.beat(2)


CHANGES = [
    (open_door, Cause.INTERLOCKING), (lose_reading, Cause.HEALTH), (lose_link, Cause.HEALTH), (hold_it, Cause.HOLD),
    (lose_authority, Cause.SWITCHING_HIERARCHY), (lose_session, Cause.COMMUNICATION), (lose_disk, Cause.HEALTH),
    (new_alarm, Cause.PROCESS), (trip, Cause.PROCESS),
]  # fmt: skip  # of a flag the first reading that differs is enough, and is told as what it reads


@pytest.mark.parametrize(("change", "cause"), CHANGES, ids=[each.__name__ for each, _ in CHANGES])
@pytest.mark.parametrize("approved", [False, True])
def test_any_precondition_that_changes_takes_back_what_is_selected_with_the_reason(change, cause, approved: bool) -> None:
    rig = Rig()
    rig.authority()
    rig.arm()
    if approved:
        rig.obey(Approve(ALIYEVA, "OP-1"))
    change(rig)
    view = rig.view("OP-1")
    assert (view.phase, view.ending, view.cause) == (Phase.CLOSED, Ending.NOT_EXECUTED, cause)
    assert view.detail
    assert [each.subject for each in rig.notes("disarmed")] == ["OP-1"]
    assert causes(rig.execute("OP-1"))
    assert rig.sent == []


def test_an_alarm_of_our_own_or_one_that_is_not_critical_takes_nothing_back() -> None:
    rig = Rig()
    name = rig.armed()
    rig.take(critical("station/OP-HELD", rig.t))
    rig.take(critical("station/FIRE", rig.t, AlarmEvent.CLEAR))
    assert rig.phase(name) is Phase.ARMED


def test_the_far_end_must_be_heard_within_two_seconds_from_arming_to_the_end() -> None:
    rig = far_rig()
    name = rig.armed()
    rig.far = None
    rig.beat(3)
    assert rig.phase(name) is Phase.ARMED
    rig.beat(2)
    assert (rig.phase(name), rig.view(name).cause) == (Phase.CLOSED, Cause.HEALTH)
    assert Cause.HEALTH in causes(rig.arm())


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"holds": ("H-3 line by n.aliyeva",)}, Cause.HOLD),
        ({"operation": {"id": "OP-9", "phase": "armed", "target": "ramp to 500 mA"}}, Cause.ONE_OF_N),
        ({"shared": frozenset({"feed"})}, Cause.HEALTH),
    ],
)
def test_what_the_far_station_holds_does_or_does_not_share_refuses_here(changes: dict[str, object], cause: Cause) -> None:
    rig = far_rig(**changes)
    rig.authority()
    assert cause in causes(rig.arm())


# ARMED: execute.


def test_nothing_is_written_before_the_intent_is_on_the_disk() -> None:
    rig = Rig(disk=None)
    name = rig.armed()
    rig.alive.add(BEKOV.session)
    assert rig.execute(name) == Accepted((name,))
    rig.beat(5)
    assert rig.phase(name) is Phase.STARTING
    assert rig.sent == []
    (intent,) = rig.notes("intent")
    rig.take(IntentKept(intent.intent, True, rig.t))
    assert rig.phase(name) is Phase.RUNNING
    assert [each for _, each in rig.sent if isinstance(each, Write)]


def test_an_intent_that_is_not_kept_closes_it_and_nothing_is_sent() -> None:
    rig = Rig(disk=False)
    name = rig.armed()
    rig.execute(name)
    view = rig.view(name)
    assert (view.phase, view.ending, view.cause) == (Phase.CLOSED, Ending.NOT_EXECUTED, Cause.HEALTH)
    assert "nothing was sent" in view.detail
    rig.beat(10)
    assert rig.sent == []


def test_a_disk_that_does_not_answer_within_three_seconds_closes_it_and_a_late_answer_begins_nothing() -> None:
    rig = Rig(disk=None)
    name = rig.armed()
    rig.alive.add(BEKOV.session)
    rig.execute(name)
    rig.beat(6)
    assert (rig.phase(name), rig.view(name).cause) == (Phase.CLOSED, Cause.HEALTH)
    rig.take(IntentKept(rig.notes("intent")[0].intent, True, rig.t))
    rig.beat(4)
    assert rig.phase(name) is Phase.CLOSED
    assert rig.sent == []


@pytest.mark.parametrize("change", [open_door, hold_it, lose_authority, new_alarm, lose_session])
def test_a_change_while_the_intent_is_being_written_begins_nothing(change) -> None:
    rig = Rig(disk=None)
    name = rig.armed()
    rig.execute(name)
    change(rig)
    rig.take(IntentKept(rig.notes("intent")[0].intent, True, rig.t))
    assert rig.phase(name) is Phase.CLOSED
    assert rig.sent == []


def test_a_code_is_typed_in_any_case_once_wrong_stays_armed_twice_wrong_ends_it() -> None:
    rig = Rig()
    name = rig.armed()
    assert causes(rig.execute(name, "AAAA")) == {Cause.INCONSISTENT}
    assert rig.phase(name) is Phase.ARMED
    assert rig.execute(name, f" {CODE.lower()}") == Accepted((name,))
    other = Rig()
    name = other.armed()
    other.execute(name, "AAAA")
    assert causes(other.execute(name, "")) == {Cause.INCONSISTENT}
    assert (other.phase(name), other.view(name).cause) == (Phase.CLOSED, Cause.INCONSISTENT)
    assert causes(other.execute(name)) == {Cause.NOT_SELECTED}
    assert other.sent == []


def test_only_the_armer_executes_also_from_another_session_of_his() -> None:
    rig = Rig()
    name = rig.armed()
    assert causes(rig.execute(name, who=ALIYEVA)) == {Cause.LOCKED_BY_OTHER}
    again = replace(BEKOV, session="1001:99")
    assert rig.execute(name, who=again) == Accepted((name,))
    assert rig.view(name).session == again.session


def test_executing_twice_or_an_operation_that_nobody_has_armed_is_refused() -> None:
    rig = Rig()
    name = rig.running()
    assert causes(rig.execute(name)) == {Cause.IN_EXECUTION}
    assert causes(rig.execute("OP-77")) == {Cause.NOT_SELECTED}


def test_the_code_is_in_no_view_no_record_and_no_memory() -> None:
    rig = Rig()
    name = rig.held()
    rig.prepare(name)
    rig.execute(name, "AAAA")
    rig.restart()
    shown = repr((rig.desk.operations(rig.t), rig.effects, rig.desk.saved(rig.t)))
    assert CODE not in shown
    assert NEXT_CODE not in shown


# RUNNING.


def test_an_operation_ends_when_the_plant_shows_it_and_the_records_tell_the_whole_story() -> None:
    rig = Rig()
    name = rig.running(beats=80)
    view = rig.view(name)
    assert (view.phase, view.ending, view.cause) == (Phase.CLOSED, Ending.REACHED, Cause.REACHED)
    assert "500" in view.detail
    kinds = [each.kind for each in rig.notes() if each.subject == name]
    assert kinds[:3] == ["armed", "approved", "intent"]
    assert kinds[-1] == "result"
    assert set(kinds[3:-1]) == {"passed"}
    assert rig.alarm("OPERATION") is False
    assert rig.alarm("OP-HELD") is False


def test_while_it_runs_an_alarm_says_so_that_explains_those_of_the_ramp() -> None:
    rig = Rig()
    name = rig.running(beats=3)
    assert rig.alarm("OPERATION") is True
    rig.take(critical("line/LINE-UNDER-CURRENT-LIMIT", rig.t))
    rig.take(critical("fp1/LIGHT-LOST", rig.t))
    rig.take(critical("pfe-a/PFE-TRIP", rig.t, cause=AlarmKey(STATION, "OPERATION")))
    assert rig.phase(name) is Phase.RUNNING
    rig.take(critical("io1/DOOR-OPEN", rig.t))
    assert rig.phase(name) is Phase.HELD
    assert rig.alarm("OP-HELD") is True
    assert rig.alarm("OPERATION") is False


RUNNING_CHANGES = [each for each in CHANGES if each[0] not in (lose_disk, trip)]


@pytest.mark.parametrize(("change", "cause"), RUNNING_CHANGES, ids=[each.__name__ for each, _ in RUNNING_CHANGES])
def test_a_bad_precondition_holds_what_runs_and_nothing_is_written_any_more(change, cause: Cause) -> None:
    rig = Rig()
    name = rig.running(beats=8)
    change(rig)
    assert rig.phase(name) is Phase.HELD
    assert rig.alarm("OP-HELD") is True
    assert [each.subject for each in rig.notes("held")] == [name]
    rig.settle()
    sent = len(rig.sent)
    rig.bad.clear()
    rig.beat(20)
    assert len(rig.sent) == sent
    assert rig.phase(name) is Phase.HELD


def test_anybody_who_may_write_a_note_holds_and_a_guest_does_not() -> None:
    rig = Rig()
    name = rig.running(beats=8)
    assert causes(rig.obey(Hold(GUEST))) == {Cause.NO_AUTHORITY}
    assert causes(rig.obey(Hold(GUEST, name))) == {Cause.NO_AUTHORITY}
    assert rig.phase(name) is Phase.RUNNING
    assert rig.obey(Hold(SMITH)) == Accepted((name,))
    assert rig.phase(name) is Phase.HELD
    assert rig.obey(Hold(SMITH, name)) == Accepted((name,))
    assert isinstance(rig.obey(Hold(SMITH)), Accepted)


def test_holding_what_is_only_armed_is_refused_with_what_would_help() -> None:
    rig = Rig()
    name = rig.armed()
    assert causes(rig.obey(Hold(SMITH, name))) == {Cause.NOT_SELECTED}


def test_five_seconds_without_its_session_hold_a_running_operation() -> None:
    rig = Rig()
    name = rig.running(beats=8)
    rig.alive.clear()
    rig.beat(9)
    assert rig.phase(name) is Phase.RUNNING
    rig.beat(1)
    assert (rig.phase(name), rig.view(name).cause) == (Phase.HELD, Cause.COMMUNICATION)
    assert [each.subject for each in rig.notes("session-lost")] == [name]


def test_keep_alives_of_other_sessions_do_not_count_and_change_no_record() -> None:
    rig = Rig()
    name = rig.running(beats=2)
    noted = len(rig.notes())
    assert causes(rig.obey(KeepAlive(ALIYEVA, name))) == {Cause.LOCKED_BY_OTHER}
    assert causes(rig.obey(KeepAlive(replace(BEKOV, session="1001:5"), name))) == {Cause.LOCKED_BY_OTHER}
    assert causes(rig.obey(KeepAlive(BEKOV, "OP-9"))) == {Cause.NOT_SELECTED}
    assert isinstance(rig.obey(KeepAlive(BEKOV, name)), Accepted)
    assert len(rig.notes()) == noted


def test_the_far_station_that_is_silent_or_holds_holds_here() -> None:
    for news in ("silent", "holds"):
        rig = far_rig()
        name = rig.running(beats=6)
        if news == "silent":
            rig.far = None
            rig.take(FarSilent(rig.t, "no message for 2 s"))
        else:
            assert rig.far is not None
            rig.far = replace(rig.far, holds=("H-3 line by n.aliyeva",))
            rig.beat()
        assert rig.phase(name) is Phase.HELD


def test_a_trip_of_the_device_ends_a_running_or_held_operation_and_nothing_is_sent() -> None:
    for held in (False, True):
        rig = Rig()
        name = rig.running(beats=8)
        if held:
            rig.obey(Hold(SMITH))
        rig.settle()
        rig.beat()
        rig.answer = False
        sent = len(rig.sent) + len(rig.waiting)
        rig.plant[POINTS.on] = False
        rig.react()
        rig.beat(3)
        view = rig.view(name)
        assert (view.phase, view.ending, view.cause) == (Phase.CLOSED, Ending.ABORTED_BY_TRIP, Cause.TRIPPED)
        assert len(rig.sent) <= sent + 2
        assert all(isinstance(each, Write) and each.target != POINTS.on for _, each in rig.sent[sent:])


def test_disarming_what_runs_is_refused_and_says_how_to_stop_it() -> None:
    rig = Rig()
    name = rig.running(beats=3)
    outcome = rig.disarm(name)
    assert causes(outcome) == {Cause.IN_EXECUTION}
    assert isinstance(outcome, Refused)
    assert "hold-ramp" in outcome.reasons[0].remedy


def test_a_write_that_fails_holds_with_both_values_and_is_not_repeated() -> None:
    rig = Rig()
    name = rig.running(beats=8)
    rig.answer = False
    rig.beat(3)
    (write,) = rig.waiting
    rig.waiting.clear()
    rig.take(WriteDone(write.target, write.value, 3.0, Reason.REFUSED, "unit answered NAK", rig.t))
    assert rig.phase(name) is Phase.HELD
    assert "3" in rig.view(name).detail
    sent = len(rig.sent)
    rig.beat(10)
    assert len(rig.sent) == sent


# HELD.


def test_a_person_who_held_it_may_let_it_go_on_with_a_new_code_alone() -> None:
    rig = Rig()
    name = rig.held()
    assert causes(rig.execute(name)) == {Cause.NOT_SELECTED}
    assert rig.prepare(name) == Accepted((name,))
    assert rig.view(name).offered is Way.RESUME
    assert not rig.view(name).wants_approval
    assert causes(rig.execute(name, CODE)) == {Cause.INCONSISTENT}
    assert rig.execute(name, NEXT_CODE) == Accepted((name,))
    assert rig.phase(name) is Phase.RUNNING
    assert rig.alarm("OP-HELD") is False
    rig.beat(80)
    assert rig.view(name).ending is Ending.REACHED
    assert len(rig.notes("intent")) == 2


def test_upward_after_ten_minutes_a_second_person_must_approve_anew() -> None:
    rig = Rig()
    name = rig.held()
    for seconds, wanted in ((599, False), (0.5, True)):
        rig.wait(seconds)
        assert rig.prepare(name) == Accepted((name,)), wanted
        assert rig.view(name).wants_approval is wanted


def test_an_offer_upward_ends_with_the_ten_minutes() -> None:
    rig = Rig()
    name = rig.held()
    rig.wait(590)
    rig.prepare(name)
    rig.wait(9)
    assert rig.view(name).offered is Way.RESUME
    rig.beat(1)
    assert rig.view(name).offered is None
    assert causes(rig.execute(name, NEXT_CODE)) == {Cause.NOT_SELECTED}
    assert rig.phase(name) is Phase.HELD


@pytest.mark.parametrize("change", [open_door, lose_session, new_alarm, lose_reading])
def test_upward_after_a_changed_plant_or_a_lost_session_wants_a_new_approval_downward_does_not(change) -> None:
    for way, wanted in ((Way.RESUME, True), (Way.BACK, False)):
        rig = Rig()
        name = rig.running(beats=8)
        change(rig)
        assert rig.phase(name) is Phase.HELD
        rig.plant[DOOR] = True
        rig.bad.clear()
        rig.beat(2)
        rig.authority()  # it is lost with the session
        assert rig.prepare(name, way) == Accepted((name,))
        assert rig.view(name).wants_approval is wanted
        if not wanted:
            continue
        assert causes(rig.execute(name, NEXT_CODE)) == {Cause.SECOND_PERSON}
        assert causes(rig.obey(Approve(BEKOV, name))) == {Cause.SECOND_PERSON}
        assert rig.obey(Approve(ALIYEVA, name)) == Accepted((name,))
        assert rig.execute(name, NEXT_CODE) == Accepted((name,))
        assert rig.phase(name) is Phase.RUNNING


def test_another_person_who_takes_it_up_counts_as_the_armer_and_needs_an_approver_other_than_himself() -> None:
    rig = Rig()
    name = rig.held()
    local = replace(ALIYEVA, local=True)
    assert Cause.SWITCHING_HIERARCHY in causes(rig.prepare(name, who=local))
    rig.obey(SetAuthority(local, AuthorityVerb.TAKE, reason="shift of a.bekov is over"))
    rig.beat(2)
    assert rig.prepare(name, who=local) == Accepted((name,))
    assert (rig.view(name).armer, rig.view(name).wants_approval) == (ALIYEVA.name, True)
    assert causes(rig.obey(Approve(ALIYEVA, name))) == {Cause.SECOND_PERSON}
    assert rig.obey(Approve(OMAROV, name)) == Accepted((name,))
    assert causes(rig.execute(name, NEXT_CODE)) == {Cause.LOCKED_BY_OTHER}
    assert rig.execute(name, NEXT_CODE, who=local) == Accepted((name,))


def test_who_approved_it_may_not_take_it_back_down_alone() -> None:
    rig = Rig()
    name = rig.held()
    local = replace(ALIYEVA, local=True)
    rig.obey(SetAuthority(local, AuthorityVerb.TAKE, reason="shift of a.bekov is over"))
    assert rig.prepare(name, Way.BACK, who=local) == Accepted((name,))
    assert rig.view(name).wants_approval
    third = replace(OMAROV, local=True)
    rig.obey(SetAuthority(third, AuthorityVerb.TAKE, reason="shift of n.aliyeva is over"))
    assert rig.view(name).offered is None
    assert rig.prepare(name, Way.BACK, who=third) == Accepted((name,))
    assert rig.view(name).wants_approval


def test_back_brings_the_feed_down_to_where_it_began() -> None:
    rig = Rig()
    name = rig.held(beats=12)
    assert rig.prepare(name, Way.BACK) == Accepted((name,))
    assert rig.execute(name, NEXT_CODE) == Accepted((name,))
    rig.beat(80)
    assert rig.view(name).ending is Ending.REACHED
    assert rig.plant[POINTS.on] is False


def test_a_task_that_goes_down_has_no_way_back_up() -> None:
    rig = Rig()
    rig.running(beats=80)
    name = rig.armed(SwitchOff(20.0))
    rig.execute(name)
    rig.beat(4)
    rig.obey(Hold(SMITH))
    rig.beat()
    assert causes(rig.prepare(name, Way.BACK)) == {Cause.INCONSISTENT}
    assert rig.prepare(name, Way.RESUME) == Accepted((name,))
    assert not rig.view(name).wants_approval


def test_closing_what_holds_leaves_the_plant_as_it_is() -> None:
    rig = Rig()
    name = rig.held()
    current = rig.plant[POINTS.current_ma]
    assert causes(rig.disarm(name, SMITH)) == {Cause.NO_AUTHORITY}
    assert rig.disarm(name) == Accepted((name,))
    view = rig.view(name)
    assert (view.phase, view.ending) == (Phase.CLOSED, Ending.CLOSED_HELD)
    rig.beat(4)
    assert rig.plant[POINTS.current_ma] == current
    assert rig.alarm("OP-HELD") is False


def test_a_wrong_code_twice_takes_an_offer_back_and_it_goes_on_holding() -> None:
    rig = Rig()
    name = rig.held()
    rig.prepare(name)
    assert causes(rig.execute(name, "AAAA")) == {Cause.INCONSISTENT}
    assert causes(rig.execute(name, "AAAA")) == {Cause.INCONSISTENT}
    assert (rig.phase(name), rig.view(name).offered) == (Phase.HELD, None)


def test_going_on_begins_nothing_before_its_own_intent_is_on_the_disk() -> None:
    rig = Rig()
    name = rig.held()
    rig.disk = None
    rig.prepare(name)
    rig.execute(name, NEXT_CODE)
    sent = len(rig.sent)
    rig.beat(4)
    assert len(rig.sent) == sent
    assert rig.phase(name) is Phase.STARTING
    rig.beat(4)
    assert rig.phase(name) is Phase.HELD
    assert len(rig.sent) == sent


def test_a_second_offer_takes_the_place_of_the_first() -> None:
    rig = Rig()
    name = rig.held()
    rig.prepare(name)
    rig.beat(10)
    assert rig.prepare(name, Way.BACK) == Accepted((name,))
    view = rig.view(name)
    assert (view.offered, view.until_t) == (Way.BACK, rig.t + 120)


def test_a_second_operation_on_the_same_feed_or_line_is_refused() -> None:
    rig = Rig()
    name = rig.armed()
    assert causes(rig.arm()) == {Cause.ALREADY_SELECTED}
    rig.authority(replace(OMAROV, local=True))
    rig.authority()
    assert rig.phase(name) is Phase.CLOSED
    rig.arm()
    assert Cause.LOCKED_BY_OTHER in causes(rig.arm(who=ALIYEVA))
    spare = replace(FEED, device="pfe-b")
    two = Rig(replace(PLAN, feeds={PFE: FEED, "pfe-b": spare}))
    two.armed()
    assert Cause.ONE_OF_N in causes(two.arm(object="pfe-b"))


# Tasks of the desk itself.


def test_somebody_elses_hold_is_removed_by_two_persons() -> None:
    rig = Rig()
    assert isinstance(rig.obey(AddHold(SMITH, PFE, "ship on cable, PSM-0093")), Accepted)
    assert causes(rig.obey(DropHold(BEKOV, "H-1"))) == {Cause.SECOND_PERSON}
    name = rig.armed(RemoveHold("H-1"), "H-1")
    rig.execute(name)
    assert rig.view(name).ending is Ending.REACHED
    assert rig.desk.holds() == ()
    assert [each.subject for each in rig.notes("hold-removed")] == ["H-1"]
    kinds = [each.kind for each in rig.notes()]
    assert kinds.index("intent") < kinds.index("hold-removed")


def test_a_bypass_counts_as_closed_raises_its_alarm_and_ends_by_itself() -> None:
    rig = Rig()
    rig.plant[DOOR] = False
    rig.beat(2)
    name = rig.armed(Bypass(DOOR, 60.0), str(DOOR))
    rig.execute(name)
    assert rig.alarm("BYPASS") is True
    (interlock,) = rig.desk.interlocks(rig.t)
    assert (interlock.closed, interlock.bypassed_until_t) == (False, rig.t + 60)
    assert isinstance(rig.arm(), Accepted)
    rig.wait(60)
    assert rig.alarm("BYPASS") is False
    assert rig.desk.interlocks(rig.t)[0].bypassed_until_t is None
    assert [each.subject for each in rig.notes("bypass-ended")] == [str(DOOR)]


# Others.


def test_the_authority_ends_after_a_quarter_of_an_hour_in_which_its_holder_does_nothing() -> None:
    rig = Rig()
    rig.authority()
    rig.wait(899.5)
    assert rig.desk.authority().holder == BEKOV.name
    rig.beat()
    assert rig.desk.authority().holder == ""
    assert Cause.SWITCHING_HIERARCHY in causes(rig.arm())


def test_a_wired_key_switch_at_local_refuses_who_is_elsewhere() -> None:
    plant = quiet_plant() | {KEY: False}
    rig = Rig(replace(PLAN, key_switch=KEY), plant=plant)
    rig.authority(ALIYEVA)
    assert rig.desk.authority().key_switch is False
    assert rig.arm(who=ALIYEVA) == Accepted(("OP-1",))
    rig.plant[KEY] = True
    rig.beat(2)
    assert (rig.phase("OP-1"), rig.view("OP-1").cause) == (Phase.CLOSED, Cause.SWITCHING_HIERARCHY)
    assert Cause.SWITCHING_HIERARCHY in causes(rig.arm(who=ALIYEVA))


def test_the_far_station_is_told_of_holds_on_the_line_and_of_the_open_operation() -> None:
    rig = Rig()
    assert rig.desk.told() == ((), None)
    rig.obey(AddHold(SMITH, AMP, "fibre is being cleaned"))
    name = rig.armed()
    assert rig.desk.told() == ((), {"id": name, "phase": "armed", "target": "single to 500 mA"})
    rig.obey(AddHold(SMITH, "line", "ship on cable, PSM-0093"))
    holds, operation = rig.desk.told()
    assert operation is None
    (told,) = holds
    assert "NOT AN ISOLATION" in told
    assert SMITH.name in told


def test_set_values_have_intents_of_their_own_that_are_never_taken_for_those_of_operations() -> None:
    rig = Rig(disk=None)
    rig.authority()
    gain = PointId(AMP, "gain_setpoint")
    assert isinstance(rig.obey(Stage(BEKOV, gain, 21.0)), Accepted)
    assert rig.desk.staged()[0].staged == 21.0
    assert isinstance(rig.obey(Apply(BEKOV, "gain as agreed")), Accepted)
    name = rig.armed()
    rig.execute(name)
    intents = [each.intent for each in rig.notes() if each.intent]
    assert len(intents) == len(set(intents)) == 2
    rig.take(IntentKept(intents[0], True, rig.t))
    rig.beat(2)
    assert [write.target for _, write in rig.sent] == [gain]
    assert rig.phase(name) is Phase.STARTING


def test_every_order_but_signs_of_life_and_staging_leaves_a_record_also_when_it_is_refused() -> None:
    rig = Rig()
    before = len(rig.notes())
    orders = (Arm(BEKOV, PFE, ENERGISE, WHY, CODE), Approve(BEKOV, "OP-9"), Hold(GUEST), Execute(BEKOV, "OP-9", CODE))
    for number, order in enumerate(orders, 1):
        assert causes(rig.obey(order))
        assert len(rig.notes()) == before + number
    assert causes(rig.obey(KeepAlive(BEKOV, "OP-9")))
    assert causes(rig.obey(Stage(BEKOV, PointId(AMP, "nothing"), 1.0)))
    assert len(rig.notes()) == before + 4


def test_a_record_comes_before_the_write_that_it_speaks_of() -> None:
    rig = Rig()
    name = rig.running()
    kinds = [type(each).__name__ if not isinstance(each, Noted) else each.kind for each in rig.effects]
    assert kinds.index("intent") < kinds.index("Write")
    assert rig.phase(name) is Phase.RUNNING


def test_time_that_comes_late_ends_what_was_over_before_the_news_is_looked_at() -> None:
    rig = Rig(disk=None)
    name = rig.armed()
    rig.execute(name)
    rig.t += 60
    rig.take(IntentKept(rig.notes("intent")[0].intent, True, rig.t))
    assert rig.phase(name) is Phase.CLOSED
    assert rig.sent == []
    rig.take(Tick(rig.t))


def test_the_last_twenty_operations_are_shown_after_the_open_ones() -> None:
    rig = Rig()
    for _ in range(25):
        rig.disarm(rig.armed())
    name = rig.armed()
    shown = [each.name for each in rig.desk.operations(rig.t)]
    assert shown == [name, *(f"OP-{number}" for number in range(25, 5, -1))]


# Every word of refusal that the desk can say, through its door.


def all_causes() -> set[Cause]:
    found: set[Cause] = set()
    rig = Rig(replace(PLAN, read_only=True))
    found |= causes(rig.emergency_off()) | causes(rig.arm())
    rig = Rig()
    rig.plant[DOOR] = False
    rig.obey(AddHold(SMITH, PFE, "ship on cable, PSM-0093"))
    rig.plant[POINTS.voltage_v] = 300.0
    rig.bad.add(POINTS.current_ma)
    rig.beat(2)
    found |= causes(rig.arm(RampTo(5000.0, 9000.0))) | causes(rig.arm(SwitchOff(20.0)))
    found |= causes(rig.arm()) | causes(rig.arm(who=GUEST)) | causes(rig.execute("OP-1"))
    rig = Rig()
    name = rig.armed()
    found |= causes(rig.execute(name, "AAAA")) | causes(rig.arm()) | causes(rig.arm(who=ALIYEVA)) | causes(rig.execute(name, who=ALIYEVA))
    rig.wait(120)
    found |= causes(rig.execute(name))
    rig.arm()
    found |= causes(rig.execute("OP-2"))
    spare = replace(FEED, device="pfe-b")
    two = Rig(replace(PLAN, feeds={PFE: FEED, "pfe-b": spare}))
    running = two.armed()
    found |= causes(two.arm(object="pfe-b"))
    two.execute(running)
    found |= causes(two.execute(running))
    found |= causes(rig.arm(SetPolarity(True)))
    return found


def ended_causes() -> set[Cause | None]:
    """Words with which operations end."""
    found: set[Cause | None] = set()
    rig = Rig()
    name = rig.running(beats=80)
    found.add(rig.view(name).cause)
    rig = Rig()
    name = rig.running(beats=8)
    rig.alive.clear()
    rig.beat(10)
    found.add(rig.view(name).cause)
    rig.obey(EmergencyOff(SMITH, (PFE,)))
    found.add(rig.view(name).cause)
    rig = Rig()
    name = rig.armed()
    rig.disarm(name)
    found.add(rig.view(name).cause)
    rig = Rig()
    name = rig.running(beats=8)
    rig.plant[POINTS.current_ma] = 300.0
    rig.react = lambda: None  # type: ignore[method-assign]
    rig.beat(16)
    found.add(rig.view(name).cause)
    return found


def test_every_word_of_the_vocabulary_is_said() -> None:
    refused, ended = all_causes(), ended_causes()
    assert refused | ended == set(Cause)


def test_values_that_have_grown_old_while_nobody_looked_begin_nothing() -> None:
    rig = Rig(disk=None)
    name = rig.armed()
    rig.execute(name)
    rig.t += 2.2
    rig.take(IntentKept(rig.notes("intent")[0].intent, True, rig.t))
    assert (rig.phase(name), rig.view(name).cause) == (Phase.CLOSED, Cause.INTERLOCKING)
    assert rig.sent == []


def test_the_late_answer_to_an_intent_that_was_given_up_begins_nothing_of_the_next_one() -> None:
    rig = Rig()
    name = rig.held()
    rig.disk = None
    for _ in range(2):
        rig.prepare(name)
        rig.execute(name, NEXT_CODE)
        rig.obey(Hold(SMITH)) if len(rig.notes("intent")) == 2 else None
    assert rig.phase(name) is Phase.STARTING
    _, given_up, awaited = rig.notes("intent")
    sent = len(rig.sent)
    rig.take(IntentKept(given_up.intent, True, rig.t))
    rig.beat()
    assert rig.phase(name) is Phase.STARTING
    assert len(rig.sent) == sent
    rig.take(IntentKept(awaited.intent, True, rig.t))
    assert rig.phase(name) is Phase.RUNNING


def test_an_alarm_that_a_ramp_would_explain_takes_back_what_has_not_begun() -> None:
    rig = Rig()
    name = rig.armed()
    rig.take(critical("line/LINE-UNDER-CURRENT-LIMIT", rig.t))
    assert rig.phase(name) is Phase.CLOSED


def test_an_arming_without_a_code_is_never_executed() -> None:
    rig = Rig()
    rig.authority()
    rig.obey(Arm(BEKOV, PFE, ENERGISE, WHY, ""))
    rig.obey(Approve(ALIYEVA, "OP-1"))
    assert causes(rig.execute("OP-1", "")) == {Cause.INCONSISTENT}
    assert rig.sent == []


def test_what_is_closed_shows_how_far_it_had_come_and_not_what_is_measured_now() -> None:
    rig = Rig()
    name = rig.held()
    reached = rig.plant[POINTS.current_ma]
    rig.disarm(name)
    rig.plant[POINTS.current_ma] = 7.0
    rig.beat()
    assert rig.view(name).progress.measured == reached
