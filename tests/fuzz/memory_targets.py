"""What the daemon reads back of itself: the file of the journal, rows in it, the history, incident files, small values.

Each was written by this program, perhaps by another version, and was then on a disk. Promised: nothing is raised that a start cannot
live with; no alarm comes back in a letter that nobody wrote; nothing that acts comes back running, and nothing is sent; a damaged file is
set aside, never deleted.

An input of `journal-file` is a list of changes to a whole journal, five bytes each (where, what), or the bytes themselves.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import tempfile
from functools import cache
from pathlib import Path

from stationd.core.alarm.condition import Above
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.line.words import End
from stationd.core.model import GOOD, PointId, Reading, Tick, Write
from stationd.core.operation.desk import Operations
from stationd.core.operation.views import Phase
from stationd.core.watch.line_watch import LineWatch
from stationd.outputs.act_records import OPERATIONS, ActRecords
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.document import Documents
from stationd.outputs.incidents.course import Course
from stationd.outputs.incidents.course import Settings as IncidentSettings
from stationd.outputs.incidents.files import Files
from stationd.outputs.incidents.files import Statistics as IncidentStatistics
from stationd.outputs.incidents.record import Damaged, read_through
from stationd.outputs.journal import HistorySettings, Journal, JournalSettings, Kept, Moment, Query, RecordClass, Wanted
from stationd.outputs.journal.codec import Series, Unreadable, decode_series
from stationd.outputs.journal.frames import decode_frame
from stationd.outputs.journal.health import State
from stationd.outputs.journal.journal import Restored
from stationd.outputs.journal.minutes import Minute, decode_minutes, encode_minutes
from stationd.outputs.journal.place import Place
from stationd.outputs.records import DESK, Machine, Recorder
from stationd.outputs.recovered import plain
from tests.core.operation.rig import PLAN
from tests.core.watch.watched_line import plan as line_plan
from tests.fuzz.target import Broken, Target, holds
from tests.outputs.journal.files import SetClock, record
from tests.outputs.plant import SIMULATED, board

STATES = {f"x/ALARM-{n}": json.dumps({"letter": "BCDEFG"[n % 6], "n": n, "text": "x" * 40}) for n in range(12)}
HERE = JournalSettings(group_s=0.01, retry_s=0.02, threads=False, history=HistorySettings(frame_s=0.02))
CHANGE_BYTES = 5
NOW = 1000.0
PATIENCE_S = 10.0


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


# The file of the journal.


def journal_file(data: bytes) -> None:
    """Feed a torn journal to the start of a daemon."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        path = Path(name) / "journal.sqlite"
        if data[:1] == b"\1":
            path.write_bytes(data[1:])
        elif data[:1] == b"\2":
            path.write_bytes(whole())
            path.with_name("journal.sqlite-wal").write_bytes(data[1:])
        else:
            path.write_bytes(changed(whole(), data[1:]))
        _loop().run_until_complete(_soon(Path(name)))


async def _soon(directory: Path) -> None:
    """Live on. A file that is damaged for certain has been set aside long before the patience ends."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _live_on(directory)
    except TimeoutError:
        raise Broken(f"after {PATIENCE_S:g} s the journal still keeps nothing") from None


def changed(before: bytes, data: bytes) -> bytes:
    """Return a file with changes: three bytes say where, one how (a byte, a run of them, the end), one what is written."""
    torn = bytearray(before)
    for at in range(0, len(data) - CHANGE_BYTES + 1, CHANGE_BYTES):
        if not torn:
            break
        where, how, what = int.from_bytes(data[at : at + 3], "big") % len(torn), data[at + 3], data[at + 4]
        if how < 200:
            torn[where] ^= what or 1
        elif how < 250:
            torn[where : where + 64] = bytes((what,)) * min(64, len(torn) - where)
        else:
            del torn[where:]
    return bytes(torn)


@cache
def whole() -> bytes:
    """Return a whole journal of one run with alarms, messages, commands and readings."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        _loop().run_until_complete(_write(Path(name)))
        return (Path(name) / "journal.sqlite").read_bytes()


async def _write(directory: Path) -> None:
    journal = _journal(directory, "first")
    await journal.start()
    for key, state in STATES.items():
        journal.append(record(journal, subject=key, states={key: state}, topics=(f"alarm/{key}",), audited=True))
    journal.record_readings([Reading(PointId("d", "p"), float(n), GOOD, float(n)) for n in range(100)])
    await journal.append(record(journal, RecordClass.COMMAND, values={"v": "{}"}))
    holds(await journal.close(), "a whole journal could not be made")


