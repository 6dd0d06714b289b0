"""Spellman high-voltage supplies of the XRV class over their digital protocol (RS-232, or LAN without the check sum).

Follows the command set as a public driver with test vectors uses it (pymeasure, spellmanXRV.py). A line is STX, command
number, arguments, each followed by a comma, then one check character ((-sum) & 0x7F) | 0x40 and ETX; on the LAN the check
character is left out (dialect "lan"). RS-232 is 9600 8N1 as delivered. A write is answered `command,$,`.

Set values are shares of the rating, 0..4095; read-backs have 20 % over-range: value = raw * 1.2 * rating / 4095.

Assumptions, each one row or one tuple of the table, because the sources name the arguments and not their order:
- 19 (monitors) begins with kV and mA; 60 (kV) answers one read-back;
- 22 (status) begins as STATUS_ARGUMENTS says, a contact that is closed reads 1;
- 68 (faults) begins as FAULT_ARGUMENTS says; that any 1 in it is a fault does not depend on the order;
- 28 (scaling) is in kV and mA.
Codes of refused commands are not published in the sources: any answer but `$` counts as garbled, and the read-back decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stationd.core.model import Value
from stationd.driver import POWER_FEED, Driver, Missing, Point, Protocol, Query
from stationd.wire.text import As, CheckSum, Dialect, Field

SLOW_S = 60.0
FULL_SCALE = 4095  # 12 bits
OVER_RANGE = 1.2
BOOL: Mapping[Value, Value] = {0: False, 1: True}

STATUS_ARGUMENTS = ("output_on", "interlock_1", "interlock_2", "supply_fault", "remote", "ready")  # order: assumption
FAULT_ARGUMENTS = (  # order: assumption
    "over_voltage",
    "under_voltage",
    "over_current",
    "under_current",
    "over_temperature",
    "anode_arc",
    "cathode_arc",
    "watchdog_fault",
    "over_power",
)


FLAGS = (
    ("interlock_1", "Interlock loop 1 is closed (polarity: assumption)"),
    ("interlock_2", "Interlock loop 2 is closed (polarity: assumption)"),
    ("supply_fault", "The supply reports a fault of its own"),
    ("ready", "Ready for high voltage"),
)
SERIAL = Dialect(b"\x03", b"\x03", prefix=b"\x02", check_sum=CheckSum.SPELLMAN, done=r"\d{2},\$,?")


def argument(command: int, place: int, value: str = r"[^,]+") -> Field:
    """Return the field of argument `place` (from 0) in the answer `command,argument,argument,...`."""
    return Field(rf"{command},(?:[^,]+,){{{place}}}({value})(?:,[^,]+)*,?")


def twelve_bits(name: str, read: int, place: int, rating: str, unit: str, doc: str, write: int | None = None) -> Point:
    """Return the row of a 12-bit share of a rating: a set value where `write` names its command, else a read-back."""
    return Point(
        name,
        Query(f"{read},"),
        argument(read, place, r"\d{1,4}"),
        unit,
        scale=(1.0 if write else OVER_RANGE) / FULL_SCALE,
        of=rating,
        access="rw" if write else "r",
        put=Query(f"{write},{{value:d}},") if write else None,
        rated_limits=(rating, 0.0, 1.0 if write else 1.1),  # assumption: more than 110 % is no sound read-back
        doc=doc,
    )


DRIVER = Driver(
    model="spellman-xrv",
    kind=POWER_FEED,
    protocols=(Protocol.TEXT,),
    manual="Spellman XRV digital interface, after pymeasure spellmanXRV.py",
    dialects={"serial": SERIAL, "lan": replace(SERIAL, check_sum=CheckSum.NONE)},
    ratings={"voltage_v": None, "current_ma": None},
    points=(
        twelve_bits("voltage_setpoint", 14, 0, "voltage_v", "V", "Set voltage", write=10),
        twelve_bits("current_setpoint", 15, 0, "current_ma", "mA", "Set current", write=11),
        twelve_bits("output_voltage", 60, 0, "voltage_v", "V", "Measured voltage"),
        twelve_bits("output_current", 19, 1, "current_ma", "mA", "Measured current (place in the answer: assumption)"),
        Point(
            "output_on",
            Query("22,"),
            argument(22, 0, "[01]"),
            values=BOOL,
            access="rw",
            put=Query("98,{value:d},"),
            doc="High voltage is on",
        ),
        Point(
            "remote",
            Query("22,"),
            argument(22, STATUS_ARGUMENTS.index("remote"), "[01]"),
            values={0: True, 1: False},
            doc="Not in local mode",
        ),
        Point(
            "interlock",
            Query("22,"),
            Field(r"22,[01],([01],[01])(?:,[^,]+)*,?", As.TEXT),
            values={"1,1": True, "1,0": False, "0,1": False, "0,0": False},
            doc="Both interlock loops are closed (polarity: assumption)",
        ),
        *(Point(name, Query("22,"), argument(22, STATUS_ARGUMENTS.index(name), "[01]"), values=BOOL, doc=doc) for name, doc in FLAGS),
        Point("regulation", Missing("the status answer does not tell constant voltage from constant current")),
        # Zeros are passed over as long as they last: what is caught is the first 1, or the last 0 where there is no 1.
        Point("fault", Query("68,"), Field(r"68,(?:0,)*([01])(?:,[01])*,?"), values=BOOL, doc="Any fault"),
        *(
            Point(name, Query("68,"), argument(68, place, "[01]"), values=BOOL, doc="Fault (place in the answer: assumption)")
            for place, name in enumerate(FAULT_ARGUMENTS)
        ),
        Point("rated_voltage", Query("28,"), argument(28, 0), "V", 1000.0, every_s=SLOW_S, doc="Rated voltage, in kV in the unit"),
        Point("rated_current", Query("28,"), argument(28, 1), "mA", every_s=SLOW_S, doc="Rated current"),
        Point("watchdog", Query("27,"), argument(27, 5), every_s=SLOW_S, doc="Communication watchdog setting: must be 0 (off)"),
        Point(
            "watchdog_on",
            Query("27,"),
            Field(r"27,(?:[^,]+,){5}0*([0-9])\d*(?:,[^,]+)*,?"),  # the first digit that is not 0, or the last 0
            values={digit: digit != 0 for digit in range(10)},
            every_s=SLOW_S,
            doc="Communication watchdog is set: the supply would switch off by itself",
        ),
        Point("arc_limit", Query("27,"), argument(27, 3), every_s=SLOW_S, doc="Arcs that trip the supply"),
        Point("hours_on", Query("21,"), argument(21, 0), "h", every_s=SLOW_S, doc="Hours with high voltage on"),
        Point("processor", Query("23,"), Field(r"23,(.+?),?", As.TEXT), every_s=SLOW_S, doc="Part and version of the DSP"),
    ),
)
