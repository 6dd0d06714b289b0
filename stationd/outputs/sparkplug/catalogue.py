"""What the edge node will ever publish: its devices and their metrics, with types, units and aliases; and samples of them.

Plain data, so that the state machine needs no board. Names that a host could confuse are refused here, at the start, with the
sentence that says which two: identifiers and names of metrics that differ only by case (tck-id-case-sensitivity-sparkplug-ids,
tck-id-case-sensitivity-metric-names), and identifiers that cannot stand in a topic.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from stationd.core.model import PointId, Reason
from stationd.outputs.sparkplug.payload import DataType, Value

NODE = ""  # the device of a metric of the node itself
REBIRTH = "Node Control/Rebirth"
BIRTH_NUMBER = "bdSeq"
RESERVED = (REBIRTH, BIRTH_NUMBER)
_FORBIDDEN = "/+#\0"  # tck-id-topic-structure-namespace-valid-*: what MQTT reserves cannot be in an identifier
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


class Trust(IntEnum):
    """The quality codes of Sparkplug; there is none between GOOD and BAD."""

    BAD = 0
    GOOD = 192
    STALE = 500


@dataclass(frozen=True, slots=True)
class MetricKind:
    """One metric that will be published: its type and, where it has one, the unit of its numbers."""

    point: PointId
    datatype: DataType
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of one metric. `at_ms` is the UTC, in ms, of the exchange that brought the value, or of its loss.

    A value that is stale or could not be read is None: who looks at nothing but values never takes an old one for a new one.
    `last_good_ms` then says when the last good exchange was. A fresh value that is uncertain is there, and BAD: Sparkplug has no
    code between good and bad. `why` says what is wrong, in the words of the other outputs.
    """

    value: Value | None
    trust: Trust
    at_ms: int
    why: str = ""
    last_good_ms: int | None = None

    def same(self, other: Sample | None) -> bool:
        """Return True when a host would learn nothing from this sample that the other one has not said."""
        return other is not None and (self.value, self.trust, self.why) == (other.value, other.trust, other.why)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An edge node: its group, its own name, the metrics of each device and of the node itself. ValueError says what is wrong.

    With a `primary_host` nothing is published before that host is online.
    """

    group: str
    node: str
    devices: Mapping[str, tuple[MetricKind, ...]]
    own: tuple[MetricKind, ...] = ()
    primary_host: str = ""

    def __post_init__(self) -> None:
        for identifier in (self.group, self.node, *self.devices, *((self.primary_host,) if self.primary_host else ())):
            if not identifier or any(sign in identifier for sign in _FORBIDDEN):
                raise ValueError(f'"{identifier}" cannot be an identifier of Sparkplug: it must have a sign, and none of / + #')
        _refuse_alike("devices", self.devices)
        _refuse_alike("metrics of the node", (*RESERVED, *(kind.point.point for kind in self.own)))
        for device, kinds in self.devices.items():
            _refuse_alike(f"metrics of {device}", (kind.point.point for kind in kinds))

    def kinds(self) -> Mapping[PointId, MetricKind]:
        """Return every metric by its name, those of the node first."""
        return {kind.point: kind for kinds in (self.own, *self.devices.values()) for kind in kinds}

    def aliases(self) -> Mapping[PointId, int]:
        """Return the alias of every metric, unique over the whole node (tck-id-payloads-alias-uniqueness)."""
        return {point: number for number, point in enumerate(self.kinds(), start=1)}


def _refuse_alike(what: str, names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(name.casefold())
        if other is not None:
            how = "stands there twice" if other == name else f'differs from "{other}" only by case'
            raise ValueError(f'{what}: "{name}" {how}; names must differ by more, or a host may take one for the other')
        seen[name.casefold()] = name


def fitted(sample: Sample, kind: MetricKind) -> Sample:
    """Return the sample with its value as the type that was announced; a value that does not fit is bad, and no value."""
    if sample.value is None:
        return sample if sample.trust is not Trust.GOOD else replace(sample, trust=Trust.BAD)
    value = _as(sample.value, kind.datatype)
    if value is None:
        return replace(sample, value=None, trust=Trust.BAD, why=f"bad {Reason.MALFORMED.value}")
    return replace(sample, value=value)


def _as(value: Value, datatype: DataType) -> Value | None:
    match datatype, value:
        case (DataType.BOOLEAN, bool()) | (DataType.STRING, str()):
            return value
        case _, bool() | str():
            return None
        case DataType.DOUBLE, _:
            return float(value) if abs(value) <= sys.float_info.max else None  # neither infinite nor no number
        case DataType.INT64, int():
            return value if _SMALLEST <= value <= _LARGEST else None
        case _:
            return None
