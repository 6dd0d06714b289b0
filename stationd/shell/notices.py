"""What the station tells people meanwhile: io.stationd.Session.Monitor on a connection of its own, read by a thread.

The stream ends when the daemon does; then it is looked for again until it is back, and both are told. Follows varlink.org for the
bytes. Nothing is asked here, and nothing is ordered.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from stationd.shell.methods import SESSION
from stationd.shell.told import Form

AGAIN_S = 2.0  # between two tries to reach a daemon that is gone (assumption: a restart takes about a second)
CONNECT_S = 5.0
LONGEST_BYTES = 1024 * 1024
MONITOR = json.dumps({"method": f"{SESSION}.Monitor", "parameters": {}, "more": True}).encode() + b"\0"


class Change(Enum):
    """What becomes of the daemon."""

    GONE = "gone"
    BACK = "back"


class NotTold(Exception):
    """The daemon has answered that it tells nothing: it is of another version, or the user may not listen."""


class Notices:
    """Calls `told` with every notice, and with every change, from its own thread. `there`: the daemon has answered just now."""

    def __init__(self, path: str, told: Callable[[Form | Change], None], *, there: bool) -> None:
        self._path = path
        self._told = told
        self._there = there
        self._over = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    @property
    def there(self) -> bool:
        """True while the daemon is known to be there."""
        return self._there

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
                with contextlib.suppress(OSError, ValueError):
                    self._listen()
            except NotTold:
                return
            if self._there and not self._over.is_set():
                self._there = False
                self._told(Change.GONE)
            self._over.wait(AGAIN_S)

    def _listen(self) -> None:
        """Tell what comes until the stream ends."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            self._socket = line
            line.settimeout(CONNECT_S)
            line.connect(self._path)
            line.sendall(MONITOR)
            line.settimeout(None)
            for answer in _answers(line):
                if answer.get("error"):
                    raise NotTold(answer["error"])
                self._heard(answer["parameters"]["notice"])

    def _heard(self, notice: Form) -> None:
        if not self._there:
            self._there = True
            self._told(Change.BACK)
        if notice.get("kind") != "hello":
            self._told(notice)


def _answers(line: socket.socket) -> Iterator[dict[str, Any]]:
    rest = b""
    while len(rest) < LONGEST_BYTES and (more := line.recv(65536)):
        *whole, rest = (rest + more).split(b"\0")
        for each in whole:
            yield json.loads(each)
