"""How long the sampler waits before it tries again, and what was in force when."""

from __future__ import annotations

from dataclasses import replace

from stationd.links.sampler.attempts import STEADY_S, Attempts
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
