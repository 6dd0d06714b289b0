"""Reading the history back: what is packed and what is not yet, of one point, between two times.

The order is that of the runs of the daemon and of the monotonic clock within a run; the UTC of a record is what the clock said
then, with a mark whether it was synchronised. What is torn is left out and counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from stationd.core.model import Quality, Value
from stationd.outputs.journal import codec
from stationd.outputs.journal.codec import Unreadable
from stationd.outputs.journal.frames import Tier
from stationd.outputs.journal.minutes import decode_minutes
from stationd.outputs.journal.packing import SELECT_FRAMES, Group, Packed, open_frames

MOST = 200_000  # records of one answer: 48 hours of seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """A reading as it was, or a minute: then `value` is the mean and `low`, `high` and `readings` are there too."""

    utc_s: float
    synchronised: bool
    run: str
    t: float
    value: Value | None
    quality: Quality
    low: float | None = None
    high: float | None = None
    readings: int = 1


@dataclass(slots=True)
class Trace:
    """What the history has of a point. `torn` blocks could not be read; `cut` says that there was more than asked for."""

    samples: list[Sample] = field(default_factory=list)
    torn: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are asked for; times are Unix seconds."""

    point: str
    from_utc_s: float
    to_utc_s: float
    tier: Tier = Tier.SECONDS
    most: int = MOST


def read(db: sqlite3.Connection, wanted: Wanted) -> Trace:
    """Return what stands in the file. sqlite3.Error where the disk fails."""
    trace = Trace()
    row = db.execute("SELECT id FROM points WHERE name = ?", (wanted.point,)).fetchone()
    if row is None:
        return trace
    db.execute("BEGIN")  # blocks and frames of the same instant: packing moves records from one to the other
    try:
        runs = dict(db.execute("SELECT number, run FROM boots"))
        for group, body in _bodies(db, row[0], wanted, trace):
            samples = _samples(group, body, wanted, runs.get(group.boot, "?"), trace)
            trace.samples += [each for each in samples if wanted.from_utc_s <= each.utc_s <= wanted.to_utc_s]
            if len(trace.samples) > wanted.most:
                trace.cut = True
                del trace.samples[wanted.most :]
                break
    finally:
        db.execute("ROLLBACK")
    return trace


def _bodies(db: sqlite3.Connection, point: int, wanted: Wanted, trace: Trace) -> Iterator[tuple[Group, bytes]]:
    """Give blocks, then the parts of frames that are not in them yet, in order. Frames are younger than blocks."""
    begin, end = wanted.from_utc_s * 1000, wanted.to_utc_s * 1000
    query = (
        "SELECT boot, ahead_ms, synchronised, body FROM blocks WHERE point = ? AND tier = ? AND last_ms + ahead_ms >= ?"
        " AND first_ms + ahead_ms <= ? ORDER BY boot, first_ms, id"
    )
    for boot, ahead, synchronised, body in db.execute(query, (point, wanted.tier, begin, end)):
        try:
            yield Group(boot, ahead, synchronised), codec.expand(body)
        except Unreadable:
            trace.torn += 1
    yield from _frame_parts(db, point, wanted, trace)


def _frame_parts(db: sqlite3.Connection, point: int, wanted: Wanted, trace: Trace) -> Iterator[tuple[Group, bytes]]:
    packing = db.execute("SELECT last, next_point FROM packing WHERE tier = ?", (wanted.tier,)).fetchone()
    after = packing[0] if packing and point < packing[1] else 0
    rows = db.execute(
        f"{SELECT_FRAMES} WHERE tier = ? AND id > ? AND last_ms + ahead_ms >= ? AND first_ms + ahead_ms <= ? ORDER BY id",
        (wanted.tier, after, wanted.from_utc_s * 1000, wanted.to_utc_s * 1000),
    )
    found = Packed()
    for group, _, frame in open_frames(rows, found):
        part = frame.part(point)
        if part is not None:
            yield group, part
    trace.torn += found.torn


def _samples(group: Group, body: bytes, wanted: Wanted, run: str, trace: Trace) -> Iterator[Sample]:
    ahead, synchronised = group.ahead_ms, bool(group.synchronised)
    try:
        if wanted.tier is Tier.MINUTES:
            for each in decode_minutes(body):
                times = ((each.t_ms + ahead) / 1000, synchronised, run, each.t_ms / 1000)
                yield Sample(*times, each.mean, each.quality, each.low, each.high, each.readings)
            return
        series = codec.decode_series(body)
    except Unreadable:
        trace.torn += 1
        return
    for t_ms, value, quality in zip(series.t_ms, series.values, series.qualities, strict=True):
        yield Sample((t_ms + ahead) / 1000, synchronised, run, t_ms / 1000, value, quality)
