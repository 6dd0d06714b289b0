"""The electrical half of the simulated line: two power feeds, a conductor, repeaters, earth, one fault, in steady state.

What it is: `solve` turns set-points and a fault into the currents and voltages at both ends. Time never enters: the
transient of a real re-split is over in 0.1 to 1 s, faster than a power feed is polled.
What it is not: `stationd.core` has its own model of the line for the fault location. The two share no code, so that one
checks the other.
It follows the closed form of a double-end fed line with droop: I_X = I_set - g (V_X - V_balance) at each end, and from
each end to a fault V_A = I_A R' x + n_A V_r + V_f, V_B = I_B R' (L - x) + n_B V_r - V_f + E, V_f = R_f (I_A - I_B).
Numbers tagged [E] are assumptions, to be replaced by measured ones.

Signs: potentials are counted from the earth of station A, currents positive out of a station into the cable. The public
results are magnitudes in each feed's own polarity, as its front panel shows them.

Every element is piecewise linear and monotone, so a branch (feed + conductor + repeaters) is a polyline "potential at the
fault against current" and Kirchhoff's law at the fault is solved exactly between two neighbouring vertices. No iteration,
no case that fails to converge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import isfinite

_Curve = list[tuple[float, float]]  # (current A, potential V), current rising, potential falling

_FAR_A = 100.0  # end of the drawn part of a curve: beyond anything a power feed can deliver
_FAR_V = 1.0e5
_LEAD_OHM = 1.0e-4  # leads of a station; keeps a curve strictly falling where there is no cable at all
_CONTACT_OHM = 1.0e-6  # a fault of "0 ohm"
_INSULATION_S = 1.0e-12  # sound polyethylene, 1 Tohm [E]; settles the potential of a conductor that nothing else holds
_CLAMP_TOLERANCE_V = 1.0e-6
_NO_CURRENT_A = 1.0e-6


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}, it must be {wanted}")


class End(Enum):
    """Which landing station: km 0 is A, km `length_km` is B."""

    A = "a"
    B = "b"

    @property
    def other(self) -> End:
        """The far station."""
        return End.B if self is End.A else End.A


class Polarity(Enum):
    """Sign of the conductor against earth."""

    POSITIVE = 1
    NEGATIVE = -1


class Regulation(Enum):
    """What a power feed holds: current, voltage, or nothing."""

    CC = "cc"
    CV = "cv"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class CableParameters:
    """The installed line. Raises ValueError naming the field when a number cannot be a line."""

    length_km: float
    repeaters_km: tuple[float, ...] = ()
    conductor_ohm_per_km: float = 1.0  # common light-weight cable [E], to be fitted from healthy history
    repeater_drop_v: float = 40.0  # 40-100 V for many-pair repeaters [E]
    repeater_knee_a: float = 0.1  # below it the Zener chain does not hold the voltage and the pumps are dark [E]
    capacitance_uf_per_km: float = 0.2  # coaxial formula with an assumed geometry [E]
    sea_earth_ohm: float = 0.0  # earth bed of each station, 2-5 ohm in reality [E]; 0 as in the published test vectors
    earth_potential_v: float = 0.0  # earth of B minus earth of A

    def __post_init__(self) -> None:
        for name in ("length_km", "conductor_ohm_per_km", "repeater_knee_a", "capacitance_uf_per_km"):
            _require(isfinite(getattr(self, name)) and getattr(self, name) > 0, name, getattr(self, name), "a number above 0")
        for name in ("repeater_drop_v", "sea_earth_ohm"):
            _require(isfinite(getattr(self, name)) and getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _require(isfinite(self.earth_potential_v), "earth_potential_v", self.earth_potential_v, "a finite number")
        stops = (0.0, *self.repeaters_km, self.length_km)
        _require(all(a < b for a, b in pairwise(stops)), "repeaters_km", self.repeaters_km, "rising and inside the line")

    @property
    def spans_km(self) -> tuple[float, ...]:
        """Lengths between the amplifying points, from A to B."""
        return tuple(round(b - a, 6) for a, b in pairwise((0.0, *self.repeaters_km, self.length_km)))

    def repeater_v(self, current_a: float) -> float:
        """Drop of one repeater, with the sign of the current (a repeater does not mind the polarity [E])."""
        return self.repeater_drop_v * max(-1.0, min(1.0, current_a / self.repeater_knee_a))

    def line_v(self, current_ma: float) -> float:
        """Sum of both ends' voltages on the healthy line at this current."""
        current_a = current_ma / 1000
        ohm = self.conductor_ohm_per_km * self.length_km + 2 * self.sea_earth_ohm
        return current_a * ohm + len(self.repeaters_km) * self.repeater_v(current_a) + self.earth_potential_v


