"""hil/rigs/NAME.toml: what a rig is made of, read strictly. Every mistake is told at once.

What it is: the section `[hil]` as frozen data. The other sections ([cable], [port.*], [device.*], [[fault]]) are those of `stationd sim`,
which reads the same file and leaves `[hil]` alone. Texts of the form @NAME@ stand for the address of a port of a simulated plant.
What it is not: a station's configuration; that is a template in hil/stations, whose @port:NAME@ are filled in by hil.station.
Units stand in the key's name. The keys are explained in hil/README.md.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from hil.checking import Table, meant

RIGS = Path(__file__).with_name("rigs")
PLACE = re.compile(r"@([a-z0-9-]+)@")
SIMULATION = ("cable", "port", "device", "fault")
HIGHEST_V, HIGHEST_MA = 1500.0, 2000.0  # no bench of ours has a supply beyond that; a ceiling above it is a slip of the pen


class Kind(Enum):
    """What a rig is: everything simulated, or real ports (which may lead to a simulated plant in another process)."""

    SIM = "sim"
    BENCH = "bench"


class Way(Enum):
    """How something of a bench is reached."""

    CONTROL = "control"  # the control port of `stationd sim`
    MODBUS_COIL = "modbus-coil"  # a relay box, Modbus TCP
    SCPI = "scpi"  # an instrument behind a TCP port, a line a command
    HTTP = "http"  # a network power switch
    LABGRID = "labgrid"  # a driver of the labgrid environment, by its name


class RigFileError(Exception):
    """A rig file with mistakes; `problems` has a line for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class PortSection:
    """`[hil.port.NAME]`: exactly one of a device file (by id), an address tcp://HOST:PORT, or a resource of labgrid."""

    path: str = ""
    address: str = ""
    resource: str = ""
    speed: int = 9600
    protocol: str = "text"


@dataclass(frozen=True, slots=True)
class StationSection:
    """`[hil.station.NAME]`: a device under test. `template` is relative to the rig file's folder."""

    template: Path
    end: str
    feed: str  # name of its power feed in the station file
    pairs: int
    far: str = ""  # the station at the other end, empty if there is none


@dataclass(frozen=True, slots=True)
class Act:
    """`[hil.act.VERB]` or `[hil.meter.NAME]`: how one thing of the bench is done or measured.

    `command` is what is sent, with {fields}; `settles_s` how long after the answer it is certainly done; `outputs` coils by their name;
    `inverted` that a coil that draws opens its contact: without current everything is as in service.
    """

    way: Way
    address: str = ""
    command: str = ""
    settles_s: float = 0.0
    scale: float = 1.0
    outputs: Mapping[str, int] = field(default_factory=dict)
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Safety:
    """`[hil.safety]`: what a bench with voltage on it must have (V and I above 0 mean that there is such a bench).

    `interlock` reads the loop: True is closed. `off` takes the voltage away whatever stationd does. `supply` reads the limits that are
    set in the supply itself.
    """

    voltage_v: float
    current_ma: float
    load_serial: str
    interlock: Act | None = None
    off: Act | None = None
    supply_voltage: Act | None = None
    supply_current: Act | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """`[hil.limit.NAME]`: a rig's own limits of a measurement, instead of those of the scenario."""

    unit: str
    lo: float | None = None
    hi: float | None = None
    marginal_lo: float | None = None
    marginal_hi: float | None = None


@dataclass(frozen=True, slots=True)
class RigFile:
    """A whole rig that passed every check."""

    name: str
    path: Path
    sha256: str
    kind: Kind
    title: str
    stations: Mapping[str, StationSection]
    ports: Mapping[str, PortSection]
    acts: Mapping[str, Act]
    meters: Mapping[str, Act]
    limits: Mapping[str, Limit]
    light: Mapping[str, str]
    calibrated: Mapping[str, date]
    safety: Safety | None
    proxied: tuple[str, ...]
    latches: bool
    labgrid: str
    place: str
    program: tuple[str, ...]
    persons: tuple[str, ...]
    simulated: str

    @property
    def folder(self) -> Path:
        """Where the file is."""
        return self.path.parent


