"""The honest interval of a shunt or cut: a posterior over the place, and its k = 2 interval.

Given are the readings after the event and, best, the sum of both voltages just before it. Not known are the resistance of
the conductor (whole line, and near the shores by season), the drop of the repeaters, the earth potential, the resistance of
the fault and the errors of the meters; their bounds are those of `Uncertainty`. For each piece of the line they are integrated
out in closed form, as the guide to the expression of uncertainty does for type B components, with two refinements: bounds
are kept as bounds (a few narrow Gaussians side by side instead of one wide one), because a single wide Gaussian states too much
near its edges and too little inside; and the earth potential is integrated exactly (two error functions).

Three equations carry the information. E is the earth potential, V_f = R_f (I_A - I_B) the voltage of the fault:
    A:  V_A           = I_A (R' x + R_e) + n V_r + V_f
    D:  S_0 - V_B     = I_0 (R' L + 2 R_e) + N V_r - I_B (R' (L - x) + R_e) - (N - n) V_r + V_f    (S_0: sum before, E cancels)
    Q:  V_B           = I_B (R' (L - x) + R_e) + (N - n) V_r - V_f + E
The fault is referred to the earth of end a, as in the published model of this line; a gradient along the sea bed is all in E.

A first pass looks at pieces of about 1 km everywhere (each piece is smeared over its length, so nothing narrow is missed), a
second one divides those that matter. A repeater is a piece without length, within whose voltage step the fault may lie.
Pure arithmetic, the same input gives the same interval; 20 to 60 ms in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, erf, exp, inf, log, sqrt

from stationd.core.line.cable import repeater_v
from stationd.core.line.uncertainty import Ends, Uncertainty
from stationd.core.line.words import Cable, Feed, Interval

_TAIL = 0.02275  # outside of k = 2 on each side
_FIRST_PIECES, _SECOND_PIECES = 400, 150  # of the whole line, of what matters
_STEPS_IN_REPEATER = 4
_REPEATER_KM = 1.0  # assumption: a repeater with its tails is hit as often as so much cable
_DUST = 1.0e-6  # a piece with less than this of the likeliest is left out of the second pass
_SURPRISE = -12.5  # log likelihood of 5 standard deviations: figures beyond that contradict the stated bounds
_WIDENINGS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)
_SHARES = (0.0, 0.03, 0.1, 0.25, 0.4, 0.6, 0.8, 1.0)  # of the highest resistance of the fault
_SMALLEST_SHARE = 1.0e-3  # where the logarithmic half of the prior of the resistance begins
_HOPELESS = -300.0  # log likelihood below which a part adds nothing
_FLOOR = 1.0e-9  # V squared; against rounding when two equations say the same
_FINEST_V = 1.0e-3  # no meter and no earth potential is taken to be known better
_ROOT_2, _ROOT_3, _ROOT_12 = sqrt(2.0), sqrt(3.0), sqrt(12.0)
# A rectangle of half width 1 as equal Gaussians: (centres, their standard deviation), same variance as the rectangle, smooth.
_FIVE = ((-0.768, -0.384, 0.0, 0.384, 0.768), 0.192)
_THREE = ((-0.594, 0.0, 0.594), 0.312)
_ONE = ((0.0,), 1 / _ROOT_3)

_Shift = tuple[float, float]  # shift of the resistance and of the repeaters, as shares
_FaultV = tuple[float, float, float]  # mean and standard deviation of V_f, prior weight


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of cable, or (without length) a part of the step of a repeater. `before` counts repeaters before it."""

    low_km: float
    high_km: float
    before: float
    weight: float
    repeater: int | None = None

    @property
    def km(self) -> float:
        return (self.low_km + self.high_km) / 2


@dataclass(frozen=True, slots=True)
class _Row:
    """One equation at one piece: measured minus model (V), what each unknown changes in the model (V), the meters' variance.

    `with_q` is the covariance of the meters' error with that of Q.
    """

    left: float = 0.0
    resistance: float = 0.0
    shore: float = 0.0
    repeaters: float = 0.0
    fault: float = 0.0
    smear: float = 0.0
    variance: float = 1.0
    with_q: float = 0.0


_NOTHING = _Row()  # stands for an equation that has no reading; it fits everything equally well


