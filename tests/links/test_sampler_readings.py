"""Windows and events of the loop: what is shown, with which quality and time, and that no loss of light gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from stationd.core.model import Event, Level, LightEvent, LightKind, PointId, Reading, Reason
from stationd.links.sampler import native
from stationd.links.sampler.readings import COUNTED, Light, SamplerStatistics
from stationd.links.sampler.settings import ChannelSettings, SamplerSettings, SourceSettings
from stationd.wire.calibration import Calibration, LogAmp

VOLT = Calibration("v", LogAmp(0.2, -70.0), (10, 9990), 0.001, tap_db=20.0, floor_dbm=-45.0)  # 1 mV a count: 0.05 dB
SETTINGS = SamplerSettings(SourceSettings("sim", ""), (ChannelSettings("a", 0, VOLT), ChannelSettings("b", 1, VOLT)))
LIT = round(VOLT.count_at(0.0))
QUIET = native.Level(0, LIT, LIT, 0, False, False, False, False)


def window(
    first_s: float, level: native.Level = QUIET, scans: int = 100, missed: int = 0, mean: float = LIT, flags: int = 0
) -> native.Window:
    """A window of 0.1 s whose channel a is `level`, of the given mean; channel b is lit."""
    levels = (level._replace(sum=round(mean * scans)), QUIET._replace(sum=LIT * scans))
    return native.Window(0, first_s, first_s + 0.099, scans, missed, flags, levels)


def drained(
    *windows: native.Window, events: tuple[native.Event, ...] = (), dark: int = 0, losses: int = 0, more: bool = False
) -> native.Drained:
    """One drain; `losses` are those of channel a."""
    return native.Drained(list(events), list(windows), more, False, dark, [losses, 0])


def event(kind: LightKind, t: float, channel: int = 0, at: int = 100, reference: int = 0) -> native.Event:
    return native.Event(kind, channel, 0, t, t - 0.002, t + 0.0001, at, reference)


def news(light: Light, looked: Sequence[native.Drained], now: float) -> list[Event]:
    """Everything that a look brings, in the order in which it is handed on."""
    brought = light.news(looked, now)
    return [*brought.urgent, *(event for readings in brought.windows for event in readings)]


def readings(events: list[Event]) -> dict[str, Reading]:
    return {str(each.point): each for each in events if isinstance(each, Reading)}


def lights(events: list[Event]) -> list[LightEvent]:
    return [each for each in events if isinstance(each, LightEvent)]


def test_a_window_gives_mean_lowest_and_highest_level_of_the_fibre_at_the_time_of_its_last_scan() -> None:
    level = QUIET._replace(min=LIT - 20, max=LIT + 40)
    shown = readings(news(Light(SETTINGS), [drained(window(5.0, level, mean=LIT + 10))], 5.2))
    assert [shown[f"a.{point}"].value for point in ("power", "power_min", "power_max")] == pytest.approx([0.5, -1.0, 2.0])
    assert shown["a.los"].value is False
    assert {reading.t for reading in shown.values()} == {5.099}
    assert all(reading.quality.good for reading in shown.values())


def test_a_window_without_a_scan_has_no_number() -> None:
    shown = readings(news(Light(SETTINGS), [drained(native.Window(0, 0.0, 0.0, 0, 100, 0, (QUIET, QUIET)))], 7.0))
    levels = [reading for reading in shown.values() if reading.point.point != "conditions"]
    assert {reading.value for reading in levels} == {None}
    assert {reading.quality.reason for reading in levels} == {Reason.NO_SAMPLES}
    assert {reading.t for reading in shown.values()} == {7.0}


DEAD = [(QUIET._replace(stuck=True), Reason.STUCK), (QUIET._replace(saturated=100), Reason.SATURATED)]


@pytest.mark.parametrize(("level", "reason"), DEAD)
def test_a_dead_converter_is_bad_and_not_dark(level: native.Level, reason: Reason) -> None:
    shown = readings(news(Light(SETTINGS), [drained(window(5.0, level))], 5.2))
    for point in ("power", "power_min", "power_max", "los"):
        assert (shown[f"a.{point}"].value, shown[f"a.{point}"].quality.reason) == (None, reason)
    assert shown["b.power"].quality.good


def test_a_number_that_may_be_off_is_uncertain() -> None:
    light = Light(SETTINGS)
    clipped = readings(news(light, [drained(window(5.0, QUIET._replace(saturated=1)))], 5.2))
    assert (clipped["a.power"].quality.level, clipped["a.power"].quality.reason) == (Level.UNCERTAIN, Reason.SATURATED)
    assert clipped["a.los"].quality.reason is Reason.SATURATED
    holes = readings(news(light, [drained(window(6.0, scans=89, missed=11))], 6.2))
    assert (holes["a.power"].quality.level, holes["a.power"].quality.reason) == (Level.UNCERTAIN, Reason.SAMPLES_MISSED)
    assert holes["a.los"].quality.good
    assert readings(news(light, [drained(window(7.0, scans=90, missed=10))], 7.2))["a.power"].quality.good


def test_a_level_below_the_floor_is_no_number() -> None:
    dark = QUIET._replace(dark=True, was_dark=True, min=20, max=LIT)
    look = drained(window(5.0, dark, mean=25), dark=1, losses=1, events=(event(LightKind.LOST, 5.01),))
    shown = readings(news(Light(SETTINGS), [look], 5.2))
    assert (shown["a.power"].value, shown["a.power"].quality.reason) == (None, Reason.BELOW_RANGE)
    assert shown["a.power_max"].value == pytest.approx(0.0)
    assert shown["a.los"].value is True


def test_without_its_temperature_a_level_that_depends_on_it_is_uncertain() -> None:
    warm = replace(VOLT, intercept_db_per_c=-0.1)
    light = Light(replace(SETTINGS, channels=(ChannelSettings("a", 0, warm), ChannelSettings("b", 1, VOLT))))
    light.temperature_known = False
    shown = readings(news(light, [drained(window(5.0))], 5.2))
    assert shown["a.power"].quality.reason is Reason.NO_TEMPERATURE
    assert shown["b.power"].quality.good
    light.temperature_known, light.temperature_c = True, 35.0
    assert readings(news(light, [drained(window(6.0))], 6.2))["a.power"].value == pytest.approx(-1.0)


def test_an_event_has_the_time_of_its_own_sample_and_so_has_the_reading_that_comes_with_it() -> None:
    lost = event(LightKind.LOST, 5.0, at=round(VOLT.count_at(-40.0)))
    found = news(Light(SETTINGS), [drained(events=(lost,), dark=1, losses=1)], 5.0002)
    (light,) = lights(found)
    assert (light.kind, light.channel, light.t, light.since, light.exact) == (LightKind.LOST, "a", 5.0, 4.998, True)
    assert light.level_dbm == pytest.approx(-40.0, abs=0.03)
    assert readings(found) == {"a.los": Reading(PointId("a", "los"), True, readings(found)["a.los"].quality, 5.0)}


def test_a_step_has_the_level_before_and_after() -> None:
    step = event(LightKind.STEP_DOWN, 5.0, at=LIT - 60, reference=LIT)
    (light,) = lights(news(Light(SETTINGS), [drained(events=(step,))], 5.1))
    assert [light.level_dbm, light.reference_dbm] == pytest.approx([-3.0, 0.0])


def test_a_window_that_ended_before_an_event_never_takes_it_back() -> None:
    light = Light(SETTINGS)
    found = news(light, [drained(window(4.9), events=(event(LightKind.LOST, 5.05),), dark=1, losses=1)], 5.1)
    assert [each.value for each in found if isinstance(each, Reading) and str(each.point) == "a.los"] == [True]
    late = news(light, [drained(window(4.95), dark=1, losses=1)], 5.2)
    assert "a.los" not in readings(late)


def test_events_are_numbered_without_a_gap() -> None:
    light = Light(SETTINGS)
    kinds = (LightKind.LOST, LightKind.BACK, LightKind.SATURATED)
    found = news(light, [drained(events=tuple(event(kind, 5.0 + n) for n, kind in enumerate(kinds)), losses=1)], 9.0)
    assert [each.number for each in lights(found)] == [1, 2, 3]
    assert [each.number for each in light.ended(9.5)] == [4]


def test_a_window_without_a_number_is_not_taken_back_by_an_older_event() -> None:
    light = Light(SETTINGS)
    news(light, [drained(window(5.0, QUIET._replace(stuck=True)))], 5.2)
    late = news(light, [drained(events=(event(LightKind.LOST, 5.05),), dark=1, losses=1)], 5.3)
    assert "a.los" not in readings(late)
    assert len(lights(late)) == 1


@pytest.mark.parametrize("count", [VOLT.valid_counts[0] - 1, VOLT.valid_counts[1] + 1])
def test_a_count_that_light_does_not_give_has_no_level(count: int) -> None:
    (told,) = lights(news(Light(SETTINGS), [drained(events=(event(LightKind.SATURATED, 5.0, at=count),))], 5.1))
    assert told.level_dbm is None
    step = event(LightKind.STEP_DOWN, 5.0, at=LIT, reference=count)
    (told,) = lights(news(Light(SETTINGS), [drained(events=(step,))], 5.1))
    assert (told.level_dbm, told.reference_dbm) == (pytest.approx(0.0), None)


# Conditions and times.


def test_what_was_not_as_wished_in_a_window_stands_beside_its_level_and_does_not_spoil_it() -> None:
    light = Light(SETTINGS)
    limited = QUIET._replace(limited=True)
    shown = readings(news(light, [drained(window(5.0, limited, flags=2 | 16 | 32 | 64))], 5.2))
    assert shown["a.conditions"].value == "late, not-real-time, not-locked, read-failed, events-limited"
    assert shown["b.conditions"].value == "late, not-real-time, not-locked, read-failed"
    assert shown["a.power"].quality.good
    assert readings(news(light, [drained(window(6.0))], 6.2))["a.conditions"].value == "none"
    assert light.flagged == {"late": 1, "not-real-time": 1, "not-locked": 1, "read-failed": 1}


def test_what_spoiled_a_window_is_told_beside_a_level_that_is_not_there() -> None:
    dead = native.Window(0, 0.0, 0.0, 0, 100, 1 | 64, (QUIET, QUIET))
    shown = readings(news(Light(SETTINGS), [drained(dead)], 7.0))
    assert (shown["a.power"].value, shown["a.conditions"].value) == (None, "samples-missed, read-failed")


@pytest.mark.parametrize(("flags", "reason"), [(4, Reason.TIME_JUMPED), (8, Reason.TIME_ESTIMATED), (12, Reason.TIME_JUMPED)])
def test_a_time_that_may_be_off_by_more_than_a_window_is_uncertain_and_no_other_is(flags: int, reason: Reason) -> None:
    near, far = 5.099 + SETTINGS.window_s, 5.099 + SETTINGS.window_s + 0.1
    for looked, expected in ((near, Reason.NONE), (far, reason)):
        shown = readings(news(Light(SETTINGS), [drained(window(5.0, flags=flags))], looked))
        for point in ("power", "power_min", "los"):
            assert shown[f"a.{point}"].quality.reason is expected
    late = readings(news(Light(SETTINGS), [drained(window(5.0))], far))
    assert late["a.power"].quality.good, "a window that waited for its reader has its own time"


def test_after_a_jump_all_later_times_are_doubted_that_lie_before_their_arrival_until_a_fresh_loop() -> None:
    light = Light(SETTINGS)
    news(light, [drained(window(5.0, flags=4))], 5.2)
    assert readings(news(light, [drained(window(6.0))], 8.0))["a.power"].quality.reason is Reason.TIME_JUMPED
    light.begin()
    assert readings(news(light, [drained(window(9.0))], 11.0))["a.power"].quality.good


def test_what_waited_in_a_loop_that_has_ended_is_counted_as_lost() -> None:
    stats = SimpleNamespace(**dict.fromkeys(COUNTED, 0), lateness=[0] * 704)
    stats.events, stats.events_read, stats.events_queued = 7, 4, 3
    stats.windows, stats.windows_read, stats.windows_queued = 9, 7, 2
    stats.triggers, stats.captures_read, stats.captures_queued, stats.captures_open = 4, 1, 2, 1
    totals = SamplerStatistics(2)
    totals.add(stats)
    assert totals.counts["events"] == totals.counts["events_read"] + totals.counts["events_lost"]
    assert totals.counts["windows"] == totals.counts["windows_read"] + totals.counts["windows_lost"]
    assert totals.counts["triggers"] == totals.counts["captures_read"] + totals.counts["captures_lost"]
