"""A station that is read only sends questions and nothing else, whatever the driver: no write function code, no set command."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from drivers import CATALOG
from stationd.core.model import Reason, Value
from stationd.device import Device, codec_for
from stationd.driver import Driver, Missing, Point, Protocol, Query, Sampled
from stationd.links.bus import Bus
from stationd.links.port import PortSettings
from stationd.links.queue import Failure
from stationd.links.statistics import Priority
from stationd.wire import modbus, text
from stationd.wire.exchange import Exchange, FrameError

READING = {1, 2, 3, 4}  # function codes of Modbus that change nothing
RATING = 1000.0
SPOKEN = [(name, protocol) for name, driver in CATALOG.items() for protocol in driver.protocols]


def device(name: str, protocol: Protocol) -> Device:
    driver = CATALOG[name]
    return Device("unit", driver, codec_for(protocol, driver), unit=1, ratings=dict.fromkeys(driver.ratings, RATING))


def values(point: Point) -> Iterator[Value]:
    """Give something that may be written to a point."""
    if point.values is not None:
        yield from point.values.values()
    elif point.mask is not None or point.fmt is None:
        yield from (True, False)
    elif isinstance(point.fmt, text.Field) and point.fmt.read_as is text.As.TEXT:
        yield "x"
    else:
        low, high = point.limits or (0.0, 1.0)
        yield low
        yield high if point.rated_limits is None else point.rated_limits[2] * RATING


def writable(driver: Driver) -> list[Point]:
    return [point for point in driver.points if "w" in point.access and not isinstance(point.at, (Missing, Sampled))]


def writes(unit: Device) -> Iterator[Exchange]:
    for point in writable(unit.driver):
        for value in values(point):
            with contextlib.suppress(FrameError):  # a state of the unit's own, which nobody can ask for
                yield unit.prepare(point.name, value).write


@pytest.mark.parametrize(("name", "protocol"), SPOKEN, ids=lambda each: getattr(each, "value", each))
def test_what_is_polled_is_a_question_in_its_bytes(name: str, protocol: Protocol) -> None:
    unit = device(name, protocol)
    asked = {point.at.command for point in unit.driver.points if isinstance(point.at, Query)}
    for block in unit.plan():
        assert not block.exchange.writes
        frame = unit.codec.encode(block.exchange.question, 1)
        match block.exchange.question:
            case modbus.Read():
                code = frame[1] if protocol is Protocol.MODBUS_RTU else frame[7]
                assert code in READING
            case text.Ask() as question:
                assert any(text.place(each, unit.channel) == question.command for each in asked)
                assert not {text.place(_set(point), unit.channel) for point in writable(unit.driver)} & {question.command}


def _set(point: Point) -> str:
    return point.put.command if isinstance(point.put, Query) else ""


@pytest.mark.parametrize(("name", "protocol"), SPOKEN, ids=lambda each: getattr(each, "value", each))
async def test_every_write_of_every_driver_is_refused_by_a_line_that_is_read_only(name: str, protocol: Protocol) -> None:
    bus = Bus("line", PortSettings("/dev/null"), read_only=True)
    bus.up = True
    unit = device(name, protocol)
    prepared = list(writes(unit))
    assert len(prepared) >= len(writable(unit.driver))
    for exchange in prepared:
        assert exchange.writes
        for priority in Priority:
            async with asyncio.timeout(1.0):
                done = await bus.ask(exchange, priority)
            assert isinstance(done.outcome, Failure)
            assert done.outcome.reason is Reason.READ_ONLY
    assert bus.statistics.transactions == 0
