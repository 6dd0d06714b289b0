"""What a change of the voltages and currents from before to after speaks for. Electrical figures only; light is judged elsewhere.

It follows the event table of a double-end fed line and the lessons of its published test vectors:
    shunt            the split changes, the sum stays, each feed gives up its droop per volt: I_a - I_b = g_b dV_b - g_a dV_a
    set-point moved  the split changes, the sum stays, I_a = I_b (half a milliampere moves 76 V, so this is common), and one of
                     the feeds stays on its droop
    earth potential  both voltages move the same way, slowly
    repeater         both voltages move the same way, at once
    trip             one voltage to nothing, the other to that of the whole line
    cut              as a shunt, and the sum rises by what the two bare ends need in the sea
    open             no current, the voltage at its limit
Where the meters cannot tell two of these apart (a shunt near the virtual earth, and a set-point moved a little) both are named. A
droop that nobody has configured or learnt may be anything between nothing and its highest, and a feed that holds its voltage has
none and no set-point of the current that could have moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import sqrt

from stationd.core.line.cable import carries_all, line_v, repeater_v
from stationd.core.line.uncertainty import Droop, Ends, Uncertainty
from stationd.core.line.words import Cable, End, Feed, Regulation

SIGMAS = 4.0  # a figure counts as changed beyond so many standard deviations of its meters
GONE_SHARE = 0.02  # below this share of the line's voltage or of the current before, it is gone; assumption
EARTH_V_PER_S = 1.0  # the earth potential of a line never moves faster: 0.1 V/km in a minute, 600 km; assumption
SLOW_S = 30.0  # what took longer is no step of a repeater; assumption
WHOLE_REPEATER_SHARE = 0.1  # a sum that moved by one repeater's drop, so nearly; assumption
LEAST_ELECTRODE_OHM = 0.5  # two bare ends in the sea need at least this together; assumption


class Cause(Enum):
    """What can be behind a change. What is not here cannot be seen in voltages and currents."""

    NOTHING = "nothing"
    SHUNT = "shunt"
    MIS_SET = "mis-set"  # a current set-point moved
    EARTH_POTENTIAL = "earth-potential"
    REPEATER = "repeater"  # the drop of a repeater changed
    TRIP_A = "trip-a"
    TRIP_B = "trip-b"
    BOTH_OFF = "both-off"
    CUT = "cut"
    OPEN = "open"

    @staticmethod
    def trip(end: End) -> Cause:
        """The feed of this end went off."""
        return Cause.TRIP_A if end is End.A else Cause.TRIP_B


@dataclass(frozen=True, slots=True)
class Steps:
    """The figures of a change with both ends, after minus before.

    `sum_v` is corrected for the change of the common current; `expected_ma` is the fault current that the droop of the feeds
    makes of `split_v` when current leaks, `fault_ma` the measured one.
    """

    a_v: float
    b_v: float
    split_v: float
    sum_v: float
    fault_ma: float
    expected_ma: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What it can be, likeliest first; none: it fits nothing known. `why` is a sentence for people."""

    candidates: tuple[Cause, ...]
    why: str
    steps: Steps | None = None

    @property
    def cause(self) -> Cause | None:
        """The cause when there is but one; None means: cannot tell."""
        return self.candidates[0] if len(self.candidates) == 1 else None


def off_droop_ma(droop: Droop, step_v: float, step_ma: float) -> float:
    """How far a step of the current is from what the droop makes of the step of the voltage, mA; 0 where the droop can explain it."""
    ends_ma = sorted((-1000 * droop.low_s * step_v, -1000 * droop.high_s * step_v))
    return min(step_ma - ends_ma[0], 0.0) + max(step_ma - ends_ma[1], 0.0)


def holds_voltage(then: Feed, now: Feed) -> bool:
    """Whether a feed is at its voltage limit, before or after: its droop says nothing then, and its set-point neither."""
    return Regulation.VOLTAGE in (then.regulation, now.regulation)


def what_changed(cable: Cable, before: Ends, after: Ends, uncertainty: Uncertainty | None = None) -> Finding:
    """Compare settled readings. An end counts only with readings before and after; with neither, nothing can be told."""
    known = Uncertainty() if uncertainty is None else uncertainty
    match before.a, after.a, before.b, after.b:
        case Feed() as then_a, Feed() as now_a, Feed() as then_b, Feed() as now_b:
            return _both(_Change(cable, known, then_a, now_a, then_b, now_b))
        case Feed() as then, Feed() as now, _, _:
            return _alone(cable, known, End.A, then, now)
        case _, _, Feed() as then, Feed() as now:
            return _alone(cable, known, End.B, then, now)
    return Finding((), "no end has readings both before and after")


