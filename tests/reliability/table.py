"""The table of the README, made of the file of figures.

    python -m tests.reliability.table [build/reliability.json]

A row says what stood the test, the figures with a limit, and how long it took. Rows that are measured elsewhere (the booted tier, fuzzing,
coverage) are taken from the files that tests.reliability.rows names, where they are there; a row without figures says so. A bare "yes" is
of the commit that stands here, at the size of the CI; of any other tree or size the row names it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.reliability.figures import Document, clean, commit, read
from tests.reliability.rows import ROWS

ROOT = Path(__file__).resolve().parents[2]
HEAD = ("| # | fault | cases | figures (limit) | kept |", "|---|---|---|---|---|")
OWN = ("passed", "seconds", "share", "commit", "t", "limits", "beyond", "broken", "cases")
WHOLE = 1000  # above it no digits after the point are shown


def table(found: Mapping[str, Document], here: str) -> str:
    """Return all rows in Markdown; `here` is the commit that the table is of."""
    return "\n".join((*HEAD, *(row_of(name, found.get(name, {}), here) for name in ROWS))) + "\n"


def row_of(name: str, found: Document, here: str) -> str:
    """Return one row."""
    fault = ROWS[name].fault
    if not found:
        return f"| {name} | {fault} | | not measured | |"
    kept = ", ".join(("yes" if found.get("passed") else "**no**", *qualified(found, here)))
    why = f"; {found['broken']}" if "broken" in found else ""
    return f"| {name} | {fault} | {shown(found.get('cases', ''))} | {', '.join(figures(found))}{why} | {kept} |"


def qualified(found: Document, here: str) -> Iterator[str]:
    """Give what the figures are of, where that is not this commit or not the CI's share."""
    of, share = found.get("commit", "an unknown tree"), found.get("share", "an unknown share")
    if of != here or not clean(here):
        yield f"of {of}"
    if share != "ci":
        yield share


def figures(found: Document) -> Iterator[str]:
    """Give each figure that has a limit, in words; those that are 0 and have to be are told together."""
    limits: Mapping[str, str] = found.get("limits", {})
    limited = [(name, found[name]) for name in limits if name in found and name not in OWN]
    nothing = [words(name) for name, value in limited if value == 0 and limits[name] == "<= 0"]
    if nothing:
        yield f"0 {', '.join(nothing)}"
    for name, value in limited:
        if words(name) not in nothing:
            yield f"{words(name)} {shown(value)} ({limits[name]})"


def words(name: str) -> str:
    """Return the name of a figure for people."""
    return name.replace("_", " ")


def shown(value: object) -> str:
    """Return a value for people."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= WHOLE else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def elsewhere(root: Path = ROOT) -> Mapping[str, Document]:
    """Return the rows that others have measured, each file with entries of the same form as ours."""
    found: dict[str, Document] = {}
    for row, each in ROWS.items():
        if each.elsewhere:
            entries = read(root / each.elsewhere)
            found |= {row: entries[row]} if row in entries else {}
    return found


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "reliability.json"
    sys.stdout.write(table({**elsewhere(), **read(file)}, commit()))
