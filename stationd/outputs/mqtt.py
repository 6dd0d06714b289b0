"""The JSON connection to an MQTT 3.1.1 broker: retained documents for people and scripts, and whether the station is there.

Topics are below `stationd/<station>/`: `availability` is "online" or "offline" (also the will), `status` and
`device/<device>` are the documents of stationd.outputs.document. All of them are retained. Availability and status are sent
with QoS 1, the many documents of devices with QoS 0. `event` is one message for each event, not retained, QoS 1.

A topic is sent at most once a second. What waits to be sent is at most one document for each topic, made from the board when
its turn comes: while the broker is slow or away the newer replaces the older, which is counted as dropped, and nothing grows.
After a reconnection every document is sent again. Nothing here can hold up the polling of the equipment.

Events do not wait for a second and never replace each other: they are sent at once, in order, and an event leaves its queue
only when the broker has acknowledged it, so that it is sent again (with the same id) over the next connection. The queue is
bounded: of more events than it holds the newest are lost, and counted. It lasts as long as the daemon runs.

Each connection is a new Client: publications pending in an old one would be sent by a later connection as if they were new.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice

import structlog
from aiomqtt import Client, MqttError, Will

from stationd.board import Board
from stationd.core.model import LightEvent
from stationd.outputs.broker import STEADY_S, Broker, check_cancelled, pause_s, sentence, trust
from stationd.outputs.clock import Clock
from stationd.outputs.document import Documents, Identity, encode
from stationd.outputs.metrics import MqttStatistics

log = structlog.get_logger()

ANSWER_S = 10.0  # a broker that has not acknowledged a message for so long is gone; never longer than the keepalive
EVERY_S = 1.0  # shortest time between two documents of a topic
HEARTBEAT_S = 4.0  # the status is sent at least so often, so that a dead connection shows also when no value changes
GATHER_S = 0.5  # blocks that are read one after the other go into one document
WINDOW = 20  # documents sent and not yet acknowledged, and as many events
EVENTS = 10_000  # that may wait for the broker: some 5 MB
FAREWELL_S = 1.0
QOS = 1  # also how a dead connection is seen: the status has to be acknowledged
QOS_OF_DEVICES = 0  # a newer document follows within seconds, and all of them after a reconnection
STATUS = "status"
AVAILABILITY = "availability"
EVENT = "event"
ONLINE, OFFLINE = b"online", b"offline"


class Waiting:
    """The topics whose document is to be sent: each released at most once a second, each waiting at most once."""

    def __init__(self, topics: tuple[str, ...], statistics: MqttStatistics) -> None:
        self._topics = topics
        self._statistics = statistics
        self._changed: dict[str, None] = {}
        self._not_before = dict.fromkeys(topics, 0.0)
        self._queue: asyncio.Queue[str] = asyncio.Queue()  # bounded by the number of topics: each is in it at most once
        self._queued: set[str] = set()

    def mark(self, topic: str) -> None:
        """Note that the document of a topic has changed."""
        self._changed[topic] = None

    def release(self, now: float) -> None:
        """Let the changed topics wait whose last document is a second old; the document of one that waits already is dropped."""
        for topic in [topic for topic in self._changed if now >= self._not_before[topic]]:
            del self._changed[topic]
            self._not_before[topic] = now + EVERY_S
            self._statistics.dropped += topic in self._queued
            self._put(topic)

    def release_all(self) -> None:
        """Let every topic wait, as after a reconnection."""
        for topic in self._topics:
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


class EventQueue:
    """The events that the broker has not acknowledged, oldest first. Bounded; the newest are lost when it is full."""

    def __init__(self, statistics: MqttStatistics, most: int = EVENTS) -> None:
        self._statistics = statistics
        self._most = most
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()

    def put(self, payload: bytes) -> None:
        """Add an event; counted as lost when there is no room."""
        if len(self._waiting) >= self._most:
            self._statistics.events_dropped += 1
            return
        self._waiting.append(payload)
        self._statistics.events_waiting = len(self._waiting)
        self._news.set()

    async def oldest(self, most: int) -> tuple[bytes, ...]:
        """Return the oldest events, as soon as there is one; they stay until they are `acknowledged`."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return tuple(islice(self._waiting, most))

    def acknowledged(self, number: int) -> None:
        """Forget so many of the oldest."""
        for _ in range(number):
            self._waiting.popleft()
        self._statistics.events += number
        self._statistics.events_waiting = len(self._waiting)


