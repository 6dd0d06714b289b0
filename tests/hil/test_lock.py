"""Locks and latches: a rig is used by one run at a time, and a rig that failed by none until a person has looked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hil.lock import MODE, Busy, Latched, NoPlace, Rack, labgrid_place, usual_folder

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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes the folder of the machine")
def test_latches_of_a_bench_lie_where_a_reboot_does_not_reach_and_everybody_may_put_one(tmp_path: Path) -> None:
    folder = usual_folder(real=True, machine=tmp_path / "stationd-hil")
    assert folder.stat().st_mode & MODE == MODE
    assert usual_folder(real=False) != folder


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_without_such_a_folder_an_ordinary_user_is_told_what_to_type() -> None:
    script = "import os, sys; from pathlib import Path; from hil.lock import usual_folder; os.setuid(65534); "
    script += "usual_folder(real=True, machine=Path('/nowhere/stationd-hil'))"
    around = {name: value for name, value in os.environ.items() if name != "STATIOND_HIL_LOCKS"}
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=around, capture_output=True, text=True, timeout=60)
    assert NoPlace.__name__ in said.stderr
    assert "install -d -m 1777" in said.stderr


def test_what_was_under_way_when_a_run_was_killed_latches_and_what_ended_well_does_not(rack: Rack) -> None:
    rack.under_way("lima", "class 4, ramp,", "f00d")
    rack.well_over("lima", "another run")
    with pytest.raises(Latched, match="class 4, ramp, was under way and never ended"):
        rack.check("lima")
    rack.well_over("lima", "f00d")
    rack.check("lima")


def test_a_failure_takes_the_place_of_what_was_under_way_and_stays(rack: Rack) -> None:
    rack.under_way("lima", "class 4", "f00d")
    rack.latch("lima", "the interlock loop of the bench is open", "f00d")
    rack.under_way("lima", "class 4", "f00d")
    rack.well_over("lima", "f00d")
    with pytest.raises(Latched, match="interlock loop"):
        rack.check("lima")
