from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason, Value
from stationd.outputs.journal import codec
from stationd.outputs.journal.codec import Form, Series, Unreadable
from stationd.outputs.journal.minutes import Minute, Running, decode_minutes, encode_minutes

BAD = Quality(Level.BAD, Reason.TIMEOUT)
OLD = Quality(Level.STALE, Reason.LINK_DOWN)
QUALITIES = st.sampled_from([GOOD, OLD, Quality(Level.UNCERTAIN, Reason.OUT_OF_RANGE)])
FLOATS = st.floats(allow_nan=False)
DECIMALS = st.integers(-10_000_000, 10_000_000).map(lambda n: n / 100)
STEPS = st.integers(-100_000, 100_000).map(lambda n: n * 0.1)
INTEGERS = st.integers()
MIXED = st.one_of(FLOATS, INTEGERS, st.booleans(), st.text())
ALIKE = st.sampled_from([FLOATS, DECIMALS, STEPS, INTEGERS, st.booleans(), st.text(), MIXED])
T_MS = st.lists(st.integers(0, 1 << 50), max_size=50).map(sorted)


@st.composite
def series(draw: st.DrawFn) -> Series:
    t_ms = draw(T_MS)
    kind = draw(ALIKE)
    made = Series()
    for t in t_ms:
        value: Value | None = draw(st.one_of(st.none(), kind))
        made.t_ms.append(t)
        made.values.append(value)
        made.qualities.append(BAD if value is None else draw(QUALITIES))
    return made


def typed(values: list[Value | None]) -> list[tuple[type, Value | None]]:
    return [(type(value), value) for value in values]


@given(series())
def test_a_series_comes_back_as_it_was(before: Series) -> None:
    after = codec.decode_series(codec.expand(codec.squeeze(codec.encode_series(before))))
    assert (after.t_ms, after.qualities) == (before.t_ms, before.qualities)
    assert typed(after.values) == typed(before.values)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.sampled_from([0.001, 0.01, 0.1, 1.0, 0.25, 2.5, 10.0]))
def test_a_known_resolution_is_kept_to_half_of_its_last_digit(values: list[float], resolution: float) -> None:
    before = Series(list(range(len(values))), list(values), [GOOD] * len(values))
    after = codec.decode_series(codec.encode_series(before, resolution))
    for value, was in zip(after.values, values, strict=True):
        assert isinstance(value, float)
        assert abs(value - was) <= resolution * 0.5000001


@given(st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=50), st.sampled_from([0.1, 0.25, 3.0, 0.0625]))
def test_multiples_of_a_register_scale_keep_every_bit_without_being_told_or_stay_exact(numbers: list[int], scale: float) -> None:
    values: list[Value | None] = [number * scale for number in numbers]
    after = codec.decode_series(codec.encode_series(Series(list(range(len(values))), values, [GOOD] * len(values))))
    assert after.values == values


def test_noise_of_the_last_digit_costs_about_a_byte_and_no_form_costs_more_than_it_must() -> None:
    values: list[Value] = [n / 100 for n in range(0, 3600, 3)]
    law, _ = codec.find_law(values, None)
    assert law.form is Form.DECIMAL
    whole = Series(list(range(0, 3_600_000, 1000)), [12.5] * 3600, [GOOD] * 3600)
    assert len(codec.squeeze(codec.encode_series(whole))) < 60


def test_a_value_that_is_no_number_or_without_bound_keeps_its_bits() -> None:
    values: list[Value | None] = [math.inf, -math.inf, math.nan, -0.0, 1.5]
    after = codec.decode_series(codec.encode_series(Series([1, 2, 3, 4, 5], values, [GOOD] * 5), 0.1))
    assert list(map(repr, after.values)) == list(map(repr, values))


@given(st.binary(max_size=300))
def test_bytes_that_are_no_series_are_unreadable_and_nothing_worse(data: bytes) -> None:
    for decode in (codec.decode_series, decode_minutes, codec.expand):
        with contextlib.suppress(Unreadable):
            decode(data)


