"""Whatever lags, is lost, fails or is held: the set point keeps its lead, and the current keeps to the profile."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import event, given, settings
from hypothesis import strategies as st

from stationd.core.model import Reason
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Energise, FeedTask, Put, RampTo, SwitchOff
from stationd.sim.cable import End
from tests.core.powerfeed.plant import POINTS, STEP_S, Bench, bench, energised, failed

RATE = 10.0
SLACK = 0.11  # a tenth of a milliampere of meter, and of rounding


@dataclass(frozen=True)
class Weather:
    """How badly the unit can be reached, and what people do meanwhile."""

    meter_s: float
    write_s: float
    lost: list[tuple[float, float]]
    fails: list[int]
    holds: list[tuple[float, float]] = field(default_factory=list)


spans = st.lists(st.tuples(st.floats(0, 40), st.floats(0.3, 4)), max_size=3)
weathers = st.builds(
    Weather,
    meter_s=st.floats(0, 3),
    write_s=st.floats(0.05, 3),
    lost=spans,
    fails=st.lists(st.integers(0, 60), max_size=2),
    holds=st.lists(st.tuples(st.floats(0.5, 20), st.floats(0.1, 30)), max_size=3),
)


def go_through(made: Bench, weather: Weather) -> list[tuple[float, float]]:
    """Run it in this weather; return the true current at each step."""
    made.unit.meter_s, made.write_s = weather.meter_s, weather.write_s
    made.run(weather.meter_s)
    made.begin()
    start, course = made.now, [(made.now, made.unit.line.state().current_a_ma)]
    made.lost = lambda now: any(start + at <= now < start + at + long for at, long in weather.lost)
    made.fails = lambda put: _failure(made, put, weather)

    def run(seconds: float) -> None:
        for _ in range(int(seconds / STEP_S)):
            made.step()
            course.append((made.now, made.unit.line.state().current_a_ma))

    for until_s, held_s in weather.holds:
        run(until_s)
        made.hold()
        run(held_s)
        made.go(Way.RESUME)
    run(20.0)
    return course


def _failure(made: Bench, put: Put, weather: Weather) -> object:
    return failed(put, None, Reason.TIMEOUT) if made.number() in weather.fails else None


@settings(max_examples=20, deadline=None)
@given(weathers)
def test_upward_no_set_point_is_more_than_a_second_of_the_rate_above_the_measured_current(weather: Weather) -> None:
    made = bench(Energise(200.0, RATE))
    go_through(made, weather)
    event(made.phase)
    for _, put, measured in made.put:
        if put.target == POINTS.setpoint_ma:
            assert float(put.value) <= max(0.0, measured) + RATE + 1e-6


@settings(max_examples=20, deadline=None)
@given(weathers)
def test_the_current_never_rises_faster_than_the_rate_whatever_was_waited_for(weather: Weather) -> None:
    made = bench(Energise(200.0, RATE))
    course = go_through(made, weather)
    sent = [(now, float(put.value)) for now, put, _ in made.put if put.target == POINTS.setpoint_ma]
    for (earlier, before), (later, after) in pairwise(sent):
        assert after - before <= RATE * (later - earlier) + 1e-6
        assert after - before <= RATE + 1e-6  # and never more than one step of a second
    assert all(after - before <= RATE + SLACK for (_, before), (_, after) in pairwise(course))


@settings(max_examples=20, deadline=None)
@given(weathers)
def test_the_current_never_exceeds_the_profile_since_the_start_by_more_than_one_step(weather: Weather) -> None:
    made = bench(Energise(200.0, RATE))
    course = go_through(made, weather)
    start = course[0][0]
    assert all(current <= RATE * (now - start) + RATE + SLACK for now, current in course)
    assert all(current <= 200.0 * 1.001 + SLACK for _, current in course)


@settings(max_examples=20, deadline=None)
@given(weathers, st.sampled_from([RampTo(300.0, RATE), SwitchOff(20.0)]))
def test_downward_no_set_point_is_more_than_a_second_of_the_rate_below_the_measured_current(weather: Weather, task: FeedTask) -> None:
    made = energised(task, at_ma=500.0)
    course = go_through(made, weather)
    lead = 10.0 if isinstance(task, RampTo) else 15.0  # what counts as a deviation is the most
    for _, put, measured in made.put:
        if put.target == POINTS.setpoint_ma:
            assert float(put.value) >= min(measured, 500.0) - lead - 1e-6
    assert all(after <= before + SLACK for (_, before), (_, after) in pairwise(course))


@settings(max_examples=20, deadline=None)
@given(weathers)
def test_one_write_is_under_way_at_most_and_held_nothing_is_written(weather: Weather) -> None:
    made = bench(Energise(200.0, RATE))
    made.unit.meter_s = weather.meter_s
    go_through(made, weather)
    times = [now for now, put, _ in made.put if not put.urgent]
    assert all(later - earlier >= made.write_s - STEP_S for earlier, later in pairwise(times))
    made.hold()
    count = made.number()
    made.run(5.0)
    stands = made.unit.line.feeds[End.A].current_setpoint_ma
    made.run(20.0)
    assert made.number() == count
    assert made.unit.line.feeds[End.A].current_setpoint_ma == stands


@settings(max_examples=20, deadline=None)
@given(weathers)
def test_a_killed_machine_leaves_the_current_within_a_second_of_the_rate(weather: Weather) -> None:
    made = bench(Energise(200.0, RATE))
    go_through(made, weather)
    measured = made.seen.number(POINTS.current_ma, made.now)
    made.ticks, made.lost = False, lambda now: True
    made.executor = bench(Energise(200.0, RATE)).executor  # another process: it knows nothing and was not begun
    made.run(weather.write_s + 1.0)
    if measured is not None:
        assert made.unit.line.state().current_a_ma <= max(0.0, measured) + RATE * (1 + weather.meter_s + weather.write_s) + SLACK
