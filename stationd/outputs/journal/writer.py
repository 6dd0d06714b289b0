"""The one thread that writes. It commits in groups, keeps everything within its bounds, and outlives the disk.

An error of the disk closes the file; what was handed over stays in memory, within its bounds, and the file is opened anew every few
seconds until it works. A damaged file is set aside and a new one begun, with what is still known. Nothing that happens here
holds up or throws into the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from stationd.outputs.journal import schema
from stationd.outputs.journal.frames import Gatherer
from stationd.outputs.journal.health import JournalStatistics, State
from stationd.outputs.journal.housekeeping import Housekeeping
from stationd.outputs.journal.lanes import Backlog, Waiting
from stationd.outputs.journal.opening import Opener
from stationd.outputs.journal.place import Place
from stationd.outputs.journal.record import JournalSettings, Moment
from stationd.outputs.journal.rows import INDEX_BITS, message_id
from stationd.outputs.journal.salvage import Salvaged
from stationd.outputs.journal.store import Store
from stationd.outputs.journal.worker import Worker

log = structlog.get_logger()

AT_ONCE = 500  # records of one commit
CERTAIN_RETRY_S = 0.02  # what looks like damage is looked at again so soon


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


class Writer:
    """Owns the file. `tell` hands news to the event loop; `work` is the thread."""

    def __init__(
        self, place: Place, run: str, clock: Callable[[], Moment], settings: JournalSettings, backlog: Backlog, tell: Callable[[Told], None]
    ) -> None:
        self.statistics = JournalStatistics()
        self.state, self.reason, self.since_t = State.STARTING, "", clock().t
        self.busy_since: float | None = None
        self.turns = 0
        self.held: list[Waiting] = []
        self.done: set[int] = set()  # messages to be deleted: numbers of the file, or slots of this run as negative numbers
        self.delivered = backlog.delivered
        self.closing_at: float | None = None
        self.opener = Opener(place, run)
        self._place, self._clock, self._settings = place, clock, settings
        self._backlog, self._tell = backlog, tell
        self._store: Store | None = None
        self._housekeeping: Housekeeping | None = None
        self._gatherer = Gatherer(settings.history, clock(), self._let_urgent_pass)
        self.statistics.gathered = self._gatherer.statistics
        self._packer = Worker("journal-packer", place.path, apart=settings.threads)
        self.readers = [self._packer]
        self._last_gathered = False
        self._retry_at = 0.0

    # ------------------------------------------------------------------ the thread

    def work(self) -> None:
        """Commit until closed."""
        self._packer.start()
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
            self.turns += 1

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
            self._see_the_files(self._store)
            self._housekeeping.tend(moment.t)

    # ------------------------------------------------------------------ commits

    def _commit(self, store: Store, moment: Moment) -> None:
        while self.held or len(self._backlog):
            if not self.held:
                self.held = self._backlog.take(AT_ONCE)
            records = [waiting.record for waiting in self.held]
            self.opener.remembered.take(records)
            begin = self.busy_since = time.monotonic()
            store.write(records, self.delivered, t=moment.t)
            self.statistics.commit_s.observe(time.monotonic() - begin)
            self._committed()

    def _committed(self) -> None:
        waiting, self.held = self.held, []
        self.opener.last_committed = waiting[-1].record.stamp.sequence if waiting else self.opener.last_committed
        self._turn(State.GOOD, "")
        for each in waiting:
            self.statistics.committed[each.record.record_class] += 1
            self.statistics.committed_bytes += each.size
            self.delivered.difference_update(each.slots)
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
        store, known = self.opener.open(moment, settle=self.state is State.FAILING)
        try:
            self._housekeeping = Housekeeping(store, self._settings, self.statistics, self._packer)
        except BaseException:
            store.close()
            raise
        self._store = store
        self.statistics.set_asides = len(self.opener.set_aside)
        self.statistics.torn += known.torn
        for reader in self.readers:
            reader.renew()
        self._tell(Opened(store.boot, known))

    def _see_the_files(self, store: Store) -> None:
        """Notice that a file was taken away or replaced: what is written into one without a name is lost."""
        name = self._place.replaced()
        if name == self._place.path.name:
            if self._place.has_an_old_log:
                schema.set_log_aside(self._place.path, self._clock().utc_s)
            raise OSError(f"{name} was removed or replaced while it was in use")
        if name:
            store.settle()  # the log has no name any more, but can still be read through this connection
            raise OSError(f"{name} was removed or replaced while it was in use; what stood in it was saved")

    def _fail(self, error: Exception) -> None:
        self._close_store()
        self.statistics.failures += 1
        soon = self.opener.failed(error)
        self._retry_at = time.monotonic() + (CERTAIN_RETRY_S if soon else self._settings.retry_s)
        if self.state is not State.STARTING or not schema.is_damage(error):  # a start waits until damage is certain
            self._turn(State.FAILING, str(error) or type(error).__name__)

    def _close_store(self) -> None:
        """Close the file everywhere: a reader that holds on to it could keep the next attempt from writing."""
        store, self._store, self._housekeeping = self._store, None, None
        for reader in self.readers:
            reader.let_go()
        if store is not None:
            store.close()

    def _turn(self, state: State, reason: str) -> None:
        if state is self.state:
            self.reason = reason or self.reason
            return
        before, self.state, self.reason, self.since_t = self.state, state, reason, self._clock().t
        if state in (State.FAILING, State.NEWER):
            log.error("the journal cannot be written", file=str(self._place.path), reason=reason)
        elif state is State.GOOD and before is State.FAILING:
            log.warning("the journal is written again", file=str(self._place.path))
        self._tell(Changed())


def _in_file(number: int, boot: int) -> int:
    """Return the number of a message in the file."""
    return number if number >= 0 else message_id(boot, 0, 0) + (-number - 1)
