"""A file that was torn, cut or scribbled on: never an exception, never a wrong letter, and the daemon runs on."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stationd.core.model import GOOD, PointId, Reading
from stationd.outputs.journal import Kept, Query, RecordClass, Wanted
from tests.outputs.journal.files import opened, record, until

STATES = {f"alarm{n}": json.dumps({"letter": "BCDEFG"[n % 6], "n": n, "text": "x" * 50}) for n in range(40)}


async def make(directory: Path) -> None:
    async with opened(directory) as journal:
        for key, state in STATES.items():
            journal.append(record(journal, subject=key, states={key: state}, topics=(f"alarm/{key}",), audited=True))
        journal.record_readings([Reading(PointId("d", "p"), float(n), GOOD, float(n)) for n in range(200)])
        await journal.append(record(journal, RecordClass.COMMAND))


@cache
def whole() -> bytes:
    """Return a whole journal. Not a fixture: what is torn from it is to be shown, and not all of it."""
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(make(Path(name)))
        return (Path(name) / "journal.sqlite").read_bytes()


async def live_on(directory: Path) -> None:
    """Start on what is there: what is restored is right, new records are kept, nothing is deleted."""
    before = sum(each.stat().st_size for each in directory.iterdir())
    async with opened(directory) as journal:
        assert journal.health.good
        assert journal.restored.states.items() <= STATES.items()
        assert await journal.append(record(journal, subject="new", states={"new": "{}"}, topics=("t",))) is Kept.COMMITTED
        for message in await journal.outbox.next(1000):
            assert message.topic == "t" or message.topic.removeprefix("alarm/") in STATES
        for each in (await journal.entries(Query())).records:
            assert each.subject == "new" or each.subject in STATES or not each.subject
        await journal.verify_audit()
        await journal.trace(Wanted("d.p", -1e11, 1e11))
        for name in journal.health.set_aside:
            assert "damaged" in name
            assert (directory / name).exists()
    async with opened(directory) as journal:
        assert journal.restored.states["new"] == "{}"
    assert sum(each.stat().st_size for each in directory.iterdir()) >= before or not journal.health.set_aside


# Each run tries damage of its own; STATIOND_TORN sets how much, a release takes 150.
SOME = settings(
    max_examples=int(os.environ.get("STATIOND_TORN", "12")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@SOME
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=20))
def test_flipped_bytes_are_never_taken_for_an_alarm(flips: list[tuple[float, int]]) -> None:
    torn = bytearray(whole())
    for place, flip in flips:
        torn[int(place * len(torn))] ^= flip
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "journal.sqlite").write_bytes(torn)
        asyncio.run(live_on(Path(name)))


@SOME
@given(st.floats(0, 1))
def test_a_file_that_ends_too_early_is_set_aside_or_whole(share: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "journal.sqlite").write_bytes(whole()[: int(share * len(whole()))])
        asyncio.run(live_on(Path(name)))


@SOME
@given(st.integers(0, 60), st.binary(min_size=1, max_size=5000))
def test_a_scribbled_page_or_log_is_survived(page: int, scribble: bytes) -> None:
    torn = bytearray(whole())
    at = page * 4096 % len(torn)
    torn[at : at + len(scribble)] = scribble
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "journal.sqlite").write_bytes(torn)
        (Path(name) / "journal.sqlite-wal").write_bytes(scribble)
        (Path(name) / "journal.sqlite-shm").write_bytes(scribble)
        asyncio.run(live_on(Path(name)))


async def test_a_flipped_letter_is_no_letter_and_a_flipped_message_is_not_sent(tmp_path: Path) -> None:
    await make(tmp_path)
    path = tmp_path / "journal.sqlite"
    torn = path.read_bytes()
    state = STATES["alarm7"].encode()
    assert torn.count(state) == 1
    path.write_bytes(torn.replace(state, state.replace(b'"C"', b'"A"')).replace(b"alarm/alarm9", b"alarm/alarm8"))
    async with opened(tmp_path) as journal:
        assert journal.restored.states == {key: text for key, text in STATES.items() if key != "alarm7"}
        assert journal.statistics.torn == 1
        assert "alarm7" in journal.health.damage[0]
        assert journal.restored.torn_states == ("alarm7",)
        witnesses = {each.subject: each.body for each in journal.restored.witnesses}
        assert witnesses["alarm7"] == '{"n": 8}'
        assert len(await journal.outbox.next(1000)) == len(STATES) - 1
        assert journal.outbox.torn == 1


async def test_a_torn_definition_whose_bytes_are_no_text_is_set_aside_and_nothing_stops(tmp_path: Path) -> None:
    await make(tmp_path)
    path = tmp_path / "journal.sqlite"
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE packing", b"CREATE\x87\xfeBLE packing"))
    await live_on(tmp_path)


async def test_a_header_that_names_an_unknown_format_is_damage(tmp_path: Path) -> None:
    torn = bytearray(whole())
    torn[47] ^= 0x10  # the schema format number
    (tmp_path / "journal.sqlite").write_bytes(torn)
    await live_on(tmp_path)


async def test_a_header_that_has_sqlite_never_write_again_is_damage_and_every_state_is_saved(tmp_path: Path) -> None:
    await make(tmp_path)
    torn = bytearray((tmp_path / "journal.sqlite").read_bytes())
    torn[18] ^= 0x40  # how the file is written: SQLite reads it, and refuses every write
    (tmp_path / "journal.sqlite").write_bytes(torn)
    async with opened(tmp_path) as journal:
        assert await journal.append(record(journal)) is Kept.COMMITTED
        assert journal.restored.states == STATES
        assert len(journal.health.set_aside) == 1


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"\0" * 8192, b"not a database at all" * 500])
async def test_a_file_that_is_no_journal_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.sqlite").write_bytes(content)
    await live_on(tmp_path)


@pytest.mark.parametrize("table", ["events", "audit", "frames"])
async def test_damage_that_is_met_in_mid_run_costs_no_letter_and_no_message(tmp_path: Path, table: str) -> None:
    await make(tmp_path)
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    db.close()
    with (tmp_path / "journal.sqlite").open("r+b") as file:  # a table that no start looks into
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    async with opened(tmp_path) as journal:
        journal.record_readings([Reading(PointId("d", "p"), 1.0, GOOD, 1e6)])
        kept = [journal.append(record(journal, subject="late", states={"late": "{}"}, audited=True)) for _ in range(3)]
        assert {await each for each in kept} == {Kept.COMMITTED}
        await until(lambda: len(journal.health.set_aside) == 1 and journal.health.good)
        topics = [message.topic for message in await journal.outbox.next(1000)]
        assert topics == [f"alarm/{key}" for key in STATES]
    async with opened(tmp_path) as journal:
        assert journal.restored.states == {**STATES, "late": "{}"}
        verified = await journal.verify_audit()
        assert verified is not None
        assert verified.intact
