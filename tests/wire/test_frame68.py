"""Frames of the 0x68 amplifier modules: the captured ones byte for byte, and no frame taken for another's answer."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stationd.wire.exchange import Answer, Found, FrameError
from stationd.wire.frame68 import MAX_PAYLOAD, Cell, Command, Frame68, frame, payloads

CODEC = Frame68()
quick = settings(max_examples=100, deadline=None)

commands = st.builds(Command, st.integers(0, 0xFF), st.binary(max_size=4))
numbers = st.integers(0, 0xFFFF)
data_bytes = st.binary(max_size=60)


def answer(question: Command, number: int, data: bytes) -> bytes:
    """The frame of a module's answer: the head of the question, then the data."""
    return CODEC.encode(Command(question.command, data), number)


def first_of(question: Command, number: int, parts: list[bytes]) -> Found | None:
    received = b""
    for part in parts:
        received += part
        if (found := CODEC.find(question, number, received)) is not None:
            return found
    return None


@st.composite
def streams(draw: st.DrawFn) -> tuple[Command, int, bytes]:
    """A question, and bytes that its line might bring: its answer, answers to others, pieces of frames, noise."""
    question, number = draw(commands), draw(numbers)
    part = st.one_of(
        data_bytes.map(lambda data: answer(question, number, data)),
        st.builds(answer, commands, numbers, data_bytes),
        st.builds(lambda data, keep: answer(question, number, data)[:keep], data_bytes, st.integers(0, 12)),
        st.binary(max_size=8),
        st.sampled_from([b"\x68", b"\x68\x00\x05\x68", b"\x68\xff\xff\x68", b"\x16"]),
    )
    return question, number, b"".join(draw(st.lists(part, max_size=6)))


@pytest.mark.parametrize(
    ("question", "number", "captured"),
    [
        (Command(0x31, b"\x01\x01"), 0x005F, "68 0005 68 31 005F 01 01 92 16"),
        (Command(0x30, b"\x01\x01"), 0x0060, "68 0005 68 30 0060 01 01 92 16"),
        (Command(0x3A, b"\x01\x01"), 0x00A1, "68 0005 68 3A 00A1 01 01 DD 16"),
        (Command(0x40, b"\x01"), 0x00A7, "68 0004 68 40 00A7 01 E8 16"),
        (Command(0x62, b"\x00"), 0x00AB, "68 0004 68 62 00AB 00 0D 16"),
        (Command(0x35, b"\x00\x01"), 0x008C, "68 0005 68 35 008C 00 01 C2 16"),
    ],
)
def test_captured_frames_are_made_byte_for_byte_and_found_again(question: Command, number: int, captured: str) -> None:
    whole = bytes.fromhex(captured)
    assert CODEC.encode(question, number) == whole
    reply = answer(question, number, b"\x12\x34\x56")
    assert CODEC.find(question, number, whole + reply) == Found(len(whole), len(whole + reply), Answer(b"\x12\x34\x56"))


@pytest.mark.parametrize("arguments", [b"", b"\x01\x01", b"\x00\x01"])
def test_the_echo_of_the_question_is_no_answer(arguments: bytes) -> None:
    question = Command(0x35, arguments)
    assert CODEC.find(question, 7, CODEC.encode(question, 7)) is None


@quick
@given(streams(), st.lists(st.integers(min_value=0), max_size=8))
def test_the_same_answer_is_found_however_the_stream_is_cut(stream: tuple[Command, int, bytes], cuts: list[int]) -> None:
    question, number, whole = stream
    edges = [0, *sorted({cut % (len(whole) + 1) for cut in cuts}), len(whole)]
    parts = [whole[a:b] for a, b in pairwise(edges)]
    assert first_of(question, number, parts) == CODEC.find(question, number, whole)


@quick
@given(streams())
def test_the_same_answer_is_found_byte_by_byte(stream: tuple[Command, int, bytes]) -> None:
    question, number, whole = stream
    assert first_of(question, number, [bytes((byte,)) for byte in whole]) == CODEC.find(question, number, whole)


@quick
@given(commands, numbers, st.lists(st.sampled_from([b"\x68", b"\x00", b"\x05", b"\x16", b"\x31", b"\xff"])).map(b"".join))
def test_garbage_never_raises_and_what_is_found_lies_inside_it(question: Command, number: int, garbage: bytes) -> None:
    found = CODEC.find(question, number, garbage)
    assert found is None or 0 <= found.start < found.end <= len(garbage)