TC_380 = CableParameters(380.0, (76.0, 152.0, 228.0, 304.0))  # the set of the published test vectors
S1_341 = CableParameters(341.0, (68.2, 136.4, 204.6, 272.8))  # main route, Aktau - Siyazan
KB_330 = CableParameters(330.0, (66.0, 132.0, 198.0, 264.0))  # reserve route, Kuryk - Buzovna


@dataclass(frozen=True, slots=True)
class PowerFeed:
    """Set-points and states of one end. Change one with `dataclasses.replace`.

    On, it delivers `setpoint - droop * (V - balance)` and never drives beyond the lower of the two voltages. It cannot sink
    power: a stronger far end drives it to 0 V and through its own output diode, a far end of the same polarity may lift
    its terminals. A set-point of 0 mA delivers nothing.
    Off, it is a low-resistance way to earth (0 V) unless `open_when_off`.
    """

    output_on: bool = True
    current_setpoint_ma: float = 1000.0
    voltage_setpoint_v: float = 800.0  # where the operator wants constant voltage to take over
    voltage_limit_v: float = 800.0  # what the equipment itself never exceeds
    balance_v: float = 270.0  # the voltage at which the set-point is delivered exactly
    droop_s: float = 3.3e-6  # 3.3 mA per 1000 V: stability of a 1978 system, to be measured on the real feed
    polarity: Polarity = Polarity.POSITIVE
    remote: bool = True
    open_when_off: bool = False

    def __post_init__(self) -> None:
        for name in ("current_setpoint_ma", "voltage_setpoint_v", "voltage_limit_v", "balance_v", "droop_s"):
            _require(isfinite(getattr(self, name)) and getattr(self, name) >= 0, name, getattr(self, name), "0 or more")

    @property
    def clamp_v(self) -> float:
        """The voltage at which it stops holding the current."""
        return min(self.voltage_setpoint_v, self.voltage_limit_v)


def balanced(parameters: CableParameters, current_ma: float = 1000.0) -> tuple[PowerFeed, PowerFeed]:
    """Both ends on, A positive and B negative, each carrying half the line voltage."""
    half_v = parameters.line_v(current_ma) / 2
    return (
        PowerFeed(current_setpoint_ma=current_ma, balance_v=half_v),
        PowerFeed(current_setpoint_ma=current_ma, balance_v=half_v, polarity=Polarity.NEGATIVE),
    )


