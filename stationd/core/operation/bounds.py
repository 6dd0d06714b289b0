"""Limits of what may be ordered of a power feed. They are those of the station's file, and nobody's approval goes beyond them.

Either end of a line may have to carry all of it when the other one trips, so that the voltage of the whole line, with
the allowance of earth potential, must fit the limits of both ends. While both ends hold the current, one milliampere moves the
split of the voltage by some 150 V: only small steps are sound then.
"""

from __future__ import annotations

from stationd.core.operation.case import Case, same_current, whole_line_v
from stationd.core.operation.far_checks import far_is_on, far_title, fresh_feed, holds_current
from stationd.core.operation.look import number, refused
from stationd.core.operation.task import Energise, Part, RampTo, SwitchOff
from stationd.core.operation.views import Check
from stationd.core.operation.words import Cause
from stationd.core.powerfeed.words import FeedPlan


def bounds_checks(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether target, rate and the voltages that they bring about are within the limits."""
    match case.task:
        case Energise(to_ma, rate, part):
            double = part is not Part.SINGLE
            return (_target(case, feed, to_ma), _rate(feed, rate, feed.ramp_ma_per_s), *_whole_line(case, feed, to_ma, far=double))
        case RampTo(to_ma, rate):
            checks = (_target(case, feed, to_ma), _ramp_rate(case, feed, to_ma, rate), *_trim(case, feed, to_ma))
            return (*checks, *_whole_line(case, feed, to_ma, far=far_is_on(case, feed)))
        case SwitchOff(rate):
            return (_rate(feed, rate, feed.ramp_down_ma_per_s), *_far_takes_over(case, feed))
        case _:
            return ()


def _limited(name: str, value: float, limit: float, unit: str, *, above_zero: bool = True) -> Check:
    """Return whether a number is within (0, limit], or [0, limit]; one that is no number is not."""
    shown = f"{name} {number(value)} {unit}, limit {number(limit)} {unit}"
    if (value > 0 or (not above_zero and value == 0)) and value <= limit:
        return Check(name, shown)
    return refused(name, Cause.STEP_LIMIT, shown, f"{'more than' if above_zero else 'at least'} 0 and at most {number(limit)} {unit}")


def _target(case: Case, feed: FeedPlan, to_ma: float) -> Check:
    """Return whether the current is allowed: the nominal one, and beside a far end that holds it too what trims the balance."""
    trims = isinstance(case.task, RampTo) and fresh_feed(case) is not None and far_is_on(case, feed)
    limit_ma = feed.nominal_ma + (feed.trim_ma if trims else 0.0)
    return _limited("current", to_ma, limit_ma, "mA", above_zero=isinstance(case.task, Energise))


def _rate(feed: FeedPlan, rate: float, limit: float) -> Check:
    return _limited("rate", rate, limit, "mA/s")


def _ramp_rate(case: Case, feed: FeedPlan, to_ma: float, rate: float) -> Check:
    """Return whether the rate fits the direction; where it is not known the smaller limit counts.

    A ramp down that was held at its very end must still be able to go on: at its target it has no way up.
    """
    set_to = case.look.number(feed.points.setpoint_ma)
    down = set_to is not None and (to_ma < set_to or same_current(to_ma, set_to))
    lesser = min(feed.ramp_ma_per_s, feed.ramp_down_ma_per_s)
    return _rate(feed, rate, lesser if set_to is None else feed.ramp_down_ma_per_s if down else feed.ramp_ma_per_s)


def _whole_line(case: Case, feed: FeedPlan, to_ma: float, *, far: bool) -> tuple[Check, ...]:
    """Return whether this end, and with `far` the other one too, can carry the whole line at the ordered current."""
    whole_v = whole_line_v(feed, to_ma)
    if whole_v is None:
        return ()
    here = _limited("voltage", whole_v, feed.max_v, "V", above_zero=False)
    return (here, _far_limit(case, feed, whole_v)) if far else (here,)


def _far_limit(case: Case, feed: FeedPlan, whole_v: float) -> Check:
    title = far_title(case, feed)
    name = f"voltage at {title}"
    if feed.far_max_v is None:
        why = f"far_max_v of {title} is not in the station's file, the whole line takes {number(whole_v)} V"
        return refused(name, Cause.MODE, why, f"write what {title} may carry into the station's file")
    return _limited(name, whole_v, feed.far_max_v, "V", above_zero=False)


def _trim(case: Case, feed: FeedPlan, to_ma: float) -> tuple[Check, ...]:
    set_to, far = case.look.number(feed.points.setpoint_ma), fresh_feed(case)
    if set_to is None or far is None or not holds_current(case, feed):
        return ()  # what is not known here or there is refused already
    step_ma, point = abs(to_ma - set_to), feed.points.setpoint_ma
    shown = f"step {number(step_ma)} mA from {case.look.shown(point, 'mA')} while {far_title(case, feed)} holds the current too"
    if step_ma <= feed.trim_ma:
        return (Check("trim", f"{shown}, limit {number(feed.trim_ma)} mA"),)
    remedy = f"at most {number(feed.trim_ma)} mA at once, or take one end off first"
    return (refused("trim", Cause.STEP_LIMIT, f"{shown}, limit {number(feed.trim_ma)} mA", remedy),)


def _far_takes_over(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether the far end can carry the whole line when this one goes off."""
    if not far_is_on(case, feed):
        return ()
    whole_v = _carried_v(case, feed)
    if whole_v is None:
        title = far_title(case, feed)
        own = f"{case.look.shown(feed.points.voltage_v, 'V')}, {case.look.shown(feed.points.current_ma, 'mA')}"
        why = f"it is not known what {title} would have to carry alone; here: {own}"
        return (refused(f"voltage at {title}", Cause.HEALTH, why, f"{title} looks after its power feed unit"),)
    return (_far_limit(case, feed, whole_v),)


def _carried_v(case: Case, feed: FeedPlan) -> float | None:
    """Return what the far end carries alone: by the model at the greater of both currents, and never less than both carry now."""
    far, look = fresh_feed(case), case.look
    own_v, own_ma = look.number(feed.points.voltage_v), look.number(feed.points.current_ma)
    if far is None or far.voltage_v is None or far.current_ma is None or own_v is None or own_ma is None:
        return None
    now_v = abs(own_v) + abs(far.voltage_v)
    model_v = whole_line_v(feed, max(own_ma, far.current_ma, 0.0))
    return now_v if model_v is None else max(now_v, model_v)
