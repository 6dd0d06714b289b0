"""Listening sockets over a restart: taken when they fit, closed and said when they do not, and never an error."""

from __future__ import annotations

import array
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing

from stationd.console.socket_file import bound, leads_to
from stationd.outputs.page_sockets import page_sockets
from stationd.service.descriptors import CONTROL, PAGES, Listeners
from stationd.service.notify import Notifier
from tests.integration.booting import PASS_ON

ROOT = Path(__file__).resolve().parents[2]
TAKE = """
import os
from stationd.service.descriptors import Listeners
from stationd.service.notify import Notifier
listeners = Listeners.of(os.environ, os.getpid(), Notifier())
print("claimed", [each.getsockname()[1] for each in listeners.claim("metrics", [lambda each: True])])
print("left", [name for name in os.environ if name.startswith("LISTEN_")])
print("open", [number for number in range(3, 40) if os.path.exists(f"/proc/self/fd/{number}") and os.get_inheritable(number)])
"""


def taking(names: str, *sources: int) -> str:
    """Return what a process says to which these descriptors are passed."""
    words = [sys.executable, "-c", PASS_ON, names, ",".join(map(str, sources)), sys.executable, "-c", TAKE]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, pass_fds=sources, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Manager:
    """A service manager that keeps descriptors."""

    def __init__(self, folder: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.setblocking(False)
        self.kept: dict[str, list[int]] = {}

    def hear(self) -> None:
        """Do what was asked since the last call."""
        while True:
            try:
                data, rights, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(64))
            except BlockingIOError:
                return
            words = dict(line.split("=", 1) for line in data.decode().split("\n"))
            files = array.array("i")
            for _, _, sent in rights:
                files.frombytes(sent)
            if "FDSTORE" in words:
                self.kept.setdefault(words["FDNAME"], []).extend(files)
            if "FDSTOREREMOVE" in words:
                for each in self.kept.pop(words["FDNAME"], []):
                    os.close(each)

    def hand_over(self, notifier: Notifier) -> Listeners:
        """Return what the next run has."""
        self.hear()
        return Listeners(notifier, {name: [socket.socket(fileno=os.dup(each)) for each in files] for name, files in self.kept.items()})


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fd") as name:  # the path of a Unix socket has at most 107 bytes
        yield Path(name)


@pytest.fixture
def manager(folder: Path) -> Iterator[Manager]:
    found = Manager(folder)
    yield found
    found.hear()
    for files in found.kept.values():
        for each in files:
            os.close(each)
    found.socket.close()


@pytest.fixture
def notifier(manager: Manager) -> Iterator[Notifier]:
    found = Notifier(manager.socket.getsockname())
    yield found
    found.close()


def test_a_listener_that_is_passed_is_claimed_once_the_variables_are_gone_and_no_child_inherits_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = taking("metrics", listener.fileno())
        assert f"claimed [{listener.getsockname()[1]}]" in said
    assert "left []" in said
    assert "open []" in said


def test_what_is_foreign_or_no_listener_is_closed_and_said_and_the_others_are_taken() -> None:
    ours, other = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, other, open(os.devnull) as file:  # noqa: PTH123
        said = taking("metrics:metrics:strange:metrics", file.fileno(), ours.fileno(), other.fileno(), listener.fileno())
        assert f"claimed [{listener.getsockname()[1]}]" in said
    assert "open []" in said
    refused = [line for line in said.splitlines() if "is closed" in line]
    assert len(refused) == 3
    assert "its name is none of io.stationd, metrics" in refused[2]


@pytest.mark.parametrize("count", ["", "many", "-1", "0"])
def test_nonsense_about_descriptors_is_said_and_ends_nothing(count: str) -> None:
    environment = {"LISTEN_PID": "7", "LISTEN_FDS": count, "LISTEN_FDNAMES": "x"}
    with structlog.testing.capture_logs() as said:
        assert Listeners.of(environment, 7, Notifier()).claim(PAGES, [lambda _: True]) == ()
    assert environment == {}
    assert [line["LISTEN_FDS"] for line in said] == [count]


def test_what_is_passed_to_another_process_is_left_alone() -> None:
    environment = {"LISTEN_PID": "8", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "metrics"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert Listeners.of(environment, 7, Notifier()).claim(PAGES, [lambda _: True]) == ()
        assert listener.fileno() >= 0
    assert environment == {}


async def test_a_client_who_comes_between_two_runs_waits_and_is_served_by_the_next(manager: Manager, notifier: Notifier) -> None:
    before = Listeners(notifier)
    (first,) = await page_sockets("127.0.0.1:0", before)
    first.listen()
    address = first.getsockname()
    first.close()
    before.close()
    next_run = manager.hand_over(notifier)
    with socket.create_connection(address) as client:
        (second,) = await page_sockets(f"127.0.0.1:{address[1]}", next_run)
        accepted, _ = second.accept()
        accepted.sendall(b"here")
        assert client.recv(4) == b"here"
        accepted.close()
        second.close()
    next_run.close()


async def test_a_rebuilt_part_gets_its_listener_again_without_a_restart(notifier: Notifier) -> None:
    listeners = Listeners(notifier)
    (first,) = await page_sockets("127.0.0.1:0", listeners)
    at = first.getsockname()
    first.listen()
    first.close()
    (second,) = await page_sockets("127.0.0.1:0", listeners)
    assert second.getsockname() == at
    second.close()
    listeners.close()


@pytest.mark.parametrize("listen", ["0.0.0.0:{port}", "[::1]:{port}", "127.0.0.2:{port}", "127.0.0.1:{other}"])
async def test_a_listener_of_another_address_is_closed_and_said_and_its_own_is_free_at_once(
    manager: Manager, notifier: Notifier, listen: str
) -> None:
    if "::1" in listen and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    before = Listeners(notifier)
    (first,) = await page_sockets("127.0.0.1:0", before)
    first.listen()
    port = first.getsockname()[1]
    first.close()
    before.close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]
    after = manager.hand_over(notifier)  # which has not forgotten its copy yet
    with structlog.testing.capture_logs() as said:
        (second,) = await page_sockets(listen.format(port=port, other=other), after)
    second.listen()
    assert [line["event"] for line in said] == ["a listener from before is closed: it does not fit what is configured now"]
    assert said[0]["at"] == f"127.0.0.1:{port}"
    manager.hear()
    assert len(manager.kept[PAGES]) == 1
    second.close()
    after.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_pages_listen_at_an_address_that_comes_later() -> None:
    with structlog.testing.capture_logs() as said:
        (listener,) = await page_sockets("192.0.2.1:0", Listeners())
    assert listener.getsockname()[0] == "192.0.2.1"
    assert said[0]["event"] == "the pages listen at an address that this machine does not have now"
    listener.close()


