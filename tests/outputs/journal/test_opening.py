"""A file that opens late, anew, or not at all."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stationd.outputs.journal import Journal, Kept, Query, Record, RecordClass, Wanted
from stationd.outputs.journal.worker import Worker
from tests.outputs.journal.files import QUICK, locked, opened, record, until


async def test_what_the_file_remembers_is_told_also_when_it_opens_late_and_something_was_appended_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(record(journal, states={"k": '"of before"'}))
    with locked(tmp_path) as release:
        async with opened(tmp_path, start_s=0.05) as journal:
            assert dict(journal.restored.states) == {}
            kept = journal.append(record(journal, states={"k": '"of now"'}))
            release()
            assert await kept is Kept.COMMITTED
            assert journal.restored.states == {"k": '"of before"'}
            with locked(tmp_path):
                kept = journal.append(record(journal, states={"k": '"of still later"'}))
                await until(lambda: not journal.health.good)
            assert await kept is Kept.COMMITTED
            assert journal.restored.states == {"k": '"of before"'}, "what this run has written is not of before"


async def test_after_the_disk_has_failed_what_stood_in_the_log_is_written_anew_before_it_counts_as_good(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(record(journal, subject="before"))
        watcher = sqlite3.connect(tmp_path / "journal.sqlite")  # so that nobody who closes the file is the last
        watcher.execute("SELECT count(*) FROM boots").fetchone()
        with locked(tmp_path):
            kept = journal.append(record(journal, subject="after"))
            await until(lambda: not journal.health.good)
        assert await kept is Kept.COMMITTED
        (tmp_path / "without log").mkdir()
        shutil.copy(tmp_path / "journal.sqlite", tmp_path / "without log")
        watcher.close()
    async with opened(tmp_path / "without log") as journal:
        assert "before" in [each.subject for each in (await journal.entries(Query())).records]


async def test_records_that_belong_together_are_one_commit_however_many_they_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        before = sum(journal.statistics.commit_s.counts)
        kept = journal.append_all([record(journal, states={f"k{n}": "{}"}) for n in range(1200)])
        await kept[-1]
        assert sum(journal.statistics.commit_s.counts) == before + 1


class Slow(Sequence[Record]):
    """Records of which the second comes late enough for anybody to take the first."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def __iter__(self) -> Iterator[Record]:
        for each in self.records:
            yield each
            time.sleep(0.1)


async def test_nobody_takes_a_part_of_what_is_being_handed_over_together(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        before = sum(journal.statistics.commit_s.counts)
        await journal.append_all(Slow([record(journal), record(journal)]))[-1]
        assert sum(journal.statistics.commit_s.counts) == before + 1


def open_files(path: Path) -> int:
    return sum(str(each.resolve()).startswith(str(path)) for each in Path("/proc/self/fd").iterdir())


async def test_while_the_file_cannot_be_written_no_reader_holds_on_to_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(record(journal))
    path = tmp_path / "journal.sqlite"
    reader = Worker("reader", path)
    reader.start()
    reader.renew()
    assert await reader.ask(lambda db: db.execute("SELECT count(*) FROM events").fetchone()) == (1,)
    assert open_files(path) > 0
    reader.let_go()
    await until(lambda: open_files(path) == 0)
    assert await reader.ask(lambda db: db.execute("SELECT count(*) FROM events").fetchone()) == (1,)
    await until(lambda: open_files(path) == 0)
    reader.close()
    await until(lambda: not [each for each in threading.enumerate() if each.name == "reader"])


async def test_a_journal_whose_disk_fails_lets_all_its_readers_go(tmp_path: Path) -> None:
    place = tmp_path / "state"
    async with opened(place) as journal:
        await journal.append(record(journal))
        await journal.entries(Query())
        await journal.trace(Wanted("d.p", 0.0, 1.0))
        shutil.rmtree(place)
        place.write_text("no directory any more")
        await until(lambda: not journal.health.good)
        await until(lambda: open_files(place / "journal.sqlite") == 0)
        place.unlink()


async def test_a_dead_disk_never_silences_the_station_while_the_broker_takes_what_comes(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.write_text("no directory")
    got: list[int] = []

    async def deliver(journal: Journal, wanted: int) -> None:
        while len(got) < wanted:
            lost = await journal.outbox.next(20)
            journal.outbox.rewind()
            messages = await journal.outbox.next(20)
            assert messages[: len(lost)] == lost, "what a lost connection has not delivered comes again"
            got.extend(int(each.payload.rpartition(b"-")[2]) for each in messages)
            journal.outbox.done(each.id for each in messages)

    async with opened(place, replace(QUICK, memory_pinned=50_000)) as journal:
        for n in range(30):
            for _ in range(20):
                journal.append(record(journal, RecordClass.ALARM, topics=("event",)))
            await deliver(journal, 20 * (n + 1))
        assert got == list(range(1, 601))
        last = journal.append(record(journal, states={"k": "{}"}))
        place.unlink()
        assert await last is Kept.COMMITTED
        assert journal.health.waiting_bytes == 0


async def test_a_torn_message_is_counted_once_and_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(record(journal, topics=("first", "second")))
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    db.execute("UPDATE outbox SET payload = x'00' WHERE topic = 'first'")
    db.commit()
    db.close()
    async with opened(tmp_path) as journal:
        for _ in range(3):
            assert [each.topic for each in await journal.outbox.next(10)] == ["second"]
            journal.outbox.rewind()
        assert journal.outbox.torn == 1
        await until(lambda: journal.statistics.outbox[RecordClass.ALARM].records == 1)
