"""Two whole daemons and the line between them in one process, in virtual time.

What it is: the simulated line of stationd.sim with its ports in memory (tests.memory_rig), and a stationd.app.App at each end, made
from the station files that the demonstration writes. Nothing of a daemon is replaced but what stationd.surroundings takes from
outside: its clocks, its ports, the samples of its light, the way to the far station. A run with the same seed gives the same
result, bit for bit.
What it is not: a test of the machine: no port, no thread, no broker and no clock of it takes part; the disk does.

    played = play_through("cable-cut", 30.0)
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stationd.app import App, load
from stationd.core.alarm.machine import Event
from stationd.core.alarm.words import AlarmRecord
from stationd.core.verdict.told import VerdictChanged
from stationd.outputs.journal import Moment
from stationd.outputs.records import Machine
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig, station
from stationd.sim.demo_station import station_file
from stationd.sim.rig import Rig
from stationd.sim.scenario import Change
from stationd.sim.simulation import Simulation
from stationd.sim.world import SCENARIOS, play
from stationd.surroundings import Surroundings
from tests import virtual_time
from tests.memory_exchange import MemoryExchange, Passed, nothing, usual
from tests.memory_rig import MemoryRig

BEGIN_UTC_S = 1_770_000_000.0  # a day in February 2026
HEALTHY_S = 5.0  # before a scenario begins: every device has been read, ports that do not open have said so
GOLDEN = 0.6180339887  # what happens meets the periods of polling at another place with each seed
ASK_S = 5.0  # how often it is asked whether a run was long enough
APART_S = 0.0137  # the second daemon starts so much later: nothing of the two ever happens in the same instant
STATE_BELOW = (Path("/dev/shm"), Path(tempfile.gettempdir()))  # a disk in memory costs no time


@dataclass(slots=True)
class WallClock:
    """The clocks of one station: the loop's, and a time of day that can be set. It is called like a SystemClock."""

    ahead_s: float = BEGIN_UTC_S
    synchronised: bool = True

    def __call__(self) -> Moment:
        t = asyncio.get_running_loop().time()
        return Moment(self.ahead_s + t, self.synchronised, t)


@dataclass(slots=True)
class Computer:
    """The machine of a station: which start of it this is, and when that was."""

    boot: str
    started_t: float = 0.0

    def __call__(self) -> Machine:
        return Machine(self.boot, asyncio.get_running_loop().time() - self.started_t)


