"""Curves over time as SVG that every browser opens: axes with units, times of day in UTC, a mark at the event. Pure.

Written by hand after the SVG 1.1 recommendation of W3C; no script, no font and no picture is fetched. A curve has a gap where there
was no value: it is never drawn through. Colours are those of Okabe and Ito (2008), told apart by most colour-blind people; beyond
eight curves the dashes differ too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, floor, log10
from statistics import median
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 84, 230, 40, 62
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a6d00")
DASHES = ("", "7 3", "2 3", "9 3 2 3")
FONT = 'font-family="sans-serif" font-size="12"'
GAP_MS = 5000  # no value for longer, and for three of the curve's own periods: the line is broken
Y_TICKS = 6
STEPS_S = (10, 30, 60, 120, 300, 600, 1800, 3600)
MOST_LEGENDS = 20
MOST = 1e12  # what is more, or no number, is no measurement and not drawn


@dataclass(frozen=True, slots=True)
class Curve:
    """Points as (milliseconds after the event, value); None where there was no value."""

    label: str
    points: Sequence[tuple[int, float | None]]


@dataclass(frozen=True, slots=True)
class Frame:
    """What all plots of an incident share: the window in milliseconds round the event, and when that was in Unix seconds."""

    begin_ms: int
    end_ms: int
    event_utc_s: float
    event: str


def plot(title: str, quantity: str, unit: str, curves: Sequence[Curve], frame: Frame) -> str:
    """Return one picture. Curves without any value are named in the legend as such."""
    known = [value for curve in curves for _, value in curve.points if _good(value)]
    scale = _Scale(frame, *_range([value for value in known if value is not None]))
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f"<title>{text(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, title, "font-size='15' font-weight='bold'"),
        *_y_axis(scale, f"{quantity} in {unit}" if unit else quantity),
        *_time_axis(scale, frame),
        *_mark(scale, frame),
        *(part for number, curve in enumerate(curves) for part in _curve(number, curve, scale)),
        *_legend(curves),
        "</svg>",
    ]
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + "\n".join(body) + "\n"


def text(raw: object) -> str:
    """Return a text as it may stand in XML: escaped, without the characters that XML does not have."""
    return escape("".join(sign if sign.isprintable() else " " for sign in str(raw)), {'"': "&quot;", "'": "&apos;"})


@dataclass(frozen=True, slots=True)
class _Scale:
    frame: Frame
    low: float
    high: float

    def x(self, ms: float) -> float:
        span = max(self.frame.end_ms - self.frame.begin_ms, 1)
        return LEFT + (ms - self.frame.begin_ms) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return where an axis begins and ends, on whole steps; something even where there is no value, or only one."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low < 1e-9 * max(abs(low), abs(high), 1.0):
        half = max(abs(low) * 0.01, 0.5)
        low, high = low - half, high + half
    step = tick_step(high - low)
    return floor(low / step) * step, ceil(high / step) * step


def tick_step(span: float) -> float:
    """Return the distance of marks on an axis: 1, 2 or 5 times a power of ten."""
    rough = span / Y_TICKS
    power = 10.0 ** floor(log10(rough))
    return next((factor * power for factor in (1.0, 2.0, 5.0) if factor * power >= rough), 10.0 * power)


def _y_axis(scale: _Scale, label: str) -> Iterator[str]:
    step = tick_step(scale.high - scale.low)
    digits = max(0, -floor(log10(step))) if step < 1 else 0
    for index in range(round((scale.high - scale.low) / step) + 1):
        value = scale.low + index * step
        y = scale.y(value)
        yield _line(LEFT, y, WIDTH - RIGHT, y, "#dddddd")
        yield _text(LEFT - 8, y + 4, f"{value:.{digits}f}", "text-anchor='end'")
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield _text(18, middle, label, f"text-anchor='middle' transform='rotate(-90 18 {middle:.1f})'")
    yield _line(LEFT, TOP, LEFT, HEIGHT - BOTTOM, "#000000")


def _time_axis(scale: _Scale, frame: Frame) -> Iterator[str]:
    """Give marks at whole times of day, in UTC."""
    bottom = HEIGHT - BOTTOM
    begin_s, end_s = frame.event_utc_s + frame.begin_ms / 1000, frame.event_utc_s + frame.end_ms / 1000
    step_s = next((step for step in STEPS_S if (end_s - begin_s) / step <= 10), STEPS_S[-1])
    first = ceil(begin_s / step_s)
    for index in range(first, min(floor(end_s / step_s), first + 60) + 1):
        at_s = index * step_s
        x = scale.x((at_s - frame.event_utc_s) * 1000)
        yield _line(x, bottom, x, bottom + 5, "#000000")
        yield _text(x, bottom + 19, _clock(at_s, "%H:%M:%S"), "text-anchor='middle'")
    yield _line(LEFT, bottom, WIDTH - RIGHT, bottom, "#000000")
    label = f"time of day in UTC, {_clock(begin_s, '%Y-%m-%d')}"
    yield _text((LEFT + WIDTH - RIGHT) / 2, bottom + 42, label, "text-anchor='middle'")


def _mark(scale: _Scale, frame: Frame) -> Iterator[str]:
    x = scale.x(0)
    yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#b00000" stroke-dasharray="4 3"/>'
    yield _text(x + 4, TOP + 12, frame.event, "fill='#b00000'")


def _curve(number: int, curve: Curve, scale: _Scale) -> Iterator[str]:
    colour, dash = _look(number)
    for piece in pieces(curve.points, scale.frame):
        if len(piece) == 1:
            ((ms, value),) = piece
            yield f'<circle cx="{scale.x(ms):.1f}" cy="{scale.y(value):.1f}" r="1.5" fill="{colour}"/>'
        else:
            path = " ".join(f"{scale.x(ms):.1f},{scale.y(value):.2f}" for ms, value in piece)
            yield f'<polyline fill="none" stroke="{colour}" stroke-width="1.5"{dash} points="{path}"/>'


def pieces(points: Sequence[tuple[int, float | None]], frame: Frame) -> Iterator[list[tuple[int, float]]]:
    """Give the parts of a curve that are drawn without a break, within the window."""
    inside = [point for point in points if frame.begin_ms <= point[0] <= frame.end_ms]
    between = [after[0] - before[0] for before, after in pairwise(inside)]
    gap_ms = max(GAP_MS, 3 * median(between)) if between else GAP_MS
    piece: list[tuple[int, float]] = []
    for ms, value in inside:
        if piece and (not _good(value) or ms - piece[-1][0] > gap_ms):
            yield piece
            piece = []
        if value is not None and _good(value):
            piece.append((ms, value))
    if piece:
        yield piece


def _legend(curves: Sequence[Curve]) -> Iterator[str]:
    x = WIDTH - RIGHT + 14
    for number, curve in enumerate(curves[:MOST_LEGENDS]):
        y, (colour, dash) = TOP + 8 + number * 16, _look(number)
        empty = "" if any(_good(value) for _, value in curve.points) else " (no value)"
        yield f'<line x1="{x}" y1="{y}" x2="{x + 22}" y2="{y}" stroke="{colour}" stroke-width="2"{dash}/>'
        yield _text(x + 28, y + 4, curve.label + empty)
    if len(curves) > MOST_LEGENDS:
        yield _text(x, TOP + 12 + MOST_LEGENDS * 16, f"and {len(curves) - MOST_LEGENDS} more")


def _look(number: int) -> tuple[str, str]:
    dash = DASHES[number // len(COLOURS) % len(DASHES)]
    return COLOURS[number % len(COLOURS)], f' stroke-dasharray="{dash}"' if dash else ""


def _good(value: float | None) -> bool:
    return value is not None and abs(value) <= MOST


def _clock(utc_s: float, form: str) -> str:
    return datetime.fromtimestamp(min(max(utc_s, 0.0), 253402300799.0), UTC).strftime(form)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, raw: str, look: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{" " + look if look else ""}>{text(raw)}</text>'
