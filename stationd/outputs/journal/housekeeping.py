"""What the writer does when nothing is urgent: packing, trimming, counting. Always a little at a time."""

from __future__ import annotations

from queue import Empty, SimpleQueue

from stationd.outputs.journal import schema
from stationd.outputs.journal.frames import Tier
from stationd.outputs.journal.health import JournalStatistics
from stationd.outputs.journal.packing import Job, Packed, packed
from stationd.outputs.journal.record import JournalSettings
from stationd.outputs.journal.shelf import Shelf
from stationd.outputs.journal.store import Store
from stationd.outputs.journal.trimming import EventTrimmer, OutboxTrimmer
from stationd.outputs.journal.worker import Worker

EVERY_S = 5.0  # between two looks when there was nothing to do


class Housekeeping:
    """Tends one open store."""

    def __init__(self, store: Store, settings: JournalSettings, statistics: JournalStatistics, packer: Worker) -> None:
        self.shelf = Shelf(store, settings.history)
        self._store = store
        self._settings = settings
        self._statistics = statistics
        self._packer = packer
        self._outbox = OutboxTrimmer(store, settings, statistics.trimmed)
        self._events = EventTrimmer(store, settings, statistics.trimmed)
        self._job: Job | None = None
        self._answers: SimpleQueue[Packed | Exception] = SimpleQueue()
        self._look_at = 0.0
        self._crowded_before = statistics.history_crowded

    def tend(self, t: float) -> None:
        """Do a little. sqlite3.Error where the disk fails."""
        more = self._outbox.step(t)
        more = self._pack() or more
        if t >= self._look_at:
            more = self._events.step(t) or self.shelf.trim(t) or self._begin_job(t) or more
            if not more:
                self._look_at = t + EVERY_S
                self._measure_reach(t)
        self._count()

    def _begin_job(self, t: float) -> bool:
        if self._job is not None:
            return False
        self._job = self.shelf.job(Tier.SECONDS, t) or self.shelf.job(Tier.MINUTES, t)
        if self._job is None:
            return False
        job, resolutions = self._job, self._settings.history.resolutions
        self._packer.submit(lambda db: packed(db, job, resolutions), self._answers.put)
        return True

    def _pack(self) -> bool:
        """Bring what the packer has made to the disk; return whether there is more to pack at once."""
        if self._job is None:
            return False
        try:
            answer = self._answers.get_nowait()
        except Empty:
            return False
        job, self._job = self._job, None
        if isinstance(answer, Exception):
            if schema.is_damage(answer):
                raise schema.Damaged(str(answer)) from answer
            return False
        self._statistics.torn += answer.torn
        self.shelf.put(job, answer.blocks)
        self._look_at = 0.0
        return True

    def _count(self) -> None:
        statistics = self._statistics
        statistics.outbox = {each: total.copy() for each, total in self._store.outbox.items()}
        statistics.outbox_over = self._outbox.over
        statistics.event_bytes = self._store.event_bytes
        statistics.audit = self._store.head
        statistics.history_crowded = self._crowded_before + self.shelf.crowded

    def _measure_reach(self, t: float) -> None:
        for tier, each in self._statistics.history.items():
            each.holding = self.shelf.holdings[tier]
            each.reached_s = self.shelf.reached_s(tier, t)
