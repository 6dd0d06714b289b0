"""The passage between the plant and a station: every byte of a port goes through here, as it is, or as faults want it.

What it is: a FaultBox with one thread that carries bytes between the plant's ports (a device file, or TCP) and those that stations open (a
pseudo terminal with a stable name, or a TCP port of loopback). Without faults it adds some tens of microseconds. Faults of answers are
made in hil.spoil, those of a TCP stream here. What it is not: a model of a line: characters take no time here.
On a real rig the same code sits on a box with two serial adapters for each line.
"""

from __future__ import annotations

import contextlib
import os
import socket
import termios
import time
import tty
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hil.faults import Fault, FaultError, Kind, Layer
from hil.one_thread import OneThread
from hil.rigfile import PortSection
from hil.spoil import Spoiler, length_of, spoiled
from hil.stream import Stream, reset

# Ends an answer whose beginning does not tell its length. An FTDI adapter keeps what it has for up to 16 ms (its latency timer, FTDI
# AN232B-04), and so long may a gap within an answer be; 3.5 characters at 4800 baud, and the grain of a paced pty, are below that.
SILENCE_S = 0.025
READ_BYTES = 4096
REACH_S = 2.0
AGAIN_S = 0.2  # how often a port of the plant that went away is looked for


@dataclass(slots=True)
class SerialPassage:
    """A line: a device file (or a raw TCP port) of the plant behind a pseudo terminal that a station opens."""

    clock: OneThread
    name: str
    plant: PortSection
    path: Path
    spoilers: list[Spoiler] = field(default_factory=list)
    _plant: int = -1
    _near: int = -1
    _slave: int = -1
    _question: bytes = b""
    _answer: bytes = b""
    _turn: int = 0  # counts what came from the plant since the question, so that a silence is known to be one; below 0: nothing yet
    _asked_t: float = 0.0
    _over: bool = False

    @property
    def address(self) -> str:
        """What a station opens."""
        return str(self.path)

    def open(self) -> None:
        """Make the terminal, and open the plant's port. OSError when that is not there."""
        self._plug()
        self._reach()

    def close(self) -> None:
        """Take everything away."""
        self._over = True
        self._unplug()
        self._leave()

    def apply(self, fault: Fault) -> None:
        """Let a fault begin. FaultError when it is none of a line."""
        if fault.kind is Kind.UNPLUG:
            self._unplug()
            if fault.param("for_s"):
                self.clock.at(time.monotonic() + fault.param("for_s"), self._plug)
        elif fault.kind.layer in (Layer.SERIAL, Layer.MODBUS):
            self.spoilers.append(Spoiler(fault, self.plant.protocol))
        else:
            raise FaultError(f"{fault.kind.value} is no fault of a serial line; {self.name} is one")

    def heal(self, fault: Fault) -> int:
        """End a fault; return how often it struck."""
        if fault.kind is Kind.UNPLUG:
            self._plug()
            return 1
        struck = sum(each.struck for each in self.spoilers if each.fault == fault)
        self.spoilers[:] = [each for each in self.spoilers if each.fault != fault]
        return struck

    def _plug(self) -> None:
        if self._near >= 0 or self._over:
            return
        self._near, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._near, False)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.path)
        self.clock.watch(self._near, self._asked)

    def _unplug(self) -> None:
        if self._near < 0:
            return
        self.path.unlink(missing_ok=True)
        self.clock.forget(self._near)
        os.close(self._near)
        os.close(self._slave)
        self._near = self._slave = -1

    def _reach(self) -> None:
        self._plant = opened(self.plant)
        self.clock.watch(self._plant, self._answered)

    def _leave(self) -> None:
        if self._plant >= 0:
            self.clock.forget(self._plant)
            os.close(self._plant)
            self._plant = -1

    def _asked(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            data, now = os.read(self._near, READ_BYTES), time.monotonic()
            goes_on = self._turn < 0 and now - self._asked_t < SILENCE_S
            self._question = self._question + data if goes_on else data
            self._answer, self._turn, self._asked_t = b"", -1, now
            if self._plant >= 0:
                os.write(self._plant, data)

    def _answered(self) -> None:
        try:
            data = os.read(self._plant, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
        elif not self.spoilers:
            self._turn = max(self._turn, 0) + 1
            self._give(data)
        else:
            self._gather(data)

    def _gather(self, data: bytes) -> None:
        """Wait until the answer is whole."""
        self._turn = turn = max(self._turn, 0) + 1
        self._answer += data
        length = length_of(self.plant.protocol, self._answer)
        if length is not None and len(self._answer) >= length:
            self._pass()
        else:
            self.clock.at(time.monotonic() + SILENCE_S, lambda: self._pass() if self._turn == turn else None)

    def _pass(self) -> None:
        answer, self._answer = self._answer, b""
        for delay_s, data in spoiled(self.spoilers, self._question, answer) if answer else ():
            if delay_s:
                self.clock.at(time.monotonic() + delay_s, lambda data=data: self._give(data))  # type: ignore[misc]
            else:
                self._give(data)

    def _give(self, data: bytes) -> None:
        if self._near >= 0:
            with contextlib.suppress(OSError):  # the buffer is full, or nobody is there: lost, as on a real line
                os.write(self._near, data)

    def _lost(self) -> None:
        """The plant's port went away: so does the station's, until it is back."""
        self._leave()
        self._unplug()
        self.clock.at(time.monotonic() + AGAIN_S, self._again)

    def _again(self) -> None:
        if not self._over:
            self.clock.aside(lambda: opened(self.plant), self._found)

    def _found(self, plant: int | Exception) -> None:
        if isinstance(plant, Exception):
            self.clock.at(time.monotonic() + AGAIN_S, self._again)
        elif self._over:
            os.close(plant)
        else:
            self._plant = plant
            self.clock.watch(plant, self._answered)
            self._plug()


@dataclass(slots=True)
class TcpPassage:
    """A TCP port of the plant (or the broker) behind one of loopback; each connection is a pair of streams."""

    clock: OneThread
    name: str
    target: tuple[str, int]
    protocol: str
    scheme: str = "tcp"
    spoilers: list[Spoiler] = field(default_factory=list)
    toxics: list[Fault] = field(default_factory=list)
    _listener: socket.socket | None = None
    _streams: list[Stream] = field(default_factory=list)
    _port: int = 0

    @property
    def port(self) -> int:
        """Where a client connects."""
        return self._port

    @property
    def address(self) -> str:
        """The same as an address."""
        return f"{self.scheme}://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._listener.setblocking(False)
        self._port = self._listener.getsockname()[1]
        self.clock.watch(self._listener, self._accept)

    def close(self) -> None:
        """Stop listening and reset every connection."""
        if self._listener is not None:
            self.clock.forget(self._listener)
            self._listener.close()
            self._listener = None
        self._tear()

    def apply(self, fault: Fault) -> None:
        """Let a fault begin. FaultError when it is none of a connection."""
        if fault.kind is Kind.UNPLUG:
            self.close()
            if fault.param("for_s"):
                self.clock.at(time.monotonic() + fault.param("for_s"), lambda: None if self._listener else self.open())
        elif fault.kind in (Kind.RESET_PEER, Kind.BROKER_RESET):
            self.clock.at(time.monotonic() + fault.params.get("after_s", 0.0), self._tear)
        elif fault.kind.layer is Layer.NET or fault.kind in (Kind.BROKER_BLACK_HOLE, Kind.BROKER_SLOW):
            self.toxics.append(fault)
            for stream in self._streams:
                stream.take(tuple(self.toxics))
        elif fault.kind.layer in (Layer.SERIAL, Layer.MODBUS) and self.protocol:
            self.spoilers.append(Spoiler(fault, self.protocol))
        else:
            raise FaultError(f"{fault.kind.value} is no fault of a TCP connection; {self.name} is one")

    def heal(self, fault: Fault) -> int:
        """End a fault; return how often it struck."""
        if fault.kind is Kind.UNPLUG and self._listener is None:
            self.open()
        struck = sum(each.struck for each in self.spoilers if each.fault == fault)
        self.spoilers[:] = [each for each in self.spoilers if each.fault != fault]
        if fault in self.toxics:
            self.toxics.remove(fault)
            for stream in self._streams:
                stream.take(tuple(self.toxics))
        return struck

    def _accept(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(BlockingIOError):
            near, _ = self._listener.accept()
            self.clock.aside(lambda: socket.create_connection(self.target, REACH_S), lambda far: self._joined(near, far))

    def _joined(self, near: socket.socket, far: socket.socket | Exception) -> None:
        if isinstance(far, Exception) or self._listener is None:
            reset(near)
            if not isinstance(far, Exception):
                far.close()
            return
        self._streams = [each for each in self._streams if not each.over]
        self._streams.append(Stream(self.clock, near, far, self._spoil, tuple(self.toxics)))

    def _spoil(self, question: bytes, answer: bytes) -> tuple[Sequence[tuple[float, bytes]], bytes]:
        """Return what becomes of the whole answers in what has come, and the rest that is not whole yet."""
        if not self.spoilers:
            return [(0.0, answer)], b""
        pieces: list[tuple[float, bytes]] = []
        while (length := length_of(self.protocol, answer) or len(answer)) <= len(answer) and answer:
            pieces += spoiled(self.spoilers, question, answer[:length])
            answer = answer[length:]
        return pieces, answer

    def _tear(self) -> None:
        for stream in self._streams:
            stream.reset()
        self._streams.clear()


def opened(port: PortSection) -> int:
    """Return a descriptor of a port of the plant, raw and non-blocking. OSError when it is not there."""
    if port.address:
        host, _, number = port.address.partition("://")[2].rpartition(":")
        link = socket.create_connection((host, int(number)), REACH_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setblocking(False)
        return link.detach()
    descriptor = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(descriptor)
        settings = termios.tcgetattr(descriptor)
        settings[4] = settings[5] = getattr(termios, f"B{port.speed}")
        settings[2] = (settings[2] & ~termios.HUPCL) | termios.CLOCAL
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    except (termios.error, AttributeError) as error:
        os.close(descriptor)
        raise OSError(f"{port.path} cannot be set to {port.speed} baud: {error}") from error
    return descriptor


class FaultBox:
    """All passages of a rig, by the names of their ports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clock = OneThread()
        self._passages: dict[str, SerialPassage | TcpPassage] = {}

    def lay(self, name: str, plant: PortSection) -> str:
        """Lay a port through here; return the address that a station opens. OSError when the plant's port is not there."""
        if plant.address and plant.protocol != "text" and plant.protocol != "frame68" and plant.protocol != "modbus-rtu":
            passage: SerialPassage | TcpPassage = TcpPassage(self._clock, name, _target(plant.address), plant.protocol)
        else:
            passage = SerialPassage(self._clock, name, plant, self._folder / name)
        return self._add(name, passage)

    def lay_tcp(self, name: str, port: int, scheme: str) -> str:
        """Lay a TCP port of this machine, such as the broker's, through here; return the address."""
        return self._add(name, TcpPassage(self._clock, name, ("127.0.0.1", port), "", scheme))

    def __contains__(self, name: str) -> bool:
        return name in self._passages

    def apply(self, fault: Fault) -> None:
        """Let a fault begin at its port. FaultError when the port does not go through here, or cannot have it."""
        passage = self._passage(fault)
        self._clock.ask(lambda: passage.apply(fault))

    def struck(self, fault: Fault) -> int:
        """Return how many answers a fault has changed so far."""
        passage = self._passage(fault)
        return sum(each.struck for each in tuple(passage.spoilers) if each.fault == fault)

    def heal(self, fault: Fault) -> int:
        """End a fault; return how often it struck."""
        passage, struck = self._passage(fault), list[int]()
        self._clock.ask(lambda: struck.append(passage.heal(fault)))
        return struck[0]

    def close(self) -> None:
        """Take all away."""
        for passage in self._passages.values():
            self._clock.soon(passage.close)
        self._clock.end()

    def _add(self, name: str, passage: SerialPassage | TcpPassage) -> str:
        self._clock.ask(passage.open)
        self._passages[name] = passage
        return passage.address

    def _passage(self, fault: Fault) -> SerialPassage | TcpPassage:
        if fault.where not in self._passages:
            raise FaultError(f"{fault.where!r} does not go through the fault box; there are {', '.join(self._passages) or 'none'}")
        return self._passages[fault.where]


def _target(address: str) -> tuple[str, int]:
    host, _, number = address.partition("://")[2].rpartition(":")
    return host, int(number)
