"""How honest the stated interval of a shunt is, on seeded cases of the simulated line that nothing of the location has seen.

Each case draws what is not known (earth potential, drop of the repeaters, resistance of the conductor with the season near the
shores, droops and set-points of both feeds), a shunt of up to 1 kohm anywhere, and the errors of all eight readings. The twin of
`stationd.sim` solves it; `stationd.core.line` gets the readings and the cable as configured, and states its interval.
A season near the shores is drawn by stretching the line there: a km of 5 % more resistance is 1.05 km of the twin.

The wide cases add what the published test vectors leave out: an earth potential that lies evenly along the route or anyhow (a
sixth each), all at end a or all at end b, as in the published model (a third each), earth beds of 2 to 5 ohm, each its own, and
droops of nothing to 10 mA per 1000 V. The location is not told which of both kinds of case it gets: its priors are the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from random import Random
from statistics import median

from stationd.bench.row import Row, at_least, at_most
from stationd.core.line.locate import locate_shunt
from stationd.core.line.uncertainty import HIGHEST_DROOP_S, Ends, NotVisible, Uncertainty
from stationd.core.line.words import Cable, Feed, Interval, Location
from stationd.sim.cable import TC_380, CableParameters, Electrical, PowerFeed, Shunt, balanced
from stationd.sim.solver import solve

CABLE = Cable(TC_380.length_km, TC_380.conductor_ohm_per_km, TC_380.repeaters_km, TC_380.repeater_drop_v)
RESISTANCE_SHARE, REPEATER_SHARE, EARTH_V_PER_KM, HIGHEST_OHM = 0.03, 0.03, 0.1, 1000.0
SEASON_K, COPPER_PER_K, SHORE_KM = 15.0, 0.0039, 30.0
MISSETTING_MA, DROOP_SHARE = 0.5, 0.5
BED_OHM, BED_SPREAD_OHM = 3.5, 1.5  # 2 to 5 ohm at each station; assumption
LEAST_DROOP_S, WORST_SPLIT_V = 1.0e-8, 100.0  # with two ideal current sources the split would be anywhere; operators keep it so near
WIDE_CABLE = replace(CABLE, sea_earth_ohm=BED_OHM)
CASES, NEAREST_TO_EARTH_KM, LOW_OHM = 1000, 20.0, 100.0
KNOWN = replace(Uncertainty(), repeater_share=0.0, resistance_share=0.0, shore_share=0.0, earth_v_per_km=0.0, sea_earth_ohm=0.0)
KNOWN_LOW_OHM = replace(KNOWN, fault_ohm=LOW_OHM)


@dataclass(frozen=True, slots=True)
class Case:
    """A shunt and the readings from before and after it."""

    km: float
    ohm: float
    before: Ends
    after: Ends


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the cases: the error of each located one, its interval, how many were not visible, how long one took."""

    errors_km: tuple[float, ...]
    places: tuple[Interval, ...]
    covered: int
    hidden: int
    seconds: float

    @property
    def coverage(self) -> float:
        """Share of located cases whose interval holds the truth."""
        return self.covered / len(self.places)

    @property
    def median_error_km(self) -> float:
        """Median of the errors' sizes."""
        return median(self.errors_km)

    @property
    def median_half_km(self) -> float:
        """Median half width of the k = 2 intervals."""
        return median(place.half_km for place in self.places)


