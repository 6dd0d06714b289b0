"""The Sparkplug connection to an MQTT 3.1.1 broker: a task around the state machine of stationd.outputs.sparkplug.node.

It has a client of its own beside the JSON connection, named `<station>-spb`, because a client has one will: here NDEATH. Each
connection is a new Client with a clean session. Whatever ends it, NDEATH is sent before DISCONNECT, because DISCONNECT takes
the will back: on a connection that does not work any more neither arrives, and the broker publishes the will.

Readings go out at most once a second, by exception. One message is on its way at a time and waits for its place on the wire, so
that a slow broker makes the station say less, never use more memory. A broker that has fallen silent is found within 1.25
keepalives, by asking again for the subscription of the commands, which it has to acknowledge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiomqtt import Client, MqttError, ProtocolVersion, Will

from stationd.core.model import PointId
from stationd.links.beat import Beat
from stationd.outputs.broker import Broker, Standing, check_cancelled, stay_connected, trust
from stationd.outputs.clock import TIME_OF_DAY, Clock
from stationd.outputs.sparkplug.catalogue import Sample
from stationd.outputs.sparkplug.memory import BirthNumbers, History
from stationd.outputs.sparkplug.messages import COMMAND_QOS, Message
from stationd.outputs.sparkplug.node import EdgeNode, Heard, Moment, Phase
from stationd.outputs.sparkplug.plant import PlantView
from stationd.outputs.sparkplug.replay import Replay, Samples, kept

log = structlog.get_logger()

GATHER_S = 1.0  # blocks that are read one after the other go into one message of their device
ASK_EVERY, ANSWER_WITHIN = 0.5, 0.75  # keepalives between two questions to the broker, and until it must have answered
FAREWELL_S = 1.0
REPLAYED_PER_S = 1000.0  # stored values; some percent of a core (assumption: enough for a host to follow)
RETRY_S = 0.2
MENTION_EVERY_S = 10.0  # one line of the log for each kind of message
INCOMING = 100  # messages that may wait for us; more are commands of a host that has gone wild
REFUSED = 128  # of a subscription, MQTT 3.1.1 section 3.9.3


class HostOffline(MqttError):
    """The primary host has gone, and the connection with it."""


@dataclass(slots=True)
class SparkplugStatistics(Standing):
    """What the connection counts beside the NodeCounts of its node. `online`: births are out. `caught_up`: see Replay."""

    online: bool = False
    caught_up: int = 0


class SparkplugPublisher:
    """Publishes one station as an edge node. `run` is its one task and ends only when cancelled.

    `numbers` and `history` keep what has to last; without a history nothing is replayed. `replayed_per_s` limits how many stored
    values go out in a second. `beat` is of what follows the plant; the connection waits for the broker.
    """

    def __init__(
        self,
        broker: Broker,
        node: EdgeNode,
        plant: PlantView,
        numbers: BirthNumbers,
        statistics: SparkplugStatistics,
        history: History | None = None,
        client_id: str = "",
        replayed_per_s: float = REPLAYED_PER_S,
        beat: Beat | None = None,
    ) -> None:
        self._beat = beat or Beat()
        self._broker = broker
        self._node = node
        self._plant = plant
        self._numbers = numbers
        self._statistics = statistics
        self._client_id = client_id or f"{node.catalogue.node}-spb"
        self._replay = Replay(node, history, replayed_per_s)
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()  # who has it makes a message and writes it: sequence numbers leave in their order
        self._unsaid: Counter[Heard] = Counter()
        self._mentioned: dict[Heard, float] = {}
        self._seen_until: int | None = None  # the node knows every reading that is stored before this position

    async def run(self) -> None:
        """Follow the plant and keep the connection up; when cancelled, publish NDEATH."""
        self._beat.rest("the journal")
        await self._recall()
        self._take(self._plant.everything(Clock.read()))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_plant())
            tasks.create_task(stay_connected("sparkplug", self._address, self._statistics, self._connection))

    # The plant.

    async def _follow_plant(self) -> None:
        try:
            while True:
                self._beat.within(GATHER_S)
                await asyncio.sleep(GATHER_S)
                position = self._replay.position()
                for samples in self._plant.changed_by_device():
                    self._take(samples)
                    await asyncio.sleep(0)
                self._seen_until = position
                self._news.set()
        finally:
            self._plant.close()

    def _take(self, samples: Mapping[PointId, Sample]) -> None:
        self._node.update(samples)
        for device in {point.device for point in samples} & self._node.catalogue.devices.keys():
            if self._plant.answering(device):
                self._node.answers(device)
            else:
                self._node.is_lost(device)

    # The connection.

    async def _recall(self) -> None:
        """Continue with the birth number of the last run; a number that cannot be read is one that never was."""
        try:
            last = await self._numbers.load()
        except OSError as error:
            log.warning("the last birth number cannot be read", reason=str(error))
            return
        if last is not None:
            self._node.restore(last)

    async def _connection(self) -> None:
        """Serve one connection until it ends, which is always an exception. A task of its own, see `check_cancelled`."""
        will = self._node.connecting(_moment())
        try:
            await kept("birth number", self._numbers.save(self._node.birth_number))
            async with await self._client(will) as client:
                check_cancelled()
                self._statistics.came(asyncio.get_running_loop().time())
                log.info("sparkplug broker connected", broker=self._address, birth_number=self._node.birth_number)
                try:
                    await self._serve(client)
                finally:
                    await self._say_goodbye(client)
        finally:
            self._node.disconnected()

    async def _client(self, will: Message) -> Client:
        context = await asyncio.to_thread(trust, self._broker.authorities) if self._broker.tls else None
        return Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=await self._broker.login(),
            identifier=self._client_id,
            protocol=ProtocolVersion.V311,
            clean_session=True,
            will=Will(will.topic, will.payload, will.qos, retain=False),
            keepalive=self._broker.keepalive_s,
            timeout=ANSWER_WITHIN * self._broker.keepalive_s,
            max_queued_incoming_messages=INCOMING,
            tls_context=context,
        )

    async def _serve(self, client: Client) -> None:
        self._replay.begin()
        for topic in self._node.subscriptions():
            await self._subscribe(client, topic)
        self._node.connected()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(client))
            tasks.create_task(self._send(client))
            tasks.create_task(self._ask(client))
            tasks.create_task(self._replay.run(lambda device, samples: self._send_stored(client, device, samples)))

    async def _listen(self, client: Client) -> None:
        """Take commands and the state of the primary host; also how the end of the connection is seen at once."""
        async for message in client.messages:
            heard = self._node.received(message.topic.value, bytes(message.payload), _moment(), message.retain)
            match heard:
                case Heard.HOST_OFFLINE:
                    raise HostOffline(f'the primary host "{self._node.catalogue.primary_host}" is offline')
                case Heard.NOTHING:
                    continue
                case _:
                    self._mention(heard, message.topic.value)
            self._news.set()

    def _mention(self, heard: Heard, topic: str) -> None:
        """Say what a host wants, but not of every message of one that has gone wild."""
        now = asyncio.get_running_loop().time()
        self._unsaid[heard] += 1
        if now < self._mentioned.get(heard, float("-inf")) + MENTION_EVERY_S:
            return
        times, self._unsaid[heard], self._mentioned[heard] = self._unsaid[heard], 0, now
        if heard in (Heard.REFUSED, Heard.MALFORMED):
            log.warning("sparkplug command refused", topic=topic, why=heard.value, times=times)
        else:
            log.info("sparkplug host", says=heard.value, times=times)

    async def _send(self, client: Client) -> None:
        while True:
            self._news.clear()
            while await self._send_next(client):
                pass
            self._replay.live_is_written(self._seen_until)
            self._seen_until = None
            self._statistics.caught_up = self._replay.caught_up
            self._statistics.online = self._node.phase is Phase.ONLINE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._node.due_s(_moment())):
                    await self._news.wait()

    async def _send_next(self, client: Client) -> bool:
        async with self._turn:
            message = self._node.next_message(_moment())
            if message is not None:
                await self._publish(client, message)
        return message is not None

    async def _send_stored(self, client: Client, device: str, samples: Samples) -> bool:
        """Send stored samples as soon as no rebirth is in the way; False when the device does not answer any more."""
        while self._node.is_answering(device):
            async with self._turn:
                if device in self._node.alive():
                    message = self._node.replay(device, samples, _moment())
                    if message is not None:
                        await self._publish(client, message)
                    return True
            await asyncio.sleep(RETRY_S)
        return False

    async def _ask(self, client: Client) -> None:
        """Ask the broker for an answer now and then; what was written a keepalive before such a question counts as sent."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(ASK_EVERY * self._broker.keepalive_s)
            asked = loop.time()
            await self._subscribe(client, self._node.subscriptions()[-1])
            await self._replay.count_as_sent(asked - self._broker.keepalive_s)

    async def _subscribe(self, client: Client, topic: str) -> None:
        answers = await client.subscribe(topic, COMMAND_QOS)
        check_cancelled()
        if any((answer if isinstance(answer, int) else answer.value) >= REFUSED for answer in answers):
            raise MqttError(f"the broker refuses the subscription of {topic}")

    async def _publish(self, client: Client, message: Message) -> None:
        await client.publish(message.topic, message.payload, message.qos, retain=False)
        check_cancelled()

    async def _say_goodbye(self, client: Client) -> None:
        self._statistics.connected = self._statistics.online = False
        client.timeout = FAREWELL_S
        message = self._node.goodbye(_moment())
        with contextlib.suppress(MqttError):  # where it does not arrive the broker publishes the will
            await client.publish(message.topic, message.payload, message.qos, retain=False)

    @property
    def _address(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"


def _moment() -> Moment:
    return Moment(round(1000 * TIME_OF_DAY.get()()), asyncio.get_running_loop().time())
