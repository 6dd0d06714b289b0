"""Another plan reaches the engine as an event among the others: all of it at once, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stationd.core.model import GOOD, ReadFailed, Reading, Reason
from stationd.core.station import Effect
from stationd.engine import Look, NotNow
from tests import virtual_time
from tests.test_engine import LEVEL, with_alarms

ANEW = frozenset({LEVEL.device})


async def scene(*, refuse: bool = False, look: Look = lambda now: None) -> tuple[list[str], list[object]]:
    """Post readings before and after a plan that is taken up, or refused; return what happened, and what was shown and remembered."""
    loop = asyncio.get_running_loop()
    engine, ear, _ = with_alarms(loop.time())
    course: list[str] = []

    def replan(now: float) -> Sequence[Effect]:
        course.append(f"after {len(ear.readings)} readings")
        if refuse:
            raise NotNow("OP-7 is armed")
        return []

    running = asyncio.create_task(engine.run())
    wanted = asyncio.create_task(engine.replan(replan, ANEW, look))
    await asyncio.sleep(0)
    engine.post([Reading(LEVEL, 7.0, GOOD, loop.time()), ReadFailed((LEVEL,), Reason.TIMEOUT, loop.time())])
    try:
        await wanted
    except NotNow as reason:
        course.append(str(reason))
    await asyncio.sleep(0.01)
    running.cancel()
    return course, [reading.value for reading in ear.readings]


def test_what_was_read_of_a_unit_that_is_another_now_is_forgotten() -> None:
    assert virtual_time.run(scene(refuse=False)) == (["after 0 readings"], [])


def test_a_plan_that_cannot_be_taken_up_changes_nothing_and_says_why() -> None:
    assert virtual_time.run(scene(refuse=True)) == (["after 0 readings", "OP-7 is armed"], [7.0])


def test_a_look_that_fails_refuses_the_plan_and_changes_nothing() -> None:
    def fails(now: float) -> None:
        raise KeyError("what nobody expected")

    course, remembered = virtual_time.run(scene(look=fails))
    assert course == ["whether that may be now cannot be told: KeyError; the log has its stack"]
    assert remembered == [7.0], "the engine goes on"


def test_a_plan_is_taken_up_only_after_a_last_look() -> None:
    def armed_since(now: float) -> None:
        raise NotNow("OP-8 is armed")

    assert virtual_time.run(scene(look=armed_since)) == (["OP-8 is armed"], [7.0])
