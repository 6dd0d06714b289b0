"""All that follows from one configuration without touching the machine: the units of the station, and the plans of its desks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stationd.board import Unit
from stationd.config import StationConfig, alarm_plan
from stationd.config.acting import acting_plan
from stationd.config.changes import Loading
from stationd.config.effective import Source
from stationd.config.far_station import far_unit_of
from stationd.config.line_plan import line_plan
from stationd.config.parts import device_of, taps_of
from stationd.core.alarm.inhibit import Graph, graph
from stationd.core.alarm.plan import Plan
from stationd.core.line.plan import LinePlan
from stationd.core.operation.plan import ActingPlan
from stationd.device import Device
from stationd.driver import Driver
from stationd.farstation.unit import FarUnit


@dataclass(frozen=True, slots=True)
class Plans:
    """One generation of a station. `units` is everything with points: devices, taps, the far station; `causes` is what explains what."""

    config: StationConfig
    drivers: Mapping[str, Driver]
    source: Source | None
    devices: Mapping[str, Device]
    far_unit: FarUnit | None
    units: tuple[Unit, ...]
    alarms: Plan
    causes: Graph
    acting: ActingPlan
    line: LinePlan | None

    @property
    def loading(self) -> Loading:
        """The configuration with its drivers."""
        return Loading(self.config, self.drivers)

    def on(self, bus: str) -> tuple[Device, ...]:
        """Return the units on a bus, in the order of the file."""
        return tuple(device for name, device in self.devices.items() if self.config.device[name].bus == bus)


def plans_of(config: StationConfig, drivers: Mapping[str, Driver], source: Source | None = None) -> Plans:
    """Return the plans of a configuration that has no mistake."""
    devices = {name: device_of(name, section, config, drivers) for name, section in config.device.items()}
    far_unit = far_unit_of(config)
    units: tuple[Unit, ...] = (*devices.values(), *taps_of(config), *([far_unit] if far_unit is not None else []))
    alarms = alarm_plan(config, drivers)
    acting, line = acting_plan(config, drivers), line_plan(config, drivers)
    return Plans(config, drivers, source, devices, far_unit, units, alarms, graph(alarms.links), acting, line)
