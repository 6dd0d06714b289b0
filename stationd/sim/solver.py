"""The steady state of the simulated line: two power feeds, a conductor, repeaters, earth, one fault.

What it is: `solve` turns set-points and a fault into the currents and voltages at both ends. Time never enters: how a real
line gets there, in 0.1 to 1 s, is the business of the plant's meters.
It follows the closed form of a double-end fed line with droop: I_X = I_set - g (V_X - V_balance) at each end, and from
each end to a fault V_A = I_A R' x + n_A V_r + V_f, V_B = I_B R' (L - x) + n_B V_r - V_f + E, V_f = R_f (I_A - I_B).

Signs: potentials are counted from the earth of station A, currents positive out of a station into the cable. The public
results are magnitudes in each feed's own polarity, as its front panel shows them.

Every element is piecewise linear and monotone, so a branch (feed + conductor + repeaters) is a polyline "potential at the
fault against current" and Kirchhoff's law at the fault is solved exactly between two neighbouring vertices. No iteration,
no case that fails to converge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from stationd.sim.cable import (
    CableParameters,
    Cut,
    Electrical,
    ElectricalFault,
    InsulatedOpen,
    PowerFeed,
    Regulation,
    Shunt,
    check_fault,
)

_Curve = list[tuple[float, float]]  # (current A, potential V), current rising, potential falling

_FAR_A = 100.0  # end of the drawn part of a curve: beyond anything a power feed can deliver
_FAR_V = 1.0e5
_LEAD_OHM = 1.0e-4  # leads of a station; keeps a curve strictly falling where there is no cable at all
_CONTACT_OHM = 1.0e-6  # a fault of "0 ohm"
_INSULATION_S = 1.0e-12  # sound polyethylene, 1 Tohm [E]; settles the potential of a conductor that nothing else holds
_CLAMP_TOLERANCE_V = 1.0e-6
_NO_CURRENT_A = 1.0e-6
_PUMPS_SHARE = 0.5  # a repeater that drops less than this share of its voltage has no power for its pumps [E]


def solve(parameters: CableParameters, feed_a: PowerFeed, feed_b: PowerFeed, fault: ElectricalFault | None = None) -> Electrical:
    """The steady state. ValueError when the fault is not on the line."""
    if fault is not None:
        check_fault(parameters, fault)
    km = parameters.length_km / 2 if fault is None else fault.km
    near = sum(1 for at in parameters.repeaters_km if at < km)
    drops_v = parameters.drops_v
    a = _Branch(parameters, feed_a, km, sum(drops_v[:near]), 0.0)
    b = _Branch(parameters, feed_b, parameters.length_km - km, sum(drops_v[near:]), parameters.earth_potential_v)
    node_a_v, node_b_v = _node_potentials(a.curve(), b.curve(), fault)
    out_a, out_b = _current_at(a.curve(), node_a_v), _current_at(b.curve(), node_b_v)
    current_a_ma, voltage_a_v, regulation_a = a.terminal(out_a, node_a_v)
    current_b_ma, voltage_b_v, regulation_b = b.terminal(out_b, node_b_v)
    along = _Along(parameters, fault, near, out_a, -out_b)
    return Electrical(
        current_a_ma=current_a_ma,
        current_b_ma=current_b_ma,
        voltage_a_v=voltage_a_v,
        voltage_b_v=voltage_b_v,
        regulation_a=regulation_a,
        regulation_b=regulation_b,
        fault_v=node_a_v if isinstance(fault, Shunt | Cut) else None,
        virtual_earth_km=along.virtual_earth_km(feed_a.polarity.value * voltage_a_v),
        repeaters_powered=along.repeaters_powered(),
    )


@dataclass(frozen=True, slots=True)
class _Branch:
    """One feed and the cable from it to the fault (or to the middle of a healthy line)."""

    parameters: CableParameters
    feed: PowerFeed
    reach_km: float
    repeaters_v: float
    earth_v: float

    @property
    def ohm(self) -> float:
        return max(_LEAD_OHM, self.parameters.conductor_ohm_per_km * self.reach_km + self.parameters.sea_earth_ohm)

    def drop_v(self, current_a: float) -> float:
        return self.ohm * current_a + self.repeaters_v * self.parameters.knee(current_a)

    def curve(self) -> _Curve:
        """Potential at the far end of the branch against the current that leaves the station."""
        sign, source = self.feed.polarity.value, _source_curve(self.feed)
        points = [(sign * current, sign * volts) for current, volts in source][::sign]
        for knee in (-self.parameters.repeater_knee_a, self.parameters.repeater_knee_a):
            points = _split_at(points, knee)
        return [(current, self.earth_v + volts - self.drop_v(current)) for current, volts in points]

    def terminal(self, current_a: float, potential_v: float) -> tuple[float, float, Regulation]:
        """Current in mA, voltage in V and regulation as the feed's own panel shows them."""
        sign, clamp_v = self.feed.polarity.value, self.feed.clamp_v
        volts = sign * (potential_v - self.earth_v + self.drop_v(current_a))
        current_ma = 1000 * sign * current_a + 0.0  # + 0.0: no minus zero
        if not self.feed.output_on:
            return current_ma, volts if self.feed.open_when_off else 0.0, Regulation.OFF
        if self.feed.current_setpoint_ma > 0 and volts >= clamp_v - _CLAMP_TOLERANCE_V:
            return current_ma, clamp_v if current_ma > 0 else volts, Regulation.CV
        return current_ma, max(0.0, volts), Regulation.CC


