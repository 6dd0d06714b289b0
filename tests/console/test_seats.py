"""The register of who is here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.console.seats import BY_ITSELF, Seats
from tests.console.desk import OPERATOR, POWER


class Clock:
    def __init__(self) -> None:
        self.t = 0.0

    def __call__(self) -> float:
        self.t += 1.0
        return self.t


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=40))
def test_there_is_a_seat_for_each_session_that_has_a_connection_and_none_else(moves: list[tuple[int, int]]) -> None:
    seats, counts = Seats(Clock()), dict.fromkeys(range(4), 0)
    for who, move in moves:
        peer = replace(OPERATOR, pid=who + 10)
        if move == 0:
            seats.enter(peer)
            counts[who] += 1
        elif move == 1 and counts[who]:
            seats.leave(peer)
            counts[who] -= 1
        else:
            seats.called(peer, "io.stationd.Status.GetStatus")
            seats.announced(peer, shell=True, line="9600")
    assert {seat.peer.pid - 10: seat.connections for seat in seats.every()} == {who: count for who, count in counts.items() if count}


def test_a_seat_that_was_left_and_taken_again_remembers_nothing() -> None:
    seats = Seats(Clock())
    seats.enter(POWER)
    seats.announced(POWER, shell=True, line="9600")
    seats.leave(POWER)
    seats.enter(POWER)
    seat = seats.find(POWER.session)
    assert seat is not None
    assert (seat.shell, seat.line) == (False, "")


def test_what_a_seat_says_of_itself_outlasts_its_other_connections() -> None:
    seats = Seats(Clock())
    seats.enter(POWER)
    seats.announced(POWER, shell=True, line="9600")
    seats.enter(POWER)
    seats.leave(POWER)
    seat = seats.find(POWER.session)
    assert seat is not None
    assert (seat.shell, seat.since_t, seat.connections) == (True, 1.0, 1)


def test_a_connection_that_breaks_leaves_its_seat() -> None:
    seats = Seats(Clock())
    try:
        with seats.taken(POWER) as called:
            called("io.stationd.Status.GetStatus")
            raise ConnectionError
    except ConnectionError:
        pass
    assert seats.every() == ()


@pytest.mark.parametrize("method", sorted(BY_ITSELF))
def test_what_a_program_calls_by_itself_is_no_hand_on_the_keys(method: str) -> None:
    seats = Seats(Clock())
    seats.enter(POWER)
    seats.called(POWER, method)
    assert seats.every()[0].called_t == 1.0
    seats.called(POWER, "io.stationd.Status.GetStatus")
    assert seats.every()[0].called_t > 1.0


def test_a_screen_that_repeats_itself_is_nobody_at_the_keys_until_it_says_that_it_has_ended() -> None:
    seats = Seats(Clock())
    seats.enter(POWER)
    seats.announced(POWER, shell=True, line="", watching=True)
    seats.called(POWER, "io.stationd.Status.GetStatus")
    assert seats.every()[0].called_t == 1.0
    seats.announced(POWER, shell=True, line="")
    seats.called(POWER, "io.stationd.Status.GetStatus")
    assert seats.every()[0].called_t > 1.0
