"""Modbus units of the simulator behind pymodbus' own servers, so that the two ends of a test are independent code.

What it is: `ModbusUnit` is what a simulated unit must offer; `sim_device` puts it behind pymodbus' SimDevice, whose `action`
refreshes registers from the unit before each read and hands writes to it. `RtuServer` feeds pymodbus' serial server, on a
pseudo-terminal of its own that nothing paces, with the frames that a real unit would have taken from the line.
What it is not: a Modbus codec. Only the check sum and the unit number are looked at here, because a unit is silent to what
is damaged or not meant for it, and pymodbus would answer or lose step.
"""

from __future__ import annotations

import contextlib
import os
import tty
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimAction, SimData, SimDevice

from stationd.sim.exact_thread import ExactThread
from stationd.sim.line import Late
from stationd.sim.wire_faults import Faults, crc16

SHORTEST_FRAME = 4
BROADCAST = 0
WRITES = frozenset((5, 6, 15, 16))
FUNCTIONS = frozenset((1, 2, 3, 4)) | WRITES
MOST_READ = {1: 2000, 2: 2000, 3: 125, 4: 125}  # "MODBUS Application Protocol" V1.1b3
MOST_WRITTEN = {15: 1968, 16: 123}
WORD_BITS = 16
NO_THINKING: Mapping[int, float] = MappingProxyType({})


class Bank(Enum):
    """The four tables of a unit; the values are the places of pymodbus' tuple of blocks."""

    COILS = 0
    DISCRETE = 1
    HOLDING = 2
    INPUT = 3


BANKS = {1: Bank.COILS, 5: Bank.COILS, 15: Bank.COILS, 2: Bank.DISCRETE, 3: Bank.HOLDING, 6: Bank.HOLDING, 16: Bank.HOLDING, 4: Bank.INPUT}


class ModbusUnit(Protocol):
    """One simulated unit."""

    @property
    def functions(self) -> frozenset[int]:
        """The function codes that it knows."""

    def snapshot(self, bank: Bank) -> Mapping[int, int]:
        """Return every address of a table with its register, or 0 or 1 for a bit, as they are now; empty: no such table."""

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Take values for addresses that exist, or return the exception that refuses all of them."""


def sim_device(number: int, unit: ModbusUnit) -> SimDevice:
    """Return the unit as pymodbus serves it."""
    blocks = tuple(_block(bank, sorted(unit.snapshot(bank))) for bank in Bank)
    return SimDevice(id=number, simdata=(blocks[0], blocks[1], blocks[2], blocks[3]), action=_action(unit))


def _block(bank: Bank, addresses: list[int]) -> list[SimData]:
    """Return the memory that pymodbus keeps. It wants one even where the unit has no such table; `_action` refuses that."""
    if bank in (Bank.COILS, Bank.DISCRETE):
        return [SimData(0, values=[False] * (max(addresses, default=0) + 1), datatype=DataType.BITS)]
    return [SimData(each, datatype=DataType.REGISTERS) for each in addresses or [0]]


def _action(unit: ModbusUnit) -> SimAction:
    async def action(
        function: int, start: int, address: int, count: int, registers: list[int], values: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        if function not in unit.functions:
            return ExcCodes.ILLEGAL_FUNCTION
        bank = BANKS[function]
        if function in WRITES and values is None:  # the echo of a write: it shows what was written
            return None
        now = unit.snapshot(bank)
        bits = bank in (Bank.COILS, Bank.DISCRETE)
        wanted = len(values) if values is not None else 1 if bits else count  # of bits pymodbus tells only the words
        if any(each not in now for each in range(address, address + wanted)):
            return ExcCodes.ILLEGAL_ADDRESS
        if values is not None:
            return unit.write(bank, address, [int(value) for value in values])
        if bits:
            _refresh_bits(now, start, address, count, registers)
        else:
            registers[address - start : address - start + count] = [now[each] for each in range(address, address + count)]
        return None

    return action


def _refresh_bits(now: Mapping[int, int], start: int, address: int, count: int, registers: list[int]) -> None:
    """Write bits into pymodbus' memory, sixteen to a word, the first one lowest."""
    for word in range(address // WORD_BITS, address // WORD_BITS + count):
        first = word * WORD_BITS
        registers[word - start] = sum(now.get(first + bit, 0) << bit for bit in range(WORD_BITS))


class RtuServer:
    """The units of one RTU line. `heard` is for its port, in the ports' thread; answers go to `send`."""

    def __init__(
        self,
        thread: ExactThread,
        units: Mapping[int, ModbusUnit],
        faults: Faults,
        send: Callable[[Iterable[Late]], None],
        thinking_s: Mapping[int, float] = NO_THINKING,
    ) -> None:
        self._thread = thread
        self._units = units
        self._faults = faults
        self._send = send
        self._thinking_s = thinking_s
        self._question = b""
        self._answer = bytearray()
        self._master = self._slave = -1
        self._server: ModbusSerialServer | None = None

    async def start(self) -> None:
        """Start pymodbus' server in the running loop."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        devices = [sim_device(number, unit) for number, unit in self._units.items()]
        self._server = ModbusSerialServer(
            devices, port=os.ttyname(self._slave), ignore_missing_devices=True, broadcast_enable=BROADCAST not in self._units
        )
        await self._server.serve_forever(background=True)
        self._thread.ask(lambda: self._thread.watch(self._master, self._answered))

    async def stop(self) -> None:
        """End the server."""
        if self._server is None:
            return
        self._thread.ask(lambda: self._thread.forget(self._master))
        await self._server.shutdown()  # type: ignore[no-untyped-call]
        self._server = None
        os.close(self._master)
        os.close(self._slave)

    def heard(self, frame: bytes) -> None:
        """Take a frame from the line and pass it on if a unit would take it."""
        if len(frame) < SHORTEST_FRAME or crc16(frame[:-2]) != frame[-2:]:
            return
        unit = frame[0]
        if (unit not in self._units and unit != BROADCAST) or not self._faults.hears(unit):
            return
        self._answer.clear()
        refusal = refused_outright(frame[1:-2])
        if refusal is not None:
            if unit in self._units:
                body = frame[:1] + refusal
                self._reply(frame, body + crc16(body))
            return
        self._question = frame
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, frame)

    def _answered(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._answer += os.read(self._master, 512)
        answer = bytes(self._answer)
        if len(answer) > SHORTEST_FRAME and crc16(answer[:-2]) == answer[-2:]:
            self._answer.clear()
            self._reply(self._question, answer)

    def _reply(self, question: bytes, answer: bytes) -> None:
        more_s = self._thinking_s.get(question[0], 0.0)
        self._send([(delay_s + more_s, data) for delay_s, data in self._faults.answers(question, answer, question[0])])


def refused_outright(pdu: bytes) -> bytes | None:
    """Return the exception to a PDU that is nothing: pymodbus would keep it, drop it, or answer under function 0."""
    function, rest = pdu[0], pdu[1:]
    if function not in FUNCTIONS:
        return bytes((function | 0x80, ExcCodes.ILLEGAL_FUNCTION))
    count = int.from_bytes(rest[2:4], "big")
    match function:
        case 5 | 6:
            fits = len(rest) == 4
        case 15 | 16:
            size = (count + 7) // 8 if function == 15 else 2 * count
            fits = 1 <= count <= MOST_WRITTEN[function] and len(rest) == 5 + size and rest[4] == size
        case _:
            fits = len(rest) == 4 and 1 <= count <= MOST_READ[function]
    return None if fits else bytes((function | 0x80, ExcCodes.ILLEGAL_VALUE))
