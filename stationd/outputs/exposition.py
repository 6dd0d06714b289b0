"""The points of the board in the text format of Prometheus 0.0.4, written directly because there are thousands of them.

Which point belongs to which family is the table of stationd.outputs.metrics. A value that is not good is absent, never
repeated, so that Prometheus itself marks the series as stale; there are no timestamps on samples. Everything that does not
change (names, labels, help) is prepared once: a scrape only adds numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stationd.board import Board
from stationd.core.model import Level, PointId, Reading, Value
from stationd.driver import Point
from stationd.outputs.clock import Clock
from stationd.outputs.document import answering


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family that shows points: `factor` turns a value in `unit`, the point's own, into the unit of the name."""

    name: str
    text: str
    unit: str = ""
    factor: float = 1.0
    labels: tuple[tuple[str, str], ...] = ()
    named: str = "device"  # the label that holds the name of the unit


@dataclass(frozen=True, slots=True)
class _Series:
    point: PointId
    start: str  # the line up to its number
    factor: float


class Exposition:
    """The prepared lines of one board. `own` are the families of (kind, point); `rest` takes every other point."""

    def __init__(self, board: Board, own: Mapping[tuple[str, str], Family], rest: Family, success: Family, up: Family) -> None:
        families: dict[str, tuple[Family, list[_Series]]] = {}
        for point, row in board.points.items():
            family = _family(board, point, row, own, rest)
            labels = _labels(point, row, family, rest)
            series = _Series(point, f"{family.name}{{{labels}}} ", family.factor)
            families.setdefault(family.name, (family, []))[1].append(series)
        self._values = [(_header(family), series) for family, series in families.values()]
        self._success_header = _header(success)
        self._success = {point: f'{success.name}{{device="{point.device}",point="{point.point}"}} ' for point in board.points}
        self._up_header = _header(up)
        self._devices = {
            device: (f'{up.name}{{device="{device}"}} ', tuple(point for point in board.points if point.device == device))
            for device in board.devices
        }

    def render(self, readings: Mapping[PointId, Reading], last_success: Mapping[PointId, float], clock: Clock) -> str:
        """Return the text of all points. Touches nothing but its arguments, so that another thread may do it."""
        lines: list[str] = []
        self._render_devices(lines, readings)
        for header, series in self._values:
            shown = [each.start + number for each in series if (number := _number(readings[each.point], each.factor))]
            if shown:
                lines.append(header)
                lines.extend(shown)
        if last_success:
            lines.append(self._success_header)
            lines.extend(f"{self._success[point]}{clock.utc_s(t):.3f}" for point, t in last_success.items())
        return "\n".join(lines) + "\n"

    def _render_devices(self, lines: list[str], readings: Mapping[PointId, Reading]) -> None:
        if self._devices:
            lines.append(self._up_header)
        for start, points in self._devices.values():
            lines.append(start + ("1" if answering(readings[point] for point in points) else "0"))


def _family(board: Board, point: PointId, row: Point, own: Mapping[tuple[str, str], Family], rest: Family) -> Family:
    family = own.get((board.devices[point.device].driver.kind.name, point.point))
    return family if family is not None and family.unit == row.unit else rest


def _labels(point: PointId, row: Point, family: Family, rest: Family) -> str:
    pairs: Iterable[tuple[str, str]] = [(family.named, point.device), *family.labels]
    if family is rest:
        pairs = [*pairs, ("point", point.point), ("unit", row.unit)]
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)


def _header(family: Family) -> str:
    return f"# HELP {family.name} {_one_line(family.text)}\n# TYPE {family.name} gauge"


def _number(reading: Reading, factor: float) -> str:
    """Return the number as Prometheus reads it, empty for what must not be shown."""
    if reading.quality.level is not Level.GOOD:
        return ""
    value: Value | None = reading.value
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return ""
    return f"{value * factor:.12g}"


def _one_line(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escaped(text: str) -> str:
    return _one_line(text).replace('"', r"\"")
