"""The door to diagnostics (stationd.console.diagnostics_door): the daemon about itself, its past, the self-test. Nothing here acts.

Files and the kernel are asked in a thread of diagnostics' own, the journal in its own threads; what hangs there ends with a sentence and
holds up nobody else. The self-test reads on every station and moves nothing on any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import thread_time

from stationd import log
from stationd.console import door
from stationd.console.diagnostics_door import NotSaved, Unknown, What
from stationd.core.model import Level, PointId
from stationd.core.operation.desk import Operations
from stationd.farstation.link import FarStatistics
from stationd.outputs import own_machine, selftest
from stationd.outputs.clock import Clock
from stationd.outputs.device_events import DeviceEvents
from stationd.outputs.disk_worker import DiskWorker
from stationd.outputs.document import Document, valued
from stationd.outputs.feed_document import Around, feed_document
from stationd.outputs.figures import Figures
from stationd.outputs.health_document import HealthDocuments, Parts
from stationd.outputs.journal import JournalSettings, Sample, Tier, Verified, Wanted
from stationd.outputs.kept_files import Unfit, save_text, write_report
from stationd.outputs.near_names import NearNames
from stationd.outputs.strip import Strip, utc

DISK_S = 3.0  # what a look at the disk may take before it counts as not answering: free space is then not known
CHAIN_S = 120.0  # for a walk along the whole chain of the audit (stationd.console.audit has the same)
FINE_S = 6 * 3600  # up to here one reading a second is looked at, beyond it minutes: no more than 21,600 records for one chart
PIECE = 7200  # records that are fetched and folded at a time: some 5 ms of the event loop
REST = 19  # times as long as a piece took are waited after it: all charts together use a twentieth of the loop, half of what readers have
FRAME_S = JournalSettings().history.frame_s
BEHIND_S = {Tier.SECONDS: FRAME_S, Tier.MINUTES: FRAME_S + 60.0}  # readings come to the disk so much later
TOO_MANY = 3  # charts that are being made; more wait
LOG_BYTES = 48 << 10  # of one answer


@dataclass(frozen=True, slots=True)
class Values:
    """The configuration in force: what stands at a path (KeyError with near names), how many values, and the file.

    `changed` says whether the file is not any more what was loaded; it blocks on the disk.
    """

    at: Callable[[str], tuple[object, list[str]]]
    count: int
    path: str | None = None
    sha256: str | None = None
    loaded: str = ""
    digest_now: Callable[[], str | None] = lambda: None

    def changed(self) -> bool | None:
        """Return whether the file is another one now; None where that cannot be told."""
        now = self.digest_now() if self.sha256 is not None else None
        return None if now is None else now != self.sha256


@dataclass(frozen=True, slots=True)
class Kept:
    """What the door needs beside the parts of the health document."""

    parts: Parts
    values: Values
    acting: Operations
    events: DeviceEvents
    threads: bool = True
    ring: log.Ring = field(default_factory=lambda: log.RECENT)


class StationDiagnostics:
    """The daemon about itself. To be made in the running event loop."""

    def __init__(self, kept: Kept) -> None:
        self._documents = HealthDocuments(kept.parts)
        self._disk = DiskWorker(threads=kept.threads)
        self.replan(kept)
        self._charts = asyncio.Semaphore(TOO_MANY)
        self._folding = asyncio.Lock()
        self._test: asyncio.Task[Document] | None = None

    def replan(self, kept: Kept) -> None:
        """Answer from these parts, points and configuration from now on."""
        self._kept, self._parts = kept, kept.parts
        self._documents.replan(kept.parts)
        self._names = NearNames(str(point) for point in kept.parts.board.points)
        self._subjects = NearNames(kept.events.subjects())

    # ------------------------------------------------------------------ the daemon

    async def clock(self) -> Document:
        """Return the time of day."""
        real = self._kept.threads  # else time is not the kernel's
        kernel = own_machine.kernel_clock() if real else own_machine.KernelClock()
        return self._documents.clock(self._figures(), kernel)

    async def health(self) -> Document:
        """Return how everything is."""
        disk = await self._free()
        return self._documents.health(self._figures(), own_machine.process(), disk)

    async def version(self) -> Document:
        """Return what runs here."""
        values = self._kept.values
        config: Document = {"path": values.path, "sha256": values.sha256, "loaded": values.loaded, "changed": await self._changed()}
        return self._documents.version(self._figures(), config)

    def config(self, path: str) -> Document:
        """Return a part of the configuration."""
        values = self._kept.values
        try:
            found, defaults = values.at(path)
        except KeyError as missing:
            raise Unknown(What.KEY, path, [str(each) for each in missing.args]) from None
        return {"path": path, "file": values.path, "sha256": values.sha256, "value": found, "defaults": defaults}

    def log(self, since_utc_s: float | None, most: int) -> Document:
        """Return the newest events, as many as are asked for and fit."""
        ring, figures = self._kept.ring, self._figures()
        since = "" if since_utc_s is None else utc(since_utc_s)[:-1]
        wanted = [each for each in ring.events() if each.t >= since]
        told, size = list[Document](), 0
        for event in reversed(wanted[-most:]):
            document: Document = {"t": event.t, "level": event.level, "event": event.event, "fields": dict(event.fields)}
            size += len(repr(document))
            if size > LOG_BYTES:
                break
            told.append(document)
        return {**self._documents.head(figures), "events": told[::-1], "dropped": ring.gone, "cut": len(told) < len(wanted)}

    # ------------------------------------------------------------------ the past

    def points(self) -> Sequence[Document]:
        """Return every point."""
        return [{"point": str(point), "unit": row.unit} for point, row in self._parts.board.points.items()]

    async def history(self, point: str, seconds: int, columns: int) -> Document:
        """Return the past of a point, folded."""
        device, _, name = point.partition(".")
        board, asked = self._parts.board, PointId(device, name)
        if asked not in board.points:
            raise Unknown(What.POINT, point, self._names.of(point))
        end = self._parts.clock().utc_s
        tier = Tier.SECONDS if seconds <= FINE_S else Tier.MINUTES
        strip = Strip(end - seconds, end, columns)
        async with self._charts:
            torn, cut = await self._fold(strip, Wanted(point, end - seconds, end, tier, PIECE))
        figures, row, now = self._figures(), board.points[asked], board[asked]
        if now.quality.level is not Level.STALE:  # what waits for the disk is not in the journal yet, but its newest is known
            strip.take([Sample(figures.clock.utc_s(now.t), strip.synchronised, "", now.t, now.value, now.quality)])
        return {
            "point": point,
            "u": row.unit,
            "from": utc(end - seconds),
            "to": utc(end),
            "tier": tier.name.lower(),
            "torn": torn,
            "cut": cut,
            "synchronised": strip.synchronised,
            "now": valued(now, row.unit, figures.mode, figures.clock),
            "behind": figures.sure(BEHIND_S[tier], "s"),
            "columns": strip.documents(figures.mode),
        }

    async def _fold(self, strip: Strip, wanted: Wanted) -> tuple[int, bool]:
        """Fetch the records piece by piece and fold each; return how much was torn and whether anything had to be left out."""
        length_s = float(PIECE if wanted.tier is Tier.SECONDS else PIECE * 60) / 2  # a point of changing quality has more than one a second
        begin, torn, cut, some = wanted.from_utc_s, 0, False, False
        while begin < wanted.to_utc_s:
            end = min(begin + length_s, wanted.to_utc_s)
            trace = await self._parts.journal.trace(Wanted(wanted.point, begin, end, wanted.tier, 4 * PIECE))
            await self._take(strip, trace.samples if end == wanted.to_utc_s else [each for each in trace.samples if each.utc_s < end])
            torn, cut, some, begin = torn + trace.torn, cut or trace.cut, some or bool(trace.samples), end
        health = self._parts.journal.health
        if torn and not some and not health.good:
            raise door.NotDone(health.reason or "the journal cannot be read")
        return torn, cut

    async def _take(self, strip: Strip, samples: Sequence[Sample]) -> None:
        """Fold one piece and rest: one piece of one chart at a time."""
        async with self._folding:
            begun = thread_time()
            strip.take(samples)
            await asyncio.sleep(REST * (thread_time() - begun) if self._kept.threads else 0.0)

    async def events(self, subject: str, since_utc_s: float | None, most: int) -> Document:
        """Return what the journal has about a unit or resource."""
        found = await self._kept.events.of(subject, since_utc_s, most)
        if found is None:
            raise Unknown(What.DEVICE, subject, self._subjects.of(subject))
        return {**self._documents.head(self._figures()), **found}

    # ------------------------------------------------------------------ a power feed

    def feed(self, device: str) -> Document:
        """Return the limits of a feed and how it stands."""
        acting = self._kept.acting
        plan = acting.plan.feeds.get(device)
        if plan is None:
            raise Unknown(What.FEED, device, sorted(acting.plan.feeds))
        figures = self._figures()
        now = figures.clock.now
        around = Around(acting.plan, acting.interlocks(now), acting.holds(), acting.operations(now))
        return {**self._documents.head(figures), **feed_document(plan, self._parts.board, around, figures, self._droop(device))}

    def _droop(self, device: str) -> Mapping[str, float | None]:
        try:
            section = self._kept.values.at(f"pfe.{device}")[0]
        except KeyError:
            return {}
        told = section if isinstance(section, Mapping) else {}
        return {name: told.get(f"{name}_ma_per_kv") for name in ("droop", "droop_doubt")}

    # ------------------------------------------------------------------ tests

    async def self_test(self) -> Document:
        """Test by reading. One test at a time; it goes on when somebody who asked for it is gone, since others may wait for it."""
        if self._test is None or self._test.done():
            self._test = asyncio.create_task(self._tested(), name="self-test")
        return await asyncio.shield(self._test)

    async def _tested(self) -> Document:
        begun = asyncio.get_running_loop().time()
        health, clock, changed = await self.health(), await self.clock(), await self._changed()
        values, acting = self._kept.values, self._kept.acting
        seen = selftest.Seen(
            health, clock, selftest.Config(values.count, values.sha256, changed), await self._chain(), self._parts.board,
            acting.plan.feeds, asyncio.get_running_loop().time(),
        )  # fmt: skip
        report = self._report("self", selftest.self_test(seen), begun)
        return await self._saved(report)

    async def _chain(self) -> Verified | None:
        try:
            async with asyncio.timeout(CHAIN_S):
                return await self._parts.journal.verify_audit()
        except TimeoutError:
            return None

    async def _saved(self, report: Document) -> Document:
        """Keep a report; where the disk refuses, the report says so and is a failed one."""
        state, utc_s = Path(self._parts.state), self._parts.clock().utc_s
        try:
            async with asyncio.timeout(DISK_S):
                path = await self._disk.do(partial(write_report, state, report, utc_s))
        except TimeoutError:
            return selftest.unsaved(report, "the disk does not answer")
        except OSError as error:
            return selftest.unsaved(report, error.strerror or str(error))
        return {**report, "saved": str(path)}

    async def link_test(self) -> Document:
        """Test the links by reading."""
        begun = asyncio.get_running_loop().time()
        return self._report("link", selftest.link_test(await self.health(), await self.clock()), begun)

    def _report(self, kind: str, rows: Sequence[selftest.Row], begun: float) -> Document:
        figures = self._figures()
        return selftest.report(kind, self._documents.head(figures), rows, figures.clock.now - begun, figures)

    async def save(self, name: str, text: str) -> str:
        """Save a text below bundles/saved/."""
        try:
            return str(await self._disk.do(partial(save_text, Path(self._parts.state), name, text)))
        except Unfit as unfit:
            raise NotSaved(unfit.cause, str(unfit), unfit.hint) from None
        except OSError as error:
            raise door.NotDone(error.strerror or str(error)) from error

    # ------------------------------------------------------------------ what they share

    def _figures(self) -> Figures:
        return Figures(self._parts.identity.mode, Clock.read())

    async def _free(self) -> own_machine.Disk:
        try:
            async with asyncio.timeout(DISK_S):
                return await self._disk.do(partial(own_machine.disk, Path(self._parts.state)))
        except (TimeoutError, OSError):
            return own_machine.Disk()

    async def _changed(self) -> bool | None:
        try:
            async with asyncio.timeout(DISK_S):
                return await self._disk.do(self._kept.values.changed)
        except (TimeoutError, OSError):
            return None


def far_document(name: str, statistics: Callable[[], FarStatistics | None], figures: Figures) -> Document | None:
    """Return how the link to the far station is; None where there is none."""
    found = statistics()
    if found is None:
        return None
    clocks, age_s = found.clocks, found.age_s(figures.clock.now)
    results = {result.value: count for result, count in found.results.items() if count and result.value != "accepted"}
    return {
        "name": name,
        "heard": found.heard,
        "why": found.why,
        "age": figures.of(None if age_s is None else round(age_s, 3), "s"),
        "sequence": figures.of(found.sequence),
        "sent": figures.sure(found.sent),
        "accepted": figures.sure(found.results.total() - found.rejected),
        "rejected": figures.sure(found.rejected),
        "rejects": {word: figures.sure(count) for word, count in sorted(results.items())},
        "clocks": figures.of(None if clocks is None else round(clocks.ahead_s, 6), "s"),
        "clocks_doubt": figures.of(None if clocks is None else round(clocks.uncertainty_s, 6), "s"),
    }
