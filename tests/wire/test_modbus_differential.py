"""Our codec against pymodbus' server: what we ask is understood there, what it answers is understood here, damaged or not.

The other end is pymodbus' own server side: its framers and decoder for requests, its data store, its encoder of responses. The judge of
damaged answers is pymodbus' client side. A comparison is of one frame; STATIOND_DIFFERENTIAL sets how many there are (a release takes
1,000,000). The codec takes check sums and the encoding of PDUs from pymodbus itself; what is ours, and compared here, is which bytes are
an answer to which question. That the bytes are those of the specification: test_modbus.py, which has an encoder of its own.

Where both judge an answer otherwise the reason is one of `Why`; everything else is a difference, and there must be none:

* STRICTER: pymodbus takes an answer that is none to the question (another function, count, address, value), or that its own encoder would
  never write (a byte count or length that contradicts what follows). A value from it would be a guess.
* WILDCARD: for pymodbus a unit or a transaction number of 0 fits every other. Unit 0 is a unit here, and 0 a number like all others.
* ECHO: some questions have the form of an answer; a line of two wires gives them back. Ours never takes its own question for the answer.
* FIRST: of two frames with the number of the question ours takes the first one, and does not look behind it when it is of another unit
  or no answer: a server that gives our number to something else is not trusted further. The question fails; no value is taken.
* DEEPER: pymodbus stops at noise, or reads on from the middle of it; ours finds the sound frame behind it.
"""

from __future__ import annotations

import os
import random
import struct
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore

from stationd.sim.wire_faults import crc16
from stationd.wire.exchange import Answer, Found, FrameError, Refusal
from stationd.wire.modbus import EXCEPTIONS, Question, Read, Rtu, Table, Tcp, Write, function
from tests.fuzz.campaign import quiet

FRAMES = int(os.environ.get("STATIOND_DIFFERENTIAL", "50000"))
SEED = int(os.environ.get("STATIOND_DIFFERENTIAL_SEED", "1"))
WORDS, BITS = 4000, 8000  # of the unit behind the server, from address 0; and as many words again at the other end
HIGH = 65536 - WORDS
NOT_OURS = 0x63  # an exception code that the specification does not know


class Why(Enum):
    """How both judged a damaged answer."""

    SAME = "the same"
    STRICTER = "ours wants an answer to the question, as its encoder writes it"
    WILDCARD = "0 fits everything for pymodbus"
    ECHO = "ours never takes its own question for the answer"
    FIRST = "ours looks at the first frame with its number, and at no other"
    DEEPER = "ours finds a frame behind noise"


@dataclass
class Tally:
    """What was compared."""

    frames: int = 0
    differences: list[str] = field(default_factory=list)
    whys: Counter[Why] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    def differ(self, what: str, question: object, data: bytes, ours: object, theirs: object) -> None:
        self.differences.append(f"{what}: {question} {data.hex(' ')}: ours {ours}, pymodbus {theirs}")


@dataclass(frozen=True)
class Side:
    """One of the two protocols: our codec, and both sides of pymodbus."""

    codec: Rtu | Tcp
    server: FramerBase
    client: FramerBase
    number_matters: bool

    def framed(self, unit: int, number: int, pdu: bytes) -> bytes:
        """Return a frame around any PDU, also one that pymodbus would not write."""
        if self.number_matters:
            return number.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu
        return bytes((unit,)) + pdu + crc16(bytes((unit,)) + pdu)

    def pdu(self, frame: bytes) -> bytes:
        return frame[7:] if self.number_matters else frame[1:-2]


SIDES = {
    "rtu": Side(Rtu(), FramerRTU(DecodePDU(True)), FramerRTU(DecodePDU(False)), number_matters=False),
    "tcp": Side(Tcp(), FramerSocket(DecodePDU(True)), FramerSocket(DecodePDU(False)), number_matters=True),
}


class Unit:
    """The unit behind the server, and what it must hold, kept beside it."""

    def __init__(self, draw: random.Random) -> None:
        self.bits = {table: [bool(draw.randrange(2)) for _ in range(BITS)] for table in (Table.COIL, Table.DISCRETE)}
        self.words = {table: [draw.randrange(65536) for _ in range(WORDS)] for table in (Table.HOLDING, Table.INPUT)}
        bits = [[SimData(0, values=list(self.bits[table]), datatype=DataType.BITS)] for table in (Table.COIL, Table.DISCRETE)]
        words = [
            [SimData(at, values=list(self.words[table]), datatype=DataType.REGISTERS) for at in (0, HIGH)]
            for table in (Table.HOLDING, Table.INPUT)
        ]
        self.core = SimCore(SimDevice(id=0, simdata=(bits[0], bits[1], words[0], words[1])))
        self.high = {table: list(self.words[table]) for table in self.words}

    def holds(self, question: Read) -> list[int] | list[bool]:
        """Return what a good answer must say."""
        if question.table.bits:
            return self.bits[question.table][question.address : question.address + question.count]
        start = question.address - HIGH if question.address >= HIGH else question.address
        return (self.high if question.address >= HIGH else self.words)[question.table][start : start + question.count]

    def take(self, question: Write) -> None:
        """Note a write that was confirmed."""
        if question.table.bits:
            end = question.address + len(question.values)
            self.bits[question.table][question.address : end] = [bool(value) for value in question.values]
            return
        start = question.address - HIGH if question.address >= HIGH else question.address
        words = (self.high if question.address >= HIGH else self.words)[question.table]
        words[start : start + len(question.values)] = question.values


