"""What the journal has about one unit or resource: its alarms, its light, what people did with it, in one list. Reads only.

Alarms are kept under their keys and found by each key of the unit, so that a busy station hides none of them; acts are kept under the
name of their operation, and are looked for among the newest. Everything is read in the journal's own threads; what they find is looked
through on the event loop, a few records at a time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from stationd.board import Board
from stationd.core.alarm.type import AlarmKey
from stationd.outputs.document import Document
from stationd.outputs.journal import Journal, KeptRecord, Query
from stationd.outputs.strip import utc

ACTS = 1000  # the newest acts of all that are looked through
PIECE = 100  # records that are looked through before the event loop is free for others: some 2 ms
SINCE = -1e11
FACTS = ("order", "phase", "ending", "cause", "detail", "outcome", "target", "asked", "read_back", "level")  # worth a word on a screen


class DeviceEvents:
    """`keys` are the alarms of the station, `text` what the type of one says, `others` resources that are no unit ("line", a port)."""

    def __init__(
        self, journal: Journal, board: Board, keys: Sequence[AlarmKey], text: Callable[[AlarmKey], str], others: Sequence[str] = ()
    ) -> None:
        self._journal = journal
        self._text = text
        self._keys: dict[str, list[str]] = {name: [] for name in (*board.devices, *others)}
        self._texts: dict[str, AlarmKey] = {}
        for key in keys:
            self._keys.setdefault(key.resource, []).append(str(key))
            self._texts[str(key)] = key

    def subjects(self) -> list[str]:
        """Return the names that can be asked for, beside the keys of alarms."""
        return sorted(self._keys)

    async def of(self, subject: str, since_utc_s: float | None, most: int) -> Document | None:
        """Return the newest events, oldest first; None for a subject that this station has not."""
        if subject not in self._keys and subject not in self._texts:
            return None
        since, torn = SINCE if since_utc_s is None else since_utc_s, 0
        records = list[KeptRecord]()
        for name in dict.fromkeys([subject, *self._keys.get(subject, ())]):
            found = await self._journal.entries(Query(name, since, most=most + 1))
            records += found.records
            torn += found.torn
        acts = await self._journal.entries(Query("", since, commands=True, most=ACTS))
        records += await _about(acts.records, subject)
        records.sort(key=lambda record: (record.utc_s, record.sequence))
        cut = len(records) > most or len(acts.records) == ACTS
        events = [self._event(record) async for record in _in_pieces(records[-most:])]
        return {"subject": subject, "events": events, "torn": torn + acts.torn, "cut": cut}

    def _event(self, record: KeptRecord) -> Document:
        body: dict[str, Any] = json.loads(record.body)
        alarm = body.get("kind") == "alarm"
        key = str(body.get("key", "")) if alarm else ""
        told = body.get("document")
        document: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
        return {
            "id": f"{record.run}-{record.sequence}",
            "t": utc(record.utc_s),
            "synchronised": record.synchronised,
            "kind": "alarm" if alarm else "act" if "document" in body else record.kind,
            "what": self._what(record, body, document) if not alarm else f"{body.get('event')}: {self._said(key)}",
            "key": key or record.subject,
            "event": str(body.get("event", record.kind)),
            "severity": str(body.get("severity", "")),
            "letter": str(body.get("letter", "")),
            "who": str(body.get("who", "")),
            "note": str(body.get("note") or document.get("reason") or ""),
            "value": body.get("value") if isinstance(body.get("value"), Mapping) else None,
        }

    def _said(self, key: str) -> str:
        known = self._texts.get(key)
        return self._text(known) if known is not None else key

    def _what(self, record: KeptRecord, body: Mapping[str, Any], document: Mapping[str, Any]) -> str:
        words = [record.kind, record.subject, *_facts(document)] if document else [record.kind, record.subject, *_facts(body)]
        return " ".join(filter(None, words))


def _facts(document: Mapping[str, Any]) -> Iterator[str]:
    """Give what is worth saying of a record beside its kind and subject."""
    for name in FACTS:
        known = document.get(name)
        if isinstance(known, Mapping) and "v" in known:
            yield f"{name} {known.get('v')} {known.get('u') or ''}".strip()
        elif isinstance(known, str | int | float) and known != "":
            yield f"{name} {known}"


async def _in_pieces(records: Sequence[KeptRecord]) -> AsyncIterator[KeptRecord]:
    """Give the records, and leave the event loop to others now and then."""
    for number, record in enumerate(records):
        if number % PIECE == PIECE - 1:
            await asyncio.sleep(0)
        yield record


async def _about(records: Sequence[KeptRecord], subject: str) -> list[KeptRecord]:
    """Return the acts about a unit: those that name it, and all others of the same operations and applies."""
    names = {record.subject async for record in _in_pieces(records) if _concerns(record, subject)}
    return [record for record in records if record.subject in names]


def _concerns(record: KeptRecord, subject: str) -> bool:
    """Return whether an act names a unit, or one of its points, as its subject or in its document."""
    try:
        document = json.loads(record.body).get("document")
    except (ValueError, AttributeError):
        document = None
    return any(word == subject or word.startswith(f"{subject}.") for word in (record.subject, *_words(document)))


def _words(document: object) -> Iterator[str]:
    match document:
        case str():
            yield document
        case Mapping():
            for name, each in document.items():
                yield from _words(name)
                yield from _words(each)
        case list():
            for each in document:
                yield from _words(each)
