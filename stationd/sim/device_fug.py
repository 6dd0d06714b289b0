"""A simulated FuG high-voltage supply (HCK family) with Probus IV commands and Probus V registers.

Written apart from the driver, from the register set that a public driver uses (hvl-ccb 0.19.6, tested on an HCK 800-20000).
Set points follow their hardware ramps only while the output is on; Probus V answers in A and V.
Assumptions: how numbers look in answers (six decimals, the status byte in decimal); that set values are refused with E6
while the front panel has control; that an output which cannot be switched on is answered E6 too, and so is P0 or P1 while it is
on; that 1 is negative. Digital outputs, SRQ masks and analogue-converter modes are kept and shown, and do nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from stationd.sim.cable import Polarity, Regulation
from stationd.sim.device_text import TextUnit, number
from stationd.sim.stage import FeedDesk, Ramp, RampMode, Stage

LONGEST_COMMAND = 50
IDENTITY = "FUG HCK 800 - 20 000 MOD 17022-01-01"
FIRMWARE = "2.41"  # answer of N5; its form is an assumption
ENDS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r", "lfcr": b"\n\r"}
TERMINATORS = (b"\r\n", b"\n\r", b"\n", b"\r")  # of Y0 to Y3 and KT
_WRITE = re.compile(r">\s*([A-Z0-9]+)\s*(\S.*)?")

OK = "E0"
NO_DATA = "E1"
UNKNOWN = "E2"
INVALID = "E4"
OUT_OF_RANGE = "E5"
READ_ONLY = "E6"
UNKNOWN_SCPI = "E10"
INVALID_N = "E13"
TOO_LONG = "E15"
FREE = {"B0": 0, "B1": 0, "B2": 0, "BX": 0, "S0H": 0, "S1H": 0, "M0I": 0, "M1I": 0, "KQS": 0, "KQM": 0, "KN": 0, "KX": 0}
FREE_TOP = {"M0I": 7, "M1I": 7, "KQS": 255, "KQM": 255, "KN": 255, "KX": 255}


class Fug:
    """One supply. Current is set and shown in A on the wire; the desk counts in mA."""

    def __init__(self, stage: Stage, desk: FeedDesk, dialect: str = "lf") -> None:
        self.desk = desk
        self._stage = stage
        self._free = dict(FREE)
        self._last_error = 0
        self._channel = 0
        self._deferred: list[str] | None = None
        self._terminator = TERMINATORS.index(ENDS[dialect])
        self._unit = self._text_unit()
        self._reads = self._register_reads()

    def feed(self, data: bytes) -> list[tuple[float, bytes]]:
        """Take bytes; return answers."""
        return self._unit.feed(data)

    def _text_unit(self) -> TextUnit:
        return TextUnit(self.answer, reply_end=TERMINATORS[self._terminator])

    def answer(self, line: str) -> str:
        """Return the answer to one command."""
        self._stage.settle()
        reply = TOO_LONG if len(line) > LONGEST_COMMAND else self._command(line.strip())
        if re.fullmatch(r"E\d+", reply):
            self._last_error = int(reply[1:])
        return reply

    def _command(self, line: str) -> str:
        match = _WRITE.fullmatch(line)
        if match is None:
            return UNKNOWN if line.startswith(">") else self._probus_4(line)
        register, argument = match[1], match[2]
        if argument == "?":
            read = self._reads.get(register)
            return UNKNOWN if read is None else f"{register}:{read()}"
        return self._write(register, argument)

    # Probus V registers

    def _register_reads(self) -> Mapping[str, Callable[[], str]]:
        desk = self.desk
        reads: dict[str, Callable[[], str]] = {
            "M0": lambda: _decimal(desk.measure()[1]),
            "M1": lambda: _decimal(desk.measure()[0] / 1000),
            "M0R": lambda: str(round(desk.measure()[1] / desk.rated_v * (1 << 20))),
            "M1R": lambda: str(round(desk.measure()[0] / desk.rated_ma * (1 << 20))),
            "BON": lambda: str(int(desk.feed.output_on)),
            "BONA": lambda: str(int(desk.feed.output_on)),
            "DON": lambda: str(int(desk.feed.output_on)),
            "DVR": lambda: str(int(desk.regulation is Regulation.CV)),
            "DIR": lambda: str(int(desk.regulation is Regulation.CC)),
            "DSD": lambda: str(int(desk.feed.remote)),
            "DSA": lambda: str(int(not desk.feed.remote)),
            "DCAL": lambda: "0",
            "DX": lambda: str(int(desk.feed.polarity is Polarity.NEGATIVE)),
            "KT": lambda: str(self._terminator),
            "KS": lambda: str(self._status()),
            "KE": lambda: str(self._last_error),
        }
        for name, ramp, unit in (("S0", desk.voltage, 1.0), ("S1", desk.current, 1000.0)):
            reads.update(_ramp_reads(name, ramp, unit))
        reads.update({name: partial(self._shown, name) for name in FREE})
        reads.update({f"{name}A": partial(self._shown, name) for name in ("B0", "B1", "B2", "BX")})
        return reads

    def _shown(self, name: str) -> str:
        return str(self._free[name])

    def _status(self) -> int:
        """Return KS: b7 I-REG, b6 V-REG, b5 ON, b0 SEL-D."""
        regulation, feed = self.desk.regulation, self.desk.feed
        return (regulation is Regulation.CC) << 7 | (regulation is Regulation.CV) << 6 | feed.output_on << 5 | feed.remote

    def _write(self, register: str, argument: str | None) -> str:
        value = number(argument or "")
        if register not in self._reads:
            return UNKNOWN
        if value is None:
            return INVALID
        if register in ("S0", "S1", "BON") and not self.desk.feed.remote:
            return READ_ONLY
        match register:
            case "S0" | "S1":
                return self._set(register, value)
            case "S0R" | "S1R" | "S0B" | "S1B":
                return self._set_ramp(register, value)
            case "BON":
                return self._switch(value)
            case "KT":
                return self._end_lines_by(value)
        return self._set_free(register, value)

    def _set(self, register: str, value: float) -> str:
        top = self.desk.rated_v if register == "S0" else self.desk.rated_ma / 1000
        if not 0 <= value <= top:
            return OUT_OF_RANGE
        if register == "S0":
            self.desk.set_voltage(value)
        else:
            self.desk.set_current(value * 1000)
        return OK

    def _set_ramp(self, register: str, value: float) -> str:
        ramp, unit = (self.desk.voltage, 1.0) if register.startswith("S0") else (self.desk.current, 1000.0)
        if register.endswith("B"):
            if value not in {mode.value for mode in RampMode}:
                return OUT_OF_RANGE
            ramp.mode = RampMode(int(value))
        elif value < 0:
            return OUT_OF_RANGE
        else:
            ramp.per_s = value * unit
        return OK

    def _switch(self, value: float) -> str:
        if value not in (0, 1):
            return OUT_OF_RANGE
        return OK if self.desk.switch(bool(value)) else READ_ONLY

    def _end_lines_by(self, value: float) -> str:
        if value not in range(len(TERMINATORS)):
            return OUT_OF_RANGE
        self._terminator = int(value)
        self._unit = self._text_unit()
        return OK

    def _set_free(self, register: str, value: float) -> str:
        if register not in self._free:
            return READ_ONLY
        if value not in range(FREE_TOP.get(register, 1) + 1):
            return OUT_OF_RANGE
        self._free[register] = int(value)
        return OK

    # Probus IV commands

    def _probus_4(self, line: str) -> str:
        match line[:1], line[1:].strip():
            case "?", "":
                return self._read_back()
            case "=", "":
                self.desk.set_voltage(0.0)
                self.desk.set_current(0.0)
                return OK
            case "*", rest:
                return IDENTITY if rest == "IDN?" else UNKNOWN_SCPI
            case "X", "":
                return self._execute()
            case "G", argument:
                return self._defer(argument)
        return self._setting(line)

    def _setting(self, line: str) -> str:
        if self._deferred is not None:
            self._deferred.append(line)
            return OK
        letter, argument = line[:1], line[1:].strip()
        value = number(argument)
        if letter not in "UIFPNSY" or not letter:
            return UNKNOWN_SCPI
        if value is None:
            return INVALID
        match letter:
            case "U":
                return self._write("S0", argument)
            case "I":
                return self._write("S1", argument)
            case "F":
                return self._write("BON", argument)
            case "N":
                return self._choose(value)
            case "S":
                return self._set_free("M0I", value)
            case "Y":
                return self._end_lines_by(value)
        return self._turn(value)

    def _turn(self, value: float) -> str:
        """Carry out P0 or P1."""
        if value not in (0, 1):
            return OUT_OF_RANGE
        return OK if self.desk.feed.remote and self.desk.turn(negative=value == 1) else READ_ONLY

    def _choose(self, value: float) -> str:
        if value not in range(7):
            return INVALID_N
        self._channel = int(value)
        return OK

    def _read_back(self) -> str:
        current_ma, voltage_v = self.desk.measure()
        rated = (self.desk.rated_v, self.desk.rated_ma / 1000)
        shown = (voltage_v, current_ma / 1000, self._status(), *rated)
        return _decimal(shown[self._channel]) if self._channel < len(shown) else (FIRMWARE, "17022-01-01")[self._channel - len(shown)]

    def _defer(self, argument: str) -> str:
        if argument not in ("0", "1"):
            return INVALID
        self._deferred = [] if argument == "1" else None
        return OK

    def _execute(self) -> str:
        waiting, self._deferred = self._deferred, None
        if waiting is None:
            return NO_DATA
        replies = [self._setting(line) for line in waiting]
        self._deferred = []
        return next((reply for reply in replies if reply != OK), OK)


def _ramp_reads(name: str, ramp: Ramp, unit: float) -> dict[str, Callable[[], str]]:
    return {
        name: lambda: _decimal(ramp.target / unit),
        f"{name}A": lambda: _decimal(ramp.reached / unit),
        f"{name}R": lambda: _decimal(ramp.per_s / unit),
        f"{name}B": lambda: str(ramp.mode.value),
        f"{name}S": lambda: str(int(ramp.running)),
    }


def _decimal(value: float) -> str:
    return f"{value:.6f}"
