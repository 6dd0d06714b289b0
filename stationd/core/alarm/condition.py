"""The condition of an alarm: from readings to "raise" and "clear". Pure; all times are monotonic seconds.

    quiet --(beyond the limit for on_delay, or `count` times within `within`)--> raised
    raised --(back by more than the deadband for off_delay)--> quiet

A delay counts only while the value is known. Bad quality freezes: neither raise nor clear, and the part of the delay that had
passed is kept. What bad quality means in detail:

* no value (BAD) or an old one (STALE): nothing is known. An alarm on a safety input takes it as beyond its limit.
* below what the unit can measure: for an alarm on a low level that is beyond its limit; it clears nothing.
* outside the limits of the unit (UNCERTAIN out-of-range): it may raise, it clears nothing.
* any other UNCERTAIN value is a value.

Delays and counting follow the approach of Phoebus (delay, and count within delay), deadband and delays that of ISA-18.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from stationd.core.model import Level, Reading, Reason, Value


@dataclass(frozen=True, slots=True)
class Below:
    """Beyond under `limit`, back at `limit` + `deadband`, both in the unit of the point."""

    limit: float
    deadband: float = 0.0


@dataclass(frozen=True, slots=True)
class Above:
    """Beyond over `limit`, back at `limit` - `deadband`, both in the unit of the point."""

    limit: float
    deadband: float = 0.0


@dataclass(frozen=True, slots=True)
class Equals:
    """Beyond while the value is this one; true is not 1."""

    value: Value


@dataclass(frozen=True, slots=True)
class Outside:
    """Beyond under `low` or over `high`, back when it is inside by `deadband`, all in the unit of the point."""

    low: float
    high: float
    deadband: float = 0.0


Test = Below | Above | Outside | Equals


@dataclass(frozen=True, slots=True)
class Burst:
    """Raise as well when the limit was passed `count` times within `within_s`, however short each time was."""

    count: int
    within_s: float


@dataclass(frozen=True, slots=True)
class Condition:
    """What is looked for, and for how long. Delays in seconds; `safety`: what is not known counts as beyond the limit.

    `after_good`: nothing is looked for before the value has been right once. A supply that stands by is not a failed one.
    """

    test: Test
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    burst: Burst | None = None
    safety: bool = False
    after_good: bool = False


class Look(Enum):
    """What one reading says. WITHIN the deadband speaks for neither side."""

    BEYOND = "beyond"
    WITHIN = "within"
    BACK = "back"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class State:
    """Where a condition stands.

    `side` is the last known side of the limit, `known` whether it is known now; `since` is when the present look began to
    speak against `raised` (None: it does not, or it is frozen), `spent_s` what had passed of that delay before it was frozen,
    `onset` when that first began, `passes` when the limit was passed lately.
    """

    raised: bool = False
    side: Look = Look.UNKNOWN
    known: bool = False
    since: float | None = None
    spent_s: float = 0.0
    onset: float | None = None
    passes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A condition has come (`raised`) or gone, at `t`; what led to it began at `onset`."""

    raised: bool
    t: float
    onset: float


def look(condition: Condition, reading: Reading) -> tuple[Look, bool]:
    """Return what a reading says about a condition, and whether that is known or only assumed because nothing is known."""
    seen = _zone(condition.test, reading)
    if seen is Look.UNKNOWN:
        return (Look.BEYOND if condition.safety else Look.UNKNOWN), False
    if seen is Look.BACK and reading.quality.reason is Reason.OUT_OF_RANGE:
        return Look.UNKNOWN, False
    return seen, True


def _zone(test: Test, reading: Reading) -> Look:
    if reading.quality.reason is Reason.BELOW_RANGE and reading.quality.level is Level.BAD:
        return Look.BEYOND if isinstance(test, Below) else Look.UNKNOWN
    if reading.value is None or reading.quality.level in (Level.BAD, Level.STALE):
        return Look.UNKNOWN
    return _compare(test, reading.value)


