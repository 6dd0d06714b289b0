"""Terminal amplifiers of the simulated line: booster, preamp, and the pump modules of an unrepeatered line.

What it is: the steady state that the three control modes settle to - constant pump current (ACC), constant output power
(APC), constant gain (AGC) - with pump currents, temperatures, return loss and the unit's own protection.
What it is not: not a device; serial protocols, alarm words and latches are the simulated devices' own. No transients.
It follows the homogeneously saturated amplifier, G = G0 / (1 + P_out / P_sat). Every number tagged [E] is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import log10, sqrt

from stationd.sim.optics import DARK_DBM, PUMP_LOSS_DB, FibreParameters, Role

TAP_DB = 20.0  # monitor ports are 1:99 splitters
OPEN_RETURN_LOSS_DB = 14.7  # glass against air, 3.4 % reflected
CLOSED_RETURN_LOSS_DB = 45.0  # a good angled connector [E]
REDUCED_DBM = 10.0  # automatic power reduction: one vendor's published power for a safe restart
RAMAN_PUMP_DBM = 27.0  # full power of a counter-propagating Raman pump [E]
ROPA_PUMP_DBM = 30.0  # 1 W at 1.48 um: published systems use 1 to 2 W [E]

_ASE_MW = 2.05e-3  # 2 * n_sp * h * nu * B with n_sp 2, 193 THz, 4 THz: with 23 dB of gain the -3.5 dBm of a published manual
_THRESHOLD_MARGIN_MA = 1e-6  # a current computed as the threshold itself still pumps
_IDLE_CASE_C = 28.0  # [E]
_LOADED_CASE_K = 8.0  # rise of the case with both pumps at their end-of-life current [E]


class ControlMode(Enum):
    """What the unit holds constant: pump current, output power or gain."""

    ACC = "acc"
    APC = "apc"
    AGC = "agc"


@dataclass(frozen=True, slots=True)
class PumpModel:
    """Pump current against small-signal gain: G0 = top * x / (1 + x), x = (I - threshold) / half. All [E]."""

    threshold_ma: float = 50.0
    half_ma: float = 150.0
    top_gain_db: float = 40.0
    saturation_dbm: float = 15.0
    end_of_life_ma: float = 600.0
    temperature_c: float = 25.0

    def gain_db(self, current_ma: float) -> float:
        """Small-signal gain at this current of each pump."""
        x = max(0.0, current_ma - self.threshold_ma) / self.half_ma
        return self.top_gain_db * x / (1 + x)

    def current_ma(self, gain_db: float) -> float:
        """The current that this small-signal gain needs, at most the end-of-life current."""
        share = max(0.0, gain_db) / self.top_gain_db
        return self.end_of_life_ma if share >= 1 else min(self.end_of_life_ma, self.threshold_ma + self.half_ma * share / (1 - share))

    def output_dbm(self, input_dbm: float, current_ma: float) -> float:
        """P_out = P_in * G0 / (1 + P_out / P_sat), or the amplifier's own noise where that is more; unpumped it is dark."""
        if current_ma < self.threshold_ma - _THRESHOLD_MARGIN_MA:
            return DARK_DBM
        gain, input_mw, saturation_mw = _mw(self.gain_db(current_ma)), _mw(input_dbm), _mw(self.saturation_dbm)
        signal_mw = 2 * input_mw * gain / (1 + sqrt(1 + 4 * input_mw * gain / saturation_mw))
        return max(DARK_DBM, _dbm(max(signal_mw, _ASE_MW * (gain - 1))))


@dataclass(frozen=True, slots=True)
class AmplifierSettings:
    """What an operator or the factory sets on a terminal amplifier. Change one with `dataclasses.replace`."""

    mode: ControlMode
    output_setpoint_dbm: float
    gain_setpoint_db: float
    pump_setpoints_ma: tuple[float, float]
    los_dbm: float
    los_hysteresis_db: float = 2.0
    pump_on: bool = True
    shut_on_los: bool = False  # the unit's own protection; True on boosters, so that they do not send noise into the line
    reduce_on_open: bool = True  # automatic power reduction while the return loss tells of an open connector
    top_output_dbm: float = 23.0
    pump_ageing: float = 1.0  # current that a pump needs now / when it was new
    pump: PumpModel = PumpModel()


