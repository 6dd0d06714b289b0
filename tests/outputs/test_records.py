"""What the engine tells, in the journal and out of it again after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stationd.core.alarm.condition import Above
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Acknowledge, AlarmRecord, Annunciate, Shelve, Signal, Target, Why
from stationd.core.model import GOOD, Announce, LightEvent, LightKind, PointId, Reading, Tick
from stationd.engine import Ordered
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.clock import Clock
from stationd.outputs.document import Documents
from stationd.outputs.journal import Journal, JournalSettings, Moment, Query, Record, RecordClass, SystemClock
from stationd.outputs.records import Machine, Recorder
from tests.outputs.journal.files import SetClock, locked, until
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
async def run(
    folder: Path,
    *keys: AlarmKey,
    publish: bool = True,
    late: bool = False,
    keeping: bool = True,
    clock: Callable[[], Moment] | None = None,
    machine: Callable[[], Machine] | None = None,
    settings: JournalSettings | None = None,
) -> AsyncIterator[Run]:
    clock, target, now = clock or SystemClock(), board(), asyncio.get_running_loop().time()
    rules = {key: rule(key) for key in keys or (REBUILT,)} | {HOT: rule(HOT, Above(60.0, 3.0), POINT)}
    plan = Plan(rules)
    journal, desk = Journal.open(folder / "journal.sqlite", settings, clock), Alarms(plan, now)
    documents = AlarmDocuments(SIMULATED, target, desk)
    recorder = Recorder(journal, clock, SIMULATED, desk, Documents(SIMULATED, target), documents, machine, publish=publish)
    kept = recorder.restore(await journal.start(0.0) if late else await journal.start())
    if not late:
        await kept
    tidying = asyncio.create_task(recorder.keep_on()) if keeping else None
    try:
        yield Run(journal, desk, recorder, documents)
    finally:
        if tidying is not None:
            tidying.cancel()
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


async def test_who_wants_the_messages_to_people_hears_them_and_no_record(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        heard: list[Annunciate] = []
        leave = one.recorder.subscribe_messages(heard.append)
        await one.signal(REBUILT, True)
        await one.signal(REBUILT, False)
        leave()
        await one.signal(REBUILT, True)
        assert [(message.key, message.why) for message in heard] == [(REBUILT, Why.RAISED)]


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


def states(folder: Path) -> dict[str, str]:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/journal.sqlite?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT key, body FROM states").fetchall())


async def test_a_kill_before_the_late_memory_was_taken_up_forgets_nothing(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
        await one.order(Acknowledge((Target(REBUILT),), "bekov", "seen"))
    before = states(tmp_path)
    with locked(tmp_path) as release:
        async with run(tmp_path, late=True, keeping=False) as two:
            now = two.now()
            kept = two.recorder.keep(two.desk.handle(Signal(REBUILT, True, now), now), None)
            answer = two.desk.obey(Acknowledge((Target(REBUILT),), "bekov"), now)
            ordered = two.recorder.keep(answer.effects, Ordered(Acknowledge((Target(REBUILT),), "bekov"), "", answer.outcomes))
            two.recorder.keep_states()
            release()
            await kept
            await two.journal.append(Record(two.journal.stamp(), RecordClass.ALARM, "mark"))
            assert states(tmp_path) == before
            assert not ordered.done(), "an order is not answered before a restart would know of it"
            two.recorder.keep_states()
            await ordered
            assert states(tmp_path) != before
    async with run(tmp_path) as three:
        assert three.letters()[str(REBUILT)] is Letter.ACKNOWLEDGED


async def test_the_first_run_of_a_station_keeps_every_alarm_also_those_of_which_nothing_was_heard(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
    assert states(tmp_path).keys() == {str(REBUILT), str(HOT)}


def edit(folder: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as db:
        assert db.execute(statement).rowcount > 0
        db.commit()


TORN_ROW = "UPDATE states SET body = replace(body, 'ac----', 'a-----') WHERE key = 'station/TASK-REBUILT'"
TORN_DESK = "UPDATE meta SET value = replace(value, '1', '2') WHERE key = 'value:desk'"


TORN_NAMES = [
    "UPDATE states SET key = 'station/TASK-REBUIMT' WHERE key = 'station/TASK-REBUILT'",
    "UPDATE meta SET key = 'value:desl' WHERE key = 'value:desk'",
]


async def test_rows_whose_names_are_torn_are_replaced_and_told_once(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
        await one.order(Acknowledge((Target(REBUILT),), "bekov", "seen"))
    for statement in TORN_NAMES:
        edit(tmp_path, statement)
    async with run(tmp_path) as two:
        assert two.letters()[str(REBUILT)] is Letter.ACKNOWLEDGED
        assert "TASK-REBUIMT" in " ".join(two.journal.health.damage)
    async with run(tmp_path) as three:
        assert three.letters()[str(REBUILT)] is Letter.ACKNOWLEDGED
        assert three.journal.health.damage == ()


@pytest.mark.parametrize("damage", [[TORN_ROW], [TORN_DESK], [TORN_ROW, TORN_DESK]], ids=["row", "desk", "both"])
async def test_an_alarm_whose_row_is_torn_stands_as_its_last_event_left_it_and_that_is_told(tmp_path: Path, damage: list[str]) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
        await one.order(Acknowledge((Target(REBUILT),), "bekov", "seen"))
    for statement in damage:
        edit(tmp_path, statement)
    async with run(tmp_path) as two:
        assert two.letters()[str(REBUILT)] is Letter.ACKNOWLEDGED
        view = two.desk.view(REBUILT)
        assert view is not None
        assert view.seen is not None
        assert (view.occurrence, view.seen.who, view.seen.note) == (1, "bekov", "seen")
        told = " ".join(two.journal.health.damage)
        assert ("station/TASK-REBUILT" in told) is (TORN_ROW in damage)
        assert ("'desk'" in told) is (TORN_DESK in damage)
        await two.signal(REBUILT, False)
        assert two.letters()[str(REBUILT)] is Letter.NORMAL
        numbers = [each["number"] for each in await events(two) if each["kind"] == "alarm"]
        assert numbers == list(range(1, len(numbers) + 1)), "records go on counting"
    async with run(tmp_path) as three:
        assert three.journal.health.damage == (), "told once"


@pytest.mark.parametrize("value", ["{", "[]", '{"t": 1.0}', '{"t": "x", "number": 1, "counts": {}}', '{"t": 5, "number": 1, "counts": 7}'])
async def test_a_desk_that_is_whole_and_yet_cannot_be_read_costs_no_letter(tmp_path: Path, value: str) -> None:
    async with run(tmp_path) as one:
        await one.signal(REBUILT, True)
        await one.order(Acknowledge((Target(REBUILT),), "bekov", "seen"))
        await one.journal.append(Record(one.journal.stamp(), RecordClass.ALARM, "k", values={"desk": value}))
    async with run(tmp_path) as two:
        assert two.letters()[str(REBUILT)] is Letter.ACKNOWLEDGED
        assert two.journal.health.damage != ()


async def test_a_shelf_counts_no_time_that_only_a_clock_that_was_wrong_tells(tmp_path: Path) -> None:
    clock = SetClock(utc_s=1_000.0)  # 1970: not set yet, and it says so
    clock.synchronised = False
    async with run(tmp_path, clock=clock, machine=lambda: Machine("first", 50.0)) as one:
        await one.order(Shelve(HOT, 600.0, "a.bekov", "sensor is wet"))
    later = SetClock(utc_s=1_795_000_000.0)
    async with run(tmp_path, clock=later, machine=lambda: Machine("second", 20.0)) as two:
        now = two.now()
        two.desk.handle(Tick(now), now)
        assert two.letters()[str(HOT)] is Letter.SHELVED


async def test_states_that_were_lost_for_want_of_memory_are_written_as_soon_as_the_disk_works(tmp_path: Path) -> None:
    tiny = JournalSettings(memory_pinned=3000, retry_s=0.02)
    async with run(tmp_path, settings=tiny) as one:
        await one.signal(REBUILT, True)
        with locked(tmp_path):
            filling = one.journal.append(Record(one.journal.stamp(), RecordClass.ALARM, "fill", body="x" * 2500))
            await until(lambda: not one.journal.health.good)
            while not filling.done():  # the writer holds the first; the next one fills the memory
                filling = one.journal.append(Record(one.journal.stamp(), RecordClass.ALARM, "fill", body="x" * 2500))
            now = one.now()
            lost = one.recorder.keep(one.desk.handle(Signal(REBUILT, False, now), now), None)
            await asyncio.wait({lost})
            assert lost.cancelled()
        await until(lambda: one.journal.health.good)
        await until(lambda: '"flags":"a' not in states(tmp_path)[str(REBUILT)])
    async with run(tmp_path) as two:
        assert two.letters()[str(REBUILT)] is Letter.GONE
