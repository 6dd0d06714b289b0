"""Orders of people about the plant.

A `Person` is made by the console from what the kernel says of a connection; nothing in it is what a client says of itself.
Codes of four characters come from outside too: nothing here is random.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stationd.core.model import PointId
from stationd.core.operation.task import CommandClass, Task

CODE_LETTERS = "ABCDEFGHJKMNPQRTUVWXYZ2346789"  # without 0O, 1IL, 5S: none is taken for another at 3 am
CODE_LENGTH = 4
LEAST_REASON = 8
REASON_FOR = frozenset({CommandClass.SET, CommandClass.OPERATE, CommandClass.LETHAL})


@dataclass(frozen=True, slots=True)
class Person:
    """Who orders. `session` names a process of a user on this machine: it ends when its last connection does.

    `local` is True only where the kernel proves it (a console of this machine). `classes` is what the groups of the user allow;
    `identified` is False for root, the service's own user, and accounts that several people share. `doubt` is a sentence that says why
    `classes` are fewer than they were at login; "" where they are not.
    """

    uid: int
    name: str
    session: str
    classes: frozenset[CommandClass]
    local: bool = False
    identified: bool = True
    place: str = ""
    doubt: str = ""


class Way(Enum):
    """How a held operation goes on: toward its target, or back to where it began (never upward)."""

    RESUME = "resume"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Arm:
    """Select an object for a task. `code` is shown to the armer alone."""

    who: Person
    object: str
    task: Task
    reason: str
    code: str


@dataclass(frozen=True, slots=True)
class Approve:
    """A second person has read what it is about and agrees."""

    who: Person
    operation: str


@dataclass(frozen=True, slots=True)
class Reject:
    """A second person does not agree."""

    who: Person
    operation: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Execute:
    """Begin, or go on: with the code of the arming screen, or of `Prepare`."""

    who: Person
    operation: str
    code: str


@dataclass(frozen=True, slots=True)
class Disarm:
    """Give up an operation that was not begun, or close one that holds; the plant stays as it is."""

    who: Person
    operation: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Stop changing, keep what is. `operation` "" means every one that runs. Anybody who may write a note may do this."""

    who: Person
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Ask to let a held operation go on: all is checked anew and a new code offered."""

    who: Person
    operation: str
    way: Way
    code: str


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """The session that runs an operation is still there."""

    who: Person
    operation: str


@dataclass(frozen=True, slots=True)
class EmergencyOff:
    """De-energise these feeds ("all": every one of this station), now."""

    who: Person
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddHold:
    """Nobody is to act on an object (a device, "line" or "station") until this is removed. Not an isolation."""

    who: Person
    object: str
    reason: str


@dataclass(frozen=True, slots=True)
class DropHold:
    """Remove one's own hold."""

    who: Person
    hold: str


@dataclass(frozen=True, slots=True)
class EndBypass:
    """Let an interlock count for what it reads again. Anybody who may write a note may do this."""

    who: Person
    interlock: PointId


class AuthorityVerb(Enum):
    """What is done about the authority to act at this station."""

    REQUEST = "request"
    GRANT = "grant"
    RELEASE = "release"
    TAKE = "take"


@dataclass(frozen=True, slots=True)
class SetAuthority:
    """Request, grant (to the user `to`), release or take the authority; taking wants a reason."""

    who: Person
    verb: AuthorityVerb
    to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """Note a set value for later; nothing is sent. `point` is one of the set values that the plan lists."""

    who: Person
    target: PointId
    value: float


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget what this person has staged."""

    who: Person


@dataclass(frozen=True, slots=True)
class Apply:
    """Send what this person has staged. With `confirm_within_s` it goes back by itself unless somebody confirms."""

    who: Person
    reason: str
    confirm_within_s: float | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """What was applied stays."""

    who: Person


@dataclass(frozen=True, slots=True)
class Revert:
    """Send the values of before the last apply."""

    who: Person
    reason: str


@dataclass(frozen=True, slots=True)
class Rollback:
    """Stage the values of before the last `number` applies."""

    who: Person
    number: int


ActOrder = (
    Arm | Approve | Reject | Execute | Disarm | Hold | Prepare | KeepAlive | EmergencyOff | AddHold | DropHold | SetAuthority
    | EndBypass | Stage | Discard | Apply | Confirm | Revert | Rollback
)  # fmt: skip
