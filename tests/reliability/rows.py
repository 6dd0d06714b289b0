"""THE table of the goals: number, fault class, what proves it. To add a proof, add its module here.

A module has `prove(share) -> Iterable[Figure]`. A row without one is measured elsewhere, by the command of `BY`, and read from the file
that `elsewhere` names. `beside` rows wait more than they work, and run beside those that are not `timed`; the timed ones run one after the
other when all others have ended, so that what they measure is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SYSTEMD = "build/systemd.json"  # what the booted tier writes (tests/systemd)
FUZZ = "build/fuzz.json"
COVERAGE = "build/coverage.json"
BY = {SYSTEMD: "make test-systemd", FUZZ: "make fuzz", COVERAGE: "make coverage"}


@dataclass(frozen=True, slots=True)
class Row:
    """One goal. `most_s` is when its proof is ended as one that hangs, at the CI's share."""

    fault: str
    module: str = ""
    elsewhere: str = ""
    beside: bool = False
    timed: bool = False
    most_s: float = 600.0

    @property
    def command(self) -> str:
        """Return what measures it where it is measured elsewhere."""
        return BY.get(self.elsewhere, "")


ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "R1": Row("kill -9 at random points", "kills", timed=True),
        "R2": Row("power cut after every call to the disk", "power_cut"),
        "R3": Row("I/O errors, a full and a read-only disk", "disk_faults", timed=True),
        "R4": Row("bus faults, each kind on each driver", "bus_faults", most_s=900.0),
        "R5": Row("fuzzed parsers", elsewhere=FUZZ),
        "R6": Row("soak", "soak", beside=True, most_s=900.0),
        "R7": Row("each task and thread hangs", elsewhere=SYSTEMD),
        "R8": Row("clocks that jump", "clocks", timed=True),
        "R9": Row("broker outages", "broker", beside=True),
        "R10": Row("malformed requests at the control socket", "control_socket", timed=True),
        "R11": Row("slow-loris at the metrics page", "slow_loris", timed=True),
        "R12": Row("flood of packets", "flood", timed=True),
        "R13": Row("limits of the machine", "machine_limits", timed=True),
        "R14": Row("boot without network, time, broker, bus, or with a corrupt journal", elsewhere=SYSTEMD),
        "R15": Row("upgrade and downgrade with alarms active", elsewhere=SYSTEMD),
        "R16": Row("sandbox", elsewhere=SYSTEMD),
        "R17": Row("deterministic simulation, seeded", "simulation"),
        "R18": Row("alarms and outbox against a model", "against_model"),
        "R19": Row("coverage", elsewhere=COVERAGE),
        "R20": Row("warnings, asyncio's debug mode, sanitizers", "no_warnings"),
    }
)
