"""What each phase looks at and does: one function for each phase, from a scene to a move. The table decides what follows from it.

A phase writes only by `Move.put`, and only while nothing else is under way. A step needs a current that was measured, and a set
point that was read, after the last one was confirmed: what was measured before says nothing of it, and what somebody else has set
meanwhile must never be written over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from stationd.core.line.cable import line_v
from stationd.core.model import PointId, Reading
from stationd.core.operation.task import Energise, Part, Passed, Put, RampTo
from stationd.core.powerfeed import follower, steps
from stationd.core.powerfeed.drive import Agreed, Drive, Finding, Scene, amperes, volts
from stationd.core.powerfeed.far import NOMINAL_SHARE, far_name, partner_done, partner_ready
from stationd.core.powerfeed.limits import unfit
from stationd.core.powerfeed.machine import Event, Phase

STUCK_S = 10.0  # a set point that cannot go on for so long, because the current does not follow (assumption)
CHECK_S = 10.0  # what a hold point may take; meters and the line settle in about 1 s (assumption)
SETTLE_MOST_S = 60.0  # what never settles is not what was asked for (assumption)
AWAIT_S = 180.0  # people at the other end may take as long as an armed operation waits for its second person
SLEW_MORE_S = 1.0  # after the time that a slew takes by itself: the unit begins when it likes (assumption)
NOMINAL_S = 3.0  # the follower hands over when the current is there for so long: several looks
VERIFY_S = 2.0  # a switch is read again for so long before it counts
SWITCH_S = 10.0  # and must have shown itself by then (assumption: contacts are polled once a second)
STEADY_SHARE, STEADY_V = 0.01, 1.0  # two voltages that count as the same where no cable says what is right (assumption)
SPLIT_V = 30.0  # a split of voltage between two ends that stays within this is steady: 0.2 mA between them (assumption)


@dataclass(frozen=True, slots=True)
class Move:
    """What a phase wants: its memory after the look, a write, an event for the table, a line for the audit."""

    drive: Drive
    put: Put | None = None
    finding: Finding | None = None
    passed: Passed | None = None


def _preparing(scene: Scene) -> Move:
    move = _next_step(scene)
    if move is not None:
        return move
    event = Event.RAMP if scene.part is Part.SINGLE else Event.AWAIT
    return Move(scene.drive, finding=Finding(event, ""), passed=Passed("output on, set up and read back"))


def _next_step(scene: Scene) -> Move | None:
    """Return the next write of a row of steps, or the wait for the last one; None when all are done."""
    drive = scene.drive
    if drive.pending is not None:
        return Move(drive)
    if drive.steps:
        return Move(replace(drive, steps=drive.steps[1:]), drive.steps[0])
    return None


def _awaiting(scene: Scene) -> Move:
    if partner_ready(scene) or partner_done(scene):
        return Move(scene.drive, finding=Finding(Event.RAMP if scene.part is Part.MASTER else Event.FOLLOW, ""))
    if scene.now >= scene.drive.phase_t + AWAIT_S:
        return _too_long(scene, f"the other end did not come within {AWAIT_S:.0f} s")
    return Move(scene.drive)


def _ramping(scene: Scene) -> Move:
    drive, stands_ma, target_ma = scene.drive, scene.stands_ma, scene.target_ma
    if drive.pending is not None or stands_ma is None or target_ma is None or drive.profile is None:
        return Move(drive)
    if drive.hold_points and stands_ma == drive.hold_points[0]:
        return Move(replace(drive, hold_points=drive.hold_points[1:]), finding=Finding(Event.AT_HOLD_POINT, ""))
    if stands_ma == target_ma:
        return Move(drive, finding=Finding(Event.AT_TARGET, ""))
    return _step(scene, min((*drive.hold_points[:1], target_ma)) if target_ma > stands_ma else target_ma)


def _step(scene: Scene, stop_ma: float) -> Move:
    """Return the next set point toward `stop_ma`, if the newest current allows for one."""
    drive, measured, stands_ma = scene.drive, _current_after_put(scene), scene.stands_ma
    if measured is None or drive.profile is None or stands_ma is None or not _shown_again(scene, scene.plan.points.setpoint_ma):
        return _stuck(scene)
    value = drive.profile.toward(stop_ma, stands_ma, measured, scene.now)
    if value is None:
        return _stuck(scene)
    trouble = unfit(scene, value) if value > stands_ma else None
    if trouble is not None:
        return Move(drive, finding=trouble)
    put = Put(scene.plan.points.setpoint_ma, value, "ramp" if scene.drive.phase is Phase.RAMPING else "ramp down")
    return Move(replace(drive, profile=drive.profile.sent(value, scene.now)), put)


def _stuck(scene: Scene) -> Move:
    profile = scene.drive.profile
    if profile is None or scene.now < profile.from_t + STUCK_S:
        return Move(scene.drive)
    words = f"{amperes(scene.measured_ma)} does not follow the set point of {amperes(scene.stands_ma)}"
    return _too_long(scene, f"{words} for {STUCK_S:.0f} s")


def _checking(scene: Scene) -> Move:
    """Wait at a hold point until two looks, each with a current and a voltage of its own, are those of a sound line."""
    drive, now_agreed = scene.drive, _agrees(scene)
    if now_agreed is not None and drive.agreed is not None and _newer(now_agreed, drive.agreed) and _same_or_modelled(scene, now_agreed):
        words = f"hold point {amperes(scene.stands_ma)} passed: {_voltages(scene)}"
        return Move(drive, finding=Finding(Event.MODEL_AGREES, ""), passed=Passed(words))
    if scene.now >= drive.phase_t + CHECK_S:
        return _too_long(scene, f"hold point {amperes(scene.stands_ma)}: {amperes(scene.measured_ma)}, {_voltages(scene)}")
    if now_agreed is None or drive.agreed is None or _newer(now_agreed, drive.agreed):
        return Move(replace(drive, agreed=now_agreed))
    return Move(drive)


def _newer(after: Agreed, before: Agreed) -> bool:
    return after.current_t > before.current_t and after.voltage_t > before.voltage_t


def _same_or_modelled(scene: Scene, now_agreed: Agreed) -> bool:
    """Return True where the model speaks for the voltage; without a cable it must be what it was at the look before."""
    if scene.plan.cable is not None or scene.drive.agreed is None:
        return True
    before_v, after_v = scene.drive.agreed.whole_v, now_agreed.whole_v
    return abs(after_v - before_v) <= STEADY_SHARE * abs(after_v) + STEADY_V


def _agrees(scene: Scene) -> Agreed | None:
    """Return the look if current and voltage are those of a sound line; None too while they are not known."""
    since_t = scene.since_put(scene.plan.points.setpoint_ma)
    current, own = scene.newest(scene.plan.points.current_ma, since_t), scene.newest(scene.plan.points.voltage_v, since_t)
    whole_v, current_ma, stands_ma = _whole_v(scene), scene.measured_ma, scene.stands_ma
    if current is None or own is None or whole_v is None or current_ma is None or stands_ma is None:
        return None
    if abs(current_ma - stands_ma) > scene.plan.deviation_ma or not _sound(scene, whole_v, current_ma):
        return None
    return Agreed(current.t, own.t, whole_v)


def _sound(scene: Scene, whole_v: float, current_ma: float) -> bool:
    cable, plan = scene.plan.cable, scene.plan
    if cable is None:
        return True
    model_v = line_v(cable, current_ma / 1000)
    return abs(whole_v - model_v) <= plan.model_share * model_v + plan.earth_v_per_km * cable.length_km


def _whole_v(scene: Scene) -> float | None:
    """Return the voltage that the line takes: of this end alone, or of both. None while that is not known."""
    own_v = scene.voltage_v
    if scene.part is Part.SINGLE and not scene.plan.far_expected and scene.seen.far is None:
        return own_v
    if own_v is None or scene.far is None or scene.far.on is None:
        return None
    if not scene.far_on:
        return own_v
    return None if scene.far_v is None else own_v + scene.far_v


def _voltages(scene: Scene) -> str:
    cable, current_ma, far_on = scene.plan.cable, scene.measured_ma, scene.far_on
    words = f"{signed(scene)}" + (f" here and {volts(scene.far_v)} at the far end" if far_on else "")
    return words if cable is None or current_ma is None else f"{words}, model {line_v(cable, current_ma / 1000):.0f} V"


def _settling(scene: Scene) -> Move:
    drive = scene.drive
    if drive.pending is not None:
        return Move(drive)
    drive = _steady(scene) if _settled(scene) else replace(drive, steady_t=None, spread_v=None)
    if drive.steady_t is not None and scene.now >= drive.steady_t + scene.plan.settle_s:
        back = "back: " if drive.back else ""
        words = f"{back}{amperes(scene.measured_ma)}, {signed(scene)}, stable {scene.plan.settle_s:g} s"
        return Move(drive, finding=Finding(Event.STEADY, words))
    if scene.now >= drive.phase_t + SETTLE_MOST_S:
        words = f"not steady for {SETTLE_MOST_S:.0f} s: {amperes(scene.measured_ma)}, {signed(scene)}"
        return _too_long(replace(scene, drive=drive), words)
    return Move(drive)


def _settled(scene: Scene) -> bool:
    """Return whether the current is within its band, and the unit has shown the set point in a reading of its own."""
    measured_ma, stands_ma = _current_after_put(scene), scene.stands_ma
    if measured_ma is None or stands_ma is None or scene.voltage_v is None or not _shown_again(scene, scene.plan.points.setpoint_ma):
        return False
    return abs(measured_ma - stands_ma) <= scene.plan.deviation_ma


def _steady(scene: Scene) -> Drive:
    """Return the memory of how long all was steady. Where both ends hold the current, the split must stay where it is too."""
    drive, voltage_v = scene.drive, scene.voltage_v or 0.0
    low_v, high_v = drive.spread_v or (voltage_v, voltage_v)
    low_v, high_v = min(low_v, voltage_v), max(high_v, voltage_v)
    if drive.steady_t is None or (scene.far_on and high_v - low_v > SPLIT_V):
        return replace(drive, steady_t=scene.now, spread_v=(voltage_v, voltage_v))
    return replace(drive, spread_v=(low_v, high_v))


def _following(scene: Scene) -> Move:
    """Carry half of what the line needs at the current that is measured, until that is nominal for some seconds."""
    drive, plan, measured_ma = _nominal_since(scene), scene.plan, scene.measured_ma
    if drive.pending is not None or plan.cable is None or plan.points.voltage_setpoint_v is None:
        return Move(drive)
    if scene.holds_current:  # it had handed over before it was held
        return Move(drive, finding=Finding(Event.NOMINAL, ""))
    if drive.steady_t is not None and scene.now >= drive.steady_t + NOMINAL_S:
        return Move(drive, finding=Finding(Event.NOMINAL, ""), passed=Passed(f"{amperes(measured_ma)}: holds the current from here on"))
    stands_v = scene.put_to(plan.points.voltage_setpoint_v)
    measured = scene.newest(plan.points.current_ma, scene.since_put(plan.points.voltage_setpoint_v))
    if measured is None or measured_ma is None or stands_v is None or not _shown_again(scene, plan.points.voltage_setpoint_v):
        return Move(drive)
    trouble = unfit(scene, _next_ma(scene, measured_ma))
    if trouble is not None:
        return Move(drive, finding=trouble)
    next_v = follower.share_v(plan.cable, measured_ma, stands_v, plan.max_v)
    return Move(drive) if next_v is None else Move(drive, Put(plan.points.voltage_setpoint_v, next_v, "half of the line"))


def _nominal_since(scene: Scene) -> Drive:
    measured_ma, target_ma, drive = scene.measured_ma, scene.target_ma, scene.drive
    if measured_ma is None or target_ma is None or measured_ma < NOMINAL_SHARE * target_ma:
        return replace(drive, steady_t=None)
    return drive if drive.steady_t is not None else replace(drive, steady_t=scene.now)


def _next_ma(scene: Scene, measured_ma: float) -> float:
    """Return what the current may be at the next look: a second of the master's rate more."""
    rate = scene.task.rate_ma_per_s if isinstance(scene.task, Energise) else 0.0
    return min(measured_ma + rate, max(measured_ma, scene.target_ma or 0.0))


