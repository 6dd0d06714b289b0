"""The strip chart of one value: the lowest and the highest of each column drawn, gaps left empty and said in words. Pure.

The numbers beside the chart are exact multiples of one step, so that a row means what stands beside it. A column into which nothing
fell stays empty: nothing is repeated and nothing interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from math import ceil, floor, isfinite
from typing import Any, NamedTuple

from stationd.shell.screens.packed import packed
from stationd.shell.screens.typeset import ascii_only, bounded, counted, value, wrapped

ROWS = 23
WIDE, LABEL = 66, 10  # columns of the chart, and of the numbers beside it
LEAST_WIDE = 40  # below it only the begin finds room under the chart; both ends stand in the next line anyway
INTERVALS = 4
STEPS = (Decimal(1), Decimal(2), Decimal(5))
SHORT = {False: "no", True: "yes"}
BLANK, EMPTY, UNSURE, SURE = ".", "x", "?", "-"
SURE_WORDS = frozenset({"good", "sim"})
Form = Mapping[str, Any]


class Axis(NamedTuple):
    """Multiples of `step`: the lowest is `first` of them, each interval one more and `rows` rows high."""

    step: Decimal
    first: int
    rows: int

    def label(self, interval: int) -> str:
        """Return the number beside an interval's lower end, exact."""
        exact = self.step * (self.first + interval)
        plain = f"{exact:f}" if exact.adjusted() < LABEL and (exact == 0 or exact.adjusted() > -LABEL) else ""
        return plain if plain and len(plain) <= LABEL else f"{exact.normalize():E}"

    def row(self, known: float) -> int:
        """Return the row of a value, 0 the lowest."""
        return round(float((Decimal(known) / self.step - self.first) * self.rows))

    @property
    def fits(self) -> bool:
        """Return whether every number finds room beside the chart."""
        return all(len(self.label(interval)) <= LABEL for interval in range(INTERVALS + 1))


def history_screen(series: Form, rows: int | None = ROWS) -> list[str]:
    """Return the chart of a series; of words, when each of them began."""
    columns = _narrowed([each if isinstance(each, Mapping) else None for each in _items(series.get("columns"))])
    unit = ascii_only(series.get("u") or "")
    top = wrapped(f"{series.get('point') or '--'}{f', {unit}' if unit else ''}   now {value(series.get('now'))}")
    ends = [each for column in columns if column is not None for each in (column.get("min"), column.get("max"))]
    reached: list[float] = [each for each in ends if isinstance(each, int | float) and _known(each)]
    if reached:
        body = _chart(columns, min(reached), max(reached), _height(rows), all(isinstance(each, bool) for each in reached))
    else:
        body = _words(columns, series)
    end = [*_times(series, len(columns)), *_remarks(series, columns, unit, reached)]
    return bounded([*top, *body], [], end, rows, f"plot {series.get('point')}")


def points_screen(points: Sequence[Form], rows: int | None = ROWS) -> list[str]:
    """Return the names of all points with their units, those of a unit together."""
    names = [(*ascii_only(each.get("point") or "--").partition("."), ascii_only(each.get("unit") or "")) for each in _items(points)]
    body: list[str] = []
    for device, group in groupby(names, lambda each: each[0]):
        body += packed(f"{device}. ", [f"{point}{f' ({unit})' if unit else ''}" for _, _, point, unit in group], "  ")
    return bounded([f"POINTS  {len(names)}   plot UNIT.POINT last 1h"], body or ["none"], [], rows, "show points")


# The chart.


