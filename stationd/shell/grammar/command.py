"""What a command is: one row of the table, and the small language in which its form is written. Pure.

A form reads as people know it from a manual. Small letters are words to be typed; CAPITALS are slots that a person fills
(stationd.shell.grammar.slots) or a choice between a few words; [brackets] may be left out; KEY... is one or more. Nothing else of a
command is written down anywhere: parser, completion, `?`, man page and tests all go by its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, IntEnum
from functools import cache
from typing import Any, NamedTuple

from stationd.shell.wish import Wish

Filled = Mapping[str, Any]
UNITS = frozenset({"mA", "mA/s", "dB", "dBm"})


class Class(IntEnum):
    """What a command may do, and so who may give it: the classes of the daemon. Only those of READ may be typed short."""

    READ = 0
    NOTE = 1
    SET = 2
    OPERATE = 3
    LETHAL = 4
    EMERGENCY = 5


IN_PERSON = frozenset({Class.OPERATE, Class.LETHAL})  # a person at a terminal reads, and types an answer; no script, no pipe


class Command(NamedTuple):
    """A row: its form, its class, one line of help, and what it asks for once its slots are filled."""

    form: str
    klass: Class
    help: str
    ask: Callable[[Filled], Wish]


class What(Enum):
    """What a step of a form is."""

    WORD = "word"
    CHOICE = "choice"
    SLOT = "slot"


class Step(NamedTuple):
    """One place in a form. `name` is the word itself, or that of the choice or the slot."""

    what: What
    name: str
    many: bool = False


Path = tuple[Step, ...]
CHOICES: Mapping[str, Sequence[str]] = {
    "ALARMS": ("active", "shelved", "suppressed", "out-of-service", "all"),
    "PART": ("master", "follower"),
    "SIGN": ("pos", "neg"),
    "ONOFF": ("on", "off"),
    "MODE": ("acc", "apc", "agc"),
    "PUMP": ("pump-on", "pump-off"),
    "LANGUAGE": ("en", "ru", "kk", "az"),
    "ZONE": ("utc", "local"),
}


@cache
def paths(form: str) -> tuple[Path, ...]:
    """Return every way through a form, the shortest first: with and without each part in brackets."""
    tokens = re.findall(r"\[|\]|[^\s\[\]]+", form)
    found, rest = _sequence(tokens, 0)
    assert rest == len(tokens), f"unbalanced brackets: {form}"
    return tuple(sorted(found, key=len))


def _sequence(tokens: Sequence[str], at: int) -> tuple[list[Path], int]:
    found: list[Path] = [()]
    while at < len(tokens) and tokens[at] != "]":
        if tokens[at] == "[":
            inner, at = _sequence(tokens, at + 1)
            assert tokens[at] == "]", "a bracket is not closed"
            found = [*found, *(path + more for path in found for more in inner)]
        else:
            found = [(*path, _step(tokens[at])) for path in found]
        at += 1
    return found, at


def _step(token: str) -> Step:
    name, many = token.removesuffix("..."), token.endswith("...")
    if name in CHOICES:
        return Step(What.CHOICE, name, many)
    return Step(What.SLOT if re.fullmatch(r"[A-Z]+", name) else What.WORD, name, many)


def first_word(form: str) -> str:
    """Return the word that a command begins with."""
    return form.partition(" ")[0]
