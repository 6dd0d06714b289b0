"""RIG.toml: which simulated equipment there is, on which ports, at which end of which cable.

What it is: the file's sections as frozen models, their checks (all mistakes at once, each with file, key and reason), and the
rig of the demonstration. What it is not: a station's configuration; see stationd.config.
Units stand in the key's name. An example is shipped beside this file, example_rig.toml.
"""

from __future__ import annotations

import difflib
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stationd.driver import Protocol
from stationd.sim.cable import KB_330, S1_341, TC_380, CableParameters, End
from stationd.sim.line import LineSettings
from stationd.sim.optics import Role
from stationd.sim.wire_faults import FaultKind

STRICT = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
TEST_SETS = {"tc-380": TC_380, "s1-341": S1_341, "kb-330": KB_330}
EXAMPLE = Path(__file__).with_name("example_rig.toml")

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Seconds = Annotated[float, Field(ge=0.0, le=1e6)]


class RigError(Exception):
    """A rig file with mistakes; `problems` has one line for each: file, key, reason."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Cable(BaseModel):
    """`[cable]`: a test set by name, or explicit figures. Distances are counted from end a."""

    model_config = STRICT

    test_set: str | None = None
    length_km: Annotated[float, Field(gt=0.0)] | None = None
    repeaters_km: Annotated[tuple[float, ...], Field(strict=False)] = ()
    conductor_ohm_per_km: Annotated[float, Field(gt=0.0)] = 1.0
    repeater_drop_v: Annotated[float, Field(ge=0.0)] = 40.0
    sea_earth_ohm: Annotated[float, Field(ge=0.0)] = 0.0
    earth_potential_v: float = 0.0
    fibre_pairs: Annotated[int, Field(ge=1, le=64)] = 8

    def parameters(self) -> CableParameters:
        """Return the cable; ValueError says what cannot be."""
        if self.test_set is not None:
            if self.test_set not in TEST_SETS:
                raise ValueError(f"test_set {self.test_set!r} is unknown; known: {', '.join(TEST_SETS)}")
            return TEST_SETS[self.test_set]
        if self.length_km is None:
            raise ValueError("needs a test_set or a length_km")
        return CableParameters(
            self.length_km,
            self.repeaters_km,
            conductor_ohm_per_km=self.conductor_ohm_per_km,
            repeater_drop_v=self.repeater_drop_v,
            sea_earth_ohm=self.sea_earth_ohm,
            earth_potential_v=self.earth_potential_v,
        )


class Port(BaseModel):
    """`[port.NAME]`: a paced pseudo-terminal, or a TCP port (Modbus TCP, or a paced line behind a network serial server)."""

    model_config = STRICT

    link: Literal["pty", "tcp"] = "pty"
    protocol: Annotated[Protocol, Field(strict=False)]
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 19200
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Annotated[int, Field(ge=1, le=2)] = 1
    tcp_port: Annotated[int, Field(ge=0, le=65535)] = 0

    @property
    def line(self) -> LineSettings:
        """How the characters of the port look on the wire."""
        return LineSettings(self.baud, self.parity, self.stop_bits, self.protocol is Protocol.MODBUS_RTU)


class Device(BaseModel):
    """`[device.NAME]`: one unit, or one channel of a unit, on a port."""

    model_config = STRICT

    port: str
    driver: str
    address: Annotated[int, Field(ge=0, le=247)] = 1
    channel: Annotated[int, Field(ge=1, le=255)] = 1
    end: Annotated[End, Field(strict=False)] = End.A
    role: Literal["pfe", "booster", "preamp", "raman", "ropa-pump", "io"] | None = None
    fibre_pair: Annotated[int, Field(ge=1, le=64)] | None = None
    dialect: str | None = None
    ratings: Mapping[str, Annotated[float, Field(gt=0.0)]] = Field(default_factory=dict)
    lacks: Annotated[frozenset[str], Field(strict=False)] = frozenset()  # of amonics-aedfa
    illegal: Annotated[frozenset[int], Field(strict=False)] = frozenset()  # holding registers that a Modbus unit does not have
    registers: Annotated[int, Field(ge=1, le=10_000)] = 40  # of driver "registers"
    answer_ms: Annotated[float, Field(ge=0.0, le=60_000.0)] = 0.0  # longer thinking before each answer
    los_lag_s: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0  # an amplifier notices lost light so much later
    shutdown_s: Annotated[float, Field(gt=0.0, le=10.0)] | None = None  # a booster is off so long after its pair receives nothing

    @property
    def amplifier(self) -> tuple[End, int, Role]:
        """The amplifier of the plant that it is."""
        assert self.fibre_pair is not None
        assert self.role is not None
        return self.end, self.fibre_pair, Role(self.role)


class Fault(BaseModel):
    """`[[fault]]`: a fault of the wire (kinds of FaultKind) or of the port, from `after_s` on, for `for_s` or for good."""

    model_config = STRICT

    port: str
    kind: str
    after_s: Seconds = 0.0
    for_s: Seconds | None = None
    every: Annotated[int, Field(ge=1)] = 1
    share: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    times: Annotated[int, Field(ge=1)] | None = None
    unit: Annotated[int, Field(ge=0, le=255)] | None = None
    delay_s: Seconds = 0.5
    size: Annotated[int, Field(ge=1, le=4096)] = 4


PORT_FAULTS = ("hang-up", "stopped", "black-hole")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a simulated unit needs of its section."""

    protocols: tuple[Protocol, ...]
    roles: tuple[str, ...]
    ratings: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    addressed: bool = False  # several units may share the line
    channels: int = 1


