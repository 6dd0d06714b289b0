"""One look at a power feed: what is wrong comes first, then what the phase does, then what the table says follows from it.

Pure: from a scene to what is remembered and what is said. stationd.core.powerfeed.feed puts the shape of an executor round it.
"""

from __future__ import annotations

from dataclasses import replace

from stationd.core.model import PointId, Reason, Value, WriteDone
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Ended, Ending, Put, Said, Stopped
from stationd.core.powerfeed import entry, limits, phases
from stationd.core.powerfeed.drive import Drive, Finding, Pending, Scene, SetTo
from stationd.core.powerfeed.machine import RISING, Event, Phase, step

ENDINGS = {
    Event.STEADY: Ending.REACHED,
    Event.DISCHARGED: Ending.REACHED,
    Event.CONTRADICTED: Ending.DEVIATED,
    Event.TOO_LONG: Ending.TIMED_OUT,
    Event.LIMIT: Ending.ABORTED_BY_TRIP,
    Event.DEVICE_TRIP: Ending.ABORTED_BY_TRIP,
}
MOST_TURNS = 6  # phases that follow each other at one moment: more would be a circle in the table

Outcome = tuple[Drive, tuple[Said, ...]]


def enter(scene: Scene, way: Way) -> Outcome:
    """Begin, or go on after a hold, from what is measured now."""
    scene = replace(scene, drive=entry.adopted(scene))
    return follow(scene, entry.door(scene, way))


def look(scene: Scene, failed: Finding | None) -> Outcome:
    """Take one look; `failed` is a write of ours that was just answered with a failure."""
    scene = replace(scene, drive=limits.watched(scene))
    for finding in (*limits.troubles(scene), *((failed,) if failed is not None else ())):
        if step(scene.drive.phase, finding.event) is not scene.drive.phase:
            return follow(scene, finding)
    scene = replace(scene, drive=replace(scene.drive, looked_t=scene.now))
    if scene.drive.phase in RISING and limits.in_doubt(scene):
        return scene.drive, ()
    return _advance(scene, MOST_TURNS)


def follow(scene: Scene, finding: Finding, turns: int = MOST_TURNS) -> Outcome:
    """Take the step of the table, and what belongs to it."""
    before, after = scene.drive.phase, step(scene.drive.phase, finding.event)
    match after:
        case Phase.HELD:
            moved = finding.words if finding.event is Event.FOREIGN else scene.drive.moved
            return replace(halted(scene.drive, after, scene.now), moved=moved), (Stopped(finding.words),)
        case Phase.TRIPPED | Phase.DONE:
            off = (Put(scene.plan.points.on, False, "trip", urgent=True),) if finding.event is Event.LIMIT else ()
            return halted(scene.drive, after, scene.now), (*off, Ended(ENDINGS[finding.event], finding.words))
        case _ if after is before:
            return scene.drive, ()
    return _advance(replace(scene, drive=entry.entered(scene, after)), turns)


def halted(drive: Drive, phase: Phase, now: float) -> Drive:
    """Return the memory of a machine that does nothing more: held, or at its end."""
    return replace(drive, phase=phase, phase_t=now, steps=(), deviating_t=None, left=None)


def written(scene: Scene, done: WriteDone) -> tuple[Drive, Finding | None]:
    """Note what became of the write that is under way; of any other write nothing is known here."""
    drive, pending = scene.drive, scene.drive.pending
    if pending is None or pending.put.target != done.target or pending.put.value != done.asked:
        return drive, None
    drive = replace(drive, pending=None)
    if done.reason is not Reason.NONE:
        return replace(drive, stands=_without(drive, done.target)), Finding(Event.WRITE_FAILED, _failed(done))
    points = scene.plan.points
    if done.target in (points.setpoint_ma, points.voltage_setpoint_v):
        standing = SetTo(_number(done.asked, 0.0), _number(done.read_back, _number(done.asked, 0.0)), done.t)
        return replace(drive, stands={**drive.stands, done.target: standing}), None
    if done.target == points.on:
        return replace(drive, on_t=done.t if done.asked is True else None), None
    return replace(drive, switched_t=done.t), None


def _advance(scene: Scene, turns: int) -> Outcome:
    """Let the phase look; where it has come to its end, the next one looks at once."""
    move = phases.look(scene)
    drive, said = move.drive, () if move.passed is None else (move.passed,)
    if move.put is not None:
        return replace(drive, pending=Pending(move.put, scene.now)), (*said, move.put)
    if move.finding is None or turns == 0:
        return drive, said
    drive, more = follow(replace(scene, drive=drive), move.finding, turns - 1)
    return drive, (*said, *more)


def _without(drive: Drive, target: PointId) -> dict[PointId, SetTo]:
    """Return the set points that are still known: after a failed write nobody knows which value stands."""
    return {point: to for point, to in drive.stands.items() if point != target}


def _number(value: Value | None, otherwise: float) -> float:
    return otherwise if value is None or isinstance(value, str) else float(value)


def _failed(done: WriteDone) -> str:
    shown = "nothing was read back" if done.read_back is None else f"the unit shows {_plain(done.read_back)}"
    return f"{done.target}: asked {_plain(done.asked)}, {shown} ({done.detail or done.reason.value})"


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:g}"
