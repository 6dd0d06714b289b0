"""No loss of light gets lost: whatever events are missing, every loss is told, in turn with its return, and none twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import LightKind
from stationd.links.sampler import native
from stationd.links.sampler.readings import Light
from tests.links.test_sampler_readings import QUIET, SETTINGS, drained, event, lights, news, readings, window

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
        now += 1.0
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
