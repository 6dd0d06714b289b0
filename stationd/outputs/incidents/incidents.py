"""The task that keeps incidents: takes verdicts at once, has everything on the disk done in threads, and never fails.

`heard` is called by the event loop and only notes. What the disk refuses stays in memory, is tried again every 10 s and is counted;
what the journal cannot give is left out after an hour, and the record says so. A bundle is made when somebody asks, also before the
window is over: then it holds what there is so far and says that it is not complete.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from stationd.core.verdict.told import VerdictChanged
from stationd.links.beat import Beat
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document
from stationd.outputs.incidents import record
from stationd.outputs.incidents.bundle import pour
from stationd.outputs.incidents.course import Change, Course, Incident, Settings
from stationd.outputs.incidents.fault import fault_document, summary
from stationd.outputs.incidents.files import NAME, Files, Statistics
from stationd.outputs.incidents.record import Damaged, Events, Series
from stationd.outputs.incidents.subject import Quantity, Subject
from stationd.outputs.incidents.window import Past
from stationd.outputs.journal import Moment
from stationd.outputs.verdict_document import VerdictDocuments

log = structlog.get_logger()

T = TypeVar("T")
Needs = ParamSpec("Needs")
LAST = "last"
GIVE_UP_S = 3600.0  # so long after a window the journal is asked for it; then the record is written without (assumption)
MOST_SHOWN = 200
AT_ONCE = 64  # quantities that are read in one pass over the journal's frames: more memory or more passes
MOST_EARLY = 1000  # changes that wait until the directory was read once
TIME_DIGITS = 3


class NoSuchIncident(Exception):
    """There is no incident of that name. The text is the name."""


class NotWritten(Exception):
    """A bundle could not be made. The text says why."""


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle on the disk."""

    id: str
    path: Path
    size: int
    sha256: str
    complete: bool


