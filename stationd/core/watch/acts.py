"""What people do on purpose to the feeds of either end, as far as the line watch must know: then a change is no fault.

    an operation runs --> acting --(it ends or is held)--> settling (5 s) --> the watch begins anew with what it then measures
    it has switched our feed off --> switched off --(the feed gives current again, or trips)--> nothing

One that is held lets the plant stand still: what changes then is judged as always. What an operation leaves behind is in `aftermath`.

What the far station does is in its messages; when they stop, nothing is known of it, and what it did ends as well. Pure, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from stationd.core.verdict.evidence import MOVING, Act

BEGUN = MOVING | {"held"}  # phases of an operation that has begun
SETTLING_S = 5.0  # after the last step: feeds find their split within 1 s, the far end's readings come within 2 s


class Who(Enum):
    """Whose operation it is."""

    OWN = "own"
    FAR = "far"


def act_of(operation: Mapping[str, str] | None) -> Act | None:
    """Return the operation that the station, or a message of the far one, tells; None for one that has not begun."""
    if operation is None or operation.get("phase") not in BEGUN:
        return None
    return Act(operation.get("id", ""), operation.get("phase", ""), operation.get("target", ""))


class Acts:
    """The operations of both ends on this line."""

    def __init__(self) -> None:
        self.now: dict[Who, Act] = {}
        self.switched_off: dict[Who, str] = {}  # by which operation; kept until that feed is on again
        self._quiet_t: float | None = None  # when the last one ended, while the line settles

    def take(self, who: Who, act: Act | None, t: float) -> bool:
        """Take what one end says it does; return whether that is news."""
        before = self.now.get(who)
        if before == act:
            return False
        self.now.pop(who, None)
        if act is not None:
            self.now[who] = act
        if act is not None and act.moves:
            self._quiet_t = None
        elif before is not None and before.moves:
            self._quiet_t = None if self._moving() else t
            if before.switches_off:
                self.switched_off[who] = before.name
        return True

    def _moving(self) -> bool:
        return any(act.moves for act in self.now.values())

    def on_again(self, who: Who) -> None:
        """That end's feed gives current, or has tripped: it is not off on purpose any more."""
        self.switched_off.pop(who, None)

    def of(self, who: Who) -> tuple[Act, ...]:
        """Return the operation of one end that changes the line, or none."""
        return (self.now[who],) if who in self.now and self.now[who].moves else ()

    @property
    def held(self) -> tuple[Act, ...]:
        """The operations of both ends that are held."""
        return tuple(act for act in self.now.values() if not act.moves)

    @property
    def acting(self) -> bool:
        """True while somebody changes the line, and until it has settled after that."""
        return self._moving() or self._quiet_t is not None

    def settled(self, t: float) -> bool:
        """Return True once when the line has settled after the last operation."""
        if self._quiet_t is None or t < self._quiet_t + SETTLING_S:
            return False
        self._quiet_t = None
        return True

    def due(self) -> float | None:
        """Return when it will have settled, or None."""
        return None if self._quiet_t is None else self._quiet_t + SETTLING_S
