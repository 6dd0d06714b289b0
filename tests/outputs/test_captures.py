"""Files of raw samples: readable by numpy and by people, whole or not there, within their quota."""

from __future__ import annotations

import asyncio
import csv
import json
from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from stationd.core.model import LightKind
from stationd.links.sampler import ChannelSettings, RawCapture, SamplerSettings, SourceSettings
from stationd.outputs.captures import CaptureFiles, CaptureFormat, npy
from stationd.wire.calibration import Calibration, LogAmp
from tests.outputs.plant import LIVE, SIMULATED

TAP = Calibration("tap", LogAmp(0.2, -70.0), (64, 65471), 78.127e-6, tap_db=20.0)
CHANNELS = (ChannelSettings("fp1-rx", 0, TAP), ChannelSettings("länge", 3, TAP, step_db=1.0))
SETTINGS = SamplerSettings(SourceSettings("sim", ""), CHANNELS)
SCANS = 300
LAST = 0x7FFF_FFFF_FFFF_FFFF


def capture(number: int = 0, kind: LightKind | None = LightKind.LOST) -> RawCapture:
    counts = array("i", [value for scan in range(SCANS) for value in (scan, -scan)])
    times = array("q", range(LAST - SCANS, LAST))
    slots = array("Q", range(2**64 - SCANS, 2**64))
    raw = (SCANS, counts.tobytes(), times.tobytes(), slots.tobytes())
    watches = SETTINGS.watches(None)
    return RawCapture(number, 2, kind, "fp1-rx" if kind else "", 1_000_000_000 + number, 2**64 - 9, *raw, SETTINGS, watches, 21.5)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_numpy_reads_what_was_written(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy", reason="numpy is not installed: pip install numpy")
    store = CaptureFiles(tmp_path, CaptureFormat.NPZ, 10, SIMULATED)
    await store.keep(capture())
    (file,) = files(tmp_path)
    with numpy.load(file) as found:
        assert found["counts"].dtype == numpy.int32
        assert found["counts"].shape == (SCANS, 2)
        assert list(found["counts"][:, 0]) == list(range(SCANS))
        assert list(found["counts"][:, 1]) == [-scan for scan in range(SCANS)]
        assert (found["times_ns"].dtype, int(found["times_ns"][-1])) == (numpy.int64, LAST - 1)
        assert (found["slots"].dtype, int(found["slots"][-1])) == (numpy.uint64, 2**64 - 1)
        assert list(found["channels"]) == ["fp1-rx", "länge"]
        description = json.loads(found["description.json"])
    assert (description["station"], description["mode"], description["rate_hz"], description["scans"]) == ("aktau", "sim", 1000, SCANS)
    assert (description["trigger"]["kind"], description["trigger"]["channel"]) == ("light-lost", "fp1-rx")
    assert description["trigger"]["t_ns"] == 1_000_000_000
    assert description["channels"][0]["calibration"]["law"]["volts_per_decade"] == 0.2
    assert description["channels"][0]["watch"]["lost_below"] == TAP.lost_below(-38.0)
    assert (description["temperature_c"], description["lost_before"]) == (21.5, 2)
    assert (store.statistics.written, store.statistics.bytes) == (1, file.stat().st_size)


def test_the_header_of_an_array_is_padded_as_numpy_wants_it() -> None:
    for length in (0, 1, 10, 12345678):
        made = npy("<i4", (length, 2), b"")
        assert len(made) % 64 == 0
        assert made.endswith(b"\n")


async def test_a_csv_says_what_it_is_and_has_a_line_for_each_scan(tmp_path: Path) -> None:
    await CaptureFiles(tmp_path, CaptureFormat.CSV, 10, LIVE).keep(capture(kind=None))
    (file,) = files(tmp_path)
    assert "-manual-" in file.name
    lines = file.read_text().splitlines()
    about = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    assert json.loads(about["trigger"])["slot"] == 2**64 - 9
    rows = list(csv.reader(line for line in lines if not line.startswith("#")))
    assert rows[0] == ["time_ns", "slot", "fp1-rx", "länge"]
    assert rows[-1] == [str(LAST - 1), str(2**64 - 1), str(SCANS - 1), str(1 - SCANS)]
    assert len(rows) == SCANS + 1


async def test_what_a_kill_has_left_is_removed_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / ".20260101-light-lost-000000.npz.new").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("of a technician")
    await CaptureFiles(tmp_path, CaptureFormat.CSV, 10, LIVE).keep(capture())
    names = [file.name for file in files(tmp_path)]
    assert len(names) == 2
    assert "notes.txt" in names


async def test_the_oldest_files_go_when_the_quota_is_reached_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"x" * 2_000_000)
    old = tmp_path / "20250101T000000Z-light-lost-000001.csv"
    old.write_bytes(b"x" * 900_000)
    older = tmp_path / "20240101T000000Z-light-lost-000001.npz"
    older.write_bytes(b"x" * 200_000)
    store = CaptureFiles(tmp_path, CaptureFormat.CSV, 1, LIVE)
    await store.keep(capture())
    assert not older.exists()
    assert old.exists()
    assert (tmp_path / "notes.txt").exists()
    assert store.statistics.deleted == 1
    assert store.statistics.bytes <= 1 << 20


async def test_a_capture_that_is_larger_than_the_quota_deletes_nothing_and_is_counted(tmp_path: Path) -> None:
    small = capture()
    large = replace(small, scans=200_000, counts=bytes(1_600_000), times_ns=bytes(1_600_000), slots=bytes(1_600_000))
    store = CaptureFiles(tmp_path, CaptureFormat.CSV, 1, LIVE)
    await store.keep(small)
    await store.keep(large)
    assert (store.statistics.written, store.statistics.failed, store.statistics.deleted) == (1, 1, 0)
    assert len(files(tmp_path)) == 1


async def test_a_disk_that_takes_nothing_costs_the_capture_and_no_more(tmp_path: Path) -> None:
    place = tmp_path / "captures"
    place.write_text("a file stands where the directory should be")
    store = CaptureFiles(place, CaptureFormat.NPZ, 10, LIVE)
    await store.keep(capture())
    assert (store.statistics.written, store.statistics.failed) == (0, 1)
    place.unlink()
    await store.keep(capture(1))
    assert (store.statistics.written, store.statistics.failed) == (1, 1)


async def test_captures_that_come_faster_than_the_disk_takes_them_are_counted(tmp_path: Path) -> None:
    store = CaptureFiles(tmp_path / "there", CaptureFormat.CSV, 100, LIVE)
    waiting = [store.keep(capture(number)) for number in range(20)]
    await asyncio.gather(*waiting)
    assert store.statistics.written + store.statistics.failed == 20
    assert store.statistics.written == len(files(tmp_path / "there")) >= 1
