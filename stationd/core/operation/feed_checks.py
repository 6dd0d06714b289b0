"""What a power feed must show before it is switched, ramped or turned, and while that goes on.

Every gate reading fresh, permissives
closed, nothing that would act by itself, a line that is discharged before it is energised, and no order beyond the limits of
the station's file, whoever gives it. Four groups, by gravity: what protects people, what the plant does, what is known, limits.
The limits are in stationd.core.operation.bounds.
"""

from __future__ import annotations

from stationd.core.model import PointId
from stationd.core.operation.case import Case, lowers, no_current_ma, same_current
from stationd.core.operation.far_checks import far_health, far_process, far_protective
from stationd.core.operation.interlock_checks import hold_checks, interlock_checks, own_loop_check
from stationd.core.operation.look import AGAIN, NO_FAULT, Wanted, ago, contact, number, refused, unknown
from stationd.core.operation.task import Electrode, Energise, FeedTask, Part, RampTo, SetPolarity, SwitchOff
from stationd.core.operation.views import Check
from stationd.core.operation.words import Cause
from stationd.core.powerfeed.words import FeedPlan

EARTH_OPEN = Wanted(
    "earth switch", False, "CLOSED", "open", Cause.INTERLOCKING, "open the earth switch at the cabinet, then: show interlocks",
    Cause.INTERLOCKING,
)  # fmt: skip
RAISING_TASKS = (Energise, RampTo, Electrode)


def feed_ability(feed: FeedPlan, task: FeedTask) -> tuple[Check, ...]:
    """Return why a unit cannot do a task at all; empty where it can."""
    lacks = _lacks(feed, task)
    if not lacks:
        return ()
    return (refused("task", Cause.MODE, f"{feed.device} {lacks}", "choose another task or unit, or complete the station's file"),)


def _lacks(feed: FeedPlan, task: FeedTask) -> str:
    points = feed.points
    match task:
        case SetPolarity() if points.polarity_negative is None:
            return "has no polarity switch"
        case Electrode() if points.electroding is None:
            return "has no electroding contact"
        case Energise(part=Part.MASTER | Part.FOLLOWER) if not feed.far_expected:
            return "feeds a line without another station: there is nobody to share it with"
        case Energise(part=Part.MASTER | Part.FOLLOWER) if feed.far_max_v is None:
            return "has no far_max_v in the station's file: no double-end feed is armed"
        case Energise(part=Part.FOLLOWER) if points.voltage_setpoint_v is None or feed.cable is None:
            return "cannot follow: it has no voltage set point, or no model of its line"
        case _:
            return ""


