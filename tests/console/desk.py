"""What stands behind the console in its tests: the real alarm desk without an engine, a fixed status, a client that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stationd.console.diagnostics_door import DiagnosticsDoor
from stationd.console.door import Document, Happening, LineDoor, Moment, Obeyed
from stationd.console.peer import Peer, Role
from stationd.console.places import USUAL, Limits
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.flood import Figures
from stationd.core.alarm.inhibit import Link
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import AlarmRecord, AlarmView, Annunciate, Order, Signal
from stationd.core.model import Tick
from tests.console.own import Own

BEGIN_UTC_S = 1_795_000_000.0
DEVICE_LOST = AlarmKey("fp1-booster", "LOW-OUTPUT")
CRITICAL = AlarmKey("pfe-a", "PFE-TRIP")
MINOR = AlarmKey("fp1-booster", "DEVICE-SILENT")
KEYS = (DEVICE_LOST, CRITICAL, MINOR)


def value(v: object, unit: str, quality: str = "good", **more: object) -> dict[str, object]:
    return {"v": v, "u": unit, "t": "2026-11-22T22:04:12.000Z", "q": quality, **more}


STATUS: dict[str, Any] = {
    "station": "aktau",
    "title": "Aktau",
    "operator": "Kazakhtelecom",
    "mode": "live",
    "t": "2026-11-22T22:04:12.000Z",
    "quality": {"good": 812, "sim": 0, "uncertain": 0, "stale": 3, "bad": 0},
    "buses": {"pfe": {"up": True}, "amps": {"up": False}},
    "devices": {"pfe-a": {"kind": "pfe", "up": True}},
    "power_feeds": {
        "pfe-a": {
            "device": "pfe-a",
            "up": True,
            "output_current": value(1000.0, "mA"),
            "output_voltage": value(1412.0, "V"),
            "output_on": value(True, ""),
        }
    },
    "amplifiers": {
        "fp1-booster": {"up": True, "input_power": value(-18.31, "dBm"), "los": value(False, ""), "fault": value(False, "")},
        "fp2-booster": {
            "up": True,
            "input_power": value(-41.2, "dBm"),
            "los": value(True, ""),
            "fault": value(None, "", "bad", why="timeout"),
        },
    },
    "taps": {"fp1-rx": {"up": True, "power": value(None, "dBm", "stale", last=-18.3), "los": value(None, "", "stale", last=False)}},
}


class Station:
    """A StatusDoor."""

    def __init__(self) -> None:
        self.looks = 0

    def status(self) -> Document:
        self.looks += 1
        return STATUS

    def device(self, name: str) -> Document:
        return {"device": name, "points": STATUS["power_feeds"][name]}


@dataclass
class Desk:
    """An AlarmDoor: the real desk, which is told the time by the test."""

    keys: Sequence[AlarmKey] = KEYS
    time_s: float = 1000.0
    orders: list[tuple[Order, Peer]] = field(default_factory=list)
    past: list[Happening] = field(default_factory=list)
    listeners: list[Callable[[AlarmRecord], None]] = field(default_factory=list)
    hearers: list[Callable[[Annunciate], None]] = field(default_factory=list)
    held: asyncio.Event | None = None
    durable: bool = True
    links: Sequence[Link] = ()

    def __post_init__(self) -> None:
        self.alarms = Alarms(Plan({key: rule(key) for key in self.keys}, tuple(self.links)), self.time_s)

    def signal(self, key: AlarmKey, active: bool | None, *, after_s: float = 10.0) -> None:
        self._handle(Signal(key, active, self.time_s))
        self.pass_time(after_s)

    def pass_time(self, seconds: float) -> None:
        end = self.time_s + seconds
        while (due := self.alarms.deadline()) is not None and due <= end:
            self.time_s = max(due, self.time_s)
            self._handle(Tick(self.time_s))
        self.time_s = end

    def _handle(self, event: Any) -> None:
        self._spread(self.alarms.handle(event, self.time_s))

    def _spread(self, effects: Sequence[object]) -> None:
        for effect in effects:
            if isinstance(effect, AlarmRecord):
                self.past.append(self._happening(effect))
                for listener in tuple(self.listeners):
                    listener(effect)
            elif isinstance(effect, Annunciate):
                for hearer in tuple(self.hearers):
                    hearer(effect)

    def _happening(self, record: AlarmRecord) -> Happening:
        return Happening(
            id=f"run-{record.number}",
            at=self.moment(record.t),
            key=str(record.key),
            event=record.event.value,
            before=record.before.value,
            after=record.after.value,
            severity=record.severity.value,
            occurrence=record.occurrence,
            who=record.who,
            note=record.note,
        )

    async def obey(self, order: Order, peer: Peer) -> Obeyed:
        self.orders.append((order, peer))
        if self.held is not None:
            await self.held.wait()
        answer = self.alarms.obey(order, self.time_s)
        self._spread(answer.effects)
        return Obeyed(answer.outcomes, self.durable)

    def views(self, shown: Callable[[AlarmView], bool]) -> Sequence[AlarmView]:
        return self.alarms.views(shown)

    def view(self, key: AlarmKey) -> AlarmView | None:
        return self.alarms.view(key)

    def unit(self, key: AlarmKey) -> str:
        return "dBm"

    def figures(self) -> Figures:
        return self.alarms.figures(self.time_s)

    async def history(self, key: AlarmKey | None, since: Moment | None, limit: int) -> Sequence[Happening]:
        return [event for event in self.past if key is None or event.key == str(key)][-limit:]

    def subscribe(self, deliver: Callable[[AlarmRecord], None]) -> Callable[[], None]:
        self.listeners.append(deliver)
        return lambda: self.listeners.remove(deliver)

    def subscribe_messages(self, deliver: Callable[[Annunciate], None]) -> Callable[[], None]:
        self.hearers.append(deliver)
        return lambda: self.hearers.remove(deliver)

    def now(self) -> float:
        return self.time_s

    def moment(self, t: float) -> Moment:
        return Moment(BEGIN_UTC_S + t, synchronised=True)


OPERATOR = Peer(4242, 4242, 1, Role.OPERATE, name="a.bekov")
VIEWER = Peer(4243, 4243, 1, Role.VIEW, name="guest")
POWER = Peer(4244, 4244, 1, Role.POWER, name="n.aliyeva")
POWER_TOO = Peer(4245, 4245, 1, Role.POWER, name="j.smith")
ROOT = Peer(0, 0, 1, Role.OPERATE, person=False, name="root")


class Caller:
    """A Varlink client that is not ours: bytes on a socket, one JSON object and a NUL each way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def at(cls, path: Path) -> Caller:
        return cls(*await asyncio.open_unix_connection(str(path), limit=2**24))

    def put(self, raw: bytes) -> None:
        self.writer.write(raw)

    def ask(self, method: str, parameters: dict[str, Any] | None = None, **flags: bool) -> None:
        self.put(json.dumps({"method": method, "parameters": parameters or {}, **flags}).encode() + b"\0")

    async def answer(self) -> dict[str, Any]:
        raw = await self.reader.readuntil(b"\0")
        found: dict[str, Any] = json.loads(raw[:-1])
        return found

    async def call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        self.ask(method, parameters)
        return await self.answer()

    async def end(self) -> bytes:
        """Return what is left before the connection ends."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self.writer.close()


class Served:
    """A running control socket."""

    def __init__(self, path: Path, server: ControlSocket, desk: Desk, station: Station) -> None:
        self.path, self.server, self.desk, self.station = path, server, desk, station
        self.peers: list[Peer] = []
        self.usual: Peer = OPERATOR
        self.callers: list[Caller] = []

    def identify(self, _: socket.socket) -> Peer:
        return self.peers.pop(0) if self.peers else self.usual

    async def caller(self, peer: Peer | None = None) -> Caller:
        """Return a connection of that peer that is let in, or turned away, already."""
        before = self.server.connections + self.server.turned_away
        if peer is not None:
            self.peers.append(peer)
        caller = await Caller.at(self.path)
        self.callers.append(caller)
        await until(lambda: self.server.connections + self.server.turned_away > before)
        return caller


@contextlib.asynccontextmanager
async def serving(
    limits: Limits = USUAL,
    desk: Desk | None = None,
    live: bool = True,
    line: LineDoor | None = None,
    own: DiagnosticsDoor | None = None,
) -> AsyncIterator[Served]:
    folder = Path(tempfile.mkdtemp(prefix="console"))
    desk, station = desk or Desk(), Station()
    served: Served | None = None

    def identify(connection: socket.socket) -> Peer:
        assert served is not None
        return served.identify(connection)

    doors = Doors(station, desk, live, line, diagnostics=own or Own())
    server = ControlSocket(folder / "io.stationd", interfaces(doors, limits), identify, os.getgid(), limits)
    served = Served(folder / "io.stationd", server, desk, station)
    server.start()
    running = asyncio.create_task(server.run())
    try:
        yield served
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for caller in served.callers:
            caller.close()
        shutil.rmtree(folder)


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition that comes by itself."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.002)
