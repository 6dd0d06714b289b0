"""What people may order: checks, sentences of refusal, and the doing. Pure. Every outcome is a value.

How long an alarm may be hidden stands in stationd.core.alarm.shelving; a major one is never shelved one-shot, and out of service
goes one only by two persons. A reason has at least 8 characters.
"""

from __future__ import annotations

from stationd.core.alarm.ledger import By, Due, Ledger
from stationd.core.alarm.machine import Denial, Event
from stationd.core.alarm.shelving import LONGEST_OUTAGE_S, longest_shelf_s
from stationd.core.alarm.standing import Standing
from stationd.core.alarm.type import AlarmKey, AlarmType, Severity
from stationd.core.alarm.words import (
    Acknowledge,
    AddNote,
    Done,
    Order,
    Outage,
    Outcome,
    Refusal,
    Refused,
    Reset,
    ReturnToService,
    Seen,
    Shelf,
    Shelve,
    TakeOutOfService,
    Target,
    Unshelve,
)

REASON_CHARACTERS = 8
NOT_LATCHED = "not-latched"


def obey(ledger: Ledger, order: Order, now: float) -> tuple[Outcome, ...]:
    """Carry out an order at `now`; return one outcome for each alarm that it names. A refusal has changed nothing."""
    if isinstance(order, Acknowledge):
        return tuple(_acknowledge(ledger, order, each, now) for each in order.targets)
    alarm = ledger.standings.get(order.key)
    if alarm is None:
        return (_no_such_alarm(order.key),)
    match order:
        case Reset():
            return (_reset(ledger, alarm, order, now),)
        case Shelve():
            return (_shelve(ledger, alarm, order, now),)
        case Unshelve(_, who, note):
            ledger.unshelve(alarm, now, By(who, note))
        case TakeOutOfService():
            return (_out_of_service(ledger, alarm, order, now),)
        case ReturnToService(_, who, note):
            _return(ledger, alarm, By(who, note), now)
        case AddNote():
            return (_note(ledger, alarm, order, now),)
    return (_done(alarm),)


def _acknowledge(ledger: Ledger, order: Acknowledge, target: Target, now: float) -> Outcome:
    """Acknowledge one alarm; again is no mistake, but something else than what stands there is."""
    alarm = ledger.standings.get(target.key)
    if alarm is None:
        return _no_such_alarm(target.key)
    if target.occurrence is not None and target.occurrence != alarm.occurrence:
        return _occurrence_passed(target.key, target.occurrence, alarm.occurrence)
    was_seen, told_t = alarm.flags.acked, alarm.told_t
    denial = ledger.apply(alarm, Event.ACK, now, By(order.who, order.note))
    if denial is not None:
        return _denied(alarm, denial)
    if not was_seen:
        alarm.worst, alarm.seen = alarm.severity, Seen(order.who, order.note, now)
        ledger.flood.acknowledged(max(now - (alarm.onset if told_t is None else told_t), 0.0))
    return _done(alarm)


def _reset(ledger: Ledger, alarm: Standing, order: Reset, now: float) -> Outcome:
    refused = _reason(order.key, order.note)
    if refused is not None:
        return refused
    if not (alarm.flags.latched or alarm.flags.active or alarm.flags.hidden):
        detail = f"{order.key} is not latched: its state is {alarm.letter.value}, and there is nothing to reset"
        return Refused(order.key, Refusal.REFUSED, NOT_LATCHED, detail, "look at what stands: show alarms")
    denial = ledger.apply(alarm, Event.RESET, now, By(order.who, order.note))
    return _done(alarm) if denial is None else _denied(alarm, denial)


def _shelve(ledger: Ledger, alarm: Standing, order: Shelve, now: float) -> Outcome:
    if alarm.flags.out_of_service:
        return _denied(alarm, Denial.OUT_OF_SERVICE)
    refused = check_shelve(order, alarm.rule.type, alarm.gravest)
    if refused is not None:
        return refused
    until = now + order.seconds
    until_utc = None if order.utc is None else order.utc + order.seconds
    alarm.shelf = Shelf(until, order.who, order.reason.strip(), order.one_shot, until_utc, used=alarm.flags.active)
    ledger.time_shelf(alarm, now)
    ledger.apply(alarm, Event.SHELVE, now, By(order.who, order.reason.strip()))
    ledger.weigh(alarm, now)
    return _done(alarm, until)


def _out_of_service(ledger: Ledger, alarm: Standing, order: TakeOutOfService, now: float) -> Outcome:
    refused = check_out_of_service(order)
    if refused is not None:
        return refused
    review = now + order.review_in_s
    review_utc = None if order.utc is None else order.utc + order.review_in_s
    alarm.shelf = None
    alarm.outage = Outage(review, order.who, order.second, order.reason.strip(), review_utc)
    ledger.timers.set((Due.SHELF, alarm.key), None)
    ledger.timers.set((Due.SHELF_WARNING, alarm.key), None)
    ledger.timers.set((Due.REVIEW, alarm.key), review)
    ledger.apply(alarm, Event.OUT_OF_SERVICE, now, By(f"{order.who} and {order.second}", order.reason.strip()))
    ledger.weigh(alarm, now)
    return _done(alarm, review)


