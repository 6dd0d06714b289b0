"""One loop in C behind Python names: the only module that imports stationd._sampler, the extension of native/sampler.h.

Nothing is decided here. Making one and `end` may wait for the hardware and are for another thread; all else returns at once.
The methods of one loop are called by one thread at a time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from stationd.core.model import LightKind
from stationd.links.sampler.settings import CAPTURES, EVENT_BURST, EVENTS, LATE_SHARE, WINDOWS, RawCapture, SamplerSettings, Watch

EVENTS_AT_ONCE, WINDOWS_AT_ONCE = 256, 16
ERROR_BYTES = 512
NS = 1_000_000_000

# sampler.h, SAMPLER_LOST ... in the order of their numbers; None: not for people, it is counted
KINDS = (
    LightKind.LOST, LightKind.BACK, LightKind.STEP_DOWN, LightKind.STEP_UP, LightKind.SATURATED, LightKind.SATURATED_END,
    LightKind.STUCK, LightKind.STUCK_END, None, None, LightKind.ENDED,
)  # fmt: skip
MANUAL = 11


class SamplerFault(Exception):
    """The loop cannot be made or started; the message says what is wrong and what would be right."""


class Event(NamedTuple):
    """A sampler_event for people: times in seconds of CLOCK_MONOTONIC; `channel` is -1 for all; `at` is the deciding count."""

    kind: LightKind
    channel: int
    lost_before: int
    sample_s: float
    since_s: float
    found_s: float
    at: int
    reference: int


class Level(NamedTuple):
    """A sampler_level: one channel over one window."""

    sum: int
    min: int
    max: int
    saturated: int
    dark: bool
    was_dark: bool
    stuck: bool
    limited: bool


class Window(NamedTuple):
    """A sampler_window with the level of every channel."""

    lost_before: int
    first_s: float
    last_s: float
    scans: int
    missed: int
    flags: int
    levels: tuple[Level, ...]


@dataclass(slots=True)
class Drained:
    """What one call took out of the rings. `dark` is a bit mask of channels; `losses` has the wrapping count of each channel."""

    events: list[Event]
    windows: list[Window]
    more: bool
    ended: bool
    dark: int
    losses: list[int]


@cache
def _extension() -> tuple[Any, Any]:
    """Return ffi and lib of the extension; SamplerFault when it is not there."""
    try:
        from stationd._sampler import ffi, lib
    except ImportError as error:
        raise SamplerFault(
            f"the extension stationd._sampler is not there ({error}); it is built by installing the package where a C compiler"
            " is: apt install gcc python3-dev, then pip install ."
        ) from error
    return ffi, lib


def abi() -> int | None:
    """Return the number of the extension's interface; None where it is not there."""
    try:
        return int(_extension()[1].SAMPLER_ABI)
    except SamplerFault:
        return None


