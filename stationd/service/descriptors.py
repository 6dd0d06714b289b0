"""The listening sockets that outlive the daemon: handed over at the start, given back to the service manager to keep.

systemd passes descriptors with LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES (sd_listen_fds_with_names(3)): those of a .socket unit, and
those that an earlier run had stored (FDSTORE=1, sd_pid_notify_with_fds(3)). While no daemon runs the kernel lets clients wait at such
a socket, so that over a restart none is refused. Without systemd nothing is handed over and nothing kept.

What it is not: a judge of addresses; whoever claims a listener says whether it still fits what is configured.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from stationd.service.notify import Notifier

log = structlog.get_logger()

FIRST = 3  # SD_LISTEN_FDS_START
MOST = 64  # assumption: FileDescriptorStoreMax= of the unit is 32, and a .socket unit adds two
CONTROL, PAGES = "io.stationd", "metrics"  # FileDescriptorName= of a .socket unit, FDNAME= in the store
KNOWN = (CONTROL, PAGES)


class Listening(Protocol):
    """What listens, as far as it is needed here: a socket, or the view of one that an asyncio server gives."""

    def fileno(self) -> int:
        """Return its descriptor."""


class Listeners:
    """The listeners of this process that a service manager knows. `handed` are those of the start, by their names.

    Until the first `settle` the process starts: what is claimed and does not fit is closed at once. Afterwards others may be made for a
    new configuration while the old ones still serve; `settle` then says which of them stay.
    """

    def __init__(self, notifier: Notifier | None = None, handed: Mapping[str, Sequence[socket.socket]] | None = None) -> None:
        self._notifier = notifier or Notifier()
        self._kept: dict[str, tuple[socket.socket, ...]] = {name: tuple(each) for name, each in (handed or {}).items()}
        self._next: dict[str, tuple[socket.socket, ...]] = {}
        self._starting = True

    @classmethod
    def of(cls, environment: MutableMapping[str, str], own_pid: int, notifier: Notifier) -> Listeners:
        """Take what the service manager has passed to this process, once: the variables are gone afterwards.

        What is unknown here, or listens to nothing, is closed and said. It is never an error.
        """
        told = {name: environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
        if told["LISTEN_PID"] != str(own_pid):
            return cls(notifier)
        handed: dict[str, list[socket.socket]] = {}
        for descriptor, name in _named(told["LISTEN_FDS"], told["LISTEN_FDNAMES"]):
            listener = _listener(descriptor, name)
            if listener is not None:
                handed.setdefault(name, []).append(listener)
            elif name not in KNOWN:
                notifier.remove(name)
        return cls(notifier, handed)

    def claim(self, name: str, wanted: Sequence[Callable[[socket.socket], bool]]) -> tuple[socket.socket, ...]:
        """Return a copy of one listener of this name for each that is wanted, for the caller to close; nothing where one is missing.

        At the start those that are not wanted are closed and forgotten, and that is said.
        """
        there = (*self._next.get(name, ()), *self._kept.get(name, ()))
        found = [next((each for each in there if fits(each)), None) for fits in wanted]
        chosen = [each for each in found if each is not None]
        whole = chosen if len(chosen) == len(wanted) else []
        if self._starting:
            self._let_go(name, [each for each in there if each not in whole])
        return tuple(each.dup() for each in whole)

    def _let_go(self, name: str, strange: Sequence[socket.socket]) -> None:
        for each in strange:
            log.warning("a listener from before is closed: it does not fit what is configured now", name=name, at=_address(each))
            _end(each)
        if strange:
            self._kept[name] = tuple(each for each in self._kept[name] if each not in strange)
            self._notifier.remove(name)
            self._notifier.store(name, [each.fileno() for each in self._kept[name]])

    @property
    def kept_over_restarts(self) -> bool:
        """Whether there is somebody to keep a listener while no daemon runs."""
        return self._notifier.managed

    def keep(self, name: str, listeners: Iterable[Listening]) -> None:
        """Have the service manager keep new listeners under a name, in the place of those before; without a manager do nothing.

        While the daemon runs that becomes of it when `settle` says so.
        """
        if not self._notifier.managed:
            return
        for each in self._next.pop(name, ()):
            _end(each)
        self._next[name] = tuple(socket.socket(fileno=os.dup(each.fileno())) for each in listeners)
        if self._starting:
            self._take_place(name, self._next.pop(name))

    def settle(self, *, taken_up: bool = True) -> None:
        """Let listeners that were made since the last time take the place of those before them, or forget them again."""
        for name, made in self._next.items():
            if taken_up:
                self._take_place(name, made)
            else:
                for each in made:
                    _end(each)
        self._next.clear()
        self._starting = False

    def _take_place(self, name: str, made: tuple[socket.socket, ...]) -> None:
        self.drop(name)
        for each in made:  # systemd throws a stored descriptor out at EPOLLHUP, which a TCP socket has until it listens
            if not _listens(each):
                each.listen()
        self._kept[name] = made
        self._notifier.store(name, [each.fileno() for each in made])

    def drop(self, name: str) -> None:
        """Listen under this name no longer: close our copies and have the service manager forget its own."""
        kept = self._kept.pop(name, ())
        for each in kept:
            _end(each)
        if kept:
            self._notifier.remove(name)

    def drop_all_but(self, used: Collection[str]) -> None:
        """Drop, and say, what no part that is configured uses any more."""
        for name in [each for each in self._kept if each not in used]:
            log.warning("a listener from before is closed: nothing is configured to use it", name=name)
            self.drop(name)

    def close(self) -> None:
        """Let go of our copies; the service manager keeps its own."""
        for listeners in (*self._kept.values(), *self._next.values()):
            for each in listeners:
                each.close()
        self._kept.clear()
        self._next.clear()


def _named(count: str, names: str) -> list[tuple[int, str]]:
    """Return the descriptors that were passed, each with its name."""
    many = int(count) if count.isascii() and count.isdecimal() else 0
    if not 0 < many <= MOST:
        log.warning("the service manager passes descriptors, but their number cannot be used", LISTEN_FDS=count, most=MOST)
        many = min(many, MOST)
    named = names.split(":") if names else []
    return [(FIRST + number, named[number] if number < len(named) else "unknown") for number in range(many)]


def _listener(descriptor: int, name: str) -> socket.socket | None:
    """Return a descriptor as a listening stream socket, or close it and say why."""
    try:
        os.set_inheritable(descriptor, False)
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        _refuse(descriptor, name, error.strerror or str(error))
        return None
    if name in KNOWN and _listens(listener):
        return listener
    listener.detach()
    _refuse(descriptor, name, "it is not a listening socket" if name in KNOWN else f"its name is none of {', '.join(KNOWN)}")
    return None


def _end(listener: socket.socket) -> None:
    """Close a listener here and everywhere: its address is free at once, not only when the service manager gets to its own copy."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    _remove_file(listener)
    listener.close()


def _remove_file(listener: socket.socket) -> None:
    """Take away the file of a Unix socket that leads to nobody any more; one that another socket has at the same path stays."""
    if listener.family != socket.AF_UNIX:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        path = listener.getsockname()
        trial.setblocking(False)
        try:
            trial.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()


def _refuse(descriptor: int, name: str, why: str) -> None:
    log.warning("a descriptor that the service manager has passed is closed", descriptor=descriptor, name=name, reason=why)
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _listens(listener: socket.socket) -> bool:
    stream = listener.type == socket.SOCK_STREAM
    return stream and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def _address(listener: socket.socket) -> str:
    try:
        at = listener.getsockname()
    except OSError:
        return "an address that cannot be read"
    return f"{at[0]}:{at[1]}" if isinstance(at, tuple) else str(at)
