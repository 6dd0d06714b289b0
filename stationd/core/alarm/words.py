"""What goes into the alarm desk and what comes out of it: signals, orders of people, outcomes, records, views.

Times called `t` and `*_t` are monotonic seconds of this run; `utc` is seconds since 1970 where the caller knows it. Who may
give an order is decided before it comes here (stationd.console); what an order may do is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stationd.core.alarm.machine import Event, Letter
from stationd.core.alarm.type import AlarmKey, AlarmType, Severity, alarm_key
from stationd.core.model import Quality, Value

BY_ITSELF = "stationd"  # who, in records of what nobody ordered


@dataclass(frozen=True, slots=True)
class Signal:
    """A part of the program says whether one of its alarms holds. None: it does not know, and the alarm is frozen.

    `severity` differs from that of the rule only where the part knows better; `value` and `note` say more in the record.
    """

    key: AlarmKey
    active: bool | None
    t: float
    value: Value | None = None
    note: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An alarm, and which coming of it is meant. None: whichever stands there now."""

    key: AlarmKey
    occurrence: int | None = None


def target(text: str) -> Target | None:
    """Return what `resource/TYPE`, `resource/TYPE/qualifier` or either with `#occurrence` names, or None for anything else."""
    name, mark, number = text.partition("#")
    key = alarm_key(name)
    if key is None or (mark and not (number.isascii() and number.isdigit())):
        return None
    return Target(key, int(number) if mark else None)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody has seen these alarms. Each is answered for itself."""

    targets: tuple[Target, ...]
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """Take away the latch of an alarm that is gone and acknowledged."""

    key: AlarmKey
    who: str
    note: str


@dataclass(frozen=True, slots=True)
class Shelve:
    """Hide an alarm for a time; `one_shot`: at most until it clears. `utc` is the time now, so that a reboot can count on."""

    key: AlarmKey
    seconds: float
    who: str
    reason: str
    one_shot: bool = False
    utc: float | None = None


@dataclass(frozen=True, slots=True)
class Unshelve:
    """Show it again before its time is over."""

    key: AlarmKey
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class TakeOutOfService:
    """Two persons take an alarm out of service until somebody returns it; after `review_in_s` they are reminded."""

    key: AlarmKey
    review_in_s: float
    who: str
    second: str
    reason: str
    utc: float | None = None


@dataclass(frozen=True, slots=True)
class ReturnToService:
    """End that."""

    key: AlarmKey
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class AddNote:
    """Write something beside an alarm."""

    key: AlarmKey
    who: str
    text: str


Order = Acknowledge | Reset | Shelve | Unshelve | TakeOutOfService | ReturnToService | AddNote


class Refusal(Enum):
    """The kinds of refusal, named as the errors of the control socket."""

    NO_SUCH_ALARM = "NoSuchAlarm"
    HIDDEN = "Hidden"
    STILL_ACTIVE = "StillActive"
    NOT_ACKNOWLEDGED = "NotAcknowledged"
    NOT_SHELVABLE = "NotShelvable"
    REASON_REQUIRED = "ReasonRequired"
    REFUSED = "Refused"


@dataclass(frozen=True, slots=True)
class Done:
    """An order was carried out; `letter` is what the alarm is now. `until_t` is the end of a shelf, or the review date."""

    key: AlarmKey
    letter: Letter
    occurrence: int
    until_t: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An order was not carried out and nothing changed: `cause` is one word, `detail` what is, `hint` what would change it.

    `limit` is the longest shelf in seconds (NOT_SHELVABLE) or the shortest text in characters (REASON_REQUIRED).
    """

    key: AlarmKey
    error: Refusal
    cause: str
    detail: str
    hint: str
    limit: int | None = None


Outcome = Done | Refused


class Why(Enum):
    """Why people are told."""

    RAISED = "raised"
    ESCALATED = "escalated"
    UNSHELVED = "unshelved"
    RELEASED = "released"
    RETURNED = "returned to service"


@dataclass(frozen=True, slots=True)
class Annunciate:
    """Effect: tell people now. `audible` is False for all but the first message of a flood."""

    key: AlarmKey
    letter: Letter
    why: Why
    severity: Severity
    occurrence: int
    audible: bool
    t: float


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """Effect: this happened to an alarm. `number` grows by one from record to record, also over restarts.

    `t` is when its state changed, `onset` when the condition that led to it began. `cause` is the alarm that hides it.
    """

    number: int
    event: Event
    key: AlarmKey
    before: Letter
    after: Letter
    t: float
    onset: float
    severity: Severity
    occurrence: int
    value: Value | None
    quality: Quality | None
    who: str
    note: str
    cause: AlarmKey | None = None


Effect = Annunciate | AlarmRecord


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcomes of an order, one for each alarm that it names, and what follows from it."""

    outcomes: tuple[Outcome, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Until when an alarm is hidden, by whom and why. `used`: the alarm came or stood while it was shelved."""

    until_t: float
    who: str
    reason: str
    one_shot: bool = False
    until_utc: float | None = None
    used: bool = False


@dataclass(frozen=True, slots=True)
class Outage:
    """Who took an alarm out of service, why, and when that is to be looked at again."""

    review_t: float
    who: str
    second: str
    reason: str
    review_utc: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The last acknowledgement."""

    who: str
    note: str
    t: float


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm as it stands, for every list and screen.

    `occurrence` is what an acknowledgement names: it grows whenever the alarm comes and whenever it gets worse; `count` are
    its comings alone. `unknown` marks an alarm whose source gives no news: it is neither raised nor cleared. `hides` counts the
    alarms that are folded under it now. `severity` is that of now, `worst` that of what nobody has acknowledged yet. `told`: people
    were told of this coming of it.
    """

    key: AlarmKey
    type: AlarmType
    letter: Letter
    severity: Severity
    worst: Severity
    active: bool
    unknown: bool
    occurrence: int
    count: int
    onset: float
    changed_t: float
    value: Value | None
    quality: Quality | None
    note: str
    first_out: bool
    causes: tuple[AlarmKey, ...]
    hides: int
    shelf: Shelf | None
    outage: Outage | None
    seen: Seen | None
    told: bool = False
