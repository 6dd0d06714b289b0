from __future__ import annotations

import asyncio

import pytest

from stationd.outputs.broker import Broker, pause_s
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.mqtt import Waiting


async def everything(waiting: Waiting) -> list[str]:
    topics = []
    try:
        while True:
            async with asyncio.timeout(0):
                topics.append(await waiting.take())
    except TimeoutError:
        return topics


async def test_a_topic_is_released_at_most_once_a_second_and_then_with_the_latest() -> None:
    waiting = Waiting(lambda: ("a", "b"), MqttStatistics())
    waiting.mark("a")
    waiting.release(now=10.0)
    assert await everything(waiting) == ["a"]
    waiting.mark("a")
    waiting.mark("b")
    waiting.release(now=10.9)
    assert await everything(waiting) == ["b"]
    waiting.release(now=11.0)
    assert await everything(waiting) == ["a"]
    waiting.release(now=20.0)
    assert await everything(waiting) == []


async def test_what_waits_is_bounded_by_the_number_of_topics_and_every_loss_is_counted() -> None:
    statistics = MqttStatistics()
    waiting = Waiting(lambda: ("a", "b"), statistics)
    for second in range(10):
        waiting.mark("a")
        waiting.mark("b")
        waiting.release(now=float(second))
    assert await everything(waiting) == ["a", "b"]
    assert statistics.dropped == 18


async def test_after_a_reconnection_everything_waits_and_nothing_counts_as_lost() -> None:
    statistics = MqttStatistics()
    waiting = Waiting(lambda: ("a", "b"), statistics)
    waiting.mark("b")
    waiting.release(now=1.0)
    waiting.release_all()
    assert await everything(waiting) == ["b", "a"]
    assert statistics.dropped == 0


async def test_who_takes_waits_for_the_next_topic() -> None:
    waiting = Waiting(lambda: ("a",), MqttStatistics())
    taking = asyncio.create_task(waiting.take())
    await asyncio.sleep(0)
    waiting.mark("a")
    waiting.release(now=1.0)
    assert await taking == "a"


async def test_a_topic_that_comes_later_is_released_like_the_others() -> None:
    waiting = Waiting(lambda: ("a",), MqttStatistics())
    waiting.mark("alarm/line/LINE-DOWN")
    waiting.release(now=10.0)
    waiting.mark("alarm/line/LINE-DOWN")
    waiting.release(now=10.5)
    assert await everything(waiting) == ["alarm/line/LINE-DOWN"]


def test_pauses_between_connections_grow_to_half_a_minute_and_are_never_in_step() -> None:
    for failures, longest_s in ((0, 1.0), (1, 2.0), (2, 4.0), (5, 30.0), (100_000, 30.0)):
        pauses = [pause_s(failures) for _ in range(50)]
        assert longest_s / 2.0 <= min(pauses) < max(pauses) <= longest_s


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://broker.example", Broker("broker.example", 1883)),
        ("mqtts://broker.example", Broker("broker.example", 8883, tls=True)),
        ("mqtt://[fd00::5]:1884", Broker("fd00::5", 1884)),
    ],
)
def test_the_address_of_a_broker_has_the_usual_ports(url: str, broker: Broker) -> None:
    assert Broker.at(url) == broker


@pytest.mark.parametrize("url", ["broker.example:1883", "http://broker.example", "mqtt://", ""])
def test_what_is_no_address_of_a_broker_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(ValueError, match="mqtt://host:port"):
        Broker.at(url)
