"""What must be known again after a restart: every alarm as a row of plain values, and the counts. Pure.

A row holds times of the monotonic clock of the run that wrote it; a Snapshot says what that clock showed when it was taken.
Whoever restores it says how much time has passed since, as well as that is known (0 when it is not), so that a reboot, which
starts that clock anew, changes nothing:

* when things happened, and the hold-off of a cause that has gone, count the time in between;
* delays and hold-backs do not: nothing was seen then. What had passed of them counts, and they go on with the next reading;
* shelves and review dates count it; where wall-clock times are known at both ends the earlier end is taken. A clock that is
  wrong can only end a shelf too early, never keep an alarm hidden for longer than it was asked.

Rows can be kept one by one: `changed_rows` returns those that differ since the last call. After `restore` all of them do, since
their times are those of the new run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from stationd.core.alarm import condition
from stationd.core.alarm.condition import Look
from stationd.core.alarm.counted import counts_of, plain_counts
from stationd.core.alarm.inhibit import Explanation
from stationd.core.alarm.ledger import By, Due, Ledger
from stationd.core.alarm.machine import Event, Flags, Letter, letter
from stationd.core.alarm.shelving import LONGEST_OUTAGE_S, longest_shelf_s
from stationd.core.alarm.standing import News, Standing
from stationd.core.alarm.type import AlarmKey, Severity, alarm_key
from stationd.core.alarm.words import Effect, Outage, Seen, Shelf
from stationd.core.model import Level, Quality, Reason, Value


@dataclass(frozen=True, slots=True)
class Row:
    """One alarm in plain values; a field that an older version did not write has its default.

    `due_s` is what is left of a hold-back. `ended_t` is when it ceased to explain others while it still hides them.
    """

    key: str
    flags: str = "-c----"  # active, acked, latched, shelved, suppressed, out of service: a letter or a dash each
    severity: str = Severity.MAJOR.value
    worst: str = Severity.MAJOR.value
    occurrence: int = 0
    count: int = 0
    onset: float = 0.0
    changed_t: float = 0.0
    told_t: float | None = None
    value: Value | None = None
    quality: str = ""
    note: str = ""
    proven: bool = False
    first_out: bool = False
    causes: str = ""
    due_t: float | None = None
    explains_since: float | None = None
    ended_t: float | None = None
    raised: bool = False
    side: str = Look.UNKNOWN.value
    since: float | None = None
    spent_s: float = 0.0
    run_onset: float | None = None
    passes: str = ""
    shelf_t: float | None = None
    shelf_utc: float | None = None
    shelf_who: str = ""
    shelf_reason: str = ""
    shelf_one_shot: bool = False
    shelf_used: bool = False
    review_t: float | None = None
    review_utc: float | None = None
    out_who: str = ""
    out_second: str = ""
    out_reason: str = ""
    seen_t: float | None = None
    seen_who: str = ""
    seen_note: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of the desk. `t` is the monotonic time at which it was taken, `number` that of the last record."""

    t: float
    number: int
    rows: tuple[Row, ...]
    counts: Mapping[str, Any]


FLAGS = "aclsho"
_TYPES = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,)}


def as_plain(row: Row) -> dict[str, Any]:
    """Return a row as a mapping that JSON can hold."""
    return asdict(row)


def row_of(plain: Mapping[str, Any]) -> Row:
    """Return the row that a mapping holds; unknown keys are left out. ValueError says which field cannot be right."""
    known = {field.name: (str(field.type), plain[field.name]) for field in fields(Row) if field.name in plain}
    for name, (kind, value) in known.items():
        if not _fits(kind, value):
            raise ValueError(f"{name} = {value!r} is not {kind}")
    if "key" not in known:
        raise ValueError("a row without a key")
    row = Row(**{name: value for name, (_, value) in known.items()})
    _check(row)
    return row


def _check(row: Row) -> None:
    """Raise ValueError for words that are none of theirs; a quality of a newer version is no reason to lose an alarm."""
    flags_of(row.flags)
    Severity(row.severity)
    Severity(row.worst)
    Look(row.side)
    if alarm_key(row.key) is None:
        raise ValueError(f"key = {row.key!r} is not resource/TYPE or resource/TYPE/qualifier")
    if min(row.occurrence, row.count, row.spent_s) < 0:
        raise ValueError(f"occurrence {row.occurrence}, count {row.count} or spent_s {row.spent_s} is less than 0")
    if not all(_is_number(word) for word in row.passes.split()):
        raise ValueError(f"passes = {row.passes!r} are not times")


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _fits(kind: str, value: object) -> bool:
    kinds = [each.strip() for each in kind.split("|")]
    if value is None:
        return "None" in kinds
    if "Value" in kinds:
        return isinstance(value, (bool, int, float, str))
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return any(isinstance(value, _TYPES[each]) and (each == "bool" or not isinstance(value, bool)) for each in kinds if each in _TYPES)


