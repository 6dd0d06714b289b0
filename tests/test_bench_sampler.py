from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("stationd._sampler", reason="the extension is not built; it needs a C compiler: Debian package gcc, python3-dev")

from stationd.bench import BENCHES, ONLY_BY_NAME, bench
from stationd.bench.row import Row
from stationd.bench.sampler import Books, Pair, ratio_rows
from stationd.bench.sampler_latency import latency_rows
from stationd.bench.sampler_loop import LoopSettings, measured, running
from stationd.bench.sampler_peers import Bucket, Machine, Pace, histogram, machine, percentile_us, run_floor
from stationd.bench.sampler_soak import soak_rows
from stationd.bench.sampler_work import work_rows

CYCLICTEST = """\
# /dev/cpu_dma_latency set to 0us
# Histogram
009000 000002
009500 000000
010000 000001
# Total: 000000003
# Min Latencies: 09000
# Histogram Overflows: 00004
# Histogram Overflow at cycle number:
# Thread 0: 01555 03101 04658 05000
"""
PACE = Pace(1000, 0, -1, deep=True)


@pytest.fixture
def here() -> Iterator[Machine]:
    with machine() as found:
        yield replace(found, cyclictest=None, stress=None, no_real_time="not asked for in a test")


def test_a_histogram_of_cyclictest_is_read_with_what_lies_beyond_it() -> None:
    assert histogram(CYCLICTEST, 1) == (Bucket(9000, 9001, 2), Bucket(10_000, 10_001, 1), Bucket(500_000, 500_000, 4))


def test_a_percentile_lies_on_a_straight_line_within_its_bucket() -> None:
    buckets = (Bucket(0, 1000, 50), Bucket(4000, 8000, 50))
    assert percentile_us(buckets, 0.25) == pytest.approx(0.5)
    assert percentile_us(buckets, 0.75) == pytest.approx(6.0)
    assert percentile_us(buckets, 1.0) == pytest.approx(8.0)
    assert percentile_us((), 0.5) == 0.0


def test_the_medians_of_the_segments_are_compared() -> None:
    ours = [(Bucket(low, low, 1),) for low in (10_000, 11_000, 90_000)]
    theirs = [(Bucket(low, low, 1),) for low in (10_000, 10_000, 10_000)]
    (row,) = ratio_rows(Pair("x", PACE, {"p50": 1.1}), ours, theirs)
    assert (row.value, row.baseline, row.ok) == (11.0, 10.0, True)
    (row,) = ratio_rows(Pair("x", PACE, {"p50": 1.05}), ours, theirs)
    assert row.ratio == pytest.approx(1.1)
    assert row.ok is False


def test_a_loop_that_nothing_disturbs_is_accounted_for() -> None:
    outcome = measured(LoopSettings(rate_hz=1000), 0.05)
    assert outcome.scans > 0
    assert outcome.unaccounted == 0
    assert sum(bucket.wakes for bucket in outcome.lateness) == outcome.wakes


@pytest.mark.parametrize("book", ["events", "windows", "captures", "torn"])
def test_a_record_that_a_reader_did_not_get_is_seen(book: str) -> None:
    settings = LoopSettings(rate_hz=10_000, script="level all 14000; wave all 12000 100", window_slots=10)
    with running(settings) as (loop, outcomes):
        while not loop.reader.events:
            loop.drain()
        setattr(loop.reader, book, getattr(loop.reader, book) + 1)
    assert outcomes[0].unaccounted >= 1


def test_the_bare_loop_says_what_it_used_and_how_late_it_was(here: Machine) -> None:
    if here.floor is None:
        pytest.skip("no C compiler; Debian package gcc")
    floor = run_floor(here.floor, replace(PACE, cpu=here.cpu), 0.02, slack_ns=1)
    assert 0 < floor.wakes <= 20
    assert floor.cpu_ns > 0
    assert sum(bucket.wakes for bucket in floor.lateness) == floor.wakes


def test_a_short_run_says_of_everything_either_a_figure_or_why_not(here: Machine) -> None:
    books = Books()
    rows = [*work_rows(1, 0.01), *latency_rows(here, 1, 0.05, books.add), *books.rows()]
    assert all(isinstance(row, Row) and row.as_json() and row.as_text() for row in rows)
    unaccounted = [row for row in rows if "unaccounted" in row.metric]
    assert len(unaccounted) == 2
    assert all(row.ok for row in unaccounted)


def test_a_soak_of_an_instant_loses_nothing() -> None:
    rows = {row.metric: row for row in soak_rows(0.2)}
    assert rows["unaccounted"].ok
    assert rows["scans, source host"].value > 0
    assert rows["scans, source timed"].value > 0


def test_the_long_soak_runs_only_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(BENCHES) >= ONLY_BY_NAME >= {"sampler-soak"}
    assert bench("soak", as_json=False) == 2
    assert "sampler-soak" in capsys.readouterr().err
