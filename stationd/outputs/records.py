"""What the engine finds, on its way to the journal and to the broker: light, alarms, the verdict, acts, and what people order.

All that follows from one event goes to the journal in one transaction: the records, the alarms as they then are, and the messages
for the broker. Nothing here waits; nothing here decides. Messages go to the broker from the outbox, and so only after the commit;
the people at the console hear at once.

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
from stationd.core.alarm.memory import Row, Snapshot, as_plain
from stationd.core.alarm.words import AlarmRecord, Annunciate, Done, Outcome
from stationd.core.alarm.words import Effect as AlarmEffect
from stationd.core.model import Announce, Reading
from stationd.core.operation.words import Noted
from stationd.core.verdict.told import BaselineOutcome, TakeBaseline, VerdictChanged
from stationd.engine import Acted, Kept, Ordered, Told
from stationd.links.beat import Beat
from stationd.outputs.act_records import ActRecords
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.alarm_log import log_alarm
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Documents, Identity, encode
from stationd.outputs.journal import Journal, Message, Moment, Record, RecordClass, Restored, Stamp
from stationd.outputs.journal import Kept as Fate
from stationd.outputs.line_records import KIND, LINE, LineRecords, baseline_outcome
from stationd.outputs.recovered import elapsed_s, plain, read_desk

log = structlog.get_logger()

DESK = "desk"  # the small value of the journal that translates the rows
EVENT = "event"
STATION = "station"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
USUAL = as_plain(Row(key=""))
PRESSING = frozenset({KIND, TakeBaseline.__name__})  # with these the state of the line watch is saved at once
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


@dataclass(frozen=True, slots=True)
class Gone:
    """What the journal need not remember any more: alarms that the station has not, and values that were torn."""

    states: Mapping[str, None]
    values: Mapping[str, None]


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
        line: LineRecords | None = None,
        acts: ActRecords | None = None,
        *,
        publish: bool,
    ) -> None:
        self._journal = journal
        self._identity = identity
        self._desk = desk
        self._light = light
        self._alarms = alarms
        self._line = line
        self._acts = acts
        self._publish = publish
        self._look_at_machine = machine or Machine.now
        self._machine = self._look_at_machine()
        self._clock = clock
        self._listeners: list[tuple[type, Callable[[Any], None]]] = []  # what each wants to hear of, and where to tell it
        self._began = self._late = self._gap = False
        self._taken_up: Kept = asyncio.get_running_loop().create_future()
        self.ordered = 0
        self.beat = Beat()

    # ------------------------------------------------------------------ told by the engine

    def keep(self, told: Sequence[Told], ordered: Ordered | Acted | None) -> Kept:
        """Hand over all that follows from one event; the future tells when it is on the disk, with the alarms as they then are.

        It is cancelled when that was lost by the rules of the journal.
        """
        clock = Clock.read()
        records = [self._order(ordered)] if isinstance(ordered, Ordered) else []
        peer = ordered.peer if isinstance(ordered, Acted) else ""
        acted = False
        for each in told:
            match each:
                case Announce(event):
                    log.info("light", kind=event.kind.value, channel=event.channel, level_dbm=event.level_dbm, exact=event.exact)
                    document = self._light.light_event(event, clock)
                    records.append(self._record(event.kind.value, event.channel, document, RecordClass.EVENT))
                case AlarmRecord():
                    records.append(self._happened(each, clock))
                case VerdictChanged() if self._line is not None:
                    records.append(self._record(KIND, LINE, self._line.happened(each, clock)))
                case Noted() if self._acts is not None:
                    document = self._acts.happened(each, clock, peer)
                    records.append(self._record(each.kind, each.subject, document, RecordClass.COMMAND, audited=True))
                    acted = True
        kept = self._append(records, acted=acted)
        self._tell(told)
        return _both(kept, self._taken_up) if self._late and ordered is not None else kept

    def _tell(self, told: Sequence[Told]) -> None:
        for each in told:
            for kind, deliver in tuple(self._listeners):
                if isinstance(each, kind):
                    deliver(each)

    def remember(self, readings: Sequence[Reading]) -> None:
        """Hand readings over for the history."""
        self._journal.record_readings(readings)

    def subscribe(self, deliver: Callable[[AlarmRecord], None]) -> Callable[[], None]:
        """Have every record of an alarm delivered from now on; return how to end that."""
        return self._listen(AlarmRecord, deliver)

    def subscribe_messages(self, deliver: Callable[[Annunciate], None]) -> Callable[[], None]:
        """Have every message to people delivered from now on: what no cause explains; return how to end that."""
        return self._listen(Annunciate, deliver)

    def subscribe_verdicts(self, deliver: Callable[[VerdictChanged], None]) -> Callable[[], None]:
        """Have every change of the verdict delivered from now on; return how to end that."""
        return self._listen(VerdictChanged, deliver)

    def _listen(self, kind: type, deliver: Callable[[Any], None]) -> Callable[[], None]:
        wanted = (kind, deliver)
        self._listeners.append(wanted)
        return lambda: self._listeners.remove(wanted)

    # ------------------------------------------------------------------ over a restart

    def restore(self, restored: Restored) -> Kept:
        """Put back what the journal remembers into the desk, which has just been made; before the first event of this run.

        A journal that does not answer in time is asked again by `keep_on`, and what it remembers is taken up late. Until then
        no state is written: a kill must not leave this desk, which knows nothing, in the place of what people had done.
        """
        self._late = not restored.known
        return self._take_up(restored, self._desk.restore, late=False)

    def _take_up(self, restored: Restored, into_desk: Callable[..., list[AlarmEffect]], *, late: bool) -> Kept:
        self._put_back_line(restored, late=late)
        self._put_back_acts(restored)
        effects, elapsed_s = self._put_back(restored, into_desk)
        known = {*restored.states, *restored.torn_states}
        gone = Gone(dict.fromkeys(known - {str(key) for key in self._desk.plan.rules}), dict.fromkeys(restored.torn_values))
        document: Document = {"kind": "start", "known": restored.known, "alarms": len(restored.states), "elapsed_s": elapsed_s}
        records = [self._record("start", STATION, document, RecordClass.EVENT, told=False)]
        clock = Clock.read()
        records += [self._happened(each, clock) for each in effects if isinstance(each, AlarmRecord)]
        log.info("alarms are put back", known=restored.known, alarms=len(restored.states), elapsed_s=round(elapsed_s, 3))
        kept = self._append(records, gone)
        self._tell(effects)
        return kept

    def _put_back_line(self, restored: Restored, *, late: bool) -> None:
        saved = plain(restored.values.get(LINE, ""))
        if self._line is not None and saved is not None:
            self._line.put_back(saved, asyncio.get_running_loop().time(), self._elapsed_s(saved), late=late)

    def _put_back_acts(self, restored: Restored) -> None:
        if self._acts is not None and restored.known:
            aside = bool(self._journal.health.set_aside)
            damage = self._acts.put_back(restored, asyncio.get_running_loop().time(), self._elapsed_s, set_aside=aside)
            if damage:
                self._journal.say_damaged(damage)

    def _elapsed_s(self, saved: Mapping[str, Any]) -> float:
        return elapsed_s(saved, self._machine.boot, self._machine.boottime_s, self._clock())

    def _put_back(self, restored: Restored, into_desk: Callable[..., list[AlarmEffect]]) -> tuple[list[AlarmEffect], float]:
        """Return what follows from what was put back, and how long ago it was saved. Whatever cannot be read is said, loudly."""
        moment = self._clock()
        found = read_desk(restored, DESK, {str(key) for key in self._desk.plan.rules})
        for sentence in found.damage:
            self._journal.say_damaged(sentence)
        if not found.rows:
            return [], 0.0
        saved, elapsed_s = found.place, self._elapsed_s(found.place)
        utc_s = moment.utc_s if moment.synchronised else None
        kept = Snapshot(float(saved["t"]), int(saved["number"]), found.rows, saved["counts"])
        try:
            return into_desk(kept, asyncio.get_running_loop().time(), elapsed_s, utc_s), elapsed_s
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            self._journal.say_damaged(f"what is remembered of the alarms cannot be taken up; they are found anew: {error!r}")
            return [], 0.0

    async def keep_on(self) -> None:
        """Keep now and then what changed although nothing happened: delays that run, what was told. Ends by cancellation."""
        while True:
            self.beat.within(TIDY_S)
            await asyncio.sleep(TIDY_S)
            self.keep_states()

    def keep_states(self) -> None:
        """Keep what has changed since the last record; take up first what a late journal remembers."""
        if self._late and self._journal.restored.known:
            self._late = False
            taken_up = self._take_up(self._journal.restored, self._desk.recall, late=True)
            taken_up.add_done_callback(lambda _: None if self._taken_up.done() else self._taken_up.set_result(None))
        lost = self._gap and self._journal.health.good
        states, values = self._states()
        values |= self._line_values(pressing=False) | self._act_values(pressing=lost)
        if states or values:
            record = Record(self._journal.stamp(), RecordClass.READING, "states", states=states, values=values)
            self._journal.append(record).add_done_callback(self._note_loss)

    # ------------------------------------------------------------------ into the journal

    def _append(self, records: list[Record], gone: Gone | None = None, *, acted: bool = False) -> Kept:
        """Append records, the last of them with the alarms as they are now."""
        kept: Kept = asyncio.get_running_loop().create_future()
        if not records:
            kept.set_result(None)
            return kept
        lost = self._gap and self._journal.health.good
        states, values = self._states()
        values |= self._line_values(pressing=any(record.kind in PRESSING for record in records))
        values |= self._act_values(pressing=acted or lost)
        gone = gone or Gone({}, {})
        records[-1] = replace(records[-1], states={**gone.states, **states}, values={**gone.values, **values})
        last = self._journal.append_all(records)[-1]
        last.add_done_callback(self._note_loss)
        last.add_done_callback(lambda fate: _settle(kept, fate))
        return kept

    def _note_loss(self, fate: asyncio.Future[Fate]) -> None:
        """Remember that states were lost with a record: as soon as the disk works they are all written once more."""
        self._gap = self._gap or fate.result() is Fate.LOST

    def _states(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the alarms that changed since the last call, all of them at the first, and what translates their times.

        Nothing while it is not known what stood before.
        """
        if self._late:
            return {}, {}
        now = asyncio.get_running_loop().time()
        changed = self._desk.changed_rows(now)
        if not self._began or (self._gap and self._journal.health.good):
            changed, self._began, self._gap = self._desk.snapshot(now), True, False
        if not changed.rows:
            return {}, {}
        saved = {"t": changed.t, "number": changed.number, "counts": dict(changed.counts), **self._clocks()}
        return {row.key: _text(row) for row in changed.rows}, {DESK: json.dumps(saved, separators=(",", ":"))}

    def _line_values(self, *, pressing: bool) -> dict[str, str]:
        """Return what the line watch must know after a restart, if it is time for that."""
        if self._line is None or self._late:
            return {}
        return self._line.values(asyncio.get_running_loop().time(), self._clocks(), pressing=pressing)

    def _act_values(self, *, pressing: bool) -> dict[str, str]:
        """Return what the desk of operations must know after a restart, if that has changed or was lost with a record."""
        if self._acts is None or self._late:
            return {}
        return self._acts.values(asyncio.get_running_loop().time(), self._clocks(), pressing=pressing)

    def _clocks(self) -> dict[str, object]:
        """Return what the clocks show, so that the next run can tell how long ago that was."""
        moment = self._clock()
        return {
            "boot": self._machine.boot, "boottime_s": self._look_at_machine().boottime_s,
            "utc_s": moment.utc_s, "synchronised": moment.synchronised,
        }  # fmt: skip

    def _happened(self, record: AlarmRecord, clock: Clock) -> Record:
        log_alarm(record)
        return self._record(record.event.value, str(record.key), self._alarms.happened(record, clock))

    def _record(
        self, kind: str, subject: str, document: Document, record_class: RecordClass = RecordClass.ALARM,
        *, told: bool = True, audited: bool = False,
    ) -> Record:  # fmt: skip
        """Make a record with the number that says where it stands in the order of all; with a message of it if it is to be told."""
        stamp = self._journal.stamp()
        body = encode({**self._place(stamp), **document})
        messages = (Message(EVENT, body),) if told and self._publish else ()
        return Record(stamp, record_class, kind, body.decode(), subject, messages=messages, audited=audited)

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


def _settle(kept: Kept, fate: asyncio.Future[Fate]) -> None:
    if kept.done():
        return
    if fate.result() is Fate.LOST:
        kept.cancel()
    else:
        kept.set_result(None)


def _both(first: Kept, second: Kept) -> Kept:
    """Return what is done when both are, and cancelled with the first that is."""
    both: Kept = asyncio.get_running_loop().create_future()

    def look(_: Kept) -> None:
        if both.done():
            return
        if first.cancelled() or second.cancelled():
            both.cancel()
        elif first.done() and second.done():
            both.set_result(None)

    first.add_done_callback(look)
    second.add_done_callback(look)
    return both


def _readable(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(name): _readable(each) for name, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # the key of an alarm
        return "/".join(part for part in value if part)
    return [_readable(each) for each in value] if isinstance(value, tuple | list) else value


def _outcome(outcome: Outcome | BaselineOutcome) -> Document:
    if isinstance(outcome, BaselineOutcome):
        return baseline_outcome(outcome)
    if isinstance(outcome, Done):
        return {"key": str(outcome.key), "done": True, "letter": outcome.letter.value, "occurrence": outcome.occurrence}
    return {"key": str(outcome.key), "done": False, "error": outcome.error.value, "cause": outcome.cause}
