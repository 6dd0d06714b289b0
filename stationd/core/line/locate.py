"""Where an electrical fault lies, from one end or from both: shunt, and cut with both conductor ends in the sea.

It follows the published hand calculation of a shunt (the voltage of each end is used up along its staircase of conductor and
repeaters, both results are compared), and states for it the interval of `interval`, which knows what is not known.
What it is not: it does not ask whether there is a fault (`change` does), only where. An insulated open is in `opening`.
"""

from __future__ import annotations

from math import sqrt

from stationd.core.line.cable import Spot, repeater_v, repeaters_before, spot_at, volts_to
from stationd.core.line.interval import cut_place, shunt_place
from stationd.core.line.uncertainty import Ends, NotVisible, Uncertainty
from stationd.core.line.words import Cable, End, Fault, Feed, Location

SIGMAS_TO_SEE = 4.0  # a change below so many standard deviations of the meters is not seen: one false sight in 16,000


def locate_shunt(
    cable: Cable, after: Ends, before: Ends | None = None, uncertainty: Uncertainty | None = None
) -> Location | NotVisible:
    """Where the conductor touches the sea, from settled readings after the event and, if there are any, from just before.

    Without `before` the caller vouches that there is a shunt; with it, a change within the meters' noise is `NotVisible`.
    An average of several readings may be given; then state its smaller noise and resolution in `uncertainty`.
    """
    known = Uncertainty() if uncertainty is None else uncertainty
    hidden = _hidden(after, before, known)
    if hidden is not None:
        return hidden
    place, repeater = shunt_place(cable, after, before, known)
    from_a, from_b = _each(cable, after)
    return Location(Fault.SHUNT, place, from_a, from_b, residual_v(cable, after, place.km), repeater)


def locate_cut(cable: Cable, after: Ends, uncertainty: Uncertainty | None = None) -> Location | NotVisible:
    """Where the cable is cut with both ends bare: each end that still feeds locates by itself, through its own electrode."""
    known = Uncertainty() if uncertainty is None else uncertainty
    feeding = Ends(_feeding(after.a, known), _feeding(after.b, known))
    if feeding.a is None and feeding.b is None:
        return NotVisible("no end feeds a current into the line")
    place, repeater = cut_place(cable, feeding, known)
    from_a, from_b = _each(cable, feeding)
    return Location(Fault.CUT, place, from_a, from_b, residual_v(cable, feeding, place.km), repeater)


def residual_v(cable: Cable, ends: Ends, km: float | None = None) -> float | None:
    """V_a + V_b minus the model, V, with the current of each end up to km `km` (mid-line without); None with one end alone."""
    if ends.a is None or ends.b is None:
        return None
    at_km = cable.length_km / 2 if km is None else km
    model_v = volts_to(cable, at_km, ends.a.current_ma / 1000) + volts_to(cable, at_km, ends.b.current_ma / 1000, End.B)
    return ends.a.voltage_v + ends.b.voltage_v - model_v


def facts_v(cable: Cable, known: Uncertainty, current_a: float) -> float:
    """What the sum of both voltages may miss the model by, V (k = 2), while length, resistance and repeaters are as stated.

    The bounds of `Uncertainty` as rectangles, and the earth potential of an ordinary day: a magnetic storm reaches ten times
    that, and is told by how it comes. A larger residual casts doubt on the facts of the line.
    """
    conductor_v = current_a * cable.ohm_per_km
    shore_v = conductor_v * known.shore_share * min(2 * known.shore_km, cable.length_km)
    repeaters_v = len(cable.repeaters_km) * repeater_v(cable, current_a) * known.repeater_share
    earth_v = known.usual_earth_v + known.usual_earth_v_per_km * cable.length_km
    beds_v = sqrt(2) * current_a * known.sea_earth_ohm
    bounds = (conductor_v * cable.length_km * known.resistance_share, shore_v, repeaters_v, beds_v, earth_v)
    return 2 * sqrt(sum(each**2 for each in bounds) / 3 + 2 * known.voltage_sd_v**2)


def _each(cable: Cable, ends: Ends) -> tuple[float | None, float | None]:
    """What each end says, with the cable as given and without resistance of the fault, km from end a.

    The fault lies in one section: an end whose voltage is used up within the step of a repeater at the border of the section
    where the other end finds it is carried on into that section, as the published calculation does.
    """
    a, b = _spot(cable, ends.a, End.A), _spot(cable, ends.b, End.B)
    if a is None or b is None or ends.a is None or ends.b is None:
        return None if a is None else a.km, None if b is None else b.km
    if a.repeater is None and b.repeater in _borders(cable, a.km):
        return a.km, _carried_on(cable, ends.b, End.B, repeaters_before(cable, a.km))
    if b.repeater is None and a.repeater in _borders(cable, b.km):
        return _carried_on(cable, ends.a, End.A, repeaters_before(cable, b.km)), b.km
    return a.km, b.km


def _spot(cable: Cable, feed: Feed | None, end: End) -> Spot | None:
    return None if feed is None else spot_at(cable, feed.voltage_v, feed.current_ma / 1000, end)


def _borders(cable: Cable, km: float) -> tuple[int, int]:
    before = repeaters_before(cable, km)
    return before, before + 1


def _carried_on(cable: Cable, feed: Feed, end: End, before: int) -> float:
    """How far the voltage reaches along the bare conductor with so many repeaters between end a and the fault; kept on the line."""
    current_a, passed = feed.current_ma / 1000, before if end is End.A else len(cable.repeaters_km) - before
    left_v = feed.voltage_v - current_a * cable.sea_earth_ohm - passed * repeater_v(cable, current_a)
    distance_km = min(max(0.0, left_v / (current_a * cable.ohm_per_km)), cable.length_km)
    return distance_km if end is End.A else cable.length_km - distance_km


def _feeding(feed: Feed | None, known: Uncertainty) -> Feed | None:
    seen = feed is not None and feed.current_ma > SIGMAS_TO_SEE * known.current_sd_ma and feed.on is not False
    return feed if seen else None


def _hidden(after: Ends, before: Ends | None, known: Uncertainty) -> NotVisible | None:
    """Say why nothing can be seen, or None when something can."""
    if after.a is None and after.b is None:
        return NotVisible("neither end has a good reading")
    if before is None:
        return None
    steps = [_step(now, then) for now, then in ((after.a, before.a), (after.b, before.b)) if now is not None and then is not None]
    if not steps:
        return None
    (volts_a, current_a), (volts_b, current_b) = steps if len(steps) == 2 else (steps[0], (0.0, 0.0))
    limit = SIGMAS_TO_SEE * (2 * len(steps)) ** 0.5
    if abs(volts_a - volts_b) > limit * known.voltage_sd_v or abs(current_a - current_b) > limit * known.current_sd_ma:
        return None
    return NotVisible("the split of the voltages and the difference of the currents moved by less than the meters can tell")


def _step(now: Feed, then: Feed) -> tuple[float, float]:
    return now.voltage_v - then.voltage_v, now.current_ma - then.current_ma
