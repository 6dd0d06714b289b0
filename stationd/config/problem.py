"""What is wrong in a configuration file, in words for the person who has to put it right.

A Finding is found inside one text; a Problem is the same with the file's name, as `stationd check` prints it. Values are
shown as TOML writes them, on one line and cut to a readable length; what may be a secret is never shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from stationd.problem import Problem

Path = tuple[str | int, ...]
LONGEST_SHOWN = 60  # characters of a value; a line of the report stays within two lines of a terminal
POSSIBLE, CERTAIN = 0.6, 0.75  # likeness of two words, as difflib measures it: a guess, and no doubt
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SECRET_KEY = re.compile(r"pass|secret|token|pwd|^key$", re.IGNORECASE)
_LOGIN_IN_URL = re.compile(r"//[^/@\s]*@")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before it is known which file the text came from."""

    path: Path
    value: str
    reason: str
    hint: str = ""

    def problem(self, file: str) -> Problem:
        """Return it as a problem of that file."""
        return Problem(file, written(self.path), self.value, _one_line(self.reason), _one_line(self.hint))


def written(path: Path) -> str:
    """Return a key's path as TOML writes it, list positions in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else _quoted(part))
    return text


def shown(value: object, key: str = "") -> str:
    """Return a value on one line, cut to LONGEST_SHOWN; a value of a key that names a secret is hidden."""
    if _SECRET_KEY.search(key):
        return "(hidden)"
    text = _literal(value, 0)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _literal(value: object, depth: int) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():  # a number of thousands of digits is possible in hexadecimal and must not be turned into decimal
            return str(value) if value.bit_length() <= 128 else f"(a number of {value.bit_length()} bits)"
        case str():
            return _quoted(_LOGIN_IN_URL.sub("//(hidden)@", value))
        case list() | tuple():
            return f"[{', '.join(_literal(each, depth + 1) for each in value[:20])}]" if depth < 3 else "[...]"
        case dict():
            return _table(value, depth) if depth < 3 else "{...}"
        case _:
            return str(value)


def _table(value: dict[str, object], depth: int) -> str:
    pairs = (
        f"{written((key,))} = {'(hidden)' if _SECRET_KEY.search(key) else _literal(each, depth + 1)}"
        for key, each in list(value.items())[:20]
    )
    return f"{{{', '.join(pairs)}}}"


def _quoted(text: str) -> str:
    return f'"{"".join(_ESCAPES.get(char) or (char if char.isprintable() else _code(char)) for char in text[:200])}"'


def _one_line(text: str) -> str:
    """Escape what a terminal would act on: reasons and hints quote names from the file."""
    return "".join(char if char.isprintable() else _code(char) for char in text)


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def closest(word: str, known: Iterable[str], cutoff: float = POSSIBLE) -> str | None:
    """Return the known word that was probably meant, or None; a key without its unit finds the key with it."""
    words = {each.lower(): each for each in known}
    longer = [each for each in words if each.startswith(word.lower())]
    if len(word) >= 3 and len(longer) == 1:
        return words[longer[0]]
    near = difflib.get_close_matches(word.lower(), words, n=1, cutoff=cutoff)
    return words[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest known word, or else the known words."""
    words = sorted(known)
    near = closest(word, words)
    if near is not None:
        return f"did you mean {_quoted(near)}?"
    return f"known: {listed(written((each,)) for each in words)}" if words else "none is configured"


def listed(words: Iterable[str], most: int = 12) -> str:
    """Return words separated by commas, cut after `most`."""
    names = list(words)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
