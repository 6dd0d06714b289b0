"""The line of the stories as a process of its own: both stations' equipment, a broker, two daemons, and what happens to them on demand.

    python -m tests.stories.world FOLDER [PAIRS]

What it is: the demonstration's line (stationd.sim.demo_rig) on real pseudo terminals, TCP and shared memory, one real daemon for each
station, a real MQTT connection between them. Its feeds are called pfe-a and pfe-b, and ramp as fast as the equipment
follows, so that a story does not last for minutes. It answers each line on standard input with one line: `{"ok": ...}` or `{"wrong": ...}`.
It ends, with all that it started, when its input ends. What it is not: a way round a rule: what people do goes through stationctl.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import tomllib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from stationd.demo import Daemon, wait_until_ready
from stationd.sim.cable import Cut, End
from stationd.sim.demo_rig import Route, demo_rig, station
from stationd.sim.demo_station import SOCKET, station_file
from stationd.sim.device_io import Contact, IoModule
from stationd.sim.happening import Before, electrical, feeds_off
from stationd.sim.simulation import Simulation, open_rig
from stationd.sim.tether import TETHER
from tests.integration.brokers import running_broker

# A ramp that the simulated supplies follow at the speed of their serial lines, and how far the current may be off it meanwhile.
FAST = "ramp_ma_per_s = 100.0\nramp_down_ma_per_s = 200.0\ndeviation_ma = 50.0\n"
BOOSTER = "output_dbm = [5.0, 18.0]"  # round the 17 dBm at which the simulated boosters stand: what is set can go back there
STOP_S = 5.0


def named_feed(text: str, end: End) -> str:
    """Return a station file whose one feed has the name of the end that it stands at, and ramps fast; its boosters may go back."""
    name = f"pfe-{end.value}"
    for before, after in (("[bus.pfe]", f"[bus.{name}]"), ('bus = "pfe"', f'bus = "{name}"'), ("[device.pfe]", f"[device.{name}]"),
                          ("[device.pfe.ratings]", f"[device.{name}.ratings]"), ("[pfe.pfe]\n", f"[pfe.{name}]\n{FAST}")):  # fmt: skip
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return re.sub(r"(?m)^output_dbm = \[5\.0, .*\]$", BOOSTER, text)


@dataclass(slots=True)
class World:
    """The line, its daemons by station, and what can be ordered of it."""

    simulation: Simulation
    before: Before
    daemons: dict[str, Daemon]

    def obey(self, words: list[str]) -> object:
        """Do what a line says; return what it answers."""
        orders: dict[str, Callable[..., object]] = {
            "sockets": self.sockets, "cut": self.cut, "repair": self.repair, "off": self.off, "contact": self.contact,
            "unplug": self.unplug, "plug": self.plug, "current": self.current, "earth": self.earth,
        }  # fmt: skip
        return orders[words[0]](*words[1:])

    def sockets(self) -> dict[str, str]:
        """Where the control socket of each station is."""
        return {name: str(daemon.log.with_name(SOCKET)) for name, daemon in self.daemons.items()}

    def cut(self, km: str) -> str:
        """Cut the cable."""
        return electrical(Cut(float(km)), f"cut at km {km}")(self.simulation)

    def repair(self) -> str:
        """Undo every fault, and set everything as it was at the beginning."""
        self.before.restore(self.simulation)
        return "repaired"

    def off(self) -> str:
        """Let both feeds have been switched off, and Siyazan have earthed its end."""
        return feeds_off(*End)(self.simulation)

    def contact(self, end: str, which: str, state: str) -> str:
        """Close or open a contact."""
        for name, device in self.simulation.rig.device.items():
            panel = self.simulation.panels.get(name)
            if device.end is End(end) and isinstance(panel, IoModule):
                panel.set_contact(Contact[which.upper()], closed=state == "closed")
        return state

    def earth(self, end: str, state: str) -> str:
        """Close or open the earth switch of an end."""
        return self.contact(end, Contact.EARTHED.name, state)

    def unplug(self, port: str) -> str:
        """Pull the plug of a serial line."""
        self.simulation.cut_off(port)
        return port

    def plug(self) -> str:
        """Put every plug in again."""
        self.simulation.reconnect()
        return "plugged in"

    def current(self, end: str) -> float:
        """The true current of the line at one end, mA."""
        self.simulation.stage.settle()
        return self.simulation.plant.electrical().current_ma(End(end))


@contextlib.asynccontextmanager
async def running(config: Path) -> AsyncIterator[Daemon]:
    """Run a station's daemon as long as the block."""
    ports_file, log = config.with_name("ports.json"), config.with_name("log")
    words = [*TETHER, sys.executable, "-m", "tests.stories.daemon", str(config), str(ports_file)]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*words, stdout=output, stderr=output, start_new_session=True)
    taps = frozenset(channel["name"] for channel in tomllib.loads(config.read_text())["sampler"]["channel"])
    try:
        yield Daemon(config.parent.name, process, ports_file, log, taps)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def opened(folder: Path, pairs: int) -> AsyncIterator[World]:
    """Open the line, start both daemons and wait until each has read everything."""
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(running_broker(folder))
        rig = demo_rig(Route.MAIN, pairs)
        simulation = await stack.enter_async_context(open_rig(rig))
        daemons: dict[str, Daemon] = {}
        for end in End:
            name = station(Route.MAIN, end)
            config = folder / name / "station.toml"
            config.parent.mkdir()
            lines = station_file(Route.MAIN, end, rig, simulation.ports, f"mqtt://127.0.0.1:{broker.port}", config.parent)
            config.write_text(named_feed("\n".join(lines) + "\n", end))
            daemons[name] = await stack.enter_async_context(running(config))
        await wait_until_ready(list(daemons.values()))
        yield World(simulation, Before.of(simulation), daemons)


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


async def main(folder: Path, pairs: int) -> None:
    """Serve until the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with opened(folder, pairs) as world:
        _say({"ok": world.sockets()})
        while line := await reader.readline():
            try:
                answer: dict[str, object] = {"ok": world.obey(line.decode().split())}
            except (KeyError, ValueError, TypeError) as wrong:
                answer = {"wrong": f"{line.decode().strip()}: {wrong!r}"}
            _say(answer)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
