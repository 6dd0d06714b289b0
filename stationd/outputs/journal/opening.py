"""Opening the file, again and again, whatever stands in its place, and what has to survive even the loss of the file.

A new file is made whole under another name before it gets its own, so that a file without tables is always damage. What is damaged
for certain, or belongs to another station, is set aside and never deleted; what is gone although there was one is told. Every such
thing is a sentence in `damage`, for people.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from stationd.outputs.journal import schema
from stationd.outputs.journal.place import Place
from stationd.outputs.journal.record import Moment, Record
from stationd.outputs.journal.salvage import Salvaged, recollect, salvage
from stationd.outputs.journal.store import Store

log = structlog.get_logger()

CERTAIN = 3  # a failing read can look like damage; only what is found damaged so often within a minute is set aside
CERTAIN_WITHIN_S = 60.0
MOST_SET_ASIDES = 5  # in one run: a disk that damages every file is not given more of them
MOST_SALVAGES = 5  # attempts to read a damaged file to its end
MOST_NAMED = 10  # torn rows that one sentence names


@dataclass(slots=True)
class Remembered:
    """The newest snapshot of each alarm (None: gone), and the small values: what was written in this run or read at its start."""

    states: dict[str, str | None] = field(default_factory=dict)
    values: dict[str, str | None] = field(default_factory=dict)

    def take(self, records: list[Record]) -> None:
        """Remember what records carry."""
        for record in records:
            self.states.update(record.states)
            self.values.update(record.values)

    def over(self, file: Salvaged) -> Salvaged:
        """Return what memory and a file know together; memory is the newer."""
        return file.under(self.states, self.values)


class Opener:
    """Gives a store that can be written. To be used by the one who writes."""

    def __init__(self, place: Place, run: str) -> None:
        self.remembered = Remembered()
        self.last_committed = 0  # sequence of this run: a file that knows less of it is another one
        self.set_aside: list[str] = []
        self.damage: list[str] = []
        self._place = place
        self._run = run
        self._reason = ""
        self._damaged_at: list[float] = []
        self._salvages = 0

    def open(self, moment: Moment, *, settle: bool) -> tuple[Store, Salvaged]:
        """Return the open file and what it and memory remember. Whatever the disk raises; `settle` after it has failed before."""
        path = self._place.path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._place.hold_again()
        if len(self._damaged_at) >= CERTAIN:
            self._begin_anew(moment)
        if schema.adopt(schema.new_name(path), path):  # a kill or the disk came in between
            self.say("a damaged file was set aside, and the new one took its place later")
        if not path.exists():
            self._begin(moment)
        store = Store(path, self._run, moment)
        try:
            store.belongs_to(self._place.station)
        except schema.Foreign as foreign:
            store.close()
            store = self._replace_foreign(moment, str(foreign))
        except BaseException:
            store.close()
            raise
        return self._take_over(store, settle=settle)

    def failed(self, error: Exception) -> bool:
        """Take note of what went wrong; return whether it looks like damage that soon becomes certain."""
        if not schema.is_damage(error):
            self._damaged_at = []
            return False
        now = time.monotonic()
        self._reason = str(error)
        self._damaged_at = [at for at in self._damaged_at if at > now - CERTAIN_WITHIN_S] + [now]
        return len(self.set_aside) < MOST_SET_ASIDES

    def say(self, sentence: str) -> None:
        """Add a sentence about damage, once."""
        if sentence not in self.damage:
            self.damage.append(sentence)
            log.error("the journal is damaged", what=sentence)

    # ------------------------------------------------------------------ what stands in its place

    def _take_over(self, store: Store, *, settle: bool) -> tuple[Store, Salvaged]:
        try:
            if settle:
                store.settle()
            if store.last_sequence < self.last_committed:  # what memory knows goes into it
                store.begin_with(self.remembered.over(Salvaged()))
                self.say(f"another file stood in the place of {self._place.path.name}: records of this run are missing in it")
            found = recollect(store.db)
        except BaseException:
            store.close()
            raise
        for kind, names in (("alarms", found.torn_states), ("small values", found.torn_values)):
            if names:
                self.say(f"torn and left out, {kind}: {', '.join(map(repr, names[:MOST_NAMED]))}; {len(names)} in all")
        known = self.remembered.over(found)
        self.remembered.states = {**found.states, **self.remembered.states}
        self.remembered.values = {**found.values, **self.remembered.values}
        self._place.opened()
        return store, known

    def _begin(self, moment: Moment) -> None:
        """Make the first file, or one for the one that is gone, with what is still known."""
        path, gone = self._place.path, self._place.is_gone
        if path.with_name(f"{path.name}-wal").exists():  # of a file that is not there any more: it must not get into the new one
            schema.set_log_aside(path, moment.utc_s)
        self._make(schema.first_name(path), self.remembered.over(Salvaged()), moment)
        if gone:
            self.say(f"{path.name} is gone although there was one; a new one is begun")

    def _begin_anew(self, moment: Moment) -> None:
        """Make a new file with what is known, set the damaged one aside, and let the new one take its name."""
        path = self._place.path
        known = self.remembered.over(self._salvage(path))
        self._make(schema.new_name(path), known, moment, self._reason)
        self._damaged_at, self._salvages = [], 0
        self.remembered = Remembered(dict(known.states), dict(known.values))

    def _salvage(self, path: Path) -> Salvaged:
        """Return what can be saved from a damaged file. A disk that fails as well gets some more chances first."""
        self._salvages += 1
        best = Salvaged()
        for _ in range(CERTAIN):
            found = _salvaged(path, despairing=self._salvages > MOST_SALVAGES)
            best = max(best, found, key=lambda each: each.much)
            if found.complete:
                break
        return best

    def _replace_foreign(self, moment: Moment, why: str) -> Store:
        """Set the journal of another station aside and open a new one, with nothing of it."""
        path = self._place.path
        self._make(schema.new_name(path), self.remembered.over(Salvaged()), moment, why)
        self.say(why)
        store = Store(path, self._run, moment)
        try:
            store.belongs_to(self._place.station)
        except BaseException:
            store.close()
            raise
        return store

    def _make(self, made: Path, known: Salvaged, moment: Moment, reason: str = "") -> None:
        """Make a whole new file under another name and let it take the place of the one that is there, if there is one."""
        path = self._place.path
        if path.exists() and len(self.set_aside) >= MOST_SET_ASIDES:
            raise OSError(f"{len(self.set_aside)} files were damaged in this run; no further one is begun. The last: {reason}")
        schema.clear(made)
        store = Store(made, self._run, moment)
        try:
            store.begin_with(known)
            store.settle()
        finally:
            store.close()
        if path.exists():
            aside = schema.set_aside(path, moment.utc_s)
            self.set_aside.append(aside.name)
            log.error("the journal cannot be used; it was set aside and a new one is begun", reason=reason, file=str(aside))
        schema.adopt(made, path)
        self.last_committed = 0


def _salvaged(path: Path, *, despairing: bool) -> Salvaged:
    try:
        with closing(schema.connect_to_salvage(path)) as db:
            return salvage(db, despairing=despairing)
    except schema.TROUBLE as error:
        if not despairing and not schema.is_damage(error):
            raise
        return Salvaged(complete=False)
