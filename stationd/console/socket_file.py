"""The file of the control socket: it gets its owner and mode before anybody can connect, and takes no place that is not its own.

A file that a dead daemon left is replaced; one of a living daemon, or of something else, is left alone. The service manager may hand the
listening socket over instead (stationd.service.descriptors); then the file is its own affair.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
from pathlib import Path

import structlog

log = structlog.get_logger()

MODE = 0o660
LONGEST_PATH_BYTES = 107  # sun_path of Linux, without its end
PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7)


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


def leads_to(path: Path, listener: socket.socket) -> bool:
    """Return whether clients who open `path` reach this listener: it was made there, and the file has not been replaced since.

    Takes the listener over on the way: the kernel tells clients who listened last, which is how the way is proved. Where the answer
    cannot be had (no right to connect, no room in the queue) somebody listens there, and the listener is believed.
    """
    if listener.family != socket.AF_UNIX or listener.getsockname() != str(path):
        return False
    listener.listen()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.setblocking(False)
        try:
            trial.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
        except OSError:
            return True
        pid, _, _ = PEER_CREDENTIALS.unpack(trial.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size))
        return bool(pid == os.getpid())


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
    if path.stat().st_gid == group:  # of its folder, which has the setgid bit where systemd made it: nothing to ask of the sandbox
        return
    try:
        os.chown(path, -1, group)
    except PermissionError as error:
        log.warning("the control socket could not be given to stationd-view", reason=str(error), hint="SupplementaryGroups=stationd-view")
