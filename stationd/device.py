"""Devices: one configured unit of a driver, read and written in as few exchanges as possible.

Nothing here waits or sends: `plan` says what to ask, `decode` turns an answer into readings, `prepare` turns a wish into the
exchanges that write it and read it back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stationd.core.model import GOOD, OUT_OF_RANGE, Level, PointId, Quality, Reading, Reason, Value
from stationd.driver import At, Binary, Driver, Missing, Point, Protocol, Query, Register, Sampled
from stationd.wire import frame68, modbus, registers, text
from stationd.wire.exchange import Codec, Exchange, FrameError

_DECIMALS = re.compile(r"\.(\d+)f\}")


@dataclass(frozen=True, slots=True)
class Cell:
    """The smallest part of a block that can be asked for alone: an address (or command) and the points found there."""

    at: At
    length: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One exchange that brings several points, asked every `every_s`."""

    exchange: Exchange
    cells: tuple[Cell, ...]
    every_s: float

    @property
    def points(self) -> tuple[Point, ...]:
        """All points that the answer brings."""
        return tuple(point for cell in self.cells for point in cell.points)


@dataclass(frozen=True, slots=True)
class Order:
    """A prepared write: the exchange that writes, the block that reads it back, and the difference that is allowed."""

    write: Exchange
    read_back: Block
    shown_by: Point
    asked: Value
    tolerance: float


def codec_for(protocol: Protocol, driver: Driver, dialect: str | None = None) -> Codec:
    """Return the codec that a device speaks; `dialect` names one of the driver's (default: its first)."""
    match protocol:
        case Protocol.MODBUS_RTU:
            return modbus.Rtu()
        case Protocol.MODBUS_TCP:
            return modbus.Tcp()
        case Protocol.FRAME68:
            return frame68.Frame68()
        case Protocol.TEXT:
            return text.Text(driver.dialects[dialect or next(iter(driver.dialects))])


