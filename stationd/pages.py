"""The pages of a station: metrics and health, and the file that says where they and the control socket are."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from stationd.config import StationConfig
from stationd.links.beat import Beat
from stationd.outputs.document import Identity
from stationd.outputs.http import Health, HttpServer
from stationd.outputs.page_sockets import page_sockets
from stationd.service.descriptors import Listeners

log = structlog.get_logger()


async def serve_pages(
    config: StationConfig,
    identity: Identity,
    scrape: Callable[[], Awaitable[bytes]],
    buses_up: Callable[[], Mapping[str, bool]],
    ports_file: Path | None,
    beat: Beat,
    listeners: Listeners,
    opened: list[socket.socket],
) -> None:
    """Serve the pages of metrics and health until cancelled; write where they are for those who asked, then give `beat`.

    `opened` are sockets that are bound already; they are used once, and then new ones are made.
    """
    pages: dict[str, str] = {}
    section = config.prometheus
    server = HttpServer(section.listen, identity, scrape, lambda: _health(buses_up())) if section else None
    try:
        if server is not None and section is not None:
            sockets = tuple(opened) or await page_sockets(section.listen, listeners)
            opened.clear()
            port = await server.start(sockets)
            pages["metrics"] = f"http://{section.listen.rpartition(':')[0]}:{port}/metrics"
            log.info("metrics are served", url=pages["metrics"])
        if config.control is not None:
            pages["socket"] = config.control.socket
        if ports_file is not None:
            write_json(ports_file, pages)
        beat.rest("serving")
        await asyncio.get_running_loop().create_future()
    finally:
        if server is not None:
            await server.stop()


def _health(buses_up: Mapping[str, bool]) -> Health:
    down = [name for name, up in buses_up.items() if not up]
    if buses_up and len(down) == len(buses_up):
        return Health(False, f"no port is open: {', '.join(down)}")
    return Health(True, f"ports that are not open: {', '.join(down)}" if down else "")


def write_json(path: Path, value: object) -> None:
    """Write a file so that whoever reads it sees the old one or the whole new one."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(value, indent=1) + "\n")
    new.replace(path)
