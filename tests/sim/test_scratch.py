"""What a simulation leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stationd.sim.scratch import scratch


def test_a_directory_lasts_as_long_as_its_block(tmp_path: Path) -> None:
    with scratch("sim", tmp_path) as directory:
        (directory / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else_is(tmp_path: Path) -> None:
    lines = (
        "import os, sys; from pathlib import Path; from stationd.sim.scratch import scratch",
        "made = scratch('sim', Path(sys.argv[1])); made.__enter__(); os.kill(os.getpid(), 9)",
    )
    program = "\n".join(lines)
    subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    (left,) = tmp_path.iterdir()
    (tmp_path / "sim-1-mine").mkdir()  # of a process that lives
    (tmp_path / "other-99999999-x").mkdir()
    with scratch("sim", tmp_path) as directory:
        assert not left.exists()
        assert {path.name for path in tmp_path.iterdir()} == {"sim-1-mine", "other-99999999-x", directory.name}
    assert os.path.lexists(tmp_path / "sim-1-mine")
