"""Where a journal lies: who possesses the directory, and whether the files in it are still the ones that were opened.

A mark beside the journal says that there was one, so that one that is gone is not taken for a new station. The lock is on the
directory itself, so that a full disk does not matter, and it ends with the process. A directory that was taken away and made anew
is another one: it is locked anew, or left alone when another instance has it by then.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

MARK = "The journal of {station} was begun here. Where this file stands without it the journal is missing, and an alarm says so.\n"


class StateDirectoryHeld(Exception):
    """Another instance works in this directory; two would tear each other's records."""


class Place:
    """The place of the journal `path` of a station. All functions but `hold` are called by the one who writes."""

    def __init__(self, path: Path, station: str = "") -> None:
        self.path = path
        self.station = station
        self._held: int | None = None
        self._opened = (0, 0)

    @property
    def mark(self) -> Path:
        """Return the file that says that there was a journal."""
        return self.path.with_name(f"{self.path.name}.was-here")

    # ------------------------------------------------------------------ possession

    def hold(self) -> None:
        """Lock the directory that is there now. StateDirectoryHeld; nothing is held where the disk does not allow even that."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise StateDirectoryHeld(f"{self.path.parent} is held by another instance; only one may work in it") from error
            return
        self.release()
        self._held = descriptor

    def hold_again(self) -> None:
        """Lock the directory if it is not the one that is held. OSError when another instance has it."""
        if self._held is not None and os.path.samestat(os.fstat(self._held), self.path.parent.stat()):
            return
        try:
            self.hold()
        except StateDirectoryHeld as held:
            raise OSError(str(held)) from held

    def release(self) -> None:
        """Give the directory back."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    # ------------------------------------------------------------------ the files

    @property
    def is_gone(self) -> bool:
        """Return whether there is no journal although there was one."""
        return not self.path.exists() and (self._opened != (0, 0) or self.mark.exists())

    def opened(self) -> None:
        """Take note of the files that were opened, and leave the mark; it is left later where the disk refuses it now."""
        self._opened = (_inode(self.path), _inode(self._log))
        with contextlib.suppress(OSError):
            if not self.mark.exists():
                self.mark.write_text(MARK.format(station=self.station or "a station"))
                bring_to_disk(self.mark)
                bring_to_disk(self.path.parent)

    def replaced(self) -> str:
        """Return which file was taken away or replaced since it was opened: what is written into one without a name is lost."""
        file, log = self._opened
        if _inode(self.path) != file:
            return self.path.name
        found = _inode(self._log)
        if log == 0:
            self._opened = (file, found)
        return self._log.name if log not in (0, found) else ""

    @property
    def has_an_old_log(self) -> bool:
        """Return whether the log of the file that was opened stands beside another file now."""
        file, log = self._opened
        return log != 0 and _inode(self._log) == log and _inode(self.path) not in (0, file)

    @property
    def _log(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")


def bring_to_disk(path: Path) -> None:
    """Have a file or directory written through. OSError where the disk refuses."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lasting_directory(directory: Path) -> None:
    """Make a directory, and those above it, whose names outlast a power cut: a file in one whose name is lost is lost with it."""
    if not directory.parent.is_dir():
        lasting_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    bring_to_disk(directory.parent)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
