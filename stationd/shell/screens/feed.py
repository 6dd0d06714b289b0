"""The screens of one power feed: how it stands, its limits, what has happened to it. Pure.

What is not known is "--" or said in words; a contact that is not known is not shown as closed. Limits are those of the station's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens import typeset
from stationd.shell.screens.packed import led, packed
from stationd.shell.screens.typeset import RULE, ascii_only, beside, bounded, counted, figure, headed, moment, plain, value, wrapped

ROWS = 23
LABEL = 12
Form = Mapping[str, Any]
ABOVE = frozenset({"output_current", "output_voltage", "output_on", "regulation", "fault", "interlock", "current_setpoint"})
LIMITS = (
    ("nominal", "line current in service"),
    ("max", "highest voltage that is ever asked for"),
    ("ramp", "slope of a ramp upward"),
    ("ramp_down", "slope of a ramp down"),
    ("deviation", "an operation stops when the current is so far off its profile"),
    ("deviation_time", "for so long"),
    ("rise", "a voltage that rises faster stops the operation"),
    ("model", "at a hold point the voltage may be off the model of the line by"),
    ("discharged", "the line counts as discharged below"),
    ("discharge_time", "longest time that the discharge may take"),
    ("trim", "a set current may be moved by so much while both ends hold it"),
    ("droop", "current given up per 1000 V"),
    ("droop_doubt", "the droop is within so much of that"),
)
STATES = {True: "closed", False: "OPEN"}


def feed_screen(device: Form, feed: Form, rows: int | None = ROWS) -> list[str]:
    """Return how a feed stands: what it gives, its permissives, holds, and what its machine is doing."""
    points = _form(device.get("points"))
    on = {True: "ON", False: "OFF"}.get(plain(points.get("output_on")), "output ?") if device.get("up") is True else "NO ANSWER"
    name = ascii_only(feed.get("device") or device.get("device") or "--").upper()
    top = [*beside(f"{name}  {on}", f"{headed(feed)}   {moment(feed.get('t'))}"), RULE]
    body = [
        *packed(f"{'NOW':<{LABEL}}", [value(points.get("output_current")), value(points.get("output_voltage")),
                                      f"set {value(points.get('current_setpoint'))}", f"polarity {value(feed.get('polarity'))}"]),
        *packed(f"{'':<{LABEL}}", [f"regulation {value(feed.get('regulation'))}", f"fault {value(points.get('fault'))}",
                                   f"earthed {value(feed.get('earthed'))}", f"electroding {value(feed.get('electroding'))}"]),
        *packed(f"{'LIMITS':<{LABEL}}", _short(_form(feed.get("limits")))),
        *_state(feed),
        *_interlocks(feed),
        *_holds(feed),
        RULE,
        *packed("", [f"{ascii_only(point)} {value(form)}" for point, form in _others(points)]),
    ]  # fmt: skip
    return bounded(top, body, [], rows, f"show pfe {feed.get('device') or ''} detail")


def limits_screen(feed: Form, rows: int | None = ROWS) -> list[str]:
    """Return the limits of a feed and the state of its permissives."""
    limits = _form(feed.get("limits"))
    top = [*beside(f"{ascii_only(feed.get('device') or '--').upper()}  LIMITS", f"{headed(feed)}   {moment(feed.get('t'))}"), RULE]
    body = [row for name, text in LIMITS for row in beside(text, _number(limits.get(name)))]
    only = ["this station is read only: nothing is ever sent to it"] if feed.get("read_only") is True else []
    return bounded([*top, *only], [*body, RULE, *_interlocks(feed)], [], rows, f"show pfe {feed.get('device') or ''} limits")


def events_screen(events: Form, rows: int | None = ROWS) -> list[str]:
    """Return what has happened to a unit, the newest last and never left out."""
    told = [each for each in _items(events.get("events")) if isinstance(each, Mapping)]
    torn = events.get("torn")
    more = [f"{torn} damaged records left out" if torn else "", "older ones are not shown" if events.get("cut") is True else ""]
    subject = ascii_only(events.get("subject") or "--")
    top = [*packed(f"EVENTS of {subject}   ", [counted(len(told), "event"), headed(events), *more]), RULE]
    blocks = [_event(each) for each in told]
    if rows is None or len(top) + sum(map(len, blocks)) <= rows:
        return [*top, *([row for block in blocks for row in block] or ["none"])]
    kept, room = list[list[str]](), rows - len(top) - 1
    while blocks and len(blocks[-1]) <= room:
        room -= len(blocks[-1])
        kept.append(blocks.pop())
    older = f"  {counted(len(blocks), 'older event')}: stationctl --plain show pfe {subject} events"
    return [*top, *wrapped(older), *(row for block in reversed(kept) for row in block)]


def _event(event: Form) -> list[str]:
    mark = "" if event.get("synchronised") is True else "~"
    letter, severity = ascii_only(event.get("letter") or " "), ascii_only(event.get("severity") or "").upper()
    known = value(event.get("value")) if plain(event.get("value")) is not None else ""
    said = [str(event.get("what") or "--"), known, str(event.get("key") or "")]
    said += [f"by {event['who']}" if event.get("who") else "", f'"{event["note"]}"' if event.get("note") else ""]
    return led(f"{moment(event.get('t'), mark):<22}{letter} {severity:<9}", "   ".join(filter(None, said)), " " * 6)


# The rows of a feed.


def _others(points: Form) -> list[tuple[str, Form]]:
    """Return the points that have no place of their own above, but for those that the unit does not have."""
    return [(name, form) for name, form in points.items() if name not in ABOVE and typeset.offered(form)]


def _short(limits: Form) -> list[str]:
    named = (("nominal", "nominal"), ("max", "at most"), ("ramp", "ramp"), ("ramp_down", "down"))
    return [f"{word} {_number(limits.get(name))}" for name, word in named]


def _state(feed: Form) -> list[str]:
    operation = feed.get("operation")
    state = ascii_only(feed.get("state") or "--")
    if not isinstance(operation, Mapping):
        return packed(f"{'MACHINE':<{LABEL}}", [state, "no operation yet", "READ ONLY" if feed.get("read_only") is True else ""])
    how = str(operation.get("ending") or operation.get("phase") or "--")
    approver, cause = operation.get("approver"), operation.get("cause")
    who = f"by {operation.get('armer') or '--'}" + (f", approved by {approver}" if approver else "")
    facts = [state, f"{operation.get('id')} {operation.get('task')}", how + (f" ({cause})" if cause else "")]
    facts += [f"since {moment(operation.get('since'))}", who, str(operation.get("detail") or ""), f'"{operation.get("reason") or ""}"']
    return packed(f"{'MACHINE':<{LABEL}}", facts)


def _interlocks(feed: Form) -> list[str]:
    if feed.get("hardware_only"):
        return wrapped(f"hardware only: {feed['hardware_only']}", f"{'INTERLOCKS':<{LABEL}}")
    told = [each for each in _items(feed.get("interlocks")) if isinstance(each, Mapping)]
    closed = sum(each.get("closed") is True for each in told)
    lines = packed(f"{'INTERLOCKS':<{LABEL}}", [f"{closed} of {len(told)} closed" if told else "none is configured: it cannot be armed"])
    for each in told:
        state = STATES.get(each.get("closed"), "NOT KNOWN")  # type: ignore[arg-type]
        bypass = f"BYPASSED until {moment(each['bypassed_until'])}" if each.get("bypassed_until") else ""
        lines += packed(" " * LABEL, [ascii_only(each.get("point") or "--"), state, f"age {figure(each.get('age'))}", bypass])
    return lines


def _holds(feed: Form) -> list[str]:
    held = [each for each in _items(feed.get("holds")) if isinstance(each, Mapping)]
    if not held:
        return [f"{'HOLDS':<{LABEL}}none"]
    lines: list[str] = []
    for each in held:
        said = f'{each.get("id")} on {each.get("object")} by {each.get("who")} since {moment(each.get("since"))}: "{each.get("reason")}"'
        lines += wrapped(f"{said} NOT AN ISOLATION", f"{'HOLDS' if not lines else '':<{LABEL}}")
    return lines


def _number(form: object) -> str:
    known = plain(form)
    if not isinstance(known, int | float) or isinstance(known, bool) or not isinstance(form, Mapping):
        return "--"
    return f"{known:.12g} {ascii_only(form.get('u') or '')}".rstrip()


def _form(found: object) -> Form:
    return found if isinstance(found, Mapping) else {}


def _items(found: object) -> list[Any]:
    return list(found) if isinstance(found, Sequence) and not isinstance(found, str) else []
