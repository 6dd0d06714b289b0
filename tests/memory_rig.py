"""The simulated line with its ports in memory: for daemons in the same process, in virtual time.

What it is: the devices, the plant and the wire faults of stationd.sim, behind ports that have no descriptor: a question travels
for as long as its characters take, the device thinks, the answer travels back. Modbus units are asked here without a server.
What it is not: a test of wires. That characters come in pieces, collide and are late is shown with real ports (tests/links).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stationd.driver import Protocol
from stationd.links.bus import Bus
from stationd.links.port import Link, LinkError, PortSettings, Receiver
from stationd.links.sampler.native import NS, Native
from stationd.links.sampler.settings import SamplerSettings, SourceSettings, Watch
from stationd.sim import rig as rigs
from stationd.sim.cable import End
from stationd.sim.devices import Panel, modbus_unit, text_line
from stationd.sim.light import tap_counts
from stationd.sim.line import Late, LineCounts
from stationd.sim.modbus_server import BANKS, WRITES, Bank, ModbusUnit, refused_outright
from stationd.sim.plant import Plant
from stationd.sim.simulation import Simulation
from stationd.sim.stage import Stage
from stationd.sim.wire_faults import Faults, crc16

FEED_S = 0.02  # counts are handed over so often
NOISE = (0, 1, -1, 2, -2, 1, 0, -1)  # counts; a converter that always shows the same is a dead one
TCP_S = 0.001  # one way through a local network (assumption)

Answer = Callable[[bytes], list[Late]]


class MemoryPort:
    """A port (stationd.sim.ports.Port) and the cable to the client. A client at a time; all of it belongs to the event loop."""

    def __init__(self, address: str, character_s: float, silence_s: float, answer: Answer) -> None:
        self.address = address
        self._character_s = character_s
        self._silence_s = silence_s
        self._answer = answer
        self._counts = LineCounts()
        self._up, self._swallow = True, False
        self._client: MemoryLink | None = None
        self._free_t = 0.0

    def counts(self) -> LineCounts:
        return replace(self._counts)

    def hang_up(self, down_s: float = 0.0) -> None:
        self.stop()
        if down_s > 0.0:
            asyncio.get_running_loop().call_later(down_s, self.start)
        else:
            self.start()

    def stop(self) -> None:
        self._up = False
        client, self._client = self._client, None
        if client is not None:
            asyncio.get_running_loop().call_soon(client.lose)

    def start(self) -> None:
        self._up = True

    def black_hole(self, on: bool) -> None:
        self._swallow = on

    def open(self, receiver: Receiver) -> MemoryLink:
        if not self._up:
            raise LinkError(f"{self.address}: No such file or directory")
        self._client = MemoryLink(self, receiver)
        return self._client

    def take(self, data: bytes, client: MemoryLink) -> None:
        """Let a question travel."""
        self._counts.frames += 1
        self._counts.bytes_in += len(data)
        asyncio.get_running_loop().call_later(len(data) * self._character_s, self._heard, data, client)

    def _heard(self, data: bytes, client: MemoryLink) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time() + self._silence_s
        for delay_s, piece in () if self._swallow else self._answer(data):
            begin = max(begin + delay_s, self._free_t) + len(piece) * self._character_s
            self._free_t = begin + self._silence_s
            loop.call_at(begin, self._deliver, piece, client)

    def _deliver(self, piece: bytes, client: MemoryLink) -> None:
        if client is self._client and not self._swallow:
            self._counts.answers += 1
            self._counts.bytes_out += len(piece)
            client.receiver.received(piece)
        else:
            self._counts.lost_bytes += len(piece)


class MemoryLink:
    """The client's end (stationd.links.port.Link)."""

    def __init__(self, port: MemoryPort, receiver: Receiver) -> None:
        self.receiver = receiver
        self._port = port
        self._closed = False

    def send(self, data: bytes) -> None:
        if not self._closed:
            self._port.take(data, self)

    def rest(self, seconds: float) -> None:
        """Nothing comes in pieces here."""

    def lose(self) -> None:
        if not self._closed:
            self._closed = True
            self.receiver.lost(f"{self._port.address}: hung up")

    def close(self) -> None:
        self._closed = True


# ---------------------------------------------------------------------- what answers