@dataclass(frozen=True, slots=True)
class AmplifierState:
    """What the amplifier measures and reports. Levels never fall below DARK_DBM; `gain_db` is None in the dark."""

    mode: ControlMode
    pump_on: bool
    input_dbm: float
    output_dbm: float
    gain_db: float | None
    pump_currents_ma: tuple[float, float]
    pump_temperatures_c: tuple[float, float]
    case_temperature_c: float
    return_loss_db: float
    los: bool
    apr_active: bool

    @property
    def input_tap_dbm(self) -> float:
        """Level at the input monitor port."""
        return self.input_dbm - TAP_DB

    @property
    def output_tap_dbm(self) -> float:
        """Level at the output monitor port."""
        return self.output_dbm - TAP_DB


def default_settings(role: Role, parameters: FibreParameters) -> AmplifierSettings:
    """As delivered: boosters hold their power, preamps their gain; pump modules hold their power. LOS levels [E]."""
    match role:
        case Role.BOOSTER:
            return _settings(ControlMode.APC, parameters.launch_dbm, parameters.transmitter_dbm, -8.0, shut_on_los=True)
        case Role.PREAMP:
            received_dbm = parameters.nominal_receive_dbm
            return _settings(ControlMode.AGC, min(15.0, received_dbm + 25.0), received_dbm, -38.0, shut_on_los=False)
        case Role.RAMAN | Role.ROPA_PUMP:
            power_dbm = RAMAN_PUMP_DBM if role is Role.RAMAN else ROPA_PUMP_DBM
            pump = PumpModel()
            current_ma = round(_laser_ma(pump, power_dbm, power_dbm + 3), 1)
            currents = (current_ma, current_ma)
            return AmplifierSettings(ControlMode.APC, power_dbm, 0.0, currents, DARK_DBM, top_output_dbm=power_dbm + 3, pump=pump)


def _settings(mode: ControlMode, output_dbm: float, input_dbm: float, los_dbm: float, *, shut_on_los: bool) -> AmplifierSettings:
    pump = PumpModel(saturation_dbm=max(15.0, output_dbm - 2))
    gain_db = round(output_dbm - input_dbm, 1)
    current_ma = round(_needed_ma(pump, input_dbm, output_dbm), 1)
    return AmplifierSettings(mode, output_dbm, gain_db, (current_ma, current_ma), los_dbm, shut_on_los=shut_on_los, pump=pump)


def lost(settings: AmplifierSettings, input_dbm: float, was_lost: bool) -> bool:
    """Loss of signal with hysteresis: set below the threshold, cleared only above threshold + hysteresis."""
    return input_dbm < settings.los_dbm + (settings.los_hysteresis_db if was_lost else 0.0)


def amplify(
    settings: AmplifierSettings, input_dbm: float, los: bool, *, pump_lost: bool = False, line_open: bool = False
) -> AmplifierState:
    """The steady state of a booster or preamp. `line_open` is its own connector to the line."""
    pumping = settings.pump_on and not (los and settings.shut_on_los)
    currents, output_dbm = _pumped(settings, input_dbm, pump_lost) if pumping else ((0.0, 0.0), DARK_DBM)
    reduced = line_open and settings.reduce_on_open and pumping
    if reduced and output_dbm > REDUCED_DBM:
        held = replace(settings, mode=ControlMode.APC, output_setpoint_dbm=REDUCED_DBM, top_output_dbm=REDUCED_DBM)
        currents, output_dbm = _pumped(held, input_dbm, False)
    return _state(settings, pumping, (input_dbm, output_dbm), currents, los, line_open, reduced)


