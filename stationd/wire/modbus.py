"""Modbus RTU and TCP: pymodbus encodes requests and sums frames, what an answer is and what it says is decided here.

Follows "MODBUS Application Protocol" V1.1b3 and "MODBUS over Serial Line" V1.02 as implemented by pymodbus. The library's
clients are not used: on RTU an answer carries no transaction number, so what is accepted must be decided by the owner of
the line, who knows what was asked. An answer is taken only if unit, function and byte count (reads) or the echoed address
and value (writes) are those of the question, and the check sum is right.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteMultipleCoilsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from stationd.wire.crc import CheckSums
from stationd.wire.exchange import Answer, Found, FrameError, Garbled, Outcome, Refusal, WireFault

MAX_READ_REGISTERS = 125
MAX_READ_BITS = 2000
MAX_WRITE_REGISTERS = 123
MAX_WRITE_BITS = 1968
MBAP_BYTES = 7
MAX_PDU_BYTES = 253


class Table(Enum):
    """The four tables of a Modbus unit; the value is the first digit of the 1-based document address (4xxxx)."""

    COIL = 0
    DISCRETE = 1
    INPUT = 3
    HOLDING = 4

    @property
    def bits(self) -> bool:
        """True where an item is one bit, False where it is a register of 16."""
        return self in (Table.COIL, Table.DISCRETE)


@dataclass(frozen=True, slots=True)
class Read:
    """Read `count` items of a table from wire address `address` (0-based) of unit `unit`."""

    unit: int
    table: Table
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write registers (holding) or bits (coil) from wire address `address`; one item uses the single-write function."""

    unit: int
    table: Table
    address: int
    values: tuple[int, ...]


Question = Read | Write

FUNCTION = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
READS: dict[Table, type[ModbusPDU]] = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}

# Exception codes of the application protocol; 05 (acknowledge) and 06 both mean "ask again later".
EXCEPTIONS = {
    1: WireFault.ILLEGAL_FUNCTION,
    2: WireFault.ILLEGAL_ADDRESS,
    3: WireFault.ILLEGAL_VALUE,
    4: WireFault.DEVICE_FAILURE,
    5: WireFault.BUSY,
    6: WireFault.BUSY,
    7: WireFault.REFUSED,
    8: WireFault.DEVICE_FAILURE,
    10: WireFault.GATEWAY,
    11: WireFault.GATEWAY,
}

_DECODER = DecodePDU(False)
_RTU = FramerRTU(_DECODER)
_SOCKET = FramerSocket(_DECODER)


def _request(question: Question) -> ModbusPDU:
    _check(question)
    match question:
        case Read(unit, table, address, count):
            return READS[table](dev_id=unit, address=address, count=count)
        case Write(unit, Table.COIL, address, (value,)):
            return WriteSingleCoilRequest(dev_id=unit, address=address, bits=[bool(value)])
        case Write(unit, Table.COIL, address, values):
            return WriteMultipleCoilsRequest(dev_id=unit, address=address, bits=[bool(v) for v in values])
        case Write(unit, _, address, (value,)):
            return WriteSingleRegisterRequest(dev_id=unit, address=address, registers=[value])
        case Write(unit, _, address, values):
            return WriteMultipleRegistersRequest(dev_id=unit, address=address, registers=list(values))


def _check(question: Question) -> None:
    count = question.count if isinstance(question, Read) else len(question.values)
    if isinstance(question, Write) and question.table not in (Table.COIL, Table.HOLDING):
        raise FrameError(f"table {question.table.name.lower()} cannot be written; coil and holding can")
    if isinstance(question, Read):
        most = MAX_READ_BITS if question.table.bits else MAX_READ_REGISTERS
    else:
        most = MAX_WRITE_BITS if question.table.bits else MAX_WRITE_REGISTERS
    if not 1 <= count <= most:
        raise FrameError(f"{count} items in one {type(question).__name__.lower()}; 1 to {most} fit")
    if not 0 <= question.address <= 65536 - count:
        raise FrameError(f"addresses {question.address}..{question.address + count - 1} leave 0..65535")
    if not 0 <= question.unit <= 255:
        raise FrameError(f"unit {question.unit} is outside 0..255")
    if isinstance(question, Write) and not all(0 <= value <= 0xFFFF for value in question.values):
        raise FrameError(f"values {question.values} are not all within 0..65535")


def function(question: Question) -> int:
    """Return the function code that carries this question."""
    match question:
        case Read(_, table, _, _):
            return FUNCTION[table]
        case Write(_, Table.COIL, _, values):
            return 5 if len(values) == 1 else 15
        case Write(_, _, _, values):
            return 6 if len(values) == 1 else 16


def _byte_count(question: Read) -> int:
    return (question.count + 7) // 8 if question.table.bits else 2 * question.count