class Incidents:
    """The incidents of one station. `standing` gives the keys of the alarms that stand now; `threads` False works in the event loop."""

    def __init__(
        self,
        state: Path,
        subject: Subject,
        past: Past,
        clock: Callable[[], Moment],
        documents: VerdictDocuments,
        standing: Callable[[], Sequence[str]] = tuple,
        settings: Settings | None = None,
        *,
        threads: bool = True,
    ) -> None:
        self.statistics = Statistics()
        self.beat = Beat()
        self._settings = settings or Settings()
        self._files = Files(state, self._settings, self.statistics)
        self.subject = subject  # another plan of the same line may put another in its place
        self._past = past
        self._clock = clock
        self._documents = documents
        self._standing = standing
        self._course: Course | None = None
        self._early: list[tuple[Change, float, Moment, tuple[str, ...]]] = []
        self._kept: dict[str, Incident] = {}  # as they are on the disk
        self._news = asyncio.Event()
        self._disk = asyncio.Lock()
        self._threads = threads
        self._told = ""

    def heard(self, changed: VerdictChanged) -> None:
        """Take a change of the verdict. Never waits and never fails."""
        clock, moment = Clock.read(), self._clock()
        change = {**self._documents.verdict(changed.verdict, clock), "at": clock.written(changed.t)}
        since_t = moment.t - max(clock.now - changed.verdict.since, 0.0)
        self._take(change, since_t, moment, tuple(self._standing()))

    def _take(self, change: Change, since_t: float, moment: Moment, standing: tuple[str, ...]) -> None:
        if self._course is None:
            del self._early[MOST_EARLY:]
            self._early.append((change, since_t, moment, standing))
            return
        before = len(self._course.incidents)
        self._course.heard(change, since_t, moment, standing)
        self.statistics.opened += len(self._course.incidents) - before
        self._news.set()

    async def run(self) -> None:
        """Keep incidents until cancelled."""
        while not await self._tried(self._begin()):
            self.beat.within(self._settings.retry_s)
            await asyncio.sleep(self._settings.retry_s)
        while True:
            self._news.clear()
            good = await self._tried(self._settle())
            await self._wait(None if good else self._settings.retry_s)

    async def _wait(self, at_most_s: float | None) -> None:
        """Wait for news, for what is due, or for the next try."""
        assert self._course is not None
        due_t = self._course.deadline()
        waits = [] if due_t is None else [max(due_t - self._clock().t, 0.001)]
        waits += [] if at_most_s is None else [at_most_s]
        if at_most_s is not None and due_t is not None and due_t <= self._clock().t:
            waits = [at_most_s]  # what is due is what failed
        wait_s = min(waits, default=None)
        self.beat.by(None if wait_s is None else asyncio.get_running_loop().time() + wait_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._news.wait()

    async def _tried(self, work: object) -> bool:
        """Do something with the disk; say once why it fails. What it was about is still known, and done the next time."""
        self.beat.rest("the disk")
        try:
            await work  # type: ignore[misc]
        except (OSError, Damaged, ValueError, MemoryError) as error:
            self._fail(error)
            return False
        self._told = ""
        return True

    def _fail(self, error: Exception) -> None:
        self.statistics.failed += 1
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if cause != self._told:
            log.error("incidents cannot be kept on the disk; they stay in memory and are tried again", cause=cause)
        self._told = cause

    # ------------------------------------------------------------------ what is to be done

    async def _begin(self) -> None:
        async with self._disk:
            known, open_ones = await self._apart(self._files.load)
        self._kept = {each.id: each for each in open_ones}
        self._course = Course(self._settings, known, open_ones, self._clock())
        for each in open_ones:
            log.info("an incident of the run before goes on", id=each.id, recorded=each.recorded)
        early, self._early = self._early, []
        for change in early:
            self._take(*change)

    async def _settle(self) -> None:
        """Bring to the disk what is not there yet; write what is due; have done with what is over."""
        assert self._course is not None
        self.statistics.opened += self._course.settle(self._clock())
        ended = self._course.end(self._clock())
        for incident in tuple(self._course.incidents.values()):
            if self._kept.get(incident.id) != incident:
                await self._keep(incident)
        for incident in self._course.due(self._clock().t):
            await self._record(incident)
        for incident in ended:
            await self._end(incident)

    async def _keep(self, incident: Incident) -> None:
        async with self._disk:
            await self._apart(self._files.keep, incident)
        if incident.id not in self._kept:
            log.warning("an incident is open", id=incident.id, kind=incident.kind)
        self._kept[incident.id] = incident

    async def _record(self, incident: Incident) -> None:
        """Write the record; put it off where the disk refuses."""
        assert self._course is not None
        try:
            events = await self._events(incident)
            async with self._disk:
                await self._apart(self._write, incident, events)
        except OSError:
            self._course.put_off(incident.id, self._clock().t + self._settings.retry_s)
            raise
        self._course.recorded(incident.id)
        await self._keep(self._course.incidents[incident.id])
        log.info("an incident is recorded", id=incident.id)

    async def _events(self, incident: Incident) -> Events:
        opened = incident.opened_utc_s
        return await self._past.events(opened - self._settings.before_s, opened + self._settings.after_s)

    async def _end(self, incident: Incident) -> None:
        """Write down that it is over, in its record; then nothing of it is open any more."""
        assert self._course is not None
        async with self._disk:
            await self._apart(self._rewrite, incident)
        self._course.forget(incident.id)
        self._kept.pop(incident.id, None)
        log.info("an incident is over", id=incident.id)

    async def _apart(self, work: Callable[Needs, T], *arguments: Needs.args, **named: Needs.kwargs) -> T:
        """Do something with the disk in a thread, or here where time is not real and must not pass beside the event loop."""
        if self._threads:
            return await asyncio.to_thread(work, *arguments, **named)
        return work(*arguments, **named)

    # ------------------------------------------------------------------ in a thread

    def _write(self, incident: Incident, events: Events) -> None:
        head, series = self._gathered(incident, events, complete=True)
        self._files.record(incident.id, record.lines(head, series))
        with contextlib.suppress(OSError):  # the record is there; room is made at the next one
            self._files.make_room(self._clock().utc_s)

    def _gathered(self, incident: Incident, events: Events, *, complete: bool) -> tuple[Document, list[Series]]:
        """Return the head and the quantities of a window from what the journal has."""
        opened = incident.opened_utc_s
        begin, end = opened - self._settings.before_s, opened + self._settings.after_s
        series, torn, unread = list[Series](), 0, ""
        try:
            for some in batched(self.subject.quantities, AT_ONCE):
                samples, lost = self._past.readings([each.point for each in some], begin, end)
                series += [record.series_of(each, samples[each.point], opened) for each in some if samples[each.point]]
                torn = max(torn, lost)
        except OSError as error:
            if complete and self._clock().utc_s < end + GIVE_UP_S:
                raise
            unread = str(error)
        made, written = (Clock(utc_s, 0.0).written(0.0, TIME_DIGITS) for utc_s in (self._clock().utc_s, opened))
        head = record.head(incident, self.subject, self._settings, events, made, written, complete=complete)
        head |= {"readings_torn": torn, "readings_missing": unread}
        return head, series

    def _rewrite(self, incident: Incident) -> None:
        """Put what became of an incident into the head of its record; a record that is damaged is left as it was set aside."""
        with contextlib.suppress(Damaged, FileNotFoundError), self._files.reading(incident.id) as file:
            head = {**record.read_head(file), **incident.plain(), "kind": incident.kind}
            self._files.record(incident.id, record.lines(head, record.read_series(file)))
        self._files.close(incident.id)

    # ------------------------------------------------------------------ asked by people

    async def faults(self, most: int = MOST_SHOWN) -> list[Document]:
        """Return the incidents in short, the newest first. OSError where the disk fails and none is known."""
        live = [] if self._course is None else [self._live_head(each) for each in self._course.incidents.values()]
        names = {head["id"] for head in live}
        async with self._disk:
            heads = await self._apart(self._files.heads, most)
        every = [*reversed(live), *(head for head in heads if head["id"] not in names)]
        return [summary(head) for head in sorted(every, key=_opened, reverse=True)[:most]]

    async def fault(self, name: str = LAST) -> Document:
        """Return one incident with its methods and its sequence. NoSuchIncident."""
        head, _ = await self._found(name, with_series=False)
        return fault_document(head)

    async def bundle(self, name: str = LAST) -> Written:
        """Make the bundle of an incident and return where it is. NoSuchIncident; NotWritten where the disk fails."""
        try:
            head, series = await self._found(name, with_series=True)
            async with self._disk:
                return await self._apart(self._poured, head, series)
        except (OSError, MemoryError, Damaged) as error:
            raise NotWritten((error.strerror if isinstance(error, OSError) else None) or str(error)) from error

    def _poured(self, head: Document, series: list[Series]) -> Written:
        path = self._files.bundle(str(head["id"]), lambda file: pour(file, head, series))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Written(str(head["id"]), path, path.stat().st_size, digest, bool(head["complete"]))

    async def _found(self, name: str, *, with_series: bool) -> tuple[Document, list[Series]]:
        """Return an incident: from its record, or, before there is one, from what is known so far."""
        name = await self._name(name)
        live = None if self._course is None else self._course.incidents.get(name)
        if live is None or live.recorded:
            with contextlib.suppress(Damaged, FileNotFoundError):
                async with self._disk:
                    head, series = await self._apart(self._read, name, with_series=with_series)
                return (head if live is None else {**head, **live.plain(), "kind": live.kind}), series
        if live is None:
            raise NoSuchIncident(name)
        events = await self._events(live)
        if not with_series:
            made = Clock.read()
            opened = Clock(live.opened_utc_s, 0.0).written(0.0, TIME_DIGITS)
            return record.head(live, self.subject, self._settings, events, made.written(made.now), opened, complete=False), []
        return await self._apart(self._so_far, live, events)

    def _so_far(self, incident: Incident, events: Events) -> tuple[Document, list[Series]]:
        return self._gathered(incident, events, complete=False)

    def _read(self, name: str, *, with_series: bool) -> tuple[Document, list[Series]]:
        with self._files.reading(name) as file:
            head = record.read_head(file)
            return head, list(record.read_series(file)) if with_series else []

    async def _name(self, name: str) -> str:
        """Return the name that is meant. NoSuchIncident for what cannot be one."""
        if name != LAST:
            if NAME.fullmatch(name) is None:
                raise NoSuchIncident(name)
            return name
        found = await self.faults(1)
        if not found:
            raise NoSuchIncident(name)
        return str(found[0]["id"])

    def _live_head(self, incident: Incident) -> Document:
        opened = Clock(incident.opened_utc_s, 0.0).written(0.0, TIME_DIGITS)
        return {**incident.plain(), "kind": incident.kind, "opened": opened, "complete": incident.recorded}


def batched(quantities: Sequence[Quantity], most: int) -> Iterator[Sequence[Quantity]]:
    """Give the quantities in groups."""
    for begin in range(0, len(quantities), most):
        yield quantities[begin : begin + most]


def _opened(head: Document) -> float:
    opened = head["opened_utc_s"]
    return opened if isinstance(opened, int | float) else 0.0
