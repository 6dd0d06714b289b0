"""The sections of `station.toml` as frozen models: every key with its type, limits, default and meaning.

Names mirror the file: `[bus.pfe] baud` is `config.bus["pfe"].baud`. Nothing is converted: "19200" is not a number and true
is not 1. [sampler] stands in stationd.config.sampling, [pfe.*] and [amplifier.*] in stationd.config.machines. What concerns
several keys or sections is checked in stationd.config.devices, .line, .light and .machine_checks; what the limits protect from
is a slip of a digit or a unit, never a design value. [E] marks an assumption of ours that a station may change; [M] a figure to be
checked against the maker's document.

The `examples` of a key without a default also stand in for it while the rest of a faulty section is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, PlainValidator

from stationd.config import values
from stationd.config.machines import Amplifier, PowerFeed
from stationd.config.sampling import Sampler
from stationd.config.strict import STRICT, FibrePair
from stationd.driver import Protocol


class Mode(Enum):
    """What is at the other end of the wires. It labels; it never relaxes a rule."""

    LIVE = "live"
    SIM = "sim"
    HIL = "hil"


class Profile(Enum):
    """Whether the line has repeaters that are fed through the cable."""

    REPEATERED = "repeatered"
    UNREPEATERED = "unrepeatered"


class End(Enum):
    """Which end of the line this station is; distances are counted from end a."""

    A = "a"
    B = "b"


class Parity(Enum):
    """The parity bit of a serial line."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


class Role(Enum):
    """What a device does for the line."""

    PFE = "pfe"
    BOOSTER = "booster"
    PREAMP = "preamp"
    RAMAN = "raman"
    ROPA_PUMP = "ropa-pump"
    LINE = "line"
    IO = "io"


class Reach(Enum):
    """Where the cause of an alarm is looked for; the meaning is that of stationd.core.alarm.type."""

    SAME = "same"
    BUS = "bus"
    PAIR = "pair"
    FEED = "feed"
    LINE = "line"
    STATION = "station"


class Share(Enum):
    """What the far station's operator may know of this end."""

    FEED = "feed"
    LIGHT = "light"
    EVENTS = "events"
    ALARMS = "alarms"
    OPERATIONS = "operations"


