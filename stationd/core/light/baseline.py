"""The baseline: levels, pump currents, voltages and currents of the healthy line, taken by a person, as one value.

Follows the approach of commissioning records: what is compared later is compared with figures that somebody has declared good,
with their date. Ageing is a comparison with the baseline; a baseline that moves by itself would hide it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from stationd.core.model import PointId


@dataclass(frozen=True, slots=True)
class Baseline:
    """Numbers of points, in the unit of each, at the monotonic second `t`; `utc_s` where the caller knew the date.

    `age_s` counts from `t` of this run; after a restart `t` lies in the past of this run's clock (it may be negative).
    """

    t: float
    who: str
    note: str
    values: Mapping[PointId, float]
    far_current_ma: float | None = None
    far_voltage_v: float | None = None
    utc_s: float | None = None
    far_light: Mapping[int, float] = field(default_factory=dict)

    def of(self, point: PointId | None) -> float | None:
        """Return the number of a point, or None where the baseline has none."""
        return None if point is None else self.values.get(point)


def change(baseline: Baseline | None, point: PointId | None, value: float | None) -> float | None:
    """Return how far a value is from the baseline, in the unit of the point; None where either is missing."""
    before = baseline.of(point) if baseline is not None else None
    return None if before is None or value is None else value - before


def as_plain(baseline: Baseline, now: float) -> dict[str, Any]:
    """Return the baseline as a plain dictionary; its time as an age, which a restart can count on."""
    return {
        "age_s": now - baseline.t,
        "who": baseline.who,
        "note": baseline.note,
        "utc_s": baseline.utc_s,
        "values": {str(point): value for point, value in baseline.values.items()},
        "far_current_ma": baseline.far_current_ma,
        "far_voltage_v": baseline.far_voltage_v,
        "far_light": {str(number): level for number, level in baseline.far_light.items()},
    }


def from_plain(plain: Mapping[str, Any], now: float, elapsed_s: float) -> Baseline:
    """Return the baseline of `as_plain`, `elapsed_s` later. KeyError, TypeError or ValueError for what is none."""
    values = {_point(name): _number(value) for name, value in dict(plain["values"]).items()}
    return Baseline(
        t=now - elapsed_s - _number(plain["age_s"]),
        who=str(plain["who"]),
        note=str(plain["note"]),
        values=values,
        far_current_ma=_maybe(plain.get("far_current_ma")),
        far_voltage_v=_maybe(plain.get("far_voltage_v")),
        utc_s=_maybe(plain.get("utc_s")),
        far_light={int(number): _number(level) for number, level in dict(plain.get("far_light") or {}).items()},
    )


def _point(name: str) -> PointId:
    device, dot, point = name.partition(".")
    if not (device and dot and point):
        raise ValueError(f"{name!r} is no point: device.point")
    return PointId(device, point)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


def _maybe(value: object) -> float | None:
    return None if value is None else _number(value)
