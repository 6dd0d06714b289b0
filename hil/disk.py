"""A disk that forgets what was not brought to it: for each file the bytes now and the bytes of its last sync, for each directory the same.

What it is: the state of a file system as a pure object. A power cut (`cut`) leaves of a file what its last fsync held, and of a
directory the names that its last fsync held: a new name, a rename and a deletion outlast a cut only when the *directory* was synced
after it, which is what POSIX promises and no more (fsync(2): "Calling fsync() does not necessarily ensure that the entry in the
directory containing the file has also reached disk"). The model is that of LazyFS, and of the crash tests of SQLite
(https://www.sqlite.org/testing.html section 3.3), with directories added.
A real disk may have kept more than it promised: `cut` with a generator of random numbers lets any of the sectors that were written and
not synced survive, in any mixture, and of the names that changed a beginning of the changes, as the journal of ext4 keeps them in order.
What it is not: a file system of its own: no permissions, no sparse files; hil.lossyfs mounts it.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

ROOT = 1
SECTOR_BYTES = 512  # a disk writes a sector whole or not at all (SQLite's assumption of a "powersafe overwrite")


class DiskError(OSError):
    """What a system call would fail with; `errno` is its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number, errno.errorcode[number])


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that were written at a place and are not synced; with `size` instead of data the file was given that length."""

    at: int
    data: bytes = b""
    size: int | None = None


@dataclass(slots=True)
class File:
    """One file: the bytes now, those of its last sync, and what was done in between."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    pieces: list[Piece] = field(default_factory=list)

    def write(self, at: int, data: bytes) -> None:
        """Put bytes at a place; what lies between the end and there becomes zeros."""
        _put(self.now, at, data)
        self.pieces.append(Piece(at, data))

    def truncate(self, size: int) -> None:
        """Give the file a length."""
        _resize(self.now, size)
        self.pieces.append(Piece(0, size=size))

    def sync(self) -> None:
        """Bring it to the disk."""
        self.synced = bytes(self.now)
        self.pieces.clear()

    def kept(self, rng: random.Random | None) -> bytes:
        """Return what a cut leaves: what was synced, and by chance some of the sectors that were written since."""
        if rng is None or not self.pieces:
            return self.synced
        left = bytearray(self.synced)
        share = rng.choice((0.1, 0.5, 0.9))
        for piece in self.pieces:
            if piece.size is not None:
                if rng.random() < share:
                    _resize(left, piece.size)
                continue
            for at, sector in _sectors(piece):
                if rng.random() < share:
                    _put(left, at, sector)
        return bytes(left)


@dataclass(slots=True)
class Directory:
    """One directory: the names now, those of its last sync, and the changes in between."""

    now: dict[str, int] = field(default_factory=dict)
    synced: dict[str, int] = field(default_factory=dict)
    changes: list[Mapping[str, int | None]] = field(default_factory=list)

    def change(self, changes: Mapping[str, int | None]) -> None:
        """Let names stand for other nodes, or for none any more, all at once."""
        _apply(self.now, changes)
        self.changes.append(changes)

    def sync(self) -> None:
        """Bring it to the disk."""
        self.synced = dict(self.now)
        self.changes.clear()

    def kept(self, rng: random.Random | None) -> dict[str, int]:
        """Return what a cut leaves: the names that were synced, and by chance the first of the changes since."""
        left = dict(self.synced)
        for changes in self.changes[: rng.randint(0, len(self.changes)) if rng is not None else 0]:
            _apply(left, changes)
        return left


Node = File | Directory