def snapshot(ledger: Ledger, now: float) -> Snapshot:
    """Return everything that must be known again."""
    rows = tuple(row_of_alarm(ledger, alarm) for alarm in ledger.standings.values())
    return Snapshot(now, ledger.number, rows, plain_counts(ledger.flood.counts()))


def changed_rows(ledger: Ledger, now: float) -> Snapshot:
    """Return only the rows that differ since the last call."""
    rows = tuple(row_of_alarm(ledger, ledger.standings[key]) for key in sorted(ledger.changed))
    ledger.changed.clear()
    return Snapshot(now, ledger.number, rows, plain_counts(ledger.flood.counts()))


def restore(ledger: Ledger, kept: Snapshot, now: float, elapsed_s: float = 0.0, utc: float | None = None) -> list[Effect]:
    """Put back what was kept, into a ledger that has just been made; return records of what could not stay as it was.

    That is what the configuration has changed: an alarm that is not there any more, a shelf or a cause that is not allowed now.

    `elapsed_s` is the time since the snapshot; `utc` the time now where it is known to be right. Letters are exactly those of
    before, and nobody is told again; what has ended meanwhile ends with the next event or Tick.
    """
    shift = Shift(now, now - kept.t - max(elapsed_s, 0.0), kept.t, utc)
    ledger.number = kept.number
    ledger.flood.restore(counts_of(kept.counts, kept.t, shift.by_s))
    put_back(ledger, kept.rows, shift)
    tidy(ledger, now)
    ledger.changed |= set(ledger.standings)
    return ledger.take()


def put_back(ledger: Ledger, kept: Iterable[Row], shift: Shift) -> None:
    """Put rows back; what the station has no more is recorded as gone."""
    rows = {key: row for row in kept if (key := alarm_key(row.key)) is not None}
    for key, row in rows.items():
        if key in ledger.standings:
            _put_back(ledger, ledger.standings[key], row, shift)
        elif (before := letter(flags_of(row.flags))) is not Letter.NORMAL:
            ledger.forget(key, before, Severity(row.worst), row.occurrence, shift.now)


@dataclass(frozen=True, slots=True)
class Shift:
    """From the clock of the run that wrote the rows to that of this one. What has happened has not happened in the future."""

    now: float
    by_s: float
    old_now: float
    utc: float | None

    def to(self, t: float) -> float:
        """Return a time of the old clock in the new one, at the latest now."""
        return min(t + self.by_s, self.now)

    def maybe(self, t: float | None) -> float | None:
        """Return the same of a time that may be missing."""
        return None if t is None else self.to(t)

    def end(self, t: float, utc: float | None) -> float:
        """Return the earlier of two ends: by the old monotonic clock, and by wall-clock time where both are known."""
        if utc is None or self.utc is None:
            return t + self.by_s
        return min(t + self.by_s, self.now + max(utc - self.utc, 0.0))


# From the desk to rows.


def row_of_alarm(ledger: Ledger, alarm: Standing) -> Row:
    """Return an alarm as it stands, in plain values."""
    flags, state, known = alarm.flags, alarm.state, ledger.inhibitor.known(alarm.key)
    set_ = (flags.active, flags.acked, flags.latched, flags.shelved, flags.suppressed, flags.out_of_service)
    row = Row(
        key=str(alarm.key),
        flags="".join(sign if on else "-" for sign, on in zip(FLAGS, set_, strict=True)),
        severity=alarm.severity.value,
        worst=alarm.worst.value,
        occurrence=alarm.occurrence,
        count=alarm.count,
        onset=alarm.onset,
        changed_t=alarm.changed_t,
        told_t=alarm.told_t,
        value=alarm.value,
        quality="" if alarm.quality is None else f"{alarm.quality.level.value} {alarm.quality.reason.value}",
        note=alarm.note,
        proven=alarm.proven,
        first_out=alarm.first_out,
        causes=" ".join(map(str, sorted(alarm.causes))),
        due_t=alarm.waiting_until if alarm.waiting else None,
        explains_since=None if known is None else known.onset,
        ended_t=None if known is None else known.ended,
        raised=state.raised,
        side=state.side.value,
        since=state.since,
        spent_s=state.spent_s,
        run_onset=state.onset,
        passes=" ".join(map(repr, state.passes)),
    )
    return _with_people(row, alarm)


def _with_people(row: Row, alarm: Standing) -> Row:
    """Add what people have ordered."""
    if (shelf := alarm.shelf) is not None:
        row = replace(
            row, shelf_t=shelf.until_t, shelf_utc=shelf.until_utc, shelf_who=shelf.who, shelf_reason=shelf.reason,
            shelf_one_shot=shelf.one_shot, shelf_used=shelf.used,
        )  # fmt: skip
    if (out := alarm.outage) is not None:
        row = replace(
            row, review_t=out.review_t, review_utc=out.review_utc, out_who=out.who, out_second=out.second, out_reason=out.reason
        )
    if (seen := alarm.seen) is not None:
        row = replace(row, seen_t=seen.t, seen_who=seen.who, seen_note=seen.note)
    return row


# From rows to the desk.


