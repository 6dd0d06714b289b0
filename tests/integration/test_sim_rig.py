"""A whole rig on real ports: pymodbus' servers behind paced terminals and TCP, faults of the wire, and other people's clients."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stationd.sim.cable import End
from stationd.sim.device_genesys import SHUT_OFF, Genesys
from stationd.sim.rig import EXAMPLE, load_rig, parse_rig
from stationd.sim.simulation import Simulation, open_rig
from stationd.sim.wire_faults import FaultKind, LineFault, crc16, frame68

PATIENCE_S = 20.0
SILENT_S = 0.15  # longer than any sound answer of these lines takes
RATINGS = {"voltage_v": 1000.0, "current_ma": 1500.0, "power_w": 1500.0}
FULL = 0xCCCC


def rig_of(port: dict[str, Any], *devices: dict[str, Any], faults: list[dict[str, Any]] | None = None) -> Any:
    named = {f"d{place}": {"port": "p", **device} for place, device in enumerate(devices, 1)}
    raw = {"cable": {"test_set": "s1-341", "fibre_pairs": 1}, "port": {"p": port}, "device": named, "fault": faults or []}
    return parse_rig(raw)


RTU = {"protocol": "modbus-rtu", "baud": 115200}
TCP = {"protocol": "modbus-tcp", "link": "tcp"}
TEXT = {"protocol": "text", "baud": 115200}
FUG = {"driver": "fug-probus5", "end": "b", "ratings": {"voltage_v": 1000.0, "current_ma": 1500.0}}
SUPPLY = {"driver": "ea-ps10000", "ratings": RATINGS}
BLOCK = {"driver": "registers", "address": 7, "registers": 40, "illegal": [13]}


class Line:
    """A client of the only port of a rig. `ask` waits for as many answers as it is told, 0 for a question without one."""

    def __init__(self, simulation: Simulation, terminal: int) -> None:
        self.simulation = simulation
        self.terminal = terminal

    async def ask(self, frame: str, answers: int = 1) -> bytes:
        """Send a Modbus frame given in hexadecimal without its check sum."""
        body = bytes.fromhex(frame)
        return await self.send(body + crc16(body), answers)

    async def send(self, data: bytes, answers: int = 1) -> bytes:
        """Send bytes; return everything that the device sends until its last answer has ended."""
        before = self.simulation.counts("p")
        await asyncio.sleep(0.002)  # the silence of 3.5 characters in front of a frame
        os.write(self.terminal, data)
        await _until(lambda: self.simulation.counts("p").bytes_in == before.bytes_in + len(data))
        await _until(lambda: self.simulation.counts("p").answers >= before.answers + answers)
        received, count = b"", self.simulation.counts("p").bytes_out - before.bytes_out
        while len(received) < count:
            assert await asyncio.to_thread(_waited, self.terminal), f"only {received!r} of {count} bytes came"
            received += os.read(self.terminal, count - len(received))
        return received


def _waited(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], PATIENCE_S)[0])


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def line_of(port: dict[str, Any], *devices: dict[str, Any]) -> AsyncIterator[Line]:
    """Open a rig of one terminal and a client of it."""
    async with open_rig(rig_of(port, *devices)) as simulation:
        terminal = os.open(simulation.ports["p"], os.O_RDWR | os.O_NOCTTY)
        try:
            yield Line(simulation, terminal)
        finally:
            os.close(terminal)


def sound(frame: bytes) -> bool:
    return len(frame) > 4 and crc16(frame[:-2]) == frame[-2:]


async def test_the_published_frames_are_answered_on_the_wire() -> None:
    async with line_of(RTU, SUPPLY) as line:
        answer = await line.ask("010301FB0003")
        assert sound(answer)
        assert answer[:3] == bytes.fromhex("010306")
        voltage, current = int.from_bytes(answer[3:5], "big"), int.from_bytes(answer[5:7], "big")
        assert voltage / FULL * 1000 == pytest.approx(250.5, abs=0.4)
        assert current / FULL * 1500 == pytest.approx(1000.0, abs=0.4)
        for frame in ("01050192FF00", "01050195FF00", "0105019BFF00", "010601F56666"):  # 411 reads 0, its echo is what was written
            assert (await line.ask(frame))[:-2] == bytes.fromhex(frame)
        assert line.simulation.plant.power_feed(End.A).current_setpoint_ma == pytest.approx(0x6666 / FULL * 1500)
        assert line.simulation.counts("p").gap_violations == 0


async def test_a_supply_at_address_0_answers_as_over_usb() -> None:
    async with line_of(RTU, {**SUPPLY, "address": 0}) as line:
        answer = await line.ask("000301FB0003")
        assert sound(answer)
        assert answer[:3] == bytes.fromhex("000306")


async def test_several_registers_are_written_at_once_or_not_at_all() -> None:
    async with line_of(RTU, SUPPLY) as line:
        assert (await line.ask("011001F400020480006000"))[:-2] == bytes.fromhex("011001F40002")
        feed = line.simulation.plant.power_feed(End.A)
        assert feed.voltage_setpoint_v == pytest.approx(0x8000 / FULL * 1000)
        assert (await line.ask("011001F4000204FFFF1000"))[:3] == bytes.fromhex("019003")
        assert line.simulation.plant.power_feed(End.A) == feed
        assert (await line.ask("010F0195000101" + "00"))[:-2] == bytes.fromhex("010F01950001")
        assert not line.simulation.plant.power_feed(End.A).output_on


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ("07030000000D", "07031A"),  # registers 0 to 12 are there
        ("07030000000E", "078302"),  # 13 is not
        ("070300640001", "078302"),
        ("07010000000A", "078101"),
        ("074100000001", "07C101"),  # pymodbus does not know this function; a unit answers all the same
        ("0703000000FF", "078303"),  # more than 125
        ("071000010002020001", "079003"),  # two registers, bytes for one
    ],
)
async def test_what_a_line_answers_to(frame: str, answer: str) -> None:
    async with line_of(RTU, BLOCK) as line:
        received = await line.ask(frame)
        assert received[:3].hex().upper() == answer
        assert sound(received)
        assert (await line.ask("070300010001"))[:3] == bytes.fromhex("070302")  # and the line is in step afterwards


async def test_a_unit_that_does_not_exist_is_silent_and_a_broadcast_is_carried_out_in_silence() -> None:
    async with line_of(RTU, BLOCK) as line:
        assert await line.ask("090300010001", answers=0) == b""
        assert await line.ask("0006000100AB", answers=0) == b""
        assert (await line.ask("070300010001"))[:5] == bytes.fromhex("07030200AB")


@pytest.mark.parametrize("damaged", ["0703000000010000", "0710000100C890010203", "070310", "00"])
async def test_a_damaged_frame_is_not_answered_and_the_next_one_is(damaged: str) -> None:
    async with line_of(RTU, BLOCK) as line:
        assert await line.send(bytes.fromhex(damaged), answers=0) == b""
        assert sound(await line.ask("070300010001"))


async def test_units_of_one_line_answer_for_themselves() -> None:
    async with line_of(RTU, BLOCK, {"driver": "registers", "address": 8}) as line:
        for unit in (7, 8):
            answer = await line.ask(f"{unit:02X}0300010002")
            assert [int.from_bytes(answer[at : at + 2], "big") for at in (3, 5)] == [256 * unit + 1, 256 * unit + 2]


FAULT_SEEN: dict[FaultKind, Callable[[bytes, bytes], bool]] = {
    FaultKind.DROP: lambda got, right: got == b"",
    FaultKind.MUTE: lambda got, right: got == b"",
    FaultKind.NOISE_BEFORE: lambda got, right: len(got) == len(right) + 4 and got[4:] == right,
    FaultKind.NOISE_AFTER: lambda got, right: len(got) == len(right) + 4 and got[:-4] == right,
    FaultKind.NOISE_INSIDE: lambda got, right: len(got) == len(right) + 4 and not sound(got),
    FaultKind.WRONG_UNIT: lambda got, right: sound(got) and got[0] != 7,
    FaultKind.WRONG_FUNCTION: lambda got, right: sound(got) and got[1] != 3,
    FaultKind.WRONG_LENGTH: lambda got, right: sound(got) and len(got) != len(right),
    FaultKind.DUPLICATE: lambda got, right: got == right + right,
    FaultKind.ECHO: lambda got, right: got == bytes.fromhex("070300010004") + crc16(bytes.fromhex("070300010004")) + right,
    FaultKind.TRUNCATED: lambda got, right: got == right[:-4],
    FaultKind.BIT_ERRORS: lambda got, right: len(got) == len(right) and not sound(got),
    FaultKind.LATE: lambda got, right: got == right,
    FaultKind.STUCK: lambda got, right: got == right,
    FaultKind.BABBLE: lambda got, right: len(got) == 4,
}


def test_every_kind_of_fault_is_tried() -> None:
    assert set(FAULT_SEEN) == set(FaultKind)


ANSWERS = {FaultKind.DROP: 0, FaultKind.MUTE: 0, FaultKind.DUPLICATE: 2, FaultKind.ECHO: 2}


@pytest.mark.parametrize("kind", FaultKind)
async def test_a_fault_is_on_the_wire_as_often_as_asked(kind: FaultKind) -> None:
    async with line_of(RTU, BLOCK) as line:
        right = await line.ask("070300010004")
        assert sound(right)
        line.simulation.faults("p").add(LineFault(kind, delay_s=0.02, times=1))
        assert FAULT_SEEN[kind](await line.ask("070300010004", ANSWERS.get(kind, 1)), right)
        assert await line.ask("070300010004") == right
        assert line.simulation.faults("p").struck == {kind: 1}


async def test_a_late_answer_comes_after_its_delay() -> None:
    async with line_of(RTU, BLOCK) as line:
        line.simulation.faults("p").add(LineFault(FaultKind.LATE, delay_s=0.3))
        begin = time.monotonic()
        assert sound(await line.ask("070300010001"))
        assert time.monotonic() - begin >= 0.3


async def test_a_slow_unit_thinks_before_each_answer() -> None:
    async with line_of(RTU, {**BLOCK, "answer_ms": 200.0}) as line:
        begin = time.monotonic()
        assert sound(await line.ask("070300010001"))
        assert time.monotonic() - begin >= 0.2


async def test_a_slow_text_unit_does_so_too() -> None:
    async with line_of(TEXT, {**FUG, "answer_ms": 200.0}) as line:
        begin = time.monotonic()
        assert await line.send(b">BON ?\n") == b"BON:1\n"
        assert time.monotonic() - begin >= 0.2


async def test_faults_of_the_file_begin_and_end_by_themselves() -> None:
    fault = {"port": "p", "kind": "drop", "after_s": 0.01, "for_s": 0.05}
    async with open_rig(rig_of(RTU, BLOCK, faults=[fault])) as simulation:
        faults = simulation.faults("p")
        await _until(lambda: bool(faults.active))
        await _until(lambda: not faults.active)


def _tcp(address: str) -> socket.socket:
    host, _, number = address.removeprefix("tcp://").removeprefix("socket://").rpartition(":")
    return socket.create_connection((host, int(number)), timeout=PATIENCE_S)


def _tcp_ask(connection: socket.socket, transaction: int, unit: int, pdu: str) -> bytes:
    body = bytes((unit,)) + bytes.fromhex(pdu)
    connection.sendall(transaction.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body)
    return connection.recv(512)


TCP_EXCHANGES = [
    (7, "0300010002", "030407010702"),
    (7, "03000D0001", "8302"),  # an illegal register
    (7, "0300000000", "8303"),
    (9, "0300010001", "830B"),  # no such unit behind this gateway
    (1, "0601F56666", "0601F56666"),
]


async def test_modbus_tcp_reads_writes_and_refuses() -> None:
    async with open_rig(rig_of(TCP, SUPPLY, BLOCK)) as simulation:
        with _tcp(simulation.ports["p"]) as client:
            for number, (unit, question, answer) in enumerate(TCP_EXCHANGES, 1):
                received = await asyncio.to_thread(_tcp_ask, client, number, unit, question)
                body = bytes((unit,)) + bytes.fromhex(answer)
                assert received == number.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body
        assert simulation.plant.power_feed(End.A).current_setpoint_ma == pytest.approx(0x6666 / FULL * 1500)
        assert simulation.counts("p").frames == len(TCP_EXCHANGES)


async def test_two_clients_of_a_tcp_port_do_not_disturb_each_other() -> None:
    async with open_rig(rig_of(TCP, BLOCK)) as simulation:
        with _tcp(simulation.ports["p"]) as first, _tcp(simulation.ports["p"]) as second:
            one, two = await asyncio.gather(
                asyncio.to_thread(_tcp_ask, first, 1, 7, "0300050001"), asyncio.to_thread(_tcp_ask, second, 1, 7, "0300060001")
            )
        assert (one[-1], two[-1]) == (5, 6)


async def test_a_reset_tcp_port_serves_again_under_the_same_address() -> None:
    async with open_rig(rig_of(TCP, BLOCK)) as simulation:
        address = simulation.ports["p"]
        with _tcp(address) as client:
            await asyncio.to_thread(_tcp_ask, client, 1, 7, "0300010001")
            simulation.port("p").hang_up()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with _tcp(address) as client:
            assert len(await asyncio.to_thread(_tcp_ask, client, 1, 7, "0300010001")) == 11
        simulation.port("p").stop()
        with pytest.raises(ConnectionRefusedError):
            _tcp(address)
        simulation.port("p").start()
        with _tcp(address) as client:
            assert len(await asyncio.to_thread(_tcp_ask, client, 1, 7, "0300010001")) == 11


async def test_a_black_hole_of_tcp_is_silent_and_stays_connected() -> None:
    async with open_rig(rig_of(TCP, BLOCK)) as simulation:
        with _tcp(simulation.ports["p"]) as client:
            simulation.port("p").black_hole(True)
            client.settimeout(SILENT_S)
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(_tcp_ask, client, 1, 7, "0300010001")
            simulation.port("p").black_hole(False)
            client.settimeout(PATIENCE_S)
            assert len(await asyncio.to_thread(_tcp_ask, client, 2, 7, "0300010001")) == 11


async def test_a_stream_that_has_lost_step_is_closed() -> None:
    async with open_rig(rig_of(TCP, BLOCK)) as simulation:
        with _tcp(simulation.ports["p"]) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(client.recv, 1)


async def test_a_foreign_tcp_answer_carries_the_transaction() -> None:
    async with open_rig(rig_of(TCP, BLOCK)) as simulation:
        simulation.faults("p").add(LineFault(FaultKind.WRONG_UNIT))
        with _tcp(simulation.ports["p"]) as client:
            answer = await asyncio.to_thread(_tcp_ask, client, 9, 7, "0300010001")
        assert (answer[:2], answer[6]) == (b"\0\x09", 8)


async def test_a_binary_module_answers_behind_a_socket() -> None:
    amplifier = {"driver": "edfa68", "role": "booster", "fibre_pair": 1}
    port = {"protocol": "frame68", "link": "tcp", "baud": 115200}
    async with open_rig(rig_of(port, amplifier)) as simulation:
        assert simulation.ports["p"].startswith("socket://127.0.0.1:")
        with _tcp(simulation.ports["p"]) as client:
            client.sendall(frame68(b"\x31\x00\x5f\x01\x01"))
            assert await asyncio.to_thread(client.recv, 64) == frame68(b"\x31\x00\x5f\x01\x04")


async def test_a_unit_may_speak_unasked() -> None:
    feed = {"driver": "tdk-genesys", "address": 5, "ratings": {"voltage_v": 1000.0, "current_ma": 1500.0}}
    async with line_of(TEXT, feed) as line:
        panel = line.simulation.panel("d1")
        assert isinstance(panel, Genesys)
        assert await line.send(b"ADR 5\r") == b"OK\r"
        assert await line.send(b"FENA 20\r") == b"OK\r"
        panel.press(SHUT_OFF, on=True)
        assert await asyncio.to_thread(_waited, line.terminal)
        assert await asyncio.to_thread(os.read, line.terminal, 64) == b"!05\r"
        assert await line.send(b"FLT?\r") == b"20\r"


async def test_what_happens_to_the_plant_is_seen_through_the_port() -> None:
    async with line_of(TEXT, FUG) as line:
        assert await line.send(b">BON ?\n") == b"BON:1\n"
        plant = line.simulation.plant
        plant.set_power_feed(End.B, replace(plant.power_feed(End.B), output_on=False))
        assert await line.send(b">BON ?\n") == b"BON:0\n"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("closing", ["end of the block", "an error inside"])
async def test_nothing_is_left_of_a_rig(closing: str) -> None:
    before = {thread.name for thread in threading.enumerate()}
    descriptors = open_descriptors()
    try:
        async with open_rig(load_rig(EXAMPLE)) as simulation:
            directory = Path(simulation.ports["rtu"]).parent
            if closing == "an error inside":
                raise LookupError
    except LookupError:
        pass
    assert not directory.exists()
    assert {thread.name for thread in threading.enumerate()} == before
    await _until(lambda: open_descriptors() <= descriptors)


async def test_a_taken_port_number_is_said_and_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        rig = rig_of({**TCP, "tcp_port": taken.getsockname()[1]}, BLOCK)
        before = threading.active_count()
        with pytest.raises(OSError, match="Address already in use"):
            async with open_rig(rig):
                raise AssertionError("it must not open")
        assert threading.active_count() == before
