"""Two ends, one master: each end with its own machine on the same line, and messages that take their time."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.operation.orders import Way
from stationd.core.operation.task import Ending, Energise, Part, RampTo, SwitchOff
from stationd.core.powerfeed.entry import TRIM_MA_PER_S
from stationd.core.powerfeed.words import FarFeed
from stationd.sim.cable import End
from tests.core.powerfeed.pair import Pair, energising, in_service
from tests.core.powerfeed.plant import PLAN, POINTS, Bench, bench, energised, far_off


def reached(made: Bench) -> bool:
    return made.ended is not None and made.ended.ending is Ending.REACHED


def underway(at_ma: float = 300.0) -> Pair:
    pair = energising()
    pair.begin()
    pair.run_until(lambda: pair.line.state().current_a_ma >= at_ma)
    return pair


def volts_of(made: Bench) -> list[float]:
    return [float(put.value) for put in made.puts if put.target.point == "set_v"]


def test_both_ends_come_to_half_of_the_voltage_and_hold_the_current() -> None:
    pair = energising()
    pair.begin()
    pair.run_until(pair.both_ended)
    assert reached(pair.a)
    assert reached(pair.b)
    state = pair.line.state()
    assert state.voltage_a_v == pytest.approx(state.voltage_b_v, abs=10.0)
    assert state.current_a_ma == pytest.approx(1000.0, abs=2.0)
    for end in End:
        assert pair.line.feeds[end].current_setpoint_ma == 1000.0
        assert pair.line.feeds[end].voltage_setpoint_v == 800.0


def test_the_follower_is_set_up_at_no_voltage_and_with_room_for_the_current() -> None:
    pair = energising()
    pair.begin()
    pair.run_until(lambda: pair.b.phase == "following")
    order = [(put.target.point, put.value) for put in pair.b.puts][:6]
    assert order == [("remote", True), ("set_v", 0.0), ("set", 1050.0), ("slew", 20.0), ("slew_mode", "follow"), ("on", True)]


def test_the_voltage_of_each_end_stays_near_half_of_the_line_through_the_whole_ramp() -> None:
    pair = energising()
    worst = [0.0]

    def watch(each: Pair) -> None:
        state = each.line.state()
        worst[0] = max(worst[0], abs(state.voltage_a_v - state.voltage_b_v))

    pair.watch = watch
    pair.begin()
    pair.run_until(pair.both_ended)
    assert worst[0] <= 40.0
    assert pair.most_v <= 270.0
    assert all(abs(later - earlier) <= 25.0 for earlier, later in pairwise(volts_of(pair.b)[:-1]))


def test_the_follower_hands_over_current_first_and_voltage_then() -> None:
    pair = energising()
    pair.begin()
    pair.run_until(lambda: pair.b.phase == "settling")
    limits = [(now, float(put.value)) for now, put, _ in pair.b.put if put.target.point == "set"][1:]
    assert [value for _, value in limits] == [1003.0, 1002.5, 1002.0, 1001.5, 1001.0, 1000.5, 1000.0]
    assert limits[1][0] - limits[0][0] >= 47.0 / 20.0  # from 1050 mA at the slew of the unit
    after = [float(put.value) for now, put, _ in pair.b.put if put.target.point == "set_v" and now > limits[0][0]]
    assert after[-1] == 800.0
    assert after == sorted(after)
    assert after[0] == pytest.approx(275.0, abs=5.0)


@pytest.mark.parametrize(("set_to", "after"), [(1000.0, "settling"), (1000.3, "settling"), (1002.0, "held"), (998.0, "held")])
def test_the_voltage_is_let_go_step_by_step_and_not_where_the_set_points_of_both_ends_differ(set_to: float, after: str) -> None:
    pair = energising(to_ma=set_to)
    pair.tells_ma = {End.A: 1000.0, End.B: set_to}  # what differs is what the units make of it
    pair.b.executor = replace(pair.b.executor, task=Energise(1000.0, 10.0, Part.FOLLOWER))
    pair.begin()
    pair.run_until(lambda: pair.b.phase in ("settling", "held"))
    assert pair.b.phase == after
    assert after == "settling" or "the set currents of both ends differ" in (pair.b.stopped or "")
    assert pair.line.state().current_a_ma <= 1003.0
    assert pair.most_v <= 420.0


def test_a_follower_that_held_while_it_handed_over_goes_on_after_the_master_has_ended() -> None:
    pair = energising()
    pair.begin()
    pair.run_until(lambda: reached(pair.a) and pair.b.phase == "handing over")
    pair.b.hold()
    pair.run(5.0)
    pair.b.go(Way.RESUME)
    pair.run_until(pair.both_ended)
    assert reached(pair.b)
    assert pair.line.feeds[End.B].current_setpoint_ma == 1000.0
    assert pair.most_v <= 270.0


def test_nothing_moves_before_both_operations_run_and_both_outputs_are_on() -> None:
    for waits, part in ((Part.MASTER, "follower to 1000 mA"), (Part.FOLLOWER, "master to 1000 mA")):
        made = bench(Energise(1000.0, 10.0, waits), PLAN)
        operations = (None, ("armed", part), ("held", part), ("running", "single to 1000 mA"), ("running", part))
        for operation in operations:
            far = replace(far_off(0.0), operation=None if operation is None else {"id": "x", "phase": operation[0], "target": operation[1]})
            made.far = lambda now, far=far: replace(far, t=now, feed_t=now)  # type: ignore[misc]
            if operation is None:
                made.begin()
            made.run(6.0)
            assert made.phase == "awaiting the other end"  # in the last case its output is off
            assert made.measured() == 0.0
            assert volts_of(made) in ([0.0], [800.0])


@pytest.mark.parametrize("who", ["a", "b"])
def test_a_hold_at_either_end_holds_both(who: str) -> None:
    pair = underway()
    getattr(pair, who).hold()
    pair.run(2.5)
    assert (pair.a.phase, pair.b.phase) == ("held", "held")
    current = pair.line.state().current_a_ma
    pair.run(20.0)
    assert pair.line.state().current_a_ma == current


def test_a_hold_that_is_set_or_a_contact_that_is_lost_holds_both() -> None:
    for change in ({"holds": ("H-1 at Siyazan",)}, {"cut_off": True}):
        pair = underway()
        for name, value in change.items():
            setattr(pair, name, value)
        pair.run(3.5)
        assert (pair.a.phase, pair.b.phase) == ("held", "held")


@pytest.mark.parametrize("first", ["a", "b"])
def test_after_a_hold_both_go_on_in_any_order(first: str) -> None:
    pair = underway()
    pair.a.hold()
    pair.run(5.0)
    order = (pair.a, pair.b) if first == "a" else (pair.b, pair.a)
    order[0].go(Way.RESUME)
    pair.run(10.0)
    assert order[0].phase == "awaiting the other end"
    order[1].go(Way.RESUME)
    pair.run_until(pair.both_ended)
    assert reached(pair.a)
    assert reached(pair.b)


@pytest.mark.parametrize(("first", "who"), [("a", "a"), ("b", "b"), ("a", "b"), ("b", "a")])
@pytest.mark.parametrize("at", ["settling", "handing over"])
def test_after_a_hold_at_the_whole_current_whoever_goes_on_first_waits_too(first: str, who: str, at: str) -> None:
    pair = energising(300.0)
    pair.begin()
    pair.run_until(lambda: (pair.a if at == "settling" else pair.b).phase == at)
    getattr(pair, who).hold()
    pair.run_until(lambda: pair.a.phase == pair.b.phase == "held", 5.0)
    pair.run(3.0)
    order = (pair.a, pair.b) if first == "a" else (pair.b, pair.a)
    order[0].go(Way.RESUME)
    pair.run(10.0)
    assert order[0].phase == "awaiting the other end", order[0].stopped
    order[1].go(Way.RESUME)
    pair.run_until(pair.both_ended)
    assert reached(pair.a)
    assert reached(pair.b)
    assert pair.most_v <= 270.0


def test_a_follower_that_holds_the_current_already_waits_and_gives_none_of_its_voltage_back() -> None:
    pair = energising(300.0)
    pair.begin()
    pair.run_until(lambda: pair.b.phase == "settling")
    operation = {"id": "OP-9", "phase": "held", "target": "master to 300 mA"}
    pair.b.far = lambda now: FarFeed(now, 300.0, 75.0, True, "cc", now, operation=operation)
    pair.run_until(lambda: pair.b.phase == "held", 5.0)
    sent = pair.b.number()
    pair.b.go(Way.RESUME)
    pair.run(3.0)
    assert pair.b.phase == "awaiting the other end"
    operation["phase"] = "running"
    pair.run_until(lambda: pair.b.ended is not None)
    assert reached(pair.b)
    assert pair.b.number() == sent


@pytest.mark.parametrize(("a_ma", "b_ma"), [(1000.0, 800.0), (800.0, 1000.0)])
def test_ends_that_go_to_different_currents_are_held_with_both_before_anything_flows(a_ma: float, b_ma: float) -> None:
    pair = energising(a_ma)
    pair.b.executor = replace(pair.b.executor, task=Energise(b_ma, 10.0, Part.FOLLOWER))
    pair.begin()
    pair.run(8.0)
    assert f"Siyazan follows to {b_ma:g} mA, here it is {a_ma:g} mA" == pair.a.stopped
    assert f"Siyazan leads to {a_ma:g} mA, here it is {b_ma:g} mA" == pair.b.stopped
    assert pair.line.state().current_a_ma == 0.0


@pytest.mark.parametrize("target", ["follower to 800 mA", "follower", "follower to no mA"])
def test_a_partner_that_comes_to_name_another_current_or_none_holds_a_running_end(target: str) -> None:
    pair = underway()
    far = pair.a.seen.far
    assert far is not None
    operation = {"id": "OP-9", "phase": "running", "target": target}
    pair.a.far = lambda now: replace(far, t=now, feed_t=now, current_ma=pair.a.measured(), operation=operation)
    pair.run_until(lambda: pair.a.phase == "held", 3.0)
    assert "Siyazan follows to " in (pair.a.stopped or "")
    assert "here it is 1000 mA" in (pair.a.stopped or "")


def test_a_partner_that_names_another_current_does_not_keep_this_end_from_going_back() -> None:
    pair = underway()
    pair.tells_ma = {End.A: 800.0, End.B: 800.0}
    pair.run_until(lambda: pair.a.phase == pair.b.phase == "held", 5.0)
    pair.run(1.0)
    pair.a.go(Way.BACK)
    assert pair.a.phase == "descending"


def test_back_of_both_ends_leaves_a_discharged_line() -> None:
    pair = underway(600.0)
    pair.a.hold()
    pair.run(5.0)
    pair.b.go(Way.BACK)
    pair.a.go(Way.BACK)
    pair.run_until(pair.both_ended)
    assert reached(pair.a)
    assert reached(pair.b)
    assert pair.line.state().voltage_a_v == pair.line.state().voltage_b_v == 0.0
    assert pair.most_v <= 520.0


def test_back_of_both_ends_goes_down_at_the_rate_of_the_station() -> None:
    pair = underway(600.0)
    pair.a.hold()
    pair.run(5.0)
    seen = [(0.0, pair.line.state().current_a_ma)]
    pair.watch = lambda each: seen.append((each.a.now, each.line.state().current_a_ma))
    pair.a.go(Way.BACK)
    pair.b.go(Way.BACK)
    pair.run_until(lambda: pair.line.state().current_a_ma < 150.0)
    falls = [before - after for (_, before), (_, after) in zip(seen, seen[20:], strict=False)]  # in 2 s
    assert max(falls) <= 2 * 20.0 + 20.0 + 1.0  # ramp_down_ma_per_s, and one step


def test_two_ends_that_do_not_measure_one_current_are_held() -> None:
    pair = underway(300.0)
    pair.b.unit.offset_ma = 60.0
    pair.run_until(lambda: pair.a.phase == pair.b.phase == "held", 5.0)
    assert any("are not one current" in (made.stopped or "") for made in (pair.a, pair.b))


def test_a_feed_whose_current_is_beyond_what_was_asked_for_does_not_go_on() -> None:
    pair = underway(300.0)
    pair.a.hold()
    pair.run(3.0)
    for made in (pair.a, pair.b):
        made.unit.offset_ma = 900.0
    pair.run(1.0)
    for made in (pair.a, pair.b):
        made.go(Way.RESUME)
        assert made.phase == "held"
        assert "flow, more than 1000 mA" in (made.stopped or "")


@pytest.mark.parametrize("end", [End.A, End.B])
def test_a_feed_that_trips_ends_its_own_operation_and_holds_the_other(end: End) -> None:
    pair = underway(600.0)
    pair.line.change(end, output_on=False)
    tripped, other = (pair.a, pair.b) if end is End.A else (pair.b, pair.a)
    pair.run(4.0)
    assert (tripped.phase, other.phase) in (("tripped", "held"), ("held", "held"))  # a current that is gone may have held it before
    assert all(not put.urgent for put in (*pair.a.puts, *pair.b.puts))
    assert pair.most_v <= 520.0


@pytest.mark.parametrize(("plan", "why"), [
    (replace(PLAN, far_max_v=None), "the far end of which no limit is configured"),
    (replace(PLAN, far_max_v=300.0), "the far end may carry 300 V"),
    (replace(PLAN, max_v=300.0), "this end may carry 300 V"),
])  # fmt: skip
def test_no_step_is_taken_to_a_line_that_either_end_could_not_carry_alone(plan: object, why: str) -> None:
    pair = energising(plan=plan)  # type: ignore[arg-type]
    pair.begin()
    pair.run_until(lambda: pair.a.phase == pair.b.phase == "held", 400.0)
    assert any(why in (made.stopped or "") for made in (pair.a, pair.b))
    assert pair.line.state().voltage_a_v + pair.line.state().voltage_b_v <= 300.0


def test_a_follower_that_is_gone_before_the_current_is_there_holds_the_master() -> None:
    pair = underway(500.0)
    pair.b.executor = replace(pair.b.executor, drive=replace(pair.b.executor.drive, phase=type(pair.b.executor.drive.phase).DONE))
    pair.run(3.0)
    assert pair.a.phase == "held"
    assert pair.a.stopped is not None
    assert "has no follower any more" in pair.a.stopped


def test_a_follower_that_holds_while_the_master_settles_holds_it_too() -> None:
    pair = energising()
    pair.begin()
    pair.run_until(lambda: pair.a.phase == "settling")
    pair.b.hold()
    pair.run(2.5)
    assert pair.a.phase == "held"
    assert pair.a.stopped is not None
    assert "the follower at Siyazan is held" in pair.a.stopped


def test_a_follower_without_a_cable_or_a_voltage_set_point_does_not_begin() -> None:
    task = Energise(1000.0, 10.0, Part.FOLLOWER)
    for plan in (replace(PLAN, cable=None), replace(PLAN, points=replace(POINTS, voltage_setpoint_v=None))):
        made = bench(task, plan)
        made.far = far_off
        made.begin()
        assert made.stopped is not None
        assert "cannot follow" in made.stopped
        assert not made.put


def test_a_follower_whose_voltage_does_not_come_is_held() -> None:
    pair = underway()
    pair.b.unit.voltage = 20.0
    pair.run_until(lambda: pair.b.phase == "held", 10.0)
    assert pair.b.stopped is not None
    assert "at a set point of" in pair.b.stopped


def test_in_service_a_trim_is_slow_small_and_reached_where_the_split_stays() -> None:
    pair = in_service(RampTo(1001.0, 10.0))
    pair.begin()
    pair.run_until(lambda: pair.a.ended is not None)
    assert reached(pair.a)
    times = [now for now, _, _ in pair.a.put]
    assert times[-1] - times[0] >= 0.4  # 1 mA/s, whatever the rate that was asked for
    assert pair.most_v <= 520.0


def pace_ma_per_s(steps: list[tuple[float, float]]) -> float:
    """Return how fast the set point goes between its first and its last step."""
    (begun, from_ma), (ended, to_ma) = steps[0], steps[-1]
    return abs(to_ma - from_ma) / (ended - begun)


def current_steps(bench: Bench) -> list[tuple[float, float]]:
    return [(now, float(put.value)) for now, put, _ in bench.put if put.target == POINTS.setpoint_ma]


@pytest.mark.parametrize(("rate", "pace"), [(10.0, TRIM_MA_PER_S), (0.5, 0.5)])
@pytest.mark.parametrize("to_ma", [1004.0, 996.0])
def test_a_trim_goes_no_faster_than_its_own_pace_up_and_down_whatever_rate_was_asked_for(to_ma: float, rate: float, pace: float) -> None:
    pair = in_service(RampTo(to_ma, rate))
    pair.begin()
    pair.run_until(lambda: len(current_steps(pair.a)) == 3 or pair.a.phase == "held", 30.0)
    steps = current_steps(pair.a)
    assert len(steps) >= 2
    assert pace_ma_per_s(steps) <= 1.2 * pace


def test_alone_on_the_line_a_ramp_goes_at_the_rate_that_was_asked_for() -> None:
    made = energised(RampTo(400.0, 10.0), at_ma=300.0)
    made.begin()
    made.run_until(lambda: made.ended is not None)
    assert pace_ma_per_s(current_steps(made)) > 5 * TRIM_MA_PER_S


def test_in_service_more_than_a_trim_is_not_begun() -> None:
    pair = in_service(RampTo(1010.0, 10.0))
    pair.begin()
    assert pair.a.stopped is not None
    assert "more than 5 mA would move the split" in pair.a.stopped
    assert not pair.a.put


def test_a_feed_that_leaves_a_fed_line_gives_its_voltage_back_in_small_steps() -> None:
    pair = in_service(SwitchOff(20.0))
    pair.begin()
    pair.run_until(lambda: pair.a.ended is not None)
    assert reached(pair.a)
    steps = volts_of(pair.a)
    assert all(0.0 <= earlier - later <= 27.0 for earlier, later in pairwise(steps))
    assert not pair.a.currents
    assert pair.a.ended is not None
    words = re.fullmatch(r"output off; the line is ALIVE: (\d+\.?\d*) mA, Siyazan feeds (\d+) V", pair.a.ended.detail)
    assert words is not None, pair.a.ended.detail
    assert float(words[1]) == pytest.approx(1000.0, abs=2.0)
    assert 300.0 <= float(words[2]) <= 520.0  # its last message may be older than its last volts
    assert pair.line.state().current_b_ma == pytest.approx(1000.0, abs=2.0)
    assert pair.most_v <= 520.0


def test_a_far_feed_without_a_voltage_is_no_model_check() -> None:
    pair = energising()
    pair.begin()
    pair.run_until(lambda: pair.a.phase == "hold point")
    blind = pair.a.seen.far
    assert blind is not None
    operation = {"id": "x", "phase": "running", "target": "follower to 1000 mA"}
    pair.a.far = lambda now: FarFeed(now, None, None, True, "cv", None, operation=operation)
    pair.run_until(lambda: pair.a.phase == "held", 15.0)
    assert pair.a.stopped is not None
    assert "an unknown voltage at the far end" in pair.a.stopped


WHAT = ("hold a", "hold b", "cut off", "mend", "trip a", "trip b", "hold", "drop")
happenings = st.lists(st.tuples(st.floats(2.0, 60.0), st.sampled_from(WHAT)), max_size=4)


@settings(max_examples=20, deadline=None)
@given(happenings, st.floats(0.0, 1.0), st.floats(0.05, 1.5))
def test_whatever_happens_neither_end_leaves_its_limits_and_nothing_rises_while_both_hold(
    events: list[tuple[float, str]], meter_s: float, write_s: float
) -> None:
    pair = energising(300.0, replace(PLAN, max_v=420.0, far_max_v=420.0), 20.0)
    for made in (pair.a, pair.b):
        made.unit.meter_s, made.write_s = meter_s, write_s
    pair.begin()
    for wait_s, what in events:
        pair.run(wait_s / 4)
        _happen(pair, what)
        held_ma = pair.line.state().current_a_ma
        if pair.a.phase == pair.b.phase == "held":
            pair.run(write_s + 1.0)
            assert pair.line.state().current_a_ma <= held_ma + 20.0
    pair.run(10.0)
    assert pair.most_v <= 420.0
    assert pair.line.state().current_a_ma <= 300.0 * 1.05 + 1.0


def _happen(pair: Pair, what: str) -> None:
    match what.split():
        case ["hold", who]:
            getattr(pair, who).hold()
        case ["trip", who]:
            pair.line.change(End(who), output_on=False)
        case ["cut", _]:
            pair.cut_off = True
        case ["mend"]:
            pair.cut_off = False
        case ["hold"]:
            pair.holds = ("H-1",)
        case _:
            pair.holds = ()
    for made in (pair.a, pair.b):
        if made.phase == "held" and what in ("mend", "drop"):
            made.go(Way.RESUME)
