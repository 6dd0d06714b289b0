"""The screens of acting: an operation from its arming to its end, holds, authority, interlocks, set values, the audit. Pure.

As in stationd.shell.screens.status nothing is cut off, nothing missing is shown as there, and every line is 7-bit ASCII of at most 79
columns. A hold is never shown without saying that it is no isolation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from stationd.shell.denials import ACT_CAUSES
from stationd.shell.exits import Exit
from stationd.shell.screens.typeset import ROWS, RULE, age, ascii_only, beside, bounded, clock, counted, value, wrapped
from stationd.shell.wish import Kind, Wish

Form = Mapping[str, Any]
NOT_AN_ISOLATION = "NOT AN ISOLATION - fit lock and earth"
LABEL = " " * 9
OF_FEEDS = frozenset({"energise", "ramp", "off", "polarity", "electroding"})
NOTED = "alarms"  # a check that bars nothing: it is there to be read
INTERLOCK = "interlock "  # the names of their checks begin so
BYPASSED = "BYPASSED"
SAID = frozenset({"authority", "readings", "holds", "far end", "far feed", "far hold", "far operation", "interlocks", "second person"})
RENAMED = {"read only": "the station may act", "role": "the role"}
EVERY_ROW = 10_000  # of a screen without an end
REPEATED = 2  # sentences of the effect, the gravest first, that stand once more above a question
IF_LOST = "before it begins it is disarmed; while it runs it HOLDS where it is, with an alarm"
TASKS: Mapping[str, Callable[[Form], str]] = {
    "energise": lambda task: f"ENERGISE{_part(task)} {_profile(task)}",
    "ramp": lambda task: f"RAMP {_profile(task)}",
    "off": lambda task: f"OFF at {_bare(task.get('rateMilliamperesPerSecond'))} mA/s",
    "polarity": lambda task: f"POLARITY {'negative' if task.get('negative') else 'positive'}",
    "electroding": lambda task: f"ELECTRODING {_on(task)}",
    "pump": lambda task: f"PUMP {_on(task)}",
    "mode": lambda task: f"MODE {task.get('mode')}",
    "remove-hold": lambda task: f"REMOVE HOLD {task.get('hold')}",
    "bypass": lambda task: f"BYPASS {task.get('interlock')} for {age(float(task.get('forSeconds') or 0))}",
}


def shown(kind: Kind, answer: Form, now: str, rows: int | None = ROWS) -> list[str]:
    """Return the screen of an answer that only shows; `now` is the daemon's time of it. Without `rows` it is as long as it is."""
    match kind:
        case Kind.OPERATIONS:
            return _list("OPERATIONS", now, [_operation_rows(each, now) for each in answer["operations"]], rows, "show operations")
        case Kind.OPERATION:
            return operation_screen(answer["operation"], now, rows)
        case Kind.HOLDS:
            return _list("HOLDS", now, [_hold_rows(each, now) for each in answer["holds"]], rows, "show holds")
        case Kind.INTERLOCKS:
            return _list("INTERLOCKS", now, [_interlock_rows(each, now) for each in answer["interlocks"]], rows, "show interlocks")
        case Kind.AUTHORITY:
            return authority_lines(answer["authority"], now)
        case Kind.DIFF:
            return _list("STAGED, not sent yet", now, [_staged_rows(each) for each in answer["staged"]], rows, "show diff")
        case Kind.APPLIED:
            return _list("APPLIED", now, [_applied_rows(each, now) for each in answer["applied"]], rows, "show applied")
        case Kind.AUDIT:
            return [*_list("AUDIT", now, [_audit_rows(each) for each in answer["entries"]], rows, "show audit"), *_torn(answer)]
        case _:
            return verified_lines(answer)


# One operation.


def arming_screen(view: Form, code: str = "", rows: int = ROWS - 1, *, stays: bool = False) -> list[str]:
    """Return what a person reads before saying yes. With `code` for the armer, without it for whoever approves.

    `stays`: the armer is in a shell, and begins it there with a command of its own.
    """
    last = wrapped(_to_begin(view, code, stays=stays)) if code else []
    told = _what_next(view, code, stays=stays)
    in_full = _screen(view, told, last, _in_full(view["checks"]), _limits(view["limits"]))
    if len(in_full) <= rows:
        return in_full
    return _screen(view, told, last, _in_short(view["checks"]), wrapped("; ".join(map(str, view["limits"])), LABEL))


