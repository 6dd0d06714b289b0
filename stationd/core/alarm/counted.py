"""What is counted of the alarms (stationd.core.alarm.flood) as plain values that outlive the program, and back. Pure.

What cannot be right begins anew, field by field: figures are worth keeping and never worth losing an alarm for. Times are
monotonic seconds of the run that wrote them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from stationd.core.alarm.flood import ACK_BOUNDS_S, PERIOD_S, Counts
from stationd.core.alarm.type import Severity

MOST = 2**53  # no count is larger; a number beyond is damage


def plain_counts(counts: Counts) -> dict[str, Any]:
    """Return counts as a mapping that JSON can hold."""
    return {
        "started": counts.started,
        "flood_since": counts.flood_since,
        "floods": counts.floods,
        "flood_s": counts.flood_s,
        "flood_periods": counts.flood_periods,
        "last_flood_period": counts.last_flood_period,
        "by_type": dict(counts.by_type),
        "by_severity": {severity.value: count for severity, count in counts.by_severity.items()},
        "ack_counts": list(counts.ack_counts),
        "ack_total_s": counts.ack_total_s,
        "recent": [list(each) for each in counts.recent],
    }


def counts_of(plain: object, written_t: float, by_s: float) -> Counts:
    """Return the counts that were written at `written_t`, their times moved by `by_s`; what is missing or wrong begins anew."""
    kept: Mapping[str, object] = plain if isinstance(plain, Mapping) else {}
    started = _time(kept.get("started"), -math.inf, written_t)
    since = None if started is None else _time(kept.get("flood_since"), started, written_t)
    acks = _acks(kept.get("ack_counts"))
    begun = written_t if started is None else started
    periods = int((written_t - begun) // PERIOD_S) + 1
    return Counts(
        started=begun + by_s,
        flood_since=None if since is None else since + by_s,
        floods=_count(kept.get("floods")),
        flood_s=_seconds(kept.get("flood_s")),
        flood_periods=min(_count(kept.get("flood_periods")), periods),
        last_flood_period=_last(kept.get("last_flood_period"), periods),
        by_type=_by_type(kept.get("by_type")),
        by_severity=_by_severity(kept.get("by_severity")),
        ack_counts=acks or [0] * (len(ACK_BOUNDS_S) + 1),
        ack_total_s=_seconds(kept.get("ack_total_s")) if acks else 0.0,
        recent=[(second + by_s, count) for second, count in _recent(kept.get("recent"), written_t)],
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _count(value: object) -> int:
    return value if isinstance(value, int) and _is_count(value) else 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and _is_number(value) and value >= 0 else 0.0


def _time(value: object, first: float, last: float) -> float | None:
    return float(value) if isinstance(value, int | float) and _is_number(value) and first <= value <= last else None


def _last(value: object, periods: int) -> int:
    return value if isinstance(value, int) and _is_count(value) and value <= periods else -1


def _by_type(value: object) -> Counter[str]:
    named = value.items() if isinstance(value, Mapping) else ()
    return Counter({name: count for name, count in named if isinstance(name, str) and _is_count(count)})


def _by_severity(value: object) -> Counter[Severity]:
    named = _by_type(value)
    return Counter({severity: named[severity.value] for severity in Severity if severity.value in named})


def _acks(value: object) -> list[int]:
    """Return the counts of the times to acknowledge, or nothing when they cannot be what was written."""
    whole = isinstance(value, list | tuple) and len(value) == len(ACK_BOUNDS_S) + 1 and all(map(_is_count, value))
    return list(value) if isinstance(value, list | tuple) and whole else []


def _recent(value: object, written_t: float) -> list[tuple[float, int]]:
    """Return the messages of the last 10 minutes by second, or none when that cannot be what was written."""
    found: list[tuple[float, int]] = []
    for each in value if isinstance(value, list | tuple) else ():
        second, count = each if isinstance(each, list | tuple) and len(each) == 2 else (None, None)
        t = _time(second, -math.inf, written_t)
        if t is None or not _is_count(count):
            return []
        found.append((t, _count(count)))
    return found if all(one[0] < two[0] for one, two in pairwise(found)) else []