def pump_fibre(settings: AmplifierSettings, *, pump_lost: bool = False, line_open: bool = False) -> AmplifierState:
    """The steady state of a Raman or ROPA pump module: light out, no signal in, so no input level and no loss of signal."""
    reduced = line_open and settings.reduce_on_open and settings.pump_on
    top_dbm, end_ma = settings.top_output_dbm, settings.pump.end_of_life_ma
    wanted_ma = _laser_ma(settings.pump, min(settings.output_setpoint_dbm, top_dbm), top_dbm)
    if settings.mode is ControlMode.ACC:
        wanted_ma = sum(settings.pump_setpoints_ma) / 2
    shown_ma = min(end_ma, wanted_ma * settings.pump_ageing)
    output_dbm = _laser_dbm(settings.pump, shown_ma / settings.pump_ageing, top_dbm) - (PUMP_LOSS_DB if pump_lost else 0.0)
    currents = (0.0, end_ma) if pump_lost else (shown_ma, shown_ma)
    if not settings.pump_on:
        currents, output_dbm = (0.0, 0.0), DARK_DBM
    elif reduced and output_dbm > REDUCED_DBM:
        output_dbm = REDUCED_DBM
        reduced_ma = _laser_ma(settings.pump, REDUCED_DBM, top_dbm)
        currents = (reduced_ma, reduced_ma)
    return _state(settings, settings.pump_on, (DARK_DBM, max(DARK_DBM, output_dbm)), currents, False, line_open, reduced)


def _pumped(settings: AmplifierSettings, input_dbm: float, pump_lost: bool) -> tuple[tuple[float, float], float]:
    """Currents that the control loop settles to, and the output that they give."""
    shown_ma = min(settings.pump.end_of_life_ma, _wanted_ma(settings, input_dbm) * settings.pump_ageing)
    output_dbm = min(settings.top_output_dbm, settings.pump.output_dbm(input_dbm, shown_ma / settings.pump_ageing))
    if pump_lost:
        return (0.0, settings.pump.end_of_life_ma), max(DARK_DBM, output_dbm - PUMP_LOSS_DB)
    return (shown_ma, shown_ma), output_dbm


def _wanted_ma(settings: AmplifierSettings, input_dbm: float) -> float:
    match settings.mode:
        case ControlMode.ACC:
            return sum(settings.pump_setpoints_ma) / 2
        case ControlMode.APC:
            target_dbm = settings.output_setpoint_dbm
        case ControlMode.AGC:
            target_dbm = input_dbm + settings.gain_setpoint_db
    return _needed_ma(settings.pump, input_dbm, min(target_dbm, settings.top_output_dbm))


def _needed_ma(pump: PumpModel, input_dbm: float, output_dbm: float) -> float:
    return pump.current_ma(output_dbm - input_dbm + _dbm(1 + _mw(output_dbm - pump.saturation_dbm)))


def _laser_ma(pump: PumpModel, output_dbm: float, top_dbm: float) -> float:
    return pump.threshold_ma + (pump.end_of_life_ma - pump.threshold_ma) * _mw(output_dbm - top_dbm)


def _laser_dbm(pump: PumpModel, current_ma: float, top_dbm: float) -> float:
    """A laser diode: straight from the threshold to its top power at the end-of-life current."""
    share = (current_ma - pump.threshold_ma) / (pump.end_of_life_ma - pump.threshold_ma)
    return DARK_DBM if share <= 0 else top_dbm + _dbm(share)


def _state(
    settings: AmplifierSettings,
    pump_on: bool,
    levels_dbm: tuple[float, float],
    currents_ma: tuple[float, float],
    los: bool,
    line_open: bool,
    reduced: bool,
) -> AmplifierState:
    input_dbm, output_dbm = levels_dbm
    load = sum(currents_ma) / 2 / settings.pump.end_of_life_ma
    return AmplifierState(
        mode=settings.mode,
        pump_on=pump_on,
        input_dbm=input_dbm,
        output_dbm=output_dbm,
        gain_db=None if DARK_DBM in (input_dbm, output_dbm) else output_dbm - input_dbm,
        pump_currents_ma=currents_ma,
        pump_temperatures_c=(settings.pump.temperature_c, settings.pump.temperature_c),
        case_temperature_c=_IDLE_CASE_C + _LOADED_CASE_K * load,
        return_loss_db=OPEN_RETURN_LOSS_DB if line_open else CLOSED_RETURN_LOSS_DB,
        los=los,
        apr_active=reduced,
    )


def _mw(dbm: float) -> float:
    return float(10 ** (dbm / 10))


def _dbm(mw: float) -> float:
    return 10 * log10(mw)
