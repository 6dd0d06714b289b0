"""EMERGENCY-OFF on a line, in virtual time: at once, again and again, and believed only when the unit has shown it twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby, pairwise

import pytest

from stationd.core.model import PointId, Reason, Value
from stationd.device import Device
from stationd.driver import POWER_FEED, Driver, Point, Protocol, Query
from stationd.links.queue import QUEUE_LIMIT
from stationd.poller import BLIND_S, GIVE_UP_S
from stationd.wire.modbus import Rtu
from stationd.wire.text import As, Dialect, Field, Text
from tests.links.line import Unit, several
from tests.test_poller import METER, Meter, Plant, play

SWITCH, LEVEL = PointId("m", "switch"), PointId("m", "level")
ON, OFF = b"\xff\x00", b"\x00\x00"
TRANSACTION_S = 0.1  # more than any question of these meters with its answer takes


def coil_writes(plant: Plant) -> list[float]:
    return [t for t, frame in plant.line.frames if frame[1] == 5]


def energised() -> Meter:
    meter = Meter()
    meter.coils[3] = 1
    return meter


async def answering(plant: Plant) -> None:
    await plant.until(lambda: plant.reading("level").quality.good)


def test_off_is_confirmed_by_two_read_backs_in_a_row_and_both_are_shown() -> None:
    meter = energised()

    async def script(plant: Plant) -> None:
        await answering(plant)
        done = await plant.poller.cut_off(SWITCH, False)
        assert (done.reason, done.read_back, meter.coils[3]) == (Reason.NONE, False, 0)
        assert [frame[1] for _, frame in plant.line.frames[-3:]] == [5, 1, 1]
        await plant.until(lambda: plant.reading("switch").value is False and plant.reading("switch").quality.good)

    play(script, meter, read_only=False)


def test_one_read_back_that_agrees_is_not_enough() -> None:
    meter = energised()
    seldom = replace(METER, points=(*METER.points[:2], replace(METER.points[2], every_s=1e6)))  # so that nothing else reads the coil
    shown = iter([1, 0, 1, 0, 0])

    def damaged(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        if frame[1] == 1:
            meter.coils[3] = next(shown, 0)
        return meter(frame, t)

    async def script(plant: Plant) -> None:
        await answering(plant)
        await asyncio.sleep(0.5)
        assert (await plant.poller.cut_off(SWITCH, False)).reason is Reason.NONE
        assert len(coil_writes(plant)) == 2

    play(script, damaged, Device("m", seldom, Rtu(), 1), read_only=False)


def test_off_is_sent_again_until_it_shows() -> None:
    meter = energised()
    deaf_to = [1, 2, 3]

    def hard_of_hearing(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        if frame[1] == 5 and deaf_to:
            deaf_to.pop()
            return []
        return meter(frame, t)

    async def script(plant: Plant) -> None:
        await answering(plant)
        assert (await plant.poller.cut_off(SWITCH, False)).reason is Reason.NONE
        assert len(coil_writes(plant)) == 4

    play(script, hard_of_hearing, read_only=False)


def test_off_goes_before_all_that_waits_and_waits_for_no_more_than_the_exchange_in_flight() -> None:
    async def script(plant: Plant) -> None:
        await answering(plant)
        others = [asyncio.create_task(plant.poller.write(LEVEL, 12.3)) for _ in range(2 * QUEUE_LIMIT)]
        await asyncio.sleep(0.005)
        sent, asked = len(plant.line.frames), asyncio.get_running_loop().time()
        done = await plant.poller.cut_off(SWITCH, False)
        assert plant.line.frames[sent][1][1] == 5
        assert plant.line.frames[sent][0] - asked <= TRANSACTION_S
        assert done.reason is Reason.NONE
        await asyncio.gather(*others)

    play(script, energised(), read_only=False)


@pytest.mark.parametrize("mute_s", [0.35, 1.0, 2.0, 40.0], ids=["just timed out", "in quarantine", "mute", "in its longest pause"])
def test_neither_a_time_out_nor_a_quarantine_nor_a_pause_delays_off(mute_s: float) -> None:
    meter = energised()

    async def script(plant: Plant) -> None:
        await answering(plant)
        meter.mute = True
        await asyncio.sleep(mute_s)
        meter.mute = False
        asked = asyncio.get_running_loop().time()
        off = asyncio.create_task(plant.poller.cut_off(SWITCH, False))
        while not coil_writes(plant):
            await asyncio.sleep(0.001)
        assert coil_writes(plant)[0] - asked <= 0.4, "at most the time-out of the question in flight"
        assert (await off).reason is Reason.NONE
        assert asyncio.get_running_loop().time() - asked < 2.5

    play(script, meter, read_only=False)


def test_off_is_the_first_thing_that_is_sent_when_a_lost_port_is_back() -> None:
    meter = energised()

    async def script(plant: Plant) -> None:
        await answering(plant)
        plant.line.refuse = True
        plant.line.hang_up()
        off = asyncio.create_task(plant.poller.cut_off(SWITCH, False))
        await asyncio.sleep(30.0)
        sent = len(plant.line.frames)
        plant.line.refuse = False
        back = asyncio.get_running_loop().time()
        assert (await off).reason is Reason.NONE
        assert plant.line.frames[sent][1][1] == 5
        assert plant.line.frames[sent][0] - back <= 1.1, "a port is opened again within a second"

    play(script, meter, read_only=False)


def test_a_unit_that_never_answers_is_given_up_after_its_time_with_the_reason_and_off_was_sent_all_the_time() -> None:
    meter = energised()

    async def script(plant: Plant) -> None:
        await answering(plant)
        meter.mute = True
        asked = asyncio.get_running_loop().time()
        done = await plant.poller.cut_off(SWITCH, False)
        assert GIVE_UP_S <= done.t - asked <= GIVE_UP_S + 2.0
        assert (done.reason, done.read_back) == (Reason.TIMEOUT, None)
        assert f"{GIVE_UP_S:g} s" in done.detail
        sent = coil_writes(plant)
        assert max(later - earlier for earlier, later in pairwise(sent)) <= 2.0

    play(script, meter, read_only=False)


def test_a_unit_that_keeps_its_output_on_is_given_up_with_both_values() -> None:
    meter = energised()

    def stuck(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        answers = meter(frame, t)
        meter.coils[3] = 1
        return answers

    async def script(plant: Plant) -> None:
        await answering(plant)
        done = await plant.poller.cut_off(SWITCH, False)
        assert (done.reason, done.read_back) == (Reason.REFUSED, True)
        assert "asked False, the unit shows True" in done.detail

    play(script, stuck, read_only=False)


def test_polls_wait_meanwhile_but_the_station_is_never_blind_for_long() -> None:
    meter = energised()

    def stuck(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        answers = meter(frame, t)
        meter.coils[3] = 1
        return answers

    async def script(plant: Plant) -> None:
        await answering(plant)
        asked = asyncio.get_running_loop().time()
        await plant.poller.cut_off(SWITCH, False)
        polls = [t for t, frame in plant.line.frames if frame[1] == 3 and t > asked + TRANSACTION_S]
        rounds = [list(own) for _, own in groupby(polls, key=lambda t: (t - asked) // BLIND_S)]
        assert len(rounds) >= GIVE_UP_S / BLIND_S - 1
        assert {len(own) for own in rounds} <= {2, 3}, "each block once, and the one that had been held"
        assert polls[0] - asked <= BLIND_S + TRANSACTION_S
        assert max(b - a for a, b in pairwise(polls)) <= BLIND_S + 0.5
        await asyncio.sleep(3.0)
        assert plant.reading("level").quality.good, "and then they go on"

    play(script, stuck, read_only=False)


@pytest.mark.parametrize("earlier_s", [0.002, 0.005, 0.008, 0.012])
def test_a_poll_that_waits_already_does_not_come_between_off_and_its_read_backs(earlier_s: float) -> None:
    async def script(plant: Plant) -> None:
        await answering(plant)
        due = plant.reading("level").t + 1.0
        await asyncio.sleep(due - earlier_s - asyncio.get_running_loop().time())
        write = asyncio.create_task(plant.poller.write(PointId("other", "switch"), True))
        await asyncio.sleep(due + 0.002 - asyncio.get_running_loop().time())
        await plant.poller.cut_off(SWITCH, False)
        sent = [frame[:2] for _, frame in plant.line.frames]
        assert bytes((1, 3)) not in sent[sent.index(bytes((1, 5))) :]
        await write

    meters = several(energised(), Meter(2))
    play(script, meters, Device("m", METER, Rtu(), 1), read_only=False, others=(Device("other", METER, Rtu(), 2),))


def test_a_second_wish_for_the_same_point_joins_the_first() -> None:
    async def script(plant: Plant) -> None:
        await answering(plant)
        first, second = await asyncio.gather(*(plant.poller.cut_off(SWITCH, False) for _ in range(2)))
        assert first == second
        assert len(coil_writes(plant)) == 1

    play(script, energised(), read_only=False)


def test_two_feeds_on_one_line_are_driven_off_by_turns_and_a_mute_one_does_not_hold_the_other() -> None:
    first, second = energised(), Meter(2)
    second.coils[3], second.mute = 1, True

    async def script(plant: Plant) -> None:
        other = PointId("other", "switch")
        await answering(plant)
        asked = asyncio.get_running_loop().time()
        mute = asyncio.create_task(plant.poller.cut_off(other, False))
        done = await plant.poller.cut_off(SWITCH, False)
        assert done.reason is Reason.NONE
        assert done.t - asked < 3.0
        assert {frame[0] for _, frame in plant.line.frames if frame[1] == 5} == {1, 2}
        second.mute = False
        assert (await mute).reason is Reason.NONE

    play(script, several(first, second), Device("m", METER, Rtu(), 1), read_only=False, others=(Device("other", METER, Rtu(), 2),))


def test_a_station_that_only_reads_sends_not_a_byte() -> None:
    async def script(plant: Plant) -> None:
        await answering(plant)
        sent = len(plant.line.frames)
        done = await plant.poller.cut_off(SWITCH, False)
        assert done.reason is Reason.READ_ONLY
        assert len(plant.line.frames) == sent

    play(script, energised())


def test_what_cannot_be_written_is_said_and_nothing_is_sent() -> None:
    async def script(plant: Plant) -> None:
        await answering(plant)
        done = await plant.poller.cut_off(PointId("m", "alone"), 0)
        assert done.reason is Reason.ILLEGAL_VALUE
        assert not coil_writes(plant)

    play(script, energised(), read_only=False)


# ---------------------------------------------------------------------- a line whose answers carry no address

SUPPLY = Driver(
    "supply",
    POWER_FEED,
    (Protocol.TEXT,),
    (
        Point("level", Query("MV?"), Field(r"(\d+)"), unit="V"),
        Point("switch", Query("OUT?"), Field(r"([01])", As.TEXT), values={"1": True, "0": False}, access="rw", put=Query("OUT {value}")),
    ),
    "none",
    dialects={"cr": Dialect(done="OK")},
)


class Supply:
    """A supply on a text line whose answers come after `delays`, one for each command, then quickly."""

    def __init__(self, *delays: float) -> None:
        self.on = True
        self.delays = list(delays)
        self.heard: list[bytes] = []

    def __call__(self, frame: bytes, t: float) -> list[tuple[float, bytes]]:
        self.heard.append(frame)
        return [(self.delays.pop(0) if self.delays else 0.005, self._answer(frame))]

    def _answer(self, frame: bytes) -> bytes:
        match frame:
            case b"OUT 0\r":
                self.on = False
                return b"OK\r"
            case b"OUT?\r":
                return b"%d\r" % self.on
            case _:
                return b"0\r"  # 0 V: could be taken for "off"


def text_line(supply: Unit, script: Callable[[Plant], object]) -> None:
    play(script, supply, Device("m", SUPPLY, Text(SUPPLY.dialects["cr"])), read_only=False)  # type: ignore[arg-type]


class Deaf(Supply):
    """It says OK and stays on."""

    def _answer(self, frame: bytes) -> bytes:
        answer = super()._answer(frame)
        self.on = True
        return answer


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.4, 0.8])
@pytest.mark.parametrize("late_s", [0.35, 0.5, 0.7, 0.9, 1.1])
def test_a_late_answer_never_confirms_nor_shows_that_a_unit_is_off(late_s: float, after_s: float) -> None:
    deaf = Deaf()

    async def script(plant: Plant) -> None:
        await answering(plant)
        shown: list[Value | None] = []
        watching = asyncio.create_task(watch(plant, shown))
        deaf.delays = [late_s] * 2
        while not plant.bus.statistics.failures[Reason.TIMEOUT]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(after_s)
        done = await plant.poller.cut_off(SWITCH, False)
        assert (done.reason, done.read_back) == (Reason.REFUSED, True)
        assert set(shown) == {True}
        watching.cancel()

    text_line(deaf, script)


async def watch(plant: Plant, shown: list[Value | None]) -> None:
    subscription = plant.board.subscribe()
    while True:
        await subscription.wait()
        if SWITCH in subscription.take():
            shown.append(plant.reading("switch").value)


def test_on_a_line_without_addresses_off_is_sent_at_once_after_a_time_out_and_confirmed_when_no_late_answer_can_come() -> None:
    supply = Supply()

    async def script(plant: Plant) -> None:
        await answering(plant)
        supply.delays = [0.9]
        timed_out = plant.bus.statistics.failures
        while not timed_out[Reason.TIMEOUT]:
            await asyncio.sleep(0.01)
        asked = asyncio.get_running_loop().time()
        heard = len(supply.heard)
        done = await plant.poller.cut_off(SWITCH, False)
        assert supply.heard[heard] == b"OUT 0\r"
        off_t = next(t for t, frame in plant.line.frames if frame == b"OUT 0\r")
        assert off_t - asked <= 0.01
        assert (done.reason, supply.on) == (Reason.NONE, False)
        assert done.t - asked < 3.0

    text_line(supply, script)


def test_a_switch_on_that_still_waits_never_leaves_after_an_emergency_off() -> None:
    meter = energised()
    meter.coils[3] = 0

    async def script(plant: Plant) -> None:
        await answering(plant)
        busy = asyncio.create_task(plant.poller.write(LEVEL, 12.3))
        await asyncio.sleep(0.005)
        on = asyncio.create_task(plant.poller.write(SWITCH, True))
        await asyncio.sleep(0.0)
        await plant.poller.cut_off(SWITCH, False)
        await busy
        assert (await on).reason is Reason.REFUSED
        assert all(frame[4] == 0 for _, frame in plant.line.frames if frame[1] == 5)

    play(script, meter, read_only=False)


def test_a_set_point_that_still_waits_or_comes_later_never_leaves_during_an_emergency_off() -> None:
    meter = energised()

    async def script(plant: Plant) -> None:
        await answering(plant)
        busy = asyncio.create_task(plant.poller.write(LEVEL, 12.3))
        await asyncio.sleep(0.005)
        waiting = asyncio.create_task(plant.poller.write(LEVEL, 99.9))
        await asyncio.sleep(0.0)
        off = asyncio.create_task(plant.poller.cut_off(SWITCH, False))
        await asyncio.sleep(0.0)
        later = asyncio.create_task(plant.poller.write(LEVEL, 88.8))
        await asyncio.gather(off, busy)
        assert [(await each).reason for each in (waiting, later)] == [Reason.REFUSED, Reason.REFUSED]
        codes = [frame[1] for _, frame in plant.line.frames if frame[1] in (5, 6)]
        assert 6 not in codes[codes.index(5) :]

    play(script, meter, read_only=False)


def stuck(meter: Meter) -> Unit:
    """A unit that keeps its output on, whatever it is told."""

    def unit(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        answers = meter(frame, t)
        meter.coils[3] = 1
        return answers

    return unit


def test_who_joined_and_gives_up_does_not_end_the_first_wish() -> None:
    async def script(plant: Plant) -> None:
        await answering(plant)
        first, second = (asyncio.create_task(plant.poller.cut_off(SWITCH, False)) for _ in range(2))
        await asyncio.sleep(0.001)
        second.cancel()
        assert (await first).reason is Reason.NONE
        assert second.cancelled()

    play(script, energised(), read_only=False)


def test_who_joined_a_wish_that_is_given_up_does_not_wait_for_ever() -> None:
    meter = energised()

    async def script(plant: Plant) -> None:
        await answering(plant)
        first, second = (asyncio.create_task(plant.poller.cut_off(SWITCH, False)) for _ in range(2))
        await asyncio.sleep(1.0)
        first.cancel()
        _, waiting = await asyncio.wait({first, second}, timeout=5.0)
        assert waiting == set()
        meter.coils[3] = 1
        done = await asyncio.wait_for(plant.poller.cut_off(SWITCH, False), 200.0)
        assert done.reason is Reason.REFUSED, "a new wish is carried out"

    play(script, stuck(meter), read_only=False)


def test_in_a_round_each_block_is_polled_once_however_soon_it_is_due_again() -> None:
    async def script(plant: Plant) -> None:
        await answering(plant)
        plant.poller.hasten(frozenset({LEVEL, PointId("m", "alone")}), 0.02)
        asked = asyncio.get_running_loop().time()
        await plant.poller.cut_off(SWITCH, False)
        polls = [t - asked for t, frame in plant.line.frames if frame[1] == 3 and TRANSACTION_S < t - asked < GIVE_UP_S]
        rounds = [len(list(own)) for _, own in groupby(polls, key=lambda t: t // BLIND_S)]
        assert len(rounds) >= GIVE_UP_S / BLIND_S - 1
        assert max(rounds) <= 4, "three blocks, and the one that had been held"

    play(script, stuck(energised()), read_only=False)


def test_the_line_belongs_to_a_later_emergency_off_as_to_the_first() -> None:
    meter = energised()

    async def script(plant: Plant) -> None:
        await answering(plant)
        assert (await plant.poller.cut_off(SWITCH, False)).reason is Reason.NONE
        await asyncio.sleep(3 * BLIND_S + 0.5)
        meter.mute, sent = True, len(plant.line.frames)
        off = asyncio.create_task(plant.poller.cut_off(SWITCH, False))
        await asyncio.sleep(BLIND_S - 1.0)
        assert {frame[1] for _, frame in plant.line.frames[sent + 1 :]} <= {5, 1}
        meter.mute = False
        assert (await off).reason is Reason.NONE

    play(script, meter, read_only=False)


def test_polls_still_wait_when_one_of_two_feeds_is_off() -> None:
    first, second = energised(), Meter(2)
    second.coils[3], second.mute = 1, True

    async def script(plant: Plant) -> None:
        await answering(plant)
        mute = asyncio.create_task(plant.poller.cut_off(PointId("other", "switch"), False))
        await asyncio.sleep(0.0)
        assert (await plant.poller.cut_off(SWITCH, False)).reason is Reason.NONE
        sent = len(plant.line.frames)
        await asyncio.sleep(BLIND_S - 5.0)
        assert [frame for _, frame in plant.line.frames[sent:] if frame[0] == 1] == []
        second.mute = False
        assert (await mute).reason is Reason.NONE

    play(script, several(first, second), Device("m", METER, Rtu(), 1), read_only=False, others=(Device("other", METER, Rtu(), 2),))
