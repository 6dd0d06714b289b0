"""How close the owner of a line comes to what the line can carry, and what a transaction costs.

The wire limit of one transaction is the time of both frames at the line's speed and two silences of 3.5 characters: the
client's before its question, the unit's before its answer. The baseline is that limit itself; the simulated line paces every
byte and counts each silence that was too short.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from stationd.bench.equipment import BenchLine, Equipment
from stationd.bench.row import Row, at_least, at_most
from stationd.bench.tcp import tcp_rows
from stationd.links.bus import Bus
from stationd.links.exact_loop import exact_loop
from stationd.links.port import PortSettings
from stationd.links.statistics import Priority
from stationd.links.turnaround import Timing
from stationd.wire.exchange import Answer, Exchange
from stationd.wire.modbus import Read, Rtu, Table

SEGMENTS = 5
SEGMENT_S = 2.0
CASES = ((19200, 10, 0.98), (19200, 100, 0.98), (115200, 10, 0.96), (115200, 100, 0.96))


def bus_rows() -> Iterator[Row]:
    """Measure every case; medians of segments."""
    for baud, registers, goal in CASES:
        yield from _case(baud, registers, goal)
    yield from tcp_rows()


def _case(baud: int, registers: int, goal: float) -> Iterator[Row]:
    with Equipment(BenchLine(baud)) as equipment:
        with asyncio.Runner(loop_factory=exact_loop) as runner:
            segments = runner.run(_segments(equipment.settings, registers))
        counts = equipment.counts()
    name = f"{baud} baud, {registers} registers"
    rate = statistics.median(rate for rate, _ in segments)
    limit = 1.0 / wire_s(equipment.settings, registers)
    yield at_least("bus", f"transactions/s, {name}", rate, "1/s", goal, limit)
    yield at_most("bus", f"gap violations, {name}", counts.gap_violations, "", 0)
    yield Row("bus", f"CPU of a transaction, {name}", statistics.median(cpu for _, cpu in segments) * 1e6, "us")


def wire_s(settings: PortSettings, registers: int) -> float:
    """Return the shortest time of a transaction: request of 8 bytes, answer of 5 + 2 n bytes, two silences."""
    silence = 0.00175 if settings.baud > 19200 else 3.5 * settings.character_s
    return (8 + 5 + 2 * registers) * settings.character_s + 2 * silence


async def _segments(settings: PortSettings, registers: int) -> list[tuple[float, float]]:
    """Return (transactions per second, CPU seconds per transaction) of each segment."""
    exchange = Exchange(Rtu(), 1, Read(1, Table.HOLDING, 0, registers))
    segments = []
    async with opened(settings) as bus:
        for _ in range(50):
            await bus.ask(exchange, Priority.FAST)
        for _ in range(SEGMENTS):
            begin, cpu, count = time.monotonic(), time.process_time(), 0
            while time.monotonic() - begin < SEGMENT_S:
                done = await bus.ask(exchange, Priority.FAST)
                count += isinstance(done.outcome, Answer)
            segments.append((count / (time.monotonic() - begin), (time.process_time() - cpu) / count))
    return segments


@asynccontextmanager
async def opened(settings: PortSettings) -> AsyncIterator[Bus]:
    """Own a line while the block runs."""
    bus = Bus("bench", settings)
    up = asyncio.Event()
    bus.on_change = lambda is_up: up.set() if is_up else None
    bus.declare(1, Timing())
    owner = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(10.0):
            await up.wait()
        yield bus
    finally:
        owner.cancel()
        await asyncio.gather(owner, return_exceptions=True)
