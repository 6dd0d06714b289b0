"""Figures of a proof: each with its limit, gathered into one JSON file for all rows.

    {"R1": {"passed": true, "seconds": 61.2, "share": "ci", "commit": "3f2a9c0d1e5b", "t": "2026-02-02T10:00:00Z",
            "cases": 330, "lost": 0, ..., "limits": {"lost": "<= 0"}}, ...}

A figure says something of one tree: `commit` names it, with "-dirty" where files were changed since, and `t` (UTC) when it was measured.
A row that ended early has "passed": false and "broken" with the reason. `None` as a value: could not be measured here, "why" says it.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

Value = float | int | str | None
Document = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
UNKNOWN = "unknown"  # the commit of a tree that git does not know


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a proof is run. `hours` of 0 is the CI's share; with more the release's, of which soaks take that long.

    `part` of the CI's share is for looking whether a proof finds what was planted (tests.reliability.planted).
    """

    hours: float = 0.0
    part: float = 1.0

    @property
    def release(self) -> bool:
        """True before a release."""
        return self.hours > 0.0

    @property
    def name(self) -> str:
        """Return "ci" or "release"."""
        return "release" if self.release else "ci" if self.part == 1.0 else f"{self.part:g} of ci"

    def of(self, ci: int, release: int) -> int:
        """Return the number of cases."""
        return release if self.release else max(1, round(ci * self.part))


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; its unit is the end of its name. Without limits it is told and never fails."""

    name: str
    value: Value
    most: float | None = None
    least: float | None = None

    @property
    def kept(self) -> bool:
        """Tell whether it is within its limits; what should have a limit and has no value is not."""
        if self.most is None and self.least is None:
            return True
        if not isinstance(self.value, int | float):
            return False
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def limit(self) -> str:
        """Return the limit in words; empty where there is none."""
        low = "" if self.least is None else f">= {self.least:g}"
        high = "" if self.most is None else f"<= {self.most:g}"
        return " and ".join(each for each in (low, high) if each)


def entry(figures: Iterable[Figure], seconds: float, share: Share, broken: str = "") -> Document:
    """Return what stands in the file for a row."""
    known = list(figures)
    passed = not broken and bool(known) and all(figure.kept for figure in known)
    values = {figure.name: _rounded(figure.value) for figure in known}
    limits = {figure.name: figure.limit for figure in known if figure.limit}
    beyond = [figure.name for figure in known if not figure.kept]
    t = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    of: Document = {"passed": passed, "seconds": round(seconds, 1), "share": share.name, "commit": commit(), "t": t}
    found = {**of, **values, "limits": limits}
    return found | ({"beyond": beyond} if beyond else {}) | ({"broken": broken} if broken else {})


@cache  # a tree that changes while a proof runs is told by the name that it had at its first figure
def commit() -> str:
    """Return the commit of this tree, "-dirty" at its end where a file that git knows is another one now."""
    words = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN


def clean(name: str) -> bool:
    """Tell whether a commit says what was measured."""
    return name != UNKNOWN and not name.endswith("-dirty")


def put(path: Path, row: str, found: Document) -> None:
    """Enter a row into the file beside the others; several processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = {**read(path), row: found}
        new = path.with_name(f".{path.name}.new")
        new.write_text(json.dumps(dict(sorted(rows.items(), key=lambda each: number_of(each[0]))), indent=1) + "\n")
        new.replace(path)


def read(path: Path) -> Mapping[str, Document]:
    """Return the rows of a file; none where there is none."""
    found: Mapping[str, Document] = json.loads(path.read_text()) if path.exists() else {}
    return found


def number_of(row: str) -> int:
    """Return 7 for R7."""
    return int(row.removeprefix("R"))


def _rounded(value: Value) -> Value:
    return float(f"{value:.4g}") if isinstance(value, float) else value