def _in_full(checks: Sequence[Form]) -> list[str]:
    return [row for each in checks for row in wrapped(_check(each), LABEL, LABEL + "  ")]


def _limits(limits: Sequence[object]) -> list[str]:
    return [row for each in limits for row in wrapped(str(each), LABEL)]


def _in_short(checks: Sequence[Form]) -> list[str]:
    """Return what is not good, or is only bypassed, line by line, and what is good counted, with the values that a person asks for."""
    read = [each for each in checks if not each["good"] or each["name"] == NOTED or BYPASSED in str(each["shown"])]
    good = [each for each in checks if each not in read]
    closed = sum(str(each["name"]).startswith(INTERLOCK) for each in good)
    every = sum(str(each["name"]).startswith(INTERLOCK) for each in checks)
    said = [f"interlocks {closed}/{every} closed"] if every else []
    said += [str(each["shown"]) for each in good if each["name"] in SAID]
    rest = dict.fromkeys(str(each["name"]) for each in good if each["name"] not in SAID and not str(each["name"]).startswith(INTERLOCK))
    said += [", ".join(RENAMED.get(name, name) for name in rest)]
    return [*_in_full(read), *(wrapped(f"{len(good)} OK: {'; '.join(filter(None, said))}", LABEL) if good else [])]


def _screen(view: Form, told: Sequence[str], last: Sequence[str], checks: Sequence[str], limits: Sequence[str]) -> list[str]:
    """Return the screen: what it does to people and to the plant stands at its foot, right above the code or the question."""
    lines = [*wrapped(f"{view['name']}   {view['object']}   {task_words(view['task'])}"), RULE]
    lines += [*_under("CHECKS", checks), *_under("LIMITS", limits), *wrapped(view["reason"], "REASON   ")]
    effect = _under("EFFECT", [row for each in view["effect"] for row in wrapped(each, LABEL)])
    if not (waits(view) or may_begin(view)):
        return [*lines, *effect, RULE]
    return [*lines, *wrapped(IF_LOST, "IF YOU LOSE THIS SESSION   "), *_going_on(view), RULE, *told, *effect, *last]


def effect_again(view: Form) -> list[str]:
    """Return the gravest of what it does to people and to the plant, for the place right above a question."""
    return _under("EFFECT", [row for each in view["effect"][:REPEATED] for row in wrapped(each, LABEL)])


def _going_on(view: Form) -> list[str]:
    """Return where a held operation stands, and which way it is to go on."""
    if view["phase"] != "held":
        return []
    at = f"at {value(view['progress']['measured'])}. " if _known(view["progress"]["measured"]) else ""
    way = {"resume": "It goes on TO ITS TARGET.", "back": "It goes BACK to where it began."}.get(str(view.get("offered")), "")
    return wrapped(f"{at}{str(view.get('detail') or '').rstrip('.')}. {way}".strip(". "), "HELD     ")


def _what_next(view: Form, code: str, *, stays: bool) -> list[str]:
    name, left = view["name"], _seconds(view.get("left"))
    valid = f"Valid {left}." if left else ""
    if not code:
        return wrapped(f"Armed by {view['armer']}. {valid}")
    lines = []
    if waits(view):
        lines += wrapped(f"SECOND PERSON needed: another user of the group stationd-power sees this and types: approve {name}")
    return [*lines, *wrapped(f"{valid}  To give it up: {f'disarm {name}' if stays else 'Ctrl-C'}".strip())]


def _to_begin(view: Form, code: str, *, stays: bool) -> str:
    begin, after = f"execute {view['name']}   code" if stays else "type the code:  ", " after approval" if waits(view) else ""
    return f"To begin{after}, {begin} {ascii_only(code)}"


def waits(view: Form) -> bool:
    """Return whether a second person has to agree before it can begin, or go on."""
    return view["phase"] == "waiting" or (view["phase"] == "held" and bool(view.get("offered")) and bool(view.get("wantsApproval")))


