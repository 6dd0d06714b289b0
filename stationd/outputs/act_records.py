"""The desk of operations on its way to the journal: what happened as audited records, and what it must know after a restart.

It is the part of stationd.outputs.records that is about acting. What is saved is one small value of the journal, written in the same
transaction as each record of it, so that no act is on the disk without the state that it led to. What is put back is never more than
was saved, and what the desk says while it is put back goes to the engine (`follow`), like all that it says.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Protocol

import structlog

from stationd.core.model import PointId
from stationd.core.operation.views import OperationView
from stationd.core.operation.words import ActEffect, Noted
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Identity
from stationd.outputs.journal import Restored
from stationd.outputs.recovered import plain

log = structlog.get_logger()

OPERATIONS = "operations"  # the small value of the journal
TORN = "what is remembered of operations and holds cannot be read: the station is held until two persons remove that; ask who is at work"


class Desk(Protocol):
    """The desk of operations as the journal needs it (stationd.core.operation.desk)."""

    def operations(self, now: float) -> tuple[OperationView, ...]:
        """Return what was armed."""

    def saved(self, now: float) -> Mapping[str, object]:
        """Return all that must outlast a restart, as plain JSON values."""

    def changed(self) -> bool:
        """Return whether it is different from what was saved last."""

    def restore(self, saved: Mapping[str, object], now: float, elapsed_s: float) -> list[ActEffect]:
        """Put back what was saved so long ago, also into a desk that has begun already, and return what follows from that."""

    def doubt(self, now: float) -> list[ActEffect]:
        """Hold the whole station, since what was saved cannot be read, and return what follows from that."""


class ActRecords:
    """Makes records of one desk of operations. Times are of the monotonic clock. `follow` takes what the desk says of a restart."""

    def __init__(self, desk: Desk, identity: Identity, follow: Callable[[Sequence[ActEffect]], None]) -> None:
        self._desk = desk
        self._identity = identity
        self._follow = follow
        self._listeners: list[Callable[[Noted], None]] = []

    def subscribe(self, deliver: Callable[[Noted], None]) -> Callable[[], None]:
        """Have every act delivered from now on, when its record is made; return how to end that. `deliver` neither waits nor fails."""
        self._listeners.append(deliver)
        return lambda: self._listeners.remove(deliver)

    def happened(self, noted: Noted, clock: Clock, peer: str) -> Document:
        """Return the document of an act; `id` and its place in the order of all are added by whoever keeps it."""
        log.info("act", kind=noted.kind, subject=noted.subject, who=noted.who)
        for deliver in tuple(self._listeners):
            deliver(noted)
        return {
            "station": self._identity.name,
            "mode": self._identity.mode.value,
            "kind": noted.kind,
            "subject": noted.subject,
            "t": clock.written(noted.t, 6),
            "who": noted.who,
            **({"peer": peer} if peer else {}),
            "document": readable(noted.document),
        }

    def values(self, now: float, place: Mapping[str, object], *, pressing: bool) -> dict[str, str]:
        """Return what is to be saved, or nothing where nothing has changed. `place` says which clock the ages count by."""
        if not pressing and not self._desk.changed():
            return {}
        return {OPERATIONS: json.dumps({**place, "desk": self._desk.saved(now)}, separators=(",", ":"), default=str)}

    def put_back(
        self, restored: Restored, now: float, elapsed_s: Callable[[Mapping[str, object]], float], *, set_aside: bool = False
    ) -> str:
        """Put back what the journal remembers; return a sentence about what could not be, or "". Then the station is held.

        `set_aside`: the file was damaged as a whole. That it remembers nothing does not mean that there was nothing.
        """
        text = restored.values.get(OPERATIONS)
        if text is None:
            return self._doubt(now) if OPERATIONS in restored.torn_values or set_aside else ""
        saved = plain(text) or {}
        if not isinstance(saved.get("desk"), dict):
            return self._doubt(now)
        try:
            self._follow(self._desk.restore(saved["desk"], now, elapsed_s(saved)))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            return f"{self._doubt(now)} ({error!r})"
        return ""

    def _doubt(self, now: float) -> str:
        self._follow(self._desk.doubt(now))
        return TORN


def readable(value: object) -> object:
    """Return a value as JSON can carry it: words of enumerations, names of points, and no number that is none."""
    match value:
        case Enum():
            return readable(value.value)
        case PointId():
            return str(value)
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case Mapping():
            return {str(name): readable(each) for name, each in value.items()}
        case AbstractSet():
            return sorted(str(readable(each)) for each in value)
        case tuple() | list():
            return [readable(each) for each in value]
        case _:
            return str(value)
