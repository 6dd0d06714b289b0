"""One thread in which everything of the fault box happens: descriptors that become readable, timers, and orders of other threads.

What it is: a selector with a heap of timers. What it is not: asyncio: it has to go on while scenarios, which are plain functions, wait.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
READ_BYTES = 4096
ANSWER_S = 10.0


class OneThread:
    """The thread, its descriptors and its timers. Everything of a passage happens in it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)
        self._orders: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._over = False
        self.mistakes: list[str] = []
        self._selector.register(self._here, selectors.EVENT_READ, self._woken)
        self._thread = threading.Thread(target=self._run, daemon=True, name="hil-passage")
        self._thread.start()

    def soon(self, work: Callable[[], None]) -> None:
        """Have it done in the thread."""
        with self._lock:
            self._orders.append(work)
        self._there.send(b"!")

    def ask(self, work: Callable[[], None]) -> None:
        """Have it done in the thread, and wait until it is; what it raises is raised here."""
        done, raised = threading.Event(), list[BaseException]()

        def carry_out() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - goes to whoever asked
                raised.append(error)
            done.set()

        if self.mistakes:
            raise RuntimeError(f"the fault box has failed before: {'; '.join(self.mistakes)}")
        self.soon(carry_out)
        if not done.wait(ANSWER_S):
            raise TimeoutError("the passage's thread does not answer")
        if raised:
            raise raised[0]

    def aside(self, work: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        """Do what may take long in a thread of its own, and the rest, with what came of it, in this one."""
        def carry_out() -> None:
            try:
                found: T | Exception = work()
            except Exception as error:  # noqa: BLE001 - goes to whoever asked
                found = error
            with contextlib.suppress(OSError):  # the end came first
                self.soon(lambda: then(found))

        threading.Thread(target=carry_out, daemon=True, name="hil-passage-aside").start()

    def at(self, t: float, work: Callable[[], None]) -> None:
        """Have it done at a time of CLOCK_MONOTONIC; only to be called in the thread."""
        heapq.heappush(self._timers, (t, next(self._numbers), work))

    def watch(self, thing: int | socket.socket, readable: Callable[[], None]) -> None:
        """Call `readable` whenever there is something to read."""
        self._selector.register(thing, selectors.EVENT_READ, readable)

    def forget(self, thing: int | socket.socket) -> None:
        """Watch it no more. Harmless when it was not watched."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(thing)

    def end(self) -> None:
        """End the thread."""
        def over() -> None:
            self._over = True

        self.soon(over)
        self._thread.join(5.0)
        self._selector.close()
        self._here.close()
        self._there.close()

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._here.recv(READ_BYTES)
        with self._lock:
            orders, self._orders = self._orders, []
        for work in orders:
            self._do(work)

    def _do(self, work: Callable[[], None]) -> None:
        """Do it; a mistake in it ends neither the thread nor the other ports, and is told to whoever asks next."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - kept for `ask`
            self.mistakes.append(f"{type(error).__name__}: {error}")

    def _run(self) -> None:
        while not self._over:
            wait_s = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            for key, _ in self._selector.select(wait_s):
                if key.fd in self._selector.get_map():  # what was served before it may have closed it
                    self._do(key.data)
            while self._timers and self._timers[0][0] <= time.monotonic():
                self._do(heapq.heappop(self._timers)[2])
