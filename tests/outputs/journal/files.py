"""What the tests of the journal share: quick settings, records, and a journal that is open for the time of a block."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from stationd.outputs.journal import HistorySettings, Journal, JournalSettings, Message, Moment, Record, RecordClass

QUICK = JournalSettings(group_s=0.01, retry_s=0.02, history=HistorySettings(frame_s=0.02))
PATIENCE_S = 20.0


class SetClock:
    """A clock that the test sets: UTC by hand, the monotonic one by steps."""

    def __init__(self, utc_s: float = 1e9, t: float = 1000.0) -> None:
        self.utc_s, self.synchronised, self.t = utc_s, True, t

    def __call__(self) -> Moment:
        return Moment(self.utc_s, self.synchronised, self.t)

    def go(self, seconds: float) -> None:
        self.utc_s += seconds
        self.t += seconds


def record(
    journal: Journal,
    record_class: RecordClass = RecordClass.ALARM,
    subject: str = "",
    states: Mapping[str, str | None] | None = None,
    topics: tuple[str, ...] = (),
    values: Mapping[str, str] | None = None,
    audited: bool = False,
) -> Record:
    stamp = journal.stamp()
    body = json.dumps({"n": stamp.sequence})
    messages = tuple(Message(topic, stamp.id.encode()) for topic in topics)
    return Record(stamp, record_class, "test", body, subject, states or {}, values or {}, messages, audited)


@asynccontextmanager
async def opened(
    directory: Path,
    settings: JournalSettings = QUICK,
    clock: Callable[[], Moment] | None = None,
    run: str = "",
    station: str = "",
    start_s: float = PATIENCE_S,
) -> AsyncIterator[Journal]:
    journal = Journal.open(directory / "journal.sqlite", settings, clock, run, station)
    try:
        await journal.start(start_s)
        yield journal
    finally:
        await journal.close(PATIENCE_S)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[Callable[[], None]]:
    """Have somebody else hold the file, so that nothing can be written, until the block ends or what it gives is called."""
    somebody = sqlite3.connect(directory / "journal.sqlite", isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    try:
        yield somebody.close
    finally:
        somebody.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that nobody announces."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)
