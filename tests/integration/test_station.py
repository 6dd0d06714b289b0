"""A whole station: the app on real ports of a simulated rig, with equipment that is unplugged, reset and restarted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers import CATALOG
from stationd.app import App, load
from stationd.core.model import Level, PointId, Reason
from stationd.demo import station_file
from stationd.sim.cable import Cut, End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.simulation import Simulation, open_rig

CURRENT, VOLTAGE = PointId("pfe", "output_current"), PointId("pfe", "output_voltage")
DOOR = PointId("io", "di1")
PATIENCE_S = 30.0


class Watch:
    """A running station, and how to wait for what its board shows."""

    def __init__(self, app: App, simulation: Simulation) -> None:
        self.app = app
        self.simulation = simulation

    async def until(self, condition: Callable[[], bool]) -> float:
        """Wait for a condition of the board; return the loop's time."""
        subscription = self.app.board.subscribe()
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await subscription.wait()
                subscription.take()
        self.app.board.unsubscribe(subscription)
        return asyncio.get_running_loop().time()

    def level(self, point: PointId) -> Level:
        return self.app.board[point].quality.level

    async def page(self) -> str:
        return (await self.app.metrics.scrape()).decode()


@asynccontextmanager
async def station(folder: Path, end: End) -> AsyncIterator[Watch]:
    rig = demo_rig(Route.MAIN, 1)
    async with open_rig(rig) as simulation:
        file = folder / "station.toml"
        lines = list(station_file(Route.MAIN, end, rig, simulation.ports, "mqtt://127.0.0.1:9", folder))
        file.write_text("\n".join(lines) + "\n")
        loaded = load(file)
        assert loaded.mistakes == ()
        assert loaded.config is not None
        app = App(loaded.config, loaded.catalogue)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(app.run())
            yield Watch(app, simulation)
            running.cancel()


@pytest.mark.parametrize("end", End)
async def test_a_station_shows_the_line_current_and_its_share_of_the_voltage(tmp_path: Path, end: End) -> None:
    async with station(tmp_path, end) as watch:
        await watch.until(lambda: watch.level(CURRENT) is Level.GOOD and watch.level(VOLTAGE) is Level.GOOD)
        assert watch.app.board[CURRENT].value == pytest.approx(1000.0, abs=0.5)
        assert watch.app.board[VOLTAGE].value == pytest.approx(250.5, abs=0.5)
        page = await watch.page()
        assert 'stationd_pfe_output_current_amperes{device="pfe"} 1' in page or "0.99" in page


@pytest.mark.parametrize("end", End)
async def test_an_unplugged_terminal_is_missing_meanwhile_and_read_again_within_five_seconds(tmp_path: Path, end: End) -> None:
    name = f"{'aktau' if end is End.A else 'siyazan'}-pfe"
    async with station(tmp_path, end) as watch:
        await watch.until(lambda: watch.level(CURRENT) is Level.GOOD)
        old = watch.app.board[CURRENT].t
        watch.simulation.port(name).stop()
        await watch.until(lambda: watch.level(CURRENT) is Level.STALE)
        assert watch.app.board[CURRENT].quality.reason is Reason.LINK_DOWN
        assert "stationd_pfe_output_current_amperes{" not in await watch.page()
        watch.simulation.port(name).start()
        plugged = asyncio.get_running_loop().time()
        assert await watch.until(lambda: watch.level(CURRENT) is Level.GOOD) - plugged <= 5.0
        assert watch.app.board[CURRENT].t > old


async def test_a_reset_connection_and_a_restarted_server_are_read_again_within_five_seconds(tmp_path: Path) -> None:
    async with station(tmp_path, End.A) as watch:
        await watch.until(lambda: watch.level(DOOR) is Level.GOOD)
        loop = asyncio.get_running_loop()
        port = watch.simulation.port("aktau-io")
        port.hang_up()
        reset = loop.time()
        await watch.until(lambda: watch.level(DOOR) is Level.STALE)
        assert await watch.until(lambda: watch.level(DOOR) is Level.GOOD) - reset <= 5.0
        port.stop()
        await watch.until(lambda: watch.level(DOOR) is Level.STALE)
        port.start()
        started = loop.time()
        assert await watch.until(lambda: watch.level(DOOR) is Level.GOOD) - started <= 5.0


async def test_a_cable_cut_is_seen_as_lost_light_and_changed_volts(tmp_path: Path) -> None:
    async with station(tmp_path, End.A) as watch:
        dark = PointId("fp1-preamp", "los")
        await watch.until(lambda: watch.app.board[dark].value is False and watch.level(VOLTAGE) is Level.GOOD)
        watch.simulation.plant.apply(Cut(100.0))
        await watch.until(lambda: watch.app.board[dark].value is True)
        km_100_and_one_repeater_v = 100.0 + 40.0  # 1 ohm/km, 40 V; the electrode adds a few volts
        await watch.until(
            lambda: watch.app.board[VOLTAGE].value == pytest.approx(km_100_and_one_repeater_v, abs=10.0)
        )


def test_the_demo_uses_every_kind_of_device_that_the_catalogue_reads_alone() -> None:
    used = {device.driver for device in demo_rig(Route.MAIN, 8).device.values()}
    assert used <= set(CATALOG)
    assert len(used) == 7
