"""Counts of a converter become levels in dBm, and levels become thresholds in counts. Pure.

    count --(converter)--> volts --(law of the front end)--> dBm at the photodiode --(+ tap_db)--> dBm in the fibre

The counts are those of native/sampler.h: integers that rise with the light. A level is worked out once for each window and
never for each sample; what is compared for each sample are counts, made here from the limits in dBm.

The trap of the logarithmic amplifier. Its photocurrent is proportional to the optical *power*, and its output rises by
`volts_per_decade` (200 mV of an AD8304 or ADL5303 [M], to be checked against the data sheet) for each decade of current. A
decade of optical power is 10 optical dB, so one optical dB is 20 mV. The "10 mV/dB" of the data sheets are electrical
decibels, 20 log10 of the current: who takes them for optical ones is wrong by a factor of 2. All decibels here are optical.

The mean of a window is a mean of counts, so it is what the front end measures that is averaged: behind a logarithmic amplifier
it is the mean of the level in dB, behind a linear one the level of the mean power. Under modulation these two differ.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

REFERENCE_C = 25.0
MOST_COUNT = (1 << 24) - 1  # sampler.h, SAMPLER_COUNT_BITS
KNOTS = 16  # sampler.h, SAMPLER_KNOTS
SLACK_COUNTS = 1e-6  # against the last bits of a float, always to the safe side
SMALLEST_STEP_COUNTS = 2  # a change of fewer counts is the noise of the converter
FLATTEST = 0.1  # of the nominal slope: no temperature makes a front end flatter than that


@dataclass(frozen=True, slots=True)
class LogAmp:
    """A logarithmic amplifier: volts = (level - intercept) / 10 x volts_per_decade, levels at the photodiode in dBm.

    `volts_per_decade` is for a decade of optical power (see the trap above); `intercept_dbm` is the level that gives 0 V.
    `volts_per_decade_per_c` is how the slope changes with each degree Celsius.
    """

    volts_per_decade: float
    intercept_dbm: float
    volts_per_decade_per_c: float = 0.0


@dataclass(frozen=True, slots=True)
class Linear:
    """A transimpedance amplifier: power at the photodiode = (volts - dark_volts) x milliwatts_per_volt."""

    milliwatts_per_volt: float
    dark_volts: float = 0.0


@dataclass(frozen=True, slots=True)
class Table:
    """A measured curve of (count, dBm at the photodiode), both rising; straight lines between, also beyond its ends."""

    knots: tuple[tuple[int, float], ...]


Law = LogAmp | Linear | Table


@dataclass(frozen=True, slots=True)
class StepKnot:
    """From the level `at`, a count below `low` or above `high` is a step (sampler_knot of sampler.h)."""

    at: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """One front end and converter. Levels are those of the fibre: `tap_db` above what the photodiode receives.

    Below `floor_dbm` nothing is measured; counts outside `valid_counts` are a converter at its end or a dead one, no light.
    `intercept_db_per_c` moves every level with the temperature, from `reference_c` on.
    """

    name: str
    law: Law
    valid_counts: tuple[int, int]
    volts_per_count: float = 1.0
    volts_at_zero_count: float = 0.0
    tap_db: float = 0.0
    floor_dbm: float = -90.0
    intercept_db_per_c: float = 0.0
    reference_c: float = REFERENCE_C

    @property
    def warms(self) -> bool:
        """True when the temperature changes what a count means."""
        slope = isinstance(self.law, LogAmp) and self.law.volts_per_decade_per_c != 0.0
        return slope or self.intercept_db_per_c != 0.0

    def with_lowest_floor(self) -> Calibration:
        """Return the same with its floor where light begins to be measured at all: at the lowest valid count, or above dark."""
        lowest = float(self.valid_counts[0])
        if isinstance(self.law, Linear):
            dark = (self.law.dark_volts - self.volts_at_zero_count) / self.volts_per_count
            lowest = max(lowest, dark + 1.0)
        return replace(self, floor_dbm=self.level_dbm(lowest))

    def level_dbm(self, count: float, temperature_c: float | None = None) -> float:
        """Return the level in the fibre that a count (or a mean of counts) means; -inf for no light at all."""
        off_c = self._off_c(temperature_c)
        match self.law:
            case LogAmp(intercept_dbm=intercept_dbm):
                at_diode = intercept_dbm + 10.0 * self._volts(count) / self._slope(self.law, off_c)
            case Linear(milliwatts_per_volt, dark_volts):
                milliwatts = (self._volts(count) - dark_volts) * milliwatts_per_volt
                at_diode = 10.0 * math.log10(milliwatts) if milliwatts > 0.0 else -math.inf
            case Table(knots):
                at_diode = _on_line(knots, count)
        return at_diode + self.tap_db + self.intercept_db_per_c * off_c

    def measured_dbm(self, count: float, temperature_c: float | None = None) -> float | None:
        """Return the level, or None where it is below the floor: nothing is known then but that."""
        level_dbm = self.level_dbm(count, temperature_c)
        return level_dbm if level_dbm >= self.floor_dbm else None

    def count_at(self, level_dbm: float, temperature_c: float | None = None) -> float:
        """Return the count, with its fraction, that a level in the fibre gives: the inverse of `level_dbm`."""
        off_c = self._off_c(temperature_c)
        at_diode = level_dbm - self.tap_db - self.intercept_db_per_c * off_c
        match self.law:
            case LogAmp(intercept_dbm=intercept_dbm):
                volts = (at_diode - intercept_dbm) / 10.0 * self._slope(self.law, off_c)
            case Linear(milliwatts_per_volt, dark_volts):
                volts = dark_volts + 10.0 ** (at_diode / 10.0) / milliwatts_per_volt
            case Table(knots):
                return _on_line(tuple((level, count) for count, level in knots), at_diode)
        return (volts - self.volts_at_zero_count) / self.volts_per_count

    @property
    def finest_step_db(self) -> float:
        """Return the smallest change of level that is more than the noise of the converter at any of its counts.

        Behind a logarithmic amplifier it is the same everywhere, behind a linear one it is found at the most light.
        """
        low, high = self.valid_counts
        ends = [high, *(count for count, _ in self.law.knots if low < count <= high)] if isinstance(self.law, Table) else [high]
        levels = [(self.level_dbm(end), self.level_dbm(end - SMALLEST_STEP_COUNTS)) for end in ends]
        return min((above - below for above, below in levels if below > -math.inf), default=0.0)

    def lost_below(self, los_dbm: float, temperature_c: float | None = None) -> int:
        """Return the count below which a sample is dark: never later than the limit in dBm says."""
        return math.ceil(_clamped(self.count_at(los_dbm, temperature_c) + SLACK_COUNTS))

    def back_above(self, clear_dbm: float, temperature_c: float | None = None) -> int:
        """Return the count above which a sample is lit again: never earlier than the limit in dBm says."""
        return math.floor(_clamped(self.count_at(clear_dbm, temperature_c) + SLACK_COUNTS))

    def step_knots(self, step_db: float, temperature_c: float | None = None) -> tuple[StepKnot, ...]:
        """Return the table by which a step of `step_db` is found without a logarithm.

        It never takes less than `step_db` for a step. Behind a logarithmic or a linear front end it takes at most 4 counts
        more; behind a table of up to 32 knots, of which only 15 fit, also what the lines between these are off: less than
        0.4 dB for a curve that waves by 0.3 dB about a straight line. Nothing below the floor is a step down.
        """
        low, high = self.valid_counts
        floor = min(max(math.ceil(_clamped(self.count_at(self.floor_dbm, temperature_c))), low + 1), high - 1)

        bends = [floor, *self._bends(step_db, floor, high, temperature_c), high]
        levels = [self.level_dbm(count, temperature_c) for count in bends]
        down, up = (
            {at: _clamped(self.count_at(level + by_db, temperature_c)) for at, level in zip(bends, levels, strict=True)}
            for by_db in (-step_db, step_db)
        )
        chosen = _chosen((down, up), KNOTS - 1)
        lows = _under(chosen, down)
        highs = [-height for height in _under(chosen, {at: -count for at, count in up.items()})]
        knots = [_knot(*each) for each in zip(chosen, lows, highs, strict=True)]
        return (StepKnot(floor - 1, -MOST_COUNT, knots[0].high), *knots)

    def _bends(self, step_db: float, low: int, high: int, temperature_c: float | None) -> list[int]:
        """Return the counts, apart from the ends, beside which the curves of a step have a corner."""
        edges = [self.level_dbm(MOST_COUNT, temperature_c) - step_db]
        if isinstance(self.law, Table):
            levels = [self.level_dbm(count, temperature_c) for count, _ in self.law.knots]
            edges += [level + by_db for level in levels for by_db in (-step_db, 0.0, step_db)]
        corners = [math.floor(_clamped(self.count_at(edge, temperature_c))) for edge in edges]
        return sorted({at for corner in corners for at in (corner, corner + 1) if low < at < high})

    def _volts(self, count: float) -> float:
        return self.volts_at_zero_count + count * self.volts_per_count

    def _off_c(self, temperature_c: float | None) -> float:
        return 0.0 if temperature_c is None else temperature_c - self.reference_c

    @staticmethod
    def _slope(law: LogAmp, off_c: float) -> float:
        return max(law.volts_per_decade + law.volts_per_decade_per_c * off_c, FLATTEST * law.volts_per_decade)


def _on_line(points: tuple[tuple[float, float], ...], x: float) -> float:
    """Return y at x on the lines through rising points; the outermost lines go on for ever."""
    place = min(max(bisect_right(points, x, key=lambda point: point[0]), 1), len(points) - 1)
    (x0, y0), (x1, y1) = points[place - 1], points[place]
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0)


def _clamped(count: float) -> float:
    return min(max(count, -MOST_COUNT), MOST_COUNT)


def _bounded(count: int) -> int:
    return min(max(count, -MOST_COUNT), MOST_COUNT)


def _knot(at: int, low: float, high: float) -> StepKnot:
    """Round away from the level, by one count more than needed: the loop interpolates in whole counts."""
    down = min(math.floor(low) - 1, at - SMALLEST_STEP_COUNTS)
    up = max(math.ceil(high) + 1, at + SMALLEST_STEP_COUNTS)
    return StepKnot(at, _bounded(down), _bounded(up))


Curve = Mapping[int, float]  # heights at all counts beside which it has a corner, rising


def _chosen(curves: tuple[Curve, ...], most: int) -> list[int]:
    """Choose so many counts that lines between them follow the curves best: always the worst one next."""
    every = list(curves[0])
    chosen = [every[0], every[-1]]
    while len(chosen) < most:
        off = [
            (abs(curve[at] - line) / max(abs(curve[at] - at), 1.0), at) for curve in curves for at, line in _lines(chosen, curve).items()
        ]
        worst, at = max(off, default=(0.0, 0))
        if worst < SLACK_COUNTS:
            break
        chosen = sorted({*chosen, at})
    return chosen


def _lines(chosen: list[int], curve: Curve) -> dict[int, float]:
    """Return for each count that was not chosen where the line between its chosen neighbours passes."""
    points = tuple((at, curve[at]) for at in chosen)
    return {at: _on_line(points, at) for at in curve if at not in chosen}


def _under(chosen: list[int], curve: Curve) -> list[float]:
    """Return heights for the chosen counts so that the lines between them lie nowhere above the curve."""
    lines = _lines(chosen, curve)
    excess = dict.fromkeys(chosen, 0.0)
    for left, right in pairwise(chosen):
        worst = max((line - curve[at] for at, line in lines.items() if left < at < right), default=0.0)
        excess[left], excess[right] = max(excess[left], worst), max(excess[right], worst)
    return [curve[at] - excess[at] for at in chosen]
