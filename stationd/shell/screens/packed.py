"""Facts side by side, as many on a line as fit: a line ends between two facts and never between a number and its unit. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from stationd.shell.screens.typeset import COLUMNS, ascii_only, wrapped

BETWEEN = "   "
LEAST_ROOM = 20  # columns that a text behind its start has at least


def led(start: str, text: str, following: str | None = None) -> list[str]:
    """Return a text behind its start; behind one that leaves it too little room it goes on as one text."""
    if len(start) > COLUMNS - LEAST_ROOM:
        return wrapped(f"{' '.join(start.split())} {text}", following="    ")
    return wrapped(text, start, following)


def packed(first: str, facts: Iterable[str], between: str = BETWEEN) -> list[str]:
    """Return the facts after `first`, those that find no room under each other in the column where they began."""
    if len(first) > COLUMNS - LEAST_ROOM:
        return wrapped(between.join([first.strip(), *filter(None, facts)]), following="    ")
    start, lines, width = ascii_only(first), list[str](), len(first)
    line = start
    for fact in (ascii_only(each) for each in facts if each):
        joined = line + (between if line.strip() and line != start else "") + fact
        if len(joined) <= COLUMNS:
            line = joined
            continue
        lines += [line] if line.strip() else []
        alone = " " * width + fact
        *full, line = [alone] if len(alone) <= COLUMNS else wrapped(fact, " " * min(width, COLUMNS // 2))
        lines += full
    return [*lines, line.rstrip()] if line.strip() else lines
