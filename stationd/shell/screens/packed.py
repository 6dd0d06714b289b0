"""Facts side by side, as many on a line as fit: a line ends between two facts and never between a number and its unit. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from stationd.shell.screens.typeset import COLUMNS, ascii_only, wrapped

BETWEEN = "   "


def packed(first: str, facts: Iterable[str], between: str = BETWEEN) -> list[str]:
    """Return the facts after `first`, those that find no room under each other in the column where they began."""
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
