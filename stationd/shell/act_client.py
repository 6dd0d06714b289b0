"""Acting from a terminal: one process from the arming to the end of an operation, so that its session is one and the same.

Arm or prepare, show what it is about, wait for the second person, ask for the code, execute, then watch it once a second and say
each second that somebody is there. Whoever leaves, is cut off or is stopped lets it hold: that is done by the daemon, which hears
no more of this process. Nothing here is retried.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from stationd.shell import feeds
from stationd.shell.caller import Failed, Line
from stationd.shell.denials import NOTHING_SENT, reason_lines
from stationd.shell.exits import Exit
from stationd.shell.methods import OPERATION
from stationd.shell.running_view import InLines, View, clock
from stationd.shell.screens import acting as act_screens
from stationd.shell.terminal import Pasted, Terminal
from stationd.shell.wish import Kind, Wish

Form = Mapping[str, Any]
Show = Callable[[Sequence[str]], None]  # the screen that is read before somebody says yes
LOOK_S = 1.0  # between two looks, and between two keep-alives: a fifth of what the daemon allows
LONGEST_CALL_S = 5.0  # while it runs: without an answer for so long it holds anyway
HOLD_KEYS, LEAVE_KEYS = " ", "\x04q"
HOLD_WORD = "hold"
NO_AUTHORITY = "no-access-authority"
UNDER_WAY = frozenset({"starting", "running"})
PASTE_REFUSED = "REFUSED: what is pasted is not taken here. Read the screen above, and type it."
NOT_SELECTED, LOCKED = "object-not-selected", "locked-by-other-client"


def person_at_terminal() -> None:
    """Failed where nobody sits at a terminal. Asked before the daemon is called."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        why = "this needs a person at a terminal: standard input and output have to be one"
        lines = reason_lines([(NO_AUTHORITY, why, "log in to the station and type it there")])
        raise Failed(Exit.NOT_PERMITTED, *lines, NOTHING_SENT, error=f"{OPERATION}.Refused", parameters={"cause": NO_AUTHORITY})


def face_to_face(line: Line, wish: Wish, socket: str, timeout_s: float) -> Exit:
    """Carry out a command for the person at this terminal. Failed when the daemon refuses or falls silent."""
    if wish.kind is Kind.APPROVE:
        return SecondPerson(line, wish, timeout_s).reads()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, so that the terminal is left as it was
    visit = Visit(line, socket, timeout_s)
    try:
        return visit.through(wish)
    except KeyboardInterrupt:
        visit.leave()
        return Exit.INTERRUPTED
    except Failed as failed:
        raise visit.without(failed) from None


class SecondPerson:
    """Somebody who is asked to agree: he is shown what the first person saw, and agrees by typing the name of it after that."""

    def __init__(self, line: Line, wish: Wish, timeout_s: float, show: Show | None = None) -> None:
        self._line = line
        self._wish = wish
        self._timeout_s = timeout_s
        self._terminal = Terminal()
        self._show = show or self._terminal.say

    def reads(self) -> Exit:
        """Show it, ask, and approve if that is the answer. Failed when the daemon refuses, or nothing waits for an approval."""
        view = self._look()
        name = str(view["name"])
        self._show(act_screens.arming_screen(view))
        if not act_screens.waits(view):
            self._nothing_waits(view)
        try:
            answer = typed(self._terminal, f"type {name} to approve, anything else leaves: ", lambda: same(self._look(), view))
        except KeyboardInterrupt:
            answer = ""
        if answer is None or answer.upper() != name:
            self._terminal.say([f"{name} is not approved by you. {NOTHING_SENT}"])
            return Exit.INTERRUPTED
        now = self._look()
        if not same(now, view):
            self._nothing_waits(now)
        self._line.renew(self._timeout_s)
        self._terminal.say(act_screens.done_lines(self._wish, self._line.call(self._wish.method, self._wish.parameters, acts=True)))
        return Exit.DONE

    def _look(self) -> Form:
        self._line.renew(self._timeout_s)
        view: Form = self._line.call(f"{OPERATION}.Get", self._wish.parameters)["operation"]
        return view

    def _nothing_waits(self, view: Form) -> NoReturn:
        why = f"{view['name']} does not wait for that approval any more: it is {str(view['phase']).upper()}"
        raise not_here(view, Exit.CONFLICT, NOT_SELECTED, why, f"look: show operations {view['name']}")


def same(view: Form, before: Form) -> bool:
    """Return whether an operation still waits for a second person, for the same thing."""
    return act_screens.waits(view) and all(view.get(name) == before.get(name) for name in ("task", "offered", "armer"))


