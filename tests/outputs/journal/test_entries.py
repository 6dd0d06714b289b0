from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from stationd.outputs.journal import Query, RecordClass
from tests.outputs.journal.files import opened, record


@pytest.mark.parametrize("commands", [False, True])
async def test_a_torn_record_is_counted_and_never_shown(tmp_path: Path, commands: bool) -> None:
    async with opened(tmp_path) as journal:
        for _ in range(3):
            await journal.append(record(journal, RecordClass.COMMAND if commands else RecordClass.EVENT))
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    db.execute(f"UPDATE {'commands' if commands else 'events'} SET body = '{{\"n\": 7}}' WHERE body = '{{\"n\": 2}}'")
    db.commit()
    db.close()
    async with opened(tmp_path) as journal:
        found = await journal.entries(Query(commands=commands))
        assert [each.body for each in found.records] == ['{"n": 3}', '{"n": 1}']
        assert found.torn == 1
