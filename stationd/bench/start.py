"""How long a start takes: from exec to a station that is ready, and to the first value that it has read, with 24 fibre pairs.

The rig is simulated in this process; the daemon is the real program, started again and again, each time on the journal that the one
before has left. Times are its own, from its log: its age as the kernel counts it, from the fork on, so that the start of what ties it to
this process is in them. The baseline is a bare start of the interpreter in the same run, because machines differ and are busy; the
fastest of each is compared, as that had the least company.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stationd.bench.row import Row, at_most
from stationd.demo import running_daemon, station_file
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.simulation import open_rig

PAIRS = 24
STARTS = 5
READY, FIRST_VALUE = "the station is ready", "the first value is read"
LOOK_S = 0.1
PATIENCE_S = 60.0
READY_S, SCANNING_S = 3.0, 15.0  # promised


def start_rows() -> Iterator[Row]:
    """Start one station some times, for about 30 s in all."""
    bare_s = min(_bare_s() for _ in range(STARTS))
    starts = asyncio.run(_starts())
    yield Row("start", "a bare interpreter, fastest", bare_s, "s")
    for event, goal_s in ((READY, READY_S), (FIRST_VALUE, SCANNING_S)):
        ages = [each[event] for each in starts]
        yield at_most("start", f"exec until {event}, fastest", min(ages), "s", goal_s)
        yield at_most("start", f"exec until {event}, slowest", max(ages), "s", goal_s)
        yield Row("start", "the fastest against a bare interpreter", min(ages), "s", bare_s, min(ages) / bare_s)


def _bare_s() -> float:
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.monotonic() - begun


async def _starts() -> list[dict[str, float]]:
    rig = demo_rig(Route.MAIN, PAIRS)
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stationd-bench-")))
        simulation = await stack.enter_async_context(open_rig(rig))
        config = directory / "station.toml"
        nobody = "mqtt://127.0.0.1:9"  # the discard port: a start waits for no broker
        config.write_text("\n".join(station_file(Route.MAIN, End.A, rig, simulation.ports, nobody, directory)) + "\n")
        return [await _start(config) for _ in range(STARTS)]


async def _start(config: Path) -> dict[str, float]:
    """Start the daemon and return how old it was at the events of its start; TimeoutError when they do not come."""
    async with running_daemon("aktau", config) as daemon, asyncio.timeout(PATIENCE_S):
        while not {READY, FIRST_VALUE} <= (ages := _ages(daemon.log)).keys():
            await asyncio.sleep(LOOK_S)
    return ages


def _ages(log: Path) -> dict[str, float]:
    """Return the events of a log that say how old the daemon was."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
    return {each["event"]: each["after_s"] for each in map(json.loads, lines) if each.get("after_s") is not None}
