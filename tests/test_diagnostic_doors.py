"""The door to diagnostics: the real journal, desk, board and documents behind it. Only the plant is told by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stationd.board import Board
from stationd.console.diagnostics_door import NotSaved, Unknown, What
from stationd.console.door import NotDone
from stationd.core.alarm.type import AlarmKey
from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason, Value
from stationd.core.operation.desk import Operations
from stationd.core.operation.plan import ActingPlan
from stationd.core.powerfeed.words import DrivenPoints, FeedPlan
from stationd.diagnostic_doors import Kept, StationDiagnostics, Values, far_document
from stationd.farstation.guard import Difference
from stationd.farstation.link import FarStatistics
from stationd.farstation.words import Result
from stationd.links.port import PortSettings
from stationd.links.statistics import BusStatistics
from stationd.log import Ring
from stationd.outputs.clock import TIME_OF_DAY, Clock
from stationd.outputs.device_events import DeviceEvents
from stationd.outputs.document import Identity, Mode
from stationd.outputs.figures import Figures
from stationd.outputs.health_document import Parts
from stationd.outputs.journal import Journal, Moment, Record, RecordClass, Wanted
from stationd.outputs.pulse import Pulse
from tests.outputs.journal.files import QUICK, locked, until
from tests.outputs.plant import LIVE, SIMULATED, board, show

CURRENT = PointId("pfe-a", "output_current")
FEED = FeedPlan(
    "pfe-a",
    DrivenPoints(CURRENT, PointId("pfe-a", "output_voltage"), PointId("pfe-a", "regulation"), PointId("pfe-a", "output_on"), CURRENT),
    nominal_ma=1000.0,
    max_v=800.0,
    ramp_ma_per_s=10.0,
    interlocks=(PointId("fp1-booster", "los"),),
)
TRIP = AlarmKey("pfe-a", "PFE-TRIP")


@dataclass
class Bus:
    up: bool = True
    statistics: BusStatistics = field(default_factory=BusStatistics)
    settings: PortSettings = field(default_factory=lambda: PortSettings("/dev/ttyPFE"))


class Synchronised:
    """The clock of the machine, but in the year of the tests and synchronised."""

    ahead_s = 1_795_000_000.0

    def __call__(self) -> Moment:
        t = time.monotonic()
        return Moment(t + self.ahead_s, True, t, 0.0004)


@dataclass
class House:
    folder: Path
    journal: Journal
    board: Board
    bus: Bus
    door: StationDiagnostics
    digest: list[str | None]
    ring: Ring

    async def kept(self, readings: list[Reading]) -> None:
        """Bring readings into the history; return when the last of them is on the disk."""
        self.journal.record_readings(readings)
        end_utc_s = readings[-1].t + Synchronised.ahead_s
        async with asyncio.timeout(20):
            while not (await self.journal.trace(Wanted(str(CURRENT), end_utc_s - 1, end_utc_s + 1))).samples:
                await asyncio.sleep(0.005)


def known(path: str) -> tuple[object, list[str]]:
    if path == "pfe.pfe-a":
        return {"droop_ma_per_kv": None, "droop_doubt_ma_per_kv": 0.3}, []
    if path:
        raise KeyError("pfe.pfe-a.max_v")
    return {"station": {"name": "aktau"}}, []


@contextlib.asynccontextmanager
async def house(folder: Path, identity: Identity = LIVE) -> AsyncIterator[House]:
    clock = Synchronised()
    TIME_OF_DAY.set(lambda: clock().utc_s)
    target, bus, digest, ring = board(), Bus(), list[str | None](["abcd1234ef"]), Ring()
    journal = Journal.open(folder / "journal.sqlite", QUICK, clock, "", "aktau")
    await journal.start(20.0)
    parts = Parts(
        identity, "Asia/Aqtau", str(folder), target, {"pfe": bus}, {"pfe-a": "modbus-rtu"}, journal,
        Pulse(lambda: {"pfe": bus.statistics}), clock, lambda: 1000.0, int,
    )  # fmt: skip
    desk = Operations(ActingPlan("aktau", "Aktau", False, {"pfe-a": FEED}), asyncio.get_running_loop().time())
    events = DeviceEvents(journal, target, (TRIP,), lambda key: f"the text of {key.type}", ("line", "station"))
    values = Values(known, 184, "/etc/stationd/station.toml", "abcd1234ef", "2026-11-22T22:04:12.000Z", lambda: digest[0])
    try:
        yield House(folder, journal, target, bus, StationDiagnostics(Kept(parts, values, desk, events, ring=ring)), digest, ring)
    finally:
        await journal.close(20.0)


def now() -> float:
    return asyncio.get_running_loop().time()


def reading(t: float, value: Value | None, quality: Quality = GOOD) -> Reading:
    return Reading(CURRENT, value, quality, t)


def healthy(one: House) -> None:
    for name, value in (("output_current", 999.9), ("output_voltage", 250.5), ("output_on", True), ("regulation", 1)):
        show(one.board, f"pfe-a.{name}", value, now())
    for name in ("fp1-booster.input_power", "meter.inlet"):
        show(one.board, name, -18.0, now())
    show(one.board, "fp1-booster.los", True, now())
    one.bus.statistics.transactions += 100


def row(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(each for each in report["rows"] if each["name"] == name)
    return found


# Health, clock, version.


async def test_every_number_says_its_unit_time_and_quality_and_what_is_not_known_is_null(tmp_path: Path) -> None:
    async with house(tmp_path, SIMULATED) as one:
        health: Any = await one.door.health()
        assert health["mqtt"] is None
        assert health["sampler"] is None
        assert health["far_station"] is None
        assert health["scrape"]["age"] is None
        assert health["daemon"]["lag_p99"] is None
        assert health["devices"]["pfe-a"] == {"kind": "pfe", "up": False, "age": None}
        assert health["buses"]["pfe"]["exchange"] is None
        memory = health["daemon"]["memory"]
        assert memory["v"] > 1.0
        assert (memory["u"], memory["q"]) == ("MiB", "sim")
        json.dumps(health, allow_nan=False)


async def test_what_is_not_well_is_said_first_and_in_sentences(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        healthy(one)
        before: Any = await one.door.health()
        assert before["good"] is True
        assert before["troubles"] == []
        one.bus.up = False
        show(one.board, "meter.inlet", None, now(), Quality(Level.BAD, Reason.TIMEOUT))
        after: Any = await one.door.health()
        assert after["good"] is False
        assert after["troubles"] == ["port pfe is not open", "meter does not answer"]


async def test_the_clock_is_told_in_utc_and_in_the_zone_of_the_station(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        clock: Any = await one.door.clock()
        assert clock["local"].endswith("+05:00")
        assert clock["utc"].endswith("Z")
        assert clock["offset"]["v"] == 18_000.0
        assert clock["error_max"]["v"] == 0.0004
        assert clock["up"]["v"] == 1000.0


async def test_the_version_says_whether_the_file_is_another_one_now(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        changed = []
        for digest in ("abcd1234ef", "other", None):
            one.digest[0] = digest
            version: Any = await one.door.version()
            changed.append(version["config"]["changed"])
        assert changed == [False, True, None]


# The past.


async def test_a_narrow_event_and_a_gap_are_both_in_the_chart(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        end = now()
        times = [end - 600 + second for second in range(590) if not 200 <= second < 300]
        await one.kept([reading(t, 900.0 if abs(t - (end - 100)) < 0.1 else 1000.0) for t in times])
        show(one.board, "pfe-a.output_current", 1001.0, now())
        series: Any = await one.door.history(str(CURRENT), 600, 60)
        columns = series["columns"]
        assert columns[50]["min"] == 900.0 or columns[49]["min"] == 900.0
        assert columns[22:28] == [None] * 6
        assert columns[10]["max"] == 1000.0
        assert columns[-1]["last"] == 1001.0
        assert (series["u"], series["tier"], series["torn"], series["cut"]) == ("mA", "seconds", 0, False)
        assert series["now"]["v"] == 1001.0


async def test_a_stale_value_of_now_is_not_drawn_as_a_new_one(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        show(one.board, "pfe-a.output_current", 1001.0, now(), Quality(Level.STALE, Reason.TIMEOUT))
        series: Any = await one.door.history(str(CURRENT), 60, 6)
        assert series["columns"] == [None] * 6
        assert series["now"]["v"] is None


async def test_a_long_span_is_made_of_minutes_and_keeps_the_event_of_one_second(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        end = now()
        await one.kept([reading(end - 900 + second, 1412.0 if second == 333 else 1000.0) for second in range(800)])
        await until(lambda: one.journal.statistics.gathered.kept >= 800 + 12)  # the seconds, and every minute that is over
        series: Any = await one.door.history(str(CURRENT), 400 * 86_400, 66)
        assert series["tier"] == "minutes"
        assert series["columns"][:-1] == [None] * 65
        assert series["columns"][-1]["max"] == 1412.0


async def test_a_point_that_there_is_not_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        with pytest.raises(Unknown) as unknown:
            await one.door.history("pfe-a.output_curent", 60, 10)
        assert unknown.value.what is What.POINT
        assert unknown.value.near[0] == str(CURRENT)
        assert {"point": str(CURRENT), "unit": "mA"} in one.door.points()


async def test_events_of_a_unit_are_its_alarms_and_what_people_did_with_it_in_their_order(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        alarm = {"kind": "alarm", "key": str(TRIP), "event": "raise", "letter": "B", "severity": "critical", "who": "stationd"}
        armed = {"kind": "armed", "who": "a.bekov", "document": {"object": "pfe-a", "reason": "repair done"}}
        others = {"kind": "armed", "who": "a.bekov", "document": {"object": "fp1-booster"}}
        approved = {"kind": "approved", "who": "n.aliyeva", "document": {}}
        for record_class, kind, subject, body in (
            (RecordClass.ALARM, "raise", str(TRIP), alarm),
            (RecordClass.COMMAND, "armed", "OP-1", armed),
            (RecordClass.COMMAND, "armed", "OP-2", others),
            (RecordClass.COMMAND, "approved", "OP-1", approved),
        ):
            await one.journal.append(Record(one.journal.stamp(), record_class, kind, json.dumps(body), subject))
        found: Any = await one.door.events("pfe-a", None, 10)
        assert [(each["kind"], each["event"], each["who"]) for each in found["events"]] == [
            ("alarm", "raise", "stationd"), ("act", "armed", "a.bekov"), ("act", "approved", "n.aliyeva"),
        ]  # fmt: skip
        assert found["events"][0]["what"] == "raise: the text of PFE-TRIP"
        assert found["events"][1]["note"] == "repair done"
        last: Any = await one.door.events("pfe-a", None, 1)
        assert [each["event"] for each in last["events"]] == ["approved"]
        assert last["cut"] is True
        with pytest.raises(Unknown):
            await one.door.events("pfe-c", None, 10)


# A feed.


async def test_a_contact_that_is_not_known_is_not_closed_and_has_no_age(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        feed: Any = one.door.feed("pfe-a")
        assert (feed["interlocks"][0]["closed"], feed["interlocks"][0]["age"]) == (None, None)
        assert feed["limits"]["max"] | {"t": ""} == {"v": 800.0, "u": "V", "t": "", "q": "good"}
        assert feed["limits"]["droop"] is None
        assert feed["limits"]["droop_doubt"]["v"] == 0.3
        show(one.board, "fp1-booster.los", True, now())
        show(one.board, "pfe-a.output_voltage", -250.5, now())
        feed = one.door.feed("pfe-a")
        assert feed["interlocks"][0]["closed"] is True
        assert feed["polarity"]["v"] == "negative"
        assert (feed["state"], feed["operation"], feed["holds"]) == ("idle", None, [])
        with pytest.raises(Unknown) as unknown:
            one.door.feed("meter")
        assert unknown.value.near == ("pfe-a",)


# The self-test.


async def test_a_sound_station_passes_and_its_report_is_on_the_disk(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        healthy(one)
        report: Any = await one.door.self_test()
        assert [each for each in report["rows"] if each["ok"] is False] == []
        assert report["good"] is True
        assert row(report, "pfe-a read-only")["text"].startswith("I 999.9 mA")
        saved = json.loads(Path(report["saved"]).read_text())
        assert saved["rows"] == report["rows"]
        assert Path(report["saved"]).parent == tmp_path / "selftest"


@pytest.mark.parametrize(
    ("point", "value", "quality", "name"),
    [
        ("pfe-a.output_current", None, Quality(Level.BAD, Reason.TIMEOUT), "pfe-a read-only"),
        ("pfe-a.output_current", 999.9, Quality(Level.STALE, Reason.TIMEOUT), "pfe-a read-only"),
        ("pfe-a.output_current", 1412.0, GOOD, "pfe-a read-only"),
        ("pfe-a.output_voltage", -900.0, GOOD, "pfe-a read-only"),
        ("fp1-booster.los", False, GOOD, "interlock inputs"),
        ("fp1-booster.los", True, Quality(Level.STALE, Reason.TIMEOUT), "interlock inputs"),
    ],
)
async def test_what_is_missing_stale_open_or_implausible_fails_its_row(
    point: str, value: Value | None, quality: Quality, name: str, tmp_path: Path
) -> None:
    async with house(tmp_path) as one:
        healthy(one)
        show(one.board, point, value, now(), quality)
        report: Any = await one.door.self_test()
        assert row(report, name)["ok"] is False
        assert report["good"] is False


async def test_a_broken_chain_a_changed_file_and_a_noisy_line_fail_their_rows(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        healthy(one)
        one.bus.statistics.failures[Reason.TIMEOUT] += 5
        one.digest[0] = "another"
        await one.journal.append(Record(one.journal.stamp(), RecordClass.COMMAND, "act", "{}", "OP-1", audited=True))
        with contextlib.closing(sqlite3.connect(tmp_path / "journal.sqlite")) as db:
            db.execute("UPDATE audit SET record = replace(record, 'OP-1', 'OP-9')")
            db.commit()
        report: Any = await one.door.self_test()
        assert [each["name"] for each in report["rows"] if each["ok"] is False] == ["config and limits", "audit chain", "bus pfe"]


async def test_a_disk_that_refuses_makes_a_failed_row_and_no_exception(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        healthy(one)
        (tmp_path / "selftest").write_text("a file where the directory should be")
        report: Any = await one.door.self_test()
        assert report["saved"] is None
        assert report["not_saved"] != ""
        assert report["good"] is False
        assert report["rows"][-1]["ok"] is False
        assert report["failed"] == sum(each["ok"] is False for each in report["rows"])


async def test_those_who_ask_at_the_same_time_share_one_test_also_when_one_of_them_leaves(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        healthy(one)
        asking = [asyncio.create_task(one.door.self_test()) for _ in range(5)]
        await asyncio.sleep(0)
        asking[0].cancel()
        reports = await asyncio.gather(*asking[1:])
        assert len({str(report["saved"]) for report in reports}) == 1
        assert len(list((tmp_path / "selftest").iterdir())) == 1


async def test_the_self_test_asks_no_line_anything(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        healthy(one)
        before = one.bus.statistics.transactions
        await one.door.self_test()
        await one.door.link_test()
        assert one.bus.statistics.transactions == before


async def test_what_is_not_there_is_neither_passed_nor_failed(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        report: Any = await one.door.link_test()
        unknown = {each["name"] for each in report["rows"] if each["ok"] is None}
        assert {"far station", "far clock", "MQTT", "Sparkplug", "Prometheus"} <= unknown
        assert report["unknown"] == len(unknown)


# Texts, log, far station.


async def test_a_text_is_saved_below_bundles_or_refused_in_words(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        assert await one.door.save("status.txt", "ok") == str(tmp_path / "bundles" / "saved" / "status.txt")
        with pytest.raises(NotSaved):
            await one.door.save("status.txt", "ok")
        (tmp_path / "bundles").rename(tmp_path / "moved")
        (tmp_path / "bundles").write_text("")
        with pytest.raises(NotDone):
            await one.door.save("other.txt", "ok")


async def test_the_log_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        for number in range(1200):
            event = {"event": f"e{number}", "timestamp": f"2026-11-22T22:{number // 60:02d}:{number % 60:02d}.000000Z", "level": "info"}
            one.ring.processor(None, "info", event)
        log: Any = one.door.log(None, 10)
        assert [each["event"] for each in log["events"]] == [f"e{number}" for number in range(1190, 1200)]
        assert (log["dropped"], log["cut"]) == (200, True)
        recent: Any = one.door.log(1_795_385_452.0, 1000)
        assert 0 < len(recent["events"]) < 1000
        assert len(json.dumps(one.door.log(None, 1000))) < 120_000


async def test_a_silent_far_station_has_no_age_and_says_why() -> None:
    statistics = FarStatistics()
    figures = Figures(Mode.LIVE, Clock.read())
    silent: Any = far_document("siyazan", lambda: statistics, figures)
    assert (silent["heard"], silent["age"], silent["sequence"], silent["clocks"]) == (False, None, None, None)
    assert silent["why"] != ""
    statistics.heard, statistics.sent_t, statistics.sequence = True, figures.clock.now - 0.5, 42
    statistics.clocks = Difference(0.002, 0.001)
    statistics.results[Result.ACCEPTED] += 3
    statistics.results[Result.REPLAYED] += 1
    heard: Any = far_document("siyazan", lambda: statistics, figures)
    assert (heard["age"]["v"], heard["sequence"]["v"], heard["accepted"]["v"], heard["rejected"]["v"]) == (0.5, 42, 3, 1)
    assert heard["rejects"]["replayed"]["v"] == 1
    assert far_document("", lambda: None, figures) is None


async def test_an_unreadable_journal_says_so_instead_of_an_empty_chart(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        await one.kept([reading(now() - 5, 1000.0)])
        with locked(tmp_path):
            one.journal.record_readings([reading(now() - 1, 1000.0)])
            await until(lambda: not one.journal.health.good)
            (tmp_path / "journal.sqlite").write_bytes(b"no database at all" * 1000)
            with pytest.raises(NotDone):
                await one.door.history(str(CURRENT), 60, 6)
