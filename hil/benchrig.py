"""The bench rig: real serial ports by their names, real addresses, real voltage, and what keeps people and equipment whole around it.

What it is: a rig over what its file names; nothing of stationd is imported, the device under test is an installed program. With
`labgrid = FILE` ports and switches are those of a labgrid environment, else they are opened directly (termios and sockets). Whether
equipment or a simulation stands at the other end of a port it cannot know, and does not want to.
What it is not: switched on by itself: no verb energises anything but `feed` and `power`, which scenarios of class 4 use.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hil.acts import Hands
from hil.atwork import RigAtWork
from hil.house import House
from hil.rigfile import VERBS, PortSection, RigFile
from hil.safety import Guard
from hil.verbs import Verbs

NOT_THERE = "the rig file has no [hil.act.{0}]"
NOBODY = "nobody is named as present (--person NAME), which class 4 wants on a bench"


def open_bench(file: RigFile, program: tuple[str, ...], person: str, failed: Callable[[str], None]) -> RigAtWork:
    """Check the bench, guard it, and open what stands around it; `failed` is told why when the guard had to switch off.

    RigFailed when the bench is not as it must be, OSError when a port is not there.
    """
    labgrid = str(file.folder / file.labgrid) if file.labgrid else ""
    hands = Hands(_driver(labgrid) if labgrid else None)
    assert file.safety is not None
    with contextlib.ExitStack() as opening:
        guard = Guard(file.safety, hands, file.meters, labgrid, failed)
        guard.arm()
        opening.callback(guard.off)
        ports = {name: _there(port, labgrid) for name, port in file.ports.items()}
        house = House(file, ports, file.light, program, "hil")
        opening.callback(house.close)
        return RigAtWork(file, house, Verbs(file, hands, file.acts, file.meters), _own(file, person), opening.pop_all())


def _own(file: RigFile, person: str) -> Mapping[str, str]:
    verbs = {verb: "" if verb in file.acts else NOT_THERE.format(verb) for verb in VERBS} | {"repair": ""}
    return {**verbs, **{f"meter:{name}": "" for name in file.meters}, "acts": "" if person else NOBODY}


def _driver(environment: str) -> Callable[[str], Any]:
    from hil.labgrid_parts import opened

    return opened(environment)


def _there(port: PortSection, labgrid: str) -> PortSection:
    """Return where a port is. FileNotFoundError when it is not there."""
    if port.resource:
        from hil.labgrid_parts import port_of

        port = port_of(labgrid, port)
    if port.path and not Path(port.path).exists():
        raise FileNotFoundError(f"there is no {port.path}; is the adapter plugged in?")
    return port