def _handing_over(scene: Scene) -> Move:
    """Hold the current from now on: the limit comes down to the target, then the voltage is let go. See follower."""
    drive, plan, stands_ma, target_ma = scene.drive, scene.plan, scene.stands_ma, scene.target_ma
    point, stands_v = plan.points.voltage_setpoint_v, scene.put_to(plan.points.voltage_setpoint_v)
    if drive.pending is not None:
        return Move(drive)
    most_s = SETTLE_MOST_S + steps.slewed_s(scene)
    if point is None or stands_v is None or stands_ma is None or target_ma is None or scene.now >= drive.phase_t + most_s:
        return _too_long(scene, f"not handed over within {most_s:.0f} s: {volts(scene.voltage_v)}, {amperes(scene.measured_ma)}")
    if stands_v >= plan.max_v:
        return Move(drive, finding=Finding(Event.HANDED_OVER, ""))
    since_t = _slewed_t(scene, point, stands_ma - target_ma)
    pair_v, share_v = scene.numbers(plan.points.voltage_v, since_t), _share_v(scene)
    if pair_v is None or share_v is None or not (_shown_again(scene, point) and _shown_again(scene, plan.points.setpoint_ma)):
        return Move(drive)
    if abs(pair_v[1] - share_v) > follower.APART_V:
        words = f"{volts(pair_v[1])} is {pair_v[1] - share_v:+.0f} V from half of the line: the set currents of both ends differ"
        return Move(drive, finding=Finding(Event.UNFIT, words))
    limit_ma = follower.next_limit_ma(stands_ma, target_ma)
    if limit_ma is not None:
        return Move(drive, Put(plan.points.setpoint_ma, limit_ma, "holds the current now"))
    regulation = scene.newest(plan.points.regulation, since_t)
    free = max(pair_v) < stands_v - follower.FREE_V and (regulation is None or regulation.value != "cv")
    return Move(drive, Put(point, follower.lets_go_v(stands_v, plan.max_v, free=free), "lets the voltage go"))


