"""The words of the line model: the cable as built, what one end measured, and what can be said about a fault.

Signs and units: kilometres count from end a, in both stations. Currents (mA) and voltages (V) are magnitudes as the panels
of the two power feeds show them, end a positive, end b negative; the earth potential is that of b minus that of a, so that
V_a + V_b = I R + N V_repeater + E on a sound line. Times are seconds of this station's monotonic clock, those of the far
station too (translated by its UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import isfinite


class End(Enum):
    """Which landing station: km 0 is A, km `length_km` is B."""

    A = "a"
    B = "b"

    @property
    def other(self) -> End:
        """The far station."""
        return End.B if self is End.A else End.A


@dataclass(frozen=True, slots=True)
class Cable:
    """The line as built or as learnt. Without repeaters and feed (`fed` False) only light tells of it.

    `repeater_drop_v` is that of one repeater at nominal current, held above `repeater_knee_a` (assumption). `sea_earth_ohm` is
    the earth bed of each station. ValueError names the number that cannot be a line.
    """

    length_km: float
    ohm_per_km: float
    repeaters_km: tuple[float, ...] = ()
    repeater_drop_v: float = 0.0
    repeater_knee_a: float = 0.1
    sea_earth_ohm: float = 0.0
    capacitance_uf_per_km: float = 0.2
    fed: bool = True

    def __post_init__(self) -> None:
        for name in ("length_km", "ohm_per_km", "repeater_knee_a", "capacitance_uf_per_km"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} is {getattr(self, name)!r}, it must be a number above 0")
        stops = (0.0, *self.repeaters_km, self.length_km)
        if not all(before < after for before, after in pairwise(stops)):
            raise ValueError(f"repeaters_km is {self.repeaters_km!r}, it must be rising and inside the line")


class Regulation(Enum):
    """What a power feed holds."""

    CURRENT = "cc"
    VOLTAGE = "cv"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Feed:
    """What one end measured at `t`: only good values; an end that cannot be read is None instead of a Feed.

    `on` is the output, None where the unit does not say. `uncertainty_s` is how well `t` is known here: of the far end the
    uncertainty of both clocks.
    """

    current_ma: float
    voltage_v: float
    t: float
    on: bool | None = True
    regulation: Regulation | None = None
    uncertainty_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a fault lies: the best kilometre and the k = 2 interval that covers it (about 95 %). All from end a."""

    km: float
    low_km: float
    high_km: float

    @property
    def half_km(self) -> float:
        """Half the width of the interval."""
        return (self.high_km - self.low_km) / 2


class Fault(Enum):
    """What kind of electrical fault the figures speak for."""

    SHUNT = "shunt"  # the conductor is whole and touches the sea somewhere
    OPEN = "open"  # the conductor is parted and insulated
    CUT = "cut"  # the conductor is parted, its ends in the sea


@dataclass(frozen=True, slots=True)
class Location:
    """A place and what it rests on.

    `from_a_km` and `from_b_km` are what each end alone says (both counted from end a), None without that end.
    `residual_v` is V_a + V_b minus the model, None with one end alone. `repeater` (counted from 1, from end a) is set where
    the fault lies within the voltage step of a repeater: it is at that repeater.
    """

    fault: Fault
    place: Interval
    from_a_km: float | None
    from_b_km: float | None
    residual_v: float | None
    repeater: int | None = None

    @property
    def ends(self) -> int:
        """How many ends it rests on."""
        return (self.from_a_km is not None) + (self.from_b_km is not None)
