"""A simulated EA Elektro-Automatik PS 10000 supply, for Modbus RTU and TCP.

Written apart from the driver, from the KE220 REV15 guide as public drivers cite it. 0xCCCC is 100 % of a nominal
value, 0xD0E5 (102 %) the highest set value. The unit takes no write before remote control is on (coil 402), refused with
exception 07 (to be checked). Also to be checked: the nominal floats at 121, 123, 125, thresholds at 550, 553, 556, alarm
bits from 16 on, the alarm coil 411 and code 3 for the control location of any interface.
Assumptions: registers between two published ones of a group (503 and 504, 551 ...) can be read and hold 0; an output that a
protection switched off stays off until its alarm is acknowledged.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from pymodbus.constants import ExcCodes

from stationd.sim.cable import Regulation
from stationd.sim.modbus_server import FUNCTIONS, Bank
from stationd.sim.stage import FeedDesk, Stage

FULL_SCALE = 0xCCCC
MOST = 0xD0E5
REMOTE, OUTPUT, MODE, ACKNOWLEDGE = 402, 405, 409, 411
SET_V, SET_I, SET_P = 500, 501, 502
OVER_V, OVER_I, OVER_P = 550, 553, 556
LIMITS = 9000  # V max, V min, I max, I min, P max, then two of the sink
REFUSED = ExcCodes.NEGATIVE_ACKNOWLEDGE  # 07
CONTROL_BY_INTERFACE = 3
REGULATION = {Regulation.CV: 0, Regulation.CC: 2, Regulation.OFF: 0}
PROTECTED_SHARE = 1.1  # thresholds go up to 110 % (assumption)


class EaSupply:
    """One supply."""

    functions = FUNCTIONS - {2, 4}

    def __init__(self, stage: Stage, desk: FeedDesk, rated_w: float) -> None:
        self.desk = desk
        self.rated_w = rated_w
        self.locked = False  # somebody at the panel keeps remote control away
        self._stage = stage
        self._power = FULL_SCALE
        self._resistance_mode = 0
        self._thresholds = {at: round(PROTECTED_SHARE * FULL_SCALE) for at in (OVER_V, OVER_I, OVER_P)}
        self._limits = [MOST, 0, MOST, 0, MOST, 0, 0, 0, 0, 0]
        self._fixed = self._nameplate()

    def snapshot(self, bank: Bank) -> Mapping[int, int]:
        """Return coils and holding registers as they are now."""
        self._stage.settle()
        match bank:
            case Bank.COILS:
                return self._coils()
            case Bank.HOLDING:
                return {**self._fixed, **self._values()}
            case _:
                return {}

    def _coils(self) -> dict[int, int]:
        feed = self.desk.feed
        return {REMOTE: int(feed.remote), OUTPUT: int(feed.output_on), MODE: self._resistance_mode, ACKNOWLEDGE: 0}

    def _nameplate(self) -> dict[int, int]:
        rated = (self.desk.rated_v, self.desk.rated_ma / 1000, self.rated_w)
        return {
            0: 42,  # device class; the code is made up
            **_words(1, b"PS 11000-02 1500W".ljust(40, b"\0")),
            **_words(21, b"EA Elektro-Automatik".ljust(40, b"\0")),
            **_words(121, struct.pack(">3f", *rated)),
            **_words(151, b"2024051401".ljust(40, b"\0")),
        }

    def _values(self) -> dict[int, int]:
        desk = self.desk
        current_ma, voltage_v = desk.measure()
        state = self._state()
        shown = (
            _raw(desk.voltage.target, desk.rated_v),
            _raw(desk.current.target, desk.rated_ma),
            self._power,
            0,
            0,
            state >> 16,
            state & 0xFFFF,
            _raw(voltage_v, desk.rated_v),
            _raw(current_ma, desk.rated_ma),
            _raw(current_ma / 1000 * voltage_v, self.rated_w),
        )
        thresholds = {at: self._thresholds.get(at, 0) for at in range(OVER_V, OVER_P + 1)}
        return {**dict(enumerate(shown, SET_V)), **thresholds, **dict(enumerate(self._limits, LIMITS))}

    def _state(self) -> int:
        feed = self.desk.feed
        location = CONTROL_BY_INTERFACE if feed.remote else int(self.locked)
        regulation = REGULATION[self.desk.regulation]
        alarm = self.desk.tripped << 15 | self.desk.over_voltage << 16
        return location | feed.output_on << 7 | regulation << 9 | feed.remote << 11 | alarm

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Take coils or set values; all or nothing."""
        feed = self.desk.feed
        if not feed.remote and not (bank is Bank.COILS and address == REMOTE and len(values) == 1):
            return REFUSED
        pairs = list(enumerate(values, address))
        if bank is Bank.COILS:
            return next((fault for at, value in pairs if (fault := self._switch(at, bool(value)))), None)
        if fault := next((fault for at, value in pairs if (fault := self._cannot_set(at, value))), None):
            return fault
        for at, value in pairs:
            self._set(at, value)
        return None

    def _switch(self, coil: int, on: bool) -> ExcCodes | None:
        match coil:
            case 402:
                if on and self.locked:
                    return REFUSED
                self.desk.set_remote(on)
            case 405:
                return None if self.desk.switch(on) else REFUSED
            case 409:
                self._resistance_mode = int(on)
            case _:
                self.desk.acknowledge()
        return None

    def _cannot_set(self, register: int, value: int) -> ExcCodes | None:
        if register in (SET_V, SET_I):
            highest, lowest = self._limits[2 * (register - SET_V) : 2 * (register - SET_V) + 2]
            return None if lowest <= value <= highest else ExcCodes.ILLEGAL_VALUE
        if register == SET_P:
            return None if value <= self._limits[4] else ExcCodes.ILLEGAL_VALUE
        if register in self._thresholds:
            return None if value <= PROTECTED_SHARE * FULL_SCALE + 1 else ExcCodes.ILLEGAL_VALUE
        if LIMITS <= register < LIMITS + len(self._limits):
            return None if value <= MOST else ExcCodes.ILLEGAL_VALUE
        return ExcCodes.ILLEGAL_ADDRESS

    def _set(self, register: int, value: int) -> None:
        match register:
            case 500:
                self.desk.set_voltage(value / FULL_SCALE * self.desk.rated_v)
            case 501:
                self.desk.set_current(value / FULL_SCALE * self.desk.rated_ma)
            case 502:
                self._power = value
            case _ if register in self._thresholds:
                self._thresholds[register] = value
                self.desk.trip_above_v = self._thresholds[OVER_V] / FULL_SCALE * self.desk.rated_v
            case _:
                self._limits[register - LIMITS] = value


def _raw(value: float, rated: float) -> int:
    return max(0, min(0xFFFF, round(value / rated * FULL_SCALE)))


def _words(start: int, data: bytes) -> dict[int, int]:
    return {start + at // 2: int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)}
