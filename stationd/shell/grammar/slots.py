"""What a person fills into a form: how each slot is read, an example of it, and what it is called in a sentence. Pure.

Reading is strict: no exponents, no commas, units apart from their numbers, names as the station writes them. A slot that cannot be read
says what is wrong and what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from stationd.shell.wish import Ago, Usage, seconds_in

CONTACT = r"[a-z0-9][a-z0-9_-]*\.[a-z0-9][a-z0-9_.-]*"
UTC = r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?"
MOST_RECORDS, MOST_LINES, MOST_BACK = 200, 1000, 99


class Slot(NamedTuple):
    """How a slot is called, an example for it, and its reader, which raises Usage. `rest`: all words that follow belong to it."""

    called: str
    example: str
    read: Callable[[str], Any]
    rest: bool = False


def _matching(pattern: str, wrong: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if re.fullmatch(pattern, text, re.ASCII) is None:
            raise Usage(f"{text or 'nothing'} {wrong}")
        return text

    return read


def _name(text: str) -> str:
    if not text.strip() or text.startswith("-"):
        raise Usage(f"{text or 'nothing'} is no name")
    return text


class Feed(str):
    """The name of a power feed as it was typed. The station may have another one for it: stationd.shell.feeds."""

    __slots__ = ()


def feed(text: str) -> Feed:
    """Return the name of a power feed: `a` and `pfe-a` are the same one."""
    name = _name(text)
    return Feed(name if name == "all" or name.casefold().startswith("pfe") else f"pfe-{name}")


def _text(text: str) -> str:
    if not text.strip():
        raise Usage("the text is empty: write it in quotes")
    return text


def _number(unit: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        if re.fullmatch(r"[+-]?\d{1,6}(\.\d{1,6})?", text, re.ASCII) is None:
            glued = text.endswith(unit) and text != unit
            apart = f"; with a space: {text.removesuffix(unit)} {unit}" if glued else ""
            raise Usage(f"{text or 'nothing'}: a number with its unit, for example 10 {unit}{apart}")
        return float(text)

    return read


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"\d{1,5}", text, re.ASCII) is None or not least <= int(text) <= most:
            raise Usage(f"{text or 'nothing'}: a whole number, {least} to {most}")
        return int(text)

    return read


def _since(text: str) -> Ago | str:
    """Read 24h (so long ago) or a time in UTC."""
    if re.fullmatch(UTC, text, re.ASCII):
        return text if "T" in text else f"{text}T00:00:00Z"
    try:
        return Ago(seconds_in(text))
    except Usage:
        raise Usage(f"{text} is no time: write how long ago, 24h, or a time in UTC, 2026-11-21T22:00Z") from None


def _until(text: str) -> str:
    if re.fullmatch(UTC, text, re.ASCII) is None:
        raise Usage(f"{text} is no time: write the day or the time in UTC, 2026-11-30 or 2026-11-30T06:00Z")
    return text if "T" in text else f"{text}T00:00:00Z"


_ALARM = _matching(r"[^\s/#-][^\s/#]*(/[^\s/#]+){1,2}(#\d{1,9})?|[A-Z][A-Z0-9-]+(#\d{1,9})?",
                   "is no alarm; write resource/TYPE, or TYPE where there is only one: show alarms")  # fmt: skip
_POINT = _matching(r"[a-z0-9][a-z0-9_-]*\.[A-Za-z0-9_.-]+", "is no point; their names are like pfe-a.output_current: show points")

SLOTS: Mapping[str, Slot] = {
    "KEY": Slot("an alarm", "line/LINE-DOWN", _ALARM),
    "FAULT": Slot("a fault", "F-2026-11-21-1", _matching(r"F-\d{4}-\d{2}-\d{2}-\d{1,6}", "is no fault: show faults")),
    "OPERATION": Slot("an operation", "OP-42",
                      _matching(r"OP-\d{1,9}", "is no operation; their names are like OP-42: show operations")),
    "HOLD": Slot("a hold", "H-7", _matching(r"H-\d{1,9}", "is no hold; their names are like H-7: show holds")),
    "CONTACT": Slot("an interlock", "io1.di4", _matching(CONTACT, "is no interlock; their names are like io1.di4: show interlocks")),
    "FEED": Slot("a power feed", "a", feed),
    "FEEDS": Slot("a power feed, or all", "all", _name),
    "DEVICE": Slot("an amplifier", "fp1-booster", _name),
    "OBJECT": Slot("an object", "line", _name),
    "TAP": Slot("an optical input", "fp1-rx", _name),
    "USER": Slot("a user", "n.aliyeva", _name),
    "POINT": Slot("a point", "pfe-a.output_current", _POINT),
    "PATH": Slot("a key of the file", "pfe.pfe-a.max_v", _name),
    "WORD": Slot("a word", "PFE-TRIP", _name),
    "NAME": Slot("a file name", "tonight.txt", _matching(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", "is no name of a file")),
    "PATTERN": Slot("a regular expression", "PFE", _text),
    "CURRENT": Slot("a current", "1000", _number("mA")),
    "RATE": Slot("a rate", "10", _number("mA/s")),
    "GAIN": Slot("a gain", "35.1", _number("dB")),
    "POWER": Slot("a power", "17.0", _number("dBm")),
    "PUMPCURRENT": Slot("a current", "410", _number("mA")),
    "DURATION": Slot("a duration", "10m", seconds_in),
    "SINCE": Slot("a time", "24h", _since),
    "UNTIL": Slot("a day", "2026-11-30", _until),
    "RECORDS": Slot("a number", "20", _whole(1, MOST_RECORDS)),
    "LINES": Slot("a number", "10", _whole(1, MOST_LINES)),
    "BACK": Slot("a number", "1", _whole(1, MOST_BACK)),
    "COLUMNS": Slot("a number", "80", _whole(40, 400)),
    "ROWS": Slot("a number", "24", _whole(10, 200)),
    "NOTE": Slot("a note in quotes", '"..."', _text),
    "TEXT": Slot("a text", '"..."', _text, rest=True),
    "REASON": Slot("a reason", '"..."', _text, rest=True),
    "COMMAND": Slot("a command of show", "show pfe a", _text, rest=True),
}  # fmt: skip
