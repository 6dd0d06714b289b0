"""R11: clients at the page of metrics that never finish their header, and come again a second after they are dropped.

500 of them want more places than there are: what is seen is that the guard gives a newcomer the place of the oldest, and that others are
served meanwhile. Then as many as find places: nobody takes theirs, and only the deadline of the header ends them. Of both sieges the
connections count that are still open at the end, with their age. Prometheus scrapes beside them, from another address as a rule of the
guard has it (stationd.outputs.http_doors), and once more from the very address of the flood, which is told without a limit.

It measures less than the paper's row in this: 500 clients come for 60 s and not for 240 s before a release does it. The clients are a
process of their own, so that they do not slow what is measured:

    python -m tests.reliability.slow_loris HOST PORT SECONDS CLIENTS      prints how long each connection lasted, as JSON
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
FEW, FEW_S = 100, 25.0  # of 128 places (stationd.outputs.http_doors.USUAL); twice the deadline of a header, and more
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


@dataclass(slots=True)
class Siege:
    """How long the connections lasted that the server has ended, and when those began that it has not."""

    ended_s: list[float] = field(default_factory=list)
    open: dict[int, float] = field(default_factory=dict)

    async def besiege(self, host: str, port: int, client: int) -> None:
        """Be one of the clients, for ever."""
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(host, port)
                begun = self.open[client] = time.monotonic()
                dripping = asyncio.create_task(drip(writer))
                with contextlib.suppress(OSError):
                    await reader.read()
                self.ended_s.append(time.monotonic() - begun)
                del self.open[client]
                dripping.cancel()
                writer.close()
            await asyncio.sleep(AGAIN_S)


async def all_of_them(host: str, port: int, seconds: float, count: int) -> dict[str, list[float]]:
    """Be so many clients for so long; return how long each connection lasted that was ended, and how old the open ones are."""
    siege = Siege()
    clients = [asyncio.create_task(siege.besiege(host, port, client)) for client in range(count)]
    await asyncio.sleep(seconds)
    now = time.monotonic()
    found = {"ended_s": list(siege.ended_s), "open_s": [now - begun for begun in siege.open.values()]}
    for task in clients:
        task.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return found


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a header that never ends."""
    writer.write(BEGIN)
    with contextlib.suppress(OSError):
        while True:
            writer.write(b"X-a: b\r\n")
            await asyncio.sleep(DROP_EVERY_S)


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R11."""
    yield from asyncio.run(besieged(float(share.of(60, 240))))


async def besieged(seconds: float) -> list[Figure]:
    """Let many come for so long, then few."""
    apart, among = Scrapes(), Scrapes()
    with tempfile.TemporaryDirectory() as name:
        async with station(Path(name), deciding=True) as running:
            page = json.loads((running.home / "ports.json").read_text())["metrics"]
            await running.begin_heart()
            scraping = [asyncio.create_task(each.scrape(page, at)) for each, at in ((apart, APART), (among, AMONG))]
            many = await come(page, seconds, CLIENTS)
            few = await come(page, FEW_S, FEW)
            for task in scraping:
                task.cancel()
            await asyncio.gather(*scraping, return_exceptions=True)
            heart = await running.heart()
    return [
        Figure("clients", CLIENTS),
        Figure("cases", len(many["ended_s"]), least=CLIENTS),
        *ages("", many, CLIENTS),
        *ages("with_places_for_all_", few, FEW),
        Figure("scrapes", len(apart.took_s), least=seconds / SCRAPE_EVERY_S / 3),
        Figure("scrape_p99_s", apart.p99_s, most=SCRAPED_S + 2 * heart.machine_p99_s),
        Figure("scrapes_lost", apart.lost, most=0),
        Figure("scrape_from_the_flood_p99_s", among.p99_s),
        Figure("scrapes_lost_from_the_flood", among.lost),
        *heart.figures(),
    ]


async def come(page: str, seconds: float, count: int) -> dict[str, list[float]]:
    """Let so many clients come for so long."""
    parts = urlsplit(page)
    words = [sys.executable, "-m", "tests.reliability.slow_loris", str(parts.hostname), str(parts.port), str(seconds), str(count)]
    clients = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=subprocess.PIPE)
    said, _ = await clients.communicate()
    found: dict[str, list[float]] = json.loads(said)
    return found


def ages(prefix: str, found: dict[str, list[float]], clients: int) -> Iterator[Figure]:
    """Give how old connections became."""
    yield Figure(f"{prefix}dropped", len(found["ended_s"]), least=clients)
    yield Figure(f"{prefix}dropped_max_s", max(found["ended_s"], default=None), most=DROPPED_S + LATE_S)
    yield Figure(f"{prefix}open_at_the_end", len(found["open_s"]))
    yield Figure(f"{prefix}open_at_the_end_max_s", max(found["open_s"], default=0.0), most=DROPPED_S + LATE_S)


if __name__ == "__main__":
    HOST, PORT, SECONDS, COUNT = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(all_of_them(HOST, int(PORT), float(SECONDS), int(COUNT)))))
