"""Live messages on the JSON connection: what is only worth sending now, and what others say now. Outside the outbox, QoS 0, not retained.

The freshest wins: of each topic one message waits at most, and none waits for a connection. While the broker is slow the newer takes
the place of the older, which is counted as skipped. What comes is handed on at once, in the event loop, with the broker's word whether
it was retained. This module promises nothing about delivery, order or who has sent it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiomqtt import Client, Message

from stationd.outputs.broker import check_cancelled

QOS = 0
MOST_WAITING = 4 << 20  # bytes that came and are not read yet; what comes beyond is dropped (assumption: a reader is never so far behind)
OVERHEAD = 500  # bytes of a message beside its payload


class Live:
    """The live messages of one station. `publish` and `subscribe` never wait and never fail; `serve` is one connection."""

    def __init__(self) -> None:
        self.sent = self.skipped = self.dropped = 0
        self._waiting: dict[str, bytes] = {}
        self._readers: dict[str, Callable[[bytes, bool], None]] = {}
        self._subscribed: set[str] = set()
        self._open = False
        self._news = asyncio.Event()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send this as soon as the connection takes it; never, when there is none."""
        if not self._open:
            self.skipped += 1
            return
        self.skipped += topic in self._waiting
        self._waiting[topic] = payload
        self._news.set()

    def subscribe(self, topic: str, deliver: Callable[[bytes, bool], None]) -> None:
        """Have what comes on a topic delivered, over this connection and all later ones."""
        self._readers[topic] = deliver
        self._news.set()

    async def serve(self, client: Client) -> None:
        """Serve one connection until it ends, which is always an exception."""
        self._waiting.clear()
        self._subscribed.clear()
        self._news.set()
        self._open = True
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await self._send(client)
        finally:
            self._open = False
            self.skipped += len(self._waiting)
            self._waiting.clear()

    async def _send(self, client: Client) -> None:
        for topic in self._readers.keys() - self._subscribed:
            await client.subscribe(topic, QOS)
            self._subscribed.add(topic)
        while self._waiting:
            topic = next(iter(self._waiting))
            await client.publish(topic, self._waiting.pop(topic), QOS, retain=False)
            self.sent += 1
            check_cancelled()

    def take(self, message: Message) -> bool:
        """Hand on a message that came; False when nobody has asked for its topic."""
        deliver = self._readers.get(message.topic.value)
        if deliver is None:
            return False
        deliver(bytes(message.payload), message.retain)
        return True

    def inbox(self, maxsize: int = 0) -> Inbox:
        """Return a queue for what a connection brings, which counts here what it drops."""
        return Inbox(self._drop)

    def _drop(self) -> None:
        self.dropped += 1


class Inbox:
    """What came from the broker and is not read yet, bounded by its bytes: a flood costs no memory, and no line in the log for each.

    It stands in the place of the client's queue and has what the client uses of one.
    """

    def __init__(self, drop: Callable[[], None]) -> None:
        self._drop = drop
        self._bytes = 0
        self._queue: asyncio.Queue[Message] = asyncio.Queue()

    def put_nowait(self, item: Message) -> None:
        """Take a message, or drop it when too much waits."""
        size = _size(item)
        if self._bytes + size > MOST_WAITING:
            self._drop()
            return
        self._bytes += size
        self._queue.put_nowait(item)

    async def get(self) -> Message:
        """Return the oldest, as soon as there is one."""
        item = await self._queue.get()
        self._bytes -= _size(item)
        return item

    def qsize(self) -> int:
        """Return how many wait."""
        return self._queue.qsize()


def _size(message: Message) -> int:
    return len(message.payload) + OVERHEAD
