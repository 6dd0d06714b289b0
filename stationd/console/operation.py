"""The interface io.stationd.Operation: one guarded path for everything that changes the plant, and EMERGENCY-OFF, which asks nothing.

Who orders is what the kernel says of the connection. What an order may do is decided by the desk of operations; here it is decided
whether this peer may give orders at all, everything that a client writes is bounded and cleaned, and the codes are drawn, which
only their armer is told. Follows the approach of IEC 61850's select before operate with enhanced security.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N802  # names of methods are those of the interface

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from asyncvarlink import TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter

from stationd.console import act_forms, act_refusal, refusal
from stationd.console.act_forms import Change, Interlock, Operation, Writer
from stationd.console.act_task import Task, Wrong, point_in, task_in
from stationd.console.anew import Anew
from stationd.console.door import OperationDoor
from stationd.console.peer import Peer
from stationd.console.places import Limits
from stationd.console.text import LONGEST_NAME, TooLong, one_line, shown_name
from stationd.core.operation import orders
from stationd.core.operation import task as core
from stationd.core.operation.orders import CODE_LENGTH, CODE_LETTERS, ActOrder, AuthorityVerb, Person, Way
from stationd.core.operation.task import CommandClass
from stationd.core.operation.views import AuthorityView, HoldView, OperationView
from stationd.core.operation.words import Accepted, CutOffState, Refused

KEPT_S = 0.25  # how often a change is looked for, and for how long many screens share one look
CUT_OFF_S = 0.05  # how often it is looked whether an EMERGENCY-OFF is confirmed
MOST_OBJECTS = 64
NO_SESSION = ""  # of somebody who gives one command after the other, each in a session of its own: authority outlasts these
ALL = "all"
LONGEST_CODE = 16


@dataclass(frozen=True, slots=True)
class Look:
    """What can change, as it stands at one moment."""

    operations: tuple[OperationView, ...] = ()
    holds: tuple[HoldView, ...] = ()
    authority: AuthorityView | None = None
    cut_offs: tuple[CutOffState, ...] = ()


class SharedOperations:
    """One look at the operations for all who want it within a quarter of a second.

    `anew` asks what the groups of a user allow now; without it what they allowed at login counts. `lasts` says of a session
    whether a person sits at it as long as it stands: the authority that is gained there ends with it.
    """

    def __init__(self, door: OperationDoor, anew: Anew | None = None, lasts: Callable[[str], bool] = lambda _: False) -> None:
        self.door = door
        self.anew = anew
        self.lasts = lasts
        self._look = Look()
        self._until = 0.0

    def look(self) -> Look:
        """Return what can change, at most a quarter of a second old."""
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            door = self.door
            self._look = Look(tuple(door.operations()), tuple(door.holds()), door.authority(), tuple(door.cut_offs()))
            self._until = now + KEPT_S
        return self._look


class OperationInterface(VarlinkInterface, name=refusal.OPERATION):
    """Operations on the plant: Arm, a second person's Approve where it can kill, Execute with the code, KeepAlive once a second.

    A number is {"v": value, "u": unit, "t": UTC, "q": "good|bad|sim"}. Reading wants stationd-view, orders want stationd-operate,
    those that can kill two persons of stationd-power; EmergencyOff wants stationd-operate and nothing else. Arm, Approve, Execute and
    Prepare look the groups of the user up once more: who is in one no longer is refused. A session is a process of a
    user: when its last connection ends, what it has armed is disarmed, and what it runs holds, as it does 5 s after the last
    KeepAlive. Calls of one connection are answered one after the other: EmergencyOff wants a connection that waits for nothing.
    An order that is answered with durable = false was taken, but the disk fails. A hold is NOT AN ISOLATION.
    """

    errors: Sequence[type[TypedVarlinkErrorReply]] = (
        act_refusal.Refused, act_refusal.NoSuchOperation, act_refusal.NoSuchHold, act_refusal.NotAllowed, act_refusal.OutcomeUnknown,
    )  # fmt: skip

    def __init__(self, shared: SharedOperations, peer: Peer, live: bool, limits: Limits) -> None:
        self._shared = shared
        self._door = shared.door
        self._peer = peer
        self._live = live
        self._limits = limits

    # Reading.

    @varlinkmethod(allow_foreign=True, return_parameter="operations")
    def List(self) -> list[Operation]:
        """Return the operations that are not closed, then the last 20 that are."""
        writer = self._writer()
        return [writer.operation(view) for view in self._door.operations()]

    @varlinkmethod(allow_foreign=True, return_parameter="operation")
    def Get(self, *, operation: str) -> Operation:
        """Return one operation."""
        return self._view(operation)

    @varlinkmethod(allow_foreign=True, return_parameter="change", delay_generator=False)
    async def Monitor(self) -> AsyncIterator[Change]:
        """Return everything, then what has changed, at most four times a second. Wants "more"."""
        before: Look | None = None
        while True:
            look = self._shared.look()
            if look != before:
                yield self._change(look, before)
                before = look
            await asyncio.sleep(KEPT_S)

    @varlinkmethod(return_type=act_forms.Checked)
    def Check(self, *, object: str, task: Task) -> act_forms.Checked:
        """Return every precondition of a task as it stands for you now. Nothing is armed by it, and nothing recorded."""
        writer = self._writer()
        checks = [writer.check(each) for each in self._door.checks(self._who, _name(object, "object"), _task(task))]
        return {"checks": checks, "good": all(check.good for check in checks)}

    @varlinkmethod(return_parameter="holds")
    def Holds(self) -> list[act_forms.HoldNote]:
        """Return what is held here, by whom and why. NOT AN ISOLATION."""
        writer = self._writer()
        return [writer.hold(view) for view in self._door.holds()]

    @varlinkmethod(return_parameter="authority")
    def Authority(self) -> act_forms.AuthorityState:
        """Return who may act here."""
        return self._writer().authority(self._door.authority())

    @varlinkmethod(allow_foreign=True, return_parameter="interlocks")
    def Interlocks(self) -> list[Interlock]:
        """Return what has to be closed before a feed or a pump may run."""
        writer = self._writer()
        return [writer.interlock(view) for view in self._door.interlocks()]

    # An operation, from its arming to its end.

    @varlinkmethod(allow_foreign=True, return_type=act_forms.Coded)
    async def Arm(self, *, object: str, task: Task, reason: str) -> act_forms.Coded:
        """Select an object for a task: everything is checked and frozen. The code is for you alone; Execute wants it back."""
        code = new_code()
        name, frozen, why = _name(object, "object"), _task(task), _text(reason, "reason")
        done, durable = await self._order(orders.Arm(await self._confirmed(), name, frozen, why, code))
        name = next(iter(done.names), "")
        return {"operation": self._after(name), "code": code, "detail": done.detail, "durable": durable}

    @varlinkmethod(allow_foreign=True, return_type=act_forms.Ordered)
    async def Approve(self, *, operation: str) -> act_forms.Ordered:
        """Say, as a second person, that you have read what it is about and agree."""
        name = self._known(operation)
        return await self._about(orders.Approve(await self._confirmed(), name))

    @varlinkmethod(allow_foreign=True, return_type=act_forms.Ordered)
    async def Reject(self, *, operation: str, why: str = "") -> act_forms.Ordered:
        """Say, as a second person, that you do not agree. It is closed."""
        return await self._about(orders.Reject(self._who, self._known(operation), _text(why, "why")))

    @varlinkmethod(allow_foreign=True, return_type=act_forms.Ordered)
    async def Execute(self, *, operation: str, code: str) -> act_forms.Ordered:
        """Begin, or go on, with the code of Arm or Prepare. Then send KeepAlive every second from this process."""
        if len(code) > LONGEST_CODE:
            raise InvalidParameter(parameter="code")
        name = self._known(operation)
        return await self._about(orders.Execute(await self._confirmed(), name, code.strip()))

    @varlinkmethod(allow_foreign=True, return_type=act_forms.Ordered)
    async def Disarm(self, *, operation: str) -> act_forms.Ordered:
        """Give up what was not begun, or close what holds. The plant stays as it is."""
        return await self._about(orders.Disarm(self._who, self._known(operation)))

    @varlinkmethod(return_type=act_forms.Done)
    async def Hold(self, *, operation: str = "") -> act_forms.Done:
        """Stop changing and keep what is: this operation, or every one that runs."""
        return await self._done(orders.Hold(self._who, self._known(operation) if operation else ""))

    @varlinkmethod(allow_foreign=True, return_type=act_forms.Coded)
    async def Prepare(self, *, operation: str, way: str) -> act_forms.Coded:
        """Ask to let a held operation go on; way: resume, or back. All is checked anew and there is a new code for Execute."""
        if way not in (each.value for each in Way):
            raise InvalidParameter(parameter="way")
        code, name = new_code(), self._known(operation)
        done, durable = await self._order(orders.Prepare(await self._confirmed(), name, Way(way), code))
        return {"operation": self._after(name), "code": code, "detail": done.detail, "durable": durable}

    @varlinkmethod(allow_foreign=True, return_parameter="operation")
    async def KeepAlive(self, *, operation: str) -> Operation:
        """Say that the session that runs this operation is still there; return how far it has come."""
        name = self._known(operation)
        await self._order(orders.KeepAlive(self._who, name))
        return self._after(name)

    @varlinkmethod(return_type=act_forms.Emergency)
    async def EmergencyOff(self, *, objects: list[str]) -> act_forms.Emergency:
        """De-energise these feeds now ("all": every one of this station), named in either case. Nothing is asked.

        Answers when every feed has been seen off, or after 10 s; it goes on then. NOT SAFE TO TOUCH all the same: the cable may
        hold charge, and the other station may feed it.
        """
        if not 1 <= len(objects) <= MOST_OBJECTS:
            raise InvalidParameter(parameter="objects")
        names = tuple(self._feed(_name(each, "objects")) for each in objects)
        done, _ = await self._order(orders.EmergencyOff(self._who, names))
        found, writer = await self._cut_off(frozenset(done.names)), self._writer()
        confirmed = {state.device for state in found if state.confirmed} == set(done.names)
        return {"devices": [writer.cut_off(state) for state in found], "allConfirmed": confirmed, "detail": done.detail}

    # Holds and authority.

    @varlinkmethod(return_type=act_forms.Done)
    async def AddHold(self, *, object: str, reason: str) -> act_forms.Done:
        """Have nobody act on an object (a device, line or station) until you remove this. NOT AN ISOLATION."""
        return await self._done(orders.AddHold(self._who, _name(object, "object"), _text(reason, "reason")))

    @varlinkmethod(return_type=act_forms.Done)
    async def DropHold(self, *, hold: str) -> act_forms.Done:
        """Remove your own hold. That of somebody else is removed by two persons: Arm with the verb remove-hold."""
        name = _name(hold, "hold")
        if all(view.name != name for view in self._door.holds()):
            raise act_refusal.NoSuchHold(hold=name)
        return await self._done(orders.DropHold(self._who, name))

    @varlinkmethod(return_type=act_forms.Done)
    async def EndBypass(self, *, interlock: str) -> act_forms.Done:
        """Have a bypassed interlock count as it is from now on. Whoever may write a note may do this."""
        try:
            point = point_in(interlock)
        except Wrong:
            raise InvalidParameter(parameter="interlock") from None
        return await self._done(orders.EndBypass(self._who, point))

    @varlinkmethod(return_type=act_forms.Done)
    async def RequestAuthority(self) -> act_forms.Done:
        """Ask for the authority to act; you get it at once where nobody has it and nothing forbids it."""
        return await self._authority(AuthorityVerb.REQUEST)

    @varlinkmethod(return_type=act_forms.Done)
    async def GrantAuthority(self, *, to: str) -> act_forms.Done:
        """Give the authority that you have to another user."""
        return await self._authority(AuthorityVerb.GRANT, to=_name(to, "to"))

    @varlinkmethod(return_type=act_forms.Done)
    async def ReleaseAuthority(self) -> act_forms.Done:
        """Give the authority up; released by somebody at the console of the station, remote users may act."""
        return await self._authority(AuthorityVerb.RELEASE)

    @varlinkmethod(return_type=act_forms.Done)
    async def TakeAuthority(self, *, reason: str) -> act_forms.Done:
        """Take the authority from whoever has it. The local console can take it from a remote user, never the reverse."""
        return await self._authority(AuthorityVerb.TAKE, reason=_text(reason, "reason"))

    # What they share.

    @property
    def _who(self) -> Person:
        return self._peer.orderer

    async def _confirmed(self) -> Person:
        """Return who orders what can switch or kill: with what his groups allow now."""
        self._require(CommandClass.NOTE)
        return self._who if self._shared.anew is None else await self._shared.anew.person(self._peer)

    def _writer(self) -> Writer:
        return Writer(self._door.moment, self._door.now(), self._peer.uid, self._live, {})

    def _feed(self, name: str) -> str:
        """Return a feed as the plan calls it: nobody has to think of capitals in an emergency."""
        known = (*self._door.plan.feeds, ALL)
        alike = [each for each in known if each.casefold() == name.casefold()]
        return name if name in known or len(alike) != 1 else alike[0]

    def _require(self, command: CommandClass) -> None:
        if self._peer.may(command):
            return
        detail = f"{self._peer.spoken_of} has the role {self._peer.role.name.lower()} and may not give orders"
        raise act_refusal.NotAllowed(cause="no-access-authority", detail=detail, hint="ask somebody of the group stationd-operate")

    def _known(self, operation: str) -> str:
        """Return the name of an operation that there is."""
        name = _name(operation, "operation")
        if self._door.operation(name) is None:
            raise act_refusal.NoSuchOperation(operation=shown_name(name))
        return name

    def _view(self, name: str) -> Operation:
        view = self._door.operation(_name(name, "operation"))
        if view is None:
            raise act_refusal.NoSuchOperation(operation=shown_name(name))
        return self._writer().operation(view)

    def _after(self, name: str) -> Operation:
        """Return an operation as it stands after an order about it was taken."""
        view = self._door.operation(name)
        if view is None:
            raise act_refusal.OutcomeUnknown(detail=f"the order was taken; {name or 'its operation'} is not among the last ones any more")
        return self._writer().operation(view)

    async def _order(self, order: ActOrder) -> tuple[Accepted, bool]:
        """Return what was accepted, and whether it is on the disk."""
        self._require(CommandClass.EMERGENCY if isinstance(order, orders.EmergencyOff) else CommandClass.NOTE)
        try:
            async with asyncio.timeout(self._limits.order_s):
                acted = await self._door.act(order, self._peer)
        except TimeoutError:
            detail = f"the order was taken and its end was not seen within {self._limits.order_s:g} s"
            raise act_refusal.OutcomeUnknown(detail=detail) from None
        if isinstance(acted.outcome, Refused):
            raise act_refusal.refused(acted.outcome)
        return acted.outcome, acted.durable

    async def _done(self, order: ActOrder) -> act_forms.Done:
        done, durable = await self._order(order)
        return {"names": list(done.names), "detail": done.detail, "durable": durable}

    async def _about(self, order: orders.Approve | orders.Reject | orders.Execute | orders.Disarm) -> act_forms.Ordered:
        done, durable = await self._order(order)
        return {"operation": self._after(order.operation), "detail": done.detail, "durable": durable}

    async def _authority(self, verb: AuthorityVerb, to: str = "", reason: str = "") -> act_forms.Done:
        who = self._who if self._shared.lasts(self._peer.session) else replace(self._who, session=NO_SESSION)
        return await self._done(orders.SetAuthority(who, verb, to, reason))

    async def _cut_off(self, devices: frozenset[str]) -> list[CutOffState]:
        """Return how far it has come when all of it is confirmed or given up, or when that takes too long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limits.confirmed_s
        while True:
            found = [state for state in self._door.cut_offs() if state.device in devices]
            if all(state.confirmed is not None for state in found) or loop.time() >= until:
                return found
            await asyncio.sleep(CUT_OFF_S)

    def _change(self, look: Look, before: Look | None) -> Change:
        """Return what is different from before."""
        seen, writer = before or Look(), self._writer()
        known = {view.name: view for view in seen.operations}
        return Change(
            snapshot=before is None,
            asOf=writer.stamp_of(writer.now),
            operations=[writer.operation(view) for view in look.operations if known.get(view.name) != view],
            holds=None if before and seen.holds == look.holds else [writer.hold(view) for view in look.holds],
            authority=None if look.authority is None or seen.authority == look.authority else writer.authority(look.authority),
            cutOffs=None if before and seen.cut_offs == look.cut_offs else [writer.cut_off(state) for state in look.cut_offs],
        )


def new_code() -> str:
    """Return a code that nobody can guess: the letters are easily told apart."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))


def _task(form: Task) -> core.Task:
    try:
        return task_in(form)
    except Wrong as wrong:
        raise InvalidParameter(parameter=f"task.{wrong}") from None


def _name(text: str, parameter: str) -> str:
    """Return a name as it is looked for. Names have no spaces or signs that are not seen; what has is refused, not mended."""
    if not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
        raise InvalidParameter(parameter=parameter)
    return text


def _text(text: str, parameter: str) -> str:
    try:
        return one_line(text)
    except TooLong:
        raise InvalidParameter(parameter=parameter) from None
