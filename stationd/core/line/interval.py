"""The honest interval of a shunt or cut: a posterior over the place, and its k = 2 interval.

Given are the readings after the event and, best, the sum of both voltages just before it. Not known are the resistance of
the conductor (whole line, and near the shores by season), the drop of the repeaters, the earth potential, the resistance of
the fault and the errors of the meters; their bounds are those of `Uncertainty`. For each piece of the line they are integrated
out in `likelihood`, which states the equations.

A first pass looks at pieces of about 1 km everywhere (each piece is smeared over its length, so nothing narrow is missed), a
second one divides those that matter. A repeater is a piece without length, within whose voltage step the fault may lie.
Pure arithmetic, the same input gives the same interval; 20 to 40 ms in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil, log, sqrt

from stationd.core.line.cable import carries_all
from stationd.core.line.equations import STEPS_IN_REPEATER, FaultV, Piece, Problem
from stationd.core.line.likelihood import HOPELESS, masses_of
from stationd.core.line.uncertainty import Ends, Uncertainty
from stationd.core.line.words import Cable, End, Feed, Interval

_TAIL = 0.02275  # outside of k = 2 on each side
_FIRST_PIECES, _SECOND_PIECES = 400, 100  # of the whole line, of what matters
_REPEATER_KM = 1.0  # assumption: a repeater with its tails is hit as often as so much cable
_DUST = 1.0e-6  # a piece with less than this of the likeliest is left out of the second pass
_SURPRISE = -12.5  # log likelihood of 5 standard deviations: figures beyond that contradict the stated bounds
_WIDENINGS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)
_SHARES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.4, 0.6, 0.8, 1.0)  # of the highest resistance of the fault
_BARE = 0.25  # against 1 for all others: a conductor that lies bare in the sea; assumption
_SMALLEST_SHARE = 1.0e-3  # where the logarithmic half of the prior of the resistance begins


def shunt_place(cable: Cable, after: Ends, before: Ends | None, known: Uncertainty) -> tuple[Interval, int | None]:
    """The interval of a shunt, and the repeater (counted from 1) when it most probably is at one. At least one end after it."""
    sum_v, sum_a = None, 0.0
    if before is not None and before.a is not None and before.b is not None and after.b is not None:
        sum_v = before.a.voltage_v + before.b.voltage_v
        sum_a = (before.a.current_ma + before.b.current_ma) / 2000
    current_a, sd_a = _fault_current(cable, after, before, known)
    faults = _fault_volts(current_a, sd_a, known.fault_ohm, favour_low=True)
    return _place(Problem(cable, known, after.a, after.b, sum_v, sum_a, faults, own_electrode_b=False))


def cut_place(cable: Cable, after: Ends, known: Uncertainty) -> tuple[Interval, int | None]:
    """The interval of a cut: each end that is given feeds to the sea through an electrode of its own."""
    current_a = after.a.current_ma / 1000 if after.a is not None else 0.0
    faults = _fault_volts(current_a, 0.0, known.electrode_ohm, favour_low=False)
    return _place(Problem(cable, known, after.a, after.b, None, 0.0, faults, own_electrode_b=True))


def _place(problem: Problem) -> tuple[Interval, int | None]:
    """Find the interval; figures that contradict the stated bounds widen them until they do not."""
    first = list(_pieces(problem.cable))
    for widening in _WIDENINGS:
        wider = replace(problem, known=_widened(problem.known, widening))
        masses, best = masses_of(wider, first, fine=False)
        if best > _SURPRISE:
            second = _divided(first, masses)
            masses, best = masses_of(wider, second, fine=True)
            if best > HOPELESS:
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
    """The fault current, A, when each feed gives up its droop per volt; an end that is not known is taken as opposite.

    With one end alone that carried the whole line before, the fault may take anything from nothing to all of its current.
    """
    earlier = Ends() if before is None else before
    ends = ((End.A, after.a, earlier.a, -1.0), (End.B, after.b, earlier.b, 1.0))
    steps = {end: sign * _step_v(cable, now, then) for end, now, then, sign in ends if now is not None and now.current_ma > 0}
    if not steps:
        return 0.0, 1e-9
    for _, now, then, sign in ends:
        if len(steps) == 1 and now is not None and then is not None and carries_all(cable, then, known):
            return -sign * now.current_ma / 2000, now.current_ma / 2000
    mean_v = sum(steps.values()) / len(steps)
    low_a = sum(known.droop(end).low_s * steps.get(end, mean_v) for end in End)
    high_a = sum(known.droop(end).high_s * steps.get(end, mean_v) for end in End)
    noise_a = (known.droop_a.middle_s + known.droop_b.middle_s) * 2 * known.voltage_sd_v
    return (low_a + high_a) / 2, abs(high_a - low_a) / 2 + noise_a + 1e-9


def _step_v(cable: Cable, now: Feed, then: Feed | None) -> float:
    """How far the voltage of an end moved; where its past is not known, from half of the line's."""
    half_v = (now.current_ma / 1000 * cable.ohm_per_km * cable.length_km + len(cable.repeaters_km) * cable.repeater_drop_v) / 2
    return now.voltage_v - (half_v if then is None else then.voltage_v)


