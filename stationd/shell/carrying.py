"""One line of the shell carried out: the same command as one-shot, over the connection that the shell keeps.

What acts face to face, what de-energises, what the shell has by itself and what is a command like any other part here. A command that
is interrupted or unanswered takes its connection with it, since a late answer must never be taken for that of the next command.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from stationd.shell import errand, stages
from stationd.shell.caller import Failed
from stationd.shell.daemon import Daemon
from stationd.shell.dress import Dress, all_coloured
from stationd.shell.exits import Exit
from stationd.shell.grammar.command import Class
from stationd.shell.grammar.match import read
from stationd.shell.grammar.table import COMMANDS, PIPES
from stationd.shell.grammar.typed import staged, words_of
from stationd.shell.methods import OPERATION
from stationd.shell.outlet import Outlet
from stationd.shell.owned import Owned
from stationd.shell.pager import Pager
from stationd.shell.screens.typeset import RULE, ascii_only, fitting, wrapped
from stationd.shell.settings import Settings, Size
from stationd.shell.terminal import Terminal
from stationd.shell.told import Asked, Told
from stationd.shell.wish import BY_ITSELF, FACE_TO_FACE, Kind, Usage, Wish

if TYPE_CHECKING:
    from stationd.shell import act_client

PROGRAM = "stationctl"  # people type it here too, since every hint outside of the shell begins with it
UNANSWERED = (Exit.NO_DAEMON, Exit.OUTCOME_UNKNOWN)


class Ordered(NamedTuple):
    """A line that was understood: what it wishes, of which class, and what its output goes through."""

    wish: Wish
    klass: Class
    through: Sequence[Wish]
    text: str


def ordered(text: str) -> Ordered | None:
    """Return what a line orders; None for an empty one. Usage where it is no command."""
    words = words_of(text)
    if words[:1] == [PROGRAM]:
        words = words[1:]
    if not words:
        return None
    line = staged(words)
    found = read(COMMANDS, line.words)
    behind = [read(PIPES, each) for each in line.stages]
    through = stages.checked([each.command.ask(each.filled) for each in behind])
    klass = max([found.command.klass, *(each.command.klass for each in behind)])
    return Ordered(found.command.ask(found.filled), klass, through, " ".join(line.words))


def is_at_most(text: str, klass: Class) -> bool:
    """Return whether a line is a command of that class or a more harmless one; what is no command harms nobody, but is none."""
    try:
        order = ordered(text)
    except Usage:
        return False
    return order is not None and order.klass <= klass


class Carrier:
    """Carries out lines. `worn` is what the terminal may have, `size` how large it is."""

    def __init__(
        self, daemon: Daemon, outlet: Outlet, settings: Settings, owned: Owned, worn: Dress, size: Callable[[], Size], idle_s: float | None
    ) -> None:
        self._daemon = daemon
        self._outlet = outlet
        self._settings = settings
        self._owned = owned
        self._worn = worn
        self._size = size
        self._idle_s = idle_s

    def carry_out(self, order: Ordered) -> None:
        """Do it and say what came of it. Usage; EOFError for quit; KeyboardInterrupt where it is broken off; Idle."""
        try:
            self._carry_out(order)
        except Failed as failed:
            if failed.code in UNANSWERED and not failed.error:
                self._daemon.drop()
            self._outlet.say(self._refused(order, failed))
        except KeyboardInterrupt:
            self._daemon.drop()
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as strange:
            said = f"the answer of the daemon is not understood ({strange!r}); is it of another version? show version"
            self._outlet.say(fitting([ascii_only(said)]))

    def _carry_out(self, order: Ordered) -> None:
        wish = order.wish
        if order.through and (wish.kind in FACE_TO_FACE or wish.kind in (Kind.EMERGENCY, Kind.SETTING, Kind.QUIT, Kind.WATCH)):
            raise Usage(f"{order.text.partition(' ')[0]} has no output that goes through a bar")
        match wish.kind:
            case Kind.EMERGENCY:
                self._emergency(wish)
            case Kind.QUIT:
                raise EOFError
            case Kind.SETTING:
                self._outlet.say([self._settings.changed(wish)])
            case Kind.WATCH:
                self._watch(wish)
            case kind if kind in FACE_TO_FACE:
                self._face_to_face(wish)
            case _:
                self._told(order)

    def _told(self, order: Ordered) -> None:
        """Carry out a command like any other. What holds a ramp goes out at once, whatever the kept connection does."""
        own = at_once(order.wish) or order.wish.kind in BY_ITSELF
        daemon = Daemon(self._daemon.socket, self._daemon.timeout_s) if own else self._daemon
        if not own:
            daemon.keep()
        as_json = stages.named(order.through, "json") is not None
        found = errand.told(order.wish, daemon, self.asked(order.text, as_json=as_json, whole=order.wish.kind is not Kind.STATUS))
        self._outlet.say(fitting(map(ascii_only, found.beside)))
        if as_json:
            self._outlet.say([json.dumps(found.document)])
            return
        self._show(order, found)

    def _show(self, order: Ordered, found: Told) -> None:
        lines = stages.through(found.lines, order.through)
        save = stages.named(order.through, "save")
        if save is not None:
            self._outlet.say(errand.saved(self._daemon, str(save.parameters["name"]), lines))
            return
        worn = self._worn if not self._settings.plain else self._worn._replace(colour=False)
        shown = all_coloured(lines, worn)
        if self._settings.plain or stages.named(order.through, "no-more") is not None:
            self._outlet.say(shown)
        else:
            Pager(self._outlet, Terminal(), self._size(), self._idle_s).show(shown)

    def asked(self, command: str, *, as_json: bool = False, whole: bool = True) -> Asked:
        """Return how an answer is to be shown here; `whole`: it may be longer than the screen."""
        rows = None if whole or self._settings.plain else self._size().rows - 1
        return Asked(command, as_json, rows=rows, language=self._settings.language, utf8=self._worn.utf8)

    # What goes its own way.

    def _emergency(self, wish: Wish) -> None:
        from stationd.shell import emergency

        with self._outlet.held():
            emergency.off(wish, self._daemon.socket, as_json=False)

    def _watch(self, wish: Wish) -> None:
        from stationd.shell import watching

        place = watching.Place(self._settings.plain, self._size, self._worn.baud, self._idle_s, self._outlet)
        with self._outlet.held():
            try:
                watching.Watch(wish, self._daemon.socket, place).goes_on()
            except KeyboardInterrupt:
                self._outlet.say([""])

    def _face_to_face(self, wish: Wish) -> None:
        from stationd.shell import act_client, running_view

        line = self._daemon.keep()
        with self._outlet.held():
            if wish.kind is Kind.APPROVE:
                act_client.SecondPerson(line, wish, self._daemon.timeout_s, self._to_be_read).reads()
                return
            if wish.kind is Kind.OUT_OF_SERVICE:
                from stationd.shell import out_of_service

                out_of_service.asked(line, wish, self._daemon.timeout_s)
                return
            view = running_view.of_shell(self._outlet, self._size, self._outlet.say, plain=self._settings.plain)
            visit = act_client.Visit(line, self._daemon.socket, self._daemon.timeout_s, view, self._to_be_read)
            try:
                self._visited(visit, wish)
            except KeyboardInterrupt:
                visit.left()
                raise
            except Failed as failed:
                raise visit.without(failed) from None

    def _to_be_read(self, lines: Sequence[str]) -> None:
        """Show what a person reads before he says yes: no row of it leaves the screen unseen, and its end, with the code, stands there."""
        fits = fitting(map(ascii_only, lines))
        if self._settings.plain:
            self._outlet.say(fits)
            return
        kept = fits[::-1].index(RULE) if RULE in fits else 0
        Pager(self._outlet, Terminal(), self._size(), self._idle_s).show(fits, kept)

    def _visited(self, visit: act_client.Visit, wish: Wish) -> None:
        """Arm and stay, or begin. What goes on and needs nobody else asks for its code at once."""
        if wish.kind is Kind.EXECUTE:
            name = str(wish.parameters["operation"])
            visit.begun(name, here=name in self._owned)
            return
        view = visit.selected(wish)
        name = str(view["name"])
        if wish.kind is Kind.ARM:
            self._owned.arms(name)
            return
        self._owned.prepares(name)
        if not view.get("wantsApproval"):
            visit.begun(name, here=True)

    def _refused(self, order: Ordered, failed: Failed) -> list[str]:
        first = wrapped(order.text, "REFUSED  ") if failed.error else []
        return fitting(map(ascii_only, [*first, *failed.lines]))


def at_once(wish: Wish) -> bool:
    """Return whether a command goes out on a connection of its own before anything else is asked: it stops something."""
    return wish.kind is Kind.EMERGENCY or wish.method == f"{OPERATION}.Hold"
