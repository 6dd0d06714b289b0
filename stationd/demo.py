"""The demonstration: the whole simulated line, one real daemon for each station, a real MQTT connection.

The equipment is simulated in this process; the daemons are the same program that systemd runs, each with a station file of
its own that is written here, as processes of their own. Nothing outside a temporary directory is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiomqtt import Client, MqttError
from prometheus_client.parser import text_string_to_metric_families

from stationd.core.verdict.words import Kind, Ours
from stationd.outputs.broker import Broker
from stationd.pages import write_json
from stationd.sim.broker import EmbeddedBroker
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig, station
from stationd.sim.demo_station import SOCKET, station_file
from stationd.sim.rig import Rig
from stationd.sim.scenario import Says, Scenario
from stationd.sim.scratch import scratch
from stationd.sim.simulation import Simulation, open_rig
from stationd.sim.tether import TETHER
from stationd.sim.world import SCENARIOS, play, scenario_list

MOST_PAIRS = 24
READY_S = 60.0
DARK_DBM = -45.0  # a preamplifier that receives less, or cannot measure so little, is shown as dark
STOP_S = 2.0
STATUS_EVERY_S = 1.0
SAME_EVENT_S = 0.5  # light that is lost within so long is told in one line
ROUTES = {"main": (Route.MAIN,), "reserve": (Route.RESERVE,), "both": (Route.MAIN, Route.RESERVE)}
__all__ = ["Daemon", "Losses", "demo", "news_of", "running_daemon", "station_file", "wait_until_ready"]


def demo(scenario: str | None, seconds: float | None, routes: str, fibre_pairs: int, ports_file: Path | None) -> int:
    """Run the demonstration until Ctrl-C or for `seconds`; return the exit code."""
    if scenario == "list":
        print(scenario_list())
        return 0
    if scenario is not None and scenario not in SCENARIOS:
        print(f'there is no scenario "{scenario}"; one of:\n{scenario_list()}', file=sys.stderr)
        return 2
    if not 1 <= fibre_pairs <= MOST_PAIRS:
        print(f"--fibre-pairs {fibre_pairs}: 1 to {MOST_PAIRS} pairs can be shown", file=sys.stderr)
        return 2
    try:
        asyncio.run(_until_signal(scenario, seconds, ROUTES[routes], fibre_pairs, ports_file))
    except (RuntimeError, TimeoutError) as error:
        print(f"stationd demo: {error}", file=sys.stderr)
        return 1
    return 0


async def _until_signal(
    scenario: str | None, seconds: float | None, routes: tuple[Route, ...], fibre_pairs: int, ports_file: Path | None
) -> None:
    work = asyncio.ensure_future(_demo(scenario, routes, fibre_pairs, ports_file))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    print("\nended; the simulated line is gone", flush=True)


async def _demo(scenario: str | None, routes: tuple[Route, ...], fibre_pairs: int, ports_file: Path | None) -> None:
    print(f"simulating {' and '.join(_route_name(route) for route in routes)}, {fibre_pairs} fibre pairs ...", flush=True)
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(scratch("stationd-demo", Path(tempfile.gettempdir())))
        url = os.environ.get("MQTT_URL") or (await stack.enter_async_context(EmbeddedBroker())).url
        worlds = []
        daemons: list[Daemon] = []
        for route in routes:
            rig = demo_rig(route, fibre_pairs, repeatered=scenario is None or not SCENARIOS[scenario].unrepeatered)
            world = await stack.enter_async_context(open_rig(rig))
            worlds.append(world)
            here: dict[End, Daemon] = {}
            for end in End:
                files = _write_station(directory, route, end, rig, world.ports, url)
                here[end] = await stack.enter_async_context(running_daemon(*files))
            daemons += here.values()
            world.silence = partial(_silence, here)
        await wait_until_ready(daemons)
        _tell(daemons, url, worlds, directory, ports_file)
        async with asyncio.TaskGroup() as tasks:
            if scenario is not None:
                for world in worlds:
                    tasks.create_task(play(SCENARIOS[scenario], world, lambda text: print(f"\n{text}", flush=True)))
            expected = {} if scenario is None else _expected(routes, SCENARIOS[scenario], worlds)
            tasks.create_task(_tell_news(url, [daemon.name for daemon in daemons], fibre_pairs, expected))
            tasks.create_task(_status(daemons))


def _expected(routes: tuple[Route, ...], scenario: Scenario, worlds: list[Simulation]) -> dict[str, Says]:
    """Return what each station should say of a scenario in the end."""
    both = zip(routes, (scenario.script(world.rig).expected for world in worlds), strict=True)
    return {station(route, end): expected.at(end) for route, expected in both for end in End}


def _route_name(route: Route) -> str:
    return " - ".join(station(route, end).capitalize() for end in End)


# ---------------------------------------------------------------------- station files


def _write_station(directory: Path, route: Route, end: End, rig: Rig, ports: Mapping[str, str], url: str) -> tuple[str, Path]:
    name = station(route, end)
    path = directory / name / "station.toml"
    path.parent.mkdir()
    path.write_text("\n".join(station_file(route, end, rig, ports, url, path.parent)) + "\n")
    return name, path


# ---------------------------------------------------------------------- daemons


@dataclass(slots=True)
class Daemon:
    """One station's daemon: its process and where its pages are."""

    name: str
    process: asyncio.subprocess.Process
    ports_file: Path
    log: Path
    taps: frozenset[str] = frozenset()  # the channels of its sampler
    fed: bool = True  # it has a power feed
    metrics: str = ""


