"""Persons at a control socket: the kernel names the user of each, and a refusal says its cause."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.door import AS_ANOTHER_MACHINE, Account, Person, Refused, persons_possible, rig_accounts, write_user_files
from hil.page import Page, parse

SO_PEERGROUPS = 59


class Listener:
    """The daemon's end: answers each message with what it knows of who sent it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        path.chmod(0o666)
        self._socket.listen()
        self._socket.settimeout(0.02)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10.0)
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                link, _ = self._socket.accept()
                link.setblocking(True)
                self._threads.append(threading.Thread(target=self._answer, args=(link,), daemon=True))
                self._threads[-1].start()

    def _answer(self, link: socket.socket) -> None:
        pid, uid, gid = struct.unpack("iII", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        packed = link.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)
        groups = [number for (number,) in struct.iter_unpack("I", packed)]
        with link:
            while data := link.recv(65536):
                for message in data.split(b"\0")[:-1]:
                    if json.loads(message)["method"].endswith("Execute"):
                        answer: object = {"error": "io.x.Refused", "parameters": {"reasons": [{"cause": "code-wrong"}]}}
                    else:
                        answer = {"parameters": {"pid": pid, "uid": uid, "gid": gid, "groups": groups}}
                    link.sendall(json.dumps(answer).encode() + b"\0")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    one = Listener(tmp_path / "door")
    yield one
    one.close()


def own() -> Account:
    return Account("me", os.getuid(), os.getgid(), tuple(os.getgroups()))


def test_all_connections_of_a_person_are_of_one_process(listener: Listener) -> None:
    person = Person.come(own(), listener.path)
    first, second = person.call("io.x.Who"), person.connect()
    assert first["uid"] == os.getuid()
    assert second.call("io.x.Who")["pid"] == first["pid"] != os.getpid()
    second.close()
    person.leave()


@pytest.mark.skipif(bool(persons_possible()), reason=persons_possible() or "possible")
def test_two_persons_are_two_users_with_their_groups(listener: Listener) -> None:
    seen = []
    for account in rig_accounts(("aliya", "nurlan")).values():
        person = Person.come(account, listener.path)
        said = person.call("io.x.Who")
        assert (said["uid"], said["gid"], set(said["groups"])) == (account.uid, account.gid, set(account.groups))
        seen.append(said["uid"])
        person.leave()
    assert len(set(seen)) == 2


@pytest.mark.skipif(bool(persons_possible()), reason=persons_possible() or "possible")
def test_the_user_files_of_the_rig_hold_for_one_process_and_not_for_the_machine(tmp_path: Path) -> None:
    name = "hil-nobody-else"
    files = write_user_files(tmp_path, rig_accounts((name, "daemon")))
    words = [*AS_ANOTHER_MACHINE, *map(str, files), "id"]
    assert "stationd-power" in subprocess.run([*words, name], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "stationd-power" in subprocess.run([*words, "daemon"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert subprocess.run(["id", name], capture_output=True, timeout=60).returncode != 0


def test_a_refusal_names_its_causes(listener: Listener) -> None:
    person = Person.come(own(), listener.path)
    with pytest.raises(Refused) as why:
        person.order("Execute", operation="OP-1", code="X")
    assert why.value.causes == ["code-wrong"]
    person.leave()


def test_nobody_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    person = Person.come(own(), tmp_path / "nowhere")
    with pytest.raises(OSError, match="No such file"):
        person.connect()
    person.leave()


def test_a_page_is_read_with_its_labels_and_an_absent_value_is_none() -> None:
    text = '# HELP x y\nup{device="pfe"} 1\nup{device="io"} 0\ncurrent_amperes 0.5\nodd{a="b\\"c,d=e"} +Inf\n'
    page = Page(list(parse(text)))
    assert page.values("up") == {"device=pfe": 1.0, "device=io": 0.0}
    assert page.value("current_amperes") == 0.5
    assert page.value("up") is None
    assert page.value("voltage_volts") is None
    assert page.find("odd")[0].labels == {"a": 'b\\"c,d=e'}
    with pytest.raises(ValueError, match="no sample"):
        list(parse("not a sample at all\n"))
