"""The journal as somebody reads it who must not touch it: read only, without its lock, torn rows left out and counted.

The daemon may write at the same time: SQLite lets a reader of a file in WAL mode see one moment of it, and looks here are short.
Where SQLite would have to make a file beside the journal, and this user is not the one who owns it, the journal is read without
its log (`immutable`) and that is said: the last minutes may be missing then, but nobody finds a file there that he may not write.
Follows sqlite.org/wal.html ("Read-Only Databases") and sqlite.org/uri.html.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stationd.core.alarm.machine import letter
from stationd.core.alarm.memory import Row, flags_of, row_of
from stationd.core.alarm.type import alarm_key
from stationd.outputs.journal.entries import COLUMNS
from stationd.outputs.journal.rows import SEQUENCE_BITS, VALUE, is_whole

NAME = "journal.sqlite"
BUSY_S = 1.0
OLDER = 500  # records in a row that are older than what is asked for end the search: a clock may have jumped
LOOKED_FOR_VERDICT = 20  # torn ones are passed over
TROUBLE = (sqlite3.Error, OSError, UnicodeDecodeError, ValueError)
Line = dict[str, Any]


@dataclass(slots=True)
class Lines:
    """Rows of a table as JSON, the oldest first. `notes` say what was left out, and why."""

    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Event:
    """A record: when it was made in Unix seconds, and its document."""

    utc_s: float
    kind: str
    document: Line


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is read: since when in Unix seconds, rows, bytes, and until when on the monotonic clock."""

    since_utc_s: float
    rows: int
    bytes: int
    until_t: float


class Past:
    """An open journal. Every method may raise one of TROUBLE. `notes` say how it had to be opened."""

    def __init__(self, path: Path) -> None:
        self.notes: list[str] = []
        self._db = self._open(path)

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    # ------------------------------------------------------------------ opening

    def _open(self, path: Path) -> sqlite3.Connection:
        """Open it so that nothing is left behind which the daemon could not use."""
        path = path.resolve()
        stat = path.stat()
        if not os.access(path, os.R_OK):  # asked, not tried: to close a file takes every lock of this process on it away
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        logged = path.with_name(f"{path.name}-wal").exists()
        if logged and (os.geteuid() in (0, stat.st_uid) or _usable(path.with_name(f"{path.name}-shm"))):
            try:
                return _connected(f"{path.as_uri()}?mode=ro")
            except sqlite3.Error as error:
                self.notes.append(f"the journal could not be read together with its log: {error}")
        if logged:
            self.notes.append("read without its log: the newest records may be missing")
        return _connected(f"{path.as_uri()}?mode=ro&immutable=1")

    # ------------------------------------------------------------------ reading

    def last(self) -> Event | None:
        """Return the newest record that is whole; None where there is none."""
        rows = self._db.execute(f"SELECT {COLUMNS} FROM events ORDER BY id DESC LIMIT {LOOKED_FOR_VERDICT}")  # noqa: S608
        return next((_event(row) for row in rows if is_whole(row)), None)

    def last_verdict(self) -> Event | None:
        """Return the newest change of the verdict; None where there is none."""
        query = f"SELECT {COLUMNS} FROM events WHERE subject = 'line' ORDER BY id DESC LIMIT {LOOKED_FOR_VERDICT}"  # noqa: S608
        events = (_event(row) for row in self._db.execute(query) if is_whole(row))
        return next((event for event in events if isinstance(event.document.get("verdict"), dict)), None)

    def value(self, name: str) -> Line:
        """Return a small value; empty where it is torn or not there."""
        row = self._db.execute("SELECT key, value, checked FROM meta WHERE key = ?", (VALUE + name,)).fetchone()
        return _plain(row[1]) if row is not None and is_whole(row) else {}

    def alarms(self) -> tuple[list[Line], int]:
        """Return every alarm that was not normal as it stood last, in the form of the documents, and how many rows are torn."""
        place, found, torn = self.value("desk"), list[Line](), 0
        for row in self._db.execute("SELECT key, body, record, checked FROM states"):
            try:
                if not is_whole(row):
                    raise ValueError("torn")
                found.append(_alarm(row_of(_plain(row[1])), place))
            except (ValueError, TypeError):
                torn += 1
        return [each for each in found if each["letter"] != "A"], torn

    def records(self, table: str, bounds: Bounds) -> Lines:
        """Return the rows of `events` or `commands`."""
        runs = dict(self._db.execute("SELECT number, run FROM boots"))
        query = f"SELECT {COLUMNS} FROM {'commands' if table == 'commands' else 'events'} ORDER BY id DESC"  # noqa: S608 - of constants
        return _bounded(self._db.execute(query), bounds, lambda row: _record(row, runs))

    def audit(self, bounds: Bounds) -> Lines:
        """Return the links of the chain of the audit, each with its digest, so that the excerpt can be checked by itself."""
        return _bounded(self._db.execute("SELECT position, record, digest FROM audit ORDER BY position DESC"), bounds, _link)


