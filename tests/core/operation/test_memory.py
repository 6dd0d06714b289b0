from __future__ import annotations

import json
import os
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stationd.core.model import PointId, Write
from stationd.core.operation.desk import Operations
from stationd.core.operation.dossier import plain_task
from stationd.core.operation.orders import AddHold, Apply, Approve, Confirm, Hold, Stage, Way
from stationd.core.operation.recollect import row_task
from stationd.core.operation.task import (
    Bypass,
    Electrode,
    Ending,
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
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause, CutOff, Noted
from tests.core.operation.rig import (
    ALIYEVA,
    AMP,
    BEKOV,
    CODE,
    DOOR,
    NEXT_CODE,
    PFE,
    PLAN,
    POINTS,
    SMITH,
    Rig,
    causes,
    quiet_plant,
)
from tests.core.operation.test_emergency import bring_to

TASKS: tuple[Task, ...] = (
    Energise(500.0, 50.0, Part.MASTER), RampTo(900.0, 10.0), SwitchOff(20.0), SetPolarity(True), Electrode(False), Pump(True),
    SetMode("agc"), RemoveHold("H-7"), Bypass(DOOR, 60.0),
)  # fmt: skip


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_a_task_is_read_back_as_it_was_and_never_as_another(task: Task) -> None:
    plain = json.loads(json.dumps(plain_task(task)))
    assert row_task(plain) == task
    for name in plain:
        assert row_task({key: value for key, value in plain.items() if key != name}) is None
        assert row_task({**plain, name: [1]}) is None


def test_what_is_saved_is_json_and_says_nothing_of_the_code() -> None:
    rig = Rig()
    name = rig.armed()
    assert CODE not in json.dumps(rig.desk.saved(rig.t))
    rig.disarm(name)
    rig.obey(AddHold(SMITH, AMP, "ship on cable, PSM-0093"))
    rig.prepare(rig.held())
    text = json.dumps(rig.desk.saved(rig.t))
    assert NEXT_CODE not in text
    assert "ship on cable" in text


def test_changed_is_true_from_a_change_to_the_next_saving() -> None:
    rig = Rig()
    rig.desk.saved(rig.t)
    rig.beat(3)
    assert not rig.desk.changed()
    rig.obey(AddHold(SMITH, PFE, "ship on cable, PSM-0093"))
    assert rig.desk.changed()
    rig.desk.saved(rig.t)
    assert not rig.desk.changed()


@pytest.mark.parametrize("phase", ["waiting", "armed"])
def test_what_had_not_begun_is_closed_by_a_restart_and_says_why(phase: str) -> None:
    rig = Rig()
    name = bring_to(rig, phase)
    rig.restart()
    view = rig.view(name)
    assert (view.phase, view.ending) == (Phase.CLOSED, Ending.NOT_EXECUTED)
    assert "started anew" in view.detail
    assert rig.alarm("OP-HELD") is False


@pytest.mark.parametrize("phase", ["starting", "running", "held", "asked", "offered", "resuming"])
def test_what_had_begun_or_may_have_holds_after_a_restart_and_nothing_is_ever_sent(phase: str) -> None:
    rig = Rig()
    name = bring_to(rig, phase)
    rig.settle()
    sent = len(rig.sent)
    effects = rig.restart()
    assert rig.phase(name) is Phase.HELD
    assert rig.alarm("OP-HELD") is True
    assert rig.alarm("OPERATION") is False
    assert name in [each.subject for each in effects if isinstance(each, Noted) and each.kind == "restarted"]
    rig.disk = True
    rig.beat(30)
    assert len(rig.sent) == sent
    assert rig.phase(name) is Phase.HELD


def test_a_pause_that_a_person_wanted_is_another_one_after_a_restart() -> None:
    rig = Rig()
    name = rig.held()
    rig.restart()
    rig.beat(3)
    rig.authority()
    assert rig.prepare(name) == Accepted((name,))
    assert rig.view(name).wants_approval


def test_upward_after_a_restart_wants_a_new_approval_and_then_goes_on_from_what_is_measured() -> None:
    rig = Rig()
    name = rig.running(beats=10)
    rig.settle()
    rig.restart()
    rig.beat(3)
    assert rig.desk.authority().holder == ""
    assert Cause.SWITCHING_HIERARCHY in causes(rig.prepare(name))
    rig.authority()
    assert rig.prepare(name) == Accepted((name,))
    assert rig.view(name).wants_approval
    assert rig.obey(Approve(ALIYEVA, name)) == Accepted((name,))
    rig.alive.add(BEKOV.session)
    assert rig.execute(name, NEXT_CODE) == Accepted((name,))
    measured = rig.plant[POINTS.current_ma]
    assert isinstance(measured, float)
    rig.beat(1)
    ((_, last),) = rig.sent[-1:]
    assert last.target == POINTS.setpoint_ma
    assert isinstance(last.value, float)
    assert abs(last.value - measured) <= 50.0
    rig.beat(80)
    assert rig.view(name).ending is Ending.REACHED


def test_downward_after_a_restart_needs_a_new_code_alone() -> None:
    rig = Rig()
    name = rig.running(beats=10)
    rig.settle()
    rig.restart()
    rig.beat(3)
    rig.authority()
    assert rig.prepare(name, Way.BACK) == Accepted((name,))
    assert not rig.view(name).wants_approval
    rig.alive.add(BEKOV.session)
    assert rig.execute(name, NEXT_CODE) == Accepted((name,))
    rig.beat(80)
    assert rig.view(name).ending is Ending.REACHED
    assert rig.plant[POINTS.on] is False


@pytest.mark.parametrize("beats", range(0, 60, 3))
def test_a_kill_at_any_step_of_a_ramp_holds_it_moves_nothing_and_raises_the_alarm(beats: int) -> None:
    rig = Rig()
    name = rig.running(beats=beats)
    rig.settle()
    before, sent = dict(rig.plant), len(rig.sent)
    rig.restart()
    rig.beat(10)
    assert rig.plant == before
    assert len(rig.sent) == sent
    assert rig.phase(name) is Phase.HELD
    assert rig.alarm("OP-HELD") is True


def test_holds_are_kept_and_go_on_refusing() -> None:
    rig = Rig()
    rig.obey(AddHold(SMITH, PFE, "ship on cable, PSM-0093"))
    rig.restart()
    rig.beat(3)
    rig.authority()
    assert Cause.HOLD in causes(rig.arm())
    assert rig.desk.holds()[0].since_t == pytest.approx(20.0 - 5.0)


def test_a_bypass_ends_with_a_restart_and_that_is_told() -> None:
    rig = Rig()
    name = rig.armed(Bypass(DOOR, 600.0), str(DOOR))
    rig.execute(name)
    effects = rig.restart()
    assert rig.alarm("BYPASS") is False
    assert rig.desk.interlocks(rig.t)[0].bypassed_until_t is None
    assert [each.subject for each in effects if isinstance(each, Noted) and each.kind == "bypass-ended"] == [str(DOOR)]


@pytest.mark.parametrize("task", [RemoveHold("H-1"), Bypass(DOOR, 60.0)])
def test_what_the_desk_would_have_done_by_itself_is_closed_by_a_restart(task: Task) -> None:
    rig = Rig()
    rig.obey(AddHold(SMITH, AMP, "fibre is being cleaned"))
    name = rig.armed(task, "H-1" if isinstance(task, RemoveHold) else str(DOOR))
    rig.disk = None
    rig.execute(name)
    rig.restart()
    assert (rig.phase(name), rig.view(name).ending) == (Phase.CLOSED, Ending.NOT_EXECUTED)


def test_a_cut_off_that_was_not_confirmed_is_told_as_given_up_and_is_not_sent_again() -> None:
    rig = Rig(answer=False)
    rig.emergency_off()
    effects = rig.restart()
    (state,) = rig.desk.cut_offs()
    assert state.confirmed is False
    assert "look at the feed" in state.detail
    assert not [each for each in effects if isinstance(each, Write | CutOff)]
    assert [each.subject for each in effects if isinstance(each, Noted) and each.kind == "emergency-off-result"] == [PFE]


def test_a_set_value_that_nobody_had_confirmed_stays_after_a_restart_and_raises_its_alarm() -> None:
    rig = Rig()
    rig.authority()
    gain = PointId(AMP, "gain_setpoint")
    rig.obey(Stage(BEKOV, gain, 21.0))
    assert isinstance(rig.obey(Apply(BEKOV, "gain as agreed", confirm_within_s=60.0)), Accepted)
    rig.beat(2)
    assert rig.plant[gain] == 21.0
    sent = len(rig.sent)
    rig.restart()
    assert rig.alarm("UNCONFIRMED") is True
    rig.beat(130)
    assert len(rig.sent) == sent
    rig.authority()
    assert isinstance(rig.obey(Confirm(BEKOV)), Accepted)
    assert rig.alarm("UNCONFIRMED") is False


def test_numbers_go_on_and_the_last_operations_are_still_shown() -> None:
    rig = Rig()
    rig.disarm(rig.armed())
    name = rig.armed()
    rig.restart()
    rig.beat(3)
    assert [each.name for each in rig.desk.operations(rig.t)] == [name, "OP-1"]
    assert rig.armed() == "OP-3"


def test_a_feed_that_is_not_in_the_file_any_more_holds_and_can_only_be_closed() -> None:
    rig = Rig()
    name = rig.running(beats=4)
    kept = rig.desk.saved(rig.t)
    rig.plan = replace(PLAN, feeds={})
    rig.desk = Operations(rig.plan, 20.0)
    rig.t = 20.0
    rig.follow(rig.desk.restore(kept, 20.0, 1.0))
    assert rig.phase(name) is Phase.HELD
    assert causes(rig.prepare(name)) == {Cause.MODE}
    assert rig.disarm(name) == Accepted((name,))
    assert rig.view(name).ending is Ending.CLOSED_HELD


def test_an_empty_memory_says_how_every_alarm_stands_and_nothing_else() -> None:
    rig = Rig()
    desk = Operations(PLAN, 5.0)
    effects = desk.restore({}, 5.0, 0.0)
    rig.effects = list(effects)
    assert [each for each in effects if isinstance(each, Noted)] == []
    assert [rig.alarm(name) for name in ("OP-HELD", "OPERATION", "BYPASS")] == [False] * 3


# Damage.


def full_memory() -> dict[str, Any]:
    rig = Rig()
    rig.disarm(rig.armed())
    rig.obey(AddHold(SMITH, AMP, "fibre is being cleaned"))
    rig.emergency_off()
    rig.beat(2)
    rig.held()
    found: dict[str, Any] = json.loads(json.dumps(rig.desk.saved(rig.t)))
    return found


MEMORY = full_memory()
PLAIN = (st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2), st.just({}))
EXAMPLES = int(os.environ.get("STATIOND_EXAMPLES", "300"))
RUBBISH = st.one_of(*PLAIN, st.sampled_from([10**400, -(10**400), inf, -inf, nan]))


