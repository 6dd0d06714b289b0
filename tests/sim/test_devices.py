"""Every simulated device against the driver of the catalogue that was written apart from it: they must understand each other."""

from __future__ import annotations

from typing import Any

import pytest

from drivers import CATALOG
from stationd.core.model import Reading
from stationd.device import Block, Device, codec_for
from stationd.driver import Driver, Protocol
from stationd.sim.modbus_server import FUNCTIONS, Bank, ModbusUnit
from stationd.sim.rig import RULES
from stationd.wire.exchange import Answer, Exchange
from stationd.wire.modbus import Read, Table, Write
from tests.sim.stand import RATINGS, Stand, TextStand

BANKS = {Table.COIL: Bank.COILS, Table.DISCRETE: Bank.DISCRETE, Table.HOLDING: Bank.HOLDING, Table.INPUT: Bank.INPUT}
NEVER_SENT_BY_STATION = {"tdk-genesys", "spellman-xrv"}  # their dialects differ in the check sum, which the unit sees by itself
TEXT_DRIVERS = [(name, dialect) for name, driver in CATALOG.items() for dialect in driver.dialects]
MODBUS_DRIVERS = [name for name, driver in CATALOG.items() if Protocol.MODBUS_RTU in driver.protocols]


def client(driver: Driver, dialect: str | None = None) -> Device:
    ratings = {name: RATINGS[name] for name in driver.ratings}
    return Device("unit", driver, codec_for(driver.protocols[0], driver, dialect), 1, 1, ratings)


def stand(name: str, dialect: str | None = None) -> Stand:
    options: dict[str, Any] = {"dialect": None if name in NEVER_SENT_BY_STATION else dialect}
    return Stand(name, "preamp" if CATALOG[name].kind.name == "amplifier" else None, **options)


def exchange(unit: TextStand, asked: Exchange, number: int) -> Answer:
    selector = asked.codec.selector(asked.question)
    if selector is not None:
        assert unit.feed(asked.codec.encode(selector, 0))
    received = unit.feed(asked.codec.encode(asked.question, number))
    if not asked.codec.answers(asked.question):
        return Answer(received)
    found = asked.codec.find(asked.question, number, received)
    assert found is not None, f"{asked.question}: {received!r}"
    assert isinstance(found.outcome, Answer), f"{asked.question}: {found.outcome}"
    return found.outcome


def read_all(unit: TextStand, device: Device) -> list[Reading]:
    blocks = enumerate(device.plan())
    return [reading for n, block in blocks for reading in device.decode(block, exchange(unit, block.exchange, n).body, 0.0)]


def read_registers(unit: ModbusUnit, block: Block) -> list[int]:
    question = block.exchange.question
    assert isinstance(question, Read)
    now = unit.snapshot(BANKS[question.table])
    return [now[address] for address in range(question.address, question.address + question.count)]


def test_every_driver_of_the_catalogue_is_simulated() -> None:
    assert set(CATALOG) - set(RULES) == set()


@pytest.mark.parametrize("name", [name for name in CATALOG if name in RULES])
def test_a_rig_names_protocols_dialects_and_ratings_as_the_driver_does(name: str) -> None:
    driver, rule = CATALOG[name], RULES[name]
    assert set(rule.protocols) == set(driver.protocols)
    assert set(rule.dialects) == set(driver.dialects)
    assert set(rule.ratings) == set(driver.ratings)


@pytest.mark.parametrize(("name", "dialect"), TEXT_DRIVERS)
def test_every_point_of_a_text_driver_is_answered_well(name: str, dialect: str) -> None:
    device = client(CATALOG[name], dialect)
    readings = read_all(stand(name, dialect).text(), device)
    assert readings
    assert [reading for reading in readings if not reading.quality.good] == []


def test_every_point_of_the_binary_module_is_answered_well() -> None:
    readings = read_all(stand("edfa68").text(), client(CATALOG["edfa68"]))
    assert [reading for reading in readings if not reading.quality.good] == []


@pytest.mark.parametrize("name", MODBUS_DRIVERS)
def test_every_point_of_a_modbus_driver_is_answered_well(name: str) -> None:
    unit, _ = stand(name).modbus()
    device = client(CATALOG[name])
    readings = [reading for block in device.plan() for reading in device.decode(block, read_registers(unit, block), 0.0)]
    assert [reading for reading in readings if not reading.quality.good] == []
    assert unit.functions <= FUNCTIONS


WRITES = [
    ("fug-probus5", "current_setpoint", 990.0),
    ("fug-probus5", "voltage_setpoint", 700.0),
    ("fug-probus5", "ramp_rate", 10.0),
    ("fug-probus5", "ramp_mode", "follow"),
    ("fug-probus5", "output_on", False),
    ("tdk-genesys", "current_setpoint", 990.0),
    ("tdk-genesys", "voltage_setpoint", 700.0),
    ("tdk-genesys", "output_on", False),
    ("tdk-genesys", "remote", False),
    ("spellman-xrv", "current_setpoint", 990.0),
    ("spellman-xrv", "voltage_setpoint", 700.0),
    ("spellman-xrv", "output_on", False),
    ("keopsys-cefa", "output_setpoint", 14.0),
    ("keopsys-cefa", "mode", "acc"),
    ("keopsys-cefa", "pump2_current_setpoint", 150.0),
    ("fiberlabs", "output_setpoint", 14.0),
    ("fiberlabs", "mode", "acc"),
    ("fiberlabs", "pump_on", False),
    ("amonics-aedfa", "output_setpoint", 14.0),
    ("amonics-aedfa", "mode", "acc"),
    ("amonics-aedfa", "pump1_current_setpoint", 150.0),
]


@pytest.mark.parametrize(("name", "point", "value"), WRITES)
def test_what_a_driver_writes_is_read_back(name: str, point: str, value: float | str | bool) -> None:
    unit, device = stand(name).text(), client(CATALOG[name])
    order = device.prepare(point, value)
    exchange(unit, order.write, 1)
    block = order.read_back
    shown = {each.point.point: each for each in device.decode(block, exchange(unit, block.exchange, 2).body, 0.0)}
    reading = shown[order.shown_by.name]
    assert reading.quality.good
    if isinstance(value, float):
        assert reading.value == pytest.approx(value, abs=order.tolerance)
    else:
        assert reading.value == value


@pytest.mark.parametrize(
    ("point", "value"), [("current_setpoint", 990.0), ("voltage_setpoint", 700.0), ("output_on", False), ("remote", False)]
)
def test_what_the_register_driver_writes_is_read_back(point: str, value: float | bool) -> None:
    unit, _ = stand("ea-ps10000").modbus()
    device = client(CATALOG["ea-ps10000"])
    order = device.prepare(point, value)
    question = order.write.question
    assert isinstance(question, Write)
    assert unit.write(BANKS[question.table], question.address, question.values) is None
    readings = device.decode(order.read_back, read_registers(unit, order.read_back), 0.0)
    [reading] = [each for each in readings if each.point.point == order.shown_by.name]
    assert reading.value == pytest.approx(value, abs=order.tolerance)
