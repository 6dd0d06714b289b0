"""From the sample at which light is lost to a subscriber: the real daemon, mosquitto on loopback, one client that listens.

The invented converter's light rises and falls; every channel has another limit, so that they lose their light one after the other.
The message carries the time of the deciding sample, so what is measured is the way after the debounce.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

from aiomqtt import Client

from stationd.bench.row import Row, at_most
from stationd.sim.tether import TETHER

LOOPBACK = "127.0.0.1"
STATION = "bench"
CHANNELS = 40
RATE_HZ = 1000
LOWEST_DBM, HIGHEST_DBM = 3.2, 6.2  # the invented light goes from 2.7 to 6.6 dBm on this calibration
GOAL_S = 0.020
# Without it a broker holds a small message back until the one before is acknowledged, for up to 40 ms (Nagle's algorithm, RFC 896).
BROKER = f"listener {{}} {LOOPBACK}\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
AT_ONCE = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
START_S = 20.0
SETTLE_S = 3.0
STOP_S = 5.0


def mqtt_rows(segments: int, seconds: float) -> Iterator[Row]:
    """Run one daemon and listen for some segments."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        yield Row("sampler", "light lost to MQTT not measured: Debian package mosquitto", 0.0, "")
        return
    heard = asyncio.run(_listen(program, segments, seconds))
    counts = [len(each) for each in heard]
    p50, p99 = (statistics.median(_quantile(each, share) for each in heard) for share in (0.5, 0.99))
    yield Row("sampler", "losses of light heard by MQTT", sum(counts), "")
    yield Row("sampler", "sample to MQTT message p50", p50 * 1000, "ms")
    yield at_most("sampler", "sample to MQTT message p99", p99 * 1000, "ms", GOAL_S * 1000)


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * len(ordered)))] if ordered else float("nan")


async def _listen(program: str, segments: int, seconds: float) -> list[list[float]]:
    with tempfile.TemporaryDirectory(prefix="stationd-bench-") as name:
        directory, port = Path(name), _free_port()
        broker = directory / "mosquitto.conf"
        broker.write_text(BROKER.format(port))
        async with _process([program, "-c", str(broker)], directory / "broker.log"):
            await _until_it_listens(port)
            config = directory / "station.toml"
            config.write_text("\n".join(station_file(port, directory / "state")) + "\n")
            words = [sys.executable, "-m", "stationd", "run", "--config", str(config)]
            async with _process(words, directory / "log"), Client(LOOPBACK, port, socket_options=AT_ONCE) as client:
                await client.subscribe(f"stationd/{STATION}/event", 1)
                if not await _delays(client, START_S, only_first=True):
                    raise RuntimeError(f"no loss of light was heard for {START_S:g} s; the daemon says:\n{_end_of(directory / 'log')}")
                await _delays(client, SETTLE_S)
                return [await _delays(client, seconds) for _ in range(segments)]


async def _delays(client: Client, seconds: float, *, only_first: bool = False) -> list[float]:
    """Return how old each loss of light was when it came."""
    delays: list[float] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for message in client.messages:
                now, event = time.time(), json.loads(bytes(message.payload))
                if event["kind"] == "light-lost" and event["exact"]:
                    delays.append(now - datetime.fromisoformat(event["t"]).timestamp())
                if only_first and delays:
                    break
    return delays


def _end_of(log: Path) -> str:
    return log.read_text()[-2000:]


def station_file(port: int, state: Path) -> Iterator[str]:
    """Yield the lines of a station that has nothing but a sampler and a broker."""
    yield f'[station]\nname = "{STATION}"\nmode = "sim"\ntime_zone = "UTC"\nstate = "{state}"'
    yield f'[mqtt]\nurl = "mqtt://{LOOPBACK}:{port}"'
    yield f'[sampler]\nsource = "sim"\nrate_hz = {RATE_HZ}'
    yield '[sampler.calibration.tap]\nmodel = "log-amp"\nvolts_per_count = 78.127e-6\nvolts_at_zero_count = 0.0'
    yield "volts_per_decade = 0.2\nintercept_dbm = -70.0\ntap_db = 20.0\nvalid_counts = [1, 65534]"
    for number in range(CHANNELS):
        limit_dbm = LOWEST_DBM + (HIGHEST_DBM - LOWEST_DBM) * number / CHANNELS
        yield f'[[sampler.channel]]\nname = "fp{number + 1}-rx"\nindex = {number}'
        yield f'los_dbm = {limit_dbm:.3f}\nclear_dbm = {limit_dbm + 0.1:.3f}\ncalibration = "tap"'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def _process(words: list[str], log: Path) -> AsyncIterator[None]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*TETHER, *words, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _until_it_listens(port: int) -> None:
    async with asyncio.timeout(START_S):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                return
            await asyncio.sleep(0.05)
