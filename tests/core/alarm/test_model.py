"""The alarm desk against a small model of it that knows neither deadlines nor tables: it counts ticks.

Both live through the same random history of readings, lost readings, signals, orders of people, waiting, and restarts with a new
monotonic clock; after each step every letter, every count and every message must be the same. In CI this takes a few hundred
steps; the long run is

    ALARM_MODEL_STEPS=20000 pytest tests/core/alarm/test_model.py
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stationd.core.alarm.condition import Below, Burst, Condition, Equals
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.inhibit import Link
from stationd.core.alarm.memory import as_plain, row_of
from stationd.core.alarm.plan import Plan
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import (
    Acknowledge,
    Annunciate,
    Done,
    Order,
    Reset,
    ReturnToService,
    Shelve,
    Signal,
    TakeOutOfService,
    Target,
    Unshelve,
)
from stationd.core.model import GOOD, Level, PointId, Quality, ReadFailed, Reading, Reason, Tick
from tests.core.alarm import plans

STEPS = int(os.environ.get("ALARM_MODEL_STEPS", "1000"))
STEPS_EACH = min(STEPS, 100)
TICK = 0.0625  # s, as are all times here: sums of them are exact; ends of different kinds never fall on the same tick
BAD = Quality(Level.BAD, Reason.TIMEOUT)
HOLD_BACK, HOLD_OFF, WITHIN, FIRST_READING = 1.5, 5.125, 8.125, 15.0
RANK = {Severity.WARNING: 0, Severity.MINOR: 1, Severity.MAJOR: 2, Severity.CRITICAL: 3}

# name: (severity, latching, condition or None for a signal)
SORTS: dict[str, tuple[Severity, bool, Condition | None]] = {
    "CAUSE": (Severity.CRITICAL, True, Condition(Below(10.0, 2.0), 0.0, 3.4375)),
    "PLAIN": (Severity.MINOR, False, Condition(Below(10.0, 2.0), 2.3125, 3.4375)),
    "LATCH": (Severity.MAJOR, True, Condition(Below(10.0, 2.0), 1.3125, 2.4375)),
    "BURST": (Severity.WARNING, False, Condition(Below(10.0, 2.0), 30.3125, 1.4375, Burst(3, 12.0))),
    "GUARD": (Severity.CRITICAL, False, Condition(Equals(False), 0.0, 2.4375, safety=True)),
    "SAID": (Severity.MINOR, False, None),
}
EFFECTS = ("PLAIN", "LATCH", "SAID")
NAMES = sorted(SORTS)
WATCHED = [name for name in NAMES if SORTS[name][2] is not None]
SHELF_S = {Severity.WARNING: 28_800, Severity.MINOR: 28_800, Severity.MAJOR: 7200, Severity.CRITICAL: 0}


def ticks(seconds: float) -> int:
    return round(seconds / TICK)


@dataclass
class Alarm:
    """The model's alarm: plain facts, changed tick by tick."""

    name: str
    severity: Severity
    on: bool = False
    seen: bool = True
    latch: bool = False
    shelf: int | None = None  # ticks that are left
    one_shot: bool = False
    out: bool = False
    under: bool = False  # folded under CAUSE
    comes: int = 0
    number: int = 0
    worst: Severity = Severity.WARNING
    look: str = "lost"
    side: str = "unknown"
    run: int = 0
    begun: int | None = None
    onset: int = -(10**9)
    passes: list[int] = field(default_factory=list)
    tell_in: int | None = None
    told: int = 0
    heard_by: int | None = None  # when silence since the start counts as lost
    proven: bool = False

    @property
    def hidden(self) -> bool:
        return self.out or self.under or self.shelf is not None

    @property
    def letter(self) -> str:
        if self.hidden:
            return "I" if self.out else "H" if self.under else "G"
        if self.on:
            return "C" if self.seen else "B"
        if self.latch:
            return "F" if self.seen else "E"
        return "A" if self.seen else "D"


