"""Windows and events of the C loop as readings and light events. Nothing here waits or looks at a clock.

A reading carries the time of the last scan of its window, never that of its arrival. A number is GOOD when it is what was
measured; that the thread had no real-time priority, or that times are estimated, is counted and shown, but makes no level wrong.

    no scan in the window, a converter that is stuck, all counts outside its range  -> BAD, no number
    a level below what can be measured                                              -> BAD below-range, as with every driver
    some counts outside its range, 10 % of the slots missed, no temperature          -> UNCERTAIN: the number itself may be off

No loss of light gets lost. The loop keeps two sets beside its events: who is dark now, and who was dark at any time since the
last look. Where these say more than the events that came, an event is missing (its ring was full, or the channel was limited);
one look later, when it cannot be on its way any more, it is made here and says that it is not exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from stationd.core.model import GOOD, Event, Level, LightEvent, LightKind, PointId, Quality, Reading, Reason
from stationd.links.sampler import native
from stationd.links.sampler.settings import SamplerSettings
from stationd.links.statistics import Histogram

POINTS = ("power", "power_min", "power_max", "los")
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
    abandoned: int = 0
    untimed: int = 0
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


class _Suspect(NamedTuple):
    """A change of light whose event did not come with it: between which times, and what the sets say."""

    since: float
    t: float
    was_lost: bool


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
        self._dark = 0
        self._los_t = [float("-inf")] * len(self._names)
        self._suspects: dict[int, _Suspect] = {}
        self._looked: float | None = None
        self._said_ended = False
        self.made = 0
        self.untimed = 0
        self.temperature_c: float | None = None
        self.temperature_known = True

    def news(self, drained: Sequence[native.Drained], now: float) -> News:
        """Return what one look (drains until the rings were empty) brought."""
        before, lost, touched, latch = self._dark, 0, 0, 0
        events: list[native.Event] = []
        for part in drained:
            latch |= part.latch
            events += part.events
        urgent: list[Event] = []
        for event in events:
            urgent += self._event(event)
            if event.kind in (LightKind.LOST, LightKind.BACK) and event.channel >= 0:
                touched |= 1 << event.channel
                lost |= (event.kind is LightKind.LOST) << event.channel
        urgent += self._unexplained(drained, drained[-1].dark, latch & ~lost & ~before, touched, now)
        return News(urgent, [self._window(window, now) for part in drained for window in part.windows])

    @property
    def suspicious(self) -> bool:
        """True when another look will tell whether an event is missing."""
        return bool(self._suspects)

    def all_bad(self, reason: Reason, now: float) -> list[Event]:
        """Return readings that say of every point that there is no value, and why."""
        quality = Quality(Level.BAD, reason)
        return [Reading(PointId(name, point), None, quality, now) for name in self._names for point in POINTS]

    def begin(self) -> None:
        """Begin with a fresh loop, whose sets are empty."""
        self._suspects.clear()
        self._said_ended = False

    def ended(self, now: float) -> list[LightEvent]:
        """Return the event that the source of all samples was lost, unless the loop itself has said so."""
        return [] if self._said_ended else [LightEvent(LightKind.ENDED, "", now, now, now, self._number())]

    # Events.

    def _event(self, event: native.Event) -> list[Event]:
        if event.channel < 0:
            self._said_ended = True
            return [LightEvent(event.kind, "", event.sample_s, event.since_s, event.found_s, self._number(), event.lost_before)]
        channel = self._settings.channels[event.channel]
        step = event.kind in (LightKind.STEP_DOWN, LightKind.STEP_UP)
        light = LightEvent(
            event.kind, channel.name, event.sample_s, event.since_s, event.found_s, self._number(), event.lost_before,
            channel.calibration.measured_dbm(event.at, self.temperature_c),
            channel.calibration.measured_dbm(event.reference, self.temperature_c) if step else None,
        )  # fmt: skip
        if event.kind not in (LightKind.LOST, LightKind.BACK):
            return [light]
        dark = event.kind is LightKind.LOST
        self._set_dark(event.channel, dark)
        return [*self._los(event.channel, dark, GOOD, event.sample_s), light]

    def _set_dark(self, channel: int, dark: bool) -> None:
        self._dark = self._dark | 1 << channel if dark else self._dark & ~(1 << channel)

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

    def _window(self, window: native.Window, now: float) -> Iterator[Event]:
        t = window.last_s if window.scans else now
        for number, level in enumerate(window.levels):
            reason = _no_number(window, level)
            if reason is None:
                yield from self._levels(number, window, level, t)
            else:
                self._los_t[number] = max(self._los_t[number], t)
                quality = Quality(Level.BAD, reason)
                yield from (Reading(PointId(self._names[number], point), None, quality, t) for point in POINTS)

    def _levels(self, number: int, window: native.Window, level: native.Level, t: float) -> Iterator[Event]:
        calibration = self._settings.channels[number].calibration
        quality = self._quality(window, level, calibration.warms)
        counts = (level.sum / window.scans, level.min, level.max)
        for point, count in zip(POINTS, counts, strict=False):
            value = calibration.measured_dbm(count, self.temperature_c)
            shown = quality if value is not None else Quality(Level.BAD, Reason.BELOW_RANGE)
            yield Reading(PointId(self._names[number], point), value, shown, t)
        saturated = Quality(Level.UNCERTAIN, Reason.SATURATED) if level.saturated else GOOD
        yield from self._los(number, level.dark, saturated, t)

    def _quality(self, window: native.Window, level: native.Level, warms: bool) -> Quality:
        if level.saturated:
            return Quality(Level.UNCERTAIN, Reason.SATURATED)
        if window.missed > MOST_MISSED * (window.scans + window.missed):
            return Quality(Level.UNCERTAIN, Reason.SAMPLES_MISSED)
        if warms and not self.temperature_known:
            return Quality(Level.UNCERTAIN, Reason.NO_TEMPERATURE)
        return GOOD

    # What the events did not tell.

    def _unexplained(
        self, drained: Sequence[native.Drained], dark: int, hidden: int, touched: int, now: float
    ) -> Iterator[Event]:
        """Make the events that the former look found missing and that have not come since; note what this look misses."""
        for channel, suspect in self._suspects.items():
            if not touched >> channel & 1:
                yield from self._made_up(channel, suspect, bool(dark >> channel & 1), now)
        since = now if self._looked is None else self._looked
        missing = ((dark ^ self._dark) | hidden) & ~sum(1 << channel for channel in self._suspects)
        self._suspects = {
            channel: _Suspect(*self._bounds(channel, drained, since, now), bool((hidden | dark) >> channel & 1))
            for channel in range(len(self._names))
            if missing >> channel & 1
        }
        self._looked = now

    def _bounds(self, channel: int, drained: Sequence[native.Drained], since: float, now: float) -> tuple[float, float]:
        """Return between which times light was lost: within the first window that says so, else between two looks."""
        windows = [window for part in drained for window in part.windows if window.scans and window.levels[channel].was_dark]
        return (windows[0].first_s, windows[0].last_s) if windows else (since, now)

    def _made_up(self, channel: int, suspect: _Suspect, dark: bool, now: float) -> list[Event]:
        """Return the events that bring what is known in line with what the loop says now."""
        kinds = [LightKind.LOST] if suspect.was_lost and not self._dark >> channel & 1 else []
        if not dark and (kinds or self._dark >> channel & 1):
            kinds.append(LightKind.BACK)
        self._set_dark(channel, dark)
        self.untimed += len(kinds)
        name = self._names[channel]
        made = [LightEvent(kind, name, suspect.t, suspect.since, now, self._number(), exact=False) for kind in kinds]
        return [*self._los(channel, dark, GOOD, suspect.t), *made]


def _no_number(window: native.Window, level: native.Level) -> Reason | None:
    """Return why a channel has no level in this window, or None."""
    if window.scans == 0:
        return Reason.NO_SAMPLES
    if level.stuck:
        return Reason.STUCK
    return Reason.SATURATED if level.saturated >= window.scans else None
