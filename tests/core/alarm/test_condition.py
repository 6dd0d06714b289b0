"""Conditions: what raises and clears an alarm, how long it takes, and that missing news decides nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.alarm import condition
from stationd.core.alarm.condition import Above, Below, Burst, Change, Condition, Equals, Look, Outside, State
from stationd.core.model import GOOD, OUT_OF_RANGE, Level, PointId, Quality, Reading, Reason, Value

POINT = PointId("amp", "output_power")
STALE = Quality(Level.STALE, Reason.TIMEOUT)
BAD = Quality(Level.BAD, Reason.TIMEOUT)
DARK = Quality(Level.BAD, Reason.BELOW_RANGE)
LOW = Condition(Below(12.0, 0.5), on_delay_s=5.0, off_delay_s=10.0)


class Watch:
    """A condition with its state, and all that it said."""

    def __init__(self, watched: Condition) -> None:
        self.condition, self.state = watched, State()
        self.changes: list[Change] = []

    def read(self, t: float, value: Value | None, quality: Quality = GOOD) -> tuple[Change, ...]:
        seen, _ = condition.look(self.condition, Reading(POINT, value, quality, t))
        return self._take(seen, t)

    def tick(self, t: float) -> tuple[Change, ...]:
        return self._take(None, t)

    def _take(self, seen: Look | None, t: float) -> tuple[Change, ...]:
        self.state, changes = condition.step(self.condition, self.state, seen, t)
        self.changes += changes
        return changes

    @property
    def deadline(self) -> float | None:
        return condition.deadline(self.condition, self.state)


def test_a_limit_must_be_passed_for_the_whole_delay() -> None:
    watch = Watch(LOW)
    watch.read(0.0, 11.0)
    assert watch.deadline == 5.0
    assert watch.tick(4.999) == ()
    assert watch.tick(5.0) == (Change(raised=True, t=5.0, onset=0.0),)


def test_an_alarm_is_stamped_with_the_moment_at_which_its_condition_truly_began() -> None:
    watch = Watch(LOW)
    watch.read(100.0, 11.0)
    (change,) = watch.read(130.0, 11.0)
    assert (change.t, change.onset) == (105.0, 100.0)


def test_a_short_return_starts_the_delay_anew() -> None:
    watch = Watch(LOW)
    watch.read(0.0, 11.0)
    watch.read(4.0, 13.0)
    watch.read(4.5, 11.0)
    assert watch.deadline == 9.5


def test_it_clears_only_beyond_the_deadband_and_after_its_delay() -> None:
    watch = Watch(LOW)
    watch.read(0.0, 11.0)
    watch.tick(5.0)
    watch.read(6.0, 12.4)  # above the limit, within the deadband
    assert watch.deadline is None
    watch.read(7.0, 12.5)
    assert watch.deadline == 17.0
    watch.read(8.0, 12.4)
    assert watch.deadline is None
    watch.read(9.0, 13.0)
    assert watch.tick(19.0) == (Change(raised=False, t=19.0, onset=9.0),)


@pytest.mark.parametrize("quality", [STALE, BAD])
def test_no_news_freezes_a_running_delay_and_keeps_what_had_passed(quality: Quality) -> None:
    watch = Watch(LOW)
    watch.read(0.0, 11.0)
    watch.read(3.0, 11.0 if quality is STALE else None, quality)
    assert watch.deadline is None
    assert watch.tick(1000.0) == ()
    watch.read(1000.0, 11.0)
    assert watch.tick(1001.9) == ()
    assert watch.tick(1002.0) == (Change(raised=True, t=1002.0, onset=0.0),)


@pytest.mark.parametrize("quality", [STALE, BAD])
def test_no_news_never_clears_an_alarm(quality: Quality) -> None:
    watch = Watch(LOW)
    watch.read(0.0, 11.0)
    watch.tick(5.0)
    watch.read(6.0, 13.0)
    watch.read(7.0, 13.0 if quality is STALE else None, quality)
    assert watch.tick(1e6) == ()
    assert watch.state.raised


def test_passes_of_a_limit_count_when_the_last_comes_exactly_at_the_end_of_the_time_and_no_later() -> None:
    for last, raised in ((10.0, True), (10.001, False)):
        watch = Watch(Condition(Equals(True), on_delay_s=60.0, burst=Burst(3, 10.0)))
        for t in (0.0, 5.0):
            watch.read(t, True)
            watch.read(t + 0.5, False)
        assert bool(watch.read(last, True)) is raised


def test_a_safety_input_that_cannot_be_read_counts_as_raised() -> None:
    door = Watch(Condition(Equals(False), safety=True))
    assert door.read(0.0, True) == ()
    assert door.read(1.0, None, BAD) == (Change(raised=True, t=1.0, onset=1.0),)
    assert condition.look(door.condition, Reading(POINT, None, BAD, 1.0)) == (Look.BEYOND, False)
    assert door.read(2.0, True) == (Change(raised=False, t=2.0, onset=2.0),)


def test_darkness_below_what_can_be_measured_raises_a_low_level_and_clears_nothing() -> None:
    low, high = Watch(Condition(Below(-30.0))), Watch(Condition(Above(10.0)))
    assert low.read(0.0, None, DARK) == (Change(raised=True, t=0.0, onset=0.0),)
    high.read(0.0, 11.0)
    assert high.read(1.0, None, DARK) == ()


def test_a_value_outside_the_limits_of_its_unit_may_raise_and_never_clears() -> None:
    high = Watch(Condition(Above(60.0)))
    assert high.read(0.0, 900.0, OUT_OF_RANGE) == (Change(raised=True, t=0.0, onset=0.0),)
    assert high.read(1.0, -300.0, OUT_OF_RANGE) == ()
    assert high.read(2.0, 20.0) == (Change(raised=False, t=2.0, onset=2.0),)


def test_an_uncertain_value_is_a_value() -> None:
    watch = Watch(Condition(Above(60.0)))
    watch.read(0.0, 61.0)
    assert watch.read(1.0, 20.0, Quality(Level.UNCERTAIN, Reason.NO_TEMPERATURE))


@pytest.mark.parametrize(("value", "other"), [(True, 1), (False, 0), ("cv", "cc"), (3, 3.5), (1, True)])
def test_equals_means_the_same_value_of_the_same_kind(value: Value, other: Value) -> None:
    watch = Watch(Condition(Equals(value)))
    assert watch.read(0.0, other) == ()
    assert watch.read(1.0, value)


def test_a_band_is_left_on_either_side() -> None:
    band = Condition(Outside(995.0, 1005.0, 2.0))
    looks = [condition.look(band, Reading(POINT, value, GOOD, 0.0))[0] for value in (994.9, 996.0, 1000.0, 1004.0, 1005.1)]
    assert looks == [Look.BEYOND, Look.WITHIN, Look.BACK, Look.WITHIN, Look.BEYOND]


@pytest.mark.parametrize("value", [float("nan"), "off"])
def test_what_is_no_number_is_on_no_side_of_a_limit(value: Value) -> None:
    assert condition.look(LOW, Reading(POINT, value, GOOD, 0.0)) == (Look.UNKNOWN, False)


def test_an_intermittent_fault_is_found_by_counting_where_the_delay_never_ends() -> None:
    loose = Watch(Condition(Equals(True), on_delay_s=5.0, burst=Burst(5, 10.0)))
    for n in range(5):
        loose.read(2.0 * n, True)
        loose.read(2.0 * n + 1.0, False)
    assert loose.changes == [Change(raised=True, t=8.0, onset=0.0), *loose.changes[1:]]


def test_the_same_faults_spread_over_more_time_are_not_counted_together() -> None:
    rare = Watch(Condition(Equals(True), on_delay_s=5.0, burst=Burst(5, 10.0)))
    for n in range(50):
        rare.read(3.0 * n, True)
        rare.read(3.0 * n + 1.0, False)
    assert rare.changes == []


def test_a_value_that_wavers_inside_the_deadband_is_passed_once() -> None:
    wavering = Watch(Condition(Above(10.0, 1.0), on_delay_s=5.0, burst=Burst(3, 60.0)))
    for n in range(20):
        wavering.read(float(n), 10.1 if n % 2 else 9.5)
    assert wavering.changes == []


def test_a_unit_that_stands_by_is_not_a_failed_one() -> None:
    off = Watch(Condition(Equals(False), after_good=True))
    assert off.read(0.0, False) == ()
    assert off.read(1.0, True) == ()
    assert off.read(2.0, False) == (Change(raised=True, t=2.0, onset=2.0),)


Steps = list[tuple[float, float | None]]
steps: st.SearchStrategy[Steps] = st.lists(
    st.tuples(st.integers(1, 8).map(lambda n: n / 2), st.sampled_from([11.0, 12.2, 13.0, None])), max_size=40
)


@given(steps, st.lists(st.floats(0.0, 200.0), max_size=60))
@settings(deadline=None)
def test_the_result_does_not_depend_on_when_somebody_looked(history: Steps, looks: list[float]) -> None:
    seldom, often = Watch(LOW), Watch(LOW)
    t, last = 0.0, 0.0
    for pause, value in history:
        t += pause
        for moment in sorted(moment for moment in looks if last < moment <= t):
            often.tick(moment)
        for watch in (seldom, often):
            watch.read(t, value, GOOD if value is not None else BAD)
        last = t
    seldom.tick(1e9)
    often.tick(1e9)
    assert seldom.changes == often.changes


@given(steps)
@settings(deadline=None)
def test_raise_and_clear_alternate_in_order_of_time_and_never_come_early(history: Steps) -> None:
    watch, t = Watch(LOW), 0.0
    for pause, value in history:
        t += pause
        watch.read(t, value, GOOD if value is not None else BAD)
    assert [change.raised for change in watch.changes] == [n % 2 == 0 for n in range(len(watch.changes))]
    for change in watch.changes:
        assert change.t >= change.onset + (LOW.on_delay_s if change.raised else LOW.off_delay_s)
    assert [change.t for change in watch.changes] == sorted(change.t for change in watch.changes)
