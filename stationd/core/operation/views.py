"""What people see of operations, holds, authority, interlocks and set values. Times are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from stationd.core.model import PointId
from stationd.core.operation.orders import Way
from stationd.core.operation.task import CommandClass, Ending, Progress, Task
from stationd.core.operation.words import Cause, Refusal


class Phase(Enum):
    """Where an operation stands. The words are those of the far station's message, the audit and the screens."""

    WAITING = "waiting"  # for a second person
    ARMED = "armed"
    STARTING = "starting"  # the intent is being written
    RUNNING = "running"
    HELD = "held"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Check:
    """One precondition as it stands: in words, with the live value. `refusal` is None where it is good."""

    name: str
    shown: str
    refusal: Refusal | None = None

    @property
    def good(self) -> bool:
        """True when it does not stand in the way."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class OperationView:
    """All about one operation. `until_t` is when it ends by itself; `offered` which way a code was offered for; never the code.

    `wants_approval` is True where it cannot go on without a second person. `kept_alive_t` is when the session last said so.
    """

    name: str
    object: str
    task: Task
    command_class: CommandClass
    phase: Phase
    since_t: float
    armed_t: float
    armer: str
    armer_uid: int
    session: str
    reason: str
    effect: tuple[str, ...]
    limits: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    approver: str = ""
    wants_approval: bool = False
    offered: Way | None = None
    until_t: float | None = None
    kept_alive_t: float | None = None
    progress: Progress = field(default_factory=Progress)
    ending: Ending | None = None
    cause: Cause | None = None
    detail: str = ""
    armer_local: bool = False


@dataclass(frozen=True, slots=True)
class HoldView:
    """One hold. `own` to this station; a far one is only told by name."""

    name: str
    object: str
    who: str
    uid: int
    reason: str
    since_t: float


@dataclass(frozen=True, slots=True)
class AuthorityView:
    """Who may act here: `holder` "" is nobody. `released`: a local person (or the key switch) has let remote users act."""

    holder: str = ""
    uid: int | None = None
    local: bool = False
    released: bool = False
    since_t: float | None = None
    requested_by: str = ""
    key_switch: bool | None = None  # True: at local; None: not wired, or not known


@dataclass(frozen=True, slots=True)
class InterlockView:
    """One permissive: whether it is closed (None: not known), the age of that, and until when it is bypassed."""

    point: PointId
    feeds: tuple[str, ...]
    closed: bool | None
    t: float | None
    bypassed_until_t: float | None = None


@dataclass(frozen=True, slots=True)
class StagedView:
    """A set value that somebody has staged: what it is now (None: not known) and what it would be."""

    target: PointId
    unit: str
    now: float | None
    staged: float
    who: str


@dataclass(frozen=True, slots=True)
class AppliedView:
    """An apply: what it changed (point, before, after), by whom and why, and how it stands.

    `state` is applying | unconfirmed | confirmed | reverting | reverted | failed | left.
    """

    name: str
    t: float
    who: str
    reason: str
    changes: tuple[tuple[PointId, float, float], ...]
    state: str
    confirm_until_t: float | None = None
    detail: str = ""
