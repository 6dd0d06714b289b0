"""One apply on its way to the units, or back: one write at a time, each looked at before and read back after. Immutable.

What it is not: the decision whether an apply may begin, which is a person's and stationd.core.operation.setpoints'. Here is only what
is looked at in the last moment, when the record of the intent is on the disk: everything again, on readings of the last 2 s, for a
unit can lose its light between an order and its write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from stationd.core.amplifier.guard import Guard
from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.model import PointId
from stationd.core.operation import setpoint_checks as checks
from stationd.core.operation.amplifier_checks import return_loss_checks
from stationd.core.operation.applies import Apply
from stationd.core.operation.case import Case
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.interlock_checks import interlock_checks
from stationd.core.operation.orders import Person
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import Pump
from stationd.core.operation.words import INTENT_S, Cause, Refusal
from stationd.core.powerfeed.words import FRESH_S

LOOK_S = 15.0  # drivers read set values every 10 s: so long a fresh reading is waited for (assumption)
WRITE_S = 30.0  # a write is answered within the time to settle of any driver and one queue: more is a lost answer (assumption)


class Turn(Enum):
    """What is waited for: the record on the disk, fresh readings, or the answer to a write."""

    INTENT = "intent"
    LOOKING = "looking"
    WRITING = "writing"


LONGEST_S: Mapping[Turn, float] = {Turn.INTENT: INTENT_S, Turn.LOOKING: LOOK_S, Turn.WRITING: WRITE_S}


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that is to be set, and what must be read before (None: whatever it is)."""

    target: PointId
    wanted: float
    expected: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """What is being sent: `back` to the values of before; `who` None: because nobody has confirmed. `written`: something was sent."""

    apply: str
    back: bool
    settings: tuple[Setting, ...]
    who: Person | None
    reason: str
    intent: int
    since_t: float
    turn: Turn = Turn.INTENT
    at: int = 0
    written: bool = False

    @property
    def setting(self) -> Setting | None:
        """The one that is next, or None at the end."""
        return self.settings[self.at] if self.at < len(self.settings) else None

    def deadline(self) -> float:
        """Return when what is waited for has not come."""
        return self.since_t + LONGEST_S[self.turn]

    def now_in(self, turn: Turn, now: float) -> Job:
        """Return it while it waits for something else."""
        return replace(self, turn=turn, since_t=now, written=self.written or turn is Turn.WRITING)

    def next(self, now: float) -> Job:
        """Return it at the next value."""
        return replace(self.now_in(Turn.LOOKING, now), at=self.at + 1)


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is looked at. `guard` follows the protection of the unit in question."""

    plan: ActingPlan
    evidence: Evidence
    guard: Guard
    now: float


def way_back(apply: Apply) -> tuple[Setting, ...]:
    """Return what brings back the values of before: the last one sent first, for one value may have made room for the next."""
    return tuple(Setting(each.target, each.before, each.shown) for each in reversed(apply.sent))


def obstacles(job: Job, apply: Apply, sight: Sight) -> Iterator[Refusal]:
    """Give what forbids the next write, whatever else is read: this ends the job."""
    setting, plan, evidence = job.setting, sight.plan, sight.evidence
    value = checks.value_of(plan, setting.target) if setting is not None else None
    amplifier = checks.amplifier_of(plan, setting.target) if setting is not None else None
    if setting is None or value is None or amplifier is None:
        named = setting.target if setting is not None else apply.name
        yield Refusal(Cause.MODE, f"{named} is no set value of the station's file any more", "stage it anew")
        return
    yield from checks.writable(plan)
    yield from checks.audit(evidence, sight.now)
    if job.who is not None:
        yield from checks.held_authority(plan, evidence, job.who)
    yield from checks.kept_free(plan, evidence, setting.target.device, sight.now)
    yield from checks.unprotected(amplifier, sight.guard, evidence.seen, sight.now)
    if job.who is None:
        yield from checks.as_it_was(apply.plant.items(), setting.target.device, evidence.seen, sight.now)
    shown = checks.known(evidence.seen, setting.target, sight.now)
    yield from checks.within_limits(value, setting.wanted, setting.expected if shown is None else shown)


def shielded(plan: ActingPlan, evidence: Evidence, amplifier: AmplifierPlan, now: float) -> Iterator[Refusal]:
    """Give what forbids more light: an open permissive, or light that comes back, as before the pumps are switched on."""
    case = Case(plan, evidence, amplifier.device, Pump(on=True), now)
    found = interlock_checks(case, amplifier.interlocks, amplifier.interlocks_reason, needed=amplifier.raman)
    yield from (check.refusal for check in (*found, *return_loss_checks(case, amplifier)) if check.refusal is not None)


def unread(job: Job, sight: Sight) -> Iterator[Refusal]:
    """Give what is not known freshly enough, or must be closed and good before more light is asked for: this is waited for."""
    setting = job.setting
    amplifier = checks.amplifier_of(sight.plan, setting.target) if setting is not None else None
    if setting is not None and amplifier is not None:
        yield from checks.seen_well(amplifier, setting.target, sight.evidence.seen, sight.now, FRESH_S)
        shown = checks.known(sight.evidence.seen, setting.target, sight.now)
        if shown is None or setting.wanted > shown:
            yield from shielded(sight.plan, sight.evidence, amplifier, sight.now)


def moved(job: Job, sight: Sight) -> Iterator[Refusal]:
    """Give what the unit shows otherwise than this change was made from."""
    setting = job.setting
    value = checks.value_of(sight.plan, setting.target) if setting is not None else None
    now_is = checks.known(sight.evidence.seen, setting.target, sight.now) if setting is not None else None
    if setting is not None and value is not None and now_is is not None:
        if setting.expected is not None:
            yield from checks.unmoved(value, now_is, setting.expected)
        yield from checks.one_step(value, now_is, setting.wanted)


def stands(job: Job, sight: Sight) -> bool:
    """Return True where a way back has nothing to do: the unit shows the value of before already."""
    setting = job.setting
    value = checks.value_of(sight.plan, setting.target) if setting is not None else None
    now_is = checks.known(sight.evidence.seen, setting.target, sight.now) if setting is not None else None
    return job.back and setting is not None and value is not None and now_is is not None and checks.same(value, now_is, setting.wanted)
