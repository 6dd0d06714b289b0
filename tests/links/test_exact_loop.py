"""Timers that are exact, on the real clock; the bounds are ratios to what the plain loop does, never seconds."""

from __future__ import annotations

import asyncio
import socket
import statistics
import time

from stationd.links.exact_loop import exact_loop

PAUSE_S = 0.00175


async def _lateness() -> float:
    late = []
    for _ in range(50):
        begin = time.monotonic()
        await asyncio.sleep(PAUSE_S)
        late.append(time.monotonic() - begin - PAUSE_S)
    return statistics.median(late)


def test_a_pause_ends_much_nearer_to_its_time_than_with_whole_milliseconds() -> None:
    with asyncio.Runner(loop_factory=exact_loop) as exact, asyncio.Runner() as plain:
        assert min(exact.run(_lateness()) for _ in range(3)) < 0.8 * max(plain.run(_lateness()) for _ in range(3))


def test_descriptors_are_served_while_a_timer_runs_and_without_any_timer() -> None:
    async def main() -> bytes:
        left, right = socket.socketpair()
        left.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.call_later(0.005, right.send, b"a")
        first = await loop.sock_recv(left, 10)
        reply = loop.create_task(loop.sock_recv(left, 10))
        await asyncio.sleep(0)
        right.send(b"b")
        second = await reply
        left.close()
        right.close()
        return first + second

    with asyncio.Runner(loop_factory=exact_loop) as runner:
        assert runner.run(main()) == b"ab"


def test_a_loop_that_waits_for_nothing_but_a_descriptor_does_not_spin() -> None:
    async def main() -> float:
        left, right = socket.socketpair()
        left.setblocking(False)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.002)  # arms the timer, which must be silent again afterwards
        waiting = loop.run_in_executor(None, lambda: (time.sleep(0.05), right.send(b"x")))
        begin = time.thread_time()
        await loop.sock_recv(left, 1)
        used = time.thread_time() - begin
        await waiting
        left.close()
        right.close()
        return used

    with asyncio.Runner(loop_factory=exact_loop) as runner:
        assert runner.run(main()) < 0.03
