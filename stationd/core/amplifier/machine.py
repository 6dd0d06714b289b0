"""The machine that switches one amplifier, inside a running operation only: one write, its read-back, and proof by readings.

What it is not: a control loop. Gain, power and transients are controlled by the amplifier itself; eye safety is its firmware's and
that of hard-wired interlocks (stationd.core.amplifier.guard). The data beside the table is in stationd.core.amplifier.executor.

Theory. A switch is operated once. IEC 61850 calls it enhanced security, DNP3 select before operate: the command has ended when the
position is proved, not when the unit has said yes. So there is exactly one Put in a life without a hold; its read-back (WriteDone)
begins a time of proof, in which the switch must read as wanted in two readings and, where a pump was switched on, light must come
out. A unit that answers no to the write has not moved: DEVIATED. A unit that does not answer at all may have moved: nothing is sent
again, its readings decide. A protection that acts meanwhile (input lost, power reduced, shut down, fault) ends all ways that lead to
light, without a write: the unit is right, whatever was ordered. A missing protection reading lets nothing out: held. Held, nothing
is written; what goes on is a person's RESUME, toward the target, or BACK, which leads only into the dark. After a restart a task is
held and looks first: where the switch stands as wanted already, nothing is written any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Phase(Enum):
    """How far the task is. The last four are ends."""

    IDLE = "idle"
    WRITING = "writing"
    PROVING = "proving"
    HELD = "held"
    REACHED = "reached"
    DEVIATED = "deviated"
    TIMED_OUT = "timed-out"
    TRIPPED = "aborted-by-trip"


ENDS = frozenset({Phase.REACHED, Phase.DEVIATED, Phase.TIMED_OUT, Phase.TRIPPED})


class Event(Enum):
    """What can happen to a task. GO stands for begin, resume and back: a person has let it."""

    GO = "go"
    GO_THERE = "go, is there"  # the switch stands as wanted already
    GO_BLIND = "go, blind"  # the unit does not say whether it protects itself
    WRITTEN = "written"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    AGREES = "agrees"
    OTHER = "late, other"  # the time of proof is over and the readings say otherwise
    MISSING = "late, missing"  # the time is over and readings are missing
    PROTECTS = "protects"
    HOLD = "hold"


N, W, P, H, R, D, T, X = (
    Phase.IDLE, Phase.WRITING, Phase.PROVING, Phase.HELD, Phase.REACHED, Phase.DEVIATED, Phase.TIMED_OUT, Phase.TRIPPED,
)  # fmt: skip

# The table: a cell that names its own row changes nothing. PROTECTS is told only while the way leads to light. A write that was
# still on its way when somebody held is heard of in HELD and changes nothing there; gone on with while it still was, the task waits
# in WRITING for its answer and then starts its own way (GO in WRITING). REFUSED before any write: there is no such switch.
COLUMNS = (
    Event.GO, Event.GO_THERE, Event.GO_BLIND, Event.WRITTEN, Event.REFUSED, Event.UNANSWERED,
    Event.AGREES, Event.OTHER, Event.MISSING, Event.PROTECTS, Event.HOLD,
)  # fmt: skip
ROWS: Mapping[Phase, tuple[Phase, ...]] = {
    #   go there blind written refused unanswered agrees other missing protects hold
    N: (W, P,    H,    N,      D,      N,         N,     N,    N,      X,       H),
    W: (W, P,    H,    P,      D,      P,         W,     W,    T,      X,       H),
    P: (P, P,    P,    P,      P,      P,         R,     D,    T,      X,       H),
    H: (W, P,    H,    H,      D,      H,         H,     H,    H,      X,       H),
    R: (R, R,    R,    R,      R,      R,         R,     R,    R,      R,       R),
    D: (D, D,    D,    D,      D,      D,         D,     D,    D,      D,       D),
    T: (T, T,    T,    T,      T,      T,         T,     T,    T,      T,       T),
    X: (X, X,    X,    X,      X,      X,         X,     X,    X,      X,       X),
}  # fmt: skip
TABLE: Mapping[tuple[Phase, Event], Phase] = MappingProxyType(
    {(row, event): cell for row, cells in ROWS.items() for event, cell in zip(COLUMNS, cells, strict=True)}
)


def rows() -> tuple[tuple[str, str, str], ...]:
    """Return the table as (phase, event, next phase), without the cells that change nothing."""
    return tuple((row.value, event.value, cell.value) for (row, event), cell in TABLE.items() if cell is not row)
