"""Which way a port is opened, by its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from stationd.links.port import Link, PortSettings, Receiver
from stationd.links.serial import open_serial
from stationd.links.tcp import open_tcp

Opener = Callable[[PortSettings, Receiver], Awaitable[Link]]


async def open_link(settings: PortSettings, receiver: Receiver) -> Link:
    """Open the port that the settings name: TCP for "tcp://" and "socket://", else a terminal device."""
    return await (open_tcp if settings.network else open_serial)(settings, receiver)
