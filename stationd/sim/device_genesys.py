r"""Simulated TDK-Lambda Genesys supplies on one serial line, up to 31 of them.

Written apart from the driver, from the Genesys user manual 83503001 rev G and three further editions. A unit listens
after `ADR n`; commands are case-insensitive; `\` repeats the last one; a backspace takes back the character before it; an
empty line is answered OK. A line that carries a check sum is answered with one.
Protections: over-voltage (trip at the equipment's limit), SHUT-OFF and ENABLE contacts, output switched off at the panel,
mains failure. A fault switches the output off and stays in FLT? until its cause is gone and OUT 1 or the clearing commands
are given. Foldback and auto-restart are kept and shown; they switch nothing by themselves here.
Assumptions: digits shown (three for V, four for A); that a unit which is switched to local refuses setters with E08;
the service request `!nn` (sent once per new fault that FENA enables) carries the unit's address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from stationd.sim.cable import Regulation
from stationd.sim.device_text import TextUnit, number
from stationd.sim.line import Late
from stationd.sim.stage import FeedDesk, Stage

OK = "OK"
ILLEGAL_COMMAND = "C01"
MISSING_PARAMETER = "C02"
ILLEGAL_PARAMETER = "C03"
CHECK_SUM = "C04"
RANGE = "C05"
ABOVE_OVP = "E01"
BELOW_UVL = "E02"
OVP_TOO_LOW = "E04"
UVL_TOO_HIGH = "E06"
FAULT_SHUT_DOWN = "E07"
LOCAL = "E08"
TOP_SHARE = 1.05  # a set point may be 5 % above the rating
AC_FAIL, OVER_TEMPERATURE, FOLDBACK, OVER_VOLTAGE, SHUT_OFF, PANEL_OFF, ENABLE_OPEN = (1 << bit for bit in range(1, 8))
SETTERS = ("PV", "PC", "OUT", "FLD", "FBD", "OVP", "UVL", "AST", "RMT", "FILTER", "FENA", "SENA")
BARE = ("OVM", "FDBRST", "SAV", "RCL", "CLS", "RST")
REMOTE_WORDS = {"0": "LOC", "LOC": "LOC", "1": "REM", "REM": "REM", "2": "LLO", "LLO": "LLO"}


class Genesys:
    """One unit. The contacts on its rear are plain attributes for whoever plays the station."""

    def __init__(self, stage: Stage, desk: FeedDesk, address: int) -> None:
        self.desk = desk
        self.address = address
        self.outside = 0  # fault bits whose cause is outside: mains, temperature, contacts, panel
        self._stage = stage
        self._lockout = "REM" if desk.feed.remote else "LOC"
        self._set_protection(1.1 * desk.rated_v)
        self._under_v = 0.0
        self._kept = {"FLD": 0, "FBD": 0, "AST": 0, "FILTER": 18, "FENA": 0, "SENA": 0}
        self._fault_events = self._status_events = self._reported = 0
        stage.on_change(self._watch)

    def _set_protection(self, volts: float) -> None:
        self._over_v = self.desk.trip_above_v = volts

    def press(self, bit: int, on: bool) -> None:
        """Let a fault begin or end: ENABLE_OPEN, SHUT_OFF, PANEL_OFF, AC_FAIL, OVER_TEMPERATURE."""
        self.outside = self.outside | bit if on else self.outside & ~bit
        self._watch()

    @property
    def faults(self) -> int:
        """The fault condition register (FLT?)."""
        return self.outside | (OVER_VOLTAGE if self.desk.tripped else 0)

    @property
    def status(self) -> int:
        """The status condition register (STAT?)."""
        regulation = self.desk.regulation
        return (
            (regulation is Regulation.CV)
            | (regulation is Regulation.CC) << 1
            | (self.faults == 0) << 2
            | (self.faults != 0) << 3
            | bool(self._kept["AST"]) << 4
            | bool(self._kept["FLD"]) << 5
            | (self._lockout == "LOC") << 7
        )

    def _watch(self) -> None:
        if self.faults and self.desk.feed.output_on:
            self.desk.switch(False)
        self._fault_events |= self.faults
        self._status_events |= self.status

    def service_request(self) -> bool:
        """Tell, once, that an enabled fault is new."""
        enabled = self.faults & self._kept["FENA"]
        new, self._reported = enabled & ~self._reported, enabled
        return bool(new)

    def answer(self, line: str) -> str:
        """Return the answer to one command, in capitals and without its check sum."""
        word, _, argument = line.strip().partition(" ")
        if word.endswith("?"):
            read = self._reads().get(word[:-1])
            return ILLEGAL_COMMAND if read is None else read()
        if word in BARE:
            return self._do(word)
        if word not in SETTERS:
            return ILLEGAL_COMMAND
        if self._lockout == "LOC" and word != "RMT":
            return LOCAL
        return self._set(word, argument.strip()) if argument.strip() else MISSING_PARAMETER

    def _reads(self) -> Mapping[str, Callable[[], str]]:
        desk = self.desk
        return {
            "IDN": lambda: "LAMBDA,GENX-Y",
            "REV": lambda: "REV:1U:4.3",
            "SN": lambda: "123A456-0001",
            "DATE": lambda: "2024/05/14",
            "RMT": lambda: self._lockout,
            "MDAV": lambda: "0",
            "MS": lambda: "1",
            "PV": lambda: _volts(desk.voltage.target),
            "PC": lambda: _amperes(desk.current.target),
            "MV": lambda: _volts(desk.measure()[1]),
            "MC": lambda: _amperes(desk.measure()[0]),
            "MODE": lambda: str(desk.regulation.value).upper(),
            "DVC": self._values,
            "STT": self._everything,
            "OUT": lambda: "ON" if desk.feed.output_on else "OFF",
            "OVP": lambda: _volts(self._over_v),
            "UVL": lambda: _volts(self._under_v),
            "FLD": lambda: "ON" if self._kept["FLD"] else "OFF",
            "FBD": lambda: str(self._kept["FBD"]),
            "AST": lambda: "ON" if self._kept["AST"] else "OFF",
            "FILTER": lambda: str(self._kept["FILTER"]),
            "FLT": lambda: _hex(self.faults),
            "FENA": lambda: _hex(self._kept["FENA"]),
            "FEVE": lambda: _hex(self._take_events(True)),
            "STAT": lambda: _hex(self.status),
            "SENA": lambda: _hex(self._kept["SENA"]),
            "SEVE": lambda: _hex(self._take_events(False)),
        }

    def _take_events(self, fault: bool) -> int:
        events = self._fault_events if fault else self._status_events
        if fault:
            self._fault_events = self.faults
        else:
            self._status_events = self.status
        return events

    def _values(self) -> str:
        current_ma, voltage_v = self.desk.measure()
        volts = (voltage_v, self.desk.voltage.target)
        amperes = (current_ma, self.desk.current.target)
        return ",".join((*map(_volts, volts), *map(_amperes, amperes), _volts(self._over_v), _volts(self._under_v)))

    def _everything(self) -> str:
        measured_v, set_v, measured_a, set_a, *_ = self._values().split(",")
        return f"MV({measured_v}),PV({set_v}),MC({measured_a}),PC({set_a}),SR({_hex(self.status)}),FR({_hex(self.faults)})"

    def _do(self, word: str) -> str:
        match word:
            case "OVM":
                self._set_protection(1.1 * self.desk.rated_v)
            case "CLS":
                self._fault_events = self._status_events = 0
            case "RST":
                self.desk.switch(False)
                self.desk.set_voltage(0.0)
                self.desk.set_current(0.0)
        return OK

    def _set(self, word: str, argument: str) -> str:
        match word:
            case "RMT":
                return self._set_remote(argument)
            case "OUT":
                return self._switch(argument)
            case "PV" | "PC" | "OVP" | "UVL":
                value = number(argument)
                return ILLEGAL_PARAMETER if value is None else self._set_level(word, value)
            case "FENA" | "SENA":
                return self._keep(word, int(argument, 16)) if re.fullmatch("[0-9A-F]{1,2}", argument) else ILLEGAL_PARAMETER
            case "FILTER":
                return self._keep(word, int(argument)) if argument in ("18", "23", "46") else ILLEGAL_PARAMETER
            case "FBD":
                return self._keep(word, int(argument)) if re.fullmatch("[0-9]{1,3}", argument) else ILLEGAL_PARAMETER
        on = {"1": 1, "ON": 1, "0": 0, "OFF": 0}.get(argument)
        return ILLEGAL_PARAMETER if on is None else self._keep(word, on)

    def _keep(self, word: str, value: int) -> str:
        self._kept[word] = value
        return OK

    def _set_remote(self, argument: str) -> str:
        word = REMOTE_WORDS.get(argument)
        if word is None:
            return ILLEGAL_PARAMETER
        self._lockout = word
        self.desk.set_remote(word != "LOC")
        return OK

    def _switch(self, argument: str) -> str:
        if argument not in ("0", "1", "ON", "OFF"):
            return ILLEGAL_PARAMETER
        on = argument in ("1", "ON")
        if on and self.outside:
            return FAULT_SHUT_DOWN
        if on:
            self.desk.acknowledge()
        return OK if self.desk.switch(on) else FAULT_SHUT_DOWN

    def _set_level(self, word: str, value: float) -> str:
        match word:
            case "PC":
                if not 0 <= value <= TOP_SHARE * self.desk.rated_ma / 1000:
                    return RANGE
                self.desk.set_current(value * 1000)
                return OK
            case "PV":
                return self._set_volts(value)
            case "OVP":
                if value < TOP_SHARE * self.desk.voltage.target:
                    return OVP_TOO_LOW
                self._set_protection(value)
            case _:
                if value > 0.95 * self.desk.voltage.target:
                    return UVL_TOO_HIGH
                self._under_v = value
        return OK

    def _set_volts(self, value: float) -> str:
        if not 0 <= value <= TOP_SHARE * self.desk.rated_v:
            return RANGE
        if value > self._over_v / TOP_SHARE:
            return ABOVE_OVP
        if value < self._under_v:
            return BELOW_UVL
        self.desk.set_voltage(value)
        return OK


class GenesysLine:
    """The units of one line: chooses who listens, and checks sums."""

    def __init__(self, stage: Stage, units: Mapping[int, Genesys]) -> None:
        self.units = units
        self.send: Callable[[list[Late]], None] = lambda _: None
        self._stage = stage
        self._chosen: Genesys | None = None
        self._last = ""
        self._unit = TextUnit(self.answer, line_ends=b"\r\n", empty_lines=True)
        stage.enlist(lambda _: self._request_service())

    def feed(self, data: bytes) -> list[Late]:
        """Take bytes; return answers."""
        return self._unit.feed(data.replace(b"\r\n", b"\r"))

    def _request_service(self) -> None:
        for unit in self.units.values():
            if unit.service_request():
                self.send([(0.0, b"!%02d\r" % unit.address)])

    def answer(self, line: str) -> str | None:
        """Return the answer of the chosen unit, or None where nobody listens."""
        self._stage.settle()
        text, summed, sound = _unsummed(_backspaced(line))
        command = self._last if text == "\\" else text.upper().strip()
        self._last = command
        reply = self._choose(command) if command.startswith("ADR") else self._ask(command, sound)
        return f"{reply}${sum(reply.encode()) & 0xFF:02X}" if summed and reply is not None else reply

    def _choose(self, command: str) -> str | None:
        wanted = command[3:].strip()
        self._chosen = self.units.get(int(wanted)) if re.fullmatch("[0-9]{1,2}", wanted) else None
        return OK if self._chosen is not None else None

    def _ask(self, command: str, sound: bool) -> str | None:
        if self._chosen is None:
            return None
        if not sound:
            return CHECK_SUM
        return self._chosen.answer(command) if command else OK


def _backspaced(line: str) -> str:
    kept: list[str] = []
    for character in line:
        if character == "\b":
            del kept[-1:]
        else:
            kept.append(character)
    return "".join(kept)


def _unsummed(line: str) -> tuple[str, bool, bool]:
    """Return the text, whether it carried a check sum, and whether that was right (sum of the characters modulo 256)."""
    text, mark, given = line.rpartition("$")
    if not mark:
        return line, False, True
    return text, True, given.upper() == f"{sum(text.encode('latin-1')) & 0xFF:02X}"


def _volts(value_v: float) -> str:
    return f"{value_v:.3f}"


def _amperes(value_ma: float) -> str:
    return f"{value_ma / 1000:.4f}"


def _hex(value: int) -> str:
    return f"{value:02X}"
