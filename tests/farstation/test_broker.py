"""Two links over a real broker, through the JSON connection of the product."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiomqtt import Client

from stationd.board import Board
from stationd.farstation.words import Result
from stationd.outputs.broker import Broker
from stationd.outputs.document import Identity, Mode
from stationd.outputs.journal import Journal
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.mqtt import JsonPublisher
from tests.farstation.ends import Station, station
from tests.integration.brokers import BrokerProcess, running_broker


@contextlib.asynccontextmanager
async def speaking(port: int, name: str, far: str) -> AsyncIterator[tuple[Station, JsonPublisher]]:
    """Run the JSON connection of a station and its link on it."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder) / "journal.sqlite")
        await journal.start()
        identity, board = Identity(name, name, Mode.SIM), Board((), asyncio.get_running_loop().time())
        publisher = JsonPublisher(Broker("127.0.0.1", port), identity, board, dict, MqttStatistics(), journal.outbox)
        end = station(name, far, publisher.live)
        tasks = [asyncio.create_task(publisher.run()), asyncio.create_task(end.link.run())]
        try:
            yield end, publisher
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await journal.close()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def known(*ends: Station) -> bool:
    return all(end.link.statistics.heard for end in ends)


@pytest.fixture
async def broker(mosquitto: Path, tmp_path: Path) -> AsyncIterator[BrokerProcess]:
    async with running_broker(tmp_path) as process:
        yield process


async def test_two_stations_know_each_other_over_a_broker_and_again_after_its_restart(broker: BrokerProcess) -> None:
    async with speaking(broker.port, "aktau", "siyazan") as (here, _), speaking(broker.port, "siyazan", "aktau") as (far, _):
        await until(lambda: known(here, far))
        assert here.post.lines[0].received - here.post.lines[0].t < 2.0
        broker.kill()
        await until(lambda: not known(here) and not known(far))
        await broker.start()
        await until(lambda: known(here, far))
        assert {result for result, count in here.link.statistics.results.items() if count} == {Result.ACCEPTED}


async def test_nothing_of_the_line_is_retained_and_what_somebody_else_retained_is_not_believed(broker: BrokerProcess) -> None:
    async with Client("127.0.0.1", broker.port) as somebody:
        await somebody.publish("stationd/siyazan/line", b"{}", 1, retain=True)
        async with speaking(broker.port, "aktau", "siyazan") as (here, publisher):
            await until(lambda: here.link.statistics.results[Result.RETAINED] == 1)
            await until(lambda: publisher.live.sent >= 2)
            async with Client("127.0.0.1", broker.port) as late:
                await late.subscribe("stationd/#")
                async for message in late.messages:
                    if message.topic.value == "stationd/aktau/line":
                        assert not message.retain
                        break
        assert not here.post.lines


async def test_a_flood_on_the_topic_of_the_far_station_is_counted_and_the_far_station_stays_known(broker: BrokerProcess) -> None:
    async with speaking(broker.port, "aktau", "siyazan") as (here, mine), speaking(broker.port, "siyazan", "aktau") as (far, _):
        await until(lambda: known(here, far))
        async with Client("127.0.0.1", broker.port) as somebody:
            for _ in range(10_000):
                await somebody.publish("stationd/siyazan/line", b'{"station":"siyazan"}', 0)
            statistics = here.link.statistics
            await until(lambda: statistics.results[Result.UNSIGNED] + mine.live.dropped >= 10_000)
        lines = len(here.post.lines)
        await until(lambda: len(here.post.lines) > lines)
        assert len(here.post.silences) == 1  # that of the start


async def test_without_a_broker_what_is_said_is_skipped_and_not_kept(broker: BrokerProcess) -> None:
    async with speaking(broker.port, "aktau", "siyazan") as (here, publisher):
        await until(lambda: publisher.live.sent >= 1)
        broker.kill()
        sent, skipped = publisher.live.sent, publisher.live.skipped
        await until(lambda: publisher.live.skipped >= skipped + 2)
        await broker.start()
        async with Client("127.0.0.1", broker.port) as late:
            await late.subscribe("stationd/aktau/line")
            async for message in late.messages:
                first = bytes(message.payload)
                break
        assert f'"sequence":{here.link.statistics.sent},'.encode() in first
        assert publisher.live.sent <= sent + 2
