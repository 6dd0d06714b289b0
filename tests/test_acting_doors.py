"""The doors to acting and to the audit: the real desk, engine and journal behind a real control socket. Only the plant is told by hand."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stationd.acting_doors import StationActing, StationAudit
from stationd.console.door import NotDone
from stationd.console.peer import Locality, Peer, Role
from stationd.console.places import USUAL
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import STATION, Plan
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.core.model import GOOD, PointId, Reading, Reason, SessionEnded, Value, WriteDone
from stationd.core.operation.desk import Operations
from stationd.core.operation.views import Phase
from stationd.core.station import Station
from stationd.engine import Engine
from stationd.outputs.act_records import ActRecords
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.document import Documents
from stationd.outputs.journal import Journal, State, SystemClock
from stationd.outputs.records import Recorder
from tests.console.desk import Caller
from tests.console.desk import Station as StatusBoard
from tests.core.operation.rig import AMP, PFE, PLAN, POINTS, quiet_plant
from tests.outputs.journal.files import locked, until
from tests.outputs.plant import SIMULATED, board

OPERATION, SETPOINT, AUDIT = "io.stationd.Operation", "io.stationd.Setpoint", "io.stationd.Audit"
ARMER = Peer(4244, 4244, 10, Role.POWER, locality=Locality.LOCAL)
SECOND = Peer(4245, 4245, 20, Role.POWER)
OPERATOR = Peer(4242, 4242, 30, Role.OPERATE)
TASK = {"verb": "energise", "toMilliamperes": 500, "rateMilliamperesPerSecond": 50}
ARM = {"object": PFE, "task": TASK, "reason": "repair done, WO 4711"}


@dataclass
class Plant:
    """What is written, and what is read. `answering` is cleared to keep a write in the air."""

    values: dict[PointId, Value] = field(default_factory=quiet_plant)
    written: list[tuple[PointId, Value]] = field(default_factory=list)
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, target: PointId, value: Value) -> WriteDone:
        self.written.append((target, value))
        await self.answering.wait()
        self.values[target] = value
        return WriteDone(target, value, value, Reason.NONE, "", asyncio.get_running_loop().time())


@dataclass
class House:
    folder: Path
    journal: Journal
    desk: Operations
    engine: Engine
    plant: Plant
    doors: StationActing
    audit: StationAudit
    peers: list[Peer] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)

    def identify(self, _: socket.socket) -> Peer:
        return self.peers.pop(0)

    async def caller(self, peer: Peer) -> Caller:
        self.peers.append(peer)
        caller = await Caller.at(self.folder / "io.stationd")
        assert "error" not in await caller.call("io.stationd.Status.GetStatus")
        self.callers.append(caller)
        return caller

    async def keep_reading(self) -> None:
        """Read the plant again and again, as a poller does."""
        while True:
            now = asyncio.get_running_loop().time()
            self.engine.post([Reading(point, value, GOOD, now) for point, value in self.plant.values.items()])
            await asyncio.sleep(0.05)

    def phase(self, name: str) -> Phase:
        view = self.desk.operation(name, asyncio.get_running_loop().time())
        assert view is not None
        return view.phase


@contextlib.asynccontextmanager
async def house() -> AsyncIterator[House]:
    folder, clock, target, plant = Path(tempfile.mkdtemp(prefix="doors")), SystemClock(), board(), Plant()
    plant.answering.set()
    now = asyncio.get_running_loop().time()
    journal, alarms, desk = Journal.open(folder / "journal.sqlite", clock=clock), Alarms(Plan({}), now), Operations(PLAN, now)
    acts = ActRecords(desk, SIMULATED, lambda effects: engine.follow(effects))  # noqa: PLW0108 - the engine is made after it
    documents = AlarmDocuments(SIMULATED, target, alarms)
    recorder = Recorder(journal, clock, SIMULATED, alarms, Documents(SIMULATED, target), documents, acts=acts, publish=False)
    engine = Engine(target, Station(dict.fromkeys(plant.values, 0.5), alarms, None, desk), plant.write, recorder)
    recorder.restore(await journal.start())
    engine.post([Signal(AlarmKey(STATION, "STORAGE-FAILED"), False, now)])
    acting, audit = StationActing(desk, engine.act, journal, clock), StationAudit(journal)
    one = House(folder, journal, desk, engine, plant, acting, audit)
    doors = Doors(StatusBoard(), None, False, None, acting, acting, audit)
    server = ControlSocket(
        folder / "io.stationd", interfaces(doors, USUAL), one.identify, os.getgid(),
        ended=lambda session: engine.post([SessionEnded(session, asyncio.get_running_loop().time())]),
    )  # fmt: skip
    server.start()
    tasks = [asyncio.create_task(work) for work in (engine.run(), server.run(), one.keep_reading())]
    try:
        await until(lambda: all(view.closed for view in desk.interlocks(asyncio.get_running_loop().time())))
        yield one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for caller in one.callers:
            caller.close()
        await journal.close()
        shutil.rmtree(folder)


async def call(caller: Caller, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters of an answer that is no error."""
    answer = await caller.call(method, parameters)
    assert "error" not in answer, answer
    found: dict[str, Any] = answer.get("parameters", {})
    return found


