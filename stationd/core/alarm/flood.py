"""How well the alarm system itself is doing: rates, floods, chattering, standing alarms, times to acknowledge. Pure.

Targets follow the approach of ISA-18.2 and IEC 62682, from secondary sources (to be checked): more than 10 messages in
10 minutes are a flood, it is over below 5; on average at most 1, and never more than 2, in 10 minutes for one operator; less
than 1 % of the 10-minute periods in flood; the ten busiest types under 5 % of all; nothing chattering (3 times in 60 s); fewer
than 5 alarms standing longer than 24 h; about 80/15/5 % of low, middle and high priority. Rates are given per 10 minutes only.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.alarm.type import AlarmKey, Severity

PERIOD_S = 600.0
FLOOD_ABOVE, FLOOD_OVER_BELOW = 10, 5
CHATTER_RAISES, CHATTER_S = 3, 60.0
STANDING_S = 86_400.0
BUSIEST_TYPES = 10
ACK_BOUNDS_S = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 86_400.0)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values were at most each of `bounds`, cumulative, the last entry being all; and their sum."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a moment. Counts are since the journal began, so that a restart does not set them back."""

    rate_10min: int
    flood: bool
    floods: int
    flood_s: float
    periods: int
    flood_periods: int
    annunciations: int
    mean_10min: float
    annunciations_by_type: Mapping[str, int]
    annunciations_by_severity: Mapping[Severity, int]
    busiest_types_share: float
    chattering: tuple[AlarmKey, ...]
    standing: tuple[AlarmKey, ...]
    ack_s: Histogram


@dataclass(slots=True)
class Counts:
    """What is counted, as it is kept over a restart. Times are monotonic seconds of the present run."""

    started: float = 0.0
    flood_since: float | None = None
    floods: int = 0
    flood_s: float = 0.0
    flood_periods: int = 0
    last_flood_period: int = -1
    by_type: Counter[str] = field(default_factory=Counter)
    by_severity: Counter[Severity] = field(default_factory=Counter)
    ack_counts: list[int] = field(default_factory=lambda: [0] * (len(ACK_BOUNDS_S) + 1))
    ack_total_s: float = 0.0
    recent: list[tuple[float, int]] = field(default_factory=list)


class Flood:
    """Counts what people are told. Every method wants times that do not go back."""

    def __init__(self, now: float) -> None:
        self._counts = Counts(started=now)
        self._recent: deque[tuple[float, int]] = deque()  # (second, messages in it), of the last 10 minutes: at most 601 entries
        self._rate = 0
        self._raises: dict[AlarmKey, deque[float]] = {}

    @property
    def flooding(self) -> bool:
        """True from the message that is too much until the rate has fallen."""
        return self._counts.flood_since is not None

    def annunciated(self, key: AlarmKey, severity: Severity, now: float) -> bool:
        """Count one message to people; return whether it may make a sound: in a flood only the first does."""
        self.look(now)
        self._counts.by_type[key.type] += 1
        self._counts.by_severity[severity] += 1
        self._rate += 1
        second = float(int(now))
        if self._recent and self._recent[-1][0] >= second:
            self._recent[-1] = (self._recent[-1][0], self._recent[-1][1] + 1)
        else:
            self._recent.append((second, 1))
        in_flood = self._counts.flood_since is not None
        if self._rate > FLOOD_ABOVE and not in_flood:
            self._counts.flood_since = now
            self._counts.floods += 1
        self._mark_periods(now)
        return not in_flood

    def raised(self, key: AlarmKey, now: float) -> None:
        """Note one raise, visible or not: an alarm chatters for its input's sake, not for the reader's."""
        self._raises.setdefault(key, deque(maxlen=CHATTER_RAISES)).append(now)

    def acknowledged(self, waited_s: float) -> None:
        """Count how long an alarm waited for a person."""
        place = next((at for at, bound in enumerate(ACK_BOUNDS_S) if waited_s <= bound), len(ACK_BOUNDS_S))
        self._counts.ack_counts[place] += 1
        self._counts.ack_total_s += waited_s

    def look(self, now: float) -> None:
        """Let time pass: messages grow old, a flood ends at the moment when its rate fell under the limit."""
        while self._recent and now >= self._recent[0][0] + PERIOD_S:
            second, count = self._recent.popleft()
            self._rate -= count
            if self._rate < FLOOD_OVER_BELOW:
                self._end(second + PERIOD_S)
        self._mark_periods(now)

    def figures(self, now: float, active_since: Mapping[AlarmKey, float]) -> Figures:
        """Return the figures of `now`; `active_since` has every alarm whose condition holds, with the time of its raise."""
        self.look(now)
        counts, told = self._counts, sum(self._counts.by_type.values())
        periods = max(self._period(now), 1)
        running_s = 0.0 if counts.flood_since is None else now - counts.flood_since
        busiest = sum(count for _, count in counts.by_type.most_common(BUSIEST_TYPES))
        return Figures(
            rate_10min=self._rate,
            flood=counts.flood_since is not None,
            floods=counts.floods,
            flood_s=counts.flood_s + running_s,
            periods=periods,
            flood_periods=counts.flood_periods,
            annunciations=told,
            mean_10min=told / max((now - counts.started) / PERIOD_S, 1.0),
            annunciations_by_type=dict(counts.by_type),
            annunciations_by_severity=dict(counts.by_severity),
            busiest_types_share=busiest / told if told else 0.0,
            chattering=self._chattering(now),
            standing=tuple(key for key, since in active_since.items() if now >= since + STANDING_S),
            ack_s=_histogram(counts),
        )

    def counts(self) -> Counts:
        """Return a copy of what must be kept over a restart."""
        kept = self._counts
        return Counts(
            kept.started, kept.flood_since, kept.floods, kept.flood_s, kept.flood_periods, kept.last_flood_period,
            Counter(kept.by_type), Counter(kept.by_severity), list(kept.ack_counts), kept.ack_total_s, list(self._recent),
        )  # fmt: skip

    def restore(self, counts: Counts) -> None:
        """Go on from what was kept; its times must already be those of this run."""
        self._counts = counts
        self._recent = deque(counts.recent)
        self._rate = sum(count for _, count in counts.recent)

    def _end(self, t: float) -> None:
        if self._counts.flood_since is not None:
            self._counts.flood_s += max(t - self._counts.flood_since, 0.0)
            self._mark_periods(t)
            self._counts.flood_since = None

    def _period(self, t: float) -> int:
        """Return how many 10-minute periods have begun by `t`."""
        return int((t - self._counts.started) // PERIOD_S) + 1

    def _mark_periods(self, now: float) -> None:
        """Count the periods in which there was a flood, each once."""
        counts = self._counts
        if counts.flood_since is None:
            return
        first = max(self._period(counts.flood_since), counts.last_flood_period + 1)
        counts.flood_periods += max(self._period(now) - first + 1, 0)
        counts.last_flood_period = max(self._period(now), counts.last_flood_period)

    def _chattering(self, now: float) -> tuple[AlarmKey, ...]:
        self._raises = {key: times for key, times in self._raises.items() if now <= times[-1] + CHATTER_S}
        return tuple(key for key, times in self._raises.items() if len(times) == CHATTER_RAISES and now <= times[0] + CHATTER_S)


def _histogram(counts: Counts) -> Histogram:
    running, cumulative = 0, []
    for count in counts.ack_counts:
        running += count
        cumulative.append(running)
    return Histogram((*ACK_BOUNDS_S, float("inf")), tuple(cumulative), counts.ack_total_s)
