"""The daemon as a process of its own, for tests that act and kill: who connects is known by the name of his own socket.

    python -m tests.integration.acting_daemon STATION.toml

What it is: `stationd run` with one thing of the machine replaced, the kernel's word about users: a client that binds its own end of
the connection to .../aliya.1 is the person "aliya" in session "1". So two persons can act where the tests run as one user. What it is
not: a way into a daemon: `stationd run` has no such thing. Under stationd.bench.failing_disk every SIGUSR2 lets the disk hang, or go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
from pathlib import Path

from stationd.app import App, load
from stationd.bench.journal_faults import Disk
from stationd.console.peer import Locality, Peer, Role
from stationd.surroundings import Surroundings

PERSONS = {"aliya": (1001, Role.POWER), "nurlan": (1002, Role.POWER), "viewer": (1003, Role.VIEW), "operator": (1004, Role.OPERATE)}


def identify(connection: socket.socket) -> Peer:
    """Return the person whose name the client's own socket has."""
    name, _, session = Path(connection.getpeername()).name.partition(".")
    uid, role = PERSONS[name]
    return Peer(uid, uid, int(session or 1), role, name=name, locality=Locality.LOCAL)


HANG_S = 3600.0


def hanging_disk() -> None:
    """Let every second SIGUSR2 end what the one before it has begun: a disk that hangs."""
    disk, states = Disk(), itertools.cycle((HANG_S, 0.0))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, lambda: disk.hang(next(states)))


async def main(path: Path) -> None:
    """Run until SIGTERM."""
    loaded = load(path)
    assert loaded.config is not None, loaded.mistakes
    app = App(loaded.config, loaded.catalogue, Surroundings(identify=identify))
    if "FAILING_DISK" in os.environ:
        hanging_disk()
    running = asyncio.create_task(app.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
