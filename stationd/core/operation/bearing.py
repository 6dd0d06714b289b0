"""Which critical alarms bear on an operation: a new one takes it back while it is selected, and holds it while it runs.

Theory. An alarm is a reason to stop what raises current, voltage or light where that goes, and none to stop what brings it down: the
way down is the safe one, and in the night in which everything is wrong it is the only one left beside EMERGENCY-OFF. What bears on a
power feed is told by the feed itself, by the units that its permissives and its earth switch are read from, by the line and by the
station; on an amplifier, by the unit, its permissives, the taps of its fibre pair, and the station. A fire or an emergency stop bears
on everything, whichever contact tells it. Fibres and amplifiers say nothing about a feed: they are dark while repeaters are.

What a running operation brings about by itself does not stop it: see `explains`. Which alarms there are is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable

from stationd.core.alarm.plan import LINE, STATION
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import AlarmRecord
from stationd.core.model import PointId
from stationd.core.operation.case import Case, lowers
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import AmplifierTask, Bypass, RemoveHold, Task

OPERATION = AlarmKey(STATION, "OPERATION")
EVERYWHERE = frozenset({"FIRE", "EMERGENCY-STOP"})  # people are in danger, or have said so with their hands

# Critical alarms that an operation brings about by itself and is not stopped by: a line that is being fed or run down is under its
# band, an output that is switched off is off, and fibres are dark while repeaters or pumps have no power.
DARK = frozenset({"LIGHT-LOST", "LOSS-OF-LIGHT", "LINE-DOWN"})
OF_FEEDING = DARK | {"LINE-UNDER-CURRENT", "LINE-UNDER-CURRENT-LIMIT", "LINE-UNDER-VOLTAGE", "FEED-OFF"}


def explains(task: Task, alarm: AlarmRecord) -> bool:
    """Return whether an operation brings this alarm about by itself while it runs."""
    if alarm.cause == OPERATION:
        return True
    return alarm.key.type in (DARK if isinstance(task, AmplifierTask) else OF_FEEDING)


def bears(case: Case, alarm: AlarmKey) -> bool:
    """Return whether a critical alarm is a reason against what this case is about, the way that it goes."""
    if lowers(case):
        return False
    return alarm.type in EVERYWHERE or alarm.resource in resources(case.plan, case.object, case.task)


def resources(plan: ActingPlan, name: str, task: Task) -> frozenset[str]:
    """Return whose alarms bear on a task: names of units, and of the station and the line as resources of alarms."""
    match task:
        case RemoveHold():
            return frozenset({STATION, LINE})
        case Bypass(interlock):
            return frozenset({STATION, interlock.device}).union(*(_of(plan, each) for each in plan.interlocks().get(interlock, ())))
        case _:
            return _of(plan, name) | {STATION}


def _of(plan: ActingPlan, device: str) -> frozenset[str]:
    feed, amplifier = plan.feeds.get(device), plan.amplifiers.get(device)
    if feed is not None:
        return _devices((*feed.interlocks, feed.points.earthed)) | {device, LINE}
    taps = frozenset(amplifier.taps) if amplifier is not None else frozenset()
    return taps | {device} | _devices(amplifier.interlocks if amplifier is not None else ())


def _devices(points: Iterable[PointId | None]) -> frozenset[str]:
    return frozenset(point.device for point in points if point is not None)
