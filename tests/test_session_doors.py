"""The door to the people of the station: the real desk, engine and journal behind a real control socket, and what a restart remembers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stationd.acting_doors import StationActing, StationAudit
from stationd.console.peer import Locality, Peer, Role
from stationd.console.places import USUAL
from stationd.console.seats import Seats
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import STATION, Plan
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.core.model import GOOD, PointId, Reading, Reason, SessionEnded, Value, WriteDone
from stationd.core.operation.desk import Operations
from stationd.core.station import Station
from stationd.engine import Engine
from stationd.outputs.act_records import ActRecords
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.document import Documents
from stationd.outputs.journal import Journal, Record, RecordClass, SystemClock
from stationd.outputs.records import Recorder
from stationd.session_doors import StationSession
from tests.console.desk import Caller
from tests.console.desk import Station as StatusBoard
from tests.console.people import SESSION, asked, failed, heard
from tests.core.operation.rig import PFE, PLAN, quiet_plant
from tests.outputs.journal.files import locked, until
from tests.outputs.plant import SIMULATED, board

OPERATION = "io.stationd.Operation"
ARMER = Peer(4244, 4244, 10, Role.POWER, locality=Locality.LOCAL, place="ttyS0")
SECOND = Peer(4245, 4245, 20, Role.POWER)
TASK = {"verb": "energise", "toMilliamperes": 500, "rateMilliamperesPerSecond": 50}


@dataclass
class House:
    """One run of a daemon whose state is in `folder`."""

    folder: Path
    journal: Journal
    door: StationSession
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


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="people"))
    yield path
    shutil.rmtree(path)


async def write(target: PointId, value: Value) -> WriteDone:
    return WriteDone(target, value, value, Reason.NONE, "", asyncio.get_running_loop().time())


async def keep_reading(engine: Engine) -> None:
    """Read the plant again and again, as a poller does."""
    while True:
        now = asyncio.get_running_loop().time()
        engine.post([Reading(point, value, GOOD, now) for point, value in quiet_plant().items()])
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    clock, target = SystemClock(), board()
    now = asyncio.get_running_loop().time()
    journal, alarms, desk = Journal.open(folder / "journal.sqlite", clock=clock), Alarms(Plan({}), now), Operations(PLAN, now)
    acts = ActRecords(desk, SIMULATED, lambda effects: engine.follow(effects))  # noqa: PLW0108 - the engine is made after it
    documents = AlarmDocuments(SIMULATED, target, alarms)
    recorder = Recorder(journal, clock, SIMULATED, alarms, Documents(SIMULATED, target), documents, acts=acts, publish=False)
    engine = Engine(target, Station(dict.fromkeys(quiet_plant(), 0.5), alarms, None, desk), write, recorder)
    recorder.restore(await journal.start())
    engine.post([Signal(AlarmKey(STATION, "STORAGE-FAILED"), False, now)])
    acting, seats = StationActing(desk, engine.act, journal, clock), Seats()
    one = House(folder, journal, StationSession(SIMULATED, journal, clock, acts.subscribe))
    doors = Doors(StatusBoard(), None, False, operations=acting, setpoints=acting, audit=StationAudit(journal), session=one.door)
    server = ControlSocket(
        folder / "io.stationd", interfaces(doors, USUAL, seats=seats), one.identify, os.getgid(), seats=seats,
        ended=lambda session: engine.post([SessionEnded(session, asyncio.get_running_loop().time())]),
    )  # fmt: skip
    server.start()
    tasks = [asyncio.create_task(work) for work in (engine.run(), server.run(), recorder.keep_on(), keep_reading(engine))]
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


def audited(folder: Path) -> list[dict[str, Any]]:
    """Return the records of people's orders, oldest first, with their place in the chain of the audit."""
    with contextlib.closing(sqlite3.connect(f"file:{folder}/journal.sqlite?mode=ro", uri=True)) as db:
        return [json.loads(body) for (body,) in db.execute("SELECT body FROM commands ORDER BY id")]


async def test_a_shift_its_text_and_its_notes_outlast_a_restart(folder: Path) -> None:
    async with house(folder) as one:
        first = await one.caller(ARMER)
        assert (await asked(first, "TakeHandover"))["durable"] is True
        assert await asked(first, "Note", {"text": "sensor wet, WO 4720"}) == {"durable": True}
        assert await asked(first, "WriteHandover", {"text": "watch the booster"}) == {"durable": True}
    async with house(folder) as one:
        second = await one.caller(SECOND)
        page = (await asked(second, "GetHandover"))["page"]
        assert (page["bookKnown"], page["shift"]["by"], page["written"]["text"]) == (True, "uid 4244", "watch the booster")
        assert [note["text"] for note in page["notes"]] == ["sensor wet, WO 4720"]
        assert page["audit"]["position"] >= 3
        assert (await failed(await one.caller(ARMER), "TakeHandover"))[1]["cause"] == "second-person-missing"
        assert (await asked(second, "TakeHandover"))["warnings"] == []
    async with house(folder) as one:
        page = (await asked(await one.caller(ARMER), "GetHandover"))["page"]
        assert (page["shift"]["by"], page["written"], page["notes"]) == ("uid 4245", None, [])


