"""The journal as the rest of the daemon sees it: hand over, be told, ask. See the package for the picture."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stationd.core.model import Reading
from stationd.links.beat import Beat
from stationd.outputs.journal import audit, traces
from stationd.outputs.journal.audit import Verified
from stationd.outputs.journal.entries import Found, KeptRecord, Query, find
from stationd.outputs.journal.health import Health, JournalStatistics, State
from stationd.outputs.journal.lanes import Backlog, Batch, Waiting
from stationd.outputs.journal.outbox import Outbox
from stationd.outputs.journal.place import Place
from stationd.outputs.journal.record import JournalSettings, Kept, Moment, Record, Stamp
from stationd.outputs.journal.salvage import Salvaged
from stationd.outputs.journal.traces import Trace, Wanted
from stationd.outputs.journal.wall import SystemClock
from stationd.outputs.journal.worker import Worker
from stationd.outputs.journal.writer import Changed, Committed, Ended, Forgotten, Opened, Told, Writer

START_S = 1.5  # what a start waits for the disk, of the 3 s until the daemon is ready; then it runs on, and what is read later is taken up
CLOSE_S = 5.0
ATTEND_S = 1.0


class WriterEnded(Exception):
    """The thread that writes has ended although nobody had told it to. What waits is still in memory."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What the journal remembers. `known` is False where the file could not be read (yet): then nothing is known, not "no alarm".

    Torn rows are left out and named, as well as that can be done. Where there are any, `witnesses` are whole records: the newest of
    all, the newest first, then the newest of each subject that has no state.
    """

    known: bool
    states: Mapping[str, str]
    values: Mapping[str, str]
    torn_states: tuple[str, ...] = ()
    torn_values: tuple[str, ...] = ()
    witnesses: tuple[KeptRecord, ...] = ()


class Journal:
    """The journal of one state directory. To be used in one event loop; no call waits for the disk unless it is awaited."""

    def __init__(self, path: Path, settings: JournalSettings, clock: Callable[[], Moment], run: str, place: Place) -> None:
        self.run = run
        self.restored = Restored(known=False, states={}, values={})
        self.on_change: Callable[[Health], None] = lambda _: None
        self.beat = Beat()  # of `attend`
        self._place = place
        self._settings = settings
        self._clock = clock
        self._sequence = self._appended = 0
        self._backlog = Backlog(settings)
        self._writer = Writer(place, run, clock, settings, self._backlog, self._tell)
        self._reader = Worker("journal-reader", path, apart=settings.threads)
        self._searcher = Worker("journal-searcher", path, apart=settings.threads)
        self._writer.readers += [self._reader, self._searcher]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._clean = False
        self._turning: asyncio.TimerHandle | None = None
        self._writing: threading.Thread | None = None
        self.outbox = Outbox(self._reader, self._waiting_records, lambda: not self.health.good, self._delivered)

    @classmethod
    def open(
        cls,
        path: Path,
        settings: JournalSettings | None = None,
        clock: Callable[[], Moment] | None = None,
        run: str = "",
        station: str = "",
    ) -> Journal:
        """Take possession of the directory of `path`; StateDirectoryHeld when another instance has it.

        `run` names this run of the daemon in the ids of records and must never come twice; one is made when it is empty. The
        journal of another `station` is set aside; without a name any is taken.
        """
        place = Place(path, station)
        place.hold()
        return cls(path, settings or JournalSettings(), clock or SystemClock(), run or os.urandom(6).hex(), place)

    async def start(self, timeout_s: float = START_S) -> Restored:
        """Open the file and return what it remembers; `known` is False when the disk did not answer in time or refuses.

        Never fails: a damaged file is set aside, a failing disk is tried again, and `on_change` tells.
        """
        self._loop = asyncio.get_running_loop()
        self._reader.start()
        self._searcher.start()
        if self._settings.threads:
            self._begin_writing()
        else:
            self._work_here()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        return self.restored

    def _begin_writing(self) -> threading.Thread:
        self._writing = threading.Thread(target=self._writer.work, name="journal", daemon=True)
        self._writing.start()
        return self._writing

    async def attend(self, every_s: float = ATTEND_S) -> None:
        """Watch the thread that writes until cancelled; begin another first where it has ended. WriterEnded when it does by itself.

        While it is in a call to the disk it owes no sign of life, however long that lasts: that is the disk's, and `health` tells
        of it. One that hangs elsewhere gives none, and none is begun beside it: a file has one writer.
        """
        if not self._settings.threads:
            self.beat.rest("written in the event loop")
            await asyncio.get_running_loop().create_future()
        thread, turns = self._writing, -1
        if thread is None or not thread.is_alive():
            thread = self._begin_writing()
        while thread.is_alive():
            if self._writer.busy_since is not None:
                self.beat.rest("the disk")
            elif self._writer.turns != turns:
                turns = self._writer.turns
                self.beat.within(every_s, "between two calls to the disk")
            await asyncio.sleep(every_s)
        raise WriterEnded

    def _work_here(self) -> None:
        """Write what waits, now and every `group_s`, in the event loop."""
        self._writer.turn()
        self._turning = asyncio.get_running_loop().call_later(self._settings.group_s, self._work_here)

    # ------------------------------------------------------------------ handing over

    def stamp(self) -> Stamp:
        """Return the next number of this run, and the time. A record is appended before the next stamp is taken."""
        self._sequence += 1
        return Stamp(self.run, self._sequence, self._clock())

    def append(self, record: Record) -> asyncio.Future[Kept]:
        """Hand a record over; the future tells, in the loop, when it is on the disk or was lost. It never fails.

        ValueError for a stamp that is not newer than that of the last record: order could not be kept.
        """
        return self._append(record, more=False)

    def _append(self, record: Record, *, more: bool) -> asyncio.Future[Kept]:
        if record.stamp.sequence <= self._appended or record.stamp.run != self.run:
            raise ValueError(f"record {record.stamp.id} comes after {self.run}-{self._appended}; a stamp is used once and at once")
        self._appended = record.stamp.sequence
        kept: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        if self._ended.is_set():
            kept.set_result(Kept.LOST)
            self._backlog.dropped[record.record_class] += 1
            return kept
        self._backlog.put(Waiting(record, kept, record.size, more))
        if self._backlog.evicted:
            self._forget_evicted()
        if self._backlog.urgent and not self._settings.threads:
            asyncio.get_running_loop().call_soon(self._writer.turn)  # not at once: records that belong together come together
        if self._writer.state is not State.GOOD:
            self.outbox.look()
        return kept

    def append_all(self, records: Sequence[Record]) -> list[asyncio.Future[Kept]]:
        """Hand over records that belong together: they are committed in one transaction."""
        with self._backlog.condition:
            return [self._append(record, more=number < len(records)) for number, record in enumerate(records, 1)]

    def _forget_evicted(self) -> None:
        ids = [-slot - 1 for slot in self._backlog.evicted]
        self._backlog.evicted.clear()
        self._writer.done.difference_update(ids)
        self.outbox.evicted(ids)

    def say_damaged(self, sentence: str) -> None:
        """Take note that something that was remembered cannot be used; Health tells it."""
        self._writer.opener.say(sentence)
        self.on_change(self.health)

    def record_readings(self, readings: Sequence[Reading]) -> None:
        """Hand readings over for the history, in order of time per point."""
        if readings:
            self._backlog.put_readings(Batch(self._clock(), tuple(readings)))

    # ------------------------------------------------------------------ asking

    async def trace(self, wanted: Wanted) -> Trace:
        """Return the history of a point; a disk that cannot be read gives an empty trace with `torn` set."""
        answer = await self._searcher.ask(lambda db: traces.read(db, wanted))
        return answer if isinstance(answer, Trace) else Trace(torn=1)

    async def entries(self, wanted: Query) -> Found:
        """Return events or commands, the newest first."""
        answer = await self._searcher.ask(lambda db: find(db, wanted))
        return answer if isinstance(answer, Found) else Found(torn=1)

    async def verify_audit(self) -> Verified | None:
        """Walk along the chain of the audit; None when the disk cannot be read."""
        answer = await self._searcher.ask(_verify)
        return answer if isinstance(answer, Verified) else None

    @property
    def health(self) -> Health:
        """Return how it is now. A disk that has not answered for some seconds counts as failing."""
        writer = self._writer
        state, reason, since_t = writer.state, writer.reason, writer.since_t
        busy = writer.busy_since
        if busy is not None and time.monotonic() - busy > self._settings.slow_s and state in (State.GOOD, State.STARTING):
            state, reason = State.FAILING, f"the disk has not answered for {time.monotonic() - busy:.0f} s"
            since_t = self._clock().t - (time.monotonic() - busy)
        waiting = self._backlog.bytes + sum(each.size for each in writer.held)
        return Health(state, reason, since_t, tuple(writer.opener.set_aside), waiting, tuple(writer.opener.damage))

    @property
    def statistics(self) -> JournalStatistics:
        """Return the counters."""
        statistics = self._writer.statistics
        statistics.lost = self._backlog.dropped.copy()
        statistics.history_lost = self._backlog.history_dropped
        return statistics

    async def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Write what waits and end; True when everything is on the disk. The directory is free again afterwards."""
        if self._loop is None:
            self._ended.set()
        self._writer.closing_at = time.monotonic() + timeout_s
        with self._backlog.condition:
            self._backlog.condition.notify()
        if self._turning is not None:
            self._turning.cancel()
            self._writer.work()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s + 1.0):
                await self._ended.wait()
        self._reader.close()
        self._searcher.close()
        if self._ended.is_set():  # a thread that hangs in the disk keeps it until the process ends
            self._place.release()
        return self._clean

    # ------------------------------------------------------------------ told by the thread

    def _tell(self, told: Told) -> None:
        """Called in the thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._hear, told)

    def _hear(self, told: Told) -> None:
        match told:
            case Opened(boot, restored):
                if not self.restored.known:  # what an earlier run left; a later opening knows it from this one
                    self.restored = _restored(restored)
                self.outbox.opened(boot)
            case Committed(waiting):
                _acknowledge(waiting)
                self.outbox.look()
            case Forgotten(numbers):
                self.outbox.forgotten(numbers)
            case Changed():
                self._hear_change()
            case Ended(clean):
                self._clean = clean
                self._ended.set()

    def _hear_change(self) -> None:
        if self._writer.state is not State.STARTING:
            self._settled.set()
        self.outbox.look()
        self.on_change(self.health)

    def _waiting_records(self, after: int) -> list[Record]:
        held = [waiting.record for waiting in self._writer.held if waiting.record.stamp.sequence > after]
        return held + self._backlog.deliverable(after)

    def _delivered(self, ids: list[int]) -> None:
        self._writer.delivered.update(-number - 1 for number in ids if number < 0)
        self._writer.done.update(ids)


def _restored(found: Salvaged) -> Restored:
    torn = (tuple(found.torn_states), tuple(found.torn_values), tuple(found.witnesses))
    return Restored(True, dict(found.states), dict(found.values), *torn)


def _verify(db: sqlite3.Connection) -> Verified:
    return audit.verify(db)


def _acknowledge(waiting: list[Waiting]) -> None:
    for each in waiting:
        if each.kept is not None and not each.kept.done():
            each.kept.set_result(Kept.COMMITTED)
