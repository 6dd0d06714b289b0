"""What the console needs from the rest of the daemon. The daemon implements these doors; the console knows nothing behind them.

Orders, outcomes and views are those of stationd.core.alarm.words and stationd.core.operation; times in them are monotonic seconds,
which `moment` turns into the time of day. Functions that are not `async` are called on the loop and have to be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stationd.console.peer import Peer
from stationd.core.alarm.flood import Figures
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import AlarmRecord, AlarmView, Annunciate, Order, Outcome
from stationd.core.operation.orders import ActOrder, Person
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import Task
from stationd.core.operation.views import AppliedView, AuthorityView, Check, HoldView, InterlockView, OperationView, StagedView
from stationd.core.operation.words import ActOutcome, CutOffState

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of day in Unix seconds, and whether the clock of the machine was synchronised when it was read."""

    utc_s: float
    synchronised: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to an alarm, as the journal keeps it. `id` is unique for ever and in the order of events.

    Words are those of stationd.core.alarm: `event` "raise", letters "A" to "I". `quality` is "" where there was no value.
    """

    id: str
    at: Moment
    key: str
    event: str
    before: str
    after: str
    severity: str
    occurrence: int
    value: float | bool | str | None = None
    unit: str = ""
    quality: str = ""
    who: str = ""
    note: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What became of an order. Not `durable`: it was carried out, but the disk fails, and a restart forgets it."""

    outcomes: tuple[Outcome, ...]
    durable: bool = True


@dataclass(frozen=True, slots=True)
class Bundle:
    """The file of an incident that was made: where it is, its size in bytes, and whether the window of the record is over."""

    id: str
    path: str
    size: int
    sha256: str
    complete: bool


class NoSuchFault(Exception):
    """There is no incident of that name. The text is the name."""


class NotDone(Exception):
    """It could not be done: the disk fails, or what is needed is not there. The text says why."""


class Declined(Exception):
    """The line watch does not take a baseline. `cause` is one word; each of `missing` says what is not as it must be."""

    def __init__(self, cause: str, missing: Sequence[str]) -> None:
        super().__init__(cause, *missing)
        self.cause = cause
        self.missing = tuple(missing)


class StatusDoor(Protocol):
    """The documents of the station (stationd.outputs.document)."""

    def status(self) -> Document:
        """Return the station at a glance."""

    def device(self, name: str) -> Document:
        """Return one device with all its points. KeyError when there is none of that name."""


class AlarmDoor(Protocol):
    """The alarm desk behind the engine, and the journal."""

    async def obey(self, order: Order, peer: Peer) -> Obeyed:
        """Have an order carried out and return when its outcome is in the journal, or the disk fails. `peer` is for the audit.

        The order's `who` is the peer's name already. When the wait is cancelled the order may or may not have been carried out.
        """

    def views(self, shown: Callable[[AlarmView], bool]) -> Sequence[AlarmView]:
        """Return the alarms that `shown` picks, in the order in which people want to read them."""

    def view(self, key: AlarmKey) -> AlarmView | None:
        """Return one alarm."""

    def unit(self, key: AlarmKey) -> str:
        """Return the unit of the point that an alarm watches, or ""."""

    def figures(self) -> Figures:
        """Return how well the alarm system is doing."""

    async def history(self, key: AlarmKey | None, since: Moment | None, limit: int) -> Sequence[Happening]:
        """Return the newest events, oldest first, at most `limit`."""

    def subscribe(self, deliver: Callable[[AlarmRecord], None]) -> Callable[[], None]:
        """Have `deliver` called for every record of the desk from now on; return how to end that. `deliver` never waits or fails."""

    def subscribe_messages(self, deliver: Callable[[Annunciate], None]) -> Callable[[], None]:
        """Have `deliver` called whenever people are to be told, which is later than the record and only of what no cause explains."""

    def now(self) -> float:
        """Return the monotonic time of views and records."""

    def moment(self, t: float) -> Moment:
        """Return the time of day of a monotonic time."""


