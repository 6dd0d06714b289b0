"""Runs proofs, each in a process of its own, and enters their figures into the one file. Ends with 1 when a row does not pass.

Rows that are measured elsewhere are looked up: in a release each of them has to be there, kept, of this commit and of a release's size; in
the CI's share it is said which are not. However this ends (Ctrl-C, a time that is over), nothing of a proof is left running.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.reliability.figures import ROOT, Document, Figure, Share, clean, commit, entry, put, read
from tests.reliability.group import UNWOUND_S, Group, end_group, end_in_peace
from tests.reliability.rows import ROWS

INTO = ROOT / "build" / "reliability.json"
LONGER = 60.0  # a proof of a release may take so many times as long as one of the CI, and the hours of its soak on top


class Running:
    """A proof in a process of its own."""

    def __init__(self, row: str, arguments: argparse.Namespace) -> None:
        self.row, self._into = row, arguments.into
        self._begun = time.monotonic()
        share = share_of(arguments)
        self._end = self._begun + (ROWS[row].most_s * LONGER + share.hours * 3600.0 if share.release else ROWS[row].most_s)
        self._share = share
        words = [sys.executable, "-m", "tests.reliability", row, "--inside", "--into", str(self._into)]
        words += ["--hours", str(arguments.hours), "--part", str(arguments.part)]
        self._log = self._into.with_name(f"reliability-{row}.log")
        with self._log.open("w") as log:
            self.group = Group(words, ROOT, log)

    def wait(self) -> bool:
        """Wait for its end, tell how it went, and return whether it passed."""
        why = ""
        try:
            code = self.group.wait(self._end - time.monotonic())
            why = "" if code in (0, 1) else f"its process ended with {code}"
        except subprocess.TimeoutExpired:
            why = f"no end after {self._end - self._begun:.0f} s"
        self.group.end()
        if why:
            put(self._into, self.row, entry((), time.monotonic() - self._begun, self._share, f"{why}; see {self._log}"))
        found = read(self._into)[self.row]
        tell(self.row, found)
        return bool(found["passed"])


def share_of(arguments: argparse.Namespace) -> Share:
    """Return how much is to be run."""
    return Share(arguments.hours, arguments.part)


def run(rows: list[str], arguments: argparse.Namespace) -> bool:
    """Run those of these rows that are proved here, look the others up, and return whether all passed."""
    proved = [row for row in rows if ROWS[row].module]
    all_begun: list[Running] = []

    def begun(row: str) -> Running:
        all_begun.append(Running(row, arguments))
        return all_begun[-1]

    try:
        beside = [begun(row) for row in proved if ROWS[row].beside]
        passed = [begun(row).wait() for row in proved if not ROWS[row].beside and not ROWS[row].timed]
        passed += [running.wait() for running in beside]  # nobody disturbs what is timed
        passed += [begun(row).wait() for row in proved if ROWS[row].timed]
    finally:
        for running in all_begun:
            running.group.ask_to_end()
        for running in all_begun:
            running.group.end()
    elsewhere = list(not_shown(rows, share_of(arguments), commit()))
    sys.stdout.write("".join(f"{sentence}\n" for sentence in elsewhere))
    return all(passed) and not (share_of(arguments).release and elsewhere)


def not_shown(rows: Iterable[str], share: Share, here: str, root: Path = ROOT) -> Iterator[str]:
    """Give a sentence for each row that is measured elsewhere and is not shown to be kept by this commit, at this size."""
    for row in rows:
        each = ROWS[row]
        if not each.elsewhere:
            continue
        found = read(root / each.elsewhere).get(row, {})
        if why := "; ".join(reasons(found, share, here)):
            yield f"{row:4}NOT SHOWN  {each.fault}: {why}; it is measured by: {each.command}"


def reasons(found: Document, share: Share, here: str) -> Iterator[str]:
    """Give why an entry shows nothing for this commit and share."""
    if not found:
        yield "there are no figures"
        return
    if not found.get("passed"):
        yield f"not kept ({found.get('broken') or ', '.join(found.get('beyond', ()))})"
    if found.get("commit") != here or not clean(here):
        yield f"measured of {found.get('commit', 'an unknown tree')}, this is {here}"
    if share.release and found.get("share") != share.name:
        yield f"measured at the size {found.get('share', 'unknown')}, not that of a release"


def inside(row: str, arguments: argparse.Namespace) -> bool:
    """Prove one row in this process and enter what was found."""
    share, begun = share_of(arguments), time.monotonic()
    commit()  # the tree as it is now is the one that is proved
    figures: list[Figure] = []
    broken = ""
    try:
        for figure in importlib.import_module(f"tests.reliability.{ROWS[row].module}").prove(share):
            figures.append(figure)  # noqa: PERF402 - what was found before it ended early is kept
    except Exception as error:  # noqa: BLE001 - whatever ends a proof is what it found
        traceback.print_exc()
        broken = f"{type(error).__name__}: {error}".partition("\n")[0][:500]
    found = entry(figures, time.monotonic() - begun, share, broken)
    put(arguments.into, row, found)
    return bool(found["passed"])


def inside_its_group(row: str, arguments: argparse.Namespace) -> bool:
    """The same in a process that ends its whole group when it is told to end."""
    end_in_peace(UNWOUND_S)
    try:
        return inside(row, arguments)
    except SystemExit:
        end_group()


def tell(row: str, found: Document) -> None:
    """Print a row."""
    rest = {name: value for name, value in found.items() if name not in ("passed", "seconds", "share", "commit", "t", "limits")}
    words = "kept" if found["passed"] else "NOT KEPT"
    sys.stdout.write(f"{row:4}{words:9}{found['seconds']:7.1f} s  {ROWS[row].fault}: {json.dumps(rest)}\n")
    sys.stdout.flush()


def asked(words: list[str]) -> Iterator[str]:
    """Go through the rows that were asked for; all where none was."""
    for word in words or ROWS:
        if word not in ROWS:
            raise SystemExit(f"there is no row {word}; right would be one of {', '.join(ROWS)}")
        yield word


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="R1 ... R20; all where none is named")
    parser.add_argument("--hours", type=float, default=0.0, help="the size of a release, with soaks of so many hours")
    parser.add_argument("--part", type=float, default=1.0, help="this part of what a change takes")
    parser.add_argument("--into", type=Path, default=INTO, help="the file of figures")
    parser.add_argument("--inside", action="store_true", help="in this very process, one row")
    arguments = parser.parse_args()
    arguments.into = arguments.into.resolve()
    arguments.into.parent.mkdir(parents=True, exist_ok=True)
    rows = list(asked(arguments.rows))
    if arguments.inside:
        return 0 if inside_its_group(rows[0], arguments) else 1
    end_in_peace()
    try:
        passed = run(rows, arguments)
    except KeyboardInterrupt:
        sys.stdout.write("ended before all rows were proved; nothing is left running\n")
        return 130
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
