"""The record of an incident as lines of JSON: a head, one line for each quantity, and an end that says how many there were.

    {"format": 1, "id": .., "opened": .., "verdicts": [..], "events": [..], "line": {..}, ...}
    {"point": "pfe-a.output_voltage", "unit": "V", ..., "ms": [-60000, -59000, ..], "v": [270.0, ..], "remarks": [[17, "stale", "timeout"]]}
    {"end": 412}

`ms` are milliseconds after the event. `v` is null where there was no value that could be trusted: an old value is never given as
new; why is in `remarks`, by index. One quantity is a few kilobytes, so that nobody who writes or reads one holds up the loop.
Follows the approach of jsonlines.org. Pure but for the file that it is given.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stationd.core.model import Level, Value
from stationd.outputs.document import Document
from stationd.outputs.incidents.course import Incident, Settings
from stationd.outputs.incidents.subject import Quantity, Subject
from stationd.outputs.journal import KeptRecord, Sample

FORMAT = 1
LONGEST_LINE = 64 << 20
MOST_EVENTS = 5000


class Readable(Protocol):
    """A file that is read, packed or not."""

    def readline(self, size: int, /) -> bytes:
        """Return a line, at most `size` bytes of it."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes."""


class Damaged(Exception):
    """A record that is not whole, or not one of ours. The text says what was found."""


@dataclass(frozen=True, slots=True)
class Events:
    """What the journal has of the window; `torn` could not be trusted, `left_out` are more than are kept."""

    kept: tuple[KeptRecord, ...] = ()
    torn: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity of a record: milliseconds after the event, values, and remarks by index."""

    quantity: Quantity
    ms: Sequence[int]
    v: Sequence[Value | None]
    remarks: Mapping[int, tuple[str, str]]


def head(incident: Incident, subject: Subject, settings: Settings, events: Events, made: str, opened: str, *, complete: bool) -> Document:
    """Return the head of a record. `made` and `opened` are UTC as written; `complete` tells that the window is over."""
    return {
        "format": FORMAT,
        **incident.plain(),
        "opened": opened,
        "made": made,
        "complete": complete,
        "kind": incident.kind,
        "window_s": [-settings.before_s, settings.after_s],
        **subject.plain(),
        "events": [event_of(each, incident.opened_utc_s) for each in events.kept],
        "events_torn": events.torn,
        "events_left_out": events.left_out,
    }


def event_of(kept: KeptRecord, opened_utc_s: float) -> Document:
    """Return an event of the journal with its distance from the incident's; `body` is as it was published."""
    try:
        body = json.loads(kept.body)
    except ValueError:
        body = {}
    ms = round((kept.utc_s - opened_utc_s) * 1000)
    return {"ms": ms, "id": f"{kept.run}-{kept.sequence}", "what": kept.kind, "subject": kept.subject, "body": body}


def series_of(quantity: Quantity, samples: Iterable[Sample], opened_utc_s: float) -> Series:
    """Return the samples of a quantity as they stand in a record: only what may be trusted has a value."""
    ordered = sorted(samples, key=lambda sample: sample.utc_s)
    remarks = {
        index: (sample.quality.level.value, sample.quality.reason.value)
        for index, sample in enumerate(ordered)
        if sample.quality.level is not Level.GOOD
    }
    values = [sample.value if sample.quality.level in (Level.GOOD, Level.UNCERTAIN) else None for sample in ordered]
    return Series(quantity, array("q", (round((sample.utc_s - opened_utc_s) * 1000) for sample in ordered)), values, remarks)


def lines(head: Document, series: Iterable[Series]) -> Iterator[bytes]:
    """Give the lines of a record."""
    yield _line(head)
    count = 0
    for each in series:
        count += 1
        yield _line(_plain(each))
    yield _line({"end": count})


def read_head(file: Readable) -> Document:
    """Return the head. Damaged when there is none."""
    found = _parsed(file.readline(LONGEST_LINE))
    if found.get("format") != FORMAT or not isinstance(found.get("id"), str) or not isinstance(found.get("verdicts"), list):
        raise Damaged(f"the head is not that of a record of format {FORMAT}")
    return found


def read_series(file: Readable) -> Iterator[Series]:
    """Give the quantities, after the head was read. Damaged when the end is missing or does not agree."""
    count = 0
    while True:
        found = _parsed(file.readline(LONGEST_LINE))
        if "end" in found:
            if found["end"] != count:
                raise Damaged(f"{count} quantities are there and {found['end']} were written")
            return
        count += 1
        yield _series(found)


def read_through(file: Readable) -> Document:
    """Read a whole record and return its head; Damaged when anything is not as it was written."""
    found = read_head(file)
    for _ in read_series(file):
        pass
    if file.read(1):
        raise Damaged("there is more after the end")
    return found


def _line(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _plain(series: Series) -> Document:
    quantity = series.quantity
    return {
        "point": quantity.point,
        "unit": quantity.unit,
        "kind": quantity.kind,
        "role": quantity.role,
        "fibre_pair": quantity.fibre_pair,
        "far": quantity.far,
        "ms": list(series.ms),
        "v": list(series.v),
        "remarks": [[index, *words] for index, words in series.remarks.items()],
    }


def _series(found: dict[str, Any]) -> Series:
    try:
        names = ("point", "unit", "kind", "role", "fibre_pair", "far")
        quantity = Quantity(*(found[name] for name in names))
        remarks = {int(index): (str(level), str(why)) for index, level, why in found["remarks"]}
        ms, values = array("q", found["ms"]), list(found["v"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Damaged(f"a quantity cannot be read: {error!r}") from error
    if len(ms) != len(values):
        raise Damaged(f"{quantity.point} has {len(ms)} times and {len(values)} values")
    return Series(quantity, ms, values, remarks)


def _parsed(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise Damaged("it ends in the middle")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"a line is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Damaged("a line is no object")
    return found
