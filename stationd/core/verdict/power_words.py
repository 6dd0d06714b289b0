"""The reasons of the rows that begin with power: what is measured, in words, and how far it can be trusted."""

from __future__ import annotations

from stationd.core.verdict.evidence import Evidence, Power
from stationd.core.verdict.said import far_unknown, misfit, pairs_text, volts


def consequence(e: Evidence) -> list[str]:
    """Return what our dead feed means for the line, as far as the far station is heard."""
    if e.far_known and e.electric.there is Power.FEEDING:
        return [f"{e.far_station} feeds the whole line"]
    return [] if e.far_known else [far_unknown(e)]


def whole_line(e: Evidence) -> str:
    """Return that this end carries the whole line."""
    near = e.electric.near
    return f"our feed gives {volts(near.voltage_v if near else None)}: the whole line, at the full current"


def at_limit(e: Evidence) -> str:
    """Return which feed has reached its voltage limit."""
    if e.electric.here is Power.AT_LIMIT:
        return "our feed is at its voltage limit and no current flows"
    return "our feed tripped by over-voltage"


def no_light(e: Evidence) -> str:
    """Return which pairs receive no light."""
    dark = [pair.number for pair in e.pairs if pair.receive_lost]
    return f"no light on {'all pairs' if len(dark) == len(e.pairs) else pairs_text(dark)}"


def our_step(e: Evidence) -> str:
    """Return how the voltage of this end moved."""
    near = e.electric.near
    now = f", to {volts(near.voltage_v)}" if near is not None else ""
    return f"our voltage moved by {volts(e.electric.step_v)}{now}"


def parted(e: Evidence) -> str:
    """Return how far the currents of the ends are apart."""
    near, far = e.electric.near, e.electric.far
    here, there = (f"{each.current_ma:.0f} mA" if each is not None else "--" for each in (near, far))
    return f"{here} here, {there} at {e.far_station}: the rest leaves the line between"


def uneven(e: Evidence) -> str:
    """Return how the voltages of the ends stand beside each other."""
    near, far = e.electric.near, e.electric.far
    here = f"{volts(near.voltage_v if near else None)} here"
    return f"{here}, {volts(far.voltage_v)} at {e.far_station}" if far is not None else f"{here} is not half of the line"


def trusted(e: Evidence) -> bool:
    """The place rests on readings at rest and on a line whose facts fit."""
    return e.electric.settled and e.electric.doubt_v is None


def doubts(e: Evidence) -> list[str]:
    """Return why the figures are not to be trusted more than the interval says."""
    doubt = [] if e.electric.doubt_v is None else [misfit(e)]
    return doubt + ([] if e.electric.settled else ["the readings are still settling"])


def sum_step(e: Evidence) -> float | None:
    """Return how the sum of both voltages moved, V; None with one end alone."""
    one, other = e.electric.step_v, e.electric.far_step_v
    return None if one is None or other is None else one + other
