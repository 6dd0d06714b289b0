"""What both connections to the broker share: where it is, when to try again, and how its failures read.

The connections themselves are stationd.outputs.mqtt (JSON) and stationd.outputs.sparkplug.client (Sparkplug B).
"""

from __future__ import annotations

import asyncio
import random
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

KEEPALIVE_S = 10
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_S = 30.0  # a connection that lasted so long is no failure


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to log in. `authorities` is a file of certificates to trust instead of the system's."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)  # never in a log
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


def pause_s(failures: int) -> float:
    """Return how long to wait for the next connection after so many failures in a row: growing, and never in step."""
    return min(FIRST_PAUSE_S * 2.0 ** min(failures, 10), LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)


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