def _journal(directory: Path, run: str) -> Journal:
    return Journal.open(directory / "journal.sqlite", HERE, SetClock(), run)


async def _live_on(directory: Path) -> None:
    """Start on what is there. What is restored was written, what was written now is kept, what is set aside is there."""
    journal, before = _journal(directory, "second"), (directory / "journal.sqlite").read_bytes()
    await journal.start()
    try:
        if journal.health.state is State.NEWER:  # a header that tells of a newer schema may be right: the file is left alone
            holds((directory / "journal.sqlite").read_bytes() == before, "a file of a newer schema was written to")
            return
        holds(journal.restored.states.items() <= STATES.items(), f"an invented state: {journal.restored.states}")
        kept = await journal.append(record(journal, subject="new", states={"new": "{}"}, topics=("t",)))
        holds(kept is Kept.COMMITTED, f"a new record is {kept}")
        for message in await journal.outbox.next(1000):
            holds(message.topic == "t" or message.topic.removeprefix("alarm/") in STATES, f"an invented message on {message.topic!r}")
        for each in (await journal.entries(Query())).records:
            holds(each.subject in ("", "new") or each.subject in STATES, f"an invented event of {each.subject!r}")
        await journal.verify_audit()
        trace = await journal.trace(Wanted("d.p", -1e11, 1e11))
        holds(len(trace.samples) <= 2 * 100, "more readings than were written")
        holds(all((directory / name).exists() for name in journal.health.set_aside), "what was set aside is gone")
    finally:
        await journal.close()


# What stands in rows.


def remembered(data: bytes) -> None:
    """Feed lines of JSON, as rows with a right check sum, to what takes them up: alarms, operations, the line."""
    lines = [line.decode("utf-8", "replace") for line in data[1:].split(b"\n")]
    match data[0] % 3 if data else None:
        case 0:
            _loop().run_until_complete(_alarms(lines[0], lines[1:]))
        case 1:
            _operations(lines[0])
        case 2:
            _line(lines[0])


KEYS = tuple(AlarmKey("fp1-booster", name) for name in ("AMP-TEMPERATURE", "LOW-OUTPUT", "DEVICE-SILENT"))
POINT = PointId("fp1-booster", "case_temperature")


async def _alarms(place: str, rows: list[str]) -> None:
    rules = {key: rule(key) for key in KEYS[1:]} | {KEYS[0]: rule(KEYS[0], Above(60.0, 3.0), POINT)}
    plan, target = Plan(rules), board()
    desk, clock = Alarms(plan, NOW), SetClock()
    states = {f"row{n}": row for n, row in enumerate(rows)}
    journal = Journal(Path("nowhere"), JournalSettings(), clock, "run", Place(Path("nowhere"), ""))  # never started: it keeps in memory
    documents = AlarmDocuments(SIMULATED, target, desk)
    machine = Machine("boot", 1.0)
    recorder = Recorder(journal, clock, SIMULATED, desk, Documents(SIMULATED, target), documents, lambda: machine, publish=True)
    told = _told(rows)
    recorder.restore(Restored(True, states, {DESK: place}))
    for view in desk.views(lambda _: True):
        holds(view.letter is Letter.NORMAL or str(view.key) in told, f"{view.key} comes back as {view.letter} and stands in no row")
        holds(math.isfinite(view.onset), f"{view.key} began at {view.onset}")
    _go_on(desk)
    json.dumps(desk.snapshot(NOW + 10.0).counts, allow_nan=False)


def _told(rows: list[str]) -> set[str]:
    """Return the alarms that any row names."""
    return {str(key) for key in KEYS if any(json.dumps(str(key))[1:-1] in row or "\\" in row for row in rows)}


def _go_on(desk: Alarms) -> None:
    """Have the desk read, and time pass: whatever it remembers, it goes on."""
    for number, value in enumerate((50.0, 90.0, None, 50.0)):
        now = NOW + number
        desk.handle(Reading(POINT, value, GOOD, now), now)
        desk.handle(Tick(now + 0.5), now + 0.5)


