"""Modbus answers: found whole however they come, and never taken from another unit, question or moment."""

from __future__ import annotations

import struct

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stationd.wire.exchange import Answer, Found, FrameError, Garbled, Refusal, WireFault
from stationd.wire.modbus import Question, Read, Rtu, Table, Tcp, Write

RTU, TCP = Rtu(), Tcp()
quick = settings(max_examples=60, deadline=None)
noise = st.binary(max_size=40)
numbers = st.integers(0, 0xFFFF)
FUNCTIONS = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}


# The other end, written from the specification alone: it shares no line with the codec.


def crc(frame: bytes) -> bytes:
    """CRC-16 of "MODBUS over Serial Line" V1.02, bit by bit."""
    remainder = 0xFFFF
    for byte in frame:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0xA001 if remainder & 1 else 0)
    return struct.pack("<H", remainder)


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return body + crc(body)


def tcp_frame(number: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu


def packed(bits: tuple[int, ...]) -> bytes:
    octets = [bits[at : at + 8] for at in range(0, len(bits), 8)]
    return bytes(sum(bool(bit) << place for place, bit in enumerate(octet)) for octet in octets)


def request_pdu(question: Question) -> bytes:
    match question:
        case Read(_, table, address, count):
            return struct.pack(">BHH", FUNCTIONS[table], address, count)
        case Write(_, Table.COIL, address, (value,)):
            return struct.pack(">BHH", 5, address, 0xFF00 if value else 0)
        case Write(_, Table.COIL, address, values):
            data = packed(values)
            return struct.pack(">BHHB", 15, address, len(values), len(data)) + data
        case Write(_, _, address, (value,)):
            return struct.pack(">BHH", 6, address, value)
        case Write(_, _, address, values):
            return struct.pack(">BHHB", 16, address, len(values), 2 * len(values)) + struct.pack(f">{len(values)}H", *values)


def answer_pdu(question: Question, fill: int) -> tuple[bytes, list[int] | list[bool]]:
    """A good answer, its contents made from `fill`, and what it says."""
    match question:
        case Write(_, _, _, values):
            return (request_pdu(question) if len(values) == 1 else request_pdu(question)[:5]), []
        case Read(_, Table.COIL | Table.DISCRETE, _, count):
            bits = tuple((fill >> place % 16) & 1 for place in range(count))
            data = packed(bits)
            return bytes((FUNCTIONS[question.table], len(data))) + data, [bool(bit) for bit in bits]
        case Read(_, _, _, count):
            words = [(fill + place * 257) & 0xFFFF for place in range(count)]
            return bytes((FUNCTIONS[question.table], 2 * count)) + struct.pack(f">{count}H", *words), words


@st.composite
def reads(draw: st.DrawFn) -> Read:
    table = draw(st.sampled_from(list(Table)))
    count = draw(st.integers(1, 2000 if table.bits else 125))
    return Read(draw(st.integers(0, 255)), table, draw(st.integers(0, 65536 - count)), count)


@st.composite
def writes(draw: st.DrawFn) -> Write:
    table = draw(st.sampled_from((Table.COIL, Table.HOLDING)))
    values = draw(st.lists(st.integers(0, 1) if table.bits else numbers, min_size=1, max_size=20))
    return Write(draw(st.integers(0, 255)), table, draw(st.integers(0, 65536 - len(values))), tuple(values))


questions = st.one_of(reads(), writes())


def first_found(codec: Rtu | Tcp, question: Question, number: int, stream: bytes) -> Found | None:
    """What a reader that gets one byte at a time sees first."""
    for end in range(len(stream) + 1):
        found = codec.find(question, number, stream[:end])
        if found is not None:
            return found
    return None


# What is sent.


@quick
@given(questions, numbers)
def test_a_question_is_sent_as_the_specification_writes_it(question: Question, number: int) -> None:
    assert RTU.encode(question, number) == rtu_frame(question.unit, request_pdu(question))
    assert TCP.encode(question, number) == tcp_frame(number, question.unit, request_pdu(question))


@pytest.mark.parametrize("codec", [RTU, TCP], ids=["rtu", "tcp"])
@pytest.mark.parametrize(
    ("table", "most_read", "most_written"),
    [(Table.COIL, 2000, 1968), (Table.DISCRETE, 2000, 0), (Table.INPUT, 125, 0), (Table.HOLDING, 125, 123)],
)
def test_a_frame_carries_what_the_specification_allows_and_no_more(
    codec: Rtu | Tcp, table: Table, most_read: int, most_written: int
) -> None:
    assert codec.encode(Read(1, table, 0, most_read), 1)
    for count in (0, -1, most_read + 1):
        with pytest.raises(FrameError, match=str(most_read)):
            codec.encode(Read(1, table, 0, count), 1)
    if most_written:
        assert codec.encode(Write(1, table, 0, (1,) * most_written), 1)
    for count in (0, most_written + 1):
        with pytest.raises(FrameError, match=str(most_written) if most_written else "cannot be written"):
            codec.encode(Write(1, table, 0, (1,) * count), 1)


@pytest.mark.parametrize(
    "question",
    [
        Read(1, Table.HOLDING, 65535, 2),
        Read(1, Table.HOLDING, -1, 1),
        Read(256, Table.HOLDING, 0, 1),
        Read(-1, Table.HOLDING, 0, 1),
        Write(1, Table.HOLDING, 65536, (1,)),
        Write(1, Table.HOLDING, 0, (65536,)),
        Write(1, Table.HOLDING, 0, (-1, 5)),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_before_it_is_sent(question: Question) -> None:
    for codec in (RTU, TCP):
        with pytest.raises(FrameError):
            codec.encode(question, 1)


# What is found.


@quick
@given(questions, numbers, noise, noise, st.data())
def test_an_rtu_answer_is_found_whatever_stands_around_it_and_however_it_is_cut(
    question: Question, fill: int, before: bytes, after: bytes, data: st.DataObject
) -> None:
    pdu, body = answer_pdu(question, fill)
    frame = rtu_frame(question.unit, pdu)
    before += frame[: data.draw(st.integers(0, len(frame) - 1))]  # a first try that broke off
    stream = before + frame + after
    found = RTU.find(question, 0, stream)
    assert found == first_found(RTU, question, 0, stream)
    assert found is not None
    assert (found.start, found.end, found.outcome) == (len(before), len(before) + len(frame), Answer(body))


@quick
@given(questions, numbers, numbers, st.lists(st.tuples(numbers, noise.filter(bool)), max_size=4), noise)
def test_a_tcp_answer_is_found_behind_late_ones_and_however_it_is_cut(
    question: Question, number: int, fill: int, late: list[tuple[int, bytes]], after: bytes
) -> None:
    assume(all(other != number and len(pdu) >= 2 for other, pdu in late))
    pdu, body = answer_pdu(question, fill)
    before = b"".join(tcp_frame(other, question.unit, one) for other, one in late)
    frame = tcp_frame(number, question.unit, pdu)
    found = TCP.find(question, number, before + frame + after)
    assert found == Found(len(before), len(before) + len(frame), Answer(body))
    assert first_found(TCP, question, number, before + frame + after) == found


@quick
@given(questions, st.integers(0, 255), numbers)
def test_an_exception_is_a_refusal_whatever_its_code(question: Question, code: int, number: int) -> None:
    pdu = bytes((request_pdu(question)[0] | 0x80, code))
    for found in (
        RTU.find(question, number, rtu_frame(question.unit, pdu)),
        TCP.find(question, number, tcp_frame(number, question.unit, pdu)),
    ):
        assert found is not None
        assert isinstance(found.outcome, Refusal)
        assert f"{code:#04x}" in found.outcome.detail


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (1, WireFault.ILLEGAL_FUNCTION),
        (2, WireFault.ILLEGAL_ADDRESS),
        (3, WireFault.ILLEGAL_VALUE),
        (4, WireFault.DEVICE_FAILURE),
        (5, WireFault.BUSY),
        (6, WireFault.BUSY),
        (10, WireFault.GATEWAY),
        (11, WireFault.GATEWAY),
        (99, WireFault.REFUSED),
    ],
)
def test_an_exception_says_whether_to_wait_or_to_give_up(code: int, fault: WireFault) -> None:
    found = RTU.find(Read(1, Table.HOLDING, 0, 1), 0, rtu_frame(1, bytes((0x83, code))))
    assert found is not None
    assert isinstance(found.outcome, Refusal)
    assert found.outcome.fault is fault


# What is never taken.


@quick
@given(questions, numbers, st.integers(1, 255))
def test_the_answer_of_another_unit_is_passed_over(question: Question, fill: int, shift: int) -> None:
    pdu, body = answer_pdu(question, fill)
    foreign = rtu_frame((question.unit + shift) % 256, pdu)
    assert RTU.find(question, 0, foreign) is None
    found = RTU.find(question, 0, foreign + rtu_frame(question.unit, pdu))
    assert found is not None
    assert (found.start, found.outcome) == (len(foreign), Answer(body))


@quick
@given(questions, questions, numbers, numbers)
def test_the_answer_to_another_question_is_taken_only_where_nothing_tells_them_apart(
    question: Question, other: Question, fill: int, number: int
) -> None:
    pdu, _ = answer_pdu(other, fill)
    assume(pdu[:2] != answer_pdu(question, fill)[0][:2])
    assert RTU.find(question, 0, rtu_frame(question.unit, pdu)) is None
    found = TCP.find(question, number, tcp_frame(number, question.unit, pdu))
    assert found is not None
    assert isinstance(found.outcome, Garbled)


@quick
@given(reads(), numbers, st.integers(-3, 3).filter(bool), numbers)
def test_an_answer_with_the_wrong_number_of_items_is_never_taken(read: Read, fill: int, difference: int, number: int) -> None:
    pdu, _ = answer_pdu(read, fill)
    size = pdu[1] + difference
    assume(0 <= size <= 250)
    wrong = pdu[:1] + bytes((size,)) + (pdu[2:] + bytes(3))[:size]
    assert RTU.find(read, 0, rtu_frame(read.unit, wrong)) is None
    found = TCP.find(read, number, tcp_frame(number, read.unit, wrong))
    assert found is not None
    assert isinstance(found.outcome, Garbled)


@quick
@given(reads(), numbers, numbers, st.integers(1, 255))
def test_an_answer_whose_byte_count_is_not_its_length_is_never_taken(read: Read, fill: int, number: int, shift: int) -> None:
    pdu, _ = answer_pdu(read, fill)
    wrong = pdu[:1] + bytes(((pdu[1] + shift) % 256,)) + pdu[2:]
    assert RTU.find(read, 0, rtu_frame(read.unit, wrong)) is None
    found = TCP.find(read, number, tcp_frame(number, read.unit, wrong))
    assert found is not None
    assert isinstance(found.outcome, Garbled)


@quick
@given(questions, numbers, st.data())
def test_a_single_damaged_bit_is_never_taken(question: Question, fill: int, data: st.DataObject) -> None:
    frame = bytearray(rtu_frame(question.unit, answer_pdu(question, fill)[0]))
    place = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[place // 8] ^= 1 << place % 8
    assert RTU.find(question, 0, bytes(frame)) is None


@quick
@given(writes(), st.integers(1, 0xFFFF), numbers)
def test_the_echo_of_another_write_is_never_taken(write: Write, shift: int, number: int) -> None:
    pdu = answer_pdu(write, 0)[0]
    for at in (1, 3):  # the address, then the value or the count
        wrong = pdu[:at] + struct.pack(">H", (int.from_bytes(pdu[at : at + 2], "big") + shift) & 0xFFFF) + pdu[at + 2 :]
        assert RTU.find(write, 0, rtu_frame(write.unit, wrong)) is None
        found = TCP.find(write, number, tcp_frame(number, write.unit, wrong))
        assert found is not None
        assert isinstance(found.outcome, Garbled)


@quick
@given(questions, numbers, numbers, st.integers(1, 255))
def test_a_tcp_answer_of_another_unit_is_garbled(question: Question, number: int, fill: int, shift: int) -> None:
    frame = tcp_frame(number, (question.unit + shift) % 256, answer_pdu(question, fill)[0])
    found = TCP.find(question, number, frame)
    assert found is not None
    assert isinstance(found.outcome, Garbled)


@quick
@given(questions, numbers, st.integers(1, 0xFFFF), numbers)
def test_an_answer_to_an_earlier_transaction_is_no_answer(question: Question, number: int, earlier: int, fill: int) -> None:
    pdu, _ = answer_pdu(question, fill)
    assert TCP.find(question, number, tcp_frame((number - earlier) & 0xFFFF, question.unit, pdu)) is None


@settings(max_examples=300, deadline=None)
@given(questions, numbers, st.binary(max_size=300))
def test_noise_is_never_an_answer_and_never_an_exception(question: Question, number: int, stream: bytes) -> None:
    for codec in (RTU, TCP):
        found = codec.find(question, number, stream)
        assert found is None or 0 <= found.start < found.end <= len(stream)
    assert RTU.find(question, number, stream) is None


@quick
@given(questions, numbers, st.binary(min_size=8, max_size=60))
def test_a_stream_without_a_header_has_lost_step(question: Question, number: int, stream: bytes) -> None:
    assume(stream[2:4] != b"\0\0")
    found = TCP.find(question, number, stream)
    assert found is not None
    assert isinstance(found.outcome, Garbled)
    assert found.outcome.fault is WireFault.MALFORMED


# What a late answer could be mistaken for.


@quick
@given(questions, numbers)
def test_the_length_of_a_good_answer_is_known_beforehand(question: Question, fill: int) -> None:
    pdu, _ = answer_pdu(question, fill)
    assert RTU.reply_length(question) == len(rtu_frame(question.unit, pdu))
    assert TCP.reply_length(question) == len(tcp_frame(0, question.unit, pdu))


@quick
@given(reads(), reads(), numbers)
def test_reads_of_one_unit_can_be_confused_exactly_when_their_shapes_are_equal(one: Read, other: Read, fill: int) -> None:
    other = Read(one.unit, other.table, other.address, other.count)
    taken = RTU.find(other, 0, rtu_frame(one.unit, answer_pdu(one, fill)[0]))
    assert (taken is not None) == (RTU.shape(one) == RTU.shape(other))


def test_the_echo_of_a_request_that_has_the_form_of_an_answer_is_no_answer() -> None:
    question = Read(7, Table.COIL, 0x0300, 20)
    assert Rtu().find(question, 0, Rtu().encode(question, 0)) is None


# What the owner of a line asks of a codec.


def test_an_rtu_answer_shows_function_and_length_alone_and_its_unit_needs_no_selection() -> None:
    question, other = Read(17, Table.HOLDING, 5, 3), Read(17, Table.HOLDING, 900, 3)
    assert RTU.shape(question) == RTU.shape(other) == (3, 11)
    assert RTU.shape(question) != RTU.shape(Read(17, Table.INPUT, 5, 3))
    assert RTU.selector(question) is None
    assert RTU.answers(Read(0, Table.HOLDING, 5, 3)), "unit 0 answers some of its questions on USB"
    assert (RTU.silence_characters, RTU.addressed, RTU.numbered) == (3.5, True, False)
    assert (TCP.silence_characters, TCP.addressed, TCP.numbered) == (0.0, True, True)


@pytest.mark.parametrize(
    ("question", "length"),
    [
        (Read(1, Table.HOLDING, 0, 125), 250),
        (Read(1, Table.COIL, 0, 17), 3),
        (Write(1, Table.HOLDING, 0, (1, 2)), 3),
        (Write(1, Table.COIL, 0, (1,)), 3),
    ],
    ids=str,
)
def test_the_length_of_a_good_answer_is_known_before_it_comes(question: Question, length: int) -> None:
    pdu, _ = answer_pdu(question, 7)
    assert RTU.reply_length(question) == len(rtu_frame(1, pdu)) == length + 5
    assert TCP.reply_length(question) == len(tcp_frame(9, 1, pdu)) == length + 9
    assert TCP.shape(question) == (pdu[0], length + 9)
    assert TCP.selector(question) is None
    assert TCP.answers(question)
