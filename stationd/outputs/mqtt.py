"""The JSON connection to an MQTT 3.1.1 broker: retained documents for people and scripts, and whether the station is there.

Topics are below `stationd/<station>/`: `availability` is "online" or "offline" (also the will), `status` and
`device/<device>` are the documents of stationd.outputs.document. All of them are retained. Availability and status are sent
with QoS 1, the many documents of devices with QoS 0. `event` is one message for each event, not retained, QoS 1.

A topic is sent at most once a second. What waits to be sent is at most one document for each topic, made from the board when
its turn comes: while the broker is slow or away the newer replaces the older, which is counted as dropped, and nothing grows.
After a reconnection every document is sent again. Nothing here can hold up the polling of the equipment.

Events do not wait for a second and never replace each other: they come from the outbox of the journal, are sent at once, in
order, and leave the outbox only when the broker has acknowledged them, so that they are sent again (with the same id) over
the next connection, by the next run of the daemon too. What waited through an outage goes out at a limited rate. A broker whose
access list denies a topic acknowledges all the same (MQTT 3.1.1 section 3.3.5): the first event of each connection has to come
back to the station, which subscribes to `event` for it, before any leaves the outbox.

`alarm/<key>` is the document of an alarm, retained as long as the alarm stands (stationd.outputs.alarm_document), and taken away
by an empty one. The broker is asked what it retains: what an earlier run left there goes too, and what somebody else has put there
is put right. `audit-head` is the end of the
chain of the audit, so that somebody else knows it.

Live messages (the line as this station sees it, for the far one) go over the same connection and through none of this:
stationd.outputs.live.

Each connection is a new Client: publications pending in an old one would be sent by a later connection as if they were new.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, cast

import structlog
from aiomqtt import Client, Message, MqttError, Will

from stationd.board import Board
from stationd.links.beat import Beat
from stationd.outputs.alarm_document import CLEARED, TOPIC
from stationd.outputs.broker import Broker, check_cancelled, stay_connected, trust
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Documents, Identity, encode
from stationd.outputs.journal import Undelivered
from stationd.outputs.live import Live
from stationd.outputs.metrics import MqttStatistics

log = structlog.get_logger()

ANSWER_S = 10.0  # a broker that has not acknowledged a message for so long is gone
ASK_EVERY, ANSWER_WITHIN = 0.5, 0.75  # keepalives between two messages that it has to acknowledge, and until it must have: found in 1.25
EVERY_S = 1.0  # shortest time between two documents of a topic
HEARTBEAT_S = 4.0  # the status is sent at least so often, so that a dead connection shows also when no value changes
GATHER_S = 0.5  # blocks that are read one after the other go into one document
WINDOW = 20  # documents sent and not yet acknowledged, and as many events
REPLAYED_PER_S = 500.0  # events after an outage; a broker of a small machine follows (assumption)
STUCK_S = 60.0  # a connection that is up and takes nothing for so long hangs in this program (assumption)
FAREWELL_S = 1.0
QOS = 1  # also how a dead connection is seen: the status has to be acknowledged
QOS_OF_DEVICES = 0  # a newer document follows within seconds, and all of them after a reconnection
STATUS = "status"
AVAILABILITY = "availability"
AUDIT_HEAD = "audit-head"
DEVICE = "device/"
ONLINE, OFFLINE = b"online", b"offline"


class Waiting:
    """The topics whose document is to be sent: each released at most once a second, each waiting at most once.

    `topics` gives those that always exist; others are known when they are marked.
    """

    def __init__(self, topics: Callable[[], Iterable[str]], statistics: MqttStatistics) -> None:
        self._topics = topics
        self._statistics = statistics
        self._changed: dict[str, None] = {}
        self._not_before: dict[str, float] = {}
        self._queue: asyncio.Queue[str] = asyncio.Queue()  # bounded by the number of topics: each is in it at most once
        self._queued: set[str] = set()

    def mark(self, topic: str) -> None:
        """Note that the document of a topic has changed."""
        self._changed[topic] = None

    def release(self, now: float) -> None:
        """Let the changed topics wait whose last document is a second old; the document of one that waits already is dropped."""
        for topic in [topic for topic in self._changed if now >= self._not_before.get(topic, 0.0)]:
            del self._changed[topic]
            self._not_before[topic] = now + EVERY_S
            self._statistics.dropped += topic in self._queued
            self._put(topic)

    def release_all(self) -> None:
        """Let every topic wait, as after a reconnection."""
        for topic in self._topics():
            self._put(topic)

    async def take(self) -> str:
        """Return the topic that has been waiting longest, as soon as there is one."""
        topic = await self._queue.get()
        self._queued.discard(topic)
        return topic

    def _put(self, topic: str) -> None:
        if topic not in self._queued:
            self._queued.add(topic)
            self._queue.put_nowait(topic)


class Outbox(Protocol):
    """The messages that wait for the broker, oldest first (stationd.outputs.journal)."""

    async def next(self, limit: int) -> tuple[Undelivered, ...]:
        """Return the oldest that are not given out, as soon as there is one."""

    def done(self, ids: Iterable[int]) -> None:
        """Take note that messages were acknowledged."""

    def rewind(self) -> None:
        """Begin again with the oldest that is not done."""


class Standing(Protocol):
    """The documents of the alarms that stand."""

    def topics(self) -> tuple[str, ...]:
        """Return their topics."""

    def payload(self, topic: str, clock: Clock) -> bytes:
        """Return the document of a topic; empty when its alarm does not stand."""


class JsonPublisher:
    """Publishes the documents of one station. `run` is its one task and ends only when cancelled.

    `client_id` is the station's name unless the broker wants another one. `alarms` and `audit_head` (the end of the chain as a
    document) may be missing, and so are their topics then.
    """

    def __init__(
        self,
        broker: Broker,
        identity: Identity,
        board: Board,
        buses_up: Callable[[], Mapping[str, bool]],
        statistics: MqttStatistics,
        outbox: Outbox,
        client_id: str = "",
        alarms: Standing | None = None,
        audit_head: Callable[[], Document] | None = None,
        documents: Documents | None = None,
        live: Live | None = None,
    ) -> None:
        self._broker = broker
        self._station = identity.name
        self._client_id = client_id or identity.name
        self._board = board
        self._buses_up = buses_up
        self._statistics = statistics
        self._documents = documents or Documents(identity, board)
        self._alarms = alarms
        self._audit_head = audit_head
        self._head: Document = {}
        self._outbox = outbox
        self._standing: dict[str, bytes] = {}  # what the broker was told of each alarm over this connection
        self._echo: asyncio.Future[None] | None = None
        self._proof = ("", b"")
        self.live = live or Live()
        self.beat = Beat()
        self._published: int | None = None  # at the last look
        self._flowed_t = 0.0
        self._waiting = Waiting(self._topics, statistics)
        self._heartbeat_s = min(HEARTBEAT_S, ASK_EVERY * broker.keepalive_s)

    def _topics(self) -> Iterable[str]:
        own = (STATUS, AUDIT_HEAD) if self._audit_head is not None else (STATUS,)
        return (*own, *(f"{DEVICE}{device}" for device in self._board.devices))

    def changed(self, topic: str) -> None:
        """Have the document of an alarm sent within a second. Never waits and never fails."""
        self._waiting.mark(topic)

    async def run(self) -> None:
        """Follow the board and keep the connection up; when cancelled, say that the station is offline."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_board())
            tasks.create_task(stay_connected("mqtt", self._address, self._statistics, self._connection))

    async def _follow_board(self) -> None:
        loop = asyncio.get_running_loop()
        subscription = self._board.subscribe()
        beat = 0.0
        try:
            while True:
                changed = {point.device for point in subscription.take()}
                for device in changed:
                    self._waiting.mark(f"{DEVICE}{device}")
                if changed or loop.time() >= beat + self._heartbeat_s:
                    beat = loop.time()
                    self._waiting.mark(STATUS)
                self._look_at_audit()
                self._waiting.release(loop.time())
                if self._flows(loop.time()):
                    self.beat.within(GATHER_S)
                await asyncio.sleep(GATHER_S)
        finally:
            self._board.unsubscribe(subscription)

    def _flows(self, now: float) -> bool:
        """Return whether messages leave, or cannot for want of a broker: a status is due every few seconds."""
        published = self._statistics.published if self._statistics.connected else None
        if published is None or published != self._published:
            self._published, self._flowed_t = published, now
        return now - self._flowed_t <= STUCK_S

    def _look_at_audit(self) -> None:
        head = self._audit_head() if self._audit_head is not None else self._head
        if head != self._head:
            self._head = head
            self._waiting.mark(AUDIT_HEAD)

    async def _connection(self) -> None:
        """Serve one connection until it ends, which is always an exception. A task of its own, see `check_cancelled`."""
        async with await self._client() as client:
            self._statistics.came(asyncio.get_running_loop().time())
            log.info("mqtt broker connected", broker=self._address)
            try:
                await self._publish(client, AVAILABILITY, ONLINE)
                self._waiting.release_all()
                self._standing.clear()
                for topic in self._alarms.topics() if self._alarms is not None else ():
                    self._waiting.mark(topic)
                self._outbox.rewind()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._stay_available(client))
                    tasks.create_task(self._send_events(client))
                    tasks.create_task(self.live.serve(client))
                    for _ in range(WINDOW):
                        tasks.create_task(self._send(client))
            except asyncio.CancelledError:
                await self._say_goodbye(client)
                raise
            finally:
                self._statistics.connected = False

    async def _client(self) -> Client:
        context = await asyncio.to_thread(trust, self._broker.authorities) if self._broker.tls else None
        client = Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=await self._broker.login(),
            identifier=self._client_id,
            will=Will(self._topic(AVAILABILITY), OFFLINE, QOS, retain=True),
            keepalive=self._broker.keepalive_s,
            timeout=min(ANSWER_S, ANSWER_WITHIN * self._broker.keepalive_s),
            max_inflight_messages=3 * WINDOW,
            queue_type=cast("type[asyncio.Queue[Message]]", self.live.inbox),  # it is only called
            tls_context=context,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),  # an event does not wait for the one before it
        )
        client.pending_calls_threshold = 3 * WINDOW
        return client

    async def _send(self, client: Client) -> None:
        while True:
            topic = await self._waiting.take()
            payload = self._payload(topic)
            if topic.startswith(TOPIC):
                self._standing[topic] = payload
            await self._publish(client, topic, payload, QOS_OF_DEVICES if topic.startswith(DEVICE) and payload else QOS)

    async def _send_events(self, client: Client) -> None:
        """Send events in order, several before the first is acknowledged; the client hands them on in the order of the calls."""
        await self._prove(client)
        while True:
            messages = await self._outbox.next(WINDOW)
            async with asyncio.TaskGroup() as sending:
                for message in messages:
                    sending.create_task(self._deliver(client, message))
            if len(messages) == WINDOW:
                await asyncio.sleep(WINDOW / REPLAYED_PER_S)

    async def _prove(self, client: Client) -> None:
        """Send the oldest event, and no other before it has come back: the broker hands on what this station tells."""
        for first in await self._outbox.next(1):
            topic = self._topic(first.topic)
            self._proof, self._echo = (topic, first.payload), asyncio.get_running_loop().create_future()
            await client.subscribe(topic, QOS)
            await client.publish(topic, first.payload, QOS, retain=first.retain)
            try:
                async with asyncio.timeout(client.timeout):
                    await self._echo
            except TimeoutError:
                raise MqttError(f"the broker does not hand on {topic}: its access list must let this station write and read it") from None
            self._delivered(first)
            await client.unsubscribe(topic)
            check_cancelled()

    async def _deliver(self, client: Client, message: Undelivered) -> None:
        await client.publish(self._topic(message.topic), message.payload, QOS, retain=message.retain)
        self._delivered(message)
        check_cancelled()

    def _delivered(self, message: Undelivered) -> None:
        self._outbox.done((message.id,))
        self._statistics.events += 1
        self._statistics.published += 1

    async def _stay_available(self, client: Client) -> None:
        """Say again that the station is online whenever a late will of an older connection has said the contrary.

        Documents that the broker retains of alarms that do not stand any more are taken away. Reading what comes from the broker
        is also how the end of the connection is seen at once.
        """
        await client.subscribe(self._topic(AVAILABILITY), QOS)
        if self._alarms is not None:
            await client.subscribe(self._topic(f"{TOPIC}#"), QOS)
        check_cancelled()
        async for message in client.messages:
            if self.live.take(message):
                continue
            name = message.topic.value.removeprefix(self._topic(""))
            if name == AVAILABILITY and message.payload != ONLINE:
                await self._publish(client, AVAILABILITY, ONLINE)
            elif name.startswith(TOPIC) and message.payload != self._standing.get(name, CLEARED):
                self._waiting.mark(name)
            elif (message.topic.value, message.payload) == self._proof and self._echo is not None and not self._echo.done():
                self._echo.set_result(None)

    async def _say_goodbye(self, client: Client) -> None:
        client.timeout = FAREWELL_S
        try:
            await client.publish(self._topic(AVAILABILITY), OFFLINE, QOS, retain=True)
        except MqttError as error:
            log.warning("mqtt broker did not take the farewell", broker=self._address, reason=str(error))

    async def _publish(self, client: Client, topic: str, payload: bytes, qos: int = QOS) -> None:
        await client.publish(self._topic(topic), payload, qos, retain=True)
        self._statistics.published += 1
        check_cancelled()

    def _payload(self, topic: str) -> bytes:
        clock = Clock.read()
        if topic == STATUS:
            return encode(self._documents.status(self._buses_up(), clock))
        if topic == AUDIT_HEAD:
            return encode(self._head)
        if topic.startswith(TOPIC):
            return self._alarms.payload(topic, clock) if self._alarms is not None else CLEARED
        device = topic.removeprefix(DEVICE)
        return encode(self._documents.device(device, clock)) if device in self._board.devices else CLEARED

    def _topic(self, name: str) -> str:
        return f"stationd/{self._station}/{name}"

    @property
    def _address(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"
