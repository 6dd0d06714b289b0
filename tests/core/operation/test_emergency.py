from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.alarm.words import Signal
from stationd.core.model import IntentKept, Reason, Write, WriteDone
from stationd.core.operation.orders import AddHold, Approve, Hold, Way
from stationd.core.operation.task import Ending, Pump, RampTo, SwitchOff
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause, CutOff, Noted, Refused
from tests.core.operation.rig import (
    ALIYEVA,
    AMP,
    BEKOV,
    FEED,
    GUEST,
    NEXT_CODE,
    PFE,
    PLAN,
    POINTS,
    SMITH,
    Rig,
    causes,
)

SPARE = replace(FEED, device="pfe-b", points=replace(POINTS, on=POINTS.on._replace(device="pfe-b")))
TWO = replace(PLAN, feeds={PFE: FEED, "pfe-b": SPARE})
FAILED = "EMERGENCY-OFF-FAILED"
PHASES = ("none", "waiting", "armed", "starting", "running", "held", "asked", "offered", "resuming")


def bring_to(rig: Rig, phase: str) -> str:
    """Bring an operation to a phase, through the desk's door, and return its name."""
    if phase == "none":
        return ""
    rig.authority()
    rig.arm()
    name = "OP-1"
    if phase == "waiting":
        return name
    rig.obey(Approve(ALIYEVA, name))
    rig.alive.add(BEKOV.session)
    rig.disk = None if phase == "starting" else True
    if phase != "armed":
        rig.execute(name)
        rig.beat(6 if phase not in ("starting",) else 1)
    if phase in ("held", "asked", "offered", "resuming"):
        rig.obey(Hold(SMITH))
        rig.beat()
    if phase == "asked":
        rig.leave(BEKOV)
        rig.plant[FEED.interlocks[0]] = False
        rig.beat(2)
        rig.plant[FEED.interlocks[0]] = True
        rig.beat(2)
    if phase in ("asked", "offered", "resuming"):
        rig.prepare(name, Way.RESUME)
    if phase == "resuming":
        rig.disk = None
        rig.execute(name, NEXT_CODE)
    return name


@pytest.mark.parametrize("phase", PHASES)
def test_emergency_off_acts_from_every_state_and_what_must_be_sent_comes_first(phase: str) -> None:
    rig = Rig()
    name = bring_to(rig, phase)
    seen = len(rig.effects)
    assert rig.emergency_off() == Accepted((PFE,))
    first, *others = rig.effects[seen:]
    assert first == CutOff(POINTS.on, False, f"EMERGENCY-OFF by {SMITH.name}")
    assert next(each.kind for each in others if isinstance(each, Noted)) == "emergency-off"
    assert not [each for each in others if isinstance(each, Write | CutOff)]
    assert rig.desk.cut_offs()[0].confirmed is None
    if name:
        view = rig.view(name)
        assert (view.phase, view.ending, view.cause) == (Phase.CLOSED, Ending.ABORTED_BY_TRIP, Cause.TRIPPED)
    rig.beat(2)
    assert rig.plant[POINTS.on] is False


@pytest.mark.parametrize("phase", ["starting", "resuming"])
def test_an_intent_that_is_kept_after_an_emergency_off_begins_nothing(phase: str) -> None:
    rig = Rig()
    name = bring_to(rig, phase)
    rig.emergency_off()
    rig.disk = True
    for note in rig.notes("intent"):
        rig.take(IntentKept(note.intent, True, rig.t))
    rig.beat(4)
    assert rig.phase(name) is Phase.CLOSED
    assert isinstance(rig.sent[-1][1], CutOff)


def test_it_asks_for_no_authority_no_disk_no_hold_and_no_identity() -> None:
    rig = Rig(disk=False)
    rig.obey(AddHold(BEKOV, "station", "nobody touches anything"))
    rig.write_disk(False)
    shared = replace(SMITH, identified=False)
    assert rig.emergency_off(who=shared) == Accepted((PFE,))


def test_it_asks_for_the_role() -> None:
    rig = Rig()
    assert causes(rig.emergency_off(who=GUEST)) == {Cause.NO_AUTHORITY}
    assert rig.sent == []


def test_on_a_read_only_station_it_is_refused_with_the_place_of_the_red_button() -> None:
    rig = Rig(replace(PLAN, read_only=True, emergency_button="the red button beside rack 3"))
    outcome = rig.emergency_off()
    assert causes(outcome) == {Cause.MODE}
    assert isinstance(outcome, Refused)
    assert "the red button beside rack 3" in outcome.reasons[0].remedy
    assert rig.sent == []


def test_without_an_object_or_with_none_that_is_known_nothing_happens_and_the_feeds_are_named() -> None:
    rig = Rig()
    for objects in (("",), ("pfe-x",)):
        outcome = rig.emergency_off(*objects)
        assert causes(outcome) == {Cause.INCONSISTENT}
        assert isinstance(outcome, Refused)
        assert PFE in outcome.reasons[0].remedy
    assert rig.sent == []