class LineDoor(Protocol):
    """The line: both ends, the verdict, the baseline, and the incidents of the past."""

    def line(self) -> Document:
        """Return the line as it stands."""

    def baseline(self) -> Document | None:
        """Return the baseline, or None where none was taken."""

    async def take_baseline(self, note: str, peer: Peer) -> Document:
        """Declare what is measured now the normal state of the line and return it. Declined; the one before stays then.

        "durable" tells whether it outlasts a restart; it is false while the disk fails.
        """

    async def faults(self, most: int) -> Sequence[Document]:
        """Return the incidents in short, the newest first. NotDone."""

    async def fault(self, name: str) -> Document:
        """Return one incident; "last" is the newest one. NoSuchFault, NotDone."""

    async def bundle(self, name: str) -> Bundle:
        """Make the file of an incident. NoSuchFault, NotDone."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of an order about the plant. Not `durable`: it was taken, but its record is not on the disk (yet)."""

    outcome: ActOutcome
    durable: bool = True


class OperationDoor(Protocol):
    """Acting on the plant: the desk of operations, reached through the engine."""

    @property
    def plan(self) -> ActingPlan:
        """What can be acted on here."""

    async def act(self, order: ActOrder, peer: Peer) -> Acted:
        """Have an order carried out; return when its record is on the disk, or when it is clear that the disk fails.

        EMERGENCY-OFF waits for no disk at all.
        """

    def checks(self, who: Person, name: str, task: Task) -> Sequence[Check]:
        """Return every precondition of a task on an object as it stands now, the gravest first. Arms nothing, records nothing."""

    def operations(self) -> Sequence[OperationView]:
        """Return the operations: open ones first, then the last 20 closed."""

    def operation(self, name: str) -> OperationView | None:
        """Return one operation."""

    def holds(self) -> Sequence[HoldView]:
        """Return what is held."""

    def authority(self) -> AuthorityView:
        """Return who may act."""

    def interlocks(self) -> Sequence[InterlockView]:
        """Return every permissive."""

    def cut_offs(self) -> Sequence[CutOffState]:
        """Return how far each EMERGENCY-OFF has come."""

    def now(self) -> float:
        """Return the monotonic time of views."""

    def moment(self, t: float) -> Moment:
        """Return the time of day of a monotonic time."""


class SetpointDoor(Protocol):
    """The set values of the amplifiers."""

    @property
    def plan(self) -> ActingPlan:
        """What can be set here, and within which limits."""

    async def act(self, order: ActOrder, peer: Peer) -> Acted:
        """As OperationDoor.act."""

    def staged(self) -> Sequence[StagedView]:
        """Return what people have staged and not sent."""

    def applied(self) -> Sequence[AppliedView]:
        """Return what was sent, the newest first, at most 20."""

    def now(self) -> float:
        """Return the monotonic time of views."""

    def moment(self, t: float) -> Moment:
        """Return the time of day of a monotonic time."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One record of who has done what. `document` is the record as it stands on the disk."""

    id: str
    at: Moment
    kind: str
    subject: str
    who: str
    document: Document


@dataclass(frozen=True, slots=True)
class AuditFound:
    """Records, oldest first. `torn` ones could not be trusted and were left out."""

    entries: Sequence[AuditEntry]
    torn: int = 0


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The end of the chain: how many records, and the digest of the last in hexadecimal."""

    position: int
    digest: str


@dataclass(frozen=True, slots=True)
class AuditVerified:
    """What a walk along the chain found: its end, or the first link that does not hold and what is wrong about it."""

    head: AuditHead
    broken_at: int | None = None
    why: str = ""


class AuditDoor(Protocol):
    """The chain of the audit in the journal."""

    async def entries(self, since_utc_s: float | None, most: int) -> AuditFound:
        """Return the newest records, at most `most`. NotDone when the disk cannot be read."""

    async def verify(self) -> AuditVerified:
        """Walk along the whole chain. NotDone when the disk cannot be read."""

    def head(self) -> AuditHead:
        """Return the end of the chain as it was last written."""
