"""What holds a feed that is being moved, and what trips it: every reason, with the live value in the sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason, Tick, WriteDone
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Ending, Energise, Put, RampTo, Stopped
from stationd.core.powerfeed.words import FarFeed
from stationd.sim.cable import End
from tests.core.powerfeed.plant import POINTS, SINGLE, Bench, bench, energised, failed, far_off

TASK = Energise(1000.0, 10.0)
FAR = replace(SINGLE, far_expected=True)
DOOR = PointId("io", "di1")
OFF_NOW = Put(POINTS.on, False, "trip", urgent=True)
BAD = Quality(Level.UNCERTAIN, Reason.OUT_OF_RANGE)


def ramping(at_ma: float = 300.0, far: bool = False) -> Bench:
    made = bench(TASK, FAR if far else SINGLE)
    made.far = far_off if far else None
    made.begin()
    made.run_until(lambda: made.measured() >= at_ma)
    return made


def held_by(made: Bench, most_s: float = 5.0) -> str:
    """What it says when it holds; from then on nothing is written and the current stays."""
    made.run_until(lambda: made.stopped is not None or made.ended is not None, most_s)
    assert made.ended is None, made.ended
    count, stopped = made.number(), made.stopped
    made.run(1.0)
    stands = made.unit.line.feeds[End.A].current_setpoint_ma
    made.run(5.0)
    assert (made.number(), made.phase) == (count, "held")
    assert made.unit.line.feeds[End.A].current_setpoint_ma == stands
    assert stopped is not None
    return stopped


GATES = [POINTS.current_ma, POINTS.voltage_v, POINTS.setpoint_ma, POINTS.on, POINTS.regulation, POINTS.fault]


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_that_is_not_read_for_two_seconds_holds(gate: PointId) -> None:
    made = ramping()
    made.muted.add(gate)
    made.run(1.4)
    assert made.stopped is None
    assert f"{gate} has no answer for 2" in held_by(made, 1.5)


@pytest.mark.parametrize("gate", GATES)
def test_one_bad_reading_of_a_gate_holds_and_never_trips(gate: PointId) -> None:
    made = ramping()
    made.spoilt[gate] = BAD
    assert f"{gate} is uncertain (out-of-range)" in held_by(made, 0.7)
    assert OFF_NOW not in made.puts


def test_a_pause_of_the_machine_holds_and_the_first_look_after_it_writes_nothing() -> None:
    made = ramping()
    made.run_until(lambda: made.executor.drive.pending is None)
    count = made.number()
    made.now += 2.5  # nothing was looked at, and then everything at once
    made.poll()
    assert made.number() == count
    assert made.stopped is not None
    assert made.stopped.startswith(("nothing was looked at", "pfe.")), made.stopped


def test_a_pause_holds_even_where_every_reading_is_fresh_again() -> None:
    made = ramping()
    made.run_until(lambda: made.executor.drive.pending is None)
    looked = made.executor.drive.looked_t
    made.now += 2.5
    made.seen = replace(made.seen, readings={each: (Reading(each, value, GOOD, made.now),) for each, value in made.unit.shown().items()})
    made.executor, said = made.executor.take(Tick(made.now), made.seen, made.now)
    assert said == (Stopped(f"nothing was looked at for {made.now - looked:.1f} s (limit 2 s)"),)


def test_no_step_is_taken_on_a_current_that_was_measured_before_the_last_one() -> None:
    made = ramping()
    made.run_until(lambda: made.executor.drive.pending is not None)
    made.muted.add(POINTS.current_ma)
    count = made.number()
    made.run(1.2)
    assert (made.stopped, made.number()) == (None, count)


def test_a_current_that_is_not_where_the_set_point_is_holds_after_its_time() -> None:
    made = ramping()
    made.unit.offset_ma = -40.0
    made.run(1.9)
    assert made.stopped is None
    assert "off by -" in held_by(made, 1.5)


def test_a_short_deviation_does_not_hold() -> None:
    made = ramping()
    for _ in range(6):
        made.unit.offset_ma = -40.0
        made.run(1.0)
        made.unit.offset_ma = 0.0
        made.run(1.0)
    assert made.stopped is None


def test_a_current_that_does_not_follow_is_held_and_no_further_set_point_is_sent() -> None:
    made = ramping()
    made.unit.meter_s = 1e9  # the meter shows for ever what it shows now
    made.unit.history = type(made.unit.history)([(0.0, made.measured(), 200.0)])
    sent = len(made.currents)
    assert "does not follow" in held_by(made, 14.0)
    assert made.currents[-1] <= made.measured() + 10.0
    assert len(made.currents) - sent <= 3


def test_a_voltage_that_rises_too_fast_holds() -> None:
    made = ramping()
    made.unit.voltage = float(made.unit.shown()[POINTS.voltage_v]) + 260.0
    assert "voltage rose 5" in held_by(made, 0.7)


def test_two_readings_close_to_each_other_are_no_rise() -> None:
    made = ramping()
    for _ in range(20):
        volts = float(made.unit.shown()[POINTS.voltage_v])
        made.poll()
        made.unit.voltage = volts + 20.0
        made.now += 0.01
        made.poll()
        made.unit.voltage = None
        made.run(0.5)
    assert made.stopped is None


@pytest.mark.parametrize("shown", [290.0, None])
def test_a_write_that_fails_holds_with_both_values_and_is_not_repeated(shown: float | None) -> None:
    made = ramping()
    made.fails = lambda put: failed(put, shown, Reason.TIMEOUT)
    words = held_by(made)
    assert "pfe.set: asked 3" in words
    assert ("shows 290" if shown is not None else "nothing was read back") in words


def test_a_write_of_which_nothing_is_heard_holds() -> None:
    made = ramping()
    made.write_s = 1e6
    assert "nothing was heard of a write" in held_by(made, 12.0)


def test_a_set_point_that_somebody_else_moves_holds() -> None:
    made = ramping()
    made.run_until(lambda: made.executor.drive.pending is None)
    made.unit.line.change(End.A, current_setpoint_ma=250.0)
    made.poll()
    assert made.stopped is not None
    assert "shows 250 mA, put was 30" in made.stopped


def test_a_unit_at_its_voltage_limit_holds() -> None:
    made = ramping()
    made.unit.regulation = "cv"
    assert "the unit holds its voltage" in held_by(made, 1.2)


def test_at_next_to_no_current_a_unit_may_call_its_regulation_what_it_likes() -> None:
    made = bench(TASK, regulation="cv")
    made.begin()
    made.run_until(lambda: made.phase == "ramping")
    made.run(0.8)
    made.unit.regulation = None
    made.run(3.0)
    assert made.stopped is None


FARS: list[tuple[Callable[[float], FarFeed | None], str]] = [
    (lambda now: None, "is unknown"),
    (lambda now: replace(far_off(now), t=now - 2.0), "is unknown: its last message is 2.0 s old"),
    (lambda now: replace(far_off(now), holds=("H-7 by j.smith",)), "holds: H-7 by j.smith"),
    (lambda now: replace(far_off(now), on=True), "is on, this operation feeds from one end"),
]


@pytest.mark.parametrize(("far", "why"), FARS)
def test_a_far_end_that_is_lost_holds_or_feeds_holds_here(far: Callable[[float], FarFeed | None], why: str) -> None:
    made = ramping(far=True)
    made.far = far
    assert why in held_by(made, 1.0)


@pytest.mark.parametrize(("far", "why"), FARS)
def test_nothing_is_written_with_a_far_end_that_is_lost_holds_or_feeds(far: Callable[[float], FarFeed | None], why: str) -> None:
    made = bench(TASK, FAR)
    made.far = far
    made.begin()
    assert made.stopped is not None
    assert why in made.stopped
    assert not made.put


def test_a_line_that_would_need_more_than_an_end_may_carry_is_held_below_that() -> None:
    made = bench(TASK, replace(SINGLE, max_v=400.0))
    made.begin()
    made.run_until(lambda: made.stopped is not None)
    assert made.stopped is not None
    assert "this end may carry 400 V" in made.stopped
    assert made.unit.line.state().voltage_a_v + 34.1 <= 400.0


@pytest.mark.parametrize(("voltage", "offset"), [(801.0, 0.0), (None, 800.0)])
def test_two_readings_beyond_a_limit_switch_the_output_off_once(voltage: float | None, offset: float) -> None:
    made = ramping()
    made.executor = replace(made.executor, plan=replace(SINGLE, rise_v_per_s=1e6))
    made.unit.voltage, made.unit.offset_ma = voltage, offset
    made.run(0.45)
    made.unit.fault = False
    assert OFF_NOW not in made.puts  # one reading never trips
    made.run(3.0)
    assert made.puts.count(OFF_NOW) == 1
    assert made.ended is not None
    assert made.ended.ending is Ending.ABORTED_BY_TRIP
    assert "twice, limit" in made.ended.detail
    assert made.executor.deadline() is None


def test_one_reading_beyond_a_limit_does_not_trip() -> None:
    made = ramping()
    made.run_until(lambda: made.now == pytest.approx(made.polled))
    made.unit.offset_ma = 800.0
    made.run(0.5)
    made.unit.offset_ma = 0.0
    made.run(3.0)
    assert OFF_NOW not in made.puts
    assert made.ended is None


def test_readings_from_before_the_run_do_not_trip_it() -> None:
    made = energised(RampTo(900.0, 10.0), offset_ma=60.0)
    made.begin()
    made.unit.offset_ma = 0.0
    made.run(3.0)
    assert OFF_NOW not in made.puts


@pytest.mark.parametrize("fault", [True, False])
def test_a_unit_that_trips_by_itself_ends_it_and_nothing_is_written(fault: bool) -> None:
    made = ramping()
    made.run_until(lambda: made.executor.drive.pending is None)
    if fault:
        made.unit.fault = True
    else:
        made.muted |= {POINTS.current_ma}  # or the missing current would hold first
        made.unit.line.change(End.A, output_on=False)
    count = made.number()
    made.run(1.3)
    assert made.ended is not None
    assert made.ended.ending is Ending.ABORTED_BY_TRIP
    assert made.number() <= count + 1  # a current that was read before the first word of the trip
    assert OFF_NOW not in made.puts


@pytest.mark.parametrize("fault", [True, False])
def test_a_unit_that_trips_while_held_ends_it_too(fault: bool) -> None:
    made = ramping()
    made.hold()
    made.run(1.0)
    made.unit.fault = fault
    made.unit.line.change(End.A, output_on=False)
    made.run(1.3)
    assert made.ended is not None
    assert made.ended.ending is Ending.ABORTED_BY_TRIP


@pytest.mark.parametrize("fault", [True, False])
@pytest.mark.parametrize(("contact", "why"), [(True, ""), (False, "; io.di1 is open"), (None, "; io.di1 is not known")])
def test_a_unit_that_trips_by_itself_is_told_with_the_interlocks_that_are_not_closed(contact: bool | None, why: str, fault: bool) -> None:
    made = ramping()
    made.executor = replace(made.executor, plan=replace(SINGLE, interlocks=(DOOR,)))
    made.hold()
    made.run(1.0)
    if contact is not None:
        made.read(Reading(DOOR, contact, GOOD, made.now))
    made.unit.fault = fault
    made.unit.line.change(End.A, output_on=fault)
    made.run(1.3)
    assert made.ended is not None
    said = "pfe.fault reports a fault of the unit" if fault else "pfe.on reads off, which nothing here asked for"
    assert made.ended.detail == said + why


@pytest.mark.parametrize("to_ma", [50.0, 300.0, 750.0, 1000.0])
def test_what_is_just_over_a_deviation_holds_at_every_current_and_never_trips(to_ma: float) -> None:
    made = bench(Energise(to_ma, 10.0))
    made.begin()
    made.run_until(lambda: made.phase == "settling")
    made.unit.offset_ma = SINGLE.deviation_ma + 5.0
    assert re.search(r"off by \+(19|20)\.\d mA \(limit 15\)", held_by(made))
    assert OFF_NOW not in made.puts


def test_held_there_are_no_software_trips() -> None:
    made = ramping()
    made.hold()
    made.unit.voltage, made.unit.offset_ma = 900.0, 800.0
    made.run(10.0)
    assert OFF_NOW not in made.puts
    assert made.ended is None


def test_what_somebody_has_turned_down_since_the_last_reading_is_seen_before_the_first_step() -> None:
    made = energised(RampTo(900.0, 10.0), at_ma=400.0)
    made.begin()
    made.run_until(lambda: made.measured() >= 440.0)
    made.hold()
    made.run(3.0)
    made.lost = lambda now: True  # between two readings
    made.unit.line.change(End.A, current_setpoint_ma=200.0)
    before = made.number()
    made.go(Way.RESUME)
    made.lost = lambda now: False
    made.run(3.0)
    assert made.number() == before
    assert made.stopped is not None
    assert "somebody else moved it" in made.stopped


def test_an_answer_to_a_write_of_somebody_else_is_no_news() -> None:
    made = ramping()
    before = made.executor
    made.executor, said = made.executor.take(
        WriteDone(PointId("amp1", "gain"), 3.0, None, Reason.TIMEOUT, "", made.now), made.seen, made.now
    )
    assert not any(isinstance(each, Put) and each.urgent for each in said)
    assert made.executor.drive.phase is before.drive.phase