def text_answers(simulation: Simulation, here: Mapping[str, rigs.Device], faults: Faults) -> tuple[Answer, Mapping[str, Panel]]:
    responder, panels = text_line(simulation.stage, here)
    ear = simulation.write_log.listener(here)
    thinking_s = max(device.answer_ms for device in here.values()) / 1000

    def answer(question: bytes) -> list[Late]:
        if not faults.hears(None):
            return []
        ear.heard(question)
        return [
            (delay_s + more_s + thinking_s, data)
            for delay_s, whole in responder.feed(question)
            for more_s, data in faults.answers(question, whole)
        ]

    return answer, panels


@dataclass(frozen=True)
class ModbusAnswers:
    """The units of a Modbus line or connection; called with a frame it returns the answer's."""

    units: Mapping[int, ModbusUnit]
    faults: Faults
    tcp: bool

    def __call__(self, question: bytes) -> list[Late]:
        number, pdu = (question[6], question[7:]) if self.tcp else (question[0], question[1:-2])
        if (not self.tcp and crc16(question[:-2]) != question[-2:]) or number not in self.units or not self.faults.hears(number):
            return []
        answer = bytes([number]) + answer_pdu(self.units[number], pdu)
        whole = question[:4] + len(answer).to_bytes(2, "big") + answer if self.tcp else answer + crc16(answer)
        return self.faults.answers(question, whole, number)


def answer_pdu(unit: ModbusUnit, pdu: bytes) -> bytes:
    """Answer as "MODBUS Application Protocol" V1.1b3 says."""
    refusal = refused_outright(pdu)
    if refusal is not None:
        return refusal
    function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
    if function not in unit.functions:
        return bytes((function | 0x80, 1))
    bank = BANKS[function]
    now = unit.snapshot(bank)
    values = _written(pdu) if function in WRITES else []
    count = len(values) or int.from_bytes(pdu[3:5], "big")
    if any(each not in now for each in range(address, address + count)):
        return bytes((function | 0x80, 2))
    if function in WRITES:
        refused = unit.write(bank, address, values)
        return pdu[:5] if refused is None else bytes((function | 0x80, int(refused)))
    return bytes([function]) + _packed([now[each] for each in range(address, address + count)], bank)


