"""Taking the voltage off a bench, and seeing that it is off: what the guard of a run and the process that outlives it both do.

What it is: the order, then the reading back: every meter of voltage, else the coils of the contactor as the relay box tells them. What
cannot be read back counts as not done. What it is not: a decision when to switch off (hil.safety).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hil.acts import OFF, Hands, RigFailed
from hil.rigfile import Act, Way

OFF_V = 50.0  # below the 60 V of direct voltage that IEC 61140 takes for safe to touch in the dry, with the error of a divider
LOOK_S = 1.0  # for each question of a guard
DONE = b"off\n"  # what a run says before it closes the pipe, when it has seen the voltage gone
VOLTAGE = "voltage_v"


@dataclass(frozen=True, slots=True)
class Will:
    """What another process needs in order to switch off: the act, the meters of voltage, and where to latch (None: it latches nothing)."""

    rig: str
    token: str
    off: Act
    meters: Mapping[str, Act] = field(default_factory=dict)
    labgrid: str = ""
    latches: Path | None = None

    @property
    def text(self) -> str:
        """The will as a word of a command."""
        meters = {name: act_document(act) for name, act in self.meters.items() if name.endswith(VOLTAGE)}
        latches = str(self.latches) if self.latches else ""
        return json.dumps([self.rig, self.token, act_document(self.off), meters, self.labgrid, latches])

    @classmethod
    def of(cls, text: str) -> Will:
        """Return the will of such a word."""
        rig, token, off, meters, labgrid, latches = json.loads(text)
        shown = {name: act_of(each) for name, each in meters.items()}
        return cls(rig, token, act_of(off), shown, labgrid, Path(latches) if latches else None)


def switched_off(off: Act, meters: Mapping[str, Act], hands: Hands) -> None:
    """Switch off and read back. RigFailed when the order was not taken, when there is still voltage, or when nothing tells."""
    hands.do(off, OFF, {}, LOOK_S)
    shown = {name: hands.ask(act, name, LOOK_S) for name, act in meters.items() if name.endswith(VOLTAGE)}
    still = [f"{name} still shows {value:g} V" for name, value in shown.items() if abs(value) > OFF_V]
    if still:
        raise RigFailed(f"it was switched off, and {', '.join(still)}")
    if shown:
        return
    if off.way is not Way.MODBUS_COIL:
        raise RigFailed("it was switched off, and this rig has no meter of voltage that shows it")
    if not hands.coils_off(off, LOOK_S):
        raise RigFailed(f"the contactor was switched off, and its coil at {off.address} is still on")


def act_document(act: Act) -> dict[str, object]:
    """Return an act for the other process."""
    return {"way": act.way.value, "address": act.address, "command": act.command, "scale": act.scale, "outputs": dict(act.outputs)}


def act_of(document: Mapping[str, object]) -> Act:
    """Return the act of such a document."""
    outputs = document["outputs"]
    assert isinstance(outputs, dict)
    way, address, command = Way(document["way"]), str(document["address"]), str(document["command"])
    return Act(way, address, command, scale=float(str(document["scale"])), outputs=outputs)