def paths(value: object, before: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [before] if before else []
    if isinstance(value, dict):
        for key, each in value.items():
            found += paths(each, (*before, key))
    if isinstance(value, list):
        for index, each in enumerate(value):
            found += paths(each, (*before, index))
    return found


def damaged(path: tuple[Any, ...], rubbish: object) -> dict[str, Any]:
    memory: Any = json.loads(json.dumps(MEMORY))
    place = memory
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = rubbish
    assert isinstance(memory, dict)
    return memory


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(paths(MEMORY)), RUBBISH)
@example(("opened", 0, "executor", "began_ma"), inf)
@example(("number",), 10**400)
def test_no_damage_of_the_memory_raises_sends_anything_or_lets_anything_run(path: tuple[Any, ...], rubbish: object) -> None:
    desk = Operations(PLAN, 20.0)
    effects = desk.restore(damaged(path, rubbish), 20.0, 5.0)
    assert not [each for each in effects if isinstance(each, Write | CutOff)]
    assert all(each.phase in (Phase.HELD, Phase.CLOSED) for each in desk.operations(20.0))
    json.dumps(desk.saved(21.0), allow_nan=False)


@pytest.mark.parametrize("key", ["number", "opened", "closed", "holds", "cut_offs", "set_points"])
def test_a_part_that_cannot_be_read_is_told_and_the_others_are_taken(key: str) -> None:
    desk = Operations(PLAN, 20.0)
    effects = desk.restore({**MEMORY, key: "rubbish"}, 20.0, 5.0)
    assert [each for each in effects if isinstance(each, Noted) and each.kind == "memory-damaged"]
    names = {each.name for each in desk.operations(20.0)}
    assert names == ({"OP-2"} if key == "closed" else {"OP-1"} if key == "opened" else {"OP-1", "OP-2"})


def test_an_older_number_never_gives_a_name_that_is_in_the_memory() -> None:
    rig = Rig(plant=quiet_plant())
    rig.desk = Operations(PLAN, rig.t)
    rig.follow(rig.desk.restore({**MEMORY, "number": 0, "opened": []}, rig.t, 5.0))
    rig.write_disk(True)
    rig.beat(3)
    assert rig.armed() == "OP-2"


def test_a_hold_of_a_running_operation_is_in_the_memory_of_the_same_moment() -> None:
    rig = Rig()
    name = rig.running(beats=5)
    rig.obey(Hold(SMITH, name))
    rows = rig.desk.saved(rig.t)["opened"]
    assert isinstance(rows, list)
    assert [row["state"] for row in rows] == ["held"]
