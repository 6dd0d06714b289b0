"""A simulated telecom amplifier module that speaks the binary 0x68 frame; one amplifier for each of the plant in it.

Written apart from the driver, from a published command list ("Ciena EDFA") and the framing derived from its captured frames.
Answers carry command and sequence number of their question, then data. Read only, as far as anything is published.
Assumptions: no answer was ever published, so data are laid out as the driver's manual part assumes - status one byte, mode
as amplifier and mode, levels in the order of the amplifiers; a channel without an amplifier shows no light; back facet,
cooler and hours are plausible constants; damaged frames and unknown commands are not answered.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from stationd.sim.amplifier import AmplifierSettings, AmplifierState, ControlMode
from stationd.sim.device_text import ANSWER_S
from stationd.sim.line import Late
from stationd.sim.optics import DARK_DBM
from stationd.sim.stage import AmplifierDesk, Stage
from stationd.sim.wire_faults import frame68

START, END = 0x68, 0x16
LONGEST_PAYLOAD = 256
DISABLED, MANUAL, CONSTANT_GAIN, CONSTANT_POWER = 1, 2, 3, 4
MODES = {ControlMode.ACC: MANUAL, ControlMode.AGC: CONSTANT_GAIN, ControlMode.APC: CONSTANT_POWER}
# Bits of an alarm word.
LOS, LOP, PUMP_OVER_CURRENT, SHUT_OFF, RETURN_LOSS, REDUCED, OUT_OF_GAIN = (1 << bit for bit in (31, 29, 28, 22, 21, 20, 17))
END_OF_LIFE_SHARE = 0.95
LOW_OUTPUT_DB = 2.5  # assumption; below what one of two pumps costs
OPEN_LOSS_DB = 20.0  # return loss below which it counts as open (assumption)
BACK_FACET_UA, COOLER_01_MA, COOLER_01_MV, HOURS = 850, 4000, 9000, 12345  # assumption
ATTENUATOR_FIXED, ATTENUATION_DB = 2, 3.0  # mode "constant attenuation" (assumption)


class Edfa68:
    """One module. `desks[n]` is amplifier n, counted from 1."""

    def __init__(self, stage: Stage, desks: Mapping[int, AmplifierDesk]) -> None:
        self.desks = desks
        self._stage = stage
        self._count = max(desks)
        self._latched = dict.fromkeys(desks, 0)
        self._received = bytearray()
        stage.on_change(self._latch)

    def feed(self, data: bytes) -> list[Late]:
        """Take bytes; return answers."""
        self._received += data
        pieces = []
        for payload in _payloads(self._received):
            self._stage.settle()
            answer = self._answer(payload[0], payload[3:])
            if answer is not None:
                pieces.append((ANSWER_S, frame68(payload[:3] + answer)))
        return pieces

    def _latch(self) -> None:
        for number in self.desks:
            self._latched[number] |= self._alarms(number)

    def _answer(self, command: int, arguments: bytes) -> bytes | None:
        number = arguments[0] if arguments else 0
        match command:
            case 0x35 | 0x36 | 0x37:
                return self._levels(command, number)
            case 0x62:
                return self._attenuators()
        if number not in self.desks:
            return None
        state, settings = self.desks[number].state(), self.desks[number].settings
        match command:
            case 0x30:
                return bytes((int(not state.pump_on) | state.apr_active << 1 | self._out_of_gain(number) << 2,))
            case 0x31:
                return bytes((number, MODES[settings.mode] if settings.pump_on else DISABLED))
            case 0x3A:
                pump = arguments[1] if len(arguments) > 1 else 1
                return _pump(state, settings, pump) if pump in (1, 2) else None
            case 0x40:
                return struct.pack(">II", self._alarms(number), self._latched[number])
        return None

    def _levels(self, command: int, number: int) -> bytes | None:
        numbers = range(1, self._count + 1) if number == 0 else (number,)
        if number and number not in self.desks:
            return None
        return b"".join(struct.pack(">h", round(100 * self._level(command, each))) for each in numbers)

    def _level(self, command: int, number: int) -> float:
        if number not in self.desks:
            return DARK_DBM
        state = self.desks[number].state()
        return state.input_dbm if command == 0x35 else state.output_dbm

    def _attenuators(self) -> bytes:
        one = struct.pack(">Bh", ATTENUATOR_FIXED, round(100 * ATTENUATION_DB))
        return one * self._count

    def _out_of_gain(self, number: int) -> bool:
        state, settings = self.desks[number].state(), self.desks[number].settings
        if settings.mode is not ControlMode.AGC or not state.pump_on or state.los:
            return False
        return state.gain_db is not None and state.gain_db < settings.gain_setpoint_db - 1.0

    def _alarms(self, number: int) -> int:
        state, settings = self.desks[number].state(), self.desks[number].settings
        end_ma = END_OF_LIFE_SHARE * settings.pump.end_of_life_ma
        low = settings.mode is ControlMode.APC and state.output_dbm < settings.output_setpoint_dbm - LOW_OUTPUT_DB
        bits = {
            LOS: state.los,
            LOP: state.pump_on and (low or state.output_dbm <= DARK_DBM),
            PUMP_OVER_CURRENT: max(state.pump_currents_ma) >= end_ma,
            SHUT_OFF: not state.pump_on,
            RETURN_LOSS: state.return_loss_db < OPEN_LOSS_DB,
            REDUCED: state.apr_active,
            OUT_OF_GAIN: self._out_of_gain(number),
        }
        return sum(bit for bit, on in bits.items() if on)


def _pump(state: AmplifierState, settings: AmplifierSettings, number: int) -> bytes:
    current = round(10 * state.pump_currents_ma[number - 1])
    return struct.pack(
        ">hhhhhhhhIhh",
        current,
        round(10 * settings.pump.end_of_life_ma),
        BACK_FACET_UA if current else 0,
        current // 2,
        COOLER_01_MA,
        COOLER_01_MV,
        round(10 * state.pump_temperatures_c[number - 1]),
        round(10 * settings.pump_setpoints_ma[number - 1]),
        HOURS,
        current,
        0,
    )


def _payloads(received: bytearray) -> Iterator[bytes]:
    """Take sound frames out of the buffer; what cannot become one is dropped."""
    while (start := received.find(START)) >= 0:
        del received[:start]
        if len(received) < 4:
            return
        length = int.from_bytes(received[1:3], "big")
        if not 3 <= length <= LONGEST_PAYLOAD or received[3] != START:
            del received[:1]
            continue
        if len(received) < length + 6:
            return
        payload = bytes(received[4 : 4 + length])
        sound = received[4 + length] == sum(payload) & 0xFF and received[5 + length] == END
        del received[: length + 6 if sound else 1]
        if sound:
            yield payload
    received.clear()