@dataclass(frozen=True, slots=True)
class _Problem:
    """Everything but the piece. `sum_v` and `sum_a` are from before the event, None without."""

    cable: Cable
    known: Uncertainty
    a: Feed | None
    b: Feed | None
    sum_v: float | None
    sum_a: float
    faults: tuple[_FaultV, ...]
    own_electrode_b: bool


def shunt_place(cable: Cable, after: Ends, before: Ends | None, known: Uncertainty) -> tuple[Interval, int | None]:
    """The interval of a shunt, and the repeater (counted from 1) when it most probably is at one. At least one end after it."""
    sum_v, sum_a = None, 0.0
    if before is not None and before.a is not None and before.b is not None and after.b is not None:
        sum_v = before.a.voltage_v + before.b.voltage_v
        sum_a = (before.a.current_ma + before.b.current_ma) / 2000
    current_a, sd_a = _fault_current(cable, after, before, known)
    faults = _fault_volts(current_a, sd_a, known.fault_ohm, favour_low=True)
    return _place(_Problem(cable, known, after.a, after.b, sum_v, sum_a, faults, own_electrode_b=False))


def cut_place(cable: Cable, after: Ends, known: Uncertainty) -> tuple[Interval, int | None]:
    """The interval of a cut: each end that is given feeds to the sea through an electrode of its own."""
    current_a = after.a.current_ma / 1000 if after.a is not None else 0.0
    faults = _fault_volts(current_a, 0.0, known.electrode_ohm, favour_low=False)
    return _place(_Problem(cable, known, after.a, after.b, None, 0.0, faults, own_electrode_b=True))


def _place(problem: _Problem) -> tuple[Interval, int | None]:
    """Find the interval; figures that contradict the stated bounds widen them until they do not."""
    first = list(_pieces(problem.cable))
    for widening in _WIDENINGS:
        wider = replace(problem, known=_widened(problem.known, widening))
        masses, best = _masses(wider, first, fine=False)
        if best > _SURPRISE:
            second = _divided(first, masses)
            masses, best = _masses(wider, second, fine=True)
            if best > _HOPELESS:
                return _interval(second, masses, problem.cable)
    length_km = problem.cable.length_km
    return Interval(length_km / 2, 0.0, length_km), None


def _widened(known: Uncertainty, factor: float) -> Uncertainty:
    return known if factor == 1 else replace(
        known,
        voltage_noise_v=known.voltage_noise_v * factor,
        voltage_resolution_v=known.voltage_resolution_v * factor,
        current_noise_ma=known.current_noise_ma * factor,
        resistance_share=min(0.5, known.resistance_share * factor),
        repeater_share=min(0.5, known.repeater_share * factor),
        earth_v_per_km=known.earth_v_per_km * factor,
    )


# What the fault itself may drop


def _fault_current(cable: Cable, after: Ends, before: Ends | None, known: Uncertainty) -> tuple[float, float]:
    """Current through a shunt and its standard deviation, A: measured, and what the droop of the feeds makes of the voltages."""
    guess_a, guess_sd_a = _from_droop(cable, after, before, known)
    if after.a is None or after.b is None:
        return guess_a, guess_sd_a
    measured_ma, variance = after.a.current_ma - after.b.current_ma, 2 * known.current_sd_ma**2
    if before is not None and before.a is not None and before.b is not None:
        measured_ma, variance = measured_ma - before.a.current_ma + before.b.current_ma, 2 * variance
    measured_sd_a = sqrt(variance) / 1000 + 1e-9
    if abs(measured_ma / 1000 - guess_a) > 4 * (measured_sd_a + guess_sd_a):
        return measured_ma / 1000, measured_sd_a  # the far end does not feed, or one feed is at its voltage limit
    weight, guess_weight = measured_sd_a**-2, guess_sd_a**-2
    whole = weight + guess_weight
    return (weight * measured_ma / 1000 + guess_weight * guess_a) / whole, whole**-0.5


