"""The book of the shift: nothing of it is lost by a restart, and nothing that is torn is believed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.logbook import MOST_NOTES, Entry, Logbook, restored, saved, with_notes

ENTRIES = st.builds(Entry, st.floats(0, 4e9), st.booleans(), st.text(max_size=20), st.integers(0, 2**32), st.text(max_size=500))
BOOKS = st.builds(
    lambda shift, written, notes: with_notes(Logbook(True, shift, written), tuple(notes), 0),
    st.none() | ENTRIES, st.none() | ENTRIES, st.lists(ENTRIES, max_size=MOST_NOTES + 5),
)  # fmt: skip
ONE = Entry(1_795_000_000.0, True, "a.bekov", 4242, "sensor wet")
TWO = Entry(1_795_000_060.0, False, "n.aliyeva", 4244, "door squeaks")


@given(BOOKS)
def test_what_is_saved_comes_back_whole(book: Logbook) -> None:
    assert restored(json.loads(json.dumps(saved(book)))) == book


@given(BOOKS, ENTRIES)
def test_taking_the_shift_ends_what_was_written_and_noted_for_it(book: Logbook, by: Entry) -> None:
    taken = book.taken(by)
    assert (taken.shift and taken.shift.uid, taken.written, taken.notes, taken.left_out) == (by.uid, None, (), 0)


@given(st.lists(ENTRIES, max_size=MOST_NOTES * 2))
def test_notes_are_bounded_and_what_is_left_out_is_counted(notes: list[Entry]) -> None:
    book = Logbook(True)
    for note in notes:
        book = book.noted(note)
    assert len(book.notes) + book.left_out == len(notes)
    assert len(book.notes) <= MOST_NOTES
    assert list(book.notes) == notes[-MOST_NOTES:] or not notes


@given(BOOKS)
def test_what_was_written_before_the_book_could_be_read_is_joined_to_it(earlier: Logbook) -> None:
    fresh = Logbook().noted(ONE).with_text(TWO)
    both = fresh.after(earlier)
    assert (both.known, both.shift, both.written) == (True, earlier.shift, TWO)
    assert both.notes[-1] == ONE
    assert len(both.notes) + both.left_out == len(earlier.notes) + earlier.left_out + 1


WHOLE = saved(Logbook(True, ONE, TWO, (ONE,)))


@pytest.mark.parametrize(
    "torn",
    [
        None,
        [],
        {},
        {**WHOLE, "notes": None},
        {**WHOLE, "left_out": -1},
        {**WHOLE, "left_out": True},
        {**WHOLE, "shift": 3},
        {**WHOLE, "written": {"by": "x"}},
        {**WHOLE, "notes": [{**saved(Logbook(True, ONE))["shift"], "utc_s": float("inf")}]},  # type: ignore[dict-item]
        {name: value for name, value in WHOLE.items() if name != "shift"},
    ],
    ids=range(10),
)
def test_a_book_that_is_torn_is_not_believed(torn: object) -> None:
    assert restored(torn) is None