def _written(pdu: bytes) -> list[int]:
    count, rest = int.from_bytes(pdu[3:5], "big"), pdu[6:]
    match pdu[0]:
        case 5:
            return [int(count == 0xFF00)]
        case 6:
            return [count]
        case 15:
            return [rest[n // 8] >> n % 8 & 1 for n in range(count)]
        case _:
            return [int.from_bytes(rest[2 * n : 2 * n + 2], "big") for n in range(count)]


def _packed(values: Sequence[int], bank: Bank) -> bytes:
    if bank in (Bank.COILS, Bank.DISCRETE):
        body = sum(bit << place for place, bit in enumerate(values)).to_bytes((len(values) + 7) // 8, "little")
    else:
        body = b"".join(value.to_bytes(2, "big") for value in values)
    return bytes([len(body)]) + body


# ---------------------------------------------------------------------- light


class FedLoop(Native):
    """The sampling loop in C without its thread: it is given what the converter would have shown, each scan with its own time."""

    def __init__(self, settings: SamplerSettings, watches: tuple[Watch, ...], light: LineLight, end: End) -> None:
        quiet = replace(settings, source=SourceSettings("sim", ""), lock_memory=False, capture_on=frozenset())
        super().__init__(quiet, watches)
        self.at = end
        self._light = light
        self._inputs = [channel.index for channel in settings.channels]
        self._period_s, self._scan = 1.0 / settings.rate_hz, 0
        self._begun = 0.0
        self._patterns: list[Any] = []
        self._times = self._ffi.new("int64_t[]", len(NOISE))

    def start(self) -> None:
        self._begun = asyncio.get_running_loop().time()
        self._light.loops.append(self)

    def end(self, timeout_s: float) -> bool:
        if self in self._light.loops:
            self._light.loops.remove(self)
        return super().end(timeout_s)

    def show(self, counts: Sequence[int]) -> None:
        """Let the converter show other counts from the next scan on."""
        own = [counts[each] for each in self._inputs]
        rows = [[count + NOISE[(place + 3 * channel) % len(NOISE)] for channel, count in enumerate(own)] for place in range(len(NOISE))]
        self._patterns = [self._ffi.new("int32_t[]", [c for row in rows[at:] + rows[:at] for c in row]) for at in range(len(NOISE))]

    def advance(self, now: float) -> None:
        """Take all scans up to now."""
        if not self._patterns:
            self.show(self._light.counts[self.at])
        due = int((now - self._begun) / self._period_s + 1e-6)
        while self._scan < due:
            scans = min(due - self._scan, len(NOISE))
            for place in range(scans):
                self._times[place] = round((self._begun + (self._scan + place + 1) * self._period_s) * NS)
            self._lib.sampler_push(self._handle, self._patterns[self._scan % len(NOISE)], self._times, scans, round(now * NS))
            self._scan += scans


class LineLight:
    """What the converters of both ends show, as the plant is; `run` hands it over."""

    def __init__(self, plant: Plant) -> None:
        self.loops: list[FedLoop] = []
        self.counts = tap_counts(plant)
        self._plant = plant
        self._new = False
        plant.on_change(self._changed)

    def loop_at(self, end: End) -> Callable[[SamplerSettings, tuple[Watch, ...]], Native]:
        """Return what makes the sampling loop of an end (stationd.surroundings)."""
        return lambda settings, watches: FedLoop(settings, watches, self, end)

    def _changed(self) -> None:
        """Take the scans before the change with what was shown before it."""
        if not self._new:
            self._advance()
            self._new = True

    def _advance(self) -> None:
        now = asyncio.get_running_loop().time()
        for loop in self.loops:
            loop.advance(now)

    async def run(self) -> None:
        while True:
            if self._new:
                self._new = False
                counts = tap_counts(self._plant)
                if counts != self.counts:
                    self.counts = counts
                    for loop in self.loops:
                        loop.show(counts[loop.at])
            self._advance()
            await asyncio.sleep(FEED_S)


# ---------------------------------------------------------------------- the whole


class MemoryRig:
    """A rig at work in the running loop; `simulation` is what scenarios change. `run` is its task."""

    def __init__(self, rig: rigs.Rig, seed: int = 1) -> None:
        loop = asyncio.get_running_loop()
        plant = Plant(rig.cable.parameters(), rig.cable.fibre_pairs, seed=seed)
        self.rig = rig
        self.simulation = Simulation(rig, Stage(plant, loop.time))
        self.light = LineLight(plant)
        self._ports = {port.address: port for place, name in enumerate(rig.port) if (port := self._fit(name, seed * 1000 + place))}

    @property
    def addresses(self) -> Mapping[str, str]:
        """What stands in station files, by the names of ports and lights."""
        return {**self.simulation.ports, **{name: f"shm:/dev/shm/{name}" for name in self.rig.light.values()}}

    async def open_port(self, settings: PortSettings, bus: Bus) -> Link:
        """Open a port of the rig (stationd.surroundings)."""
        return self._ports[settings.port].open(bus)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.simulation.keep_settled())
            tasks.create_task(self.light.run())

    def _fit(self, name: str, seed: int) -> MemoryPort:
        section, stage = self.rig.port[name], self.simulation.stage
        here = {key: device for key, device in self.rig.device.items() if device.port == name}
        faults, tcp = Faults(section.protocol, seed), section.protocol is Protocol.MODBUS_TCP
        answer: Answer
        if section.protocol in (Protocol.TEXT, Protocol.FRAME68):
            answer, panels = text_answers(self.simulation, here, faults)
        else:
            both = {key: modbus_unit(stage, device) for key, device in here.items()}
            watch = self.simulation.write_log.watch
            units = {device.address: watch(key, device, both[key][0]) for key, device in here.items()}
            answer = ModbusAnswers(units, faults, tcp)
            panels = {key: panel for key, (_, panel) in both.items()}
        address = f"tcp://127.0.0.1:{10_000 + seed % 1000}" if tcp else f"/dev/sim/{name}"
        port = MemoryPort(address, TCP_S / 20 if tcp else section.line.character_s, section.line.silence_s, answer)
        self.simulation.fit(name, port, faults, panels)
        return port
