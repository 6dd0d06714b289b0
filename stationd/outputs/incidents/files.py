"""The directory of incidents: what is open, the records, and the bundles. Blocks on the disk: for threads. OSError where it fails.

    events/ID.open.json      an incident that is not over: small, replaced with every change of the verdict
    events/ID.jsonl.gz       its record (stationd.outputs.incidents.record)
    events/NAME.damaged      what could not be read; kept until its room is needed, never taken for a record
    bundles/ID.zip           made on demand, and again whenever somebody asks

A file is written under a temporary name, brought to the disk and renamed: a kill leaves the old file or the new one. Room is made
before a record counts as written: damaged files go first, then the oldest records that are older than a year, then, when a year
does not fit, the oldest of all, with a line in the log each and a count of their own. Files of other names are never touched.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from stationd.outputs.document import Document
from stationd.outputs.incidents.course import Incident, Settings, incident_of
from stationd.outputs.incidents.record import Damaged, Readable, read_head, read_through
from stationd.outputs.journal.place import lasting_directory

log = structlog.get_logger()

NAME = re.compile(r"F-\d{4}-\d{2}-\d{2}-\d{1,6}")
OPEN, RECORD, DAMAGED, BUNDLE, NEW = ".open.json", ".jsonl.gz", ".damaged", ".zip", ".new"
OURS = re.compile(rf"({NAME.pattern})(\.open\.json|\.jsonl\.gz)(\.damaged)?")


@dataclass(slots=True)
class Statistics:
    """Counters since the start; `bytes` and `records` are of the directory as it was seen last."""

    opened: int = 0
    written: int = 0
    failed: int = 0
    set_aside: int = 0
    deleted: int = 0
    deleted_pinned: int = 0
    bundles: int = 0
    records: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    """One file of the directory and what speaks for keeping it."""

    path: Path
    size: int
    damaged: bool
    opened_utc_s: float


class Files:
    """Everything on the disk. One thread at a time."""

    def __init__(self, state: Path, settings: Settings, statistics: Statistics) -> None:
        self.events = state / "events"
        self.bundles = state / "bundles"
        self._settings = settings
        self._statistics = statistics

    def load(self) -> tuple[frozenset[str], tuple[Incident, ...]]:
        """Return the names that exist and the incidents that are not over, oldest first. What cannot be read is set aside."""
        lasting_directory(self.events)
        self._remove_unfinished(self.events)
        found = [self._open_incident(path) for path in sorted(self.events.glob(f"F-*{OPEN}"), key=_age)]
        names = frozenset(ours[1] for path in self.events.iterdir() if (ours := OURS.fullmatch(path.name)))
        self._count()
        return names, tuple(each for each in found if each is not None)

    def _open_incident(self, path: Path) -> Incident | None:
        try:
            return incident_of(json.loads(path.read_bytes()))
        except (ValueError, RecursionError) as error:
            self._set_aside(path, str(error))
            return None

    def keep(self, incident: Incident) -> None:
        """Bring an incident that is not over to the disk."""
        lasting_directory(self.events)
        text = json.dumps(incident.plain(), separators=(",", ":")).encode()
        _written(self.events / (incident.id + OPEN), lambda file: file.write(text))

    def close(self, name: str) -> None:
        """Note that an incident is over: its record says all."""
        with contextlib.suppress(FileNotFoundError):
            (self.events / (name + OPEN)).unlink()

    def record(self, name: str, lines: Iterator[bytes]) -> Path:
        """Write a record from its lines and make room for it."""
        lasting_directory(self.events)
        path = self.events / (name + RECORD)

        def pour(file: BinaryIO) -> None:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                for line in lines:
                    packed.write(line)

        _written(path, pour)
        self._statistics.written += 1
        return path

    def make_room(self, now_utc_s: float) -> None:
        """Delete what the quota has no room for, in the order of the module's text. The newest record always stays."""
        rooms = sorted(self._rooms(), key=lambda room: (not room.damaged, room.opened_utc_s))
        used = sum(room.size for room in rooms)
        for room in rooms[:-1]:
            if used <= self._settings.quota:
                break
            pinned = not room.damaged and room.opened_utc_s > now_utc_s - self._settings.pinned_s
            room.path.unlink()
            used -= room.size
            self._statistics.deleted += 1
            self._statistics.deleted_pinned += pinned
            say = log.error if pinned else log.info
            say("a record of an incident is deleted to make room", file=room.path.name, younger_than_a_year=pinned, size=room.size)
        self._count()

    def heads(self, most: int) -> list[Document]:
        """Return the heads of the newest records, newest first; damaged ones are set aside."""
        found: list[Document] = []
        for path in sorted(self.events.glob(f"F-*{RECORD}"), key=_age, reverse=True):
            if len(found) >= most:
                break
            try:
                with gzip.open(path) as file:
                    found.append(read_head(file))
            except (Damaged, EOFError, gzip.BadGzipFile) as error:
                self._set_aside(path, str(error))
        return found

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[Readable]:
        """Open a record that was checked to its end. Damaged when it is torn: then it is set aside."""
        path = self.events / (name + RECORD)
        try:
            with gzip.open(path) as file:
                read_through(file)
        except (Damaged, EOFError, gzip.BadGzipFile) as error:
            self._set_aside(path, str(error))
            raise Damaged(f"the record of {name} is damaged and set aside: {error}") from error
        with gzip.open(path) as file:
            yield file

    def bundle(self, name: str, pour: Callable[[BinaryIO], object]) -> Path:
        """Write a bundle; the oldest ones go beyond the number that is kept."""
        lasting_directory(self.bundles)
        self._remove_unfinished(self.bundles)
        path = self.bundles / (name + BUNDLE)
        _written(path, pour)
        made = sorted((each for each in self.bundles.glob(f"F-*{BUNDLE}") if NAME.fullmatch(each.stem)), key=_changed)
        for old in made[: -self._settings.bundles]:
            old.unlink()
        self._statistics.bundles += 1
        return path

    def _rooms(self) -> Iterator[Room]:
        for path in self.events.iterdir():
            ours = OURS.fullmatch(path.name)
            if ours and (ours[2] == RECORD or ours[3]):
                stat = path.stat()
                yield Room(path, stat.st_size, bool(ours[3]), opened_utc_s(ours[1]))

    def _count(self) -> None:
        rooms = list(self._rooms())
        self._statistics.records = sum(not room.damaged for room in rooms)
        self._statistics.bytes = sum(room.size for room in rooms)

    def _set_aside(self, path: Path, why: str) -> None:
        with contextlib.suppress(OSError):
            path.rename(path.with_name(path.name + DAMAGED))
        self._statistics.set_aside += 1
        log.error("a file of an incident is damaged and set aside", file=path.name, why=why)

    def _remove_unfinished(self, directory: Path) -> None:
        for left in directory.glob(f".F-*{NEW}"):
            left.unlink()


def opened_utc_s(name: str) -> float:
    """Return the day of an incident's name in Unix seconds, and its number of that day on top: good for order and age."""
    day, _, number = name.removeprefix("F-").rpartition("-")
    try:
        return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + int(number)
    except ValueError:  # a date that the calendar does not have: not written by us, so it counts as the oldest
        return 0.0


def _age(path: Path) -> float:
    return opened_utc_s(path.name.partition(".")[0])


def _changed(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.name


def _written(path: Path, pour: Callable[[BinaryIO], object]) -> None:
    """Write a file so that a kill or a full disk leaves the old one or the whole new one."""
    new = path.with_name(f".{path.name}{NEW}")
    try:
        with new.open("wb") as file:
            pour(file)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
