"""What is configured of an amplifier that can be switched and set. Levels in dBm and dB, currents in mA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.model import PointId


@dataclass(frozen=True, slots=True)
class SetValue:
    """One set value: its point, the unit, the limits of the file within those of the driver, and the largest step of one apply."""

    target: PointId
    unit: str
    low: float
    high: float
    largest_step: float


@dataclass(frozen=True, slots=True)
class AmplifierPlan:
    """One amplifier. `set_values` by the words of people: gain, output, tilt, pump1-current.

    `raman` is True for pumps of the watt class (Raman, remote amplifier): they want `interlock` closed and `return_loss` good.
    Points are None where the unit has none. `taps` are the optical taps of its fibre pair: the names of units whose alarms bear on it.
    """

    device: str
    fibre_pair: int | None
    pump_on: PointId | None = None
    pump_writable: bool = False
    mode: PointId | None = None
    mode_writable: bool = False
    modes: tuple[str, ...] = ()
    input_dbm: PointId | None = None
    output_dbm: PointId | None = None
    lost: PointId | None = None
    reduced: tuple[PointId, ...] = ()  # automatic power reduction, shut-off: True means that the unit protects
    fault: PointId | None = None
    return_loss_db: PointId | None = None
    return_power_dbm: PointId | None = None
    least_return_loss_db: float = 24.0  # assumption: an open straight connector returns about 14 dB, an angled good one over 50
    interlocks: tuple[PointId, ...] = ()
    interlocks_reason: str = ""
    raman: bool = False
    set_values: Mapping[str, SetValue] = field(default_factory=dict)
    title: str = ""
    taps: tuple[str, ...] = ()
