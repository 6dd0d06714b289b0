"""Who may order what: role, account, authority, the second person, and what is selected already.

Identity and locality are the kernel's word (stationd.console); here only the rules are. An approval moves nothing, so
that it wants no authority: a colleague of the other station may give it, also while the key switch is at local.
"""

from __future__ import annotations

from stationd.core.operation.authority import refusal, said
from stationd.core.operation.case import Case
from stationd.core.operation.look import counted, refused
from stationd.core.operation.orders import LEAST_REASON, REASON_FOR, Person
from stationd.core.operation.task import Bypass, CommandClass, RemoveHold, class_of
from stationd.core.operation.views import Check, OperationView, Phase
from stationd.core.operation.words import Cause, Refusal

GROUPS = {
    CommandClass.READ: "stationd-view",
    CommandClass.NOTE: "stationd-operate",
    CommandClass.SET: "stationd-operate",
    CommandClass.OPERATE: "stationd-operate",
    CommandClass.LETHAL: "stationd-power",
    CommandClass.EMERGENCY: "stationd-operate",
}
_UNDER_WAY = frozenset({Phase.STARTING, Phase.RUNNING})


def reason_refusal(task_class: CommandClass, reason: str) -> Refusal | None:
    """Return why a reason is not enough for a command of this class, or None."""
    length = len(reason.strip())
    if task_class not in REASON_FOR or length >= LEAST_REASON:
        return None
    why = f"the reason has {counted(length, 'character')}"
    return Refusal(Cause.INCONSISTENT, why, f"at least {LEAST_REASON}: why, and perhaps the work order")


def role_checks(who: Person, needed: CommandClass, name: str = "role") -> tuple[Check, ...]:
    """Return whether a person's groups allow commands of a class, and whether the account is that of one person."""
    group = GROUPS[needed]
    if needed in who.classes:
        role = Check(name, f"{who.name} may give commands of class {needed.value}")
    else:
        why = f"{who.name} may not give commands of class {needed.value}{f': {who.doubt}' if who.doubt else ''}"
        role = refused(name, Cause.NO_AUTHORITY, why, f"a person of the group {group} does it")
    if who.identified:
        return (role,)
    why = f"{who.name} is not the account of one person"
    return role, refused("account", Cause.NO_AUTHORITY, why, "log in under your own name")


def authority_check(case: Case, who: Person) -> Check:
    """Return whether a person holds the authority as far as this task needs it; the key switch is read anew."""
    switch = case.plan.key_switch
    local = case.look.truth(switch) if switch is not None else None
    found = refusal(case.evidence.authority, who, class_of(case.task), local, switch is not None)
    read = "" if switch is None else f"; key switch {_switch_word(case)}"
    if found is None:
        return Check("authority", f"authority {said(case.evidence.authority)}{read}")
    return refused("authority", found.cause, f"{found.why}{read}", found.remedy)


def armer_check(case: Case, view: OperationView) -> Check:
    """Return whether who runs an operation still has the authority, and whether the key switch lets them where they are."""
    authority, switch = case.evidence.authority, case.plan.key_switch
    read = "" if switch is None else f"; key switch {_switch_word(case)}"
    if authority.uid != view.armer_uid:
        why = f"the authority is {said(authority)}'s now, not {view.armer}'s{read}"
        return refused("authority", Cause.SWITCHING_HIERARCHY, why, f"{view.armer} gets it back, or its holder takes {view.name} up")
    if switch is not None and not view.armer_local and case.look.truth(switch) is not False:
        why = f"{view.armer} is not at the station{read}"
        return refused("authority", Cause.SWITCHING_HIERARCHY, why, "a person at the station turns the key switch to REMOTE")
    return Check("authority", f"authority {said(authority)}{read}")


def second_person_checks(view: OperationView, who: Person) -> tuple[Check, ...]:
    """Return whether a person may approve: of the class, known by name, and not who armed it."""
    checks = role_checks(who, view.command_class, "role of the second person")
    if who.uid != view.armer_uid:
        return (Check("second person", f"{who.name} is not {view.armer}"), *checks)
    why = f"{who.name} has armed {view.name}"
    other = refused("second person", Cause.SECOND_PERSON, why, f"another person of {GROUPS[view.command_class]} types: approve {view.name}")
    return (other, *checks)


def selection_checks(case: Case, who: Person) -> tuple[Check, ...]:
    """Return whether the object, and what only one operation at a time may touch, is free."""
    found = tuple(check for view in case.evidence.opened if (check := _in_the_way(case, who, view)) is not None)
    return found or (Check("selection", f"no other operation is open on {_segment(case)}"),)


def _in_the_way(case: Case, who: Person, view: OperationView) -> Check | None:
    if isinstance(case.task, RemoveHold | Bypass) or isinstance(view.task, RemoveHold | Bypass):
        same, segment = case.task == view.task or (isinstance(case.task, Bypass) and _same_interlock(case.task, view)), False
    else:
        same, segment = case.object == view.object, case.plan.segment(case.object) == case.plan.segment(view.object)
    if not same and not segment:
        return None
    why = f"{view.name} of {view.armer} on {view.object} is {view.phase.value}"
    if view.phase in _UNDER_WAY:
        return refused("selection", Cause.IN_EXECUTION, why, f"wait until {view.name} has ended, or: hold-ramp {view.name}")
    if not same:
        return refused("selection", Cause.ONE_OF_N, f"{why}; one operation at a time on {_segment(case)}", f"disarm {view.name}, or wait")
    if view.armer_uid == who.uid:
        return refused("selection", Cause.ALREADY_SELECTED, why, f"go on with {view.name}, or: disarm {view.name}")
    return refused("selection", Cause.LOCKED_BY_OTHER, why, f"{view.armer} ends it, or: disarm {view.name}")


def _same_interlock(task: Bypass, view: OperationView) -> bool:
    return isinstance(view.task, Bypass) and view.task.interlock == task.interlock


def _segment(case: Case) -> str:
    return case.object if isinstance(case.task, RemoveHold | Bypass) else case.plan.segment(case.object)


def _switch_word(case: Case) -> str:
    switch = case.plan.key_switch
    assert switch is not None
    local = case.look.truth(switch)
    if local is None:
        return f"not known: {case.look.missing(switch)}"
    return f"{'LOCAL' if local else 'REMOTE'} {case.look.at(switch)}"
