"""FuG high-voltage supplies (HCK and its family) with the Probus V interface.

Follows the register set of Probus V as a public driver uses it (hvl-ccb 0.19.6, fug.py, tested on an HCK 800-20000).
Serial 9600 8N1 and LF as delivered; USB models use 115200 or 625000. How lines end is set in the unit (register KT or the
Probus IV command Y0 to Y3): one dialect for each. A command has at most 50 characters and is answered E0, or En for a refusal.

Assumptions, one row of the table each: registers are answered in decimal (the status byte KS too); S1R counts in A/s, as
S0R counts in V/s; both regulation bits are clear while the output is off; DX and the command P count 1 as negative.

The hardware ramp (S0B, S1B) limits the slew of a set point; it must never carry the line to a target by itself.
A trip of the unit has no bit of its own: it shows as `output_on` going false.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.core.model import Value
from stationd.driver import POWER_FEED, Driver, Missing, Point, Protocol, Query
from stationd.wire.exchange import WireFault
from stationd.wire.text import As, Dialect, Field

SLOW_S = 60.0
RAMP_MODES: Mapping[Value, Value] = {0: "none", 1: "follow", 2: "up-only", 3: "special-up", 4: "follow-and-zero-when-off"}
SPAN = (-0.05, 1.05)  # assumption: what a monitor may show, in shares of the rating; noise around zero included

REFUSALS = (
    ("E1", WireFault.DEVICE_FAILURE),  # no data
    ("E2", WireFault.ILLEGAL_ADDRESS),  # unknown register
    ("E4", WireFault.ILLEGAL_VALUE),  # invalid argument
    ("E5", WireFault.ILLEGAL_VALUE),  # out of range
    ("E6", WireFault.REFUSED),  # read only
    ("E7", WireFault.BUSY),  # overflow
    ("E8", WireFault.REFUSED),  # EEPROM protected
    ("E9", WireFault.ILLEGAL_ADDRESS),  # address error
    ("E10", WireFault.ILLEGAL_FUNCTION),  # unknown SCPI command
    ("E13", WireFault.ILLEGAL_VALUE),  # invalid N
    ("E14", WireFault.REFUSED),  # write only
    ("E15", WireFault.ILLEGAL_VALUE),  # too long
    ("E16", WireFault.CHECKSUM),
    (r"E0*[1-9]\d*", WireFault.REFUSED),  # any other number
)


def dialect(end: bytes) -> Dialect:
    """Return the dialect whose lines end so, both ways."""
    return Dialect(terminator=end, reply_terminator=end, done="E0", refusals=REFUSALS)


def register(name: str) -> tuple[Query, Field]:
    """Return where a register is read and how it is answered: `>S0 ?` -> `S0:1.5`."""
    return Query(f">{name} ?"), Field(rf"{name}:\s*(\S+)")


STATUS = register("KS")  # b7 I-REG, b6 V-REG, b5 ON, b4 3-REG, b3 X-stat, b2 CAL, b0 SEL-D
BOOL: Mapping[Value, Value] = {0: False, 1: True}

DRIVER = Driver(
    model="fug-probus5",
    kind=POWER_FEED,
    protocols=(Protocol.TEXT,),
    manual="FuG Probus V registers, after hvl-ccb 0.19.6 (ETH Zurich High Voltage Laboratory)",
    answer_s=0.5,
    late_s=1.0,  # assumption; the public driver gives up after 3 s, which is no measured lateness
    dialects={"lf": dialect(b"\n"), "crlf": dialect(b"\r\n"), "cr": dialect(b"\r"), "lfcr": dialect(b"\n\r")},
    ratings={"voltage_v": None, "current_ma": None},
    points=(
        Point("output_voltage", *register("M0"), "V", rated_limits=("voltage_v", *SPAN), doc="Monitor of the voltage"),
        Point("output_current", *register("M1"), "mA", scale=1000.0, rated_limits=("current_ma", *SPAN), doc="Monitor of the current"),
        Point(
            "voltage_setpoint",
            *register("S0"),
            "V",
            access="rw",
            put=Query(">S0 {value:.3f}"),
            rated_limits=("voltage_v", 0.0, 1.0),
            doc="Set voltage",
        ),
        Point(
            "current_setpoint",
            *register("S1"),
            "mA",
            scale=1000.0,
            access="rw",
            put=Query(">S1 {value:.6f}"),
            rated_limits=("current_ma", 0.0, 1.0),
            tolerance=0.05,  # assumption: 20 bits of 1 A and the digits shown
            doc="Set current",
        ),
        Point("output_on", *STATUS, mask=0x20, access="rw", put=Query(">BON {value:d}"), doc="Output is on"),
        Point("regulation", *STATUS, mask=0xC0, values={0: "off", 1: "cv", 2: "cc"}, doc="What limits the output"),
        Point("remote", *STATUS, mask=0x01, doc="Set values come from the digital interface"),
        Point(
            "polarity_negative",
            *register("DX"),
            values=BOOL,
            every_s=5.0,
            access="rw",
            put=Query("P{value:d}"),
            doc="Polarity is negative; turned by the Probus IV command, and only while the output is off",
        ),
        Point("third_regulator", *STATUS, mask=0x10, doc="3-REG: a further limit of the unit holds the output"),
        Point("calibrating", *STATUS, mask=0x04, doc="Calibration mode"),
        Point("fault", Missing("the status byte has no fault bit; a trip shows as output_on = false")),
        Point("interlock", Missing("no register shows the interlock loop; wire its contact to a modbus-io")),
        Point("output_command", *register("BON"), values=BOOL, every_s=5.0, doc="What was commanded for the output"),
        Point("voltage_control", *register("DVR"), values=BOOL, every_s=5.0, doc="Constant voltage is active"),
        Point("current_control", *register("DIR"), values=BOOL, every_s=5.0, doc="Constant current is active"),
        Point("ramped_voltage_setpoint", *register("S0A"), "V", doc="Set voltage that the ramp has reached"),
        Point("ramped_current_setpoint", *register("S1A"), "mA", scale=1000.0, doc="Set current that the ramp has reached"),
        Point("ramping_voltage", *register("S0S"), values=BOOL, every_s=5.0, doc="The voltage ramp is running"),
        Point("ramping_current", *register("S1S"), values=BOOL, doc="The current ramp is running"),
        Point(
            "ramp_rate",
            *register("S1R"),
            "mA/s",
            scale=1000.0,
            every_s=5.0,
            access="rw",
            put=Query(">S1R {value:.6f}"),
            limits=(0.0, 1000.0),  # assumption: sane slews of a feed current
            tolerance=0.05,
            doc="Slew of the set current (unit A/s: assumption)",
        ),
        Point(
            "ramp_mode",
            *register("S1B"),
            values=RAMP_MODES,
            every_s=5.0,
            access="rw",
            put=Query(">S1B {value:d}"),
            doc="How the set current follows",
        ),
        Point("voltage_ramp_rate", *register("S0R"), "V/s", every_s=SLOW_S, doc="Slew of the set voltage"),
        Point("voltage_ramp_mode", *register("S0B"), values=RAMP_MODES, every_s=SLOW_S, doc="How the set voltage follows"),
        Point("last_error", *register("KE"), every_s=SLOW_S, doc="Number of the last refusal"),
        Point("identity", Query("*IDN?"), Field(r"(FUG .+)", As.TEXT), every_s=SLOW_S, doc="Type, ratings and serial number"),
    ),
)
