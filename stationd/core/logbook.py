"""The book of the shift: who has it, what the outgoing person wrote, and the notes since it was last taken. Pure; nothing of the plant.

Taking a shift over is two-way: one person writes, another one takes, and both are known by name. What is in the book outlasts a
restart as one small value. Times are Unix seconds with the word whether the clock of the machine was synchronised, because people read
them and nothing is timed by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

MOST_NOTES = 50  # since the last take; older ones are counted, and stand in the audit
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """What a person has written or done, and when."""

    utc_s: float
    synchronised: bool
    by: str
    uid: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Logbook:
    """The book as it stands. `known` is False while nobody can say what an earlier run of the daemon left in it.

    `shift` is who took it last, `written` the text that waits for whoever takes it, `left_out` how many notes are not kept here.
    """

    known: bool = False
    shift: Entry | None = None
    written: Entry | None = None
    notes: tuple[Entry, ...] = ()
    left_out: int = 0

    def noted(self, note: Entry) -> Logbook:
        """Return it with one more note."""
        return with_notes(self, (*self.notes, note), self.left_out)

    def with_text(self, written: Entry) -> Logbook:
        """Return it with the text for whoever comes next; a later one takes the place of an earlier one."""
        return replace(self, written=written)

    def taken(self, by: Entry) -> Logbook:
        """Return it after a person has taken the shift: the text is read, and notes begin anew."""
        return Logbook(self.known, replace(by, text=""))

    def after(self, earlier: Logbook) -> Logbook:
        """Return what an earlier run left, with what was written before that could be read. Who takes a shift has to know it first."""
        both = with_notes(earlier, (*earlier.notes, *self.notes), earlier.left_out + self.left_out)
        return replace(both, known=True, written=self.written or earlier.written)


def with_notes(book: Logbook, notes: tuple[Entry, ...], left_out: int) -> Logbook:
    """Return it with these notes, the newest of them if they are too many."""
    over = max(len(notes) - MOST_NOTES, 0)
    return replace(book, notes=notes[over:], left_out=left_out + over)


def saved(book: Logbook) -> dict[str, object]:
    """Return it as plain JSON values."""
    return {
        "shift": _plain(book.shift),
        "written": _plain(book.written),
        "notes": [_plain(note) for note in book.notes],
        "left_out": book.left_out,
    }


def restored(found: object) -> Logbook | None:
    """Return what `saved` made these values of; None where that cannot be read whole."""
    if not isinstance(found, Mapping) or not isinstance(found.get("notes"), list):
        return None
    try:
        shift, written = _perhaps(found["shift"]), _perhaps(found["written"])
        notes = tuple(_entry(note) for note in found["notes"])
        left_out = found["left_out"]
    except (KeyError, TypeError, ValueError):
        return None
    if isinstance(left_out, bool) or not isinstance(left_out, int) or left_out < 0:
        return None
    return with_notes(Logbook(True, shift, written), notes, left_out)


def _plain(entry: Entry | None) -> dict[str, object] | None:
    if entry is None:
        return None
    plain = {"utc_s": entry.utc_s, "synchronised": entry.synchronised, "by": entry.by, "uid": entry.uid, "text": entry.text}
    return dict[str, object](plain)


def _perhaps(found: object) -> Entry | None:
    return None if found is None else _entry(found)


def _entry(found: object) -> Entry:
    match found:
        case {"utc_s": float() | int() as utc_s, "synchronised": bool() as sure, "by": str() as by, "uid": int() as uid, "text": str(said)}:
            if math.isfinite(utc_s):
                return Entry(float(utc_s), sure, by, uid, said[:LONGEST_TEXT])
    raise ValueError("no entry of the book")
