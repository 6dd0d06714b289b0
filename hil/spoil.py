"""What faults make of an answer: pure, seeded, repeatable. Whole answers in, pieces with their delays out.

What it is: the faults of serial lines and of Modbus. A Modbus fault leaves the frame sound in itself (its check sum is right) unless the
fault is the check sum. What it is not: a protocol: of an answer it knows only where its unit, its number and its check sum are.
A break is a 0 byte in the middle of the answer: so does a Linux serial port without IGNBRK show one (termios(3)).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from hil.faults import Fault, Kind

Piece = tuple[float, bytes]  # so many seconds later than the answer would have come
RTU, TCP, TEXT, FRAME68 = "modbus-rtu", "modbus-tcp", "text", "frame68"


def crc16(data: bytes) -> bytes:
    """Return the check sum of Modbus RTU, low byte first ("MODBUS over Serial Line" V1.02, section 2.5.1.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


@dataclass(slots=True)
class Spoiler:
    """One fault at work on one port."""

    fault: Fault
    protocol: str
    seen: int = 0
    struck: int = 0
    _first: dict[bytes, bytes] = field(default_factory=dict)
    _chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._chance.seed(f"{self.fault.kind.value} {self.fault.where} {self.fault.seed}")

    def pieces(self, question: bytes, answer: bytes) -> Sequence[Piece]:
        """Return what comes in place of an answer."""
        first = self._first.setdefault(self._unnumbered(question), answer)
        if not self._strikes():
            return [(0.0, answer)]
        pieces = self._struck(question, answer, first)
        self.struck += pieces != [(0.0, answer)]  # a fault that this answer cannot have has not struck
        return pieces

    def _struck(self, question: bytes, answer: bytes, first: bytes) -> list[Piece]:
        match self.fault.kind:
            case Kind.DROP:
                return []
            case Kind.DUPLICATE:
                return [(0.0, answer), (0.0, answer)]
            case Kind.DELAY | Kind.LATE:
                return [(self.fault.param("delay_s"), answer)]
            case Kind.STUCK:
                return [(0.0, answer[:2] + first[2:] if self.protocol == TCP else first)]
            case _:
                return [(0.0, self._changed(question, answer))]

    def _strikes(self) -> bool:
        self.seen += 1
        fault = self.fault
        if self.seen % int(fault.param("every")) or self.struck >= fault.param("times"):
            return False
        return fault.param("share") >= 1.0 or self._chance.random() < fault.param("share")

    def _changed(self, question: bytes, answer: bytes) -> bytes:
        fault = self.fault
        match fault.kind:
            case Kind.BIT_ERRORS:
                return self._flipped(answer, int(fault.param("bits")))
            case Kind.TRUNCATE:
                return answer[: -int(fault.param("size"))]
            case Kind.GARBAGE:
                at = self._chance.randrange(len(answer) + 1)
                return answer[:at] + self._chance.randbytes(int(fault.param("size"))) + answer[at:]
            case Kind.BREAK:
                return answer[: len(answer) // 2] + b"\0" + answer[len(answer) // 2 :]
            case Kind.CRC:
                return answer[:-1] + bytes([answer[-1] ^ 0x55])
            case _:
                return self._modbus(question, answer)

    def _flipped(self, answer: bytes, count: int) -> bytes:
        damaged = bytearray(answer)
        for bit in self._chance.sample(range(8 * len(damaged)), min(count, 8 * len(damaged))):
            damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    def _modbus(self, question: bytes, answer: bytes) -> bytes:
        """Return a sound frame with another meaning. Other protocols have neither exceptions nor numbers: there it stays as it is."""
        if self.protocol not in (RTU, TCP) or len(answer) < 5:
            return answer
        unit, pdu = (answer[6], answer[7:]) if self.protocol == TCP else (answer[0], answer[1:-2])
        number = answer[:4] if self.protocol == TCP else b""
        match self.fault.kind:
            case Kind.EXCEPTION:
                pdu = bytes([pdu[0] | 0x80, int(self.fault.param("code"))])
            case Kind.WRONG_UNIT:
                unit = unit % 247 + 1
            case Kind.SHORT:
                pdu = pdu[:-2]
            case Kind.WRONG_ID:
                number = ((int.from_bytes(number[:2], "big") + 1) & 0xFFFF).to_bytes(2, "big") + number[2:] if number else number
        body = bytes([unit]) + pdu
        return number + len(body).to_bytes(2, "big") + body if self.protocol == TCP else body + crc16(body)

    def _unnumbered(self, question: bytes) -> bytes:
        return question[2:] if self.protocol == TCP else question


def spoiled(spoilers: Sequence[Spoiler], question: bytes, answer: bytes) -> list[Piece]:
    """Return what several faults, one behind the other, make of an answer."""
    pieces: list[Piece] = [(0.0, answer)]
    for spoiler in spoilers:
        pieces = [(delay_s + more_s, data) for delay_s, each in pieces for more_s, data in spoiler.pieces(question, each)]
    return pieces


def length_of(protocol: str, data: bytes) -> int | None:
    """Return how long an answer that begins so is, None where its beginning does not say it: then its end is a silence."""
    if protocol == TCP:
        return 6 + int.from_bytes(data[4:6], "big") if len(data) >= 6 else 6
    if protocol == RTU and len(data) >= 3:
        match data[1]:
            case 1 | 2 | 3 | 4:
                return 5 + data[2]
            case 5 | 6 | 15 | 16:
                return 8
            case function if function & 0x80:
                return 5
    return None
