"""Reading a table of a TOML file so that every mistake in it is told at once, each with file, key, reason and what would be right.

What it is: a Table with typed reads; each read notes what is wrong in one list of problems and returns a harmless value, so that the
reading goes on. What it is not: pydantic, which the environment of a bench does not have.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any


class Table:
    """One table of the file; `where` is its place in the file, for messages. Keys that nobody has read are mistakes: `close` tells them."""

    def __init__(self, raw: object, where: str, problems: list[str]) -> None:
        self.where = where
        self.problems = problems
        self._read: set[str] = set()
        self._raw: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
        if not isinstance(raw, dict):
            self.wrong("", "must be a table")

    def wrong(self, key: str, reason: str) -> None:
        """Note a mistake."""
        self.problems.append(f"{self.where}{'.' if key else ''}{key}: {reason}")

    def has(self, key: str) -> bool:
        """Return whether the key stands there."""
        return key in self._raw

    def text(self, key: str, default: str | None = None, known: Iterable[str] = ()) -> str:
        """Return a text; without a default it has to be there. `known` are the words that it may be, any if there are none."""
        value = self._value(key, default)
        words = tuple(known)
        if not isinstance(value, str):
            self._unfit(key, value, "a text")
            return default or ""
        if words and value not in words:
            self.wrong(key, f"{value!r} is unknown{meant(value, words)}")
        return value

    def number(self, key: str, default: float | None = None, least: float = -1e12, most: float = 1e12) -> float:
        """Return a number within its limits."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._unfit(key, value, "a number")
            return default if default is not None else least
        if not least <= value <= most:
            self.wrong(key, f"is {value:g}, it must be from {least:g} to {most:g}")
        return float(value)

    def optional(self, key: str) -> float | None:
        """Return a number, None where it is left out."""
        return self.number(key) if self.has(key) else None

    def flag(self, key: str, default: bool) -> bool:
        """Return a truth value."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            self._unfit(key, value, "true or false")
            return default
        return value

    def day(self, key: str) -> date:
        """Return a date such as 2026-01-31, which has to be there."""
        value = self._value(key, None)
        if not isinstance(value, date):
            self._unfit(key, value, "a date such as 2026-01-31")
            return date.min
        return value

    def words(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._value(key, list(default))
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self._unfit(key, value, "a list of texts")
            return default
        return tuple(value)

    def table(self, key: str) -> Table:
        """Return a table below this one, an empty one where it is left out."""
        return Table(self._value(key, {}), f"{self.where}.{key}", self.problems)

    def tables(self, key: str) -> Mapping[str, Table]:
        """Return the named tables below a key."""
        below = self.table(key)
        return {name: Table(raw, f"{below.where}.{name}", self.problems) for name, raw in below.rest().items()}

    def rest(self) -> Mapping[str, Any]:
        """Return all keys as they stand there, and count them as read."""
        self._read |= set(self._raw)
        return self._raw

    def close(self) -> None:
        """Note every key that nobody has asked for."""
        for key in self._raw:
            if key not in self._read:
                self.wrong(key, f"unknown key{meant(key, tuple(sorted(self._read)))}")

    def _value(self, key: str, default: object) -> object:
        self._read.add(key)
        return self._raw.get(key, default)

    def _unfit(self, key: str, value: object, wanted: str) -> None:
        self.wrong(key, f"is missing; {wanted}" if value is None else f"must be {wanted}, not {value!r}")


def meant(word: str, known: tuple[str, ...]) -> str:
    """Return what was probably meant, or what there is."""
    near = difflib.get_close_matches(word, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else f"; known: {', '.join(known)}"