def _outcome(question: Question, pdu: bytes) -> Outcome:
    """Judge a PDU (function code and data) whose frame was sound and whose unit is the right one."""
    if pdu[0] == function(question) | 0x80 and len(pdu) == 2:
        return Refusal(EXCEPTIONS.get(pdu[1], WireFault.REFUSED), f"exception {pdu[1]:#04x}")
    if pdu[0] != function(question):
        return Garbled(WireFault.GARBLED, f"function {pdu[0]:#04x} answered to {function(question):#04x}")
    if isinstance(question, Write):
        if pdu == _written(question):
            return Answer([])
        return Garbled(WireFault.GARBLED, f"the echo {pdu.hex()} is not the write {_written(question).hex()}")
    if len(pdu) != 2 + _byte_count(question) or pdu[1] != _byte_count(question):
        return Garbled(WireFault.GARBLED, f"{len(pdu) - 2} bytes answered, {_byte_count(question)} asked")
    if question.table.bits:  # the first item is the lowest bit of the first byte
        return Answer([bool(pdu[2 + item // 8] >> item % 8 & 1) for item in range(question.count)])
    return Answer(list(struct.unpack_from(f">{question.count}H", pdu, 2)))


def _written(question: Write) -> bytes:
    """Return the PDU that confirms a write: an echo for one item, address and count for several."""
    pdu = _request(question)
    whole = bytes([pdu.function_code]) + pdu.encode()
    return whole if len(question.values) == 1 else whole[:5]


@lru_cache(maxsize=4096)
def _rtu_frame(question: Question) -> bytes:
    return _RTU.buildFrame(_request(question))


@lru_cache(maxsize=4096)
def _shapes(question: Question) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    """Return the headers of an RTU answer and of an exception, each with the whole frame's length in bytes."""
    code = function(question)
    refused = (bytes((question.unit, code | 0x80)), 5)
    if isinstance(question, Read):
        return (bytes((question.unit, code, _byte_count(question))), 5 + _byte_count(question)), refused
    return (bytes((question.unit, code)) + _written(question)[1:5], 8), refused


class Rtu:
    """Modbus RTU on a serial line. Late frames are known by unit, function and byte count."""

    addressed = True
    numbered = False
    silence_characters = 3.5

    def encode(self, question: Question, number: int) -> bytes:
        """Return address, PDU and CRC; `number` is not part of the protocol."""
        return _rtu_frame(question)

    def find(self, question: Question, number: int, received: bytes) -> Found | None:
        """Return the sound frame of the right unit, function and length with the smallest end."""
        sums = CheckSums(received)
        found = [self._at_header(question, received, sums, *shape) for shape in _shapes(question)]
        return min((one for one in found if one), key=lambda one: (one.end, one.start), default=None)

    def _at_header(self, question: Question, received: bytes, sums: CheckSums, header: bytes, length: int) -> Found | None:
        start = received.find(header)
        while start >= 0 and start + length <= len(received):
            frame = received[start : start + length]
            echo = isinstance(question, Read) and frame == _rtu_frame(question)  # some requests have the form of an answer
            if not echo and sums.right(start, start + length):
                return Found(start, start + length, _outcome(question, frame[1:-2]))
            start = received.find(header, start + 1)
        return None

    def reply_length(self, question: Question) -> int | None:
        """Return the bytes of a good answer, CRC included."""
        return _shapes(question)[0][1]

    def answers(self, question: Question) -> bool:
        """Return True: unit 0 is not used to broadcast here, it is how some supplies answer on USB (EA series)."""
        return True

    def shape(self, question: Question) -> tuple[Any, ...]:
        """Return function and answer length: all that an RTU answer shows of its question."""
        return function(question), self.reply_length(question)

    def selector(self, question: Question) -> None:
        """Return None: every RTU frame names its unit."""
        return


class Tcp:
    """Modbus TCP: answers are matched by transaction number; late ones can never be taken for another's."""

    addressed = True
    numbered = True
    silence_characters = 0.0

    def encode(self, question: Question, number: int) -> bytes:
        """Return MBAP header and PDU with transaction number `number` (modulo 65536)."""
        pdu = _request(question)
        pdu.transaction_id = number & 0xFFFF
        return _SOCKET.buildFrame(pdu)

    def find(self, question: Question, number: int, received: bytes) -> Found | None:
        """Return the frame with this transaction number; a broken header is Garbled (the stream has lost step)."""
        start = 0
        while start + MBAP_BYTES + 1 <= len(received):
            length = int.from_bytes(received[start + 4 : start + 6], "big")
            if received[start + 2 : start + 4] != b"\0\0" or not 3 <= length <= MAX_PDU_BYTES + 1:
                head = received[start : start + MBAP_BYTES].hex()
                return Found(start, len(received), Garbled(WireFault.MALFORMED, f"{head} is not an MBAP header"))
            end = start + 6 + length
            if end > len(received):
                return None
            if int.from_bytes(received[start : start + 2], "big") == number & 0xFFFF:
                return Found(start, end, self._judge(question, received[start:end]))
            start = end
        return None

    def _judge(self, question: Question, frame: bytes) -> Outcome:
        _, unit, _, pdu = _SOCKET.decode(frame)
        if unit != question.unit:
            return Garbled(WireFault.GARBLED, f"unit {unit} answered for unit {question.unit}")
        return _outcome(question, pdu)

    def reply_length(self, question: Question) -> int | None:
        """Return the bytes of a good answer, header included."""
        return MBAP_BYTES + 2 + _byte_count(question) if isinstance(question, Read) else MBAP_BYTES + 5

    def answers(self, question: Question) -> bool:
        """Return True: a TCP server answers every request."""
        return True

    def shape(self, question: Question) -> tuple[Any, ...]:
        """Return the function and length, for the statistics of late answers."""
        return function(question), self.reply_length(question)

    def selector(self, question: Question) -> None:
        """Return None: every frame names its unit."""
        return