async def test_what_the_manager_is_given_listens_already_as_it_throws_out_what_hangs_up(manager: Manager, notifier: Notifier) -> None:
    listeners = Listeners(notifier)
    found = await page_sockets("127.0.0.1:0", listeners)
    manager.hear()
    waited = select.poll()
    for each in manager.kept[PAGES]:
        waited.register(each, 0)  # POLLHUP and POLLERR are always told
    assert waited.poll(0) == []
    for each in found:
        each.close()
    listeners.close()


async def test_a_name_is_listened_at_in_each_of_its_addresses(manager: Manager, notifier: Notifier) -> None:
    before = Listeners(notifier)
    found = await page_sockets("localhost:0", before)
    for each in found:
        each.listen()
    at = {each.getsockname() for each in found}
    for each in found:
        each.close()
    before.close()
    after = manager.hand_over(notifier)
    again = await page_sockets("localhost:0", after)
    assert {each.getsockname() for each in again} == at
    for each in again:
        each.close()
    after.close()


def test_a_control_socket_is_believed_only_while_its_file_leads_to_it(folder: Path) -> None:
    path = folder / "s"
    listener = bound(path, None, 10)
    assert leads_to(path, listener)
    assert not leads_to(folder / "other", listener)
    path.rename(folder / "other")
    assert not leads_to(path, listener)
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(str(path))
        assert not leads_to(path, listener)  # nobody listens there
    listener.close()


def test_a_control_socket_whose_file_leads_to_another_process_is_not_believed(folder: Path) -> None:
    path = folder / "s"
    listener = bound(path, None, 10)
    path.unlink()
    program = "import socket, sys\ns = socket.socket(1)\ns.bind(sys.argv[1])\ns.listen()\nprint(1, flush=True)\nsys.stdin.read()"
    words = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        assert not leads_to(path, listener)
        other.stdin.close()
    listener.close()


async def test_while_the_daemon_runs_another_listener_takes_the_place_of_the_first_only_when_the_file_is_taken_up(
    manager: Manager, notifier: Notifier
) -> None:
    listeners = Listeners(notifier)
    (first,) = await page_sockets("127.0.0.1:0", listeners)
    first.listen()
    at = first.getsockname()
    listeners.settle()
    for taken_up in (False, True):
        (second,) = await page_sockets("127.0.0.2:0", listeners)
        second.listen()
        socket.create_connection(at).close()  # both serve meanwhile
        wanted = second.getsockname()
        second.close()
        first.accept()[0].close()
        listeners.settle(taken_up=taken_up)
        manager.hear()
        (kept,) = manager.kept[PAGES]
        with socket.socket(fileno=os.dup(kept)) as there:
            assert there.getsockname() == (wanted if taken_up else at)
    first.close()
    listeners.close()


def test_what_nothing_uses_any_more_is_dropped_and_said(manager: Manager, notifier: Notifier, folder: Path) -> None:
    listeners = Listeners(notifier)
    listener = bound(folder / "s", None, 1)
    listeners.keep(CONTROL, [listener])
    listener.close()
    manager.hear()
    assert list(manager.kept) == [CONTROL]
    with structlog.testing.capture_logs() as said:
        listeners.drop_all_but({PAGES})
    assert [line["name"] for line in said] == [CONTROL]
    manager.hear()
    assert manager.kept == {}
    with socket.socket(socket.AF_UNIX) as client:
        assert client.connect_ex(str(folder / "s")) != 0


def test_without_a_manager_nothing_is_kept() -> None:
    listeners = Listeners()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listeners.keep(PAGES, [listener])
    assert not listeners.kept_over_restarts
    assert listeners.claim(PAGES, [lambda _: True]) == ()


@pytest.mark.parametrize("taken", [False, True])
def test_the_file_of_a_control_socket_that_moved_goes_with_it_unless_it_leads_to_another(tmp_path: Path, taken: bool) -> None:
    path = tmp_path / "socket"
    before, after = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    with before, after:
        before.bind(str(path))
        before.listen()
        listeners = Listeners(handed={CONTROL: [before]})
        if taken:
            path.unlink()
            after.bind(str(path))
            after.listen()
        listeners.drop(CONTROL)
        assert path.exists() is taken
