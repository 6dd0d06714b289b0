"""The two sources without a converter: a script, and the light of the simulated line in shared memory. At invented times."""

from __future__ import annotations

import errno
import os
import re
import select
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd._sampler import lib
from tests.native.samplers import FIRST_NS, LIMIT, Sampler, Watch, create, refusal, source

MS = 1_000_000
SECOND = 1_000_000_000
LISTED = {name: getattr(errno, name) for name in ("EIO", "ETIMEDOUT", "ESTALE", "EPROTO", "EREMOTEIO", "EBUSY", "EOVERFLOW")}


def player(of: Any, channels: int, **keys: Any) -> Sampler:
    """A sampler whose windows are its scans."""
    return create([Watch()] * channels, of, window_slots=1, window_ring=4096, event_ring=4096, **keys)


def attempt(of: Any) -> Sampler | str:
    """Make a sampler of one channel, or return why it is refused."""
    try:
        return create([Watch()], of)
    except AssertionError as refused:
        return str(refused)


def rows(sampler: Sampler) -> list[tuple[int, ...] | int]:
    """Return the counts of each scan so far; in between, how many slots were missed at a time."""
    sampler.drain_all()
    found: list[tuple[int, ...] | int] = []
    for window in sampler.windows:
        if window.record.missed:
            found.append(window.record.missed)
        if window.record.scans:
            found.append(tuple(level.min for level in window.levels))
    return found


def play(script: str, scans: int, channels: int = 1) -> list[tuple[int, ...] | int]:
    """Ask so many times, a millisecond apart; return what came."""
    sampler = player(source("sim", script), channels)
    for number in range(scans):
        assert lib.sampler_tick(sampler.handle, FIRST_NS + number * MS) >= 0
    sampler.assert_accounted()
    return rows(sampler)


# ---------------------------------------------------------------- the script


def test_levels_hold_until_the_scan_that_changes_them() -> None:
    found = play("level all 5; level 1 20000; at 3 level 0 -7", 5, channels=2)
    assert found == [(5, 20000)] * 3 + [(-7, 20000)] * 2


def test_a_wave_is_a_triangle_of_its_amplitude_and_period() -> None:
    assert play("level 0 10; wave 0 4 8", 9) == [(10 + each,) for each in (0, 2, 4, 2, 0, -2, -4, -2, 0)]


@settings(max_examples=50, deadline=None)
@given(amplitude=st.integers(0, LIMIT - 1), period=st.integers(1, 2**31 - 1), level=st.integers(-LIMIT + 1, LIMIT - 1))
def test_no_wave_leaves_the_range_of_counts(amplitude: int, period: int, level: int) -> None:
    for row in play(f"level 0 {level}; wave 0 {amplitude} {period}; noise 1000000", 16):
        assert isinstance(row, tuple)
        assert -LIMIT < row[0] < LIMIT


def test_noise_stays_within_its_amplitude_reaches_it_and_differs_from_channel_to_channel() -> None:
    found = play("noise 3", 1000, channels=2)
    for channel in range(2):
        assert {row[channel] for row in found if isinstance(row, tuple)} == set(range(-3, 4))
    assert [row[0] for row in found if isinstance(row, tuple)] != [row[1] for row in found if isinstance(row, tuple)]


@settings(max_examples=30, deadline=None)
@given(
    changes=st.lists(
        st.one_of(
            st.builds("at {} level all {}".format, st.integers(0, 60), st.integers(-9999, 9999)),
            st.builds("at {} wave 0 {} {}".format, st.integers(0, 60), st.integers(0, 9999), st.integers(1, 99)),
            st.builds("at {} noise {}".format, st.integers(0, 60), st.integers(0, 99)),
            st.builds("at {} error EIO {}".format, st.integers(0, 60), st.integers(1, 9)),
            st.builds("at {} skip {}".format, st.integers(0, 60), st.integers(1, 9)),
        ),
        max_size=12,
    )
)
def test_the_same_script_gives_the_same_counts(changes: list[str]) -> None:
    script = ";".join(["level all 100", *changes])
    assert play(script, 60, channels=3) == play(script, 60, channels=3)


