"""R9: an hour of events waits for a broker that fails in every way while they are delivered.

36,000 events (ten a second for an hour) stand in the outbox of a real journal; the JSON connection delivers them to a real broker through a
way that is closed, reset, black, slow, refused for a bad password, and taken over by another client of the same name, one after the other;
in the end it stays closed for more than a minute. A subscriber at the broker itself notes what comes, and the way notes every attempt to
connect: the pauses between them are the back-off as the network sees it. Beside it a whole daemon publishes over a way of its own that
fails at the same times, while its E is watched.

What it is not: a day of waiting. The release's "24 h down at 10 messages a second" is an outbox with 864,000 events that nobody has taken,
and every fault 24 times; no broker is away for a day.
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
STOPPED_S = 75.0  # once: the pauses double from about a second and get near their longest
SHORTEST_S, GROWN_S = 0.4, 4.0  # what the shortest pause has to be at least, and the longest
LATE_S = 3.0  # beyond the longest pause: the client may hear late that its connection has ended, and the machine is busy
FOUND_WITHIN = 10  # keepalives until a black hole that is never found ends the proof


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
    begun: list[float] = field(default_factory=list)  # of each attempt to connect, carried or not
    ended: list[float] = field(default_factory=list)
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

    def pauses_s(self) -> list[float]:
        """Return how long it was from the end of a connection, or of an attempt, to the next attempt. For one client."""
        return [begun - max(each for each in self.ended if each <= begun) for begun in self.begun[1:] if min(self.ended) <= begun]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.begun.append(time.monotonic())
        try:
            await self._answer(reader, writer)
        finally:
            self.ended.append(time.monotonic())

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode in (Mode.CLOSED, Mode.RESET):
            writer.transport.abort()
            return
        if self.mode is Mode.DENIED:
            await reader.read(PIECE)
            writer.write(NOT_AUTHORISED)
            writer.close()
            return
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
        yield Figure("events", len(first), least=events)
        yield Figure("cases", disruptions)
        yield Figure("lost", events - len(set(first) & set(range(events))), most=0)
        yield Figure("out_of_order", sum(after < before for before, after in pairwise(first)), most=0)
        yield Figure("heard_again", len(self.numbers) - len(first))
        yield Figure("most_times_again", max(counts.values(), default=1) - 1, most=disruptions)


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R9."""
    pauses = [[pause_s(failures) for _ in range(1000)] for failures in range(20)]
    yield Figure("computed_pause_max_s", max(map(max, pauses)), most=LONGEST_PAUSE_S)
    yield Figure("computed_pause_least_spread_share", min((max(each) - min(each)) / max(each) for each in pauses), least=0.4)
    yield from asyncio.run(hour(share.of(EVENTS, 24 * EVENTS), share.of(1, 24)))
    bounded = pytests.run("tests/outputs/journal", "-k", "outbox or message")
    yield Figure("tests_of_a_bounded_outbox", bounded.passed, least=5)


async def hour(events: int, rounds: int) -> list[Figure]:
    """Deliver an hour of events through all that can happen, then see that nothing is left."""
    async with contextlib.AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = await stack.enter_async_context(running_broker(home))
        way, way_beside = Way(broker.port), Way(broker.port)
        ports = [await each.open() for each in (way, way_beside)]
        for each in (way, way_beside):
            stack.push_async_callback(each.close)
        heard = await stack.enter_async_context(hearing(broker.port))
        more = f'[mqtt]\nurl = "mqtt://127.0.0.1:{ports[1]}"\nclient_id = "beside"\n'
        beside = await stack.enter_async_context(station(home, more=more))
        await beside.begin_heart()
        address = Broker("127.0.0.1", ports[0], keepalive_s=KEEPALIVE_S)
        begun = time.monotonic()
        work = await stack.enter_async_context(publishing(address, "aktau-proof", before=map(str, range(events))))
        half_open_s, count = await disruptions((way, way_beside), work, broker.port, rounds)
        async with asyncio.timeout(events / 100 + 120.0):
            while work.statistics.events < events or left_in_outbox(work):
                await asyncio.sleep(0.1)
        heart: Heart = await beside.heart()
        return [
            *heard.figures(events, count),
            Figure("left_in_outbox", left_in_outbox(work), most=0),
            Figure("delivered_after_s", time.monotonic() - begun),
            Figure("half_open_found_keepalives", half_open_s / KEEPALIVE_S, most=HALF_OPEN_SHARE),
            *pause_figures(way),
            *heart.figures(),
        ]


def pause_figures(way: Way) -> Iterator[Figure]:
    """Say what was seen of the back-off: no storm, growing, never too long."""
    pauses = way.pauses_s()
    yield Figure("attempts_to_connect", len(way.begun), least=len(Mode))
    yield Figure("shortest_pause_s", min(pauses, default=None), least=SHORTEST_S)
    yield Figure("longest_pause_s", max(pauses, default=None), least=GROWN_S, most=LONGEST_PAUSE_S + LATE_S)


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


async def disruptions(ways: tuple[Way, ...], work: Publishing, broker: int, rounds: int) -> tuple[float, int]:
    """Let everything happen once a round; return the longest time until a black hole was found, and how much happened."""
    half_open_s, count = 0.0, 0
    for _ in range(rounds):
        for mode in (Mode.RESET, Mode.BLACK, Mode.SLOW, Mode.DENIED, Mode.CLOSED):
            await connected(work)
            await asyncio.sleep(BETWEEN_S)
            turn(ways, mode)
            count += 1
            if mode is Mode.BLACK:
                half_open_s = max(half_open_s, await found(work))
            else:
                await asyncio.sleep(LASTS_S)
            turn(ways, Mode.OPEN)
        await connected(work)
        await take_over(broker)
        count += 1
    turn(ways, Mode.CLOSED)
    await asyncio.sleep(STOPPED_S)
    turn(ways, Mode.OPEN)
    await connected(work)
    return half_open_s, count + 1


def turn(ways: tuple[Way, ...], mode: Mode) -> None:
    """Let all ways be so."""
    for way in ways:
        way.turn(mode)


async def found(work: Publishing) -> float:
    """Wait until a connection that is only half open is found, and return how long that took. TimeoutError."""
    begun = time.monotonic()
    async with asyncio.timeout(FOUND_WITHIN * KEEPALIVE_S):
        while work.statistics.connected:
            await asyncio.sleep(0.01)
    return time.monotonic() - begun


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
