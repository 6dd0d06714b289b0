"""What an operation is to bring about, and how an executor (a power feed, an amplifier) tells how far it has come.

A task is frozen when it is armed: no parameter is given again later. Executors are the machines of stationd.core.powerfeed and
stationd.core.amplifier; what has no plant behind it (a bypass, somebody else's hold) is carried out by the desk itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stationd.core.model import PointId, Value


class CommandClass(Enum):
    """What a command can do, which decides who may give it and how."""

    READ = "read"
    NOTE = "note"
    SET = "set"
    OPERATE = "operate"
    LETHAL = "lethal"
    EMERGENCY = "emergency"


class Part(Enum):
    """What this end does while the line is energised. The words are those of the far station's message.

    SINGLE: this end feeds alone. MASTER: this end sets the current, the other one follows. FOLLOWER: this end carries its share
    of the voltage, in voltage mode, until the current is nominal, and then holds the current too.
    """

    SINGLE = "single"
    MASTER = "master"
    FOLLOWER = "follower"


@dataclass(frozen=True, slots=True)
class Energise:
    """Switch a discharged feed on at 0 mA and ramp it to `to_ma` at `rate_ma_per_s`."""

    to_ma: float
    rate_ma_per_s: float
    part: Part = Part.SINGLE


@dataclass(frozen=True, slots=True)
class RampTo:
    """Bring a feed that is on from where it is to `to_ma`."""

    to_ma: float
    rate_ma_per_s: float


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """Ramp a feed down, switch its output off, and prove by measurement that the line is discharged."""

    rate_ma_per_s: float


@dataclass(frozen=True, slots=True)
class SetPolarity:
    """Turn the polarity of a feed that is off and discharged."""

    negative: bool


@dataclass(frozen=True, slots=True)
class Electrode:
    """Switch the electroding tone on or off."""

    on: bool


@dataclass(frozen=True, slots=True)
class Pump:
    """Switch the pumps of an amplifier."""

    on: bool


@dataclass(frozen=True, slots=True)
class SetMode:
    """Put an amplifier into another control mode: acc | apc | agc."""

    mode: str


@dataclass(frozen=True, slots=True)
class RemoveHold:
    """Remove a hold that somebody else has set."""

    hold: str


@dataclass(frozen=True, slots=True)
class Bypass:
    """Let one interlock count as closed for a time; hardware does not know of it."""

    interlock: PointId
    for_s: float


FeedTask = Energise | RampTo | SwitchOff | SetPolarity | Electrode
AmplifierTask = Pump | SetMode
DeskTask = RemoveHold | Bypass
Task = FeedTask | AmplifierTask | DeskTask


def class_of(task: Task) -> CommandClass:
    """Return the class of a task: 3 for amplifiers, 4 for all else."""
    return CommandClass.OPERATE if isinstance(task, AmplifierTask) else CommandClass.LETHAL


# What an executor says. It never says more than one of Ended and Stopped in one step.


@dataclass(frozen=True, slots=True)
class Put:
    """Write a value to a point; the desk makes a Write of it. `urgent`: a de-energising OFF, which goes before everything."""

    target: PointId
    value: Value
    why: str
    urgent: bool = False


class Ending(Enum):
    """How an operation ended. The words are those of the audit and of the screens."""

    REACHED = "reached"
    DEVIATED = "deviated"
    TIMED_OUT = "timed-out"
    ABORTED_BY_TRIP = "aborted-by-trip"
    NOT_EXECUTED = "not-executed"
    CLOSED_HELD = "closed-held"  # a person closed an operation that held: the plant stays as it is


@dataclass(frozen=True, slots=True)
class Ended:
    """The executor is done. `detail` is one sentence with the measured values."""

    ending: Ending
    detail: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The executor holds: it changes nothing any more. `detail` is one sentence with the live value and the limit."""

    detail: str


@dataclass(frozen=True, slots=True)
class Passed:
    """Something worth a line in the audit: a hold point that was passed, a step that was taken."""

    detail: str


Said = Put | Ended | Stopped | Passed


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an executor has come, for screens. Values are None where they are not known."""

    phase: str = ""
    set_to: float | None = None
    measured: float | None = None
    target: float | None = None
    unit: str = "mA"
    voltage_v: float | None = None
    rise_v_per_s: float | None = None
    left_s: float | None = None
