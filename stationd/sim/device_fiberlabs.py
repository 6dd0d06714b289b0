"""A simulated FiberLabs desktop amplifier: one path for each amplifier of the plant that is put into it, two pumps a path.

Written apart from the driver, from the tables of Programming Manual v4.0 as a public driver has them. Answers are comma-separated,
`N/A` where there is nothing; commands that set are echoed; switching SETMOD turns the output off.
Assumptions: `??` for an unknown command and `!!` for one that cannot be done; ACTIVE without a value is answered with its
value; the cooler draws 400 mA; alarm thresholds as delivered. Hysteresis is kept and shown, and works for ALMIN only. The
unit holds power (ALC) or current (ACC): an amplifier that held its gain is switched to ALC when it is put into one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from stationd.sim.amplifier import AmplifierState, ControlMode
from stationd.sim.device_text import TextUnit, number
from stationd.sim.line import Late
from stationd.sim.optics import DARK_DBM
from stationd.sim.stage import AmplifierDesk, Stage

ENDS = {"cr": b"\r", "lf": b"\n"}
UNKNOWN = "?? UNKNOWN COMMAND"
REFUSED = "!! CANNOT EXECUTE"
MODES = {"0": ControlMode.APC, "1": ControlMode.ACC}
COOLER_MA = 400.0  # assumption
END_OF_LIFE_SHARE = 0.95  # pump bias alarm
OUTPUT_ALARM_DB = 2.5  # below the set output, as delivered (assumption)
RETURN_ALARM_DBM, CASE_ALARM_C, PUMP_ALARM_C = -10.0, 60.0, 40.0  # as delivered (assumption)
TOP_MA = 2000.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """A threshold, whether it is enabled, and its hysteresis."""

    threshold: float
    hysteresis: float = 0.5
    enabled: bool = True


def hold_power(desk: AmplifierDesk) -> None:
    """Put an amplifier that holds its gain into the mode that holds its power, at the power that it has."""
    settings = desk.settings
    if settings.mode is ControlMode.AGC:
        desk.put(replace(settings, mode=ControlMode.APC))


class FiberLabs:
    """One unit. `desks[n]` is path n, counted from 1."""

    def __init__(self, stage: Stage, desks: Mapping[int, AmplifierDesk], dialect: str = "cr") -> None:
        self.desks = desks
        self._stage = stage
        self._restart = ("0", "0")
        self._alarms: dict[tuple[str, int], Alarm] = {}
        self._unit = TextUnit(self.answer, reply_end=ENDS[dialect])
        for desk in desks.values():
            hold_power(desk)

    def feed(self, data: bytes) -> list[Late]:
        """Take bytes; return answers."""
        return self._unit.feed(data)

    def answer(self, line: str) -> str:
        """Return the answer to one command."""
        self._stage.settle()
        words = [word.strip() for word in line.upper().split(",")]
        command, arguments = words[0], words[1:]
        if command in self._lists():
            return self._list(command, arguments)
        match command, arguments:
            case "*IDN?", []:
                return "FIBERLABS,AMP-FL8021-CB-20,0001,4.0"
            case "MONCTMP", []:
                return f"{max(state.case_temperature_c for state in self._states()):.2f}"
            case "ALMSTAT", []:
                return f"ALMSTAT,{self._alarm_bits():02X}"
            case "SAVEREF", []:
                return "SAVEREF"
            case "ACTIVE" | "SETIL" | "PRMACTV", _:
                return self._unit_wide(command, arguments, line)
            case "SETMOD" | "SETACC" | "SETALC", [path, *values] if path.isdecimal() and int(path) in self.desks:
                return self._of_path(command, int(path), values, line)
            case "ALMCTMP", values:
                return self._alarm_command(command, 0, values, line)
            case "ALMOUT" | "ALMIN" | "ALMRET" | "ALMLDC" | "ALMLDT", [place, *values] if place.isdecimal():
                return self._alarm_command(command, int(place), values, line)
        return REFUSED if command.startswith(("SET", "ALM")) else UNKNOWN

    def _states(self) -> list[AmplifierState]:
        return [self.desks[path].state() for path in sorted(self.desks)]

    def _lists(self) -> Mapping[str, Callable[[AmplifierState], list[str]]]:
        return {
            "MONOUT": lambda state: [_level(state.output_dbm)],
            "MONIN": lambda state: [_level(state.input_dbm)],
            "MONRET": lambda state: [_level(max(DARK_DBM, state.output_dbm - state.return_loss_db))],
            "MONLDC": lambda state: [f"{current:.1f}" for current in state.pump_currents_ma],
            "MONLDT": lambda state: [f"{temperature:.2f}" for temperature in state.pump_temperatures_c],
            "MONTEC": lambda state: [f"{COOLER_MA:.1f}"] * 2,
        }

    def _list(self, command: str, arguments: list[str]) -> str:
        values = [value for state in self._states() for value in self._lists()[command](state)]
        match arguments:
            case []:
                return ",".join(values)
            case [place] if place.isdecimal() and command not in ("MONOUT", "MONIN", "MONRET"):
                return values[int(place) - 1] if 1 <= int(place) <= len(values) else "N/A"
        return REFUSED

    def _alarm_bits(self) -> int:
        """Return ALMSTAT: bit 0 OUT, 1 LDC, 2 IN, 3 TEMP."""
        bits, pumps = 0, 0
        for path, state in zip(sorted(self.desks), self._states(), strict=True):
            bits |= state.pump_on and self._raised("ALMOUT", path, -state.output_dbm, -1)
            bits |= state.los << 2
            bits |= self._raised("ALMCTMP", 0, state.case_temperature_c) << 3
            for place, current_ma in enumerate(state.pump_currents_ma, pumps + 1):
                bits |= self._raised("ALMLDC", place, current_ma) << 1
            for place, temperature_c in enumerate(state.pump_temperatures_c, pumps + 1):
                bits |= self._raised("ALMLDT", place, temperature_c) << 3
            pumps += len(state.pump_currents_ma)
        return bits

    def _raised(self, command: str, place: int, value: float, sign: int = 1) -> bool:
        alarm = self._alarm(command, place)
        return alarm.enabled and value > sign * alarm.threshold

    def _alarm(self, command: str, place: int) -> Alarm:
        """Return an alarm as it is set, or as delivered."""
        path = place if command in ("ALMOUT", "ALMIN", "ALMRET", "ALMCTMP") else (place + 1) // 2
        settings = self.desks.get(path, next(iter(self.desks.values()))).settings
        if command == "ALMIN":
            return Alarm(settings.los_dbm, settings.los_hysteresis_db)
        delivered = {
            "ALMOUT": Alarm(settings.output_setpoint_dbm - OUTPUT_ALARM_DB),
            "ALMRET": Alarm(RETURN_ALARM_DBM),
            "ALMCTMP": Alarm(CASE_ALARM_C),
            "ALMLDC": Alarm(END_OF_LIFE_SHARE * settings.pump.end_of_life_ma, 5.0),
            "ALMLDT": Alarm(PUMP_ALARM_C),
        }
        return self._alarms.get((command, place), delivered[command])

    def _unit_wide(self, command: str, arguments: list[str], line: str) -> str:
        settings = [desk.settings for desk in self.desks.values()]
        match command, arguments:
            case "ACTIVE", []:
                return f"ACTIVE, {int(any(each.pump_on for each in settings))}"
            case "SETIL", []:
                return f"SETIL, {int(all(each.shut_on_los and each.reduce_on_open for each in settings))}"
            case "PRMACTV", []:
                return f"PRMACTV, {self._restart[0]}, {self._restart[1]}"
            case "PRMACTV", [("0" | "1") as start, ("0" | "1") as manual]:
                self._restart = (start, manual)
                return line
            case "ACTIVE" | "SETIL", ["0" | "1"]:
                self._switch(command, arguments[0] == "1")
                return line
        return REFUSED

    def _switch(self, command: str, on: bool) -> None:
        for desk in self.desks.values():
            if command == "ACTIVE":
                desk.put(replace(desk.settings, pump_on=on))
            else:
                desk.put(replace(desk.settings, shut_on_los=on, reduce_on_open=on))

    def _of_path(self, command: str, path: int, values: list[str], line: str) -> str:
        desk = self.desks[path]
        settings = desk.settings
        if not values:
            shown = {
                "SETMOD": "1" if settings.mode is ControlMode.ACC else "0",
                "SETACC": f"{settings.pump_setpoints_ma[0]:.1f}",
                "SETALC": f"{settings.output_setpoint_dbm:.2f}",
            }
            return f"{command}, {path}, {shown[command]}"
        value = number(values[0])
        match command:
            case "SETMOD" if values[0] in MODES:
                changed = settings.mode is not MODES[values[0]]
                desk.put(replace(settings, mode=MODES[values[0]], pump_on=settings.pump_on and not changed))
            case "SETACC" if value is not None and 0 <= value <= TOP_MA:
                desk.put(replace(settings, pump_setpoints_ma=(value, value)))
            case "SETALC" if value is not None and value <= settings.top_output_dbm:
                desk.put(replace(settings, output_setpoint_dbm=value))
            case _:
                return REFUSED
        return line

    def _alarm_command(self, command: str, place: int, values: list[str], line: str) -> str:
        numbers = [number(value) for value in values]
        if not values:
            alarm = self._alarm(command, place)
            where = f" {place}," if place else ""
            return f"{command},{where} {alarm.threshold:.1f}, {int(alarm.enabled)}, {alarm.hysteresis:.1f}"
        match numbers:
            case [float(threshold), (0.0 | 1.0) as enabled, float(hysteresis)]:
                self._set_alarm(command, place, Alarm(threshold, hysteresis, bool(enabled)))
                return line
        return REFUSED

    def _set_alarm(self, command: str, place: int, alarm: Alarm) -> None:
        self._alarms[command, place] = alarm
        desk = self.desks.get(place)
        if command == "ALMIN" and desk is not None:
            desk.put(replace(desk.settings, los_dbm=alarm.threshold, los_hysteresis_db=alarm.hysteresis))


def _level(dbm: float) -> str:
    return f"{dbm:.2f}"