def _from_droop(cable: Cable, after: Ends, before: Ends | None, known: Uncertainty) -> tuple[float, float]:
    """The fault current, A, when both ends feed and give up `droop_s` per volt; the far end's change is taken as opposite."""
    steps = []
    earlier = Ends() if before is None else before
    for now, then, sign in ((after.a, earlier.a, -1.0), (after.b, earlier.b, 1.0)):
        if now is not None and now.current_ma > 0:
            half_v = (now.current_ma / 1000 * cable.ohm_per_km * cable.length_km + len(cable.repeaters_km) * cable.repeater_drop_v) / 2
            steps.append(sign * (now.voltage_v - (half_v if then is None else then.voltage_v)))
    across_v = sum(steps) * (2 / len(steps)) if steps else 0.0
    guess_a = known.droop_s * across_v
    return guess_a, abs(guess_a) * known.droop_share + known.droop_s * 4 * known.voltage_sd_v + 1e-9


def _fault_volts(current_a: float, sd_a: float, highest_ohm: float, *, favour_low: bool) -> tuple[_FaultV, ...]:
    """V_f in steps of the fault's resistance: half of the prior is uniform, half logarithmic, when low values are favoured."""
    made = []
    for low, high in pairwise(_SHARES):
        middle_ohm, width_ohm = highest_ohm * (low + high) / 2, highest_ohm * (high - low)
        sd_v = sqrt((width_ohm * current_a) ** 2 / 12 + (middle_ohm * sd_a) ** 2)
        decades = log(high / max(low, _SMALLEST_SHARE)) / -log(_SMALLEST_SHARE)
        made.append((middle_ohm * current_a, sd_v, (high - low + decades) / 2 if favour_low else high - low))
    return tuple(made)


# Pieces of the line


def _pieces(cable: Cable) -> Iterator[_Piece]:
    step_km = max(1.0, cable.length_km / _FIRST_PIECES)
    stops = (0.0, *cable.repeaters_km, cable.length_km)
    for before, (low_km, high_km) in enumerate(pairwise(stops)):
        yield from _split(_Piece(low_km, high_km, float(before), high_km - low_km), max(2, ceil((high_km - low_km) / step_km)))
        if before < len(cable.repeaters_km):
            for part in range(_STEPS_IN_REPEATER):
                inside = before + (part + 0.5) / _STEPS_IN_REPEATER
                yield _Piece(high_km, high_km, inside, _REPEATER_KM / _STEPS_IN_REPEATER, before + 1)


def _split(piece: _Piece, parts: int) -> Iterator[_Piece]:
    width_km = (piece.high_km - piece.low_km) / parts
    for part in range(parts):
        low_km = piece.low_km + part * width_km
        yield replace(piece, low_km=low_km, high_km=low_km + width_km, weight=width_km)


