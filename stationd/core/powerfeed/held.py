"""What a feed that holds was left at, and whether it is still so: what somebody else moves meanwhile is told once.

It writes nothing, trips nothing and leads nowhere: a person decides, and should know of it before going on. Set points are compared
as while it runs (FOREIGN). The current is compared with what it settled at: nothing here drives it any more. What was not known when
the hold began (after a failed write, or a restart) is what is shown then.
"""

from __future__ import annotations

from dataclasses import replace

from stationd.core.operation.task import Passed
from stationd.core.powerfeed.drive import Drive, Left, Scene, SetTo, amperes
from stationd.core.powerfeed.limits import changed
from stationd.core.powerfeed.profile import tenths

SETTLED_S = 5.0  # a current that stays for so long is what was left: far more than a unit's own slew from one step (assumption)


def kept(scene: Scene) -> tuple[Drive, tuple[Passed, ...]]:
    """Return what is remembered after a look at a feed that holds, and what is said of it: once in a hold, where it was moved."""
    if scene.drive.moved:
        return scene.drive, ()
    scene = replace(scene, drive=_watched(scene))
    words = _set_otherwise(scene) or _flows_otherwise(scene)
    return replace(scene.drive, moved=words), (Passed(words),) if words else ()


def _watched(scene: Scene) -> Drive:
    """Return the memory with the current that was left, once it stays, and since when it is another one."""
    drive, current_ma = _adopted(scene), scene.measured_ma
    if current_ma is None:
        return drive
    left = drive.left or Left(current_ma, scene.now)
    near = abs(current_ma - left.current_ma) <= scene.plan.deviation_ma
    if not left.settled:
        left = replace(left, settled=scene.now >= left.t + SETTLED_S) if near else Left(current_ma, scene.now)
        return replace(drive, left=left)
    since_t = None if near else scene.now if drive.deviating_t is None else drive.deviating_t
    return replace(drive, left=left, deviating_t=since_t)


def _adopted(scene: Scene) -> Drive:
    """Return the memory with the set points that were not known, as they are shown once the hold lasts."""
    drive, points = scene.drive, scene.plan.points
    if drive.pending is not None or scene.now < drive.phase_t + SETTLED_S:
        return drive
    unknown = [each for each in (points.setpoint_ma, points.voltage_setpoint_v) if each is not None and each not in drive.stands]
    shown = [(point, scene.newest(point, drive.phase_t)) for point in unknown]
    new = {
        point: SetTo(tenths(reading.value), float(reading.value), reading.t)
        for point, reading in shown
        if reading is not None and isinstance(reading.value, (int, float))
    }
    return replace(drive, stands={**drive.stands, **new}) if new else drive


def _set_otherwise(scene: Scene) -> str:
    """Return that a set point shows something else; "" if not. One whose write is not answered yet may show either value."""
    waits = None if scene.drive.pending is None else scene.drive.pending.put.target
    found = (each for each in changed(scene) if each[0] != waits)
    for point, to, shown, unit in found:
        return f"{point}: somebody else moved it: {_tenths(shown)} {unit}, left at {_tenths(to.shown)} {unit}"
    return ""


def _flows_otherwise(scene: Scene) -> str:
    """Return that another current flows, for as long as counts as a deviation; "" if not. A unit that trips has ended it by then."""
    drive = scene.drive
    if drive.left is None or drive.deviating_t is None or scene.now < drive.deviating_t + scene.plan.deviation_s:
        return ""
    point, left_ma = scene.plan.points.current_ma, drive.left.current_ma
    return f"{point}: somebody else moved it: {amperes(scene.measured_ma)}, left at {amperes(left_ma)}"


def _tenths(value: float) -> str:
    return f"{round(value, 1) + 0.0:g}"
