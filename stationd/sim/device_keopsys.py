"""A simulated Keopsys CEFA amplifier, RS-232 or (with NUL) GPIB.

Written apart from the driver, from the maker's manual UM20 rev 9 (May 2014, firmware 2.41).
`XXX?` is answered `XXX=<value>`, a write `XXX!`, an unknown command `XXX*`, one that is not authorised `XXX#`.
Shut-downs latch: the pumps stay off when the input comes back or the reflection ends. Missing input is restarted by a
write of ASS; high feedback needs the key turned off and on; an opened interlock needs `reset_interlock`. RKP (factory
settings) works, as it does in a real unit.
Assumptions: K0 and K1 exist on GPIB models only and are unknown here; the feedback threshold of -10 dBm; the nominal output
is the set output of the plant's amplifier; fractions are cut to the digits of the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum

from stationd.sim.amplifier import AmplifierSettings, AmplifierState, ControlMode
from stationd.sim.device_text import TextUnit
from stationd.sim.line import Late
from stationd.sim.optics import DARK_DBM
from stationd.sim.stage import AmplifierDesk, Stage

ENDS = {"cr": b"\r", "nul": b"\0", "crlf": b"\r\n"}
FEEDBACK_DBM = -10  # assumption
CASE_WARNING_C = 65.0
PUMP_RANGE_C = (15.0, 40.0)
LOW_CURRENT = 8 / 9
MODES = {1: ControlMode.ACC, 2: ControlMode.APC, 4: ControlMode.AGC}
CODES = {mode: code for code, mode in MODES.items()}
TOP_MA = 9999


class Latch(Enum):
    """Why the unit has shut itself down."""

    NONE = "none"
    INPUT = "input"
    FEEDBACK = "feedback"
    INTERLOCK = "interlock"


class Keopsys:
    """One amplifier with a pre-amplifier stage (pump 1) and a booster stage (pump 2)."""

    def __init__(self, stage: Stage, desk: AmplifierDesk, dialect: str = "cr") -> None:
        self.desk = desk
        self.latch = Latch.NONE
        self.key_on = True
        self.interlock_closed = True
        self._stage = stage
        self._delivered = desk.settings
        self._unit = TextUnit(self.answer, reply_end=ENDS[dialect])
        stage.on_change(self._protect)

    def feed(self, data: bytes) -> list[Late]:
        """Take bytes; return answers."""
        return self._unit.feed(data)

    # What a person does at the unit

    def turn_key(self, on: bool) -> None:
        """Turn the key; off stops the pumps and clears a feedback shut-down, on does not start them."""
        self.key_on = on
        if not on:
            self._pump(False)
            if self.latch is Latch.FEEDBACK:
                self.latch = Latch.NONE

    def open_interlock(self) -> None:
        """Open the interlock loop: current to 0 A."""
        self.interlock_closed = False
        self._shut_down(Latch.INTERLOCK)

    def reset_interlock(self) -> None:
        """Close the loop and reset it by hand; the pumps stay off."""
        self.interlock_closed = True
        if self.latch is Latch.INTERLOCK:
            self.latch = Latch.NONE

    # Protection

    def _protect(self) -> None:
        settings, state = self.desk.settings, self.desk.state()
        if settings.pump_on and self._feedback_high(state):
            self._shut_down(Latch.FEEDBACK)
        elif settings.pump_on and settings.shut_on_los and state.los and self._dark_now():
            self._shut_down(Latch.INPUT)

    def _dark_now(self) -> bool:
        """Whether the input is dark at this moment: light that is back before the loss was noticed shuts nothing down."""
        return self._stage.plant.amplifier_state(*self.desk.place).los

    def _feedback_high(self, state: AmplifierState) -> bool:
        return state.output_dbm > DARK_DBM and state.output_dbm - state.return_loss_db > FEEDBACK_DBM

    def _shut_down(self, cause: Latch) -> None:
        self.latch = cause
        self._pump(False)

    def _pump(self, on: bool) -> None:
        self.desk.put(replace(self.desk.settings, pump_on=on))

    # Commands

    def answer(self, line: str) -> str:
        """Return the answer to one command."""
        self._stage.settle()
        if line == "*IDN?":
            return "KEOPSYS,CEFA-C-PB-HP,1234567,V2.41"
        if line.endswith("?"):
            read = self._reads(self.desk.state(), self.desk.settings).get(line[:-1])
            return f"{line[:-1]}*" if read is None else f"{line[:-1]}={read()}"
        match = re.fullmatch(r"(\w+)=(-?\d+)", line)
        if match is None:
            return f"{line.partition('=')[0]}*"
        return match[1] + self._write(match[1], int(match[2]))

    def _reads(self, state: AmplifierState, settings: AmplifierSettings) -> Mapping[str, Callable[[], str]]:
        return {
            "SNU": lambda: "1234567",
            "VER": lambda: "6.5/V2.41",
            "ASS": lambda: str(CODES[settings.mode] if settings.pump_on or self.latch is not Latch.NONE else 0),
            "TCR": lambda: str(round(100 * state.case_temperature_c)),
            "PNO": lambda: str(round(self._delivered.output_setpoint_dbm)),
            "PUE": lambda: str(round(100 * state.input_dbm)),
            "PUS": lambda: str(round(100 * state.output_dbm)),
            "CPU": lambda: str(round(10 * settings.output_setpoint_dbm)),
            "IC1": lambda: str(round(settings.pump_setpoints_ma[0])),
            "IC2": lambda: str(round(settings.pump_setpoints_ma[1])),
            "ID1": lambda: str(round(state.pump_currents_ma[0])),
            "ID2": lambda: str(round(state.pump_currents_ma[1])),
            "TD1": lambda: str(round(100 * state.pump_temperatures_c[0])),
            "TD2": lambda: str(round(100 * state.pump_temperatures_c[1])),
            "ALA": lambda: f"{self._alarms(state):04X}",
            "KEY": lambda: str(int(self.key_on)),
            "PUMP": lambda: str(int(state.pump_on)),
            "ASI": lambda: str(round(settings.los_dbm)),
            "ASF": lambda: str(FEEDBACK_DBM),
        }

    def _alarms(self, state: AmplifierState) -> int:
        first_ma, second_ma = state.pump_currents_ma
        first_c, second_c = state.pump_temperatures_c
        wanted_ma = LOW_CURRENT * max(first_ma, second_ma)
        bits = {
            15: not state.pump_on,
            14: state.pump_on and state.output_dbm <= DARK_DBM,
            13: state.los or self.latch in (Latch.INPUT, Latch.FEEDBACK),
            12: state.case_temperature_c > CASE_WARNING_C,
            11: not PUMP_RANGE_C[0] <= second_c <= PUMP_RANGE_C[1],
            9: not PUMP_RANGE_C[0] <= first_c <= PUMP_RANGE_C[1],
            7: state.pump_on and second_ma < wanted_ma,
            5: state.pump_on and first_ma < wanted_ma,
            3: not self.key_on,
        }
        return sum(1 << bit for bit, on in bits.items() if on)

    def _write(self, command: str, value: int) -> str:
        match command:
            case "ASS":
                return self._set_mode(value)
            case "CPU" if 0 <= value <= 10 * self.desk.settings.top_output_dbm:
                self.desk.put(replace(self.desk.settings, output_setpoint_dbm=value / 10))
                return "!"
            case "IC1" | "IC2" if 0 <= value <= TOP_MA:
                first, second = self.desk.settings.pump_setpoints_ma
                currents = (float(value), second) if command == "IC1" else (first, float(value))
                self.desk.put(replace(self.desk.settings, pump_setpoints_ma=currents))
                return "!"
            case "RKP" if value == 1:
                self.desk.put(replace(self._delivered, pump_on=self.desk.settings.pump_on))
                return "!"
            case "CPU" | "IC1" | "IC2" | "RKP":
                return "#"
        return "*"

    def _set_mode(self, code: int) -> str:
        if code == 0:
            self._pump(False)
            return "!"
        if code not in MODES or not self.key_on or not self._may_start():
            return "#"
        self.latch = Latch.NONE
        self.desk.put(replace(self.desk.settings, mode=MODES[code], pump_on=True))
        return "!"

    def _may_start(self) -> bool:
        """The cause of a shut-down must be gone; feedback and interlock are cleared at the unit only."""
        if self.latch in (Latch.FEEDBACK, Latch.INTERLOCK):
            return False
        return not (self.desk.settings.shut_on_los and self.desk.state().los)
