"""What a client costs: every step of what is done for him is measured, and no waiting is."""

from __future__ import annotations

import asyncio

import pytest

from stationd.console.metering import metered


class Worked:
    """A clock that goes on only by work."""

    def __init__(self) -> None:
        self.t = 0.0
        self.paid: list[float] = []

    def __call__(self) -> float:
        return self.t

    def work(self, seconds: float) -> None:
        self.t += seconds


async def test_each_step_is_paid_for_and_no_wait_is() -> None:
    worked = Worked()

    async def doing() -> str:
        worked.work(0.5)
        await asyncio.sleep(0)
        worked.work(0.25)
        await asyncio.sleep(0)
        return "done"

    async def others() -> None:
        worked.work(100.0)

    result, _ = await asyncio.gather(metered(doing, worked.paid.append, worked), others())
    assert result == "done"
    assert worked.paid == [0.5, 0.25, 0.0]


async def test_what_fails_is_paid_for_and_fails_as_it_would() -> None:
    worked = Worked()

    async def failing() -> None:
        worked.work(0.5)
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await metered(failing, worked.paid.append, worked)
    assert worked.paid == [0.5]


async def test_a_cancellation_and_a_limit_of_time_come_to_the_work_itself() -> None:
    worked, seen = Worked(), list[str]()

    async def waiting() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            seen.append("over")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            worked.work(0.5)
        return "never"

    task = asyncio.create_task(metered(waiting, worked.paid.append, worked))
    while not seen:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert worked.paid[-1] == 0.5