@dataclass(frozen=True, slots=True)
class Device:
    """One configured unit (or one channel of it). Ratings are complete: every rating of the driver has a number."""

    name: str
    driver: Driver
    codec: Codec
    unit: int = 1
    channel: int = 1
    ratings: Mapping[str, float] = field(default_factory=dict)
    role: str = ""
    fibre_pair: int | None = None

    def plan(
        self, excluded: frozenset[At] = frozenset(), barriers: frozenset[At] = frozenset()
    ) -> tuple[Block, ...]:
        """Return the blocks that read every point; `excluded` places are read alone, no block reaches over a `barrier`."""
        return tuple(
            self.block(run, every_s)
            for every_s, cells in sorted(self._cells().items())
            for run in self._runs(cells, excluded, barriers)
        )

    def block(self, cells: tuple[Cell, ...], every_s: float) -> Block:
        """Return the block that reads these neighbouring cells in one exchange."""
        return Block(Exchange(self.codec, self.unit, self._question(cells)), cells, every_s)

    def split(self, block: Block) -> tuple[Block, Block]:
        """Return the two halves of a block of several cells."""
        middle = len(block.cells) // 2
        return self.block(block.cells[:middle], block.every_s), self.block(block.cells[middle:], block.every_s)

    def decode(self, block: Block, body: Any, t: float) -> list[Reading]:
        """Return a reading of every point of the block; a value that makes no sense is BAD, never a number."""
        start = block.cells[0].at.address if isinstance(block.cells[0].at, Register) else 0
        return [
            self._reading(cell, point, body, start, t)
            for cell in block.cells
            for point in cell.points
        ]

    def prepare(self, name: str, value: Value) -> Order:
        """Return what writes `value` to a point; FrameError says why it cannot be written."""
        point = self.driver.point(name)
        if point is None:
            raise FrameError(f"{self.name} has no point {name!r}")
        if "w" not in point.access:
            raise FrameError(f"{self.name}.{name} cannot be written")
        _check_limits(point, value, self.limits(point))
        raw = self._raw(point, value)
        shown_by = self.driver.point(point.read_back or name)
        if shown_by is None or isinstance(shown_by.at, Missing):
            raise FrameError(f"{self.name}.{name} has no point to read it back from")
        cell = Cell(shown_by.at, _length(shown_by), (shown_by,))
        tolerance = max(point.tolerance, self._step(point, raw))
        return Order(self._write(point, raw), self.block((cell,), shown_by.every_s), shown_by, value, tolerance)

    # How points become cells and cells become blocks.

    def _cells(self) -> dict[float, list[Cell]]:
        places: dict[At, list[Point]] = {}
        for point in self.driver.points:
            if not isinstance(point.at, Missing) and "r" in point.access:
                places.setdefault(point.at, []).append(point)
        cells: dict[float, list[Cell]] = {}
        for at, points in places.items():
            cell = Cell(at, max(_length(point) for point in points), tuple(points))
            cells.setdefault(min(point.every_s for point in points), []).append(cell)
        return cells

    def _runs(
        self, cells: list[Cell], excluded: frozenset[At], barriers: frozenset[At]
    ) -> list[tuple[Cell, ...]]:
        runs: list[tuple[Cell, ...]] = []
        for cell in sorted(cells, key=_position):
            if runs and self._joins(runs[-1], cell, excluded, barriers):
                runs[-1] = (*runs[-1], cell)
            else:
                runs.append((cell,))
        return runs

    def _joins(self, run: tuple[Cell, ...], cell: Cell, excluded: frozenset[At], barriers: frozenset[At]) -> bool:
        first, last = run[0], run[-1]
        if not (isinstance(cell.at, Register) and isinstance(first.at, Register) and isinstance(last.at, Register)):
            return False
        if cell.at in excluded or last.at in excluded or cell.at in barriers or cell.at.table is not first.at.table:
            return False
        gap = cell.at.address - (last.at.address + last.length)
        return gap <= self.driver.max_gap and cell.at.address + cell.length - first.at.address <= self.driver.max_block

    def _question(self, cells: tuple[Cell, ...]) -> Any:
        match cells[0].at:
            case Register(table, address):
                last = cells[-1]
                assert isinstance(last.at, Register)
                end = max(cell.at.address + cell.length for cell in cells if isinstance(cell.at, Register))
                return modbus.Read(self.unit, table, address, end - address)
            case Query(command):
                fields = (point.fmt for point in cells[0].points)
                patterns = (text.place(fmt.pattern, self.channel) for fmt in fields if isinstance(fmt, text.Field))
                return text.Ask(self.unit, text.place(command, self.channel), "|".join(f"(?:{p})" for p in patterns))
            case Binary(command, arguments, per_channel):
                return frame68.Command(command, (bytes((self.channel,)) if per_channel else b"") + arguments)
            case Sampled():
                raise FrameError(f"{cells[0].points[0].name} comes from the optical sampler: no exchange brings it")
            case Missing(why):
                raise FrameError(f"{cells[0].points[0].name} is not there: {why}")

    # How a raw value becomes a reading.

    def _reading(self, cell: Cell, point: Point, body: Any, start: int, t: float) -> Reading:
        name = PointId(self.name, point.name)
        try:
            raw = self._pick(cell, point, body, start)
            value, quality = (None, Quality(Level.BAD, Reason.NOT_OFFERED)) if raw is None else self._value(point, raw)
        except FrameError:
            value, quality = None, Quality(Level.BAD, Reason.MALFORMED)
        return Reading(name, value, quality, t)

    def _pick(self, cell: Cell, point: Point, body: Any, start: int) -> Value | None:
        match point.fmt:
            case registers.Format() as fmt:
                assert isinstance(cell.at, Register)
                first = cell.at.address - start
                return fmt.decode(body[first : first + fmt.registers])
            case text.Field() as fmt:
                return fmt.decode(body, self.channel)
            case frame68.Cell() as fmt:
                return fmt.decode(body, self.channel)
            case None:
                assert isinstance(cell.at, Register)
                return bool(body[cell.at.address - start])

    def _value(self, point: Point, raw: Value) -> tuple[Value | None, Quality]:
        if point.mask is not None:
            raw = (int(raw) & point.mask) >> ((point.mask & -point.mask).bit_length() - 1)
        if point.values is not None:
            if raw not in point.values:
                raise FrameError(f"{point.name}: {raw!r} is none of {list(point.values)}")
            return point.values[raw], GOOD
        if point.mask is not None:
            return bool(raw), GOOD
        if isinstance(raw, (bool, str)):
            return raw, GOOD
        return self._scaled(point, raw)

    def _scaled(self, point: Point, raw: float) -> tuple[Value | None, Quality]:
        convert = self.driver.decode.get(point.name)
        value = convert(raw) if convert else raw
        if value is None:
            return None, Quality(Level.BAD, Reason.BELOW_RANGE)
        value = value * self._factor(point) + point.offset
        limits = self.limits(point)
        if limits and not limits[0] <= value <= limits[1]:
            return value, OUT_OF_RANGE
        return value, GOOD

    def limits(self, point: Point) -> tuple[float, float] | None:
        """Return the limits of a point in its unit, those that are shares of a rating included."""
        if point.rated_limits is None:
            return point.limits
        rating, low, high = point.rated_limits
        return low * self.ratings[rating], high * self.ratings[rating]

    def _factor(self, point: Point) -> float:
        return point.scale * (self.ratings[point.of] if point.of else 1.0)

    # How a wish becomes bytes.

    def _step(self, point: Point, raw: float | str) -> float:
        """Return a little more than the last digit that can be sent, in the point's unit: no unit shows it truer."""
        if point.values is not None or point.mask is not None or point.fmt is None or _takes_text(point):
            return 0.0
        return 1.01 * _last_digit(point, raw) * abs(self._factor(point))

    def _raw(self, point: Point, value: Value) -> float | str:
        if point.values is not None or point.mask is not None:
            raw: float | str = _code(point, value)
        elif point.fmt is None:
            raw = _truth(point, value)
        elif _takes_text(point):
            raw = _word(point, value)
        else:
            raw = (_finite(point, value) - point.offset) / self._factor(point)
        return self.driver.prepare_write(point.name, raw) if self.driver.prepare_write else raw

    def _write(self, point: Point, raw: float | str) -> Exchange:
        match point.put or point.at:
            case Register(table, address):
                words = (int(float(raw)),) if table.bits else _words(point, raw)
                return Exchange(self.codec, self.unit, modbus.Write(self.unit, table, address, words), writes=True)
            case Query(template):
                assert isinstance(self.codec, text.Text)
                number = round(float(raw)) if ":d}" in template else raw
                command = text.place(template, self.channel).format(value=number)
                return Exchange(self.codec, self.unit, self.codec.write(self.unit, command), writes=True)
            case _:
                raise FrameError(f"{self.name}.{point.name} has no command that writes it")


