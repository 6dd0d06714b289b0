"""Keopsys (Lumibird) CEFA fibre amplifiers with one or two pumped stages, over RS-232 or GPIB.

Follows the maker's manual UM20 rev 9 (May 2014, firmware 2.41): 19200 baud, 8N1, no handshake; "XXX?" is answered
"XXX=<value>", "XXX=<value>" by "XXX!"; "XXX*" is an unknown command, "XXX#" one that is not authorised.

* The end of a line on RS-232 is not in the manual: the dialects "cr", "nul" (as on GPIB) and "crlf" are an assumption. Which
  one a unit speaks is found at commissioning.
* Levels are read as 1/100 dBm, as the manual's examples are. It also speaks of mW: a unit ordered so has other numbers and
  needs other rows; compare one level with a meter at commissioning.
* Limits of levels and set points are assumptions: readings outside are shown as uncertain, writes outside are refused.
* Many commands are options of the unit; it answers those it lacks with "*", and their points stay without a value.
* Alarm bits belong to model and firmware: another family of the maker (KPS-CUS) has the same word with other bits. Another
  order is another table like ALARM_BITS.
* The automatic shut-down latches: it cannot be started again while its cause persists; high feedback is cleared at the unit
  with the key. An open interlock needs a reset by hand. Nothing here can do it from afar.
* The factory settings (RKP) have no row, and no row can send them. K0 and K1 (pumps on GPIB units) are not in the manual and
  are left out: the pumps are switched by `mode`.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.core.model import Value
from stationd.driver import AMPLIFIER, Driver, Point, Protocol, Query
from stationd.wire.exchange import WireFault
from stationd.wire.text import As, Dialect, Field

REFUSALS = ((r"\*?\w+\*", WireFault.ILLEGAL_ADDRESS), (r"\w+#", WireFault.REFUSED))
DONE = "{name}!"  # "CPU=300" is answered "CPU!"

# UM20, alarm word: (point, bit, what the unit says). A = the unit has shut its pumps down, W = information.
ALARM_BITS = (
    ("pumps_disabled", 15, "W: pumps are disabled"),
    ("loss_of_output", 14, "A: output power is missing"),
    ("los", 13, "A: input power is missing or feedback is too high; the unit does not tell the two apart"),
    ("case_temperature_warning", 12, "W: case temperature"),
    ("pump2_temperature_alarm", 11, "A: pump diode 2 below 15 or above 40 degC"),
    ("pump2_cooler_warning", 10, "W: current of the cooler of pump diode 2"),
    ("pump1_temperature_alarm", 9, "A: temperature of pump diode 1"),
    ("pump1_cooler_warning", 8, "W: current of the cooler of pump diode 1"),
    ("pump2_current_low", 7, "W: current of pump diode 2 below 8/9 of its set point; normal while it rises"),
    ("pump1_current_low", 5, "W: current of pump diode 1 below 8/9 of its set point; normal while it rises"),
    ("key_off", 3, "A: key switch is off"),
    ("pump2_temperature_off_set_point", 1, "W: pump diode 2 is more than 2 degC off its set point"),
    ("pump1_temperature_off_set_point", 0, "W: pump diode 1 is more than 2 degC off its set point"),
)
FAULT_BITS = 1 << 14 | 1 << 11 | 1 << 9  # shut down by the unit's own trouble: not by missing light, not by the key

ALA = Query("ALA?")
ALARM_WORD = Field(r"ALA=([0-9A-Fa-f]{4})", As.HEX)
MODES: Mapping[Value, Value] = {0: "off", 1: "acc", 2: "apc", 4: "agc"}  # 4 on some models only
OFF_ON: Mapping[Value, Value] = {0: False, 1: True}


def _number(command: str) -> Field:
    return Field(rf"{command}=([+-]?\d+)")


DRIVER = Driver(
    model="keopsys-cefa",
    kind=AMPLIFIER,
    protocols=(Protocol.TEXT,),
    manual="Keopsys UM20 rev 9 (May 2014, firmware 2.41), pages 15-27",
    gap_s=0.03,  # "needed to avoid reading too early", from a public driver
    dialects={
        "cr": Dialect(b"\r", b"\r", done=DONE, refusals=REFUSALS),
        "nul": Dialect(b"\0", b"\0", done=DONE, refusals=REFUSALS),
        "crlf": Dialect(b"\r\n", b"\r\n", done=DONE, refusals=REFUSALS),
    },
    points=(
        Point(
            "input_power",
            Query("PUE?"),
            _number("PUE"),
            "dBm",
            scale=0.01,
            limits=(-70.0, 30.0),
            doc="Input power (an option of the unit)",
        ),
        Point("output_power", Query("PUS?"), _number("PUS"), "dBm", scale=0.01, limits=(-70.0, 45.0), doc="Output power"),
        *(Point(name, ALA, ALARM_WORD, mask=1 << bit, doc=doc) for name, bit, doc in ALARM_BITS),
        Point("fault", ALA, ALARM_WORD, mask=FAULT_BITS, doc="The unit shut its pumps down: no output, or a pump too hot or cold"),
        Point("pump_on", Query("PUMP?"), Field(r"PUMP=([01])"), values=OFF_ON, every_s=5.0, doc="Pumps are on; switched by mode"),
        Point("key_on", Query("KEY?"), Field(r"KEY=([01])"), values=OFF_ON, every_s=5.0, doc="Key switch"),
        Point(
            "mode",
            Query("ASS?"),
            Field(r"ASS=(\d)"),
            values=MODES,
            every_s=5.0,
            access="rw",
            put=Query("ASS={value:d}"),
            doc="What the unit holds: pump current (acc), output power (apc), gain (agc); off stops the pumps",
        ),
        Point("pump1_current", Query("ID1?"), _number("ID1"), "mA", every_s=5.0, doc="Current of the pre-amplifier's pump diode"),
        Point("pump2_current", Query("ID2?"), _number("ID2"), "mA", every_s=5.0, doc="Current of the booster's pump diode"),
        Point(
            "output_setpoint",
            Query("CPU?"),
            _number("CPU"),
            "dBm",
            scale=0.1,
            limits=(0.0, 40.0),
            every_s=10.0,
            access="rw",
            put=Query("CPU={value:d}"),
            doc="Output power to hold in mode apc",
        ),
        Point(
            "pump1_current_setpoint",
            Query("IC1?"),
            _number("IC1"),
            "mA",
            limits=(0.0, 2000.0),
            every_s=10.0,
            access="rw",
            put=Query("IC1={value:d}"),
            doc="Current to hold in mode acc, pre-amplifier (writing is an option)",
        ),
        Point(
            "pump2_current_setpoint",
            Query("IC2?"),
            _number("IC2"),
            "mA",
            limits=(0.0, 9999.0),
            every_s=10.0,
            access="rw",
            put=Query("IC2={value:d}"),
            doc="Current to hold in mode acc, booster",
        ),
        Point("pump1_temperature", Query("TD1?"), _number("TD1"), "degC", scale=0.01, every_s=10.0, doc="Pump diode 1"),
        Point("pump2_temperature", Query("TD2?"), _number("TD2"), "degC", scale=0.01, every_s=10.0, doc="Pump diode 2"),
        Point("case_temperature", Query("TCR?"), _number("TCR"), "degC", scale=0.01, every_s=10.0, doc="Case"),
        Point("low_input_shutdown", Query("ASI?"), _number("ASI"), "dBm", every_s=600.0, doc="Input below which the unit shuts down"),
        Point("feedback_shutdown", Query("ASF?"), _number("ASF"), "dBm", every_s=600.0, doc="Feedback above which the unit shuts down"),
        Point("nominal_output", Query("PNO?"), _number("PNO"), "dBm", every_s=600.0, doc="Output power that the unit is made for"),
        Point("serial_number", Query("SNU?"), Field(r"SNU=(\w+)", As.TEXT), every_s=600.0, doc="Serial number"),
        Point("firmware", Query("VER?"), Field(r"VER=(\S+)", As.TEXT), every_s=600.0, doc="Hardware and firmware version"),
    ),
)
