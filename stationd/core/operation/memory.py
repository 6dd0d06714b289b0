"""What of acting must outlast a restart, as plain JSON values, and how it is taken up again. Pure.

Times are kept as ages, since another run of the program has another clock. Whatever had not begun is closed; whatever had begun,
or may have, holds, adopts what it measures, and wants a new approval before it goes on upward. Nothing is sent. What
cannot be read is left out and told: no damage of the memory keeps a station from starting. Codes are never kept.

A journal that answers late gives its memory to a desk that has begun without it: then what was selected meanwhile is taken back and what
runs holds, since it began without the holds that stood, and both memories stand side by side. Where nothing can be read at all, nobody
knows what was held, and the whole station is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stationd.core import amplifier, powerfeed
from stationd.core.alarm.plan import STATION
from stationd.core.operation.applies import number
from stationd.core.operation.book import Book
from stationd.core.operation.course import News, move
from stationd.core.operation.dossier import Dossier, plain_task
from stationd.core.operation.executor import Executor
from stationd.core.operation.machine import BEGINNING, NOT_BEGUN, Event, State
from stationd.core.operation.orders import Person
from stationd.core.operation.recollect import row_task
from stationd.core.operation.task import AmplifierTask, Bypass, Ending, RemoveHold, class_of
from stationd.core.operation.words import Cause, CutOffState

VERSION = 1
STATES = frozenset(state.value for state in State if state is not State.NONE)
RESTARTED = "the daemon was started anew"
LATE = "what is remembered of operations and holds could only be read now"
MOST = 2**32  # beyond any user's number, and any number of operations (choice)


def saved(book: Book, now: float) -> dict[str, object]:
    """Return all of it."""
    return {
        "version": VERSION,
        "number": book.number,
        "opened": [_row(each, now) for each in book.opened.values()],
        "closed": [_row(each, now) for each in book.closed],
        "holds": book.holds.saved(now),
        "bypasses": book.bypasses.saved(),
        "cut_offs": book.cut_offs.saved(now),
        "set_points": book.set_points.saved(),
    }


def _row(dossier: Dossier, now: float) -> dict[str, object]:
    return {
        "name": dossier.name,
        "object": dossier.object,
        "task": plain_task(dossier.task),
        "state": dossier.state.value,
        "since_s": now - dossier.since_t,
        "armed_s": now - dossier.armed_t,
        "held_s": now - dossier.held_t if dossier.held_t is not None else None,
        "armer": dossier.armer.name,
        "armer_uid": dossier.armer.uid,
        "approver": dossier.approver,
        "approver_uid": dossier.approver_uid,
        "ran_uid": dossier.ran_uid,
        "ran_approver_uid": dossier.ran_approver_uid,
        "reason": dossier.reason,
        "effect": list(dossier.effect),
        "limits": list(dossier.limits),
        "began": dossier.began,
        "ending": dossier.ending.value if dossier.ending is not None else None,
        "cause": dossier.cause.value if dossier.cause is not None else None,
        "detail": dossier.detail,
        "executor": dict(dossier.executor.saved()) if dossier.executor is not None else None,
    }


def restore(book: Book, kept: Mapping[str, object], now: float, elapsed_s: float) -> None:
    """Take up what was kept `elapsed_s` ago; tell what could not be read."""
    for dossier in list(book.opened.values()):
        move(book, dossier, News(Event.CHANGED, LATE, Cause.HEALTH), now)
    elapsed_s, left_out = max(elapsed_s, 0.0), list[str]()
    then = now - elapsed_s
    number = _whole(kept.get("number"))
    if kept and number is None:
        left_out.append("the number of the last operation")
    left_out += book.holds.restore(kept.get("holds", "missing" if kept else {}), now, elapsed_s)
    closed = list(_dossiers(kept.get("closed"), then, left_out, "a closed operation"))
    opened = list(_dossiers(kept.get("opened"), then, left_out, "an open operation"))
    book.number = max(book.number, number or 0, *(_number(each.name) for each in (*closed, *opened)), 0)
    _rename(book, (*closed, *opened), now)
    later = tuple(book.closed)
    book.closed.clear()
    book.closed.extend((*(each for each in (*closed, *opened) if each.state is State.CLOSED), *later))
    _restore_others(book, kept, now, elapsed_s, left_out)
    for dossier in opened:
        if dossier.state is not State.CLOSED and (other := _beside(book, dossier)) is not None:
            left_out.append(f"an open operation ({dossier.name}: {other.name} is open on the same segment)")
        elif dossier.state is not State.CLOSED:
            _restart(book, dossier, now)
    if left_out:
        book.note("memory-damaged", STATION, now, document={"left_out": left_out})


def doubt(book: Book, now: float) -> None:
    """Hold the whole station: what was kept cannot be read, so that nobody knows what was held and what was being done."""
    book.note("memory-damaged", STATION, now, document={"left_out": ["everything", book.holds.doubt(now)]})


def _rename(book: Book, kept: Iterable[Dossier], now: float) -> None:
    """Give new names to what this run has given the same ones: a late memory counts after what was begun without it."""
    names = set(book.opened) | {each.name for each in book.closed}
    for dossier in kept:
        if dossier.name in names:
            before, dossier.name = dossier.name, book.next_name()
            book.note("renamed", dossier.name, now, document={"was": before, "object": dossier.object})


def _restore_others(book: Book, kept: Mapping[str, object], now: float, elapsed_s: float, left_out: list[str]) -> None:
    book.pass_on(book.bypasses.restore(kept.get("bypasses", {}), now))
    for row in _rows(kept.get("cut_offs"), left_out, "the cut-offs"):
        state = _cut_off(row, now - elapsed_s)
        if state is None:
            left_out.append("a cut-off")
        elif book.cut_offs.restore(state):
            book.note("emergency-off-result", state.device, now, state.who, {"confirmed": False, "detail": RESTARTED})
    set_points = kept.get("set_points", {})
    if not isinstance(set_points, Mapping):
        left_out.append("the set values")
        return
    book.pass_on(book.set_points.restore(set_points, now, elapsed_s))


def _beside(book: Book, dossier: Dossier) -> Dossier | None:
    """Return an operation that is open already where only one may be."""
    if isinstance(dossier.task, RemoveHold | Bypass):
        return None
    others = (each for each in book.opened.values() if not isinstance(each.task, RemoveHold | Bypass))
    return next((each for each in others if book.plan.segment(each.object) == book.plan.segment(dossier.object)), None)


def _restart(book: Book, dossier: Dossier, now: float) -> None:
    """Let the restart happen to an operation. What the desk does by itself is done in one step: it never was half done."""
    if isinstance(dossier.task, RemoveHold | Bypass) and dossier.state not in NOT_BEGUN:
        dossier.state, dossier.began = State.ARMED, False
    if dossier.state not in NOT_BEGUN:
        dossier.began, dossier.doubted = True, True
        dossier.executor = _executor(book, dossier)
    book.opened[dossier.name] = dossier
    book.note("restarted", dossier.name, now, document={"state": dossier.state.value, "object": dossier.object})
    if dossier.state is not State.HELD:
        move(book, dossier, News(Event.RESTARTED, RESTARTED, Cause.COMMUNICATION), now)


def _executor(book: Book, dossier: Dossier) -> Executor | None:
    """Return the executor, held; None where the object is not in the station's file any more: then it can only be closed."""
    kept = dossier.kept_executor
    feed, pump = book.plan.feeds.get(dossier.object), book.plan.amplifiers.get(dossier.object)
    if isinstance(dossier.task, RemoveHold | Bypass):
        return None
    if isinstance(dossier.task, AmplifierTask):
        return amplifier.restored(pump, dossier.task, kept) if pump is not None else None
    return powerfeed.restored(feed, dossier.task, kept) if feed is not None else None


