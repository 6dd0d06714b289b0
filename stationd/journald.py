"""Events for the journal of systemd, with fields by which `journalctl ALARM_KEY=... DEVICE=...` finds them.

Follows "Native Journal Protocol" of the systemd project: one datagram an event to /run/systemd/journal/socket, a line "NAME=value" for
each field, and the binary form (name, 64-bit length, bytes) for a value of several lines. What is too large for a datagram goes in a
sealed memfd. The path is the same with LogNamespace=, which binds the directory of the namespace over it.

What it is not: the log. It neither waits nor retries; whoever calls is told that a datagram was not taken (stationd.log then writes
to stderr instead).
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Iterable

SOCKET = "/run/systemd/journal/socket"
DATAGRAM_BYTES = 64 << 10  # above goes the memfd: a default socket buffer of Linux holds 208 KiB, for all datagrams that wait
LONGEST_VALUE_BYTES = 1 << 20  # assumption: nobody reads more of one field; the rest is left out, and that is said
LONGEST_NAME = 64
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL  # without them journald takes no memfd


def is_journal(told: str, descriptor: int) -> bool:
    """Return whether a descriptor is the stream to the journal that JOURNAL_STREAM ("device:inode", systemd.exec(5)) tells of."""
    device, _, inode = told.partition(":")
    try:
        there = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(there.st_dev), str(there.st_ino))


def field_name(word: str) -> str:
    """Return a word as the journal takes it for a name: capitals, digits and "_", beginning with a letter; "" when nothing is left."""
    name = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in word.upper())
    return name.lstrip("_0123456789")[:LONGEST_NAME]


def encoded(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return fields as the journal reads them. Names have to be those of `field_name`."""
    return b"".join(_field(name.encode(), _bounded(value.encode(errors="replace"))) for name, value in fields)


def _field(name: bytes, value: bytes) -> bytes:
    if b"\n" in value:
        return name + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return name + b"=" + value + b"\n"


def _bounded(value: bytes) -> bytes:
    over = len(value) - LONGEST_VALUE_BYTES
    return value if over <= 0 else value[:LONGEST_VALUE_BYTES] + f" ... and {over} bytes more, left out".encode()


class JournalSocket:
    """The way to the journal; may be used from any thread."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    def send(self, entry: bytes) -> bool:
        """Send one event; return whether the journal has it. False also when nobody reads just now: nothing here waits."""
        try:
            if len(entry) <= DATAGRAM_BYTES:
                self._socket.sendto(entry, socket.MSG_NOSIGNAL, self._path)
            else:
                self._send_apart(entry)
        except OSError:
            return False
        return True

    def _send_apart(self, entry: bytes) -> None:
        """Send an event as a sealed file in memory. OSError as `send` knows it."""
        file = os.memfd_create("stationd-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(file, "wb", buffering=0, closefd=False) as memory:
                memory.write(entry)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALS)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))]
            self._socket.sendmsg([], rights, socket.MSG_NOSIGNAL, self._path)
        finally:
            os.close(file)

    def close(self) -> None:
        """Let go of the socket."""
        with contextlib.suppress(OSError):
            self._socket.close()
