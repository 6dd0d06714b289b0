"""What time and the plant do to open operations: countdowns, lost sessions, preconditions that do not hold any more.

While an operation is selected every precondition must hold and a changed one takes it back; while it runs, the running ones
must, and a bad one holds it, but for an output that is being switched off, or is off and only measured: the way into the safe state
is not stopped by what is unsure. Missing data is a bad one. Looked at with every news of the plant that says something else than what was
known, and at least every half second meanwhile, so that a value that grows old is noticed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stationd.core.alarm.words import AlarmRecord
from stationd.core.model import IntentKept, Reading, SessionEnded
from stationd.core.operation.bearing import bears, explains
from stationd.core.operation.book import Book
from stationd.core.operation.case import Case
from stationd.core.operation.checks import open_checks, running_checks
from stationd.core.operation.course import News, move
from stationd.core.operation.dossier import Dossier
from stationd.core.operation.machine import BEGINNING, SELECTED, Event, State
from stationd.core.operation.views import Check
from stationd.core.operation.words import INTENT_S, Cause
from stationd.core.powerfeed.words import GATE_EVERY_S

KEEP_ALIVE_S = 5.0  # assumption: a running operation holds after so long without its session
WATCH_EVERY_S = GATE_EVERY_S
ENDS = {
    State.WAITING: ("nobody has approved it in time", Cause.SECOND_PERSON),
    State.ARMED: ("its countdown is over", Cause.TIME_LIMIT),
    State.DOUBTED: ("its countdown is over", Cause.TIME_LIMIT),
    State.ASKED: ("nobody has approved in time", Cause.SECOND_PERSON),
    State.OFFERED: ("the time of its code is over", Cause.TIME_LIMIT),
    State.MISTYPED: ("the time of its code is over", Cause.TIME_LIMIT),
    State.STARTING: (f"its record could not be written within {INTENT_S:g} s: nothing was sent", Cause.HEALTH),
    State.RESUMING: (f"its record could not be written within {INTENT_S:g} s: nothing was sent", Cause.HEALTH),
}


def watch(book: Book, now: float) -> None:
    """Look at the preconditions of all open operations."""
    for dossier in list(book.opened.values()):
        check(book, dossier, now)


def read(book: Book, concerned: Iterable[Dossier], reading: Reading, now: float) -> None:
    """Look at those of operations whose gate has this reading, which says something else than the two before it.

    While one runs a good number is its executor's: the running preconditions ask for contacts, flags and words, and the time.
    """
    number = reading.quality.good and not isinstance(reading.value, (bool, str))
    for dossier in concerned:
        if not number or dossier.state in SELECTED:
            check(book, dossier, now)


def check(book: Book, dossier: Dossier, now: float) -> None:
    """Look at the preconditions of one, and take it back or hold it where one is bad."""
    if dossier.state is State.CLOSED:
        return
    dossier.checks = _checks(book, dossier, now)
    reasons = [each.refusal for each in dossier.checks if each.refusal is not None]
    if reasons and not goes_off(dossier):
        document = {"reasons": [{"cause": each.cause.value, "why": each.why, "remedy": each.remedy} for each in reasons]}
        move(book, dossier, News(Event.CHANGED, reasons[0].why, reasons[0].cause, document=document), now)


def goes_off(dossier: Dossier) -> bool:
    """Return whether an operation that runs is switching its output off, or only measures what is left: only a person stops that."""
    return dossier.state is State.RUNNING and dossier.executor is not None and dossier.executor.going_off()


def _checks(book: Book, dossier: Dossier, now: float) -> tuple[Check, ...]:
    evidence, view = book.evidence(now), dossier.outline()
    if dossier.state in SELECTED:
        return open_checks(book.plan, evidence, view, dossier.armer, now)
    return running_checks(book.plan, evidence, view, now)


def expire(book: Book, now: float) -> None:
    """End what is over by `now`: countdowns, intents without an answer, keep-alives."""
    for dossier in list(book.opened.values()):
        if dossier.until_t is not None and now >= dossier.until_t:
            detail, cause = ENDS[dossier.state]
            move(book, dossier, News(Event.TIMED_OUT, detail, cause), now)
        elif (end := keep_alive_end(dossier)) is not None and now >= end:
            detail = f"its session has not answered for {KEEP_ALIVE_S:.0f} s"
            move(book, dossier, News(Event.KEEP_ALIVE_LOST, detail, Cause.COMMUNICATION), now)


def keep_alive_end(dossier: Dossier) -> float | None:
    """Return when an operation holds unless its session says that it is there."""
    runs = (dossier.state is State.RUNNING and not goes_off(dossier)) or dossier.state in BEGINNING
    return dossier.kept_alive_t + KEEP_ALIVE_S if runs and dossier.kept_alive_t is not None else None


def deadlines(book: Book, watched_t: float) -> Iterable[float | None]:
    """Return when something of the open operations is due."""
    for dossier in book.opened.values():
        yield dossier.until_t
        yield keep_alive_end(dossier)
        yield dossier.executor.deadline() if dossier.executor is not None and dossier.began else None
        yield watched_t + WATCH_EVERY_S


def kept(book: Book, news: IntentKept, now: float) -> int | None:
    """Take the answer of the disk about an intent. Returns the number of the set values' own where it is theirs."""
    announced = book.announced.pop(news.number, None)
    if announced is None:
        return None
    dossier = book.opened.get(announced.operation)
    if dossier is not None and dossier.intent == news.number:
        _begun(book, dossier, news, now)
    return announced.number if not announced.operation else None


