"""Ports of the simulated equipment: paced pseudo-terminals, and paced lines behind a TCP socket (a network serial server).

What it is: descriptors on an ExactThread, each with its Line and its Faults. Whoever answers gets each frame through
`heard` and returns bytes with `send`; neither knows the other.
What it is not: Modbus TCP, which no line paces; see stationd.sim.tcp_port.

A pseudo-terminal is reached by a symbolic link with a stable name, as /dev/serial/by-id does it, so that a client finds it
again after a hang-up. The simulator holds the client's side open too: the terminal keeps its raw mode while nobody uses it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
import tty
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from stationd.sim.exact_thread import ExactThread, Timer
from stationd.sim.line import Late, Line, LineCounts, LineSettings

READ_BYTES = 4096
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close(2) sends RST, socket(7)

Heard = Callable[[bytes], None]


class Port(Protocol):
    """What can be done to any port, paced or not, while a simulation runs. Safe to call from any thread."""

    @property
    def address(self) -> str:
        """What a client opens: a path, tcp://host:port or socket://host:port."""

    def counts(self) -> LineCounts:
        """Return what happened on the wire so far."""

    def hang_up(self, down_s: float = 0.0) -> None:
        """Unplug, and plug in again after `down_s` under the same name. A socket is reset."""

    def stop(self) -> None:
        """Take the port away: its name is gone, or nobody listens. Harmless when repeated."""

    def start(self) -> None:
        """Bring a stopped port back under the same name. Harmless when it is there."""

    def black_hole(self, on: bool) -> None:
        """Swallow everything in both directions while the port stays open."""


class _Paced:
    """A Line on the thread's clock. Everything here happens in the thread."""

    def __init__(self, thread: ExactThread, line: Line, deliver: Callable[[bytes], int]) -> None:
        self.line = line
        self.heard: Heard = _nobody
        self.swallow = False
        self._thread = thread
        self._deliver = deliver
        self._timer: Timer | None = None

    def received(self, data: bytes, now: float) -> None:
        """Put the client's bytes on the wire."""
        self._run(now)
        if not self.swallow:
            self.line.received(data, now)
        self._arm()

    def send(self, pieces: Iterable[Late]) -> None:
        """Put the device's bytes on the wire."""
        now = time.monotonic()
        self._run(now)
        if not self.swallow:
            self.line.send(pieces, now)
        self._arm()

    def tear(self) -> None:
        """Forget what is on the wire."""
        self.line.tear()
        self._arm()

    def _due(self) -> None:
        self._timer = None
        self._run(time.monotonic())
        self._arm()

    def _run(self, now: float) -> None:
        arrived, frame = self.line.run(now)
        if arrived:
            self.line.lose(len(arrived) - self._deliver(arrived))
        if frame is not None:
            self.heard(frame)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.line.deadline()
        self._timer = None if deadline is None else self._thread.at(deadline, self._due, self.line.exact)


