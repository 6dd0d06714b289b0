"""The doors behind the control socket: what the console asks for (stationd.console.door), answered by engine, journal and board.

An order goes to the engine as an event among the others and is answered when its record is on the disk. While the disk fails it
is answered at once, with the word that it is not: a station whose disk is dead can still be operated, and a restart forgets.
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
from stationd.core.alarm.words import AlarmRecord, AlarmView, Annunciate, Order
from stationd.core.verdict.told import BaselineTaken, TakeBaseline
from stationd.engine import Engine, Kept
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.clock import Clock
from stationd.outputs.document import Documents
from stationd.outputs.incidents import NoSuchIncident, NotWritten
from stationd.outputs.journal import Journal, KeptRecord, Moment, Query
from stationd.outputs.line_keeping import LineKeeping
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

    async def obey(self, order: Order, peer: Peer) -> door.Obeyed:
        """Have an order carried out; return when its record is on the disk, or when it is clear that the disk fails."""
        outcomes, kept = await self._engine.order(order, called(peer))
        return door.Obeyed(outcomes, durable=await on_disk(kept, self._journal))

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

    def subscribe_messages(self, deliver: Callable[[Annunciate], None]) -> Callable[[], None]:
        """Have every message of an alarm to people delivered from now on."""
        return self._recorder.subscribe_messages(deliver)

    def now(self) -> float:
        """Return the monotonic time of views and records."""
        return asyncio.get_running_loop().time()

    def moment(self, t: float) -> door.Moment:
        """Return the time of day of a monotonic time."""
        seen = self._clock()
        return door.Moment(seen.utc_s + t - seen.t, seen.synchronised)


class StationLine:
    """The line watch, its incidents and their files. The order for a baseline goes to the engine as all orders do."""

    def __init__(self, line: LineKeeping, engine: Engine, journal: Journal) -> None:
        self._watch = line.watch
        self._incidents = line.incidents
        self._documents = line.documents
        self._engine = engine
        self._journal = journal

    def line(self) -> door.Document:
        """Return the line as it stands."""
        return self._documents.line(self._watch.view(), Clock.read())

    def baseline(self) -> door.Document | None:
        """Return the baseline with its figures."""
        baseline = self._watch.view().baseline
        return None if baseline is None else self._documents.baseline(baseline, Clock.read())

    async def take_baseline(self, note: str, peer: Peer) -> door.Document:
        """Have the baseline taken, or say what is missing."""
        clock = Clock.read()
        outcome, kept = await self._engine.take_baseline(TakeBaseline(peer.called, note), called(peer), clock.utc_s(clock.now))
        durable = await on_disk(kept, self._journal)
        if isinstance(outcome, BaselineTaken):
            return {**self._documents.baseline(outcome.baseline, Clock.read()), "durable": durable}
        raise door.Declined(outcome.cause, outcome.missing)

    async def faults(self, most: int) -> Sequence[door.Document]:
        """Return the incidents in short."""
        try:
            return await self._incidents.faults(most)
        except OSError as error:
            raise door.NotDone(_why(error)) from error

    async def fault(self, name: str) -> door.Document:
        """Return one incident."""
        try:
            return await self._incidents.fault(name)
        except NoSuchIncident as missing:
            raise door.NoSuchFault(str(missing)) from None
        except OSError as error:
            raise door.NotDone(_why(error)) from error

    async def bundle(self, name: str) -> door.Bundle:
        """Make the file of an incident."""
        try:
            made = await self._incidents.bundle(name)
        except NoSuchIncident as missing:
            raise door.NoSuchFault(str(missing)) from None
        except NotWritten as failed:
            raise door.NotDone(str(failed)) from failed
        return door.Bundle(made.id, str(made.path), made.size, made.sha256, made.complete)


async def on_disk(kept: Kept, journal: Journal) -> bool:
    """Wait until an order is on the disk, or it is clear that it will not be soon; return whether it is."""
    while not kept.done() and journal.health.good:
        await asyncio.wait({kept}, timeout=AGAIN_S)
    return kept.done() and not kept.cancelled()


def called(peer: Peer) -> str:
    """Return a peer as the audit names him."""
    return f"{peer.called}, uid {peer.uid}, pid {peer.pid}, {peer.locality.value}"


def _why(error: OSError) -> str:
    return error.strerror or str(error)


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
