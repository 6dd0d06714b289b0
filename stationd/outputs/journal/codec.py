"""Readings of one point as few bytes: differences, in zigzag order, as varints, then zlib.

A series is written column by column: times in milliseconds, qualities as runs, values. Values are whole numbers of the meter's last
digit wherever that is known or can be found; otherwise they are kept bit by bit. Nothing is invented: no value means no
value, and a number comes back as it was, to the resolution named for the point.

Measured on noise of 0.4 to 40 last digits: zlib's Huffman coding alone (0.59 to 1.63 bytes a value) is as small as lzma and zstd,
and quicker than both; on steady series its search for repetitions wins. Each block takes the smaller of the two.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from operator import sub

from stationd.core.model import GOOD, Level, Quality, Reason, Value

MOST_RECORDS = 10_000_000  # no series is longer: a larger count is a torn one
MOST_BYTES = 256 << 20
MOST_BITS = 1100  # of a whole number: more than the largest double has; a torn one could go on to the end of the block
MOST_DIGITS = 6  # after the decimal point, when the resolution has to be found
EXACT = 1 << 53  # whole numbers up to here are exact in a double


class Unreadable(Exception):
    """These bytes are not what was written."""


class Form(IntEnum):
    """How the values of a series are written."""

    NOTHING = 0
    WHOLE = 1  # int
    TRUTH = 2  # bool
    DECIMAL = 3  # float: n / 10**digits
    STEP = 4  # float: n * step
    BITS = 5  # float: eight planes of bytes
    WORDS = 6  # anything, as an index into a table in JSON


@dataclass(frozen=True, slots=True)
class Law:
    """How whole numbers become values. `parameter` is the number of digits of DECIMAL, the step of STEP."""

    form: Form
    parameter: float = 0.0

    def value(self, number: int) -> Value:
        """Return the value of a whole number."""
        match self.form:
            case Form.DECIMAL:
                return float(number / 10 ** int(self.parameter))
            case Form.STEP:
                return number * self.parameter
            case Form.TRUTH:
                return bool(number)
        return number

    def number(self, value: float) -> int:
        """Return the whole number that is nearest to a value; ValueError or OverflowError where there is none."""
        match self.form:
            case Form.DECIMAL:
                return _exact(round(value * 10 ** int(self.parameter)))
            case Form.STEP:
                return _exact(round(value / self.parameter))
        return int(value)


@dataclass(slots=True)
class Series:
    """Readings of one point in order: milliseconds of CLOCK_MONOTONIC, values, qualities."""

    t_ms: list[int] = field(default_factory=list)
    values: list[Value | None] = field(default_factory=list)
    qualities: list[Quality] = field(default_factory=list)


def encode_series(series: Series, resolution: float | None = None) -> bytes:
    """Return the columns of a series; a `resolution` rounds to whole numbers of it, without one every value is kept exactly."""
    present = [value for value in series.values if value is not None]
    head = pack([len(series.t_ms)]) + encode_times(series.t_ms)
    return head + encode_marks(series.qualities, [value is not None for value in series.values]) + encode_values(present, resolution)


def decode_series(data: bytes) -> Series:
    """Return the series of encode_series; Unreadable for anything else."""
    try:
        reader = Reader(data)
        count = reader.count()
        t_ms = decode_times(reader, count)
        qualities, has = decode_marks(reader, count)
        present = iter(decode_values(reader, sum(has)))
        return Series(t_ms, [next(present) if each else None for each in has], qualities)
    except TORN as error:
        raise Unreadable(f"a series of readings is torn: {error}") from error


TORN = (IndexError, ValueError, struct.error, zlib.error, KeyError, TypeError, ArithmeticError, MemoryError, StopIteration, RuntimeError)


def squeeze(data: bytes) -> bytes:
    """Return the bytes compressed, in whichever of zlib's ways is smaller."""
    plain = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY)
    huffman = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_HUFFMAN_ONLY)
    return min(plain.compress(data) + plain.flush(), huffman.compress(data) + huffman.flush(), key=len)


def expand(data: bytes) -> bytes:
    """Return what was squeezed, which zlib's check sum vouches for; Unreadable for anything else."""
    try:
        opened = zlib.decompressobj()
        plain = opened.decompress(data, MOST_BYTES)
    except (zlib.error, TypeError) as error:
        raise Unreadable(f"a packed block is torn: {error}") from error
    if not opened.eof:
        raise Unreadable("a packed block is torn: its end is missing")
    return plain


# ---------------------------------------------------------------------- whole numbers