class Native:
    """One loop from its making to its end. The constructor opens the source and may take its time."""

    def __init__(self, settings: SamplerSettings, watches: tuple[Watch, ...]) -> None:
        self._ffi, self._lib = _extension()
        self._settings = settings
        self._channels = len(settings.channels)
        error = self._ffi.new("char[]", ERROR_BYTES)
        self._handle = self._lib.sampler_create(self._config(), self._source(), self._watch(watches), error, ERROR_BYTES)
        if self._handle == self._ffi.NULL:
            raise SamplerFault(self._ffi.string(error).decode(errors="replace"))
        self.fd: int = self._lib.sampler_fd(self._handle)
        self._events = self._ffi.new("sampler_event[]", EVENTS_AT_ONCE)
        self._windows = self._ffi.new("sampler_window[]", WINDOWS_AT_ONCE)
        self._levels = self._ffi.new("sampler_level[]", WINDOWS_AT_ONCE * self._channels)
        self._drained = self._ffi.new("sampler_drained *")
        self._stats = self._ffi.new("sampler_stats *")

    def start(self) -> None:
        """Start the thread; SamplerFault when the machine gives none."""
        failed = self._lib.sampler_start(self._handle)
        if failed:
            raise SamplerFault(f"no thread for the sampler: {os.strerror(-failed)}")

    def end(self, timeout_s: float) -> bool:
        """Stop the thread and free everything; False when it hangs in its source: then nothing but another `end` may follow."""
        stopped = self._lib.sampler_stop(self._handle, round(timeout_s * NS)) == 0
        self.statistics()
        return bool(stopped and self._lib.sampler_destroy(self._handle) == 0)

    @property
    def last_statistics(self) -> Any:
        """The sampler_stats that were copied last: those of the end, once it has ended."""
        return self._stats

    def drain(self, windows: int = WINDOWS_AT_ONCE) -> Drained:
        """Take what waits: at most EVENTS_AT_ONCE events and so many windows, not more than WINDOWS_AT_ONCE.

        `more` says that another call would bring more; windows that are not wanted now do not count.
        """
        taken = self._drained
        most = min(windows, WINDOWS_AT_ONCE)
        self._lib.sampler_drain(self._handle, self._events, EVENTS_AT_ONCE, self._windows, self._levels, most, taken)
        return Drained(
            [event for n in range(taken.events) if (event := self._event(self._events[n])) is not None],
            [self._window(n) for n in range(taken.windows)],
            bool(taken.more) and (most > 0 or taken.events == EVENTS_AT_ONCE),
            bool(taken.ended),
            _mask(taken.dark),
            self._ffi.unpack(taken.losses, self._channels),
        )

    def watch(self, watches: tuple[Watch, ...]) -> bool:
        """Put other thresholds in force; False while the former ones have not been taken yet."""
        return bool(self._lib.sampler_watch(self._handle, self._watch(watches)) >= 0)

    def trigger(self) -> bool:
        """Start a capture; False while an earlier request has not been taken yet, or when the source is gone."""
        return bool(self._lib.sampler_trigger(self._handle) == 0)

    def statistics(self) -> Any:
        """Return the sampler_stats of now; overwritten by the next call."""
        self._lib.sampler_statistics(self._handle, self._stats)
        return self._stats

    def take_capture(self) -> Any:
        """Return the next capture's sampler_capture and its segments as pointers, or None. `release` gives it back."""
        head = self._ffi.new("sampler_capture *")
        if self._lib.sampler_take_capture(self._handle, head) != 1:
            return None
        segments = [self._ffi.new("sampler_segment *") for _ in range(head.segments)]
        for number, segment in enumerate(segments):
            self._lib.sampler_segment_at(self._handle, number, segment)
        return head, segments

    def copied(self, taken: Any, watches: tuple[Watch, ...], temperature_c: float | None) -> RawCapture:
        """Copy a capture that was taken; touches only its memory, so that another thread may do it."""
        head, segments = taken
        row, step = 4 * self._channels, 4 * head.stride
        raw = [memoryview(self._ffi.buffer(each.counts, each.scans * step)) for each in segments]
        return RawCapture(
            head.number,
            head.lost_before,
            None if head.kind == MANUAL else KINDS[head.kind],
            "" if head.channel >= self._channels else self._settings.channels[head.channel].name,
            head.trigger_ns,
            head.trigger_slot,
            sum(each.scans for each in segments),
            b"".join(part[at : at + row] for part in raw for at in range(0, len(part), step)),
            b"".join(self._ffi.buffer(each.times, 8 * each.scans) for each in segments),
            b"".join(self._ffi.buffer(each.slots, 8 * each.scans) for each in segments),
            self._settings,
            watches,
            temperature_c,
        )

    def release(self) -> None:
        """Give the segments of the capture that was taken back to the loop."""
        self._lib.sampler_release(self._handle)

    def _event(self, raw: Any) -> Event | None:
        kind = KINDS[raw.kind]
        if kind is None:
            return None
        channel = raw.channel if raw.channel < self._channels else -1
        times = (raw.sample_ns / NS, raw.since_ns / NS, raw.found_ns / NS)
        return Event(kind, channel, raw.lost_before, *times, raw.count, raw.reference)

    def _window(self, number: int) -> Window:
        raw, lib = self._windows[number], self._lib
        levels = tuple(
            Level(
                level.sum, level.min, level.max, level.saturated,
                bool(level.flags & lib.SAMPLER_IS_DARK), bool(level.flags & lib.SAMPLER_WAS_DARK),
                bool(level.flags & lib.SAMPLER_IS_STUCK), bool(level.flags & lib.SAMPLER_IS_LIMITED),
            )
            for level in self._levels[number * self._channels : (number + 1) * self._channels]
        )  # fmt: skip
        return Window(raw.lost_before, raw.first_ns / NS, raw.last_ns / NS, raw.scans, raw.missed, raw.flags, levels)

    def _config(self) -> Any:
        settings, lib = self._settings, self._lib
        config = self._ffi.new("sampler_config *")
        config.abi = lib.SAMPLER_ABI
        config.flags = lib.SAMPLER_WAKE_ON_WINDOW | (lib.SAMPLER_LOCK_MEMORY if settings.lock_memory else 0)
        config.channels, config.rate_hz = self._channels, settings.rate_hz
        config.window_slots, config.window_ring = settings.slots(settings.window_s), WINDOWS
        config.event_ring, config.event_burst, config.event_every = EVENTS, EVENT_BURST, settings.rate_hz
        config.stuck_scans = settings.slots(settings.stuck_s) if settings.stuck_s > 0.0 else 0
        config.late_ns = round(LATE_SHARE * NS / settings.rate_hz)
        config.segment_scans, config.segments = settings.segment_scans, settings.segments
        config.pre_scans, config.post_scans = settings.pre_scans, settings.post_scans
        config.capture_on = sum(1 << KINDS.index(kind) for kind in settings.capture_on)
        config.capture_every, config.capture_ring = settings.slots(settings.capture_every_s), CAPTURES
        config.priority = settings.priority
        config.cpu = -1 if settings.cpu is None else settings.cpu
        config.dma_latency_us = -1 if settings.dma_latency_us is None else settings.dma_latency_us
        return config

    def _source(self) -> Any:
        settings = self._settings.source
        source = self._ffi.new("sampler_source *")
        for name in ("kind", "where", "sysfs_root", "device_root", "trigger", "chip", "type"):
            _put_text(source, name, getattr(settings, name), self._ffi)
        for number, channel in enumerate(self._settings.channels):
            source.index[number] = channel.index
        source.watermark, source.buffer_scans, source.speed_hz = settings.watermark, settings.buffer_scans, settings.speed_hz
        source.offset, source.stride = settings.offset, settings.stride
        return source

    def _watch(self, watches: tuple[Watch, ...]) -> Any:
        raw = self._ffi.new("sampler_channel[]", self._channels)
        for target, watch in zip(raw, watches, strict=True):
            target.valid_low, target.valid_high = watch.valid_low, watch.valid_high
            target.lost_below, target.back_above = watch.lost_below, watch.back_above
            target.lost_n, target.lost_m, target.back_n, target.back_m = watch.lost_n, watch.lost_m, watch.back_n, watch.back_m
            target.step_slots, target.step_scans, target.knots = watch.step_slots, watch.step_scans, len(watch.knots)
            for place, knot in enumerate(watch.knots):
                target.knot[place] = (knot.at, knot.low, knot.high)
        return raw