LACKS = ("input-monitor", "mode-switch")
AMPLIFIERS = ("booster", "preamp", "raman", "ropa-pump")
MODBUS = (Protocol.MODBUS_RTU, Protocol.MODBUS_TCP)
TEXT = (Protocol.TEXT,)
RULES: Mapping[str, Rule] = {
    "fug-probus5": Rule(TEXT, ("pfe",), ("voltage_v", "current_ma"), ("lf", "crlf", "cr", "lfcr")),
    "ea-ps10000": Rule(MODBUS, ("pfe",), ("voltage_v", "current_ma", "power_w"), addressed=True),
    "tdk-genesys": Rule(TEXT, ("pfe",), ("voltage_v", "current_ma"), ("plain", "checksum"), addressed=True),
    "spellman-xrv": Rule(TEXT, ("pfe",), ("voltage_v", "current_ma"), ("serial", "lan")),
    "keopsys-cefa": Rule(TEXT, AMPLIFIERS, dialects=("cr", "nul", "crlf")),
    "fiberlabs": Rule(TEXT, AMPLIFIERS, dialects=("cr", "lf"), channels=4),
    "amonics-aedfa": Rule(TEXT, AMPLIFIERS, dialects=("crlf",), channels=9),
    "edfa68": Rule((Protocol.FRAME68,), AMPLIFIERS, channels=8),
    "modbus-io": Rule(MODBUS, ("io",), addressed=True),
    "registers": Rule(MODBUS, ("io",), addressed=True),
}


LIGHT = {End.A: "light-a", End.B: "light-b"}


@dataclass(frozen=True, slots=True)
class Rig:
    """A whole rig that passed every check."""

    cable: Cable
    port: Mapping[str, Port]
    device: Mapping[str, Device]
    fault: tuple[Fault, ...] = ()
    light: Mapping[End, str] = field(default_factory=lambda: LIGHT)  # by what names the light of each end is found, beside the ports

    def at(self, end: End) -> Mapping[str, Device]:
        """Return the devices of one station."""
        return {name: device for name, device in self.device.items() if device.end is end}


