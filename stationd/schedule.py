"""When each block of a line is read: absolute periods, mute units apart, illegal addresses alone.

Pure: the poller brings the time and the outcomes. Decisions:

* A block is due at its origin + k x period for whole k; an overrun skips periods, it never queues them up.
* A unit that fails twice in a row is mute. It is probed after 1, 2, 4, 8, 10 s: as soon as the slack before the next block of
  a healthy unit is long enough for a time-out, and at the end of its pause in any case.
* A block that is refused for its addresses is halved until the place is found; a place that is refused three times in a row
  is read alone, after 10, 60, 600 s. (One refusal may be that of a damaged question, or of a unit that just starts.)
* A block that stays silent while its unit answers others (a feature that the unit lacks) is asked ever more rarely. One that was ever
  answered is no such feature: it was a bad line, and it is asked again as soon as a mute unit is.
* Blocks of points that gate an operation can be hastened: they are then read at least so often, on a grid with the same origin, so that
  no period is read twice. Refused places and mute units keep their pauses: a gate that is not read is a gate that is shut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stationd.core.model import PointId, Reason
from stationd.device import Block, Device
from stationd.driver import At

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 10.0)
EARLY = 0.85  # a probe may come after this share of its pause when it fits into the slack
MUTE_AFTER = 2  # failures in a row
BUSY_RETRY_S = 0.1
BUSY_RETRIES = 3
REFUSALS = 3
ILLEGAL_PAUSES_S = (10.0, 60.0, 600.0)
SILENT_PAUSES_S = (10.0, 60.0, 600.0)
PATIENCE_S = 0.01  # how soon to look again for room for a probe
FAST_S = 1.0  # blocks with this period or a shorter one go before the others

UNANSWERED = (Reason.TIMEOUT, Reason.GARBLED, Reason.CHECKSUM, Reason.MALFORMED, Reason.GATEWAY)
ILLEGAL = (Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_VALUE)


@dataclass(eq=False, slots=True)
class Task:
    """One block that is read again and again."""

    device: Device
    block: Block
    period_s: float
    due: float
    barriers: frozenset[At] = frozenset()
    failures: int = 0
    heard: bool = False  # it was answered before
    origin: float = field(init=False)
    asked: float = field(init=False)

    def __post_init__(self) -> None:
        self.origin = self.due
        self.asked = -math.inf

    def advance(self, now: float) -> None:
        """Set the next due time on the absolute grid, after `now`, which is the end of an exchange."""
        self.asked = now
        self.due = self.origin + self.period_s * (max(0.0, (now - self.origin) // self.period_s) + 1)

    def change(self, period_s: float, now: float) -> None:
        """Take another period. The grid keeps its origin; what is due or was never asked, or is put off for its silence, stays so."""
        if period_s == self.period_s:
            return
        on_grid = now < self.due <= now + self.period_s and self.asked > -math.inf
        self.period_s = period_s
        if on_grid:
            self.due = self.origin + period_s * (max(0.0, (now - self.origin) // period_s) + 1)

    @property
    def fast(self) -> bool:
        """True for blocks whose period is short."""
        return self.period_s <= FAST_S


@dataclass(slots=True)
class _Unit:
    """The health of one unit of the line."""

    failures: int = 0
    probe_from: float = 0.0
    probe_by: float = 0.0

    @property
    def mute(self) -> bool:
        return self.failures >= MUTE_AFTER

    def fail(self, now: float, cost_s: float) -> None:
        self.failures += 1
        pause = PAUSES_S[min(max(self.failures - MUTE_AFTER, 0), len(PAUSES_S) - 1)]
        self.probe_from, self.probe_by = now + EARLY * pause, now + pause - min(2.0 * cost_s + PATIENCE_S, 0.1 * pause)


@dataclass(slots=True)
class _Places:
    """What is known of the address map of one device beyond its driver's table."""

    illegal: dict[At, int] = field(default_factory=dict)  # with the number of times that it was refused alone
    barriers: set[At] = field(default_factory=set)


