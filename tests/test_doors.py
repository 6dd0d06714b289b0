"""The doors behind the control socket, with the real engine and the real journal."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from stationd.console.peer import Peer, Role
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Acknowledge, Done, Signal, Target
from stationd.core.model import PointId, Value, WriteDone
from stationd.core.station import Station
from stationd.doors import StationAlarms
from stationd.engine import Engine
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.document import Documents
from stationd.outputs.journal import Journal, State, SystemClock
from stationd.outputs.records import Recorder
from tests.outputs.journal.files import locked, until
from tests.outputs.plant import SIMULATED, board

KEY = AlarmKey("station", "TASK-REBUILT")
PERSON = Peer(4242, 4242, 1, Role.OPERATE, name="a.bekov")
ACK = Acknowledge((Target(KEY),), "a.bekov", "seen")


@dataclass
class House:
    journal: Journal
    engine: Engine
    desk: Alarms
    recorder: Recorder
    doors: StationAlarms


async def no_write(_: PointId, __: Value, ___: bool) -> WriteDone:
    raise AssertionError("nothing here writes")


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    clock, target, now = SystemClock(), board(), asyncio.get_running_loop().time()
    plan = Plan({KEY: rule(KEY)})
    journal, desk = Journal.open(folder / "journal.sqlite", clock=clock), Alarms(plan, now)
    documents = AlarmDocuments(SIMULATED, target, desk)
    recorder = Recorder(journal, clock, SIMULATED, desk, Documents(SIMULATED, target), documents, publish=False)
    engine = Engine(target, Station(target.periods(), desk), no_write, recorder)
    recorder.restore(await journal.start())
    running = asyncio.create_task(engine.run())
    engine.post([Signal(KEY, True, now)])
    await until(lambda: desk.ledger.standings[KEY].flags.active)
    try:
        yield House(journal, engine, desk, recorder, StationAlarms(desk, engine, recorder, journal, documents, clock))
    finally:
        running.cancel()
        await journal.close()


def orders_on_disk(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/journal.sqlite?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM commands").fetchone()
    return int(count)


async def test_an_order_is_answered_when_it_is_on_the_disk_and_not_before(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        with locked(tmp_path) as release:
            answer = asyncio.create_task(one.doors.obey(ACK, PERSON))
            await until(lambda: one.recorder.ordered == 1)
            for _ in range(20):
                await asyncio.sleep(0)
            assert one.journal.health.good, "this is meant to be looked at before the disk counts as failing"
            assert not answer.done()
            release()
            obeyed = await answer
        assert orders_on_disk(tmp_path) == 1
        assert obeyed.durable
        assert isinstance(obeyed.outcomes[0], Done)


async def test_an_order_that_is_carried_out_while_the_disk_fails_is_answered_as_not_durable(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        with locked(tmp_path):
            obeyed = await one.doors.obey(ACK, PERSON)
            assert one.journal.health.state is State.FAILING
            assert orders_on_disk(tmp_path) == 0
            assert not obeyed.durable
            assert isinstance(obeyed.outcomes[0], Done)
