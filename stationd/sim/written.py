"""What was written to simulated units: every command that sets or switches something and reached a unit, on any protocol.

What it is: the witness of tests that say that nothing was sent. It looks at the frames and registers that reach a unit, not at what
the unit makes of them: a command that the unit refuses is in the list too. A command that a wire fault swallowed never reached it.
What it is not: a protocol. Reading and addressing a unit are no writing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pymodbus.constants import ExcCodes

from stationd.sim.modbus_server import Bank, ModbusUnit
from stationd.sim.rig import Device
from stationd.sim.stage import Stage

ENDS = re.compile(rb"[\r\n\0\x03]")  # of lines, and of Spellman's frames
LONGEST = 1024  # bytes without an end: no unit takes a longer line
BANKS = {Bank.COILS: "coil", Bank.HOLDING: "holding", Bank.DISCRETE: "discrete", Bank.INPUT: "input"}
# Commands that change something, by driver; what is no such command reads or addresses.
SETS: Mapping[str, re.Pattern[str]] = {
    "fug-probus5": re.compile(r">\s*\w+\s+[^\s?].*|[UIFPSY]\s*[-+.\d].*|=|[GX]\d?"),
    "tdk-genesys": re.compile(r"(?!ADR\b)[A-Z]+ [^?]+|OVM|FDBRST|SAV|RCL|CLS|RST", re.IGNORECASE),
    "spellman-xrv": re.compile(r"\x02(07|10|11|27|98),\d.*|\x0231,.*"),
    "keopsys-cefa": re.compile(r"\w+=.*|K[01]"),
    "fiberlabs": re.compile(r"(ACTIVE|SETIL|PRMACTV|ALMCTMP)\s*,.*|(SET\w+|ALM\w+)\s*,[^,]*,.*|SAVEREF", re.IGNORECASE),
    "amonics-aedfa": re.compile(r":[A-Z0-9:]+\s+\S+", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Written:
    """One command: `t` in seconds since the simulation began, what it went to, and its text or "table address = values"."""

    t: float
    port: str
    device: str
    command: str


@dataclass(slots=True)
class WriteLog:
    """All commands of one simulation, in the order in which they reached their units."""

    stage: Stage
    written: list[Written] = field(default_factory=list)

    def note(self, port: str, device: str, command: str) -> None:
        """Keep a command."""
        self.written.append(Written(self.stage.now, port, device, command))

    def watch(self, name: str, device: Device, unit: ModbusUnit) -> ModbusUnit:
        """Return a Modbus unit whose writes are kept."""
        return _Watched(unit, self, device.port, name)

    def listener(self, here: Mapping[str, Device]) -> TextListener:
        """Return what listens on the text line of these devices."""
        return TextListener(self, here)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A unit as it is, with an ear for what is written to it."""

    unit: ModbusUnit
    log: WriteLog
    port: str
    name: str

    @property
    def functions(self) -> frozenset[int]:
        """The function codes of the unit."""
        return self.unit.functions

    def snapshot(self, bank: Bank) -> Mapping[int, int]:
        """Return what the unit has."""
        return self.unit.snapshot(bank)

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Keep it, and let the unit decide."""
        self.log.note(self.port, self.name, f"{BANKS[bank]} {address} = {', '.join(map(str, values))}")
        return self.unit.write(bank, address, values)


class TextListener:
    """Hears the bytes that reach the units of one text line, and keeps the commands that set something."""

    def __init__(self, log: WriteLog, here: Mapping[str, Device]) -> None:
        self._log = log
        self._here = here
        first = next(iter(here.values()))
        self._port = first.port
        self._sets = SETS.get(first.driver)
        self._chosen = next(iter(here)) if len(here) == 1 else ""
        self._received = b""

    def heard(self, data: bytes) -> None:
        """Take bytes of the client."""
        if self._sets is None:
            return
        *lines, self._received = ENDS.split(self._received + data)
        self._received = self._received[-LONGEST:]
        for line in lines:
            self._line(line.decode("latin-1").strip(" "))

    def _line(self, line: str) -> None:
        if line.upper().startswith("ADR "):
            self._chosen = self._unit_at(line[4:].partition("$")[0].strip())
        elif self._sets is not None and self._sets.fullmatch(line):
            self._log.note(self._port, self._chosen or self._port, line.lstrip("\x02"))

    def _unit_at(self, address: str) -> str:
        number = int(address) if address.isdecimal() else -1
        return next((name for name, device in self._here.items() if device.address == number), "")
