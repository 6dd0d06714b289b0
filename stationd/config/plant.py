"""The whole file as drafts: every section read by itself, so that one broken section leaves the others to be checked.

A misspelt section is reported and then read as the one that was meant; a table of names that cannot be read is `unread`,
and nothing that refers to it is called missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from stationd.config import values
from stationd.config.draft import Draft, pair, read, unknown_key
from stationd.config.machines import Amplifier, PowerFeed
from stationd.config.model import (
    Alarm,
    Bus,
    Control,
    Device,
    FarStation,
    Line,
    Mqtt,
    Prometheus,
    Station,
    StationConfig,
    Suppression,
)
from stationd.config.problem import Finding, Path, listed, shown, written
from stationd.config.sampling import Calibration, Channel, Sampler

Section = TypeVar("Section", bound=BaseModel)
# In the order in which the shipped files and `stationd check --defaults` show them.
SECTIONS: Mapping[str, type[BaseModel]] = {
    "station": Station,
    "line": Line,
    "far_station": FarStation,
    "bus": Bus,
    "device": Device,
    "pfe": PowerFeed,
    "amplifier": Amplifier,
    "sampler": Sampler,
    "alarm": Alarm,
    "suppression": Suppression,
    "mqtt": Mqtt,
    "prometheus": Prometheus,
    "control": Control,
}


@dataclass(frozen=True, slots=True)
class Plant:
    """What a file says, as far as it could be read, and the findings of the reading."""

    station: Draft[Station]
    line: Draft[Line] | None
    far_station: Draft[FarStation] | None
    bus: Mapping[str, Draft[Bus]]
    device: Mapping[str, Draft[Device]]
    pfe: Mapping[str, Draft[PowerFeed]]
    amplifier: Mapping[str, Draft[Amplifier]]
    sampler: Draft[Sampler] | None
    calibration: Mapping[str, Draft[Calibration]]
    channel: tuple[Draft[Channel], ...]
    alarm: tuple[Draft[Alarm], ...]
    suppression: tuple[Draft[Suppression], ...]
    mqtt: Draft[Mqtt] | None
    prometheus: Draft[Prometheus] | None
    control: Draft[Control] | None
    unread: frozenset[str]
    findings: tuple[Finding, ...]

    def config(self) -> StationConfig:
        """Return the configuration; only right when there are no findings of any check."""
        sampler = _item(self.sampler)
        parts = {
            "calibration": {name: draft.item for name, draft in self.calibration.items()},
            "channel": tuple(each.item for each in self.channel),
        }
        return StationConfig(
            station=self.station.item,
            line=_item(self.line),
            far_station=_item(self.far_station),
            bus={name: draft.item for name, draft in self.bus.items()},
            device={name: draft.item for name, draft in self.device.items()},
            pfe={name: draft.item for name, draft in self.pfe.items()},
            amplifier={name: draft.item for name, draft in self.amplifier.items()},
            sampler=sampler and sampler.model_copy(update=parts),
            alarm=tuple(each.item for each in self.alarm),
            suppression=tuple(each.item for each in self.suppression),
            mqtt=_item(self.mqtt),
            prometheus=_item(self.prometheus),
            control=_item(self.control),
        )


@dataclass(slots=True)
class _Reader:
    """Reads sections of one file and gathers what is wrong with them."""

    raw: dict[str, object]
    findings: list[Finding] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)

    def table(self, model: type[Section], name: str) -> Draft[Section] | None:
        """Read a section that the file may leave out."""
        return self.entry(model, self.raw[name], (name,)) if name in self.raw else None

    def entry(self, model: type[Section], raw: object, path: Path) -> Draft[Section]:
        """Read one table and keep its findings."""
        draft, findings = read(model, raw, path)
        self.findings += findings
        return draft

    def named(self, model: type[Section], section: str) -> dict[str, Draft[Section]]:
        """Read the tables [section.NAME]."""
        return self.tables(model, self.raw.get(section, {}), (section,))

    def tables(self, model: type[Section], raw: object, path: Path) -> dict[str, Draft[Section]]:
        """Read the tables [path.NAME]."""
        tables = {name: each for name, each in raw.items() if isinstance(each, dict)} if isinstance(raw, dict) else {}
        if not isinstance(raw, dict):
            self._unreadable(path, shown(raw), "must be tables with a name", f"write [{written(path)}.NAME]")
        elif len(tables) < len(raw):
            strays = listed(written((key,)) for key in raw if key not in tables)
            where = written(path)
            self._unreadable(path, "", f"{strays}: stands in no table", f"[{where}] needs a name: [{where}.NAME]")
        return {
            name: self.entry(model, each, (*path, name))
            for name, each in tables.items()
            if not self._dotted(model, each, (*path, name))
        }

    def listed(self, model: type[Section], raw: object, path: Path) -> tuple[Draft[Section], ...]:
        """Read the tables of [[path]]."""
        if not isinstance(raw, list):
            where = written(path)
            self._unreadable(path, shown(raw), "must be a list of tables", f"write [[{where}]]")
            return ()
        return tuple(self.entry(model, each, (*path, place)) for place, each in enumerate(raw, 1))

    def _unreadable(self, path: Path, value: str, reason: str, hint: str) -> None:
        self.unread.add(written(path))
        self.findings.append(Finding(path, value, reason, hint))

    def _dotted(self, model: type[BaseModel], raw: Mapping[str, object], path: Path) -> bool:
        """Tell whether a name with a dot in it, [device.fp1.booster], made a table of tables."""
        if not raw or not all(isinstance(each, dict) and key not in model.model_fields for key, each in raw.items()):
            return False
        better = written((*path[:-1], f"{path[-1]}-{next(iter(raw))}"))
        self.findings.append(Finding(path, "", "a name must not have a dot in it", f"for example [{better}]"))
        self.unread.add(written(path[:-1]))
        return True


def plant_of(raw: Mapping[str, object]) -> Plant:
    """Read a parsed file; what is wrong in any section is in the plant's findings."""
    reader = _Reader({})
    reader.raw = _sections(raw, reader)
    station = reader.entry(Station, reader.raw.get("station", {}), ("station",))
    sampler, calibration, channel = _sampler(reader)
    line, far_station = reader.table(Line, "line"), reader.table(FarStation, "far_station")
    bus, device, pfe = reader.named(Bus, "bus"), reader.named(Device, "device"), reader.named(PowerFeed, "pfe")
    amplifier = reader.named(Amplifier, "amplifier")
    alarm = reader.listed(Alarm, reader.raw.get("alarm", []), ("alarm",))
    suppression = reader.listed(Suppression, reader.raw.get("suppression", []), ("suppression",))
    mqtt, prometheus = reader.table(Mqtt, "mqtt"), reader.table(Prometheus, "prometheus")
    control = reader.table(Control, "control")
    for path, names in ((("bus",), bus), (("device",), device), (("sampler", "calibration"), calibration)):
        reader.findings += _names([((*path, name), name) for name in names])
    reader.findings += _names([((*each.path, "name"), each.item.name) for each in channel if each.sound("name")])
    return Plant(
        station, line, far_station, bus, device, pfe, amplifier, sampler, calibration, channel, alarm, suppression, mqtt, prometheus,
        control, frozenset(reader.unread), tuple(reader.findings),
    )  # fmt: skip


