"""From the ledger of one plan to that of another, in the same run. Pure.

An alarm whose rule is the same goes over as it is, with all its deadlines. Every other one goes through its row, as over a restart
(stationd.core.alarm.memory): a delay of it is frozen until the next reading, and what the new plan does not allow ends.
"""

from __future__ import annotations

from collections.abc import Container

from stationd.core.alarm.ledger import Due, Ledger
from stationd.core.alarm.memory import Shift, put_back, row_of_alarm, tidy
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Effect

OF_ALARMS = (Due.CONDITION, Due.TELL, Due.SHELF, Due.SHELF_WARNING, Due.REVIEW)


def succeed(ledger: Ledger, before: Ledger, anew: Container[str], now: float) -> list[Effect]:
    """Let a ledger that has just been made take the place of another; return records of what could not stay as it was.

    Alarms of the devices in `anew` go through their rows too: nothing is known any more of what they watch.
    """
    same = {key for key in ledger.standings if _is_same(ledger, before, key) and key.resource not in anew}
    for key in same:
        _keep(ledger, before, key)
    ledger.number, ledger.flood, ledger.last_raise_t = before.number, before.flood, before.last_raise_t
    rows = [row_of_alarm(before, alarm) for key, alarm in before.standings.items() if key not in same]
    put_back(ledger, rows, Shift(now, 0.0, now, None))
    tidy(ledger, now)
    ledger.changed |= (ledger.standings.keys() - same) | (before.changed & ledger.standings.keys())
    return ledger.take()


def _is_same(ledger: Ledger, before: Ledger, key: AlarmKey) -> bool:
    known = before.standings.get(key)
    return known is not None and known.rule == ledger.standings[key].rule


def _keep(ledger: Ledger, before: Ledger, key: AlarmKey) -> None:
    ledger.standings[key] = before.standings[key]
    for due in OF_ALARMS:
        ledger.timers.set((due, key), before.timers.of((due, key)))
    known = before.inhibitor.known(key)
    if known is not None:
        ledger.timers.set((Due.FADE, key), ledger.inhibitor.restore(key, known))
