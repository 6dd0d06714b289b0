"""asyncio in virtual time: when everybody sleeps the clock jumps to the next timer.

A test that would wait for ever fails instead: with no timer and nothing ready there is nothing that could ever happen. The
clock never jumps while a thread job of the loop's executor is pending.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
MOST_TURNS = 1000
RESOLUTION_S = 1e-9  # of the clock that asyncio takes this one for
OF_THE_SAMPLER = "sampler-"  # how the threads are called that open and end a sampling loop


class Deadlock(Exception):
    """Nobody can ever wake up again."""


class VirtualSelector(selectors.SelectSelector):
    """Polls without waiting; if nothing is ready, moves the clock by the time that it should have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.pending = 0  # jobs of the executor whose end the loop has not seen
        self._turns = 0  # in a row, in which the clock did not move

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return self._in_no_time(ready)
        self._turns = 0
        if self._threads_work():
            return super().select(0.01)
        ready = super().select(0)  # a thread that has just ended has rung before
        if ready:
            return ready
        if timeout is None:
            raise Deadlock("nothing is ready, no timer is set, no thread works")
        self.now += timeout
        return ready

    def _in_no_time(self, ready: list[tuple[selectors.SelectorKey, int]]) -> list[tuple[selectors.SelectorKey, int]]:
        """Let a nanosecond pass when there was no end of turns: asyncio rings a timer up to one early, and two who see that would ask each
        other to wait for ever.
        """
        self._turns += 1
        if self._turns >= MOST_TURNS:
            self._turns = 0
            self.now += RESOLUTION_S
        return ready

    def _threads_work(self) -> bool:
        return self.pending > 0


class LoneSelector(VirtualSelector):
    """Waits also for the threads that open and end sampling loops, which none of those that are simulated can hang in."""

    def __init__(self) -> None:
        super().__init__()
        self._lasting = 0  # threads when none of them worked for the loop

    def _threads_work(self) -> bool:
        if threading.active_count() == self._lasting:
            return False
        working = any(thread.name.startswith(OF_THE_SAMPLER) for thread in threading.enumerate())
        self._lasting = 0 if working else threading.active_count()
        return working


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` is the selector's."""

    def __init__(self, selector: VirtualSelector | None = None) -> None:
        self._virtual = selector or VirtualSelector()
        super().__init__(self._virtual)
        self._workers = ThreadPoolExecutor(max_workers=2)
        self.set_default_executor(self._workers)

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        self._virtual.pending += 1
        done = super().run_in_executor(executor, func, *args)
        done.add_done_callback(self._seen)
        return done

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the signature is asyncio's
        """End the workers here: asyncio does so in one more thread, whose end the clock would not wait for."""
        self._workers.shutdown()

    def _seen(self, _: asyncio.Future[Any]) -> None:
        self._virtual.pending -= 1


class LoneLoop(VirtualLoop):
    """Does the work of its executor itself, at once, so that the same run gives the same result, bit for bit."""

    def __init__(self) -> None:
        super().__init__(LoneSelector())

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is raised where the future is awaited
            done.set_exception(error)
        return done


def run(main: Coroutine[Any, Any, T], loop: Callable[[], VirtualLoop] = VirtualLoop) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)
