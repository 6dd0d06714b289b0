"""`watch COMMAND`: any command of show again and again, painted in place, or line by line where nothing may move.

What is shown is never repeated as new: while the daemon does not answer, it says since when, and every row stands behind a question
mark. The space bar holds what runs, which only ever makes the plant safer; everything else that a key could do is left out.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stationd.shell import errand, tty_facts
from stationd.shell.caller import Failed
from stationd.shell.daemon import Daemon
from stationd.shell.dress import dressed
from stationd.shell.exits import Exit
from stationd.shell.grammar.command import Class
from stationd.shell.grammar.match import read
from stationd.shell.grammar.table import COMMANDS
from stationd.shell.grammar.typed import staged, words_of
from stationd.shell.live import Appender, Painter, period_s
from stationd.shell.methods import OPERATION
from stationd.shell.outlet import Outlet
from stationd.shell.screens import acting as act_screens
from stationd.shell.screens.typeset import ascii_only, wrapped
from stationd.shell.settings import Size
from stationd.shell.terminal import Terminal
from stationd.shell.told import Asked
from stationd.shell.typing_in import Idle
from stationd.shell.wish import Kind, Usage, Wish

USUAL_S = 1.0
LOOK_S = 0.25  # between two looks for what the station tells: nobody notices so short a time (assumption)
LATEST = 4  # lines of it that stand above the view; all of it stands above the next prompt
ANSWER_S = 3.0  # of one look; longer, and the keys would wait for it (assumption)
HOLDS = frozenset({Kind.FEED, Kind.FEEDS, Kind.OPERATION, Kind.OPERATIONS})
LEAVE_KEYS, HOLD_KEY = "q\x04", " "
OLD = "? "


class Place(NamedTuple):
    """Where it is shown. `size` is asked again for each frame, a terminal may be resized. `outlet`: of a shell, which tells things."""

    plain: bool
    size: Callable[[], Size]
    baud: int = 0
    idle_s: float | None = None
    outlet: Outlet | None = None


def watched(wish: Wish, daemon: Daemon, *, plain: bool) -> Exit:
    """Watch from the command line, until it is left. Usage where nothing of it can be watched, Failed where nothing answers at once."""
    out = sys.stdout.fileno()
    facts = tty_facts.of_terminal(out)

    def size() -> Size:
        with contextlib.suppress(OSError):
            known = os.get_terminal_size(out)
            return Size(known.columns or 80, known.lines or 24)
        return Size(80, 24)

    worn = dressed(os.environ, is_tty=sys.stdout.isatty(), is_serial=facts.serial, baud=facts.baud)
    try:
        return Watch(wish, daemon.socket, Place(plain or worn.plain, size, worn.baud)).goes_on()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


class Watch:
    """One view, from its first frame until it is left."""

    def __init__(self, wish: Wish, socket: str, place: Place) -> None:
        self._command = str(wish.parameters["command"])
        self._wanted_s = float(str(wish.parameters.get("seconds", USUAL_S)))
        self._wish = watchable(self._command)
        self._place = place
        self._daemon = Daemon(socket, ANSWER_S)
        self._size = place.size()
        self._painter: Painter | Appender = Appender() if place.plain else Painter(self._size.rows, self._size.columns)
        self._lines: list[str] = []
        self._silent_since = ""
        self._said: list[str] = []
        self._notices: list[str] = []  # those that stand on the screen
        self._touched = time.monotonic()

    def goes_on(self) -> Exit:
        """Show until q is pressed. KeyboardInterrupt for Ctrl-C, Failed when the first look fails, Idle."""
        self._look(first=True)
        try:
            with _keys() as terminal:
                while True:
                    until = time.monotonic() + period_s(self._wanted_s, self._place.baud, self._shown())
                    if self._left(terminal, until):
                        return Exit.DONE
                    self._look()
        finally:
            self._daemon.drop()

    # What is shown.

    def _look(self, *, first: bool = False) -> None:
        """Ask. Without an answer the lines stay, marked. A refusal ends the view: it would be the same each time."""
        rows = None if self._place.plain else max(self._place.size().rows - 3 - len(self._told()), 5)
        try:
            self._daemon.keep()
            told = errand.told(self._wish, self._daemon, Asked(self._command, plain=self._place.plain, rows=rows))
        except Failed as failed:
            self._daemon.drop()
            if first or failed.error:
                raise
            self._silent_since = self._silent_since or _now()
            self._said = list(failed.lines[:1])
            return
        if self._silent_since:
            self._silent_since, self._said = "", ["the daemon answers again"]
        self._lines = list(told.lines)

    def _frame(self) -> list[str]:
        if self._silent_since:
            old = [] if self._place.plain else [row for line in self._lines for row in wrapped(line, OLD, OLD)]
            rest = ["What follows is OLD: it was so, and nobody knows what is."] if old else []
            return [f"NO ANSWER since {self._silent_since[11:19]}Z", *self._said, *rest, *old]
        return [*self._lines, *self._said, *([] if self._place.plain else [self._help()])]

    def _told(self) -> list[str]:
        """Return what the station has told meanwhile, the newest of it: it stands first, since what is last may find no row."""
        outlet = self._place.outlet
        return [] if outlet is None or self._place.plain else outlet.seen().splitlines()[-LATEST:]

    def _help(self) -> str:
        hold = "SPACE: hold what runs   " if self._wish.kind in HOLDS else ""
        return f"-- watch {ascii_only(self._command)}   {hold}q: leave"[:79]

    def _shown(self) -> int:
        """Write what has changed; return how many bytes that took."""
        now = self._place.size()
        if now != self._size and not self._place.plain:
            self._size, self._painter = now, Painter(now.rows, now.columns)
        painter = self._painter
        frame, self._notices = self._frame(), self._told()
        sent = painter.painted(frame, _now()) if isinstance(painter, Appender) else painter.painted([*self._notices, *frame])
        self._write(sent.decode("ascii"))
        if self._place.plain and self._place.outlet is not None:
            self._place.outlet.flush()
        return len(sent)

    def _write(self, text: str) -> None:
        if self._place.outlet is not None:
            self._place.outlet.write(text)
            return
        sys.stdout.write(text)
        sys.stdout.flush()

    # What is pressed.

    def _left(self, terminal: Terminal | None, until: float) -> bool:
        """Wait until the next look, or until something is held; True when it is left."""
        while (left_s := until - time.monotonic()) > 0:
            if terminal is None:
                time.sleep(left_s)
                continue
            if self._told() != self._notices or (self._place.plain and self._place.outlet is not None and self._place.outlet.waiting):
                self._shown()
            for key in terminal.pressed(min(left_s, LOOK_S)):
                self._touched = time.monotonic()
                if key in LEAVE_KEYS:
                    return True
                if key == HOLD_KEY and self._wish.kind in HOLDS:
                    self._said = self._held()
                    return False
        if self._place.idle_s is not None and time.monotonic() - self._touched > self._place.idle_s:
            raise Idle
        return False

    def _held(self) -> list[str]:
        """Hold what runs, by a connection that nothing else is asked on."""
        name = {"operation": self._wish.parameters["operation"]} if self._wish.kind is Kind.OPERATION else {}
        hold = Wish(Kind.ACT, f"{OPERATION}.Hold", name, done="held")
        try:
            with contextlib.closing(self._daemon.another()) as line:
                return act_screens.done_lines(hold, line.call(hold.method, name, acts=True))
        except Failed as failed:
            return ["REFUSED  hold-ramp", *failed.lines]


def watchable(command: str) -> Wish:
    """Return what a command that is watched asks for. Usage for anything but a command of show that is answered at once."""
    line = staged(words_of(command))
    found = read(COMMANDS, line.words)
    if line.stages or not found.command.form.startswith("show ") or found.command.klass is not Class.READ:
        raise Usage(f"watch goes with a command of show, alone: watch show pfe; not with {command}")
    wish = found.command.ask(found.filled)
    if wish.kind in errand.LONG_S:
        raise Usage(f"{command} takes minutes, and keeps the daemon busy: it is asked once, not watched")
    return wish


@contextlib.contextmanager
def _keys() -> Iterator[Terminal | None]:
    """Give the keyboard; None where there is none."""
    if not sys.stdin.isatty():
        yield None
        return
    terminal = Terminal()
    with terminal.keys():
        yield terminal


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
