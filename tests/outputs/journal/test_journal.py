from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from stationd.core.model import GOOD, PointId, Reading
from stationd.outputs.journal import Kept, Query, RecordClass, State, StateDirectoryHeld, SystemClock, Wanted
from stationd.outputs.journal.record import JournalSettings
from tests.outputs.journal.files import QUICK, SetClock, opened, record, until

YEARS_S = 10 * 365 * 86_400.0


async def test_what_was_acknowledged_is_there_again_with_the_exact_snapshots(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        first = journal.append(record(journal, subject="k", states={"k": '{"letter":"B"}', "l": "{}"}, values={"bdSeq": "7"}))
        second = journal.append(record(journal, subject="k", states={"k": '{"letter":"C"}', "l": None}))
        assert (await first, await second) == (Kept.COMMITTED, Kept.COMMITTED)
    async with opened(tmp_path) as journal:
        assert journal.restored.known
        assert journal.restored.states == {"k": '{"letter":"C"}'}
        assert journal.restored.values == {"bdSeq": "7"}
        assert [each.body for each in (await journal.entries(Query("k"))).records] == ['{"n": 2}', '{"n": 1}']


async def test_an_alarm_waits_for_no_group(tmp_path: Path) -> None:
    slow = JournalSettings(group_s=3600.0)
    async with opened(tmp_path, slow) as journal:
        waits = journal.append(record(journal, RecordClass.EVENT))
        assert await journal.append(record(journal, RecordClass.ALARM)) is Kept.COMMITTED  # and takes along what waits
        assert await waits is Kept.COMMITTED


async def test_order_is_that_of_runs_and_sequence_whatever_the_wall_clock_says(tmp_path: Path) -> None:
    clock = SetClock()
    for run in range(3):
        async with opened(tmp_path, clock=clock) as journal:
            for jump in (YEARS_S, -2 * YEARS_S, YEARS_S):
                clock.utc_s += jump
                clock.synchronised = not clock.synchronised
                clock.t += 1.0
                await journal.append(record(journal, subject=str(run), topics=("t",)))
    async with opened(tmp_path, clock=clock) as journal:
        found = (await journal.entries(Query())).records[::-1]
        assert [(each.subject, each.sequence) for each in found] == [(str(run), n) for run in range(3) for n in (1, 2, 3)]
        assert {each.utc_s for each in found} == {1e9, 1e9 + YEARS_S, 1e9 - YEARS_S}
        assert [each.synchronised for each in found] == [False, True, False, True, False, True, False, True, False]
        messages = await journal.outbox.next(100)
        assert [each.payload.decode() for each in messages] == [f"{each.run}-{each.sequence}" for each in found]
        assert all(each.historical for each in messages)


@pytest.mark.parametrize("jump_s", [YEARS_S, -YEARS_S, 3600.0, -3600.0])
async def test_a_clock_that_is_set_ages_nothing(tmp_path: Path, jump_s: float) -> None:
    clock = SetClock()
    async with opened(tmp_path, clock=clock) as journal:
        await journal.append(record(journal, RecordClass.EVENT, "old", topics=("t",)))
        journal.record_readings([Reading(PointId("d", "p"), 1.0, GOOD, clock.t)])
        clock.utc_s += jump_s
        clock.t += 10.0
        journal.record_readings([Reading(PointId("d", "p"), 2.0, GOOD, clock.t + 1.0)])
        await journal.append(record(journal, RecordClass.EVENT, "new"))
    clock.t += 10.0
    async with opened(tmp_path, clock=clock) as journal:
        await until(lambda: journal.statistics.event_bytes > 0)
        assert [each.subject for each in (await journal.entries(Query())).records] == ["new", "old"]
        assert len(await journal.outbox.next(10)) == 1
        trace = await journal.trace(Wanted("d.p", -1e11, 1e11))
        assert [(each.value, each.utc_s) for each in trace.samples] == [(1.0, 1e9), (2.0, 1e9 + jump_s + 1.0)]


async def test_only_one_instance_works_in_a_directory(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(StateDirectoryHeld, match="another instance"):
            async with opened(tmp_path):
                pass
    async with opened(tmp_path) as journal:
        assert journal.health.good


async def test_a_newer_schema_is_left_alone_and_nothing_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(record(journal))
    path = tmp_path / "journal.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    before = path.read_bytes()
    async with opened(tmp_path) as journal:
        assert journal.health.state is State.NEWER
        assert "schema 99" in journal.health.reason
        assert not journal.restored.known
        journal.append(record(journal, topics=("t",)))
        (message,) = await journal.outbox.next(10)  # alarms go out all the same
        assert message.topic == "t"
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["journal.sqlite", "journal.sqlite.was-here"]


async def test_a_directory_that_cannot_be_written_is_a_health_and_recovers_by_itself(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.write_text("a file where the directory should be")
    async with opened(place) as journal:
        assert journal.health.state is State.FAILING
        assert not journal.restored.known
        waits = journal.append(record(journal, states={"k": "{}"}, topics=("t",)))
        (message,) = await journal.outbox.next(1)
        assert (message.topic, waits.done()) == ("t", False)
        place.unlink()
        place.mkdir()
        assert await waits is Kept.COMMITTED
        assert journal.health.good
        assert journal.restored.known


async def test_a_stamp_is_used_once_and_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        first, second = record(journal), record(journal)
        journal.append(second)
        with pytest.raises(ValueError, match="a stamp is used once"):
            journal.append(first)


async def test_after_the_end_a_record_is_lost_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        pass
    assert await journal.append(record(journal)) is Kept.LOST
    assert journal.statistics.lost[RecordClass.ALARM] == 1
    assert (await journal.trace(Wanted("d.p", 0.0, 1.0))).torn == 1  # not "nothing there"
    assert await journal.verify_audit() is None


async def test_memory_is_bounded_while_there_is_no_disk_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.write_text("")
    settings = JournalSettings(group_s=0.01, retry_s=0.02, memory_pinned=20_000, memory_events=20_000, memory_readings=20_000)
    async with opened(place, settings) as journal:
        kept = [journal.append(record(journal, each, topics=("t",))) for each in RecordClass for _ in range(100)]
        lost = [each for each in kept if each.done()]
        assert {each.result() for each in lost} == {Kept.LOST}
        assert journal.statistics.lost.total() == len(lost)
        assert journal.health.waiting_bytes <= 60_000
        place.unlink()
        place.mkdir()
        assert {await each for each in kept if each not in lost} == {Kept.COMMITTED}


async def test_statistics_add_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        classes = [each for each in RecordClass for _ in range(3)]
        await asyncio.gather(*[journal.append(record(journal, each, topics=("t",), audited=True)) for each in classes])
        await until(lambda: journal.statistics.audit.position == 15)
        statistics = journal.statistics
        assert statistics.committed == dict.fromkeys(RecordClass, 3)
        assert {each: total.records for each, total in statistics.outbox.items()} == dict.fromkeys(RecordClass, 3)
        assert sum(statistics.commit_s.counts) >= 1


def test_the_system_clock_agrees_with_the_clocks_of_the_machine() -> None:
    before = time.time(), time.monotonic()
    moment = SystemClock()()
    after = time.time(), time.monotonic()
    assert before[0] <= moment.utc_s <= after[0]
    assert before[1] <= moment.t <= after[1]
    assert isinstance(moment.synchronised, bool)


async def test_nothing_but_the_journal_and_its_mark_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path, QUICK) as journal:
        await journal.append(record(journal))
        names = {each.name for each in tmp_path.iterdir()}
    assert names == {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite.was-here"}
    assert {each.name for each in tmp_path.iterdir()} == {"journal.sqlite", "journal.sqlite.was-here"}


async def test_a_file_that_somebody_removes_is_noticed_and_no_letter_is_lost(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(record(journal, states={"k": "{}"}))
        for each in tmp_path.iterdir():
            each.unlink()
        await until(lambda: journal.statistics.failures > 0 and journal.health.good)
        await journal.append(record(journal, states={"l": "{}"}))
    async with opened(tmp_path) as journal:
        assert journal.restored.states == {"k": "{}", "l": "{}"}
