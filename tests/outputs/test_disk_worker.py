"""The thread of diagnostics: a disk that hangs takes one thread and no loop with it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stationd.outputs.disk_worker import MOST_WAITING, DiskBusy, DiskWorker


def failing() -> None:
    raise OSError(28, "No space left on device")


async def test_what_the_work_returns_or_raises_comes_back() -> None:
    disk = DiskWorker()
    assert await disk.do(lambda: 42) == 42
    with pytest.raises(OSError, match="No space"):
        await disk.do(failing)
    assert await disk.do(lambda: 43) == 43


async def test_while_it_hangs_no_second_thread_is_made_and_later_questions_are_refused() -> None:
    disk, hang, before = DiskWorker(), threading.Event(), threading.active_count()
    waiting = [asyncio.create_task(disk.do(hang.wait)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(DiskBusy):
        await disk.do(lambda: None)
    assert threading.active_count() <= before + 1
    hang.set()
    assert await asyncio.gather(*waiting) == [True] * MOST_WAITING
    assert await disk.do(lambda: "well again") == "well again"


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    disk, hang, done = DiskWorker(), threading.Event(), list[int]()
    first = asyncio.create_task(disk.do(hang.wait))
    given_up = asyncio.create_task(disk.do(lambda: done.append(1)))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    hang.set()
    await first
    await disk.do(lambda: done.append(2))
    assert done == [2]


async def test_without_threads_all_is_done_in_the_loop() -> None:
    here = threading.get_ident()
    assert await DiskWorker(threads=False).do(threading.get_ident) == here
