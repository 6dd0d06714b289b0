"""What an order does, to whom, and where it stops: the sentences of arming screens, refusals and records.

Short, in 7-bit characters, and never more than is known: traffic is not guessed, a polarity that cannot be read has no
sign. Orders are told in the words in which people type them.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.operation.case import Case, Stage, lowers, whole_line_v
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.far_checks import far_is_on, far_title, feed_words, fresh_feed
from stationd.core.operation.look import Look, ago, minutes, number, span
from stationd.core.operation.orders import (
    ActOrder,
    AddHold,
    Apply,
    Approve,
    Arm,
    Confirm,
    Disarm,
    Discard,
    DropHold,
    EmergencyOff,
    EndBypass,
    Execute,
    Hold,
    KeepAlive,
    Prepare,
    Reject,
    Revert,
    Rollback,
    SetAuthority,
    Way,
)
from stationd.core.operation.orders import Stage as StageOrder
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import (
    AmplifierTask,
    Bypass,
    Electrode,
    Energise,
    FeedTask,
    Part,
    Pump,
    RampTo,
    RemoveHold,
    SetMode,
    SetPolarity,
    SwitchOff,
    Task,
)
from stationd.core.powerfeed.follower import APART_V
from stationd.core.powerfeed.phases import STEADY_SHARE
from stationd.core.powerfeed.words import FeedPlan

DEADLY = "A person touching the cable, joint or ship end can be killed."
_VERBS: Mapping[type, str] = {Approve: "approve", Reject: "reject", Execute: "execute", Disarm: "disarm", KeepAlive: "keep-alive"}
NOT_ISOLATED = "A hold is NOT AN ISOLATION: only earth, lock and test are."


def task_words(task: Task) -> str:
    """Return a task as people type it: `ramp to 1000 mA rate 10 mA/s`."""
    match task:
        case Energise(to_ma, rate, part):
            return f"energise to {number(to_ma)} mA rate {number(rate)} mA/s{'' if part is Part.SINGLE else f' as {part.value}'}"
        case RampTo(to_ma, rate):
            return f"ramp to {number(to_ma)} mA rate {number(rate)} mA/s"
        case SwitchOff(rate):
            return f"off rate {number(rate)} mA/s"
        case SetPolarity(negative):
            return f"polarity {'neg' if negative else 'pos'}"
        case Electrode(on):
            return f"electroding {'on' if on else 'off'}"
        case Pump(on):
            return f"pump-{'on' if on else 'off'}"
        case SetMode(mode):
            return f"mode {mode}"
        case RemoveHold():
            return "remove"
        case Bypass(_, for_s):
            return f"bypass for {minutes(for_s)}m"


def asked(order: ActOrder) -> str:
    """Return an order as people type it. A code never is in it."""
    match order:
        case Arm(_, object, task):
            return f"arm {_armed(object, task)} {task_words(task)}"
        case Hold(_, name):
            return f"hold-ramp {name}".strip()
        case Prepare(_, name, way):
            return f"{way.value} {name}"
        case Approve() | Reject() | Execute() | Disarm() | KeepAlive():
            return f"{_VERBS[type(order)]} {order.operation}"
        case EmergencyOff(_, objects):
            return f"EMERGENCY-OFF {' '.join(objects)}".strip()
        case AddHold(_, object):
            return f"hold add {object}"
        case DropHold(_, name):
            return f"hold remove {name}"
        case EndBypass(_, interlock):
            return f"bypass end {interlock}"
        case SetAuthority(_, verb, to):
            return f"authority {verb.value} {to}".strip()
        case _:
            return _asked_of_set_values(order)


def _asked_of_set_values(order: StageOrder | Discard | Apply | Confirm | Revert | Rollback) -> str:
    match order:
        case StageOrder(_, target, value):
            return f"set {target} {number(value)}"
        case Apply(confirm_within_s=None):
            return "apply"
        case Apply(confirm_within_s=float() | int() as within_s):
            return f"apply confirm-within {minutes(within_s)}m"
        case Rollback(_, count):
            return f"rollback {number(count)}"
        case Discard() | Confirm() | Revert() | Apply():
            return type(order).__name__.lower()


def _armed(object: str, task: Task) -> str:
    match task:
        case RemoveHold(hold):
            return f"hold {hold}"
        case Bypass(interlock):
            return f"interlock {interlock}"
        case _:
            return object


# What it does, to whom.


def effect(plan: ActingPlan, evidence: Evidence, object: str, task: Task, now: float, way: Way | None = None) -> tuple[str, ...]:
    """Return what a task does to the plant and to people, the gravest first; empty for an object that there is not.

    `way` is how a held one is to go on, from what is read now.
    """
    case = Case(plan, evidence, object, _toward(task, way), now, Stage.BEGIN if way is None else Stage.GO_ON, way)
    task = case.task
    feed, amplifier = plan.feeds.get(object), plan.amplifiers.get(object)
    match task:
        case RemoveHold(hold):
            return _removes(case, hold)
        case Bypass(interlock, for_s):
            devices = ", ".join(plan.interlocks().get(interlock, ())) or object
            told = f"{interlock} counts as closed for {span(for_s)}: {devices} may run with it open."
            return told, "The hardware does not know of it."
        case Pump() | SetMode():
            return _light(case, amplifier, task) if amplifier is not None else ()
        case _:
            return _feeding(case, feed, task) if feed is not None else ()


def _toward(task: Task, way: Way | None) -> Task:
    """Return a task that only switches as the one that its way is."""
    match task:
        case Pump(on) if way is Way.BACK:
            return Pump(not on)
        case Electrode(on) if way is Way.BACK:
            return Electrode(not on)
        case _:
            return task


def _removes(case: Case, name: str) -> tuple[str, ...]:
    found = [hold for hold in case.evidence.holds if hold.name == name]
    if not found:
        return ()
    hold = found[0]
    told = f'Removes {hold.name} on {hold.object}, set by {hold.who} {ago(hold.since_t, case.now)}: "{hold.reason}".'
    return told, f"Ask {hold.who} first: somebody may be at work there.", NOT_ISOLATED


def _feeding(case: Case, feed: FeedPlan, task: FeedTask) -> tuple[str, ...]:
    return (*_to_line(case, feed, task), *_with_far(case, feed, task), *_by_unit(case, feed))


def _to_line(case: Case, feed: FeedPlan, task: FeedTask) -> tuple[str, ...]:
    cable = _cable(case, feed)
    match task:
        case Energise() if case.way is Way.BACK:
            return (f"Brings the current in {cable} down to 0, from {_now(case, feed)}, and takes the feed off.", *_unfed(case, feed))
        case RampTo() if case.way is Way.BACK:
            return (f"Brings the current in {cable} back down to where the ramp began, from {_now(case, feed)}.",)
        case Energise(to_ma=to_ma):
            ramps = f"Goes on to {number(to_ma)} mA, from {_now(case, feed)}." if case.way else f"Ramps from 0 to {number(to_ma)} mA."
            return (f"Puts up to {_volts(case, feed, to_ma)} on {cable}.", DEADLY, ramps)
        case RampTo(to_ma=to_ma) if lowers(case):
            return (f"Brings the current in {cable} down to {number(to_ma)} mA, from {_now(case, feed)}.",)
        case RampTo(to_ma=to_ma):
            return (f"Puts up to {_volts(case, feed, to_ma)} on {cable}.", DEADLY, f"The current now: {_now(case, feed)}.")
        case SwitchOff():
            return (f"Takes the feed of {feed.device} off {cable}: now {_now(case, feed)}.", *_unfed(case, feed))
        case SetPolarity(negative):
            return (f"Turns the polarity of {feed.device} to {'negative' if negative else 'positive'}.",)
        case Electrode(on=True):
            return (f"Puts the electroding tone on {cable}.", DEADLY)
        case Electrode():
            return (f"Takes the electroding tone off {cable}.",)


def _unfed(case: Case, feed: FeedPlan) -> tuple[str, ...]:
    """Return what an end that goes off leaves behind."""
    title = far_title(case, feed)
    if far_is_on(case, feed):
        whole_v = whole_line_v(feed, feed.nominal_ma)
        carried = f"up to {number(whole_v)} V" if whole_v is not None else "its whole voltage"
        return (f"The line stays ALIVE: {title} carries it alone, {carried}.",)
    dark = feed.cable is not None and feed.cable.repeaters_km
    repeaters = ("Repeaters lose their power: all light on the line goes out.",) if dark else ()
    return (*repeaters, "Not safe to touch afterwards either: earth, lock, test.")


def _with_far(case: Case, feed: FeedPlan, task: FeedTask) -> tuple[str, ...]:
    if not feed.far_expected:
        return ()
    title, far = far_title(case, feed), fresh_feed(case)
    there = (f"The feed at {title} is {feed_words(far) if far is not None and far.on is not None else 'not known'}.",)
    match task:
        case Energise(part=Part.MASTER):
            return (f"Both ends feed: {feed.device} sets the current, {title} follows.", *there)
        case Energise(part=Part.FOLLOWER):
            return (f"Both ends feed: {feed.device} carries its share of the voltage, {title} sets the current.", *there)
        case _:
            return there


def _by_unit(case: Case, feed: FeedPlan) -> tuple[str, ...]:
    """Return what is to be known of the unit and of its permissives."""
    said = () if feed.interlocks else (f"Interlocks are in hardware only: {feed.interlocks_reason}.",) if feed.interlocks_reason else ()
    takes = isinstance(case.task, Energise) and feed.remote_writable and case.look.truth(feed.points.remote) is False
    return (*said, *((f"Takes remote control of {feed.device}.",) if takes else ()))


def _cable(case: Case, feed: FeedPlan) -> str:
    if feed.cable is None:
        return f"what hangs on {feed.device}"
    return f"the sea cable {case.plan.route}" if case.plan.route else f"the line {case.plan.line}".rstrip()


def _volts(case: Case, feed: FeedPlan, current_ma: float) -> str:
    """Return the most that can come to stand at this end: the whole line, or without a model the limit of the unit."""
    whole_v = whole_line_v(feed, current_ma)
    point = feed.points.polarity_negative
    sign = {True: "-", False: "+", None: ""}[case.look.truth(point) if point is not None else None]
    return f"{sign}{number(feed.max_v if whole_v is None else min(whole_v, feed.max_v))} V"


def _now(case: Case, feed: FeedPlan) -> str:
    return Look(case.evidence.seen, case.now).shown(feed.points.current_ma, "mA")


def _light(case: Case, plan: AmplifierPlan, task: AmplifierTask) -> tuple[str, ...]:
    fibre = f"fibre pair {plan.fibre_pair}" if plan.fibre_pair is not None else "its fibre"
    said = () if plan.interlocks or not plan.interlocks_reason else (f"Interlocks are in hardware only: {plan.interlocks_reason}.",)
    match task:
        case Pump(on=True) if plan.raman:
            return (f"Sends pump light of the watt class into {fibre}.", "A bare fibre end burns eyes and skin.", *said)
        case Pump(on=True):
            return (f"Sends invisible laser light into {fibre}: a bare fibre end harms eyes.", *said)
        case Pump():
            return (f"Switches the pumps of {plan.device} off: light on {fibre} may be lost.",)
        case SetMode(mode):
            reads = case.look.word(plan.mode)
            return (
                f"Puts {plan.device} from mode {reads or 'not known'} into mode {mode}.",
                f"Some units turn their output off meanwhile: light on {fibre} may be lost.",
                *said,
            )


# Where it stops.


def limits(plan: ActingPlan, evidence: Evidence, object: str, task: Task, now: float) -> tuple[str, ...]:
    """Return at which limits a task stops by itself, in sentences."""
    feed = plan.feeds.get(object)
    match task:
        case Energise() | RampTo() if feed is not None:
            return (*_stops(feed), *_on_the_way(Case(plan, evidence, object, task, now), feed, task))
        case SwitchOff() if feed is not None:
            proof = f"done when V is at most {number(feed.discharged_v)} V within {number(feed.discharge_s)} s of the output going off"
            return (_deviates(feed), proof)
        case Pump() | SetMode():
            return ("one order, read back; ends at once if the unit protects itself",)
        case SetPolarity() | Electrode():
            return ("one order, read back twice",)
        case Bypass(_, for_s):
            return (f"ends by itself after {span(for_s)}, and at a restart",)
        case _:
            return ()


def _stops(feed: FeedPlan) -> tuple[str, ...]:
    return (
        f"trips if V > {number(feed.max_v)} V twice; holds if V rises faster than {number(feed.rise_v_per_s)} V/s",
        _deviates(feed),
    )


def _deviates(feed: FeedPlan) -> str:
    return f"holds if the current is off by more than {number(feed.deviation_ma)} mA for {number(feed.deviation_s)} s"


def _on_the_way(case: Case, feed: FeedPlan, task: Energise | RampTo) -> tuple[str, ...]:
    """Return what is compared on the way: a follower has its share of the voltage, who sets the current the hold points above it."""
    if isinstance(task, Energise) and task.part is Part.FOLLOWER:
        return (f"carries half of what the line needs by the model, holds if that is off by more than {number(APART_V)} V at the end",)
    stands_ma = case.look.number(feed.points.setpoint_ma) if isinstance(task, RampTo) else 0.0
    stops_ma = [share * task.to_ma for share in sorted(feed.hold_shares) if share < 1 and share * task.to_ma > (stands_ma or 0.0)]
    if not stops_ma or lowers(case):
        return ()
    stops = f"{', '.join(number(each) for each in stops_ma)} mA"
    if feed.cable is None:
        return (f"on the way up waits at {stops} until V stays the same (within {number(100 * STEADY_SHARE)} %)",)
    return (f"on the way up compares V with the model at {stops} (within {number(100 * feed.model_share)} %)",)
