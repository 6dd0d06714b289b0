"""The control port of `stationd sim`: what a test bench would do with its hands, ordered by another process over a Unix socket.

What it is: one JSON object a line, `{"do": "shunt", "km": 50.0, "ohm": 10.0}`, answered by one line, `{"ok": ..., "t": ...}` or
`{"wrong": "what is wrong, and what would be right"}`; `t` is the time of CLOCK_MONOTONIC right after it was done. Distances are counted
from end a. Its address is `control` in the ports file. What it is not: a way into a daemon, or a port that a station has: it changes the
simulated plant alone, and only the user who runs the simulation (and root) may connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from stationd.sim import rig as rigs
from stationd.sim.cable import Cut, End, InsulatedOpen, Shunt
from stationd.sim.device_io import Contact, IoModule
from stationd.sim.happening import Before, electrical
from stationd.sim.light import line_taps
from stationd.sim.optics import Direction, SpanLossStep
from stationd.sim.plant import Plant
from stationd.sim.simulation import Simulation
from stationd.sim.wire_faults import FaultKind

NAME = "control"
LONGEST_LINE = 65_536  # bytes


class Wrong(Exception):
    """An order that cannot be carried out; the text says what is wrong."""


class Order:
    """The fields of an order, each read with a check. Wrong names the field that is missing or has no good value."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.fields = fields

    def number(self, name: str, least: float = 0.0, most: float = 1e9) -> float:
        """Return a number within its limits."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise Wrong(f"{name} is {value!r}, it must be a number from {least:g} to {most:g}")
        return float(value)

    def word(self, name: str, known: Iterator[str] | tuple[str, ...]) -> str:
        """Return one of the known words."""
        words = tuple(known)
        value = self.fields.get(name)
        if not isinstance(value, str) or value not in words:
            raise Wrong(f"{name} is {value!r}, it must be one of {', '.join(words)}")
        return value

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        value = self.fields.get(name)
        if not isinstance(value, bool):
            raise Wrong(f"{name} is {value!r}, it must be true or false")
        return value

    def end(self) -> End:
        """Return the end of the line that it is about."""
        return End(self.word("end", tuple(end.value for end in End)))


class Hands:
    """What can be ordered of a simulation; belongs to its event loop."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._before = Before.of(simulation)
        self._ohm_per_km = simulation.plant.cable.conductor_ohm_per_km
        self._weakened: dict[tuple[int, Direction], SpanLossStep] = {}
        self._loop_closed = True
        self._touched: set[str] = set()  # ports that are not as they were
        self._orders: Mapping[str, Callable[[Order], object]] = {
            "truth": self._truth, "written": self._written, "repair": self._repair, "shunt": self._shunt, "cut": self._cut,
            "open": self._open, "load": self._load, "attenuate": self._attenuate, "feed": self._feed, "contact": self._contact,
            "off": self._off, "loop": self._loop, "power": self._power, "unplug": self._unplug, "plug": self._plug,
            "fault": self._fault, "heal": self._heal,
        }  # fmt: skip

    def obey(self, line: bytes) -> Mapping[str, object]:
        """Do what a line says; return the answer."""
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict):
                raise Wrong('an order is an object such as {"do": "truth"}')
            order = Order(fields)
            done = self._orders[order.word("do", tuple(self._orders))](order)
        except (Wrong, ValueError, ValidationError) as wrong:
            return {"wrong": str(wrong)}
        return {"ok": done, "t": time.monotonic()}

    @property
    def _plant(self) -> Plant:
        return self._simulation.plant

    # What is: nothing here is measured, it is the plant's own truth.

    def _truth(self, _: Order) -> object:
        """Return of each end the true current, voltage, settings and limits of its feed, its loops, and the light that arrives."""
        self._simulation.stage.settle()
        return {end.value: self._truth_at(end) for end in End}

    def _truth_at(self, end: End) -> Mapping[str, object]:
        state, feed, desk = self._plant.electrical(), self._plant.power_feed(end), self._simulation.stage.feeds.get(end)
        return {
            "current_ma": state.current_ma(end),
            "voltage_v": state.voltage_v(end),
            "output_on": feed.output_on,
            "set_ma": feed.current_setpoint_ma,
            "limit_v": feed.voltage_limit_v,
            "limit_ma": desk.rated_ma if desk else 0.0,
            "interlock_closed": desk.interlock_closed if desk else True,
            "loop_closed": self._loop_closed,
            "received_dbm": list(line_taps(self._plant)[end])[::2],
        }

    def _written(self, order: Order) -> object:
        """Return the commands that reached units, from the `since`-th on: [[seconds, device, command], ...]."""
        since = int(order.number("since")) if "since" in order.fields else 0
        return [[each.t, each.device, each.command] for each in self._simulation.written[since:]]

    # The line.

    def _repair(self, _: Order) -> object:
        self._weakened.clear()
        self._plant.set_conductor(self._ohm_per_km)
        self._before.restore(self._simulation)
        for name in tuple(self._touched):
            self._mend(name)
        return "everything is as it was when the simulation began"

    def _shunt(self, order: Order) -> object:
        return electrical(Shunt(self._km(order), order.number("ohm")), "shunted")(self._simulation)

    def _cut(self, order: Order) -> object:
        return electrical(Cut(self._km(order)), "cut")(self._simulation)

    def _open(self, order: Order) -> object:
        return electrical(InsulatedOpen(self._km(order)), "open")(self._simulation)

    def _km(self, order: Order) -> float:
        return order.number("km", 0.0, self._plant.cable.length_km)

    def _load(self, order: Order) -> object:
        """Let the whole conductor have this resistance, as a resistive line on a bench is switched."""
        ohm = order.number("ohm", 1.0, 1e6)
        self._plant.resettle(self._simulation.stage.now)
        self._plant.set_conductor(ohm / self._plant.cable.length_km)
        return f"the conductor has {ohm:g} ohm"

    def _attenuate(self, order: Order) -> object:
        """Weaken the light that an end receives on a pair, by `db` in all; 0 takes the attenuator away."""
        pair, db = int(order.number("pair", 1, self._plant.fibre_pairs)), order.number("db", 0.0, 100.0)
        direction = Direction.leaving(order.end().other)
        last = len(self._plant.fibre.spans_km) - 1
        before = self._weakened.pop((pair, direction), None)
        step = SpanLossStep(last if direction is Direction.A_TO_B else 0, db, pair, direction)
        if db > 0:
            self._plant.apply(step)
            self._weakened[pair, direction] = step
        if before is not None and before != step:
            self._plant.clear(before)
        return f"weaker by {db:g} dB"

    # The stations.

    def _feed(self, order: Order) -> object:
        """Set a power feed at its panel: off (on = false), or on at `current_ma`."""
        end, on = order.end(), order.flag("on")
        current_ma = order.number("current_ma", 0.0, 2000.0) if on else 0.0
        self._plant.set_power_feed(end, replace(self._plant.power_feed(end), output_on=on, current_setpoint_ma=current_ma))
        self._simulation.stage.settle()
        return "set at the panel"

    def _off(self, _: Order) -> object:
        """Take the voltage off the line, as the main contactor of a bench does."""
        for end in End:
            self._plant.set_power_feed(end, replace(self._plant.power_feed(end), output_on=False))
        return "both feeds are off"

    def _loop(self, order: Order) -> object:
        """Close or open the interlock loop of the bench, which is not that of a station; open, it takes the voltage off."""
        self._loop_closed = order.flag("closed")
        return "closed" if self._loop_closed else self._off(order)

    def _contact(self, order: Order) -> object:
        end, which = order.end(), Contact[order.word("which", tuple(each.name.lower() for each in Contact)).upper()]
        closed, panels = order.flag("closed"), self._simulation.panels
        modules = [
            panel for name, device in self._simulation.rig.device.items()
            if device.end is end and isinstance(panel := panels.get(name), IoModule)
        ]  # fmt: skip
        if not modules:
            raise Wrong(f"there is no I/O module at end {end.value}")
        for module in modules:
            module.set_contact(which, closed=closed)
        return "closed" if closed else "open"

    def _power(self, order: Order) -> object:
        """Switch the mains of a unit: without them its port is mute, and a power feed delivers nothing."""
        name, on = order.word("device", tuple(self._simulation.rig.device)), order.flag("on")
        device = self._simulation.rig.device[name]
        if device.role == "pfe" and not on:
            self._plant.set_power_feed(device.end, replace(self._plant.power_feed(device.end), output_on=False))
        self._simulation.port(device.port).black_hole(not on)
        self._touched.add(device.port)
        return "on" if on else "off"

    def _unplug(self, order: Order) -> object:
        self._simulation.port(self._port(order)).stop()
        return "unplugged"

    def _plug(self, order: Order) -> object:
        self._simulation.port(self._port(order)).start()
        return "plugged in"

    def _fault(self, order: Order) -> object:
        """Let a fault of the wire begin, with the keys of a `[[fault]]` section of a rig file."""
        fault = rigs.Fault.model_validate({key: value for key, value in order.fields.items() if key != "do"})
        kinds = (*(kind.value for kind in FaultKind), *rigs.PORT_FAULTS)
        Order({"port": fault.port, "kind": fault.kind}).word("kind", kinds)
        self._port(order)
        self._simulation.inject(fault)
        return "begun"

    def _heal(self, order: Order) -> object:
        """End every fault of the wire of a port, and plug it in."""
        self._mend(self._port(order))
        return "healed"

    def _mend(self, name: str) -> None:
        port = self._simulation.port(name)
        self._simulation.faults(name).clear()
        port.black_hole(False)
        port.start()
        self._touched.discard(name)

    def _port(self, order: Order) -> str:
        """Return the port that it is about, which is then not as it was."""
        name = order.word("port", tuple(self._simulation.rig.port))
        self._touched.add(name)
        return name


@contextlib.asynccontextmanager
async def control_port(simulation: Simulation, path: Path) -> AsyncIterator[str]:
    """Serve the control port at a path as long as the block; gives its address, unix:PATH."""
    hands = Hands(simulation)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):  # a line without end is a client that is lost
            while line := await reader.readline():
                writer.write(json.dumps(hands.obey(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, sock=_listener(path), limit=LONGEST_LINE)
    try:
        yield f"unix:{path}"
    finally:
        server.close()


def _listener(path: Path) -> socket.socket:
    """Return a socket that only the user who runs the simulation can reach; its file goes with the directory that it is in."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener
