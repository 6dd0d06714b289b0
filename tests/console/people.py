"""A station with people: alarms, operations and the book of the shift behind a real control socket, told the time by the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stationd.console.door import Moment
from stationd.console.peer import Peer
from stationd.console.places import USUAL, Limits
from stationd.console.seats import Seats
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.console.session_door import JournalState, Taken
from stationd.core.logbook import Entry, Logbook
from stationd.core.operation.words import Noted
from tests.console.acting import Book, Plant
from tests.console.desk import BEGIN_UTC_S, OPERATOR, Caller, Desk, Served, Station

SESSION = "io.stationd.Session"


@dataclass
class Porter:
    """A SessionDoor that keeps its book in memory. `stuck` holds every write back."""

    plant: Plant
    kept: Logbook = field(default_factory=lambda: Logbook(known=True))
    station: str = "aktau"
    mode: str = "live"
    durable: bool = True
    stuck: asyncio.Event | None = None
    listeners: list[Callable[[Noted], None]] = field(default_factory=list)
    recorded: list[tuple[str, str, str, Mapping[str, object]]] = field(default_factory=list)

    def book(self) -> Logbook:
        return self.kept

    async def note(self, text: str, peer: Peer) -> bool:
        self.kept = self.kept.noted(replace(self._entry(peer), text=text))
        return await self._disk()

    async def write(self, text: str, peer: Peer) -> bool:
        self.kept = self.kept.with_text(replace(self._entry(peer), text=text))
        return await self._disk()

    async def take(self, peer: Peer, warnings: tuple[str, ...]) -> Taken:
        entry = self._entry(peer)
        self.kept = self.kept.taken(entry)
        return Taken(entry, await self._disk())

    async def record(self, kind: str, subject: str, peer: Peer, document: Mapping[str, object]) -> bool:
        self.recorded.append((kind, subject, peer.called, document))
        return await self._disk()

    def subscribe(self, deliver: Callable[[Noted], None]) -> Callable[[], None]:
        self.listeners.append(deliver)
        return lambda: self.listeners.remove(deliver)

    def tell(self, kind: str, subject: str, who: str, **document: object) -> None:
        """Have something happen on the desk of operations."""
        for listener in tuple(self.listeners):
            listener(Noted(kind, subject, self.now(), who, document))

    def journal(self) -> JournalState:
        return JournalState(True, "good")

    def now(self) -> float:
        return self.plant.time_s

    def moment(self, t: float) -> Moment:
        return Moment(BEGIN_UTC_S + t, synchronised=True)

    def _entry(self, peer: Peer) -> Entry:
        return Entry(BEGIN_UTC_S + self.now(), True, peer.called, peer.uid)

    async def _disk(self) -> bool:
        if self.stuck is not None:
            await self.stuck.wait()
        return self.durable


class Hall(Served):
    """A running control socket with people."""

    def __init__(self, path: Path, server: ControlSocket, desk: Desk, plant: Plant, porter: Porter) -> None:
        super().__init__(path, server, desk, Station())
        self.plant = plant
        self.porter = porter

    async def monitor(self, peer: Peer, *, shell: bool = True) -> Caller:
        """Return a client that hears from now on."""
        caller = await self.caller(peer)
        await asked(caller, "Announce", {"shell": shell, "line": "9600"})
        caller.ask(f"{SESSION}.Monitor", more=True)
        hello = await caller.answer()
        assert hello["parameters"]["notice"]["kind"] == "hello"
        return caller


async def asked(caller: Caller, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters of an answer that is no error."""
    answer = await caller.call(f"{SESSION}.{method}", parameters)
    assert "error" not in answer, answer
    found: dict[str, Any] = answer.get("parameters", {})
    return found


async def failed(caller: Caller, method: str, parameters: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """Return the short name of an error, and its parameters."""
    answer = await caller.call(f"{SESSION}.{method}", parameters)
    assert "error" in answer, answer
    return answer["error"].rpartition(".")[2], answer.get("parameters", {})


async def heard(caller: Caller) -> dict[str, Any]:
    """Return the next notice."""
    notice: dict[str, Any] = (await caller.answer())["parameters"]["notice"]
    return notice


@contextlib.asynccontextmanager
async def hall(
    limits: Limits = USUAL, *, quiet: bool = True, usual: Peer = OPERATOR, desk: Desk | None = None
) -> AsyncIterator[Hall]:
    """`quiet`: nothing is open, held or waits to be confirmed."""
    folder, plant, desk = Path(tempfile.mkdtemp(prefix="console")), Plant(), desk or Desk()
    if quiet:
        plant.shown, plant.held, plant.sent, plant.waiting = [], [], [], []
    porter, seats, one = Porter(plant), Seats(lambda: plant.time_s), list[Hall]()

    def identify(connection: socket.socket) -> Peer:
        return one[0].identify(connection)

    doors = Doors(Station(), desk, True, operations=plant, setpoints=plant, audit=Book(), session=porter)
    path = folder / "io.stationd"
    server = ControlSocket(path, interfaces(doors, limits, seats=seats), identify, os.getgid(), limits, seats=seats)
    one.append(Hall(path, server, desk, plant, porter))
    one[0].usual = usual
    server.start()
    running = asyncio.create_task(server.run())
    try:
        yield one[0]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for caller in one[0].callers:
            caller.close()
        shutil.rmtree(folder)
