"""What the tests go through, room by room, and the gates: `python -m tests.fuzz.covered COVERAGE.json [FIGURES.json]`.

The first file is written by `coverage json`. The second gets the figures of R19 for the table of the README. 1 when a gate is not kept.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.reliability.figures import Figure, Share, entry

MOST_SHOWN = 25
LEAST, WHOLE = 0.95, 1.0
# The alarms, the outbox and whatever takes bytes apart: no branch of them without a test.
WHOLLY = (
    "stationd/core/alarm/*",
    "stationd/wire/*",
    "stationd/farstation/fields.py",
    "stationd/farstation/message.py",
    "stationd/farstation/seal.py",
    "stationd/outputs/journal/codec.py",
    "stationd/outputs/journal/outbox.py",
    "stationd/outputs/sparkplug/payload.py",
)
BESIDE = ("stationd/bench/*", "stationd/demo.py", "drivers/amp_template.py")  # measured, and told apart: what measures or shows the product


@dataclass(frozen=True, slots=True)
class Counted:
    """Lines and branches: how many there are, and how many were gone through."""

    there: int = 0
    covered: int = 0
    branches: int = 0
    branches_covered: int = 0

    def __add__(self, other: Counted) -> Counted:
        return Counted(
            self.there + other.there,
            self.covered + other.covered,
            self.branches + other.branches,
            self.branches_covered + other.branches_covered,
        )

    @property
    def share(self) -> float:
        """Return the share of lines and branches together."""
        there = self.there + self.branches
        return (self.covered + self.branches_covered) / there if there else 1.0

    @property
    def share_of_branches(self) -> float:
        """Return the share of branches alone."""
        return self.branches_covered / self.branches if self.branches else 1.0


def counted(found: Mapping[str, Mapping[str, Mapping[str, int]]]) -> dict[str, Counted]:
    """Return the counts of each file of a document of coverage."""
    totals = {name: file["summary"] for name, file in found.items()}
    return {
        name: Counted(each["num_statements"], each["covered_lines"], each["num_branches"], each["covered_branches"])
        for name, each in totals.items()
    }


def matching(files: Mapping[str, Counted], *patterns: str) -> dict[str, Counted]:
    """Return the files whose names match."""
    return {name: each for name, each in files.items() if any(fnmatch(name, pattern) for pattern in patterns)}


def room_of(name: str) -> str:
    """Return the room of a file: its folder, at most two levels down."""
    return "/".join(Path(name).parent.parts[:3])


def lines(files: Mapping[str, Counted]) -> list[str]:
    """Return the table for people: each room, then the files of which most is missing."""
    rooms: dict[str, Counted] = defaultdict(Counted)
    for name, each in files.items():
        rooms[room_of(name)] += each
    shown = [f"{room:36} {each.share:7.1%}, {each.share_of_branches:7.1%} of {each.branches} ways" for room, each in sorted(rooms.items())]
    worst = sorted(files, key=lambda name: files[name].there - files[name].covered, reverse=True)[:MOST_SHOWN]
    shown += [f"{name:60} {files[name].share:7.1%}, {files[name].there - files[name].covered} lines" for name in worst]
    return shown


def main(arguments: list[str]) -> int:
    """Print the table, write the figures, and say whether the gates are kept."""
    files = counted(json.loads(Path(arguments[0]).read_text("utf-8"))["files"])
    beside = matching(files, *BESIDE)
    product = {name: each for name, each in files.items() if name not in beside}
    whole, strict = sum(product.values(), Counted()), sum(matching(files, *WHOLLY).values(), Counted())
    gaps = [name for name, each in matching(files, *WHOLLY).items() if each.share < WHOLE]
    figures = [
        Figure("lines_and_branches_share", whole.share, least=LEAST),
        Figure("branches_share", whole.share_of_branches, least=LEAST),
        Figure("alarms_outbox_codecs_share", strict.share, least=WHOLE),
        Figure("with_benchmarks_and_demo_share", sum(files.values(), Counted()).share),
        Figure("cases", whole.branches),
    ]
    sys.stdout.write("".join(f"{line}\n" for line in [*lines(files), *(f"{each.name} {each.value:.4g}" for each in figures)]))
    sys.stdout.write("".join(f"not wholly covered: {name}\n" for name in gaps))
    document = entry(figures, 0.0, Share())
    if len(arguments) > 1:
        Path(arguments[1]).write_text(json.dumps({"R19": document}, indent=1) + "\n", "utf-8")
    return int(not document["passed"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
