"""A process that hangs: its main thread stands still, the others run on, and it goes on afterwards."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.hang import Hanging

PATIENCE_S = 20.0
PROGRAM = """
import os, sys, threading, time
def count(path):
    for number in range(1000000):
        with open(path + ".new", "w") as file:
            file.write(str(number))
        os.replace(path + ".new", path)  # whoever reads finds a whole number
        time.sleep(0.002)
threading.Thread(target=count, args=(sys.argv[1],), daemon=True).start()
count(sys.argv[2])
"""


def number(path: Path) -> int:
    return int(path.read_text()) if path.exists() else 0


def until(fits: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not (fit := fits()) and time.monotonic() < end:
        time.sleep(0.005)
    return fit


def test_the_loop_stands_still_while_other_threads_run_and_goes_on_afterwards(tmp_path: Path) -> None:
    other, main = tmp_path / "other", tmp_path / "main"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(other), str(main)]) as process:
        try:
            assert until(lambda: number(main) > 0 and number(other) > 0)
            try:
                hanging = Hanging(process.pid)
            except OSError as why:
                pytest.skip(str(why))
            stands, runs = number(main), number(other)
            assert until(lambda: number(other) > runs + 20)
            assert number(main) == stands
            hanging.end()
            assert until(lambda: number(main) > stands)
        finally:
            process.kill()


def test_a_process_that_is_not_there_cannot_be_held() -> None:
    with pytest.raises(OSError, match="cannot be held"):
        Hanging(2**22 + 1)
