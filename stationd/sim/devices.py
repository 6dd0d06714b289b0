"""The catalogue of simulated devices: from the sections of a rig to units that answer.

What it is: one entry for each driver of stationd. The units themselves are in the device_* modules, written from the makers'
documents and apart from the drivers, so that the two ends are independent.
What it is not: it opens nothing; ports and clocks are stationd.sim.simulation's.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.sim.device_amonics import Amonics
from stationd.sim.device_ea import EaSupply
from stationd.sim.device_edfa68 import Edfa68
from stationd.sim.device_fiberlabs import FiberLabs
from stationd.sim.device_fug import Fug
from stationd.sim.device_genesys import Genesys, GenesysLine
from stationd.sim.device_io import IoModule, Lacking, RegisterBlock
from stationd.sim.device_keopsys import Keopsys
from stationd.sim.device_spellman import Spellman
from stationd.sim.device_text import Responder
from stationd.sim.modbus_server import ModbusUnit
from stationd.sim.rig import Device
from stationd.sim.shutdown import Shutdown
from stationd.sim.stage import AmplifierDesk, FeedDesk, Stage

ModbusPanel = EaSupply | IoModule | RegisterBlock
TextPanel = Fug | Genesys | Spellman | Keopsys | FiberLabs | Amonics | Edfa68
Panel = ModbusPanel | TextPanel
"""A device as the person in front of it has it: keys, contacts, interlocks."""


def modbus_unit(stage: Stage, device: Device) -> tuple[ModbusUnit, Panel]:
    """Return a unit as its port serves it, and as its panel."""
    panel = _modbus_panel(stage, device)
    return (Lacking(panel, device.illegal) if device.illegal else panel), panel


def _modbus_panel(stage: Stage, device: Device) -> ModbusPanel:
    match device.driver:
        case "ea-ps10000":
            return EaSupply(stage, feed_desk(stage, device), device.ratings["power_w"])
        case "modbus-io":
            return IoModule(stage, device.end)
        case "registers":
            return RegisterBlock(device.address, device.registers)
    raise ValueError(f"{device.driver} is no Modbus unit")


def text_line(stage: Stage, devices: Mapping[str, Device]) -> tuple[Responder, Mapping[str, Panel]]:
    """Return what answers on a text or 0x68 line, and the panel of each of its devices by name."""
    first = next(iter(devices.values()))
    if first.driver == "tdk-genesys":
        units = {name: Genesys(stage, feed_desk(stage, device), device.address) for name, device in devices.items()}
        return GenesysLine(stage, {unit.address: unit for unit in units.values()}), dict(units)
    unit = _alone(stage, devices, first)
    return unit, dict.fromkeys(devices, unit)


def _alone(
    stage: Stage, devices: Mapping[str, Device], first: Device
) -> Fug | Spellman | Keopsys | FiberLabs | Amonics | Edfa68:
    match first.driver:
        case "fug-probus5":
            return Fug(stage, feed_desk(stage, first), first.dialect or "lf")
        case "spellman-xrv":
            return Spellman(stage, feed_desk(stage, first))
    desks = {device.channel: amplifier_desk(stage, device) for device in devices.values()}
    match first.driver:
        case "keopsys-cefa":
            return Keopsys(stage, desks[first.channel], first.dialect or "cr")
        case "fiberlabs":
            return FiberLabs(stage, desks, first.dialect or "cr")
        case "amonics-aedfa":
            return Amonics(stage, desks, first.lacks)
        case "edfa68":
            return Edfa68(stage, desks)
    raise ValueError(f"{first.driver} does not speak text")


def amplifier_desk(stage: Stage, device: Device) -> AmplifierDesk:
    """Return the electronics of an amplifier, with the lag and the automatic shutdown of its section."""
    end, pair, role = device.amplifier
    if device.shutdown_s is not None:
        shutdown = Shutdown(stage.plant, end, pair, device.shutdown_s)
        stage.shutdowns.append(shutdown)
        stage.enlist(shutdown.advance)
    return AmplifierDesk(stage, end, pair, role, device.los_lag_s)


def feed_desk(stage: Stage, device: Device) -> FeedDesk:
    """Return the electronics of a power feed with the ratings of its section."""
    return FeedDesk(stage, device.end, device.ratings["voltage_v"], device.ratings["current_ma"])
