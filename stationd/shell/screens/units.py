"""The parts of the plant on the first screen: what is said of each in any case, and details as there is room. Pure.

A part says its line before any part has details: what does not answer, is dark or off is told of every unit before one is told in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stationd.shell.screens.typeset import age, ascii_only, counted, figure, left_out, named, offered, plain, utc_s, value, wrapped
from stationd.shell.screens.unjudged import down_words, unjudged

LABEL = 8
MOST_FEEDS, MOST_AMPLIFIERS, MOST_TAPS = 4, 3, 2
AS_IT_SHOULD_BE = {"fault": False, "interlock": True}  # interlock: it lets the unit run
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


class Part(NamedTuple):
    """A part of the plant: what stands on the screen in any case, and details, each of which is shown whole or counted."""

    said: Sequence[str] = ()
    details: Sequence[Sequence[str]] = ()


def plant_parts(status: Form, alarms: Form | None, around: Around) -> list[Part]:
    """Return the parts of the plant in the order of the screen; what the station does not have is none."""
    parts = [_line(status, alarms), *_feeds(status, around), far_part(status), _amplifiers(status), _taps(status, around)]
    return [part for part in (*parts, _buses(status), _link(status, around)) if part.said]


def chosen(parts: Sequence[Part], room: int | None) -> list[str]:
    """Return what every part says and as many of their details as there is room for, none cut in two; the others are counted."""
    every = [row for part in parts for row in (*part.said, *(row for each in part.details for row in each))]
    if room is None or len(every) <= room:
        return every
    left = max(room - 1, 0)
    said, left = _as_many(list(enumerate(part.said for part in parts)), left)
    details = [(number, each) for number, part in enumerate(parts) for each in part.details if number in said]
    more: dict[int, list[str]] = {}
    for number, each in details:
        if len(each) > left:
            break
        left -= len(each)
        more[number] = [*more.get(number, []), *each]
    lines = [row for number, rows in said.items() for row in (*rows, *more.get(number, []))]
    return [*lines, left_out(len(every) - len(lines), "more row", "show status")]


def _as_many(blocks: Sequence[tuple[int, Sequence[str]]], room: int) -> tuple[dict[int, Sequence[str]], int]:
    """Return the first blocks that fit, by their numbers, and the room that is left."""
    found: dict[int, Sequence[str]] = {}
    for number, block in blocks:
        if len(block) > room:
            break
        found[number], room = block, room - len(block)
    return found, room


def _line(status: Form, alarms: Form | None) -> Part:
    """Return the line: its name, whether an alarm says that it is down, how long the verdict stands, its design capacity."""
    line, verdict = status.get("line"), status.get("verdict")
    if not isinstance(line, Mapping):
        return Part()
    ends = " - ".join(str(each) for each in (line.get("ends") or {}).values())
    down = down_words(status, alarms)
    said = [" ".join(filter(None, (str(line.get("name") or "--").upper(), ends))), down]
    if isinstance(verdict, Mapping) and unjudged(status, alarms) is None:
        now, since = utc_s(status.get("t")), utc_s(verdict.get("since"))
        lasting = f" for {age(now - since)}" if now is not None and since is not None and not down else ""
        said.append(f"{verdict.get('kind') or '--'}{lasting}")
    said.append(f"capacity {value(line['capacity'])}" if line.get("capacity") is not None else "")
    return Part(wrapped("   ".join(filter(None, said)), f"{'LINE':{LABEL}}"))


def _feeds(status: Form, around: Around) -> list[Part]:
    feeds = named(status.get("power_feeds"))
    parts = [Part(feed_rows(name, feed, around)) for name, feed in feeds[:MOST_FEEDS]]
    return [*parts, Part(_left_out(feeds, MOST_FEEDS, "power feed"))]


def feed_rows(name: str, feed: Form, around: Around = NOTHING_MORE, *, flags: bool = False) -> list[str]:
    """Return a power feed: on or off, current, voltage, regulation; with `flags` also what is as it should be."""
    state = {True: "ON", False: "OFF"}.get(plain(feed.get("output_on")), "output ?") if feed.get("up") else "NO ANSWER"
    said = [state, value(feed.get("output_current")), value(feed.get("output_voltage"))]
    shown = [point for point in ("regulation", "fault", "interlock") if offered(feed.get(point))]
    said += [f"{point} {value(feed[point])}" for point in shown if flags or not _as_it_should_be(point, feed[point])]
    said += [_interlocks(name, around.interlocks)] if around.interlocks is not None else []
    return wrapped("   ".join(filter(None, said)), _label("PFE", name))


def _as_it_should_be(point: str, form: object) -> bool:
    return point in AS_IT_SHOULD_BE and plain(form) is AS_IT_SHOULD_BE[point]


def _interlocks(feed: str, every: Rows) -> str:
    """Return how many permissives of a feed are closed; one that is not known is not closed, one that is bypassed is named."""
    own = [each for each in every if feed in each["feeds"]]
    if not own:
        return ""
    closed = sum(1 for each in own if plain(each["closed"]) is True)
    bypassed = [str(each["name"]) for each in own if each.get("bypassedUntil")]
    words = ["OK" if closed == len(own) else "NOT OK", f"BYPASSED {', '.join(bypassed)}" if bypassed else ""]
    return f"interlocks {closed}/{len(own)} {' '.join(filter(None, words))}"


def far_part(status: Form) -> Part:
    """Return the far station as a part of the plant."""
    return Part(far_rows(status))


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


def _amplifiers(status: Form) -> Part:
    amplifiers = named(status.get("amplifiers"))
    if not amplifiers:
        return Part()
    troubled = [(name, each) for name, each in amplifiers if troubles(each)]
    answer = sum(1 for _, each in amplifiers if each.get("up"))
    said = f"AMPS    {answer} of {len(amplifiers)} answer   {len(amplifiers) - len(troubled)} without a fault"
    details = [_troubled(name, each) for name, each in troubled[:MOST_AMPLIFIERS]]
    return Part([said], _with_left_out(details, troubled, MOST_AMPLIFIERS, "amplifier with a fault", "amplifiers with a fault"))


def _troubled(name: str, each: Form) -> list[str]:
    powers = [f"{short} {value(each[point])}" for short, point in (("in", "input_power"), ("out", "output_power")) if point in each]
    return wrapped("   ".join([", ".join(troubles(each)), *powers]), _label("", name))


def troubles(amplifier: Form) -> list[str]:
    """Return in words what is wrong with an amplifier; what is not known is wrong too."""
    if not amplifier.get("up"):
        return ["NO ANSWER"]
    found = [word for point, word in (("los", "LOS"), ("fault", "FAULT")) if plain(amplifier.get(point)) is True]
    return found + [f"{point} {value(form)}" for point, form in amplifier.items() if offered(form) and form["q"] in ("stale", "bad")]


def _taps(status: Form, around: Around) -> Part:
    taps = named(status.get("taps"))
    if not taps:
        return Part()
    dark = [(name, tap) for name, tap in taps if plain(tap.get("los")) is not False]
    said = wrapped(f"{len(taps) - len(dark)} of {len(taps)} inputs have light   {loop_words(around.health)}".strip(), "OPTICAL ")
    details = [_dark(name, tap) for name, tap in dark[:MOST_TAPS]]
    return Part(said, _with_left_out(details, dark, MOST_TAPS, "input without light", "inputs without light"))


def _dark(name: str, tap: Form) -> list[str]:
    return wrapped(f"{'NO LIGHT' if plain(tap.get('los')) is True else 'not known'}   {value(tap.get('power'))}", _label("", name))


def loop_words(health: Form | None) -> str:
    """Return how the sampling loop does; nothing where nobody has asked, or where there is none."""
    sampler = (health or {}).get("sampler")
    if not isinstance(sampler, Mapping):
        return ""
    return f"loop {figure(sampler.get('rate'))}, {figure(sampler.get('missed'))} missed" if sampler.get("running") else "LOOP NOT RUNNING"


def _buses(status: Form) -> Part:
    """Return the buses where one is down; that all are open is no news, since then the units say how they are."""
    buses = named(status.get("buses"))
    down = [name for name, bus in buses if not bus.get("up")]
    return Part(wrapped(f"{len(buses) - len(down)} of {len(buses)} open   DOWN: {', '.join(down)}", "BUSES   ")) if down else Part()


def _link(status: Form, around: Around) -> Part:
    """Return the connections: the far station, the broker and what waits for it, the metrics."""
    said = list(_links(status, around.health or {}))
    return Part(wrapped("   ".join(said), f"{'LINK':{LABEL}}")) if said else Part()


def _links(status: Form, health: Form) -> Iterator[str]:
    far, mqtt, scrape = status.get("far_end"), health.get("mqtt"), health.get("scrape")
    if isinstance(far, Mapping):
        heard = far.get("age")
        yield f"{far.get('name') or 'far station'} {'never heard' if plain(heard) is None else f'age {value(heard)}'}"
    if isinstance(mqtt, Mapping):
        waiting = (health.get("journal") or {}).get("outbox_records")
        yield f"MQTT {'up' if mqtt.get('connected') else 'DOWN'}{f', queue {figure(waiting)}' if waiting is not None else ''}"
    sparkplug = health.get("sparkplug")
    if isinstance(sparkplug, Mapping):
        yield f"Sparkplug {'up' if sparkplug.get('connected') else 'DOWN'}"
    if isinstance(scrape, Mapping):
        yield f"scraped {figure(scrape['age'])} ago" if scrape.get("age") is not None else "never scraped"


# What the parts share.


def _label(group: str, name: str) -> str:
    return f"{group:7} {name}  " if group else f"  {name}  "


def _left_out(items: Sequence[object], most: int, one: str, several: str = "") -> list[str]:
    words = (f"more {one}", f"more {several}" if several else "")
    return [f"  and {counted(len(items) - most, *words)}"] if len(items) > most else []


def _with_left_out(details: list[list[str]], items: Sequence[object], most: int, one: str, several: str) -> list[list[str]]:
    left_out = _left_out(items, most, one, several)
    return [*details, left_out] if left_out else details
