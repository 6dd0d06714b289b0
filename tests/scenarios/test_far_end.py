"""A far station that is wrong, silent, repeated, unsigned or lying never turns a right verdict into a confident wrong one.

Each scenario is played before two whole daemons while what one end hears of the other is spoilt. A verdict that is wrong must
say so itself: it has low confidence, or it is that one cannot tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from stationd.core.verdict.words import Confidence, Kind, Ours, Verdict
from stationd.farstation.seal import seal, unseal
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.demo_station import FAR_KEY
from stationd.sim.scenario import FIRST_S, Says
from stationd.sim.world import SCENARIOS
from tests.memory_exchange import Passed, Replayed, nothing, retained, unsigned, usual
from tests.scenarios.ahead import Ahead
from tests.two_stations import Played, play_through

LOOKED_AT_S = 10.0  # after the event
GRACE_S = 1.0  # so long after the event readings of before it are still on their way: both ends ask and tell once a second
CLOCK = "clock 5 s wrong"
A_LITTLE = ("clock 0.9 s ahead", "clock 0.9 s behind")
CLOCKS_OFF_S = {CLOCK: 5.0, A_LITTLE[0]: 0.9, A_LITTLE[1]: -0.9}
KEY = FAR_KEY.encode()
Spoil = Callable[[bytes], Iterable[Passed]]


def lying(change: Callable[[dict[str, Any]], None]) -> Spoil:
    """Return what changes a message and signs it anew: the far station itself says something that is not so."""

    def passes(message: bytes) -> Iterable[Passed]:
        body = unseal(message, KEY)
        assert isinstance(body, bytes)
        document = json.loads(body)
        change(document)
        return usual(seal(json.dumps(document, separators=(",", ":")).encode(), KEY))

    return passes


def of_voltage(by_v: float) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        voltage = (document["feed"] or {}).get("voltage")
        if voltage and voltage["v"] is not None:
            voltage["v"] = round(voltage["v"] + by_v, 1)

    return change


def of_light(document: dict[str, Any]) -> None:
    for pair in document["light"].values():
        pair["lost"], pair["since"], pair["rx_dbm"] = True, document["sent"], None


def of_a_trip(document: dict[str, Any]) -> None:
    if document["feed"]:
        document["feed"]["on"]["v"] = False


WAYS: Mapping[str, Callable[[], Spoil]] = {
    "silent": lambda: nothing,
    "replayed": lambda: Replayed(8),
    "unsigned": lambda: unsigned,
    "retained": lambda: retained,
    "60 V off": lambda: lying(of_voltage(60.0)),
    "says that all light is lost": lambda: lying(of_light),
    "says that its feed is off": lambda: lying(of_a_trip),
}


UNHEARD = ("silent", "replayed", "unsigned", "retained", CLOCK)
LIES = ("60 V off", "says that all light is lost", "says that its feed is off")
EVERY = [
    *(("quiet", way) for way in (*UNHEARD, *LIES)),
    *(("cable-cut", way) for way in (*UNHEARD, *LIES)),
    *(("shunt-50km", way) for way in ("silent", "replayed", CLOCK, *LIES)),
    *(("far-trip", way) for way in ("silent", CLOCK, *LIES)),
    *((name, way) for name in ("cable-cut", "shunt-50km", "far-trip", "insulated-open", "single-fibre") for way in A_LITTLE),
]


@dataclass(frozen=True, slots=True)
class Spoilt:
    """What was played, and what end a should have said."""

    says: Says
    within_s: float
    played: Played


def play(of: tuple[str, str]) -> Spoilt:
    """Play a scenario while what end b says to end a is spoilt."""
    name, way = of
    expected = SCENARIOS[name].script(demo_rig(Route.MAIN, 2)).expected
    spoils = {"ahead_s": {End.B: CLOCKS_OFF_S[way]}} if way in CLOCKS_OFF_S else {"spoilt": {End.B: WAYS[way]()}}
    return Spoilt(expected.a, expected.within_s, play_through(name, FIRST_S + LOOKED_AT_S, **spoils))


@pytest.fixture(scope="module")
def runs(processes: ProcessPoolExecutor) -> Ahead[tuple[str, str], Spoilt]:
    return Ahead(processes, play, EVERY)


def said_at(told: list[tuple[float, Verdict]], t: float) -> list[Verdict]:
    """Return what was last said at a time, if anything was. That all is well is no claim until there was time to see that it is not."""
    return [verdict for told_t, verdict in told if told_t <= t][-1:]


def confident(verdict: Verdict) -> bool:
    return verdict.kind is not Kind.CANNOT_TELL and verdict.confidence is not Confidence.LOW


@pytest.mark.parametrize(("name", "way"), EVERY)
def test_what_the_far_end_says_never_makes_a_confident_wrong_verdict(name: str, way: str, runs: Ahead[tuple[str, str], Spoilt]) -> None:
    run = runs[name, way]

    def right(verdict: Verdict, t: float) -> bool:
        return verdict.kind is Kind.HEALTHY if t < 0.0 else run.says.accepts(verdict.kind, verdict.ours)

    told = [(round(each.t - FIRST_S, 2), each.verdict) for each in run.played.verdicts[End.A]]
    kept = [(within_s, verdict) for within_s in (GRACE_S, run.within_s) for verdict in said_at(told, within_s)]
    late = [*kept, *((t, verdict) for t, verdict in told if not 0.0 <= t <= GRACE_S)]
    late = [(t, verdict) for t, verdict in late if verdict.kind is not Kind.HEALTHY or not 0.0 <= t < run.within_s]
    wrong = [(t, verdict) for t, verdict in late if confident(verdict) and not right(verdict, t)]
    assert [(t, verdict.kind.value, verdict.ours.value, verdict.sentence) for t, verdict in wrong] == []


@pytest.mark.parametrize(("name", "way"), EVERY)
def test_what_the_far_end_says_never_makes_a_fault_ours(name: str, way: str, runs: Ahead[tuple[str, str], Spoilt]) -> None:
    run = runs[name, way]
    if Ours.YES not in run.says.ours:
        assert [each.verdict.sentence for each in run.played.verdicts[End.A] if each.verdict.ours is Ours.YES] == []


@pytest.mark.parametrize("way", UNHEARD)
def test_without_a_message_to_believe_the_far_end_is_unknown_and_the_alarm_says_so(way: str, runs: Ahead[tuple[str, str], Spoilt]) -> None:
    assert len(runs["quiet", way].played.raised(End.A, "station/FAR-STATION-LOST")) == 1


@pytest.mark.parametrize("way", UNHEARD)
def test_a_cut_is_found_from_one_end_and_the_verdict_says_that_it_is(way: str, runs: Ahead[tuple[str, str], Spoilt]) -> None:
    run = runs["cable-cut", way]
    last = run.played.verdicts[End.A][-1].verdict
    assert run.says.accepts(last.kind, last.ours)
    assert last.one_end
