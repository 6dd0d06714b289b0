"""How an operation moves: the side effects of each step of the machine, and what its executor says made into writes and records.

Everything that changes the state of an operation goes through `move`: the table of stationd.core.operation.machine decides, and
only then something follows. A write is made in one place, and only of an operation that is RUNNING.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.alarm.words import BY_ITSELF
from stationd.core.amplifier import amplifier_executor
from stationd.core.model import Reading, Tick, Write, WriteDone
from stationd.core.operation.book import Book, person
from stationd.core.operation.dossier import Dossier, plain_task, verb
from stationd.core.operation.executor import Executor
from stationd.core.operation.look import span
from stationd.core.operation.machine import BEGINNING, HOLDING, NOT_BEGUN, Event, State, step
from stationd.core.operation.orders import Person, Way
from stationd.core.operation.task import (
    AmplifierTask,
    Bypass,
    CommandClass,
    DeskTask,
    Ended,
    Ending,
    FeedTask,
    Passed,
    Put,
    RemoveHold,
    Said,
    Stopped,
    Task,
)
from stationd.core.operation.words import INTENT_S, Cause
from stationd.core.powerfeed import feed_executor

FOR_TWO_S, ALONE_S, APPROVED_S = 180.0, 60.0, 120.0  # countdowns (assumption): a second person must read
RESUME_ALONE_S = 600.0  # upward after more than ten minutes wants a new approval
OFFERS = frozenset({Event.PREPARED, Event.PREPARED_FOR_TWO})  # a new offer takes the place of the one before
SESSION_EVENTS = frozenset({Event.SESSION_GONE, Event.KEEP_ALIVE_LOST})
CAUSES: Mapping[Ending, Cause] = {
    Ending.REACHED: Cause.REACHED,
    Ending.DEVIATED: Cause.DEVIATED,
    Ending.TIMED_OUT: Cause.TIME_LIMIT,
    Ending.ABORTED_BY_TRIP: Cause.TRIPPED,
    Ending.NOT_EXECUTED: Cause.CANCELLED,
    Ending.CLOSED_HELD: Cause.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class News:
    """Why an operation moves: the event, who caused it, and one sentence. `ending` is what the executor says of ENDED."""

    event: Event
    detail: str
    cause: Cause | None = None
    who: str = BY_ITSELF
    ending: Ending | None = None
    document: Mapping[str, object] = field(default_factory=dict)


def move(book: Book, dossier: Dossier, news: News, now: float) -> Cause | None:
    """Let an event happen to an operation. Returns the word of refusal where the table has one; then nothing has changed."""
    before = dossier.state
    cell = step(before, news.event)
    if isinstance(cell, Cause):
        return cell
    _doubt(dossier, before, cell, news)
    if cell is before and news.event not in OFFERS:
        return None
    dossier.state, dossier.since_t, book.dirty = cell, now, True
    if cell is State.CLOSED:
        dossier.cause, dossier.detail = news.cause, _ended(dossier, before, news)
    elif cell in HOLDING and news.detail:  # what is offered has none: why it holds stays on the screens
        dossier.cause, dossier.detail = news.cause, news.detail
    _enter(book, dossier, before, news, now)
    return None


def _ended(dossier: Dossier, before: State, news: News) -> str:
    """Return how it ended; what trips while it holds ends with the reason of the hold: an interlock, perhaps, that the unit has too."""
    held = dossier.detail if before in HOLDING and news.event is Event.TRIPPED else ""
    return f"{news.detail}; it was held: {held}" if held and held not in news.detail else news.detail


def _doubt(dossier: Dossier, before: State, after: State, news: News) -> None:
    """Remember whether two persons have to look before it goes on upward: whenever not just a person here wanted a pause."""
    stopped = before is State.RUNNING and after is State.HELD and news.event is not Event.HOLD
    changed = after in HOLDING and news.event in (Event.CHANGED, Event.RESTARTED, *SESSION_EVENTS)
    dossier.doubted = dossier.doubted or stopped or changed


def _enter(book: Book, dossier: Dossier, before: State, news: News, now: float) -> None:
    dossier.until_t = _until(dossier, now)
    if before is State.RUNNING:  # what still waits on the line would leave after the hold, up to a second of the rate higher
        book.take_back(dossier)
    match dossier.state:
        case State.STARTING | State.RESUMING:
            book.announce(dossier, now, _intended(book, dossier, now))
        case State.RUNNING:
            _run(book, dossier, before, now)
        case State.HELD:
            _hold(book, dossier, before, news, now)
        case State.CLOSED:
            _close(book, dossier, before, news, now)
        case State.WAITING | State.ARMED | State.ASKED | State.OFFERED:
            book.note(_selected_kind(before, news), dossier.name, now, news.who, {**selection(dossier), **news.document})
        case State.NONE | State.DOUBTED | State.MISTYPED:
            pass


def _selected_kind(before: State, news: News) -> str:
    if news.event is Event.APPROVED:
        return "approved"
    return "armed" if before is State.NONE else "offered"


def _until(dossier: Dossier, now: float) -> float | None:
    """Return when the countdown of the state ends. A second, wrong code gives no new time."""
    match dossier.state:
        case State.WAITING | State.ASKED:
            return now + FOR_TWO_S
        case State.ARMED:
            return now + (APPROVED_S if dossier.command_class is CommandClass.LETHAL else ALONE_S)
        case State.OFFERED:
            return now + _offer_s(dossier, now)
        case State.STARTING | State.RESUMING:
            return now + INTENT_S
        case State.DOUBTED | State.MISTYPED:
            return dossier.until_t
        case _:
            return None


def _offer_s(dossier: Dossier, now: float) -> float:
    """Return how long an offer stands: as an arming, and upward without a new approval not beyond the ten minutes."""
    usual = APPROVED_S if dossier.command_class is CommandClass.LETHAL else ALONE_S
    if dossier.approved_anew or dossier.command_class is not CommandClass.LETHAL or not rises(dossier):
        return usual
    return min(usual, (dossier.held_t or now) + RESUME_ALONE_S - now)


def rises(dossier: Dossier) -> bool:
    """Return whether the way that is offered raises current, voltage or light."""
    return dossier.executor is not None and dossier.offered is not None and dossier.executor.upward(dossier.offered) is True


def selection(dossier: Dossier) -> dict[str, object]:
    """Return what was selected, in plain values, for the records of arming, approving and offering."""
    return {
        "object": dossier.object,
        "task": plain_task(dossier.task),
        "class": dossier.command_class.value,
        "reason": dossier.reason,
        "armer": dossier.armer.name,
        "approver": dossier.approver,
        "way": dossier.offered.value if dossier.offered is not None else None,
        "effect": list(dossier.effect),
        "limits": list(dossier.limits),
        "checks": [f"{check.name}: {check.shown}" for check in dossier.checks],
        **person(dossier.armer),
    }


def _intended(book: Book, dossier: Dossier, now: float) -> dict[str, object]:
    return {**selection(dossier), "approver_uid": dossier.approver_uid, **measured(book, dossier, now)}


def measured(book: Book, dossier: Dossier, now: float) -> dict[str, object]:
    """Return how far it has come, in plain values; None where it is not known."""
    if dossier.executor is None:
        return {}
    progress = dossier.executor.progress(book.gate.seen, now)
    return {
        "phase": progress.phase,
        "set_to": progress.set_to,
        "measured": progress.measured,
        "target": progress.target,
        "unit": progress.unit,
        "voltage_v": progress.voltage_v,
    }


# Entering RUNNING, HELD and CLOSED.


def _run(book: Book, dossier: Dossier, before: State, now: float) -> None:
    dossier.code, dossier.intent = "", 0
    dossier.cause, dossier.detail, dossier.disturbed = None, "", False
    dossier.began, dossier.doubted, dossier.held_t = True, False, None
    if before is State.STARTING or rises(dossier):  # who only brought it down has not been approved to raise it
        dossier.ran_uid, dossier.ran_approver_uid = dossier.armer.uid, dossier.approver_uid
    book.cut_offs.forget(dossier.object)
    if isinstance(dossier.task, RemoveHold | Bypass):
        _carry_out(book, dossier, dossier.task, now)
        return
    assert dossier.executor is not None
    seen = book.gate.seen
    went = dossier.executor.begin(seen, now) if before is State.STARTING else dossier.executor.go(dossier.offered or Way.BACK, seen, now)
    _take(book, dossier, went, now)


def _carry_out(book: Book, dossier: Dossier, task: DeskTask, now: float) -> None:
    """Do what has no plant behind it; it is reached at once."""
    match task:
        case RemoveHold(hold):
            book.holds.remove(hold, now)
            book.note("hold-removed", hold, now, dossier.armer.name, {"operation": dossier.name, "approver": dossier.approver})
            detail = f"{hold} is removed"
        case Bypass(interlock, for_s):
            book.pass_on(book.bypasses.begin(task, dossier.armer, dossier.approver, now))
            detail = f"{interlock} counts as closed for {span(for_s)}; the hardware does not know of it"
    move(book, dossier, News(Event.ENDED, detail, Cause.REACHED, ending=Ending.REACHED), now)


def _hold(book: Book, dossier: Dossier, before: State, news: News, now: float) -> None:
    """Stop what runs, or take an offer back. Nothing is written from here on."""
    dossier.offered, dossier.code, dossier.intent = None, "", 0
    why = {"why": news.detail, "cause": news.cause.value if news.cause is not None else None, **news.document}
    if before is not State.RUNNING and news.event is not Event.RESTARTED:
        book.note("rejected" if news.event is Event.REJECTED else "disarmed", dossier.name, now, news.who, why)
        return
    dossier.held_t, dossier.approved_anew = now, False
    if news.event in SESSION_EVENTS:
        book.note("session-lost", dossier.name, now, dossier.armer.name, {"session": dossier.armer.session})
    if dossier.executor is not None:
        _take(book, dossier, dossier.executor.hold(news.detail, now), now)
    book.note("held", dossier.name, now, news.who, {**why, **measured(book, dossier, now)})


def _close(book: Book, dossier: Dossier, before: State, news: News, now: float) -> None:
    dossier.ending = _ending(dossier, news)
    dossier.cause = news.cause or CAUSES[dossier.ending]
    dossier.code, dossier.offered, dossier.intent = "", None, 0
    document = {
        "ending": dossier.ending.value, "cause": dossier.cause.value, "detail": dossier.detail, "object": dossier.object,
        "task": plain_task(dossier.task), **news.document, **measured(book, dossier, now),
    }  # fmt: skip
    if dossier.executor is not None:
        dossier.progress, dossier.executor = dossier.executor.progress(book.gate.seen, now), None
    book.opened.pop(dossier.name, None)
    book.closed.append(dossier)
    book.note(_closing_kind(before, news), dossier.name, now, news.who, document)


def _closing_kind(before: State, news: News) -> str:
    """Return the kind of the record: where an intent was announced, or the plant changed, it is the result."""
    if before not in NOT_BEGUN or news.event is Event.EMERGENCY:
        return "result"
    return "rejected" if news.event is Event.REJECTED else "disarmed"


def _ending(dossier: Dossier, news: News) -> Ending:
    match news.event:
        case Event.EMERGENCY | Event.TRIPPED:
            return Ending.ABORTED_BY_TRIP
        case Event.ENDED if news.ending is not None:
            return news.ending
        case _:
            return Ending.CLOSED_HELD if dossier.began else Ending.NOT_EXECUTED


# Executors.


def executor_for(book: Book, device: str, task: Task) -> Executor | None:
    """Return what carries a task out, not begun; None for what the desk does itself."""
    if isinstance(task, RemoveHold | Bypass):
        return None
    if isinstance(task, AmplifierTask):
        return amplifier_executor(book.plan.amplifiers[device], task)
    return _feed(book, device, task)


def _feed(book: Book, device: str, task: FeedTask) -> Executor:
    return feed_executor(book.plan.feeds[device], task)


def look(book: Book, dossier: Dossier, event: Reading | WriteDone | Tick, now: float) -> None:
    """Let the executor of an operation that runs or holds see what has happened."""
    if dossier.executor is not None and (dossier.state is State.RUNNING or dossier.state in HOLDING or _resumes(dossier)):
        _take(book, dossier, dossier.executor.take(event, book.gate.seen, now), now)
        _disturb(book, dossier, now)


def _disturb(book: Book, dossier: Dossier, now: float) -> None:
    """Take an offer back once somebody else has moved the unit while it holds: the plant is another one, and two have to look."""
    moved = dossier.executor.disturbed() if dossier.executor is not None and dossier.state in HOLDING else ""
    if not moved or dossier.disturbed:
        return
    held, dossier.disturbed, book.dirty = dossier.detail, True, True
    move(book, dossier, News(Event.CHANGED, moved, Cause.PROCESS), now)
    dossier.detail = "; ".join(each for each in (held, moved) if each and (each is held or moved not in held))


def _resumes(dossier: Dossier) -> bool:
    return dossier.state in BEGINNING and dossier.began


def _take(book: Book, dossier: Dossier, stepped: tuple[Executor, tuple[Said, ...]], now: float) -> None:
    dossier.executor, said = stepped
    book.dirty = book.dirty or bool(said)
    for each in said:
        _hear(book, dossier, each, now)


def _hear(book: Book, dossier: Dossier, said: Said, now: float) -> None:
    match said:
        case Put() if dossier.state is State.RUNNING:
            _put(book, dossier, said, now)
        case Put():
            pass  # whoever holds writes nothing: an executor that forgets it is not believed
        case Passed(detail):
            book.note("passed", dossier.name, now, document={"detail": detail, **measured(book, dossier, now)})
        case Stopped(detail):
            move(book, dossier, News(Event.STOPPED, detail, Cause.DEVIATED), now)
        case Ended(ending, detail):
            event = Event.TRIPPED if ending is Ending.ABORTED_BY_TRIP else Event.ENDED
            move(book, dossier, News(event, detail, CAUSES[ending], ending=ending), now)


def _put(book: Book, dossier: Dossier, put: Put, now: float) -> None:
    """Make a write of it. A de-energising OFF goes the way of EMERGENCY-OFF: before everything else on its line, until it shows."""
    why = f"{dossier.name} {put.why}".strip()
    if put.urgent and put.target.device in book.plan.feeds:
        book.note("emergency-off", put.target.device, now, document={"operation": dossier.name, "why": put.why})
        book.effects.extend(book.cut_offs.begin((put.target.device,), dossier.name, why, now))
        return
    book.write(dossier, Write(put.target, put.value, why or verb(dossier.task)), now)


def second_person_wanted(dossier: Dossier, who: Person, way: Way, now: float) -> bool:
    """Return whether a held operation may go on that way only with a second person.

    Upward: after ten minutes, or whenever something else than a person's wish has stopped it, or another person takes it up than has
    run it. Downward it only must not be that the person who takes it up is the one who had approved it.
    """
    if dossier.command_class is not CommandClass.LETHAL:
        return False
    another = who.uid != dossier.ran_uid
    if dossier.executor is not None and dossier.executor.upward(way) is not False:
        return another or dossier.doubted or now >= (dossier.held_t or now) + RESUME_ALONE_S
    return another and (dossier.approver_uid is None or who.uid in (dossier.approver_uid, dossier.ran_approver_uid))