@dataclass(frozen=True, slots=True)
class Shunt:
    """Insulation fault: the conductor stays whole, `ohm` to the sea at `km`."""

    km: float
    ohm: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Cable cut with both conductor ends bare in the sea, each through `electrode_ohm`. All fibres break too."""

    km: float
    electrode_ohm: float = 5.0  # [E]


@dataclass(frozen=True, slots=True)
class InsulatedOpen:
    """The conductor is parted and nothing touches the sea."""

    km: float


ElectricalFault = Shunt | Cut | InsulatedOpen


@dataclass(frozen=True, slots=True)
class Electrical:
    """Currents and voltages of both ends. `fault_v` is V_f of a shunt, or A's electrode of a cut, else None.

    `virtual_earth_km` is where the conductor is at the potential of A's earth, clipped to the line; None without current.
    """

    current_a_ma: float
    current_b_ma: float
    voltage_a_v: float
    voltage_b_v: float
    regulation_a: Regulation
    regulation_b: Regulation
    fault_v: float | None
    virtual_earth_km: float | None
    repeaters_powered: tuple[bool, ...]

    def current_ma(self, end: End) -> float:
        """Current of one end, mA."""
        return self.current_a_ma if end is End.A else self.current_b_ma

    def voltage_v(self, end: End) -> float:
        """Voltage of one end, V."""
        return self.voltage_a_v if end is End.A else self.voltage_b_v

    def regulation(self, end: End) -> Regulation:
        """What one end holds."""
        return self.regulation_a if end is End.A else self.regulation_b


def solve(parameters: CableParameters, feed_a: PowerFeed, feed_b: PowerFeed, fault: ElectricalFault | None = None) -> Electrical:
    """The steady state. ValueError when the fault is not on the line."""
    if fault is not None:
        check_fault(parameters, fault)
    km = parameters.length_km / 2 if fault is None else fault.km
    near = sum(1 for at in parameters.repeaters_km if at < km)
    a = _Branch(parameters, feed_a, km, near, 0.0)
    b = _Branch(parameters, feed_b, parameters.length_km - km, len(parameters.repeaters_km) - near, parameters.earth_potential_v)
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


def check_fault(parameters: CableParameters, fault: ElectricalFault) -> None:
    """ValueError when the fault cannot be on this line."""
    _require(0 <= fault.km <= parameters.length_km, "km of the fault", fault.km, f"between 0 and {parameters.length_km}")
    ohm = {Shunt: "ohm", Cut: "electrode_ohm"}.get(type(fault))
    if ohm is not None:
        _require(getattr(fault, ohm) >= 0, f"{ohm} of the fault", getattr(fault, ohm), "0 or more")


def charge_rate_v_per_s(parameters: CableParameters, end: End, km: float, current_ma: float) -> float:
    """How fast the voltage of `end` rises when its current only charges the cable up to an insulated open at `km`."""
    reach_km = km if end is End.A else parameters.length_km - km
    _require(0 < reach_km <= parameters.length_km, "km of the open", km, "on the line and away from the station that charges")
    return current_ma / 1e3 / (parameters.capacitance_uf_per_km * 1e-6 * reach_km)


@dataclass(frozen=True, slots=True)
class _Branch:
    """One feed and the cable from it to the fault (or to the middle of a healthy line)."""

    parameters: CableParameters
    feed: PowerFeed
    reach_km: float
    repeaters: int
    earth_v: float

    @property
    def ohm(self) -> float:
        return max(_LEAD_OHM, self.parameters.conductor_ohm_per_km * self.reach_km + self.parameters.sea_earth_ohm)

    def drop_v(self, current_a: float) -> float:
        return self.ohm * current_a + self.repeaters * self.parameters.repeater_v(current_a)

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
        need_a = self.parameters.repeater_knee_a - 1e-9
        far = len(self.parameters.repeaters_km) - self.near
        return (abs(self.left_a) >= need_a,) * self.near + (abs(self.right_a) >= need_a,) * far

    def virtual_earth_km(self, potential_a_v: float) -> float | None:
        """Walk from A until the potential that drives the current is used up; a plateau is the repeater itself."""
        if max(abs(self.left_a), abs(self.right_a)) < _NO_CURRENT_A or isinstance(self.fault, InsulatedOpen):
            return None
        if isinstance(self.fault, Cut):
            return self.fault.km
        sign = 1.0 if self.left_a + self.right_a > 0 else -1.0
        left_v = sign * (potential_a_v - self.left_a * self.parameters.sea_earth_ohm)
        position_km = 0.0
        for stop_km, current_a, repeater in self._stops():
            slope_v = sign * current_a * self.parameters.conductor_ohm_per_km
            if left_v <= slope_v * (stop_km - position_km):
                return position_km + max(0.0, left_v / slope_v) if slope_v > 0 else position_km
            left_v -= slope_v * (stop_km - position_km)
            if repeater and left_v <= sign * self.parameters.repeater_v(current_a):
                return stop_km
            left_v -= sign * self.parameters.repeater_v(current_a) if repeater else 0.0
            position_km = stop_km
        return self.parameters.length_km

    def _stops(self) -> list[tuple[float, float, bool]]:
        """Each point where something changes: its km, the current that arrives there from A, whether it is a repeater."""
        repeaters = self.parameters.repeaters_km
        stops = [(km, self.left_a if index < self.near else self.right_a, True) for index, km in enumerate(repeaters)]
        if self.fault is not None:
            stops.insert(self.near, (self.fault.km, self.left_a, False))
        return [*stops, (self.parameters.length_km, self.right_a, False)]
