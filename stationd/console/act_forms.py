"""How operations, holds, authority, interlocks and set values look on the control socket.

A number is {"v": value, "u": unit, "t": UTC, "q": quality}; what is not known has null in "v" and "bad" in "q". Values of views are of
the moment at which they were looked at, which is at most as old as what an operation may rest on (FRESH_S). Pure but for the calendar.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N815  # names of fields are those of the interface

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

from stationd.console.act_refusal import Reason
from stationd.console.act_task import Task, task_out
from stationd.console.door import Moment
from stationd.console.forms import NO_VALUE, Number, Stamp, stamp
from stationd.core.model import PointId
from stationd.core.operation import views
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import Progress as CoreProgress
from stationd.core.operation.words import CutOffState

CommandWord = Literal["read", "note", "set", "operate", "lethal", "emergency"]
PhaseWord = Literal["waiting", "armed", "starting", "running", "held", "closed"]
AppliedWord = Literal["applying", "unconfirmed", "confirmed", "reverting", "reverted", "failed", "left"]


@dataclass(frozen=True, slots=True)
class Precondition:
    """One precondition as it stands; reason is null where it does not stand in the way."""

    name: str
    shown: str
    good: bool
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation has come. setTo, measured and target are of the same unit."""

    phase: str
    setTo: Number
    measured: Number
    target: Number
    voltage: Number
    rise: Number
    left: Number


@dataclass(frozen=True, slots=True)
class Operation:
    """All about one operation, but for its code, which only its armer has. until: when it ends by itself, in left seconds.

    wantsApproval: it cannot go on without a second person. offered: the way for which a new code was given (resume, back).
    ending, cause and detail say how it was closed. yours: you have armed it.
    """

    name: str
    object: str
    task: Task
    command: CommandWord
    phase: PhaseWord
    since: Stamp
    armedAt: Stamp
    armer: str
    yours: bool
    reason: str
    effect: list[str]
    limits: list[str]
    checks: list[Precondition]
    approver: str
    wantsApproval: bool
    offered: str | None
    until: Stamp | None
    left: Number
    keptAlive: Number
    progress: Progress
    ending: str | None
    cause: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class HoldNote:
    """Nobody is to act on this object until the hold is removed. It is a note in a computer and NOT AN ISOLATION."""

    name: str
    object: str
    who: str
    yours: bool
    reason: str
    since: Stamp


@dataclass(frozen=True, slots=True)
class AuthorityState:
    """Who may act here: holder "" is nobody. place: where the holder is. keySwitch is null where none is wired, or it is not known."""

    holder: str
    yours: bool
    place: Literal["none", "local", "remote"]
    released: bool
    since: Stamp | None
    requestedBy: str
    keySwitch: Literal["local", "remote"] | None


@dataclass(frozen=True, slots=True)
class Interlock:
    """One permissive: closed has true or false in "v", null where that is not known. feeds are the devices that it lets run."""

    name: str
    feeds: list[str]
    closed: Number
    bypassedUntil: Stamp | None