def _fault_volts(current_a: float, sd_a: float, highest_ohm: float, *, favour_low: bool) -> tuple[FaultV, ...]:
    """V_f in steps of the fault's resistance. When low values are favoured, the prior is uniform, logarithmic, and none at all."""
    made = []
    for low, high in pairwise(_SHARES):
        middle_ohm, width_ohm = highest_ohm * (low + high) / 2, highest_ohm * (high - low)
        sd_v = sqrt((width_ohm * current_a) ** 2 / 12 + (middle_ohm * sd_a) ** 2)
        decades = log(high / max(low, _SMALLEST_SHARE)) / -log(_SMALLEST_SHARE)
        made.append((middle_ohm * current_a, sd_v, (high - low + decades) / 2 if favour_low else high - low))
    if favour_low:
        made.append((0.0, 1e-9, _BARE))
    return tuple(made)


# Pieces of the line


def _pieces(cable: Cable) -> Iterator[Piece]:
    step_km = max(1.0, cable.length_km / _FIRST_PIECES)
    stops = (0.0, *cable.repeaters_km, cable.length_km)
    for before, (low_km, high_km) in enumerate(pairwise(stops)):
        yield from _split(Piece(low_km, high_km, float(before), high_km - low_km), max(2, ceil((high_km - low_km) / step_km)))
        if before < len(cable.repeaters_km):
            for part in range(STEPS_IN_REPEATER):
                inside = before + (part + 0.5) / STEPS_IN_REPEATER
                yield Piece(high_km, high_km, inside, _REPEATER_KM / STEPS_IN_REPEATER, before + 1)


def _split(piece: Piece, parts: int) -> Iterator[Piece]:
    width_km = (piece.high_km - piece.low_km) / parts
    for part in range(parts):
        low_km = piece.low_km + part * width_km
        yield replace(piece, low_km=low_km, high_km=low_km + width_km, weight=width_km)


def _divided(pieces: Sequence[Piece], masses: Sequence[float]) -> list[Piece]:
    """Those pieces that matter, in smaller ones."""
    least = _DUST * max(mass / piece.weight for piece, mass in zip(pieces, masses, strict=True))
    kept = [piece for piece, mass in zip(pieces, masses, strict=True) if mass / piece.weight >= least]
    parts = max(1, _SECOND_PIECES // max(1, sum(piece.repeater is None for piece in kept)))
    return [small for piece in kept for small in ((piece,) if piece.repeater is not None else _split(piece, parts))]


def _interval(pieces: Sequence[Piece], masses: Sequence[float], cable: Cable) -> tuple[Interval, int | None]:
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


def _quantile(pieces: Sequence[Piece], masses: Sequence[float], wanted: float) -> float:
    below = 0.0
    for piece, mass in zip(pieces, masses, strict=True):
        if below + mass >= wanted and mass > 0:
            return piece.low_km + (piece.high_km - piece.low_km) * (wanted - below) / mass
        below += mass
    return pieces[-1].high_km
