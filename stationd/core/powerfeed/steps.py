"""The writes that go before and after a ramp, in their order, each read back before the next one. Only what the unit has."""

from __future__ import annotations

from stationd.core.model import PointId, Value
from stationd.core.operation.task import Electrode, Energise, Part, Put, SetPolarity
from stationd.core.powerfeed.drive import Scene

SLEW_TIMES = 2.0  # the unit's own slew is a limit on us and never the ramp: twice the rate
FOLLOWER_LIMIT = 1.05  # current limit of a follower in shares of the target: it must not hold the current while the master does


def preparing(scene: Scene, task: Energise) -> tuple[Put, ...]:
    """Return how a discharged feed is set up for this task; the output goes on last, at no current (or at no voltage)."""
    points, plan = scene.plan.points, scene.plan
    steps: list[Put] = []
    if plan.remote_writable and scene.seen.number(points.remote, scene.now) == 0:
        steps.append(Put(points.remote, True, "remote control"))
    if task.part is Part.FOLLOWER:
        _add(steps, points.voltage_setpoint_v, 0.0, "no voltage yet")
        steps.append(Put(points.setpoint_ma, round(FOLLOWER_LIMIT * task.to_ma, 1), "current limit of the follower"))
    else:
        steps.append(Put(points.setpoint_ma, 0.0, "no current yet"))
    _add(steps, points.slew_ma_per_s, SLEW_TIMES * task.rate_ma_per_s, "slew limit")
    if plan.slew_follow is not None:
        _add(steps, points.slew_mode, plan.slew_follow, "slew limit both ways")
    if task.part is not Part.FOLLOWER:
        _add(steps, points.voltage_setpoint_v, plan.max_v, "voltage limit")
    steps.append(Put(points.on, True, "output on"))
    return tuple(steps)


def slewed_s(scene: Scene) -> float:
    """Return how long the unit's own slew may take from the limit of a follower to its target (s)."""
    if not isinstance(scene.task, Energise) or scene.plan.points.slew_ma_per_s is None:
        return 0.0
    return (FOLLOWER_LIMIT - 1.0) * scene.task.to_ma / (SLEW_TIMES * scene.task.rate_ma_per_s)


def off(scene: Scene) -> Put:
    """Return the write that switches the output off at the end of a descent; a trip is an urgent one of its own."""
    return Put(scene.plan.points.on, False, "output off")


def switching(scene: Scene) -> Put | None:
    """Return the one write of a switch; None where the unit has no such switch."""
    match scene.task:
        case SetPolarity(negative=negative) if scene.plan.points.polarity_negative is not None:
            return Put(scene.plan.points.polarity_negative, negative, f"polarity {'negative' if negative else 'positive'}")
        case Electrode(on=on) if scene.plan.points.electroding is not None:
            return Put(scene.plan.points.electroding, on, f"electroding {'on' if on else 'off'}")
        case _:
            return None


def _add(steps: list[Put], point: PointId | None, value: Value, why: str) -> None:
    if point is not None:
        steps.append(Put(point, value, why))
