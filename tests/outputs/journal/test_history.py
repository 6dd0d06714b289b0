from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason, Value
from stationd.outputs.journal import HistorySettings, JournalSettings, Tier, Wanted
from stationd.outputs.journal.frames import Gatherer
from stationd.outputs.journal.packing import packed
from stationd.outputs.journal.record import Moment
from stationd.outputs.journal.schema import connect_to_read
from stationd.outputs.journal.shelf import Shelf
from stationd.outputs.journal.store import Store
from stationd.outputs.journal.traces import Trace, read
from tests.outputs.journal.files import SetClock, opened, until

POINT = PointId("d", "p")
STALE = Quality(Level.STALE, Reason.TIMEOUT)
BAD = Quality(Level.BAD, Reason.DEVICE_FAILURE)
PACKED = HistorySettings(pack_seconds_s=60.0, pack_minutes_s=300.0)
ALL = (-1e11, 1e11)


class Past:
    """A history that is written in no time: the shelf without its threads."""

    def __init__(self, directory: Path, settings: HistorySettings = PACKED) -> None:
        self.settings = settings
        self.path = directory / "journal.sqlite"
        self.clock = SetClock()
        self.store = Store(self.path, "run", self.clock())
        self.shelf = Shelf(self.store, settings)
        self.gatherer = Gatherer(settings, self.clock())

    def take(self, values: dict[str, Value | None], quality: Quality = GOOD) -> None:
        self.gatherer.add([Reading(PointId("d", name), value, quality, self.clock.t) for name, value in values.items()])

    def go(self, seconds: float) -> None:
        self.clock.go(seconds)
        self.gatherer.look(self.clock())
        self.tend()

    def end(self) -> None:
        self.gatherer.close(self.clock())
        self.tend()

    def tend(self) -> None:
        frames = list(self.gatherer.frames)
        if frames:
            self.shelf.add(frames, self.clock.t)
            self.gatherer.taken(len(frames))
        for tier in Tier:
            while (job := self.shelf.job(tier, self.clock.t)) is not None:
                db = connect_to_read(self.path)
                self.shelf.put(job, packed(db, job, self.settings.resolutions, 0.0).blocks)
                db.close()
        while self.shelf.trim(self.clock.t):
            pass

    def trace(self, tier: Tier = Tier.SECONDS, point: str = "d.p") -> Trace:
        db = connect_to_read(self.path)
        try:
            return read(db, Wanted(point, *ALL, tier))
        finally:
            db.close()