def _slewed_t(scene: Scene, point: PointId, above_ma: float) -> float:
    """Return since when both set points are where they were put: the long way of the current limit takes the unit's slew its time."""
    confirmed_t = scene.since_put(scene.plan.points.setpoint_ma) or scene.drive.phase_t
    slew_s = steps.slewed_s(scene) + SLEW_MORE_S if above_ma >= follower.NEAR_MA else 0.0
    return max(confirmed_t + slew_s, scene.since_put(point) or confirmed_t)


def _share_v(scene: Scene) -> float | None:
    """Return half of what the line takes at the current that is measured."""
    cable, measured_ma = scene.plan.cable, scene.measured_ma
    return None if cable is None or measured_ma is None else line_v(cable, measured_ma / 1000) / 2


def _descending(scene: Scene) -> Move:
    drive, measured_ma, voltage_v = scene.drive, scene.measured_ma, scene.voltage_v
    if drive.pending is not None or measured_ma is None or voltage_v is None:
        return Move(drive)
    if measured_ma <= scene.idle_ma or (scene.far_on and voltage_v <= scene.plan.discharged_v):
        return Move(drive, finding=Finding(Event.LOW, ""))
    move = _give_voltage(scene) if drive.by_voltage else _step(scene, 0.0)
    at_its_end = move.finding is not None and (scene.far_on or scene.stands_ma == 0.0)
    return Move(drive, finding=Finding(Event.LOW, "")) if at_its_end else move


