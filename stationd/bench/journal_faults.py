"""The journal on a disk whose n-th call fails, for every n: run as a program of its own under failing_disk.c.

    python -m stationd.bench.journal_faults DIRECTORY ERROR once|ever|damaged|hang [first [last [step]]]

prints one JSON object for each n: which promise was broken, if any, and how regular a task beside it kept its period. A short life
of a journal (start, records of every class, messages delivered, readings, end) is played with the n-th call failing, once or from
there on until the disk is repaired; then it has to recover by itself, end whole, and be read back. `damaged`: the life begins with a
damaged file, of which every state has to be saved although the disk fails once while that is done.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stationd.core.model import GOOD, PointId, Reading
from stationd.outputs.journal import HistorySettings, Journal, JournalSettings, Kept, Message, Record, RecordClass, State, Wanted
from stationd.outputs.journal.entries import Query

SOURCE = Path(__file__).with_name("failing_disk.c")
WATCHED = "failing-disk"  # part of the path of every file that may fail
QUICK = JournalSettings(group_s=0.01, retry_s=0.02, history=HistorySettings(frame_s=0.02))
EVER = 1_000_000_000
PATIENCE_S = 15.0
BEAT_S = 0.01
HANG_S = 3.0
CLASSES = (RecordClass.ALARM, RecordClass.EVENT, RecordClass.COMMAND, RecordClass.AUDIT, RecordClass.ALARM, RecordClass.EVENT)


@dataclass(slots=True)
class Outcome:
    """What became of one life. `broken` is empty when every promise was kept."""

    n: int
    calls: int = 0
    failures: int = 0
    set_asides: int = 0
    told: int = 0  # things about damage that people are told
    longest_beat_s: float = 0.0
    broken: str = ""


def library(directory: Path) -> Path:
    """Compile the failing disk."""
    built = directory / "failing_disk.so"
    flags = ("-std=gnu11", "-O2", "-shared", "-fPIC", "-o", str(built))
    subprocess.run(["gcc", *flags, str(SOURCE), "-ldl"], check=True)  # noqa: S607 - the compiler of the search path
    return built


def environment(directory: Path) -> dict[str, str]:
    """Return the environment of a program for which every file below a directory named WATCHED may fail."""
    return {**os.environ, "LD_PRELOAD": str(library(directory)), "FAILING_DISK": WATCHED}


def play(directory: Path, error: int, mode: str, first: int = 0, last: int = EVER, step: int = 1) -> Iterator[Outcome]:
    """Run this module as a program on a failing disk and give what it says."""
    place = directory / WATCHED
    place.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", __name__, str(place), errno.errorcode[error], mode, str(first), str(last), str(step)]
    with subprocess.Popen(command, env=environment(directory), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield Outcome(**json.loads(line))
    if process.returncode != 0:
        yield Outcome(-1, broken=f"the program ended with {process.returncode}")


class Disk:
    """The preloaded library, from within the program."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)

    def fail(self, n: int, error: int, count: int) -> None:
        """Let the n-th call from now on fail, and the next ones up to `count`."""
        self._library.failing_disk_arm(ctypes.c_long(n), ctypes.c_int(error), ctypes.c_long(count))

    def repair(self) -> None:
        """End all failing."""
        self.fail(0, 0, 0)

    def hang(self, seconds: float) -> None:
        """Let every sync last so long."""
        self._library.failing_disk_hang(ctypes.c_long(round(seconds * 1000)))

    @property
    def directory_syncs(self) -> int:
        """Return how many syncs of directories went well, ever."""
        return int(self._library.failing_disk_directory_syncs())

    @property
    def calls(self) -> int:
        """Return how many calls there were since the last order."""
        return int(self._library.failing_disk_calls())


async def damaged(directory: Path) -> dict[str, str]:
    """Leave a journal of which a small table is damaged; return the states that it remembers."""
    path = directory / "journal.sqlite"
    states = {f"old{n}": json.dumps({"n": n}) for n in range(20)}
    journal = Journal.open(path, QUICK)
    await journal.start()
    await journal.append(Record(journal.stamp(), RecordClass.ALARM, "test", states=states))
    await journal.close(PATIENCE_S)
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'packing'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(bytes(range(256)) * 16)
    return states


async def life(directory: Path, disk: Disk, outcome: Outcome, error: int, count: int, old: Mapping[str, str]) -> None:
    """Play one life; raises AssertionError with the broken promise."""
    disk.fail(outcome.n, error, count)
    journal = Journal.open(directory / "journal.sqlite", QUICK)
    beat = asyncio.create_task(_beat(outcome))
    try:
        await journal.start(timeout_s=0.05)
        kept = [journal.append(_record(journal, each)) for each in CLASSES]
        journal.record_readings([Reading(PointId("a", "b"), 1.5, GOOD, time.monotonic())])
        await asyncio.wait(kept, timeout=0.3 if count == 1 else 0.05)
        if count != 1 and not journal.health.good:
            await _delivered_without_disk(journal, kept)
        outcome.calls = disk.calls
        disk.repair()
        await asyncio.wait(kept, timeout=PATIENCE_S)
        assert all(each.done() and each.result() is Kept.COMMITTED for each in kept), "a record was not committed after the repair"
        async with asyncio.timeout(PATIENCE_S):
            while journal.health.state is not State.GOOD:
                await asyncio.sleep(BEAT_S)
    finally:
        beat.cancel()
        disk.repair()
        clean = await journal.close(PATIENCE_S)
        outcome.failures = journal.statistics.failures
        outcome.set_asides = journal.statistics.set_asides
        outcome.told = len(journal.health.set_aside) + len(journal.health.damage)
    assert clean, "the journal did not end whole"
    await _read_back(directory, old)