@dataclass(slots=True)
class StationRun:
    """One station: its daemon, which can be ended and started again, and all that it said, with the times of the line."""

    end: End
    path: Path
    rig: MemoryRig
    exchange: MemoryExchange
    clock: WallClock
    tasks: asyncio.TaskGroup
    computer: Computer
    alarms: list[AlarmRecord] = field(default_factory=list)
    verdicts: list[VerdictChanged] = field(default_factory=list)
    starts: int = 0
    _app: App | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def app(self) -> App:
        """The daemon that runs."""
        assert self._app is not None
        return self._app

    async def start(self) -> None:
        """Start the daemon in a task of its own, which is what a process of its own is here."""
        made: asyncio.Future[App] = asyncio.get_running_loop().create_future()
        self.starts += 1
        self._task = self.tasks.create_task(self._run(made))
        self._app = await made

    async def stop(self) -> None:
        """End the daemon as systemd does."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        self.exchange.forget(self.end)

    def reboot(self, clock: WallClock) -> None:
        """Let the machine, whose daemon has ended, start anew, with a clock of which it knows no more."""
        self.clock = clock
        self.computer = Computer(f"{self.computer.boot}+", asyncio.get_running_loop().time())

    async def _run(self, made: asyncio.Future[App]) -> None:
        loaded = load(self.path)
        assert loaded.config is not None, loaded.mistakes
        around = Surroundings(
            clock=self.clock,
            machine=self.computer,
            open_port=self.rig.open_port,
            sampling_loop=self.rig.light.loop_at(self.end),
            exchange=self.exchange.at(self.end),
            run=f"run-{self.starts}-of-{self.end.value}",
            threads=False,
        )
        app = App(loaded.config, loaded.catalogue, around)
        app.recorder.subscribe(self.alarms.append)
        app.recorder.subscribe_verdicts(self.verdicts.append)
        made.set_result(app)
        await app.run()


@dataclass(frozen=True, slots=True)
class Played:
    """What a scenario brought at both ends; all times are seconds since it began."""

    alarms: Mapping[End, tuple[AlarmRecord, ...]]
    verdicts: Mapping[End, tuple[VerdictChanged, ...]]
    steps: tuple[tuple[float, str], ...]
    until_s: float
    fault: object  # what the plant had at the end, with its place: the truth
    begun_t: float = 0.0  # when that was, by the clock of the loop: times within a verdict are by that

    def raised(self, end: End, name: str) -> list[AlarmRecord]:
        """Return the records of an alarm `resource/TYPE`, or of every resource of `TYPE`, that say that it was raised."""
        return [each for each in self.alarms[end] if each.event is Event.RAISE and name in (str(each.key), each.key.type)]


@dataclass(slots=True)
class Line:
    """The line with both of its stations."""

    rig: MemoryRig
    exchange: MemoryExchange
    stations: dict[End, StationRun]
    steps: list[tuple[float, str]] = field(default_factory=list)  # what the scenario did, and when
    begun_t: float = 0.0

    def __post_init__(self) -> None:
        self.simulation.silence = self.silence

    def silence(self, end: End, silent: bool) -> None:
        """Let nothing of an end reach the other, or all again."""
        self.exchange.ways[end].passes = nothing if silent else usual

    @property
    def simulation(self) -> Simulation:
        return self.rig.simulation

    async def play(self, name: str, seed: int = 1) -> None:
        """Play a scenario to its last step."""
        loop = asyncio.get_running_loop()
        await play(SCENARIOS[name], self.simulation, lambda text: self.steps.append((loop.time() - self.begun_t, text)), seed)

    def played(self) -> Played:
        """Return what has been so far."""
        alarms = {
            end: tuple(replace(each, t=each.t - self.begun_t, onset=each.onset - self.begun_t) for each in run.alarms)
            for end, run in self.stations.items()
        }
        verdicts = {
            end: tuple(replace(each, t=each.t - self.begun_t) for each in run.verdicts) for end, run in self.stations.items()
        }
        until_s = asyncio.get_running_loop().time() - self.begun_t
        return Played(alarms, verdicts, tuple(self.steps), until_s, self.simulation.plant.fault, self.begun_t)


async def for_a_while(
    line: Line, name: str | None, seconds: float, seed: int = 1, enough: Callable[[Played], bool] | None = None
) -> Played:
    """Play a scenario (None: nothing happens) for so long from its begin, whether or not it has further steps.

    With `enough` it ends before, as soon as that says so; it is asked every few seconds.
    """
    loop = asyncio.get_running_loop()
    line.begun_t = loop.time()
    scene = asyncio.create_task(line.play(name, seed)) if name is not None else None
    while (left_s := line.begun_t + seconds - loop.time()) > 0.0 and not (enough is not None and enough(line.played())):
        await asyncio.sleep(min(ASK_S, left_s))
        if scene is not None and scene.done():
            scene.result()
    if scene is not None:
        scene.cancel()
    return line.played()


def play_through(
    name: str | None, seconds: float, seed: int = 1, enough: Callable[[Played], bool] | None = None, **settings: Any
) -> Played:
    """Run both stations from a healthy line through so much of a scenario; `settings` are those of `two_stations`."""

    async def scene() -> Played:
        async with two_stations(seed=seed, **settings) as line:
            await asyncio.sleep(HEALTHY_S + (seed - 1) * GOLDEN % 1.0)
            return await for_a_while(line, name, seconds, seed, enough)

    return virtual_time.run(scene(), virtual_time.LoneLoop)


def write_station(route: Route, end: End, rig: Rig, ports: Mapping[str, str], directory: Path) -> Path:
    """Write a station's file as the demonstration does, and return its path."""
    path = directory / station(route, end) / "station.toml"
    path.parent.mkdir()
    path.write_text("\n".join(station_file(route, end, rig, ports, "mqtt://127.0.0.1:1", path.parent)) + "\n")
    return path


@contextlib.asynccontextmanager
async def two_stations(
    route: Route = Route.MAIN,
    fibre_pairs: int = 2,
    seed: int = 1,
    ahead_s: Mapping[End, float] | None = None,
    *,
    repeatered: bool = True,
    spoilt: Mapping[End, Callable[[bytes], Iterable[Passed]]] | None = None,
    written: Callable[[str], str] = str,
    before: Iterable[Change] = (),
) -> AsyncIterator[Line]:
    """Run the line and both daemons as long as the block.

    `ahead_s` is how wrong the clock of a station is, `spoilt` what becomes of what a station says to the other, `written` may
    change the text of the station files, and `before` has happened when the daemons start.
    """
    rig = demo_rig(route, fibre_pairs, repeatered=repeatered)
    memory, exchange = MemoryRig(rig, seed), MemoryExchange()
    for change in before:
        change(memory.simulation)
    for end, passes in (spoilt or {}).items():
        exchange.ways[end].passes = passes
    below = next(each for each in STATE_BELOW if each.is_dir())
    with tempfile.TemporaryDirectory(prefix="two-stations-", dir=below) as directory:
        async with asyncio.TaskGroup() as tasks:
            plant = tasks.create_task(memory.run())
            line = Line(memory, exchange, {})
            for end in End:
                path = write_station(route, end, rig, memory.addresses, Path(directory))
                path.write_text(written(path.read_text()))
                clock = WallClock(BEGIN_UTC_S + (ahead_s or {}).get(end, 0.0))
                line.stations[end] = run = StationRun(end, path, memory, exchange, clock, tasks, Computer(f"boot-of-{end.value}"))
                await run.start()
                await asyncio.sleep(APART_S)
            try:
                yield line
            finally:
                for run in line.stations.values():
                    await run.stop()
                plant.cancel()
