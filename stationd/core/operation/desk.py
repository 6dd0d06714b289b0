"""The desk of operations: what happens at the plant and what people order in; writes, records, alarms and views out. Pure, no clock.

    reading, far end, alarm --> gate ----> preconditions --.
    order of a person ------> lifecycle --> machine -------+--> record, then the executor --> write --> read-back --.
    intent on the disk -----> watching --------------------'         ^------------------------------------------------'
    EMERGENCY-OFF ----------> cut off, at once; the record stands beside it

One owner of all acting state, as core.alarm.desk is of alarms. Nothing is written but (1) of a RUNNING operation, begun by two
persons or one as its class wants, whose intent is on the disk; (2) of set values that a person has applied; (3) by
EMERGENCY-OFF. Follows the approach of IEC 61850 select-before-operate with enhanced security; see machine.

`handle` takes one event and the time now, which never goes back; `deadline` is when a Tick is due if nothing else happens.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from collections.abc import Set as AbstractSet
from math import inf

from stationd.core.alarm.words import AlarmRecord, Signal
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.model import Event, IntentKept, LinkChanged, Reading, SessionEnded, Tick, WriteDone
from stationd.core.operation import lifecycle, memory, replanning, routing, watching
from stationd.core.operation.book import Book, person
from stationd.core.operation.checks import arm_checks
from stationd.core.operation.gate import STORAGE_FAILED
from stationd.core.operation.holds import LINE, STATION, sentence
from stationd.core.operation.intake import object_of, oddities, tidied, told
from stationd.core.operation.orders import ActOrder as Order
from stationd.core.operation.orders import (
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
    Person,
    Prepare,
    Reject,
    Revert,
    Rollback,
    SetAuthority,
    Stage,
)
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.sentences import asked
from stationd.core.operation.task import Task
from stationd.core.operation.views import AppliedView, AuthorityView, Check, HoldView, InterlockView, OperationView, StagedView
from stationd.core.operation.words import Accepted, ActEffect, ActOutcome, CutOffState, Refused

UNRECORDED = (KeepAlive, Stage)  # they change nothing at the plant and come every second, or wait for an apply


class Operations:
    """All acting of a station. A fresh desk knows nothing and has nothing armed."""

    def __init__(self, plan: ActingPlan, now: float) -> None:
        self.plan = plan
        self._book = Book(plan, now)
        self._now = now
        self._watched_t = now
        self._due: float | None = -inf  # see _next_due; the first news has all alarms of ours said

    # The functions of every machine.

    def handle(self, news: Event | Signal | AlarmRecord, now: float) -> list[ActEffect]:
        """Take one event and return what follows from it, in order. `now` is never earlier than the event."""
        self._now = now
        if isinstance(news, Reading) and now < self._next_due():
            return self._read(news, now)
        self._expire(now)
        self._see(news, now)
        if self._concerns(news):
            self._watch(now)
        return self._take(now)

    def obey(self, order: Order, now: float) -> tuple[ActOutcome, list[ActEffect]]:
        """Carry out what a person orders, or refuse it with every reason. EMERGENCY-OFF goes before all else."""
        self._now = now
        if isinstance(order, EmergencyOff):
            outcome = routing.emergency_off(self._book, order, now)
        else:
            self._expire(now)
            self._watch(now)
            outcome = self._looked_at(order, now)
            self._watch(now)
        self._record(order, outcome, now)
        return outcome, self._take(now)

    def deadline(self) -> float | None:
        """Return the time at which a Tick is due if nothing else happens, or None."""
        book = self._book
        ends = (*book.look_ends(self._now), book.cut_offs.deadline(self._now))
        others = (book.authority.deadline(), book.bypasses.deadline(), book.set_points.deadline(), *ends)
        dues = (*watching.deadlines(book, self._watched_t), *others)
        return min((due for due in dues if due is not None), default=None)

    def _next_due(self) -> float:
        """Return before when nothing but news can change anything. It is found anew only after something has happened."""
        if self._due is None:
            due = self.deadline()
            self._due = inf if due is None else due
        return self._due

    def _read(self, reading: Reading, now: float) -> list[ActEffect]:
        """Take a reading while nothing is due: of a thousand in a second nearly all concern nobody."""
        if not routing.read(self._book, reading, now):
            return []
        return self._take(now)

    def _take(self, now: float) -> list[ActEffect]:
        self._due = None
        return self._book.take(now)

    # What is asked of it.

    def check(self, who: Person, object: str, task: Task, now: float) -> tuple[Check, ...]:
        """Return what arming would look at, without arming anything."""
        name = object_of(object, task)
        odd = tuple(Check("order", each.why, each) for each in oddities(Arm(who, name, task, "", "")))
        return odd or arm_checks(self.plan, self._book.evidence(now), who, name, task, now)

    def operations(self, now: float) -> tuple[OperationView, ...]:
        """Return the open operations, the oldest first, then the last 20 that are closed, the newest first."""
        return (*self._book.views(now), *(self._book.view(each, now) for each in reversed(self._book.closed)))

    def operation(self, name: str, now: float) -> OperationView | None:
        """Return one operation by its name."""
        dossier = self._book.find(name)
        return self._book.view(dossier, now) if dossier is not None else None

    def holds(self) -> tuple[HoldView, ...]:
        """Return the holds of this station."""
        return self._book.holds.views()

    def authority(self) -> AuthorityView:
        """Return who may act; the key switch as it was last looked at."""
        return self._book.authority_view(self._now)

    def interlocks(self, now: float) -> tuple[InterlockView, ...]:
        """Return every permissive as it stands."""
        seen, bypassed = self._book.gate.seen, self._book.bypasses.standing()
        newest = {point: both[-1].t for point, both in seen.readings.items() if both}
        return tuple(
            InterlockView(point, devices, seen.truth(point, now), newest.get(point), bypassed.get(point))
            for point, devices in self.plan.interlocks().items()
        )

    def staged(self) -> tuple[StagedView, ...]:
        """Return the set values that people have staged."""
        return self._book.set_points.staged()

    def applied(self) -> tuple[AppliedView, ...]:
        """Return the last applies, the newest first."""
        return self._book.set_points.applied()

    def cut_offs(self) -> tuple[CutOffState, ...]:
        """Return how far every EMERGENCY-OFF has come, the newest first."""
        return self._book.cut_offs.states()

    def told(self) -> tuple[tuple[str, ...], Mapping[str, str] | None]:
        """Return what the far station is told: holds that concern the line, and the operation that is open on it."""
        shared = {LINE, STATION, *self.plan.feeds}
        return tuple(sentence(hold) for hold in self.holds() if hold.object in shared), routing.told_operation(self._book)

    # What outlives it.

    def saved(self, now: float) -> Mapping[str, object]:
        """Return all that must outlast a restart, as plain JSON values. No code of anybody is among them."""
        self._book.dirty = False
        return memory.saved(self._book, now)

    def changed(self) -> bool:
        """Return whether that is different since the last call of saved()."""
        return self._book.dirty or self._book.set_points.changed()

    def restore(self, saved: Mapping[str, object], now: float, elapsed_s: float) -> list[ActEffect]:
        """Put back what was kept, `elapsed_s` after that. What ran holds, now as then; nothing is ever sent."""
        memory.restore(self._book, saved, now, elapsed_s)
        self._book.say_all_again()
        return self._take(now)

    def doubt(self, now: float) -> list[ActEffect]:
        """Hold the station instead, since what was kept cannot be read."""
        memory.doubt(self._book, now)
        self._watch(now)
        return self._take(now)

    def obstacles(self, plan: ActingPlan, touched: AbstractSet[str], now: float, *, everything: bool = False) -> tuple[str, ...]:
        """Return why the station cannot go on by another plan now, one sentence for each reason (stationd.core.operation.replanning)."""
        return tuple(replanning.obstacles(self._book, plan, touched, now, everything=everything))

    def replan(self, plan: ActingPlan, anew: Container[str], now: float) -> list[ActEffect]:
        """Go on by another plan, to which there is no obstacle; return what follows from it. Nothing is ever sent."""
        self.plan = plan
        replanning.replan(self._book, plan, anew, now)
        self._watch(now)
        return self._take(now)

    # Events.

    def _see(self, news: Event | Signal | AlarmRecord, now: float) -> None:
        gate = self._book.gate
        match news:
            case Reading():
                routing.read(self._book, news, now)
            case WriteDone():
                routing.written(self._book, news, now)
            case IntentKept():
                routing.kept(self._book, news, now)
            case FarLine() | FarSilent():
                gate.far(news)
                routing.tick(self._book, now)
            case LinkChanged():
                gate.lose(news)
            case SessionEnded():
                watching.session_ended(self._book, news, now)
                self._book.pass_on(self._book.authority.leave(news.session, now))
            case Signal() if news.key == STORAGE_FAILED:
                gate.storage(news)
            case AlarmRecord() if gate.alarm(news):
                watching.alarmed(self._book, news, now)
            case _:
                pass

    def _concerns(self, news: Event | Signal | AlarmRecord) -> bool:
        """Return whether all preconditions are to be looked at after this. What readings and the far end say was looked at already."""
        match news:
            case LinkChanged() | WriteDone() | SessionEnded():
                return True
            case Signal():
                return news.key == STORAGE_FAILED
            case _:
                return False

    def _watch(self, now: float) -> None:
        self._watched_t = now
        watching.watch(self._book, now)

    def _expire(self, now: float) -> None:
        """End what is over by now, look at the preconditions, and then let the executors see the time where they asked for it."""
        book = self._book
        watching.expire(book, now)
        book.pass_on(book.authority.expire(now))
        book.pass_on(book.bypasses.expire(now))
        if now >= self._watched_t + watching.WATCH_EVERY_S:
            self._watch(now)
        if (due := book.set_points.deadline()) is not None and now >= due:
            book.pass_on(book.set_points.handle(Tick(now), book.evidence(now), now))
        routing.ripen(book, now)

    # Orders.

    def _looked_at(self, order: Order, now: float) -> ActOutcome:
        tidy = tidied(order)
        odd = tuple(oddities(tidy))
        return Refused(told(asked(order)), odd) if odd else self._order(tidy, now)

    def _order(self, order: Order, now: float) -> ActOutcome:
        book = self._book
        book.authority.touch(order.who, now)
        match order:
            case Arm() | Approve() | Reject() | Execute() | Disarm() | Hold() | Prepare() | KeepAlive():
                return lifecycle.obey(book, order, now)
            case AddHold() | DropHold():
                return routing.hold(book, order, now)
            case EndBypass():
                outcome, ended = book.bypasses.obey(order, now)
                book.pass_on(ended)
                return outcome
            case SetAuthority():
                wired = self.plan.key_switch is not None
                outcome, notes = book.authority.obey(order, book.key_switch(now), wired, now)
                book.pass_on(notes)
                return outcome
            case Stage() | Discard() | Apply() | Confirm() | Revert() | Rollback():
                outcome, effects = book.set_points.obey(order, book.evidence(now), now)
                book.pass_on(effects)
                return outcome
            case EmergencyOff():
                return routing.emergency_off(book, order, now)

    def _record(self, order: Order, outcome: ActOutcome, now: float) -> None:
        """Write down what was refused: that, too, is part of the story."""
        if isinstance(order, UNRECORDED) or isinstance(outcome, Accepted):
            return
        subject = told(routing.subject(order))
        self._book.note("refused", subject, now, order.who.name, {**_plain(outcome), **person(order.who)})


def _plain(refused: Refused) -> dict[str, object]:
    reasons = [{"cause": each.cause.value, "why": each.why, "remedy": each.remedy} for each in refused.reasons]
    return {"asked": refused.asked, "reasons": reasons}