def test_an_empty_script_is_light_that_never_looks_dead() -> None:
    found = [row for row in play("", 200, channels=2) if isinstance(row, tuple)]
    assert len(found) == 200
    for channel in range(2):
        counts = [row[channel] for row in found]
        assert min(counts) > 13000
        assert len(set(counts)) > 10


@pytest.mark.parametrize("name", LISTED)
def test_failed_readings_are_missed_slots_and_the_light_goes_on_where_it_would_be(name: str) -> None:
    sampler = player(source("sim", f"level 0 1; at 2 error {name} 3; at 4 level 0 2"), 1)
    for number in range(7):
        assert lib.sampler_tick(sampler.handle, FIRST_NS + number * MS) >= 0
    stats = sampler.assert_accounted()
    assert (stats.scans, stats.missed, stats.read_errors, stats.error) == (4, 3, 3, LISTED[name])
    assert rows(sampler) == [(1,), (1,), 1, 1, 1, (2,), (2,)]


def test_what_the_source_lost_is_missed_once() -> None:
    sampler = player(source("sim", "level 0 1; at 2 skip 20; at 21 level 0 2"), 1)
    for number in range(4):
        assert lib.sampler_tick(sampler.handle, FIRST_NS + number * MS) >= 0
    stats = sampler.assert_accounted()
    assert (stats.slots, stats.scans, stats.missed, stats.overruns) == (24, 4, 20, 1)
    assert [each for each in rows(sampler) if isinstance(each, tuple)] == [(1,), (1,), (2,), (2,)]


def test_a_converter_that_is_gone_stays_gone() -> None:
    sampler = player(source("sim", "level 0 1; at 2 gone"), 1)
    assert [lib.sampler_tick(sampler.handle, FIRST_NS + number * MS) for number in range(4)] == [1, 1, -errno.ENODEV, -errno.ENODEV]
    sampler.drain_all()
    assert [(event.kind, event.count) for event in sampler.events if event.kind == lib.SAMPLER_ENDED] == [(lib.SAMPLER_ENDED, errno.ENODEV)]


@pytest.mark.parametrize("name", ["ENODEV", "ENXIO", "ENOENT", "EBADF", "ENODATA"])
def test_an_error_that_says_gone_for_good_ends_the_source_at_once(name: str) -> None:
    sampler = player(source("sim", f"level 0 1; at 1 error {name} 1"), 1)
    number = getattr(errno, name)
    assert [lib.sampler_tick(sampler.handle, FIRST_NS + tick * MS) for tick in range(2)] == [1, -number]
    sampler.drain_all()
    assert [event.count for event in sampler.events if event.kind == lib.SAMPLER_ENDED] == [number]


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("levle 0 3", '"levle" in "levle 0 3" is no word of a script'),
        ("level 0 1; level 0", 'in "level 0" there are 1 words behind "level"; it needs CHANNEL COUNTS'),
        ("level 2 3", '"2" in "level 2 3" must be a whole number from 0 to 1'),
        ("level 0 3dB", '"3dB" in "level 0 3dB" must be a whole number'),
        ("level 0 99999999", f"must be a whole number from {1 - LIMIT} to {LIMIT - 1}"),
        ("wave 0 3 0", '"0" in "wave 0 3 0" must be a whole number from 1'),
        ("at 5", '"at 5" must be: at SCAN ...'),
        ("at -1 gone", '"-1" in "at -1 gone" must be a whole number from 0'),
        ("error EFOO 3", '"EFOO" in "error EFOO 3" is no error of a converter'),
        ("at 3 timed 4", '"timed" in "at 3 timed 4" holds from the beginning'),
        ("back 3", '"back" and "ahead" move times of its own'),
        ("level 0 3 level 1 4 noise 7", 'is a ";" missing?'),
        (";".join(["gone"] * 102 + ["x"]), '"x" in "x" is no word of a script'),
    ],
)
def test_a_mistake_in_a_script_is_named(script: str, sentence: str) -> None:
    assert sentence in refusal([Watch()] * 2, source("sim", script))


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("levelwavenoiseatskipgone 0123456789;-\t\n\x01"), max_size=511))
def test_no_script_breaks_anything(script: str) -> None:
    made = attempt(source("sim", script))
    if isinstance(made, str):
        assert made.startswith("sim: ")
        return
    lib.sampler_tick(made.handle, FIRST_NS)
    made.assert_accounted()


