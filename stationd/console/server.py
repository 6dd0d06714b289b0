"""The control socket: a Unix socket on which only this station's people get an answer.

The listener is ours (stationd.console.socket_file); who connects is known from the kernel and has a place before a byte of him is
read; whatever one connection does, and however many knock, the others and the loop go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from asyncvarlink import VarlinkErrorReply, VarlinkInterface, VarlinkInterfaceRegistry
from asyncvarlink.serviceinterface import VarlinkServiceInterface

import stationd
from stationd.console.alarm import AlarmInterface
from stationd.console.anew import Anew
from stationd.console.audit import AuditInterface
from stationd.console.channel import END, Channel
from stationd.console.connection import Connection, said
from stationd.console.diagnostics import DiagnosticsInterface
from stationd.console.diagnostics_door import DiagnosticsDoor
from stationd.console.door import AlarmDoor, AuditDoor, LineDoor, OperationDoor, SetpointDoor, StatusDoor
from stationd.console.metering import metered
from stationd.console.operation import OperationInterface, SharedOperations
from stationd.console.peer import NotKnown, Peer, Role, user_name
from stationd.console.persons import TwoPersons
from stationd.console.places import USUAL, Entrance, Limits, Places, Share, UserShare
from stationd.console.refusal import NotAdmitted, NotServed
from stationd.console.seats import Seats
from stationd.console.session import SessionInterface
from stationd.console.session_door import SessionDoor
from stationd.console.session_state import Sessions
from stationd.console.setpoint import SetpointInterface
from stationd.console.socket_file import bound
from stationd.console.status import SharedStatus, StatusInterface
from stationd.core.operation.task import CommandClass

log = structlog.get_logger()

NAME_S = 1.0
PAUSE_S = 0.1
MOST_LEAVING, LEAVE_S = 8, 0.5
QUIET_S = 10.0
Interfaces = Callable[[Peer], Sequence[VarlinkInterface]]
Identify = Callable[[socket.socket], Peer]
Ended = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who was let in. `crowded` is "", or why he has only a place for an order that stops something."""

    peer: Peer
    crowded: str = ""


@dataclass(frozen=True, slots=True)
class Doors:
    """What is behind the socket. `live` is False on a simulation or a bench.

    `alarms` is None while there is no alarm desk, `line` where the station's file has none; without `operations` nobody acts here.
    `diagnostics` is always there in a daemon.
    """

    status: StatusDoor
    alarms: AlarmDoor | None
    live: bool
    line: LineDoor | None = None
    operations: OperationDoor | None = None
    setpoints: SetpointDoor | None = None
    audit: AuditDoor | None = None
    diagnostics: DiagnosticsDoor | None = None
    session: SessionDoor | None = None


def interfaces(doors: Doors, limits: Limits, anew: Anew | None = None, seats: Seats | None = None) -> Interfaces:
    """Return how to make the interfaces of one peer. What peers share is made once. `seats` are those of the control socket."""
    shared, persons = SharedStatus(doors.status), TwoPersons()
    there = seats or Seats()
    acting = SharedOperations(doors.operations, anew, there.is_shell) if doors.operations is not None else None
    behind = (doors.alarms, doors.operations, doors.setpoints, doors.audit)
    sessions = Sessions(doors.session, there, *behind) if doors.session is not None else None

    def made(peer: Peer) -> Sequence[VarlinkInterface]:
        every: list[VarlinkInterface] = [StatusInterface(shared, peer)]
        if doors.alarms is not None:
            every.append(AlarmInterface(doors.alarms, peer, persons, doors.live, limits.order_s))
        if doors.diagnostics is not None:
            every.append(DiagnosticsInterface(doors.line, doors.diagnostics, peer, limits.order_s))
        if acting is not None:
            every.append(OperationInterface(acting, peer, doors.live, limits))
        if doors.setpoints is not None:
            every.append(SetpointInterface(doors.setpoints, peer, doors.live, limits.order_s))
        if doors.audit is not None:
            every.append(AuditInterface(doors.audit, limits.order_s))
        if sessions is not None:
            every.append(SessionInterface(sessions, peer, limits.order_s))
        return every

    return made


