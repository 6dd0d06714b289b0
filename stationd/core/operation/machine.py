"""The operation machine: eleven states, twenty events, and one table that says what each event does in each state.

An operation is selected (armed), read by a second person where lives are at stake (approved), begun with a code that only the
arming screen shows (executed), and ended when the plant shows it (enhanced security), not when a command was sent. What people
see is a coarser Phase, derived and never stored. Who may cause an event, and when it is due, is decided by
stationd.core.operation.lifecycle; what a running operation does to the plant belongs to the executors of
stationd.core.powerfeed and stationd.core.amplifier.

Follows the approach of IEC 61850-7-2 (select before operate with enhanced security: reserve, operate, command termination; the
words of refusal are those of AddCause as public manuals quote them) and of DNP3 (select, then operate the identical object
within seconds). What the table adds to them: a second person, a hold that needs a new code and sometimes a new approval, and
an intent that is on the disk before anything is sent.

Three properties can be read from the table, and tests walk it to prove them:

* RUNNING is entered from STARTING and RESUMING alone, by INTENT_KEPT alone, and these are entered by EXECUTED alone;
* every state of an open operation has a way to CLOSED that nobody needs a code for, and RUNNING one to HELD;
* EMERGENCY closes every open operation; RESTARTED leaves nothing running.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from stationd.core.operation.views import Phase
from stationd.core.operation.words import Cause


class State(Enum):
    """Where an operation stands. DOUBTED is armed after one wrong code; ASKED, OFFERED and MISTYPED are held and about to go on.

    STARTING and RESUMING wait until the intent is on the disk: nothing was sent yet.
    """

    NONE = "none"
    WAITING = "waiting"
    ARMED = "armed"
    DOUBTED = "doubted"
    STARTING = "starting"
    RUNNING = "running"
    HELD = "held"
    ASKED = "asked"
    OFFERED = "offered"
    MISTYPED = "mistyped"
    RESUMING = "resuming"
    CLOSED = "closed"


class Event(Enum):
    """What can happen to an operation. ARM and PREPARED come alone or, `..._FOR_TWO`, where a second person must approve.

    REJECTED, DISARMED and HOLD are orders of people, as are ARM, APPROVED, EXECUTED, WRONG_CODE and PREPARED. CHANGED is a
    precondition that does not hold any more; TIMED_OUT the end of a countdown; ENDED and STOPPED what the executor says, TRIPPED
    what it says of a trip, of the device or of its own.
    """

    ARM = "arm"
    ARM_FOR_TWO = "arm-for-two"
    APPROVED = "approved"
    REJECTED = "rejected"
    DISARMED = "disarmed"
    EXECUTED = "executed"
    WRONG_CODE = "wrong-code"
    HOLD = "hold"
    PREPARED = "prepared"
    PREPARED_FOR_TWO = "prepared-for-two"
    TIMED_OUT = "timed-out"
    CHANGED = "changed"
    SESSION_GONE = "session-gone"
    KEEP_ALIVE_LOST = "keep-alive-lost"
    INTENT_KEPT = "intent-kept"
    INTENT_LOST = "intent-lost"
    ENDED = "ended"
    STOPPED = "stopped"
    TRIPPED = "tripped"
    EMERGENCY = "emergency"
    RESTARTED = "restarted"


ORDERS = (
    Event.ARM, Event.ARM_FOR_TWO, Event.APPROVED, Event.REJECTED, Event.DISARMED, Event.EXECUTED, Event.WRONG_CODE,
    Event.HOLD, Event.PREPARED, Event.PREPARED_FOR_TWO,
)  # fmt: skip
FACTS = (
    Event.TIMED_OUT, Event.CHANGED, Event.SESSION_GONE, Event.KEEP_ALIVE_LOST, Event.INTENT_KEPT, Event.INTENT_LOST,
    Event.ENDED, Event.STOPPED, Event.TRIPPED, Event.EMERGENCY, Event.RESTARTED,
)  # fmt: skip

Cell = State | Cause

ARM, WAIT, ONCE, BEGIN, RUN = State.ARMED, State.WAITING, State.DOUBTED, State.STARTING, State.RUNNING
HELD, ASK, OFFER, AGAIN, GO_ON, SHUT = State.HELD, State.ASKED, State.OFFERED, State.MISTYPED, State.RESUMING, State.CLOSED
NOT, IS, BUSY, TWO = Cause.NOT_SELECTED, Cause.ALREADY_SELECTED, Cause.IN_EXECUTION, Cause.SECOND_PERSON

# The table in two halves: what people order, and what happens. A Cause is the word with which an order is refused. Facts are
# never refused: late or needless ones leave the state as it is.
#
# Where the design's table is silent: whatever happens while the intent is being written closes (or leaves held) an operation
# of which nothing was sent; a second person may still reject what is armed; a hold of what waits to go on takes the offer back.
OF_PEOPLE: Mapping[State, tuple[Cell, ...]] = {
    #               arm  arm2  approve reject disarm execute wrong  hold   prepare prepare2
    State.NONE:     (ARM, WAIT, NOT,   NOT,   NOT,   NOT,    NOT,   NOT,   NOT,    NOT),
    State.WAITING:  (IS,  IS,   ARM,   SHUT,  SHUT,  TWO,    TWO,   NOT,   NOT,    NOT),
    State.ARMED:    (IS,  IS,   IS,    SHUT,  SHUT,  BEGIN,  ONCE,  NOT,   NOT,    NOT),
    State.DOUBTED:  (IS,  IS,   IS,    SHUT,  SHUT,  BEGIN,  SHUT,  NOT,   NOT,    NOT),
    State.STARTING: (IS,  IS,   BUSY,  SHUT,  SHUT,  BUSY,   BUSY,  SHUT,  BUSY,   BUSY),
    State.RUNNING:  (IS,  IS,   BUSY,  BUSY,  BUSY,  BUSY,   BUSY,  HELD,  BUSY,   BUSY),
    State.HELD:     (IS,  IS,   NOT,   NOT,   SHUT,  NOT,    NOT,   HELD,  OFFER,  ASK),
    State.ASKED:    (IS,  IS,   OFFER, HELD,  SHUT,  TWO,    TWO,   HELD,  OFFER,  ASK),
    State.OFFERED:  (IS,  IS,   IS,    HELD,  SHUT,  GO_ON,  AGAIN, HELD,  OFFER,  ASK),
    State.MISTYPED: (IS,  IS,   IS,    HELD,  SHUT,  GO_ON,  HELD,  HELD,  OFFER,  ASK),
    State.RESUMING: (IS,  IS,   BUSY,  HELD,  SHUT,  BUSY,   BUSY,  HELD,  BUSY,   BUSY),
    State.CLOSED:   (NOT, NOT,  NOT,   NOT,   NOT,   NOT,    NOT,   NOT,   NOT,    NOT),
}  # fmt: skip
OF_EVENTS: Mapping[State, tuple[State, ...]] = {
    #               time  changed session alive   kept   lost   ended  stopped tripped emergency restart
    State.NONE:     (State.NONE,) * 11,
    State.WAITING:  (SHUT, SHUT,  SHUT,   WAIT,   WAIT,  WAIT,  WAIT,  WAIT,   SHUT,   SHUT,     SHUT),
    State.ARMED:    (SHUT, SHUT,  SHUT,   ARM,    ARM,   ARM,   ARM,   ARM,    SHUT,   SHUT,     SHUT),
    State.DOUBTED:  (SHUT, SHUT,  SHUT,   ONCE,   ONCE,  ONCE,  ONCE,  ONCE,   SHUT,   SHUT,     SHUT),
    State.STARTING: (SHUT, SHUT,  SHUT,   SHUT,   RUN,   SHUT,  BEGIN, BEGIN,  SHUT,   SHUT,     HELD),
    State.RUNNING:  (RUN,  HELD,  HELD,   HELD,   RUN,   RUN,   SHUT,  HELD,   SHUT,   SHUT,     HELD),
    State.HELD:     (HELD, HELD,  HELD,   HELD,   HELD,  HELD,  SHUT,  HELD,   SHUT,   SHUT,     HELD),
    State.ASKED:    (HELD, HELD,  HELD,   ASK,    ASK,   ASK,   SHUT,  ASK,    SHUT,   SHUT,     HELD),
    State.OFFERED:  (HELD, HELD,  HELD,   OFFER,  OFFER, OFFER, SHUT,  OFFER,  SHUT,   SHUT,     HELD),
    State.MISTYPED: (HELD, HELD,  HELD,   AGAIN,  AGAIN, AGAIN, SHUT,  AGAIN,  SHUT,   SHUT,     HELD),
    State.RESUMING: (HELD, HELD,  HELD,   HELD,   RUN,   HELD,  SHUT,  HELD,   SHUT,   SHUT,     HELD),
    State.CLOSED:   (SHUT,) * 11,
}  # fmt: skip
TABLE: Mapping[tuple[State, Event], Cell] = MappingProxyType(
    {(state, event): cell for state, cells in OF_PEOPLE.items() for event, cell in zip(ORDERS, cells, strict=True)}
    | {(state, event): cell for state, cells in OF_EVENTS.items() for event, cell in zip(FACTS, cells, strict=True)}
)

PHASES: Mapping[State, Phase] = {
    State.WAITING: Phase.WAITING,
    State.ARMED: Phase.ARMED,
    State.DOUBTED: Phase.ARMED,
    State.STARTING: Phase.STARTING,
    State.RUNNING: Phase.RUNNING,
    State.HELD: Phase.HELD,
    State.ASKED: Phase.HELD,
    State.OFFERED: Phase.HELD,
    State.MISTYPED: Phase.HELD,
    State.RESUMING: Phase.STARTING,
    State.NONE: Phase.CLOSED,
    State.CLOSED: Phase.CLOSED,
}
NOT_BEGUN = frozenset({State.WAITING, State.ARMED, State.DOUBTED})
HOLDING = frozenset({State.HELD, State.ASKED, State.OFFERED, State.MISTYPED})
OFFERING = HOLDING - {State.HELD}
BEGINNING = frozenset({State.STARTING, State.RESUMING})
SELECTED = NOT_BEGUN | OFFERING | BEGINNING  # every precondition is watched


def step(state: State, event: Event) -> Cell:
    """Return the next state, or the word with which an order is refused; then nothing changes."""
    return TABLE[state, event]


def rows() -> tuple[tuple[str, str, str], ...]:
    """Return what the table changes, as (state, event, next state), for pictures; refusals and what changes nothing are left out."""
    return tuple(
        (state.value, event.value, cell.value) for (state, event), cell in TABLE.items() if isinstance(cell, State) and cell is not state
    )
