"""Reading what the journal remembers of the alarms, and what stands in for what is torn.

For an alarm whose row is torn its last event stands in: it says the letter, the severity and since when; enough to go on, though not
all that a row holds. What was hidden by people comes back as it stood before it was hidden, or is found anew: an alarm may become
visible too early by that, and never stay hidden by mistake. For the clocks of the last run its newest record stands in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard

import structlog

from stationd.core.alarm.memory import Row, row_of
from stationd.outputs.journal import KeptRecord, Moment, Restored

log = structlog.get_logger()

FLAGS = {"B": "a-l---", "C": "acl---", "D": "------", "E": "--l---", "F": "-cl---", "H": "a-l-h-"}  # a type that latches not drops the l
HIDING = frozenset({"shelve", "out-of-service"})


MOST_NAMED = 10  # alarms in one sentence


@dataclass(frozen=True, slots=True)
class Desk:
    """What is remembered: the rows, `place` that translates their times, and a sentence for each thing that could not be read."""

    rows: tuple[Row, ...]
    place: Mapping[str, Any]
    damage: tuple[str, ...]


def read_desk(restored: Restored, name: str, keys: AbstractSet[str]) -> Desk:
    """Return what the journal remembers; `name` is that of the small value beside the rows, `keys` are the alarms of the station."""
    rows = {key: row for key, text in restored.states.items() if (row := _row_of_text(text)) is not None}
    saved, damage = plain(restored.values.get(name, "")), list[str]()
    if not _is_place(saved) and (rows or restored.witnesses):
        saved = place_of(restored.witnesses, rows.values())
        damage.append("when the alarms were saved cannot be read; their times follow from the newest record")
    missing = keys - set(rows) if restored.witnesses else set[str]()
    found = rows_of(restored.witnesses, sorted(missing), saved or {})
    told = {row.key for row in found}
    anew = ({*restored.states, *restored.torn_states} & keys) - set(rows) - told
    for what, which in (("follows from their last event", told), ("is found anew", anew)):
        if which:
            damage.append(f"the state of these alarms was torn and {what}: {', '.join(sorted(which)[:MOST_NAMED])}; {len(which)} in all")
    return Desk((*rows.values(), *found), saved or {}, tuple(damage))


def plain(text: str) -> dict[str, Any] | None:
    """Return the object that a text of JSON holds, or None."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def elapsed_s(saved: Mapping[str, Any], boot: str, boottime_s: float, moment: Moment) -> float:
    """Return how long ago a state was saved: in the same start of the machine exactly, otherwise as well as the clock knows."""
    try:
        if boot and saved["boot"] == boot:
            return max(boottime_s - float(saved["boottime_s"]), 0.0)
        if saved["synchronised"] and moment.synchronised:
            return max(moment.utc_s - float(saved["utc_s"]), 0.0)
    except (KeyError, TypeError, ValueError):
        pass
    return 0.0


def _row_of_text(text: str) -> Row | None:
    """Return the row of a text; None, with a line in the log, for what cannot be one."""
    try:
        return row_of(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        log.warning("an alarm that the journal remembers cannot be read", reason=str(error))
        return None


def _is_place(saved: Mapping[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Return whether a value translates the times of rows."""
    try:
        return saved is not None and math.isfinite(float(saved["t"])) and int(saved["number"]) >= 0 and isinstance(saved["counts"], dict)
    except (KeyError, TypeError, ValueError, OverflowError):
        return False


def place_of(witnesses: Sequence[KeptRecord], rows: Iterable[Row]) -> dict[str, Any]:
    """Return what translates the times of rows, from the newest record, or else from the rows themselves."""
    newest = witnesses[0] if witnesses else None
    numbers = [number for each in witnesses if isinstance(number := _body(each).get("number"), int)]
    place: dict[str, Any] = {"number": max(numbers, default=0), "counts": {}, "boot": ""}
    if newest is None:
        return {**place, "t": max((row.changed_t for row in rows), default=0.0), "utc_s": 0.0, "synchronised": False}
    return {**place, "t": newest.t, "utc_s": newest.utc_s, "synchronised": newest.synchronised}


def rows_of(witnesses: Sequence[KeptRecord], missing: Iterable[str], place: Mapping[str, Any]) -> list[Row]:
    """Return the rows of alarms that are missing, each as its last event left it; those of which nothing is told are left out."""
    last = {each.subject: each for each in reversed(witnesses)}
    found = [_row(last[key], _body(last[key]), place) for key in missing if key in last]
    return [row for row in found if row is not None]


def _row(record: KeptRecord, body: Mapping[str, Any], place: Mapping[str, Any]) -> Row | None:
    letter = body.get("before") if body.get("event") in HIDING else body.get("letter")
    if body.get("kind") != "alarm" or letter not in FLAGS:
        return None
    active = letter in ("B", "C", "H")
    t = _monotonic(record.utc_s, place)
    seen = {"seen_t": t, "seen_who": body.get("who"), "seen_note": body.get("note")} if body.get("event") == "ack" else {}
    try:
        return row_of({
            "key": record.subject, "flags": FLAGS[letter], "severity": body["severity"], "worst": body["severity"],
            "occurrence": body["occurrence"], "count": body["occurrence"], "onset": min(_onset(body, place), t), "changed_t": t,
            "told_t": t, "note": body["note"], "causes": body.get("cause", "") if letter == "H" else "",
            "raised": active, "side": "beyond" if active else "back", **seen,
        })  # fmt: skip
    except (KeyError, ValueError, TypeError):
        return None


def _onset(body: Mapping[str, Any], place: Mapping[str, Any]) -> float:
    return _monotonic(datetime.fromisoformat(str(body["since"])).timestamp(), place)


def _monotonic(utc_s: float, place: Mapping[str, Any]) -> float:
    """Return a time of day on the clock of the run that wrote `place`; nothing there lies after it."""
    return float(place["t"]) - max(float(place["utc_s"]) - utc_s, 0.0)


def _body(record: KeptRecord) -> Mapping[str, Any]:
    return plain(record.body) or {}