@contextlib.asynccontextmanager
async def running_daemon(name: str, config: Path) -> AsyncIterator[Daemon]:
    """Run the daemon on a station file as long as the block; its log and ports file lie beside the file."""
    ports_file, log = config.with_name("ports.json"), config.with_name("log")
    words = [*TETHER, sys.executable, "-m", "stationd", "run", "--config", str(config), "--ports-file", str(ports_file)]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*words, stdout=output, stderr=output, start_new_session=True)
    try:
        yield Daemon(name, process, ports_file, log, *_seen(config))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            process.send_signal(signal.SIGCONT)  # a scenario may have stopped it
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _seen(config: Path) -> tuple[frozenset[str], bool]:
    """Return the taps of a station, and whether it has a power feed."""
    sections = tomllib.loads(config.read_text())
    roles = (device.get("role") for device in sections.get("device", {}).values())
    return frozenset(channel["name"] for channel in sections.get("sampler", {}).get("channel", ())), "pfe" in roles


def _silence(daemons: Mapping[End, Daemon], end: End, silent: bool) -> None:
    """Stop the daemon of a station without ending it, or let it go on."""
    with contextlib.suppress(ProcessLookupError):
        daemons[end].process.send_signal(signal.SIGSTOP if silent else signal.SIGCONT)


async def wait_until_ready(daemons: list[Daemon]) -> None:
    """Wait until every daemon has read its power feed, all its devices and its light; RuntimeError with its log if one ends."""
    async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
        for daemon in daemons:
            while not _ready(daemon, await _summary(session, daemon)):
                if daemon.process.returncode is not None:
                    raise RuntimeError(f"the daemon of {daemon.name} ended:\n{daemon.log.read_text()[-2000:]}")
                if not daemon.metrics and daemon.ports_file.exists():
                    daemon.metrics = _read_json(daemon.ports_file)["metrics"]
                await asyncio.sleep(0.1)


def _ready(daemon: Daemon, summary: Summary) -> bool:
    return summary.complete(daemon.fed) and summary.lit == daemon.taps


def _read_json(path: Path) -> Mapping[str, str]:
    content = json.loads(path.read_text())
    return {str(key): str(value) for key, value in content.items()}


# ---------------------------------------------------------------------- what people see


@dataclass(frozen=True, slots=True)
class Summary:
    """What the status line shows of a station; None where there is no fresh value."""

    current_a: float | None
    voltage_v: float | None
    up: int
    devices: int
    dark: int  # preamplifiers without light
    lit: frozenset[str]  # taps with light

    def complete(self, fed: bool) -> bool:
        """Return whether everything of a healthy line has been read, but for its taps; `fed` tells that there is a power feed."""
        feed_known = self.current_a is not None and self.voltage_v is not None
        return (feed_known or not fed) and 0 < self.devices == self.up and not self.dark


async def _summary(session: aiohttp.ClientSession, daemon: Daemon) -> Summary:
    try:
        async with session.get(daemon.metrics) as answer:
            families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return Summary(None, None, 0, 0, 0, frozenset())

    def first(name: str) -> float | None:
        samples = families[name].samples if name in families else []
        return samples[0].value if samples else None

    ups = {sample.labels["device"]: sample.value for sample in families["stationd_device_up"].samples}
    levels = families.get("stationd_amplifier_input_power_dbm")
    los = families.get("stationd_optical_los")
    lit = {sample.labels["device"] for sample in levels.samples if sample.value > DARK_DBM} if levels else set()
    return Summary(
        first("stationd_pfe_output_current_amperes"),
        first("stationd_pfe_output_voltage_volts"),
        int(sum(ups.values())),
        len(ups),
        sum(up == 1 and device.endswith("preamp") and device not in lit for device, up in ups.items()),
        frozenset(sample.labels["channel"] for sample in los.samples if sample.value == 0) if los else frozenset(),
    )


