"""One sampling loop in C for a benchmark: made, run, ended, and every one of its counts checked.

It speaks to the extension itself, as the daemon's own links do not offer invented scans, lateness in full and readers that
stall. Rates, priorities and numbers of records are the benchmark's own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stationd._sampler import ffi, lib
from stationd.bench.sampler_peers import Bucket

CHANNELS = 96
STEADY = "level all 14000"  # nothing is computed for it, so that what is measured is the loop
STOP_NS = 5_000_000_000
LIMIT = (1 << 24) - 1
EVENTS_AT_ONCE, WINDOWS_AT_ONCE = 1024, 64
LOST_BELOW, BACK_ABOVE = 5000, 6000
KINDS = 12


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a loop runs. `steps` looks for steps too, with the largest table that there is."""

    rate_hz: int = 10_000
    script: str = STEADY
    priority: int = 0
    cpu: int = -1
    dma_latency_us: int = -1
    lock: bool = True
    channels: int = CHANNELS
    steps: bool = False
    losses: bool = True
    stuck_scans: int = 0
    captures: bool = False
    window_slots: int = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a loop that has ended had counted. Times in nanoseconds."""

    slots: int
    scans: int
    missed: int
    wakes: int
    cpu_ns: int
    events: int
    events_lost: int
    windows: int
    windows_lost: int
    captures: int
    captures_lost: int
    read_errors: int
    time_jumps: int
    arena_bytes: int
    unaccounted: int
    lateness: tuple[Bucket, ...]


@dataclass(slots=True)
class Reader:
    """What a reader has taken, checked against what the loop says of itself."""

    events: int = 0
    events_told_lost: int = 0
    windows: int = 0
    windows_told_lost: int = 0
    next_slot: int = 0
    captures: int = 0
    captures_told_lost: int = 0
    torn: int = 0


class Loop:
    """One handle. `reader` is what `drain` has taken until now."""

    def __init__(self, settings: LoopSettings) -> None:
        error = ffi.new("char[512]")
        self.settings = settings
        self.reader = Reader()
        self._handle = lib.sampler_create(_config(settings), _source(settings), _watch(settings), error, 512)
        if self._handle == ffi.NULL:
            raise RuntimeError(ffi.string(error).decode())
        self.fd: int = lib.sampler_fd(self._handle)
        self._stats = ffi.new("sampler_stats *")
        self._events = ffi.new("sampler_event[]", EVENTS_AT_ONCE)
        self._windows = ffi.new("sampler_window[]", WINDOWS_AT_ONCE)
        self._levels = ffi.new("sampler_level[]", WINDOWS_AT_ONCE * settings.channels)
        self._drained = ffi.new("sampler_drained *")
        self._capture, self._segment = ffi.new("sampler_capture *"), ffi.new("sampler_segment *")

    def start(self) -> None:
        """Start the thread."""
        assert lib.sampler_start(self._handle) == 0

    def end(self) -> Outcome:
        """Stop the thread, take what waits, and free everything."""
        assert lib.sampler_stop(self._handle, STOP_NS) == 0
        first = self._statistics()
        unaccounted = _unaccounted(first)
        if self.reader.windows or self.reader.events:  # it had a reader: then that one's own books are checked too
            self.drain()
            unaccounted += self._reader_unaccounted(self._statistics())
        outcome = _outcome(self._statistics(), unaccounted)
        assert lib.sampler_destroy(self._handle) == 0
        return outcome

    def drain(self) -> tuple[list[tuple[int, int]], bool]:
        """Take all that waits; return (time of the sample, time when it was found) of each event, and whether the source is gone."""
        times: list[tuple[int, int]] = []
        while True:
            drained = self._drained
            assert lib.sampler_drain(
                self._handle, self._events, EVENTS_AT_ONCE, self._windows, self._levels, WINDOWS_AT_ONCE, drained
            ) == 0  # fmt: skip
            times += [(event.sample_ns, event.found_ns) for event in self._taken_events(drained.events)]
            self._take_windows(drained.windows)
            if not drained.more:
                break
        self._take_captures()
        return times, bool(drained.ended)

    def push(self, counts: Any, times: Any, scans: int, now_ns: int) -> None:
        """Hand over scans as if the source had delivered them; only for a loop that was not started."""
        assert lib.sampler_push(self._handle, counts, times, scans, now_ns) == scans

    def _statistics(self) -> Any:
        assert lib.sampler_statistics(self._handle, self._stats) == 0
        return self._stats

    def _taken_events(self, count: int) -> Iterator[Any]:
        for number in range(count):
            event = self._events[number]
            self.reader.torn += event.number != self.reader.events + self.reader.events_told_lost + event.lost_before
            self.reader.torn += event.kind >= KINDS
            self.reader.events += 1
            self.reader.events_told_lost += event.lost_before
            yield event

    def _take_windows(self, count: int) -> None:
        for window in self._windows[0:count]:
            self.reader.torn += window.number != self.reader.windows + self.reader.windows_told_lost + window.lost_before
            self.reader.torn += window.scans + window.missed < self.settings.window_slots
            skipped = window.first_slot - self.reader.next_slot
            self.reader.torn += skipped < window.lost_before * self.settings.window_slots or (skipped > 0 and not window.lost_before)
            self.reader.windows += 1
            self.reader.windows_told_lost += window.lost_before
            self.reader.next_slot = window.first_slot + window.scans + window.missed

    def _take_captures(self) -> None:
        while lib.sampler_take_capture(self._handle, self._capture) == 1:
            number = self.reader.captures + self.reader.captures_told_lost + self._capture.lost_before
            self.reader.torn += self._capture.number != number
            self.reader.captures += 1
            self.reader.captures_told_lost += self._capture.lost_before
            for place in range(self._capture.segments):
                assert lib.sampler_segment_at(self._handle, place, self._segment) == 0
                self.reader.torn += self._segment.scans == 0
            assert lib.sampler_release(self._handle) == 0

    def _reader_unaccounted(self, s: Any) -> int:
        """Return by how much the reader's books differ from those of the loop; all rings are empty now."""
        reader = self.reader
        off = [
            s.events_read - reader.events,
            s.windows_read - reader.windows,
            s.captures_read - reader.captures,
            s.windows_queued + s.events_queued + s.captures_queued,
            reader.torn,
        ]
        if s.windows_lost == reader.windows_told_lost:  # then all slots but those of the open window have been read
            open_window = s.slots - reader.next_slot
            off.append(0 if 0 <= open_window < self.settings.window_slots else open_window)
        return sum(abs(each) for each in off)


