"""The interface io.stationd.Setpoint: set values of amplifiers, staged, looked at, and sent together; nothing is sent before Apply.

After the candidate configurations of routers: Stage, Diff, Apply with confirmWithinSeconds, Confirm, Revert, Rollback. What an order
may do is decided by the desk of operations; power feeds have no set values here, they move by operations alone.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N802, N803  # names of methods and parameters are those of the interface

import asyncio
import math
from collections.abc import Sequence

from asyncvarlink import TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter

from stationd.console import act_forms, act_refusal, refusal
from stationd.console.act_forms import Applied, Staged, Writer
from stationd.console.door import SetpointDoor
from stationd.console.peer import Peer
from stationd.console.text import TooLong, one_line, shown_name
from stationd.core.amplifier.words import SetValue
from stationd.core.operation import orders
from stationd.core.operation.orders import ActOrder
from stationd.core.operation.task import CommandClass
from stationd.core.operation.words import Refused

MOST_BACK = 20  # applies that are remembered


class SetpointInterface(VarlinkInterface, name=refusal.SETPOINT):
    """Set values of the amplifiers. Each person stages values of his own, looks at them with Diff, and sends them with Apply.

    A number is {"v": value, "u": unit, "t": UTC, "q": "good|bad|sim"}. Reading wants stationd-view, everything else stationd-operate;
    Apply also the authority. With confirmWithinSeconds the values go back by themselves unless somebody confirms: only while this
    daemon runs and the plant is as it was, else they stay and an alarm says so.
    """

    errors: Sequence[type[TypedVarlinkErrorReply]] = (
        act_refusal.SetpointRefused,
        act_refusal.NoSuchSetValue,
        act_refusal.SetpointNotAllowed,
        act_refusal.SetpointOutcomeUnknown,
    )

    def __init__(self, door: SetpointDoor, peer: Peer, live: bool, order_s: float) -> None:
        self._door = door
        self._peer = peer
        self._live = live
        self._order_s = order_s

    @varlinkmethod(allow_foreign=True, return_parameter="staged")
    def Diff(self) -> list[Staged]:
        """Return what people have staged and not sent, beside what is now."""
        writer = self._writer()
        return [writer.staged(view, view.who == self._peer.called) for view in self._door.staged()]

    @varlinkmethod(allow_foreign=True, return_parameter="applied")
    def List(self) -> list[Applied]:
        """Return what was sent, the newest first, at most 20."""
        writer = self._writer()
        return [writer.applied(view) for view in self._door.applied()]

    @varlinkmethod(return_type=act_forms.Done)
    async def Stage(self, *, device: str, name: str, value: float, unit: str) -> act_forms.Done:
        """Note a set value for later: gain, output, tilt or pump1-current, in its own unit. Nothing is sent."""
        self._require()
        wanted = self._set_value(device, name)
        if unit != wanted.unit:
            raise InvalidParameter(parameter="unit")
        if not math.isfinite(value):
            raise InvalidParameter(parameter="value")
        return await self._done(orders.Stage(self._peer.orderer, wanted.target, value))

    @varlinkmethod(return_type=act_forms.Done)
    async def Discard(self) -> act_forms.Done:
        """Forget what you have staged."""
        return await self._done(orders.Discard(self._peer.orderer))

    @varlinkmethod(return_type=act_forms.Done)
    async def Apply(self, *, reason: str, confirmWithinSeconds: float | None = None) -> act_forms.Done:
        """Send what you have staged, one value after the other, each read back. List shows how it goes."""
        if confirmWithinSeconds is not None and not (math.isfinite(confirmWithinSeconds) and confirmWithinSeconds > 0):
            raise InvalidParameter(parameter="confirmWithinSeconds")
        return await self._done(orders.Apply(self._peer.orderer, _text(reason), confirmWithinSeconds))

    @varlinkmethod(return_type=act_forms.Done)
    async def Confirm(self) -> act_forms.Done:
        """Let what was applied stay."""
        return await self._done(orders.Confirm(self._peer.orderer))

    @varlinkmethod(return_type=act_forms.Done)
    async def Revert(self, *, reason: str) -> act_forms.Done:
        """Send the values of before the last apply."""
        return await self._done(orders.Revert(self._peer.orderer, _text(reason)))

    @varlinkmethod(return_type=act_forms.Done)
    async def Rollback(self, *, number: int) -> act_forms.Done:
        """Stage the values of before so many applies. Nothing is sent."""
        if isinstance(number, bool) or not 1 <= number <= MOST_BACK:
            raise InvalidParameter(parameter="number")
        return await self._done(orders.Rollback(self._peer.orderer, number))

    def _writer(self) -> Writer:
        return Writer(self._door.moment, self._door.now(), self._peer.uid, self._live, act_forms.set_value_names(self._door.plan))

    def _set_value(self, device: str, name: str) -> SetValue:
        plan = self._door.plan.amplifiers.get(device)
        known = plan.set_values if plan is not None else {}
        if name not in known:
            raise act_refusal.NoSuchSetValue(device=shown_name(device), name=shown_name(name), known=[*sorted(known)])
        return known[name]

    def _require(self) -> None:
        if self._peer.may(CommandClass.SET):
            return
        why = "is an account of several people" if self._peer.shared else f"has the role {self._peer.role.name.lower()}"
        detail = f"{self._peer.spoken_of} {why} and may not set anything"
        hint = "use an account of your own, of the group stationd-operate"
        raise act_refusal.SetpointNotAllowed(cause="no-access-authority", detail=detail, hint=hint)

    async def _done(self, order: ActOrder) -> act_forms.Done:
        self._require()
        try:
            async with asyncio.timeout(self._order_s):
                acted = await self._door.act(order, self._peer)
        except TimeoutError:
            detail = f"the order was taken and its end was not seen within {self._order_s:g} s"
            raise act_refusal.SetpointOutcomeUnknown(detail=detail) from None
        if isinstance(acted.outcome, Refused):
            raise act_refusal.setpoint_refused(acted.outcome)
        return {"names": list(acted.outcome.names), "detail": acted.outcome.detail, "durable": acted.durable}


def _text(text: str) -> str:
    try:
        return one_line(text)
    except TooLong:
        raise InvalidParameter(parameter="reason") from None
