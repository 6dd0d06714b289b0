"""People at the control socket of the device under test: each a process of his own user, so that the kernel itself says who it is.

What it is: a plain Varlink client (JSON and a zero byte, https://varlink.org/Method-Call) and the accounts of the rig's two persons.
What it is not: a way round a rule of stationd, or a part of stationd: a client that knows the published interface alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OPERATION, STATUS, ALARM, AUDIT = "io.stationd.Operation", "io.stationd.Status", "io.stationd.Alarm", "io.stationd.Audit"
DIAGNOSTICS = "io.stationd.Diagnostics"
ANSWER_S = 15.0
PATIENCE_S = 30.0
KEEP_ALIVE_S = 1.0
LEAVE_S = 5.0
ROLES = ("view", "operate", "power")


class Refused(Exception):
    """The daemon has refused; `error` is its name, `parameters` what it says of it."""

    def __init__(self, method: str, error: str, parameters: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error} {parameters}")
        self.error = error
        self.parameters = parameters

    @property
    def causes(self) -> list[str]:
        """The causes of a refused operation."""
        return [each["cause"] for each in self.parameters.get("reasons", ())]


class Door:
    """One connection to the control socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._rest = b""
        link.settimeout(ANSWER_S)

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method; Refused when the daemon refuses, OSError when it is gone."""
        self._link.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
        while b"\0" not in self._rest:
            more = self._link.recv(1 << 16)
            if not more:
                raise ConnectionError("the daemon has closed the control socket")
            self._rest += more
        whole, _, self._rest = self._rest.partition(b"\0")
        answer = json.loads(whole)
        found: dict[str, Any] = answer.get("parameters", {})
        if "error" in answer:
            raise Refused(method, answer["error"], found)
        return found

    def close(self) -> None:
        """Go."""
        self._link.close()


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the machine: his numbers, and those of his groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(slots=True)
class Person:
    """Somebody at the control socket, as long as his process lives."""

    account: Account
    path: Path
    _process: subprocess.Popen[bytes]
    _home: socket.socket
    _own: Door | None = field(default=None)

    @classmethod
    def come(cls, account: Account, path: Path) -> Person:
        """Let a person sit down; nobody is connected yet."""
        here, there = socket.socketpair()
        words = [str(account.uid), str(account.gid), ",".join(map(str, account.groups)), str(path)]
        script = str(Path(__file__).with_name("as_person.py"))
        process = subprocess.Popen([sys.executable, "-I", "-S", script, *words], stdin=there.fileno())
        there.close()
        here.settimeout(ANSWER_S)
        return cls(account, path, process, here)

    def connect(self) -> Door:
        """Return a new connection of this person. OSError when nobody answers there."""
        self._home.sendall(b"?")
        said, descriptors, _, _ = socket.recv_fds(self._home, 256, 1)
        if not descriptors:
            raise OSError(said.decode() or "the person has gone")
        return Door(socket.socket(fileno=descriptors[0]))

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method on this person's usual connection, which is made when it is needed."""
        if self._own is None:
            self._own = self.connect()
        try:
            return self._own.call(method, **parameters)
        except OSError:
            self.hang_up()
            raise

    def order(self, verb: str, **parameters: object) -> dict[str, Any]:
        """Give an order of io.stationd.Operation."""
        return self.call(f"{OPERATION}.{verb}", **parameters)

    def insist(self, verb: str, patience_s: float = PATIENCE_S, **parameters: object) -> dict[str, Any]:
        """Give an order until it is taken: after a start it takes a moment until everything is fresh."""
        until = time.monotonic() + patience_s
        while True:
            try:
                return self.order(verb, **parameters)
            except Refused:
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)

    def operation(self, name: str) -> dict[str, Any]:
        """Return an operation as it stands."""
        found: dict[str, Any] = self.order("Get", operation=name)["operation"]
        return found

    @contextlib.contextmanager
    def present(self, operation: str) -> Iterator[None]:
        """Say every second, on a connection of its own, that this person is there, as long as the block."""
        door, over = self.connect(), threading.Event()

        def say() -> None:
            with contextlib.suppress(OSError, Refused):
                while not over.wait(KEEP_ALIVE_S):
                    door.call(f"{OPERATION}.KeepAlive", operation=operation)

        saying = threading.Thread(target=say, daemon=True)
        saying.start()
        try:
            yield
        finally:
            over.set()
            saying.join(ANSWER_S)
            door.close()

    def hang_up(self) -> None:
        """Forget the usual connection; the person stays."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def leave(self) -> None:
        """End the person's process and connections."""
        self.hang_up()
        self._home.close()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


# ---------------------------------------------------------------------- accounts of a rig that has none


FIRST_UID, FIRST_GID = 21_001, 22_001  # numbers that no Debian system gives by itself (adduser.conf: users from 1000, systemd's from 61184)


def rig_accounts(persons: tuple[str, ...]) -> dict[str, Account]:
    """Return accounts that exist only in the rig's own copy of the machine's user files."""
    groups = tuple(FIRST_GID + place for place in range(len(ROLES)))
    return {name: Account(name, FIRST_UID + place, FIRST_UID + place, groups) for place, name in enumerate(persons)}


def write_user_files(folder: Path, accounts: dict[str, Account]) -> tuple[Path, Path]:
    """Write copies of /etc/passwd and /etc/group with the rig's persons and the groups of stationd added; return where."""
    passwd, group = folder / "passwd", folder / "group"
    users = [f"{each.name}:x:{each.uid}:{each.gid}::/nonexistent:/usr/sbin/nologin" for each in accounts.values()]
    members = ",".join(accounts)
    groups = [f"stationd-{role}:x:{FIRST_GID + place}:{members}" for place, role in enumerate(ROLES)]
    own = [f"{each.name}:x:{each.gid}:" for each in accounts.values()]
    ours = {line.partition(":")[0] for line in (*users, *groups, *own)}  # the machine may have some of these names too
    for path, machine, more in ((passwd, Path("/etc/passwd"), users), (group, Path("/etc/group"), [*groups, *own])):
        kept = [line for line in machine.read_text().splitlines() if line.partition(":")[0] not in ours]
        path.write_text("\n".join([*kept, *more]) + "\n")
    return passwd, group


# The rig's user files take the place of the machine's for one process and its children (mount_namespaces(7)); the machine stays as it is.
AS_ANOTHER_MACHINE = (
    "unshare", "--mount", "--propagation", "private", "sh", "-c",
    'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"', "sh",
)  # fmt: skip


def persons_possible() -> str:
    """Return why two persons cannot be played here, empty when they can."""
    if os.geteuid() != 0:
        return "two persons of their own users need root"
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "this machine allows no mount namespace (unshare --mount)"
