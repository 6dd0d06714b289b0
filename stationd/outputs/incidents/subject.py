"""What an incident is about: the station, the line as built, and which points are kept, as which quantity. Pure.

Kept is what tells of the line: all of the power feeds and of the far station, levels, losses and pumps of the amplifiers, levels
and loss of the taps, contacts. Secrets are not among them: what is written here is listed by name, nothing is copied whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stationd.board import Board, Unit
from stationd.core.line.plan import LinePlan
from stationd.core.model import PointId
from stationd.driver import AMPLIFIER, POWER_FEED, TAP, Missing
from stationd.outputs.document import Document, Identity

FAR_STATION = "far-station"  # the role of the unit that shows what the far station measures
OF_AMPLIFIERS = frozenset(
    (
        "input_power", "output_power", "los", "fault", "gain", "pump_on", "return_loss", "apr_active",
        "pump1_current", "pump2_current", "mode",
    )
)
OF_TAPS = frozenset(("power", "los"))


@dataclass(frozen=True, slots=True)
class Quantity:
    """A point that is kept: its unit of measure, its kind of device, its role, its fibre pair, and whether the far station says it."""

    point: str
    unit: str
    kind: str
    role: str
    fibre_pair: int | None
    far: bool

    @property
    def name(self) -> str:
        """The quantity, as it names a file: that of the point without its device."""
        return self.point.rpartition(".")[2]

    @property
    def device(self) -> str:
        """The device."""
        return self.point.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Subject:
    """`line` are the facts of the line as built, in JSON's types: name, length, repeaters, both stations, demarcation."""

    identity: Identity
    quantities: tuple[Quantity, ...]
    line: Document = field(default_factory=dict)

    def plain(self) -> Document:
        """Return the facts that stand at the head of a record."""
        own = self.identity
        return {"station": own.name, "title": own.title, "mode": own.mode.value, "operator": own.operator, "line": dict(self.line)}


def subject_of(identity: Identity, board: Board, line: Mapping[str, object]) -> Subject:
    """Return what an incident of this station is about."""
    return Subject(identity, tuple(_quantities(board)), dict(line))


def line_facts(plan: LinePlan | None) -> Document:
    """Return the line as built; empty where the station has none."""
    if plan is None:
        return {}
    cable, own = plan.cable, plan.end
    return {
        "name": plan.name,
        "end": own.value,
        "ends": {own.value: plan.station, own.other.value: plan.far_station},
        "length_km": cable.length_km,
        "ohm_per_km": cable.ohm_per_km,
        "repeaters_km": list(cable.repeaters_km),
        "repeater_drop_v": cable.repeater_drop_v,
        "fed": cable.fed,
        "demarcation_km": plan.demarcation_km,
        "fibre_pairs": len(plan.pairs),
    }


def _quantities(board: Board) -> Iterator[Quantity]:
    for point, row in board.points.items():
        device = board.devices[point.device]
        if not isinstance(row.at, Missing) and _tells(device, point):
            far = device.role == FAR_STATION
            yield Quantity(str(point), row.unit, device.driver.kind.name, device.role, device.fibre_pair or _pair(point), far)


def _pair(point: PointId) -> int | None:
    """Return the fibre pair that a point of the far station names: fp1_receive."""
    named = re.match(r"fp(\d{1,3})_", point.point)
    return int(named[1]) if named else None


def _tells(device: Unit, point: PointId) -> bool:
    if device.driver.kind == AMPLIFIER:
        return point.point in OF_AMPLIFIERS
    if device.driver.kind == TAP:
        return point.point in OF_TAPS
    return device.driver.kind == POWER_FEED or device.role == FAR_STATION or "." not in point.point
