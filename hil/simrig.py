"""The simulated rig: the plant of stationd.sim, as `stationd sim`, in the product's environment, and real station daemons in front of it.

What it is: a rig over pseudo terminals, TCP and shared memory of this machine. The stations are `stationd run` processes and are driven
through their public face alone. What it is not: a bench; nothing here has voltage, and nobody has to be present.
"""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Mapping
from typing import Any

from hil.acts import Hands
from hil.atwork import RigAtWork
from hil.house import House
from hil.rigfile import VERBS, PortSection, RigFile
from hil.simulated import plant
from hil.verbs import Verbs, by_control

LIGHT = "light-"


def open_sim(file: RigFile, program: tuple[str, ...]) -> RigAtWork:
    """Start the plant and what stands around it. RigFailed when the plant does not start."""
    ports = tomllib.loads(file.path.read_text(encoding="utf-8"))["port"]
    with contextlib.ExitStack() as opening:
        addresses = opening.enter_context(plant(program, file.path))
        acts, meters = by_control(addresses["control"], VERBS)
        sections = {name: _port(address, ports[name]) for name, address in addresses.items() if name in ports}
        light = {name: address for name, address in addresses.items() if name.startswith(LIGHT)}
        house = House(file, sections, light, program, "sim")
        opening.callback(house.close)
        own = {**dict.fromkeys((*VERBS, "acts"), ""), **{f"meter:{name}": "" for name in meters}}
        return RigAtWork(file, house, Verbs(file, Hands(), acts, meters), own, opening.pop_all())


def _port(address: str, section: Mapping[str, Any]) -> PortSection:
    speed, protocol = int(section.get("baud", 19200)), str(section["protocol"])
    if address.startswith(("tcp://", "socket://")):
        return PortSection(address=address, speed=speed, protocol=protocol)
    return PortSection(path=address, speed=speed, protocol=protocol)
