"""What may be typed about acting on the plant: operations, holds, authority, set values, the audit, the emergency. Pure.

Every word here is typed in full, but for those of `show`: a slip never acts. Numbers are written with their unit, and nothing that
is left out makes a command wider. There is no word that answers a question beforehand: who is to confirm something is asked.
The classes are 1 (holds, authority, hold-ramp), 2 (set values) and 3, 4 (operations).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from stationd.shell.task_words import FEED_VERBS, Words, bypass_task, contact_name, figure_in, nothing_more, plant_task
from stationd.shell.wish import Kind, Usage, Wish, seconds_in

OPERATION, SETPOINT, AUDIT = "io.stationd.Operation", "io.stationd.Setpoint", "io.stationd.Audit"
EMERGENCY_OFF = "EMERGENCY-OFF"
USUAL_RECORDS, MOST_RECORDS = 20, 200
SET_VALUES = {"gain": "dB", "output": "dBm", "tilt": "dB", "pump1-current": "mA"}

USAGE = """\
  show operations [OP]                     what is armed, running or held, and what was
  show interlocks | holds | authority      what has to be closed, what is held, who may act
  show diff | applied                      set values not sent yet; what was sent before
  show audit [last N|verify]               who has done what; whether the record is whole
  hold add OBJECT reason "..."             nobody is to act on this. NOT AN ISOLATION
  hold remove H-7                          remove one's own hold
  hold-ramp                                stop changing, keep what is
  authority request | grant USER | release | take reason "..."
  set amp ID gain|output|tilt|pump1-current VALUE UNIT
  apply [confirm-within 10m] reason "..."  send what show diff shows
  confirm   revert reason "..."   discard   rollback N
  approve OP   reject OP ["why"]   disarm OP   bypass end io1.di4
  EMERGENCY-OFF pfe a | b | all            de-energise, now. Nothing is asked

On a terminal, one command from the arming to the end:

  arm pfe a energise [master|follower] to 1000 mA rate 10 mA/s reason "..."
  arm pfe a ramp to 500 mA rate 10 mA/s reason "..."
  arm pfe a off rate 20 mA/s | polarity pos|neg | electroding on|off reason "..."
  arm amp ID pump-on | pump-off | mode acc|apc|agc reason "..."
  arm hold H-7 remove reason "..."   arm interlock io1.di4 bypass for 10m reason "..."
  resume OP   back OP                      go on with what is held: a code is asked for