def _sections(raw: Mapping[str, object], reader: _Reader) -> dict[str, object]:
    """Return the file's sections, misspelt ones under the name that was meant."""
    absent = [section for section in SECTIONS if section not in raw]
    unknown, certain = pair(
        [section for section in raw if section not in SECTIONS],
        absent,
        [section for section in absent if section == "station"],
        SECTIONS,
    )
    for section, meant in unknown.items():
        reader.findings.append(unknown_key(section, raw[section], meant, SECTIONS, ()))
    if not certain:
        reader.unread.update(absent)
    sections: dict[str, object] = {}
    for section, each in raw.items():
        name = unknown.get(section) or section
        other = sections.get(name, {})
        if isinstance(each, dict) and isinstance(other, dict):
            sections[name] = {**other, **each}
        elif name == section or name not in sections:
            sections[name] = each
    return sections


def _sampler(reader: _Reader) -> tuple[Draft[Sampler] | None, dict[str, Draft[Calibration]], tuple[Draft[Channel], ...]]:
    raw = reader.raw.get("sampler")
    if not isinstance(raw, dict):
        return reader.table(Sampler, "sampler"), {}, ()
    apart = ("calibration", "channel")
    path: Path = ("sampler",)
    draft = reader.entry(Sampler, {key: each for key, each in raw.items() if key not in apart}, path)
    if not draft.sound(*apart):  # a misspelt key may be one of them
        reader.unread.update(written((*path, key)) for key in apart if key not in raw)
    calibration = reader.tables(Calibration, raw.get("calibration", {}), (*path, "calibration"))
    return draft, calibration, reader.listed(Channel, raw.get("channel", []), (*path, "channel"))


def _names(entries: Iterable[tuple[Path, str]]) -> list[Finding]:
    """Check names: what they are made of, and that no two are the same but for the case of their letters."""
    first: dict[str, str] = {}
    findings = []
    for path, name in entries:
        value = shown(name) if path[-1] != name else ""
        twin = first.get(name.lower())
        first.setdefault(name.lower(), name)
        if twin is not None:
            reason = "is there twice" if name == twin else f"differs from {shown(twin)} only by case"
            findings.append(Finding(path, value, reason, "names must differ by more than case"))
        else:
            findings += _misspelt(path, name, value)
    return findings


def _misspelt(path: Path, name: str, value: str) -> list[Finding]:
    try:
        values.name(name)
    except PydanticCustomError as error:
        context = error.context or {}
        return [Finding(path, value, f"{'' if value else 'a name '}{context['reason']}", context["hint"])]
    return []


def _item(draft: Draft[Section] | None) -> Section | None:
    return draft.item if draft else None