def may_begin(view: Form) -> bool:
    """Return whether the code is what is wanted next."""
    return view["phase"] == "armed" or (view["phase"] == "held" and bool(view.get("offered")) and not view.get("wantsApproval"))


def approval_lines(view: Form) -> list[str]:
    """Return that the second person has agreed."""
    return wrapped(f"{view['name']} approved by {view.get('approver') or '--'}. {_valid(view)}".strip())


def running_lines(view: Form) -> list[str]:
    """Return what a person can do while it runs."""
    lines = wrapped("SPACE (or hold, Enter): hold here.   q or Ctrl-C: leave; it HOLDS within 5 s")
    if is_of_feed(view) and view.get("command") == "lethal":
        lines += wrapped(f"In an emergency: the red button, or in another session EMERGENCY-OFF {view['object']}")
    return lines


def is_of_feed(view: Form) -> bool:
    """Return whether it is a power feed that an operation moves: only then EMERGENCY-OFF and a current mean anything."""
    return view["task"].get("verb") in OF_FEEDS


def progress_text(view: Form) -> str:
    """Return in one sentence how far it is."""
    progress = view["progress"]
    said = [f"set {value(progress['setTo'])}" if _known(progress["setTo"]) else ""]
    said.append(f"measured {value(progress['measured'])}" if _known(progress["measured"]) or _known(progress["setTo"]) else "")
    said += [word + value(progress[name]) for name, word in (("voltage", ""), ("rise", "rising ")) if _known(progress[name])]
    left = _seconds(progress["left"])
    said.append(f"{left} left" if left else "")
    return f"{progress['phase'] or view['phase']}: {', '.join(filter(None, said))}".removesuffix(": ")


def ending_lines(view: Form, first: str = "") -> list[str]:
    """Return how it ended, or where it holds and how it goes on; `first` stands before it."""
    name, detail = view["name"], str(view.get("detail") or "")
    if view["phase"] == "held":
        at = value(view["progress"]["measured"]) if _known(view["progress"]["measured"]) else ""
        lines = wrapped(f"{name} HELD{' at ' + at if at else ''}: {detail}".rstrip(": "), first)
        lines += wrapped(f"go on: stationctl resume {name}   back: stationctl back {name}   (new code)", "  ")
        return [*lines, *wrapped(f"leave it as it is: stationctl disarm {name}", "  ")]
    ending, cause = str(view.get("ending") or view["phase"]), view.get("cause")
    word = ending if ending == "reached" else ending.upper()
    lines = wrapped(f"{name} {word}{f' ({cause})' if cause and ending != 'reached' else ''}: {detail}".rstrip(": "), first)
    return lines + (["Nothing was sent."] if ending == "not-executed" else [])


def left_lines(name: str, *, running: bool) -> list[str]:
    """Return what becomes of an operation that was left while it ran, or while somebody thought about letting it go on."""
    becomes = "HOLDS where it is within 5 s, and nobody needs to do anything for that" if running else "stays as it was; nothing was sent"
    return [
        *wrapped(f"You have left. {name} {becomes}."),
        *wrapped(f"look: stationctl show operations {name}   go on: stationctl resume {name}", "  "),
    ]


def lost_lines(name: str, *, feed: bool) -> list[str]:
    """Return what is true of an operation that ran when the daemon fell silent: dead it sends nothing, alive it holds."""
    what, stands = ("the feed", "the current") if feed else ("the device", "all")
    said = f"The daemon has ended or does not answer. Nothing is sent to {what} any more, 5 s from now at the latest; {stands} stands"
    return wrapped(f"{said} where it is. Look: stationctl show operations {name}")


def exit_of(view: Form) -> Exit:
    """Return 0 for what was reached, 5 (or who may do it: 4, 9) for what never began, 1 for all that ended or stands otherwise."""
    match view.get("ending") if view["phase"] == "closed" else None:
        case "reached":
            return Exit.DONE
        case "not-executed":
            return ACT_CAUSES.get(str(view.get("cause")), Exit.REFUSED)
    return Exit.FAILED


