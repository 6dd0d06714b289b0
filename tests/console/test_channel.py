"""What a client sends is read when somebody wants it, and not before."""

from __future__ import annotations

import asyncio

from stationd.console.channel import Channel
from stationd.console.places import Limits
from tests.console.desk import until


class Wire(asyncio.Transport):
    """The transport end of a connection: says whether the loop would read."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def test_while_a_call_is_served_nothing_is_read_and_then_the_next_one_is() -> None:
    wire, channel = Wire(), Channel(Limits())
    channel.connection_made(wire)
    channel.data_received(b"first\0")
    assert await channel.next_message() == b"first"
    assert not wire.reading, "whatever the client sends meanwhile stays with the kernel"
    wanted = asyncio.create_task(channel.next_message())
    await until(lambda: wire.reading)
    channel.data_received(b"second\0third\0")
    assert await wanted == b"second"
    assert await channel.next_message() == b"third"
    assert not wire.reading


async def test_who_sends_byte_by_byte_is_soon_looked_at_only_now_and_then() -> None:
    wire, channel, message = Wire(), Channel(Limits()), b"x" * 30
    channel.connection_made(wire)
    wanted = asyncio.create_task(channel.next_message())
    rests = 0
    for byte in message + b"\0":
        channel.data_received(bytes([byte]))
        await asyncio.sleep(0)
        rests += not wire.reading and not wanted.done()
        while not wire.reading and not wanted.done():
            await asyncio.sleep(0.001)
    assert await wanted == message
    assert rests > 15
