"""Faults between a device and its client: late, lost, doubled, damaged and foreign answers, seeded and repeatable.

What it is: a filter over whole answers, in front of the line. It knows of each protocol only how a foreign frame would look
that is sound in itself: another unit, function or length under a valid check sum.
What it is not: faults of the line as such (hang-up, reset, black hole) are methods of the ports; faults of the plant are
events of stationd.sim.plant.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from stationd.driver import Protocol
from stationd.sim.line import Late

TEXT_ENDS = b"\r\n\0\x03"  # what stands at the end of a text answer and stays there


class FaultKind(Enum):
    """The words of `[[fault]] kind`. `size` and `delay_s` are those of LineFault."""

    LATE = "late"  # the answer comes `delay_s` later
    DROP = "drop"  # no answer
    NOISE_BEFORE = "noise-before"  # `size` random bytes in front of the answer
    NOISE_AFTER = "noise-after"
    NOISE_INSIDE = "noise-inside"
    WRONG_UNIT = "wrong-unit"  # sound in itself, but of another unit (0x68: of another sequence number)
    WRONG_FUNCTION = "wrong-function"
    WRONG_LENGTH = "wrong-length"
    DUPLICATE = "duplicate"  # the answer comes twice
    ECHO = "echo"  # the question comes back in front of the answer, as on a line of two wires
    TRUNCATED = "truncated"  # the last `size` bytes are missing
    BIT_ERRORS = "bit-errors"  # `size` bits are turned over
    MUTE = "mute"  # the unit hears nothing
    STUCK = "stuck"  # the unit repeats the first answer that it gave to each question
    BABBLE = "babble"  # `size` random bytes instead of the answer


@dataclass(frozen=True, slots=True)
class LineFault:
    """One fault of a port. It strikes every `every`-th answer with probability `share`, at most `times` times.

    `unit` limits it to one unit of the line (0x68 and text lines have no units: it is ignored there).
    """

    kind: FaultKind
    every: int = 1
    share: float = 1.0
    times: int | None = None
    unit: int | None = None
    delay_s: float = 0.5
    size: int = 4

    def __post_init__(self) -> None:
        for name, lowest in (("every", 1), ("size", 1), ("delay_s", 0.0), ("share", 0.0), ("times", 1)):
            value = getattr(self, name)
            if value is not None and not value >= lowest:
                raise ValueError(f"{name} of a {self.kind.value} fault is {value}, it must be {lowest} or more")
        if self.share > 1.0:
            raise ValueError(f"share of a {self.kind.value} fault is {self.share}, it must be at most 1")


@dataclass(slots=True)
class _Progress:
    seen: int = 0
    struck: int = 0
    first_answers: dict[bytes, bytes] = field(default_factory=dict)


class Faults:
    """The faults of one port. Changes take effect with the next question; safe to change from another thread."""

    def __init__(self, protocol: Protocol, seed: int = 0) -> None:
        self._protocol = protocol
        self._random = random.Random(seed)
        self._active: tuple[tuple[LineFault, _Progress], ...] = ()
        self._struck: Counter[FaultKind] = Counter()
        self._previous = b""

    @property
    def active(self) -> tuple[LineFault, ...]:
        """The faults that are set, oldest first."""
        return tuple(fault for fault, _ in self._active)

    @property
    def struck(self) -> Mapping[FaultKind, int]:
        """How often each kind of fault has struck."""
        return dict(self._struck)

    def add(self, fault: LineFault) -> None:
        """Set a fault beside those that are there."""
        self._active = (*self._active, (fault, _Progress()))

    def remove(self, fault: LineFault) -> None:
        """Take a fault away. Harmless when it is not there."""
        self._active = tuple(entry for entry in self._active if entry[0] != fault)

    def clear(self) -> None:
        """Take all faults away."""
        self._active = ()

    def hears(self, unit: int | None) -> bool:
        """Tell whether a question for this unit reaches it."""
        mute = [entry for entry in self._active if entry[0].kind is FaultKind.MUTE and _concerns(entry[0], unit)]
        struck = [self._strikes(*entry) for entry in mute]  # each counts what it sees, also when another one strikes
        return not any(struck)

    def answers(self, question: bytes, answer: bytes, unit: int | None = None) -> list[Late]:
        """Return what goes onto the line in place of a sound answer."""
        pieces: list[Late] = [(0.0, answer)]
        for fault, progress in self._active:
            if fault.kind is not FaultKind.MUTE and _concerns(fault, unit):
                first = self._first(progress, question, answer) if fault.kind is FaultKind.STUCK else answer
                if self._strikes(fault, progress):
                    pieces = [piece for each in pieces for piece in self._spoil(fault, each, first, question)]
        self._previous = answer
        return pieces

    def _first(self, progress: _Progress, question: bytes, answer: bytes) -> bytes:
        """Return the first answer to this question, under the number of the present one where answers are numbered."""
        first = progress.first_answers.setdefault(_unnumbered(self._protocol, question), answer)
        match self._protocol:
            case Protocol.MODBUS_TCP:
                return answer[:2] + first[2:]
            case Protocol.FRAME68:
                return frame68(first[4:5] + answer[5:7] + first[7:-2])
            case _:
                return first

    def _strikes(self, fault: LineFault, progress: _Progress) -> bool:
        progress.seen += 1
        if progress.seen % fault.every or (fault.times is not None and progress.struck >= fault.times):
            return False
        if fault.share < 1.0 and self._random.random() >= fault.share:
            return False
        progress.struck += 1
        self._struck[fault.kind] += 1
        return True

    def _spoil(self, fault: LineFault, piece: Late, first: bytes, question: bytes) -> list[Late]:
        delay_s, data = piece
        match fault.kind:
            case FaultKind.LATE:
                return [(delay_s + fault.delay_s, data)]
            case FaultKind.DROP | FaultKind.MUTE:
                return []
            case FaultKind.DUPLICATE:
                return [piece, (0.0, data)]
            case FaultKind.ECHO:
                return [(0.0, question), piece]
            case FaultKind.STUCK:
                return [(delay_s, first)]
            case FaultKind.BABBLE:
                return [(delay_s, self._random.randbytes(fault.size))]
            case FaultKind.WRONG_UNIT | FaultKind.WRONG_FUNCTION | FaultKind.WRONG_LENGTH:
                return [(delay_s, foreign(self._protocol, fault.kind, data, self._previous))]
            case _:
                return [(delay_s, self._damage(fault, data))]

    def _damage(self, fault: LineFault, data: bytes) -> bytes:
        noise = self._random.randbytes(fault.size)
        match fault.kind:
            case FaultKind.NOISE_BEFORE:
                return noise + data
            case FaultKind.NOISE_AFTER:
                return data + noise
            case FaultKind.NOISE_INSIDE:
                at = self._random.randrange(1, max(2, len(data)))
                return data[:at] + noise + data[at:]
            case FaultKind.TRUNCATED:
                return data[: -fault.size]
            case _:
                damaged = bytearray(data)
                for bit in self._random.sample(range(8 * len(data)), min(fault.size, 8 * len(data))):
                    damaged[bit // 8] ^= 1 << bit % 8
                return bytes(damaged)


def _unnumbered(protocol: Protocol, question: bytes) -> bytes:
    match protocol:
        case Protocol.MODBUS_TCP:
            return question[2:]
        case Protocol.FRAME68:
            return question[4:5] + question[7:-2]
        case _:
            return question


def _concerns(fault: LineFault, unit: int | None) -> bool:
    return fault.unit is None or unit is None or fault.unit == unit


def foreign(protocol: Protocol, kind: FaultKind, answer: bytes, previous: bytes) -> bytes:
    """Return a frame that is sound in itself and is not this answer.

    Text has neither unit nor function: there it is the answer before this one, or this one without its last character.
    """
    match protocol:
        case Protocol.MODBUS_RTU:
            body = _foreign_pdu(kind, answer[:1], answer[1:-2])
            return body + crc16(body)
        case Protocol.MODBUS_TCP:
            body = _foreign_pdu(kind, answer[6:7], answer[7:])
            return answer[:4] + len(body).to_bytes(2, "big") + body
        case Protocol.FRAME68:
            return _foreign_68(kind, answer[4:-2])
        case Protocol.TEXT:
            return _foreign_text(kind, answer, previous)


def _foreign_pdu(kind: FaultKind, unit: bytes, pdu: bytes) -> bytes:
    match kind:
        case FaultKind.WRONG_UNIT:
            return bytes((unit[0] % 247 + 1,)) + pdu
        case FaultKind.WRONG_FUNCTION:
            return unit + bytes(((pdu[0] & 0x80) | (pdu[0] & 0x7F) % 6 + 1,)) + pdu[1:]
        case _:
            counted = pdu[0] in (1, 2, 3, 4) and len(pdu) > 2
            return unit + (pdu[:1] + bytes((pdu[1] + 2,)) + pdu[2:] if counted else pdu) + b"\x00\x2a"


def _foreign_68(kind: FaultKind, payload: bytes) -> bytes:
    match kind:
        case FaultKind.WRONG_UNIT:
            number = (int.from_bytes(payload[1:3], "big") + 1) & 0xFFFF
            payload = payload[:1] + number.to_bytes(2, "big") + payload[3:]
        case FaultKind.WRONG_FUNCTION:
            payload = bytes((payload[0] ^ 1,)) + payload[1:]
        case _:
            payload = payload[:-1] if len(payload) > 3 else payload + b"\0"
    return frame68(payload)


def _foreign_text(kind: FaultKind, answer: bytes, previous: bytes) -> bytes:
    if kind is not FaultKind.WRONG_LENGTH:
        return previous
    text = answer.rstrip(TEXT_ENDS)
    return text[:-1] + answer[len(text) :]


def crc16(data: bytes) -> bytes:
    """Return the check sum of Modbus RTU, low byte first ("MODBUS over Serial Line" V1.02, section 2.5.1.2)."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC_TABLE = tuple(_crc_of(byte) for byte in range(256))


def frame68(payload: bytes) -> bytes:
    """Return the 0x68 frame around a payload: 68 LEN LEN 68 payload SUM8 16."""
    return b"\x68" + len(payload).to_bytes(2, "big") + b"\x68" + payload + bytes((sum(payload) & 0xFF, 0x16))
