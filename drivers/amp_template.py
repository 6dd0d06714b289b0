"""An example to copy: the made-up fibre amplifier "Acme A30", on a serial line.

This is not in the catalogue. To add a unit of your own:

1. copy this file to `amp_<maker>_<model>.py` (or `pfe_`, `io_`) and put the manual's facts into it;
2. add the module to the list in `drivers/__init__.py`;
3. write one exchange a line, as your unit really answers, into `tests/drivers/captures/amp_<maker>_<model>.txt`;
4. `make test`, then `stationd drivers <model>` prints the table.

Where the manual is silent and you had to assume something, say so here, and keep it one value in the table below.
A plain Modbus or text unit needs no Python at all: it can be a TOML file beside the configuration.
"""

from __future__ import annotations

import math  # nothing but arithmetic: a driver opens no port, reads no clock and never waits

from stationd.driver import AMPLIFIER, Driver, Missing, Point, Protocol, Query
from stationd.wire.exchange import WireFault
from stationd.wire.text import As, Dialect, Field

# How a number looks in an answer. The one group in parentheses is the value; the rest must stand there as it is, so that
# the answer to another question is never taken for this one. "{channel}" would be the device's channel.
NUMBER = r"([+-]?\d+(?:\.\d+)?)"

# One command may bring several points: they share the same place (`at`) and are asked for once.
STATUS = Query("STAT?")
STATUS_WORD = Field(r"STAT=([0-9A-F]{2})", As.HEX)


def _milliwatts_to_dbm(milliwatts: float) -> float | None:
    """Return dBm; None where the raw number says "below what I can measure", never a made-up level."""
    return 10.0 * math.log10(milliwatts) if milliwatts > 0.0 else None


DRIVER = Driver(
    # The name used in `[device.*] driver = "..."`.
    model="acme-a30",
    # AMPLIFIER promises input_power, output_power, pump_on, los and fault: each must be a row below.
    kind=AMPLIFIER,
    # What the bus must speak: TEXT here; MODBUS_RTU and MODBUS_TCP use Holding(n), Input(n), Coil(n), Discrete(n).
    protocols=(Protocol.TEXT,),
    # Title, revision and pages of what you followed: printed by `stationd drivers acme-a30`.
    manual="Acme A30 user manual rev C, chapter 7 (made up)",
    # Silence that the unit wants before each question, in seconds.
    gap_s=0.02,
    # How late its worst answer can come, in seconds; never under 1.
    late_s=1.0,
    # How lines end, how the unit says "done" to a write and how it refuses. The first dialect is the default.
    dialects={
        "cr": Dialect(
            terminator=b"\r",
            reply_terminator=b"\r",
            done="OK",
            refusals=((r"ERR 1", WireFault.ILLEGAL_ADDRESS), (r"ERR \d+", WireFault.REFUSED)),
        ),
    },
    # Functions for what `scale` and `offset` cannot express, by the name of the point.
    decode={"input_power": _milliwatts_to_dbm},
    points=(
        # A level in mW, turned into dBm above. Outside `limits` it is shown as uncertain.
        Point("input_power", Query("PIN?"), Field(f"PIN={NUMBER}"), "dBm", limits=(-70.0, 30.0), doc="Input power"),
        # A level in 1/100 dBm. `every_s` is 1.0 where nothing is said: right for levels and alarms.
        Point("output_power", Query("POUT?"), Field(f"POUT={NUMBER}"), "dBm", scale=0.01, limits=(-70.0, 30.0), doc="Output power"),
        # Bits of a word: a mask alone gives True when any of its bits is set.
        Point("fault", STATUS, STATUS_WORD, mask=0x06, doc="Bit 1: pump too hot; bit 2: over-current"),
        # `values` turn raw numbers into truth or words; a number that is not among them is an error, never a guess.
        Point("pump_on", STATUS, STATUS_WORD, mask=0x01, values={0: False, 1: True}, doc="Bit 0: pump is on"),
        # What the kind promises and the unit does not have is said, with the reason.
        Point("los", Missing("the A30 does not report loss of light; watch input_power")),
        # A writable point: read at `at`, written at `put` ({value} is the raw number), compared after the write within
        # `tolerance`. `limits` refuse a wrong wish before it becomes bytes.
        Point(
            "output_setpoint",
            Query("PSET?"),
            Field(f"PSET={NUMBER}"),
            "dBm",
            limits=(0.0, 23.0),
            every_s=10.0,
            access="rw",
            put=Query("PSET {value:.1f}"),
            tolerance=0.1,
            doc="Output power to hold",
        ),
        # Words are read as text. What never changes is asked for seldom.
        Point("serial_number", Query("SN?"), Field(r"SN=(\w+)", As.TEXT), every_s=600.0, doc="Serial number"),
    ),
)
