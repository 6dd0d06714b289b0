"""Who gets a place, and how many come in at once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stationd.console.places import USUAL, Entrance, Limits, Places
from tests.console.desk import OPERATOR, POWER, VIEWER

MOMENT = Limits(at_once=5, moment_s=0.1)


def test_no_user_has_more_than_one_of_the_places_for_emergencies() -> None:
    places = Places(Limits(emergency=2))
    assert places.press_in(OPERATOR)
    assert not places.press_in(replace(OPERATOR, pid=99))
    assert places.press_in(POWER)
    places.press_out(OPERATOR)
    assert places.press_in(OPERATOR)
    assert not places.press_in(VIEWER)


@given(st.lists(st.floats(0.0, 0.05), min_size=1, max_size=100))
def test_however_many_knock_few_are_taken_in_a_moment_and_the_rest_is_no_longer_than_one(gaps: list[float]) -> None:
    entrance, now, taken = Entrance(MOMENT), 0.0, list[float]()
    for gap in gaps:
        now += gap
        taken.append(now)
        rest_s = entrance.rest_s(now)
        assert 0.0 <= rest_s <= MOMENT.moment_s
        now += rest_s
    for first in taken:
        assert sum(first <= each < first + 0.0999 for each in taken) <= 2 * MOMENT.at_once


def test_all_who_may_wait_are_taken_within_a_tenth_of_a_second() -> None:
    assert USUAL.backlog / USUAL.at_once * USUAL.moment_s <= 0.1


def test_so_many_are_taken_before_the_next_rest() -> None:
    entrance = Entrance(MOMENT)
    assert [entrance.rest_s(1.0) > 0 for _ in range(5)] == [False] * 4 + [True]
    assert [entrance.rest_s(1.1) > 0 for _ in range(5)] == [False] * 4 + [True]
