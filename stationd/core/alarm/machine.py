"""The alarm machine: flags, the letter that follows from them, and one table that says what each event does in each state.

Six flags are kept and nothing else: whether the condition holds (`active`), whether a person has seen it (`acked`), whether
a latch waits for a reset (`latched`), and three ways of being hidden: `shelved` by an operator for a time, `suppressed` by a
cause that explains it, `out_of_service` by two persons. The letter is derived from them and never stored, so that hiding an
alarm can never change what is true of the plant. How a condition is found belongs to stationd.core.alarm.condition, who may order
what to stationd.core.alarm.orders, what hides what to stationd.core.alarm.inhibit.

Follows the approach of ISA-18.2 and IEC 62682 (letters A to I, from secondary sources; to be checked against the paid texts),
of RFC 8632 (condition, operator state and shelving kept apart) and of OPC UA part 9 (shelving).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from types import MappingProxyType


class Letter(Enum):
    """The state of an alarm as people read it."""

    NORMAL = "A"
    NEW = "B"
    ACKNOWLEDGED = "C"
    GONE = "D"
    LATCHED_NEW = "E"
    LATCHED_ACKNOWLEDGED = "F"
    SHELVED = "G"
    SUPPRESSED = "H"
    OUT_OF_SERVICE = "I"


class Event(Enum):
    """What can happen to an alarm. The words are those of the journal, of MQTT and of the shell.

    RAISE and CLEAR come after their delays; UNSHELVE also when the shelf's time is over; RELEASE when every cause is gone
    and the time for recovery is over. A NOTE changes nothing and is only recorded.
    """

    RAISE = "raise"
    CLEAR = "clear"
    ESCALATE = "escalate"
    ACK = "ack"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"
    RELEASE = "release"
    OUT_OF_SERVICE = "out-of-service"
    RETURN = "return"
    NOTE = "note"


class Denial(Enum):
    """Why the machine does not take an event; nothing changes then."""

    STILL_ACTIVE = "still-active"
    NOT_ACKNOWLEDGED = "not-acknowledged"
    HIDDEN = "hidden"
    OUT_OF_SERVICE = "out-of-service"
    NOT_SHELVABLE = "not-shelvable"


@dataclass(frozen=True, slots=True)
class Flags:
    """All that is kept of an alarm's state. The default is the normal state: nothing is wrong and nothing waits for anybody."""

    active: bool = False
    acked: bool = True
    latched: bool = False
    shelved: bool = False
    suppressed: bool = False
    out_of_service: bool = False

    @property
    def hidden(self) -> bool:
        """True when it is in no main list and makes no sound."""
        return self.shelved or self.suppressed or self.out_of_service


