"""What `stationctl` says when an order about the plant was not done, or when nobody knows: lines and an exit code. Pure.

Every refusal has the same parts: what, why (the word after IEC 61850 and a sentence with the live value), what would change it,
and that nothing was sent. All reasons that hold are shown, since doing away with one of three opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stationd.shell.exits import Exit
from stationd.shell.methods import AUDIT, DIAGNOSTICS, OPERATION, SESSION, SETPOINT
from stationd.shell.screens.typeset import wrapped

WHY, TO_DO = " why     ", " to do   "
NOTHING_SENT = "Nothing was sent."
INTERFACE_NOT_FOUND = "org.varlink.service.InterfaceNotFound"
ERRORS = {
    "Refused": Exit.REFUSED,
    "NotAllowed": Exit.NOT_PERMITTED,
    "NoSuchOperation": Exit.NO_SUCH_THING,
    "NoSuchHold": Exit.NO_SUCH_THING,
    "NoSuchSetValue": Exit.NO_SUCH_THING,
    "OutcomeUnknown": Exit.OUTCOME_UNKNOWN,
    "TooSlow": Exit.NO_DAEMON,
    "NotRead": Exit.FAILED,
}
ACT_CAUSES = {
    "no-access-authority": Exit.NOT_PERMITTED,
    "blocked-by-switching-hierarchy": Exit.NOT_PERMITTED,
    "second-person-missing": Exit.NOT_PERMITTED,
    "locked-by-other-client": Exit.CONFLICT,
    "object-already-selected": Exit.CONFLICT,
    "1-of-n-control": Exit.CONFLICT,
    "command-already-in-execution": Exit.CONFLICT,
}
# Which screen shows what has become of an order: by its method, or else by its interface.
LOOK = {
    f"{OPERATION}.AddHold": "show holds",
    f"{OPERATION}.DropHold": "show holds",
    f"{OPERATION}.RequestAuthority": "show authority",
    f"{OPERATION}.GrantAuthority": "show authority",
    f"{OPERATION}.ReleaseAuthority": "show authority",
    f"{OPERATION}.TakeAuthority": "show authority",
    f"{OPERATION}.EndBypass": "show interlocks",
    f"{OPERATION}.EmergencyOff": "show pfe",
    f"{SETPOINT}.Stage": "show diff",
    f"{SETPOINT}.Discard": "show diff",
    f"{SETPOINT}.Rollback": "show diff",
    f"{SESSION}.Message": "show audit",
    f"{SESSION}.Silence": "show audit",
    f"{DIAGNOSTICS}.TakeBaseline": "show baseline",
    f"{DIAGNOSTICS}.MakeBundle": "show faults",
    OPERATION: "show operations",
    SETPOINT: "show applied",
    SESSION: "show handover",
    DIAGNOSTICS: "show log",
}
Form = Mapping[str, object]


def is_of_acting(error: str, parameters: Form) -> bool:
    """Return whether an error is one of the interfaces that act."""
    of = str(parameters.get("interface", "")) if error == INTERFACE_NOT_FOUND else error.rpartition(".")[0]
    return of in (OPERATION, SETPOINT, AUDIT)


def told(error: str, parameters: Form) -> tuple[Exit, list[str]]:
    """Return the exit code and the lines of an error; the line that says what was refused stands before them."""
    if error == INTERFACE_NOT_FOUND:
        return Exit.NO_SUCH_THING, [*wrapped(f"{parameters.get('interface')} is not served by this daemon", WHY), NOTHING_SENT]
    name = error.rpartition(".")[2]
    reasons = _reasons(name, parameters)
    code = ERRORS.get(name, Exit.FAILED)
    if name == "Refused":
        code = ACT_CAUSES.get(reasons[0][0], code)
    lines = [line for line in reason_lines(reasons) if line]
    return code, lines + (unknown(error) if code is Exit.OUTCOME_UNKNOWN else [NOTHING_SENT])


def reason_lines(reasons: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return reasons (cause, why, remedy) as lines, each remedy under its reason, or under the last of those that it helps."""
    lines: list[str] = []
    for (cause, why, remedy), following in zip(reasons, (*(each[2] for each in reasons[1:]), ""), strict=True):
        lines += wrapped(f"{cause}: {why}" if cause else why, WHY)
        lines += wrapped(remedy, TO_DO) if remedy and remedy != following else []
    return lines


def unknown(method: str) -> list[str]:
    """Return what to say when an order was sent and its answer is lost."""
    look = LOOK.get(method) or LOOK.get(method.rpartition(".")[0], "show alarms all")
    return wrapped(f"OUTCOME UNKNOWN: the order may have been carried out; look at the state first: stationctl {look}")


def _reasons(name: str, parameters: Form) -> list[tuple[str, str, str]]:
    listed = parameters.get("reasons")
    found = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, Sequence) else []
    if found:
        return [(_word(each, "cause"), _word(each, "why"), _word(each, "remedy")) for each in found]
    match name:
        case "NoSuchOperation":
            return [("no-such-operation", _word(parameters, "operation"), "look at the names: stationctl show operations")]
        case "NoSuchHold":
            return [("no-such-hold", _word(parameters, "hold"), "look at the names: stationctl show holds")]
        case "NoSuchSetValue":
            wanted = f"{_word(parameters, 'device')} has no {_word(parameters, 'name')} that can be set"
            return [("no-such-set-value", wanted, f"it has: {_words(parameters.get('known'))}")]
    return [(_word(parameters, "cause"), _word(parameters, "detail") or name, _word(parameters, "hint"))]


def _word(form: Form, name: str) -> str:
    return str(form.get(name) or "")


def _words(known: object) -> str:
    return ", ".join(map(str, known)) or "none" if isinstance(known, list) else "none"