def load_rig(path: Path) -> Rig:
    """Read a rig file; RigError names every mistake in it, OSError when it cannot be read."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RigError((f"{path.name}: {error}",)) from error
    return parse_rig(raw, path.name)


def parse_rig(raw: Mapping[str, Any], file: str = "rig") -> Rig:
    """Return the rig of a parsed file; RigError names every mistake in it."""
    problems = [f"{file}: {key}: unknown section{_meant(key, SECTIONS)}" for key in raw if key not in SECTIONS]
    cable = _model(Cable, raw.get("cable", {}), f"{file}: cable", problems)
    ports = _table(Port, raw.get("port", {}), f"{file}: port", problems)
    devices = _table(Device, raw.get("device", {}), f"{file}: device", problems)
    listed = raw.get("fault", [])
    if not isinstance(listed, list):
        problems.append(f"{file}: fault: must be a list, [[fault]]")
        listed = []
    faults = [_model(Fault, one, f"{file}: fault[{place}]", problems) for place, one in enumerate(listed, 1)]
    if problems or cable is None:
        raise RigError(tuple(problems))
    rig = Rig(cable, ports, devices, tuple(fault for fault in faults if fault is not None))
    wrong = tuple(f"{file}: {each}" for each in check(rig))
    if wrong:
        raise RigError(wrong)
    return rig


SECTIONS = ("cable", "port", "device", "fault", "hil")  # [hil] is what the test rigs add, and is theirs to check
Section = TypeVar("Section", bound=BaseModel)


def _table(model: type[Section], raw: object, where: str, problems: list[str]) -> dict[str, Section]:
    if not isinstance(raw, dict):
        problems.append(f"{where}: must be a table of named sections")
        return {}
    read = {name: _model(model, one, f"{where}.{name}", problems) for name, one in raw.items()}
    return {name: section for name, section in read.items() if section is not None}


def _model(model: type[Section], raw: object, where: str, problems: list[str]) -> Section | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            key = ".".join((where, *map(str, each["loc"])))
            reason = each["msg"][:1].lower() + each["msg"][1:]
            if each["type"] == "extra_forbidden":
                reason = "unknown key" + _meant(str(each["loc"][-1]), model.model_fields)
            elif each["type"] != "missing":
                reason += f", not {each['input']!r}"
            problems.append(f"{key}: {reason}")
    return None


def _meant(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else f"; known: {', '.join(known)}"


def check(rig: Rig) -> Iterator[str]:
    """Yield what is wrong between the sections."""
    try:
        parameters = rig.cable.parameters()
    except ValueError as error:
        yield f"cable: {error}"
        return
    yield from _check_ports(rig)
    for name, device in rig.device.items():
        for reason in _check_device(rig, device, unrepeatered=not parameters.repeaters_km):
            yield f"device.{name}.{reason}"
    yield from _check_lines(rig)
    for place, fault in enumerate(rig.fault, 1):
        if fault.port not in rig.port:
            yield f"fault[{place}].port: no [port.{fault.port}]{_meant(fault.port, tuple(rig.port))}"
        kinds = (*(kind.value for kind in FaultKind), *PORT_FAULTS)
        if fault.kind not in kinds:
            yield f"fault[{place}].kind: {fault.kind!r} is unknown{_meant(fault.kind, kinds)}"


def _check_ports(rig: Rig) -> Iterator[str]:
    for name, port in rig.port.items():
        if name in rig.light.values():
            yield f"port.{name}: the light of an end has this name; choose another"
        if name == "control":
            yield f"port.{name}: the simulation's own control port has this name; choose another"
        if port.protocol is Protocol.MODBUS_TCP and port.link == "pty":
            yield f'port.{name}.link: modbus-tcp needs link = "tcp"'
        if not any(device.port == name for device in rig.device.values()):
            yield f"port.{name}: no device is on it"


def _check_device(rig: Rig, device: Device, unrepeatered: bool) -> Iterator[str]:
    rule, port = RULES.get(device.driver), rig.port.get(device.port)
    if port is None:
        yield f"port: no [port.{device.port}]{_meant(device.port, tuple(rig.port))}"
    if rule is None:
        yield f"driver: {device.driver!r} is not simulated{_meant(device.driver, tuple(RULES))}"
        return
    if port is not None and port.protocol not in rule.protocols:
        yield f"driver: {device.driver} speaks {' or '.join(p.value for p in rule.protocols)}, port {device.port} {port.protocol.value}"
    if (device.role or rule.roles[0]) not in rule.roles:
        yield f"role: {device.driver} can be {' or '.join(rule.roles)}, not {device.role}"
    elif rule.roles == AMPLIFIERS:
        yield from _check_amplifier(rig, device, unrepeatered)
    yield from _check_variant(device, rule)


def _check_variant(device: Device, rule: Rule) -> Iterator[str]:
    for rating in rule.ratings:
        if rating not in device.ratings:
            yield f"ratings.{rating}: is missing; for example ratings = {{ {rating} = 1000.0 }}"
    for rating in device.ratings:
        if rating not in rule.ratings:
            yield f"ratings.{rating}: {device.driver} has no such rating"
    if device.dialect is not None and device.dialect not in rule.dialects:
        yield f"dialect: {device.dialect!r} is unknown{_meant(device.dialect, rule.dialects)}"
    if device.channel > rule.channels:
        yield f"channel: {device.driver} has {rule.channels}, not {device.channel}"
    for word in device.lacks:
        if device.driver != "amonics-aedfa" or word not in LACKS:
            yield f"lacks: {device.driver} cannot lack {word!r}; amonics-aedfa can lack {', '.join(LACKS)}"


def _check_amplifier(rig: Rig, device: Device, unrepeatered: bool) -> Iterator[str]:
    if device.role is None:
        yield f"role: is missing; {' or '.join(AMPLIFIERS)}"
    if device.shutdown_s is not None and device.role != "booster":
        yield f"shutdown_s: only a booster shuts off when its pair receives nothing, not {device.role}"
    if device.role in ("raman", "ropa-pump") and not unrepeatered:
        yield f"role: {device.role} exists on a line without repeaters only"
    if device.fibre_pair is None:
        yield "fibre_pair: is missing; an amplifier belongs to one"
    elif device.fibre_pair > rig.cable.fibre_pairs:
        yield f"fibre_pair: {device.fibre_pair} is above cable.fibre_pairs = {rig.cable.fibre_pairs}"


def _check_lines(rig: Rig) -> Iterator[str]:
    """What may not be twice: a place on a line, a driver on a text line, a feed or an amplifier of the plant."""
    places = Counter((device.port, device.address, device.channel) for device in rig.device.values())
    for (port, address, channel), count in places.items():
        if count > 1:
            yield f"device: {count} devices have address {address}, channel {channel} on port {port}"
    for name, port_section in rig.port.items():
        here = [device for device in rig.device.values() if device.port == name]
        if port_section.protocol not in MODBUS and len({device.driver for device in here}) > 1:
            yield f"port.{name}: a {port_section.protocol.value} line has units of one driver only"
        addressed = all(RULES[device.driver].addressed for device in here if device.driver in RULES)
        if not addressed and len({device.address for device in here}) > 1:
            yield f"port.{name}: {here[0].driver} is alone on its line; its channels share one address"
    feeds = Counter(device.end for device in rig.device.values() if device.driver in RULES and RULES[device.driver].roles == ("pfe",))
    for end, count in feeds.items():
        if count > 1:
            yield f"device: {count} power feeds at end {end.value}; a station has one"
    owners = Counter((device.end, device.fibre_pair, device.role) for device in rig.device.values() if device.fibre_pair)
    for (end, pair, role), count in owners.items():
        if count > 1:
            yield f"device: {count} devices are the {role} of pair {pair} at end {end.value}"