def _tell(daemons: list[Daemon], url: str, worlds: list[Simulation], directory: Path, ports_file: Path | None) -> None:
    for daemon in daemons:
        print(f"  {daemon.name:8} metrics {daemon.metrics}   log {daemon.log}")
    print(f"  raw samples round a loss of light   {daemons[0].log.with_name('captures')}")
    print(f"  mqtt     {url}   topics stationd/<station>/status, stationd/<station>/event, stationd/<station>/alarm/#")
    host, _, number = url.partition("://")[2].rpartition(":")
    print(f"second terminal:  curl -s {daemons[0].metrics} | grep pfe")
    print(f"                  stationctl --socket {daemons[0].log.with_name(SOCKET)} show alarms")
    print(f"                  mosquitto_sub -h {host} -p {number} -t 'stationd/#' -v")
    if ports_file is not None:  # before the last line, which says that everything is there
        ports = {name: address for world in worlds for name, address in world.ports.items()}
        metrics = {daemon.name: daemon.metrics for daemon in daemons}
        sockets = {daemon.name: str(daemon.log.with_name(SOCKET)) for daemon in daemons}
        write_json(ports_file, {**ports, "metrics": metrics, "mqtt": url, "sockets": sockets})
    print("Ctrl-C ends it.", flush=True)


async def _status(daemons: list[Daemon]) -> None:
    """Keep one line alive: rewritten on a terminal, printed now and then elsewhere."""
    begin = time.monotonic()
    terminal = sys.stdout.isatty()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0)) as session:
        while True:
            parts = [_part(daemon, await _summary(session, daemon)) for daemon in daemons]
            line = f"{time.monotonic() - begin:5.0f} s  " + " | ".join(parts)
            print(f"\r{line}" if terminal else line, end="" if terminal else "\n", flush=True)
            await asyncio.sleep(STATUS_EVERY_S if terminal else 5 * STATUS_EVERY_S)


def _part(daemon: Daemon, summary: Summary) -> str:
    if daemon.process.returncode is not None:
        return f"{daemon.name}: its daemon has ended (code {daemon.process.returncode}), see {daemon.log}"
    current = "  --  " if summary.current_a is None else f"{summary.current_a:6.4f}"
    voltage = "  --  " if summary.voltage_v is None else f"{summary.voltage_v:6.1f}"
    received = frozenset(tap for tap in daemon.taps if tap.endswith("-rx"))
    lit = f"{len(summary.lit & received)}/{len(received)} pairs lit"
    return f"{daemon.name} {current} A {voltage} V, {summary.up}/{summary.devices} up, {lit}"


# ---------------------------------------------------------------------- light that is lost


@dataclass(slots=True)
class Losses:
    """The losses of light of one station that belong together, by the time of their own sample."""

    station: str
    pairs: int
    times: dict[str, datetime] = field(default_factory=dict)

    def tell(self) -> None:
        """Print each pair with the time of its sample, and a summary."""
        in_order = sorted(self.times.items(), key=lambda item: item[1])
        first, last = in_order[0][1], in_order[-1][1]
        pairs = sum(channel.endswith("-rx") for channel in self.times)
        print(f"\n{self.station}: " + "  ".join(f"{channel} {t:%H:%M:%S.%f}" for channel, t in in_order))
        print(f"{self.station}: light lost on {pairs} of {self.pairs} pairs, ", end="")
        print(f"first {first:%H:%M:%S.%f} UTC, last +{(last - first).total_seconds() * 1000:.1f} ms", flush=True)
        self.times.clear()


async def _tell_news(url: str, stations: list[str], pairs: int, expected: Mapping[str, Says]) -> None:
    """Print what the daemons publish about lost light (together what happens together), alarms of the whole line, and verdicts.

    Ends when the connection does.
    """
    broker, loop = Broker.at(url), asyncio.get_running_loop()
    losses = {f"stationd/{name}/event": Losses(name, pairs) for name in stations}
    with contextlib.suppress(MqttError):
        async with Client(broker.host, broker.port, tls_context=ssl.create_default_context() if broker.tls else None) as client:
            await client.subscribe([(topic, 1) for topic in losses])
            async for message in client.messages:
                here = losses.get(message.topic.value)  # the embedded broker sends retained messages of other topics too
                event = json.loads(bytes(message.payload)) if here is not None else {"kind": ""}
                if here is not None and event["kind"] == "light-lost":
                    if not here.times:
                        loop.call_later(SAME_EVENT_S, here.tell)
                    here.times[event["channel"]] = datetime.fromisoformat(event["t"])
                for line in news_of(event, expected):
                    print(f"\n{line}", flush=True)


def news_of(event: Mapping[str, Any], expected: Mapping[str, Says]) -> Iterator[str]:
    """Yield what an event of a station tells people, lost light apart; `expected` is what a station should say in the end."""
    if event["kind"] == "alarm" and (event["resource"], event["event"]) == ("line", "raise"):
        yield f"{event['station']}: alarm {event['key']}, {event['severity']}: {event['text']}"
    if event["kind"] == "verdict" and isinstance(told := event.get("verdict"), dict):
        says = expected.get(event["station"])
        right = says is not None and says.accepts(Kind(told["kind"]), Ours(told["ours"]))
        yield f"{event['station']}: {told['sentence']}  [ours: {told['ours']}, {told['confidence']}]{'  as it should be' * right}"
