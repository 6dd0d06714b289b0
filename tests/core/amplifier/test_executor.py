"""One write, its read-back, and proof by readings; a unit that protects itself is right, whatever was ordered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.amplifier import restored
from stationd.core.amplifier.executor import ANSWER_S, PROOF_S
from stationd.core.model import PointId, Reason, Value
from stationd.core.operation.executor import Executor
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Ended, Ending, Passed, Pump, Put, SetMode, Stopped
from tests.core.amplifier.unit import APR, FAULT, LOST, MODE, OFF, OUTPUT, PLAN, PUMP, SENDING, Unit

ON: dict[PointId, Value] = {PUMP: True, OUTPUT: 17.0}
NO_MODE = SENDING | {MODE: "off", PUMP: False, OUTPUT: -45.0}
THREE = replace(PLAN, modes=("off", "acc", "apc"))


def ending(unit: Unit) -> Ending | None:
    ended = unit.ended()
    return ended.ending if ended is not None else None


def test_an_executor_is_one_by_its_shape() -> None:
    executor: Executor = Unit(Pump(on=True)).executor
    assert executor.deadline() is None


def test_a_pump_is_switched_on_by_one_write_and_proved_by_two_readings_and_light() -> None:
    unit = Unit(Pump(on=True))
    assert unit.begin() == (Put(PUMP, True, "pump_on on"),)
    assert unit.executor.progress(unit.seen, unit.now).phase == "writing: on"
    assert Passed("fp1-booster.pump_on shows on") in unit.done()
    unit.read(PUMP, True)
    assert unit.ended() is None
    unit.read(PUMP, True)
    assert unit.ended() is None, "no light yet"
    unit.read(OUTPUT, 17.0)
    assert unit.ended() == Ended(Ending.REACHED, "pump on, mode apc, output +17.0 dBm")
    assert len(unit.puts()) == 1


def test_readings_of_before_the_write_prove_nothing() -> None:
    unit = Unit(Pump(on=False), SENDING)
    unit.begin()
    unit.read(PUMP, False)
    unit.read(PUMP, False)
    assert unit.ended() is None
    unit.done()
    assert unit.ended() is None
    unit.poll({PUMP: False})
    assert ending(unit) is Ending.REACHED


def test_a_pump_is_switched_off_also_while_the_unit_protects_itself_and_says_little() -> None:
    unit = Unit(Pump(on=False), {PUMP: True, LOST: True, APR: True, FAULT: True})
    assert unit.begin() == (Put(PUMP, False, "pump_on off"),)
    unit.done()
    unit.poll({PUMP: False})
    assert ending(unit) is Ending.REACHED


@pytest.mark.parametrize("point", [LOST, APR, FAULT])
@pytest.mark.parametrize("task", [Pump(on=True), SetMode("acc")])
def test_nothing_that_leads_to_light_is_sent_while_the_unit_protects_itself(task: Pump | SetMode, point: PointId) -> None:
    unit = Unit(task, OFF | {point: True})
    unit.begin()
    assert unit.puts() == []
    assert ending(unit) is Ending.ABORTED_BY_TRIP


@pytest.mark.parametrize("point", [LOST, APR, FAULT])
def test_a_protection_that_acts_meanwhile_ends_it_without_a_write(point: PointId) -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.done()
    unit.read(point, True)
    assert unit.ended() is None, "one damaged bit decides nothing"
    unit.read(point, True)
    assert ending(unit) is Ending.ABORTED_BY_TRIP
    assert len(unit.puts()) == 1


@pytest.mark.parametrize("point", [LOST, APR, FAULT])
def test_nothing_that_leads_to_light_is_sent_while_the_protection_is_not_known(point: PointId) -> None:
    unit = Unit(Pump(on=True))
    unit.read(point, None)
    (said,) = unit.begin()
    assert isinstance(said, Stopped)
    assert str(point) in said.detail
    unit.poll()
    assert unit.puts() == [], "it never goes on by itself"
    assert unit.go() == (Put(PUMP, True, "pump_on on"),)


@pytest.mark.parametrize("reason", [Reason.READ_ONLY, Reason.REFUSED, Reason.ILLEGAL_VALUE, Reason.QUEUE_FULL])
def test_a_unit_that_says_no_has_not_moved(reason: Reason) -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.done(reason, detail="ERR 3")
    ended = unit.ended()
    assert ended is not None
    assert ended.ending is Ending.DEVIATED
    assert "asked on, read back nothing: ERR 3" in ended.detail


def test_a_read_back_that_shows_otherwise_is_told_with_both_values() -> None:
    unit = Unit(SetMode("acc"))
    unit.begin()
    unit.done(Reason.REFUSED, read_back="apc")
    ended = unit.ended()
    assert ended is not None
    assert ended.detail.startswith("fp1-booster.mode: asked acc, read back apc")


def test_after_a_lost_answer_nothing_is_sent_again_and_readings_decide() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.done(Reason.TIMEOUT, detail="no answer")
    assert unit.ended() is None
    unit.poll(ON)
    assert ending(unit) is Ending.REACHED
    assert len(unit.puts()) == 1


def test_what_reads_otherwise_at_the_end_of_its_time_has_deviated() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.done()
    deadline = unit.executor.deadline()
    assert deadline == unit.now + PROOF_S
    unit.poll(times=19)
    assert unit.ended() is None
    unit.poll(times=2)
    ended = unit.ended()
    assert ended is not None
    assert (ended.ending, ended.detail) == (Ending.DEVIATED, "not proved within 10 s: pump off, mode apc, output -45.0 dBm")


def test_a_pump_that_gives_no_light_has_deviated() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.done()
    unit.poll({PUMP: True}, times=21)
    assert ending(unit) is Ending.DEVIATED


def test_what_cannot_be_read_at_the_end_of_its_time_has_timed_out() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.done()
    unit.read(PUMP, None)
    unit.tick(PROOF_S)
    ended = unit.ended()
    assert ended is not None
    assert ended.ending is Ending.TIMED_OUT
    assert "pump not known" in ended.detail


def test_a_write_without_any_answer_has_timed_out() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    assert unit.executor.deadline() == unit.now + ANSWER_S
    unit.tick(ANSWER_S)
    assert ending(unit) is Ending.TIMED_OUT


def test_a_unit_without_a_monitor_is_proved_by_its_switch_alone() -> None:
    unit = Unit(Pump(on=True), plan=replace(PLAN, output_dbm=None))
    unit.begin()
    unit.done()
    unit.poll({PUMP: True})
    assert ending(unit) is Ending.REACHED


def test_a_change_of_mode_may_turn_the_output_off() -> None:
    unit = Unit(SetMode("acc"), SENDING)
    assert unit.begin() == (Put(MODE, "acc", "mode acc"),)
    unit.done()
    unit.poll({MODE: "acc", PUMP: False, OUTPUT: -45.0})
    assert unit.ended() == Ended(Ending.REACHED, "pump off, mode acc, output -45.0 dBm")


def test_what_stands_as_wanted_already_is_not_written() -> None:
    unit = Unit(SetMode("apc"))
    assert unit.begin() == ()
    unit.poll()
    assert ending(unit) is Ending.REACHED
    assert unit.puts() == []


def test_a_switch_that_cannot_be_written_is_told() -> None:
    unit = Unit(Pump(on=True), plan=replace(PLAN, pump_writable=False))
    unit.begin()
    ended = unit.ended()
    assert ended is not None
    assert "no such switch" in ended.detail


# Holding, going on, going back.


def test_held_nothing_is_written_and_nothing_ends_until_a_person_lets_it() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    assert unit.hold() == (Stopped("a person wants it"),)
    assert unit.hold() == ()
    unit.done()
    unit.poll(ON, times=60)
    assert (unit.ended(), len(unit.puts()), unit.executor.deadline()) == (None, 1, None)
    assert unit.go() == ()
    unit.poll()
    assert ending(unit) is Ending.REACHED
    assert len(unit.puts()) == 1


def test_the_way_back_of_a_pump_leads_into_the_dark() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.done()
    unit.hold()
    unit.poll(ON)
    assert unit.executor.upward(Way.BACK) is False
    assert unit.go(Way.BACK) == (Put(PUMP, False, "pump_on off"),)
    unit.done()
    unit.poll({PUMP: False, OUTPUT: -45.0})
    assert ending(unit) is Ending.REACHED


def test_a_way_back_waits_for_the_answer_of_a_write_that_is_on_its_way() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.hold()
    assert unit.go(Way.BACK) == ()
    said = unit.done()
    assert said == (Put(PUMP, False, "pump_on off"),)


def test_a_way_back_is_not_written_where_the_pump_is_still_off() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.done(Reason.TIMEOUT)
    unit.hold()
    unit.poll()
    unit.go(Way.BACK)
    unit.poll()
    assert (ending(unit), len(unit.puts())) == (Ending.REACHED, 1)


WAYS = [
    (Pump(on=True), OFF, True, False),
    (Pump(on=False), SENDING, False, None),
    (SetMode("acc"), SENDING, True, None),
    (SetMode("acc"), NO_MODE, True, False),
    (SetMode("off"), SENDING, False, None),
]


@pytest.mark.parametrize(("task", "values", "resume", "back"), WAYS)
def test_only_a_way_that_leads_into_the_dark_is_a_way_back(
    task: Pump | SetMode, values: dict[PointId, Value], resume: bool, back: bool | None
) -> None:
    unit = Unit(task, values, THREE)
    unit.begin()
    unit.hold()
    assert (unit.executor.upward(Way.RESUME), unit.executor.upward(Way.BACK)) == (resume, back)


def test_a_protection_that_acts_while_held_ends_it() -> None:
    unit = Unit(Pump(on=True))
    unit.begin()
    unit.hold()
    unit.poll({LOST: True})
    assert ending(unit) is Ending.ABORTED_BY_TRIP


def test_after_an_end_nothing_is_said_any_more() -> None:
    unit = Unit(Pump(on=True), OFF | {LOST: True})
    unit.begin()
    before = list(unit.said)
    unit.hold()
    unit.go()
    unit.begin()
    unit.poll(ON)
    unit.tick(100)
    assert unit.said == before


# Restarts.


@pytest.mark.parametrize("saved", [{}, {"before": "off", "phase": "writing"}, {"before": 7, "phase": []}])
def test_after_a_restart_it_holds_and_sends_nothing_until_a_person_lets_it(saved: dict[str, object]) -> None:
    unit = Unit(Pump(on=True))
    unit.executor = restored(PLAN, Pump(on=True), saved)
    unit.poll(times=10)
    assert (unit.said, unit.executor.deadline()) == ([], None)
    assert unit.go() == (Put(PUMP, True, "pump_on on"),)


def test_the_way_back_of_a_mode_outlasts_a_restart() -> None:
    unit = Unit(SetMode("acc"), NO_MODE, THREE)
    unit.begin()
    assert restored(THREE, SetMode("acc"), unit.executor.saved()).upward(Way.BACK) is False


def test_what_was_reached_before_the_restart_is_not_written_again() -> None:
    unit = Unit(Pump(on=True), SENDING)
    unit.executor = restored(PLAN, Pump(on=True), {})
    unit.go()
    unit.poll()
    assert (ending(unit), unit.puts()) == (Ending.REACHED, [])


# Anything in any order.

MOVES = st.sampled_from(["begin", "hold", "resume", "back", "tick", "long", "poll", "lost", "found", "on", "off", "blind", "done", "fails"])


@settings(max_examples=150, deadline=None)
@given(moves=st.lists(MOVES, max_size=30), on=st.booleans())
def test_at_most_one_write_is_outstanding_and_none_leads_to_light_under_protection(moves: list[str], on: bool) -> None:
    unit, unanswered = Unit(Pump(on=on), OFF if on else SENDING), 0
    for move in moves:
        before = len(unit.puts())
        _do(unit, move, unanswered)
        if move in ("done", "fails"):
            unanswered = 0
        new = unit.puts()[before:]
        unanswered += len(new)
        assert unanswered <= 1
        for put in new:
            assert unit.ended() is None
            assert put.value is False or unit.values[LOST] is False


def _do(unit: Unit, move: str, unanswered: int) -> None:
    match move:
        case "begin":
            unit.begin()
        case "hold":
            unit.hold()
        case "resume" | "back":
            unit.go(Way(move))
        case "tick" | "long":
            unit.tick(0.5 if move == "tick" else 12.0)
        case "blind":
            unit.read(LOST, None)
        case "done" | "fails" if unanswered:
            unit.done(Reason.NONE if move == "done" else Reason.TIMEOUT)
        case "poll" | "lost" | "found" | "on" | "off":
            changed: dict[str, dict[PointId, Value]] = {"lost": {LOST: True}, "found": {LOST: False}, "on": dict(ON), "off": {PUMP: False}}
            unit.poll(changed.get(move))
        case _:
            pass
