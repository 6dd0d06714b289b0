"""The book of all alarms: what the machine, the inhibitor and the counts do together when an alarm comes, goes or is hidden.

Every change of an alarm goes through here, is recorded here, and is told to people from here, once. Where conditions come from
is the business of stationd.core.alarm.desk, what people may order that of stationd.core.alarm.orders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from stationd.core.alarm.flood import Flood
from stationd.core.alarm.inhibit import Explanation, Graph, Inhibitor, graph
from stationd.core.alarm.machine import Denial, Event, Letter, letter, step
from stationd.core.alarm.plan import Plan
from stationd.core.alarm.shelving import SHELF_WARNING_S, longest_shelf_s
from stationd.core.alarm.standing import News, Standing, standing
from stationd.core.alarm.timers import Timers
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import BY_ITSELF, AlarmRecord, Annunciate, Effect, Why
from stationd.core.model import PointId

FIRST_OUT_S = 60.0  # an alarm that comes after so long a silence is the first of what follows (assumption)
UNSEEN = frozenset({Letter.NEW, Letter.GONE, Letter.LATCHED_NEW})
WHY = {
    Event.RAISE: Why.RAISED,
    Event.ESCALATE: Why.ESCALATED,
    Event.UNSHELVE: Why.UNSHELVED,
    Event.RELEASE: Why.RELEASED,
    Event.RETURN: Why.RETURNED,
}


class Due(Enum):
    """What a deadline is for."""

    CONDITION = "condition"
    TELL = "tell"
    FADE = "fade"
    SHELF = "shelf"
    SHELF_WARNING = "shelf-warning"
    REVIEW = "review"
    FIRST_READING = "first-reading"


@dataclass(frozen=True, slots=True)
class By:
    """Who did something, and why."""

    who: str = BY_ITSELF
    note: str = ""
    cause: AlarmKey | None = None


NOBODY = By()


class Ledger:
    """All alarms of a station. `changed` names those that differ from what was last taken for the memory."""

    def __init__(self, plan: Plan, now: float, links: Graph | None = None) -> None:
        self.standings = {key: standing(rule) for key, rule in plan.rules.items()}
        self.timers: Timers[tuple[Due, AlarmKey | PointId]] = Timers()
        self.inhibitor = Inhibitor(links if links is not None else graph(plan.links))
        self.flood = Flood(now)
        self.number = 0
        self.changed: set[AlarmKey] = set()
        self.last_raise_t = float("-inf")
        self._effects: list[Effect] = []

    def take(self) -> list[Effect]:
        """Return what has followed since the last call, in order."""
        effects, self._effects = self._effects, []
        return effects

    # What happens to an alarm.

    def come(self, alarm: Standing, news: News) -> None:
        """Its condition has come. If a cause explains it already, it is folded first and nobody is told.

        A cause that hid an earlier coming and does not explain this one hides it no longer: it is released before it comes.
        """
        alarm.occurrence += 1
        alarm.count += 1
        alarm.severity = alarm.rule.severity if news.severity is None else news.severity
        alarm.worst = alarm.severity if alarm.flags.acked else alarm.worst.worst(alarm.severity)
        alarm.onset, alarm.told_t, alarm.proven = news.onset, None, news.proven
        self._fill(alarm, news)
        alarm.first_out = news.t >= self.last_raise_t + FIRST_OUT_S
        self.last_raise_t = news.t
        if alarm.shelf is not None:
            alarm.shelf = replace(alarm.shelf, used=True)
        causes = self.inhibitor.explained_by(alarm.key, news.onset) | self.inhibitor.goes_on(alarm.key, alarm.causes)
        self.fold(alarm, causes, news.t)
        if stale := alarm.causes - causes:
            self.uncause(alarm, stale, news.t)
        self.apply(alarm, Event.RAISE, news.t, By(note=news.note))
        self.flood.raised(alarm.key, news.t)
        self.weigh(alarm, news.t)
        self._uncover(alarm, news.t)

    def go(self, alarm: Standing, news: News) -> None:
        """Its condition has gone. A shelf that was to last until then ends with it."""
        alarm.proven = False
        self._fill(alarm, news)
        self.apply(alarm, Event.CLEAR, news.t, By(note=news.note))
        if alarm.shelf is not None and alarm.shelf.one_shot:
            self.unshelve(alarm, news.t, By(note="cleared: the shelf was one-shot"))
        self.weigh(alarm, news.t)

    def worsen(self, alarm: Standing, severity: Severity, news: News) -> None:
        """It is worse than before. What was acknowledged was something less; what is critical stays on no shelf."""
        alarm.occurrence += 1
        alarm.severity, alarm.worst = severity, alarm.worst.worst(severity)
        self._fill(alarm, news)
        self.apply(alarm, Event.ESCALATE, news.t, By(note=news.note))
        self._uncover(alarm, news.t)

    def ease(self, alarm: Standing, severity: Severity) -> None:
        """It is less bad than before; the worst is kept until somebody has acknowledged it."""
        alarm.severity = severity
        self.changed.add(alarm.key)

    def prove(self, alarm: Standing, t: float) -> None:
        """What was assumed has been read: from now on it can explain others."""
        alarm.proven = True
        self.changed.add(alarm.key)
        self.weigh(alarm, t)

    def unshelve(self, alarm: Standing, t: float, by: By) -> None:
        """Take it off its shelf."""
        alarm.shelf = None
        self.time_shelf(alarm, t)
        self.apply(alarm, Event.UNSHELVE, t, by)
        self.weigh(alarm, t)

    def time_shelf(self, alarm: Standing, now: float) -> None:
        """Let the end of its shelf come by itself, and a warning some minutes before, if there is time for one."""
        until = None if alarm.shelf is None else alarm.shelf.until_t
        warning = None if until is None or until - SHELF_WARNING_S <= now else until - SHELF_WARNING_S
        self.timers.set((Due.SHELF, alarm.key), until)
        self.timers.set((Due.SHELF_WARNING, alarm.key), warning)

    def note(self, alarm: Standing, t: float, by: By) -> None:
        """Write something beside it."""
        self._record(alarm, Event.NOTE, alarm.letter, t, by)

    def forget(self, key: AlarmKey, before: Letter, severity: Severity, occurrence: int, t: float) -> None:
        """Record that an alarm of the past is none of this station any more, so that whoever shows it takes it away."""
        self.number += 1
        note = "not in the configuration any more"
        self._effects.append(
            AlarmRecord(
                self.number, Event.NOTE, key, before, Letter.NORMAL, t, t, severity, occurrence, None, None, BY_ITSELF, note
            )
        )

    def apply(self, alarm: Standing, event: Event, t: float, by: By = NOBODY) -> Denial | None:
        """Let the machine take an event; record it if it changed anything, tell people if that is due."""
        result = step(alarm.variant, alarm.flags, event)
        if isinstance(result, Denial):
            return result
        before, flags = alarm.letter, alarm.flags
        alarm.flags = result.flags
        if flags == result.flags and event in (Event.ACK, Event.RESET, Event.UNSHELVE, Event.RELEASE, Event.RETURN, Event.SUPPRESS):
            return None
        if letter(flags) is not alarm.letter:
            alarm.changed_t = t
        if alarm.waiting and alarm.letter not in UNSEEN:
            self._stop_waiting(alarm)
        self._record(alarm, event, before, t, by)
        if result.annunciate:
            self._announce(alarm, event, t)
        return None

    # What explains what.

    def fold(self, alarm: Standing, causes: frozenset[AlarmKey], t: float) -> None:
        """Hide it under causes that explain it; those that hide it already stay."""
        new = causes - alarm.causes
        if new:
            alarm.causes |= new
            self.changed.add(alarm.key)
            self.apply(alarm, Event.SUPPRESS, t, By(cause=self._root(new)))

    def _root(self, causes: frozenset[AlarmKey]) -> AlarmKey:
        """Return the cause that people see: one that no other hides, if there is one."""
        seen = [cause for cause in causes if not self.standings[cause].flags.suppressed]
        return min(seen or causes)

    def weigh(self, alarm: Standing, t: float) -> None:
        """See whether it begins or ends to explain others, and what follows for them."""
        if alarm.may_explain is alarm.explains:
            return
        alarm.explains = alarm.may_explain
        self.changed.add(alarm.key)
        if not alarm.explains:
            self.timers.set((Due.FADE, alarm.key), self.inhibitor.ended(alarm.key, t))
            return
        self.timers.set((Due.FADE, alarm.key), None)
        before = self.inhibitor.known(alarm.key)
        for key in self.inhibitor.began(alarm.key, alarm.onset):
            effect = self.standings[key]
            if alarm.key in effect.causes:
                self._judge_again(effect, alarm, before, t)
            elif effect.count and effect.letter not in (Letter.NORMAL, Letter.LATCHED_ACKNOWLEDGED):
                self._fold_late(effect, alarm, t)

    def _judge_again(self, effect: Standing, cause: Standing, before: Explanation | None, t: float) -> None:
        """Release what began after its cause had gone, before it came again, if the new coming does not explain it."""
        between = before is not None and before.ended is not None and effect.onset > before.ended
        if between and cause.key not in self.inhibitor.explained_by(effect.key, effect.onset):
            self.uncause(effect, frozenset({cause.key}), t)

    def _fold_late(self, effect: Standing, cause: Standing, t: float) -> None:
        """Fold what was seen before its cause, if it began no longer before it than such things do."""
        if cause.key in self.inhibitor.explained_by(effect.key, effect.onset):
            if effect.first_out and effect.told_t is None:
                effect.first_out, cause.first_out = False, True
            self.fold(effect, frozenset({cause.key}), t)

    def fade(self, cause: AlarmKey, t: float) -> None:
        """A cause has been gone for its hold-off: what nothing else explains is shown again."""
        self.changed.add(cause)
        for key in self.inhibitor.faded(cause):
            effect = self.standings[key]
            if cause in effect.causes:
                self.uncause(effect, frozenset({cause}), t)

    def uncause(self, effect: Standing, causes: frozenset[AlarmKey], t: float) -> None:
        """Take causes away from what they hide; without any left it is shown again."""
        effect.causes -= causes
        self.changed.add(effect.key)
        if not effect.causes:
            self.apply(effect, Event.RELEASE, t, By(cause=min(causes)))
            self.weigh(effect, t)

    # Telling people.

    def tell(self, alarm: Standing, t: float) -> None:
        """The time for its causes is over and none has come: tell people, if it still waits for somebody."""
        self._stop_waiting(alarm)
        if alarm.letter in UNSEEN:
            self._say(alarm, Why.RAISED, t)

    def _announce(self, alarm: Standing, event: Event, t: float) -> None:
        wait = self.inhibitor.graph.hold_back_s(alarm.key) if event is Event.RAISE else 0.0
        if wait > 0.0:  # one that comes again while it waits is told no later for that
            self.wait_until(alarm, min(t + wait, alarm.waiting_until) if alarm.waiting else t + wait)
            return
        self._stop_waiting(alarm)
        self._say(alarm, WHY[event], t)

    def wait_until(self, alarm: Standing, t: float) -> None:
        """Let people be told at `t`, unless a cause comes before."""
        alarm.waiting, alarm.waiting_until = True, t
        self.timers.set((Due.TELL, alarm.key), t)

    def _stop_waiting(self, alarm: Standing) -> None:
        if alarm.waiting:
            alarm.waiting = False
            self.timers.set((Due.TELL, alarm.key), None)
            self.changed.add(alarm.key)

    def _say(self, alarm: Standing, why: Why, t: float) -> None:
        audible = self.flood.annunciated(alarm.key, alarm.severity, t)
        alarm.told_t = t
        self.changed.add(alarm.key)
        self._effects.append(Annunciate(alarm.key, alarm.letter, why, alarm.severity, alarm.occurrence, audible, t))

    # The rest.

    def _uncover(self, alarm: Standing, t: float) -> None:
        """Let no shelf hide it for longer than its severity of now allows."""
        if not alarm.flags.shelved:
            return
        longest = longest_shelf_s(alarm.rule.type, alarm.severity)
        if longest == 0:
            self.unshelve(alarm, t, By(note=f"{alarm.severity.value}: stays on no shelf"))
        elif (shelf := alarm.shelf) is not None and (over_s := shelf.until_t - t - longest) > 0:
            until_utc = None if shelf.until_utc is None else shelf.until_utc - over_s
            alarm.shelf = replace(shelf, until_t=t + longest, until_utc=until_utc)
            self.time_shelf(alarm, t)
            self.note(alarm, t, By(note=f"{alarm.severity.value}: its shelf ends in {longest // 3600} h at the latest"))

    def _fill(self, alarm: Standing, news: News) -> None:
        alarm.value, alarm.quality = news.value, news.quality
        alarm.note = news.note or alarm.note

    def _record(self, alarm: Standing, event: Event, before: Letter, t: float, by: By) -> None:
        self.number += 1
        self.changed.add(alarm.key)
        self._effects.append(
            AlarmRecord(
                self.number, event, alarm.key, before, alarm.letter, t, alarm.onset, alarm.severity, alarm.occurrence,
                alarm.value, alarm.quality, by.who, by.note, by.cause,
            )
        )  # fmt: skip
