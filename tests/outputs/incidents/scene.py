"""What the tests of incidents share: a journal with a past, verdicts, and a line of two stations."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stationd.core.line.plan import LinePlan
from stationd.core.line.words import Cable, End, Fault, Interval, Location
from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason
from stationd.core.verdict.told import VerdictChanged
from stationd.core.verdict.words import Confidence, First, Kind, Ours, Verdict
from stationd.outputs.document import Mode
from stationd.outputs.incidents import Incidents, JournalPast, Settings, line_facts, subject_of
from stationd.outputs.journal import Journal, JournalSettings, Record, RecordClass, SystemClock, Wanted
from stationd.outputs.verdict_document import VerdictDocuments
from tests.outputs.journal.files import QUICK, opened
from tests.outputs.plant import LIVE, TAP, board

CABLE = Cable(341.0, 1.0, (68.2, 136.4, 204.6, 272.8), 40.0)
PLAN = LinePlan("s1", End.A, CABLE, "aktau", "siyazan", demarcation_km=4.0)
VOLTAGE, CURRENT, LEVEL = PointId("pfe-a", "output_voltage"), PointId("pfe-a", "output_current"), PointId("fp1-rx", "power")
SOON = Settings(after_s=0.2, settle_s=0.2, healthy_s=0.1, retry_s=0.05)
LONG = replace(SOON, after_s=600.0)
STALE = Quality(Level.STALE, Reason.TIMEOUT)
RAISED = {
    "kind": "alarm", "event": "raise", "type": "LINE-DOWN", "resource": "line", "severity": "critical", "text": "=cut",
    "t": "2026-01-01T00:00:00.000Z",
}  # fmt: skip
DOCUMENTS = VerdictDocuments(Mode.LIVE, "aktau")


def verdict(kind: Kind, since: float, **more: object) -> Verdict:
    ours = {Kind.HEALTHY: Ours.NOTHING, Kind.CANNOT_TELL: Ours.CANNOT_TELL, Kind.CONNECTOR: Ours.YES}.get(kind, Ours.NO)
    usual = Verdict(kind, ours, Confidence.HIGH, f"{kind.value} it is", "Sea cable, 118.4 km from Aktau", ("V fell",), ("ask",), since)
    return replace(usual, **more)  # type: ignore[arg-type]


def cut(since: float) -> Verdict:
    place = Interval(118.4, 118.1, 118.7)
    location = Location(Fault.CUT, place, 118.5, 118.3, 1.2)
    first = First("light-lost", "aktau fp3-rx", since, 0.0005)
    return verdict(Kind.CABLE_CUT, since, place=place, location=location, pairs=tuple(range(1, 9)), first_out=first)


def changed(after: Verdict) -> VerdictChanged:
    return VerdictChanged(after, healthy(after.since - 1), now())


def healthy(since: float) -> Verdict:
    return verdict(Kind.HEALTHY, since)


def readings(now: float, seconds: int = 30) -> list[Reading]:
    """Return a reading a second of a feed and a tap up to now; of the feed the last two are stale."""
    times = [now - seconds + index for index in range(seconds)]
    found = [Reading(VOLTAGE, 270.0 + index, GOOD if index < seconds - 2 else STALE, t) for index, t in enumerate(times)]
    found += [Reading(CURRENT, 1000.0, GOOD, t) for t in times]
    return found + [Reading(LEVEL, -18.0 - index / 10, GOOD, t) for index, t in enumerate(times)]


@dataclass
class Scene:
    """A state directory with its journal, and incidents that run on it."""

    state: Path
    journal: Journal
    clock: SystemClock
    settings: Settings

    def make(self, settings: Settings | None = None) -> Incidents:
        subject = subject_of(LIVE, board((TAP,)), line_facts(PLAN))
        past = JournalPast(self.journal, self.state / "journal.sqlite")
        return Incidents(self.state, subject, past, self.clock, DOCUMENTS, lambda: ("line/LINE-DOWN",), settings or self.settings)

    async def remember(self, now: float, seconds: int = 30) -> None:
        """Have a past brought to the disk: readings, and the event of an alarm."""
        self.journal.record_readings(readings(now, seconds))
        await self.journal.append(Record(self.journal.stamp(), RecordClass.ALARM, "raise", json.dumps(RAISED), "line/LINE-DOWN"))
        everything = Wanted(str(LEVEL), 0.0, 4e9)
        async with asyncio.timeout(20):
            while len((await self.journal.trace(everything)).samples) < seconds:
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def scene(state: Path, settings: Settings = SOON, journal_settings: JournalSettings = QUICK) -> AsyncIterator[Scene]:
    clock = SystemClock()
    async with opened(state, journal_settings, clock) as journal:
        yield Scene(state, journal, clock, settings)


@contextlib.asynccontextmanager
async def running(incidents: Incidents) -> AsyncIterator[Incidents]:
    task = asyncio.create_task(incidents.run())
    try:
        yield incidents
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that nobody announces."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def names(state: Path, folder: str = "events") -> list[str]:
    return sorted(path.name for path in (state / folder).iterdir()) if (state / folder).exists() else []


def now() -> float:
    return asyncio.get_running_loop().time()


def numbered(state: Path) -> Iterator[str]:
    yield from (name.partition(".")[0] for name in names(state))
