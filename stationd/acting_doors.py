"""The doors to acting on the plant and to the audit: what the console asks for, answered by the desk of operations and the journal.

An order goes to the engine and is answered when its record is on the disk. While the disk fails it is answered at once, with the word
that it is not; whether an act may begin without its record is decided by the desk, never here. EMERGENCY-OFF is answered at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from stationd.console import door
from stationd.console.peer import Peer
from stationd.core.operation.desk import Operations
from stationd.core.operation.orders import ActOrder, EmergencyOff, Person
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import Task
from stationd.core.operation.views import AppliedView, AuthorityView, Check, HoldView, InterlockView, OperationView, StagedView
from stationd.core.operation.words import ActOutcome, CutOffState
from stationd.doors import called, on_disk
from stationd.engine import Kept
from stationd.outputs.journal import Journal, KeptRecord, Moment, Query, Verified

Act = Callable[[ActOrder, str], Awaitable[tuple[ActOutcome, Kept]]]
UNREADABLE = "the journal cannot be read"


class StationActing:
    """The operations and the set values of the station: looked at on the desk, ordered through `act` of the engine."""

    def __init__(self, desk: Operations, act: Act, journal: Journal, clock: Callable[[], Moment]) -> None:
        self._desk = desk
        self._act = act
        self._journal = journal
        self._clock = clock

    @property
    def plan(self) -> ActingPlan:
        """What can be acted on."""
        return self._desk.plan

    async def act(self, order: ActOrder, peer: Peer) -> door.Acted:
        """Have an order carried out; return when its record is on the disk, or when it is clear that the disk fails."""
        outcome, kept = await self._act(order, called(peer))
        if isinstance(order, EmergencyOff):
            return door.Acted(outcome, durable=kept.done() and not kept.cancelled())
        return door.Acted(outcome, durable=await on_disk(kept, self._journal))

    def checks(self, who: Person, name: str, task: Task) -> Sequence[Check]:
        """Return every precondition of a task as it stands now."""
        return self._desk.check(who, name, task, self.now())

    def operations(self) -> Sequence[OperationView]:
        """Return open operations, then the last closed ones."""
        return self._desk.operations(self.now())

    def operation(self, name: str) -> OperationView | None:
        """Return one operation."""
        return self._desk.operation(name, self.now())

    def holds(self) -> Sequence[HoldView]:
        """Return what is held."""
        return self._desk.holds()

    def authority(self) -> AuthorityView:
        """Return who may act."""
        return self._desk.authority()

    def interlocks(self) -> Sequence[InterlockView]:
        """Return every permissive."""
        return self._desk.interlocks(self.now())

    def cut_offs(self) -> Sequence[CutOffState]:
        """Return how far each EMERGENCY-OFF has come."""
        return self._desk.cut_offs()

    def staged(self) -> Sequence[StagedView]:
        """Return what is staged and not sent."""
        return self._desk.staged()

    def applied(self) -> Sequence[AppliedView]:
        """Return what was applied, the newest first."""
        return self._desk.applied()

    def now(self) -> float:
        """Return the monotonic time of views."""
        return asyncio.get_running_loop().time()

    def moment(self, t: float) -> door.Moment:
        """Return the time of day of a monotonic time."""
        seen = self._clock()
        return door.Moment(seen.utc_s + t - seen.t, seen.synchronised)


class StationAudit:
    """The chain of the audit, read in the journal's own threads. However many ask, the chain is walked along once at a time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._walk: asyncio.Task[Verified | None] | None = None

    async def entries(self, since_utc_s: float | None, most: int) -> door.AuditFound:
        """Return the newest orders and acts, oldest first."""
        wanted = Query(commands=True, most=most) if since_utc_s is None else Query("", since_utc_s, commands=True, most=most)
        found = await self._journal.entries(wanted)
        if not found.records and found.torn:
            raise door.NotDone(UNREADABLE)
        return door.AuditFound([_entry(record) for record in reversed(found.records)], found.torn)

    async def verify(self) -> door.AuditVerified:
        """Walk along the whole chain."""
        if self._walk is None or self._walk.done():
            self._walk = asyncio.create_task(self._journal.verify_audit(), name="audit verify")
        found = await asyncio.shield(self._walk)
        if found is None:
            raise door.NotDone(UNREADABLE)
        return door.AuditVerified(door.AuditHead(found.head.position, found.head.text), found.broken_at, found.why)

    def head(self) -> door.AuditHead:
        """Return the end of the chain as it was last written."""
        head = self._journal.statistics.audit
        return door.AuditHead(head.position, head.text)


def _entry(record: KeptRecord) -> door.AuditEntry:
    body: dict[str, Any] = json.loads(record.body)
    who = str(body.get("who") or body.get("peer") or "")
    at = door.Moment(record.utc_s, record.synchronised)
    return door.AuditEntry(f"{record.run}-{record.sequence}", at, record.kind, record.subject, who, body)
