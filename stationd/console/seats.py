"""Who is at the control socket: one seat for each session, that is, for each process of a user that has connections now.

Who somebody is and where he sits is what the kernel says (stationd.console.peer). What a client announces of itself stands here for the
list alone and gives no right. Times are monotonic seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from stationd.console.peer import Peer

# What a client calls without anybody's hand on the keys: signs of life, the prompt that is printed anew, and what it listens to.
BY_ITSELF = frozenset(
    {
        "io.stationd.Operation.KeepAlive", "io.stationd.Session.GetPrompt",
        *(f"io.stationd.{name}.Monitor" for name in ("Alarm", "Operation", "Session", "Status")),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seat:
    """One session: since when it is here, when a person last called something, with how many connections, and what it says of itself.

    `watching` is True while it shows a screen that repeats itself: what it calls then is no sign of a person.
    """

    peer: Peer
    since_t: float
    called_t: float
    connections: int = 1
    shell: bool = False
    line: str = ""
    watching: bool = False


class Seats:
    """The register. `clock` is that of the running loop unless a test has another one."""

    def __init__(self, clock: Callable[[], float] = lambda: asyncio.get_running_loop().time()) -> None:
        self._clock = clock
        self._seats: dict[str, Seat] = {}

    @contextlib.contextmanager
    def taken(self, peer: Peer) -> Iterator[Callable[[str], None]]:
        """Have a seat for one connection of a user who is known by name; what it gives is told of each method that is called."""
        self.enter(peer)
        try:
            yield lambda method: self.called(peer, method)
        finally:
            self.leave(peer)

    def enter(self, peer: Peer) -> None:
        """Note a connection of a session whose user is known by name."""
        now, seat = self._clock(), self._seats.get(peer.session)
        again = Seat(peer, now, now) if seat is None else replace(seat, peer=peer, connections=seat.connections + 1)
        self._seats[peer.session] = again

    def leave(self, peer: Peer) -> None:
        """Note the end of a connection; with the last one the seat is free."""
        seat = self._seats.pop(peer.session)
        if seat.connections > 1:
            self._seats[peer.session] = replace(seat, connections=seat.connections - 1)

    def called(self, peer: Peer, method: str) -> None:
        """Note that a session has called something; signs of life of a program are no sign of a person."""
        seat = self._seats.get(peer.session)
        if seat is not None and method not in BY_ITSELF and not seat.watching:
            self._seats[peer.session] = replace(seat, called_t=self._clock())

    def announced(self, peer: Peer, shell: bool, line: str, *, watching: bool = False) -> None:
        """Note what a client says of itself."""
        seat = self._seats.get(peer.session)
        if seat is not None:
            self._seats[peer.session] = replace(seat, shell=shell, line=line, watching=watching)

    def find(self, session: str) -> Seat | None:
        """Return one seat."""
        return self._seats.get(session)

    def is_shell(self, session: str) -> bool:
        """Return whether a session has announced that a person sits at it, command after command."""
        seat = self._seats.get(session)
        return seat is not None and seat.shell

    def every(self) -> tuple[Seat, ...]:
        """Return all seats, who came first standing first."""
        return tuple(self._seats.values())
