"""Faults on demand: one vocabulary for every layer and both kinds of rig, seeded, checked, and logged with monotonic time.

What it is: `Fault(kind, where, params, seed)`, the table of kinds with their parameters, and the log of what was injected. What carries
them out: hil.passage (serial lines, Modbus, TCP), hil.broker, hil.station (processes, power), hil.clock, hil.disk.
What it is not: what happens to the cable and the light; those are the verbs of a rig (shunt, cut, attenuate, ...).
The toxics of TCP follow the list of Toxiproxy (https://github.com/Shopify/toxiproxy#toxics), the exceptions "MODBUS Application Protocol"
V1.1b3, section 7.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple


class Layer(Enum):
    """Where a fault sits; a rig has it as a feature `fault:LAYER` or not."""

    SERIAL = "serial"
    MODBUS = "modbus"
    NET = "net"
    BROKER = "broker"
    DISK = "disk"
    CLOCK = "clock"
    PROCESS = "process"
    POWER = "power"


class Kind(Enum):
    """Every fault; the value begins with its layer."""

    BIT_ERRORS = "serial.bit-errors"
    DROP = "serial.drop"
    DUPLICATE = "serial.duplicate"
    DELAY = "serial.delay"
    TRUNCATE = "serial.truncate"
    GARBAGE = "serial.garbage"
    BREAK = "serial.break"
    STUCK = "serial.stuck"
    UNPLUG = "serial.unplug"
    EXCEPTION = "modbus.exception"
    WRONG_UNIT = "modbus.wrong-unit"
    WRONG_ID = "modbus.wrong-id"
    CRC = "modbus.crc"
    SHORT = "modbus.short"
    LATE = "modbus.late"
    LATENCY = "net.latency"
    BANDWIDTH = "net.bandwidth"
    SLOW_CLOSE = "net.slow-close"
    TIMEOUT = "net.timeout"
    RESET_PEER = "net.reset-peer"
    SLICER = "net.slicer"
    LIMIT_DATA = "net.limit-data"
    BROKER_STOP = "broker.stop"
    BROKER_BLACK_HOLE = "broker.black-hole"
    BROKER_RESET = "broker.reset"
    BROKER_SLOW = "broker.slow"
    BROKER_BAD_AUTH = "broker.bad-auth"
    BROKER_TAKE_OVER = "broker.take-over"
    CLOCK_STEP = "clock.step"
    CLOCK_DRIFT = "clock.drift"
    CLOCK_UNSYNCHRONISED = "clock.unsynchronised"
    PROCESS_STOP = "process.stop"  # all of it stands still (SIGSTOP)
    PROCESS_KILL = "process.kill"
    PROCESS_HANG = "process.hang"  # its loop stands still, its other threads run on (hil.hang)
    POWER_CUT = "power.cut"  # of the process alone: kill -9, and copies of its files; what was not synced is kept (not so with DISK_LOST)
    DISK_FULL = "disk.full"
    DISK_ERROR = "disk.error"
    DISK_SLOW = "disk.slow"
    DISK_LOST = "disk.lost"

    @property
    def layer(self) -> Layer:
        """Where it sits."""
        return Layer(self.value.partition(".")[0])


class Range(NamedTuple):
    """What a parameter may be; `usual` where it is left out."""

    usual: float
    least: float
    most: float


STRIKES = {"share": Range(1.0, 0.0, 1.0), "every": Range(1, 1, 1e6), "times": Range(1e9, 1, 1e9)}
FOR = {"for_s": Range(0.0, 0.0, 3600.0)}  # 0: until it is healed
SIZE = {"size": Range(4, 1, 4096)}
DELAY = {"delay_s": Range(0.3, 0.0, 60.0)}

# What each kind takes. Of answers: `share` of them, each `every`-th, at most `times`. Units stand in the name.
PARAMETERS: Mapping[Kind, Mapping[str, Range]] = {
    Kind.BIT_ERRORS: {**STRIKES, "bits": Range(1, 1, 256)},
    Kind.DROP: STRIKES,
    Kind.DUPLICATE: STRIKES,
    Kind.DELAY: {**STRIKES, **DELAY},
    Kind.TRUNCATE: {**STRIKES, **SIZE},
    Kind.GARBAGE: {**STRIKES, **SIZE},
    Kind.BREAK: STRIKES,
    Kind.STUCK: STRIKES,
    Kind.UNPLUG: FOR,
    Kind.EXCEPTION: {**STRIKES, "code": Range(4, 1, 11)},
    Kind.WRONG_UNIT: STRIKES,
    Kind.WRONG_ID: STRIKES,
    Kind.CRC: STRIKES,
    Kind.SHORT: STRIKES,
    Kind.LATE: {**STRIKES, **DELAY},
    Kind.LATENCY: {"latency_s": Range(0.1, 0.0, 60.0), "jitter_s": Range(0.0, 0.0, 60.0)},
    Kind.BANDWIDTH: {"bytes_per_s": Range(1000, 1, 1e9)},
    Kind.SLOW_CLOSE: DELAY,
    Kind.TIMEOUT: {"after_s": Range(0.0, 0.0, 3600.0)},
    Kind.RESET_PEER: {"after_s": Range(0.0, 0.0, 3600.0)},
    Kind.SLICER: {"size": Range(1, 1, 4096), "gap_s": Range(0.005, 0.0, 10.0)},
    Kind.LIMIT_DATA: {"size": Range(100, 1, 1e9)},
    Kind.BROKER_STOP: {},
    Kind.BROKER_BLACK_HOLE: {},
    Kind.BROKER_RESET: {},
    Kind.BROKER_SLOW: {"bytes_per_s": Range(2000, 1, 1e9)},
    Kind.BROKER_BAD_AUTH: {},
    Kind.BROKER_TAKE_OVER: {"times": Range(1, 1, 1000)},
    Kind.CLOCK_STEP: {"step_s": Range(3600.0, -1e10, 1e10)},
    Kind.CLOCK_DRIFT: {"rate": Range(1.01, 0.1, 10.0)},
    Kind.CLOCK_UNSYNCHRONISED: {},
    Kind.PROCESS_STOP: {},
    Kind.PROCESS_KILL: {},
    Kind.PROCESS_HANG: {},
    Kind.POWER_CUT: {},
    Kind.DISK_FULL: {"bytes": Range(0, 0, 1e12)},
    Kind.DISK_ERROR: {"call": Range(1, 1, 1e9)},
    Kind.DISK_SLOW: {"fsync_s": Range(0.5, 0.0, 3600.0)},
    Kind.DISK_LOST: {},
}


class FaultError(ValueError):
    """A fault that cannot be; the text has a line for each mistake."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `where` is a port of the rig, a station, or "broker"; FaultError names every parameter that cannot be."""

    kind: Kind
    where: str
    params: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1

    def __post_init__(self) -> None:
        mistakes = list(self._mistakes())
        if mistakes:
            raise FaultError("\n".join(mistakes))

    def _mistakes(self) -> Iterator[str]:
        known = PARAMETERS[self.kind]
        for name, value in self.params.items():
            if name not in known:
                yield f"{self.kind.value}: {name} is no parameter of it; it takes {', '.join(known) or 'none'}"
            elif not known[name].least <= value <= known[name].most:
                yield f"{self.kind.value}: {name} is {value:g}, it must be from {known[name].least:g} to {known[name].most:g}"

    def param(self, name: str) -> float:
        """Return a parameter as it was given, or its usual value."""
        return float(self.params.get(name, PARAMETERS[self.kind][name].usual))

    @property
    def document(self) -> dict[str, object]:
        """What stands in the log and in a replay."""
        return {"kind": self.kind.value, "where": self.where, "params": dict(self.params), "seed": self.seed}


@dataclass(slots=True)
class FaultLog:
    """What was injected and healed, in order, a JSON object a line; `t` is CLOCK_MONOTONIC, `utc_s` the wall clock for people."""

    path: Path | None = None
    entries: list[dict[str, object]] = field(default_factory=list)

    def note(self, what: str, fault: Fault, **more: object) -> None:
        """Keep one line."""
        self._keep({"t": time.monotonic(), "utc_s": time.time(), "what": what, **fault.document, **more})

    def note_act(self, verb: str, where: str, params: Mapping[str, float], done_t: float) -> None:
        """Keep what was done to the plant: its cable, light, contacts, feeds. It has no seed: nothing of it is left to chance."""
        self._keep({"t": done_t, "utc_s": time.time(), "what": "done", "kind": f"plant.{verb}", "where": where, "params": dict(params)})

    def _keep(self, entry: dict[str, object]) -> None:
        self.entries.append(entry)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
