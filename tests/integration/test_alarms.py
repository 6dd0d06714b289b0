"""The whole daemon as a process: alarms from a simulated line, people at its control socket, a real broker, and kill -9.

STATIOND_KILLS sets how often the daemon is killed; a release takes 300.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Client

from stationd.demo import station_file
from stationd.outputs.journal import Journal, KeptRecord, Query
from stationd.sim.cable import Cut, End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.simulation import open_rig
from tests.console.desk import Caller
from tests.integration.brokers import running_broker

pytest.importorskip("stationd._sampler", reason="the extension is not built: pip install . (Debian package gcc)")

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("STATIOND_KILLS", "10"))
PATIENCE_S = 60.0
ALARM = "io.stationd.Alarm"
CHANNELS = 4
FLAPPING = """
[station]
name = "aktau"
mode = "sim"
state = "{home}/state"
[control]
socket = "{home}/io.stationd"
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[sampler]
source = "sim:{script}"
rate_hz = 1000
priority = 0
capture_on = []
[sampler.calibration.tap]
model = "log-amp"
valid_counts = [1, 65534]
volts_per_count = 78.127e-6
volts_per_decade = 0.2
intercept_dbm = -70.0
"""
CHANNEL = '[[sampler.channel]]\nname = "fp{n}-rx"\nindex = {index}\nfibre_pair = {n}\n'
LOST = '[[alarm]]\ntype = "LIGHT-LOST"\npoint = "fp{n}-rx.los"\nequals = true\n'


class Heard:
    """Every event that a subscriber got, in order; he never leaves."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.online = self.offline = 0
        self.standing: dict[str, bytes] = {}
        self.audit_head: dict[str, Any] = {}
        self.listening = asyncio.Event()

    async def listen(self, port: int) -> None:
        async with Client("127.0.0.1", port) as client:
            await client.subscribe([(f"stationd/aktau/{each}", 1) for each in ("event", "alarm/#", "audit-head", "availability")])
            self.listening.set()
            async for message in client.messages:
                payload = bytes(message.payload)
                if message.topic.value == "stationd/aktau/event":
                    self.events.append(json.loads(payload) | {"life": self.offline})
                elif message.topic.value == "stationd/aktau/availability":
                    self.online, self.offline = self.online + (payload == b"online"), self.offline + (payload == b"offline")
                elif message.topic.value == "stationd/aktau/audit-head":
                    self.audit_head = json.loads(payload)
                elif message.topic.value.startswith("stationd/aktau/alarm/"):
                    self.standing[message.topic.value.removeprefix("stationd/aktau/alarm/")] = payload

    @property
    def alarms(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == "alarm"]


@contextlib.asynccontextmanager
async def subscriber(port: int) -> AsyncIterator[Heard]:
    heard = Heard()
    listening = asyncio.create_task(heard.listen(port))
    await heard.listening.wait()
    try:
        yield heard
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


