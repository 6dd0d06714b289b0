"""Making blocks per point out of frames of all points, in a thread of its own: it needs the processor, but no order with commits.

Frames of one run of the daemon with the same distance between its clocks belong together; a restart and a clock that was set begin
another block. What is torn is left out and counted, never guessed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stationd.outputs.journal import codec
from stationd.outputs.journal.codec import Series, Unreadable
from stationd.outputs.journal.frames import Opened, Tier, decode_frame
from stationd.outputs.journal.minutes import Minute, decode_minutes, encode_minutes

BREATH_S = 0.0005  # between two frames, so that the event loop gets the processor in between


@dataclass(frozen=True, slots=True)
class Job:
    """Frames up to `last` are to be packed; `points` is one slice of them, as numbers and names, `final` the last one."""

    tier: Tier
    last: int
    points: Mapping[int, str]
    final: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What the frames of one block have in common."""

    boot: int
    ahead_ms: int
    synchronised: int


@dataclass(frozen=True, slots=True)
class Block:
    """A packed block of one point."""

    point: int
    tier: Tier
    group: Group
    first_ms: int
    last_ms: int
    lived_s: float
    records: int
    body: bytes = field(repr=False)


@dataclass(slots=True)
class Packed:
    """What came of a job."""

    blocks: list[Block] = field(default_factory=list)
    torn: int = 0


@dataclass(slots=True)
class Joined:
    """All of one point and one group."""

    series: Series = field(default_factory=Series)
    minutes: list[Minute] = field(default_factory=list)
    lived_s: float = 0.0

    def add(self, tier: Tier, part: bytes) -> None:
        """Take the part of a frame in; Unreadable where it is torn."""
        if tier is Tier.MINUTES:
            self.minutes += decode_minutes(part)
            return
        more = codec.decode_series(part)
        self.series.t_ms += more.t_ms
        self.series.values += more.values
        self.series.qualities += more.qualities

    def block(self, tier: Tier, point: int, group: Group, resolution: float | None) -> Block:
        """Return the packed block."""
        minutes = tier is Tier.MINUTES
        times = [each.t_ms for each in self.minutes] if minutes else self.series.t_ms
        plain = encode_minutes(self.minutes, resolution) if minutes else codec.encode_series(self.series, resolution)
        return Block(point, tier, group, min(times), max(times), self.lived_s, len(times), codec.squeeze(plain))


def packed(db: sqlite3.Connection, job: Job, resolutions: Mapping[str, float], breath_s: float = BREATH_S) -> Packed:
    """Return the blocks of one slice of points. sqlite3.Error where the disk fails."""
    found = Packed()
    joined: dict[tuple[int, Group], Joined] = {}
    rows = db.execute(f"{SELECT_FRAMES} WHERE tier = ? AND id <= ? ORDER BY id", (job.tier, job.last))
    for group, lived_s, frame in open_frames(rows, found):
        for point in job.points:
            part = frame.part(point)
            if part is not None:
                _join(joined.setdefault((point, group), Joined()), job.tier, part, lived_s, found)
        time.sleep(breath_s)
    for (point, group), each in joined.items():
        if each.series.t_ms or each.minutes:
            found.blocks.append(each.block(job.tier, point, group, resolutions.get(job.points[point])))
            time.sleep(breath_s)
    return found


SELECT_FRAMES = "SELECT boot, ahead_ms, synchronised, lived_s, body FROM frames"


def open_frames(rows: sqlite3.Cursor, found: Packed) -> Iterator[tuple[Group, float, Opened]]:
    """Open frames one after the other; torn ones are counted."""
    for boot, ahead, synchronised, lived_s, body in rows:
        try:
            yield Group(boot, ahead, synchronised), lived_s, decode_frame(body)
        except Unreadable:
            found.torn += 1


def _join(joined: Joined, tier: Tier, part: bytes, lived_s: float, found: Packed) -> None:
    joined.lived_s = lived_s
    try:
        joined.add(tier, part)
    except Unreadable:
        found.torn += 1
