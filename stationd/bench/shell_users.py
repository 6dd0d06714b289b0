"""Users of every kind for `stationd bench shell`, which itself runs as one user.

A client binds its own end of the connection to an abstract name that says who it is; the benchmark's daemon, and no other, takes its
word for it (`identify`). Everybody else is who the kernel says.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

from stationd.console.peer import Accounts, NotKnown, Peer, Role

NAMED = b"\0stationd-bench-shell."
UNNAMED = "UNNAMED"
END = b"\0"
COUNT = itertools.count()


class Who(NamedTuple):
    """A user with a role; Role.NONE has none on this station, and None is one whom the kernel does not name."""

    role: Role | None
    uid: int


def connected(path: str, who: Who) -> socket.socket:
    """Return a connection to the daemon as that user. OSError."""
    own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    role = UNNAMED if who.role is None else who.role.name
    try:
        own.bind(NAMED + f"{role}.{who.uid}.{os.getpid()}.{next(COUNT)}".encode())
        own.connect(path)
    except OSError:
        own.close()
        raise
    return own


def asked(own: socket.socket, method: str, parameters: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the parameters of an answer. ConnectionError when there is none, or an error."""
    own.sendall(json.dumps({"method": method, "parameters": parameters or {}}).encode() + END)
    answer = json.loads(answer_of(own))
    if "error" in answer:
        raise ConnectionError(f"{method}: {answer}")
    found: dict[str, Any] = answer.get("parameters", {})
    return found


def answer_of(own: socket.socket) -> bytes:
    """Return the next answer, where nothing else can follow it. ConnectionError at the end."""
    received = bytearray()
    while not received.endswith(END):
        more = own.recv(1 << 18)
        if not more:
            raise ConnectionError(f"the daemon hung up: {bytes(received[:200])!r}")
        received += more
    return bytes(received[:-1])


def identify(accounts: Accounts, connection: socket.socket) -> Peer:
    """Return the user whose name the client's own socket bears, or who the kernel says."""
    name = connection.getpeername()
    if not isinstance(name, bytes) or not name.startswith(NAMED):
        return accounts.peer(connection)
    role, uid, process, _ = name.removeprefix(NAMED).decode().split(".")
    if role == UNNAMED:
        raise NotKnown("the kernel does not say who is there")
    return Peer(int(uid), int(uid), int(process), Role[role], name=f"user{uid}")
