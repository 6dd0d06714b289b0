"""Alarms that say the same of one event, as one row of a screen: a trip that the power feed itself and a contact both report.

Only screens fold. The alarm desk keeps each one, each is acknowledged by its own key, and every key that fits is on the row. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

Alarm = Mapping[str, Any]
SAME_ONSET_S = 2.0  # a contact is polled every second and a serial unit too: one event is seen within two (assumption)
FOLDED = frozenset("BCDEF")  # what is hidden is hidden for a reason of its own, which its row names
ALIKE = ("letter", "severity", "unknown", "text", "seen")
NAMED = 3  # keys on a row; the others are counted


def folded(alarms: Iterable[Alarm]) -> list[list[Alarm]]:
    """Return the alarms in their order, those of the same type, state and onset together with the first of them."""
    groups: list[list[Alarm]] = []
    for alarm in alarms:
        same = next((group for group in groups if _same(group[0], alarm)), None)
        if same is None:
            groups.append([alarm])
        else:
            same.append(alarm)
    return groups


def keys_shown(group: Sequence[Alarm]) -> str:
    """Return the keys of a row: all of a few, else the first ones and how many there are besides."""
    more = len(group) - NAMED
    return " + ".join([str(alarm["key"]) for alarm in group[:NAMED]] + ([f"{more} more"] if more > 0 else []))


def _same(one: Alarm, other: Alarm) -> bool:
    if one["letter"] not in FOLDED or any(one[name] != other[name] for name in ALIKE) or _type(one) != _type(other):
        return False
    times = [_utc_s(alarm["since"]) for alarm in (one, other)]
    return times[0] is not None and times[1] is not None and abs(times[0] - times[1]) <= SAME_ONSET_S


def _type(alarm: Alarm) -> str:
    return str(alarm["key"]).partition("/")[2].partition("/")[0]


def _utc_s(stamp: object) -> float | None:
    try:
        return datetime.fromisoformat(str(stamp["t"])).timestamp() if isinstance(stamp, Mapping) else None
    except (KeyError, ValueError):
        return None
