"""The equations of a shunt or cut at one piece of the line: measured minus model, and what each unknown changes in the model.

Three equations carry the information. E is the earth potential (earth of b minus earth of a), p the share of it that lies between
station a and the fault, V_f = R_f (I_A - I_B) the voltage of the fault, R_a and R_b the earth beds:
    A:  V_A           = I_A (R' x + R_a) + n V_r + V_f + p E
    D:  S_0 - V_B     = I_0 (R' L + R_a + R_b) + N V_r - I_B (R' (L - x) + R_b) - (N - n) V_r + V_f + p E    (S_0: sum before)
    Q:  V_B           = I_B (R' (L - x) + R_b) + (N - n) V_r - V_f + (1 - p) E
Neither end sees where along the sea the earth potential lies. It is p = 0 in the published model of this line (all of it at end
b), x / L where it rises evenly along the route, 1 where it is all at end a; a constant error of the voltmeter of one end is
the same as an earth potential at that end.
Pure arithmetic; the unknowns are integrated out in `likelihood`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from stationd.core.line.cable import repeater_v
from stationd.core.line.uncertainty import Uncertainty
from stationd.core.line.words import Cable, Feed

STEPS_IN_REPEATER = 4
FINEST_V = 1.0e-3  # no meter and no earth potential is taken to be known better
_ROOT_12 = sqrt(12.0)

FaultV = tuple[float, float, float]
"""Mean and standard deviation of V_f, and its prior weight."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of cable, or (without length) a part of the step of a repeater. `before` counts repeaters before it."""

    low_km: float
    high_km: float
    before: float
    weight: float
    repeater: int | None = None

    @property
    def km(self) -> float:
        """Its middle."""
        return (self.low_km + self.high_km) / 2


@dataclass(frozen=True, slots=True)
class Row:
    """One equation at one piece: measured minus model (V), what each unknown changes in the model (V), the meters' variance.

    `beds` are the currents (A) in the earth beds of a and b; `near` and `far` what E has in it before and beyond the fault.
    `with_q` is the covariance of the meters' error with that of Q.
    """

    left: float = 0.0
    resistance: float = 0.0
    shore: float = 0.0
    repeaters: float = 0.0
    fault: float = 0.0
    smear: float = 0.0
    beds: tuple[float, float] = (0.0, 0.0)
    near: float = 0.0
    far: float = 0.0
    variance: float = 1.0
    with_q: float = 0.0