class JsonPublisher:
    """Publishes the documents of one station. `run` is its one task and ends only when cancelled.

    `client_id` is the station's name unless the broker wants another one; `run_id` names this run of the daemon in the ids of
    events.
    """

    def __init__(
        self,
        broker: Broker,
        identity: Identity,
        board: Board,
        buses_up: Callable[[], Mapping[str, bool]],
        statistics: MqttStatistics,
        client_id: str = "",
        run_id: str = "",
    ) -> None:
        self._broker = broker
        self._station = identity.name
        self._client_id = client_id or identity.name
        self._board = board
        self._buses_up = buses_up
        self._statistics = statistics
        self._documents = Documents(identity, board)
        self._device_of = {f"device/{device}": device for device in board.devices}
        self._topic_of = {device: topic for topic, device in self._device_of.items()}
        self._waiting = Waiting((STATUS, *self._device_of), statistics)
        self._events = EventQueue(statistics)
        self._run_id = run_id

    def announce(self, event: LightEvent) -> None:
        """Have an event sent at once, or as soon as the broker is there. Never waits and never fails."""
        self._events.put(encode(self._documents.light_event(event, self._run_id, Clock.read())))

    async def run(self) -> None:
        """Follow the board and keep the connection up; when cancelled, say that the station is offline."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_board())
            tasks.create_task(self._stay_connected())

    async def _follow_board(self) -> None:
        loop = asyncio.get_running_loop()
        subscription = self._board.subscribe()
        beat = 0.0
        try:
            while True:
                changed = {point.device for point in subscription.take()}
                for device in changed:
                    self._waiting.mark(self._topic_of[device])
                if changed or loop.time() >= beat + HEARTBEAT_S:
                    beat = loop.time()
                    self._waiting.mark(STATUS)
                self._waiting.release(loop.time())
                await asyncio.sleep(GATHER_S)
        finally:
            self._board.unsubscribe(subscription)

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            begun, connections, reason = loop.time(), self._statistics.connections, ""
            try:
                await asyncio.create_task(self._connection())
            except* (MqttError, OSError) as lost:
                reason = sentence(lost)
            check_cancelled()  # one that came together with the end of the connection
            was_connected = self._statistics.connections > connections
            if was_connected:
                log.warning("mqtt broker lost", broker=self._address, reason=reason)
            elif failures == 0:  # said once, however long it lasts
                log.warning("mqtt broker not reached", broker=self._address, reason=reason)
            await asyncio.sleep(pause_s(failures))
            failures = 0 if was_connected and loop.time() - begun >= STEADY_S else failures + 1

    async def _connection(self) -> None:
        """Serve one connection until it ends, which is always an exception. A task of its own, see `check_cancelled`."""
        async with await self._client() as client:
            self._statistics.connected = True
            self._statistics.connections += 1
            log.info("mqtt broker connected", broker=self._address)
            try:
                await self._publish(client, AVAILABILITY, ONLINE)
                self._waiting.release_all()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._stay_available(client))
                    tasks.create_task(self._send_events(client))
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
            password=self._broker.password,
            identifier=self._client_id,
            will=Will(self._topic(AVAILABILITY), OFFLINE, QOS, retain=True),
            keepalive=self._broker.keepalive_s,
            timeout=min(ANSWER_S, self._broker.keepalive_s),
            max_inflight_messages=3 * WINDOW,
            tls_context=context,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),  # an event does not wait for the one before it
        )
        client.pending_calls_threshold = 3 * WINDOW
        return client

    async def _send(self, client: Client) -> None:
        while True:
            topic = await self._waiting.take()
            await self._publish(client, topic, self._payload(topic), QOS if topic == STATUS else QOS_OF_DEVICES)

    async def _send_events(self, client: Client) -> None:
        """Send events in order, several before the first is acknowledged; the client hands them on in the order of the calls."""
        while True:
            events = await self._events.oldest(WINDOW)
            async with asyncio.TaskGroup() as sending:
                for payload in events:
                    sending.create_task(client.publish(self._topic(EVENT), payload, QOS))
            self._events.acknowledged(len(events))
            self._statistics.published += len(events)

    async def _stay_available(self, client: Client) -> None:
        """Say again that the station is online whenever a late will of an older connection has said the contrary.

        Reading what comes from the broker is also how the end of the connection is seen at once.
        """
        await client.subscribe(self._topic(AVAILABILITY), QOS)
        check_cancelled()
        async for message in client.messages:
            if message.payload != ONLINE:
                await self._publish(client, AVAILABILITY, ONLINE)

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
        return encode(self._documents.device(self._device_of[topic], clock))

    def _topic(self, name: str) -> str:
        return f"stationd/{self._station}/{name}"

    @property
    def _address(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"
