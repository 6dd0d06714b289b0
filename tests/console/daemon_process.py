"""`stationd run` as a process of its own, on a station that has people and nothing else: no line, no unit, no broker.

So every interface of the control socket is there, and an answer takes no longer because of what the test itself does.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S, STOP_S = 60.0, 20.0
STATION = """
[station]
name = "aktau"
mode = "sim"
time_zone = "Asia/Aqtau"
state = "{home}/state"
[control]
socket = "{home}/io.stationd"
"""
SEVEN = frozenset(f"io.stationd.{name}" for name in ("Alarm", "Audit", "Diagnostics", "Operation", "Session", "Setpoint", "Status"))
SERVICE = "org.varlink.service"


@contextlib.contextmanager
def daemon() -> Iterator[Path]:
    """Run it; give the path of its control socket."""
    with tempfile.TemporaryDirectory(prefix="console") as name:
        home = Path(name)
        (home / "station.toml").write_text(STATION.format(home=home))
        words = [sys.executable, "-m", "stationd", "run", "--config", str(home / "station.toml")]
        with (home / "log").open("wb") as log, subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log) as running:
            try:
                _wait_for(home / "io.stationd", running, home / "log")
                yield home / "io.stationd"
            finally:
                running.terminate()
                running.wait(STOP_S)


def _wait_for(path: Path, running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while not path.exists():
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)
