"""The listening sockets of the pages: those that are kept over restarts, or new ones at the configured address.

An address that this machine does not have yet, because the network comes later or never, is listened at all the same (IP_FREEBIND, ip(7))
and served once it is there: a station is watched without its network too.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import structlog

from stationd.service.descriptors import PAGES, Listeners

log = structlog.get_logger()

FREE_BIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}  # IP_FREEBIND, IPV6_FREEBIND of Linux


NAME_S = 2.0  # assumption: a name of this machine is in /etc/hosts and found at once; the station is ready within 3 s


class Address(NamedTuple):
    """Where to listen; port 0 lets the system choose."""

    family: int
    host: str
    port: int


async def page_sockets(listen: str, listeners: Listeners) -> tuple[socket.socket, ...]:
    """Return sockets that are bound to "host:port", for the caller to listen at and to close. OSError when that is not possible."""
    wanted = await _addresses(listen)
    kept = listeners.claim(PAGES, [partial(_is_at, address) for address in wanted])
    if kept:
        return kept
    made: list[socket.socket] = []
    try:
        made += map(_bound, wanted)
    except OSError:
        for each in made:
            each.close()
        raise
    listeners.keep(PAGES, made)
    return tuple(made)


async def _addresses(listen: str) -> Sequence[Address]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        found = await _resolved(host, int(port))
        return tuple(dict.fromkeys(Address(family, str(at[0]), int(port)) for family, _, _, _, at in found))
    return (Address(socket.AF_INET if literal.version == 4 else socket.AF_INET6, str(literal), int(port)),)


async def _resolved(host: str, port: int) -> Sequence[Any]:
    """Return what getaddrinfo(3) says of a name, or OSError, in time for a start whose name server does not answer."""
    looking = asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    try:
        return await asyncio.wait_for(looking, NAME_S)
    except TimeoutError as error:
        raise OSError(errno.ETIMEDOUT, f'the pages cannot listen at "{host}": nobody says within {NAME_S:g} s where that is') from error
    except OSError as error:
        raise OSError(error.errno, f'the pages cannot listen at "{host}": {error.strerror}') from error


def _is_at(address: Address, listener: socket.socket) -> bool:
    if listener.family != address.family:
        return False
    host, port = listener.getsockname()[:2]
    return ipaddress.ip_address(host) == ipaddress.ip_address(address.host) and address.port in (0, port)


def _bound(address: Address) -> socket.socket:
    listener = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _bind(listener, address)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"the pages cannot listen at {address.host}:{address.port}: {error.strerror}") from error
    return listener


def _bind(listener: socket.socket, address: Address) -> None:
    """Bind, also to an address that is not there yet."""
    try:
        listener.bind((address.host, address.port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        listener.setsockopt(*FREE_BIND[socket.AddressFamily(address.family)], 1)
        listener.bind((address.host, address.port))
        log.warning("the pages listen at an address that this machine does not have now", address=address.host, port=address.port)
