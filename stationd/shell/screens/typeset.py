"""What all screens of `stationctl` are set from: values with their units, times, lines of 7-bit ASCII of at most 79 columns. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

COLUMNS = 79
ROWS = 24
RULE = "-" * COLUMNS
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


def utc_s(text: object) -> float | None:
    """Return the Unix time of an RFC 3339 text; None for anything else."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


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


def plain(form: object) -> Any:
    """Return what a value is now, or None when that is not known."""
    return form.get("v") if isinstance(form, Mapping) else None


def offered(form: object) -> bool:
    """Return whether this is a value that the unit has; what it does not have is no trouble."""
    return is_value(form) and isinstance(form, Mapping) and form.get("why") != "not-offered"


def named(group: object) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the entries of a part of a document, which may be missing."""
    if not isinstance(group, Mapping):
        return []
    return [(ascii_only(name), entry) for name, entry in group.items() if isinstance(entry, Mapping)]


def figure(form: object) -> str:
    """Return a number for a sentence: its unit after it, an age as an age; "--" where there is none."""
    known = plain(form)
    if isinstance(known, int | float) and not isinstance(known, bool) and isinstance(form, Mapping) and form.get("u") == "s":
        return age(known)
    return value(form)


def bare_figure(form: object) -> str:
    """Return a number without its unit, for a sentence that says what it counts."""
    known = plain(form)
    return f"{known:.12g}" if isinstance(known, int | float) and not isinstance(known, bool) else "--"


def headed(status: Mapping[str, Any], title: str = "") -> str:
    """Return the station and whether it is real, as every screen names them."""
    return ascii_only("   ".join(filter(None, (f"{str(status.get('station')).upper()} {str(status.get('mode')).upper()}", title))))


def moment(text: object, mark: str = "") -> str:
    """Return the date and the time of an RFC 3339 text to the second, with its Z."""
    found = ascii_only(text or "")
    return f"{mark}{found[:10]} {found[11:19]}Z" if len(found) >= len("2026-11-22T22:04:12") else "--"


def in_columns(cells: Sequence[str], widths: Sequence[int], rest: str = "") -> list[str]:
    """Return one row of a table and a text that goes on under itself; what is too long for its column has the whole width."""
    shown = [ascii_only(cell) for cell in cells]
    start = "".join(f"{cell:<{width + 1}}" for cell, width in zip(shown, widths, strict=True))
    longest = max(map(len, rest.split()), default=0)
    if len(start) + longest > COLUMNS or any(len(cell) > width for cell, width in zip(shown, widths, strict=True)):
        return wrapped("   ".join(filter(None, (*shown, rest))), following="    ")
    return wrapped(rest, start) if rest else [start.rstrip()]


def bounded(top: list[str], body: list[str], end: list[str], rows: int | None, command: str) -> list[str]:
    """Return the screen; what finds no row between top and end is counted."""
    if rows is None or len(top) + len(body) + len(end) <= rows:
        return [*top, *body, *end]
    if len(top) + len(end) + 1 > rows:  # the figures need the room: the whole of it is on the plain screen
        every = [*top, *body, *end]
        return [*every[: rows - 1], left_out(len(every) - rows + 1, "more row", command)]
    room = rows - len(top) - len(end) - 1
    return [*top, *body[:room], left_out(len(body) - room, "more row", command), *end]


def left_out(number: int, what: str, command: str) -> str:
    """Return one row that counts what found no room, and names the command that shows all of it where that fits."""
    row = f"  and {counted(number, what)}: stationctl --plain {ascii_only(command)}"
    return row if len(row) <= COLUMNS else f"  and {counted(number, what)}: the same command with --plain"


def whole_blocks(blocks: Sequence[list[str]], room: int | None, counts: Sequence[int], command: str) -> list[str]:
    """Return the blocks, none cut in two, as many as there is room for; the last row counts the things of the others."""
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
