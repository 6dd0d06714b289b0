"""A rig at work: the verbs of its plant, and the house around it, behind the one protocol that scenarios know (hil.rig.Rig).

What it is: the same for both kinds of rig; hil.simrig and hil.benchrig open it, each with its own parts. What it is not: a place for
anything that only one of them has.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from hil.broker import Broker
from hil.faults import Fault, FaultLog
from hil.house import House
from hil.mqtt import Ear
from hil.rigfile import RigFile
from hil.station import Station
from hil.verbs import Verbs


def no_voltage() -> None:
    """Switch a simulated rig off: there is nothing to switch."""


class RigAtWork:
    """See hil.rig.Rig. `own` are the features that the plant has; `stack` closes whatever the rig has opened, the voltage first.

    `off` takes the voltage away until it is seen to be gone. What is done to the plant stands in the log of faults, with its time.
    """

    def __init__(
        self, file: RigFile, house: House, verbs: Verbs, own: Mapping[str, str], stack: contextlib.ExitStack,
        off: Callable[[], None] = no_voltage,
    ) -> None:  # fmt: skip
        self.file = file
        self.house = house
        self.off = off
        self._verbs, self._own, self._stack = verbs, own, stack

    @property
    def features(self) -> Mapping[str, str]:
        """Every feature by name, with the reason where it is missing."""
        return {**self._own, **self.house.features}

    @property
    def stations(self) -> Mapping[str, Station]:
        """The stations under test."""
        return self.house.stations

    @property
    def ear(self) -> Ear:
        """What they publish."""
        return self.house.ear

    @property
    def broker(self) -> Broker:
        """The broker."""
        return self.house.broker

    def protocol(self, line: str) -> str:
        """Return what a line speaks."""
        return self.house.lines[line]

    def power(self, device: str, on: bool) -> float:
        """Switch the mains of a unit."""
        return self._done("power", device, {"on": on}, self._verbs.do("power", {"device": device, "on": on}))

    def load(self, ohm: float) -> float:
        """Set the resistance of the line."""
        return self._done("load", "line", {"ohm": ohm}, self._verbs.do("load", {"ohm": ohm}))

    def shunt(self, km: float, ohm: float) -> float:
        """Shunt the conductor."""
        return self._done("shunt", f"km {km:g}", {"ohm": ohm}, self._verbs.do("shunt", {"km": km, "ohm": ohm, "port": f"km{km:g}"}))

    def cut(self, km: float) -> float:
        """Cut the cable."""
        return self._done("cut", f"km {km:g}", {}, self._verbs.do("cut", {"km": km, "port": f"km{km:g}"}))

    def repair(self) -> float:
        """Undo what was done to the cable, the light and the contacts."""
        return self._done("repair", "plant", {}, self._verbs.do("repair", {}))

    def attenuate(self, port: str, db: float) -> float:
        """Weaken the light at a port."""
        return self._done("attenuate", port, {"db": db}, self._verbs.attenuate(port, db))

    def contact(self, station: str, which: str, closed: bool) -> float:
        """Close or open a contact."""
        return self._done("contact", f"{station} {which}", {"closed": closed}, self._verbs.contact(station, which, closed))

    def feed(self, station: str, current_ma: float) -> float:
        """Set a feed at its panel."""
        return self._done("feed", station, {"current_ma": current_ma}, self._verbs.feed(station, current_ma))

    def contactors(self, on: bool) -> None:
        """Close or open the contactors of a bench."""
        self._verbs.contactors(on)
        self._done("contactors", "bench", {"on": on}, time.monotonic())

    def _done(self, verb: str, where: str, params: Mapping[str, float], done_t: float) -> float:
        self.house.log.note_act(verb, where, params, done_t)
        return done_t

    def measure(self, meter: str) -> float:
        """Return what a meter of the rig shows."""
        return self._verbs.measure(meter)

    def written(self, since: int = 0) -> Sequence[Sequence[Any]]:
        """Return the commands that reached units."""
        return self._verbs.written(since)

    @property
    def log(self) -> FaultLog:
        """What was injected so far."""
        return self.house.log

    def struck(self, fault: Fault) -> int:
        """Return how many answers a fault has changed so far."""
        return self.house.box.struck(fault)

    def inject(self, fault: Fault) -> AbstractContextManager[None]:
        """Have a fault as long as the block."""
        return self.house.inject(fault)

    def close(self) -> None:
        """End everything."""
        self._stack.close()
