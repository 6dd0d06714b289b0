"""What the control socket reaches of the line: the real watch, engine, journal and incidents behind the door."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stationd.console.door import Declined, NoSuchFault
from stationd.console.peer import Peer, Role
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Plan
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.line.plan import FeedPoints, LinePlan, PairPoints
from stationd.core.line.words import Cable, End, Feed
from stationd.core.model import GOOD, PointId, Reading
from stationd.core.station import Station
from stationd.core.watch.line_watch import LineWatch
from stationd.doors import StationLine
from stationd.engine import Engine
from stationd.farstation.link import FarStatistics
from stationd.outputs.clock import Clock
from stationd.outputs.document import Documents, encode
from stationd.outputs.journal import SystemClock
from stationd.outputs.line_keeping import keep_line
from stationd.shell.screens.line import baseline_screen, line_screen
from tests.outputs.journal.files import opened, until
from tests.outputs.plant import LIVE, TAP, board

CURRENT, VOLTAGE, ON = (PointId("pfe-a", point) for point in ("output_current", "output_voltage", "output_on"))
FEED = FeedPoints("pfe-a", CURRENT, VOLTAGE, ON, nominal_ma=1000.0)
CABLE = Cable(341.0, 1.0, (68.2, 136.4, 204.6, 272.8), 40.0)
PLAN = LinePlan("s1", End.A, CABLE, "aktau", "siyazan", (PairPoints(1, receive_tap="fp1-rx"),), (FEED,), demarcation_km=4.0)
OPERATOR = Peer(4242, 4242, 1, Role.OPERATE, name="a.bekov")
VOLTS = 0.5 * (341.0 + 4 * 40.0)


@dataclass
class Behind:
    """The door, and what tells the station what happens."""

    door: StationLine
    engine: Engine
    documents: Documents

    async def tell(self, *, far: bool) -> None:
        """Have one second of a healthy line heard."""
        t = asyncio.get_running_loop().time()
        values = {"output_current": 1000.0, "output_voltage": VOLTS, "output_on": True}
        readings = [Reading(PointId("pfe-a", point), value, GOOD, t) for point, value in values.items()]
        readings += [Reading(PointId("fp1-rx", point), value, GOOD, t) for point, value in (("power", -18.3), ("los", False))]
        other = FarLine(t, t, 0.01, "boot", 1, Feed(1000.0, VOLTS, t)) if far else FarSilent(t, "silent for 4 s")
        self.engine.post([*readings, other])
        await until(lambda: self.far() == ((True, "") if far else (False, "silent for 4 s")))

    def far(self) -> tuple[object, object]:
        """Return whether the far end is known, and why not."""
        found = self.door.line()["far_station"]
        assert isinstance(found, dict)
        return found["known"], found["why"]


@contextlib.asynccontextmanager
async def behind(state: Path, heard: FarStatistics | None = None) -> AsyncIterator[Behind]:
    clock, plant = SystemClock(), board((TAP,))
    desk, watch = Alarms(Plan({}), asyncio.get_running_loop().time()), LineWatch(PLAN, asyncio.get_running_loop().time())
    async with opened(state, clock=clock) as journal:
        engine = Engine(plant, Station(plant.periods(), desk, watch), write=None)  # type: ignore[arg-type]  # nothing writes here
        line = keep_line(watch, LIVE, plant, desk, journal, state / "journal.sqlite", clock, heard=lambda: heard, capacity_tbps=400.0)
        running = [asyncio.create_task(engine.run()), asyncio.create_task(line.incidents.run())]
        try:
            yield Behind(StationLine(line, engine, journal), engine, Documents(LIVE, plant, line.status))
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def test_before_anything_is_heard_nothing_is_known_and_all_of_it_can_be_shown(tmp_path: Path) -> None:
    async with behind(tmp_path) as it:
        line = it.door.line()
        assert (line["near"], line["far"], line["virtual_earth"], line["residual"]) == (None, None, None, None)
        assert encode(dict(line))
        assert any("unknown" in row for row in line_screen(line))
        assert it.door.baseline() is None
        status = it.documents.status({}, Clock.read())
        assert status["verdict"]["kind"] == line["verdict"]["kind"]  # type: ignore[index]
        assert status["far_end"]["known"] is False  # type: ignore[index]
        assert status["line"]["capacity"]["v"] == 400.0  # type: ignore[index]
        assert set(status["line"]["ends"]) == {"a", "b"}  # type: ignore[index]


async def test_a_silent_far_end_is_unknown_in_the_line_and_in_the_status(tmp_path: Path) -> None:
    async with behind(tmp_path) as it:
        await it.tell(far=True)
        assert it.door.line()["far"] is not None
        await it.tell(far=False)
        line = it.door.line()
        assert (line["far"], line["far_station"]["known"]) == (None, False)  # type: ignore[index]
        assert "silent for 4 s" in "\n".join(line_screen(line))


async def test_a_far_end_that_is_unknown_keeps_the_age_of_its_last_message_and_what_it_shares(tmp_path: Path) -> None:
    heard = FarStatistics(received_t=asyncio.get_running_loop().time() - 14.0, shared=frozenset({"light", "feed"}))
    async with behind(tmp_path, heard) as it:
        await it.tell(far=False)
        for far in (it.door.line()["far_station"], it.documents.status({}, Clock.read())["far_end"]):
            assert isinstance(far, dict)
            assert (far["known"], far["shared"]) == (False, ["feed", "light"])
            assert far["age"]["v"] >= 14.0


async def test_a_baseline_is_refused_with_what_is_missing_and_the_screen_says_there_is_none(tmp_path: Path) -> None:
    async with behind(tmp_path) as it:
        with pytest.raises(Declined) as declined:
            await it.door.take_baseline("too early", OPERATOR)
        assert declined.value.missing
        assert baseline_screen(it.door.baseline())[0] == "BASELINE  none was taken"


async def test_a_station_without_a_fault_has_none_to_show_or_to_give_away(tmp_path: Path) -> None:
    async with behind(tmp_path) as it:
        assert list(await it.door.faults(10)) == []
        with pytest.raises(NoSuchFault):
            await it.door.fault("last")
        with pytest.raises(NoSuchFault):
            await it.door.bundle("F-2026-01-01-1")
