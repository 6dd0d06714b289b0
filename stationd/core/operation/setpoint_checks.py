"""Why a set value may not be changed now: one function for each thing that is looked at, each with the live value in its sentence.

Set values are class 2: one person of the operating group who holds the authority, a reason, small steps, and a unit that does not
protect itself. Operations (class 3 and 4) have preconditions of their own, in stationd.core.operation.checks. Missing data is never
good. What a person looks at before applying may be as old as any value that is not stale (30 s, where drivers read set values every
10 s); what is looked at in the moment of writing is 2 s old at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite

from stationd.core.amplifier.guard import Guard, protecting
from stationd.core.amplifier.look import KNOWN_S, acts, newest, number
from stationd.core.amplifier.look import unseen as unseen_protection
from stationd.core.amplifier.words import AmplifierPlan, SetValue
from stationd.core.model import PointId, Value
from stationd.core.operation import authority, holds
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.interlock_checks import audit_check
from stationd.core.operation.look import ago, counted
from stationd.core.operation.orders import LEAST_REASON, Person
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import CommandClass
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Cause, Refusal
from stationd.core.powerfeed.words import Seen

SAME_SHARE = 0.02  # of the largest step: what two readings of one set value may differ by and still be the same (assumption)
LEAST_CONFIRM_S, LONGEST_CONFIRM_S = 10.0, 86400.0  # assumption: time to look at the effect, and no trial for longer than a day
CONFIRMING = 'confirm it with: confirm; or take it back with: revert reason "..."'


def amplifier_of(plan: ActingPlan, target: PointId) -> AmplifierPlan | None:
    """Return the amplifier that a set value belongs to."""
    return plan.amplifiers.get(target.device)


def value_of(plan: ActingPlan, target: PointId) -> SetValue | None:
    """Return what the file says of a set value; None where there is no such."""
    amplifier = amplifier_of(plan, target)
    values = amplifier.set_values.values() if amplifier is not None else ()
    return next((each for each in values if each.target == target), None)


def same(value: SetValue, one: float, other: float) -> bool:
    """Return whether two numbers of a set value are the same as far as its unit can show."""
    return abs(one - other) <= SAME_SHARE * value.largest_step


def known(seen: Seen, target: PointId, now: float) -> float | None:
    """Return the newest good number that is not stale."""
    return number(seen, target, now, KNOWN_S)


def told(value: SetValue, shown: float) -> str:
    """Return a number with its unit."""
    return f"{shown:g} {value.unit}".rstrip()


def person(who: Person) -> Iterator[Refusal]:
    """Refuse who may only look or note."""
    if CommandClass.SET not in who.classes:
        yield Refusal(Cause.NO_AUTHORITY, f"{who.name} may not change set values", "a person of the group stationd-operate does it")


def writable(plan: ActingPlan) -> Iterator[Refusal]:
    """Refuse on a station that reads only."""
    if plan.read_only:
        why = f"{plan.title or plan.station} is a read-only station: nothing can be sent from here"
        yield Refusal(Cause.MODE, why, "read_only = false in its file")


def held_authority(plan: ActingPlan, evidence: Evidence, who: Person) -> Iterator[Refusal]:
    """Refuse who does not hold the authority, or whom the key switch keeps out."""
    view = evidence.authority
    refusal = authority.refusal(view, who, CommandClass.SET, view.key_switch, plan.key_switch is not None)
    if refusal is not None:
        yield refusal


def audit(evidence: Evidence, now: float) -> Iterator[Refusal]:
    """Refuse what could not be recorded."""
    check = audit_check(evidence, now)
    if check.refusal is not None:
        yield check.refusal


def reason_given(reason: str) -> Iterator[Refusal]:
    """Refuse an act without a reason."""
    length = len(reason.strip())
    if length < LEAST_REASON:
        why = f"the reason has {counted(length, 'character')}"
        yield Refusal(Cause.INCONSISTENT, why, f"at least {LEAST_REASON}: why, and who asked for it")


def confirm_time(within_s: float | None) -> Iterator[Refusal]:
    """Refuse a time to confirm that is too short for people, or too long for anybody to remember."""
    if within_s is not None and not LEAST_CONFIRM_S <= within_s <= LONGEST_CONFIRM_S:
        yield Refusal(Cause.STEP_LIMIT, f"confirm within {within_s:g} s", f"{LEAST_CONFIRM_S:g} s to {LONGEST_CONFIRM_S / 3600:g} h")


def kept_free(plan: ActingPlan, evidence: Evidence, device: str, now: float) -> Iterator[Refusal]:
    """Refuse while a person holds the unit, here or where its light goes to, or an operation has reserved its fibre pair."""
    for hold in holds.covering(evidence.holds, device, plan):
        yield Refusal(Cause.HOLD, holds.shown(hold, now), holds.remover(hold))
    amplifier, far = plan.amplifiers.get(device), evidence.seen.far
    if amplifier is not None and amplifier.fibre_pair is not None and far is not None:
        title = plan.far_title or "the far station"
        for told_hold in far.holds:
            yield Refusal(Cause.HOLD, f"{title} holds: {told_hold} ({ago(far.t, now)})", f"it is removed at {title}")
    for each in evidence.opened:
        if each.phase is not Phase.CLOSED and plan.segment(each.object) == plan.segment(device):
            why = f"{each.name} of {each.armer} is {each.phase.value} on {each.object}"
            yield Refusal(Cause.ONE_OF_N, why, f"wait until {each.name} is over")


def unprotected(amplifier: AmplifierPlan, guard: Guard, seen: Seen, now: float) -> Iterator[Refusal]:
    """Refuse while the unit's own protection has the say: in its readings, or since it is about to start again by itself."""
    if acts(amplifier, seen, now):
        why = f"{amplifier.device}: {protecting(amplifier, seen, now)}"
        yield Refusal(Cause.PROCESS, why, "it starts again by itself when light is back; nothing is set meanwhile")
    elif guard.protecting:
        why = f"{amplifier.device} is {guard.state.value} since {ago(guard.since_t, now).removesuffix(' ago')}"
        yield Refusal(Cause.PROCESS, why, f"wait: it takes up to {guard.restart_after_s or 0:g} s to start again by itself")


