"""The screens of `stationctl`: answers of the daemon in, lines of 7-bit ASCII out, at most 79 columns. Pure.

Nothing is ever cut off: long text goes on in the next line, and what finds no row is counted. A value that is missing, stale or
bad is shown as that. What a station does not have, or this version does not know, has no row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stationd.shell.screens.folding import folded, keys_shown
from stationd.shell.screens.typeset import COLUMNS, age, ascii_only, beside, clock, counted, is_value, value, wrapped

ROWS = 24
RULE = "-" * COLUMNS
SHORT = {"critical": "CRIT", "major": "MAJOR", "minor": "MINOR", "warning": "WARN"}
SEVERITIES = ("critical", "major", "minor", "warning")
LEGEND = "B new  C acked  D gone, not acked  E latched, not acked  F latched, needs reset"
HIDDEN_LEGEND = "G shelved  H suppressed by its cause  I out of service"
INDENT = 31
VERDICT = " " * 8
HEALTHY = "healthy"
MOST_FEEDS, MOST_AMPLIFIERS, MOST_TAPS, ALARM_ROWS = 4, 3, 2, 5
ALARMS = "show alarms"
STAYS = {
    "A": "it is over (state A)",
    "C": "it stays active (state C)",
    "F": "it is gone and waits for a reset (state F)",
}
Form = Mapping[str, Any]


# The station.


def status_screen(status: Form, alarms: Form | None = None, rows: int | None = ROWS) -> list[str]:
    """Return the station at a glance; without `rows` as long as it is. `alarms` is the answer to List, where there is an alarm desk."""
    told = verdict_rows(status.get("verdict"))
    top, end = [*_head(status), *([RULE, *told] if told else [])], [RULE, *wrapped(_next(status, alarms))]
    alarm_rows = [] if alarms is None else [RULE, *_alarm_summary(alarms, None if rows is None else ALARM_ROWS)]
    plant = [*_feeds(status), *_far_end(status), *_amplifiers(status), *_taps(status), *_buses(status)]
    room = None if rows is None else rows - len(top) - len(end) - len(alarm_rows) - 1
    return [*top, RULE, *_fitted(plant, room), *alarm_rows, *end]


def status_lines(status: Form, alarms: Form | None = None) -> list[str]:
    """Return the station as plain lines, one for each value, for those who read them one after the other."""
    lines = [ascii_only(f"station {status.get('station')} {status.get('mode')} {status.get('t')}")]
    verdict = status.get("verdict")
    if isinstance(verdict, Mapping):
        lines += [ascii_only(f"verdict {name} {verdict.get(name)}") for name in ("sentence", "ours", "confidence", "where", "since")]
    for group in ("power_feeds", "amplifiers", "taps"):
        for name, device in _items(status.get(group)):
            lines.append(ascii_only(f"{name} up {_word(device.get('up'))}"))
            lines += [ascii_only(f"{name} {point} {value(form)}") for point, form in device.items() if is_value(form)]
    lines += [ascii_only(f"bus {name} up {_word(bus.get('up'))}") for name, bus in _items(status.get("buses"))]
    return lines + ([] if alarms is None else alarm_lines(alarms))


def _head(status: Form) -> list[str]:
    stamp = ascii_only(status.get("t") or "")
    local = ascii_only(status.get("local") or "")
    now = f"{stamp[:10]} {stamp[11:19]}Z" if stamp else "--"
    if local:
        now += f" ({local[11:19]} {local[19:].lstrip('.0123456789') or 'Z'})"
    you = status.get("you")
    who = f"you {you.get('name')} ({you.get('role')})" if isinstance(you, Mapping) else ""
    counts = status.get("quality")
    values = ", ".join(f"{count} {word}" for word, count in counts.items() if count) if isinstance(counts, Mapping) else "--"
    title = ascii_only(f"{str(status.get('station')).upper()} {str(status.get('mode')).upper()}   {status.get('operator') or ''}")
    return [*beside(title.rstrip(), now), *beside(ascii_only(f"values: {values}"), ascii_only(who))]


def verdict_rows(verdict: object) -> list[str]:
    """Return the answer to "is it ours?": the sentence with its confidence, then where and since when. No rows without a line."""
    if not isinstance(verdict, Mapping):
        return []
    confidence = f"confidence {str(verdict.get('confidence') or '--').upper()}"
    said = f"VERDICT {ascii_only(verdict.get('sentence') or '--')}"
    first = beside(said, ascii_only(confidence)) if len(said) + len(confidence) + 2 <= COLUMNS else wrapped(said, following=VERDICT)
    second = [place_words(verdict), "" if len(first) == 1 else confidence]
    second.append("this end alone" if verdict.get("one_end") else "")
    if verdict.get("kind") != HEALTHY:
        second.append(f"since {clock({'t': verdict.get('since')}, str(verdict.get('since')))}Z" if verdict.get("since") else "")
    return [*first, *wrapped(".  ".join(filter(None, second)), VERDICT)] if any(second) else first


def place_words(verdict: Form) -> str:
    """Return where it is in words, without the kilometre that the sentence has said already."""
    where, sentence = str(verdict.get("where") or "").rstrip("."), str(verdict.get("sentence") or "")
    begin, _, rest = where.partition(", ")
    return begin if rest and rest in sentence else where


def _feeds(status: Form) -> list[str]:
    lines: list[str] = []
    feeds = _items(status.get("power_feeds"))
    for name, feed in feeds[:MOST_FEEDS]:
        state = {True: "ON", False: "OFF"}.get(_plain(feed.get("output_on")), "output ?") if feed.get("up") else "NO ANSWER"
        said = [state, value(feed.get("output_current")), value(feed.get("output_voltage"))]
        said += [f"{point} {value(feed[point])}" for point in ("regulation", "fault", "interlock") if _offered(feed.get(point))]
        lines += wrapped("   ".join(said), _label("PFE", name))
    return lines + _left_out(feeds, MOST_FEEDS, "power feed")


def _far_end(status: Form) -> list[str]:
    """Return what the far station says of its feed, or why it is unknown."""
    far = status.get("far_end")
    if not isinstance(far, Mapping):
        return []
    feed = far.get("feed")
    if not far.get("known"):
        known = far.get("age")
        last = f"; last heard {age(float(_plain(known)))} ago" if isinstance(_plain(known), int | float) else ""
        return wrapped(f"UNKNOWN: {far.get('why') or 'nothing heard'}{last}", _label("FAR", ascii_only(far.get("name") or "--")))
    shared = far.get("shared")
    said = ["no feed is shared" if isinstance(shared, Sequence) and "feed" not in shared else "its feed cannot be read"]
    if isinstance(feed, Mapping):
        state = {True: "ON", False: "OFF"}.get(feed.get("on"), "output ?")  # type: ignore[arg-type]
        said = [state, value(feed.get("current")), value(feed.get("voltage"))]
    return wrapped("   ".join([*said, f"age {value(far.get('age'))}"]), _label("FAR", ascii_only(far.get("name") or "--")))


def _amplifiers(status: Form) -> list[str]:
    amplifiers = _items(status.get("amplifiers"))
    if not amplifiers:
        return []
    troubled = [(name, each) for name, each in amplifiers if _troubles(each)]
    answer = sum(1 for _, each in amplifiers if each.get("up"))
    lines = [f"AMPS    {answer} of {len(amplifiers)} answer   {len(amplifiers) - len(troubled)} without a fault"]
    for name, each in troubled[:MOST_AMPLIFIERS]:
        powers = [f"{short} {value(each[point])}" for short, point in (("in", "input_power"), ("out", "output_power")) if point in each]
        lines += wrapped("   ".join([", ".join(_troubles(each)), *powers]), _label("", name))
    return lines + _left_out(troubled, MOST_AMPLIFIERS, "amplifier with a fault", "amplifiers with a fault")


def _taps(status: Form) -> list[str]:
    taps = _items(status.get("taps"))
    if not taps:
        return []
    dark = [(name, tap) for name, tap in taps if _plain(tap.get("los")) is not False]
    lines = [f"OPTICAL {len(taps) - len(dark)} of {len(taps)} inputs have light"]
    for name, tap in dark[:MOST_TAPS]:
        lines += wrapped(f"{'NO LIGHT' if _plain(tap.get('los')) is True else 'not known'}   {value(tap.get('power'))}", _label("", name))
    return lines + _left_out(dark, MOST_TAPS, "input without light", "inputs without light")


def _buses(status: Form) -> list[str]:
    buses = _items(status.get("buses"))
    down = [name for name, bus in buses if not bus.get("up")]
    if not buses:
        return []
    return wrapped(f"{len(buses) - len(down)} of {len(buses)} open" + (f"   DOWN: {', '.join(down)}" if down else ""), "BUSES   ")


def _troubles(amplifier: Form) -> list[str]:
    """Return in words what is wrong with an amplifier; what is not known is wrong too."""
    if not amplifier.get("up"):
        return ["NO ANSWER"]
    found = [word for point, word in (("los", "LOS"), ("fault", "FAULT")) if _plain(amplifier.get(point)) is True]
    return found + [f"{point} {value(form)}" for point, form in amplifier.items() if _offered(form) and form["q"] in ("stale", "bad")]


def _alarm_summary(alarms: Form, room: int | None) -> list[str]:
    listed = sorted(alarms["alarms"], key=lambda alarm: (SEVERITIES.index(alarm["severity"]), alarm["letter"]))  # as show alarms
    counts = Counter(alarm["severity"] for alarm in listed)
    hidden = sum(int(_plain(alarm["hides"]) or 0) for alarm in listed)
    said = "  ".join(f"{counts[word]} {word}" for word in SEVERITIES if counts[word]) or "none"
    lines = wrapped(said + (f"     {hidden} suppressed by their causes" if hidden else ""), "ALARMS  ")
    today = str(alarms["asOf"]["t"])
    groups = folded(listed)
    starts = [f" {alarm['letter']} {SHORT[alarm['severity']]:5} {clock(alarm['since'], today):>11}  " for alarm, *_ in groups]
    blocks = [wrapped(f"{keys_shown(group)}  {group[0]['text']}", start) for group, start in zip(groups, starts, strict=True)]
    return lines + (_whole_blocks(blocks, room, [len(group) for group in groups]) if blocks else [])


def _next(status: Form, alarms: Form | None) -> str:
    verdict = status.get("verdict")
    told = isinstance(verdict, Mapping) and verdict.get("kind") not in (None, HEALTHY)
    waiting = folded(alarm for alarm in (alarms or {}).get("alarms", ()) if alarm["letter"] in "BDE")
    acked = f"  |  ack {' '.join(str(alarm['key']) for alarm in waiting[0][:2])}" if waiting else ""
    return "Next:  " + ("show fault  |  support fault  |  " if told else "") + "show alarms" + acked


# The alarms.


def alarms_screen(status: Form, listing: Form, rows: int | None = ROWS, command: str = ALARMS) -> list[str]:
    """Return a list of alarms; with `rows`, as many as fit and the number of the others, which `command` shows."""
    today, alarms = str(listing["asOf"]["t"]), listing["alarms"]
    counts = Counter(alarm["letter"] for alarm in alarms)
    head = f"{today[:10]} {today[11:19]}Z   {len(alarms)} shown of {listing.get('total', len(alarms))}"
    where = ascii_only(f"{str(status.get('station')).upper()} {str(status.get('mode')).upper()}")
    top = [*beside(where, head), "St  Sev   Since (UTC)  Age     Alarm: what it is, and what to do first", _columns_rule()]
    end = [RULE, *([LEGEND] if set(counts) & set("BCDEF") or not counts else []), *([HIDDEN_LEGEND] if set(counts) & set("GHI") else [])]
    first = next((alarm["key"] for alarm in alarms if alarm["firstOut"]), None)
    end += wrapped(f"First out: {first}") if first else []
    groups = folded(alarms)
    blocks = [_alarm_block(group, today) for group in groups]
    room = None if rows is None else rows - len(top) - len(end)
    return [*top, *_whole_blocks(blocks, room, [len(group) for group in groups], command), *end]


def alarm_lines(listing: Form) -> list[str]:
    """Return one line for each alarm, complete, for scripts and for those who read line by line."""
    return [
        ascii_only(
            f"{alarm['letter']} {alarm['severity']} {_since(alarm)} {alarm['key']}#{alarm['occurrence']} {alarm['text']};"
            f"{' ' + alarm['note'] + ';' if alarm.get('note') else ''} first: {alarm['firstAction']}"
        )
        for alarm in listing["alarms"]
    ]


def acknowledged_line(outcome: Form) -> str:
    """Return the sentence for an acknowledgement that was taken."""
    state = STAYS.get(str(outcome.get("letter")), f"state {outcome.get('letter')}")
    return ascii_only(f"{outcome['key']} acknowledged: {state}")


def done_line(key: str, done: str, answer: Form) -> str:
    """Return the sentence for another order that was carried out."""
    until = answer.get("until")
    return ascii_only(f"{key} {done}" + (f" until {until['t']}" if isinstance(until, Mapping) else ""))


def refusal_lines(what: str, why: str, to_do: str) -> list[str]:
    """Return the three parts of every refusal: what, why, and what would change it."""
    return [*wrapped(what, "REFUSED  "), *why_lines(why, to_do)]


def why_lines(why: str, to_do: str) -> list[str]:
    """Return the second and the third part of a refusal."""
    return [*wrapped(why, " why     "), *(wrapped(to_do, " to do   ") if to_do else [])]


def _alarm_block(group: Sequence[Form], today: str) -> list[str]:
    alarm = group[0]
    marks = ("!" if alarm["letter"] == "B" else "") + ("?" if alarm["unknown"] else "")
    start = f"{alarm['letter'] + marks:3} {SHORT[alarm['severity']]:5} {clock(alarm['since'], today):12} {_age(alarm):7} "
    lines = wrapped(f"{keys_shown(group)}  {alarm['text']}", start)
    indent = " " * len(start)
    lines += wrapped(f"({alarm['note']})", indent) if alarm.get("note") else []
    hides = sum(int(_plain(each["hides"]) or 0) for each in group)
    if hides:
        lines += wrapped(f"hides {counted(hides, 'alarm')} of this cause (show alarms suppressed)", indent)
    return lines + wrapped(_what_to_do(alarm, today), indent)


def _what_to_do(alarm: Form, today: str) -> str:
    """Return what to know next about an alarm: what to do first, who has seen it, or who hides it until when."""
    shelf, outage, seen = alarm["shelf"], alarm["outage"], alarm["seen"]
    match alarm["letter"]:
        case "G" if shelf:
            return f"shelved until {clock(shelf['until'], today)}Z by {shelf['by']}: {shelf['reason']}"
        case "H":
            return f"suppressed by {', '.join(alarm['causes']) or 'its cause'}"
        case "I" if outage:
            return f"out of service by {outage['by']} and {outage['second']}, review {clock(outage['review'], today)}Z: {outage['reason']}"
        case "C" if seen:
            return f"{seen['by']} {clock(seen['at'], today)}Z {seen['note']}".rstrip()
        case "D" | "E":
            return f"-> {alarm['firstAction']}; ack when understood"
        case "F":
            return "-> needs a reset, with a note"
        case _:
            return f"-> {alarm['firstAction']}"


def _whole_blocks(blocks: Sequence[list[str]], room: int | None, counts: Sequence[int], command: str = ALARMS) -> list[str]:
    """Return the blocks, none cut in two, as many as there is room for; the last row counts the alarms of the others."""
    if not blocks:
        return ["none"]
    if room is None or sum(map(len, blocks)) <= room:
        return [line for block in blocks for line in block]
    lines: list[str] = []
    for number_shown, block in enumerate(blocks):
        if len(lines) + len(block) > room - 1:
            return [*lines, f"and {sum(counts[number_shown:])} more: stationctl --plain {command}"]
        lines += block
    return lines


def _columns_rule() -> str:
    return f"{'-' * 3} {'-' * 5} {'-' * 12} {'-' * 7} {'-' * (COLUMNS - INDENT)}"


def _age(alarm: Form) -> str:
    seconds = _plain(alarm["age"])
    return age(seconds) if isinstance(seconds, int | float) and alarm["since"] else "--"


def _since(alarm: Form) -> str:
    return str(alarm["since"]["t"]) if alarm["since"] else "--"


# What the rows share.


def _items(group: object) -> list[tuple[str, Form]]:
    """Return the entries of a part of the document, which may be missing."""
    if not isinstance(group, Mapping):
        return []
    return [(ascii_only(name), entry) for name, entry in group.items() if isinstance(entry, Mapping)]


def _offered(form: object) -> bool:
    """Return whether this is a value that the unit has; what it does not have is no trouble."""
    return is_value(form) and isinstance(form, Mapping) and form.get("why") != "not-offered"


def _plain(form: object) -> Any:
    """Return what a value is now, or None when that is not known."""
    return form.get("v") if isinstance(form, Mapping) else None


def _word(up: object) -> str:
    return "yes" if up else "no"


def _label(group: str, name: str) -> str:
    return f"{group:7} {name}  " if group else f"  {name}  "


def _left_out(items: Sequence[object], most: int, one: str, several: str = "") -> list[str]:
    words = (f"more {one}", f"more {several}" if several else "")
    return [f"  and {counted(len(items) - most, *words)}"] if len(items) > most else []


def _fitted(lines: Iterable[str], room: int | None) -> list[str]:
    """Return the lines, or as many as there is room for and the number of the others."""
    every = list(lines)
    if room is None or len(every) <= room:
        return every
    kept = max(room - 1, 0)
    return [*every[:kept], f"  and {counted(len(every) - kept, 'more row')}: stationctl --plain show status"]
