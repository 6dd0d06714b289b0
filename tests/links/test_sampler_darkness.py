"""No loss of light gets lost: whatever events are missing, every loss is told, in turn with its return, and none twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import LightKind
from stationd.links.sampler import native
from stationd.links.sampler.darkness import EVERY_S
from stationd.links.sampler.readings import Light
from stationd.links.sampler.settings import ChannelSettings
from tests.links.test_sampler_readings import QUIET, SETTINGS, VOLT, drained, event, lights, news, readings, window

LOST, BACK = LightKind.LOST, LightKind.BACK
DARK = QUIET._replace(dark=True, was_dark=True)


def test_a_loss_whose_event_was_lost_is_told_one_look_later_and_says_that_its_time_is_not_known() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    assert lights(news(light, [drained(dark=1, losses=1)], 5.0)) == []
    assert light.suspicious
    found = news(light, [drained(dark=1, losses=1)], 5.001)
    (told,) = lights(found)
    assert (told.kind, told.channel, told.exact, told.since, told.t) == (LOST, "a", False, 4.0, 5.0)
    assert (told.level_dbm, told.lost_before) == (None, 0)
    assert readings(found)["a.los"].value is True
    assert not light.suspicious
    assert light.untimed == 1


def test_a_window_that_saw_the_darkness_narrows_its_time() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    news(light, [drained(window(4.2), window(4.5, DARK), window(4.6, DARK), dark=1, losses=1)], 5.0)
    (told,) = lights(news(light, [drained(dark=1, losses=1)], 5.001))
    assert (told.since, told.t) == (4.5, 4.599)


def test_a_loss_and_recovery_between_two_looks_are_both_told() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    news(light, [drained(losses=1)], 5.0)
    found = news(light, [drained(losses=1)], 5.001)
    assert [(each.kind, each.exact) for each in lights(found)] == [(LOST, False), (BACK, False)]
    assert readings(found)["a.los"].value is False


def test_a_loss_whose_event_was_lost_in_the_look_of_another_return_is_told() -> None:
    """The return of an earlier loss came; another loss and return behind it were limited."""
    light = Light(SETTINGS)
    news(light, [drained(events=(event(LOST, 1.0),), dark=1, losses=1)], 1.01)
    assert [each.kind for each in lights(news(light, [drained(events=(event(BACK, 2.0),), losses=2)], 2.5))] == [BACK]
    told = lights(news(light, [drained(losses=2)], 2.501))
    assert [(each.kind, each.exact) for each in told] == [(LOST, False), (BACK, False)]


def test_a_return_and_loss_of_a_dark_channel_that_were_both_lost_are_told() -> None:
    light = Light(SETTINGS)
    news(light, [drained(events=(event(LOST, 1.0),), dark=1, losses=1)], 1.01)
    news(light, [drained(dark=1, losses=2)], 2.0)
    told = lights(news(light, [drained(dark=1, losses=2)], 2.001))
    assert [(each.kind, each.exact, each.since, each.t) for each in told] == [(BACK, False, 1.01, 2.0), (LOST, False, 1.01, 2.0)]


def test_several_losses_between_two_looks_are_one_event_that_says_how_many_more() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    news(light, [drained(losses=5)], 5.0)
    told = lights(news(light, [drained(losses=5)], 5.001))
    assert [(each.kind, each.lost_before) for each in told] == [(LOST, 4), (BACK, 0)]


def test_a_count_of_losses_that_wraps_is_no_loss_and_no_flood() -> None:
    light = Light(SETTINGS)
    top = (1 << 32) - 1
    news(light, [drained(losses=top)], 3.0)  # as far ahead as behind: 2^32 - 1 losses that came before their count was read
    assert not light.suspicious
    news(light, [drained(events=(event(LOST, 4.0),), dark=1, losses=0)], 4.001)
    assert not light.suspicious


def test_a_recovery_whose_event_was_lost_is_told() -> None:
    light = Light(SETTINGS)
    news(light, [drained(events=(event(LOST, 4.0),), dark=1, losses=1)], 4.001)
    news(light, [drained(losses=1)], 5.0)
    assert [(each.kind, each.exact) for each in lights(news(light, [drained(losses=1)], 5.001))] == [(BACK, False)]


def test_a_second_loss_says_that_a_return_lies_between_and_a_second_return_that_a_loss_does() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 0.5)
    events = (event(LOST, 1.0), event(LOST, 2.0), event(BACK, 3.0), event(BACK, 4.0))
    told = lights(news(light, [drained(events=events, losses=3)], 5.0))
    assert [(each.kind, each.exact) for each in told] == [
        (LOST, True), (BACK, False), (LOST, True), (BACK, True), (LOST, False), (BACK, True),
    ]  # fmt: skip
    assert not light.suspicious


def test_an_event_that_was_only_on_its_way_is_told_once_and_exactly() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    assert lights(news(light, [drained(dark=1, losses=1)], 5.0)) == []
    (told,) = lights(news(light, [drained(events=(event(LOST, 4.9998),), dark=1, losses=1)], 5.001))
    assert told.exact
    assert lights(news(light, [drained(dark=1, losses=1)], 5.1)) == []
    assert light.untimed == 0


def test_an_event_that_comes_after_it_was_given_up_is_not_told_again() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    news(light, [drained(dark=1, losses=1)], 5.0)
    assert len(lights(news(light, [drained(dark=1, losses=1)], 5.001))) == 1
    assert lights(news(light, [drained(events=(event(LOST, 4.9),), dark=1, losses=1)], 5.002)) == []
    (back,) = lights(news(light, [drained(events=(event(BACK, 6.0),), losses=1)], 6.001))
    assert (back.kind, back.exact) == (BACK, True)


def test_nothing_is_missing_while_events_still_wait() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 4.0)
    news(light, [drained(dark=1, losses=1, more=True)], 5.0)
    news(light, [drained(dark=1, losses=1, more=True)], 5.1)
    (told,) = lights(news(light, [drained(events=(event(LOST, 4.9),), dark=1, losses=1)], 5.2))
    assert told.exact


# A channel that flaps, which the loop limits.


def test_ninety_six_channels_that_flap_are_told_once_a_second_each_and_no_loss_is_missing() -> None:
    channels = tuple(ChannelSettings(f"c{n}", n, VOLT) for n in range(96))
    light, told, end = Light(replace(SETTINGS, channels=channels)), [], 1000

    def look(losses: int, now: float) -> None:
        told.extend(lights(news(light, [native.Drained([], [], False, False, 0, [losses] * 96)], now)))

    look(0, 9.9)
    for number in range(1, end + 1):  # each 20 ms, for 20 s
        look(2 * number, 10.0 + 0.02 * number)
        if light.suspicious:
            look(2 * number, 10.0 + 0.02 * number + 0.001)
    for number in range(3):
        look(2 * end, 31.1 + 0.001 * number)
    of_one = [each for each in told if each.channel == "c7"]
    assert len(of_one) <= 2 * 22
    assert [each.kind for each in of_one] == [LOST, BACK] * (len(of_one) // 2)
    assert sum(1 + each.lost_before for each in of_one if each.kind is LOST) == 2 * end
    assert len(told) == 96 * len(of_one)


def test_what_is_gathered_lies_between_the_first_loss_that_was_missing_and_the_look_that_tells_of_it() -> None:
    light = Light(SETTINGS)
    for losses, now in ((0, 4.0), (1, 5.0), (1, 5.001), (2, 5.2), (4, 5.5)):
        news(light, [drained(losses=losses)], now)
        assert light.suspicious == (now == 5.0)
    assert lights(news(light, [drained(losses=4)], 6.1)) == []
    told = lights(news(light, [drained(losses=4)], 6.101))
    assert [(each.kind, each.since, each.t, each.lost_before) for each in told] == [(LOST, 5.001, 6.1, 2), (BACK, 5.001, 6.1, 0)]


def test_while_losses_are_gathered_the_windows_say_who_is_dark_and_the_last_state_is_told_in_the_end() -> None:
    light = Light(SETTINGS)
    for losses, now in ((0, 4.0), (1, 5.0), (1, 5.001)):
        news(light, [drained(losses=losses)], now)
    shown = readings(news(light, [drained(window(5.1, DARK), dark=1, losses=2)], 5.2))
    assert shown["a.los"].value is True
    news(light, [drained(dark=1, losses=2)], 6.1)
    assert light.suspicious
    assert [each.kind for each in lights(news(light, [drained(dark=1, losses=2)], 6.101))] == [LOST]
    assert not light.suspicious


def test_what_is_gathered_is_told_at_once_when_the_loop_ends() -> None:
    light = Light(SETTINGS)
    for losses, now in ((0, 4.0), (1, 5.0), (1, 5.001), (3, 5.1)):
        news(light, [drained(losses=losses)], now)
    ended = replace(drained(losses=3), ended=True)
    news(light, [ended], 5.2)
    assert light.suspicious
    assert [(each.kind, each.lost_before) for each in lights(news(light, [ended], 5.201))] == [(LOST, 1), (BACK, 0)]


# A loop that was made anew.


def test_a_loss_that_is_known_is_not_told_again_by_a_fresh_loop_and_no_return_is_made_up() -> None:
    light = Light(SETTINGS)
    light.begin()
    news(light, [drained(events=(event(LOST, 1.0),), dark=1, losses=1)], 1.01)
    light.begin()
    assert lights(news(light, [drained()], 5.0)) == []
    assert not light.suspicious, "the fresh loop has seen nothing yet"
    found = news(light, [drained(events=(event(LOST, 5.003),), dark=1, losses=1)], 5.004)
    assert lights(found) == []
    assert readings(found)["a.los"].value is True
    news(light, [drained(window(5.1, DARK), dark=1, losses=1)], 5.2)
    assert not light.suspicious
    (back,) = lights(news(light, [drained(events=(event(BACK, 7.0),), losses=1)], 7.01))
    assert (back.kind, back.exact) == (BACK, True)


def test_a_known_loss_whose_event_of_the_fresh_loop_was_lost_is_not_told_again() -> None:
    light = Light(SETTINGS)
    news(light, [drained(events=(event(LOST, 1.0),), dark=1, losses=1)], 1.01)
    light.begin()
    news(light, [drained(dark=1, losses=1)], 5.0)
    assert lights(news(light, [drained(dark=1, losses=1)], 5.001)) == []
    assert not light.suspicious


def test_light_that_came_back_while_the_loop_was_made_anew_is_told_with_the_time_until_which_it_was_dark() -> None:
    light = Light(SETTINGS)
    news(light, [drained(events=(event(LOST, 1.0),), dark=1, losses=1)], 1.5)
    light.begin()
    few = max(SETTINGS.channels[0].lost_m, SETTINGS.channels[0].back_m) - 1
    early = news(light, [drained(window(5.0, scans=few))], 5.1)
    assert not light.suspicious, "too few samples to decide"
    assert "a.los" not in readings(early), "no news never clears a loss"
    news(light, [drained(window(5.2, scans=1))], 5.3)
    found = news(light, [drained()], 5.301)
    (told,) = lights(found)
    assert (told.kind, told.exact, told.since, told.t) == (BACK, False, 1.5, pytest.approx(5.299))
    assert readings(found)["a.los"].value is False


def test_a_converter_that_is_at_its_end_says_nothing_of_a_known_loss() -> None:
    light = Light(SETTINGS)
    news(light, [drained(events=(event(LOST, 1.0),), dark=1, losses=1)], 1.5)
    light.begin()
    news(light, [drained(window(5.0, QUIET._replace(saturated=100)))], 5.1)
    assert not light.suspicious


def test_what_the_former_loop_left_open_is_not_expected_of_the_fresh_one() -> None:
    light = Light(SETTINGS)
    news(light, [drained()], 1.0)
    news(light, [drained(dark=1, losses=1)], 1.5)
    light.begin()
    assert lights(news(light, [drained()], 5.0)) == []
    assert lights(news(light, [drained()], 5.001)) == []


# Any history.

changes = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 31), st.booleans()), max_size=40)


@given(changes)
def test_whatever_events_are_lost_every_loss_is_told_in_turn_and_none_twice(history: list[tuple[int, int, bool]]) -> None:
    """Each look: so many changes of light, of which those with a bit in the second number have lost their event; or a fresh loop."""
    light, dark, told_dark, now, losses, happened, told_losses = Light(SETTINGS), False, False, 10.0, 0, 0, 0
    news(light, [drained()], now)
    for times, missing, fresh in history:
        events: list[native.Event] = []
        if fresh:
            light.begin()
            losses = int(dark)  # the fresh loop finds at once what is dark
            events += [event(LOST, now + 0.05)] if dark else []
        for turn in range(times):
            dark = not dark
            losses, happened = losses + dark, happened + dark
            if not missing >> turn & 1:
                events.append(event(LOST if dark else BACK, now + 0.1 + turn * 0.1))
        now += 2.0  # longer than anything is gathered
        told = lights(news(light, [drained(events=tuple(events), dark=int(dark), losses=losses)], now))
        if light.suspicious:
            told += lights(news(light, [drained(dark=int(dark), losses=losses)], now + 0.001))
        for each in told:
            assert (each.kind is LOST) != told_dark, "light is lost when it was there, and back when it was lost"
            told_dark = each.kind is LOST
            told_losses += told_dark + (0 if each.exact else each.lost_before)
        assert told_dark == dark
        assert told_losses == happened
        assert not light.suspicious


looks = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 31), st.floats(0.002, 1.5)), max_size=60)


@given(looks)
def test_however_often_it_is_looked_no_loss_is_missing_once_the_light_is_quiet(history: list[tuple[int, int, float]]) -> None:
    light, dark, now, losses = Light(SETTINGS), False, 10.0, 0
    told = lights(news(light, [drained()], now))
    for times, missing, later in [*history, (0, 0, 2.0), (0, 0, 2.0)]:
        events: list[native.Event] = []
        for turn in range(times):
            dark = not dark
            losses += dark
            if not missing >> turn & 1:
                events.append(event(LOST if dark else BACK, now + later * (turn + 1) / 6))
        now += later
        told += lights(news(light, [drained(events=tuple(events), dark=int(dark), losses=losses)], now))
        if light.suspicious:
            told += lights(news(light, [drained(dark=int(dark), losses=losses)], now + 0.001))
    kinds = [each.kind for each in told]
    assert kinds == [LOST, BACK] * (len(kinds) // 2) + [LOST] * (len(kinds) % 2)
    assert (kinds[-1:] == [LOST]) == dark
    assert sum(1 + (0 if each.exact else each.lost_before) for each in told if each.kind is LOST) == losses
    for at in {each.found for each in told}:
        pairs = [each for each in told if not each.exact and at <= each.found < at + EVERY_S]
        exact = [each for each in told if each.exact and at <= each.found < at + EVERY_S + 0.01]
        assert len(pairs) <= 2 * 3 + len(exact)