VERBS = ("power", "load", "shunt", "cut", "repair", "attenuate", "contact", "feed", "truth", "written")


def find(name: str) -> Path:
    """Return the file of a rig by its name or path. RigFileError says which there are."""
    path = Path(name) if name.endswith(".toml") else RIGS / f"{name}.toml"
    if not path.is_file():
        known = tuple(sorted(each.stem for each in RIGS.glob("*.toml")))
        raise RigFileError((f"there is no rig {name!r}{meant(name, known)}",))
    return path


def load(path: Path, addresses: Mapping[str, str] | None = None) -> RigFile:
    """Read a rig file; `addresses` fill in its @NAME@. RigFileError names every mistake, OSError when it cannot be read."""
    text = path.read_bytes()
    try:
        raw = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RigFileError((f"{path.name}: {error}",)) from error
    return parse(raw if addresses is None else filled(raw, addresses), path, hashlib.sha256(text).hexdigest())


def simulated_of(path: Path) -> str:
    """Return which rig file a simulated bench starts first, empty for none: its other keys wait for the addresses of that."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    hil = raw.get("hil")
    return str(hil.get("simulated", "")) if isinstance(hil, dict) else ""


def filled(raw: Any, addresses: Mapping[str, str]) -> Any:
    """Return the same with every @NAME@ in a text replaced; those that nobody knows stay and are told by `parse`."""
    match raw:
        case dict():
            return {key: filled(value, addresses) for key, value in raw.items()}
        case list():
            return [filled(value, addresses) for value in raw]
        case str():
            return PLACE.sub(lambda found: addresses.get(found[1], found[0]), raw)
        case _:
            return raw


def parse(raw: Mapping[str, Any], path: Path, sha256: str = "") -> RigFile:
    """Return the rig of a parsed file; RigFileError names every mistake in it."""
    problems = [f"{path.name}: {key}: unknown section{meant(key, (*SIMULATION, 'hil'))}" for key in raw if key not in (*SIMULATION, "hil")]
    hil = Table(raw.get("hil", {}), f"{path.name}: hil", problems)
    rig = _rig(hil, path, sha256)
    hil.close()
    _check(rig, raw, hil)
    if problems:
        raise RigFileError(tuple(problems))
    return rig


def _rig(hil: Table, path: Path, sha256: str) -> RigFile:
    kind = hil.text("kind", known=[each.value for each in Kind])
    return RigFile(
        name=path.stem,
        path=path,
        sha256=sha256,
        kind=Kind(kind) if kind in (each.value for each in Kind) else Kind.SIM,
        title=hil.text("title", path.stem),
        stations={name: _station(table, path.parent) for name, table in hil.tables("station").items()},
        ports={name: _port(table) for name, table in hil.tables("port").items()},
        acts={name: _act(table) for name, table in hil.tables("act").items()},
        meters={name: _act(table) for name, table in hil.tables("meter").items()},
        limits={name: _limit(table) for name, table in hil.tables("limit").items()},
        light={name: str(source) for name, source in hil.table("light").rest().items()},
        calibrated=_days(hil.table("calibrated")),
        safety=_safety(hil.table("safety")) if hil.has("safety") else None,
        proxied=hil.words("proxied"),
        latches=hil.flag("latches", True),
        labgrid=hil.text("labgrid", ""),
        place=hil.text("place", ""),
        program=hil.words("program"),
        persons=hil.words("persons", ("aliya", "nurlan")),
        simulated=hil.text("simulated", ""),
    )


def _station(table: Table, folder: Path) -> StationSection:
    section = StationSection(
        folder / table.text("template"),
        table.text("end", known=("a", "b")),
        table.text("feed", "pfe"),
        int(table.number("pairs", 1, 0, 64)),
        table.text("far", ""),
    )
    if table.has("template") and not section.template.is_file():
        table.wrong("template", f"there is no file {section.template}")
    table.close()
    return section


def _port(table: Table) -> PortSection:
    section = PortSection(
        table.text("path", ""),
        table.text("address", ""),
        table.text("resource", ""),
        int(table.number("speed", 9600, 300, 4_000_000)),
        table.text("protocol", known=("text", "frame68", "modbus-rtu", "modbus-tcp")),
    )
    given = [key for key in ("path", "address", "resource") if table.has(key)]
    if len(given) != 1:
        table.wrong("", f"needs exactly one of path, address, resource; it has {', '.join(given) or 'none'}")
    if section.address and not section.address.startswith(("tcp://", "socket://", "@")):
        table.wrong("address", f"{section.address!r} must begin with tcp:// (Modbus) or socket:// (a line behind a network serial server)")
    table.close()
    return section


def _act(table: Table) -> Act:
    way = table.text("way", known=[each.value for each in Way])
    outputs = {name: int(coil) for name, coil in table.table("outputs").rest().items() if isinstance(coil, int)}
    act = Act(
        Way(way) if way in (each.value for each in Way) else Way.CONTROL,
        table.text("address", ""),
        table.text("command", ""),
        table.number("settles_s", 0.0, 0.0, 60.0),
        table.number("scale", 1.0),
        outputs,
        table.flag("inverted", False),
    )
    if act.way is not Way.LABGRID and not act.address:
        table.wrong("address", "is missing; where the instrument or the relay box is")
    if act.way in (Way.SCPI, Way.HTTP, Way.LABGRID) and not act.command:
        table.wrong("command", f"is missing; {act.way.value} needs the command or the driver's name")
    if act.way is Way.MODBUS_COIL and not outputs:
        table.wrong("outputs", "is missing; for example outputs = { pfe = 0 }")
    table.close()
    return act


def _limit(table: Table) -> Limit:
    names = ("lo", "hi", "marginal_lo", "marginal_hi")
    limit = Limit(table.text("unit"), *(table.optional(name) for name in names))
    if limit.lo is not None and limit.hi is not None and limit.lo > limit.hi:
        table.wrong("lo", f"{limit.lo:g} is above hi = {limit.hi:g}")
    table.close()
    return limit


def _days(table: Table) -> Mapping[str, date]:
    return {name: table.day(name) for name in table.rest()}


def _safety(table: Table) -> Safety:
    acts = {key: _act(table.table(key)) if table.has(key) else None for key in ("interlock", "off", "supply_voltage", "supply_current")}
    safety = Safety(
        table.number("voltage_v", least=0.0, most=HIGHEST_V),
        table.number("current_ma", least=0.0, most=HIGHEST_MA),
        table.text("load_serial"),
        acts["interlock"],
        acts["off"],
        acts["supply_voltage"],
        acts["supply_current"],
    )
    for key, act in acts.items():
        if act is None:
            table.wrong(key, "is missing; a bench with voltage on it is not used without (ruling: ceilings, interlock, off on any exit)")
    table.close()
    return safety


def _check(rig: RigFile, raw: Mapping[str, Any], hil: Table) -> None:
    """Note what is wrong between the sections."""
    _check_kind(rig, hil)
    known = (*raw.get("port", {}), *rig.ports)
    for name in rig.proxied:
        if name not in known:
            hil.wrong("proxied", f"there is no port {name!r}{meant(name, known)}")
    for verb in rig.acts:
        if verb not in VERBS:
            hil.wrong(f"act.{verb}", f"unknown{meant(verb, VERBS)}")
    if len(rig.persons) < 2:
        hil.wrong("persons", "needs two; what energises a line is done by two")
    if rig.place and not rig.labgrid:
        hil.wrong("place", "a place is labgrid's; it needs labgrid = FILE")
    for name in sorted({*PLACE.findall(str(raw.get("hil", {})))}):
        hil.wrong("", f"@{name}@ is no port of the simulated plant{meant(name, ('control',))}")


def _check_kind(rig: RigFile, hil: Table) -> None:
    if not rig.stations:
        hil.wrong("station", "there is none; at least one station is under test")
    if rig.kind is Kind.SIM and rig.ports:
        hil.wrong("port", "a simulated rig finds its ports by itself; name them in [port.*]")
    if rig.kind is Kind.BENCH and rig.safety is None:
        hil.wrong("safety", "is missing; a bench has ceilings for voltage and current, an interlock and a way to switch off")
