"""The web page: /metrics for Prometheus, /healthz for supervisors, and a landing page that links them. Read only.

aiohttp keeps a connection that never finishes its header for as long as the client likes. The guard in front of it does not:
a connection carries one request, which has its deadlines, and when all places are taken the newcomer gets that of the client
that has been longest without a whole header, so that a flood of mute clients does not lock Prometheus out.
"""

from __future__ import annotations

import asyncio
import html
import json
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

import stationd
from stationd.outputs.document import Identity

LONGEST_BODY_BYTES = 1024  # no page takes one
STOP_S = 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the daemon does its work; `reason` says in one sentence what is wrong."""

    ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many connections there may be at once, and how long a client may take for its header and to take its answer."""

    connections: int = 128
    header_s: float = 10.0
    answer_s: float = 10.0  # the scrape timeout that Prometheus has by default; later nobody waits for the answer


class HttpServer:
    """The listener and its three pages. `metrics` makes the page of metrics, `health` is asked at each request."""

    def __init__(
        self,
        listen: str,
        identity: Identity,
        metrics: Callable[[], Awaitable[bytes]],
        health: Callable[[], Health],
        patience: Patience = Patience(),
    ) -> None:
        self._listen = listen
        self._identity = identity
        self._metrics = metrics
        self._health = health
        self._patience = patience
        self._doors = _Doors(patience)
        self._runner: web.AppRunner | None = None
        self._servers: list[asyncio.Server] = []

    async def start(self, listeners: Sequence[socket.socket] = ()) -> int:
        """Listen on "host:port" ("[...]:port" for IPv6) and return the real port. OSError when that is not possible.

        With `listeners` it is their addresses that are served; they are closed at the end.
        """
        app = web.Application(client_max_size=LONGEST_BODY_BYTES)
        app.on_response_prepare.append(_one_request)
        app.router.add_get("/", self._landing_page)
        app.router.add_get("/metrics", self._metrics_page)
        app.router.add_get("/healthz", self._health_page)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_S, lingering_time=STOP_S)
        await self._runner.setup()
        make_handler = self._runner.server
        assert make_handler is not None
        host, _, port = self._listen.rpartition(":")
        own: list[Mapping[str, Any]] = [{"host": host.strip("[]"), "port": int(port)}]
        for where in [{"sock": each} for each in listeners] or own:
            server = await asyncio.get_running_loop().create_server(
                lambda: _Guard(make_handler(), self._doors),
                backlog=max(1, self._patience.connections // 2),  # so few at once that none loses its place before it is read
                **where,
            )
            self._servers.append(server)
        real_port: int = self._servers[0].sockets[0].getsockname()[1]
        return real_port

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        for server in self._servers:
            server.close()
        self._doors.clear()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _landing_page(self, _: web.Request) -> web.Response:
        name = html.escape(f"{self._identity.title or self._identity.name} ({self._identity.mode.value})")
        links = '<p><a href="/metrics">Metrics</a></p><p><a href="/healthz">Health</a></p>'
        text = f"<!doctype html><title>{name}</title><h1>{name}</h1><p>stationd {stationd.__version__}</p>{links}\n"
        return web.Response(text=text, content_type="text/html")

    async def _metrics_page(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._metrics(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _health_page(self, _: web.Request) -> web.Response:
        health = self._health()
        document = {"ok": health.ok, "reason": health.reason, "station": self._identity.name, "mode": self._identity.mode.value}
        text = json.dumps(document) + "\n"
        return web.Response(text=text, content_type="application/json", status=200 if health.ok else 503)


async def _one_request(_: web.Request, response: web.StreamResponse) -> None:
    response.force_close()
    response.headers["Cache-Control"] = "no-store"
    response.headers["Server"] = "stationd"


class _Doors:
    """The places that there are for connections."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._taken: set[_Guard] = set()
        self._waiting: dict[_Guard, None] = {}  # those without a whole header, in the order in which they came

    def enter(self, guard: _Guard) -> bool:
        """Take a place, if need be that of the connection that has been waiting longest; False when all are being served."""
        if len(self._taken) >= self.patience.connections:
            if not self._waiting:
                return False
            next(iter(self._waiting)).drop()
        self._taken.add(guard)
        self._waiting[guard] = None
        return True

    def serve(self, guard: _Guard) -> None:
        """Note that its header is complete: it keeps its place."""
        self._waiting.pop(guard, None)

    def clear(self) -> None:
        """Close every connection."""
        for guard in tuple(self._taken):
            guard.drop()

    def leave(self, guard: _Guard) -> None:
        """Give the place back."""
        self._taken.discard(guard)
        self._waiting.pop(guard, None)


class _Guard(asyncio.Protocol):
    """Stands between one connection and aiohttp's handler of it, and looks at nothing but its progress."""

    def __init__(self, handler: asyncio.Protocol, doors: _Doors) -> None:
        self._handler = handler
        self._doors = doors
        self._transport: asyncio.BaseTransport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._tail = b""  # the end of what was received of the header
        self._served = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the connection in, or turn it away."""
        self._transport = transport
        self._handler.connection_made(transport)
        if self._doors.enter(self):
            self._allow(self._doors.patience.header_s)
        else:
            self.drop()

    def data_received(self, data: bytes) -> None:
        """Hand the bytes on, and see whether the header is complete."""
        received = self._tail + data
        self._tail = received[-3:]
        if not self._served and b"\r\n\r\n" in received:
            self._served = True
            self._doors.serve(self)
            self._allow(self._doors.patience.answer_s)
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on that the client sends nothing more."""
        return self._handler.eof_received()

    def pause_writing(self) -> None:
        """Hand on that the client does not read."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the client reads again."""
        self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._doors.leave(self)
        self._handler.connection_lost(exc)

    def drop(self) -> None:
        """Close the connection at once, whatever is still to be sent."""
        self._doors.leave(self)
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    def _allow(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.drop)
