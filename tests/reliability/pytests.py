"""A test of the suite run at the size of a proof, and what it says.

What it is: pytest in a process of its own, with its output. A proof takes its figures out of the sentences that the test writes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENDED_WELL, NOTHING_RAN = 0, 5
OUTCOME = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


class Broken(Exception):
    """A test failed; the text is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of pytest said, and how many tests there were."""

    text: str
    passed: int
    skipped: int

    def numbers(self, pattern: str) -> tuple[float, ...]:
        """Return the groups of a sentence as numbers; Broken where it was not said."""
        found = re.search(pattern, self.text)
        if found is None:
            raise Broken(f"the test did not say {pattern!r}: {self.text[-500:]}")
        return tuple(float(each.replace(",", "")) for each in found.groups())


def run(*words: str, settings: Mapping[str, str] | None = None, python: tuple[str, ...] = (), seconds: float = 600.0) -> Ran:
    """Run pytest with these words. Broken when a test fails, or when none ran."""
    command = [sys.executable, *python, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", f"--timeout={seconds:.0f}", *words]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **(settings or {})}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    sys.stdout.write(done.stdout)
    counts = {word.rstrip("s"): int(number) for number, word in OUTCOME.findall(done.stdout[-2000:])}
    if done.returncode not in (ENDED_WELL, NOTHING_RAN):
        raise Broken(f"pytest {' '.join(words)} ended with {done.returncode}: {done.stdout[-1500:]}")
    return Ran(done.stdout, counts.get("passed", 0), counts.get("skipped", 0))
