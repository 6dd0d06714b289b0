"""R11: 500 clients at the page of metrics that never finish their header, and come again a second after they are dropped.

Prometheus scrapes beside them, from another address as a rule of the guard has it (stationd.outputs.http_doors), and once more from the
very address of the flood, which is told without a limit. The clients are a process of their own, so that they do not slow what is measured:

    python -m tests.reliability.slow_loris HOST PORT SECONDS      prints how long each connection lasted, as JSON
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from tests.reliability.figures import Figure, Share
from tests.reliability.station import station

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 500
APART, AMONG = "127.0.0.2", "127.0.0.1"
SCRAPE_EVERY_S = 0.5
AGAIN_S = 1.0
DROP_EVERY_S = 1.0  # one more byte of a header that never ends
DROPPED_S, SCRAPED_S = 10.0, 0.2
LATE_S = 0.5  # of a client that looks at 500 connections at once
BEGIN = b"GET /metrics HTTP/1.1\r\nHost: aktau\r\n"


@dataclass(slots=True)
class Scrapes:
    """What Prometheus at an address has seen."""

    took_s: list[float] = field(default_factory=list)
    lost: int = 0

    async def scrape(self, page: str, address: str) -> None:
        """Fetch the page now and then, for ever."""
        while True:
            begun = time.monotonic()
            try:
                connector = aiohttp.TCPConnector(local_addr=(address, 0))
                async with aiohttp.ClientSession(connector=connector) as session, session.get(page) as answer:
                    whole = await answer.read()
                    self.lost += answer.status != 200 or not whole.endswith(b"\n")
            except aiohttp.ClientError:
                self.lost += 1
            self.took_s.append(time.monotonic() - begun)
            await asyncio.sleep(SCRAPE_EVERY_S)

    @property
    def p99_s(self) -> float:
        """Return how long a scrape takes at most, in 99 of 100 cases."""
        return statistics.quantiles(self.took_s, n=100)[98]


async def besiege(host: str, port: int, lasted_s: list[float]) -> None:
    """Be one of the clients, for ever."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            begun = time.monotonic()
            dripping = asyncio.create_task(drip(writer))
            with contextlib.suppress(OSError):
                await reader.read()
            lasted_s.append(time.monotonic() - begun)
            dripping.cancel()
            writer.close()
        await asyncio.sleep(AGAIN_S)


async def all_of_them(host: str, port: int, seconds: float) -> list[float]:
    """Be all clients for so long; return how long each connection lasted that the server has ended."""
    lasted_s: list[float] = []
    clients = [asyncio.create_task(besiege(host, port, lasted_s)) for _ in range(CLIENTS)]
    await asyncio.sleep(seconds)
    for task in clients:
        task.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return lasted_s


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a header that never ends."""
    writer.write(BEGIN)
    with contextlib.suppress(OSError):
        while True:
            writer.write(b"X-a: b\r\n")
            await asyncio.sleep(DROP_EVERY_S)


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R11."""
    yield from asyncio.run(siege(float(share.of(60, 240))))


async def siege(seconds: float) -> list[Figure]:
    """Let them come for so long."""
    apart, among = Scrapes(), Scrapes()
    with tempfile.TemporaryDirectory() as name:
        async with station(Path(name)) as running:
            page = json.loads((running.home / "ports.json").read_text())["metrics"]
            parts = urlsplit(page)
            await running.begin_heart()
            words = [sys.executable, "-m", "tests.reliability.slow_loris", str(parts.hostname), str(parts.port), str(seconds)]
            clients = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=subprocess.PIPE)
            scraping = [asyncio.create_task(each.scrape(page, at)) for each, at in ((apart, APART), (among, AMONG))]
            said, _ = await clients.communicate()
            for task in scraping:
                task.cancel()
            await asyncio.gather(*scraping, return_exceptions=True)
            heart = await running.heart()
    lasted_s: list[float] = json.loads(said)
    return [
        Figure("clients", CLIENTS),
        Figure("cases", len(lasted_s), least=CLIENTS),
        Figure("dropped_max_s", max(lasted_s), most=DROPPED_S + LATE_S),
        Figure("scrapes", len(apart.took_s), least=seconds / SCRAPE_EVERY_S / 3),
        Figure("scrape_p99_s", apart.p99_s, most=SCRAPED_S + 2 * heart.machine_p99_s),
        Figure("scrapes_lost", apart.lost, most=0),
        Figure("scrape_from_the_flood_p99_s", among.p99_s),
        Figure("scrapes_lost_from_the_flood", among.lost),
        *heart.figures(),
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(all_of_them(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
