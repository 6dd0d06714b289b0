"""Set values of amplifiers: stage, apply, confirm, revert, roll back. The one owner of all that is staged and applied.

    Stage ----> staged, each person's own; nothing is sent
    Apply ----> record on the disk -> look at fresh readings -> Write -> read-back -> the next one ... -> confirmed, or to be confirmed
    no Confirm in time -> record on the disk -> the same way back, or it stays with the alarm UNCONFIRMED

What it is not: a control loop. Nothing here is sent but what a person has applied or reverted, and back what nobody has confirmed in
time: only by the same process, while the plant is as it was (theory in stationd.core.operation.applies). One write is outstanding at a
time; none goes out before its record is on the disk; none is repeated. Power feeds have no set values: they move by operations alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from stationd.core.alarm.words import BY_ITSELF
from stationd.core.model import IntentKept, PointId, Reading, Tick, WriteDone
from stationd.core.operation import applies, staging
from stationd.core.operation import job as way
from stationd.core.operation import setpoint_checks as checks
from stationd.core.operation.applies import Apply, Change, Event, State
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.job import Job, Setting
from stationd.core.operation.orders import Apply as ApplyOrder
from stationd.core.operation.orders import Confirm, Discard, Person, Revert, Rollback, Stage
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.sending import Sending
from stationd.core.operation.sentences import asked
from stationd.core.operation.staging import Staged, Staging
from stationd.core.operation.views import AppliedView, StagedView
from stationd.core.operation.words import Accepted, ActEffect, ActOutcome, Cause, Noted, Refusal, Refused
from stationd.core.powerfeed.words import Seen

SUBJECT = "setpoints"  # of records that are not about one apply
SetOrder = Stage | Discard | ApplyOrder | Confirm | Revert | Rollback
SetEvent = WriteDone | IntentKept | Reading | Tick
Step = tuple[ActOutcome, list[ActEffect]]


class SetPoints:
    """All set values of a station. Times are monotonic seconds; `evidence` is what the desk knows at that time."""

    def __init__(self, plan: ActingPlan, now: float) -> None:
        self._plan = plan
        self._staging = Staging(plan)
        self._sending = Sending(plan, self._staging, now)

    def replan(self, plan: ActingPlan, now: float) -> None:
        """Go on by another plan; what is being sent, or waits to be confirmed, concerns none of the units that it changes."""
        self._plan = plan
        self._staging.replan(plan)
        self._sending.now = now
        self._sending.replan(plan)

    # The functions of the desk.

    def obey(self, order: SetOrder, evidence: Evidence, now: float) -> Step:
        """Carry out an order about set values, or refuse it with every reason. What is refused changes nothing."""
        self._sending.look(evidence, now)
        match order:
            case Stage():
                return self._stage(order)
            case Discard(who):
                return self._discard(who)
            case Rollback():
                return self._rollback(order)
            case ApplyOrder():
                return self._apply(order)
            case Confirm():
                return self._confirm(order)
            case Revert():
                return self._revert(order)

    def handle(self, event: SetEvent, evidence: Evidence, now: float) -> list[ActEffect]:
        """Take one event and return what follows from it, in order."""
        sending = self._sending
        if isinstance(event, Reading):
            sending.evidence = evidence
            sending.read(event.point, evidence.seen, now)
        else:
            sending.look(evidence, now)
        match event:
            case IntentKept():
                return [*sending.kept(event), *sending.go_on()]
            case WriteDone():
                return [*sending.answered(event), *sending.go_on()]
            case Reading() | Tick():
                return sending.go_on()

    def read(self, point: PointId, seen: Seen, now: float, *, repeats: bool) -> bool:
        """Follow the protection of the unit whose point was read; `repeats`: it said what it had said twice before.

        Returns True while values are being sent: then `handle` wants to know.
        """
        self._sending.read(point, seen, now, repeats=repeats)
        return self._sending.job is not None

    def deadline(self) -> float | None:
        """Return when a Tick is due if nothing else happens."""
        return self._sending.deadline()

    def staged(self) -> tuple[StagedView, ...]:
        """Return what people have staged, with what the units showed when this was last looked at."""
        return self._staging.views(self._sending.evidence.seen, self._sending.now)

    def applied(self) -> tuple[AppliedView, ...]:
        """Return the last applies, the newest first."""
        return tuple(each.view() for each in self._sending.applies)

    def applying(self) -> frozenset[str]:
        """Return the devices to which values are being sent, from the order to the last answer."""
        return self._sending.devices()

    def gated(self, now: float) -> frozenset[str]:
        """Return the devices that should be read faster: somebody has staged for them, or what was applied may go back."""
        waiting = {change.target.device for each in self._sending.waiting() for change in each.changes}
        return self.applying() | waiting | self._staging.devices(now)

    def gate_ends(self, now: float) -> Iterable[float]:
        """Return when that ends for what is staged."""
        return self._staging.ends(now)

    # What outlasts a restart.

    def saved(self, now: float | None = None) -> Mapping[str, object]:
        """Return all that must, as plain JSON values; `now` is the time by which ages are counted (none: of the last event)."""
        self._sending.dirty = False
        return {**self._sending.saved(self._sending.now if now is None else now), "staged": self._staging.saved()}

    def changed(self) -> bool:
        """Return whether that is different since the last call."""
        return self._sending.dirty

    def restore(self, saved: Mapping[str, object], now: float, elapsed_s: float = 0.0) -> list[ActEffect]:
        """Put it back into a fresh one, `elapsed_s` after it was saved. Nothing is sent. What cannot be read is left out and told."""
        lost, effects = self._sending.restore(saved, now, now - elapsed_s)
        lost += self._staging.restore(saved.get("staged", []))
        return [Noted("memory-damaged", SUBJECT, now, BY_ITSELF, {"lost": lost}), *effects] if lost else effects

    @property
    def _now(self) -> float:
        return self._sending.now

    @property
    def _seen(self) -> Seen:
        return self._sending.evidence.seen

    # Staging.

    def _stage(self, order: Stage) -> Step:
        reasons = tuple(staging.refusals(self._plan, self._seen, order, self._now))
        base = checks.known(self._seen, order.target, self._now)
        if reasons or base is None:
            return Refused(asked(order), reasons), []
        self._staging.keep([Staged(order.target, order.value, base, order.who.uid, order.who.name, self._now)])
        self._sending.dirty = True
        return Accepted((str(order.target),), "staged, nothing is sent"), []

    def _discard(self, who: Person) -> Step:
        found = self._staging.of(who)
        self._staging.drop(found)
        self._sending.dirty = True
        names = tuple(str(each.target) for each in found)
        return Accepted(names), [Noted("discarded", SUBJECT, self._now, who.name, {"points": list(names), "uid": who.uid})]

    def _rollback(self, order: Rollback) -> Step:
        stood = [each for each in self._sending.applies if each.sent and each.state is not State.REVERTED]
        before = staging.earlier(stood, order.number)
        reasons = (*checks.writable(self._plan), *checks.person(order.who), *self._rollback_faults(order.number, stood, before))
        if reasons:
            return Refused(asked(order), reasons), []
        found = [staged for target, value in before.items() if (staged := self._earlier(target, value, order.who)) is not None]
        if not found:
            return Refused(asked(order), (_as_before(before),)), []
        self._staging.keep(found)
        self._sending.dirty = True
        names = tuple(str(each.target) for each in found)
        values = {str(each.target): each.value for each in found}
        document = {"applies": order.number, "values": values, "uid": order.who.uid}
        return Accepted(names, "staged, nothing is sent"), [Noted("rolled-back", SUBJECT, self._now, order.who.name, document)]

    def _rollback_faults(self, number: int, stood: list[Apply], before: Mapping[PointId, float]) -> Iterator[Refusal]:
        if not 1 <= number <= len(stood):
            remedy = f"1 to {len(stood)}" if stood else "there is nothing to go back to"
            yield Refusal(Cause.INCONSISTENT, f"{_known(len(stood))}, not {number}", remedy)
        for target, earlier in before.items():
            value = checks.value_of(self._plan, target)
            if value is None:
                yield Refusal(Cause.MODE, f"{target} is no set value of this station any more", "set the others one by one")
            else:
                yield from checks.within_limits(value, earlier, checks.known(self._seen, target, self._now))
                yield from self._sending.unknown(target)

    def _earlier(self, target: PointId, value: float, who: Person) -> Staged | None:
        plan, base = checks.value_of(self._plan, target), checks.known(self._seen, target, self._now)
        if plan is None or base is None or checks.same(plan, base, value):
            return None
        return Staged(target, value, base, who.uid, who.name, self._now)

    # Apply, confirm, revert: what a person may.

    def _apply(self, order: ApplyOrder) -> Step:
        sending, who = self._sending, order.who
        staged = self._staging.of(who)
        apply = self._new_apply(order, staged)
        settings = tuple(Setting(each.target, each.value, each.base) for each in staged)
        job = sending.new_job(apply, settings, who, apply.reason, back=False)
        faults = (*self._acting_faults(who, order.reason), *self._open_faults(who), *checks.confirm_time(order.confirm_within_s))
        reasons = tuple(dict.fromkeys((*faults, *sending.faults(job, apply))))
        if reasons:
            return Refused(asked(order), reasons), []
        sending.number += 1
        self._staging.drop(staged)
        return Accepted((apply.name,), self._warning(apply)), sending.begin(job, apply)

    def _new_apply(self, order: ApplyOrder, staged: tuple[Staged, ...]) -> Apply:
        changes = tuple(Change(each.target, each.base, each.value) for each in staged)
        name, who = f"A-{self._sending.number + 1}", order.who
        return Apply(name, self._now, who.name, who.uid, order.reason.strip(), changes, confirm_within_s=order.confirm_within_s)

    def _confirm(self, order: Confirm) -> Step:
        sending = self._sending
        apply = sending.open() or next(iter(sending.applies), None)
        own = apply is not None and apply.uid == order.who.uid  # who has applied it may say that it stays; anybody else acts
        others = () if own else checks.held_authority(self._plan, sending.evidence, order.who)
        busy = (_busy(sending.job),) if sending.job is not None else ()
        reasons = (*checks.person(order.who), *others, *_denied(apply, Event.CONFIRM), *busy)
        if apply is None or reasons:
            return Refused(asked(order), reasons), []
        return Accepted((apply.name,), "it stays"), sending.confirm(apply, order.who)

    def _revert(self, order: Revert) -> Step:
        sending = self._sending
        apply = next((each for each in sending.applies if each.sent), None)
        faults = (*self._acting_faults(order.who, order.reason), *_denied(apply, Event.REVERT))
        if apply is None:
            return Refused(asked(order), faults), []
        job = sending.new_job(apply, way.way_back(apply), order.who, order.reason.strip(), back=True)
        reasons = tuple(dict.fromkeys((*faults, *sending.faults(job, apply)))) if not _denied(apply, Event.REVERT) else faults
        if reasons:
            return Refused(asked(order), reasons), []
        return Accepted((apply.name,), "the values of before are being sent"), sending.begin(job, apply)

    def _acting_faults(self, who: Person, reason: str) -> Iterator[Refusal]:
        """Give what forbids any sending by this person now."""
        plan, sending = self._plan, self._sending
        yield from (*checks.writable(plan), *checks.person(who), *checks.held_authority(plan, sending.evidence, who))
        yield from (*checks.audit(sending.evidence, self._now), *checks.reason_given(reason))
        if sending.job is not None:
            yield _busy(sending.job)
        elif sending.unanswered is not None:
            yield Refusal(Cause.IN_EXECUTION, f"a write to {sending.unanswered} was not answered yet", "wait for its answer")

    def _open_faults(self, who: Person) -> Iterator[Refusal]:
        """Refuse while an earlier apply waits for a decision: two of them could not be told apart any more."""
        waiting = self._sending.open()
        if waiting is not None:
            cause = Cause.IN_EXECUTION if waiting.uid == who.uid else Cause.LOCKED_BY_OTHER
            yield Refusal(cause, f"{waiting.name} of {waiting.who} is {waiting.state.value}", checks.CONFIRMING)

    def _warning(self, apply: Apply) -> str:
        """Say where a value would not go back by itself: what is not known now cannot be compared later."""
        if apply.confirm_within_s is None:
            return ""
        plants = (checks.plant_of(self._plan.amplifiers[each.target.device], self._seen, self._now) for each in apply.changes)
        unknown = sorted({str(point) for plant in plants for point, value in plant.items() if value is None})
        missing = f"; it will NOT go back by itself: {', '.join(unknown)} is not known" if unknown else ""
        return f"confirm within {apply.confirm_within_s:g} s, or it goes back{missing}"


def _denied(apply: Apply | None, event: Event) -> tuple[Refusal, ...]:
    """Return why the table does not take an order now."""
    cell = applies.TABLE[apply.state, event] if apply is not None else Cause.NOT_SELECTED
    if isinstance(cell, State):
        return ()
    stands = f"nothing was applied: {_known(0)}" if apply is None else f"{apply.name} is {apply.state.value}"
    return (Refusal(cell, stands, "look with: show applied; older values are staged with: rollback 1"),)


def _as_before(before: Mapping[PointId, float]) -> Refusal:
    values = ", ".join(f"{target} {value:g}" for target, value in before.items())
    return Refusal(Cause.REACHED, f"all values are as they were then: {values}", "nothing is to be done")


def _known(applies: int) -> str:
    return "1 apply is known that stands" if applies == 1 else f"{applies} applies are known that stand"


def _busy(job: Job) -> Refusal:
    return Refusal(Cause.IN_EXECUTION, f"{job.apply} is being {'reverted' if job.back else 'applied'}", "wait until it is done")
