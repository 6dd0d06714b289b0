"""Minutes of one point: how many readings, their minimum, mean and maximum, the worst quality. And how they are packed.

Minimum and maximum keep the meter's last digit, the mean has one digit more. For words (an operating state, for example) minimum
and maximum are None and the mean stands for the last word of the minute. A minute without any value says so and why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from stationd.core.model import GOOD, Level, Quality, Reading, Value
from stationd.outputs.journal import codec
from stationd.outputs.journal.codec import Form, Law, Reader, Unreadable

MINUTE_MS = 60_000
FINER = 10  # the mean has one digit more than the values
FINER_TRUTH = 1000  # of a bit the mean is the share of the minute in which it was set
WORST = {Level.GOOD: 0, Level.UNCERTAIN: 1, Level.STALE: 2, Level.BAD: 3}


class Minute(NamedTuple):
    """One minute. `t_ms` is its begin on CLOCK_MONOTONIC, `readings` the number of readings that had a value."""

    t_ms: int
    readings: int
    low: float | None
    mean: Value | None
    high: float | None
    quality: Quality


@dataclass(slots=True)
class Running:
    """The minute that is just being gathered."""

    count: int = 0
    total: float = 0.0
    low: float = 0.0
    high: float = 0.0
    word: str | None = None
    truth: bool = False
    worst: Quality = GOOD

    def add(self, reading: Reading) -> None:
        """Take a reading in. A stale one repeats an old value, which counts for nothing but its quality."""
        value, quality = reading.value, reading.quality
        if quality is not GOOD and WORST[quality.level] > WORST[self.worst.level]:
            self.worst = quality
        if value is None or quality.level is Level.STALE:
            return
        if isinstance(value, str):
            self.word, self.count = value, self.count + 1
            return
        self._measure(value)
        self.truth = value is True or value is False

    def _measure(self, value: float) -> None:
        if value - value != 0:  # not a number, or without bound: no minimum and no mean can be said
            return
        self.total += value
        if not self.count:
            self.low = self.high = value
        elif value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value
        self.count += 1

    def end(self, t_ms: int) -> Minute:
        """Return the minute."""
        if not self.count:
            return Minute(t_ms, 0, None, None, None, self.worst)
        if self.word is not None:
            return Minute(t_ms, self.count, None, self.word, None, self.worst)
        mean = min(max(self.total / self.count, self.low), self.high)
        low, high = (bool(self.low), bool(self.high)) if self.truth else (self.low, self.high)
        return Minute(t_ms, self.count, low, mean, high, self.worst)


@dataclass(slots=True)
class _Columns:
    """Minutes that have numbers."""

    lows: list[Value] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    highs: list[Value] = field(default_factory=list)


def encode_minutes(minutes: list[Minute], resolution: float | None = None) -> bytes:
    """Return the columns of minutes of one point, in order."""
    head = codec.pack([len(minutes)]) + codec.encode_times([each.t_ms for each in minutes])
    head += codec.encode_marks([each.quality for each in minutes], [each.mean is not None for each in minutes])
    head += codec.pack([each.readings for each in minutes if each.mean is not None])
    words = [each.mean for each in minutes if isinstance(each.mean, str)]
    if words:
        means = [each.mean for each in minutes if each.mean is not None]
        return head + b"\1" + codec.encode_values(means, None)
    return head + b"\0" + _encode_numbers(_columns(minutes), resolution)


def _columns(minutes: list[Minute]) -> _Columns:
    columns = _Columns()
    for each in minutes:
        if each.low is not None and each.high is not None and isinstance(each.mean, float | int):
            columns.lows.append(each.low)
            columns.means.append(each.mean)
            columns.highs.append(each.high)
    return columns


def _encode_numbers(columns: _Columns, resolution: float | None) -> bytes:
    law, numbers = codec.find_law(columns.lows + columns.highs, resolution)
    packed = _by_law(law, numbers, columns.means) if numbers else None
    if packed is not None:
        return packed
    values: list[Value] = [float(each) for each in [*columns.lows, *columns.means, *columns.highs]]
    return bytes([Form.BITS if values else Form.NOTHING]) + codec.planes(values)


def _by_law(law: Law, numbers: list[int], means: list[float]) -> bytes | None:
    """Return the mean, and how far below and above it minimum and maximum lie; None where that cannot be said."""
    lows, highs = numbers[: len(means)], numbers[len(means) :]
    finer = FINER_TRUTH if law.form is Form.TRUTH else FINER
    try:
        fine = [codec.Law(Form.WHOLE).number(round(_per_digit(law, mean) * finer)) for mean in means]
    except (ValueError, OverflowError):
        return None
    below = [each // finer - low for each, low in zip(fine, lows, strict=True)]
    above = [high - each // finer for each, high in zip(fine, highs, strict=True)]
    spread = codec.pack([codec.zigzag(each) for each in below]) + codec.pack([codec.zigzag(each) for each in above])
    return bytes([law.form]) + codec.encode_law(law) + codec.pack([finer]) + codec.pack_steps(fine) + spread


def _per_digit(law: Law, value: float) -> float:
    match law.form:
        case Form.DECIMAL:
            return float(value * 10 ** int(law.parameter))
        case Form.STEP:
            return value / law.parameter
    return float(value)


def _mean(law: Law, fine: int, finer: int) -> float:
    match law.form:
        case Form.DECIMAL:
            return float(fine / (finer * 10 ** int(law.parameter)))
        case Form.STEP:
            return float(fine / finer * law.parameter)
    return fine / finer


def decode_minutes(data: bytes) -> list[Minute]:
    """Return the minutes of encode_minutes; Unreadable for anything else."""
    try:
        return _decode(Reader(data))
    except codec.TORN as error:
        raise Unreadable(f"a series of minutes is torn: {error}") from error


def _decode(reader: Reader) -> list[Minute]:
    count = reader.count()
    t_ms = codec.decode_times(reader, count)
    qualities, has = codec.decode_marks(reader, count)
    some = sum(has)
    counts = iter(reader.numbers(some))
    numbers = iter(_decode_words(reader, some) if reader.take(1) == b"\1" else _decode_numbers(reader, some))
    minutes: list[Minute] = []
    for t, quality, each in zip(t_ms, qualities, has, strict=True):
        low, mean, high = next(numbers) if each else (None, None, None)
        minutes.append(Minute(t, next(counts) if each else 0, low, mean, high, quality))
    return minutes


Three = tuple[float | None, Value | None, float | None]


def _decode_words(reader: Reader, count: int) -> list[Three]:
    return [(None, word, None) for word in codec.decode_values(reader, count)]


def _decode_numbers(reader: Reader, count: int) -> list[Three]:
    form = Form(reader.take(1)[0])
    if form is Form.NOTHING:
        return []
    if form is Form.BITS:
        plain = [float(each) for each in codec.unplanes(reader.take(24 * count))]
        return list(zip(plain[:count], plain[count : 2 * count], plain[2 * count :], strict=True))
    law = codec.decode_law(form, reader)
    finer = reader.count()
    fine = reader.steps(count)
    below, above = reader.numbers(count), reader.numbers(count)
    found: list[Three] = []
    for mean, down, up in zip(fine, below, above, strict=True):
        low, high = law.value(mean // finer - codec.unzigzag(down)), law.value(mean // finer + codec.unzigzag(up))
        if isinstance(low, str) or isinstance(high, str):
            raise TypeError("a minimum that is a word")
        found.append((low, _mean(law, mean, finer), high))
    return found
