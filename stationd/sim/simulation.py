"""A rig at work: its plant, its devices and its open ports, from `open_rig` to the end of the block.

What it is: the only place of the simulator that knows the event loop, the ports' thread and the devices at once. Devices and
plant live in the loop; the thread has bytes and times only.
What it is not: a scenario; see stationd.sim.world.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stationd.driver import Protocol
from stationd.sim import rig as rigs
from stationd.sim.cable import End
from stationd.sim.device_genesys import GenesysLine
from stationd.sim.device_text import Responder
from stationd.sim.devices import Panel, modbus_unit, text_line
from stationd.sim.exact_thread import ExactThread
from stationd.sim.light import Light
from stationd.sim.line import Late, LineCounts
from stationd.sim.modbus_server import ModbusUnit, RtuServer
from stationd.sim.plant import Plant
from stationd.sim.ports import Port, PtyPort, SocketPort
from stationd.sim.scratch import scratch
from stationd.sim.stage import Stage
from stationd.sim.tcp_port import ModbusTcpPort
from stationd.sim.wire_faults import FaultKind, Faults, LineFault
from stationd.sim.written import TextListener, WriteLog, Written

SETTLE_S = 0.05  # how often ramps and protections go on while nobody asks
SWITCH_INTERVAL_S = 2e-4  # a thread that computes may delay the ports' thread by this much
NAMES_BELOW = ("/dev/shm", tempfile.gettempdir())  # noqa: S108 - a name below /dev is what clients take for a serial port


class Simulation:
    """A running rig. Its methods belong to the event loop; ports and faults may be used from anywhere."""

    def __init__(self, rig: rigs.Rig, stage: Stage) -> None:
        self.rig = rig
        self.stage = stage
        self.write_log = WriteLog(stage)
        self._fittings: dict[str, _Fitting] = {}
        self._panels: dict[str, Panel] = {}
        self._light: Light | None = None
        self._dead: set[str] = set()
        self.silence: Callable[[End, bool], None] = lambda end, silent: None  # how who runs the daemons makes one fall silent

    @property
    def plant(self) -> Plant:
        """The simulated line behind all devices."""
        return self.stage.plant

    @property
    def written(self) -> list[Written]:
        """Every command that sets or switches something and reached a unit, oldest first; empty it as you like."""
        return self.write_log.written

    @property
    def ports(self) -> Mapping[str, str]:
        """What a client opens, by the name of the port: a path, tcp://host:port or socket://host:port; of the light shm:path."""
        devices = {name: fitting.port.address for name, fitting in self._fittings.items()}
        return devices if self._light is None else {**devices, **self._light.addresses}

    def port(self, name: str) -> Port:
        """Return a port, to hang it up, stop it or make it a black hole. KeyError for an unknown name."""
        return self._fittings[name].port

    def faults(self, name: str) -> Faults:
        """Return the faults of a port, to add and remove them. KeyError for an unknown name."""
        return self._fittings[name].faults

    def panel(self, name: str) -> Panel:
        """Return a device as the person in front of it has it. KeyError for an unknown name."""
        return self._panels[name]

    @property
    def panels(self) -> Mapping[str, Panel]:
        """All devices as the people in front of them have them, by name."""
        return self._panels

    def cut_off(self, name: str) -> None:
        """Let the line behind a port die while the port stays open. KeyError for an unknown name."""
        self.port(name).black_hole(True)
        self._dead.add(name)

    def reconnect(self) -> None:
        """Bring every line back that was cut off."""
        for name in self._dead:
            self.port(name).black_hole(False)
        self._dead.clear()

    def counts(self, name: str) -> LineCounts:
        """Return what happened on a port's wire so far. KeyError for an unknown name."""
        return self._fittings[name].port.counts()

    def fit(self, name: str, port: Port, faults: Faults, panels: Mapping[str, Panel]) -> None:
        """Add a port with the devices on it."""
        self._fittings[name] = _Fitting(port, faults)
        self._panels.update(panels)

    def shine(self, light: Light) -> None:
        """Let this light follow the plant from now on."""
        self._light = light

    def inject(self, fault: rigs.Fault) -> None:
        """Let a fault of the rig begin now, and end after its `for_s`; `after_s` has passed."""
        port, faults = self.port(fault.port), self.faults(fault.port)
        match fault.kind:
            case "hang-up":
                port.hang_up(fault.for_s or 0.0)
                return
            case "stopped":
                port.stop()
                end = port.start
            case "black-hole":
                port.black_hole(True)
                end = partial(port.black_hole, False)
            case _:
                line_fault = _line_fault(fault)
                faults.add(line_fault)
                end = partial(faults.remove, line_fault)
        if fault.for_s is not None:
            asyncio.get_running_loop().call_later(fault.for_s, end)

    async def keep_settled(self) -> None:
        """Let ramps, protections and the light go on while nobody asks; runs until cancelled."""
        while True:
            self.stage.settle()
            if self._light is not None:
                self._light.beat()
            await asyncio.sleep(SETTLE_S)


