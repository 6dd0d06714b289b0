"""Locks and latches: a rig is used by one run at a time, and a rig that failed by none until a person has looked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hil.lock import Busy, Latched, Rack, labgrid_place

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def rack(tmp_path: Path) -> Rack:
    return Rack(tmp_path)


def test_a_rig_in_use_is_refused_with_who_uses_it(rack: Rack) -> None:
    with rack.held("lima", "aliya at lab-1") as token:
        assert len(token) == 16
        with pytest.raises(Busy, match="aliya at lab-1"), rack.held("lima", "nurlan at lab-1"):
            pass
        with rack.held("quito", "nurlan at lab-1") as other:
            assert other != token
    with rack.held("lima", "nurlan at lab-1"):
        pass


def test_a_killed_run_holds_nothing(rack: Rack, tmp_path: Path) -> None:
    script = f"from hil.lock import Rack; from pathlib import Path; c = Rack(Path({str(tmp_path)!r})).held('lima', 'x'); c.__enter__()\n"
    script += "import os; os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=60)
    with rack.held("lima", "aliya"):
        pass


def test_a_latch_keeps_everybody_out_until_somebody_says_what_he_found(rack: Rack) -> None:
    rack.check("lima")
    rack.latch("lima", "the interlock loop of the bench is open", "f00d")
    rack.latch("lima", "and later that", "f00d")
    with pytest.raises(Latched) as why:
        rack.check("lima")
    assert "the interlock loop of the bench is open" in str(why.value)
    assert "and later that" not in str(why.value)
    assert "python -m hil.lock clear lima --who" in str(why.value)
    rack.check("quito")
    assert rack.clear("lima", "A. Bekov", "door switch was loose") == "the interlock loop of the bench is open"
    rack.check("lima")
    (kept,) = [json.loads(line) for line in (rack.folder / "lima.latches.jsonl").read_text().splitlines()]
    assert (kept["who"], kept["found"]) == ("A. Bekov", "door switch was loose")


@pytest.mark.parametrize(("who", "found"), [("", "looked"), ("A. Bekov", " "), (" ", "looked")])
def test_nobody_takes_a_latch_away_without_a_name_and_a_finding(rack: Rack, who: str, found: str) -> None:
    rack.latch("lima", "why", "f00d")
    with pytest.raises(ValueError, match="a person"):
        rack.clear("lima", who, found)
    with pytest.raises(Latched):
        rack.check("lima")


def test_a_latch_that_cannot_be_read_still_latches(rack: Rack) -> None:
    (rack.folder / "lima.latched").write_bytes(b"\xff\x00")
    with pytest.raises(Latched, match="its latch file cannot be read"):
        rack.check("lima")


def test_the_documented_command_clears_a_latch(tmp_path: Path) -> None:
    Rack(tmp_path).latch("lima", "smoke", "f00d")
    around = {**os.environ, "STATIOND_HIL_LOCKS": str(tmp_path)}
    words = [sys.executable, "-m", "hil.lock", "clear", "lima", "--who", "A. Bekov", "--found", "nothing"]
    said = subprocess.run(words, cwd=ROOT, env=around, capture_output=True, text=True, timeout=60)
    assert (said.returncode, "smoke" in said.stdout) == (0, True)
    again = subprocess.run(words, cwd=ROOT, env=around, capture_output=True, text=True, timeout=60)
    assert (again.returncode, "has no latch" in again.stderr) == (1, True)


@pytest.mark.skipif(shutil.which("labgrid-client") is not None, reason="labgrid is installed here")
def test_a_place_without_labgrid_is_refused_and_said() -> None:
    with pytest.raises(Busy, match="labgrid-client cannot acquire the place lima"), labgrid_place("lima"):
        pass


def test_a_run_on_a_latched_rig_does_not_begin(tmp_path: Path) -> None:
    Rack(tmp_path).latch("sim", "somebody smelt smoke", "f00d")
    around = {**os.environ, "STATIOND_HIL_LOCKS": str(tmp_path)}
    words = [sys.executable, "-m", "pytest", "-q", "hil", "--rig", "sim"]
    said = subprocess.run(words, cwd=ROOT, env=around, capture_output=True, text=True, timeout=100)
    assert said.returncode == pytest.ExitCode.USAGE_ERROR
    assert "somebody smelt smoke" in said.stderr
    assert "python -m hil.lock clear sim" in said.stderr
