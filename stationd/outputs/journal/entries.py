"""Finding events and commands again: by subject, or all, the newest first."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from stationd.outputs.journal.record import RecordClass
from stationd.outputs.journal.rows import CLASSES, SEQUENCE_BITS, is_whole

MOST = 1000
COLUMNS = "id, class, kind, subject, utc_ms, synchronised, t_us, lived_s, body, checked"
SELECT = f"SELECT {COLUMNS} FROM events WHERE utc_ms >= ? ORDER BY id DESC LIMIT ?"  # noqa: S608 - of constants
SELECT_OF = f"SELECT {COLUMNS} FROM events WHERE subject = ? AND utc_ms >= ? ORDER BY id DESC LIMIT ?"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: events, or commands; of one subject or (empty) of all; since when, in Unix seconds."""

    subject: str = ""
    since_utc_s: float = -1e11
    commands: bool = False
    most: int = MOST


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as it stands in the journal. `run` and `sequence` are its id and its place in the order."""

    run: str
    sequence: int
    record_class: RecordClass
    kind: str
    subject: str
    utc_s: float
    synchronised: bool
    t: float
    body: str


@dataclass(slots=True)
class Found:
    """The answer. `torn` records could not be trusted and were left out."""

    records: list[KeptRecord] = field(default_factory=list)
    torn: int = 0


def find(db: sqlite3.Connection, wanted: Query) -> Found:
    """Return the records. sqlite3.Error where the disk fails."""
    runs = dict(db.execute("SELECT number, run FROM boots"))
    found = Found()
    since = wanted.since_utc_s * 1000
    query, values = (SELECT_OF, (wanted.subject,)) if wanted.subject else (SELECT, ())
    rows = db.execute(query.replace("events", "commands") if wanted.commands else query, (*values, since, wanted.most))
    for row in rows:
        if row[1] not in CLASSES or not is_whole(row):
            found.torn += 1
            continue
        number, word, kind, subject, utc_ms, synchronised, t_us, _, body, _ = row
        run, sequence = runs.get(number >> SEQUENCE_BITS, "?"), number & (1 << SEQUENCE_BITS) - 1
        times = (utc_ms / 1000, bool(synchronised), t_us / 1e6)
        found.records.append(KeptRecord(run, sequence, RecordClass(word), kind, subject, *times, body))
    return found