def _put_text(source: Any, name: str, text: str, ffi: Any) -> None:
    encoded, room = text.encode(), ffi.sizeof(getattr(source, name)) - 1
    if len(encoded) > room:
        raise SamplerFault(f"the sampler's {name} is longer than {room} bytes: {text[:60]}...")
    setattr(source, name, encoded)


def _mask(words: Any) -> int:
    """Return a set of channels as one number: bit n is channel n."""
    return sum(int(word) << (32 * place) for place, word in enumerate(words))


def _remedies(settings: SamplerSettings) -> tuple[tuple[str, str, str], ...]:
    """Return for each step that may be refused its field of the statistics, what it was for, and what would help."""
    priority = (
        "the control group has no real-time budget: cpu.rt_runtime_us is 0, run it in the root group or give it some"
        if os.geteuid() == 0
        else "give the service LimitRTPRIO=40"
    )
    cpu = f"[sampler] cpu = {settings.cpu}: is there such a CPU, and does CPUAffinity= of the service allow it?"
    return (
        ("error_priority", "the sampler runs without real-time priority: scans may be late or missed under load", priority),
        ("error_lock", "the sampler's memory is not locked: it may be paged out", "give the service LimitMEMLOCK=64M"),
        ("error_cpu", "the sampler is not bound to its CPU", cpu),
        ("error_dma_latency", "the CPU may still sleep deeply between scans", "give the service DeviceAllow=/dev/cpu_dma_latency rw"),
        ("error_stack", "the sampling thread's stack is not locked", "it only matters when memory is short"),
    )


def shortcomings(stats: Any, settings: SamplerSettings) -> dict[str, tuple[str, str, str]]:
    """Return what the machine did not grant: by its name the consequence, the kernel's answer and the remedy."""
    found = {
        name: (text, os.strerror(code), remedy)
        for name, text, remedy in _remedies(settings)
        if (code := int(getattr(stats, name)))
    }
    if stats.demoted:
        text = "the sampling loop took more than half of its time and gave its priority back"
        found["demoted"] = (text, "", "lower rate_hz, take fewer channels, or give it a CPU of its own: [sampler] cpu")
    return found