@quick
@given(commands, numbers, data_bytes, st.binary(max_size=6))
def test_an_answer_is_found_behind_noise_with_its_data_alone(question: Command, number: int, data: bytes, noise: bytes) -> None:
    assume(data != question.arguments)
    found = CODEC.find(question, number, noise + b"\x68\x00\xff\x68" + answer(question, number, data))
    assert found is not None
    assert found.outcome == Answer(data)


@quick
@given(commands, numbers, numbers, data_bytes)
def test_another_sequence_number_is_never_accepted(question: Command, number: int, other: int, data: bytes) -> None:
    assume(data != question.arguments)
    found = CODEC.find(question, number, answer(question, other, data))
    assert (found is not None) == (number == other)


@quick
@given(commands, commands, numbers, data_bytes)
def test_another_command_is_never_accepted(question: Command, other: Command, number: int, data: bytes) -> None:
    assume(data != question.arguments)
    found = CODEC.find(question, number, answer(other, number, data))
    assert (found is not None) == (question.command == other.command)


@quick
@given(commands, st.integers(0, 10**6))
def test_sequence_numbers_wrap_at_16_bits(question: Command, number: int) -> None:
    assert CODEC.encode(question, number) == CODEC.encode(question, number & 0xFFFF)
    assert CODEC.find(question, number, answer(question, number & 0xFFFF, question.arguments + b"1")) is not None


@quick
@given(commands, numbers, data_bytes, st.integers(min_value=0), st.integers(1, 255))
def test_one_wrong_byte_behind_the_header_makes_it_no_answer(question: Command, number: int, data: bytes, at: int, change: int) -> None:
    damaged = bytearray(answer(question, number, data))
    damaged[4 + at % (len(damaged) - 4)] ^= change
    assert CODEC.find(question, number, bytes(damaged)) is None


@quick
@given(commands, numbers, data_bytes)
def test_a_frame_cut_short_is_waited_for(question: Command, number: int, data: bytes) -> None:
    assert CODEC.find(question, number, answer(question, number, data)[:-1]) is None


@quick
@given(st.lists(st.binary(min_size=3, max_size=20), max_size=5), st.binary(max_size=5))
def test_every_sound_frame_of_a_stream_is_yielded_in_order(contents: list[bytes], noise: bytes) -> None:
    stream = b"".join(noise.replace(b"\x68", b"") + frame(content) for content in contents)
    seen = iter([payload for _, _, payload in payloads(stream)])
    assert all(content in seen for content in contents)  # `in` consumes the iterator: the order is checked too


@pytest.mark.parametrize("question", [Command(0x100), Command(-1), Command(0x62, bytes(MAX_PAYLOAD))])
def test_what_no_frame_can_carry_is_refused_with_the_reason(question: Command) -> None:
    with pytest.raises(FrameError, match=r"byte|payload"):
        CODEC.encode(question, 1)


def test_the_longest_payload_is_carried() -> None:
    question = Command(0x62, bytes(MAX_PAYLOAD - 3))
    assert CODEC.find(question, 7, answer(question, 7, b"1" * (MAX_PAYLOAD - 3))) is not None
    assert len(CODEC.encode(question, 7)) == MAX_PAYLOAD + 6


@quick
@given(st.lists(st.integers(-0x8000, 0x7FFF), min_size=1, max_size=8))
def test_each_amplifier_finds_its_own_number_at_its_stride(levels: list[int]) -> None:
    data = struct.pack(f">{len(levels)}h", *levels)
    assert [Cell("h", 0, 2).decode(data, 1 + at) for at in range(len(levels))] == levels


@quick
@given(data_bytes, st.sampled_from("BbhHiI"), st.integers(0, 40), st.integers(0, 8), st.integers(1, 8))
def test_a_cell_of_any_answer_is_a_number_or_a_frame_error(data: bytes, code: str, at: int, stride: int, channel: int) -> None:
    fits = at + stride * (channel - 1) + struct.calcsize(">" + code) <= len(data)
    try:
        Cell(code, at, stride).decode(data, channel)
    except FrameError:
        assert not fits
    else:
        assert fits


def test_a_point_to_point_module_is_asked_without_selection_and_known_by_what_was_asked() -> None:
    codec, question = Frame68(), Command(0x35, b"\0\1")
    assert codec.selector(question) is None
    assert codec.answers(question)
    assert codec.reply_length(question) is None
    assert codec.shape(question) == (0x35, b"\0\1") != codec.shape(Command(0x35, b"\0\2"))
    assert (codec.silence_characters, codec.addressed, codec.numbered) == (0.0, False, True)
