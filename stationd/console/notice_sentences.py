"""What is said at prompts of what has happened: one English sentence with ids and numbers for each event that concerns people. Pure.

The events are the messages and records of the alarm desk and the records of the desk of operations, whose words stand in
stationd.core; a number that is not in the record is left out and never filled in. What is only a step on the way (an intent, a passed
hold point) is for the audit alone. That an alarm has come is said when the alarm core tells people, and not when it is recorded: what
one cause explains is one message. What became of it later is said only of what people were told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stationd.console.notices import Kind, Notice, Ring
from stationd.console.text import LONGEST_NOTE, TooLong, one_line
from stationd.core.alarm.machine import Event, Letter
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import BY_ITSELF, AlarmRecord, Annunciate, Why
from stationd.core.operation.words import Noted

HOW = {
    Why.RAISED: "raised",
    Why.ESCALATED: "got worse",
    Why.UNSHELVED: "shown again",
    Why.RELEASED: "remains, its cause is gone",
    Why.RETURNED: "shown again",
}
KNOWN = frozenset({Why.UNSHELVED, Why.RETURNED})  # people had hidden it themselves: it is not new to them and ends no silence
GONE = frozenset({Letter.GONE, Letter.LATCHED_NEW})
HIDDEN = {Event.SHELVE: "is shelved", Event.OUT_OF_SERVICE: "is taken out of service"}
VERBS = {"request": "asked for", "grant": "granted", "release": "released", "take": "taken"}  # of core.operation.orders.AuthorityVerb


@dataclass(frozen=True, slots=True)
class Said:
    """What a sentence is made with: the text of an alarm, what an operation is about, and a monotonic time as people read it."""

    alarm_text: Callable[[AlarmKey], str]
    about: Callable[[str], str]
    clock: Callable[[float], str]


def of_message(message: Annunciate, said: Said) -> Notice | None:
    """Return what is said when the alarm core tells people: critical alarms only. The bell is that of the message, quiet in a flood."""
    if message.severity is not Severity.CRITICAL:
        return None
    text = tidy(f"CRITICAL {message.key} {_how(message)}: {said.alarm_text(message.key)}")
    return Notice(Kind.ALARM, message.t, text, "critical", BY_ITSELF, _ring(message))


def _how(message: Annunciate) -> str:
    if message.letter not in GONE:
        return HOW[message.why]
    return "raised and gone again" if message.why is Why.RAISED else "is gone, and waits for a person"


def _ring(message: Annunciate) -> Ring:
    if message.why in KNOWN:
        return Ring.USUAL if message.audible else Ring.NO
    return Ring.ALARM if message.audible else Ring.FLOOD


def of_alarm(record: AlarmRecord, *, told: bool) -> Notice | None:
    """Return what is said of what became of a critical alarm. `told`: people were told of it; what they never heard of ends unheard.

    That two persons took it out of service is said in any case.
    """
    if record.severity is not Severity.CRITICAL:
        return None
    if not (told and record.before is not Letter.SUPPRESSED) and record.event is not Event.OUT_OF_SERVICE:
        return None
    words = _calmer(record)
    if not words:
        return None
    return Notice(Kind.ALARM, record.t, tidy(f"{record.key} {words}"), "critical", record.who, answered=record.who != BY_ITSELF)


def _calmer(record: AlarmRecord) -> str:
    note = f": {record.note}" if record.note else ""
    match record.event:
        case Event.ACK:
            return f"is acknowledged by {record.who}{note}"
        case Event.CLEAR if record.before not in (Letter.SHELVED, Letter.OUT_OF_SERVICE):
            return "is gone" if record.after is Letter.NORMAL else "is gone, and waits for a person"
        case Event.RESET:
            return f"is reset by {record.who}{note}"
        case Event.SHELVE | Event.OUT_OF_SERVICE:
            return f"{HIDDEN[record.event]} by {record.who}{note}"
        case _:
            return ""


def of_act(noted: Noted, said: Said) -> Notice | None:
    """Return what is said of a record of the desk of operations, or None for what is for the audit alone."""
    made = _MAKERS.get(noted.kind)
    return made(noted, said) if made is not None else None


def _line(kind: Kind, noted: Noted, text: str, severity: str = "", ring: Ring = Ring.NO, *, answered: bool = False) -> Notice:
    return Notice(kind, noted.t, tidy(text), severity, noted.who, ring, answered)


# Operations.


def _armed(noted: Noted, said: Said) -> Notice:
    waits = f"; it waits for a second person: approve {noted.subject}" if noted.document.get("class") == "lethal" else ""
    return _line(Kind.OPERATION, noted, f"{noted.who} has armed {noted.subject}{said.about(noted.subject)}{waits}", answered=True)


def _approved(noted: Noted, said: Said) -> Notice:
    return _line(Kind.OPERATION, noted, f"{noted.who} has approved {noted.subject}{said.about(noted.subject)}", answered=True)


def _offered(noted: Noted, said: Said) -> Notice:
    way = f" with {noted.document['way']}" if noted.document.get("way") else ""
    armer = str(noted.document.get("armer") or noted.who)
    return _line(Kind.OPERATION, noted, f"{armer} wants to let {noted.subject} go on{way}{said.about(noted.subject)}", answered=True)


def _rejected(noted: Noted, said: Said) -> Notice:
    return _line(Kind.OPERATION, noted, f"{noted.who} has rejected {noted.subject}{_why(noted)}", answered=True)


def _disarmed(noted: Noted, said: Said) -> Notice:
    by = "" if noted.who == BY_ITSELF else f" by {noted.who}"
    return _line(Kind.OPERATION, noted, f"{noted.subject} is disarmed{by}{_why(noted)}", answered=noted.who != BY_ITSELF)


def _executed(noted: Noted, said: Said) -> Notice:
    return _line(Kind.OPERATION, noted, f"{noted.who} has executed {noted.subject}{said.about(noted.subject)}", answered=True)


def _held(noted: Noted, said: Said) -> Notice:
    at = f" at {shown}" if (shown := measured(noted.document)) else ""
    by = "" if noted.who == BY_ITSELF else f" by {noted.who}"
    return _line(Kind.OPERATION, noted, f"{noted.subject} HELD{at}{by}{_why(noted)}", "major", Ring.USUAL)


def _ended(noted: Noted, said: Said) -> Notice:
    ending = str(noted.document.get("ending") or "ended")
    at = f" at {shown}" if (shown := measured(noted.document)) else ""
    detail = f": {noted.document['detail']}" if noted.document.get("detail") else ""
    bad = ending not in ("reached", "closed-held", "not-executed")
    severity, ring = ("major", Ring.USUAL) if bad else ("", Ring.NO)
    return _line(Kind.OPERATION, noted, f"{noted.subject} ended: {ending}{at}{detail}", severity, ring)


def _restarted(noted: Noted, said: Said) -> Notice:
    about = f" ({noted.document['object']})" if noted.document.get("object") else ""
    return _line(Kind.OPERATION, noted, f"{noted.subject}{about} was open when the daemon was restarted: look at it", "major", Ring.USUAL)


def _passed_off(noted: Noted, said: Said) -> Notice:
    operation = noted.document.get("operation")
    why = f": {noted.document['why']}" if noted.document.get("why") else ""
    if operation:
        return _line(Kind.OPERATION, noted, f"{operation} switches {noted.subject} off at once{why}", "major", Ring.USUAL)
    text = f"EMERGENCY-OFF {noted.subject} by {noted.who}: OFF is being sent, NOT SAFE TO TOUCH"
    return _line(Kind.EMERGENCY, noted, text, "critical", Ring.USUAL)


def _cut_off(noted: Noted, said: Said) -> Notice:
    detail = f": {noted.document['detail']}" if noted.document.get("detail") else ""
    if noted.document.get("confirmed") is True:
        return _line(Kind.EMERGENCY, noted, f"{noted.subject} is OFF by read-back{detail}; NOT SAFE TO TOUCH", "critical")
    return _line(Kind.EMERGENCY, noted, f"EMERGENCY-OFF {noted.subject} is NOT CONFIRMED{detail}", "critical", Ring.USUAL)


# Holds, bypasses, authority.


def _hold_added(noted: Noted, said: Said) -> Notice:
    on = f" on {noted.document['object']}" if noted.document.get("object") else ""
    reason = f": {noted.document['reason']}" if noted.document.get("reason") else ""
    return _line(Kind.HOLD, noted, f"{noted.who} has set {noted.subject}{on}{reason} - NOT AN ISOLATION", answered=True)


def _hold_removed(noted: Noted, said: Said) -> Notice:
    both = f" and {noted.document['approver']}" if noted.document.get("approver") else ""
    return _line(Kind.HOLD, noted, f"{noted.subject} is removed by {noted.who}{both}", answered=True)


def _bypass_begun(noted: Noted, said: Said) -> Notice:
    both = f" and {noted.document['approver']}" if noted.document.get("approver") else ""
    seconds = noted.document.get("for_s")
    span = f" for {seconds / 60:g} min" if isinstance(seconds, int | float) else ""
    return _line(Kind.BYPASS, noted, f"interlock {noted.subject} is BYPASSED by {noted.who}{both}{span}", "major", Ring.USUAL)


def _bypass_ended(noted: Noted, said: Said) -> Notice:
    return _line(Kind.BYPASS, noted, f"the bypass of {noted.subject} has ended{_why(noted)}")


def _authority(noted: Noted, said: Said) -> Notice:
    document = noted.document
    now, asks, verb = document.get("after"), document.get("requested_by"), document.get("verb")
    reason = f": {document['reason']}" if document.get("reason") else ""
    if verb == "expired":
        return _line(Kind.AUTHORITY, noted, f"the authority is {now}: {document.get('before')} was idle for too long")
    if verb == "request" and asks:
        return _line(Kind.AUTHORITY, noted, f"{asks} asks for the authority, which is {now}", answered=True)
    done = VERBS.get(str(verb), "changed")
    text = f"the authority is {now}, {done} by {noted.who} (was {document.get('before')}){reason}"
    return _line(Kind.AUTHORITY, noted, text, answered=True)


# Set values.


def _applied(noted: Noted, said: Said) -> Notice:
    waits = "; it goes back by itself unless it is confirmed" if noted.document.get("state") == "unconfirmed" else ""
    return _line(Kind.SETPOINT, noted, f"SETPOINT {noted.subject} applied by {_applier(noted)}{_changes(noted)}{waits}")


def _confirmed(noted: Noted, said: Said) -> Notice:
    return _line(Kind.SETPOINT, noted, f"SETPOINT {noted.subject} confirmed by {noted.who}", answered=True)


def _reverted(noted: Noted, said: Said) -> Notice:
    if noted.who == BY_ITSELF:
        text = f"SETPOINT reverted: not confirmed ({_applier(noted)}, {said.clock(noted.t)}), {noted.subject}{_changes(noted, back=True)}"
        return _line(Kind.SETPOINT, noted, text, "minor", Ring.USUAL)
    text = f"SETPOINT {noted.subject} of {_applier(noted)} reverted by {noted.who}{_changes(noted, back=True)}"
    return _line(Kind.SETPOINT, noted, text)


def _stays(noted: Noted, said: Said) -> Notice:
    detail = f": {noted.document['detail']}" if noted.document.get("detail") else ""
    text = f"SETPOINT {noted.subject} of {_applier(noted)} was NOT reverted and stays{detail}; confirm or revert it"
    return _line(Kind.SETPOINT, noted, text, "minor", Ring.USUAL)


def _failed(noted: Noted, said: Said) -> Notice:
    detail = f": {noted.document['detail']}" if noted.document.get("detail") else ""
    return _line(Kind.SETPOINT, noted, f"SETPOINT {noted.subject} of {_applier(noted)} failed{detail}", "minor", Ring.USUAL)


_MAKERS: Mapping[str, Callable[[Noted, Said], Notice]] = {
    "armed": _armed,
    "approved": _approved,
    "offered": _offered,
    "rejected": _rejected,
    "disarmed": _disarmed,
    "intent": _executed,
    "held": _held,
    "result": _ended,
    "restarted": _restarted,
    "emergency-off": _passed_off,
    "emergency-off-result": _cut_off,
    "hold-added": _hold_added,
    "hold-removed": _hold_removed,
    "bypass-begun": _bypass_begun,
    "bypass-ended": _bypass_ended,
    "authority": _authority,
    "applied": _applied,
    "confirmed": _confirmed,
    "reverted": _reverted,
    "left": _stays,
    "revert-refused": _stays,
    "apply-failed": _failed,
}


def measured(document: Mapping[str, object]) -> str:
    """Return how far an operation has come by measurement, with its unit; "" where that is not known."""
    value, unit = document.get("measured"), document.get("unit")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    return f"{round(value, 1):g} {unit if isinstance(unit, str) else ''}".strip()


def tidy(text: str) -> str:
    """Return a sentence as one line; of what is too long the end is left out, and that is said."""
    try:
        return one_line(text)
    except TooLong:
        return one_line(text[: LONGEST_NOTE - 20]) + " ... (shortened)"


def _why(noted: Noted) -> str:
    why = noted.document.get("why") or noted.document.get("detail")
    return f": {why}" if why else ""


def _applier(noted: Noted) -> str:
    return str(noted.document.get("applied_by") or noted.who)


def _changes(noted: Noted, *, back: bool = False) -> str:
    changes, (begin, end) = noted.document.get("changes"), ("after", "before") if back else ("before", "after")
    rows = [each for each in changes if isinstance(each, Mapping)] if isinstance(changes, list) else []
    words = [f"{each.get('point')} {_figure(each.get(begin))} -> {_figure(each.get(end))}" for each in rows]
    return f": {', '.join(words)}" if words else ""


def _figure(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) and math.isfinite(value) else "?"