def seen_well(amplifier: AmplifierPlan, target: PointId, seen: Seen, now: float, within_s: float) -> Iterator[Refusal]:
    """Refuse where the value, or whether the unit protects itself, is not known."""
    blind = unseen_protection(amplifier, seen, now, within_s)
    if blind is not None:
        yield Refusal(Cause.HEALTH, f"{blind} is not known{_last(seen, blind, now)}", "it must be read twice: try again in a few seconds")
    if newest(seen, target, now, within_s) is None or known(seen, target, now) is None:
        yield Refusal(Cause.HEALTH, f"{target} is not known{_last(seen, target, now)}", "the unit must answer; look with: show status")


def within_limits(value: SetValue, wanted: float, now_is: float | None) -> Iterator[Refusal]:
    """Refuse what the file or the unit does not allow. One that is outside already may come nearer, a step at a time."""
    if not isfinite(wanted) or not (value.low <= wanted <= value.high or _nearer(value, wanted, now_is)):
        span = f"{value.low:g} to {told(value, value.high)}"
        yield Refusal(Cause.STEP_LIMIT, f"{value.target} {told(value, wanted)} is outside {span}", f"a value from {span}")


def _nearer(value: SetValue, wanted: float, now_is: float | None) -> bool:
    return now_is is not None and (now_is < wanted < value.low or value.high < wanted < now_is)


def one_step(value: SetValue, now_is: float, wanted: float) -> Iterator[Refusal]:
    """Refuse a change that is larger than one apply may make."""
    if abs(wanted - now_is) > value.largest_step * (1 + 1e-9):
        why = f"{value.target} is {told(value, now_is)}: to {told(value, wanted)} is more than {told(value, value.largest_step)}"
        yield Refusal(Cause.STEP_LIMIT, why, f"in steps of {told(value, value.largest_step)} at most, each looked at")


def unmoved(value: SetValue, now_is: float, expected: float) -> Iterator[Refusal]:
    """Refuse where the unit shows something else than what this change was made from."""
    if not same(value, now_is, expected):
        why = f"{value.target} is {told(value, now_is)} now, not {told(value, expected)}: somebody changed it since"
        yield Refusal(Cause.INCONSISTENT, why, "look at it, then stage it anew")


def plant_of(amplifier: AmplifierPlan, seen: Seen, now: float) -> dict[PointId, Value | None]:
    """Return how a unit is switched and what it reports; None for what is not known."""
    points = (amplifier.pump_on, amplifier.mode, amplifier.lost, *amplifier.reduced, amplifier.fault)
    found = {point: newest(seen, point, now, KNOWN_S) for point in points if point is not None}
    return {point: reading.value if reading is not None else None for point, reading in found.items()}


def as_it_was(before: Iterable[tuple[PointId, Value | None]], device: str, seen: Seen, now: float) -> Iterator[Refusal]:
    """Refuse where the unit is not as it was, or where that cannot be told."""
    for point, was in before:
        reading = newest(seen, point, now, KNOWN_S) if point.device == device else None
        if point.device == device and (was is None or reading is None or reading.value != was):
            now_is = _word(reading.value) if reading is not None else "not known"
            yield Refusal(Cause.PROCESS, f"{point} is {now_is} now and was {_word(was)} when it was applied", "a person decides")


def _word(value: Value | None) -> str:
    match value:
        case None:
            return "not known"
        case bool():
            return "on" if value else "off"
        case _:
            return str(value)


def _last(seen: Seen, point: PointId, now: float) -> str:
    readings = seen.readings.get(point, ())
    return f", last heard of {ago(readings[-1].t, now)}" if readings else ": it was never read"
