"""How an operation that runs is shown to whoever watches over it: line by line, or as one picture whose figures change.

Both show the same. Lines are for one command alone, for plain terminals and for slow ones; the picture is for the shell. Neither sends
anything: keeping alive and holding are for the one who owns the view.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from stationd.shell.live import Painter
from stationd.shell.outlet import Outlet
from stationd.shell.screens import acting as act_screens
from stationd.shell.screens.running import running_screen
from stationd.shell.screens.typeset import wrapped
from stationd.shell.settings import Size

Form = Mapping[str, Any]
UNDER_CLOCK = " " * 10
LATEST = 4  # lines of what was told meanwhile that stand under the picture; all of it stands above the next prompt
PICTURE_ROWS = 16  # a terminal that has fewer gets lines


class View(Protocol):
    """Where the progress of an operation is shown."""

    def begins(self, view: Form) -> None:
        """Say what the person can do while it runs."""

    def shows(self, view: Form) -> None:
        """Show how far it is."""

    def says(self, lines: Sequence[str]) -> None:
        """Say what came of a key."""


class InLines:
    """Appends a line whenever there is something new in it. `say` writes lines; `between` is called after each look."""

    def __init__(self, say: Callable[[Sequence[str]], None], between: Callable[[], None] = lambda: None) -> None:
        self._say = say
        self._between = between
        self._shown = ""

    def begins(self, view: Form) -> None:
        """Say what the keys do."""
        self._say(act_screens.running_lines(view))

    def shows(self, view: Form) -> None:
        """Append how far it is, if that is not what was said before."""
        text = act_screens.progress_text(view)
        if text != self._shown:
            self._shown = text
            self._say(wrapped(text, f"{clock()} ", UNDER_CLOCK))
        self._between()

    def says(self, lines: Sequence[str]) -> None:
        """Append lines."""
        self._say(lines)


class Picture:
    """Paints one screen in place. What is told meanwhile stands under it, and once more above the next prompt."""

    def __init__(self, outlet: Outlet, size: Callable[[], Size]) -> None:
        self._outlet = outlet
        self._size = size
        self._known = size()
        self._painter = Painter(self._known.rows, self._known.columns)
        self._said: deque[str] = deque(maxlen=LATEST)
        self._view: Form | None = None

    def begins(self, view: Form) -> None:
        """Paint it for the first time."""
        self.shows(view)

    def shows(self, view: Form) -> None:
        """Paint what has changed."""
        now = self._size()
        if now != self._known:
            self._known, self._painter = now, Painter(now.rows, now.columns)
        self._view = view
        said = [*self._said, *self._outlet.seen().replace("\a", "").splitlines()][-LATEST:]
        self._outlet.write(self._painter.painted(running_screen(view, clock(), said)).decode("ascii"))

    def says(self, lines: Sequence[str]) -> None:
        """Put lines under the picture."""
        self._said.extend(lines)
        if self._view is not None:
            self.shows(self._view)


def of_shell(outlet: Outlet, size: Callable[[], Size], say: Callable[[Sequence[str]], None], *, plain: bool) -> View:
    """Return the view that a shell has on this terminal."""
    return InLines(say, outlet.flush) if plain or size().rows < PICTURE_ROWS else Picture(outlet, size)


def clock() -> str:
    """Return the time of day in UTC."""
    return time.strftime("%H:%M:%SZ", time.gmtime())