def axis_of(low: float, high: float, rows: int) -> Axis:
    """Return the finest axis of whole steps that holds both values and whose numbers find room."""
    spread = max(high - low, abs(high) * 1e-9, 1e-12)
    exponent = floor(Decimal(spread / INTERVALS).adjusted())
    while True:
        for mantissa in STEPS:
            step = mantissa.scaleb(exponent)
            first = floor(Decimal(low) / step)
            if ceil(Decimal(high) / step) <= first + INTERVALS:
                axis = Axis(step, first - (first + INTERVALS - ceil(Decimal(high) / step)) // 2, rows)
                if axis.fits:
                    return axis
        exponent += 1


def _chart(columns: Sequence[Form | None], low: float, high: float, rows: int, truths: bool) -> list[str]:
    axis = Axis(Decimal("0.25"), 0, rows) if truths else axis_of(low, high, rows)
    spans = [_span(column, axis) for column in columns]
    lines: list[str] = []
    for row in range(INTERVALS * rows, -1, -1):
        label = axis.label(row // rows) if row % rows == 0 else ""
        label = {0: "no", INTERVALS * rows: "yes"}.get(row, "") if truths else label
        drawn = "".join("*" if span is not None and span[0] <= row <= span[1] else " " for span in spans)
        lines.append(f"{label:>{LABEL}} |{drawn}".rstrip())
    return [*lines, f"{'':>{LABEL}} +{''.join(_mark(column) for column in columns)}"]


def _span(column: Form | None, axis: Axis) -> tuple[int, int] | None:
    if column is None or not _known(column.get("min")) or not _known(column.get("max")):
        return None
    return axis.row(column["min"]), axis.row(column["max"])


def _mark(column: Form | None) -> str:
    """Return what stands under a column: nothing recorded, no value in what was recorded, a value in doubt, a sound one."""
    if column is None:
        return BLANK
    if column.get("last") is None:
        return EMPTY
    return SURE if column.get("q") in SURE_WORDS else UNSURE


def _height(rows: int | None) -> int:
    """Return how many rows an interval has, so that the chart leaves room for what is said of it."""
    return 3 if rows is None or rows >= ROWS - 1 else 2 if rows >= 18 else 1


def _narrowed(columns: list[Form | None]) -> list[Form | None]:
    """Return at most as many columns as there is room for; neighbours keep the lowest and the highest of all of them."""
    if len(columns) <= WIDE:
        return columns
    each = ceil(len(columns) / WIDE)
    return [_joined([column for column in columns[at : at + each] if column is not None]) for at in range(0, len(columns), each)]


def _joined(columns: list[Form]) -> Form | None:
    if not columns:
        return None
    lows, highs = ([each[name] for each in columns if _known(each.get(name))] for name in ("min", "max"))
    last = next((each["last"] for each in reversed(columns) if each.get("last") is not None), None)
    doubt = next((each for each in columns if each.get("q") not in SURE_WORDS), columns[-1])
    return {**doubt, "min": min(lows, default=None), "max": max(highs, default=None), "last": last}


# What is said under it.


def _times(series: Form, wide: int) -> list[str]:
    """Return the time axis: begin, middle and end in UTC."""
    begin, end = _utc(series.get("from")), _utc(series.get("to"))
    if begin is None or end is None:
        return ["time --"]
    days = (end - begin).total_seconds() >= 86_400
    mark = "" if series.get("synchronised") is True else "~"
    form, marks = "%m-%d %H:%MZ" if days else "%H:%M:%SZ", (begin, begin + (end - begin) / 2, end)
    first, middle, last = (mark + each.strftime(form) for each in marks)
    line = f"{'':>{LABEL}}  {first}"
    if wide > LEAST_WIDE:
        line = line.ljust(LABEL + 2 + wide // 2 - len(middle) // 2) + middle
        line = line.ljust(LABEL + 2 + wide - len(last)) + last
    return [line, f"{begin:%Y-%m-%d %H:%M:%S}Z to {end:%Y-%m-%d %H:%M:%S}Z"]


def _remarks(series: Form, columns: Sequence[Form | None], unit: str, reached: Sequence[float]) -> list[str]:
    said = []
    if reached and not all(isinstance(each, bool) for each in reached):
        said += [f"lowest {_figure(min(reached), unit)}", f"highest {_figure(max(reached), unit)}"]
    marks = [_mark(column) for column in columns]
    gaps = [f"{BLANK} nothing recorded: {marks.count(BLANK)} of {counted(len(marks), 'column')}"] if BLANK in marks else []
    why = sorted({str(column["why"]) for column in columns if column is not None and column.get("why")})
    gaps += [f"{EMPTY} recorded without a value: {marks.count(EMPTY)}"] if EMPTY in marks else []
    gaps += [f"{UNSURE} in doubt or partly missing: {marks.count(UNSURE)}"] if UNSURE in marks else []
    torn = series.get("torn")
    left_out = [f"{torn} damaged pieces left out"] if torn else []
    cut = ["CUT: there is more than was read"] if series.get("cut") is True else []
    whys = [f"why: {', '.join(why)}"] if why else []
    behind = series.get("behind")
    late = [f"the newest {value(behind)} are not on the disk yet"] if marks[-1:] == [BLANK] and isinstance(behind, Mapping) else []
    return [*packed("", said), *packed("", [*gaps, *whys, *left_out, *cut, *late])]


def _words(columns: Sequence[Form | None], series: Form) -> list[str]:
    """Return when each word began; nothing at all is said so."""
    told = [(column["last"], str(column.get("to") or "")) for column in columns if column is not None and column.get("last") is not None]
    if not told:
        return ["no value was recorded in this time"]
    lines: list[str] = []
    for word, group in groupby(told, lambda each: each[0]):
        lines += wrapped(ascii_only(word), f"{next(group)[1][:19].replace('T', ' ')}Z  ")
    return lines


def _figure(known: float, unit: str) -> str:
    return f"{known:.12g} {unit}".rstrip()


def _known(found: object) -> bool:
    return isinstance(found, int | float) and isfinite(found)


def _items(found: object) -> list[Any]:
    return list(found) if isinstance(found, Sequence) and not isinstance(found, str) else []


def _utc(found: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(found)).astimezone(UTC)
    except ValueError:
        return None


