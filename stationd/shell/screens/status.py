"""The first screen: is it ours? Answers of the daemon in, lines of 7-bit ASCII out, at most 79 columns. Pure.

Nothing is ever cut off: long text goes on in the next line, and what finds no row is counted. A value that is missing, stale or
bad is shown as that. What a station does not have, or this version does not know, has no row: what nobody asked of the daemon
(Around) is not shown as "none". Traffic is shown nowhere, since nothing here measures it; light is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from stationd.shell.screens.alarms import (
    acknowledged_line,
    alarm_lines,
    alarm_summary,
    alarms_screen,
    done_line,
    refusal_lines,
    why_lines,
)
from stationd.shell.screens.folding import folded
from stationd.shell.screens.typeset import (
    COLUMNS,
    ROWS,
    RULE,
    age,
    ascii_only,
    beside,
    bounded,
    clock,
    counted,
    figure,
    headed,
    is_value,
    named,
    offered,
    plain,
    value,
    wrapped,
)

__all__ = [
    "ROWS", "RULE", "Around", "acknowledged_line", "alarm_lines", "alarms_screen", "done_line", "place_words", "refusal_lines",
    "status_lines", "status_screen", "verdict_rows", "why_lines",
]  # fmt: skip
VERDICT = " " * 8
LABEL = 8
HEALTHY = "healthy"
MOST_FEEDS, MOST_AMPLIFIERS, MOST_TAPS, MOST_NAMED, ALARM_ROWS = 4, 3, 2, 2, 5
FRESH = ("good", "sim", "uncertain")
NOT_AN_ISOLATION = "NOT AN ISOLATION"
Form = Mapping[str, Any]
Rows = Sequence[Form]


class Around(NamedTuple):
    """What the first screen shows beside the Status document; None where nobody has asked the daemon for it, or may.

    authority, holds, interlocks and operations of io.stationd.Operation, health and clock of io.stationd.Diagnostics, shift of the
    handover page (io.stationd.Session).
    """

    authority: Form | None = None
    holds: Rows | None = None
    interlocks: Rows | None = None
    operations: Rows | None = None
    health: Form | None = None
    clock: Form | None = None
    shift: Form | None = None


NOTHING_MORE = Around()


# The station.


def status_screen(status: Form, alarms: Form | None = None, rows: int | None = ROWS, around: Around = NOTHING_MORE) -> list[str]:
    """Return the station at a glance; without `rows` as long as it is. `alarms` is the answer to List, where there is an alarm desk."""
    told = verdict_rows(status.get("verdict"))
    top, end = [*_head(status, alarms, around), *([RULE, *told] if told else [])], [RULE, *wrapped(_next(status, alarms, around))]
    people = _people(status, around)
    alarm_rows = [] if alarms is None else alarm_summary(alarms, None if rows is None else ALARM_ROWS)
    end = [*([RULE, *alarm_rows, *people] if alarm_rows or people else []), *end]
    plant = [*_line(status, alarms), *_feeds(status, around), *far_rows(status), *_amplifiers(status), *_taps(status, around)]
    plant += [*_buses(status), *_link(status, around)]
    return bounded([*top, RULE], plant, end, rows, "show status")


def status_lines(status: Form, alarms: Form | None = None) -> list[str]:
    """Return the station as plain lines, one for each value, for those who read them one after the other."""
    lines = [ascii_only(f"station {status.get('station')} {status.get('mode')} {status.get('t')}")]
    verdict = status.get("verdict")
    if isinstance(verdict, Mapping):
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
    first = beside(headed(status, authority or operator), now)
    you = status.get("you")
    facts = [operator if authority else "", _clock(synchronised, around), _up(around), _data_age(status), _poor(status)]
    who = f"you {you.get('name')} ({you.get('role')})" if isinstance(you, Mapping) else ""
    return [*first, *beside(ascii_only("   ".join(filter(None, facts))), ascii_only(who))]


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


def _clock(synchronised: bool | None, around: Around) -> str:
    most = plain((around.clock or {}).get("error_max"))
    within = f" within {1000 * most:.3g} ms" if synchronised and isinstance(most, int | float) else ""
    return {True: f"clock OK{within}", False: "CLOCK NOT SYNCHRONISED", None: ""}[synchronised]


def _up(around: Around) -> str:
    up = (around.clock or {}).get("daemon_up") or ((around.health or {}).get("daemon") or {}).get("up")
    return f"daemon up {figure(up)}" if up is not None else ""


def _data_age(status: Form) -> str:
    """Return how old the oldest value of the screen is that still counts as fresh."""
    now = _utc_s(status.get("t"))
    groups = (status.get(group) for group in ("power_feeds", "amplifiers", "taps"))
    forms = [form for group in groups for _, device in named(group) for form in device.values() if is_value(form)]
    times = [_utc_s(form.get("t")) for form in forms if form["q"] in FRESH]
    known = [t for t in times if t is not None]
    return f"data age {max(now - min(known), 0.0):.1f} s" if now is not None and known else ""


def _poor(status: Form) -> str:
    """Return how many values are not to be relied on, of how many; nothing where every one is fresh."""
    counts = status.get("quality")
    if not isinstance(counts, Mapping):
        return "values --"
    poor = [f"{counts[word]} {word}" for word in ("uncertain", "stale", "bad") if counts.get(word)]
    return f"{', '.join(poor)} of {sum(counts.values())} values" if poor else ""


# The verdict.


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


# The plant.


def _line(status: Form, alarms: Form | None) -> list[str]:
    """Return the line: its name, whether an alarm says that it is down, since when the verdict stands, its design capacity."""
    line, verdict = status.get("line"), status.get("verdict")
    if not isinstance(line, Mapping):
        return []
    ends = " - ".join(str(each) for each in (line.get("ends") or {}).values())
    said = [" ".join(filter(None, (str(line.get("name") or "--").upper(), ends))), _standing(alarms)]
    if isinstance(verdict, Mapping) and verdict.get("since"):
        now, since = _utc_s(status.get("t")), _utc_s(verdict["since"])
        lasting = f" ({age(now - since)})" if now is not None and since is not None else ""
        said.append(f"{verdict.get('kind') or '--'} since {clock({'t': verdict['since']}, str(status.get('t')))}Z{lasting}")
    said.append(f"capacity {value(line['capacity'])}" if line.get("capacity") is not None else "")
    return wrapped("   ".join(filter(None, said)), f"{'LINE':{LABEL}}")


def _standing(alarms: Form | None) -> str:
    """Return DOWN where an alarm of the line says so. That none does is no proof that light comes through: the verdict says what is."""
    down = [alarm for alarm in (alarms or {}).get("alarms", ()) if str(alarm["key"]).partition("/")[2].startswith("LINE-DOWN")]
    return "DOWN" if any(alarm["letter"] in "BC" for alarm in down) else ""


def _feeds(status: Form, around: Around) -> list[str]:
    feeds = named(status.get("power_feeds"))
    lines = [row for name, feed in feeds[:MOST_FEEDS] for row in feed_rows(name, feed, around)]
    return lines + _left_out(feeds, MOST_FEEDS, "power feed")


def feed_rows(name: str, feed: Form, around: Around) -> list[str]:
    """Return a power feed: on or off, current, voltage, and what the unit itself says of its regulation, faults and interlock."""
    state = {True: "ON", False: "OFF"}.get(plain(feed.get("output_on")), "output ?") if feed.get("up") else "NO ANSWER"
    said = [state, value(feed.get("output_current")), value(feed.get("output_voltage"))]
    said += [f"{point} {value(feed[point])}" for point in ("regulation", "fault", "interlock") if offered(feed.get(point))]
    said += [_interlocks(name, around.interlocks)] if around.interlocks is not None else []
    return wrapped("   ".join(filter(None, said)), _label("PFE", name))


def _interlocks(feed: str, every: Rows) -> str:
    """Return how many permissives of a feed are closed; one that is not known is not closed, one that is bypassed is named."""
    own = [each for each in every if feed in each["feeds"]]
    if not own:
        return ""
    closed = sum(1 for each in own if plain(each["closed"]) is True)
    bypassed = [str(each["name"]) for each in own if each.get("bypassedUntil")]
    words = ["OK" if closed == len(own) else "NOT OK", f"BYPASSED {', '.join(bypassed)}" if bypassed else ""]
    return f"interlocks {closed}/{len(own)} {' '.join(filter(None, words))}"


def far_rows(status: Form) -> list[str]:
    """Return what the far station says of its feed, or why it is unknown."""
    far = status.get("far_end")
    if not isinstance(far, Mapping):
        return []
    feed = far.get("feed")
    if not far.get("known"):
        known = far.get("age")
        last = f"; last heard {age(float(plain(known)))} ago" if isinstance(plain(known), int | float) else ""
        return wrapped(f"UNKNOWN: {far.get('why') or 'nothing heard'}{last}", _label("FAR", ascii_only(far.get("name") or "--")))
    shared = far.get("shared")
    said = ["no feed is shared" if isinstance(shared, Sequence) and "feed" not in shared else "its feed cannot be read"]
    if isinstance(feed, Mapping):
        state = {True: "ON", False: "OFF"}.get(feed.get("on"), "output ?")  # type: ignore[arg-type]
        said = [state, value(feed.get("current")), value(feed.get("voltage"))]
    return wrapped("   ".join([*said, f"age {value(far.get('age'))}"]), _label("FAR", ascii_only(far.get("name") or "--")))


def _amplifiers(status: Form) -> list[str]:
    amplifiers = named(status.get("amplifiers"))
    if not amplifiers:
        return []
    troubled = [(name, each) for name, each in amplifiers if troubles(each)]
    answer = sum(1 for _, each in amplifiers if each.get("up"))
    lines = [f"AMPS    {answer} of {len(amplifiers)} answer   {len(amplifiers) - len(troubled)} without a fault"]
    for name, each in troubled[:MOST_AMPLIFIERS]:
        powers = [f"{short} {value(each[point])}" for short, point in (("in", "input_power"), ("out", "output_power")) if point in each]
        lines += wrapped("   ".join([", ".join(troubles(each)), *powers]), _label("", name))
    return lines + _left_out(troubled, MOST_AMPLIFIERS, "amplifier with a fault", "amplifiers with a fault")


def troubles(amplifier: Form) -> list[str]:
    """Return in words what is wrong with an amplifier; what is not known is wrong too."""
    if not amplifier.get("up"):
        return ["NO ANSWER"]
    found = [word for point, word in (("los", "LOS"), ("fault", "FAULT")) if plain(amplifier.get(point)) is True]
    return found + [f"{point} {value(form)}" for point, form in amplifier.items() if offered(form) and form["q"] in ("stale", "bad")]


def _taps(status: Form, around: Around) -> list[str]:
    taps = named(status.get("taps"))
    if not taps:
        return []
    dark = [(name, tap) for name, tap in taps if plain(tap.get("los")) is not False]
    lines = wrapped(f"{len(taps) - len(dark)} of {len(taps)} inputs have light   {loop_words(around.health)}".strip(), "OPTICAL ")
    for name, tap in dark[:MOST_TAPS]:
        lines += wrapped(f"{'NO LIGHT' if plain(tap.get('los')) is True else 'not known'}   {value(tap.get('power'))}", _label("", name))
    return lines + _left_out(dark, MOST_TAPS, "input without light", "inputs without light")


def loop_words(health: Form | None) -> str:
    """Return how the sampling loop does; nothing where nobody has asked, or where there is none."""
    sampler = (health or {}).get("sampler")
    if not isinstance(sampler, Mapping):
        return ""
    return f"loop {figure(sampler.get('rate'))}, {figure(sampler.get('missed'))} missed" if sampler.get("running") else "LOOP NOT RUNNING"


def _buses(status: Form) -> list[str]:
    buses = named(status.get("buses"))
    down = [name for name, bus in buses if not bus.get("up")]
    if not buses:
        return []
    return wrapped(f"{len(buses) - len(down)} of {len(buses)} open" + (f"   DOWN: {', '.join(down)}" if down else ""), "BUSES   ")


def _link(status: Form, around: Around) -> list[str]:
    """Return the connections to the world outside: the far station, the broker and what waits for it, the metrics."""
    said = list(_links(status, around.health or {}))
    return wrapped("   ".join(said), f"{'LINK':{LABEL}}") if said else []


def _links(status: Form, health: Form) -> Iterator[str]:
    far, mqtt, scrape = status.get("far_end"), health.get("mqtt"), health.get("scrape")
    if isinstance(far, Mapping):
        heard = far.get("age")
        yield f"{far.get('name') or 'far station'} {'never heard' if plain(heard) is None else f'heard {value(heard)} ago'}"
    if isinstance(mqtt, Mapping):
        waiting = (health.get("journal") or {}).get("outbox_records")
        yield f"MQTT {'up' if mqtt.get('connected') else 'DOWN'}{f', queue {figure(waiting)}' if waiting is not None else ''}"
    sparkplug = health.get("sparkplug")
    if isinstance(sparkplug, Mapping):
        yield f"Sparkplug {'up' if sparkplug.get('connected') else 'DOWN'}"
    if isinstance(scrape, Mapping):
        yield f"metrics fetched {figure(scrape['age'])} ago" if scrape.get("age") is not None else "metrics never fetched"


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
    told = isinstance(verdict, Mapping) and verdict.get("kind") not in (None, HEALTHY)
    held = [str(each["name"]) for each in around.operations or () if each["phase"] == "held"]
    waiting = folded(alarm for alarm in (alarms or {}).get("alarms", ()) if alarm["letter"] in "BDE")
    acked = f"  |  ack {' '.join(str(alarm['key']) for alarm in waiting[0][:2])}" if waiting else ""
    first = f"show operations {held[0]}  |  " if held else ""
    return "Next:  " + first + ("show fault  |  support fault  |  " if told else "") + "show alarms" + acked


# What the rows share.


def _utc_s(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _word(up: object) -> str:
    return "yes" if up else "no"


def _label(group: str, name: str) -> str:
    return f"{group:7} {name}  " if group else f"  {name}  "


def _left_out(items: Sequence[object], most: int, one: str, several: str = "") -> list[str]:
    words = (f"more {one}", f"more {several}" if several else "")
    return [f"  and {counted(len(items) - most, *words)}"] if len(items) > most else []