@dataclass(frozen=True, slots=True)
class _Change:
    cable: Cable
    known: Uncertainty
    then_a: Feed
    now_a: Feed
    then_b: Feed
    now_b: Feed

    def steps(self) -> Steps:
        a_v, b_v = self.now_a.voltage_v - self.then_a.voltage_v, self.now_b.voltage_v - self.then_b.voltage_v
        a_ma, b_ma = self.now_a.current_ma - self.then_a.current_ma, self.now_b.current_ma - self.then_b.current_ma
        common_v = (a_ma + b_ma) / 2000 * (self.cable.ohm_per_km * self.cable.length_km + 2 * self.cable.sea_earth_ohm)
        seconds = max(self.now_a.t - self.then_a.t, self.now_b.t - self.then_b.t)
        expected_ma = (self.known.droop_b.middle_s * b_v - self.known.droop_a.middle_s * a_v) * 1000
        return Steps(a_v, b_v, a_v - b_v, a_v + b_v - common_v, a_ma - b_ma, expected_ma, seconds)

    def off_droops_ma(self) -> list[float]:
        """How far each feed that holds its current has left its droop."""
        ends = ((End.A, self.then_a, self.now_a), (End.B, self.then_b, self.now_b))
        return [
            off_droop_ma(self.known.droop(end), now.voltage_v - then.voltage_v, now.current_ma - then.current_ma)
            for end, then, now in ends
            if not holds_voltage(then, now)
        ]


# Both ends


def _both(change: _Change) -> Finding:
    dead_a, dead_b = _dead(change.cable, change.then_a, change.now_a), _dead(change.cable, change.then_b, change.now_b)
    was_dead = _dead(change.cable, change.then_a, change.then_a) or _dead(change.cable, change.then_b, change.then_b)
    flows_a, flows_b = _flows(change.then_a, change.now_a), _flows(change.then_b, change.now_b)
    if not flows_a and not flows_b:
        return _both_dead(change) if dead_a and dead_b else _no_current(change, dead_a, dead_b)
    if dead_a != dead_b:
        return _fed_from_one(change) if was_dead else _one_dead(change, End.A if dead_a else End.B)
    if flows_a != flows_b:
        return Finding((Cause.CUT, Cause.SHUNT), "one end feeds, and its current does not reach the other", change.steps())
    return _alive(change)


def _both_dead(change: _Change) -> Finding:
    if change.now_a.on and change.now_b.on:
        return Finding((Cause.BOTH_OFF, Cause.OPEN), "no voltage and no current, although both feeds say that they are on", change.steps())
    return Finding((Cause.BOTH_OFF,), "no voltage and no current at both ends", change.steps())


def _no_current(change: _Change, dead_a: bool, dead_b: bool) -> Finding:
    if dead_a != dead_b:
        trip = Cause.trip(End.A if dead_a else End.B)
        return Finding((Cause.OPEN, trip), "no current, one end without voltage: parted, or that feed off and open", change.steps())
    return Finding((Cause.OPEN,), "the current is gone at both ends and both still drive", change.steps())


def _one_dead(change: _Change, dead: End) -> Finding:
    """One end without voltage: it tripped, or the line touches the sea at its door."""
    steps, trip = change.steps(), Cause.trip(dead)
    then, now, other = (change.then_a, change.now_a, change.now_b) if dead is End.A else (change.then_b, change.now_b, change.now_a)
    if not carries_all(change.cable, other, change.known):
        text = f"end {dead.value} has no voltage, and the other reaches only a part of the line"
        return Finding((trip, Cause.CUT, Cause.SHUNT) if now.on is False else (Cause.CUT, Cause.SHUNT, trip), text, steps)
    if now.on is False or not _flows(then, now):
        return Finding((trip,), f"end {dead.value} is off, the other carries the whole line", steps)
    leak, even = _chi2_of_leak(change), _chi2_of_even(change)
    if even > SIGMAS**2 >= leak:
        return Finding((Cause.SHUNT, Cause.CUT), f"end {dead.value} has no voltage, and current leaks close to it", steps)
    if leak > SIGMAS**2 >= even:
        return Finding((trip,), f"end {dead.value} has no voltage and carries the other's current", steps)
    return Finding((trip, Cause.SHUNT), f"end {dead.value} has no voltage; its meters cannot tell why", steps)