def _return(ledger: Ledger, alarm: Standing, by: By, now: float) -> None:
    alarm.outage = None
    ledger.timers.set((Due.REVIEW, alarm.key), None)
    ledger.apply(alarm, Event.RETURN, now, by)
    ledger.weigh(alarm, now)


def _note(ledger: Ledger, alarm: Standing, order: AddNote, now: float) -> Outcome:
    if not order.text.strip():
        hint = "write what is to be known"
        return Refused(order.key, Refusal.REASON_REQUIRED, "reason-required", "the note is empty", hint, 1)
    ledger.note(alarm, now, By(order.who, order.text.strip()))
    return _done(alarm)


def _done(alarm: Standing, until: float | None = None) -> Done:
    return Done(alarm.key, alarm.letter, alarm.occurrence, until)


def _no_such_alarm(key: AlarmKey) -> Refused:
    return Refused(key, Refusal.NO_SUCH_ALARM, "no-such-alarm", f"this station has no alarm {key}", "show alarms types")


def _occurrence_passed(key: AlarmKey, meant: int, now: int) -> Refused:
    detail = f"number {meant} of {key} was meant, number {now} stands there"
    hint = "look at it again, then acknowledge what you see"
    return Refused(key, Refusal.REFUSED, "occurrence-passed", detail, hint)


def _denied(alarm: Standing, denial: Denial) -> Refused:
    key, why = alarm.key, alarm.why_hidden()
    match denial:
        case Denial.STILL_ACTIVE:
            hint = "it can be reset when its condition is gone and it is acknowledged"
            return Refused(key, Refusal.STILL_ACTIVE, denial.value, f"{key} is still active", hint)
        case Denial.NOT_ACKNOWLEDGED:
            return Refused(key, Refusal.NOT_ACKNOWLEDGED, denial.value, f"nobody has acknowledged {key}", f"ack {key}, then reset")
        case Denial.HIDDEN:
            return Refused(key, Refusal.HIDDEN, denial.value, f"{key} is {why}", "acknowledge it when it is visible again")
        case Denial.OUT_OF_SERVICE:
            return Refused(key, Refusal.REFUSED, denial.value, f"{key} is {why}", "return it to service first")
        case Denial.NOT_SHELVABLE:
            return _not_shelvable(key, 0)


def check_shelve(order: Shelve, kind: AlarmType, severity: Severity) -> Refused | None:
    """Return why a shelf is refused for an alarm of that type and severity, or None."""
    longest = longest_shelf_s(kind, severity)
    if longest == 0 or order.seconds > longest:
        return _not_shelvable(order.key, longest)
    if not order.seconds > 0:
        detail = f"{order.seconds:g} s is no time"
        return Refused(order.key, Refusal.REFUSED, "step-limit", detail, f"more than 0 and at most {longest} s")
    if order.one_shot and severity is Severity.MAJOR:
        detail = "a major alarm is not shelved until it clears"
        return Refused(order.key, Refusal.REFUSED, "one-shot", detail, f"leave one-shot out; at most {longest} s")
    return _reason(order.key, order.reason)


def check_out_of_service(order: TakeOutOfService) -> Refused | None:
    """Return why an alarm is not taken out of service, or None."""
    first, second = order.who.strip().casefold(), order.second.strip().casefold()
    if not first or not second or first == second:
        detail, hint = f"{order.key} needs two persons to go out of service", "a second person approves it from a session of their own"
        return Refused(order.key, Refusal.REFUSED, "second-person-missing", detail, hint)
    if not 0 < order.review_in_s <= LONGEST_OUTAGE_S:
        detail = f"a review in {order.review_in_s / 86_400:g} days is outside the limits"
        return Refused(order.key, Refusal.REFUSED, "step-limit", detail, "a date within the next 7 days")
    return _reason(order.key, order.reason)


def _not_shelvable(key: AlarmKey, longest: int) -> Refused:
    if longest == 0:
        detail = f"{key} can never be shelved"
        hint = "two persons can take it out of service"
    else:
        detail = f"{key} can be shelved for {longest} s at most"
        hint = f"shelve it for at most {longest // 3600} h"
    return Refused(key, Refusal.NOT_SHELVABLE, "not-shelvable", detail, hint, longest)


def _reason(key: AlarmKey, text: str) -> Refused | None:
    if len(text.strip()) >= REASON_CHARACTERS:
        return None
    detail = f"the reason has {len(text.strip())} characters"
    hint = f"at least {REASON_CHARACTERS}: why, and perhaps the work order"
    return Refused(key, Refusal.REASON_REQUIRED, "reason-required", detail, hint, REASON_CHARACTERS)
