"""The preconditions of an operation, good and bad, the gravest first. They only look, at one moment, and decide nothing else.

Gravity: what can never be (read only, a unit that cannot), who asks, what protects people (holds, permissives), what the plant does,
what is known (readings, far end, audit), who has the authority, what is selected, limits. Missing data is never good.
The same are asked again at every step: `arm_checks` at the arming, `open_checks` and `approval_checks` until the start and before
a held operation goes on, `running_checks` while it runs. Downward tasks are not kept from going by open permissives (see `case`).
"""

from __future__ import annotations

from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.operation.amplifier_checks import amplifier_ability, amplifier_process, amplifier_protective
from stationd.core.operation.bounds import bounds_checks
from stationd.core.operation.case import Case, lowers, opening, running
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.far_checks import far_health
from stationd.core.operation.feed_checks import (
    feed_ability,
    feed_health,
    feed_process,
    feed_protective,
    raising_checks,
    remote_check,
)
from stationd.core.operation.interlock_checks import audit_check, hold_checks
from stationd.core.operation.look import minutes, refused, span
from stationd.core.operation.orders import Person
from stationd.core.operation.person_checks import (
    armer_check,
    authority_check,
    reason_refusal,
    role_checks,
    second_person_checks,
    selection_checks,
)
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import AmplifierTask, Bypass, DeskTask, FeedTask, RemoveHold, Task, class_of
from stationd.core.operation.views import Check, OperationView
from stationd.core.operation.words import Cause
from stationd.core.powerfeed.words import FeedPlan

__all__ = ["approval_checks", "arm_checks", "open_checks", "reason_refusal", "running_checks"]


def arm_checks(plan: ActingPlan, evidence: Evidence, who: Person, object: str, task: Task, now: float) -> tuple[Check, ...]:
    """Return everything that is asked when an object is selected for a task. `now` in monotonic seconds."""
    case = Case(plan, evidence, object, task, now)
    return _all(case, role_checks(who, class_of(task)), (authority_check(case, who), *selection_checks(case, who)))


def open_checks(plan: ActingPlan, evidence: Evidence, view: OperationView, who: Person, now: float) -> tuple[Check, ...]:
    """Return everything that is asked of an operation before it starts or goes on; `who` is the armer, or who takes it up again.

    Of a held one, `view.offered` says which way it is to go.
    """
    case = opening(plan, evidence, view, now)
    return _all(case, role_checks(who, view.command_class), (authority_check(case, who),))


def approval_checks(plan: ActingPlan, evidence: Evidence, view: OperationView, who: Person, now: float) -> tuple[Check, ...]:
    """Return everything that is asked when a second person approves; `who` is that person, who needs no authority."""
    return _all(opening(plan, evidence, view, now), second_person_checks(view, who), ())


def running_checks(plan: ActingPlan, evidence: Evidence, view: OperationView, now: float) -> tuple[Check, ...]:
    """Return what must stay good while it runs, else it holds; `view.offered` is the way that it goes. The rest is the executor's."""
    case = running(plan, evidence, view, now)
    feed, amplifier = plan.feeds.get(view.object), plan.amplifiers.get(view.object)
    if feed is not None and isinstance(view.task, FeedTask):
        remote = remote_check(case, feed)
        kept = () if lowers(case) else (*raising_checks(case, feed), audit_check(case.evidence, case.now))
        return (*feed_protective(case, feed), *feed_process(case, feed), *far_health(case, feed), *kept, remote, armer_check(case, view))
    if amplifier is not None and isinstance(view.task, AmplifierTask):
        return (*amplifier_protective(case, amplifier), armer_check(case, view))
    return ()


