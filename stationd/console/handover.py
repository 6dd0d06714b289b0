"""The one page of a shift change: everything that must not be lost when people change, composed from what the desks know. Pure.

It shows and decides nothing, but for one thing: who may take the shift, and what he is warned of. Open operations and applies that are
not confirmed never stop a change of shift: people go home, and who comes has to know. Follows the approach of shift handover as it is
practised in process industries: written by the one, taken by the other, and neither alone is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stationd.console import session_forms as page
from stationd.console.act_forms import Writer
from stationd.console.door import AuditHead, Moment
from stationd.console.forms import Stamp, stamp, written
from stationd.console.peer import Peer
from stationd.console.prompt import span
from stationd.console.session_door import JournalState
from stationd.core.alarm.flood import Figures
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.words import AlarmView
from stationd.core.logbook import Entry, Logbook
from stationd.core.operation.sentences import task_words
from stationd.core.operation.views import AppliedView, HoldView, InterlockView, OperationView, Phase, StagedView
from stationd.core.operation.words import Cause, Refusal

OPEN = frozenset({Letter.NEW, Letter.ACKNOWLEDGED, Letter.GONE, Letter.LATCHED_NEW, Letter.LATCHED_ACKNOWLEDGED})
UNSEEN = frozenset({Letter.NEW, Letter.GONE, Letter.LATCHED_NEW})
MOST_LINES = 12  # of open alarms; the page is one page, and the list of alarms is another
MOST_SHELVED = 100
BEFORE = " | before it "  # between a text of the handover and what somebody else had written there already
WAITING = frozenset({"unconfirmed", "left"})
ModeWord = Literal["LIVE", "SIM", "HIL"]
MODES: Mapping[str, ModeWord] = {"live": "LIVE", "sim": "SIM", "hil": "HIL"}


@dataclass(frozen=True, slots=True)
class Flood:
    """How busy the alarms are; None where the station has no alarms. `peak` is the most messages of any 10 minutes since `since_t`."""

    figures: Figures | None = None
    peak: int = 0
    since_t: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the page is made of, as it stands at one moment."""

    station: str
    mode: str
    book: Logbook
    journal: JournalState
    audit: AuditHead
    alarms: Sequence[AlarmView] = ()
    flood: Flood = field(default_factory=Flood)
    operations: Sequence[OperationView] = ()
    holds: Sequence[HoldView] = ()
    interlocks: Sequence[InterlockView] = ()
    applied: Sequence[AppliedView] = ()
    staged: Sequence[StagedView] = ()
    silent_until_t: float | None = None


def compose(facts: Facts, writer: Writer, who: str) -> page.Handover:
    """Return the page for one person, whose name is `who`."""
    now, book = writer.stamp_of(writer.now), facts.book
    return page.Handover(
        asOf=now, station=facts.station, mode=MODES[facts.mode], bookKnown=book.known,
        shift=_shift(book.shift, writer.uid), written=_written(book.written),
        alarms=_summary(facts.alarms, writer),
        shelved=_hidden(facts.alarms, Letter.SHELVED, writer), outOfService=_hidden(facts.alarms, Letter.OUT_OF_SERVICE, writer),
        holds=[_hold(each, writer) for each in facts.holds],
        bypasses=[bypass for each in facts.interlocks if (bypass := _bypass(each, writer)) is not None],
        operations=[_operation(each, writer) for each in opened(facts.operations)],
        unconfirmed=[_applied(each, writer) for each in waiting(facts.applied)],
        staged=[_staged(each, writer, who) for each in facts.staged],
        flood=_flood(facts.flood, writer),
        notes=[page.NoteLine(_at(each), each.by, each.text) for each in book.notes], notesLeftOut=book.left_out,
        silentUntil=None if facts.silent_until_t is None else writer.stamp_of(facts.silent_until_t),
        clock=page.ClockState(now.t, now.synchronised is True),
        journal=page.JournalState(facts.journal.good, facts.journal.state, facts.journal.detail),
        audit=page.AuditEnd(facts.audit.position, facts.audit.digest),
    )  # fmt: skip


def opened(operations: Iterable[OperationView]) -> list[OperationView]:
    """Return the operations that are not closed."""
    return [each for each in operations if each.phase is not Phase.CLOSED]


