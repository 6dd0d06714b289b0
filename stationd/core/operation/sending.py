"""Applies on their way to the units, or back: one owner of what is being sent, of what was applied, and of the alarm UNCONFIRMED.

    announced (record on the disk) -> looking (fresh readings) -> writing (read-back) -> looking ... -> done, or stopped at the first
    thing that is not as it should be; nothing is repeated, nothing is undone but by a way back that is announced in its turn

Who may begin it is looked at by stationd.core.operation.setpoints; what is looked at before each write is in stationd.core.operation.job,
how an apply stands in stationd.core.operation.applies. One write is outstanding at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf

from stationd.core.alarm.words import BY_ITSELF, Signal
from stationd.core.amplifier.guard import Guard, watch
from stationd.core.amplifier.look import KNOWN_S, telling
from stationd.core.model import IntentKept, PointId, Reason, Write, WriteDone
from stationd.core.operation import applies
from stationd.core.operation import job as way
from stationd.core.operation import setpoint_checks as checks
from stationd.core.operation.applies import Apply, Event, State
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.gate import UNCONFIRMED
from stationd.core.operation.job import Job, Setting, Sight, Turn
from stationd.core.operation.orders import Person
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.staging import Staged, Staging
from stationd.core.operation.words import INTENT_S, ActEffect, Cause, Noted, Refusal
from stationd.core.powerfeed.words import Seen

WATCH_EVERY_S = 0.5  # a unit of which nothing new is read is looked at so often, for what grows old or is over (choice)
KEPT = 20  # applies that are shown, and reach back for a rollback


class Sending:
    """All applies of a station. Times are monotonic seconds. What could not be begun is staged again with `staging`."""

    def __init__(self, plan: ActingPlan, staging: Staging, now: float) -> None:
        self.evidence = Evidence()
        self.now = now
        self.applies: list[Apply] = []  # newest first
        self.job: Job | None = None
        self.unanswered: PointId | None = None  # a write whose answer has not come: none other goes out before
        self.guards: dict[str, Guard] = {}
        self.number = 0
        self.dirty = False
        self._staging = staging
        self.replan(plan)
        self._watched: dict[str, float] = {}
        self._intents = 0
        self._alarmed = False

    def replan(self, plan: ActingPlan) -> None:
        """Go on by another plan: of an amplifier that is not in it nothing is followed, one that is new is followed from now on."""
        self.plan = plan
        self.guards = {device: self.guards.get(device) or Guard(since_t=self.now) for device in plan.amplifiers}
        self._telling = frozenset(point for each in plan.amplifiers.values() for point in telling(each))

    # What is looked at.

    def look(self, evidence: Evidence, now: float) -> None:
        """Take what the desk knows now, and look at every unit."""
        self.evidence, self.now = evidence, now
        for device in self.plan.amplifiers:
            self._watch(device)

    def read(self, point: PointId, seen: Seen, now: float, *, repeats: bool = False) -> None:
        """Take what is read now, of which this point is new: a station reads some thousand in a second. `repeats` as in SetPoints.read."""
        self.now = now
        if self.evidence.seen is not seen:
            self.evidence = replace(self.evidence, seen=seen)
        if point in self._telling and not (repeats and now < self._watched.get(point.device, -inf) + WATCH_EVERY_S):
            self._watch(point.device)

    def _watch(self, device: str) -> None:
        self._watched[device] = self.now
        self.guards[device] = watch(self.plan.amplifiers[device], self.guards[device], self.evidence.seen, self.now)

    def waiting(self) -> Iterator[Apply]:
        """Return what waits to be confirmed."""
        return (each for each in self.applies if each.state is State.UNCONFIRMED)

    def open(self) -> Apply | None:
        """Return the apply that somebody has to confirm or to revert."""
        return next((each for each in self.applies if each.state in applies.OPEN), None)

    def devices(self) -> frozenset[str]:
        """Return the devices to which values are being sent, from the order to the last answer."""
        sending = {each.target.device for each in self.job.settings} if self.job is not None else set()
        return frozenset(sending | ({self.unanswered.device} if self.unanswered is not None else set()))

    def deadline(self) -> float | None:
        """Return when something is due: an answer that does not come, a time to confirm that ends."""
        if self.job is not None:
            return self.job.deadline()
        return min((each.confirm_until_t for each in self.waiting() if each.confirm_until_t is not None), default=None)

    def faults(self, job: Job, apply: Apply) -> Iterator[Refusal]:
        """Give what forbids each of these settings as things are read now."""
        if not job.settings:
            yield Refusal(Cause.NOT_SELECTED, f"nothing is staged by {apply.who}", "stage a value first: set amp NAME gain VALUE dB")
        for at, setting in enumerate(job.settings):
            sight, one = self._sight(setting.target.device), replace(job, at=at)
            yield from way.obstacles(one, apply, sight)
            yield from self.unknown(setting.target)
            if not way.stands(one, sight):
                yield from way.moved(one, sight)

    def unknown(self, target: PointId) -> Iterator[Refusal]:
        """Give what is not known of a set value and its unit."""
        amplifier = checks.amplifier_of(self.plan, target)
        if amplifier is not None:
            yield from checks.seen_well(amplifier, target, self.evidence.seen, self.now, KNOWN_S)

    def new_job(self, apply: Apply, settings: tuple[Setting, ...], who: Person | None, reason: str, *, back: bool) -> Job:
        """Return a sending of this apply that was not announced yet."""
        return Job(apply.name, back, settings, who, reason, self._intents + 1, self.now)

    def _sight(self, device: str) -> Sight:
        return Sight(self.plan, self.evidence, self.guards.get(device, Guard()), self.now)

    def _of(self, job: Job) -> Apply:
        return next(each for each in self.applies if each.name == job.apply)

    def put(self, apply: Apply) -> Apply:
        """Keep a new state of an apply, in its place or before all others."""
        names = [each.name for each in self.applies]
        if apply.name in names:
            self.applies[names.index(apply.name)] = apply
        else:
            self.applies = [apply, *self.applies][:KEPT]
        self.dirty = True
        return apply

    # What a person has ordered.

    def begin(self, job: Job, apply: Apply) -> list[ActEffect]:
        """Announce it. Nothing is sent before the announcement is on the disk."""
        self.put(apply)
        self.job, self._intents = job, job.intent
        return [self._noted("revert-intent" if job.back else "apply-intent", job, apply, intent=job.intent)]

    def confirm(self, apply: Apply, who: Person) -> list[ActEffect]:
        """Let it stay."""
        kept = self.put(replace(apply.after(Event.CONFIRM, f"confirmed by {who.name}"), confirm_until_t=None))
        return [Noted("confirmed", kept.name, self.now, who.name, {**kept.document(), "uid": who.uid}), *self._alarm()]

    # What then happens.

    def kept(self, news: IntentKept) -> list[ActEffect]:
        """Take the answer of the disk."""
        job = self.job
        if job is None or job.turn is not Turn.INTENT or news.number != job.intent:
            return []
        if not news.kept:
            return self._stop(job, "the record of it could not be written")
        self.job = job.now_in(Turn.LOOKING, self.now)
        return []

    def answered(self, done: WriteDone) -> list[ActEffect]:
        """Take the answer to a write: what was read back, or the end of the whole."""
        if done.target != self.unanswered:
            return []
        self.unanswered, job = None, self.job
        if job is None or job.turn is not Turn.WRITING or job.setting is None:
            return []
        apply, shown = self._of(job), applies.number(done.read_back)
        self.put(apply.with_shown(done.target, shown))
        if done.reason is Reason.NONE and shown is not None:
            self.job = job.next(self.now)
            return []
        read = "nothing" if done.read_back is None else f"{done.read_back}"
        return self._stop(job, f"{done.target}: asked {job.setting.wanted:g}, read back {read}: {done.detail or done.reason.value}")

    def go_on(self) -> list[ActEffect]:
        """Do what is due: the next write, the end of a wait, the end of the time to confirm."""
        job = self.job
        if job is None:
            overdue = [each for each in self.waiting() if each.confirm_until_t is not None and self.now >= each.confirm_until_t]
            return self._unconfirmed(overdue[0]) if overdue else []
        if job.turn is Turn.LOOKING:
            return self._next(job)
        if self.now < job.deadline():
            return []
        if job.turn is Turn.INTENT:
            return self._stop(job, f"the record of it was not on the disk within {INTENT_S:g} s")
        return self._stop(job, f"the write to {self.unanswered} was not answered for {way.WRITE_S:g} s")

    def _next(self, job: Job) -> list[ActEffect]:
        """Look at everything once more, and send the next value; wait where the readings are too old."""
        setting, apply = job.setting, self._of(job)
        if setting is None:
            return self._done(job, apply)
        sight = self._sight(setting.target.device)
        if forbidden := list(way.obstacles(job, apply, sight)):
            return self._stop(job, forbidden[0].why)
        if missing := list(way.unread(job, sight)):
            return self._stop(job, missing[0].why) if self.now >= job.deadline() else []
        if way.stands(job, sight):
            self.job = job.next(self.now)
            return self._next(self.job)
        if moved := list(way.moved(job, sight)):
            return self._stop(job, moved[0].why)
        return self._send(job, apply, setting)

    def _send(self, job: Job, apply: Apply, setting: Setting) -> list[ActEffect]:
        if job.back:
            self.put(apply.after(Event.REVERT, f"going back: {job.reason}").with_shown(setting.target, None))
        else:
            plant = checks.plant_of(self.plan.amplifiers[setting.target.device], self.evidence.seen, self.now)
            self.put(replace(apply, plant={**plant, **apply.plant}).with_sent(setting.target))
        self.job, self.unanswered = job.now_in(Turn.WRITING, self.now), setting.target
        return [Write(setting.target, setting.wanted, f"{job.apply}{' back' if job.back else ''} {setting.target.point}")]

    def _stop(self, job: Job, why: str) -> list[ActEffect]:
        """End a sending that cannot go on. What was sent stays; the rest is not sent."""
        self.job, apply = None, self._of(job)
        detail = why if job.written else f"nothing was sent: {why}"
        if not job.back:
            return [self._noted("apply-failed", job, self.put(self._given_up(job, apply, detail))), *self._alarm()]
        event = Event.BROKEN if job.written else Event.STAYS
        after = apply.after(event, detail) if job.written or job.who is None else apply
        kind = "left" if after.state is State.LEFT and apply.state is not State.LEFT else "revert-refused"
        return [self._noted(kind, replace(job, reason=detail), self.put(after)), *self._alarm(detail)]

    def _given_up(self, job: Job, apply: Apply, detail: str) -> Apply:
        """Return an apply that has failed; of one that was not begun the values are staged again."""
        if not job.written and job.who is not None:
            uid, name = job.who.uid, job.who.name
            newer = {each.target for each in self._staging.of(job.who)}
            again = (each for each in apply.changes if each.target not in newer)
            self._staging.keep(Staged(each.target, each.after, each.before, uid, name, self.now) for each in again)
        return apply.after(Event.BROKEN, detail)

    def _done(self, job: Job, apply: Apply) -> list[ActEffect]:
        """All values are read back."""
        self.job = None
        if job.back:
            return self._gone_back(job, apply)
        within_s = apply.confirm_within_s
        after = apply.after(Event.WRITTEN if within_s is None else Event.WRITTEN_FOR_NOW)
        until_t = None if within_s is None else self.now + within_s
        return [self._noted("applied", job, self.put(replace(after, confirm_until_t=until_t)))]

    def _gone_back(self, job: Job, apply: Apply) -> list[ActEffect]:
        by = job.who.name if job.who is not None else "itself: nobody has confirmed it"
        after = self.put(apply.after(Event.REVERT).after(Event.WRITTEN, f"reverted by {by}"))
        effects: list[ActEffect] = [self._noted("reverted", job, after)]
        if job.who is None:  # a change that nobody ordered at this moment is told as loudly as one that was left
            effects.append(self._signal(True, f"{apply.name} of {apply.who} was not confirmed and went back"))
        return [*effects, *self._alarm()]

    def _unconfirmed(self, apply: Apply) -> list[ActEffect]:
        """Its time is over: announce the way back, or leave it to people."""
        job = self.new_job(apply, way.way_back(apply), None, "nobody has confirmed it in time", back=True)
        reasons = list(self.faults(job, apply))
        if not reasons:
            return self.begin(job, apply)
        after = self.put(apply.after(Event.STAYS, f"not confirmed, and it stays: {reasons[0].why}"))
        document = {**after.document(), "applied_by": apply.who, "reasons": [each.why for each in reasons]}
        return [Noted("left", apply.name, self.now, BY_ITSELF, document), *self._alarm(after.detail)]

    def _alarm(self, note: str = "") -> list[ActEffect]:
        """Say whether anything was left to people, if that is news."""
        left = any(each.state is State.LEFT for each in self.applies)
        return [self._signal(left, note)] if left is not self._alarmed else []

    def _signal(self, active: bool, note: str = "") -> Signal:
        self._alarmed = active
        return Signal(UNCONFIRMED, active, self.now, note=note)

    def _noted(self, kind: str, job: Job, apply: Apply, intent: int = 0) -> Noted:
        who = job.who.name if job.who is not None else BY_ITSELF
        uid = {"uid": job.who.uid} if job.who is not None else {}
        return Noted(kind, apply.name, self.now, who, {**apply.document(), "why": job.reason, "applied_by": apply.who, **uid}, intent)

    # What outlasts a restart.

    def saved(self, at: float) -> dict[str, object]:
        """Return all that must, as plain JSON values."""
        underway = self.job.apply if self.job is not None else ""
        return {"number": self.number, "underway": underway, "applies": [applies.saved(each, at) for each in self.applies]}

    def restore(self, saved: Mapping[str, object], now: float, saved_t: float) -> tuple[int, list[ActEffect]]:
        """Put it back, and return how much could not be read. Nothing will go back by itself: what was not confirmed is LEFT."""
        self.now, rows, number = now, saved.get("applies", []), saved.get("number")
        read = [applies.restored(row, saved_t) for row in rows] if isinstance(rows, list) else [None]
        earlier = [_after_restart(each, saved.get("underway")) for each in read if each is not None]
        numbers = (applies.number_of(each.name) for each in earlier)
        self.number = max([self.number, number if isinstance(number, int) else 0, *numbers])
        self.applies = [*self.applies, *map(self._renamed, earlier)][:KEPT]
        self.dirty = True
        left = next((each for each in self.applies if each.state is State.LEFT), None)
        return read.count(None), [self._signal(left is not None, f"{left.name}: {left.detail}" if left is not None else "")]


    def _renamed(self, earlier: Apply) -> Apply:
        """Return an apply of an earlier run under a name that this one, which began before it was known, has not given."""
        if all(each.name != earlier.name for each in self.applies):
            return earlier
        self.number += 1
        return replace(earlier, name=f"A-{self.number}")


def _after_restart(apply: Apply, underway: object) -> Apply:
    if apply.state in (State.APPLYING, State.REVERTING) or apply.name == underway:
        return applies.interrupted(apply)
    return apply.after(Event.RESTARTED, "not confirmed before a restart: it stays") if apply.state is State.UNCONFIRMED else apply
