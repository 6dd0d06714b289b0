"""What the console needs from the rest of the daemon. The daemon implements these two doors; the console knows nothing behind them.

Orders, outcomes and views are those of stationd.core.alarm.words; times in them are monotonic seconds, which `moment` turns
into the time of day. Functions that are not `async` are called on the loop and have to be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stationd.console.peer import Peer
from stationd.core.alarm.flood import Figures
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import AlarmRecord, AlarmView, Order, Outcome

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of day in Unix seconds, and whether the clock of the machine was synchronised when it was read."""

    utc_s: float
    synchronised: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to an alarm, as the journal keeps it. `id` is unique for ever and in the order of events.

    Words are those of stationd.core.alarm: `event` "raise", letters "A" to "I". `quality` is "" where there was no value.
    """

    id: str
    at: Moment
    key: str
    event: str
    before: str
    after: str
    severity: str
    occurrence: int
    value: float | bool | str | None = None
    unit: str = ""
    quality: str = ""
    who: str = ""
    note: str = ""
    cause: str = ""


class StatusDoor(Protocol):
    """The documents of the station (stationd.outputs.document)."""

    def status(self) -> Document:
        """Return the station at a glance."""

    def device(self, name: str) -> Document:
        """Return one device with all its points. KeyError when there is none of that name."""


class AlarmDoor(Protocol):
    """The alarm desk behind the engine, and the journal."""

    async def obey(self, order: Order, peer: Peer) -> tuple[Outcome, ...]:
        """Have an order carried out and return when its outcome is in the journal. `peer` is for the audit.

        The order's `who` is the peer's name already. When the wait is cancelled the order may or may not have been carried out.
        """

    def views(self, shown: Callable[[AlarmView], bool]) -> Sequence[AlarmView]:
        """Return the alarms that `shown` picks, in the order in which people want to read them."""

    def view(self, key: AlarmKey) -> AlarmView | None:
        """Return one alarm."""

    def unit(self, key: AlarmKey) -> str:
        """Return the unit of the point that an alarm watches, or ""."""

    def figures(self) -> Figures:
        """Return how well the alarm system is doing."""

    async def history(self, key: AlarmKey | None, since: Moment | None, limit: int) -> Sequence[Happening]:
        """Return the newest events, oldest first, at most `limit`."""

    def subscribe(self, deliver: Callable[[AlarmRecord], None]) -> Callable[[], None]:
        """Have `deliver` called for every record of the desk from now on; return how to end that. `deliver` never waits or fails."""

    def now(self) -> float:
        """Return the monotonic time of views and records."""

    def moment(self, t: float) -> Moment:
        """Return the time of day of a monotonic time."""
