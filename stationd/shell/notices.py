"""What the station tells people meanwhile: io.stationd.Session.Monitor on a connection of its own, read by a thread.

The stream ends when the daemon does; then it is looked for again until it is back, and both are told. A daemon that answers, but lets
nobody listen, is asked again as well, and whoever sits there is told that he hears nothing: only a daemon that has no such stream is not
asked twice. What cannot be shown is told too, and ends nothing. Follows varlink.org for the bytes. Nothing is ordered here.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NamedTuple

from stationd.shell.methods import SESSION
from stationd.shell.told import Form

AGAIN_S = 2.0  # between two tries to reach a daemon that is gone (assumption: a restart takes about a second)
ANSWER_S = 5.0  # for the first answer, which comes at once from a daemon that is well (assumption)
LONGEST_BYTES = 1024 * 1024
MONITOR = json.dumps({"method": f"{SESSION}.Monitor", "parameters": {}, "more": True}).encode() + b"\0"
NO_SUCH_STREAM = frozenset({"org.varlink.service.InterfaceNotFound", "org.varlink.service.MethodNotFound"})


class Change(Enum):
    """What becomes of the daemon, and of what it tells."""

    GONE = "gone"
    BACK = "back"
    DEAF = "deaf"
    HEARS = "hears"
    UNSHOWN = "unshown"


class News(NamedTuple):
    """A change, and why."""

    change: Change
    why: str = ""


class NotTold(Exception):
    """The daemon has answered that it tells nothing here."""


class Notices:
    """Calls `told` with every notice, and with every change, from its own thread. `there`: the daemon has answered just now."""

    def __init__(self, path: str, told: Callable[[Form | News], None], *, there: bool) -> None:
        self._path = path
        self._told = told
        self._there = there
        self._deaf = False
        self._over = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up. It does not wait long: a thread that sits in a dead connection ends with the process."""
        self._over.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._listen()
                self._lost()
            except NotTold as refused:
                self._is_there()
                self._hears_nothing(str(refused))
                if str(refused) in NO_SUCH_STREAM:
                    return
            except (TimeoutError, BlockingIOError):
                self._hears_nothing("it does not answer")
            except OSError:
                self._lost()
            self._over.wait(AGAIN_S)

    def _listen(self) -> None:
        """Tell what comes until the stream ends. NotTold, TimeoutError, OSError."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            self._socket = line
            line.settimeout(ANSWER_S)
            line.connect(self._path)
            line.sendall(MONITOR)
            for answer in _answers(line):
                line.settimeout(None)
                try:
                    self._heard(answer)
                except (KeyError, TypeError, ValueError, AttributeError) as strange:
                    self._told(News(Change.UNSHOWN, repr(strange)))

    def _heard(self, answer: bytes) -> None:
        form = json.loads(answer)
        if form.get("error"):
            raise NotTold(form["error"])
        if not self._there:
            self._deaf = False
        self._is_there()
        if self._deaf:
            self._deaf = False
            self._told(News(Change.HEARS))
        notice: dict[str, Any] = form["parameters"]["notice"]
        if notice["kind"] != "hello":
            self._told(notice)

    # What becomes of it.

    def _is_there(self) -> None:
        if not self._there:
            self._there = True
            self._told(News(Change.BACK))

    def _lost(self) -> None:
        if self._there and not self._over.is_set():
            self._there = False
            self._told(News(Change.GONE))

    def _hears_nothing(self, why: str) -> None:
        """Say once that nothing is heard, though the daemon is there."""
        if self._there and not self._deaf and not self._over.is_set():
            self._deaf = True
            self._told(News(Change.DEAF, why))


def _answers(line: socket.socket) -> Iterator[bytes]:
    rest = b""
    while len(rest) < LONGEST_BYTES and (more := line.recv(65536)):
        *whole, rest = (rest + more).split(b"\0")
        yield from whole
