"""The optical sampler: one task that keeps a loop in C running and hands on what it finds. It never holds up anything else.

    make --> run --(eventfd)--> drain --> readings and light events --> engine
      ^       |                    '----> captures --> a writer of files
      |       '-- the source is gone, or no scan comes any more: every point is BAD at once
      '--(1, 2, 4, 8, 10 s)--'

A thread that hangs in its source is left alone for ever and another loop is made; the counters go on. Ending changes nothing
on the plant. Without the extension the task says so, every point is BAD, and the rest of the daemon works.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import structlog

from stationd.core.model import Event, LightEvent, LinkChanged, Reason
from stationd.links.bell import Bell
from stationd.links.sampler.native import Native, SamplerFault, shortcomings
from stationd.links.sampler.readings import Light, SamplerStatistics
from stationd.links.sampler.settings import RawCapture, SamplerSettings, Watch

log = structlog.get_logger()

BUS = "sampler"  # its name beside those of the buses
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 10.0)
STEADY_S = 30.0  # a loop that ran so long was no failure
STOP_S = 0.5
CHECK_S = 0.25  # how often it is seen whether scans come
SILENT_WINDOWS, SILENT_S = 3, 2.0
MOST_DRAINS = 8  # calls of one turn of the event loop
MOST_WINDOWS = 8  # whose readings are being handed on; what comes meanwhile waits in the loop, and is counted when it is lost
READINGS_AT_ONCE = 64
FIFO = 1  # SCHED_FIFO
MOVED_COUNTS = 2  # thresholds that the temperature moves by more are put in force anew


class OpticalSampler:
    """`run` is its one task. `post` takes events in order; `keep` writes a capture to disk and comes back when it is done.

    `temperature` tells that of the front ends in degC, None while it is not known; only asked where a calibration uses it.
    """

    def __init__(
        self,
        settings: SamplerSettings,
        post: Callable[[Sequence[Event]], None],
        keep: Callable[[RawCapture], Awaitable[None]] | None = None,
        temperature: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.settings = settings
        self._post = post
        self._keep = keep
        self._temperature = temperature
        self._warms = any(channel.calibration.warms for channel in settings.channels)
        self._totals = SamplerStatistics(len(settings.channels))
        self._light = Light(settings)
        self._native: Native | None = None
        self._windows: deque[Iterator[Event]] = deque()
        self._watches: tuple[Watch, ...] = ()
        self._ended = False
        self._ending = Bell()
        self._taken = Bell()
        self._scans, self._scanned = 0, 0.0
        self._cause: str | None = None  # why no scan comes, once it was said
        self._told: set[str] = set()

    async def run(self) -> None:
        """Sample for ever; ends only by cancellation, and then within a second."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            begun = loop.time()
            await self._one_loop()
            failures = 0 if loop.time() - begun >= STEADY_S else failures
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            failures += 1
            self._totals.rebuilds += 1

    def capture(self) -> bool:
        """Start a capture now, as a technician does; False when no loop runs or an earlier request was not taken yet."""
        return self._native is not None and self._native.trigger()

    def statistics(self) -> SamplerStatistics:
        """Return the counters of all loops until now."""
        self._totals.untimed = self._light.untimed
        return self._totals if self._native is None else self._totals.with_running(self._native.statistics())

    # ------------------------------------------------------------------ the life of one loop

    async def _one_loop(self) -> None:
        """Make a loop and serve it to its end; that it ended is told before anything is taken down."""
        self._read_temperature()
        self._watches = self.settings.watches(self._light.temperature_c)
        try:
            made = await _made(self.settings, self._watches)
        except SamplerFault as fault:
            self._lose(Reason.SOURCE_LOST, str(fault))
            return
        try:
            made.start()
            await self._serve(made)
        except SamplerFault as fault:
            self._lose(Reason.SOURCE_LOST, str(fault))
        finally:
            await self._end(made)

    async def _serve(self, made: Native) -> None:
        loop = asyncio.get_running_loop()
        self._native, self._ended = made, False
        self._scans, self._scanned = 0, loop.time()
        self._light.begin()
        loop.add_reader(made.fd, self._look)
        captures = asyncio.create_task(self._captures(made))
        try:
            while not self._ended:
                await self._ending.wait(loop.time() + CHECK_S)
                if self._check(made, loop.time()):
                    self._lose(Reason.NO_SAMPLES, "no scan comes any more")
                    return
            self._lose(Reason.SOURCE_LOST, f"the source is gone: {os.strerror(made.statistics().error)}")
        finally:
            loop.remove_reader(made.fd)
            captures.cancel()
            await _finished(captures)

    async def _end(self, made: Native) -> None:
        """Stop the thread, even while being cancelled; one that hangs in its source is left alone for ever."""
        self._native = None
        ending = asyncio.ensure_future(asyncio.to_thread(made.end, STOP_S))
        try:
            await _finished(ending)
        finally:
            totals = self._totals
            totals.add(made.last_statistics)
            totals.running = totals.real_time = totals.memory_locked = False
            if not ending.result():
                totals.abandoned += 1
                log.error("the sampling thread hangs in its source and is left alone", source=self._source)

    def _lose(self, reason: Reason, text: str) -> None:
        """Say at once that no point has a value now; a cause is logged once, not at every new attempt."""
        self._windows.clear()
        if text != self._cause:
            log.error("optical sampler does not run", source=self._source, cause=text)
        now = asyncio.get_running_loop().time()
        names = tuple(channel.name for channel in self.settings.channels)
        self._post([LinkChanged(BUS, False, names, now), *self._light.all_bad(reason, now)])
        if self._cause is None:
            self._post(self._light.ended(now))
        self._cause = text

    # ------------------------------------------------------------------ while it runs

    def _look(self) -> None:
        """Take what waits, when the loop in C rings. One more look tells whether an event is missing."""
        made = self._native
        if made is None:
            return
        if self._hand_on(made):
            self._hand_on(made)
        self._taken.ring()
        if self._ended:
            self._ending.ring()

    def _hand_on(self, made: Native) -> bool:
        """Hand on what waits, as far as a turn of the event loop allows; True when an event may be missing."""
        loop = asyncio.get_running_loop()
        now, room = loop.time(), max(0, MOST_WINDOWS - len(self._windows))
        drained = [made.drain(room)]
        while drained[-1].more and len(drained) < MOST_DRAINS:
            room = max(0, room - len(drained[-1].windows))
            drained.append(made.drain(room))
        if drained[-1].more:
            loop.call_soon(self._look)
        self._ended = self._ended or drained[-1].ended
        news = self._light.news(drained, now)
        for event in news.urgent:
            if isinstance(event, LightEvent) and event.exact:
                self._totals.delivery_s.observe(max(0.0, now - event.found))
        if news.urgent:
            self._post(news.urgent)
        if news.windows and not self._windows:
            loop.call_soon(self._hand_on_readings)
        self._windows.extend(news.windows)
        return self._light.suspicious and not drained[-1].more

    def _hand_on_readings(self) -> None:
        """Hand on some readings of a window in each turn of the event loop, so that nothing else waits for all of them."""
        if not self._windows:
            return
        some = list(islice(self._windows[0], READINGS_AT_ONCE))
        self._post(some)
        if len(some) < READINGS_AT_ONCE:
            full = len(self._windows) == MOST_WINDOWS
            self._windows.popleft()
            if full:  # others may have been left in the loop
                self._look()
        if self._windows:
            asyncio.get_running_loop().call_soon(self._hand_on_readings)

    def _check(self, made: Native, now: float) -> bool:
        """Look after a running loop; True when it takes no scans any more."""
        stats = made.statistics()
        if stats.scans != self._scans:
            if self._scans == 0:
                log.info("optical sampler runs", source=self._source, rate_hz=self.settings.rate_hz)
            self._scans, self._scanned, self._cause = stats.scans, now, None
        self._tell(stats)
        if self._warms:
            self._follow_temperature(made)
        return now - self._scanned > max(SILENT_WINDOWS * self.settings.window_s, SILENT_S)

    def _tell(self, stats: Any) -> None:
        """Show what the machine granted; what it did not grant is logged once, with what would help."""
        missing = shortcomings(stats, self.settings)
        totals = self._totals
        totals.running = stats.scans > 0
        totals.real_time = stats.policy == FIFO and "demoted" not in missing
        totals.memory_locked = self.settings.lock_memory and "error_lock" not in missing
        for name, (text, answer, remedy) in missing.items():
            if name not in self._told:
                self._told.add(name)
                log.warning(text, answer=answer, remedy=remedy)

    def _read_temperature(self) -> None:
        if self._warms:
            temperature_c = self._temperature()
            self._light.temperature_known = temperature_c is not None
            self._light.temperature_c = self._light.temperature_c if temperature_c is None else temperature_c

    def _follow_temperature(self, made: Native) -> None:
        """Put thresholds in force that the temperature has moved; while the loop has not taken the last ones, later."""
        self._read_temperature()
        watches = self.settings.watches(self._light.temperature_c)
        if any(moved(old, new) > MOVED_COUNTS for old, new in zip(self._watches, watches, strict=True)) and made.watch(watches):
            self._watches = watches

    async def _captures(self, made: Native) -> None:
        """Copy one capture after the other out of the loop and have it written; what comes meanwhile waits in the loop."""
        while self._keep is not None:
            await self._taken.wait()
            while (taken := made.take_capture()) is not None:
                copying = asyncio.ensure_future(asyncio.to_thread(made.copied, taken, self._watches, self._light.temperature_c))
                try:
                    await _finished(copying)
                finally:
                    made.release()
                    written = self._keep(copying.result())
                await written

    @property
    def _source(self) -> str:
        return f"{self.settings.source.kind}:{self.settings.source.where}"[:200]


def moved(old: Watch, new: Watch) -> int:
    """Return by how many counts the thresholds of a channel differ at most."""
    apart = [abs(new.lost_below - old.lost_below), abs(new.back_above - old.back_above)]
    apart += [max(abs(b.low - a.low), abs(b.high - a.high)) for a, b in zip(old.knots, new.knots, strict=False)]
    return max(apart)


async def _made(settings: SamplerSettings, watches: tuple[Watch, ...]) -> Native:
    """Make a loop in another thread, since opening a source may take its time; one that nobody wants any more is freed."""
    making = asyncio.ensure_future(asyncio.to_thread(Native, settings, watches))
    try:
        await _finished(making)
    except asyncio.CancelledError:
        if making.exception() is None:
            making.result().end(STOP_S)
        raise
    return making.result()


async def _finished(work: asyncio.Future[Any]) -> None:
    """Wait for the end of work that must not be torn apart, whatever its outcome; a cancellation is carried out afterwards."""
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