OBJECT is pfe a, amp ID, another device, line or station. These words, but for show, are typed in full.
"""


# What is looked at.


def operations(more: Words) -> Wish:
    """Read `show operations [OP]`."""
    if not more:
        return Wish(Kind.OPERATIONS, f"{OPERATION}.List", {})
    return Wish(Kind.OPERATION, f"{OPERATION}.Get", {"operation": _only("show operations OP-42", more, operation_name)})


READINGS = {
    "interlocks": Wish(Kind.INTERLOCKS, f"{OPERATION}.Interlocks", {}),
    "holds": Wish(Kind.HOLDS, f"{OPERATION}.Holds", {}),
    "authority": Wish(Kind.AUTHORITY, f"{OPERATION}.Authority", {}),
    "diff": Wish(Kind.DIFF, f"{SETPOINT}.Diff", {}),
    "applied": Wish(Kind.APPLIED, f"{SETPOINT}.List", {}),
}


def audit(more: Words) -> Wish:
    """Read `show audit [last N|verify]`."""
    match more:
        case ():
            return Wish(Kind.AUDIT, f"{AUDIT}.List", {"last": USUAL_RECORDS})
        case ("verify",):
            return Wish(Kind.VERIFY, f"{AUDIT}.Verify", {})
        case ("last", number) if re.fullmatch(r"\d{1,4}", number, re.ASCII) and 1 <= int(number) <= MOST_RECORDS:
            return Wish(Kind.AUDIT, f"{AUDIT}.List", {"last": int(number)})
    raise Usage(f"show audit, show audit last N (1 to {MOST_RECORDS}), or show audit verify")


# What is ordered, by its first word.


def ordered(verb: str, rest: Words) -> Wish | None:
    """Return what an order about the plant asks for; None where the word is none of them. Usage when it is not clear."""
    if verb in VERBS:
        return VERBS[verb](rest)
    if verb.casefold() == EMERGENCY_OFF.casefold():
        raise Usage(f"{EMERGENCY_OFF} is typed in capitals: {EMERGENCY_OFF} pfe a")
    return None


def _emergency(rest: Words) -> Wish:
    objects: list[str] = []
    words = list(rest)
    while words:
        group = words.pop(0).casefold() if words[0].casefold() == "pfe" and len(words) > 1 else ""
        name = words.pop(0)
        objects.append("all" if name.casefold() == "all" else device_name(group, name))  # other names: the daemon takes either case
    if not objects or any(not name or name.startswith("-") for name in objects) or ("all" in objects and len(objects) > 1):
        raise Usage(f"{EMERGENCY_OFF} pfe a, {EMERGENCY_OFF} pfe-a pfe-b, or {EMERGENCY_OFF} all: nothing was sent")
    return Wish(Kind.EMERGENCY, f"{OPERATION}.EmergencyOff", {"objects": objects}, keys=tuple(objects))


def _hold(rest: Words) -> Wish:
    match rest:
        case ("add", *words):
            words_before, reason = _reasoned('hold add pfe a reason "..."', tuple(words))
            name = _object('hold add pfe a reason "..."', words_before)
            return Wish(Kind.ACT, f"{OPERATION}.AddHold", {"object": name, "reason": reason}, done=f"hold on {name}")
        case ("remove", *words):
            name = _only("hold remove H-7", tuple(words), hold_name)
            return Wish(Kind.ACT, f"{OPERATION}.DropHold", {"hold": name}, done=f"{name} is removed")
    raise Usage('hold add OBJECT reason "...", or hold remove H-7; to stop a ramp: hold-ramp')


def _hold_ramp(rest: Words) -> Wish:
    parameters = {"operation": _only("hold-ramp [OP-42]", rest, operation_name)} if rest else {}
    return Wish(Kind.ACT, f"{OPERATION}.Hold", parameters, done="held")


def _authority(rest: Words) -> Wish:
    match rest:
        case ("request",):
            return Wish(Kind.ACT, f"{OPERATION}.RequestAuthority", {}, done="authority requested")
        case ("grant", user) if user and not user.startswith("-"):
            return Wish(Kind.ACT, f"{OPERATION}.GrantAuthority", {"to": user}, done=f"authority granted to {user}")
        case ("release",):
            return Wish(Kind.ACT, f"{OPERATION}.ReleaseAuthority", {}, done="authority released")
        case ("take", *words):
            none, reason = _reasoned('authority take reason "..."', tuple(words))
            nothing_more('authority take reason "..."', none)
            return Wish(Kind.ACT, f"{OPERATION}.TakeAuthority", {"reason": reason}, done="authority taken")
    raise Usage('authority request, authority grant USER, authority release, or authority take reason "..."')


def _approve(rest: Words) -> Wish:
    name = _only("approve OP-42", rest, operation_name)
    return Wish(Kind.APPROVE, f"{OPERATION}.Approve", {"operation": name}, done=f"{name} approved")


def _reject(rest: Words) -> Wish:
    if not 1 <= len(rest) <= 2:
        raise Usage('reject OP-42 ["why"]: the reason stands in quotes')
    name, why = operation_name(rest[0]), rest[1] if rest[1:] else ""
    return Wish(Kind.ACT, f"{OPERATION}.Reject", {"operation": name, "why": why}, done=f"{name} rejected")


def _disarm(rest: Words) -> Wish:
    name = _only("disarm OP-42", rest, operation_name)
    return Wish(Kind.ACT, f"{OPERATION}.Disarm", {"operation": name}, done=f"{name} closed")


def _execute(rest: Words) -> Wish:
    return Wish(Kind.EXECUTE, f"{OPERATION}.Execute", {"operation": _only("execute OP-42", rest, operation_name)})


def _bypass(rest: Words) -> Wish:
    form = "bypass end io1.di4"
    if rest[:1] != ("end",):
        raise Usage(f'{form}; to begin one: arm interlock io1.di4 bypass for 10m reason "..."')
    name = _only(form, rest[1:], contact_name)
    return Wish(Kind.ACT, f"{OPERATION}.EndBypass", {"interlock": name}, done=f"{name} is bypassed no more")


def _resume(rest: Words) -> Wish:
    return Wish(Kind.GO_ON, f"{OPERATION}.Prepare", {"operation": _only("resume OP-42", rest, operation_name), "way": "resume"})


def _back(rest: Words) -> Wish:
    return Wish(Kind.GO_ON, f"{OPERATION}.Prepare", {"operation": _only("back OP-42", rest, operation_name), "way": "back"})


# Set values.


def _set(rest: Words) -> Wish:
    form = "set amp fp1-booster gain 35.1 dB"
    words = rest[1:] if rest[:1] == ("amp",) else ()
    if len(words) != 4:
        raise Usage(f"an amplifier, a name, a number and its unit, for example: {form}" + _unit_missing(words))
    device, name, text, unit = words
    if name not in SET_VALUES:
        raise Usage(f"{name} is none of: {', '.join(SET_VALUES)}; for example: {form}")
    figure = figure_in(text, f"{name} {text}", SET_VALUES[name])
    if unit != SET_VALUES[name]:
        raise Usage(f"{name} is written in {SET_VALUES[name]}, not in {unit}")
    parameters = {"device": device, "name": name, "value": figure, "unit": unit}
    done = f"{device} {name} {text} {unit} is staged: nothing was sent yet. Look: show diff"
    return Wish(Kind.ACT, f"{SETPOINT}.Stage", parameters, done=done)


def _apply(rest: Words) -> Wish:
    form = 'apply [confirm-within 10m] reason "..."'
    words, reason = _reasoned(form, rest)
    parameters: dict[str, object] = {"reason": reason}
    if words:
        if len(words) != 2 or words[0] != "confirm-within":
            raise Usage(f"{form}; {words[0]} is not understood there")
        parameters["confirmWithinSeconds"] = seconds_in(words[1])
    return Wish(Kind.ACT, f"{SETPOINT}.Apply", parameters, done="applied")


def _confirm(rest: Words) -> Wish:
    nothing_more("confirm", rest)
    return Wish(Kind.ACT, f"{SETPOINT}.Confirm", {}, done="confirmed: it stays")


def _discard(rest: Words) -> Wish:
    nothing_more("discard", rest)
    return Wish(Kind.ACT, f"{SETPOINT}.Discard", {}, done="discarded: nothing is staged any more")


def _revert(rest: Words) -> Wish:
    words, reason = _reasoned('revert reason "..."', rest)
    nothing_more('revert reason "..."', words)
    return Wish(Kind.ACT, f"{SETPOINT}.Revert", {"reason": reason}, done="reverted")


def _rollback(rest: Words) -> Wish:
    if len(rest) != 1 or re.fullmatch(r"[1-9]\d?", rest[0], re.ASCII) is None:
        raise Usage("rollback N: stage the values of before the last N applies, for example rollback 1")
    return Wish(Kind.ACT, f"{SETPOINT}.Rollback", {"number": int(rest[0])}, done="staged: nothing was sent yet. Look: show diff")


# Arming.


def _arm(rest: Words) -> Wish:
    words, reason = _reasoned('arm pfe a ramp to 500 mA rate 10 mA/s reason "..."', rest)
    match words:
        case ("pfe", verb, *_) if verb in FEED_VERBS:  # a feed that is called just so
            return _armed("pfe", plant_task("pfe", tuple(words[1:])), reason)
        case ("pfe" | "amp" as group, name, *task):
            return _armed(device_name(group, name), plant_task(group, tuple(task)), reason)
        case ("hold", name, "remove"):
            return _armed(hold_name(name), {"verb": "remove-hold", "hold": name}, reason)
        case ("interlock", name, *task):
            return _armed(name, bypass_task(name, tuple(task)), reason)
        case (name, *task) if name not in ("pfe", "amp", "hold"):
            return _armed(name, plant_task("", tuple(task)), reason)
    raise Usage("arm what? pfe a, amp ID, hold H-7 remove, or interlock NAME bypass")


def _armed(name: str, task: Mapping[str, object], reason: str) -> Wish:
    return Wish(Kind.ARM, f"{OPERATION}.Arm", {"object": name, "task": task, "reason": reason})


# What the commands share.


def device_name(group: str, name: str) -> str:
    """Return the device that is meant: `pfe a` and `pfe-a` are the same feed."""
    return f"pfe-{name}" if group == "pfe" and name != "all" and not name.casefold().startswith("pfe") else name


def operation_name(text: str) -> str:
    """Return the name of an operation. Usage when it is none."""
    if re.fullmatch(r"OP-\d{1,9}", text, re.ASCII) is None:
        raise Usage(f"{text} is no operation; their names are like OP-42: show operations")
    return text


def hold_name(text: str) -> str:
    """Return the name of a hold. Usage when it is none."""
    if re.fullmatch(r"H-\d{1,9}", text, re.ASCII) is None:
        raise Usage(f"{text} is no hold; their names are like H-7: show holds")
    return text


def _object(form: str, words: Words) -> str:
    match words:
        case ("pfe" | "amp" as group, name):
            return device_name(group, name)
        case (name,) if name != "amp" and not name.startswith("-"):
            return name
    raise Usage(f"{form}: name one object")


def _only(form: str, words: Words, of: Callable[[str], str]) -> str:
    if len(words) != 1:
        raise Usage(f"{form}: one name, and no more words")
    return of(words[0])


def _reasoned(form: str, words: Words) -> tuple[Words, str]:
    """Return the words before `reason`, and the reason, which is all that stands behind it."""
    if "reason" not in words:
        raise Usage(f'why? It ends with reason "...": {form}')
    at = words.index("reason")
    reason = " ".join(words[at + 1 :]).strip()
    if not reason:
        raise Usage(f"the reason is empty: {form}")
    return words[:at], reason


def _unit_missing(words: Words) -> str:
    known = len(words) == 3 and words[1] in SET_VALUES
    return f"; the unit is missing: {words[1]} {words[2]} {SET_VALUES[words[1]]}" if known else ""


VERBS: Mapping[str, Callable[[Words], Wish]] = {
    "hold": _hold,
    "hold-ramp": _hold_ramp,
    "authority": _authority,
    "approve": _approve,
    "reject": _reject,
    "disarm": _disarm,
    "execute": _execute,
    "bypass": _bypass,
    "resume": _resume,
    "back": _back,
    "arm": _arm,
    "set": _set,
    "apply": _apply,
    "confirm": _confirm,
    "revert": _revert,
    "discard": _discard,
    "rollback": _rollback,
    EMERGENCY_OFF: _emergency,
}
