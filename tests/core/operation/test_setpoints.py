"""Set values: staged by a person, sent when the record is on the disk, read back one by one, confirmed or taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.alarm.words import Signal
from stationd.core.model import IntentKept, PointId, Reason, Value, Write, WriteDone
from stationd.core.operation.gate import UNCONFIRMED
from stationd.core.operation.job import LOOK_S, WRITE_S
from stationd.core.operation.orders import Apply, Confirm, Discard, Person, Revert, Rollback, Stage
from stationd.core.operation.setpoints import SetPoints
from stationd.core.operation.task import CommandClass, Pump
from stationd.core.operation.views import AuthorityView, HoldView, OperationView, Phase
from stationd.core.operation.words import INTENT_S, Accepted, Cause, Noted
from stationd.core.powerfeed.words import FarFeed
from tests.core.operation.setting import DANA, ERIK, GAIN, OTHER, OUTPUT, PLAN, VALUES, WHY, Setting, causes, empty, whys

LOST, PUMP, MODE, APR, FAULT = (PointId("fp1-booster", point) for point in ("los", "pump_on", "mode", "apr_active", "fault"))
ONLY_NOTES = Person(1003, "tech", "1003:12", frozenset({CommandClass.READ, CommandClass.NOTE}), local=True, identified=False)
OPEN = OperationView("OP-4", "fp1-booster", Pump(on=False), CommandClass.OPERATE, Phase.ARMED, 0, 0, "erik", 1002, "", "", (), ())
HOLD = HoldView("H-3", "fp1-booster", "erik", 1002, "splicing at the patch panel", 900.0)


# The whole life.


def test_a_staged_value_is_sent_after_its_record_is_kept_and_confirmed_by_its_read_back() -> None:
    desk = Setting()
    assert desk.stage(20.5) == Accepted((str(GAIN),), "staged, nothing is sent")
    (staged,) = desk.points.staged()
    assert (staged.target, staged.unit, staged.now, staged.staged, staged.who) == (GAIN, "dB", 20.0, 20.5, "dana")
    assert desk.effects == []
    assert desk.apply() == Accepted(("A-1",), "")
    assert (desk.notes(), desk.state, desk.points.applying()) == (["apply-intent"], "applying", frozenset({"fp1-booster"}))
    assert desk.writes() == []
    assert desk.kept() == [Write(GAIN, 20.5, "A-1 gain_setpoint")]
    desk.done()
    assert (desk.notes(), desk.state, desk.points.applying()) == (["apply-intent", "applied"], "confirmed", frozenset())
    assert desk.points.applied()[0].changes == ((GAIN, 20.0, 20.5),)
    assert desk.points.staged() == ()


def test_values_go_out_one_by_one_each_after_the_read_back_of_the_one_before() -> None:
    desk = Setting()
    for target, value in ((GAIN, 20.5), (OUTPUT, 16.5), (OTHER, 19.5)):
        desk.stage(value, target)
    desk.apply()
    desk.kept()
    for sent in (1, 2, 3):
        assert len(desk.writes()) == sent
        desk.done()
    assert [(each.target, each.value) for each in desk.writes()] == [(GAIN, 20.5), (OUTPUT, 16.5), (OTHER, 19.5)]
    assert desk.state == "confirmed"


def test_a_value_that_somebody_confirms_in_time_stays() -> None:
    desk = Setting()
    applied = desk.applied_gain(within_s=60.0)
    assert (applied.state, applied.confirm_until_t) == ("unconfirmed", desk.now + 60.0)
    assert desk.points.deadline() == desk.now + 60.0
    assert isinstance(desk.order(Confirm(DANA)), Accepted)
    assert (desk.state, desk.points.deadline()) == ("confirmed", None)
    desk.now += 100
    desk.read_all(times=2)
    assert (len(desk.writes()), desk.alarms()) == (1, [])


def test_a_value_that_nobody_confirms_goes_back_and_that_is_told_loudly() -> None:
    desk = Setting()
    desk.applied_gain(within_s=60.0)
    (intent,) = desk.wait_over()
    assert isinstance(intent, Noted)
    assert (intent.kind, intent.who, intent.document["applied_by"]) == ("revert-intent", "stationd", "dana")
    assert len(desk.writes()) == 1, "nothing goes back before its record is kept"
    assert desk.kept() == [Write(GAIN, 20.0, "A-1 back gain_setpoint")]
    assert desk.state == "reverting"
    told = desk.done()
    assert desk.state == "reverted"
    assert [each.kind for each in told if isinstance(each, Noted)] == ["reverted"]
    assert [(each.key, each.active) for each in told if isinstance(each, Signal)] == [(UNCONFIRMED, True), (UNCONFIRMED, False)]


def test_a_person_takes_back_the_last_apply_the_last_value_first() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.stage(16.5, OUTPUT)
    desk.apply()
    desk.carry_out()
    assert isinstance(desk.order(Revert(DANA, "levels are wrong now")), Accepted)
    assert desk.notes()[-1] == "revert-intent"
    desk.carry_out()
    assert [(each.target, each.value) for each in desk.writes()[2:]] == [(OUTPUT, 17.0), (GAIN, 20.0)]
    assert (desk.state, desk.alarms()) == ("reverted", [])
    assert causes(desk.order(Revert(DANA, "levels are wrong now"))) == {Cause.REACHED}


def test_a_rollback_stages_the_values_of_before_and_sends_nothing() -> None:
    desk = Setting()
    desk.applied_gain(20.5)
    desk.applied_gain(21.0)
    assert isinstance(desk.order(Rollback(ERIK, 2)), Accepted)
    assert [(each.target, each.staged, each.who) for each in desk.points.staged()] == [(GAIN, 20.0, "erik")]
    assert len(desk.writes()) == 2
    assert causes(desk.order(Rollback(DANA, 3))) == {Cause.INCONSISTENT}
    assert causes(desk.order(Rollback(DANA, 0))) == {Cause.INCONSISTENT}


def test_a_rollback_over_more_than_one_step_is_staged_and_not_applied_at_once() -> None:
    desk = Setting()
    desk.applied_gain(21.0)
    desk.applied_gain(22.0)
    desk.order(Rollback(DANA, 2))
    assert whys(desk.apply()) == "fp1-booster.gain_setpoint is 22 dB: to 20 dB is more than 1 dB"


def test_a_rollback_of_what_went_back_has_nothing_to_do() -> None:
    desk = Setting()
    desk.applied_gain(20.5)
    desk.units[GAIN] = 20.0
    desk.read_all(times=2)
    assert causes(desk.order(Rollback(DANA, 1))) == {Cause.REACHED}


def test_each_person_discards_and_applies_only_his_own() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.stage(16.5, OUTPUT, ERIK)
    desk.order(Discard(ERIK))
    assert [each.who for each in desk.points.staged()] == ["dana"]
    assert causes(desk.apply(who=ERIK)) >= {Cause.NOT_SELECTED}


# Refusals.


def test_what_cannot_be_staged_is_refused_with_what_could() -> None:
    desk = Setting()
    assert causes(desk.stage(20.5, PointId("pfe-a", "current_setpoint"))) == {Cause.MODE}
    assert causes(desk.stage(20.5, PointId("fp1-booster", "input_power"))) == {Cause.MODE}
    assert causes(desk.stage(20.5, who=ONLY_NOTES)) == {Cause.NO_AUTHORITY}
    assert causes(desk.stage(20.0)) == {Cause.REACHED}
    assert causes(Setting(replace(PLAN, read_only=True)).stage(20.5)) == {Cause.MODE}


@pytest.mark.parametrize("value", [30.1, 9.9, float("nan"), float("inf"), -float("inf")])
def test_a_value_outside_its_limits_is_refused(value: float) -> None:
    outcome = Setting().stage(value)
    assert Cause.STEP_LIMIT in causes(outcome)
    assert "10 to 30 dB" in whys(outcome)


def test_a_step_larger_than_one_apply_may_make_is_refused() -> None:
    desk = Setting()
    assert whys(desk.stage(21.1)) == "fp1-booster.gain_setpoint is 20 dB: to 21.1 dB is more than 1 dB"
    assert isinstance(desk.stage(21.0), Accepted)
    assert isinstance(desk.stage(19.0), Accepted)


def test_nothing_is_staged_on_a_value_that_is_not_known() -> None:
    desk = Setting()
    desk.read(GAIN, None)
    assert causes(desk.stage(20.5)) == {Cause.HEALTH}
    desk.read(GAIN, 20.0)
    desk.silence(30.0)
    assert causes(desk.stage(20.5)) == {Cause.HEALTH}


Spoil = Callable[[Setting], None]


def spoiled(**changes: object) -> Spoil:
    def spoil(desk: Setting) -> None:
        desk.evidence = replace(desk.evidence, **changes)  # type: ignore[arg-type]

    return spoil


def reads(point: PointId, value: Value | None) -> Spoil:
    def spoil(desk: Setting) -> None:
        desk.now += 0.2
        desk.read(point, value)
        desk.units[point] = value
        desk.now += 0.2
        desk.read(point, value)

    return spoil


def far_holds(desk: Setting) -> None:
    far = FarFeed(desk.now, None, None, None, None, None, holds=("H-1 on line by Rauf",))
    desk.evidence = replace(desk.evidence, seen=replace(desk.evidence.seen, far=far))


BAD: list[tuple[str, Spoil, Cause, str]] = [
    ("audit broken", spoiled(audit_writable=False), Cause.HEALTH, "the audit cannot be written"),
    ("audit unknown", spoiled(audit_writable=None), Cause.HEALTH, "not known whether the audit"),
    ("hold on the unit", spoiled(holds=(HOLD,)), Cause.HOLD, "H-3 on fp1-booster by erik"),
    ("hold on the line", spoiled(holds=(replace(HOLD, object="line"),)), Cause.HOLD, "H-3 on line"),
    ("hold on the station", spoiled(holds=(replace(HOLD, object="station"),)), Cause.HOLD, "NOT AN ISOLATION"),
    ("hold at the far end", far_holds, Cause.HOLD, "Siyazan holds: H-1 on line by Rauf"),
    ("operation on the unit", spoiled(opened=(OPEN,)), Cause.ONE_OF_N, "OP-4 of erik is armed on fp1-booster"),
    ("no light", reads(LOST, True), Cause.PROCESS, "no light at its input"),
    ("power reduced", reads(APR, True), Cause.PROCESS, "reduced its power"),
]
OF_PEOPLE: list[tuple[str, Spoil, Cause, str]] = [
    ("nobody has the authority", spoiled(authority=AuthorityView(key_switch=True)), Cause.SWITCHING_HIERARCHY, "nobody holds"),
    ("another has", spoiled(authority=AuthorityView("erik", 1002, True, key_switch=True)), Cause.SWITCHING_HIERARCHY, "erik"),
    ("protection unknown", reads(LOST, None), Cause.HEALTH, "fp1-booster.los is not known"),
    ("fault unknown", reads(FAULT, None), Cause.HEALTH, "fp1-booster.fault is not known"),
    ("value unknown", reads(GAIN, None), Cause.HEALTH, "fp1-booster.gain_setpoint is not known"),
    ("value moved", reads(GAIN, 20.3), Cause.INCONSISTENT, "is 20.3 dB now, not 20 dB"),
]


@pytest.mark.parametrize(("spoil", "cause", "why"), [each[1:] for each in BAD + OF_PEOPLE], ids=[each[0] for each in BAD + OF_PEOPLE])
def test_nothing_is_applied_where_something_stands_in_the_way(spoil: Spoil, cause: Cause, why: str) -> None:
    desk = Setting()
    desk.stage(20.5)
    spoil(desk)
    outcome = desk.apply()
    assert cause in causes(outcome)
    assert why in whys(outcome)
    assert [each.staged for each in desk.points.staged()] == [20.5], "it stays staged"


@pytest.mark.parametrize(("spoil", "cause", "why"), [each[1:] for each in BAD + OF_PEOPLE], ids=[each[0] for each in BAD + OF_PEOPLE])
def test_what_gets_in_the_way_while_the_record_is_written_lets_nothing_out(spoil: Spoil, cause: Cause, why: str) -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.apply()
    spoil(desk)
    desk.kept()
    if cause is Cause.HEALTH and "audit" not in why:
        assert desk.state == "applying", "a reading that is missing is waited for"
        desk.read_all(times=int(2 * LOOK_S))
    assert (desk.state, desk.writes()) == ("failed", [])
    assert desk.points.applied()[0].detail.startswith("nothing was sent: ")
    assert why in desk.points.applied()[0].detail
    assert [each.staged for each in desk.points.staged()] == [20.5], "it is staged again"


@pytest.mark.parametrize(("spoil", "cause", "why"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_a_person_takes_nothing_back_either_where_something_stands_in_the_way(spoil: Spoil, cause: Cause, why: str) -> None:
    desk = Setting()
    desk.applied_gain()
    spoil(desk)
    outcome = desk.order(Revert(DANA, "levels are wrong now"))
    assert cause in causes(outcome)
    assert why in whys(outcome)


def test_all_reasons_are_listed_once() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.stage(16.5, OUTPUT)
    spoiled(audit_writable=False, holds=(HOLD,), authority=AuthorityView(key_switch=True))(desk)
    outcome = desk.apply(reason="short", within_s=5.0)
    assert causes(outcome) == {Cause.SWITCHING_HIERARCHY, Cause.HEALTH, Cause.INCONSISTENT, Cause.STEP_LIMIT, Cause.HOLD}
    assert len(whys(outcome).split(" | ")) == 5


@pytest.mark.parametrize("within_s", [9.9, 86401.0, 0.0, -1.0, float("nan")])
def test_a_time_to_confirm_that_nobody_can_keep_is_refused(within_s: float) -> None:
    desk = Setting()
    desk.stage(20.5)
    assert causes(desk.apply(within_s)) == {Cause.STEP_LIMIT}


def test_the_key_switch_keeps_out_who_is_not_at_the_station() -> None:
    desk = Setting()
    remote = replace(DANA, local=False)
    desk.stage(20.5, who=remote)
    assert Cause.SWITCHING_HIERARCHY in causes(desk.apply(who=remote))
    desk.evidence = replace(desk.evidence, authority=AuthorityView("dana", 1001, local=False, key_switch=False))
    assert isinstance(desk.apply(who=remote), Accepted)


def test_while_one_is_applied_no_other_is() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.apply()
    desk.stage(16.5, OUTPUT)
    assert Cause.IN_EXECUTION in causes(desk.apply())
    assert Cause.IN_EXECUTION in causes(desk.order(Confirm(DANA)))
    assert Cause.NOT_SELECTED in causes(desk.order(Revert(DANA, WHY)))


def test_what_waits_for_a_decision_keeps_others_out() -> None:
    desk = Setting()
    desk.applied_gain(within_s=600.0)
    desk.stage(16.5, OUTPUT)
    assert causes(desk.apply()) == {Cause.IN_EXECUTION}
    desk.evidence = replace(desk.evidence, authority=AuthorityView("erik", 1002, local=True, key_switch=True))
    desk.stage(16.5, OUTPUT, ERIK)
    assert causes(desk.apply(who=ERIK)) == {Cause.LOCKED_BY_OTHER}
    assert isinstance(desk.order(Revert(ERIK, "it is not what I want")), Accepted)


def test_there_is_nothing_to_confirm_or_to_take_back_before_anything_was_applied() -> None:
    desk = Setting()
    assert causes(desk.order(Confirm(DANA))) == {Cause.NOT_SELECTED}
    assert causes(desk.order(Revert(DANA, WHY))) == {Cause.NOT_SELECTED}
    assert causes(desk.apply()) == {Cause.NOT_SELECTED}
    desk.applied_gain()
    assert causes(desk.order(Confirm(DANA))) == {Cause.NOT_SELECTED}
    assert causes(desk.order(Confirm(ONLY_NOTES))) >= {Cause.NOT_SELECTED, Cause.NO_AUTHORITY}


def test_who_has_not_applied_it_confirms_with_the_authority_only() -> None:
    desk = Setting()
    desk.applied_gain(within_s=60.0)
    assert causes(desk.order(Confirm(ERIK))) == {Cause.SWITCHING_HIERARCHY}
    assert desk.state == "unconfirmed"
    desk.evidence = replace(desk.evidence, authority=AuthorityView("erik", 1002, local=True, key_switch=True))
    desk.tick()
    assert isinstance(desk.order(Confirm(ERIK)), Accepted)


def test_a_unit_that_is_about_to_start_again_is_left_alone() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.read_all({LOST: True, PUMP: False}, times=2)
    desk.read_all({LOST: False}, times=2)
    assert "restarting" in whys(desk.apply())
    desk.read_all({PUMP: True}, times=2)
    assert isinstance(desk.apply(), Accepted)


# Disk, line and unit fail.


@pytest.mark.parametrize("late", [False, True])
def test_without_a_record_on_the_disk_nothing_is_sent(late: bool) -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.apply()
    desk.silence(INTENT_S) if late else desk.kept(kept=False)
    assert (desk.state, desk.notes()[-1]) == ("failed", "apply-failed")
    desk.kept()
    desk.read_all(times=4)
    assert desk.writes() == [], "an answer that comes too late begins nothing"


def test_the_first_write_that_is_not_taken_ends_it_and_what_was_sent_stays() -> None:
    desk = Setting()
    for target, value in ((GAIN, 20.5), (OUTPUT, 16.5), (OTHER, 19.5)):
        desk.stage(value, target)
    desk.apply(within_s=60.0)
    desk.kept()
    desk.done()
    desk.done(Reason.REFUSED, read_back=17.0, detail="asked 16.5, the unit shows 17.0")
    applied = desk.points.applied()[0]
    assert applied.state == "failed"
    assert applied.detail == "fp1-booster.output_setpoint: asked 16.5, read back 17.0: asked 16.5, the unit shows 17.0"
    desk.read_all(times=200)
    assert (len(desk.writes()), desk.alarms(), desk.units[GAIN]) == (2, [], 20.5)
    assert isinstance(desk.order(Revert(DANA, "half of it is no use")), Accepted)
    desk.carry_out()
    assert (desk.state, desk.units[GAIN]) == ("reverted", 20.0)


def test_a_write_without_an_answer_keeps_the_line_until_it_comes() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.apply()
    desk.kept()
    desk.silence(WRITE_S)
    assert desk.state == "failed"
    desk.read_all(times=2)
    desk.stage(16.5, OUTPUT)
    assert whys(desk.apply()) == "a write to fp1-booster.gain_setpoint was not answered yet"
    assert desk.points.applying() == {"fp1-booster"}
    desk.done(Reason.TIMEOUT)
    assert isinstance(desk.apply(), Accepted)


def test_the_record_of_an_earlier_act_begins_nothing() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.apply()
    late = desk.intents()[-1].intent
    desk.silence(INTENT_S)
    desk.read_all(times=2)
    desk.apply()
    desk.take(desk.points.handle(IntentKept(late, True, desk.now), desk.evidence, desk.now))
    assert desk.writes() == []
    desk.kept()
    assert len(desk.writes()) == 1


def test_an_answer_to_a_write_of_somebody_else_is_not_taken_for_ours() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.apply()
    desk.kept()
    assert desk.points.handle(WriteDone(OUTPUT, 16.0, 16.0, Reason.NONE, "", desk.now), desk.evidence, desk.now) == []
    assert desk.state == "applying"


def test_a_fresh_reading_is_waited_for_before_each_write() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.silence(5.0)
    assert isinstance(desk.apply(), Accepted)
    assert desk.kept() == []
    desk.now += 0.5
    for point in (GAIN, FAULT, LOST):
        desk.read(point, VALUES[point])
    assert desk.writes() == [], "of one part of the protection nothing new was read"
    desk.read(APR, VALUES[APR])
    assert len(desk.writes()) == 1


# Going back by itself, and staying: each reason.


STAYS: list[tuple[str, Spoil, str]] = [(name, spoil, why) for name, spoil, _, why in BAD] + [
    ("value moved", reads(GAIN, 20.7), "is 20.7 dB now, not 20.5 dB"),
    ("pumps switched", reads(PUMP, False), "pump_on is off now and was on"),
    ("mode changed", reads(MODE, "acc"), "mode is acc now and was agc"),
    ("fault came", reads(FAULT, True), "fault is on now and was off"),
    ("mode unknown", reads(MODE, None), "mode is not known now"),
]


@pytest.mark.parametrize(("spoil", "why"), [each[1:] for each in STAYS], ids=[each[0] for each in STAYS])
def test_a_value_stays_with_an_alarm_where_the_plant_is_not_as_it_was(spoil: Spoil, why: str) -> None:
    desk = Setting()
    desk.applied_gain(within_s=60.0)
    due = desk.points.deadline()
    assert due is not None
    desk.now = due - 2.0
    desk.read_all(times=2)
    spoil(desk)
    desk.now = due
    desk.tick()
    assert (desk.state, len(desk.writes()), desk.alarms()) == ("left", 1, [True])
    assert why in " ".join(str(each.document) for each in desk.effects if isinstance(each, Noted) and each.kind == "left")
    desk.silence(1e6)
    assert len(desk.writes()) == 1, "it never goes back by itself later"
    assert isinstance(desk.order(Confirm(DANA)), Accepted)
    assert (desk.state, desk.alarms()) == ("confirmed", [True, False])


@pytest.mark.parametrize(("spoil", "why"), [each[1:] for each in STAYS], ids=[each[0] for each in STAYS])
def test_a_value_stays_where_that_changes_while_the_record_is_written(spoil: Spoil, why: str) -> None:
    desk = Setting()
    desk.applied_gain(within_s=60.0)
    desk.wait_over()
    spoil(desk)
    desk.kept()
    desk.read_all(times=int(2 * LOOK_S))
    assert (desk.state, len(desk.writes()), desk.alarms()) == ("left", 1, [True])
    assert why in desk.points.applied()[0].detail


def test_without_a_record_on_the_disk_nothing_goes_back() -> None:
    desk = Setting()
    desk.applied_gain(within_s=60.0)
    desk.wait_over()
    desk.kept(kept=False)
    assert (desk.state, len(desk.writes()), desk.alarms()) == ("left", 1, [True])


def test_a_way_back_that_breaks_off_is_left_to_people() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.stage(16.5, OUTPUT)
    desk.apply(within_s=60.0)
    desk.carry_out()
    desk.wait_over()
    desk.kept()
    desk.done(Reason.TIMEOUT, detail="no answer")
    assert (desk.state, len(desk.writes()), desk.alarms()) == ("left", 3, [True])
    assert desk.notes()[-1] == "left"
    desk.read_all(times=2)
    assert isinstance(desk.order(Revert(DANA, "once more, by hand")), Accepted)
    desk.carry_out()
    assert (desk.state, desk.alarms(), desk.units[GAIN], desk.units[OUTPUT]) == ("reverted", [True, False], 20.0, 17.0)


def test_a_way_back_of_a_person_that_could_not_begin_changes_nothing() -> None:
    desk = Setting()
    desk.applied_gain(within_s=600.0)
    until_t = desk.points.applied()[0].confirm_until_t
    desk.order(Revert(DANA, "levels are wrong now"))
    desk.kept(kept=False)
    assert (desk.state, desk.points.applied()[0].confirm_until_t, desk.notes()[-1]) == ("unconfirmed", until_t, "revert-refused")


def test_a_way_back_that_has_nothing_to_do_sends_nothing() -> None:
    desk = Setting()
    desk.applied_gain(within_s=60.0)
    desk.restart()
    desk.read_all({GAIN: 20.0}, times=2)
    assert isinstance(desk.order(Revert(DANA, "it is back by hand")), Accepted)
    desk.kept()
    assert (desk.state, len(desk.writes()), desk.alarms()[-1]) == ("reverted", 1, False)


def test_an_apply_says_at_once_where_it_could_not_go_back_by_itself() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.read(MODE, None)
    outcome = desk.apply(within_s=60.0)
    assert isinstance(outcome, Accepted)
    assert outcome.detail == "confirm within 60 s, or it goes back; it will NOT go back by itself: fp1-booster.mode is not known"


# Restarts.


def run_until(desk: Setting, step: int) -> None:
    """Walk through an apply that nobody confirms, so many steps far."""
    steps: list[Callable[[], object]] = [
        lambda: desk.stage(20.5), lambda: desk.apply(60.0), desk.kept, desk.done, desk.wait_over, desk.kept, desk.done,
    ]  # fmt: skip
    for each in steps[:step]:
        each()


@pytest.mark.parametrize(("step", "state"), [(2, "left"), (3, "left"), (4, "left"), (5, "left"), (6, "left"), (7, "reverted")])
def test_killed_at_any_step_it_sends_nothing_and_leaves_the_decision_to_people(step: int, state: str) -> None:
    desk = Setting()
    run_until(desk, step)
    sent = len(desk.writes())
    effects = desk.restart()
    assert [(each.key, each.active) for each in effects if isinstance(each, Signal)] == [(UNCONFIRMED, state == "left")]
    assert (desk.state, desk.points.applying(), desk.points.deadline()) == (state, frozenset(), None)
    desk.read_all(times=300)
    assert len(desk.writes()) == sent, "a restored apply never goes back by itself"
    if state == "left":
        assert isinstance(desk.order(Confirm(DANA)), Accepted)
        assert desk.alarms()[-1] is False


def test_a_restart_in_the_way_back_of_a_person_leaves_the_decision_to_people() -> None:
    desk = Setting()
    desk.applied_gain()
    desk.order(Revert(DANA, "levels are wrong now"))
    desk.restart()
    assert (desk.state, desk.alarms()) == ("left", [True])


def test_what_a_restart_met_on_its_way_can_be_taken_back_from_whatever_the_unit_shows() -> None:
    desk = Setting()
    run_until(desk, 3)
    desk.restart()
    desk.read_all({GAIN: 20.5}, times=2)
    assert isinstance(desk.order(Revert(DANA, "after the restart")), Accepted)
    desk.carry_out()
    assert (desk.state, desk.units[GAIN]) == ("reverted", 20.0)


def test_staged_values_names_and_ages_outlast_a_restart() -> None:
    desk = Setting()
    desk.applied_gain()
    t = desk.points.applied()[0].t
    desk.stage(16.5, OUTPUT)
    assert desk.points.changed()
    saved = desk.points.saved(desk.now)
    assert not desk.points.changed()
    assert json.loads(json.dumps(saved)) == saved
    desk.restart(elapsed_s=7.0)
    assert desk.points.applied()[0].t == pytest.approx(t)
    assert [(each.target, each.staged) for each in desk.points.staged()] == [(OUTPUT, 16.5)]
    desk.read_all(times=2)
    assert desk.apply() == Accepted(("A-2",), "")


def test_somebody_who_was_there_during_a_restart_is_noticed() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.restart()
    desk.read_all({GAIN: 20.2}, times=2)
    assert causes(desk.apply()) == {Cause.INCONSISTENT}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    saved=st.dictionaries(st.sampled_from(["number", "underway", "staged", "applies"]), JSON),
    rows=st.lists(st.dictionaries(st.sampled_from("name age_s who uid reason state detail changes".split()), JSON), max_size=2),
)
def test_damaged_memory_is_left_out_and_told_and_never_an_error(saved: dict[str, object], rows: list[dict[str, object]]) -> None:
    for each in (saved, {**saved, "applies": rows}):
        effects = SetPoints(PLAN, 0.0).restore(each, 0.0, 1.0)
        assert all(isinstance(effect, (Noted, Signal)) for effect in effects)
    if rows:
        assert any(isinstance(effect, Noted) and effect.kind == "memory-damaged" for effect in effects)


def test_a_good_apply_beside_a_damaged_one_is_kept() -> None:
    desk = Setting()
    desk.applied_gain()
    saved = dict(desk.points.saved())
    assert isinstance(saved["applies"], list)
    saved["applies"] = [{"name": "A-9"}, *saved["applies"]]
    fresh = SetPoints(PLAN, desk.now)
    effects = fresh.restore(saved, desk.now)
    assert [each.name for each in fresh.applied()] == ["A-1"]
    assert [each.document for each in effects if isinstance(each, Noted)] == [{"lost": 1}]


# What else is told.


def test_units_that_are_being_set_or_may_go_back_are_named_for_faster_reading() -> None:
    desk = Setting()
    assert desk.points.gated(desk.now) == frozenset()
    desk.stage(19.5, OTHER)
    assert desk.points.gated(desk.now) == {"fp2-booster"}
    assert desk.points.gated(desk.now + 600.0) == frozenset()
    desk.order(Discard(DANA))
    desk.applied_gain(within_s=600.0)
    assert desk.points.gated(desk.now + 600.0) == {"fp1-booster"}


def test_only_twenty_applies_are_shown() -> None:
    desk = Setting()
    for count in range(22):
        desk.applied_gain(20.5 if count % 2 == 0 else 20.0)
    assert [each.name for each in desk.points.applied()] == [f"A-{number}" for number in range(22, 2, -1)]


def test_records_hold_the_values_the_reason_and_who() -> None:
    desk = Setting()
    desk.applied_gain()
    intent, result = (each for each in desk.effects if isinstance(each, Noted))
    assert (intent.who, intent.document["uid"], intent.document["reason"]) == ("dana", 1001, WHY)
    assert result.document["changes"] == [{"point": str(GAIN), "before": 20.0, "after": 20.5, "shown": 20.5, "sent": True}]
    assert json.dumps(intent.document)


# Anything in any order.

STEPS = st.sampled_from([
    "stage", "stage other", "lower", "apply", "apply for now", "kept", "not kept", "done", "mismatch", "no answer", "read", "tick", "long",
    "confirm", "revert", "rollback", "discard", "hold", "free", "dark", "light", "restart",
])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_one_write_at_a_time_none_before_its_record_none_into_a_unit_that_protects_itself(steps: list[str]) -> None:
    desk, kept, outstanding = Setting(), 0, 0
    for step in steps:
        before = len(desk.writes())
        if step == "kept":
            kept = len(desk.intents())
        if step in ("done", "mismatch", "no answer", "restart"):
            outstanding = 0 if outstanding else outstanding
        walk(desk, step)
        new = desk.writes()[before:]
        outstanding += len(new)
        assert outstanding <= 1
        assert not new or kept == len(desk.intents()) > 0, "the record of this very act is on the disk"
        assert all(each.target == OTHER or (desk.units[LOST] is False and not desk.evidence.holds) for each in new)
        assert sum(each.state in ("unconfirmed", "left", "applying", "reverting") for each in desk.points.applied()) <= 1
        changes = [abs(float(each.value) - desk.set_to(each.target)) for each in new]
        assert all(change <= 1.0 + 1e-9 for change in changes)


def walk(desk: Setting, step: str) -> None:
    orders: dict[str, Stage | Discard | Apply | Confirm | Revert | Rollback] = {
        "stage": Stage(DANA, GAIN, desk.set_to(GAIN) + 0.5), "stage other": Stage(DANA, OTHER, desk.set_to(OTHER) + 0.5),
        "lower": Stage(ERIK, GAIN, desk.set_to(GAIN) - 0.5), "apply": Apply(DANA, WHY), "apply for now": Apply(DANA, WHY, 10.0),
        "confirm": Confirm(DANA), "revert": Revert(DANA, WHY), "rollback": Rollback(DANA, 1), "discard": Discard(DANA),
    }  # fmt: skip
    match step:
        case "kept" | "not kept" if desk.intents():
            desk.kept(step == "kept")
        case "done" | "mismatch" | "no answer" if desk.writes() and desk.points.applying():
            reason = {"done": Reason.NONE, "mismatch": Reason.REFUSED, "no answer": Reason.TIMEOUT}[step]
            desk.done(reason, read_back=float(VALUES[GAIN]) if step == "mismatch" else None)
        case "read":
            desk.read_all(times=2)
        case "tick" | "long":
            desk.silence(1.0 if step == "tick" else 12.0)
        case "hold" | "free":
            desk.evidence = replace(desk.evidence, holds=(HOLD,) if step == "hold" else ())
        case "dark" | "light":
            desk.read_all({LOST: step == "dark"}, times=2)
        case "restart":
            desk.restart()
        case _ if step in orders:
            desk.order(orders[step])
        case _:
            pass


def test_nothing_seen_is_nothing_sent() -> None:
    desk = Setting()
    desk.stage(20.5)
    desk.evidence = replace(desk.evidence, seen=empty())
    assert causes(desk.apply()) == {Cause.HEALTH}
