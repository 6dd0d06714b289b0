"""Converters that set the pace and have no clock, or one that is not ours: their times come from the arrival of their blocks."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from stationd._sampler import lib
from tests.native.iio_tree import Tree
from tests.native.samplers import FIRST_NS, Sampler, Watch, create, source

RATE_HZ = 100
PERIOD_NS = 10_000_000
UTC_NS = 1_800_000_000_000_000_000
WATCH = Watch(valid=(1, 65534), lost_below=100, back_above=200, lost=(3, 5))


class Converter:
    """A device file that a test fills: scans of one 16-bit count, with or without a timestamp of CLOCK_REALTIME."""

    def __init__(self, root: Path, *, timed: bool) -> None:
        self.tree = Tree(root, ["le:u16/16>>0"], timestamp=timed)
        (self.tree.device / "current_timestamp_clock").unlink()
        keys = {"sysfs_root": str(self.tree.sysfs).encode(), "device_root": str(self.tree.dev).encode()}
        self.sampler: Sampler = create(
            [WATCH], source("iio", "iio:device0", **keys), rate_hz=RATE_HZ, window_slots=1, window_ring=4096, event_ring=4096,
            segment_scans=512, late_ns=10**9,
        )  # fmt: skip
        self.timed = timed
        self.made = 0

    def deliver(self, scans: int, now: int, stamps: list[int] | None = None) -> None:
        """Hand over a block at `now`, and let the loop take it."""
        for number in range(scans):
            count = struct.pack("<H", 1000 + self.made % 7)
            self.tree.push(count + bytes(6) + struct.pack("<q", stamps[number]) if stamps else count)
            self.made += 1
        assert lib.sampler_tick(self.sampler.handle, now) == scans
        self.sampler.drain_all()

    def times(self) -> list[int]:
        return [window.record.last_ns for window in self.sampler.windows if window.record.scans]


@pytest.fixture(params=[False, True], ids=["without-times", "times-of-another-clock"])
def timed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def converter(tmp_path: Path, timed: bool) -> Iterator[Converter]:
    made = Converter(tmp_path, timed=timed)
    yield made
    made.tree.end()


@pytest.mark.parametrize("block", [1, 10, 100])
@pytest.mark.parametrize("off", [-0.009, 0.0, 0.009])
def test_a_converter_that_is_not_quite_right_loses_nothing_and_its_times_stay_near(converter: Converter, block: int, off: float) -> None:
    chance = random.Random(1)
    true_ns = PERIOD_NS * (1.0 - off)
    for number in range(3000 // block):
        first = FIRST_NS + round(number * block * true_ns)
        stamps = [UTC_NS + round((number * block + n) * true_ns * 1.00002) for n in range(block)] if converter.timed else None
        converter.deliver(block, first + round((block - 1) * true_ns) + chance.randrange(3_000_000), stamps)
    stats = converter.sampler.assert_accounted()
    assert (stats.scans, stats.missed, stats.time_jumps) == (3000 // block * block, 0, 0)
    told = converter.times()
    assert told == sorted(set(told))
    late = [time - (FIRST_NS + round(number * true_ns)) for number, time in enumerate(told)][len(told) // 2 :]
    assert min(late) > -PERIOD_NS
    assert max(late) < PERIOD_NS


def test_a_hole_is_counted_once_and_marked(converter: Converter) -> None:
    hole = 0
    for number in range(60):
        hole = 37 if number >= 40 else 0
        first = number * 10 + hole
        stamps = [UTC_NS + (first + n) * PERIOD_NS for n in range(10)] if converter.timed else None
        converter.deliver(10, FIRST_NS + (first + 9) * PERIOD_NS, stamps)
    stats = converter.sampler.assert_accounted()
    assert (stats.scans, stats.missed) == (600, 37)
    assert [(event.kind, event.reference) for event in converter.sampler.events] == [(lib.SAMPLER_GAP, 37)]
    flags = [window.record.flags for window in converter.sampler.windows if window.record.scans]
    assert all(flag & lib.SAMPLER_TIME_ESTIMATED for flag in flags)


def test_a_reader_that_was_late_finds_no_hole(converter: Converter) -> None:
    for number in range(60):
        late = 300_000_000 if number == 40 else 0
        stamps = [UTC_NS + (number * 10 + n) * PERIOD_NS for n in range(10)] if converter.timed else None
        if number in (41, 42, 43):
            continue  # they came with the late one
        scans = 40 if number == 40 else 10
        if stamps and scans == 40:
            stamps = [UTC_NS + (400 + n) * PERIOD_NS for n in range(40)]
        converter.deliver(scans, FIRST_NS + (number * 10 + 9) * PERIOD_NS + late, stamps)
    stats = converter.sampler.assert_accounted()
    assert (stats.scans, stats.missed, stats.time_jumps) == (600, 0, 0)


def test_a_foreign_clock_that_is_set_is_a_jump_and_no_hole(tmp_path: Path) -> None:
    converter = Converter(tmp_path, timed=True)
    for number in range(60):
        shift = (3600 if number >= 20 else 0) - (7200 if number >= 40 else 0)
        stamps = [UTC_NS + shift * 10**9 + (number * 10 + n) * PERIOD_NS for n in range(10)]
        converter.deliver(10, FIRST_NS + (number * 10 + 9) * PERIOD_NS, stamps)
    stats = converter.sampler.assert_accounted()
    assert (stats.scans, stats.missed, stats.time_jumps) == (600, 0, 2)
    told = converter.times()
    assert all(abs(time - (FIRST_NS + number * PERIOD_NS)) < 2 * PERIOD_NS for number, time in enumerate(told))
    converter.tree.end()
