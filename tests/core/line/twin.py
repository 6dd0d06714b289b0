"""The simulated line as a source of readings: what both panels show, and the cable as the core is told of it."""

from __future__ import annotations

from stationd.core.line.uncertainty import Ends
from stationd.core.line.words import Cable, Feed
from stationd.sim.cable import TC_380, CableParameters, ElectricalFault, PowerFeed, balanced
from stationd.sim.solver import solve

FEED_A, FEED_B = balanced(TC_380)


def core_cable(parameters: CableParameters) -> Cable:
    """The same line in the words of the core."""
    return Cable(
        parameters.length_km,
        parameters.conductor_ohm_per_km,
        parameters.repeaters_km,
        parameters.repeater_drop_v,
        parameters.repeater_knee_a,
        parameters.sea_earth_ohm,
        parameters.capacitance_uf_per_km,
    )


CABLE = core_cable(TC_380)


def readings(
    fault: ElectricalFault | None = None,
    *,
    line: CableParameters = TC_380,
    a: PowerFeed = FEED_A,
    b: PowerFeed = FEED_B,
    t: float = 0.0,
    on: tuple[bool | None, bool | None] = (None, None),
) -> Ends:
    """What both ends show without noise or rounding; `on` is what the units say of their outputs."""
    state = solve(line, a, b, fault)
    return Ends(
        Feed(max(0.0, state.current_a_ma), state.voltage_a_v, t, on[0]),
        Feed(max(0.0, state.current_b_ma), state.voltage_b_v, t, on[1]),
    )
