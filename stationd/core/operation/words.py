"""What becomes of an order about the plant, and what goes out. Refusals are values: cause, why with the live value, what would help.

What people see of it is in stationd.core.operation.views. Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from stationd.core.alarm.words import Signal
from stationd.core.model import PointId, Value, Write

INTENT_S = 3.0  # a disk that keeps the record of an intent later than this counts as one that does not (assumption)


class Cause(Enum):
    """Why an order is refused or was ended: the words of IEC 61850's AddCause as public manuals quote them; ours are marked +."""

    SWITCHING_HIERARCHY = "blocked-by-switching-hierarchy"
    INTERLOCKING = "blocked-by-interlocking"
    MODE = "blocked-by-mode"
    PROCESS = "blocked-by-process"
    HEALTH = "blocked-by-health"
    HOLD = "blocked-by-hold"  # +
    NOT_SELECTED = "object-not-selected"
    ALREADY_SELECTED = "object-already-selected"
    LOCKED_BY_OTHER = "locked-by-other-client"
    ONE_OF_N = "1-of-n-control"
    IN_EXECUTION = "command-already-in-execution"
    INCONSISTENT = "inconsistent-parameters"
    TIME_LIMIT = "time-limit-over"
    STEP_LIMIT = "step-limit"
    NO_AUTHORITY = "no-access-authority"
    SECOND_PERSON = "second-person-missing"  # +
    CANCELLED = "abortion-by-cancel"
    TRIPPED = "abortion-by-trip"
    DEVIATED = "abortion-due-to-deviation"
    COMMUNICATION = "abortion-by-communication-loss"
    REACHED = "position-reached"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason: the word, a sentence with the live value, and a sentence that says what would change it."""

    cause: Cause
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order was taken. `names` are operations, holds or points that it concerns; `detail` one sentence."""

    names: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was done. Every reason that holds now is listed, the gravest first; `asked` is the order in words."""

    asked: str
    reasons: tuple[Refusal, ...]


ActOutcome = Accepted | Refused


@dataclass(frozen=True, slots=True)
class Noted:
    """A record of the audit: what happened, to which operation or object, with what belongs to it (plain values).

    `intent` is 0, or the number under which the outside tells, with IntentKept, whether this record is on the disk: nothing that
    the record announces is sent before that.
    """

    kind: str
    subject: str
    t: float
    who: str
    document: Mapping[str, object] = field(default_factory=dict)
    intent: int = 0


@dataclass(frozen=True, slots=True)
class Hasten:
    """Read these points at least every `every_s` seconds from now on; all others go back to their own periods."""

    points: frozenset[PointId]
    every_s: float


@dataclass(frozen=True, slots=True)
class CutOff:
    """Effect of EMERGENCY-OFF: drive this point to `value` (off) before and above everything else on its line, until it shows."""

    target: PointId
    value: Value
    why: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Effect of a hold: writes to these points that were not begun on their line are never sent, and are answered as refused.

    What is on the wire already is finished and read back.
    """

    targets: frozenset[PointId]
    why: str


@dataclass(frozen=True, slots=True)
class CutOffState:
    """How far an EMERGENCY-OFF of one feed has come: `confirmed` True when the read-back showed it off, None while it is sent."""

    device: str
    who: str
    since_t: float
    confirmed: bool | None = None
    detail: str = ""


ActEffect = Write | CutOff | TakeBack | Hasten | Noted | Signal