def test_qualities_that_cover_fewer_readings_than_there_are_make_a_series_unreadable() -> None:
    whole = codec.encode_series(Series([1, 2, 3], [1.0, None, 2.0], [GOOD, BAD, GOOD]))
    runs = bytes((6, 0, 1, 1, 1, 0, 1))  # three runs of one reading each: good, bad, good
    assert whole.count(runs) == 1
    with pytest.raises(Unreadable, match="do not cover"):
        codec.decode_series(whole.replace(runs, bytes((4, 0, 1, 1, 1))))


def test_minutes_that_count_their_mean_in_no_parts_are_unreadable() -> None:
    one = encode_minutes([Minute(0, 60, 1.0, 1.5, 2.0, GOOD)], 0.5)
    assert one.count(bytes((10,))) == 1, "the mean is counted in tenths of a digit"
    with pytest.raises(Unreadable):
        decode_minutes(one.replace(bytes((10,)), b"\0"))


def test_a_whole_number_that_does_not_end_is_unreadable_before_it_has_cost_anything() -> None:
    for decode in (codec.decode_series, decode_minutes):
        with pytest.raises(Unreadable, match="does not end"):
            decode(b"\5" + b"\xff" * 100_000)


@given(series(), st.integers(0, 5000), st.integers(1, 255))
def test_a_flipped_byte_of_a_squeezed_block_is_seen(before: Series, at: int, flip: int) -> None:
    data = bytearray(codec.squeeze(codec.encode_series(before)))
    data[at % len(data)] ^= flip
    try:
        after = codec.decode_series(codec.expand(bytes(data)))
    except Unreadable:
        return
    assert typed(after.values) == typed(before.values)  # only bits that say nothing, as zlib's level of compression


@st.composite
def minutes(draw: st.DrawFn) -> list[Minute]:
    kind = draw(st.sampled_from([DECIMALS, st.floats(-1e9, 1e9), st.integers(-1000, 1000), st.booleans(), st.text(min_size=1)]))
    made = []
    for t in draw(st.lists(st.integers(0, 100_000), max_size=20, unique=True).map(sorted)):
        running = Running()
        for value in draw(st.lists(kind, max_size=5)):
            running.add(Reading(PointId("a", "b"), value, draw(QUALITIES), 0.0))
        made.append(running.end(t * 60_000))
    return made


@given(minutes())
def test_minutes_keep_minimum_and_maximum_exactly_and_the_mean_between_them(before: list[Minute]) -> None:
    after = decode_minutes(encode_minutes(before))
    assert len(after) == len(before)
    for was, each in zip(before, after, strict=True):
        assert (each.t_ms, each.readings, each.low, each.high, each.quality) == (was.t_ms, was.readings, was.low, was.high, was.quality)
        assert type(each.low) is type(was.low) or was.low is None
        if isinstance(was.mean, str) or was.mean is None:
            assert each.mean == was.mean
        else:
            assert was.low is not None
            assert was.high is not None
            assert isinstance(each.mean, float | int)
            assert was.low - 1e-9 * abs(was.low) <= each.mean <= was.high + 1e-9 * abs(was.high)
            assert abs(each.mean - was.mean) <= max(0.0500001, 1e-9 * abs(was.mean))


def test_the_mean_has_one_digit_more_than_the_meter() -> None:
    running = Running()
    for value in (12.31, 12.32, 12.32):
        running.add(Reading(PointId("a", "b"), value, GOOD, 0.0))
    (minute,) = decode_minutes(encode_minutes([running.end(0)], 0.01))
    assert (minute.low, minute.mean, minute.high) == (12.31, 12.317, 12.32)


@pytest.mark.parametrize("quality", [OLD, BAD])
def test_a_minute_without_a_fresh_value_has_none_and_says_why(quality: Quality) -> None:
    running = Running()
    running.add(Reading(PointId("a", "b"), None if quality is BAD else 5.0, quality, 0.0))
    (minute,) = decode_minutes(encode_minutes([running.end(0)]))
    assert minute == Minute(0, 0, None, None, None, quality)


@given(st.lists(st.integers(min_value=0)))
def test_varints_come_back(numbers: list[int]) -> None:
    assert codec.Reader(codec.pack(numbers)).numbers(len(numbers)) == numbers


@given(st.lists(st.integers()))
def test_differences_come_back(numbers: list[int]) -> None:
    assert codec.Reader(codec.pack_steps(numbers)).steps(len(numbers)) == numbers
