"""The electrical half of the simulated line in words and numbers: cable, repeaters, power feeds, faults, and a solved state.

What it is: what is installed, what is set, what is broken. The currents and voltages that follow are worked out next door, in
`solver`. What it is not: `stationd.core` has its own model of the line for the fault location. The two share no code, so that
one checks the other. Numbers tagged [E] are assumptions, to be replaced by measured ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import isfinite


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
    repeater_changes_v: tuple[float, ...] = ()  # what each repeater drops more than `repeater_drop_v`, from A; empty: all alike

    def __post_init__(self) -> None:
        for name in ("length_km", "conductor_ohm_per_km", "repeater_knee_a", "capacitance_uf_per_km"):
            _require(isfinite(getattr(self, name)) and getattr(self, name) > 0, name, getattr(self, name), "a number above 0")
        for name in ("repeater_drop_v", "sea_earth_ohm"):
            _require(isfinite(getattr(self, name)) and getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        fits = len(self.repeater_changes_v) in (0, len(self.repeaters_km))
        _require(fits, "repeater_changes_v", self.repeater_changes_v, "one number for each repeater, or none")
        _require(all(each >= 0 for each in self.drops_v), "repeater_changes_v", self.repeater_changes_v, "no more than the drop itself")
        _require(isfinite(self.earth_potential_v), "earth_potential_v", self.earth_potential_v, "a finite number")
        stops = (0.0, *self.repeaters_km, self.length_km)
        _require(all(a < b for a, b in pairwise(stops)), "repeaters_km", self.repeaters_km, "rising and inside the line")

    @property
    def spans_km(self) -> tuple[float, ...]:
        """Lengths between the amplifying points, from A to B."""
        return tuple(round(b - a, 6) for a, b in pairwise((0.0, *self.repeaters_km, self.length_km)))

    @property
    def drops_v(self) -> tuple[float, ...]:
        """What each repeater drops above the knee, from A; 0 is a shorted one."""
        changes = self.repeater_changes_v or (0.0,) * len(self.repeaters_km)
        return tuple(self.repeater_drop_v + change for change in changes)

    def knee(self, current_a: float) -> float:
        """Share of its drop that a repeater has at this current, with its sign (it does not mind the polarity [E])."""
        return max(-1.0, min(1.0, current_a / self.repeater_knee_a))

    def repeater_v(self, current_a: float) -> float:
        """Drop of one repeater as it was installed, with the sign of the current."""
        return self.repeater_drop_v * self.knee(current_a)

    def line_v(self, current_ma: float) -> float:
        """Sum of both ends' voltages on the healthy line at this current."""
        current_a = current_ma / 1000
        ohm = self.conductor_ohm_per_km * self.length_km + 2 * self.sea_earth_ohm
        return current_a * ohm + sum(self.drops_v) * self.knee(current_a) + self.earth_potential_v


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
class RepeaterShorted:
    """A repeater drops nothing any more and its pumps are dark; the conductor is whole. Counted from A, from 0."""

    repeater: int


@dataclass(frozen=True, slots=True)
class RepeaterDropChange:
    """A repeater drops some volts more or less: a pump has aged or is lost. Counted from A, from 0."""

    repeater: int
    volts: float


RepeaterEvent = RepeaterShorted | RepeaterDropChange


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
