"""What all screens of `stationctl` are set from: values with their units, times, lines of 7-bit ASCII of at most 79 columns. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

COLUMNS = 79
DECIMALS = {"dBm": 2, "dB": 2, "mA": 1, "V": 1, "degC": 1, "%": 1, "W": 1}
SIGNED = frozenset({"dBm", "V"})


def ascii_only(text: object) -> str:
    """Return a text as 7-bit ASCII without anything that acts on a terminal; what has no such form is a question mark."""
    return "".join(sign if " " <= sign <= "~" else " " if sign in "\t\r\n" else "?" for sign in str(text))


def value(form: object) -> str:
    """Return a value with its unit. Stale: its last value, a question mark and the word; missing or bad: said so."""
    if not is_value(form):
        return "--"
    assert isinstance(form, Mapping)
    unit = ascii_only(form.get("u") or "")
    stale = form["q"] == "stale"
    known = form.get("last") if stale else form["v"]
    if known is None:
        return "BELOW RANGE" if form.get("why") == "below-range" else "no value"
    mark = "?" if stale or form["q"] == "uncertain" else ""
    return " ".join(filter(None, (f"{number(known, unit)}{mark}", unit, "STALE" if stale else "")))


def number(known: object, unit: str) -> str:
    """Return a number with the digits and the sign that are usual for its unit; words as they are."""
    match known:
        case bool():
            return "yes" if known else "no"
        case int() | float():
            sign = "+" if unit in SIGNED else ""
            if unit in DECIMALS and abs(known) < 1e6:
                return _short(f"{known:{sign}.{DECIMALS[unit]}f}")
            return f"{known:{sign}.12g}" if isinstance(known, float) else f"{known:{sign}d}"
        case _:
            return ascii_only(known)


def age(seconds: float) -> str:
    """Return how long: 42s, 4m02s, 3h04m, 41d02h."""
    whole = int(max(seconds, 0.0))
    days, rest = divmod(whole, 86_400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    if days:
        return f"{days}d{hours:02d}h"
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"


def clock(stamp: object, today: str) -> str:
    """Return a time: hours of today, else the day and the hour; ~ before it when the clock was not synchronised."""
    if not isinstance(stamp, Mapping) or not isinstance(stamp.get("t"), str):
        return "--"
    text = ascii_only(stamp["t"])
    mark = "~" if stamp.get("synchronised") is False else ""
    return mark + (text[11:19] if text[:10] == today[:10] else f"{text[5:10]} {text[11:16]}")


def wrapped(text: str, first: str = "", following: str | None = None) -> list[str]:
    """Return a text on as many lines as it needs, the first one after `first`, the others under it."""
    rest = " " * len(first) if following is None else following
    width = textwrap.TextWrapper(COLUMNS, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)  # keys stay whole
    return width.wrap(ascii_only(text)) or [first.rstrip()]


def fitting(lines: Iterable[str]) -> list[str]:
    """Return lines, those that are too long as several: whatever is said on a terminal passes here."""
    return [row for line in lines for row in ([line] if len(line) <= COLUMNS else wrapped(line, following="  "))]


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its word: 1 alarm, 2 alarms."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def beside(left: str, right: str) -> list[str]:
    """Return one line with a text at each end, or two where they do not fit side by side."""
    if len(left) + len(right) + 2 <= COLUMNS:
        return [left + " " * (COLUMNS - len(left) - len(right)) + right]
    return [*wrapped(left), *wrapped(right)]


def _short(text: str) -> str:
    cut = text.rstrip("0").rstrip(".") if "." in text else text
    return cut if cut not in ("-0", "+0") else "0"


def is_value(form: object) -> bool:
    """Return whether this is a value of the documents."""
    return isinstance(form, Mapping) and "q" in form and "v" in form
