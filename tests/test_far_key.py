"""A station whose far key is missing: everything but the far end works, and everybody is told why."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE = """
[station]
name = "aktau"
mode = "sim"
state = "{folder}/state"
[line]
name = "s1"
profile = "repeatered"
length_km = 341.0
end = "a"
far_station = "siyazan"
fibre_pairs = 2
[far_station]
key = "file:{folder}/far.key"
[control]
socket = "{folder}/io.stationd"
[mqtt]
url = "mqtt://127.0.0.1:1"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="key") as name:  # short: the path of a socket has 107 characters
        path = Path(name)
        (path / "state").mkdir()
        (path / "station.toml").write_text(FILE.format(folder=path))
        yield path


def done(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, cwd=ROOT, timeout=60)


@contextmanager
def daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stationd", "run", "--config", str(folder / "station.toml")], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def asked(folder: Path, what: str) -> Any:
    said = done("stationd.shell.client", "--socket", str(folder / "io.stationd"), "--json", "show", what)
    return json.loads(said.stdout)["data"] if said.returncode == 0 else None


def test_the_daemon_runs_without_a_far_key_and_says_why_the_far_end_is_unknown(folder: Path) -> None:
    with daemon(folder) as process:
        end = time.monotonic() + 60
        status = alarms = None
        while time.monotonic() < end and process.poll() is None:
            status, alarms = asked(folder, "status"), asked(folder, "alarms")
            if alarms is not None and any(alarm["type"] == "FAR-STATION-LOST" for alarm in alarms["alarms"]):
                break
        assert process.poll() is None, (folder / "log").read_text()
    assert status is not None
    assert alarms is not None
    far = status["far_end"]
    assert far["known"] is False
    assert far["why"].startswith(f"no key: file:{folder}/far.key: cannot read")
    (lost,) = [alarm for alarm in alarms["alarms"] if alarm["type"] == "FAR-STATION-LOST"]
    assert lost["note"] == far["why"]


def test_the_check_of_a_station_file_still_says_what_is_wrong_with_the_key(folder: Path) -> None:
    file = str(folder / "station.toml")
    missing = done("stationd", "check", file)
    (folder / "far.key").write_text("0123456789abcdef\n")
    right = done("stationd", "check", file)
    (folder / "far.key").write_text("short\n")
    short = done("stationd", "check", file)
    assert [each.returncode for each in (missing, right, short)] == [0, 0, 0]
    assert "would stay unknown: no key" in missing.stdout
    assert "no key" not in right.stdout
    assert "has 5 bytes" in short.stdout