@dataclass(frozen=True, slots=True)
class _Fitting:
    port: Port
    faults: Faults


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens ports one by one; what it has opened is closed by `stack`, in reverse."""

    simulation: Simulation
    thread: ExactThread
    directory: Path
    seed: int
    stack: AsyncExitStack

    async def open(self) -> None:
        rig = self.simulation.rig
        for place, (name, section) in enumerate(rig.port.items()):
            here = {key: device for key, device in rig.device.items() if device.port == name}
            faults = Faults(section.protocol, self.seed * 1000 + place)
            match section.protocol:
                case Protocol.MODBUS_TCP:
                    await self._open_tcp(name, section, here, faults)
                case Protocol.MODBUS_RTU:
                    await self._open_rtu(name, section, here, faults)
                case Protocol.TEXT | Protocol.FRAME68:
                    self._open_text(name, section, here, faults)

    async def _open_tcp(self, name: str, section: rigs.Port, here: Mapping[str, rigs.Device], faults: Faults) -> None:
        units, panels = self._units(here)
        port = ModbusTcpPort(self.thread, units, faults, section.tcp_port, _thinking_s(here))
        self.stack.push_async_callback(port.shut)
        await port.open()
        self.simulation.fit(name, port, faults, panels)

    async def _open_rtu(self, name: str, section: rigs.Port, here: Mapping[str, rigs.Device], faults: Faults) -> None:
        units, panels = self._units(here)
        port = self._paced(name, section)
        server = RtuServer(self.thread, units, faults, port.send, _thinking_s(here))
        port.connect(server.heard)
        self.stack.push_async_callback(server.stop)
        await server.start()
        self._start(port)
        self.simulation.fit(name, port, faults, panels)

    def _open_text(self, name: str, section: rigs.Port, here: Mapping[str, rigs.Device], faults: Faults) -> None:
        responder, panels = text_line(self.simulation.stage, here)
        port = self._paced(name, section)
        hop = _Hop(self.thread, responder, faults, max(_thinking_s(here).values()), port.send, self.simulation.write_log.listener(here))
        port.connect(hop.heard)
        if isinstance(responder, GenesysLine):
            responder.send = hop.push
        self._start(port)
        self.simulation.fit(name, port, faults, panels)

    def _units(self, here: Mapping[str, rigs.Device]) -> tuple[dict[int, ModbusUnit], dict[str, Panel]]:
        both = {name: modbus_unit(self.simulation.stage, device) for name, device in here.items()}
        log = self.simulation.write_log
        units = {device.address: log.watch(name, device, both[name][0]) for name, device in here.items()}
        return units, {name: panel for name, (_, panel) in both.items()}

    def _paced(self, name: str, section: rigs.Port) -> PtyPort | SocketPort:
        if section.link == "pty":
            return PtyPort(self.thread, self.directory / name, section.line, self.seed)
        return SocketPort(self.thread, section.line, section.tcp_port, self.seed)

    def _start(self, port: Port) -> None:
        self.stack.callback(port.stop)
        port.start()


def _thinking_s(here: Mapping[str, rigs.Device]) -> dict[int, float]:
    return {device.address: device.answer_ms / 1000 for device in here.values()}


class _Hop:
    """The way of a frame from the ports' thread to a device in the loop, and of its answer back."""

    def __init__(
        self,
        thread: ExactThread,
        responder: Responder,
        faults: Faults,
        thinking_s: float,
        send: Callable[[Iterable[Late]], None],
        ear: TextListener,
    ) -> None:
        self._thread = thread
        self._responder = responder
        self._ear = ear
        self._faults = faults
        self._thinking_s = thinking_s
        self._send = send
        self._loop = asyncio.get_running_loop()

    def heard(self, frame: bytes) -> None:
        """Take a frame from the line, in the thread."""
        if self._faults.hears(None):
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._answer, frame)

    def _answer(self, frame: bytes) -> None:
        self._ear.heard(frame)
        answers = self._responder.feed(frame)
        pieces = [
            (delay_s + more_s + self._thinking_s, data)
            for delay_s, answer in answers
            for more_s, data in self._faults.answers(frame, answer)
        ]
        self.push(pieces)

    def push(self, pieces: list[Late]) -> None:
        """Send, from the loop."""
        if pieces:
            self._thread.soon(partial(self._send, pieces))


def _line_fault(fault: rigs.Fault) -> LineFault:
    return LineFault(
        FaultKind(fault.kind),
        every=fault.every,
        share=fault.share,
        times=fault.times,
        unit=fault.unit,
        delay_s=fault.delay_s,
        size=fault.size,
    )


@asynccontextmanager
async def open_rig(
    rig: rigs.Rig, seed: int = 1, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[Simulation]:
    """Open all ports of a rig; inside the block everything answers. Closes cleanly however the block ends.

    `seed` makes meters and faults repeatable. OSError when a TCP port number is taken.
    """
    simulation = Simulation(rig, Stage(Plant(rig.cable.parameters(), rig.cable.fibre_pairs, seed=seed), clock))
    async with AsyncExitStack() as stack:
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
        below = next(Path(each) for each in NAMES_BELOW if os.access(each, os.W_OK))
        directory = stack.enter_context(scratch("stationd-sim", below))
        thread = ExactThread()
        thread.start()
        stack.callback(thread.close)
        await _Opener(simulation, thread, directory, seed, stack).open()
        light = Light(simulation.plant, directory, rig.light, asyncio.get_running_loop().call_soon)
        stack.callback(light.close)
        simulation.shine(light)
        settling = asyncio.create_task(simulation.keep_settled(), name="sim-settle")
        stack.callback(settling.cancel)
        loop = asyncio.get_running_loop()
        for fault in rig.fault:
            stack.callback(loop.call_later(fault.after_s, simulation.inject, fault).cancel)
        yield simulation