class Unknowns(Enum):
    """How the unknowns of a case are drawn."""

    UNIFORM = "anywhere within their bounds"
    NORMAL = "normal, with their bounds at two standard deviations"
    NONE = "all as configured: only the meters are in error, and the shunt has at most 100 ohm"
    WIDE = "anywhere within their bounds, with the earth along the route, its beds and the droops as well"

    @property
    def cable(self) -> Cable:
        """Return the line as it is configured."""
        return WIDE_CABLE if self is Unknowns.WIDE else CABLE


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A line as it really is: `season` is the share that the resistance of its shores is off, `near_earth_v` lies before the fault.

    `begin_km` is where its km 0 is on the line of the twin.
    """

    line: CableParameters
    feeds: tuple[PowerFeed, PowerFeed]
    season: float
    near_earth_v: float = 0.0
    begin_km: float = 0.0


def case(seed: int, unknowns: Unknowns = Unknowns.UNIFORM) -> Case:
    """One case; the same seed gives the same case."""
    draw = Random(seed)
    drawn = _line(draw, unknowns)
    km, ohm = draw.uniform(0, TC_380.length_km), draw.uniform(0, LOW_OHM if unknowns is Unknowns.NONE else HIGHEST_OHM)
    if unknowns is Unknowns.WIDE:
        drawn = _widened(drawn, draw, km)
    shunt = Shunt(drawn.begin_km + _stretched(km, drawn.season), ohm)
    sound, leaking = solve(drawn.line, *drawn.feeds), _leaking(drawn, shunt)
    return Case(km, ohm, measured(sound, draw, 0.0), measured(leaking, draw, 1.0))


def _line(draw: Random, unknowns: Unknowns) -> _Drawn:
    def off(bound: float) -> float:
        match unknowns:
            case Unknowns.NORMAL:
                return draw.gauss(0.0, bound / 2)
            case Unknowns.NONE:
                return 0.0
            case _:
                return draw.uniform(-bound, bound)

    season = off(SEASON_K) * COPPER_PER_K
    line = CableParameters(
        _stretched(TC_380.length_km, season),
        tuple(_stretched(km, season) for km in TC_380.repeaters_km),
        TC_380.conductor_ohm_per_km * (1 + off(RESISTANCE_SHARE)),
        TC_380.repeater_drop_v * (1 + off(REPEATER_SHARE)),
        earth_potential_v=off(EARTH_V_PER_KM * TC_380.length_km),
    )
    feed_a, feed_b = (
        replace(feed, current_setpoint_ma=1000 + off(MISSETTING_MA) / 2, droop_s=feed.droop_s * (1 + off(DROOP_SHARE)))
        for feed in balanced(TC_380)
    )
    return _Drawn(line, (feed_a, feed_b), season)


def _widened(drawn: _Drawn, draw: Random, km: float) -> _Drawn:
    """The same line with earth beds, other droops, and its earth potential spread in one of several ways.

    The twin has one bed for both ends: the larger one is made up by the length of the line there.
    """
    beds_ohm = [draw.uniform(BED_OHM - BED_SPREAD_OHM, BED_OHM + BED_SPREAD_OHM) for _ in "ab"]
    begin_km, more_km = ((bed_ohm - min(beds_ohm)) / drawn.line.conductor_ohm_per_km for bed_ohm in beds_ohm)
    line = replace(
        drawn.line,
        sea_earth_ohm=min(beds_ohm),
        length_km=begin_km + drawn.line.length_km + more_km,
        repeaters_km=tuple(begin_km + at for at in drawn.line.repeaters_km),
    )
    droops_s = [draw.uniform(LEAST_DROOP_S, HIGHEST_DROOP_S) for _ in "ab"]
    most_ma = min(MISSETTING_MA, 1000 * sum(droops_s) * WORST_SPLIT_V)
    feed_a, feed_b = (
        replace(feed, current_setpoint_ma=1000 + draw.uniform(-most_ma, most_ma) / 2, droop_s=droop_s)
        for feed, droop_s in zip(drawn.feeds, droops_s, strict=True)
    )
    share = draw.choice((km / TC_380.length_km, draw.random(), *2 * (0.0, 1.0)))  # before the fault
    return replace(drawn, line=line, feeds=(feed_a, feed_b), near_earth_v=share * drawn.line.earth_potential_v, begin_km=begin_km)


def _leaking(drawn: _Drawn, shunt: Shunt) -> Electrical:
    """The line with its shunt to the earth where it lies, which is `near_earth_v` above that of end a, the twin's own."""
    near_v, (feed_a, feed_b) = drawn.near_earth_v, drawn.feeds
    from_there = replace(drawn.line, earth_potential_v=drawn.line.earth_potential_v - near_v)
    state = solve(from_there, replace(feed_a, balance_v=feed_a.balance_v - near_v), feed_b, shunt)
    return replace(state, voltage_a_v=state.voltage_a_v + near_v)


