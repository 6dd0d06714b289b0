"""How well the alarms themselves are doing: rates, floods, chattering, standing, time to acknowledge."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.alarm.flood import Figures, Flood
from stationd.core.alarm.type import AlarmKey, Severity

KEY = AlarmKey("x", "DRIFT")


def figures(flood: Flood, now: float) -> Figures:
    return flood.figures(now, {})


def told(flood: Flood, count: int, t: float) -> list[bool]:
    return [flood.annunciated(KEY, Severity.MINOR, t) for _ in range(count)]


def test_a_flood_begins_with_the_eleventh_message_in_ten_minutes() -> None:
    flood = Flood(0.0)
    told(flood, 10, 0.0)
    assert not figures(flood, 1.0).flood
    told(flood, 1, 599.0)
    assert figures(flood, 599.0).flood
    assert figures(flood, 599.0).floods == 1


def test_ten_messages_in_any_ten_minutes_are_no_flood() -> None:
    flood = Flood(0.0)
    for n in range(100):
        told(flood, 1, 60.0 * n)
    assert figures(flood, 6000.0).floods == 0


def test_a_flood_is_over_when_fewer_than_five_are_left_and_not_before() -> None:
    flood = Flood(0.0)
    told(flood, 7, 0.0)
    told(flood, 5, 100.0)
    told(flood, 4, 200.0)
    assert figures(flood, 699.0).flood  # 9 are left
    assert not figures(flood, 700.0).flood  # 4 are left
    assert figures(flood, 5000.0).flood_s == 600.0


def test_with_five_left_a_flood_goes_on() -> None:
    flood = Flood(0.0)
    told(flood, 6, 0.0)
    told(flood, 5, 100.0)
    assert figures(flood, 699.0).rate_10min == 5
    assert figures(flood, 699.0).flood
    assert not figures(flood, 700.0).flood


def test_a_flood_makes_one_sound() -> None:
    flood = Flood(0.0)
    assert told(flood, 30, 0.0) == [True] * 11 + [False] * 19
    assert told(flood, 1, 700.0) == [True]


def test_periods_in_flood_are_counted_once_each() -> None:
    flood = Flood(0.0)
    told(flood, 20, 590.0)  # the flood lasts from the first period into the second
    now = figures(flood, 3000.0)
    assert (now.flood_periods, now.periods) == (2, 6)


def test_three_raises_in_a_minute_are_chattering_until_the_minute_is_over() -> None:
    flood = Flood(0.0)
    for t in (0.0, 20.0, 40.0):
        flood.raised(KEY, t)
    assert figures(flood, 60.0).chattering == (KEY,)
    assert figures(flood, 60.1).chattering == ()
    for t in (100.0, 140.0, 180.0):
        flood.raised(KEY, t)
    assert figures(flood, 180.0).chattering == ()


def test_an_alarm_that_is_active_for_a_day_is_standing() -> None:
    flood = Flood(0.0)
    assert flood.figures(86_399.0, {KEY: 0.0}).standing == ()
    assert flood.figures(86_400.0, {KEY: 0.0}).standing == (KEY,)


def test_shares_and_rates_are_of_what_people_were_told() -> None:
    flood = Flood(0.0)
    for n in range(20):
        flood.annunciated(AlarmKey("x", f"T{n}"), Severity.MAJOR if n < 5 else Severity.MINOR, 60.0 * n)
    now = figures(flood, 1200.0)
    assert (now.annunciations, now.mean_10min, now.busiest_types_share) == (20, 10.0, 0.5)
    assert now.annunciations_by_severity == {Severity.MAJOR: 5, Severity.MINOR: 15}
    assert now.annunciations_by_type["T3"] == 1


def test_times_to_acknowledge_are_counted_cumulatively() -> None:
    flood = Flood(0.0)
    for waited in (1.0, 7.0, 7.0, 1e6):
        flood.acknowledged(waited)
    ack = figures(flood, 0.0).ack_s
    assert ack.counts[:3] == (1, 3, 3)
    assert ack.counts[-1] == 4
    assert ack.bounds[-1] == float("inf")
    assert ack.total == 1_000_015.0


@given(st.lists(st.tuples(st.floats(0.0, 300.0), st.integers(1, 20)), max_size=40))
@settings(deadline=None)
def test_the_rate_is_that_of_the_last_ten_minutes_to_the_second(bursts: list[tuple[float, int]]) -> None:
    flood, t, times = Flood(0.0), 0.0, list[float]()
    for pause, count in bursts:
        t += pause
        told(flood, count, t)
        times += [t] * count
        rate = figures(flood, t).rate_10min
        assert sum(1 for each in times if each > t - 599.0) <= rate <= sum(1 for each in times if each > t - 601.0)


def test_memory_is_bounded_however_much_is_told() -> None:
    flood = Flood(0.0)
    for n in range(20_000):
        flood.annunciated(KEY, Severity.MINOR, n / 7)
    assert len(flood.counts().recent) <= 601


def test_counts_go_on_after_they_were_kept() -> None:
    flood, again = Flood(0.0), Flood(0.0)
    told(flood, 20, 10.0)
    again.restore(flood.counts())
    assert figures(again, 20.0) == figures(flood, 20.0)
