from __future__ import annotations

import asyncio

from aiomqtt import Message

from stationd.outputs.live import MOST_WAITING, OVERHEAD, Live


def message(topic: str, payload: bytes, *, retain: bool = False) -> Message:
    return Message(topic, payload, 0, retain, 1, None)


async def test_what_comes_is_handed_to_who_asked_for_its_topic_with_the_word_of_the_broker() -> None:
    live, heard = Live(), list[tuple[bytes, bool]]()
    live.subscribe("stationd/siyazan/line", lambda payload, retained: heard.append((payload, retained)))
    assert live.take(message("stationd/siyazan/line", b"now"))
    assert live.take(message("stationd/siyazan/line", b"once", retain=True))
    assert not live.take(message("stationd/siyazan/status", b"{}"))
    assert heard == [(b"now", False), (b"once", True)]


async def test_without_a_connection_nothing_waits() -> None:
    live = Live()
    for number in range(100):
        live.publish("stationd/aktau/line", str(number).encode())
    assert (live.skipped, live.sent) == (100, 0)


async def test_what_a_flood_leaves_waiting_is_bounded_and_every_loss_is_counted() -> None:
    live = Live()
    inbox = live.inbox(0)
    large = message("t", b"x" * (64 * 1024))
    for _ in range(10_000):
        inbox.put_nowait(large)
    assert inbox.qsize() == MOST_WAITING // (64 * 1024 + OVERHEAD)
    assert live.dropped == 10_000 - inbox.qsize()
    waiting = inbox.qsize()
    for _ in range(waiting):
        async with asyncio.timeout(1):
            await inbox.get()
    inbox.put_nowait(large)
    assert inbox.qsize() == 1
