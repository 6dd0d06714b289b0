"""How sessions, prompts, notices and the handover look on the control socket.

A number that is measured or counted down is {"v": value, "u": unit, "t": UTC, "q": quality}; null in "v" is what is not known. Pure.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N815  # names of fields are those of the interface

from dataclasses import dataclass
from typing import Literal, TypedDict

from stationd.console.forms import Number, Stamp


@dataclass(frozen=True, slots=True)
class Seat:
    """One session: a process of a user. user, role, place and locality are the kernel's word; shell and line are what it says of itself.

    idle: since its last call. armed: operations that it armed or its user approved and that are not closed; approved: which of them
    its user approved. authority: its user may act here, since authoritySince. you: the session that asks.
    """

    user: str
    uid: int
    role: Literal["view", "operate", "power"]
    place: str
    locality: Literal["local", "remote", "unknown"]
    line: str
    shell: bool
    since: Stamp
    idle: Number
    authority: bool
    authoritySince: Stamp | None
    armed: list[str]
    approved: list[str]
    you: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """Print: station mode place, then, where there are marks, a space and the marks in brackets, parted by a comma and a space; "> "."""

    station: str
    mode: Literal["LIVE", "SIM", "HIL"]
    place: Literal["local", "remote", "view"]
    marks: list[str]


@dataclass(frozen=True, slots=True)
class Notice:
    """One whole line for a person at a prompt. bell: ring. yours: your own user caused it. severity is "" where there is none.

    The id grows by one from notice to notice of this run of the daemon. A notice of the kind dropped says how many were lost.
    """

    id: int
    t: Stamp
    kind: Literal[
        "hello", "dropped", "alarm", "operation", "authority", "hold", "setpoint", "bypass", "emergency", "handover", "message", "silence"
    ]
    severity: str
    text: str
    bell: bool
    by: str
    yours: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """Who has the shift, since when."""

    by: str
    since: Stamp
    yours: bool


@dataclass(frozen=True, slots=True)
class Written:
    """What the outgoing person wrote for whoever takes the shift."""

    by: str
    at: Stamp
    text: str


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """One alarm. Of one that is shelved or out of service: until when, by whom and why; of another by is who acknowledged it."""

    key: str
    letter: str
    severity: str
    text: str
    since: Stamp | None
    age: Number
    until: Stamp | None
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlarmSummary:
    """The open alarms by severity, those that nobody has acknowledged, and lines: these first, then the oldest."""

    critical: int
    major: int
    minor: int
    warning: int
    open: int
    unacknowledged: int
    lines: list[AlarmLine]


@dataclass(frozen=True, slots=True)
class HoldLine:
    """One hold. It is a note in a computer and NOT AN ISOLATION."""

    name: str
    object: str
    who: str
    yours: bool
    reason: str
    since: Stamp


@dataclass(frozen=True, slots=True)
class BypassLine:
    """One interlock that counts as closed until then."""

    interlock: str
    feeds: list[str]
    until: Stamp
    left: Number


@dataclass(frozen=True, slots=True)
class OperationLine:
    """One operation that is not closed. task is how people type it, text one sentence about how it stands, left its countdown."""

    name: str
    object: str
    task: str
    phase: str
    armer: str
    approver: str
    yours: bool
    since: Stamp
    left: Number
    text: str


@dataclass(frozen=True, slots=True)
class AppliedLine:
    """Set values that wait for a person: they go back by themselves at confirmUntil, or stay until somebody confirms or reverts them."""

    name: str
    who: str
    at: Stamp
    reason: str
    changes: list[str]
    confirmUntil: Stamp | None
    left: Number
    text: str


@dataclass(frozen=True, slots=True)
class StagedLine:
    """A set value that somebody has staged and not sent."""

    device: str
    name: str
    value: Number
    who: str
    yours: bool


@dataclass(frozen=True, slots=True)
class FloodLine:
    """How busy the alarms are: messages of the last 10 minutes, the most of any 10 minutes since peakSince, and what chatters."""

    rate: Number
    peak: Number
    peakSince: Stamp
    flood: bool
    floods: Number
    chattering: list[str]


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A note of the station."""

    at: Stamp
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the clock of the machine shows, and whether it is synchronised."""

    t: str
    synchronised: bool


@dataclass(frozen=True, slots=True)
class JournalState:
    """Whether what people write reaches the disk."""

    good: bool
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditEnd:
    """The end of the audit's chain: note it elsewhere. position is 0 where the disk has not said it yet."""

    position: int
    digest: str


@dataclass(frozen=True, slots=True)
class Handover:
    """The one page of a shift change. shift is null while nobody has taken it; notes are those since it was taken, newest last.

    bookKnown: false while the disk has not said yet what an earlier run of the daemon left: shift, written and notes are of this run then.
    """

    asOf: Stamp
    station: str
    mode: Literal["LIVE", "SIM", "HIL"]
    bookKnown: bool
    shift: Shift | None
    written: Written | None
    alarms: AlarmSummary
    shelved: list[AlarmLine]
    outOfService: list[AlarmLine]
    holds: list[HoldLine]
    bypasses: list[BypassLine]
    operations: list[OperationLine]
    unconfirmed: list[AppliedLine]
    staged: list[StagedLine]
    flood: FloodLine
    notes: list[NoteLine]
    notesLeftOut: int
    silentUntil: Stamp | None
    clock: ClockState
    journal: JournalState
    audit: AuditEnd


class TakenOver(TypedDict):
    """What TakeHandover returns. warnings name every operation that is not closed and every apply that is not confirmed."""

    by: str
    at: Stamp
    warnings: list[str]
    durable: bool
