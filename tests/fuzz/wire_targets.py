"""What comes over a line: Modbus RTU and TCP, text lines, 0x68 frames, and what the drivers make of it.

The first three bytes of an input choose: which question was asked (of every block of every driver, and some that no driver has; the
high half of the second byte goes on counting), what is repaired in the rest (check sums, header: behind damage there no parser would ever
get), where the bytes are cut to be fed in pieces.

Promised (stationd.wire.exchange): an outcome lies within the bytes, and the same one is found whether they come at once or in
pieces; an answer has the shape that was asked for; no reading is a number that is none, and none is good without a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from drivers import CATALOG
from stationd.core.model import Level, Reading
from stationd.device import Block, Device, codec_for
from stationd.driver import Protocol
from stationd.sim.wire_faults import crc16
from stationd.wire import frame68
from stationd.wire.exchange import Answer, Codec, Found, Garbled, WireFault
from stationd.wire.modbus import Question, Read, Table, Write
from stationd.wire.text import CheckSum, Text, wrap
from tests.fuzz.target import Target, holds, parsing

NUMBER = 0x1234  # of the question, where answers are numbered
HEAD = 3
ODD_QUESTIONS = (
    Read(0, Table.COIL, 0, 1),
    Read(255, Table.COIL, 63536, 2000),
    Read(1, Table.DISCRETE, 7, 9),
    Read(247, Table.INPUT, 65411, 125),
    Read(1, Table.HOLDING, 3, 3),
    Write(1, Table.COIL, 5, (1,)),
    Write(1, Table.COIL, 5, (1, 0) * 9),
    Write(17, Table.HOLDING, 1, (0xABCD,)),
    Write(17, Table.HOLDING, 1, (1, 2, 3)),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is on its way. `device` and `block` make readings of the answer; without them it has only its shape."""

    codec: Codec
    question: Any
    device: Device | None = None
    block: Block | None = None


@cache
def asked(protocol: Protocol) -> tuple[Asked, ...]:
    """Return the questions of one protocol."""
    found = [Asked(device.codec, block.exchange.question, device, block) for device in _devices(protocol) for block in device.plan()]
    if protocol in (Protocol.MODBUS_RTU, Protocol.MODBUS_TCP):
        codec = codec_for(protocol, next(iter(CATALOG.values())))
        found += [Asked(codec, question) for question in ODD_QUESTIONS]
    return tuple(found)


def _devices(protocol: Protocol) -> Iterator[Device]:
    for driver in CATALOG.values():
        if protocol not in driver.protocols:
            continue
        ratings = {name: 1000.0 if rating is None else rating for name, rating in driver.ratings.items()}
        for dialect in driver.dialects or (None,):
            for channel in {1, driver.channels}:
                yield Device("unit", driver, codec_for(protocol, driver, dialect), max(1, driver.addresses[0]), channel, ratings)


Repair = Callable[[Asked, int, bytes], bytes]


def _feed(protocol: Protocol, repair: Repair) -> Callable[[bytes], None]:
    def feed(data: bytes) -> None:
        if len(data) < HEAD:
            return
        every = asked(protocol)
        one = every[(data[0] | data[1] >> 4 << 8) % len(every)]
        received = repair(one, data[1], data[HEAD:])
        with parsing:
            found = one.codec.find(one.question, NUMBER, received)
        if found is not None:
            _check(one, received, found, data[2])

    return feed


