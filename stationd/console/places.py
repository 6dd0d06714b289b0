"""How many may be at the control socket at once, and how much of the loop all of them together may use.

Two of the places are kept for those who may act, so that screens that somebody forgot never lock an operator out; one user
takes half of the others at most. Where no place is left for somebody who may switch off in an emergency there are two more, each for
one order that stops something and for nothing else; no user has both. Work for clients is bounded as a share of time, measured; how many
come in a moment is bounded as well: whatever they send, the loop stays free for the equipment. Nothing here depends on what a client says.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from typing import NamedTuple

from stationd.console.peer import Peer, Role
from stationd.core.operation.task import CommandClass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the control socket. Sizes in bytes, times in seconds.

    `confirmed_s` is what EmergencyOff waits for its confirmation; it goes on afterwards. `share` is the part of the loop's time that all
    who only look may use together, `acting_share` that of those who may act. `backlog` connections wait to be taken at most, of which
    `at_once` are taken in `moment_s`, so that all who wait are taken within 0.1 s: whoever has to give an EMERGENCY-OFF waits no longer,
    however many knock. A new connection of who may act waits `acting_s` at most for his share; one at a place for emergencies has to ask
    within `emergency_s`.
    """

    connections: int = 32
    reserved: int = 2
    one_user: int = 15
    emergency: int = 2
    backlog: int = 128
    at_once: int = 24
    moment_s: float = 0.0125
    acting_s: float = 0.05
    emergency_s: float = 2.0
    message_bytes: int = 64 * 1024
    first_message_s: float = 10.0
    message_s: float = 10.0
    answer_s: float = 10.0
    order_s: float = 10.0
    confirmed_s: float = 10.0
    stop_s: float = 1.0
    share: float = 0.1
    acting_share: float = 0.2


USUAL = Limits()


class Places:
    """Counts who is there."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._of_user: Counter[int] = Counter()
        self._pressed_in: set[int] = set()

    @property
    def taken(self) -> int:
        """How many connections there are."""
        return self._of_user.total() + len(self._pressed_in)

    def enter(self, peer: Peer) -> str:
        """Take a place and return "", or return the sentence that says why there is none."""
        acts = peer.role >= Role.OPERATE
        places = self._limits.connections - (0 if acts else self._limits.reserved)
        if self._of_user.total() >= places:
            return f"all {places} places are taken; try again when somebody has left"
        if peer.uid != 0 and self._of_user[peer.uid] >= self._limits.one_user:
            return f"user {peer.uid} has {self._limits.one_user} connections already, which is the most for one user"
        self._of_user[peer.uid] += 1
        return ""

    def leave(self, peer: Peer) -> None:
        """Give the place back."""
        self._of_user[peer.uid] -= 1
        if not self._of_user[peer.uid]:
            del self._of_user[peer.uid]

    def press_in(self, peer: Peer) -> bool:
        """Take one of the places for an order that stops something; False where none is left, he has one, or may not give such an order."""
        full = len(self._pressed_in) >= self._limits.emergency
        if full or peer.uid in self._pressed_in or not peer.may(CommandClass.EMERGENCY):
            return False
        self._pressed_in.add(peer.uid)
        return True

    def press_out(self, peer: Peer) -> None:
        """Give such a place back."""
        self._pressed_in.remove(peer.uid)


class Entrance:
    """Bounds how many connections are taken in a moment: to take one, to look who it is and to turn him away cost the loop as well."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._begun_t = float("-inf")
        self._taken = 0

    def rest_s(self, now: float) -> float:
        """Note that a connection was taken; return how long no more are taken, 0 for not at all."""
        if now - self._begun_t >= self._limits.moment_s:
            self._begun_t, self._taken = now, 0
        self._taken += 1
        return self._begun_t + self._limits.moment_s - now if self._taken >= self._limits.at_once else 0.0


