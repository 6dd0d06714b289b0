"""What is known of the clock where the sandbox forbids the question: what its witness wrote, as long as it is fresh and whole."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stationd.outputs.journal.wall import KernelTime, asked, witnessed

PROGRAM = Path(__file__).resolve().parents[3] / "systemd" / "stationd_witness.py"
PATIENCE_S = 20.0


def written(folder: Path, text: str) -> Path:
    file = folder / "state"
    file.write_text(text)
    return file


def test_a_fresh_answer_of_a_synchronised_clock_is_taken_over(tmp_path: Path) -> None:
    assert witnessed(written(tmp_path, f"{time.monotonic()} 0 8193 2500 120\n")) == KernelTime(0.0025, 0.00012, 0)


@pytest.mark.parametrize("words", ["5 64 16000000 16000000", "0 64 100 100", "-1 0 0 0"])
def test_what_the_kernel_calls_not_synchronised_is_not(tmp_path: Path, words: str) -> None:
    assert witnessed(written(tmp_path, f"{time.monotonic()} {words}\n")) is None


TORN = ["", "12", "x 0 8193 2500 120", "{now} 0 8193 2500", "{old} 0 8193 2500 120", "{later} 0 8193 2500 120", "\xff"]


@pytest.mark.parametrize("text", TORN)
def test_an_old_or_torn_answer_is_none(tmp_path: Path, text: str) -> None:
    now = time.monotonic()
    assert witnessed(written(tmp_path, text.format(now=now, old=now - 60, later=now + 60))) is None


NINES = "9" * 400
ABSURD = ["-1 120", "2500 -120", "16000001 120", f"{NINES} 120", f"1 {NINES}", f"1 1{' ' * 300}"]


@pytest.mark.parametrize("words", ABSURD)
def test_what_no_kernel_says_is_none(tmp_path: Path, words: str) -> None:
    assert witnessed(written(tmp_path, f"{time.monotonic()} 0 8193 {words}\n")) is None


def test_what_is_no_file_is_none_and_no_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "clock")
    assert witnessed(tmp_path / "clock") is None
    assert witnessed(tmp_path) is None
    assert witnessed(Path("/dev/zero")) is None


def test_a_witness_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert witnessed(tmp_path / "state") is None


def test_the_witness_says_what_the_kernel_says(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    with subprocess.Popen([sys.executable, "-I", PROGRAM, tmp_path]) as witness:
        give_up = time.monotonic() + PATIENCE_S
        while not file.exists():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        told, kernel = witnessed(file), asked()
        witness.kill()
    assert (told is None) is (kernel is None)
    if told is not None and kernel is not None:
        assert told.state == kernel.state