def at_once(work: Coroutine[Any, Any, ModbusPDU]) -> ModbusPDU:
    """Return what a coroutine gives that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        found: ModbusPDU = done.value
        return found
    raise AssertionError("the data store waits for something")


# What is asked.


def question_of(draw: random.Random) -> Question:
    """Return a question: most of what the unit has, some at its edges, some of what it has not."""
    unit = draw.choice((0, 1, 17, 247, 255)) if draw.randrange(3) else draw.randrange(256)
    if not draw.randrange(20):  # this question has the form of its answer: three bytes of bits
        return Read(unit, draw.choice((Table.COIL, Table.DISCRETE)), 0x300 + draw.randrange(256), draw.randint(17, 24))
    if draw.randrange(4):
        table = draw.choice(list(Table))
        most = 2000 if table.bits else 125
        count = draw.choice((1, 1, 2, 7, 8, 9, 16, 17, most, draw.randint(1, most)))
        return Read(unit, table, address_of(draw, table, count), count)
    table = draw.choice((Table.COIL, Table.HOLDING))
    most = 1968 if table.bits else 123
    count = draw.choice((1, 1, 1, 2, 8, 9, most, draw.randint(1, 30)))
    values = tuple(draw.randrange(2 if table.bits else 65536) for _ in range(count))
    return Write(unit, table, address_of(draw, table, count), values)


def address_of(draw: random.Random, table: Table, count: int) -> int:
    there = BITS if table.bits else WORDS
    inside = tuple(draw.randrange(there - count) for _ in range(4))
    at = draw.choice((0, there - count, there - count + 1, 65536 - count, draw.randrange(65536 - count), *inside))
    return max(0, min(at, 65536 - count))


def ask(side: Side, unit: Unit, question: Question, number: int, tally: Tally) -> tuple[bytes, ModbusPDU]:
    """Send a question to the server; return its answer as bytes and as it was meant."""
    sent = side.codec.encode(question, number)
    used, request = side.server.handleFrame(sent, 0, 0)
    tally.frames += 1
    if request is None or used != len(sent) or not understood(question, number if side.number_matters else 0, request):
        tally.differ("a question is not understood", question, sent, question, request)
        raise AssertionError(tally.differences[-1])
    response = at_once(request.datastore_update(unit.core, request.dev_id))  # type: ignore[arg-type]
    response.transaction_id, response.dev_id = request.transaction_id, request.dev_id
    return side.server.buildFrame(response), response


def understood(question: Question, number: int, request: ModbusPDU) -> bool:
    """Return whether the server read in the frame what was asked."""
    head = (request.dev_id, request.transaction_id, request.function_code, request.address)
    if head != (question.unit, number, function(question), question.address):
        return False
    match question:
        case Read(_, _, _, count):
            return bool(request.count == count)
        case Write(_, Table.COIL, _, values):
            return list(request.bits[: len(values)]) == [bool(value) for value in values]
        case Write(_, _, _, values):
            return tuple(request.registers) == values


# What is answered.


def compare_answer(side: Side, unit: Unit, question: Question, number: int, tally: Tally) -> bytes:
    """Compare a whole exchange; return the bytes of the answer."""
    answer, meant = ask(side, unit, question, number, tally)
    found = side.codec.find(question, number, answer)
    tally.frames += 1
    if isinstance(meant, ExceptionResponse):
        right = found is not None and says_the_same(question, found, meant)
        tally.outcomes["refusal"] += 1
    elif isinstance(question, Read):
        right = found == Found(0, len(answer), Answer(unit.holds(question)))
        tally.outcomes["read"] += 1
    else:
        unit.take(question)
        right = found == Found(0, len(answer), Answer([]))
        tally.outcomes["write"] += 1
    if not right and not (found is None and answer == side.codec.encode(question, number) and isinstance(question, Read)):
        tally.differ("an answer is not understood", question, answer, found, meant)
    return answer


# What is answered, damaged.

Damage = Callable[[random.Random, Side, Question, int, bytes], bytes]


def flipped(draw: random.Random, _: Side, __: Question, ___: int, frame: bytes) -> bytes:
    at = draw.randrange(8 * len(frame))
    return frame[: at // 8] + bytes((frame[at // 8] ^ 1 << at % 8,)) + frame[at // 8 + 1 :]


def cut(draw: random.Random, _: Side, __: Question, ___: int, frame: bytes) -> bytes:
    return frame[: draw.randrange(len(frame))]


def noisy(draw: random.Random, _: Side, __: Question, ___: int, frame: bytes) -> bytes:
    return draw.randbytes(draw.randint(0, 12)) + frame + draw.randbytes(draw.randint(0, 12))


def twice(_: random.Random, __: Side, ___: Question, ____: int, frame: bytes) -> bytes:
    return frame + frame


def of_another(draw: random.Random, side: Side, question: Question, number: int, frame: bytes) -> bytes:
    """The answer of another unit, or to another question, alone or in front of the right one."""
    unit = draw.choice((question.unit, question.unit ^ 1, 0))
    late = side.framed(unit, draw.choice((number, number ^ 1, 0)), side.pdu(frame))
    return late + frame if draw.randrange(2) else late


def of_another_shape(draw: random.Random, side: Side, question: Question, number: int, frame: bytes) -> bytes:
    """A PDU with another function, byte count or length, in a frame that is sound."""
    pdu = bytearray(side.pdu(frame))
    match draw.randrange(5):
        case 0:
            pdu[0] = draw.choice((1, 2, 3, 4, 5, 6, 15, 16, 0x17, 0x2B, draw.randrange(256)))
        case 1 if len(pdu) > 1:
            pdu[1] = (pdu[1] + draw.choice((1, 2, 255, 254))) & 0xFF
        case 2 if len(pdu) > 2:
            del pdu[-draw.choice((1, 2)) :]
        case 3:
            pdu += draw.randbytes(draw.choice((1, 2)))
        case _:
            pdu[draw.randrange(len(pdu))] ^= 1 << draw.randrange(8)
    return side.framed(question.unit, number, bytes(pdu[:253]))


def refused(draw: random.Random, side: Side, question: Question, number: int, _: bytes) -> bytes:
    """An exception, with a code that there is or is not, perhaps with more behind it."""
    code = function(question) | 0x80 if draw.randrange(4) else draw.randrange(128, 256)
    more = draw.randbytes(draw.choice((0, 0, 0, 1, 3)))
    return side.framed(question.unit, number, bytes((code, draw.choice((*EXCEPTIONS, NOT_OURS, 0, 255)))) + more)


def echoed(_: random.Random, side: Side, question: Question, number: int, frame: bytes) -> bytes:
    """The question itself, then its answer."""
    return side.codec.encode(question, number) + frame


DAMAGES: tuple[Damage, ...] = (flipped, flipped, cut, noisy, twice, of_another, of_another_shape, of_another_shape, refused, echoed)


@dataclass(frozen=True)
class Judged:
    """What pymodbus' client makes of the bytes: nothing, or a response and the frame that it was."""

    response: ModbusPDU | None
    canonical: bytes = b""  # as its own encoder writes this response
    fits: bool = False  # it answers the question that was asked
    wildcard: bool = False


