"""Registers: every format and word order comes back as it went, and what is no number is never shown as one."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.wire.exchange import FrameError
from stationd.wire.registers import F32, I16, I32, ORDERS, U16, U32, Format, chars, parse_format

RANGES = {"u16": (0, 0xFFFF), "i16": (-0x8000, 0x7FFF), "u32": (0, 0xFFFFFFFF), "i32": (-0x80000000, 0x7FFFFFFF)}
LONG = [Format(kind, 2, order) for kind in ("u32", "i32", "f32") for order in ORDERS]
WHOLE = [U16, I16, *(fmt for fmt in LONG if fmt.kind != "f32")]
FLOATS = [fmt for fmt in LONG if fmt.kind == "f32"]
words = st.integers(0, 0xFFFF)


@pytest.mark.parametrize("fmt", WHOLE, ids=str)
@given(data=st.data())
def test_a_whole_number_comes_back_as_it_went(fmt: Format, data: st.DataObject) -> None:
    value = data.draw(st.integers(*RANGES[fmt.kind]))
    assert fmt.decode(fmt.encode(value)) == value
    assert all(0 <= word <= 0xFFFF for word in fmt.encode(value))


@pytest.mark.parametrize("fmt", FLOATS, ids=str)
@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_as_it_went(fmt: Format, value: float) -> None:
    assert fmt.decode(fmt.encode(value)) == value


@pytest.mark.parametrize("fmt", [*WHOLE, *FLOATS], ids=str)
@given(data=st.data())
def test_whatever_the_registers_hold_is_a_finite_number_or_refused(fmt: Format, data: st.DataObject) -> None:
    held = data.draw(st.tuples(*[words] * fmt.registers))
    try:
        value = fmt.decode(held)
    except FrameError:
        assert fmt.kind == "f32"
        return
    assert not isinstance(value, str)
    assert math.isfinite(value)
    if value != 0.0 or fmt.kind != "f32":
        assert fmt.encode(value) == held


@pytest.mark.parametrize(
    ("order", "held"),
    [("abcd", (0x1122, 0x3344)), ("cdab", (0x3344, 0x1122)), ("badc", (0x2211, 0x4433)), ("dcba", (0x4433, 0x2211))],
)
def test_an_order_names_the_bytes_as_they_come(order: str, held: tuple[int, int]) -> None:
    assert Format("u32", 2, order).decode(held) == 0x11223344
    assert Format("i32", 2, order).encode(0x11223344) == held
    (number,) = struct.unpack(">f", bytes.fromhex("11223344"))
    assert Format("f32", 2, order).decode(held) == number


@pytest.mark.parametrize("fmt", FLOATS, ids=str)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_finite_number_is_neither_read_nor_written(fmt: Format, value: float) -> None:
    raw = struct.unpack(">HH", struct.pack(">f", value))
    with pytest.raises(FrameError):
        F32.decode(raw)
    with pytest.raises(FrameError):
        fmt.encode(value)


@pytest.mark.parametrize("fmt", [U16, I16, U32, I32], ids=str)
def test_a_number_that_does_not_fit_is_refused_with_its_format(fmt: Format) -> None:
    low, high = RANGES[fmt.kind]
    for value in (low - 1, high + 1, math.nan, math.inf, 1e300, "1.2.3"):
        with pytest.raises(FrameError, match=fmt.kind):
            fmt.encode(value)


def test_a_float_too_large_for_its_registers_is_refused() -> None:
    with pytest.raises(FrameError, match="f32"):
        F32.encode(1e39)


def test_a_raw_value_is_rounded_to_the_nearest_step() -> None:
    assert U16.encode(26213.5001) == (26214,)
    assert U16.encode(26213.4999) == (26213,)
    assert I16.encode(-0.6) == (0xFFFF,)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40))
def test_a_string_is_read_up_to_its_end(text: str) -> None:
    for filler in (b"\0", b" "):
        raw = text.encode().ljust(40, filler)
        assert chars(40).decode(struct.unpack(">20H", raw)) == text


@given(st.lists(words, min_size=20, max_size=20))
def test_any_bytes_make_a_string_and_never_an_exception(held: list[int]) -> None:
    assert "\0" not in str(chars(40).decode(held))


def test_a_string_cannot_be_written() -> None:
    with pytest.raises(FrameError):
        chars(40).encode("PS 10000")


@pytest.mark.parametrize("kind", ["u16", "i16", "u32", "i32", "f32"])
@pytest.mark.parametrize("order", ["", *ORDERS])
def test_a_format_is_written_by_its_name_and_order(kind: str, order: str) -> None:
    fmt = parse_format(f"{kind} {order}".strip())
    assert (fmt.kind, fmt.order) == (kind, order or "abcd")
    assert fmt.registers == (1 if kind.endswith("16") else 2)


@pytest.mark.parametrize(("text", "registers"), [("char 1", 1), ("char 40", 20), ("char 41", 21)])
def test_a_string_takes_two_characters_a_register(text: str, registers: int) -> None:
    assert parse_format(text) == Format("char", registers)


@pytest.mark.parametrize("text", ["", "u64", "f32 abdc", "f32  cdab", "char", "char 0", "char 251", "char -1", "U16", "u16;"])
def test_an_unknown_format_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(FrameError, match="u16, i16, u32, i32, f32"):
        parse_format(text)