def _give_voltage(scene: Scene) -> Move:
    point, profile = scene.plan.points.voltage_setpoint_v, scene.drive.profile
    if point is None or profile is None or scene.voltage_v is None or not _shown_again(scene, point):
        return _stuck(scene)
    stands_v = scene.put_to(point)
    measured = scene.newest(scene.plan.points.voltage_v, scene.since_put(point))
    next_v = None if measured is None or stands_v is None else follower.leaving_v(scene.voltage_v, stands_v)
    if next_v is None:
        return _stuck(scene)
    return Move(replace(scene.drive, profile=replace(profile, from_t=scene.now)), Put(point, next_v, "leaves by its voltage"))


def _switching_off(scene: Scene) -> Move:
    drive = scene.drive
    if drive.pending is not None:
        return Move(drive)
    if drive.steps:
        return Move(replace(drive, steps=(), on_t=None), drive.steps[0])
    return Move(drive, finding=Finding(Event.IS_OFF, ""), passed=Passed(f"output off at {amperes(scene.measured_ma)}"))


def _discharging(scene: Scene) -> Move:
    """Look until two readings prove that nothing of this end is left, or the time for that is over."""
    drive, plan = scene.drive, scene.plan
    pair_v = scene.numbers(plan.points.voltage_v, drive.phase_t)
    off = scene.seen.truth(plan.points.on, scene.now) is False
    no_current = scene.far_on or (scene.measured_ma is not None and scene.measured_ma <= scene.idle_ma)
    if off and no_current and pair_v is not None and max(abs(each) for each in pair_v) <= plan.discharged_v:
        words = _alive(scene) if scene.far_on else f"discharged, {signed(scene)}"
        return Move(drive, finding=Finding(Event.DISCHARGED, f"{'back: ' if drive.back else ''}{words}"))
    if scene.now < drive.phase_t + plan.discharge_s:
        return Move(drive)
    words = "voltage not known" if scene.voltage_v is None else f"still {signed(scene)}, {amperes(scene.measured_ma)}"
    return _too_long(scene, f"{words}{'' if off else ', output does not read off'}: NOT DISCHARGED")


