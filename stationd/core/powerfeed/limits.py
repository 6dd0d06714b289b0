"""What can be wrong while a power feed is being moved, as findings for the table, gravest first. It decides nothing and writes nothing.

Two rules shape it. What is unsure *holds*, and one look is enough for that: a missing or bad reading, a
deviation, a voltage at its limit. What *trips* needs two fresh, different, good readings that are both beyond a limit of this
operation (in steady feed there is no operation, so there is no trip of ours). Numbers without a source are marked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stationd.core.line.cable import line_v
from stationd.core.model import PointId
from stationd.core.operation.task import Electrode, Part, SetPolarity
from stationd.core.powerfeed.drive import SAME_MA, SAME_V, Drive, Finding, Scene, SetTo, amperes, volts
from stationd.core.powerfeed.far import far_trouble
from stationd.core.powerfeed.machine import Event, Phase
from stationd.core.powerfeed.words import FRESH_S, GATE_EVERY_S

OVER_SHARE = 0.02  # over the highest current asked for, where a warning of over-current belongs (assumption)
OVER_DEVIATIONS = 2.0  # but always well above what holds: an overshoot is to hold, not to trip (assumption)
NO_FOLLOW_V, NO_FOLLOW_SHARE = 30.0, 0.05  # a voltage that is further from its set point does not follow (assumption: a step and noise)
ANSWER_S = 10.0  # a write of which nothing is heard for so long will not be heard of (assumption; a bus gives up in seconds)

IN_CURRENT = frozenset({Phase.RAMPING, Phase.CHECKING, Phase.SETTLING, Phase.DESCENDING})


def troubles(scene: Scene) -> Iterator[Finding]:
    """Yield everything that is wrong now, the gravest first."""
    if isinstance(scene.task, SetPolarity | Electrode):
        yield from _waited(scene)
        return
    yield from _beyond(scene)
    yield from device_trip(scene)
    yield from _waited(scene)
    yield from _gap(scene)
    yield from stale(scene)
    yield from far_trouble(scene)
    yield from _foreign(scene)
    yield from _deviation(scene)
    yield from _rise(scene)
    yield from _at_limit(scene)


def device_trip(scene: Scene) -> Iterator[Finding]:
    """Yield a unit that has switched itself off, or reports a fault, on two readings, though nothing of ours asked for it.

    A fault does not keep a feed from being switched off: then only the output itself tells of a trip.
    """
    points, drive = scene.plan.points, scene.drive
    if scene.seen.truth(points.fault, scene.now) is True and not scene.leaving:
        yield Finding(Event.DEVICE_TRIP, f"{points.fault} reports a fault of the unit{_open(scene)}")
    elif drive.on_t is not None and scene.both(points.on, drive.on_t) == (False, False):
        yield Finding(Event.DEVICE_TRIP, f"{points.on} reads off, which nothing here asked for{_open(scene)}")


def _open(scene: Scene) -> str:
    """Return what the interlocks read that are not closed, to be added to a sentence: the likely reason."""
    read = ((point, scene.seen.number(point, scene.now)) for point in scene.plan.interlocks)
    return "".join(f"; {point} is {'not known' if value is None else 'open'}" for point, value in read if not value)


def in_doubt(scene: Scene) -> bool:
    """Return whether one reading speaks of a trip or of a limit: until a second one decides, nothing is raised."""
    points, drive, plan = scene.plan.points, scene.drive, scene.plan
    on, voltage_v, current_ma = scene.newest(points.on, drive.on_t), scene.voltage_v, scene.measured_ma
    off = drive.on_t is not None and on is not None and on.value is False
    high = voltage_v is not None and voltage_v > plan.max_v
    much = current_ma is not None and drive.ceiling_ma is not None and current_ma > most_ma(scene, drive.ceiling_ma)
    return off or high or much or scene.seen.number(points.fault, scene.now) == 1


def most_ma(scene: Scene, ceiling_ma: float) -> float:
    """Return the current above which a run that asks for so much (mA) is beyond its limit."""
    return ceiling_ma + max(OVER_SHARE * ceiling_ma, OVER_DEVIATIONS * scene.plan.deviation_ma)


def stale(scene: Scene) -> Iterator[Finding]:
    """Yield the first point that gates the operation and has no good answer of the last two seconds."""
    for point in gates(scene):
        if scene.seen.last(point, scene.now) is None:
            yield Finding(Event.STALE, _why_stale(scene, point))
            return


def gates(scene: Scene) -> tuple[PointId, ...]:
    """Return the points without which a feed is not moved."""
    points = scene.plan.points
    follows = points.voltage_setpoint_v if scene.part is Part.FOLLOWER else None
    single = (points.current_ma, points.voltage_v, points.setpoint_ma, points.on, points.regulation, points.fault, follows)
    return tuple(point for point in single if point is not None)


def unfit(scene: Scene, next_ma: float) -> Finding | None:
    """Return why the line must not be brought to this current: either end may have to carry all of it when the other one trips."""
    cable, plan = scene.plan.cable, scene.plan
    double = scene.part is not Part.SINGLE
    if cable is None:
        return None
    needed_v = line_v(cable, next_ma / 1000) + plan.earth_v_per_km * cable.length_km
    for whose, most_v in (("this end", plan.max_v), *((("the far end", plan.far_max_v),) if double else ())):
        if most_v is None or needed_v > most_v:
            may = "of which no limit is configured" if most_v is None else f"may carry {most_v:.0f} V"
            return Finding(Event.UNFIT, f"the line needs {needed_v:.0f} V at {amperes(next_ma)}, {whose} {may}")
    return None


def watched(scene: Scene) -> Drive:
    """Return what is remembered of how long a deviation has lasted. No news never clears it."""
    words = _off_by(scene)
    if words == "":
        return replace(scene.drive, deviating_t=None)
    if words is None:
        return scene.drive
    return scene.drive if scene.drive.deviating_t is not None else replace(scene.drive, deviating_t=scene.now)


def _beyond(scene: Scene) -> Iterator[Finding]:
    points, drive, plan = scene.plan.points, scene.drive, scene.plan
    pair_v, pair_ma = scene.numbers(points.voltage_v, drive.run_t), scene.numbers(points.current_ma, drive.run_t)
    if pair_v is not None and min(pair_v) > plan.max_v:
        yield Finding(Event.LIMIT, f"{volts(pair_v[1])} twice, limit {plan.max_v:.0f} V: output switched off")
    if pair_ma is None or drive.ceiling_ma is None:
        return
    limit_ma = most_ma(scene, drive.ceiling_ma)
    if min(pair_ma) > limit_ma:
        yield Finding(Event.LIMIT, f"{amperes(pair_ma[1])} twice, limit {amperes(limit_ma)}: output switched off")


def _waited(scene: Scene) -> Iterator[Finding]:
    pending = scene.drive.pending
    if pending is not None and scene.now >= pending.since_t + ANSWER_S:
        yield Finding(Event.WRITE_FAILED, f"{pending.put.target}: nothing was heard of a write for {ANSWER_S:.0f} s")


def _gap(scene: Scene) -> Iterator[Finding]:
    if scene.now - scene.drive.looked_t > FRESH_S:
        yield Finding(Event.GAP, f"nothing was looked at for {scene.now - scene.drive.looked_t:.1f} s (limit {FRESH_S:g} s)")


def _why_stale(scene: Scene, point: PointId) -> str:
    last = scene.seen.readings.get(point, ())[-1:]
    if not last:
        return f"{point} was never read"
    if not last[0].quality.good:
        return f"{point} is {last[0].quality.level.value} ({last[0].quality.reason.value or 'no reason given'})"
    return f"{point} has no answer for {scene.now - last[0].t:.1f} s (limit {FRESH_S:g} s)"


def _foreign(scene: Scene) -> Iterator[Finding]:
    if scene.drive.pending is not None:
        return
    for point, standing, shown, unit in changed(scene):
        yield Finding(Event.FOREIGN, f"{point} shows {shown:g} {unit}, put was {standing.put:g} {unit}: somebody else moved it")


def changed(scene: Scene) -> Iterator[tuple[PointId, SetTo, float, str]]:
    """Yield every set point that shows another value than at its read-back: what stood, what is shown, and the unit of both."""
    for point, standing in scene.drive.stands.items():
        reading = scene.newest(point, standing.t)
        same, unit = (SAME_MA, "mA") if point == scene.plan.points.setpoint_ma else (SAME_V, "V")
        if reading is not None and isinstance(reading.value, (int, float)) and abs(reading.value - standing.shown) > same:
            yield point, standing, float(reading.value), unit


def _deviation(scene: Scene) -> Iterator[Finding]:
    since_t, words = scene.drive.deviating_t, _off_by(scene)
    if words and since_t is not None and scene.now >= since_t + scene.plan.deviation_s:
        yield Finding(Event.DEVIATION, f"{words} for {scene.plan.deviation_s:g} s")


def _off_by(scene: Scene) -> str | None:
    """Return in words how far current or voltage are from their set point; "" within the limit or where none is, None without news."""
    if scene.drive.phase is Phase.FOLLOWING:
        return _voltage_off(scene)
    free = scene.drive.phase is Phase.DESCENDING and (scene.drive.by_voltage or scene.far_on)  # then the far end drives the current
    if scene.drive.phase not in IN_CURRENT or free:
        return ""
    return _current_off(scene)


def _current_off(scene: Scene) -> str | None:
    point = scene.plan.points.setpoint_ma
    reading, stands_ma = scene.newest(scene.plan.points.current_ma, scene.since_put(point)), scene.stands_ma
    if reading is None or not isinstance(reading.value, (int, float)) or stands_ma is None:
        return None
    off_ma = min((reading.value - each for each in (stands_ma, *_under_way(scene, point))), key=abs)
    if abs(off_ma) <= scene.plan.deviation_ma:
        return ""
    return f"{amperes(reading.value)} at a set point of {amperes(stands_ma)}: off by {off_ma:+.1f} mA (limit {scene.plan.deviation_ma:g})"


def _voltage_off(scene: Scene) -> str | None:
    point = scene.plan.points.voltage_setpoint_v
    if point is None:
        return None
    reading, stands_v = scene.newest(scene.plan.points.voltage_v, scene.since_put(point)), scene.put_to(point)
    if reading is None or not isinstance(reading.value, (int, float)) or stands_v is None:
        return None
    off_v = min((reading.value - each for each in (stands_v, *_under_way(scene, point))), key=abs)
    most_v = max(NO_FOLLOW_V, NO_FOLLOW_SHARE * stands_v)
    return "" if abs(off_v) <= most_v else f"{volts(reading.value)} at a set point of {stands_v:.0f} V: off by more than {most_v:.0f} V"


def _under_way(scene: Scene, point: PointId) -> tuple[float, ...]:
    """Return the value that is being written to a set point: until it is confirmed, either may be what the unit obeys."""
    pending = scene.drive.pending
    if pending is None or pending.put.target != point or not isinstance(pending.put.value, (int, float)):
        return ()
    return (float(pending.put.value),)


def _rise(scene: Scene) -> Iterator[Finding]:
    rise = rise_v_per_s(scene)
    if rise is not None and rise > scene.plan.rise_v_per_s:
        yield Finding(Event.RISE, f"voltage rose {rise:.0f} V/s (limit {scene.plan.rise_v_per_s:.0f})")


def rise_v_per_s(scene: Scene) -> float | None:
    """Return how fast the voltage rises between the last two good readings. Those closer than a polling period count as one apart.

    Otherwise the noise of two readings 10 ms apart (a read-back, then a poll) would be a rise.
    """
    pair = scene.seen.readings.get(scene.plan.points.voltage_v, ())[-2:]
    if scene.numbers(scene.plan.points.voltage_v) is None:
        return None
    before, after = (float(each.value) for each in pair if isinstance(each.value, (int, float)))
    return (after - before) / max(GATE_EVERY_S, pair[1].t - pair[0].t)


def _at_limit(scene: Scene) -> Iterator[Finding]:
    """Yield a unit that holds its voltage limit instead of the current. Next to no current that is said of a sound line too."""
    drive, stands_ma = scene.drive, scene.stands_ma
    if drive.phase not in IN_CURRENT or drive.phase is Phase.DESCENDING or stands_ma is None or stands_ma <= scene.idle_ma:
        return
    since_t = max(drive.phase_t, *(standing.t for standing in drive.stands.values()))
    reading = scene.newest(scene.plan.points.regulation, since_t)
    if reading is not None and reading.value == "cv":
        held = f"{volts(scene.voltage_v)}), not the current ({amperes(scene.measured_ma)} of {amperes(stands_ma)}"
        yield Finding(Event.AT_LIMIT, f"the unit holds its voltage ({held})")