def _compare(test: Test, value: Value) -> Look:
    match test:
        case Equals(wanted):
            same = value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
            return Look.BEYOND if same else Look.BACK
        case _ if isinstance(value, str) or value != value:  # a word, or not a number at all, is on no side of a limit
            return Look.UNKNOWN
        case Below(limit, deadband):
            return Look.BEYOND if value < limit else Look.BACK if value >= limit + deadband else Look.WITHIN
        case Above(limit, deadband):
            return Look.BEYOND if value > limit else Look.BACK if value <= limit - deadband else Look.WITHIN
        case Outside(low, high, deadband):
            if value < low or value > high:
                return Look.BEYOND
            return Look.BACK if low + deadband <= value <= high - deadband else Look.WITHIN


def step(condition: Condition, state: State, seen: Look | None, t: float) -> tuple[State, tuple[Change, ...]]:
    """Take what a reading of time `t` says (None: only time has passed) and return what follows, in order of time.

    A delay that had ended by `t` is acted on first, so that the result does not depend on when somebody looked.
    """
    if state.since is None and state.known and seen is state.side and (seen is Look.BEYOND) is state.raised:
        return state, ()  # the same as before, which is nearly always so
    state, before = _ripen(condition, state, t)
    if seen is None:
        return state, before
    state, counted = _turn(condition, state, seen, t)
    state, after = _ripen(condition, state, t)
    return state, (*before, *counted, *after)


def deadline(condition: Condition, state: State) -> float | None:
    """Return when the present delay ends, or None when none runs."""
    if state.since is None:
        return None
    delay = condition.off_delay_s if state.raised else condition.on_delay_s
    return state.since + max(delay - state.spent_s, 0.0)


def freeze(state: State, t: float) -> State:
    """Stop the running delay at `t`: nothing is known from here on until the next look."""
    if state.since is None:
        return replace(state, known=False)
    return replace(state, known=False, since=None, spent_s=state.spent_s + max(t - state.since, 0.0))


def _ripen(condition: Condition, state: State, t: float) -> tuple[State, tuple[Change, ...]]:
    end = deadline(condition, state)
    if end is None or t < end:
        return state, ()
    assert state.since is not None
    onset = state.since if state.onset is None else state.onset
    change = Change(not state.raised, end, onset)
    # A value that has not moved since keeps speaking for the new state; it speaks against it only with the next look.
    return replace(state, raised=change.raised, since=None, spent_s=0.0, onset=None), (change,)


def _turn(condition: Condition, state: State, seen: Look, t: float) -> tuple[State, tuple[Change, ...]]:
    if seen is Look.UNKNOWN:
        return freeze(state, t), ()
    if condition.after_good and seen is Look.BEYOND and state.side is Look.UNKNOWN and not state.raised:
        seen = Look.WITHIN
    passed = seen is Look.BEYOND and state.side is not Look.BEYOND and not state.raised
    passes = _passes(condition, state, t) if passed else state.passes
    side = state.side if seen is Look.WITHIN else seen
    if seen is not (Look.BACK if state.raised else Look.BEYOND):
        return replace(state, side=side, known=True, since=None, spent_s=0.0, onset=None), ()
    since = t if state.since is None else state.since
    onset = since if state.onset is None else state.onset
    state = replace(state, side=side, known=True, since=since, onset=onset, passes=passes)
    return _burst(condition, state, t) if passed else (state, ())


def _passes(condition: Condition, state: State, t: float) -> tuple[float, ...]:
    """Return the last times at which the limit was passed, no more of them than are counted."""
    return () if condition.burst is None else (*state.passes, t)[-condition.burst.count :]


def _burst(condition: Condition, state: State, t: float) -> tuple[State, tuple[Change, ...]]:
    burst = condition.burst
    if burst is None or len(state.passes) < burst.count or t > state.passes[0] + burst.within_s:
        return state, ()
    change = Change(raised=True, t=t, onset=state.passes[0])
    return replace(state, raised=True, since=None, spent_s=0.0, onset=None, passes=()), (change,)
