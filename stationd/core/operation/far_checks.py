"""The far end of the line: it may only refuse or hold, and without its fresh word nothing is armed and nothing goes on.

Where the line has no other station (`far_expected` False) there is nothing to ask. Where it has one, its message is fresh, it says
what is held and done there, no hold stands there, no operation is open there but the other part of ours, and its feed does
what this task can live with. An orderly OFF is not refused by an operation there that has not begun: that one is disarmed by ours.
"""

from __future__ import annotations

from stationd.core.operation.case import Case, same_current
from stationd.core.operation.look import ago, number, refused
from stationd.core.operation.task import Electrode, Energise, Part, SetPolarity, SwitchOff
from stationd.core.operation.views import Check, Phase
from stationd.core.operation.words import Cause
from stationd.core.powerfeed.words import FRESH_S, FarFeed, FeedPlan

NOT_BEGUN = frozenset({Phase.WAITING.value, Phase.ARMED.value})  # phases of a far operation that has moved nothing
OTHER_PART = {Part.MASTER: Part.FOLLOWER, Part.FOLLOWER: Part.MASTER}
_CLOSED = "closed"  # phase of an operation that is over, in the far station's message


def far_title(case: Case, feed: FeedPlan | None = None) -> str:
    """Return what people call the far station."""
    return (feed.far_title if feed is not None else "") or case.plan.far_title or "the far station"


def fresh_far(case: Case) -> FarFeed | None:
    """Return the far end if its last message is fresh; one from the future is as bad as an old one."""
    far = case.evidence.seen.far
    if far is None or case.now >= far.t + FRESH_S or far.t >= case.now + FRESH_S:
        return None
    return far


def fresh_feed(case: Case) -> FarFeed | None:
    """Return the far end if what it says of its feed was fresh, too, when it said it."""
    far = fresh_far(case)
    return far if far is not None and far.feed_t is not None and far.t < far.feed_t + FRESH_S else None


def far_silence(case: Case) -> str:
    """Return why the far end is not known."""
    seen = case.evidence.seen
    return seen.far_why if seen.far is None else f"its last message was sent {ago(seen.far.t, case.now)}"


