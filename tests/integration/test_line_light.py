"""The light of the simulated line through the real loop: in the stations' metrics, in their events, and away when the line has died."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Client

from stationd.app import App, load
from stationd.core.model import Level, PointId
from stationd.demo import Losses
from stationd.sim.cable import Cut, End
from stationd.sim.demo_rig import Route, station
from stationd.sim.light import line_taps, station_lines
from stationd.sim.optics import Direction
from stationd.sim.plant import Plant
from stationd.sim.rig import Cable, Rig
from stationd.sim.simulation import Simulation, open_rig
from tests.integration.brokers import running_broker

PAIRS = 8
PATIENCE_S = 30.0
CABLE = Cable(test_set="s1-341", fibre_pairs=PAIRS)
TAPS = [f"fp{pair}-{way}" for pair in range(1, PAIRS + 1) for way in ("rx", "tx")]
MQTT_NOWHERE = "mqtt://127.0.0.1:9"


def station_file(folder: Path, end: End, address: str, url: str) -> Path:
    """Write a station that has nothing but its light."""
    file = folder / f"{station(Route.MAIN, end)}.toml"
    lines = [
        f'[station]\nname = "{station(Route.MAIN, end)}"\nmode = "sim"\nstate = "{file.with_suffix(".state")}"',
        f'[line]\nprofile = "repeatered"\nlength_km = 341.0\nrepeaters_km = [68.2, 136.4, 204.6, 272.8]\nend = "{end.value}"',
        f"fibre_pairs = {PAIRS}",
        f'[mqtt]\nurl = "{url}"',
        *station_lines(address, PAIRS, folder / "captures"),
    ]
    file.write_text("\n".join(lines) + "\n")
    return file


@contextlib.asynccontextmanager
async def running(file: Path) -> AsyncIterator[App]:
    loaded = load(file)
    assert loaded.mistakes == ()
    assert loaded.config is not None
    app = App(loaded.config, loaded.catalogue)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(app.run())
        yield app
        task.cancel()


@contextlib.asynccontextmanager
async def line_with_stations(folder: Path, url: str = MQTT_NOWHERE) -> AsyncIterator[tuple[Simulation, dict[End, App]]]:
    """Both stations of a line in which nothing but light is to be seen."""
    rig = Rig(CABLE, {}, {})
    async with contextlib.AsyncExitStack() as stack:
        simulation = await stack.enter_async_context(open_rig(rig))
        apps = {}
        for end in End:
            file = station_file(folder, end, simulation.ports[rig.light[end]], url)
            apps[end] = await stack.enter_async_context(running(file))
        yield simulation, apps


async def until(app: App, condition: Callable[[], bool]) -> None:
    """Wait for a condition of the board."""
    subscription = app.board.subscribe()
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await subscription.wait()
            subscription.take()
    app.board.unsubscribe(subscription)


def points(name: str) -> list[PointId]:
    return [PointId(tap, name) for tap in TAPS]


def all_measured(app: App) -> bool:
    """A busy machine may miss samples of a window, which is said; the level is a measured one all the same."""
    return all(app.board[point].quality.level in (Level.GOOD, Level.UNCERTAIN) for point in points("power"))


async def samples(app: App, family: str) -> dict[str, float]:
    page = (await app.metrics.scrape()).decode()
    return {channel: float(value) for channel, value in re.findall(rf'^{family}{{channel="([^"]+)"}} (\S+)$', page, re.MULTILINE)}


async def test_the_optical_power_of_every_pair_follows_the_twin_within_a_tenth_of_a_decibel(tmp_path: Path) -> None:
    async with line_with_stations(tmp_path) as (_, apps):
        twin = Plant(CABLE.parameters(), PAIRS)
        for end, app in apps.items():
            await until(app, lambda app=app: all_measured(app))
            means = await samples(app, "stationd_optical_power_dbm")
            assert means == pytest.approx(dict(zip(TAPS, line_taps(twin)[end], strict=True)), abs=0.1)
            for bound, sign in (("min", -1), ("max", 1)):
                extreme = await samples(app, f"stationd_optical_power_{bound}_dbm")
                assert all(0 <= sign * (extreme[tap] - means[tap]) < 0.1 for tap in TAPS)
            assert await samples(app, "stationd_optical_los") == dict.fromkeys(TAPS, 0.0)


async def losses(port: int, count: int, ready: asyncio.Event) -> list[tuple[str, dict[str, Any]]]:
    """Return the first losses of light that both stations publish."""
    found = []
    async with Client("127.0.0.1", port) as client:
        await client.subscribe("stationd/+/event", 1)
        ready.set()
        async for message in client.messages:
            event = json.loads(bytes(message.payload))
            if event["kind"] == "light-lost":
                found.append((message.topic.value.split("/")[1], event))
            if len(found) == count:
                break
    return found


async def test_a_cable_cut_is_a_loss_of_light_on_every_pair_of_both_stations_each_at_its_own_sample(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, line_with_stations(tmp_path, f"mqtt://127.0.0.1:{broker.port}") as (simulation, apps):
        ready = asyncio.Event()
        hearing = asyncio.create_task(losses(broker.port, 2 * PAIRS, ready))
        await ready.wait()
        for app in apps.values():
            await until(app, lambda app=app: all_measured(app) and app.mqtt is not None and app.mqtt.connected)
        before = datetime.now(UTC)
        simulation.plant.apply(Cut(170.0))
        async with asyncio.timeout(PATIENCE_S):
            found = await hearing
        after = datetime.now(UTC)
        lost = {(name, event["channel"]) for name, event in found}
        assert lost == {(station(Route.MAIN, end), f"fp{pair}-rx") for end in End for pair in range(1, PAIRS + 1)}
        for _, event in found:
            since, sample = datetime.fromisoformat(event["since"]), datetime.fromisoformat(event["t"])
            assert before <= since <= sample <= after
        for app in apps.values():
            await until(app, lambda app=app: all(app.board[PointId(f"fp{pair}-rx", "los")].value is True for pair in range(1, PAIRS + 1)))
            dark = await samples(app, "stationd_optical_los")
            assert dark == {tap: float(tap.endswith("-rx")) for tap in TAPS}


async def test_a_repaired_line_is_lit_again_as_before(tmp_path: Path) -> None:
    async with line_with_stations(tmp_path) as (simulation, apps):
        app, los = apps[End.A], points("los")
        await until(app, lambda: all_measured(app))
        simulation.plant.apply(Cut(170.0))
        await until(app, lambda: any(app.board[point].value is True for point in los))
        simulation.plant.repair()
        truth = simulation.plant.light(1, Direction.B_TO_A).receive_dbm
        await until(app, lambda: all(app.board[point].value is False for point in los))
        await until(app, lambda: app.board[PointId("fp1-rx", "power_min")].value == pytest.approx(truth, abs=0.1))


# ---------------------------------------------------------------- a line that dies

RIG = """
[cable]
test_set = "s1-341"
fibre_pairs = 8
"""


@pytest.fixture
def line_process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """`stationd sim` as a process of its own, and where its ports are. What it leaves behind when it is killed is removed."""
    rig, ports = tmp_path / "rig.toml", tmp_path / "ports.json"
    rig.write_text(RIG)
    process = subprocess.Popen([sys.executable, "-m", "stationd", "sim", str(rig), "--ports-file", str(ports)], stdout=subprocess.DEVNULL)
    while not ports.exists():
        assert process.poll() is None
        time.sleep(0.02)
    addresses = json.loads(ports.read_text())
    yield process, addresses
    process.kill()
    process.wait()
    shutil.rmtree(Path(addresses["light-a"].removeprefix("shm:")).parent, ignore_errors=True)


@pytest.mark.parametrize("end_of_line", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
async def test_light_of_a_line_that_has_died_is_bad_and_never_repeated(
    tmp_path: Path, line_process: tuple[subprocess.Popen[bytes], dict[str, str]], end_of_line: signal.Signals
) -> None:
    process, addresses = line_process
    async with running(station_file(tmp_path, End.A, addresses["light-a"], MQTT_NOWHERE)) as app:
        await until(app, lambda: all_measured(app))
        os.kill(process.pid, end_of_line)
        await until(app, lambda: all(app.board[point].quality.level is Level.BAD for point in points("power")))
        assert all(app.board[point].value is None for name in ("power", "power_min", "power_max", "los") for point in points(name))
        for family in ("power_dbm", "power_min_dbm", "power_max_dbm", "los"):
            assert await samples(app, f"stationd_optical_{family}") == {}
        if end_of_line is signal.SIGSTOP:
            process.send_signal(signal.SIGCONT)
            await until(app, lambda: all_measured(app))


# ---------------------------------------------------------------- what the demonstration says


def test_losses_are_told_with_their_pairs_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
    here = Losses("aktau", 8, {"fp2-rx": at.replace(microsecond=124256), "fp1-rx": at})
    here.tell()
    assert capsys.readouterr().out.strip().splitlines() == [
        "aktau: fp1-rx 12:00:00.123456  fp2-rx 12:00:00.124256",
        "aktau: light lost on 2 of 8 pairs, first 12:00:00.123456 UTC, last +0.8 ms",
    ]
    assert here.times == {}
