"""What the daemon says of itself to the alarm desk."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stationd.core.alarm.builtin import plan
from stationd.core.alarm.plan import Facts
from stationd.core.alarm.words import Signal
from stationd.outputs.broker import STEADY_S
from stationd.outputs.journal import Health, Journal, Moment, Record, RecordClass, State
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.signals import OwnSignals
from stationd.outputs.sparkplug.client import SparkplugStatistics

GOOD = Health(State.GOOD)
PLAN = plan(Facts((), buses=("pfe",)))


@dataclass
class Own:
    """The signals of a daemon that looks when it is told to, with a clock of the test."""

    journal: Journal
    folder: Path
    moment: Moment = field(default_factory=lambda: Moment(1_795_000_000.0, True, 100.0))
    mqtt: MqttStatistics = field(default_factory=lambda: MqttStatistics(connected=True))
    sparkplug: SparkplugStatistics = field(default_factory=lambda: SparkplugStatistics(connected=True, online=True))
    incidents_gone: int = 0
    said: list[Signal] = field(default_factory=list)
    buses: dict[str, bool] = field(default_factory=dict)
    opened_s: float = 0.0
    space: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        state = (PLAN.rules, self.folder, self.mqtt, None)
        self.signals = OwnSignals(
            self.post, self.journal, lambda: self.moment, *state, lambda: self.buses, self.opened_s, lambda _: self.space,
            self.sparkplug, lambda: self.incidents_gone,
        )  # fmt: skip

    def post(self, signals: Sequence[Signal]) -> None:
        self.said += signals

    def news(self, health: Health = GOOD) -> dict[str, list[bool | None]]:
        self.said.clear()
        self.signals.look(health)
        found: dict[str, list[bool | None]] = {}
        for each in self.said:
            found.setdefault(each.key.type, []).append(each.active)
        return found


@contextlib.asynccontextmanager
async def own(folder: Path, space: tuple[float, float] | None = None) -> AsyncIterator[Own]:
    journal = Journal.open(folder / "journal.sqlite")
    await journal.start()
    try:
        yield Own(journal, folder, space=space)
    finally:
        await journal.close()


async def test_each_states_once_how_things_are_and_then_only_what_changes(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        first = here.news()
        assert first["STORAGE-FAILED"] == first["BROKER-LOST"] == first["CLOCK-UNSYNC"] == first["OUTBOX-REDUCED"] == [False]
        assert here.news() == {}
        here.mqtt.connected = False
        assert here.news() == {"BROKER-LOST": [True]}
        here.mqtt.connected = True
        assert here.news() == {"BROKER-LOST": [False]}


async def test_a_broker_that_throws_us_out_again_and_again_is_lost_until_a_connection_lasts(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        here.news()
        here.mqtt.failures, here.mqtt.connected_t, here.mqtt.reason = 2, asyncio.get_running_loop().time() - 1.0, "session taken over"
        assert here.news() == {"BROKER-LOST": [True]}
        assert here.said[0].note == "session taken over"
        here.mqtt.connected_t -= STEADY_S
        assert here.news() == {"BROKER-LOST": [False]}


async def test_a_sparkplug_connection_that_waits_for_its_host_or_is_refused_is_told(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        here.news()
        here.sparkplug.online = False
        assert here.news() == {"SPARKPLUG-LOST": [True]}
        here.sparkplug.online, here.sparkplug.connected, here.sparkplug.reason = True, False, "not authorised"
        assert here.news() == {"SPARKPLUG-LOST": [True]}
        assert here.said[0].note == "not authorised"
        here.sparkplug.connected = True
        assert here.news() == {"SPARKPLUG-LOST": [False]}


async def test_records_of_incidents_that_had_to_go_within_their_year_are_told(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        here.news()
        here.incidents_gone = 2
        assert here.news() == {"INCIDENTS-DROPPED": [True, False]}


async def test_a_disk_that_fails_is_an_alarm_with_its_reason_until_it_works_again(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        here.news()
        assert here.news(Health(State.FAILING, "disk is full")) == {"STORAGE-FAILED": [True]}
        assert here.said[0].note == "disk is full"
        assert here.news() == {"STORAGE-FAILED": [False]}


async def test_a_journal_that_is_still_being_opened_says_nothing_yet(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        assert "STORAGE-FAILED" not in here.news(Health(State.STARTING))


async def test_a_file_that_was_set_aside_comes_and_goes_and_is_named(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        here.news()
        damaged = Health(State.GOOD, set_aside=("journal.damaged",))
        assert here.news(damaged) == {"JOURNAL-DAMAGED": [True, False]}
        assert here.said[0].note == "journal.damaged"
        assert here.news(damaged) == {}


async def test_everything_that_could_not_be_trusted_is_told_once_and_named(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        here.news()
        assert here.news(Health(State.GOOD, damage=("torn: 'a/B'", "gone"))) == {"JOURNAL-DAMAGED": [True, False]}
        assert here.said[0].note == "torn: 'a/B'; gone"
        assert here.news(Health(State.GOOD, damage=("torn: 'a/B'", "gone"))) == {}
        assert here.news(Health(State.GOOD, damage=("torn: 'a/B'", "gone", "late"))) == {"JOURNAL-DAMAGED": [True, False]}
        assert here.said[0].note == "late"
        here.journal.outbox.torn += 1
        assert here.news(Health(State.GOOD, damage=("torn: 'a/B'", "gone", "late"))) == {"JOURNAL-DAMAGED": [True, False]}


async def test_a_failing_disk_at_the_start_says_that_what_stood_before_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").mkdir()
    async with own(tmp_path) as here:
        assert here.news(here.journal.health)["STORAGE-FAILED"] == [True]
        assert [each.note for each in here.said if each.key.type == "STORAGE-FAILED" and "began without" in each.note]


MIB = float(1 << 20)


@pytest.mark.parametrize(
    ("free", "whole", "full"),
    [(450, 8192, True), (550, 8192, False), (700, 16384, True), (900, 16384, False), (30, 64, True), (40, 64, False)],
)  # 500 MiB or 5 %, whichever is more, but never more than half of a small disk
async def test_a_disk_is_full_below_500_mib_or_a_twentieth(tmp_path: Path, free: float, whole: float, full: bool) -> None:
    async with own(tmp_path, (free * MIB, whole * MIB)) as here:
        assert await told(here, "DISK-FULL") is full


async def test_a_chain_that_does_not_hold_is_told(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        kept = [here.journal.append(Record(here.journal.stamp(), RecordClass.AUDIT, "k", body=str(n))) for n in range(3)]
        await kept[-1]
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    db.execute("UPDATE audit SET record = record || ' ' WHERE position = 2")
    db.commit()
    db.close()
    async with own(tmp_path) as here:
        assert await told(here, "AUDIT") is True
    async with own(tmp_path / "whole") as here:
        assert await told(here, "AUDIT") is False


async def told(here: Own, name: str) -> bool | None:
    """Let it look by itself until it knows something of an alarm, and return that."""
    running = asyncio.create_task(here.signals.run())
    try:
        async with asyncio.timeout(30):
            while not (found := [each.active for each in here.said if each.key.type == name and each.active is not None]):
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
    return found[-1]


@pytest.mark.parametrize("by_s", [5.0, -5.0])
async def test_a_clock_that_is_set_is_told_whichever_way(tmp_path: Path, by_s: float) -> None:
    async with own(tmp_path) as here:
        here.news()
        here.moment = Moment(here.moment.utc_s + by_s, True, here.moment.t)
        assert here.news() == {"CLOCK-STEPPED": [True, False]}
        assert f"{by_s:+.1f} s" in here.said[0].note


async def test_a_clock_that_is_set_by_ten_years_is_told_and_nothing_else_is(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        here.news()
        here.moment = Moment(here.moment.utc_s + 10 * 365 * 86_400, True, here.moment.t + 1.0)
        assert here.news() == {"CLOCK-STEPPED": [True, False]}
        here.moment = Moment(here.moment.utc_s + 1.0, False, here.moment.t + 1.0)
        assert here.news() == {"CLOCK-UNSYNC": [True]}


async def test_a_port_that_never_opens_is_an_alarm_some_seconds_after_the_start(tmp_path: Path) -> None:
    async with own(tmp_path) as here:
        here.buses = {"pfe": False, "unknown to the plan": False}
        assert here.news()["BUS-DOWN"] == [True]
        here.buses = {"pfe": True}
        assert here.news() == {"BUS-DOWN": [False]}
        late = Own(here.journal, tmp_path, buses={"pfe": False}, opened_s=3600.0)
        assert "BUS-DOWN" not in late.news()
