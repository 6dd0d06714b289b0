"""The binary 0x68 frame of telecom amplifier modules.

    0x68 | LEN_hi LEN_lo | 0x68 | payload[LEN] | SUM8(payload) | 0x16        payload = CMD | SEQ_hi SEQ_lo | arguments

Derived from captured frames of a public script (all nine captures decode). The sequence number comes back
in the answer, so that a late answer is never taken for the next one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stationd.wire.exchange import Answer, Found, FrameError

START = 0x68
END = 0x16
MAX_PAYLOAD = 1024  # assumption: the longest published answer (VOA list) stays far below


@dataclass(frozen=True, slots=True)
class Command:
    """One command byte with its argument bytes."""

    command: int
    arguments: bytes = b""


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a number lies in the data of an answer: a struct code (big endian) at byte `at + stride * (channel - 1)`."""

    code: str
    at: int
    stride: int = 0

    def decode(self, data: bytes, channel: int) -> int:
        """Return the raw number of an amplifier of the module; FrameError if the answer is too short for it."""
        position = self.at + self.stride * (channel - 1)
        if position + struct.calcsize(">" + self.code) > len(data):
            raise FrameError(f"the answer has {len(data)} bytes; byte {position} and on was wanted for amplifier {channel}")
        return int(struct.unpack_from(">" + self.code, data, position)[0])


def frame(payload: bytes) -> bytes:
    """Return the whole frame around a payload; FrameError if it is empty or too long."""
    if not 3 <= len(payload) <= MAX_PAYLOAD:
        raise FrameError(f"a payload of {len(payload)} bytes; 3 to {MAX_PAYLOAD} fit")
    length = len(payload).to_bytes(2, "big")
    return bytes((START,)) + length + bytes((START,)) + payload + bytes((sum(payload) & 0xFF, END))


def payloads(received: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (start, end, payload) of every sound frame, whatever noise stands around it, in the order of their starts."""
    start = received.find(START)
    while start >= 0:
        payload = _payload_at(received, start)
        if payload is not None:
            yield start, start + len(payload) + 6, payload
        start = received.find(START, start + 1)


def _payload_at(received: bytes, start: int) -> bytes | None:
    length = int.from_bytes(received[start + 1 : start + 3], "big")
    end = start + length + 6
    if end > len(received) or not 3 <= length <= MAX_PAYLOAD or received[start + 3] != START:
        return None
    payload = received[start + 4 : end - 2]
    sound = received[end - 1] == END and received[end - 2] == sum(payload) & 0xFF
    return payload if sound else None


class Frame68:
    """The codec: point to point, answers matched by command and sequence number."""

    addressed = False
    numbered = True
    silence_characters = 0.0

    def encode(self, question: Command, number: int) -> bytes:
        """Return the frame of a command under sequence number `number` (modulo 65536)."""
        if not 0 <= question.command <= 0xFF:
            raise FrameError(f"command {question.command:#x} is not one byte")
        return frame(bytes((question.command,)) + (number & 0xFFFF).to_bytes(2, "big") + question.arguments)

    def find(self, question: Command, number: int, received: bytes) -> Found | None:
        """Return the sound frame of this command and sequence number that ends first; its data stand behind them.

        A frame that is the question itself is its echo (a loop-back plug, a line of two wires), never an answer.
        """
        head = bytes((question.command,)) + (number & 0xFFFF).to_bytes(2, "big")
        echo = head + question.arguments
        sound = ((end, start, payload) for start, end, payload in payloads(received) if payload != echo)
        mine = (each for each in sound if each[2][:3] == head)
        first = min(mine, default=None)
        return Found(first[1], first[0], Answer(first[2][3:])) if first else None

    def reply_length(self, question: Command) -> int | None:
        """Return None: the length depends on how many amplifiers the module has."""
        return None

    def answers(self, question: Command) -> bool:
        """Return True: every published command is answered."""
        return True

    def shape(self, question: Command) -> tuple[Any, ...]:
        """Return command and arguments, for the statistics of late answers."""
        return question.command, question.arguments

    def selector(self, question: Command) -> None:
        """Return None: the module is alone on its line."""
        return
