"""One measured figure, and how it is printed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with its baseline of the same run. `goal` is in words; `ok` is None where there is nothing to fail."""

    bench: str
    metric: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    goal: str = ""
    ok: bool | None = None

    def as_json(self) -> str:
        """Return one JSON object on one line."""
        return json.dumps(asdict(self))

    def as_text(self) -> str:
        """Return one line of at most 100 characters."""
        verdict = "" if self.ok is None else "ok" if self.ok else "MISSED"
        ratio = "" if self.ratio is None else f"{self.ratio:8.3f}"
        return f"{self.bench:10} {self.metric:44} {self.value:11.4g} {self.unit:10} {ratio:8} {self.goal:14} {verdict}".rstrip()


def at_most(bench: str, metric: str, value: float, unit: str, goal: float) -> Row:
    """Return a figure that must not be above its goal."""
    return Row(bench, metric, value, unit, goal=f"<= {goal:g}", ok=value <= goal)


def at_least(bench: str, metric: str, value: float, unit: str, goal: float, baseline: float | None = None) -> Row:
    """Return a figure whose ratio to its baseline (itself without one) must not be below its goal."""
    ratio = value if baseline is None else value / baseline
    return Row(bench, metric, value, unit, baseline, None if baseline is None else ratio, f">= {goal:g}", ratio >= goal)
