"""How well each piece of the line explains the readings, with everything that is not known integrated out.

Resistance, repeaters and the fault's resistance are bounds: a few narrow Gaussians side by side, because a single wide one states
too much near its edges and too little inside. Season, earth beds and the length of a piece are Gaussians of the right
variance. The earth potential is anywhere within its allowance and is integrated exactly (two error functions), for each of a few
profiles of it along the line. Given all that, the errors of the three equations (`equations`) are jointly Gaussian.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import erf, exp, pi, sqrt

from stationd.core.line.cable import repeater_v
from stationd.core.line.equations import FINEST_V, FaultV, Piece, Problem, Row, rows_at

HOPELESS = -300.0  # log likelihood below which a part adds nothing
_FLOOR = 1.0e-9  # V squared; against rounding when two equations say the same
_ROOT_2, _ROOT_3, _ROOT_2_PI = sqrt(2.0), sqrt(3.0), sqrt(2.0 * pi)
_SHARP = 1.0e-6  # standard deviations that the whole allowance of the earth potential makes; below that it does not show
# A rectangle of half width 1 as equal Gaussians: (centres, their standard deviation), same variance as the rectangle, smooth.
_FIVE = ((-0.768, -0.384, 0.0, 0.384, 0.768), 0.192)
_THREE = ((-0.594, 0.0, 0.594), 0.312)
_ONE = ((0.0,), 1 / _ROOT_3)
# How much of the earth potential lies before the fault, and how likely that is: nothing, half, all, and (added for each piece) as
# much as of the route. Assumption; the ends have most because what lies between them is covered with them.
_EVENLY = 0.2
_SHARES = ((0.0, 0.3), (0.5, 0.2), (1.0, 0.3))
_SMALL = 0.25  # bounds that are worth less than this share of the earth potential need no fine shape
_SMALL_FAULT = 0.05  # the same of the fault's own voltage

_Shape = tuple[tuple[float, ...], float]
_Vector = tuple[float, float, float]
_Profile = tuple[float, float]  # share before the fault, prior weight
_Direction = tuple[float, float, float, float, float]  # a vector of length 1, the length it had, weight


@dataclass(frozen=True, slots=True)
class _Shapes:
    """What the bounds of a problem are made of: shifts of resistance and repeaters, variances about them, half width of E."""

    shifts: tuple[tuple[float, float], ...]
    variances: _Vector
    bed_variance: float
    half_v: float
    faults: Sequence[FaultV]


def masses_of(problem: Problem, pieces: Sequence[Piece], *, fine: bool) -> tuple[list[float], float]:
    """Posterior mass of each piece (not normalised), and the log likelihood of the best, without its normaliser."""
    shapes = _shapes(problem, fine=fine)
    masses, best = [], HOPELESS
    for piece in pieces:
        profiles = ((piece.km / problem.cable.length_km, _EVENLY), *_SHARES)
        density, peak = _density(rows_at(problem, piece), shapes, profiles)
        masses.append(density * piece.weight)
        best = max(best, peak)
    return masses, best


def _shapes(problem: Problem, *, fine: bool) -> _Shapes:
    known, cable = problem.known, problem.cable
    half_v = max(known.earth_v_per_km * cable.length_km, known.voltage_sd_v, FINEST_V)
    current_a = max((feed.current_ma / 1000 for feed in (problem.a, problem.b) if feed is not None), default=0.0)
    line_v, steps_v = current_a * cable.ohm_per_km * cable.length_km, len(cable.repeaters_km) * repeater_v(cable, current_a)
    resistances, sd_r = _mixture(known.resistance_share, _shape(_FIVE, known.resistance_share * line_v / half_v, fine=fine))
    drops, sd_v = _mixture(known.repeater_share, _shape(_THREE, known.repeater_share * steps_v / half_v, fine=fine))
    return _Shapes(
        shifts=tuple((r, v) for r in resistances for v in drops),
        variances=(sd_r**2, known.shore_share**2 / 3, sd_v**2),
        bed_variance=known.sea_earth_ohm**2 / 3,
        half_v=half_v,
        faults=_fewer(problem.faults, _SMALL_FAULT * half_v) if fine else (_merged(problem.faults),),
    )


def _shape(finest: _Shape, importance: float, *, fine: bool) -> _Shape:
    """As many Gaussians as the bound deserves beside the earth potential."""
    if not fine or importance < _SMALL:
        return _ONE
    return finest if importance > 2 * _SMALL else _THREE


def _fewer(faults: tuple[FaultV, ...], small_v: float) -> tuple[FaultV, ...]:
    """The same with all that are small beside the earth potential as one."""
    small = [each for each in faults if abs(each[0]) + each[1] < small_v]
    if len(small) < 2:
        return faults
    weight = sum(each[2] for each in small)
    middle_v = sum(each[0] * each[2] for each in small) / weight
    variance = sum((each[1] ** 2 + (each[0] - middle_v) ** 2) * each[2] for each in small) / weight
    return ((middle_v, sqrt(variance), weight), *(each for each in faults if each not in small))


def _mixture(share: float, shape: _Shape) -> tuple[list[float], float]:
    centres, sd = shape
    return ([0.0], 0.0) if share == 0 else ([share * centre for centre in centres], share * sd)


def _merged(faults: tuple[FaultV, ...]) -> FaultV:
    """One Gaussian for all resistances of the fault, from zero to the highest, wide enough for the first pass."""
    highest_v = max((volts for volts, _, _ in faults), key=abs)
    return highest_v / 2, max(abs(highest_v) / 2, *(sd for _, sd, _ in faults)), 1.0


def _density(rows: tuple[Row, Row, Row], shapes: _Shapes, profiles: Sequence[_Profile]) -> tuple[float, float]:
    """Likelihood of the rows with the unknowns integrated out, and the best log likelihood among its parts."""
    total, best = 0.0, HOPELESS
    for volts, sd_v, weight in shapes.faults:
        root = _Root(rows, shapes, sd_v * sd_v)
        scale = weight * root.scale
        directions = tuple(_directions(rows, root, profiles))
        for left in _whitened(rows, root, volts, shapes.shifts):
            density, peak = _over_earth(left, directions, shapes.half_v)
            total += scale * density
            best = max(best, peak)
    return total, best


def _over_earth(left: _Vector, directions: Sequence[_Direction], half_v: float) -> tuple[float, float]:
    """Integral over the earth potential and its profiles of a Gaussian of the whitened residuals, and its best exponent."""
    a, d, q = left
    square, total, best = a * a + d * d + q * q, 0.0, HOPELESS
    for along_a, along_d, along_q, length, weight in directions:
        sds = half_v * length
        if sds < _SHARP:
            free, window, outside = square, 1.0, 0.0
        else:
            off = a * along_a + d * along_d + q * along_q
            free, outside = square - off * off, abs(off) - sds
            if free > 600.0 or outside > 24.0:
                continue
            inside = 2.0 if outside < -5.0 else erf((sds - off) / _ROOT_2) + erf((sds + off) / _ROOT_2)
            window = _ROOT_2_PI * inside / (4 * sds)
        total += weight * window * exp(-free / 2)
        best = max(best, -(free + max(0.0, outside) ** 2) / 2)
    return total, best


def _directions(rows: tuple[Row, Row, Row], root: _Root, profiles: Sequence[_Profile]) -> Iterator[_Direction]:
    """Where the whitened residuals go with the earth potential, for each of its profiles."""
    for near, weight in profiles:
        a, d, q = root.whitened(*(near * row.near + (1 - near) * row.far for row in rows))
        length = sqrt(a * a + d * d + q * q)
        unit = 1 / length if length > 0 else 0.0
        yield a * unit, d * unit, q * unit, length, weight


def _whitened(rows: tuple[Row, Row, Row], root: _Root, volts: float, shifts: Sequence[tuple[float, float]]) -> Iterator[_Vector]:
    """The residuals in standard deviations, at every shift of resistance and repeaters."""
    left = root.whitened(*(row.left - row.fault * volts for row in rows))
    by_r = root.whitened(*(row.resistance for row in rows))
    by_v = root.whitened(*(row.repeaters for row in rows))
    for r, v in shifts:
        yield left[0] - r * by_r[0] - v * by_v[0], left[1] - r * by_r[1] - v * by_v[1], left[2] - r * by_r[2] - v * by_v[2]


class _Root:
    """The triangular root of the covariance of A, D and Q, row by row (Cholesky)."""

    __slots__ = ("_aa", "_da", "_dd", "_qa", "_qd", "_qq")

    def __init__(self, rows: tuple[Row, Row, Row], shapes: _Shapes, fault: float) -> None:
        a, d, q = rows
        self._aa = sqrt(_covariance(a, a, shapes, fault) + a.variance)
        self._da = _covariance(d, a, shapes, fault) / self._aa
        self._dd = sqrt(max(_FLOOR, _covariance(d, d, shapes, fault) + d.variance - self._da**2))
        self._qa = _covariance(q, a, shapes, fault) / self._aa
        self._qd = (_covariance(q, d, shapes, fault) + d.with_q - self._qa * self._da) / self._dd
        self._qq = sqrt(max(_FLOOR, _covariance(q, q, shapes, fault) + q.variance - self._qa**2 - self._qd**2))

    @property
    def scale(self) -> float:
        """The normaliser of the Gaussian, but for a constant."""
        return 1 / (self._aa * self._dd * self._qq)

    def whitened(self, a: float, d: float, q: float) -> _Vector:
        """Return volts of the three equations as independent ones with a standard deviation of 1."""
        free_a = a / self._aa
        free_d = (d - self._da * free_a) / self._dd
        return free_a, free_d, (q - self._qa * free_a - self._qd * free_d) / self._qq


def _covariance(one: Row, two: Row, shapes: _Shapes, fault: float) -> float:
    resistance, shore, repeaters = shapes.variances
    return (
        resistance * one.resistance * two.resistance
        + shore * one.shore * two.shore
        + repeaters * one.repeaters * two.repeaters
        + fault * one.fault * two.fault
        + one.smear * two.smear
        + shapes.bed_variance * (one.beds[0] * two.beds[0] + one.beds[1] * two.beds[1])
    )
