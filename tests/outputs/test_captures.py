"""Files of raw samples: readable by numpy and by people, whole or not there, within their quota."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
from array import array
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stationd.core.model import LightKind
from stationd.links.sampler import ChannelSettings, RawCapture, SamplerSettings, SourceSettings
from stationd.outputs.captures import CaptureFiles, CaptureFormat, npy
from stationd.wire.calibration import Calibration, LogAmp
from tests.conftest import program
from tests.outputs.plant import LIVE, SIMULATED

TAP = Calibration("tap", LogAmp(0.2, -70.0), (64, 65471), 78.127e-6, tap_db=20.0)
CHANNELS = (ChannelSettings("fp1-rx", 0, TAP), ChannelSettings("länge", 3, TAP, step_db=1.0))
SETTINGS = SamplerSettings(SourceSettings("sim", ""), CHANNELS)
SCANS = 300
PATIENCE_S = 30.0
ROOT = Path(__file__).resolve().parents[2]
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


OLD = "20250101T000000.000000Z-light-lost-fp1-rx-000002.csv"
OLDER = "20260101T000000.000000Z-manual-000001.npz"  # its number says so, whatever the clock was


async def test_what_a_kill_has_left_is_removed_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / f".{OLD}.new").write_bytes(b"half")
    (tmp_path / ".download.new").write_bytes(b"of somebody else")
    (tmp_path / "notes.txt").write_text("of a technician")
    await CaptureFiles(tmp_path, CaptureFormat.CSV, 10, LIVE).keep(capture())
    names = [file.name for file in files(tmp_path)]
    assert len(names) == 3
    assert {"notes.txt", ".download.new"} < set(names)


async def test_the_oldest_files_by_their_number_go_when_the_quota_is_reached_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"x" * 2_000_000)
    foreign = tmp_path / "20200101T000000Z-light-lost-copy.csv"
    foreign.write_bytes(b"x" * 2_000_000)
    (tmp_path / OLD).write_bytes(b"x" * 900_000)
    (tmp_path / OLDER).write_bytes(b"x" * 200_000)
    store = CaptureFiles(tmp_path, CaptureFormat.CSV, 1, LIVE)
    await store.keep(capture())
    assert not (tmp_path / OLDER).exists()
    assert (tmp_path / OLD).exists()
    assert (tmp_path / "notes.txt").exists()
    assert foreign.exists()
    assert store.statistics.deleted == 1
    assert store.statistics.bytes <= 1 << 20
    assert next(tmp_path.glob("*-light-lost-fp1-rx-000003.csv"))


async def test_files_that_fill_the_quota_exactly_stay(tmp_path: Path) -> None:
    store = CaptureFiles(tmp_path, CaptureFormat.CSV, 1, LIVE)
    await store.keep(capture())
    (new,) = files(tmp_path)
    size = new.stat().st_size
    new.unlink()
    (tmp_path / OLD).write_bytes(b"x" * ((1 << 20) - size))
    await store.keep(capture())
    assert (tmp_path / OLD).exists()
    assert (store.statistics.deleted, store.statistics.bytes) == (0, 1 << 20)


async def test_a_capture_that_cannot_be_described_is_counted_and_the_next_one_is_written(tmp_path: Path) -> None:
    """Whatever goes wrong in the writer, nobody waits for ever."""
    store = CaptureFiles(tmp_path, CaptureFormat.CSV, 10, LIVE)
    for broken in (replace(capture(), watches=()), replace(capture(), counts=b"123"), replace(capture(), trigger_ns=1 << 80)):
        async with asyncio.timeout(PATIENCE_S):
            await store.keep(broken)
    await store.keep(capture())
    assert (store.statistics.written, store.statistics.failed) == (1, 3)
    assert len(files(tmp_path)) == 1, "no half file stays"


async def test_the_name_has_the_utc_of_the_trigger(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    trigger_ns = round(asyncio.get_running_loop().time() * 1e9)
    await CaptureFiles(tmp_path, CaptureFormat.CSV, 10, LIVE).keep(replace(capture(), trigger_ns=trigger_ns))
    after = datetime.now(UTC)
    (file,) = files(tmp_path)
    named = datetime.strptime(file.name.partition("Z-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    assert before - timedelta(milliseconds=10) <= named <= after + timedelta(milliseconds=10)


KEEP = """
import asyncio, sys
from pathlib import Path
from stationd.outputs.captures import CaptureFiles, CaptureFormat
from tests.outputs.plant import LIVE
from tests.outputs.test_captures import capture

async def main():
    await CaptureFiles(Path(sys.argv[1]), CaptureFormat.NPZ, 1, LIVE).keep(capture())

asyncio.run(main())
"""


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_an_older_one_goes_only_after_that(tmp_path: Path) -> None:
    strace = program("strace")
    place, trace = tmp_path / "captures", tmp_path / "trace"
    place.mkdir()
    (place / OLDER).write_bytes(b"x" * (1 << 20))
    command = [strace, "-f", "-y", "-e", "trace=/fsync|rename|unlink", "-o", trace, sys.executable, "-c", KEEP, place]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    calls = [line.split(maxsplit=1)[1] for line in trace.read_text().splitlines() if str(place) in line]
    assert [call.partition("(")[0][:6] for call in calls] == ["fsync", "rename", "fsync", "unlink"], calls
    assert ".npz.new" in calls[0]
    assert f"{place}>" in calls[2]
    assert OLDER in calls[3]


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
