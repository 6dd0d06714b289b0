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
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from hil.checking import Table, meant
from hil.sections import (
    Act,
    Limit,
    PortSection,
    Safety,
    StationSection,
    Supply,
    Way,
    read_act,
    read_days,
    read_limit,
    read_port,
    read_safety,
    read_station,
)

__all__ = ["RIGS", "VERBS", "Act", "Kind", "Limit", "PortSection", "RigFile", "RigFileError", "Safety", "StationSection", "Supply", "Way",
           "filled", "find", "load", "parse", "simulated_of"]  # fmt: skip

RIGS = Path(__file__).with_name("rigs")
PLACE = re.compile(r"@([a-z0-9-]+)@")
SIMULATION = ("cable", "port", "device", "fault")


class Kind(Enum):
    """What a rig is: everything simulated, or real ports (which may lead to a simulated plant in another process)."""

    SIM = "sim"
    BENCH = "bench"


class RigFileError(Exception):
    """A rig file with mistakes; `problems` has a line for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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
    calibration_days: float = 365.0

    @property
    def folder(self) -> Path:
        """Where the file is."""
        return self.path.parent

    @property
    def real(self) -> bool:
        """Whether there may be voltage on it: a bench, and not one that a process simulates."""
        return self.kind is Kind.BENCH and not self.simulated

    @property
    def fed_ends(self) -> tuple[str, ...]:
        """The ends of the line that a supply feeds."""
        return tuple(sorted({each.end for each in self.stations.values() if each.feed}))

    @property
    def energises(self) -> bool:
        """Whether scenarios of class 4 can run on it: those need a feed that is set by hand, or at least the way to set one."""
        return any(name.partition(".")[0] == "feed" for name in self.acts)

    def act(self, verb: str, end: str = "") -> Act | None:
        """Return how a verb is done at an end: `[hil.act."VERB.END"]` before `[hil.act.VERB]`."""
        return self.acts.get(f"{verb}.{end}") or self.acts.get(verb)

    def missing(self, verb: str) -> str:
        """Return what the file lacks for a verb, at any end where it would be needed; empty where it has all."""
        if verb in self.acts:
            return ""
        lacking = [f'"{verb}.{end}"' for end in self.fed_ends if f"{verb}.{end}" not in self.acts]
        none = len(lacking) == len(self.fed_ends)
        return f"the rig file has no [hil.act.{verb if none else lacking[0]}]" if lacking or none else ""


VERBS = ("power", "load", "shunt", "cut", "repair", "attenuate", "contact", "feed", "written")


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
        stations={name: read_station(table, path.parent) for name, table in hil.tables("station").items()},
        ports={name: read_port(table) for name, table in hil.tables("port").items()},
        acts={name: read_act(table) for name, table in hil.tables("act").items()},
        meters={name: read_act(table) for name, table in hil.tables("meter").items()},
        limits={name: read_limit(table) for name, table in hil.tables("limit").items()},
        light={name: str(source) for name, source in hil.table("light").rest().items()},
        calibrated=read_days(hil.table("calibrated")),
        safety=read_safety(hil.table("safety")) if hil.has("safety") else None,
        proxied=hil.words("proxied"),
        latches=hil.flag("latches", True),
        labgrid=hil.text("labgrid", ""),
        place=hil.text("place", ""),
        program=hil.words("program"),
        persons=hil.words("persons", ("aliya", "nurlan")),
        simulated=hil.text("simulated", ""),
        calibration_days=hil.number("calibration_days", 365.0, 1.0, 3660.0),
    )


def _check(rig: RigFile, raw: Mapping[str, Any], hil: Table) -> None:
    """Note what is wrong between the sections."""
    _check_kind(rig, hil)
    known = (*raw.get("port", {}), *rig.ports)
    for name in rig.proxied:
        if name not in known:
            hil.wrong("proxied", f"there is no port {name!r}{meant(name, known)}")
    for verb in rig.acts:
        name, _, end = verb.partition(".")
        if name not in VERBS or end not in ("", "a", "b"):
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
    if rig.real and not rig.latches:
        hil.wrong("latches", "must be true; what fails on a real bench is looked at before anybody uses it again")
    if rig.kind is Kind.BENCH and rig.energises:
        _check_class_4(rig, hil)


def _check_class_4(rig: RigFile, hil: Table) -> None:
    """Note what a bench lacks whose line may be energised: at each end that is fed the limits of its supply and both meters."""
    for end in rig.fed_ends:
        if rig.safety is not None and end not in rig.safety.supplies:
            hil.wrong(f"safety.supply.{end}", "is missing; where a line is energised, the limits set in each supply are read first")
        for meter in (f"{end}.voltage_v", f"{end}.current_ma"):
            if meter not in rig.meters:
                hil.wrong(f'meter."{meter}"', "is missing; where a line is energised, voltage and current of each end are watched")