def _all(case: Case, person: tuple[Check, ...], order: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return the checks of the person, of the plant and of the order, the gravest first. What cannot be is not looked at any further."""
    first = (_writable(case), *_ability(case), *person)
    if any(check.refusal is not None and check.refusal.cause is Cause.MODE for check in _ability(case)):
        return first
    feed, amplifier = case.plan.feeds.get(case.object), case.plan.amplifiers.get(case.object)
    if feed is not None and isinstance(case.task, FeedTask):
        return (*first, *_of_feed(case, feed, order))
    if amplifier is not None and isinstance(case.task, AmplifierTask):
        return (*first, *_of_amplifier(case, amplifier, order))
    return (*first, *_of_desk(case), audit_check(case.evidence, case.now), *order)


def _of_feed(case: Case, feed: FeedPlan, order: tuple[Check, ...]) -> tuple[Check, ...]:
    return (
        *feed_protective(case, feed),
        *feed_process(case, feed),
        *_applying(case),
        *feed_health(case, feed),
        audit_check(case.evidence, case.now),
        remote_check(case, feed),
        *order,
        *bounds_checks(case, feed),
        *_alarms(case),
    )


def _of_amplifier(case: Case, amplifier: AmplifierPlan, order: tuple[Check, ...]) -> tuple[Check, ...]:
    protective, process = amplifier_protective(case, amplifier), amplifier_process(case, amplifier)
    return (*protective, *process, *_applying(case), audit_check(case.evidence, case.now), *order, *_alarms(case))


def _of_desk(case: Case) -> tuple[Check, ...]:
    match case.task:
        case Bypass(interlock, for_s):
            devices = case.plan.interlocks().get(interlock, ())
            return (*hold_checks(case, devices), *_not_bypassed(case, case.task), _bypass_length(case, for_s))
        case _:
            return ()


def _writable(case: Case) -> Check:
    if not case.plan.read_only:
        return Check("read only", f"{case.plan.title or case.plan.station} may send orders to its units")
    why = f"{case.plan.title or case.plan.station} is read only: nothing is sent to any unit"
    return refused("read only", Cause.MODE, why, "act at the units; read_only stands in the station's file")


def _ability(case: Case) -> tuple[Check, ...]:
    match case.task:
        case RemoveHold() | Bypass():
            return _desk_ability(case, case.task)
        case _:
            return _unit_ability(case, case.task)


def _unit_ability(case: Case, task: FeedTask | AmplifierTask) -> tuple[Check, ...]:
    feed, amplifier = case.plan.feeds.get(case.object), case.plan.amplifiers.get(case.object)
    if isinstance(task, FeedTask):
        return feed_ability(feed, task) if feed is not None else (_unknown(case, "power feed", sorted(case.plan.feeds)),)
    return amplifier_ability(amplifier, task) if amplifier is not None else (_unknown(case, "amplifier", sorted(case.plan.amplifiers)),)


def _desk_ability(case: Case, task: DeskTask) -> tuple[Check, ...]:
    match task:
        case RemoveHold(hold):
            there = [each.name for each in case.evidence.holds]
            return () if hold in there else (_unknown(case, "hold", there, hold),)
        case Bypass(interlock):
            known = [str(point) for point in case.plan.interlocks()]
            return () if str(interlock) in known else (_unknown(case, "interlock", known, str(interlock)),)


def _unknown(case: Case, kind: str, there: list[str], name: str = "") -> Check:
    why = f"{name or case.object} is no {kind} of this station"
    return refused("object", Cause.MODE, why, f"one of: {', '.join(there)}" if there else "there is none")


def _applying(case: Case) -> tuple[Check, ...]:
    segment = case.plan.segment(case.object)
    units = sorted(each for each in case.evidence.applying if case.plan.segment(each) == segment)
    if not units:
        return ()
    why = f"set values are being sent to {', '.join(units)}"
    return (refused("set values", Cause.PROCESS, why, "wait until they are applied: show diff"),)


def _alarms(case: Case) -> tuple[Check, ...]:
    """Return the critical alarms that stand: no bar, since a line that is down is one, but to be read before anybody acts."""
    standing = sorted(case.evidence.critical)
    return (Check("alarms", f"critical alarms that stand: {', '.join(standing)}"),) if standing else ()


def _not_bypassed(case: Case, task: Bypass) -> tuple[Check, ...]:
    until_t = case.evidence.bypassed.get(task.interlock)
    if until_t is None or case.now >= until_t:
        return ()
    why = f"{task.interlock} is bypassed already, for another {span(until_t - case.now)}"
    return (refused("bypass", Cause.REACHED, why, "it ends by itself; arm it anew then"),)


def _bypass_length(case: Case, for_s: float) -> Check:
    longest_s = case.plan.longest_bypass_s
    shown = f"for {minutes(for_s)} min, limit {minutes(longest_s)} min"
    if 0 < for_s <= longest_s:
        return Check("length", shown)
    return refused("length", Cause.STEP_LIMIT, shown, f"more than 0 and at most {minutes(longest_s)} min")
