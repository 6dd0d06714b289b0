"""A station with 24 fibre pairs: what one daemon costs with 48 amplifiers on their own ports, about 1,200 points.

The equipment is simulated in this process; the daemon is the real program in a process of its own, publishing to a broker and
scraped every 5 s. Its CPU time and memory are those that the kernel counts; the lag of its event loop is its own histogram.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from stationd.bench.row import Row, at_least, at_most
from stationd.demo import Daemon, running_daemon, station_file, wait_until_ready
from stationd.sim.broker import EmbeddedBroker
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.simulation import open_rig

PAIRS = 24
SETTLE_S = 20.0
SCRAPES = 12
SCRAPE_EVERY_S = 5.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def scale_rows() -> Iterator[Row]:
    """Run one station for about 80 s."""
    yield from asyncio.run(_station())


async def _station() -> list[Row]:
    rig = demo_rig(Route.MAIN, PAIRS)
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stationd-bench-")))
        broker = await stack.enter_async_context(EmbeddedBroker())
        simulation = await stack.enter_async_context(open_rig(rig))
        config = directory / "station.toml"
        config.write_text("\n".join(station_file(Route.MAIN, End.A, rig, simulation.ports, broker.url, directory)) + "\n")
        daemon = await stack.enter_async_context(running_daemon("aktau", config))
        await wait_until_ready([daemon])
        await asyncio.sleep(SETTLE_S)
        return await _measure(daemon)


async def _measure(daemon: Daemon) -> list[Row]:
    async with aiohttp.ClientSession() as session:
        first = _page(await _text(session, daemon))
        cpu, begin = cpu_s(daemon.process.pid), time.monotonic()
        scrapes = []
        for _ in range(SCRAPES):
            await asyncio.sleep(SCRAPE_EVERY_S)
            asked = time.monotonic()
            text = await _text(session, daemon)
            scrapes.append(time.monotonic() - asked)
        last = _page(text)
        share = (cpu_s(daemon.process.pid) - cpu) / (time.monotonic() - begin)
    points = sum(len(samples) for name, samples in last.items() if name == "stationd_point_last_success_timestamp_seconds")
    return [
        at_least("scale", "points with a fresh value", points, "", 1000),
        at_least("scale", "devices up", sum(value for _, value in last["stationd_device_up"]), "", 2 * PAIRS + 2),
        at_most("scale", "CPU of the daemon, share of one core", share, "", 0.20),
        at_most("scale", "resident memory", resident_mb(daemon.process.pid), "MB", 80),
        at_most("scale", "scrape, median", statistics.median(scrapes), "s", 0.1),
        at_most("scale", "event-loop lag p99 (upper bound of bucket)", lag_p99(first, last), "s", 0.02),
        Row("scale", "transactions", _total(last, "stationd_bus_transactions") - _total(first, "stationd_bus_transactions"), ""),
        Row("scale", "failures", _total(last, "stationd_bus_failures") - _total(first, "stationd_bus_failures"), ""),
    ]


Page = dict[str, list[tuple[dict[str, str], float]]]


async def _text(session: aiohttp.ClientSession, daemon: Daemon) -> str:
    async with session.get(daemon.metrics) as answer:
        return await answer.text()


def _page(text: str) -> Page:
    return {
        family.name: [({**sample.labels, "": sample.name}, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def _total(page: Page, name: str) -> float:
    return sum(value for _, value in page.get(name, []))


def lag_p99(first: Page, last: Page) -> float:
    """Return the upper bound of the bucket in which the 99th percentile of the loop's lag lies."""
    name = "stationd_event_loop_lag_seconds"
    before = {labels["le"]: value for labels, value in first[name] if "le" in labels}
    counts = {labels["le"]: value - before[labels["le"]] for labels, value in last[name] if "le" in labels}
    return next(float(bound) for bound, count in counts.items() if count >= 0.99 * counts["+Inf"])


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process; see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(lines["VmRSS"].split()[0]) / 1024


