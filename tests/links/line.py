"""A line in virtual time with scripted units on it: the fake stands where the terminal device would stand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from stationd.links.bus import Bus
from stationd.links.port import Link, LinkError, PortSettings

Unit = Callable[[bytes, float], list[tuple[float, bytes]]]

_RTU = FramerRTU(DecodePDU(True))


def rtu(unit: int, pdu: bytes) -> bytes:
    """Return a sound RTU frame."""
    return _RTU.encode(pdu, unit, 0)


def registers(words: list[int], function: int = 3) -> bytes:
    """Return the PDU that answers a read of registers."""
    return bytes((function, 2 * len(words))) + b"".join(word.to_bytes(2, "big") for word in words)


@dataclass
class Line:
    """A wire: what units answer arrives byte by byte at the speed of the line. `unit(frame, t)` says what comes, and when."""

    unit: Unit
    settings: PortSettings
    step_bytes: int = 8
    frames: list[tuple[float, bytes]] = field(default_factory=list)
    openings: int = 0
    refuse: bool = False
    open_link: _Wire | None = None

    async def open(self, settings: PortSettings, bus: Bus) -> Link:
        if self.refuse:
            raise LinkError(f"{settings.port}: no such device")
        self.openings += 1
        self.open_link = _Wire(self, bus)
        return self.open_link

    def hang_up(self) -> None:
        assert self.open_link is not None
        wire, self.open_link = self.open_link, None
        wire.closed = True
        wire.bus.lost("hung up")

    def inject(self, data: bytes) -> None:
        assert self.open_link is not None
        self.open_link.deliver(data)


@dataclass
class _Wire:
    line: Line
    bus: Bus
    closed: bool = False
    blocked: bool = False

    def send(self, data: bytes) -> None:
        if self.blocked:
            raise LinkError("the port takes no bytes")
        loop = asyncio.get_running_loop()
        self.line.frames.append((loop.time(), data))
        heard = loop.time() + len(data) * self.line.settings.character_s
        for delay, answer in self.line.unit(data, heard):
            begins = heard + delay
            for start in range(0, len(answer), self.line.step_bytes):
                piece = answer[start : start + self.line.step_bytes]
                loop.call_at(begins + (start + len(piece)) * self.line.settings.character_s, self.deliver, piece)

    def deliver(self, data: bytes) -> None:
        if not self.closed:
            self.bus.received(data)

    def rest(self, seconds: float) -> None:
        """Bytes come in few pieces here; resting would change nothing."""

    def close(self) -> None:
        self.closed = True


def counting_unit(unit: int, state: dict[int, int], delay: float = 0.002) -> Unit:
    """A unit whose registers show (number of the request, address, 2, 3, ...): no two answers are ever equal."""

    def answer(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        if frame[0] != unit:
            return []
        state[unit] = state.get(unit, 0) + 1
        address, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        return [(delay, rtu(unit, registers([state[unit] & 0xFFFF, address, *range(2, count)])))]

    return answer


def several(*units: Unit) -> Unit:
    """Put several units on one line."""
    return lambda frame, t: [answer for unit in units for answer in unit(frame, t)]


def noise(rng: random.Random, most: int = 12) -> bytes:
    """Return a few random bytes."""
    return rng.randbytes(rng.randint(1, most))