class Severity(Enum):
    """How bad an alarm is, the words of ITU-T X.733 and RFC 8632."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


Name = Annotated[str, AfterValidator(values.name)]
Secret = Annotated[str, AfterValidator(values.secret)]
TopicWord = Annotated[str, AfterValidator(values.topic_word)]
Account = Annotated[str, AfterValidator(values.account)]
Text = Annotated[str, Field(max_length=200)]
PositionKm = Annotated[float, Field(gt=0.0, le=20_000.0)]
Rating = Annotated[float, Field(gt=0.0, le=1_000_000.0)]


class Station(BaseModel):
    """This station."""

    model_config = STRICT

    name: Annotated[Name, Field(description="id in topics and labels", examples=["aktau"])]
    title: Annotated[Text, Field(description="name as people write it; empty: the name")] = ""
    mode: Annotated[Mode, Field(strict=False, description="label in every prompt, header and JSON")] = Mode.LIVE
    time_zone: Annotated[
        str, AfterValidator(values.time_zone), Field(description="zone of the times that people read; data are UTC")
    ] = "UTC"
    read_only: Annotated[bool, Field(description="true: provably no write leaves the box")] = True
    operator: Annotated[Text, Field(description="who runs the station")] = ""
    emergency_button: Annotated[
        str, Field(min_length=1, max_length=200, description="where the button is that works without this program; said in refusals")
    ] = "the red emergency-off button of the power feed equipment"
    local_switch: Annotated[
        str | None,
        AfterValidator(values.point_or_none),
        Field(description="contact of the local/remote key switch, true: local; not set: not wired"),
    ] = None
    state: Annotated[
        str, AfterValidator(values.file_path), Field(description="directory of the journal: alarms, events, audit, history, outbox")
    ] = "/var/lib/stationd"


class Line(BaseModel):
    """The sea cable that ends here. Absent: no line model, no fault location."""

    model_config = STRICT

    name: Annotated[Name, Field(description="id of the line in labels")] = "line"
    profile: Annotated[
        Profile,
        Field(strict=False, description="fed repeaters in the cable, or none", examples=["repeatered"]),
    ]
    length_km: Annotated[float, Field(gt=0.0, le=20_000.0, description="length of the cable", examples=[341.0])]
    end: Annotated[End, Field(strict=False, description="which end this station is", examples=["a"])]
    far_station: Annotated[Name | None, Field(description="name of the station at the other end")] = None
    fibre_pairs: Annotated[FibrePair, Field(description="fibre pairs of the cable")] = 1
    # 0.6-1.4 ohm/km are known of real cables [E]; the true value is fitted at commissioning.
    conductor_ohm_per_km: Annotated[
        float, Field(gt=0.0, le=10.0, description="resistance of the power conductor")
    ] = 1.0
    repeaters_km: Annotated[
        tuple[PositionKm, ...], Field(strict=False, description="positions from end a, ascending")
    ] = ()
    repeater_drop_v: Annotated[float, Field(ge=0.0, le=500.0, description="voltage of one repeater at nominal current")] = 40.0
    # 2-5 ohm at each station [E]; what it may be off by is part of the stated interval of a fault.
    sea_earth_ohm: Annotated[float, Field(ge=0.0, le=100.0, description="resistance of the earth bed of each station")] = 3.5
    sea_earth_doubt_ohm: Annotated[float, Field(ge=0.0, le=100.0, description="each bed is within so much of sea_earth_ohm")] = 1.5
    # 0.18-0.27 uF/km by the coaxial formula with usual dimensions [E]; only an insulated break is located by it.
    capacitance_uf_per_km: Annotated[float, Field(gt=0.0, le=5.0, description="capacitance of the conductor to the sea")] = 0.2
    demarcation_km: Annotated[
        float, Field(ge=0.0, le=20_000.0, description="from here on it is sea cable: is the fault ours?")
    ] = 0.0
    capacity_tbps: Annotated[float | None, Field(gt=0.0, le=100_000.0, description="design capacity, shown only")] = None


class FarStation(BaseModel):
    """How both ends trust each other, and what this one tells. Absent: the ends know nothing of each other."""

    model_config = STRICT

    key: Annotated[
        Secret, Field(description="the same secret at both ends, at least 16 bytes; it signs all messages", examples=["credential:far.key"])
    ]
    # 2 s is the age at which far data refuses to arm and holds a running operation; 10 s is for slow leased lines [E]. A station
    # speaks once a second, so that less than 1.5 s would be missing half of the time.
    max_age_s: Annotated[float, Field(ge=1.5, le=10.0, description="older far data counts as missing")] = 2.0
    # In double-end feed each end may have to bear the whole voltage of the line, also the one that this file does not describe.
    max_v: Annotated[
        float | None, Field(gt=0.0, le=15_000.0, description="max_v of the far feed; not set: no feed from both ends is armed")
    ] = None
    share: Annotated[
        tuple[Annotated[Share, Field(strict=False)], ...],
        Field(strict=False, description="what the far operator is told: feed | light | events | alarms | operations"),
    ] = tuple(Share)


class Bus(BaseModel):
    """One port, and what is spoken on it."""

    model_config = STRICT

    port: Annotated[
        str,
        AfterValidator(values.port),
        Field(
            description="serial port, tcp:// (Modbus TCP) or socket:// (serial port behind a gateway)",
            examples=["/dev/serial/by-id/usb-FTDI_USB-RS485_A1-if00-port0"],
        ),
    ]
    protocol: Annotated[Protocol, Field(strict=False, description="what the units speak", examples=["modbus-rtu"])]
    baud: Annotated[int, Field(ge=300, le=4_000_000, description="speed in bit/s, also of the line behind a gateway")] = 19200
    parity: Annotated[Parity, Field(strict=False, description="parity bit; 8 data bits always")] = Parity.NONE
    stop_bits: Annotated[int, Field(ge=1, le=2, description="stop bits")] = 1
    rs485: Annotated[bool, Field(description="the kernel switches the transmitter (TIOCSRS485)")] = False
    connect_timeout_s: Annotated[float, Field(ge=0.1, le=60.0, description="longest wait for the port to open")] = 3.0


class Device(BaseModel):
    """One unit on a bus, or one channel of it."""

    model_config = STRICT

    driver: Annotated[str, Field(description="name of the catalogue: stationd drivers", examples=["ea-ps10000"])]
    bus: Annotated[str, Field(description="name of a [bus.NAME]", examples=["pfe"])]
    address: Annotated[int, Field(ge=0, le=247, description="address on the bus; without meaning on point-to-point lines")] = 1
    channel: Annotated[int, Field(ge=1, le=255, description="which amplifier, path or channel of the unit")] = 1
    role: Annotated[
        Role | None, Field(strict=False, description="what it does for the line; not set: pfe, line or io by its kind")
    ] = None
    fibre_pair: Annotated[FibrePair | None, Field(description="fibre pair that it serves")] = None
    dialect: Annotated[str | None, Field(description="variant of the protocol; not set: the driver's first")] = None
    ratings: Annotated[
        Mapping[str, Rating], Field(description="nameplate values by name, for drivers that scale by them")
    ] = Field(default_factory=dict)


class Alarm(BaseModel):
    """One alarm: a point and the condition that raises it. Exactly one of below, above and equals."""

    model_config = STRICT

    type: Annotated[str, AfterValidator(values.alarm_type), Field(description="kind of alarm", examples=["LOW-OUTPUT"])]
    point: Annotated[
        str,
        AfterValidator(values.point),
        Field(description="device.point that is watched", examples=["fp1-booster.output_power"]),
    ]
    below: Annotated[float | None, Field(description="raised below this value, in the point's unit")] = None
    above: Annotated[float | None, Field(description="raised above this value, in the point's unit")] = None
    equals: Annotated[
        bool | int | float | str | None, PlainValidator(values.plain), Field(description="raised at this value or word")
    ] = None
    deadband: Annotated[float, Field(ge=0.0, description="how far back it must come to clear, in the point's unit")] = 0.0
    on_delay_s: Annotated[float, Field(ge=0.0, le=86_400.0, description="how long before it is raised")] = 0.0
    off_delay_s: Annotated[float, Field(ge=0.0, le=86_400.0, description="how long before it is cleared")] = 0.0
    count: Annotated[
        int | None, Field(ge=2, le=100, description="raised as well when the limit was passed so often within_s, however briefly")
    ] = None
    within_s: Annotated[float | None, Field(gt=0.0, le=86_400.0, description="the time in which count passes of the limit raise it")] = None
    severity: Annotated[Severity, Field(strict=False, description="how bad it is")] = Severity.MAJOR


class Suppression(BaseModel):
    """While a cause stands, its effects are folded under it. Adds to the links that stationd has by itself; types, not points."""

    model_config = STRICT

    cause: Annotated[str, AfterValidator(values.alarm_type), Field(description="type that explains", examples=["MAINS-FAIL"])]
    effect: Annotated[str, AfterValidator(values.alarm_type), Field(description="type that is explained", examples=["ROOM-TEMPERATURE"])]
    reach: Annotated[Reach, Field(strict=False, description="where the cause is looked for, seen from the effect")] = Reach.STATION
    hold_back_s: Annotated[
        float, Field(ge=0.0, le=60.0, description="effects wait so long for their cause; never less than its period and delay")
    ] = 1.5
    hold_off_s: Annotated[float, Field(ge=0.0, le=3600.0, description="how long after it a cause still explains")] = 60.0
    within_s: Annotated[float, Field(gt=0.0, le=86_400.0, description="what begins later after its cause is not explained by it")] = 300.0


class Mqtt(BaseModel):
    """The broker that receives readings and events. Absent: nothing is published."""

    model_config = STRICT

    url: Annotated[
        str,
        AfterValidator(values.broker),
        Field(description="mqtts://host:port (TLS) or mqtt://host:port", examples=["mqtts://broker.example:8883"]),
    ]
    sparkplug: Annotated[bool, Field(description="also a second connection, as an edge node of Sparkplug B")] = True
    group: Annotated[TopicWord, Field(description="Sparkplug group")] = "caspian"
    primary_host: Annotated[
        TopicWord | None, Field(description="Sparkplug host that must be online before anything is sent; not set: none")
    ] = None
    username: Annotated[Text | None, Field(min_length=1, description="login at the broker")] = None
    password: Annotated[Secret | None, Field(description="reference to its secret")] = None
    client_id: Annotated[TopicWord | None, Field(description="client id; not set: the station's name")] = None
    authorities: Annotated[
        str | None, AfterValidator(values.file_path), Field(description="file of certificates to trust; not set: the system's")
    ] = None
    keepalive_s: Annotated[int, Field(ge=5, le=1200, description="longest silence on the connection")] = 10


class Prometheus(BaseModel):
    """The page of metrics. Absent: nothing listens."""

    model_config = STRICT

    listen: Annotated[
        str, AfterValidator(values.listener), Field(description="host:port; port 0: the system chooses")
    ] = "127.0.0.1:9464"


class Control(BaseModel):
    """The socket of stationctl. Absent: nothing listens."""

    model_config = STRICT

    socket: Annotated[
        str, AfterValidator(values.socket_path), Field(description="path of the Unix socket")
    ] = "/run/stationd/io.stationd"
    # Two persons and a record of who did what are worth nothing where several people are the same user.
    shared_accounts: Annotated[
        tuple[Account, ...], Field(strict=False, description="users that are several people: they may write notes, and nothing more")
    ] = ("tech",)


@dataclass(frozen=True, slots=True)
class StationConfig:
    """A whole configuration that passed every check. A section that the file leaves out is None or empty."""

    station: Station
    line: Line | None
    far_station: FarStation | None
    bus: Mapping[str, Bus]
    device: Mapping[str, Device]
    pfe: Mapping[str, PowerFeed]
    amplifier: Mapping[str, Amplifier]
    sampler: Sampler | None
    alarm: tuple[Alarm, ...]
    suppression: tuple[Suppression, ...]
    mqtt: Mqtt | None
    prometheus: Prometheus | None
    control: Control | None
