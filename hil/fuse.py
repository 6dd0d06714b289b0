"""The kernel's side of a file system in a program: mounting, requests, answers. Linux alone, no library.

What it is: the protocol of include/uapi/linux/fuse.h (7.31, Linux 5.4 and newer) as far as programs that keep files need it. Handlers
get the body of a request and return that of the answer, or raise OSError. What it is not: a file system (hil.lossyfs is one), and not
complete: what is not served is answered with ENOSYS, which the kernel takes as "never ask again".

Mounting goes through fusermount3 (Debian package fuse3), which needs no root where /dev/fuse may be opened.
"""

from __future__ import annotations

import array
import errno
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

MAJOR, MINOR = 7, 31
BIG_WRITES, ATOMIC_TRUNCATE = 1 << 5, 1 << 3
LARGEST_WRITE = 128 << 10
ANSWER = struct.Struct("=IiQ")
REQUEST = struct.Struct("=IIQQIIII")
ATTRIBUTES = struct.Struct("=6Q10I")
PLACE_BYTES = 8


class Call(IntEnum):
    """The requests that are known by name (enum fuse_opcode)."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    SETXATTR = 21
    GETXATTR = 22
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    ACCESS = 34
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    RENAME2 = 45


SILENT = frozenset((Call.FORGET, Call.BATCH_FORGET, Call.INTERRUPT, Call.DESTROY))  # those that have no answer


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the kernel about a node."""

    call: int
    unique: int
    node: int
    uid: int
    gid: int
    body: bytes


Handler = Callable[[Request], bytes | None]
"""Returns the body of the answer; None when the answer comes later, by `Connection.answer`."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What stat(2) shows of a node."""

    node: int
    size: int
    mode: int
    links: int = 1
    uid: int = 0
    gid: int = 0

    def packed(self) -> bytes:
        """Return a struct fuse_attr. All times are 0: nobody here asks for them."""
        blocks = (self.size + 511) // 512
        return ATTRIBUTES.pack(self.node, self.size, blocks, 0, 0, 0, 0, 0, 0, self.mode, self.links, self.uid, self.gid, 0, 4096, 0)

    def entry(self) -> bytes:
        """Return a struct fuse_entry_out that the kernel is not to remember."""
        return struct.pack("=4Q2I", self.node, 0, 0, 0, 0, 0) + self.packed()

    def alone(self) -> bytes:
        """Return a struct fuse_attr_out that the kernel is not to remember."""
        return struct.pack("=Q2I", 0, 0, 0) + self.packed()


def packed_name(node: int, place: int, name: str, kind: int) -> bytes:
    """Return a struct fuse_dirent; `place` is where reading goes on after it."""
    raw = name.encode(errors="surrogateescape")
    padding = -len(raw) % PLACE_BYTES
    return struct.pack("=QQII", node, place, len(raw), kind) + raw + bytes(padding)


def names(body: bytes) -> list[str]:
    """Return the strings of a body that end in zeros."""
    return [part.decode(errors="surrogateescape") for part in body.split(b"\0")[:-1]]


def mount(place: Path, label: str) -> int:
    """Mount a file system at a directory and return the descriptor of its requests. FileNotFoundError without fusermount3."""
    program = shutil.which("fusermount3") or shutil.which("fusermount")
    if program is None:
        raise FileNotFoundError(errno.ENOENT, "fusermount3 is not installed (Debian package fuse3)")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        words = [program, "-o", f"rw,nosuid,nodev,subtype={label},fsname={label}", "--", str(place)]
        environment = {**os.environ, "_FUSE_COMMFD": str(theirs.fileno())}
        done = subprocess.run(words, env=environment, pass_fds=(theirs.fileno(),), capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(errno.EPERM, f"fusermount3 does not mount {place}: {done.stderr.strip()}")
        return _received(ours)


def unmount(place: Path) -> None:
    """Take the file system away, also when somebody still holds a file of it."""
    program = shutil.which("fusermount3") or shutil.which("fusermount") or "fusermount3"
    subprocess.run([program, "-u", "-z", str(place)], capture_output=True, check=False)


def _received(channel: socket.socket) -> int:
    numbers = array.array("i")
    _, extra, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(numbers.itemsize))
    for _, _, data in extra:
        numbers.frombytes(data[: numbers.itemsize])
    return numbers[0]


class Connection:
    """Requests in, answers out, in one thread; handlers may answer later from others."""

    def __init__(self, descriptor: int, handlers: Mapping[Call, Handler]) -> None:
        self._descriptor = descriptor
        self._handlers: dict[int, Handler] = {call.value: handler for call, handler in handlers.items()}

    def serve(self) -> None:
        """Serve until the file system is unmounted."""
        while True:
            try:
                data = os.read(self._descriptor, LARGEST_WRITE + 8192)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):  # the request was interrupted before it was read
                    continue
                return  # ENODEV: unmounted
            if not data:
                return
            self._take(data)

    def answer(self, unique: int, body: bytes = b"", error: int = 0) -> None:
        """Answer a request; whoever asked may have gone meanwhile."""
        data = ANSWER.pack(ANSWER.size + len(body), -error, unique) + body
        try:
            os.write(self._descriptor, data)
        except OSError as failed:
            if failed.errno not in (errno.ENOENT, errno.ENODEV, errno.EINVAL):
                raise

    def _take(self, data: bytes) -> None:
        length, call, unique, node, uid, gid, _, _ = REQUEST.unpack_from(data)
        request = Request(call, unique, node, uid, gid, data[REQUEST.size : length])
        if call == Call.INIT:
            self._begin(request)
            return
        handler = self._handlers.get(call)
        if handler is None:
            if call not in SILENT:
                self.answer(unique, error=errno.ENOSYS)
            return
        try:
            body = handler(request)
        except OSError as error:
            self.answer(unique, error=error.errno or errno.EIO)
            return
        if body is not None and call not in SILENT:
            self.answer(unique, body)

    def _begin(self, request: Request) -> None:
        read_ahead = struct.unpack_from("=III", request.body)[2]
        flags = BIG_WRITES | ATOMIC_TRUNCATE
        head = struct.pack("=4I2H2I2HI", MAJOR, MINOR, read_ahead, flags, 16, 12, LARGEST_WRITE, 1, 0, 0, 0)
        self.answer(request.unique, head + bytes(28))
