"""How long the sampler waits before it tries again, and what was in force when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.links.sampler.attempts import STEADY_S, Attempts, Causes, Slots
from stationd.links.sampler.in_force import KEPT, InForce
from tests.links.test_sampler_readings import SETTINGS

COLD, WARM = SETTINGS.watches(None), ()


def test_each_attempt_waits_longer_than_the_one_before_up_to_ten_seconds() -> None:
    attempts = Attempts()
    assert [attempts.pause_s(0.1) for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_a_loop_that_ran_for_a_while_is_tried_again_at_once() -> None:
    attempts = Attempts()
    for _ in range(4):
        attempts.pause_s(STEADY_S - 0.1)
    assert attempts.pause_s(STEADY_S) == 1.0
    assert attempts.pause_s(0.0) == 2.0


def test_a_source_that_was_replaced_after_a_few_seconds_is_tried_again_at_once() -> None:
    attempts = Attempts()
    for _ in range(4):
        attempts.pause_s(0.0)
    assert attempts.pause_s(5.0) == 1.0


# What is told of it.


def test_the_same_cause_is_told_once_until_the_sampler_has_run_steadily() -> None:
    causes = Causes()
    assert causes.runs(0.1), "the first start is told at once"
    assert not causes.runs(0.2)
    assert causes.news("gone")
    for _ in range(3):
        assert not causes.runs(STEADY_S - 0.1)
        assert not causes.news("gone")
    assert causes.news("not there")
    assert not causes.news("gone"), "two causes in turn are two, not many"
    assert causes.runs(STEADY_S)
    assert not causes.runs(STEADY_S + 1.0)
    assert causes.news("gone")


# Slots between two loops.


def test_the_slots_between_two_loops_are_those_from_the_last_of_the_old_to_the_first_of_the_new() -> None:
    slots = Slots(1000)
    slots.begin(10.0)
    assert slots.see(250, 10.25) == 0, "before the first start there was no outage"
    assert slots.see(260, 10.5) == 0  # it stalled 10 ms after it was looked at: its last slot was at 10.26
    assert slots.see(260, 12.5) == 0
    assert slots.ran_s == pytest.approx(0.259)
    slots.begin(13.0)
    assert slots.see(0, 13.2) == 0, "a loop that never had a slot ends no outage"
    slots.begin(14.0)
    assert slots.ran_s == 0.0
    assert slots.see(250, 14.25) == pytest.approx(3740, abs=1)  # 10.261 to 14.000
    assert slots.see(500, 14.5) == 0, "it is counted once"


def test_slots_that_a_loop_overslept_are_its_own_and_no_outage() -> None:
    slots = Slots(1000)
    slots.begin(10.0)
    slots.see(250, 10.25)
    slots.see(250, 12.0)
    slots.see(2000, 12.0)  # it came back, and has counted what it missed
    slots.begin(12.001)
    assert slots.see(100, 12.101) <= 1


def test_a_count_that_runs_ahead_of_the_clock_makes_no_negative_outage() -> None:
    slots = Slots(1000)
    slots.begin(10.0)
    slots.see(400, 10.1)
    slots.begin(10.1)
    assert slots.see(900, 10.2) == 0


def test_what_was_in_force_at_a_time_is_what_was_put_last_before_it() -> None:
    force = InForce(COLD, 20.0)
    force.put(100.0, COLD, 21.0)
    force.put(200.0, WARM, 40.0)
    assert force.watches == WARM
    assert [force.at(t)[1:] for t in (-5.0, 99.9, 100.0, 199.9, 200.0)] == [
        (COLD, 20.0), (COLD, 20.0), (COLD, 21.0), (COLD, 21.0), (WARM, 40.0),
    ]  # fmt: skip


def test_what_does_not_change_is_not_kept_again_and_the_oldest_stands_for_what_was_before() -> None:
    force = InForce(COLD, 20.0)
    for _ in range(KEPT):
        force.put(50.0, COLD, 20.0)
    assert force.at(50.0).since == float("-inf")
    for n in range(2 * KEPT):
        force.put(100.0 + n, COLD, float(n))
    assert force.at(0.0).temperature_c == float(KEPT)


def test_light_is_never_back_at_a_count_that_is_dark() -> None:
    """Limits less than a count apart."""
    channel = replace(SETTINGS.channels[0], los_dbm=-30.012, clear_dbm=-30.011)
    (watch, _) = replace(SETTINGS, channels=(channel, SETTINGS.channels[1])).watches(None)
    assert watch.back_above >= watch.lost_below
