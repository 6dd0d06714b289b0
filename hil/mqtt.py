"""An ear on the broker: what stations publish, with the time of arrival. MQTT 3.1.1 (OASIS Standard, 29 October 2014), standard library.

What it is: a subscriber at QoS 1 in a thread of its own that takes each message with CLOCK_MONOTONIC as it comes, and comes back when the
broker does. What it is not: the library that stationd uses: a mistake that both ends share would not be seen.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

KEEP_ALIVE_S = 60
AGAIN_S = 0.1
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ = 1, 2, 3, 4, 8, 9, 12
SESSION_TAKEN = 2


class Message(NamedTuple):
    """One message: `t` is CLOCK_MONOTONIC at its arrival here."""

    t: float
    topic: str
    payload: bytes
    retained: bool

    @property
    def document(self) -> dict[str, Any]:
        """What its JSON says, {} where it has none."""
        with contextlib.suppress(ValueError):
            found = json.loads(self.payload)
            if isinstance(found, dict):
                return found
        return {}


def text(words: str) -> bytes:
    """Return a string of the protocol."""
    return struct.pack(">H", len(words.encode())) + words.encode()


def packet(kind: int, flags: int, body: bytes) -> bytes:
    """Return a packet with its fixed header (section 2.2)."""
    length, rest = b"", len(body)
    while True:
        rest, low = divmod(rest, 128)
        length += bytes([low | (0x80 if rest else 0)])
        if not rest:
            return bytes([kind << 4 | flags]) + length + body


def hello(client: str, *, clean: bool) -> bytes:
    """Return a CONNECT without will, user and password."""
    return packet(CONNECT, 0, text("MQTT") + bytes([4, 2 if clean else 0]) + struct.pack(">H", KEEP_ALIVE_S) + text(client))


class Ear:
    """Listens to topics from `start` to `close`. `heard` may be read at any time; it is only ever added to."""

    def __init__(self, port: int, topics: tuple[str, ...], client: str = "hil-ear") -> None:
        self.heard: list[Message] = []
        self._port, self._topics, self._client = port, topics, client
        self._over = threading.Event()
        self._news = threading.Condition()
        self._listening = threading.Event()
        self._link: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="hil-ear")

    def start(self, patience_s: float = 10.0) -> Ear:
        """Listen; returns when the broker has confirmed the subscription. TimeoutError if it does not."""
        self._thread.start()
        if not self._listening.wait(patience_s):
            raise TimeoutError("the broker confirms no subscription")
        return self

    def close(self) -> None:
        """End."""
        self._over.set()
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)
        self._thread.join(5.0)

    def mark(self) -> int:
        """Return where the list is now, for `wait` and `since`."""
        return len(self.heard)

    def since(self, mark: int) -> list[Message]:
        """Return what was heard after a mark."""
        return self.heard[mark:]

    def wait(self, mark: int, fits: Callable[[Message], bool], patience_s: float) -> Message:
        """Return the first message after a mark that fits. TimeoutError if none comes."""
        until, place = time.monotonic() + patience_s, mark
        with self._news:
            while True:
                for message in self.heard[place:]:
                    if fits(message):
                        return message
                place = len(self.heard)
                if not self._news.wait(max(0.0, until - time.monotonic())) and time.monotonic() >= until:
                    raise TimeoutError(f"no such message within {patience_s:g} s; {place - mark} others came")

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError, struct.error):
                self._listen()
            self._listening.clear()
            self._over.wait(AGAIN_S)

    def _listen(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), KEEP_ALIVE_S / 2) as link:
            self._link = link
            link.settimeout(KEEP_ALIVE_S / 2)
            link.sendall(hello(self._client, clean=True))
            body = b"\0\x01" + b"".join(text(topic) + b"\x01" for topic in self._topics)
            for first, data in packets(link):
                match first >> 4:
                    case 2:
                        link.sendall(packet(SUBSCRIBE, 2, body))
                    case 9:
                        self._listening.set()
                    case 3:
                        self._take(link, first, data)

    def _take(self, link: socket.socket, first: int, data: bytes) -> None:
        t = time.monotonic()
        size = struct.unpack(">H", data[:2])[0]
        topic, rest = data[2 : 2 + size].decode(), data[2 + size :]
        if first & 6:
            link.sendall(packet(PUBACK, 0, rest[:2]))
            rest = rest[2:]
        with self._news:
            self.heard.append(Message(t, topic, rest, bool(first & 1)))
            self._news.notify_all()


def packets(link: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Yield the packets of a connection: first byte and body. A connection that is silent for long is asked for a sign of life."""
    rest = b""
    while True:
        whole = _first(rest)
        if whole is not None:
            first, body, rest = whole
            yield first, body
            continue
        try:
            more = link.recv(1 << 16)
        except TimeoutError:
            link.sendall(packet(PINGREQ, 0, b""))
            continue
        if not more:
            raise ConnectionError("the broker has closed the connection")
        rest += more


def _first(data: bytes) -> tuple[int, bytes, bytes] | None:
    length = 0
    for place, byte in enumerate(data[1:5], 1):
        length |= (byte & 0x7F) << 7 * (place - 1)
        if not byte & 0x80:
            end = 1 + place + length
            return (data[0], data[1 + place : end], data[end:]) if len(data) >= end else None
    return None


def take_over(port: int, client: str) -> None:
    """Connect with the name of another client, whom the broker must then disconnect (section 3.1.4), and go."""
    with socket.create_connection(("127.0.0.1", port), 10.0) as link:
        link.settimeout(10.0)
        link.sendall(hello(client, clean=False))
        next(packets(link))
