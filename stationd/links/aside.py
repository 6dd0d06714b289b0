"""Work that may hang in a driver of the kernel: each in a thread of its own, waited for only for a while.

Opening and closing what is a file of the kernel may block for ever; a thread in there can be neither ended nor joined, and one of the
event loop's own threads would be lost with it. The threads are daemon threads: none of them holds up the end of the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


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
