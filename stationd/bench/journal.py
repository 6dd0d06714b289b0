"""The journal: what the history costs in processor and bytes, how far back it reaches, and how soon a record is on the disk.

The history of fewer points is really written, through the same frames, blocks and SQLite, and scaled to 1,200; what is scaled says
so. Values are those of an assumed station: 40 % of the points have a noise of 0.4 last digits, 30 % of 3, 10 % of 40, and 20 % do
not move (states, set-points). The clock is the bench's own, so that days pass in seconds.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from stationd.bench.journal_faults import EVER, play
from stationd.bench.row import Row, at_least, at_most
from stationd.core.model import GOOD, PointId, Reading, Value
from stationd.outputs.journal import HistorySettings, Journal, JournalSettings, Kept, Message, Moment, Record, RecordClass, Tier
from stationd.outputs.journal.codec import Series, encode_series, squeeze
from stationd.outputs.journal.frames import Gatherer
from stationd.outputs.journal.minutes import MINUTE_MS, Minute, encode_minutes
from stationd.outputs.journal.packing import Block, Group, Job, packed
from stationd.outputs.journal.record import DAY_S, GIB, HOUR_S
from stationd.outputs.journal.shelf import Shelf
from stationd.outputs.journal.store import Store

POINTS = 1200
NOISES = (0.4, 0.4, 0.4, 0.4, 3.0, 3.0, 3.0, 40.0, 0.0, 0.0)  # last digits, of every tenth point
WRITTEN_POINTS, WRITTEN_S = 60, 2.5 * HOUR_S
QUOTA_POINTS, QUOTA_DAYS = 60, 450
ALARMS = 300
ROWS = 500_000
SCAN_S, SCAN_LATE_S = 1.0, 0.04  # the essential function of reliability: a period of 1 s, kept within 4 %


def journal_rows() -> Iterator[Row]:
    """Measure everything; rows come as they are known."""
    with tempfile.TemporaryDirectory(prefix="stationd-bench-") as name:
        directory = Path(name)
        yield from _seconds_rows(directory)
        yield from _quota_rows(directory, 8 * GIB, "8 GiB")
        yield from _quota_rows(directory, GIB // 2, "0.5 GiB")
        yield from _unknown_rows()
        yield from _start_rows(directory)
        yield from _latency_rows(directory)
        yield from _fault_rows(directory)


def _points(count: int) -> list[PointId]:
    return [PointId("device", f"point{n}") for n in range(count)]


class _Signal:
    """The values of one point: a slow wave and noise, in hundredths."""

    def __init__(self, number: int) -> None:
        self._noise = NOISES[number % len(NOISES)]
        self._random = random.Random(number)
        self._at = 1000 * number

    def value(self, second: int) -> float:
        """Return the value of a second."""
        if not self._noise:
            return float(self._at)
        return (self._at + round(second * 0.002 + self._random.gauss(0.0, self._noise))) / 100


# ---------------------------------------------------------------------- one reading a second


def _seconds_rows(directory: Path) -> Iterator[Row]:
    settings = HistorySettings(resolutions={str(point): 0.01 for point in _points(WRITTEN_POINTS)})
    store = Store(directory / "seconds.sqlite", "bench", Moment(1e9, True, 0.0))
    shelf, gatherer = Shelf(store, settings), Gatherer(settings, Moment(1e9, True, 0.0))
    points, signals = _points(WRITTEN_POINTS), [_Signal(number) for number in range(WRITTEN_POINTS)]
    spent_s = 0.0
    for second in range(int(WRITTEN_S)):
        jitter = signals[0].value(second) % 0.005
        readings = [Reading(each, signal.value(second), GOOD, second + jitter) for each, signal in zip(points, signals, strict=True)]
        begin = time.process_time()
        gatherer.add(readings)
        gatherer.look(Moment(1e9 + second, True, float(second)))
        _bring(gatherer, shelf, second)
        spent_s += time.process_time() - begin
    begin = time.process_time()
    while (job := shelf.job(Tier.SECONDS, WRITTEN_S)) is not None:
        shelf.put(job, packed(store.db, job, settings.resolutions, 0.0).blocks)
    spent_s += (time.process_time() - begin) * WRITTEN_S / settings.pack_seconds_s
    records, stored = store.db.execute("SELECT sum(records), sum(size) FROM blocks").fetchone()
    share = spent_s / WRITTEN_S * POINTS / WRITTEN_POINTS
    yield at_most("journal", f"history of {POINTS} points/s: share of a core", share, "", 0.05)
    yield Row("journal", "one reading a second: bytes per value", stored / records, "bytes")
    yield _file_row(store, shelf)
    store.close()


def _bring(gatherer: Gatherer, shelf: Shelf, second: float) -> None:
    frames = list(gatherer.frames)
    if frames:
        shelf.add(frames, second)
        gatherer.taken(len(frames))


def _file_row(store: Store, shelf: Shelf) -> Row:
    """Compare what the quota counts with the pages that the file really has."""
    pages, free, size = (store.db.execute(f"PRAGMA {word}").fetchone()[0] for word in ("page_count", "freelist_count", "page_size"))
    cost = sum(holding.cost for holding in shelf.holdings.values())
    return at_most("journal", "pages of the file / bytes counted for the quota", (pages - free) * size / cost, "", 1.0)


# ---------------------------------------------------------------------- 400 days under the quota


def _quota_rows(directory: Path, quota: int, name: str) -> Iterator[Row]:
    """Let days of blocks pass through the shelf: of 60 points, under the same share of the quota.

    The bodies are those of really encoded minutes and seconds, the same again for each span; times and trimming are real.
    """
    scaled = quota * QUOTA_POINTS // POINTS
    settings = replace(HistorySettings(), quota=scaled)
    path = directory / f"quota-{quota}.sqlite"
    store = Store(path, "bench", Moment(1e9, True, 0.0))
    store.db.execute("PRAGMA synchronous=OFF")  # time passes here a million times faster than on a station
    shelf = Shelf(store, settings)
    minutes, seconds = _minute_bodies(settings), _second_bodies(directory)
    for day in range(0, QUOTA_DAYS, 3):
        _put(shelf, Tier.MINUTES, day * DAY_S, settings.pack_minutes_s, minutes)
        for hour in range(0, 72, 2) if day >= QUOTA_DAYS - 6 else ():
            _put(shelf, Tier.SECONDS, day * DAY_S + hour * HOUR_S, settings.pack_seconds_s, seconds)
    end_s = QUOTA_DAYS * DAY_S
    reached = {tier: shelf.reached_s(tier, end_s) for tier in Tier}
    promised = quota >= 8 * GIB
    yield _reach_row(f"{name}: minutes reach back", reached[Tier.MINUTES] / DAY_S, "days", 400.0, promised)
    yield _reach_row(f"{name}: seconds reach back", reached[Tier.SECONDS] / HOUR_S, "h", 48.0, promised)
    size = path.stat().st_size * POINTS / QUOTA_POINTS / GIB
    yield at_most("journal", f"{name}: file, scaled to {POINTS} points", size, "GiB", quota / GIB)
    if promised:
        sizes = sum(len(body) for _, body in minutes) / sum(count for count, _ in minutes)
        yield Row("journal", "a minute (minimum, mean, maximum): bytes", sizes, "bytes")
    store.close()


def _reach_row(metric: str, value: float, unit: str, goal: float, promised: bool) -> Row:
    return at_least("journal", metric, value, unit, goal) if promised else Row("journal", metric, value, unit)


Bodies = list[tuple[int, bytes]]  # records, and the squeezed block


def _minute_bodies(settings: HistorySettings) -> Bodies:
    """Return one block of minutes for each of ten kinds of points, each minute from 60 real values."""
    count = int(settings.pack_minutes_s * 1000 / MINUTE_MS)
    bodies: Bodies = []
    for number in range(len(NOISES)):
        signal, minutes = _Signal(number), []
        for minute in range(count):
            values = [signal.value(minute * 60 + second) for second in range(60)]
            minutes.append(Minute(minute * MINUTE_MS, 60, min(values), sum(values) / 60, max(values), GOOD))
        bodies.append((count, squeeze(encode_minutes(minutes, 0.01))))
    return bodies


def _second_bodies(directory: Path) -> Bodies:
    """Return the blocks that were written for the seconds."""
    with sqlite3.connect(directory / "seconds.sqlite") as db:
        rows = db.execute("SELECT records, body FROM blocks ORDER BY point LIMIT ?", (len(NOISES),)).fetchall()
    db.close()
    return [(records, body) for records, body in rows]


def _put(shelf: Shelf, tier: Tier, begin_s: float, span_s: float, bodies: Bodies) -> None:
    group = Group(1, 0, 1)
    span = (round(begin_s * 1000), round((begin_s + span_s) * 1000))
    blocks = [
        Block(point, tier, group, *span, begin_s + span_s, *bodies[point % len(bodies)]) for point in range(QUOTA_POINTS)
    ]
    shelf.put(Job(tier, 0, {}, final=True), blocks)
    shelf.holdings[tier].records += sum(block.records for block in blocks)
    _trim(shelf, begin_s + span_s)


def _trim(shelf: Shelf, t: float) -> None:
    while shelf.trim(t):
        pass


def _unknown_rows() -> Iterator[Row]:
    """Say what a point costs whose last digit is not known and cannot be found: every bit of its noise is kept."""
    noise = random.Random(1)
    values: list[Value | None] = [-10.0 + noise.gauss(0.0, 0.01) for _ in range(7200)]
    stored = len(squeeze(encode_series(Series(list(range(0, 7_200_000, 1000)), values, [GOOD] * 7200))))
    yield Row("journal", "resolution unknown: bytes per value", stored / 7200, "bytes")
    numbers = [each for each in values if isinstance(each, float)]
    minutes = [Minute(n * MINUTE_MS, 60, min(v), sum(v) / 60, max(v), GOOD) for n in range(120) for v in [numbers[n * 60 : n * 60 + 60]]]
    yield Row("journal", "resolution unknown: bytes per minute", len(squeeze(encode_minutes(minutes))) / 120, "bytes")


# ---------------------------------------------------------------------- a start with much in it


def _start_rows(directory: Path) -> Iterator[Row]:
    """Start on a file in which every table is long."""
    path = directory / "big.sqlite"
    store = Store(path, "before", Moment(1e9, True, 0.0))
    store.db.execute("PRAGMA synchronous=OFF")
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) INSERT INTO"  # noqa: S608 - a constant
    store.db.execute(f"{numbers} events SELECT i, 'event', 'k', 's', 0, 1, i, 0.0, hex(randomblob(100)), 0 FROM n")  # noqa: S608
    store.db.execute(f"{numbers} outbox SELECT i, 'event', 't', randomblob(200), 0, 300, 0, 0.0, 0 FROM n")  # noqa: S608
    store.db.execute(f"{numbers} audit SELECT i, hex(randomblob(100)), randomblob(32) FROM n")  # noqa: S608
    store.settle()
    store.close()
    begin = time.monotonic()
    asyncio.run(_start(path))
    yield at_most("journal", f"start with {path.stat().st_size / GIB:.2f} GiB, {ROWS} rows a table", time.monotonic() - begin, "s", 1.0)


async def _start(path: Path) -> None:
    journal = Journal.open(path)
    restored = await journal.start()
    assert restored.known
    await journal.close()


# ---------------------------------------------------------------------- alarms beside everything else


def _latency_rows(directory: Path) -> Iterator[Row]:
    taken, late = asyncio.run(_alarms(directory / "alarms.sqlite"))
    floor = _floor(directory / "floor.sqlite")
    taken.sort()
    yield Row("journal", "alarm to disk beside 1,200 points/s: median", taken[len(taken) // 2], "s", floor, taken[len(taken) // 2] / floor)
    yield Row("journal", "alarm to disk beside 1,200 points/s: p99", taken[int(len(taken) * 0.99)], "s")
    yield at_most("journal", "event loop meanwhile: longest lag", late, "s", 0.05)


async def _alarms(path: Path) -> tuple[list[float], float]:
    """Append an alarm every 20 ms while 1,200 points come every second; return the times to the disk and the longest lag."""
    points = _points(POINTS)
    settings = JournalSettings(history=HistorySettings(frame_s=1.0))
    journal = Journal.open(path, settings)
    await journal.start()
    taken, late = [], 0.0
    for n in range(ALARMS):
        if n % 50 == 0:
            now = time.monotonic()
            journal.record_readings([Reading(point, n / 10, GOOD, now) for point in points])
        begin = time.monotonic()
        message = Message("alarm/k", b"x" * 300)
        record = Record(journal.stamp(), RecordClass.ALARM, "raise", "{}", "k", {"k": "{}"}, messages=(message,), audited=True)
        assert await journal.append(record) is Kept.COMMITTED
        taken.append(time.monotonic() - begin)
        begin = time.monotonic()
        await asyncio.sleep(0.02)
        late = max(late, time.monotonic() - begin - 0.02)
    await journal.close()
    return taken, late


def _floor(path: Path) -> float:
    """Return the median of a bare commit of the same bytes on the same disk."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE t (a)")
    taken = []
    for _ in range(ALARMS):
        begin = time.monotonic()
        db.execute("INSERT INTO t VALUES (?)", (b"x" * 600,))
        taken.append(time.monotonic() - begin)
        time.sleep(0.005)
    db.close()
    return sorted(taken)[len(taken) // 2]


# ---------------------------------------------------------------------- beside a failing disk


def _fault_rows(directory: Path) -> Iterator[Row]:
    """Say how regular a 10 ms beat stays while every call of the disk fails in turn, and while a sync hangs for 3 s."""
    for mode in ("once", "ever", "hang"):
        place = directory / mode
        place.mkdir()
        outcomes = list(islice(play(place, 5, mode, 1, EVER), 500))  # 5 is EIO
        broken = sum(bool(outcome.broken) for outcome in outcomes)
        yield at_most("journal", f"disk fails {mode}: promises broken of {len(outcomes)} lives", broken, "", 0)
        late = max(outcome.longest_beat_s for outcome in outcomes)
        yield at_most("journal", f"disk fails {mode}: longest lag of a task beside", late, "s", SCAN_LATE_S * SCAN_S)