def test_a_script_that_does_not_end_is_refused() -> None:
    of = source("sim")
    of.where = b"x" * 512
    assert refusal([Watch()], of) == "sim: a script has at most 511 characters"


# ---------------------------------------------------------------- a converter with its own pace


@pytest.mark.parametrize("at_once", [1, 10, 100])
def test_scans_come_in_portions_at_their_own_times(at_once: int) -> None:
    sampler = player(source("sim", f"timed {at_once}; level 0 7"), 1)
    taken = [lib.sampler_tick(sampler.handle, FIRST_NS + number * MS) for number in range(300)]
    assert set(taken) <= {0, at_once}
    assert sum(taken) == 300
    stats = sampler.assert_accounted()
    assert (stats.missed, stats.time_jumps) == (0, 0)
    sampler.drain_all()
    stamps = [window.record.first_ns for window in sampler.windows]
    assert stamps == [FIRST_NS - (at_once - 1) * MS + number * MS for number in range(len(stamps))]


def test_scans_are_there_in_time_though_wake_ups_are_late() -> None:
    sampler = player(source("sim", "timed 1"), 1)
    late_ns = (300_000, 20_000, 499_000, 0, 250_000)
    assert [lib.sampler_tick(sampler.handle, FIRST_NS + number * MS + late) for number, late in enumerate(late_ns)] == [1] * 5


def test_a_hole_of_a_converter_with_times_shows_in_its_times() -> None:
    sampler = player(source("sim", "timed 10; level 0 1; at 20 skip 25; at 45 level 0 2"), 1)
    for number in range(100):
        lib.sampler_tick(sampler.handle, FIRST_NS + number * MS)
    stats = sampler.assert_accounted()
    assert (stats.missed, stats.time_jumps, stats.overruns) == (25, 0, 1)
    sampler.drain_all()
    counts = {window.record.first_slot + window.record.missed: window.levels[0].min for window in sampler.windows if window.record.scans}
    assert counts[19] == 1
    assert counts[45] == 2


def test_a_hole_that_a_converter_without_times_tells_of_is_not_counted_again_from_its_delay() -> None:
    sampler = player(source("sim", "paced 10; at 20 skip 25"), 1)
    for number in range(100):
        lib.sampler_tick(sampler.handle, FIRST_NS + number * MS)
    assert sampler.assert_accounted().missed == 25


@pytest.mark.parametrize("jump", ["back 5000000", "ahead 700000000", "back 900000000000"])
def test_a_time_that_jumps_is_told_and_no_scan_is_lost(jump: str) -> None:
    sampler = player(source("sim", f"timed 1; at 50 {jump}"), 1)
    for number in range(100):
        assert lib.sampler_tick(sampler.handle, FIRST_NS + number * MS) == 1
    stats = sampler.assert_accounted()
    assert (stats.scans, stats.missed, stats.time_jumps) == (100, 0, 1)


def test_a_failed_reading_of_a_converter_that_keeps_its_scans_loses_none() -> None:
    sampler = player(source("sim", "timed 10; at 15 error EIO 2"), 1)
    for number in range(100):
        assert lib.sampler_tick(sampler.handle, FIRST_NS + number * MS) >= 0
    stats = sampler.assert_accounted()
    assert (stats.read_errors, stats.missed) == (2, 0)
    assert stats.scans >= 90


