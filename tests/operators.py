"""Two persons who act on a station through its engine, as the control socket would let them.

What it is: `Operator`, who arms, executes with the code of his own screen and says every second that he is still there; and who
reads what is written. What it is not: the control socket, or a way round any rule: it gives orders and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from stationd.app import App
from stationd.core.model import SessionEnded
from stationd.core.operation.orders import ActOrder, Approve, Arm, AuthorityVerb, Execute, KeepAlive, Person, Prepare, SetAuthority, Way
from stationd.core.operation.task import CommandClass, Task
from stationd.core.operation.views import OperationView, Phase
from stationd.core.operation.words import Accepted, ActOutcome, Refused

CODE = "K7Q4"
ALIVE_S = 1.0
LOOK_S = 0.1
REASON = "repair done, WO 4711"


def person(name: str, uid: int, *classes: CommandClass, local: bool = True) -> Person:
    """Return somebody of the group stationd-power, unless other classes are given, at the console of this machine."""
    return Person(uid, name, f"{uid}:1", frozenset(classes or CommandClass), local=local, place="console")


ALIYA = person("a.bekova", 1001)
NURLAN = person("n.aliyev", 1002)


class NotTaken(AssertionError):
    """An order was refused, and the scene cannot go on."""


@dataclass(slots=True)
class Operator:
    """Somebody at a station, with a colleague who approves."""

    app: App
    who: Person = ALIYA
    second: Person = NURLAN
    refused: list[Refused] = field(default_factory=list)

    async def tell(self, order: ActOrder) -> ActOutcome:
        """Give an order; a refusal is kept."""
        outcome, _ = await self.app.engine.act(order, order.who.name)
        if isinstance(outcome, Refused):
            self.refused.append(outcome)
        return outcome

    async def must(self, order: ActOrder) -> Accepted:
        """Give an order that has to be taken."""
        outcome = await self.tell(order)
        if isinstance(outcome, Refused):
            raise NotTaken([f"{reason.cause.value}: {reason.why}" for reason in outcome.reasons])
        return outcome

    async def request_authority(self) -> None:
        """Become who acts here."""
        await self.must(SetAuthority(self.who, AuthorityVerb.REQUEST))

    async def armed(self, device: str, task: Task) -> str:
        """Arm a task and have it approved where that is wanted; return its name."""
        (name,) = (await self.must(Arm(self.who, device, task, REASON, CODE))).names[:1]
        if self.view(name).phase is Phase.WAITING:
            await self.must(Approve(self.second, name))
        return name

    async def begun(self, device: str, task: Task) -> str:
        """Arm, approve and execute."""
        name = await self.armed(device, task)
        await self.must(Execute(self.who, name, CODE))
        return name

    async def go_on(self, name: str, way: Way) -> None:
        """Let a held operation go on, with an approval where that is wanted."""
        await self.must(Prepare(self.who, name, way, CODE))
        if self.view(name).wants_approval:
            await self.must(Approve(self.second, name))
        await self.must(Execute(self.who, name, CODE))

    def view(self, name: str) -> OperationView:
        """Return an operation as it stands."""
        found = self.app.acting.operation(name, asyncio.get_running_loop().time())
        assert found is not None, name
        return found

    async def until(self, name: str, *phases: Phase) -> OperationView:
        """Wait until an operation stands there."""
        while (view := self.view(name)).phase not in phases:
            await asyncio.sleep(LOOK_S)
        return view

    def leave(self) -> None:
        """End the session."""
        self.app.engine.post([SessionEnded(self.who.session, asyncio.get_running_loop().time())])

    @contextlib.asynccontextmanager
    async def present(self, name: str) -> AsyncIterator[None]:
        """Say every second, as long as the block, that the session is there."""
        task = asyncio.create_task(self._alive(name))
        try:
            yield
        finally:
            task.cancel()

    async def _alive(self, name: str) -> None:
        while True:
            await self.app.engine.act(KeepAlive(self.who, name), self.who.name)
            await asyncio.sleep(ALIVE_S)
