"""The vocabulary of a driver: a unit's manual as a table of points.

Everything here is data. How a table is read and written is the business of stationd.device; what may be written, and when,
that of stationd.core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from stationd.core.model import Value
from stationd.wire import frame68, registers, text
from stationd.wire.modbus import Table

NO_NUMBERS: Mapping[str, float | None] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Register:
    """A place in a Modbus unit by wire address (0-based). Written Holding(n), Input(n), Coil(n), Discrete(n)."""

    table: Table
    address: int


def Holding(address: int) -> Register:
    """Return a holding register by wire address (4xxxx in documents)."""
    return Register(Table.HOLDING, address)


def Input(address: int) -> Register:
    """Return an input register by wire address (3xxxx in documents)."""
    return Register(Table.INPUT, address)


def Coil(address: int) -> Register:
    """Return a coil by wire address (0xxxx in documents)."""
    return Register(Table.COIL, address)


def Discrete(address: int) -> Register:
    """Return a discrete input by wire address (1xxxx in documents)."""
    return Register(Table.DISCRETE, address)


@dataclass(frozen=True, slots=True)
class Query:
    """A text command. For reading: "MV?"; for writing a template with the raw value: "PV {value:.2f}"."""

    command: str


@dataclass(frozen=True, slots=True)
class Binary:
    """A command of the 0x68 protocol; `per_channel` puts the device's channel in front of the arguments."""

    command: int
    arguments: bytes = b""
    per_channel: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """A point that the kind promises and this unit does not have: always shown as missing, with the reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Sampled:
    """A value that no exchange of ours asks for: the optical sampler makes it of each window, or the far station tells it."""


At = Register | Query | Binary | Sampled | Missing
Format = registers.Format | text.Field | frame68.Cell | None


@dataclass(frozen=True, slots=True)
class Point:
    """One row of a driver's table: where a value stands, how it is read, in which unit, how often.

    The raw number goes through `mask` (its bits, shifted down), then `values` (a word or truth for each raw number) or
    `scale` and `offset`, and is multiplied by the rating named by `of`. A mask without `values` gives True when any of its
    bits is set. `limits` are in `unit`; `rated_limits` are (rating, lowest, highest) in shares of that rating; outside, a
    reading is uncertain and a write is refused. `put` is where a write goes when it is not `at`; `read_back` the point
    that shows the effect of a write when it is not the point itself; `tolerance` the difference (in `unit`) that still
    counts as agreement.
    """

    name: str
    at: At
    fmt: Format = None
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    of: str = ""
    mask: int | None = None
    values: Mapping[Value, Value] | None = None
    every_s: float = 1.0
    access: str = "r"
    limits: tuple[float, float] | None = None
    rated_limits: tuple[str, float, float] | None = None
    put: At | None = None
    read_back: str = ""
    tolerance: float = 0.0
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What every device of a kind offers: name and unit of each point. A point that a unit lacks is Missing."""

    name: str
    required: Mapping[str, str]
    optional: Mapping[str, str]


POWER_FEED = Kind(
    "pfe",
    {
        "output_current": "mA",
        "output_voltage": "V",
        "current_setpoint": "mA",
        "output_on": "",
        "remote": "",
        "regulation": "",
        "fault": "",
        "interlock": "",
    },
    {"voltage_setpoint": "V", "output_power": "W", "ramp_rate": "mA/s", "case_temperature": "degC"},
)
AMPLIFIER = Kind(
    "amplifier",
    {"input_power": "dBm", "output_power": "dBm", "pump_on": "", "los": "", "fault": ""},
    {
        "gain": "dB",
        "gain_setpoint": "dB",
        "output_setpoint": "dBm",
        "mode": "",
        "pump1_current": "mA",
        "pump2_current": "mA",
        "pump1_temperature": "degC",
        "pump2_temperature": "degC",
        "case_temperature": "degC",
        "return_loss": "dB",
        "apr_active": "",
    },
)
INPUT_OUTPUT = Kind("io", {}, {})
TAP = Kind("tap", {"power": "dBm", "power_min": "dBm", "power_max": "dBm", "los": ""}, {})  # an input of the optical sampler
KINDS = (POWER_FEED, AMPLIFIER, INPUT_OUTPUT)  # what a driver of the catalogue can be


class Protocol(Enum):
    """What a bus can speak; the words of `[bus.*] protocol`."""

    MODBUS_RTU = "modbus-rtu"
    MODBUS_TCP = "modbus-tcp"
    TEXT = "text"
    FRAME68 = "frame68"


@dataclass(frozen=True, slots=True)
class Driver:
    """A unit's manual as a table, and at most two functions.

    `decode[name]` turns a raw number into the point's value (None: below what the unit can measure); `prepare_write` turns
    (point name, raw value) into the raw value that is sent, or raises FrameError with the reason.
    """

    model: str
    kind: Kind
    protocols: tuple[Protocol, ...]
    points: tuple[Point, ...]
    manual: str
    max_block: int = 125
    max_gap: int = 8
    gap_s: float = 0.0  # silence that the unit wants before each question
    answer_s: float = 0.3  # how long it may take to begin its answer, until that is learned
    late_s: float = 1.0  # how late its worst answer can come; never under 1 s
    settle_s: float = 0.5  # how long a written value may take until the unit shows it
    dialects: Mapping[str, text.Dialect] = field(default_factory=dict)  # the first is the default
    ratings: Mapping[str, float | None] = field(default_factory=lambda: NO_NUMBERS)  # name -> default; None = the configuration must say
    channels: int = 1
    addresses: tuple[int, int] = (0, 0)  # lowest and highest address on a shared line; (0, 0) = point to point
    decode: Mapping[str, Callable[[float], float | None]] = field(default_factory=dict)
    prepare_write: Callable[[str, float | str], float | str] | None = None

    def point(self, name: str) -> Point | None:
        """Return the point of that name, or None."""
        return next((point for point in self.points if point.name == name), None)