def test_a_converter_with_its_own_pace_wakes_the_thread() -> None:
    sampler = player(source("sim", "timed 5; at 100 gone"), 1)
    assert lib.sampler_start(sampler.handle) == 0
    while not sampler.drain(windows=64).ended:
        select.select([lib.sampler_fd(sampler.handle)], [], [])
    assert lib.sampler_stop(sampler.handle, SECOND) == 0
    assert sampler.assert_accounted().scans >= 100


# ---------------------------------------------------------------- the light of the simulated line

HEAD = struct.Struct("=IIIIqIiII")  # as native/shared_light.h
MAGIC = 0x5448474C


class Line:
    """The other end of a file of light, played by hand."""

    def __init__(self, path: Path, counts: tuple[int, ...], **head: int) -> None:
        size = HEAD.size + 4 * len(counts)
        values = {"magic": MAGIC, "version": 1, "size": size, "inputs": len(counts), "heartbeat": FIRST_NS, "noise": 0, "top": 65535}
        self.path = path
        path.write_bytes(HEAD.pack(*{**values, "changes": 1, "reserved": 0, **head}.values()) + struct.pack(f"={len(counts)}i", *counts))
        self._file = os.open(path, os.O_RDWR)

    def beat(self, now_ns: int) -> None:
        os.pwrite(self._file, struct.pack("=q", now_ns), 16)

    def set(self, number: int, count: int) -> None:
        os.pwrite(self._file, struct.pack("=i", count), HEAD.size + 4 * number)

    def set_noise(self, amplitude: int) -> None:
        os.pwrite(self._file, struct.pack("=I", amplitude), 24)

    def shorten(self, size: int) -> None:
        os.ftruncate(self._file, size)

    def close(self) -> None:
        os.close(self._file)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path / "light", (100, 200, 300))
    yield made
    made.close()


def ticks(sampler: Sampler, begin_ns: int, count: int) -> list[int]:
    return [lib.sampler_tick(sampler.handle, begin_ns + number * MS) for number in range(count)]


def test_the_counts_of_the_wanted_inputs_are_read_as_they_are_now(line: Line) -> None:
    of = source("shm", str(line.path))
    of.index[0], of.index[1] = 2, 0
    sampler = player(of, 2)
    assert ticks(sampler, FIRST_NS, 2) == [1, 1]
    line.set(2, 333)
    assert ticks(sampler, FIRST_NS + 2 * MS, 1) == [1]
    assert rows(sampler) == [(300, 100), (300, 100), (333, 100)]


def test_no_input_of_the_light_is_two_channels(line: Line) -> None:
    of = source("shm", str(line.path))
    of.index[0], of.index[1], of.index[2] = 1, 0, 1
    assert "channels 0 and 2 are both input 1" in refusal([Watch()] * 3, of)


def test_noise_is_added_so_that_light_never_looks_dead_but_never_beyond_the_converter(tmp_path: Path) -> None:
    line = Line(tmp_path / "light", (1000, 0, 65535), noise=3)
    sampler = player(source("shm", str(line.path)), 3)
    ticks(sampler, FIRST_NS, 500)
    found = [row for row in rows(sampler) if isinstance(row, tuple)]
    assert {row[0] for row in found} == set(range(997, 1004))
    assert {row[1] for row in found} == {0, 1, 2, 3}
    assert {row[2] for row in found} == {65532, 65533, 65534, 65535}
    line.close()


def test_light_without_a_sign_of_life_is_missing_and_comes_back_with_it(line: Line) -> None:
    sampler = player(source("shm", str(line.path)), 1)
    assert ticks(sampler, FIRST_NS + 999 * MS, 4) == [1, 1, 0, 0]
    line.beat(FIRST_NS + 1003 * MS)
    assert ticks(sampler, FIRST_NS + 1003 * MS, 2) == [1, 1]
    stats = sampler.assert_accounted()
    assert (stats.scans, stats.missed, stats.read_errors, stats.error) == (4, 2, 2, errno.ESTALE)
    assert rows(sampler) == [(100,), (100,), 1, 1, (100,), (100,)]


