"""What a file remembers, read with mistrust: every row by its check sum, and what stands in for rows that are torn.

At an opening the small tables are read; of a damaged file whatever can be proved right. A torn row is no reason to stop, but its
name is told. For each alarm whose row is torn or gone the newest whole record of it is added as a witness, from which others, who
know what an alarm is, can tell how it stood; and the newest records of all, which say when the file was last written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stationd.outputs.journal import schema
from stationd.outputs.journal.entries import KeptRecord, Query, find
from stationd.outputs.journal.rows import CLASSES, VALUE, is_whole

MOST_SUBJECTS = 5000  # of which witnesses are looked for: more than a station has alarms
LOOKED_THROUGH = 20  # records of one subject, should the newest be torn too
SUBJECTS = """
WITH RECURSIVE each(subject) AS (
    SELECT min(subject) FROM events
    UNION ALL SELECT (SELECT min(subject) FROM events WHERE subject > each.subject) FROM each WHERE each.subject IS NOT NULL)
SELECT subject FROM each WHERE subject IS NOT NULL LIMIT ?
"""


@dataclass(slots=True)
class Salvaged:
    """What is known to be right: alarm snapshots, small values, messages that nobody has taken; and what was left out as torn."""

    states: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    messages: list[tuple[object, ...]] = field(default_factory=list)
    torn_states: list[str] = field(default_factory=list)
    torn_values: list[str] = field(default_factory=list)
    torn_messages: int = 0
    witnesses: list[KeptRecord] = field(default_factory=list)
    complete: bool = True  # every table could be read to its end

    @property
    def much(self) -> int:
        """Return how much was found."""
        return len(self.states) + len(self.values) + len(self.messages)

    @property
    def torn(self) -> int:
        """Return how many rows were left out."""
        return len(self.torn_states) + len(self.torn_values) + self.torn_messages

    def under(self, states: Mapping[str, str | None], values: Mapping[str, str | None]) -> Salvaged:
        """Return this with what memory knows put over it: memory is the newer. None: gone."""
        return Salvaged(
            _without_gone({**self.states, **states}),
            _without_gone({**self.values, **values}),
            self.messages,
            self.torn_states,
            self.torn_values,
            self.torn_messages,
            self.witnesses,
        )


def recollect(db: sqlite3.Connection) -> Salvaged:
    """Return what an open file remembers, without its messages. sqlite3.Error where the disk fails: then nothing is known."""
    found = Salvaged()
    _read_states(db, found)
    _read_values(db, found)
    if found.torn:
        _add_witnesses(db, found)
    return found


def salvage(db: sqlite3.Connection, *, despairing: bool = False) -> Salvaged:
    """Read what can be proved right from a file that need not be whole.

    What is no damage of the file but a failing disk is raised, since it may be read later; unless `despairing`.
    """
    found = Salvaged()
    for read in (_read_states, _read_values, _read_messages, _add_witnesses):
        try:
            read(db, found)
        except schema.TROUBLE as error:
            if not despairing and not schema.is_damage(error):
                raise
            found.complete = False
    return found


def _read_states(db: sqlite3.Connection, found: Salvaged) -> None:
    for row in db.execute("SELECT key, body, record, checked FROM states"):
        if isinstance(row[0], str) and isinstance(row[1], str) and is_whole(row):
            found.states[row[0]] = row[1]
        else:
            found.torn_states.append(str(row[0]))


def _read_values(db: sqlite3.Connection, found: Salvaged) -> None:
    for row in db.execute("SELECT key, value, checked FROM meta WHERE key LIKE 'value:%'"):
        name = str(row[0]).removeprefix(VALUE)
        if isinstance(row[0], str) and isinstance(row[1], str) and is_whole(row):
            found.values[name] = row[1]
        else:
            found.torn_values.append(name)


def _read_messages(db: sqlite3.Connection, found: Salvaged) -> None:
    for row in db.execute("SELECT * FROM outbox ORDER BY id"):
        if _whole(row):
            found.messages.append(row)
        else:
            found.torn_messages += 1


def _add_witnesses(db: sqlite3.Connection, found: Salvaged) -> None:
    found.witnesses += find(db, Query(most=LOOKED_THROUGH)).records
    for subject in _subjects(db):
        if subject and subject not in found.states:
            found.witnesses += find(db, Query(subject, most=LOOKED_THROUGH)).records[:1]


def _subjects(db: sqlite3.Connection) -> Iterator[str]:
    """Return each subject once, by steps along the index: there may be a year of records."""
    for (subject,) in db.execute(SUBJECTS, (MOST_SUBJECTS,)).fetchall():
        if isinstance(subject, str):
            yield subject


def _whole(row: tuple[object, ...]) -> bool:
    match row:
        case (int(), str(word), str(), bytes(), int(), int(), int(), float(), int()):
            return word in CLASSES and is_whole(row)
    return False


def _without_gone(texts: Mapping[str, str | None]) -> dict[str, str]:
    return {key: text for key, text in texts.items() if text is not None}
