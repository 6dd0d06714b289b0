"""Whom an event or an order concerns: the executor of an operation, the set values, or a cut-off that is on its way.

Keeps apart what looks alike: the answer to a write of an operation that is over, and that of an EMERGENCY-OFF to the same point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stationd.core.model import IntentKept, Reading, Tick, Value, WriteDone
from stationd.core.operation import denials, watching
from stationd.core.operation.book import Book, person
from stationd.core.operation.course import look
from stationd.core.operation.dossier import Dossier, verb
from stationd.core.operation.intake import told
from stationd.core.operation.machine import PHASES, State
from stationd.core.operation.orders import ActOrder as Order
from stationd.core.operation.orders import (
    AddHold,
    Apply,
    Arm,
    Confirm,
    Discard,
    DropHold,
    EmergencyOff,
    EndBypass,
    Revert,
    Rollback,
    SetAuthority,
    Stage,
)
from stationd.core.operation.sentences import asked
from stationd.core.operation.task import CommandClass, Electrode, Energise, RampTo, SetPolarity, Task
from stationd.core.operation.words import Accepted, ActOutcome, CutOffState, Refusal, Refused

ALL = "all"


def read(book: Book, reading: Reading, now: float) -> bool:
    """Keep a reading, and let those see it that have to do with its point. Returns False where nothing can follow from it.

    Preconditions come first: what opens an interlock lets no write out any more, not even that of this moment.
    """
    gate = book.gate
    if reading.point not in gate.points:
        return False
    repeats, sound = gate.repeats(reading), gate.read(reading, now)
    concerned = [each for each in book.opened.values() if reading.point in gate.of(each.object)]
    if not repeats:
        watching.read(book, concerned, sound, now)
    for dossier in concerned:
        look(book, dossier, sound, now)
    after = book.cut_offs.read(reading.point, gate.seen, now)
    if after is not None:
        _cut_result(book, after, now, reading.value)
    sending = book.set_points.read(reading.point, gate.seen, now, repeats=repeats)
    if sending:
        book.pass_on(book.set_points.handle(sound, book.evidence(now), now))
    return sending or bool(concerned) or after is not None


def tick(book: Book, now: float) -> None:
    """Let all preconditions and then every executor look again: the far end is news."""
    watching.watch(book, now)
    for dossier in list(book.opened.values()):
        look(book, dossier, Tick(now), now)


def ripen(book: Book, now: float) -> None:
    """Let the executors see the time that asked for it."""
    for dossier in list(book.opened.values()):
        due = dossier.executor.deadline() if dossier.executor is not None and dossier.began else None
        if due is not None and now >= due:
            look(book, dossier, Tick(now), now)


def written(book: Book, answer: WriteDone, now: float) -> None:
    """Give the end of a write to whom it belongs.

    While a feed is cut off, an answer about OFF counts as that of the operation's own last write to the same point as long as that
    one is not answered: its single read-back proves no EMERGENCY-OFF.
    """
    done = replace(answer, detail=told(answer.detail))  # words of a unit, perhaps
    cut = book.cut_offs.device(done.target)
    if cut and done.asked is False and not book.underway.waits(done.target):
        _cut(book, cut, done, now)
        return
    owner = book.underway.answered(done)
    dossier = book.opened.get(owner)
    if dossier is not None:
        watching.check(book, dossier, now)
        look(book, dossier, done, now)
    elif not owner:
        book.pass_on(book.set_points.handle(done, book.evidence(now), now))


def _cut(book: Book, device: str, done: WriteDone, now: float) -> None:
    _cut_result(book, book.cut_offs.done(device, done), now, done.read_back)


def _cut_result(book: Book, state: CutOffState, now: float, read: Value | None) -> None:
    document: Mapping[str, object] = {"confirmed": state.confirmed, "detail": state.detail, "read_back": read}
    book.note("emergency-off-result", state.device, now, state.who, document)


def kept(book: Book, news: IntentKept, now: float) -> None:
    """Give the answer of the disk to the operation or the set values that wait for it."""
    number = watching.kept(book, news, now)
    if number is not None:
        book.pass_on(book.set_points.handle(IntentKept(number, news.kept, news.t), book.evidence(now), now))


def hold(book: Book, order: AddHold | DropHold, now: float) -> ActOutcome:
    """Add or remove a hold of a person's own."""
    outcome = book.holds.add(order, now) if isinstance(order, AddHold) else book.holds.drop(order, now)
    if isinstance(outcome, Accepted):
        kind = "hold-added" if isinstance(order, AddHold) else "hold-removed"
        document = {"detail": outcome.detail, **person(order.who)}
        if isinstance(order, AddHold):
            document |= {"object": order.object, "reason": order.reason.strip()}
        book.note(kind, outcome.names[0], now, order.who.name, document)
    return outcome


