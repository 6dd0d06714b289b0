"""The chain of the audit: each record carries the SHA-256 of itself and of the one before it.

Whoever changes, removes or inserts a record has to change every digest after it, among them the head, which is published. The
record is canonical JSON (keys in order, no spaces), so that another program can check the chain from the text alone:
digest = SHA-256(previous digest || record in UTF-8), the previous of the first being 32 zero bytes.

It proves order and wholeness to somebody who noted a head before. It cannot stop a person with the disk in hand.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass

from stationd.outputs.journal.record import Record

GENESIS = bytes(32)
AT_ONCE = 1000  # records of one look at the disk


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: how many records, and the digest of the last."""

    position: int = 0
    digest: bytes = GENESIS

    @property
    def text(self) -> str:
        """Return the digest as it is published."""
        return self.digest.hex()


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk along the chain found. `broken_at` is the position of the first broken link, None where all hold."""

    head: Head
    broken_at: int | None = None
    why: str = ""

    @property
    def intact(self) -> bool:
        """True when every link holds."""
        return self.broken_at is None


def canonical(record: Record) -> str:
    """Return the text of a record that the digest is made of."""
    stamp = record.stamp
    fields = {
        "id": stamp.id,
        "class": record.record_class.value,
        "kind": record.kind,
        "subject": record.subject,
        "utc_ms": round(stamp.moment.utc_s * 1000),
        "synchronised": stamp.moment.synchronised,
        "t_us": round(stamp.moment.t * 1e6),
        "body": record.body,
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def link(previous: bytes, text: str) -> bytes:
    """Return the digest of a record behind another."""
    return hashlib.sha256(previous + text.encode("utf-8", "surrogatepass")).digest()


def read_head(connection: sqlite3.Connection) -> Head:
    """Return the end of the chain as it stands on the disk."""
    row = connection.execute("SELECT position, digest FROM audit ORDER BY position DESC LIMIT 1").fetchone()
    if row is None or not isinstance(row[1], bytes):
        return Head()
    return Head(*row)


def verify(connection: sqlite3.Connection) -> Verified:
    """Walk along the whole chain; the first link that does not hold is named with what is wrong about it."""
    noted = connection.execute("SELECT value FROM meta WHERE key = 'audit'").fetchone()
    head = Head()
    while rows := connection.execute(
        "SELECT position, record, digest FROM audit WHERE position > ? ORDER BY position LIMIT ?", (head.position, AT_ONCE)
    ).fetchall():
        for position, text, digest in rows:
            why = _fault(head, position, text, digest)
            if why:
                return Verified(head, head.position + 1, why)
            head = Head(position, digest)
    if noted is not None and noted[0] != head.position:
        return Verified(head, head.position + 1, f"the journal noted {noted[0]} records; the chain ends after {head.position}")
    return Verified(head)


def _fault(head: Head, position: int, text: object, digest: object) -> str:
    if position != head.position + 1:
        return f"record {head.position + 1} is missing; the next that is there is {position}"
    if not isinstance(text, str) or not isinstance(digest, bytes):
        return f"record {position} is torn"
    if link(head.digest, text) != digest:
        return f"record {position} does not follow from the one before it: one of the two was changed"
    return ""
