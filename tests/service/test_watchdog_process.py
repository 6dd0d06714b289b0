"""A real process and its service manager: a disk that fails or hangs, ports and a broker that are not there, a loop that stands still."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from stationd.bench.journal_faults import WATCHED, environment
from tests.conftest import program

ROOT = Path(__file__).resolve().parents[2]
WATCHDOG_S = 1.5
PATIENCE_S = 30.0
STATION = """
[station]
name = "aktau"
state = "{state}"

[mqtt]
url = "mqtt://127.0.0.1:9"
group = "test"

[bus.pfe]
port = "{folder}/ttyS0"
protocol = "modbus-rtu"

[bus.io]
port = "tcp://127.0.0.1:9"
protocol = "modbus-tcp"

[device.io]
bus = "io"
driver = "modbus-io"
address = 1
"""


class Manager:
    """A service manager: what it was told, and what the daemon wrote into its log."""

    def __init__(self, folder: Path, surroundings: dict[str, str]) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(PATIENCE_S)
        file = folder / "station.toml"
        file.write_text(STATION.format(state=folder / WATCHED, folder=folder))
        told = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}
        command = [sys.executable, "-m", "tests.service.watched_daemon", str(file)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**surroundings, **told}, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.log: list[str] = []
        self._news = threading.Condition()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.log.append(line)
                self._news.notify_all()

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def logged(self, words: str) -> None:
        """Wait for a line of the log."""
        with self._news:
            assert self._news.wait_for(lambda: any(words in line for line in self.log), PATIENCE_S), (words, self.log)

    def told(self, message: str) -> None:
        """Wait until the daemon says this."""
        while message not in self._socket.recv(4096).decode().split("\n"):
            pass

    def is_fed(self, times: int) -> None:
        """See that the watchdog is fed in time, so often in a row: at a third of its interval, and the whole interval is the end."""
        self._socket.settimeout(WATCHDOG_S)
        for _ in range(times):
            self.told("WATCHDOG=1")
        self._socket.settimeout(PATIENCE_S)

    def is_not_fed(self) -> bool:
        """Return True when nothing comes for an interval; what was sent before is passed over."""
        self._socket.settimeout(WATCHDOG_S)
        with contextlib.suppress(TimeoutError):
            while b"WATCHDOG=1" not in self._drained():
                pass
            return False
        return True

    def _drained(self) -> bytes:
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(4096)
        self._socket.settimeout(WATCHDOG_S)
        return self._socket.recv(4096)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()
        for stream in (self.process.stdin, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._socket.close()


@contextlib.contextmanager
def daemon(folder: Path, surroundings: dict[str, str] | None = None) -> Iterator[Manager]:
    (folder / WATCHED).mkdir()
    manager = Manager(folder, surroundings if surroundings is not None else dict(os.environ))
    try:
        manager.told("READY=1")
        yield manager
    finally:
        manager.end()


def test_neither_a_full_nor_a_hanging_disk_nor_dead_ports_nor_an_absent_broker_starve_the_watchdog(tmp_path: Path) -> None:
    program("gcc")
    with daemon(tmp_path, environment(tmp_path)) as manager:
        manager.logged("port cannot be opened")
        manager.logged("broker not reached")
        manager.is_fed(3)
        manager.say("full")
        manager.logged("the journal cannot be written")
        manager.is_fed(5)
        manager.say("repair")
        manager.logged("the journal is written again")
        manager.say("hang")
        manager.logged("the disk has not answered")
        manager.is_fed(5)
        assert not [line for line in manager.log if "made anew" in line or "not fed" in line or "Traceback" in line]


def test_a_loop_that_stands_still_starves_the_watchdog_and_leaves_its_stack_when_it_is_aborted(tmp_path: Path) -> None:
    with daemon(tmp_path) as manager:
        manager.is_fed(2)
        manager.say("block")
        assert manager.is_not_fed()
        manager.process.send_signal(signal.SIGABRT)
        manager.logged("Fatal Python error: Aborted")
        assert manager.process.wait(PATIENCE_S) == -signal.SIGABRT
        manager.logged("in stand_still")
        manager.logged("watched_daemon.py")
        assert sum("Thread 0x" in line for line in manager.log) >= 2, "the stacks of all threads"
