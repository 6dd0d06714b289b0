"""What stands behind a bar: the lines of a command go through it. Built in, so that a shell without any other program has it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from stationd.shell.wish import Usage, Wish

AT_ITS_END = frozenset({"json", "save"})  # these take the whole answer, so nothing comes after them


def checked(stages: Sequence[Wish]) -> Sequence[Wish]:
    """Return stages that can follow one another. Usage for a bad pattern, or a stage where it makes no sense."""
    for number, each in enumerate(stages):
        if "pattern" in each.parameters:
            _pattern(each)
        if each.method in AT_ITS_END and number != len(stages) - 1:
            raise Usage(f"{each.method} stands at the end: nothing comes behind it")
        if each.method == "json" and any(before.method != "no-more" for before in stages[:number]):
            raise Usage("json gives the whole answer: no other stage stands before it")
    return stages


def through(lines: Sequence[str], stages: Sequence[Wish]) -> list[str]:
    """Return what is left of lines."""
    left = list(lines)
    for each in stages:
        left = _through(left, each)
    return left


def named(stages: Sequence[Wish], method: str) -> Wish | None:
    """Return a stage of that name, if there is one."""
    return next((each for each in stages if each.method == method), None)


def _through(lines: list[str], each: Wish) -> list[str]:
    match each.method:
        case "match":
            return [line for line in lines if _pattern(each).search(line)]
        case "except":
            return [line for line in lines if not _pattern(each).search(line)]
        case "count":
            return [f"{len(lines)} line{'' if len(lines) == 1 else 's'}"]
        case "last":
            wanted: Any = each.parameters["lines"]
            return lines[-wanted:]
    return lines


def _pattern(each: Wish) -> re.Pattern[str]:
    text = str(each.parameters["pattern"])
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as wrong:
        raise Usage(f"{text} is no regular expression: {wrong}") from None
