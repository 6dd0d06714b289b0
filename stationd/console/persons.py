"""What two persons have to want: the first one asks, the second one, another user of the machine, asks for the same.

Both are persons by the kernel's word (stationd.console.peer). A wish that nobody joins is forgotten after three minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.console.peer import Peer
from stationd.core.alarm.type import AlarmKey

VALID_S = 180.0  # of the design: a second person has to read what it is about
MOST_WAITING = 64


@dataclass(frozen=True, slots=True)
class Wish:
    """An alarm that one person wants out of service until `until_utc_s`. `number` names it."""

    number: int
    key: AlarmKey
    until_utc_s: float
    reason: str
    peer: Peer
    t: float

    @property
    def name(self) -> str:
        """Its name for people."""
        return f"OOS-{self.number}"


class TwoPersons:
    """The wishes that wait for a second person."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[AlarmKey, float], Wish] = {}
        self._number = 0

    def join(self, key: AlarmKey, until_utc_s: float, peer: Peer, now: float) -> Wish | None:
        """Return and forget the wish of another person for the same, or None when there is none."""
        self._forget(now)
        wish = self._waiting.get((key, until_utc_s))
        if wish is None or wish.peer.uid == peer.uid:
            return None
        del self._waiting[key, until_utc_s]
        return wish

    def wait(self, key: AlarmKey, until_utc_s: float, reason: str, peer: Peer, now: float) -> Wish:
        """Keep a wish. The oldest one goes when there are too many."""
        self._forget(now)
        if len(self._waiting) >= MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._number += 1
        wish = Wish(self._number, key, until_utc_s, reason, peer, now)
        self._waiting[key, until_utc_s] = wish
        return wish

    def _forget(self, now: float) -> None:
        self._waiting = {of: wish for of, wish in self._waiting.items() if now < wish.t + VALID_S}
