"""Where a parted and insulated conductor ends, from how it charges: the capacitance up to the break tells the length.

It follows the capacitive method of station-side fault location: a small constant current I charges the cable at
dV/dt = I / (C' x), or a charge Q lifts it to V = Q / (C' x). With the feed's full current a line reaches its voltage limit within
0.1 s, which no polling sees; use a current of about 1 mA.
What it is not: no repeater is taken into account, whose drop at such a current is well below a volt.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, inf, sqrt

from stationd.core.line.uncertainty import NotVisible, Uncertainty
from stationd.core.line.words import Cable, End, Fault, Interval, Location

_K2_OF_RECTANGLE = 0.9545  # half width of the 95.45 % interval of a rectangle of half width 1
_FEWEST = 3


def open_by_slope(
    cable: Cable, end: End, current_ma: float, slope_v_per_s: float, slope_sd_v_per_s: float = 0.0, uncertainty: Uncertainty | None = None
) -> Location | NotVisible:
    """The break from the rate at which `end` charges with a constant current. NotVisible when it does not charge."""
    known = Uncertainty() if uncertainty is None else uncertainty
    if not (current_ma > 0 and slope_v_per_s > 2 * slope_sd_v_per_s):
        return NotVisible("the voltage does not rise while the current flows: the line is not open")
    distance_km = current_ma / 1e3 / (cable.capacitance_uf_per_km * 1e-6 * slope_v_per_s)
    share = 2 * hypot(known.current_sd_ma / current_ma, slope_sd_v_per_s / slope_v_per_s)
    return _location(cable, end, distance_km, share, known)


def open_by_charge(
    cable: Cable, end: End, charge_uc: float, volts: float, charge_share: float = 0.01, uncertainty: Uncertainty | None = None
) -> Location | NotVisible:
    """The break from a charge in microcoulomb and the voltage that it made; `charge_share` is the k = 2 error of the charge."""
    known = Uncertainty() if uncertainty is None else uncertainty
    if not (charge_uc > 0 and volts > 2 * known.voltage_sd_v):
        return NotVisible("the charge makes no voltage: the line is not open")
    distance_km = charge_uc / (cable.capacitance_uf_per_km * volts)
    return _location(cable, end, distance_km, hypot(charge_share, 2 * known.voltage_sd_v / volts), known)


def slope(samples: Sequence[tuple[float, float]], volts_sd: float = 0.0) -> tuple[float, float]:
    """Slope and its standard deviation, V/s, of (seconds, volts) by least squares. ValueError below three times.

    The standard deviation is that of the scatter, or of `volts_sd` where the scatter looks smaller by chance.
    """
    if len({t for t, _ in samples}) < _FEWEST:
        raise ValueError(f"a slope needs {_FEWEST} different times, there are {len({t for t, _ in samples})}")
    mean_t, mean_v = (sum(column) / len(samples) for column in zip(*samples, strict=True))
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    rate = sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread
    scatter = sum((v - mean_v - rate * (t - mean_t)) ** 2 for t, v in samples) / (len(samples) - 2)
    return rate, sqrt(max(scatter, volts_sd**2) / spread)


def _location(cable: Cable, end: End, distance_km: float, share: float, known: Uncertainty) -> Location | NotVisible:
    wide = hypot(_K2_OF_RECTANGLE * known.capacitance_share, share)
    low_km, high_km = distance_km / (1 + wide), distance_km / (1 - wide) if wide < 1 else inf
    if low_km > cable.length_km:
        return NotVisible(f"it charges like {distance_km:.0f} km of cable, more than the whole line: not an open, or leaking")
    near, middle, far = low_km, min(distance_km, cable.length_km), min(high_km, cable.length_km)
    if end is End.A:
        return Location(Fault.OPEN, Interval(middle, near, far), middle, None, None)
    place = Interval(cable.length_km - middle, cable.length_km - far, cable.length_km - near)
    return Location(Fault.OPEN, place, None, place.km, None)
