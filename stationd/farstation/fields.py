"""Strict reading of parsed JSON: the type, the range and the name of every member, or Malformed with what is wrong. Pure.

Members that are not known are left alone: a newer station may say more. Nothing is converted: "1" is no number and true is not 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from math import isfinite
from typing import TypeVar

Json = Mapping[str, object]
Word = TypeVar("Word", bound=Enum)
Part = TypeVar("Part")

LONGEST_TEXT = 200  # characters, as in the station file
MOST = 1000  # members of a list or table
_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


class Malformed(Exception):
    """The message is not what a station says; the text says where and why."""


def parsed(body: bytes) -> Json:
    """Return the object that the bytes are; Malformed for anything else, and for names that are there twice."""
    try:
        found = json.loads(body.decode(), parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Malformed("is no JSON object")
    return found


def _no_number(word: str) -> object:
    raise Malformed(f"{word} is no number")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("a name is there twice")
    return found


def text(row: Json, name: str, *, empty: bool = False) -> str:
    """Return a text of at most 200 characters."""
    found = row.get(name)
    if not isinstance(found, str) or len(found) > LONGEST_TEXT or not (found or empty):
        raise Malformed(f"{name} must be text of 1 to {LONGEST_TEXT} characters")
    return found


def flag(row: Json, name: str) -> bool:
    """Return true or false."""
    found = row.get(name)
    if not isinstance(found, bool):
        raise Malformed(f"{name} must be true or false")
    return found


def number(row: Json, name: str, low: float, high: float) -> float:
    """Return a finite number within the limits, both included."""
    found = row.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found) or not low <= found <= high:
        raise Malformed(f"{name} must be a number from {low:g} to {high:g}")
    return float(found)


def whole(row: Json, name: str, low: int, high: int) -> int:
    """Return an integer within the limits, both included."""
    found = row.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise Malformed(f"{name} must be an integer from {low} to {high}")
    return found


def utc_s(row: Json, name: str) -> float:
    """Return the Unix seconds of a time like 2026-03-01T12:00:00.250000Z."""
    found = row.get(name)
    try:
        if isinstance(found, str) and _UTC.fullmatch(found):
            return datetime.fromisoformat(found).timestamp()
    except ValueError:
        pass
    raise Malformed(f"{name} must be a UTC time with microseconds")


def written(utc: float) -> str:
    """Return the same the other way round."""
    return datetime.fromtimestamp(utc, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def word(row: Json, name: str, kind: type[Word]) -> Word:
    """Return one of the words of an enumeration."""
    found = row.get(name)
    for each in kind:
        if isinstance(found, str) and each.value == found:
            return each
    raise Malformed(f"{name} must be one of {', '.join(str(each.value) for each in kind)}")


def table(row: Json, name: str) -> Json:
    """Return a table."""
    found = row.get(name)
    if not isinstance(found, dict) or len(found) > MOST:
        raise Malformed(f"{name} must be an object")
    return found


def listed(row: Json, name: str) -> list[object]:
    """Return a list."""
    found = row.get(name)
    if not isinstance(found, list) or len(found) > MOST:
        raise Malformed(f"{name} must be a list of at most {MOST}")
    return found


def texts(row: Json, name: str) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(text({name: each}, name) for each in listed(row, name))


def maybe(row: Json, name: str, read: Callable[[Json, str], Part]) -> Part | None:
    """Return what `read` finds, or None where the member is null; it must be there."""
    if name not in row:
        raise Malformed(f"{name} is missing")
    return None if row[name] is None else read(row, name)