def _alive(scene: Scene) -> str:
    """Return that nothing is left of this end alone: the far end feeds the line through it."""
    feeds = "an unknown voltage" if scene.far_v is None else f"{scene.far_v:.0f} V"
    return f"output off; the line is ALIVE: {amperes(scene.measured_ma)}, {far_name(scene)} feeds {feeds}"


def _switching(scene: Scene) -> Move:
    """One write, read back, and then read again for some seconds."""
    drive, put = scene.drive, steps.switching(scene)
    if put is None or drive.pending is not None:
        return Move(drive)
    if drive.steps:
        return Move(replace(drive, steps=()), drive.steps[0])
    reading = scene.newest(put.target, drive.switched_t)
    if reading is not None and reading.value != put.value:
        return Move(drive, finding=Finding(Event.CONTRADICTED, f"{put.target} reads {_shown(reading)} again, wanted {put.why}"))
    verified = drive.switched_t is not None and scene.now >= drive.switched_t + VERIFY_S
    if verified and scene.both(put.target, drive.switched_t) == (put.value, put.value):
        return Move(drive, finding=Finding(Event.STEADY, f"{put.why}, read back for {VERIFY_S:g} s"))
    if scene.now >= drive.phase_t + SWITCH_S:
        return _too_long(scene, f"{put.target} was written but not read again for {SWITCH_S:.0f} s")
    return Move(drive)


def _shown(reading: Reading) -> str:
    return {True: "on", False: "off"}.get(reading.value, str(reading.value)) if isinstance(reading.value, bool) else str(reading.value)


def _current_after_put(scene: Scene) -> float | None:
    """Return the current if it was measured after the last set point was confirmed."""
    since_t = scene.since_put(scene.plan.points.setpoint_ma)
    return scene.measured_ma if scene.newest(scene.plan.points.current_ma, since_t) is not None else None


def _shown_again(scene: Scene, point: PointId) -> bool:
    """Return whether a set point was read anew since it was confirmed; one that is not what was put has held before this."""
    return scene.newest(point, scene.since_put(point)) is not None


def signed(scene: Scene) -> str:
    """Return this end's voltage with the sign of its polarity."""
    return volts(scene.voltage_v, negative=scene.seen.truth(scene.plan.points.polarity_negative, scene.now) is True)


def _too_long(scene: Scene, words: str) -> Move:
    return Move(scene.drive, finding=Finding(Event.TOO_LONG, words))


def wants_voltage(scene: Scene) -> bool:
    """Return whether a feed that leaves goes by its voltage: the far end stays and holds the current.

    One that holds its voltage does not: then the current is ours alone, and goes down at its own rate.
    """
    if scene.far is None or not scene.far_on or scene.far.regulation == "cv":
        return False
    return scene.plan.points.voltage_setpoint_v is not None and not isinstance(scene.task, RampTo)


LOOKS: Mapping[Phase, Callable[[Scene], Move]] = {
    Phase.PREPARING: _preparing,
    Phase.AWAITING: _awaiting,
    Phase.RAMPING: _ramping,
    Phase.CHECKING: _checking,
    Phase.SETTLING: _settling,
    Phase.FOLLOWING: _following,
    Phase.HANDING_OVER: _handing_over,
    Phase.DESCENDING: _descending,
    Phase.SWITCHING_OFF: _switching_off,
    Phase.DISCHARGING: _discharging,
    Phase.SWITCHING: _switching,
}


def look(scene: Scene) -> Move:
    """Return what the phase does now. HELD and the ends do nothing."""
    return LOOKS[scene.drive.phase](scene) if scene.drive.phase in LOOKS else Move(scene.drive)
