"""A sampler without its thread, at invented times: what the tests of the C loop share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from stationd._sampler import ffi, lib

LIMIT = 1 << 24
FIRST_NS = 1_000_000_000_000


@dataclass(frozen=True)
class Watch:
    """What is watched on one channel; the defaults watch nothing."""

    valid: tuple[int, int] = (-LIMIT, LIMIT)
    lost_below: int = 0
    back_above: int = 0
    lost: tuple[int, int] = (0, 0)
    back: tuple[int, int] = (1, 1)
    step_slots: int = 0
    step_scans: int = 1
    knots: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class Taken:
    """One event or one window with its levels, as plain Python."""

    record: Any
    levels: tuple[Any, ...] = ()


@dataclass
class Sampler:
    """A handle and everything that it has given so far."""

    handle: Any
    channels: int
    events: list[Any] = field(default_factory=list)
    windows: list[Taken] = field(default_factory=list)
    dark: int = 0
    latch: int = 0

    def push(self, rows: Sequence[Sequence[int]], times: Sequence[int], now: int | None = None) -> int:
        counts = ffi.new("int32_t[]", [count for row in rows for count in row] or [0])
        stamps = ffi.new("int64_t[]", list(times) or [0])
        return int(lib.sampler_push(self.handle, counts, stamps, len(times), now if now is not None else max(times, default=0)))

    def drain(self, events: int = 64, windows: int = 16) -> Any:
        """Take what waits, at most so many of each; return what sampler_drain said."""
        event, window = ffi.new("sampler_event[]", events), ffi.new("sampler_window[]", windows)
        levels, drained = ffi.new("sampler_level[]", windows * self.channels), ffi.new("sampler_drained *")
        assert lib.sampler_drain(self.handle, event, events, window, levels, windows, drained) == 0
        self.events += [plain(event[i]) for i in range(drained.events)]
        for i in range(drained.windows):
            own = tuple(plain(levels[i * self.channels + channel]) for channel in range(self.channels))
            self.windows.append(Taken(plain(window[i]), own))
        self.dark = words(drained.dark)
        self.latch |= words(drained.latch)
        return drained

    def drain_all(self) -> None:
        while self.drain().more:
            pass

    def statistics(self) -> Any:
        stats = ffi.new("sampler_stats *")
        assert lib.sampler_statistics(self.handle, stats) == 0
        return stats

    def assert_accounted(self) -> Any:
        """Check the identities that sampler.h promises; return the statistics."""
        s = self.statistics()
        assert s.slots == s.scans + s.missed
        assert s.windows == s.windows_read + s.windows_lost + s.windows_queued
        assert s.events == s.events_read + s.events_lost + s.events_queued
        captures = s.captures_read + s.captures_lost + s.captures_queued + s.captures_open
        assert s.triggers == captures + s.captures_merged + s.captures_limited
        return s


def plain(struct: Any) -> Any:
    """Return a copy of a C struct that the next drain does not overwrite."""
    copy = ffi.new(f"{ffi.typeof(struct).cname.rstrip(' &')} *")
    copy[0] = struct
    return copy


def words(array: Any) -> int:
    return sum(int(array[i]) << (32 * i) for i in range(lib.SAMPLER_WORDS))


def config(channels: int, **keys: Any) -> Any:
    defaults = {
        "abi": lib.SAMPLER_ABI, "channels": channels, "rate_hz": 1000, "window_slots": 100, "window_ring": 64, "event_ring": 256,
        "event_burst": 1000, "event_every": 1, "late_ns": 1_000_000, "segment_scans": 64, "segments": 16, "capture_ring": 4,
        "capture_every": 1, "cpu": -1, "dma_latency_us": -1,
    }  # fmt: skip
    return ffi.new("sampler_config *", {**defaults, **keys})


def watches(channels: Sequence[Watch]) -> Any:
    rows = ffi.new("sampler_channel[]", len(channels))
    for row, w in zip(rows, channels, strict=True):
        row.valid_low, row.valid_high = w.valid
        row.lost_below, row.back_above = w.lost_below, w.back_above
        row.lost_n, row.lost_m = w.lost
        row.back_n, row.back_m = w.back
        row.step_slots, row.step_scans, row.knots = w.step_slots, w.step_scans, len(w.knots)
        for place, (at, low, high) in enumerate(w.knots[: lib.SAMPLER_KNOTS]):
            row.knot[place].at, row.knot[place].low, row.knot[place].high = at, low, high
    return rows


def source(kind: str = "sim", where: str = "", **keys: Any) -> Any:
    made = ffi.new("sampler_source *", {"kind": kind.encode(), "where": where.encode(), **keys})
    for i in range(lib.SAMPLER_CHANNELS):
        made.index[i] = i
    return made


def create(channels: Sequence[Watch], of: Any = None, **keys: Any) -> Sampler:
    """Make a sampler, or AssertionError with the sentence that it gave."""
    error = ffi.new("char[512]")
    handle = lib.sampler_create(config(len(channels), **keys), of or source(), watches(channels), error, 512)
    assert handle != ffi.NULL, ffi.string(error).decode()
    return Sampler(ffi.gc(handle, lib.sampler_destroy), len(channels))


def refusal(channels: Sequence[Watch], of: Any = None, **keys: Any) -> str:
    """Return the sentence with which a sampler is refused."""
    error = ffi.new("char[512]")
    assert lib.sampler_create(config(len(channels), **keys), of or source(), watches(channels), error, 512) == ffi.NULL
    return str(ffi.string(error).decode())


def times(count: int, begin: int = FIRST_NS, period: int = 1_000_000) -> Iterator[int]:
    return (begin + number * period for number in range(count))
