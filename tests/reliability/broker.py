"""R9: an hour of events waits for a broker that fails in every way while they are delivered.

36,000 events (ten a second for an hour) stand in the outbox of a real journal; the JSON connection delivers them to a real broker through a
way that is closed, reset, black, slow, refused for a bad password, and taken over by another client of the same name, one after the other.
A subscriber at the broker itself notes what comes. Beside it a whole daemon publishes over the same way while its E is watched.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from pathlib import Path

from aiomqtt import Client, MqttError

from stationd.outputs.broker import LONGEST_PAUSE_S, Broker, pause_s
from tests.integration.brokers import running_broker
from tests.integration.test_mqtt_broker import Publishing, publishing
from tests.reliability import pytests
from tests.reliability.figures import Figure, Share
from tests.reliability.station import Heart, station

EVENTS = 36_000
KEEPALIVE_S = 2
HALF_OPEN_SHARE = 1.5
EVENT = "stationd/aktau/event"
NOT_AUTHORISED = b"\x20\x02\x00\x05"  # CONNACK, "MQTT 3.1.1" section 3.2.2.3
SLOW_BYTES_PER_S = 20_000
PIECE = 4096
BETWEEN_S = 3.0
LASTS_S = 4.0


class Mode(Enum):
    """What the way does with its connections."""

    OPEN = "open"
    RESET = "reset"
    BLACK = "black hole"
    SLOW = "slow"
    DENIED = "bad auth"
    CLOSED = "stopped"


@dataclass(slots=True)
class Way:
    """The way to a broker, for any number of clients. A black hole takes everything and gives nothing, also after it has ended."""

    target: int
    mode: Mode = Mode.OPEN
    connections: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _holes: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def turn(self, mode: Mode) -> None:
        """Let it be so from now on; what is connected is cut off where the new mode does not carry it."""
        self.mode = mode
        if mode is Mode.BLACK:
            self._holes |= self._writers
        elif mode in (Mode.RESET, Mode.CLOSED, Mode.DENIED):
            self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def close(self) -> None:
        """End it."""
        assert self._server is not None
        self._server.close()
        self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode in (Mode.CLOSED, Mode.RESET):
            writer.transport.abort()
            return
        if self.mode is Mode.DENIED:
            await reader.read(PIECE)
            writer.write(NOT_AUTHORISED)
            writer.close()
            return
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        both = {writer, far_writer}
        self._writers |= both
        if self.mode is Mode.BLACK:
            self._holes |= both
        try:
            async with asyncio.TaskGroup() as flows:
                flows.create_task(self._carry(reader, far_writer))
                flows.create_task(self._carry(far_reader, writer))
        except* ConnectionError:
            pass
        finally:
            self._writers -= both
            self._holes -= both
            for each in both:
                each.close()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(PIECE):
            if target in self._holes:
                continue
            if self.mode is Mode.SLOW:
                await asyncio.sleep(len(data) / SLOW_BYTES_PER_S)
            target.write(data)
            await target.drain()
        target.close()


@dataclass(slots=True)
class Heard:
    """What came to the subscriber, in order."""

    numbers: list[int] = field(default_factory=list)

    async def listen(self, port: int, ready: asyncio.Event) -> None:
        """Listen for ever."""
        async with Client("127.0.0.1", port) as client:
            await client.subscribe(EVENT, 1)
            ready.set()
            async for message in client.messages:
                with contextlib.suppress(ValueError):  # of the daemon beside it
                    self.numbers.append(int(bytes(message.payload)))

    def figures(self, events: int, disruptions: int) -> Iterator[Figure]:
        """Return what is to be said of it."""
        first = list(dict.fromkeys(self.numbers))
        counts = Counter(self.numbers)
        yield Figure("events", events)
        yield Figure("cases", disruptions)
        yield Figure("lost", events - len(set(first) & set(range(events))), most=0)
        yield Figure("out_of_order", sum(after < before for before, after in pairwise(first)), most=0)
        yield Figure("heard_again", len(self.numbers) - len(first))
        yield Figure("most_times_again", max(counts.values(), default=1) - 1, most=disruptions)


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R9."""
    pauses = [[pause_s(failures) for _ in range(1000)] for failures in range(20)]
    yield Figure("backoff_max_s", max(map(max, pauses)), most=LONGEST_PAUSE_S)
    yield Figure("backoff_least_spread_share", min((max(each) - min(each)) / max(each) for each in pauses), least=0.4)
    yield from asyncio.run(hour(share.of(EVENTS, 24 * EVENTS), share.of(1, 24)))
    bounded = pytests.run("tests/outputs/journal", "-k", "outbox or message")
    yield Figure("tests_of_a_bounded_outbox", bounded.passed, least=5)


