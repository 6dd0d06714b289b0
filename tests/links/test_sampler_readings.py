"""Windows and events of the loop: what is shown, with which quality and time, and that no loss of light gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import Event, Level, LightEvent, LightKind, PointId, Reading, Reason
from stationd.links.sampler import native
from stationd.links.sampler.readings import Light
from stationd.links.sampler.settings import ChannelSettings, SamplerSettings, SourceSettings
from stationd.wire.calibration import Calibration, LogAmp

VOLT = Calibration("v", LogAmp(0.2, -70.0), (10, 9990), 0.001, tap_db=20.0, floor_dbm=-45.0)  # 1 mV a count: 0.05 dB
SETTINGS = SamplerSettings(SourceSettings("sim", ""), (ChannelSettings("a", 0, VOLT), ChannelSettings("b", 1, VOLT)))
LIT = round(VOLT.count_at(0.0))
QUIET = native.Level(0, LIT, LIT, 0, False, False, False, False)


def window(first_s: float, level: native.Level = QUIET, scans: int = 100, missed: int = 0, mean: float = LIT) -> native.Window:
    """A window of 0.1 s whose channel a is `level`, of the given mean; channel b is lit."""
    levels = (level._replace(sum=round(mean * scans)), QUIET._replace(sum=LIT * scans))
    return native.Window(0, first_s, first_s + 0.099, scans, missed, levels)


def drained(*windows: native.Window, events: tuple[native.Event, ...] = (), dark: int = 0, latch: int = 0) -> native.Drained:
    return native.Drained(list(events), list(windows), False, False, dark, latch)


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
    shown = readings(news(Light(SETTINGS), [drained(native.Window(0, 0.0, 0.0, 0, 100, (QUIET, QUIET)))], 7.0))
    assert {reading.value for reading in shown.values()} == {None}
    assert {reading.quality.reason for reading in shown.values()} == {Reason.NO_SAMPLES}
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
    shown = readings(news(Light(SETTINGS), [drained(window(5.0, dark, mean=25), dark=1, events=(event(LightKind.LOST, 5.01),))], 5.2))
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
    found = news(Light(SETTINGS), [drained(events=(event(LightKind.LOST, 5.0, at=round(VOLT.count_at(-40.0))),), dark=1, latch=1)], 5.0002)
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
    found = news(light, [drained(window(4.9), events=(event(LightKind.LOST, 5.05),), dark=1, latch=1)], 5.1)
    assert [each.value for each in found if isinstance(each, Reading) and str(each.point) == "a.los"] == [True]
    late = news(light, [drained(window(4.95), dark=1)], 5.2)
    assert "a.los" not in readings(late)


def test_events_are_numbered_without_a_gap() -> None:
    light = Light(SETTINGS)
    kinds = (LightKind.LOST, LightKind.BACK, LightKind.SATURATED)
    found = news(light, [drained(events=tuple(event(kind, 5.0 + n) for n, kind in enumerate(kinds)), latch=1)], 9.0)
    assert [each.number for each in lights(found)] == [1, 2, 3]
    assert [each.number for each in light.ended(9.5)] == [4]


# Events that were lost.


def test_a_loss_whose_event_was_lost_is_told_one_look_later_and_says_that_its_time_is_not_known() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    assert lights(news(light, [drained(dark=1, latch=1)], 5.0)) == []
    assert light.suspicious
    found = news(light, [drained(dark=1)], 5.001)
    (told,) = lights(found)
    assert (told.kind, told.channel, told.exact, told.since, told.t) == (LightKind.LOST, "a", False, 4.0, 5.0)
    assert told.level_dbm is None
    assert readings(found)["a.los"].value is True
    assert not light.suspicious
    assert light.untimed == 1


def test_a_window_that_saw_the_darkness_narrows_its_time() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    seen = QUIET._replace(dark=True, was_dark=True)
    news(light, [drained(window(4.2), window(4.5, seen), window(4.6, seen), dark=1, latch=1)], 5.0)
    (told,) = lights(news(light, [drained(dark=1)], 5.001))
    assert (told.since, told.t) == (4.5, 4.599)


def test_a_loss_and_recovery_between_two_looks_are_both_told() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    news(light, [drained(latch=1)], 5.0)
    found = news(light, [drained()], 5.001)
    assert [(each.kind, each.exact) for each in lights(found)] == [(LightKind.LOST, False), (LightKind.BACK, False)]
    assert readings(found)["a.los"].value is False


def test_a_recovery_whose_event_was_lost_is_told() -> None:
    light = Light(SETTINGS)
    news(light, [drained(events=(event(LightKind.LOST, 4.0),), dark=1, latch=1)], 4.001)
    news(light, [drained()], 5.0)
    assert [(each.kind, each.exact) for each in lights(news(light, [drained()], 5.001))] == [(LightKind.BACK, False)]


def test_an_event_that_was_only_on_its_way_is_told_once_and_exactly() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    assert lights(news(light, [drained(dark=1, latch=1)], 5.0)) == []
    (told,) = lights(news(light, [drained(events=(event(LightKind.LOST, 4.9999),), dark=1)], 5.001))
    assert told.exact
    assert lights(news(light, [drained(dark=1)], 5.1)) == []
    assert light.untimed == 0


def test_a_loss_and_recovery_that_were_only_on_their_way_are_not_told_twice() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    news(light, [drained(latch=1)], 5.0)
    late = (event(LightKind.LOST, 4.998), event(LightKind.BACK, 4.999))
    assert [each.exact for each in lights(news(light, [drained(events=late)], 5.001))] == [True, True]


changes = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=40)


@given(changes)
def test_whatever_events_are_lost_what_was_told_ends_as_it_is_and_every_dark_time_was_told(history: list[tuple[bool, bool, bool]]) -> None:
    """Each look: light may change, its event may be lost, and it may change back before the look is over."""
    light, dark, told_dark, now = Light(SETTINGS), False, False, 10.0
    news(light, [drained()], now)
    for changed, lost, twice in history:
        events: list[native.Event] = []
        latch, times = 0, (2 if twice else 1) if changed else 0
        for turn in range(times):
            dark = not dark
            latch |= dark
            if not lost:
                events.append(event(LightKind.LOST if dark else LightKind.BACK, now + 0.1 + turn * 0.1))
        now += 1.0
        told = lights(news(light, [drained(events=tuple(events), dark=int(dark), latch=latch)], now))
        if light.suspicious:
            told += lights(news(light, [drained(dark=int(dark))], now + 0.001))
        for each in told:
            assert (each.kind is LightKind.LOST) != told_dark, "light is lost when it was there, and back when it was lost"
            told_dark = each.kind is LightKind.LOST
        assert told_dark == dark
        assert not light.suspicious
