"""The book of the shift on a real disk that answers late."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stationd.outputs.journal import Journal, SystemClock
from stationd.outputs.session_records import Author, SessionRecords
from tests.outputs.journal.files import locked, until
from tests.outputs.plant import SIMULATED

BEKOV = Author("a.bekov", 4242, "a.bekov, uid 4242, pid 1, local")
ALIYEVA = Author("n.aliyeva", 4244, "n.aliyeva, uid 4244, pid 2, unknown")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="people") as name:
        yield Path(name)


def opened(folder: Path) -> Journal:
    return Journal.open(folder / "journal.sqlite", clock=SystemClock())


async def filled(folder: Path) -> None:
    """Leave what an earlier run knows."""
    journal = opened(folder)
    await journal.start()
    records = SessionRecords(journal, SystemClock(), SIMULATED)
    await records.take(BEKOV, ())
    await records.note("first", BEKOV)
    await records.write("watch the booster", BEKOV)
    await journal.close()


async def test_what_is_written_before_the_disk_answers_is_joined_to_what_it_remembers(folder: Path) -> None:
    await filled(folder)
    journal = opened(folder)
    with locked(folder):
        await journal.start(timeout_s=0.05)
        records = SessionRecords(journal, SystemClock(), SIMULATED)
        assert not records.book().known
        assert await records.note("second", ALIYEVA) is False
    await until(lambda: records.book().known)
    assert [note.text for note in records.book().notes] == ["first", "second"]
    await journal.close()
    again = opened(folder)
    await again.start()
    book = SessionRecords(again, SystemClock(), SIMULATED).book()
    assert [note.text for note in book.notes] == ["first", "second"]
    assert book.written is not None
    assert book.shift is not None
    assert (book.shift.by, book.written.text) == ("a.bekov", "watch the booster")
    await again.close()


async def test_what_waits_for_a_disk_that_never_answers_puts_nothing_in_the_place_of_the_book(folder: Path) -> None:
    await filled(folder)
    journal = opened(folder)
    with locked(folder):
        await journal.start(timeout_s=0.05)
        records = SessionRecords(journal, SystemClock(), SIMULATED)
        await records.note("lost, for all that is known", ALIYEVA)
        await journal.close(timeout_s=0.05)
    again = opened(folder)
    await again.start()
    book = SessionRecords(again, SystemClock(), SIMULATED).book()
    assert book.shift is not None
    assert book.notes[0].text == "first"
    await again.close()
