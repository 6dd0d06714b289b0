"""The control socket: a Unix socket on which only this station's people get an answer.

The listener is ours: the file gets its owner and mode before anybody can connect, a file that a dead daemon left is replaced,
one of a living daemon or of something else is not; who connects is known from the kernel and has a place before a byte of him
is read; whatever one connection does, the others and the loop go on. systemd may pass the socket (`handed_over`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from stationd.console.operation import OperationInterface, SharedOperations
from stationd.console.peer import NotKnown, Peer, Role, user_name
from stationd.console.persons import TwoPersons
from stationd.console.places import USUAL, Limits, Places, Share
from stationd.console.refusal import NotAdmitted, NotServed
from stationd.console.seats import Seats
from stationd.console.session import SessionInterface
from stationd.console.session_door import SessionDoor
from stationd.console.session_state import Sessions
from stationd.console.setpoint import SetpointInterface
from stationd.console.status import SharedStatus, StatusInterface

log = structlog.get_logger()

MODE = 0o660
LONGEST_PATH_BYTES = 107  # sun_path of Linux, without its end
FIRST_HANDED_OVER = 3  # sd_listen_fds(3)
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
        self._shares = {True: Share(limits.share), False: Share(limits.share)}  # for those who act, for those who look
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
        self._listener.setblocking(False)

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
            self._mention("the control socket could not take a connection", str(error))
            self._deaf()
            self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._listen)
            return
        admitted = self._admitted(connection)
        if admitted is not None:
            self._sessions[admitted.peer.session] += 1
            client = asyncio.create_task(self._serve(connection, admitted), name=f"console of {admitted.peer.uid}")
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
        self._mention("a connection to the control socket is turned away", said(error).decode())
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.send(said(error) + END)
            connection.shutdown(socket.SHUT_WR)
        if len(self._leaving) >= MOST_LEAVING:
            connection.close()
            return
        self._leaving[connection] = asyncio.get_running_loop().call_later(LEAVE_S, self._forget, connection)

    def _mention(self, sentence: str, reason: str) -> None:
        """Write to the log, now and then: a client that comes again and again does not fill it."""
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            log.warning(sentence, reason=reason, turned_away=self.turned_away)

    def _forget(self, connection: socket.socket) -> None:
        self._leaving.pop(connection).cancel()
        connection.close()

    async def _serve(self, connection: socket.socket, admitted: Admitted) -> None:
        channel = Channel(self._limits)
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: channel, connection)
            named = replace(admitted.peer, name=await self._name(admitted.peer.uid))
            share = self._shares[named.role >= Role.OPERATE]
            with self._seats.taken(named) as called:
                await Connection(channel, registry(self._made(named)), share, admitted.crowded, called).serve()
        except OSError as error:
            self._mention("a connection to the control socket failed", str(error))
        finally:
            channel.drop()

    def _gone(self, client: asyncio.Task[None], connection: socket.socket, admitted: Admitted) -> None:
        """Give the place back, also of a client whose serving was cancelled before it began."""
        self._clients.discard(client)
        if admitted.crowded:
            self._places.press_out()
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


def registry(made: Sequence[VarlinkInterface]) -> VarlinkInterfaceRegistry:
    """Return the interfaces of a peer together with the one that describes them."""
    found = VarlinkInterfaceRegistry()
    found.register_interface(VarlinkServiceInterface("stationd", "stationd", stationd.__version__, "man:stationd(8)", found))
    for each in made:
        found.register_interface(each)
    return found


def bound(path: Path, group: int | None, backlog: int) -> socket.socket:
    """Return a socket that listens at a path, mode 0660. OSError, with a sentence, when something else is there.

    Owner and mode are right before it listens; until then the kernel refuses whoever connects.
    """
    _make_room(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        os.fchmod(listener.fileno(), MODE)  # what the file begins with, less the umask
        listener.bind(str(path))
        path.chmod(MODE)
        _give_to(path, group)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def handed_over(environment: Mapping[str, str], own_pid: int) -> socket.socket | None:
    """Return the listening socket that systemd has passed for this path, or None. It is named io.stationd (sd_listen_fds)."""
    if environment.get("LISTEN_PID") != str(own_pid):
        return None
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    if "io.stationd" not in names:
        return None
    return socket.socket(fileno=FIRST_HANDED_OVER + names.index("io.stationd"))


def _make_room(path: Path) -> None:
    """Take a file away that a dead daemon has left. OSError when the place is not ours to take."""
    if len(os.fsencode(path)) > LONGEST_PATH_BYTES:
        raise OSError(errno.ENAMETOOLONG, f"the path of the control socket has more than {LONGEST_PATH_BYTES} bytes: {path}")
    try:
        there = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(there.st_mode):
        raise OSError(errno.EEXIST, f"{path} is there and is no socket; it is left alone")
    if _answers(path):
        raise OSError(errno.EADDRINUSE, f"another daemon listens at {path}")
    path.unlink()


def _answers(path: Path) -> bool:
    """Return whether somebody listens at a socket's file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.setblocking(False)
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            return False
        except BlockingIOError:  # so busy that it has no room for us: it lives
            return True
    return True


def _give_to(path: Path, group: int | None) -> None:
    if group is None:
        log.warning("the group stationd-view does not exist: only root and the service's own user can use the control socket")
        return
    try:
        os.chown(path, -1, group)
    except PermissionError as error:
        log.warning("the control socket could not be given to stationd-view", reason=str(error), hint="SupplementaryGroups=stationd-view")
