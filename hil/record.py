"""Measurements and their records: a value with its unit and limits, what it was measured on, and with what.

What it is: pure data. The fields of a record follow those of OpenHTF's test record (https://github.com/google/openhtf, measurements with
validators, marginal limits and dimensions, attachments with their SHA-1, station_id, dut_id, outcome), with what a bench needs beside them:
serial number, version and commit of the device under test, the hash of the rig file, the dates of calibration, the token of the lock.
What it is not: a runner; pytest runs.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any

FORMAT = "stationd-hil-1"


class Outcome(Enum):
    """How something ended. The worst of several is that of the whole, in this order; of a whole run see `whole`."""

    PASS = "PASS"  # noqa: S105 - a word of the record's format
    SKIP = "SKIP"
    MARGINAL = "MARGINAL"
    FAIL = "FAIL"
    NOTHING = "NOTHING RAN"  # everything was skipped: nothing is known of the device under test
    ERROR = "ERROR"  # of the rig: nothing is known of the device under test

    @property
    def word(self) -> str:
        """The outcome as one word, for a style."""
        return self.value.replace(" ", "-")

    @staticmethod
    def worst(outcomes: Iterable[Outcome]) -> Outcome:
        """Return the worst; PASS if there is none."""
        order = list(Outcome)
        return max(outcomes, key=order.index, default=Outcome.PASS)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value may be, in its own unit; None where there is no limit. Between a marginal limit and the limit it is MARGINAL."""

    lo: float | None = None
    hi: float | None = None
    marginal_lo: float | None = None
    marginal_hi: float | None = None

    def judge(self, value: float | None) -> Outcome:
        """Return how a value stands. What could not be measured fails, as what is not a number does."""
        if value is None or value != value or _below(value, self.lo) or _below(self.hi, value):
            return Outcome.FAIL
        if _below(value, self.marginal_lo) or _below(self.marginal_hi, value):
            return Outcome.MARGINAL
        return Outcome.PASS

    @property
    def validators(self) -> list[str]:
        """The limits in words, as OpenHTF writes them."""
        if self.lo is None and self.hi is None:
            return []
        low, high = ("" if each is None else f"{each:g}" for each in (self.lo, self.hi))
        if not low or not high:
            return [f"x <= {high}" if high else f"{low} <= x"]
        return [f"{low} <= x <= {high}"]