VALUES = st.one_of(st.integers(-1000, 1000).map(lambda n: n / 10), st.sampled_from(["cc", "cv"]), st.booleans())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1.0, 1.0, 1.0, 2.0, 30.0]), VALUES, st.sampled_from([GOOD, STALE, BAD])), max_size=150))
def test_packing_changes_nothing_and_gaps_stay_gaps(given_: list[tuple[float, Value, Quality]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        past = Past(Path(name))
        expected = []
        for step_s, value, quality in given_:
            kept = None if quality is BAD else value
            past.take({"p": kept, "other": 1.0}, quality)
            expected.append((past.clock.t, kept, quality))
            past.go(step_s)
        past.end()
        trace = past.trace()
        assert [(each.t, each.value, each.quality) for each in trace.samples] == expected
        assert (trace.torn, trace.cut) == (0, False)
        past.store.close()


def test_minutes_are_those_of_utc_and_count_every_reading(tmp_path: Path) -> None:
    past = Past(tmp_path)
    for n in range(1200):
        past.take({"p": float(n % 60)})
        past.go(0.5)
    past.end()
    samples = past.trace(Tier.MINUTES).samples
    assert [each.utc_s % 60 for each in samples] == [0.0] * len(samples)
    assert sum(each.readings for each in samples) == 1200
    assert {(each.low, each.value, each.high) for each in samples[1:-1]} == {(0.0, 29.5, 59.0)}
    assert len(past.trace().samples) == 600
    past.store.close()


def test_a_change_of_quality_is_kept_although_the_second_is_the_same(tmp_path: Path) -> None:
    past = Past(tmp_path)
    for value, quality in ((1.0, GOOD), (2.0, GOOD), (None, BAD), (1.0, STALE)):
        past.take({"p": value}, quality)
    past.end()
    assert [(each.value, each.quality) for each in past.trace().samples] == [(1.0, GOOD), (None, BAD), (1.0, STALE)]
    past.store.close()


def test_the_quota_takes_the_oldest_first_and_says_how_far_back_the_rest_reaches(tmp_path: Path) -> None:
    past = Past(tmp_path, HistorySettings(pack_seconds_s=60.0, pack_minutes_s=300.0, seconds_s=600.0, minutes_s=7200.0, quota=8_000))
    reached = []
    for n in range(1200):
        past.take({f"p{k}": (n * 37 % 101) / 10 for k in range(3)})
        past.go(5.0)
        reached.append(past.shelf.reached_s(Tier.SECONDS, past.clock.t))
    assert sum(holding.cost for holding in past.shelf.holdings.values()) <= 8_000 + 2_000
    assert max(reached) <= 600.0 + 60.0 + 60.0
    samples = past.trace(Tier.SECONDS, "d.p1").samples
    assert past.clock.t - samples[0].t == pytest.approx(reached[-1], abs=75.0)
    assert past.trace(Tier.MINUTES, "d.p1").samples[0].t > 1000.0 + 300.0  # crowded out before its time
    assert past.shelf.crowded > 0
    past.store.close()


def test_an_interrupted_packing_goes_on_where_it_was_and_doubles_nothing(tmp_path: Path) -> None:
    past = Past(tmp_path, HistorySettings(pack_seconds_s=1e9))
    for n in range(100):
        past.take({f"p{k:02}": float(n) for k in range(50)})
        past.go(1.0)
    past.end()
    past.store.close()
    past.settings = PACKED
    for _ in range(3):
        past.store = Store(past.path, "run", past.clock())
        past.shelf = Shelf(past.store, past.settings)
        job = past.shelf.job(Tier.SECONDS, past.clock.t)
        assert job is not None
        db = connect_to_read(past.path)
        past.shelf.put(job, packed(db, job, {}, 0.0).blocks)
        db.close()
        for point in ("d.p00", "d.p25", "d.p49"):
            assert [each.value for each in past.trace(point=point).samples] == [float(n) for n in range(100)]
        past.store.close()


@pytest.mark.parametrize("jump_s", [3.2e8, -3.2e8])
def test_a_clock_that_jumps_keeps_the_order_and_the_age(tmp_path: Path, jump_s: float) -> None:
    past = Past(tmp_path, HistorySettings(pack_seconds_s=60.0, seconds_s=1000.0))
    for n in range(300):
        past.take({"p": float(n)})
        if n == 150:
            past.clock.utc_s += jump_s
        past.go(1.0)
    past.end()
    samples = past.trace().samples
    assert [each.value for each in samples] == [float(n) for n in range(300)]
    assert samples[-1].utc_s - samples[0].utc_s == pytest.approx(299 + jump_s, abs=1.0)
    past.store.close()


def test_without_a_disk_memory_is_bounded_and_the_oldest_readings_are_thinned() -> None:
    gatherer = Gatherer(HistorySettings(frame_s=10.0, memory=70_000), Moment(0.0, True, 0.0))
    for second in range(2000):
        gatherer.add([Reading(PointId("d", f"p{n}"), (second * 7919 % 9973) / 7, GOOD, float(second)) for n in range(3)])
        gatherer.look(Moment(float(second), True, float(second)))
    assert sum(frame.size for frame in gatherer.frames) <= 70_000
    seconds = [frame for frame in gatherer.frames if frame.tier is Tier.SECONDS]
    assert [frame.first_ms for frame in seconds] == sorted(frame.first_ms for frame in seconds)
    assert seconds[0].records < seconds[-1].records == 30
    assert sum(frame.records for frame in gatherer.frames) + gatherer.statistics.thinned == gatherer.statistics.kept


async def test_readings_are_found_again_through_the_journal_with_the_resolution_of_the_meter(tmp_path: Path) -> None:
    quick = HistorySettings(frame_s=0.02, resolutions={"d.p": 0.01})
    async with opened(tmp_path, JournalSettings(group_s=0.01, history=quick)) as journal:
        journal.record_readings([Reading(POINT, -12.34567, GOOD, 1e6), Reading(POINT, None, BAD, 1e6 + 1)])
        await until(lambda: journal.statistics.gathered.kept > 0)
        while not (trace := await journal.trace(Wanted("d.p", *ALL))).samples:
            pass
        assert [(each.value, each.quality) for each in trace.samples] == [(-12.35, GOOD), (None, BAD)]
        assert (await journal.trace(Wanted("d.unknown", *ALL))).samples == []
