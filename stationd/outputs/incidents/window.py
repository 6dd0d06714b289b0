"""What the journal still has of a window of time: readings of many points in one pass, and events.

The readings of the last 48 hours stand in blocks of a point and, the newest two hours, in frames of all points
(stationd.outputs.journal.packing). Asking point by point would open each frame once for every point; here it is opened once for
all. Reads with a connection of its own in the thread of whoever calls, beside the journal's threads, and delays no commit.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol

from stationd.outputs.incidents.record import MOST_EVENTS, Events
from stationd.outputs.journal import Journal, Query, Sample, Tier, codec
from stationd.outputs.journal.codec import Unreadable
from stationd.outputs.journal.packing import SELECT_FRAMES, Group, Packed, open_frames
from stationd.outputs.journal.schema import connect_to_read

BREATH_S = 0.0005  # between two frames, so that the event loop gets the processor in between
LOOKED_THROUGH = 20_000  # records of the journal after the window that are passed over to reach it
BLOCKS = (
    "SELECT boot, ahead_ms, synchronised, body FROM blocks WHERE point = ? AND tier = ? AND last_ms + ahead_ms >= ?"
    " AND first_ms + ahead_ms <= ? ORDER BY boot, first_ms, id"
)


class Past(Protocol):
    """Where a record comes from."""

    async def events(self, from_utc_s: float, to_utc_s: float) -> Events:
        """Return what happened."""

    def readings(self, points: Collection[str], from_utc_s: float, to_utc_s: float) -> tuple[Mapping[str, list[Sample]], int]:
        """Return what was measured, by point, and how many pieces were torn. For a thread. OSError where the disk fails."""


class JournalPast:
    """The journal's past."""

    def __init__(self, journal: Journal, path: Path) -> None:
        self._journal = journal
        self._path = path

    async def events(self, from_utc_s: float, to_utc_s: float) -> Events:
        """Return what happened, the oldest first."""
        found = await self._journal.entries(Query("", from_utc_s, most=LOOKED_THROUGH))
        inside = [each for each in found.records if each.utc_s <= to_utc_s][::-1]
        return Events(tuple(inside[:MOST_EVENTS]), found.torn, max(len(inside) - MOST_EVENTS, 0))

    def readings(self, points: Collection[str], from_utc_s: float, to_utc_s: float) -> tuple[Mapping[str, list[Sample]], int]:
        """Return what was measured."""
        try:
            with closing(connect_to_read(self._path)) as db:
                return read_window(db, points, from_utc_s, to_utc_s)
        except sqlite3.Error as error:
            raise OSError(f"the journal cannot be read: {error}") from error


def read_window(
    db: sqlite3.Connection, points: Collection[str], from_utc_s: float, to_utc_s: float
) -> tuple[Mapping[str, list[Sample]], int]:
    """Return the readings of one a second and point, and how many blocks and frames were torn. sqlite3.Error."""
    wanted = set(points)
    numbers = {number: name for number, name in db.execute("SELECT id, name FROM points") if name in wanted}
    found: dict[str, list[Sample]] = {name: [] for name in points}
    torn = Packed()
    db.execute("BEGIN")  # blocks and frames of the same instant: packing moves readings from one to the other
    try:
        runs = dict(db.execute("SELECT number, run FROM boots"))
        for number, group, body in _bodies(db, numbers, (from_utc_s * 1000, to_utc_s * 1000), torn):
            samples = _samples(group, body, runs.get(group.boot, "?"), torn)
            found[numbers[number]] += [each for each in samples if from_utc_s <= each.utc_s <= to_utc_s]
    finally:
        db.execute("ROLLBACK")
    return found, torn.torn


def _bodies(
    db: sqlite3.Connection, numbers: Mapping[int, str], span_ms: tuple[float, float], torn: Packed
) -> Iterator[tuple[int, Group, bytes]]:
    """Give the pieces of all wanted points: blocks of each, then the frames, each opened once."""
    for number in numbers:
        for boot, ahead, synchronised, body in db.execute(BLOCKS, (number, Tier.SECONDS, *span_ms)):
            try:
                yield number, Group(boot, ahead, synchronised), codec.expand(body)
            except Unreadable:
                torn.torn += 1
    last, next_point = db.execute("SELECT last, next_point FROM packing WHERE tier = ?", (Tier.SECONDS,)).fetchone() or (0, 0)
    rows = db.execute(
        f"SELECT id, {SELECT_FRAMES.removeprefix('SELECT ')} WHERE tier = ? AND last_ms + ahead_ms >= ?"
        " AND first_ms + ahead_ms <= ? ORDER BY id",
        (Tier.SECONDS, *span_ms),
    )
    for row in rows:
        for group, _, frame in open_frames([row[1:]], torn):  # type: ignore[arg-type]  # any rows of five columns
            for number in numbers:
                part = None if row[0] <= last and number < next_point else frame.part(number)  # else it is in a block already
                if part is not None:
                    yield number, group, part
        time.sleep(BREATH_S)


def _samples(group: Group, body: bytes, run: str, torn: Packed) -> Iterator[Sample]:
    try:
        series = codec.decode_series(body)
    except Unreadable:
        torn.torn += 1
        return
    for t_ms, value, quality in zip(series.t_ms, series.values, series.qualities, strict=True):
        yield Sample((t_ms + group.ahead_ms) / 1000, bool(group.synchronised), run, t_ms / 1000, value, quality)
