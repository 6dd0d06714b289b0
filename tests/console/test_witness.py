"""Whose terminal it is where the sandbox hides processes: the witness says it, and whoever is in doubt is nowhere."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stationd.console.witness import Witness

PROGRAM = Path(__file__).resolve().parents[2] / "systemd" / "stationd_witness.py"
PATIENCE_S = 20.0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """The socket of a real witness."""
    with subprocess.Popen([sys.executable, "-I", PROGRAM, tmp_path]) as witness:
        give_up = time.monotonic() + PATIENCE_S
        while not answers(tmp_path / "terminals"):
            assert time.monotonic() < give_up
            time.sleep(0.01)
        yield tmp_path / "terminals"
        witness.kill()


def answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        return connection.connect_ex(str(place)) == 0


def asked(place: Path, question: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(str(place))
        connection.send(question)
        return connection.recv(64)


def test_the_terminal_of_a_process_is_told_to_whoever_asks_for_its_user(place: Path) -> None:
    pid, terminal = pty.fork()
    if not pid:
        time.sleep(PATIENCE_S)
        os._exit(0)
    try:
        give_up, told = time.monotonic() + PATIENCE_S, 0
        while not told:  # until the child has taken its terminal
            assert time.monotonic() < give_up
            told = Witness(place)(pid, os.getuid())
        assert told == Path(f"/proc/{pid}/fd/0").stat().st_rdev
        assert Witness(place)(pid, os.getuid() + 1) == 0
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    assert Witness(place)(pid, os.getuid()) == 0


def test_a_process_without_a_terminal_has_none(place: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as sleeper:
        assert Witness(place)(sleeper.pid, os.getuid()) == 0
        sleeper.kill()


@pytest.mark.parametrize("question", [b"", b"1", b"0 0", b"-1 0", b"1 0 0", b"../self 0", b"self 0", b"1 0\n", b"9" * 64])
def test_what_is_no_question_gets_no_answer(place: Path, question: bytes) -> None:
    if question:
        assert asked(place, question) == b""
    assert asked(place, b"1 0").isdigit()


def test_mute_clients_lock_nobody_out(place: Path) -> None:
    mute = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(40)]
    for each in mute:
        each.setblocking(False)
        each.connect_ex(str(place))
    give_up, answer = time.monotonic() + PATIENCE_S, b""
    while answer != b"0":
        assert time.monotonic() < give_up
        try:
            answer = asked(place, b"%d %d" % (os.getpid(), os.getuid() + 1))
        except OSError:
            answer = b""
    for each in mute:
        each.close()


def test_without_a_witness_nobody_is_anywhere(tmp_path: Path) -> None:
    assert Witness(tmp_path / "terminals")(os.getpid(), os.getuid()) == 0


def test_a_silent_witness_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "terminals"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
        silent.bind(str(place))
        silent.listen(8)
        witness = Witness(place)
        assert witness(os.getpid(), os.getuid()) == 0
        silent.accept()[0].close()
        assert witness(os.getpid(), os.getuid()) == 0
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


@pytest.mark.parametrize("nonsense", [b"x", b"", b"12 34"])
def test_an_answer_that_is_no_number_is_none(tmp_path: Path, nonsense: bytes) -> None:
    place = tmp_path / "terminals"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(place))
        listener.listen(1)
        child = os.fork()
        if not child:
            client = listener.accept()[0]
            client.recv(64)
            client.send(nonsense)
            os._exit(0)
        assert Witness(place)(os.getpid(), os.getuid()) == 0
        os.waitpid(child, 0)