def _divided(pieces: Sequence[_Piece], masses: Sequence[float]) -> list[_Piece]:
    """Those pieces that matter, in smaller ones."""
    least = _DUST * max(mass / piece.weight for piece, mass in zip(pieces, masses, strict=True))
    kept = [piece for piece, mass in zip(pieces, masses, strict=True) if mass / piece.weight >= least]
    parts = max(1, _SECOND_PIECES // max(1, sum(piece.repeater is None for piece in kept)))
    return [small for piece in kept for small in ((piece,) if piece.repeater is not None else _split(piece, parts))]


def _shore_km(cable: Cable, known: Uncertainty, km: float) -> float:
    """How much of the way from end a to km lies in shallow water."""
    shore_km = min(known.shore_km, cable.length_km / 2)
    return min(km, shore_km) + max(0.0, km - (cable.length_km - shore_km))


# Likelihood


def _rows(problem: _Problem, piece: _Piece) -> tuple[_Row, _Row, _Row]:
    """Equations A, D and Q."""
    a = _NOTHING if problem.a is None else _row_a(problem, problem.a, piece)
    q = _NOTHING if problem.b is None else _row_q(problem, problem.b, piece)
    d = _NOTHING if problem.sum_v is None else _row_d(problem, problem.sum_v, q)
    return a, d, q


def _row_a(problem: _Problem, feed: Feed, piece: _Piece) -> _Row:
    cable, known, current_a, km = problem.cable, problem.known, feed.current_ma / 1000, piece.km
    conductor_v, steps_v = current_a * cable.ohm_per_km * km, piece.before * repeater_v(cable, current_a)
    shore_v = current_a * cable.ohm_per_km * _shore_km(cable, known, km)
    left_v = feed.voltage_v - conductor_v - current_a * cable.sea_earth_ohm - steps_v
    variance = known.voltage_sd_v**2 + _FINEST_V**2 + (cable.ohm_per_km * km * known.current_sd_ma / 1000) ** 2
    variance += _idle_variance(problem, current_a)
    return _Row(left_v, conductor_v, shore_v, steps_v, 1.0, _smear_v(cable, current_a, piece), variance)


def _row_q(problem: _Problem, feed: Feed, piece: _Piece) -> _Row:
    cable, known, current_a, reach_km = problem.cable, problem.known, feed.current_ma / 1000, problem.cable.length_km - piece.km
    conductor_v = current_a * cable.ohm_per_km * reach_km
    steps_v = (len(cable.repeaters_km) - piece.before) * repeater_v(cable, current_a)
    shore_v = current_a * cable.ohm_per_km * (_shore_km(cable, known, cable.length_km) - _shore_km(cable, known, piece.km))
    electrode_v = current_a * known.electrode_ohm if problem.own_electrode_b else 0.0
    left_v = feed.voltage_v - conductor_v - current_a * cable.sea_earth_ohm - steps_v - electrode_v / 2 - known.earth_v
    variance = known.voltage_sd_v**2 + _FINEST_V**2 + electrode_v**2 / 12 + (cable.ohm_per_km * reach_km * known.current_sd_ma / 1000) ** 2
    variance += _idle_variance(problem, current_a)
    fault = 0.0 if problem.own_electrode_b else -1.0
    return _Row(left_v, conductor_v, shore_v, steps_v, fault, -_smear_v(cable, current_a, piece), variance)


def _row_d(problem: _Problem, sum_v: float, q: _Row) -> _Row:
    """The sum before minus Q: the earth potential cancels."""
    cable, known, current_a = problem.cable, problem.known, problem.sum_a
    conductor_v = current_a * cable.ohm_per_km * cable.length_km
    steps_v = len(cable.repeaters_km) * repeater_v(cable, current_a)
    shore_v = current_a * cable.ohm_per_km * _shore_km(cable, known, cable.length_km)
    left_v = sum_v - conductor_v - 2 * current_a * cable.sea_earth_ohm - steps_v - known.earth_v - q.left
    variance = 2 * known.voltage_sd_v**2 + (cable.ohm_per_km * cable.length_km * known.current_sd_ma / 1000) ** 2 / 2 + q.variance
    unknowns = (conductor_v - q.resistance, shore_v - q.shore, steps_v - q.repeaters, -q.fault, -q.smear)
    return _Row(left_v, *unknowns, variance, -q.variance)


def _idle_variance(problem: _Problem, current_a: float) -> float:
    """Below the knee of the repeaters the panel hides the sign of the current, and the earth potential may drive it: V squared."""
    known, cable = problem.known, problem.cable
    return (known.earth_v_per_km * cable.length_km) ** 2 if current_a < cable.repeater_knee_a else 0.0


def _smear_v(cable: Cable, current_a: float, piece: _Piece) -> float:
    """Standard deviation, V, of the model within a piece."""
    if piece.repeater is not None:
        return repeater_v(cable, current_a) / _STEPS_IN_REPEATER / _ROOT_12
    return current_a * cable.ohm_per_km * (piece.high_km - piece.low_km) / _ROOT_12


def _masses(problem: _Problem, pieces: Sequence[_Piece], *, fine: bool) -> tuple[list[float], float]:
    """Posterior mass of each piece (not normalised), and the log likelihood of the best, without its normaliser."""
    known = problem.known
    resistances, sd_r = _mixture(known.resistance_share, _FIVE if fine else _ONE)
    drops, sd_v = _mixture(known.repeater_share, _THREE if fine else _ONE)
    shifts = [(r, v) for r in resistances for v in drops]
    variances = (sd_r**2, known.shore_share**2 / 3, sd_v**2)
    half_v = max(known.earth_v_per_km * problem.cable.length_km, known.voltage_sd_v, _FINEST_V) if problem.b is not None else inf
    faults = problem.faults if fine else (_merged(problem.faults),)
    masses, best = [], -inf
    for piece in pieces:
        density, peak = _density(_rows(problem, piece), shifts, variances, faults, half_v)
        masses.append(density * piece.weight)
        best = max(best, peak)
    return masses, best


def _mixture(share: float, shape: tuple[tuple[float, ...], float]) -> tuple[list[float], float]:
    centres, sd = shape
    return ([0.0], 0.0) if share == 0 else ([share * centre for centre in centres], share * sd)


def _merged(faults: tuple[_FaultV, ...]) -> _FaultV:
    """One Gaussian for all resistances of the fault, from zero to the highest, wide enough for the first pass."""
    middle_v = (faults[0][0] + faults[-1][0]) / 2
    return middle_v, max(abs(faults[-1][0]) / 2, *(sd for _, sd, _ in faults)), 1.0


def _density(
    rows: tuple[_Row, _Row, _Row],
    shifts: Sequence[_Shift],
    variances: tuple[float, float, float],
    faults: Sequence[_FaultV],
    half_v: float,
) -> tuple[float, float]:
    """Likelihood of the rows with the unknowns integrated out, and the best log likelihood among its parts."""
    a, d, q = rows
    left = [
        tuple(row.left - row.resistance * shift_r - row.repeaters * shift_v for row in rows) for shift_r, shift_v in shifts
    ]
    total, best = 0.0, _HOPELESS
    for volts, sd_v, weight in faults:
        aa, da, dd, qa, qd, qq = _cholesky(a, d, q, variances, sd_v * sd_v)
        scale, root = weight / (aa * dd), _ROOT_2 * qq
        for left_a, left_d, left_q in left:
            a_free = (left_a - a.fault * volts) / aa
            d_free = (left_d - d.fault * volts - da * a_free) / dd
            log_peak = -(a_free * a_free + d_free * d_free) / 2
            if log_peak < _HOPELESS:
                continue
            q_left = left_q - q.fault * volts - qa * a_free - qd * d_free
            window = (erf((q_left + half_v) / root) - erf((q_left - half_v) / root)) / 2
            if window > 0:
                total += scale * exp(log_peak) * window
                best = max(best, log_peak + log(window))
    return total, best


def _cholesky(
    a: _Row, d: _Row, q: _Row, variances: tuple[float, float, float], fault: float
) -> tuple[float, float, float, float, float, float]:
    """The triangular root of the covariance of A, D and Q, row by row."""
    resistance, shore, repeaters = variances

    def together(one: _Row, two: _Row) -> float:
        return (
            resistance * one.resistance * two.resistance
            + shore * one.shore * two.shore
            + repeaters * one.repeaters * two.repeaters
            + fault * one.fault * two.fault
            + one.smear * two.smear
        )

    aa = sqrt(together(a, a) + a.variance)
    da = together(d, a) / aa
    dd = sqrt(together(d, d) + d.variance - da * da)
    qa = together(q, a) / aa
    qd = (together(q, d) + d.with_q - qa * da) / dd
    return aa, da, dd, qa, qd, sqrt(max(_FLOOR, together(q, q) + q.variance - qa * qa - qd * qd))


def _interval(pieces: Sequence[_Piece], masses: Sequence[float], cable: Cable) -> tuple[Interval, int | None]:
    """Median and k = 2 interval of the posterior, and the repeater that carries most of it, if one does.

    An interval that ends among the tails of a repeater reaches to the repeater: it cannot tell one from the other.
    """
    whole = sum(masses)
    low_km, km, high_km = (_quantile(pieces, masses, whole * share) for share in (_TAIL, 0.5, 1 - _TAIL))
    low_km = min([low_km, *(at for at in cable.repeaters_km if low_km - _REPEATER_KM / 2 <= at < low_km)])
    high_km = max([high_km, *(at for at in cable.repeaters_km if high_km < at <= high_km + _REPEATER_KM / 2)])
    inside: dict[int, float] = {}
    for piece, mass in zip(pieces, masses, strict=True):
        if piece.repeater is not None:
            inside[piece.repeater] = inside.get(piece.repeater, 0.0) + mass
    repeater = next((number for number, mass in inside.items() if mass > whole / 2), None)
    return Interval(min(max(km, low_km), high_km), low_km, high_km), repeater


def _quantile(pieces: Sequence[_Piece], masses: Sequence[float], wanted: float) -> float:
    below = 0.0
    for piece, mass in zip(pieces, masses, strict=True):
        if below + mass >= wanted and mass > 0:
            return piece.low_km + (piece.high_km - piece.low_km) * (wanted - below) / mass
        below += mass
    return pieces[-1].high_km
