"""The screens of the plant: power feeds, amplifiers and optical inputs, all of them or one. Pure.

As in stationd.shell.screens.status nothing is cut off, every line is 7-bit ASCII of at most 79 columns, and a value that is missing,
stale or bad is shown as that. Limits are those at which an alarm comes; a point without an alarm of its own has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.typeset import (
    ROWS,
    RULE,
    ascii_only,
    beside,
    bounded,
    headed,
    in_columns,
    is_value,
    moment,
    named,
    number,
    offered,
    plain,
    utc_s,
    value,
    wrapped,
)
from stationd.shell.screens.units import far_rows, feed_rows, loop_words, troubles

Form = Mapping[str, Any]
AMPLIFIER_COLUMNS = (14, 8, 4, 16, 16)  # name, role, pair, input, output
TAP_COLUMNS = (16, 10, 4, 16)  # name, role, pair, level
POINT_COLUMNS = (25, 17, 17)  # name, now, limits
PARTS = (("role", ""), ("fibre_pair", "fibre pair "), ("driver", ""))
FRESH = frozenset({"good", "sim"})
LIGHT_IN = frozenset({"AMP-LOS", "LIGHT-LOST", "LOW-INPUT"})  # alarms that say that too little light comes in
STANDS = frozenset("BCEFH")  # letters of an alarm that is there, or waits; H: its cause is
INPUT = "input"
HIDDEN = "H"
VERDICT = "VERDICT "


# The power feeds.


def feeds_screen(status: Form, rows: int | None = ROWS) -> list[str]:
    """Return every power feed with its current, voltage and state, and what the far station says of its own."""
    feeds = named(status.get("power_feeds"))
    top = [*_head(status, f"POWER FEEDS   {len(feeds) or 'none'}"), RULE]
    body = [row for name, feed in feeds for row in feed_rows(name, feed, flags=True)]
    first = feeds[0][0] if feeds else ""
    end = [RULE, *wrapped(f"Next:  show pfe {first}  |  show pfe {first} limits  |  show pfe {first} events")] if feeds else []
    return bounded(top, [*body, *far_rows(status)], end, rows, "show pfe")


# The amplifiers.


def amplifiers_screen(status: Form, rows: int | None = ROWS) -> list[str]:
    """Return every amplifier, one after the other as the station has them, with its powers and what is wrong with it."""
    amplifiers = named(status.get("amplifiers"))
    answer = sum(1 for _, each in amplifiers if each.get("up"))
    top = _head(status, f"AMPLIFIERS   {answer} of {len(amplifiers)} answer")
    top += [*in_columns(("Name", "Role", "Pair", "input", "output"), AMPLIFIER_COLUMNS, "state"), RULE]
    body = [row for name, each in amplifiers for row in _amplifier_row(name, each)]
    end = [RULE, *wrapped(f"Next:  show amp {amplifiers[0][0]}")] if amplifiers else []
    return bounded(top, body or ["none"], end, rows, "show amp")


def _amplifier_row(name: str, each: Form) -> list[str]:
    powers = [value(each[point]) if offered(each.get(point)) else "--" for point in ("input_power", "output_power")]
    cells = (name, str(each.get("role") or "--"), str(each.get("fibre_pair") or "--"), *powers)
    pumping = {True: "pump on", False: "PUMP OFF"}.get(plain(each.get("pump_on")), "")
    return in_columns(cells, AMPLIFIER_COLUMNS, ", ".join(troubles(each) or ["ok"]) + (f", {pumping}" if pumping else ""))


def amplifier_screen(device: Form, alarms: Sequence[Form], rows: int | None = ROWS) -> list[str]:
    """Return one amplifier: each point now, its limits and its state, the alarms of it, and whether it is the amplifier that is at fault.

    `device` is the answer to GetDevice, `alarms` the alarms of it, those that their causes suppress among them.
    """
    facts = [f"{words}{device[name]}" for name, words in PARTS if device.get(name) not in (None, "")]
    top = beside(ascii_only(f"{str(device.get('device') or '--').upper()}   {'   '.join(facts)}"), _when(device))
    top += [*wrapped(f"{headed(device)}   {'answers' if device.get('up') else 'NO ANSWER'}{_age(device)}"), RULE]
    top += in_columns(("", "now", "limits"), POINT_COLUMNS, "state")
    standing = [alarm for alarm in alarms if alarm["letter"] in STANDS]
    told = [row for alarm in standing for row in wrapped(f"{alarm['letter']} {alarm['key']}  {alarm['text']}", "  ", "    ")]
    end = [RULE, *wrapped(amplifier_verdict(device, standing), VERDICT)]
    return bounded(top, [*_points(device), *told], end, rows, f"show amp {device.get('device')}")


def _points(device: Form) -> list[str]:
    """Return what is measured, then what is on or said in words, then in one paragraph what is off."""
    limits = device.get("limits")
    points = [(name, form) for name, form in named(device.get("points")) if offered(form)]
    off = [name.replace("_", " ") for name, form in points if _is_off(form)]
    shown = [(name, form) for name, form in points if not _is_off(form)]
    shown.sort(key=lambda each: not _is_number(each[1]))
    body = [row for name, form in shown for row in _point_row(name, form, limits.get(name) if isinstance(limits, Mapping) else None)]
    return body + (wrapped(", ".join(off), "no: ") if off else [])


def _is_off(form: Form) -> bool:
    return plain(form) is False and form["q"] in FRESH and not form.get("u")


def _is_number(form: Form) -> bool:
    """Return whether a point measures something: it has a unit, also while nobody knows its value."""
    return bool(form.get("u"))


def _age(device: Form) -> str:
    """Return how long ago the unit has answered last: what is read once only, a serial number, says nothing of that."""
    now = utc_s(device.get("t"))
    times = [utc_s(form.get("t")) for _, form in named(device.get("points")) if form.get("q") in FRESH]
    known = [t for t in times if t is not None]
    return f"   age {max(now - max(known), 0.0):.1f} s" if now is not None and known else ""


def amplifier_verdict(device: Form, alarms: Sequence[Form]) -> str:
    """Return whose fault it is, in one sentence: the amplifier's own, that of something upstream, or nobody's."""
    name = device.get("device") or "it"
    if not device.get("up"):
        return f"{name} does not answer: what it does is not known."
    own = [alarm for alarm in alarms if alarm["letter"] != HIDDEN or not alarm["causes"]]
    if own:
        return f"look at {name} itself: {', '.join(str(alarm['key']) for alarm in own)}."
    if not alarms:
        return f"no alarm of {name} stands."
    explained = {str(alarm["key"]) for alarm in alarms}  # an alarm of its own that has a cause of its own is no root
    causes = list(dict.fromkeys(str(cause) for alarm in alarms for cause in alarm["causes"] if str(cause) not in explained))
    if not causes or any(cause.partition("/")[0] == name for cause in causes):
        return f"look at {name} itself: {', '.join(causes or sorted(explained))}."
    lost = any(_type(alarm) in LIGHT_IN for alarm in alarms) or plain((device.get("points") or {}).get("los")) is True
    what = "its input is lost upstream" if lost else "what it shows follows from elsewhere"
    return f"{name} itself is healthy; {what} ({', '.join(causes)})."


def _point_row(name: str, form: Form, limits: object) -> list[str]:
    low, high = (plain(limits.get(side)) if isinstance(limits, Mapping) else None for side in ("low", "high"))
    return in_columns((name.replace("_", " "), value(form), _span(low, high, form)), POINT_COLUMNS, _state(form, low, high))


def _span(low: object, high: object, form: Form) -> str:
    """Return limits in the unit of the point: 5 .. 55, above -24, below 18."""
    unit = ascii_only(form.get("u") or "")
    if low is not None and high is not None:
        return f"{number(low, unit)} .. {number(high, unit)}"
    return f"above {number(low, unit)}" if low is not None else f"below {number(high, unit)}" if high is not None else ""


def _state(form: Form, low: object, high: object) -> str:
    """Return the state of a value against its limits: words for what is not ok, and for what nobody can tell."""
    known = plain(form)
    if form["q"] not in FRESH or known is None:
        return f"{str(form['q']).upper()}{': ' + str(form['why']) if form.get('why') else ''}"
    if not isinstance(known, int | float) or isinstance(known, bool):
        return ""
    if isinstance(low, int | float) and known < low:
        return "LOW"
    if isinstance(high, int | float) and known > high:
        return "HIGH"
    return "ok" if low is not None or high is not None else ""


def _type(alarm: Form) -> str:
    return str(alarm["key"]).partition("/")[2].partition("/")[0]


# The optical inputs.


def optical_screen(status: Form, rows: int | None = ROWS, health: Form | None = None) -> list[str]:
    """Return every optical input with its level; with `health` (GetHealth) how the loop that samples them does."""
    taps = named(status.get("taps"))
    lit = sum(1 for _, tap in taps if plain(tap.get("los")) is False)
    top = _head(status, f"OPTICAL INPUTS   {lit} of {len(taps)} have light")
    sampler = (health or {}).get("sampler")
    if isinstance(sampler, Mapping):
        top += wrapped(f"{loop_words(health)}   {_loop_more(sampler)}".rstrip())
    top += [*in_columns(("Name", "Role", "Pair", "level"), TAP_COLUMNS, "light"), RULE]
    body = [row for name, tap in taps for row in _tap_row(name, tap)]
    return bounded(top, body or ["none"], [], rows, "show optical")


def _loop_more(sampler: Form) -> str:
    said = [] if sampler.get("missed_lately") is None else [f"{value(sampler['missed_lately'])} in the last {value(sampler.get('lately'))}"]
    said += [] if sampler.get("real_time") is not False else ["without real-time priority"]
    return ", ".join(said)


def _tap_row(name: str, tap: Form) -> list[str]:
    cells = (name, str(tap.get("role") or "--"), str(tap.get("fibre_pair") or "--"), value(tap.get("power")))
    return in_columns(cells, TAP_COLUMNS, _light(tap))


def _light(tap: Form) -> str:
    if not tap.get("up", True):
        return "NO ANSWER"
    return {True: "NO LIGHT", False: "ok"}.get(plain(tap.get("los")), "not known")


def tap_screen(status: Form, name: str, rows: int | None = ROWS) -> list[str] | None:
    """Return one optical input with everything that the station document has of it; None where there is no such input."""
    tap = dict(named(status.get("taps"))).get(ascii_only(name))
    if tap is None:
        return None
    facts = [f"{words}{tap[part]}" for part, words in PARTS if tap.get(part) not in (None, "")]
    top = [*beside(ascii_only(f"{name}   {'   '.join(facts)}"), _when(status)), RULE]
    body = [row for point, form in tap.items() if is_value(form) for row in _point_row(str(point), form, None)]
    return bounded(top, [*body, *wrapped(f"light: {_light(tap)}")], [], rows, f"show optical {name}")


def _head(status: Form, title: str) -> list[str]:
    return beside(headed(status, title), _when(status))


def _when(form: Form) -> str:
    return moment(form.get("t"))
