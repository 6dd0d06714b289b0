"""From a byte on a line to a reading on the board, and from a wish to a verified write; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from stationd.board import Board
from stationd.core.model import Level, PointId, Reading, Reason
from stationd.core.station import Station
from stationd.device import Device
from stationd.driver import INPUT_OUTPUT, Coil, Driver, Holding, Missing, Point, Protocol, Query
from stationd.engine import Engine
from stationd.links.bus import Bus
from stationd.links.port import PortSettings
from stationd.poller import Poller, Pollers
from stationd.wire.modbus import Rtu
from stationd.wire.registers import U16
from stationd.wire.text import Dialect, Field, Text
from tests import virtual_time
from tests.links.line import Line, Unit, registers, rtu

SERIAL = PortSettings("/dev/ttyTEST", baud=19200)
METER = Driver(
    "meter",
    INPUT_OUTPUT,
    (Protocol.MODBUS_RTU,),
    (
        Point("level", Holding(0), U16, unit="V", scale=0.1, limits=(0.0, 900.0), access="rw"),
        Point("alone", Holding(500), U16, unit="V"),
        Point("switch", Coil(3), access="rw", put=Coil(3)),
    ),
    "none",
    addresses=(1, 247),
)


class Meter:
    """A Modbus unit with memory, written from the protocol."""

    def __init__(self, unit: int = 1) -> None:
        self.unit = unit
        self.words = {0: 2300, 500: 7}
        self.coils = {3: 0}
        self.mute = False
        self.delay_s = 0.002
        self.stuck = False
        self.functions: list[int] = []

    def __call__(self, frame: bytes, t: float) -> list[tuple[float, bytes]]:
        if frame[0] != self.unit or self.mute:
            return []
        address, value = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        self.functions.append(frame[1])
        return [(self.delay_s, rtu(self.unit, self._pdu(frame, address, value)))]

    def _pdu(self, frame: bytes, address: int, value: int) -> bytes:
        match frame[1]:
            case 1:
                return bytes((1, 1, self.coils[address]))
            case 5:
                self.coils[address] = int(value == 0xFF00)
                return frame[1:6]
            case 6:
                self.words[address] = self.words[address] if self.stuck else value
                return frame[1:6]
            case _ if all(n in self.words for n in range(address, address + value)):
                return registers([self.words[n] for n in range(address, address + value)])
            case _:
                return bytes((frame[1] | 0x80, 2))


class Plant:
    """A whole path from the line to the board."""

    def __init__(
        self, device: Device, unit: Unit, settings: PortSettings = SERIAL, read_only: bool = True, others: tuple[Device, ...] = ()
    ) -> None:
        self.line = Line(unit, settings)
        self.bus = Bus("line", settings, read_only=read_only, opener=self.line.open)
        self.board = Board([device, *others], asyncio.get_running_loop().time())
        self.station = Station(self.board.periods())
        self.engine = Engine(self.board, self.station, self._write)
        self.poller = Poller(self.bus, [device, *others], self.engine.post)
        self.bus.on_change = self.poller.link_changed

    async def _write(self, target: PointId, value: Any) -> Any:
        return await self.poller.write(target, value)

    def reading(self, point: str) -> Reading:
        return self.board[PointId("m", point)]

    async def until(self, condition: Callable[[], bool]) -> float:
        subscription = self.board.subscribe()
        while not condition():
            await subscription.wait()
            subscription.take()
        self.board.unsubscribe(subscription)
        return asyncio.get_running_loop().time()


def play(
    script: Callable[[Plant], Awaitable[None]],
    unit: Unit,
    device: Device | None = None,
    read_only: bool = True,
    others: tuple[Device, ...] = (),
) -> None:
    async def main() -> None:
        plant = Plant(device or Device("m", METER, Rtu(), 1), unit, read_only=read_only, others=others)
        tasks = [asyncio.create_task(work) for work in (plant.bus.run(), plant.poller.run(), plant.engine.run())]
        try:
            await script(plant)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    virtual_time.run(main())


def test_the_time_of_a_value_is_that_of_its_own_exchange() -> None:
    meter = Meter()
    meter.delay_s = 0.2

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good and plant.reading("alone").quality.good)
        assert abs(plant.reading("level").t - plant.reading("alone").t) >= 0.2

    play(script, meter)


def test_before_the_first_answer_every_point_is_bad_and_has_no_value() -> None:
    async def script(plant: Plant) -> None:
        assert {reading.value for reading in plant.board.snapshot().values()} == {None}
        assert {reading.quality.reason for reading in plant.board.snapshot().values()} == {Reason.NEVER_READ}

    play(script, Meter())


def test_a_silent_unit_becomes_stale_within_its_limit_and_fresh_again_within_ten_seconds_of_its_return() -> None:
    meter = Meter()

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        meter.mute = True
        silent_since = asyncio.get_running_loop().time()
        stale_at = await plant.until(lambda: plant.reading("level").quality.level is Level.STALE)
        assert stale_at - silent_since <= 3.0 + 0.01
        shown = plant.reading("level")
        await asyncio.sleep(60)
        assert plant.reading("level") == shown, "an old value never looks newer"
        meter.mute = False
        back = asyncio.get_running_loop().time()
        assert await plant.until(lambda: plant.reading("level").quality.good) - back <= 10.0

    play(script, meter)


def test_an_unplugged_port_makes_values_missing_at_once_and_they_return_within_five_seconds() -> None:
    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        plant.line.refuse = True
        plant.line.hang_up()
        await asyncio.sleep(0)
        await plant.until(lambda: plant.reading("level").quality.level is Level.STALE)
        assert plant.reading("level").quality.reason is Reason.LINK_DOWN
        await asyncio.sleep(33)
        plant.line.refuse = False
        back = asyncio.get_running_loop().time()
        assert await plant.until(lambda: plant.reading("level").quality.good) - back <= 5.0

    play(script, Meter())


def test_an_illegal_register_is_bad_by_name_and_the_others_stay_good() -> None:
    meter = Meter()
    del meter.words[500]

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("alone").quality.reason is Reason.ILLEGAL_ADDRESS)
        assert plant.reading("alone").value is None
        await asyncio.sleep(20)
        assert plant.reading("level").quality.good
        assert 3 <= plant.bus.statistics.failures[Reason.ILLEGAL_ADDRESS] <= 5

    play(script, meter)


def test_a_value_outside_its_limits_is_uncertain() -> None:
    meter = Meter()
    meter.words[0] = 9999

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.level is Level.UNCERTAIN)
        assert plant.reading("level").quality.reason is Reason.OUT_OF_RANGE

    play(script, meter)


def test_a_write_counts_only_when_the_unit_shows_it() -> None:
    meter = Meter()

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        done = await plant.poller.write(PointId("m", "level"), 12.3)
        assert (done.reason, done.read_back) == (Reason.NONE, pytest.approx(12.3))
        assert meter.words[0] == 123
        assert (await plant.poller.write(PointId("m", "switch"), True)).reason is Reason.NONE

    play(script, meter, read_only=False)


def test_a_write_that_the_unit_does_not_keep_is_an_error_with_both_values() -> None:
    meter = Meter()
    meter.stuck = True

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        done = await plant.poller.write(PointId("m", "level"), 12.3)
        assert done.reason is Reason.REFUSED
        assert "12.3" in done.detail
        assert "230" in done.detail

    play(script, meter, read_only=False)


def test_a_write_whose_answer_is_lost_is_read_back_and_never_sent_again() -> None:
    meter = Meter()

    def deaf_to_writes(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        answers = meter(frame, t)
        return [] if frame[1] == 6 else answers

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        done = await plant.poller.write(PointId("m", "level"), 12.3)
        assert done.reason is Reason.NONE
        assert meter.functions.count(6) == 1

    play(script, deaf_to_writes, read_only=False)


@pytest.mark.parametrize("code", [5, 6, 11])
def test_a_write_whose_fate_the_answer_leaves_open_is_read_back(code: int) -> None:
    meter = Meter()

    def evasive(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        answers = meter(frame, t)
        return [(0.01, rtu(1, bytes((0x86, code))))] if frame[1] == 6 else answers

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        done = await plant.poller.write(PointId("m", "level"), 12.3)
        assert (done.reason, done.read_back) == (Reason.NONE, pytest.approx(12.3))

    play(script, evasive, read_only=False)


def test_a_point_that_the_unit_does_not_have_stays_not_offered_when_the_port_comes_back() -> None:
    driver = replace(METER, points=(METER.points[0], Point("interlock", Missing("no such register"))))

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        plant.line.hang_up()
        await plant.until(lambda: plant.reading("level").quality.level is Level.STALE)
        await plant.until(lambda: plant.reading("level").quality.good)
        assert plant.reading("interlock").quality.reason is Reason.NOT_OFFERED

    play(script, Meter(), Device("m", driver, Rtu(), 1))


def test_an_answer_that_came_in_the_instant_of_the_hang_up_is_not_shown_as_good() -> None:
    driver = replace(METER, points=(Point("level", Holding(0), U16, unit="V", every_s=60.0),))

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        received = plant.bus.received

        def and_gone(data: bytes) -> None:
            received(data)
            plant.line.refuse = True
            asyncio.get_running_loop().call_soon(plant.line.hang_up)

        plant.bus.received = and_gone  # type: ignore[method-assign]  # the transport: the far end hangs up with its last byte
        while plant.bus.up:
            await asyncio.sleep(0.5)
        await asyncio.sleep(1.0)  # far less than the three minutes after which silence alone would make it stale
        assert plant.reading("level").quality.level is Level.STALE

    play(script, Meter(), Device("m", driver, Rtu(), 1))


@pytest.mark.parametrize(
    ("point", "value", "why"), [("level", 901.0, "outside"), ("alone", 1.0, "cannot be written"), ("none", 1, "no point")]
)
def test_a_write_that_must_not_be_sends_nothing_and_says_why(point: str, value: float, why: str) -> None:
    meter = Meter()

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        done = await plant.poller.write(PointId("m", point), value)
        assert done.reason is Reason.ILLEGAL_VALUE
        assert why in done.detail
        assert not set(meter.functions) & {5, 6, 15, 16}

    play(script, meter, read_only=False)


def test_a_read_only_station_refuses_to_write_with_a_reason() -> None:
    meter = Meter()

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        done = await plant.poller.write(PointId("m", "level"), 12.3)
        assert done.reason is Reason.READ_ONLY
        assert not set(meter.functions) & {5, 6, 15, 16}

    play(script, meter)


def test_hastened_points_are_read_so_often_until_that_is_undone() -> None:
    meter = Meter()
    driver = replace(METER, points=(replace(METER.points[0], every_s=10.0),))

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        plant.poller.hasten(frozenset({PointId("m", "level"), PointId("of another line", "level")}), 0.5)
        before = len(meter.functions)
        await asyncio.sleep(20.0)
        assert 39 <= len(meter.functions) - before <= 41
        plant.poller.hasten(frozenset(), 0.5)
        before = len(meter.functions)
        await asyncio.sleep(20.0)
        assert len(meter.functions) - before == 2

    play(script, meter, Device("m", driver, Rtu(), 1))


def test_a_device_that_no_line_leads_to_cannot_be_written_and_that_is_said() -> None:
    async def main() -> None:
        pollers = Pollers()
        for way in (pollers.write, pollers.cut_off):
            done = await way(PointId("pfe-x", "output_on"), False)
            assert (done.reason, done.read_back) == (Reason.ILLEGAL_VALUE, None)
            assert "pfe-x" in done.detail

    virtual_time.run(main())


def test_a_text_answer_that_is_not_a_number_is_bad_and_never_zero() -> None:
    driver = Driver(
        "text-meter",
        INPUT_OUTPUT,
        (Protocol.TEXT,),
        (Point("level", Query("MV?"), Field(r"(.*)"), unit="V"),),
        "none",
        dialects={"cr": Dialect()},
    )
    device = Device("m", driver, Text(Dialect()), 1)

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.reason is Reason.MALFORMED)
        assert plant.reading("level").value is None

    play(script, lambda frame, t: [(0.01, b"BUSY\r")], device)


def test_a_write_that_still_waits_is_taken_back_and_one_on_the_wire_is_finished_and_read_back() -> None:
    meter = Meter()
    target, why = PointId("m", "level"), "OP-7 holds"

    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        on_wire = asyncio.create_task(plant.poller.write(target, 12.3))
        while plant.line.frames[-1][1][1] != 6:
            await asyncio.sleep(0.001)
        waiting = asyncio.create_task(plant.poller.write(target, 99.9))
        other = asyncio.create_task(plant.poller.write(PointId("m", "switch"), True))
        await asyncio.sleep(0.0)
        plant.poller.take_back(frozenset({target}), why)
        refused = await waiting
        assert (refused.reason, refused.read_back, refused.detail) == (Reason.REFUSED, None, why)
        assert ((await on_wire).reason, (await other).reason) == (Reason.NONE, Reason.NONE)
        await asyncio.sleep(5.0)
        assert [frame[4:6] for _, frame in plant.line.frames if frame[1] == 6] == [(123).to_bytes(2, "big")]
        assert (await plant.poller.write(target, 15.0)).reason is Reason.NONE, "only what waited at that moment"

    play(script, meter, read_only=False)


def test_what_waits_on_any_line_is_taken_back() -> None:
    async def script(plant: Plant) -> None:
        await plant.until(lambda: plant.reading("level").quality.good)
        pollers = Pollers()
        pollers.add(plant.poller)
        busy = asyncio.create_task(pollers.write(PointId("m", "switch"), True))
        while plant.line.frames[-1][1][1] != 5:
            await asyncio.sleep(0.001)
        waiting = asyncio.create_task(pollers.write(PointId("m", "level"), 99.9))
        await asyncio.sleep(0.0)
        pollers.take_back(frozenset({PointId("m", "level")}), "OP-7 holds")
        assert (await waiting).reason is Reason.REFUSED
        await busy

    play(script, Meter(), read_only=False)