async def hour(events: int, rounds: int) -> list[Figure]:
    """Deliver an hour of events through all that can happen, then see that nothing is left."""
    with tempfile.TemporaryDirectory() as name:
        async with running_broker(Path(name)) as broker, contextlib.AsyncExitStack() as stack:
            way = Way(broker.port)
            stack.push_async_callback(way.close)
            port = await way.open()
            heard = await stack.enter_async_context(hearing(broker.port))
            home = Path(name, "beside")
            home.mkdir()
            beside = await stack.enter_async_context(station(home, more=f'[mqtt]\nurl = "mqtt://127.0.0.1:{port}"\nclient_id = "beside"\n'))
            await beside.begin_heart()
            address = Broker("127.0.0.1", port, keepalive_s=KEEPALIVE_S)
            begun = time.monotonic()
            work = await stack.enter_async_context(publishing(address, "aktau-proof", before=map(str, range(events))))
            half_open_s, count = await disruptions(way, work, broker.port, rounds)
            async with asyncio.timeout(events / 100 + 120.0):
                while work.statistics.events < events or left_in_outbox(work):
                    await asyncio.sleep(0.1)
            heart: Heart = await beside.heart()
            return [
                *heard.figures(events, count),
                Figure("left_in_outbox", left_in_outbox(work), most=0),
                Figure("delivered_after_s", time.monotonic() - begun),
                Figure("half_open_found_keepalives", half_open_s / KEEPALIVE_S, most=HALF_OPEN_SHARE),
                *heart.figures(),
            ]


@contextlib.asynccontextmanager
async def hearing(port: int) -> AsyncIterator[Heard]:
    """Listen at the broker itself as long as the block."""
    heard, ready = Heard(), asyncio.Event()
    listening = asyncio.create_task(heard.listen(port, ready))
    await ready.wait()
    try:
        yield heard
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def left_in_outbox(work: Publishing) -> int:
    """Return how many events the outbox still has."""
    return sum(total.records for total in work.journal.statistics.outbox.values())


async def disruptions(way: Way, work: Publishing, broker: int, rounds: int) -> tuple[float, int]:
    """Let everything happen once a round; return the longest time until a black hole was found, and how much happened."""
    half_open_s, count = 0.0, 0
    for _ in range(rounds):
        for mode in (Mode.RESET, Mode.BLACK, Mode.SLOW, Mode.DENIED, Mode.CLOSED):
            await connected(work)
            await asyncio.sleep(BETWEEN_S)
            begun, count = time.monotonic(), count + 1
            way.turn(mode)
            if mode is Mode.BLACK:
                while work.statistics.connected:
                    await asyncio.sleep(0.01)
                half_open_s = max(half_open_s, time.monotonic() - begun)
            else:
                await asyncio.sleep(LASTS_S)
            way.turn(Mode.OPEN)
        await connected(work)
        await take_over(broker)
        count += 1
    return half_open_s, count


async def connected(work: Publishing) -> None:
    """Wait until the connection stands."""
    async with asyncio.timeout(2 * LONGEST_PAUSE_S):
        while not work.statistics.connected:
            await asyncio.sleep(0.02)


async def take_over(port: int) -> None:
    """Be another client of the same name for a moment: the broker closes the older connection."""
    with contextlib.suppress(MqttError):
        async with Client("127.0.0.1", port, identifier="aktau-proof"):
            await asyncio.sleep(0.5)