def pack(numbers: list[int]) -> bytes:
    """Return numbers from 0 upwards as varints: seven bits a byte, the lowest first."""
    if not numbers or max(numbers) < 128:
        return bytes(numbers)
    packed = bytearray()
    for number in numbers:
        while number > 127:
            packed.append(number & 127 | 128)
            number >>= 7
        packed.append(number)
    return bytes(packed)


def zigzag(number: int) -> int:
    """Return 0, 1, 2, 3 ... for 0, -1, 1, -2 ..."""
    return number * 2 if number >= 0 else -number * 2 - 1


def unzigzag(number: int) -> int:
    """Return the number of a zigzag."""
    return -(number >> 1) - 1 if number & 1 else number >> 1


def pack_steps(numbers: list[int]) -> bytes:
    """Return numbers of any sign as varints of their differences."""
    if not numbers:
        return b""
    steps = map(sub, numbers[1:], numbers)
    return pack([zigzag(numbers[0]), *[step * 2 if step >= 0 else -step * 2 - 1 for step in steps]])


class Reader:
    """Goes through the bytes of a block."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def numbers(self, count: int) -> list[int]:
        """Return so many varints; IndexError when there are fewer."""
        data, at = self._data, self._at
        chunk = data[at : at + count]
        if len(chunk) == count and (not count or max(chunk) < 128):
            self._at += count
            return list(chunk)
        found: list[int] = []
        while len(found) < count:
            number, shift = data[at] & 127, 7
            while data[at] > 127:
                at += 1
                number |= (data[at] & 127) << shift
                shift += 7
                if shift > MOST_BITS:
                    raise ValueError("a number that does not end")
            at += 1
            found.append(number)
        self._at = at
        return found

    def steps(self, count: int) -> list[int]:
        """Return the numbers of pack_steps."""
        return list(accumulate([-(each >> 1) - 1 if each & 1 else each >> 1 for each in self.numbers(count)]))

    def count(self) -> int:
        """Return one number that says how much follows."""
        (number,) = self.numbers(1)
        if number > MOST_RECORDS:
            raise ValueError(f"{number} records in one block")
        return number

    def take(self, size: int) -> bytes:
        """Return so many bytes."""
        chunk = self._data[self._at : self._at + size]
        if len(chunk) != size:
            raise IndexError("the block ends too early")
        self._at += size
        return chunk


# ---------------------------------------------------------------------- columns


def encode_times(t_ms: list[int]) -> bytes:
    """Return times as differences from their usual distance."""
    if not t_ms:
        return b""
    distances = list(map(sub, t_ms[1:], t_ms))
    usual = sorted(distances)[len(distances) // 2] if distances else 0
    return pack([zigzag(t_ms[0]), zigzag(usual), *[zigzag(each - usual) for each in distances]])


def decode_times(reader: Reader, count: int) -> list[int]:
    """Return the times of encode_times."""
    if not count:
        return []
    first, usual, *rest = map(unzigzag, reader.numbers(count + 1))
    return list(accumulate([first, *[each + usual for each in rest]]))


def encode_marks(qualities: list[Quality], has: list[bool]) -> bytes:
    """Return qualities, and whether there is a value, as a table and runs. The usual case is a single 0."""
    if all(has) and qualities.count(GOOD) == len(qualities):
        return b"\0"
    marks = [(quality.level.value, quality.reason.value, each) for quality, each in zip(qualities, has, strict=True)]
    table = {mark: index for index, mark in enumerate(dict.fromkeys(marks))}
    runs: list[int] = []
    for mark in marks:
        if runs and runs[-2] == table[mark]:
            runs[-1] += 1
        else:
            runs += [table[mark], 1]
    words = json.dumps(list(table), separators=(",", ":")).encode()
    return pack([len(words)]) + words + pack([len(runs)]) + pack(runs)


def decode_marks(reader: Reader, count: int) -> tuple[list[Quality], list[bool]]:
    """Return qualities and whether there is a value."""
    size = reader.count()
    if not size:
        return [GOOD] * count, [True] * count
    table = [(Quality(Level(level), Reason(reason)), bool(has)) for level, reason, has in json.loads(reader.take(size))]
    runs = reader.numbers(reader.count())
    if sum(runs[1::2]) != count:
        raise ValueError("the runs of qualities do not cover the block")
    marks = [table[index] for index, length in zip(runs[::2], runs[1::2], strict=True) for _ in range(length)]
    return [quality for quality, _ in marks], [has for _, has in marks]


def encode_values(values: list[Value], resolution: float | None) -> bytes:
    """Return the column of values behind the byte that names its form."""
    law, numbers = find_law(values, resolution)
    head = bytes([law.form])
    match law.form:
        case Form.NOTHING:
            return head
        case Form.BITS:
            return head + planes(values)
        case Form.WORDS:
            return head + _words(values)
    return head + encode_law(law) + pack_steps(numbers)


def decode_values(reader: Reader, count: int) -> list[Value]:
    """Return the column of values."""
    form = Form(reader.take(1)[0])
    match form:
        case Form.NOTHING:
            return []
        case Form.BITS:
            return unplanes(reader.take(8 * count))
        case Form.WORDS:
            table = json.loads(reader.take(reader.count()))
            return [table[index] for index in reader.numbers(count)]
    law = decode_law(form, reader)
    return [law.value(number) for number in reader.steps(count)]


def encode_law(law: Law) -> bytes:
    """Return the parameter of a law."""
    match law.form:
        case Form.DECIMAL:
            return bytes([int(law.parameter)])
        case Form.STEP:
            return struct.pack("<d", law.parameter)
    return b""


def decode_law(form: Form, reader: Reader) -> Law:
    """Return the law of a form with its parameter."""
    match form:
        case Form.DECIMAL:
            return Law(form, reader.take(1)[0])
        case Form.STEP:
            return Law(form, *struct.unpack("<d", reader.take(8)))
    return Law(form)


# ---------------------------------------------------------------------- which law values follow


def find_law(values: list[Value], resolution: float | None) -> tuple[Law, list[int]]:
    """Return how to write values as whole numbers, and those; without numbers where they have to be kept otherwise."""
    kinds = set(map(type, values))
    if not kinds:
        return Law(Form.NOTHING), []
    if kinds == {float}:
        return _float_law([value for value in values if isinstance(value, float)], resolution)
    if kinds == {int} or kinds == {bool}:
        numbers = [int(value) for value in values]
        return Law(Form.WHOLE if kinds == {int} else Form.TRUTH), numbers
    return Law(Form.WORDS), []


def _float_law(values: list[float], resolution: float | None) -> tuple[Law, list[int]]:
    bits: tuple[Law, list[int]] = Law(Form.BITS), []
    if not all(map(math.isfinite, values)):
        return bits
    for law in _candidates(values[0]) if resolution is None else [law_of(resolution)]:
        numbers = _follows(values, law, exactly=resolution is None)
        if numbers is not None:
            return law, numbers
    return bits


def law_of(resolution: float) -> Law:
    """Return the law of a known last digit: decimal where it is a power of ten."""
    digits = round(-math.log10(resolution))
    if 0 <= digits <= 15 and math.isclose(resolution, 10.0**-digits, rel_tol=1e-9):
        return Law(Form.DECIMAL, digits)
    return Law(Form.STEP, resolution)


def _candidates(sample: float) -> list[Law]:
    """Return the laws that a sample follows; a later value may need more digits than it."""
    laws = [law for digits in range(MOST_DIGITS + 1) for law in (Law(Form.DECIMAL, digits), Law(Form.STEP, 10.0**-digits))]
    return [law for law in laws if _follows([sample], law, exactly=True) is not None]


def _follows(values: list[float], law: Law, *, exactly: bool) -> list[int] | None:
    number, value_of = law.number, law.value
    numbers: list[int] = []
    for value in values:
        try:
            nearest = number(value)
        except (ValueError, OverflowError):
            return None
        if exactly and (value_of(nearest) != value or (not nearest and math.copysign(1.0, value) < 0)):
            return None
        numbers.append(nearest)
    return numbers


def _exact(number: int) -> int:
    if -EXACT <= number <= EXACT:
        return number
    raise OverflowError("more digits than a double has")


def planes(values: list[Value]) -> bytes:
    """Return doubles with the bytes of equal weight together, which compresses what is common to them."""
    plain = struct.pack(f"<{len(values)}d", *values)
    return b"".join(plain[weight::8] for weight in range(8))


def unplanes(data: bytes) -> list[Value]:
    """Return the doubles of planes."""
    count = len(data) // 8
    plain = bytearray(len(data))
    for weight in range(8):
        plain[weight::8] = data[weight * count : (weight + 1) * count]
    return list(struct.unpack(f"<{count}d", plain))


def _words(values: list[Value]) -> bytes:
    keys = [(type(value), repr(value)) for value in values]
    table = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    first = dict(zip(reversed(keys), reversed(values), strict=True))
    words = json.dumps([first[key] for key in table], separators=(",", ":")).encode()
    return pack([len(words)]) + words + pack([table[key] for key in keys])
