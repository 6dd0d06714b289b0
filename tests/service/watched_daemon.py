"""A daemon under a watchdog as a process of its own, whose parts a test lets hang: it does what each line of its input says.

    python -m tests.service.watched_daemon STATION.toml

    block        a callback of the event loop never comes back
    full         every call to the disk fails for want of room     (both under stationd.bench.failing_disk)
    hang         every sync of the disk hangs
    repair       the disk works again
    bus NAME N   the next N openings of a line's port never come back

What it is: `stationd run` with one thing of the machine replaced, the opening of ports. What it is not: a way into a daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stationd import log
from stationd.app import App, load
from stationd.bench.journal_faults import EVER, Disk
from stationd.links.opening import open_link
from stationd.links.port import Link, PortSettings, Receiver
from stationd.service.notify import Notifier
from stationd.service.watchdog import leave_stacks
from stationd.surroundings import Surroundings

HANG_S = 3600.0


@dataclass
class Ports:
    """The way to the ports: `hang` says how many of the next openings never come back."""

    hang: Counter[str] = field(default_factory=Counter)

    async def open(self, settings: PortSettings, receiver: Receiver) -> Link:
        if self.hang[settings.port] > 0:
            self.hang[settings.port] -= 1
            await asyncio.get_running_loop().create_future()
        return await open_link(settings, receiver)


def stand_still() -> None:
    """Come back in an hour, to an event loop that waits for it."""
    time.sleep(HANG_S)


def obey(line: str, app: App, ports: Ports) -> None:
    """Do what a line says."""
    match line.split():
        case ["block"]:
            stand_still()
        case ["full"]:
            Disk().fail(1, errno.ENOSPC, EVER)
        case ["hang"]:
            Disk().hang(HANG_S)
        case ["repair"]:
            Disk().repair()
            Disk().hang(0.0)
        case ["bus", name, times]:
            bus = app.buses[name]
            ports.hang[bus.settings.port] = int(times)
            bus.lost("hung up by the test")


def listening(obeyed: Callable[[str], None]) -> Callable[[], None]:
    """Return what takes lines from the input."""

    def take() -> None:
        data = os.read(0, 4096).decode()
        if not data:
            asyncio.get_running_loop().remove_reader(0)
        for line in data.splitlines():
            obeyed(line)

    return take


async def main(path: Path) -> None:
    """Run until the process ends."""
    loaded = load(path)
    assert loaded.config is not None, loaded.mistakes
    ports, notifier = Ports(), Notifier.of(os.environ, os.getpid())
    app = App(loaded.config, loaded.catalogue, Surroundings(open_port=ports.open))
    with contextlib.suppress(PermissionError):  # /dev/null tells nothing
        asyncio.get_running_loop().add_reader(0, listening(lambda line: obey(line, app, ports)))
    with contextlib.suppress(asyncio.CancelledError):
        await app.run(ready=notifier.ready, notifier=notifier)


if __name__ == "__main__":
    log.set_up()
    leave_stacks()
    asyncio.run(main(Path(sys.argv[1])))
