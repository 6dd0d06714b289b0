"""EA Elektro-Automatik PS 10000 and PSB 10000 (also PSI/PS 9000) laboratory supplies over Modbus RTU or TCP.

Follows the EA programming guide "ModBus & SCPI" KE220 REV15 as it is cited by public drivers. Serial 9600 to 115200 baud,
8N1; over USB the unit answers at address 0. The sink set points of the PSB (498, 499) are left out: a power feed never sinks.

To be checked against EA's register list before a real unit is trusted (from memory, one row of the table each): the nominal
floats at 121, 123, 125, the protection thresholds at 550, 553, 556 and the alarm bits from 16 on. The thresholds are
therefore read and never written. The order of the adjustment limits from 9000 on is an assumption (that of the guide's list).

A unit takes no write before `remote` is on. Its regulation bits do not tell whether the output is on: CV is also shown
while it is off, so read `regulation` together with `output_on`.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.core.model import Value
from stationd.driver import POWER_FEED, Coil, Driver, Holding, Missing, Point, Protocol
from stationd.wire.registers import F32, U16, U32, chars

FULL_SCALE = 0xCCCC  # 100 % of the nominal value; the unit goes up to 0xD0E5, which is 102 %
MOST = (0xD0E5 + 0.4) / FULL_SCALE  # rounding to a step must not leave the highest one outside
PROTECTION = (0xE147 + 0.4) / FULL_SCALE  # assumption: thresholds go up to 110 %

STATE = Holding(505)
SLOW_S = 60.0
PORTS = {0: "free", 1: "local", 3: "usb", 4: "analogue"}
CONTROL: Mapping[Value, Value] = {code: PORTS.get(code, f"port-{code}") for code in range(32)}


def share(name: str, register: int, rating: str, unit: str, doc: str, most: float = MOST, slow: bool = True) -> Point:
    """Return the row of a value that is given as a share of a rating."""
    return Point(
        name,
        Holding(register),
        U16,
        unit,
        scale=1 / FULL_SCALE,
        of=rating,
        rated_limits=(rating, 0.0, most),
        every_s=SLOW_S if slow else 1.0,
        access="rw" if register in (500, 501, 502) else "r",
        doc=doc,
    )


def alarm(name: str, bit: int, doc: str) -> Point:
    """Return the row of an alarm bit of the state word (to be checked)."""
    return Point(name, STATE, U32, mask=1 << bit, doc=f"{doc} (bit to be checked)")


DRIVER = Driver(
    model="ea-ps10000",
    kind=POWER_FEED,
    protocols=(Protocol.MODBUS_RTU, Protocol.MODBUS_TCP),
    manual="EA Elektro-Automatik, Programming ModBus & SCPI, KE220 REV15",
    ratings={"voltage_v": None, "current_ma": None, "power_w": None},
    addresses=(0, 247),
    points=(
        share("voltage_setpoint", 500, "voltage_v", "V", "Set voltage", slow=False),
        share("current_setpoint", 501, "current_ma", "mA", "Set current", slow=False),
        share("power_setpoint", 502, "power_w", "W", "Set power", slow=False),
        Point("control_location", STATE, U32, mask=0x1F, values=CONTROL, doc="Who controls the unit; port-N: port with code N"),
        Point("output_on", STATE, U32, mask=1 << 7, access="rw", put=Coil(405), doc="DC output"),
        Point(
            "regulation",
            STATE,
            U32,
            mask=0x600,
            values={0: "cv", 1: "cr", 2: "cc", 3: "cp"},
            doc="What limits the output; no news while the output is off",
        ),
        Point("remote", STATE, U32, mask=1 << 11, access="rw", put=Coil(402), doc="Remote control taken"),
        Point("sinking", STATE, U32, mask=1 << 12, doc="Sink mode (PSB only)"),
        Point("fault", STATE, U32, mask=1 << 15, doc="Any alarm active"),
        alarm("over_voltage_alarm", 16, "Over-voltage protection"),
        alarm("over_current_alarm", 17, "Over-current protection"),
        alarm("over_power_alarm", 18, "Over-power protection"),
        alarm("over_temperature_alarm", 19, "Over-temperature"),
        Point("interlock", Missing("no register of the guide shows an interlock; wire its contact to a modbus-io")),
        share("output_voltage", 507, "voltage_v", "V", "Actual voltage", slow=False),
        share("output_current", 508, "current_ma", "mA", "Actual current", slow=False),
        share("output_power", 509, "power_w", "W", "Actual power", slow=False),
        share("over_voltage_threshold", 550, "voltage_v", "V", "OVP (address to be checked)", PROTECTION),
        share("over_current_threshold", 553, "current_ma", "mA", "OCP (address to be checked)", PROTECTION),
        share("over_power_threshold", 556, "power_w", "W", "OPP (address to be checked)", PROTECTION),
        share("voltage_upper_limit", 9000, "voltage_v", "V", "Adjustment limit: highest set voltage"),
        share("voltage_lower_limit", 9001, "voltage_v", "V", "Adjustment limit: lowest set voltage"),
        share("current_upper_limit", 9002, "current_ma", "mA", "Adjustment limit: highest set current"),
        share("current_lower_limit", 9003, "current_ma", "mA", "Adjustment limit: lowest set current"),
        share("power_upper_limit", 9004, "power_w", "W", "Adjustment limit: highest set power (assumption)"),
        Point("device_class", Holding(0), U16, every_s=SLOW_S, doc="Device class code"),
        Point("model_name", Holding(1), chars(40), every_s=SLOW_S, doc="Device type"),
        Point("serial_number", Holding(151), chars(40), every_s=SLOW_S, doc="Serial number"),
        Point("rated_voltage", Holding(121), F32, "V", every_s=SLOW_S, doc="Nominal voltage (address to be checked)"),
        Point(
            "rated_current",
            Holding(123),
            F32,
            "mA",
            scale=1000.0,
            every_s=SLOW_S,
            doc="Nominal current, in A in the unit (address to be checked)",
        ),
        Point("rated_power", Holding(125), F32, "W", every_s=SLOW_S, doc="Nominal power (address to be checked)"),
    ),
)
