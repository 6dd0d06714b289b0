"""What a held operation says of itself, and when two persons have to look again before it goes on upward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from stationd.core.model import Reason, SessionEnded, Tick, WriteDone
from stationd.core.operation.orders import AddHold, Approve, AuthorityVerb, Hold, SetAuthority, Way
from stationd.core.operation.task import Ending, SwitchOff
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause, Refused, TakeBack
from tests.core.operation.rig import ALIYEVA, BEKOV, DOOR, ENERGISE, NEXT_CODE, OMAROV, POINTS, SMITH, Rig, causes

LOCAL = replace(OMAROV, local=True)


def door(rig: Rig, closed: bool) -> None:
    rig.plant[DOOR] = closed
    rig.beat(2)


def set_by_hand(rig: Rig, value_ma: float) -> None:
    """Let somebody turn the unit's own knob, and read it for long enough to be believed."""
    rig.plant[POINTS.setpoint_ma] = value_ma
    rig.react()
    rig.beat(20)


# What still waits on the line.


def person_holds(rig: Rig) -> None:
    rig.obey(Hold(SMITH))


def interlock_opens(rig: Rig) -> None:
    rig.plant[DOOR] = False
    rig.read()


def somebody_adds_a_hold(rig: Rig) -> None:
    rig.obey(AddHold(SMITH, "line", "ship on cable, PSM-0093"))


def session_ends(rig: Rig) -> None:
    rig.leave(BEKOV)


def session_is_silent(rig: Rig) -> None:
    rig.alive.clear()
    rig.beat(12)


def readings_stop(rig: Rig) -> None:
    rig.t += 3.0
    rig.take(Tick(rig.t))


def unit_trips(rig: Rig) -> None:
    rig.plant[POINTS.on] = False
    rig.read()
    rig.t += 0.5
    rig.read()


@pytest.mark.parametrize(
    "stop", [person_holds, interlock_opens, somebody_adds_a_hold, session_ends, session_is_silent, readings_stop, unit_trips]
)
def test_whatever_stops_it_takes_back_the_write_that_still_waits(stop: Callable[[Rig], None]) -> None:
    rig = Rig()
    name = rig.running(beats=6)
    rig.answer = False
    while not rig.waiting:
        rig.beat()
    (write,) = rig.waiting
    assert not [each for each in rig.effects if isinstance(each, TakeBack)], "nothing is taken back while it runs"
    stop(rig)
    assert rig.phase(name) is not Phase.RUNNING
    (back,) = [each for each in rig.effects if isinstance(each, TakeBack)]
    assert back.targets == {write.target}
    assert back.why.startswith(f"{name} does not run any more: ")
    rig.take(WriteDone(write.target, write.value, None, Reason.REFUSED, back.why, rig.t))
    assert rig.phase(name) is (Phase.CLOSED if stop is unit_trips else Phase.HELD)


def test_what_has_been_answered_is_not_taken_back() -> None:
    rig = Rig()
    name = rig.running(beats=6)
    rig.settle()
    assert rig.waiting == []
    rig.obey(Hold(SMITH))
    assert rig.phase(name) is Phase.HELD
    assert not [each for each in rig.effects if isinstance(each, TakeBack)]


# Why it holds.


@pytest.mark.parametrize("way", [Way.RESUME, Way.BACK])
def test_the_reason_of_a_hold_stays_while_a_way_on_is_offered(way: Way) -> None:
    rig = Rig()
    name = rig.held()
    before = rig.view(name)
    assert before.detail == f"{SMITH.name} holds it"
    rig.prepare(name, way)
    assert (rig.view(name).detail, rig.view(name).cause) == (before.detail, before.cause)
    rig.alive.add(BEKOV.session)
    rig.execute(name, NEXT_CODE)
    assert rig.view(name).detail == ""


def test_a_trip_while_it_holds_ends_with_the_reason_of_the_hold() -> None:
    rig = Rig()
    name = rig.running(beats=4)
    door(rig, closed=False)
    assert rig.phase(name) is Phase.HELD
    rig.plant[POINTS.on] = False
    rig.react()
    rig.beat(3)
    view = rig.view(name)
    assert (view.phase, view.ending) == (Phase.CLOSED, Ending.ABORTED_BY_TRIP)
    assert "io1.door OPEN" in view.detail
    assert rig.notes("result")[-1].document["detail"] == view.detail


# What it would do.


def test_a_held_operation_and_its_offer_tell_the_current_of_now_and_what_the_way_does() -> None:
    rig = Rig()
    name = rig.held()
    rig.beat(2)
    flows = f"{rig.plant[POINTS.current_ma]:g} mA"
    assert flows != "0 mA"
    told = " ".join(rig.view(name).effect)
    assert f"Goes on to 500 mA, from {flows}" in told
    assert "Ramps from 0" not in told
    rig.prepare(name, Way.BACK)
    told = " ".join(rig.view(name).effect)
    assert f"down to 0, from {flows}" in told
    assert "can be killed" not in told
    assert rig.notes("offered")[-1].document["effect"] == list(rig.view(name).effect)