# EMERGENCY-OFF.


def emergency_off(book: Book, order: EmergencyOff, now: float) -> ActOutcome:
    """De-energise, now: what has to be sent comes first, then all that follows from it. Nothing but the role is asked."""
    reasons = _emergency_reasons(book, order)
    feeds = _feeds(book, order)
    if reasons or not feeds:
        known = ", ".join(book.plan.feeds)
        return Refused(told(asked(order)), reasons or tuple(denials.no_feed(told(name), known) for name in order.objects or ("",)))
    book.effects.extend(book.cut_offs.begin(feeds, order.who.name, f"EMERGENCY-OFF by {order.who.name}", now))
    for device in feeds:
        book.note("emergency-off", device, now, order.who.name, {"asked": [told(name) for name in order.objects], **person(order.who)})
    watching.cut_off(book, frozenset(feeds), order.who.name, now)
    unknown = [told(name) for name in order.objects if name != ALL and name not in book.plan.feeds]
    return Accepted(feeds, f"there is no power feed {', '.join(unknown)} here" if unknown else "")


def _emergency_reasons(book: Book, order: EmergencyOff) -> tuple[Refusal, ...]:
    if CommandClass.EMERGENCY not in order.who.classes:
        return (denials.not_allowed(order.who, "order EMERGENCY-OFF", "stationd-operate"),)
    return (denials.read_only(book.plan.title or book.plan.station, book.plan.emergency_button),) if book.plan.read_only else ()


def _feeds(book: Book, order: EmergencyOff) -> tuple[str, ...]:
    if ALL in order.objects:
        return tuple(book.plan.feeds)
    return tuple(dict.fromkeys(name for name in order.objects if name in book.plan.feeds))


# What others are told.


def told_operation(book: Book) -> Mapping[str, str] | None:
    """Return the operation on the line for the far station's message; of several, the one that has come furthest."""
    order = (State.RUNNING, State.RESUMING, State.STARTING)
    feeds = [each for each in book.opened.values() if each.object in book.plan.feeds]
    ranked = sorted(feeds, key=lambda each: order.index(each.state) if each.state in order else len(order))
    return _told(ranked[0]) if ranked else None


def _told(dossier: Dossier) -> Mapping[str, str]:
    return {"id": dossier.name, "phase": PHASES[dossier.state].value, "target": target(dossier.task)}


def target(task: Task) -> str:
    """Return a task as the far station reads it: the first word is a Part, or the verb."""
    match task:
        case Energise(to_ma, _, part):
            return f"{part.value} to {to_ma:.10g} mA"
        case RampTo(to_ma):
            return f"{verb(task)} to {to_ma:.10g} mA"
        case SetPolarity(negative):
            return f"{verb(task)} {'negative' if negative else 'positive'}"
        case Electrode(on):
            return f"{verb(task)} {'on' if on else 'off'}"
        case _:
            return verb(task)


def subject(order: Order) -> str:
    """Return what an order is about, for the record of its refusal."""
    match order:
        case Arm() | AddHold():
            return order.object
        case EmergencyOff():
            return " ".join(order.objects)
        case DropHold():
            return order.hold
        case SetAuthority():
            return "authority"
        case EndBypass():
            return str(order.interlock)
        case Stage():
            return str(order.target)
        case Discard() | Apply() | Confirm() | Revert() | Rollback():
            return "setpoints"
        case _:
            return order.operation or ALL