async def hanging(directory: Path, disk: Disk, outcome: Outcome) -> None:
    """A sync that does not come back: health has to say so while it lasts, and nothing else may notice."""
    journal = Journal.open(directory / "journal.sqlite", replace(QUICK, slow_s=0.2))
    beat = asyncio.create_task(_beat(outcome))
    await journal.start()
    disk.hang(HANG_S)
    kept = journal.append(_record(journal, RecordClass.ALARM))
    async with asyncio.timeout(PATIENCE_S):
        while journal.health.state is not State.FAILING:
            await asyncio.sleep(BEAT_S)
        assert not kept.done()
        assert [each.payload for each in await journal.outbox.next(10)] == [b"0"], "an alarm waits for a disk that hangs"
    disk.hang(0.0)
    assert await kept is Kept.COMMITTED
    beat.cancel()
    assert await journal.close(PATIENCE_S), "the journal did not end whole"


async def _beat(outcome: Outcome) -> None:
    """Keep a period beside the journal, as a scan does."""
    while True:
        begin = time.monotonic()
        await asyncio.sleep(BEAT_S)
        outcome.longest_beat_s = max(outcome.longest_beat_s, time.monotonic() - begin - BEAT_S)


async def _delivered_without_disk(journal: Journal, kept: list[asyncio.Future[Kept]]) -> None:
    """See that alarms, commands and audit can be delivered although the disk is dead."""
    wanted = {index for index, each in enumerate(CLASSES) if each.pinned and not kept[index].done()}
    got: set[int] = set()
    async with asyncio.timeout(PATIENCE_S):
        while not wanted <= got:
            got |= {int(each.payload) for each in await journal.outbox.next(10)}


def _record(journal: Journal, record_class: RecordClass) -> Record:
    stamp = journal.stamp()
    number = stamp.sequence - 1
    states = {f"k{number}": json.dumps({"n": number})} if record_class is RecordClass.ALARM else {}
    messages = (Message("event", str(number).encode()),)
    return Record(stamp, record_class, "test", json.dumps({"n": number}), states=states, messages=messages, audited=True)


async def _read_back(directory: Path, old: Mapping[str, str]) -> None:
    journal = Journal.open(directory / "journal.sqlite", QUICK)
    try:
        restored = await journal.start()
        new = {f"k{n}": json.dumps({"n": n}) for n, each in enumerate(CLASSES) if each is RecordClass.ALARM}
        assert restored.states == {**old, **new}, "states are lost"
        verified = await journal.verify_audit()
        assert verified is not None
        assert verified.intact, verified.why
        assert verified.head.position == len(CLASSES), f"{verified.head.position} audit records"
        found = [*(await journal.entries(Query())).records, *(await journal.entries(Query(commands=True))).records]
        numbers = sorted(each.sequence for each in found)
        assert numbers == [n for n, each in enumerate(CLASSES, 1) if each is not RecordClass.AUDIT], f"records {numbers}"
        messages = await journal.outbox.next(100)
        history = await journal.trace(Wanted("a.b", 0.0, 1e11))
        assert [each.value for each in history.samples] == [1.5], f"history {history}"
        assert [int(each.payload) for each in messages] == list(range(len(CLASSES))), "messages are missing, doubled or out of order"
    finally:
        await journal.close(PATIENCE_S)


async def lives(place: Path, error: int, mode: str, numbers: range) -> None:
    """Play lives until the n-th call is beyond the end of one."""
    disk = Disk()
    for n in numbers:
        outcome = Outcome(n)
        directory = place / f"{mode}-{error}-{n}"
        try:
            if mode == "hang":
                await hanging(directory, disk, outcome)
            else:
                old = await damaged(directory) if mode == "damaged" else {}
                await life(directory, disk, outcome, error, EVER if mode == "ever" else 1, old)
        except (AssertionError, TimeoutError) as broken:
            outcome.broken = str(broken) or type(broken).__name__
        print(json.dumps(asdict(outcome)), flush=True)
        if outcome.calls < n:
            return


def main(arguments: list[str]) -> None:
    """Play what the command line says."""
    place, name, mode, *span = arguments
    first, last, step = (int(each) for each in (*span, *("1", str(EVER), "1")[len(span) :]))
    asyncio.run(lives(Path(place), int(getattr(errno, name)), mode, range(first, last + 1, step)))


if __name__ == "__main__":
    main(sys.argv[1:])
