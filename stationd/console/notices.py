"""What people at prompts are told while they do something else: whole lines, few, to each client through a bounded queue of its own.

A client that does not read costs no more than its queue: what it misses is counted, the oldest first, and the count is told in its
place. The bell is decided here: it is quiet while somebody has silenced it, until a new critical alarm comes; that an alarm of a flood
is quiet was decided by the alarm core (stationd.core.alarm.flood). Times are monotonic seconds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from stationd.console.peer import Peer

MOST_WAITING = 200  # notices for one client; assumption: more than anybody reads when he comes back


class Kind(Enum):
    """What a notice is about. The words are those of the interface."""

    HELLO = "hello"
    DROPPED = "dropped"
    ALARM = "alarm"
    OPERATION = "operation"
    AUTHORITY = "authority"
    HOLD = "hold"
    SETPOINT = "setpoint"
    BYPASS = "bypass"
    EMERGENCY = "emergency"
    HANDOVER = "handover"
    MESSAGE = "message"
    SILENCE = "silence"


class Ring(Enum):
    """Whether a notice wants the bell: never, unless it is silenced, or as a new critical alarm does, which ends the silence.

    FLOOD: a new critical alarm in a flood, of which only the first rings. It ends a silence too, and then it rings: who silences the
    bell is promised to hear of the next one.
    """

    NO = "no"
    USUAL = "usual"
    ALARM = "alarm"
    FLOOD = "flood"


NEW_CRITICAL = frozenset({Ring.ALARM, Ring.FLOOD})


@dataclass(frozen=True, slots=True)
class Notice:
    """One line. `by` is who caused it, "" for nobody. `answered`: who caused it has his answer already and is not told.

    `bell` and `number` are given by the hub.
    """

    kind: Kind
    t: float
    text: str
    severity: str = ""
    by: str = ""
    ring: Ring = Ring.NO
    answered: bool = False
    bell: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """The bell is quiet until then."""

    until_t: float
    by: str


class Mailbox:
    """The notices that wait for one client, and how many were dropped before them."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.waiting: deque[Notice] = deque()
        self.dropped = 0
        self._last_dropped: Notice | None = None
        self._news = asyncio.Event()

    def put(self, notice: Notice) -> None:
        """Take a notice; never waits and never fails."""
        if len(self.waiting) >= MOST_WAITING:
            self._last_dropped = self.waiting.popleft()
            self.dropped += 1
        self.waiting.append(notice)
        self._news.set()

    async def take(self) -> Notice:
        """Return the oldest notice, or first how many were dropped before it."""
        while not self.waiting:
            self._news.clear()
            await self._news.wait()
        if self._last_dropped is not None:
            return self._said_dropped(self._last_dropped)
        return self.waiting.popleft()

    def _said_dropped(self, last: Notice) -> Notice:
        count, self.dropped, self._last_dropped = self.dropped, 0, None
        text = f"{counted(count, 'notice')} dropped: this client did not read them in time; look with: show alarms, show operations"
        return Notice(Kind.DROPPED, last.t, text, "minor", number=last.number)


class Notices:
    """The hub: every notice of the station goes through `say`."""

    def __init__(self) -> None:
        self._boxes: list[Mailbox] = []
        self._number = 0
        self._silence: Silence | None = None

    def open(self, peer: Peer) -> Mailbox:
        """Return the mailbox of a client that wants to hear everything from now on."""
        box = Mailbox(peer)
        self._boxes.append(box)
        return box

    def close(self, box: Mailbox) -> None:
        """Forget it."""
        self._boxes.remove(box)

    @property
    def number(self) -> int:
        """The number of the last notice."""
        return self._number

    @property
    def listeners(self) -> tuple[Mailbox, ...]:
        """Who hears now."""
        return tuple(self._boxes)

    def say(self, notice: Notice, to: Callable[[Peer], bool] = lambda _: True) -> None:
        """Tell everybody whom `to` picks, but for who has just been answered."""
        ended = self._end_silence(notice)
        self._number += 1
        told = replace(notice, number=self._number, bell=ended is not None or self._rings(notice))
        for box in self._boxes:
            if to(box.peer) and not (told.answered and told.by == box.peer.called):
                box.put(told)
        if ended is not None:
            self.say(Notice(Kind.SILENCE, notice.t, f"the silence of {ended.by} has ended: there is a new critical alarm"))

    # Silence and the bell.

    def silence(self, until_t: float, by: str) -> None:
        """Let the bell be quiet."""
        self._silence = Silence(until_t, by)

    def loud(self) -> None:
        """Let it ring again."""
        self._silence = None

    def silent_until(self, now: float) -> float | None:
        """Return until when it is quiet, or None."""
        return self._silence.until_t if self._silence is not None and now < self._silence.until_t else None

    def _end_silence(self, notice: Notice) -> Silence | None:
        """End a silence before a new critical alarm; return what was ended."""
        if notice.ring not in NEW_CRITICAL or self.silent_until(notice.t) is None:
            return None
        ended, self._silence = self._silence, None
        return ended

    def _rings(self, notice: Notice) -> bool:
        return notice.ring in (Ring.USUAL, Ring.ALARM) and self.silent_until(notice.t) is None


def counted(count: int, what: str) -> str:
    """Return `1 notice was` or `3 notices were`."""
    return f"1 {what} was" if count == 1 else f"{count} {what}s were"
