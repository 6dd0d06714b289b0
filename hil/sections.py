"""The sections of a rig file as frozen data, and how each is read: ports, stations, acts and meters, limits, safety.

What it is: the parts that hil.rigfile puts together. The keys are explained in hil/README.md. What it is not: a check between sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path

from hil.checking import Table

HIGHEST_V, HIGHEST_MA = 1500.0, 2000.0  # no bench of ours has a supply beyond that; a ceiling above it is a slip of the pen


class Way(Enum):
    """How something of a bench is reached."""

    CONTROL = "control"  # the control port of `stationd sim`
    MODBUS_COIL = "modbus-coil"  # a relay box, Modbus TCP
    SCPI = "scpi"  # an instrument behind a TCP port, a line a command
    HTTP = "http"  # a network power switch
    LABGRID = "labgrid"  # a driver of the labgrid environment, by its name


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
    `inverted` that a coil that draws opens its contact: without current everything is as in service; `answered` that an instrument
    answers every line by itself ("E0" of a FuG), and knows no *OPC?.
    """

    way: Way
    address: str = ""
    command: str = ""
    settles_s: float = 0.0
    scale: float = 1.0
    outputs: Mapping[str, int] = field(default_factory=dict)
    inverted: bool = False
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Supply:
    """`[hil.safety.supply.END]`: how the limits that are set in the supply of an end are read."""

    voltage: Act
    current: Act


@dataclass(frozen=True, slots=True)
class Safety:
    """`[hil.safety]`: what a bench with voltage on it must have (V and I above 0 mean that there is such a bench).

    `interlock` reads the loop: True is closed. `off` takes the voltage away whatever stationd does. `supplies` by their ends, a or b.
    """

    voltage_v: float
    current_ma: float
    load_serial: str
    interlock: Act | None = None
    off: Act | None = None
    supplies: Mapping[str, Supply] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limit:
    """`[hil.limit.NAME]`: a rig's own limits of a measurement, instead of those of the scenario."""

    unit: str
    lo: float | None = None
    hi: float | None = None
    marginal_lo: float | None = None
    marginal_hi: float | None = None


def read_station(table: Table, folder: Path) -> StationSection:
    """Read `[hil.station.NAME]`; a template is looked for from the rig file's folder."""
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


def read_port(table: Table) -> PortSection:
    """Read `[hil.port.NAME]`."""
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


def read_act(table: Table) -> Act:
    """Read `[hil.act.VERB]`, `[hil.meter.NAME]`, or another that is done or asked in these ways."""
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
        table.flag("answered", False),
    )
    if act.way is not Way.LABGRID and not act.address:
        table.wrong("address", "is missing; where the instrument or the relay box is")
    if act.way in (Way.SCPI, Way.HTTP, Way.LABGRID) and not act.command:
        table.wrong("command", f"is missing; {act.way.value} needs the command or the driver's name")
    if act.way is Way.MODBUS_COIL and not outputs:
        table.wrong("outputs", "is missing; for example outputs = { pfe = 0 }")
    table.close()
    return act


def read_limit(table: Table) -> Limit:
    """Read `[hil.limit.NAME]`."""
    names = ("lo", "hi", "marginal_lo", "marginal_hi")
    limit = Limit(table.text("unit"), *(table.optional(name) for name in names))
    if limit.lo is not None and limit.hi is not None and limit.lo > limit.hi:
        table.wrong("lo", f"{limit.lo:g} is above hi = {limit.hi:g}")
    table.close()
    return limit


def read_days(table: Table) -> Mapping[str, date]:
    """Read `[hil.calibrated]`."""
    return {name: table.day(name) for name in table.rest()}


def read_safety(table: Table) -> Safety:
    """Read `[hil.safety]`."""
    acts = {key: read_act(table.table(key)) if table.has(key) else None for key in ("interlock", "off")}
    safety = Safety(
        table.number("voltage_v", least=0.0, most=HIGHEST_V),
        table.number("current_ma", least=0.0, most=HIGHEST_MA),
        table.text("load_serial"),
        acts["interlock"],
        acts["off"],
        {end: _supply(each) for end, each in table.tables("supply").items()},
    )
    for key, act in acts.items():
        if act is None:
            table.wrong(key, "is missing; a bench with voltage on it is not used without (ruling: ceilings, interlock, off on any exit)")
    for end in safety.supplies:
        if end not in ("a", "b"):
            table.wrong(f"supply.{end}", "is no end of a line; a or b")
    table.close()
    return safety


def _supply(table: Table) -> Supply:
    for key in ("voltage", "current"):
        if not table.has(key):
            table.wrong(key, "is missing; how the limit that is set in the supply is read")
    supply = Supply(*(read_act(table.table(key)) if table.has(key) else Act(Way.CONTROL) for key in ("voltage", "current")))
    table.close()
    return supply
