"""Eight units of 40 registers on one paced line at 19200 baud: do the healthy ones keep their second, and what does it cost.

The whole daemon runs in this process, the units and the broker in others; every value goes to MQTT, and somebody scrapes the
metrics every 5 s. First all units answer; then three are mute; then they return.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

from stationd.app import App, load
from stationd.bench.equipment import BenchLine, Equipment
from stationd.bench.row import Row, at_most
from stationd.board import Board
from stationd.core.model import PointId
from stationd.links.exact_loop import exact_loop
from stationd.sim.broker import EmbeddedBroker
from stationd.sim.wire_faults import FaultKind, LineFault

UNITS = tuple(range(1, 9))
MUTE = (3, 5, 8)
REGISTERS = 40
SCRAPE_EVERY_S = 5.0
SETTLE_S, HEALTHY_S, PAUSED_S, MUTE_S, RETURN_S = 5.0, 30.0, 30.0, 30.0, 30.0


def poll_rows() -> Iterator[Row]:
    """Run the three acts."""
    with (
        Equipment(BenchLine(19200, UNITS)) as equipment,
        tempfile.TemporaryDirectory(prefix="stationd-bench-") as directory,
        asyncio.Runner(loop_factory=exact_loop) as runner,
    ):
        yield from runner.run(_acts(equipment, Path(directory)))


async def _acts(equipment: Equipment, directory: Path) -> list[Row]:
    async with EmbeddedBroker() as broker, _daemon(_write(directory, equipment.settings.port, broker.url)) as app, _scraped(app):
        await asyncio.sleep(SETTLE_S)
        cpu, begin = time.process_time(), time.monotonic()
        await asyncio.sleep(HEALTHY_S)  # nobody watches the board meanwhile: only the daemon's own work is counted
        spent_s = (time.process_time() - cpu) / (len(UNITS) * REGISTERS * (time.monotonic() - begin)) * 1000
        healthy = await _intervals(app.board, UNITS, HEALTHY_S)
        equipment.use(tuple(LineFault(FaultKind.MUTE, unit=unit) for unit in MUTE))
        await asyncio.sleep(PAUSED_S)
        beside_mute = await _intervals(app.board, tuple(unit for unit in UNITS if unit not in MUTE), MUTE_S)
        equipment.use(())
        back = await _return(app.board)
    return [
        at_most("poll", "8 healthy units: interval p99", _p99(healthy), "s", 1.02),
        at_most("poll", "8 healthy units: CPU per 1,000 values", spent_s, "s", 0.05),
        at_most("poll", "5 healthy beside 3 mute: interval p99", _p99(beside_mute), "s", 1.05),
        at_most("poll", "5 healthy beside 3 mute: interval max", max(beside_mute), "s", 1.35),
        at_most("poll", "mute units that return: read again after", back, "s", 10.0),
    ]


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


async def _intervals(board: Board, units: tuple[int, ...], seconds: float) -> list[float]:
    """Return the times between the exchanges that brought the first register of each unit."""
    times: dict[PointId, list[float]] = {PointId(f"u{unit}", "r0"): [] for unit in units}
    subscription = board.subscribe()
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await subscription.wait()
        for point in subscription.take() & times.keys():
            if board[point].quality.good:
                times[point].append(board[point].t)
    board.unsubscribe(subscription)
    return [later - earlier for own in times.values() for earlier, later in pairwise(own)]


async def _return(board: Board) -> float:
    """Return the time until every unit that was mute has been read."""
    begin = asyncio.get_running_loop().time()
    async with asyncio.timeout(RETURN_S):
        while not all(board[PointId(f"u{unit}", f"r{REGISTERS - 1}")].quality.good for unit in MUTE):
            await asyncio.sleep(0.01)
    return asyncio.get_running_loop().time() - begin


# ---------------------------------------------------------------------- the daemon


def _write(directory: Path, port: str, broker: str) -> Path:
    """Write a station file and the driver file of the units."""
    drivers = directory / "drivers"
    drivers.mkdir()
    points = (f'[[point]]\nname = "r{n}"\nat = "holding:{n}"\nformat = "u16"\ndoc = "Register {n}"' for n in range(REGISTERS))
    head = 'model = "bench-unit"\nkind = "io"\nprotocol = "modbus"\nmanual = "none: a unit of the benchmark"'
    (drivers / "bench-unit.toml").write_text("\n".join((head, *points)) + "\n")
    station = directory / "station.toml"
    devices = (f'[device.u{unit}]\ndriver = "bench-unit"\nbus = "line"\naddress = {unit}' for unit in UNITS)
    sections = (
        f'[station]\nname = "bench"\nmode = "sim"\nstate = "{directory / "state"}"',
        f'[bus.line]\nport = "{port}"\nprotocol = "modbus-rtu"\nbaud = 19200',
        *devices,
        f'[mqtt]\nurl = "{broker}"',
        '[prometheus]\nlisten = "127.0.0.1:0"',
    )
    station.write_text("\n".join(sections) + "\n")
    return station


@asynccontextmanager
async def _daemon(path: Path) -> AsyncIterator[App]:
    loaded = load(path)
    if loaded.config is None:
        raise RuntimeError("\n".join(mistake.render() for mistake in loaded.mistakes))
    app = App(loaded.config, loaded.catalogue)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(app.run())
        yield app
        running.cancel()


@asynccontextmanager
async def _scraped(app: App) -> AsyncIterator[None]:
    """Render the page of metrics every five seconds while the block runs."""

    async def scrape() -> None:
        while True:
            await app.metrics.scrape()
            await asyncio.sleep(SCRAPE_EVERY_S)

    task = asyncio.create_task(scrape())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