async def armed(one: House, caller: Caller) -> tuple[str, str]:
    """Have the authority taken and an energising armed; return its name and its code."""
    await call(caller, f"{OPERATION}.TakeAuthority", {"reason": "shift begins here"})
    answer = await call(caller, f"{OPERATION}.Arm", ARM)
    return answer["operation"]["name"], answer["code"]


def on_disk(folder: Path, kind: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/journal.sqlite?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM commands WHERE kind = ?", (kind,)).fetchone()
    return int(count)


# Two persons, from the arming to the first write.


async def test_two_persons_and_a_code_bring_an_operation_to_its_first_write() -> None:
    async with house() as one:
        armer, second = await one.caller(ARMER), await one.caller(SECOND)
        name, code = await armed(one, armer)
        assert one.phase(name) is Phase.WAITING
        refused = await armer.call(f"{OPERATION}.Approve", {"operation": name})
        assert (refused["error"], refused["parameters"]["cause"]) == (f"{OPERATION}.Refused", "second-person-missing")
        answer = await call(second, f"{OPERATION}.Approve", {"operation": name})
        assert (answer["operation"]["phase"], answer["operation"]["approver"], answer["durable"]) == ("armed", "uid 4245", True)
        assert one.plant.written == []
        answer = await call(armer, f"{OPERATION}.Execute", {"operation": name, "code": code})
        assert answer["operation"]["phase"] in ("starting", "running")
        await until(lambda: one.plant.written != [])
        assert on_disk(one.folder, "intent") == 1, "it was on the disk before anything was written"
        assert (await call(armer, f"{OPERATION}.KeepAlive", {"operation": name}))["operation"]["phase"] == "running"


async def test_a_wrong_code_says_what_would_be_right_and_begins_nothing() -> None:
    async with house() as one:
        armer, second = await one.caller(ARMER), await one.caller(SECOND)
        name, code = await armed(one, armer)
        await call(second, f"{OPERATION}.Approve", {"operation": name})
        wrong = "AAAA" if code != "AAAA" else "BBBB"
        answer = await armer.call(f"{OPERATION}.Execute", {"operation": name, "code": wrong})
        assert (answer["error"], answer["parameters"]["cause"]) == (f"{OPERATION}.Refused", "inconsistent-parameters")
        assert code not in str(answer)
        assert one.plant.written == []


async def test_whose_process_goes_has_nothing_armed_any_more() -> None:
    async with house() as one:
        armer, other = await one.caller(ARMER), await one.caller(ARMER)
        name, _ = await armed(one, armer)
        armer.close()
        assert "error" not in await other.call(f"{OPERATION}.Get", {"operation": name})
        assert one.phase(name) is Phase.WAITING, "the process has another connection"
        other.close()
        await until(lambda: one.phase(name) is Phase.CLOSED)


async def test_the_checks_are_those_that_an_arming_would_meet() -> None:
    async with house() as one:
        caller = await one.caller(OPERATOR)
        answer = await call(caller, f"{OPERATION}.Check", {"object": PFE, "task": TASK})
        refused = await caller.call(f"{OPERATION}.Arm", ARM)
        assert answer["good"] is False
        bad = [each["reason"] for each in answer["checks"] if each["reason"] is not None]
        assert {each["cause"] for each in bad} >= {"no-access-authority", "blocked-by-switching-hierarchy"}
        told = refused["parameters"]["reasons"]
        assert {each["cause"] for each in bad} <= {each["cause"] for each in told}
        assert all(each["why"] and each["remedy"] for each in told)
        assert on_disk(one.folder, "refused") == 1, "a refused arming is recorded, a look is not"


async def test_a_set_value_goes_from_its_name_to_the_plant_and_into_the_list() -> None:
    async with house() as one:
        caller = await one.caller(ARMER)
        await call(caller, f"{OPERATION}.TakeAuthority", {"reason": "shift begins here"})
        await call(caller, f"{SETPOINT}.Stage", {"device": AMP, "name": "gain", "value": 21.0, "unit": "dB"})
        (staged,) = (await call(caller, f"{SETPOINT}.Diff"))["staged"]
        assert (staged["name"], staged["now"]["v"], staged["staged"]["v"], staged["yours"]) == ("gain", 20.0, 21.0, True)
        await call(caller, f"{SETPOINT}.Apply", {"reason": "tilt after repair"})
        await until(lambda: one.plant.written == [(PointId(AMP, "gain_setpoint"), 21.0)])
        (applied,) = (await call(caller, f"{SETPOINT}.List"))["applied"]
        assert (applied["changes"][0]["before"]["v"], applied["changes"][0]["after"]["v"]) == (20.0, 21.0)


# The disk.


async def test_an_order_is_answered_when_it_is_on_the_disk_and_not_before() -> None:
    async with house() as one:
        caller = await one.caller(ARMER)
        with locked(one.folder) as release:
            caller.ask(f"{OPERATION}.AddHold", {"object": PFE, "reason": "ship on cable"})
            await until(lambda: one.desk.holds() != ())
            reading = asyncio.create_task(caller.answer())
            for _ in range(20):
                await asyncio.sleep(0)
            assert one.journal.health.good, "this is meant to be looked at before the disk counts as failing"
            assert not reading.done()
            release()
            answer = await reading
        assert answer["parameters"]["durable"] is True
        assert on_disk(one.folder, "hold-added") == 1


async def test_an_order_that_is_taken_while_the_disk_fails_is_answered_as_not_durable() -> None:
    async with house() as one:
        caller = await one.caller(ARMER)
        with locked(one.folder):
            answer = await call(caller, f"{OPERATION}.AddHold", {"object": PFE, "reason": "ship on cable"})
            assert one.journal.health.state is State.FAILING
            assert answer["durable"] is False
            assert one.desk.holds() != ()


async def test_an_emergency_off_waits_for_no_disk() -> None:
    async with house() as one:
        caller = await one.caller(OPERATOR)
        with locked(one.folder):
            answer = await call(caller, f"{OPERATION}.EmergencyOff", {"objects": [PFE, "pfe-z"]})
            assert one.journal.health.good, "the disk has hung for so short a time that nobody has noticed"
            assert one.plant.written[0] == (POINTS.on, False)
            assert answer["allConfirmed"] is True
            assert [(each["device"], each["confirmed"]) for each in answer["devices"]] == [(PFE, True)]
            assert "pfe-z" in answer["detail"], "what was not found stops nothing and is not kept quiet"


async def test_an_emergency_off_passes_an_order_that_hangs_in_the_disk() -> None:
    async with house() as one:
        waiting, caller = await one.caller(ARMER), await one.caller(OPERATOR)
        with locked(one.folder) as release:
            waiting.ask(f"{OPERATION}.AddHold", {"object": PFE, "reason": "ship on cable"})
            await until(lambda: one.desk.holds() != ())
            assert (await call(caller, f"{OPERATION}.EmergencyOff", {"objects": ["all"]}))["allConfirmed"] is True
            release()
        assert "error" not in await waiting.answer()


# The audit.


async def test_the_audit_shows_who_has_done_what_and_its_chain_holds() -> None:
    async with house() as one:
        caller = await one.caller(ARMER)
        await armed(one, caller)
        listing = await call(caller, f"{AUDIT}.List", {"last": 50})
        shown = [(each["kind"], each["who"]) for each in listing["entries"]]
        assert shown[-1] == ("armed", "uid 4244")
        assert "uid 4244, uid 4244, pid 10, local" in str(listing["entries"][-1]["document"])
        assert listing["torn"] == 0
        head = (await call(caller, f"{AUDIT}.Head"))["head"]
        verified = await call(caller, f"{AUDIT}.Verify")
        assert verified == {"intact": True, "position": head["position"], "digest": head["digest"], "brokenAt": None, "why": None}


async def test_a_record_that_somebody_has_changed_breaks_the_chain_where_it_stands() -> None:
    async with house() as one:
        caller = await one.caller(ARMER)
        await armed(one, caller)
        with contextlib.closing(sqlite3.connect(one.folder / "journal.sqlite")) as db:
            db.execute("UPDATE audit SET record = replace(record, 'authority', 'nothing') WHERE position = 1")
            db.commit()
        verified = await call(caller, f"{AUDIT}.Verify")
        assert (verified["intact"], verified["brokenAt"]) == (False, 1)
        assert "was changed" in verified["why"]


async def test_a_code_is_in_no_record() -> None:
    async with house() as one:
        armer, second = await one.caller(ARMER), await one.caller(SECOND)
        name, code = await armed(one, armer)
        await call(second, f"{OPERATION}.Approve", {"operation": name})
        await call(armer, f"{OPERATION}.Execute", {"operation": name, "code": code})
        listing = await call(armer, f"{AUDIT}.List", {"last": 1000})
        assert f'"{code}"' not in str(listing).replace("'", '"')


async def test_who_gives_up_waiting_for_the_walk_along_the_chain_ends_it_for_nobody_else() -> None:
    async with house() as one:
        first, second = asyncio.create_task(one.audit.verify()), asyncio.create_task(one.audit.verify())
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).broken_at is None
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_journal_that_cannot_be_read_is_no_empty_audit(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite")
    await journal.start()
    await journal.close()
    audit = StationAudit(journal)
    with pytest.raises(NotDone):
        await audit.entries(None, 10)
    with pytest.raises(NotDone):
        await audit.verify()
