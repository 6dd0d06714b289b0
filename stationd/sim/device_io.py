"""A simulated Modbus I/O module at a station, and a bare block of registers for tests and benchmarks.

The I/O module has the map that such modules use most (an assumption, as in the driver catalogue): contacts from discrete
input 0, loops in microamperes from input register 0, relays from coil 0. A closed contact reads 1 and means that all is well
(door shut, key in place), but for the earth switch and the key switch. Relay 1 puts the electroding tone on the line. What is wired
to which contact is an assumption too, see Contact. Loops 1 and 2 carry the line current and voltage of its end, 3 the room's
temperature, 4 the current in the station earth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from pymodbus.constants import ExcCodes

from stationd.sim.cable import End
from stationd.sim.modbus_server import FUNCTIONS, Bank, ModbusUnit
from stationd.sim.stage import Stage

RELAYS = 4
LOW_UA, SPAN_UA = 4000, 16000  # 4 to 20 mA
TOP_MA, TOP_V, TOP_C, TOP_EARTH_MA = 2000.0, 1000.0, 50.0, 100.0  # what 20 mA stands for
ROOM_C = 22.0  # assumption
EARTH_MA = 1.2  # leakage of a sound station (assumption)


class Contact(Enum):
    """What the contacts of a simulated station tell; the value is the number of the contact, diN.

    Each opens when it happens, but for those that are open at rest.
    """

    DOOR = 1  # of the high-voltage part; part of the interlock loop of the power feed
    CABLE_KEY = 2  # likewise
    EMERGENCY_STOP = 3  # likewise
    EARTHED = 4  # the earth switch; closes when the line is earthed
    LOCAL = 5  # the key switch; closes when it says local
    MAINS = 6  # the mains have failed
    CONVERTER = 7  # a converter of the power feed has failed
    FEED_TRIP = 8  # the power feed has tripped


INTERLOCKS = (Contact.DOOR, Contact.CABLE_KEY, Contact.EMERGENCY_STOP)
OPEN_AT_REST = (Contact.EARTHED, Contact.LOCAL)  # of a station in service, not earthed and operated from afar
ELECTRODING_RELAY = 1  # relay that puts the electroding tone on the line (assumption)
TONE_MA = 100.0  # 25 Hz; ships track 50 to 300 mA


class IoModule:
    """`contacts` and `broken_loops` belong to whoever plays the station; the trip of the power feed shows by itself."""

    functions = FUNCTIONS

    def __init__(self, stage: Stage, end: End) -> None:
        self.contacts = [contact not in OPEN_AT_REST for contact in Contact]
        self.relays = [False] * RELAYS
        self.broken_loops: set[int] = set()
        self._stage = stage
        self._end = end

    def set_contact(self, contact: Contact, closed: bool) -> None:
        """Close or open a contact; those of the interlock loop act on the power feed of the station."""
        self.contacts[contact.value - 1] = closed
        feed = self._stage.feeds.get(self._end)
        if contact in INTERLOCKS and feed is not None:
            feed.set_interlock(all(self.contacts[each.value - 1] for each in INTERLOCKS))

    def rest(self) -> None:
        """Bring every contact and relay to where it is in a sound station in service."""
        for contact in Contact:
            self.set_contact(contact, closed=contact not in OPEN_AT_REST)
        for relay in range(1, RELAYS + 1):
            self.switch_relay(relay, on=False)

    def switch_relay(self, relay: int, *, on: bool) -> None:
        """Switch a relay, counted from 1."""
        self.relays[relay - 1] = on
        if relay == ELECTRODING_RELAY:
            self._stage.plant.set_tone(self._end, TONE_MA if on else 0.0)

    def snapshot(self, bank: Bank) -> Mapping[int, int]:
        """Return contacts, loops or relays as they are now."""
        match bank:
            case Bank.DISCRETE:
                return dict(enumerate(map(int, self._contacts())))
            case Bank.COILS:
                return dict(enumerate(map(int, self.relays)))
            case Bank.INPUT:
                return dict(enumerate(self._loops()))
            case Bank.HOLDING:
                return {}

    def _contacts(self) -> list[bool]:
        self._stage.settle()
        feed = self._stage.feeds.get(self._end)
        tripped = feed is not None and feed.tripped
        return [closed and not (tripped and n == Contact.FEED_TRIP.value) for n, closed in enumerate(self.contacts, 1)]

    def _loops(self) -> list[int]:
        now = self._stage.settle()
        current_ma, voltage_v = self._stage.plant.measure(self._end, now)
        shares = (current_ma / TOP_MA, voltage_v / TOP_V, ROOM_C / TOP_C, EARTH_MA / TOP_EARTH_MA)
        return [0 if n in self.broken_loops else LOW_UA + round(SPAN_UA * share) for n, share in enumerate(shares, 1)]

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Switch relays."""
        if bank is not Bank.COILS:
            return ExcCodes.ILLEGAL_ADDRESS
        for relay, value in enumerate(values, address + 1):
            self.switch_relay(relay, on=bool(value))
        return None


class RegisterBlock:
    """Holding registers that tell where they come from: unit * 256 + address; register 0 counts the answers instead.

    A value that was taken from another unit, another address or an older answer is therefore known as such.
    """

    functions = frozenset((3, 6, 16))

    def __init__(self, unit: int, count: int) -> None:
        self._values = {at: (unit * 256 + at) & 0xFFFF for at in range(count)}
        self._values[0] = 0

    def snapshot(self, bank: Bank) -> Mapping[int, int]:
        """Return all registers."""
        if bank is not Bank.HOLDING:
            return {}
        self._values[0] = (self._values[0] + 1) & 0xFFFF
        return self._values

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Keep what is written."""
        self._values.update(enumerate(values, address))
        return None


class Lacking:
    """A unit without some of its holding registers, as older firmware may be."""

    def __init__(self, unit: ModbusUnit, holes: frozenset[int]) -> None:
        self.unit = unit
        self._holes = holes

    @property
    def functions(self) -> frozenset[int]:
        """The function codes of the whole unit."""
        return self.unit.functions

    def snapshot(self, bank: Bank) -> Mapping[int, int]:
        """Return what the unit has left."""
        whole = self.unit.snapshot(bank)
        return {at: value for at, value in whole.items() if at not in self._holes} if bank is Bank.HOLDING else whole

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Pass on what is written to registers that are there."""
        return self.unit.write(bank, address, values)
