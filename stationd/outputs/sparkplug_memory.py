"""What the edge node of Sparkplug has to remember, in the journal: its birth number, and what was sent of the history.

A position is the UTC in milliseconds up to which everything of a device counts as sent, by the clock of the machine. Where that was
set back or ahead since, the time between is replayed as well as the two clocks can tell: some samples may come twice, as historical
ones with their own times, and what stands further apart than the history reaches is not looked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping

import structlog

from stationd.core.model import PointId, Reading
from stationd.outputs.clock import Clock
from stationd.outputs.document import Mode
from stationd.outputs.journal import HistorySettings, Journal, Kept, Moment, Record, RecordClass, Wanted
from stationd.outputs.sparkplug.catalogue import Catalogue, Sample
from stationd.outputs.sparkplug.memory import Batch
from stationd.outputs.sparkplug.plant import sample

log = structlog.get_logger()

BIRTH, SENT = "sparkplug birth", "sparkplug sent "
SLICE_MS = 600_000  # of the history of a device, in one batch
SETTLE_S = HistorySettings().frame_s + 3.0  # until readings of now are on the disk and can be read back
PATIENCE_S, LOOK_S = 10.0, 0.1  # so long the first connection waits for a disk that does not answer (assumption)
NUMBERS = 256  # birth numbers go from 0 to 255 (tck-id-topics-nbirth-bdseq-num)
FURTHEST_MS = round(HistorySettings().seconds_s * 1000)


class JournalNumbers:
    """The birth number (stationd.outputs.sparkplug.memory.BirthNumbers).

    A journal that cannot be read does not silence the station, and a number that was used before is not used again because of it:
    after `patience_s` the clock gives one instead. The number in the file is left alone until it has been read.
    """

    def __init__(self, journal: Journal, clock: Callable[[], Moment], patience_s: float = PATIENCE_S) -> None:
        self._journal = journal
        self._clock = clock
        self._patience_s = patience_s
        self._saved: int | None = None  # by this run

    async def load(self) -> int | None:
        """Return the last number, None where there never was one."""
        if self._saved is not None:
            return self._saved
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while not self._journal.restored.known:
                    await asyncio.sleep(LOOK_S)
        if not self._journal.restored.known:
            number = 1 + round(self._clock().utc_s) % (NUMBERS - 2)  # the next one is not 0: that is how a new station begins
            log.warning("the last birth number cannot be read; the clock gives one", number=number, reason=self._journal.health.reason)
            return number
        text = self._journal.restored.values.get(BIRTH, "")
        return int(text) if text.isdecimal() else None

    async def save(self, number: int) -> None:
        """Keep a number; OSError when the disk refuses, or has not been read yet."""
        self._saved = number
        if not self._journal.restored.known:
            raise OSError(self._journal.health.reason or "the journal was not read yet")
        if await _record(self._journal, {BIRTH: str(number)}) is Kept.LOST:
            raise OSError(self._journal.health.reason)


class JournalHistory:
    """The stored samples (stationd.outputs.sparkplug.memory.History). A device that was never sent has nothing waiting.

    `sent` are the positions of this run, by device: of one run's histories all have the same.
    """

    def __init__(
        self, journal: Journal, catalogue: Catalogue, mode: Mode, clock: Callable[[], Moment], settle_s: float = SETTLE_S,
        sent: dict[str, int] | None = None,
    ) -> None:  # fmt: skip
        self._settle_s = settle_s
        self._journal = journal
        self._catalogue = catalogue
        self._mode = mode
        self._clock = clock
        self._sent = {} if sent is None else sent

    def position(self) -> int:
        """Return the position behind all readings up to now."""
        return round(self._clock().utc_s * 1000)

    async def waiting(self, device: str, until: int) -> AsyncGenerator[Batch, None]:
        """Return what is stored of a device and does not count as sent, oldest first. OSError where that is not known."""
        if not self._journal.restored.known:
            raise OSError(self._journal.health.reason or "the journal was not read yet")
        begin = self._begin(device)
        if begin is None or begin == until:
            return
        await asyncio.sleep(self._settle_s)
        for first, last in _spans(begin, until):
            for at in range(first, last, SLICE_MS):
                end = min(at + SLICE_MS, last)
                yield Batch(end, await self._stored(device, at, end))

    async def delivered(self, positions: Mapping[str, int]) -> None:
        """Remember that everything of some devices up to a position counts as sent."""
        self._sent.update(positions)
        _record(self._journal, {SENT + device: str(position) for device, position in positions.items()})

    def _begin(self, device: str) -> int | None:
        known = self._sent.get(device)
        text = self._journal.restored.values.get(SENT + device, "")
        return known if known is not None else int(text) if text.isdecimal() else None

    async def _stored(self, device: str, begin: int, end: int) -> tuple[tuple[PointId, Sample], ...]:
        if not self._journal.health.good:
            raise OSError(self._journal.health.reason)
        found: list[tuple[PointId, Sample]] = []
        for kind in self._catalogue.devices[device]:
            trace = await self._journal.trace(Wanted(str(kind.point), begin / 1000, end / 1000))
            for each in trace.samples:
                if begin < each.utc_s * 1000 <= end:
                    reading, clock = Reading(kind.point, each.value, each.quality, each.utc_s), Clock(each.utc_s, each.utc_s)
                    found.append((kind.point, sample(reading, self._mode, clock)))
        return tuple(sorted(found, key=lambda each: each[1].at_ms))


def _spans(begin: int, until: int) -> tuple[tuple[int, int], ...]:
    """Return the times to look at, in ms: of a clock that was set back since, or that was set ahead by more than is kept, parts."""
    if begin > until:
        return ((until - SLICE_MS, until),)
    if until - begin > 2 * FURTHEST_MS:
        return ((begin, begin + FURTHEST_MS), (until - FURTHEST_MS, until))
    return ((max(begin, until - FURTHEST_MS), until),)


def _record(journal: Journal, values: Mapping[str, str]) -> asyncio.Future[Kept]:
    return journal.append(Record(journal.stamp(), RecordClass.READING, "sparkplug", values=values))