def _source_curve(feed: PowerFeed) -> _Curve:
    """Voltage against delivered current, both counted in the feed's polarity."""
    if not feed.output_on:
        return [(0.0, _FAR_V), (0.0, -_FAR_V)] if feed.open_when_off else [(-_FAR_A, 0.0), (0.0, 0.0), (_FAR_A, 0.0)]
    setpoint_a, clamp_v = feed.current_setpoint_ma / 1000, feed.clamp_v
    if setpoint_a == 0:
        return [(0.0, _FAR_V), (0.0, 0.0), (_FAR_A, 0.0)]
    at_clamp_a = setpoint_a - feed.droop_s * (clamp_v - feed.balance_v)
    at_zero_a = setpoint_a + feed.droop_s * feed.balance_v
    if at_clamp_a < 0:  # a set-point so small that the droop ends it below the clamp
        return [(0.0, _FAR_V), (0.0, feed.balance_v + setpoint_a / feed.droop_s), (at_zero_a, 0.0), (_FAR_A, 0.0)]
    return [(0.0, _FAR_V), (0.0, clamp_v), (at_clamp_a, clamp_v), (at_zero_a, 0.0), (_FAR_A, 0.0)]


def _split_at(points: _Curve, current_a: float) -> _Curve:
    """The same polyline with a vertex at this current, where the slope of a repeater changes."""
    for index, ((i0, v0), (i1, v1)) in enumerate(pairwise(points), 1):
        if i0 < current_a < i1:
            middle = (current_a, v0 + (v1 - v0) * (current_a - i0) / (i1 - i0))
            return [*points[:index], middle, *points[index:]]
    return points


def _current_at(curve: _Curve, potential_v: float) -> float:
    """The inverse of a falling polyline, held constant beyond its ends."""
    if potential_v >= curve[0][1]:
        return curve[0][0]
    for (i0, u0), (i1, u1) in pairwise(curve):
        if potential_v >= u1 and u0 > u1:
            return _between(i0, i1, (u0 - potential_v) / (u0 - u1), (potential_v - u1) / (u0 - u1))
    return curve[-1][0]


def _between(first: float, second: float, from_first: float, from_second: float) -> float:
    """Interpolate from the nearer of two vertices, so that a vertex itself comes out exactly."""
    return first + (second - first) * from_first if from_first < from_second else second - (second - first) * from_second