@dataclass(frozen=True, slots=True)
class CutOff:
    """How far an EMERGENCY-OFF of a device has come: confirmed is null while OFF is being sent, false when that was given up."""

    device: str
    who: str
    since: Stamp
    confirmed: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A set value that waits to be applied. now is null where it is not known."""

    device: str
    name: str
    point: str
    now: Number
    staged: Number
    who: str
    yours: bool


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """What an apply has changed, from and to."""

    device: str
    name: str
    point: str
    before: Number
    after: Number


@dataclass(frozen=True, slots=True)
class Applied:
    """One apply. confirmUntil: when it goes back by itself unless somebody confirms. left: it stayed unconfirmed."""

    name: str
    at: Stamp
    who: str
    reason: str
    changes: list[ChangedValue]
    state: AppliedWord
    confirmUntil: Stamp | None
    detail: str


class Done(TypedDict):
    """What an order returns: what it concerns, a sentence, and whether its record is on the disk."""

    names: list[str]
    detail: str
    durable: bool


class Ordered(TypedDict):
    """What an order about one operation returns: the operation as it then stands."""

    operation: Operation
    detail: str
    durable: bool


class Coded(TypedDict):
    """What Arm and Prepare return. The code is wanted by Execute; nobody else is told it, and it is not told again."""

    operation: Operation
    code: str
    detail: str
    durable: bool


class Checked(TypedDict):
    """What Check returns. good: nothing stands in the way now."""

    checks: list[Precondition]
    good: bool


class Emergency(TypedDict):
    """What EmergencyOff returns. Where confirmed is null it goes on: OFF is sent until it is seen. detail names what was not found."""

    devices: list[CutOff]
    allConfirmed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Change:
    """First everything (snapshot), then the operations that have changed, and each other part whole when it has; null: unchanged."""

    snapshot: bool
    asOf: Stamp
    operations: list[Operation]
    holds: list[HoldNote] | None
    authority: AuthorityState | None
    cutOffs: list[CutOff] | None


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the forms of one answer for one user, as of one moment. Where the station is not `live` no value is "good": it is "sim"."""

    moment: Callable[[float], Moment]
    now: float
    uid: int
    live: bool
    names: Mapping[PointId, tuple[str, str]]  # of set values: what people call them, and the unit

    def stamp_of(self, t: float) -> Stamp:
        """Return a monotonic time as it is written."""
        return stamp(self.moment(t))

    def number(self, value: float | bool | None, unit: str = "", t: float | None = None) -> dict[str, object]:
        """Return a value of a view; None is what is not known."""
        form: dict[str, object] = {"v": value, "u": unit, "t": self.stamp_of(self.now if t is None else t).t}
        if value is None or not math.isfinite(value):
            form["v"] = None
            return form | {"q": NO_VALUE.level.value, "why": NO_VALUE.reason.value}
        return form | {"q": "good" if self.live else "sim"}

    def check(self, check: views.Check) -> Precondition:
        """Return one precondition."""
        refusal = check.refusal
        reason = None if refusal is None else Reason(refusal.cause.value, refusal.why, refusal.remedy)
        return Precondition(check.name, check.shown, check.good, reason)

    def operation(self, view: views.OperationView) -> Operation:
        """Return one operation."""
        return Operation(
            name=view.name, object=view.object, task=task_out(view.task), command=view.command_class.value, phase=view.phase.value,
            since=self.stamp_of(view.since_t), armedAt=self.stamp_of(view.armed_t), armer=view.armer, yours=view.armer_uid == self.uid,
            reason=view.reason, effect=list(view.effect), limits=list(view.limits), checks=[self.check(each) for each in view.checks],
            approver=view.approver, wantsApproval=view.wants_approval, offered=view.offered.value if view.offered else None,
            until=self._perhaps(view.until_t), left=self._span(view.until_t, -1), keptAlive=self._span(view.kept_alive_t, 1),
            progress=self._progress(view.progress), ending=view.ending.value if view.ending else None,
            cause=view.cause.value if view.cause else None, detail=view.detail,
        )  # fmt: skip

    def _progress(self, progress: CoreProgress) -> Progress:
        unit = progress.unit
        return Progress(
            progress.phase, self.number(progress.set_to, unit), self.number(progress.measured, unit), self.number(progress.target, unit),
            self.number(progress.voltage_v, "V"), self.number(_to_tenths(progress.rise_v_per_s), "V/s"), self.number(progress.left_s, "s"),
        )  # fmt: skip

    def hold(self, view: views.HoldView) -> HoldNote:
        """Return one hold."""
        return HoldNote(view.name, view.object, view.who, view.uid == self.uid, view.reason, self.stamp_of(view.since_t))

    def authority(self, view: views.AuthorityView) -> AuthorityState:
        """Return who may act."""
        place: Literal["none", "local", "remote"] = "none" if not view.holder else "local" if view.local else "remote"
        key: Literal["local", "remote"] | None = None if view.key_switch is None else "local" if view.key_switch else "remote"
        yours = bool(view.holder) and view.uid == self.uid
        return AuthorityState(view.holder, yours, place, view.released, self._perhaps(view.since_t), view.requested_by, key)

    def interlock(self, view: views.InterlockView) -> Interlock:
        """Return one permissive."""
        closed = self.number(view.closed, "", view.t)
        return Interlock(str(view.point), list(view.feeds), closed, self._perhaps(view.bypassed_until_t))

    def cut_off(self, state: CutOffState) -> CutOff:
        """Return how far an EMERGENCY-OFF has come."""
        return CutOff(state.device, state.who, self.stamp_of(state.since_t), state.confirmed, state.detail)

    def staged(self, view: views.StagedView, yours: bool) -> Staged:
        """Return a set value that waits."""
        name, _ = self._named(view.target)
        now, staged = self.number(view.now, view.unit), self.number(view.staged, view.unit)
        return Staged(view.target.device, name, str(view.target), now, staged, view.who, yours)

    def applied(self, view: views.AppliedView) -> Applied:
        """Return one apply."""
        changes = [self._changed(target, before, after, view.t) for target, before, after in view.changes]
        until, state = self._perhaps(view.confirm_until_t), _STATES[view.state]
        return Applied(view.name, self.stamp_of(view.t), view.who, view.reason, changes, state, until, view.detail)

    def _changed(self, target: PointId, before: float, after: float, t: float) -> ChangedValue:
        name, unit = self._named(target)
        return ChangedValue(target.device, name, str(target), self.number(before, unit, t), self.number(after, unit, t))

    def _named(self, target: PointId) -> tuple[str, str]:
        return self.names.get(target, (target.point, ""))

    def _perhaps(self, t: float | None) -> Stamp | None:
        return None if t is None else self.stamp_of(t)

    def _span(self, t: float | None, sign: int) -> dict[str, object]:
        """Return how long ago (1) or ahead (-1) a time is, in seconds."""
        return self.number(None if t is None else round(max(sign * (self.now - t), 0.0), 3), "s")


def set_value_names(plan: ActingPlan) -> Mapping[PointId, tuple[str, str]]:
    """Return what people call each set value, and its unit."""
    return {each.target: (name, each.unit) for amplifier in plan.amplifiers.values() for name, each in amplifier.set_values.items()}


_STATES: dict[str, AppliedWord] = {
    "applying": "applying",
    "unconfirmed": "unconfirmed",
    "confirmed": "confirmed",
    "reverting": "reverting",
    "reverted": "reverted",
    "failed": "failed",
    "left": "left",
}


def _to_tenths(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 1)
