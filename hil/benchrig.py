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

from hil.acts import Hands, RigFailed
from hil.atwork import RigAtWork
from hil.calibration import overdue_of
from hil.house import House
from hil.presence import Presence
from hil.rigfile import VERBS, PortSection, RigFile
from hil.safety import Guard
from hil.switching import Will
from hil.verbs import Verbs

NOBODY = "nobody is named as present (--person NAME), which class 4 wants on a bench"


def open_bench(file: RigFile, program: tuple[str, ...], present: Presence, will: Will, failed: Callable[[str], None]) -> RigAtWork:
    """Check the bench, guard it, and open what stands around it; `failed` is told why when the guard had to switch off.

    RigFailed when the bench is not as it must be, a port that is not there included. The voltage goes off first of all at the end.
    """
    hands = Hands(_driver(will.labgrid) if will.labgrid else None)
    assert file.safety is not None
    with contextlib.ExitStack() as opening:
        guard = Guard(file.safety, hands, file.meters, will, failed)
        guard.arm()
        opening.callback(guard.off)
        ports = {name: _there(port, will.labgrid) for name, port in file.ports.items()}
        verbs = Verbs(file, hands, file.acts, file.meters)
        verbs.rest()
        house = House(file, ports, file.light, program, "hil")
        opening.callback(house.close)
        opening.callback(guard.off)
        return RigAtWork(file, house, verbs, features_of(file, present), opening.pop_all(), guard.rest)


def will_of(file: RigFile, token: str, latches: Path | None) -> Will:
    """Return what switches a bench off without this process."""
    assert file.safety is not None
    assert file.safety.off is not None
    return Will(file.name, token, file.safety.off, file.meters, str(file.folder / file.labgrid) if file.labgrid else "", latches)


def features_of(file: RigFile, present: Presence) -> Mapping[str, str]:
    """Return what a bench has of its own, by the names of hil.rig.Rig, with the reason where it is missing."""
    verbs = {verb: file.missing(verb) for verb in VERBS} | {"repair": ""}
    overdue = "; ".join(overdue_of(file)) if file.real else ""
    acts = overdue or ("" if present.person else NOBODY)
    return {**verbs, **{f"meter:{name}": "" for name in file.meters}, "acts": acts}


def _driver(environment: str) -> Callable[[str], Any]:
    from hil.labgrid_parts import opened

    return opened(environment)


def _there(port: PortSection, labgrid: str) -> PortSection:
    """Return where a port is. RigFailed when it is not there."""
    if port.resource:
        from hil.labgrid_parts import port_of

        port = port_of(labgrid, port)
    if port.path and not Path(port.path).exists():
        raise RigFailed(f"there is no {port.path}; is the adapter plugged in?")
    return port
