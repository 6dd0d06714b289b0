"""An incident as people read it: which methods say where, how well they agree, what came first, and whether it is ours. Pure.

Made from the head of a record alone, so that a screen, a bundle and a record of last year all say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from stationd.core.line.words import Fault
from stationd.outputs.document import Document
from stationd.outputs.incidents.saying import says_most

MOST_ROWS = 20  # of a sequence; more is in the record
MOMENT_S = 0.05  # inputs that go dark within it do so together (a cut: milliseconds)
LIGHT = ("light-lost", "step-down", "source-lost")
MEASURED = {Fault.OPEN.value: "charging slope"}
BEFORE_S = 5.0  # of an incident that took over from another: what came earlier belongs to that one (assumption)
AGREE_KM = 0.5  # two methods that differ by no more than this agree although their intervals are narrower (assumption)
Head = Mapping[str, Any]


def summary(head: Head) -> Document:
    """Return an incident in one line: when, what, whose, where, and whether it still stands."""
    told = says_most(head["verdicts"])
    return {
        "id": head["id"],
        "opened": head["opened"],
        "opened_utc_s": head["opened_utc_s"],
        "synchronised": head["synchronised"],
        "kind": told["kind"],
        "ours": told.get("ours"),
        "confidence": told.get("confidence"),
        "sentence": told.get("sentence"),
        "where": told.get("where"),
        "place": told.get("place"),
        "healthy_utc_s": head.get("healthy_utc_s"),
        "ended_utc_s": head.get("ended_utc_s"),
        "recorded": bool(head.get("recorded")),
        "complete": bool(head.get("complete")),
        "standing": head.get("ended_utc_s") is None and head.get("healthy_utc_s") is None,
    }


def fault_document(head: Head) -> Document:
    """Return an incident with everything that a screen shows of it."""
    told = says_most(head["verdicts"])
    line = head.get("line") or {}
    return {
        **summary(head),
        "before": head.get("before", ""),
        "line": line,
        "verdict": told,
        "latest": head["verdicts"][-1],
        "changes": len(head["verdicts"]) + int(head.get("left_out") or 0),
        "alarms": list(head.get("standing") or ()),
        "methods": list(methods(told, line)),
        "section": section(told, line),
        "sequence": sequence(head, told),
    }


def methods(told: Head, line: Head) -> Iterator[Document]:
    """Give one row for each way in which the place was found: km and half its interval (null: none), weight, and why."""
    location = told.get("location") or {}
    names = {end: str((line.get("ends") or {}).get(end) or f"end {end}") for end in ("a", "b")}
    place = location.get("place") or told.get("place") or {}
    agree = _agree(location)
    measured = MEASURED.get(str(location.get("fault")), "voltage / cable model")
    for end in ("a", "b"):
        if _v(location.get(f"from_{end}")) is not None:
            weight = "low" if agree is False else "medium"
            why = "this end alone" + ("; the ends do not agree" if agree is False else "")
            yield _method(f"{names[end]} {measured}", location[f"from_{end}"], None, weight, why)
    if location.get("ends") == 2:
        residual = _v(location.get("residual"))
        why = "both ends together" + ("" if residual is None else f", residual {residual:+.1f} V")
        yield _method("both ends together", place.get("km"), _half(place), str(told.get("confidence")), why)
    if location.get("repeater"):
        number = int(location["repeater"])
        km = next(iter((line.get("repeaters_km") or [])[number - 1 : number]), None)
        like = place.get("km")
        yield _method(f"repeater R{number}", _like(like, km), None, "bounds", "the voltage lies in the step of this repeater")
    pairs = told.get("pairs") or []
    if pairs:
        every = line.get("fibre_pairs")
        yield _method("light of the fibre pairs", None, None, "bounds", f"{len(pairs)} of {every or '?'} pairs concerned")
    if not location and place:
        yield _method("verdict", place.get("km"), _half(place), str(told.get("confidence")), str(told.get("where", "")))


def section(told: Head, line: Head) -> Document | None:
    """Return between which repeaters (None: the station of that end) the place lies; None where it is not a kilometre."""
    km = _v((told.get("place") or {}).get("km"))
    if km is None:
        return None
    stops = [float(each) for each in line.get("repeaters_km") or []]
    before = [number for number, stop in enumerate(stops, 1) if stop <= km]
    after = [number for number, stop in enumerate(stops, 1) if stop > km]
    return {
        "after": before[-1] if before else None,
        "after_km": stops[before[-1] - 1] if before else 0.0,
        "before": after[0] if after else None,
        "before_km": stops[after[0] - 1] if after else line.get("length_km"),
    }


def sequence(head: Head, told: Head) -> list[Document]:
    """Return what happened in order of time, as well as the clocks know it; `first` marks what came first, or those that tie."""
    first, tied = told.get("first_out"), told.get("tied") or []
    rows = [_row(each, first=each is first or first is None) for each in ([first] if first else []) + list(tied)]
    known = {_event_name(row) for row in rows}
    for event in head.get("events") or ():
        row = _event_row(event)
        if row is not None and _belongs(row, head) and _event_name(row) not in known:
            known.add(_event_name(row))
            rows.append(row)
    return _gathered(sorted(rows, key=lambda row: (_utc(row["t"]), not row["first"])))[:MOST_ROWS]


def _belongs(row: Head, head: Head) -> bool:
    """Return whether an event is of this incident and neither of the one before it nor of the one that took over, in the same window."""
    t, ended = _utc(row["t"]), head.get("ended_utc_s")
    early = bool(head.get("before")) and t < float(head["opened_utc_s"]) - BEFORE_S
    return not early and (ended is None or t <= float(ended))


def _event_name(row: Head) -> tuple[str, str]:
    """Return what makes two rows the same event: an alarm says again what the light has said, or the far station."""
    return str(row["what"]).lower(), str(row["where"]).rpartition(" ")[2]


def _gathered(rows: list[Document]) -> list[Document]:
    """Return the rows with those that are the same, at the same station and within a moment, as one: a cut darkens every input."""
    groups: list[list[Document]] = []
    for row in rows:
        same = next((group for group in groups[-2:] if _alike(group[0], row)), None)
        if same is None:
            groups.append([row])
        else:
            same.append(row)
    return [{**group[0], "until": group[-1]["where"], "count": len(group)} for group in groups]


def _alike(one: Head, other: Head) -> bool:
    stations = [str(each["where"]).rpartition(" ")[0] for each in (one, other)]
    near = abs(_utc(other["t"]) - _utc(one["t"])) <= MOMENT_S
    return near and stations[0] == stations[1] and (one["what"], one["first"]) == (other["what"], other["first"])


def _row(seen: Head, *, first: bool) -> Document:
    return {"t": seen["t"], "what": seen["what"], "where": seen["where"], "uncertainty": seen.get("uncertainty"), "first": first}


def _event_row(event: Head) -> Document | None:
    """Return the row of an event of the journal that came up; None for what ended, and for other records."""
    body = event.get("body") or {}
    if body.get("kind") == "alarm":
        if body.get("event") != "raise":
            return None
        seen = {"t": body.get("since") or body.get("t"), "what": body.get("type"), "where": body.get("resource")}
        return _row(seen, first=False)
    if event.get("what") in LIGHT:
        return _row({"t": body.get("since"), "what": event["what"], "where": event.get("subject")}, first=False)
    return None


def _agree(location: Head) -> bool | None:
    """Return whether the two ends' own kilometres lie within the interval of both; None with one end."""
    ends = [_v(location.get("from_a")), _v(location.get("from_b"))]
    place = location.get("place") or {}
    low, high = _v(place.get("low_km")), _v(place.get("high_km"))
    if ends[0] is None or ends[1] is None or low is None or high is None:
        return None
    return abs(ends[0] - ends[1]) <= max(high - low, AGREE_KM)


def _method(name: str, km: object, half: object, weight: str, why: str) -> Document:
    return {"method": name, "km": km, "half": half, "weight": weight, "why": why}


def _half(place: Head) -> Document | None:
    low, high = _v(place.get("low_km")), _v(place.get("high_km"))
    return None if low is None or high is None else _like(place.get("km"), (high - low) / 2)


def _like(form: object, value: float | None) -> Document | None:
    """Return a kilometre in the form, and of the quality, of another."""
    if value is None or not isinstance(form, Mapping):
        return None
    return {**form, "v": float(f"{value:.6g}")}


def _v(form: object) -> float | None:
    found = form.get("v") if isinstance(form, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _utc(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return float("inf")
