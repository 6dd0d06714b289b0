"""The guard of an amplifier's own protection: what the unit does by itself, followed and told. It writes nothing, ever.

What it is not: a safety function. Eye safety is kept by the amplifier's firmware and by hard-wired interlocks, within the second
or three that ITU-T G.664 asks for (as public manuals quote it); polling is far too slow for that. What is left for us are two
things: to say which state the unit is in and since when, and to refuse whatever would defeat its protection - forcing a pump on
while the unit keeps it off, or moving set values under a unit that is reduced or about to start again.

Follows the automatic laser shut-down of public manuals (Cisco ONS 15454, NEC PASOLINK, Huawei IPA): light is missing for half a
second or so; the unit shuts down or reduces its power within 1 s; it tries again by itself with a pulse of 2 to 9 s every 60 to
300 s, at a power that is eye-safe, and goes to full power only when light has come back from the other end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from stationd.core.amplifier.look import KNOWN_S, RESTART_AFTER_S, Look, aged, flags, look_of, newest, settled
from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.model import PointId
from stationd.core.powerfeed.words import FRESH_S, Seen


class Guarded(Enum):
    """The state of an amplifier, as screens show it."""

    UNKNOWN = "unknown"
    SENDING = "sending"
    DARK = "dark"  # nothing acts, and no light goes out: somebody has switched it off, or its output is missing
    REDUCED = "reduced"
    SHUT_DOWN = "shut-down"
    RESTARTING = "restarting"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Guard:
    """The state of one amplifier and since when (monotonic seconds)."""

    state: Guarded = Guarded.UNKNOWN
    since_t: float = 0.0

    @property
    def protecting(self) -> bool:
        """True while the unit's own protection has the say: nobody switches or sets it then."""
        return self.state in PROTECTING

    @property
    def restart_after_s(self) -> float | None:
        """Return how long the unit may take to try again by itself, counted from the return of light; None where it does not."""
        return RESTART_AFTER_S if self.state in (Guarded.SHUT_DOWN, Guarded.RESTARTING) else None


U, S, D, R, X, A, F = (
    Guarded.UNKNOWN, Guarded.SENDING, Guarded.DARK, Guarded.REDUCED, Guarded.SHUT_DOWN, Guarded.RESTARTING, Guarded.FAULT,
)  # fmt: skip
PROTECTING = frozenset({R, X, A})

# The table, one row for each state, one column for each look. Only a unit that has protected itself can be restarting: a pump that
# runs without output, or without input, is a restart then, and no light or plain sending in any other state. A unit that is off
# with its light back counts as restarting until RESTART_AFTER_S is over; after that nobody expects it to come any more. Two readings
# that differ leave the state as it is.
COLUMNS = (
    Look.FAULT, Look.REDUCING, Look.SHUT, Look.PULSE, Look.TRYING, Look.LIT, Look.OFF, Look.BLIND, Look.UNSURE, Look.OVERDUE,
)  # fmt: skip
ROWS: Mapping[Guarded, tuple[Guarded, ...]] = {
    #    fault reducing shut pulse trying lit off blind unsure overdue
    U: (F,     R,       X,   S,    D,     S,  D,  U,    U,     U),
    S: (F,     R,       X,   S,    D,     S,  D,  U,    S,     S),
    D: (F,     R,       X,   S,    D,     S,  D,  U,    D,     D),
    R: (F,     R,       X,   A,    A,     S,  D,  U,    R,     R),
    X: (F,     R,       X,   A,    A,     S,  A,  U,    X,     X),
    A: (F,     R,       X,   A,    A,     S,  A,  U,    A,     D),
    F: (F,     R,       X,   S,    D,     S,  D,  U,    F,     F),
}  # fmt: skip
TABLE: Mapping[tuple[Guarded, Look], Guarded] = MappingProxyType(
    {(row, look): cell for row, cells in ROWS.items() for look, cell in zip(COLUMNS, cells, strict=True)}
)


def rows() -> tuple[tuple[str, str, str], ...]:
    """Return the table as (state, what is seen, next state), without the cells that change nothing."""
    return tuple((row.value, look.value, cell.value) for (row, look), cell in TABLE.items() if cell is not row)


def watch(plan: AmplifierPlan, guard: Guard, seen: Seen, now: float) -> Guard:
    """Return the guard after a look at the readings."""
    look = look_of(plan, seen, now)
    waits = guard.state is Guarded.RESTARTING and look in (Look.OFF, Look.TRYING)
    if waits and now >= guard.since_t + RESTART_AFTER_S:
        look = Look.OVERDUE
    state = TABLE[guard.state, look]
    return guard if state is guard.state else Guard(state, now)


def protecting(plan: AmplifierPlan, seen: Seen, now: float) -> str | None:
    """Return what the unit's own protection does now, with the live value and its age; None where it surely does not act.

    One reading is enough to refuse, and a protection that says nothing counts as acting: neither can make anything worse. That it
    does not act is believed only as all that lets a write out is: read twice, within FRESH_S.
    """
    reasons = [_why(plan, point, seen, now) for point in flags(plan)]
    return "; ".join(reason for reason in reasons if reason) or None


def _why(plan: AmplifierPlan, point: PointId, seen: Seen, now: float) -> str:
    reading = newest(seen, point, now, KNOWN_S)
    if settled(seen, point, now, FRESH_S) is False:
        return ""
    if reading is None or reading.value is not True:
        return f"it is not known whether the unit protects itself ({aged(point, reading, now)})"
    if point == plan.lost:
        return f"no light at its input, the unit keeps itself off ({aged(point, reading, now)})"
    return f"the unit has reduced its power or shut down by itself ({aged(point, reading, now)})"
