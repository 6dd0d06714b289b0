"""How the daemon has fared lately: lag of its event loop, what each line and the sampler did within the last minute, scrapes.

Counters since the start say little of now, so a look is taken every few seconds and kept for a minute. Nothing here waits for anything.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from stationd.links.beat import Beat
from stationd.links.sampler import SamplerStatistics
from stationd.links.statistics import BusStatistics

EVERY_S = 1.0
LAGS = 600  # ten minutes
LOOKS_EVERY = 5  # seconds from one look at the counters to the next
LOOKS = 13  # so that the oldest is a minute old


@dataclass(frozen=True, slots=True)
class Look:
    """Counters at one moment: of each line (transactions, failures, busy seconds), and of the sampler (scans, missed)."""

    t: float
    lines: Mapping[str, tuple[int, int, float]]
    scans: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class LineLately:
    """What a line did within `span_s`. `exchange_s` is the mean time from question to the end of its answer."""

    span_s: float
    transactions: int
    failures: int
    busy_share: float | None
    exchange_s: float | None


@dataclass(frozen=True, slots=True)
class SamplerLately:
    """What the sampler did within `span_s`; the rate is None before there is a span."""

    span_s: float
    missed: int
    rate_hz: float | None


class Pulse:
    """`run` looks until cancelled. `scraped` goes round the page of metrics to know when somebody has fetched it."""

    def __init__(self, lines: Callable[[], Mapping[str, BusStatistics]], sampler: Callable[[], SamplerStatistics] | None = None) -> None:
        self.beat = Beat()
        self._lines = lines
        self._sampler = sampler
        self._lags_s: deque[float] = deque(maxlen=LAGS)
        self._looks: deque[Look] = deque([self._look()], maxlen=LOOKS)
        self.scrapes = 0
        self.scraped_t: float | None = None
        self.scrape_took_s: float | None = None

    def restart(self) -> None:
        """Count what lines and sampler do from now on: some are others."""
        self._looks = deque([self._look()], maxlen=LOOKS)

    async def run(self) -> None:
        """Look until cancelled."""
        loop, turns = asyncio.get_running_loop(), 0
        while True:
            self.beat.within(EVERY_S)
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self._lags_s.append(max(0.0, loop.time() - due))
            turns += 1
            if turns % LOOKS_EVERY == 0:
                self._looks.append(self._look())

    def scraped(self, scrape: Callable[[], Awaitable[bytes]]) -> Callable[[], Awaitable[bytes]]:
        """Return the page of metrics with a note of when it was fetched and how long that took."""

        async def noted() -> bytes:
            begun = asyncio.get_running_loop().time()
            page = await scrape()
            now = asyncio.get_running_loop().time()
            self.scraped_t, self.scrape_took_s = now, now - begun
            self.scrapes += 1
            return page

        return noted

    def lag_s(self) -> tuple[float, float] | None:
        """Return the lag of the event loop over the last ten minutes: its 99th percentile and the largest; None before a first one."""
        lags = sorted(self._lags_s)
        return (lags[min(len(lags) - 1, len(lags) * 99 // 100)], lags[-1]) if lags else None

    def line(self, name: str) -> LineLately:
        """Return what a line did lately."""
        then, now = self._looks[0], self._look()
        (asked, failed, busy_s), (asked_then, failed_then, busy_then_s) = now.lines[name], then.lines[name]
        span_s, transactions, busy = now.t - then.t, asked - asked_then, busy_s - busy_then_s
        share = min(1.0, busy / span_s) if span_s > 0.0 else None
        return LineLately(span_s, transactions, failed - failed_then, share, busy / transactions if transactions else None)

    def sampler(self) -> SamplerLately:
        """Return what the sampler did lately."""
        then, now = self._looks[0], self._look()
        span_s = now.t - then.t
        return SamplerLately(span_s, now.missed - then.missed, (now.scans - then.scans) / span_s if span_s > 0.0 else None)

    def _look(self) -> Look:
        lines = {name: (each.transactions, each.failures.total(), each.busy_s) for name, each in self._lines().items()}
        now = asyncio.get_running_loop().time()
        if self._sampler is None:
            return Look(now, lines)
        counts = self._sampler().counts
        return Look(now, lines, counts["scans"], counts["missed"])
