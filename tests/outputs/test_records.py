"""What the engine tells, in the journal and out of it again after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stationd.core.alarm.condition import Above
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Acknowledge, AlarmRecord, Shelve, Signal, Target
from stationd.core.model import GOOD, Announce, LightEvent, LightKind, PointId, Reading
from stationd.engine import Ordered
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.clock import Clock
from stationd.outputs.document import Documents
from stationd.outputs.journal import Journal, Query, SystemClock
from stationd.outputs.records import Recorder
from tests.outputs.plant import SIMULATED, board

HOT = AlarmKey("fp1-booster", "AMP-TEMPERATURE")
REBUILT = AlarmKey("station", "TASK-REBUILT")
POINT = PointId("fp1-booster", "case_temperature")


@dataclass
class Run:
    """One run of the daemon, as far as it remembers."""

    journal: Journal
    desk: Alarms
    recorder: Recorder
    documents: AlarmDocuments

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def signal(self, key: AlarmKey, active: bool) -> None:
        now = self.now()
        await self.recorder.keep(self.desk.handle(Signal(key, active, now), now), None)

    async def order(self, order: Any) -> None:
        answer = self.desk.obey(order, self.now())
        await self.recorder.keep(answer.effects, Ordered(order, "uid 1000", answer.outcomes))

    def letters(self) -> dict[str, Letter]:
        return {str(view.key): view.letter for view in self.desk.views(lambda _: True)}


@contextlib.asynccontextmanager
async def run(folder: Path, *keys: AlarmKey, publish: bool = True, late: bool = False) -> AsyncIterator[Run]:
    clock, target, now = SystemClock(), board(), asyncio.get_running_loop().time()
    rules = {key: rule(key) for key in keys or (REBUILT,)} | {HOT: rule(HOT, Above(60.0, 3.0), POINT)}
    plan = Plan(rules)
    journal, desk = Journal.open(folder / "journal.sqlite", clock=clock), Alarms(plan, now)
    documents = AlarmDocuments(SIMULATED, target, plan, desk)
    recorder = Recorder(journal, clock, SIMULATED, desk, Documents(SIMULATED, target), documents, publish=publish)
    kept = recorder.restore(await journal.start(0.0) if late else await journal.start())
    if not late:
        await kept
    keeping = asyncio.create_task(recorder.keep_on())
    try:
        yield Run(journal, desk, recorder, documents)
    finally:
        keeping.cancel()
        await journal.close()


async def events(run: Run) -> list[dict[str, Any]]:
    found = await run.journal.entries(Query())
    return [json.loads(each.body) for each in found.records[::-1] if each.kind != "start"]


async def test_an_event_of_an_alarm_stands_in_the_journal_and_in_the_outbox_with_the_same_id(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
        kept = await events(one)
        (message,) = await one.journal.outbox.next(10)
        assert (message.topic, json.loads(message.payload)) == ("event", kept[0])
        assert (kept[0]["kind"], kept[0]["event"], kept[0]["letter"]) == ("alarm", "raise", "B")
        assert kept[0]["id"] == f"aktau-{kept[0]['boot']}-{kept[0]['sequence']}"
        assert isinstance(kept[0]["synchronised"], bool)


async def test_a_restart_reproduces_the_same_letters_and_counts(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
        await one.order(Acknowledge((Target(REBUILT),), "a.bekov", "seen"))
        await one.order(Shelve(HOT, 600.0, "a.bekov", "sensor is wet", utc=1.0))
        before = one.letters()
        assert before == {"station/TASK-REBUILT": Letter.ACKNOWLEDGED, "fp1-booster/AMP-TEMPERATURE": Letter.SHELVED}
    async with run(tmp_path) as two:
        assert two.letters() == before
        view = two.desk.view(REBUILT)
        assert view is not None
        assert view.seen is not None
        assert (view.count, view.seen.who, view.seen.note) == (1, "a.bekov", "seen")
        assert await events(two) == await events(two)
        await two.signal(REBUILT, False)
    async with run(tmp_path) as three:
        assert three.letters()["fp1-booster/AMP-TEMPERATURE"] is Letter.SHELVED, "rows that a run did not touch have its times too"
        numbers = [each["number"] for each in await events(three) if each["kind"] == "alarm"]
        assert numbers == list(range(1, len(numbers) + 1)), "records go on counting"


async def test_a_delay_that_runs_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        now = one.now()
        one.desk.handle(Reading(POINT, 99.0, GOOD, now - 50.0), now)  # of 60 s
        one.recorder.keep_states()
    async with run(tmp_path) as two:
        now = two.now()
        assert two.desk.handle(Reading(POINT, 99.0, GOOD, now), now) == []
        due = two.desk.deadline()
        assert due is not None
        assert due < now + 20.0


async def test_an_alarm_that_the_configuration_does_not_know_any_more_is_forgotten_with_a_record(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
    async with run(tmp_path, AlarmKey("station", "WATER")) as two:
        assert "station/TASK-REBUILT" not in two.letters()
        assert [each["key"] for each in await events(two)] == ["station/TASK-REBUILT"] * 2
    async with run(tmp_path) as three:
        assert three.letters()["station/TASK-REBUILT"] is Letter.NORMAL


async def test_an_order_stands_in_the_chain_of_the_audit_with_its_outcome_also_when_it_was_refused(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.order(Acknowledge((Target(REBUILT), Target(AlarmKey("no", "SUCH"))), "a.bekov"))
        found = await one.journal.entries(Query(commands=True))
        body = json.loads(found.records[0].body)
        assert (body["order"], body["who"], body["peer"]) == ("Acknowledge", "a.bekov", "uid 1000")
        assert [(each["key"], each["done"]) for each in body["outcomes"]] == [("station/TASK-REBUILT", True), ("no/SUCH", False)]
        verified = await one.journal.verify_audit()
        assert verified is not None
        assert (verified.intact, verified.head.position) == (True, 1)


async def test_a_key_that_is_no_text_at_all_is_refused_and_does_not_harm_the_journal(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.order(Acknowledge((Target(AlarmKey("\ud800", "X")),), "a.bekov"))
        assert one.journal.health.good
        found = await one.journal.entries(Query(commands=True))
        assert json.loads(found.records[0].body)["outcomes"][0]["error"] == "NoSuchAlarm"


async def test_light_is_told_with_an_id_and_without_a_broker_nothing_waits_for_one(tmp_path: Path) -> None:
    async with run(tmp_path, publish=False) as one:
        now = one.now()
        light = LightEvent(LightKind.LOST, "fp1-rx", now, now, now, 1)
        await one.recorder.keep([Announce(light)], None)
        assert [(each["kind"], each["channel"]) for each in await events(one)] == [("light-lost", "fp1-rx")]
        assert sum(total.records for total in one.journal.statistics.outbox.values()) == 0


async def test_what_cannot_be_read_is_found_anew_and_the_rest_is_kept(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
    async with run(tmp_path) as two:
        remembered = two.journal.restored
        broken = {**remembered.states, "fp1-booster/AMP-TEMPERATURE": "{not json"}
        fresh = Alarms(two.desk.plan, two.now())
        recorder = Recorder(
            two.journal, SystemClock(), SIMULATED, fresh, Documents(SIMULATED, board()), two.documents, publish=False
        )
        recorder.restore(type(remembered)(True, broken, remembered.values))
        assert {view.key: view.letter for view in fresh.views(lambda _: True)} == {REBUILT: Letter.NEW, HOT: Letter.NORMAL}


async def test_listeners_hear_every_record_until_they_leave(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        heard: list[AlarmRecord] = []
        leave = one.recorder.subscribe(heard.append)
        await one.signal(REBUILT, True)
        leave()
        await one.signal(REBUILT, False)
        assert [record.event.value for record in heard] == ["raise"]


async def test_the_document_of_an_alarm_is_there_as_long_as_it_stands(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
        assert one.documents.topics() == ("alarm/station/TASK-REBUILT",)
        document = json.loads(one.documents.payload("alarm/station/TASK-REBUILT", Clock.read()))
        assert (document["letter"], document["state"], document["active"]) == ("B", "new", True)
        assert document["first_action"]
        assert one.documents.payload("alarm/fp1-booster/AMP-TEMPERATURE", Clock.read()) == b""
        assert one.documents.payload("alarm/nothing", Clock.read()) == b""


async def test_a_journal_that_opens_late_gives_back_what_was_acknowledged(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
        await one.order(Acknowledge((Target(REBUILT),), "bekov", "seen"))
    async with run(tmp_path, late=True) as two:
        assert two.letters()[str(REBUILT)] is Letter.NORMAL
        await two.signal(REBUILT, True)
        assert two.letters()[str(REBUILT)] is Letter.NEW
        async with asyncio.timeout(30.0):
            while two.letters()[str(REBUILT)] is Letter.NEW:
                await asyncio.sleep(0.01)
        assert two.letters()[str(REBUILT)] is Letter.ACKNOWLEDGED
    async with run(tmp_path) as three:
        assert three.letters()[str(REBUILT)] is Letter.ACKNOWLEDGED
