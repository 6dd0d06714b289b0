"""TDK-Lambda Genesys supplies over their serial text protocol (RS-232, or RS-485 with up to 31 units on a line).

Follows the Genesys user manual 83503001 rev G and three further editions. A line ends with CR both ways; `ADR n` must be
answered `OK` before the unit listens, so the bus selects the unit first. Setters are answered `OK`, refusals are Cnn and Enn.
Where the units are set to use it, each line carries a check sum, `$` and the sum of its characters in hexadecimal: the
dialect "checksum". A unit may send `!nn` (service request) at any time; such lines answer nothing and are passed over.

To be checked: the default of 9600 8N1. Assumption: how finely the unit shows a set point, one value in the table.

Protection levels, foldback and auto-restart are shown and never written: a person sets them at the unit.
"""

from __future__ import annotations

from dataclasses import replace

from stationd.driver import POWER_FEED, Driver, Point, Protocol, Query
from stationd.wire.exchange import WireFault
from stationd.wire.text import As, CheckSum, Dialect, Field

SLOW_S = 60.0
SPAN = (-0.05, 1.1)  # assumption: what a meter may show, in shares of the rating
SHOWN_TO_MA = 2.0  # assumption: a unit of about 1 A shows milliamperes
SHOWN_TO_V = 0.2  # assumption: a unit of about 600 V shows tenths

REFUSALS = (
    ("C01", WireFault.ILLEGAL_FUNCTION),  # illegal command
    ("C04", WireFault.CHECKSUM),
    (r"C\d\d", WireFault.ILLEGAL_VALUE),  # C02 missing, C03 illegal parameter, C05 range
    ("E07", WireFault.REFUSED),  # output ON during a fault
    (r"E0[1246]", WireFault.ILLEGAL_VALUE),  # E01 PV too near OVP, E02 below UVL, E04 OVP too low, E06 UVL too high
    (r"E\d\d", WireFault.REFUSED),
)


PLAIN = Dialect(done="OK", refusals=REFUSALS, unasked=r"![0-9A-Fa-f]{2}", select="ADR {unit}")

STATUS = Query("STT?")  # one answer brings four values, the status and the fault register
STATUS_ANSWER = ("MV", "PV", "MC", "PC", "SR", "FR")


def part(name: str, read_as: As = As.NUMBER) -> Field:
    """Return the field of one value of the status answer: MV(..),PV(..),MC(..),PC(..),SR(hh),FR(hh)."""
    return Field(",".join(rf"{one}\((.+)\)" if one == name else rf"{one}\([^,]+\)" for one in STATUS_ANSWER), read_as)


SR = part("SR", As.HEX)  # b0 CV, b1 CC, b2 no fault, b3 fault, b4 auto-restart, b5 foldback enabled, b7 local
FR = part("FR", As.HEX)

FAULT_BITS = (
    ("mains_failed", 1, "AC input failed"),
    ("over_temperature", 2, "Over-temperature protection"),
    ("foldback", 3, "Foldback has switched the output off"),
    ("over_voltage", 4, "Over-voltage protection"),
    ("shut_off", 5, "Rear SHUT-OFF contact"),
    ("off_at_panel", 6, "Output switched off at the front panel"),
    ("enable_open", 7, "Rear ENABLE contact is open"),
)


def to_words(point: str, raw: float | str) -> float | str:
    """Return what is sent: the output is read as ON and OFF and written as 1 and 0."""
    return {"ON": "1", "OFF": "0"}[str(raw)] if point == "output_on" else raw


DRIVER = Driver(
    model="tdk-genesys",
    kind=POWER_FEED,
    protocols=(Protocol.TEXT,),
    manual="TDK-Lambda Genesys user manual 83503001 rev G",
    dialects={"plain": PLAIN, "checksum": replace(PLAIN, check_sum=CheckSum.DOLLAR_HEX)},
    ratings={"voltage_v": None, "current_ma": None},
    addresses=(0, 30),
    prepare_write=to_words,
    points=(
        Point("output_voltage", STATUS, part("MV"), "V", rated_limits=("voltage_v", *SPAN), doc="Measured voltage"),
        Point(
            "voltage_setpoint",
            STATUS,
            part("PV"),
            "V",
            access="rw",
            put=Query("PV {value:.3f}"),
            rated_limits=("voltage_v", 0.0, 1.05),
            tolerance=SHOWN_TO_V,
            doc="Programmed voltage",
        ),
        Point(
            "output_current",
            STATUS,
            part("MC"),
            "mA",
            scale=1000.0,
            rated_limits=("current_ma", *SPAN),
            doc="Measured current",
        ),
        Point(
            "current_setpoint",
            STATUS,
            part("PC"),
            "mA",
            scale=1000.0,
            access="rw",
            put=Query("PC {value:.4f}"),
            rated_limits=("current_ma", 0.0, 1.05),
            tolerance=SHOWN_TO_MA,
            doc="Programmed current",
        ),
        Point(
            "output_on",
            Query("OUT?"),
            Field("(ON|OFF)", As.TEXT),
            values={"ON": True, "OFF": False},
            access="rw",
            put=Query("OUT {value}"),
            doc="Output is on",
        ),
        Point(
            "remote",
            Query("RMT?"),
            Field("(LOC|REM|LLO)", As.TEXT),
            values={"LOC": False, "REM": True, "LLO": True},
            access="rw",
            put=Query("RMT {value}"),
            doc="Remote control; LLO (local lock-out) counts as remote",
        ),
        Point(
            "regulation",
            Query("MODE?"),
            Field("(CV|CC|OFF)", As.TEXT),
            values={"CV": "cv", "CC": "cc", "OFF": "off"},
            doc="What limits the output",
        ),
        Point("fault", STATUS, SR, mask=1 << 3, doc="Any enabled fault"),
        Point("auto_restart", STATUS, SR, mask=1 << 4, doc="Comes back on by itself after power loss: must be off"),
        Point("foldback_enabled", STATUS, SR, mask=1 << 5, doc="Foldback protection is enabled"),
        Point("interlock", STATUS, FR, mask=0xA0, values={0: True, 1: False, 4: False, 5: False}, doc="ENABLE and SHUT-OFF let it run"),
        *(Point(name, STATUS, FR, mask=1 << bit, doc=doc) for name, bit, doc in FAULT_BITS),
        Point("fault_register", Query("FLT?"), Field("([0-9A-Fa-f]{2})", As.TEXT), every_s=SLOW_S, doc="Fault register, hex"),
        Point(
            "over_voltage_level",
            Query("DVC?"),
            Field(r"(?:[^,]+,){4}([^,]+),[^,]+"),
            "V",
            every_s=SLOW_S,
            doc="Over-voltage protection level (OVP)",
        ),
        Point(
            "under_voltage_level",
            Query("DVC?"),
            Field(r"(?:[^,]+,){5}([^,]+)"),
            "V",
            every_s=SLOW_S,
            doc="Lowest voltage that can be set (UVL)",
        ),
        Point("identity", Query("IDN?"), Field("(LAMBDA,.+)", As.TEXT), every_s=SLOW_S, doc="Maker and type"),
        Point("firmware", Query("REV?"), Field("REV:(.+)", As.TEXT), every_s=SLOW_S, doc="Firmware revision"),
        Point("serial_number", Query("SN?"), Field("(.+)", As.TEXT), every_s=SLOW_S, doc="Serial number"),
    ),
)
