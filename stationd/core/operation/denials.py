"""What is said where the table of the operation machine refuses an order, or where the desk itself does: one sentence why, one what helps.

Refusals that come from the plant are written where the preconditions are (stationd.core.operation.checks).
"""

from __future__ import annotations

from stationd.core.operation.dossier import Dossier
from stationd.core.operation.look import ago
from stationd.core.operation.machine import PHASES, State
from stationd.core.operation.orders import Person, Way
from stationd.core.operation.words import Cause, Refusal


def unknown_operation(name: str, last: int) -> Refusal:
    """Refuse what names an operation that there is none of."""
    known = f"the last one was OP-{last}" if last else "none was armed yet"
    return Refusal(Cause.NOT_SELECTED, f"there is no operation {name}: {known}", "look with: show operations")


def denied(dossier: Dossier, cause: Cause, now: float) -> Refusal:
    """Return the sentences for a word of the table."""
    return Refusal(_closed_cause(dossier, cause), _standing(dossier, now), _remedy(dossier, cause))


def _closed_cause(dossier: Dossier, cause: Cause) -> Cause:
    """Return the word: of what is over because its time was, say that."""
    over = dossier.state is State.CLOSED and dossier.cause is Cause.TIME_LIMIT and cause is Cause.NOT_SELECTED
    return Cause.TIME_LIMIT if over else cause


def _left(dossier: Dossier, now: float) -> str:
    return f", {max(dossier.until_t - now, 0):.0f} s left" if dossier.until_t is not None else ""


def _standing(dossier: Dossier, now: float) -> str:
    name, left = dossier.name, _left(dossier, now)
    match dossier.state:
        case State.WAITING | State.ASKED:
            return f"{name} waits for a second person{left}"
        case State.ARMED | State.DOUBTED:
            return f"{name} is armed and not begun{left}"
        case State.OFFERED | State.MISTYPED:
            return f"{name} holds, and a code is offered to {dossier.armer.name}{left}"
        case State.STARTING | State.RESUMING:
            return f"{name} is beginning: its record is being written"
        case State.RUNNING:
            return f"{name} of {dossier.armer.name} is running"
        case State.HELD:
            return f"{name} holds since {now - dossier.since_t:.0f} s: {dossier.detail}"
        case State.CLOSED | State.NONE:
            return f"{name} is over since {now - dossier.since_t:.0f} s: {dossier.detail}"


def _remedy(dossier: Dossier, cause: Cause) -> str:
    name = dossier.name
    if cause is Cause.SECOND_PERSON:
        return f"somebody else of stationd-power types: approve {name}"
    match dossier.state:
        case State.RUNNING | State.STARTING | State.RESUMING:
            return "stop it where it is with: hold-ramp"
        case State.HELD:
            return f"go on with: resume {name}, down with: back {name}, or give it up with: disarm {name}"
        case State.CLOSED | State.NONE:
            return "arm it anew"
        case _:
            return f"begin it with: execute {name}, or give it up with: disarm {name}"


def not_the_armer(dossier: Dossier, who: str) -> Refusal:
    """Refuse somebody who wants to begin what another has armed."""
    return Refusal(
        Cause.LOCKED_BY_OTHER, f"{dossier.name} was armed by {dossier.armer.name}, not by {who}",
        f"{dossier.armer.name} executes it; or: disarm {dossier.name}, and arm it yourself",
    )  # fmt: skip


def wrong_code(dossier: Dossier, now: float) -> Refusal:
    """Refuse a code that is not the one of the screen."""
    if dossier.state in (State.DOUBTED, State.MISTYPED):
        remedy = "type the code of that screen; one more wrong code ends it"
        why = f"this is not the code of the arming screen of {dossier.name}{_left(dossier, now)}"
        return Refusal(Cause.INCONSISTENT, why, remedy)
    held = PHASES[dossier.state].value
    return Refusal(Cause.INCONSISTENT, f"a second wrong code: {dossier.name} is {held}", "look at the arming screen, then begin anew")


def no_way(dossier: Dossier, way: Way) -> Refusal:
    """Refuse a way that this task does not have."""
    if dossier.executor is None:
        return Refusal(Cause.MODE, f"{dossier.object} is no longer in the station's file", f"give it up with: disarm {dossier.name}")
    other = "resume" if way is Way.BACK else "back"
    return Refusal(Cause.INCONSISTENT, f"{dossier.name} has no way {way.value}: it goes down already", f"use: {other} {dossier.name}")


def wrong_session(dossier: Dossier) -> Refusal:
    """Refuse a keep-alive that comes from elsewhere."""
    return Refusal(
        Cause.LOCKED_BY_OTHER, f"{dossier.name} was begun by {dossier.armer.name} in another session",
        "watch it with: show operations; stop it with: hold-ramp",
    )  # fmt: skip


def under_way(name: str, t: float, now: float) -> Refusal:
    """Refuse while a write that was sent at `t` has not been answered."""
    return Refusal(Cause.PROCESS, f"a write to {name} was not answered yet, sent {ago(t, now)}", "ask again in a few seconds")


def not_allowed(who: Person, what: str, role: str) -> Refusal:
    """Refuse somebody without the role."""
    return Refusal(Cause.NO_AUTHORITY, f"{who.name} may not {what}", f"somebody of {role} may")


def read_only(title: str, button: str) -> Refusal:
    """Refuse EMERGENCY-OFF where nothing may be written: say where the hand can do it."""
    return Refusal(Cause.MODE, f"{title} is a read-only station: nothing can be sent from here", f"press {button}")


def no_feed(asked: str, known: str) -> Refusal:
    """Refuse an EMERGENCY-OFF that names no feed of this station."""
    why = f"there is no power feed {asked!r} here" if asked else f"no power feed was named; there are: {known or 'none'}"
    return Refusal(Cause.INCONSISTENT, why, f"name one: {known}, or all" if known else "this station drives no power feed")


def nothing_runs(dossier: Dossier, now: float) -> Refusal:
    """Refuse to hold what does not run."""
    return Refusal(Cause.NOT_SELECTED, _standing(dossier, now), f"give it up with: disarm {dossier.name}")
