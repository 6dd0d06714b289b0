"""Amonics AEDFA benchtop fibre amplifiers over RS-232.

Follows the command set of a public driver that was tested on an AEDFA-PA-30-B-FA: 19200 baud, CR LF both ways, queries
answered by the bare value.

* A query of something that the unit lacks is not answered at all, and each such silence costs the line a time-out and its
  late window. The tested unit lacks input monitor and mode switch. The poller asks what stays silent ever more rarely; the
  rows that a unit may lack are few, and slow where they are not levels.
* A bare value does not say what it is the value of: after a time-out the whole line keeps quiet, and values that gate an
  operation need a second read.
* Commands that set are taken for silent: an assumption. The pause before each question lets an answer that comes all the
  same pass, and only the value that is read back counts.
* Powers are in mW and currents in mA: to be checked, once, with `acc_unit` and `apc_unit` of the unit at hand.
* The unit reports neither loss of light nor a fault word.
* The master switch (`pump_on`) takes 2 to 3 s and needs a channel that is ON first; switching a channel OFF drops it. Should
  it answer "busy" meanwhile, as channels do, it is neither on nor off: no value.
* Limits of levels and set points, and the digits that are sent, are assumptions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from stationd.core.model import Value
from stationd.driver import AMPLIFIER, Driver, Missing, Point, Protocol, Query
from stationd.wire.exchange import FrameError
from stationd.wire.text import As, Dialect, Field

BARE = Field(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)")
FLAG = Field(r"([01])")
STATE = Field(r"([0124])")
WORDS = Field(r"(.*[A-Za-z].*)", As.TEXT)  # letters: no late number is taken for a name
OFF_ON: Mapping[Value, Value] = {0: False, 1: True}
STATES: Mapping[Value, Value] = {0: "off", 1: "on", 2: "busy", 4: "lock"}


def _milliwatts_to_dbm(milliwatts: float) -> float | None:
    """Return dBm; None for no power at all, which is below what the unit can measure."""
    return 10.0 * math.log10(milliwatts) if milliwatts > 0.0 else None


def _prepare_write(point: str, raw: float | str) -> float | str:
    """Return what is sent: mW for a level in dBm; the states busy and lock are the unit's own and refused."""
    if point == "output_setpoint":
        return float(10.0 ** (float(raw) / 10.0))
    if point in ("acc_state", "apc_state") and raw not in (0, 1):
        raise FrameError(f'{point}: only "off" and "on" can be asked for, {STATES[int(raw)]!r} cannot')
    return raw


DRIVER = Driver(
    model="amonics-aedfa",
    kind=AMPLIFIER,
    protocols=(Protocol.TEXT,),
    manual="Amonics AEDFA commands, by way of a public driver tested on AEDFA-PA-30-B-FA",
    gap_s=0.05,  # assumption: longer than an answer that nobody expects
    settle_s=4.0,  # the master switch takes up to 3 s
    channels=4,  # assumption
    dialects={"crlf": Dialect(b"\r\n", b"\r\n", done="")},
    decode={
        "input_power": _milliwatts_to_dbm,
        "output_power": _milliwatts_to_dbm,
        "output_setpoint": _milliwatts_to_dbm,
    },
    prepare_write=_prepare_write,
    points=(
        Point("output_power", Query(":SENS:POW:OUT:CH{channel}?"), BARE, "dBm", limits=(-70.0, 40.0), doc="Output power"),
        Point(
            "input_power",
            Query(":SENS:POW:IN:CH{channel}?"),
            BARE,
            "dBm",
            limits=(-70.0, 30.0),
            doc="Input power; units without an input monitor do not answer",
        ),
        Point("los", Missing("the unit reports no loss of light; watch input_power")),
        Point("fault", Missing("the unit has no fault word; watch interlock_locked and the state of the channel")),
        Point(
            "pump_on",
            Query(":DRIV:MCTRL?"),
            STATE,
            values=OFF_ON,
            every_s=5.0,
            access="rw",
            put=Query(":DRIV:MCTRL {value:d}"),
            doc="Master switch of the unit; takes 2 to 3 s, needs a channel that is on",
        ),
        Point(
            "interlock_locked",
            Query(":DRIV:INTERLOCK?"),
            FLAG,
            values=OFF_ON,
            every_s=5.0,
            doc="Interlock is locked",
        ),
        Point(
            "acc_state",
            Query(":DRIV:ACC:STAT:CH{channel}?"),
            STATE,
            values=STATES,
            every_s=5.0,
            access="rw",
            put=Query(":DRIV:ACC:STAT:CH{channel} {value:d}"),
            doc="Channel in mode acc; off drops the master switch",
        ),
        Point(
            "pump1_current_setpoint",
            Query(":DRIV:ACC:CUR:CH{channel}?"),
            BARE,
            "mA",
            limits=(0.0, 2000.0),
            every_s=10.0,
            access="rw",
            put=Query(":DRIV:ACC:CUR:CH{channel} {value:.1f}"),
            tolerance=1.0,
            doc="Pump current to hold in mode acc",
        ),
        Point("case_temperature", Query(":SENS:TEMP:BOX?"), BARE, "degC", every_s=10.0, doc="Inside of the box"),
        Point(
            "mode",
            Query(":MODE:SW:CH{channel}?"),
            Field("(ACC|APC)", As.TEXT),
            values={"ACC": "acc", "APC": "apc"},
            every_s=60.0,
            access="rw",
            put=Query(":MODE:SW:CH{channel} {value}"),
            doc="What is held; units with one mode do not answer",
        ),
        Point(
            "apc_state",
            Query(":DRIV:APC:STAT:CH{channel}?"),
            STATE,
            values=STATES,
            every_s=60.0,
            access="rw",
            put=Query(":DRIV:APC:STAT:CH{channel} {value:d}"),
            doc="Channel in mode apc; off drops the master switch",
        ),
        Point(
            "output_setpoint",
            Query(":DRIV:APC:CUR:CH{channel}?"),
            BARE,
            "dBm",
            limits=(-20.0, 33.0),
            every_s=60.0,
            access="rw",
            put=Query(":DRIV:APC:CUR:CH{channel} {value:.3f}"),
            tolerance=0.1,
            doc="Output power to hold in mode apc",
        ),
        Point("acc_unit", Query(":READ:DRIV:UNIT:ACC:CH{channel}?"), Field("(mA|A)", As.TEXT), every_s=600.0, doc="Must be mA"),
        Point("apc_unit", Query(":READ:DRIV:UNIT:APC:CH{channel}?"), Field("(mW|W)", As.TEXT), every_s=600.0, doc="Must be mW"),
        Point("acc_maximum", Query(":READ:DRIV:MAX:ACC:CH{channel}?"), BARE, "mA", every_s=600.0, doc="Highest pump current of mode acc"),
        Point("modes", Query(":READ:MODE:NAMES?"), WORDS, every_s=600.0, doc="Names of the modes that the unit has"),
        Point("identity", Query(":CAL:SYS:MODEL?"), WORDS, every_s=600.0, doc="Model"),
        Point("serial_number", Query(":CAL:SYS:SERIAL?"), Field(r"(\S+)", As.TEXT), every_s=600.0, doc="Serial number"),
    ),
)
