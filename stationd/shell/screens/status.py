"""The first screen: is it ours? Answers of the daemon in, lines of 7-bit ASCII out, at most 79 columns. Pure.

Nothing is ever cut off: long text goes on in the next line, and what finds no row is counted. A value that is missing, stale or
bad is shown as that. What a station does not have, or this version does not know, has no row: what nobody asked of the daemon
(Around) is not shown as "none". Traffic is shown nowhere, since nothing here measures it; light is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.alarms import alarm_lines, alarm_summary, why_lines
from stationd.shell.screens.folding import folded
from stationd.shell.screens.typeset import (
    COLUMNS,
    ROWS,
    RULE,
    ascii_only,
    beside,
    bounded,
    clock,
    figure,
    headed,
    is_value,
    named,
    plain,
    utc_s,
    value,
    wrapped,
)
from stationd.shell.screens.units import NOTHING_MORE, Around, Rows, chosen, plant_parts
from stationd.shell.screens.unjudged import HEALTHY, sentence, unjudged

__all__ = ["Around", "place_words", "status_lines", "status_screen", "verdict_rows", "why_lines"]
VERDICT = " " * 8
# The first question of whoever is called at night; where nothing is wrong it does not arise.
ANSWERS = {
    "yes": "THE FAULT IS IN THIS STATION",
    "no": "THE FAULT IS NOT IN THIS STATION",
    "cannot-tell": "IT CANNOT BE TOLD WHOSE FAULT IT IS",
}
MOST_NAMED, ALARM_ROWS = 2, 5
FRESH = ("good", "sim", "uncertain")
NOT_AN_ISOLATION = "NOT AN ISOLATION"
Form = Mapping[str, Any]


# The station.


def status_screen(status: Form, alarms: Form | None = None, rows: int | None = ROWS, around: Around = NOTHING_MORE) -> list[str]:
    """Return the station at a glance; without `rows` as long as it is. `alarms` is the answer to List, where there is an alarm desk."""
    told = _told_rows(status, alarms)
    top, end = [*_head(status, alarms, around), *([RULE, *told] if told else [])], [RULE, *wrapped(_next(status, alarms, around))]
    people = _people(status, around)
    alarm_rows = [] if alarms is None else alarm_summary(alarms, None if rows is None else ALARM_ROWS)
    end = [*([RULE, *alarm_rows, *people] if alarm_rows or people else []), *end]
    room = None if rows is None else rows - len(top) - 1 - len(end)
    return bounded([*top, RULE], chosen(plant_parts(status, alarms, around), room), end, rows, "show status")


def status_lines(status: Form, alarms: Form | None = None) -> list[str]:
    """Return the station as plain lines, one for each value, for those who read them one after the other."""
    lines = [ascii_only(f"station {status.get('station')} {status.get('mode')} {status.get('t')}")]
    verdict, new = status.get("verdict"), unjudged(status, alarms)
    if new is not None:
        lines.append(ascii_only(f"verdict {sentence(status, new)}"))
    elif isinstance(verdict, Mapping):
        lines += [ascii_only(f"verdict {name} {verdict.get(name)}") for name in ("sentence", "ours", "confidence", "where", "since")]
    for group in ("power_feeds", "amplifiers", "taps"):
        for name, device in named(status.get(group)):
            lines.append(ascii_only(f"{name} up {_word(device.get('up'))}"))
            lines += [ascii_only(f"{name} {point} {value(form)}") for point, form in device.items() if is_value(form)]
    lines += [ascii_only(f"bus {name} up {_word(bus.get('up'))}") for name, bus in named(status.get("buses"))]
    return lines + ([] if alarms is None else alarm_lines(alarms))


# Who, when, how well it is known.


def _head(status: Form, alarms: Form | None, around: Around) -> list[str]:
    operator = str(status.get("operator") or "")
    synchronised = _synchronised(alarms, around)
    stamp = ascii_only(status.get("t") or "")
    local = ascii_only(status.get("local") or (around.clock or {}).get("local") or "")
    now = f"{'~' if synchronised is False else ''}{stamp[:10]} {stamp[11:19]}Z" if stamp else "--"
    if local:
        now += f" ({local[11:19]} {_zone(local)})"
    authority = "" if around.authority is None else _authority(around.authority)
    title = headed(status, "   ".join(filter(None, (operator, authority))))
    fits = len(title) + len(now) + 2 <= COLUMNS or not authority
    you = status.get("you")
    who = ascii_only(f"you {you.get('name')} ({you.get('role')})") if isinstance(you, Mapping) else ""
    known = [_clock(synchronised), _up(around), _data_age(status), _poor(status)]
    several = [[_clock(synchronised, around), *known[1:]], known]
    several = several if fits else [[operator, *facts] for facts in several] + several  # the operator's name is the first to go
    texts = [ascii_only("   ".join(filter(None, facts))) for facts in several]
    second = next((text for text in texts if len(text) + len(who) + 2 <= COLUMNS), texts[-1])
    return [*beside(title if fits else headed(status, authority), now), *beside(second, who)]


def _zone(local: str) -> str:
    """Return the offset of a local time as it is said: +05, +05:30, Z."""
    return (local[19:].lstrip(".0123456789") or "Z").removesuffix(":00")


def _authority(authority: Form) -> str:
    holder = authority.get("holder")
    return f"authority {str(authority.get('place')).upper()} {holder}" if holder else "authority with nobody"


def _synchronised(alarms: Form | None, around: Around) -> bool | None:
    """Return whether the clock of the station is right; None where nobody says."""
    known = (around.clock or {}).get("synchronised") if around.clock is not None else ((alarms or {}).get("asOf") or {}).get("synchronised")
    return known if isinstance(known, bool) else None


def _clock(synchronised: bool | None, around: Around = NOTHING_MORE) -> str:
    most = plain((around.clock or {}).get("error_max"))
    within = f" {1000 * most:.3g} ms" if synchronised and isinstance(most, int | float) else ""
    return {True: f"clock OK{within}", False: "CLOCK NOT SYNCED", None: ""}[synchronised]


def _up(around: Around) -> str:
    up = (around.clock or {}).get("daemon_up") or ((around.health or {}).get("daemon") or {}).get("up")
    return f"daemon up {figure(up)}" if up is not None else ""


def _data_age(status: Form) -> str:
    """Return how old the oldest value of the screen is that still counts as fresh."""
    now = utc_s(status.get("t"))
    groups = (status.get(group) for group in ("power_feeds", "amplifiers", "taps"))
    forms = [form for group in groups for _, device in named(group) for form in device.values() if is_value(form)]
    times = [utc_s(form.get("t")) for form in forms if form["q"] in FRESH]
    known = [t for t in times if t is not None]
    return f"data age {max(now - min(known), 0.0):.1f} s" if now is not None and known else ""


def _poor(status: Form) -> str:
    """Return how many values are not to be relied on; nothing where every one is fresh."""
    counts = status.get("quality")
    if not isinstance(counts, Mapping):
        return "values --"
    poor = [f"{counts[word]} {word}" for word in ("uncertain", "stale", "bad") if counts.get(word)]
    return ", ".join(poor)


# The verdict.


def _told_rows(status: Form, alarms: Form | None) -> list[str]:
    """Return the verdict, or what an alarm says that is newer than a verdict of a healthy line."""
    new = unjudged(status, alarms)
    return verdict_rows(status.get("verdict")) if new is None else wrapped(f"VERDICT {sentence(status, new)}", following=VERDICT)


def verdict_rows(verdict: object) -> list[str]:
    """Return the answer to "is it ours?": the sentence with its confidence, then where and since when. No rows without a line."""
    if not isinstance(verdict, Mapping):
        return []
    confidence = ascii_only(f"confidence {str(verdict.get('confidence') or '--').upper()}")
    sentence = ascii_only(verdict.get("sentence") or "--")
    open_still = verdict.get("kind") not in (None, HEALTHY) and "this station" not in sentence.casefold()
    answer = ANSWERS.get(str(verdict.get("ours")), "") if open_still else ""
    said = f"VERDICT {answer or sentence}"
    first = beside(said, confidence) if len(said) + len(confidence) + 2 <= COLUMNS else wrapped(said, following=VERDICT)
    second = [sentence if answer else "", place_words(verdict), "" if len(first) == 1 else confidence]
    second.append("this end alone" if verdict.get("one_end") else "")
    if verdict.get("kind") != HEALTHY:
        second.append(f"since {clock({'t': verdict.get('since')}, str(verdict.get('since')))}Z" if verdict.get("since") else "")
    return [*first, *wrapped(".  ".join(filter(None, second)), VERDICT)] if any(second) else first


def place_words(verdict: Form) -> str:
    """Return where it is in words, without the kilometre that the sentence has said already."""
    where, sentence = str(verdict.get("where") or "").rstrip("."), str(verdict.get("sentence") or "")
    begin, _, rest = where.partition(", ")
    return begin if rest and rest in sentence else where


# What people do, and what to do next.


def _people(status: Form, around: Around) -> list[str]:
    """Return holds, bypasses, operation and shift, as far as somebody has asked for them."""
    now = str(status.get("t") or "")
    said = [] if around.holds is None else [_holds(around.holds)]
    if around.interlocks is not None:
        bypassed = [each for each in around.interlocks if each.get("bypassedUntil")]
        said.append("BYPASSES " + _some([f"{each['name']} until {clock(each['bypassedUntil'], now)}Z" for each in bypassed]))
    if around.operations is not None:
        running = [each for each in around.operations if each["phase"] != "closed"]
        said.append("OPERATION " + _some([f"{each['name']} {each['object']} {str(each['phase']).upper()}" for each in running]))
    if around.shift is not None:
        said.append(f"SHIFT {around.shift.get('by')} since {clock(around.shift.get('since'), now)}Z")
    return wrapped("   ".join(said), following=VERDICT) if said else []


def _holds(holds: Rows) -> str:
    warning = f" ({NOT_AN_ISOLATION})" if holds else ""
    return "HOLDS " + _some([f"{each['name']} {each['object']} by {each['who']}" for each in holds]) + warning


def _some(texts: Sequence[str]) -> str:
    """Return the first ones of several and how many there are besides."""
    more = len(texts) - MOST_NAMED
    return ", ".join([*texts[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])]) or "none"


def _next(status: Form, alarms: Form | None, around: Around) -> str:
    verdict = status.get("verdict")
    told, new = isinstance(verdict, Mapping) and verdict.get("kind") not in (None, HEALTHY), unjudged(status, alarms) is not None
    held = [str(each["name"]) for each in around.operations or () if each["phase"] == "held"]
    waiting = folded(alarm for alarm in (alarms or {}).get("alarms", ()) if alarm["letter"] in "BDE")
    acked = f"  |  ack {' '.join(str(alarm['key']) for alarm in waiting[0][:2])}" if waiting else ""
    first = f"show operations {held[0]}  |  " if held else ""
    return "Next:  " + first + ("show fault  |  support fault  |  " if told else "show status  |  " if new else "") + "show alarms" + acked


def _word(up: object) -> str:
    return "yes" if up else "no"
