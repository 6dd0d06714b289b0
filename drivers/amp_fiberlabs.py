"""FiberLabs desktop optical amplifiers over RS-232.

Follows the command tables of a public driver written from the maker's Programming Manual v4.0 and Operations Guide v5.0:
9600 to 57600 baud, 8N1, lines ended by CR or LF as selected at the unit. Answers are lists with one place for each path or
pump; "N/A" stands where there is none. Commands that set are echoed.

* SWITCHING `mode` TURNS THE OUTPUT OFF.
* What is set here (SETMOD, SETALC, SETACC) is temporary. SAVEREF, which writes the unit's EEPROM, has no row.
* The answer to ACTIVE without a value is an assumption, by analogy with SETIL. A unit that refuses it leaves `pump_on`
  without a value, and then a write of it cannot be confirmed.
* "??" is taken for an unknown command and "!!" for one that cannot be done now: an assumption, to be checked.
* Answers of the MON commands do not say what they are the values of: after a time-out the whole line keeps quiet, and values
  that gate an operation need a second read.
* Pumps are counted over the whole unit, not over the paths. Alarm bits and restart are those of the whole unit as well.
* Limits of levels and set points, and the digits that are sent, are assumptions.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.core.model import Value
from stationd.driver import AMPLIFIER, Driver, Point, Protocol, Query
from stationd.wire.exchange import WireFault
from stationd.wire.text import As, Dialect, Field

REFUSALS = ((r"\?\?.*", WireFault.ILLEGAL_ADDRESS), (r"!!.*", WireFault.REFUSED))
DONE = r"{command}|SET(?:MOD|ALC|ACC), ?\d+, ?[^,]+"  # the unit may write the number in its own way; the read-back compares it

VALUE = r"[+-]?\d+(?:\.\d*)?|N/A"
NUMBER = rf" *({VALUE}) *"
OF_PATH = Field(r"(?:[^,]*,){{before}}" + NUMBER + r"(?:,.*)?")  # the place of the device's channel in a list
OF_PUMP_1 = Field(NUMBER + r"(?:,.*)?")
OF_PUMP_2 = Field(rf" *(?:{VALUE}) *(?:,{NUMBER}(?:,.*)?)?")  # a unit with one pump has a list of one

HYSTERESIS = Field(r"ALMIN, *{channel},[^,]+, *[01]," + NUMBER)

ALMSTAT = Query("ALMSTAT")
ALARM_WORD = Field(r"ALMSTAT, *([0-9A-Fa-f]+)", As.HEX)
OFF_ON: Mapping[Value, Value] = {0: False, 1: True}


def _setting(command: str) -> Field:
    return Field(command + r", *{channel}," + NUMBER)


def _limit(name: str, command: str, unit: str, doc: str) -> Point:
    answer = command.replace(",", ", *") + "," + NUMBER + r", *[01], *[^,]+"  # CMD, path, threshold, enabled, hysteresis
    return Point(name, Query(command), Field(answer), unit, every_s=600.0, doc=doc)


DRIVER = Driver(
    model="fiberlabs",
    kind=AMPLIFIER,
    protocols=(Protocol.TEXT,),
    manual="FiberLabs Programming Manual v4.0 and Operations Guide v5.0, by way of a public driver",
    channels=4,  # highest number of pumps in the manual; taken as that of paths too: an assumption
    dialects={
        "cr": Dialect(b"\r", b"\r", done=DONE, refusals=REFUSALS),
        "lf": Dialect(b"\n", b"\n", done=DONE, refusals=REFUSALS),
    },
    points=(
        Point("input_power", Query("MONIN"), OF_PATH, "dBm", limits=(-70.0, 30.0), doc="Input power of the path"),
        Point("output_power", Query("MONOUT"), OF_PATH, "dBm", limits=(-70.0, 40.0), doc="Output power of the path"),
        Point("los", ALMSTAT, ALARM_WORD, mask=1 << 2, doc="IN: input power below los_threshold, on any path"),
        Point("output_alarm", ALMSTAT, ALARM_WORD, mask=1 << 0, doc="OUT: output power alarm, on any path"),
        Point("pump_current_alarm", ALMSTAT, ALARM_WORD, mask=1 << 1, doc="LDC: current of a pump diode"),
        Point("temperature_alarm", ALMSTAT, ALARM_WORD, mask=1 << 3, doc="TEMP: case or a pump diode"),
        Point("fault", ALMSTAT, ALARM_WORD, mask=1 << 1 | 1 << 3, doc="LDC or TEMP: trouble of the unit itself"),
        Point(
            "pump_on",
            Query("ACTIVE"),
            Field(r"(?:ACTIVE, *)?([01])"),
            values=OFF_ON,
            every_s=5.0,
            access="rw",
            put=Query("ACTIVE,{value:d}"),
            doc="Output of the whole unit is on",
        ),
        Point("return_power", Query("MONRET"), OF_PATH, "dBm", limits=(-70.0, 30.0), every_s=5.0, doc="Light coming back"),
        Point("pump1_current", Query("MONLDC"), OF_PUMP_1, "mA", every_s=5.0, doc="First pump diode of the unit"),
        Point("pump2_current", Query("MONLDC"), OF_PUMP_2, "mA", every_s=5.0, doc="Second pump diode of the unit"),
        Point(
            "mode",
            Query("SETMOD,{channel}"),
            _setting("SETMOD"),
            values={0: "apc", 1: "acc"},
            every_s=10.0,
            access="rw",
            put=Query("SETMOD,{channel},{value:d}"),
            doc="What is held; SWITCHING IT TURNS THE OUTPUT OFF",
        ),
        Point(
            "output_setpoint",
            Query("SETALC,{channel}"),
            _setting("SETALC"),
            "dBm",
            limits=(-20.0, 35.0),
            every_s=10.0,
            access="rw",
            put=Query("SETALC,{channel},{value:.2f}"),
            tolerance=0.1,
            doc="Output power to hold in mode apc",
        ),
        Point(
            "pump1_current_setpoint",
            Query("SETACC,{channel}"),
            _setting("SETACC"),
            "mA",
            limits=(0.0, 2000.0),
            every_s=10.0,
            access="rw",
            put=Query("SETACC,{channel},{value:.1f}"),
            tolerance=1.0,
            doc="Pump current to hold in mode acc",
        ),
        Point("pump1_temperature", Query("MONLDT"), OF_PUMP_1, "degC", every_s=10.0, doc="First pump diode of the unit"),
        Point("pump2_temperature", Query("MONLDT"), OF_PUMP_2, "degC", every_s=10.0, doc="Second pump diode of the unit"),
        Point("pump1_cooler_current", Query("MONTEC"), OF_PUMP_1, "mA", every_s=10.0, doc="Cooler of the first pump diode"),
        Point("case_temperature", Query("MONCTMP"), Field(NUMBER), "degC", every_s=10.0, doc="Case"),
        Point(
            "auto_recovery",
            Query("PRMACTV"),
            Field(r"PRMACTV, *([01]), *[01]"),
            values=OFF_ON,
            every_s=10.0,
            doc="The unit switches its output on by itself; the manual advises against it (laser class)",
        ),
        Point(
            "level_interlock",
            Query("SETIL"),
            Field(r"SETIL, *([01])"),
            values=OFF_ON,
            every_s=10.0,
            doc="The unit shuts down by itself on missing input or strong reflection",
        ),
        _limit("los_threshold", "ALMIN,{channel}", "dBm", "Input power below which the unit reports loss of light"),
        Point("los_hysteresis", Query("ALMIN,{channel}"), HYSTERESIS, "dB", every_s=600.0, doc="Hysteresis of los; 0.5 dB by default"),
        _limit("output_threshold", "ALMOUT,{channel}", "dBm", "Output power of the output alarm"),
        _limit("return_threshold", "ALMRET,{channel}", "dBm", "Returned power of the unit's reflection alarm"),
        _limit("case_temperature_threshold", "ALMCTMP", "degC", "Case temperature of the temperature alarm"),
        _limit("pump1_current_threshold", "ALMLDC,1", "mA", "Current of the first pump diode's alarm"),
        _limit("pump1_temperature_threshold", "ALMLDT,1", "degC", "Temperature of the first pump diode's alarm"),
        Point("identity", Query("*IDN?"), Field(r"(.*[A-Za-z].*)", As.TEXT), every_s=600.0, doc="Maker, model, serial number"),
    ),
)
