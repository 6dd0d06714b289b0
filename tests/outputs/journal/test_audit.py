from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from pathlib import Path

import pytest

from stationd.outputs.journal import RecordClass, Verified
from tests.outputs.journal.files import opened, record

RECORDS = 20


async def verified(directory: Path) -> Verified:
    async with opened(directory) as journal:
        found = await journal.verify_audit()
    assert found is not None
    return found


async def write(directory: Path) -> None:
    async with opened(directory) as journal:
        await asyncio.gather(*[journal.append(record(journal, RecordClass.AUDIT)) for _ in range(RECORDS)])


async def test_the_chain_holds_over_restarts_and_any_program_can_check_it(tmp_path: Path) -> None:
    await write(tmp_path)
    await write(tmp_path)
    found = await verified(tmp_path)
    assert found.intact
    digest = bytes(32)
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    for (text,) in db.execute("SELECT record FROM audit ORDER BY position"):
        digest = hashlib.sha256(digest + text.encode()).digest()
    db.close()
    assert (found.head.position, found.head.digest, found.head.text) == (2 * RECORDS, digest, digest.hex())


@pytest.mark.parametrize(
    ("change", "broken_at"),
    [
        ("UPDATE audit SET record = replace(record, 'no such words', '') WHERE position = 7", None),
        ("UPDATE audit SET record = record || ' ' WHERE position = 7", 7),
        ("UPDATE audit SET digest = zeroblob(32) WHERE position = 7", 7),
        ("UPDATE audit SET digest = 5 WHERE position = 7", 7),
        ("DELETE FROM audit WHERE position = 7", 7),
        ("DELETE FROM audit WHERE position = 1", 1),
        ("DELETE FROM audit WHERE position > 15", 16),
        ("INSERT INTO audit VALUES (21, '{}', zeroblob(32))", 21),
    ],
)
async def test_the_first_broken_link_is_named(tmp_path: Path, change: str, broken_at: int | None) -> None:
    await write(tmp_path)
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    db.execute(change)
    db.commit()
    db.close()
    found = await verified(tmp_path)
    assert found.broken_at == broken_at, found.why
    assert bool(found.why) is (broken_at is not None)
