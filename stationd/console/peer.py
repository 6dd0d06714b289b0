"""Who is at the other end of the control socket, and what they may do. The kernel says it, never the client.

Identity is SO_PEERCRED (user, process) and SO_PEERGROUPS (groups at the moment of connecting). Roles follow from three groups
of the machine; who arms, approves, executes or prepares is looked up once more (`Accounts.role_now`, stationd.console.anew). Root
and the service's own user are nobody in particular, so that they may never do what a person answers for
(classes 3 and 4). No right is given by a name; one is taken: an account that several people share is nobody in particular either,
and may look, take notes and switch off in an emergency.

Somebody is local who sits at a console of this machine: the controlling terminal of his process is a virtual console or a serial
line that the kernel itself uses as its console (/proc/consoles). Whatever else there is (ssh, tmux, a job without a terminal, a
serial port that anybody of its group could have opened) proves nothing and counts as remote.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from pathlib import Path

from stationd.console.witness import Witness
from stationd.core.operation.orders import Person
from stationd.core.operation.task import CommandClass

SO_PEERGROUPS = getattr(socket, "SO_PEERGROUPS", 59)  # asm-generic/socket.h; Python gives it no name yet
CREDENTIALS = struct.Struct("=iII")  # struct ucred: pid_t, uid_t, gid_t
GROUPS_BYTES = 1024  # the most that Python lets getsockopt return: 256 groups
GROUP = struct.Struct("=I")
NOBODY_IN_PARTICULAR = 65534  # the overflow uid: the kernel cannot name this user inside our user namespace


class Role(IntEnum):
    """What a person is for this station. A higher role includes the lower ones."""

    NONE = 0
    VIEW = 1
    OPERATE = 2
    POWER = 3

    @property
    def group(self) -> str:
        """The group of the machine whose members have this role."""
        return f"stationd-{self.name.lower()}"


NEEDED = {
    CommandClass.READ: Role.VIEW,
    CommandClass.NOTE: Role.OPERATE,
    CommandClass.SET: Role.OPERATE,
    CommandClass.OPERATE: Role.OPERATE,
    CommandClass.LETHAL: Role.POWER,
    CommandClass.EMERGENCY: Role.OPERATE,
}
ONLY_PERSONS = frozenset({CommandClass.OPERATE, CommandClass.LETHAL})
ALSO_SHARED = frozenset({CommandClass.READ, CommandClass.NOTE, CommandClass.EMERGENCY})  # what accounts of several people may do

PROCESSES = Path("/proc")
CONSOLE_LIST = Path("/proc/consoles")
TERMINAL_FIELD, START_FIELD = 7, 22  # of /proc/PID/stat, counted from 1 as in proc(5)
# Numbers of devices: Documentation/admin-guide/devices.txt of Linux.
CONSOLES, SERIAL_ON_BOARD, SERIAL_ON_USB = 4, 204, 188
FIRST_SERIAL = 64  # of both 4 (ttyS0) and 204 (ttyAMA0)
PSEUDO = range(136, 144)  # pts/0 and on: 256 of each number


class Locality(Enum):
    """Where a person sits. What nobody can prove is UNKNOWN and counts as remote."""

    LOCAL = "local"
    REMOTE = "remote"
    UNKNOWN = "unknown"


class NotKnown(Exception):
    """The kernel does not say who is there; such a connection is refused. The text is a sentence for the log and the client."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is there. `person` is False for root and the service's own user.

    `accounts_of_many` are the names of the accounts that several people share; `place` is the terminal, for records and screens.
    """

    uid: int
    gid: int
    pid: int
    role: Role
    person: bool = True
    name: str = ""
    locality: Locality = Locality.UNKNOWN
    place: str = ""
    accounts_of_many: frozenset[str] = frozenset()

    def may(self, command: CommandClass) -> bool:
        """Return whether this peer may give commands of that class."""
        if self.shared and command not in ALSO_SHARED:
            return False
        return self.role >= NEEDED[command] and (self.person or command not in ONLY_PERSONS)

    @property
    def shared(self) -> bool:
        """True for an account of several people; also while its name is not known and there are such accounts."""
        return bool(self.accounts_of_many) and (not self.name or self.name in self.accounts_of_many)

    @property
    def session(self) -> str:
        """The name of this process of this user, for as long as it has a connection."""
        return f"{self.uid}:{self.pid}"

    @property
    def orderer(self) -> Person:
        """Who this is for the operations of the plant."""
        classes = frozenset(command for command in CommandClass if self.may(command))
        local, one = self.locality is Locality.LOCAL, self.person and not self.shared
        return Person(self.uid, self.called, self.session, classes, local, one, self.place or self.locality.value)

    @property
    def called(self) -> str:
        """The name for records: that of the user, or the number where the machine knows no name."""
        return self.name or f"uid {self.uid}"

    @property
    def spoken_of(self) -> str:
        """The same in a sentence."""
        return self.name or f"user {self.uid}, who has no name on this machine,"


@dataclass(frozen=True, slots=True)
class Accounts:
    """The numbers behind the roles. A role whose group does not exist is nobody's. `shared` are names of accounts of several people.

    `witness` says which terminal a process has that the sandbox hides.
    """

    own_uid: int
    groups: Mapping[Role, int] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    witness: Callable[[int, int], int] = field(default_factory=Witness, compare=False)

    @classmethod
    def of_machine(cls, shared: frozenset[str] = frozenset()) -> Accounts:
        """Look the three groups up. May take long where a directory server has to be asked: not for the loop."""
        found = {role: _group_id(role.group) for role in Role if role is not Role.NONE}
        return cls(os.getuid(), {role: number for role, number in found.items() if number is not None}, shared)

    def peer(self, connection: socket.socket) -> Peer:
        """Return who is at the other end of a connected Unix socket. NotKnown when the kernel does not say it fully."""
        try:
            pid, uid, gid = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
            packed = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_BYTES)
        except OSError as error:  # more groups than fit are an error too: half of somebody's rights would be a guess
            raise NotKnown(f"the kernel does not say who is there: {error}") from error
        peer = self.identified(uid, gid, pid, frozenset(number for (number,) in GROUP.iter_unpack(packed)))
        if peer.role is Role.NONE:  # who is turned away costs no look into /proc
            return peer
        number = terminal(pid, uid) or self.witness(pid, uid)
        return replace(peer, locality=locality(number), place=terminal_name(number))

    def role_now(self, uid: int) -> Role:
        """Return the role that the machine's directory of users gives to a user at this moment; NONE for one that it does not know.

        May take long where a directory server has to be asked: not for the loop. OSError where it cannot be asked.
        """
        if uid in (0, self.own_uid):
            return Role.OPERATE
        try:
            user = pwd.getpwuid(uid)
        except KeyError:
            return Role.NONE
        return self._role(frozenset(os.getgrouplist(user.pw_name, user.pw_gid)))

    def identified(self, uid: int, gid: int, pid: int, groups: frozenset[int]) -> Peer:
        """Return the peer with these numbers. NotKnown for a user whom the service's sandbox hides."""
        if uid == NOBODY_IN_PARTICULAR and uid != self.own_uid:
            raise NotKnown(f"the kernel shows user {uid} only: the service's PrivateUsers= must be identity or no")
        if uid in (0, self.own_uid):
            return Peer(uid, gid, pid, Role.OPERATE, person=False, accounts_of_many=self.shared)
        return Peer(uid, gid, pid, self._role(groups | {gid}), accounts_of_many=self.shared)

    def _role(self, groups: frozenset[int]) -> Role:
        return max((role for role, number in self.groups.items() if number in groups), default=Role.NONE)


