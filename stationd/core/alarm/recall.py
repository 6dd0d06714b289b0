"""What is remembered too late: the journal opened after the alarms of this run had begun. Pure.

A disk that does not answer at the start must not hold up the alarms, so the desk begins with nothing; when the journal opens
after all, each alarm takes up what it was before, as far as this run does not know better:

* what a person has ordered in this run stays; otherwise shelves and outages of before come back for the time that is left;
* an alarm that stood and still holds goes on as the same occurrence, acknowledged if it was;
* one that stood and has gone meanwhile stands as gone, one of which nothing is known yet stands as it was.

Every step is recorded like any other, so that the letters of the journal follow from each other.
"""

from __future__ import annotations

from stationd.core.alarm.condition import Look
from stationd.core.alarm.ledger import By, Ledger
from stationd.core.alarm.machine import Event, Flags, Letter, letter
from stationd.core.alarm.memory import Row, Shift, Snapshot, flags_of, quality_of, state_of
from stationd.core.alarm.orders import obey
from stationd.core.alarm.standing import News, Standing
from stationd.core.alarm.type import alarm_key
from stationd.core.alarm.words import Effect, Seen, Shelve, TakeOutOfService

LATE = "it stood before the restart; the journal came late"
SOON_S = 1.0  # a review that came due meanwhile is due so soon


def recall(ledger: Ledger, kept: Snapshot, now: float, elapsed_s: float = 0.0, utc: float | None = None) -> list[Effect]:
    """Take up what was kept, in a desk that has begun without it; return the records. Arguments as those of `restore`."""
    shift = Shift(now, now - kept.t - max(elapsed_s, 0.0), kept.t, utc)
    ledger.number = max(ledger.number, kept.number)
    for row in kept.rows:
        key = alarm_key(row.key)
        alarm = ledger.standings.get(key) if key is not None else None
        if alarm is not None:
            _take_up(ledger, alarm, row, shift)
    ledger.changed |= set(ledger.standings)
    return ledger.take()


def _take_up(ledger: Ledger, alarm: Standing, row: Row, shift: Shift) -> None:
    before, untouched = flags_of(row.flags), alarm.seen is None and alarm.shelf is None and alarm.outage is None
    goes_on = alarm.flags.active and before.active
    alarm.occurrence += row.occurrence - goes_on
    alarm.count += row.count - goes_on
    if letter(before) is not Letter.NORMAL and alarm.letter is Letter.NORMAL:
        _stand_again(ledger, alarm, before, row, shift)
    elif goes_on:
        alarm.onset = shift.to(row.onset)
        ledger.changed.add(alarm.key)
    if goes_on and before.acked and untouched:
        _acknowledge(ledger, alarm, row, shift)
    if untouched:
        _hide(ledger, alarm, row, shift)


def _stand_again(ledger: Ledger, alarm: Standing, before: Flags, row: Row, shift: Shift) -> None:
    """Let it come once more as what it was, and go where it had gone before or is known to have gone since."""
    if not (before.active or before.latched or not before.acked):
        return  # only a person had hidden it
    known_back = alarm.state.known and alarm.state.side is Look.BACK
    alarm.occurrence, alarm.count = alarm.occurrence - 1, alarm.count - 1
    onset = shift.to(row.onset)
    ledger.come(alarm, News(shift.now, onset, row.value, quality_of(row.quality), LATE, proven=row.proven))
    if before.acked:
        _acknowledge(ledger, alarm, row, shift)
    if known_back or not before.active:
        ledger.go(alarm, News(shift.now, onset, row.value, quality_of(row.quality), LATE, proven=row.proven))
    else:
        alarm.state = state_of(row, shift)


def _acknowledge(ledger: Ledger, alarm: Standing, row: Row, shift: Shift) -> None:
    if alarm.flags.acked or row.seen_t is None:
        return
    if ledger.apply(alarm, Event.ACK, shift.now, By(row.seen_who, LATE)) is None:
        alarm.worst, alarm.seen = alarm.severity, Seen(row.seen_who, row.seen_note, shift.to(row.seen_t))


def _hide(ledger: Ledger, alarm: Standing, row: Row, shift: Shift) -> None:
    """Let shelves and outages of before go on for what is left of them; what the limits of today refuse stays visible."""
    if row.shelf_t is not None and (left_s := shift.end(row.shelf_t, row.shelf_utc) - shift.now) > 0:
        obey(ledger, Shelve(alarm.key, left_s, row.shelf_who, row.shelf_reason, row.shelf_one_shot, shift.utc), shift.now)
    if row.review_t is not None:
        left_s = max(shift.end(row.review_t, row.review_utc) - shift.now, SOON_S)
        order = TakeOutOfService(alarm.key, left_s, row.out_who, row.out_second, row.out_reason, shift.utc)
        obey(ledger, order, shift.now)
