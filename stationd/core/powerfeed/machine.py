"""The machine that drives one power feed: fifteen phases, and one table that says what each event does in each phase.

What it is not: a protection (that is hardware, and the unit's own limits) and not a controller of the current (the unit regulates
it). What a phase looks at stands in stationd.core.powerfeed.phases, the numbers beside the table in stationd.core.powerfeed.drive.

Theory. A feed regulates its current by itself; what must be guarded is how its set point comes to where people want it.

* The lead. Software can die between two steps, and what it sent last stays. So no set point is ever sent that is more than one
  second of the rate away from the current that is *measured*: a machine that is killed leaves the line within that lead. The
  hardware ramp of a unit is set to twice the rate, as a limit only; it would bring the line to the target without us.
* No catching up. The profile is a function of the time since the last set point that was sent, not of that since the start: what
  was lost to slow answers, to a hold or to a pause is lost, and the current never moves faster to make up for it.
* The hold points. At 10, 50 and 90 % of the current the voltage of both ends must be that of the line as it is known, on two
  readings. A shunt, an open or a wrong connection shows itself there at a tenth of the power that it would meet at the end.
* Two ends. Two sources that both hold the current share the voltage by nothing but their droop, some 3 mA in 1000 V: one
  milliampere between their set points moves the split by about 150 V. So one end, the master, sets the current while the other
  one follows in voltage mode and carries half of what the line needs at the *measured* current; only when that is nominal does
  it hold the current too. A held current set point is then only trimmed, slowly; a feed that leaves goes by its voltage.
* What is unsure holds. A missing or bad reading, a pause, a current that is not where the set point is, a voltage that rises too
  fast, a set point that somebody else has moved, a far end that is silent or holds: nothing is written any more, and a person decides.
  Only two fresh readings beyond a limit of the operation switch the output off (LIMIT), and a unit that switches itself off has
  the last word (DEVICE_TRIP).

Held, nothing is written. From HELD a person's word leads on by the same events as from IDLE, and always from what is measured
then. Follows the approach of IEC 61850 command termination: DONE means that the plant shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Phase(Enum):
    """What the machine is doing. The words are those of the screens."""

    IDLE = "idle"
    PREPARING = "preparing"  # setting the unit up, and its output on at 0 mA
    AWAITING = "awaiting the other end"
    RAMPING = "ramping"
    CHECKING = "hold point"
    SETTLING = "settling"
    FOLLOWING = "following"
    HANDING_OVER = "handing over"  # the follower goes from voltage to current mode
    DESCENDING = "descending"
    SWITCHING_OFF = "switching off"
    DISCHARGING = "discharging"
    SWITCHING = "switching"  # polarity or electroding
    HELD = "held"
    TRIPPED = "tripped"
    DONE = "done"


class Event(Enum):
    """What can happen. The first eight are entered by: begin, a person who lets it go on, or the phase before."""

    PREPARE = "prepare"
    AWAIT = "await"
    RAMP = "ramp"
    FOLLOW = "follow"
    SETTLE = "settle"
    DESCEND = "descend"
    DISCHARGE = "discharge"
    SWITCH = "switch"

    AT_HOLD_POINT = "at-hold-point"
    MODEL_AGREES = "model-agrees"
    AT_TARGET = "at-target"
    NOMINAL = "nominal"  # the follower has seen the whole current for long enough
    HANDED_OVER = "handed-over"
    LOW = "low"  # so little is left that the output may go off
    IS_OFF = "is-off"
    STEADY = "steady"
    DISCHARGED = "discharged"
    CONTRADICTED = "contradicted"  # a switch that had answered shows something else

    HOLD = "hold"
    GAP = "gap"  # nothing was looked at for too long
    STALE = "stale"  # a reading that gates the operation is bad or missing
    DEVIATION = "deviation"
    RISE = "rise"
    AT_LIMIT = "at-limit"  # the unit holds its voltage limit instead of the current
    FOREIGN = "foreign"  # a set point is not what was put
    WRITE_FAILED = "write-failed"
    FAR_LOST = "far-lost"
    FAR_HELD = "far-held"
    UNFIT = "unfit"  # the plant is not what the next step needs
    TOO_LONG = "too-long"
    LIMIT = "limit"  # two fresh readings beyond a limit of this operation
    DEVICE_TRIP = "device-trip"


N, P, A, R, C, S, F = (
    Phase.IDLE, Phase.PREPARING, Phase.AWAITING, Phase.RAMPING, Phase.CHECKING, Phase.SETTLING, Phase.FOLLOWING,
)  # fmt: skip
V, D, B, E, W, H, X, Z = (
    Phase.HANDING_OVER, Phase.DESCENDING, Phase.SWITCHING_OFF, Phase.DISCHARGING, Phase.SWITCHING, Phase.HELD, Phase.TRIPPED, Phase.DONE,
)  # fmt: skip

# The table in two halves, how it goes on and what goes wrong. A cell that names its own row changes nothing.
#
# Once the output is being switched off, nothing that is unsure may stop that: missing readings, the far end and a unit that has
# gone off by itself change nothing any more, and what cannot be proved to be discharged ends so (TOO_LONG). Nor do the desk's
# preconditions, the key switch, the session or its keep-alive (LEAVING; see stationd.core.operation.watching): once the output is off
# nothing is written, and there is nothing to hold. HOLD is a person's word there, and of a write that failed. Held, only the unit
# itself can end an operation: there are no software trips then.
WAYS: Mapping[Phase, Mapping[Event, Phase]] = {
    N: {Event.PREPARE: P, Event.RAMP: R, Event.DESCEND: D, Event.DISCHARGE: E, Event.SWITCH: W},
    P: {Event.AWAIT: A, Event.RAMP: R},
    A: {Event.RAMP: R, Event.FOLLOW: F},
    R: {Event.AT_HOLD_POINT: C, Event.AT_TARGET: S},
    C: {Event.MODEL_AGREES: R},
    S: {Event.STEADY: Z},
    F: {Event.NOMINAL: V},
    V: {Event.HANDED_OVER: S},
    D: {Event.LOW: B},
    B: {Event.IS_OFF: E},
    E: {Event.DISCHARGED: Z},
    W: {Event.STEADY: Z, Event.CONTRADICTED: Z},
    H: {
        Event.PREPARE: P, Event.AWAIT: A, Event.RAMP: R, Event.SETTLE: S,
        Event.DESCEND: D, Event.DISCHARGE: E, Event.SWITCH: W,
    },
    X: {},
    Z: {},
}  # fmt: skip
WRONG = (
    Event.HOLD, Event.GAP, Event.STALE, Event.DEVIATION, Event.RISE, Event.AT_LIMIT, Event.FOREIGN,
    Event.WRITE_FAILED, Event.FAR_LOST, Event.FAR_HELD, Event.UNFIT, Event.TOO_LONG, Event.LIMIT, Event.DEVICE_TRIP,
)  # fmt: skip
TROUBLE: Mapping[Phase, tuple[Phase, ...]] = {
    # hold gap stale dev rise at-lim foreign write far-lost far-held unfit long limit device
    N: (H, N, H, N, N, N, N, N, H, H, H, N, N, N),
    P: (H, H, H, H, H, H, H, H, H, H, H, H, X, X),
    A: (H, H, H, H, H, H, H, H, H, H, H, H, X, X),
    R: (H, H, H, H, H, H, H, H, H, H, H, H, X, X),
    C: (H, H, H, H, H, H, H, H, H, H, H, H, X, X),
    S: (H, H, H, H, H, H, H, H, H, H, H, H, X, X),
    F: (H, H, H, H, H, H, H, H, H, H, H, H, X, X),
    V: (H, H, H, H, H, H, H, H, H, H, H, H, X, X),
    D: (H, H, H, H, H, H, H, H, H, H, H, H, X, X),
    B: (H, B, B, B, B, B, B, H, B, B, B, H, X, B),
    E: (H, E, E, E, E, E, E, E, E, E, E, Z, X, E),
    W: (H, W, W, W, W, W, W, H, W, W, H, Z, X, W),
    H: (H, H, H, H, H, H, H, H, H, H, H, H, H, X),
    X: (X,) * 14,
    Z: (Z,) * 14,
}
TABLE: Mapping[tuple[Phase, Event], Phase] = MappingProxyType(
    {(phase, event): WAYS[phase].get(event, phase) for phase in Phase for event in Event if event not in WRONG}
    | {(phase, event): cell for phase, cells in TROUBLE.items() for event, cell in zip(WRONG, cells, strict=True)}
)

ENDS = frozenset({X, Z})
RUNNING = frozenset(Phase) - ENDS - {N, H}
LEAVING = frozenset({B, E})  # the output is being switched off, or is off: only a person stops that
RISING = frozenset({P, A, R, C, F, V})  # what a person may only start with every precondition good: current or voltage may rise


def step(phase: Phase, event: Event) -> Phase:
    """Return the next phase; the same one where the event changes nothing."""
    return TABLE[phase, event]


def rows() -> tuple[tuple[str, str, str], ...]:
    """Return the table as (phase, event, next phase), without the cells that change nothing."""
    return tuple((phase.value, event.value, cell.value) for (phase, event), cell in TABLE.items() if cell is not phase)
