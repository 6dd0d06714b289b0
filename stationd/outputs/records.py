"""What the engine finds, on its way to the journal and to the broker: light, alarms, and what people order about them.

All that follows from one event goes to the journal in one transaction: the records, the alarms as they then are, and the messages
for the broker. Nothing here waits; nothing here decides. A message that was made is in the outbox before anybody is told, so
that a receiver never knows of what a restart forgets.

    engine --keep--> records, alarm states, messages --> journal          --> listeners: console, retained documents

The rows of alarms hold monotonic times of this run; beside them stands once what that clock showed, so that the next run can
translate them (stationd.core.alarm.memory). The first row set of a run is whole and one transaction, because times of two runs
must not be mixed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from time import CLOCK_BOOTTIME, clock_gettime
from typing import Any

import structlog

from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.memory import Row, Snapshot, as_plain, row_of
from stationd.core.alarm.words import AlarmRecord, Annunciate, Done, Outcome
from stationd.core.alarm.words import Effect as AlarmEffect
from stationd.core.model import Announce, Reading
from stationd.engine import Kept, Ordered, Told
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Documents, Identity, encode
from stationd.outputs.journal import Journal, Message, Moment, Record, RecordClass, Restored, Stamp

log = structlog.get_logger()

DESK = "desk"  # the small value of the journal that translates the rows
EVENT = "event"
STATION = "station"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
USUAL = as_plain(Row(key=""))
TIDY_S = 1.0  # what changed although nothing happened is kept so often: a delay that a kill sets back by less than that


@dataclass(frozen=True, slots=True)
class Machine:
    """Which start of the machine this is, and how long ago it was."""

    boot: str
    boottime_s: float

    @classmethod
    def now(cls) -> Machine:
        """Look now. A machine that does not say has a start of its own each time."""
        try:
            boot = BOOT_ID.read_text().strip()
        except OSError:
            boot = ""
        return cls(boot, clock_gettime(CLOCK_BOOTTIME))


class Recorder:
    """Takes what the engine tells (stationd.engine.Outside). `publish`: there is a broker for whom messages are kept."""

    def __init__(
        self,
        journal: Journal,
        clock: Callable[[], Moment],
        identity: Identity,
        desk: Alarms,
        light: Documents,
        alarms: AlarmDocuments,
        machine: Callable[[], Machine] | None = None,
        *,
        publish: bool,
    ) -> None:
        self._journal = journal
        self._identity = identity
        self._desk = desk
        self._light = light
        self._alarms = alarms
        self._publish = publish
        self._look_at_machine = machine or Machine.now
        self._machine = self._look_at_machine()
        self._clock = clock
        self._listeners: list[Callable[[AlarmRecord], None]] = []
        self._began = self._late = False
        self.ordered = 0

    # ------------------------------------------------------------------ told by the engine

    def keep(self, told: Sequence[Told], ordered: Ordered | None) -> Kept:
        """Hand over all that follows from one event; the future tells when it is on the disk, or lost by the rules of the journal."""
        clock = Clock.read()
        records = [] if ordered is None else [self._order(ordered)]
        for each in told:
            match each:
                case Announce(event):
                    log.info("light", kind=event.kind.value, channel=event.channel, level_dbm=event.level_dbm, exact=event.exact)
                    document = self._light.light_event(event, clock)
                    records.append(self._record(event.kind.value, event.channel, document, RecordClass.EVENT))
                case AlarmRecord():
                    records.append(self._happened(each, clock))
                case Annunciate():
                    _say(each)
        kept = self._append(records)
        self._tell(told)
        return kept

    def _tell(self, told: Sequence[Told]) -> None:
        for each in told:
            if isinstance(each, AlarmRecord):
                for listener in tuple(self._listeners):
                    listener(each)

    def remember(self, readings: Sequence[Reading]) -> None:
        """Hand readings over for the history."""
        self._journal.record_readings(readings)

    def subscribe(self, deliver: Callable[[AlarmRecord], None]) -> Callable[[], None]:
        """Have every record of an alarm delivered from now on; return how to end that."""
        self._listeners.append(deliver)
        return lambda: self._listeners.remove(deliver)

    # ------------------------------------------------------------------ over a restart

    def restore(self, restored: Restored) -> Kept:
        """Put back what the journal remembers into the desk, which has just been made; before the first event of this run.

        A journal that does not answer in time is asked again by `keep_on`, and what it remembers is taken up late.
        """
        self._late = not restored.known
        return self._take_up(restored, self._desk.restore)

    def _take_up(self, restored: Restored, into_desk: Callable[..., list[AlarmEffect]]) -> Kept:
        effects, elapsed_s = self._put_back(restored, into_desk)
        gone = dict.fromkeys(set(restored.states) - {str(key) for key in self._desk.plan.rules})
        document: Document = {"kind": "start", "known": restored.known, "alarms": len(restored.states), "elapsed_s": elapsed_s}
        records = [self._record("start", STATION, document, RecordClass.EVENT, told=False)]
        clock = Clock.read()
        records += [self._happened(each, clock) for each in effects if isinstance(each, AlarmRecord)]
        for each in effects:
            if isinstance(each, Annunciate):
                _say(each)
        log.info("alarms are put back", known=restored.known, alarms=len(restored.states), elapsed_s=round(elapsed_s, 3))
        kept = self._append(records, gone)
        self._tell(effects)
        return kept

    def _put_back(self, restored: Restored, into_desk: Callable[..., list[AlarmEffect]]) -> tuple[list[AlarmEffect], float]:
        moment, saved = self._clock(), _plain(restored.values.get(DESK, ""))
        rows = tuple(row for text in restored.states.values() if (row := _row(text)) is not None)
        if saved is None or not rows:
            return [], 0.0
        elapsed_s = _elapsed_s(saved, self._machine, moment)
        try:
            kept = Snapshot(float(saved["t"]), int(saved["number"]), rows, saved["counts"])
            utc_s = moment.utc_s if moment.synchronised else None
            return into_desk(kept, asyncio.get_running_loop().time(), elapsed_s, utc_s), elapsed_s
        except (KeyError, TypeError, ValueError) as error:
            log.warning("what the journal remembers of the alarms cannot be read; they are found anew", reason=repr(error))
            return [], 0.0

    async def keep_on(self) -> None:
        """Keep now and then what changed although nothing happened: delays that run, what was told. Ends by cancellation."""
        while True:
            await asyncio.sleep(TIDY_S)
            if self._late and self._journal.restored.known:
                self._late = False
                self._take_up(self._journal.restored, self._desk.recall)
            self.keep_states()

    def keep_states(self) -> None:
        """Keep what has changed since the last record."""
        states, values = self._states()
        if states:
            self._journal.append(Record(self._journal.stamp(), RecordClass.READING, "states", states=states, values=values))

    # ------------------------------------------------------------------ into the journal

    def _append(self, records: list[Record], gone: Mapping[str, None] | None = None) -> Kept:
        """Append records, the last of them with the alarms as they are now."""
        kept: Kept = asyncio.get_running_loop().create_future()
        if not records:
            kept.set_result(None)
            return kept
        states, values = self._states()
        records[-1] = replace(records[-1], states={**(gone or {}), **states}, values=values)
        last = self._journal.append_all(records)[-1]
        last.add_done_callback(lambda _: None if kept.done() else kept.set_result(None))
        return kept

    def _states(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the alarms that changed since the last call, all of them at the first, and what translates their times."""
        now = asyncio.get_running_loop().time()
        changed = self._desk.changed_rows(now)
        if not self._began:
            changed, self._began = self._desk.snapshot(now), True
        if not changed.rows:
            return {}, {}
        moment, machine = self._clock(), self._machine
        saved = {
            "t": changed.t,
            "number": changed.number,
            "counts": dict(changed.counts),
            "boot": machine.boot,
            "boottime_s": self._look_at_machine().boottime_s,
            "utc_s": moment.utc_s,
            "synchronised": moment.synchronised,
        }
        return {row.key: _text(row) for row in changed.rows}, {DESK: json.dumps(saved, separators=(",", ":"))}

    def _happened(self, record: AlarmRecord, clock: Clock) -> Record:
        return self._record(record.event.value, str(record.key), self._alarms.happened(record, clock))

    def _record(
        self, kind: str, subject: str, document: Document, record_class: RecordClass = RecordClass.ALARM, *, told: bool = True
    ) -> Record:
        """Make a record with the number that says where it stands in the order of all; with a message of it if it is to be told."""
        stamp = self._journal.stamp()
        body = encode({**self._place(stamp), **document})
        messages = (Message(EVENT, body),) if told and self._publish else ()
        return Record(stamp, record_class, kind, body.decode(), subject, messages=messages)

    def _order(self, ordered: Ordered) -> Record:
        """Make the record of an order: who wanted what, and what became of it. It stands in the chain of the audit."""
        self.ordered += 1
        stamp, kind = self._journal.stamp(), type(ordered.order).__name__
        document: Document = {
            "order": kind,
            **{name: _readable(value) for name, value in asdict(ordered.order).items()},
            "peer": ordered.peer,
            "outcomes": [_outcome(each) for each in ordered.outcomes],
        }
        subject = next((str(each.key) for each in ordered.outcomes if isinstance(each, Done)), "")  # others may be any text
        body = encode({**self._place(stamp), **document}).decode()
        return Record(stamp, RecordClass.COMMAND, kind, body, subject, audited=True)

    def _place(self, stamp: Stamp) -> Document:
        """Return the name of a record, and where it stands in the order of all records of the station."""
        name = f"{self._identity.name}-{stamp.id}"
        return {"id": name, "boot": stamp.run, "sequence": stamp.sequence, "synchronised": stamp.moment.synchronised}


