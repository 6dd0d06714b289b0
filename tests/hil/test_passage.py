"""The fault box on real pseudo terminals and sockets: without faults it changes nothing, with one exactly that happens."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.faults import Fault, FaultError, Kind
from hil.one_thread import OneThread
from hil.passage import FaultBox, opened
from hil.rigfile import PortSection
from hil.spoil import crc16

PATIENCE_S = 10.0
SILENT_S = 0.08  # longer than a passage takes
READ = bytes.fromhex("01 03 00 00 00 01")
BODY = bytes.fromhex("01 03 02 12 34")
ANSWER = BODY + crc16(BODY)


class Unit:
    """The plant's end of a line: answers each question with what `answer` makes of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answer: Callable[[bytes], bytes] = lambda question: b""
        self.master, slave = os.openpty()
        tty.setraw(slave)
        path.symlink_to(os.ttyname(slave))
        self._slave = slave
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join(PATIENCE_S)
        os.close(self.master)
        os.close(self._slave)

    def _run(self) -> None:
        while not self._over.is_set():
            if select.select([self.master], [], [], 0.02)[0]:
                os.write(self.master, self.answer(os.read(self.master, 4096)))


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    one = Unit(tmp_path / "plant")
    yield one
    one.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[FaultBox]:
    (tmp_path / "box").mkdir()
    one = FaultBox(tmp_path / "box")
    yield one
    one.close()


def lay(box: FaultBox, unit: Unit, protocol: str = "modbus-rtu") -> int:
    return opened(PortSection(path=box.lay("pfe", PortSection(path=str(unit.path), protocol=protocol)), protocol=protocol))


def ask(line: int, question: bytes, enough: Callable[[bytes], bool]) -> bytes:
    os.write(line, question)
    return hear(line, enough)


def hear(line: int, enough: Callable[[bytes], bool]) -> bytes:
    data, until = b"", time.monotonic() + PATIENCE_S
    while not enough(data) and time.monotonic() < until:
        if select.select([line], [], [], 0.05)[0]:
            data += os.read(line, 4096)
    return data


def silent(line: int) -> bool:
    return not select.select([line], [], [], SILENT_S)[0]


def test_without_faults_every_byte_passes_in_both_directions(box: FaultBox, unit: Unit) -> None:
    line = lay(box, unit, "text")
    unit.answer = lambda question: question[::-1]

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(min_size=1, max_size=200))
    def passes(question: bytes) -> None:
        assert ask(line, question, lambda data: len(data) >= len(question)) == question[::-1]

    passes()
    os.close(line)


def test_a_fault_is_there_from_its_order_to_its_end(box: FaultBox, unit: Unit) -> None:
    line, unit.answer = lay(box, unit), lambda question: ANSWER
    fault = Fault(Kind.EXCEPTION, "pfe", {"code": 6.0})
    box.apply(fault)
    assert ask(line, READ, lambda data: len(data) >= 5)[:3] == bytes.fromhex("01 83 06")
    assert box.heal(fault) == 1
    assert ask(line, READ, lambda data: len(data) >= len(ANSWER)) == ANSWER
    os.close(line)


def test_a_dropped_answer_never_comes_and_a_late_one_comes_late(box: FaultBox, unit: Unit) -> None:
    line, unit.answer = lay(box, unit), lambda question: ANSWER
    drop, late = Fault(Kind.DROP, "pfe"), Fault(Kind.LATE, "pfe", {"delay_s": 2 * SILENT_S})
    box.apply(drop)
    os.write(line, READ)
    assert silent(line)
    box.heal(drop)
    box.apply(late)
    os.write(line, READ)
    assert silent(line)
    assert hear(line, lambda data: len(data) >= len(ANSWER)) == ANSWER
    os.close(line)


def test_a_text_answer_ends_with_a_silence(box: FaultBox, unit: Unit) -> None:
    line, unit.answer = lay(box, unit, "text"), lambda question: b"+5.00\r\n"
    box.apply(Fault(Kind.DUPLICATE, "pfe"))
    assert ask(line, b"M1?\r", lambda data: len(data) >= 14) == b"+5.00\r\n" * 2
    os.close(line)


def test_an_unplugged_line_is_gone_and_comes_back_under_its_name(box: FaultBox, unit: Unit, tmp_path: Path) -> None:
    line, unit.answer = lay(box, unit), lambda question: ANSWER
    fault = Fault(Kind.UNPLUG, "pfe")
    box.apply(fault)
    assert not (tmp_path / "box" / "pfe").exists()
    with pytest.raises(OSError, match="Input/output error"):
        os.write(line, READ)
    os.close(line)
    box.heal(fault)
    again = opened(PortSection(path=str(tmp_path / "box" / "pfe")))
    assert ask(again, READ, lambda data: len(data) >= len(ANSWER)) == ANSWER
    os.close(again)


def test_opening_a_port_leaves_hang_up_off_and_the_line_raw(unit: Unit) -> None:
    line = opened(PortSection(path=str(unit.path), speed=19200))
    settings_now = termios.tcgetattr(line)
    assert not settings_now[2] & termios.HUPCL
    assert not settings_now[3] & (termios.ICANON | termios.ECHO)
    os.close(line)