def far_protective(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return the holds of the far station, as far as they are known."""
    far = fresh_far(case)
    return far_hold_checks(case, far, far_title(case, feed)) if feed.far_expected and far is not None and far.shares else ()


def far_hold_checks(case: Case, far: FarFeed, title: str) -> tuple[Check, ...]:
    """Return one check for each hold there."""
    remedy = f"it is removed at {title}, by who has set it or by two persons"
    held = tuple(refused("far hold", Cause.HOLD, f"{title} holds: {hold} ({ago(far.t, case.now)})", remedy) for hold in far.holds)
    return held or (Check("far hold", f"holds at {title}: none ({ago(far.t, case.now)})"),)


def far_health(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether the far end is known at all."""
    if not feed.far_expected:
        return ()
    title, far = far_title(case, feed), fresh_far(case)
    if far is None:
        why = f"{title} is not known: {far_silence(case)}"
        return (refused("far end", Cause.HEALTH, why, "call them; look at the link with: show line"),)
    heard = Check("far end", f"{title} heard {ago(far.t, case.now)}")
    if not far.shares:
        why = f"{title} does not share its holds and operations ({ago(far.t, case.now)})"
        return heard, refused("far sharing", Cause.HEALTH, why, 'the other operator adds "operations" to what it shares')
    return (heard,)


def far_process(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return what the far end does: its operation, and its feed."""
    far = fresh_far(case)
    if not feed.far_expected or far is None:
        return ()
    return (*_operation(case, feed, far), *_feed(case, feed))


def _operation(case: Case, feed: FeedPlan, far: FarFeed) -> tuple[Check, ...]:
    if not far.shares:
        return ()
    title, there = far_title(case, feed), far.operation
    if there is None or there.get("phase") == _CLOSED:
        return (Check("far operation", f"no operation at {title} ({ago(far.t, case.now)})"),)
    shown = f"{title} has {there.get('id', '?')}: {there.get('target', '?')}, {there.get('phase', '?')} ({ago(far.t, case.now)})"
    if is_other_part(case, far):
        return (Check("far operation", shown),)
    if isinstance(case.task, SwitchOff) and there.get("phase") in NOT_BEGUN:
        return (Check("far operation", f"{shown}; it has not begun: no bar to switching off"),)
    if isinstance(case.task, Energise) and _other_half(case.task, far):
        here = f"{case.task.part.value} to {number(case.task.to_ma)} mA"
        remedy = f"both ends are armed to one current: agree with {title}, one of them disarms its operation"
        return (refused("far operation", Cause.INCONSISTENT, f"{shown}; here it is {here}", remedy),)
    return (refused("far operation", Cause.ONE_OF_N, shown, f"agree with {title}: one end ends its operation first"),)


def is_other_part(case: Case, far: FarFeed) -> bool:
    """Return whether the far station's open operation is the other half of ours: the other part, and to the same current."""
    if not isinstance(case.task, Energise) or not _other_half(case.task, far):
        return False
    there_ma = _target_ma(far)
    return there_ma is not None and same_current(there_ma, case.task.to_ma)


def _other_half(task: Energise, far: FarFeed) -> bool:
    other = OTHER_PART.get(task.part)
    if other is None or far.operation is None or far.operation.get("phase") == _CLOSED:
        return False
    return far.operation.get("target", "").split(" ")[0] == other.value


def _target_ma(far: FarFeed) -> float | None:
    """Return the current to which the far end is armed, mA; None where its message names none (see routing.target)."""
    match far.operation.get("target", "").split(" ") if far.operation is not None else ():
        case [_, "to", words, "mA"] if words.replace(".", "", 1).isdecimal() and words.isascii():
            return float(words)
        case _:
            return None


def _feed(case: Case, feed: FeedPlan) -> tuple[Check, ...]:
    """Return whether the far feed does what this task can live with. A follower or master at work is on, and is part of it."""
    title, far = far_title(case, feed), fresh_feed(case)
    if far is None or far.on is None:
        if isinstance(case.task, Electrode):
            return ()
        why = f"it is not known whether the feed at {title} is on: {_feed_silence(case)}"
        return (refused("far feed", Cause.HEALTH, why, f"{title} looks after its power feed unit"),)
    shown = f"the feed at {title} is {feed_words(far)} ({ago(far.t, case.now)})"
    if far.on and _must_be_off(case, far):
        return (refused("far feed", Cause.PROCESS, shown, f"{title} switches its feed off first"),)
    return (Check("far feed", shown),)


def _feed_silence(case: Case) -> str:
    """Return why the far feed is not known, of a far end whose message is fresh."""
    far = case.evidence.seen.far
    if far is None or far.feed_t is None:
        return f"it says nothing of it ({ago(far.t, case.now)})" if far is not None else far_silence(case)
    return f"its unit was read {ago(far.feed_t, case.now)}"


def _must_be_off(case: Case, far: FarFeed) -> bool:
    match case.task:
        case Energise(part=Part.SINGLE) | SetPolarity():
            return True
        case Energise():
            return case.begins and not is_other_part(case, far)
        case _:
            return False


def feed_words(far: FarFeed) -> str:
    """Return what the far feed does: `OFF, earth open`, `ON 1000 mA 250 V`."""
    earth = f", earth {far.earthed}" if far.earthed else ""
    if not far.on:
        return f"OFF{earth}"
    current = f"{number(far.current_ma)} mA" if far.current_ma is not None else ""
    voltage = f"{number(far.voltage_v)} V" if far.voltage_v is not None else ""
    return " ".join(part for part in ("ON", current, voltage, far.regulation or "") if part) + earth


def far_is_on(case: Case, feed: FeedPlan) -> bool:
    """Return whether the far feed carries a share of the line now: not known counts as on."""
    far = fresh_feed(case)
    return feed.far_expected and (far is None or far.on is not False)


def holds_current(case: Case, feed: FeedPlan) -> bool:
    """Return whether the far feed holds the current too, so that no big step is sound; not known counts as yes."""
    far = fresh_feed(case)
    return far_is_on(case, feed) and (far is None or far.regulation != "cv")

