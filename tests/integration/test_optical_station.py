"""A whole station with invented light: from a sample in C to a message of the broker, a metric and a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Client

from stationd.app import App, load
from stationd.outputs.broker import Broker
from tests.integration.brokers import Cable, running_broker
from tests.integration.test_mqtt_broker import publishing

pytest.importorskip("stationd._sampler", reason="the extension is not built: pip install . (Debian package gcc)")

PATIENCE_S = 30.0
STATION = """
[station]
name = "aktau"
mode = "sim"
state = "{state}"
[sampler]
source = "sim:{script}"
rate_hz = 1000
window_s = 0.1
priority = 0
captures = "{captures}"
capture_pre_s = 0.1
capture_post_s = 0.1
capture_every_s = 0.5
[sampler.calibration.tap]
model = "log-amp"
valid_counts = [1, 65534]
volts_per_count = 78.127e-6
volts_per_decade = 0.2
intercept_dbm = -70.0
[[sampler.channel]]
name = "fp1-rx"
index = 0
fibre_pair = 1
[mqtt]
url = "mqtt://127.0.0.1:{port}"
"""


@contextlib.asynccontextmanager
async def station(folder: Path, script: str, port: int = 9) -> AsyncIterator[App]:
    file = folder / "station.toml"
    file.write_text(STATION.format(script=script, port=port, captures=folder / "captures", state=folder / "state"))
    loaded = load(file)
    assert loaded.mistakes == ()
    assert loaded.config is not None
    app = App(loaded.config, loaded.catalogue)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(app.run())
        try:
            yield app
        finally:
            running.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def events(port: int, number: int, listening: asyncio.Event) -> list[dict[str, Any]]:
    """Return so many events of the light from the moment at which `listening` is set."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S), Client("127.0.0.1", port) as client:
        await client.subscribe("stationd/aktau/event", 1)
        listening.set()
        async for message in client.messages:
            assert not message.retain
            assert message.qos == 1, "sent again until the broker has it"
            event = json.loads(bytes(message.payload))
            found += [event] if event["kind"] != "alarm" else []
            if len(found) == number:
                break
    return found


async def hear(port: int, heard: list[str], listening: asyncio.Event) -> None:
    """Note every event for ever, as it comes."""
    async with Client("127.0.0.1", port) as client:
        await client.subscribe("stationd/aktau/event", 1)
        listening.set()
        async for message in client.messages:
            text = bytes(message.payload).decode()
            heard.append(text)


async def test_light_that_is_lost_reaches_the_broker_with_the_time_of_its_own_sample(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker:
        listening = asyncio.Event()
        hearing = asyncio.create_task(events(broker.port, 2, listening))
        await listening.wait()
        begun = datetime.now(UTC)
        async with station(tmp_path, "level 0 14000; noise 2; at 500 level 0 3000; at 800 level 0 14000", broker.port) as app:
            lost, back = await hearing
            assert (lost["kind"], back["kind"]) == ("light-lost", "light-back")
            assert (lost["channel"], lost["fibre_pair"], lost["mode"], lost["exact"]) == ("fp1-rx", 1, "sim", True)
            assert lost["id"] != back["id"]
            assert lost["level"]["v"] == pytest.approx(-38.3, abs=0.1)
            assert begun < datetime.fromisoformat(lost["since"]) < datetime.fromisoformat(lost["t"]) < datetime.now(UTC)
            await until(lambda: (app.mqtt is not None) and app.mqtt.events >= 2)
            await until(lambda: any((tmp_path / "captures").glob("*-light-lost-fp1-rx-*.npz")))


async def test_a_technician_gets_a_file_by_a_signal_and_the_page_shows_the_light(tmp_path: Path) -> None:
    async with station(tmp_path, "level 0 14000; noise 2") as app:
        await until(lambda: app.sampler is not None and app.sampler.statistics().running)
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: any((tmp_path / "captures").glob("*-manual-*.npz")))
        page = ""
        async with asyncio.timeout(PATIENCE_S):
            while 'stationd_optical_power_dbm{channel="fp1-rx"} 4.6' not in page or "stationd_captures_written_total 1.0" not in page:
                page = (await app.metrics.scrape()).decode()
        assert 'stationd_optical_los{channel="fp1-rx"} 0' in page


async def test_no_event_is_lost_or_overtaken_when_the_connection_breaks_while_events_are_on_their_way(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker:
        cable, listening, heard = Cable(broker.port), asyncio.Event(), list[str]()
        hearing = asyncio.create_task(hear(broker.port, heard, listening))
        await listening.wait()
        async with publishing(Broker("127.0.0.1", await cable.plug_in())) as work:
            for number in range(300):
                work.announce(str(number))
            await until(lambda: work.statistics.events > 0)
            cable.cut()
            await until(lambda: work.statistics.events == 300)
            await until(lambda: len(set(heard)) == 300)
            first = list(dict.fromkeys(heard))
            assert [int(each) for each in first] == list(range(300))
            assert len(heard) <= 300 + 20, "only what had not been acknowledged is sent again"
        await cable.unplug()
        hearing.cancel()
