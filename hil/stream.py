"""A TCP connection through the fault box: two directions of bytes, and what toxics make of them.

What it is: the list of Toxiproxy on two queues whose pieces have a time at which they are due: latency and jitter, bandwidth, a slow
close, a time-out (nothing passes, and the end comes after a while), slices, and a limit of data. What it is not: the reset, which is
`reset`.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hil.faults import Fault, Kind

READ_BYTES = 16384
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close(2) sends RST, socket(7)
BLACK_HOLES = (Kind.TIMEOUT, Kind.BROKER_BLACK_HOLE)
SLOW = (Kind.BANDWIDTH, Kind.BROKER_SLOW)

Spoil = Callable[[bytes, bytes], tuple[Sequence[tuple[float, bytes]], bytes]]


class Watching(Protocol):
    """What a stream needs of the thread that it lives in."""

    def at(self, t: float, work: Callable[[], None]) -> None:
        """Have it done at a time."""

    def watch(self, thing: socket.socket, readable: Callable[[], None]) -> None:
        """Call when there is something to read."""

    def forget(self, thing: socket.socket) -> None:
        """Watch no more."""


@dataclass(slots=True)
class _Way:
    """One direction: when the last piece is due, how many bytes went, and the part of an answer that is not whole."""

    due_t: float = 0.0
    passed: int = 0
    rest: bytes = b""


@dataclass(slots=True)
class Stream:
    """`near` is the station's end, `far` the plant's. `spoil` gets the last question and what has come of answers."""

    clock: Watching
    near: socket.socket
    far: socket.socket
    spoil: Spoil
    toxics: tuple[Fault, ...]
    over: bool = False
    _up: _Way = field(default_factory=_Way)
    _down: _Way = field(default_factory=_Way)
    _question: bytes = b""
    _chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        for link, way in ((self.near, self._asked), (self.far, self._answered)):
            link.setblocking(False)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.clock.watch(link, way)
        self.take(self.toxics)

    def take(self, toxics: tuple[Fault, ...]) -> None:
        """Have these toxics from now on."""
        self.toxics = toxics
        if toxics:
            self._chance.seed(f"{toxics[-1].kind.value} {toxics[-1].seed}")
        for fault in toxics:
            if fault.kind is Kind.TIMEOUT and fault.param("after_s"):
                self.clock.at(time.monotonic() + fault.param("after_s"), lambda: self._finish() if self._swallowed() else None)

    def reset(self) -> None:
        """End both sides with a reset."""
        for link in (self.near, self.far):
            self.clock.forget(link)
            reset(link)
        self.over = True

    def _asked(self) -> None:
        data = self._read(self.near)
        if data:
            self._question = data
            self._carry(self.far, self._up, [(0.0, data)])

    def _answered(self) -> None:
        data = self._read(self.far)
        if data:
            pieces, self._down.rest = self.spoil(self._question, self._down.rest + data)
            self._carry(self.near, self._down, pieces)

    def _read(self, link: socket.socket) -> bytes:
        try:
            data = link.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            slow = [fault.param("delay_s") for fault in self.toxics if fault.kind is Kind.SLOW_CLOSE]
            self.clock.forget(link)
            last_t = max(time.monotonic(), self._up.due_t, self._down.due_t)
            self.clock.at(last_t + max(slow, default=0.0), self._finish)
        return data

    def _carry(self, link: socket.socket, way: _Way, pieces: Sequence[tuple[float, bytes]]) -> None:
        if self._swallowed():
            return
        now = time.monotonic()
        for delay_s, data in pieces:
            for gap_s, piece in self._slices(data):
                begin = max(now + delay_s + self._latency_s(), way.due_t) + gap_s
                way.due_t = begin + self._paced_s(len(piece))
                if way.due_t <= now:
                    self._send(link, way, piece)
                else:
                    self.clock.at(way.due_t, lambda piece=piece: self._send(link, way, piece))  # type: ignore[misc]

    def _send(self, link: socket.socket, way: _Way, piece: bytes) -> None:
        if self.over or self._swallowed():
            return
        limits = [int(fault.param("size")) for fault in self.toxics if fault.kind is Kind.LIMIT_DATA] if way is self._down else []
        piece = piece[: max(0, min(limits) - way.passed)] if limits else piece
        way.passed += len(piece)
        try:
            link.setblocking(True)
            link.settimeout(1.0)
            link.sendall(piece)
            link.setblocking(False)
        except OSError:
            self._finish()
            return
        if limits and way.passed >= min(limits):
            self._finish()

    def _slices(self, data: bytes) -> list[tuple[float, bytes]]:
        for fault in self.toxics:
            if fault.kind is Kind.SLICER:
                size, gap_s = int(fault.param("size")), fault.param("gap_s")
                return [(gap_s if at else 0.0, data[at : at + size]) for at in range(0, len(data), size)]
        return [(0.0, data)]

    def _latency_s(self) -> float:
        late = (f for f in self.toxics if f.kind is Kind.LATENCY)
        return sum(max(0.0, f.param("latency_s") + self._chance.uniform(-1, 1) * f.param("jitter_s")) for f in late)

    def _paced_s(self, count: int) -> float:
        return sum(count / fault.param("bytes_per_s") for fault in self.toxics if fault.kind in SLOW)

    def _swallowed(self) -> bool:
        return any(fault.kind in BLACK_HOLES for fault in self.toxics)

    def _finish(self) -> None:
        if self.over:
            return
        self.over = True
        for link in (self.near, self.far):
            self.clock.forget(link)
            link.close()


def reset(link: socket.socket) -> None:
    """Close a connection so that the other side sees a reset."""
    with contextlib.suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    link.close()
