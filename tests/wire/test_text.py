"""Lines of text: found whole however they come, refused when damaged, and no word taken for a number."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.wire.exchange import Answer, Found, FrameError, Garbled, Refusal, WireFault
from stationd.wire.text import MAX_LINE_BYTES, As, Ask, CheckSum, Dialect, Field, Text, place

PLAIN = Dialect(refusals=((r"\w+\*", WireFault.ILLEGAL_ADDRESS), (r"\w+#", WireFault.REFUSED)), done=r"\w+!")
CRLF = Dialect(terminator=b"\r\n", reply_terminator=b"\r\n")
NUL = Dialect(terminator=b"\0", reply_terminator=b"\0")
GENESYS = Dialect(check_sum=CheckSum.DOLLAR_HEX, unasked=r"!\d\d", select="ADR {unit}", done="OK")
SPELLMAN = Dialect(terminator=b"\x03", reply_terminator=b"\x03", prefix=b"\x02", check_sum=CheckSum.SPELLMAN)
quick = settings(max_examples=100, deadline=None)
DIALECTS = (PLAIN, CRLF, NUL, GENESYS, SPELLMAN)

dialects = st.sampled_from(DIALECTS)
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
answers = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
floats = st.floats(-1e12, 1e12).filter(lambda number: number == 0.0 or abs(number) > 1e-99)  # two digits of exponent
numbers = st.one_of(
    st.integers(-(10**15), 10**15).map(str),
    st.decimals(-(10**9), 10**9, places=3).map(str),
    floats.map(repr),
    floats.map("{:+.4E}".format),
)


def line(dialect: Dialect, text: str) -> bytes:
    """The bytes that a unit of this dialect sends: as the codec sends, with the other terminator."""
    sent = Text(dialect).encode(Ask(1, text), 0)
    return sent.removesuffix(dialect.terminator) + dialect.reply_terminator


def find(dialect: Dialect, received: bytes, pattern: str = "") -> Found | None:
    return Text(dialect).find(Ask(1, "MV?", pattern), 0, received)


def outcome(dialect: Dialect, received: bytes, pattern: str = "") -> object:
    found = find(dialect, received, pattern)
    return found and found.outcome


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


def first_of(dialect: Dialect, parts: list[bytes]) -> Found | None:
    """What is found first when the parts come one after the other."""
    received = b""
    for part in parts:
        received += part
        if (found := find(dialect, received)) is not None:
            return found
    return None


@st.composite
def streams(draw: st.DrawFn) -> tuple[Dialect, bytes]:
    """A dialect, and bytes that its line might bring: answers, unasked lines, empty lines, noise, lines without an end."""
    dialect = draw(dialects)
    part = st.one_of(
        answers.map(lambda text: line(dialect, text)),
        st.just(line(dialect, "!07")),
        st.just(dialect.reply_terminator),
        st.binary(max_size=12),
        st.integers(MAX_LINE_BYTES - 3, MAX_LINE_BYTES + 3).map(lambda length: b"7" * length),
    )
    return dialect, b"".join(draw(st.lists(part, max_size=6)))


@quick
@given(streams(), st.lists(st.integers(min_value=0), max_size=8))
def test_the_same_answer_is_found_however_the_stream_is_cut(stream: tuple[Dialect, bytes], cuts: list[int]) -> None:
    dialect, whole = stream
    assert first_of(dialect, pieces(whole, cuts)) == find(dialect, whole)


@quick
@given(dialects, st.lists(st.binary(max_size=8), max_size=8), answers)
def test_the_same_answer_is_found_byte_by_byte(dialect: Dialect, noise: list[bytes], answer: str) -> None:
    whole = b"".join(noise) + line(dialect, answer)
    assert first_of(dialect, [bytes((byte,)) for byte in whole]) == find(dialect, whole)


@quick
@given(dialects, st.binary(max_size=300), printable)
def test_garbage_never_raises_and_what_is_found_lies_inside_it(dialect: Dialect, garbage: bytes, pattern: str) -> None:
    found = find(dialect, garbage, "".join(character for character in pattern if character.isalnum()))
    assert found is None or 0 <= found.start < found.end <= len(garbage)


@quick
@given(dialects, answers)
def test_a_whole_line_is_the_answer(dialect: Dialect, answer: str) -> None:
    if any(answer.endswith(mark) for mark in "*#") or answer.startswith("!"):
        answer = "=" + answer + "="
    assert outcome(dialect, line(dialect, answer)) == Answer(answer)


@pytest.mark.parametrize(
    ("dialect", "command", "frame"),
    [
        (GENESYS, "STT?", b"STT?$3A\r"),
        (GENESYS, "STAT?", b"STAT?$7B\r"),
        (SPELLMAN, "28,", b"\x0228,j\x03"),
        (SPELLMAN, "14,", b"\x0214,o\x03"),
        (SPELLMAN, "10,1280,", b"\x0210,1280,|\x03"),
        (CRLF, ":DRIV:MCTRL?", b":DRIV:MCTRL?\r\n"),
        (NUL, "ALA?", b"ALA?\0"),
    ],
)
def test_commands_go_out_as_printed_in_the_manuals(dialect: Dialect, command: str, frame: bytes) -> None:
    assert Text(dialect).encode(Ask(6, command), 99) == frame


@quick
@given(answers, st.integers(min_value=0), st.integers(1, 255))
def test_one_wrong_byte_under_a_dollar_check_sum_never_makes_another_answer(answer: str, at: int, change: int) -> None:
    sent = line(GENESYS, answer)
    damaged = bytearray(sent)
    damaged[at % len(sent)] ^= change
    found = outcome(GENESYS, bytes(damaged))
    assert found is None or isinstance(found, Garbled) or found == Answer(answer)


@quick
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_changed_digit_under_a_spellman_check_sum_is_seen(tens: int, ones: int, other: int) -> None:
    sent = line(SPELLMAN, f"60,{tens}{ones},")
    damaged = sent.replace(f"60,{tens}{ones},".encode(), f"60,{tens}{other},".encode())
    assert isinstance(outcome(SPELLMAN, damaged), Answer) == (ones == other)


def test_a_check_sum_is_read_in_either_case_and_named_when_it_is_wrong() -> None:
    assert outcome(GENESYS, b"STT?$3a\r") == Answer("STT?")
    wrong = outcome(GENESYS, b"STT?$3B\r")
    assert isinstance(wrong, Garbled)
    assert wrong.fault is WireFault.CHECKSUM
    assert "$3B" in wrong.detail


@quick
@given(st.lists(st.integers(0, 99).map("!{:02}".format), max_size=5), answers.filter(lambda text: not text.startswith("!")))
def test_unasked_lines_are_skipped(service_requests: list[str], answer: str) -> None:
    before = b"".join(line(GENESYS, each) for each in service_requests)
    after = line(GENESYS, answer)
    found = find(GENESYS, before + after)
    assert found == Found(len(before), len(before) + len(after), Answer(answer))
    assert find(GENESYS, before) is None


def test_many_unasked_lines_are_not_a_line_without_an_end() -> None:
    assert find(GENESYS, line(GENESYS, "!01") * (MAX_LINE_BYTES // 4)) is None


@quick
@given(dialects, st.integers(1, 300), st.booleans())
def test_a_line_without_an_end_is_malformed_and_is_never_an_answer(dialect: Dialect, more: int, ended: bool) -> None:
    stream = b"1" * (MAX_LINE_BYTES + more + 1) + (dialect.reply_terminator if ended else b"")
    found = outcome(dialect, stream)
    assert isinstance(found, Garbled)
    assert found.fault is WireFault.MALFORMED


def test_the_longest_line_is_still_an_answer() -> None:
    assert outcome(PLAIN, b"1" * MAX_LINE_BYTES + b"\r") == Answer("1" * MAX_LINE_BYTES)


@quick
@given(st.binary(min_size=1, max_size=20).filter(lambda line: any(not 0x20 <= byte <= 0x7E for byte in line.strip(b"\r\n\0"))))
def test_characters_that_no_answer_has_make_it_garbled(text: bytes) -> None:
    found = outcome(PLAIN, text.replace(b"\r", b"") + b"\xb0C\r")
    assert isinstance(found, Garbled)
    assert found.fault is WireFault.GARBLED


@pytest.mark.parametrize("command", ["MV\N{DEGREE SIGN}", "MV?\r", "MV?\nOUT 1", "\x02", "\N{ARABIC-INDIC DIGIT FIVE}"])
def test_commands_that_would_end_the_line_early_or_are_not_ascii_are_refused(command: str) -> None:
    with pytest.raises(FrameError):
        Text(PLAIN).encode(Ask(1, command), 0)


def test_an_answer_to_another_question_is_garbled() -> None:
    assert outcome(PLAIN, b"PUS=3000\r", r"PUS=(\d+)") == Answer("PUS=3000")
    wrong = outcome(PLAIN, b"PUE=3000\r", r"PUS=(\d+)")
    assert isinstance(wrong, Garbled)
    assert "PUE=3000" in wrong.detail
    assert isinstance(outcome(PLAIN, b"xPUS=3000\r", r"PUS=(\d+)"), Garbled)
    assert isinstance(outcome(PLAIN, b"PUS=3000x\r", r"PUS=(\d+)"), Garbled)


def test_refusals_are_named_by_the_dialect() -> None:
    assert outcome(PLAIN, b"PUE*\r", r"PUE=(\d+)") == Refusal(WireFault.ILLEGAL_ADDRESS, "PUE*")
    assert outcome(PLAIN, b"CPU#\r", r"CPU!") == Refusal(WireFault.REFUSED, "CPU#")


@quick
@given(dialects, st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"\r\n"]), max_size=5))
def test_empty_lines_answer_nothing(dialect: Dialect, blanks: list[bytes]) -> None:
    assert find(dialect, b"".join(blanks)) is None


def test_noise_in_front_of_the_start_character_is_skipped() -> None:
    assert outcome(SPELLMAN, b"\xff\x7f" + line(SPELLMAN, "14,512,")) == Answer("14,512,")
    assert isinstance(outcome(SPELLMAN, b"14,512,x\x03"), Garbled)


def test_a_write_is_done_by_the_word_of_the_dialect_or_in_silence() -> None:
    spoken = Text(PLAIN).write(1, "CPU=300")
    assert Text(PLAIN).answers(spoken)
    assert Text(PLAIN).find(spoken, 0, b"CPU!\r") == Found(0, 5, Answer("CPU!"))
    assert isinstance(outcome(PLAIN, b"CPU=300\r", spoken.pattern), Garbled)
    assert not Text(CRLF).answers(Text(CRLF).write(1, ":DRIV:MCTRL 0"))


@quick
@given(answers)
def test_an_echo_is_compared_character_by_character(command: str) -> None:
    echoing = Text(Dialect(done="{command}"))
    question = echoing.write(1, command)
    found = echoing.find(question, 0, command.encode() + b"\r")
    assert found is not None
    assert found.outcome == Answer(command)
    other = echoing.find(question, 0, command.encode() + b"0\r")
    assert other is not None
    assert isinstance(other.outcome, Garbled)


def test_only_a_shared_line_selects_its_unit() -> None:
    assert Text(GENESYS).selector(Ask(6, "MV?")) == Ask(6, "ADR 6", "OK")
    assert Text(PLAIN).selector(Ask(6, "MV?")) is None


@quick
@given(numbers)
def test_decimal_numbers_are_read_as_they_are(number: str) -> None:
    value = Field(r"MV=(.*)").decode(f"MV={number}", 1)
    assert value == float(number)
    assert isinstance(value, float) or str(value) == str(int(number))


@quick
@given(printable)
def test_what_is_read_as_a_number_is_finite_and_looks_like_one(word: str) -> None:
    try:
        value = Field(r"MV=(.*)").decode(f"MV={word}", 1)
    except FrameError:
        return
    assert value is None or (isinstance(value, (int, float)) and math.isfinite(value))
    assert value is None or set(word.strip()) <= set("+-.0123456789eE")


@pytest.mark.parametrize(
    "word",
    ["nan", "inf", "-Infinity", "1_000", "0x10", "1,5", "", "-", ".", "1e", "1e999", "1 2", "--1", "True", "\N{ARABIC-INDIC DIGIT FIVE}"],
)
def test_words_that_python_would_take_are_no_numbers(word: str) -> None:
    with pytest.raises(FrameError, match="no number"):
        Field(r"MV=(.*)").decode(f"MV={word}", 1)


@pytest.mark.parametrize("word", ["9" * 400, "9" * 400 + ".0", "0." + "1" * 400, "9" * 308 + "e99"])
def test_numbers_longer_than_any_meter_shows_are_no_numbers(word: str) -> None:
    with pytest.raises(FrameError, match="no number"):
        Field(r"MV=(.*)").decode(f"MV={word}", 1)


@quick
@given(st.integers(0, 0xFFFFFFFF))
def test_hexadecimal_words_are_read_in_either_case(word: int) -> None:
    for written in (f"{word:X}", f"{word:04x}"):
        assert Field(r"ALA=(.*)", As.HEX).decode(f"ALA={written}", 1) == word


@pytest.mark.parametrize("word", ["1_000", "-8", "+8", "0x10", "G", "", "8 0", "8.0", "F" * 300])
def test_only_hexadecimal_digits_are_a_hexadecimal_word(word: str) -> None:
    with pytest.raises(FrameError, match="no hex"):
        Field(r"ALA=(.*)", As.HEX).decode(f"ALA={word}", 1)


def test_the_word_for_absent_is_no_value_and_no_error() -> None:
    assert Field(r"(.*)").decode("N/A", 1) is None
    assert Field(r"(.*)", absent="Off").decode("Off", 1) is None


def test_a_channel_finds_its_own_place_in_a_list() -> None:
    field = Field(r"(?:[^,]*,){{before}}([^,]*)(?:,.*)?")
    assert [field.decode("1.5,-2.5,N/A", channel) for channel in (1, 2, 3)] == [1.5, -2.5, None]
    with pytest.raises(FrameError):
        field.decode("1.5,-2.5,N/A", 4)
    assert place("SETALC,{channel}", 3) == "SETALC,3"


@quick
@given(printable, st.integers(1, 4), st.sampled_from(list(As)))
def test_a_field_raises_nothing_but_its_own_error(answer: str, channel: int, read_as: As) -> None:
    for pattern in (r"(.*)", r"(?:[^,]*,){{before}}([^,]*)(?:,.*)?", r"[^,]*(?:,([^,]*))?"):
        try:
            value = Field(pattern, read_as).decode(answer, channel)
        except FrameError:
            continue
        assert value is None or isinstance(value, (int, float, str))


def test_a_text_answer_has_no_length_and_no_shape_so_that_any_late_line_is_taken_for_any_other() -> None:
    codec, question = Text(PLAIN), Ask(1, "MV?")
    assert codec.reply_length(question) is None
    assert codec.shape(question) == codec.shape(Ask(2, "OUT?")) == ()
    assert (codec.silence_characters, codec.addressed, codec.numbered) == (0.0, False, False)