AROUND_S = 0.0001  # what the loop does around an answer: select, receive, send, wake (measured on a 2-core x86 machine: 60 to 100 us)
LEAST_WAIT_S = 0.005  # so that waiting costs nothing to speak of
AHEAD_S = 0.1  # work that may be done before the first one waits
LEAD_S = 0.02  # what one user may have had more than the others and still not wait: a screen or two
MOST_CLOCKS = 64  # of users, twice as many as have a place


class Share:
    """Bounds the work for many to a share of time, and divides it fairly among the users.

    The theory is start-time fair queueing: every user has a clock of his own that goes on by what he has used, and never lags behind
    that of the one whose turn came last. Where there is more to do than there is time, the user whose clock is earliest is next; one who
    is hardly ahead of that clock has had his part at most, and does not wait at all. So a user who asks for a little is answered at once
    however much the others ask for, and they wait for what he used. Those of one user come in their order.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._paid_until = 0.0
        self._turn = 0.0  # the clock of the user whose turn came last
        self._clocks: dict[int, float] = {}
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}
        self._next: asyncio.Handle | None = None

    @property
    def clocks(self) -> int:
        """How many users are known by their clocks."""
        return len(self._clocks)

    def of(self, uid: int) -> UserShare:
        """Return the part of one user."""
        return UserShare(self, uid)

    async def turn(self, uid: int) -> None:
        """Wait until there is time for one more call of this user."""
        if not self._waits(uid):
            if self._early_s() <= 0:
                self._comes(uid)
                return
            if self._clock(uid) <= self._turn + LEAD_S:
                return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(uid, deque()).append(turn)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_later(max(self._early_s(), 0.0), self._call_next)
        await turn

    def used(self, uid: int, seconds: float) -> None:
        """Note for how long the loop was held for this user."""
        now = asyncio.get_running_loop().time()
        if self._paid_until <= now:  # nobody waited for anybody: what was used before is forgotten
            self._clocks.clear()
        if len(self._clocks) >= MOST_CLOCKS:  # those who have had least are forgiven
            latest = sorted(self._clocks, key=self._clock)[MOST_CLOCKS // 2 :]
            self._clocks = {each: self._clocks[each] for each in latest}
        self._clocks[uid] = self._clock(uid) + seconds
        self._paid_until = max(self._paid_until, now) + seconds / self._share

    def _clock(self, uid: int) -> float:
        return max(self._clocks.get(uid, 0.0), self._turn)

    def _waits(self, uid: int) -> bool:
        return any(not turn.done() for turn in self._waiting.get(uid, ()))

    def _early_s(self) -> float:
        """Return how long there is no time for a call; 0 or less: there is."""
        return self._paid_until - AHEAD_S / self._share - asyncio.get_running_loop().time()

    def _comes(self, uid: int) -> None:
        self._turn = self._clock(uid)

    def _call_next(self) -> None:
        """Have one of those who wait go on, if it is time. Each pays for his call before the next one is called."""
        loop, self._next = asyncio.get_running_loop(), None
        self._forget_the_gone()
        if not self._waiting:
            return
        early_s = self._early_s()
        if early_s > 0:
            self._next = loop.call_later(max(early_s, LEAST_WAIT_S), self._call_next)
            return
        uid = min(self._waiting, key=self._clock)
        self._comes(uid)
        self._waiting[uid].popleft().set_result(None)
        self._next = loop.call_soon(self._call_next)

    def _forget_the_gone(self) -> None:
        """Forget who does not wait any more."""
        for uid, turns in tuple(self._waiting.items()):
            while turns and turns[0].done():
                turns.popleft()
            if not turns:
                del self._waiting[uid]


class UserShare(NamedTuple):
    """The part that one user has of a share."""

    share: Share
    uid: int

    async def turn(self) -> None:
        """Wait until there is time for one more call."""
        await self.share.turn(self.uid)

    def used(self, seconds: float) -> None:
        """Note for how long the loop was held."""
        self.share.used(self.uid, seconds)