class PtyPort:
    """A pseudo-terminal with a paced line behind it."""

    def __init__(self, thread: ExactThread, path: Path, settings: LineSettings, seed: int = 0) -> None:
        self._thread = thread
        self._path = path
        self._paced = _Paced(thread, Line(settings, seed), self._deliver)
        self._master = self._slave = -1
        self._return: Timer | None = None

    @property
    def address(self) -> str:
        """The stable path."""
        return str(self._path)

    def counts(self) -> LineCounts:
        """Return what happened on the wire so far."""
        return self._thread.ask(self._paced.line.counts)

    def connect(self, heard: Heard) -> None:
        """Say who answers; `heard` is called in the thread with each frame whose last bit has arrived."""
        self._paced.heard = heard

    def send(self, pieces: Iterable[Late]) -> None:
        """Send the device's bytes; to be called in the thread."""
        self._paced.send(pieces)

    def start(self) -> None:
        """Make the terminal and its name."""
        self._thread.ask(self._open)

    def stop(self) -> None:
        """Take the name away and hang up."""
        self._thread.ask(self._close)

    def hang_up(self, down_s: float = 0.0) -> None:
        """Hang up; another terminal takes the name after `down_s`."""
        self._thread.ask(lambda: self._hang_up(down_s))

    def black_hole(self, on: bool) -> None:
        """Swallow everything while the terminal stays open."""
        self._thread.ask(lambda: _swallow(self._paced, on))

    def _open(self) -> None:
        _cancel(self._return)
        if self._master >= 0:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self._path)
        self._thread.watch(self._master, self._readable)

    def _close(self) -> None:
        _cancel(self._return)
        if self._master < 0:
            return
        self._path.unlink(missing_ok=True)
        self._thread.forget(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        self._paced.tear()

    def _hang_up(self, down_s: float) -> None:
        self._close()
        if down_s > 0:
            self._return = self._thread.at(time.monotonic() + down_s, self._open)
        else:
            self._open()

    def _readable(self) -> None:
        now = time.monotonic()
        with contextlib.suppress(BlockingIOError):
            self._paced.received(os.read(self._master, READ_BYTES), now)

    def _deliver(self, data: bytes) -> int:
        try:
            return os.write(self._master, data)
        except OSError:  # the buffer is full, or the port was just hung up: the bytes are lost as on a real line
            return 0


class SocketPort:
    """A paced line behind a TCP socket; one client at a time, a new one takes over."""

    def __init__(self, thread: ExactThread, settings: LineSettings, number: int = 0, seed: int = 0) -> None:
        self._thread = thread
        self._number = number
        self._paced = _Paced(thread, Line(settings, seed), self._deliver)
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._return: Timer | None = None

    @property
    def address(self) -> str:
        """The socket:// address, byte for byte what is on the line."""
        return f"socket://127.0.0.1:{self._number}"

    def counts(self) -> LineCounts:
        """Return what happened on the wire so far."""
        return self._thread.ask(self._paced.line.counts)

    def connect(self, heard: Heard) -> None:
        """Say who answers; `heard` is called in the thread with each frame whose last bit has arrived."""
        self._paced.heard = heard

    def send(self, pieces: Iterable[Late]) -> None:
        """Send the device's bytes; to be called in the thread."""
        self._paced.send(pieces)

    def start(self) -> None:
        """Listen; OSError when the port number is taken."""
        self._thread.ask(self._listen)

    def stop(self) -> None:
        """Stop listening and reset the connection."""
        self._thread.ask(self._close)

    def hang_up(self, down_s: float = 0.0) -> None:
        """Reset the connection; with `down_s` nobody listens meanwhile."""
        self._thread.ask(lambda: self._hang_up(down_s))

    def black_hole(self, on: bool) -> None:
        """Swallow everything while the connection stays open."""
        self._thread.ask(lambda: _swallow(self._paced, on))

    def _listen(self) -> None:
        _cancel(self._return)
        if self._listener is not None:
            return
        self._listener = listening_socket(self._number)
        self._number = self._listener.getsockname()[1]
        self._thread.watch(self._listener.fileno(), self._accept)

    def _close(self) -> None:
        _cancel(self._return)
        self._drop()
        if self._listener is not None:
            self._thread.forget(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def _hang_up(self, down_s: float) -> None:
        self._drop()
        if down_s > 0:
            self._close()
            self._return = self._thread.at(time.monotonic() + down_s, self._listen)

    def _accept(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            client, _ = self._listener.accept()
            self._drop()
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client
            self._thread.watch(client.fileno(), self._readable)

    def _drop(self) -> None:
        if self._client is not None:
            self._thread.forget(self._client.fileno())
            reset(self._client)
            self._client = None
        self._paced.tear()

    def _readable(self) -> None:
        assert self._client is not None
        now = time.monotonic()
        try:
            data = self._client.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._paced.received(data, now)
        else:
            self._drop()

    def _deliver(self, data: bytes) -> int:
        if self._client is None:
            return 0
        try:
            return self._client.send(data)
        except OSError:
            return 0


def _nobody(frame: bytes) -> None:
    """Answer nothing: the line has no device yet."""


def _cancel(timer: Timer | None) -> None:
    if timer is not None:
        timer.cancel()


def _swallow(paced: _Paced, on: bool) -> None:
    paced.swallow = on
    paced.tear()


def listening_socket(number: int) -> socket.socket:
    """Return a non-blocking socket that listens on a loopback port (0: the system chooses)."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setblocking(False)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", number))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def reset(connection: socket.socket) -> None:
    """Close a connection so that the other side sees a reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.close()
