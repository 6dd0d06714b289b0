"""A station file that is taken up while its daemon runs, in virtual time: what it changes is other, and nothing else is touched.

Two whole daemons on the simulated line; the one at end a is given other files. Times are exact here, so that "untouched" is: no poll of
an unchanged line is late by a microsecond, no alarm says anything, no verdict moves.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise

from stationd.app import App, load
from stationd.config.changes import Reloaded
from stationd.core.alarm.machine import Event, Letter
from stationd.core.alarm.type import AlarmKey, alarm_key
from stationd.core.alarm.words import AlarmView
from stationd.core.model import PointId, Reason
from stationd.core.operation.orders import AddHold, Disarm, DropHold, EmergencyOff
from stationd.core.operation.task import RampTo
from stationd.core.verdict.words import Kind
from stationd.service.supervisor import Part
from stationd.sim.cable import Cut, End
from tests import virtual_time
from tests.operators import Operator
from tests.two_stations import Line, StationRun, two_stations

HEALTHY_S = 10.0
CURRENT = PointId("pfe", "output_current")
GONE = "fp2-preamp"
ALARM = '\n[[alarm]]\ntype = "{type}"\npoint = "{point}"\n{test}\non_delay_s = {delay_s}\nseverity = "minor"\n'
Scene = Callable[["House"], Awaitable[None]]


def alarm(point: str, test: str, delay_s: float = 0.0, kind: str = "ROOM-TEMPERATURE") -> str:
    return ALARM.format(type=kind, point=point, test=test, delay_s=delay_s)


def without(text: str, device: str) -> str:
    """Return a file without a device, its bus and its limits."""
    for section in ("bus", "device", "amplifier"):
        text, count = re.subn(rf"\[{section}\.{device}\]\n(?:[^\[\n].*\n)*", "", text)
        assert count == 1, section
    return text


@dataclass(slots=True)
class House:
    """The station at end a, its file, and when each of its readings was taken."""

    line: Line
    run: StationRun
    text: str
    polls: dict[PointId, list[float]] = field(default_factory=dict)

    @property
    def app(self) -> App:
        return self.run.app

    async def reload(self, text: str) -> Reloaded:
        """Write a file and have it taken up; a file that has a mistake is one of the test."""
        self.run.path.write_text(text)
        loaded = load(self.run.path)
        assert loaded.config is not None, loaded.mistakes
        return await self.app.reload(loaded)

    async def watch(self) -> None:
        """Note when every point was read, for ever."""
        subscription = self.app.board.subscribe()
        while True:
            await subscription.wait()
            for point in subscription.take() & self.app.board.points.keys():
                t, known = self.app.board[point].t, self.polls.setdefault(point, [])
                if self.app.board[point].quality.good and (not known or t > known[-1]):
                    known.append(t)

    def widest_s(self, point: PointId, begin: float) -> float:
        """Return the longest time between two readings of a point since then."""
        times = [t for t in self.polls[point] if t >= begin - 1.5]
        return max(after - before for before, after in pairwise(times))

    def parts(self, *but: str) -> dict[str, Part]:
        return {name: part for name, part in self.app.supervisor.parts.items() if name not in but}

    def view(self, key: str) -> AlarmView:
        found = alarm_key(key)
        assert found is not None
        view = self.app.alarms.view(found)
        assert view is not None, key
        return view


def now() -> float:
    return asyncio.get_running_loop().time()


def played(scene: Scene, written: Callable[[str], str] = str) -> None:
    """Play a scene at a station that has been healthy for a while."""

    async def play() -> None:
        async with house(written) as found:
            await scene(found)

    virtual_time.run(play(), virtual_time.LoneLoop)


@contextlib.asynccontextmanager
async def house(written: Callable[[str], str] = str) -> AsyncIterator[House]:
    async with two_stations(written=written) as line:
        run = line.stations[End.A]
        found = House(line, run, run.path.read_text())
        watching = asyncio.create_task(found.watch())
        await asyncio.sleep(HEALTHY_S)
        yield found
        watching.cancel()


def test_a_file_that_says_the_same_in_other_words_touches_nothing() -> None:
    async def scene(house: House) -> None:
        before, records = house.parts(), house.app.journal.statistics.audit.position
        begun = now()
        for text in (house.text, f"# another word\n{house.text}", house.text.replace("[bus.io]\n", "[bus.io]\nconnect_timeout_s = 3.0\n")):
            assert await house.reload(text) == Reloaded()
        await asyncio.sleep(3.0)
        assert house.parts() == before
        assert house.app.journal.statistics.audit.position == records
        assert house.run.alarms == []
        assert house.widest_s(CURRENT, begun) <= 1.05

    played(scene)


def test_another_limit_is_in_force_with_the_next_reading_and_nothing_else_is_touched() -> None:
    async def scene(house: House) -> None:
        before, begun, records = house.parts(), now(), house.app.journal.statistics.audit.position
        shown = house.app.board.snapshot()
        assert await house.reload(house.text + alarm("pfe.output_voltage", "above = 200.0")) == Reloaded(("alarm",))
        assert house.app.board.snapshot() == shown
        await asyncio.sleep(1.5)
        key = "pfe/ROOM-TEMPERATURE/output_voltage"
        assert house.view(key).letter is Letter.NEW
        onset = house.view(key).onset
        assert await house.reload(house.text + alarm("pfe.output_voltage", "above = 201.0")) == Reloaded(("alarm",))
        assert (house.view(key).letter, house.view(key).onset, house.view(key).occurrence) == (Letter.NEW, onset, 1)
        assert await house.reload(house.text + alarm("pfe.output_voltage", "above = 400.0")) == Reloaded(("alarm",))
        await asyncio.sleep(1.5)
        assert house.view(key).letter is Letter.GONE
        assert [str(each.key) for each in house.run.alarms] == [key, key]
        assert house.parts() == before
        assert house.widest_s(CURRENT, begun) <= 1.05
        assert {bus.statistics.openings for bus in house.app.buses.values()} == {1}
        assert house.app.journal.statistics.audit.position == records + 3

    played(scene)


def test_a_delay_that_runs_goes_on_through_every_reload() -> None:
    async def scene(house: House) -> None:
        slow = alarm("pfe.output_voltage", "above = 200.0", delay_s=20.0)
        await house.reload(house.text + slow)
        begun = now()
        for number in range(6):
            await asyncio.sleep(2.5)
            other = alarm("io.di1", "equals = false", 5.0 + number, "DOOR-OPEN")
            assert await house.reload(house.text + slow + other) == Reloaded(("alarm",))
        key = "pfe/ROOM-TEMPERATURE/output_voltage"
        assert house.view(key).letter is Letter.NORMAL
        await asyncio.sleep(8.0)
        assert house.view(key).letter is Letter.NEW
        assert 20.0 <= house.run.alarms[-1].t - begun <= 21.1

    played(scene)


def test_a_unit_that_goes_and_comes_leaves_no_trace_and_disturbs_nobody() -> None:
    async def scene(house: House) -> None:
        before, begun, told = house.parts(f"bus {GONE}", f"poller {GONE}"), now(), len(house.run.verdicts)
        gone = await house.reload(without(house.text, GONE))
        assert set(gone.changed) == {f"bus.{GONE}", f"device.{GONE}", f"amplifier.{GONE}"}
        await asyncio.sleep(3.0)
        assert GONE not in house.app.board.devices
        assert house.parts() == before
        assert f'device="{GONE}"' not in (await house.app.metrics.scrape()).decode()
        came = await house.reload(house.text)
        assert set(came.changed) == set(gone.changed)
        assert house.app.board[PointId(GONE, "output_power")].quality.reason is Reason.NEVER_READ
        await asyncio.sleep(12.0)
        assert house.app.board[PointId(GONE, "output_power")].quality.good
        assert house.parts(f"bus {GONE}", f"poller {GONE}") == before
        assert house.run.alarms == []
        assert house.run.verdicts[told:] == []
        assert house.widest_s(CURRENT, begun) <= 1.05

    played(scene)


def test_alarms_that_stand_keep_their_letters_times_and_cause_while_units_come_and_go() -> None:
    async def scene(house: House) -> None:
        house.line.simulation.plant.apply(Cut(100.0))
        await asyncio.sleep(15.0)  # longer than any delay of an alarm that follows from the cut
        assert house.app.watch is not None
        verdict = house.app.watch.verdict
        assert verdict.kind is Kind.CABLE_CUT
        shown = {view.key: view for view in house.app.alarms.views(lambda view: view.active) if view.key.resource != GONE}
        assert len(shown) > 3
        said, told = len(house.run.alarms), len(house.run.verdicts)
        for text in (house.text + alarm("pfe.output_voltage", "above = 790.0"), without(house.text, GONE), house.text):
            assert (await house.reload(text)).refused == ""
            await asyncio.sleep(4.0)
        for key, view in shown.items():
            found = house.app.alarms.view(key)
            assert found is not None
            same = (found.letter, found.onset, found.occurrence, found.causes) == (view.letter, view.onset, view.occurrence, view.causes)
            assert same, (view, found)
        assert {str(each.key) for each in house.run.alarms[said:] if each.event in (Event.RAISE, Event.CLEAR)} <= {
            str(view.key) for view in house.app.alarms.views(lambda view: view.key.resource == GONE)
        }
        assert house.run.verdicts[told:] == []
        assert (house.app.watch.verdict.kind, house.app.watch.verdict.since) == (verdict.kind, verdict.since)

    played(scene)


def test_what_an_alarm_was_that_the_file_has_no_more_is_gone_over_a_restart_too() -> None:
    key = "pfe/ROOM-TEMPERATURE/output_voltage"

    async def scene(house: House) -> None:
        await house.reload(house.text + alarm("pfe.output_voltage", "above = 200.0"))
        await asyncio.sleep(3.0)
        await house.reload(house.text)
        assert house.run.alarms[-1].after is Letter.NORMAL
        await asyncio.sleep(3.0)
        await house.run.stop()
        house.run.path.write_text(house.text + alarm("pfe.output_voltage", "above = 400.0"))
        await house.run.start()
        await asyncio.sleep(3.0)
        assert house.view(key).letter is Letter.NORMAL

    played(scene)


def test_a_port_with_another_speed_is_opened_anew_alone() -> None:
    async def scene(house: House) -> None:
        before, begun = house.parts("bus pfe", "poller pfe"), now()
        assert await house.reload(house.text.replace("baud = 19200", "baud = 38400", 1)) == Reloaded(("bus.pfe",))
        await asyncio.sleep(0.9)  # late answers of before can come for a second
        assert not house.app.buses["pfe"].up
        await asyncio.sleep(5.0)
        assert house.parts("bus pfe", "poller pfe") == before
        assert house.app.buses["pfe"].settings.baud == 38400
        assert house.widest_s(CURRENT, begun) < 3.5
        assert house.widest_s(PointId("io", "di1"), begun) <= 1.05
        assert house.app.board[CURRENT].quality.good
        assert house.run.alarms == []

    played(scene)


def test_the_owner_of_a_port_that_was_replaced_tells_nothing_any_more() -> None:
    async def scene(house: House) -> None:
        (old,) = [part.work.__self__ for name, part in house.parts().items() if name == "poller io"]  # type: ignore[attr-defined]
        assert await house.reload(house.text.replace("[bus.io]\n", "[bus.io]\nconnect_timeout_s = 4.0\n")) == Reloaded(("bus.io",))
        await asyncio.sleep(5.0)
        before = house.app.board[PointId("io", "di1")]
        assert before.quality.good
        old.link_changed(False)
        await asyncio.sleep(0.01)
        assert house.app.board[PointId("io", "di1")] == before

    played(scene)


def test_an_emergency_off_waits_for_no_port_that_is_opened_anew() -> None:
    async def scene(house: House) -> None:
        plant, people = house.line.simulation.plant, Operator(house.app)
        assert await house.reload(house.text.replace("baud = 19200", "baud = 38400", 1)) == Reloaded(("bus.pfe",))
        begun = now()
        assert plant.power_feed(End.A).output_on
        await people.must(EmergencyOff(people.who, ("pfe",)))
        while plant.power_feed(End.A).output_on:
            await asyncio.sleep(0.01)
        assert now() - begun < 0.3
        refused = await house.reload(house.text)
        assert "the EMERGENCY-OFF of pfe is not confirmed" in refused.refused
        await asyncio.sleep(3.0)
        assert await house.reload(house.text) == Reloaded(("bus.pfe",))

    played(scene)


def test_what_is_begun_while_a_reload_waits_for_its_turn_refuses_it() -> None:
    async def scene(house: House) -> None:
        people = Operator(house.app)
        before = house.parts()
        reloading = asyncio.create_task(house.reload(house.text.replace("baud = 19200", "baud = 38400", 1)))
        acting = asyncio.create_task(house.app.engine.act(EmergencyOff(people.who, ("pfe",))))  # passes what waits
        assert "the EMERGENCY-OFF of pfe is not confirmed" in (await reloading).refused
        await acting
        assert house.parts() == before
        assert house.app.buses["pfe"].settings.baud == 19200

    played(scene)


def test_a_station_may_cease_to_write_while_it_runs_and_begin_only_when_it_is_started() -> None:
    async def scene(house: House) -> None:
        only = house.text.replace("read_only = false", "read_only = true")
        before = house.parts()
        assert await house.reload(only) == Reloaded(("station.read_only",))
        assert all(bus.read_only for bus in house.app.buses.values())
        assert house.app.acting.plan.read_only
        assert house.parts() == before
        refused = await house.reload(house.text)
        assert refused.changed == ()
        assert refused.refused.endswith("needs a restart")
        assert all(bus.read_only for bus in house.app.buses.values())

    played(scene)


FIXED = (
    ('name = "aktau"', 'name = "aqtau"', "[station] name is aktau and aqtau in the file"),
    ('mode = "sim"', 'mode = "live"', "[station] mode is sim and live in the file"),
    ("length_km = 341.0", "length_km = 342.0", "[line] is another in the file"),
)


def test_what_cannot_change_while_it_runs_is_refused_with_the_way_out_and_all_else_with_it() -> None:
    async def scene(house: House) -> None:
        before = house.parts()
        for old, new, said in FIXED:
            assert old in house.text
            refused = await house.reload(house.text.replace(old, new) + alarm("pfe.output_voltage", "above = 200.0"))
            assert refused.changed == ()
            assert said in refused.refused
            assert refused.refused.endswith("needs a restart")
        assert house.parts() == before
        assert AlarmKey("pfe", "ROOM-TEMPERATURE", "output_voltage") not in house.app.alarms.plan.rules

    played(scene)


def test_what_an_operation_rests_on_does_not_change_under_it_and_the_rest_may() -> None:
    async def scene(house: House) -> None:
        people = Operator(house.app)
        await people.request_authority()
        name = await people.armed("pfe", RampTo(996.0, 5.0))
        touching = (
            house.text.replace("nominal_ma = 1000.0\nmax_v = 800.0", "nominal_ma = 1000.0\nmax_v = 790.0"),
            house.text.replace("baud = 19200", "baud = 38400", 1),
            house.text + alarm("pfe.output_voltage", "above = 700.0").replace('"minor"', '"critical"'),
            house.text.replace('"io.di3"]', '"io.di3", "io.di5"]'),
            house.text.replace("read_only = false", "read_only = true"),
        )
        for text in touching:
            refused = await house.reload(text)
            assert refused.changed == (), text
            assert f"{name} (ramp pfe) is armed" in refused.refused
        assert (await house.reload(house.text + alarm("io.di1", "equals = false", 5.0, "DOOR-OPEN"))).refused == ""
        assert (await house.reload(without(house.text, GONE))).refused == ""
        assert people.view(name).phase.value == "armed"
        await people.must(Disarm(people.who, name))
        assert await house.reload(without(touching[0], GONE)) == Reloaded(("pfe.pfe",))
        assert house.app.acting.plan.feeds["pfe"].max_v == 790.0

    played(scene)


def test_a_unit_that_somebody_holds_stays_in_the_file_until_the_hold_is_taken_back() -> None:
    async def scene(house: House) -> None:
        people = Operator(house.app)
        (hold,) = (await people.must(AddHold(people.who, GONE, "splicing at the frame, WO 12"))).names
        refused = await house.reload(without(house.text, GONE))
        assert f"{hold} of a.bekova holds {GONE}" in refused.refused
        assert GONE in house.app.board.devices
        await people.must(DropHold(people.who, hold))
        assert (await house.reload(without(house.text, GONE))).refused == ""

    played(scene)


def test_a_reload_that_is_asked_for_while_the_station_begins_waits_for_it() -> None:
    async def scene(house: House) -> None:
        await house.run.stop()
        await house.run.start()
        assert not house.app.supervisor.parts
        assert await house.reload(house.text + alarm("pfe.output_voltage", "above = 200.0")) == Reloaded(("alarm",))
        await asyncio.sleep(3.0)
        assert house.view("pfe/ROOM-TEMPERATURE/output_voltage").letter is Letter.NEW

    played(scene)
