"""One connection as messages: JSON ended by a NUL, bounded in size and in time, in both directions.

Nothing is read ahead beyond one bounded buffer, and nothing at all while a call is served or waits for its turn: what a client sends
meanwhile stays with the kernel and costs the loop nothing. What comes in small pieces is looked at now and then. Nothing is written
before the last answer has left, and descriptors that a client sends along are never taken over: plain reads let the kernel drop them.
Follows varlink.org, "Protocol".
"""

from __future__ import annotations

import asyncio

from stationd.console.places import Limits

END = b"\0"
PIECES_S = 0.02  # between two looks at a message that is not whole: 30 clients that send bytes one by one use a tenth of the loop
PIECES = 8  # of a message are looked at as they come: one of 64 KiB comes in fewer from who sends it in one go


class Unusable(Exception):
    """What the client sends cannot be served; the connection ends. The text is a sentence for it."""


class Channel(asyncio.Protocol):
    """The connection as the loop sees it. `next_message` and `send` are for one task that serves it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._searched = 0
        self._pieces = 0
        self._news = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._first = True
        self.ended = asyncio.Event()  # the client sends nothing more, or is gone

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; an answer has to leave before the next one is made."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=0)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what is there, and no more until somebody wants it."""
        self._received += data
        if self._transport is not None:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        """Note the end of what the client sends; it may still want its answer."""
        self.ended.set()
        self._news.set()
        return True

    def pause_writing(self) -> None:
        """Note that the answer has not left yet."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Note that it has."""
        self._may_write.set()

    def connection_lost(self, _: Exception | None) -> None:
        """Wake whoever waits."""
        self._transport = None
        self.ended.set()
        self._news.set()
        self._may_write.set()

    # What the serving task calls.

    @property
    def overfull(self) -> bool:
        """True when more is waiting than one message may have."""
        return len(self._received) > self._limits.message_bytes

    async def next_message(self) -> bytes | None:
        """Return the next message without its NUL, or None at the end. Unusable when it is too long or does not get finished.

        A client may be silent as long as it likes between messages, but not before the first one and not within one.
        """
        if not self._received:
            await self._begin()
        try:
            async with asyncio.timeout(self._limits.message_s):
                while (end := self._received.find(END, self._searched)) < 0:
                    self._check_unfinished()
                    if self.ended.is_set():
                        return None
                    await self._next_piece()
        except TimeoutError:
            raise Unusable(f"a message was begun and not ended within {self._limits.message_s:g} s") from None
        if end > self._limits.message_bytes:
            raise Unusable(f"a message has more than {self._limits.message_bytes} bytes")
        self._first = False
        return self._take(end)

    async def send(self, message: bytes) -> None:
        """Send one message and return when it has left. Unusable when the client does not take it, or is gone."""
        if self._transport is None or self._transport.is_closing():
            raise Unusable("the client is gone")
        self._transport.write(message + END)
        try:
            async with asyncio.timeout(self._limits.answer_s):
                await self._may_write.wait()
        except TimeoutError:
            raise Unusable(f"an answer was not taken within {self._limits.answer_s:g} s") from None

    async def done_asking(self) -> str:
        """Wait, while a stream runs, until the client ends or breaks it; return the sentence that says how."""
        while not self.ended.is_set():
            if self.overfull:
                return "more was sent during a stream than one message may have"
            await self._next_piece()
        return "the client is gone"

    async def farewell(self, message: bytes) -> None:
        """Send a last message if the client takes it soon, then end the connection."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(message + END)
            try:
                async with asyncio.timeout(self._limits.stop_s):
                    await self._may_write.wait()
            except TimeoutError:
                pass
        self.drop()

    def drop(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _begin(self) -> None:
        """Wait for the first byte of a message, or the end."""
        limit = self._limits.first_message_s if self._first else None
        try:
            async with asyncio.timeout(limit):
                while not self._received and not self.ended.is_set():
                    await self._more()
        except TimeoutError:
            raise Unusable(f"nothing was asked within {self._limits.first_message_s:g} s") from None

    async def _more(self) -> None:
        """Have more read, and wait for it or for the end."""
        if self.ended.is_set():
            return
        self._news.clear()
        if self._transport is not None:
            self._transport.resume_reading()
        await self._news.wait()

    async def _next_piece(self) -> None:
        """Wait for more of what was begun; somebody who sends it byte by byte does not make a step of the loop of each."""
        self._pieces += 1
        if self._pieces > PIECES:
            await asyncio.sleep(PIECES_S)
        await self._more()

    def _check_unfinished(self) -> None:
        self._searched = len(self._received)
        if self.overfull:
            raise Unusable(f"a message has more than {self._limits.message_bytes} bytes")

    def _take(self, end: int) -> bytes:
        message = bytes(self._received[:end])
        del self._received[: end + 1]
        self._searched = self._pieces = 0
        return message