@dataclass(frozen=True, slots=True)
class Variant:
    """What the type of an alarm changes in the machine."""

    latching: bool
    shelvable: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The flags after an event, and whether people are to be told now."""

    flags: Flags
    annunciate: bool = False


def letter(flags: Flags) -> Letter:
    """Return the letter of a state; the first rule that matches wins."""
    if flags.out_of_service:
        return Letter.OUT_OF_SERVICE
    if flags.suppressed:
        return Letter.SUPPRESSED
    if flags.shelved:
        return Letter.SHELVED
    if flags.active:
        return Letter.ACKNOWLEDGED if flags.acked else Letter.NEW
    if flags.latched:
        return Letter.LATCHED_ACKNOWLEDGED if flags.acked else Letter.LATCHED_NEW
    return Letter.NORMAL if flags.acked else Letter.GONE


# What a cell of the table does. Each takes the flags and the variant and gives a step.


def _stay(flags: Flags, _: Variant) -> Step:
    return Step(flags)


def _rise(flags: Flags, variant: Variant) -> Step:
    if flags.active:  # only where hidden: one more news of the same period
        return Step(flags)
    risen = replace(flags, active=True, acked=False, latched=variant.latching)
    return Step(risen, annunciate=not risen.hidden)


def _fall(flags: Flags, _: Variant) -> Step:
    """End the condition. What came and went unseen, without a latch, leaves history only: nobody can acknowledge it."""
    unseen = flags.hidden and flags.active and not flags.latched
    return Step(replace(flags, active=False, acked=flags.acked or unseen))


def _again(flags: Flags, _: Variant) -> Step:
    return Step(replace(flags, acked=False), annunciate=True)


def _ack(flags: Flags, _: Variant) -> Step:
    return Step(replace(flags, acked=True))


def _unlatch(flags: Flags, _: Variant) -> Step:
    return Step(replace(flags, latched=False))


def _shelve(flags: Flags, _: Variant) -> Step:
    return Step(replace(flags, shelved=True))


def _suppress(flags: Flags, _: Variant) -> Step:
    return Step(replace(flags, suppressed=True))


def _withdraw(flags: Flags, _: Variant) -> Step:
    """Take it out of service. The shelf is dropped: it must not come to light again behind a longer hiding."""
    return Step(replace(flags, out_of_service=True, shelved=False))


def _unshelve(flags: Flags, _: Variant) -> Step:
    return _emerge(replace(flags, shelved=False))


def _release(flags: Flags, _: Variant) -> Step:
    return _emerge(replace(flags, suppressed=False))


def _return(flags: Flags, _: Variant) -> Step:
    return _emerge(replace(flags, out_of_service=False))


def _emerge(flags: Flags) -> Step:
    """Become visible again: whatever is still active or latched is told anew, even if it had been acknowledged before."""
    if flags.hidden or not (flags.active or flags.latched):
        return Step(flags)
    return Step(replace(flags, acked=False), annunciate=True)


Move = Callable[[Flags, Variant], Step]
Cell = Move | Denial

ACTIVE, UNSEEN, HIDDEN, OUT = Denial.STILL_ACTIVE, Denial.NOT_ACKNOWLEDGED, Denial.HIDDEN, Denial.OUT_OF_SERVICE

# The table, one row for each letter, one column for each event in the order of COLUMNS. Two cells that the table of the
# design shows as "no change" keep the letter but not the flag: a shelf that ends while the alarm is suppressed (H, unshelve),
# and a cause that goes while it is out of service (I, release). Otherwise an expired shelf, or a cause that is long gone,
# would go on hiding an alarm that nobody hides any more. Out of service an alarm may also fall under a cause (I, suppress).
COLUMNS = (
    Event.RAISE, Event.CLEAR, Event.ESCALATE, Event.ACK, Event.RESET, Event.SHELVE,
    Event.UNSHELVE, Event.SUPPRESS, Event.RELEASE, Event.OUT_OF_SERVICE, Event.RETURN,
)  # fmt: skip
ROWS: Mapping[Letter, tuple[Cell, ...]] = {
    #                             raise  clear  escalate ack     reset    shelve   unshelve   suppress   release   out        return
    Letter.NORMAL:               (_rise, _stay, _stay,  _stay,  _stay,    _shelve, _stay,     _suppress, _stay,    _withdraw, _stay),
    Letter.NEW:                  (_stay, _fall, _again, _ack,   ACTIVE,   _shelve, _stay,     _suppress, _stay,    _withdraw, _stay),
    Letter.ACKNOWLEDGED:         (_stay, _fall, _again, _stay,  ACTIVE,   _shelve, _stay,     _suppress, _stay,    _withdraw, _stay),
    Letter.GONE:                 (_rise, _stay, _stay,  _ack,   _stay,    _shelve, _stay,     _suppress, _stay,    _withdraw, _stay),
    Letter.LATCHED_NEW:          (_rise, _stay, _stay,  _ack,   UNSEEN,   _shelve, _stay,     _suppress, _stay,    _withdraw, _stay),
    Letter.LATCHED_ACKNOWLEDGED: (_rise, _stay, _stay,  _stay,  _unlatch, _shelve, _stay,     _suppress, _stay,    _withdraw, _stay),
    Letter.SHELVED:              (_rise, _fall, _stay,  HIDDEN, HIDDEN,   _shelve, _unshelve, _suppress, _stay,    _withdraw, _stay),
    Letter.SUPPRESSED:           (_rise, _fall, _stay,  HIDDEN, HIDDEN,   _shelve, _unshelve, _suppress, _release, _withdraw, _stay),
    Letter.OUT_OF_SERVICE:       (_rise, _fall, _stay,  HIDDEN, HIDDEN,   OUT,     _stay,     _suppress, _release, _withdraw, _return),
}  # fmt: skip
TABLE: Mapping[tuple[Letter, Event], Cell] = MappingProxyType(
    {(row, event): cell for row, cells in ROWS.items() for event, cell in zip(COLUMNS, cells, strict=True)}
    | {(row, Event.NOTE): _stay for row in Letter}
)


@cache  # the machine is finite: 64 states, 4 variants, 12 events
def step(variant: Variant, flags: Flags, event: Event) -> Step | Denial:
    """Return what an event makes of the flags, or why it is denied. A denied event changes nothing."""
    if event is Event.SHELVE and not variant.shelvable and not flags.out_of_service:
        return Denial.NOT_SHELVABLE
    cell = TABLE[letter(flags), event]
    return cell if isinstance(cell, Denial) else cell(flags, variant)
