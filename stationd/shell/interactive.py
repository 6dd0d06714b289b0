"""The shell: `stationctl` without words on a terminal. It shows the station, then carries out one line after the other.

One connection is kept for all of them, so that the daemon sees one session: what is armed here ends with the shell. Whoever is cut off,
killed or idle on a serial line is out at once. Nothing that acts is completed, remembered or run unless a hand has typed it here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import termios
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING

from stationd.shell import carrying, remembered, suggested, tty_facts
from stationd.shell.carrying import Carrier, Ordered, is_at_most
from stationd.shell.daemon import Daemon
from stationd.shell.dress import Dress, dressed
from stationd.shell.exits import Exit
from stationd.shell.grammar.command import Class
from stationd.shell.names import Names
from stationd.shell.notices import Change, News, Notices
from stationd.shell.options import Options
from stationd.shell.outlet import Outlet
from stationd.shell.owned import Owned
from stationd.shell.prompting import Prompt
from stationd.shell.screens import people
from stationd.shell.screens.typeset import ascii_only, fitting, wrapped
from stationd.shell.settings import Settings, Size
from stationd.shell.terminal import PLAIN_TERMS, UNMARK
from stationd.shell.told import Form
from stationd.shell.typing_in import How, Idle, PlainKeyboard, Typed
from stationd.shell.wish import FACE_TO_FACE, Kind, Usage

if TYPE_CHECKING:
    from stationd.shell.keys import Keyboard

FIRST = "show status"
SAYS = {
    Change.GONE: "The daemon is gone: nothing here is known any more, and no command is carried out. In an emergency: the red button.",
    Change.BACK: "The daemon is back. What was armed before is over.",
    Change.DEAF: "NOT LISTENING: the daemon tells this shell nothing, no alarm rings here. Look: show alarms.",
    Change.HEARS: "Listening again. What was told meanwhile was not heard here. Look: show alarms.",
    Change.UNSHOWN: "The station has told something that this shell cannot show. Look: show alarms, show operations.",
}
RINGS = frozenset({Change.GONE, Change.DEAF, Change.UNSHOWN})
BLOCK_STOPS = "REFUSED: this acts, and came in a block of lines. Type it by itself. Nothing of the block behind it was run."
GONE_TERMINAL = (errno.EIO, errno.EPIPE, errno.EBADF, errno.ENXIO)


def run(options: Options) -> int:
    """Be the shell until it is left; return the exit code."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal is always a TextIOWrapper
    try:
        with _ends_at_once():
            return Shell(options, os.environ).until_left()
    except OSError as error:
        if error.errno not in GONE_TERMINAL:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # there is nobody any more to whom that could be said
        return Exit.INTERRUPTED


