"""Devices: read in as few exchanges as the unit allows, decoded without a guess, written only as it was asked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import CATALOG
from stationd.core.model import GOOD, OUT_OF_RANGE, Level, PointId, Quality, Reading, Reason, Value
from stationd.device import Block, Cell, Device, codec_for
from stationd.driver import (
    INPUT_OUTPUT,
    At,
    Coil,
    Discrete,
    Driver,
    Holding,
    Input,
    Missing,
    Point,
    Protocol,
    Query,
    Register,
)
from stationd.wire import modbus
from stationd.wire.exchange import FrameError
from stationd.wire.registers import F32, I16, U16, U32, chars
from stationd.wire.text import As, Ask, Dialect, Field

quick = settings(max_examples=60, deadline=None)
T = 123.5


def driver(*points: Point, max_block: int = 125, max_gap: int = 8, **ratings: float) -> Driver:
    protocols = (Protocol.MODBUS_RTU, Protocol.MODBUS_TCP)
    return Driver("meter", INPUT_OUTPUT, protocols, points, "a table", max_block, max_gap, ratings=ratings)


def text_driver(*points: Point) -> Driver:
    dialect = Dialect(done="OK", select="ADR {unit}")
    return Driver("talker", INPUT_OUTPUT, (Protocol.TEXT,), points, "a table", dialects={"plain": dialect}, addresses=(0, 30))


def device(of: Driver, **ratings: float) -> Device:
    return Device("d", of, codec_for(of.protocols[0], of), 5, ratings=ratings)


def only_block(of: Device) -> Block:
    (block,) = of.plan()
    return block


def readings(of: Device, body: object) -> dict[str, Reading]:
    return {reading.point.point: reading for reading in of.decode(only_block(of), body, T)}


def reading(point: Point, body: object, **ratings: float) -> Reading:
    of = driver(point, **ratings) if isinstance(point.at, Register) else text_driver(point)
    return readings(device(of, **ratings), body)[point.name]


# Blocks.


@st.composite
def tables(draw: st.DrawFn) -> Driver:
    formats = st.sampled_from((U16, I16, U32, F32, chars(10)))
    places = draw(st.lists(st.tuples(st.sampled_from((Holding, Input)), st.integers(0, 60)), unique=True, max_size=25))
    bits = draw(st.lists(st.tuples(st.sampled_from((Coil, Discrete)), st.integers(0, 60)), unique=True, max_size=10))
    periods = st.sampled_from((1.0, 60.0))
    points = [Point(f"r{n}", make(at), draw(formats), every_s=draw(periods)) for n, (make, at) in enumerate(places)]
    points += [Point(f"b{n}", make(at), every_s=draw(periods)) for n, (make, at) in enumerate(bits)]
    points.append(Point("gone", Missing("never built")))
    return driver(*points, max_block=draw(st.integers(5, 30)), max_gap=draw(st.integers(0, 10)))


def spans(block: Block) -> list[tuple[int, int]]:
    return [(cell.at.address, cell.at.address + cell.length) for cell in block.cells if isinstance(cell.at, Register)]


def check_block(of: Driver, block: Block) -> None:
    question = block.exchange.question
    assert isinstance(question, modbus.Read)
    assert {cell.at.table for cell in block.cells if isinstance(cell.at, Register)} == {question.table}
    assert question.address == min(start for start, _ in spans(block))
    assert question.address + question.count == max(end for _, end in spans(block))
    assert {point.every_s for point in block.points} == {block.every_s}
    if len(block.cells) > 1:
        assert question.count <= of.max_block
        assert all(b[0] - a[1] <= of.max_gap for a, b in zip(spans(block), spans(block)[1:], strict=False))


@quick
@given(tables())
def test_every_point_is_read_once_and_no_block_is_more_than_the_unit_can(of: Driver) -> None:
    blocks = device(of).plan()
    for block in blocks:
        check_block(of, block)
    read = sorted(point.name for block in blocks for point in block.points)
    assert read == sorted(point.name for point in of.points if point.name != "gone")


@quick
@given(tables(), st.data())
def test_an_excluded_place_is_read_alone_and_no_block_reaches_over_it_or_over_a_barrier(of: Driver, data: st.DataObject) -> None:
    places = [point.at for point in of.points if isinstance(point.at, Register)] or [Holding(0)]
    excluded: frozenset[At] = frozenset(data.draw(st.lists(st.sampled_from(places), max_size=3)))
    barriers: frozenset[At] = frozenset(data.draw(st.lists(st.sampled_from(places), max_size=3)))
    blocks = device(of).plan(excluded, barriers)
    for block in blocks:
        check_block(of, block)
        assert len(block.cells) == 1 or not {cell.at for cell in block.cells} & excluded
        assert not {cell.at for cell in block.cells[1:]} & barriers
    assert sum(len(block.points) for block in blocks) == len(of.points) - 1


@quick
@given(tables())
def test_the_halves_of_a_block_are_the_block(of: Driver) -> None:
    unit = device(of)
    for block in unit.plan():
        if len(block.cells) > 1:
            first, second = unit.split(block)
            assert first.cells + second.cells == block.cells
            assert first.cells
            assert second.cells
            assert first.every_s == second.every_s == block.every_s
            check_block(of, first)
            check_block(of, second)


def test_neighbours_are_read_together_over_a_gap_that_is_worth_it() -> None:
    near, far = driver(Point("a", Holding(10), U16), Point("b", Holding(19), U16)), Point("c", Holding(20), U16)
    assert only_block(device(near)).exchange.question == modbus.Read(5, modbus.Table.HOLDING, 10, 10)
    apart = replace(near, points=(near.points[0], far))
    assert [block.exchange.question.count for block in device(apart).plan()] == [1, 1]


def test_points_of_one_place_share_their_cell_and_the_shortest_period() -> None:
    of = driver(Point("word", Holding(5), U32), Point("bit", Holding(5), U32, mask=1, every_s=0.5))
    block = only_block(device(of))
    assert block.cells == (Cell(Holding(5), 2, of.points),)
    assert block.every_s == 0.5


def test_one_answer_line_brings_all_its_points() -> None:
    of = text_driver(Point("v", Query("STT?"), Field(r"MV\((.+)\),.*")), Point("i", Query("STT?"), Field(r".*MC\((.+)\)")))
    block = only_block(device(of))
    assert block.exchange.question == Ask(5, "STT?", r"(?:MV\((.+)\),.*)|(?:.*MC\((.+)\))")
    values = {one.point: one.value for one in device(of).decode(block, "MV(1.5),MC(0.25)", T)}
    assert values == {PointId("d", "v"): 1.5, PointId("d", "i"): 0.25}


# Readings.


def test_a_value_has_the_time_of_its_own_exchange() -> None:
    assert reading(Point("p", Holding(0), U16), [7]) == Reading(PointId("d", "p"), 7.0, GOOD, T)


def test_a_share_of_a_rating_is_in_the_unit_of_the_rating() -> None:
    point = Point("p", Holding(0), U16, scale=1 / 0xCCCC, of="current_ma")
    assert reading(point, [0x6666], current_ma=1500.0).value == pytest.approx(750.0)


def test_outside_its_limits_a_value_is_shown_with_a_remark() -> None:
    point = Point("p", Holding(0), U16, scale=0.1, limits=(0.0, 900.0))
    assert reading(point, [9000]) == Reading(PointId("d", "p"), 900.0, GOOD, T)
    assert reading(point, [9001]).quality == OUT_OF_RANGE
    rated = Point("p", Holding(0), U16, rated_limits=("current_ma", 0.0, 1.02))
    assert reading(rated, [1020], current_ma=1000.0).quality == GOOD
    assert reading(rated, [1021], current_ma=1000.0).quality == OUT_OF_RANGE


@pytest.mark.parametrize(
    ("point", "body", "reason"),
    [
        (Point("p", Holding(0), F32), [0x7FC0, 0], Reason.MALFORMED),
        (Point("p", Holding(0), U16, values={0: "cv"}), [1], Reason.MALFORMED),
        (Point("p", Holding(0), U16, mask=0x600, values={0: "cv", 2: "cc"}), [0x200], Reason.MALFORMED),
        (Point("p", Query("V?"), Field("V=(.+)")), "V=nan", Reason.MALFORMED),
        (Point("p", Query("V?"), Field("V=(.+)")), "I=1", Reason.MALFORMED),
        (Point("p", Query("V?"), Field("V=(.+)", As.HEX)), "V=xyz", Reason.MALFORMED),
        (Point("p", Query("V?"), Field("V=(.+)")), "V=N/A", Reason.NOT_OFFERED),
    ],
)
def test_what_makes_no_sense_is_no_value(point: Point, body: object, reason: Reason) -> None:
    assert reading(point, body) == Reading(PointId("d", "p"), None, Quality(Level.BAD, reason), T)


def test_one_bad_value_leaves_the_others_of_the_block_good() -> None:
    of = driver(Point("bad", Holding(0), F32), Point("good", Holding(2), U16), Point("on", Coil(3)))
    unit = device(of)
    coils, words = sorted(unit.plan(), key=lambda block: block.exchange.question.table.value)
    assert [one.value for one in unit.decode(words, [0x7F80, 0, 12], T)] == [None, 12]
    assert [one.value for one in unit.decode(coils, [True], T)] == [True]


def test_what_a_unit_cannot_measure_is_no_zero() -> None:
    of = replace(driver(Point("p", Holding(0), U16, "dBm")), decode={"p": lambda raw: math.log10(raw) if raw else None})
    below = readings(device(of), [0])["p"]
    assert (below.value, below.quality) == (None, Quality(Level.BAD, Reason.BELOW_RANGE))
    assert readings(device(of), [1000])["p"].value == pytest.approx(3.0)


def test_bits_are_truth_and_fields_of_bits_are_words() -> None:
    of = driver(
        Point("on", Holding(0), U32, mask=1 << 7),
        Point("mode", Holding(0), U32, mask=0x600, values={0: "cv", 2: "cc"}),
        Point("any", Holding(0), U32, mask=0xF0000000),
    )
    assert {one.point.point: one.value for one in device(of).decode(only_block(device(of)), [0x1000, 0x0480], T)} == {
        "on": True,
        "mode": "cc",
        "any": True,
    }


# Orders.


SETPOINT = Point("p", Holding(1), U16, "mA", scale=0.1, access="rw", limits=(0.0, 1000.0))


@pytest.mark.parametrize(
    ("point", "name", "value", "why"),
    [
        (SETPOINT, "q", 1.0, "no point"),
        (replace(SETPOINT, access="r"), "p", 1.0, "cannot be written"),
        (SETPOINT, "p", 1000.1, "outside"),
        (SETPOINT, "p", -0.1, "outside"),
        (SETPOINT, "p", math.nan, "not a number"),
        (SETPOINT, "p", math.inf, "not a number"),
        (SETPOINT, "p", "12", "not a number"),
        (SETPOINT, "p", True, "not a number"),
        (replace(SETPOINT, limits=None), "p", math.nan, "not a number"),
        (replace(SETPOINT, limits=None), "p", 6553.6, "does not fit"),
        (replace(SETPOINT, limits=None), "p", -0.1, "does not fit"),
        (Point("p", Coil(1), access="rw"), "p", "off", "neither true nor false"),
        (Point("p", Coil(1), access="rw"), "p", 1, "neither true nor false"),
        (Point("p", Holding(1), U16, mask=4, access="rw", put=Coil(1)), "p", "off", "neither true nor false"),
        (Point("p", Holding(1), U16, access="rw", values={0: "acc", 1: "apc"}), "p", "agc", "none of"),
        (Point("p", Holding(1), U16, access="rw", values={0: False, 1: True}), "p", 1, "none of"),
        (Point("p", Holding(1), chars(4), access="rw"), "p", 1.0, "read only"),
        (Point("p", Discrete(1), access="rw"), "p", True, "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_reason(point: Point, name: str, value: Value, why: str) -> None:
    def send() -> None:
        order = device(driver(point)).prepare(name, value)
        order.write.codec.encode(order.write.question, 0)

    with pytest.raises(FrameError, match=why):
        send()


def test_a_limit_that_is_a_share_of_the_rating_refuses_what_is_above_it() -> None:
    point = replace(SETPOINT, limits=None, rated_limits=("current_ma", 0.0, 1.02))
    unit = device(driver(point, current_ma=1500.0), current_ma=1500.0)
    assert unit.prepare("p", 1530.0).write.question.values == (15300,)
    with pytest.raises(FrameError, match=r"outside 0\.\.1530 mA"):
        unit.prepare("p", 1530.1)


def test_a_write_goes_where_the_table_puts_it_and_is_read_back_where_it_shows() -> None:
    state = Point("on", Holding(505), U32, mask=1 << 7, access="rw", put=Coil(405))
    order = device(driver(state, Point("other", Holding(504), U16))).prepare("on", True)
    assert order.write.question == modbus.Write(5, modbus.Table.COIL, 405, (1,))
    assert order.read_back.exchange.question == modbus.Read(5, modbus.Table.HOLDING, 505, 2)
    assert order.read_back.points == (order.shown_by,) == (state,)
    assert order.tolerance == 0.0


def test_a_set_point_may_be_shown_by_another_point() -> None:
    setting = Point("set", Holding(1), U16, access="rw", read_back="actual")
    unit = device(driver(setting, Point("actual", Holding(7), U16)))
    assert unit.prepare("set", 3).read_back.exchange.question == modbus.Read(5, modbus.Table.HOLDING, 7, 1)
    with pytest.raises(FrameError, match="read it back"):
        device(driver(setting, Point("actual", Missing("not built")))).prepare("set", 3)


@pytest.mark.parametrize(
    ("point", "value", "tolerance"),
    [
        (SETPOINT, 50.0, 0.101),
        (replace(SETPOINT, tolerance=2.0), 50.0, 2.0),
        (replace(SETPOINT, fmt=F32, scale=1000.0), 500.0, 1.01 * 2**-23 * 500.0),
        (Point("p", Query("PC?"), Field("(.+)"), scale=1000.0, access="rw", put=Query("PC {value:.3f}")), 500.0, 1.01),
        (Point("p", Query("PC?"), Field("(.+)"), scale=10.0, access="rw", put=Query("PC {value:d}")), 500.0, 10.1),
        (Point("p", Coil(1), access="rw"), True, 0.0),
        (Point("p", Query("M?"), Field("(.+)", As.TEXT), access="rw", put=Query("M {value}")), "x", 0.0),
    ],
)
def test_a_read_back_agrees_within_the_last_digit_that_was_sent(point: Point, value: Value, tolerance: float) -> None:
    of = driver(point) if isinstance(point.at, Register) else text_driver(point)
    assert device(of).prepare("p", value).tolerance == pytest.approx(tolerance)


# Every point of the catalogue that can be written.


def devices() -> Iterator[Device]:
    for of in CATALOG.values():
        for protocol in of.protocols:
            for dialect in of.dialects or (None,):
                ratings = {name: rating or 1000.0 for name, rating in of.ratings.items()}
                yield Device("d", of, codec_for(protocol, of, dialect), max(of.addresses[0], 1), ratings=ratings)


def accepted(unit: Device, point: Point, word: Value) -> bool:
    """Some words only the unit itself can bring about, such as "busy"."""
    try:
        unit.prepare(point.name, word)
    except FrameError:
        return False
    return True


def wishes(unit: Device, point: Point) -> list[Value]:
    if point.values is not None:
        words = [word for word in dict.fromkeys(point.values.values()) if accepted(unit, point, word)]
        assert len(words) > 1
        return words
    if point.mask is not None or point.fmt is None:
        return [False, True]
    if isinstance(point.fmt, Field) and point.fmt.read_as is As.TEXT:
        return ["word"]
    low, high = unit.limits(point) or (0.0, 100.0)
    return [low, high, low + 0.37 * (high - low)]


WRITABLE = [
    pytest.param(unit, point, id=f"{unit.driver.model}-{type(unit.codec).__name__}-{index}-{point.name}")
    for index, unit in enumerate(devices())
    for point in unit.driver.points
    if "w" in point.access
]


@pytest.mark.parametrize(("unit", "point"), WRITABLE)
def test_a_write_of_the_catalogue_changes_one_unit_and_is_read_back(unit: Device, point: Point) -> None:
    for value in wishes(unit, point):
        order = unit.prepare(point.name, value)
        assert order.write.writes
        assert not order.read_back.exchange.writes
        assert order.write.unit == order.read_back.exchange.unit == unit.unit
        assert order.asked == value
        assert order.read_back.points == (order.shown_by,)
        low, high = unit.limits(point) or (-1e9, 1e9)
        assert 0.0 <= order.tolerance <= 0.05 * (high - low)
        for exchange in (order.write, order.read_back.exchange):
            assert exchange.codec.encode(exchange.question, 1)


def shown_after(order_values: tuple[int, ...], point: Point) -> list[int] | list[bool]:
    """What a Modbus unit shows after the write: the registers themselves, or the bit of its state."""
    if point.mask is not None:
        word = point.mask if order_values[0] else 0
        return [word >> 16, word & 0xFFFF] if point.fmt == U32 else [word]
    return [bool(order_values[0])] if point.fmt is None else list(order_values)


@pytest.mark.parametrize(("unit", "point"), [one for one in WRITABLE if isinstance(one.values[1].at, Register)])
def test_what_a_modbus_unit_then_shows_is_what_was_asked(unit: Device, point: Point) -> None:
    for value in wishes(unit, point):
        order = unit.prepare(point.name, value)
        (shown,) = unit.decode(order.read_back, shown_after(order.write.question.values, point), T)
        assert shown.quality.good
        assert shown.value == (value if isinstance(value, (bool, str)) else pytest.approx(value, abs=order.tolerance))


def number_in(template: str, command: str) -> float:
    before, _, rest = template.partition("{value")
    match = re.fullmatch(re.escape(before) + r"(-?[\d.]+)" + re.escape(rest.partition("}")[2]), command)
    assert match, f"{command!r} is not {template!r}"
    return float(match[1])


@pytest.mark.parametrize(("unit", "point"), [one for one in WRITABLE if isinstance(one.values[1].put, Query)])
def test_what_a_text_unit_is_told_is_what_was_asked(unit: Device, point: Point) -> None:
    measured = isinstance(point.fmt, Field) and point.fmt.read_as is As.NUMBER and point.values is None and point.mask is None
    if not measured or point.name in unit.driver.decode:
        return
    assert isinstance(point.put, Query)
    for value in wishes(unit, point):
        order = unit.prepare(point.name, value)
        sent = number_in(point.put.command.replace("{channel}", "1"), order.write.question.command)
        scale = point.scale * (unit.ratings[point.of] if point.of else 1.0)
        assert sent * scale + point.offset == pytest.approx(value, abs=order.tolerance)
