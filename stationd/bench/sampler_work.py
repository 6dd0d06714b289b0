"""What a scan costs when nothing has to be waited for: large blocks through sampler_push, beside memcpy of the same bytes.

What is included: the check of every count against 24 bits, copying counts and times into a segment, following the source's times,
minimum, maximum and sum of every channel, comparing every count with its band, and the windows. Counts of 4 bytes, as stored.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from stationd._sampler import ffi
from stationd.bench.row import Row, at_least, at_most
from stationd.bench.sampler_loop import CHANNELS, Loop, LoopSettings, blocks

SCAN_BYTES = 4 * CHANNELS
BLOCK_BYTES = 1 << 20
SCANS = BLOCK_BYTES // SCAN_BYTES
RATE_HZ = 20_000
PERIOD_NS = 1_000_000_000 // RATE_HZ
GOAL_NS = 40.0
NARROW, WIDE = 0.10, 0.25  # of memcpy: with the 128-bit vectors of every x86-64, with those of AVX2
LEVELS = (14000, 14003, 13998, 14001, 14002, 13997, 13999)  # a little noise; nothing happens


class Pushed:
    """A loop without a thread that is given the same block again and again."""

    def __init__(self, *, everything: bool) -> None:
        settings = LoopSettings(RATE_HZ, steps=everything, losses=everything, stuck_scans=RATE_HZ if everything else 0)
        self._loop = Loop(settings)
        self._counts = blocks(settings, SCANS, LEVELS)
        self._times = ffi.new("int64_t[]", SCANS)
        self._next_ns = PERIOD_NS

    def rate(self, seconds: float) -> float:
        """Return how many scans a second are taken. Setting up the times is not counted."""
        spent, scans = 0.0, 0
        while spent < seconds:
            self._times[0:SCANS] = list(range(self._next_ns, self._next_ns + SCANS * PERIOD_NS, PERIOD_NS))
            self._next_ns += SCANS * PERIOD_NS
            begin = time.perf_counter()
            self._loop.push(self._counts, self._times, SCANS, self._next_ns)
            spent += time.perf_counter() - begin
            scans += SCANS
        return scans / spent

    def unaccounted(self) -> int:
        """End it; return by how much its counts are off."""
        return self._loop.end().unaccounted


def copied_bytes(seconds: float) -> float:
    """Return how many bytes a second memcpy copies in blocks of 1 MiB."""
    target, source = ffi.new("char[]", BLOCK_BYTES), ffi.new("char[]", BLOCK_BYTES)
    begin, copies = time.perf_counter(), 0
    while (spent := time.perf_counter() - begin) < seconds:
        for _ in range(10):
            ffi.memmove(target, source, BLOCK_BYTES)
        copies += 10
    return copies * BLOCK_BYTES / spent


def work_rows(segments: int, seconds: float) -> Iterator[Row]:
    """Measure in turn: memcpy, a loop that only makes windows, and one that looks for everything."""
    plain, full = Pushed(everything=False), Pushed(everything=True)
    measures: dict[str, Callable[[float], float]] = {"memcpy": copied_bytes, "windows only": plain.rate, "everything": full.rate}
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(segments):
        for name, measure in measures.items():
            found[name].append(measure(seconds))
    memcpy = statistics.median(found.pop("memcpy"))
    goal = WIDE if _has_avx2() else NARROW
    for name, rates in found.items():
        rate = statistics.median(rates)
        yield at_most("sampler", f"{CHANNELS} channels, {name}, for each scan", 1e9 / rate, "ns", GOAL_NS)
        yield at_least("sampler", f"the same, against memcpy, {name}", rate * SCAN_BYTES / 1e9, "GB/s", goal, memcpy / 1e9)
    yield at_most("sampler", "unaccounted in pushed scans", plain.unaccounted() + full.unaccounted(), "", 0)


def _has_avx2() -> bool:
    return " avx2 " in Path("/proc/cpuinfo").read_text()