def _operations(text: str) -> None:
    desk, followed = Operations(PLAN, NOW), list[object]()
    acts = ActRecords(desk, SIMULATED, followed.extend)
    acts.put_back(Restored(True, {}, {OPERATIONS: text}), NOW, lambda _: 5.0)
    followed += desk.handle(Tick(NOW + 1.0), NOW + 1.0)
    sent = [each for each in followed if isinstance(each, Write)]
    holds(not sent, f"a memory sends {sent}")
    running = [view for view in desk.operations(NOW + 1.0) if view.phase not in (Phase.HELD, Phase.CLOSED)]
    holds(not running, f"operations come back as {[view.phase for view in running]}")
    json.dumps(desk.saved(NOW + 1.0), allow_nan=False, default=str)


def _line(text: str) -> None:
    saved = plain(text)
    if saved is not None:
        watch = LineWatch(line_plan(End.A), NOW)
        watch.restore(saved, NOW, 5.0)
        watch.handle(Reading(PointId("pfe", "output_current"), 1000.0, GOOD, NOW), NOW)
        watch.handle(Tick(NOW + 1.0), NOW + 1.0)
        watch.saved(NOW + 1.0)


# The history and incidents.


def history(data: bytes) -> None:
    """Feed a packed block; what can be read is written again and says the same."""
    kind, body = data[:1], data[1:]
    try:
        match kind:
            case b"\1":
                minutes = decode_minutes(body)
                holds(_same(decode_minutes(encode_minutes(_kept(minutes))), _kept(minutes)), "minutes that are written again differ")
            case b"\2":
                opened = decode_frame(body)
                for number in opened.numbers[:50]:
                    opened.part(number)
            case _:
                _check_series(decode_series(body))
    except Unreadable:
        pass


def _check_series(series: Series) -> None:
    holds(len(series.t_ms) == len(series.values) == len(series.qualities), "columns of different lengths")


def _kept(minutes: list[Minute]) -> list[Minute]:
    return [each for each in minutes if each.mean is None]


def _same(one: object, other: object) -> bool:
    return one == other


def incident_file(data: bytes) -> None:
    """Feed the record of an incident."""
    try:
        head = read_through(io.BytesIO(data))
    except Damaged:
        return
    holds(isinstance(head["id"], str), "a record without a name was read")


def open_incident(data: bytes) -> None:
    """Feed the file of an incident that was not over when the daemon ended: it goes on, or is set aside."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        files, moment = Files(Path(name), IncidentSettings(), IncidentStatistics()), Moment(1.795e9, True, NOW)
        files.events.mkdir()
        path = files.events / "F-2026-11-18-1.open.json"
        path.write_bytes(data)
        names, found = files.load()
        holds(found or not path.exists(), "what is no incident was left where it is")
        holds(any(files.events.iterdir()), "what is no incident was deleted")
        _course(Course(IncidentSettings(), names, found, moment))


def _course(course: Course) -> None:
    """Have it go on: another fault, healthy again, over."""
    for number, kind in enumerate(("shunt", "cut", "healthy", "healthy")):
        moment = Moment(1.795e9 + 400 * number, True, NOW + 400 * number)
        course.heard({"kind": kind, "confidence": "high"}, moment.t, moment)
        course.settle(moment)
        course.due(moment.t)
    for each in course.incidents.values():
        json.dumps(each.plain(), allow_nan=False)


JSON_WORDS = tuple(
    word.encode()
    for word in (
        '"key"|"flags"|"acl---"|"a-l-h-"|"severity"|"occurrence"|"passes"|"causes"|"counts"|"number"|"desk"|"opened"|"holds"|"t"|'
        "1e308|-1|null|true|[]|{}|\\ud800|\n|\"kept\"|\"task\"|\"executor\"|\"verdicts\"|\"opened_utc_s\"|\"kind\":\"shunt\""
    ).split("|")
)
PACKED = (b"\x80" * 8, b"\xff" * 9 + b"\x01", b"[", b"]", b'[["good","",true]]', b"\0\0", b"\x03\x02")
LINES = (*JSON_WORDS, b'"ms"', b'"v"', b'"remarks"', b'{"end":0}\n', b"null", b"99999999999999999999")
TARGETS = (
    Target("journal-file", journal_file, (b"\0\0\x12\0\xff", b"\0\x10\0\xd0\xff", b"\0\x20\0\xfe\0"), cost=400, largest=16 * 1024),
    Target("remembered", remembered, JSON_WORDS, cost=10),
    Target("history", history, PACKED, cost=2),
    Target("incident-file", incident_file, LINES),
    Target("open-incident", open_incident, JSON_WORDS, cost=10),
)
