"""One operation with all that belongs to it, from arming to end. The code is here and nowhere else: in no view, record or memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum

from stationd.core.operation.executor import Executor
from stationd.core.operation.machine import PHASES, State
from stationd.core.operation.orders import Person, Way
from stationd.core.operation.task import (
    Bypass,
    CommandClass,
    Electrode,
    Ending,
    Energise,
    Progress,
    Pump,
    RampTo,
    RemoveHold,
    SetMode,
    SetPolarity,
    SwitchOff,
    Task,
)
from stationd.core.operation.views import Check, OperationView
from stationd.core.operation.words import Cause
from stationd.core.powerfeed.words import Seen

KINDS: Mapping[str, type[Task]] = {
    "energise": Energise,
    "ramp": RampTo,
    "off": SwitchOff,
    "polarity": SetPolarity,
    "electroding": Electrode,
    "pump": Pump,
    "mode": SetMode,
    "remove-hold": RemoveHold,
    "bypass": Bypass,
}

Plain = Mapping[str, object]  # values that JSON can hold


def verb(task: Task) -> str:
    """Return the word of a task in records and in memory."""
    return next(word for word, kind in KINDS.items() if isinstance(task, kind))


def plain_task(task: Task) -> dict[str, object]:
    """Return a task as plain values: its verb, and its parameters by their names."""
    values = {name: value.value if isinstance(value, Enum) else value for name, value in asdict(task).items()}
    if isinstance(task, Bypass):
        values["interlock"] = str(task.interlock)
    return {"verb": verb(task), **values}


@dataclass(slots=True)
class Dossier:
    """An operation. `armer` is who armed it, or who has taken it up again; `until_t` when its countdown is over.

    `doubted` is True where it holds for another reason than that a person here wanted so: then nobody but two may go on upward.
    `disturbed`: that somebody else has moved the unit since it holds was told.
    `approved_anew`: that has happened since it holds. `ran_uid` is who has begun it last or let it go on, `ran_approver_uid` who had agreed
    to that: whoever else takes it up is another person, however often he asks.
    `began` says that its first intent was kept; `intent` is the number of the one that is being written, 0 when there is none.
    """

    name: str
    object: str
    task: Task
    command_class: CommandClass
    state: State
    since_t: float
    armed_t: float
    armer: Person
    reason: str
    effect: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    code: str = field(default="", repr=False)
    approver: str = ""
    approver_uid: int | None = None
    approved_anew: bool = False
    ran_uid: int | None = None
    ran_approver_uid: int | None = None
    offered: Way | None = None
    until_t: float | None = None
    kept_alive_t: float | None = None
    executor: Executor | None = None
    kept_executor: Plain = field(default_factory=dict)  # what was remembered of it over a restart
    intent: int = 0
    began: bool = False
    held_t: float | None = None
    doubted: bool = False
    disturbed: bool = False
    progress: Progress = field(default_factory=Progress)  # how far it had come when it ended
    ending: Ending | None = None
    cause: Cause | None = None
    detail: str = ""

    def view(self, seen: Seen, now: float) -> OperationView:
        """Return what people see of it."""
        return self._shown(self.executor.progress(seen, now) if self.executor is not None else self.progress)

    def outline(self) -> OperationView:
        """Return what preconditions look at: all but how far it has come."""
        return self._shown(self.progress)

    def _shown(self, progress: Progress) -> OperationView:
        return OperationView(
            name=self.name,
            object=self.object,
            task=self.task,
            command_class=self.command_class,
            phase=PHASES[self.state],
            since_t=self.since_t,
            armed_t=self.armed_t,
            armer=self.armer.name,
            armer_uid=self.armer.uid,
            armer_local=self.armer.local,
            session=self.armer.session,
            reason=self.reason,
            effect=self.effect,
            limits=self.limits,
            checks=self.checks,
            approver=self.approver,
            wants_approval=self.state in (State.WAITING, State.ASKED),
            offered=self.offered,
            until_t=self.until_t,
            kept_alive_t=self.kept_alive_t,
            progress=progress,
            ending=self.ending,
            cause=self.cause,
            detail=self.detail,
        )
