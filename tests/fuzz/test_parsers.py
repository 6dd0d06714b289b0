"""Every parser of outside bytes, for a bounded number of inputs: what breaks a promise there is printed as a line for its corpus.

STATIOND_FUZZ sets about how many inputs each gets (a nightly run takes 200,000), STATIOND_FUZZ_SEED which; `make fuzz` goes on as long as
one likes.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.fuzz.campaign import MOST_YARDS, quiet, run
from tests.fuzz.catalogue import TARGETS
from tests.fuzz.target import CORPUS

INPUTS = int(os.environ.get("STATIOND_FUZZ", "4000"))
SEED = int(os.environ.get("STATIOND_FUZZ_SEED", "0"))
MOST_GROWN = 2.0  # blocks of memory that an input may leave behind: caches of questions and patterns are still filling (0.0 to 0.9)
MOST_CORPUS = 300_000  # bytes of the tree


@pytest.mark.timeout(3600)  # a nightly run takes long
@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_in_an_answer_or_the_declared_error_comes_out_soon_and_leaves_nothing_behind(name: str) -> None:
    target = TARGETS[name]
    with quiet():
        report = run(target, max(INPUTS // target.cost, len(target.seeds())), SEED)
    sys.stdout.write(f"{report.line}\n")
    assert [(data, repr(error)) for data, error in report.findings] == []
    assert report.slowest_yards <= MOST_YARDS, f"64 KiB take longer than 100 ms: {report.slowest[:200]!r} ..."
    assert report.inputs < 200 or report.grown <= MOST_GROWN


def test_the_corpora_are_small_and_each_belongs_to_a_target() -> None:
    kept = sorted(CORPUS.iterdir())
    assert [path for path in kept if path.suffix != ".seeds" or path.stem not in TARGETS] == []
    assert sum(path.stat().st_size for path in kept) < MOST_CORPUS
    assert all(len(target.seeds()) > 1 for target in TARGETS.values())
