"""R3: the n-th call to the disk fails, for every n, once and for ever; a full disk; one that becomes read-only; one that hangs.

Three parts. Lives of the journal under stationd.bench.failing_disk, as in tests.integration.test_journal_faults, with every n. Lives of the
other files that are kept, on a mounted lossyfs. And the whole daemon on a lossyfs whose disk fails in every way while E is watched: the
alarm has to come, E has to go on, and all has to be well again by itself after the repair.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from stationd.bench.journal_faults import Outcome, play
from stationd.outputs.incidents.course import Settings
from stationd.outputs.incidents.files import DAMAGED, OPEN, Files, Statistics
from stationd.outputs.incidents.record import Damaged, read_head
from stationd.outputs.kept_files import SAVED, save_text
from tests.reliability.disk_life import incident_of_number, lines_of
from tests.reliability.figures import Figure, Share
from tests.reliability.mounted import Lossy, lossy
from tests.reliability.station import Heart, Station, station

STORAGE = "station/STORAGE-FAILED"
ALARM_S, RECOVERY_S = 5.0, 10.0
NOTE_EVERY_S = 0.2
HELD_S = 6.0  # so long a fault of the whole daemon lasts at least
JOURNAL_CI = ((errno.EIO, "once"), (errno.EIO, "ever"), (errno.ENOSPC, "ever"), (errno.EROFS, "ever"), (errno.EIO, "damaged"))
ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT)
JOURNAL_RELEASE = tuple((error, mode) for error in ERRORS for mode in ("once", "ever", "damaged"))
AT_ONCE = 3  # lives mostly wait
EVERYTHING = (("any", "EIO"), ("any", "EROFS"), ("sync", "EIO"), ("write", "ENOSPC"), ("quota", "1"), ("fsync", "3600"))


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R3."""
    yield from journal_lives(JOURNAL_RELEASE if share.release else JOURNAL_CI[: share.of(len(JOURNAL_CI), 0)])
    yield from file_lives(("EIO", "ENOSPC", "EROFS", "EDQUOT") if share.release else ("EIO", "ENOSPC"))
    yield from asyncio.run(whole_daemon())


# ---------------------------------------------------------------------- the journal


