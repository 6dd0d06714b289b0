"""The journal, read by somebody who must not touch it: alive, dead, torn, locked, or without its log."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from stationd.outputs.journal.audit import link
from stationd.support.past import NAME, TROUBLE, Bounds, Past
from tests.outputs.journal.files import locked
from tests.support.remains import EVENTS, NOW_UTC_S, VERDICT, journal

ALL = Bounds(0.0, 100_000, 1 << 26, time.monotonic() + 1e6)


def bytes_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file() and not path.name.endswith("-shm")}


def checked_whole(path: Path) -> None:
    past = Past(path)
    try:
        verdict = past.last_verdict()
        assert verdict is not None
        assert verdict.document["verdict"] == VERDICT
        alarms, torn = past.alarms()
        assert torn == 0
        assert {each["key"]: each["letter"] for each in alarms} == {
            "line/LINE-BREAK": "B", "fp1-booster/LOW-OUTPUT": "C", "fp2-booster/LOW-OUTPUT": "H",
        }  # fmt: skip
        (since,) = [each["since"]["t"] for each in alarms if each["key"] == "line/LINE-BREAK"]
        assert since == "2026-11-18T11:05:00.000Z"  # 100 s before the states were kept
        assert len(past.records("events", ALL).lines) >= EVENTS
        assert past.notes == []
    finally:
        past.close()


async def test_it_is_read_while_the_daemon_writes(tmp_path: Path) -> None:
    async with journal(tmp_path):
        checked_whole(tmp_path / NAME)
        with locked(tmp_path):
            checked_whole(tmp_path / NAME)


async def test_after_a_clean_end_nothing_is_left_beside_it(tmp_path: Path) -> None:
    async with journal(tmp_path):
        pass
    before = bytes_of(tmp_path)
    checked_whole(tmp_path / NAME)
    assert bytes_of(tmp_path) == before
    assert not list(tmp_path.glob("*-shm"))


async def test_after_a_kill_its_log_is_read_too_and_stays(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    async with journal(tmp_path):
        for end in ("", "-wal"):
            shutil.copy(tmp_path / f"{NAME}{end}", killed / f"{NAME}{end}")
    before = bytes_of(killed)
    assert before[f"{NAME}-wal"]
    checked_whole(killed / NAME)
    assert bytes_of(killed) == before


async def test_records_are_bounded_the_newest_stay_and_that_is_said(tmp_path: Path) -> None:
    async with journal(tmp_path):
        past = Past(tmp_path / NAME)
        few = past.records("events", Bounds(0.0, 5, 1 << 20, time.monotonic() + 60))
        assert len(few.lines) == 5
        assert "the oldest are left out" in few.notes[0]
        assert json.loads(few.lines[-1])["kind"] == "verdict"
        late = past.records("events", Bounds(NOW_UTC_S + EVENTS - 4, 1000, 1 << 20, time.monotonic() + 60))
        assert len(late.lines) == 5
        assert late.notes == []
        past.close()


async def test_the_excerpt_of_the_audit_can_be_checked_by_itself(tmp_path: Path) -> None:
    async with journal(tmp_path):
        past = Past(tmp_path / NAME)
        (line,) = (json.loads(each) for each in past.audit(ALL).lines)
        assert link(bytes(32), line["record"]).hex() == line["digest"]
        assert len(past.records("commands", ALL).lines) == 1
        past.close()


async def test_what_was_changed_is_not_taken_for_what_was_written(tmp_path: Path) -> None:
    async with journal(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as forger:
        forger.execute("UPDATE events SET body = replace(body, 'cable-cut', 'healthy') WHERE subject = 'line'")
        forger.execute("UPDATE states SET body = replace(body, 'critical', 'warning') WHERE key = 'line/LINE-BREAK'")
        forger.execute("UPDATE meta SET value = replace(value, 'pfe-a', 'pfe-b')")
    past = Past(tmp_path / NAME)
    assert past.last_verdict() is None
    assert past.alarms()[1] == 1
    assert past.value("operations") == {}
    assert past.records("events", ALL).notes == ["1 torn rows are left out"]
    past.close()


@pytest.mark.parametrize("seed", range(8))
async def test_a_torn_journal_gives_what_is_whole_or_says_why_not(tmp_path: Path, seed: int) -> None:
    async with journal(tmp_path, 400):
        pass
    chance, path = random.Random(seed), tmp_path / NAME
    data = bytearray(path.read_bytes())
    for _ in range(12):
        at = chance.randrange(100, len(data))
        data[at : at + 200] = chance.randbytes(200)[: len(data) - at]
    path.write_bytes(bytes(data[: chance.choice((len(data), len(data) // 2, 5000))]))
    try:
        past = Past(path)
    except TROUBLE:
        return
    for look in (past.alarms, past.last, past.last_verdict, lambda: past.records("events", ALL), lambda: past.audit(ALL)):
        try:
            look()
        except TROUBLE:
            continue
    past.close()


def test_what_is_no_journal_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(TROUBLE):
        Past(tmp_path / NAME)
    with pytest.raises(FileNotFoundError):
        Past(tmp_path / "none")