_NOTHING = Row()  # stands for an equation that has no reading; it fits everything equally well


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything but the piece. `sum_v` and `sum_a` are from before the event, None without."""

    cable: Cable
    known: Uncertainty
    a: Feed | None
    b: Feed | None
    sum_v: float | None
    sum_a: float
    faults: tuple[FaultV, ...]
    own_electrode_b: bool


def rows_at(problem: Problem, piece: Piece) -> tuple[Row, Row, Row]:
    """Equations A, D and Q."""
    a = _NOTHING if problem.a is None else _row_a(problem, problem.a, piece)
    q = _NOTHING if problem.b is None else _row_q(problem, problem.b, piece)
    d = _NOTHING if problem.sum_v is None else _row_d(problem, problem.sum_v, q)
    return a, d, q


def _row_a(problem: Problem, feed: Feed, piece: Piece) -> Row:
    cable, known, current_a, km = problem.cable, problem.known, feed.current_ma / 1000, piece.km
    conductor_v, steps_v = current_a * cable.ohm_per_km * km, piece.before * repeater_v(cable, current_a)
    return Row(
        left=feed.voltage_v - conductor_v - current_a * cable.sea_earth_ohm - steps_v - known.earth_v * km / cable.length_km,
        resistance=conductor_v,
        shore=current_a * cable.ohm_per_km * _shore_km(cable, known, km),
        repeaters=steps_v,
        fault=1.0,
        smear=_smear_v(cable, current_a, piece),
        beds=(current_a, 0.0),
        near=1.0,
        variance=_meter_variance(problem, current_a, km) + _idle_variance(problem, current_a),
    )


def _row_q(problem: Problem, feed: Feed, piece: Piece) -> Row:
    cable, known, current_a, reach_km = problem.cable, problem.known, feed.current_ma / 1000, problem.cable.length_km - piece.km
    conductor_v = current_a * cable.ohm_per_km * reach_km
    steps_v = (len(cable.repeaters_km) - piece.before) * repeater_v(cable, current_a)
    electrode_v = current_a * known.electrode_ohm if problem.own_electrode_b else 0.0
    earth_v = known.earth_v * reach_km / cable.length_km
    return Row(
        left=feed.voltage_v - conductor_v - current_a * cable.sea_earth_ohm - steps_v - electrode_v / 2 - earth_v,
        resistance=conductor_v,
        shore=current_a * cable.ohm_per_km * (_shore_km(cable, known, cable.length_km) - _shore_km(cable, known, piece.km)),
        repeaters=steps_v,
        fault=0.0 if problem.own_electrode_b else -1.0,
        smear=-_smear_v(cable, current_a, piece),
        beds=(0.0, current_a),
        far=1.0,
        variance=_meter_variance(problem, current_a, reach_km) + electrode_v**2 / 12 + _idle_variance(problem, current_a),
    )


def _row_d(problem: Problem, sum_v: float, q: Row) -> Row:
    """The sum before minus Q: what of the earth potential is beyond the fault cancels."""
    cable, known, current_a = problem.cable, problem.known, problem.sum_a
    conductor_v = current_a * cable.ohm_per_km * cable.length_km
    steps_v = len(cable.repeaters_km) * repeater_v(cable, current_a)
    shore_v = current_a * cable.ohm_per_km * _shore_km(cable, known, cable.length_km)
    current_variance = (cable.ohm_per_km * cable.length_km * known.current_sd_ma / 1000) ** 2 / 2
    return Row(
        left=sum_v - conductor_v - 2 * current_a * cable.sea_earth_ohm - steps_v - known.earth_v - q.left,
        resistance=conductor_v - q.resistance,
        shore=shore_v - q.shore,
        repeaters=steps_v - q.repeaters,
        fault=-q.fault,
        smear=-q.smear,
        beds=(current_a, current_a - q.beds[1]),
        near=1.0,
        far=1.0 - q.far,
        variance=2 * known.voltage_sd_v**2 + current_variance + q.variance,
        with_q=-q.variance,
    )


def _shore_km(cable: Cable, known: Uncertainty, km: float) -> float:
    """How much of the way from end a to km lies in shallow water."""
    shore_km = min(known.shore_km, cable.length_km / 2)
    return min(km, shore_km) + max(0.0, km - (cable.length_km - shore_km))


def _meter_variance(problem: Problem, current_a: float, reach_km: float) -> float:
    """Of the voltmeter, and of the ammeter by the voltage that its error is worth up to the fault: V squared."""
    known, cable = problem.known, problem.cable
    knee_ohm = repeater_v(cable, current_a) / current_a if 0 < current_a < cable.repeater_knee_a else 0.0
    ohm = cable.ohm_per_km * reach_km + len(cable.repeaters_km) * knee_ohm
    return known.voltage_sd_v**2 + FINEST_V**2 + (ohm * known.current_sd_ma / 1000) ** 2


def _idle_variance(problem: Problem, current_a: float) -> float:
    """Below the knee of the repeaters the panel hides the sign of the current, and the earth potential may drive it: V squared."""
    known, cable = problem.known, problem.cable
    return (known.earth_v_per_km * cable.length_km) ** 2 if current_a < cable.repeater_knee_a else 0.0


def _smear_v(cable: Cable, current_a: float, piece: Piece) -> float:
    """Standard deviation, V, of the model within a piece."""
    if piece.repeater is not None:
        return repeater_v(cable, current_a) / STEPS_IN_REPEATER / _ROOT_12
    return current_a * cable.ohm_per_km * (piece.high_km - piece.low_km) / _ROOT_12
