"""What the daemon knows of itself, said to the alarm desk: the journal, the disk, the clock, the broker, the sampler.

Each says once after the start how things stand, then whenever that changes. What is over as soon as it is seen (a file that was set
aside, a clock that was set, history that went) is said as having come and gone: the type's own latch or record keeps it.

Nothing here waits for the disk: how full it is is asked in another thread, and a disk that does not answer says nothing new.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path

from stationd.core.alarm.plan import SAMPLER, STATION
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.links.beat import Beat
from stationd.links.sampler import SamplerStatistics
from stationd.outputs.journal import Health, Journal, Moment, State
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.sparkplug.client import SparkplugStatistics

LOOK_S = 1.0
DISK_EVERY_S = 10.0
OPENED_S = 5.0  # after the start every port that can be opened is open (assumption: the connect time-out is 3 s)
STEPPED_S = 1.0  # a clock that moved by so much against the monotonic one was set
FULL_SHARE, FULL_BYTES = 0.05, 500 << 20  # less is free: the disk is nearly full (assumption)
ROOM = 1.2  # so many times that, and it is not any more
SLOW_S = 1.0  # a commit takes longer on average: the disk is slow (assumption)
THINNED_S = 60.0  # so long after the last reading was thinned out the outbox counts as reduced

OF_SAMPLER = frozenset({"SAMPLES-MISSED", "SAMPLER-TIME-JUMP"})
Found = tuple[str, bool | None, str]  # type of an alarm, whether it holds, and why


class OwnSignals:
    """`run` looks every second until cancelled; `post` takes the signals (Engine.post) of the alarms that are `known`.

    `space` returns how many bytes of a directory are free, and all (default: `free_space`). `rebuilt` returns which parts of the
    program were made anew lately, and why; "" while none was.
    """

    def __init__(
        self,
        post: Callable[[Sequence[Signal]], None],
        journal: Journal,
        clock: Callable[[], Moment],
        known: Container[AlarmKey],
        directory: Path,
        mqtt: MqttStatistics | None = None,
        sampler: Callable[[], SamplerStatistics] | None = None,
        buses_up: Callable[[], Mapping[str, bool]] = dict,
        opened_s: float = OPENED_S,
        space: Callable[[Path], tuple[float, float] | None] | None = None,
        sparkplug: SparkplugStatistics | None = None,
        incidents_gone: Callable[[], int] = int,
        rebuilt: Callable[[], str] = str,
    ) -> None:
        self.beat = Beat()
        self._sparkplug = sparkplug
        self._incidents_gone = incidents_gone
        self._rebuilt = rebuilt
        self._opened_s = opened_s
        self._space = space or free_space
        self._known = known
        self._sampler = sampler
        self._post = post
        self._journal = journal
        self._clock = clock
        self._mqtt = mqtt
        self._directory = directory
        self._buses_up = buses_up
        self._begun = asyncio.get_running_loop().time()
        self._said: dict[AlarmKey, tuple[bool | None, str]] = {}
        self._counted: dict[str, float] = {}
        self._ahead_s: float | None = None
        self._full: bool | None = None
        self._slow = False
        self._thinned_t = -THINNED_S
        self._told_aside = self._told_damage = 0
        self.audit: bool | None = None

    def replan(self, known: Container[AlarmKey], *, ports: bool) -> None:
        """Say of these alarms from now on; `ports`: some are opened anew, and have their time for it."""
        self._known = known
        self._said = {key: said for key, said in self._said.items() if key in known}
        if ports:
            self._begun = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_disk())
            tasks.create_task(self._check_audit())
            while True:
                self.look(self._journal.health)
                self.beat.within(LOOK_S)
                await asyncio.sleep(LOOK_S)

    def look(self, health: Health) -> None:
        """Say what has changed. Called also by the journal, at once when its state changes."""
        now = asyncio.get_running_loop().time()
        found = [(_key(name), active, why) for name, active, why in self._states(health)] + self._dead_ports(now)
        news = [each for each in found if self._said.get(each[0]) != each[1:]]
        self._said |= {key: (active, why) for key, active, why in news}
        for name, why in self._moments(health):
            news += [(_key(name), True, why), (_key(name), False, why)]
        signals = [Signal(key, active, now, note=why) for key, active, why in news if key in self._known]
        if signals:
            self._post(signals)

    def _dead_ports(self, now: float) -> list[tuple[AlarmKey, bool | None, str]]:
        """Return the ports that are open and those that are not: nothing else tells of one that could never be opened."""
        if now < self._begun + self._opened_s:
            return []
        return [(AlarmKey(name, "BUS-DOWN"), not up, "") for name, up in self._buses_up().items()]

    def _states(self, health: Health) -> Iterator[Found]:
        statistics = self._journal.statistics
        if health.state is not State.STARTING:
            memory = "" if self._journal.restored.known else "; the alarms began without what they were before the start"
            yield "STORAGE-FAILED", not health.good, "" if health.good else f"{health.reason}{memory}"
        yield "CLOCK-UNSYNC", not self._clock().synchronised, ""
        yield from self._connections(asyncio.get_running_loop().time())
        yield "TASK-REBUILT", bool(rebuilt := self._rebuilt()), rebuilt
        yield "DISK-FULL", self._full, ""
        yield "STORAGE-SLOW", self._is_slow(), ""
        now = asyncio.get_running_loop().time()
        if self._grown("thinned", statistics.trimmed.outbox.total()):
            self._thinned_t = now
        yield "OUTBOX-REDUCED", statistics.outbox_over > 0 or now < self._thinned_t + THINNED_S, ""
        if self._sampler is not None:
            yield "SAMPLES-MISSED", self._grown("missed", self._sampler().counts["missed"]), ""
        if self.audit is not None:
            yield "AUDIT", not self.audit, "the chain does not hold" if not self.audit else ""

    def _connections(self, now: float) -> Iterator[Found]:
        """Return how the connections to the broker stand; one that waits for its primary host sends nothing either."""
        if self._mqtt is not None:
            lost = self._mqtt.lost(now)
            yield "BROKER-LOST", lost, self._mqtt.reason if lost else ""
        if self._sparkplug is not None:
            lost = self._sparkplug.lost(now) or not self._sparkplug.online
            yield "SPARKPLUG-LOST", lost, (self._sparkplug.reason or "no birth was sent") if lost else ""

    def _moments(self, health: Health) -> Iterator[tuple[str, str]]:
        damage = [*health.set_aside[self._told_aside :], *health.damage[self._told_damage :]]
        self._told_aside, self._told_damage = len(health.set_aside), len(health.damage)
        statistics = self._journal.statistics
        torn = statistics.torn + self._journal.outbox.torn
        if self._grown("torn", torn) and not damage:
            damage = [f"{torn} rows since the start could not be trusted and were left out"]
        if damage:
            yield "JOURNAL-DAMAGED", "; ".join(damage)
        dropped = statistics.history_lost + statistics.history_crowded + statistics.gathered.thinned
        if self._grown("history", dropped):
            yield "HISTORY-DROPPED", f"{dropped} readings since the start"
        if self._grown("incidents", self._incidents_gone()):
            yield "INCIDENTS-DROPPED", f"{self._incidents_gone()} records since the start"
        if self._sampler is not None and self._grown("jumps", self._sampler().counts["time_jumps"]):
            yield "SAMPLER-TIME-JUMP", ""
        moment = self._clock()
        ahead_s, before_s = moment.utc_s - moment.t, self._ahead_s
        self._ahead_s = ahead_s
        if before_s is not None and abs(ahead_s - before_s) > STEPPED_S:
            yield "CLOCK-STEPPED", f"by {ahead_s - before_s:+.1f} s"

    def _is_slow(self) -> bool:
        """Return whether the commits since the last look took too long; without one it is as it was."""
        commits, seconds = sum(self._journal.statistics.commit_s.counts), self._journal.statistics.commit_s.sum_s
        commits_before, seconds_before = self._counted.get("commits", 0.0), self._counted.get("commit seconds", 0.0)
        self._counted |= {"commits": commits, "commit seconds": seconds}
        if commits > commits_before:
            self._slow = (seconds - seconds_before) / (commits - commits_before) > SLOW_S
        return self._slow

    def _grown(self, name: str, count: float) -> bool:
        """Return whether a counter has grown since the last look at it."""
        before, self._counted[name] = self._counted.get(name, 0.0), count
        return count > before

    async def _watch_disk(self) -> None:
        while True:
            free = await asyncio.to_thread(self._space, self._directory)
            if free is not None:
                self._full = _is_full(*free, was=bool(self._full))
            await asyncio.sleep(DISK_EVERY_S)

    async def _check_audit(self) -> None:
        """Walk along the chain once, as soon as the journal can be read."""
        while self.audit is None:
            verified = await self._journal.verify_audit()
            if verified is not None:
                self.audit = verified.intact
            await asyncio.sleep(LOOK_S)


def _key(name: str) -> AlarmKey:
    return AlarmKey(SAMPLER if name in OF_SAMPLER else STATION, name)


def free_space(directory: Path) -> tuple[float, float] | None:
    """Return the bytes that are free for us, and all; None where the disk does not say."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _is_full(free: float, whole: float, *, was: bool) -> bool:
    limit = min(FULL_BYTES, whole / 2) if whole else 0.0
    return free < max(limit, FULL_SHARE * whole) * (ROOM if was else 1.0)