def _words(point: Point, raw: float | str) -> tuple[int, ...]:
    fmt = point.fmt if isinstance(point.fmt, registers.Format) else registers.U16
    return fmt.encode(raw)


def _length(point: Point) -> int:
    return point.fmt.registers if isinstance(point.fmt, registers.Format) else 1


def _position(cell: Cell) -> tuple[int, int]:
    return (cell.at.table.value, cell.at.address) if isinstance(cell.at, Register) else (0, 0)


def _code(point: Point, value: Value) -> Value:
    if point.values is None:
        return _truth(point, value)
    for raw, shown in point.values.items():
        if shown == value and type(shown) is type(value):
            return raw
    raise FrameError(f"{point.name}: {value!r} is none of {list(point.values.values())}")


def _takes_text(point: Point) -> bool:
    return isinstance(point.fmt, text.Field) and point.fmt.read_as is text.As.TEXT


def _last_digit(point: Point, raw: float | str) -> float:
    """Return what the last digit of a raw value is worth as it is sent: decimals of a text, 24 bits of a float, else 1."""
    match point.put or point.at, point.fmt:
        case Query(template), _:
            decimals = _DECIMALS.search(template)
            return 10.0 ** -int(decimals[1]) if decimals else 1.0
        case _, registers.Format("f32"):
            return 2.0**-23 * abs(float(raw))
        case _:
            return 1.0


def _finite(point: Point, value: Value) -> float:
    if isinstance(value, (bool, str)) or not math.isfinite(value):
        raise FrameError(f"{point.name}: {value!r} is not a number{' of ' + point.unit if point.unit else ''}")
    return float(value)


def _truth(point: Point, value: Value) -> int:
    if not isinstance(value, bool):  # the word "off" would otherwise be true, and switch on
        raise FrameError(f"{point.name}: {value!r} is neither true nor false")
    return int(value)


def _word(point: Point, value: Value) -> str:
    if not isinstance(value, str):
        raise FrameError(f"{point.name}: {value!r} is not a text")
    return value


def _check_limits(point: Point, value: Value, limits: tuple[float, float] | None) -> None:
    if limits and not limits[0] <= _finite(point, value) <= limits[1]:
        raise FrameError(f"{point.name} = {value} {point.unit} is outside {limits[0]:g}..{limits[1]:g} {point.unit}")
