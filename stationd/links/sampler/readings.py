"""Windows and events of the C loop as readings and light events. Nothing here waits or looks at a clock.

A reading carries the time of the last scan of its window, never that of its arrival. A number is GOOD when it is what was
measured. The conditions of its window (no real-time priority, memory that may be paged out, late or missed scans ...) make no
level wrong: they stand beside it as a point of their own, and are counted.

    no scan in the window, a converter that is stuck, all counts outside its range  -> BAD, no number
    a level below what can be measured                                              -> BAD below-range, as with every driver
    some counts outside its range, 10 % of the slots missed, no temperature          -> UNCERTAIN: the number itself may be off
    times that jumped or are estimated, and lie more than a window before arrival    -> UNCERTAIN: the time itself may be off

No loss of light gets lost: see stationd.links.sampler.darkness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from stationd.core.model import GOOD, Event, Level, LightEvent, LightKind, PointId, Quality, Reading, Reason
from stationd.links.sampler import native
from stationd.links.sampler.darkness import Darkness, Untold
from stationd.links.sampler.settings import SamplerSettings
from stationd.links.statistics import Histogram

LEVELS = ("power", "power_min", "power_max", "los")
CONDITIONS = "conditions"  # under which a window was taken: text, since none of them makes a level wrong by itself
POINTS = (*LEVELS, CONDITIONS)
TIME_JUMPED, TIME_ESTIMATED = 4, 8  # sampler.h, SAMPLER_TIME_JUMPED, SAMPLER_TIME_ESTIMATED
WORDS = {  # sampler.h, SAMPLER_MISSED ...
    1: "samples-missed", 2: "late", TIME_JUMPED: "time-jumped", TIME_ESTIMATED: "time-estimated", 16: "not-real-time",
    32: "not-locked", 64: "read-failed",
}  # fmt: skip
LIMITED = "events-limited"
UNREMARKABLE = "none"
MOST_MISSED = 0.1  # share of a window's slots; with more missing its mean is only probable
DELIVERY_BOUNDS_S = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.5)
COUNTED = (
    "slots", "scans", "missed", "overruns", "late", "time_jumps", "read_errors", "wakes", "windows", "windows_read", "windows_lost",
    "windows_queued", "events", "events_read", "events_lost", "events_queued", "events_limited", "triggers", "captures_read",
    "captures_lost", "captures_queued", "captures_open", "captures_merged", "captures_limited", "lateness_sum_ns", "cpu_ns",
)  # fmt: skip
OF_NOW = ("windows_queued", "events_queued", "captures_queued", "captures_open")  # what they count is gone with their loop
BUCKETS_PER_DOUBLING, DOUBLINGS = 32, 22
FIRST_BOUND_NS = 256  # of the lateness histogram of sampler.h; then one for each doubling


@dataclass(slots=True)
class SamplerStatistics:
    """What the sampler counts, over all loops since the start of the daemon. Written by the sampler alone.

    `lateness` counts wake-ups by doublings: the first is below FIRST_BOUND_NS, each next one reaches twice as far, the last
    has no end.
    """

    channels: int
    counts: Counter[str] = field(default_factory=Counter)
    lateness: list[int] = field(default_factory=lambda: [0] * DOUBLINGS)
    delivery_s: Histogram = field(default_factory=lambda: Histogram(DELIVERY_BOUNDS_S))
    rebuilds: int = 0
    abandoned: int = 0  # times that something hung and was left alone
    freed: int = 0  # of these, what has come back
    hanging: int = 0  # what hangs now
    captures_failed: int = 0  # captures whose writer failed
    untimed: int = 0
    flagged: Counter[str] = field(default_factory=Counter)  # windows by the words of their flags
    running: bool = False
    real_time: bool = False
    memory_locked: bool = False

    def add(self, stats: Any) -> None:
        """Add the counters of a loop that has ended. What still waited in its rings is lost with it, and counted so."""
        for name in COUNTED:
            if name not in OF_NOW:
                self.counts[name] += int(getattr(stats, name))
        self.counts["windows_lost"] += int(stats.windows_queued)
        self.counts["events_lost"] += int(stats.events_queued)
        self.counts["captures_lost"] += int(stats.captures_queued + stats.captures_open)
        self.lateness = [total + more for total, more in zip(self.lateness, _doublings(stats), strict=True)]

    def add_outage(self, slots: int) -> None:
        """Add the slots that passed while there was no loop: missed, all of them."""
        if slots > 0:
            self.counts["slots"] += slots
            self.counts["missed"] += slots
            self.counts["overruns"] += 1

    def with_running(self, stats: Any) -> SamplerStatistics:
        """Return the totals together with those of the loop that runs now."""
        counts = Counter(self.counts)
        for name in COUNTED:
            counts[name] += int(getattr(stats, name))
        lateness = [total + more for total, more in zip(self.lateness, _doublings(stats), strict=True)]
        return replace(self, counts=counts, lateness=lateness)


def _doublings(stats: Any) -> list[int]:
    buckets = list(stats.lateness)
    return [sum(buckets[at : at + BUCKETS_PER_DOUBLING]) for at in range(0, len(buckets), BUCKETS_PER_DOUBLING)]


class News(NamedTuple):
    """What one look brought: light events with their readings, to be handed on at once, and the readings of each window.

    The readings are worked out as they are taken, so that a window of many channels need not be taken in one piece.
    """

    urgent: list[Event]
    windows: list[Iterator[Event]]


class Light:
    """What is known of the light of every channel, and what becomes known by each drain."""

    def __init__(self, settings: SamplerSettings) -> None:
        self._settings = settings
        self._names = [channel.name for channel in settings.channels]
        self._darkness = Darkness([max(channel.lost_m, channel.back_m) for channel in settings.channels])
        self._los_t = [float("-inf")] * len(self._names)
        self._said_ended = False
        self._jumped = False
        self.made = 0
        self.untimed = 0
        self.flagged: Counter[str] = Counter()
        self.temperature_c: float | None = None
        self.temperature_known = True

    def news(self, drained: Sequence[native.Drained], now: float) -> News:
        """Return what one look (drains until the rings were empty, or the turn was over) brought."""
        windows = [window for part in drained for window in part.windows]
        urgent = [each for part in drained for event in part.events for each in self._event(event, now)]
        last = drained[-1]
        if not last.more:
            for untold in self._darkness.look(last.losses, last.dark, windows, now, last.ended):
                urgent += self._made_up(untold, now)
        return News(urgent, [self._window(window, now, self._doubt(window, now)) for window in windows])

    @property
    def suspicious(self) -> bool:
        """True when another look will tell whether an event is missing."""
        return self._darkness.suspicious

    def all_bad(self, reason: Reason, now: float) -> list[Event]:
        """Return readings that say of every point that there is no value, and why."""
        quality = Quality(Level.BAD, reason)
        return [Reading(PointId(name, point), None, quality, now) for name in self._names for point in POINTS]

    def begin(self) -> None:
        """Begin with a fresh loop, which knows nothing yet."""
        self._darkness.begin()
        self._said_ended = self._jumped = False

    def ended(self, now: float) -> list[LightEvent]:
        """Return the event that the source of all samples was lost, unless the loop itself has said so."""
        return [] if self._said_ended else [LightEvent(LightKind.ENDED, "", now, now, now, self._number())]

    # Events.

    def _event(self, event: native.Event, now: float) -> list[Event]:
        if event.channel < 0:
            self._said_ended = True
            return [LightEvent(event.kind, "", event.sample_s, event.since_s, event.found_s, self._number(), event.lost_before)]
        if event.kind not in (LightKind.LOST, LightKind.BACK):
            return [self._light(event)]
        before, news = self._darkness.take(event)
        told = [each for untold in before for each in self._made_up(untold, now)]
        told += self._los(event.channel, self._darkness.told(event.channel), GOOD, event.sample_s)
        return [*told, self._light(event)] if news else told

    def _light(self, event: native.Event) -> LightEvent:
        step = event.kind in (LightKind.STEP_DOWN, LightKind.STEP_UP)
        return LightEvent(
            event.kind, self._names[event.channel], event.sample_s, event.since_s, event.found_s, self._number(), event.lost_before,
            self._measured(event.channel, event.at), self._measured(event.channel, event.reference) if step else None,
        )  # fmt: skip

    def _measured(self, channel: int, count: int) -> float | None:
        """Return the level of a sample, None where it tells of no level: too little light, or a count that light does not give."""
        calibration = self._settings.channels[channel].calibration
        low, high = calibration.valid_counts
        return calibration.measured_dbm(count, self.temperature_c) if low <= count <= high else None

    def _made_up(self, untold: Untold, now: float) -> list[Event]:
        """Return the event, and the reading that comes with it, of a change whose own event was lost."""
        self.untimed += 1
        name, lost = self._names[untold.channel], untold.kind is LightKind.LOST
        light = LightEvent(untold.kind, name, untold.t, untold.since, now, self._number(), untold.more, exact=False)
        return [*self._los(untold.channel, lost, GOOD, untold.t), light]

    def _los(self, channel: int, dark: bool, quality: Quality, t: float) -> list[Event]:
        """Return the reading of a channel's loss of light, unless a newer one has been handed on already."""
        if t < self._los_t[channel]:
            return []
        self._los_t[channel] = t
        return [Reading(PointId(self._names[channel], "los"), dark, quality, t)]

    def _number(self) -> int:
        self.made += 1
        return self.made

    # Windows.

    def _window(self, window: native.Window, now: float, doubt: Reason | None) -> Iterator[Event]:
        t = window.last_s if window.scans else now
        for number, level in enumerate(window.levels):
            reason = _no_number(window, level)
            if reason is None:
                yield from self._levels(number, window, level, doubt)
            else:
                self._los_t[number] = max(self._los_t[number], t)
                quality = Quality(Level.BAD, reason)
                yield from (Reading(PointId(self._names[number], point), None, quality, t) for point in LEVELS)
            yield Reading(PointId(self._names[number], CONDITIONS), conditions(window.flags, level.limited), GOOD, t)

    def _doubt(self, window: native.Window, now: float) -> Reason | None:
        """Return why the time of a window may be wrong by more than its length, or None. Counts its flags.

        Samples cannot be older than their arrival says, but for the time that the source gathers them.
        """
        self.flagged.update(word for bit, word in WORDS.items() if window.flags & bit)
        self._jumped = self._jumped or bool(window.flags & TIME_JUMPED)
        if not window.scans or now - window.last_s <= self._settings.window_s + self._settings.wake_s:
            return None
        if self._jumped:
            return Reason.TIME_JUMPED
        return Reason.TIME_ESTIMATED if window.flags & TIME_ESTIMATED else None

    def _levels(self, number: int, window: native.Window, level: native.Level, doubt: Reason | None) -> Iterator[Event]:
        calibration = self._settings.channels[number].calibration
        t, in_time = window.last_s, GOOD if doubt is None else Quality(Level.UNCERTAIN, doubt)
        quality = self._quality(window, level, calibration.warms) or in_time
        counts = (level.sum / window.scans, level.min, level.max)
        for point, count in zip(LEVELS, counts, strict=False):
            value = calibration.measured_dbm(count, self.temperature_c)
            shown = quality if value is not None else Quality(Level.BAD, Reason.BELOW_RANGE)
            yield Reading(PointId(self._names[number], point), value, shown, t)
        if not self._darkness.undecided(number):
            yield from self._los(number, level.dark, Quality(Level.UNCERTAIN, Reason.SATURATED) if level.saturated else in_time, t)

    def _quality(self, window: native.Window, level: native.Level, warms: bool) -> Quality | None:
        if level.saturated:
            return Quality(Level.UNCERTAIN, Reason.SATURATED)
        if window.missed > MOST_MISSED * (window.scans + window.missed):
            return Quality(Level.UNCERTAIN, Reason.SAMPLES_MISSED)
        if warms and not self.temperature_known:
            return Quality(Level.UNCERTAIN, Reason.NO_TEMPERATURE)
        return None


def _no_number(window: native.Window, level: native.Level) -> Reason | None:
    """Return why a channel has no level in this window, or None."""
    if window.scans == 0:
        return Reason.NO_SAMPLES
    if level.stuck:
        return Reason.STUCK
    return Reason.SATURATED if level.saturated >= window.scans else None


def conditions(flags: int, limited: bool = False) -> str:
    """Return the words for the flags of a window, comma between them, or that there are none."""
    words = [word for bit, word in WORDS.items() if flags & bit]
    return ", ".join([*words, LIMITED] if limited else words) or UNREMARKABLE
