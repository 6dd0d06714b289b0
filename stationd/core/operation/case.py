"""What is asked of the preconditions: a task on an object, at which stage, with all that is known at that moment.

A task that lowers (switches off, ramps down, goes back) is told apart from one that raises: open permissives never keep a line
from being brought down in order, since the only other way would be the hard one of EMERGENCY-OFF.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stationd.core.amplifier.executor import OFF_MODE
from stationd.core.line.cable import line_v
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.look import Look
from stationd.core.operation.orders import Way
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import Electrode, Energise, Pump, RampTo, SetMode, SwitchOff, Task
from stationd.core.operation.views import OperationView, Phase
from stationd.core.powerfeed.words import FeedPlan

_STEP_MA = 0.05  # half of the finest step of a set point: less than this is no difference
_NO_CURRENT_SHARE = 0.01  # of the nominal current: no feed current any more (assumption, as in the power feed machine)


class Stage(Enum):
    """BEGIN: from a plant at rest to the start. GO_ON: a held operation is to go on. RUN: it runs, or its intent is being written."""

    BEGIN = "begin"
    GO_ON = "go-on"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Case:
    """One question. `way` is how a held operation is to go on, or goes on; None: as it was armed. `now` in monotonic seconds."""

    plan: ActingPlan
    evidence: Evidence
    object: str
    task: Task
    now: float
    stage: Stage = Stage.BEGIN
    way: Way | None = None

    @property
    def look(self) -> Look:
        """The readings."""
        return Look(self.evidence.seen, self.now)

    @property
    def begins(self) -> bool:
        """True before the start."""
        return self.stage is Stage.BEGIN

    @property
    def runs(self) -> bool:
        """True while the executor acts."""
        return self.stage is Stage.RUN


def opening(plan: ActingPlan, evidence: Evidence, view: OperationView, now: float) -> Case:
    """Return the question whether an operation may start or go on; its `offered` way counts as the one that it goes."""
    unbegun = view.phase in (Phase.WAITING, Phase.ARMED) or (view.phase is Phase.STARTING and view.offered is None)
    stage = Stage.BEGIN if unbegun else Stage.GO_ON
    return Case(plan, evidence, view.object, view.task, now, stage, view.offered)


def running(plan: ActingPlan, evidence: Evidence, view: OperationView, now: float) -> Case:
    """Return the question whether an operation may go on running; `offered` is the way that it goes since it was last held."""
    return Case(plan, evidence, view.object, view.task, now, Stage.RUN, view.offered)


def lowers(case: Case) -> bool:
    """Return whether it can only bring current, voltage or light down."""
    back = case.way is Way.BACK
    match case.task:
        case Electrode(on) | Pump(on):
            return on is back
        case SwitchOff():
            return True
        case Energise():
            return back
        case RampTo(to_ma=to_ma):
            return back or _is_above(case, to_ma)
        case SetMode(mode):
            return back or mode == OFF_MODE  # back is a way only to where the unit was off
        case _:
            return False


def _is_above(case: Case, to_ma: float) -> bool:
    """Return whether the set point is above, or is there already while the current is still on its way down to it."""
    feed = case.plan.feeds.get(case.object)
    set_to = case.look.number(feed.points.setpoint_ma) if feed is not None else None
    if feed is None or set_to is None:
        return False
    measured = case.look.number(feed.points.current_ma)
    comes_down = same_current(set_to, to_ma) and measured is not None and measured > to_ma + _STEP_MA
    return comes_down or set_to > to_ma + _STEP_MA


def whole_line_v(feed: FeedPlan, current_ma: float) -> float | None:
    """Return what one end carries when it feeds alone, V, with the allowance of earth potential; None without a model of the line."""
    if feed.cable is None:
        return None
    return line_v(feed.cable, current_ma / 1000) + feed.earth_v_per_km * feed.cable.length_km


def no_current_ma(feed: FeedPlan) -> float:
    """Return below which current nothing is fed, mA."""
    return feed.nominal_ma * _NO_CURRENT_SHARE


def same_current(one_ma: float, other_ma: float) -> bool:
    """Return whether two set points are the same."""
    return abs(one_ma - other_ma) <= _STEP_MA
