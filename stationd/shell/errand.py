"""One command carried out: what is asked of the daemon for it, and what is told of the answer. The same one-shot and in the shell.

What a person has to answer meanwhile is in stationd.shell.act_client, EMERGENCY-OFF in stationd.shell.emergency.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from stationd.shell import feeds, showing
from stationd.shell.caller import Failed, Line
from stationd.shell.daemon import Daemon
from stationd.shell.denials import NOTHING_SENT
from stationd.shell.exits import Exit, of_outcome, qualities
from stationd.shell.grammar.noting import ALL_VISIBLE
from stationd.shell.methods import ALARM, DIAGNOSTICS, SESSION, STATUS
from stationd.shell.screens.typeset import wrapped
from stationd.shell.told import Asked, Form, Told
from stationd.shell.wish import ACT_SHOWN, BY_ITSELF, Ago, Kind, Wish

VERIFY_S = 125.0  # the daemon itself gives a walk along the whole audit 120 s
REPORT_S = 130.0  # a self-test walks along the audit too
COLUMNS_OF_PLOT = 66
MOST_KEYS = 100  # that the daemon takes in one call
NOTE_IN_CAPITALS = "a note of one word in capitals is taken for an alarm: write more than one word"
NOT_BAD = (Kind.INTERLOCKS, Kind.DIFF)
LONG_S = {Kind.VERIFY: VERIFY_S, Kind.REPORT: REPORT_S}


def told(wish: Wish, daemon: Daemon, asked: Asked) -> Told:
    """Carry out a command that asks nothing of the person. Failed when it is refused, or nobody answers."""
    if wish.kind in BY_ITSELF:
        from stationd.shell import by_itself

        return by_itself.told(wish, daemon, asked)
    with daemon.line() as line:
        if wish.acts:
            with _before_it_is_sent():
                wish = feeds.meant(wish, line)
        else:
            wish = feeds.meant(wish, line)
        match wish.kind:
            case Kind.ACT | Kind.SAY:
                return _acted(line, wish, asked)
            case Kind.ORDER:
                return _ordered(line, wish)
            case Kind.STATUS:
                from stationd.shell import glance

                found = glance.told(line, asked)
                return found._replace(code=_strictly(found.data, asked))
            case Kind.TAP:
                return _tap(line, wish, asked)
        return _looked(line, wish, asked)


def _looked(line: Line, wish: Wish, asked: Asked) -> Told:
    """Ask, and show the answer beside the station as it stands."""
    line.renew(max(line.timeout_s, LONG_S.get(wish.kind, 0.0)))
    answer = line.call(wish.method, _parameters(wish), acts=wish.acts)
    answer |= _more(line, wish)
    status = _station(line, wish)
    if wish.kind in (Kind.FEEDS, Kind.AMPLIFIERS):
        answer = status
    lines = [] if asked.json else showing.shown(wish.kind, answer, status, asked)
    as_of = str(answer["asOf"]["t"]) if wish.kind is Kind.ALARMS else ""
    return Told(lines, answer, _judged(wish.kind, answer, asked), (), status, as_of)


def _parameters(wish: Wish) -> dict[str, object]:
    """Return the parameters as the daemon takes them: times as stamps, a strip chart with its columns."""
    sent = {name: _stamp(known) if name == "since" else known for name, known in wish.parameters.items()}
    return sent | ({"columns": COLUMNS_OF_PLOT} if wish.kind is Kind.PLOT else {})


def _stamp(known: object) -> object:
    if isinstance(known, Ago):
        return {"t": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - known.seconds))}
    return {"t": known}


def _more(line: Line, wish: Wish) -> dict[str, object]:
    """Return what a screen shows beside its answer."""
    match wish.kind:
        case Kind.FEED:
            return line.call(f"{STATUS}.GetDevice", wish.parameters)
        case Kind.AMPLIFIER:
            from stationd.shell.glance import alarms_of

            listing = alarms_of(line, {"filter": {"shown": "all", "resource": wish.parameters["device"]}})
            return {"alarms": listing["alarms"] if listing is not None else []}
        case Kind.OPTICAL:
            return {"health": line.call(f"{DIAGNOSTICS}.GetHealth", {})["health"]}
    return {}


def _tap(line: Line, wish: Wish, asked: Asked) -> Told:
    from stationd.shell.screens import plant

    status = line.call(wish.method, {})["status"]
    name = str(wish.parameters["tap"])
    lines = plant.tap_screen(status, name, asked.rows)
    if lines is None:
        known = ", ".join(status.get("taps") or ()) or "none"
        raise Failed(Exit.NO_SUCH_THING, f"no optical input is called {name}", f"there are: {known}")
    return Told(lines, status["taps"][name], _strictly(status["taps"][name], asked), (), status)


# Orders.


def _station(line: Line, wish: Wish) -> dict[str, Any]:
    """Return the station as it stands. What was ordered before is done, whether or not the station can be looked at after it."""
    try:
        status: dict[str, Any] = line.call(f"{STATUS}.GetStatus", {})["status"]
    except Failed:
        if not wish.acts:
            raise
        return {}
    return status


@contextlib.contextmanager
def _before_it_is_sent() -> Iterator[None]:
    """While an order needs to know something first: whatever fails here, the order itself has not left."""
    try:
        yield
    except Failed as failed:
        if failed.error:
            raise
        raise Failed(failed.code, *failed.lines, NOTHING_SENT) from None
    except (KeyError, TypeError, ValueError, AttributeError) as strange:
        raise Failed(Exit.NO_DAEMON, f"the answer of the daemon is not understood ({strange!r})", NOTHING_SENT) from None


def _acted(line: Line, wish: Wish, asked: Asked) -> Told:
    """Give an order, before anything else is asked, and say what it has done. Whoever takes the shift reads its page first."""
    page = _page(line) if wish.method == f"{SESSION}.TakeHandover" and not asked.json else []
    answer = line.call(wish.method, wish.parameters, acts=True)
    status = _station(line, wish) if asked.json else {}
    code, beside = _durable(answer)
    if wish.kind is Kind.SAY:
        from stationd.shell.screens import said

        return Told([*page, *said.said_lines(wish, answer)], answer, code, beside, status)
    from stationd.shell.screens import acting

    return Told(acting.done_lines(wish, answer), answer, code, beside, status)


def _page(line: Line) -> Sequence[str]:
    from stationd.shell.screens import people

    try:
        page = line.call(f"{SESSION}.GetHandover", {}).get("page")
    except Failed as failed:
        if not failed.error:
            raise
        return failed.lines  # what cannot be shown keeps nobody from taking the shift
    return people.handover_screen(page, None) if page else []


def _ordered(line: Line, wish: Wish) -> Told:
    from stationd.shell.screens import alarms as screens

    with _before_it_is_sent():
        status = line.call(f"{STATUS}.GetStatus", {})["status"]
        keys = keys_of(line, wish)
    if not keys:
        raise Failed(Exit.NO_SUCH_THING, "no alarm waits for an acknowledgement")
    if not wish.several:
        answer = line.call(wish.method, {wish.parameter: keys[0], **wish.parameters}, acts=True)
        code, beside = _durable(answer)
        return Told([screens.done_line(keys[0], wish.done, answer)], answer, code, beside, status)
    every = _acknowledged(line, wish, keys)
    code, beside = _durable(every)
    outcomes = every["result"]
    done = [screens.acknowledged_line(outcome) for outcome in outcomes if outcome["done"]]
    refused = [row for outcome in outcomes if not outcome["done"] for row in screens.not_acknowledged_lines(outcome)]
    return Told(done, every, max(code, *(of_outcome(outcome) for outcome in outcomes)), [*beside, *refused], status)


def _acknowledged(line: Line, wish: Wish, keys: list[str]) -> Form:
    """Acknowledge all of them, in as many calls as that takes; return the answers as one. Failed says how many were before it."""
    results: list[Form] = []
    durable = True
    for first in range(0, len(keys), MOST_KEYS):
        line.renew(line.timeout_s)
        try:
            answer = line.call(wish.method, {wish.parameter: keys[first : first + MOST_KEYS], **wish.parameters}, acts=True)
        except Failed as failed:
            done = sum(bool(each["done"]) for each in results)
            before = [f"{done} of {len(keys)} alarms were acknowledged before that"] if results else []
            raise Failed(failed.code, *failed.lines, *before, error=failed.error, parameters=failed.parameters) from None
        results += answer["result"]
        durable &= bool(answer.get("durable", True))
    return {"result": results, "durable": durable}


def _durable(answer: Form) -> tuple[Exit, list[str]]:
    """Return how an order has ended that was carried out, and what to say when it would not outlast a restart."""
    if answer.get("durable", True):
        return Exit.DONE, []
    return Exit.OUTCOME_UNKNOWN, ["NOT ON DISK: this is lost if stationd restarts", "look at the disk: stationctl show alarms"]


def keys_of(line: Line, wish: Wish) -> list[str]:
    """Return the keys that are meant, each with the coming that was seen where the daemon had to be asked for it."""
    if wish.several and wish.keys == (ALL_VISIBLE,):
        alarms = line.call(f"{ALARM}.List", {})["alarms"]
        return [f"{alarm['key']}#{alarm['occurrence']}" for alarm in alarms if alarm["letter"] in "BDE"]
    stands = _comings(line) if wish.several and any("/" in key and "#" not in key for key in wish.keys) else {}
    return [stands.get(key, key) if "/" in key else _only(line, key, wish) for key in wish.keys]


def _comings(line: Line) -> dict[str, str]:
    """Return the keys of all alarms, each with the coming that stands now: what comes after that is acknowledged by nobody."""
    alarms = line.call(f"{ALARM}.List", {"filter": {"shown": "all"}})["alarms"]
    return {str(alarm["key"]): f"{alarm['key']}#{alarm['occurrence']}" for alarm in alarms}


def _only(line: Line, kind: str, wish: Wish) -> str:
    """Return the key of the only alarm of a type; with #N it is that coming of it."""
    kind, _, coming = kind.partition("#")
    alarms = line.call(f"{ALARM}.List", {"filter": {"shown": "all", "type": kind}})["alarms"]
    if not alarms:
        why = f"no alarm of the type {kind} stands; name it in full: resource/{kind}"
        raise Failed(Exit.NO_SUCH_THING, why, *([NOTE_IN_CAPITALS] if wish.several and len(wish.keys) > 1 else []))
    if len(alarms) > 1:
        raise Failed(Exit.USAGE, f"{kind} may be {' or '.join(alarm['key'] for alarm in alarms[:10])}")
    key, occurrence = str(alarms[0]["key"]), coming or alarms[0]["occurrence"]
    return f"{key}#{occurrence}" if wish.several or coming else key


# How it has ended.


def _judged(kind: Kind, answer: Form, asked: Asked) -> Exit:
    if kind is Kind.VERIFY and not answer["intact"]:
        return Exit.FAILED
    if kind is Kind.REPORT and not answer["report"]["good"]:
        return Exit.FAILED
    if kind in ACT_SHOWN and kind not in NOT_BAD:
        return Exit.DONE  # what is not known of an operation that does not run is nothing bad
    return _strictly(answer, asked)


def _strictly(form: object, asked: Asked) -> Exit:
    return Exit.NOT_GOOD if asked.strict and {"stale", "bad"} & set(qualities(form)) else Exit.DONE


def saved(daemon: Daemon, name: str, lines: list[str]) -> list[str]:
    """Have the daemon write lines into a file of the station; return where it is. Failed when it does not."""
    with daemon.line() as line:
        answer = line.call(f"{DIAGNOSTICS}.SaveText", {"name": name, "text": "".join(f"{row}\n" for row in lines)}, acts=True)
    return wrapped(f"saved: {answer['path']}")
