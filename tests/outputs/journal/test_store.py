"""The open file by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stationd.outputs.journal import Message, Moment, Record, RecordClass, Stamp, schema
from stationd.outputs.journal.record import JournalSettings
from stationd.outputs.journal.salvage import recollect, salvage
from stationd.outputs.journal.store import Store
from stationd.outputs.journal.trimming import OutboxTrimmer, Trimmed

NOW = Moment(1e9, True, 1000.0)


def store(directory: Path) -> Store:
    return Store(directory / "journal.sqlite", "run", NOW)


def record(sequence: int, record_class: RecordClass = RecordClass.ALARM, topic: str = "event") -> Record:
    message = Message(topic, b"x" * 100)
    return Record(Stamp("run", sequence, NOW), record_class, "k", subject="s", messages=(message,), audited=True)


def test_what_a_failed_commit_has_brought_to_the_disk_after_all_is_not_written_twice(tmp_path: Path) -> None:
    with closing(store(tmp_path)) as one:
        for _ in range(2):
            one.write([record(1), record(2)], t=NOW.t)
        one.write([record(2), record(3)], t=NOW.t)
        assert one.db.execute("SELECT count(*) FROM events").fetchone() == (3,)
        assert one.head.position == 3
        assert one.outbox[RecordClass.ALARM].records == 3


def test_a_commit_is_written_through_to_the_disk(tmp_path: Path) -> None:
    with closing(store(tmp_path)) as one:
        assert one.db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: a commit outlasts a power cut"


def test_a_log_that_cannot_be_brought_into_the_file_is_an_error(tmp_path: Path) -> None:
    with closing(store(tmp_path)) as one, closing(schema.connect_to_read(tmp_path / "journal.sqlite")) as reader:
        one.write([record(1)], t=NOW.t)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        one.write([record(2)], t=NOW.t)
        with pytest.raises(sqlite3.OperationalError, match="somebody reads it"):
            one.settle()


def test_of_a_damaged_file_only_messages_that_are_whole_are_saved(tmp_path: Path) -> None:
    with closing(store(tmp_path)) as one:
        one.write([record(1, topic="first"), record(2, topic="second")], t=NOW.t)
        one.db.execute("UPDATE outbox SET topic = 'third' WHERE topic = 'first'")
        found = salvage(one.db)
        assert [row[2] for row in found.messages] == ["second"]
        assert found.torn_messages == 1


def test_a_disk_that_cannot_be_read_is_no_journal_without_alarms(tmp_path: Path) -> None:
    one = store(tmp_path)
    one.close()
    with pytest.raises(sqlite3.Error):
        recollect(one.db)
    with pytest.raises(sqlite3.Error):
        salvage(one.db)
    assert salvage(one.db, despairing=True).states == {}


def test_old_alarms_orders_and_audit_stay_in_the_outbox_whatever_its_age_and_its_size(tmp_path: Path) -> None:
    with closing(store(tmp_path)) as one:
        one.write([record(n, each) for n, each in enumerate(RecordClass, 1)], t=NOW.t)
        trimmed = Trimmed()
        trimmer = OutboxTrimmer(one, JournalSettings(outbox=1, outbox_age_s=10.0), trimmed)
        while trimmer.step(NOW.t + 1000.0):
            pass
        assert {each: total.records for each, total in one.outbox.items()} == {each: int(each.pinned) for each in RecordClass}
        assert trimmed.outbox.keys() == {RecordClass.READING, RecordClass.EVENT}


def test_a_torn_class_of_a_message_does_not_keep_it_from_being_deleted(tmp_path: Path) -> None:
    with closing(store(tmp_path)) as one:
        one.write([record(1)], t=NOW.t)
        one.db.execute("UPDATE outbox SET class = 'alatm'")
        (number,) = one.db.execute("SELECT id FROM outbox").fetchone()
        one.forget_messages([number])
        assert one.db.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
