"""A whole station asked about itself over its socket: every answer is made of what runs, and its screen can show it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from stationd.app import App, load
from stationd.console.peer import Peer, Role
from stationd.demo import station_file
from stationd.shell.screens.clock import clock_screen
from stationd.shell.screens.config import config_screen
from stationd.shell.screens.feed import events_screen, feed_screen, limits_screen
from stationd.shell.screens.health import health_screen
from stationd.shell.screens.history import history_screen, points_screen
from stationd.shell.screens.selftest import report_screen
from stationd.shell.screens.version import version_screen
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.simulation import open_rig
from stationd.surroundings import Surroundings
from tests.console.desk import Caller
from tests.shell.screens.test_status import fits

OPERATOR = Peer(4242, 4242, 1, Role.OPERATE, name="a.bekov")
POINT = "pfe.output_current"


async def asked(caller: Caller, method: str, **parameters: object) -> Any:
    answer = await caller.call(f"io.stationd.{method}", parameters)
    assert "error" not in answer, answer
    return next(iter(answer["parameters"].values()))


async def recorded(caller: Caller) -> Any:
    """Return the history of a point as soon as the disk has some of it."""
    async with asyncio.timeout(60):
        while True:
            series = await asked(caller, "Diagnostics.GetHistory", point=POINT, seconds=60, columns=60)
            if sum(each is not None for each in series["columns"]) > 1:
                return series
            await asyncio.sleep(0.1)


def numbers(form: object) -> list[dict[str, object]]:
    if isinstance(form, dict):
        return ([form] if {"v", "u", "t", "q"} <= set(form) else []) + [each for inner in form.values() for each in numbers(inner)]
    return [each for inner in form for each in numbers(inner)] if isinstance(form, list) else []


async def test_a_running_station_tells_of_itself_and_a_self_test_moves_nothing(tmp_path: Path) -> None:
    rig = demo_rig(Route.MAIN, 1)
    async with open_rig(rig) as simulation:
        file = tmp_path / "station.toml"
        file.write_text("\n".join(station_file(Route.MAIN, End.A, rig, simulation.ports, "mqtt://127.0.0.1:9", tmp_path)) + "\n")
        loaded = load(file)
        assert loaded.config is not None
        assert loaded.config.control is not None
        app = App(loaded.config, loaded.catalogue, Surroundings(identify=lambda _: OPERATOR, source=loaded.source))
        running = asyncio.create_task(app.run())
        async with asyncio.timeout(30):
            while app.control is None:
                await asyncio.sleep(0.01)
        caller = await Caller.at(Path(loaded.config.control.socket))
        series = await recorded(caller)
        assert 990.0 < series["now"]["v"] < 1010.0
        set_before = app.board[app.acting.plan.feeds["pfe"].points.setpoint_ma].value
        health = await asked(caller, "Diagnostics.GetHealth")
        assert {each["q"] for each in numbers(health)} == {"sim"}
        assert health["buses"]["pfe"]["transactions"]["v"] > 0
        report = await asked(caller, "Diagnostics.SelfTest")
        assert json.loads(Path(report["saved"]).read_text())["rows"] == report["rows"]
        rows = {row["name"]: row["ok"] for row in report["rows"]}
        assert rows["config and limits"] is True
        assert rows["audit chain"] is True
        assert rows["pfe read-only"] is True
        assert rows["MQTT"] is False
        assert app.board[app.acting.plan.feeds["pfe"].points.setpoint_ma].value == set_before
        version = await asked(caller, "Diagnostics.GetVersion")
        assert (version["config"]["path"], version["config"]["changed"]) == (str(file), False)
        feed = await asked(caller, "Diagnostics.GetFeed", device="pfe")
        assert feed["limits"]["max"]["v"] == loaded.config.pfe["pfe"].max_v
        whole = await asked(caller, "Diagnostics.GetConfig")
        assert (await asked(caller, "Diagnostics.GetConfig", path="pfe.pfe.max_v"))["value"] == loaded.config.pfe["pfe"].max_v
        screens = (
            health_screen(health), version_screen(version), report_screen(report), history_screen(series), config_screen(whole),
            clock_screen(await asked(caller, "Diagnostics.GetClock")), points_screen(await asked(caller, "Diagnostics.ListPoints")),
            report_screen(await asked(caller, "Diagnostics.LinkTest")), limits_screen(feed),
            feed_screen(await asked(caller, "Status.GetDevice", device="pfe"), feed),
            events_screen(await asked(caller, "Diagnostics.GetEvents", subject="station")),
        )  # fmt: skip
        for lines in screens:
            fits(lines)
        caller.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
