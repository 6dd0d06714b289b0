"""Acts on their way to the journal, and what the desk of operations must know after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Plan
from stationd.core.model import PointId, Reason
from stationd.core.operation.orders import Confirm, KeepAlive
from stationd.core.operation.task import CommandClass, Pump
from stationd.core.operation.views import OperationView, Phase
from stationd.core.operation.words import Accepted, ActEffect, Hasten, Noted
from stationd.engine import Acted
from stationd.outputs.act_records import OPERATIONS, ActRecords, readable
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.document import Documents
from stationd.outputs.journal import Journal, JournalSettings, Kept, Query, Record, RecordClass, SystemClock
from stationd.outputs.records import Machine, Recorder
from tests.acting import BEKOV, ActingDesk
from tests.outputs.journal.files import locked, until
from tests.outputs.plant import SIMULATED, board

HOLD = {"holds": [{"name": "H-1", "object": "line", "reason": "ship on cable"}]}
ARMED = OperationView(
    "OP-1", "fp1-booster", Pump(True), CommandClass.OPERATE, Phase.ARMED, 0.0, 0.0, "a.bekov", 1001, "1001:77", "test of the pump", (), ()
)  # fmt: skip


@dataclass
class Run:
    """One run of the daemon, as far as it remembers acts."""

    journal: Journal
    desk: ActingDesk
    recorder: Recorder
    followed: list[ActEffect] = field(default_factory=list)

    def noted(self, kind: str = "armed", intent: int = 0, **document: object) -> asyncio.Future[None]:
        noted = Noted(kind, "OP-1", asyncio.get_running_loop().time(), "a.bekov", document, intent)
        return self.recorder.keep([noted], Acted(Confirm(BEKOV), "uid 1001, pid 77", Accepted()))

    async def bodies(self) -> list[dict[str, Any]]:
        found = await self.journal.entries(Query(commands=True))
        return [json.loads(each.body) for each in found.records[::-1]]


@contextlib.asynccontextmanager
async def run(
    folder: Path,
    desk: ActingDesk | None = None,
    *,
    late: bool = False,
    keeping: bool = True,
    machine: Machine | None = None,
    settings: JournalSettings | None = None,
) -> AsyncIterator[Run]:
    desk, target, clock, plan = desk or ActingDesk(), board(), SystemClock(), Plan({})
    journal, alarms = Journal.open(folder / "journal.sqlite", settings, clock), Alarms(plan, asyncio.get_running_loop().time())
    followed: list[ActEffect] = []

    def follow(effects: Sequence[ActEffect]) -> None:
        followed.extend(effects)

    recorder = Recorder(
        journal, clock, SIMULATED, alarms, Documents(SIMULATED, target), AlarmDocuments(SIMULATED, target, alarms),
        (lambda: machine) if machine else None, acts=ActRecords(desk, SIMULATED, follow), publish=True,
    )  # fmt: skip
    kept = recorder.restore(await journal.start(0.0) if late else await journal.start())
    if not late:
        await kept
    tidying = asyncio.create_task(recorder.keep_on()) if keeping else None
    try:
        yield Run(journal, desk, recorder, followed)
    finally:
        if tidying is not None:
            tidying.cancel()
        await journal.close()


def saved(folder: Path) -> dict[str, object] | None:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/journal.sqlite?mode=ro", uri=True)) as db:
        row = db.execute("SELECT value FROM meta WHERE key = ?", (f"value:{OPERATIONS}",)).fetchone()
    return json.loads(row[0])["desk"] if row else None


async def test_an_act_stands_in_the_audit_and_in_the_outbox_with_who_when_and_what(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        await one.noted(reason="repair done WO 4711", limits=("V > 2400 V",), target=PointId("pfe-a", "output_on"), cause=Reason.TIMEOUT)
        (body,) = await one.bodies()
        (message,) = [each for each in await one.journal.outbox.next(10) if each.topic == "event"]
        assert json.loads(message.payload) == body
        assert (body["kind"], body["subject"], body["who"], body["peer"]) == ("armed", "OP-1", "a.bekov", "uid 1001, pid 77")
        assert body["id"] == f"aktau-{body['boot']}-{body['sequence']}"
        assert body["t"].endswith("Z")
        assert body["document"] == {
            "reason": "repair done WO 4711", "limits": ["V > 2400 V"], "target": "pfe-a.output_on", "cause": "timeout",
        }  # fmt: skip
        audit = await one.journal.verify_audit()
        assert audit is not None
        assert (audit.intact, audit.head.position) == (True, 1)


async def test_the_state_that_an_act_led_to_is_on_the_disk_with_its_record(tmp_path: Path) -> None:
    async with run(tmp_path, keeping=False) as one:
        one.desk.state = {"phase": "armed"}
        await one.noted("armed")
        assert saved(tmp_path) == {"phase": "armed"}
        with locked(tmp_path) as release:
            one.desk.state = {"phase": "starting"}
            kept = one.noted("intent", intent=1)
            await asyncio.sleep(0.05)
            assert not kept.done()
            assert saved(tmp_path) == {"phase": "armed"}
            release()
            await kept
        assert saved(tmp_path) == {"phase": "starting"}


async def test_what_is_saved_is_put_back_with_its_age_and_what_the_desk_says_to_it_is_carried_out(tmp_path: Path) -> None:
    async with run(tmp_path, machine=Machine("first", 100.0)) as one:
        one.desk.state = HOLD
        await one.noted()
    says = (Noted("restarted", "OP-1", 0.0, ""), Hasten(frozenset(), 0.5))
    async with run(tmp_path, ActingDesk(says_of_restart=says), machine=Machine("first", 142.0)) as two:
        assert two.desk.restored == [(HOLD, pytest.approx(42.0))]
        assert two.followed == list(says)


async def test_what_changed_without_a_record_is_saved_now_and_then_and_only_then(tmp_path: Path) -> None:
    async with run(tmp_path, keeping=False) as one:
        one.desk.state = HOLD
        one.recorder.keep_states()
        await one.journal.append(mark(one.journal))
        assert saved(tmp_path) is None, "nothing was said to have changed"
        one.desk.dirty = True
        one.recorder.keep_states()
        await one.journal.append(mark(one.journal))
        assert saved(tmp_path) == HOLD


def mark(journal: Journal) -> Record:
    return Record(journal.stamp(), RecordClass.ALARM, "mark")


async def test_an_order_that_leaves_no_record_is_kept_at_once(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        kept = one.recorder.keep((), Acted(KeepAlive(BEKOV, "OP-1"), "", Accepted()))
        assert kept.done()
        assert await one.bodies() == []


async def test_a_late_memory_is_taken_up_and_nothing_was_written_before(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        one.desk.state = HOLD
        await one.noted()
    with locked(tmp_path) as release:
        async with run(tmp_path, late=True, keeping=False) as two:
            two.desk.dirty = True
            kept = two.noted("authority")
            two.recorder.keep_states()
            release()
            await two.journal.append(mark(two.journal))
            assert saved(tmp_path) == HOLD
            assert not kept.done(), "an order is not answered before a restart would know of it"
            two.recorder.keep_states()
            await kept
            assert [state for state, _ in two.desk.restored] == [HOLD]
    assert saved(tmp_path) == HOLD


async def test_a_late_memory_is_taken_up_also_where_something_was_armed_meanwhile(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        one.desk.state = HOLD
        await one.noted()
    async with run(tmp_path, ActingDesk(armed=(ARMED,)), late=True) as two:
        await until(lambda: bool(two.desk.restored))
        assert [state for state, _ in two.desk.restored] == [HOLD]
        assert two.journal.health.damage == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"desk": 7}', "{}"])
async def test_what_cannot_be_read_is_told_and_holds_the_station(tmp_path: Path, text: str) -> None:
    async with run(tmp_path) as one:
        await one.journal.append(Record(one.journal.stamp(), RecordClass.ALARM, "mark", values={OPERATIONS: text}))
    says = (Hasten(frozenset(), 0.5),)
    async with run(tmp_path, ActingDesk(says_of_restart=says)) as two:
        assert (two.desk.restored, two.desk.doubts, two.followed) == ([], 1, list(says))
        assert any("holds" in sentence and "two persons" in sentence for sentence in two.journal.health.damage)


async def test_a_journal_that_is_damaged_as_a_whole_holds_the_station(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"no database at all, for many pages" * 1000)
    async with run(tmp_path) as one:
        assert (one.journal.health.set_aside, one.desk.doubts) != ((), 0)
        assert one.desk.doubts == 1


async def test_holds_that_are_torn_hold_the_station_and_are_told(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        one.desk.state = HOLD
        await one.noted()
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.sqlite")) as db:
        assert db.execute("UPDATE meta SET value = replace(value, 'H-1', 'H-2') WHERE key = 'value:operations'").rowcount
        db.commit()
    async with run(tmp_path) as two:
        assert (two.desk.restored, two.desk.doubts) == ([], 1)
        assert any("holds" in sentence for sentence in two.journal.health.damage)
        two.desk.state = HOLD
        await two.noted()
    async with run(tmp_path) as three:
        assert (three.journal.health.damage, three.desk.doubts) == ((), 0), "told once"
        assert [state for state, _ in three.desk.restored] == [HOLD], "and the hold stays"


async def test_a_desk_that_cannot_take_it_up_does_not_stop_the_start(tmp_path: Path) -> None:
    class Picky(ActingDesk):
        def restore(self, saved: object, now: float, elapsed_s: float) -> list[ActEffect]:
            raise KeyError("holds")

    async with run(tmp_path) as one:
        await one.noted()
    async with run(tmp_path, Picky()) as two:
        assert any("holds" in sentence for sentence in two.journal.health.damage)
        assert two.desk.doubts == 1
        await two.noted()


async def test_a_station_that_never_acted_has_nothing_to_put_back_and_says_nothing(tmp_path: Path) -> None:
    async with run(tmp_path) as one:
        assert (one.desk.restored, one.desk.doubts, one.followed, one.journal.health.damage) == ([], 0, [], ())


async def test_a_state_that_was_lost_for_want_of_memory_is_written_as_soon_as_the_disk_works(tmp_path: Path) -> None:
    tiny = JournalSettings(memory_pinned=3000, retry_s=0.02)
    async with run(tmp_path, settings=tiny) as one:
        await one.noted()
        with locked(tmp_path):
            filling = one.journal.append(fill(one.journal))
            await until(lambda: not one.journal.health.good)
            while not filling.done():  # the writer holds the first; the next one fills the memory
                filling = one.journal.append(fill(one.journal))
            assert filling.result() is Kept.LOST
            one.desk.state = HOLD
            lost = one.noted("hold-added")
            await asyncio.wait({lost})
            assert lost.cancelled(), "whoever ordered it is told that it is not on the disk"
        await until(lambda: saved(tmp_path) == HOLD)


def fill(journal: Journal) -> Record:
    return Record(journal.stamp(), RecordClass.ALARM, "fill", body="x" * 2500)


def test_everything_that_a_document_may_hold_becomes_json() -> None:
    document = {"nan": math.nan, "inf": math.inf, "set": frozenset("ab"), 3: (1, None, True), "task": Pump(True), "a": {"b": [Reason.BUSY]}}
    plain = {"nan": None, "inf": None, "set": ["a", "b"], "3": [1, None, True], "task": "Pump(on=True)", "a": {"b": ["busy"]}}
    assert json.loads(json.dumps(readable(document), allow_nan=False)) == plain