def judged(side: Side, question: Question, number: int, data: bytes) -> Judged:
    try:
        _, response = side.client.handleFrame(data, question.unit, number if side.number_matters else 0)
    except ModbusIOException:  # a sound frame with a PDU that cannot be decoded
        return Judged(None)
    except (struct.error, IndexError, ValueError):  # pymodbus declares none of these; what it cannot read it has not taken
        return Judged(None)
    if response is None:
        return Judged(None)
    wildcard = response.dev_id != question.unit or (side.number_matters and response.transaction_id != number)
    try:
        canonical = side.client.buildFrame(response)
    except (struct.error, IndexError, ValueError):  # what it cannot write it should not have read
        return Judged(response, wildcard=wildcard)
    return Judged(response, canonical, fits(question, response), wildcard)


def fits(question: Question, response: ModbusPDU) -> bool:
    """Return whether a response has the form of an answer to the question."""
    if isinstance(response, ExceptionResponse):
        return response.function_code == function(question) | 0x80
    if response.function_code != function(question):
        return False
    match question:
        case Read(_, table, _, count) if table.bits:
            return len(response.bits) == (count + 7) // 8 * 8
        case Read(_, _, _, count):
            return len(response.registers) == count
        case Write(_, Table.COIL, address, (value,)):
            return bool(response.address == address and response.bits[:1] == [bool(value)])
        case Write(_, _, address, (value,)):
            return bool(response.address == address and tuple(response.registers) == (value,))
        case Write(_, _, address, values):
            return bool(response.address == address and response.count == len(values))