def _node_potentials(a: _Curve, b: _Curve, fault: ElectricalFault | None) -> tuple[float, float]:
    """Potential of the conductor on the A side and on the B side of the fault."""
    match fault:
        case None:
            both = _balance((a, b), 0.0)
        case Shunt(ohm=ohm):
            both = _balance((a, b), 1 / max(ohm, _CONTACT_OHM))
        case Cut(electrode_ohm=ohm):
            return _balance((a,), 1 / max(ohm, _CONTACT_OHM)), _balance((b,), 1 / max(ohm, _CONTACT_OHM))
        case InsulatedOpen():
            return _balance((a,), 0.0), _balance((b,), 0.0)
    return both, both


def _balance(curves: Sequence[_Curve], conductance_s: float) -> float:
    """Where the branches deliver exactly what the fault and the insulation take. The surplus falls strictly."""
    loss_s = conductance_s + _INSULATION_S
    knots = sorted({0.0, *(potential for curve in curves for _, potential in curve)})
    last_v, last_a = knots[0], sum(_current_at(curve, knots[0]) for curve in curves) - loss_s * knots[0]
    for potential_v in knots[1:]:
        surplus_a = sum(_current_at(curve, potential_v) for curve in curves) - loss_s * potential_v
        if surplus_a <= 0:
            return _between(last_v, potential_v, last_a / (last_a - surplus_a), surplus_a / (surplus_a - last_a))
        last_v, last_a = potential_v, surplus_a
    return last_v


@dataclass(frozen=True, slots=True)
class _Along:
    """What happens between the ends: `left_a` flows from A to B before the fault, `right_a` behind it."""

    parameters: CableParameters
    fault: ElectricalFault | None
    near: int
    left_a: float
    right_a: float

    def repeaters_powered(self) -> tuple[bool, ...]:
        need_a, need_v = self.parameters.repeater_knee_a - 1e-9, _PUMPS_SHARE * self.parameters.repeater_drop_v
        return tuple(
            abs(self.left_a if index < self.near else self.right_a) >= need_a and drop_v >= need_v
            for index, drop_v in enumerate(self.parameters.drops_v)
        )

    def virtual_earth_km(self, potential_a_v: float) -> float | None:
        """Walk from A until the potential that drives the current is used up; a plateau is the repeater itself."""
        if max(abs(self.left_a), abs(self.right_a)) < _NO_CURRENT_A or isinstance(self.fault, InsulatedOpen):
            return None
        if isinstance(self.fault, Cut):
            return self.fault.km
        sign = 1.0 if self.left_a + self.right_a > 0 else -1.0
        left_v = sign * (potential_a_v - self.left_a * self.parameters.sea_earth_ohm)
        position_km = 0.0
        for stop_km, current_a, drop_v in self._stops():
            slope_v = sign * current_a * self.parameters.conductor_ohm_per_km
            if left_v <= slope_v * (stop_km - position_km):
                return position_km + max(0.0, left_v / slope_v) if slope_v > 0 else position_km
            left_v -= slope_v * (stop_km - position_km)
            step_v = sign * drop_v * self.parameters.knee(current_a)
            if step_v > 0 and left_v <= step_v:
                return stop_km
            left_v -= step_v
            position_km = stop_km
        return self.parameters.length_km

    def _stops(self) -> list[tuple[float, float, float]]:
        """Each point where something changes: its km, the current that arrives there from A, what a repeater drops there."""
        repeaters = zip(self.parameters.repeaters_km, self.parameters.drops_v, strict=True)
        stops = [(km, self.left_a if index < self.near else self.right_a, drop_v) for index, (km, drop_v) in enumerate(repeaters)]
        if self.fault is not None:
            stops.insert(self.near, (self.fault.km, self.left_a, 0.0))
        return [*stops, (self.parameters.length_km, self.right_a, 0.0)]
