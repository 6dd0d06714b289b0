"""What serving a client costs the event loop: the time between two moments at which the loop is free, measured, not guessed.

Whatever a call turns out to be (a question that is answered at once, one that comes back to the loop a hundred times, one that fails),
each of its steps is measured and paid for out of a share of time (stationd.console.places.Share). What is measured is the time that
the loop's thread has worked: a machine that is busy with something else, or was halted, makes nobody's call dearer.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from time import thread_time
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]
Used = Callable[[float], None]


async def metered(work: Work[T], used: Used, clock: Callable[[], float] = thread_time) -> T:
    """Do the work and return what it returns; `used` is told after each step of it how many seconds of the loop that took."""
    return await _Steps(work(), used, clock)


class _Steps(Generic[T]):
    """A coroutine as the loop runs it: from one wait to the next."""

    def __init__(self, work: Coroutine[Any, Any, T], used: Used, clock: Callable[[], float]) -> None:
        self._work = work
        self._used = used
        self._clock = clock

    def __await__(self) -> Generator[Any, Any, T]:
        awaited, failure = None, None
        while True:
            begun = self._clock()
            try:
                awaited = self._work.send(None) if failure is None else self._work.throw(failure)
            except StopIteration as end:
                found: T = end.value
                return found
            finally:
                self._used(self._clock() - begun)
            failure = None
            try:
                yield awaited
            except GeneratorExit:  # nobody runs it any more, and there may be no loop
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it belongs to the work: a cancellation above all
                failure = error
