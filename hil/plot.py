"""A curve with its limits as a piece of SVG that stands in a page: no script, no font of its own, nothing from elsewhere.

What it is: one axis each, round ticks, lines and points, limits dashed; colours that still differ without colour (dash and shape).
What it is not: a plotting library; a report has a dozen curves, and each is looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from math import floor, isfinite, log10

from hil.record import Plot, Trace

WIDTH, HEIGHT = 860, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 16, 34, 46
COLOURS = ("#1f5fa8", "#b3541e", "#3b7d3b", "#6b4fa0", "#7a7a7a")
LIMIT = "#c01822"
MOST_POINTS = 1200  # of a curve; more cannot be told apart on a screen
Span = tuple[float, float]


def svg(plot: Plot) -> str:
    """Return the picture. Without any point it says so."""
    plot = _drawable(plot)
    points = [point for trace in (*plot.traces, *plot.limits) for point in trace.points]
    if not points:
        return f'<p class="empty">{escape(plot.title)}: nothing was measured</p>'
    x = _widened(min(p[0] for p in points), max(p[0] for p in points), 0.02)
    y = _widened(min(p[1] for p in points), max(p[1] for p in points), 0.06)
    return "\n".join([
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(plot.title)}">',
        f'<text x="{LEFT}" y="18" class="title">{escape(plot.title)}</text>',
        *_grid(plot, x, y),
        *(_curve(trace, x, y, COLOURS[place % len(COLOURS)], limit=False) for place, trace in enumerate(plot.traces)),
        *(_curve(trace, x, y, LIMIT, limit=True) for trace in plot.limits),
        *_legend(plot),
        "</svg>",
    ])  # fmt: skip


def _drawable(plot: Plot) -> Plot:
    """Leave out the points that have no place: what is not a number cannot be drawn."""
    def kept(traces: Sequence[Trace]) -> list[Trace]:
        return [replace(each, points=[(x, y) for x, y in each.points if isfinite(x) and isfinite(y)]) for each in traces]

    return replace(plot, traces=kept(plot.traces), limits=kept(plot.limits))


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Return round numbers between two."""
    raw = (high - low) / wanted
    size = 10.0 ** floor(log10(raw))
    step = next(size * each for each in (1, 2, 5, 10) if size * each >= raw)
    first = floor(low / step)
    return [round(step * n, 12) for n in range(first, first + 4 * wanted) if low - step * 1e-9 <= step * n <= high + step * 1e-9]


def _widened(low: float, high: float, share: float) -> Span:
    if low == high:
        return low - 0.5, high + 0.5
    return low - (high - low) * share, high + (high - low) * share


def _at(point: tuple[float, float], x: Span, y: Span) -> tuple[float, float]:
    across = LEFT + (point[0] - x[0]) / (x[1] - x[0]) * (WIDTH - LEFT - RIGHT)
    up = HEIGHT - BOTTOM - (point[1] - y[0]) / (y[1] - y[0]) * (HEIGHT - TOP - BOTTOM)
    return round(across, 1), round(up, 1)


def _grid(plot: Plot, x: Span, y: Span) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for each in ticks(*x):
        across, _ = _at((each, y[0]), x, y)
        yield f'<path d="M{across} {TOP}V{bottom}" class="grid"/>' + _text(across, bottom + 16, f"{each:g}", "tick", "middle")
    for each in ticks(*y):
        _, up = _at((x[0], each), x, y)
        yield f'<path d="M{LEFT} {up}H{right}" class="grid"/>' + _text(LEFT - 6, up + 4, f"{each:g}", "tick", "end")
    yield f'<rect x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}" class="frame"/>'
    yield _text((LEFT + right) / 2, HEIGHT - 8, _named(plot.x.name, plot.x.unit), "name", "middle")
    middle = (TOP + bottom) / 2
    yield _text(14, middle, _named(plot.y.name, plot.y.unit), "name", "middle", f' transform="rotate(-90 14 {middle:g})"')


def _text(x: float, y: float, text: str, kind: str, anchor: str, turned: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}"{turned}>{escape(text)}</text>'


def _named(name: str, unit: str) -> str:
    return f"{name}, {unit}" if unit else name


def _curve(trace: Trace, x: Span, y: Span, colour: str, *, limit: bool) -> str:
    places = [_at(point, x, y) for point in _thinned(trace.points)]
    if trace.kind == "points":
        return "".join(f'<circle cx="{a}" cy="{b}" r="2.4" fill="{colour}" fill-opacity="0.75"/>' for a, b in places)
    line = " ".join(f"{a},{b}" for a, b in places)
    dash = ' stroke-dasharray="7 4"' if limit else ""
    return f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{1.4 if limit else 1.8}"{dash}/>'


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Leave out points evenly where there are too many; the first and the last stay."""
    step = max(1, -(-len(points) // MOST_POINTS))
    return [*points[::step], points[-1]] if step > 1 else points


def _legend(plot: Plot) -> Iterator[str]:
    names = [(trace.name, COLOURS[place % len(COLOURS)]) for place, trace in enumerate(plot.traces)]
    names += [(trace.name, LIMIT) for trace in plot.limits]
    across = float(WIDTH - RIGHT)
    for name, colour in reversed(names):
        across -= 13 * len(name) // 2 + 26
        yield f'<rect x="{across}" y="12" width="12" height="4" fill="{colour}"/>' + _text(across + 17, 18, name, "tick", "start")