def _put_back(ledger: Ledger, alarm: Standing, row: Row, shift: Shift) -> None:
    alarm.flags = flags_of(row.flags)
    alarm.severity, alarm.worst = Severity(row.severity), Severity(row.worst)
    alarm.occurrence, alarm.count = row.occurrence, row.count
    alarm.onset, alarm.changed_t, alarm.told_t = shift.to(row.onset), shift.to(row.changed_t), shift.maybe(row.told_t)
    alarm.value, alarm.quality, alarm.note = row.value, quality_of(row.quality), row.note
    alarm.proven, alarm.first_out = row.proven, row.first_out
    alarm.causes = frozenset(key for word in row.causes.split() if (key := alarm_key(word)) is not None)
    alarm.state = state_of(row, shift)
    alarm.last = News(shift.now, shift.now, row.value, alarm.quality, row.note, proven=row.proven)
    if row.seen_t is not None:
        alarm.seen = Seen(row.seen_who, row.seen_note, shift.to(row.seen_t))
    if row.due_t is not None:
        wait_s = min(max(row.due_t - shift.old_now, 0.0), ledger.inhibitor.graph.hold_back_s(alarm.key))
        ledger.wait_until(alarm, shift.now + wait_s)
    _put_back_orders(ledger, alarm, row, shift)
    _put_back_cause(ledger, alarm, row, shift)


def _put_back_orders(ledger: Ledger, alarm: Standing, row: Row, shift: Shift) -> None:
    if row.shelf_t is not None:
        longest = longest_shelf_s(alarm.rule.type, alarm.severity)
        until = min(shift.end(row.shelf_t, row.shelf_utc), shift.now + longest)
        alarm.shelf = Shelf(until, row.shelf_who, row.shelf_reason, row.shelf_one_shot, row.shelf_utc, row.shelf_used)
        ledger.time_shelf(alarm, shift.now)
    if row.review_t is not None:
        review = min(shift.end(row.review_t, row.review_utc), shift.now + LONGEST_OUTAGE_S)
        alarm.outage = Outage(review, row.out_who, row.out_second, row.out_reason, row.review_utc)
        ledger.timers.set((Due.REVIEW, alarm.key), review)


def _put_back_cause(ledger: Ledger, alarm: Standing, row: Row, shift: Shift) -> None:
    if row.explains_since is None:
        return
    known = Explanation(shift.to(row.explains_since), shift.maybe(row.ended_t))
    alarm.explains = known.ended is None
    ledger.timers.set((Due.FADE, alarm.key), ledger.inhibitor.restore(alarm.key, known))


def state_of(row: Row, shift: Shift) -> condition.State:
    """Return the state of a condition, frozen: its delay goes on with the next reading."""
    state = condition.State(row.raised, Look(row.side), True, row.since, row.spent_s, row.run_onset)
    frozen = condition.freeze(state, shift.old_now)
    return replace(
        frozen, onset=shift.maybe(row.run_onset), passes=tuple(shift.to(float(word)) for word in row.passes.split())
    )


def tidy(ledger: Ledger, now: float) -> None:
    """Let a changed configuration have its way: types that latch no more, shelves and causes that are no longer allowed.

    A cause that explains other alarms still, and this one no longer, is none of it any more: nothing would ever take it away.
    """
    for alarm in ledger.standings.values():
        if alarm.flags.latched and not alarm.rule.type.latching:
            alarm.flags = replace(alarm.flags, latched=False)
        if alarm.flags.shelved and (alarm.shelf is None or not alarm.variant.shelvable):
            ledger.unshelve(alarm, now, By(note="the configuration does not let it be shelved any more"))
        if alarm.flags.out_of_service and alarm.outage is None:
            ledger.apply(alarm, Event.RETURN, now, By(note="nothing is known of who took it out of service"))
        links = ledger.inhibitor.graph.causes.get(alarm.key, {})
        gone = frozenset(cause for cause in alarm.causes if cause not in links or ledger.inhibitor.known(cause) is None)
        if gone or (alarm.flags.suppressed and not alarm.causes):
            _uncause(ledger, alarm, gone, now)
        ledger.weigh(alarm, now)


def _uncause(ledger: Ledger, alarm: Standing, gone: frozenset[AlarmKey], now: float) -> None:
    alarm.causes -= gone
    if not alarm.causes:
        ledger.apply(alarm, Event.RELEASE, now, By(note="the configuration has no such cause any more"))


def flags_of(word: str) -> Flags:
    """Return the flags of a row; ValueError for a word that is none."""
    if len(word) != len(FLAGS) or any(sign not in (own, "-") for sign, own in zip(word, FLAGS, strict=True)):
        raise ValueError(f"flags = {word!r} are not {FLAGS!r} with dashes for what is not set")
    return Flags(*(sign != "-" for sign in word))


def quality_of(words: str) -> Quality | None:
    """Return the quality of a row; None where there is none, or one of a newer version."""
    if not words:
        return None
    level, _, reason = words.partition(" ")
    try:
        return Quality(Level(level), Reason(reason))
    except ValueError:
        return None
