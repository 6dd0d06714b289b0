"""The exit codes of `stationctl` and which answer of the daemon leads to which. Pure; a script relies on these numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

ALARM, STATUS, DIAGNOSTICS, SERVICE = "io.stationd.Alarm.", "io.stationd.Status.", "io.stationd.Diagnostics.", "org.varlink.service."
SESSION = "io.stationd.Session."
Json = Mapping[str, object]
NOT_OFFERED = "not-offered"


class Exit(IntEnum):
    """What a script learns without reading text."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_DAEMON = 3
    NOT_PERMITTED = 4
    REFUSED = 5
    OUTCOME_UNKNOWN = 6
    NO_SUCH_THING = 7
    NOT_GOOD = 8
    CONFLICT = 9
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "it ran and failed",
    Exit.USAGE: "usage: unknown word, bad value, missing unit",
    Exit.NO_DAEMON: "no daemon",
    Exit.NOT_PERMITTED: "not permitted: role, authority, second person, no terminal",
    Exit.REFUSED: "refused by safety: never repeat it blindly",
    Exit.OUTCOME_UNKNOWN: "outcome unknown: look first",
    Exit.NO_SUCH_THING: "no such thing",
    Exit.NOT_GOOD: "some value is stale or bad (with --strict)",
    Exit.CONFLICT: "conflict: look again",
    Exit.INTERRUPTED: "interrupted",
}
CODES = {
    ALARM + "NoSuchAlarm": Exit.NO_SUCH_THING,
    ALARM + "Hidden": Exit.CONFLICT,
    ALARM + "StillActive": Exit.CONFLICT,
    ALARM + "NotAcknowledged": Exit.CONFLICT,
    ALARM + "NotShelvable": Exit.REFUSED,
    ALARM + "ReasonRequired": Exit.USAGE,
    ALARM + "Refused": Exit.REFUSED,
    ALARM + "OutcomeUnknown": Exit.OUTCOME_UNKNOWN,
    ALARM + "TooSlow": Exit.NO_DAEMON,
    STATUS + "NoSuchDevice": Exit.NO_SUCH_THING,
    STATUS + "NotServed": Exit.NO_DAEMON,
    STATUS + "NotAdmitted": Exit.NOT_PERMITTED,
    DIAGNOSTICS + "NoSuchFault": Exit.NO_SUCH_THING,
    DIAGNOSTICS + "NotDone": Exit.FAILED,
    DIAGNOSTICS + "BaselineRefused": Exit.REFUSED,
    DIAGNOSTICS + "NotAllowed": Exit.NOT_PERMITTED,
    DIAGNOSTICS + "NoLine": Exit.NO_SUCH_THING,
    DIAGNOSTICS + "NoSuchKey": Exit.NO_SUCH_THING,
    DIAGNOSTICS + "NoSuchPoint": Exit.NO_SUCH_THING,
    DIAGNOSTICS + "NoSuchDevice": Exit.NO_SUCH_THING,
    DIAGNOSTICS + "NotSaved": Exit.REFUSED,
    SESSION + "NobodyThere": Exit.NO_SUCH_THING,
    SESSION + "NotAllowed": Exit.NOT_PERMITTED,
    SESSION + "Refused": Exit.REFUSED,
    SESSION + "OutcomeUnknown": Exit.OUTCOME_UNKNOWN,
    SERVICE + "InvalidParameter": Exit.USAGE,
    SERVICE + "PermissionDenied": Exit.NOT_PERMITTED,
    SERVICE + "InterfaceNotFound": Exit.NO_SUCH_THING,
    SERVICE + "MethodNotFound": Exit.NO_SUCH_THING,
}
CAUSES = {
    "no-access-authority": Exit.NOT_PERMITTED,
    "blocked-by-switching-hierarchy": Exit.NOT_PERMITTED,
    "second-person-missing": Exit.NOT_PERMITTED,
    "two-persons": Exit.NOT_PERMITTED,
    "locked-by-other-client": Exit.CONFLICT,
    "object-already-selected": Exit.CONFLICT,
    "1-of-n-control": Exit.CONFLICT,
    "command-already-in-execution": Exit.CONFLICT,
    "occurrence-passed": Exit.CONFLICT,
    "out-of-service": Exit.CONFLICT,
    "not-latched": Exit.CONFLICT,
    "name-taken": Exit.CONFLICT,
    "bad-name": Exit.USAGE,
    "too-large": Exit.USAGE,
}


