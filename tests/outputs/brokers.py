"""A broker as a script: MQTT 3.1.1 as far as a publisher needs it, that fails where it is told to. The fake stands at the socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class ScriptedBroker:
    """What it got, in order, as (topic, payload). `silent_about`: of these topics it acknowledges nothing and hangs up.

    `denies`: it acknowledges what comes on these topics and hands it on to nobody.
    """

    silent_about: set[str] = field(default_factory=set)
    denies: set[str] = field(default_factory=set)
    got: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    subscribed: set[str] = field(default_factory=set)
    writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.subscribed.clear()
        self.writer = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, body = await packet(reader)
                if not self.answer(kind, body, writer):
                    break
                await writer.drain()
        writer.close()

    def answer(self, kind: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        match kind >> 4:
            case 1:
                writer.write(b"\x20\x02\x00\x00")
            case 8:
                self.subscribed.add(text(body, 2)[0])
                writer.write(b"\x90\x03" + body[:2] + b"\x01")
            case 10:
                self.subscribed.discard(text(body, 2)[0])
                writer.write(b"\xb0\x02" + body[:2])
            case 12:
                writer.write(b"\xd0\x00")
            case 3:
                return self.publish(kind >> 1 & 3, body, writer)
        return True

    def publish(self, qos: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        topic, at = text(body, 0)
        payload = body[at + 2 * (qos > 0) :]
        self.got.append((topic, payload))
        if topic in self.silent_about:
            return False
        if qos:
            writer.write(b"\x40\x02" + body[at : at + 2])
        if topic in self.subscribed and topic not in self.denies:
            self.send(topic, payload)
        return True

    def send(self, topic: str, payload: bytes) -> None:
        """Hand a message to the publisher, as if somebody had sent it."""
        assert self.writer is not None
        body = len(topic).to_bytes(2, "big") + topic.encode() + payload
        self.writer.write(b"\x30" + length(len(body)) + body)

    def events(self) -> list[bytes]:
        return [payload for topic, payload in self.got if topic.endswith("/event")]


async def packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind, size, shift = (await reader.readexactly(1))[0], 0, 0
    while True:
        (digit,) = await reader.readexactly(1)
        size |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            return kind, await reader.readexactly(size)


def length(size: int) -> bytes:
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | 0x80 * (size > 0))
        if not size:
            return bytes(digits)


def text(body: bytes, at: int) -> tuple[str, int]:
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 : end].decode(), end


@contextlib.asynccontextmanager
async def scripted_broker() -> AsyncIterator[ScriptedBroker]:
    broker = ScriptedBroker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    try:
        yield broker
    finally:
        server.close()
        if broker.writer is not None:
            broker.writer.close()