def waiting(applied: Iterable[AppliedView]) -> list[AppliedView]:
    """Return the applies that wait for somebody to confirm or revert them."""
    return [each for each in applied if each.state in WAITING]


# Taking the shift.


def denial(book: Logbook, peer: Peer) -> Refusal | None:
    """Return why this person may not take the shift now, or None."""
    if not peer.person or peer.shared:
        why = f"{peer.spoken_of} is not the account of one person"
        return Refusal(Cause.NO_AUTHORITY, why, "log in under your own name")
    if not book.known:
        why = "the disk has not said yet who has the shift"
        return Refusal(Cause.HEALTH, why, "wait until the journal answers: show health, then take it again")
    if book.shift is not None and book.shift.uid == peer.uid:
        why = f"the shift is {book.shift.by}'s since {_clock(book.shift)}, and that is you"
        return Refusal(Cause.SECOND_PERSON, why, "another person takes it, logged in under his own name")
    if book.written is not None and book.written.uid == peer.uid:
        why = f"the handover was written by {book.written.by} at {_clock(book.written)}, and that is you"
        return Refusal(Cause.SECOND_PERSON, why, "another person takes it, logged in under his own name")
    return None


def joined(book: Logbook, peer: Peer, text: str) -> str:
    """Return the text of a person together with what others have written for the same change of shift: he replaces only his own."""
    written = book.written
    if written is None:
        return text
    if written.uid != peer.uid:
        return f"{text}{BEFORE}{written.by}, {_clock(written)}: {written.text}"
    _, mark, others = written.text.partition(BEFORE)
    return f"{text}{mark}{others}"


def warnings(facts: Facts, now: float) -> tuple[str, ...]:
    """Return what whoever takes the shift is warned of: a sentence for everything that is not finished."""
    found = [f"{_named(each)} is not closed: {standing(each, now)}" for each in opened(facts.operations)]
    found += [f"{each.name} of {each.who} is not confirmed: {_applied_text(each, now)}" for each in waiting(facts.applied)]
    ends = [(each.point, each.bypassed_until_t) for each in facts.interlocks if each.bypassed_until_t is not None]
    found += [f"interlock {point} is bypassed for {span(until_t - now)} more" for point, until_t in ends if now < until_t]
    if facts.book.shift is not None and facts.book.written is None:
        found.append(f"{facts.book.shift.by} has written nothing for you")
    return tuple(found)


def _named(view: OperationView) -> str:
    return f"{view.name} ({view.object}, {task_words(view.task)})"


def standing(view: OperationView, now: float) -> str:
    """Return one sentence about how an operation stands."""
    left = "" if view.until_t is None else f", {span(view.until_t - now)} left"
    measured = view.progress.measured
    at = f" at {round(measured, 1):g} {view.progress.unit}".rstrip() if measured is not None else ""
    match view.phase:
        case Phase.WAITING:
            return f"waits for a second person to approve it{left}"
        case Phase.ARMED:
            return f"armed by {view.armer}{left}"
        case Phase.HELD:
            return f"held{at}: {view.detail}" if view.detail else f"held{at}"
        case _:
            return f"{view.phase.value}{at}"


# Its parts.


def _summary(alarms: Sequence[AlarmView], writer: Writer) -> page.AlarmSummary:
    opened = [view for view in alarms if view.letter in OPEN]
    unseen = [view for view in opened if view.letter in UNSEEN]
    oldest = sorted((view for view in opened if view.letter not in UNSEEN), key=lambda view: view.onset)
    counts = Counter(view.severity.value for view in opened)
    return page.AlarmSummary(
        critical=counts["critical"], major=counts["major"], minor=counts["minor"], warning=counts["warning"],
        open=len(opened), unacknowledged=len(unseen), lines=[_alarm(view, writer) for view in (*unseen, *oldest)[:MOST_LINES]],
    )  # fmt: skip


def _hidden(alarms: Sequence[AlarmView], letter: Letter, writer: Writer) -> list[page.AlarmLine]:
    return [_alarm(view, writer) for view in alarms if view.letter is letter][:MOST_SHELVED]


def _alarm(view: AlarmView, writer: Writer) -> page.AlarmLine:
    until_t, by, reason = _hiding(view)
    came = view.count > 0
    return page.AlarmLine(
        key=str(view.key), letter=view.letter.value, severity=view.severity.value, text=view.type.text,
        since=writer.stamp_of(view.onset) if came else None,
        age=writer.number(round(max(writer.now - view.onset, 0.0), 3) if came else None, "s"),
        until=None if until_t is None else writer.stamp_of(until_t), by=by, reason=reason,
    )  # fmt: skip


