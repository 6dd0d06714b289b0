"""What stands in the prompt of the shell: where one is, with what right, and what must not be forgotten. Pure.

The shape is fixed for ever, so that scripts that wait for a prompt find it: station in capitals, LIVE, SIM or HIL, one word, and the marks
in one pair of brackets (SHAPE). Everything that could break it is taken out of the texts here. Times are monotonic seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from stationd.core.operation.orders import Person
from stationd.core.operation.views import AppliedView, AuthorityView, InterlockView, OperationView, Phase

SHAPE = re.compile(r"^[A-Z0-9-]+ (LIVE|SIM|HIL) [a-z]+( \[[^]]*\])?> $")
MOST_OPERATIONS = 3
LONGEST_MARK = 40
URGENCY = (Phase.RUNNING, Phase.STARTING, Phase.HELD, Phase.ARMED, Phase.WAITING)  # what stands first
COUNTED_DOWN = frozenset({Phase.ARMED, Phase.WAITING})


@dataclass(frozen=True, slots=True)
class Seen:
    """What the marks are made of: how many critical alarms nobody has seen, operations, permissives, applies, and the silence."""

    unseen: int = 0
    operations: Sequence[OperationView] = ()
    interlocks: Sequence[InterlockView] = ()
    applied: Sequence[AppliedView] = ()
    silent_until_t: float | None = None


def station_word(name: str) -> str:
    """Return the name of a station as the prompt has it."""
    return re.sub(r"[^A-Z0-9-]", "-", name.upper()) or "STATION"


def place_word(authority: AuthorityView, who: Person) -> Literal["local", "remote", "view"]:
    """Return `local` or `remote` for whoever holds the authority, by where he is now; `view` for everybody else."""
    if authority.uid != who.uid:
        return "view"
    return "local" if authority.local and who.local else "remote"


def marks(seen: Seen, now: float) -> list[str]:
    """Return the marks, what cannot wait first."""
    found = [f"{seen.unseen}!"] if seen.unseen else []
    found += operations(seen.operations, now)
    bypassed = [each.bypassed_until_t for each in seen.interlocks if each.bypassed_until_t is not None and now < each.bypassed_until_t]
    if bypassed:
        found.append(f"BYPASS {span(min(bypassed) - now)}")
    found += unconfirmed(seen.applied, now)
    if seen.silent_until_t is not None and now < seen.silent_until_t:
        found.append(f"silent {span(seen.silent_until_t - now)}")
    return [clean(mark) for mark in found]


def operations(views: Sequence[OperationView], now: float) -> list[str]:
    """Return the marks of the operations that are not closed, the most urgent three."""
    opened = [view for view in views if view.phase is not Phase.CLOSED]
    opened.sort(key=lambda view: (URGENCY.index(view.phase), view.until_t if view.until_t is not None else view.since_t))
    return [operation(view, now) for view in opened[:MOST_OPERATIONS]]


def operation(view: OperationView, now: float) -> str:
    """Return `OP-42 armed 43s`, `OP-42 held 742mA`, `OP-42 running`."""
    words = f"{view.name} {view.phase.value}"
    if view.phase in COUNTED_DOWN and view.until_t is not None:
        return f"{words} {max(int(view.until_t - now), 0)}s"
    measured = view.progress.measured
    if view.phase is Phase.HELD and measured is not None and math.isfinite(measured):
        return f"{words} {measured:.0f}{view.progress.unit}"
    return words


def unconfirmed(applied: Iterable[AppliedView], now: float) -> list[str]:
    """Return the mark of what waits to be confirmed: with the time where it will go back by itself, without where it stays."""
    waiting = [each for each in applied if each.state in ("unconfirmed", "left")]
    if not waiting:
        return []
    timed = [each.confirm_until_t for each in waiting if each.state == "unconfirmed" and each.confirm_until_t is not None]
    return [f"unconfirmed {span(min(timed) - now)}"] if timed else ["unconfirmed"]


def span(seconds: float) -> str:
    """Return how long something still takes: `43s`, from two minutes on `21m`, `3h`."""
    left = max(int(seconds), 0)
    return f"{left}s" if left < 120 else f"{left // 60}m" if left < 7200 else f"{left // 3600}h"


def clean(mark: str) -> str:
    """Return a mark without what would break the prompt: brackets, commas, and what is not plain ASCII."""
    return "".join(sign if " " <= sign <= "~" and sign not in "[]," else "?" for sign in mark[:LONGEST_MARK])
