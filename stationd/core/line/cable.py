"""What a sound line shows at its ends, and how far a voltage reaches along it: the staircase of conductor and repeaters.

It follows the closed form of a double-end fed line: V_A = I R' x + n(x) V_r, where n(x) counts the repeaters before km x, so
that a repeater exactly at km x belongs to the far side. The earth bed of a station is part of the way from that station.
It is not the simulator: `stationd.sim.cable` solves the same line by other means, so that one checks the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.core.line.uncertainty import Uncertainty
from stationd.core.line.words import Cable, End, Feed

_NO_CURRENT_A = 1.0e-3  # assumption: below this nothing can be said from a voltage


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in km from end a. `repeater` (counted from 1, from end a) is set where it is within the step of a repeater."""

    km: float
    repeater: int | None = None


def repeater_v(cable: Cable, current_a: float) -> float:
    """Drop of one repeater, V, at this current: held by its Zener chain above the knee, proportional below."""
    return cable.repeater_drop_v * min(1.0, abs(current_a) / cable.repeater_knee_a)


def repeaters_before(cable: Cable, km: float) -> int:
    """How many repeaters stand before km, seen from end a; one exactly there is not before it."""
    return sum(at < km for at in cable.repeaters_km)


def volts_to(cable: Cable, km: float, current_a: float, from_end: End = End.A) -> float:
    """Drop in V from a station to km `km` (always counted from end a), its earth bed included."""
    near = repeaters_before(cable, km)
    reach_km, repeaters = (km, near) if from_end is End.A else (cable.length_km - km, len(cable.repeaters_km) - near)
    return current_a * (cable.ohm_per_km * reach_km + cable.sea_earth_ohm) + repeaters * repeater_v(cable, current_a)


def line_v(cable: Cable, current_a: float, earth_v: float = 0.0) -> float:
    """Sum of both ends' voltages, V, on the sound line; `earth_v` is the earth of b minus that of a."""
    return volts_to(cable, cable.length_km, current_a) + current_a * cable.sea_earth_ohm + earth_v


def expected_v(cable: Cable, current_a: float, share_a: float = 0.5, earth_v: float = 0.0) -> tuple[float, float]:
    """What ends a and b show, V, at a measured current when end a carries this share (0 to 1) of the whole."""
    whole_v = line_v(cable, current_a, earth_v)
    return share_a * whole_v, (1 - share_a) * whole_v


def carries_all(cable: Cable, feed: Feed, known: Uncertainty) -> bool:
    """Whether one end's voltage is that of the whole line, as well as that is known: the other end feeds nothing."""
    current_a = feed.current_ma / 1000
    whole_v = line_v(cable, current_a, known.earth_v)
    bound_v = (known.resistance_share + known.repeater_share) / 2 * whole_v + known.earth_v_per_km * cable.length_km
    return abs(feed.voltage_v - whole_v) <= bound_v + 2 * known.sea_earth_ohm * current_a


def spot_at(cable: Cable, volts: float, current_a: float, from_end: End = End.A) -> Spot:
    """The inverse of `volts_to`: how far `volts` reach from a station. Kept on the line; a line without current is all at its end."""
    left_v = volts - current_a * cable.sea_earth_ohm
    slope_v, step_v = current_a * cable.ohm_per_km, repeater_v(cable, current_a)
    at_km = 0.0
    for number, stop_km in _stops(cable, from_end):
        if slope_v <= 0 or left_v <= slope_v * (stop_km - at_km):
            return Spot(_from_a(cable, at_km + (max(0.0, left_v / slope_v) if slope_v > 0 else 0.0), from_end))
        left_v -= slope_v * (stop_km - at_km)
        if number is not None and left_v <= step_v:
            return Spot(_from_a(cable, stop_km, from_end), number)
        left_v, at_km = left_v - step_v, stop_km
    return Spot(_from_a(cable, cable.length_km, from_end))


def virtual_earth_km(cable: Cable, a: Feed | None, b: Feed | None = None) -> float | None:
    """Where the conductor of a sound line is at the potential of the earth, km from end a; None without a feed or a current.

    With both ends the shares of the two voltages place it, which cancels what resistance and repeaters are off by together.
    """
    feed, end = (a, End.A) if a is not None else (b, End.B)
    if feed is None or feed.current_ma / 1000 < _NO_CURRENT_A:
        return None
    current_a, volts = feed.current_ma / 1000, feed.voltage_v
    if a is not None and b is not None and a.voltage_v + b.voltage_v > 0:
        volts *= line_v(cable, current_a) / (a.voltage_v + b.voltage_v)
    return spot_at(cable, volts, current_a, end).km


def _stops(cable: Cable, from_end: End) -> list[tuple[int | None, float]]:
    """Repeater number (None: the far station) and distance from `from_end`, in the order in which one meets them."""
    numbered: list[tuple[int | None, float]] = [*enumerate(cable.repeaters_km, 1)]
    if from_end is End.B:
        numbered = [(number, cable.length_km - km) for number, km in reversed(numbered)]
    return [*numbered, (None, cable.length_km)]


def _from_a(cable: Cable, distance_km: float, from_end: End) -> float:
    return distance_km if from_end is End.A else cable.length_km - distance_km
