"""One thread for what diagnostics read from and write to the disk, so that a disk that hangs holds up neither the loop nor others.

There is one thread, however many ask: while it hangs the later ones are refused with a sentence instead of each taking a thread with
it. It is a daemon thread and does not hold up the end of the program. What reads the journal goes by the journal's own threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

MOST_WAITING = 16  # jobs of a hundredth of a second each; more means that the disk hangs (assumption)
T = TypeVar("T")


class DiskBusy(OSError):
    """The disk has not answered earlier questions yet."""


class DiskWorker:
    """Does one job after the other. `threads` False: in the event loop, where time is not real and must not pass beside it."""

    def __init__(self, *, threads: bool = True) -> None:
        self._threads = threads
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._begun = False
        self._waiting = 0

    @property
    def hangs(self) -> bool:
        """True while so many jobs wait that no more are taken."""
        return self._waiting >= MOST_WAITING

    async def do(self, work: Callable[[], T]) -> T:
        """Return what the work returns, or raise what it raises. DiskBusy at once where too many wait already."""
        if not self._threads:
            return work()
        if self.hangs:
            raise DiskBusy(f"the disk has not answered {self._waiting} earlier questions yet")
        self._begin()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting += 1
        self._jobs.put(partial(self._carry_out, work, loop, done))
        return await done

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._work, name="diagnostics", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _carry_out(self, work: Callable[[], T], loop: asyncio.AbstractEventLoop, done: asyncio.Future[T]) -> None:
        """Called in the thread. What nobody waits for any more, because it took too long, is not begun."""
        try:
            settle: Callable[[], None] = partial(_settle, done, None if done.cancelled() else work(), None)
        except Exception as error:  # noqa: BLE001 - it is raised where the future is awaited
            settle = partial(_settle, done, None, error)
        with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
            loop.call_soon_threadsafe(self._finish, settle)

    def _finish(self, settle: Callable[[], None]) -> None:
        self._waiting -= 1
        settle()


def _settle(done: asyncio.Future[Any], found: object, error: Exception | None) -> None:
    if done.done():  # nobody waits for it any more
        return
    if error is None:
        done.set_result(found)
    else:
        done.set_exception(error)
