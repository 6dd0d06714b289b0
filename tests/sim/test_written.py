"""What was written to a unit is kept, whatever the protocol and whatever the unit made of it; what was only read is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

import pytest

from drivers import CATALOG
from stationd.core.model import Value
from stationd.device import Device as DaemonDevice
from stationd.device import codec_for
from stationd.driver import Driver, Missing, Protocol
from stationd.links.port import PortSettings
from stationd.sim.cable import End
from stationd.sim.modbus_server import Bank
from stationd.sim.plant import Plant
from stationd.sim.rig import Cable, Device, Port, Rig
from stationd.sim.simulation import Simulation, open_rig
from stationd.sim.stage import Stage
from stationd.sim.written import WriteLog, Written
from tests.memory_rig import MemoryRig
from tests.virtual_time import run

RATINGS = {"voltage_v": 1000.0, "current_ma": 1500.0, "power_w": 1500.0}
TEXT = [name for name, driver in CATALOG.items() if Protocol.TEXT in driver.protocols]


def unit(driver: str, name: str = "unit", address: int = 1) -> tuple[str, Device]:
    ratings = {each: RATINGS[each] for each in CATALOG[driver].ratings}
    return name, Device(port="port", driver=driver, address=address, ratings=ratings)


def heard(driver: str, lines: Iterable[bytes], *more: tuple[str, Device]) -> list[Written]:
    """Return what is kept of these bytes on the line of a unit."""
    log = WriteLog(Stage(Plant(fibre_pairs=1), lambda: 7.0))
    ear = log.listener(dict([unit(driver), *more]))
    for line in lines:
        ear.heard(line)
    return log.written


def daemon(driver: Driver, dialect: str) -> DaemonDevice:
    return DaemonDevice("unit", driver, codec_for(Protocol.TEXT, driver, dialect), ratings=RATINGS)


def some_value(driver: Driver, name: str) -> Value:
    point = driver.point(name)
    assert point is not None
    if point.values:
        return next(iter(point.values.values()))
    return 10.0 if point.mask is None else True


DIALECTS = [(name, dialect) for name in TEXT for dialect in CATALOG[name].dialects]


@pytest.mark.parametrize(("name", "dialect"), DIALECTS)
def test_every_write_of_every_driver_is_kept_and_no_question_is(name: str, dialect: str) -> None:
    driver = CATALOG[name]
    device = daemon(driver, dialect)
    asked = [device.codec.encode(block.exchange.question, 0) for block in device.plan()]
    assert heard(name, asked) == []
    for point in driver.points:
        if "w" in point.access and not isinstance(point.at, Missing):
            order = device.prepare(point.name, some_value(driver, point.name))
            question = device.codec.encode(order.write.question, 0)
            (kept,) = heard(name, [question])
            assert kept.command in question.decode("latin-1"), point.name
            assert (kept.port, kept.device) == ("port", "unit")


@pytest.mark.parametrize("line", [b"U700\n", b"F1\n", b"=\n", b">BON 1\n", b"P1\n", b"> S1 0.5\n"])
def test_old_commands_of_a_supply_are_kept_too(line: bytes) -> None:
    assert [each.command for each in heard("fug-probus5", [line])] == [line.decode().strip()]


@pytest.mark.parametrize("line", [b">S1 ?\n", b"?\n", b"*IDN?\n", b"N3\n", b">S0S ?\n"])
def test_old_questions_are_not(line: bytes) -> None:
    assert heard("fug-probus5", [line]) == []


def test_a_command_that_comes_in_pieces_is_one_and_noise_is_none() -> None:
    assert [each.command for each in heard("fug-probus5", [b">BO", b"N 1", b"\n"])] == [">BON 1"]
    assert heard("fug-probus5", [b"\xff\x00garbage\n", b"\n\n"]) == []


def test_a_command_on_a_shared_line_is_that_of_the_unit_that_was_chosen() -> None:
    lines = [b"ADR 06\r", b"OUT 1\r", b"ADR 1\r", b"PV 10\r"]
    assert [(each.device, each.command) for each in heard("tdk-genesys", lines, unit("tdk-genesys", "other", 6))] == [
        ("other", "OUT 1"), ("unit", "PV 10"),
    ]  # fmt: skip


def test_registers_and_coils_are_kept_with_their_time_also_when_the_unit_refuses_them() -> None:
    clock = [0.0]
    stage = Stage(Plant(fibre_pairs=1), lambda: clock[0])
    log, (name, device) = WriteLog(stage), unit("modbus-io", "io")
    taken: list[tuple[Bank, int, list[int]]] = []

    class Refusing:
        functions = frozenset((1, 5))

        def snapshot(self, bank: Bank) -> dict[int, int]:
            return {0: 1}

        def write(self, bank: Bank, address: int, values: list[int]) -> None:
            taken.append((bank, address, values))

    watched = log.watch(name, device, Refusing())  # type: ignore[arg-type]
    clock[0] = 3.5
    assert (watched.snapshot(Bank.COILS), watched.functions) == ({0: 1}, frozenset((1, 5)))
    assert log.written == []
    watched.write(Bank.COILS, 0, [1, 0])
    watched.write(Bank.HOLDING, 501, [26214])
    assert [each.command for each in log.written] == ["coil 0 = 1, 0", "holding 501 = 26214"]
    assert {(each.t, each.port, each.device) for each in log.written} == {(3.5, "port", "io")}
    assert len(taken) == 2


# On ports.


def rig() -> Rig:
    """A supply on a text line, and an I/O module behind Modbus TCP."""
    ratings = {"voltage_v": 1000.0, "current_ma": 1500.0}
    return Rig(
        Cable(test_set="s1-341", fibre_pairs=1),
        {"pfe": Port(protocol=Protocol.TEXT, baud=115200), "io": Port(link="tcp", protocol=Protocol.MODBUS_TCP)},
        {
            "pfe": Device(port="pfe", driver="fug-probus5", end=End.A, role="pfe", ratings=ratings),
            "io": Device(port="io", driver="modbus-io", end=End.A, role="io"),
        },
    )


WRITE_COIL = bytes.fromhex("000100000006 01 05 0001 FF00")
READ_COILS = bytes.fromhex("000200000006 01 01 0000 0004")


async def reached(simulation: Simulation, count: int) -> list[tuple[str, str]]:
    async with asyncio.timeout(10.0):
        while len(simulation.written) < count:
            await asyncio.sleep(0)
    return [(each.device, each.command) for each in simulation.written]


async def test_what_reaches_a_unit_over_a_real_port_is_kept() -> None:
    async with open_rig(rig()) as simulation:
        host, number = simulation.ports["io"].removeprefix("tcp://").split(":")
        reader, writer = await asyncio.open_connection(host, int(number))
        for question, length in ((WRITE_COIL, 12), (READ_COILS, 10)):
            writer.write(question)
            assert await reader.readexactly(length)
        writer.close()
        line = os.open(simulation.ports["pfe"], os.O_RDWR | os.O_NOCTTY)
        os.write(line, b">S1 ?\n>S1 0.5\n")
        assert await reached(simulation, 2) == [("io", "coil 1 = 1"), ("pfe", ">S1 0.5")]
        os.close(line)


class Client:
    """Who has opened a port in memory; it listens to nothing."""

    def received(self, data: bytes) -> None:
        """Take an answer."""

    def lost(self, detail: str) -> None:
        """Take note that the port is gone."""


def test_what_reaches_a_unit_of_the_rig_in_memory_is_kept_and_what_a_dead_line_swallows_is_not() -> None:
    async def play() -> list[str]:
        memory = MemoryRig(rig())
        settings = PortSettings(memory.simulation.ports["pfe"], 115200, "none", 1, False, 1.0)
        link = await memory.open_port(settings, Client())  # type: ignore[arg-type]
        for command, dead in ((b">BON 0\n", False), (b">BON ?\n", False), (b">BON 1\n", True), (b">S0 5\n", False)):
            memory.simulation.port("pfe").black_hole(dead)
            link.send(command)
            await asyncio.sleep(1.0)  # of virtual time
        return [each.command for each in memory.simulation.written]

    assert run(play()) == [">BON 0", ">S0 5"]
