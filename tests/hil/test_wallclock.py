"""The shim before the wall clock: what is said is there at once, and the monotonic clock stays the machine's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil.clock import Says, WallClock, possible

LOOK = """
import ctypes, sys, time
libc = ctypes.CDLL(None)
for _ in sys.stdin:
    timex = ctypes.create_string_buffer(512)
    print(time.time(), time.monotonic(), libc.time(None), libc.adjtimex(timex), flush=True)
"""

pytestmark = pytest.mark.skipif(bool(possible()), reason=possible() or "possible")


class Looker:
    """A process on a clock of its own that says what time it is."""

    def __init__(self, clock: WallClock) -> None:
        around = {**os.environ, **clock.environment}
        self.process = subprocess.Popen([sys.executable, "-c", LOOK], env=around, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def look(self) -> tuple[float, float, int, int]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        wall, monotonic, whole, state = self.process.stdout.readline().split()
        return float(wall), float(monotonic), int(whole), int(state)

    def close(self) -> None:
        self.process.communicate("", timeout=30)


def test_a_step_moves_the_wall_clock_at_once_and_the_monotonic_one_never(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    looker = Looker(clock)
    wall, monotonic, _, _ = looker.look()
    clock.step(90 * 86_400.0)
    later, then, whole, _ = looker.look()
    assert later - wall == pytest.approx(90 * 86_400.0 + then - monotonic, abs=0.5)
    assert abs(whole - later) <= 1.5
    clock.right()
    assert looker.look()[0] - wall < 60.0
    looker.close()


def test_a_drift_grows_and_synchronised_is_what_was_said(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    looker = Looker(clock)
    clock.drift(5.0)
    wall, monotonic, _, _ = looker.look()
    while looker.look()[1] - monotonic < 0.2:
        pass
    later, then, _, _ = looker.look()
    assert later - wall == pytest.approx(5.0 * (then - monotonic), rel=0.3)
    clock.say(Says.UNSYNCHRONISED)
    assert looker.look()[3] == 5
    clock.say(Says.SYNCHRONISED)
    assert looker.look()[3] == 0
    looker.close()
