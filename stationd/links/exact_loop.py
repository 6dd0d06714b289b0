"""An asyncio loop whose timers are exact to some tens of microseconds instead of whole milliseconds.

epoll counts in milliseconds and asyncio rounds up: a pause of 1.75 ms takes 2 to 3 ms, which costs a Modbus line up to a
tenth of its throughput. Here a wait of less than 0.1 s arms a timerfd in the same epoll set (timerfd_create(2)), and
the last 0.1 ms of a very short one (the silence between two Modbus frames) is spent awake, because the kernel's wake-up comes
0.05 to 0.15 ms late. Long waits are left to epoll. Python offers timerfd from 3.13; before that it is reached through the C library.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import select
import selectors
import time

SHORT_S = 0.0025  # longer waits have time for a late wake-up; the silence of 3.5 characters is at most 2 ms above 9600 baud
AWAKE_S = 0.0001
LONG_S = 0.1  # nothing on a line is timed so far ahead that a millisecond would matter

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC have the values of the open(2) flags


class _Timer(ctypes.Structure):
    """struct itimerspec: interval, then the time to the next expiry."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class ExactSelector(selectors.EpollSelector):
    """epoll with a timerfd; used as any other selector."""

    def __init__(self) -> None:
        super().__init__()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._key = self.register(self._timer, selectors.EVENT_READ)
        # Edge-triggered: an expiry is told once and need not be read, and a timer that is left running does no harm.
        self._selector.modify(self._timer, select.EPOLLIN | select.EPOLLET)  # type: ignore[attr-defined]  # missing in the stubs
        self._spec = _Timer(0, 0, 0, 0)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events at most `timeout` seconds; only a long wait may end up to a millisecond late."""
        if timeout is None or timeout <= 0 or timeout >= LONG_S:
            return self._others(timeout)
        if timeout < SHORT_S:
            return self._select_short(timeout)
        self._arm(timeout)
        return self._others(None)

    def _select_short(self, timeout: float) -> list[tuple[selectors.SelectorKey, int]]:
        """Sleep through most of a short wait and stay awake for its end, looking at the descriptors all the time."""
        end = time.monotonic() + timeout
        if timeout > AWAKE_S:
            self._arm(timeout - AWAKE_S)
            events = self._others(None)
            if events:
                return events
        while not (events := self._others(0)) and time.monotonic() < end:
            pass
        return events

    def _others(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        return [event for event in super().select(timeout) if event[0] is not self._key]

    def _arm(self, timeout: float) -> None:
        self._spec.value_ns = max(1, int(timeout * 1e9))  # zero would switch the timer off
        if self._libc.timerfd_settime(self._timer, 0, ctypes.byref(self._spec), None) != 0:
            raise OSError(ctypes.get_errno(), f"timerfd_settime({timeout}) failed")

    def close(self) -> None:
        """Close the timer and the epoll set."""
        if self._timer >= 0:
            os.close(self._timer)
            self._timer = -1
        super().close()


def exact_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop with exact timers, for `asyncio.Runner(loop_factory=exact_loop)`."""
    return asyncio.SelectorEventLoop(ExactSelector())
