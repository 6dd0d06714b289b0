"""What an amplifier must show before its pumps are switched or its mode is changed.

The unit's own protection (shut-down after loss of light, power reduction) is supervised and never
defeated, so that nothing is switched on while it acts. Pumps of the watt class (Raman, remote amplifier) want their interlock closed,
or hardware that says so, and a return loss that is measured, fresh and good. Switching off is asked for less.
"""

from __future__ import annotations

from stationd.core.amplifier.guard import protecting
from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.operation.case import Case, lowers
from stationd.core.operation.far_checks import far_hold_checks, far_silence, far_title, fresh_far
from stationd.core.operation.interlock_checks import hold_checks, interlock_checks
from stationd.core.operation.look import NO_FAULT, Wanted, contact, number, refused, unknown
from stationd.core.operation.task import AmplifierTask, Pump, SetMode
from stationd.core.operation.views import Check
from stationd.core.operation.words import Cause


def amplifier_ability(plan: AmplifierPlan, task: AmplifierTask) -> tuple[Check, ...]:
    """Return why a unit cannot do a task at all; empty where it can."""
    lacks = _lacks(plan, task)
    return (refused("task", Cause.MODE, f"{plan.device} {lacks}", "it is done at the unit itself"),) if lacks else ()


def _lacks(plan: AmplifierPlan, task: AmplifierTask) -> str:
    match task:
        case Pump() if plan.pump_on is None or not plan.pump_writable:
            return "has no pump switch that can be written"
        case SetMode() if plan.mode is None or not plan.mode_writable:
            return "has no mode that can be written"
        case SetMode(mode) if mode not in plan.modes:
            return f"has no mode {mode!r}; it has: {', '.join(plan.modes) or 'none'}"
        case _:
            return ""


def amplifier_protective(case: Case, plan: AmplifierPlan) -> tuple[Check, ...]:
    """Return holds, permissives and, for pumps of the watt class, the return loss."""
    checks = hold_checks(case, (plan.device,))
    if lowers(case):
        return checks
    return (
        *checks,
        *_far_holds(case, plan),
        *interlock_checks(case, plan.interlocks, plan.interlocks_reason, needed=plan.raman),
        *return_loss_checks(case, plan),
    )


def _far_holds(case: Case, plan: AmplifierPlan) -> tuple[Check, ...]:
    """Return the holds of the far station: light goes there. The watt class is not switched on without its word, where it has one."""
    expected = any(feed.far_expected for feed in case.plan.feeds.values())
    if plan.fibre_pair is None or not (expected or case.evidence.seen.far is not None):
        return ()
    title, far = far_title(case), fresh_far(case)
    if far is not None and far.shares:
        return far_hold_checks(case, far, title)
    if not plan.raman:
        return ()
    why = f"the holds of {title} are not known: {far_silence(case) if far is None else 'it does not share them'}"
    return (refused("far hold", Cause.HEALTH, why, "call them; look at the link with: show line"),)


def return_loss_checks(case: Case, plan: AmplifierPlan) -> tuple[Check, ...]:
    """Return whether light of the watt class would stay in the fibre: its return loss is known and large enough."""
    if not plan.raman:
        return ()
    point, name = plan.return_loss_db, "return loss"
    if point is None:
        why = f"{plan.device} does not measure its return loss, and its light is of the watt class"
        return (refused(name, Cause.INTERLOCKING, why, "it is switched on at the unit itself, after a measurement by hand"),)
    value = case.look.number(point)
    if value is None:
        return (unknown(name, case.look, point),)
    shown = f"{name} {case.look.shown(point, 'dB')}, at least {number(plan.least_return_loss_db)} dB"
    if value >= plan.least_return_loss_db:
        return (Check(name, shown),)
    return (refused(name, Cause.INTERLOCKING, shown, "an open or dirty connector sends the light back: look at the fibre"),)


def amplifier_process(case: Case, plan: AmplifierPlan) -> tuple[Check, ...]:
    """Return faults, the unit's own protection, and whether it stands already where the task would put it."""
    already = _already(case, plan) if case.begins else ()
    if lowers(case):
        return already
    fault = () if plan.fault is None else (contact(case.look, plan.fault, NO_FAULT),)
    return (*fault, _protection(case, plan), *already)


def _protection(case: Case, plan: AmplifierPlan) -> Check:
    acts = protecting(plan, case.evidence.seen, case.now)
    if acts is None:
        return Check("protection", f"the protection of {plan.device} itself does not act")
    remedy = "the unit restarts by itself when light is back; forcing it would defeat its shut-down"
    return refused("protection", Cause.PROCESS, f"{plan.device}: {acts}", remedy)


def _already(case: Case, plan: AmplifierPlan) -> tuple[Check, ...]:
    match case.task:
        case Pump(on) if plan.pump_on is not None:
            wanted = Wanted(f"pumps of {plan.device}", not on, "ON", "OFF", Cause.REACHED, "nothing is to be done")
            return (contact(case.look, plan.pump_on, wanted),)
        case SetMode(mode) if plan.mode is not None:
            return (_other_mode(case, plan, mode),)
        case _:
            return ()


def _other_mode(case: Case, plan: AmplifierPlan, mode: str) -> Check:
    assert plan.mode is not None
    reads = case.look.word(plan.mode)
    if reads is None:
        return unknown("mode", case.look, plan.mode)
    shown = f"mode {reads} {case.look.at(plan.mode)}"
    return refused("mode", Cause.REACHED, shown, "nothing is to be done") if reads == mode else Check("mode", shown)
