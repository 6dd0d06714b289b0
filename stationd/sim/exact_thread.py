"""One thread that watches all ports of a simulator and keeps their times to some tens of microseconds.

It knows nothing of protocols or of the plant: callbacks that take time belong elsewhere. The thread sleeps in epoll with a
timerfd (timerfd_create(2)) in its set, because epoll itself counts in milliseconds; Python offers timerfd from 3.13, before
that it is reached through the C library. Ordinary timers fire when the kernel wakes the thread; an exact one is waited for
in the last `SPIN_S` without sleeping, because a wake-up comes late by about as much. Only exact ones cost that time: most
ports of a simulator do not need them.
"""

from __future__ import annotations

import ctypes
import heapq
import os
import select
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

SPIN_S = 60e-6  # measured wake-up latency of an idle machine is 20 to 50 us
SHORTEST_S = 1e-6  # a timer of 0 would be one that never fires

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC have the values of the open(2) flags

Result = TypeVar("Result")


@dataclass(order=True, slots=True)
class Timer:
    """A call at `when` (seconds of the monotonic clock); `cancel` is enough to forget it."""

    when: float
    order: int
    call: Callable[[], None] | None = field(compare=False)
    exact: bool = field(compare=False)

    def cancel(self) -> None:
        """Drop the call. Harmless when it has been made."""
        self.call = None


class _Alarm:
    """A timerfd: becomes readable when the time has passed."""

    def __init__(self) -> None:
        self._libc = ctypes.PyDLL(None, use_errno=True)
        self.descriptor = int(self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS))
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._when = 0.0

    def fired(self) -> None:
        """Know that it has to be set again, also for the same time: the clocks may differ by a nanosecond."""
        self._when = 0.0

    def set(self, when: float) -> None:
        """Fire at a time of the monotonic clock, at once where it has passed."""
        now = time.monotonic()
        if when == self._when and when > now:
            return
        self._when = when
        whole, rest = divmod(max(when - now, SHORTEST_S), 1.0)
        spec = struct.pack("@llll", 0, 0, int(whole), int(rest * 1e9))  # struct itimerspec: interval, time to the expiry
        if self._libc.timerfd_settime(self.descriptor, 0, spec, None) != 0:
            raise OSError(ctypes.get_errno(), f"timerfd_settime({when - now}) failed")


class ExactThread:
    """The thread. `at`, `watch` and `forget` are for callbacks inside it; `soon` and `ask` may be called from anywhere."""

    def __init__(self, name: str = "sim-ports") -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Callable[[], None]] = {}
        self._alarm = _Alarm()
        self._epoll.register(self._alarm.descriptor, select.EPOLLIN | select.EPOLLET)  # never read: setting it again is enough
        self._timers: list[Timer] = []
        self._order = 0
        self._calls: deque[Callable[[], None]] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.watch(self._wake, self._drain)
        self._watched[self._alarm.descriptor] = self._alarm.fired
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and give its descriptors back; what it watches is closed by those who opened it."""
        self.soon(self._stop)
        self._thread.join()
        self._epoll.close()
        os.close(self._alarm.descriptor)
        os.close(self._wake)

    def _stop(self) -> None:
        self._stopping = True

    def soon(self, call: Callable[[], None]) -> None:
        """Have a call made in the thread as soon as it can."""
        self._calls.append(call)
        if threading.current_thread() is not self._thread:
            os.eventfd_write(self._wake, 1)

    def ask(self, call: Callable[[], Result]) -> Result:
        """Have a call made in the thread and return what it returns or raises."""
        if threading.current_thread() is self._thread:
            return call()
        answer: Future[Result] = Future()
        self.soon(lambda: _settle(answer, call))
        return answer.result()

    def at(self, when: float, call: Callable[[], None], exact: bool = False) -> Timer:
        """Have a call made at a time of the monotonic clock."""
        self._order += 1
        timer = Timer(when, self._order, call, exact)
        heapq.heappush(self._timers, timer)
        return timer

    def watch(self, descriptor: int, readable: Callable[[], None]) -> None:
        """Call `readable` whenever the descriptor has something to read."""
        self._watched[descriptor] = readable
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor: int) -> None:
        """Stop watching a descriptor, before it is closed."""
        del self._watched[descriptor]
        self._epoll.unregister(descriptor)

    def _drain(self) -> None:
        os.eventfd_read(self._wake)

    def _run(self) -> None:
        while not self._stopping:
            self._make_calls()
            self._fire()
            for descriptor, _ in self._epoll.poll(self._pause()):
                readable = self._watched.get(descriptor)
                if readable is not None:  # else closed by an earlier callback of this round
                    readable()

    def _make_calls(self) -> None:
        for _ in range(len(self._calls)):
            self._calls.popleft()()

    def _fire(self) -> None:
        """Make the calls that are due; an exact one that is nearly due is waited for here."""
        while self._timers:
            timer = self._timers[0]
            now = time.monotonic()
            if timer.call is not None and timer.when > now + (SPIN_S if timer.exact else 0.0):
                return
            heapq.heappop(self._timers)
            if timer.call is not None:
                while timer.when > time.monotonic():
                    pass
                timer.call()

    def _pause(self) -> float | None:
        """Return how long epoll may wait: not at all, or until something is readable, the alarm included."""
        if self._calls or self._stopping:
            return 0.0
        if self._timers:
            timer = self._timers[0]
            self._alarm.set(timer.when - (SPIN_S if timer.exact else 0.0))
        return None


def _settle(answer: Future[Result], call: Callable[[], Result]) -> None:
    try:
        answer.set_result(call())
    except Exception as error:  # noqa: BLE001 - it is raised where the question was asked
        answer.set_exception(error)
