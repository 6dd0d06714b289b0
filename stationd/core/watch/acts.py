"""What people do on purpose to the feeds of either end, as far as the line watch must know: then a change is no fault.

    an operation runs or holds --> acting --(it ends)--> settling (5 s) --> the watch begins anew with what it then measures
    it has switched our feed off --> switched off --(the feed gives current again, or trips)--> nothing

What the far station does is in its messages; when they stop, nothing is known of it, and what it did ends as well. Pure, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from stationd.core.verdict.evidence import Act

ACTING = frozenset({"starting", "running", "held"})  # phases of an operation in which the line may change, or has just changed
SETTLING_S = 5.0  # after the last step: feeds find their split within 1 s, the far end's readings come within 2 s


class Who(Enum):
    """Whose operation it is."""

    OWN = "own"
    FAR = "far"


def act_of(operation: Mapping[str, str] | None) -> Act | None:
    """Return the operation that the station, or a message of the far one, tells; None for one that changes nothing yet."""
    if operation is None or operation.get("phase") not in ACTING:
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
        if act is None:
            del self.now[who]
            self._quiet_t = t if not self.now else None
            if before is not None and before.switches_off:
                self.switched_off[who] = before.name
        else:
            self.now[who] = act
            self._quiet_t = None
        return True

    def on_again(self, who: Who) -> None:
        """That end's feed gives current, or has tripped: it is not off on purpose any more."""
        self.switched_off.pop(who, None)

    def of(self, who: Who) -> tuple[Act, ...]:
        """Return the operation of one end, or none."""
        return (self.now[who],) if who in self.now else ()

    @property
    def acting(self) -> bool:
        """True while somebody changes the line, and until it has settled after that."""
        return bool(self.now) or self._quiet_t is not None

    def settled(self, t: float) -> bool:
        """Return True once when the line has settled after the last operation."""
        if self._quiet_t is None or t < self._quiet_t + SETTLING_S:
            return False
        self._quiet_t = None
        return True

    def due(self) -> float | None:
        """Return when it will have settled, or None."""
        return None if self._quiet_t is None else self._quiet_t + SETTLING_S
