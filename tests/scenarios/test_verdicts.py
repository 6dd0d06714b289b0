"""Whose fault is it? Every scenario of the simulated line, played before two whole daemons in virtual time.

What each station should say, and within which time of the line, stands beside the scenario (stationd.sim.scenario.Expected). That
no station without a fault of its own ever says that the fault is ours is looked for at every moment of every run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import pytest
from _pytest.mark.structures import ParameterSet

from stationd.core.verdict.told import VerdictChanged
from stationd.core.verdict.words import Kind, Ours, Verdict
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig, station
from stationd.sim.scenario import FIRST_S, Expected, Says
from stationd.sim.world import SCENARIOS
from tests.scenarios.ahead import Ahead
from tests.two_stations import Played, play_through

STAYS_S = 10.0  # a verdict that was found is looked at for so long
SLOW_S, SLOWLY_S = 60.0, 30.0  # of what has longer than that: so long
BEFORE = (Kind.HEALTHY, Kind.CANNOT_TELL)  # what may be said before anything has happened
OF_FEEDS = ("current-misset", "earth-storm", "tide")  # slow, and no matter of light: played with one pair
WHOLE = ("tide", "quiet")  # what is right is right from the beginning: played to the end
FIRST_OUT: Mapping[str, tuple[str, End]] = {  # what comes first, and where it is seen
    "cable-cut": ("light-lost", End.A),
    "pfe-trip": ("feed-off", End.A),
    "far-trip": ("feed-off", End.B),
    "door": ("interlock", End.A),
    "both-trip": ("mains-failed", End.A),
    "shunt-50km": ("voltage-step", End.A),
    "transmitter-off": ("transmit-lost", End.A),
}


class Case(NamedTuple):
    """A scenario, its seed (with each what happens meets the periods of polling elsewhere), and how many fibre pairs are lit."""

    name: str
    seed: int = 1
    pairs: int = 2


NAMED = [Case(name, pairs=1 if name in OF_FEEDS else 2) for name in sorted(SCENARIOS)]
MORE = [  # other phases of polling; and four pairs, which are amplifiers of every make
    *(Case("cable-cut", seed, pairs) for seed, pairs in ((2, 2), (3, 4))),
    *(Case("insulated-open", seed, pairs) for seed, pairs in ((2, 2), (3, 4), (4, 2))),
    *(Case(name, 3, 4) for name in ("repeater-failed", "single-fibre", "connector-open", "both-trip")),
    *(Case("single-fibre", seed, 4) for seed in (1, 5, 7)),  # pairs whose amplifiers shut off by themselves
    Case("transmitter-off", 3, 4),
    *(Case(name, seed) for name in ("pfe-trip", "far-trip", "shunt-50km") for seed in (2, 3)),
]
CASES = [*NAMED, *MORE]
EVERY = [pytest.param(case, end, id=f"{case.name}-{case.seed}-{case.pairs}-{end.value}") for case in CASES for end in End]


def every_of(*names: str) -> list[ParameterSet]:
    """Return the cases of some scenarios, at both ends."""
    return [pytest.param(case, end, id=f"{case.name}-{case.seed}-{end.value}") for case in CASES if case.name in names for end in End]


@dataclass(frozen=True, slots=True)
class Run:
    """What was expected and what was said. Times are those of the line, from the event on."""

    expected: Expected
    verdicts: Mapping[End, tuple[tuple[float, Verdict], ...]]
    until_s: float

    def says(self, end: End) -> Says:
        return self.expected.at(end)

    def last(self, end: End, until_s: float = inf) -> Verdict:
        """Return what a station said at a time."""
        return [verdict for t, verdict in self.verdicts[end] if t <= until_s][-1]

    def right_after_s(self, end: End) -> float | None:
        """Return when a station said what is right and did not change its mind any more; None: never."""
        found: float | None = None
        for t, verdict in self.verdicts[end]:
            right = self.says(end).accepts(verdict.kind, verdict.ours)
            found = None if not right else t if found is None else found
        return None if found is None else max(0.0, found)


Runs = Ahead[Case, Run]


def changes(told: tuple[VerdictChanged, ...]) -> tuple[tuple[float, Verdict], ...]:
    first = ((-inf, told[0].before),) if told else ()
    return (*first, *((each.t - FIRST_S, each.verdict) for each in told))


def run_of_played(expected: Expected, played: Played) -> Run:
    return Run(expected, {end: changes(played.verdicts[end]) for end in End}, played.until_s - FIRST_S)


def play(case: Case) -> Run:
    """Play a scenario as long as its verdict takes; one of the slow ones until the verdict is right and has been for a while."""
    scenario = SCENARIOS[case.name]
    repeatered = not scenario.unrepeatered
    script = scenario.script(demo_rig(Route.MAIN, case.pairs, repeatered=repeatered), case.seed)

    def enough(played: Played) -> bool:
        run = run_of_played(script.expected, played)
        since = [run.right_after_s(end) for end in End]
        return len(played.steps) >= len(script.steps) and all(each is not None and run.until_s >= each + SLOWLY_S for each in since)

    slow = script.expected.within_s >= SLOW_S and case.name not in WHOLE
    seconds = FIRST_S + script.expected.within_s + STAYS_S
    played = play_through(
        case.name, seconds, case.seed, enough if slow else None, fibre_pairs=case.pairs, repeatered=repeatered
    )
    return run_of_played(script.expected, played)


@pytest.fixture(scope="module")
def runs(processes: ProcessPoolExecutor) -> Runs:
    return Ahead(processes, play, CASES)


@pytest.mark.parametrize(("case", "end"), EVERY)
def test_the_right_verdict_is_found_in_time_and_kept(
    case: Case, end: End, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs[case]
    after_s, within_s = run.right_after_s(end), run.expected.within_s
    took = "never" if after_s is None else f"{after_s:6.2f} s"
    with capsys.disabled():
        sys.stdout.write(f"\n{case.name:<20} seed {case.seed}, end {end.value}: {took} of {within_s:g} s ")
    said = [(round(t, 2), verdict.kind.value, verdict.ours.value, verdict.sentence) for t, verdict in run.verdicts[end]]
    assert after_s is not None, (run.says(end), said)
    assert after_s <= within_s, (run.says(end), said)


@pytest.mark.parametrize(("case", "end"), EVERY)
def test_nobody_without_a_fault_of_his_own_ever_says_that_it_is_his(case: Case, end: End, runs: Runs) -> None:
    run = runs[case]
    if Ours.YES not in run.says(end).ours:
        assert [(round(t, 2), verdict.sentence) for t, verdict in run.verdicts[end] if verdict.ours is Ours.YES] == []


@pytest.mark.parametrize(("case", "end"), EVERY)
def test_every_place_that_is_ever_stated_covers_the_fault(case: Case, end: End, runs: Runs) -> None:
    km, told = runs[case].expected.km, [(t, verdict.place) for t, verdict in runs[case].verdicts[end] if verdict.place is not None]
    if km is not None:
        assert [(round(t, 2), place) for t, place in told if not place.low_km <= km <= place.high_km] == []


@pytest.mark.parametrize(("case", "end"), every_of("cable-cut", "shunt-50km", "shunt-repeater", "shunt-1kohm"))
def test_a_fault_that_can_be_located_is_located(case: Case, end: End, runs: Runs) -> None:
    assert runs[case].last(end, runs[case].expected.within_s).place is not None


@pytest.mark.parametrize(("case", "end"), EVERY)
def test_a_verdict_about_fibre_pairs_names_the_right_ones(case: Case, end: End, runs: Runs) -> None:
    named = runs[case].last(end).pairs
    if named:
        assert set(named) == set(runs[case].expected.pairs)


@pytest.mark.parametrize(("case", "end"), every_of(*FIRST_OUT))
def test_what_came_first_is_named_alone_or_among_what_the_clocks_cannot_tell_apart(case: Case, end: End, runs: Runs) -> None:
    what, where = FIRST_OUT[case.name]
    verdict = runs[case].last(end)
    told = (verdict.first_out,) if verdict.first_out else verdict.tied
    told_of = [(each.what, each.where.split()[0].lower()) for each in told]
    assert (what, station(Route.MAIN, where)) in told_of


@pytest.mark.parametrize(("case", "end"), EVERY)
def test_before_anything_happens_nothing_is_said_to_have_happened(case: Case, end: End, runs: Runs) -> None:
    assert {verdict.kind for t, verdict in runs[case].verdicts[end] if t < 0.0} <= set(BEFORE)