def _fed_from_one(change: _Change) -> Finding:
    """Before and after, one end alone feeds and the other is its way to the earth."""
    steps, known = change.steps(), change.known
    if abs(steps.fault_ma) > SIGMAS * 2 * known.current_sd_ma:
        gone = not (_flows(change.then_a, change.now_a) and _flows(change.then_b, change.now_b))
        text = f"{abs(steps.fault_ma):.1f} mA of one end do not reach the other"
        return Finding((Cause.CUT, Cause.SHUNT) if gone else (Cause.SHUNT,), text, steps)
    if abs(steps.sum_v) > SIGMAS * 2 * known.voltage_sd_v:
        return _sum_moved(change, steps)
    common_ma = (change.now_a.current_ma + change.now_b.current_ma - change.then_a.current_ma - change.then_b.current_ma) / 2
    held = holds_voltage(change.then_a, change.now_a) or holds_voltage(change.then_b, change.now_b)
    if abs(common_ma) > SIGMAS * known.current_sd_ma and held:
        return Finding((Cause.EARTH_POTENTIAL, Cause.REPEATER), f"the current moved by {common_ma:+.2f} mA, the voltage is held", steps)
    if abs(common_ma) > SIGMAS * known.current_sd_ma:
        return Finding((Cause.MIS_SET,), f"the current moved by {common_ma:+.2f} mA at both ends: a set-point", steps)
    return Finding((Cause.NOTHING,), "nothing moved by more than the meters can tell", steps)


def _alive(change: _Change) -> Finding:
    """Both ends drive a current: the fine differences."""
    steps, known = change.steps(), change.known
    seen_v, seen_ma = SIGMAS * 2 * known.voltage_sd_v, SIGMAS * 2 * known.current_sd_ma
    blur_v = abs(steps.fault_ma) / 2000 * change.cable.ohm_per_km * change.cable.length_km  # the sum of unequal currents
    split, whole, leak = abs(steps.split_v) > seen_v, abs(steps.sum_v) > seen_v + blur_v, abs(steps.fault_ma) > seen_ma
    if not (split or whole or leak):
        return Finding((Cause.NOTHING,), "nothing moved by more than the meters can tell", steps)
    if whole and abs(steps.split_v) < abs(steps.sum_v) and not leak:
        return _sum_moved(change, steps)
    if not split:
        return Finding((), "the currents of the ends part, the voltages stay: no fault of a line does this, look at the meters", steps)
    return _split_moved(change, steps, steps.sum_v if whole else 0.0)


def _sum_moved(change: _Change, steps: Steps) -> Finding:
    """Both voltages went the same way: the earth, a repeater, or the electrodes of a cut near the virtual earth."""
    text = f"both voltages moved the same way, the sum by {steps.sum_v:+.1f} V"
    step_v = repeater_v(change.cable, change.now_a.current_ma / 1000)
    whole = step_v > 0 and abs(abs(steps.sum_v) - step_v) <= WHOLE_REPEATER_SHARE * step_v
    noise_v = SIGMAS * 2 * change.known.voltage_sd_v
    allowance_v = 2 * change.known.earth_v_per_km * change.cable.length_km
    slow = steps.seconds >= SLOW_S
    earth = abs(steps.sum_v) <= noise_v + min(EARTH_V_PER_S * max(0.0, steps.seconds), allowance_v)
    found = [Cause.EARTH_POTENTIAL] if earth else []
    if change.cable.repeaters_km and (whole or not earth or not slow):
        found.insert(0 if whole or not earth else 1, Cause.REPEATER)
    if not slow and _electrodes(change, steps.sum_v):
        found.append(Cause.CUT)
    return Finding(tuple(found), f"{text}{', slowly' if slow else ''}", steps)


def _split_moved(change: _Change, steps: Steps, sum_v: float) -> Finding:
    """A leak or a set-point: which of the two explains the currents."""
    leak, even = _chi2_of_leak(change), _chi2_of_even(change)
    text = f"the split moved by {steps.split_v / 2:+.1f} V, I_a - I_b by {steps.fault_ma:+.2f} mA"
    earth = (Cause.EARTH_POTENTIAL,) if sum_v else ()
    cut = (Cause.CUT,) if _electrodes(change, sum_v) else ()
    if min(leak, even) > SIGMAS**2:
        return Finding((), f"{text}: neither a leak nor one set-point does this; look at the meters", steps)
    if even > SIGMAS**2:
        order = (*cut, Cause.SHUNT) if cut else (Cause.SHUNT, *earth)
        return Finding(order, f"{text}: current leaks to the sea{', through bare ends' if cut else ''}", steps)
    if not change.off_droops_ma():
        return Finding((Cause.SHUNT, *cut, *earth), f"{text}: both feeds hold their voltage, and no set-point of theirs shows", steps)
    if leak > SIGMAS**2 and _on_droop(change):
        return Finding((Cause.MIS_SET, *earth), f"{text}: no current leaks, a set-point moved", steps)
    if leak > SIGMAS**2:
        return Finding((Cause.MIS_SET, Cause.SHUNT, *cut, *earth), f"{text}: no feed stayed on its droop", steps)
    likelier = (Cause.SHUNT, Cause.MIS_SET) if leak < even else (Cause.MIS_SET, Cause.SHUNT)
    return Finding((*likelier, *cut, *earth), f"{text}: too little to tell a set-point from a shunt", steps)


