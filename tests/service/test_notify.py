"""What the service manager hears: whole messages in order, nothing that waits, nothing without it."""

from __future__ import annotations

import array
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stationd.service.notify import LONGEST_STATUS, MOST_OWED, Notifier


class Manager:
    """Stands where the service manager stands."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(20)

    def hear(self) -> list[str]:
        """Return the assignments of the next message."""
        return self.socket.recv(65536).decode().split("\n")

    def hear_with_files(self) -> tuple[list[str], list[int]]:
        """Return the assignments of the next message, and the descriptors that came with it."""
        data, rights, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(64))
        files = array.array("i")
        for _, _, sent in rights:
            files.frombytes(sent)
        return data.decode().split("\n"), list(files)

    def silent(self) -> bool:
        """Return whether no message waits."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(1)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(20)
        return False


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(str(tmp_path / "notify"))
    yield found
    found.socket.close()


@pytest.fixture
def notifier(manager: Manager) -> Iterator[Notifier]:
    found = Notifier(manager.socket.getsockname())
    yield found
    found.close()


def test_each_message_is_what_the_manual_says(manager: Manager, notifier: Notifier) -> None:
    notifier.ready()
    notifier.ready("3 of 3 devices answer")
    notifier.status("all is well")
    notifier.watchdog()
    notifier.stopping()
    heard = [manager.hear() for _ in range(5)]
    assert heard == [["READY=1"], ["READY=1", "STATUS=3 of 3 devices answer"], ["STATUS=all is well"], ["WATCHDOG=1"], ["STOPPING=1"]]


def test_a_reload_tells_when_it_began_by_the_clock_of_the_manager(manager: Manager, notifier: Notifier) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    word, at = manager.hear()
    assert word == "RELOADING=1"
    assert before <= int(at.removeprefix("MONOTONIC_USEC=")) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_status_is_one_line_whatever_is_in_it(manager: Manager, notifier: Notifier) -> None:
    notifier.status("broken\nREADY=1\r\n\tMAINPID=1" + "x" * 5000 + "\udcff")
    (heard,) = manager.hear()
    assert heard.startswith("STATUS=broken READY=1 MAINPID=1x")
    assert len(heard) <= LONGEST_STATUS + len("STATUS=")


def test_a_name_in_the_abstract_space_is_reached() -> None:
    manager = Manager(f"\0stationd-test-{os.getpid()}")
    notifier = Notifier.of({"NOTIFY_SOCKET": f"@stationd-test-{os.getpid()}"}, 7)
    notifier.ready()
    assert manager.hear() == ["READY=1"]
    notifier.close()
    manager.socket.close()


@pytest.mark.parametrize("address", ["", "@", "/", "vsock:2:1234", "no-path"])
def test_without_a_manager_nothing_is_said_and_nothing_watched(address: str) -> None:
    notifier = Notifier.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "10000000"}, 7)
    assert not notifier.managed
    assert notifier.watchdog_s is None
    for say in (notifier.ready, notifier.reloading, notifier.stopping, notifier.watchdog):
        say()
    notifier.status("x")
    notifier.store("name", [0])
    notifier.remove("name")
    assert notifier.lost == 0


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": "7"}, 2.5),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_that_of_this_process_alone(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert Notifier.of({"NOTIFY_SOCKET": "/run/systemd/notify", **environment}, 7).watchdog_s == watchdog_s


def test_descriptors_are_stored_as_copies_and_forgotten_by_their_name(manager: Manager, notifier: Notifier) -> None:
    reading, writing = os.pipe()
    notifier.store("metrics", [reading])
    notifier.remove("metrics")
    words, (copy,) = manager.hear_with_files()
    assert words == ["FDSTORE=1", "FDNAME=metrics"]
    os.close(reading)
    os.write(writing, b"still there")
    assert os.read(copy, 100) == b"still there"
    os.close(copy)
    os.close(writing)
    assert manager.hear() == ["FDSTOREREMOVE=1", "FDNAME=metrics"]


def test_a_manager_that_does_not_read_costs_no_time_and_hears_later_what_it_must_in_order(manager: Manager, notifier: Notifier) -> None:
    notifier.ready()
    for _ in range(1000):
        notifier.watchdog()
    notifier.reloading()
    notifier.status("lost: it is only of its moment")
    notifier.ready("reloaded")
    heard = [manager.hear()]
    while not manager.silent():
        pass
    notifier.watchdog()
    heard += [manager.hear() for _ in range(3)]
    assert [words[0] for words in heard] == ["READY=1", "RELOADING=1", "READY=1", "WATCHDOG=1"]
    assert notifier.lost == 0


def test_what_is_owed_to_a_manager_that_never_reads_is_bounded(manager: Manager, notifier: Notifier) -> None:
    for _ in range(1000):
        notifier.watchdog()
    for _ in range(MOST_OWED + 5):
        notifier.reloading()
    assert notifier.lost == 5


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.ready()
    assert notifier.lost == 1
    notifier.close()
