"""The data beside the machine of one amplifier task: what was asked, what the readings prove, and what is said of it.

Immutable: each call gives the next executor and what it says. The table and its theory are in stationd.core.amplifier.machine; this
is no loop and no safety function. Levels in dBm, times monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stationd.core.amplifier.guard import protecting
from stationd.core.amplifier.look import KNOWN_S, aged, lit, newest, shown, unseen
from stationd.core.amplifier.look import acting as protection_acts
from stationd.core.amplifier.machine import ENDS, TABLE, Event, Phase
from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.model import PointId, Reading, Reason, Tick, Value, WriteDone
from stationd.core.operation.orders import Way
from stationd.core.operation.task import AmplifierTask, Ended, Ending, Passed, Progress, Pump, Put, Said, SetMode, Stopped
from stationd.core.powerfeed.words import FRESH_S, Seen

PROOF_S = 10.0  # from the read-back until readings must have proved it: 4 s of the slowest unit (Amonics), doubled, and two polls
ANSWER_S = 30.0  # a write is answered within the time to settle of any driver and one queue: more is a lost answer (assumption)
OFF_MODE = "off"  # word of units whose mode switches the pumps (Keopsys CEFA)
NOT_TAKEN = frozenset(
    {
        Reason.READ_ONLY, Reason.QUEUE_FULL, Reason.REFUSED, Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_FUNCTION, Reason.ILLEGAL_VALUE,
        Reason.DEVICE_FAILURE,
    }
)  # fmt: skip
ENDINGS: Mapping[Phase, Ending] = {
    Phase.REACHED: Ending.REACHED,
    Phase.DEVIATED: Ending.DEVIATED,
    Phase.TIMED_OUT: Ending.TIMED_OUT,
    Phase.TRIPPED: Ending.ABORTED_BY_TRIP,
}
Step = tuple["AmplifierExecutor", tuple[Said, ...]]


@dataclass(frozen=True, slots=True)
class AmplifierExecutor:
    """One task on one amplifier. `asked` is the value of a write that was not answered yet; `before` the mode at the beginning.

    `since_t` is when the phase began, `from_t` from when on readings count as proof; `note` what the unit said to the write.
    """

    plan: AmplifierPlan
    task: AmplifierTask
    phase: Phase = Phase.IDLE
    way: Way = Way.RESUME
    before: str | None = None
    asked: Value | None = None
    since_t: float = 0.0
    from_t: float = 0.0
    note: str = ""

    @property
    def switch(self) -> PointId | None:
        """The point that is written; None where the unit has none that can be."""
        if isinstance(self.task, Pump):
            return self.plan.pump_on if self.plan.pump_writable else None
        return self.plan.mode if self.plan.mode_writable else None

    def value(self, way: Way) -> Value | None:
        """Return what the switch is to be at the end of that way. None: the way does not exist, since it would lead to light."""
        match self.task, way:
            case Pump(on), Way.RESUME:
                return on
            case SetMode(mode), Way.RESUME:
                return mode
            case Pump(on=True), Way.BACK:
                return False
            case SetMode(mode), Way.BACK if mode != OFF_MODE and self.before == OFF_MODE:
                return OFF_MODE
        return None

    def upward(self, way: Way) -> bool | None:
        """Return whether that way can lead to light: every mode but "off" can."""
        value = self.value(way)
        return None if value is None else value not in (False, OFF_MODE)

    def disturbed(self) -> str:
        """Return "": an amplifier that holds is not compared with what it was left at."""
        return ""

    def going_off(self) -> bool:
        """Return False: one write, and what is read after it can be held."""
        return False

    def begin(self, seen: Seen, now: float) -> Step:
        """Take the first step: the one write, unless the unit protects itself."""
        if self.phase is not Phase.IDLE:
            return self, ()
        before = newest(seen, self.plan.mode, now, KNOWN_S)
        word = before.value if before is not None and isinstance(before.value, str) else None
        return _start(replace(self, before=word), Way.RESUME, seen, now)

    def go(self, way: Way, seen: Seen, now: float) -> Step:
        """Go on, or back into the dark."""
        if self.phase is not Phase.HELD or self.value(way) is None:
            return self, ()
        return _start(self, way, seen, now)

    def hold(self, why: str, now: float) -> Step:
        """Write nothing any more. A write that is on its way is not taken back."""
        if self.phase in ENDS or self.phase is Phase.HELD:
            return self, ()
        return _to(self, Event.HOLD, now), (Stopped(why),)

    def take(self, event: Reading | WriteDone | Tick, seen: Seen, now: float) -> Step:
        """Look at what has happened."""
        if self.phase in ENDS or self.phase is Phase.IDLE:
            return self, ()
        if isinstance(event, WriteDone) and event.target == self.switch and self.asked is not None:
            return _answered(self, event, seen, now)
        return _look(self, seen, now)

    def deadline(self) -> float | None:
        """Return when a Tick is due if nothing happens."""
        match self.phase:
            case Phase.WRITING:
                return self.since_t + ANSWER_S
            case Phase.PROVING:
                return self.since_t + PROOF_S
            case _:
                return None

    def progress(self, seen: Seen, now: float) -> Progress:
        """Return how far it has come; what is measured is the output level."""
        due = self.deadline()
        level = newest(seen, self.plan.output_dbm, now, FRESH_S)
        measured = float(level.value) if level is not None and isinstance(level.value, (int, float)) else None
        left_s = None if due is None else max(0.0, due - now)
        return Progress(f"{self.phase.value}: {_worded(self.value(self.way))}", measured=measured, unit="dBm", left_s=left_s)

    def saved(self) -> Mapping[str, object]:
        """Return what it must know after a restart: the mode at the beginning. A write that was on its way is looked for by readings."""
        return {"phase": self.phase.value, "before": self.before}


def amplifier_executor(plan: AmplifierPlan, task: AmplifierTask) -> AmplifierExecutor:
    """Return an executor that has not begun."""
    return AmplifierExecutor(plan, task)


def restored(plan: AmplifierPlan, task: AmplifierTask, saved: Mapping[str, object]) -> AmplifierExecutor:
    """Return a held one after a restart, whatever `saved` holds. It sends nothing until a person lets it."""
    before = saved.get("before")
    return AmplifierExecutor(plan, task, Phase.HELD, before=before if isinstance(before, str) else None)


# ---------------------------------------------------------------------- steps


def _start(held: AmplifierExecutor, way: Way, seen: Seen, now: float) -> Step:
    """Begin, or go on that way: look whether anything may be sent, and whether anything needs to be."""
    going, plan = replace(held, way=way, note=""), held.plan
    switch = going.switch
    if switch is None:
        return _end(going, Event.REFUSED, f"{plan.device} has no such switch that can be written from here", now)
    if going.upward(way):
        if protection_acts(plan, seen, now):
            return _end(going, Event.PROTECTS, f"nothing was sent: {_protection(plan, seen, now)}", now)
        blind = unseen(plan, seen, now)
        if blind is not None:
            why = f"nothing is sent while it is not known whether the unit protects itself ({aged(blind, None, now)})"
            return _to(going, Event.GO_BLIND, now), (Stopped(why),)
    if going.asked is not None:
        return _to(going, Event.GO, now), ()  # the earlier write is still on its way: its answer comes first
    if _stands(going, seen, max(now - FRESH_S, going.from_t), now):
        return _look(replace(_to(going, Event.GO_THERE, now), from_t=now), seen, now)
    return _put(going, switch, now)


def _put(going: AmplifierExecutor, switch: PointId, now: float) -> Step:
    wanted = going.value(going.way)
    if wanted is None:
        return going, ()
    asked = replace(_to(going, Event.GO, now), asked=wanted, from_t=now, since_t=now)
    return asked, (Put(switch, wanted, f"{switch.point} {_worded(wanted)}"),)


def _answered(asking: AmplifierExecutor, done: WriteDone, seen: Seen, now: float) -> Step:
    """Take the answer to the write. Where a person has turned back meanwhile, the other value goes out only now."""
    after = replace(asking, asked=None, from_t=done.t)
    if after.phase is not Phase.WRITING:
        return _look(after, seen, now)
    if asking.asked != after.value(after.way):
        return _start(after, after.way, seen, now)
    if done.reason is Reason.NONE:
        written, said = _look(_to(after, Event.WRITTEN, now), seen, now)
        return written, (Passed(f"{done.target} shows {_worded(done.read_back)}"), *said)
    detail = f"asked {_worded(done.asked)}, read back {_worded(done.read_back)}: {done.detail or done.reason.value}"
    if done.reason in NOT_TAKEN or done.read_back is not None:
        return _end(after, Event.REFUSED, f"{done.target}: {detail}", now)
    return _look(replace(_to(after, Event.UNANSWERED, now), note=detail), seen, now)


def _look(going: AmplifierExecutor, seen: Seen, now: float) -> Step:
    """Compare with the readings: protection first, then proof, then time."""
    live = shown(going.plan, seen, now)
    if going.upward(going.way) and protection_acts(going.plan, seen, now):
        return _end(going, Event.PROTECTS, f"{_protection(going.plan, seen, now)}; {live}", now)
    if going.phase is Phase.PROVING and _stands(going, seen, going.from_t, now) and _lights(going, seen, now):
        return _end(going, Event.AGREES, live, now)
    due = going.deadline()
    if due is None or now < due:
        return going, ()
    if going.phase is Phase.WRITING:
        return _end(going, Event.MISSING, f"the write was not answered for {ANSWER_S:g} s; {live}", now)
    return _late(going, seen, live, now)


def _late(going: AmplifierExecutor, seen: Seen, live: str, now: float) -> Step:
    """End the time of proof: readings that say otherwise, or none."""
    last = newest(seen, going.switch, now, FRESH_S)
    unlit = _needs_light(going) and lit(going.plan, seen, now) is None
    event = Event.MISSING if last is None or (unlit and last.value == going.value(going.way)) else Event.OTHER
    note = f"; the write: {going.note}" if going.note else ""
    return _end(going, event, f"not proved within {PROOF_S:g} s: {live}{note}", now)


def _needs_light(going: AmplifierExecutor) -> bool:
    """Return True for a pump that is switched on; a change of mode may turn the output off, as some units do (FiberLabs)."""
    return going.plan.output_dbm is not None and isinstance(going.task, Pump) and going.value(going.way) is True


def _lights(going: AmplifierExecutor, seen: Seen, now: float) -> bool:
    return not _needs_light(going) or lit(going.plan, seen, now) is True


def _stands(going: AmplifierExecutor, seen: Seen, from_t: float, now: float) -> bool:
    """Return True when two good readings since `from_t` show what is wanted, the newest fresh."""
    switch, wanted = going.switch, going.value(going.way)
    both = seen.readings.get(switch, ())[-2:] if switch is not None else ()
    good = [each for each in both if each.quality.good and each.value == wanted and each.t >= from_t]
    return len(good) == 2 and newest(seen, switch, now, FRESH_S) is not None


def _protection(plan: AmplifierPlan, seen: Seen, now: float) -> str:
    return protecting(plan, seen, now) or f"the unit reports a fault ({plan.fault})"


def _to(going: AmplifierExecutor, event: Event, now: float) -> AmplifierExecutor:
    after = TABLE[going.phase, event]
    return going if after is going.phase else replace(going, phase=after, since_t=now)


def _end(going: AmplifierExecutor, event: Event, detail: str, now: float) -> Step:
    after = _to(going, event, now)
    if after.phase not in ENDINGS:
        return after, ()
    return replace(after, asked=None), (Ended(ENDINGS[after.phase], detail),)


def _worded(value: Value | None) -> str:
    if value is None:
        return "nothing"
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
