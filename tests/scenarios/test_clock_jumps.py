"""A time of day that is set by years, past 2038, or not known at all, in the whole daemon: no false alarm, no other order.

Inside, all times are those of the monotonic clock; what is shown here is that nothing between the ports and the journal reads
another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import pytest

from stationd.core.alarm.machine import Event
from stationd.core.alarm.words import AlarmRecord
from stationd.outputs.journal import Query
from stationd.outputs.journal.entries import KeptRecord
from stationd.sim.cable import End
from tests import virtual_time
from tests.scenarios.ahead import Ahead
from tests.two_stations import BEGIN_UTC_S, HEALTHY_S, Line, Played, StationRun, WallClock, for_a_while, two_stations

YEAR_S = 365.25 * 86400.0
AFTER_2038_S = 2_200_000_000.0 - BEGIN_UTC_S  # September 2039: beyond the 2^31 seconds of a signed 32-bit clock
CLOCKS = {"1970": -BEGIN_UTC_S, "past 2038": AFTER_2038_S, "right": 0.0}
UNSYNC_S = 75.0  # the alarm of the clock comes after a minute
JUMPS_S = {"ten years on": 10 * YEAR_S, "ten years back": -10 * YEAR_S, "past 2038": AFTER_2038_S}
Cuts = Ahead[str, tuple[Played, list[KeptRecord]]]
OF_CLOCKS = {"CLOCK-STEPPED", "CLOCK-UNSYNC"}
OF_TWO_CLOCKS = {"FAR-STATION-LOST", "FAR-STATION-REJECTED"}  # true as long as the clocks of two stations disagree


async def kept(line: Line, end: End) -> list[KeptRecord]:
    """Return what the journal of a station holds, the oldest first."""
    found = await line.stations[end].app.journal.entries(Query())
    assert found.torn == 0
    return found.records[::-1]


def set_clock(line: Line, by_s: float) -> None:
    for run in line.stations.values():
        run.clock.ahead_s += by_s


def story(records: list[AlarmRecord]) -> list[tuple[str, str, float]]:
    """Return what happened and when, but for what is said of the clock itself."""
    return [(each.event.value, str(each.key), round(each.t, 6)) for each in records if each.key.type not in OF_CLOCKS]


def cut_with(jump: str) -> tuple[Played, list[KeptRecord]]:
    """Return a cut in which the clocks of both stations are set, five seconds before it and five after; empty: they are not."""

    async def scene() -> tuple[Played, list[KeptRecord]]:
        async with two_stations() as line:
            await asyncio.sleep(HEALTHY_S)
            loop = asyncio.get_running_loop()
            for at_s in (5.5, 15.5) if jump else ():  # while no message is on its way: one that was would rightly be refused
                loop.call_later(at_s, set_clock, line, JUMPS_S[jump])
            return await for_a_while(line, "cable-cut", 25.0), await kept(line, End.A)

    return virtual_time.run(scene(), virtual_time.LoneLoop)


@pytest.fixture(scope="module")
def cuts(processes: ProcessPoolExecutor) -> Cuts:
    return Ahead(processes, cut_with, ["", *JUMPS_S])


@pytest.fixture(scope="module")
def starts(processes: ProcessPoolExecutor) -> Ahead[str, Restart]:
    return Ahead(processes, restart, list(CLOCKS))


@pytest.mark.parametrize("jump", JUMPS_S)
@pytest.mark.parametrize("end", End)
def test_a_clock_that_is_set_changes_no_alarm_and_no_time_of_one(jump: str, end: End, cuts: Cuts) -> None:
    usual, played = cuts[""][0], cuts[jump][0]
    assert story([*played.alarms[end]]) == story([*usual.alarms[end]])


@pytest.mark.parametrize("jump", JUMPS_S)
def test_a_clock_that_is_set_is_said_each_time_and_nothing_else_of_it(jump: str, cuts: Cuts) -> None:
    played, _ = cuts[jump]
    said = [each for each in played.alarms[End.A] if each.key.type in OF_CLOCKS]
    assert {each.key.type for each in said} == {"CLOCK-STEPPED"}
    assert len([each for each in said if each.event is Event.RAISE]) >= 1


@pytest.mark.parametrize("jump", JUMPS_S)
def test_the_journal_keeps_the_order_of_what_happened_over_a_clock_that_is_set(jump: str, cuts: Cuts) -> None:
    _, records = cuts[jump]
    assert [each.sequence for each in records] == sorted({each.sequence for each in records})
    assert [each.t for each in records] == sorted(each.t for each in records)
    assert len({each.utc_s - each.t for each in records if each.kind == Event.RAISE.value}) > 1  # the clock was set in between


@dataclass(frozen=True, slots=True)
class Restart:
    """What a station said over a start of its machine while the cable was cut: letters by alarm before and after, and what was new."""

    before: Mapping[str, str]
    after: Mapping[str, str]
    news: tuple[AlarmRecord, ...]
    records: tuple[KeptRecord, ...]


def letters(run: StationRun) -> dict[str, str]:
    return {str(view.key): view.letter.value for view in run.app.alarms.views() if view.key.type not in OF_CLOCKS | OF_TWO_CLOCKS}


def restart(clock: str) -> Restart:
    """Cut the cable, let the machine of end a start anew with an unsynchronised clock that is so wrong, and wait till it has said so."""

    async def scene() -> Restart:
        async with two_stations() as line:
            await asyncio.sleep(HEALTHY_S)
            await for_a_while(line, "cable-cut", 15.0)
            run = line.stations[End.A]
            before, said = letters(run), len(run.alarms)
            await run.stop()
            await asyncio.sleep(20.0)
            run.reboot(WallClock(BEGIN_UTC_S + CLOCKS[clock], synchronised=False))
            await run.start()
            await asyncio.sleep(UNSYNC_S)
            return Restart(before, letters(run), tuple(run.alarms[said:]), tuple(await kept(line, End.A)))

    return virtual_time.run(scene(), virtual_time.LoneLoop)


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_machine_that_starts_without_a_clock_has_the_alarms_that_it_had(clock: str, starts: Ahead[str, Restart]) -> None:
    again = starts[clock]
    assert "line/LINE-BREAK" in again.before
    assert again.after == again.before


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_machine_that_starts_without_a_clock_raises_only_the_alarm_of_the_clock(clock: str, starts: Ahead[str, Restart]) -> None:
    raised = {each.key.type for each in starts[clock].news if each.event is Event.RAISE}
    assert raised == {"CLOCK-UNSYNC"} | (OF_TWO_CLOCKS if CLOCKS[clock] else set())


@pytest.mark.parametrize("clock", CLOCKS)
def test_records_of_two_starts_stay_in_the_order_of_start_and_sequence(clock: str, starts: Ahead[str, Restart]) -> None:
    records = starts[clock].records
    assert [(each.run, each.sequence) for each in records] == sorted((each.run, each.sequence) for each in records)
    assert {each.run for each in records} == {"run-1-of-a", "run-2-of-a"}
