"""The history in the file: frames as they come, blocks per point that are packed from them, and the quota.

What is too old goes, and beyond the quota the oldest, whatever its tier. Age is the time that the journal was in use, which no
clock can jump; while the daemon does not run nothing grows old.
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.outputs.journal.frames import Frame, Tier, encode_frame
from stationd.outputs.journal.packing import Block, Job
from stationd.outputs.journal.record import HistorySettings
from stationd.outputs.journal.store import META_LIVED, Store

AT_ONCE = 200  # blocks deleted in one step
SLICE = 20  # points packed in one step
ROW = 120  # bytes of a row beside its body, with its entries in two indexes; and SQLite leaves
SLACK = 3  # up to a third of its pages empty: both measured on the high side, see `stationd bench`


@dataclass(slots=True)
class Holding:
    """What a tier has: values, their bytes as they are stored, and what they cost in the file."""

    records: int = 0
    stored: int = 0
    cost: int = 0


class Shelf:
    """The history of an open store; for the thread that writes."""

    def __init__(self, store: Store, settings: HistorySettings) -> None:
        self._store = store
        self._settings = settings
        self.crowded = 0  # records that went before their time for want of room
        self.points: dict[str, int] = {name: number for number, name in store.db.execute("SELECT id, name FROM points")}
        self.holdings = {tier: self._holding(tier) for tier in Tier}

    def _holding(self, tier: Tier) -> Holding:
        """Return what stands in the file, from indexes that need not be read in whole: the totals are noted with each change."""
        noted = self._store.noted(f"history:{tier.name}")
        try:
            return Holding(*map(int, str(noted).split()))
        except (ValueError, TypeError):
            return self._counted(tier)

    def _counted(self, tier: Tier) -> Holding:
        """Count what is there: the total of a new file, or after its note was torn."""
        total = Holding()
        for select in ("SELECT records, length(body) FROM frames WHERE tier = ?", "SELECT records, size FROM blocks WHERE tier = ?"):
            for records, size in self._store.db.execute(select, (tier,)):
                total = Holding(total.records + records, total.stored + size, total.cost + cost_of(size))
        return total

    def add(self, frames: list[Frame], t: float) -> None:
        """Bring frames to the disk in one transaction; those that an earlier commit brought there are left out."""
        new = [frame for frame in frames if frame.number > self._store.last_frame]
        names = sorted({name for frame in new for name in frame.parts} - self.points.keys())
        highest = max(self.points.values(), default=0)
        added = {name: highest + index for index, name in enumerate(names, 1)}
        numbers = {**self.points, **added} if added else self.points
        change = {tier: Holding() for tier in Tier}
        last = max([self._store.last_frame, *[frame.number for frame in new]])
        with self._store.transaction():
            self._store.db.executemany("INSERT INTO points VALUES (?, ?)", [(number, name) for name, number in added.items()])
            for frame in new:
                self._add(frame, numbers, change[frame.tier], t)
            self._store.db.execute("UPDATE boots SET last_frame = ? WHERE number = ?", (last, self._store.boot))
            self._store.note(META_LIVED, self._store.lived_s(t))
            self._note(change)
        self.points, self._store.last_frame = numbers, last
        self._apply(change)

    def _add(self, frame: Frame, numbers: dict[str, int], change: Holding, t: float) -> None:
        body = encode_frame({numbers[name]: part for name, part in frame.parts.items()})
        times = (frame.ahead_ms, frame.synchronised, frame.first_ms, frame.last_ms, self._store.lived_s(t))
        row = (None, frame.tier, self._store.boot, *times, frame.records, body)
        self._store.db.execute("INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        change.records += frame.records
        change.stored += len(body)
        change.cost += cost_of(len(body))

    # ------------------------------------------------------------------ packing

    def job(self, tier: Tier, t: float) -> Job | None:
        """Return the next slice that is to be packed; None where nothing is."""
        db = self._store.db
        row = db.execute("SELECT last, next_point FROM packing WHERE tier = ?", (tier,)).fetchone()
        if row is None:
            row = self._due(tier, t)
        if row is None:
            return None
        last, next_point = row
        points = sorted((number, name) for name, number in self.points.items() if number >= next_point)
        return Job(tier, last, dict(points[:SLICE]), final=len(points) <= SLICE)

    def _due(self, tier: Tier, t: float) -> tuple[int, int] | None:
        db, span_s = self._store.db, self.span_s(tier)
        first = db.execute("SELECT lived_s FROM frames WHERE tier = ? ORDER BY id LIMIT 1", (tier,)).fetchone()
        if first is None or self._store.lived_s(t) < first[0] + span_s:
            return None
        (last,) = db.execute("SELECT max(id) FROM frames WHERE tier = ? AND lived_s <= ?", (tier, first[0] + span_s)).fetchone()
        return last, 0

    def span_s(self, tier: Tier) -> float:
        """Return the span of a block."""
        return self._settings.pack_seconds_s if tier is Tier.SECONDS else self._settings.pack_minutes_s

    def put(self, job: Job, blocks: list[Block]) -> None:
        """Bring the blocks of a slice to the disk; with the last slice the frames go."""
        db, change = self._store.db, {tier: Holding() for tier in Tier}
        with self._store.transaction():
            for block in blocks:
                group = (block.group.boot, block.group.ahead_ms, block.group.synchronised)
                row = (None, block.point, block.tier, *group, block.first_ms, block.last_ms, block.lived_s)
                body = (block.records, len(block.body), block.body)
                db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row + body)
                change[job.tier].stored += len(block.body)
                change[job.tier].cost += cost_of(len(block.body))
            if job.final:
                self._drop_frames(job, change[job.tier])
            else:
                db.execute("INSERT OR REPLACE INTO packing VALUES (?, ?, ?)", (job.tier, job.last, max(job.points) + 1))
            self._note(change)
        self._apply(change)

    def _drop_frames(self, job: Job, change: Holding) -> None:
        db = self._store.db
        sizes = db.execute("SELECT length(body) FROM frames WHERE tier = ? AND id <= ?", (job.tier, job.last)).fetchall()
        db.execute("DELETE FROM frames WHERE tier = ? AND id <= ?", (job.tier, job.last))
        db.execute("DELETE FROM packing WHERE tier = ?", (job.tier,))
        change.stored -= sum(size for (size,) in sizes)
        change.cost -= sum(cost_of(size) for (size,) in sizes)

    # ------------------------------------------------------------------ keeping within the bounds

    def trim(self, t: float) -> bool:
        """Delete some of what is too old or too much; return whether there may be more."""
        lived_s = self._store.lived_s(t)
        limits = {Tier.SECONDS: lived_s - self._settings.seconds_s, Tier.MINUTES: lived_s - self._settings.minutes_s}
        aged = [self._delete(tier, before_s) for tier, before_s in limits.items()]
        if any(aged):
            return True
        if sum(holding.cost for holding in self.holdings.values()) <= self._settings.quota:
            return False
        oldest = {tier: self.oldest_s(tier) for tier in Tier}
        tier = min(oldest, key=lambda each: oldest[each])
        gone = self._delete(tier, lived_s + 1.0, AT_ONCE // 10)
        self.crowded += gone
        return gone > 0

    def oldest_s(self, tier: Tier) -> float:
        """Return when the oldest block ended, in the time of lived_s; infinite where there is none."""
        row = self._store.db.execute("SELECT lived_s FROM blocks WHERE tier = ? ORDER BY lived_s LIMIT 1", (tier,)).fetchone()
        return float(row[0]) if row else float("inf")

    def reached_s(self, tier: Tier, t: float) -> float:
        """Return how far the history reaches back, in seconds of use."""
        frame = self._store.db.execute("SELECT lived_s FROM frames WHERE tier = ? ORDER BY id LIMIT 1", (tier,)).fetchone()
        oldest = min(self.oldest_s(tier) - self.span_s(tier), float(frame[0]) if frame else float("inf"))
        lived_s = self._store.lived_s(t)
        return max(0.0, lived_s - max(oldest, 0.0)) if oldest < float("inf") else 0.0

    def _delete(self, tier: Tier, before_s: float, most: int = AT_ONCE) -> int:
        rows = self._store.db.execute(
            "SELECT id, size, records FROM blocks INDEXED BY blocks_by_age WHERE tier = ? AND lived_s < ? ORDER BY lived_s LIMIT ?",
            (tier, before_s, most),
        ).fetchall()
        if not rows:
            return 0
        change = {each: Holding() for each in Tier}
        change[tier] = Holding(-sum(row[2] for row in rows), -sum(row[1] for row in rows), -sum(cost_of(row[1]) for row in rows))
        with self._store.transaction():
            self._store.db.executemany("DELETE FROM blocks WHERE id = ?", [(row[0],) for row in rows])
            self._note(change)
        self._apply(change)
        return sum(row[2] for row in rows)

    def _note(self, change: dict[Tier, Holding]) -> None:
        for tier, holding in self.holdings.items():
            each = change[tier]
            text = f"{holding.records + each.records} {holding.stored + each.stored} {holding.cost + each.cost}"
            self._store.note(f"history:{tier.name}", text)

    def _apply(self, change: dict[Tier, Holding]) -> None:
        for tier, holding in self.holdings.items():
            holding.records += change[tier].records
            holding.stored += change[tier].stored
            holding.cost += change[tier].cost


def cost_of(size: int) -> int:
    """Return about how many bytes of the file a body needs."""
    return ROW + size + size // SLACK