def _check(one: Asked, received: bytes, found: Found, cut: int) -> None:
    holds(0 <= found.start < found.end <= len(received), f"found at {found.start}..{found.end} of {len(received)} bytes")
    lost_step = isinstance(found.outcome, Garbled) and found.outcome.fault is WireFault.MALFORMED  # takes all that is there
    if not lost_step:
        for piece in {found.end - 1, found.end * cut // 256}:
            holds(one.codec.find(one.question, NUMBER, received[:piece]) is None, f"found {found} already in {piece} bytes")
        holds(one.codec.find(one.question, NUMBER, received[: found.end]) == found, "what stands behind an answer changes it")
    if isinstance(found.outcome, Answer):
        _check_answer(one, found.outcome)


def _check_answer(one: Asked, answer: Answer) -> None:
    match one.question:
        case Read(_, table, _, count):
            kind = bool if table.bits else int
            holds(len(answer.body) == count, f"{len(answer.body)} items answered, {count} asked")
            holds(all(type(each) is kind and 0 <= each <= 0xFFFF for each in answer.body), f"{answer.body} are no {kind.__name__}")
        case Write():
            holds(answer.body == [], f"a write is answered with {answer.body!r}")
    if one.device is not None and one.block is not None:
        check_readings(one.block, one.device.decode(one.block, answer.body, 1.0))


def check_readings(block: Block, readings: list[Reading]) -> None:
    """Raise Broken for a reading that no board may show."""
    holds([each.point.point for each in readings] == [point.name for point in block.points], "not one reading for each point")
    for reading in readings:
        value, level = reading.value, reading.quality.level
        holds(not isinstance(value, float) or math.isfinite(value), f"{reading.point} = {value}")
        holds((value is None) == (level is Level.BAD), f"{reading.point} is {level.value} with the value {value!r}")
        holds(not isinstance(value, str) or len(value) <= 512, f"{reading.point} is a text of {len(str(value))} characters")


def _rtu(one: Asked, how: int, received: bytes) -> bytes:
    """Put unit and function in front, or the check sum behind, or both."""
    question: Question = one.question
    if how & 1:
        received = one.codec.encode(question, NUMBER)[:2] + received
    return received + crc16(received) if how & 2 else received


def _tcp(one: Asked, how: int, received: bytes) -> bytes:
    """Put a header in front that fits, or one with another number, or two of them."""
    if how & 1 and 0 < len(received) < 254:
        head = bytes((0, 0)) + (len(received) + 1).to_bytes(2, "big") + bytes((one.question.unit,))
        mine = NUMBER.to_bytes(2, "big") + head + received
        late = (NUMBER ^ how).to_bytes(2, "big") + head + received
        return late + mine if how & 2 else mine
    return received


def _text(one: Asked, how: int, received: bytes) -> bytes:
    """End the line as the dialect does, with its check sum."""
    dialect = one.codec.dialect if isinstance(one.codec, Text) else None
    if dialect is None or not how & 1:
        return received
    if how & 2 and dialect.check_sum is not CheckSum.NONE and received.isascii():
        return wrap(dialect, received.decode("ascii"), dialect.reply_terminator)
    return received + dialect.reply_terminator


def _frame68(one: Asked, how: int, received: bytes) -> bytes:
    """Put a frame round it, with the command and number that were asked, and the right sum."""
    if not how & 1 or len(received) > frame68.MAX_PAYLOAD:
        return received
    payload = bytes((one.question.command,)) + NUMBER.to_bytes(2, "big") + received if how & 2 else received
    return b"\x68" + len(payload).to_bytes(2, "big") + b"\x68" + payload + bytes((sum(payload) & 0xFF, 0x16))


FUNCTIONS = tuple(bytes((unit, code)) for unit in (1, 17) for code in (1, 2, 3, 4, 5, 6, 15, 16, 0x83, 0x90))
LINES = (b"\r", b"\n", b"\r\n", b"$", b",", b"OK", b"E", b"N/A", b"nan", b"+1.5E+03", b"1e400")
TARGETS = (
    Target("modbus-rtu", _feed(Protocol.MODBUS_RTU, _rtu), (*FUNCTIONS, b"\xff\xff", b"\0\0"), cost=2),
    Target("modbus-tcp", _feed(Protocol.MODBUS_TCP, _tcp), (*FUNCTIONS, b"\x12\x34\0\0", b"\0\x05\x01", b"\xff\xff")),
    Target("text-lines", _feed(Protocol.TEXT, _text), LINES, cost=2),
    Target("frame68", _feed(Protocol.FRAME68, _frame68), (b"\x68", b"\x68\0\x03\x68", b"\x16", b"\x7f\xff", b"\x80\0"), cost=4),
)
