"""Verdicts and baselines on their way to the journal, and back after a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from stationd.board import Board
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Plan
from stationd.core.light.baseline import Baseline
from stationd.core.line.words import End
from stationd.core.model import PointId
from stationd.core.station import Station
from stationd.core.verdict.told import BaselineRefused, BaselineTaken, TakeBaseline, VerdictChanged
from stationd.core.watch.line_watch import LineWatch
from stationd.engine import Engine, Ordered
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.document import Documents, Identity, Mode
from stationd.outputs.journal import Journal, RecordClass, SystemClock
from stationd.outputs.line_records import LineRecords
from stationd.outputs.records import Recorder
from stationd.outputs.verdict_document import VerdictDocuments
from tests.core.watch.watched_line import plan

IDENTITY = Identity("aktau", "Aktau", Mode.SIM)


@dataclass(slots=True)
class Run:
    engine: Engine
    recorder: Recorder
    watch: LineWatch
    journal: Journal


@asynccontextmanager
async def run(folder: Path) -> AsyncIterator[Run]:
    loop = asyncio.get_running_loop()
    board, desk, clock = Board([], 0.0), Alarms(Plan({}), loop.time()), SystemClock()
    journal = Journal.open(folder / "journal.sqlite", clock=clock)
    watch = LineWatch(plan(End.A), loop.time())
    line = LineRecords(watch, VerdictDocuments(Mode.SIM, "Aktau"), IDENTITY)
    documents = Documents(IDENTITY, board)
    recorder = Recorder(journal, clock, IDENTITY, desk, documents, AlarmDocuments(IDENTITY, board, desk), line=line, publish=True)
    recorder.restore(await journal.start())
    engine = Engine(board, Station({}, desk, watch), None, recorder)  # type: ignore[arg-type]  # nothing is written
    task = asyncio.create_task(engine.run())
    try:
        yield Run(engine, recorder, watch, journal)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        recorder.keep_states()
        await journal.close()


async def test_a_change_of_the_verdict_is_kept_and_delivered(tmp_path: Path) -> None:
    heard: list[VerdictChanged] = []
    async with run(tmp_path) as now:
        now.recorder.subscribe_verdicts(heard.append)
        change = VerdictChanged(now.watch.verdict, now.watch.verdict, asyncio.get_running_loop().time())
        await now.recorder.keep((change,), None)
    assert heard == [change]
    async with run(tmp_path) as later:
        waiting = [json.loads(each.payload) for each in await later.journal.outbox.next(10)]
    assert [(each["kind"], each["verdict"]["kind"]) for each in waiting] == [("verdict", "cannot-tell")]


async def test_a_baseline_is_refused_with_its_reason_and_the_order_is_kept(tmp_path: Path) -> None:
    async with run(tmp_path) as now:
        outcome, kept = await now.engine.take_baseline(TakeBaseline("a.bekov", "first"), "uid 1000")
        await kept
        assert isinstance(outcome, BaselineRefused)
        assert now.journal.statistics.committed[RecordClass.COMMAND] == 1


async def test_a_baseline_is_still_there_after_a_restart(tmp_path: Path) -> None:
    async with run(tmp_path) as now:
        taken = Baseline(asyncio.get_running_loop().time(), "a.bekov", "", {PointId("fp1-rx", "power"): -18.0})
        now.watch.light.baseline = taken  # as the order leaves it on a healthy line
        await now.recorder.keep((), Ordered(TakeBaseline("a.bekov"), "uid 1000", (BaselineTaken(taken),)))
    async with run(tmp_path) as later:
        assert later.watch.light.baseline is not None
        assert later.watch.light.baseline.values == {PointId("fp1-rx", "power"): -18.0}
