"""What both stations raise when something happens to the line between them: two whole daemons in virtual time."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache

import pytest

from stationd.core.alarm.words import AlarmRecord
from stationd.sim.cable import End
from tests.two_stations import Played, play_through


@cache
def cut() -> Played:
    return play_through("cable-cut", 25.0)


def received_no_more(end: End) -> list[AlarmRecord]:
    """Return what the taps of the receiving fibres raised; amplifiers that shut off with them darken their own taps later."""
    return [each for each in cut().raised(end, "LIGHT-LOST") if each.key.resource.endswith("-rx")]


def test_a_healthy_line_raises_nothing_at_either_end() -> None:
    line = play_through(None, 60.0)
    assert {end: [str(each.key) for each in line.alarms[end]] for end in End} == {End.A: [], End.B: []}


@pytest.mark.parametrize("end", End)
def test_a_cut_is_one_message_within_a_second_and_its_effects_are_folded_under_it(end: End) -> None:
    at = cut().steps[0][0]
    assert [each.t <= at + 1.0 for each in cut().raised(end, "line/LINE-DOWN")] == [True]
    lost = received_no_more(end)
    assert sorted(str(each.key) for each in lost) == ["fp1-rx/LIGHT-LOST", "fp2-rx/LIGHT-LOST"]
    hidden = {str(each.key): str(each.cause) for each in cut().alarms[end] if each.cause is not None}
    assert all(hidden[str(each.key)] == "line/LINE-DOWN" for each in lost)


@pytest.mark.parametrize("end", End)
def test_lost_light_is_dated_by_its_own_samples(end: End) -> None:
    at = cut().steps[0][0]
    assert all(0.0 <= each.t - at <= 0.005 for each in received_no_more(end))


@pytest.mark.parametrize("end", End)
def test_what_our_boosters_darken_because_they_shut_off_is_folded_too_and_the_break_says_its_place_once(end: End) -> None:
    sent = [str(each.key) for each in cut().raised(end, "LIGHT-LOST") if each.key.resource.endswith("-tx")]
    hidden = {str(each.key) for each in cut().alarms[end] if each.cause is not None}
    assert set(sent) <= hidden
    (broken,) = cut().raised(end, "line/LINE-BREAK")
    assert broken.note.count(" km from ") == 1


def again(seed: int) -> Played:
    return play_through("cable-cut", 25.0, seed)


def test_the_same_seed_gives_the_same_alarms_and_verdicts_bit_for_bit_in_another_process_too(processes: ProcessPoolExecutor) -> None:
    same, other = processes.submit(again, 1), processes.submit(again, 2)
    assert same.result() == cut()
    assert other.result() != cut()
