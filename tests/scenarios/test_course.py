"""What follows a fault, and what comes before it: repairs, faults that come and go, two at once, a start within one, wrong facts.

Each story is played before two whole daemons in virtual time. A story is a list of what happens to the line, with its seconds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from stationd.core.verdict.told import VerdictChanged
from stationd.core.verdict.words import Confidence, Kind, Ours, Verdict
from stationd.sim.cable import Cut, End, InsulatedOpen, Shunt
from stationd.sim.happening import Before, electrical, optical, trip
from stationd.sim.optics import Direction, FibreBreak
from stationd.sim.scenario import Change
from stationd.sim.simulation import Simulation
from tests import virtual_time
from tests.scenarios.ahead import Ahead
from tests.two_stations import Line, Played, for_a_while, two_stations

REPAIR = "repair"
AT_ONCE_S = 3.0
CALM_S = 10.0  # after a repair
BOTH = list(End)
Happens = tuple[float, Change | str]


def cut(km: float) -> Change:
    return electrical(Cut(km), "cut")


def shunt(km: float) -> Change:
    return electrical(Shunt(km, 10.0), "shunt")


def standing(km: float) -> Change:
    """Return a shunt that has been there for long."""

    def change(simulation: Simulation) -> str:
        simulation.plant.apply(Shunt(km, 10.0))
        return "shunt from before"

    return change


FIBRE = optical(FibreBreak(150.0, 2, Direction.B_TO_A), "fibre")


def stiffer(text: str) -> str:
    """Write a resistance of the conductor that is 10 % too high into a station's file."""
    return re.sub(r"(conductor_ohm_per_km = )([\d.]+)", lambda found: f"{found[1]}{float(found[2]) * 1.1:.4f}", text)


@dataclass(frozen=True, slots=True)
class Story:
    """What happens, and how the stations are set up. It ends CALM_S after the last thing that happens, or `later_s` after it."""

    happens: tuple[Happens, ...]
    before: tuple[Change, ...] = ()
    written: Callable[[str], str] = str
    healthy_s: float = 8.0
    later_s: float = CALM_S


STORIES: Mapping[str, Story] = {
    "a cut is repaired": Story(((2.0, cut(250.0)), (14.0, REPAIR))),
    "an open is repaired": Story(((2.0, electrical(InsulatedOpen(120.0), "open")), (14.0, REPAIR))),
    "a shunt is repaired": Story(((2.0, shunt(50.0)), (14.0, REPAIR)), later_s=15.0),
    "a fibre is repaired": Story(((2.0, FIBRE), (14.0, REPAIR))),
    "a fibre comes and goes": Story(
        tuple((2.0 + 4.3 * turn + (2.0 if back else 0.0), REPAIR if back else FIBRE) for turn in range(4) for back in (False, True)),
    ),
    "our trip, then a cut": Story(((2.0, trip(End.A)), (7.0, cut(100.0)))),
    "a shunt, then a cut": Story(((2.0, shunt(50.0)), (25.0, cut(250.0)))),
    "a shunt, repaired, then another": Story(((2.0, shunt(50.0)), (14.0, REPAIR), (22.0, shunt(250.0))), later_s=6.0),
    "a shunt soon after the start": Story(((1.0, shunt(50.0)), (7.0, REPAIR), (17.0, shunt(250.0))), healthy_s=2.0, later_s=6.0),
    "started with a shunt at km 125": Story(((10.0, REPAIR),), (standing(125.0),), later_s=15.0),
    "started with a shunt at km 80": Story(((10.0, REPAIR),), (standing(80.0),), later_s=15.0),
    "wrong facts": Story(((10.0, REPAIR),), written=stiffer, later_s=2.0),
    "wrong facts, shunt at km 50": Story(((2.0, shunt(50.0)),), written=stiffer),
    "wrong facts, shunt at km 250": Story(((2.0, shunt(250.0)),), written=stiffer),
}
Runs = Ahead[str, Played]


def play(name: str) -> Played:
    """Tell a story from the begin of its first second on."""
    story = STORIES[name]

    async def act(line: Line) -> None:
        sound, begun = Before.of(line.simulation), asyncio.get_running_loop().time()
        if story.before:
            line.simulation.plant.repair()
            sound = Before.of(line.simulation)
            for change in story.before:
                change(line.simulation)
        for at, what in story.happens:
            await asyncio.sleep(max(0.0, begun + at - asyncio.get_running_loop().time()))
            if isinstance(what, str):
                sound.restore(line.simulation)
            else:
                what(line.simulation)

    async def scene() -> Played:
        settings: dict[str, Any] = {"before": story.before, "written": story.written}
        async with two_stations(**settings) as line:
            await asyncio.sleep(story.healthy_s)
            acting = asyncio.create_task(act(line))
            played = await for_a_while(line, None, story.happens[-1][0] + story.later_s)
            acting.result()
            return played

    return virtual_time.run(scene(), virtual_time.LoneLoop)


@pytest.fixture(scope="module")
def runs(processes: ProcessPoolExecutor) -> Runs:
    return Ahead(processes, play, list(STORIES))


def told(run: Played, end: End) -> list[tuple[float, Verdict]]:
    return [(round(each.t, 2), each.verdict) for each in run.verdicts[end]]


