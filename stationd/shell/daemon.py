"""How a command reaches the daemon: by a connection of its own, or by the one that a shell keeps for its whole life."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from stationd.shell.caller import Line


class Daemon:
    """The daemon behind a socket. `keep` makes one connection serve all that follows, so that it is one session."""

    def __init__(self, socket: str, timeout_s: float) -> None:
        self.socket = socket
        self.timeout_s = timeout_s
        self._kept: Line | None = None

    def keep(self) -> Line:
        """Return the connection that is kept, a new one where there is none. Failed when no daemon answers."""
        if self._kept is None:
            self._kept = Line(self.socket, self.timeout_s)
        self._kept.renew(self.timeout_s)
        return self._kept

    def drop(self) -> None:
        """Hang up; what was armed on that connection ends with it."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def another(self) -> Line:
        """Return a connection of its own, for what takes long or must not wait. Failed when no daemon answers."""
        return Line(self.socket, self.timeout_s)

    @contextlib.contextmanager
    def line(self) -> Iterator[Line]:
        """Give the connection that is kept, or one for this command alone. Failed when no daemon answers."""
        if self._kept is not None:
            self._kept.renew(self.timeout_s)
            yield self._kept
            return
        with contextlib.closing(Line(self.socket, self.timeout_s)) as line:
            yield line
