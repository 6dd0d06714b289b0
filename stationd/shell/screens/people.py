"""The screens of people: who is here, the page of the handover, the prompt, what the station says meanwhile. Pure.

As in stationd.shell.screens.status nothing is cut off and every line is 7-bit ASCII of at most 79 columns. The prompt always has the
form that is documented for scripts, whatever a name holds; a notice is whole lines, so that it can stand above a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from stationd.shell.screens.alarms import SEVERITIES, SHORT
from stationd.shell.screens.typeset import (
    ROWS,
    RULE,
    ascii_only,
    bare_figure,
    beside,
    bounded,
    clock,
    counted,
    figure,
    in_columns,
    moment,
    plain,
    value,
    wrapped,
)

Form = Mapping[str, Any]
Forms = Sequence[Form]
SEAT_COLUMNS = (16, 8, 16, 6, 7)  # user, role, from, line, idle
WARNING = " ! "
LABEL = 9
NOT_AN_ISOLATION = "NOT AN ISOLATION - fit lock and earth"
NOTHING_WRITTEN = {True: "nothing is written", False: "not known yet"}
MODES = ("LIVE", "SIM", "HIL")


# Who is here.


def sessions_screen(sessions: Forms, rows: int | None = None) -> list[str]:
    """Return who is logged in, from where, for how long they have done nothing, who has the authority and what they have armed."""
    top = [*in_columns(("User", "Role", "From", "Line", "Idle"), SEAT_COLUMNS, "Holds authority"), RULE]
    body = [row for seat in sessions for row in _seat(seat)]
    return bounded(top, body or ["nobody"], [], rows, "show sessions")


def _seat(seat: Form) -> list[str]:
    where = " ".join(filter(None, ("" if seat["locality"] == "unknown" else str(seat["locality"]), str(seat["place"])))) or "not known"
    cells = (f"{seat['user']}{' *' if seat['you'] else ''}", str(seat["role"]), where, str(seat["line"]) or "-", figure(seat["idle"]))
    since = clock(seat["authoritySince"], _day(seat["idle"])) if seat.get("authoritySince") else ""
    holds = f"since {since}Z" if seat["authority"] and since else "yes" if seat["authority"] else "-"
    approved = set(seat["approved"])
    armed = [f"{name}{' (approver)' if name in approved else ''}" for name in dict.fromkeys((*seat["armed"], *seat["approved"]))]
    return [*in_columns(cells, SEAT_COLUMNS, holds), *(wrapped(", ".join(armed), "    armed: ") if armed else [])]


def _day(form: object) -> str:
    """Return the time of a number of the answer: what counts as today."""
    return str(form.get("t") or "") if isinstance(form, Mapping) else ""


# The handover.


def handover_screen(page: Form, rows: int | None = ROWS) -> list[str]:
    """Return the page of the handover: what must not be forgotten first, then alarms, what is hidden, flood figures, notes."""
    now = str(page["asOf"]["t"])
    mark = "~" if page["asOf"].get("synchronised") is False else ""
    title = ascii_only(f"HANDOVER   {str(page['station']).upper()} {str(page['mode']).upper()}   {_shift(page, now)}")
    warnings = [row for text in handover_warnings(page) for row in wrapped(text, WARNING)]
    top = [*beside(title, moment(now, mark)), RULE, *(warnings or [" nothing armed, held, bypassed, staged or unconfirmed"]), RULE]
    body = [row for part in _parts(page, now) for row in part]
    end = [RULE, *wrapped('Next:  handover write "..." (going)  |  handover take (coming, another user)')]
    return bounded(top, body, end, rows, "show handover")


def _shift(page: Form, now: str) -> str:
    shift = page.get("shift")
    if isinstance(shift, Mapping):
        return f"shift of {shift['by']} since {clock(shift['since'], now)}Z"
    return "nobody has taken the shift" if page["bookKnown"] else "whose shift it is, is not known yet"


def handover_warnings(page: Form) -> list[str]:
    """Return what whoever comes has to know before anything else, the gravest first, a sentence each."""
    return [text for found in (_acting_warnings(page), _state_warnings(page)) for text in found]


def _acting_warnings(page: Form) -> Iterator[str]:
    now = str(page["asOf"]["t"])
    yield from (_operation(each, now) for each in page["operations"])
    for each in page["bypasses"]:
        feeds = ", ".join(map(str, each["feeds"])) or "--"
        yield f"BYPASS of {each['interlock']} for {feeds} until {clock(each['until'], now)}Z ({figure(each['left'])} left)"
    for each in page["holds"]:
        yield f"HOLD {each['name']} {each['object']} by {each['who']} {clock(each['since'], now)}Z: {each['reason']}   {NOT_AN_ISOLATION}"
    for each in page["unconfirmed"]:
        until = f" until {clock(each['confirmUntil'], now)}Z" if each.get("confirmUntil") else ""
        changes = "; ".join(map(str, each["changes"]))
        yield f"{each['name']} UNCONFIRMED{until} by {each['who']}: {changes}. {each['text']} ({each['reason']})"
    for each in page["staged"]:
        yield f"STAGED, not sent: {each['device']} {each['name']} {value(each['value'])} by {each['who']}"


def _operation(each: Form, now: str) -> str:
    people = f"{each['armer']}{', approved ' + str(each['approver']) if each['approver'] else ''} since {clock(each['since'], now)}Z"
    left = "" if plain(each["left"]) is None else f", {figure(each['left'])} left"
    return f"{each['name']} {str(each['phase']).upper()}{left}: {each['object']} {each['task']} by {people}. {each['text']}"


def _state_warnings(page: Form) -> Iterator[str]:
    if not page["bookKnown"]:
        yield "NOT WHOLE: the disk has not said yet what was noted, written and taken before the last start of stationd"
    if page["flood"]["flood"]:
        yield f"FLOOD of alarms now: {bare_figure(page['flood']['rate'])} in 10 minutes"
    if not page["clock"]["synchronised"]:
        yield f"CLOCK NOT SYNCHRONISED: {page['clock']['t']}"
    if not page["journal"]["good"]:
        yield f"JOURNAL {page['journal']['state']}: {page['journal']['detail']}"
    if page.get("silentUntil"):
        yield f"the bell is SILENT until {clock(page['silentUntil'], str(page['asOf']['t']))}Z"


def _parts(page: Form, now: str) -> Iterator[list[str]]:
    """Yield the parts of the page under the warnings."""
    alarms = page["alarms"]
    counts = ", ".join(f"{alarms[word]} {word}" for word in SEVERITIES if alarms[word]) or "none"
    yield _labelled("ALARMS", f"{counts}   {alarms['open']} open, {alarms['unacknowledged']} not acknowledged")
    yield [row for each in alarms["lines"] for row in _open_alarm(each, now)]
    if alarms["open"] > len(alarms["lines"]):
        yield [f"  and {alarms['open'] - len(alarms['lines'])} more: show alarms"]
    for label, word, lines in (("SHELVED", "until", page["shelved"]), ("OUT OF SERVICE", "review", page["outOfService"])):
        yield wrapped(f"{label} {'none' if not lines else len(lines)}") if lines else []
        yield [row for each in lines for row in _hidden_alarm(each, word, now)]
    yield _labelled("FLOOD", _flood(page["flood"]))
    written = page.get("written")
    said = NOTHING_WRITTEN[page["bookKnown"]]
    if isinstance(written, Mapping):
        said = f"{clock(written['at'], now)}Z {written['by']}: {written['text']}"
    yield _labelled("WRITTEN", said)
    yield [row for each in reversed(page["notes"]) for row in wrapped(f"{each['by']}: {each['text']}", f"  {clock(each['at'], now)}Z ")]
    left_out = page["notesLeftOut"]
    yield [f"  and {counted(left_out, 'older note')}: show audit"] if left_out else []
    yield _labelled("AUDIT", f"{page['audit']['position']} records, digest {page['audit']['digest']}")


def _open_alarm(each: Form, now: str) -> list[str]:
    severity = SHORT.get(str(each["severity"]), ascii_only(each["severity"]))
    start = f" {ascii_only(each['letter'])} {severity:5} {clock(each['since'], now):>11}  "
    seen_by = f" ({each['by']})" if each["by"] else ""
    return wrapped(f"{each['key']}  {each['text']}{seen_by}", start)


def _hidden_alarm(each: Form, word: str, now: str) -> list[str]:
    until = f"{word} {clock(each['until'], now)}Z by {each['by']}"
    return wrapped(f"{each['key']}  {until}: {each['reason']}", f" {ascii_only(each['letter'])} ")


def _flood(flood: Form) -> str:
    peak = "" if plain(flood["peak"]) is None else f", at most {bare_figure(flood['peak'])} since the last handover"
    chattering = ", ".join(map(str, flood["chattering"])) or "none"
    return f"{bare_figure(flood['rate'])} alarms in 10 min{peak}   {bare_figure(flood['floods'])} floods   chattering {chattering}"


def _labelled(label: str, text: str) -> list[str]:
    return wrapped(text, f"{label:{LABEL}}")


# The prompt, and what stands above it.


def prompt_text(prompt: Form) -> str:
    r"""Return the prompt: ^[A-Z0-9-]+ (LIVE|SIM|HIL) [a-z]+( \[[^]]*\])?> $ whatever the answer holds. What it lacks is marked."""
    named = re.sub(r"[^A-Z0-9-]", "-", ascii_only(prompt.get("station") or "").upper())
    known = prompt.get("mode") in MODES
    place = re.sub(r"[^a-z]", "", ascii_only(prompt.get("place") or "")) or "view"
    unknown = " and ".join(word for word, there in (("station", named), ("mode", known)) if not there)
    every = [*(prompt.get("marks") or ()), *([f"{unknown} not known"] if unknown else [])]
    marks = ", ".join(ascii_only(mark).replace("]", ")") for mark in every)
    mode = prompt["mode"] if known else "LIVE"  # what is not known may be the sea cable
    return f"{named or 'STATION'} {mode} {place}{f' [{marks}]' if marks else ''}> "


def notice_lines(notice: Form, local_time: bool = False) -> list[str]:  # the shell's own setting, passed on
    """Return a notice as whole lines: 22:43:10Z OP-42 approved by n.aliyeva. No lines for one without a text."""
    text = str(notice.get("text") or "").strip()
    if not text:
        return []
    stamp = notice.get("t")
    at = clock(stamp, str(stamp["t"])) if isinstance(stamp, Mapping) else "--"
    return wrapped(text, f"{at}Z {_local(stamp) if local_time else ''}", "          ")


def _local(stamp: object) -> str:
    """Return the same time where the terminal is, with its zone."""
    try:
        local = datetime.fromisoformat(str(stamp["t"])).astimezone() if isinstance(stamp, Mapping) else None
    except (KeyError, ValueError, OverflowError, OSError):
        return ""
    if local is None:
        return ""
    zone = f"{local:%z}"
    return f"({local:%H:%M:%S} {zone[:3]}{'' if zone[3:] == '00' else ':' + zone[3:5]}) "
