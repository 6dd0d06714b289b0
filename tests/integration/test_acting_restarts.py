"""Stopping, killing, starting and upgrading the daemons of both ends under a healthy line: no unit of any protocol is told anything.

What people had staged, applied for a time, armed and held is in the journal meanwhile: none of that is carried out, or taken back, by a
start. STATIOND_RESTARTS sets how often both daemons are started; a release takes 100.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from stationd.sim.cable import End
from stationd.sim.demo_rig import STATIONS, Route, demo_rig, station
from stationd.sim.demo_station import station_file
from stationd.sim.simulation import Simulation, open_rig
from tests.integration.acting_house import ALARM, REASON, SETPOINT, Life, Someone, start_daemon, until

pytest.importorskip("stationd._sampler", reason="the extension is not built: pip install . (Debian package gcc)")

RESTARTS = int(os.environ.get("STATIOND_RESTARTS", "10"))
FIBRE_PAIRS = 4  # one for each make of amplifier: every protocol of the demonstration
EARLY_S = 3.0  # some are ended while they start: about as long as that takes
TASK = {"verb": "pump", "on": False}
BOOSTER = "fp1-booster"
# What an upgrade may bring: other limits, other ways of asking, no writing at all, a unit that is not driven any more.
UPGRADES = (
    ("max_v = 800.0\ninterlocks", "max_v = 700.0\nramp_ma_per_s = 5.0\ndeviation_ma = 40.0\ninterlocks"),
    ("read_only = false", "read_only = true"),
    (f"[amplifier.{BOOSTER}]\noutput_dbm = [5.0, 15.0]\npump1_ma = [60.0, 500.0]", ""),
    ("max_v = 800.0\ninterlocks", 'max_v = 800.0\ninterlocks = "hardware-only"\ninterlocks_reason = "the loop is in the cabinet"\n#'),
    ("[station]\n", "[station]\n"),
)


def plant_of(simulation: Simulation) -> list[object]:
    """Return everything that can be set on the line."""
    plant = simulation.plant
    simulation.stage.settle()
    return [*(plant.power_feed(end) for end in End), *(plant.amplifier_settings(*place) for place in plant.places)]


async def healthy(one: Life) -> Someone:
    """Return a person at a daemon that has read all its devices and found the line fed."""
    aliya = await one.someone("aliya")

    async def well() -> bool:
        status: dict[str, Any] = (await aliya.must("io.stationd.Status.GetStatus"))["status"]
        current = status["power_feeds"]["pfe"]["output_current"]["v"]
        own = {name: each for name, each in status["devices"].items() if name not in STATIONS[Route.MAIN]}
        return all(each["up"] for each in own.values()) and current is not None and current > 900

    await until(well)
    return aliya


async def leave_work(one: Life) -> None:
    """Leave a hold, a change that waits to be confirmed, a value that is staged, and an operation that is armed."""
    aliya = await healthy(one)
    await aliya.order("RequestAuthority")
    await aliya.order("AddHold", object="fp2-booster", reason="module is changed tomorrow")
    await aliya.must(f"{SETPOINT}.Stage", device=BOOSTER, name="pump1-current", value=await target(aliya), unit="mA")
    await aliya.insist(f"{SETPOINT}.Apply", reason=REASON, confirmWithinSeconds=30.0)

    async def waits() -> bool:
        (applied,) = (await aliya.must(f"{SETPOINT}.List"))["applied"]
        assert applied["state"] in ("applying", "unconfirmed"), applied
        return bool(applied["state"] == "unconfirmed")

    await until(waits)
    await aliya.must(f"{SETPOINT}.Stage", device=BOOSTER, name="pump1-current", value=await target(aliya), unit="mA")
    await aliya.insist("Arm", object="fp3-booster", task=TASK, reason=REASON)


async def target(who: Someone) -> float:
    """Return a little more than what is set."""
    return float(await who.shown(BOOSTER, "pump1_current_setpoint")) + 5.0


async def end(one: Life, of: random.Random) -> None:
    """End a daemon, as soon as it is well or while it starts, as systemd does or with kill -9."""
    if of.random() < 0.7:
        await healthy(one)
    else:
        await asyncio.sleep(of.uniform(0.0, EARLY_S))
    if of.random() < 0.5:
        await one.kill()
    await one.end()


async def restart(config: Path, text: str, of: random.Random) -> None:
    """Start a daemon on its file, or on one that was changed, and end it."""
    before, after = of.choice(UPGRADES)
    assert before in text, before
    config.write_text(text.replace(before, after))
    await end(await start_daemon(config), of)


@pytest.mark.timeout(240 + 20 * RESTARTS)
async def test_no_start_stop_kill_or_upgrade_ever_tells_a_unit_anything(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    sys.stdout.write(f"{RESTARTS} restarts, seed {seed}\n")
    begun = asyncio.get_running_loop().time()
    rig = demo_rig(Route.MAIN, FIBRE_PAIRS)
    async with open_rig(rig) as simulation:
        texts: dict[Path, str] = {}
        for side in End:
            home = tmp_path / station(Route.MAIN, side)
            home.mkdir()
            text = "\n".join(station_file(Route.MAIN, side, rig, simulation.ports, "mqtt://127.0.0.1:9", home)) + "\n"
            texts[home / "station.toml"] = text
        for config, text in texts.items():
            config.write_text(text)
        first = [await start_daemon(config) for config in texts]
        await asyncio.gather(*(leave_work(one) for one in first))
        assert {each.device.partition("-")[2] for each in simulation.written} == {BOOSTER}, "people have changed something, and it shows"
        simulation.written.clear()
        stands = plant_of(simulation)
        await asyncio.gather(*(one.end() for one in first))
        for number in range(RESTARTS):
            await asyncio.gather(*(restart(config, text, random.Random(f"{seed} {number} {config}")) for config, text in texts.items()))
            assert simulation.written == [], f"start {number}"
        assert plant_of(simulation) == stands
        await asyncio.gather(*(look_after(config, text) for config, text in texts.items()))
        assert simulation.written == []
        sys.stdout.write(f"{RESTARTS} restarts of both ends in {asyncio.get_running_loop().time() - begun:.0f} s\n")


async def look_after(config: Path, text: str) -> None:
    """See that people are told of what was left, and that the hold stands."""
    config.write_text(text)
    one = await start_daemon(config)
    try:
        aliya = await healthy(one)
        assert [each["object"] for each in (await aliya.order("Holds"))["holds"]] == ["fp2-booster"]
        alarms = (await aliya.must(f"{ALARM}.List", filter={"shown": "active"}))["alarms"]
        assert "station/UNCONFIRMED" in {each["key"] for each in alarms}
        assert {each["phase"] for each in (await aliya.order("List"))["operations"]} == {"closed"}
        (applied,) = (await aliya.must(f"{SETPOINT}.List"))["applied"]
        assert applied["state"] == "left"
    finally:
        await one.end()
