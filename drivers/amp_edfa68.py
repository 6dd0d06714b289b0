"""Telecom amplifier modules that speak the binary 0x68 frame, read only.

Follows a published command list ("Ciena EDFA") and captured frames, from which the framing was derived anew: 115200 baud,
8N1. No command that sets anything is published, so nothing can be written. A device is one amplifier of the module; its
number is the device's channel.

To be checked at the first module, because no answer was ever published, only questions:

* data begin right behind the sequence number, without the arguments of the question;
* levels of "all amplifiers" are in the order of the amplifiers, from amplifier 1; the last argument is taken for the stage;
* the module status (0x30) is one byte;
* the pump status (0x3A) is asked by amplifier and then pump; the first pump only, since an unknown one might not be answered;
* attenuator n belongs to amplifier n.

The answer "amplifier 1 is in mode 1 (disabled)" has the very bytes of its question. An echo has them too, so it counts as one:
`mode` is then missing, and the module status says that it is disabled.

The meaning of the alarms SLD, DIS, FLG1 and FLG2 is not published; they are shown as they come. The alarm words name 22
causes, from bit 31 downwards.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.core.model import Value
from stationd.driver import AMPLIFIER, Binary, Driver, Point, Protocol
from stationd.wire.frame68 import Cell

STATUS = Binary(0x30, b"\x01", per_channel=True)  # amplifier, stage 1
MODE = Binary(0x31, b"\x01", per_channel=True)
INPUT_LEVELS = Binary(0x35, b"\x00\x01")  # all amplifiers, stage 1
OUTPUT_LEVELS = Binary(0x36, b"\x00\x01")
SIGNAL_LEVELS = Binary(0x37, b"\x00\x01")
PUMP_1 = Binary(0x3A, b"\x01", per_channel=True)  # amplifier, pump 1
ALARMS = Binary(0x40, per_channel=True)
ATTENUATORS = Binary(0x62, b"\x00")  # all

FLAGS = Cell("B", 0)
LEVEL = Cell("h", 0, stride=2)  # 1/100 dBm
CURRENT_ALARMS = Cell("I", 0)
LATCHED_ALARMS = Cell("I", 4)

MODES: Mapping[Value, Value] = {  # byte 0 of the answer is the amplifier, byte 1 the mode
    1: "disabled",
    2: "manual",
    3: "agc",
    4: "apc",
    5: "clamping",
    6: "ase-power",
    7: "ase-drive",
    8: "ase-safe",
    9: "afc-gain",
    10: "afc-power",
}
ATTENUATOR_MODES: Mapping[Value, Value] = {1: "opaque", 2: "attenuation", 3: "power", 4: "fast"}

ALARM_BITS = (  # from bit 31 downwards: (name, what the module means)
    ("los_1", "LOS-1: loss of light at input 1"),
    ("heater_temperature", "temperature of the heater"),
    ("lop_1", "LOP-1: loss of output power 1"),
    ("pump_overcurrent", "ILD: over-current of a pump diode"),
    ("pump_temperature", "temperature of a pump diode"),
    ("module_temperature_low", "module too cold"),
    ("module_temperature_high", "module too hot"),
    ("los_2", "LOS-2: loss of light at input 2"),
    ("lop_2", "LOP-2: loss of output power 2"),
    ("shutoff", "SHUTOFF: the amplifier is shut off"),
    ("orl", "ORL: too much light comes back"),
    ("apr", "APR: automatic power reduction"),
    ("tec", "TEC: cooler of a pump diode"),
    ("sld", "SLD: meaning not published"),
    ("out_of_gain", "the gain asked for cannot be reached"),
    ("voa", "VOA: variable attenuator"),
    ("input_overload", "too much light at the input"),
    ("dis", "DIS: meaning not published, perhaps the disable pin"),
    ("los_l", "LOS-L: loss of light, L"),
    ("mid_stage_loss", "loss between the stages"),
    ("flag_1", "FLG1: meaning not published"),
    ("flag_2", "FLG2: meaning not published"),
)
FAULTS = ("heater_temperature", "pump_overcurrent", "pump_temperature", "module_temperature_low", "module_temperature_high", "tec", "voa")


def _bit(name: str) -> int:
    return 1 << 31 - [alarm for alarm, _ in ALARM_BITS].index(name)


def _pump(name: str, code: str, at: int, unit: str, scale: float, doc: str) -> Point:
    return Point(name, PUMP_1, Cell(code, at), unit, scale=scale, every_s=10.0, doc=doc)


DRIVER = Driver(
    model="edfa68",
    kind=AMPLIFIER,
    protocols=(Protocol.FRAME68,),
    manual='public command list "Ciena EDFA" with captured frames; read only',
    channels=8,  # assumption: highest amplifier number that the configuration takes
    points=(
        Point("input_power", INPUT_LEVELS, LEVEL, "dBm", scale=0.01, limits=(-70.0, 30.0), doc="Input power"),
        Point("output_power", OUTPUT_LEVELS, LEVEL, "dBm", scale=0.01, limits=(-70.0, 40.0), doc="Output power, all light"),
        Point("los", ALARMS, CURRENT_ALARMS, mask=_bit("los_1"), doc="Loss of light at the input: LOS-1, now"),
        Point("fault", ALARMS, CURRENT_ALARMS, mask=sum(map(_bit, FAULTS)), doc=f"Trouble of the module itself: {', '.join(FAULTS)}"),
        *(Point(f"alarm_{name}", ALARMS, CURRENT_ALARMS, mask=_bit(name), doc=f"Now: {doc}") for name, doc in ALARM_BITS),
        *(Point(f"latched_{name}", ALARMS, LATCHED_ALARMS, mask=_bit(name), doc=f"Latched: {doc}") for name, doc in ALARM_BITS),
        Point("pump_on", STATUS, FLAGS, mask=1 << 0, values={0: True, 1: False}, every_s=5.0, doc="Not disabled"),
        Point("apr_active", STATUS, FLAGS, mask=1 << 1, every_s=5.0, doc="Power is reduced to eye-safe"),
        Point("gain_limited", STATUS, FLAGS, mask=1 << 2, every_s=5.0, doc="The gain is at its limit"),
        Point("power_clamped", STATUS, FLAGS, mask=1 << 3, every_s=5.0, doc="The output power is clamped"),
        Point("output_signal_power", SIGNAL_LEVELS, LEVEL, "dBm", scale=0.01, every_s=5.0, doc="Output power without noise"),
        Point("mode", MODE, Cell("B", 1), values=MODES, every_s=10.0, doc="What is held"),
        _pump("pump1_current", "h", 0, "mA", 0.1, "Pump 1: current"),
        _pump("pump1_end_of_life_current", "h", 2, "mA", 0.1, "Pump 1: current at end of life"),
        _pump("pump1_back_facet", "h", 4, "uA", 1.0, "Pump 1: current of the monitor diode"),
        _pump("pump1_power", "h", 6, "mW", 0.1, "Pump 1: optical power"),
        _pump("pump1_cooler_current", "h", 8, "mA", 0.1, "Pump 1: current of the cooler"),
        _pump("pump1_cooler_voltage", "h", 10, "mV", 0.1, "Pump 1: voltage of the cooler"),
        _pump("pump1_temperature", "h", 12, "degC", 0.1, "Pump 1: temperature"),
        _pump("pump1_current_setpoint", "h", 14, "mA", 0.1, "Pump 1: set point of the current"),
        _pump("pump1_hours", "I", 16, "h", 1.0, "Pump 1: hours of work"),
        _pump("pump1_average_current", "h", 20, "mA", 0.1, "Pump 1: average current over its life"),
        Point("attenuator_mode", ATTENUATORS, Cell("B", 0, stride=3), values=ATTENUATOR_MODES, every_s=10.0, doc="Attenuator: mode"),
        Point(
            "attenuator_setting",
            ATTENUATORS,
            Cell("h", 1, stride=3),
            "dB",
            scale=0.01,
            every_s=10.0,
            doc="Attenuator: loss; in mode power a level in dBm",
        ),
    ),
)
