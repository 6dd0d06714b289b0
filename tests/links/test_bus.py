"""The owner of a line, in virtual time, with units that misbehave in every way that peers were seen to fall for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from stationd.core.model import Reason
from stationd.links.bus import Bus
from stationd.links.port import PortSettings
from stationd.links.queue import QUEUE_LIMIT, Done, Failure
from stationd.links.statistics import Priority
from stationd.links.turnaround import Timing
from stationd.wire import modbus, text
from stationd.wire.exchange import Answer, Exchange, Refusal
from stationd.wire.modbus import Table
from tests import virtual_time
from tests.links.line import Line, Unit, counting_unit, noise, registers, rtu, several

RTU = modbus.Rtu()
SERIAL = PortSettings("/dev/ttyTEST", baud=19200)


def read(unit: int, address: int = 0, count: int = 10) -> Exchange:
    return Exchange(RTU, unit, modbus.Read(unit, Table.HOLDING, address, count))


def on_line(
    unit: Unit, script: Callable[[Bus, Line], Awaitable[Any]], settings: PortSettings = SERIAL, read_only: bool = True
) -> Any:
    """Run a script against a bus whose line is open."""

    async def main() -> Any:
        line = Line(unit, settings)
        bus = Bus("test", settings, read_only=read_only, opener=line.open)
        owner = asyncio.create_task(bus.run())
        while not bus.up:
            await asyncio.sleep(0)
        try:
            return await script(bus, line)
        finally:
            owner.cancel()
            await asyncio.gather(owner, return_exceptions=True)

    return virtual_time.run(main())


def words(done: Done) -> list[int]:
    assert isinstance(done.outcome, Answer), done
    return [int(word) for word in done.outcome.body]


def reason(done: Done) -> Reason:
    assert isinstance(done.outcome, Failure), done
    return done.outcome.reason


def test_an_answer_carries_the_time_at_which_it_was_complete() -> None:
    async def script(bus: Bus, line: Line) -> None:
        begin = asyncio.get_running_loop().time()
        done = await bus.ask(read(1), Priority.FAST)
        assert words(done)[1] == 0
        assert done.t - begin == pytest.approx((8 + 25) * SERIAL.character_s + 0.002, abs=1e-6)

    on_line(counting_unit(1, {}), script)


def test_a_late_answer_is_never_taken_for_the_answer_to_the_next_question() -> None:
    delays = iter([0.9, 0.002, 0.002])
    state: dict[int, int] = {}

    def late_once(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(next(delays), answer) for _, answer in counting_unit(1, state)(frame, t)]

    async def script(bus: Bus, line: Line) -> None:
        assert reason(await bus.ask(read(1, 100), Priority.FAST)) is Reason.TIMEOUT
        second = words(await bus.ask(read(1, 200), Priority.FAST))
        assert second[:2] == [2, 200]
        assert bus.statistics.late_frames == 1

    on_line(late_once, script)


def test_the_late_window_grows_with_the_worst_late_answer_that_was_seen() -> None:
    delays = iter([1.4, 0.002, 1.4, 0.002])
    state: dict[int, int] = {}

    def slow(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(next(delays), answer) for _, answer in counting_unit(1, state)(frame, t)]

    async def script(bus: Bus, line: Line) -> None:
        bus.declare(1, Timing(late_s=1.5))
        await bus.ask(read(1), Priority.FAST)
        await asyncio.sleep(2.0)
        begin = asyncio.get_running_loop().time()
        assert bus.quiet_until(read(1)) < begin
        await bus.ask(read(1), Priority.FAST)
        assert bus.time_out(read(1)) > 1.4, "the unit is now known to be slow"

    on_line(slow, script)


def test_while_one_unit_is_in_quarantine_the_others_go_on() -> None:
    async def script(bus: Bus, line: Line) -> None:
        assert reason(await bus.ask(read(9), Priority.FAST)) is Reason.TIMEOUT
        begin = asyncio.get_running_loop().time()
        for _ in range(5):
            assert words(await bus.ask(read(1), Priority.FAST))
        assert asyncio.get_running_loop().time() - begin < 5 * 0.03
        assert bus.quiet_until(read(9)) > asyncio.get_running_loop().time()

    on_line(counting_unit(1, {}), script)


def test_a_late_frame_of_another_unit_is_counted_and_the_question_in_flight_keeps_waiting() -> None:
    state: dict[int, int] = {}

    def answer(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        both = several(counting_unit(1, state), counting_unit(2, state))
        return [(0.395 if frame[0] == 2 else 0.02, reply) for _, reply in both(frame, t)]

    async def script(bus: Bus, line: Line) -> None:
        assert reason(await bus.ask(read(2, 7), Priority.FAST)) is Reason.TIMEOUT
        await asyncio.sleep(0.03)
        assert words(await bus.ask(read(1, 5), Priority.FAST))[:2] == [1, 5]
        while bus.statistics.late_frames == 0:
            assert words(await bus.ask(read(1, 5), Priority.FAST))[1] == 5
        assert bus.statistics.late_frames == 1

    on_line(answer, script)


def test_a_cancelled_question_is_still_collected_and_thrown_away() -> None:
    async def script(bus: Bus, line: Line) -> None:
        first = asyncio.create_task(bus.ask(read(1, 100), Priority.FAST))
        while not line.frames:
            await asyncio.sleep(0.001)
        first.cancel()
        assert words(await bus.ask(read(1, 200), Priority.FAST))[:2] == [2, 200]
        assert bus.statistics.quarantines == 0

    on_line(counting_unit(1, {}), script)


def test_a_question_cancelled_before_it_was_sent_is_never_sent() -> None:
    async def script(bus: Bus, line: Line) -> None:
        first = asyncio.create_task(bus.ask(read(1, 1), Priority.FAST))
        second = asyncio.create_task(bus.ask(read(1, 2), Priority.FAST))
        await asyncio.sleep(0)
        second.cancel()
        await first
        await bus.ask(read(1, 3), Priority.FAST)
        assert [frame[3] for _, frame in line.frames] == [1, 3]

    on_line(counting_unit(1, {}), script)


def test_bytes_that_nobody_asked_for_are_drained_before_the_next_question() -> None:
    def doubled(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        reply = rtu(1, registers([frame[3]] * 10))
        return [(0.002, reply), (0.030, reply)]

    async def script(bus: Bus, line: Line) -> None:
        for address in (1, 2, 3, 4):
            assert words(await bus.ask(read(1, address), Priority.FAST)) == [address] * 10
            await asyncio.sleep(0.1)
        assert bus.statistics.unasked_bytes == 4 * 25

    on_line(doubled, script)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(rtu(2, registers([1] * 10)), id="wrong unit"),
        pytest.param(rtu(1, registers([1] * 10, function=4)), id="wrong function"),
        pytest.param(rtu(1, registers([1] * 9)), id="wrong length"),
        pytest.param(rtu(1, registers([1] * 10))[:-1] + b"\0", id="wrong check sum"),
        pytest.param(rtu(1, registers([1] * 10))[:-3], id="truncated"),
        pytest.param(b"\xff\x00\x01\x03\x14", id="noise"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_a_failure_and_the_unit_is_quarantined(reply: bytes) -> None:
    async def script(bus: Bus, line: Line) -> None:
        assert reason(await bus.ask(read(1), Priority.FAST)) in (Reason.GARBLED, Reason.CHECKSUM)
        assert bus.quiet_until(read(1)) > asyncio.get_running_loop().time() + 0.9

    on_line(lambda frame, t: [(0.002, reply)], script)


def test_noise_in_front_of_an_answer_does_not_hide_it() -> None:
    state: dict[int, int] = {}

    def noisy(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(delay, b"\x01\x03\xff" + reply) for delay, reply in counting_unit(1, state)(frame, t)]

    async def script(bus: Bus, line: Line) -> None:
        assert words(await bus.ask(read(1, 3), Priority.FAST))[1] == 3

    on_line(noisy, script)


def test_frames_are_parted_by_at_least_three_and_a_half_characters() -> None:
    async def script(bus: Bus, line: Line) -> None:
        ends = [(await bus.ask(read(1), Priority.FAST)).t for _ in range(20)]
        for end, (begin, _) in zip(ends, line.frames[1:], strict=False):
            assert begin - end >= max(0.00175, 3.5 * line.settings.character_s) - 1e-9

    for baud in (9600, 19200, 115200):
        on_line(counting_unit(1, {}), script, PortSettings("/dev/ttyTEST", baud=baud))


def test_a_read_only_station_emits_no_write_function_code() -> None:
    order = Exchange(RTU, 1, modbus.Write(1, Table.COIL, 405, (1,)), writes=True)

    async def script(bus: Bus, line: Line) -> None:
        for priority in Priority:
            assert reason(await bus.ask(order, priority)) is Reason.READ_ONLY
        assert line.frames == []

    on_line(counting_unit(1, {}), script)


def test_a_write_waits_for_no_more_than_the_exchange_in_flight() -> None:
    order = Exchange(RTU, 1, modbus.Write(1, Table.HOLDING, 500, (7,)), writes=True)

    def unit(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(0.002, frame)] if frame[1] == 6 else counting_unit(1, {})(frame, t)

    async def script(bus: Bus, line: Line) -> None:
        polls = [asyncio.create_task(bus.ask(read(1, n), Priority.FAST)) for n in range(50)]
        while not line.frames:
            await asyncio.sleep(0.001)
        assert isinstance((await bus.ask(order, Priority.OPERATOR)).outcome, Answer)
        assert [frame[1] for _, frame in line.frames] == [3, 6]
        await asyncio.gather(*polls)

    on_line(unit, script, read_only=False)


def test_urgent_exchanges_never_starve_the_polls() -> None:
    order = Exchange(RTU, 1, modbus.Write(1, Table.HOLDING, 500, (7,)), writes=True)

    def unit(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(0.002, frame)] if frame[1] == 6 else counting_unit(1, {})(frame, t)

    async def script(bus: Bus, line: Line) -> None:
        asked = [asyncio.create_task(bus.ask(order, Priority.OPERATOR)) for _ in range(60)]
        await asyncio.sleep(0)
        await bus.ask(read(1), Priority.SLOW)
        assert len(line.frames) <= 10
        await asyncio.gather(*asked)

    on_line(unit, script, read_only=False)


def test_a_full_queue_refuses_by_value() -> None:
    async def script(bus: Bus, line: Line) -> None:
        asked = [asyncio.create_task(bus.ask(read(1), Priority.FAST)) for _ in range(QUEUE_LIMIT + 20)]
        ends = await asyncio.gather(*asked)
        refused = [done for done in ends if isinstance(done.outcome, Failure)]
        assert {reason(done) for done in refused} == {Reason.QUEUE_FULL}
        assert len(refused) in (19, 20)

    on_line(counting_unit(1, {}), script)


def test_an_exception_answer_is_a_refusal_with_its_meaning() -> None:
    async def script(bus: Bus, line: Line) -> None:
        done = await bus.ask(read(1), Priority.FAST)
        assert isinstance(done.outcome, Refusal)
        assert done.outcome.fault.value == "illegal-address"
        assert bus.statistics.failures[Reason.ILLEGAL_ADDRESS] == 1
        assert bus.statistics.quarantines == 0

    on_line(lambda frame, t: [(0.002, rtu(1, b"\x83\x02"))], script)


def test_a_lost_port_answers_everybody_at_once_and_comes_back_by_itself() -> None:
    async def script(bus: Bus, line: Line) -> None:
        changes: list[bool] = []
        bus.on_change = changes.append
        asked = [asyncio.create_task(bus.ask(read(1), Priority.FAST)) for _ in range(5)]
        while not line.frames:
            await asyncio.sleep(0.001)
        line.refuse = True
        line.hang_up()
        assert {reason(done) for done in await asyncio.gather(*asked)} == {Reason.LINK_DOWN}
        assert reason(await bus.ask(read(1), Priority.FAST)) is Reason.LINK_DOWN
        await asyncio.sleep(30)
        line.refuse = False
        begin = asyncio.get_running_loop().time()
        while not bus.up:
            await asyncio.sleep(0.1)
        assert words(await bus.ask(read(1), Priority.FAST))
        assert asyncio.get_running_loop().time() - begin < 5.0
        assert changes == [False, True]

    on_line(counting_unit(1, {}), script)


def test_a_late_answer_across_an_unplugged_port_is_not_taken_for_the_new_one() -> None:
    async def script(bus: Bus, line: Line) -> None:
        asked = asyncio.create_task(bus.ask(read(1, 5), Priority.FAST))
        while not line.frames:
            await asyncio.sleep(0.001)
        line.hang_up()
        await asked
        while not bus.up:
            await asyncio.sleep(0.01)
        again = asyncio.create_task(bus.ask(read(1, 6), Priority.FAST))
        await asyncio.sleep(0)
        if len(line.frames) == 1:
            line.inject(rtu(1, registers([5] * 10)))
        assert words(await again)[1] == 6

    on_line(counting_unit(1, {}), script)


def test_a_line_that_is_never_silent_is_a_named_failure() -> None:
    async def script(bus: Bus, line: Line) -> None:
        async def babble() -> None:
            while True:
                line.inject(b"\xaa")
                await asyncio.sleep(0.001)

        talker = asyncio.create_task(babble())
        await asyncio.sleep(0.01)
        assert reason(await bus.ask(read(1), Priority.FAST)) is Reason.BABBLE
        assert line.frames == []
        talker.cancel()

    on_line(counting_unit(1, {}), script)


def test_on_a_line_without_addresses_the_whole_line_keeps_quiet_after_a_time_out() -> None:
    codec = text.Text(text.Dialect())
    answers = iter([(0.8, b"12.0\r"), (0.01, b"13.0\r")])

    async def script(bus: Bus, line: Line) -> None:
        first = await bus.ask(Exchange(codec, 1, text.Ask(1, "MV?")), Priority.FAST)
        assert reason(first) is Reason.TIMEOUT
        second = await bus.ask(Exchange(codec, 1, text.Ask(1, "MC?")), Priority.FAST)
        assert isinstance(second.outcome, Answer)
        assert second.outcome.body == "13.0"

    on_line(lambda frame, t: [next(answers)], script)


def test_a_unit_on_a_shared_text_line_is_selected_before_it_is_asked_and_again_after_a_failure() -> None:
    codec = text.Text(text.Dialect(select="ADR {unit}"))
    sent: list[bytes] = []

    def units(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        sent.append(frame)
        if frame == b"MV?\r" and sent.count(b"MV?\r") == 3:
            return []
        return [(0.002, b"OK\r" if frame.startswith(b"ADR") else b"5\r")]

    async def script(bus: Bus, line: Line) -> None:
        for unit in (6, 6, 7, 7):
            await bus.ask(Exchange(codec, unit, text.Ask(unit, "MV?")), Priority.FAST)

    on_line(units, script)
    assert sent == [b"ADR 6\r", b"MV?\r", b"MV?\r", b"ADR 7\r", b"MV?\r", b"ADR 7\r", b"MV?\r"]


def test_a_tcp_answer_is_matched_by_its_transaction_number_and_needs_no_quarantine() -> None:
    codec = modbus.Tcp()
    settings = PortSettings("tcp://127.0.0.1:502")
    sent: list[bytes] = []

    def server(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        sent.append(frame)
        reply = frame[:4] + b"\0\x05" + frame[6:7] + b"\x03\x02" + frame[8:10]
        return [(2.0 if len(sent) == 1 else 0.001, reply)]

    async def script(bus: Bus, line: Line) -> None:
        def ask(address: int) -> Exchange:
            return Exchange(codec, 1, modbus.Read(1, Table.HOLDING, address, 1))

        assert reason(await bus.ask(ask(1), Priority.FAST)) is Reason.TIMEOUT
        for address in range(2, 200):
            assert words(await bus.ask(ask(address), Priority.FAST)) == [address]
            await asyncio.sleep(0.005)

    on_line(server, script, settings)


def test_a_connection_that_takes_questions_and_never_gives_a_byte_is_made_anew() -> None:
    settings = PortSettings("tcp://127.0.0.1:502")

    async def script(bus: Bus, line: Line) -> None:
        while line.openings < 3:
            await bus.ask(Exchange(modbus.Tcp(), 1, modbus.Read(1, Table.HOLDING, 1, 1)), Priority.FAST)
            await asyncio.sleep(0.1)

    on_line(lambda frame, t: [], script, settings)


def test_the_frame_trace_shows_both_directions_and_is_bounded() -> None:
    async def script(bus: Bus, line: Line) -> None:
        await bus.ask(read(1), Priority.FAST)
        assert bus.trace.pieces() == ()
        bus.trace.start(pieces=6)
        for _ in range(5):
            await bus.ask(read(1), Priority.FAST)
        pieces = bus.trace.pieces()
        assert len(pieces) == 6
        assert {piece.direction.value for piece in pieces} == {"<", ">"}
        assert all(a.t <= b.t for a, b in pairwise(pieces))
        bus.trace.stop()
        assert bus.trace.pieces() == ()

    on_line(counting_unit(1, {}), script)


def _hostile(rng: random.Random, sent: dict[int, int]) -> Unit:
    """Units 1..4 whose every answer names its request; many are late, noisy, doubled, or somebody else's."""

    def answer(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        unit, address, count = frame[0], int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        sent[unit] = sent.get(unit, 0) + 1
        good = rtu(unit, registers([sent[unit] & 0xFFFF, address, *range(2, count)]))
        match rng.randrange(18):
            case 0 | 1:
                return [(rng.uniform(0.2, 0.95), good)]
            case 2:
                return [(0.001, noise(rng) + good)]
            case 3:
                return [(0.001, good + noise(rng))]
            case 4:
                return [(0.001, noise(rng, 40))]
            case 5:
                return [(0.001, rtu(unit % 4 + 1, registers([9999] * count)))]
            case 6:
                return [(0.001, rtu(unit, registers([9999] * count, function=4)))]
            case 7:
                return [(0.001, rtu(unit, registers([9999] * (count - 1))))]
            case 8:
                return [(0.001, good + good)]  # doubled; a copy that comes much later could not be told apart by anybody
            case 9:
                return []
            case _:
                return [(0.001, good)]

    return answer


@pytest.mark.parametrize("seed", range(3))
def test_under_late_noisy_and_foreign_answers_no_wrong_value_is_ever_accepted(seed: int) -> None:
    """Each good value must name the address that was asked and the request that asked it (60 s of line time)."""
    rng = random.Random(seed)
    sent: dict[int, int] = {}
    counts = {"good": 0, "failed": 0, "cancelled": 0}

    async def caller(bus: Bus, unit: int, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            address, count = rng.randrange(1000), rng.randrange(3, 12)
            asked_after = sent.get(unit, 0)
            task = asyncio.create_task(bus.ask(read(unit, address, count), Priority.FAST))
            if rng.random() < 0.3:
                await asyncio.sleep(rng.uniform(0, 0.02))
                counts["cancelled"] += task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                continue
            done = await task
            if isinstance(done.outcome, Answer):
                body = words(done)
                assert body[1:] == [address, *range(2, count)], "a value of another question"
                assert body[0] > asked_after, "an old value as new"
                counts["good"] += 1
            else:
                counts["failed"] += 1

    async def script(bus: Bus, line: Line) -> None:
        end = asyncio.get_running_loop().time() + 60.0
        await asyncio.gather(*(caller(bus, unit, end) for unit in (1, 2, 3, 4)))
        while not isinstance((await bus.ask(read(1), Priority.FAST)).outcome, Answer):
            await asyncio.sleep(0.1)

    on_line(_hostile(rng, sent), script, PortSettings("/dev/ttyTEST", baud=115200))
    assert counts["good"] > 100
    assert counts["failed"] > 20
    assert counts["cancelled"] > 20