def feed_protective(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return holds here and there, permissives, the unit's own loop, the earth switch."""
    return (
        *hold_checks(case, (feed.device,)),
        *far_protective(case, feed),
        *interlock_checks(case, feed.interlocks, feed.interlocks_reason, needed=True),
        *own_loop_check(case, feed.points.interlock),
        *_earthed(case, feed),
    )


def _earthed(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    point = feed.points.earthed
    return (contact(case.look, point, EARTH_OPEN),) if point is not None and isinstance(case.task, RAISING_TASKS) else ()


def feed_process(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return what the plant does: EMERGENCY-OFF, the far end, and, unless the executor looks after it already, this unit.

    That is: faults, other feeds, charge, where the output stands.
    """
    checks = (*_emergency(case, feed), *far_process(case, feed))
    if case.runs:
        return checks
    unit = (*_fault(case, feed), *_other_feeds(case, feed), *_output(case, feed), *_discharged(case, feed), *_already(case, feed))
    return (*checks, *unit)


def raising_checks(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return what must stay so while current or voltage is raised: nothing acts by itself, no other feed gives to the same line."""
    return (*_self_acting(case, feed), *_other_feeds(case, feed))


def _emergency(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    line = case.plan.segment(feed.device)
    cutting = sorted(each for each in case.evidence.cutting_off if each == feed.device or case.plan.segment(each) == line)
    why = f"EMERGENCY-OFF of {', '.join(cutting)} is not confirmed yet"
    if cutting:
        return (refused("emergency off", Cause.PROCESS, why, "wait for its end: show operations"),)
    failed = sorted(each for each in case.evidence.never_off if each == feed.device or case.plan.segment(each) == line)
    if not failed or lowers(case):
        return ()
    why = f"an EMERGENCY-OFF of {', '.join(failed)} was never confirmed"
    remedy = f"{case.plan.emergency_button}; then the output must read off twice"
    return (refused("emergency off", Cause.PROCESS, why, remedy),)


def _fault(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    return () if feed.points.fault is None else (contact(case.look, feed.points.fault, NO_FAULT),)


def _other_feeds(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether the stand-by feeds of the same line are off: two would feed one conductor."""
    if not isinstance(case.task, Energise | SetPolarity):
        return ()
    line = case.plan.segment(feed.device)
    others = [each for each in case.plan.feeds.values() if each.device != feed.device and case.plan.segment(each.device) == line]
    return tuple(_other_off(case, other) for other in others)


def _other_off(case: Case, other: FeedPlan) -> Check:
    remedy = f"switch {other.device} off first"
    return contact(case.look, other.points.on, Wanted(f"output of {other.device}", False, "ON", "OFF", Cause.PROCESS, remedy))


def _output(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether the output stands where the task begins: before the start, and for ramps also before they go on."""
    match case.task:
        case Energise() if case.begins:
            return (_on(case, feed, False, Cause.REACHED, "arm a ramp to change the current"),)
        case RampTo():
            return (_on(case, feed, True, Cause.PROCESS, "arm energise to switch it on first"),)
        case SwitchOff() if case.begins:
            return (_on(case, feed, True, Cause.REACHED, "nothing is to be done; earth, lock and test before touching"),)
        case SetPolarity():
            return (_on(case, feed, False, Cause.PROCESS, "arm off to switch it off first"),)
        case _:
            return ()


def _on(case: Case, feed: FeedPlan, wanted: bool, cause: Cause, remedy: str) -> Check:
    return contact(case.look, feed.points.on, Wanted(f"output of {feed.device}", wanted, "ON", "OFF", cause, remedy))


def _discharged(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether the line carries nothing. Charge is proved by measurement; what electrical safety asks for goes beyond that."""
    if not (isinstance(case.task, Energise) and case.begins) and not isinstance(case.task, SetPolarity):
        return ()
    points = feed.points
    return (
        _at_most(case, points.voltage_v, "V", feed.discharged_v, "wait until the line is discharged; look for what feeds it"),
        _at_most(case, points.current_ma, "mA", no_current_ma(feed), "look for what drives this current"),
    )


def _at_most(case: Case, point: PointId, unit: str, limit: float, remedy: str) -> Check:
    value = case.look.number(point)
    if value is None:
        return unknown("discharge", case.look, point)
    shown = f"{case.look.shown(point, unit)}, limit {number(limit)} {unit}"
    if abs(value) <= limit:
        return Check("discharge", f"line discharged: {shown}")
    return refused("discharge", Cause.PROCESS, f"line NOT discharged: {shown}", remedy)


def _already(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether a contact, or a set point, stands already where the task would put it."""
    match case.task:
        case SetPolarity(negative) if case.begins and feed.points.polarity_negative is not None:
            wanted = Wanted("polarity", not negative, "negative", "positive", Cause.REACHED, "nothing is to be done")
            return (contact(case.look, feed.points.polarity_negative, wanted),)
        case Electrode(on) if case.begins and feed.points.electroding is not None:
            wanted = Wanted("electroding", not on, "ON", "OFF", Cause.REACHED, "nothing is to be done")
            return (contact(case.look, feed.points.electroding, wanted),)
        case RampTo(to_ma=to_ma) if case.begins:
            return (_not_there_yet(case, feed, to_ma),)
        case _:
            return ()


def _not_there_yet(case: Case, feed: FeedPlan, to_ma: float) -> Check:
    point = feed.points.setpoint_ma
    set_to = case.look.number(point)
    if set_to is None:
        return unknown("set point", case.look, point)
    shown = f"set point {case.look.shown(point, 'mA')}"
    measured = case.look.number(feed.points.current_ma)
    there = measured is not None and abs(measured - to_ma) <= feed.deviation_ma
    if same_current(set_to, to_ma) and there:
        return refused("set point", Cause.REACHED, shown, "nothing is to be done")
    return Check("set point", shown)


def feed_health(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether all that gates the task is known, and whether nothing would act by itself."""
    return (_readings(case, feed), *far_health(case, feed), *_self_acting(case, feed))


def _readings(case: Case, feed: FeedPlan) -> Check:
    """Return whether the unit answers: all its measured and set values, fresh and good."""
    look, points = case.look, feed.points
    numbers = (points.current_ma, points.voltage_v, points.setpoint_ma, points.voltage_setpoint_v)
    lacking = [look.missing(each) for each in numbers if each is not None and look.number(each) is None]
    lacking += [look.missing(points.on)] if look.truth(points.on) is None else []
    lacking += [look.missing(each) for each in (points.regulation,) if each is not None and look.word(each) is None]
    if lacking:
        remedy = f"{AGAIN}; if it stays, look at {feed.device}"
        return refused("readings", Cause.HEALTH, f"{feed.device} is not known: {'; '.join(lacking)}", remedy)
    oldest = min(case.evidence.seen.readings[each][-1].t for each in (*numbers, points.on, points.regulation) if each is not None)
    return Check("readings", f"{feed.device} answers, oldest value {ago(oldest, case.now)}")


def _self_acting(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether settings that would act by themselves are off."""
    return tuple(contact(case.look, point, _acts(point)) for point in feed.points.self_acting)


def _acts(point: PointId) -> Wanted:
    name = f"{point.device} {point.point.replace('_', ' ')}"
    return Wanted(name, False, "ON: the unit would act by itself", "off", Cause.HEALTH, "switch it off at the unit")


def remote_check(case: Case, feed: FeedPlan) -> Check:
    """Return whether the unit takes orders from here. One that can be told to does so as the first step of an energising."""
    point, name = feed.points.remote, f"remote control of {feed.device}"
    takes = isinstance(case.task, Energise) and feed.remote_writable
    if takes and case.runs:
        return _being_taken(case, feed, name)
    truth = case.look.truth(point)
    if truth is None:
        return unknown(name, case.look, point)
    shown = f"{name} {'on' if truth else 'OFF'} {case.look.at(point)}"
    if truth or (takes and case.look.truth(feed.points.on) is False):
        return Check(name, shown if truth else f"{shown}; it is taken at the start")
    return refused(name, Cause.SWITCHING_HIERARCHY, shown, "put the unit under remote control at its panel")


def _being_taken(case: Case, feed: FeedPlan, name: str) -> Check:
    """Return the same while it may just have been taken: the newest reading decides, and it may be off until the output is on."""
    remote, on = (case.evidence.seen.last(point, case.now) for point in (feed.points.remote, feed.points.on))
    if remote is None:
        return unknown(name, case.look, feed.points.remote)
    shown = f"{name} {'on' if remote.value is True else 'OFF'} {case.look.at(feed.points.remote)}"
    if remote.value is True or (on is not None and on.value is False):
        return Check(name, shown)
    return refused(name, Cause.SWITCHING_HIERARCHY, shown, "put the unit under remote control at its panel")
