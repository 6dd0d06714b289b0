"""Ramps of a feed that is on, switching off with the proof of discharge, polarity and electroding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.model import GOOD, PointId, Reading, Reason
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Electrode, Ending, Put, RampTo, SetPolarity, SwitchOff
from stationd.core.powerfeed import restored
from stationd.sim.cable import End
from tests.core.powerfeed.plant import POINTS, SINGLE, Bench, bench, energised, failed

OFF = Put(POINTS.on, False, "output off")
RELAY = PointId("io1", "do1")


def ended(made: Bench, most_s: float = 400.0) -> tuple[Ending, str]:
    made.run_until(lambda: made.ended is not None, most_s)
    assert made.ended is not None
    return made.ended.ending, made.ended.detail


@pytest.mark.parametrize(("at_ma", "to_ma"), [(300.0, 600.0), (600.0, 300.0), (1000.0, 0.0)])
def test_a_ramp_reaches_its_target_from_above_and_below(at_ma: float, to_ma: float) -> None:
    made = energised(RampTo(to_ma, 10.0), at_ma=at_ma)
    made.begin()
    ending, words = ended(made)
    assert ending is Ending.REACHED
    assert words.startswith(f"{made.measured():g} mA, +")
    assert made.currents[-1] == to_ma
    assert made.unit.line.feeds[End.A].output_on


def test_an_upward_ramp_waits_only_at_the_hold_points_that_lie_before_it() -> None:
    made = energised(RampTo(600.0, 10.0), at_ma=300.0)
    made.begin()
    ended(made)
    assert [line.split(" mA")[0] for line in made.passed] == ["hold point 540"]
    down = energised(RampTo(300.0, 10.0), at_ma=600.0)
    down.begin()
    ended(down)
    assert down.passed == []


def test_back_of_an_upward_ramp_is_where_it_began_and_of_a_downward_one_there_is_none() -> None:
    made = energised(RampTo(600.0, 10.0), at_ma=300.0)
    made.begin()
    made.run_until(lambda: made.measured() > 400.0)
    made.hold()
    made.run(1.0)
    assert (made.executor.upward(Way.RESUME), made.executor.upward(Way.BACK)) == (True, False)
    made.go(Way.BACK)
    ending, words = ended(made)
    assert (ending, words[:5]) == (Ending.REACHED, "back:")
    assert made.currents[-1] == 300.0
    down = energised(RampTo(300.0, 10.0), at_ma=600.0)
    down.begin()
    down.run(3.0)
    down.hold()
    assert (down.executor.upward(Way.RESUME), down.executor.upward(Way.BACK)) == (False, None)
    count = down.number()
    down.run(1.0)
    down.go(Way.BACK)
    assert down.phase == "held"
    assert down.number() == count


def test_a_set_point_that_was_raised_at_the_unit_just_before_the_start_is_no_reason_to_switch_off() -> None:
    made = energised(RampTo(300.0, 10.0), at_ma=300.0)
    made.run(1.1)
    made.unit.line.change(End.A, current_setpoint_ma=500.0)
    made.read(Reading(POINTS.setpoint_ma, 500.0, GOOD, made.now))  # the current is not read again before the start
    made.begin_now()
    assert ended(made)[0] is Ending.REACHED
    assert made.currents[-1] == 300.0
    assert OFF.target not in [put.target for put in made.puts]


def test_an_off_that_was_sent_just_before_a_restart_is_no_trip_of_the_unit() -> None:
    made = energised(SwitchOff(20.0), at_ma=100.0)
    made.begin()
    made.run(1.0)
    saved = made.executor.saved()  # the newest that was kept, when the program dies some steps later
    made.run_until(lambda: not made.unit.line.feeds[End.A].output_on)
    made.executor = restored(SINGLE, SwitchOff(20.0), saved)
    made.run(2.0)
    assert (made.phase, made.ended) == ("held", None)
    made.go(Way.RESUME)
    assert ended(made)[0] is Ending.REACHED


def test_a_way_that_was_told_to_lead_down_never_leads_up() -> None:
    made = energised(RampTo(600.0, 10.0), at_ma=1000.0)
    made.begin()
    made.run(5.0)
    made.hold()
    made.run(1.0)
    made.unit.line.change(End.A, current_setpoint_ma=400.0)  # somebody else, meanwhile
    made.run(2.0)
    made.go(Way.RESUME)
    assert made.stopped is not None
    assert "it would go up to 600 mA" in made.stopped


def test_switching_off_descends_goes_off_at_next_to_nothing_and_proves_the_discharge() -> None:
    made = energised(SwitchOff(20.0))
    made.begin()
    made.run_until(lambda: OFF in made.puts)
    assert made.seen.number(POINTS.current_ma, made.now) is not None
    assert made.measured() <= 10.0
    made.run_until(lambda: made.phase == "discharging")
    at = made.now
    ending, words = ended(made)
    assert ending is Ending.REACHED
    assert words.startswith("discharged, +")
    assert made.now - at >= 0.5  # two readings since it is off
    assert float(made.unit.shown()[POINTS.voltage_v]) <= 50.0


def test_a_line_that_keeps_its_charge_is_told_not_to_be_discharged() -> None:
    made = energised(SwitchOff(20.0))
    made.begin()
    made.unit.voltage = 87.0
    ending, words = ended(made)
    assert ending is Ending.TIMED_OUT
    assert words == "still +87 V, 0 mA: NOT DISCHARGED"


def test_a_voltage_that_is_not_known_is_not_discharged() -> None:
    made = energised(SwitchOff(20.0))
    made.begin()
    made.run_until(lambda: made.phase == "discharging")
    made.muted.add(POINTS.voltage_v)
    ending, words = ended(made)
    assert (ending, words) == (Ending.TIMED_OUT, "voltage not known: NOT DISCHARGED")


def test_one_low_reading_does_not_prove_a_discharge() -> None:
    made = energised(SwitchOff(20.0))
    made.begin()
    made.unit.voltage = 87.0
    made.run_until(lambda: made.phase == "discharging")
    made.lost = lambda now: True
    for _ in range(20):
        made.unit.voltage = 3.0 if made.unit.voltage == 87.0 else 87.0
        made.poll()
        made.run(0.5)
    assert made.ended is None


def test_an_output_that_comes_on_again_is_not_discharged() -> None:
    made = energised(SwitchOff(20.0))
    made.begin()
    made.run_until(lambda: OFF in made.puts)
    made.unit.write = lambda target, value: None  # type: ignore[method-assign]  # the unit only says that it is off
    ending, words = ended(made)
    assert ending is Ending.TIMED_OUT
    assert "output does not read off" in words


def test_readings_that_are_missing_do_not_stop_an_output_from_going_off() -> None:
    made = energised(SwitchOff(20.0))
    made.begin()
    made.run_until(lambda: OFF in made.puts)
    made.muted |= {POINTS.setpoint_ma, POINTS.on}
    made.run(10.0)
    assert made.phase == "discharging"
    made.muted.clear()
    assert ended(made)[0] is Ending.REACHED


def test_an_off_that_fails_is_held_with_both_values_and_a_person_may_try_again() -> None:
    made = energised(SwitchOff(20.0))
    made.fails = lambda put: failed(put, True) if put == OFF else None
    made.begin()
    made.run_until(lambda: made.stopped is not None)
    assert made.stopped is not None
    assert "asked off, the unit shows on" in made.stopped
    assert made.puts.count(OFF) == 1
    made.fails = lambda put: None
    made.run(1.0)
    assert (made.executor.upward(Way.RESUME), made.executor.upward(Way.BACK)) == (False, None)
    made.go(Way.RESUME)
    assert ended(made)[0] is Ending.REACHED


def test_a_fault_of_the_unit_does_not_keep_it_from_being_switched_off() -> None:
    made = energised(SwitchOff(20.0), fault=True)
    made.begin()
    assert ended(made)[0] is Ending.REACHED


def test_a_feed_that_is_off_already_is_only_proved_to_be_discharged() -> None:
    made = bench(SwitchOff(20.0))
    made.begin()
    assert ended(made)[0] is Ending.REACHED
    assert made.put == []


def test_a_meter_with_an_offset_at_no_current_does_not_keep_the_output_on() -> None:
    made = energised(SwitchOff(20.0), offset_ma=12.0)
    made.executor = replace(made.executor, plan=replace(SINGLE, discharge_s=5.0))
    made.begin()
    made.run_until(lambda: OFF in made.puts)
    assert made.currents[-1] == 0.0


def test_a_current_that_does_not_fall_is_held_and_the_output_stays_on() -> None:
    made = energised(SwitchOff(20.0))
    made.begin()
    made.unit.offset_ma = 0.0
    made.unit.meter_s, made.unit.history = 1e9, type(made.unit.history)([(0.0, 1000.0, 500.0)])
    made.run_until(lambda: made.stopped is not None, 20.0)
    assert OFF not in made.puts
    assert made.currents[-1] >= 985.0


@pytest.mark.parametrize("negative", [True, False])
def test_polarity_is_written_once_read_back_and_read_again(negative: bool) -> None:
    made = bench(SetPolarity(negative), negative=not negative)
    made.begin()
    assert ended(made, 10.0)[0] is Ending.REACHED
    assert made.puts == [Put(PointId("pfe", "negative"), negative, f"polarity {'negative' if negative else 'positive'}")]


def test_polarity_of_a_feed_that_is_on_or_charged_is_never_written() -> None:
    on = energised(SetPolarity(True))
    charged = bench(SetPolarity(True))
    charged.unit.voltage = 87.0
    for made, why in ((on, "does not read off"), (charged, "not discharged: +87 V")):
        made.begin()
        assert made.stopped is not None
        assert why in made.stopped
        assert made.put == []


def test_a_switch_that_falls_back_has_deviated_and_one_that_is_not_read_again_is_timed_out() -> None:
    made = energised(Electrode(True))
    made.begin()
    made.run(1.0)
    made.unit.tone = False
    ending, words = ended(made, 10.0)
    assert (ending, words) == (Ending.DEVIATED, "io1.do1 reads off again, wanted electroding on")
    blind = energised(Electrode(True))
    blind.begin()
    blind.muted.add(RELAY)
    assert ended(blind, 15.0)[0] is Ending.TIMED_OUT
    assert len(made.put) == len(blind.put) == 1


def test_electroding_never_looks_at_the_limits_of_a_ramp() -> None:
    made = energised(Electrode(True))
    made.begin()
    made.unit.offset_ma, made.unit.voltage = 150.0, 900.0
    made.muted.add(POINTS.setpoint_ma)
    assert ended(made, 10.0)[0] is Ending.REACHED
    assert made.puts == [Put(RELAY, True, "electroding on")]


def test_electroding_on_counts_as_upward_and_there_is_no_way_back() -> None:
    on, off = bench(Electrode(True)).executor, bench(Electrode(False)).executor
    assert (on.upward(Way.RESUME), off.upward(Way.RESUME)) == (True, False)
    assert on.upward(Way.BACK) is off.upward(Way.BACK) is None


def test_a_unit_without_the_switch_is_told_so() -> None:
    made = bench(Electrode(True), replace(SINGLE, points=replace(SINGLE.points, electroding=None)))
    made.begin()
    assert made.stopped == "pfe has no such switch"


def test_a_switch_that_is_refused_is_held_and_not_repeated() -> None:
    made = energised(Electrode(True))
    made.fails = lambda put: failed(put, False, Reason.REFUSED)
    made.begin()
    made.run(20.0)
    assert (made.phase, len(made.put)) == ("held", 1)