class Refusal(NamedTuple):
    """What was refused, in the three sentences of every refusal."""

    code: Exit
    why: str
    to_do: str


def refusal(error: str, parameters: Json) -> Refusal:
    """Return how an error of the daemon is said, and with which code it ends."""
    cause, code = str(parameters.get("cause", "")), CODES.get(error, Exit.FAILED)
    if error in (ALARM + "Refused", DIAGNOSTICS + "NotSaved", SESSION + "Refused"):
        code = CAUSES.get(cause, code)
    of_plant = _of_plant(error, parameters, code)
    if of_plant is not None:
        return of_plant
    key = str(parameters.get("key", "it"))
    match error.rpartition(".")[2]:
        case "NoSuchAlarm":
            return Refusal(code, f"no-such-alarm: this station has no alarm {key}", "look at the keys: stationctl show alarms all")
        case "Hidden":
            return Refusal(code, f"hidden: {parameters.get('why', key)}", "wait until it is visible again, or unshelve it")
        case "StillActive":
            return Refusal(code, f"still-active: the condition of {key} still holds", "reset it when it is gone and acknowledged")
        case "NotAcknowledged":
            return Refusal(code, f"not-acknowledged: nobody has acknowledged {key}", f"stationctl ack {key}")
        case "NotShelvable":
            return Refusal(code, f"not-shelvable: {key}", _longest(parameters.get("maxSeconds")))
        case "ReasonRequired":
            return Refusal(code, "reason-required: the text is too short", f"write {_at_least(parameters.get('minLength'))}")
        case "InvalidParameter":
            return Refusal(code, f"the daemon does not take the value of {parameters.get('parameter')}", "shorten or correct it")
        case name:
            why = str(parameters.get("detail") or parameters.get("method") or parameters.get("interface") or name)
            look = "look first: stationctl show handover" if error == SESSION + "OutcomeUnknown" else ""
            hint = str(parameters.get("hint") or look)
            return Refusal(code, f"{cause}: {why}" if cause else f"{name}: {why}", hint)


def of_outcome(outcome: Json) -> Exit:
    """Return the code of one key of an acknowledgement."""
    if outcome.get("done") is True:
        return Exit.DONE
    return CAUSES.get(str(outcome.get("cause")), CODES.get(f"{ALARM}{outcome.get('error')}", Exit.FAILED))


def qualities(form: object) -> Iterator[str]:
    """Give the quality word of every value in an answer. What a unit does not offer at all is no value."""
    if isinstance(form, dict):
        if isinstance(form.get("q"), str) and "v" in form and form.get("why") != NOT_OFFERED:
            yield form["q"]
        for inner in form.values():
            yield from qualities(inner)
    elif isinstance(form, list):
        for inner in form:
            yield from qualities(inner)


def _of_plant(error: str, parameters: Json, code: Exit) -> Refusal | None:
    """Return how an error about a unit, the line and its faults is said; None for other errors."""
    if error == STATUS + "NoSuchDevice":
        return Refusal(code, f"no-such-device: nothing is called {parameters.get('device')} here", "look at the names: show amp, show pfe")
    if error == DIAGNOSTICS + "NoSuchFault" and parameters.get("id") == "last":
        return Refusal(code, "no-such-fault: no fault was recorded here so far", "what is wrong now: show alarms")
    if error == DIAGNOSTICS + "NoSuchFault":
        return Refusal(code, f"no-such-fault: no fault {parameters.get('id')} was recorded here", "look at the names: show faults")
    if error == DIAGNOSTICS + "BaselineRefused":
        why = f"{parameters.get('cause')}: {_listed(parameters.get('missing'))}"
        return Refusal(code, why, "the baseline before stays; take it when all is good")
    if error == SERVICE + "InterfaceNotFound" and f"{parameters.get('interface')}." == DIAGNOSTICS:
        return Refusal(code, "no-line: this station has no [line] in its file", "stationd check --defaults shows what belongs there")
    return None


def _listed(items: object) -> str:
    return "; ".join(map(str, items)) if isinstance(items, list) else ""


def _at_least(number: object) -> str:
    return f"at least {number} character{'' if number == 1 else 's'}"


def _longest(seconds: object) -> str:
    if not isinstance(seconds, int) or seconds <= 0:
        return "critical and safety alarms are never shelved; two persons may take them out of service"
    return f"at most {seconds // 3600}h{seconds % 3600 // 60:02d}m for this alarm"