def compare_damaged(side: Side, question: Question, number: int, data: bytes, tally: Tally) -> None:
    """Compare what both make of the bytes."""
    tally.frames += 1
    found = side.codec.find(question, number, data)
    theirs = judged(side, question, number, data)
    ours_takes = found is not None and isinstance(found.outcome, Answer | Refusal)
    if ours_takes and found is not None:
        alone = judged(side, question, number, data[found.start : found.end])
        if alone.response is None or not alone.fits or not says_the_same(question, found, alone.response):
            tally.differ("ours takes what pymodbus does not", question, data, found, alone.response)
            return
    why = reason(side, question, number, data, found, theirs)
    if why is None:
        tally.differ("pymodbus takes what ours does not", question, data, found, theirs.response)
    else:
        tally.whys[why] += 1


def reason(side: Side, question: Question, number: int, data: bytes, found: Found | None, theirs: Judged) -> Why | None:
    """Return why both verdicts stand beside each other; None for a difference."""
    taken = found is not None and isinstance(found.outcome, Answer | Refusal)
    if theirs.response is None:
        return Why.DEEPER if taken else Why.SAME
    if taken and found is not None and theirs.fits and says_the_same(question, found, theirs.response):
        return Why.SAME
    if theirs.wildcard:
        return Why.WILDCARD
    if theirs.canonical not in data or not theirs.fits:
        return Why.STRICTER
    if side.number_matters and found is not None and theirs.canonical not in data[found.start : found.end]:
        return Why.FIRST
    if isinstance(question, Read) and theirs.canonical == side.codec.encode(question, number):
        return Why.ECHO
    return None


def says_the_same(question: Question, found: Found, response: ModbusPDU) -> bool:
    match found.outcome, question:
        case Refusal(_, detail), _:
            return isinstance(response, ExceptionResponse) and detail == f"exception {response.exception_code:#04x}"
        case Answer(body), Read(_, table, _, count):
            told = list(response.bits[:count]) if table.bits else list(response.registers)
            return not isinstance(response, ExceptionResponse) and body == told
        case Answer(), Write():
            return not isinstance(response, ExceptionResponse)
    return False


def run(name: str, frames: int) -> Tally:
    """Compare so many frames of one protocol."""
    draw, side, tally = random.Random(f"{name} {SEED}"), SIDES[name], Tally()
    unit = Unit(draw)
    while tally.frames < frames and len(tally.differences) < 5:
        question, number = question_of(draw), draw.choice((0, 1, 0xFFFF, draw.randrange(65536)))
        answer = compare_answer(side, unit, question, number, tally)
        damage = draw.choice(DAMAGES)
        compare_damaged(side, question, number, damage(draw, side, question, number, answer), tally)
    return tally


@pytest.mark.timeout(3600)  # a release compares a million
@pytest.mark.parametrize("name", SIDES)
def test_no_frame_is_understood_otherwise_by_pymodbus_than_here(name: str) -> None:
    with quiet():  # pymodbus mentions each frame that it cannot read
        tally = run(name, FRAMES // len(SIDES))
    whys = {why.name.lower(): count for why, count in tally.whys.items()}
    sys.stdout.write(f"{name}: {tally.frames} frames, {len(tally.differences)} differences, {dict(tally.outcomes)}, {whys}\n")
    assert tally.differences == []
    assert min(tally.outcomes[kind] for kind in ("read", "write", "refusal")) > tally.frames // 100
    expected = {Why.SAME, Why.STRICTER, Why.WILDCARD} | ({Why.DEEPER, Why.ECHO} if name == "rtu" else {Why.FIRST})
    assert expected <= set(tally.whys), "each reason is met"


@pytest.mark.parametrize("name", SIDES)
def test_what_ours_refuses_to_ask_no_server_would_answer(name: str) -> None:
    draw, side = random.Random(SEED), SIDES[name]
    for _ in range(500):
        table = draw.choice((Table.COIL, Table.HOLDING))
        most_read, most_written = (2000, 1968) if table.bits else (125, 123)
        count = draw.choice((0, most_read + 1, most_read + 1 + draw.randrange(60000)))
        for question in (Read(1, table, 0, count), Write(1, table, 0, (1,) * min(count or 0, most_written + 50))):
            with pytest.raises(FrameError):
                side.codec.encode(question, 1)
        pdu = bytes((function(Read(1, table, 0, 1)),)) + b"\0\0" + (count & 0xFFFF).to_bytes(2, "big")
        if count == 0 or count > most_read:
            try:
                _, request = side.server.handleFrame(side.framed(1, 1, pdu), 0, 0)
            except ModbusIOException:
                request = None
            assert request is None
