"""asyncio in virtual time: when everybody sleeps the clock jumps to the next timer.

A test that would wait for ever fails instead: with no timer and nothing ready there is nothing that could ever happen. The
clock never jumps while a thread job of the loop's executor is pending.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlock(Exception):
    """Nobody can ever wake up again."""


class _CountingExecutor(ThreadPoolExecutor):
    pending = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.pending += 1
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._finished)
        return future

    def _finished(self, _: Future[Any]) -> None:
        self.pending -= 1


class VirtualSelector(selectors.SelectSelector):
    """Polls without waiting; if nothing is ready, moves the clock by the time that it should have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.executor = _CountingExecutor(max_workers=2)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.executor.pending:
            return super().select(0.01)
        if timeout is None:
            raise Deadlock("nothing is ready, no timer is set, no thread works")
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` is the selector's."""

    def __init__(self) -> None:
        self._virtual = VirtualSelector()
        super().__init__(self._virtual)
        self.set_default_executor(self._virtual.executor)

    def time(self) -> float:
        return self._virtual.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