@contextmanager
def running(settings: LoopSettings) -> Iterator[tuple[Loop, list[Outcome]]]:
    """Give a loop that runs; when it is left, the list holds its outcome."""
    loop, outcomes = Loop(settings), list[Outcome]()
    loop.start()
    try:
        yield loop, outcomes
    finally:
        outcomes.append(loop.end())


def measured(settings: LoopSettings, seconds: float) -> Outcome:
    """Let a loop run for some time without a reader."""
    with running(settings) as (_, outcomes):
        time.sleep(seconds)
    return outcomes[0]


def grown_bytes(*, lock: bool) -> int:
    """Return by how much this process grows when a loop is made and runs. Meant for a fresh process: see sampler_memory."""
    before = _resident_bytes()
    with running(LoopSettings(rate_hz=1000, lock=lock)):
        time.sleep(0.2)
        return _resident_bytes() - before


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _unaccounted(s: Any) -> int:
    """Return by how much the identities of sampler.h are off; of a loop that has ended they hold exactly."""
    off = (
        s.slots - s.scans - s.missed,
        s.windows - s.windows_read - s.windows_lost - s.windows_queued,
        s.events - s.events_read - s.events_lost - s.events_queued,
        s.triggers - s.captures_read - s.captures_lost - s.captures_queued - s.captures_open - s.captures_merged - s.captures_limited,
    )
    return sum(abs(each) for each in off)


def _outcome(s: Any, unaccounted: int) -> Outcome:
    bounds = [lib.sampler_bucket_ns(number) for number in range(lib.SAMPLER_BUCKETS + 1)]
    lateness = tuple(
        Bucket(bounds[number], bounds[number + 1], wakes) for number in range(lib.SAMPLER_BUCKETS) if (wakes := s.lateness[number])
    )
    return Outcome(
        s.slots, s.scans, s.missed, s.wakes, s.cpu_ns, s.events, s.events_lost, s.windows, s.windows_lost, s.captures_read,
        s.captures_lost, s.read_errors, s.time_jumps, s.arena_bytes, unaccounted, lateness,
    )  # fmt: skip


def _config(settings: LoopSettings) -> Any:
    capture = 1 << lib.SAMPLER_LOST if settings.captures else 0
    return ffi.new("sampler_config *", {
        "abi": lib.SAMPLER_ABI, "flags": lib.SAMPLER_LOCK_MEMORY if settings.lock else 0, "channels": settings.channels,
        "rate_hz": settings.rate_hz, "window_slots": settings.window_slots, "window_ring": 64, "event_ring": 1024,
        "event_burst": 1 << 20, "event_every": 1, "stuck_scans": settings.stuck_scans, "late_ns": 1_000_000_000 // settings.rate_hz,
        "segment_scans": 256, "segments": 64, "pre_scans": 1000, "post_scans": 1000, "capture_on": capture, "capture_every": 100,
        "capture_ring": 4, "priority": settings.priority, "cpu": settings.cpu, "dma_latency_us": settings.dma_latency_us,
    })  # fmt: skip


def _source(settings: LoopSettings) -> Any:
    source = ffi.new("sampler_source *", {"kind": b"sim", "where": settings.script.encode()})
    for number in range(settings.channels):
        source.index[number] = number
    return source


def _watch(settings: LoopSettings) -> Any:
    rows = ffi.new("sampler_channel[]", settings.channels)
    for row in rows:
        row.valid_low, row.valid_high = -LIMIT, LIMIT
        row.lost_below, row.back_above = LOST_BELOW, BACK_ABOVE
        row.lost_n, row.lost_m, row.back_n, row.back_m = (3, 5, 5, 5) if settings.losses else (0, 0, 0, 0)
        if settings.steps:
            _watch_steps(row)
    return rows


def _watch_steps(row: Any) -> None:
    row.step_slots, row.step_scans, row.knots = 2000, 3, lib.SAMPLER_KNOTS  # 0.1 s at 20 kHz, as the daemon has it
    for place in range(lib.SAMPLER_KNOTS):
        at = 4000 * place
        row.knot[place] = (at, at - 400, at + 400)


def blocks(settings: LoopSettings, scans: int, level: Sequence[int]) -> Any:
    """Return counts of so many scans, each channel about its level with a little noise that watches nothing."""
    counts = ffi.new("int32_t[]", scans * settings.channels)
    for place in range(scans * settings.channels):
        counts[place] = level[place % len(level)]
    return counts
