"""Who is at the other end of the control socket, and what they may do. The kernel says it, never the client.

Identity is SO_PEERCRED (user, process) and SO_PEERGROUPS (groups at the moment of connecting). Roles follow from three groups
of the machine. Root and the service's own user are nobody in particular, so that they may never do what a person answers for
(classes 3 and 4). Names are only for records and screens; no right depends on one.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

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


class Locality(Enum):
    """Where a person sits. What nobody can prove is UNKNOWN and counts as remote."""

    LOCAL = "local"
    REMOTE = "remote"
    UNKNOWN = "unknown"


class NotKnown(Exception):
    """The kernel does not say who is there; such a connection is refused. The text is a sentence for the log and the client."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is there. `person` is False for root and the service's own user."""

    uid: int
    gid: int
    pid: int
    role: Role
    person: bool = True
    name: str = ""
    locality: Locality = Locality.UNKNOWN

    def may(self, command: CommandClass) -> bool:
        """Return whether this peer may give commands of that class."""
        return self.role >= NEEDED[command] and (self.person or command not in ONLY_PERSONS)

    @property
    def called(self) -> str:
        """The name for records: that of the user, or the number where the machine knows no name."""
        return self.name or f"uid {self.uid}"


@dataclass(frozen=True, slots=True)
class Accounts:
    """The numbers behind the roles. A role whose group does not exist is nobody's."""

    own_uid: int
    groups: Mapping[Role, int] = field(default_factory=dict)

    @classmethod
    def of_machine(cls) -> Accounts:
        """Look the three groups up. May take long where a directory server has to be asked: not for the loop."""
        found = {role: _group_id(role.group) for role in Role if role is not Role.NONE}
        return cls(os.getuid(), {role: number for role, number in found.items() if number is not None})

    def peer(self, connection: socket.socket) -> Peer:
        """Return who is at the other end of a connected Unix socket. NotKnown when the kernel does not say it fully."""
        try:
            pid, uid, gid = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
            packed = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_BYTES)
        except OSError as error:  # more groups than fit are an error too: half of somebody's rights would be a guess
            raise NotKnown(f"the kernel does not say who is there: {error}") from error
        return self.identified(uid, gid, pid, frozenset(number for (number,) in GROUP.iter_unpack(packed)))

    def identified(self, uid: int, gid: int, pid: int, groups: frozenset[int]) -> Peer:
        """Return the peer with these numbers. NotKnown for a user whom the service's sandbox hides."""
        if uid == NOBODY_IN_PARTICULAR and uid != self.own_uid:
            raise NotKnown(f"the kernel shows user {uid} only: the service's PrivateUsers= must be identity or no")
        if uid in (0, self.own_uid):
            return Peer(uid, gid, pid, Role.OPERATE, person=False)
        role = max((role for role, number in self.groups.items() if number in groups or number == gid), default=Role.NONE)
        return Peer(uid, gid, pid, role)


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