def test_all_means_every_feed_and_a_name_that_is_wrong_keeps_none_of_the_others_from_going_off() -> None:
    rig = Rig(TWO)
    assert rig.emergency_off("all") == Accepted((PFE, "pfe-b"))
    rig = Rig(TWO)
    outcome = rig.emergency_off("pfe-x", PFE)
    assert isinstance(outcome, Accepted)
    assert outcome.names == (PFE,)
    assert "pfe-x" in outcome.detail
    assert [each.target.device for _, each in rig.sent] == [PFE]


def test_nothing_is_armed_on_a_feed_until_its_cut_off_is_confirmed_or_given_up() -> None:
    rig = Rig(answer=False)
    rig.authority()
    rig.emergency_off()
    rig.beat(2)
    assert Cause.PROCESS in causes(rig.arm())
    rig.answer = True
    rig.beat(2)
    assert rig.desk.cut_offs()[0].confirmed is True
    (result,) = rig.notes("emergency-off-result")
    assert result.document["confirmed"] is True
    assert isinstance(rig.arm(), Accepted)


def test_a_cut_off_that_fails_is_told_as_given_up_with_what_was_read() -> None:
    rig = Rig(answer=False)
    rig.authority()
    rig.emergency_off()
    rig.waiting.clear()
    rig.take(WriteDone(POINTS.on, False, None, Reason.LINK_DOWN, "no answer for 120 s", rig.t))
    (state,) = rig.desk.cut_offs()
    assert state.confirmed is False
    assert "no answer for 120 s" in state.detail
    rig.beat(3)
    assert isinstance(rig.arm(), Accepted)


def test_the_late_answer_to_a_write_of_the_operation_neither_confirms_nor_ends_the_cut_off() -> None:
    rig = Rig()
    name = rig.running(beats=8)
    rig.answer = False
    rig.beat(1)
    (write,) = rig.waiting
    rig.emergency_off()
    rig.take(WriteDone(write.target, write.value, None, Reason.QUEUE_FULL, "dropped", rig.t))
    assert rig.desk.cut_offs()[0].confirmed is None
    assert rig.phase(name) is Phase.CLOSED
    rig.take(WriteDone(POINTS.on, False, False, Reason.NONE, "", rig.t))
    assert rig.desk.cut_offs()[0].confirmed is True


def test_a_failed_off_of_the_operation_itself_is_not_taken_for_the_end_of_the_cut_off() -> None:
    rig = Rig()
    rig.running(beats=80)
    name = rig.armed(SwitchOff(20.0))
    rig.execute(name)
    rig.silent_to = POINTS.on
    rig.beat(140)
    assert [each.target for each in rig.waiting] == [POINTS.on]
    rig.emergency_off()
    rig.take(WriteDone(POINTS.on, False, True, Reason.TIMEOUT, "its line was drained", rig.t))
    assert rig.desk.cut_offs()[0].confirmed is None
    rig.take(WriteDone(POINTS.on, False, False, Reason.NONE, "", rig.t))
    assert rig.desk.cut_offs()[0].confirmed is True


def test_ordering_it_again_sends_it_again_and_is_one_cut_off() -> None:
    rig = Rig(answer=False)
    rig.emergency_off()
    rig.beat(2)
    began = rig.desk.cut_offs()[0].since_t
    assert rig.emergency_off(who=BEKOV) == Accepted((PFE,))
    assert len([each for _, each in rig.sent if isinstance(each, CutOff)]) == 2
    assert [each.since_t for each in rig.desk.cut_offs()] == [began]


def test_a_spare_feed_that_is_cut_off_holds_what_runs_on_the_same_line() -> None:
    rig = Rig(TWO)
    rig.plant[POINTS.on._replace(device="pfe-b")] = False
    rig.beat(2)
    name = rig.running(beats=4)
    rig.emergency_off("pfe-b")
    assert rig.phase(name) is Phase.HELD


def test_a_software_trip_goes_the_way_of_an_emergency_off_and_closes_the_operation() -> None:
    rig = Rig(replace(PLAN, feeds={PFE: replace(FEED, max_v=100.0, cable=None)}))
    name = rig.running(beats=6)
    rig.react = lambda: None  # type: ignore[method-assign]
    for volts in (150.0, 151.0, 152.0):
        rig.plant[POINTS.voltage_v] = volts
        rig.beat()
    view = rig.view(name)
    assert (view.phase, view.ending) == (Phase.CLOSED, Ending.ABORTED_BY_TRIP)
    assert CutOff(POINTS.on, False, f"{name} trip") in [each for _, each in rig.sent]
    kinds = [each.kind for each in rig.notes()]
    assert kinds.index("emergency-off") < kinds.index("result")


