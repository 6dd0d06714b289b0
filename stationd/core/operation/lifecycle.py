"""Orders of people about operations: arm, approve, reject, execute, disarm, hold, prepare, keep alive.

Each function takes the book, the order and the time, and returns what became of it. All reasons that hold are listed; what is
refused changes nothing, but for a second wrong code. The preconditions are stationd.core.operation.checks, looked at anew at
every step; the states are those of stationd.core.operation.machine.
"""

from __future__ import annotations

from collections.abc import Iterable

from stationd.core.operation import denials
from stationd.core.operation.book import Book, person
from stationd.core.operation.checks import approval_checks, arm_checks, open_checks, reason_refusal
from stationd.core.operation.course import News, executor_for, move, second_person_wanted
from stationd.core.operation.dossier import Dossier
from stationd.core.operation.machine import NOT_BEGUN, Event, State, step
from stationd.core.operation.orders import (
    Approve,
    Arm,
    Disarm,
    Execute,
    Hold,
    KeepAlive,
    Person,
    Prepare,
    Reject,
)
from stationd.core.operation.sentences import asked, effect, limits
from stationd.core.operation.task import CommandClass, class_of
from stationd.core.operation.views import Check
from stationd.core.operation.words import Accepted, ActOutcome, Cause, Refusal, Refused

LifecycleOrder = Arm | Approve | Reject | Execute | Disarm | Hold | Prepare | KeepAlive
CANCELLED_BY = "{} has given it up"


def obey(book: Book, order: LifecycleOrder, now: float) -> ActOutcome:
    """Carry out an order about operations, or refuse it."""
    if isinstance(order, Arm):
        return _arm(book, order, now)
    if isinstance(order, Hold) and not order.operation:
        return _hold_all(book, order, now)
    dossier = book.find(order.operation)
    if dossier is None:
        return Refused(asked(order), (denials.unknown_operation(order.operation, book.number),))
    return _about(book, dossier, order, now)


def _about(book: Book, dossier: Dossier, order: LifecycleOrder, now: float) -> ActOutcome:
    match order:
        case Approve():
            reasons = _approve(book, dossier, order, now)
        case Reject():
            reasons = _reject(book, dossier, order, now)
        case Execute():
            reasons = _execute(book, dossier, order, now)
        case Disarm():
            reasons = _disarm(book, dossier, order, now)
        case Prepare():
            reasons = _prepare(book, dossier, order, now)
        case KeepAlive():
            reasons = _keep_alive(dossier, order, now)
        case Hold():
            reasons = _hold(book, dossier, order, now)
        case Arm():
            reasons = ()
    return Refused(asked(order), tuple(reasons)) if reasons else Accepted((dossier.name,))


def bad(checks: Iterable[Check]) -> tuple[Refusal, ...]:
    """Return what stands in the way."""
    return tuple(check.refusal for check in checks if check.refusal is not None)


# Select.


def _arm(book: Book, order: Arm, now: float) -> ActOutcome:
    checks = arm_checks(book.plan, book.evidence(now), order.who, order.object, order.task, now)
    reasons = [*bad(checks), *_own_reasons(book, order, now)]
    if reasons:
        book.seek(order.object, now)
        return Refused(asked(order), tuple(reasons))
    dossier = _selected(book, order, checks, now)
    book.opened[dossier.name] = dossier
    event = Event.ARM_FOR_TWO if dossier.command_class is CommandClass.LETHAL else Event.ARM
    move(book, dossier, News(event, "", who=order.who.name), now)
    return Accepted((dossier.name,))


def _own_reasons(book: Book, order: Arm, now: float) -> list[Refusal]:
    reason = reason_refusal(class_of(order.task), order.reason)
    return [*([reason] if reason is not None else []), *_unanswered(book, order.object, now)]


