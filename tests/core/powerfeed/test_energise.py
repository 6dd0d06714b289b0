"""A feed that is energised from one end: preparing, ramp, hold points, settling, and the way on after a hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from stationd.core.model import Level, Quality, Reason
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Ended, Ending, Energise, Part, Put
from stationd.core.powerfeed import restored
from stationd.sim.cable import S1_341, End
from tests.core.powerfeed.plant import PLAN, POINTS, SINGLE, Bench, Line, bench, failed, far_off

TASK = Energise(1000.0, 10.0)
SHORT = Energise(100.0, 10.0)


def ramping(task: Energise = TASK, at_ma: float = 300.0) -> Bench:
    made = bench(task)
    made.begin()
    made.run_until(lambda: made.measured() >= at_ma)
    return made


def test_it_reaches_the_target_and_says_what_is_measured() -> None:
    made = bench(TASK)
    made.begin()
    made.run_until(lambda: made.ended is not None)
    assert made.ended == Ended(Ending.REACHED, made.ended.detail if made.ended else "")
    assert made.ended is not None
    assert made.ended.detail.endswith("+501 V, stable 5 s")
    assert made.measured() == pytest.approx(1000.0, abs=2.0)
    assert made.unit.line.feeds[End.A].current_setpoint_ma == 1000.0


def test_the_unit_is_set_up_in_order_and_the_output_goes_on_last_at_no_current() -> None:
    made = bench(TASK, PLAN)
    made.begin()
    made.run_until(lambda: made.phase == "ramping")
    order = [(put.target.point, put.value) for put in made.puts]
    assert order[:4] == [("remote", True), ("set", 0.0), ("slew", 20.0), ("slew_mode", "follow")]
    assert order[4:6] == [("set_v", 800.0), ("on", True)]
    times = [now for now, _, _ in made.put]
    assert all(later - earlier >= made.write_s - 1e-6 for earlier, later in pairwise(times))  # each is read back before the next


def test_only_what_the_unit_has_is_written() -> None:
    bare = replace(PLAN, remote_writable=False, slew_follow=None)
    bare = replace(bare, points=replace(POINTS, voltage_setpoint_v=None, slew_ma_per_s=None, slew_mode=None))
    made = bench(TASK, bare)
    made.begin()
    made.run_until(lambda: made.phase == "ramping")
    assert [put.target.point for put in made.puts][:2] == ["set", "on"]


def test_the_ramp_takes_the_time_that_its_rate_says() -> None:
    made = ramping(at_ma=99.0)
    began = made.now
    made.run_until(lambda: made.measured() >= 400.0)
    assert 30.0 - 1.0 <= made.now - began <= 30.0 + 3.0  # and one hold point, at 100 mA


def test_it_waits_at_each_hold_point_for_two_looks_at_the_model() -> None:
    made = bench(TASK)
    made.begin()
    made.run_until(lambda: made.ended is not None)
    assert [line.split(":")[0] for line in made.passed[1:]] == [f"hold point {ma} mA passed" for ma in (100, 500, 900)]
    at = [now for now, put, _ in made.put if put.target == POINTS.setpoint_ma and put.value == 500.0]
    after = next(now for now, put, _ in made.put if now > at[0])
    assert after - at[0] >= 1.0  # two polls of voltage and current after the set point was confirmed


@pytest.mark.parametrize(("drop_v", "at"), [(120.0, "100 mA"), (0.0, "100 mA")])
def test_a_line_that_is_not_the_model_is_held_at_the_first_hold_point_with_both_values(drop_v: float, at: str) -> None:
    made = bench(TASK, line=Line(replace(S1_341, repeater_drop_v=drop_v)))
    made.begin()
    made.run_until(lambda: made.stopped is not None)
    assert made.stopped is not None
    assert at in made.stopped
    assert ", model 19" in made.stopped
    assert made.measured() <= 101.0


def test_without_a_cable_only_a_steady_voltage_passes_a_hold_point() -> None:
    made = bench(SHORT, replace(SINGLE, cable=None), line=Line(replace(S1_341, repeater_drop_v=120.0)))
    made.begin()
    made.run_until(lambda: made.ended is not None)
    assert made.ended is not None
    assert made.ended.ending is Ending.REACHED
    wild = bench(SHORT, replace(SINGLE, cable=None))
    wild.begin()
    wild.run_until(lambda: wild.phase == "hold point")
    for _ in range(40):
        wild.unit.voltage = 120.0 if wild.unit.voltage != 120.0 else 20.0
        wild.run(0.5)
    assert wild.phase == "held"


def test_a_far_end_that_is_expected_and_feeds_nothing_is_part_of_the_model_check() -> None:
    made = bench(SHORT, replace(SINGLE, far_expected=True))
    made.far = far_off
    made.begin()
    made.run_until(lambda: made.ended is not None)
    assert made.ended is not None
    assert made.ended.ending is Ending.REACHED


def test_it_does_not_begin_on_a_feed_that_is_on_charged_or_not_read() -> None:
    on = bench(TASK)
    on.unit.line.change(End.A, output_on=True)
    charged = bench(TASK)
    charged.unit.voltage = 87.0
    unread = bench(TASK)
    unread.muted.add(POINTS.setpoint_ma)
    faulty = bench(TASK, fault=True)
    for made, why in ((on, "reads on already"), (charged, "not discharged: +87 V"), (unread, "never read"), (faulty, "fault")):
        made.begin()
        assert made.stopped is not None
        assert why in made.stopped
        assert not made.put
        assert made.phase == "held"


def test_a_current_that_settles_outside_its_band_is_not_reached() -> None:
    made = ramping(SHORT, 99.0)
    made.unit.offset_ma = -14.0  # inside
    made.run_until(lambda: made.phase == "settling")
    made.run(4.0)
    made.unit.offset_ma = -16.0  # outside for less than counts as a deviation: the time starts anew
    made.run(1.0)
    made.unit.offset_ma = 0.0
    made.run(4.0)
    assert made.ended is None
    made.run(2.0)
    assert made.ended is not None


def test_it_goes_on_from_what_is_measured_after_a_hold() -> None:
    made = ramping()
    made.hold()
    made.run(1.0)
    stands, count = made.unit.line.feeds[End.A].current_setpoint_ma, made.number()
    made.run(60.0)
    assert made.number() == count  # held, nothing is written
    assert made.executor.deadline() is None
    made.go(Way.RESUME)
    made.run_until(lambda: made.number() > count)
    assert made.currents[-1] <= stands + 5.0 + 1e-6
    made.run_until(lambda: made.ended is not None)
    assert made.ended is not None
    assert made.ended.ending is Ending.REACHED


def test_hold_says_so_once_and_not_after_the_end() -> None:
    made = ramping()
    made.hold("first")
    made.hold("second")
    assert made.stopped == "first"
    assert made.executor.hold("x", made.now)[1] == ()


def test_back_goes_down_to_nothing_off_and_proves_the_discharge() -> None:
    made = ramping()
    made.hold()
    assert (made.executor.upward(Way.RESUME), made.executor.upward(Way.BACK)) == (True, False)
    count = len(made.currents)
    made.go(Way.BACK)
    made.run_until(lambda: made.ended is not None)
    assert made.ended is not None
    assert made.ended.ending is Ending.REACHED
    assert made.ended.detail.startswith("back: discharged, ")
    down = made.currents[count:]
    assert down == sorted(down, reverse=True)
    assert made.puts[-1] == Put(POINTS.on, False, "output off")
    assert made.unit.line.feeds[End.A].output_on is False


def test_back_held_halfway_can_go_up_again_only_as_a_resume() -> None:
    made = ramping()
    made.hold()
    made.go(Way.BACK)
    made.run(5.0)
    made.hold()
    low = made.measured()
    assert low < 300.0
    made.run(1.0)
    made.go(Way.RESUME)
    made.run_until(lambda: made.measured() > low + 20.0)
    assert made.executor.progress(made.seen, made.now).target == 1000.0


def test_a_resume_of_a_feed_that_is_off_sets_it_up_anew() -> None:
    made = bench(SHORT)
    made.fails = lambda put: failed(put, False) if put.target == POINTS.on else None
    made.begin()
    made.run_until(lambda: made.stopped is not None)
    assert made.stopped is not None
    assert "asked on, the unit shows off" in made.stopped
    made.fails = lambda put: None
    made.run(1.0)
    count = made.number()
    made.go(Way.RESUME)
    made.run_until(lambda: made.ended is not None)
    assert [put.target.point for put in made.puts[count : count + 2]] == ["set", "slew"]


def test_nothing_goes_on_while_a_write_is_under_way() -> None:
    made = bench(SHORT)
    made.write_s = 3.0
    made.begin()
    made.hold()
    count = made.number()
    made.go(Way.BACK)
    assert made.stopped is not None
    assert "is under way for" in made.stopped
    assert made.number() == count


def test_a_restart_holds_and_goes_on_from_what_is_measured() -> None:
    made = ramping()
    saved = dict(made.executor.saved())
    made.executor = restored(SINGLE, TASK, saved)
    count, stands = made.number(), made.unit.line.feeds[End.A].current_setpoint_ma
    made.run(30.0)
    assert (made.number(), made.phase) == (count, "held")
    assert made.unit.line.feeds[End.A].current_setpoint_ma == stands
    made.go(Way.RESUME)
    made.run_until(lambda: made.ended is not None)
    assert made.ended is not None
    assert made.ended.ending is Ending.REACHED


@pytest.mark.parametrize("saved", [{}, {"began_ma": "x", "back": 7, "on": None, "phase": []}, {"began_ma": True}])
def test_a_damaged_memory_is_held_all_the_same(saved: dict[str, object]) -> None:
    made = restored(SINGLE, TASK, saved)
    assert made.drive.phase.value == "held"
    assert made.drive.began_ma is None


def test_progress_shows_live_values_and_the_time_that_is_left() -> None:
    made = ramping()
    seen = made.executor.progress(made.seen, made.now)
    assert seen.phase == "ramping"
    assert seen.set_to == made.currents[-1] or seen.set_to == made.currents[-2]
    assert seen.measured == pytest.approx(300.0, abs=12.0)
    assert seen.target == 1000.0
    assert seen.left_s == pytest.approx(70.0, abs=2.0)
    assert seen.rise_v_per_s == pytest.approx(3.4, abs=1.0)
    assert made.executor.progress(replace(made.seen, readings={}), made.now).measured is None


def test_a_bad_reading_is_told_with_its_reason() -> None:
    made = ramping()
    made.spoilt[POINTS.current_ma] = Quality(Level.BAD, Reason.GARBLED)
    made.run(0.6)
    assert made.stopped is not None
    assert "bad (garbled)" in made.stopped


def test_only_a_single_feed_ramps_without_waiting() -> None:
    made = bench(replace(TASK, part=Part.MASTER), PLAN)
    made.far = far_off
    made.begin()
    made.run(20.0)
    assert made.phase == "awaiting the other end"
    assert made.currents == [0.0]
    made.run(170.0)
    assert made.phase == "held"