class Shell:
    """One person at one terminal."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        out = sys.stdout.fileno()
        facts = tty_facts.of_terminal(out)
        self._worn: Dress = dressed(environ, is_tty=True, is_serial=facts.serial, baud=facts.baud)
        self._idle_s = tty_facts.idle_s(facts, environ)
        self._settings = Settings(environ, plain=options.plain or self._worn.plain)
        self._outlet = Outlet(sys.stdout)
        self._daemon = Daemon(options.socket, options.timeout_s)
        self._owned = Owned(self._daemon)
        self._carrier = Carrier(self._daemon, self._outlet, self._settings, self._owned, self._worn, self._size, self._idle_s)
        self._history = remembered.place(environ)
        self._remembered = remembered.Remembered(None, _only_reads)
        self._term = environ.get("TERM", "")
        self._prompt = Prompt(self._daemon, facts.baud, self._outlet.say)
        self._plain_keyboard = PlainKeyboard(self._outlet, _harmless, self._prompt.again, self._idle_s)
        self._with_keys: Keyboard | None = None

    def _size(self) -> Size:
        return self._settings.size(sys.stdout.fileno())

    def until_left(self) -> Exit:
        """Show the station, then obey until the person leaves."""
        self._prompt.text()  # and so the daemon knows that a shell is there
        self._obey(FIRST, typed=False)
        self._remembered = remembered.Remembered(self._history, _only_reads)  # after the station is on the screen: a long file takes time
        notices = Notices(self._daemon.socket, self._heard, there=self._prompt.there)
        notices.start()
        try:
            self._lines()
        except Idle:
            self._outlet.say(["", "Nobody has touched a key for a long time: logged out."])
        finally:
            self._leave(notices)
        return Exit.DONE

    def _lines(self) -> None:
        while True:
            try:
                typed = self._typed()
                for line in typed.lines:
                    if not self._taken(line, typed):
                        break
            except KeyboardInterrupt:
                self._outlet.say(["^C"] if self._settings.plain else [])
            except EOFError:
                return

    def _typed(self) -> Typed:
        keyboard = self._plain_keyboard if self._settings.plain else self._keyboard()
        return keyboard.line(self._prompt.text)

    def _keyboard(self) -> Keyboard:
        """Return the keyboard with its keys; the toolkit behind it is loaded when it is wanted first."""
        if self._with_keys is None:
            from stationd.shell.keys import Keyboard

            self._with_keys = Keyboard(
                self._outlet, self._remembered.lines, Names(self._daemon.socket), _harmless, self._prompt.again, self._size,
                self._idle_s, self._term,
            )  # fmt: skip
        return self._with_keys

    # One line.

    def _taken(self, line: str, typed: Typed) -> bool:
        """Obey a line; False where those behind it are not to be obeyed."""
        if typed.how is How.BLOCK:
            self._outlet.say([f"{self._prompt.text()}{ascii_only(line)}"])
        asked = line.rstrip()
        if self._settings.plain and asked.endswith("?") and suggested.place(asked[:-1]) is not None:
            self._outlet.say(suggested.may_follow(asked[:-1]))
            return True
        if typed.how is How.BLOCK and not _harmless(line, pasted=True):
            self._outlet.say(wrapped(BLOCK_STOPS))
            return False
        return self._obey(line)

    def _obey(self, line: str, *, typed: bool = True) -> bool:
        """Carry a line out; False where it is no command. Only what was typed is remembered."""
        order = None
        try:
            order = carrying.ordered(line)
            if order is None:
                return True
            if typed:
                self._remember(line.strip(), order)
            if not carrying.at_once(order.wish):
                self._prompt.text()  # whether the connection still stands is known before an order leaves, not after it
            self._carrier.carry_out(order)
        except Usage as wrong:
            self._outlet.say(fitting([ascii_only(wrong)]))
            return False
        finally:
            if order is not None and order.wish.kind in FACE_TO_FACE:
                self._forget_ahead()
        return True

    def _forget_ahead(self) -> None:
        """Throw away what was typed ahead: it may have been meant for a question."""
        self._plain_keyboard.forget_ahead()
        if self._with_keys is not None:
            self._with_keys.forget_ahead()

    def _remember(self, line: str, order: Ordered) -> None:
        if order.wish.kind is not Kind.QUIT and self._remembered.keep(line) and self._with_keys is not None:
            self._with_keys.recalled.add(line)

    # The daemon.

    def _heard(self, news: Form | News) -> None:
        """Say what the station tells. In the thread of the notices."""
        if not isinstance(news, News):
            if lines := people.notice_lines(news, self._settings.local_time):
                self._outlet.news(lines, bell=bool(news.get("bell")))
            return
        if news.change is Change.BACK:
            self._owned.forget()
        if news.change is not Change.UNSHOWN:
            self._prompt.deaf = news.change in (Change.GONE, Change.DEAF)
        why = f" ({ascii_only(news.why)})" if news.why else ""
        self._outlet.news(wrapped(f"{SAYS[news.change]}{why}"), bell=news.change in RINGS)

    def _leave(self, notices: Notices) -> None:
        """Give up what was armed here, say so, and hang up."""
        self._outlet.say(self._owned.given_up())
        notices.stop()
        self._daemon.drop()


def _only_reads(line: str) -> bool:
    return is_at_most(line, Class.READ)


def _harmless(line: str, *, pasted: bool) -> bool:
    """Return whether Enter may carry a line out that came with it: what looks or notes, what stops, and what is no command."""
    try:
        order = carrying.ordered(line)
    except Usage:
        return True
    return order is None or order.klass <= Class.NOTE or (order.klass is Class.EMERGENCY and not pasted)


@contextlib.contextmanager
def _ends_at_once() -> Iterator[None]:
    """While a shell runs: a hang-up or SIGTERM ends it at once, with the terminal as it was. What was armed ends with the connection."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def end(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
            os.write(sys.stdout.fileno(), b"" if os.environ.get("TERM", "") in PLAIN_TERMS else UNMARK.encode())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    was = {number: signal.signal(number, end) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in was.items():
            signal.signal(number, handler)