def operation_screen(view: Form, now: str, rows: int | None = ROWS) -> list[str]:
    """Return all about one operation, for whoever looks at it; without `rows` each check stands by itself."""
    lines = arming_screen(view, rows=EVERY_ROW if rows is None else rows - 1)
    lines += wrapped(f"{_state(view)} since {clock(view['since'], now)}Z, armed {clock(view['armedAt'], now)}Z, {_people(view)}")
    if view["phase"] in ("starting", "running"):
        lines += wrapped(progress_text(view))
    return lines + (ending_lines(view) if view["phase"] in ("held", "closed") else [])


def done_lines(wish: Wish, answer: Form) -> list[str]:
    """Return that an order was carried out; the daemon's own sentence where it has one."""
    names = ", ".join(map(str, answer.get("names") or ()))
    said = str(answer.get("detail") or wish.done)
    lines = wrapped(said if not names or names in said else f"{names}: {said}")
    return [*lines, NOT_AN_ISOLATION] if wish.method.endswith(".AddHold") else lines


# Lists.


def authority_lines(authority: Form, now: str) -> list[str]:
    """Return who may act here."""
    who = f"{str(authority['place']).upper()} {authority['holder']}" if authority["holder"] else "NOBODY has it: authority request"
    since = f" since {clock(authority['since'], now)}Z" if authority["holder"] and authority.get("since") else ""
    more = ["it is yours" if authority["yours"] else "", "released to remote users" if authority["released"] else ""]
    more.append(f"requested by {authority['requestedBy']}" if authority["requestedBy"] else "")
    more.append(f"the key switch says {authority['keySwitch']}" if authority["keySwitch"] else "")
    return wrapped("; ".join(filter(None, (who + since, *more))), "AUTHORITY  ")


def verified_lines(answer: Form) -> list[str]:
    """Return whether the chain of the audit holds."""
    head = f"{answer.get('position')} records, digest {answer.get('digest')}"
    if answer["intact"]:
        return wrapped(head, "AUDIT intact: ", "  ")
    return wrapped(f"at record {answer.get('brokenAt')}: {answer.get('why')}. {head}", "AUDIT BROKEN ", "  ")


def _operation_rows(view: Form, now: str) -> list[str]:
    at = value(view["progress"]["measured"]) if view["phase"] in ("running", "held") and _known(view["progress"]["measured"]) else ""
    first = "   ".join(filter(None, (view["object"], task_words(view["task"]), _state(view), at)))
    second = f"{clock(view['since'], now)}Z  {_people(view)}  {view['reason']}"
    detail = wrapped(str(view["detail"]), LABEL) if view["detail"] else []
    return [*wrapped(first, f"{ascii_only(view['name']):7}  ", LABEL), *wrapped(second, LABEL), *detail]


def _hold_rows(hold: Form, now: str) -> list[str]:
    who = f"{hold['object']}   {hold['who']}{' (yours)' if hold['yours'] else ''} since {clock(hold['since'], now)}Z"
    return [*wrapped(f"{who}   {hold['reason']}", f"{ascii_only(hold['name']):7}  ", LABEL), LABEL + NOT_AN_ISOLATION]


def _interlock_rows(interlock: Form, now: str) -> list[str]:
    closed = interlock["closed"]
    word = {True: "closed", False: "OPEN"}.get(closed.get("v"), "NOT KNOWN, which counts as open")
    seen = _ago(closed.get("t"), now) if closed.get("v") is not None else ""
    until = interlock.get("bypassedUntil")
    said = [f"{word}{f', {seen} ago' if seen else ''}", f"BYPASSED until {clock(until, now)}Z" if until else ""]
    said.append(f"lets run: {', '.join(map(str, interlock['feeds']))}")
    return wrapped("   ".join(filter(None, said)), f"{ascii_only(interlock['name']):18} ")


def _staged_rows(staged: Form) -> list[str]:
    said = f"{value(staged['now'])} -> {value(staged['staged'])}   {staged['who']}{' (yours)' if staged['yours'] else ''}"
    return wrapped(said, f"{ascii_only(staged['device'])} {ascii_only(staged['name'])}   ", LABEL)


def _applied_rows(applied: Form, now: str) -> list[str]:
    until = applied.get("confirmUntil")
    state = f"{str(applied['state']).upper()}{f' until {clock(until, now)}Z, then it goes back: confirm' if until else ''}"
    said = f"{state}   {clock(applied['at'], now)}Z   {applied['who']}   {applied['reason']}"
    first = wrapped(said, f"{ascii_only(applied['name']):7}  ", LABEL)
    changes = [f"{each['device']} {each['name']}   {value(each['before'])} -> {value(each['after'])}" for each in applied["changes"]]
    return [*first, *(row for each in (*changes, str(applied["detail"])) if each for row in wrapped(each, LABEL))]


