"""Catching up with what was stored, in virtual time, with a keeper in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stationd.outputs.sparkplug.memory import History
from stationd.outputs.sparkplug.node import EdgeNode, Moment
from stationd.outputs.sparkplug.replay import Replay, Samples
from tests.outputs.sparkplug.keepers import Store
from tests.outputs.sparkplug.session import CURRENT, POWER, START_MS, catalogue, good
from tests.virtual_time import run

NOW = Moment(START_MS, 1000.0)


def node(*answering: str) -> EdgeNode:
    made = EdgeNode(catalogue())
    for device in answering:
        made.answers(device)
    made.connecting(NOW)
    made.connected()
    while made.next_message(NOW) is not None:
        pass
    return made


def stored(number: int = 10) -> Store:
    store = Store()
    for value in range(number):
        store.add(CURRENT, good(float(value), START_MS + value))
    return store


class Line:
    """Where stored samples go; refuses them after so many."""

    def __init__(self, most: int = 10**9) -> None:
        self.values: list[float | int | bool | str | None] = []
        self.times: list[float] = []
        self._most = most

    async def send(self, device: str, samples: Samples) -> bool:
        if len(self.values) >= self._most:
            return False
        self.values += [sample.value for _, sample in samples]
        self.times.append(asyncio.get_running_loop().time())
        return True


async def running(replay: Replay, line: Line, done: Callable[[], bool]) -> None:
    task = asyncio.create_task(replay.run(line.send))
    while not done():
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


def test_everything_stored_is_sent_once_in_order_and_counts_only_after_the_broker_has_answered_later() -> None:
    async def main() -> None:
        store, line = stored(), Line()
        replay = Replay(node("pfe-a"), store, 1000.0)
        await running(replay, line, lambda: replay.caught_up == 1)
        assert line.values == [float(value) for value in range(10)]
        begun = line.times[0]
        await replay.count_as_sent(begun - 0.001)
        assert store.sent == {}
        await replay.count_as_sent(asyncio.get_running_loop().time())
        assert store.sent == {"pfe-a": 10}

    run(main())


def test_a_connection_that_ends_before_the_proof_sends_again_what_was_not_proved_and_nothing_else() -> None:
    async def main() -> None:
        store, line = stored(), Line(most=6)
        replay = Replay(node("pfe-a"), store, 1000.0)
        await running(replay, line, lambda: len(line.values) >= 6)
        await replay.count_as_sent(line.times[0] + 0.0035)  # the first batch of three, and its pause
        assert store.sent == {"pfe-a": 3}
        replay.begin()
        again = Line()
        await running(replay, again, lambda: replay.caught_up == 1)
        assert again.values == [float(value) for value in range(3, 10)]

    run(main())


def test_the_rate_is_limited() -> None:
    async def main() -> None:
        store, line = stored(100), Line()
        replay = Replay(node("pfe-a"), store, 10.0)
        await running(replay, line, lambda: replay.caught_up == 1)
        assert line.times[-1] - line.times[0] >= 9.0

    run(main())


def test_what_is_stored_of_a_silent_device_waits_for_it_and_holds_up_no_other() -> None:
    async def main() -> None:
        store = stored()
        store.add(POWER, good(-3.0))
        edge, line = node("fp1-booster"), Line()
        replay = Replay(edge, store, 1000.0)
        await running(replay, line, lambda: replay.caught_up == 1)
        assert line.values == [-3.0]
        await replay.count_as_sent(asyncio.get_running_loop().time())
        assert store.sent == {"fp1-booster": 11}
        edge.answers("pfe-a")
        edge.next_message(NOW)
        await running(replay, line, lambda: replay.caught_up == 2)
        assert line.values[1:] == [float(value) for value in range(10)]

    run(main())


def test_live_readings_count_as_sent_only_of_devices_that_have_nothing_older_waiting() -> None:
    async def main() -> None:
        store = stored()
        edge = node("pfe-a", "fp1-booster")
        replay = Replay(edge, store, 1000.0)
        replay.live_is_written(10)
        await replay.count_as_sent(asyncio.get_running_loop().time())
        assert store.sent == {}
        await running(replay, Line(), lambda: replay.caught_up == 2)
        store.add(CURRENT, good(11.0))
        replay.live_is_written(11)
        edge.is_lost("pfe-a")
        store.add(CURRENT, good(12.0))
        replay.live_is_written(12)
        await replay.count_as_sent(asyncio.get_running_loop().time())
        assert store.sent == {"pfe-a": 11, "fp1-booster": 12}

    run(main())


def test_a_disk_that_fails_now_and_then_delays_the_replay_and_ends_nothing() -> None:
    async def main() -> None:
        store, line = stored(), Line()
        store.failures = 2
        replay = Replay(node("pfe-a"), store, 1000.0)
        await running(replay, line, lambda: replay.caught_up == 1)
        assert line.values == [float(value) for value in range(10)]

    run(main())


def test_without_a_history_there_is_nothing_to_do() -> None:
    async def main() -> None:
        history: History | None = None
        replay = Replay(node("pfe-a"), history, 1000.0)
        await replay.run(Line().send)
        replay.live_is_written(replay.position())
        await replay.count_as_sent(asyncio.get_running_loop().time())
        assert replay.caught_up == 0

    run(main())
