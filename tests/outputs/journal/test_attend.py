"""The thread that writes the journal: begun anew when it ends by itself, left alone while the disk has it, and never doubled."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from stationd.outputs.journal import Journal, Kept, Moment, Query, State
from stationd.outputs.journal.journal import WriterEnded
from stationd.outputs.journal.record import JournalSettings
from stationd.outputs.journal.worker import Worker
from stationd.service.supervisor import Kind, Part, Supervisor
from tests.outputs.journal.files import QUICK, SetClock, opened, record, until

LOOK_S = 0.05
OVERHEARD = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # that a thread ended is meant
QUICK_DISK = JournalSettings(group_s=0.01, retry_s=0.02, slow_s=0.05)


class Spoilt(SetClock):
    """A clock that does in the writing thread what a test wants: once fail, or hang."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self) -> Moment:
        if threading.current_thread().name == "journal":
            if self.fails.is_set():
                self.fails.clear()
                raise SystemExit  # a thread ends by it without a word
            self.goes_on.wait()
        return super().__call__()


@contextlib.asynccontextmanager
async def kept(journal: Journal, patience_s: float = 10.0) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor()

    async def live() -> None:
        async with supervisor:
            supervisor.start(Part("journal", lambda: journal.attend(LOOK_S), journal.beat, patience_s, Kind.STATION))

    living = asyncio.create_task(live())
    await journal.beat.begun.wait()
    with capture_logs():
        yield supervisor
    living.cancel()
    await asyncio.wait([living])


@OVERHEARD
async def test_a_writing_thread_that_ended_by_itself_is_begun_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    clock = Spoilt()
    async with opened(tmp_path, QUICK, clock) as journal, kept(journal) as supervisor:
        assert await journal.append(record(journal, subject="before")) is Kept.COMMITTED
        clock.fails.set()
        await until(lambda: supervisor.rebuilt["journal"] == 1)
        assert await journal.append(record(journal, subject="after")) is Kept.COMMITTED
        assert supervisor.trouble() == "journal: failed: WriterEnded"
        assert [each.subject for each in (await journal.entries(Query())).records] == ["after", "before"]
        assert sum(thread.name == "journal" for thread in threading.enumerate()) == 1


@OVERHEARD
async def test_attending_says_that_the_thread_has_ended(tmp_path: Path) -> None:
    clock = Spoilt()
    async with opened(tmp_path, QUICK, clock) as journal:
        attending = asyncio.create_task(journal.attend(LOOK_S))
        await journal.beat.begun.wait()
        clock.fails.set()
        with pytest.raises(WriterEnded):
            await attending
        again = asyncio.create_task(journal.attend(LOOK_S))
        assert await journal.append(record(journal)) is Kept.COMMITTED
        again.cancel()


async def test_a_disk_that_does_not_answer_is_no_hang_of_the_journal(tmp_path: Path) -> None:
    """Here somebody else has the file; a sync that hangs looks the same: the thread is in a call to the disk."""
    async with opened(tmp_path, QUICK_DISK) as journal, kept(journal, patience_s=0.1) as supervisor:
        with contextlib.closing(sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            journal.append(record(journal))
            await until(lambda: journal.health.state is State.FAILING)
            beats = journal.beat.number
            await until(lambda: journal.beat.number > beats + 1)
            assert journal.beat.due_t is None, "no sign of life is due"
            other.execute("ROLLBACK")
        await until(lambda: journal.health.good)
        assert supervisor.rebuilt["journal"] == 0
        assert supervisor.starving() == ()


async def test_a_thread_that_hangs_elsewhere_gives_no_sign_and_gets_no_second_one_beside_it(tmp_path: Path) -> None:
    clock = Spoilt()
    async with opened(tmp_path, QUICK, clock) as journal, kept(journal, patience_s=0.1) as supervisor:
        clock.goes_on.clear()
        await until(lambda: supervisor.rebuilt["journal"] == 1)
        assert sum(thread.name == "journal" for thread in threading.enumerate()) == 1
        clock.goes_on.set()
        assert await journal.append(record(journal)) is Kept.COMMITTED


async def test_a_question_that_nobody_expected_is_answered_with_its_error_and_the_next_one_too(tmp_path: Path) -> None:
    worker = Worker("asked", tmp_path / "journal.sqlite")
    async with opened(tmp_path) as journal:
        await journal.append(record(journal))
        worker.start()
        with capture_logs() as logs:
            assert isinstance(await worker.ask(lambda _: {}["no such key"]), KeyError)
        assert await worker.ask(lambda db: db.execute("SELECT 1").fetchone()) == (1,)
        worker.close()
    assert [each["event"] for each in logs] == ["the journal was asked what it cannot answer"]
