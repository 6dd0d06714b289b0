"""Story 11: the daemon does not start, and the vendor wants to see why. All that helps is told and packed without it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.stories.line import ROOT, Answer, one_shot

SECRET = "hunter2-of-the-station"
BROKEN = f"""
[station]
name = "aktau"
title = "Aktau"
state = "{{home}}/state"
[mqtt]
url = "mqtt://stationd:{SECRET}@broker"
[bus.pfe]
port = "/dev/ttyPFE"
protocol = "modbus-rtu"
baud = 19200 mA
"""
WRONG_LINE = 1 + BROKEN.splitlines().index("baud = 19200 mA")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The file of a station with a slip of the pen and a secret in it."""
    path = tmp_path / "station.toml"
    path.write_text(BROKEN.format(home=tmp_path))
    return path


def stationd(config: Path, *words: str) -> Answer:
    around = {**os.environ, "HOME": str(config.parent)}
    command = [sys.executable, "-m", "stationd", *words, "--config", str(config)]
    done = subprocess.run(command, cwd=ROOT, env=around, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def test_the_daemon_refuses_to_start_and_names_the_line(config: Path) -> None:
    answer = stationd(config, "run")
    assert answer.code not in (0, -9)
    assert re.search(rf"\b{WRONG_LINE}\b", answer.err + answer.out), answer


def test_the_shell_says_that_there_is_no_daemon_and_how_to_find_out_why(tmp_path: Path) -> None:
    answer = one_shot(tmp_path / "io.stationd", "show", "health", home=tmp_path)
    assert answer.code == 3
    assert "no daemon answers" in answer.err
    assert "systemctl status stationd" in answer.err


def test_the_page_for_the_telephone_names_the_line_of_the_file_and_no_secret(config: Path) -> None:
    answer = stationd(config, "support", "summary")
    (row,) = [row for row in answer.out.splitlines() if row.startswith("R ")]
    assert "broken" in row
    assert re.search(rf"\bline {WRONG_LINE}\b", row)
    assert SECRET not in answer.out + answer.err
    (daemon,) = [row for row in answer.out.splitlines() if row.startswith("C ")]
    assert "no answer" in daemon


def test_the_bundle_is_made_without_the_daemon_with_every_secret_replaced_a_list_and_its_check_sum(config: Path) -> None:
    answer = stationd(config, "support", "bundle", "--since", "24h")
    assert answer.code == 0, answer
    packed(answer, config.parent)


def test_stationctl_makes_a_bundle_where_nothing_of_a_station_is_there(tmp_path: Path) -> None:
    answer = one_shot(tmp_path / "io.stationd", "support", "bundle", "since", "24h", home=tmp_path)
    assert answer.code == 0, answer
    packed(answer, None)


def packed(answer: Answer, below: Path | None) -> None:
    path = Path(re.findall(r"(?m)^path +(\S+)", answer.out)[0])
    try:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in answer.out
        assert below is None or path.is_relative_to(below)
        with zipfile.ZipFile(path) as bundle:
            assert bundle.testzip() is None
            for name in bundle.namelist():
                assert name in answer.out or name.endswith("contents.txt"), name
                assert SECRET.encode() not in bundle.read(name), name
            assert bundle.namelist()
    finally:
        path.unlink()
