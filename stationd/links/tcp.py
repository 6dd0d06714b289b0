"""TCP links: Modbus TCP servers, and serial lines behind a network serial server."""

from __future__ import annotations

import asyncio
import socket

from stationd.links.port import Link, LinkError, PortSettings, Receiver

UNSENT_BYTES = 65536  # a peer that takes no more than this without reading is as good as gone


class TcpLink(asyncio.Protocol):
    """One connection. asyncio reads and writes; nothing is buffered here."""

    def __init__(self, name: str, receiver: Receiver) -> None:
        self._name = name
        self._receiver = receiver
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and let the kernel find a peer that vanished without a word."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if self._transport is not None:
            self._receiver.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report a connection that ended by itself."""
        if self._transport is not None:
            self._transport = None
            self._receiver.lost(f"{self._name}: {exc or 'closed by the other side'}")

    def send(self, data: bytes) -> None:
        """Send a frame; LinkError when the peer takes no bytes any more."""
        if self._transport is None or self._transport.is_closing():
            raise LinkError(f"{self._name}: the connection is closed")
        if self._transport.get_write_buffer_size() > UNSENT_BYTES:
            raise LinkError(f"{self._name}: the other side takes no bytes")
        self._transport.write(data)

    def rest(self, seconds: float) -> None:
        """Do nothing: a frame comes in one or two segments."""

    def close(self) -> None:
        """End the connection at once, without a report."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()


async def open_tcp(settings: PortSettings, receiver: Receiver) -> Link:
    """Connect; LinkError with address and reason after at most `connect_timeout_s`."""
    host, number = settings.address
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            _, link = await loop.create_connection(lambda: TcpLink(settings.port, receiver), host, number)
    except TimeoutError as error:
        raise LinkError(f"{settings.port}: no answer within {settings.connect_timeout_s} s") from error
    except (OSError, ValueError) as error:
        raise LinkError(f"{settings.port}: {error}") from error
    return link
