"""Faults of a line that once slipped through: each test is one of them, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from stationd.core.model import Reason
from stationd.links.bus import Bus
from stationd.links.exact_loop import AWAKE_S, ExactSelector
from stationd.links.listener import Listener, Sent
from stationd.links.port import PortSettings
from stationd.links.queue import QUEUE_LIMIT, Failure
from stationd.links.statistics import BusStatistics, Priority
from stationd.links.turnaround import Timing
from stationd.wire import modbus, text
from stationd.wire.exchange import Answer, Exchange
from stationd.wire.modbus import Table
from tests.links.line import Line, counting_unit, registers, rtu
from tests.links.test_bus import RTU, on_line, read, reason, words

TCP = PortSettings("tcp://127.0.0.1:502")
SOCKET = PortSettings("socket://127.0.0.1:4001")


def tcp_answer(frame: bytes) -> bytes:
    return frame[:4] + b"\0\x05" + frame[6:7] + b"\x03\x02\0\x07"


def test_a_late_refusal_is_not_taken_for_the_refusal_of_the_next_question() -> None:
    """A refusal shows unit and function only. Here the first question is refused late, the second answered slowly."""
    free = 0.0

    def slow(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        nonlocal free
        address, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        free = max(t, free) + {0: 0.40, 100: 0.06}.get(address, 0.002)
        pdu = b"\x83\x02" if address == 0 else registers([address + n for n in range(count)])
        return [(free - t, rtu(1, pdu))]

    async def script(bus: Bus, line: Line) -> None:
        first, second, third = await asyncio.gather(
            bus.ask(read(1, 0, 10), Priority.FAST), bus.ask(read(1, 100, 2), Priority.FAST), bus.ask(read(1, 200, 2), Priority.FAST)
        )
        assert reason(first) is Reason.TIMEOUT
        assert words(second) == [100, 101]
        assert words(third) == [200, 201]
        assert bus.statistics.late_frames == 1

    on_line(slow, script, PortSettings("/dev/ttyTEST", baud=115200))


@pytest.mark.parametrize("network", [False, True], ids=["text", "tcp"])
def test_a_unit_that_becomes_slower_is_read_again_soon(network: bool) -> None:
    delay = 0.005

    def unit(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(delay, tcp_answer(frame) if network else b"12.5\r")]

    codec = modbus.Tcp() if network else text.Text(text.Dialect())
    question = modbus.Read(1, Table.HOLDING, 0, 1) if network else text.Ask(1, "MV?", r"[\d.]+")

    async def script(bus: Bus, line: Line) -> None:
        nonlocal delay
        exchange = Exchange(codec, 1, question)
        for _ in range(1100):
            assert isinstance((await bus.ask(exchange, Priority.FAST)).outcome, Answer)
            await asyncio.sleep(0.05)
        delay = 0.8  # the driver declares 0.3 s
        good = 0
        for _ in range(20):
            good += isinstance((await bus.ask(exchange, Priority.FAST)).outcome, Answer)
            await asyncio.sleep(2.0)
        assert good >= 15

    on_line(unit, script, TCP if network else PortSettings("/dev/ttyTEST", baud=9600))


def test_after_a_time_out_nothing_at_all_is_asked_on_a_line_without_addresses() -> None:
    codec = text.Text(text.Dialect())

    async def script(bus: Bus, line: Line) -> None:
        bus.declare(1, Timing(late_s=2.0))
        await bus.ask(Exchange(codec, 1, text.Ask(1, "MV?")), Priority.FAST)
        silent_since = asyncio.get_running_loop().time()
        await bus.ask(Exchange(codec, 1, text.Ask(1, "MC?")), Priority.FAST)
        assert line.frames[1][0] - silent_since >= 2.0

    on_line(lambda frame, t: [], script)


def test_an_emergency_waits_neither_for_a_place_in_the_queue_nor_for_a_quarantine() -> None:
    off = Exchange(RTU, 1, modbus.Write(1, Table.COIL, 405, (0,)), writes=True)

    def deaf_to_reads(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(0.002, frame)] if frame[1] == 5 else []

    async def script(bus: Bus, line: Line) -> None:
        assert reason(await bus.ask(read(1), Priority.FAST)) is Reason.TIMEOUT
        polls = [asyncio.create_task(bus.ask(read(1), Priority.SLOW)) for _ in range(QUEUE_LIMIT)]
        await asyncio.sleep(0)
        asked = asyncio.get_running_loop().time()
        done = await bus.ask(off, Priority.EMERGENCY)
        assert isinstance(done.outcome, Answer)
        assert done.t - asked < 0.1
        for poll in polls:
            poll.cancel()

    on_line(deaf_to_reads, script, read_only=False)


def test_an_emergency_does_not_wait_until_a_line_without_addresses_may_speak_again() -> None:
    codec = text.Text(text.Dialect(done="OK"))

    def unit(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(0.002, b"OK\r")] if frame == b"OUT 0\r" else []

    async def script(bus: Bus, line: Line) -> None:
        assert reason(await bus.ask(Exchange(codec, 1, text.Ask(1, "MV?")), Priority.FAST)) is Reason.TIMEOUT
        asked = asyncio.get_running_loop().time()
        done = await bus.ask(Exchange(codec, 1, codec.write(1, "OUT 0"), writes=True), Priority.EMERGENCY)
        assert line.frames[-1] == (asked, b"OUT 0\r")
        assert done.t - asked < 0.1
        assert reason(done) is Reason.GARBLED, "nobody can tell what that was the answer to"
        read_back = await bus.ask(Exchange(codec, 1, text.Ask(1, "OUT?")), Priority.EMERGENCY)
        assert reason(read_back) is Reason.TIMEOUT
        assert line.frames[-1][0] - done.t >= 1.0, "its read-back waits until no late answer can come"

    on_line(unit, script, PortSettings("/dev/ttyTEST", baud=9600), read_only=False)


def test_an_emergency_is_sent_into_a_line_that_never_is_silent() -> None:
    off = Exchange(RTU, 1, modbus.Write(1, Table.COIL, 405, (0,)), writes=True)

    async def script(bus: Bus, line: Line) -> None:
        babbling = asyncio.create_task(babble(line))
        await asyncio.sleep(0.01)
        assert reason(await bus.ask(read(1), Priority.FAST)) is Reason.BABBLE
        asked = asyncio.get_running_loop().time()
        await bus.ask(off, Priority.EMERGENCY)
        assert line.frames[0][0] - asked < 0.4
        babbling.cancel()

    async def babble(line: Line) -> None:
        while True:
            line.inject(b"\x00")
            await asyncio.sleep(0.0005)

    on_line(lambda frame, t: [], script, read_only=False)


def test_on_a_line_where_units_are_selected_an_emergency_selects_at_once_and_never_reaches_another_unit() -> None:
    dialect = text.Dialect(select="ADR {unit}", selected="OK", done="OK")
    codec = text.Text(dialect)
    selected: list[bytes] = []
    off: list[bytes] = []
    late = [b"123.4\r"]

    def units(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        if frame.startswith(b"ADR"):
            selected.append(frame)
            return [(0.002, late.pop() if late and frame == b"ADR 6\r" else b"OK\r"), *([(0.02, b"OK\r")] if not late else [])]
        if frame == b"OUT 0\r":
            off.append(selected[-1])
            return [(0.002, b"OK\r")]
        return []

    async def script(bus: Bus, line: Line) -> None:
        assert reason(await bus.ask(Exchange(codec, 7, text.Ask(7, "MV?")), Priority.FAST)) is Reason.TIMEOUT
        asked = asyncio.get_running_loop().time()
        await bus.ask(Exchange(codec, 6, codec.write(6, "OUT 0"), writes=True), Priority.EMERGENCY)
        assert off == [b"ADR 6\r"]
        assert line.frames[-1][0] - asked < 0.2

    on_line(units, script, PortSettings("/dev/ttyTEST", baud=9600), read_only=False)


def test_polls_that_are_held_wait_and_everything_else_goes_on() -> None:
    order = Exchange(RTU, 1, modbus.Write(1, Table.HOLDING, 500, (7,)), writes=True)

    def unit(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        return [(0.002, frame)] if frame[1] == 6 else counting_unit(1, {})(frame, t)

    async def script(bus: Bus, line: Line) -> None:
        bus.hold_polls(held=True)
        poll = asyncio.create_task(bus.ask(read(1), Priority.FAST))
        assert isinstance((await bus.ask(order, Priority.OPERATOR)).outcome, Answer)
        await asyncio.sleep(60.0)
        assert [frame[1] for _, frame in line.frames] == [6]
        bus.hold_polls(held=False)
        assert isinstance((await poll).outcome, Answer)

    on_line(unit, script, read_only=False)


def test_what_was_heard_before_a_question_left_is_no_answer_to_it() -> None:
    listener = Listener(BusStatistics())
    listener.remember(Sent(read(9), 1, 0.0, 0.0), until=100.0)  # a late answer may come, so bytes are kept for a while
    listener.hear(rtu(1, registers([7] * 10)))
    listener.expect(Sent(read(1), 2, 1.0, 0.0))
    assert listener.hear(b"\0") == (None, [])


@pytest.mark.parametrize("settings", [TCP, SOCKET], ids=["tcp", "socket"])
def test_one_mute_unit_does_not_cost_the_others_their_connection(settings: PortSettings) -> None:
    numbered = settings is TCP
    codec = modbus.Tcp() if numbered else RTU

    def units(frame: bytes, t: float) -> list[tuple[float, bytes]]:
        unit = frame[6] if numbered else frame[0]
        return [(0.01, tcp_answer(frame) if numbered else rtu(1, registers([7])))] if unit == 1 else []

    async def script(bus: Bus, line: Line) -> None:
        bus.declare(1, Timing())
        bus.declare(2, Timing())
        for _ in range(30):
            await bus.ask(Exchange(codec, 2, modbus.Read(2, Table.HOLDING, 0, 1)), Priority.FAST)
            await asyncio.sleep(1.0)
            done = await bus.ask(Exchange(codec, 1, modbus.Read(1, Table.HOLDING, 0, 1)), Priority.FAST)
            assert words(done) == [7]
        assert bus.statistics.openings == 1

    on_line(units, script, settings)


def test_a_port_that_does_not_take_a_question_answers_its_caller() -> None:
    async def script(bus: Bus, line: Line) -> None:
        assert line.open_link is not None
        line.open_link.blocked = True
        done = await bus.ask(read(1), Priority.FAST)
        assert isinstance(done.outcome, Failure)
        assert done.outcome.reason is Reason.LINK_DOWN

    on_line(counting_unit(1, {}), script)


def test_what_is_kept_of_answers_does_not_grow_with_the_values_that_are_written() -> None:
    codec = text.Text(text.Dialect(done="OK"))
    listener = Listener(BusStatistics())
    for number in range(3000):
        write = Exchange(codec, 1, codec.write(1, f"PC {number}"), writes=True)
        listener.expect(Sent(write, number, float(number), 0.0))
        answer, _ = listener.hear(b"OK\r")
        assert answer is not None
        assert listener.expected(write) is None


def test_a_wait_of_hardly_anything_still_ends() -> None:
    selector = ExactSelector()
    try:
        assert selector.select(AWAKE_S + 5e-10) == []
    finally:
        selector.close()
