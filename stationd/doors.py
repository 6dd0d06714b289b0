"""The doors behind the control socket: what the console asks for (stationd.console.door), answered by engine, journal and board.

An order goes to the engine as an event among the others and is answered when its record is on the disk. While the disk fails it
is answered at once: a station whose disk is dead can still be operated, and its alarm says that a restart forgets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stationd.console import door
from stationd.console.peer import Peer
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.flood import Figures
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import AlarmRecord, AlarmView, Order, Outcome
from stationd.engine import Engine
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.clock import Clock
from stationd.outputs.document import Documents
from stationd.outputs.journal import Journal, KeptRecord, Moment, Query
from stationd.outputs.records import Recorder

AGAIN_S = 0.5
MOST = 1000  # records that are looked through for the events of all alarms


class StationStatus:
    """The documents of the station."""

    def __init__(self, documents: Documents, buses_up: Callable[[], Mapping[str, bool]]) -> None:
        self._documents = documents
        self._buses_up = buses_up

    def status(self) -> door.Document:
        """Return the station at a glance."""
        return self._documents.status(self._buses_up(), Clock.read())

    def device(self, name: str) -> door.Document:
        """Return one device with all its points; KeyError when there is none of that name."""
        return self._documents.device(name, Clock.read())


class StationAlarms:
    """The alarm desk, reached through the engine; its past, in the journal."""

    def __init__(
        self,
        desk: Alarms,
        engine: Engine,
        recorder: Recorder,
        journal: Journal,
        documents: AlarmDocuments,
        clock: Callable[[], Moment],
    ) -> None:
        self._desk = desk
        self._engine = engine
        self._recorder = recorder
        self._journal = journal
        self._documents = documents
        self._clock = clock

    async def obey(self, order: Order, peer: Peer) -> tuple[Outcome, ...]:
        """Have an order carried out; return when its record is on the disk, or when it is clear that the disk fails."""
        outcomes, kept = await self._engine.order(order, f"{peer.called}, uid {peer.uid}, pid {peer.pid}, {peer.locality.value}")
        while not kept.done() and self._journal.health.good:
            await asyncio.wait({kept}, timeout=AGAIN_S)
        return outcomes

    def views(self, shown: Callable[[AlarmView], bool]) -> Sequence[AlarmView]:
        """Return the alarms that `shown` picks."""
        return self._desk.views(shown)

    def view(self, key: AlarmKey) -> AlarmView | None:
        """Return one alarm."""
        return self._desk.view(key)

    def unit(self, key: AlarmKey) -> str:
        """Return the unit of what an alarm watches."""
        return self._documents.unit(key)

    def figures(self) -> Figures:
        """Return how well the alarm system is doing."""
        return self._desk.figures(self.now())

    async def history(self, key: AlarmKey | None, since: door.Moment | None, limit: int) -> Sequence[door.Happening]:
        """Return the newest events of alarms, oldest first."""
        wanted = Query("" if key is None else str(key), most=limit if key is not None else MOST)
        if since is not None:
            wanted = Query(wanted.subject, since.utc_s, most=wanted.most)
        found = await self._journal.entries(wanted)
        happened = [each for record in found.records if (each := _happening(record)) is not None]
        return happened[:limit][::-1]

    def subscribe(self, deliver: Callable[[AlarmRecord], None]) -> Callable[[], None]:
        """Have every record of an alarm delivered from now on."""
        return self._recorder.subscribe(deliver)

    def now(self) -> float:
        """Return the monotonic time of views and records."""
        return asyncio.get_running_loop().time()

    def moment(self, t: float) -> door.Moment:
        """Return the time of day of a monotonic time."""
        seen = self._clock()
        return door.Moment(seen.utc_s + t - seen.t, seen.synchronised)


def _happening(record: KeptRecord) -> door.Happening | None:
    """Return the event of an alarm that a record holds; None for other records."""
    body: dict[str, Any] = json.loads(record.body)
    if body.get("kind") != "alarm":
        return None
    value: dict[str, Any] = body.get("value", {})
    return door.Happening(
        id=f"{record.run}-{record.sequence}",
        at=door.Moment(record.utc_s, record.synchronised),
        key=str(body["key"]),
        event=str(body["event"]),
        before=str(body["before"]),
        after=str(body["letter"]),
        severity=str(body["severity"]),
        occurrence=int(body["occurrence"]),
        value=value.get("v", value.get("last")),
        unit=str(value.get("u", "")),
        quality=str(value.get("q", "")),
        who=str(body["who"]),
        note=str(body["note"]),
        cause=str(body.get("cause", "")),
    )