# Reading what was kept.


def _rows(kept: object, left_out: list[str], what: str) -> list[Mapping[str, object]]:
    if kept is None:
        return []
    if not isinstance(kept, list):
        left_out.append(what)
        return []
    left_out.extend(what for row in kept if not isinstance(row, Mapping))
    return [row for row in kept if isinstance(row, Mapping)]


def _dossiers(kept: object, then: float, left_out: list[str], what: str) -> Iterable[Dossier]:
    names = set[str]()
    for row in _rows(kept, left_out, what):
        dossier = _dossier(row, then)
        if dossier is None or dossier.name in names:
            left_out.append(f"{what} ({row.get('name')!r})")
            continue
        names.add(dossier.name)
        yield dossier


def _dossier(row: Mapping[str, object], then: float) -> Dossier | None:
    """Return an operation, or None where what it was cannot be read. What only people read may be missing."""
    task = row_task(row.get("task"))
    if task is None:
        return None
    match row:
        case {"name": str(name), "object": str(object), "state": str(state), "armer": str(armer), "armer_uid": int(uid)}:
            if _number(name) and state in STATES:
                return _filled(row, Dossier(
                    name=name, object=object, task=task, command_class=class_of(task), state=State(state),
                    since_t=_time(row.get("since_s"), then), armed_t=_time(row.get("armed_s"), then),
                    armer=Person(uid, armer, "", frozenset()), reason=_text(row.get("reason")),
                ), then)  # fmt: skip
    return None


def _filled(row: Mapping[str, object], dossier: Dossier, then: float) -> Dossier:
    executor = row.get("executor")
    dossier.effect, dossier.limits = _texts(row.get("effect")), _texts(row.get("limits"))
    dossier.approver, dossier.approver_uid = _text(row.get("approver")), _whole(row.get("approver_uid"))
    dossier.ran_uid, dossier.ran_approver_uid = _runner(row, dossier)
    dossier.held_t = _time(row.get("held_s"), then)
    dossier.began = row.get("began") is True or dossier.state in BEGINNING
    dossier.ending = next((each for each in Ending if each.value == row.get("ending")), None)
    dossier.cause = next((each for each in Cause if each.value == row.get("cause")), None)
    dossier.detail = _text(row.get("detail"))
    dossier.kept_executor = _sound(executor) if isinstance(executor, Mapping) else {}
    return dossier


def _sound(kept: Mapping[str, object]) -> dict[str, object]:
    """Return what an executor kept without numbers that are none: it would measure with them."""
    return {name: value for name, value in kept.items() if not _counts(value) or number(value) is not None}


def _counts(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _runner(row: Mapping[str, object], dossier: Dossier) -> tuple[int | None, int | None]:
    """Return who ran it last, and who had agreed; of one that was just beginning, who began it."""
    ran = _whole(row.get("ran_uid"))
    return (dossier.armer.uid, dossier.approver_uid) if ran is None else (ran, _whole(row.get("ran_approver_uid")))


def _cut_off(row: Mapping[str, object], then: float) -> CutOffState | None:
    match row:
        case {"device": str(device), "who": str(who), "confirmed": bool() | None as confirmed}:
            return CutOffState(device, who, _time(row.get("age_s"), then), confirmed, _text(row.get("detail")))
        case _:
            return None


def _time(age_s: object, then: float) -> float:
    return then - (number(age_s) or 0.0)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST else None


def _number(name: str) -> int:
    digits = name.removeprefix("OP-")
    return int(digits) if name.startswith("OP-") and digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
