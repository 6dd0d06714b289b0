"""The inbox of the engine: bounded, ordered, and never losing what is not a reading."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from stationd.board import Board
from stationd.core.alarm.condition import Below
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.machine import Event
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Acknowledge, AlarmRecord, Done, Signal, Target
from stationd.core.model import GOOD, Announce, Level, LightEvent, LightKind, LinkChanged, PointId, Reading, Value, WriteDone
from stationd.core.station import Station
from stationd.device import Device
from stationd.driver import INPUT_OUTPUT, Driver, Holding, Point, Protocol
from stationd.engine import INBOX_EVENTS, Engine, Kept, Ordered, Told
from stationd.wire.modbus import Rtu
from stationd.wire.registers import U16
from tests import virtual_time

LEVEL = PointId("m", "level")
LOW, CLOCK = AlarmKey("m", "LOW-LEVEL"), AlarmKey("station", "CLOCK-STEPPED")
DRIVER = Driver("meter", INPUT_OUTPUT, (Protocol.MODBUS_RTU,), (Point("level", Holding(0), U16),), "none", addresses=(1, 247))


async def no_write(target: PointId, value: Value, emergency: bool) -> WriteDone:
    raise AssertionError("nothing is written here")


@dataclass
class Ear:
    """Hears what is told outside, all that follows from one event together."""

    told: list[Told] = field(default_factory=list)
    groups: list[tuple[Told, ...]] = field(default_factory=list)
    ordered: list[Ordered] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def keep(self, told: Sequence[Told], ordered: Ordered | None) -> Kept:
        self.told += told
        self.groups.append(tuple(told))
        self.ordered += [ordered] if ordered is not None else []
        kept: Kept = asyncio.get_running_loop().create_future()
        self.kept.append(kept)
        return kept

    def remember(self, readings: Sequence[Reading]) -> None:
        self.readings += readings


def with_alarms(now: float) -> tuple[Engine, Ear, Alarms]:
    desk, ear = Alarms(Plan({LOW: rule(LOW, Below(5.0), LEVEL), CLOCK: rule(CLOCK)}), now), Ear()
    board = Board([Device("m", DRIVER, Rtu())], 0.0)
    return Engine(board, Station({LEVEL: 1.0}, desk), no_write, ear), ear, desk


def events_of(ear: Ear, key: AlarmKey) -> list[Event]:
    return [each.event for each in ear.told if isinstance(each, AlarmRecord) and each.key == key]


def made() -> tuple[Engine, Board]:
    board = Board([Device("m", DRIVER, Rtu())], 0.0)
    return Engine(board, Station({LEVEL: 1.0}), no_write), board


def test_a_full_inbox_drops_readings_and_counts_them_but_nothing_else() -> None:
    async def main() -> None:
        engine, board = made()
        now = asyncio.get_running_loop().time()
        engine.post([Reading(LEVEL, 1, GOOD, now)] * INBOX_EVENTS)
        engine.post([Reading(LEVEL, 2, GOOD, now), LinkChanged("line", False, ("m",), now)])
        assert engine.dropped_events == 1
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert board[LEVEL].quality.level is Level.STALE
        assert board[LEVEL].value == 1

    virtual_time.run(main())


def test_what_follows_from_an_event_is_shown_before_the_next_event() -> None:
    async def main() -> None:
        engine, board = made()
        now = asyncio.get_running_loop().time()
        events = [Reading(LEVEL, 1, GOOD, now), LinkChanged("line", False, ("m",), now), Reading(LEVEL, 2, GOOD, now)]
        engine.post(events)
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert (board[LEVEL].value, board[LEVEL].quality) == (2, GOOD)

    virtual_time.run(main())


def test_a_full_inbox_loses_no_event_of_the_light_and_announces_them_in_order() -> None:
    async def main() -> None:
        ear = Ear()
        engine = Engine(Board([Device("m", DRIVER, Rtu())], 0.0), Station({LEVEL: 1.0}), no_write, ear)
        now = asyncio.get_running_loop().time()
        engine.post([Reading(LEVEL, 1, GOOD, now)] * INBOX_EVENTS)
        events = [LightEvent(LightKind.LOST, "a", now, now, now, number) for number in range(3)]
        for event in events:
            engine.post([Reading(LEVEL, 2, GOOD, now), event])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert [each.event for each in ear.told if isinstance(each, Announce)] == events
        assert engine.dropped_events == 3

    virtual_time.run(main())


def test_readings_and_signals_raise_alarms_and_readings_go_to_the_history() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, ear, desk = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now), Signal(CLOCK, True, now)])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert events_of(ear, LOW) == events_of(ear, CLOCK) == [Event.RAISE]
        assert [reading.value for reading in ear.readings] == [1]
        assert {view.key for view in desk.views()} == {LOW, CLOCK}

    virtual_time.run(main())


def test_a_delay_of_an_alarm_ends_without_any_further_event() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, ear, _ = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now), Reading(LEVEL, 9, GOOD, now)])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(1.9)  # back for less than the 2 s of a digital alarm
        assert events_of(ear, LOW) == [Event.RAISE]
        await asyncio.sleep(0.2)
        task.cancel()
        assert events_of(ear, LOW) == [Event.RAISE, Event.CLEAR]

    virtual_time.run(main())


def test_an_order_is_carried_out_after_what_came_before_it_and_is_kept_together_with_its_results() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, ear, _ = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now)] * INBOX_EVENTS)
        task = asyncio.create_task(engine.run())
        outcomes, kept = await engine.order(Acknowledge((Target(LOW),), "a.bekov"), "uid 1")
        task.cancel()
        assert [type(each) for each in outcomes] == [Done], "an order is never dropped"
        assert not kept.done(), "it is kept when the outside says so"
        assert ear.ordered[0].peer == "uid 1"
        assert [each.event for each in ear.groups[-1] if isinstance(each, AlarmRecord)] == [Event.ACK]

    virtual_time.run(main())


def test_an_order_nobody_waits_for_any_more_is_carried_out_nevertheless() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, ear, _ = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now)])
        waiting = asyncio.create_task(engine.order(Acknowledge((Target(LOW),), "a.bekov")))
        await asyncio.sleep(0)
        waiting.cancel()
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        engine.post([Signal(CLOCK, True, now)])
        await asyncio.sleep(0.01)
        task.cancel()
        assert events_of(ear, LOW) == [Event.RAISE, Event.ACK]
        assert events_of(ear, CLOCK) == [Event.RAISE], "and the engine goes on"

    virtual_time.run(main())


def test_a_value_that_grows_old_freezes_its_alarm() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, _, desk = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now)])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(10.0)
        task.cancel()
        view = desk.view(LOW)
        assert view is not None
        assert (view.active, view.unknown) == (True, True)

    virtual_time.run(main())