class Disk:
    """All nodes by their number. Raises DiskError as system calls fail; `quota` is for all files together, in bytes."""

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {ROOT: Directory()}
        self.quota: int | None = None
        self._next = ROOT + 1

    # ------------------------------------------------------------------ names

    def file(self, number: int) -> File:
        """Return a file; EISDIR for a directory, ESTALE for what a cut took away."""
        node = self._node(number)
        if not isinstance(node, File):
            raise DiskError(errno.EISDIR)
        return node

    def directory(self, number: int) -> Directory:
        """Return a directory; ENOTDIR for a file."""
        node = self._node(number)
        if not isinstance(node, Directory):
            raise DiskError(errno.ENOTDIR)
        return node

    def lookup(self, parent: int, name: str) -> int:
        """Return the number of what has this name; ENOENT."""
        number = self.directory(parent).now.get(name)
        if number is None:
            raise DiskError(errno.ENOENT)
        return number

    def create(self, parent: int, name: str) -> int:
        """Make an empty file; EEXIST."""
        return self._enter(parent, name, File())

    def mkdir(self, parent: int, name: str) -> int:
        """Make an empty directory; EEXIST."""
        return self._enter(parent, name, Directory())

    def link(self, number: int, parent: int, name: str) -> int:
        """Give a file one name more; EEXIST."""
        self.file(number)
        self._must_be_free(parent, name)
        self.directory(parent).change({name: number})
        return number

    def unlink(self, parent: int, name: str) -> None:
        """Take the name of a file away."""
        self.file(self.lookup(parent, name))
        self.directory(parent).change({name: None})

    def rmdir(self, parent: int, name: str) -> None:
        """Take an empty directory away; ENOTEMPTY."""
        if self.directory(self.lookup(parent, name)).now:
            raise DiskError(errno.ENOTEMPTY)
        self.directory(parent).change({name: None})

    def rename(self, parent: int, name: str, to_parent: int, to_name: str, *, replace: bool = True) -> None:
        """Give another name, which what has it loses; within one directory that is one change."""
        number = self.lookup(parent, name)
        if not replace:
            self._must_be_free(to_parent, to_name)
        if parent == to_parent:
            self.directory(parent).change({name: None, to_name: number})
            return
        self.directory(to_parent).change({to_name: number})
        self.directory(parent).change({name: None})

    # ------------------------------------------------------------------ bytes

    def read(self, number: int, at: int, size: int) -> bytes:
        """Return up to so many bytes."""
        return bytes(self.file(number).now[at : at + size])

    def write(self, number: int, at: int, data: bytes) -> None:
        """Write bytes; ENOSPC beyond the quota."""
        file = self.file(number)
        self._must_fit(max(0, at + len(data) - len(file.now)))
        file.write(at, data)

    def truncate(self, number: int, size: int) -> None:
        """Give a file a length; ENOSPC beyond the quota."""
        file = self.file(number)
        self._must_fit(max(0, size - len(file.now)))
        file.truncate(size)

    def sync(self, number: int) -> None:
        """Bring a file or a directory to the disk."""
        self._node(number).sync()

    @property
    def used(self) -> int:
        """The bytes of all files that a name or an open handle can still reach."""
        return sum(len(node.now) for node in self.nodes.values() if isinstance(node, File))

    # ------------------------------------------------------------------ the end

    def cut(self, rng: random.Random | None = None) -> Disk:
        """Return the disk as it is found after a power cut; None keeps nothing beyond what was promised. This one stays as it is."""
        after = Disk()
        after.quota, after._next = self.quota, self._next
        after.nodes[ROOT] = Directory()
        self._keep(ROOT, after, rng)
        return after

    def tree(self, number: int = ROOT, path: str = "") -> Iterator[tuple[str, bytes | None]]:
        """Go through all paths; the bytes of files, None for directories, which come before what is in them."""
        for name, child in sorted(self.directory(number).now.items()):
            node = self._node(child)
            yield f"{path}{name}", bytes(node.now) if isinstance(node, File) else None
            if isinstance(node, Directory):
                yield from self.tree(child, f"{path}{name}/")

    def forget(self, number: int) -> None:
        """Drop a file that no name leads to, now or after a cut, and no handle."""
        node = self.nodes.get(number)
        if isinstance(node, File) and not any(_leads_to(each, number) for each in self.nodes.values()):
            del self.nodes[number]

    def _keep(self, number: int, after: Disk, rng: random.Random | None) -> None:
        names = self.directory(number).kept(rng)
        after.nodes[number] = Directory(dict(names), dict(names))
        for child in names.values():
            node = self._node(child)
            if isinstance(node, Directory):
                self._keep(child, after, rng)
            elif child not in after.nodes:
                kept = node.kept(rng)
                after.nodes[child] = File(bytearray(kept), kept)

    def _node(self, number: int) -> Node:
        if number not in self.nodes:
            raise DiskError(errno.ESTALE)
        return self.nodes[number]

    def _enter(self, parent: int, name: str, node: Node) -> int:
        self._must_be_free(parent, name)
        number, self._next = self._next, self._next + 1
        self.nodes[number] = node
        self.directory(parent).change({name: number})
        return number

    def _must_be_free(self, parent: int, name: str) -> None:
        if name in self.directory(parent).now:
            raise DiskError(errno.EEXIST)

    def _must_fit(self, more: int) -> None:
        if self.quota is not None and more and self.used + more > self.quota:
            raise DiskError(errno.ENOSPC)


def _put(into: bytearray, at: int, data: bytes) -> None:
    if len(into) < at:
        into.extend(bytes(at - len(into)))
    into[at : at + len(data)] = data


def _resize(into: bytearray, size: int) -> None:
    if size < len(into):
        del into[size:]
    else:
        into.extend(bytes(size - len(into)))


def _sectors(piece: Piece) -> Iterator[tuple[int, bytes]]:
    """Cut a piece at the borders of sectors."""
    at, end = piece.at, piece.at + len(piece.data)
    while at < end:
        border = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield at, piece.data[at - piece.at : border - piece.at]
        at = border


def _apply(names: dict[str, int], changes: Mapping[str, int | None]) -> None:
    for name, number in changes.items():
        if number is None:
            names.pop(name, None)
        else:
            names[name] = number


def _leads_to(node: Node, number: int) -> bool:
    if not isinstance(node, Directory):
        return False
    return number in node.now.values() or number in node.synced.values() or any(number in each.values() for each in node.changes)
