"""The life of everything that a station keeps, on a mounted lossyfs, with a mark among the disk's calls for each thing promised.

    python -m tests.reliability.disk_life MOUNT CALLS

What it is: two runs of a journal one after the other (records of all classes, snapshots of alarms, messages that are delivered, readings
that are packed), incidents that are opened, replaced and recorded, texts that people save, the station file that was taken up; until the
disk has taken so many calls. A mark is set when the promise was made to somebody: "acked 17" when the record's future said COMMITTED,
"saved NAME" when the call returned. "done 17" stands *before* the outbox is told, because from then on the message may be gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from stationd import last_good
from stationd.core.model import GOOD, PointId, Reading
from stationd.loading import Texts
from stationd.outputs.incidents.course import Incident, Settings
from stationd.outputs.incidents.files import Files, Statistics
from stationd.outputs.incidents.record import FORMAT, lines
from stationd.outputs.journal import HistorySettings, Journal, JournalSettings, Kept, Message, Record, RecordClass
from stationd.outputs.kept_files import save_text

ALARMS = 5
CLASSES = (RecordClass.ALARM, RecordClass.EVENT, RecordClass.COMMAND)
BURST = 3
QUICK = JournalSettings(group_s=0.01, history=HistorySettings(frame_s=0.05, pack_seconds_s=0.5, pack_minutes_s=1.0))
STATE = "state"
JOURNAL = "journal.sqlite"
STATION_FILE = Path("/etc/stationd/station.toml")  # its name only; nothing is read there
BEGIN_UTC_S = 1_770_000_000.0


class Life:
    """One station's disk. `number` counts the records of all runs."""

    def __init__(self, mount: Path, calls: int) -> None:
        self._mount, self._calls = mount, calls
        self._state = mount / STATE
        self._files = Files(self._state, Settings(), Statistics())
        self._number = 0

    def mark(self, words: str) -> None:
        """Note among the calls of the disk what was promised."""
        os.setxattr(self._mount, "user.mark", words.encode())

    async def run(self) -> None:
        """Live twice: half of the calls each."""
        self._state.mkdir()
        _sync(self._mount)  # on a station the service manager has made this directory long ago
        self._files.load()
        self._take_up(0)  # as the first start does
        for share in (1, 2):
            journal = Journal.open(self._state / JOURNAL, QUICK, station="aktau")
            restored = await journal.start()
            assert restored.known
            while self._taken() < self._calls * share // 2:
                await self._burst(journal)
            assert await journal.close()

    def _taken(self) -> int:
        return int(json.loads(os.getxattr(self._mount, "user.steps")))

    async def _burst(self, journal: Journal) -> None:
        numbers = range(self._number, self._number + BURST)
        self._number += BURST
        kept = [journal.append(record_of(journal, each)) for each in numbers]
        journal.record_readings([Reading(PointId("d", f"p{n}"), float(self._number), GOOD, time.monotonic()) for n in range(20)])
        for each, future in zip(numbers, kept, strict=True):
            assert await future is Kept.COMMITTED
            self.mark(f"acked {each}")
        for delivered in (await journal.outbox.next(2))[:1]:
            self.mark(f"done {delivered.payload.decode()}")
            journal.outbox.done((delivered.id,))
        if self._number % (4 * BURST) == 0:
            self._keep_files(self._number)

    def _keep_files(self, number: int) -> None:
        incident = incident_of_number(number)
        self._files.keep(incident)
        self.mark(f"incident {incident.id} {number}")
        if number % (8 * BURST) == 0:
            self._files.record(incident.id, lines_of(number))
            self.mark(f"recorded {incident.id} {number}")
        if number % (12 * BURST) == 0:
            save_text(self._state, f"text-{number}", "x" * number)
            self.mark(f"saved text-{number} {number}")
        if number % (8 * BURST) == 0:
            self._take_up(number)

    def _take_up(self, number: int) -> None:
        last_good.keep(Texts(STATION_FILE, station_text(number).encode(), {}), [self._state])
        self.mark(f"taken-up {number}")


def record_of(journal: Journal, number: int) -> Record:
    """Return the record of a number: its alarm's newest snapshot is that number."""
    stamp = journal.stamp()
    body = json.dumps({"n": number})
    message = Message(f"alarm/{number % ALARMS}", str(number).encode())
    return Record(stamp, CLASSES[number % 3], "test", body, states={f"alarm{number % ALARMS}": body}, messages=(message,), audited=True)


def incident_of_number(number: int) -> Incident:
    """Return an incident whose file is replaced some times: its verdict carries the number."""
    return Incident(f"F-2026-02-02-{number // 60 + 1}", BEGIN_UTC_S, True, ({"kind": "cable-cut", "at": "", "number": number},))


def station_text(number: int) -> str:
    """Return a station file that carries the number; longer than a sector and than a page."""
    return f"# {number}\n" + f"# {number:08}\n" * 700


def lines_of(number: int) -> Iterator[bytes]:
    """Return a record of an incident that carries the number."""
    return lines({"format": FORMAT, "id": incident_of_number(number).id, "verdicts": [], "number": number, "more": "x" * 3000}, ())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


if __name__ == "__main__":
    asyncio.run(Life(Path(sys.argv[1]), int(sys.argv[2])).run())