def _audit_rows(entry: Form) -> list[str]:
    record = entry["document"] if isinstance(entry.get("document"), Mapping) else {}
    document = record["document"] if isinstance(record.get("document"), Mapping) else record  # an operation's is inside its record
    told = [str(document[name]) for name in ("reason", "note", "text", "detail", "why") if document.get(name)]
    said = "   ".join(filter(None, (str(entry["subject"]), str(entry["kind"]), str(entry["who"]), "; ".join(told))))
    return [*wrapped(said, f"{ascii_only(entry['at']['t'])[:19].replace('T', ' ')}Z  ", LABEL), *_refused_rows(document)]


def _refused_rows(document: Form) -> list[str]:
    """Return what was asked and the first reason why it was not done; nothing for other records."""
    reasons, asked = document.get("reasons"), document.get("asked")
    first = reasons[0] if isinstance(reasons, list) and reasons and isinstance(reasons[0], Mapping) else None
    if first is None:
        return []
    why = ": ".join(str(first[name]) for name in ("cause", "why") if first.get(name))
    return wrapped("   ".join(filter(None, (f"asked: {asked}" if isinstance(asked, str) and asked else "", why))), LABEL)


def _torn(answer: Form) -> list[str]:
    left_out = counted(answer.get("torn") or 0, "record could not be trusted and is", "records could not be trusted and are")
    return wrapped(f"{left_out} left out: show audit verify") if answer.get("torn") else []


# What they share.


def task_words(task: Form) -> str:
    """Return a task as it is said."""
    written = TASKS.get(str(task.get("verb")))
    return str(task.get("verb")) if written is None else written(task)


def _list(title: str, now: str, blocks: Sequence[list[str]], rows: int | None, command: str) -> list[str]:
    head = beside(f"{title}   {len(blocks) or 'none'}", f"{now[:10]} {now[11:19]}Z" if now else "--")
    return bounded([*head, RULE] if blocks else head, [row for block in blocks for row in block], [], rows, command)


def _people(view: Form) -> str:
    return f"{view['armer']}{f', approved {view_approver}' if (view_approver := view.get('approver')) else ''}"


def _state(view: Form) -> str:
    return str(view["ending"] if view["phase"] == "closed" and view["ending"] else view["phase"]).upper()


def _check(check: Form) -> str:
    reason = check.get("reason") or {}
    if check["good"] and check["name"] == NOTED:
        return f"note: {check['shown']}"
    return f"{check['name']}: {check['shown']}   {'OK' if check['good'] else 'NOT OK: ' + str(reason.get('cause') or '')}".rstrip(": ")


def _under(label: str, rows: Sequence[str]) -> list[str]:
    """Put a label before the first of rows that leave room for it."""
    return [f"{label:9}{rows[0][len(LABEL) :]}", *rows[1:]] if rows else []


def _part(task: Form) -> str:
    return f" as {task['part']}" if task.get("part") not in (None, "single") else ""


def _profile(task: Form) -> str:
    return f"to {_bare(task.get('toMilliamperes'))} mA at {_bare(task.get('rateMilliamperesPerSecond'))} mA/s"


def _bare(figure: object) -> str:
    return f"{figure:.10g}" if isinstance(figure, int | float) else "--"


def _on(task: Form) -> str:
    return "ON" if task.get("on") else "OFF"


def _known(form: object) -> bool:
    return isinstance(form, Mapping) and form.get("v") is not None


def _seconds(form: object) -> str:
    seconds = form.get("v") if isinstance(form, Mapping) else None
    return age(seconds) if isinstance(seconds, int | float) else ""


def _valid(view: Form) -> str:
    left = _seconds(view.get("left"))
    return f"Valid {left}." if left else ""


def _ago(then: object, now: str) -> str:
    try:
        seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(str(then))).total_seconds()
    except (TypeError, ValueError):
        return ""
    return f"{max(seconds, 0.0):.1f} s"
