"""The directory of a journal: whose it is, and what is taken away from it or put into it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stationd.outputs.journal import Kept, Query, State, StateDirectoryHeld
from tests.outputs.journal.files import opened, record, until


async def test_a_journal_that_is_gone_is_told_and_not_taken_for_a_new_station(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        assert journal.health.damage == ()
        await journal.append(record(journal, states={"k": "{}"}))
    (tmp_path / "journal.sqlite").unlink()
    async with opened(tmp_path) as journal:
        assert journal.restored.states == {}
        assert [sentence for sentence in journal.health.damage if "is gone" in sentence]
    async with opened(tmp_path) as journal:
        assert journal.health.damage == (), "told once"


async def test_an_empty_file_is_a_damaged_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    async with opened(tmp_path) as journal:
        assert len(journal.health.set_aside) == 1
        assert journal.health.good


async def test_the_journal_of_another_station_is_set_aside_and_nothing_of_it_is_used(tmp_path: Path) -> None:
    async with opened(tmp_path, station="aktau") as journal:
        await journal.append(record(journal, states={"k": "{}"}, values={"v": "1"}, topics=("t",)))
    async with opened(tmp_path, station="siyazan") as journal:
        assert (dict(journal.restored.states), dict(journal.restored.values)) == ({}, {})
        assert len(journal.health.set_aside) == 1
        assert "aktau" in journal.health.damage[0]
        await journal.append(record(journal, states={"mine": "{}"}))
        assert len((await journal.entries(Query())).records) == 1
    async with opened(tmp_path, station="siyazan") as journal:
        assert journal.restored.states == {"mine": "{}"}
        assert journal.health.set_aside == ()


async def test_a_state_directory_that_is_made_anew_is_held_like_the_first(tmp_path: Path) -> None:
    place = tmp_path / "state"
    async with opened(place) as journal:
        await journal.append(record(journal, states={"k": "{}"}))
        shutil.rmtree(place)
        await until(lambda: journal.statistics.failures > 0 and journal.health.good)
        with pytest.raises(StateDirectoryHeld):
            async with opened(place):
                pass
        assert [sentence for sentence in journal.health.damage if "is gone" in sentence]
    async with opened(place) as journal:
        assert journal.restored.states == {"k": "{}"}


async def test_a_new_directory_that_another_instance_has_taken_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "state"
    async with opened(place) as first:
        place.rename(tmp_path / "away")
        async with opened(place) as second:
            await second.append(record(second, subject="second"))
            await until(lambda: first.health.state is State.FAILING and "another instance" in first.health.reason)
            waits = first.append(record(first, subject="first"))
            await second.append(record(second, subject="second"))
            assert not waits.done()
            assert [each.subject for each in (await second.entries(Query())).records] == ["second", "second"]
        assert await waits is Kept.COMMITTED


async def test_a_log_that_somebody_removes_is_noticed_before_anything_of_it_is_lost(tmp_path: Path) -> None:
    place = tmp_path / "state"
    async with opened(place) as journal:
        for n in range(5):
            await journal.append(record(journal, subject=f"k{n}", states={f"k{n}": "{}"}))
        with closing(sqlite3.connect(place / "journal.sqlite")) as watcher:  # so that nobody who closes the file is the last
            watcher.execute("SELECT count(*) FROM events").fetchone()
            (place / "journal.sqlite-wal").unlink()
            await until(lambda: journal.statistics.failures > 0 and journal.health.good)
        await journal.append(record(journal, subject="after", states={"after": "{}"}))
        shutil.copytree(place, tmp_path / "killed")
    async with opened(tmp_path / "killed") as journal:
        assert journal.restored.states.keys() == {"k0", "k1", "k2", "k3", "k4", "after"}
        assert [each.subject for each in (await journal.entries(Query())).records[::-1]] == ["k0", "k1", "k2", "k3", "k4", "after"]
        assert journal.health.damage == ()


async def test_an_older_copy_that_is_put_in_place_while_it_runs_is_told(tmp_path: Path) -> None:
    place = tmp_path / "state"
    async with opened(place) as journal:
        await journal.append(record(journal, states={"k": '"old"'}))
    shutil.copytree(place, tmp_path / "copy")
    async with opened(place) as journal:
        await journal.append(record(journal, states={"k": '"new"'}))
        (tmp_path / "copy" / "journal.sqlite").replace(place / "journal.sqlite")
        await until(lambda: journal.statistics.failures > 0 and journal.health.good)
        assert [sentence for sentence in journal.health.damage if "another file stood" in sentence]
    async with opened(place) as journal:
        assert journal.restored.states == {"k": '"new"'}
