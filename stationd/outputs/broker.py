"""What both connections to the broker share: where it is, when to try again, and how its failures read.

The connections themselves are stationd.outputs.mqtt (JSON) and stationd.outputs.sparkplug.client (Sparkplug B).
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiomqtt import MqttError

log = structlog.get_logger()

KEEPALIVE_S = 10
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_S = 30.0  # a connection that lasted so long is no failure


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to log in. `authorities` is a file of certificates to trust instead of the system's.

    `ask_password` is asked at each connection for a password that may come later, or change; it waits for the disk, and raises OSError,
    with a sentence, where the password cannot be had: that connection has failed then, and the next one asks again.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)  # never in a log
    ask_password: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    authorities: Path | None = None
    keepalive_s: int = KEEPALIVE_S

    @classmethod
    def at(cls, url: str, username: str | None = None, password: str | None = None) -> Broker:
        """Return the broker of "mqtt://host:port" or "mqtts://host:port" (TLS); ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise ValueError(f'"{url}" is not the address of a broker; right would be mqtt://host:port or mqtts://host:port')
        tls = parts.scheme == "mqtts"
        return cls(parts.hostname, parts.port or (8883 if tls else 1883), tls, username, password)

    async def login(self) -> str | None:
        """Return the password of now. OSError where it cannot be had."""
        return self.password if self.ask_password is None else await asyncio.to_thread(self.ask_password)


@dataclass(slots=True)
class Standing:
    """How a connection stands. `failures` are those in a row: a connection that ended before it was steady is one."""

    connected: bool = False
    connections: int = 0
    connected_t: float = 0.0
    failures: int = 0
    reason: str = ""  # why the last one failed or ended

    def came(self, now: float) -> None:
        """Note that a connection was made."""
        self.connected, self.connected_t = True, now
        self.connections += 1

    def lost(self, now: float) -> bool:
        """Return whether messages cannot be relied upon to leave: no connection, or one after another that does not last."""
        return not self.connected or (self.failures > 1 and now < self.connected_t + STEADY_S)


def pause_s(failures: int) -> float:
    """Return how long to wait for the next connection after so many failures in a row: growing, and never in step."""
    return min(FIRST_PAUSE_S * 2.0 ** min(failures, 10), LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)


async def stay_connected(name: str, address: str, standing: Standing, connection: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Serve one connection after another, each in a task of its own (see `check_cancelled`), until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        begun, connections, standing.reason = loop.time(), standing.connections, ""
        try:
            await asyncio.create_task(connection())
        except* (MqttError, OSError) as lost:
            standing.reason = sentence(lost)
        check_cancelled()  # one that came together with the end of the connection
        was_connected = standing.connections > connections
        if was_connected:
            log.warning("connection to the broker ended", what=name, broker=address, reason=standing.reason)
        elif standing.failures == 0:  # said once, however long it lasts
            log.warning("broker not reached", what=name, broker=address, reason=standing.reason)
        await asyncio.sleep(pause_s(standing.failures))
        standing.failures = 0 if was_connected and loop.time() - begun >= STEADY_S else standing.failures + 1


def check_cancelled() -> None:
    """Carry out a cancellation that came together with an answer of the broker, which Python 3.11's wait_for forgets.

    Needs a task that was never cancelled before: a group of tasks that fails leaves such a mark on its task until 3.13.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def trust(authorities: Path | None) -> ssl.SSLContext:
    """Read the certificates to trust; slow, therefore for another thread."""
    return ssl.create_default_context(cafile=authorities)


def sentence(error: BaseException) -> str:
    """Return what went wrong in one line, without the layers of libraries round it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error.__cause__ or error) or type(error).__name__
