"""A feed that holds sees what somebody else moves: it tells so once, writes nothing, and a person decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.model import Level, PointId, Quality, Reading, Reason
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Ending, Energise, Part
from stationd.core.powerfeed import restored
from stationd.sim.cable import End
from tests.core.powerfeed.plant import PLAN, POINTS, SINGLE, Bench, bench, failed

TASK = Energise(300.0, 10.0)
BAD = Quality(Level.BAD, Reason.TIMEOUT)


def holding(plan: object = SINGLE, for_s: float = 8.0) -> Bench:
    made = bench(TASK, plan)  # type: ignore[arg-type]
    made.begin()
    made.run_until(lambda: made.measured() >= 75.0 and made.executor.drive.pending is None)
    made.hold()
    made.run(for_s)
    return made


def told(made: Bench) -> list[str]:
    return [line for line in made.passed if "somebody else moved it" in line]


def test_held_and_left_alone_nothing_is_told() -> None:
    made = holding(for_s=60.0)
    for offset in (10.0, -10.0, 0.0):  # what a meter may be off by
        made.unit.offset_ma = offset
        made.run(10.0)
    assert told(made) == []
    assert made.executor.disturbed() == ""


@pytest.mark.parametrize("for_s", [0.0, 8.0])
def test_a_set_point_that_somebody_moves_while_it_holds_is_told_once_with_both_values(for_s: float) -> None:
    made = holding(for_s=for_s)
    stands = made.unit.line.feeds[End.A].current_setpoint_ma
    made.unit.line.change(End.A, current_setpoint_ma=120.0)
    made.run(1.0)
    words = f"pfe.set: somebody else moved it: 120 mA, left at {stands:g} mA"
    assert told(made) == [words]
    made.unit.line.change(End.A, current_setpoint_ma=1100.0)
    count = made.number()
    made.run(30.0)
    assert told(made) == [words]
    assert made.executor.disturbed() == words
    assert (made.phase, made.ended, made.number()) == ("held", None, count)


def test_a_voltage_set_point_that_somebody_moves_is_told_too() -> None:
    made = holding(PLAN)
    made.unit.line.change(End.A, voltage_setpoint_v=699.9931)
    made.run(1.0)
    assert told(made) == ["pfe.set_v: somebody else moved it: 700 V, left at 800 V"]


def test_a_current_that_changes_after_it_has_settled_is_told_where_the_set_point_stays() -> None:
    made = holding()
    left = made.measured()
    made.unit.offset_ma = 40.0
    made.run(1.5)
    assert told(made) == []
    made.run(2.0)
    assert told(made) == [f"pfe.current: somebody else moved it: {left + 40.0:g} mA, left at {left:g} mA"]


def test_a_current_that_jumps_for_a_moment_or_has_not_settled_yet_is_nobodys_doing() -> None:
    made = holding(for_s=1.0)
    made.unit.offset_ma = 40.0
    made.run(30.0)
    assert told(made) == []
    made.unit.offset_ma = 0.0
    made.run(1.4)
    made.unit.offset_ma = 40.0
    made.run(30.0)
    assert told(made) == []


def test_a_unit_that_trips_while_it_holds_was_not_moved_by_anybody() -> None:
    made = holding()
    made.unit.line.change(End.A, output_on=False)
    made.run(3.0)
    assert made.ended is not None
    assert made.ended.ending is Ending.ABORTED_BY_TRIP
    assert told(made) == []


def test_what_was_moved_does_not_keep_a_person_from_going_on_and_is_over_then() -> None:
    made = holding()
    made.unit.line.change(End.A, current_setpoint_ma=120.0)
    made.run(1.0)
    assert made.executor.disturbed()
    assert made.executor.upward(Way.RESUME)
    made.go(Way.RESUME)
    assert made.executor.disturbed() == ""
    made.run_until(lambda: made.ended is not None)
    assert made.ended is not None
    assert made.ended.ending is Ending.REACHED


def test_a_person_who_is_refused_to_go_on_does_not_clear_what_was_moved() -> None:
    made = holding()
    made.unit.line.change(End.A, current_setpoint_ma=120.0)
    made.run(1.0)
    made.spoilt[PointId("pfe", "fault")] = BAD
    made.run(0.6)
    made.go(Way.RESUME)
    assert made.phase == "held"
    assert made.executor.disturbed()


def test_what_was_moved_is_known_after_a_restart() -> None:
    made = holding()
    made.unit.line.change(End.A, current_setpoint_ma=120.0)
    made.run(1.0)
    again = restored(SINGLE, TASK, made.executor.saved())
    assert again.disturbed() == made.executor.disturbed() != ""
    assert restored(SINGLE, TASK, {**made.executor.saved(), "moved": 3}).disturbed() == ""


def test_after_a_restart_what_is_shown_then_is_what_was_left() -> None:
    made = holding()
    made.executor = restored(SINGLE, TASK, made.executor.saved())
    made.run(8.0)
    assert told(made) == []
    made.unit.line.change(End.A, current_setpoint_ma=120.0)
    made.run(1.0)
    assert "pfe.set: somebody else moved it: 120 mA, left at " in made.executor.disturbed()


def test_a_set_point_that_was_found_moved_while_it_ran_counts_as_moved_and_is_not_told_twice() -> None:
    made = holding()
    made.go(Way.RESUME)
    made.run_until(lambda: made.phase == "hold point" and made.unit.aim_ma is None)
    made.unit.line.change(End.A, current_setpoint_ma=50.0)
    made.run(3.0)
    assert made.executor.disturbed() == made.stopped
    assert "somebody else moved it" in made.executor.disturbed()
    assert told(made) == []


def test_a_write_that_failed_leaves_what_the_unit_shows_and_not_what_it_showed_before() -> None:
    made = bench(TASK, SINGLE)
    made.begin()
    made.run_until(lambda: made.measured() >= 75.0 and made.executor.drive.pending is None)
    made.fails = lambda put: failed(put, None, Reason.TIMEOUT)
    made.run_until(lambda: made.phase == "held", 5.0)
    made.unit.line.change(End.A, current_setpoint_ma=made.currents[-1])  # it came through all the same
    made.run(20.0)
    assert told(made) == []
    made.unit.line.change(End.A, current_setpoint_ma=120.0)
    made.run(1.0)
    assert len(told(made)) == 1


def test_a_write_that_is_under_way_when_it_holds_is_not_somebody_elses() -> None:
    made = bench(replace(TASK, part=Part.SINGLE), SINGLE)
    made.write_s = 1.5
    made.begin()
    made.run_until(lambda: made.measured() >= 75.0 and made.executor.drive.pending is not None)
    target = made.currents[-1]
    made.unit.line.change(End.A, current_setpoint_ma=target)  # the unit shows it before its answer has come
    made.poll()
    made.hold()
    made.poll()
    made.run(20.0)
    assert told(made) == []


def test_a_bad_reading_moves_nothing() -> None:
    made = holding()
    made.read(Reading(POINTS.setpoint_ma, None, BAD, made.now))
    made.read(Reading(POINTS.current_ma, None, BAD, made.now))
    made.run(10.0)
    assert told(made) == []
