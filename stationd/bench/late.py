"""Late, noisy and foreign answers for a minute at 115200 baud: how many wrong values are taken as good.

Four units on a paced line. One of nine answers is later than its time-out, others come with noise, from the wrong unit, with
the wrong function or length, or not at all; of the callers 30 % give up while they wait. Every answer names its address and
the time at which it was made: an answer to another question, or one made before the question was asked, is a wrong value.

The time-out is learnt, up to the late window that the driver declares (1 s). So a short act comes first, in which the units are
late by less; then, for the whole minute, the late answers come after 1.5 s: later than any time-out, and within the late window,
which has grown by then. An answer that is late by more than its unit ever was cannot be told apart on such a line.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator

from stationd.bench.bus import opened
from stationd.bench.equipment import TICKS, BenchLine, Equipment
from stationd.bench.row import Row, at_least, at_most
from stationd.links.bus import Bus
from stationd.links.exact_loop import exact_loop
from stationd.links.statistics import Priority
from stationd.links.turnaround import Timing
from stationd.sim.wire_faults import FaultKind, LineFault
from stationd.wire.exchange import Answer, Exchange
from stationd.wire.modbus import Read, Rtu, Table

FIRST_S, SECONDS = 15.0, 60.0
UNITS = (1, 2, 3, 4)
FIRST_LATE = LineFault(FaultKind.LATE, every=9, delay_s=0.8)
LATE = LineFault(FaultKind.LATE, every=9, delay_s=1.5)
FAULTS = (
    LineFault(FaultKind.NOISE_BEFORE, share=0.05),
    LineFault(FaultKind.NOISE_AFTER, share=0.05),
    LineFault(FaultKind.NOISE_INSIDE, share=0.03),
    LineFault(FaultKind.WRONG_UNIT, share=0.03),
    LineFault(FaultKind.WRONG_FUNCTION, share=0.03),
    LineFault(FaultKind.WRONG_LENGTH, share=0.03),
    LineFault(FaultKind.BIT_ERRORS, share=0.03, size=2),
    LineFault(FaultKind.TRUNCATED, share=0.03),
    LineFault(FaultKind.DROP, share=0.03),
)
CANCELLED = 0.3
RECOVERY_S = 3.0


def late_rows() -> Iterator[Row]:
    """Run the minute and report what was accepted, and whether the line is well afterwards."""
    with Equipment(BenchLine(115200, UNITS, (FIRST_LATE, *FAULTS))) as equipment, asyncio.Runner(loop_factory=exact_loop) as runner:
        counts, recovered = runner.run(_minute(equipment))
    yield at_most("late", "wrong values taken as good", counts["wrong"], "", 0)
    yield at_least("late", "right values", counts["right"], "", 100)
    yield Row("late", "failures reported as failures", counts["failed"], "")
    yield Row("late", "callers who gave up", counts["cancelled"], "")
    yield Row("late", "late frames recognised", counts["late frames"], "")
    yield at_least("late", "units that answer again without faults", recovered, "", len(UNITS))


async def _minute(equipment: Equipment) -> tuple[Counter[str], int]:
    counts: Counter[str] = Counter()
    async with opened(equipment.settings) as bus:
        for unit in UNITS:
            bus.declare(unit, Timing(answer_s=0.05))
        await _all_call(bus, FIRST_S, counts)
        equipment.use((LATE, *FAULTS))
        await _all_call(bus, SECONDS, counts)
        counts["late frames"] = bus.statistics.late_frames
        equipment.use(())
        await asyncio.sleep(RECOVERY_S)
        answers = [await bus.ask(Exchange(Rtu(), unit, Read(unit, Table.HOLDING, 0, 3)), Priority.FAST) for unit in UNITS]
    return counts, sum(isinstance(done.outcome, Answer) for done in answers)


async def _all_call(bus: Bus, seconds: float, counts: Counter[str]) -> None:
    end = asyncio.get_running_loop().time() + seconds
    async with asyncio.TaskGroup() as callers:
        for unit in UNITS:
            callers.create_task(_caller(bus, unit, end, counts))


async def _caller(bus: Bus, unit: int, end: float, counts: Counter[str]) -> None:
    rng = random.Random(unit)
    loop = asyncio.get_running_loop()
    while loop.time() < end:
        address, registers = 3 * rng.randrange(900), 3 * rng.randrange(1, 5)
        asked = loop.time()
        task = asyncio.create_task(bus.ask(Exchange(Rtu(), unit, Read(unit, Table.HOLDING, address, registers)), Priority.FAST))
        if rng.random() < CANCELLED:
            await asyncio.wait((task,), timeout=rng.uniform(0.0, 0.02))
            counts["cancelled"] += task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            continue
        done = await task
        if isinstance(done.outcome, Answer):
            words = [int(word) for word in done.outcome.body]
            counts["right" if _belongs(words, address, asked) else "wrong"] += 1
        else:
            counts["failed"] += 1


def _belongs(words: list[int], address: int, asked: float) -> bool:
    """Return True for an answer to this address that was made after it was asked for."""
    addresses = words[::3] == list(range(address, address + len(words), 3))
    made = [(high << 16 | low) for high, low in zip(words[1::3], words[2::3], strict=True)]
    return addresses and all(tick >= int(asked * TICKS) & 0xFFFFFFFF for tick in made)


