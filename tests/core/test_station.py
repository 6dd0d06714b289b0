"""Freshness: what is old is shown as old, what is missing as missing, and nothing is ever invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.machine import Event
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Acknowledge, AlarmRecord, Signal, Target
from stationd.core.model import (
    GOOD,
    Announce,
    Level,
    LightEvent,
    LightKind,
    LinkChanged,
    PointId,
    Quality,
    ReadFailed,
    Reading,
    Reason,
    Restate,
    Tick,
)
from stationd.core.operation.orders import EmergencyOff, KeepAlive
from stationd.core.operation.words import Accepted, CutOff, Hasten, Noted, Refused
from stationd.core.station import Effect, Station, stale_after_s
from tests.acting import BEKOV, ActingDesk, News

FAST = PointId("amp", "output_power")
SLOW = PointId("amp", "case_temperature")
OTHER = PointId("pfe", "output_current")
PERIODS = {FAST: 1.0, SLOW: 10.0, OTHER: 0.5}


def good(point: PointId, t: float, value: float = 1.0) -> Reading:
    return Reading(point, value, GOOD, t)


def restated(effects: list[Effect]) -> dict[PointId, Reading]:
    return {effect.reading.point: effect.reading for effect in effects if isinstance(effect, Restate)}


@pytest.mark.parametrize(("every_s", "limit_s"), [(0.1, 2.0), (0.5, 2.0), (1.0, 3.0), (10.0, 30.0)])
def test_a_point_is_stale_after_three_periods_and_never_before_two_seconds(every_s: float, limit_s: float) -> None:
    assert stale_after_s(every_s) == limit_s
    station = Station({FAST: every_s})
    station.handle(good(FAST, 100.0), 100.0)
    assert station.deadline() == 100.0 + limit_s
    assert station.handle(Tick(100.0 + limit_s - 0.001), 100.0 + limit_s - 0.001) == []
    assert FAST in restated(station.handle(Tick(100.0 + limit_s), 100.0 + limit_s))


def test_a_stale_reading_keeps_its_value_and_the_time_of_its_own_exchange() -> None:
    station = Station(PERIODS)
    station.handle(good(FAST, 100.0, 17.5), 100.0)
    stale = restated(station.handle(Tick(104.0), 104.0))[FAST]
    assert (stale.value, stale.t, stale.quality) == (17.5, 100.0, Quality(Level.STALE, Reason.TIMEOUT))


def test_a_stale_reading_says_why_the_last_exchanges_failed() -> None:
    station = Station(PERIODS)
    station.handle(good(FAST, 100.0), 100.0)
    station.handle(ReadFailed((FAST,), Reason.CHECKSUM, 101.0), 101.0)
    assert restated(station.handle(Tick(103.0), 103.0))[FAST].quality == Quality(Level.STALE, Reason.CHECKSUM)


def test_one_failed_exchange_does_not_spoil_what_is_still_fresh() -> None:
    station = Station(PERIODS)
    station.handle(good(FAST, 100.0), 100.0)
    assert station.handle(ReadFailed((FAST,), Reason.TIMEOUT, 101.0), 101.0) == []


def test_a_point_that_was_never_read_says_why_and_has_no_value() -> None:
    station = Station(PERIODS)
    shown = restated(station.handle(ReadFailed((FAST, SLOW), Reason.TIMEOUT, 101.0), 101.0))
    assert {reading.value for reading in shown.values()} == {None}
    assert {reading.quality for reading in shown.values()} == {Quality(Level.BAD, Reason.TIMEOUT)}


def test_a_lost_port_makes_its_points_stale_at_once_and_no_others() -> None:
    station = Station(PERIODS)
    for point in PERIODS:
        station.handle(good(point, 100.0), 100.0)
    shown = restated(station.handle(LinkChanged("amps", False, ("amp",), 100.5), 100.5))
    assert set(shown) == {FAST, SLOW}
    assert {reading.quality for reading in shown.values()} == {Quality(Level.STALE, Reason.LINK_DOWN)}
    assert {reading.t for reading in shown.values()} == {100.0}


def test_a_refused_point_does_not_become_stale_afterwards() -> None:
    station = Station(PERIODS)
    station.handle(good(FAST, 100.0), 100.0)
    station.handle(Reading(FAST, None, Quality(Level.BAD, Reason.ILLEGAL_ADDRESS), 101.0), 101.0)
    assert station.handle(Tick(200.0), 200.0) == []


@pytest.mark.parametrize("reason", [Reason.BELOW_RANGE, Reason.NOT_OFFERED])
def test_an_answer_without_a_value_grows_old_like_any_other(reason: Reason) -> None:
    station = Station(PERIODS)
    station.handle(Reading(FAST, None, Quality(Level.BAD, reason), 100.0), 100.0)
    assert station.handle(ReadFailed((FAST,), Reason.TIMEOUT, 101.0), 101.0) == []
    assert station.deadline() == 103.0
    assert restated(station.handle(Tick(103.0), 103.0))[FAST] == Reading(FAST, None, Quality(Level.BAD, Reason.TIMEOUT), 103.0)
    assert station.handle(ReadFailed((FAST,), Reason.TIMEOUT, 104.0), 104.0) == []


def test_a_lost_port_ends_an_answer_without_a_value_too() -> None:
    station = Station(PERIODS)
    station.handle(Reading(FAST, None, Quality(Level.BAD, Reason.BELOW_RANGE), 100.0), 100.0)
    shown = restated(station.handle(LinkChanged("amps", False, ("amp",), 100.5), 100.5))
    assert shown[FAST].quality == Quality(Level.BAD, Reason.LINK_DOWN)


def test_the_reason_of_an_earlier_failure_is_forgotten_with_the_next_answer() -> None:
    station = Station(PERIODS)
    station.handle(good(FAST, 100.0), 100.0)
    station.handle(ReadFailed((FAST,), Reason.CHECKSUM, 101.0), 101.0)
    station.handle(good(FAST, 102.0), 102.0)
    assert restated(station.handle(Tick(105.0), 105.0))[FAST].quality == Quality(Level.STALE, Reason.TIMEOUT)


@pytest.mark.parametrize("kind", LightKind)
def test_every_event_of_the_light_is_announced_as_it_came(kind: LightKind) -> None:
    event = LightEvent(kind, "fp1-rx", 100.0, 99.9, 100.001, 1)
    assert Station(PERIODS).handle(event, 100.002) == [Announce(event)]


events = st.lists(
    st.tuples(
        st.sampled_from(["read", "fail", "down", "tick", "refuse"]),
        st.sampled_from(sorted(PERIODS)),
        st.floats(0.0, 5.0, allow_nan=False),
    ),
    max_size=60,
)


@given(events)
def test_after_any_history_nothing_older_than_its_limit_is_fresh_and_no_value_is_newer_than_its_exchange(
    history: list[tuple[str, PointId, float]],
) -> None:
    station, now = Station(PERIODS), 100.0
    shown: dict[PointId, Reading] = {}
    brought: dict[PointId, set[float]] = {point: set() for point in PERIODS}
    for kind, point, pause in history:
        target = now + pause
        while (deadline := station.deadline()) is not None and deadline <= target:
            now = max(now, deadline)
            shown |= restated(station.handle(Tick(now), now))
            assert station.deadline() is None or station.deadline() > now  # type: ignore[operator]
        now = target
        match kind:
            case "read":
                shown[point] = good(point, now)
                brought[point].add(now)
                station.handle(shown[point], now)
            case "fail":
                shown |= restated(station.handle(ReadFailed((point,), Reason.TIMEOUT, now), now))
            case "down":
                shown |= restated(station.handle(LinkChanged("x", False, (point.device,), now), now))
            case "refuse":
                shown[point] = Reading(point, None, Quality(Level.BAD, Reason.REFUSED), now)
                station.handle(shown[point], now)
            case _:
                shown |= restated(station.handle(Tick(now), now))
        for name, reading in shown.items():
            assert (reading.value is None) == (reading.quality.level is Level.BAD)
            if reading.value is not None:
                assert reading.t in brought[name]
            if reading.quality.good:
                assert now < reading.t + stale_after_s(PERIODS[name])


# ---------------------------------------------------------------------- the desk of operations

HELD, BYPASS = AlarmKey("station", "OP-HELD"), AlarmKey("station", "BYPASS")


def acting(desk: ActingDesk) -> Station:
    return Station(PERIODS, Alarms(Plan({key: rule(key) for key in (HELD, BYPASS)}), 0.0), None, desk)


def records(news: list[Effect] | list[News]) -> list[tuple[AlarmKey, Event]]:
    return [(each.key, each.event) for each in news if isinstance(each, AlarmRecord)]


def test_the_desk_of_operations_hears_every_event_and_what_is_restated() -> None:
    desk = ActingDesk()
    station = acting(desk)
    station.handle(good(OTHER, 100.0), 100.0)
    station.handle(LinkChanged("line", False, ("pfe",), 101.0), 101.0)
    levels = [each.quality.level for each in desk.heard if isinstance(each, Reading)]
    assert levels == [Level.GOOD, Level.STALE], "what is old is told to be old"
    assert any(isinstance(each, LinkChanged) for each in desk.heard)


def test_what_it_signals_raises_alarms_and_what_becomes_of_them_is_told_to_it() -> None:
    desk = ActingDesk(lambda news: [Signal(HELD, True, 100.0)] if isinstance(news, Reading) else [])
    effects = acting(desk).handle(good(OTHER, 100.0), 100.0)
    assert records(effects) == records(desk.heard) == [(HELD, Event.RAISE)]


def test_two_desks_never_keep_each_other_busy_and_no_signal_is_lost() -> None:
    def contrary(news: News) -> list[Signal]:
        return [Signal(news.key, news.event is not Event.RAISE, 100.0)] if isinstance(news, AlarmRecord) else []

    def answers(news: News) -> list[Signal]:
        if isinstance(news, Reading):
            return [Signal(HELD, True, 100.0)]
        return [Signal(BYPASS, True, 100.0)] if records([news]) == [(HELD, Event.RAISE)] else contrary(news)

    desk = ActingDesk(answers)
    station = acting(desk)
    effects = station.handle(good(OTHER, 100.0), 100.0)
    assert records(effects) == [(HELD, Event.RAISE), (BYPASS, Event.RAISE)]
    later = station.handle(Tick(109.0), 109.0)
    station.handle(Tick(120.0), 120.0)
    assert (BYPASS, Event.CLEAR) in records(later) + records(desk.heard), "what it said last is heard with the next event"


def test_an_order_gives_its_outcome_and_what_is_to_be_done_in_order() -> None:
    off, noted = CutOff(OTHER, False, "EMERGENCY-OFF"), Noted("emergency-off", "pfe", 100.0, "a.bekov")
    desk = ActingDesk(does=lambda order: [off, noted, Signal(HELD, True, 100.0), Hasten(frozenset({OTHER}), 0.5)])
    outcome, effects = acting(desk).act(EmergencyOff(BEKOV, ("all",)), 100.0)
    assert isinstance(outcome, Accepted)
    assert effects[:3] == [off, noted, Hasten(frozenset({OTHER}), 0.5)]
    assert records(effects) == records(desk.heard) == [(HELD, Event.RAISE)]


def test_without_a_desk_every_order_about_the_plant_is_refused_with_why_and_remedy() -> None:
    outcome, effects = Station(PERIODS).act(KeepAlive(BEKOV, "OP-1"), 100.0)
    assert isinstance(outcome, Refused)
    assert effects == []
    assert all(each.why and each.remedy for each in outcome.reasons)


def test_what_an_order_about_alarms_changes_is_told_to_the_desk_of_operations() -> None:
    desk = ActingDesk()
    station = acting(desk)
    station.handle(Signal(HELD, True, 100.0), 100.0)
    answer = station.obey(Acknowledge((Target(HELD),), "a.bekov"), 101.0)
    station.heed(answer.effects, 101.0)
    assert records(desk.heard) == [(HELD, Event.RAISE), (HELD, Event.ACK)]


def test_the_deadline_is_the_earliest_of_all_desks() -> None:
    desk = ActingDesk(due=100.5)
    station = acting(desk)
    station.handle(good(OTHER, 100.0), 100.0)
    assert station.deadline() == 100.5
    desk.due = 500.0
    assert station.deadline() == 102.0


def test_what_is_told_of_a_point_that_is_not_read_is_counted_and_changes_nothing() -> None:
    strange, alike = PointId("gone", "output_power"), PointId("amp", "no_such_point")
    desk = ActingDesk()
    station = Station(PERIODS, acting=desk)
    station.handle(good(FAST, 100.0), 100.0)
    heard = list(desk.heard)
    for point in (strange, alike):
        assert station.handle(good(point, 100.5), 100.5) == []
        assert station.handle(ReadFailed((point,), Reason.TIMEOUT, 100.5), 100.5) == []
    assert station.handle(LinkChanged("gone", False, ("gone",), 100.5), 100.5) == []
    assert [each for each in desk.heard if not isinstance(each, LinkChanged)] == heard, "no desk hears of it"
    assert station.unknown == 4
    failed = station.handle(ReadFailed((strange, SLOW), Reason.TIMEOUT, 100.5), 100.5)
    assert list(restated(failed)) == [SLOW]
    assert restated(station.handle(Tick(103.0), 103.0)).keys() == {FAST}


def test_a_point_that_a_plan_has_no_more_grows_old_no_more() -> None:
    station = Station(PERIODS)
    station.handle(good(FAST, 100.0), 100.0)
    station.replan({OTHER: 0.5}, frozenset())
    assert station.handle(Tick(110.0), 110.0) == []