def journal_lives(kinds: tuple[tuple[int, str], ...]) -> Iterator[Figure]:
    """Play a life of the journal for every n of every kind."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(AT_ONCE) as threads:
        played = list(threads.map(lambda kind: lives_of(Path(name, f"{kind[1]}-{kind[0]}"), *kind), kinds))
    outcomes = [outcome for each in played for outcome in each]
    broken = [outcome for outcome in outcomes if outcome.broken]
    sys.stdout.write("".join(f"{outcome}\n" for outcome in broken[:10]))
    yield Figure("cases", len(outcomes), least=50 * len(kinds))
    yield Figure("calls_failed", sum(outcome.failures for outcome in outcomes), least=len(outcomes) // 2)
    yield Figure("promises_broken", len(broken), most=0)
    yield Figure("kinds_not_tried_to_the_end", sum(each[-1].calls >= each[-1].n for each in played), most=0)
    yield Figure("max_beat_late_s", max(outcome.longest_beat_s for outcome in outcomes), most=0.5)


def lives_of(place: Path, error: int, mode: str) -> list[Outcome]:
    """Play until no call is left that could fail."""
    place.mkdir()
    return list(play(place, error, mode, first=1))


# ---------------------------------------------------------------------- incidents and texts


@dataclass(slots=True)
class Broken:
    """What was found of the files, over all lives."""

    cases: int = 0
    struck: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def file_lives(errors: tuple[str, ...]) -> Iterator[Figure]:
    """Let the n-th call fail while incidents and texts are written, for every n, once and for ever."""
    found = Broken()
    with lossy() as disk:
        for error in errors:
            for count in (1, 1_000_000):
                n = 1
                while file_life(disk, error, n, count, found):
                    n += 1
    yield Figure("file_cases", found.cases, least=20 * len(errors))
    yield Figure("file_calls_failed", found.struck, least=found.cases // 2)
    for what in ("torn_files", "old_ones_lost", "not_mended"):
        yield Figure(what, found.counts[what], most=0)


def file_life(disk: Lossy, error: str, n: int, count: int, found: Broken) -> bool:
    """Play one; return whether there was an n-th call."""
    state = disk.path / f"{error}-{count}-{n}"
    state.mkdir()
    write_files(state, 1)
    disk.fail("any", error, n=n, count=count)
    with contextlib.suppress(OSError, ExceptionGroup):
        write_files(state, 2)
    seen = disk.calls["seen"]
    disk.repair()
    found.cases += 1
    found.struck += seen >= n
    for name, number in shown(state).items():
        if number is None:
            found.counts["torn_files"] += 1
        elif number < 1:
            found.counts["old_ones_lost"] += 1
        sys.stdout.write(f"{state.name}: {name} shows {number}\n" if number is None or number < 1 else "")
    write_files(state, 3)
    found.counts["not_mended"] += any(number != 3 for name, number in shown(state).items() if name != "text")
    return seen >= n


def write_files(state: Path, number: int) -> None:
    """Write each kind of file with a number in it; a text never takes the place of another one."""
    files = Files(state, Settings(), Statistics())
    failed = []
    for write in (
        lambda: files.keep(incident_of_number(number)),
        lambda: files.record(incident_of_number(number).id, lines_of(number)),
        lambda: save_text(state, f"text-{number}", "x" * 3000),
    ):
        try:
            write()
        except OSError as error:
            failed.append(error)
    if failed:
        raise ExceptionGroup("not everything could be written", failed)


def shown(state: Path) -> Mapping[str, int | None]:
    """Return the number that each kind shows; None for a torn one."""
    files = Files(state, Settings(), Statistics())
    _, found = files.load()
    name = incident_of_number(1).id
    numbers: dict[str, int | None] = {"incident": int(str(found[0].changes[0]["number"])) if found else 0}
    if (state / "events" / f"{name}{OPEN}{DAMAGED}").exists():
        numbers["incident"] = None
    try:
        with files.reading(name) as file:
            numbers["record"] = int(str(read_head(file)["number"]))
    except (OSError, Damaged) as error:
        numbers["record"] = None if isinstance(error, Damaged) else 0
    texts = [path.read_bytes() for path in (state / SAVED).glob("text-*")]
    numbers["text"] = len(texts) if all(text == b"x" * 3000 for text in texts) else None
    return numbers


# ---------------------------------------------------------------------- the whole daemon


@dataclass(slots=True)
class Fared:
    """How the daemon fared with the disks that failed."""

    alarm_s: list[float] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    hearts: list[Heart] = field(default_factory=list)


async def whole_daemon() -> list[Figure]:
    """Let the disk of a running daemon fail in every way, one after the other."""
    fared = Fared()
    with lossy() as disk, tempfile.TemporaryDirectory() as name:
        state = disk.path / "state"
        async with station(Path(name), state=state) as running:
            for kind, error in EVERYTHING:
                await fail_and_repair(running, disk, kind, error, fared)
            assert (await running.end()) == 0, running.log[-1500:]
            unhandled = running.log.count("Traceback")
    worst = Heart(
        tuple(each for heart in fared.hearts for each in heart.off_s),
        max(heart.lag_p99_s for heart in fared.hearts), max(heart.lag_max_s for heart in fared.hearts),
        max(heart.machine_p99_s for heart in fared.hearts),
    )  # fmt: skip
    return [
        Figure("faults_of_the_daemon", len(fared.recovery_s), least=len(EVERYTHING)),
        Figure("alarm_max_s", max(fared.alarm_s), most=ALARM_S),
        Figure("recovery_max_s", max(fared.recovery_s), most=RECOVERY_S),
        *worst.figures(),
        Figure("unhandled_exceptions", unhandled, most=0),
    ]


async def write_notes(running: Station) -> None:
    """Give the disk something to keep, one thing after the other; an answer may wait for it."""
    while True:
        await running.call("io.stationd.Alarm.AddNote", {"key": "u1/STALE", "text": "x" * 500})
        await asyncio.sleep(NOTE_EVERY_S)


def stands(alarms: Mapping[str, str]) -> bool:
    """Tell whether the alarm of the storage is active."""
    return alarms.get(STORAGE) in ("B", "C")


async def fail_and_repair(running: Station, disk: Lossy, kind: str, error: str, fared: Fared) -> None:
    """Let it fail, wait for the alarm, look at E, repair it, and wait until all is well."""
    await running.begin_heart()
    if kind in ("quota", "fsync"):
        disk.order(kind, error)
    else:
        disk.fail(kind, error)
    writing = asyncio.create_task(write_notes(running))
    fared.alarm_s.append(await running.until(stands))
    writing.cancel()
    await asyncio.sleep(HELD_S)
    fared.hearts.append(await running.heart())
    disk.repair()
    fared.recovery_s.append(await running.until(lambda alarms: not stands(alarms)))
    sys.stdout.write(f"{kind} {error}: alarm after {fared.alarm_s[-1]:.2f} s, well again after {fared.recovery_s[-1]:.2f} s\n")