def _electrodes(change: _Change, sum_v: float) -> bool:
    """The sum rose by what two bare ends in the sea need."""
    current_a = (change.now_a.current_ma + change.now_b.current_ma) / 2000
    noise_v = SIGMAS * 2 * change.known.voltage_sd_v
    return LEAST_ELECTRODE_OHM * current_a <= sum_v <= 2 * current_a * change.known.electrode_ohm + noise_v


def _chi2_of_leak(change: _Change) -> float:
    """How badly a leak explains the currents: each feed must have given up its own droop times the change of its own voltage."""
    return sum(off_ma**2 for off_ma in change.off_droops_ma()) / (2 * change.known.current_sd_ma**2)


def _on_droop(change: _Change) -> bool:
    """Whether one of the feeds has stayed on its droop, so that the step is the other's."""
    return min(abs(off_ma) for off_ma in change.off_droops_ma()) <= SIGMAS * sqrt(2) * change.known.current_sd_ma


def _chi2_of_even(change: _Change) -> float:
    """How badly equal currents explain the currents."""
    return (change.steps().fault_ma / (2 * change.known.current_sd_ma)) ** 2


# One end alone


def _alone(cable: Cable, known: Uncertainty, end: End, then: Feed, now: Feed) -> Finding:
    """What one end can say without the other; the far station decides between the candidates."""
    own, far = Cause.trip(end), Cause.trip(end.other)
    dead, flows = _dead(cable, then, now), _flows(then, now)
    if now.on is False and dead:
        return Finding((own,), "this end is off; of the far end nothing is known")
    if dead and not flows:
        return Finding((own, Cause.BOTH_OFF, Cause.OPEN), "no voltage and no current at this end")
    if dead:
        return Finding((Cause.SHUNT, Cause.CUT) if now.on else (own, Cause.SHUNT, Cause.CUT), "current without voltage at this end")
    if not flows:
        return Finding((Cause.OPEN, far), "this end drives, and no current flows: parted, or the far end off and open")
    return _alone_alive(cable, known, end, then, now)


def _alone_alive(cable: Cable, known: Uncertainty, end: End, then: Feed, now: Feed) -> Finding:
    step_v, step_ma = now.voltage_v - then.voltage_v, now.current_ma - then.current_ma
    seen_v, seen_ma = SIGMAS * sqrt(2) * known.voltage_sd_v, SIGMAS * sqrt(2) * known.current_sd_ma
    moved = f"the voltage of this end moved by {step_v:+.1f} V; only the far end can tell why"
    if abs(step_v) > seen_v and carries_all(cable, now, known) and not carries_all(cable, then, known):
        return Finding((Cause.trip(end.other), Cause.SHUNT, Cause.CUT), f"{moved}: it carries the whole line or nearly so")
    held = holds_voltage(then, now)
    if held and abs(step_ma) > seen_ma:
        text = f"the current of this end moved by {step_ma:+.2f} mA while it holds its voltage; only the far end can tell why"
        return Finding((Cause.SHUNT, Cause.MIS_SET, Cause.CUT), text)
    if not held and abs(off_droop_ma(known.droop(end), step_v, step_ma)) > seen_ma:
        text = f"the current of this end moved by {step_ma:+.2f} mA, more than its droop: its set-point"
        if known.droop(end).known:
            return Finding((Cause.MIS_SET,), text)
        return Finding((Cause.MIS_SET, Cause.SHUNT, Cause.CUT), f"{text}, if its droop is usual")
    if abs(step_v) <= seen_v:
        return Finding((Cause.NOTHING,), "nothing moved at this end; a fault near the virtual earth would not show")
    return _moved_alone(cable, known, now, step_v, moved)


def _moved_alone(cable: Cable, known: Uncertainty, now: Feed, step_v: float, text: str) -> Finding:
    more = (Cause.EARTH_POTENTIAL,) if abs(step_v) <= 2 * known.earth_v_per_km * cable.length_km else ()
    step_of_repeater = cable.repeaters_km and abs(step_v) <= (1 + WHOLE_REPEATER_SHARE) * repeater_v(cable, now.current_ma / 1000)
    return Finding((Cause.SHUNT, Cause.MIS_SET, Cause.CUT, *more, *((Cause.REPEATER,) if step_of_repeater else ())), text)


# Words of the rules above


def _dead(cable: Cable, then: Feed, now: Feed) -> bool:
    """No voltage to speak of."""
    return now.voltage_v < GONE_SHARE * line_v(cable, max(then.current_ma, now.current_ma) / 1000)


def _flows(then: Feed, now: Feed) -> bool:
    return now.current_ma > max(GONE_SHARE * then.current_ma, 0.0)
