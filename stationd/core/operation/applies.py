"""One apply of set values: what it changes, how it stands, and what of it outlasts a restart. Pure data and one table.

Who may apply what is decided in stationd.core.operation.setpoint_checks; when a value goes out in stationd.core.operation.setpoints.

Theory. Applying is what network equipment calls a commit with confirmation: changes are collected (staged), sent together, and - if
asked for - taken back by the unit itself unless somebody confirms in time, so that a change that cuts its author off heals itself.
Here the taking back is itself an act on the plant by nobody, and so it is bound: only by the process that applied, only
while the plant is as it was then, and announced; in all other cases the value stays, the alarm UNCONFIRMED says so, and a person
decides. Nothing is undone after a write that failed: what was sent stands, with both values, since a second write into a unit that
has just disobeyed is a guess. After a restart nothing is sent: what was on its way may have arrived or not, and is LEFT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

from stationd.core.model import PointId, Value
from stationd.core.operation.look import LARGEST
from stationd.core.operation.views import AppliedView
from stationd.core.operation.words import Cause


class State(Enum):
    """How an apply stands. The words are those of the views and of the audit."""

    APPLYING = "applying"
    UNCONFIRMED = "unconfirmed"  # waits for Confirm, and goes back at the end of its time
    CONFIRMED = "confirmed"
    REVERTING = "reverting"
    REVERTED = "reverted"
    FAILED = "failed"  # a write was not taken, or nothing could be sent; what was sent stays
    LEFT = "left"  # it was to be confirmed, or a way back broke off: it stays, and a person decides


class Event(Enum):
    """What can happen to an apply. REVERT is the first write of a way back; STAYS the end of the time where it must not go back."""

    WRITTEN = "written"
    WRITTEN_FOR_NOW = "written, to be confirmed"
    BROKEN = "broken off"
    CONFIRM = "confirm"
    REVERT = "revert"
    STAYS = "stays"
    RESTARTED = "restarted"


Cell = State | Cause

A, U, C, G, R, F, L = (
    State.APPLYING, State.UNCONFIRMED, State.CONFIRMED, State.REVERTING, State.REVERTED, State.FAILED, State.LEFT,
)  # fmt: skip
NOT, BUSY, IS = Cause.NOT_SELECTED, Cause.IN_EXECUTION, Cause.REACHED

# The table: a Cause is the word with which an order of a person is refused. What is BROKEN on its way back is LEFT: nobody can say
# any more that the plant stands as it did before, or as it did after.
COLUMNS = (Event.WRITTEN, Event.WRITTEN_FOR_NOW, Event.BROKEN, Event.CONFIRM, Event.REVERT, Event.STAYS, Event.RESTARTED)
ROWS: Mapping[State, tuple[Cell, ...]] = {
    #  written for-now broken confirm revert stays restarted
    A: (C,     U,      F,     BUSY,   BUSY,  A,    L),
    U: (U,     U,      U,     C,      G,     L,    L),
    C: (C,     C,      C,     NOT,    G,     C,    C),
    G: (R,     R,      L,     BUSY,   BUSY,  G,    L),
    R: (R,     R,      R,     NOT,    IS,    R,    R),
    F: (F,     F,      F,     NOT,    G,     F,    F),
    L: (L,     L,      L,     C,      G,     L,    L),
}  # fmt: skip
TABLE: Mapping[tuple[State, Event], Cell] = MappingProxyType(
    {(row, event): cell for row, cells in ROWS.items() for event, cell in zip(COLUMNS, cells, strict=True)}
)
OPEN = frozenset({State.UNCONFIRMED, State.LEFT})  # somebody has to confirm or revert it before anything else is applied


def rows() -> tuple[tuple[str, str, str], ...]:
    """Return what the table changes, as (state, event, next state), without refusals."""
    changing = ((row, event, cell) for (row, event), cell in TABLE.items() if isinstance(cell, State) and cell is not row)
    return tuple((row.value, event.value, cell.value) for row, event, cell in changing)


@dataclass(frozen=True, slots=True)
class Change:
    """One set value: before, and what was asked for. `shown` is the read-back, None where that is not known; `sent` or not."""

    target: PointId
    before: float
    after: float
    shown: float | None = None
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Apply:
    """One apply. `plant` is how the units were at that time; `detail` a sentence about how it stands."""

    name: str
    t: float
    who: str
    uid: int
    reason: str
    changes: tuple[Change, ...]
    state: State = State.APPLYING
    confirm_within_s: float | None = None
    confirm_until_t: float | None = None
    detail: str = ""
    plant: Mapping[PointId, Value | None] = field(default_factory=dict)

    def after(self, event: Event, detail: str = "") -> Apply:
        """Return it after an event that is no order; what is refused changes nothing."""
        cell = TABLE[self.state, event]
        return replace(self, state=cell, detail=detail) if isinstance(cell, State) else self

    def with_shown(self, target: PointId, shown: float | None) -> Apply:
        """Return it with what was read back of one of its changes; None: that is not known any more."""
        return replace(self, changes=tuple(replace(each, shown=shown) if each.target == target else each for each in self.changes))

    def with_sent(self, target: PointId) -> Apply:
        """Return it with one of its changes on its way."""
        return replace(self, changes=tuple(replace(each, sent=True) if each.target == target else each for each in self.changes))

    @property
    def sent(self) -> tuple[Change, ...]:
        """Those changes that may have reached their units."""
        return tuple(each for each in self.changes if each.sent)

    def view(self) -> AppliedView:
        """Return what people see of it."""
        changes = tuple((each.target, each.before, each.after) for each in self.changes)
        until_t = self.confirm_until_t if self.state is State.UNCONFIRMED else None
        return AppliedView(self.name, self.t, self.who, self.reason, changes, self.state.value, until_t, self.detail)

    def document(self) -> dict[str, object]:
        """Return it as plain values for a record."""
        return {
            "reason": self.reason,
            "state": self.state.value,
            "detail": self.detail,
            "changes": [
                {"point": str(each.target), "before": each.before, "after": each.after, "shown": each.shown, "sent": each.sent}
                for each in self.changes
            ],
        }


def saved(apply: Apply, now: float) -> dict[str, object]:
    """Return one as plain JSON values; its time as an age, since another run of the program has another clock."""
    return {
        "name": apply.name,
        "age_s": max(now - apply.t, 0.0),
        "who": apply.who,
        "uid": apply.uid,
        **apply.document(),
    }


def restored(row: object, now: float) -> Apply | None:
    """Return one as it was kept, or None where it cannot be read as a whole. `now` is the time of the saving, by this clock."""
    match row:
        case {"name": str(name), "age_s": int() | float() as age_s, "who": str(who), "uid": int(uid), "reason": str(reason),
              "state": str(state), "detail": str(detail), "changes": list(listed)} if age_s >= 0 and number(age_s) is not None:  # fmt: skip
            changes = tuple(_change(each) for each in listed)
            known = next((each for each in State if each.value == state), None)
            good = tuple(each for each in changes if each is not None)
            if known is not None and len(good) == len(changes) and number_of(name) > 0:
                return Apply(name, now - age_s, who, uid, reason, good, known, detail=detail)
    return None


def interrupted(apply: Apply) -> Apply:
    """Return an apply that a restart has met while values were on their way: each of them may have arrived or not."""
    changes = tuple(replace(each, sent=True, shown=None) for each in apply.changes)
    detail = "a restart came between: values may have been sent or not, compare them with the unit"
    return replace(apply, changes=changes, state=State.LEFT, detail=detail)


def number_of(name: str) -> int:
    """Return the number in a name like "A-7", 0 for anything else."""
    digits = name.removeprefix("A-")
    return int(digits) if name.startswith("A-") and digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def point_of(text: object) -> PointId | None:
    """Return the point that `device.point` names; names of devices have no dot."""
    device, _, point = text.partition(".") if isinstance(text, str) else ("", "", "")
    return PointId(device, point) if device and point else None


def number(value: object) -> float | None:
    """Return a finite number, or None for anything else; also for a whole one that no float can hold."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not -LARGEST <= value <= LARGEST:
        return None
    return float(value)


def _change(row: object) -> Change | None:
    match row:
        case {"point": str(text), "before": before, "after": after, "shown": shown, "sent": bool(sent)}:
            target, was, asked = point_of(text), number(before), number(after)
            if target is not None and was is not None and asked is not None and (shown is None or number(shown) is not None):
                return Change(target, was, asked, number(shown), sent)
    return None
