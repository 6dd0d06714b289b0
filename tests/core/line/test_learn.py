"""Learning a line from its healthy history: what it may believe, and what it must not."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

from stationd.bench.shunt import measured
from stationd.core.line.learn import FEWEST, Learner
from stationd.core.line.uncertainty import Droop, Ends, Uncertainty
from stationd.core.line.words import End, Feed
from stationd.sim.cable import TC_380, CableParameters, Shunt, balanced
from stationd.sim.solver import solve
from tests.core.line.twin import CABLE, FEED_A, FEED_B, readings

WARM = replace(TC_380, conductor_ohm_per_km=1.02)


def ramp(learner: Learner, line: CableParameters = WARM, *, seed: int = 1, steps: int = 60, earth_v: float = 0.0) -> None:
    """A commissioning ramp from 300 mA to 1 A, both ends together."""
    draw = Random(seed)
    for n in range(steps):
        current_ma = 300 + 700 * n / (steps - 1)
        a, b = balanced(line, current_ma)
        learner.offer(measured(solve(replace(line, earth_potential_v=earth_v), a, b), draw, n), healthy=True)


def steady(learner: Learner, samples: int, line: CableParameters = WARM, seed: int = 2) -> None:
    draw, state = Random(seed), solve(line, *balanced(line))
    for n in range(samples):
        learner.offer(measured(state, draw, n), healthy=True)


@pytest.mark.parametrize("ohm_per_km", [0.98, 1.0, 1.02])
@pytest.mark.parametrize("earth_v", [0.0, 20.0])
def test_a_ramp_teaches_the_resistance_whatever_the_earth_potential(ohm_per_km: float, earth_v: float) -> None:
    learner = Learner(CABLE)
    ramp(learner, replace(TC_380, conductor_ohm_per_km=ohm_per_km), earth_v=earth_v)
    learnt = learner.learnt()
    assert learnt.cable.ohm_per_km == pytest.approx(ohm_per_km, rel=0.002)
    assert learnt.resistance_sd is not None
    assert learnt.uncertainty.resistance_share < Uncertainty().resistance_share / 5
    assert abs(learnt.cable.ohm_per_km / ohm_per_km - 1) <= learnt.uncertainty.resistance_share


def test_one_current_alone_claims_nothing() -> None:
    learner = Learner(CABLE)
    steady(learner, 500)
    learnt = learner.learnt()
    assert learnt.samples == 500
    assert (learnt.cable, learnt.uncertainty, learnt.resistance_sd) == (CABLE, Uncertainty(), None)


def test_too_few_samples_claim_nothing() -> None:
    learner = Learner(CABLE)
    ramp(learner, steps=FEWEST - 1)
    assert learner.learnt().cable == CABLE


def test_nothing_is_learnt_from_what_is_not_marked_healthy() -> None:
    learner = Learner(CABLE)
    assert not learner.offer(readings(), healthy=False)
    assert not learner.offer(Ends(readings().a), healthy=True)
    assert (learner.samples, learner.refused) == (0, 0)


@pytest.mark.parametrize("fault", [Shunt(50, 0), Shunt(100, 100), Shunt(330, 1000)])
def test_a_leaking_line_is_refused_even_when_it_is_called_healthy(fault: Shunt) -> None:
    learner = Learner(CABLE)
    ramp(learner)
    before = learner.learnt()
    assert not learner.offer(readings(fault, line=WARM), healthy=True)
    assert learner.learnt().cable == before.cable
    assert learner.refused == 1


def test_what_lies_off_what_was_learnt_is_refused() -> None:
    learner = Learner(CABLE)
    ramp(learner)
    steady(learner, 100)
    shorted = replace(WARM, repeater_changes_v=(0.0, -40.0, 0.0, 0.0))
    assert not learner.offer(readings(line=shorted), healthy=True)


def test_what_no_such_line_can_show_is_refused_from_the_first_sample_on() -> None:
    learner = Learner(CABLE)
    assert not learner.offer(Ends(Feed(1000, 100, 0), Feed(1000, 100, 0)), healthy=True)
    assert not learner.offer(Ends(Feed(50, 30, 0), Feed(50, 30, 0)), healthy=True)
    assert learner.refused == 2


def test_what_is_learnt_stays_within_the_bounds_of_what_is_configured() -> None:
    learner = Learner(CABLE, replace(Uncertainty(), resistance_share=0.01, shore_share=0.0))
    ramp(learner, replace(TC_380, conductor_ohm_per_km=1.03))
    assert learner.learnt().cable.ohm_per_km <= 1.01 + 1e-9


def test_a_later_season_takes_the_place_of_an_earlier_one() -> None:
    learner = Learner(CABLE)
    ramp(learner, replace(TC_380, conductor_ohm_per_km=0.99), steps=300)
    refused = learner.refused
    for seed in range(60):
        ramp(learner, TC_380, seed=seed, steps=200)
    learnt = learner.learnt()
    assert learner.refused > refused
    assert learnt.cable.ohm_per_km > 0.992
    assert abs(learnt.cable.ohm_per_km - 1.0) <= learnt.uncertainty.resistance_share


def test_the_droop_is_learnt_when_the_split_moves_and_the_own_set_point_does_not() -> None:
    learner, draw = Learner(CABLE), Random(3)
    steep = replace(FEED_A, droop_s=4.5e-6)
    for n in range(400):
        b = replace(FEED_B, current_setpoint_ma=1000 + 0.9 * (n % 5 - 2) / 2)
        learner.offer(measured(solve(TC_380, steep, b), draw, n), healthy=True, setpoint_ma=1000.0)
    learnt = learner.learnt()
    assert learnt.droop_sd is not None
    found = learnt.uncertainty.droop_a
    assert found.known
    assert found.low_s <= 4.5e-6 <= found.high_s <= 1.3 * found.low_s
    assert not learnt.uncertainty.droop_b.known


def test_the_droop_of_end_b_is_learnt_there_and_kept_within_what_was_configured() -> None:
    configured = Uncertainty(droop_b=Droop.about(3.3e-6, 0.2))
    learner, draw = Learner(CABLE, configured, End.B), Random(3)
    steep = replace(FEED_B, droop_s=4.5e-6)
    for n in range(400):
        a = replace(FEED_A, current_setpoint_ma=1000 + 0.9 * (n % 5 - 2) / 2)
        learner.offer(measured(solve(TC_380, a, steep), draw, n), healthy=True, setpoint_ma=1000.0)
    found = learner.learnt().uncertainty
    assert found.droop_a == Droop()
    assert found.droop_b.middle_s == pytest.approx(1.2 * 3.3e-6)


def test_a_moved_set_point_starts_the_droop_anew() -> None:
    learner = Learner(CABLE)
    for n in range(FEWEST * 2):
        b = replace(FEED_B, current_setpoint_ma=1000 + 0.4 * (n % 3))
        learner.offer(readings(b=b), healthy=True, setpoint_ma=1000.0 + n)
    assert learner.learnt().droop_sd is None


def test_it_goes_on_after_a_restart_where_it_was() -> None:
    first, second = Learner(CABLE), Learner(CABLE)
    ramp(first)
    second.restore(json.loads(json.dumps(first.saved())))
    assert second.learnt() == first.learnt()
    steady(first, 5)
    steady(second, 5)
    assert second.saved() == first.saved()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("version", 2, "another version"),
        ("line", [1.0], "another line"),
        ("sums", [1.0, 2.0], "six numbers"),
        ("droop", ["x"] * 6, "six numbers"),
        ("samples", -1, "whole numbers"),
        ("setpoint_ma", "high", "setpoint_ma"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(key: str, value: object, said: str) -> None:
    learner = Learner(CABLE)
    ramp(learner)
    kept = learner.saved()
    with pytest.raises(ValueError, match=said):
        learner.restore({**kept, key: value})
    assert learner.saved() == kept