def given_up() -> Rig:
    """Return a feed that ran, was ordered off, and of which the read-back never showed it."""
    rig = Rig()
    rig.running(beats=8)
    rig.silent_to = POINTS.on
    rig.emergency_off()
    rig.beat(4)
    rig.waiting.clear()
    rig.silent_to = None
    rig.take(WriteDone(POINTS.on, False, True, Reason.REFUSED, "still reads on", rig.t))
    return rig


def failing_note(rig: Rig) -> str:
    said = [each for each in rig.effects if isinstance(each, Signal) and each.key.type == FAILED]
    return said[-1].note


def test_an_emergency_off_that_does_not_show_for_five_seconds_is_an_alarm_until_it_shows() -> None:
    rig = Rig(answer=False)
    rig.emergency_off()
    rig.beat(9)
    assert rig.alarm(FAILED) is False
    rig.beat(1)
    assert rig.alarm(FAILED) is True
    rig.emergency_off()
    assert rig.alarm(FAILED) is True
    rig.answer = True
    rig.beat(1)
    assert rig.alarm(FAILED) is False


def test_one_that_is_confirmed_in_time_is_no_alarm() -> None:
    rig = Rig()
    rig.emergency_off()
    rig.beat(20)
    assert rig.alarm(FAILED) is False


def test_one_that_was_given_up_stays_an_alarm_says_that_the_unit_reads_on_and_bars_the_way_up_alone() -> None:
    rig = given_up()
    rig.beat(2)
    assert rig.alarm(FAILED) is True
    assert "reads ON" in failing_note(rig)
    assert rig.notes("emergency-off-result")[-1].document["confirmed"] is False
    outcome = rig.arm(RampTo(300.0, 10.0))
    assert isinstance(outcome, Refused)
    assert (Cause.PROCESS, f"an EMERGENCY-OFF of {PFE} was never confirmed") in {(each.cause, each.why) for each in outcome.reasons}
    assert isinstance(rig.arm(SwitchOff(20.0)), Accepted)


def test_what_is_given_up_and_read_off_twice_later_is_confirmed_and_no_alarm_any_more() -> None:
    rig = given_up()
    rig.beat(2)
    rig.plant[POINTS.on] = False
    rig.react()
    rig.beat(1)
    assert rig.alarm(FAILED) is True
    rig.beat(1)
    assert rig.alarm(FAILED) is False
    assert rig.desk.cut_offs()[0].confirmed is True
    assert rig.notes("emergency-off-result")[-1].document["confirmed"] is True


def test_one_that_was_never_confirmed_is_an_alarm_again_after_a_restart() -> None:
    rig = given_up()
    rig.restart()
    assert rig.alarm(FAILED) is True
    rig.beat(2)
    assert rig.alarm(FAILED) is True
    rig.plant[POINTS.on] = False
    rig.react()
    rig.beat(2)
    assert rig.alarm(FAILED) is False


def test_bringing_a_feed_down_in_order_does_not_forget_an_emergency_off_that_was_never_confirmed() -> None:
    rig = given_up()
    rig.beat(2)
    rig.running(SwitchOff(20.0), beats=2)
    assert rig.alarm(FAILED) is True
    assert rig.desk.cut_offs()[0].confirmed is False


def test_a_confirmed_emergency_off_is_history_once_the_feed_is_operated_anew() -> None:
    rig = Rig()
    rig.emergency_off()
    rig.beat(2)
    assert rig.desk.cut_offs()[0].confirmed is True
    rig.running(beats=1)
    assert rig.desk.cut_offs() == ()


def test_an_emergency_off_holds_nothing_that_is_not_on_the_same_line() -> None:
    rig = Rig(TWO)
    rig.plant[POINTS.on._replace(device="pfe-b")] = False
    rig.beat(2)
    rig.answer = False
    name = rig.running(Pump(False), AMP)
    rig.emergency_off("pfe-b")
    assert rig.phase(name) is Phase.RUNNING


def test_what_runs_on_the_same_line_is_held_by_the_order_itself_and_says_so() -> None:
    rig = Rig(TWO)
    rig.plant[POINTS.on._replace(device="pfe-b")] = False
    rig.beat(2)
    name = rig.running(beats=4)
    rig.emergency_off("pfe-b")
    assert rig.view(name).detail == f"EMERGENCY-OFF of pfe-b by {SMITH.name}"


def test_ordering_one_again_that_was_given_up_does_not_end_its_alarm() -> None:
    rig = given_up()
    rig.silent_to = POINTS.on
    rig.emergency_off()
    rig.beat(1)
    assert rig.alarm(FAILED) is True


def test_what_was_read_before_the_order_proves_nothing_about_what_was_given_up() -> None:
    rig = Rig(silent_to=POINTS.on)
    rig.emergency_off()
    rig.waiting.clear()
    rig.take(WriteDone(POINTS.on, False, None, Reason.TIMEOUT, "no answer", rig.t))
    rig.beat(1)
    assert rig.alarm(FAILED) is True
    rig.beat(1)
    assert rig.alarm(FAILED) is False
