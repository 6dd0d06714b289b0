"""The connection of `stationctl`: a daemon that is too busy to take it is no daemon that is gone."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stationd.shell.caller import Failed, Line
from stationd.shell.client import main
from stationd.shell.exits import Exit
from tests.console.desk import STATUS
from tests.shell.shelling import off

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; from stationd.shell.client import main; sys.exit(main())"


@contextlib.contextmanager
def full(path: Path) -> Iterator[tuple[socket.socket, list[socket.socket]]]:
    """A listener whose queue is full, as that of a daemon that is stopped; and those who stand in the queue."""
    queue: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        try:
            with contextlib.suppress(BlockingIOError):
                while True:
                    queue.append(socket.socket(socket.AF_UNIX))
                    queue[-1].setblocking(False)
                    queue[-1].connect(str(path))
            yield listener, queue
        finally:
            for each in queue:
                each.close()


def test_a_connection_waits_for_a_daemon_that_is_busy(tmp_path: Path) -> None:
    with full(tmp_path / "s") as (listener, queue):
        waits = threading.Event()
        found: list[Line] = []
        calling = threading.Thread(target=lambda: found.append(Line(str(tmp_path / "s"), 20.0, waits.set)))
        calling.start()
        assert waits.wait(20)
        for _ in queue:  # all who stand in it, and the one who waits
            listener.accept()[0].close()
        calling.join(20)
        assert len(found) == 1
        found[0].close()


def test_after_its_time_it_says_that_the_daemon_takes_no_connection(tmp_path: Path) -> None:
    with full(tmp_path / "s"), pytest.raises(Failed) as failed:
        Line(str(tmp_path / "s"), 0.1)
    assert failed.value.code is Exit.NO_DAEMON
    assert failed.value.lines[0] == "the daemon has taken no connection within 0.1 s: it is stopped or too busy"


@pytest.mark.parametrize("words", ["show status", "ack a/B", "hold-ramp"])
def test_a_command_that_found_no_room_has_sent_nothing(words: str, tmp_path: Path) -> None:
    with full(tmp_path / "s"):
        assert main(["--socket", str(tmp_path / "s"), "--timeout", "0.1", *words.split()]) == Exit.NO_DAEMON


@pytest.mark.parametrize("as_json", [False, True])
def test_an_emergency_off_names_the_red_button_and_goes_out_as_soon_as_there_is_room(tmp_path: Path, as_json: bool) -> None:
    """Whatever time-out was asked for: it has its own."""
    options = ["--timeout", "0.1", *(["--json"] if as_json else [])]
    typed = [sys.executable, "-c", PROGRAM, "--socket", str(tmp_path / "s"), *options, "EMERGENCY-OFF", "pfe-a"]
    with (
        full(tmp_path / "s") as (listener, queue),
        subprocess.Popen(typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as running,
    ):
        assert running.stderr is not None
        assert running.stdout is not None
        assert running.stderr.readline().startswith("NOT SENT YET: the daemon takes no connection")
        for _ in queue[:-1]:
            listener.accept()[0].close()
        connection, _ = listener.accept()
        with connection:
            sent = json.loads(connection.recv(65536).rstrip(b"\0"))
            assert sent == {"method": "io.stationd.Operation.EmergencyOff", "parameters": {"objects": ["pfe-a"]}}
            connection.sendall(json.dumps({"parameters": off(True)[1]}).encode() + b"\0")
            while connection.recv(65536):
                connection.sendall(json.dumps({"parameters": {"status": STATUS}}).encode() + b"\0")
        said = running.stdout.read()
        assert "NOT SENT YET" not in said
        assert running.wait(20) == Exit.DONE
        assert os.linesep in said
