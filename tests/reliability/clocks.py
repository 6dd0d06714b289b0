"""R8: the time of day jumps, is not known, passes 2038 and a change of summer time: no alarm but that of the clock, and the same order.

In virtual time the scenarios of tests.scenarios.test_clock_jumps play a cut with clocks that jump, and starts with clocks that are wrong.
Then a real daemon runs under hil.clock, whose clock is set while E and its alarms are watched, and which is not synchronised at times.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from hil.clock import Says, WallClock
from stationd.outputs.journal import Journal, KeptRecord, Query
from tests.reliability import pytests
from tests.reliability.figures import Figure, Share
from tests.reliability.station import Station, station

HOUR_S, YEAR_S = 3600, 31_557_600
SUMMER = datetime(2027, 3, 28, 1, 59, 57, tzinfo=ZoneInfo("Europe/Berlin"))  # three seconds before it becomes 3:00
STEPS_S = (1.5, -1.5, HOUR_S, -HOUR_S, 10 * YEAR_S, -10 * YEAR_S, 12 * YEAR_S)  # the last one beyond 2038
HELD_S = 4.0
OF_CLOCKS = {"station/CLOCK-STEPPED", "station/CLOCK-UNSYNC"}


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R8."""
    ran = pytests.run("tests/scenarios/test_clock_jumps.py", "tests/core/alarm/test_memory.py", "-n", "2")
    yield Figure("scenarios", ran.passed, least=20)
    yield from asyncio.run(real_clock(share.of(1, 20)))


async def real_clock(rounds: int) -> list[Figure]:
    """Let the clock of a running daemon jump, then read what its journal says."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        clock = WallClock(home)
        stated: set[str] = set()
        wrongly_flagged = steps = 0
        async with station(home, environment={**clock.environment, "TZ": "Europe/Berlin"}) as running:
            await running.begin_heart()
            for number, offset_s in enumerate(offsets(rounds)):
                says = (Says.SYNCHRONISED, Says.UNSYNCHRONISED)[number % 2]
                clock.step(offset_s, says)
                steps += 1
                await asyncio.sleep(HELD_S)
                stated |= (await running.alarms("all")).keys()
                wrongly_flagged += await flagged(running) is not (says is Says.SYNCHRONISED)
            heart = await running.heart()
        records = await kept(home)
    numbers = [(each.run, each.sequence) for each in records]
    raised = [each.subject for each in records if each.kind == "raise"]
    return [
        Figure("cases", steps, least=rounds * (len(STEPS_S) + 1)),
        Figure("other_alarms", len((stated | set(raised)) - OF_CLOCKS), most=0),
        Figure("steps_told", raised.count("station/CLOCK-STEPPED"), least=len(STEPS_S) - 1),
        Figure("doubled", len(numbers) - len(set(numbers)), most=0),
        Figure("out_of_order", sum(after.t < before.t for before, after in pairwise(records)), most=0),
        Figure("wrongly_flagged", wrongly_flagged, most=0),
        *heart.figures(),
    ]


def offsets(rounds: int) -> Iterator[float]:
    """Give how far the clock is set from the true time, one after the other."""
    for _ in range(rounds):
        yield from STEPS_S
        yield SUMMER.timestamp() - datetime.now().astimezone().timestamp()


async def flagged(running: Station) -> bool:
    """Tell whether the daemon calls its clock synchronised."""
    answer = await running.call("io.stationd.Alarm.List", {"filter": {"shown": "all"}})
    return bool(answer["parameters"]["asOf"]["synchronised"])


async def kept(home: Path) -> list[KeptRecord]:
    """Return what the journal holds, the oldest first."""
    journal = Journal.open(home / "state" / "journal.sqlite")
    await journal.start()
    found = await journal.entries(Query(most=10**6))
    await journal.close()
    assert all(json.loads(each.body) for each in found.records)
    return found.records[::-1]
