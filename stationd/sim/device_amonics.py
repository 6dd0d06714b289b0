"""A simulated Amonics AEDFA benchtop amplifier; one channel for each amplifier of the plant that is put into it.

Written apart from the driver, from the commands of a public driver tested on an AEDFA-PA-30-B-FA. Queries are answered by the bare
value, powers in mW, currents in mA; what the unit lacks (`input-monitor`, `mode-switch`) is not answered at all.
The master switch takes 2 s, needs a channel that is on, and drops when a channel is switched off.
Assumptions: commands that set are not answered; six decimals of a mW; the unit holds current (ACC) or power (APC), so an
amplifier that held its gain is switched to APC when it is put into one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from math import log10

from stationd.sim.amplifier import ControlMode
from stationd.sim.device_fiberlabs import hold_power
from stationd.sim.device_text import TextUnit, number
from stationd.sim.line import Late
from stationd.sim.stage import AmplifierDesk, Stage

SWITCH_S = 2.0
OFF, ON, BUSY, LOCK = "0", "1", "2", "4"
MODES = {"ACC": ControlMode.ACC, "APC": ControlMode.APC}
TOP_MA = 2000.0
MONITOR_SHARE = 0.01  # of the output, on the PD of the monitor port (assumption)
_CHANNEL = re.compile(r":(?P<what>[A-Z:]+):CH(?P<channel>\d)(?P<query>\?)?(?:\s+(?P<value>\S+))?")


class Amonics:
    """One unit. `interlock_locked` belongs to whoever plays the station."""

    def __init__(self, stage: Stage, desks: Mapping[int, AmplifierDesk], lacks: frozenset[str] = frozenset()) -> None:
        self.desks = desks
        self.interlock_locked = False
        self._stage = stage
        self._lacks = lacks
        self._channel_on = dict.fromkeys(desks, True)
        self._master = True
        self._turning: tuple[bool, float] | None = None
        self._unit = TextUnit(self.answer, reply_end=b"\r\n")
        for desk in desks.values():
            hold_power(desk)
        stage.enlist(self._turn)

    def feed(self, data: bytes) -> list[Late]:
        """Take bytes; return answers."""
        return self._unit.feed(data)

    def lock(self, locked: bool) -> None:
        """Lock or unlock the interlock; locked means off."""
        self.interlock_locked = locked
        if locked:
            self._drop_master()

    def _turn(self, now: float) -> None:
        if self._turning is not None and now >= self._turning[1]:
            self._master, self._turning = self._turning[0], None
            self._drive()

    def _drop_master(self) -> None:
        self._master, self._turning = False, None
        self._drive()

    def _drive(self) -> None:
        """Let the pumps follow the switches."""
        for channel, desk in self.desks.items():
            desk.put(replace(desk.settings, pump_on=self._master and self._channel_on[channel]))

    def answer(self, line: str) -> str | None:
        """Return the answer to one command, or None where the unit keeps silent."""
        now = self._stage.settle()
        command = line.strip().upper()
        match command:
            case ":CAL:SYS:MODEL?":
                return "AEDFA-PA-30-B-FA"
            case ":CAL:SYS:SERIAL?":
                return "AM1234567"
            case ":DRIV:INTERLOCK?":
                return str(int(self.interlock_locked))
            case ":SENS:TEMP:BOX?":
                return f"{max(desk.state().case_temperature_c for desk in self.desks.values()):.1f}"
            case ":READ:MODE:NAMES?":
                return "ACC,APC"
            case ":DRIV:MCTRL?":
                pumping = self._master and any(desk.settings.pump_on for desk in self.desks.values())  # a scenario may have switched it off
                return BUSY if self._turning is not None else str(int(pumping))
            case ":DRIV:MCTRL 0" | ":DRIV:MCTRL 1":
                self._turn_master(command.endswith("1"), now)
                return None
        match = _CHANNEL.fullmatch(command)
        if match is None or int(match["channel"]) not in self.desks:
            return None
        if match["query"]:
            return self._read(match["what"], int(match["channel"])) if not match["value"] else None
        self._write(match["what"], int(match["channel"]), match["value"] or "")
        return None

    def _turn_master(self, on: bool, now: float) -> None:
        may = not self.interlock_locked and any(self._channel_on.values())
        if on != self._master and (may or not on):
            self._turning = (on, now + SWITCH_S)

    def _read(self, what: str, channel: int) -> str | None:
        desk = self.desks[channel]
        state, settings = desk.state(), desk.settings
        match what.split(":"):
            case ["SENS", "POW", "OUT"]:
                return _milliwatts(state.output_dbm)
            case ["SENS", "POW", "IN"]:
                return None if "input-monitor" in self._lacks else _milliwatts(state.input_dbm)
            case ["SENS", "POW", "PD"]:
                return f"{MONITOR_SHARE * 10 ** (state.output_dbm / 10):.6f}"
            case ["MODE", "SW"]:
                return None if "mode-switch" in self._lacks else settings.mode.value.upper()
            case ["DRIV", "ACC" | "APC" as mode, "CUR"]:
                return f"{settings.pump_setpoints_ma[0]:.1f}" if mode == "ACC" else _milliwatts(settings.output_setpoint_dbm)
            case ["DRIV", "ACC" | "APC" as mode, "STAT"]:
                return self._status(mode, channel)
            case ["READ", "DRIV", "MAX", "ACC" | "APC" as mode]:
                return f"{TOP_MA:.1f}" if mode == "ACC" else _milliwatts(settings.top_output_dbm)
            case ["READ", "DRIV", "UNIT", "ACC" | "APC" as mode]:
                return "mA" if mode == "ACC" else "mW"
        return None

    def _status(self, mode: str, channel: int) -> str:
        if self.interlock_locked:
            return LOCK
        settings = self.desks[channel].settings
        if settings.mode is not MODES[mode] or not (self._channel_on[channel] and (settings.pump_on or not self._master)):
            return OFF
        return BUSY if self._turning is not None else ON

    def _write(self, what: str, channel: int, text: str) -> None:
        desk, value = self.desks[channel], number(text)
        match what.split(":"):
            case ["MODE", "SW"] if text in MODES and "mode-switch" not in self._lacks:
                desk.put(replace(desk.settings, mode=MODES[text]))
            case ["DRIV", "ACC", "CUR"] if value is not None and 0 <= value <= TOP_MA:
                desk.put(replace(desk.settings, pump_setpoints_ma=(value, value)))
            case ["DRIV", "APC", "CUR"] if value is not None and 0 < value <= 10 ** (desk.settings.top_output_dbm / 10):
                desk.put(replace(desk.settings, output_setpoint_dbm=_dbm(value)))
            case ["DRIV", "ACC" | "APC" as mode, "STAT"] if text in (OFF, ON):
                self._switch(mode, channel, text == ON)

    def _switch(self, mode: str, channel: int, on: bool) -> None:
        """Switch a channel on in a mode, or off; off drops the master switch."""
        desk = self.desks[channel]
        if on:
            desk.put(replace(desk.settings, mode=MODES[mode]))
            self._channel_on[channel] = True
            self._drive()
        elif desk.settings.mode is MODES[mode]:
            self._channel_on[channel] = False
            self._drop_master()


def _milliwatts(dbm: float) -> str:
    return f"{10 ** (dbm / 10):.6f}"


def _dbm(milliwatts: float) -> float:
    return 10 * log10(milliwatts)
