"""The guard in front of the web page: who is let in, for how long, and whose place a newcomer gets.

aiohttp keeps a connection that never finishes its header for as long as the client likes, and makes much of each. The guard does not:
until its header is whole a connection costs a few hundred bytes and nothing of aiohttp is made for it; it carries one request, which has
its deadlines. When all places are taken the newcomer gets that of the oldest without a whole header, of the address that has most of
them: a flood from one address locks out nobody else, and itself only as long as it lasts.
What it is not: a parser. It looks for the end of the header and for nothing else.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

END = b"\r\n\r\n"
LONGEST_HEADER_BYTES = 16 << 10  # twice what aiohttp takes: it refuses it in its own words
ACCEPTED_AT_ONCE = 16  # in one turn of the loop: what a client sends right away is read three turns later, and its place has to last
QUEUE = 1024  # connections that the kernel keeps meanwhile: a newcomer that finds it full comes again after a second only (TCP)


@dataclass(frozen=True, slots=True)
class Patience:
    """How many connections there may be at once, and how long a client may take for its header and to take its answer."""

    connections: int = 128
    header_s: float = 10.0
    answer_s: float = 10.0  # the scrape timeout that Prometheus has by default; later nobody waits for the answer


USUAL = Patience()


class HttpDoors:
    """The places that there are for connections."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._taken: set[Guard] = set()
        self._waiting: defaultdict[str, dict[Guard, None]] = defaultdict(dict)  # by address, in the order in which they came

    def enter(self, guard: Guard) -> bool:
        """Take a place, if need be that of one that waits; False when all are being served."""
        if len(self._taken) >= self.patience.connections:
            crowd = max(self._waiting.values(), key=len, default=None)
            if not crowd:
                return False
            next(iter(crowd)).drop()
        self._taken.add(guard)
        self._waiting[guard.address][guard] = None
        return True

    def serve(self, guard: Guard) -> None:
        """Note that its header is complete: it keeps its place."""
        crowd = self._waiting.get(guard.address, {})
        crowd.pop(guard, None)
        if not crowd:
            self._waiting.pop(guard.address, None)

    def leave(self, guard: Guard) -> None:
        """Give the place back."""
        self._taken.discard(guard)
        self.serve(guard)

    def clear(self) -> None:
        """Close every connection."""
        for guard in tuple(self._taken):
            guard.drop()


class Guard(asyncio.Protocol):
    """Stands between one connection and the handler that is made for it when its header is whole."""

    def __init__(self, make_handler: Callable[[], asyncio.Protocol], doors: HttpDoors) -> None:
        self.address = ""
        self._make_handler = make_handler
        self._handler: asyncio.Protocol | None = None
        self._doors = doors
        self._transport: asyncio.BaseTransport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._header = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the connection in, or turn it away."""
        self._transport = transport
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        if self._doors.enter(self):
            self._allow(self._doors.patience.header_s)
        else:
            self.drop()

    def data_received(self, data: bytes) -> None:
        """Keep the bytes until the header is whole, then hand all of them on."""
        if self._handler is not None:
            self._handler.data_received(data)
            return
        begin = max(0, len(self._header) - len(END) + 1)
        self._header += data
        if END in self._header[begin:] or len(self._header) > LONGEST_HEADER_BYTES:
            self._serve()

    def eof_received(self) -> bool | None:
        """Hand on that the client sends nothing more; without a header that is the end."""
        return self._handler.eof_received() if self._handler is not None else None

    def pause_writing(self) -> None:
        """Hand on that the client does not read."""
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the client reads again."""
        if self._handler is not None:
            self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._doors.leave(self)
        if self._handler is not None:
            self._handler.connection_lost(exc)

    def drop(self) -> None:
        """Close the connection at once, whatever is still to be sent."""
        self._doors.leave(self)
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    def _serve(self) -> None:
        assert self._transport is not None
        self._doors.serve(self)
        self._allow(self._doors.patience.answer_s)
        self._handler = self._make_handler()
        self._handler.connection_made(self._transport)
        self._handler.data_received(bytes(self._header))
        self._header.clear()

    def _allow(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.drop)
