"""One screen after the other of a long answer: `--More-- (SPACE, q, /text)`. Only plain characters, so that every terminal can.

It stands where `less` would: that one is not on every station, and speaks to terminals that are not there. What the station tells
meanwhile stands above the question at once: nobody knows for how long a page is left standing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from stationd.shell.dress import bare
from stationd.shell.outlet import Outlet
from stationd.shell.settings import Size
from stationd.shell.terminal import Terminal
from stationd.shell.typing_in import Idle

MORE = "--More-- (SPACE, q, /text)"
LEAVE = "qQ\x03\x04"
ERASE = "\b\x7f"
LOOK_S = 0.25  # between two looks for what the station tells: nobody notices so short a time (assumption)


class Pager:
    """Shows lines that are more than the screen has rows."""

    def __init__(self, outlet: Outlet, terminal: Terminal, size: Size, idle_s: float | None) -> None:
        self._outlet = outlet
        self._terminal = terminal
        self._size = size
        self._idle_s = idle_s
        self._sought = ""
        self._keys = ""  # that were pressed already
        self._left = False

    def show(self, lines: Sequence[str], kept: int = 0) -> None:
        """Write lines; with a stop after each screen, if they are more than one. Idle where nobody goes on.

        The last ones, as many as `kept`, are shown to whoever leaves as well.
        """
        if self._rows(lines) < self._size.rows:
            self._outlet.say(lines)
            return
        with self._outlet.held(), self._terminal.keys():
            at = self._page(lines, 0)
            try:
                while at < len(lines) and not self._left:
                    at = self._further(lines, at)
            except KeyboardInterrupt:  # between two keys
                self._outlet.say([""])
                self._left = True
            if self._left:
                self._outlet.say(lines[max(at, len(lines) - kept) :] if kept else [])

    def _further(self, lines: Sequence[str], at: int) -> int:
        """Do what the next key says; return where the rest begins."""
        self._outlet.write(MORE)
        key = self._key(MORE)
        self._over(MORE)
        match key:
            case " ":
                return self._page(lines, at)
            case "\r" | "\n":
                self._outlet.say(lines[at : at + 1])
                return at + 1
            case "/":
                self._sought = self._asked() or self._sought
                return self._found(lines, at)
            case "n":
                return self._found(lines, at)
        self._left = key in LEAVE
        return at

    def _page(self, lines: Sequence[str], at: int) -> int:
        room, end = self._size.rows - 1, at
        while end < len(lines) and (end == at or self._rows(lines[at : end + 1]) <= room):
            end += 1
        self._outlet.say(lines[at:end])
        return end

    def _found(self, lines: Sequence[str], at: int) -> int:
        """Go on at the next line in which the text stands."""
        for number in range(at, len(lines)):
            if self._sought and self._sought.casefold() in bare(lines[number]).casefold():
                if number > at:
                    self._outlet.say([f"... {number - at} lines skipped"])
                return self._page(lines, number)
        self._outlet.say([f"... nothing more with: {self._sought}"])
        return at

    def _asked(self) -> str:
        """Return what is typed after the stroke, with Enter."""
        text = ""
        self._outlet.write("/")
        while (key := self._key(f"/{text}")) not in "\r\n":
            if key in "\x03\x04":
                text = ""
                break
            if key in ERASE:
                self._outlet.write("\b \b" if text else "")
                text = text[:-1]
            elif key.isprintable():
                self._outlet.write(key)
                text += key
        self._over(f"/{text}")
        return text

    def _key(self, standing: str) -> str:
        """Return the next key. `standing` is what the last row shows; whatever the station tells meanwhile goes above it."""
        until = None if self._idle_s is None else time.monotonic() + self._idle_s
        try:
            while not self._keys:
                if self._outlet.waiting:
                    self._over(standing)
                    self._outlet.flush()
                    self._outlet.write(standing)
                self._keys = self._terminal.pressed(LOOK_S)
                if not self._keys and until is not None and time.monotonic() > until:
                    raise Idle
        except KeyboardInterrupt:
            return "\x03"
        key, self._keys = self._keys[0], self._keys[1:]
        return key

    def _over(self, text: str) -> None:
        self._outlet.write(f"\r{' ' * len(text)}\r")

    def _rows(self, lines: Sequence[str]) -> int:
        """Return how many rows lines take on this terminal."""
        return sum(max(1, -(-len(bare(line)) // self._size.columns)) for line in lines)
