"""What leaves the outbox and when, against a broker that fails in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from stationd.outputs.broker import Broker
from stationd.outputs.clock import Clock
from stationd.outputs.journal import Journal, Undelivered
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.mqtt import JsonPublisher
from tests.outputs.brokers import ScriptedBroker, scripted_broker
from tests.outputs.journal.files import opened, record, until
from tests.outputs.plant import SIMULATED, board

EVENT, ALARM = "stationd/aktau/event", "stationd/aktau/alarm/line/LINE-DOWN"
OWN = b'{"letter":"B"}'


class Noting:
    """The outbox of a journal, and whether a message was called done before its broker had answered."""

    def __init__(self, journal: Journal, broker: ScriptedBroker) -> None:
        self._outbox, self._broker = journal.outbox, broker
        self.too_early: list[int] = []

    async def next(self, limit: int) -> tuple[Undelivered, ...]:
        return await self._outbox.next(limit)

    def done(self, ids: Iterable[int]) -> None:
        ids = tuple(ids)
        self.too_early += ids if self._broker.silent_about else ()
        self._outbox.done(ids)

    def rewind(self) -> None:
        self._outbox.rewind()


class Standing:
    """One alarm that stands."""

    def topics(self) -> tuple[str, ...]:
        return ("alarm/line/LINE-DOWN",)

    def payload(self, topic: str, clock: Clock) -> bytes:
        return OWN if topic in self.topics() else b""


@contextlib.asynccontextmanager
async def publishing(folder: Path, broker: ScriptedBroker, events: int) -> AsyncIterator[tuple[Journal, Noting, MqttStatistics]]:
    async with opened(folder) as journal:
        for _ in range(events):
            await journal.append(record(journal, topics=("event",)))
        statistics, outbox, up = MqttStatistics(), Noting(journal, broker), dict[str, bool]()
        address = Broker("127.0.0.1", broker.port, keepalive_s=4)

        def buses_up() -> Mapping[str, bool]:
            return up

        publisher = JsonPublisher(address, SIMULATED, board(), buses_up, statistics, outbox, alarms=Standing())
        task = asyncio.create_task(publisher.run())
        try:
            yield journal, outbox, statistics
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_an_event_that_was_written_and_not_acknowledged_comes_again_over_the_next_connection(tmp_path: Path) -> None:
    async with scripted_broker() as broker:
        broker.silent_about.add(EVENT)
        async with publishing(tmp_path, broker, events=3) as (_, outbox, statistics):
            await until(lambda: broker.connections >= 2 and len(broker.events()) >= 2)
            assert statistics.events == 0
            assert outbox.too_early == []
            broker.silent_about.clear()
            await until(lambda: statistics.events == 3)
    first, *rest = dict.fromkeys(broker.events())
    assert broker.events().count(first) >= 2
    assert len(rest) == 2


async def test_an_event_that_the_broker_acknowledges_and_hands_on_to_nobody_stays_in_the_outbox(tmp_path: Path) -> None:
    async with scripted_broker() as broker:
        broker.denies.add(EVENT)
        async with publishing(tmp_path, broker, events=3) as (_, _, statistics):
            await until(lambda: broker.connections >= 2)
            assert statistics.events == 0
            broker.denies.clear()
            await until(lambda: statistics.events == 3)
    assert list(dict.fromkeys(broker.events())) == sorted(set(broker.events()), key=lambda each: int(each.rpartition(b"-")[2]))


async def test_the_document_of_an_alarm_that_somebody_overwrites_or_takes_away_is_put_right(tmp_path: Path) -> None:
    async with scripted_broker() as broker, publishing(tmp_path, broker, events=0):
        for wrong in (b'{"letter":"A","lie":true}', b""):
            await until(lambda: (ALARM, OWN) in broker.got)
            broker.got.clear()
            broker.send(ALARM, wrong)
        await until(lambda: (ALARM, OWN) in broker.got)


async def test_a_document_that_an_earlier_run_has_left_is_taken_away(tmp_path: Path) -> None:
    left = "stationd/aktau/alarm/fp9-rx/LIGHT-LOST"
    async with scripted_broker() as broker, publishing(tmp_path, broker, events=0):
        await until(lambda: (ALARM, OWN) in broker.got)
        broker.send(left, OWN)
        await until(lambda: (left, b"") in broker.got)
