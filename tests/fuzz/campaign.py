"""A target, run over its corpus and so many mutations of it: what was found, how long the slowest input took, what it left behind.

Time is that of this thread alone, told in yardsticks: one is what a loop over 64 KiB takes on this machine, in this run, so that the
same bound holds on a slow machine, a busy one and one that is measured by a tool. What looks slow is tried again, twice; the quickest
time counts. Growth is what the interpreter holds after the second half of a campaign more than after the first.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog

from tests.fuzz.mutation import Mutation
from tests.fuzz.target import Target, parsing

YARD_BYTES = 64 * 1024
MOST_YARDS = 64.0  # 0.1 s (reliability goal: 100 ms for 64 KiB) where a loop over 64 KiB takes 1.6 ms
WORTH_A_LOOK = 0.5  # share of the bound from which on a time is taken again


@dataclass(slots=True)
class Report:
    """What a campaign brought. `slowest_yards` is for the slowest input, `grown` blocks of memory for each input of the second half."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    slowest_yards: float = 0.0
    slowest: bytes = b""
    grown: float = 0.0
    findings: list[tuple[bytes, BaseException]] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Return it on one line."""
        rate = self.inputs / self.seconds if self.seconds else 0.0
        return (
            f"{self.name:16} {self.inputs:8} inputs {self.seconds:7.1f} s {rate:8.0f}/s   slowest {self.slowest_yards:6.2f} yards "
            f"({len(self.slowest)} bytes)   grown {self.grown:6.2f} blocks   findings {len(self.findings)}"
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Have nothing written to the log for as long as it lasts; what the program logs has tests of its own."""
    before, level = structlog.get_config(), logging.root.manager.disable
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        structlog.configure(**before)
        logging.disable(level)


def yardstick_s() -> float:
    """Return how long a loop over 64 KiB takes here and now; the quickest of three."""
    return min(_loop_s() for _ in range(3))


def _loop_s() -> float:
    begun, total = time.thread_time(), 0
    for byte in bytes(YARD_BYTES):
        total = total * 31 + byte & 0xFFFF
    return time.thread_time() - begun


def inputs_of(target: Target, count: int, seed: int) -> Iterator[bytes]:
    """Yield every seed of a target, and mutations of them, so many in all (at least the seeds)."""
    seeds = target.seeds()
    yield from seeds
    mutation = Mutation(random.Random(f"{target.name} {seed}"), seeds, target.words, target.largest)
    yield from (mutation.next() for _ in range(count - len(seeds)))


def run(target: Target, count: int, seed: int = 0, most_findings: int = 5) -> Report:
    """Run a target. It stops early when it has found enough."""
    report, yard_s, half = Report(target.name), yardstick_s(), (0, 0)
    begun = time.monotonic()
    for data in inputs_of(target, count, seed):
        if report.inputs == count // 2:
            half = report.inputs, _held()
        _feed(target, data, report, yard_s)
        report.inputs += 1
        if len(report.findings) >= most_findings:
            break
    report.seconds = time.monotonic() - begun
    report.grown = (_held() - half[1]) / max(1, report.inputs - half[0])
    return report


def _feed(target: Target, data: bytes, report: Report, yard_s: float) -> None:
    try:
        yards = _taken_s(target, data) / yard_s
        if yards > MOST_YARDS * WORTH_A_LOOK and yards > report.slowest_yards:
            yards = min(yards, *(_taken_s(target, data) / min(yard_s, _loop_s()) for _ in range(2)))
    except Exception as error:  # noqa: BLE001 - whatever comes out that the target did not declare is what is looked for
        report.findings.append((data, error))
        return
    if yards > report.slowest_yards:
        report.slowest_yards, report.slowest = yards, data


def _taken_s(target: Target, data: bytes) -> float:
    parsing.spent_s, begun = 0.0, time.thread_time()
    target.feed(data)
    return parsing.spent_s or time.thread_time() - begun


def _held() -> int:
    gc.collect()
    return sys.getallocatedblocks()
