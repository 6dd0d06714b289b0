"""A station with one power feed that people drive: simulated units on real ports here, the daemon a process of its own, two persons.

What it is: the line S1 fed from end a alone, its feed on a paced pseudo terminal, the contacts of its interlocks behind Modbus TCP,
the station file, and clients of the control socket whose own sockets bear the names that tests.integration.acting_daemon knows.
What it is not: a way round any rule: everything that is done goes through the control socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from stationd.driver import Protocol
from stationd.sim.cable import End
from stationd.sim.demo_rig import IO_PORT, PFE_PORTS, RATINGS
from stationd.sim.device_io import INTERLOCKS, Contact
from stationd.sim.rig import Cable, Device, Port, Rig
from stationd.sim.simulation import Simulation, open_rig
from stationd.sim.written import Written
from tests.console.desk import Caller

ROOT = Path(__file__).resolve().parents[2]
OPERATION, SETPOINT, ALARM, AUDIT = "io.stationd.Operation", "io.stationd.Setpoint", "io.stationd.Alarm", "io.stationd.Audit"
PATIENCE_S = 90.0
LOOK_S = 0.02
SAME_MA = 2.0  # droop of the feed and noise of its meter
RATE_UP, RATE_DOWN, DEVIATION_MA = 100.0, 200.0, 50.0
REASON = "repair done, WO 4711"
STATION = """
[station]
name = "aktau"
mode = "sim"
read_only = false
state = "{home}/state"
[line]
name = "s1"
profile = "repeatered"
end = "a"
length_km = {cable.length_km}
fibre_pairs = 1
conductor_ohm_per_km = {cable.conductor_ohm_per_km}
repeaters_km = {repeaters_km}
repeater_drop_v = {cable.repeater_drop_v}
[bus.pfe]
port = "{ports[pfe]}"
protocol = "{port.protocol.value}"
baud = {port.baud}
[device.pfe]
driver = "{driver}"
bus = "pfe"
[device.pfe.ratings]
{ratings}
[bus.io]
port = "{ports[io]}"
protocol = "modbus-tcp"
[device.io]
driver = "modbus-io"
bus = "io"
[pfe.pfe]
nominal_ma = 1000.0
max_v = 800.0
ramp_ma_per_s = {up}
ramp_down_ma_per_s = {down}
deviation_ma = {deviation}
interlocks = [{interlocks}]
earthed = "io.di{earthed}"
[control]
socket = "{home}/io.stationd"
"""


class Feed(Enum):
    """The makes of supply that stand at the simulated ends, each with its protocol."""

    EA = End.A
    FUG = End.B

    @property
    def driver(self) -> str:
        """Its driver."""
        return PFE_PORTS[self.value][0]

    @property
    def port(self) -> Port:
        """Its port."""
        return PFE_PORTS[self.value][1]


class Denied(AssertionError):
    """An order was refused, and the scene cannot go on."""


class Someone(Caller):
    """A person at the control socket."""

    @classmethod
    async def at(cls, path: Path, name: str = "aliya", session: int = 1) -> Someone:
        """Connect as this person; two connections of one session are one process of that person to the daemon."""
        own = path.with_name(f"{name}.{session}")
        own.unlink(missing_ok=True)
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.bind(str(own))
        end.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(end, str(path))
        except OSError:
            end.close()
            raise
        return cls(*await asyncio.open_unix_connection(sock=end, limit=2**24))

    async def must(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call something that has to succeed."""
        answer = await self.call(method, parameters)
        if "error" in answer:
            raise Denied(f"{method} {parameters}: {answer}")
        found: dict[str, Any] = answer.get("parameters", {})
        return found

    async def order(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give an order that has to be taken."""
        return await self.must(f"{OPERATION}.{method}", **parameters)

    async def causes(self, method: str, **parameters: Any) -> list[str]:
        """Give an order; return the causes for which it was refused, none if it was taken."""
        answer = await self.call(f"{OPERATION}.{method}", parameters)
        return [each["cause"] for each in answer["parameters"]["reasons"]] if "error" in answer else []

    async def insist(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give an order until it is taken: after a start it is not known at once how the plant stands."""
        said: dict[str, Any] = {}
        method = method if "." in method else f"{OPERATION}.{method}"
        try:
            async with asyncio.timeout(PATIENCE_S):
                while "error" in (said := await self.call(method, parameters)):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise Denied(f"{method} {parameters}: {said}") from None
        found: dict[str, Any] = said["parameters"]
        return found

    async def operation(self, name: str) -> dict[str, Any]:
        """Return an operation as it stands."""
        found: dict[str, Any] = (await self.order("Get", operation=name))["operation"]
        return found

    async def shown(self, device: str, point: str) -> Any:
        """Return what the daemon knows of a point now, None where it is not known."""
        document = (await self.must("io.stationd.Status.GetDevice", device=device))["device"]
        return document["points"][point]["v"]


@dataclass(slots=True)
class Life:
    """One run of the daemon."""

    process: asyncio.subprocess.Process
    socket: Path
    log: Path
    people: list[Someone] = field(default_factory=list)
    _alive: list[asyncio.Task[None]] = field(default_factory=list)

    async def someone(self, name: str, session: int = 1) -> Someone:
        """Return a person who is let in, as soon as somebody answers there."""
        async with asyncio.timeout(PATIENCE_S):
            while self.process.returncode is None:
                with contextlib.suppress(OSError):
                    self.people.append(found := await Someone.at(self.socket, name, session))
                    return found
                await asyncio.sleep(0.01)
        raise AssertionError(f"the daemon has ended: {self.log.read_text()[-4000:]}")

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()

    async def end(self) -> None:
        """End it as systemd does, if it runs, and everybody's connections."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        await self.process.wait()
        for each in self.people:
            each.close()


async def start_daemon(config: Path, environment: Mapping[str, str] | None = None) -> Life:
    """Start a daemon; its log and its control socket lie beside its file."""
    words, log = [sys.executable, "-m", "tests.integration.acting_daemon", str(config)], config.with_name("log")
    with log.open("ab") as said:
        around = {**os.environ, **(environment or {})}
        process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=said, stderr=said, env=around)
    return Life(process, config.with_name("io.stationd"), log)


@contextlib.asynccontextmanager
async def present(life: Life, operation: str, name: str = "aliya") -> AsyncIterator[None]:
    """Say every second, on a connection of its own in the same session, that this person is there, as long as the block."""
    own = await life.someone(name)

    async def say() -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await own.call(f"{OPERATION}.KeepAlive", {"operation": operation})
                await asyncio.sleep(1.0)

    saying = asyncio.create_task(say())
    try:
        yield
    finally:
        saying.cancel()


@dataclass(slots=True)
class House:
    """The station: its plant, its file, its daemon's process."""

    simulation: Simulation
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The station file."""
        return self.folder / "station.toml"

    @property
    def current_ma(self) -> float:
        """The true current of the line now."""
        self.simulation.stage.settle()
        return self.simulation.plant.electrical().current_ma(End.A)

    @property
    def now(self) -> float:
        """The time of the simulation, which that of the write log is too."""
        return self.simulation.stage.now

    def written(self, since_t: float = 0.0) -> list[Written]:
        """Return what reached the units since then."""
        return [each for each in self.simulation.written if each.t >= since_t]

    def stand_at(self, current_ma: float) -> None:
        """Do at the panel of the feed what a person there would: switch it off (0), or on at this current."""
        plant = self.simulation.plant
        feed = replace(plant.power_feed(End.A), output_on=current_ma > 0, current_setpoint_ma=current_ma)
        plant.set_power_feed(End.A, feed)
        self.simulation.stage.settle()

    async def told_at(self, who: Someone, current_ma: float) -> None:
        """As `stand_at`, and wait until the daemon has read it."""
        self.stand_at(current_ma)

        async def known() -> bool:
            shown = [await who.shown("pfe", point) for point in ("current_setpoint", "output_current")]
            there = all(each is not None and abs(each - current_ma) < SAME_MA for each in shown)
            return there and await who.shown("pfe", "output_on") is (current_ma > 0)

        await until(known)

    async def start(self) -> Life:
        """Start the daemon."""
        return await start_daemon(self.config, self.environment)

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[Life]:
        """Run the daemon as long as the block."""
        one = await self.start()
        try:
            yield one
        finally:
            await one.end()


def rig_of(feed: Feed) -> Rig:
    """Return the units of the station."""
    ratings = RATINGS[feed.driver]
    return Rig(
        Cable(test_set="s1-341", fibre_pairs=1),
        {"pfe": feed.port, "io": IO_PORT},
        {
            "pfe": Device(port="pfe", driver=feed.driver, end=End.A, role="pfe", ratings=ratings),
            "io": Device(port="io", driver="modbus-io", end=End.A, role="io"),
        },
    )


def station_text(feed: Feed, simulation: Simulation, home: Path) -> str:
    """Return the station file."""
    assert feed.port.protocol is not Protocol.MODBUS_TCP
    cable = simulation.plant.cable
    return STATION.format(
        home=home, cable=cable, repeaters_km=list(cable.repeaters_km), ports=dict(simulation.ports), port=feed.port, driver=feed.driver,
        ratings="\n".join(f"{name} = {value}" for name, value in RATINGS[feed.driver].items()),
        up=RATE_UP, down=RATE_DOWN, deviation=DEVIATION_MA,
        interlocks=", ".join(f'"io.di{each.value}"' for each in INTERLOCKS), earthed=Contact.EARTHED.value,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def house(folder: Path, feed: Feed, environment: Mapping[str, str] | None = None) -> AsyncIterator[House]:
    """Open the plant: the far end earthed and off, the own feed off and discharged."""
    folder.mkdir(parents=True, exist_ok=True)
    async with open_rig(rig_of(feed)) as simulation:
        plant = simulation.plant
        plant.set_power_feed(End.B, replace(plant.power_feed(End.B), output_on=False))
        one = House(simulation, folder, environment or {})
        one.stand_at(0.0)
        one.config.write_text(station_text(feed, simulation, folder))
        yield one


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition that comes by itself."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(LOOK_S)
