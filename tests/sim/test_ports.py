"""Ports on real descriptors: pacing, stable names, hang-ups, sockets. Nothing here has an upper limit of time."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stationd.sim.exact_thread import ExactThread
from stationd.sim.line import LineSettings
from stationd.sim.ports import PtyPort, SocketPort

FAST = LineSettings(115200)
RTU = LineSettings(19200, framed_by_silence=True)
QUESTION, ANSWER = bytes(8), bytes(range(25))
PATIENCE_S = 20.0


@pytest.fixture
def thread() -> Iterator[ExactThread]:
    made = ExactThread()
    made.start()
    yield made
    made.close()


@contextlib.contextmanager
def pty(thread: ExactThread, path: Path, settings: LineSettings, answer: bytes = ANSWER) -> Iterator[PtyPort]:
    port = PtyPort(thread, path, settings)
    port.connect(lambda frame: port.send([(0.0, answer)]))
    port.start()
    yield port
    port.stop()


@contextlib.contextmanager
def terminal(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    yield descriptor
    os.close(descriptor)


def read(descriptor: int, count: int) -> bytes:
    """Wait for as many bytes; a device that does not send them fails the test."""
    received = b""
    while len(received) < count:
        assert select.select([descriptor], [], [], PATIENCE_S)[0], f"only {received!r} came"
        received += os.read(descriptor, count - len(received))
    return received


def quiet(descriptor: int, seconds: float = 0.05) -> bool:
    return not select.select([descriptor], [], [], seconds)[0]


@pytest.mark.parametrize(("baud", "rtu"), [(9600, True), (19200, True), (115200, True), (19200, False)])
def test_a_transaction_is_never_faster_than_the_wire(thread: ExactThread, tmp_path: Path, baud: int, rtu: bool) -> None:
    settings = LineSettings(baud, framed_by_silence=rtu)
    with pty(thread, tmp_path / "line", settings) as port, terminal(tmp_path / "line") as client:
        begin = time.monotonic()
        os.write(client, QUESTION)
        assert read(client, len(ANSWER)) == ANSWER
        took_s = time.monotonic() - begin
        assert took_s >= 33 * settings.character_s + settings.silence_s
        assert (port.counts().frames, port.counts().bytes_in, port.counts().bytes_out) == (1, 8, 25)


def test_no_byte_reaches_the_client_before_its_last_bit(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", RTU), terminal(tmp_path / "line") as client:
        begin = time.monotonic()
        os.write(client, QUESTION)
        received = 0
        while received < len(ANSWER):
            assert select.select([client], [], [], PATIENCE_S)[0]
            received += len(os.read(client, 64))
            assert time.monotonic() - begin >= (8 + received) * RTU.character_s + RTU.silence_s


def test_a_client_that_does_not_wait_is_counted(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", RTU) as port, terminal(tmp_path / "line") as client:
        os.write(client, QUESTION)
        read(client, len(ANSWER))
        os.write(client, QUESTION)
        read(client, len(ANSWER))
        counts = port.counts()
        assert (counts.frames, counts.gap_violations) == (2, 1)
        assert counts.shortest_gap_s < RTU.silence_s


def test_a_client_that_waits_is_not_counted(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", RTU) as port, terminal(tmp_path / "line") as client:
        for _ in range(3):
            os.write(client, QUESTION)
            read(client, len(ANSWER))
            end = time.monotonic()
            while time.monotonic() < end + RTU.silence_s:
                pass
        assert (port.counts().frames, port.counts().gap_violations) == (3, 0)


def test_a_client_that_talks_into_an_answer_is_counted(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", RTU, bytes(200)) as port, terminal(tmp_path / "line") as client:
        os.write(client, QUESTION)
        read(client, 1)
        os.write(client, QUESTION)
        read(client, 199)
        assert port.counts().collisions == 1


def test_bytes_pass_unchanged_whatever_they_are(thread: ExactThread, tmp_path: Path) -> None:
    every = bytes(range(256))
    with pty(thread, tmp_path / "line", FAST, every), terminal(tmp_path / "line") as client:
        os.write(client, QUESTION)
        assert read(client, 256) == every


def test_a_hung_up_client_finds_the_port_again_under_its_name(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", FAST) as port:
        with terminal(tmp_path / "line") as client:
            port.hang_up()
            assert select.select([client], [], [], PATIENCE_S)[0]
            with pytest.raises(OSError, match="Input/output error"):
                os.write(client, QUESTION)
        with terminal(tmp_path / "line") as client:
            os.write(client, QUESTION)
            assert read(client, len(ANSWER)) == ANSWER


def test_an_unplugged_port_has_no_name_until_it_is_back(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", FAST) as port:
        port.hang_up(0.05)
        assert not (tmp_path / "line").exists()
        deadline = time.monotonic() + PATIENCE_S
        while not (tmp_path / "line").exists():
            assert time.monotonic() < deadline
        with terminal(tmp_path / "line") as client:
            os.write(client, QUESTION)
            assert read(client, len(ANSWER)) == ANSWER


def test_a_stopped_port_stays_away_until_it_is_started(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", FAST) as port:
        port.hang_up(0.01)
        port.stop()
        port.stop()
        thread.ask(lambda: None)
        assert not (tmp_path / "line").is_symlink()
        port.start()
        port.start()
        assert (tmp_path / "line").exists()
    assert not (tmp_path / "line").is_symlink()


def test_a_black_hole_swallows_and_lets_go(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", FAST) as port, terminal(tmp_path / "line") as client:
        port.black_hole(True)
        os.write(client, QUESTION)
        assert quiet(client)
        port.black_hole(False)
        os.write(client, QUESTION)
        assert read(client, len(ANSWER)) == ANSWER


def test_a_client_that_comes_late_finds_the_terminal_raw(thread: ExactThread, tmp_path: Path) -> None:
    with pty(thread, tmp_path / "line", FAST, b"a\nb\r\x03\x04"):
        for _ in range(2):
            with terminal(tmp_path / "line") as client:
                os.write(client, b"\r\n\x03")
                assert read(client, 6) == b"a\nb\r\x03\x04"


@contextlib.contextmanager
def served(thread: ExactThread) -> Iterator[tuple[SocketPort, int]]:
    port = SocketPort(thread, FAST)
    port.connect(lambda frame: port.send([(0.0, ANSWER)]))
    port.start()
    yield port, int(port.address.rpartition(":")[2])
    port.stop()


def connected(number: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", number), timeout=PATIENCE_S)


def test_a_line_behind_a_socket_is_paced_as_well(thread: ExactThread) -> None:
    with served(thread) as (port, number), connected(number) as client:
        assert port.address == f"socket://127.0.0.1:{number}"
        begin = time.monotonic()
        client.sendall(QUESTION)
        assert read(client.fileno(), len(ANSWER)) == ANSWER
        assert time.monotonic() - begin >= 33 * FAST.character_s


def test_a_new_client_of_a_socket_takes_over(thread: ExactThread) -> None:
    with served(thread) as (_, number), connected(number) as first, connected(number) as second:
        second.sendall(QUESTION)
        assert read(second.fileno(), len(ANSWER)) == ANSWER
        with pytest.raises(ConnectionResetError):
            first.recv(1)


def test_a_reset_is_felt_and_the_same_number_serves_again(thread: ExactThread) -> None:
    with served(thread) as (port, number):
        with connected(number) as client:
            client.sendall(QUESTION)
            read(client.fileno(), len(ANSWER))
            port.hang_up()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        port.stop()
        with pytest.raises(ConnectionRefusedError):
            connected(number)
        port.start()
        with connected(number) as client:
            client.sendall(QUESTION)
            assert read(client.fileno(), len(ANSWER)) == ANSWER


def test_what_fails_in_the_thread_is_raised_where_it_was_asked(thread: ExactThread) -> None:
    def fail() -> None:
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        thread.ask(fail)
    assert thread.ask(lambda: 42) == 42


def test_timers_fire_in_their_order_never_early_and_not_when_cancelled(thread: ExactThread) -> None:
    fired: list[tuple[str, float]] = []
    done = threading.Event()
    now = time.monotonic()

    def set_up() -> None:
        for name, when, exact in (("late", 0.03, False), ("exact", 0.02, True), ("soon", 0.01, False)):
            thread.at(now + when, lambda name=name: fired.append((name, time.monotonic() - now)), exact)  # type: ignore[misc]
        thread.at(now + 0.015, lambda: fired.append(("never", 0.0))).cancel()
        thread.at(now + 0.04, done.set)

    thread.ask(set_up)
    assert done.wait(PATIENCE_S)
    assert [name for name, _ in fired] == ["soon", "exact", "late"]
    assert all(at >= due for (_, at), due in zip(fired, (0.01, 0.02, 0.03), strict=True))


def test_an_exact_timer_is_never_early_however_near_it_is(thread: ExactThread) -> None:
    for _ in range(20):
        done, early = threading.Event(), [1.0]

        def fire(when: float, early: list[float] = early, done: threading.Event = done) -> None:
            early[0] = when - time.monotonic()
            done.set()

        def set_up(fire: Callable[[float], None] = fire) -> None:
            when = time.monotonic() + 55e-6
            thread.at(when, lambda: fire(when), exact=True)

        thread.ask(set_up)
        assert done.wait(PATIENCE_S)
        assert early[0] <= 0
