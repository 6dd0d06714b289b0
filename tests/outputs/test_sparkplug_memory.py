"""The journal as the memory of the Sparkplug edge node."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stationd.core.model import GOOD, PointId, Reading
from stationd.outputs.document import Mode
from stationd.outputs.journal import HistorySettings, Journal, JournalSettings, SystemClock
from stationd.outputs.journal.traces import Wanted
from stationd.outputs.sparkplug.memory import Batch
from stationd.outputs.sparkplug.plant import catalogue
from stationd.outputs.sparkplug_memory import JournalHistory, JournalNumbers
from tests.outputs.journal.files import SetClock
from tests.outputs.plant import SIMULATED, board

CURRENT = PointId("pfe-a", "output_current")
QUICK = JournalSettings(history=HistorySettings(frame_s=0.02))


@contextlib.asynccontextmanager
async def journal(folder: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(folder / "journal.sqlite", QUICK)
    await opened.start()
    try:
        yield opened
    finally:
        await opened.close(1.0)


def history(of: Journal) -> JournalHistory:
    return JournalHistory(of, catalogue(SIMULATED, board()), Mode.SIM, SystemClock(), settle_s=0.0)


async def stored(of: Journal, number: int) -> None:
    """Record so many readings, and return when they can be read back."""
    now = time.monotonic()
    of.record_readings([Reading(CURRENT, 1000.0 + n, GOOD, now - number + n) for n in range(number)])
    async with asyncio.timeout(30):
        while len((await of.trace(Wanted(str(CURRENT), 0.0, time.time() + 1.0))).samples) < number:
            await asyncio.sleep(0.02)


async def batches(of: JournalHistory, until: int) -> list[Batch]:
    return [batch async for batch in of.waiting("pfe-a", until)]


async def test_the_birth_number_outlasts_a_restart(tmp_path: Path) -> None:
    async with journal(tmp_path) as first:
        assert await JournalNumbers(first, SystemClock()).load() is None
        await JournalNumbers(first, SystemClock()).save(254)
    async with journal(tmp_path) as second:
        assert await JournalNumbers(second, SystemClock()).load() == 254


async def test_a_journal_that_cannot_be_read_gives_a_number_that_was_not_used_and_nothing_is_written_over_the_last(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").mkdir()
    clock = SetClock(utc_s=1_795_000_000.0)
    async with journal(tmp_path) as broken:
        numbers = JournalNumbers(broken, clock, patience_s=0.0)
        first = await numbers.load()
        clock.go(1.0)
        second = await numbers.load()
        assert first is not None
        assert second is not None
        assert second % 254 == (first + 1) % 254
        assert 0 not in {(first + 1) % 256, (second + 1) % 256}
        with pytest.raises(OSError, match="unable to open"):
            await numbers.save(first + 1)
        with pytest.raises(OSError, match="unable to open"):
            await batches(history(broken), 1)


async def test_a_journal_that_is_locked_for_a_while_at_the_start_gives_its_number_as_soon_as_it_can_be_read(tmp_path: Path) -> None:
    async with journal(tmp_path) as first:
        await JournalNumbers(first, SystemClock()).save(41)
    somebody = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    late = Journal.open(tmp_path / "journal.sqlite", QUICK)
    try:
        assert not (await late.start(0.05)).known
        loading = asyncio.create_task(JournalNumbers(late, SystemClock(), patience_s=60.0).load())
        await asyncio.sleep(0)
        somebody.execute("ROLLBACK")
        assert await loading == 41
    finally:
        somebody.close()
        await late.close()


async def test_what_was_read_after_the_last_position_waits_in_order_and_nothing_twice(tmp_path: Path) -> None:
    async with journal(tmp_path) as kept:
        here = history(kept)
        begin = here.position() - 10_000
        await here.delivered({"pfe-a": begin})
        await stored(kept, 5)
        found = await batches(here, here.position())
        samples = [sample for batch in found for _, sample in batch.samples]
        assert [sample.value for sample in samples] == [1000.0, 1001.0, 1002.0, 1003.0, 1004.0]
        assert [sample.at_ms for sample in samples] == sorted(sample.at_ms for sample in samples)
        middle = samples[2].at_ms
        await here.delivered({"pfe-a": middle})
        left = [sample.value for batch in await batches(here, here.position()) for _, sample in batch.samples]
        assert left == [1003.0, 1004.0]


async def test_positions_outlast_a_restart_and_a_new_device_has_nothing_waiting(tmp_path: Path) -> None:
    async with journal(tmp_path) as first:
        here = history(first)
        await here.delivered({"pfe-a": here.position() - 60_000})
        await stored(first, 3)
    async with journal(tmp_path) as second:
        here = history(second)
        assert sum(len(batch.samples) for batch in await batches(here, here.position())) == 3
        assert [batch async for batch in here.waiting("meter", here.position())] == []


async def test_a_clock_that_was_years_ahead_for_a_moment_ends_no_replay(tmp_path: Path) -> None:
    async with journal(tmp_path) as kept:
        here = history(kept)
        await stored(kept, 5)
        await here.delivered({"pfe-a": here.position() + 10**12})  # noted while the clock was wrong
        assert sum(len(batch.samples) for batch in await batches(here, here.position())) == 5
        await here.delivered({"pfe-a": here.position() - 60_000})
        assert sum(len(batch.samples) for batch in await batches(here, here.position())) == 5


async def test_what_was_stored_just_before_the_clock_was_set_ahead_is_replayed_too(tmp_path: Path) -> None:
    async with journal(tmp_path) as kept:
        here = history(kept)
        await here.delivered({"pfe-a": here.position() - 60_000})
        await stored(kept, 5)
        ahead = here.position() + 3600 * 24 * 365 * 1000
        assert sum(len(batch.samples) for batch in await batches(here, ahead)) == 5