def test_a_speed_that_no_port_has_is_said() -> None:
    master, slave = os.openpty()
    with pytest.raises(OSError, match="cannot be set to 12345 baud"):
        opened(PortSection(path=os.ttyname(slave), speed=12345))
    os.close(master)
    os.close(slave)


def test_a_port_that_does_not_go_through_the_box_is_named(box: FaultBox) -> None:
    with pytest.raises(FaultError, match="'pfe' does not go through the fault box; there are none"):
        box.apply(Fault(Kind.DROP, "pfe"))


# ---------------------------------------------------------------------- TCP


@pytest.fixture
def server() -> Iterator[tuple[int, list[socket.socket]]]:
    """A server that sends back what it gets; gives its port and the connections that were made."""
    listener, made, over = socket.create_server(("127.0.0.1", 0)), list[socket.socket](), threading.Event()
    listener.settimeout(0.05)

    def echo(link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := link.recv(4096):
                link.sendall(data)
        link.close()

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                link, _ = listener.accept()
                made.append(link)
                threading.Thread(target=echo, args=(link,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], made
    over.set()
    thread.join(PATIENCE_S)
    listener.close()
    for link in made:
        link.close()


def connect(address: str) -> socket.socket:
    host, _, port = address.partition("://")[2].rpartition(":")
    link = socket.create_connection((host, int(port)), PATIENCE_S)
    link.settimeout(PATIENCE_S)
    return link


def exchange(link: socket.socket, data: bytes) -> bytes:
    link.sendall(data)
    got = b""
    while len(got) < len(data):
        more = link.recv(4096)
        if not more:
            break
        got += more
    return got


def test_a_connection_passes_as_it_is(box: FaultBox, server: tuple[int, list[socket.socket]]) -> None:
    with connect(box.lay_tcp("broker", server[0], "mqtt")) as link:
        assert exchange(link, bytes(range(256)) * 40) == bytes(range(256)) * 40


def test_a_black_hole_swallows_and_gives_back_nothing_when_it_ends(box: FaultBox, server: tuple[int, list[socket.socket]]) -> None:
    with connect(box.lay_tcp("broker", server[0], "mqtt")) as link:
        fault = Fault(Kind.BROKER_BLACK_HOLE, "broker")
        assert exchange(link, b"before") == b"before"
        box.apply(fault)
        link.sendall(b"lost")
        assert not select.select([link], [], [], SILENT_S)[0]
        box.heal(fault)
        assert exchange(link, b"after") == b"after"


def test_a_reset_is_seen_as_one_and_the_next_connection_is_well(box: FaultBox, server: tuple[int, list[socket.socket]]) -> None:
    address = box.lay_tcp("broker", server[0], "mqtt")
    with connect(address) as link:
        assert exchange(link, b"before") == b"before"
        box.apply(Fault(Kind.RESET_PEER, "broker"))
        with pytest.raises(ConnectionResetError):
            link.recv(1)
    with connect(address) as again:
        assert exchange(again, b"after") == b"after"


@pytest.mark.parametrize(
    ("kind", "params"),
    [(Kind.SLICER, {"size": 3.0, "gap_s": 0.001}), (Kind.LATENCY, {"latency_s": 0.02, "jitter_s": 0.01}),
     (Kind.BANDWIDTH, {"bytes_per_s": 20000.0})],
)  # fmt: skip
def test_what_only_delays_loses_nothing_and_keeps_the_order(
    box: FaultBox, server: tuple[int, list[socket.socket]], kind: Kind, params: dict[str, float]
) -> None:
    with connect(box.lay_tcp("broker", server[0], "mqtt")) as link:
        box.apply(Fault(kind, "broker", params))
        for number in range(5):
            data = bytes([number]) * 50
            assert exchange(link, data) == data


def test_a_limit_of_data_ends_the_connection_after_so_many_bytes(box: FaultBox, server: tuple[int, list[socket.socket]]) -> None:
    with connect(box.lay_tcp("broker", server[0], "mqtt")) as link:
        box.apply(Fault(Kind.LIMIT_DATA, "broker", {"size": 10.0}))
        assert exchange(link, b"x" * 30) == b"x" * 10


def test_a_plant_that_is_not_there_resets_whoever_connects(box: FaultBox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with contextlib.suppress(ConnectionResetError), connect(box.lay_tcp("io", port, "tcp")) as link:
        assert link.recv(1) == b""


def test_a_mistake_in_the_thread_of_the_box_ends_nothing_and_is_told_to_whoever_asks_next() -> None:
    thread = OneThread()
    thread.soon(partial(_raise, KeyError("nobody")))
    done = threading.Event()
    thread.soon(done.set)
    assert done.wait(5.0)
    with pytest.raises(RuntimeError, match="KeyError: 'nobody'"):
        thread.ask(lambda: None)
    thread.end()


def test_what_takes_long_keeps_no_other_port_waiting() -> None:
    thread, go, found = OneThread(), threading.Event(), list[object]()
    came = threading.Event()

    def take(what: bool | Exception) -> None:
        found.append(what)
        came.set()

    thread.soon(lambda: thread.aside(lambda: go.wait(5.0), take))
    thread.ask(lambda: None)
    assert found == []
    go.set()
    assert came.wait(5.0)
    assert found == [True]
    thread.end()


def _raise(error: Exception) -> None:
    raise error
