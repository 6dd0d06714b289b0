"""EMERGENCY-OFF through the control socket of a real daemon whose disk hangs in a sync: the feed is off, and the record follows."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from stationd.bench.journal_faults import WATCHED, environment
from stationd.sim.cable import End
from tests.conftest import program
from tests.integration.acting_house import ALARM, AUDIT, OPERATION, Feed, House, Life, Someone, house, until

FEEDS_MA = 500.0
FRAMES = 3  # one in flight when the order is sent, one that begins while it is read, and OFF
STORAGE_FAILED = "station/STORAGE-FAILED"


def on_disk(one: House, kind: str) -> int:
    """Return how many records of that kind another program can read in the journal."""
    with contextlib.closing(sqlite3.connect(f"file:{one.folder}/state/journal.sqlite?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM commands WHERE kind = ?", (kind,)).fetchone()
    return int(count)


def toggle_disk(life: Life) -> None:
    """Let every sync of the daemon's journal hang, or all go on again."""
    life.process.send_signal(signal.SIGUSR2)


async def switched_off(one: House, operator: Someone) -> int:
    """Give the order, and return how many frames went out on the line of the feed until OFF had arrived."""
    one.simulation.written.clear()
    frames, sent_t = one.simulation.counts("pfe").frames, one.now
    operator.ask(f"{OPERATION}.EmergencyOff", {"objects": ["all"]})
    while not one.simulation.written:
        await asyncio.sleep(0)
    frames, took_s = one.simulation.counts("pfe").frames - frames, one.simulation.written[0].t - sent_t
    answer = (await operator.answer())["parameters"]
    sys.stdout.write(f"OFF at the unit after {took_s * 1000:.0f} ms and {frames} frames: {one.simulation.written[0].command}\n")
    assert [(each["device"], each["confirmed"]) for each in answer["devices"]] == [("pfe", True)]
    assert answer["allConfirmed"] is True
    assert one.simulation.plant.power_feed(End.A).output_on is False
    return frames


async def alarm(who: Someone, key: str) -> bool:
    alarms = (await who.must(f"{ALARM}.List", filter={"shown": "active"}))["alarms"]
    return key in {each["key"] for each in alarms}


async def stuck(one: House, life: Life) -> Someone:
    """Let the disk hang, and give an order that waits for it; return who waits."""
    waiting = await life.someone("aliya")
    toggle_disk(life)
    waiting.ask(f"{OPERATION}.AddHold", {"object": "pfe", "reason": "ship on the cable"})
    watcher = await life.someone("viewer")

    async def held() -> bool:
        return bool((await watcher.order("Holds"))["holds"])

    await until(held)
    assert on_disk(one, "hold-added") == 0
    return waiting


@pytest.mark.parametrize("feed", Feed, ids=lambda feed: feed.driver)
async def test_an_emergency_off_reaches_the_unit_with_the_next_frame_while_the_disk_hangs(tmp_path: Path, feed: Feed) -> None:
    program("gcc")
    async with house(tmp_path / WATCHED, feed, environment(tmp_path)) as one, one.life() as life:
        operator = await life.someone("operator")
        await one.told_at(operator, FEEDS_MA)
        waiting = await stuck(one, life)
        assert await switched_off(one, operator) <= FRAMES
        assert on_disk(one, "emergency-off") == 0
        assert (await waiting.answer())["parameters"]["durable"] is False, "so long does it hang"
        await until(lambda: alarm(operator, STORAGE_FAILED))
        await one.told_at(operator, FEEDS_MA)
        assert await switched_off(one, operator) <= FRAMES, "also when the disk is known to fail"
        assert on_disk(one, "emergency-off") == 0
        toggle_disk(life)
        await until(lambda: on_disk(one, "emergency-off-result") == 2)
        assert on_disk(one, "emergency-off") == 2
        assert (await operator.must(f"{AUDIT}.Verify"))["intact"] is True