class Schedule:
    """The tasks of one line. `cost_s` tells how long a time-out of a block takes, `quiet_until` when it may be asked."""

    def __init__(self, devices: Iterable[Device], cost_s: Callable[[Block], float], quiet_until: Callable[[Block], float]) -> None:
        self._devices = tuple(devices)
        self._cost_s = cost_s
        self._quiet_until = quiet_until
        self._places = {device.name: _Places() for device in self._devices}
        self._units = {device.unit: _Unit() for device in self._devices}
        self._tasks: list[Task] = []
        self._hastened: frozenset[PointId] = frozenset()
        self._hastened_s = math.inf

    @property
    def blocks(self) -> int:
        """Return how many blocks the line has."""
        return len(self._tasks)

    def hasten(self, points: frozenset[PointId], every_s: float, now: float) -> None:
        """Read the blocks of these points at least every `every_s` seconds from now on, all others at their own periods."""
        self._hastened, self._hastened_s = points, every_s
        for task in self._tasks:
            task.change(self._period_s(task.device, task.block), now)

    def _period_s(self, device: Device, block: Block) -> float:
        """Return how often a block is read while its unit is well."""
        refusals = self._places[device.name].illegal.get(block.cells[0].at, 0)
        if refusals:
            return ILLEGAL_PAUSES_S[min(refusals, len(ILLEGAL_PAUSES_S)) - 1]
        hastened = any(PointId(device.name, point.name) in self._hastened for point in block.points)
        return min(block.every_s, self._hastened_s) if hastened else block.every_s

    def start(self, now: float, phase_s: float = 0.0) -> None:
        """Begin anew: every block is due at `now + phase_s`, every unit has the benefit of the doubt."""
        self._units = {device.unit: _Unit() for device in self._devices}
        self._tasks = []
        for device in self._devices:
            self._plan(device, now + phase_s)

    def next(self, now: float) -> Task | None:
        """Return the block to ask now, or None: a probe that must not wait, then what is due, then a probe that fits."""
        overdue = self._probe(now, must=True)
        if overdue is not None:
            return overdue
        due = [task for task in self._tasks if task.due <= now and not self._mute(task) and self._quiet_until(task.block) <= now]
        if due:
            return min(due, key=lambda task: (not task.fast and now - task.due < task.period_s, task.asked))
        return self._probe(now, must=False)

    def wake_at(self, now: float) -> float:
        """Return when `next` may have something, if nothing happens before."""
        healthy = [max(task.due, self._quiet_until(task.block)) for task in self._tasks if not self._mute(task)]
        probes = [unit.probe_from if now < unit.probe_from else unit.probe_by for unit in self._units.values() if unit.mute]
        return min(healthy + [max(probe, now + PATIENCE_S) for probe in probes], default=now + 1.0)

    def answered(self, task: Task, now: float) -> None:
        """Note a good answer."""
        unit = self._units[task.device.unit]
        if unit.mute:
            for other in self._tasks:
                if other.device.unit == task.device.unit and other is not task:
                    other.due = min(other.due, now)
        unit.failures = 0
        task.failures, task.heard = 0, True
        task.advance(now)
        if self._known_illegal(task):
            del self._places[task.device.name].illegal[task.block.cells[0].at]
            self._plan(task.device, now)

    def failed(self, task: Task, reason: Reason, now: float) -> bool:
        """Note a failure; True when the points of this block are to be shown as bad for good reason, not just as late."""
        task.failures += 1
        if reason in UNANSWERED:
            self._silent(task, now)
            return False
        self._units[task.device.unit].failures = 0
        if reason in ILLEGAL and len(task.block.cells) > 1:
            self._halve(task, now)
            return False
        if reason in (*ILLEGAL, Reason.ILLEGAL_FUNCTION) and (task.failures >= REFUSALS or self._known_illegal(task)):
            self._isolate(task, now)
            return True
        if reason is Reason.BUSY and task.failures <= BUSY_RETRIES:
            task.due = now + BUSY_RETRY_S
            return False
        task.advance(now)
        return reason in (Reason.DEVICE_FAILURE, Reason.REFUSED)

    # ------------------------------------------------------------------ mute units

    def mute(self, unit: int) -> bool:
        """Return True while a unit counts as mute."""
        return self._units[unit].mute

    def _mute(self, task: Task) -> bool:
        return self._units[task.device.unit].mute

    def _silent(self, task: Task, now: float) -> None:
        unit = self._units[task.device.unit]
        unit.fail(now, self._cost_s(task.block))
        if task.failures > MUTE_AFTER and not unit.mute:
            pauses_s = PAUSES_S if task.heard else SILENT_PAUSES_S
            task.due = now + pauses_s[min(task.failures - MUTE_AFTER, len(pauses_s)) - 1]
        elif task.failures == 1:
            task.due = now  # one retry as soon as a late answer can no longer be taken for the new one
        else:
            task.advance(now)

    def _probe(self, now: float, *, must: bool) -> Task | None:
        """Return a block of the mute unit that waits longest: one that `must` not wait any longer, or that fits into the slack."""
        waiting = [(unit.probe_by, address) for address, unit in self._units.items() if unit.mute and now >= unit.probe_from]
        slack = min((task.due for task in self._tasks if not self._mute(task)), default=now + 3600.0) - now
        for probe_by, address in sorted(waiting):
            own = [task for task in self._tasks if task.device.unit == address and self._quiet_until(task.block) <= now]
            task = min(own, key=lambda task: (task.failures, task.period_s, task.due), default=None)
            if task is not None and (now >= probe_by if must else slack >= self._cost_s(task.block)):
                return task
        return None

    # ------------------------------------------------------------------ illegal addresses

    def _known_illegal(self, task: Task) -> bool:
        return task.block.cells[0].at in self._places[task.device.name].illegal

    def _plan(self, device: Device, now: float) -> None:
        """Lay out the device's blocks; those that stay as they were keep their time."""
        places = self._places[device.name]
        before = {_places_of(task.block): task for task in self._tasks if task.device is device}
        self._tasks = [task for task in self._tasks if task.device is not device]
        for block in device.plan(frozenset(places.illegal), frozenset(places.barriers)):
            period_s = self._period_s(device, block)
            new = Task(device, block, period_s, now + period_s if block.cells[0].at in places.illegal else now)
            task = before.get(_places_of(block), new)
            task.change(period_s, now)
            self._tasks.append(task)

    def _halve(self, task: Task, now: float) -> None:
        first, second = task.device.split(task.block)
        barriers = task.barriers | {second.cells[0].at}
        self._places[task.device.name].barriers.update(barriers)
        self._tasks.remove(task)
        self._tasks += [Task(task.device, half, self._period_s(task.device, half), now, barriers) for half in (first, second)]

    def _isolate(self, task: Task, now: float) -> None:
        """The place is found (or the whole block is of no use): read it alone and rarely, and close the gaps again."""
        places = self._places[task.device.name]
        for cell in task.block.cells:
            places.illegal[cell.at] = places.illegal.get(cell.at, 0) + 1
        places.barriers.difference_update(task.barriers)
        self._tasks.remove(task)
        self._plan(task.device, now)


def _places_of(block: Block) -> tuple[At, ...]:
    """Return what tells one block of a device from the others."""
    return tuple(cell.at for cell in block.cells)
