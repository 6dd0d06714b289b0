"""The alarm desk: readings, signals, orders of people and time in; records and messages to people out. Pure, no clock.

    reading --> condition --(delays)--> come, go --.
    signal  ---------------------------------------+--> ledger --> record, and, unless a cause explains it, a message
    order   --> checks ----------------------------'
    time    --> end of delays, shelves, hold-backs, hold-offs

The desk knows nothing of wall clocks: every time is a monotonic second that the caller gives, so that a clock that is set by
ten years moves nothing. It acts on nothing: hiding an alarm hides it from people, never from protection.

`handle` takes one event of the station and the time now, which never goes back; `deadline` is when a Tick is due if nothing
else happens. What ended before an event is acted on before it, so that the result does not depend on when somebody looked.
Readings that the station restates (grown old, never read) belong here like all others: they freeze what they were to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import replace

from stationd.core.alarm import condition
from stationd.core.alarm.condition import Look
from stationd.core.alarm.flood import Figures
from stationd.core.alarm.inhibit import Graph
from stationd.core.alarm.ledger import By, Due, Ledger
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.memory import Snapshot, changed_rows, restore, snapshot
from stationd.core.alarm.orders import obey
from stationd.core.alarm.plan import SAMPLER, STATION, Plan
from stationd.core.alarm.recall import recall
from stationd.core.alarm.shelving import SHELF_WARNING_S
from stationd.core.alarm.standing import News, Standing
from stationd.core.alarm.succession import succeed
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import AlarmView, Answer, Effect, Order, Signal
from stationd.core.model import (
    GOOD,
    NEVER_READ,
    Level,
    LightEvent,
    LightKind,
    LinkChanged,
    PointId,
    ReadFailed,
    Reading,
    Reason,
    Tick,
    Value,
)
from stationd.core.model import Event as StationEvent

FIRST_READING_S, FIRST_READING_PERIODS = 15.0, 3.0  # of which nothing is heard so long after the start is missing (assumption)
NO_NEWS_EXPECTED = frozenset({Reason.NOT_OFFERED, Reason.BELOW_RANGE})  # no value, and yet an answer
MESSAGES = {Letter.NEW, Letter.ACKNOWLEDGED, Letter.GONE, Letter.LATCHED_NEW, Letter.LATCHED_ACKNOWLEDGED}
SUSTAINED = {
    LightKind.SATURATED: ("TAP-SATURATED", True),
    LightKind.SATURATED_END: ("TAP-SATURATED", False),
    LightKind.STUCK: ("TAP-STUCK", True),
    LightKind.STUCK_END: ("TAP-STUCK", False),
}
WINDOW = "power"  # the point whose quality says what a window found of the converter
CONVERTER = (("TAP-SATURATED", Reason.SATURATED), ("TAP-STUCK", Reason.STUCK))
MOVES = frozenset({Reason.SATURATED, Reason.BELOW_RANGE})  # no level, and yet not always the same number
FOUND = "it was so when it was first read; nothing is remembered of before"
REVIEW_DUE = AlarmKey(STATION, "REVIEW-DUE")
SAMPLER_LOST = AlarmKey(SAMPLER, "SAMPLER-LOST")


class Alarms:
    """All alarms of a station. A fresh desk knows nothing: what is wrong is found from readings and signals.

    `links` is the graph of the plan's links, where somebody has made it already.
    """

    def __init__(self, plan: Plan, now: float, links: Graph | None = None) -> None:
        self._begin(plan, now, links)

    def _begin(self, plan: Plan, now: float, links: Graph | None) -> None:
        self.plan = plan
        self.ledger = Ledger(plan, now, links)
        self._watchers: dict[PointId, list[AlarmKey]] = {}
        for key, rule in plan.rules.items():
            if rule.point is not None:
                self._watchers.setdefault(rule.point, []).append(key)
        self._missing: dict[AlarmKey, set[PointId]] = {}
        for point, key in plan.silent.items():
            self._missing.setdefault(key, set()).add(point)
        self._group_of = {member: key for key, members in plan.groups.items() for member in members}
        for point, period_s in plan.periods.items():
            self.ledger.timers.set((Due.FIRST_READING, point), now + max(FIRST_READING_S, FIRST_READING_PERIODS * period_s))

    # The two functions of every machine.

    def handle(self, event: StationEvent | Signal, now: float) -> list[Effect]:
        """Take one event and return what follows from it, in order. `now` is never earlier than the event."""
        match event:
            case Reading():
                t = now if event.quality.level is Level.STALE else event.t
                self._expire(min(t, now))
                self._read(event, t)
            case Signal():
                self._expire(min(event.t, now))
                self._signal(event)
                self._renote(event)
            case LinkChanged(bus, up, _, t):
                self._expire(min(t, now))
                self._say(AlarmKey(bus, "BUS-DOWN"), not up, t)
            case LightEvent():
                self._expire(min(event.t, now))
                self._light(event, now)
            case Tick():
                self._expire(now)
            case ReadFailed():
                self._expire(min(event.t, now))
                self._fail(event, event.t)
            case _:
                pass
        return self.ledger.take()

    def deadline(self) -> float | None:
        """Return the time at which a Tick is due if nothing else happens, or None."""
        return self.ledger.timers.next()

    def obey(self, order: Order, now: float) -> Answer:
        """Carry out what a person orders. Whether that person may is decided by the caller."""
        self._expire(now)
        outcomes = obey(self.ledger, order, now)
        self._review(now)
        return Answer(outcomes, tuple(self.ledger.take()))

    # What outlives it.

    def snapshot(self, now: float) -> Snapshot:
        """Return all that must be known after a restart."""
        return snapshot(self.ledger, now)

    def changed_rows(self, now: float) -> Snapshot:
        """Return what has changed since the last call, and the counts; to be kept before anybody is told of it."""
        return changed_rows(self.ledger, now)

    def restore(self, kept: Snapshot, now: float, elapsed_s: float = 0.0, utc: float | None = None) -> list[Effect]:
        """Put back what was kept, into a fresh desk. Parts that give signals say once how things stand after that."""
        return restore(self.ledger, kept, now, elapsed_s, utc)

    def recall(self, kept: Snapshot, now: float, elapsed_s: float = 0.0, utc: float | None = None) -> list[Effect]:
        """Take up what was kept although this desk has begun without it: the journal came late."""
        return recall(self.ledger, kept, now, elapsed_s, utc)

    def replan(self, plan: Plan, anew: Container[str], now: float, links: Graph | None = None) -> list[Effect]:
        """Go on by another plan, of a station of which the devices in `anew` are others; return what follows, in order.

        What an alarm was it stays: letters, shelves, times, and of one whose rule is the same the delay that runs. One that is none
        any more is recorded as gone; one whose rule is another is looked at anew with the next reading, as after a restart.
        """
        self._expire(now)
        effects, before = self.ledger.take(), self.ledger
        watched, heard = set(self.plan.periods), set(self.plan.silent) - {point for points in self._missing.values() for point in points}
        self._begin(plan, now, links)
        effects += succeed(self.ledger, before, anew, now)
        for point in [point for point in plan.periods if point in watched and point.device not in anew]:
            self.ledger.timers.set((Due.FIRST_READING, point), before.timers.of((Due.FIRST_READING, point)))
        for point in [point for point in plan.silent if point in heard and point.device not in anew]:
            self._missing[plan.silent[point]].discard(point)
        return effects

    # What is asked of it.

    def view(self, key: AlarmKey) -> AlarmView | None:
        """Return one alarm, or None when the station has none of that key."""
        alarm = self.ledger.standings.get(key)
        return None if alarm is None else alarm.view(self._hides().get(key, 0))

    def views(self, shown: Callable[[AlarmView], bool] = lambda view: view.letter in MESSAGES) -> list[AlarmView]:
        """Return the alarms that `shown` picks (default: the main list), unseen and worst first, then the oldest.

        In a flood the order is that of the causes, then that of time, so that what began it stands first.
        """
        hides = self._hides()
        picked = [view for alarm in self.ledger.standings.values() if shown(view := alarm.view(hides.get(alarm.key, 0)))]
        if self.ledger.flood.flooding:
            return sorted(picked, key=lambda view: (-view.hides, view.onset, view.key))
        return sorted(picked, key=lambda view: (-view.worst.rank, view.letter.value, view.onset, view.key))

    def counts(self) -> Mapping[tuple[Letter, Severity], int]:
        """Return how many alarms there are of each letter and severity."""
        return Counter((alarm.letter, alarm.severity) for alarm in self.ledger.standings.values())

    def figures(self, now: float) -> Figures:
        """Return rates, floods, chattering and the times to acknowledge."""
        active = {alarm.key: alarm.onset for alarm in self.ledger.standings.values() if alarm.flags.active}
        return self.ledger.flood.figures(now, active)

    def _hides(self) -> Mapping[AlarmKey, int]:
        return Counter(cause for alarm in self.ledger.standings.values() if alarm.flags.active for cause in alarm.causes)

    # Readings, signals, light.

    def _read(self, reading: Reading, t: float) -> None:
        self.ledger.timers.set((Due.FIRST_READING, reading.point), None)
        for key in self._watchers.get(reading.point, ()):
            alarm = self.ledger.standings[key]
            seen, known = condition.look(alarm.rule.condition, reading)
            if known and alarm.state.side is Look.UNKNOWN and seen is Look.BEYOND:
                alarm.found_t = t
            self._observe(alarm, seen, News(t, t, reading.value, reading.quality, proven=known))
        if reading.point.device in self.plan.taps:
            self._window(reading, t)
        self._hear(reading, t)

    def _window(self, reading: Reading, t: float) -> None:
        """Settle the converter's alarms from a window of its tap: the event that ends one may be lost, or fall into a restart."""
        if reading.point.point != WINDOW:
            return
        reason, measured = reading.quality.reason, reading.value is not None and reading.quality.level is not Level.STALE
        for name, told in CONVERTER:
            alarm = self.ledger.standings.get(AlarmKey(reading.point.device, name))
            refuted = reason is not told and (measured or (told is Reason.STUCK and reason in MOVES))
            if alarm is not None and refuted and (alarm.last is None or t > alarm.last.t):
                self._settle(alarm.key, t)

    def _fail(self, event: ReadFailed, t: float) -> None:
        """Stop the way back of alarms whose point did not answer: one good answer and then silence clears nothing.

        The way to an alarm goes on until the value is old: what was read last still speaks for it.
        """
        for point in event.points:
            for key in self._watchers.get(point, ()):
                alarm = self.ledger.standings[key]
                if alarm.state.raised and alarm.state.since is not None:
                    alarm.state = condition.freeze(alarm.state, t)
                    self.ledger.changed.add(key)
                    self.ledger.timers.set((Due.CONDITION, key), None)

    def _observe(self, alarm: Standing, seen: Look, news: News) -> None:
        """Take one look at the condition of an alarm, and do what follows."""
        alarm.unknown = not news.proven
        before, earlier, alarm.last = alarm.state, alarm.last, news
        alarm.state, changes = condition.step(alarm.rule.condition, before, seen, news.t)
        if alarm.state is not before:
            self.ledger.changed.add(alarm.key)
            self.ledger.timers.set((Due.CONDITION, alarm.key), condition.deadline(alarm.rule.condition, alarm.state))
        for change in changes:
            self._change(alarm, change, earlier if earlier is not None and change.t < news.t else news)
        if seen is Look.BEYOND and news.proven and alarm.flags.active and not alarm.proven:
            self.ledger.prove(alarm, news.t)

    def _change(self, alarm: Standing, change: condition.Change, news: News) -> None:
        news = replace(news, t=change.t, onset=change.onset)
        if change.raised and change.onset == alarm.found_t:
            news = replace(news, note=news.note or FOUND)
        if change.raised:
            self.ledger.come(alarm, news)
        else:
            self.ledger.go(alarm, news)
        group = self._group_of.get(alarm.key)
        if group is not None:
            standings = self.ledger.standings
            self._say(group, all(standings[member].flags.active for member in self.plan.groups[group]), change.t)

    def _hear(self, reading: Reading, t: float) -> None:
        """Note whether a unit gives news of a point; the alarm of a silent unit follows."""
        key = self.plan.silent.get(reading.point)
        if key is None:
            return
        missing = self._missing[key]
        silent = reading.quality.level in (Level.BAD, Level.STALE) and reading.quality.reason not in NO_NEWS_EXPECTED
        if silent:
            missing.add(reading.point)
            self._say(key, True, t, note=f"{reading.point.point}: {reading.quality.reason.value}")
            return
        missing.discard(reading.point)
        if not missing:
            self._settle(key, t)
        if reading.point.device in self.plan.taps:
            self._settle(SAMPLER_LOST, t)

    def _settle(self, key: AlarmKey, t: float) -> None:
        """Say that an alarm does not hold, if that is news."""
        alarm = self.ledger.standings.get(key)
        if alarm is not None and not (alarm.state.known and alarm.state.side is Look.BACK):
            self._say(key, False, t)

    def _signal(self, signal: Signal) -> None:
        alarm = self.ledger.standings[signal.key]
        seen = {True: Look.BEYOND, False: Look.BACK, None: Look.UNKNOWN}[signal.active]
        news = News(signal.t, signal.t, signal.value, GOOD, signal.note, signal.active is not None, signal.severity)
        was_active = alarm.flags.active
        self._observe(alarm, seen, news)
        if not (signal.active and was_active and signal.severity is not None and alarm.flags.active):
            return
        if signal.severity.rank > alarm.worst.rank:
            self.ledger.worsen(alarm, signal.severity, news)
        elif signal.severity is not alarm.severity:
            self.ledger.ease(alarm, signal.severity)

    def _renote(self, signal: Signal) -> None:
        """Have the note of an alarm that stands follow the last reason. That is no event of the alarm, and nobody is called for it."""
        alarm = self.ledger.standings[signal.key]
        if signal.active and alarm.flags.active and signal.note not in ("", alarm.note):
            alarm.note = signal.note
            self.ledger.changed.add(signal.key)

    def _say(self, key: AlarmKey, active: bool, t: float, note: str = "", value: Value | None = None) -> None:
        if key in self.ledger.standings:
            self._signal(Signal(key, active, t, value, note))

    def _light(self, event: LightEvent, now: float) -> None:
        """Loss of light is a reading of the channel's own point, only earlier than its window; the rest are signals."""
        if event.kind in (LightKind.LOST, LightKind.BACK):
            self._read(Reading(PointId(event.channel, "los"), event.kind is LightKind.LOST, GOOD, event.t), event.t)
        elif event.kind in SUSTAINED:
            name, active = SUSTAINED[event.kind]
            self._say(AlarmKey(event.channel, name), active, event.t, value=event.level_dbm)
        elif event.kind in (LightKind.STEP_DOWN, LightKind.STEP_UP):
            note = f"{event.kind.value} from {_dbm(event.reference_dbm)} to {_dbm(event.level_dbm)}"
            self._say(AlarmKey(event.channel, "LIGHT-STEP"), True, event.t, note, event.level_dbm)
            self._say(AlarmKey(event.channel, "LIGHT-STEP"), False, event.t, note, event.level_dbm)
        else:
            self._say(SAMPLER_LOST, True, event.t)

    # Time.

    def _expire(self, now: float) -> None:
        while (due := self.ledger.timers.take(now)) is not None:
            (what, name), t = due
            self._fall_due(what, name, t)

    def _fall_due(self, what: Due, name: AlarmKey | PointId, t: float) -> None:
        if isinstance(name, PointId):
            self._read(Reading(name, None, NEVER_READ, t), t)
            return
        alarm = self.ledger.standings[name]
        match what:
            case Due.CONDITION:
                self._ripen(alarm, t)
            case Due.TELL:
                self.ledger.tell(alarm, t)
            case Due.FADE:
                self.ledger.fade(name, t)
            case Due.SHELF:
                self.ledger.unshelve(alarm, t, By(note="the time of its shelf is over"))
            case Due.SHELF_WARNING:
                self.ledger.note(alarm, t, By(note=f"its shelf ends in {SHELF_WARNING_S / 60:.0f} minutes"))
            case _:
                self.ledger.note(alarm, t, By(note="its review date has come while it is out of service"))
                self._review(t)

    def _ripen(self, alarm: Standing, t: float) -> None:
        alarm.state, changes = condition.step(alarm.rule.condition, alarm.state, None, t)
        self.ledger.changed.add(alarm.key)
        for change in changes:
            self._change(alarm, change, alarm.last or News(t, t))

    def _review(self, now: float) -> None:
        """Let the alarm of reviews that are due hold as long as there are any."""
        out = [alarm for alarm in self.ledger.standings.values() if alarm.outage is not None]
        self._say(REVIEW_DUE, any(alarm.outage is not None and now >= alarm.outage.review_t for alarm in out), now)


def _dbm(level: float | None) -> str:
    return "below what can be measured" if level is None else f"{level:.2f} dBm"
