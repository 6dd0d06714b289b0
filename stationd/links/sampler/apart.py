"""Work that may hang in a driver of the kernel: each in a thread of its own, and what becomes of one that does not come back.

Opening and closing a source means files of the kernel that may block for ever; a thread in there can be neither ended nor
joined. So it is waited for only for a while, then left alone, and what it holds is freed when it comes back at last. The threads
are daemon threads: none of them holds up the end of the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import structlog

from stationd.links.sampler.native import Native

log = structlog.get_logger()

T = TypeVar("T")

STOP_S = 0.5  # for the sampling thread to come back from its source
END_S = 0.8  # for that and for closing the source
RETRY_S = 10.0  # from one attempt to free a loop that hangs to the next


def apart(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Have work done in a thread of its own. Whoever waits for the future may stop waiting; the thread goes on."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    threading.Thread(target=_work, args=(work, loop, done), name=name, daemon=True).start()
    return done


def _work(work: Callable[[], T], loop: asyncio.AbstractEventLoop, done: asyncio.Future[T]) -> None:
    try:
        settle = partial(done.set_result, work())
    except Exception as error:  # noqa: BLE001 - it is raised where the future is awaited
        settle = partial(done.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
        loop.call_soon_threadsafe(settle)


async def waited(work: asyncio.Future[Any], most_s: float) -> bool:
    """Wait for work, whatever its outcome and even while being cancelled, but no longer than `most_s`; True when it is done."""
    deadline, cancelled = asyncio.get_running_loop().time() + most_s, False
    while not work.done() and (left_s := deadline - asyncio.get_running_loop().time()) > 0.0:
        try:
            await asyncio.wait([work], timeout=left_s)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return work.done()


class Abandoned:
    """Loops and openings that hang. `retry` is its task; what comes back is freed also without it."""

    def __init__(self) -> None:
        self._loops: list[Native] = []  # their thread hangs
        self._pending: set[asyncio.Future[Any]] = set()  # openings and endings that have not come back
        self.freed = 0

    @property
    def number(self) -> int:
        """How many there are at the moment."""
        return len(self._loops) + len(self._pending)

    def leave_opening(self, opening: asyncio.Future[Native]) -> None:
        """Leave an opening alone; the loop that nobody wants any more is freed when it comes back."""
        self._pending.add(opening)
        opening.add_done_callback(self._opened)

    def leave_ending(self, ending: asyncio.Future[bool], made: Native) -> None:
        """Leave an ending alone, done or not; one that has freed the loop is forgotten."""
        self._pending.add(ending)
        ending.add_done_callback(partial(self._ended, made))

    async def retry(self, every_s: float = RETRY_S) -> None:
        """Try now and then to free the loops whose thread hung."""
        while True:
            await asyncio.sleep(every_s)
            loops, self._loops = self._loops, []
            for made in loops:
                self._free(made)

    def _free(self, made: Native) -> None:
        self.leave_ending(apart(partial(made.end, STOP_S), "sampler-free"), made)

    def _opened(self, opening: asyncio.Future[Native]) -> None:
        self._pending.discard(opening)
        if opening.exception() is None:
            self._free(opening.result())

    def _ended(self, made: Native, ending: asyncio.Future[bool]) -> None:
        self._pending.discard(ending)
        if ending.exception() is None and ending.result():
            self.freed += 1
            log.info("what hung in the source of the sampler has come back and is freed")
        else:
            self._loops.append(made)
