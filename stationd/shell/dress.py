"""What a terminal may have: UTF-8, colour, a cursor that moves; and colour on finished lines. Pure: the facts are handed in.

Nothing is guessed from Python's own idea of an encoding, which is UTF-8 under LANG=C too (PEP 540): only the string that a person has
set counts. Colour follows no-color.org and never carries a meaning alone; the sequences are those of ECMA-48 (SGR).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

DUMB = frozenset({"", "dumb", "unknown"})  # nothing but lines
COLOURLESS = DUMB | {"vt100", "vt52"}
SEVEN_BIT = DUMB | {"vt100", "vt52", "vt102", "vt220"}  # the consoles of agetty -L ttyS0 ... vt100 and its family
LOCALES = ("LC_ALL", "LC_CTYPE", "LANG")  # POSIX: the first that is set and not empty is the one
RED, YELLOW, CYAN, RESET = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[0m"
PAINT = {"CRIT": RED, "CRITICAL": RED, "DOWN": RED, "MAJOR": RED, "MINOR": YELLOW, "STALE": YELLOW, "WARN": CYAN, "WARNING": CYAN}
_WORDS = re.compile(rf"(?<![A-Za-z0-9/_-])({'|'.join(sorted(PAINT, key=len, reverse=True))})(?![A-Za-z0-9/_-])")  # no part of a key
_SGR = re.compile(r"\x1b\[[0-9;]*m")


class Dress(NamedTuple):
    """What may be sent to a terminal. plain: lines are only ever appended. baud: 0 where it is no serial line, or not known."""

    utf8: bool = False
    colour: bool = False
    plain: bool = True
    baud: int = 0


def dressed(environment: Mapping[str, str], *, is_tty: bool, is_serial: bool = False, baud: int = 0) -> Dress:
    """Return what standard output may have. `baud` is the speed in bits a second.

    `is_serial` is whether it is a real line (ttyS0, ttyUSB0), not a pseudo terminal, whose speed means nothing.
    """
    term = environment.get("TERM", "").strip().casefold()
    return Dress(
        utf8=_utf8(environment) and term not in SEVEN_BIT and not is_serial,
        colour=is_tty and term not in COLOURLESS and not environment.get("NO_COLOR"),
        plain=not is_tty or term in DUMB,
        baud=max(baud, 0) if is_serial else 0,
    )


def _utf8(environment: Mapping[str, str]) -> bool:
    known = next((environment[name] for name in LOCALES if environment.get(name)), "")
    return re.search(r"utf-?8", known, re.IGNORECASE) is not None


def coloured(line: str) -> str:
    """Return a finished line with colour round the words of severity, DOWN and STALE; the words stay as they are."""
    return _WORDS.sub(lambda found: f"{PAINT[found[1]]}{found[1]}{RESET}", line)


def all_coloured(lines: Sequence[str], dress: Dress) -> list[str]:
    """Return finished lines as the terminal may have them."""
    return [coloured(line) for line in lines] if dress.colour else list(lines)


def bare(line: str) -> str:
    """Return a line without its colour."""
    return _SGR.sub("", line)
