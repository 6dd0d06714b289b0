"""Runs proofs, each in a process of its own, and enters their figures into the one file. Ends with 1 when a row does not pass."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.figures import Document, Figure, Share, entry, put, read
from tests.reliability.rows import ROWS

ROOT = Path(__file__).resolve().parents[2]
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
            self._process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)

    def wait(self) -> Document:
        """Wait for its end, tell how it went, and return its entry."""
        try:
            code = self._process.wait(max(0.0, self._end - time.monotonic()))
            why = "" if code in (0, 1) else f"its process ended with {code}"
        except subprocess.TimeoutExpired:
            why = f"no end after {self._end - self._begun:.0f} s"
        with contextlib.suppress(ProcessLookupError):  # and whatever it has left behind
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if why:
            put(self._into, self.row, entry((), time.monotonic() - self._begun, self._share, f"{why}; see {self._log}"))
        found = read(self._into)[self.row]
        tell(self.row, found)
        return found


def share_of(arguments: argparse.Namespace) -> Share:
    """Return how much is to be run."""
    return Share(arguments.hours, arguments.part)


def run(rows: list[str], arguments: argparse.Namespace) -> bool:
    """Run those of these rows that are proved here; return whether all passed."""
    proved = [row for row in rows if ROWS[row].module]
    passed = True
    beside = [Running(row, arguments) for row in proved if ROWS[row].beside]
    for row in sorted((each for each in proved if not ROWS[each].beside), key=lambda each: ROWS[each].timed):
        passed = Running(row, arguments).wait()["passed"] and passed
    for running in beside:
        passed = running.wait()["passed"] and passed
    return passed


def inside(row: str, arguments: argparse.Namespace) -> bool:
    """Prove one row in this process and enter what was found."""
    share, begun = share_of(arguments), time.monotonic()
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


def tell(row: str, found: Document) -> None:
    """Print a row."""
    rest = {name: value for name, value in found.items() if name not in ("passed", "seconds", "share", "limits")}
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
    passed = inside(rows[0], arguments) if arguments.inside else run(rows, arguments)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