class Life:
    """One run of the daemon, from its start to its end or its kill."""

    def __init__(self, process: asyncio.subprocess.Process, socket: Path, begun: float) -> None:
        self.process, self.socket, self.begun = process, socket, begun

    async def console(self) -> Caller:
        """Return a connection to the control socket, as soon as somebody answers there."""
        while self.process.returncode is None:
            with contextlib.suppress(OSError):
                return await Caller.at(self.socket)
            await asyncio.sleep(0.01)
        raise AssertionError("the daemon has ended")

    async def alarms(self, shown: str = "all") -> dict[str, dict[str, Any]]:
        caller = await self.console()
        answer = await caller.call(f"{ALARM}.List", {"filter": {"shown": shown}})
        caller.close()
        return {alarm["key"]: alarm for alarm in answer["parameters"]["alarms"]}

    async def order(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        caller = await self.console()
        answer = await caller.call(f"{ALARM}.{method}", parameters)
        caller.close()
        return answer

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@contextlib.asynccontextmanager
async def life(config: Path) -> AsyncIterator[Life]:
    begun = time.monotonic()
    words = [sys.executable, "-m", "stationd", "run", "--config", str(config)]
    with config.with_name("log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield Life(process, config.with_name("io.stationd"), begun)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def until(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def in_journal(home: Path) -> tuple[list[KeptRecord], list[KeptRecord]]:
    """Return all events and all commands, oldest first."""
    journal = Journal.open(home / "state" / "journal.sqlite")
    await journal.start()
    events = (await journal.entries(Query(most=10**6))).records[::-1]
    commands = (await journal.entries(Query(most=10**6, commands=True))).records[::-1]
    verified = await journal.verify_audit()
    assert verified is not None
    assert verified.intact, verified.why
    await journal.close()
    return events, commands


async def test_an_alarm_is_raised_acknowledged_and_survives_a_kill_with_the_same_letter(tmp_path: Path) -> None:
    rig = demo_rig(Route.MAIN, 2)
    async with running_broker(tmp_path) as broker, subscriber(broker.port) as heard, open_rig(rig) as simulation:
        config = tmp_path / "station.toml"
        lines = station_file(Route.MAIN, End.A, rig, simulation.ports, f"mqtt://127.0.0.1:{broker.port}", tmp_path)
        config.write_text("\n".join(lines) + "\n")
        async with life(config) as first:

            async def lit() -> bool:
                caller = await first.console()
                answer = await caller.call("io.stationd.Status.GetStatus")
                caller.close()
                taps = answer["parameters"]["status"]["taps"].values()
                return all(tap["los"]["v"] is False for tap in taps)

            async def down() -> bool:
                return "line/LINE-DOWN" in await first.alarms("active")

            await until(lit)
            simulation.plant.apply(Cut(100.0))
            await until(down)
            answer = await first.order("Acknowledge", {"keys": ["line/LINE-DOWN#1"], "note": "seen"})
            assert answer["parameters"]["result"][0]["letter"] == "C"
            past = (await first.order("History", {"key": "line/LINE-DOWN"}))["parameters"]["events"]
            assert [event["event"] for event in past] == ["raise", "ack"]
            before = {key: alarm["letter"] for key, alarm in (await first.alarms()).items()}
            await first.kill()
        async with life(config) as second:
            after = {key: alarm["letter"] for key, alarm in (await second.alarms()).items()}
            assert after["line/LINE-DOWN"] == "C"
            assert {key: after.get(key, "A") for key in before} == before
            assert (await second.alarms())["line/LINE-DOWN"]["seen"]["note"] == "seen"
            await until(lambda: any(event["event"] == "ack" for event in heard.alarms))
            await until(lambda: heard.audit_head.get("position") == 1)
            assert len(heard.audit_head["digest"]) == 64
            await until(lambda: b'"letter":"C"' in heard.standing.get("line/LINE-DOWN", b""))
        raises = {event["id"] for event in heard.alarms if (event["event"], event["key"]) == ("raise", "line/LINE-DOWN")}
        assert len(raises) == 1, "once, though it may be told twice with the same id"


async def test_an_alarm_that_ends_while_the_daemon_is_dead_leaves_no_document_behind(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, subscriber(broker.port) as heard:
        config = flapping(tmp_path, broker.port, "level all 14000")
        stranger = "stationd/aktau/alarm/fp9-rx/LIGHT-LOST"
        async with Client("127.0.0.1", broker.port) as client:
            await client.publish(stranger, b'{"letter":"B"}', 1, retain=True)
        await until(lambda: bool(heard.standing.get("fp9-rx/LIGHT-LOST")))
        async with life(config):
            await until(lambda: heard.standing["fp9-rx/LIGHT-LOST"] == b"")


async def test_a_second_daemon_in_the_same_directory_says_who_holds_it_and_ends_with_75(tmp_path: Path) -> None:
    config = flapping(tmp_path, 9, "level all 14000")
    async with life(config) as first:
        await first.alarms()
        async with life(config) as second:
            assert await second.process.wait() == 75
        assert first.process.returncode is None
    assert "is held by another instance" in config.with_name("log").read_text()


async def test_a_damaged_journal_is_set_aside_with_an_alarm_and_the_daemon_runs_on(tmp_path: Path) -> None:
    config = flapping(tmp_path, 9, "level all 14000")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.sqlite").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 64)
    async with life(config) as one:

        async def told() -> bool:
            return (await one.alarms()).get("station/JOURNAL-DAMAGED", {}).get("letter") == "E"

        await until(told)
        answer = await one.order("Acknowledge", {"keys": ["station/JOURNAL-DAMAGED"]})
        assert answer["parameters"]["result"][0]["letter"] == "F"
    events, commands = await in_journal(tmp_path)
    assert [each.kind for each in events if each.subject == "station/JOURNAL-DAMAGED"] == ["raise", "clear", "ack"]
    assert [each.kind for each in commands].count("memory-damaged") == 1  # and the acknowledgement
    assert len(commands) == 2


async def test_a_state_directory_that_cannot_be_used_is_an_alarm_and_people_can_still_act(tmp_path: Path) -> None:
    config = flapping(tmp_path, 9, "level all 14000")
    (tmp_path / "state").write_text("a file stands where the directory should be")
    async with life(config) as one:

        async def told() -> bool:
            return "station/STORAGE-FAILED" in await one.alarms("active")

        await until(told)
        answer = await one.order("Acknowledge", {"keys": ["station/STORAGE-FAILED"]})
        assert answer["parameters"]["result"][0]["letter"] == "C"


def flapping(home: Path, port: int, script: str) -> Path:
    """Write a station whose light comes and goes by a script, each time with an alarm."""
    config = home / "station.toml"
    pairs = range(1, CHANNELS + 1)
    channels = "".join(CHANNEL.format(n=n, index=n - 1) for n in pairs)
    config.write_text(FLAPPING.format(home=home, port=port, script=script) + channels + "".join(LOST.format(n=n) for n in pairs))
    return config


async def acknowledge_for_ever(one: Life, done: list[str]) -> None:
    """Acknowledge whatever stands; note each occurrence whose acknowledgement was confirmed."""
    with contextlib.closing(await one.console()) as caller:
        while True:
            answer = await caller.call(f"{ALARM}.List")
            keys = [f"{alarm['key']}#{alarm['occurrence']}" for alarm in answer["parameters"]["alarms"] if alarm["letter"] in "BDE"]
            if keys:
                answer = await caller.call(f"{ALARM}.Acknowledge", {"keys": keys})
                done += [key for key, outcome in zip(keys, answer["parameters"]["result"], strict=True) if outcome["done"]]
            await asyncio.sleep(0.02)


@pytest.mark.timeout(120 + 10 * KILLS)
async def test_kill_9_at_random_instants_loses_no_record_and_changes_no_letter(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    ready: list[float] = []
    waves = ";".join(f"wave {place} 12000 {260 + 31 * place}" for place in range(CHANNELS))
    async with running_broker(tmp_path) as broker, subscriber(broker.port) as heard:
        config = flapping(tmp_path, broker.port, f"level all 14000;{waves}")
        for _ in range(KILLS):
            async with life(config) as one:
                await one.alarms()
                ready.append(time.monotonic() - one.begun)
                working = asyncio.create_task(acknowledge_for_ever(one, acknowledged))
                await asyncio.sleep(random.uniform(0.05, 1.0))
                await one.kill()
                await asyncio.gather(working, return_exceptions=True)
                if heard.online > heard.offline:  # the will comes after the last message of this life
                    await until(lambda: heard.offline == heard.online)
        quiet = flapping(tmp_path, broker.port, "level all 14000")
        async with life(quiet) as last:
            await last.alarms()
            await until(lambda: heard.events[-1:] != [] and outbox_is_empty(tmp_path))
        events, commands = await in_journal(tmp_path)
        await until(lambda: {event["id"] for event in heard.events} >= {json.loads(each.body)["id"] for each in told(events)})
    counts = Counter(event["id"] for event in heard.events)
    twice, most = sum(counts.values()) - len(counts), max(counts.values()) - 1
    sys.stdout.write(
        f"{KILLS} kills: {len(told(events))} records, {len(acknowledged)} alarms acknowledged by people, {twice} records heard again "
        f"({most} times at most), ready after {max(ready):.2f} s at most\n"
    )
    assert counts.keys() == {json.loads(each.body)["id"] for each in told(events)}, "told without being kept, or kept without being told"
    lives = Counter((event["id"], event["life"]) for event in heard.events)
    assert max(lives.values()) == 1, "a record is told again once for each kill at most"
    check_order(heard, events)
    check_letters(events)
    check_acknowledged(acknowledged, events, commands)


def told(events: list[KeptRecord]) -> list[KeptRecord]:
    return [each for each in events if each.kind != "start"]


def outbox_is_empty(home: Path) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{home}/state/journal.sqlite?mode=ro", uri=True)) as db:
        (waiting,) = db.execute("SELECT count(*) FROM outbox").fetchone()
    return bool(waiting == 0)


def check_order(heard: Heard, events: list[KeptRecord]) -> None:
    """Of each alarm the broker got every event, and the first time in the order of the journal."""
    kept: dict[str, list[str]] = defaultdict(list)
    for each in told(events):
        body = json.loads(each.body)
        if body["kind"] == "alarm":
            kept[body["key"]].append(body["id"])
    seen: dict[str, list[str]] = defaultdict(list)
    for event in heard.alarms:
        if event["id"] not in seen[event["key"]]:
            seen[event["key"]].append(event["id"])
    assert seen == kept


def check_letters(events: list[KeptRecord]) -> None:
    """Each event of an alarm begins with the letter with which the one before it ended, over all kills."""
    letters: dict[str, str] = {}
    numbers: list[int] = []
    for each in told(events):
        body = json.loads(each.body)
        if body["kind"] == "alarm":
            assert body["before"] == letters.get(body["key"], "A"), f"{body} after {letters.get(body['key'])}"
            letters[body["key"]] = body["letter"]
            numbers.append(body["number"])
    assert numbers == list(range(1, len(numbers) + 1)), "no record is missing and none comes twice"


def check_acknowledged(acknowledged: list[str], events: list[KeptRecord], commands: list[KeptRecord]) -> None:
    """Whatever was confirmed to a person is in the journal."""
    bodies = [json.loads(each.body) for each in commands]
    confirmed = {f"{outcome['key']}#{outcome['occurrence']}" for body in bodies for outcome in body["outcomes"] if outcome["done"]}
    assert set(acknowledged) <= confirmed
    acks = {f"{body['key']}#{body['occurrence']}" for each in told(events) if (body := json.loads(each.body)).get("event") == "ack"}
    assert acks, "people had something to acknowledge"
    assert acks <= confirmed
