"""Another plan of acting while the daemon runs: what stands in its way, and how the book goes on by it. Pure.

Whatever people are about keeps what it was armed on: while an operation is open, a value is being sent or waits to be confirmed, a bypass
stands, or an EMERGENCY-OFF is not confirmed, none of the units that it looks at may become another, nor what holds for all of them.
A hold outlasts everything: the device that it names stays in the file until it is taken back.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from stationd.core.operation.book import Book
from stationd.core.operation.dossier import verb
from stationd.core.operation.holds import holdable
from stationd.core.operation.machine import PHASES
from stationd.core.operation.plan import ActingPlan


@dataclass(frozen=True, slots=True)
class Work:
    """What people are about: in words, the devices that it looks at, and how it ends."""

    what: str
    devices: frozenset[str]
    end: str


def obstacles(book: Book, plan: ActingPlan, touched: AbstractSet[str], now: float, *, everything: bool = False) -> Iterator[str]:
    """Give a sentence for each thing that forbids to go on by `plan` now: what it is, and what would end it.

    `touched` are devices that become others, come or go; `everything`: what is common to all units changes as well.
    """
    everything = everything or _common(book.plan) != _common(plan)
    changed = touched | _differing(book.plan, plan)
    for work in _works(book, now):
        concerned = sorted(work.devices & changed)
        if everything or concerned:
            yield f"{work.what}, and {', '.join(concerned) or 'what it rests on'} would become another: {work.end}"
    for hold in book.holds.views():
        if hold.object in holdable(book.plan) - holdable(plan):
            yield f"{hold.name} of {hold.who} holds {hold.object}, which is not in the file any more: take the hold back first"


def _common(plan: ActingPlan) -> ActingPlan:
    """Return what is common to all units."""
    return replace(plan, feeds={}, amplifiers={}, devices=frozenset())


def _differing(one: ActingPlan, other: ActingPlan) -> set[str]:
    feeds = {name for name in one.feeds.keys() | other.feeds.keys() if one.feeds.get(name) != other.feeds.get(name)}
    both = one.amplifiers.keys() | other.amplifiers.keys()
    return feeds | {name for name in both if one.amplifiers.get(name) != other.amplifiers.get(name)}


def _works(book: Book, now: float) -> Iterator[Work]:
    """Give everything that people are about."""
    for each in book.opened.values():
        what = f"{each.name} ({verb(each.task)} {each.object}) is {PHASES[each.state].value}"
        yield Work(what, _seen_by(book, each.object), "let it end, or disarm it")
    for device in sorted(book.cut_offs.running() | {each.device for each in book.cut_offs.failing(now)}):
        yield Work(f"the EMERGENCY-OFF of {device} is not confirmed", _seen_by(book, device), "its output must read off first")
    for device in sorted({*book.plan.feeds, *book.plan.amplifiers}):
        if (waiting := book.unanswered(device, now)) is not None:
            yield Work(f"a write to {waiting[0]} is not answered", _seen_by(book, device), "wait until it is")
    for device in sorted(book.set_points.applying()):
        yield Work(f"set values are being sent to {device}", _seen_by(book, device), "wait until that is done")
    for apply in book.set_points.applied():
        if apply.state == "unconfirmed":
            devices = frozenset().union(*(_seen_by(book, target.device) for target, _, _ in apply.changes))
            yield Work(f"{apply.name} waits to be confirmed", devices, "confirm or revert it first")
    for point in sorted(book.bypasses.standing()):
        devices = frozenset({point.device, *book.plan.interlocks().get(point, ())})
        yield Work(f"the interlock {point} is bypassed", devices, "end the bypass first")


def _seen_by(book: Book, name: str) -> frozenset[str]:
    """Return an object, the units that share its segment, and those whose points it rests on."""
    plan = book.plan
    beside = {each for each in (*plan.feeds, *plan.amplifiers) if plan.segment(each) == plan.segment(name)}
    return frozenset({name, *beside, *(point.device for each in {name, *beside} for point in book.gate.of(each))})


def replan(book: Book, plan: ActingPlan, anew: Container[str], now: float) -> None:
    """Go on by another plan, of a station of which the devices in `anew` are others. Nothing is sent, and nothing that was is forgotten."""
    book.plan = plan
    book.gate.replan(plan, anew)
    book.holds.replan(plan)
    book.set_points.replan(plan, now)
    book.cut_offs.replan(plan.feeds)
    book.hasten_again()
