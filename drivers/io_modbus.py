"""Dry contacts and 4-20 mA loops through a Modbus I/O module, for equipment that offers nothing else.

Follows no single maker: the map below is the one that small remote I/O modules use most (contacts, loops and relays each
from address 0), and is an assumption throughout. A module with another map is a driver file of a few lines.

The loops are read in microamperes, 20 000 = 20 mA (assumption). Outside 3.6 to 21 mA a loop carries no measurement: the
levels of NAMUR recommendation NE 43, as an assumption. A broken wire therefore shows its current with the remark
"out of range"; it never passes for a small measured value.
"""

from __future__ import annotations

from stationd.driver import INPUT_OUTPUT, Coil, Discrete, Driver, Input, Point, Protocol
from stationd.wire.registers import U16

CONTACTS = 8
LOOPS = 4
RELAYS = 4
MA_PER_COUNT = 0.001
LOOP_MA = (3.6, 21.0)

DRIVER = Driver(
    model="modbus-io",
    kind=INPUT_OUTPUT,
    protocols=(Protocol.MODBUS_RTU, Protocol.MODBUS_TCP),
    manual="none: a common map of remote I/O modules (assumption)",
    addresses=(1, 247),
    points=(
        *(Point(f"di{n}", Discrete(n - 1), every_s=0.5, doc=f"Contact {n}: true = closed") for n in range(1, CONTACTS + 1)),
        *(
            Point(f"ai{n}", Input(n - 1), U16, "mA", scale=MA_PER_COUNT, limits=LOOP_MA, doc=f"Current of loop {n}")
            for n in range(1, LOOPS + 1)
        ),
        *(Point(f"do{n}", Coil(n - 1), access="rw", doc=f"Relay {n}: true = energised") for n in range(1, RELAYS + 1)),
    ),
)