def _usable(index: Path) -> bool:
    """Return whether the index of the log is there and may be used without being made anew."""
    return index.exists() and os.access(index, os.R_OK)


def _connected(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.text_factory = lambda text: text.decode(errors="replace")  # torn bytes are no reason to stop
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA mmap_size=0")  # a torn file is an error then, never a signal
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _bounded(rows: Iterator[Sequence[Any]], bounds: Bounds, form: Callable[[Sequence[Any]], Line | None]) -> Lines:
    """Take rows, the newest first, as long as they are within the bounds; a torn page ends it, and what was read stays."""
    found, size, torn, older = Lines(), 0, 0, 0
    try:
        for row in rows:
            line = form(row)
            if line is None:
                torn += 1
                continue
            if line["utc_s"] < bounds.since_utc_s:
                older += 1
                if older > OLDER:
                    break
                continue
            text = json.dumps(line, separators=(",", ":"), ensure_ascii=True, default=str)
            size += len(text) + 1
            if len(found.lines) >= bounds.rows or size > bounds.bytes or time.monotonic() > bounds.until_t:
                found.notes.append(f"the oldest are left out: more than {bounds.rows} rows, {bounds.bytes} bytes or the time for them")
                break
            found.lines.append(text)
    except TROUBLE as error:
        found.notes.append(f"reading ended early: {error}")
    found.notes += [f"{torn} torn rows are left out"] if torn else []
    found.lines.reverse()
    return found


def _record(row: Sequence[Any], runs: dict[int, str]) -> Line | None:
    if not is_whole(row):
        return None
    number, word, kind, subject, utc_ms, synchronised, t_us, _, body, _ = row
    name = f"{runs.get(number >> SEQUENCE_BITS, '?')}-{number & (1 << SEQUENCE_BITS) - 1}"
    times = {"utc": _written(utc_ms / 1000), "utc_s": utc_ms / 1000, "synchronised": bool(synchronised), "t_s": t_us / 1e6}
    return {"id": name, "class": word, "kind": kind, "subject": subject, **times, "body": _plain(body)}


def _link(row: Sequence[Any]) -> Line | None:
    position, text, digest = row
    plain = _plain(text)
    utc_ms = plain.get("utc_ms")
    if not isinstance(utc_ms, int) or not isinstance(digest, bytes):
        return None
    return {"position": position, "utc_s": utc_ms / 1000, "digest": digest.hex(), "record": text}


def _event(row: Sequence[Any]) -> Event:
    return Event(row[4] / 1000, str(row[2]), _plain(row[8]))


def _alarm(row: Row, place: Line) -> Line:
    """Return a row as a document; its times are translated with what stood beside it, where that can be read."""
    key = alarm_key(row.key)
    since = _utc(row.onset, place)
    return {
        "key": row.key, "type": key.type if key else "", "letter": letter(flags_of(row.flags)).value, "severity": row.severity,
        "since": {"t": since, "synchronised": bool(place.get("synchronised"))} if since else None, "occurrence": row.occurrence,
        "note": row.note, "text": "", "causes": row.causes, "shelf": row.shelf_reason, "outage": row.out_reason,
        "seen": f"{row.seen_who} {row.seen_note}".strip(),
    }  # fmt: skip


def _utc(t: float, place: Line) -> str | None:
    try:
        return _written(float(place["utc_s"]) - (float(place["t"]) - t))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _written(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _plain(text: object) -> Line:
    try:
        found = json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