# When two persons have to look.


def test_what_somebody_else_moved_at_the_unit_while_it_holds_is_told_once_and_wants_a_new_approval() -> None:
    rig = Rig()
    name = rig.held()
    rig.beat(20)
    set_by_hand(rig, 400.0)
    detail = rig.view(name).detail
    assert detail.startswith(f"{SMITH.name} holds it; ")
    assert detail.count("somebody else moved it") == 1
    assert len([each for each in rig.notes("passed") if "somebody else moved it" in str(each.document["detail"])]) == 1
    assert rig.prepare(name) == Accepted((name,))
    assert rig.view(name).wants_approval


def test_an_offer_is_taken_back_when_somebody_else_moves_the_unit() -> None:
    rig = Rig()
    name = rig.held()
    rig.beat(20)
    rig.prepare(name)
    set_by_hand(rig, 400.0)
    assert rig.view(name).offered is None
    assert causes(rig.execute(name, NEXT_CODE)) == {Cause.NOT_SELECTED}


def test_two_persons_who_know_that_somebody_moved_the_unit_let_it_go_on() -> None:
    rig = Rig()
    name = rig.held()
    rig.beat(20)
    set_by_hand(rig, 400.0)
    rig.prepare(name, Way.BACK)
    rig.beat(2)
    assert rig.view(name).offered is Way.BACK
    rig.alive.add(BEKOV.session)
    assert rig.execute(name, NEXT_CODE) == Accepted((name,))
    rig.beat()
    assert rig.phase(name) is Phase.RUNNING


def test_the_way_up_is_one_persons_where_a_person_wanted_the_hold_and_nothing_has_happened_since() -> None:
    rig = Rig()
    name = rig.held()
    rig.prepare(name)
    assert not rig.view(name).wants_approval


def test_a_session_that_is_lost_while_it_holds_wants_a_new_approval_for_the_way_up_alone() -> None:
    rig = Rig()
    name = rig.held()
    rig.take(SessionEnded(BEKOV.session, rig.t))
    rig.authority()  # it is lost with the session
    rig.prepare(name, Way.BACK)
    assert not rig.view(name).wants_approval
    rig.prepare(name, Way.RESUME)
    assert rig.view(name).wants_approval


def test_the_session_of_somebody_else_changes_nothing() -> None:
    rig = Rig()
    name = rig.held()
    rig.take(SessionEnded(SMITH.session, rig.t))
    rig.prepare(name)
    assert not rig.view(name).wants_approval


def test_a_plant_that_changes_while_the_way_on_is_offered_wants_a_new_approval() -> None:
    rig = Rig()
    name = rig.held()
    rig.prepare(name)
    door(rig, closed=False)
    assert rig.view(name).offered is None
    door(rig, closed=True)
    rig.prepare(name)
    assert rig.view(name).wants_approval


def test_another_person_who_takes_it_up_wants_an_approver_that_he_is_not() -> None:
    rig = Rig()
    name = rig.held()
    rig.obey(SetAuthority(LOCAL, AuthorityVerb.TAKE, reason="the shift of the other is over"))
    assert rig.prepare(name, who=LOCAL) == Accepted((name,))
    assert rig.view(name).wants_approval
    assert Cause.SECOND_PERSON in causes(rig.obey(Approve(LOCAL, name)))
    assert rig.obey(Approve(ALIYEVA, name)) == Accepted((name,))


def test_no_code_of_before_a_hold_works_after_it() -> None:
    rig = Rig()
    name = rig.held()
    rig.prepare(name)
    assert rig.obey(Hold(SMITH, name)) == Accepted((name,))
    assert causes(rig.execute(name, NEXT_CODE)) == {Cause.NOT_SELECTED}
    assert rig.phase(name) is Phase.HELD


# Writes that were not answered.


def unanswered() -> tuple[Rig, str]:
    """Return an operation that holds while the answer to its last write has not come."""
    rig = Rig()
    name = rig.running(beats=4)
    rig.answer = False
    while not rig.waiting:
        rig.beat()
    rig.obey(Hold(SMITH, name))
    return rig, name


@pytest.mark.parametrize("way", [Way.RESUME, Way.BACK])
def test_no_way_on_is_offered_while_a_write_is_not_answered(way: Way) -> None:
    rig, name = unanswered()
    outcome = rig.prepare(name, way)
    assert isinstance(outcome, Refused)
    assert "was not answered yet" in " ".join(each.why for each in outcome.reasons)
    rig.answer = True
    rig.beat(2)
    assert rig.prepare(name, way) == Accepted((name,))


def test_nothing_is_armed_on_a_unit_that_has_not_answered_a_write_of_an_operation_that_is_closed() -> None:
    rig, name = unanswered()
    rig.disarm(name)
    for task in (SwitchOff(20.0), ENERGISE):
        outcome = rig.arm(task)
        assert isinstance(outcome, Refused)
        assert "was not answered yet" in " ".join(each.why for each in outcome.reasons)
