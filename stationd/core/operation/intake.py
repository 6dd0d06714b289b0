"""What an order may be made of before anything looks at it: names and texts that a screen can show, and numbers that are numbers.

The console refuses most of this already; here it is kept by the desk itself, whoever calls it. A name with signs that are not seen, or
without end, is refused and not mended; a reason is brought onto one line. EMERGENCY-OFF is asked nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

from stationd.core.operation.holds import clean
from stationd.core.operation.look import LARGEST
from stationd.core.operation.orders import ActOrder, AddHold, Apply, Arm, EmergencyOff, Person, Reject, Revert, SetAuthority
from stationd.core.operation.task import Bypass, RemoveHold, Task
from stationd.core.operation.words import Cause, Refusal

LONGEST_NAME = 100  # of a device, point, hold, operation or user (choice)
LONGEST_TEXT = 500  # of a reason; what is longer is cut, since no refusal may hang on it (choice)
LONGEST_TOLD = 300  # of words from elsewhere: a far hold has a reason of 200 (choice)


def object_of(name: str, task: Task) -> str:
    """Return what a task is about: what the desk does itself is named by what it is done to, whatever was said."""
    match task:
        case RemoveHold(hold):
            return hold
        case Bypass(interlock):
            return str(interlock)
        case _:
            return name


def tidied(order: ActOrder) -> ActOrder:
    """Return an order with its texts on one line, and a fitting object."""
    match order:
        case Arm():
            return replace(order, object=object_of(order.object, order.task), reason=text(order.reason))
        case AddHold() | SetAuthority() | Apply() | Revert():
            return replace(order, reason=text(order.reason))
        case Reject():
            return replace(order, why=text(order.why))
        case _:
            return order


def oddities(order: ActOrder) -> Iterator[Refusal]:
    """Give why an order cannot even be looked at."""
    if isinstance(order, EmergencyOff):
        return
    for name, value in _leaves(order):
        if isinstance(value, str):
            yield from _odd_name(name, value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and not -LARGEST <= value <= LARGEST:
            why = f"{name} is {_told_number(value)}, no number that can be ordered"
            yield Refusal(Cause.STEP_LIMIT, why, f"a number of at most {LARGEST:g}")


def _told_number(value: float) -> str:
    """Return a number that is none, or has no end, in words that have one."""
    return f"a number of {value.bit_length()} bits" if isinstance(value, int) else f"{value:g}"


def _odd_name(name: str, value: str) -> Iterator[Refusal]:
    longest = LONGEST_TEXT if name in ("reason", "why") else LONGEST_NAME
    if len(value) > longest:
        yield Refusal(Cause.INCONSISTENT, f"{name} has {len(value)} characters", f"at most {longest}")
    elif not value.isprintable():
        at = next(place for place, letter in enumerate(value, 1) if not letter.isprintable())
        yield Refusal(Cause.INCONSISTENT, f"{name} has signs that cannot be seen, the first at {at}", "type it anew, in letters and digits")


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Give the parts of an order with their names, but for the person, whom the kernel has named."""
    match value:
        case Person():
            return
        case tuple():
            for each in value:
                yield from _leaves(each, name)
        case _ if is_dataclass(value):
            for field in fields(value):
                yield from _leaves(getattr(value, field.name), field.name)
        case _:
            yield name, value


def text(given: str) -> str:
    """Return a text on one line, cut where it has no end."""
    return clean(given[: 2 * LONGEST_TEXT])[:LONGEST_TEXT]


def told(words: str) -> str:
    """Return words from elsewhere (an order, a unit, the far station) as a record or a screen can carry them."""
    return clean(words[: 2 * LONGEST_TOLD])[:LONGEST_TOLD]
