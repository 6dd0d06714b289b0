"""`stationctl wait`: until an alarm is clear, an operation has ended, or the line is up. Looks once a second; acts on nothing.

An alarm of which nothing is known any more is not clear, and a line that nobody can judge is not up: no news is no good news. A
daemon that goes away in between is waited for, within the same time, where what is waited for outlasts it: alarms and the line.
What becomes of an operation then has to be looked at by a person.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from stationd.shell.caller import Failed, Form, Line
from stationd.shell.checking import line_is_down
from stationd.shell.exits import ALARM, STATUS, Exit
from stationd.shell.screens.typeset import age
from stationd.shell.wish import Kind, Usage, Wish

OPERATION = "io.stationd.Operation."
USUAL_S = 600.0  # ten minutes unless a time is named (assumption: longer than any ramp, shorter than a shift)
ANSWER_S = 10.0
EVERY_S = 1.0
REACHED = frozenset({"reached"})
Caller = Callable[[], Line]
Say = Callable[[str], None]
Look = Callable[[Line], Exit | None]  # None: not yet


def waited(wish: Wish, line_of: Caller, say: Say, every_s: float = EVERY_S) -> Exit:
    """Carry out a wish of one of the kinds that wait. Failed when the daemon refuses."""
    given = wish.parameters
    until_s = time.monotonic() + float(str(given.get("seconds", USUAL_S)))
    match wish.kind:
        case Kind.WAIT_ALARM:
            return alarm_clear(line_of, str(given["key"]), until_s, say, every_s)
        case Kind.WAIT_OPERATION:
            return operation(line_of, str(given["operation"]), until_s, say, every_s)
        case Kind.WAIT_LINE:
            return line_up(line_of, until_s, say, every_s)
    raise Usage(f"{wish.kind.value} waits for nothing")


def alarm_clear(line_of: Caller, key: str, until_s: float, say: Say, every_s: float = EVERY_S) -> Exit:
    """Wait until the condition of an alarm is gone, or, for a type alone, of all alarms of that type."""
    told = list[str]()

    def look(line: Line) -> Exit | None:
        active = _standing(line, key)
        if active and not told:
            told.append(f"{' '.join(str(each['key']) for each in active[:3])} still {'active' if active[0].get('active') else 'unknown'}")
            say(told[0])
        if active:
            return None
        say(f"{key} is clear")
        return Exit.DONE

    return _until(line_of, look, until_s, say, every_s, f"{key} is clear", patient=True)


def operation(line_of: Caller, name: str, until_s: float, say: Say, every_s: float = EVERY_S) -> Exit:
    """Wait until an operation is closed: done when it has reached its end, failed when it ended otherwise."""

    def look(line: Line) -> Exit | None:
        found = line.call(f"{OPERATION}Get", {"operation": name})["operation"]
        if found["phase"] != "closed":
            return None
        ending = str(found.get("ending"))
        say(f"{name} ended: {ending}" + (f", {found['detail']}" if found.get("detail") else ""))
        return Exit.DONE if ending in REACHED else Exit.FAILED

    return _until(line_of, look, until_s, say, every_s, f"{name} has ended", patient=False)


def line_up(line_of: Caller, until_s: float, say: Say, every_s: float = EVERY_S) -> Exit:
    """Wait until the line is judged to be up. NO_SUCH_THING at a station that judges no line."""

    def look(line: Line) -> Exit | None:
        status = line.call(f"{STATUS}GetStatus", {})["status"]
        verdict = status.get("verdict")
        if verdict is None:
            raise Failed(Exit.NO_SUCH_THING, "no-line: this station has no [line] in its file")
        if line_is_down(status, line.call(f"{ALARM}List", {"filter": {"shown": "all"}})) is not False:
            return None
        say(f"the line is up: {verdict.get('sentence')}")
        return Exit.DONE

    return _until(line_of, look, until_s, say, every_s, "the line is up", patient=True)


def _until(line_of: Caller, look: Look, until_s: float, say: Say, every_s: float, wish: str, *, patient: bool) -> Exit:
    """Look again and again. The first connection has to come about; a later one is waited for by the patient."""
    began, lost = time.monotonic(), False
    line: Line | None = line_of()
    try:
        while True:
            try:
                line = line or line_of()
                line.renew(min(ANSWER_S, max(until_s - time.monotonic(), every_s)))
                found, lost = look(line), False
            except Failed as failed:
                _hung_up(line)
                line = None
                if failed.code is not Exit.NO_DAEMON or not patient:
                    raise
                found = None
                lost = _said_once(say, "the daemon is gone; waiting for it", lost)
            if found is not None:
                return found
            if time.monotonic() + every_s > until_s:
                return _over(say, wish, until_s - began, lost)
            time.sleep(every_s)
    finally:
        _hung_up(line)


def _over(say: Say, wish: str, seconds: float, lost: bool) -> Exit:
    """Say that the time is over."""
    say(f"not within {age(max(round(seconds), 0))}: {wish}" + ("; no daemon answers" if lost else ""))
    return Exit.NO_DAEMON if lost else Exit.FAILED


def _said_once(say: Say, sentence: str, already: bool) -> bool:
    if not already:
        say(sentence)
    return True


def _hung_up(line: Line | None) -> None:
    if line is not None:
        with contextlib.suppress(OSError):
            line.close()


def _standing(line: Line, key: str) -> list[Form]:
    """Return the alarms of a key, or of a type, that are active or of which that is not known."""
    alarms = line.call(f"{ALARM}List", {"filter": {"shown": "all"}})["alarms"]
    named, _, occurrence = key.partition("#")
    of_key = [each for each in alarms if named in (each["key"], each["type"])]
    if not of_key and "/" in named:
        line.call(f"{ALARM}History", {"key": named, "limit": 1})  # refuses a key that this station does not have
    if occurrence:
        of_key = [each for each in of_key if str(each["occurrence"]) == occurrence]
    return [each for each in of_key if each["active"] or each["unknown"]]
