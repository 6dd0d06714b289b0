"""The prompt of the shell: asked of the daemon each time it is printed, and marked where something of it is not known.

A prompt that is printed once more, under a notice, is asked for anew by a connection of its own: the one that the shell keeps belongs
to the commands, and is hung up when an answer of it fails, with all that was armed on it. Where no answer comes, what was known of the
station stands beside a mark; nothing is invented, and no mark goes away because nobody could ask for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from stationd.shell.caller import Failed, Line
from stationd.shell.daemon import Daemon
from stationd.shell.methods import SESSION
from stationd.shell.screens import people
from stationd.shell.screens.typeset import ascii_only, fitting
from stationd.shell.told import Form

GONE, NOT_KNOWN, DEAF = "daemon gone", "not known", "not listening"
PROMPT_S = 3.0  # whoever wants to type does not wait longer for the prompt
AGAIN_S = 1.0  # nor does a notice, whose prompt is asked for before it is shown
STRANGE = (KeyError, TypeError, ValueError, AttributeError)
Say = Callable[[Sequence[str]], None]


class Prompt:
    """The prompt of one shell. `baud`: of its line, 0 where that is not known. `say` writes lines."""

    def __init__(self, daemon: Daemon, baud: int, say: Say) -> None:
        self._daemon = daemon
        self._line = str(baud) if baud else None
        self._say = say
        self._known: Form = {}
        self._announced: Line | None = None
        self._refusal: Sequence[str] = ()
        self.there = False
        self.deaf = False

    def text(self) -> str:
        """Return the prompt, by the connection that is kept or by a new one."""
        refused = False
        for _ in range(2):  # the second time by a new connection: the daemon may have been started anew
            try:
                line = self._daemon.keep()
                line.renew(PROMPT_S)
                refused = not self._announces(line) or refused
                shown = self._shown(line)
            except Failed as failed:
                if failed.error:  # it answers, but not this
                    self._complains(failed)
                    self.there = True
                    return self._marked(NOT_KNOWN)
            except STRANGE:
                refused = True
            else:
                self.there = True
                return shown
            self._daemon.drop()
        self.there = refused
        return self._marked(NOT_KNOWN if refused else GONE)

    def again(self) -> str:
        """Return it as it is now, by a connection of its own. From any thread."""
        try:
            line = Line(self._daemon.socket, AGAIN_S)
        except Failed:
            return self._marked(GONE)
        with contextlib.closing(line):
            try:
                return self._shown(line)
            except (Failed, *STRANGE):
                return self._marked(NOT_KNOWN)

    def _announces(self, line: Line) -> bool:
        """Say once on a connection that a shell is there; False where that is refused, which the person is told."""
        if line is self._announced:
            return True
        try:
            line.call(f"{SESSION}.Announce", {"shell": True, "line": self._line})
        except Failed as failed:
            if not failed.error:
                raise
            self._complains(failed)
            return False
        self._announced, self._refusal = line, ()
        return True

    def _shown(self, line: Line) -> str:
        known: Form = line.call(f"{SESSION}.GetPrompt", {})["prompt"]
        shown = people.prompt_text(self._heard(known))
        self._known = known
        return shown

    def _marked(self, mark: str) -> str:
        """Return the prompt of a station of which nothing is known now: its name and its mode, if they ever were, and the mark."""
        last: Form = {**self._known, "place": "view", "marks": [mark]}
        return people.prompt_text(last if mark == GONE else self._heard(last))

    def _heard(self, prompt: Form) -> Form:
        return {**prompt, "marks": [*prompt["marks"], DEAF]} if self.deaf else prompt

    def _complains(self, failed: Failed) -> None:
        """Say why the daemon refuses this session; the same thing once."""
        if failed.lines != self._refusal:
            self._refusal = failed.lines
            self._say(fitting(map(ascii_only, ["The daemon refuses what this shell asks for.", *failed.lines])))
