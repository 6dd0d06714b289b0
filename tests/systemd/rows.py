"""What the booted systems say of the goals R7, R14, R15 and R16, in the form of tests.reliability: build/systemd.json.

A goal is kept when every line of its rooms ran on every root that this run booted and none failed; what earlier runs left of other roots
does not count. A line that was skipped is counted and proves nothing. R16 is the sandbox, and the exposure that `systemd-analyze security`
finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.reliability.figures import Figure, Share, entry, put

GOALS: Mapping[str, tuple[str, ...]] = {
    "R7": ("watchdog_lines",),
    "R14": ("cold_lines",),
    "R15": ("upgrade_lines",),
    "R16": ("sandbox_lines", "package_lines"),
}
LINES_OF = {"package_lines": ("the_exposure_is_within_its_gate", "no_optional_drop_in_costs_safety")}  # of this room not all
Told = dict[str, Any]


def told(out: Path, roots: Iterable[str]) -> Iterator[tuple[str, Told]]:
    """Give each line that was carried out on these roots, with the root."""
    for file in sorted(file for root in roots for file in (out / root).glob("*.json")):
        lines = json.loads(file.read_text(encoding="utf-8"))
        yield from ((file.parent.name, line) for line in lines if isinstance(line, dict) and "room" in line)


def figures(lines: Iterable[tuple[str, Told]], rooms: tuple[str, ...]) -> Iterator[Figure]:
    """Give the figures of a goal."""
    own = [each for each in lines if each[1]["room"] in rooms and each[1]["line"] in LINES_OF.get(each[1]["room"], (each[1]["line"],))]
    ran = [(root, line) for root, line in own if line["verdict"] != "skipped"]
    yield Figure("cases", len(ran), least=1)
    yield Figure("failed", sum(line["verdict"] == "failed" for _, line in ran), most=0)
    yield Figure("skipped", len(own) - len(ran))
    for root, line in ran:
        for what, value, most in line["measured"]:
            yield Figure(f"{root}: {what}", float(value), most=float(most))


def write(out: Path, into: Path, roots: Iterable[str]) -> None:
    """Enter the goals of which anything was carried out on these roots."""
    lines = list(told(out, roots))
    for goal, rooms in GOALS.items():
        seconds = sum(line["seconds"] for _, line in lines if line["room"] in rooms)
        if any(line["room"] in rooms for _, line in lines):
            put(into, goal, entry(figures(lines, rooms), seconds, Share()))