def _text(row: Row) -> str:
    """Return a row without what is as in a fresh one."""
    return json.dumps({name: value for name, value in as_plain(row).items() if value != USUAL[name]}, separators=(",", ":"))


def _row(text: str) -> Row | None:
    """Return the row of a text; None, with a line in the log, for what cannot be one."""
    try:
        return row_of(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("an alarm that the journal remembers cannot be read; it is found anew", reason=str(error))
        return None


def _plain(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _elapsed_s(saved: Mapping[str, Any], machine: Machine, moment: Moment) -> float:
    """Return how long ago a state was saved: in the same start of the machine exactly, otherwise as well as the clock knows."""
    try:
        if machine.boot and saved["boot"] == machine.boot:
            return max(machine.boottime_s - float(saved["boottime_s"]), 0.0)
        if saved["synchronised"] and moment.synchronised:
            return max(moment.utc_s - float(saved["utc_s"]), 0.0)
    except (KeyError, TypeError, ValueError):
        pass
    return 0.0


def _readable(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(name): _readable(each) for name, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # the key of an alarm
        return "/".join(part for part in value if part)
    return [_readable(each) for each in value] if isinstance(value, tuple | list) else value


def _outcome(outcome: Outcome) -> Document:
    if isinstance(outcome, Done):
        return {"key": str(outcome.key), "done": True, "letter": outcome.letter.value, "occurrence": outcome.occurrence}
    return {"key": str(outcome.key), "done": False, "error": outcome.error.value, "cause": outcome.cause}


def _say(message: Annunciate) -> None:
    """Tell people through the log of the machine."""
    log.warning(
        "alarm", key=str(message.key), letter=message.letter.value, why=message.why.value, severity=message.severity.value,
        audible=message.audible,
    )  # fmt: skip
