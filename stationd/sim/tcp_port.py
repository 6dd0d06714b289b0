"""A Modbus TCP port: pymodbus' own server behind a switchboard that can reset, swallow, delay and damage.

What it is: sockets on the ports' thread. Frames are cut at their MBAP headers, questions for units that exist go to
pymodbus' server on a loopback port of its own, its answers come back through the port's Faults.
What it is not: paced; a frame is there when TCP has it. A unit that does not exist is answered with exception 0x0B
(gateway target failed to respond), as "MODBUS Messaging on TCP/IP" V1.0b describes it for a gateway; a mute one is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer

from stationd.sim.exact_thread import ExactThread, Timer
from stationd.sim.line import LineCounts
from stationd.sim.modbus_server import NO_THINKING, ModbusUnit, refused_outright, sim_device
from stationd.sim.ports import READ_BYTES, listening_socket, reset
from stationd.sim.wire_faults import Faults

HEADER_BYTES = 7
UNIT_AT = 6
LET_GO_S = 1.0
LONGEST_FRAME = 260  # of the specification; a longer one is none


@dataclass(slots=True)
class _Connection:
    """One client and its own connection to pymodbus."""

    client: socket.socket
    server: socket.socket
    asked: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)
    questions: dict[bytes, bytes] = field(default_factory=dict)


class ModbusTcpPort:
    """See the module. `open` and `shut` belong to the event loop; everything else is as stationd.sim.ports.Port says."""

    def __init__(
        self,
        thread: ExactThread,
        units: Mapping[int, ModbusUnit],
        faults: Faults,
        number: int = 0,
        thinking_s: Mapping[int, float] = NO_THINKING,
    ) -> None:
        self._thread = thread
        self._units = units
        self._faults = faults
        self._number = number
        self._thinking_s = thinking_s
        self._server: ModbusTcpServer | None = None
        self._server_number = 0
        self._listener: socket.socket | None = None
        self._connections: list[_Connection] = []
        self._opened = self._ended = 0  # connections to pymodbus; ended as it has seen it
        self._counts = LineCounts()
        self._swallow = False
        self._return: Timer | None = None

    @property
    def address(self) -> str:
        """The tcp:// address."""
        return f"tcp://127.0.0.1:{self._number}"

    async def open(self) -> None:
        """Start pymodbus' server in the running loop; OSError when the port number is taken."""
        devices = [sim_device(number, unit) for number, unit in self._units.items()]
        self._server = ModbusTcpServer(devices, address=("127.0.0.1", 0), trace_connect=self._server_saw)
        await self._server.serve_forever(background=True)
        assert isinstance(self._server.transport, asyncio.Server)
        self._server_number = self._server.transport.sockets[0].getsockname()[1]
        self.start()

    async def shut(self) -> None:
        """End everything."""
        self.stop()
        if self._server is not None:
            await self._let_go()
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None

    async def _let_go(self) -> None:
        """Give pymodbus the time to see that its connections are gone; it would leave them open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LET_GO_S):
                while self._ended < self._opened:
                    await asyncio.sleep(0)

    def _server_saw(self, begins: bool) -> None:
        """Count a connection that ended on pymodbus' side, in the loop."""
        self._ended += not begins

    def counts(self) -> LineCounts:
        """Return how many frames and bytes passed."""
        return replace(self._counts)

    def start(self) -> None:
        """Listen; OSError when the port number is taken."""
        self._thread.ask(self._listen)

    def stop(self) -> None:
        """Stop listening and reset all connections."""
        self._thread.ask(self._close)

    def hang_up(self, down_s: float = 0.0) -> None:
        """Reset all connections; with `down_s` nobody listens meanwhile."""
        self._thread.ask(lambda: self._hang_up(down_s))

    def black_hole(self, on: bool) -> None:
        """Swallow everything in both directions while connections stay open."""
        self._swallow = on

    # Everything below happens in the thread.

    def _listen(self) -> None:
        if self._return is not None:
            self._return.cancel()
        if self._listener is None:
            self._listener = listening_socket(self._number)
            self._number = self._listener.getsockname()[1]
            self._thread.watch(self._listener.fileno(), self._accept)

    def _close(self) -> None:
        if self._return is not None:
            self._return.cancel()
        for connection in tuple(self._connections):
            self._drop(connection)
        if self._listener is not None:
            self._thread.forget(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def _hang_up(self, down_s: float) -> None:
        was_listening = self._listener is not None
        self._close()
        if down_s > 0:
            self._return = self._thread.at(time.monotonic() + down_s, self._listen)
        elif was_listening:
            self._listen()

    def _accept(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(BlockingIOError, ConnectionError):
            client, _ = self._listener.accept()
            try:
                self._connect(client)
            except OSError:  # pymodbus' server is gone
                reset(client)

    def _connect(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_number), timeout=1.0)
        self._opened += 1
        for each in (client, server):
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(client, server)
        self._connections.append(connection)
        self._thread.watch(client.fileno(), partial(self._asked, connection))
        self._thread.watch(server.fileno(), partial(self._answered, connection))

    def _drop(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            for each in (connection.client, connection.server):
                self._thread.forget(each.fileno())
                reset(each)

    def _read(self, connection: _Connection, end: socket.socket, buffer: bytearray) -> Iterator[bytes]:
        try:
            data = end.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        buffer += data
        if not data or _lost_step(buffer):
            self._drop(connection)
            return
        yield from _frames(buffer)

    def _asked(self, connection: _Connection) -> None:
        for frame in self._read(connection, connection.client, connection.asked):
            self._counts.frames += 1
            self._counts.bytes_in += len(frame)
            unit = frame[UNIT_AT]
            if self._swallow or not self._faults.hears(unit):
                continue
            refusal = refused_outright(frame[HEADER_BYTES:]) if unit in self._units else _no_such_unit(frame)
            if refusal is not None:
                self._reply(connection, frame, frame[:4] + (1 + len(refusal)).to_bytes(2, "big") + frame[UNIT_AT:HEADER_BYTES] + refusal)
            else:
                connection.questions[frame[:2]] = frame
                _write(connection.server, frame)

    def _answered(self, connection: _Connection) -> None:
        for frame in self._read(connection, connection.server, connection.answered):
            self._reply(connection, connection.questions.pop(frame[:2], frame), frame)

    def _reply(self, connection: _Connection, question: bytes, answer: bytes) -> None:
        more_s = self._thinking_s.get(question[UNIT_AT], 0.0)
        for delay_s, data in self._faults.answers(question, answer, question[UNIT_AT]):
            if delay_s + more_s > 0:
                self._thread.at(time.monotonic() + delay_s + more_s, partial(self._send, connection, data))
            else:
                self._send(connection, data)

    def _send(self, connection: _Connection, data: bytes) -> None:
        if connection in self._connections and not self._swallow:
            self._counts.answers += 1
            self._counts.bytes_out += len(data)
            self._counts.lost_bytes += len(data) - _write(connection.client, data)


def _frames(buffer: bytearray) -> Iterator[bytes]:
    while len(buffer) >= HEADER_BYTES and len(buffer) >= _length(buffer):
        frame = bytes(buffer[: _length(buffer)])
        del buffer[: len(frame)]
        yield frame


def _length(buffer: bytearray) -> int:
    return 6 + int.from_bytes(buffer[4:6], "big")


def _lost_step(buffer: bytearray) -> bool:
    """Tell whether what stands here is no header: a server can only close such a connection."""
    return len(buffer) >= HEADER_BYTES and (buffer[2:4] != b"\0\0" or not HEADER_BYTES < _length(buffer) <= LONGEST_FRAME)


def _write(end: socket.socket, data: bytes) -> int:
    try:
        return end.send(data)
    except OSError:
        return 0


def _no_such_unit(frame: bytes) -> bytes:
    return bytes((frame[HEADER_BYTES] | 0x80, ExcCodes.GATEWAY_NO_RESPONSE))
