"""The optical sampler: one task that keeps a loop in C running and hands on what it finds. It never holds up anything else.

    make --> run --(eventfd)--> drain --> readings and light events --> engine
      ^       |                    '----> captures --> a writer of files
      |       '-- the source is gone, or no scan comes any more: every point is BAD at once
      '--(1, 2, 4, 8, 10 s)--'

Whatever hangs in its source is left alone, with an alarm, and another loop is made; the counters go on. When MOST_ABANDONED hang
the sampler stays down until one of them has come back. Ending changes nothing on the plant. Without the extension the task says
so, every point is BAD, and the rest of the daemon works.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import structlog

from stationd.core.model import Event, LightEvent, LinkChanged, Reason
from stationd.links.aside import apart, waited
from stationd.links.beat import Beat
from stationd.links.bell import Bell
from stationd.links.sampler.apart import END_S, STOP_S, Abandoned
from stationd.links.sampler.attempts import Attempts, Causes, Slots
from stationd.links.sampler.in_force import InForce
from stationd.links.sampler.native import NS, Native, SamplerFault, shortcomings
from stationd.links.sampler.readings import Light, SamplerStatistics
from stationd.links.sampler.settings import RawCapture, SamplerSettings, Watch

log = structlog.get_logger()

BUS = "sampler"  # its name beside those of the buses
OPEN_S = 10.0  # for opening a source: some hundred attributes of sysfs, and a converter that is switched on
MOST_ABANDONED = 3  # that hang at the same time: each has a thread and its locked memory
TWICE_S = 60.0
CHECK_S = 0.25  # how often it is seen whether scans come
SILENT_WINDOWS, SILENT_S = 3, 2.0
MOST_DRAINS = 2  # calls of one turn of the event loop: some hundred events take it some milliseconds
MOST_WINDOWS = 8  # whose readings are being handed on; what comes meanwhile waits in the loop, and is counted when it is lost
READINGS_AT_ONCE = 64
FIFO = 1  # SCHED_FIFO
MOVED_COUNTS = 2  # thresholds that the temperature moves by more are put in force anew


class OpticalSampler:
    """`run` is its one task. `post` takes events in order; `keep` writes a capture to disk and comes back when it is done.

    `temperature` tells that of the front ends in degC, None while it is not known; only asked where a calibration uses it.
    `make` opens the source and makes the loop in C, each time anew.
    """

    def __init__(
        self,
        settings: SamplerSettings,
        post: Callable[[Sequence[Event]], None],
        keep: Callable[[RawCapture], Awaitable[None]] | None = None,
        temperature: Callable[[], float | None] = lambda: None,
        make: Callable[[SamplerSettings, tuple[Watch, ...]], Native] = Native,
    ) -> None:
        self.settings = settings
        self._make = make
        self._post = post
        self._keep = keep
        self._temperature = temperature
        self._warms = any(channel.calibration.warms for channel in settings.channels)
        self.beat = Beat()
        self._totals = SamplerStatistics(len(settings.channels))
        self._light = Light(settings)
        self._native: Native | None = None
        self._windows: deque[Iterator[Event]] = deque()
        self._force = InForce((), None)
        self._abandoned = Abandoned()
        self._hung: deque[float] = deque(maxlen=2)
        self._ended = False
        self._ending = Bell()
        self._taken = Bell()
        self._scans, self._scanned = 0, 0.0
        self._slots = Slots(settings.rate_hz)
        self._cause: str | None = None  # why no scan comes, once it was said
        self._causes = Causes()
        self._told: set[str] = set()

    async def run(self) -> None:
        """Sample for ever; ends only by cancellation, and then within a second."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._abandoned.retry(), name="what the sampler has abandoned")
            await self._sample()

    def capture(self) -> bool:
        """Start a capture now, as a technician does; False when no loop runs or an earlier request was not taken yet."""
        return self._native is not None and self._native.trigger()

    def statistics(self) -> SamplerStatistics:
        """Return the counters of all loops until now."""
        totals = self._totals
        totals.untimed, totals.flagged = self._light.untimed, self._light.flagged
        totals.freed, totals.hanging = self._abandoned.freed, self._abandoned.number
        return totals if self._native is None else totals.with_running(self._native.statistics())

    @property
    def thresholds(self) -> tuple[Watch, ...]:
        """What the counts of each channel are compared with, now or with the next block of scans."""
        return self._force.watches

    @property
    def failed_twice_in_a_minute(self) -> bool:
        """True when making the sampler anew did not help: something hung twice within the last minute. For the watchdog."""
        return len(self._hung) == 2 and asyncio.get_running_loop().time() - self._hung[0] <= TWICE_S

    @property
    def failing(self) -> str:
        """Return why making the sampler anew does not help; "" while it does, or when no loop has ever sampled in this run."""
        hangs = self.failed_twice_in_a_minute and self.statistics().counts["scans"] > 0
        return "its source hung twice in a minute" if hangs else ""

    # ------------------------------------------------------------------ the life of one loop

    async def _sample(self) -> None:
        attempts = Attempts()
        while True:
            await self._room()
            self._slots.begin(asyncio.get_running_loop().time())
            await self._one_loop()
            pause_s = attempts.pause_s(self._slots.ran_s)
            self.beat.within(pause_s, "the pause before another attempt")
            await asyncio.sleep(pause_s)
            self._totals.rebuilds += 1

    async def _room(self) -> None:
        """Wait while too much hangs in the source: one more would only hang too."""
        if self._abandoned.number >= MOST_ABANDONED:
            self._lose(Reason.SOURCE_LOST, f"{MOST_ABANDONED} attempts hang in the source: no other is made until one of them comes back")
        while self._abandoned.number >= MOST_ABANDONED:
            self.beat.within(CHECK_S, "too much hangs in the source")
            await asyncio.sleep(CHECK_S)

    async def _one_loop(self) -> None:
        """Make a loop and serve it to its end; that it ended is told before anything is taken down."""
        self._read_temperature()
        self._force = InForce(self.settings.watches(self._light.temperature_c), self._light.temperature_c)
        try:
            made = await self._open()
        except SamplerFault as fault:
            self._lose(Reason.SOURCE_LOST, str(fault))
            return
        if made is None:
            self._lose(Reason.TIMEOUT, f"the source does not open within {OPEN_S:g} s; is its driver well? See dmesg")
            return
        try:
            self._slots.begin(asyncio.get_running_loop().time())
            made.start()
            await self._serve(made)
        except SamplerFault as fault:
            self._lose(Reason.SOURCE_LOST, str(fault))
        finally:
            await self._end(made)

    async def _open(self) -> Native | None:
        """Make a loop in a thread of its own; None when that hangs. One that nobody wants any more is freed when it is there."""
        self.beat.within(OPEN_S, "opening the source")
        opening = apart(partial(self._make, self.settings, self._force.watches), "sampler-open")
        try:
            await asyncio.wait([opening], timeout=OPEN_S)
        except asyncio.CancelledError:
            self._abandoned.leave_opening(opening)
            raise
        if opening.done():
            return opening.result()
        self._abandoned.leave_opening(opening)
        self._note_hanging("opening the source of the sampler hangs and is left alone")
        return None

    async def _serve(self, made: Native) -> None:
        loop = asyncio.get_running_loop()
        self._native, self._ended = made, False
        self._scans, self._scanned = 0, loop.time()
        self._light.begin()
        loop.add_reader(made.fd, self._look)
        async with asyncio.TaskGroup() as tasks:
            captures = tasks.create_task(self._captures(made), name="captures of the sampler")
            try:
                await self._watch_over(made)
            finally:
                loop.remove_reader(made.fd)
                captures.cancel()

    async def _watch_over(self, made: Native) -> None:
        """Return when the loop has ended or takes no scans any more, and say so."""
        loop = asyncio.get_running_loop()
        while not self._ended:
            self.beat.within(CHECK_S, "sampling")
            await self._ending.wait(loop.time() + CHECK_S)
            if self._check(made, loop.time()):
                self._lose(Reason.NO_SAMPLES, "no scan comes any more")
                return
        self._lose(Reason.SOURCE_LOST, f"the source is gone: {os.strerror(made.statistics().error)}")

    async def _end(self, made: Native) -> None:
        """Stop the thread, even while being cancelled; one that hangs in its source is left alone."""
        self._native = None
        self.beat.within(END_S, "ending a loop")
        ending = apart(partial(made.end, STOP_S), "sampler-end")
        try:
            await waited(ending, END_S)
        finally:
            totals = self._totals
            self._count_outage(made.last_statistics)
            totals.add(made.last_statistics)
            totals.running = totals.real_time = totals.memory_locked = False
            if not ending.done() or ending.exception() is not None or not ending.result():
                self._abandoned.leave_ending(ending, made)
                self._note_hanging("the sampling thread hangs in its source and is left alone")

    def _count_outage(self, stats: Any) -> None:
        """Count the slots between two loops as missed, once the later one has had its first."""
        self._totals.add_outage(self._slots.see(int(stats.slots), asyncio.get_running_loop().time()))

    def _note_hanging(self, text: str) -> None:
        self._hung.append(asyncio.get_running_loop().time())
        self._totals.abandoned += 1
        log.error(text, source=self._source, hanging=self._abandoned.number)

    def _lose(self, reason: Reason, text: str) -> None:
        """Say at once that no point has a value now; a cause is logged once, until the sampler has run steadily."""
        self._windows.clear()
        if self._causes.news(text):
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
        self._ended = self._ended or (drained[-1].ended and not drained[-1].more)
        news = self._light.news(drained, loop.time())
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
        self._count_outage(stats)
        if stats.scans != self._scans:
            self._scans, self._scanned, self._cause = stats.scans, now, None
            if self._causes.runs(self._slots.ran_s):
                log.info("optical sampler runs", source=self._source, rate_hz=self.settings.rate_hz)
        self._look()  # what was gathered of a channel that flaps is told in time however long a window is
        self._tell(stats)
        if self._warms:
            self._follow_temperature(made)
        return now - self._scanned > max(SILENT_WINDOWS * self.settings.window_s, SILENT_S) + self.settings.wake_s

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
        now, temperature_c = asyncio.get_running_loop().time(), self._light.temperature_c
        watches, old = self.settings.watches(temperature_c), self._force.watches
        moves = any(moved(before, after) > MOVED_COUNTS for before, after in zip(old, watches, strict=True)) and made.watch(watches)
        self._force.put(now, watches if moves else old, temperature_c)

    async def _captures(self, made: Native) -> None:
        """Copy one capture after the other out of the loop and have it written; what comes meanwhile waits in the loop."""
        while self._keep is not None:
            await self._taken.wait()
            while (taken := made.take_capture()) is not None:
                try:
                    await self._written(made, taken, self._keep)
                except Exception:
                    self._totals.captures_failed += 1
                    log.exception("raw samples of an event are lost: their writer failed")

    async def _written(self, made: Native, taken: Any, keep: Callable[[RawCapture], Awaitable[None]]) -> None:
        """Copy a capture, described as it was at its trigger, and wait until it is written; its memory is given back before."""
        force = self._force.at(taken[0].trigger_ns / NS)
        copying = asyncio.ensure_future(asyncio.to_thread(made.copied, taken, force.watches, force.temperature_c))
        cancelled = await _finished(copying)
        made.release()
        try:
            written = keep(copying.result())
        finally:
            if cancelled:
                raise asyncio.CancelledError
        await written

    @property
    def _source(self) -> str:
        return f"{self.settings.source.kind}:{self.settings.source.where}"[:200]


def moved(old: Watch, new: Watch) -> int:
    """Return by how many counts the thresholds of a channel differ at most."""
    apart = [abs(new.lost_below - old.lost_below), abs(new.back_above - old.back_above)]
    apart += [max(abs(b.low - a.low), abs(b.high - a.high)) for a, b in zip(old.knots, new.knots, strict=False)]
    return max(apart)


async def _finished(work: asyncio.Future[Any]) -> bool:
    """Wait for the end of work that must not be torn apart, whatever its outcome; True when a cancellation came meanwhile."""
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            cancelled = True
    return cancelled