def _hiding(view: AlarmView) -> tuple[float | None, str, str]:
    if view.letter is Letter.SHELVED and view.shelf is not None:
        return view.shelf.until_t, view.shelf.who, view.shelf.reason
    if view.letter is Letter.OUT_OF_SERVICE and view.outage is not None:
        return view.outage.review_t, f"{view.outage.who}, {view.outage.second}", view.outage.reason
    seen = view.seen if view.letter not in UNSEEN else None
    return None, seen.who if seen is not None else "", seen.note if seen is not None else ""


def _hold(view: HoldView, writer: Writer) -> page.HoldLine:
    return page.HoldLine(view.name, view.object, view.who, view.uid == writer.uid, view.reason, writer.stamp_of(view.since_t))


def _bypass(view: InterlockView, writer: Writer) -> page.BypassLine | None:
    until_t = view.bypassed_until_t
    if until_t is None or until_t <= writer.now:
        return None
    return page.BypassLine(str(view.point), [*view.feeds], writer.stamp_of(until_t), _left(until_t, writer))


def _operation(view: OperationView, writer: Writer) -> page.OperationLine:
    return page.OperationLine(
        name=view.name, object=view.object, task=task_words(view.task), phase=view.phase.value, armer=view.armer,
        approver=view.approver, yours=view.armer_uid == writer.uid, since=writer.stamp_of(view.since_t),
        left=_left(view.until_t, writer), text=standing(view, writer.now),
    )  # fmt: skip


def _applied(view: AppliedView, writer: Writer) -> page.AppliedLine:
    until_t = view.confirm_until_t if view.state == "unconfirmed" else None
    return page.AppliedLine(
        name=view.name, who=view.who, at=writer.stamp_of(view.t), reason=view.reason,
        changes=[f"{target} {before:g} -> {after:g}" for target, before, after in view.changes],
        confirmUntil=None if until_t is None else writer.stamp_of(until_t), left=_left(until_t, writer),
        text=_applied_text(view, writer.now),
    )  # fmt: skip


def _applied_text(view: AppliedView, now: float) -> str:
    if view.state == "unconfirmed" and view.confirm_until_t is not None:
        return f"goes back by itself in {span(view.confirm_until_t - now)} unless somebody confirms it"
    return f"it stays until somebody confirms or reverts it{f': {view.detail}' if view.detail else ''}"


def _staged(view: StagedView, writer: Writer, who: str) -> page.StagedLine:
    name, _ = writer.names.get(view.target, (view.target.point, ""))
    return page.StagedLine(view.target.device, name, writer.number(view.staged, view.unit), view.who, view.who == who)


def _flood(flood: Flood, writer: Writer) -> page.FloodLine:
    figures = flood.figures
    rate = None if figures is None else figures.rate_10min
    peak = None if rate is None else max(flood.peak, rate)
    return page.FloodLine(
        rate=writer.number(rate, "1/10min"), peak=writer.number(peak, "1/10min"), peakSince=writer.stamp_of(flood.since_t),
        flood=figures is not None and figures.flood, floods=writer.number(None if figures is None else figures.floods),
        chattering=[] if figures is None else [str(key) for key in figures.chattering],
    )  # fmt: skip


def _left(until_t: float | None, writer: Writer) -> dict[str, object]:
    return writer.number(None if until_t is None else round(max(until_t - writer.now, 0.0), 3), "s")


def _shift(entry: Entry | None, uid: int) -> page.Shift | None:
    return None if entry is None else page.Shift(entry.by, _at(entry), entry.uid == uid)


def _written(entry: Entry | None) -> page.Written | None:
    return None if entry is None else page.Written(entry.by, _at(entry), entry.text)


def _at(entry: Entry) -> Stamp:
    return stamp(Moment(entry.utc_s, entry.synchronised))


def _clock(entry: Entry) -> str:
    """Return the time of an entry as people read it; with a sign where the clock was not synchronised."""
    text = written(entry.utc_s)
    return f"{'' if entry.synchronised else '~'}{text[:10]} {text[11:16]}Z"