class ControlSocket:
    """`start` listens, `run` serves until it is cancelled, and leaves nothing behind.

    `identify` says who is at the other end (Accounts.peer), `group` is the number of the group that may open the file. `ended` is
    called with the name of a session (Peer.session) when its last connection is gone; it neither waits nor fails.
    """

    def __init__(
        self,
        path: Path,
        made: Interfaces,
        identify: Identify,
        group: int | None = None,
        limits: Limits = USUAL,
        listener: socket.socket | None = None,
        ended: Ended = lambda _: None,
        seats: Seats | None = None,
    ) -> None:
        self._path = path
        self._made = made
        self._identify = identify
        self._group = group
        self._limits = limits
        self._listener = listener
        self._own: os.stat_result | None = None  # of the socket's file, where we made it
        self._places = Places(limits)
        self._entrance = Entrance(limits)
        self._shares = {True: Share(limits.acting_share), False: Share(limits.share)}  # by whether they may act
        self._ended = ended
        self._seats = seats or Seats()
        self._sessions: Counter[str] = Counter()
        self._names: dict[int, asyncio.Task[str]] = {}
        self._leaving: dict[socket.socket, asyncio.TimerHandle] = {}
        self._pause: asyncio.TimerHandle | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._quiet_until = 0.0
        self.turned_away = 0

    @property
    def connections(self) -> int:
        """How many clients are there now."""
        return self._places.taken

    def start(self) -> None:
        """Listen. OSError, with a sentence, when that is not possible."""
        if self._listener is None:
            self._listener = bound(self._path, self._group, self._limits.backlog)
            self._own = self._path.stat()
        else:
            self._listener.listen(self._limits.backlog)  # whoever made it may have let many more wait
        self._listener.setblocking(False)

    def give_up(self) -> None:
        """Listen no more, where nobody was let in yet."""
        if self._listener is not None:
            self._listener.close()
        self._remove_file()

    async def run(self) -> None:
        """Let clients in until cancelled; then end every connection and take the file away."""
        assert self._listener is not None, "start comes first"
        self._listen()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._deaf()
            self._listener.close()
            self._remove_file()
            for connection in tuple(self._leaving):
                self._forget(connection)
            for task in (*self._clients, *self._names.values()):
                task.cancel()
            await asyncio.gather(*self._clients, *self._names.values(), return_exceptions=True)
            await asyncio.sleep(0)  # the loop closes what was dropped

    def _listen(self) -> None:
        """Have connections taken, one in each round of the loop."""
        assert self._listener is not None
        asyncio.get_running_loop().add_reader(self._listener, self._let_in, self._listener)

    def _deaf(self) -> None:
        """Take no more connections for now."""
        assert self._listener is not None
        if self._pause is not None:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(self._listener)

    def _let_in(self, listener: socket.socket) -> None:
        """Take one connection. Whatever is wrong with it, the next one is taken."""
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # the client gave up meanwhile
            return
        except OSError as error:  # no descriptors left: those that wait are not lost
            self._mention("the control socket could not take a connection", partial(str, error))
            self._rest(PAUSE_S)
            return
        rest_s = self._entrance.rest_s(asyncio.get_running_loop().time())
        if rest_s > 0:
            self._rest(rest_s)
        admitted = self._admitted(connection)
        if admitted is not None:
            self._begin(connection, admitted)

    def _rest(self, seconds: float) -> None:
        """Take no connections for a while; those that come wait, up to the backlog."""
        self._deaf()
        self._pause = asyncio.get_running_loop().call_later(seconds, self._listen)

    def _begin(self, connection: socket.socket, admitted: Admitted) -> None:
        """Serve somebody who was let in, at the cost of his share."""
        share = self._shares[admitted.peer.role >= Role.OPERATE].of(admitted.peer.uid)
        self._sessions[admitted.peer.session] += 1
        work = metered(lambda: self._serve(connection, admitted, share), share.used)
        client = asyncio.create_task(work, name=f"console of {admitted.peer.uid}")
        self._clients.add(client)
        client.add_done_callback(lambda done: self._gone(done, connection, admitted))

    def _admitted(self, connection: socket.socket) -> Admitted | None:
        """Return who is there and has a place now, or say no and close."""
        try:
            peer = self._identify(connection)
        except NotKnown as reason:
            hint = "look at PrivateUsers= of the service, and at the groups of this user"
            self._turn_away(connection, NotAdmitted(cause="no-access-authority", detail=str(reason), hint=hint))
            return None
        found = self._placed(peer)
        if isinstance(found, Admitted):
            return found
        self._turn_away(connection, found)
        return None

    def _placed(self, peer: Peer) -> Admitted | VarlinkErrorReply:
        """Take a place for a peer, or return why there is none for him."""
        if peer.role is Role.NONE:
            detail, hint = f"user {peer.uid} has no role on this station", f"ask for the group {Role.VIEW.group}, then log in anew"
            return NotAdmitted(cause="no-access-authority", detail=detail, hint=hint)
        no_place = self._places.enter(peer)
        return Admitted(peer, no_place) if not no_place or self._places.press_in(peer) else NotServed(detail=no_place)

    def _turn_away(self, connection: socket.socket, error: VarlinkErrorReply) -> None:
        """Say why not, in what is the answer to the first question. The buffer of a new socket takes it at once.

        A few of those who are turned away stay connected for a moment, so that they can still send what they are answered.
        """
        self.turned_away += 1
        message = said(error)
        self._mention("a connection to the control socket is turned away", message.decode)
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.send(message + END)
            connection.shutdown(socket.SHUT_WR)
        if len(self._leaving) >= MOST_LEAVING:
            connection.close()
            return
        self._leaving[connection] = asyncio.get_running_loop().call_later(LEAVE_S, self._forget, connection)

    def _mention(self, sentence: str, reason: Callable[[], str]) -> None:
        """Write to the log, now and then: a client that comes again and again does not fill it."""
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            log.warning(sentence, reason=reason(), turned_away=self.turned_away)

    def _forget(self, connection: socket.socket) -> None:
        self._leaving.pop(connection).cancel()
        connection.close()

    async def _serve(self, connection: socket.socket, admitted: Admitted, share: UserShare) -> None:
        channel = Channel(replace(self._limits, first_message_s=self._limits.emergency_s) if admitted.crowded else self._limits)
        try:
            connection.setblocking(False)
            await self._wait_for_turn(admitted, share)
            if _hung_up(connection):
                return
            await asyncio.get_running_loop().connect_accepted_socket(lambda: channel, connection)
            named = replace(admitted.peer, name=await self._name(admitted.peer.uid))
            stops = named.may(CommandClass.EMERGENCY)
            with self._seats.taken(named) as called:
                await Connection(channel, registry(self._made(named)), share, admitted.crowded, called, stops).serve()
        except OSError as error:
            self._mention("a connection to the control socket failed", partial(str, error))
        finally:
            channel.drop()

    async def _wait_for_turn(self, admitted: Admitted, share: UserShare) -> None:
        """Have somebody wait for his share before anything is made for him; who may have to stop something hardly waits."""
        if not admitted.crowded:
            patient = not admitted.peer.may(CommandClass.EMERGENCY)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if patient else self._limits.acting_s):
                    await share.turn()

    def _gone(self, client: asyncio.Task[None], connection: socket.socket, admitted: Admitted) -> None:
        """Give the place back, also of a client whose serving was cancelled before it began."""
        self._clients.discard(client)
        if admitted.crowded:
            self._places.press_out(admitted.peer)
        else:
            self._places.leave(admitted.peer)
        connection.close()
        session = admitted.peer.session
        self._sessions[session] -= 1
        if not self._sessions[session]:
            del self._sessions[session]
            self._ended(session)

    async def _name(self, uid: int) -> str:
        """Return the name of a user; a directory server that does not answer costs nobody but him a second, and once.

        When it does answer, later connections of that user have his name.
        """
        asked = self._names.get(uid)
        if asked is None:
            asked = self._names[uid] = asyncio.create_task(asyncio.to_thread(user_name, uid), name=f"name of {uid}")
            await asyncio.wait({asked}, timeout=NAME_S)
        return asked.result() if asked.done() and not asked.cancelled() else ""

    def _remove_file(self) -> None:
        """Take our file away, unless somebody has put another one in its place."""
        with contextlib.suppress(OSError):
            if self._own is not None and os.path.samestat(self._own, self._path.stat()):
                self._path.unlink()


def _hung_up(connection: socket.socket) -> bool:
    """Return whether a client has gone again without a word: nothing is made for him."""
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def registry(made: Sequence[VarlinkInterface]) -> VarlinkInterfaceRegistry:
    """Return the interfaces of a peer together with the one that describes them."""
    found = VarlinkInterfaceRegistry()
    found.register_interface(VarlinkServiceInterface("stationd", "stationd", stationd.__version__, "man:stationd(8)", found))
    for each in made:
        found.register_interface(each)
    return found