def _unanswered(book: Book, name: str, now: float) -> tuple[Refusal, ...]:
    """Return that a write to this unit is still waited for."""
    waits = book.unanswered(name, now)
    return () if waits is None else (denials.under_way(str(waits[0]), waits[1], now),)


def _selected(book: Book, order: Arm, checks: tuple[Check, ...], now: float) -> Dossier:
    """Freeze what was asked for: from here on no parameter is given again."""
    return Dossier(
        name=book.next_name(),
        object=order.object,
        task=order.task,
        command_class=class_of(order.task),
        state=State.NONE,
        since_t=now,
        armed_t=now,
        armer=order.who,
        reason=order.reason.strip(),
        effect=effect(book.plan, book.evidence(now), order.object, order.task, now),
        limits=limits(book.plan, book.evidence(now), order.object, order.task, now),
        checks=checks,
        code=order.code,
    )


# A second person.


def _approve(book: Book, dossier: Dossier, order: Approve, now: float) -> tuple[Refusal, ...]:
    cell = step(dossier.state, Event.APPROVED)
    if isinstance(cell, Cause):
        return (denials.denied(dossier, cell, now),)
    evidence, view = book.evidence(now), book.view(dossier, now)
    reasons = bad(approval_checks(book.plan, evidence, view, order.who, now))
    reasons += tuple(each for each in bad(open_checks(book.plan, evidence, view, dossier.armer, now)) if each not in reasons)
    if reasons:
        return reasons
    dossier.approver, dossier.approver_uid, dossier.approved_anew = order.who.name, order.who.uid, True
    move(book, dossier, News(Event.APPROVED, "", who=order.who.name, document={"approved_by": person(order.who)}), now)
    return ()


def _reject(book: Book, dossier: Dossier, order: Reject, now: float) -> tuple[Refusal, ...]:
    if not _may(order.who, dossier):
        return (denials.not_allowed(order.who, f"reject {dossier.name}", _role(dossier)),)
    why = f"{order.who.name} does not agree" + (f": {order.why.strip()}" if order.why.strip() else "")
    cause = move(book, dossier, News(Event.REJECTED, why, Cause.CANCELLED, order.who.name, document=person(order.who)), now)
    return (denials.denied(dossier, cause, now),) if cause is not None else ()


def _may(who: Person, dossier: Dossier) -> bool:
    return dossier.command_class in who.classes and who.identified


def _role(dossier: Dossier) -> str:
    return "stationd-power" if dossier.command_class is CommandClass.LETHAL else "stationd-operate"


# Operate.


def _execute(book: Book, dossier: Dossier, order: Execute, now: float) -> tuple[Refusal, ...]:
    cell = step(dossier.state, Event.EXECUTED)
    if isinstance(cell, Cause):
        return (denials.denied(dossier, cell, now),)
    if order.who.uid != dossier.armer.uid:
        return (denials.not_the_armer(dossier, order.who.name),)
    checks = open_checks(book.plan, book.evidence(now), book.view(dossier, now), order.who, now)
    reasons = (*bad(checks), *_unanswered(book, dossier.object, now))
    if reasons:
        return reasons
    if not dossier.code or order.code.strip().upper() != dossier.code.upper():
        return _mistype(book, dossier, order, now)
    _begin(book, dossier, order, now)
    return ()


def _mistype(book: Book, dossier: Dossier, order: Execute, now: float) -> tuple[Refusal, ...]:
    why = News(Event.WRONG_CODE, "a wrong code was typed twice", Cause.INCONSISTENT, order.who.name)
    move(book, dossier, why, now)
    return (denials.wrong_code(dossier, now),)


def _begin(book: Book, dossier: Dossier, order: Execute, now: float) -> None:
    """Announce it. Nothing is sent before the announcement is on the disk."""
    dossier.armer, dossier.kept_alive_t, dossier.code = order.who, now, ""
    if not dossier.began:
        dossier.executor = executor_for(book, dossier.object, dossier.task)
    move(book, dossier, News(Event.EXECUTED, "", who=order.who.name), now)


