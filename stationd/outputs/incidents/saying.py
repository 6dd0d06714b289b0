"""Which of the verdicts of an incident says most, and whether a verdict tells of another fault than the one before. Pure.

A verdict is a document (stationd.outputs.verdict_document); `at` is when it was found. Records of older versions lack some members:
what is not there is not known, and nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any

from stationd.core.verdict.words import Confidence, Kind

Told = Mapping[str, Any]

HELD_S = 5.0  # what was said for less was a step on the way: a verdict that is taken back stands for three seconds (assumption)
APART_KM = 5.0  # two intervals with less between them may be one place: the kilometre moves while the meters settle (assumption)
DELIBERATE = frozenset({Kind.OPERATION.value, Kind.SWITCHED_OFF.value})  # what people do is no incident
QUIET = frozenset({Kind.HEALTHY.value, Kind.CANNOT_TELL.value}) | DELIBERATE
RANK = {Confidence.HIGH.value: 2, Confidence.MEDIUM.value: 1, Confidence.LOW.value: 0}
PARTS = {  # what is left of a fault while it is mended piece by piece, or what else the same creeping thing is taken for
    Kind.CABLE_CUT.value: frozenset({Kind.FIBRE_BREAK.value}),
    Kind.MIS_SET.value: frozenset({Kind.EARTH_POTENTIAL.value}),
    Kind.EARTH_POTENTIAL.value: frozenset({Kind.MIS_SET.value}),
}


def names_fault(told: Told) -> bool:
    """Return whether a verdict says what is wrong."""
    return str(told["kind"]) not in QUIET


def says_most(verdicts: Sequence[Told]) -> Told:
    """Return the verdict that an incident is told by: of the most sure kind, located, said for the longest time; of it the last such one.

    What was said for less than HELD_S, as while light and voltage come back one after the other, counts only where nothing else
    was said. Without a fault that was named it is the first verdict.
    """
    lasting = list(zip(verdicts, _lasted(verdicts), strict=True))
    named = [(told, lasted_s) for told, lasted_s in lasting if names_fault(told)]
    if not named:
        return verdicts[0]
    named = [each for each in named if each[1] >= HELD_S] or named
    totals: dict[str, float] = {}
    for told, lasted_s in named:
        totals[str(told["kind"])] = totals.get(str(told["kind"]), 0.0) + lasted_s
    kind = str(max((told for told, _ in named), key=lambda told: (*_weight(told), totals[str(told["kind"])]))["kind"])
    own = [told for told, _ in named if told["kind"] == kind]
    best = max(map(_weight, own))
    return next(told for told in reversed(own) if _weight(told) == best)


def _weight(told: Told) -> tuple[int, bool]:
    return RANK.get(str(told.get("confidence")), 0), bool(told.get("location") or told.get("place"))


def _lasted(verdicts: Sequence[Told]) -> Iterator[float]:
    """Give how long each was said; the last one, and one without a time, as if without end."""
    times = [_utc_s(each.get("at")) for each in verdicts]
    for begin, end in zip(times, [*times[1:], None], strict=True):
        yield inf if begin is None or end is None else end - begin


def _utc_s(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def another(before: Told, after: Told) -> bool:
    """Return whether a verdict tells of another fault: another kind, a pair that was not concerned, or a place far from the first."""
    kinds = str(before["kind"]), str(after["kind"])
    if kinds[0] != kinds[1] and kinds[1] not in PARTS.get(kinds[0], frozenset()):
        return True
    concerned = set(before.get("pairs") or ())
    return bool(concerned and set(after.get("pairs") or ()) - concerned) or _apart(before.get("place"), after.get("place"))


def _apart(one: object, other: object) -> bool:
    spans = [_span(each) for each in (one, other)]
    if spans[0] is None or spans[1] is None:
        return False
    return max(spans[0][0], spans[1][0]) - min(spans[0][1], spans[1][1]) > APART_KM


def _span(place: object) -> tuple[float, float] | None:
    if not isinstance(place, Mapping):
        return None
    ends = [form.get("v") if isinstance(form, Mapping) else None for form in (place.get("low_km"), place.get("high_km"))]
    if not all(isinstance(each, int | float) for each in ends):
        return None
    return float(ends[0]), float(ends[1])  # type: ignore[arg-type]  # both are numbers