def _below(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a trace runs over: its name and unit."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A curve: (x, y) points. `kind` says how it is drawn: "line", or "points" (events, distributions)."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: str = "line"


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves over one axis, with limit curves beside them; `limits` are further traces, drawn as limits."""

    title: str
    x: Dimension
    y: Dimension
    traces: Sequence[Trace]
    limits: Sequence[Trace] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value (None: it could not be measured), its limits, and the curve that it comes from.

    `usual` are the scenario's own limits where the rig has put others in their place: beyond those it is at best MARGINAL. `left_out` is
    the reason why this rig does not measure it at all, which is counted and does not fail.
    """

    name: str
    value: float | None
    unit: str
    limits: Limits = field(default_factory=Limits)
    dimensions: Sequence[Dimension] = ()
    plot: Plot | None = None
    usual: Limits | None = None
    left_out: str = ""

    @property
    def outcome(self) -> Outcome:
        """PASS, MARGINAL or FAIL; SKIP where it was left out."""
        if self.left_out:
            return Outcome.SKIP
        judged = self.limits.judge(self.value)
        return Outcome.MARGINAL if judged is Outcome.PASS and self.beyond_usual else judged

    @property
    def beyond_usual(self) -> bool:
        """Whether only the rig's own limits let it pass."""
        return self.usual is not None and self.usual.judge(self.value) is Outcome.FAIL

    @property
    def document(self) -> dict[str, Any]:
        """The measurement as it stands in a record."""
        limits = self.limits
        return {
            "name": self.name,
            "measured_value": self.value,
            "units": self.unit,
            "validators": limits.validators,
            "lo": limits.lo,
            "hi": limits.hi,
            "marginal_lo": limits.marginal_lo,
            "marginal_hi": limits.marginal_hi,
            "outcome": self.outcome.value,
            "marginal": self.outcome is Outcome.MARGINAL,
            "dimensions": [{"name": each.name, "unit": each.unit} for each in self.dimensions],
            **({"scenario_validators": self.usual.validators} if self.usual else {}),
            **({"left_out": self.left_out} if self.left_out else {}),
        }


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a record: its bytes are named by their SHA-1, as OpenHTF does. It proves that they are the same, no more."""

    name: str
    data: bytes
    mimetype: str = "text/plain"

    @property
    def sha1(self) -> str:
        """The name of the bytes."""
        return hashlib.sha1(self.data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Bench:
    """What every record of a run has in common: on what, with what, and under whose lock it was measured."""

    station_id: str  # of the bench, not of the station under test: OpenHTF's word
    dut_id: str
    rig: str
    rig_sha256: str
    version: str
    git_sha: str
    config_sha256: Mapping[str, str]
    calibrated: Mapping[str, date]
    lock_token: str
    person: str  # who was present; empty on a rig without voltage
    load_serial: str
    overdue: Sequence[str] = ()  # sentences about instruments whose calibration is too old, or unknown
    trouble: str = ""  # why the rig itself failed, if it did


@dataclass(frozen=True, slots=True)
class Record:
    """One scenario: what was measured, what was injected, and how it ended."""

    name: str
    outcome: Outcome
    start_utc_s: float
    duration_s: float
    measurements: Sequence[Measurement] = ()
    attachments: Sequence[Attachment] = ()
    faults: Sequence[Mapping[str, object]] = ()
    detail: str = ""  # the reason of a skip or a failure
    replay: str = ""  # the one command that plays it again
    lateness_ms: float | None = None  # by how much this machine overslept at worst meanwhile


def whole(records: Sequence[Record], trouble: str = "") -> Outcome:
    """Return how a run stands: what was skipped does not count, and where nothing else is, nothing ran."""
    if trouble:
        return Outcome.ERROR
    ran = [each.outcome for each in records if each.outcome is not Outcome.SKIP]
    return Outcome.worst(ran) if ran else Outcome.NOTHING


def document(bench: Bench, records: Sequence[Record]) -> dict[str, Any]:
    """Return the whole run as JSON can have it."""
    return {
        "format": FORMAT,
        "outcome": whole(records, bench.trouble).value,
        "station_id": bench.station_id,
        "dut_id": bench.dut_id,
        "metadata": {
            "rig": bench.rig,
            "rig_sha256": bench.rig_sha256,
            "stationd_version": bench.version,
            "git_sha": bench.git_sha,
            "config_sha256": dict(bench.config_sha256),
            "calibrated": {name: day.isoformat() for name, day in bench.calibrated.items()},
            "lock_token": bench.lock_token,
            "person": bench.person,
            "load_serial": bench.load_serial,
            **({"overdue": list(bench.overdue)} if bench.overdue else {}),
            **({"trouble": bench.trouble} if bench.trouble else {}),
        },
        "skipped": sum(each.outcome is Outcome.SKIP for each in records),
        "phases": [_phase(each) for each in records],
    }


def _phase(record: Record) -> dict[str, Any]:
    return {
        "name": record.name,
        "outcome": record.outcome.value,
        "start_time_millis": round(record.start_utc_s * 1000),
        "end_time_millis": round((record.start_utc_s + record.duration_s) * 1000),
        "measurements": {each.name: each.document for each in record.measurements},
        "attachments": {each.name: {"mimetype": each.mimetype, "sha1": each.sha1} for each in record.attachments},
        "faults": [dict(each) for each in record.faults],
        "detail": record.detail,
        "replay": record.replay,
        **({} if record.lateness_ms is None else {"machine_late_ms": round(record.lateness_ms, 1)}),
    }


def as_json(bench: Bench, records: Sequence[Record]) -> str:
    """Return the run as text, keys in their order, so that two records can be compared line by line."""
    return json.dumps(_finite(document(bench, records)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Return the same as JSON can have it: what is not a number is told in a word, and loses nobody the rest of the record."""
    match value:
        case dict():
            return {str(key): _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case float() if not math.isfinite(value):
            return str(value)
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)