def _stretched(km: float, season: float) -> float:
    """Where a point of the line lies on one of even resistance."""
    return km + season * (min(km, SHORE_KM) + max(0.0, km - (TC_380.length_km - SHORE_KM)))


def measured(state: Electrical, draw: Random, t: float) -> Ends:
    """The four readings of a state: noise of 0.05 mA and 0.05 V rms, then rounded to 0.1 mA and 0.1 V."""

    def read(true: float) -> float:
        return max(0.0, round(round((true + draw.gauss(0, 0.05)) / 0.1) * 0.1, 9))

    return Ends(
        Feed(read(state.current_a_ma), read(state.voltage_a_v), t),
        Feed(read(state.current_b_ma), read(state.voltage_b_v), t),
    )


def tally(cases: int, unknowns: Unknowns = Unknowns.UNIFORM, uncertainty: Uncertainty | None = None) -> Tally:
    """Locate so many cases."""
    errors, places, covered, hidden, seconds = [], [], 0, 0, 0.0
    for seed in range(cases):
        drawn = case(seed, unknowns)
        begin = time.perf_counter()
        found = locate_shunt(unknowns.cable, drawn.after, drawn.before, uncertainty)
        seconds += time.perf_counter() - begin
        if isinstance(found, NotVisible):
            hidden += 1
            continue
        errors.append(abs(found.place.km - drawn.km))
        places.append(found.place)
        covered += found.place.low_km <= drawn.km <= found.place.high_km
    return Tally(tuple(errors), tuple(places), covered, hidden, seconds / cases)


def worst_share_of_line(ohms: Sequence[float] = (0.0, 1.0, 10.0, 50.0, 100.0)) -> float:
    """Largest error, as a share of the line, of such shunts every 5 km away from the virtual earth, single readings, all else known."""
    draw, worst = Random(1), 0.0
    a, b = balanced(TC_380)
    sound = solve(TC_380, a, b)
    earth_km = sound.virtual_earth_km or 0.0
    places = [5.0 * n for n in range(1, int(TC_380.length_km / 5)) if abs(5.0 * n - earth_km) > NEAREST_TO_EARTH_KM]
    for km in places:
        for ohm in ohms:
            after = measured(solve(TC_380, a, b, Shunt(km, ohm)), draw, 1.0)
            found = locate_shunt(CABLE, after, measured(sound, draw, 0.0), KNOWN)
            worst = max(worst, abs(found.place.km - km) / TC_380.length_km if isinstance(found, Location) else 1.0)
    return worst


def shunt_rows(cases: int = CASES) -> Iterator[Row]:
    """Measure all."""
    done = tally(cases)
    yield from _honesty("", done)
    yield from _honesty(", wide", tally(cases, Unknowns.WIDE))
    yield Row("shunt", "cases in which no shunt is visible", done.hidden, "")
    yield at_most("shunt", "<= 100 ohm, known line: worst error of line", 100 * worst_share_of_line(), "%", 0.5)
    yield Row("shunt", "coverage, unknowns normal, k=2 at their bounds", tally(cases // 4, Unknowns.NORMAL).coverage, "")
    yield Row("shunt", "coverage, known line, <= 100 ohm", tally(cases // 4, Unknowns.NONE, KNOWN_LOW_OHM).coverage, "")
    yield at_most("shunt", "time of one location", 1000 * done.seconds, "ms", 100.0)


def _honesty(of: str, done: Tally) -> Iterator[Row]:
    """How often the interval covers the truth, and whether it is no wider than it must."""
    yield at_least("shunt", f"coverage of the k=2 interval{of}", done.coverage, "", 0.93)
    yield at_most("shunt", f"coverage of the k=2 interval{of}", done.coverage, "", 0.98)
    ratio = done.median_half_km / done.median_error_km
    yield Row("shunt", f"median error{of}", done.median_error_km, "km")
    yield Row("shunt", f"median half width{of}", done.median_half_km, "km")
    yield at_most("shunt", f"median half width / median error{of}", ratio, "", 3.5)
    yield Row("shunt", f"median full width / median error{of}", 2 * ratio, "")
