"""What the daemon tells its service manager: ready, reloading, stopping, alive, and the descriptors that it may keep for us.

One datagram for each message, as sd_notify(3) and sd_pid_notify_with_fds(3) describe them, to the socket that NOTIFY_SOCKET names (a
path, or "@" and a name in the abstract space). Without that variable nothing is sent and everything else works the same.

What it is not: a thing that waits. When the manager does not read, a message that is only of this moment (STATUS=, WATCHDOG=) is left
out; one that must arrive is owed, and goes out, in order, before the next one. Nothing here raises because of the manager.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_OWED = 32  # assumption: a start, its descriptors and a few reloads; the oldest goes when a manager never reads
LONGEST_STATUS = 1000  # assumption: `systemctl status` shows one line of a terminal
BUSY = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class _Message:
    text: str
    descriptors: tuple[int, ...] = ()


class Notifier:
    """The way to the service manager. `address` is that of NOTIFY_SOCKET; "" is a daemon that nobody manages.

    `watchdog_s` is within how many seconds the manager wants to hear `watchdog()`, None when it does not watch this process. All
    methods belong to one thread, the one of the event loop.
    """

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = watchdog_s
        self.lost = 0  # messages that must arrive and could not, for want of a manager that reads
        self._owed: deque[_Message] = deque()
        self._socket: socket.socket | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str], own_pid: int) -> Notifier:
        """Return the notifier that NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID describe (sd_watchdog_enabled(3))."""
        address = environment.get("NOTIFY_SOCKET", "")
        known = address[:1] in ("/", "@") and len(address) > 1  # AF_VSOCK is for virtual machines, not for services
        return cls(address if known else "", _watchdog_s(environment, own_pid) if known else None)

    @property
    def managed(self) -> bool:
        """Whether there is a service manager to be told."""
        return bool(self._address)

    def ready(self, status: str = "") -> None:
        """Say that the start, or a reload, is done; `status` goes with it."""
        self._must("READY=1" + (f"\nSTATUS={_one_line(status)}" if status else ""))

    def status(self, text: str) -> None:
        """Say in one line how it stands; shown by `systemctl status`."""
        self._may(f"STATUS={_one_line(text)}")

    def reloading(self) -> None:
        """Say that the configuration is being read again. Type=notify-reload compares the time with that of its signal."""
        self._must(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._must("STOPPING=1")

    def watchdog(self) -> None:
        """Say that everything that has to live does."""
        self._may("WATCHDOG=1")

    def store(self, name: str, descriptors: Sequence[int]) -> None:
        """Give copies of descriptors to the manager, to be handed over after a restart under this name (FDSTORE).

        The name has neither ":" nor anything that cannot be printed. The descriptors must stay open; none of them is closed here.
        """
        if descriptors:
            self._must(f"FDSTORE=1\nFDNAME={name}", tuple(descriptors))

    def remove(self, name: str) -> None:
        """Have the manager forget the descriptors that it keeps under this name."""
        self._must(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def close(self) -> None:
        """Let go of the socket; nothing is said."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _must(self, text: str, descriptors: tuple[int, ...] = ()) -> None:
        if not self._address:
            return
        self._owed.append(_Message(text, descriptors))
        while len(self._owed) > MOST_OWED:
            self._owed.popleft()
            self.lost += 1
        self._pay()

    def _may(self, text: str) -> None:
        if self._address and self._pay():
            self._sent(_Message(text))

    def _pay(self) -> bool:
        """Send what is owed; return whether nothing is owed any more."""
        while self._owed and self._sent(self._owed[0]):
            self._owed.popleft()
        return not self._owed

    def _sent(self, message: _Message) -> bool:
        """Send one message. True when it is gone or never will be, False when it is worth another attempt."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        rights = array.array("i", message.descriptors)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if rights else []
        try:
            self._socket.sendmsg([message.text.encode(errors="replace")], ancillary, socket.MSG_NOSIGNAL, self._address)
        except OSError as error:
            if error.errno in BUSY:
                return False
            self.lost += 1
        return True


def own_notifier() -> Notifier:
    """Return the notifier of this process."""
    return Notifier.of(os.environ, os.getpid())


def _watchdog_s(environment: Mapping[str, str], own_pid: int) -> float | None:
    if environment.get("WATCHDOG_PID", str(own_pid)) != str(own_pid):
        return None
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None


def _one_line(text: str) -> str:
    """Return a text as one line of bounded length: a line end would begin another assignment."""
    return " ".join(text.split())[:LONGEST_STATUS]