async def test_everything_that_people_write_stands_in_the_chain_of_the_audit(folder: Path) -> None:
    async with house(folder) as one:
        first, second = await one.caller(ARMER), await one.caller(SECOND)
        await asked(second, "Announce", {"shell": True})
        listener = await one.caller(SECOND)
        listener.ask(f"{SESSION}.Monitor", more=True)
        await heard(listener)
        await asked(first, "Message", {"to": "all", "text": "ship is off the cable"})
        await asked(first, "Silence", {"seconds": 60})
        await asked(first, "WriteHandover", {"text": "watch the booster"})
        await asked(second, "TakeHandover")
        verified = await one.journal.verify_audit()
        assert verified is not None
        assert verified.intact
    found = [body for body in audited(folder) if body.get("kind") in ("message", "silence", "handover-written", "handover-taken")]
    assert [(body["kind"], body["who"]) for body in found] == [
        ("message", "uid 4244"), ("silence", "uid 4244"), ("handover-written", "uid 4244"), ("handover-taken", "uid 4245"),
    ]  # fmt: skip
    assert found[0]["document"] == {"text": "ship is off the cable", "heard": ["uid 4245"]}
    assert found[3]["document"]["text"] == "watch the booster"
    assert "uid 4244, pid 10, local" in found[0]["peer"]


async def test_what_one_person_does_to_the_plant_is_told_to_the_other_and_stands_in_the_prompt(folder: Path) -> None:
    async with house(folder) as one:
        armer, second = await one.caller(ARMER), await one.caller(SECOND)
        listener = await one.caller(SECOND)
        listener.ask(f"{SESSION}.Monitor", more=True)
        await heard(listener)
        assert "error" not in await armer.call(f"{OPERATION}.TakeAuthority", {"reason": "shift begins here"})
        told = await heard(listener)
        assert (told["kind"], told["text"]) == (
            "authority", "the authority is LOCAL uid 4244, taken by uid 4244 (was NONE): shift begins here",
        )  # fmt: skip
        assert "error" not in await armer.call(f"{OPERATION}.Arm", {"object": PFE, "task": TASK, "reason": "repair done, WO 4711"})
        told = await heard(listener)
        assert told["text"].startswith("uid 4244 has armed OP-1: pfe-a energise to 500 mA rate 50 mA/s; it waits for a second person")
        marks = (await asked(armer, "GetPrompt"))["prompt"]["marks"]
        assert [mark.rpartition(" ")[0] for mark in marks] == ["OP-1 waiting"]
        assert [(await asked(caller, "GetPrompt"))["prompt"]["place"] for caller in (armer, second)] == ["local", "view"]
        assert [seat["armed"] for seat in (await asked(second, "List"))["sessions"]] == [["OP-1"], []]
        (warning,) = (await asked(second, "TakeHandover"))["warnings"]
        assert warning.startswith("OP-1 (pfe-a, energise to 500 mA rate 50 mA/s) is not closed: waits for a second person")
        armer.close()
        told = await heard(listener)
        assert (told["kind"], told["by"]) == ("operation", "stationd")
        assert told["text"] == "OP-1 is disarmed: the session of uid 4244 has ended"


async def test_while_the_disk_fails_a_note_counts_and_the_answer_says_that_a_restart_forgets_it(folder: Path) -> None:
    async with house(folder) as one:
        caller = await one.caller(ARMER)
        with locked(folder):
            answer = await asked(caller, "Note", {"text": "sensor wet"})
            assert answer == {"durable": False}
            assert (await asked(caller, "GetHandover"))["page"]["journal"]["good"] is False
        assert [note.text for note in one.door.book().notes] == ["sensor wet"]


async def test_a_book_that_is_torn_is_said_to_be_and_not_made_up(folder: Path) -> None:
    async with house(folder) as one:
        await asked(await one.caller(ARMER), "TakeHandover")
    journal = Journal.open(folder / "journal.sqlite")
    await journal.start()
    kept = journal.append(Record(journal.stamp(), RecordClass.COMMAND, "states", values={"session": '{"book": {"shift": 3}}'}))
    await kept
    await journal.close()
    async with house(folder) as one:
        page = (await asked(await one.caller(SECOND), "GetHandover"))["page"]
        assert page["shift"] is None
        assert "what is remembered of the shift is torn" in page["journal"]["detail"]

