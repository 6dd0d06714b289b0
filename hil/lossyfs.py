"""A mounted file system with a disk that forgets, fails, fills up and hangs on demand: for every test of what stationd keeps.

    python -m hil.lossyfs DIRECTORY [SEED]        runs until it is unmounted (fusermount3 -u DIRECTORY)

It is ordered about by extended attributes of its own root, so that any program, in any language, can do it:

    user.cut    "" or a seed       a power cut: all that was not synced is gone (with a seed: some of it, by chance); open files are dead
    user.quota  bytes              of all files together, beyond it ENOSPC; empty: none
    user.fsync  seconds            that each fsync takes; 0 also ends those that hang
    user.fail   "KIND N ERRNO COUNT"   the N-th call of a kind from now on fails, and the next ones up to COUNT; empty: repaired. KIND is
                                       open, read, write, truncate, sync, rename, link, unlink, or any
    user.mark   any words          noted among the calls: "acknowledged 17"
    user.trace  a path             the calls and marks since the mount are written there, as JSON lines

and tells with user.calls how many calls of each kind there were since the last user.fail, with user.steps how many changes (and marks)
since the mount. What the disk itself does is hil.disk.
What it is not: fast, and nothing for a station: nothing of stationd imports it.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import random
import signal
import stat
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from hil.disk import ROOT, Directory, Disk, DiskError
from hil.fuse import Attributes, Call, Connection, Handler, Request, mount, names, packed_name, unmount

EVER = 1_000_000_000
HANG_PIECE_S = 0.02
SET_SIZE = 1 << 3  # FATTR_SIZE
NO_REPLACE, EXCHANGE = 1, 2  # renameat2(2)
BLOCKS = 1 << 20  # of 4 KiB, where there is no quota
PREFIX = "user."
ANY = "any"
Step = list[int | str | float | None]
"""One entry of a trace: the name of the call and what Disk was given, or ["mark", words]."""


@dataclass(slots=True)
class Order:
    """Which calls fail: the n-th of a kind from now on, and the ones after it up to count."""

    kind: str = ""
    n: int = 0
    error: int = 0
    count: int = 0
    seen: int = 0

    def strikes(self, kind: str) -> bool:
        """Count a call and tell whether it fails."""
        if self.kind not in (kind, ANY):
            return False
        self.seen += 1
        return self.n <= self.seen < self.n + self.count


class LossyFiles:
    """The handlers of all requests. Changes of the disk are traced in their order, by the arguments that repeat them."""

    def __init__(self, seed: int = 0) -> None:
        self.disk = Disk()
        self.trace: list[Step] = []
        self.connection: Connection | None = None
        self._seed = seed
        self._handles: dict[int, tuple[int, int]] = {}  # handle -> node, and which cut it is younger than
        self._next_handle = 1
        self._cuts = 0
        self._order = Order()
        self._calls: Counter[str] = Counter()
        self._fsync_s = 0.0

    def handlers(self) -> Mapping[Call, Handler]:
        """Return what serves each request."""
        return {
            Call.LOOKUP: self._lookup, Call.GETATTR: self._getattr, Call.SETATTR: self._setattr, Call.MKDIR: self._mkdir,
            Call.UNLINK: self._unlink, Call.RMDIR: self._rmdir, Call.RENAME: self._rename, Call.RENAME2: self._rename2,
            Call.LINK: self._link, Call.OPEN: self._open, Call.CREATE: self._create, Call.READ: self._read, Call.WRITE: self._write,
            Call.STATFS: self._statfs, Call.RELEASE: self._release, Call.FSYNC: self._fsync, Call.FSYNCDIR: self._fsync,
            Call.FLUSH: lambda _: b"", Call.OPENDIR: self._opendir, Call.READDIR: self._readdir, Call.RELEASEDIR: self._release,
            Call.SETXATTR: self._setxattr, Call.GETXATTR: self._getxattr,
        }  # fmt: skip

    # ------------------------------------------------------------------ names

    def _lookup(self, request: Request) -> bytes:
        (name,) = names(request.body)
        return self._attributes(self.disk.lookup(request.node, name), request).entry()

    def _getattr(self, request: Request) -> bytes:
        return self._attributes(request.node, request).alone()

    def _setattr(self, request: Request) -> bytes:
        valid, _, _, size = struct.unpack_from("=IIQQ", request.body)
        if valid & SET_SIZE:
            self._call("truncate")
            self._do("truncate", request.node, size)
        return self._attributes(request.node, request).alone()

    def _mkdir(self, request: Request) -> bytes:
        (name,) = names(request.body[8:])
        self._call("open")
        return self._attributes(self._do("mkdir", request.node, name), request).entry()

    def _unlink(self, request: Request) -> bytes:
        (name,) = names(request.body)
        self._call("unlink")
        self._do("unlink", request.node, name)
        return b""

    def _rmdir(self, request: Request) -> bytes:
        (name,) = names(request.body)
        self._call("unlink")
        self._do("rmdir", request.node, name)
        return b""

    def _rename(self, request: Request) -> bytes:
        (to,) = struct.unpack_from("=Q", request.body)
        return self._renamed(request.node, to, *names(request.body[8:]), flags=0)

    def _rename2(self, request: Request) -> bytes:
        to, flags, _ = struct.unpack_from("=QII", request.body)
        return self._renamed(request.node, to, *names(request.body[16:]), flags=flags)

    def _renamed(self, parent: int, to: int, name: str, to_name: str, *, flags: int) -> bytes:
        if flags & EXCHANGE:
            raise DiskError(errno.EINVAL)
        self._call("rename")
        if flags & NO_REPLACE and to_name in self.disk.directory(to).now:
            raise DiskError(errno.EEXIST)
        self._do("rename", parent, name, to, to_name)
        return b""

    def _link(self, request: Request) -> bytes:
        (number,) = struct.unpack_from("=Q", request.body)
        (name,) = names(request.body[8:])
        self._call("link")
        return self._attributes(self._do("link", number, request.node, name), request).entry()

    def _attributes(self, number: int, request: Request) -> Attributes:
        if isinstance(self.disk.nodes.get(number), Directory):
            return Attributes(number, 4096, stat.S_IFDIR | 0o755, 2, request.uid, request.gid)
        return Attributes(number, len(self.disk.file(number).now), stat.S_IFREG | 0o644, 1, request.uid, request.gid)

    # ------------------------------------------------------------------ bytes

    def _create(self, request: Request) -> bytes:
        (name,) = names(request.body[16:])
        self._call("open")
        number = self._do("create", request.node, name)
        return self._attributes(number, request).entry() + self._handle(number)

    def _open(self, request: Request) -> bytes:
        (flags,) = struct.unpack_from("=I", request.body)
        self._call("open")
        self.disk.file(request.node)
        if flags & os.O_TRUNC:
            self._do("truncate", request.node, 0)
        return self._handle(request.node)

    def _opendir(self, request: Request) -> bytes:
        self.disk.directory(request.node)
        return self._handle(request.node)

    def _read(self, request: Request) -> bytes:
        handle, at, size = struct.unpack_from("=QQI", request.body)
        number = self._node_of(handle)
        self._call("read")
        return self.disk.read(number, at, size)

    def _write(self, request: Request) -> bytes:
        handle, at, size = struct.unpack_from("=QQI", request.body)
        number = self._node_of(handle)
        self._call("write")
        data = request.body[40 : 40 + size]
        self.disk.write(number, at, data)
        self.trace.append(["write", number, at, base64.b85encode(data).decode()])
        return struct.pack("=II", size, 0)

    def _fsync(self, request: Request) -> bytes | None:
        (handle,) = struct.unpack_from("=Q", request.body)
        number = self._node_of(handle)
        if self._fsync_s > 0.0:
            threading.Thread(target=self._sync_later, args=(request.unique, number), daemon=True).start()
            return None
        self._call("sync")
        self._do("sync", number)
        return b""

    def _sync_later(self, unique: int, number: int) -> None:
        """Let a sync hang beside everything else, in small pieces, so that a disk that goes on ends those that hang already."""
        passed_s, pause = 0.0, threading.Event()
        while passed_s < self._fsync_s:
            pause.wait(HANG_PIECE_S)
            passed_s += HANG_PIECE_S
        assert self.connection is not None
        try:
            self._call("sync")
            self._do("sync", number)
        except OSError as error:
            self.connection.answer(unique, error=error.errno or errno.EIO)
        else:
            self.connection.answer(unique)

    def _readdir(self, request: Request) -> bytes:
        handle, begin, size = struct.unpack_from("=QQI", request.body)
        entries = list(self.disk.directory(self._node_of(handle)).now.items())
        found = b""
        for place, (name, number) in enumerate(entries[begin:], begin + 1):
            kind = stat.S_IFDIR if isinstance(self.disk.nodes[number], Directory) else stat.S_IFREG
            packed = packed_name(number, place, name, kind >> 12)
            if len(found) + len(packed) > size:
                break
            found += packed
        return found

    def _release(self, request: Request) -> bytes:
        (handle,) = struct.unpack_from("=Q", request.body)
        number, _ = self._handles.pop(handle, (0, 0))
        if number and all(number != other for other, _ in self._handles.values()):
            self.disk.forget(number)
        return b""

    def _statfs(self, _: Request) -> bytes:
        blocks = BLOCKS if self.disk.quota is None else self.disk.quota // 4096
        free = max(0, blocks - self.disk.used // 4096)
        return struct.pack("=5Q4I", blocks, free, free, 1 << 20, 1 << 19, 4096, 255, 4096, 0) + bytes(24)

    def _handle(self, number: int) -> bytes:
        handle, self._next_handle = self._next_handle, self._next_handle + 1
        self._handles[handle] = (number, self._cuts)
        return struct.pack("=QII", handle, 0, 0)

    def _node_of(self, handle: int) -> int:
        number, cuts = self._handles.get(handle, (0, -1))
        if cuts != self._cuts:
            raise DiskError(errno.EIO)  # of before the cut
        return number

    def _do(self, name: str, *arguments: int | str) -> int:
        done = getattr(self.disk, name)(*arguments)
        self.trace.append([name, *arguments])
        return done if isinstance(done, int) else 0

    def _call(self, kind: str) -> None:
        self._calls[kind] += 1
        if self._order.strikes(kind):
            raise DiskError(self._order.error)

    # ------------------------------------------------------------------ orders

    def _setxattr(self, request: Request) -> bytes:
        (size,) = struct.unpack_from("=I", request.body)
        name, _, rest = request.body[8:].partition(b"\0")
        orders: dict[str, Callable[[str], None]] = {
            "cut": self._cut, "quota": self._set_quota, "fsync": self._set_fsync, "fail": self._set_failing,
            "mark": lambda words: self.trace.append(["mark", words]), "trace": self._write_trace,
        }  # fmt: skip
        order = orders.get(name.decode().removeprefix(PREFIX))
        if request.node != ROOT or order is None:
            raise DiskError(errno.EOPNOTSUPP)
        try:
            order(rest[:size].decode())
        except (ValueError, AttributeError) as error:
            raise DiskError(errno.EINVAL) from error
        return b""

    def _getxattr(self, request: Request) -> bytes:
        (size,) = struct.unpack_from("=I", request.body)
        told = {
            f"{PREFIX}calls": lambda: json.dumps({**self._calls, ANY: self._calls.total(), "seen": self._order.seen}),
            f"{PREFIX}steps": lambda: str(len(self.trace)),
        }
        (name,) = names(request.body[8:])
        if request.node != ROOT or name not in told:
            raise DiskError(errno.ENODATA)
        value = told[name]().encode()
        if size == 0:
            return struct.pack("=II", len(value), 0)
        if size < len(value):
            raise DiskError(errno.ERANGE)
        return value

    def _cut(self, words: str) -> None:
        self.disk = self.disk.cut(random.Random(int(words) + self._seed) if words else None)
        self._cuts += 1
        self.trace.append(["cut", words])

    def _set_quota(self, words: str) -> None:
        self.disk.quota = int(words) if words else None

    def _set_fsync(self, words: str) -> None:
        self._fsync_s = float(words or 0.0)

    def _set_failing(self, words: str) -> None:
        self._calls.clear()
        if not words:
            self._order = Order()
            return
        kind, n, error, count = words.split()
        self._order = Order(kind, int(n), int(getattr(errno, error)), int(count))

    def _write_trace(self, words: str) -> None:
        Path(words).write_text("".join(json.dumps(step) + "\n" for step in self.trace))


def repeat(disk: Disk, step: Step) -> None:
    """Do to a disk what a step of a trace did; marks and cuts do nothing."""
    match step:
        case ["write", int(number), int(at), str(data)]:
            disk.write(number, at, base64.b85decode(data))
        case ["mark" | "cut", *_]:
            pass
        case [str(name), *arguments]:
            getattr(disk, name)(*arguments)


def serve(place: Path, seed: int = 0) -> None:
    """Mount at a directory and serve until it is unmounted."""
    files = LossyFiles(seed)
    descriptor = mount(place, "lossyfs")
    try:
        files.connection = Connection(descriptor, files.handlers())
        files.connection.serve()
    finally:
        os.close(descriptor)
        unmount(place)


def _ended(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # so that it is unmounted


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _ended)
    serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
