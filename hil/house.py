"""What both kinds of rig have around the plant: the fault box, the broker, the ear on it, and the stations under test.

What it is: made of a rig file and of the addresses of the plant's ports; it knows neither who made these nor what happens to the cable.
`inject` carries out faults of every layer but those of the plant. What it is not: started stations; scenarios start them (conftest).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hil import clock, lossy
from hil.broker import MISSING as NO_BROKER
from hil.broker import Broker, mosquitto
from hil.door import persons_possible, rig_accounts, write_user_files
from hil.faults import Fault, FaultLog, Kind, Layer
from hil.hang import Hanging
from hil.mqtt import Ear, take_over
from hil.passage import FaultBox
from hil.rig import Missing
from hil.rigfile import PortSection, RigFile
from hil.station import Station, Surroundings

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "stationd-hil-run-"
BROKER = "broker"  # its name in the fault box, and as the place of a fault
TOPICS = ("stationd/#", "spBv1.0/#")


class House:
    """See the module. `light` are the sources of the samplers by name; `mode` stands in the station files."""

    def __init__(
        self, file: RigFile, ports: Mapping[str, PortSection], light: Mapping[str, str], program: tuple[str, ...], mode: str
    ) -> None:
        self.file = file
        _clear_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.folder.chmod(0o711)  # the rig's persons reach the control sockets in it
        self.log = FaultLog(self.folder / "faults.jsonl")
        self.box = FaultBox(self.folder)
        self._stack = contextlib.ExitStack()
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._stack.callback(self.box.close)
        try:
            self.lines = {name: port.protocol for name, port in ports.items()}
            addresses = {name: self._lay(name, port) for name, port in ports.items()}
            self._broker, self._ear = self._open_broker()
            self.stations = self._stations({**addresses, **light}, program, mode)
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """End the stations, then everything that they used; what does not end keeps nothing else from ending."""
        with self._stack:
            for station in self.stations.values():
                self._stack.callback(station.close)

    @property
    def features(self) -> Mapping[str, str]:
        """See hil.rig.Rig."""
        no_broker = "" if self._broker else NO_BROKER
        no_box = "" if self.file.proxied else "no port of this rig goes through the fault box ([hil] proxied)"
        return {
            "broker": no_broker,
            "persons": persons_possible(),
            "two-stations": "" if len(self.stations) > 1 else "this rig has one station",
            "light": "" if any(each.section.pairs for each in self.stations.values()) else "no converter for light on this rig",
            "fault:serial": no_box,
            "fault:modbus": no_box,
            "fault:net": no_box,
            "fault:broker": no_broker,
            "fault:process": "",
            "fault:power": "",
            "fault:clock": clock.possible(),
            "fault:disk": lossy.possible(),
        }

    @property
    def broker(self) -> Broker:
        """The broker; Missing without one."""
        if self._broker is None:
            raise Missing(NO_BROKER)
        return self._broker

    @property
    def ear(self) -> Ear:
        """The ear on the broker; Missing without one."""
        if self._ear is None:
            raise Missing(NO_BROKER)
        return self._ear

    @contextlib.contextmanager
    def inject(self, fault: Fault) -> Iterator[None]:
        """Have a fault as long as the block; both ends of it are in the log."""
        heal = self._begin(fault)
        self.log.note("injected", fault)
        try:
            yield
        finally:
            struck = heal()
            self.log.note("healed", fault, struck=struck)

    def _begin(self, fault: Fault) -> Callable[[], int]:
        """Begin a fault; return what ends it and tells how often it struck."""
        match fault.kind.layer:
            case Layer.BROKER:
                return self._begin_broker(fault)
            case Layer.PROCESS | Layer.POWER:
                return self._begin_process(fault)
            case Layer.CLOCK:
                return self._begin_clock(fault)
            case Layer.DISK:
                return self._begin_disk(fault)
            case _:
                self.box.apply(fault)
                return lambda: self.box.heal(fault)

    def _begin_broker(self, fault: Fault) -> Callable[[], int]:
        broker = self.broker
        match fault.kind:
            case Kind.BROKER_STOP:
                broker.kill()
                return lambda: _done(broker.start)
            case Kind.BROKER_BAD_AUTH:
                broker.kill()
                broker.start(with_password=True)
                return lambda: _done(broker.kill, broker.start)
            case Kind.BROKER_TAKE_OVER:
                for _ in range(int(fault.param("times"))):
                    for name in self.stations:
                        take_over(broker.port, name)
                return lambda: int(fault.param("times"))
            case _:
                through = Fault(fault.kind, BROKER, fault.params, fault.seed)
                self.box.apply(through)
                return lambda: self.box.heal(through)

    def _begin_process(self, fault: Fault) -> Callable[[], int]:
        station = self.stations[fault.where]
        match fault.kind:
            case Kind.PROCESS_STOP:
                station.signal(signal.SIGSTOP)
                return lambda: _done(lambda: station.signal(signal.SIGCONT))
            case Kind.PROCESS_HANG:
                hanging = _hanging(station)
                return lambda: _done(hanging.end)
            case Kind.POWER_CUT:
                station.kill()
                kept = station.home / f"state-{time.monotonic_ns()}"
                shutil.copytree(station.state, kept)  # what a disk would have: a process rig cannot take unsynced pages away
                shutil.rmtree(station.state)
                kept.rename(station.state)
                return lambda: _done(station.start)
            case _:
                station.kill()
                return lambda: _done(station.start)

    def _begin_clock(self, fault: Fault) -> Callable[[], int]:
        station = self.stations[fault.where]
        if "HIL_WALL_CLOCK" not in station.environment:
            raise Missing("the station has to be started with a clock of its own first: hil.clock.WallClock")
        wall = clock.WallClock(station.home)
        match fault.kind:
            case Kind.CLOCK_STEP:
                wall.step(fault.param("step_s"))
            case Kind.CLOCK_DRIFT:
                wall.drift(fault.param("rate"))
            case _:
                wall.say(clock.Says.UNSYNCHRONISED)
        return lambda: _done(lambda: wall.say(clock.Says.SYNCHRONISED))

    def _begin_disk(self, fault: Fault) -> Callable[[], int]:
        """Begin a fault of a station's disk; with what was not synced its process goes too, and is started again at the end."""
        station = self.stations[fault.where]
        disk = station.disk
        if disk is None:
            raise Missing("the state of the station has to lie on a disk of its own first: hil.lossy")
        if fault.kind is Kind.DISK_LOST:
            station.kill()
            disk.begin(fault)
            return lambda: _done(station.start)
        disk.begin(fault)
        return lambda: _done(disk.end)

    def _lay(self, name: str, port: PortSection) -> str:
        """Return what a station opens for a port: through the fault box where the rig says so."""
        return self.box.lay(name, port) if name in self.file.proxied else port.address or port.path

    def _open_broker(self) -> tuple[Broker | None, Ear | None]:
        if mosquitto() is None:
            return None, None
        broker = Broker(self.folder)
        self._stack.callback(broker.kill)
        broker.start()
        ear = Ear(broker.port, TOPICS).start()
        self._stack.callback(ear.close)
        return broker, ear

    def _stations(self, ports: Mapping[str, str], program: tuple[str, ...], mode: str) -> dict[str, Station]:
        possible = not persons_possible()
        accounts = rig_accounts(self.file.persons)
        key = self.folder / "far.key"
        key.touch(0o600)
        key.write_text(secrets.token_hex(32))
        mqtt = self.box.lay_tcp(BROKER, self._broker.port, "mqtt") if self._broker else "mqtt://127.0.0.1:9"
        users = write_user_files(self.folder, accounts) if possible else None
        around = Surroundings(program, ports, mqtt, key, mode, accounts, users, ROOT if _from_tree(program) else Path("/"))
        made: dict[str, Station] = {}
        for name, section in self.file.stations.items():
            home = self.folder / name
            home.mkdir(mode=0o711)
            made[name] = Station(name, section, home, around)
            made[name].write()
        return made


def _hanging(station: Station) -> Hanging:
    """Let a station's loop hang. Missing where it does not run, or where this machine lets nobody hold a process."""
    if station.process is None or not station.running:
        raise Missing(f"{station.name} does not run")
    try:
        return Hanging(station.process.pid)
    except OSError as why:
        raise Missing(str(why)) from why


def _clear_abandoned() -> None:
    """Remove the folders of runs that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        process = left.name.removeprefix(PREFIX).partition("-")[0]
        if process.isdecimal() and not Path("/proc", process).exists() and left.lstat().st_uid == os.geteuid():
            shutil.rmtree(left, ignore_errors=True)


def _from_tree(program: tuple[str, ...]) -> bool:
    """Whether the program is a module, which is found from the top of this tree, and not an installed command."""
    return "-m" in program


def _done(*works: Callable[[], object]) -> int:
    for work in works:
        work()
    return 1