def terminal(pid: int, uid: int, processes: Path = PROCESSES) -> int:
    """Return the number of the controlling terminal of a process of that user; 0: it has none, or nobody says.

    Numbers of processes are used again: it counts only if the same process, by its start, is there before and after the owner was
    looked at, and the owner is the user who connected.
    """
    place = processes / str(pid)
    try:
        before, owner, after = _stat(place), place.stat().st_uid, _stat(place)
    except (OSError, ValueError, IndexError):
        return 0
    return after[0] if pid > 0 and before == after and owner == uid else 0


def _stat(place: Path) -> tuple[int, int]:
    """Return the terminal and the start of a process. Its name, in brackets, may contain anything."""
    fields = (place / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return int(fields[TERMINAL_FIELD - 3]), int(fields[START_FIELD - 3])


def locality(number: int, listed: Path = CONSOLE_LIST) -> Locality:
    """Return where somebody sits whose controlling terminal has this number."""
    major, minor = os.major(number), os.minor(number)
    on_board = major == SERIAL_ON_BOARD and minor >= FIRST_SERIAL
    if major == CONSOLES and minor < FIRST_SERIAL:
        return Locality.LOCAL
    serial = on_board or (major == CONSOLES and minor >= FIRST_SERIAL)
    return Locality.LOCAL if serial and terminal_name(number) in consoles(listed) else Locality.UNKNOWN


def consoles(listed: Path) -> frozenset[str]:
    """Return the terminals that the kernel itself uses as its console. A serial port that is none may be anybody's to open."""
    try:
        return frozenset(line.split()[0] for line in listed.read_text().splitlines() if line.strip())
    except OSError:
        return frozenset()


def terminal_name(number: int) -> str:
    """Return the name of a terminal as people know it, or ""."""
    major, minor = os.major(number), os.minor(number)
    match major:
        case 4:
            return f"tty{minor}" if minor < FIRST_SERIAL else f"ttyS{minor - FIRST_SERIAL}"
        case 204 if minor >= FIRST_SERIAL:
            return f"ttyAMA{minor - FIRST_SERIAL}"
        case 188:
            return f"ttyUSB{minor}"
        case _ if major in PSEUDO:
            return f"pts/{(major - PSEUDO.start) * 256 + minor}"
    return ""


def user_name(uid: int) -> str:
    """Return the name of a user, or "" when the machine does not know it. May take long, see `Accounts.of_machine`."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return ""


def _group_id(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, OSError):
        return None