def _keep_alive(dossier: Dossier, order: KeepAlive, now: float) -> tuple[Refusal, ...]:
    if dossier.state is State.CLOSED:
        return (denials.denied(dossier, Cause.NOT_SELECTED, now),)
    if order.who.session != dossier.armer.session or order.who.uid != dossier.armer.uid:
        return (denials.wrong_session(dossier),)
    dossier.kept_alive_t = now
    return ()


# Stop, give up, go on.


def _hold_all(book: Book, order: Hold, now: float) -> ActOutcome:
    if CommandClass.NOTE not in order.who.classes:
        return Refused(asked(order), (denials.not_allowed(order.who, "hold an operation", "stationd-operate"),))
    stopping = [each for each in book.opened.values() if each.state not in NOT_BEGUN and each.state is not State.HELD]
    for each in stopping:
        move(book, each, _wanted_hold(order), now)
    return Accepted(tuple(each.name for each in stopping), "" if stopping else "nothing is running")


def _hold(book: Book, dossier: Dossier, order: Hold, now: float) -> tuple[Refusal, ...]:
    if CommandClass.NOTE not in order.who.classes:
        return (denials.not_allowed(order.who, "hold an operation", "stationd-operate"),)
    cause = move(book, dossier, _wanted_hold(order), now)
    return (denials.nothing_runs(dossier, now),) if cause is not None else ()


def _wanted_hold(order: Hold) -> News:
    return News(Event.HOLD, f"{order.who.name} holds it", Cause.CANCELLED, order.who.name, document=person(order.who))


def _disarm(book: Book, dossier: Dossier, order: Disarm, now: float) -> tuple[Refusal, ...]:
    if order.who.uid != dossier.armer.uid and not _may(order.who, dossier):
        return (denials.not_allowed(order.who, f"disarm {dossier.name}", _role(dossier)),)
    why = News(Event.DISARMED, CANCELLED_BY.format(order.who.name), Cause.CANCELLED, order.who.name, document=person(order.who))
    cause = move(book, dossier, why, now)
    return (denials.denied(dossier, cause, now),) if cause is not None else ()


def _prepare(book: Book, dossier: Dossier, order: Prepare, now: float) -> tuple[Refusal, ...]:
    cell = step(dossier.state, Event.PREPARED)
    if isinstance(cell, Cause):
        return (denials.denied(dossier, cell, now),)
    if dossier.executor is None or dossier.executor.upward(order.way) is None:
        return (denials.no_way(dossier, order.way),)
    reasons = _way_reasons(book, dossier, order, now)
    if reasons:
        return reasons
    two = second_person_wanted(dossier, order.who, order.way, now)
    _offer(dossier, order, two)
    dossier.effect = effect(book.plan, book.evidence(now), dossier.object, dossier.task, now, order.way)
    event = Event.PREPARED_FOR_TWO if two else Event.PREPARED
    move(book, dossier, News(event, "", who=order.who.name), now)
    return ()


def _way_reasons(book: Book, dossier: Dossier, order: Prepare, now: float) -> tuple[Refusal, ...]:
    """Return what stands in the way of going on that way; the offer of before is not changed by asking."""
    before, dossier.offered = dossier.offered, order.way
    checks = open_checks(book.plan, book.evidence(now), book.view(dossier, now), order.who, now)
    dossier.offered = before
    reasons = (*bad(checks), *_unanswered(book, dossier.object, now))
    if not reasons:
        dossier.checks = checks
    return reasons


def _offer(dossier: Dossier, order: Prepare, two: bool) -> None:
    """Let who prepares it count as the armer; whoever approved it before has approved the way of before only."""
    dossier.armer, dossier.offered, dossier.code, dossier.approved_anew = order.who, order.way, order.code, False
    if two:
        dossier.approver, dossier.approver_uid = "", None