class Model:
    """The model of the desk. It has one clock, which counts ticks and never starts anew."""

    def __init__(self) -> None:
        self.now = 0
        self.alarms = {name: Alarm(name, SORTS[name][0], worst=SORTS[name][0]) for name in NAMES}
        self.cause_onset: int | None = None
        self.cause_ended: int | None = None
        self.fade: int | None = None
        self.start()

    def start(self) -> None:
        for alarm in self.alarms.values():
            alarm.look = "lost"
            alarm.heard_by = None if SORTS[alarm.name][2] is None else self.now + ticks(FIRST_READING)

    # Time.

    def wait(self, count: int, *, dead: bool = False) -> None:
        """Let ticks pass. While the program is dead nothing is looked at, but shelves and causes grow old."""
        for _ in range(count):
            self.now += 1
            for alarm in self.alarms.values():
                if not dead:
                    self.tick(alarm)
            self.grow_old(dead=dead)

    def tick(self, alarm: Alarm) -> None:
        if alarm.heard_by == self.now:
            self.hear(alarm, "lost")
        condition = SORTS[alarm.name][2]
        if condition is None:
            return
        if not alarm.on and alarm.look == "bad":
            alarm.run += 1
            if alarm.run >= ticks(condition.on_delay_s):
                self.come(alarm)
        elif alarm.on and alarm.look == "good":
            alarm.run += 1
            if alarm.run >= ticks(condition.off_delay_s):
                self.go(alarm)

    def grow_old(self, *, dead: bool) -> None:
        for alarm in self.alarms.values():
            if alarm.tell_in is not None and not dead:
                alarm.tell_in -= 1
                if alarm.tell_in == 0:
                    alarm.tell_in = None
                    alarm.told += alarm.letter in "BDE"
            if alarm.shelf is not None:
                alarm.shelf -= 1
                if alarm.shelf <= 0:
                    self.unshelve(alarm)
        if self.fade is not None:
            self.fade -= 1
            if self.fade <= 0:
                self.fade, self.cause_onset, self.cause_ended = None, None, None
                for name in EFFECTS:
                    self.show(self.alarms[name], "under")

    # Readings.

    def hear(self, alarm: Alarm, look: str, at: int | None = None) -> None:
        condition = SORTS[alarm.name][2]
        assert condition is not None
        alarm.heard_by = None
        known = look != "lost"
        if look == "lost" and condition.safety:
            look = "bad"
        passed = look == "bad" and alarm.side != "bad" and not alarm.on
        if look in ("bad", "good"):
            alarm.side = look
        against = "good" if alarm.on else "bad"
        if look not in (against, "lost"):
            alarm.run, alarm.begun = 0, None
        if look == against and alarm.begun is None:
            alarm.begun = self.now
        alarm.look = look
        delay = condition.off_delay_s if alarm.on else condition.on_delay_s
        if passed and condition.burst is not None:
            alarm.passes = [*alarm.passes, self.now][-condition.burst.count :]
            if len(alarm.passes) == condition.burst.count and self.now <= alarm.passes[0] + ticks(condition.burst.within_s):
                alarm.begun, alarm.passes = alarm.passes[0], []
                self.come(alarm, known=known)
        if look == against and alarm.run >= ticks(delay) and alarm.on is (against == "good"):
            (self.go if alarm.on else self.come)(alarm)
        if known and look == "bad" and alarm.on:
            alarm.proven = True
            self.weigh()

    def say(self, alarm: Alarm, on: bool, severity: Severity) -> None:
        if on and not alarm.on:
            alarm.begun = self.now
            self.come(alarm, severity=severity)
        elif not on and alarm.on:
            self.go(alarm)
        elif on and RANK[severity] > RANK[alarm.worst]:
            alarm.number += 1
            alarm.severity = alarm.worst = severity
            if not alarm.hidden:
                alarm.seen, alarm.told, alarm.tell_in = False, alarm.told + 1, None
            self.never_shelved(alarm)
        elif on:
            alarm.severity = severity

    # The life of an alarm.

    def come(self, alarm: Alarm, *, known: bool = True, severity: Severity | None = None) -> None:
        alarm.severity = severity or SORTS[alarm.name][0]
        alarm.worst = alarm.severity if alarm.seen else max(alarm.worst, alarm.severity, key=RANK.__getitem__)
        alarm.comes, alarm.number = alarm.comes + 1, alarm.number + 1
        alarm.onset, alarm.begun, alarm.run = (self.now if alarm.begun is None else alarm.begun), None, 0
        if alarm.name in EFFECTS and self.explained(alarm):
            alarm.under, alarm.tell_in = True, None
        else:
            self.show(alarm, "under")
        alarm.on, alarm.seen, alarm.proven = True, False, known and alarm.look != "lost"
        alarm.latch = SORTS[alarm.name][1]
        if not alarm.hidden:
            if alarm.name not in EFFECTS:
                alarm.told += 1
            elif alarm.tell_in is None:  # one that waits already is told no later
                alarm.tell_in = ticks(HOLD_BACK)
        self.weigh()
        self.never_shelved(alarm)

    def go(self, alarm: Alarm) -> None:
        alarm.on, alarm.run, alarm.begun, alarm.proven = False, 0, None, False
        if alarm.hidden and not alarm.latch:
            alarm.seen = True
        if alarm.shelf is not None and alarm.one_shot:
            self.unshelve(alarm)
        self.weigh()

    def unshelve(self, alarm: Alarm) -> None:
        alarm.shelf = None
        self.emerge(alarm)
        self.weigh()

    def never_shelved(self, alarm: Alarm) -> None:
        if alarm.shelf is not None and alarm.severity is Severity.CRITICAL:
            self.unshelve(alarm)

    def show(self, alarm: Alarm, flag: str) -> None:
        if getattr(alarm, flag):
            setattr(alarm, flag, False)
            self.emerge(alarm)
            self.weigh()

    def emerge(self, alarm: Alarm) -> None:
        if not alarm.hidden and (alarm.on or alarm.latch):
            alarm.seen, alarm.told, alarm.tell_in = False, alarm.told + 1, None

    # The cause.

    def explained(self, alarm: Alarm) -> bool:
        if self.cause_onset is None or alarm.onset < self.cause_onset - ticks(HOLD_BACK):
            return False
        if self.cause_ended is not None and alarm.onset >= self.cause_ended:
            return True
        return alarm.onset <= self.cause_onset + ticks(WITHIN)

    def weigh(self) -> None:
        cause = self.alarms["CAUSE"]
        explains = cause.on and cause.proven and not cause.out
        known = self.cause_onset is not None and self.fade is None
        if explains and not known:
            before, self.cause_onset, self.cause_ended, self.fade = self.cause_ended, cause.onset, None, None
            for alarm in (self.alarms[name] for name in EFFECTS):
                if alarm.under:
                    if before is not None and alarm.onset > before and not self.explained(alarm):
                        self.show(alarm, "under")
                elif alarm.comes and alarm.letter not in "AF" and self.explained(alarm):
                    alarm.under, alarm.tell_in = True, None
        elif known and not explains:
            self.fade, self.cause_ended = ticks(HOLD_OFF), self.now


