"""The inbox of the engine: bounded, ordered, and never losing what is not a reading."""

from __future__ import annotations

import asyncio

from stationd.board import Board
from stationd.core.model import GOOD, Level, LightEvent, LightKind, LinkChanged, PointId, Reading, Value, WriteDone
from stationd.core.station import Station
from stationd.device import Device
from stationd.driver import INPUT_OUTPUT, Driver, Holding, Point, Protocol
from stationd.engine import INBOX_EVENTS, Engine
from stationd.wire.modbus import Rtu
from stationd.wire.registers import U16
from tests import virtual_time

LEVEL = PointId("m", "level")
DRIVER = Driver("meter", INPUT_OUTPUT, (Protocol.MODBUS_RTU,), (Point("level", Holding(0), U16),), "none", addresses=(1, 247))


async def no_write(target: PointId, value: Value, emergency: bool) -> WriteDone:
    raise AssertionError("nothing is written here")


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
        told: list[LightEvent] = []
        engine = Engine(Board([Device("m", DRIVER, Rtu())], 0.0), Station({LEVEL: 1.0}), no_write, told.append)
        now = asyncio.get_running_loop().time()
        engine.post([Reading(LEVEL, 1, GOOD, now)] * INBOX_EVENTS)
        events = [LightEvent(LightKind.LOST, "a", now, now, now, number) for number in range(3)]
        for event in events:
            engine.post([Reading(LEVEL, 2, GOOD, now), event])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert told == events
        assert engine.dropped_events == 3

    virtual_time.run(main())
