"""What the daemon says of itself to the alarm desk."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stationd.core.alarm.builtin import plan
from stationd.core.alarm.plan import Facts
from stationd.core.alarm.words import Signal
from stationd.outputs.journal import Health, Journal, Moment, State
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.signals import OwnSignals

GOOD = Health(State.GOOD)
PLAN = plan(Facts((), buses=("pfe",)))


@dataclass
class Own:
    """The signals of a daemon that looks when it is told to, with a clock of the test."""

    journal: Journal
    folder: Path
    moment: Moment = field(default_factory=lambda: Moment(1_795_000_000.0, True, 100.0))
    mqtt: MqttStatistics = field(default_factory=lambda: MqttStatistics(connected=True))
    said: list[Signal] = field(default_factory=list)
    buses: dict[str, bool] = field(default_factory=dict)
    opened_s: float = 0.0

    def __post_init__(self) -> None:
        state = (PLAN.rules, self.folder, self.mqtt, None)
        self.signals = OwnSignals(self.post, self.journal, lambda: self.moment, *state, lambda: self.buses, self.opened_s)

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
async def own(folder: Path) -> AsyncIterator[Own]:
    journal = Journal.open(folder / "journal.sqlite")
    await journal.start()
    try:
        yield Own(journal, folder)
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