def key(name: str) -> AlarmKey:
    return AlarmKey("x", name)


def point(name: str) -> PointId:
    return PointId("x", name.lower())


def build() -> Plan:
    rules = [
        plans.rule(name, severity, latching=latching, condition=condition, point=None if condition is None else point(name))
        for name, (severity, latching, condition) in SORTS.items()
    ]
    links = tuple(Link(key("CAUSE"), key(name), HOLD_BACK, HOLD_OFF, WITHIN) for name in EFFECTS)
    return plans.plan_of(*rules, links=links)


YES_NO = st.booleans()
VALUES = {"bad": 5.0, "mid": 11.0, "good": 20.0}


class AlarmsAgainstModel(RuleBasedStateMachine):
    """Steps of the desk and of the model side by side. `base` is what the monotonic clock shows at tick 0."""

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.base = 1000.0
        self.alarms = Alarms(build(), self.base)
        self.told: dict[str, int] = dict.fromkeys(NAMES, 0)

    @property
    def now(self) -> float:
        return self.base + self.model.now * TICK

    def heard(self, effects: object) -> None:
        assert isinstance(effects, list | tuple)
        for each in effects:
            if isinstance(each, Annunciate):
                self.told[each.key.type] += 1

    @rule(name=st.sampled_from(WATCHED), look=st.sampled_from(["bad", "bad", "mid", "good", "good", "lost"]))
    def read(self, name: str, look: str) -> None:
        guard = name == "GUARD"
        look = "good" if guard and look == "mid" else look
        value = None if look == "lost" else look == "good" if guard else VALUES[look]
        self.heard(self.alarms.handle(Reading(point(name), value, BAD if look == "lost" else GOOD, self.now), self.now))
        self.model.hear(self.model.alarms[name], look)

    @rule(name=st.sampled_from(WATCHED))
    def fail(self, name: str) -> None:
        """An exchange fails while its point is still fresh: the way back stops, the way to an alarm does not."""
        self.heard(self.alarms.handle(ReadFailed((point(name),), Reason.TIMEOUT, self.now), self.now))
        alarm = self.model.alarms[name]
        if alarm.on and alarm.look == "good":
            alarm.look = "held"

    @rule(on=st.booleans(), severity=st.sampled_from(list(Severity)))
    def signal(self, on: bool, severity: Severity) -> None:
        alarm = Signal(key("SAID"), on, self.now, severity=severity)
        self.heard(self.alarms.handle(alarm, self.now))
        self.model.say(self.model.alarms["SAID"], on, severity)

    @rule(seconds=st.sampled_from([1, 1, 2, 3, 6, 20]))
    def wait(self, seconds: int) -> None:
        self.model.wait(ticks(seconds))
        while (due := self.alarms.deadline()) is not None and due <= self.now:
            self.heard(self.alarms.handle(Tick(due), due))
        self.heard(self.alarms.handle(Tick(self.now), self.now))

    @rule(name=st.sampled_from(WATCHED), stays=st.sampled_from([1, 3, 6]), gone=st.sampled_from([1, 3, 6]), seen=YES_NO, fails=YES_NO)
    def come_and_go(self, name: str, stays: int, seen: bool, gone: int, fails: bool) -> None:
        """The usual life of an alarm: it comes, somebody may see it, it goes, perhaps with a question that is not answered."""
        self.read(name, "bad")
        self.wait(stays)
        if seen:
            self.acknowledge(name, late=False)
        self.read(name, "good")
        if fails:
            self.fail(name)
        self.wait(gone)

    @rule(order=st.permutations(["CAUSE", "PLAIN", "LATCH"]), pause=st.sampled_from([0, 1, 2]), again=st.booleans())
    def trip(self, order: list[str], pause: int, again: bool) -> None:
        """A cause and its effects in any order; then, perhaps, all is well again."""
        for name in order:
            self.read(name, "bad")
            self.wait(pause)
        for name in order if again else ():
            self.read(name, "good")
        self.wait(6)

    def obey(self, order: Order) -> bool:
        answer = self.alarms.obey(order, self.now)
        self.heard(answer.effects)
        (outcome,) = answer.outcomes
        return isinstance(outcome, Done)

    @rule()
    def see_everything(self) -> None:
        """Somebody goes through the whole list: acknowledge, and reset what can be reset."""
        for name in NAMES:
            self.acknowledge(name, late=False)
            self.reset(name)

    @rule()
    def hide_nothing(self) -> None:
        """Somebody takes back all that hides."""
        for name in NAMES:
            self.return_to_service(name)
            self.unshelve(name)

    @rule(name=st.sampled_from(NAMES), late=st.booleans())
    def acknowledge(self, name: str, late: bool) -> None:
        alarm = self.model.alarms[name]
        target = Target(key(name), alarm.number - 1 if late else alarm.number)
        done = self.obey(Acknowledge((target,), "anna"))
        assert done is (not late and alarm.letter not in "GHI")
        if done and not alarm.seen:
            alarm.seen, alarm.tell_in, alarm.worst = True, None, alarm.severity

    @rule(name=st.sampled_from(NAMES))
    def reset(self, name: str) -> None:
        alarm = self.model.alarms[name]
        assert self.obey(Reset(key(name), "anna", "looked at it")) is (alarm.letter == "F")  # nothing else has a latch to end
        alarm.latch = alarm.latch and alarm.letter != "F"

    @rule(name=st.sampled_from(NAMES), seconds=st.sampled_from([3.1875, 8.1875, 400.1875, 9000.1875]), one_shot=st.booleans())
    def shelve(self, name: str, seconds: float, one_shot: bool) -> None:
        alarm = self.model.alarms[name]
        gravest = max(alarm.severity, alarm.worst, SORTS[name][0], key=RANK.__getitem__)
        may = not alarm.out and seconds <= SHELF_S[gravest] and not (one_shot and gravest is Severity.MAJOR)
        assert self.obey(Shelve(key(name), seconds, "anna", "sensor is wet", one_shot)) is may
        if may:
            alarm.shelf, alarm.one_shot, alarm.tell_in = ticks(seconds), one_shot, None
            self.model.weigh()

    @rule(name=st.sampled_from(NAMES))
    def unshelve(self, name: str) -> None:
        assert self.obey(Unshelve(key(name), "anna"))
        if self.model.alarms[name].shelf is not None:
            self.model.unshelve(self.model.alarms[name])

    @rule(name=st.sampled_from(NAMES), really=st.sampled_from([True, False, False, False]))
    def take_out_of_service(self, name: str, really: bool) -> None:
        if not really:  # what is out of service sees little else
            return
        assert self.obey(TakeOutOfService(key(name), 86_400.0, "anna", "boris", "work on it"))
        alarm = self.model.alarms[name]
        alarm.out, alarm.shelf, alarm.tell_in = True, None, None
        self.model.weigh()

    @rule(name=st.sampled_from(NAMES))
    def return_to_service(self, name: str) -> None:
        assert self.obey(ReturnToService(key(name), "anna"))
        self.model.show(self.model.alarms[name], "out")

    @rule(down=st.sampled_from([0, 1, 3, 7]), clock=st.sampled_from([0.0, 50.0, 5e6]))
    def restart(self, down: int, clock: float) -> None:
        """Kill it, let time pass, start it with another monotonic clock from what was written, by way of JSON."""
        kept = self.alarms.snapshot(self.now)
        rows = tuple(row_of(json.loads(json.dumps(as_plain(row)))) for row in kept.rows)
        letters = {name: self.alarms.view(key(name)) for name in NAMES}
        self.model.start()
        self.base = clock - (self.model.now + ticks(down)) * TICK
        self.alarms = Alarms(build(), clock)
        self.heard(self.alarms.restore(replace(kept, rows=rows), clock, float(down)))
        for name, before in letters.items():
            after = self.alarms.view(key(name))
            assert before is not None
            assert after is not None
            assert (after.letter, after.occurrence, after.count) == (before.letter, before.occurrence, before.count)
        self.model.wait(ticks(down), dead=True)
        for alarm in self.model.alarms.values():
            alarm.heard_by = None if SORTS[alarm.name][2] is None else self.model.now + ticks(FIRST_READING)
        self.heard(self.alarms.handle(Tick(self.now), self.now))

    @invariant()
    def they_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        for name, alarm in self.model.alarms.items():
            view = self.alarms.view(key(name))
            assert view is not None
            shown = (view.letter.value, view.active, view.count, view.occurrence, view.severity, view.worst, self.told[name])
            assert shown == (alarm.letter, alarm.on, alarm.comes, alarm.number, alarm.severity, alarm.worst, alarm.told), name


TestAlarmsAgainstModel = AlarmsAgainstModel.TestCase
TestAlarmsAgainstModel.settings = settings(
    max_examples=max(5 * STEPS // (4 * STEPS_EACH), 1),  # some runs end early
    stateful_step_count=STEPS_EACH,
    deadline=None,
    derandomize=STEPS <= 1000,
    suppress_health_check=list(HealthCheck),
)
