"""A memory that comes late, or cannot be read at all, never leaves a hold forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stationd.core.model import Write
from stationd.core.operation.orders import AddHold, Apply, DropHold, Stage
from stationd.core.operation.task import Bypass, Energise, Pump, RemoveHold
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause, CutOff, Refused
from tests.core.operation.rig import AMP, BEKOV, DOOR, ENERGISE, PFE, SMITH, Rig, causes, p

REASON = "ship on cable, PSM-0093"
GAIN = p("gain_setpoint", AMP)


def memory(*objects: str) -> dict[str, Any]:
    """What an earlier run has kept: a closed operation, one that ran, and holds."""
    rig = Rig()
    for object in objects:
        rig.obey(AddHold(SMITH, object, REASON))
    found: dict[str, Any] = json.loads(json.dumps(rig.desk.saved(rig.t), allow_nan=False))
    return found


def whys(outcome: object) -> str:
    assert isinstance(outcome, Refused), outcome
    return " | ".join(f"{each.why} {each.remedy}" for each in outcome.reasons)


def sends(rig: Rig, begin: int) -> list[object]:
    return [each for each in rig.effects[begin:] if isinstance(each, Write | CutOff)]


# It cannot be read.


def doubted() -> Rig:
    rig = Rig()
    rig.authority()
    rig.follow(rig.desk.doubt(rig.t))
    return rig


@pytest.mark.parametrize(
    ("task", "object"), [(ENERGISE, PFE), (Energise(100.0, 5.0), PFE), (Pump(False), AMP), (Bypass(DOOR, 60.0), "io1.door")]
)
def test_where_nothing_can_be_read_everything_is_held_and_the_sentence_says_why_and_who_may_remove_it(task: Any, object: str) -> None:
    rig = doubted()
    outcome = rig.arm(task, object)
    assert causes(outcome) == {Cause.HOLD}
    said = whys(outcome)
    assert "the list of holds could not be read after a restart" in said
    assert "two persons of stationd-power: arm hold H-1 remove" in said
    assert "NOT AN ISOLATION" in said


def test_nor_is_a_set_value_sent() -> None:
    rig = doubted()
    assert isinstance(rig.obey(Stage(BEKOV, GAIN, 21.0)), Accepted)
    said = whys(rig.obey(Apply(BEKOV, "tilt after repair")))
    assert "could not be read" in said
    assert "arm hold H-1 remove" in said


def test_such_a_hold_stays_over_a_restart_is_told_to_the_far_end_and_only_two_persons_remove_it() -> None:
    rig = doubted()
    assert rig.desk.changed()
    rig.restart()
    (hold,) = rig.desk.holds()
    assert any("could not be read" in each for each in rig.desk.told()[0])
    assert causes(rig.obey(DropHold(SMITH, hold.name))) == {Cause.SECOND_PERSON}
    rig.beat(2)
    name = rig.armed(RemoveHold(hold.name))
    assert rig.execute(name) == Accepted((name,))
    assert rig.desk.holds() == ()


def test_what_runs_when_it_turns_out_that_nothing_can_be_read_holds() -> None:
    rig = Rig()
    name = rig.running(beats=6)
    rig.follow(rig.desk.doubt(rig.t))
    assert rig.phase(name) is Phase.HELD
    assert "could not be read" in rig.view(name).detail


# It comes late.


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.ARMED, Phase.STARTING, Phase.RUNNING, Phase.HELD])
@pytest.mark.parametrize("objects", [(), ("line",)], ids=["no hold", "a hold"])
def test_a_late_memory_is_taken_up_and_what_was_begun_without_it_does_not_go_on(phase: Phase, objects: tuple[str, ...]) -> None:
    kept, rig = memory(*objects), Rig()
    match phase:
        case Phase.WAITING:
            rig.authority()
            rig.arm()
        case Phase.ARMED:
            rig.armed()
        case Phase.STARTING:
            rig.disk = None
            rig.running()
        case Phase.RUNNING:
            rig.running(beats=6)
        case _:
            rig.held()
            rig.prepare("OP-1")
    assert rig.phase("OP-1") is phase
    begin = len(rig.effects)
    rig.follow(rig.desk.restore(kept, rig.t, 5.0))
    began = phase in (Phase.RUNNING, Phase.HELD)
    assert rig.phase("OP-1") is (Phase.HELD if began else Phase.CLOSED)
    assert rig.view("OP-1").offered is None
    assert [hold.object for hold in rig.desk.holds()] == list(objects)
    rig.alive.clear()
    rig.beat(10)
    assert sends(rig, begin) == []
    if objects:
        again = rig.prepare("OP-1") if began else rig.arm()
        assert Cause.HOLD in causes(again)


def test_holds_of_both_runs_stand_under_names_of_their_own() -> None:
    rig = Rig()
    rig.obey(AddHold(SMITH, PFE, "the door is being painted"))
    rig.follow(rig.desk.restore(memory("line", AMP), rig.t, 5.0))
    assert sorted(hold.object for hold in rig.desk.holds()) == sorted([PFE, "line", AMP])
    assert len({hold.name for hold in rig.desk.holds()}) == 3


def test_operations_of_both_runs_stand_under_names_of_their_own_and_nothing_is_sent() -> None:
    earlier = Rig()
    earlier.disarm(earlier.armed())
    earlier.running(beats=6)
    kept = json.loads(json.dumps(earlier.desk.saved(earlier.t)))
    rig = Rig()
    mine = rig.armed()
    begin = len(rig.effects)
    rig.follow(rig.desk.restore(kept, rig.t, 5.0))
    views = {view.name: view for view in rig.desk.operations(rig.t)}
    assert len(views) == 3
    assert views[mine].phase is Phase.CLOSED
    (held,) = [view for view in views.values() if view.phase is Phase.HELD]
    assert [note.document["was"] for note in rig.notes("renamed")] == ["OP-1"]
    rig.beat(6)
    assert sends(rig, begin) == []
    assert held.name != mine


def test_an_emergency_off_of_this_run_is_not_forgotten_for_an_earlier_one() -> None:
    earlier = Rig()
    earlier.emergency_off()
    earlier.beat(2)
    kept = json.loads(json.dumps(earlier.desk.saved(earlier.t)))
    rig = Rig(answer=False)
    rig.emergency_off()
    rig.follow(rig.desk.restore(kept, rig.t, 5.0))
    (state,) = rig.desk.cut_offs()
    assert state.confirmed is None
    rig.answer = True
    rig.beat()
    assert rig.desk.cut_offs()[0].confirmed is True


def test_set_values_of_both_runs_stand_and_what_is_being_sent_goes_its_way() -> None:
    def applying(gain_db: float) -> Rig:
        rig = Rig()
        rig.authority()
        rig.obey(Stage(BEKOV, GAIN, gain_db))
        assert isinstance(rig.obey(Apply(BEKOV, "tilt after repair")), Accepted)
        return rig

    earlier = applying(21.0)
    earlier.beat(4)
    earlier.obey(Stage(BEKOV, GAIN, 20.0))
    kept = json.loads(json.dumps(earlier.desk.saved(earlier.t)))
    rig = applying(20.5)
    rig.follow(rig.desk.restore(kept, rig.t, 5.0))
    rig.beat(4)
    assert {each.name: each.state for each in rig.desk.applied()} == {"A-1": "confirmed", "A-2": "confirmed"}
    assert [each.staged for each in rig.desk.staged()] == [20.0]
