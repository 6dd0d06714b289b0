"""The web page: /metrics for Prometheus, /healthz for supervisors, and a landing page that links them. Read only.

aiohttp reads the requests and writes the answers; who reaches it, and for how long, is up to the guard in front of it
(stationd.outputs.http_doors).
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

import stationd
from stationd.outputs.document import Identity
from stationd.outputs.http_doors import ACCEPTED_AT_ONCE, QUEUE, USUAL, Guard, HttpDoors, Patience

LONGEST_BODY_BYTES = 1024  # no page takes one
STOP_S = 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the daemon does its work; `reason` says in one sentence what is wrong."""

    ok: bool
    reason: str = ""


class HttpServer:
    """The listener and its three pages. `metrics` makes the page of metrics, `health` is asked at each request."""

    def __init__(
        self,
        listen: str,
        identity: Identity,
        metrics: Callable[[], Awaitable[bytes]],
        health: Callable[[], Health],
        patience: Patience = USUAL,
    ) -> None:
        self._listen = listen
        self._identity = identity
        self._metrics = metrics
        self._health = health
        self._doors = HttpDoors(patience)
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
            make_guard = partial(Guard, make_handler, self._doors)
            server = await asyncio.get_running_loop().create_server(make_guard, backlog=ACCEPTED_AT_ONCE, **where)
            _queue_more(server)
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


def _queue_more(server: asyncio.Server) -> None:
    """Let the kernel keep more newcomers than the loop takes in one turn, which asyncio makes one number."""
    for each in server.sockets:
        with socket.socket(fileno=os.dup(each.fileno())) as same:
            same.listen(QUEUE)


async def _one_request(_: web.Request, response: web.StreamResponse) -> None:
    response.force_close()
    response.headers["Cache-Control"] = "no-store"
    response.headers["Server"] = "stationd"
