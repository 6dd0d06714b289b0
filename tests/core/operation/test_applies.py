"""The table of an apply, walked through completely."""

from __future__ import annotations

from itertools import product

import pytest

from stationd.core.operation.applies import TABLE, Event, State, number_of, point_of, rows
from stationd.core.operation.words import Cause

ORDERS = {Event.CONFIRM, Event.REVERT}
SENDING = {State.APPLYING, State.REVERTING}


def test_every_state_answers_every_event_and_only_orders_are_refused() -> None:
    assert set(TABLE) == set(product(State, Event))
    assert {event for (_, event), cell in TABLE.items() if isinstance(cell, Cause)} == ORDERS


def test_after_a_restart_nothing_is_being_sent_and_nothing_waits_for_a_clock() -> None:
    assert {TABLE[state, Event.RESTARTED] for state in State}.isdisjoint({*SENDING, State.UNCONFIRMED})


def test_what_was_left_is_left_until_a_person_decides() -> None:
    assert {event for event in Event if TABLE[State.LEFT, event] is not State.LEFT} == ORDERS


@pytest.mark.parametrize("state", [State.UNCONFIRMED, State.LEFT])
def test_what_is_open_can_be_confirmed_and_taken_back(state: State) -> None:
    assert TABLE[state, Event.CONFIRM] is State.CONFIRMED
    assert TABLE[state, Event.REVERT] is State.REVERTING


@pytest.mark.parametrize("state", [State.APPLYING, State.REVERTING])
def test_what_is_being_sent_takes_no_orders_and_can_break_off(state: State) -> None:
    assert {TABLE[state, order] for order in ORDERS} == {Cause.IN_EXECUTION}
    assert TABLE[state, Event.BROKEN] in (State.FAILED, State.LEFT)


def test_the_picture_shows_what_changes_and_nothing_else() -> None:
    assert ("unconfirmed", "stays", "left") in rows()
    assert all(state != after for state, _, after in rows())


@pytest.mark.parametrize(("name", "number"), [("A-7", 7), ("A-", 0), ("7", 0), ("A--1", 0), ("A-x", 0), ("", 0)])
def test_names_are_read_or_not(name: str, number: int) -> None:
    assert number_of(name) == number


@pytest.mark.parametrize(("text", "named"), [("fp1.gain", "fp1.gain"), ("fp1", None), ("", None), (".gain", None), (7, None)])
def test_points_are_read_or_not(text: object, named: str | None) -> None:
    point = point_of(text)
    assert (None if point is None else str(point)) == named
