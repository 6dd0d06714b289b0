"""A small station for tests of the outputs: a power feed, an amplifier and an I/O module, and readings of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stationd.board import Board, Unit
from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason, Value
from stationd.device import Device
from stationd.driver import AMPLIFIER, INPUT_OUTPUT, POWER_FEED, Coil, Driver, Holding, Kind, Missing, Point, Protocol
from stationd.links.statistics import BusStatistics
from stationd.outputs.document import Identity, Mode
from stationd.tap import Tap, tap_driver
from stationd.wire import modbus, registers

LIVE = Identity("aktau", "Aktau", Mode.LIVE, "Kazakhtelecom")
SIMULATED = Identity("aktau", "Aktau", Mode.SIM, "Kazakhtelecom")
STALE = Quality(Level.STALE, Reason.TIMEOUT)
BAD = Quality(Level.BAD, Reason.DEVICE_FAILURE)
UNCERTAIN = Quality(Level.UNCERTAIN, Reason.OUT_OF_RANGE)


def driver(kind: Kind, *points: Point) -> Driver:
    return Driver(f"test-{kind.name}", kind, (Protocol.MODBUS_TCP,), points, "a manual of this test")


def at(number: int, name: str, unit: str = "") -> Point:
    return Point(name, Holding(number), registers.U16, unit)


PFE = driver(
    POWER_FEED,
    at(0, "output_current", "mA"),
    at(1, "output_voltage", "V"),
    Point("output_on", Coil(0)),
    at(2, "regulation"),
    Point("interlock", Missing("this unit has no contact")),
)
EDFA = driver(
    AMPLIFIER,
    at(0, "input_power", "dBm"),
    at(1, "output_power", "dBm"),
    at(2, "gain", "dB"),
    at(3, "pump1_current", "mA"),
    at(4, "pump2_current", "mA"),
    at(5, "pump1_temperature", "degC"),
    at(6, "case_temperature", "degC"),
    Point("los", Coil(0)),
)
METER = driver(INPUT_OUTPUT, at(0, "inlet", 'V "ac"'))


TAP = Tap("fp1-rx", tap_driver(0.5), fibre_pair=1)


def board(extra: tuple[Unit, ...] = ()) -> Board:
    codec = modbus.Tcp()
    devices = (
        Device("pfe-a", PFE, codec, role="pfe"),
        Device("fp1-booster", EDFA, codec, role="booster", fibre_pair=1),
        Device("meter", METER, codec),
    )
    return Board((*devices, *extra), now=0.0)


def show(target: Board, name: str, value: Value | None, t: float = 100.0, quality: Quality = GOOD) -> None:
    device, _, point = name.partition(".")
    target.show(Reading(PointId(device, point), value, quality, t))


@dataclass
class Bus:
    """What the outputs read of a bus."""

    up: bool = True
    statistics: BusStatistics = field(default_factory=BusStatistics)


def busy_bus() -> Bus:
    statistics = BusStatistics(transactions=7, failures=Counter({Reason.TIMEOUT: 2, Reason.ILLEGAL_ADDRESS: 1}), quarantines=2)
    for waits in statistics.queue_s.values():
        waits.observe(0.02)
        waits.observe(5.0)
    return Bus(True, statistics)
