"""A whole daemon under a watchdog: what starves it, what is made anew alone, and what is neither.

In virtual time, on the simulated line with its ports in memory; what hangs is the opening of a port, which its owner awaits.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from structlog.testing import capture_logs

from stationd.app import App, load
from stationd.board import Board
from stationd.core.alarm.machine import Event
from stationd.core.alarm.words import AlarmRecord
from stationd.core.model import Level, PointId, WriteDone
from stationd.core.station import Station
from stationd.engine import Engine
from stationd.links.port import Link, LinkError, PortSettings, Receiver
from stationd.service.supervisor import STEADY_S, TWICE_S
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.surroundings import Surroundings
from tests.memory_exchange import MemoryExchange
from tests.memory_rig import MemoryRig
from tests.two_stations import STATE_BELOW, Computer, WallClock, write_station
from tests.virtual_time import LoneLoop, run

WATCHDOG_S = 10.0
CURRENT = PointId("pfe", "output_current")
REBUILT = "station/TASK-REBUILT"


@dataclass
class Manager:
    """A service manager that notes when it was told that everything lives."""

    watchdog_s: float | None = WATCHDOG_S
    fed: list[float] = field(default_factory=list)

    def watchdog(self) -> None:
        self.fed.append(asyncio.get_running_loop().time())


@dataclass
class Ports:
    """The way to the ports in memory; `hang` says how many of the next openings of a port never come back, `dead` that it is gone."""

    rig: MemoryRig
    hang: Counter[str] = field(default_factory=Counter)
    dead: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)  # hosts that say nothing: connecting takes its whole time
    opened: list[str] = field(default_factory=list)

    async def open(self, settings: PortSettings, receiver: Receiver) -> Link:
        self.opened.append(settings.port)
        if settings.port in self.dead:
            raise LinkError(f"{settings.port}: No such file or directory")
        if settings.port in self.mute:
            await asyncio.sleep(settings.connect_timeout_s)
            raise LinkError(f"{settings.port}: no answer within {settings.connect_timeout_s} s")
        if self.hang[settings.port] > 0:
            self.hang[settings.port] -= 1
            await asyncio.get_running_loop().create_future()
        return await self.rig.open_port(settings, receiver)  # type: ignore[arg-type]


@dataclass
class Here:
    """A daemon that runs, and all around it."""

    app: App
    ports: Ports
    manager: Manager
    alarms: list[AlarmRecord]

    def address(self, device: str) -> str:
        """Return the port of the line that a device is on; here each line has the name of its device."""
        return self.app.buses[device].settings.port

    def starved_s(self) -> float:
        """Return the longest time between two signs to the service manager, the one until now included."""
        times = [*self.manager.fed, asyncio.get_running_loop().time()]
        return max(b - a for a, b in pairwise(times))

    def told(self, key: str) -> list[Event]:
        return [each.event for each in self.alarms if str(each.key) == key]

    def rebuilt(self) -> dict[str, int]:
        return {name: count for name, count in self.app.supervisor.rebuilt.items() if count}


@contextlib.asynccontextmanager
async def station(written: Callable[[str], str] = str, *, broker: bool = False) -> AsyncIterator[Here]:
    rig = demo_rig(Route.MAIN, 1)
    memory = MemoryRig(rig, 1)
    below = next(each for each in STATE_BELOW if each.is_dir())
    with tempfile.TemporaryDirectory(prefix="watched-", dir=below) as directory:
        path = write_station(Route.MAIN, End.A, rig, memory.addresses, Path(directory))
        path.write_text(written(path.read_text()))
        loaded = load(path)
        assert loaded.config is not None, loaded.mistakes
        ports, manager, alarms = Ports(memory), Manager(), list[AlarmRecord]()
        around = Surroundings(
            clock=WallClock(), machine=Computer("boot"), open_port=ports.open, sampling_loop=memory.light.loop_at(End.A),
            exchange=None if broker else MemoryExchange().at(End.A), run="run", threads=False,
        )  # fmt: skip
        app = App(loaded.config, loaded.catalogue, around)
        app.recorder.subscribe(alarms.append)
        ready = asyncio.Event()
        plant = asyncio.create_task(memory.run())
        running = asyncio.create_task(app.run(ready=ready.set, notifier=manager))
        await ready.wait()
        await asyncio.sleep(STEADY_S + 2.0)
        try:
            yield Here(app, ports, manager, alarms)
        finally:
            running.cancel()
            plant.cancel()
            await asyncio.wait([running, plant])


def play(scene: Callable[[Here], object], written: Callable[[str], str] = str, *, broker: bool = False) -> list[dict[str, object]]:
    async def main() -> None:
        async with station(written, broker=broker) as here:
            await scene(here)  # type: ignore[misc]

    with capture_logs() as logs:
        run(main(), LoneLoop)
    return logs  # type: ignore[return-value]


def gaps(times: list[float]) -> float:
    return max(b - a for a, b in pairwise(times))


async def follow(here: Here, point: PointId, times: list[float]) -> None:
    subscription = here.app.board.subscribe()
    while True:
        await subscription.wait()
        if point in subscription.take() and here.app.board[point].quality.level is Level.GOOD:
            times.append(here.app.board[point].t)


def test_a_bus_that_hangs_is_made_anew_alone_while_the_others_read_on_without_a_gap() -> None:
    async def scene(here: Here) -> None:
        seen: list[float] = []
        following = asyncio.create_task(follow(here, PointId("io", "di1"), seen))
        await asyncio.sleep(5.0)
        usual_s = gaps(seen)
        port = here.address("pfe")
        here.ports.hang[port] = 1
        here.ports.rig.simulation.port("aktau-pfe").hang_up()
        await asyncio.sleep(18.0)
        following.cancel()
        assert here.rebuilt() == {"bus pfe": 1}
        assert here.app.board[CURRENT].quality.level is Level.GOOD
        assert gaps(seen) <= usual_s + 0.1
        assert here.starved_s() <= WATCHDOG_S / 2
        assert here.told(REBUILT) == [Event.RAISE]
        raised = next(each for each in here.alarms if str(each.key) == REBUILT)
        assert "bus pfe: hung in opening" in str(raised)
        await asyncio.sleep(TWICE_S)
        assert here.told(REBUILT) == [Event.RAISE, Event.CLEAR]
        page = (await here.app.metrics.scrape()).decode()
        assert 'stationd_task_rebuilt_total{task="bus pfe"} 1.0' in page
        assert 'stationd_task_rebuilt_total{task="engine"} 0.0' in page

    logs = play(scene)
    (line,) = [each for each in logs if "hangs" in str(each["event"])]
    assert "bus.py" in str(line["stack"])
    assert " open" in str(line["stack"])


def test_a_bus_that_hangs_twice_in_a_minute_starves_the_watchdog() -> None:
    async def scene(here: Here) -> None:
        here.ports.hang[here.address("pfe")] = 2
        here.ports.rig.simulation.port("aktau-pfe").hang_up()
        await asyncio.sleep(45.0)
        assert here.starved_s() > WATCHDOG_S
        assert here.app.board[CURRENT].quality.level is Level.GOOD, "it is had again all the same, where nobody restarts the daemon"

    logs = play(scene)
    (line,) = [each for each in logs if each["event"] == "the watchdog is not fed"]
    assert "twice in a minute" in str(line["why"])


def test_dead_ports_starve_nothing_however_long_they_are_dead() -> None:
    async def scene(here: Here) -> None:
        here.ports.dead.update(bus.settings.port for bus in here.app.buses.values())
        for port in here.ports.rig.simulation.ports:
            here.ports.rig.simulation.port(port).hang_up()
        await asyncio.sleep(TWICE_S)
        assert not any(bus.up for bus in here.app.buses.values())
        assert here.rebuilt() == {}
        assert here.starved_s() <= WATCHDOG_S / 2
        here.ports.dead.clear()
        await asyncio.sleep(5.0)
        assert here.app.board[CURRENT].quality.level is Level.GOOD

    play(scene)


def test_a_host_that_says_nothing_may_be_waited_for_as_long_as_the_station_file_says() -> None:
    async def scene(here: Here) -> None:
        here.ports.mute.add(here.address("io"))
        here.ports.rig.simulation.port("aktau-io").hang_up()
        await asyncio.sleep(TWICE_S)
        assert here.ports.opened.count(here.address("io")) >= 3
        assert here.rebuilt() == {}
        assert here.starved_s() <= WATCHDOG_S / 2

    play(scene, lambda text: re.sub(r"^\[bus\.io\]\n", "[bus.io]\nconnect_timeout_s = 25.0\n", text, flags=re.MULTILINE))


def test_mute_units_starve_nothing() -> None:
    async def scene(here: Here) -> None:
        for port in here.ports.rig.simulation.ports:
            here.ports.rig.simulation.port(port).black_hole(True)
        await asyncio.sleep(TWICE_S)
        assert here.app.board[CURRENT].quality.level is not Level.GOOD
        assert here.rebuilt() == {}
        assert here.starved_s() <= WATCHDOG_S / 2

    play(scene)


def test_a_broker_that_cannot_be_reached_starves_nothing() -> None:
    async def scene(here: Here) -> None:
        assert {"mqtt", "sparkplug"} <= here.app.supervisor.parts.keys()
        await asyncio.sleep(40.0)
        assert here.app.mqtt is not None
        assert not here.app.mqtt.connected
        assert here.rebuilt() == {}
        assert here.starved_s() <= WATCHDOG_S / 2

    play(scene, broker=True)


def test_a_connection_to_the_broker_that_stands_and_takes_nothing_for_a_minute_is_made_anew() -> None:
    async def scene(here: Here) -> None:
        assert here.app.mqtt is not None
        here.app.mqtt.came(asyncio.get_running_loop().time())
        await asyncio.sleep(TWICE_S + 5.0)
        assert here.rebuilt() == {}
        await asyncio.sleep(10.0)
        assert here.rebuilt() == {"mqtt": 1}
        assert here.starved_s() <= WATCHDOG_S / 2

    play(scene, broker=True)


def test_every_part_that_can_hang_by_itself_has_a_sign_of_life() -> None:
    """Those without one only wait for others: for clients, or to feed the watchdog."""

    async def scene(here: Here) -> None:
        parts = here.app.supervisor.parts
        assert {name for name, part in parts.items() if part.beat is None} <= {"watchdog", "control socket"}
        for name, part in parts.items():
            assert part.beat is None or part.beat.number > 0, name
        assert {name for name, part in parts.items() if part.kind.value == "vital"} == {"engine", "watchdog"}

    play(scene)


async def test_the_engine_gives_a_sign_whenever_it_is_asked_for_one_and_only_while_it_runs() -> None:
    board = Board([], 0.0)
    engine = Engine(board, Station(board.periods()), nowhere)
    engine.prod()
    await asyncio.sleep(0)
    assert engine.beat.number == 0
    running = asyncio.create_task(engine.run())
    for _ in range(3):
        await asyncio.sleep(0)
        before = engine.beat.number
        engine.prod()
        for _ in range(3):
            await asyncio.sleep(0)
        assert engine.beat.number == before + 1, "with nothing to do it works as well"
    running.cancel()
    await asyncio.wait([running])


async def nowhere(target: PointId, value: object) -> WriteDone:
    raise AssertionError(target, value)
