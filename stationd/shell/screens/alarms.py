"""The screens of alarms: what stands, what has happened, how many come, which types there are. Pure.

As in stationd.shell.screens.status nothing is cut off, every line is 7-bit ASCII of at most 79 columns, and what finds no row is counted.
Figures follow the approach of ISA-18.2: a flood, the rate and what chatters come before all counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.folding import folded, keys_shown
from stationd.shell.screens.typeset import (
    COLUMNS,
    ROWS,
    RULE,
    age,
    ascii_only,
    bare_figure,
    beside,
    bounded,
    clock,
    counted,
    figure,
    headed,
    in_columns,
    is_value,
    moment,
    plain,
    utc_s,
    value,
    whole_blocks,
    wrapped,
)

SHORT = {"critical": "CRIT", "major": "MAJOR", "minor": "MINOR", "warning": "WARN"}
SEVERITIES = ("critical", "major", "minor", "warning")
LEGEND = "B new  C acked  D gone, not acked  E latched, not acked  F latched, needs reset"
HIDDEN_LEGEND = "G shelved  H suppressed by its cause  I out of service"
INDENT = 31
ALARMS = "show alarms"
STAYS = {
    "A": "it is over (state A)",
    "C": "it stays active (state C)",
    "F": "it is gone and waits for a reset (state F)",
}
HAPPENED = (21, 5, 5)  # columns of the history: time, letters, severity
LABEL = 12
Form = Mapping[str, Any]


# What stands.


def alarm_summary(alarms: Form, room: int | None) -> list[str]:
    """Return the alarms at a glance: how many, and the gravest first, on as many rows as there are."""
    listed = sorted(alarms["alarms"], key=lambda alarm: (SEVERITIES.index(alarm["severity"]), alarm["letter"]))  # as show alarms
    counts = Counter(alarm["severity"] for alarm in listed)
    hidden = sum(int(plain(alarm["hides"]) or 0) for alarm in listed)
    said = "  ".join(f"{counts[word]} {word}" for word in SEVERITIES if counts[word]) or "none"
    lines = wrapped(said + (f"     {hidden} suppressed by their causes" if hidden else ""), "ALARMS  ")
    today = str(alarms["asOf"]["t"])
    groups = folded(listed)
    starts = [f" {alarm['letter']} {SHORT[alarm['severity']]:5} {clock(alarm['since'], today):>11}  " for alarm, *_ in groups]
    blocks = [wrapped(f"{keys_shown(group)}  {group[0]['text']}", start) for group, start in zip(groups, starts, strict=True)]
    return lines + (whole_blocks(blocks, room, [len(group) for group in groups], ALARMS) if blocks else [])


def alarms_screen(status: Form, listing: Form, rows: int | None = ROWS, command: str = ALARMS) -> list[str]:
    """Return a list of alarms; with `rows`, as many as fit and the number of the others, which `command` shows."""
    today, alarms = str(listing["asOf"]["t"]), listing["alarms"]
    counts = Counter(alarm["letter"] for alarm in alarms)
    head = f"{today[:10]} {today[11:19]}Z   {len(alarms)} shown of {listing.get('total', len(alarms))}"
    top = [*beside(headed(status), head), "St  Sev   Since (UTC)  Age     Alarm: what it is, and what to do first", _columns_rule()]
    end = [RULE, *([LEGEND] if set(counts) & set("BCDEF") or not counts else []), *([HIDDEN_LEGEND] if set(counts) & set("GHI") else [])]
    first = next((alarm["key"] for alarm in alarms if alarm["firstOut"]), None)
    end += wrapped(f"First out: {first}") if first else []
    groups = folded(alarms)
    blocks = [_alarm_block(group, today) for group in groups]
    room = None if rows is None else rows - len(top) - len(end)
    return [*top, *whole_blocks(blocks, room, [len(group) for group in groups], command), *end]


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


def taking_out_screen(key: str, alarm: Form | None, order: Form) -> list[str]:
    """Return what a person reads before he takes an alarm out of service; `alarm` is None where it does not stand now."""
    lines = [*wrapped(f"OUT OF SERVICE   {key}"), RULE]
    if alarm is None:
        lines += _labelled("ALARM", "it does not stand now")
    else:
        lines += _labelled("ALARM", f"{alarm['letter']} {alarm['severity']} since {moment(_since(alarm))}   {alarm['text']}")
        lines += _labelled("MEANS", str(alarm["consequence"]))
    until = str(order["until"]["t"]).replace("T", " ")
    lines += _labelled("EFFECT", f"Until {until} NOBODY HEARS OF IT: no bell, no row among what is wrong, no message.")
    lines += _labelled("REASON", str(order["reason"]))
    lines += _labelled("PERSONS", "Two of the group stationd-power type this line within 3 minutes; nothing changes before the second one.")
    return [*lines, RULE]


def taken_out_lines(key: str, alarm: Form | None, order: Form) -> list[str]:
    """Return what has become of an alarm that was asked to be taken out of service, by how it stands after that."""
    until, outage = str(order["until"]["t"]), alarm.get("outage") if alarm is not None else None
    if isinstance(outage, Mapping) and utc_s(outage["review"]["t"]) == utc_s(until):
        said = f"{key} is out of service until {until.replace('T', ' ')}, by {outage['by']} and {outage['second']}"
        return [*wrapped(said), *wrapped(f"back into service: return-to-service {key}", "  ")]
    return wrapped(f"{key} is asked for, and stays in service until another user of the group stationd-power types the same line")


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
    hides = sum(int(plain(each["hides"]) or 0) for each in group)
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


def _columns_rule() -> str:
    return f"{'-' * 3} {'-' * 5} {'-' * 12} {'-' * 7} {'-' * (COLUMNS - INDENT)}"


def _age(alarm: Form) -> str:
    seconds = plain(alarm["age"])
    return age(seconds) if isinstance(seconds, int | float) and alarm["since"] else "--"


def _since(alarm: Form) -> str:
    return str(alarm["since"]["t"]) if alarm["since"] else "--"


def not_acknowledged_lines(outcome: Form) -> list[str]:
    """Return why an alarm was not acknowledged, and what would change it."""
    why = ": ".join(str(outcome[name]) for name in ("cause", "detail") if outcome.get(name))
    return refusal_lines(f"ack {outcome['key']}", why, str(outcome.get("hint") or ""))


# What has happened.


def alarm_history_screen(events: Sequence[Form], rows: int | None = ROWS) -> list[str]:
    """Return what has happened to alarms, the newest first: the answer to History holds the oldest first."""
    head = [f"HISTORY OF ALARMS   {counted(len(events), 'event')}, the newest first"]
    if not events:
        return head
    top = [*head, f"{'Time (UTC)':21} {'State':5} {'Sev':5} Alarm, what has happened, who", RULE]
    blocks = [_event_block(event) for event in reversed(events)]
    room = None if rows is None else rows - len(top)
    return [*top, *whole_blocks(blocks, room, [1] * len(blocks), f"{ALARMS} history")]


def _event_block(event: Form) -> list[str]:
    at = event["at"]
    when = moment(at["t"], "~" if at.get("synchronised") is False else "")
    letters = f"{event['before']}>{event['after']}" if event["before"] != event["after"] else str(event["after"])
    said = [f"{event['key']}#{event['occurrence']}  {event['event']}"]
    known = event.get("value")
    said += [f"at {value(known)}"] if is_value(known) and (plain(known) is not None or (known or {}).get("last") is not None) else []
    said += [f"by {event['by']}"] if event.get("by") else []
    said += [f"caused by {event['cause']}"] if event.get("cause") else []
    said += [f'"{event["note"]}"'] if event.get("note") else []
    return in_columns((when, letters, SHORT.get(str(event["severity"]), str(event["severity"]))), HAPPENED, "  ".join(said))


# How the alarm system does.


def statistics_screen(stats: Form, rows: int | None = ROWS) -> list[str]:
    """Return how many alarms come and which chatter, that first; then the counts since the journal began."""
    rate, mean = bare_figure(stats["rate"]), bare_figure(stats["mean"])
    top = beside("ALARM FIGURES", moment((stats["rate"] or {}).get("t")))
    flood = "FLOOD NOW: look at the first alarm of it, not at the last" if stats["flood"] else "none now"
    body = [
        RULE,
        *_labelled("FLOOD", f"{flood}   {bare_figure(stats['floods'])} so far, {figure(stats['floodTime'])} in all"),
        *_labelled("RATE", f"{rate} in 10 minutes, mean {mean}   (a flood is above 10, and over below 5)"),
        *_labelled("CHATTERING", ", ".join(map(str, stats["chattering"])) or "none"),
        *(_labelled("", f'Next: shelve {stats["chattering"][0]} 8h "why"') if stats["chattering"] else []),
        *_labelled("STANDING", ", ".join(map(str, stats["standing"])) or "none for longer than a day"),
        RULE,
        *_labelled("HIDDEN", ", ".join(f"{bare_figure(stats[name])} {word}" for name, word in HIDING)),
        *_labelled("SO FAR", f"{bare_figure(stats['annunciations'])} announced   {bare_figure(stats['floodPeriods'])} periods of flood"),
        *_labelled("BUSIEST", f"the ten busiest types make {value(stats['busiestTypes'])} of them"),
    ]
    return bounded(top, body, [], rows, f"{ALARMS} stats")


HIDING = (("shelved", "shelved"), ("suppressed", "suppressed by their causes"), ("outOfService", "out of service"))


def _labelled(label: str, text: str) -> list[str]:
    return wrapped(text, f"{label:{LABEL}}")


# Which types there are.


def types_screen(rows: int | None = ROWS) -> list[str]:
    """Return every type of alarm that stationd brings: how bad, what it is, what to do first."""
    from stationd.core.alarm.catalogue import ALL_TYPES  # needs a third of the start of a command, and only here

    top = [f"TYPES OF ALARMS   {len(ALL_TYPES)}   one of them in full: explain PFE-TRIP", RULE]
    blocks = []
    for each in sorted(ALL_TYPES, key=lambda kind: kind.id):
        marks = [word for word, true in (("latching", each.latching), ("never hidden", each.safety)) if true]
        text = f"{each.text}{' (' + ', '.join(marks) + ')' if marks else ''} -> {each.first_action}"
        blocks.append(in_columns((each.id, SHORT[each.severity.value]), (24, 5), text))
    room = None if rows is None else rows - len(top)
    return [*top, *whole_blocks(blocks, room, [1] * len(blocks), f"{ALARMS} types")]