def said(changes: list[tuple[float, Verdict]]) -> list[str]:
    return [f"{t}: {each.kind.value} {each.ours.value} {each.confidence.value} {each.sentence}" for t, each in changes]


def last(run: Played, end: End, until_s: float) -> Verdict:
    found: list[VerdictChanged] = [each for each in run.verdicts[end] if each.t <= until_s]
    return found[-1].verdict


NOBODYS = [name for name in STORIES if "trip" not in name]


@pytest.mark.parametrize("end", BOTH)
@pytest.mark.parametrize("name", NOBODYS)
def test_through_the_fault_the_repair_and_ten_seconds_after_it_nothing_is_ever_ours(name: str, end: End, runs: Runs) -> None:
    assert said([(t, each) for t, each in told(runs[name], end) if each.ours is Ours.YES]) == []


@pytest.mark.parametrize("end", BOTH)
@pytest.mark.parametrize("name", [name for name in STORIES if name.endswith("repaired")])
def test_a_repaired_line_is_healthy_within_ten_seconds_and_since_its_repair(name: str, end: End, runs: Runs) -> None:
    if "open" in name:
        pytest.skip("feeds that have tripped are switched on again by people")
    verdict = last(runs[name], end, 99.0)
    assert verdict.kind is Kind.HEALTHY, said(told(runs[name], end))


@pytest.mark.parametrize("end", BOTH)
def test_a_cut_after_the_trip_of_one_feed_is_found_at_both_ends_with_its_place(end: End, runs: Runs) -> None:
    run = runs["our trip, then a cut"]
    verdict = last(run, end, 7.0 + AT_ONCE_S)
    assert verdict.kind is Kind.CABLE_CUT, said(told(run, end))
    assert verdict.ours is not Ours.YES
    after = [(t, each) for t, each in told(run, end) if t > 7.0 + AT_ONCE_S]
    assert said([(t, each) for t, each in after if each.kind is not Kind.CABLE_CUT]) == []
    places = [each.place for _, each in ((0.0, verdict), *after) if each.place is not None]
    assert places
    assert all(place.low_km <= 100.0 <= place.high_km for place in places)


@pytest.mark.parametrize("end", BOTH)
@pytest.mark.parametrize(("name", "kind", "at_s"), [
    ("a shunt, then a cut", Kind.CABLE_CUT, 25.0), ("a shunt, repaired, then another", Kind.SHUNT, 22.0),
    ("our trip, then a cut", Kind.CABLE_CUT, 7.0),
])  # fmt: skip
def test_a_second_fault_began_when_it_began_and_not_with_the_first(name: str, kind: Kind, at_s: float, end: End, runs: Runs) -> None:
    run = runs[name]
    verdict = last(run, end, 99.0)
    assert verdict.kind is kind
    since_s = verdict.since - run.begun_t
    assert at_s - 1.5 <= since_s <= at_s + AT_ONCE_S, (since_s, said(told(run, end)))


@pytest.mark.parametrize("end", BOTH)
@pytest.mark.parametrize("name", [name for name in STORIES if name.startswith("started")])
def test_a_station_that_starts_within_a_shunt_is_never_surely_healthy_and_sees_no_shunt_in_its_repair(
    name: str, end: End, runs: Runs
) -> None:
    run = runs[name]
    sure = [(t, each) for t, each in told(run, end) if each.kind is Kind.HEALTHY and each.confidence is Confidence.HIGH and t < 10.0]
    assert said(sure) == []
    assert said([(t, each) for t, each in told(run, end) if t >= 10.0 and each.kind in (Kind.SHUNT, Kind.CABLE_CUT)]) == []
    assert last(run, end, 99.0).kind is Kind.HEALTHY


@pytest.mark.parametrize("end", BOTH)
def test_a_fault_in_the_first_seconds_leaves_nothing_behind_and_the_next_one_is_placed_at_once(end: End, runs: Runs) -> None:
    run = runs["a shunt soon after the start"]
    assert last(run, end, 7.0 + CALM_S).kind is Kind.HEALTHY, said(told(run, end))
    verdict = last(run, end, 17.0 + AT_ONCE_S)
    assert verdict.kind is Kind.SHUNT, said(told(run, end))
    assert verdict.place is not None
    assert verdict.place.low_km <= 250.0 <= verdict.place.high_km


@pytest.mark.parametrize("end", BOTH)
def test_a_line_whose_facts_do_not_fit_is_not_surely_healthy_and_says_so(end: End, runs: Runs) -> None:
    verdict = last(runs["wrong facts"], end, 99.0)
    assert (verdict.kind, verdict.confidence) == (Kind.HEALTHY, Confidence.MEDIUM)
    assert any("line facts do not fit (residual -" in reason for reason in verdict.why)


@pytest.mark.parametrize("end", BOTH)
@pytest.mark.parametrize("km", [50, 250])
def test_with_wrong_facts_a_place_is_wide_enough_and_never_sure(km: int, end: End, runs: Runs) -> None:
    run = runs[f"wrong facts, shunt at km {km}"]
    shunts = [(t, each) for t, each in told(run, end) if each.kind is Kind.SHUNT]
    assert shunts
    assert said([(t, each) for t, each in shunts if each.confidence is Confidence.HIGH]) == []
    places = [each.place for _, each in shunts if each.place is not None]
    assert places
    assert all(place.low_km <= km <= place.high_km for place in places), places
