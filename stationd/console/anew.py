"""What a user's groups allow at this moment: asked anew before anything that can switch or kill is armed, approved, begun or gone on with.

The kernel says which groups a process had when it connected (stationd.console.peer), and a login may be days old. Who was taken out of a
group since may nothing of it any more; who was taken in gains nothing without a new login. The directory of users may be on another
machine that hangs: each question has a thread of its own, one for each user, and whoever gets no answer in time is refused. What makes
the plant safer (a hold, a disarming, EMERGENCY-OFF) never asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace

from stationd.console.peer import Peer, Role
from stationd.core.operation.orders import Person

ASK_S = 1.5  # people wait for the answer (assumption); far below the time in which an order must be answered
MOST = 16  # questions that hang at a time, of as many users (choice)


class Anew:
    """Asks `role_of` (Accounts.role_now) in threads. To be used in one event loop."""

    def __init__(self, role_of: Callable[[int], Role], ask_s: float = ASK_S) -> None:
        self._role_of = role_of
        self._ask_s = ask_s
        self._asked: dict[int, asyncio.Future[Role | None]] = {}

    async def person(self, peer: Peer) -> Person:
        """Return who a peer is for the operations of the plant, with no more rights than at login and no more than now."""
        role = await self._role(peer.uid)
        if role is None:
            why = f"the directory of users has not said within {self._ask_s:g} s in which groups {peer.called} is now"
            return replace(replace(peer, role=min(peer.role, Role.VIEW)).orderer, doubt=why)
        if role >= peer.role:
            return peer.orderer
        now = f"in {role.group} only" if role is not Role.NONE else "in no group of the station"
        why = f"{peer.called} was in {peer.role.group} at login, and is {now} now"
        return replace(replace(peer, role=role).orderer, doubt=why)

    async def _role(self, uid: int) -> Role | None:
        """Return the role of now. An answer to an earlier question may be older than this one: it is waited for and not taken."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._ask_s
        while (earlier := self._asked.get(uid)) is not None:
            if loop.time() >= until:
                return None
            await asyncio.wait({earlier}, timeout=until - loop.time())
        if len(self._asked) >= MOST:
            return None
        asked = self._ask(uid)
        await asyncio.wait({asked}, timeout=until - loop.time())
        return asked.result() if asked.done() else None

    def _ask(self, uid: int) -> asyncio.Future[Role | None]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Role | None] = loop.create_future()
        self._asked[uid] = answer

        def settle(role: Role | None) -> None:
            del self._asked[uid]
            answer.set_result(role)

        def ask() -> None:
            role = None
            with contextlib.suppress(OSError):
                role = self._role_of(uid)
            with contextlib.suppress(RuntimeError):  # the daemon has ended meanwhile
                loop.call_soon_threadsafe(settle, role)

        threading.Thread(target=ask, name=f"groups of {uid}", daemon=True).start()
        return answer
