"""How an operation begins, goes on after a hold, and enters a phase. Always from what is measured then, never from what was meant.

After a hold, a restart or a night somebody may have changed anything at the unit. So what stands there is read and adopted, and
where going on would do more than the person was told (see `upward`), it does not.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from stationd.core.model import PointId
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Electrode, Energise, FeedTask, Part, RampTo, SetPolarity, SwitchOff
from stationd.core.powerfeed import steps
from stationd.core.powerfeed.drive import SAME_MA, Drive, Finding, Scene, SetTo, amperes, volts
from stationd.core.powerfeed.far import far_trouble, partner_done, partner_ready
from stationd.core.powerfeed.limits import most_ma, stale
from stationd.core.powerfeed.machine import Event, Phase
from stationd.core.powerfeed.phases import wants_voltage
from stationd.core.powerfeed.profile import Profile, lead_ma, tenths

TRIM_MA_PER_S = 1.0  # where both ends hold the current, 1 mA moves the split by 150 V: slow enough to be no rise (assumption)


def upward(task: FeedTask, way: Way, began_ma: float | None) -> bool | None:
    """Return whether going that way raises current or voltage; None where it does not exist. What is not known counts as upward."""
    match task:
        case Energise():
            return way is Way.RESUME
        case RampTo(to_ma=to_ma):
            rises = began_ma is None or to_ma > began_ma
            return rises if way is Way.RESUME else (False if rises and began_ma is not None else None)
        case SwitchOff() | SetPolarity():
            return False if way is Way.RESUME else None
        case Electrode(on=on):
            return on if way is Way.RESUME else None


def adopted(scene: Scene) -> Drive:
    """Return the memory of a run that starts now, with the set points that stand.

    They count as put now: the first step waits for readings of this run, so that what somebody has changed a moment ago is seen.
    """
    points, now = scene.plan.points, scene.now
    wanted = [point for point in (points.setpoint_ma, points.voltage_setpoint_v) if point is not None]
    read = [(point, _standing(scene, point)) for point in wanted]
    stands = {point: replace(standing, t=now) for point, standing in read if standing is not None}
    drive = replace(scene.drive, run_t=now, looked_t=now, stands=stands, pending=None, steps=(), deviating_t=None)
    drive = replace(drive, began_ma=_began_ma(replace(scene, drive=drive)))
    on_t = now if scene.seen.truth(points.on, now) is True else None
    return replace(drive, ceiling_ma=_ceiling_ma(replace(scene, drive=drive)), on_t=on_t)


def _ceiling_ma(scene: Scene) -> float:
    """Return the highest current that this run asks for: its target, or, on a way down, what flows already.

    What flows already is the set point too: it may have been raised at the unit since the current was read last.
    """
    down = not isinstance(scene.task, Energise) or scene.drive.back
    flows: tuple[float | None, ...] = (scene.measured_ma, scene.stands_ma) if down else ()
    return max(each for each in (scene.target_ma, *flows, 0.0) if each is not None)


def _began_ma(scene: Scene) -> float | None:
    """Return where a ramp begins: the set point that stands if the current is there, else the current. Kept over every hold."""
    stands_ma, measured_ma = scene.stands_ma, scene.measured_ma
    if scene.drive.began_ma is not None or measured_ma is None:
        return scene.drive.began_ma
    return stands_ma if stands_ma is not None and abs(stands_ma - measured_ma) <= scene.plan.deviation_ma else measured_ma


def _standing(scene: Scene, point: PointId) -> SetTo | None:
    """Return what is read of a set point, or what was put to it where that is newer."""
    known, reading = scene.drive.stands.get(point), scene.seen.last(point, scene.now)
    if reading is None or isinstance(reading.value, (str, bool)) or reading.value is None:
        return known
    if known is not None and (known.t >= reading.t or abs(known.shown - reading.value) <= SAME_MA / 2):
        return known
    value = float(reading.value)
    return SetTo(tenths(value), value, reading.t)


def door(scene: Scene, way: Way) -> Finding:
    """Return by which event the operation begins or goes on; UNFIT, STALE or of the far end where it must not."""
    if isinstance(scene.task, SetPolarity | Electrode):
        return _switch_door(scene)
    trouble = next(chain(stale(scene), far_trouble(scene)), None)
    if trouble is not None:
        return trouble
    if scene.seen.truth(scene.plan.points.fault, scene.now) is True and not scene.leaving:
        return Finding(Event.UNFIT, f"{scene.plan.points.fault} reports a fault of the unit")
    on = scene.seen.truth(scene.plan.points.on, scene.now)
    if on is None:
        return Finding(Event.UNFIT, f"{scene.plan.points.on} is not known by two readings")
    match scene.task:
        case Energise() if not scene.drive.back:
            return _energise_door(scene, scene.task, on=on)
        case RampTo():
            return _ramp_door(scene, way, on=on)
        case _:
            return Finding(Event.DESCEND if on else Event.DISCHARGE, "")


def _energise_door(scene: Scene, task: Energise, *, on: bool) -> Finding:
    if task.part is Part.FOLLOWER and (scene.plan.cable is None or scene.plan.points.voltage_setpoint_v is None):
        return Finding(Event.UNFIT, f"{scene.plan.device} cannot follow: it has no cable in the file, or no voltage set point")
    if not on:
        return _cold(scene)
    if scene.drive.phase is Phase.IDLE:
        return Finding(Event.UNFIT, f"{scene.plan.points.on} reads on already")
    if scene.measured_ma is not None and scene.measured_ma > most_ma(scene, task.to_ma):
        return Finding(Event.UNFIT, f"{amperes(scene.measured_ma)} flow, more than {amperes(task.to_ma)} and what that may be off by")
    if task.part is Part.SINGLE:
        return Finding(Event.RAMP, "")
    there = scene.holds_current and (partner_ready(scene) or partner_done(scene))
    return Finding(Event.SETTLE if there else Event.AWAIT, "")


def _cold(scene: Scene) -> Finding:
    """Only a discharged feed is set up and switched on."""
    voltage_v, current_ma = scene.voltage_v, scene.measured_ma
    if voltage_v is None or current_ma is None or abs(voltage_v) > scene.plan.discharged_v or current_ma > scene.idle_ma:
        return Finding(Event.UNFIT, f"not discharged: {volts(voltage_v)}, {amperes(current_ma)}")
    return Finding(Event.PREPARE, "")


def _ramp_door(scene: Scene, way: Way, *, on: bool) -> Finding:
    target_ma, stands_ma, measured_ma = scene.target_ma, scene.stands_ma, scene.measured_ma
    if not on or target_ma is None or stands_ma is None or measured_ma is None:
        return Finding(Event.UNFIT, f"{scene.plan.points.on} reads {'on' if on else 'off'}, the set point is {amperes(stands_ma)}")
    if not upward(scene.task, way, scene.drive.began_ma) and target_ma > min(stands_ma, measured_ma + scene.plan.deviation_ma) + SAME_MA:
        return Finding(Event.UNFIT, f"from {amperes(stands_ma)} it would go up to {amperes(target_ma)}, which was not asked for")
    if scene.far_on and abs(target_ma - stands_ma) > scene.plan.trim_ma + SAME_MA:
        return Finding(Event.UNFIT, f"both ends feed: more than {scene.plan.trim_ma:g} mA would move the split of voltage")
    return Finding(Event.RAMP, "")


def _switch_door(scene: Scene) -> Finding:
    points = scene.plan.points
    if steps.switching(scene) is None:
        return Finding(Event.UNFIT, f"{scene.plan.device} has no such switch")
    if isinstance(scene.task, Electrode):
        return Finding(Event.SWITCH, "")
    if scene.seen.truth(points.on, scene.now) is not False:
        return Finding(Event.UNFIT, f"{points.on} does not read off")
    cold = _cold(scene)
    return cold if cold.event is Event.UNFIT else Finding(Event.SWITCH, "")


def entered(scene: Scene, phase: Phase) -> Drive:
    """Return the memory with which a phase begins."""
    drive = replace(scene.drive, phase=phase, phase_t=scene.now, deviating_t=None, agreed=None, steady_t=None, spread_v=None)
    drive = replace(drive, left=None, moved="")
    match phase:
        case Phase.PREPARING if isinstance(scene.task, Energise):
            return replace(drive, steps=steps.preparing(scene, scene.task))
        case Phase.RAMPING:
            return replace(drive, profile=_profile(scene), hold_points=_hold_points(scene))
        case Phase.DESCENDING:
            return replace(drive, profile=_profile(scene), by_voltage=wants_voltage(scene))
        case Phase.SWITCHING_OFF:
            return replace(drive, steps=(steps.off(scene),))
        case Phase.SWITCHING:
            put = steps.switching(scene)
            return replace(drive, steps=() if put is None else (put,), switched_t=None)
        case _:
            return drive


def _profile(scene: Scene) -> Profile:
    """Return the profile from the lower of what is measured and what stands: nothing in between is ever skipped."""
    rate = _rate(scene)
    known = [each for each in (scene.stands_ma, scene.measured_ma) if each is not None]
    pace = min(rate, TRIM_MA_PER_S) if isinstance(scene.task, RampTo) and scene.far_on else rate
    return Profile(max(0.0, min(known, default=0.0)), scene.now, pace, lead_ma(pace, scene.plan.deviation_ma))


def _rate(scene: Scene) -> float:
    match scene.task:
        case RampTo(rate_ma_per_s=rate) | SwitchOff(rate_ma_per_s=rate):
            down = isinstance(scene.task, RampTo) and scene.drive.back
        case Energise(rate_ma_per_s=rate):
            down = scene.drive.back
        case _:
            return 0.0
    return scene.plan.ramp_down_ma_per_s if down else rate


def _hold_points(scene: Scene) -> tuple[float, ...]:
    """Return the currents at which an upward ramp waits: those between the set point that stands and the target."""
    stands_ma, target_ma = scene.stands_ma, scene.target_ma
    if stands_ma is None or target_ma is None or target_ma <= stands_ma:
        return ()
    shares = sorted(tenths(share * target_ma) for share in scene.plan.hold_shares)
    return tuple(each for each in shares if stands_ma < each < target_ma)
