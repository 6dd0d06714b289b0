"""The one thread that writes. It commits in groups, keeps everything within its bounds, and outlives the disk.

An error of the disk closes the file; what was handed over stays in memory, within its bounds, and the file is opened anew every few
seconds until it works. A damaged file is set aside and a new one begun, with what is still known. Nothing that happens here
holds up or throws into the event loop.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from stationd.outputs.journal import schema
from stationd.outputs.journal.frames import Gatherer
from stationd.outputs.journal.health import JournalStatistics, State
from stationd.outputs.journal.housekeeping import Housekeeping
from stationd.outputs.journal.lanes import Backlog, Waiting
from stationd.outputs.journal.record import JournalSettings, Moment, Record
from stationd.outputs.journal.store import INDEX_BITS, Salvaged, Store, message_id, salvage
from stationd.outputs.journal.worker import Worker

log = structlog.get_logger()

AT_ONCE = 500  # records of one commit
CERTAIN = 3  # a failing read can look like damage; only what is found damaged so often within a minute is set aside
CERTAIN_WITHIN_S, CERTAIN_RETRY_S = 60.0, 0.02
MOST_SET_ASIDES = 5  # in one run: a disk that damages every file is not given more of them


@dataclass(frozen=True, slots=True)
class Opened:
    """The file was opened: the number of this run in it, and what it remembers."""

    boot: int
    restored: Salvaged


@dataclass(frozen=True, slots=True)
class Committed:
    """These records are on the disk."""

    waiting: list[Waiting]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """These delivered messages are deleted: numbers of the file, and slots of this run."""

    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Changed:
    """The state changed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The thread has ended; `clean` when everything was written."""

    clean: bool


Told = Opened | Committed | Forgotten | Changed | Ended


@dataclass(slots=True)
class Remembered:
    """What has to survive even the loss of the file: the newest snapshot of each alarm (None: gone), and the small values."""

    states: dict[str, str | None] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def take(self, records: list[Record]) -> None:
        """Remember what records carry."""
        for record in records:
            self.states.update(record.states)
            self.values.update(record.values)

    def over(self, file: Salvaged) -> Salvaged:
        """Return what memory and a file know together; memory is the newer."""
        states = {key: state for key, state in {**file.states, **self.states}.items() if state is not None}
        return Salvaged(states, {**file.values, **self.values}, file.messages, file.torn)


class Writer:
    """Owns the file. `tell` hands news to the event loop; `work` is the thread."""

    def __init__(
        self, path: Path, run: str, clock: Callable[[], Moment], settings: JournalSettings, backlog: Backlog, tell: Callable[[Told], None]
    ) -> None:
        self.statistics = JournalStatistics()
        self.state, self.reason, self.since_t = State.STARTING, "", clock().t
        self.set_aside: list[str] = []
        self.busy_since: float | None = None
        self.held: list[Waiting] = []
        self.done: set[int] = set()  # messages to be deleted: numbers of the file, or slots of this run as negative numbers
        self.delivered: set[int] = set()  # slots of this run that were delivered, whether or not they are on the disk yet
        self.closing_at: float | None = None
        self.readers: list[Worker] = []
        self._path, self._run, self._clock, self._settings = path, run, clock, settings
        self._backlog, self._tell = backlog, tell
        self._store: Store | None = None
        self._housekeeping: Housekeeping | None = None
        self._gatherer = Gatherer(settings.history, clock(), self._let_urgent_pass)
        self.statistics.gathered = self._gatherer.statistics
        self._remembered = Remembered()
        self._packer = Worker("journal-packer", path, apart=settings.threads)
        self._damage = ""
        self._damaged_at: list[float] = []
        self._last_gathered = False
        self._last_committed = 0
        self._inode = 0
        self._retry_at = 0.0

    # ------------------------------------------------------------------ the thread

    def work(self) -> None:
        """Commit until closed."""
        self._packer.start()
        self.readers.append(self._packer)
        while not self._finished():
            self.turn()
            self._wait()
        clean = self._store is not None and not self.held and not len(self._backlog) and not self._gatherer.frames
        self._close_store()
        self._packer.close()
        self._turn(State.CLOSED, "")
        self._tell(Ended(clean))

    def _wait(self) -> None:
        with self._backlog.condition:
            patience_s = self._settings.group_s if self._store is not None else min(self._settings.group_s, CERTAIN_RETRY_S)
            self._backlog.condition.wait_for(self._hurried, patience_s)

    def _hurried(self) -> bool:
        if self.closing_at is not None:
            return self._store is not None
        return self._backlog.urgent and self._store is not None

    def _finished(self) -> bool:
        if self.closing_at is None:
            return False
        idle = self._last_gathered and not self.held and not len(self._backlog) and not self._gatherer.frames and not self.done
        return (idle and self._store is not None) or time.monotonic() >= self.closing_at or self.state is State.NEWER

    def turn(self) -> None:
        """Write what waits. Never fails: what goes wrong is a state."""
        moment = self._clock()
        try:
            self._gather(moment)
            self._cycle(moment)
        except schema.TROUBLE as error:
            self._fail(error)
        except schema.Newer as newer:
            self._turn(State.NEWER, str(newer))
            self._retry_at = time.monotonic() + self._settings.retry_s
        except Exception as error:  # a mistake of ours must not end the thread: it is loud, and tried again
            log.exception("the journal met what it cannot")
            self._fail(error)
        finally:
            self.busy_since = None

    def _gather(self, moment: Moment) -> None:
        closing = self.closing_at is not None  # asked before the last readings are taken
        for batch in self._backlog.take_readings():
            self._gatherer.look(batch.moment)
            self._gatherer.add(batch.readings)
        if closing:
            self._gatherer.close(moment)
            self._last_gathered = True
        self._gatherer.look(moment)

    def _cycle(self, moment: Moment) -> None:
        if self._store is None:
            if time.monotonic() < self._retry_at:
                return
            self.busy_since = time.monotonic()
            self._open(moment)
        assert self._store is not None
        assert self._housekeeping is not None
        self._commit(self._store, moment)
        self._forget_delivered(self._store)
        self._keep_frames(self._housekeeping, moment)
        self._turn(State.GOOD, "")
        if not self._backlog.urgent:
            self.busy_since = time.monotonic()
            self._see_the_file()
            self._housekeeping.tend(moment.t)

    # ------------------------------------------------------------------ commits

    def _commit(self, store: Store, moment: Moment) -> None:
        while self.held or len(self._backlog):
            if not self.held:
                self.held = self._backlog.take(AT_ONCE)
            records = [waiting.record for waiting in self.held]
            self._remembered.take(records)
            begin = self.busy_since = time.monotonic()
            store.write(records, self.delivered, t=moment.t)
            self.statistics.commit_s.observe(time.monotonic() - begin)
            self._committed()

    def _committed(self) -> None:
        waiting, self.held = self.held, []
        self._last_committed = waiting[-1].record.stamp.sequence if waiting else self._last_committed
        self._turn(State.GOOD, "")
        for each in waiting:
            self.statistics.committed[each.record.record_class] += 1
            self.statistics.committed_bytes += each.size
            slot = each.record.stamp.sequence << INDEX_BITS
            self.delivered.difference_update(range(slot, slot + len(each.record.messages)))
        self._tell(Committed(waiting))

    def _let_urgent_pass(self) -> None:
        """Commit an alarm at once although a frame is being made. Never fails: the frame has to be finished."""
        if self._backlog.urgent and self._store is not None:
            try:
                self._commit(self._store, self._clock())
            except schema.TROUBLE as error:
                self._fail(error)

    def _forget_delivered(self, store: Store) -> None:
        if not self.done:
            return
        numbers = frozenset(self.done.copy())
        self.busy_since = time.monotonic()
        store.forget_messages([_in_file(number, store.boot) for number in numbers])
        written = {-number - 1 for number in numbers if number < 0 and (-number - 1) >> INDEX_BITS <= store.last_sequence}
        self.delivered.difference_update(written)
        self.done.difference_update(numbers)
        self._tell(Forgotten(numbers))

    def _keep_frames(self, housekeeping: Housekeeping, moment: Moment) -> None:
        frames = list(self._gatherer.frames)
        if frames:
            self.busy_since = time.monotonic()
            housekeeping.shelf.add(frames, moment.t)
            self._gatherer.taken(len(frames))

    # ------------------------------------------------------------------ opening, failing, setting aside

    def _open(self, moment: Moment) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if len(self._damaged_at) >= CERTAIN:
            self._begin_anew(moment)
        schema.adopt_new(self._path)
        store = Store(self._path, self._run, moment)
        try:
            self._take_over(store)
        except BaseException:
            store.close()
            raise

    def _take_over(self, store: Store) -> None:
        if self.state is State.FAILING:
            store.settle()
        if store.last_sequence < self._last_committed:  # somebody took the file away: what memory knows goes into the next
            store.begin_with(self._remembered.over(Salvaged()))
        found = salvage(store.db, messages=False)
        self._housekeeping = Housekeeping(store, self._settings, self.statistics, self._packer)
        self._store = store
        self._inode = self._path.stat().st_ino
        self.statistics.torn += found.torn
        self._remembered.states = {**found.states, **self._remembered.states}
        self._remembered.values = {**found.values, **self._remembered.values}
        for reader in self.readers:
            reader.renew()
        self._tell(Opened(store.boot, self._remembered.over(found)))

    def _begin_anew(self, moment: Moment) -> None:
        """Make a new file with what is known, set the damaged one aside, and let the new one take its name."""
        if len(self.set_aside) >= MOST_SET_ASIDES:
            raise OSError(f"{len(self.set_aside)} files were damaged in this run; no further one is begun. The last: {self._damage}")
        known = self._remembered.over(_salvage_file(self._path))
        schema.clear_new(self._path)
        store = Store(schema.new_name(self._path), self._run, moment)
        try:
            store.begin_with(known)
            store.settle()
        finally:
            store.close()
        aside = schema.set_aside(self._path, moment.utc_s)
        schema.adopt_new(self._path)
        self.set_aside.append(aside.name)
        self.statistics.set_asides += 1
        self._damaged_at, self._last_committed = [], 0
        self._remembered = Remembered(dict(known.states), known.values)
        log.error("the journal is damaged; it was set aside and a new one is begun", reason=self._damage, file=str(aside))

    def _see_the_file(self) -> None:
        """Notice that the file was taken away or replaced: what is written into a file without a name is lost."""
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            inode = 0
        if inode != self._inode:
            raise OSError(f"{self._path.name} was removed or replaced while it was in use")

    def _fail(self, error: Exception) -> None:
        self._close_store()
        self.statistics.failures += 1
        now = time.monotonic()
        self._retry_at = now + self._settings.retry_s
        if schema.is_damage(error):
            self._damage = str(error)
            self._damaged_at = [at for at in self._damaged_at if at > now - CERTAIN_WITHIN_S] + [now]
            self._retry_at = now + CERTAIN_RETRY_S if len(self.set_aside) < MOST_SET_ASIDES else self._retry_at
        else:
            self._damaged_at = []
        if self.state is not State.STARTING or not self._damaged_at:  # a start waits until damage is certain
            self._turn(State.FAILING, str(error) or type(error).__name__)

    def _close_store(self) -> None:
        store, self._store, self._housekeeping = self._store, None, None
        if store is not None:
            store.close()

    def _turn(self, state: State, reason: str) -> None:
        if state is self.state:
            self.reason = reason or self.reason
            return
        before, self.state, self.reason, self.since_t = self.state, state, reason, self._clock().t
        if state in (State.FAILING, State.NEWER):
            log.error("the journal cannot be written", file=str(self._path), reason=reason)
        elif state is State.GOOD and before is State.FAILING:
            log.warning("the journal is written again", file=str(self._path))
        self._tell(Changed())


def _in_file(number: int, boot: int) -> int:
    """Return the number of a message in the file."""
    return number if number >= 0 else message_id(boot, 0, 0) + (-number - 1)


def _salvage_file(path: Path) -> Salvaged:
    with contextlib.suppress(*schema.TROUBLE):
        db = schema.connect_to_salvage(path)
        try:
            return salvage(db)
        finally:
            db.close()
    return Salvaged()