def test_a_sign_of_life_of_another_clock_is_none(line: Line) -> None:
    sampler = player(source("shm", str(line.path)), 1)
    line.beat(FIRST_NS + 3600 * SECOND)
    assert ticks(sampler, FIRST_NS, 1) == [0]
    assert sampler.statistics().error == errno.ESTALE


def test_a_file_that_is_removed_or_cut_short_is_a_source_that_is_gone(line: Line, tmp_path: Path) -> None:
    removed = player(source("shm", str(line.path)), 1)
    line.path.unlink()
    assert ticks(removed, FIRST_NS, 1) == [-errno.ENODEV]
    other = Line(tmp_path / "other", (1, 2))
    cut = player(source("shm", str(other.path)), 1)
    other.shorten(8)
    assert ticks(cut, FIRST_NS, 1) == [-errno.ENODEV]
    other.close()
    written_over = Line(tmp_path / "third", (1, 2))
    odd = player(source("shm", str(written_over.path)), 1)
    with written_over.path.open("r+b") as file:
        file.write(bytes(8))
    assert ticks(odd, FIRST_NS, 1) == [-errno.ENODEV]
    written_over.close()


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ({"magic": 1}, "is not a file of light"),
        ({"version": 2}, "has version 2, this program reads version 1"),
        ({"size": 40}, "has 52 bytes, its head says 40 bytes"),
        ({"inputs": 4}, "its head says 52 bytes and 4 inputs, which need 56 bytes"),
        ({"inputs": 2**32 - 1}, "inputs, which need"),
        ({"inputs": 2}, "channel 2 wants input 2"),
        ({"top": 0}, "its highest count is 0"),
        ({"top": LIMIT}, f"its highest count is {LIMIT}"),
    ],
)
def test_a_wrong_head_is_named(tmp_path: Path, head: dict[str, int], sentence: str) -> None:
    line = Line(tmp_path / "light", (1, 2, 3), **head)
    found = refusal([Watch()] * 3, source("shm", str(line.path)))
    assert sentence in found
    assert str(line.path) in found
    line.close()


def test_a_file_that_is_not_there_or_no_file_of_light_is_named(tmp_path: Path) -> None:
    assert re.search(r"nowhere cannot be opened: No such file", refusal([Watch()], source("shm", str(tmp_path / "nowhere"))))
    (tmp_path / "short").write_bytes(b"x" * 39)
    assert "has 39 bytes" in refusal([Watch()], source("shm", str(tmp_path / "short")))
    assert "must be an ordinary file" in refusal([Watch()], source("shm", str(tmp_path)))


def test_what_a_writer_writes_after_the_opening_cannot_lead_out_of_the_range(line: Line) -> None:
    sampler = player(source("shm", str(line.path)), 2)
    line.set(0, -(2**31))
    line.set(1, 2**31 - 1)
    line.set_noise(2**32 - 1)
    assert ticks(sampler, FIRST_NS, 50) == [1] * 50
    for row in rows(sampler):
        assert isinstance(row, tuple)
        assert all(0 <= count <= 65535 for count in row)


def test_a_file_that_vanishes_while_the_thread_runs_ends_it_and_not_the_process(tmp_path: Path) -> None:
    program = """
import select, sys
from pathlib import Path
from stationd._sampler import lib
from tests.native.samplers import Watch, create, source
path = Path(sys.argv[1])
sampler = create([Watch()], source("shm", str(path)), rate_hz=1000, window_slots=1)
assert lib.sampler_start(sampler.handle) == 0
path.unlink()
while not sampler.drain().ended:
    select.select([lib.sampler_fd(sampler.handle)], [], [])
assert lib.sampler_stop(sampler.handle, 10**9) == 0
sampler.assert_accounted()
"""
    line = Line(tmp_path / "light", (1,))
    done = subprocess.run([sys.executable, "-c", program, str(line.path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    line.close()
