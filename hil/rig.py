"""What a scenario may ask of a rig, whether it is simulated or a bench: the verbs, the features, and the reason where one is missing.

What it is: the protocol that hil.simrig and hil.benchrig fulfil. Verbs return when what they order is done; what they return is the time of
CLOCK_MONOTONIC from which on it may have been: what is measured from it is never too short.
What it is not: the device under test; that is `stations`, driven through their public face alone (hil.station).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from hil.broker import Broker
from hil.faults import Fault, FaultLog
from hil.mqtt import Ear
from hil.rigfile import RigFile
from hil.station import Station


class Missing(Exception):
    """The rig has no such feature; the text is the reason that the report counts."""


class Rig(Protocol):
    """A rig at work. Missing is raised by a verb that it does not have, RigFailed (hil.acts) where the rig itself does not do it."""

    file: RigFile

    @property
    def features(self) -> Mapping[str, str]:
        """Every feature by name; the value is the reason why it is missing, empty where it is there.

        Verbs by their names; fault:LAYER; meter:NAME; two-stations, persons, broker, acts (voltage may be switched by persons).
        """

    @property
    def stations(self) -> Mapping[str, Station]:
        """The stations under test."""

    @property
    def ear(self) -> Ear:
        """What the stations publish. Missing without a broker."""

    @property
    def broker(self) -> Broker:
        """The broker of the rig. Missing without one."""

    def protocol(self, line: str) -> str:
        """Return what a line of the rig speaks: modbus-rtu, modbus-tcp, text or frame68. KeyError where there is no such line."""

    def contactors(self, on: bool) -> None:
        """Close or open the contactors of a bench; a simulation has none."""

    def power(self, device: str, on: bool) -> float:
        """Switch the mains of a device."""

    def load(self, ohm: float) -> float:
        """Give the whole resistive line this resistance."""

    def shunt(self, km: float, ohm: float) -> float:
        """Connect the conductor to earth through a resistance at a distance from end a."""

    def cut(self, km: float) -> float:
        """Part the cable: both conductor ends to earth, all light gone."""

    def repair(self) -> float:
        """Undo every shunt, cut, attenuation and contact; a load and a feed of a bench are set anew by who needs them."""

    def attenuate(self, port: str, db: float) -> float:
        """Weaken the light at a port, such as "a-fp1-rx", by so much in all; 0 takes it away."""

    def contact(self, station: str, which: str, closed: bool) -> float:
        """Close or open a contact of a station: door, cable_key, emergency_stop, earthed, local, mains, converter, feed_trip."""

    def feed(self, station: str, current_ma: float) -> float:
        """Set the power feed of a station at its panel; 0 switches it off."""

    def measure(self, meter: str) -> float:
        """Return what a meter of the rig shows, such as "a.current_ma"; it is not the station's own reading."""

    def written(self, since: int = 0) -> Sequence[Sequence[Any]]:
        """Return every command that reached a unit, [seconds, device, command], from the `since`-th on."""

    @property
    def log(self) -> FaultLog:
        """What was injected so far."""

    def struck(self, fault: Fault) -> int:
        """Return how many answers a fault has changed so far."""

    def inject(self, fault: Fault) -> AbstractContextManager[None]:
        """Have a fault as long as the block."""

    def close(self) -> None:
        """End everything; the voltage is off afterwards."""