def typed(terminal: Terminal, question: str, still_wanted: Callable[[], bool]) -> str | None:
    """Ask until the answer is typed, not pasted. None when it is not wanted any more, or the input ends."""
    while True:
        try:
            return terminal.ask(question, still_wanted)
        except Pasted:
            terminal.say(["", PASTE_REFUSED])


def not_here(view: Form, code: Exit, cause: str, why: str, remedy: str) -> Failed:
    """Return the refusal of something that this terminal knows without asking the daemon."""
    lines = (*reason_lines([(cause, why, remedy)]), NOTHING_SENT)
    return Failed(code, *lines, error=f"{OPERATION}.Refused", parameters={"cause": cause, "operation": view["name"]})


class Visit:
    """One person with one operation, from its arming until it has ended, holds, or is left."""

    def __init__(self, line: Line, socket: str, timeout_s: float, view: View | None = None, show: Show | None = None) -> None:
        self._line = line
        self._socket = socket
        self._timeout_s = timeout_s
        self._terminal = Terminal()
        self._view = view or InLines(self._terminal.say)
        self._show = show or self._terminal.say
        self._name = ""
        self._own = False
        self._stays = False
        self._feed = False
        self._executed = False
        self._typed = ""

    def through(self, wish: Wish) -> Exit:
        """Go all the way. Failed when the daemon refuses or falls silent; KeyboardInterrupt when the person leaves."""
        view, code = self._selected(wish)
        self._name, self._own, self._feed = str(view["name"]), wish.kind is Kind.ARM, act_screens.is_of_feed(view)
        self._terminal.say(act_screens.arming_screen(view, code))
        ended = self._approved(view)
        if ended is None:
            ended = self._begun()
        return self._followed() if ended is None else ended

    def selected(self, wish: Wish) -> Form:
        """Arm or prepare, and show what it is about; whoever stays in the shell begins it later. Failed when it is refused."""
        view, code = self._selected(wish)
        self._name = str(view["name"])
        self._show(act_screens.arming_screen(view, code, stays=True))
        return view

    def begun(self, name: str, *, here: bool) -> Exit:
        """Begin what was armed or prepared before, and follow it. `here` is whether that was by this session. Failed when refused."""
        self._name, self._stays = name, True
        view = self._look()
        self._feed = act_screens.is_of_feed(view)
        if not here:
            view = self._elsewhere(view)
        if act_screens.waits(view):
            why = f"{name} waits for the second person: another user of the group stationd-power"
            raise not_here(view, Exit.NOT_PERMITTED, "second-person-missing", why, f"he sees the same screen and types: approve {name}")
        ended = self._begun() if act_screens.may_begin(view) else self._end(view)
        return self._followed() if ended is None else ended

    def left(self) -> None:
        """Say what becomes of it while the person stays in the shell: one that runs is held, one that has not begun stays armed."""
        if self._executed:
            self._terminal.say(["", *act_screens.left_lines(self._name, running=True)])
        elif self._name:
            self._terminal.say(["", f"{self._name} was not begun. Give it up: disarm {self._name}"])

    def without(self, failed: Failed) -> Failed:
        """Return a failure with what becomes of the operation after it."""
        if not self._executed:
            return failed
        left, lost = act_screens.left_lines(self._name, running=True), act_screens.lost_lines(self._name, feed=self._feed)
        lines = (*failed.lines, *(left if failed.error else lost))
        return Failed(failed.code, *lines, error=failed.error, parameters=failed.parameters)

    def leave(self) -> None:
        """Say what becomes of it without this person. What was armed here and not begun is given up, by a connection of its own."""
        if not self._own or self._executed:
            self._terminal.say(["", *(act_screens.left_lines(self._name, running=self._executed) if self._name else ())])
            return
        try:
            with contextlib.closing(Line(self._socket, LONGEST_CALL_S)) as line:  # the other one may be in the middle of an answer
                line.call(f"{OPERATION}.Disarm", {"operation": self._name}, acts=True)
            self._terminal.say(["", f"{self._name} is disarmed. Nothing was sent."])
        except Failed as failed:
            self._terminal.say(["", f"{self._name} ends with this session.", *failed.lines])

    # Before it begins.

    def _selected(self, wish: Wish) -> tuple[Form, str]:
        if wish.kind is Kind.EXECUTE:
            return self._elsewhere(self._call("Get", acts=False, **wish.parameters)["operation"]), ""
        self._line.renew(self._timeout_s)
        wish = feeds.meant(wish, self._line)
        answer = self._line.call(wish.method, wish.parameters, acts=True)
        return answer["operation"], str(answer["code"])

    def _elsewhere(self, view: Form) -> Form:
        """Return an operation that is over, or runs; what may still begin is begun by its armer, at the terminal that has armed it."""
        if not (act_screens.waits(view) or act_screens.may_begin(view)):
            return view
        if view["yours"]:
            why = f"{view['name']}: this operation is executed from the terminal that armed it"
            raise not_here(view, Exit.CONFLICT, LOCKED, why, f"type the code there; or give it up: disarm {view['name']}")
        why = f"{view['name']} was armed by {view['armer']}, and only {view['armer']} executes it"
        raise not_here(view, Exit.NOT_PERMITTED, NO_AUTHORITY, why, f"agree to it, where that is wanted: approve {view['name']}")

    def _approved(self, view: Form) -> Exit | None:
        """Wait for the second person where one is wanted. Return the exit code when it ended meanwhile."""
        waited = False
        while act_screens.waits(view):
            waited = True
            time.sleep(LOOK_S)
            view = self._look()
        if not act_screens.may_begin(view):
            return self._end(view)
        if waited:
            self._terminal.say(act_screens.approval_lines(view))
        return None

    def _begun(self) -> Exit | None:
        """Ask for the code until it is right. Return the exit code when the operation ended instead."""
        self._terminal.say(act_screens.effect_again(self._look()))
        while True:
            code = typed(self._terminal, "code from the screen above: ", lambda: act_screens.may_begin(self._look()))
            view = self._look()
            if not act_screens.may_begin(view):
                return self._end(view)
            if code is None:  # the input has ended: nobody is there
                self.left() if self._stays else self.leave()
                return Exit.INTERRUPTED
            if code and self._execute(code):
                return None

    def _execute(self, code: str) -> bool:
        """Try a code. A refusal is said; whether it may be tried again is for the daemon to know. Failed when that is unknown."""
        self._executed = True
        try:
            self._call("Execute", operation=self._name, code=code.upper())
        except Failed as failed:
            if failed.code is Exit.OUTCOME_UNKNOWN or not failed.error:
                raise
            self._executed = False
            self._terminal.say([f"REFUSED  execute {self._name}", *failed.lines])
            if not act_screens.may_begin(self._look()):
                raise Failed(failed.code, error="", parameters=failed.parameters) from None
            return False
        return True

    # While it runs.

    def _followed(self) -> Exit:
        """Watch it to its end, or until it holds."""
        view = self._look()
        self._view.begins(view)
        with self._terminal.keys():
            while view["phase"] in UNDER_WAY:
                self._view.shows(view)
                until = time.monotonic() + LOOK_S
                while (left_s := until - time.monotonic()) > 0 and not self._obeyed(self._terminal.pressed(left_s)):
                    pass
                view = self._kept_alive()
        return self._end(view)

    def _obeyed(self, keys: str) -> bool:
        """Do what keys say; True when that changes something. The space bar holds, as does the word with Enter; q leaves."""
        for key in keys:
            if key in HOLD_KEYS or (key in "\r\n" and self._typed == HOLD_WORD):
                self._hold()
                return True
            if key in LEAVE_KEYS and not self._typed:
                raise KeyboardInterrupt
            self._typed = "" if key in "\r\n" else (self._typed + key)[-len(HOLD_WORD) :]
        return False

    def _hold(self) -> None:
        self._typed = ""
        try:
            self._call("Hold", operation=self._name)
        except Failed as failed:
            if failed.code is Exit.OUTCOME_UNKNOWN:
                raise
            self._view.says([f"REFUSED  hold {self._name}", *failed.lines])

    def _kept_alive(self) -> Form:
        """Say that somebody is there; return how far it is. A refusal means that it does not run any more: look how it ended."""
        try:
            view: Form = self._call("KeepAlive", operation=self._name)["operation"]
        except Failed as failed:
            if not failed.error or failed.code is Exit.OUTCOME_UNKNOWN:
                raise
            return self._look()
        return view

    # What both share.

    def _end(self, view: Form) -> Exit:
        self._terminal.say(act_screens.ending_lines(view, f"{clock()} "))
        return act_screens.exit_of(view)

    def _look(self) -> Form:
        view: Form = self._call("Get", acts=False, operation=self._name)["operation"]
        return view

    def _call(self, method: str, *, acts: bool = True, **parameters: object) -> Form:
        """Ask the daemon. Once it was executed, no answer at all means that the outcome is unknown."""
        self._line.renew(min(self._timeout_s, LONGEST_CALL_S))
        return self._line.call(f"{OPERATION}.{method}", parameters, acts=acts or self._executed)