def _begun(book: Book, dossier: Dossier, news: IntentKept, now: float) -> None:
    """Begin, unless something has changed while the disk was written."""
    if not news.kept:
        detail = "its record could not be written: nothing was sent"
        move(book, dossier, News(Event.INTENT_LOST, detail, Cause.HEALTH), now)
        return
    check(book, dossier, now)
    move(book, dossier, News(Event.INTENT_KEPT, ""), now)


def session_ended(book: Book, news: SessionEnded, now: float) -> None:
    """Take back, or hold, what this session has armed or begun."""
    for dossier in list(book.opened.values()):
        if news.session and dossier.armer.session == news.session and not goes_off(dossier):
            move(book, dossier, News(Event.SESSION_GONE, f"the session of {dossier.armer.name} has ended", Cause.COMMUNICATION), now)


def alarmed(book: Book, record: AlarmRecord, now: float) -> None:
    """Take back, or hold, what a new critical alarm bears on; what is on its way down goes on, and two persons look before it goes up."""
    evidence = book.evidence(now)
    for dossier in list(book.opened.values()):
        if dossier.began and explains(dossier.task, record):
            continue
        case = Case(book.plan, evidence, dossier.object, dossier.task, now, way=dossier.offered)
        dossier.doubted = dossier.doubted or bears(replace(case, way=None), record.key)
        if bears(case, record.key):
            move(book, dossier, News(Event.CHANGED, f"new critical alarm {record.key}", Cause.PROCESS), now)


def cut_off(book: Book, devices: frozenset[str], who: str, now: float) -> None:
    """End what is open on feeds that are de-energised, and hold what runs on the same segment: its plant is another one now."""
    segments = {book.plan.segment(device) for device in devices}
    for dossier in list(book.opened.values()):
        if dossier.object in devices:
            move(book, dossier, News(Event.EMERGENCY, f"EMERGENCY-OFF by {who}", Cause.TRIPPED, who), now)
        elif book.plan.segment(dossier.object) in segments and not goes_off(dossier):
            detail = f"EMERGENCY-OFF of {', '.join(sorted(devices))} by {who}"
            move(book, dossier, News(Event.CHANGED, detail, Cause.TRIPPED, who), now)
