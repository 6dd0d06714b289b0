"""How many alarm transitions a second the core makes: readings through conditions, machine, causes, counts and records.

A line of 24 fibre pairs; in each round every tap and amplifier loses its light, the feed trips, everything comes back and is
acknowledged. Counted are the records, each of which is one transition; what is written to disk is not part of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from stationd.bench.row import Row, at_least
from stationd.core.alarm.builtin import plan
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Facts, Unit
from stationd.core.alarm.words import Acknowledge, AlarmRecord, Effect, Target
from stationd.core.model import GOOD, PointId, Reading, Tick

PAIRS = 24
GOAL_PER_S = 10_000.0
QUIET_READINGS = 100_000


def station() -> Facts:
    """Return a fed line with an amplifier and a tap for each pair."""
    feed = Unit("pfe-a", "pfe", {"fault": 0.5, "output_on": 0.5}, "pfe", nominal_ma=1000.0)
    amplifiers = [Unit(f"fp{n}-preamp", "amplifier", {"los": 1.0, "fault": 1.0}, "amps", n) for n in range(PAIRS)]
    taps = [Unit(f"fp{n}-rx", "tap", {"los": 0.1}, fibre_pair=n) for n in range(PAIRS)]
    return Facts((feed, *amplifiers, *taps), ("pfe", "amps"), repeatered=True)


def transitions_per_second(seconds: float) -> float:
    """Return how many transitions a second are made over at least so many seconds."""
    facts = station()
    alarms, points = Alarms(plan(facts), 0.0), [PointId(unit.name, point) for unit in facts.units for point in unit.points]
    made, now, begin = 0, 0.0, time.perf_counter()
    while (spent := time.perf_counter() - begin) < seconds:
        now += 1000.0
        made += _round(alarms, points, now)
    return made / spent


def _round(alarms: Alarms, points: list[PointId], now: float) -> int:
    effects: list[Effect] = []
    for wrong, t in ((True, now), (False, now + 10.0)):
        for point in points:
            effects += alarms.handle(Reading(point, wrong is (point.point != "output_on"), GOOD, t), t)
    for later in range(11, 100):
        effects += alarms.handle(Tick(now + later), now + later)
    seen = alarms.obey(Acknowledge(tuple(Target(view.key) for view in alarms.views()), "bench"), now + 100.0)
    return sum(isinstance(effect, AlarmRecord) for effect in (*effects, *seen.effects))


def readings_per_second() -> float:
    """Return how many readings a second are taken that change nothing, which is nearly all of them."""
    facts = station()
    alarms, points = Alarms(plan(facts), 0.0), [PointId(unit.name, point) for unit in facts.units for point in unit.points]
    begin = time.perf_counter()
    for n in range(QUIET_READINGS):
        point, t = points[n % len(points)], n * 0.001
        alarms.handle(Reading(point, point.point == "output_on", GOOD, t), t)
    return QUIET_READINGS / (time.perf_counter() - begin)


def alarm_rows(seconds: float = 2.0) -> Iterator[Row]:
    """Measure both."""
    yield at_least("alarms", "transitions through the core", transitions_per_second(seconds), "1/s", GOAL_PER_S)
    yield Row("alarms", "quiet readings through the core", readings_per_second(), "1/s")
