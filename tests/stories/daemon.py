"""A station's daemon as a process of its own, at whose door everybody is the person that his own process names.

    python -m tests.stories.daemon STATION.toml PORTS.json

What it is: `stationd run` with one thing of the machine replaced, the kernel's word about users: who connects is the person whose name
stands in STATIOND_STORY_USER in the environment of the connecting process, which the kernel keeps in /proc and names by its number. So
several persons can sit at terminals where all of the tests run as one user, without any group of the machine. A process that names nobody
is nobody: it is not let in. What it is not: a way into a daemon: `stationd run` has no such thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from pathlib import Path

from stationd import log
from stationd.app import App, load
from stationd.console.peer import CREDENTIALS, Locality, NotKnown, Peer, Role, terminal, terminal_name
from stationd.links.exact_loop import exact_loop
from stationd.surroundings import Surroundings
from tests.stories.people import PLACE, USER, Place, person_called

PROCESSES = Path("/proc")
LOCALITIES = {Place.CONSOLE: Locality.LOCAL, Place.SSH: Locality.REMOTE}


def identify(connection: socket.socket) -> Peer:
    """Return the person at the other end. NotKnown for a process that names nobody, or has gone already."""
    pid, uid, _ = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    try:
        around = (PROCESSES / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError as error:
        raise NotKnown(f"process {pid} does not say who it is: {error}") from error
    named = dict(entry.decode().split("=", 1) for entry in around if b"=" in entry)
    person = person_called(named.get(USER, ""))
    if person is None:
        raise NotKnown(f"process {pid} of user {uid} names nobody in {USER}")
    locality = LOCALITIES[Place(named.get(PLACE, Place.CONSOLE.value))]
    place = terminal_name(terminal(pid, uid))
    return Peer(person.uid, person.uid, pid, Role[person.role.upper()], name=person.name, locality=locality, place=place)


async def main(path: Path, ports_file: Path) -> None:
    """Run until SIGTERM; the ports file is written when the station listens."""
    loaded = load(path)
    assert loaded.config is not None, loaded.mistakes
    app = App(loaded.config, loaded.catalogue, Surroundings(identify=identify, source=loaded.source))
    running = asyncio.create_task(app.run(ports_file))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    log.set_up()
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        runner.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
